"""What checks say about columns, and how rows that break them are mended."""

import dataclasses
import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from dbsynth.limits import allowed_labels, bounds, is_unique_alone
from dbsynth.mending.checks import Repair
from dbsynth.mending.draft import Draft, Unit
from dbsynth.mending.localsql import LocalSql
from dbsynth.schema import Check, Column, Index, SqlType, Table, TableName

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


@pytest.mark.parametrize("kind", ["state_kind", "public.state_kind", '"My app"."State kind"'])
def test_conditions_may_name_the_type_of_their_literals_with_its_schema(kind: str) -> None:
    local = LocalSql(table(), "postgresql")
    found = local.parse(f"(state = ANY (ARRAY['new'::{kind}, 'done'::{kind}]))")
    assert "(c3 IN ('new', 'done'))" == local.sql(found)
    assert "c3 <> 'new'" == local.sql(local.parse(f"state <> 'new'::{kind}"))


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


def many(**columns: list[object]) -> pa.Table:
    size = len(next(iter(columns.values())))
    usual = {
        "stay_id": list(range(size)), "first": [1] * size, "last": [2] * size,
        "state": ["ab"] * size,
    }  # fmt: skip
    arrays = {n: pa.array(columns.get(n, v)) for n, v in usual.items()}
    kinds = {"first": pa.int32(), "last": pa.int32(), "state": pa.string()}
    return pa.table({n: a.cast(kinds.get(n, a.type)) for n, a in arrays.items()})


@pytest.mark.parametrize(
    "check",
    [
        "last = first * 3", "first + last <= 4", "first - last > 2", "first % 5 = 0", "first < 0",
        "state ~ '^[A-Z]{2}-[0-9]+$'", "state LIKE 'x_%'", "state = upper(state)",
        "char_length(state) > 5", "char_length(state) = 1", "state IN ('k', 'l')", "state IS NULL",
        "state SIMILAR TO '(k|l){3}'", "(first IS NULL) = (state IS NOT NULL)",
        "num_nonnulls(first, last, state) = 1", "CASE WHEN first = 1 THEN last = 7 ELSE false END",
        "first IS NULL OR last > first + 10", "NOT (first > 0 AND last > 0)",
        "state = 'k' || first",
        "coalesce(first, 0) = 0 AND last BETWEEN 5 AND 6",
    ],
)  # fmt: skip
def test_checks_are_kept_where_no_row_keeps_them(check: str) -> None:
    assert len(mended(many(first=[1] * 40), check, fixed=("stay_id",)).rows) == 40


def test_a_defined_column_is_computed_and_nothing_else_changes() -> None:
    rows = many(first=[1, 2, 3, 4], last=[5, 6, 9, 8])
    draft = mended(rows, "last = first * 3")
    assert {"last"} == draft.changed
    assert [3, 6, 9, 12] == draft.rows.column("last").to_pylist()


def test_bounds_are_those_of_the_columns_type() -> None:
    day = SqlType(kind="date", native="date")
    price = SqlType(kind="decimal", native="numeric(8,2)", precision=8, scale=2)
    typed = Table(
        name=TableName("", "t"),
        columns=(Column(name="day", type=day), Column(name="price", type=price)),
        checks=(
            Check(
                name="a", expression="(day >= '2024-01-02'::date) AND (day < '2024-02-01'::date)"
            ),
            Check(name="b", expression="price > 0 AND 1 > price OR price = 1"),
        ),
    )
    start, stop = (dt.datetime(2024, 1, d, tzinfo=dt.UTC).timestamp() for d in (2, 31))
    assert (start, stop) == bounds(typed, "day", "postgresql")
    assert (0.01, 1.0) == bounds(typed, "price", "postgresql")


def test_expressions_can_be_unique_alone() -> None:
    index = Index(name="u", columns=(), is_unique=True, expressions=("lower((state)::text)",))
    unique = dataclasses.replace(table(), indexes=(index,))
    assert is_unique_alone(unique, "state", "postgresql")
    assert not is_unique_alone(unique, "first", "postgresql")
    partial = dataclasses.replace(
        unique, indexes=(dataclasses.replace(index, predicate="first > 1"),)
    )
    assert not is_unique_alone(partial, "state", "postgresql")
