"""Two columns of children that come to the same, or one that comes to nothing: double entry."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from dbsynth.features import Floats
from dbsynth.mining.arithmetic import is_close
from dbsynth.mining.frames import CARRIED, EXPECTED, MIN_ROWS, Bools, Frame, Frames
from dbsynth.mining.totals import children_of, summed
from dbsynth.rules.book import Rule
from dbsynth.rules.words import child_word

_MOST_COLUMNS = 10


def find_evens(frame: Frame, frames: Frames) -> Iterator[Rule]:
    """Find the children whose debit is as much as their credit, or whose amounts cancel out."""
    for child, key, pointers in children_of(frame, frames):
        word, size = child_word(child.table, key), len(frame)
        several = np.bincount(pointers[pointers >= 0], minlength=size) > 1
        sums = {
            v.word: summed(v.floats, pointers, size)[0]
            for v in child.numbers[:_MOST_COLUMNS]
            if v.unit[0] != "whole" and v.valid.all()
        }
        for one, total in sums.items():
            if _is_even(total, np.zeros(size), several):
                yield frame.rule("even", f"sum({word}.{one}) = 0")
        for one, other in combinations(sums, 2):
            if _is_even(sums[one], sums[other], several):
                yield frame.rule("even", f"sum({word}.{one}) = sum({word}.{other})")


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
