"""Whatever a source's catalog lists is in a target of another dialect, or a loss names it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from dbsynth import run
from dbsynth.adapters import open_source, open_target
from dbsynth.adapters.base import Adoption
from dbsynth.schema import Table, TableName
from dbsynth.urls import resolve
from tests.conftest import NewDatabase
from tests.filler import build, case_names

_PARTS = [n for n in case_names("postgresql") if n.startswith("pg_")]
_TARGETS = ("sqlite", "duckdb", "mysql")
# One row: kind, schema, table or owner, name of everything that a user made, but what makes up
# another object: rows of views and types, indexes of constraints, triggers of foreign keys.
_LISTED = """
WITH own AS (
  SELECT oid, nspname FROM pg_namespace
  WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), by_extension AS (SELECT objid FROM pg_depend WHERE deptype = 'e')
SELECT CASE WHEN c.relkind IN ('r', 'p') AND NOT c.relispartition THEN 'table'
            WHEN c.relkind IN ('i', 'I') THEN 'index' ELSE 'relation' END AS kind,
       n.nspname, coalesce(t.relname, ''), c.relname
FROM pg_class c JOIN own n ON n.oid = c.relnamespace
LEFT JOIN pg_index i ON i.indexrelid = c.oid LEFT JOIN pg_class t ON t.oid = i.indrelid
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'i', 'I', 'c') AND NOT c.relispartition
  AND coalesce(t.relispartition, false) IS FALSE
  AND NOT EXISTS (
    SELECT FROM pg_constraint k WHERE k.conindid = c.oid AND k.contype IN ('p', 'u', 'x'))
UNION ALL
SELECT 'sequence', n.nspname, coalesce(t.relname || '.' || a.attname, ''), c.relname
FROM pg_class c JOIN own n ON n.oid = c.relnamespace
LEFT JOIN pg_depend d ON d.objid = c.oid AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
LEFT JOIN pg_class t ON t.oid = d.refobjid
LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE c.relkind = 'S'
UNION ALL
SELECT 'column', n.nspname, c.relname, a.attname
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN own n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT 'constraint ' || k.contype::text, n.nspname, c.relname, k.conname
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN own n ON n.oid = c.relnamespace
WHERE NOT c.relispartition AND k.contype IN ('p', 'u', 'f', 'c', 'x') AND k.conparentid = 0
UNION ALL
SELECT 'trigger', n.nspname, c.relname, g.tgname
FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN own n ON n.oid = c.relnamespace
WHERE NOT g.tgisinternal AND g.tgparentid = 0
UNION ALL
SELECT 'policy', n.nspname, c.relname, p.polname
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN own n ON n.oid = c.relnamespace
UNION ALL
SELECT 'rule', n.nspname, c.relname, r.rulename
FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN own n ON n.oid = c.relnamespace
WHERE r.rulename <> '_RETURN'
UNION ALL
SELECT 'function', n.nspname, '', p.proname FROM pg_proc p JOIN own n ON n.oid = p.pronamespace
WHERE p.oid NOT IN (TABLE by_extension)
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'i')
UNION ALL
SELECT 'type', n.nspname, '', t.typname FROM pg_type t JOIN own n ON n.oid = t.typnamespace
WHERE t.typtype IN ('e', 'd', 'r') AND t.oid NOT IN (TABLE by_extension)
UNION ALL
SELECT 'operator', n.nspname, '', o.oprname
FROM pg_operator o JOIN own n ON n.oid = o.oprnamespace
WHERE o.oid NOT IN (TABLE by_extension)
UNION ALL
SELECT 'collation', n.nspname, '', l.collname
FROM pg_collation l JOIN own n ON n.oid = l.collnamespace
UNION ALL
SELECT 'statistics', n.nspname, '', x.stxname
FROM pg_statistic_ext x JOIN own n ON n.oid = x.stxnamespace
UNION ALL
SELECT 'dictionary', n.nspname, '', d.dictname
FROM pg_ts_dict d JOIN own n ON n.oid = d.dictnamespace
UNION ALL
SELECT 'configuration', n.nspname, '', f.cfgname
FROM pg_ts_config f JOIN own n ON n.oid = f.cfgnamespace
UNION ALL
SELECT 'extension', '', '', extname FROM pg_extension WHERE extname <> 'plpgsql'
UNION ALL
SELECT 'event trigger', '', '', evtname FROM pg_event_trigger
UNION ALL
SELECT 'publication', '', '', pubname FROM pg_publication
ORDER BY 1, 2, 3, 4
"""


@pytest.mark.parametrize("dialect", _TARGETS)
@pytest.mark.parametrize("name", _PARTS)
def test_what_postgresql_lists_is_in_the_target_or_named(
    name: str, dialect: str, new_pg_url: NewDatabase, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    source = build(name, new_pg_url())
    with open_source(resolve(source)) as reader:
        schema = reader.introspect()
        schema = replace(schema, script=reader.script(schema))
    place = (
        request.getfixturevalue("mysql_url") if dialect == "mysql" else f"{tmp_path}/t.{dialect}"
    )
    with open_target(resolve(place)) as target:
        target.check()
        adoption = target.adopt(schema)
    with psycopg.connect(source) as connection:
        rows = connection.execute(_LISTED).fetchall()
    assert rows
    assert [] == [row for row in rows if not _is_told(adoption, *row)]


def _is_told(adoption: Adoption, kind: str, schema: str, owner: str, name: str) -> bool:
    named = _names(name) & {word for loss in adoption.losses for word in _names(loss.object)}
    if named:
        return True
    place = adoption.names.get(TableName(schema, name if kind == "table" else owner.split(".")[0]))
    if place is None:
        return False
    table = adoption.schema.table(place)
    if kind == "sequence":
        column = owner.split(".", 1)[1]
        numbered = any(c.name == column and c.identity for c in table.columns)
        return numbered or any(loss.object.endswith(f".{owner}") for loss in adoption.losses)
    return (
        kind == "table"
        or (kind == "constraint p" and bool(table.primary_key))
        or name in _held(table)
    )


def _names(text: str) -> set[str]:
    """A name as it may stand in a loss: the whole of it, and every part of it."""
    return {text, *re.split(r'[\s.,()"]+', text)} - {""}


def _held(table: Table) -> set[str]:
    """The names of a table's parts."""
    parts = (*table.columns, *table.uniques, *table.checks, *table.foreign_keys, *table.indexes)
    return {part.name for part in parts}


