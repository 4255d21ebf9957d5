"""The database beside a MariaDB or MySQL target that a load lives in until it is swapped in."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dbsynth import queries
from dbsynth.adapters import mysql_catalog
from dbsynth.adapters.base import RESERVED
from dbsynth.adapters.mysql_connection import fetch, quote, translated
from dbsynth.errors import LockedError, PermissionDeniedError, TargetError

if TYPE_CHECKING:
    from pymysql.connections import Connection

# What to run if the swap did not happen (undo) and once it has (redo).  RENAME TABLE moves this
# table with the others, so where it is tells which of the two is due, even after a crash.
_JOURNAL = "_dbsynth_journal"
_MARK = "__dbsynth_"
_OLD = "_old"
_PREFIX = 40  # characters of the target's name in the shadow's, of 64


@dataclass(frozen=True, slots=True)
class Shadow:
    """Where a load lives: a database of its own, or the empty target itself."""

    name: str
    database: str  # the target

    @property
    def is_separate(self) -> bool:
        """Whether the load is in a database of its own."""
        return self.name != self.database

    @classmethod
    def beside(cls, connection: Connection[Any], database: str) -> Shadow:
        """
        Create an empty database beside the target, or settle for the target itself.

        Raises:
            PermissionDeniedError: neither databases nor tables may be created.
        """
        name = f"{database[:_PREFIX]}{_MARK}{secrets.token_hex(4)}"
        lock(connection, name)
        try:
            with translated(TargetError, f"creating database {name}"):
                fetch(connection, f"CREATE DATABASE {quote(name)} CHARACTER SET utf8mb4")
        except PermissionDeniedError:
            probe = quote(database, "_dbsynth_probe")
            fetch(connection, f"CREATE TABLE {probe} (a int)")
            fetch(connection, f"DROP TABLE {probe}")
            return cls(database, database)
        return cls(name, database)

    def swap(self, connection: Connection[Any], afterwards: Sequence[str]) -> None:
        """
        Swap the load in; `discard` finishes the job.

        Args:
            connection: the session.
            afterwards: statements that finish the job in the target.
        """
        fetch(connection, f"USE {quote(self.database)}")
        if not self.is_separate:
            for statement in afterwards:
                fetch(connection, statement)
            return
        trash = self.name + _OLD
        old = mysql_catalog.names(connection, self.database)
        new = mysql_catalog.names(connection, self.name)
        triggers = fetch(connection, queries.get("mysql", "triggers"), [self.database])
        redo = [*(f"DROP VIEW IF EXISTS {quote(view)}" for view in old.views), *afterwards]
        fetch(connection, f"CREATE DATABASE {quote(trash)}")
        undo = list(_undo(connection, [row[0] for row in triggers]))
        _keep_journal(connection, self.name, undo, redo)
        for name, *_ in triggers:  # they would forbid the renaming
            fetch(connection, f"DROP TRIGGER {quote(name)}")
        moves = [(self.database, trash, t) for t in (*old.tables, *old.sequences)]
        moves += (
            [(self.database, trash, RESERVED)] if _has(connection, self.database, RESERVED) else []
        )
        moves += [
            (self.name, self.database, t) for t in (*new.tables, *new.sequences) if t != _JOURNAL
        ]
        moves += (
            [(self.name, self.database, RESERVED)] if _has(connection, self.name, RESERVED) else []
        )
        moves.append((self.name, trash, _JOURNAL))
        renames = (f"{quote(a, table)} TO {quote(b, table)}" for a, b, table in moves)
        fetch(connection, f"RENAME TABLE {', '.join(renames)}")

    def is_swapped(self, connection: Connection[Any]) -> bool:
        """Whether a swap that may have failed did happen; until `discard`."""
        return self.is_separate and _has(connection, self.name + _OLD, _JOURNAL)

    def discard(self, connection: Connection[Any]) -> None:
        """Remove the load, or finish it if it was swapped in already."""
        if self.is_separate:
            _settle(connection, self.name, self.database)
        else:
            _empty(connection, self.database)


def lock(connection: Connection[Any], database: str) -> None:
    """
    Take the lock of a database for the rest of the session.

    Raises:
        LockedError: another session has it.
    """
    with translated(TargetError, f"locking {database}"):
        ((got,),) = fetch(connection, "SELECT GET_LOCK(%s, 0)", [_lock_name(database)])
    if got != "1":
        raise LockedError(
            f"another run is writing to {database}", "Wait until it is done, or stop it."
        )


def clean(connection: Connection[Any], database: str) -> None:
    """Settle what killed runs of the same target left behind."""
    prefix = database[:_PREFIX] + _MARK
    found = {row[0] for row in fetch(connection, queries.get("mysql", "shadows"), [prefix] * 2)}
    for name in sorted({shadow.removesuffix(_OLD) for shadow in found}):
        ((free,),) = fetch(connection, "SELECT IS_FREE_LOCK(%s)", [_lock_name(name)])
        if free == "1":
            _settle(connection, name, database)


def _settle(connection: Connection[Any], name: str, database: str) -> None:
    """Bring an ended load to its end, forwards or backwards, and drop its databases."""
    trash = name + _OLD
    fetch(connection, f"USE {quote(database)}")
    for place, phase in ((trash, "redo"), (name, "undo")):
        if _has(connection, place, _JOURNAL):
            journal = quote(place, _JOURNAL)
            sql = f"SELECT statement FROM {journal} WHERE phase = %s ORDER BY n"
            for (statement,) in fetch(connection, sql, [phase]):
                fetch(connection, statement)
            break
    for place in (trash, name):
        # Everything goes at once, whatever refers to what inside.
        fetch(connection, "SET SESSION foreign_key_checks = 0")
        fetch(connection, f"DROP DATABASE IF EXISTS {quote(place)}")
        fetch(connection, "SET SESSION foreign_key_checks = 1")


def _keep_journal(
    connection: Connection[Any], name: str, undo: Sequence[str], redo: Sequence[str]
) -> None:
    """Write both lists down in one transaction: half of one would do harm."""
    journal = quote(name, _JOURNAL)
    fetch(
        connection,
        f"CREATE TABLE {journal} (n int AUTO_INCREMENT PRIMARY KEY, phase varchar(4),"
        " statement longtext) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4",
    )
    fetch(connection, "START TRANSACTION")
    for phase, statements in (("undo", undo), ("redo", redo)):
        for statement in statements:
            sql = f"INSERT INTO {journal} (phase, statement) VALUES (%s, %s)"
            fetch(connection, sql, [phase, statement])
    fetch(connection, "COMMIT")


def _undo(connection: Connection[Any], triggers: Sequence[str]) -> Iterator[str]:
    """Statements that bring the target's triggers back; they may run twice."""
    for name in triggers:
        ((_, _, statement, *_),) = fetch(connection, f"SHOW CREATE TRIGGER {quote(name)}")
        yield f"DROP TRIGGER IF EXISTS {quote(name)}"
        yield statement


