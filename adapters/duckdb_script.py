"""A DuckDB schema as the statements that DuckDB's own catalog and export print."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbsynth import queries
from dbsynth.adapters import ddl
from dbsynth.adapters.base import RESERVED
from dbsynth.adapters.duckdb_rules import RULES
from dbsynth.schema import EnumType, Loss, Schema, Statement, TableName

if TYPE_CHECKING:
    import duckdb as driver

_SHAPE = "dbsynth_shape"  # an empty copy of the source, in memory
_MACRO = re.compile(
    r'CREATE MACRO ((?:"(?:[^"]|"")*"|[^\s."(])+(?:\.(?:"(?:[^"]|"")*"|[^\s."(])+)?)'
)
_PART = re.compile(r'"((?:[^"]|"")*)"|([^".]+)')


def split_name(text: str) -> TableName:
    """Take a name apart that may be quoted and may have a schema."""
    parts = [quoted.replace('""', '"') or plain for quoted, plain in _PART.findall(text)]
    return TableName(parts[-2] if len(parts) > 1 else "main", parts[-1])


def macros(cursor: driver.DuckDBPyConnection) -> dict[TableName, str]:
    """
    Give the statement of every macro as DuckDB exports it: its catalog forgets default arguments.

    Only an empty copy of the schema is exported; no row leaves the source.
    """
    (database,) = cursor.sql("SELECT current_database()").fetchall()[0]
    cursor.execute(f"ATTACH ':memory:' AS {_SHAPE} (READ_WRITE)")
    try:
        name = ddl.quote(database, RULES)
        cursor.execute(f"COPY FROM DATABASE {name} TO {_SHAPE} (SCHEMA)")
        _drop_tables(cursor)  # those with a key to themselves cannot be exported
        with tempfile.TemporaryDirectory() as folder:
            cursor.execute(f"EXPORT DATABASE {_SHAPE} TO {ddl.literal(folder, RULES)}")
            text = (Path(folder) / "schema.sql").read_text("utf-8")
        found = [s.query.strip() for s in cursor.extract_statements(text)]
    finally:
        cursor.execute(f"DETACH {_SHAPE}")
    return {split_name(m[1]): text for text in found if (m := _MACRO.match(text))}


def _drop_tables(cursor: driver.DuckDBPyConnection) -> None:
    """Drop the tables of the empty copy; children before parents, whichever order that is."""
    listed = f"SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = '{_SHAPE}'"
    names = [TableName(*row) for row in cursor.sql(listed).fetchall()]
    drops = [
        _statement("table", name, f"DROP TABLE {_SHAPE}.{ddl.quote_table(name, RULES)}")
        for name in names
    ]
    _settled(cursor, drops)


def script(cursor: driver.DuckDBPyConnection, schema: Schema) -> tuple[Statement, ...]:
    """
    List what makes a schema again but its sequences, which start behind the rows that use them.

    Args:
        cursor: on the source.
        schema: as introspected; with fewer tables if only some are wanted.
    """
    objects = {(o.kind, o.name): o.statement for o in schema.objects}
    wanted = {t.name for t in schema.tables}
    found = [
        _statement("schema", TableName("", name), f"CREATE SCHEMA {ddl.quote(name, RULES)}")
        for (name,) in _rows(cursor, "schemas")
    ]
    found += [_type(cursor, *row) for row in _rows(cursor, "types")]
    found += [
        Statement(kind=kind, name=name, sql=text or "")
        for (kind, name), text in objects.items()
        if kind == "macro"
    ]
    for kind, place, table, name, sql in _rows(cursor, "definitions"):
        is_wanted = TableName(place, table) in wanted
        if kind == "view":
            is_wanted = ("view", f"{place}.{name}") in objects
        if is_wanted and (place, name) != ("main", RESERVED):
            found.append(_statement(kind, TableName(place, name), sql, late=kind != "table"))
    for kind, place, name, column, text in _rows(cursor, "comments"):
        parts = [place, name] if column is None else [place, name, column]
        what = ".".join(ddl.quote(p, RULES) for p in parts)
        sql = f"COMMENT ON {kind} {what} IS {ddl.literal(text, RULES)}"
        found.append(
            Statement(kind="comment", name=f"{kind.lower()} {what}", sql=sql, is_after_rows=True)
        )
    return tuple(found)


def in_order(
    schema: Schema,
    trial: driver.DuckDBPyConnection,
    sequences: Iterable[str],
    tables: Sequence[TableName],
) -> tuple[Schema, tuple[Loss, ...]]:
    """
    Try a script on an empty database, and put it into an order in which it works.

    DuckDB's catalog does not tell in which order objects were made, and keeps views and macros of
    what is no longer there.  What works in no order is left out and becomes a loss; only tables
    and what makes them stay in any case, so that the load itself says what is wrong with them.

    Args:
        schema: in DuckDB's dialect, with a script.
        trial: an empty database.
        sequences: statements that make the sequences.
        tables: parents first.
    """
    early = [s for s in schema.script if not s.is_after_rows]
    made = {s.name: s for s in early if s.kind == "table"}
    wanted = [ddl.quote_table(name, RULES) for name in tables]
    ordered = [made[name] for name in wanted if name in made]
    first, _ = _settled(trial, [s for s in early if s.kind in ("schema", "type")])
    for text in sequences:
        _is_made(trial, text)
    soon, later = _settled(trial, [s for s in early if s.kind == "macro"])
    for statement in ordered:
        _is_made(trial, statement.sql)
    late = [replace(s, is_after_rows=True) for s in later]
    late, lost = _settled(trial, [*late, *(s for s in schema.script if s.is_after_rows)])
    losses = tuple(
        Loss(
            object=f"{s.kind} {s.name}",
            reason="it refers to something that is not there, or not copied",
            instead="left out",
        )
        for s in lost
    )
    gone = {f"{s.kind} {s.name}" for s in lost}
    kept = tuple(o for o in schema.objects if f"{o.kind} {o.name}" not in gone)
    found = (*first, *soon, *ordered, *late)
    return replace(schema, script=found, objects=kept), losses


def _settled(
    trial: driver.DuckDBPyConnection, statements: Sequence[Statement]
) -> tuple[list[Statement], list[Statement]]:
    """Run statements until none of those that are left works; returns both parts, in order."""
    done: list[Statement] = []
    left = list(statements)
    while left:
        tried = [(s, _is_made(trial, s.sql)) for s in left]
        done += [s for s, is_made in tried if is_made]
        if not any(is_made for _, is_made in tried):
            break
        left = [s for s, is_made in tried if not is_made]
    return done, left


def _is_made(trial: driver.DuckDBPyConnection, sql: str) -> bool:
    import duckdb as driver

    try:
        trial.execute(sql)
    except driver.Error:
        return False
    return True


def _type(
    cursor: driver.DuckDBPyConnection, schema: str, name: str, logical: str, labels: Sequence[str]
) -> Statement:
    given = TableName(schema, name)
    if logical == "ENUM":
        text = ddl.create_enum(EnumType(name=given, labels=tuple(labels)), RULES)
    else:
        quoted = ddl.quote_table(given, RULES)
        (native,) = cursor.sql(f"SELECT typeof(CAST(NULL AS {quoted}))").fetchall()[0]
        text = f"CREATE TYPE {quoted} AS {native}"
    return _statement("type", given, text)


def _statement(kind: str, name: TableName, sql: str, *, late: bool = False) -> Statement:
    shown = ddl.quote_table(name, RULES) if kind == "table" else str(name)
    return Statement(kind=kind, name=shown, sql=sql, is_after_rows=late)


def _rows(cursor: driver.DuckDBPyConnection, name: str) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = cursor.sql(queries.get("duckdb", name)).fetchall()
    return found
