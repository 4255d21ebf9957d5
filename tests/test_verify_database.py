"""Tests of write and verify together on real files, and of comparing a copy with its original."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from dbsynth.adapters import open_source, open_target
from dbsynth.adapters.base import Target
from dbsynth.arrow import arrow_schema
from dbsynth.findings import Findings
from dbsynth.landing import Landing
from dbsynth.plan import Plan, TableMode, TablePlan
from dbsynth.progress import silent
from dbsynth.report import Run, TableRun, manifest
from dbsynth.schema import Backfill, Batch, Check, Schema, TableName
from dbsynth.urls import resolve
from dbsynth.verify import verify, verify_database
from dbsynth.write import Written, write

ORIGINAL = """
CREATE TABLE "Team" (id INTEGER PRIMARY KEY, label VARCHAR(20) NOT NULL UNIQUE, head INTEGER
    REFERENCES person (id));
CREATE TABLE person (id INTEGER PRIMARY KEY, team INTEGER NOT NULL REFERENCES "Team" (id),
    mail VARCHAR(40), age INTEGER CHECK (age > 0));
CREATE TABLE hollow (id INTEGER PRIMARY KEY);
INSERT INTO "Team" VALUES (1, 'blue team', NULL), (2, 'red team', NULL);
INSERT INTO person VALUES (1, 1, 'ann@work.example', 30), (2, 2, 'bob@work.example', NULL);
"""
TEAM, PERSON, HOLLOW = (TableName("", n) for n in ("Team", "person", "hollow"))


@pytest.fixture
def original(tmp_path: Path) -> Path:
    path = tmp_path / "original.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(ORIGINAL)
    return path


def introspected(path: Path) -> Schema:
    with open_source(resolve(str(path))) as source:
        return source.introspect()


def planned(schema: Schema) -> Plan:
    modes: dict[TableName, TableMode] = {TEAM: "copy", PERSON: "generate", HOLLOW: "empty"}
    tables = {
        name: TablePlan(
            name=name, mode=mode, source_rows=2, target_rows=2, wave=0, root=name, why=""
        )
        for name, mode in modes.items()
    }
    return Plan(schema=schema, tables=tables)


def rows(schema: Schema, name: TableName, **columns: list[object]) -> pa.RecordBatch:
    types = arrow_schema(schema.table(name))
    return pa.record_batch(
        [pa.array(v, types.field(n).type) for n, v in columns.items()], names=list(columns)
    )


def generated(schema: Schema, *mails: str) -> Iterator[Batch | Backfill]:
    yield Batch(TEAM, rows(schema, TEAM, id=[1, 2], label=["blue team", "red team"]))
    for number, mail in enumerate(mails, 1):
        yield Batch(
            PERSON, rows(schema, PERSON, id=[number], team=[2], mail=[mail], age=[number + 20])
        )
    yield Backfill(TEAM, ("head",), rows(schema, TEAM, id=[1, 2], head=[1, None]))


def load(target: Target, schema: Schema, *mails: str) -> tuple[Written, Findings]:
    plan = planned(schema)
    landing = Landing(target.adopt(schema), "anew")
    written = write(plan, generated(schema, *mails), target, landing=landing, progress=silent)
    return written, verify(written.adoption.schema, target, expected_rows=written.rows)


def recorded(written: Written) -> dict[str, str]:
    tables = tuple(
        TableRun(name=n, target=t, mode="copy" if n == TEAM else "generate", source_rows=2,
                 target_rows=2)
        for n, t in written.adoption.names.items()
    )  # fmt: skip
    return manifest(
        Run(
            run_id="r", started="", version="", source="a", target="b", seed=0, scale=1.0,
            engine="", plan_fingerprint="", tables=tables,
        )
    )  # fmt: skip


@pytest.fixture(params=["sqlite", "duckdb", "postgresql", "mysql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty database of each kind is."""
    fixtures = {"postgresql": "pg_url", "mysql": "mysql_url"}
    if request.param in fixtures:
        return str(request.getfixturevalue(fixtures[request.param]))
    return str(tmp_path / f"copy.{request.param}")


def test_a_written_database_is_sound_before_and_after_its_commit(
    original: Path, place: str
) -> None:
    schema = introspected(original)
    with open_target(resolve(place)) as target:
        target.check()
        written, before = load(target, schema, "cy@new.example", "di@new.example")
        target.record(recorded(written))
        target.commit()
    with open_source(resolve(place)) as copy, open_source(resolve(str(original))) as source:
        after = verify_database(copy, source)
    # The labels of the copied table are the source's, as the manifest says.
    assert (before.errors, after.errors, sorted(written.rows.values())) == ((), (), [0, 2, 2])
    assert {"foreign key", "primary key", "not null", "leaked values"} <= set(after.made)


def test_broken_rows_are_found_by_the_target_before_its_commit(original: Path, place: str) -> None:
    schema = introspected(original)
    with open_target(resolve(place)) as target:
        target.check()
        written, _ = load(target, schema, "cy@new.example")
        asked = {name: rows + 1 for name, rows in written.rows.items()}
        findings = verify(written.adoption.schema, target, expected_rows=asked)
    assert [f.check for f in findings.errors] == ["row count"] * 3


def test_a_check_that_a_target_refuses_leaves_its_load_usable(original: Path, place: str) -> None:
    schema = introspected(original)
    with open_target(resolve(place)) as target:
        target.check()
        written, _ = load(target, schema, "cy@new.example")
        adopted = written.adoption.schema
        strange = Check(name="strange", expression="no_such_function(id) = 1", columns=("id",))
        tables = tuple(replace(t, checks=(strange,)) for t in adopted.tables)
        findings = verify(replace(adopted, tables=tables), target)
        target.commit()
    assert [f.severity for f in findings.found if f.check == "check"] == ["warning"] * 3


def spoiled(path: Path, *statements: str) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(ORIGINAL)
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    return path


def compare(copy: Path, original: Path) -> list[tuple[str, str, tuple[str, ...], int, str]]:
    with open_source(resolve(str(copy))) as target, open_source(resolve(str(original))) as source:
        found = verify_database(target, source).found
    return [(f.check, str(f.table), f.columns, f.count, f.severity) for f in found]


def test_values_that_came_through_are_errors(original: Path, tmp_path: Path) -> None:
    copy = spoiled(
        tmp_path / "copy.sqlite",
        "UPDATE person SET mail = 'cy@new.example' WHERE id = 2",
        """UPDATE "Team" SET label = 'team ' || id""",
    )
    assert compare(copy, original) == [("leaked values", "person", ("mail",), 1, "error")]


def test_tables_and_columns_that_a_copy_lacks_are_errors(original: Path, tmp_path: Path) -> None:
    copy = spoiled(
        tmp_path / "copy.sqlite",
        "DROP TABLE hollow",
        "ALTER TABLE person DROP COLUMN mail",
        """UPDATE "Team" SET label = 'team ' || id""",
    )
    assert compare(copy, original) == [
        ("table present", "hollow", (), 0, "error"),
        ("columns present", "person", ("mail",), 0, "error"),
    ]


def test_orphans_in_a_committed_file_are_found_without_an_original(tmp_path: Path) -> None:
    copy = spoiled(tmp_path / "copy.sqlite", "UPDATE person SET team = 9")
    with open_source(resolve(str(copy))) as target:
        found = verify_database(target).found
    assert [(f.check, f.columns, f.count) for f in found] == [("foreign key", ("team",), 2)]
