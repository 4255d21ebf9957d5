"""Tests of dbsynth.criteria: SQL conditions read as SQL reads them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing

import numpy as np
import pytest

from dbsynth.criteria import Comparison, CriterionError, Truth, by_column, read_condition, truth

ROWS: list[tuple[int, float | None, float | None]] = [
    (1, 1.0, None), (2, 2.0, 5.0), (3, None, 7.0), (4, 4.0, 1.0), (5, None, None), (6, 9.0, 9.0),
]  # fmt: skip

CONDITIONS = [
    "t.a = 2",
    "2 < t.a",
    "4 >= t.a",
    "t.a <> 2",
    "t.a in (1, 9)",
    "t.a not in (1, 9)",
    "t.a between 2 and 4",
    "not (t.a between 2 and 4)",
    "t.a is null",
    "t.a is not null and t.b is null",
    "t.a = 1 or t.b = 7",
    "not (t.a = 1 or t.b = 7)",
    "not (t.a = 2 and t.b = 5)",
    "(t.a > 1 and t.b > 1) or t.a is null",
]


def _ask(values: Mapping[str, np.ndarray], test: Comparison) -> Truth:
    column = values[test.column]
    missing = np.isnan(column)
    if test.operator == "null":
        return missing, ~missing
    constants = [float(c) for c in test.constants]
    first = constants[0]
    found = {
        "in": np.isin(column, constants), "lt": column < first, "le": column <= first,
        "gt": column > first, "ge": column >= first,
    }[test.operator]  # fmt: skip
    return found & ~missing, ~found & ~missing


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_condition_holds_where_a_database_says_so(condition: str) -> None:
    with closing(sqlite3.connect(":memory:")) as base:
        base.execute("CREATE TABLE t (id integer, a real, b real)")
        base.executemany("INSERT INTO t VALUES (?, ?, ?)", ROWS)
        expected = [n for (n,) in base.execute(f"SELECT id FROM t WHERE {condition} ORDER BY id")]
    names, criterion = read_condition(condition, "sqlite")
    values = {
        "a": np.array([r[1] for r in ROWS], np.float64),
        "b": np.array([r[2] for r in ROWS], np.float64),
    }
    holds, fails = truth(criterion, lambda test: _ask(values, test))
    assert ("t",) == names
    assert expected == [row[0] for row, yes in zip(ROWS, holds, strict=True) if yes]
    assert not (holds & fails).any()


@pytest.mark.parametrize(
    "condition",
    [
        "status = 'x'",
        "orders.status = ",
        "lower(orders.status) = 'x'",
        "orders.total > orders.paid",
        "orders.total + 1 > 3",
        "orders.total in (select 1)",
        "orders.status like 'a%'",
        "orders.a = 1 and status = 2",
        "1 = 1",
    ],
)
def test_what_is_not_understood_is_refused(condition: str) -> None:
    with pytest.raises(CriterionError):
        read_condition(condition, "postgresql")


def test_names_may_be_quoted_and_have_a_schema() -> None:
    names, criterion = read_condition('"my shop"."order"."Paid" and date \'2024-01-01\' < '
                                      '"my shop"."order".day', "postgresql")  # fmt: skip
    assert ("my shop.order",) == names
    assert {"Paid", "day"} == set(by_column(criterion))


def test_only_parts_about_one_column_say_which_values_it_may_have() -> None:
    _, criterion = read_condition("t.a > 1 and t.a < 5 and (t.b = 1 or t.c = 1)", "sqlite")
    assert ["a"] == list(by_column(criterion))
