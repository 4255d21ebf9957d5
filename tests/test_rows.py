"""Tests of dbsynth.rows: slots, heads and targets of a row, and where siblings stand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dbsynth.anchors import fit_datetime
from dbsynth.codecs import CategoryCodec, NumberCodec
from dbsynth.conditions import Siblings, siblings_of
from dbsynth.encode import CategoryColumn, DatetimeColumn, NumberColumn, PresenceColumn
from dbsynth.features import Floats, Ints
from dbsynth.release import Release
from dbsynth.rows import (
    IGNORED,
    Layout,
    distance,
    has_time_slot,
    pace,
    place_day,
    place_number,
    place_time,
    position,
    within,
)
from dbsynth.values import DAY

RELEASE, ROWS = Release(1), 600
RNG = np.random.default_rng(0)
OWNERS = np.repeat(np.arange(ROWS // 3), 3)
SIBLINGS = siblings_of(OWNERS, ROWS)
HOUR = 3600.0


def ints(*values: int) -> Ints:
    return np.array(values, np.int64)


def dated(values: Floats, siblings: Siblings | None = None, **options: Any) -> DatetimeColumn:
    anchors = options.pop("anchors", {})
    return fit_datetime(
        "t.d", "d", values, OWNERS, RELEASE, anchors, siblings=siblings,
        is_strict=options.pop("is_strict", False), is_date=options.pop("is_date", False),
    )  # fmt: skip


def number(values: Floats) -> NumberCodec:
    return NumberCodec.fit("t.n", values, OWNERS, RELEASE)


COLOUR = CategoryColumn("colour", CategoryCodec(("red", "blue")))
NOTED = PresenceColumn("note")
MOMENTS = RNG.integers(15_000, 19_000, ROWS) * DAY + RNG.integers(0, 86_400, ROWS)


def test_each_column_is_a_slot_and_a_timestamp_is_two() -> None:
    layout = Layout((COLOUR, NOTED, dated(MOMENTS)))
    assert [(0, "value"), (1, "value"), (2, "day"), (2, "time")] == [
        (s.column, s.part) for s in layout.slots
    ]


def test_a_row_shows_as_many_codes_and_floats_as_its_slots_together() -> None:
    layout = Layout((COLOUR, NOTED, dated(MOMENTS), NumberColumn("n", number(RNG.random(ROWS)))))
    values = {
        "colour": ints(1, 0), "note": ints(0, 1), "d": MOMENTS[:2], "n": np.array([0.5, np.nan])
    }  # fmt: skip
    whole = layout.features(values, 2)
    parts = [layout.slot_features(s, values) for s in layout.slots]
    assert layout.shape.cards == whole.cards == tuple(c for p in parts for c in p.cards)
    assert (whole.codes < np.array(whole.cards)).all()


def test_a_layout_without_columns_still_has_rows() -> None:
    assert 4 == len(Layout(()).features({}, 4))


def test_targets_of_categories_are_their_tokens() -> None:
    layout = Layout((COLOUR, NOTED))
    values = {"colour": ints(1, 3, 0), "note": ints(1, 0, 1)}
    targets = layout.targets(values, {}, ints(-1, -1, -1))
    assert [[1, 3, 0], [1, 0, 1]] == [t.tolist() for t in targets]


def test_first_and_later_siblings_have_heads_of_their_own() -> None:
    running = np.tile(np.arange(1.0, 4.0), ROWS // 3)
    gaps = np.where(SIBLINGS.index > 0, 1.0, np.nan)
    column = NumberColumn("line", number(running), number(gaps), is_strict=True)
    layout = Layout((column,))
    first, later = layout.targets({"line": running}, {}, SIBLINGS.previous)
    assert (SIBLINGS.index == 0).tolist() == (first != IGNORED).tolist()
    assert (SIBLINGS.index > 0).tolist() == (later != IGNORED).tolist()
    head = layout.slots[0].heads[1]
    tokens = later[1:2]
    assert [8.0] == place_number(column, head, tokens, np.array([0.5]), np.array([7.0])).tolist()


def test_a_strict_order_never_stands_still() -> None:
    column = NumberColumn("n", number(np.arange(float(ROWS))), number(np.zeros(ROWS)), True)
    head = Layout((column,)).slots[0].heads[1]
    after = place_number(column, head, np.ones(5, np.int64), np.full(5, 0.5), np.full(5, 3.0))
    assert (after > 3.0).all()


def test_an_order_by_date_never_runs_backwards() -> None:
    starts = np.repeat(RNG.integers(15_000, 16_000, ROWS // 3), 3) * DAY
    values = starts + SIBLINGS.index * 5 * DAY
    column = dated(values, SIBLINGS, is_date=True)
    head = Layout((column,)).slots[0].heads[1]
    assert column.gap is not None
    tokens = RNG.integers(0, column.gap.tokens, 50)
    before = np.full(50, 100 * DAY)
    assert (place_day(column, head, tokens, RNG.random(50), before) >= before)[tokens > 0].all()


def test_a_date_that_follows_another_one_is_learned_as_the_distance_to_it() -> None:
    later = MOMENTS + RNG.integers(1, 20, ROWS) * DAY
    column = dated(later, anchors={"placed": MOMENTS})
    assert "placed" == column.anchor
    layout = Layout((column,))
    targets = layout.targets({"d": later}, {"placed": MOMENTS}, np.full(ROWS, -1))
    head = layout.slots[0].heads[0]
    back = place_day(column, head, targets[0], np.full(ROWS, 0.5), MOMENTS)
    released = np.floor(later / DAY) <= column.day.high  # later days are moved to the last of them
    assert released.mean() > 0.99
    assert np.floor(later / DAY)[released].tolist() == np.floor(back / DAY)[released].tolist()


def test_a_date_whose_anchor_is_missing_is_not_learned_from() -> None:
    later = MOMENTS + DAY
    column = dated(later, anchors={"placed": MOMENTS})
    gone = np.where(np.arange(ROWS) == 0, np.nan, MOMENTS)
    targets = Layout((column,)).targets({"d": later}, {"placed": gone}, np.full(ROWS, -1))
    assert IGNORED == targets[0][0]
    assert IGNORED not in targets[0][1:]


def test_short_distances_are_learned_in_seconds_without_a_time_of_their_own() -> None:
    later = MOMENTS + RNG.integers(60, 7200, ROWS)
    column = dated(later, anchors={"placed": MOMENTS})
    assert "second" == column.unit
    assert not has_time_slot(column)


def test_times_of_day_stay_within_their_day() -> None:
    column = dated(MOMENTS)
    assert column.time is not None
    times = column.time.decode(RNG.integers(0, column.time.tokens, 200), RNG.random(200))
    placed = place_time(np.full(200, 5 * DAY), times)
    assert set(np.floor(placed / DAY).tolist()) == {5.0}


@pytest.mark.parametrize(("unit", "expected"), [("day", 1.0), ("second", 7200.0)])
def test_distance_counts_midnights_or_seconds(unit: str, expected: float) -> None:
    eve, morning = np.array([DAY - HOUR]), np.array([DAY + HOUR])
    assert [expected] == distance(morning, eve, unit).tolist()


def test_position_says_how_many_came_and_how_many_will() -> None:
    seen = position(ints(0, 1, 99), ints(2, 2, 100))
    assert [[1, 2], [2, 1], [32, 1]] == seen.codes.tolist()


def test_siblings_are_counted_within_their_owner_and_orphans_stand_alone() -> None:
    found = siblings_of(ints(0, 0, 2, -1, -1), 5)
    assert [0, 1, 0, 0, 0] == found.index.tolist()
    assert [2, 2, 1, 1, 1] == found.count.tolist()
    assert [-1, 0, -1, -1, -1] == found.previous.tolist()
    assert [0, 0, 2, 3, 4] == found.first.tolist()


def test_pace_tells_how_much_time_each_row_has_left() -> None:
    before = np.array([0.0, 0.0, np.nan]) * DAY
    seen = pace(before, np.array([9.0, 9.0, 9.0]) * DAY, ints(0, 8, 3))
    assert np.allclose(np.log1p([9.0, 1.0, 0.0])[:2], seen.floats[:2, 1])
    assert seen.codes[0, 0] > seen.codes[1, 0]
    assert [0, 0] == seen.codes[2].tolist()
    assert not seen.floats[2].any()


@pytest.mark.parametrize("is_strict", [False, True])
def test_the_last_sibling_comes_on_its_day_and_none_after_it(is_strict: bool) -> None:
    days = np.tile(np.arange(3.0), ROWS // 3) * DAY
    column = dated(days, SIBLINGS, is_strict=is_strict)
    placed = np.array([5.0, 50.0, 7.0, np.nan]) * DAY
    moved = within(column, placed, np.full(4, 4.0) * DAY, np.full(4, 20.0) * DAY, ints(3, 2, 0, 1))
    latest = 18.0 if is_strict else 20.0
    assert [5.0, latest, 20.0] == (moved[:3] / DAY).tolist()
    assert np.isnan(moved[3])


def test_no_sibling_moves_before_what_it_follows() -> None:
    days = np.tile(np.arange(3.0), ROWS // 3) * DAY
    column = dated(days, SIBLINGS, is_strict=True)
    moved = within(
        column, np.array([31.0]) * DAY, np.array([30.0]) * DAY, np.array([20.0]) * DAY, ints(0)
    )
    assert [31.0] == (moved / DAY).tolist()


def test_small_categories_are_counted_label_by_label() -> None:
    codec = CategoryCodec(("a", "b"))
    wide = CategoryCodec(tuple(str(i) for i in range(99)))
    layout = Layout((CategoryColumn("w", wide), CategoryColumn("c", codec), PresenceColumn("p")))
    assert ((1, 4), (2, 2)) == layout.counted


def test_what_is_moved_stays_on_the_steps_that_gaps_have() -> None:
    hours = np.tile([0.0, 1.0, 4.0, 0.0, 2.0, 3.0], ROWS // 6) * HOUR
    column = dated(hours, SIBLINGS, is_strict=True, is_date=False)
    assert "second" == column.unit
    start = np.array([19 * HOUR, 22 * HOUR])
    moved = within(column, np.array([23 * HOUR, 23 * HOUR]), start, np.zeros(2), ints(2, 0))
    assert [21.0, 23.0] == (moved / HOUR).tolist()


def test_siblings_stay_on_the_first_of_a_month_and_come_sooner_without_room() -> None:
    months = np.tile(np.arange("2020-01", "2020-09", dtype="datetime64[M]"), ROWS // 8)
    days = months.astype("datetime64[D]").astype(float)
    column = dated(days * DAY, SIBLINGS, is_strict=True, is_date=True)
    assert "month" == column.grid
    end = np.full(2, days.max() * DAY)
    start = np.array([days[6] + 9, np.nan]) * DAY
    moved = within(column, np.array([days[7], days[1]]) * DAY, start, end, ints(2, 1))
    assert [days[5], days[1]] == (moved / DAY).tolist()
