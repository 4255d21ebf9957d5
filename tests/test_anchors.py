"""What dates are measured from."""

import numpy as np

from dbsynth.anchors import fit_datetime
from dbsynth.conditions import siblings_of
from dbsynth.encode import DatetimeColumn
from dbsynth.features import Floats
from dbsynth.release import Release
from dbsynth.values import DAY

RNG = np.random.default_rng(5)
ROWS = 400
START = (18_000 + RNG.integers(0, 900, ROWS)) * DAY


def fitted(values: Floats, anchors: dict[str, Floats], **more: object) -> DatetimeColumn:
    options = {"siblings": None, "is_strict": False, "is_date": True} | more
    entities = np.arange(len(values))
    return fit_datetime("t.d", "d", values, entities, Release(), anchors, **options)


def test_a_date_that_always_follows_another_closely_is_measured_from_it() -> None:
    end = START + RNG.integers(0, 10, ROWS) * DAY
    column = fitted(end, {"start": START})
    assert "start" == column.anchor
    assert column.delta is not None
    assert 0.0 == column.delta.low


def test_the_nearest_of_several_dates_is_the_anchor() -> None:
    middle = START + RNG.integers(20, 90, ROWS) * DAY
    end = middle + RNG.integers(0, 3, ROWS) * DAY
    assert "middle" == fitted(end, {"start": START, "middle": middle}).anchor


def test_an_order_with_exceptions_is_no_anchor() -> None:
    end = START + RNG.integers(-2, 10, ROWS) * DAY
    assert "" == fitted(end, {"start": START}).anchor


def test_a_date_that_spreads_as_wide_as_its_anchor_is_learned_by_itself() -> None:
    end = START + RNG.integers(0, 5_000, ROWS) * DAY
    assert "" == fitted(end, {"start": START}).anchor


def test_short_distances_are_learned_in_seconds() -> None:
    start = START + RNG.integers(0, 86_400, ROWS)
    stop = start + RNG.choice([900, 1_800], ROWS)
    column = fitted(stop, {"start": start}, is_date=False)
    assert ("second", "start") == (column.unit, column.anchor)
    assert column.delta is not None
    assert (900.0, 1_800.0) == (column.delta.low, column.delta.high)


def test_siblings_of_different_days_are_counted_in_days_however_near_they_are() -> None:
    owners = np.repeat(np.arange(40), 10)
    day = (18_000 + np.tile(np.arange(10), 40)) * DAY
    siblings = siblings_of(owners, 400)
    mornings = day + RNG.integers(7, 10, 400) * 3_600.0
    column = fitted(mornings, {}, siblings=siblings, is_date=False)
    assert "day" == column.unit
    assert column.time is not None
    visits = np.sort(day.reshape(40, 10) // 4 + RNG.integers(0, 86_400, (40, 10)), axis=1).ravel()
    assert "second" == fitted(visits, {}, siblings=siblings, is_date=False).unit


def test_siblings_advance_by_gaps() -> None:
    owners = np.repeat(np.arange(40), 10)
    day = (18_000 + np.tile(np.arange(10), 40)) * DAY
    column = fitted(day, {}, siblings=siblings_of(owners, 400), is_strict=True)
    assert column.is_strict
    assert column.gap is not None
    assert (1.0, 1.0) == (column.gap.low, column.gap.high)


def test_only_the_first_sibling_is_measured_from_the_owner() -> None:
    owners = np.repeat(np.arange(40), 10)
    signed_up = np.repeat((18_000 + RNG.integers(0, 900, 40)) * DAY, 10)
    bought = signed_up + np.tile(np.arange(10), 40) * 90 * DAY
    column = fitted(bought, {"owner/signed_up": signed_up}, siblings=siblings_of(owners, 400))
    assert "owner/signed_up" == column.anchor
    assert column.delta is not None
    assert (0.0, 0.0) == (column.delta.low, column.delta.high)


def test_a_first_sibling_of_nothing_else_is_measured_back_from_the_last_ones_day() -> None:
    owners = np.repeat(np.arange(40), 10)
    begun = np.repeat((12_000 + RNG.integers(0, 9_000, 40)) * DAY, 10)
    watched = begun + np.tile(np.arange(10), 40) * 6 * 3_600.0
    last = np.floor(watched[9::10] / DAY)[owners] * DAY
    told = {"siblings": siblings_of(owners, 400), "is_date": False, "last": last}
    column = fitted(watched, {}, **told)
    assert column.is_backward
    assert (column.unit, column.delta_unit) == ("second", "day")
    assert column.delta is not None
    assert (-2.0, -2.0) == (column.delta.low, column.delta.high)
    assert not fitted(watched, {"owner/begun": begun}, **told).is_backward
    told["last"] = np.where(owners < 3, np.nan, last)  # not everybody's is known
    assert "" == fitted(watched, {}, **told).anchor


def test_a_moment_that_stands_for_never_is_an_infinity_and_is_written_again() -> None:
    never = 2_932_532 * DAY  # 9999-01-01
    end = np.where(RNG.random(ROWS) < 0.3, never, START + RNG.integers(1, 30, ROWS) * DAY)
    column = fitted(end, {"start": START})
    assert ("start", never) == (column.anchor, column.far)
    assert column.delta is not None
    assert column.delta.high < 30 < column.day.high < 20_000
    assert np.inf in column.delta.beyond
    assert [never, 5.0] == column.moments(np.array([np.inf, 5.0])).tolist()


def test_a_last_day_that_few_have_or_that_is_near_is_a_day() -> None:
    near = np.where(np.arange(ROWS) < 99, START.max() + 900 * DAY, START)
    rare = np.where(np.arange(ROWS) < 2, 2_932_532 * DAY, START)
    assert [None, None] == [fitted(values, {}).far for values in (near, rare)]


def test_days_that_are_the_first_of_a_month_or_of_one_weekday_are_a_grid() -> None:
    months = (START / DAY).astype("datetime64[D]").astype("datetime64[M]")
    after = (months + 1).astype("datetime64[D]").astype(float) * DAY
    mondays = START + 7 * DAY - (START / DAY - 4) % 7 * DAY
    grids = [fitted(day, {"start": START}).grid for day in (after, mondays, START + DAY)]
    assert ["month", "week4", ""] == grids
