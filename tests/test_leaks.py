"""Tests of dbsynth.leaks: source values in the target are counted and judged, and never shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pytest

from dbsynth.adapters.base import Adoption
from dbsynth.findings import Finding
from dbsynth.leaks import (
    IDENTIFYING,
    ColumnPair,
    Expected,
    Leak,
    describe,
    expectation,
    leak_findings,
    leaked_values,
    planned_pairs,
)
from dbsynth.lexicon import SEMANTICS
from dbsynth.plan import Plan, TablePlan
from dbsynth.schema import Column, Schema, SqlType, Table, TableName
from dbsynth.treatments import Treatment
from tests.asking import Asked, ask_duckdb, ask_sqlite

T, COPIED = TableName("", "t"), TableName("", "copied")
TARGET = TableName("main", "t")
TEXT = SqlType(kind="string", native="text")


class Readable(Asked):
    """A SQLite database that also reads a column in batches of three rows, as sources do."""

    server_version = "3"

    def estimate(self, name: TableName) -> None:
        return None

    def read(self, table: Table, columns: Sequence[str], **_: Any) -> Iterator[pa.RecordBatch]:
        names = ", ".join(f'"{c}"' for c in columns)
        rows = self.query(f"SELECT {names} FROM {self.quote(table.name)}")
        yield from rows.cast(pa.schema([(c, pa.string()) for c in columns])).to_batches(3)


@pytest.fixture
def source() -> Iterator[Readable]:
    plain = ask_sqlite()
    yield Readable("sqlite", plain.connection, plain._failures)
    plain.close()


@pytest.fixture
def target() -> Iterator[Asked]:
    found = ask_duckdb()
    yield found
    found.close()


def schema_of(*columns: str, kind: SqlType = TEXT, name: TableName = T) -> Schema:
    table = Table(name=name, columns=tuple(Column(name=c, type=kind) for c in columns))
    return Schema(dialect="sqlite", server_version="3", tables=(table,))


def pair_of(column: str, expected: Expected = "short") -> ColumnPair:
    return ColumnPair(
        source=T, source_column=column, target=TARGET, target_column=column, expected=expected
    )


def load(database: Asked, *values: str | None) -> None:
    database.execute("CREATE TABLE t (a varchar)")
    for value in values:
        database.connection.cursor().execute("INSERT INTO t VALUES (?)", [value])


def test_source_values_in_the_target_are_counted_over_all_batches(
    source: Readable, target: Asked
) -> None:
    load(source, "first value", "second value", None, "short", "x", "fourth value", "last value  ")
    load(target, "invented", "first value", "first value", "short", "last value", None, "")
    leaks = leaked_values(source, target, schema_of("a"), [pair_of("a")])
    assert leaks == {
        (TARGET, "a"): Leak(
            expected="short", source_values=6, target_values=4, leaked=3, leaked_long=2
        )
    }
    assert leaks[TARGET, "a"].share == 0.75


def test_labels_that_many_rows_have_may_be_there_and_rare_ones_not(
    source: Readable, target: Asked
) -> None:
    load(source, *["often"] * 7, *(f"rare {i}" for i in range(20)))
    load(target, "often", "rare 3", "invented")
    (leak,) = leaked_values(source, target, schema_of("a"), [pair_of("a", "labels")]).values()
    assert (leak.leaked, leak.target_values) == (1, 3)
    (finding,) = leak_findings({(TARGET, "a"): leak}).found
    assert finding.severity == "warning"


def test_columns_of_few_different_values_are_not_compared_unless_they_identify(
    source: Readable, target: Asked
) -> None:
    load(source, "same old value", "same old value", "same old value", "same old value")
    load(target, "same old value")
    compared = {
        expected: len(leaked_values(source, target, schema_of("a"), [pair_of("a", expected)]))
        for expected in ("short", "any", "none")
    }
    assert compared == {"short": 0, "any": 0, "none": 1}


def test_empty_tables_leak_nothing(source: Readable, target: Asked) -> None:
    load(source)
    load(target)
    pairs = [pair_of("a", "none")]
    assert leaked_values(source, target, schema_of("a"), pairs) == {}


def test_an_empty_target_leaks_nothing(source: Readable, target: Asked) -> None:
    load(source, "some value or other", None)
    load(target)
    leaks = leaked_values(source, target, schema_of("a"), [pair_of("a", "none")])
    assert [(leak.leaked, leak.share) for leak in leaks.values()] == [(0, 0.0)]


def test_numbers_are_not_compared(source: Readable, target: Asked) -> None:
    load(source, "1")
    load(target, "1")
    numbers = schema_of("a", kind=SqlType(kind="integer", native="integer"))
    assert leaked_values(source, target, numbers, [pair_of("a")]) == {}


@pytest.mark.parametrize(
    ("expected", "leaked_long", "severity"),
    [
        ("none", 0, "error"),
        ("none", 3, "error"),
        ("short", 0, "warning"),
        ("short", 1, "error"),
        ("any", 3, "warning"),
    ],
)
def test_what_may_recur_by_chance_is_a_warning(
    expected: Expected, leaked_long: int, severity: str
) -> None:
    leak = Leak(
        expected=expected, source_values=9, target_values=6, leaked=3, leaked_long=leaked_long
    )
    findings = leak_findings({(TARGET, "a"): leak})
    assert findings.found == (
        Finding(
            check="leaked values",
            table=TARGET,
            columns=("a",),
            count=3,
            severity=severity,  # type: ignore[arg-type]
            detail="different values are the source's, 50.00% of the target's",
        ),
    )


def test_no_leak_is_no_finding_but_a_check() -> None:
    none = Leak(expected="none", source_values=9, target_values=6, leaked=0, leaked_long=0)
    findings = leak_findings({(TARGET, "a"): none})
    assert (findings.found, findings.made) == ((), {"leaked values": 1})


@pytest.mark.parametrize(
    ("kind", "semantic", "expected"),
    [
        ("personal", "email", "none"),
        ("personal", "first_name", "any"),
        ("category", "", "labels"),
        ("number", "", "any"),
        ("datetime", "", "any"),
        ("text", "", "short"),
        ("foreign key", "", "short"),
    ],
)
def test_treatments_tell_what_may_recur(kind: Any, semantic: str, expected: str) -> None:
    assert expectation(describe(Treatment(kind=kind, semantic=semantic))) == expected


def test_every_identifying_semantic_is_one_that_columns_can_have() -> None:
    assert IDENTIFYING - set(SEMANTICS) == set()


def test_copied_tables_and_foreign_keys_are_not_compared() -> None:
    source = Schema(
        dialect="sqlite",
        server_version="3",
        tables=(
            schema_of("name", name=COPIED).tables[0],
            schema_of("mail", "code", name=T).tables[0],
        ),
    )
    adopted = Schema(
        dialect="duckdb",
        server_version="1",
        tables=(
            schema_of("name", name=TableName("main", "copied")).tables[0],
            schema_of("mail_1", "code", name=TARGET).tables[0],
        ),
    )
    names = {COPIED: TableName("main", "copied"), T: TARGET}
    columns = {
        "mail": Treatment(kind="personal", semantic="email"),
        "code": Treatment(kind="foreign key"),
    }

    def planned(name: TableName, mode: Any, treatments: Any) -> TablePlan:
        return TablePlan(
            name=name, mode=mode, source_rows=1, target_rows=1, wave=0, root=name, why="",
            columns=treatments,
        )  # fmt: skip

    plan = Plan(
        schema=source,
        tables={
            COPIED: planned(COPIED, "copy", {"name": Treatment(kind="category")}),
            T: planned(T, "generate", columns),
        },
    )
    assert list(planned_pairs(plan, Adoption(adopted, names))) == [
        ColumnPair(
            source=T,
            source_column="mail",
            target=TARGET,
            target_column="mail_1",
            expected="none",
        )
    ]


JSON = SqlType(kind="json", native="json")


def test_documents_are_compared_by_the_texts_inside(source: Readable, target: Asked) -> None:
    load(
        source,
        *(f'{{"who": "person number {i}", "kind": "usual words", "n": {i}}}' for i in range(9)),
    )
    load(target, '{"n": 3, "who": "person number 3"}', '{"other": "person number 4", "n": 1}')
    leaks = leaked_values(source, target, schema_of("a", kind=JSON), [pair_of("a", "parts")])
    leak = leaks[TARGET, "a"]
    assert (9, 1, 1) == (leak.source_values, leak.leaked, leak.leaked_long)
    assert 1 == len(leak_findings(leaks).errors)


def test_days_figures_and_names_inside_documents_may_recur(source: Readable, target: Asked) -> None:
    texts = [
        f'{{"at": "2024-01-0{i}T10:00:00Z", "first_name": "Name{i}", "no": "{i}000000000"}}'
        for i in range(1, 9)
    ]
    load(source, *texts)
    load(target, *texts)
    leaks = leaked_values(source, target, schema_of("a", kind=JSON), [pair_of("a", "parts")])
    assert 0 == leaks[TARGET, "a"].leaked


def test_json_in_a_text_column_is_compared_by_the_texts_inside(
    source: Readable, target: Asked
) -> None:
    load(source, *(f'{{"who": "person number {i}"}}' for i in range(5)))
    load(target, '{"x": 1, "who": "person number 2"}')
    leaks = leaked_values(source, target, schema_of("a"), [pair_of("a", "parts")])
    assert 1 == leaks[TARGET, "a"].leaked_long
