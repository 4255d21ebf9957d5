"""Fit a schema to what SQLite can hold; what it refuses in a trial in memory is left out."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace

from dbsynth.adapters import ddl, sqlite_types
from dbsynth.adapters.base import Adoption
from dbsynth.adapters.sqlite_script import SETTING
from dbsynth.adapters.translate import adopt_schema
from dbsynth.schema import Loss, NativeObject, Schema, Table

RULES = ddl.DialectRules(
    dialect="sqlite",
    max_identifier=1000,
    folds_case=True,
    schema_wide=frozenset({"table", "index", "unique"}),
    inline=frozenset({"primary key", "unique", "check", "foreign key"}),
    identity={"serial": "PRIMARY KEY", "by default": "PRIMARY KEY AUTOINCREMENT"},
    identity_is_key=True,
    wraps_defaults=True,
    comments="none",
    deferrable=True,
)


_LOOSE = Loss(
    object="types and lengths of all columns",
    reason="SQLite enforces neither",
    instead="declared, and verified in the rows",
)


def adopt(schema: Schema) -> Adoption:
    """Translate a schema; SQLite's own is kept as it is, but for what hangs on virtual tables."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as trial:
        if schema.dialect == RULES.dialect:
            adoption = adopt_schema(schema, RULES, sqlite_types.native_type)
            return _without_refused(adoption, trial)
        plain, losses = _without_other_identities(schema)
        adoption = adopt_schema(
            plain, RULES, sqlite_types.native_type, lambda sql: _is_accepted(trial, sql)
        )
    numbered = replace(
        adoption.schema, tables=tuple(_with_row_number(t) for t in adoption.schema.tables)
    )
    return replace(adoption, schema=numbered, losses=(_LOOSE, *losses, *adoption.losses))


def _without_other_identities(schema: Schema) -> tuple[Schema, list[Loss]]:
    """SQLite numbers single primary key columns; the others become ordinary ones."""
    losses = [
        Loss(
            object=f"identity of column {table.name}.{c.name}",
            reason="only a single primary key column is numbered",
            instead="an ordinary column",
        )
        for table in schema.tables
        for c in table.columns
        if _is_lost(table, c.name)
    ]
    tables = [
        replace(
            table,
            columns=tuple(
                replace(c, identity=None) if _is_lost(table, c.name) else c for c in table.columns
            ),
        )
        for table in schema.tables
    ]
    return replace(schema, tables=tuple(tables)), losses


def _is_lost(table: Table, column: str) -> bool:
    """Whether a column is numbered without being the whole primary key."""
    return table.column(column).identity is not None and table.primary_key != (column,)


def _with_row_number(table: Table) -> Table:
    """Say what SQLite does anyway: it numbers the rows of an INTEGER PRIMARY KEY."""
    (key, *more) = table.primary_key or ("", "")
    is_foreign = any(key in k.columns for k in table.foreign_keys)
    if more or is_foreign or table.column(key).type.native != "INTEGER":
        return table
    columns = tuple(
        replace(c, identity=c.identity or "serial") if c.name == key else c for c in table.columns
    )
    return replace(table, columns=columns)


def _is_accepted(trial: sqlite3.Connection, statement: str) -> bool:
    """Try a CREATE TABLE with one expression; unknown functions show only when a row comes."""
    name = "temp._dbsynth_probe"
    try:
        trial.execute(statement)
        trial.execute(f"INSERT INTO {name} DEFAULT VALUES")
    except sqlite3.IntegrityError:
        return True
    except sqlite3.Error:
        return False
    finally:
        trial.execute(f"DROP TABLE IF EXISTS {name}")
    return True


def _without_refused(adoption: Adoption, trial: sqlite3.Connection) -> Adoption:
    """Drop what hangs on something that was itself left out, e.g. on a virtual table."""
    schema = adoption.schema
    lost: list[NativeObject] = []
    if schema.script:
        made = {s.name for s in schema.script if s.kind != SETTING}
        lost = [o for o in schema.objects if o.statement and o.name not in made]
    else:
        for table in schema.tables:
            trial.execute(ddl.create_table(table, RULES))
        lost = [o for o in schema.objects if o.statement and not _is_made(trial, o.statement)]
    losses = [
        Loss(
            object=f"{item.kind} {item.name}",
            reason="it hangs on something that is not copied",
            instead="left out",
        )
        for item in lost
    ]
    kept = tuple(o for o in schema.objects if o not in lost)
    return replace(
        adoption,
        schema=replace(schema, objects=kept),
        losses=(*adoption.losses, *losses),
    )


def _is_made(trial: sqlite3.Connection, statement: str) -> bool:
    try:
        trial.execute(statement)
    except sqlite3.Error:
        return False
    return True
