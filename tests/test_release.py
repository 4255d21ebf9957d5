"""Tests of dbsynth.release: what leaves the source is carried by enough entities, or a mean."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsynth.features import Ints
from dbsynth.release import MIN_ENTITIES, Release

RELEASE = Release(3)
OPEN = Release(3, is_protected=False)


def own(rows: int) -> Ints:
    return np.arange(rows, dtype=np.int64)


@given(st.integers(), st.text())
def test_thresholds_are_five_six_or_seven_and_stay_the_same(seed: int, statistic: str) -> None:
    assert Release(seed).threshold(statistic) in (5, 6, 7)
    assert Release(seed).threshold(statistic) == Release(seed).threshold(statistic)


def test_all_three_thresholds_occur_and_depend_on_seed_and_statistic() -> None:
    assert {5, 6, 7} == {RELEASE.threshold(f"t.c{i}") for i in range(50)}
    assert {5, 6, 7} == {Release(i).threshold("t.c") for i in range(50)}


@given(st.integers(1, 12))
def test_a_label_leaves_exactly_from_the_threshold_on(carriers: int) -> None:
    labels, rows = RELEASE.labels("t.c", pa.array(["x"] * carriers), own(carriers))
    expected = ["x"] if carriers >= RELEASE.threshold("t.c") else []
    assert expected == labels
    assert [carriers] * len(expected) == rows.tolist()


def test_entities_count_not_rows() -> None:
    labels, _ = RELEASE.labels("t.c", pa.array(["x"] * 1000), np.zeros(1000, np.int64))
    assert [] == labels


def test_labels_come_most_frequent_first_and_nulls_are_no_label() -> None:
    values = pa.array([*["b"] * 20, *["a"] * 20, *["c"] * 30, *[None] * 50])
    labels, rows = RELEASE.labels("t.c", values, own(120))
    assert ["c", "a", "b"] == labels
    assert [30, 20, 20] == rows.tolist()


def test_labels_of_chunked_columns_are_the_same() -> None:
    whole = pa.array(["a"] * 10 + ["b"] * 20)
    chunked = pa.chunked_array([whole[:5], whole[5:]])
    assert RELEASE.labels("t.c", whole, own(30))[0] == RELEASE.labels("t.c", chunked, own(30))[0]


def test_the_open_door_keeps_every_label() -> None:
    assert ["a", "b"] == OPEN.labels("t.c", pa.array(["a", "b"]), own(2))[0]
    assert OPEN.is_enough(own(1))


def test_a_single_entitys_extreme_never_leaves() -> None:
    values = np.append(np.zeros(100), [1e6])
    low, high = RELEASE.bounds("t.c", values, own(101))
    assert 0.0 == low
    assert high == pytest.approx(1e6 / RELEASE.threshold("t.c"))


def test_one_entity_with_all_the_extremes_counts_once() -> None:
    values = np.append(np.zeros(100), np.full(50, 1e6))
    _, high = RELEASE.bounds("t.c", values, np.append(own(100), np.full(50, 999)))
    assert high == pytest.approx(1e6 / RELEASE.threshold("t.c"))


@given(st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=8, max_size=50))
def test_quantiles_ascend_within_the_released_bounds(values: list[float]) -> None:
    array = np.array(values)
    low, high = RELEASE.bounds("t.c", array, own(len(values)))
    found = RELEASE.quantiles("t.c", array, own(len(values)), np.linspace(0, 1, 9))
    assert (np.diff(found) >= 0).all()
    assert low - 1e-6 <= found[0] <= found[-1] <= high + 1e-6


@given(st.lists(st.integers(0, 50), min_size=1, max_size=60))
def test_released_counts_keep_number_and_total(counts: list[int]) -> None:
    released = RELEASE.counts("t.c", np.array(counts, np.int64))
    assert (len(counts), sum(counts)) == (len(released), released.sum())
    assert sorted(released.tolist()) == released.tolist()


def test_released_counts_hide_the_largest_one() -> None:
    released = RELEASE.counts("t.c", np.append(np.ones(50, np.int64), 1000))
    assert released.max() < 1000 / 4


def test_released_counts_of_no_rows_are_none() -> None:
    assert [] == RELEASE.counts("t.c", np.zeros(0, np.int64)).tolist()


def test_a_table_needs_enough_entities_not_rows() -> None:
    assert not RELEASE.is_enough(np.zeros(1000, np.int64))
    assert not RELEASE.is_enough(own(MIN_ENTITIES - 1))
    assert RELEASE.is_enough(own(MIN_ENTITIES))
