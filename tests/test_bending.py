"""Rows keep to what their owner told of them: numbers are bent, labels merged."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dbsynth.bending import Outline, bend, merge
from dbsynth.codecs import NULL, NumberCodec
from dbsynth.release import Release
from dbsynth.sketches import outline

OPEN = Release(0, is_protected=False)


def codec_of(values: np.ndarray) -> NumberCodec:
    return NumberCodec.fit("t.c", values, np.arange(len(values)), OPEN)


def told(values: np.ndarray, owners: np.ndarray, count: int) -> Outline:
    return Outline(**outline(values, owners, count))


def test_numbers_take_ends_mean_and_spread_of_what_was_told() -> None:
    rng = np.random.default_rng(1)
    owners = np.repeat(np.arange(50), 40)
    levels = rng.lognormal(5, 0.6, 50)
    real = np.round(levels[owners] * rng.lognormal(0, 0.4, len(owners)), 2)
    drawn = rng.permutation(real)  # the right values, but no owner has a level of its own
    codec = codec_of(real)
    wanted = told(real, owners, 50)
    found = outline(bend(drawn, owners, wanted, codec), owners, 50)
    assert np.allclose(found["low"], wanted.low, rtol=0.02, atol=1.0)
    assert np.allclose(found["high"], wanted.high, rtol=0.02, atol=1.0)
    moved = bend(drawn, owners, wanted, codec).reshape(50, 40)
    for measure in (np.mean, np.std):
        goal = measure(real.reshape(50, 40), axis=1)
        missed = np.abs(measure(moved, axis=1) - goal) / goal
        before = np.abs(measure(drawn.reshape(50, 40), axis=1) - goal) / goal
        assert np.median(missed) < 0.2 * np.median(before)


def test_order_nulls_lattice_and_frequent_values_stay() -> None:
    rng = np.random.default_rng(2)
    owners = np.repeat(np.arange(20), 30)
    values = np.round(rng.gamma(2, 1000, len(owners)))
    values[rng.random(len(owners)) < 0.3] = 14.0  # a value of its own
    values[::17] = np.nan
    codec = codec_of(values)
    assert 14.0 in codec.spikes
    assert codec.bins
    wanted = told(rng.permutation(values), owners, 20)
    bent = bend(values, owners, wanted, codec)
    assert (np.isnan(bent) == np.isnan(values)).all()
    is_spike = np.isin(values, codec.spikes)
    assert (bent[is_spike] == values[is_spike]).all()
    assert (bent[np.isfinite(bent)] % 1 == 0).all()
    for owner in range(20):
        own = (owners == owner) & np.isfinite(values) & ~np.isin(values, codec.spikes)
        order = np.argsort(values[own], kind="stable")
        assert (np.diff(bent[own][order]) >= -1000).all()  # round numbers stay round


def test_owners_who_told_nothing_and_rows_without_owner_stay_as_they_are() -> None:
    values = np.arange(800.0) ** 1.5
    owners = np.repeat([-1, 0, 1, 2], 200)
    codec = codec_of(values)
    nothing = np.array([np.nan, 0.0, np.nan])
    same = Outline(nothing, nothing + 100, nothing + 0.5, nothing + 0.5)
    bent = bend(values, owners, same, codec)
    untouched = owners != 1
    assert (bent[untouched] == values[untouched]).all()
    assert bent[owners == 1].min() >= 0
    assert bent[owners == 1].max() <= 100.5


def test_labels_beyond_what_was_told_become_those_of_siblings_nearby() -> None:
    tokens = np.array([2, 2, 3, NULL, 4, 2, 3, 3])
    owners = np.array([0, 0, 0, 0, 0, 1, 1, 1])
    merged = merge(tokens, owners, np.array([1.0, 2.0]), (NULL,))
    assert merged.tolist() == [2, 2, 2, NULL, 2, 2, 3, 3]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-1, 5), st.integers(0, 6)), max_size=60),
    st.lists(st.one_of(st.just(np.nan), st.floats(0, 4)), min_size=6, max_size=6),
)
def test_no_owner_has_more_labels_than_it_told(
    rows: list[tuple[int, int]], wanted: list[float]
) -> None:
    rows.sort(key=lambda r: r[0])
    owners = np.array([o for o, _ in rows], np.int64)
    tokens = np.array([t for _, t in rows], np.int64)
    merged = merge(tokens, owners, np.array(wanted), (NULL,))
    assert ((merged == NULL) == (tokens == NULL)).all()
    for owner in set(owners.tolist()):
        own = merged[(owners == owner) & (merged != NULL)]
        before = tokens[(owners == owner) & (tokens != NULL)]
        assert set(own.tolist()) <= set(before.tolist())
        if owner >= 0 and np.isfinite(wanted[owner]):
            assert len(set(own.tolist())) <= max(round(wanted[owner]), 1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.integers(1, 4))
def test_outlines_lie_within_their_bounds(values: list[float], owners: int) -> None:
    numbers = np.array(values)
    found = outline(numbers, np.arange(len(numbers)) % owners, owners)
    for part in ("centre", "spread"):
        known = found.get(part, np.zeros(0))
        known = known[np.isfinite(known)]
        assert ((known >= -1e-6) & (known <= 1 + 1e-6)).all()
