"""
The sample shop of eighteen tables, as a SQLite file or as SQL for a server.

It has what makes databases hard to clone: a tree, a cycle between two tables, composite keys and a
composite foreign key, a key that is a foreign key, a link table, unique pairs, generated and
checked columns, a table without a key and one without rows.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from dbsynth.errors import UsageError

if TYPE_CHECKING:
    from dbsynth.shop import Value

FILE_NAME = "shop.db"


def build(folder: Path) -> Path:
    """
    Write the shop to a SQLite file in `folder`, in place of an older one.

    Raises:
        UsageError: the folder or the file cannot be written.
    """
    path = folder / FILE_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as connection, connection:
            _fill(connection)
    except (OSError, sqlite3.OperationalError) as exc:
        raise UsageError(f"cannot write {path}", "Check the folder and its rights.") from exc
    return path


def to_sql() -> str:
    """Spell the shop out as one transaction of SQL that PostgreSQL understands."""
    from dbsynth.shop import Shop

    shop = Shop()
    parts = ["BEGIN;", *(f"{s};" for s in _statements())]
    for table, columns, rows in shop.tables():
        if rows:
            values = ",\n".join(f"({', '.join(map(_literal, row))})" for row in rows)
            parts.append(f"INSERT INTO {table} ({', '.join(columns)}) VALUES\n{values};")
    parts += [
        f"UPDATE stores SET manager_id = {employee} WHERE store_id = {store};"
        for employee, store in shop.managers()
    ]
    return "\n".join([*parts, "COMMIT;", ""])


def _fill(connection: sqlite3.Connection) -> None:
    from dbsynth.shop import Shop

    shop = Shop()
    for statement in _statements():
        connection.execute(statement)
    for table, columns, rows in shop.tables():
        marks = ", ".join("?" * len(columns))
        connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)
    connection.executemany("UPDATE stores SET manager_id = ? WHERE store_id = ?", shop.managers())


def _statements() -> list[str]:
    """Split the script at its blank lines; the first part is its comment."""
    text = resources.files("dbsynth.sql").joinpath("demo").joinpath("shop.sql").read_text("utf-8")
    return [part.strip().rstrip(";") for part in text.split("\n\n")[1:]]


def _literal(value: Value) -> str:
    match value:
        case None:
            return "NULL"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return "'" + value.replace("'", "''") + "'"