_FILES = {
    "sqlite": "SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!'"
    " AND name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow')",
    "duckdb": "SELECT table_name FROM duckdb_tables() UNION ALL"
    " SELECT view_name FROM duckdb_views() WHERE NOT internal UNION ALL"
    " SELECT function_name FROM duckdb_functions() WHERE NOT internal UNION ALL"
    " SELECT index_name FROM duckdb_indexes() UNION ALL"
    " SELECT type_name FROM duckdb_types() WHERE NOT internal",
}


@pytest.mark.parametrize(
    "name", ["sqlite_loose_values", "sqlite_declarations", "duckdb_values", "duckdb_objects"]
)
def test_a_file_crosses_to_postgresql_and_what_it_lists_is_there_or_named(
    name: str, pg_url: str, tmp_path: Path
) -> None:
    dialect = name.split("_", maxsplit=1)[0]
    source = build(name, tmp_path / f"source.{dialect}")
    done = run.clone(source, pg_url, run.Options(seed=3, engine="marginal"))
    assert () == done.findings.errors
    with open_source(resolve(source)) as reader, open_source(resolve(pg_url)) as target:
        listed = set(reader.query(_FILES[dialect]).column(0).to_pylist()) - {"_dbsynth"}
        found = target.introspect()
        held = {part for t in found.tables for part in (t.name.name, *_held(t))}
        held |= {enum.name.name for enum in found.enums}
    named = {word for loss in done.losses for word in _names(loss.object)}
    assert set() == {n for n in listed if not _names(n) & (held | named)}


@pytest.mark.parametrize("dialect", ["sqlite", "duckdb"])
@pytest.mark.parametrize("name", ["pg_objects", "pg_keys", "composite_key"])
def test_postgresql_crosses_to_a_file(
    name: str, dialect: str, new_pg_url: NewDatabase, tmp_path: Path
) -> None:
    target = str(tmp_path / f"target.{dialect}")
    done = run.clone(build(name, new_pg_url()), target, run.Options(seed=3, engine="marginal"))
    assert () == done.findings.errors
    assert () == run.verify(target).errors
