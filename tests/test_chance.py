"""Tests of dbsynth.mining.chance: odds are what counting all ways gives."""

from __future__ import annotations

from itertools import combinations, permutations
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsynth.mining.chance import of_families, of_hits, of_marks, of_order

numbers = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=6)


@given(numbers)
def test_orders_are_as_surprising_as_the_share_of_ways_without_exception(
    pairs: list[tuple[int, int]],
) -> None:
    low, high = np.array(pairs, float).T
    ways = list(permutations(high))
    fitting = sum(all(a <= b for a, b in zip(low, way, strict=True)) for way in ways)
    wanted = -log(fitting / len(ways)) if fitting else 0.0
    assert of_order(low, high) == pytest.approx(wanted, abs=1e-9)


def test_children_are_no_more_evidence_than_their_parents() -> None:
    low = np.arange(30, dtype=float)
    once = of_order(low, low + 2)
    units = np.repeat(np.arange(30), 40)
    high = np.repeat(low + 2, 40) + np.tile(np.arange(40), 30)
    assert of_families(low[units], high, units, is_low=True) == pytest.approx(once)
    assert of_families(-high, -low[units], units, is_low=False) == pytest.approx(once)
    assert once > 12
    assert of_order(low, low + 100) == 0.0  # whatever is far above says nothing


@pytest.mark.parametrize("marks", [2, 3, 4, 5])
def test_marks_are_as_surprising_as_the_share_of_ways_to_give_none_two(marks: int) -> None:
    sizes = np.array([3, 2, 4, 1, 3])
    owner = np.repeat(np.arange(5), sizes)
    ways = list(combinations(owner, marks))
    single = sum(len(set(way)) == marks for way in ways)
    assert of_marks(sizes, marks) == pytest.approx(-log(single / len(ways)), abs=0.03)


def test_few_marks_among_many_children_say_nothing() -> None:
    sizes = np.full(50, 8)
    assert of_marks(sizes, 5) < 1
    assert of_marks(sizes, 40) > 12
    assert of_marks(sizes, 60) == 0.0  # more than there are parents


def test_hits_are_as_surprising_as_their_chances() -> None:
    shares = np.full(10, 0.1)
    assert of_hits(shares, np.ones(10, bool)) == pytest.approx(10 * log(10))
    assert of_hits(shares, np.arange(10) > 0) == 0.0
    assert of_hits(np.zeros(0), np.zeros(0, bool)) == 0.0
