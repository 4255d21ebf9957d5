"""A SQLite schema as the statements that SQLite itself keeps, and the settings of its file."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from contextlib import closing

from dbsynth import queries
from dbsynth.adapters.base import RESERVED
from dbsynth.adapters.sqlite_parse import identifiers
from dbsynth.schema import Schema, Statement

SETTING = "setting"  # the kind of a statement that must run outside of any transaction
# What a file keeps of its own: the first ones only as long as it is empty.
_SETTINGS = ("encoding", "page_size", "auto_vacuum", "application_id", "user_version")
_Row = tuple[str, str, str, str]  # type, name, table, statement


def script(connection: sqlite3.Connection, schema: Schema) -> tuple[Statement, ...]:
    """
    List what makes a schema again, letter by letter.

    What hangs on a table that is not wanted, or on a virtual one, is left out.

    Args:
        connection: texts arrive as bytes.
        schema: as introspected; with fewer tables if only some are wanted.
    """
    rows = connection.execute(queries.get("sqlite", "script"))
    found = [(_text(a), _text(b), _text(c), _text(d)) for a, b, c, d in rows]
    wanted = {t.name.name for t in schema.tables}
    wanted |= {o.name for o in schema.objects if o.statement is not None}
    kept = _without_dependents(found, wanted)
    return (*_settings(connection), *map(_statement, kept))


def _without_dependents(rows: Iterable[_Row], wanted: Collection[str]) -> list[_Row]:
    """Drop what is not wanted, then whatever names something dropped, until nothing does."""
    kept = list(rows)
    gone = {n.lower() for k, n, t, _ in kept if (t if k == "index" else n) not in wanted}
    gone.add(RESERVED)
    while True:
        left = [row for row in kept if not _names(row) & gone]
        if len(left) == len(kept):
            return kept
        gone |= {row[1].lower() for row in kept if row not in left}
        kept = left


def _names(row: _Row) -> set[str]:
    """What an object needs: views and triggers whatever they name, in lower case."""
    kind, name, table, sql = row
    found = {name.lower(), table.lower()}
    return found | identifiers(sql) if kind in ("view", "trigger") else found


def _statement(row: _Row) -> Statement:
    kind, name, _, sql = row
    return Statement(kind=kind, name=name, sql=sql, is_after_rows=kind != "table")


def _settings(connection: sqlite3.Connection) -> list[Statement]:
    """What the file's header says beside its tables, as far as it is not the default."""
    statements = []
    with closing(sqlite3.connect(":memory:")) as fresh:
        for name in _SETTINGS:
            value, usual = (_setting(c, name) for c in (connection, fresh))
            if value != usual:
                text = f"PRAGMA {name} = '{value}'"
                statements.append(Statement(kind=SETTING, name=name, sql=text))
    if _setting(connection, "journal_mode") == "wal":
        text = "PRAGMA journal_mode = 'wal'"
        statements.append(
            Statement(kind=SETTING, name="journal_mode", sql=text, is_after_rows=True)
        )
    return statements


def _setting(connection: sqlite3.Connection, name: str) -> str:
    return _text(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
