"""Tests of the steps of rules about siblings and of the keeper who takes them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsynth.arrow import arrow_type
from dbsynth.keepers.groupkeeper import GroupKeeper
from dbsynth.keepers.spacing import at_least_after, packed
from dbsynth.keepers.walks import walked
from dbsynth.rules.book import Rule
from dbsynth.rules.groupsteps import group_steps, is_one_way
from dbsynth.schema import Column, ForeignKey, Schema, SqlType, Table, TableName

PARENT, NAME = TableName("", "rooms"), TableName("", "stays")
WHOLE = SqlType(kind="integer", native="integer", bits=32)
TYPES = {
    "id": WHOLE,
    "room": WHOLE,
    "number": WHOLE,
    "part": SqlType(kind="decimal", native="numeric(8,2)", precision=8, scale=2),
    "total": SqlType(kind="decimal", native="numeric(8,2)", precision=8, scale=2),
    "begins": SqlType(kind="date", native="date"),
    "ends": SqlType(kind="date", native="date"),
    "left": SqlType(kind="timestamp", native="timestamp"),
    "state": SqlType(kind="string", native="text"),
    "is_main": SqlType(kind="boolean", native="boolean"),
}
TABLE = Table(
    name=NAME,
    columns=tuple(Column(name=n, type=t) for n, t in TYPES.items()),
    primary_key=("id",),
    foreign_keys=(
        ForeignKey(name="k", child=NAME, columns=("room",), parent=PARENT, parent_columns=("id",)),
    ),
)
ROOMS = Table(name=PARENT, columns=(Column(name="id", type=WHOLE),), primary_key=("id",))
SCHEMA = Schema(dialect="duckdb", server_version="1", tables=(ROOMS, TABLE))
DAY = date(2024, 1, 1)
STATES = "(('', 'new'), ('new', 'open'), ('open', 'done'))"


def steps(*texts: str, table: TableName = NAME) -> Any:
    return group_steps([Rule(table=table, text=t) for t in texts], TABLE, SCHEMA)


def kept(
    found: Any,
    fixed: str = "room",
    free: str = "",
    follows: dict[str, tuple[str, ...]] | None = None,
    **columns: list[Any],
) -> dict[str, Any]:
    size = len(next(iter(columns.values())))
    given = {n: columns.get(n, [None] * size) for n in TYPES}
    rows = pa.table({n: pa.array(v, arrow_type(TYPES[n])) for n, v in given.items()})
    keeper = GroupKeeper(found, frozenset(fixed.split()), frozenset(free.split()), follows or {})
    made, changed = keeper.keep(rows, np.random.default_rng(1))
    assert changed == {n for n in TYPES if not made[n].equals(rows[n])}
    return {n: made[n].to_pylist() for n in columns}


def days(*numbers: int) -> list[date]:
    return [DAY + timedelta(days=n) for n in numbers]


def test_siblings_exchange_values_until_they_are_in_order() -> None:
    rule = steps("begins >= lag(begins) OVER (PARTITION BY room ORDER BY number)")
    made = kept(rule, room=[1, 1, 1, 2], number=[3, 1, 2, 1], begins=days(0, 2, 5, 1))
    assert days(5, 0, 2, 1) == made["begins"]


def test_siblings_exchange_a_key_that_says_nothing_instead() -> None:
    rule = steps("number <= lag(number) OVER (PARTITION BY room ORDER BY id)")
    made = kept(rule, free="id", id=[1, 2, 3], room=[1, 1, 1], number=[4, 9, 6])
    assert ([3, 1, 2], [4, 9, 6]) == (made["id"], made["number"])


def test_one_numbering_serves_several_partitions() -> None:
    rules = steps(
        "number >= lag(number) OVER (PARTITION BY room ORDER BY id)",
        "part >= lag(part) OVER (PARTITION BY number ORDER BY id)",
    )
    made = kept(rules, free="id", id=[1, 2, 3, 4], room=[1, 1, 2, 2], number=[2, 1, 2, 1],
                part=[8, 6, 7, 5])  # fmt: skip
    assert [4, 2, 3, 1] == made["id"]


def test_what_follows_from_an_ordered_column_is_ordered_by_another_choice_of_followers() -> None:
    rules = steps(
        "number >= lag(number) OVER (PARTITION BY room ORDER BY id)",
        "part >= lag(part) OVER (PARTITION BY room ORDER BY id)",
    )
    made = kept(rules, follows={"part": ("number",)}, id=[1, 2, 3, 4], room=[1, 1, 2, 2],
                number=[10, 20, 20, 30], part=[8, 6, 6, 7])  # fmt: skip
    assert [6, 6, 6, 7] == [int(p) for p in made["part"]]  # only what follows from 10 changes


def test_of_columns_that_follow_from_each_other_one_is_put_in_order_and_leads() -> None:
    rules = steps(
        "number >= lag(number) OVER (PARTITION BY room ORDER BY id)",
        "total >= lag(total) OVER (PARTITION BY room ORDER BY id)",
        "part <= lag(part) OVER (PARTITION BY room ORDER BY id)",
    )
    follows = {"part": ("number",), "number": ("total",), "total": ("number",)}
    made = kept(rules, free="id", follows=follows, id=[1, 2, 3, 4], room=[1, 1, 2, 2],
                number=[20, 10, 20, 30], total=[2, 1, 2, 3], part=[6, 8, 6, 5])  # fmt: skip
    assert [2, 1, 3, 4] == made["id"]
    assert [6, 8, 6, 5] == [int(p) for p in made["part"]]


def test_one_row_that_is_wrong_changes_nothing_for_all_that_have_its_label() -> None:
    rules = steps(
        "number >= lag(number) OVER (PARTITION BY room ORDER BY id)",
        "part >= lag(part) OVER (PARTITION BY room ORDER BY id)",
    )
    made = kept(rules, follows={"part": ("number",), "state": ("number",)}, id=[1, 2, 3, 4, 5],
                room=[1, 1, 2, 2, 2], number=[10, 20, 20, 20, 30], part=[5, 0, 0, 0, 3],
                state=["a", "a", "b", "b", "b"])  # fmt: skip
    assert [5, 0, 0, 0, 3] == [int(p) for p in made["part"]]  # 20 goes with b, but once


def test_moments_that_end_spans_of_days_keep_their_distance() -> None:
    rule = steps("begins >= lag(left) OVER (PARTITION BY room ORDER BY begins)")
    at = [datetime(2024, 1, d, 6, 30) for d in (1, 2, 2, 9)]  # noqa: DTZ001
    made = kept(rule, room=[1, 1, 1, 1], begins=days(0, 1, 1, 8), left=at)
    assert made["begins"] == [m.date() for m in made["left"]]
    assert {m.time() for m in at} == {m.time() for m in made["left"]}
    assert len(set(made["begins"])) == 4


def test_rows_without_a_parent_have_no_siblings() -> None:
    rule = steps("number >= lag(number) OVER (PARTITION BY room ORDER BY id)")
    made = kept(rule, id=[1, 2, 3], room=[None, None, 1], number=[5, 4, 1])
    assert [5, 4, 1] == made["number"]


def test_balances_add_up_from_the_first_row_or_from_its_own_value() -> None:
    whole = steps("total = sum(part) OVER (PARTITION BY room ORDER BY number)")
    given: dict[str, list[Any]] = {
        "room": [1, 1, 2, 1], "number": [1, 3, 1, 2], "part": [10, 30, 5, 20],
        "total": [9, 9, 9, 9],
    }  # fmt: skip
    assert [10, 60, 5, 30] == [int(t) for t in kept(whole, **given)["total"]]
    lagged = steps("total - lag(total) OVER (PARTITION BY room ORDER BY number) = part")
    assert [9, 59, 9, 29] == [int(t) for t in kept(lagged, **given)["total"]]


def test_spans_are_pushed_along_and_stay_within_their_time() -> None:
    rule = steps("begins >= lag(ends) OVER (PARTITION BY room ORDER BY begins)")
    made = kept(rule, room=[1, 1, 1], begins=days(0, 1, 2), ends=days(3, 4, 9))
    spans = sorted(zip(made["begins"], made["ends"], strict=True))
    assert all(b[0] >= a[1] for a, b in pairwise(spans))
    assert DAY <= spans[0][0]
    assert spans[-1][1] <= DAY + timedelta(days=9)


def test_spans_end_where_the_next_begins_if_starts_may_not_move() -> None:
    apart = "begins >= lag(ends) OVER (PARTITION BY room ORDER BY begins)"
    days = [DAY + timedelta(n) for n in (0, 5, 9, 30)]
    never = date(9999, 1, 1)
    given = {
        "room": [1, 1, 2, 2, *range(3, 9)],
        "begins": [days[i] for i in (1, 0, 0, 2)] + [days[3]] * 6,
    }
    given["ends"] = [days[2], never, days[1], days[3], *[never] * 3, *[days[3]] * 3]
    made = kept(steps(apart), "room begins", **given)
    assert made["begins"] == given["begins"]
    # What was open too early is open at last.
    assert made["ends"][:4] == [never, days[1], days[1], days[3]]
    assert made["ends"][4:] == given["ends"][4:]
    meet = "begins = lag(ends) OVER (PARTITION BY room ORDER BY begins)"
    made = kept(steps(meet), "room begins", **given)
    assert made["ends"][:4] == [never, days[1], days[2], days[3]]


def test_no_span_of_days_is_pushed_to_the_end_of_time() -> None:
    apart = "begins >= lag(ends) OVER (PARTITION BY room ORDER BY begins)"
    never, later = date(9999, 1, 1), DAY + timedelta(9)
    given = {"room": [1, 1, 2, 2, 3], "begins": [DAY, DAY, DAY, later, DAY]}
    given["ends"] = [never, later, later, never, never]
    made = kept(steps(apart), **given)
    assert max(made["begins"]) < date(2025, 1, 1)
    assert sorted(made["ends"])[2:] == [never] * 3


def test_states_follow_on_each_other() -> None:
    rule = steps(
        "(coalesce(lag(state) OVER (PARTITION BY room ORDER BY number), ''), state) IN " + STATES
    )
    made = kept(rule, room=[1, 1, 1, 2], number=[1, 2, 3, 1], state=["done", "open", "x", "new"])
    assert ["new", "open", "done", "new"] == made["state"]


@pytest.mark.parametrize("sign", ["<=", "="])
def test_at_most_one_or_exactly_one_is_marked(sign: str) -> None:
    rule = steps(f"count(stays) FILTER (WHERE stays.is_main) {sign} 1", table=PARENT)
    made = kept(rule, room=[1, 1, 2, 2], is_main=[True, True, False, False])
    marks = np.array(made["is_main"])
    assert (1, sign == "=") == (marks[:2].sum(), marks[2:].sum())


def test_labels_mark_as_well() -> None:
    rule = steps("count(stays) FILTER (WHERE stays.state = 'boss') <= 1", table=PARENT)
    made = kept(rule, room=[1, 1, 1], state=["boss", "hand", "boss"])
    assert ["boss", "hand", "hand"] == sorted(made["state"])


def test_siblings_are_numbered() -> None:
    rule = steps("number = row_number() OVER (PARTITION BY room ORDER BY begins) - 1")
    made = kept(rule, room=[1, 1, 2], begins=days(4, 2, 0), number=[7, 7, 7])
    assert [1, 0, 0] == made["number"]


@pytest.mark.parametrize(
    "text",
    [
        "begins >= lag(begins, 2) OVER (PARTITION BY rooms.id ORDER BY number)",
        "begins >= lag(begins) OVER (ORDER BY number)",
        "begins >= lag(begins) OVER (PARTITION BY room ORDER BY number DESC)",
        "begins > ends",
        "count(stays) FILTER (WHERE stays.is_main) <= 2",
    ],
)
def test_what_is_not_understood_is_left_alone(text: str) -> None:
    assert steps(text) == ()


def test_what_never_comes_again() -> None:
    assert is_one_way([("", "a"), ("a", "b"), ("a", "c")])
    assert not is_one_way([("", "a"), ("a", "b"), ("b", "a")])


numbers = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 60), st.integers(0, 40)), min_size=1)


@given(numbers)
def test_values_are_apart_and_spans_do_not_overlap(rows: list[tuple[int, int, int]]) -> None:
    groups, start, length = (np.array(c) for c in zip(*sorted(rows), strict=True))
    same = groups[1:] == groups[:-1]
    apart = at_least_after(start.astype(float), length.astype(float), groups)
    assert (np.diff(apart)[same] >= length[:-1][same]).all()
    assert (apart >= start).all()
    begun, ended = packed(start.astype(float), length.astype(float), groups, 1.0)
    assert (ended > begun).all()
    assert (begun[1:][same] >= ended[:-1][same]).all()
    for group in np.unique(groups):
        here = groups == group
        latest = max((start + length)[here].max(), start[here].min() + here.sum())
        assert ended[here].max() <= latest
        assert begun[here].min() >= start[here].min()


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-1, 2)), min_size=1), st.integers(0, 9))
def test_walks_only_take_steps_that_are_allowed(rows: list[tuple[int, int]], seed: int) -> None:
    groups, drawn = (np.array(c) for c in zip(*sorted(rows), strict=True))
    allowed = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0], [1, 0, 0]], bool)
    there = np.ones(len(drawn), bool)
    made = walked(drawn, there, groups, allowed, np.random.default_rng(seed))
    before = np.where(np.append([True], groups[1:] != groups[:-1]), 3, np.append([3], made[:-1]))
    assert (made >= 0).all()
    assert allowed[before, made].all()
