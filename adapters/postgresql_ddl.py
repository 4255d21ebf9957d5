"""Our own DDL for PostgreSQL, where pg_dump is not at hand or the source is another database."""

from __future__ import annotations

from collections.abc import Iterable

from dbsynth.adapters import ddl
from dbsynth.adapters.ddl import DialectRules
from dbsynth.adapters.postgresql_connection import Connection, translated
from dbsynth.adapters.postgresql_sequences import drawn, numberings
from dbsynth.errors import TargetError
from dbsynth.schema import NativeObject, Schema, Statement, Table, TableName

Part = tuple[str, TableName | str, str]  # kind, name, SQL
_REMEDY = "Nothing was changed. Mend the cause and run again."
_SEQUENCE_TYPES = {16: "smallint", 32: "integer", 64: "bigint"}


def own_script(schema: Schema, rules: DialectRules) -> tuple[Statement, ...]:
    """
    Write a schema's DDL ourselves: tables, types, keys, indexes, sequences, and what has its own.

    Objects that only pg_dump can write come without SQL.
    """
    return tuple(
        Statement(kind=kind, name=str(name), sql=sql, is_after_rows=is_after_rows)
        for part, is_after_rows in ((_before_rows, False), (_after_rows, True))
        for kind, name, sql in part(schema, rules)
    )


def _before_rows(schema: Schema, rules: DialectRules) -> Iterable[Part]:
    names = {t.name.schema for t in schema.tables} | {e.name.schema for e in schema.enums}
    names |= {s.name.schema for s in schema.sequences}
    names |= {o.name for o in schema.objects if o.kind == "schema"}
    for name in sorted(names):
        yield "schema", name, f"CREATE SCHEMA {ddl.quote(name, rules)}"
    objects = [o for o in schema.objects if o.before_tables and o.kind != "schema"]
    yield from _written(o for o in objects if o.kind == "extension")
    for enum in schema.enums:
        yield "type", enum.name, ddl.create_enum(enum, rules)
    yield from _written(o for o in objects if o.kind != "extension")
    yield from _sequences(schema)
    for table in schema.tables:
        yield "table", table.name, ddl.create_table(table, rules, inline=())


def _after_rows(schema: Schema, rules: DialectRules) -> Iterable[Part]:
    for table in schema.tables:
        yield from _own_rules(table, rules)
    for table in schema.tables:
        for key in table.foreign_keys:
            if key.is_declared:
                name = f"{table.name} {key.name}"
                yield "fk constraint", name, ddl.add_foreign_key(table, key, rules)
    yield from _serials(schema, rules)
    yield from _written(o for o in schema.objects if not o.before_tables)
    for table in schema.tables:
        for statement in ddl.comments(table, rules):
            yield "comment", f"on {table.name}", statement


def _written(objects: Iterable[NativeObject]) -> Iterable[Part]:
    return ((o.kind, o.name, o.statement or "") for o in objects)


def finish_sequences(connection: Connection, schema: Schema, rules: DialectRules) -> None:
    """
    Set every sequence past the rows of all columns that draw from it.

    Raises:
        PermissionDeniedError, TargetError: the server refuses; names the object.
    """
    for numbering in numberings(schema, rules):
        _run(connection, numbering.statement, f"cannot set {numbering.what} past the rows")


def analyze(connection: Connection, name: TableName, rules: DialectRules) -> None:
    """
    Let the server look at a table's rows.

    Raises:
        TargetError: the server refuses; names the table.
    """
    _run(connection, f"ANALYZE {ddl.quote_table(name, rules)}", f"cannot analyze {name}")


def _own_rules(table: Table, rules: DialectRules) -> Iterable[Part]:
    """List what concerns one table only."""
    if table.primary_key:
        yield "constraint", f"primary key of {table.name}", ddl.add_primary_key(table, rules)
    for unique in table.uniques:
        yield "constraint", f"{table.name} {unique.name}", ddl.add_unique(table, unique, rules)
    for check in table.checks:
        yield "check constraint", f"{table.name} {check.name}", ddl.add_check(table, check, rules)
    for index in table.indexes:
        yield "index", f"{table.name} {index.name}", ddl.create_index(table, index, rules)


def _sequences(schema: Schema) -> Iterable[Part]:
    """Make the sequences that stand alone, then those that serial columns take for granted."""
    for item in schema.sequences:
        if item.native:
            yield "sequence", item.name, item.native
    for _, column, name in drawn(schema):
        kind = _SEQUENCE_TYPES.get(column.type.bits, "bigint")
        yield "sequence", name, f"CREATE SEQUENCE IF NOT EXISTS {name} AS {kind}"


def _serials(schema: Schema, rules: DialectRules) -> Iterable[Part]:
    """Let the columns that are numbered own their sequences."""
    for table, column, sequence in drawn(schema):
        if column.identity == "serial":
            owner = f"{ddl.quote_table(table.name, rules)}.{ddl.quote(column.name, rules)}"
            yield "sequence owned by", sequence, f"ALTER SEQUENCE {sequence} OWNED BY {owner}"


def _run(connection: Connection, statement: str, doing: str) -> None:
    with translated(TargetError, doing, _REMEDY):
        connection.execute(statement.encode())
