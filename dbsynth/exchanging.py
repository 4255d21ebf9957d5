"""
Rows exchange parents until each has one that is there when the row happens.

A parent is chosen by its kind, and when rows happen is drawn later; so rows that came too early
exchange parents with others that asked for the same kind.  How many rows a parent has stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dbsynth.features import Floats, Ints
from dbsynth.timings import Timing

TRIED = 12  # places near the one that a row would have
ROUNDS = 40  # of exchanging
MOST_ROWS = 1_000_000  # that exchange at once; of more, those of every second owner, and so on
MORE = (1, 3, 9, 27)  # others for each row that found nobody, with whom it sorts out who has what

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Windows:
    """When (n,) rows are, at the earliest and at the latest; and from when to when parents are."""

    first: Floats  # (n,) inf where nothing is known
    last: Floats  # (n,) -inf where nothing is known
    start: Floats  # (m,) -inf where nothing is known
    end: Floats  # (m,) inf where nothing is known

    @staticmethod
    def of(timing: Timing, own: Mapping[str, Floats], theirs: Mapping[str, Floats]) -> Windows:
        """Those that a timing is about."""
        rows = len(next(iter(own.values())))
        parents = len(next(iter(theirs.values())))
        return Windows(
            _extreme(np.fmin, [own[n] for n in timing.since if n in own], rows, np.inf),
            _extreme(np.fmax, [own[n] for n in timing.until if n in own], rows, -np.inf),
            _extreme(np.fmax, [theirs[timing.start]] if timing.start else [], parents, -np.inf),
            _extreme(np.fmin, [theirs[timing.end]] if timing.end else [], parents, np.inf),
        )


@dataclass(frozen=True, slots=True)
class Slots:
    """Places that parents have for rows: as often as a parent wants one."""

    groups: Ints  # (m,) codes that rows and places must share
    starts: Floats  # (m,) before which no row takes the place
    ends: Floats  # (m,) after which none should


def claim(
    rows: Ints, firsts: Floats, lasts: Floats, groups: Ints, slots: Slots,
    lags: tuple[float, ...], rng: np.random.Generator,
) -> Ints:  # fmt: skip
    """
    Give rows places of parents that are there before them, the earliest rows first.

    Args:
        rows: in which order they have their say; others get none.
        firsts: (n,) before which places must begin.
        lasts: (n,) until when they should last, where one of some near ones does.
        groups: (n,) codes that rows and places must share.
        slots: the places.
        lags: quantiles of how long before places begin; none: any that is there.
        rng: draws how long before.

    Returns:
        (n,) places, each at most once; -1 where none before the row is left.
    """
    order = np.lexsort((slots.starts, slots.groups))
    sorted_, ordered = slots.groups[order], slots.starts[order]
    begin, stop = (np.searchsorted(sorted_, groups, side) for side in ("left", "right"))
    limit = _lowest(ordered, begin, stop, firsts)
    if lags:
        drawn = np.interp(rng.random(len(firsts)), np.linspace(0, 1, len(lags)), lags)
        goal = _lowest(ordered, begin, limit, firsts - drawn)
    else:
        goal = begin + (rng.random(len(firsts)) * (limit - begin)).astype(np.int64)
    free, ends = _Free(len(order)), slots.ends[order].tolist()
    found = np.full(len(firsts), -1, np.int64)
    least, most, wanted, until = begin.tolist(), limit.tolist(), goal.tolist(), lasts.tolist()
    for row in rows.tolist():
        tried = -1
        for place in free.near(min(wanted[row], most[row] - 1), least[row], most[row]):
            tried = place if tried < 0 or until[row] <= ends[place] else tried
            if until[row] <= ends[tried]:
                break
        if tried >= 0:
            free.take(tried)
            found[row] = order[tried]
    return found


class _Free:
    """Which of n places in a line are free, found in next to no time (Tarjan, JACM 22(2), 1975)."""

    def __init__(self, size: int) -> None:
        self._left = list(range(size + 1))  # of place p - 1: the free one before it, plus 1
        self._right = list(range(size + 1))

    def near(self, wanted: int, least: int, most: int) -> Iterator[int]:
        """Some free places between two bounds, those nearest to one first."""
        if least >= most:
            return
        before = self._follow(self._left, wanted + 1) - 1
        after = self._follow(self._right, wanted + 1)
        for _ in range(TRIED):
            if before < least and after >= most:
                return
            if after < most and (before < least or after - wanted < wanted - before):
                yield after
                after = self._follow(self._right, after + 1)
            else:
                yield before
                before = self._follow(self._left, before) - 1

    def take(self, place: int) -> None:
        """Let a place be free no more."""
        self._left[place + 1] = place
        self._right[place] = place + 1

    @staticmethod
    def _follow(links: list[int], at: int) -> int:
        while links[at] != at:
            links[at] = links[links[at]]
            at = links[at]
        return at


def _extreme(pick: np.ufunc, dates: Sequence[Floats], size: int, nothing: float) -> Floats:
    found: Floats = pick.reduce(dates) if dates else np.full(size, np.nan)
    return np.where(np.isfinite(found), found, nothing)


def exchange(
    pointers: Ints, kinds: Ints, owners: Ints | None, windows: Windows, rng: np.random.Generator,
    *, is_sorted: bool = False, lags: tuple[float, ...] = (), by_end: bool = False,
) -> Ints:  # fmt: skip
    """
    Let rows whose parent is not there exchange it with rows that asked for the same kind.

    What the rows of one owner share stays shared: they exchange it together.

    Args:
        pointers: (n,) parent rows, -1 for none.
        kinds: (n,) what rows asked for.
        owners: (n,) owner rows, -1 for none; None if there are none.
        windows: when rows are, and parents.
        rng: decides who exchanges with whom.
        is_sorted: of one kind the first row gets the first parent, and so on, as far as it can.
        lags: of one kind rows get the parents that were there so long before, as far as they can.
        by_end: the same of how long parents will be there.

    Returns:
        (n,) which row's parent each row gets.
    """
    found = np.arange(len(pointers))
    rows = np.flatnonzero(pointers >= 0)
    alone = -1 - rows  # rows without an owner share nothing
    own = alone if owners is None else np.where(owners[rows] >= 0, owners[rows], alone)
    parts = -(-len(rows) // MOST_ROWS)
    for part in range(parts):
        some = np.flatnonzero(own % parts == part)
        where = rows[some]
        units, unit, lead = _units(own[some], where, pointers, kinds, windows)
        every = np.arange(len(lead))
        begun = (
            _sorted(units, every, every) if is_sorted else _near(units, lags, rng, by_end=by_end)
        )
        taken = lead[_exchanged(units, begun, rng)[unit]]
        found[where] = where[taken]
    return found


def _units(
    own: Ints, rows: Ints, pointers: Ints, kinds: Ints, windows: Windows
) -> tuple[_Units, Ints, Ints]:
    """
    Put rows together that share owner and parent; `own` numbers whose rows (k,) some are.

    Returns:
        the units, the unit of each of these rows, and a row of each unit.
    """
    parents = pointers[rows]
    pairs = (own - own.min()) * (int(parents.max()) + 1) + parents
    _, lead, unit, sizes = np.unique(
        pairs, return_index=True, return_inverse=True, return_counts=True
    )
    first, last = np.full(len(lead), np.inf), np.full(len(lead), -np.inf)
    np.minimum.at(first, unit, windows.first[rows])
    np.maximum.at(last, unit, windows.last[rows])
    asked = np.unique(kinds[rows[lead]], return_inverse=True)[1]
    groups = np.unique(asked * (int(sizes.max()) + 1) + sizes, return_inverse=True)[1]
    start, end = windows.start[parents[lead]], windows.end[parents[lead]]
    return _Units(groups, first, last, start, end), unit, lead


def _near(
    units: _Units, lags: tuple[float, ...], rng: np.random.Generator, *, by_end: bool
) -> Ints:
    """(n,) whose parent each unit gets, if it was there so long before as drawn."""
    every = np.arange(len(units.groups))
    if not lags:
        return every
    own, theirs = (units.first, units.last), (units.start, units.end)
    if by_end:
        own, theirs = (-units.last, -units.first), (-units.end, -units.start)
    until = np.nextafter(own[0], np.inf)  # a parent may begin at the same moment
    slots, order = Slots(units.groups, *theirs), np.argsort(own[0], kind="stable")
    found = claim(order, until, own[1], units.groups, slots, lags, rng)
    lost, left = np.flatnonzero(found < 0), np.setdiff1d(every, found)
    # Both in the order of groups: each has as many units as places that are left.
    lost = lost[np.argsort(units.groups[lost], kind="stable")]
    found[lost] = left[np.argsort(units.groups[left], kind="stable")]
    return found


@dataclass(frozen=True, slots=True)
class _Units:
    """What (n,) units of one group exchange: when they are, and when what they begin with is."""

    groups: Ints
    first: Floats
    last: Floats
    start: Floats
    end: Floats

    def fits(self, units: Ints, whose: Ints) -> Flags:
        """Whether (k,) units are while the parents of others are there."""
        found: Flags = self.first[units] >= self.start[whose]
        return found & (self.last[units] <= self.end[whose])

    def wrong(self, taken: Ints) -> Ints:
        """The units whose parents are not there."""
        return np.flatnonzero(~self.fits(np.arange(len(taken)), taken))


def _exchanged(units: _Units, taken: Ints, rng: np.random.Generator) -> Ints:
    """(n,) whose parent each unit gets; units of one group exchange theirs."""
    order = np.lexsort((units.first, units.groups))
    sizes = np.bincount(units.groups) if len(order) else np.zeros(0, np.int64)
    stops = np.cumsum(sizes)
    for _ in range(ROUNDS):
        wrong = rng.permutation(units.wrong(taken))
        if len(wrong) == 0:
            break
        # Only who comes late enough can have what these have.
        groups, wanted = units.groups[wrong], units.start[taken[wrong]]
        low = _lowest(units.first[order], (stops - sizes)[groups], stops[groups], wanted)
        picked = low + (rng.random(len(wrong)) * (stops[groups] - low)).astype(np.int64)
        chosen = order[np.minimum(picked, len(order) - 1)]
        is_there = low < stops[groups]
        _swap(units, taken, wrong[is_there], chosen[is_there])
    for more in MORE:
        wrong = units.wrong(taken)
        if len(wrong) == 0:
            break
        others = rng.permutation(np.flatnonzero(np.isin(units.groups, units.groups[wrong])))
        some = np.unique(np.concatenate([wrong, others[: more * len(wrong)]]))
        sorted_ = _sorted(units, taken, some)
        if len(units.wrong(sorted_)) < len(wrong):
            taken = sorted_
            for _ in range(ROUNDS):
                _swap(units, taken, rng.permutation(some), rng.permutation(some))
    return taken


def _swap(units: _Units, taken: Ints, left: Ints, right: Ints) -> None:
    """Exchange what (k,) pairs of one group have, where both can have it; each unit once."""
    fits = units.fits(left, taken[right]) & units.fits(right, taken[left])
    fits &= units.groups[left] == units.groups[right]
    left, right = left[fits], right[fits]
    alone = _once(left, right, len(taken))
    left, right = left[alone], right[alone]
    taken[left], taken[right] = taken[right], taken[left]


def _sorted(units: _Units, taken: Ints, some: Ints) -> Ints:
    """Let the earliest of some units have what is there earliest: if they can all have any."""
    mine, found = taken[some], taken.copy()
    rows = some[np.lexsort((units.first[some], units.groups[some]))]
    found[rows] = mine[np.lexsort((units.start[mine], units.groups[mine]))]
    return found


def _lowest(shown: Floats, low: Ints, high: Ints, wanted: Floats) -> Ints:
    """Where in its sorted part of all dates each of (k,) wanted ones would stand."""
    while (is_open := low < high).any():
        middle = (low + high) // 2
        is_less = is_open & (shown[np.minimum(middle, len(shown) - 1)] < wanted)
        low = np.where(is_less, middle + 1, low)
        high = np.where(is_open & ~is_less, middle, high)
    return low


def _once(left: Ints, right: Ints, size: int) -> Flags:
    """Mark the pairs none of whose units is in a pair before."""
    pairs = np.arange(len(left))
    earliest = np.full(size, len(left))
    np.minimum.at(earliest, left, pairs)
    np.minimum.at(earliest, right, pairs)
    found: Flags = (earliest[left] == pairs) & (earliest[right] == pairs)
    return found
