"""Tests of dbsynth.keys: fan-outs, parents, distinct pairs and trees keep what they promise."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsynth.features import Ints
from dbsynth.keys import (
    capped,
    choose_parents,
    duplicates,
    grow_tree,
    make_distinct,
    rake,
    stratified,
    to_total,
)
from dbsynth.mending.vacant import vacant
from dbsynth.mending.variants import LABELS_FOR, Variants
from dbsynth.schema import Column, SqlType

COUNTS = st.lists(st.integers(0, 9), min_size=1, max_size=60)
SEEDS = st.integers(0, 2**32)
NOWHERE = -1


def rng_of(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def ints(*values: int) -> Ints:
    return np.array(values, np.int64)


@given(rows=st.integers(0, 200), seed=SEEDS)
def test_stratified_uniforms_lie_one_in_each_nth(rows: int, seed: int) -> None:
    drawn = np.sort(stratified(rng_of(seed), rows))
    assert list(range(rows)) == np.floor(drawn * rows).astype(int).tolist()


@given(counts=COUNTS, total=st.integers(0, 400), seed=SEEDS)
def test_to_total_reaches_any_total_without_negative_counts(
    counts: list[int], total: int, seed: int
) -> None:
    reached = to_total(ints(*counts), total, rng_of(seed))
    assert total == reached.sum()
    assert reached.min() >= 0


@given(
    flags=st.lists(st.integers(0, 1), min_size=1, max_size=60),
    seed=SEEDS,
    share=st.floats(0, 1, allow_subnormal=False),
)
def test_to_total_never_exceeds_its_limit(flags: list[int], seed: int, share: float) -> None:
    total = round(share * len(flags))
    reached = to_total(ints(*flags), total, rng_of(seed), limit=1)
    assert total == reached.sum()
    assert {0, 1} >= set(reached.tolist())


def test_to_total_gives_more_to_those_who_have_more() -> None:
    reached = to_total(ints(1, 0, 9), 1000, rng_of())
    assert reached[1] == 0
    assert reached[2] > 5 * reached[0]


def test_to_total_leaves_its_input_alone() -> None:
    given_counts = ints(3, 4)
    to_total(given_counts, 1, rng_of())
    assert [3, 4] == given_counts.tolist()


@given(
    counts=st.lists(st.tuples(st.integers(0, 9), st.one_of(st.none(), st.integers(0, 9)))),
    seed=SEEDS,
)
def test_capped_counts_keep_to_their_limits_and_lose_no_more_than_has_no_room(
    counts: list[tuple[int, int | None]], seed: int
) -> None:
    before = np.array([c for c, _ in counts], np.int64)
    limits = np.array([np.nan if m is None else m for _, m in counts], np.float64)
    after = capped(before, limits, rng_of(seed))
    most = np.where(np.isnan(limits), np.inf, limits)
    assert (after <= most).all()
    assert after.sum() <= before.sum()
    kept = np.minimum(before, most)
    if after.sum() < before.sum():  # all that had some have as many again, or no more room
        assert (after == np.minimum(most, 2 * kept)).all()


@given(counts=COUNTS, seed=SEEDS)
def test_rake_gives_as_many_rows_exactly_the_released_fan_outs(
    counts: list[int], seed: int
) -> None:
    released = np.sort(ints(*counts))
    drawn = rng_of(seed).normal(size=len(counts))
    raked = rake(drawn, released, int(released.sum()), rng_of(seed))
    assert released.tolist() == sorted(raked.tolist())


@given(counts=COUNTS, seed=SEEDS, rows=st.integers(1, 150), factor=st.sampled_from([0.5, 1.0, 3.0]))
def test_rake_keeps_the_total_for_any_number_of_rows(
    counts: list[int], seed: int, rows: int, factor: float
) -> None:
    released = np.sort(ints(*counts))
    total = round(factor * released.mean() * rows)
    if released.max() <= 1:
        total = min(total, rows)
    raked = rake(rng_of(seed).random(rows), released, total, rng_of(seed))
    assert total == raked.sum()


def test_rake_keeps_who_has_more_than_whom() -> None:
    raked = rake(np.array([5.0, -1.0, 2.0, 9.0]), ints(0, 1, 4, 10), 15, rng_of())
    assert [4, 0, 1, 10] == raked.tolist()


def test_rake_keeps_the_distribution_when_rows_triple() -> None:
    released = np.sort(rng_of(3).poisson(4.0, 500))
    raked = rake(rng_of(4).random(1500), released, 3 * int(released.sum()), rng_of(5))
    assert released.std() == pytest.approx(raked.std(), rel=0.03)
    assert np.quantile(released, 0.9) == pytest.approx(np.quantile(raked, 0.9), abs=1)


def test_rake_of_a_one_to_one_key_gives_no_row_two_children() -> None:
    raked = rake(rng_of().random(100), np.sort(ints(*[0, 1] * 10)), 80, rng_of())
    assert (80, 1) == (raked.sum(), raked.max())


def test_rake_without_rows_or_without_released_counts_is_zero() -> None:
    assert [] == rake(np.zeros(0), ints(1), 0, rng_of()).tolist()
    assert [0, 0] == rake(np.zeros(2), ints(), 0, rng_of()).tolist()


@given(
    counts=st.lists(st.integers(0, 6), min_size=1, max_size=30),
    kinds=st.integers(1, 4),
    seed=SEEDS,
)
def test_chosen_parents_have_exactly_the_in_degrees_they_want(
    counts: list[int], kinds: int, seed: int
) -> None:
    rng, capacity = rng_of(seed), ints(*counts)
    rows = int(capacity.sum())
    anywhere = (np.full(rows, NOWHERE), np.full(len(counts), NOWHERE))
    chosen = choose_parents(
        rng.integers(0, kinds, rows),
        anywhere[0],
        rng.integers(0, kinds, len(counts)),
        anywhere[1],
        capacity,
        rng,
    )
    assert counts == np.bincount(chosen, minlength=len(counts)).tolist()


@given(seed=SEEDS, rows=st.integers(1, 80), parents=st.integers(1, 20), places=st.integers(1, 4))
def test_parents_are_of_the_same_place_or_there_is_none(
    seed: int, rows: int, parents: int, places: int
) -> None:
    rng = rng_of(seed)
    own, theirs = rng.integers(0, places, rows), rng.integers(0, places, parents)
    nothing = np.zeros(rows, np.int64), np.zeros(parents, np.int64)
    capacity = rng.integers(0, 5, parents)
    chosen = choose_parents(nothing[0], own, nothing[1], theirs, capacity, rng)
    found = chosen >= 0
    assert (own[found] == theirs[chosen[found]]).all()
    assert np.isin(own, theirs).tolist() == found.tolist()


def test_rows_get_parents_of_the_kind_they_asked_for_while_there_are_any() -> None:
    kinds = ints(*[0] * 50, *[1] * 50)
    parents = ints(0, 1, 0, 1)
    none = np.full(100, NOWHERE), np.full(4, NOWHERE)
    chosen = choose_parents(kinds, none[0], parents, none[1], ints(25, 25, 25, 25), rng_of())
    assert kinds.tolist() == parents[chosen].tolist()


def test_rows_that_ask_for_no_parent_get_none() -> None:
    none = np.full(3, NOWHERE), np.full(1, NOWHERE)
    chosen = choose_parents(ints(-1, 0, -1), none[0], ints(0), none[1], ints(9), rng_of())
    assert [-1, 0, -1] == chosen.tolist()


def test_without_parents_nobody_gets_one() -> None:
    nothing = ints()
    chosen = choose_parents(ints(0, 0), ints(-1, -1), nothing, nothing, nothing, rng_of())
    assert [-1, -1] == chosen.tolist()


def test_duplicates_are_marked_from_the_second_on_and_nulls_never_match() -> None:
    marked = duplicates([ints(1, 1, 2, -1, -1, 1), ints(5, 5, 5, 5, 5, -1)])
    assert [False, True, False, False, False, False] == marked.tolist()


@given(seed=SEEDS, rows=st.integers(1, 60))
def test_distinct_pairs_repeat_nothing_but_the_rows_it_names(seed: int, rows: int) -> None:
    rng = rng_of(seed)
    fixed, chosen = rng.integers(0, 6, rows), rng.integers(0, 12, rows)
    nowhere = np.full(rows, NOWHERE), np.full(12, NOWHERE)
    made, repeated = make_distinct([fixed], chosen, np.arange(12), nowhere[0], nowhere[1], rng)
    kept = ~repeated
    pairs = list(zip(fixed[kept].tolist(), made[kept].tolist(), strict=True))
    assert len(pairs) == len(set(pairs))


def test_distinct_pairs_keep_the_in_degrees_where_swapping_is_enough() -> None:
    rng = rng_of(1)
    fixed, chosen = np.repeat(np.arange(100), 3), rng.integers(0, 40, 300)
    nowhere = np.full(300, NOWHERE), np.full(40, NOWHERE)
    made, repeated = make_distinct([fixed], chosen, np.arange(40), nowhere[0], nowhere[1], rng)
    assert not repeated.any()
    assert np.bincount(chosen, minlength=40).tolist() == np.bincount(made, minlength=40).tolist()


@given(seed=SEEDS)
def test_distinct_pairs_stay_in_their_place(seed: int) -> None:
    rng = rng_of(seed)
    places, parent_places = np.repeat([0, 1], 30), np.repeat([0, 1], 20)
    chosen = np.where(places == 0, rng.integers(0, 20, 60), rng.integers(20, 40, 60))
    fixed = rng.integers(0, 4, 60)
    made, _ = make_distinct([fixed], chosen, np.arange(40), places, parent_places, rng)
    assert places.tolist() == parent_places[made].tolist()


def depths(pointers: Ints) -> Ints:
    """How many steps it takes from each row to its root; fails if a row never arrives."""
    depth, here = np.zeros(len(pointers), np.int64), pointers.copy()
    for _ in range(len(pointers) + 1):
        if (here < 0).all():
            return depth
        depth += here >= 0
        here = np.where(here >= 0, pointers[np.maximum(here, 0)], -1)
    raise AssertionError("the tree has a cycle")


@given(seed=SEEDS, rows=st.integers(1, 80), groups=st.integers(1, 4))
def test_trees_have_no_cycle_and_stay_within_their_group(seed: int, rows: int, groups: int) -> None:
    rng = rng_of(seed)
    has_parent, group = rng.random(rows) < 0.8, rng.integers(0, groups, rows)
    pointers = grow_tree(has_parent, rng.integers(0, 4, rows), group, rng)
    depths(pointers)
    below = pointers >= 0
    assert (group[below] == group[pointers[below]]).all()
    with_root = np.isin(group, group[~has_parent])
    assert has_parent[with_root].tolist() == below[with_root].tolist()


def test_a_tree_in_which_nobody_is_a_root_gets_one() -> None:
    pointers = grow_tree(np.ones(5, bool), ints(0, 2, 2, 0, 0), np.zeros(5, np.int64), rng_of())
    assert 1 == (pointers < 0).sum()
    depths(pointers)


def test_a_tree_keeps_the_fan_outs_if_they_add_up() -> None:
    has_parent = np.array([False, True, True, True, True, True, True])
    capacity = ints(2, 2, 2, 0, 0, 0, 0)
    pointers = grow_tree(has_parent, capacity, np.zeros(7, np.int64), rng_of())
    assert capacity.tolist() == np.bincount(pointers[1:], minlength=7).tolist()
    assert 2 == depths(pointers).max()


def test_what_is_vacant_is_handed_out_to_one_row_each() -> None:
    shops, days = np.repeat(np.arange(4), 30), np.tile(np.arange(30), 4)
    days[[3, 7, 40, 41]] = 0  # their own days are vacant now
    rows = pa.table({"shop": shops, "day": days})
    at = np.array([3, 7, 40, 41])
    found = vacant(rows, ("shop", "day"), "day", at, np.random.default_rng(1))
    assert found is not None
    assert [{3, 7}, {10, 11}] == [set(found.to_pylist()[:2]), set(found.to_pylist()[2:])]
    more = vacant(rows, ("shop", "day"), "day", np.array([3, 7, 8]), np.random.default_rng(1))
    assert more is not None
    assert {3, 7, 8} == set(more.to_pylist())


def test_nothing_is_handed_out_where_few_rows_share_values() -> None:
    rows = pa.table({"shop": np.zeros(9, int), "day": np.arange(9)})
    assert vacant(rows, ("shop", "day"), "day", np.array([1]), np.random.default_rng(1)) is None


def test_values_leave_the_range_step_by_step() -> None:
    kind = SqlType(kind="integer", native="integer", bits=32)
    variants = Variants({}, {}, {}, {}, {})
    years = pa.chunked_array([pa.array(list(range(2000, 2025, 4)) * 20, pa.int32())])
    own = years.chunk(0)
    column = Column(name="year", type=kind)
    for attempt in range(LABELS_FOR + 2):
        found = variants._others(column, own, years, attempt, rng_of())
        assert found is not None
        moved = np.asarray(found) - np.asarray(own)
        assert (moved % 4 == 0).all()
        if attempt < LABELS_FOR:
            assert 2000 <= min(found.to_pylist()) <= max(found.to_pylist()) <= 2024
        else:
            assert set(np.abs(moved).tolist()) == {4}
