"""Find out what a SQLite table's columns hold: a declaration promises nothing, so values decide."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from dbsynth import queries
from dbsynth.adapters import sqlite_types
from dbsynth.schema import SqlType

_WIDTH = 100  # columns a query: SQLite's expressions are at most 1,000 deep
_ENFORCED = frozenset({"INT", "INTEGER", "REAL", "TEXT", "BLOB"})


@dataclass(slots=True)
class _Open:
    """A column and what it may still be, best first."""

    quoted: str
    types: list[SqlType]

    def fits(self, sql: SqlType) -> str:
        """SQL: whether a row's value is of a type; never NULL."""
        return f"(({self.quoted} IS NULL OR {sqlite_types.fits(sql, self.quoted)}) IS TRUE)"


def value_types(
    connection: sqlite3.Connection,
    table: str,
    columns: Sequence[tuple[str, str]],
    *,
    strict: bool = False,
) -> dict[str, SqlType]:
    """
    Choose the best type that all values of each column have.

    Each query stops at the first row that contradicts: one pass is enough where declarations are
    true, and a row strikes out everything that it contradicts.

    Args:
        connection: texts arrive as bytes or as str.
        table: its quoted name.
        columns: names and declared types.
        strict: the table is STRICT, so that SQLite itself sees to it.
    """
    found = {}
    unsure = []
    for name, declared in columns:
        types = sqlite_types.candidates(declared)
        found[name] = _Open(queries.identifier("sqlite", name), types)
        if not (strict and declared.upper() in _ENFORCED) and len(types) > 1:
            unsure.append(found[name])
    for start in range(0, len(unsure), _WIDTH):
        _strike_out(connection, table, unsure[start : start + _WIDTH])
    return {name: column.types[0] for name, column in found.items()}


def _strike_out(connection: sqlite3.Connection, table: str, columns: Sequence[_Open]) -> None:
    while unsure := [c for c in columns if len(c.types) > 1]:
        told = ", ".join(c.fits(t) for c in unsure for t in c.types)
        wanted = " AND ".join(c.fits(c.types[0]) for c in unsure)
        sql = f"SELECT {told} FROM {table} WHERE NOT ({wanted}) LIMIT 1"
        row = connection.execute(sql).fetchone()
        if row is None:
            return
        flags = iter(row)
        for column in unsure:
            column.types = [t for t in column.types if next(flags)]