def _empty(connection: Connection[Any], database: str) -> None:
    """Drop all tables, sequences and views of a target that was empty before."""
    fetch(connection, f"USE {quote(database)}")
    found = mysql_catalog.names(connection, database)
    fetch(connection, "SET SESSION foreign_key_checks = 0")
    for kind, names in (("VIEW", found.views), ("TABLE", (*found.tables, RESERVED)),
                        ("SEQUENCE", found.sequences)):  # fmt: skip
        for name in names:
            fetch(connection, f"DROP {kind} IF EXISTS {quote(name)}")
    for kind, name in fetch(connection, queries.get("mysql", "routines"), [database] * 2):
        if kind != "event":
            fetch(connection, f"DROP {kind} {quote(name)}")
    fetch(connection, "SET SESSION foreign_key_checks = 1")


def _has(connection: Connection[Any], database: str, table: str) -> bool:
    sql = "SELECT 1 FROM information_schema.tables WHERE table_schema = %s AND table_name = %s"
    return bool(fetch(connection, sql, [database, table]))


def _lock_name(database: str) -> str:
    """A lock's name: 64 characters at most, whatever the database is called."""
    name = f"dbsynth:{database}"
    return name if len(name) <= 64 else f"dbsynth:{hashlib.sha256(name.encode()).hexdigest()[:40]}"
