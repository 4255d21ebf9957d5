"""Rows of one owner keep a pace: those that follow have neither too little time nor too much."""

from dataclasses import replace

import numpy as np

from dbsynth.anchors import fit_datetime
from dbsynth.conditions import siblings_of
from dbsynth.encode import LAST, DatetimeColumn
from dbsynth.paces import STEPS, fit_paces, step_of
from dbsynth.release import Release
from dbsynth.rows import (
    Head,
    is_same_time,
    not_before,
    pace,
    place_day,
    place_time,
    time_of_day,
    time_tokens,
)
from dbsynth.schedule import Schedule
from dbsynth.steering import Course, drawn, keeping, keeps, steer
from dbsynth.values import DAY

OPEN = Release(0, is_protected=False)
OWNERS, EACH = 60, 20


def visits(gap: float, hour: float | None) -> tuple[DatetimeColumn, np.ndarray]:
    """Rows some days apart; an owner always comes at the same time of day, or at any."""
    rng = np.random.default_rng(4)
    owners = np.repeat(np.arange(OWNERS), EACH)
    days = np.cumsum(rng.integers(1, 2 * int(gap), (OWNERS, EACH)), axis=1) + 15_000
    times = rng.integers(8 * 3600, 18 * 3600, (OWNERS, EACH if hour is None else 1))
    values = (days * DAY + times).ravel().astype(np.float64)
    column = fit_datetime(
        "t.at", "at", values, owners, OPEN, {},
        siblings=siblings_of(owners, len(owners)), is_strict=False, is_date=False,
    )  # fmt: skip
    return column, values


def test_no_row_leaves_those_that_follow_without_time() -> None:
    column, _ = visits(20.0, None)
    assert column.gap is not None
    tokens = column.gap.tokens + len(column.turns)
    goals = np.array([80.0, 30.0, 30.0]) * DAY
    course = Course(np.zeros(3), goals, np.array([10, 1, 0]))
    kept = steer(column, np.full((3, tokens), 1 / tokens), course)
    gaps = column.gap.decode(np.arange(column.gap.tokens), np.full(column.gap.tokens, 0.5))
    longest = [np.nanmax(gaps[row[: len(gaps)] > 0]) for row in kept]
    assert longest[0] < 36 < np.nanmax(gaps)  # ten rows need their time
    assert longest[1] <= 30
    assert (kept[2] > 0).all()  # the last one is put where it should be, whatever is drawn


def test_drawing_tells_rows_how_much_time_those_that_follow_have() -> None:
    column, values = visits(20.0, None)
    owners = np.repeat(np.arange(OWNERS), EACH)
    siblings = siblings_of(owners, len(values))
    ends = np.floor(values[EACH - 1 :: EACH] / DAY)[owners] * DAY
    schedule = Schedule(column, siblings, {}, ends, None, {"at": values})
    step = np.flatnonzero(siblings.index == 7)
    told = schedule.pace(step, step - 1, siblings.index[step])
    expected = pace(values[step - 1], ends[step], np.full(OWNERS, EACH - 8))
    assert (told.codes == expected.codes).all()
    assert np.allclose(told.floats, expected.floats)


def test_the_first_row_leaves_those_that_follow_their_time() -> None:
    column, values = visits(1.5, None)
    start = np.floor(values.reshape(OWNERS, EACH)[:, 0].min() / DAY)
    goals = np.array([start + 30, start + 30, start + 39]) * DAY
    course = Course(np.zeros(3), goals, np.array([0, 1, 38]), is_first=True)
    kept = steer(column, np.full((3, column.day.tokens), 1 / column.day.tokens), course)
    days = column.day.decode(np.arange(column.day.tokens), np.full(column.day.tokens, 0.5))
    latest = [np.nanmax(days[row > 0]) for row in kept]
    assert (kept[0] > 0).all()  # the last one is put where it should be, whatever is drawn
    assert latest[1] < start + 30
    assert latest[2] <= start + 1  # siblings are a day apart at least


def test_the_first_row_comes_as_long_before_the_last_as_the_others_need() -> None:
    rng = np.random.default_rng(6)
    owners = np.repeat(np.arange(OWNERS), EACH)
    first = np.repeat(12_000 + rng.integers(0, 9_000, OWNERS), EACH)
    values = (first + np.tile(np.arange(EACH), OWNERS)) * DAY  # a row a day
    last = np.floor(values[EACH - 1 :: EACH] / DAY)[owners] * DAY
    column = fit_datetime(
        "t.at", "at", values, owners, OPEN, {},
        siblings=siblings_of(owners, len(owners)), is_strict=True, is_date=True, last=last,
    )  # fmt: skip
    siblings = siblings_of(np.zeros(EACH, np.int64), EACH)
    end = np.full(EACH, 15_000 * DAY)
    schedule = Schedule(column, siblings, {LAST: end}, end, None, {"at": np.full(EACH, np.nan)})
    row = np.array([0])
    start = schedule.anchor(column, row)
    assert column.delta is not None
    placed = place_day(
        column, Head(column.delta.tokens, "first"), np.array([column.delta.tokens - 1]),
        np.array([0.5]), start,
    )  # fmt: skip
    assert 15_000 - EACH + 1 == schedule.within(column, placed, start, row)[0] / DAY
    course = schedule.course(column, "first", row)
    assert course is not None
    assert keeping(column, course)[0, -1]


