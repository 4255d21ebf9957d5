"""A random schema and its rows as the SQL of a dialect."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from tests.random_schemas.rows import ENUM
from tests.random_schemas.shapes import Column, Key, Table, Unique, quoted

_POSTGRESQL = {
    "integer": "integer", "bigint": "bigint", "smallint": "smallint", "text": "text",
    "varchar": "varchar(40)", "code": "varchar(12)", "char": "char(2)", "letter": "char(1)",
    "label": "text", "enum": "colour", "uuid": "uuid", "date": "date",
    "decimal": "numeric(12, 2)", "double": "double precision", "boolean": "boolean",
    "timestamp": "timestamp", "timestamptz": "timestamptz", "time": "time", "json": "jsonb",
    "bytes": "bytea", "array": "integer[]", "interval": "interval", "inet": "inet",
}  # fmt: skip
# With varchar, PostgreSQL itself would print another check after each dump and restore.
_SQLITE = _POSTGRESQL | {
    "label": "varchar(20)",
    "enum": "text", "json": "json", "bytes": "blob", "array": "text", "interval": "text",
    "inet": "text",
}  # fmt: skip
_DUCKDB = _POSTGRESQL | {"label": "varchar(20)", "json": "json", "bytes": "blob", "inet": "varchar"}
_TYPES = {"postgresql": _POSTGRESQL, "sqlite": _SQLITE, "duckdb": _DUCKDB}


def script(tables: list[Table], dialect: str) -> str:
    """The statements that make the database, with rows; keys that need both tables come last."""
    enum = ", ".join(f"'{label}'" for label in ENUM)
    used = any(c.kind == "enum" for t in tables for c in t.columns)
    parts = [f"CREATE TYPE colour AS ENUM ({enum});"] if used and dialect != "sqlite" else []
    for table in tables:
        parts.append(_create(table, dialect))
        parts += [_index(table, u, dialect) for u in table.uniques if _is_index(u, dialect)]
    for table in tables:
        parts += _inserts(table, dialect)
    if dialect == "postgresql":
        parts += [
            f"ALTER TABLE {quoted(t.name)} ADD {_key(k, dialect)};" for t in tables for k in t.keys
        ]
        parts += [_counter(t) for t in tables if any(c.numbering for c in t.columns)]
    return "\n".join(p for p in parts if p) + "\n"


def _create(table: Table, dialect: str) -> str:
    lines = [_column(table, c, dialect) for c in table.columns]
    if table.primary_key and not _counts_itself(table, dialect):
        lines.append(f"PRIMARY KEY ({_names(table.primary_key)})")
    lines += [
        f"CONSTRAINT {quoted(u.name)} UNIQUE ({_names(u.columns)})"
        for u in table.uniques
        if u.is_whole
    ]
    lines += [f"CONSTRAINT {quoted(c.name)} CHECK ({c.sql})" for c in table.checks]
    if dialect == "sqlite":
        lines += [_key(k, dialect) for k in table.keys]
    if dialect == "duckdb":
        lines += [_key(k, dialect) for k in table.keys if _is_possible(table, k)]
    body = ",\n  ".join(lines or ["nothing integer"])
    return f"CREATE TABLE {quoted(table.name)} (\n  {body}\n);"


def _is_possible(table: Table, key: Key) -> bool:
    """DuckDB declares no cycles, and no key that a row could only keep by leading to itself."""
    return not key.closes and not (key.parent is table and not key.is_optional)


def _counts_itself(table: Table, dialect: str) -> bool:
    return dialect == "sqlite" and any(c.numbering for c in table.primary_key)


def _column(table: Table, column: Column, dialect: str) -> str:
    text = f"{quoted(column.name)} {_TYPES[dialect][column.kind]}"
    if column.generated:
        kind = "VIRTUAL" if dialect == "duckdb" else "STORED"
        return f"{text} GENERATED ALWAYS AS ({column.generated}) {kind}"
    if column.numbering and dialect == "postgresql":
        return f"{text} GENERATED {column.numbering.upper()} AS IDENTITY"
    if column.numbering and dialect == "sqlite":
        mark = " AUTOINCREMENT" if column.numbering == "always" else ""
        return f"{quoted(column.name)} INTEGER PRIMARY KEY{mark}"
    text += " NOT NULL" if column.required else ""
    return text + (f" DEFAULT {column.default}" if column.default else "")


def _key(key: Key, dialect: str) -> str:
    text = (
        f"CONSTRAINT {quoted(key.name)} FOREIGN KEY ({_names(key.columns)})"
        f" REFERENCES {quoted(key.parent.name)} ({_names(key.parent_columns)})"
    )
    if dialect == "duckdb":
        return text
    text += " MATCH FULL" if key.is_full and dialect == "postgresql" else ""
    text += f" ON DELETE {key.on_delete}" if key.on_delete else ""
    return text + (" DEFERRABLE INITIALLY DEFERRED" if key.is_deferred else "")


def _is_index(unique: Unique, dialect: str) -> bool:
    return not unique.is_whole and not (unique.where and dialect == "duckdb")


def _index(table: Table, unique: Unique, dialect: str) -> str:
    what = unique.expression or _names(unique.columns)
    where = f" WHERE {unique.where}" if unique.where else ""
    return f"CREATE UNIQUE INDEX {quoted(unique.name)} ON {quoted(table.name)} ({what}){where};"


def _inserts(table: Table, dialect: str) -> list[str]:
    columns = [c for c in table.columns if not c.generated]
    if not table.rows:
        return []
    into = f"INSERT INTO {quoted(table.name)} ({_names(columns)})"
    if dialect == "postgresql" and any(c.numbering == "always" for c in columns):
        into += " OVERRIDING SYSTEM VALUE"
    rows = [
        f"({', '.join(literal(row[c.name], c.kind, dialect) for c in columns)})"
        for row in table.rows
    ]
    if dialect == "duckdb" and any(k.parent is table for k in table.keys):
        return [f"{into} VALUES {row};" for row in rows]
    return [f"{into} VALUES\n" + ",\n".join(rows) + ";"]


def _counter(table: Table) -> str:
    """Let the database go on counting after the rows."""
    column = next(c for c in table.columns if c.numbering)
    place = f"pg_get_serial_sequence('{quoted(table.name).replace(chr(39), chr(39) * 2)}',"
    place += f" '{column.name}')"
    return f"SELECT setval({place}, {max(len(table.rows), 1)});" if table.rows else ""


def _names(columns: list[Column]) -> str:
    return ", ".join(quoted(c.name) for c in columns)


def literal(value: Any, kind: str, dialect: str) -> str:
    """Write a value as SQL."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(int(value)) if dialect == "sqlite" else str(value).lower()
    if isinstance(value, int | float | Decimal):
        return str(value)
    if isinstance(value, bytes):
        return _bytes(value, dialect)
    if isinstance(value, list):
        inside = ",".join(map(str, value))
        return f"'[{inside}]'" if dialect == "duckdb" else f"'{{{inside}}}'"
    if isinstance(value, dt.datetime):
        value = value.isoformat(sep=" ")
    text = str(value).replace("'", "''")
    return f"'{text}'"


def _bytes(value: bytes, dialect: str) -> str:
    if dialect == "postgresql":
        return f"'\\x{value.hex()}'"
    if dialect == "sqlite":
        return f"X'{value.hex()}'"
    return "'" + "".join(f"\\x{byte:02X}" for byte in value) + "'::BLOB"
