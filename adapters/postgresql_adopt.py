"""Fit a schema to one PostgreSQL server: try on it what cannot be known without it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import psycopg

from dbsynth.adapters import ddl
from dbsynth.adapters.base import Adoption
from dbsynth.adapters.ddl import DialectRules
from dbsynth.adapters.postgresql_connection import Connection, attempt, fetch, is_refusal
from dbsynth.adapters.postgresql_ddl import own_script
from dbsynth.adapters.postgresql_script import clear, try_script
from dbsynth.adapters.postgresql_types import RULES, native_types
from dbsynth.adapters.translate import adopt_schema
from dbsynth.schema import Column, Loss, Schema, Table, TableName

_TRIAL = "dbsynth_trial"


def adopt(connection: Connection, schema: Schema, rules: DialectRules) -> Adoption:
    """Translate a schema and try its DDL; everything that is done on the server is undone."""
    with connection.transaction(force_rollback=True):
        clear(connection)  # as they will be gone
        adoption = _translated(connection, schema, rules)
        held = adoption.schema
        trial = try_script(connection, held.script or own_script(held, rules))
    held = replace(held, script=trial.script, objects=())
    return Adoption(held, adoption.names, (*adoption.losses, *trial.losses))


def _translated(connection: Connection, schema: Schema, rules: DialectRules) -> Adoption:
    if schema.dialect == rules.dialect:
        names = {t.name: t.name for t in schema.tables}
        return Adoption(schema, names, () if rules.nulls_not_distinct else _distinct_nulls(schema))
    with connection.transaction(force_rollback=True):
        choose = native_types(schema, partial(_spelled, connection))
        adoption = adopt_schema(schema, rules, choose, _acceptor(connection))
        _create_types(connection, adoption.schema)
        tables = tuple(_as_printed(connection, t, rules) for t in adoption.schema.tables)
    return replace(adoption, schema=replace(adoption.schema, tables=tables))


def _distinct_nulls(schema: Schema) -> tuple[Loss, ...]:
    """What a server before version 15 makes of uniques whose NULLs are not distinct."""
    return tuple(
        Loss(
            object=f"unique {table.name}.{unique.name}",
            reason="the target counts NULLs as distinct",
            instead="an ordinary unique",
        )
        for table in schema.tables
        for unique in table.uniques
        if unique.nulls_not_distinct
    )


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
    except psycopg.Error as exc:
        if not is_refusal(exc):
            raise
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
    return lambda statement: attempt(connection, statement, undo=True) is None


def _spelled(connection: Connection, name: TableName) -> str:
    """Quote a name as the server prints it: only where it must be."""
    row = connection.execute("SELECT pg_catalog.format('%%I.%%I', %s::text, %s::text)", name)
    return str(row.fetchall()[0][0])


def _create_types(connection: Connection, schema: Schema) -> None:
    """Create a schema's own types for a try."""
    for enum in schema.enums:
        # What is refused here is refused again, and named, when the whole script is tried.
        attempt(connection, ddl.create_enum(enum, RULES))
