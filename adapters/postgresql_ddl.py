"""The two halves of a PostgreSQL load's DDL: what rows need, and what needs the rows."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

import psycopg

from dbsynth import queries
from dbsynth.adapters import ddl
from dbsynth.adapters.ddl import DialectRules
from dbsynth.adapters.postgresql_connection import DIALECT, Connection, translated
from dbsynth.adapters.postgresql_script import run_after_rows, run_before_rows, run_last
from dbsynth.errors import TargetError
from dbsynth.schema import Column, NativeObject, Schema, Table

_REMEDY = "Nothing was changed. Mend the cause and run again."
_NEXTVAL = re.compile(r"nextval\('((?:[^']|'')+)'::regclass\)")
_SEQUENCE_TYPES = {16: "smallint", 32: "integer", 64: "bigint"}


def before_rows(connection: Connection, schema: Schema, rules: DialectRules) -> None:
    """
    Create everything that tables need, and the tables without keys and indexes.

    Raises:
        PermissionDeniedError, TargetError: the server refuses; names the object.
    """
    if schema.script:
        run_before_rows(connection, schema.script)
        return
    # Functions may name tables that come later, as in a dump.
    with translated(TargetError, "cannot prepare the target", _REMEDY):
        connection.execute("SET LOCAL check_function_bodies = off")
    _create_schemas(connection, schema)
    objects = [o for o in schema.objects if o.before_tables and o.kind != "schema"]
    waiting = _try_each(connection, [o for o in objects if o.kind == "extension"])
    for enum in schema.enums:
        _run(connection, ddl.create_enum(enum, rules), f"cannot create type {enum.name}")
    waiting += _try_each(connection, [o for o in objects if o.kind != "extension"])
    for statement in _sequences(schema):
        _run(connection, statement, "cannot create a sequence")
    for table in schema.tables:
        statement = ddl.create_table(table, rules, inline=())
        _run(connection, statement, f"cannot create table {table.name}")
    for item in waiting:
        _create_object(connection, item)


def after_rows(connection: Connection, schema: Schema, rules: DialectRules) -> None:
    """
    Create keys, indexes, checks, views and triggers; set sequences past the rows; analyze.

    Raises:
        PermissionDeniedError, TargetError: the server refuses; names the object.
    """
    if schema.script:
        run_after_rows(connection, schema.script)
    else:
        _create_rules(connection, schema, rules)
    _set_sequences(connection, schema, rules)
    for table in schema.tables:
        name = ddl.quote_table(table.name, rules)
        _run(connection, f"ANALYZE {name}", f"cannot analyze {table.name}")


def at_the_end(connection: Connection, schema: Schema) -> None:
    """Create what would have stood in the way of verification."""
    run_last(connection, schema.script)


def _create_rules(connection: Connection, schema: Schema, rules: DialectRules) -> None:
    """Create keys, indexes, checks, views and triggers with our own DDL."""
    for table in schema.tables:
        for what, statement in _own_rules(table, rules):
            _run(connection, statement, f"cannot add {what} to {table.name}")
    for table in schema.tables:
        for key in table.foreign_keys:
            if key.is_declared:
                what = f"cannot add foreign key {key.name} to {table.name}"
                _run(connection, ddl.add_foreign_key(table, key, rules), what)
    for item in schema.objects:
        if not item.before_tables:
            _create_object(connection, item)
    for table in schema.tables:
        for statement in ddl.comments(table, rules):
            _run(connection, statement, f"cannot comment on {table.name}")


def _own_rules(table: Table, rules: DialectRules) -> Iterable[tuple[str, str]]:
    """List what concerns one table only, as (what it is, statement)."""
    if table.primary_key:
        yield "the primary key", ddl.add_primary_key(table, rules)
    for unique in table.uniques:
        yield f"unique {unique.name}", ddl.add_unique(table, unique, rules)
    for check in table.checks:
        yield f"check {check.name}", ddl.add_check(table, check, rules)
    for index in table.indexes:
        yield f"index {index.name}", ddl.create_index(table, index, rules)


def _create_schemas(connection: Connection, schema: Schema) -> None:
    """Create missing schemas only: even IF NOT EXISTS asks for the right to create."""
    names = {t.name.schema for t in schema.tables} | {e.name.schema for e in schema.enums}
    names |= {s.name.schema for s in schema.sequences}
    names |= {o.name for o in schema.objects if o.kind == "schema"}
    with translated(TargetError, "cannot list the target's schemas", _REMEDY):
        found = connection.execute("SELECT nspname FROM pg_catalog.pg_namespace").fetchall()
    for name in sorted(names - {row[0] for row in found}):
        quoted = '"' + name.replace('"', '""') + '"'
        _run(connection, f"CREATE SCHEMA {quoted}", f"cannot create schema {name}")


def _try_each(connection: Connection, objects: Iterable[NativeObject]) -> list[NativeObject]:
    """Create objects in order; those that fail may be waiting for a table, and are returned."""
    waiting = []
    for item in objects:
        if item.statement is None:
            continue
        try:
            with connection.transaction():
                connection.execute(item.statement.encode())
        except psycopg.Error:
            waiting.append(item)
    return waiting


def _create_object(connection: Connection, item: NativeObject) -> None:
    if item.statement is not None:
        _run(connection, item.statement, f"cannot create {item.kind} {item.name}")


def _sequences(schema: Schema) -> list[str]:
    """Make the sequences that stand alone, then those that serial columns take for granted."""
    statements = [s.native for s in schema.sequences if s.native]
    for _, column, name in _numbered(schema):
        kind = _SEQUENCE_TYPES.get(column.type.bits, "bigint")
        statements.append(f"CREATE SEQUENCE IF NOT EXISTS {name} AS {kind}")
    return statements


def _numbered(schema: Schema) -> Iterable[tuple[Table, Column, str]]:
    """List the columns whose default is the next value of a sequence, with its quoted name."""
    for table in schema.tables:
        for column in table.columns:
            match = _NEXTVAL.fullmatch(column.default or "")
            if match:
                yield table, column, match[1].replace("''", "'")


def _set_sequences(connection: Connection, schema: Schema, rules: DialectRules) -> None:
    """Set every sequence past the rows of all columns that draw from it."""
    users: dict[str, list[str]] = defaultdict(list)
    for table, column, sequence in _numbered(schema):
        name, quoted = ddl.quote_table(table.name, rules), ddl.quote(column.name, rules)
        users[ddl.literal(sequence, rules)].append(f"SELECT {quoted} AS used FROM {name}")
        if column.identity == "serial" and not schema.script:
            owner = f"ALTER SEQUENCE {sequence} OWNED BY {name}.{quoted}"
            _run(connection, owner, f"cannot number {table.name}.{column.name}")
    for table in schema.tables:
        for column in table.columns:
            if column.identity in ("always", "by default"):
                name, quoted = ddl.quote_table(table.name, rules), ddl.quote(column.name, rules)
                owned = ", ".join(ddl.literal(text, rules) for text in (name, column.name))
                sequence = f"pg_catalog.pg_get_serial_sequence({owned})"
                users[sequence].append(f"SELECT {quoted} AS used FROM {name}")
    template = queries.get(DIALECT, "set_sequence")
    for sequence, rows in users.items():
        slots = {"sequence": sequence, "rows": " UNION ALL ".join(rows)}
        _run(connection, queries.render(template, slots), "cannot set a sequence past the rows")


def _run(connection: Connection, statement: str, doing: str) -> None:
    with translated(TargetError, doing, _REMEDY):
        connection.execute(statement.encode())
