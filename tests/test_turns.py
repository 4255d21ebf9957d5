"""Turns of the calendar are found where dates take them, and lead where they say."""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsynth.release import Release
from dbsynth.turns import TURNS, find_turns, follow, taken, turned
from dbsynth.values import DAY

OPEN = Release(0, is_protected=False)


def days(*texts: str) -> np.ndarray:
    return np.array([np.datetime64(t, "D").astype(np.int64) for t in texts], np.float64)


@pytest.mark.parametrize(
    ("turn", "start", "end"),
    [
        ("end", "2024-02-10", "2024-02-29"),
        ("first", "2023-12-05", "2024-01-01"),
        ("end of next", "2024-01-31", "2024-02-29"),
        ("month", "2024-01-31", "2024-02-29"),
        ("month", "2024-03-15", "2024-04-15"),
        ("quarter", "2023-11-30", "2024-02-29"),
        ("year", "2024-02-29", "2025-02-28"),
    ],
)
def test_where_turns_lead(turn: str, start: str, end: str) -> None:
    assert turned(days(start), turn).tolist() == days(end).tolist()


def test_the_end_of_a_month_leads_nowhere_on_that_day() -> None:
    assert np.isnan(turned(days("2024-02-29"), "end")).all()
    assert np.isnan(turned(np.array([np.nan]), "month")).all()


def test_monthly_bills_are_found_and_random_gaps_are_not() -> None:
    rng = np.random.default_rng(1)
    start = rng.integers(10_000, 20_000, 2_000).astype(np.float64)
    entities = np.arange(2_000)
    there = np.where(rng.random(2_000) < 0.4, turned(start, "end"), start + rng.integers(0, 40))
    assert find_turns("t.c", there * DAY, start * DAY, entities, OPEN) == ("end",)
    by_chance = start + rng.integers(0, 60, 2_000)
    assert find_turns("t.c", by_chance * DAY, start * DAY, entities, OPEN) == ()
    assert find_turns("t.c", (start + 1) * DAY, start * DAY, entities, OPEN) == ()


def test_a_turn_that_too_few_entities_take_stays_in_the_source() -> None:
    start = np.tile(days("2024-01-05", "2024-01-20"), 100)
    there = turned(start, "first")
    there[8:] = start[8:] + 200
    entities = np.arange(200) // 4  # only two entities have such rows
    assert find_turns("t.c", there * DAY, start * DAY, entities, Release(0)) == ()


@given(
    st.lists(st.dates(dt.date(1950, 1, 1), dt.date(2090, 1, 1)), min_size=1, max_size=30),
    st.integers(0, len(TURNS) - 1),
)
def test_what_is_followed_is_taken(dates: list[dt.date], number: int) -> None:
    start = days(*(d.isoformat() for d in dates)) * DAY
    turns = tuple(TURNS)
    there = follow(start.copy(), start, np.full(len(start), number), turns)
    moved = there > start
    found = taken(there, start, turns)
    assert (found[moved] >= 0).all()
    assert (found[moved] <= number).all()  # the first turn that leads there counts
    again = follow(start.copy(), start, found, turns)
    assert (again[moved] == there[moved]).all()
