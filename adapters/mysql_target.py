"""Load a MariaDB or MySQL database beside the real one, and swap it in with one RENAME TABLE."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from dbsynth import queries
from dbsynth.adapters import mysql_catalog
from dbsynth.adapters.base import RESERVED, Adoption, Identity
from dbsynth.adapters.mysql_adopt import adopt
from dbsynth.adapters.mysql_build import (
    add_foreign_keys,
    advance_sequences,
    after_rows,
    before_rows,
    default_collation,
    require_rights,
    try_last,
)
from dbsynth.adapters.mysql_connection import Server, connect, describe, fetch, quote, translated
from dbsynth.adapters.mysql_load import Loader
from dbsynth.adapters.mysql_objects import MADE_LAST
from dbsynth.adapters.mysql_script import FOREIGN_KEYS
from dbsynth.adapters.mysql_shadow import Shadow, clean, lock
from dbsynth.adapters.mysql_source import run_query
from dbsynth.errors import (
    DbsynthError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RefusedError,
    TargetError,
    TargetNotEmptyError,
)
from dbsynth.schema import Schema, Table, TableName
from dbsynth.urls import Location

if TYPE_CHECKING:
    import pyarrow as pa
    from pymysql.connections import Connection

Answer = TypeVar("Answer")

_SESSION = (
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION',"
    " foreign_key_checks = 1, unique_checks = 1,"
    " wait_timeout = 86400, lock_wait_timeout = 60"  # rows may take hours, a swap may not
)
_BACKFILL = "_dbsynth_backfill"


class MySQLTarget:
    """
    One load, all or nothing.

    Without the right to create databases, an empty target is loaded directly and emptied again
    when the load fails.
    """

    dialect = "mysql"

    def __init__(self, location: Location) -> None:
        """Remember where; nothing connects before `with`."""
        self._location = location
        self._open: Connection[Any] | None = None
        self._shadow: Shadow | None = None
        self._afterwards: tuple[str, ...] = ()
        self._clears = False
        self.server_version = ""

    def __enter__(self) -> Self:
        """Connect."""
        connection = connect(self._location)
        try:
            self._server: Server = describe(connection)
            with translated(TargetError, "preparing the session"):
                fetch(connection, _SESSION)
        except BaseException:
            connection.close()
            raise
        self._open, self.server_version = connection, self._server.text
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Throw away what was not committed, and disconnect (which frees the lock)."""
        if self._open is None:
            return
        try:
            if self._shadow is not None:
                self._open = _fresh(self._open, self._location)
                with translated(TargetError, "removing the unfinished load"):
                    self._shadow.discard(self._open)
        except DbsynthError:
            # The first failure tells more; what is left now, the next run removes.
            if not isinstance(exc, DbsynthError):
                raise
        finally:
            self._open.close()
            self._open = self._shadow = None

    @property
    def _connection(self) -> Connection[Any]:
        if self._open is None:
            raise AssertionError("the target is used outside of `with`")
        return self._open

    @property
    def _load(self) -> Shadow:
        if self._shadow is None:
            raise AssertionError("the load has not begun")
        return self._shadow

    def identity(self) -> Identity:
        """Which database this is."""
        return self._server.identity

    def occupants(self) -> tuple[TableName, ...]:
        """The tables, sequences and views that are there now."""
        with translated(TargetError, "listing the target's tables"):
            found = mysql_catalog.names(self._connection, self.identity().database)
        names = sorted((*found.tables, *found.sequences, *found.views))
        return tuple(TableName("", name) for name in names)

    def check(self) -> None:
        """
        Find out whether this user may create and write here, and remove what killed runs left.

        Raises:
            PermissionDeniedError: the right to create is missing.
            LockedError: another run is loading this target.
        """
        database = self.identity().database
        lock(self._connection, database)
        with translated(TargetError, f"creating tables in {database}"):
            clean(self._connection, database)
            shadow = Shadow.beside(self._connection, database)
            if shadow.is_separate:
                shadow.discard(self._connection)

    def adopt(self, schema: Schema) -> Adoption:
        """Translate a source's schema into what this target will hold, with all losses."""
        with translated(TargetError, "listing the collations"):
            rows = fetch(self._connection, queries.get("mysql", "collations"))
        return adopt(schema, self._server, {row[0] for row in rows}, self._accepts)

    def _accepts(self, statement: str) -> bool:
        """Try a CREATE TEMPORARY TABLE."""
        try:
            with translated(TargetError, "trying an expression"):
                fetch(self._connection, statement)
        except TargetError:
            return False
        fetch(self._connection, "DROP TEMPORARY TABLE `_dbsynth_probe`")
        return True

    def begin(self, *, replace: bool) -> None:
        """
        Start the load.

        Raises:
            LockedError: another run is loading this target.
            TargetNotEmptyError: there are tables, and `replace` is not given.
            PermissionDeniedError: there are tables, and the right to create databases is missing.
        """
        database, occupants = self.identity().database, self.occupants()
        lock(self._connection, database)
        if occupants and not replace:
            raise TargetNotEmptyError(
                f"the target holds {len(occupants)} tables and views", "Give --replace."
            )
        with translated(TargetError, f"creating a database beside {database}"):
            clean(self._connection, database)
            shadow = Shadow.beside(self._connection, database)
            if shadow.is_separate:  # else it is what others have, and must not be emptied
                self._shadow = shadow
            others = fetch(self._connection, queries.get("mysql", "foreign_children"), [database])
        if others:
            raise RefusedError(
                f"{others[0][0]}.{others[0][1]}, in another database, refers to this target",
                "Drop that foreign key, or choose another target.",
            )
        if not shadow.is_separate and occupants:
            pattern = f"{database}__dbsynth_".replace("_", r"\_") + "%"
            raise PermissionDeniedError(
                "this user may not create the database that a replacement is loaded into",
                f"Grant ALL on {quote(pattern)}.* to this user.",
            )
        shadow.prepare(self._connection)
        self._shadow, self._clears = shadow, replace
        with translated(TargetError, "starting the load"):
            fetch(self._connection, f"USE {quote(shadow.name)}")

    def create(self, schema: Schema) -> None:
        """
        Create sequences and tables with what rows need, without other indexes.

        Raises:
            TargetError: the server refuses a statement; names the object.
        """
        collation = default_collation(schema)
        if collation and self._load.is_separate:
            sql = f"ALTER DATABASE {quote(self._load.name)} COLLATE = {collation}"
            self._run(sql, f"setting the collation of {self._load.name}")
        statements = list(before_rows(schema))
        self._load.note(self._connection, ((s.kind, s.name) for s in statements))
        for statement in statements:
            self._run(statement.sql, f"creating {statement.kind} {statement.name}")

    def write(self, table: Table, batches: Iterable[pa.RecordBatch]) -> int:
        """
        Load rows.

        Raises:
            TargetError: the database refused the rows; names table and constraint, no value.
        """
        return self._loader(table, self.quote(table.name)).load(batches, from_file=self._has_files)

    def backfill(
        self, table: Table, columns: Sequence[str], batches: Iterable[pa.RecordBatch]
    ) -> int:
        """
        Set `columns` of the rows with these primary keys.

        Raises:
            TargetError: the database refused the rows.
        """
        wanted = [*table.primary_key, *columns]
        helper = quote(self._load.name, _BACKFILL)
        name, key = self.quote(table.name), ", ".join(map(quote, table.primary_key))
        sets = ", ".join(f"t.{quote(c)} = b.{quote(c)}" for c in columns)
        doing = f"filling {table.name}"
        self._run(
            f"CREATE TEMPORARY TABLE {helper} AS SELECT {', '.join(map(quote, wanted))} "
            f"FROM {name} LIMIT 0", doing,
        )  # fmt: skip
        self._run(f"ALTER TABLE {helper} ADD PRIMARY KEY ({key})", doing)
        chosen = (b.select(wanted) for b in batches)
        self._loader(table, helper).load(chosen, from_file=self._has_files)
        with translated(TargetError, doing), self._connection.cursor() as cursor:
            count = cursor.execute(f"UPDATE {name} t JOIN {helper} b USING ({key}) SET {sets}")
        self._run(f"DROP TEMPORARY TABLE {helper}", doing)
        return int(count)

    def finish(self, schema: Schema) -> None:
        """
        Create uniques, checks, indexes and then foreign keys, which all rows are to keep.

        Raises:
            TargetError: rows break a rule, or the server refuses a statement; names the object.
            PermissionDeniedError: the swap takes rights that this user lacks.
        """
        for statement in after_rows(schema):
            if statement.kind == FOREIGN_KEYS:
                add_foreign_keys(self._connection, schema, statement)
            else:
                self._run(statement.sql, f"creating {statement.kind} {statement.name}")
        with translated(TargetError, f"setting the sequences of {self._load.name}"):
            advance_sequences(self._connection, schema, self._load.name)
        for table in schema.tables:
            self._run(f"ANALYZE TABLE {self.quote(table.name)}", f"analysing {table.name}")
        database = self.identity().database
        with translated(TargetError, f"asking for this user's rights on {database}"):
            require_rights(self._connection, schema, database, clears=self._clears)
        made = [(o.kind, o.name) for o in schema.objects if o.kind in MADE_LAST and o.statement]
        self._load.note(self._connection, made)
        self._afterwards = tuple(try_last(self._connection, schema, database))

    def query(self, sql: str) -> pa.Table:
        """Run one SELECT against the load in progress."""
        with translated(TargetError, "a query"):
            return run_query(self._connection, sql)

    def quote(self, name: TableName) -> str:
        """The table's name as `query` needs it while the load is in progress."""
        return quote(self._shadow.name if self._shadow else "", name.name)

    def record(self, manifest: Mapping[str, str]) -> None:
        """Write the run's manifest into the reserved table."""
        name = quote(self._load.name, RESERVED)
        with translated(TargetError, f"writing {RESERVED}"), self._connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {name}")
            cursor.execute(
                f"CREATE TABLE {name} (`key` varchar(255) PRIMARY KEY, `value` longtext)"
                " DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"
            )
            cursor.executemany(f"INSERT INTO {name} VALUES (%s, %s)", list(manifest.items()))

    def commit(self) -> None:
        """
        Make the load visible at once.

        Raises:
            OutcomeUnknownError: the connection was lost, and nobody can be asked.
        """
        load, doing = self._load, f"swapping the load into {self.identity().database}"
        try:
            with translated(TargetError, doing):
                load.swap(self._connection, self._afterwards, clears=self._clears)
        except DbsynthError as exc:
            if not self._anew(load.is_swapped, exc):
                raise
        if load.is_separate:
            try:
                with translated(TargetError, doing):
                    load.discard(self._connection)
            except DbsynthError as exc:
                self._anew(load.discard, exc)
        self._shadow = None

    def _anew(self, act: Callable[[Connection[Any]], Answer], cause: DbsynthError) -> Answer:
        """
        Do something in a fresh session, after the present one failed around the swap.

        Raises:
            OutcomeUnknownError: that fails, too.
        """
        try:
            self._open = _fresh(self._connection, self._location)
            with translated(TargetError, "asking again"):
                return act(self._open)
        except DbsynthError as exc:
            raise OutcomeUnknownError(
                f"{cause.message}; whether the target holds the new rows is not known",
                f"Look whether the table {RESERVED} is of this run, and run again with --replace: "
                "that finishes or undoes the swap first.",
            ) from exc

    @property
    def _has_files(self) -> bool:
        return self._server.takes_files

    def _loader(self, table: Table, into: str) -> Loader:
        return Loader(
            self._connection,
            table.name,
            table.columns,
            into,
            max_packet=self._server.max_packet,
            last=self._server.last_moment,
        )

    def _run(self, statement: str, doing: str) -> None:
        with translated(TargetError, doing):
            fetch(self._connection, statement)


def _fresh(connection: Connection[Any], location: Location) -> Connection[Any]:
    """Replace a session that may be lost, or in the middle of a statement that holds locks."""
    from pymysql.err import MySQLError

    fresh = connect(location)
    # The session may have ended already.
    with suppress(MySQLError):
        fetch(fresh, f"KILL {connection.thread_id()}")
    connection._force_close()
    return fresh
