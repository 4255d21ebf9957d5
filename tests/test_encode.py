"""Tests of dbsynth.encode: codecs give back what they were given and release nothing of the few."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsynth.anchors import fit_datetime
from dbsynth.codecs import NULL, CategoryCodec, NumberCodec
from dbsynth.encode import (
    CategoryColumn,
    DatetimeColumn,
    NumberColumn,
    PresenceColumn,
    column_from_json,
    column_to_json,
)
from dbsynth.extremes import NOT_A_NUMBER
from dbsynth.features import Features, Floats, Ints
from dbsynth.release import Release
from dbsynth.values import DAY, from_floats, to_floats

RELEASE = Release(7)


def own(rows: int) -> Ints:
    """Every row is an entity of its own."""
    return np.arange(rows, dtype=np.int64)


def fitted(values: Floats, entities: Ints | None = None) -> NumberCodec:
    return NumberCodec.fit(
        "t.c", values, own(len(values)) if entities is None else entities, RELEASE
    )


def round_trip(codec: NumberCodec, values: Floats) -> Floats:
    return codec.decode(codec.encode(values), np.full(len(values), 0.5))


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=50))
def test_numbers_with_few_values_come_back_exactly(values: list[int]) -> None:
    codec = fitted(np.tile(np.arange(-5.0, 6.0), 30))
    given_values = np.array(values, np.float64)
    assert values == round_trip(codec, given_values).tolist()


def test_missing_numbers_are_the_null_token_and_come_back_missing() -> None:
    codec = fitted(np.tile([1.0, 2.0], 50))
    values = np.array([np.nan, 1.0, np.nan])
    assert [NULL, 1, NULL] == codec.encode(values).tolist()
    assert [True, False, True] == np.isnan(round_trip(codec, values)).tolist()


def test_continuous_numbers_come_back_close_and_keep_their_token() -> None:
    values = np.random.default_rng(0).normal(100, 20, 3000)
    codec = fitted(values)
    back = round_trip(codec, values)
    inside = (values > np.quantile(values, 0.02)) & (values < np.quantile(values, 0.98))
    assert np.abs(values - back)[inside].max() < 5.0
    assert codec.encode(values)[inside].tolist() == codec.encode(back)[inside].tolist()


def test_quantiles_of_decoded_numbers_are_those_of_the_source() -> None:
    values = np.random.default_rng(0).lognormal(3, 1, 5000)
    codec, rng = fitted(values), np.random.default_rng(1)
    back = codec.decode(codec.encode(values), rng.random(5000))
    for share in (0.1, 0.5, 0.9):
        assert np.quantile(values, share) == pytest.approx(np.quantile(back, share), rel=0.05)


@pytest.mark.parametrize(
    ("step", "wanted"), [(1.0, 0), (25.0, 0), (2.5, 1), (0.05, 2), (1.15078, 5), (0.0, 10)]
)
def test_numbers_have_as_many_digits_as_their_lattice_asks_for(step: float, wanted: int) -> None:
    codec = NumberCodec((3 * step,), (0.0, 10 * step), 1, step, step)
    assert codec.decimals == wanted


@pytest.mark.parametrize("step", [0.05, 0.5, 1.0, 5.0, 100.0])
def test_decoded_numbers_stay_on_the_lattice_of_the_source(step: float) -> None:
    values = np.random.default_rng(0).integers(0, 5000, 4000) * step
    codec = fitted(values)
    back = codec.decode(codec.encode(values), np.random.default_rng(1).random(4000))
    assert codec.step == pytest.approx(step)
    assert np.abs(back / step - np.round(back / step)).max() < 1e-6


def test_frequent_values_among_continuous_ones_keep_their_share() -> None:
    rng = np.random.default_rng(0)
    values = np.where(rng.random(4000) < 0.3, 0.0, rng.normal(50, 10, 4000))
    codec = fitted(values)
    back = codec.decode(codec.encode(values), rng.random(4000))
    assert (values == 0).sum() == (back == 0).sum()


def test_no_decoded_number_lies_beyond_the_released_bounds() -> None:
    values = np.append(np.random.default_rng(0).normal(0, 1, 999), 1e9)
    codec = fitted(values)
    tokens = np.repeat(np.arange(1, codec.tokens), 50)
    back = codec.decode(tokens, np.random.default_rng(1).random(len(tokens)))
    assert codec.high < 1e9
    assert back.max() <= codec.high
    assert back.min() >= codec.low


def test_extreme_numbers_of_single_entities_are_not_in_the_json_of_a_column() -> None:
    values = np.append(np.random.default_rng(0).integers(100, 200, 999), [987654321.0])
    text = json.dumps(column_to_json(NumberColumn("c", fitted(values.astype(np.float64)))))
    assert "987654321" not in text


def test_one_entity_with_many_rows_cannot_make_its_number_a_spike() -> None:
    values = np.append(np.tile([1.0, 2.0], 100), np.full(500, 77.0))
    entities = np.append(own(200), np.full(500, 999))
    assert 77.0 not in fitted(values, entities).spikes


def test_numbers_of_too_few_entities_release_nothing() -> None:
    codec = fitted(np.arange(15.0) + 1000)
    assert (1.0, 100.0) == (codec.low, codec.high)


def test_a_column_that_is_all_null_has_a_codec_all_the_same() -> None:
    codec = fitted(np.full(100, np.nan))
    assert [NULL] == sorted(set(codec.encode(np.full(100, np.nan)).tolist()))


def test_ranks_run_from_minus_one_to_one_and_are_zero_for_null() -> None:
    codec = fitted(np.tile(np.arange(5.0), 30))
    assert [-1.0, 0.0, 1.0, 0.0] == codec.rank(np.array([0.0, 2.0, 4.0, np.nan])).tolist()


@given(st.lists(st.sampled_from(["a", "b", "ü", "", None]), min_size=1, max_size=40))
def test_labels_and_nulls_come_back_exactly(values: list[str | None]) -> None:
    codec = CategoryCodec(("a", "b", "ü", ""))
    column = pa.array(values, pa.string())
    assert values == codec.decode(codec.encode(column), pa.string()).to_pylist()


@pytest.mark.parametrize(
    ("kind", "labels"),
    [
        (pa.int16(), (1, 5, 9)),
        (pa.bool_(), (False, True)),
        (pa.decimal128(10, 2), (Decimal("1.50"), Decimal("2.00"))),
        (pa.date32(), (dt.date(1815, 12, 10), dt.date(2400, 1, 1))),
    ],
)
def test_labels_of_any_type_come_back_exactly(kind: pa.DataType, labels: tuple[Any, ...]) -> None:
    codec = CategoryCodec(labels)
    column = pa.array([*labels, None], kind)
    assert column.equals(codec.decode(codec.encode(column), kind))


def test_labels_that_were_not_released_are_the_rare_token_and_decode_to_null() -> None:
    codec = CategoryCodec(("a",))
    tokens = codec.encode(pa.array(["a", "secret", None]))
    assert [1, codec.rare, NULL] == tokens.tolist()
    assert ["a", None, None] == codec.decode(tokens, pa.string()).to_pylist()


def test_without_released_labels_everything_is_rare_or_null() -> None:
    codec = CategoryCodec(())
    assert [codec.rare, NULL] == codec.encode(pa.array(["x", None])).tolist()
    assert [None, None] == codec.decode(np.array([1, 0]), pa.string()).to_pylist()


def test_labels_of_too_few_entities_are_never_in_the_json_of_a_column() -> None:
    values = pa.array(["common"] * 100 + ["rare-one"] * 4 + ["one-entity"] * 50)
    entities = np.append(own(104), np.full(50, 999))
    codec = CategoryCodec.fit("t.c", values, entities, RELEASE)
    text = json.dumps(column_to_json(CategoryColumn("c", codec)))
    assert ("common",) == codec.labels
    assert "rare-one" not in text
    assert "one-entity" not in text


def test_unprotected_columns_keep_every_label() -> None:
    codec = CategoryCodec.fit("t.c", pa.array(["a", "b"]), own(2), Release(0, is_protected=False))
    assert ("a", "b") == codec.labels


DAYS = st.dates(dt.date(1000, 1, 1), dt.date(9999, 12, 31))
MOMENTS = st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1)).map(  # noqa: DTZ001
    lambda d: d.replace(microsecond=0)
)
INTEGERS = st.integers(-(2**53), 2**53)
CENTS = st.integers(-(10**11), 10**11).map(lambda n: Decimal(n).scaleb(-2))


def assert_comes_back(values: list[Any], kind: pa.DataType) -> None:
    column = pa.array([*values, None], kind)
    assert column.equals(from_floats(to_floats(column), kind))


@given(st.lists(DAYS, max_size=20))
def test_dates_before_1970_and_in_the_far_future_come_back_exactly(values: list[dt.date]) -> None:
    assert_comes_back(values, pa.date32())


@given(st.lists(MOMENTS, max_size=20))
def test_timestamps_come_back_exactly(values: list[dt.datetime]) -> None:
    assert_comes_back(values, pa.timestamp("us"))
    assert_comes_back(values, pa.timestamp("us", "UTC"))


@given(
    st.lists(st.times().map(lambda t: t.replace(microsecond=t.microsecond // 1000)), max_size=20)
)
def test_times_of_day_come_back_exactly(values: list[dt.time]) -> None:
    assert_comes_back(values, pa.time64("us"))


@given(st.lists(INTEGERS, max_size=20))
def test_integers_up_to_two_to_the_53_come_back_exactly(values: list[int]) -> None:
    assert_comes_back(values, pa.int64())


@given(st.lists(CENTS, max_size=20))
def test_decimals_come_back_exactly(values: list[Decimal]) -> None:
    assert_comes_back(values, pa.decimal128(18, 2))


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False), max_size=20)
)
def test_floats_come_back_exactly(values: list[float]) -> None:
    assert_comes_back(values, pa.float64())


@pytest.mark.parametrize(
    "kind", [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint64()]
)
def test_integers_stay_within_the_range_of_their_type(kind: pa.DataType) -> None:
    found = from_floats(np.array([-1e30, 1e30]), kind).to_pylist()
    info = np.iinfo(kind.to_pandas_dtype())
    assert info.min == found[0]
    assert info.max * 0.999 < found[1] <= info.max


def test_decimals_stay_within_their_precision() -> None:
    found = from_floats(np.array([1e9, -1e9, 1.239]), pa.decimal128(5, 2)).to_pylist()
    assert [Decimal("999.99"), Decimal("-999.99"), Decimal("1.24")] == found


def test_what_is_not_finite_is_told_from_null() -> None:
    values = pa.array([float("nan"), float("inf"), float("-inf"), None])
    found = to_floats(values)
    assert [NOT_A_NUMBER, np.inf, -np.inf] == found[:3].tolist()
    assert np.isnan(found[3])
    back = from_floats(found, pa.float64())
    assert str(values) == str(back)


def test_numbers_kept_as_text_come_back_as_text() -> None:
    assert ["12", "-3", None] == from_floats(
        np.array([12.0, -3.0, np.nan]), pa.string()
    ).to_pylist()
    assert ["1.5", "2"] == from_floats(np.array([1.5, 2.0]), pa.string()).to_pylist()


def dates(values: Floats, **options: Any) -> DatetimeColumn:
    defaults: dict[str, Any] = {"siblings": None, "is_strict": False, "is_date": True}
    return fit_datetime("t.d", "d", values, own(len(values)), RELEASE, {}, **(defaults | options))


def test_dates_at_midnight_have_no_time_of_day() -> None:
    days = np.random.default_rng(0).integers(-9000, 9000, 300) * DAY
    assert dates(days, is_date=False).time is None
    assert dates(days + 3600.0, is_date=False).time is not None


def test_the_first_of_january_1970_was_a_thursday_and_missing_dates_show_nothing() -> None:
    column = dates(np.random.default_rng(0).integers(-900, 900, 300) * DAY)
    seen = column.day_features(np.array([0.0, np.nan, -DAY]))
    assert [4, 1, 1, 31] == seen.codes[0, 1:].tolist()  # the month has 31 days left
    assert [0, 0, 0, 0, 0] == seen.codes[1].tolist()
    assert [3, 31, 12, 1] == seen.codes[2, 1:].tolist()


COLUMNS = [
    CategoryColumn("a", CategoryCodec(("x", "y"))),
    PresenceColumn("b"),
    NumberColumn("c", fitted(np.random.default_rng(0).normal(size=500)), fitted(np.ones(50)), True),
    dates(np.random.default_rng(0).integers(0, 10**9, 300).astype(np.float64), is_date=False),
]


@pytest.mark.parametrize("column", COLUMNS)
def test_a_fitted_column_survives_json(column: Any) -> None:
    text = json.dumps(column_to_json(column))
    assert column == column_from_json(json.loads(text))


@pytest.mark.parametrize(
    ("kind", "labels"),
    [
        (pa.date32(), [dt.date(2020, 1, 1), dt.date(2021, 1, 1)]),
        (pa.decimal128(6, 2), [Decimal("1.25"), Decimal("2.50")]),
        (pa.binary(), [b"\x00", b"\xff"]),
    ],
)
def test_category_labels_of_any_type_survive_json(kind: pa.DataType, labels: list[Any]) -> None:
    values = pa.array(labels * 50, kind)
    column = CategoryColumn("c", CategoryCodec.fit("t.c", values, own(100), RELEASE))
    back = column_from_json(json.loads(json.dumps(column_to_json(column))))
    assert isinstance(back, CategoryColumn)
    assert values.equals(back.codec.decode(back.codec.encode(values), kind))


def test_features_of_no_such_row_are_null() -> None:
    rows = Features(np.ones((2, 1), np.int32), np.ones((2, 1), np.float32), (3,))
    taken = rows.take(np.array([-1, 1]))
    assert [[0], [1]] == taken.codes.tolist()
    assert [[0.0], [1.0]] == taken.floats.tolist()


def test_features_join_side_by_side_and_stack_on_top() -> None:
    rows = Features(np.ones((2, 1), np.int32), np.ones((2, 2), np.float32), (3,))
    joined = Features.join([rows, Features.empty(2), rows], 2)
    assert ((3, 3), (2, 4)) == (joined.cards, joined.floats.shape)
    assert 4 == len(Features.stack([rows, rows]))
    assert 5 == len(Features.join([], 5))


def test_infinities_and_nan_are_released_as_tokens_of_their_own() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=2000)
    values[:400], values[400:500], values[500:520] = np.inf, NOT_A_NUMBER, np.nan
    values[1999] = -np.inf  # one entity's own
    codec = NumberCodec.fit("t.c", values, np.arange(2000), RELEASE)
    assert (np.inf, NOT_A_NUMBER) == codec.beyond
    back = codec.decode(codec.encode(values), np.zeros(2000))
    assert (back[:500] == values[:500]).all()
    assert np.isnan(back[500:520]).all()
    assert np.isnan(back[1999])
    assert np.isfinite(back[520:1999]).all()
    assert ((codec.rank(values) >= -1) & (codec.rank(values) <= 1)).all()


def test_dates_that_may_be_infinite_are_measured_from_others_all_the_same() -> None:
    rng = np.random.default_rng(3)
    start = np.floor(rng.uniform(15_000, 19_000, 600)) * DAY
    end = np.where(rng.random(600) < 0.3, np.inf, start + 30 * DAY)
    column = fit_datetime(
        "t.c", "c", end, np.arange(600), RELEASE, {"start": start},
        siblings=None, is_strict=False, is_date=True,
    )  # fmt: skip
    assert "start" == column.anchor
    assert column.delta is not None
    assert (np.inf,) == column.delta.beyond == column.day.beyond
    features = column.day_features(end)
    assert 1 == len(set(features.codes[np.isinf(end), 0].tolist()))
    again = column_from_json(json.loads(json.dumps(column_to_json(column))))
    assert column == again
