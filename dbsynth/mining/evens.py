"""What children come to: one column as much as another, nothing, or a whole with its parts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from dbsynth.features import Floats, Ints
from dbsynth.mining.arithmetic import is_close
from dbsynth.mining.frames import CARRIED, EXPECTED, MIN_ROWS, Bools, Frame, Frames, View, number
from dbsynth.mining.totals import children_of
from dbsynth.rules.book import Rule
from dbsynth.rules.words import child_word

_MOST_COLUMNS = 10
_WHOLES = {1.0: 2, 100.0: 0}  # shares and percentages; digits that are left if parts are rounded
_FULL, _OFTEN = 0.9, 0.05  # parts come near the whole, in some of the parents at least
_FLAGS = 2  # different whole numbers: what says yes and no is part of nothing


def find_evens(frame: Frame, frames: Frames) -> Iterator[Rule]:
    """Find the children whose debit is as much as their credit, or whose amounts cancel out."""
    for child, key, pointers in children_of(frame, frames):
        word, size = child_word(child.table, key), len(frame)
        several = np.bincount(pointers[pointers >= 0], minlength=size) > 1
        sums = {
            v.word: _sum(v.floats, pointers, size)
            for v in child.numbers[:_MOST_COLUMNS]
            if v.unit[0] != "whole" and v.valid.all()
        }
        for one, total in sums.items():
            if _is_even(total, np.zeros(size), several):
                yield frame.rule("even", f"sum({word}.{one}) = 0")
        for one, other in combinations(sums, 2):
            if _is_even(sums[one], sums[other], several):
                yield frame.rule("even", f"sum({word}.{one}) = sum({word}.{other})")
        for view in child.numbers[:_MOST_COLUMNS]:
            if view.valid.all() and (
                text := _whole(view, f"sum({word}.{view.word})", pointers, size)
            ):
                yield frame.rule("whole", text)


def _whole(view: View, word: str, pointers: Ints, size: int) -> str | None:
    """
    What a column of each parent's children adds up to, or never exceeds; None for nothing.

    It is no wonder where other rows' values come to as much: they are dealt to the parents anew,
    and a dozen of them have to break the rule.
    """
    values = view.floats
    is_flag = view.unit[0] == "whole" and len(np.unique(values)) <= _FLAGS
    if not len(values) or values.min() < 0 or is_flag:
        return None
    several = np.bincount(pointers[pointers >= 0], minlength=size) > 1
    found = _sum(values, pointers, size)
    dealt = _sum(np.random.default_rng(0).permutation(values), pointers, size)[several]
    there = found[~np.isnan(found)]
    if len(there) < MIN_ROWS:
        return None
    whole = float(np.median(there))
    if whole > 0 and np.allclose(there, whole, rtol=1e-6):
        return (
            f"{word} = {number(whole)}" if _breaks(~np.isclose(dealt, whole, rtol=1e-6)) else None
        )
    for whole, places in _WHOLES.items():
        slack = 0.5 * 10.0**-places
        if (abs(there - whole) < slack).all() and _breaks(abs(dealt - whole) >= slack):
            return f"round({word}, {places}) = {number(whole)}"
        is_full = (there > _FULL * whole).sum() >= max(CARRIED, _OFTEN * len(there))
        if there.max() <= whole * (1 + 1e-9) and is_full and _breaks(dealt > whole * (1 + 1e-9)):
            return f"{word} <= {number(whole)}"
    return None


def _breaks(broken: Bools) -> bool:
    return bool(broken.sum() >= EXPECTED)


def _sum(values: Floats, pointers: Ints, size: int) -> Floats:
    """(size,) what children come to; NaN where there are none."""
    here = pointers >= 0
    total = np.bincount(pointers[here], weights=values[here], minlength=size)
    count = np.bincount(pointers[here], minlength=size)
    return np.where(count > 0, total, np.nan)


def _is_even(one: Floats, other: Floats, several: Bools) -> bool:
    """Whether both come to the same for every parent, which is no wonder if they are nothing."""
    there = ~np.isnan(one) & ~np.isnan(other)
    if there.sum() < MIN_ROWS or not np.allclose(one[there], other[there], rtol=1e-6, atol=1e-6):
        return False
    if not other.any():  # what cancels out is made of several
        return bool((there & several).sum() >= max(MIN_ROWS, EXPECTED))
    told = there & several & (one != 0)
    if told.sum() < CARRIED:
        return False
    chance = is_close(np.roll(one[told], told.sum() // 2 + 1), other[told], 0.0).mean()
    return bool((1 - chance) * told.sum() >= EXPECTED)
