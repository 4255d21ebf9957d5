"""Fit a schema to one PostgreSQL server: try on it what cannot be known without it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial

import psycopg

from dbsynth.adapters import ddl
from dbsynth.adapters.base import Adoption
from dbsynth.adapters.ddl import DialectRules
from dbsynth.adapters.postgresql_connection import Connection, fetch
from dbsynth.adapters.postgresql_script import try_script
from dbsynth.adapters.postgresql_types import RULES, native_types
from dbsynth.adapters.translate import adopt_schema
from dbsynth.schema import Column, Loss, NativeObject, Schema, SqlType, Table, TableName

_TRIAL = "dbsynth_trial"
_TYPES = ("domain", "composite type")


def adopt(connection: Connection, schema: Schema, rules: DialectRules) -> Adoption:
    """Translate a schema; everything that is tried on the server is undone."""
    if schema.script and schema.dialect == rules.dialect:
        return _adopt_script(connection, schema)
    with connection.transaction(force_rollback=True):
        if schema.dialect != rules.dialect:
            choose = native_types(schema, partial(_spelled, connection))
            adoption = adopt_schema(schema, rules, choose, _acceptor(connection))
            _create_types(connection, adoption.schema)
            tables = tuple(_as_printed(connection, t, rules) for t in adoption.schema.tables)
            return replace(adoption, schema=replace(adoption.schema, tables=tables))
        losses: list[Loss] = []
        objects = tuple(o for o in schema.objects if _is_available(connection, o, losses))
        known = _known_types(connection, schema)
        tables = tuple(_held(t, known, rules, losses) for t in schema.tables)
    held = replace(schema, tables=tables, objects=objects)
    adoption = adopt_schema(held, rules, lambda _, column: (column.type, None))
    carried = tuple(o for o in objects if o.statement is not None)
    return Adoption(
        replace(adoption.schema, objects=carried), adoption.names, (*losses, *adoption.losses)
    )


def _adopt_script(connection: Connection, schema: Schema) -> Adoption:
    """Try the whole script on the server as it will be: without what is to be replaced."""
    with connection.transaction(force_rollback=True):
        for row in fetch(connection, "occupants"):
            connection.execute(row["statement"])
        trial = try_script(connection, schema.script)
    held = replace(schema, script=trial.script, objects=())
    return Adoption(held, {t.name: t.name for t in schema.tables}, trial.losses)


def _as_printed(connection: Connection, table: Table, rules: DialectRules) -> Table:
    """
    Write a table's expressions as the server prints them, so that the copy's schema is the adopted.

    Where that cannot be tried, because a type is not there yet, the expressions stay as they are.
    """
    conditional = [u for u in table.uniques if u.predicate is not None]
    trial = replace(table, name=TableName("", _TRIAL), comment=None)
    statements = [ddl.create_table(trial, rules, inline={"check"}, temporary=True)]
    statements += [ddl.create_unique_index(trial, u, rules) for u in conditional]
    try:
        with connection.transaction(force_rollback=True):
            for statement in statements:
                connection.execute(statement.encode())
            connection.execute("SELECT pg_catalog.set_config('search_path', '', true)")
            found = connection.execute("SELECT %s::regclass::oid", (f"pg_temp.{_TRIAL}",))
            oid = found.fetchall()[0][0]
            columns, checks, indexes = (
                {row["name"]: row for row in fetch(connection, query, tables=[oid])}
                for query in ("columns", "checks", "indexes")
            )
    except psycopg.Error:
        return table
    return replace(
        table,
        columns=tuple(_column_as_printed(c, columns[c.name]["expression"]) for c in table.columns),
        checks=tuple(replace(c, expression=checks[c.name]["expression"]) for c in table.checks),
        uniques=tuple(
            u if u.predicate is None else replace(u, predicate=indexes[u.name]["predicate"])
            for u in table.uniques
        ),
    )


def _column_as_printed(column: Column, expression: str | None) -> Column:
    if column.generated is not None:
        return replace(column, generated=expression)
    return column if column.default is None else replace(column, default=expression)


def _acceptor(connection: Connection) -> Callable[[str], bool]:
    def accepts(statement: str) -> bool:
        try:
            with connection.transaction(force_rollback=True):
                connection.execute(statement.encode())
        except psycopg.Error:
            return False
        return True

    return accepts


def _is_available(connection: Connection, item: NativeObject, losses: list[Loss]) -> bool:
    """Create extensions for a try; one that cannot be created is a loss."""
    if item.kind not in ("extension", "schema") or item.statement is None:
        return True
    try:
        with connection.transaction():
            connection.execute(item.statement.encode())
    except psycopg.errors.DuplicateSchema:
        return True
    except psycopg.Error:
        if item.kind == "schema":  # needed by a table or not: creating it will tell
            return True
        losses.append(
            Loss(
                object=f"extension {item.name}",
                reason="the target's server has none, or this user may not create it",
                instead="left out; its types are held as text",
            )
        )
        return False
    return True


def _known_types(connection: Connection, schema: Schema) -> Callable[[str], bool]:
    """Tell whether a type exists on the server, once the schema's own types are created."""
    accepts = _acceptor(connection)
    _create_types(connection, schema)
    return cache(lambda native: accepts(f"SELECT NULL::{native}"))


def _spelled(connection: Connection, name: TableName) -> str:
    """Quote a name as the server prints it: only where it must be."""
    row = connection.execute("SELECT pg_catalog.format('%%I.%%I', %s::text, %s::text)", name)
    return str(row.fetchall()[0][0])


def _create_types(connection: Connection, schema: Schema) -> None:
    """Create a schema's own types for a try."""
    statements = [ddl.create_enum(e, RULES) for e in schema.enums]
    statements += [o.statement for o in schema.objects if o.statement and o.kind in _TYPES]
    for statement in statements:
        # What is refused here may be there already, left by an earlier run; if not, `create` tells.
        with suppress(psycopg.Error), connection.transaction():
            connection.execute(statement.encode())


def _held(
    table: Table, is_known: Callable[[str], bool], rules: DialectRules, losses: list[Loss]
) -> Table:
    """Hold columns of unknown types as text, and uniques as far as the server can say them."""
    columns = []
    for column in table.columns:
        # Only types with a schema in their name are not the server's own.
        if column.type.enum_name or "." not in column.type.native or is_known(column.type.native):
            columns.append(column)
        else:
            columns.append(_as_text(table, column, losses))
    uniques = []
    for unique in table.uniques:
        is_held = rules.nulls_not_distinct or not unique.nulls_not_distinct
        uniques.append(unique if is_held else replace(unique, nulls_not_distinct=False))
        if not is_held:
            losses.append(
                Loss(
                    object=f"unique {table.name}.{unique.name}",
                    reason="the target counts NULLs as distinct",
                    instead="an ordinary unique",
                )
            )
    return replace(table, columns=tuple(columns), uniques=tuple(uniques))


def _as_text(table: Table, column: Column, losses: list[Loss]) -> Column:
    losses.append(
        Loss(
            object=f"column {table.name}.{column.name}",
            reason=f"the target has no type {column.type.native}",
            instead="held as text, without default",
        )
    )
    held = SqlType(kind="string", native="text")
    return replace(column, type=held, default=None, collation=None)
