"""Intervals of one group are moved apart, and stay as long as they were."""

import datetime as dt

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from dbsynth.adapters.scratch import Scratch
from dbsynth.mending.exclusions import Apart
from dbsynth.schema import Column, Exclusion, SqlType, Table, TableName
from dbsynth.values import to_floats

DAY = 86_400.0
DATE = SqlType(kind="date", native="date")


def table(*elements: tuple[str, str], predicate: str | None = None) -> Table:
    return Table(
        name=TableName("public", "booking"),
        columns=(
            Column(name="room", type=SqlType(kind="integer", native="integer", bits=32)),
            Column(name="first", type=DATE),
            Column(name="last", type=DATE),
            Column(name="during", type=SqlType(kind="other", native="tsrange")),
            Column(name="state", type=SqlType(kind="string", native="text")),
        ),
        exclusions=(Exclusion(name="apart", elements=elements, predicate=predicate),),
    )


def rows(spans: list[tuple[int, int, int]], state: str = "kept") -> pa.Table:
    start = dt.date(2024, 1, 1)
    return pa.table(
        {
            "room": pa.array([room for room, _, _ in spans], pa.int32()),
            "first": pa.array([start + dt.timedelta(a) for _, a, _ in spans], pa.date32()),
            "last": pa.array([start + dt.timedelta(a + n) for _, a, n in spans], pa.date32()),
            "during": pa.array(["empty"] * len(spans)),
            "state": pa.array([state] * len(spans)),
        }
    )


CLOSED = ("daterange(first, last, '[]'::text)", "&&")
spans = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 40), st.integers(0, 9)), min_size=1, max_size=15
)


@given(spans)
def test_closed_intervals_of_a_room_do_not_touch(made: list[tuple[int, int, int]]) -> None:
    (rule,) = Apart.of(table(("room", "="), CLOSED), "postgresql")
    moved = rule.moved(rows(made), Scratch())
    first, last = (to_floats(moved.column(c).combine_chunks()) for c in ("first", "last"))
    room, end = np.asarray(moved.column("room")), max(a + n for _, a, n in made)
    assert bool((last >= first).all())
    for one in np.unique(room):
        order = np.flatnonzero(room == one)[np.argsort(first[room == one])]
        assert bool((first[order][1:] > last[order][:-1]).all())
        own = [(a, n) for r, a, n in made if r == one]
        if sum(n + 1 for _, n in own) <= end + 1 - min(a for a, _ in own):  # nobody is cut short
            kept = (last[room == one] - first[room == one]) / DAY
            assert [n for _, n in own] == kept.tolist()


def test_intervals_that_do_not_overlap_stay_where_they_are() -> None:
    (rule,) = Apart.of(table(("room", "="), CLOSED), "postgresql")
    before = rows([(1, 0, 3), (1, 4, 3), (2, 0, 9)])
    assert before.equals(rule.moved(before, Scratch()))


def test_rows_that_the_predicate_leaves_out_stay_where_they_are() -> None:
    declared = table(("room", "="), CLOSED, predicate="(state <> 'off'::text)")
    (rule,) = Apart.of(declared, "postgresql")
    before = rows([(1, 0, 3), (1, 0, 3)], "off")
    assert before.equals(rule.moved(before, Scratch()))


def test_ranges_are_moved_in_their_own_words() -> None:
    (rule,) = Apart.of(table(("room", "="), ("during", "&&")), "postgresql")
    text = '["2024-01-01 10:00:00","2024-01-01 12:00:00")'
    before = rows([(1, 0, 0)] * 4).set_column(
        3, "during", pa.array([text, text, '["2024-01-03 00:00:00",)', None])
    )
    assert [
        text,
        '["2024-01-01 12:00:00.000000","2024-01-01 14:00:00.000000")',
        '["2024-01-03 00:00:00",)',
        None,
    ] == rule.moved(before, Scratch()).column("during").to_pylist()


def test_other_operators_are_left_to_the_database() -> None:
    assert () == Apart.of(table(("room", "<>"), CLOSED), "postgresql")
    assert () == Apart.of(table(("room", "="), ("circle(first)", "&&")), "postgresql")
