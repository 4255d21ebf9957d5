"""Tests of dbsynth.keepers.ordered: numbers and moments of a row that are put in order together."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from dbsynth.arrow import arrow_schema
from dbsynth.keepers.ordered import Ordered
from dbsynth.rules.book import Rule
from dbsynth.rules.rowsteps import steps
from tests.test_keeping import WIDE
from tests.test_rowkeeper import NAME, moment


def kept(texts: list[str], **columns: list[Any]) -> dict[str, list[Any]]:
    rules = [Rule(table=NAME, text=t, status="found") for t in texts]
    fixed = frozenset({"id", "boss.sent", "boss.land"})
    ordered = Ordered.of(rules, WIDE, fixed, steps(rules, WIDE, fixed))
    assert ordered is not None
    given_, schema = {n.replace("__", "."): v for n, v in columns.items()}, arrow_schema(WIDE)
    size = len(next(iter(columns.values())))
    rows = pa.table([pa.array(given_.get(f.name, [None] * size), f.type) for f in schema], schema)
    made, changed = ordered.keep(rows)
    assert {n for n in given_ if made[n].to_pylist() != given_[n]} == changed
    return {n: made[n].to_pylist() for n in given_}


def test_bounds_come_through_columns_that_can_move() -> None:
    # The row above says the latest moment of the second column, and thereby of the first.
    made = kept(
        ["made <= sent", "sent <= boss.sent"],
        made=[moment(1), moment(9), moment(9), None],
        sent=[moment(2), moment(9), None, moment(8)],
        boss__sent=[moment(4), moment(5), moment(5), moment(5)],
    )
    assert (moment(1), moment(2)) == (made["made"][0], made["sent"][0])
    assert made["made"][1] <= made["sent"][1] <= moment(5)
    assert (moment(9), None) == (made["made"][2], made["sent"][2])
    assert made["sent"][3] <= moment(5)


def test_what_is_calculated_does_not_move() -> None:
    texts = ["due = day", "made <= sent", "sent <= due"]
    rules = [Rule(table=NAME, text=t, status="found") for t in texts]
    ordered = Ordered.of(rules, WIDE, frozenset({"id"}), steps(rules, WIDE, frozenset({"id"})))
    assert ordered is not None
    assert {"made", "sent"} == set(ordered.movable)


@given(st.lists(st.tuples(*[st.integers(1, 28) | st.none()] * 3), min_size=1, max_size=9))
def test_all_orders_hold_where_they_can(rows: list[tuple[int | None, ...]]) -> None:
    names = ("boss__sent", "made", "sent")
    columns = {
        n: [None if r[i] is None else moment(r[i]) for r in rows] for i, n in enumerate(names)
    }
    made = kept(["boss.sent <= made", "made <= sent", "boss.sent <= sent"], **columns)
    for low, high in (("boss.sent", "made"), ("made", "sent"), ("boss.sent", "sent")):
        both = zip(made[low], made[high], strict=True)
        assert all(a <= b for a, b in both if a is not None and b is not None)
