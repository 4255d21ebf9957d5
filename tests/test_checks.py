"""What checks say about columns, and how rows that break them are mended."""

import numpy as np
import pyarrow as pa

from dbsynth.checks import Repair
from dbsynth.limits import allowed_labels, bounds
from dbsynth.schema import Check, Column, SqlType, Table, TableName

INTEGER = SqlType(kind="integer", native="integer", bits=32)
TEXT = SqlType(kind="string", native="text")


def table(*checks: str) -> Table:
    return Table(
        name=TableName("public", "stay"),
        columns=(
            Column(name="stay_id", type=INTEGER, is_nullable=False),
            Column(name="first", type=INTEGER),
            Column(name="last", type=INTEGER),
            Column(name="state", type=TEXT),
        ),
        primary_key=("stay_id",),
        checks=tuple(Check(name=f"c{i}", expression=e) for i, e in enumerate(checks)),
    )


def test_labels_come_from_in_lists_in_every_spelling() -> None:
    spellings = (
        "state IN ('new', 'done')",
        "(state)::text = ANY ((ARRAY['new'::varchar, 'done'::varchar])::text[])",
        "state = 'new' OR state = 'done'",
    )
    for expression in spellings:
        assert ("new", "done") == allowed_labels(table(expression), "state", "postgresql")


def test_checks_that_list_nothing_give_no_labels() -> None:
    for expression in ("state <> 'new'", "state LIKE 'n%'", "state ~ '^n'", "length(state) > 1"):
        assert () == allowed_labels(table(expression), "state", "postgresql")


def test_a_check_on_two_columns_lists_no_labels() -> None:
    check = "state IN ('new') OR first > 0"
    assert () == allowed_labels(table(check), "state", "postgresql")


def test_bounds_come_from_comparisons_with_numbers() -> None:
    assert (1.0, None) == bounds(table("first > 0"), "first", "postgresql")
    assert (0.0, 9.0) == bounds(table("first >= 0 AND first < 10"), "first", "postgresql")
    assert (2.0, 5.0) == bounds(table("first BETWEEN 2 AND 5"), "first", "postgresql")
    assert (None, None) == bounds(table("first > last"), "first", "postgresql")


def test_rows_that_break_a_check_take_the_values_of_one_row_that_does_not() -> None:
    rows = pa.table(
        {"stay_id": [1, 2, 3], "first": [1, 9, 4], "last": [2, 3, 6], "state": ["a", "b", "c"]}
    )
    repair = Repair.of(table("last >= first"), "postgresql", {"stay_id"})
    assert repair is not None
    donors = repair.donors(rows, np.random.default_rng(0))
    assert {"first", "last"} == set(donors)
    assert donors["first"].tolist() == donors["last"].tolist()
    mended = [rows.column(c).take(pa.array(donors[c])).to_pylist() for c in ("first", "last")]
    assert all(last >= first for first, last in zip(*mended, strict=True))
    assert [0, 2] == donors["first"][[0, 2]].tolist()


def test_mending_one_check_does_not_break_another() -> None:
    rng = np.random.default_rng(1)
    rows = pa.table(
        {
            "stay_id": np.arange(500),
            "first": rng.integers(0, 20, 500),
            "last": rng.integers(0, 20, 500),
            "state": ["a"] * 500,
        }
    )
    repair = Repair.of(table("last >= first", "first > 3", "last < 18"), "postgresql", set())
    assert repair is not None
    for column, donors in repair.donors(rows, rng).items():
        taken = rows.column(column).take(pa.array(donors))
        rows = rows.set_column(rows.column_names.index(column), column, taken)
    first, last = np.asarray(rows["first"]), np.asarray(rows["last"])
    assert bool(((last >= first) & (first > 3) & (last < 18)).all())


def test_null_breaks_no_check_and_rows_that_hold_are_not_touched() -> None:
    rows = pa.table(
        {
            "stay_id": [1, 2],
            "first": pa.array([None, 1], pa.int32()),
            "last": [0, 5],
            "state": ["", ""],
        }
    )
    repair = Repair.of(table("last >= first"), "postgresql", set())
    assert repair is not None
    assert {} == repair.donors(rows, np.random.default_rng(0))


def test_checks_on_keys_alone_or_beyond_understanding_are_left_to_the_database() -> None:
    assert Repair.of(table("stay_id > 0"), "postgresql", {"stay_id"}) is None
    assert Repair.of(table("frobnicate(first)"), "postgresql", set()) is None
