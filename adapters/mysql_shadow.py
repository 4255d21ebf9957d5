"""The database beside a MariaDB or MySQL target that a load lives in until it is swapped in."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dbsynth import queries
from dbsynth.adapters import mysql_catalog
from dbsynth.adapters.base import RESERVED
from dbsynth.adapters.mysql_connection import execute, fetch, quote, translated
from dbsynth.adapters.mysql_objects import show_create
from dbsynth.adapters.mysql_text import without_definer
from dbsynth.errors import LockedError, PermissionDeniedError, TargetError

if TYPE_CHECKING:
    from pymysql.connections import Connection

# What to run if the swap did not happen (undo) and once it has (redo).  RENAME TABLE moves this
# table with the others, so where it is tells which of the two is due, even after a crash.
_JOURNAL = "_dbsynth_journal"
_NO_DEFINER = {1227, 1449}
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
            TargetError: the server refuses for another reason.
        """
        name = f"{database[:_PREFIX]}{_MARK}{secrets.token_hex(4)}"
        lock(connection, name)
        try:
            with translated(TargetError, f"creating database {name}"):
                fetch(connection, f"CREATE DATABASE {quote(name)} CHARACTER SET utf8mb4")
        except PermissionDeniedError:
            with translated(TargetError, f"creating tables in {database}"):
                probe = quote(database, "_dbsynth_probe")
                fetch(connection, f"CREATE TABLE {probe} (a int)")
                fetch(connection, f"DROP TABLE {probe}")
            return cls(database, database)
        return cls(name, database)

    def swap(self, connection: Connection[Any], afterwards: Sequence[str], *, clears: bool) -> None:
        """
        Swap the load in; `discard` finishes the job.

        Args:
            connection: the session.
            afterwards: statements that finish the job in the target.
            clears: routines and events that are there now go away, as tables and views do.
        """
        fetch(connection, f"USE {quote(self.database)}")
        if not self.is_separate:
            for statement in afterwards:
                execute(connection, statement)
            fetch(connection, f"DROP TABLE {quote(self.database, _JOURNAL)}")
            return
        trash = self.name + _OLD
        old = mysql_catalog.names(connection, self.database)
        code = mysql_catalog.code_names(connection, self.database)
        triggers = [name for kind, name in code if kind == "trigger"]
        redo = [f"DROP VIEW IF EXISTS {quote(view)}" for view in old.views]
        redo += [
            f"DROP {kind} IF EXISTS {quote(name)}"
            for kind, name in code
            if clears and kind != "trigger"
        ]
        fetch(connection, f"CREATE DATABASE {quote(trash)}")
        undo = list(_undo(connection, triggers))
        _keep_journal(connection, self.name, undo, [*redo, *afterwards])
        for name in triggers:  # they would forbid the renaming
            fetch(connection, f"DROP TRIGGER {quote(name)}")
        renames = (
            f"{quote(a, table)} TO {quote(b, table)}" for a, b, table in self._moves(connection)
        )
        fetch(connection, f"RENAME TABLE {', '.join(renames)}")

    def is_swapped(self, connection: Connection[Any]) -> bool:
        """Whether a swap that may have failed did happen; until `discard`."""
        if self.is_separate:
            return _has(connection, self.name + _OLD, _JOURNAL)
        return not _has(connection, self.database, _JOURNAL)

    def _moves(self, connection: Connection[Any]) -> Iterator[tuple[str, str, str]]:
        """What RENAME TABLE does at once: from which database to which, and the table."""
        for source, target in ((self.database, self.name + _OLD), (self.name, self.database)):
            found = mysql_catalog.names(connection, source)
            yield from ((source, target, name) for name in (*found.tables, *found.sequences))
            if _has(connection, source, RESERVED):
                yield source, target, RESERVED
        yield self.name, self.name + _OLD, _JOURNAL

    def prepare(self, connection: Connection[Any]) -> None:
        """
        Begin to note what is made in a target that is loaded directly and is empty now.

        Raises:
            PermissionDeniedError: this user may not create tables.
        """
        if not self.is_separate:
            with translated(TargetError, f"creating tables in {self.database}"):
                _keep_journal(connection, self.database, (), ())

    def note(self, connection: Connection[Any], made: Iterable[tuple[str, str]]) -> None:
        """Note kinds and names of what is about to be made, so that a failure takes it away."""
        if self.is_separate:
            return
        sql = f"INSERT INTO {quote(self.database, _JOURNAL)} (phase, statement) VALUES ('undo', %s)"
        doing = translated(TargetError, f"writing {self.database}.{_JOURNAL}")
        with doing, connection.cursor() as cursor:
            there = set(mysql_catalog.code_names(connection, self.database))
            new = [f"DROP {k} IF EXISTS {quote(n)}" for k, n in made if (k, n) not in there]
            cursor.executemany(sql, [(drop,) for drop in new])

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
    _empty(connection, database)
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
                _make(connection, statement, is_forced=phase == "redo")
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
        yield f"DROP TRIGGER IF EXISTS {quote(name)}"
        yield show_create(connection, "trigger", name, keeps_definer=True) or ""


def _make(connection: Connection[Any], statement: str, *, is_forced: bool) -> None:
    """Run a statement of the journal; who may not name another definer becomes it."""
    from pymysql.err import MySQLError

    try:
        execute(connection, statement)
    except MySQLError as exc:
        if is_forced or exc.args[0] not in _NO_DEFINER:
            raise
        execute(connection, without_definer(statement))


def _empty(connection: Connection[Any], database: str) -> None:
    """Drop what a load brought into a target that held neither tables nor views before."""
    fetch(connection, f"USE {quote(database)}")
    if not _has(connection, database, _JOURNAL):
        return
    fetch(connection, "SET SESSION foreign_key_checks = 0")
    sql = f"SELECT statement FROM {quote(database, _JOURNAL)} ORDER BY n DESC"
    for (statement,) in fetch(connection, sql):
        fetch(connection, statement)
    for name in (RESERVED, _JOURNAL):
        fetch(connection, f"DROP TABLE IF EXISTS {quote(database, name)}")
    fetch(connection, "SET SESSION foreign_key_checks = 1")


def _has(connection: Connection[Any], database: str, table: str) -> bool:
    sql = "SELECT 1 FROM information_schema.tables WHERE table_schema = %s AND table_name = %s"
    return bool(fetch(connection, sql, [database, table]))


def _lock_name(database: str) -> str:
    """A lock's name: 64 characters at most, whatever the database is called."""
    name = f"dbsynth:{database}"
    return name if len(name) <= 64 else f"dbsynth:{hashlib.sha256(name.encode()).hexdigest()[:40]}"
