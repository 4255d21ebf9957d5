"""Every case of tests/schemas is cloned within its database, verified, and has the same schema."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from ruamel.yaml import YAML

from dbsynth import run
from dbsynth.adapters import open_source
from dbsynth.adapters.postgresql_connection import connect, fetch
from dbsynth.report import Run
from dbsynth.urls import resolve
from tests.conftest import NewDatabase
from tests.dumps import schema_dump, shown
from tests.filler import CASES, Case, build, case_names, newer_case_names

_COVERAGE = YAML(typ="safe").load((CASES / "coverage.yaml").read_text("utf-8"))
_LINES = {line for group in _COVERAGE["lines"].values() for line in group}
_OPTIONS = run.Options(seed=3, engine="marginal")


def covered() -> dict[str, list[str]]:
    """Which cases say that they cover each line."""
    found: dict[str, list[str]] = {}
    for path in CASES.glob("*/schema.sql"):
        for line in Case(path.parent.name).covers:
            found.setdefault(line, []).append(path.parent.name)
    return found


def test_cases_cover_lines_that_there_are() -> None:
    assert set() == set(covered()) - _LINES


@pytest.mark.parametrize("line", sorted(_LINES))
def test_every_line_is_covered_or_left_out_with_a_reason(line: str) -> None:
    elsewhere = _COVERAGE["elsewhere"].get(line)
    assert line in covered() or elsewhere or _COVERAGE["left_out"].get(line)
    assert elsewhere is None or (CASES.parents[1] / elsewhere).is_file()


@pytest.mark.parametrize("name", case_names("postgresql"))
def test_a_case_survives_in_postgresql(name: str, new_pg_url: NewDatabase) -> None:
    assert_survives(name, new_pg_url)


@pytest.mark.parametrize("name", newer_case_names())
def test_a_newer_case_survives_in_postgresql(name: str, new_newest_pg_url: NewDatabase) -> None:
    assert_survives(name, new_newest_pg_url)


@pytest.mark.slow
@pytest.mark.parametrize("name", case_names("postgresql"))
def test_a_case_survives_without_pg_dump(
    name: str, new_pg_url: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = build(name, new_pg_url()), new_pg_url()
    before = schema_dump(source)
    with monkeypatch.context() as patch:
        patch.setenv("DBSYNTH_PG_DUMP", "")
        done = run.clone(source, target, _OPTIONS)
    assert () == done.findings.errors
    assert done.losses or before == schema_dump(target)


def assert_survives(name: str, new_url: NewDatabase) -> None:
    source, target = build(name, new_url()), new_url()
    before = schema_dump(source)
    done = run.clone(source, target, _OPTIONS)
    assert () == done.findings.errors
    assert () == run.verify(target).errors
    assert [] == wrong_counts(done)
    assert Case(name).loses == sorted(loss.object for loss in done.losses)
    assert before == schema_dump(source)
    if not done.losses:
        assert before == schema_dump(target)
        assert populated(source) == populated(target)


def wrong_counts(done: Run) -> list[str]:
    """The tables whose rows are off by more than 2 per cent (or by one row)."""
    return [
        f"{t.name}: {t.target_rows} instead of {t.source_rows}"
        for t in done.tables
        if abs(t.target_rows - t.source_rows) > max(1.0, 0.02 * t.source_rows)
    ]


def populated(url: str) -> list[dict[str, object]]:
    """The materialized views that hold rows."""
    with connect(resolve(url)) as connection:
        return fetch(connection, "populated_views")


@pytest.mark.parametrize("name", case_names("mysql"))
def test_a_case_survives_in_mariadb(name: str, new_mysql_url: NewDatabase) -> None:
    source, target = build(name, new_mysql_url()), new_mysql_url()
    before = shown(source)
    done = run.clone(source, target, _OPTIONS)
    assert () == done.findings.errors
    assert () == run.verify(target).errors
    lost = [loss.object for loss in done.losses]
    assert Case(name).loses == sorted(lost)
    assert before == shown(source)
    assert shown(source, without=lost) == shown(target)


@pytest.mark.parametrize("name", case_names("sqlite"))
def test_a_case_survives_in_sqlite(name: str, tmp_path: Path) -> None:
    source, target = build(name, tmp_path / "source.sqlite"), tmp_path / "target.sqlite"
    done = run.clone(source, str(target), _OPTIONS)
    assert () == done.findings.errors
    assert () == run.verify(str(target)).errors
    lost = {loss.object for loss in done.losses}
    kept = [row for row in _declared(Path(source)) if " ".join(row[:2]) not in lost]
    assert kept == _declared(target)


def _declared(path: Path) -> list[tuple[str, ...]]:
    """What SQLite keeps of a schema, letter by letter, and the settings of the file."""
    settings = ("user_version", "application_id", "journal_mode", "encoding", "page_size")
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT type, name, tbl_name, sql FROM sqlite_schema"
            " WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite!_%' ESCAPE '!' AND name NOT IN"
            " (SELECT name FROM pragma_table_list WHERE type IN ('virtual', 'shadow'))"
            " ORDER BY type, name"
        ).fetchall()
        found = [(n, str(connection.execute(f"PRAGMA {n}").fetchone()[0])) for n in settings]
    return found + [row for row in rows if row[1] != "_dbsynth"]


@pytest.mark.parametrize("name", case_names("duckdb"))
def test_a_case_survives_in_duckdb(name: str, tmp_path: Path) -> None:
    source, target = build(name, tmp_path / "source.duckdb"), tmp_path / "target.duckdb"
    done = run.clone(source, str(target), _OPTIONS)
    assert () == done.findings.errors
    assert () == run.verify(str(target)).errors
    lost = {loss.object for loss in done.losses}
    kept = [row for row in _catalog(Path(source)) if f"{row[0]} {row[1]}.{row[2]}" not in lost]
    assert kept == _catalog(target)
    with open_source(resolve(source)) as one, open_source(resolve(str(target))) as other:
        before, after = list(one.introspect().foreign_keys), list(other.introspect().foreign_keys)
    assert before == [key for key in after if key in before]
    # The copy also records the references that its plan accepted.
    assert {*after} - {*before} <= {*done.references}


def _catalog(path: Path) -> list[tuple[str, ...]]:
    """What DuckDB's catalog says on everything that a user made, but where sequences stand."""
    where = "WHERE database_name = current_database() AND NOT internal"
    parts = (
        f"SELECT 'schema', schema_name, '', '', '' FROM duckdb_schemas() {where}",
        f"SELECT 'table', schema_name, table_name, sql, comment FROM duckdb_tables() {where}",
        f"SELECT 'view', schema_name, view_name, sql, comment FROM duckdb_views() {where}",
        "SELECT 'index', schema_name, index_name, sql, comment FROM duckdb_indexes()",
        "SELECT 'type', schema_name, type_name, logical_type || ' ' || labels::VARCHAR, comment"
        f" FROM duckdb_types() {where}",
        "SELECT 'sequence', schema_name, sequence_name,"
        " regexp_replace(sql, ' START -?[0-9]+', ''), comment FROM duckdb_sequences()",
        "SELECT 'macro', schema_name, function_name,"
        " parameters::VARCHAR || macro_definition, comment"
        f" FROM duckdb_functions() {where}",
        "SELECT 'constraint', schema_name, table_name || constraint_name, constraint_text, ''"
        " FROM duckdb_constraints()",
        "SELECT 'column', schema_name, table_name || column_name, data_type, comment"
        " FROM duckdb_columns() SEMI JOIN duckdb_tables() USING (database_oid, table_oid)",
    )
    with duckdb.connect(str(path), read_only=True) as connection:
        rows = [row for part in parts for row in connection.execute(part).fetchall()]
    return sorted(tuple(map(str, row)) for row in rows if not row[2].startswith("_dbsynth"))
