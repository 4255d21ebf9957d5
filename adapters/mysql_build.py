"""The statements that make a MariaDB or MySQL schema: before the rows, after them, at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dbsynth.adapters import ddl, mysql_catalog
from dbsynth.adapters.mysql_adopt import RULES
from dbsynth.adapters.mysql_connection import execute, fetch, quote, translated
from dbsynth.adapters.mysql_objects import MADE_LAST
from dbsynth.adapters.mysql_rights import Rights
from dbsynth.adapters.mysql_script import FOREIGN_KEYS
from dbsynth.adapters.mysql_text import asleep
from dbsynth.errors import PermissionDeniedError, TargetError
from dbsynth.schema import Column, ForeignKey, NativeObject, Schema, Statement, Table

if TYPE_CHECKING:
    from pymysql.connections import Connection

_RIGHTS = {
    "view": "CREATE VIEW", "trigger": "TRIGGER", "event": "EVENT", "function": "CREATE ROUTINE",
    "procedure": "CREATE ROUTINE", "package": "CREATE ROUTINE", "package body": "CREATE ROUTINE",
}  # fmt: skip


def before_rows(schema: Schema) -> Iterator[Statement]:
    """Sequences, and tables as far as rows need them: by the schema's script, else by own DDL."""
    for sequence in schema.sequences:
        if sequence.native:
            yield Statement(kind="sequence", name=sequence.name.name, sql=sequence.native)
    if schema.script:
        yield from (s for s in schema.script if not s.is_after_rows)
        return
    collation = default_collation(schema)
    for table in schema.tables:
        sql = ddl.create_table(_creatable(table, collation), RULES)
        yield Statement(kind="table", name=table.name.name, sql=sql)


def after_rows(schema: Schema) -> Iterator[Statement]:
    """Indexes, uniques, checks and then foreign keys."""
    if schema.script:
        yield from (s for s in schema.script if s.is_after_rows)
        return
    for table in schema.tables:
        name = table.name.name
        for index in table.indexes:
            sql = ddl.create_index(table, index, RULES)
            yield Statement(kind="index", name=f"{name}.{index.name}", sql=sql)
        if changes := list(_changes(table)):
            yield Statement(kind="rules of", name=name, sql=_alter(table, changes))
    for table in schema.tables:
        keys = [k for k in table.foreign_keys if k.is_declared]
        if keys:
            changes = [f"ADD {ddl.foreign_key_clause(k, RULES)}" for k in keys]
            yield Statement(kind=FOREIGN_KEYS, name=table.name.name, sql=_alter(table, changes))
    for item in schema.objects:
        if item.statement and not item.before_tables and item.kind not in MADE_LAST:
            yield Statement(kind=item.kind, name=item.name, sql=item.statement)


def add_foreign_keys(connection: Connection[Any], schema: Schema, statement: Statement) -> None:
    """
    Run the statement that adds a table's foreign keys, after a look for rows that break them.

    A server that looks itself copies the whole table for it.

    Raises:
        TargetError: rows break a key, or the server refuses the statement; names the object.
    """
    doing = f"creating {statement.kind} {statement.name}"
    table = next(t for t in schema.tables if t.name.name == statement.name)
    with translated(TargetError, doing):
        for key in (k for k in table.foreign_keys if k.is_declared):
            if fetch(connection, _orphan(key)):
                raise TargetError(
                    f"{doing}: {key.name} has rows without their row in {key.parent}",
                    "Look at the named key; nothing was changed in the target.",
                )
        fetch(connection, "SET SESSION foreign_key_checks = 0")
        fetch(connection, statement.sql)
        fetch(connection, "SET SESSION foreign_key_checks = 1")


def _orphan(key: ForeignKey) -> str:
    """Write the SELECT that finds a row whose key is complete and leads nowhere."""
    pairs = list(zip(map(quote, key.columns), map(quote, key.parent_columns), strict=True))
    joined = " AND ".join(f"p.{there} = c.{here}" for here, there in pairs)
    complete = " AND ".join(f"c.{here} IS NOT NULL" for here, _ in pairs)
    return (
        f"SELECT 1 FROM {quote(key.child.name)} c LEFT JOIN {quote(key.parent.name)} p ON {joined} "
        f"WHERE {complete} AND p.{pairs[0][1]} IS NULL LIMIT 1"
    )


def default_collation(schema: Schema) -> str | None:
    """The collation that the source's database gives to new tables."""
    return next((o.name for o in schema.objects if o.kind == "default collation"), None)


