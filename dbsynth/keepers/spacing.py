"""Points and spans of many groups at once, moved apart by as little as is needed."""

from __future__ import annotations

import numpy as np

from dbsynth.features import Floats, Ints
from dbsynth.values import DAY

_FAR = 20 * 365.25 * DAY  # behind all others


def at_least_after(values: Floats, gaps: Floats, groups: Ints) -> Floats:
    """
    Push values up until each is at least a gap behind the one before it.

    Args:
        values: (n,) of one group after the other, ascending in each.
        gaps: (n,) what must lie between each value and the next.
        groups: (n,) numbers.
    """
    if not len(values):
        return values
    starts = _starts(groups)
    # x[i] - G[i] <= x[j] - G[j] for i < j, where G adds up the gaps before: a running maximum.
    before = _before(gaps, starts)
    pushed: Floats = _running_most(values - before, starts) + before
    return pushed


def packed(start: Floats, length: Floats, groups: Ints, unit: float) -> tuple[Floats, Floats]:
    """
    Move spans so that none begins before the one before it has ended.

    All of a group's stay within the time from their first start to their last end; where they are
    too long for it together, all get shorter.

    Args:
        start: (n,) of one group after the other, ascending in each.
        length: (n,) of the spans, 0 or more.
        groups: (n,) numbers.
        unit: everything is a multiple of it; the least length.

    Returns:
        (n,) starts and ends.
    """
    starts = _starts(groups)
    number = np.cumsum(starts) - 1
    opening = start[starts][number]
    closing = np.full(number[-1] + 1, -np.inf)
    np.maximum.at(closing, number, start + length)
    rows = np.bincount(number)
    closing = np.maximum(closing, start[starts] + unit * rows)[number]
    total = np.bincount(number, weights=np.maximum(length, unit))[number]
    factor = np.minimum(1.0, (closing - opening) / np.maximum(total, unit))
    extent = np.maximum(np.floor(length * factor / unit) * unit, unit)
    begun = at_least_after(start, extent, groups)
    # The same from behind: no span ends later than the next begins, or than all did.
    after = _before(extent[::-1], starts_behind := _starts(groups[::-1]))[::-1]
    late = np.minimum(begun + extent, closing) + after
    ended = -_running_most(-late[::-1], starts_behind)[::-1] - after
    return ended - extent, ended


def farthest(ends: Floats) -> float:
    """The last moment, where it is one for "never" that many spans have; infinity if none is."""
    known = ends[np.isfinite(ends)]
    last = known.max(initial=-np.inf)
    others = known[known < last]
    if len(others) < 2 or len(known) - len(others) < 2:
        return np.inf
    return float(last) if last - others.max() > max(np.ptp(others), _FAR) else np.inf


def until(start: Floats, groups: Ints) -> Floats:
    """(n,) the next start of the same group; NaN for the last."""
    following = np.append(start[1:], np.nan)
    return np.where(np.append(_starts(groups)[1:], True), np.nan, following)


def closed(start: Floats, end: Floats, groups: Ints, far: float) -> Floats:
    """
    Let no span but a group's last one stay open; it does so where any of them was.

    Args:
        start: (n,) of one group after the other, ascending in each.
        end: (n,) of the spans; NaN stays.
        groups: (n,) numbers.
        far: from where on ends are no ends.
    """
    is_open = end >= far
    if not is_open.any():
        return end
    following, number = until(start, groups), np.cumsum(_starts(groups)) - 1
    is_last, has_open = np.isnan(following), np.bincount(number, weights=is_open)[number] > 0
    return np.where(is_last & has_open, far, np.where(is_open, following, end))


def _starts(groups: Ints) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.concatenate([[True], groups[1:] != groups[:-1]])


def _before(values: Floats, starts: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Floats:
    """(n,) what the values of the group come to before each."""
    summed = np.cumsum(values) - values
    base = np.maximum.accumulate(np.where(starts, np.arange(len(values)), 0))
    before: Floats = summed - summed[base]
    return before


def _running_most(values: Floats, starts: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Floats:
    """(n,) the greatest value of the group so far."""
    number = np.cumsum(starts) - 1
    # Ranks, with groups one above the other, so that one running maximum serves all.
    order = np.argsort(values, kind="stable")
    rank = np.empty(len(values), np.int64)
    rank[order] = np.arange(len(values))
    highest = np.maximum.accumulate(rank + number * len(values)) - number * len(values)
    most: Floats = values[order[highest]]
    return most


def never_below(values: Floats, starts: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Floats:
    """
    Change numbers so that what groups come to is never below 0, from their first one on.

    Where more would go than there is, so much goes as is left of dividing it by that: a number of
    the same grain.  Where nothing is there, as much comes instead.

    Args:
        values: (n,) numbers, group by group.
        starts: (n,) the first of each group.
    """
    firsts = np.flatnonzero(starts)
    place = np.arange(len(values)) - np.repeat(firsts, np.diff(np.append(firsts, len(values))))
    made, held = values.copy(), np.zeros(len(values))
    by_place = np.argsort(place, kind="stable")
    for at in np.split(by_place, np.flatnonzero(np.diff(place[by_place])) + 1):
        before = np.where(place[at] > 0, held[at - 1], 0.0)
        wanted = -values[at]
        with np.errstate(invalid="ignore", divide="ignore"):
            left = np.round(np.fmod(wanted, before), 9)
        part = np.where(before > 0, np.where(left > 0, left, before), -wanted)
        made[at] = np.where(wanted > before + 1e-9, -part, values[at])
        held[at] = np.maximum(before + made[at], 0.0)
    return made
