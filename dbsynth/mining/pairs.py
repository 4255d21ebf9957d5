"""Columns that follow from two others together, of the row or one of a parent, but of neither."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from dbsynth.mining.dependencies import follows
from dbsynth.mining.frames import EXPECTED, MIN_ROWS, MOST_LABELS, Frame, Frames, Ints, View
from dbsynth.rules.book import Rule

_PROBE = 2_000  # rows that rule most pairs out
_REPEATED = 0.8  # of the rows must share both of the left side with another one
_MOST = 12  # columns that may stand on the left side, of the row; and of its parents
_SEED = 11  # of the shuffles that show what chance does


def find_pairs(frame: Frame, frames: Frames, told: set[str]) -> Iterator[Rule]:
    """
    Find dependencies on two columns.

    Args:
        frame: the table.
        frames: all tables.
        told: words of columns of which another rule says already what they are.
    """
    usable = [v for v in frame.views if not v.is_unique and v.distinct < len(frame) / 2]
    rights = [v for v in usable if not v.is_key and v.word not in told and v.family != "moment"]
    if not rights or len(frame) < 2 * MIN_ROWS:
        return
    lefts = [v for v in usable if v.is_key or _is_label(v)][:_MOST]
    above = list(_above(frame, frames))[:_MOST]
    found: list[tuple[View, View, View]] = []
    for one, other in [*combinations(lefts, 2), *((a, b) for a in above for b in lefts)]:
        if _is_nested(one, other):
            continue
        both = _joint(one.codes, other.codes)
        if not _is_repeated(both):
            continue
        fitting = (r for r in rights if r not in (one, other) and _is_rule(one, other, r, both))
        found += [(one, other, r) for r in fitting]
    for one, other, right in found:
        if not any(_is_closer(f, (one, other, right)) for f in found):
            yield frame.rule("dependency on two", f"{one.word}, {other.word} -> {right.word}")


def _above(frame: Frame, frames: Frames) -> Iterator[View]:
    for parent in frame.ways:
        if len(parent.keys) == 1:
            yield from (v for v in frame.above(parent, frames) if not v.is_key and _is_label(v))


def _is_label(view: View) -> bool:
    is_whole = view.family == "number" and view.unit[0] == "whole"
    return (view.family == "label" or is_whole) and view.distinct <= MOST_LABELS


def _is_nested(one: View, other: View) -> bool:
    """Whether one of two columns says all that the other does."""
    return follows(one.codes, other.codes) or follows(other.codes, one.codes)


def _joint(one: Ints, other: Ints) -> Ints:
    """(n,) a number for each combination, -1 where one is NULL."""
    both = one * (int(other.max(initial=0)) + 1) + other
    _, codes = np.unique(np.where((one < 0) | (other < 0), -1, both), return_inverse=True)
    lacks = bool(((one < 0) | (other < 0)).any())
    return codes.astype(np.int64) - lacks


def _is_repeated(both: Ints) -> bool:
    sizes = np.bincount(both[both >= 0])
    return len(sizes) > 3 and sizes[sizes > 1].sum() >= _REPEATED * len(both)


def _is_rule(one: View, other: View, right: View, both: Ints) -> bool:
    if not follows(both[:_PROBE], right.codes[:_PROBE]) or not follows(both, right.codes):
        return False
    if follows(one.codes, right.codes) or follows(other.codes, right.codes):
        return False
    if follows(right.codes, one.codes) and follows(right.codes, other.codes):
        return False  # it is both of them written as one, of which they follow: that says it
    where = np.flatnonzero((both >= 0) & (right.codes >= 0))
    if len(where) < 2 * MIN_ROWS:
        return False
    # Rows that agree in one of the two exchange what they have on the right.
    for given in (one, other):
        codes = np.stack([given.codes[where], right.codes[where], both[where]])
        if _odd(*codes) < EXPECTED:
            return False
    return True


def _odd(given: Ints, right: Ints, both: Ints) -> int:
    """How many rows do not have what most of their combination have, when shuffled."""
    rng = np.random.default_rng(_SEED)
    mixed = np.empty_like(right)
    mixed[np.argsort(given, kind="stable")] = right[np.lexsort((rng.random(len(right)), given))]
    pairs, counts = np.unique(both * (int(right.max()) + 1) + mixed, return_counts=True)
    most = np.zeros(int(both.max()) + 1, np.int64)
    np.maximum.at(most, pairs // (int(right.max()) + 1), counts)
    return int(len(right) - most.sum())


def _is_closer(found: tuple[View, View, View], than: tuple[View, View, View]) -> bool:
    """Whether the same follows from columns that these here tell, and not the other way round."""
    if found[2] is not than[2] or found[:2] == than[:2]:
        return False
    told = [any(w is v or follows(w.codes, v.codes) for w in than[:2]) for v in found[:2]]
    back = [any(w is v or follows(w.codes, v.codes) for w in found[:2]) for v in than[:2]]
    return all(told) and not all(back)