def try_last(connection: Connection[Any], schema: Schema, database: str) -> Iterator[str]:
    """
    Create what is made after the swap in the load once, so that it cannot fail then.

    Yields the statements that make it again in the target; they may run twice.

    Raises:
        TargetError: something can never be created; names it.
    """
    if collation := default_collation(schema):
        yield f"ALTER DATABASE {quote(database)} COLLATE = {collation}"
    for table in schema.tables:
        for column in table.columns:
            if _uses_sequence(column):
                yield (
                    f"ALTER TABLE {quote(table.name.name)} ALTER COLUMN "
                    f"{quote(column.name)} SET DEFAULT {column.default}"
                )
    for item in _ordered(connection, schema.objects):
        drop = f"DROP {item.kind.upper()} IF EXISTS {quote(item.name)}"
        if item.kind in ("trigger", "event"):  # triggers forbid renaming, events would run
            with translated(TargetError, f"trying {item.kind} {item.name}"):
                fetch(connection, drop)
        yield from (drop, item.statement or "")


def require_rights(
    connection: Connection[Any], schema: Schema, database: str, *, clears: bool
) -> None:
    """
    Find out whether this user may do in the target all that the swap takes.

    Args:
        connection: the session.
        schema: what will be there.
        database: the target.
        clears: what is there now goes away.

    Raises:
        PermissionDeniedError: rights are missing; names all of them.
    """
    needed = {_RIGHTS[o.kind] for o in schema.objects if o.statement and o.kind in _RIGHTS}
    old = mysql_catalog.names(connection, database)
    if old.tables or old.views:
        needed |= {"DROP", "ALTER"}
    if clears:
        code = mysql_catalog.code_names(connection, database)
        needed |= {_RIGHTS[k] for k, _ in code if k in ("trigger", "event")}
        needed |= {"ALTER ROUTINE" for k, _ in code if k not in ("trigger", "event")}
    rights = Rights.of(connection)
    missing = sorted(right for right in needed if not rights.has(database, right))
    if missing:
        raise PermissionDeniedError(
            f"this user lacks {', '.join(missing)} on {database}",
            f"Grant {', '.join(missing)} on {quote(database)}.* to this user.",
            problems=missing,
        )


def advance_sequences(connection: Connection[Any], schema: Schema, database: str) -> None:
    """Set the sequences of a database past the rows that used them."""
    for sequence in schema.sequences:
        call = f"nextval({quote(sequence.name.name)})"
        for table in schema.tables:
            for column in table.columns:
                if column.default == call:
                    ends = "MAX" if sequence.increment > 0 else "MIN"
                    ((used,),) = fetch(
                        connection,
                        f"SELECT {ends}({quote(column.name)}) FROM "
                        f"{quote(database, table.name.name)}",
                    )
                    if used is not None:
                        place = quote(database, sequence.name.name)
                        fetch(connection, f"SELECT SETVAL({place}, {int(used)})")


def _ordered(connection: Connection[Any], objects: Sequence[NativeObject]) -> list[NativeObject]:
    """
    Create views, routines and the like in an order in which they work, and tell that order.

    Raises:
        TargetError: some can never be created.
    """
    waiting = [o for o in objects if o.statement and o.kind in MADE_LAST]
    done: list[NativeObject] = []
    while waiting:
        failed: list[tuple[NativeObject, TargetError]] = []
        for item in waiting:
            sql = item.statement or ""
            try:
                with translated(TargetError, f"creating {item.kind} {item.name}"):
                    execute(connection, asleep(sql) if item.kind == "event" else sql)
                done.append(item)
            except TargetError as exc:
                failed.append((item, exc))
        if len(failed) == len(waiting):
            raise failed[0][1]
        waiting = [item for item, _ in failed]
    return done


def _alter(table: Table, changes: Sequence[str]) -> str:
    """Change a table in one statement, which reads its rows once."""
    return f"ALTER TABLE {quote(table.name.name)} {', '.join(changes)}"


def _creatable(table: Table, collation: str | None) -> Table:
    """A table as CREATE TABLE can say it before there are indexes and rows."""
    options = table.options
    if collation and "COLLATE=" not in (options or ""):
        # Partitions must stay last.
        options = f"COLLATE={collation} {options or ''}".strip()
    return replace(
        table,
        columns=tuple(_creatable_column(table, c) for c in table.columns),
        options=options,
    )


def _creatable_column(table: Table, column: Column) -> Column:
    """Leave out AUTO_INCREMENT without an index, and defaults that name the shadow's sequences."""
    if column.identity and table.primary_key[:1] != (column.name,):
        column = replace(column, identity=None)
    if _uses_sequence(column):
        column = replace(column, default=None)
    if column.type.kind == "timestamptz" and column.is_nullable:
        # Otherwise older servers make it NOT NULL and set it at every UPDATE.
        column = replace(column, type=replace(column.type, native=f"{column.type.native} NULL"))
    return column


def _changes(table: Table) -> Iterator[str]:
    """What ALTER TABLE adds once the rows are there."""
    for unique in table.uniques:
        yield f"ADD {ddl.unique_clause(unique, RULES)}"
    for check in table.checks:
        yield f"ADD {ddl.check_clause(check, RULES)}"
    for column in table.columns:
        if column.identity and table.primary_key[:1] != (column.name,):
            yield f"MODIFY {ddl.column_definition(column, RULES)}"


def _uses_sequence(column: Column) -> bool:
    return column.default is not None and "nextval(" in column.default.lower()
