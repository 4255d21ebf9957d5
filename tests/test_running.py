"""Tests of dbsynth.running: what a row knows of all the siblings before it."""

from __future__ import annotations

import numpy as np
import pytest

from dbsynth.conditions import siblings_of
from dbsynth.features import Features
from dbsynth.running import State, Summary

RNG = np.random.default_rng(3)
OWNERS = np.sort(RNG.integers(0, 12, 60))
SIBLINGS = siblings_of(OWNERS, 60)
ROWS = Features(
    RNG.integers(0, 3, (60, 2)).astype(np.int32),
    RNG.uniform(-1, 1, (60, 2)).astype(np.float32),
    (3, 3),
)
SUMMARY = Summary(2, ((1, 3),))


def by_hand(row: int) -> State:
    """Compute one row's state from the rows before it."""
    first = int(SIBLINGS.first[row])
    if first == row:
        return np.zeros(14, np.float32)
    floats = ROWS.floats[first:row].astype(np.float64)
    shares = np.bincount(ROWS.codes[first:row, 1], minlength=3) / (row - first)
    ends = [floats.min(axis=0), floats.max(axis=0)]
    parts = [floats.mean(axis=0), floats.std(axis=0), *ends, shares, shares > 0]
    return np.concatenate(parts).astype(np.float32)


def test_state_sums_up_the_earlier_siblings_and_nobody_else() -> None:
    found = SUMMARY.state(ROWS, SIBLINGS.first)
    assert np.allclose(np.stack([by_hand(i) for i in range(60)]), found, atol=1e-5)


@pytest.mark.parametrize("is_once", [False, True])
def test_a_tally_tells_while_drawing_what_state_tells_of_finished_rows(is_once: bool) -> None:
    wanted = SUMMARY.state(ROWS, SIBLINGS.first)
    group = np.cumsum(SIBLINGS.index == 0) - 1
    tally = SUMMARY.start(int(group[-1]) + 1)
    for step in range(int(SIBLINGS.index.max()) + 1):
        rows = np.flatnonzero(SIBLINGS.index == step)
        assert np.allclose(wanted[rows], tally.state(group[rows], step), atol=1e-5)
        tally.add(group[rows], ROWS.take(rows), is_once=is_once)


@pytest.mark.parametrize("rows", [0, 1])
def test_there_is_a_state_of_no_row_and_of_one(rows: int) -> None:
    index = np.arange(rows)
    assert (rows, 14) == SUMMARY.state(ROWS.take(index), index).shape
