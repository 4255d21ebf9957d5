"""Two columns of children that come to the same, or one that comes to nothing: double entry."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from dbsynth.features import Floats, Ints
from dbsynth.mining.arithmetic import is_close
from dbsynth.mining.frames import CARRIED, EXPECTED, MIN_ROWS, Bools, Frame, Frames
from dbsynth.mining.totals import children_of
from dbsynth.rules.book import Rule
from dbsynth.rules.words import child_word

_MOST_COLUMNS = 10


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
