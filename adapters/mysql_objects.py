"""Views, triggers, routines, events and sequences, each as the server itself writes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from dbsynth import queries
from dbsynth.adapters import mysql_text
from dbsynth.adapters.mysql_connection import Server, fetch, quote
from dbsynth.adapters.mysql_rights import Rights
from dbsynth.adapters.mysql_text import (
    leads_to,
    respelled,
    settings,
    unqualified,
    without_definer,
)
from dbsynth.schema import NativeObject, TableName
from dbsynth.schema import Sequence as SqlSequence

if TYPE_CHECKING:
    from pymysql.connections import Connection

# In the order in which they are made and can be made: views may need functions, triggers both.
MADE_LAST = ("package", "package body", "function", "procedure", "view", "trigger", "event")
_UNSEEN = {1044, 1142, 1143, 1227, 1305, 1356, 1370, 1449}  # no right, or not usable
_TEXT_HIDDEN = "this user may not see its text"


def read_objects(
    connection: Connection[Any], server: Server, rights: Rights
) -> Iterator[NativeObject]:
    """
    Write CREATE statements that whoever runs them will own.

    Objects that cannot be carried have no statement but a reason; so have kinds of objects that
    this user cannot see at all.
    """
    database = server.identity.database
    databases = [row[0] for row in fetch(connection, "SHOW DATABASES")]
    foreign = mysql_text.others(databases, database)
    tables = fetch(connection, queries.get("mysql", "tables"), [database])
    folded = [row[0] for row in tables] if server.folds_names else []
    for kind, name, text, unseen in _texts(connection, server):
        statement, reason = text, unseen
        other = leads_to(text, foreign) if text else None
        if other is not None:
            statement, reason = None, f"it leads to the database {other}"
        yield NativeObject(
            kind=kind,
            name=name,
            statement=statement and respelled(unqualified(statement, database), folded),
            reason=reason,
        )
    for kind, reason in rights.hidden(database):
        yield NativeObject(kind="any", name=kind, reason=reason)


def _texts(
    connection: Connection[Any], server: Server
) -> Iterator[tuple[str, str, str | None, str]]:
    """Kind, name and statement of everything; or None, and why."""
    database = server.identity.database
    for kind, name in fetch(
        connection, queries.get("mysql", "routines", server.version), [database] * 2
    ):
        text = show_create(connection, kind, name)
        yield kind, name, text, "" if text else _TEXT_HIDDEN
    for name, *_ in fetch(connection, queries.get("mysql", "views"), [database]):
        text = show_create(connection, "view", name)
        broken = "" if _rows(connection, f"SELECT 1 FROM {quote(name)} LIMIT 0") is not None else (
            "the server cannot use it, or this user may not"
        )  # fmt: skip
        yield "view", name, None if broken else text, broken or ("" if text else _TEXT_HIDDEN)
    for name, *_ in fetch(connection, queries.get("mysql", "triggers"), [database]):
        text = show_create(connection, "trigger", name)
        yield "trigger", name, text, "" if text else _TEXT_HIDDEN


def show_create(
    connection: Connection[Any], kind: str, name: str, *, keeps_definer: bool = False
) -> str | None:
    """
    Write a CREATE statement, behind the settings it was made under; None if it may not be seen.

    `mysql_connection.execute` runs it.
    """
    rows = _rows(connection, f"SHOW CREATE {kind.upper()} {quote(name)}")
    if not rows:
        return None
    match kind, rows[0]:
        case "view", (_, text, client, collation):
            mode = zone = None
        case "event", (_, mode, zone, text, client, collation, _):
            pass
        case _, (_, mode, text, client, collation, *_):
            zone = None
    if not text:
        return None
    line = settings(
        sql_mode=mode, time_zone=zone, character_set_client=client, collation_connection=collation
    )
    return line + (text if keeps_definer else without_definer(text))


def read_sequences(connection: Connection[Any], names: Sequence[str]) -> Iterator[SqlSequence]:
    """Describe MariaDB's sequences."""
    for name in names:
        ((_, statement),) = fetch(connection, f"SHOW CREATE SEQUENCE {quote(name)}")
        ((start, increment),) = fetch(
            connection, f"SELECT start_value, increment FROM {quote(name)}"
        )
        yield SqlSequence(
            name=TableName("", name), start=int(start), increment=int(increment), native=statement
        )


def _rows(connection: Connection[Any], sql: str) -> list[Any] | None:
    """Run a statement; None if this user may not, or it is broken."""
    from pymysql.err import MySQLError

    try:
        return fetch(connection, sql)
    except MySQLError as exc:
        if exc.args and exc.args[0] in _UNSEEN:
            return None
        raise