def test_the_last_day_stands_in_for_no_other_date() -> None:
    column, values = visits(20.0, None)
    column = replace(column, anchor="key/at", delta=column.gap)
    siblings = siblings_of(np.zeros(2, np.int64), 2)
    at, opened, last = np.array([np.nan, 5 * DAY]), np.full(2, 3 * DAY), np.full(2, 99 * DAY)
    anchors = {"key/at": at, "key/opened": opened, LAST: last}
    schedule = Schedule(column, siblings, anchors, last, None, {"at": values[:2]})
    assert [3.0, 5.0] == (schedule.anchor(column, np.arange(2)) / DAY).tolist()


def test_where_nothing_fits_or_nothing_is_known_all_stays_as_it_was() -> None:
    column, _ = visits(20.0, None)
    assert column.gap is not None
    shares = np.full((2, column.gap.tokens + len(column.turns)), 0.25)
    lost = Course(np.zeros(2), np.array([np.nan, -100 * DAY]), np.array([5, 5]))
    assert (steer(column, shares, lost) == shares).all()


def test_paces_are_released_only_where_enough_entities_tell() -> None:
    ahead = np.tile([1, 2, 70], 40)
    left = ahead * 3.0
    few = np.where(ahead == 70, 0, np.arange(120))
    found = fit_paces("t.c", left, ahead, few, Release(0))
    assert found[0] == found[1] == (3.0, 3.0)
    assert found[STEPS - 1] == (0.0, np.inf)
    assert step_of(np.array([1, 2, 3, 4, 64, 10_000])).tolist() == [0, 1, 1, 2, 6, 6]


def test_tokens_are_drawn_as_often_as_their_shares_say() -> None:
    shares = np.tile([0.0, 0.5, 0.0, 1.5], (10_000, 1))
    tokens = drawn(shares, np.random.default_rng(1).random(10_000))
    assert set(tokens.tolist()) == {1, 3}
    assert abs(np.mean(tokens == 3) - 0.75) < 0.02


def test_the_time_of_day_of_the_sibling_before_is_a_token_where_rows_keep_it() -> None:
    always, values = visits(20.0, 9.0)
    whenever, _ = visits(20.0, None)
    assert always.keeps_time
    assert not whenever.keeps_time
    same = np.full(5, time_tokens(always) - 1)
    times, _, _ = time_of_day(always, same, np.zeros(5), values[:5])
    placed = place_time(np.full(5, 7 * DAY), times)
    assert is_same_time(np.concatenate([values[:1], placed[:1]]), np.array([-1, 0]))[1]
    assert (np.floor(placed / DAY) == 7).all()


def test_a_token_that_is_drawn_is_judged_as_among_all_of_them() -> None:
    column, values = visits(20.0, None)
    assert column.gap is not None
    rows, count = 200, column.gap.tokens + len(column.turns)
    rng = np.random.default_rng(2)
    goals = values[:rows] + rng.integers(0, 200, rows) * DAY
    course = Course(values[:rows], np.where(rng.random(rows) < 0.1, np.nan, goals),
                    rng.integers(0, 9, rows))  # fmt: skip
    marked = keeping(column, course)
    for token in range(count):
        sure = keeps(column, course, np.full(rows, token))
        assert not (sure & ~marked[:, token]).any()
    some = np.flatnonzero(rng.random(rows) < 0.5)
    assert np.array_equal(marked[some], keeping(column, course.take(some)))


def test_times_of_day_come_after_what_they_are_measured_from() -> None:
    column, _ = visits(20.0, None)
    start = np.array([3 * DAY + 60_000, 3 * DAY + 60_000, 3 * DAY + 60_000, np.nan])
    moments = np.array([3 * DAY + 100, 3 * DAY + 60_000, 4 * DAY + 100, 100.0])
    early, later = not_before(start, moments, column, np.random.default_rng(0))
    assert early.tolist() == [0]
    assert start[0] <= later[0] < 4 * DAY
    assert later[0] % column.time.step == 0  # type: ignore[union-attr]
