"""What checks say about columns, and how rows that break them are mended."""

import numpy as np
import pyarrow as pa

from dbsynth.checks import Repair
from dbsynth.draft import Draft, Unit
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


def units(*fixed: str) -> tuple[Unit, ...]:
    return tuple(
        Unit(name=c.name, columns=(c.name,), is_nullable=c.is_nullable)
        for c in table().columns
        if c.name not in fixed
    )


def mended(rows: pa.Table, *checks: str, fixed: tuple[str, ...] = (), seed: int = 0) -> Draft:
    repair = Repair.of(table(*checks), "postgresql", units(*fixed))
    assert repair is not None
    draft = Draft(rows, units(*fixed))
    repair.mend(draft, np.random.default_rng(seed))
    assert bool(repair.holds(draft.rows).all())
    return draft


def test_rows_that_break_a_check_take_the_values_of_one_row_that_does_not() -> None:
    rows = pa.table(
        {"stay_id": [1, 2, 3], "first": [1, 9, 4], "last": [2, 3, 6], "state": ["a", "b", "c"]}
    )
    draft = mended(rows, "last >= first", fixed=("stay_id",))
    assert {"first", "last"} == draft.changed
    pairs = list(zip(*(draft.rows.column(c).to_pylist() for c in ("first", "last")), strict=True))
    assert pairs[1] in [(1, 2), (4, 6)]
    assert [(1, 2), (4, 6)] == [pairs[0], pairs[2]]


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
    mended(rows, "last >= first", "first > 3", "last < 18")


def test_null_breaks_no_check_and_rows_that_hold_are_not_touched() -> None:
    rows = pa.table(
        {
            "stay_id": [1, 2],
            "first": pa.array([None, 1], pa.int32()),
            "last": [0, 5],
            "state": ["", ""],
        }
    )
    assert set() == mended(rows, "last >= first").changed


def test_checks_beyond_understanding_are_left_to_the_database() -> None:
    assert Repair.of(table("frobnicate(first)"), "postgresql", units()) is None
