"""Load a MariaDB or MySQL database beside the real one, and swap it in with one RENAME TABLE."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from dbsynth import queries
from dbsynth.adapters import ddl, mysql_catalog
from dbsynth.adapters.base import RESERVED, Adoption, Identity
from dbsynth.adapters.mysql_adopt import RULES, adopt
from dbsynth.adapters.mysql_connection import Server, connect, describe, fetch, quote, translated
from dbsynth.adapters.mysql_load import Loader
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
from dbsynth.schema import Column, NativeObject, Schema, Table, TableName
from dbsynth.urls import Location

if TYPE_CHECKING:
    import pyarrow as pa
    from pymysql.connections import Connection

Answer = TypeVar("Answer")

_SESSION = (
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION',"
    " foreign_key_checks = 1, unique_checks = 1"
)
_BACKFILL = "_dbsynth_backfill"
_AFTER_SWAP = (
    "function",
    "procedure",
    "view",
    "trigger",
)  # they cannot be renamed from one database to another


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
        self._shadow = shadow
        with translated(TargetError, "starting the load"):
            fetch(self._connection, f"USE {quote(shadow.name)}")

    def create(self, schema: Schema) -> None:
        """Create sequences and tables with their primary keys, without other indexes."""
        for sequence in schema.sequences:
            if sequence.native:
                self._run(sequence.native, f"creating sequence {sequence.name}")
        collation = next((o.name for o in schema.objects if o.kind == "default collation"), None)
        for table in schema.tables:
            bare = _creatable(table, collation)
            self._run(ddl.create_table(bare, RULES), f"creating {table.name}")

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
        Create uniques, checks, indexes and then foreign keys, which the server checks.

        Raises:
            TargetError: rows break a rule.
        """
        for table in schema.tables:
            for index in table.indexes:
                self._run(ddl.create_index(table, index, RULES), f"indexing {table.name}")
            if changes := list(_changes(table)):
                self._alter(table, changes)
        for table in schema.tables:
            keys = [k for k in table.foreign_keys if k.is_declared]
            if keys:
                self._alter(table, [f"ADD {ddl.foreign_key_clause(k, RULES)}" for k in keys])
        self._advance_sequences(schema)
        for item in schema.objects:
            if item.statement and not item.before_tables and item.kind not in _AFTER_SWAP:
                self._run(item.statement, f"carrying over {item.kind} {item.name}")
        for table in schema.tables:
            self._run(f"ANALYZE TABLE {self.quote(table.name)}", f"analysing {table.name}")
        self._afterwards = tuple(self._trial(schema))

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
                load.swap(self._connection, self._afterwards)
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
            self._connection, table.name, table.columns, into, max_packet=self._server.max_packet
        )

    def _run(self, statement: str, doing: str) -> None:
        with translated(TargetError, doing):
            fetch(self._connection, statement)

    def _alter(self, table: Table, changes: Sequence[str]) -> None:
        """Change a table in one statement, which reads its rows once."""
        statement = f"ALTER TABLE {self.quote(table.name)} {', '.join(changes)}"
        self._run(statement, f"declaring the rules of {table.name}")

    def _advance_sequences(self, schema: Schema) -> None:
        """Set sequences past the rows that used them."""
        for sequence in schema.sequences:
            call = f"nextval({quote(sequence.name.name)})"
            for table in schema.tables:
                for column in table.columns:
                    if column.default == call:
                        name = self.quote(table.name)
                        largest = f"SELECT MAX({quote(column.name)}) FROM {name}"
                        ((used,),) = fetch(self._connection, largest)
                        if used is not None:
                            fetch(
                                self._connection,
                                f"SELECT SETVAL({quote(self._load.name, sequence.name.name)},"
                                f" {int(used)})",
                            )

    def _trial(self, schema: Schema) -> Iterator[str]:
        """
        Create views and triggers in the load once, so that they cannot fail after the swap.

        Yields the statements that make them again in the target, which may run twice.
        """
        for table in schema.tables:
            for column in table.columns:
                if _uses_sequence(column):
                    yield (
                        f"ALTER TABLE {quote(table.name.name)} ALTER COLUMN "
                        f"{quote(column.name)} SET DEFAULT {column.default}"
                    )
        for item in ordered(self._connection, schema.objects):
            drop = f"DROP {item.kind.upper()} IF EXISTS {quote(item.name)}"
            if item.kind == "trigger":  # it would forbid the renaming
                self._run(drop, f"trying trigger {item.name}")
            yield from (drop, item.statement or "")


def _fresh(connection: Connection[Any], location: Location) -> Connection[Any]:
    """Replace a session that may be lost, or in the middle of a statement that holds locks."""
    from pymysql.err import MySQLError

    fresh = connect(location)
    # The session may have ended already.
    with suppress(MySQLError):
        fetch(fresh, f"KILL {connection.thread_id()}")
    connection._force_close()
    return fresh


def ordered(connection: Connection[Any], objects: Sequence[NativeObject]) -> list[NativeObject]:
    """
    Create views and triggers in an order in which they work, and tell that order.

    Raises:
        TargetError: some can never be created.
    """
    waiting = [o for o in objects if o.statement and o.kind in _AFTER_SWAP]
    done: list[NativeObject] = []
    while waiting:
        failed: list[tuple[NativeObject, TargetError]] = []
        for item in waiting:
            try:
                with translated(TargetError, f"creating {item.kind} {item.name}"):
                    fetch(connection, item.statement or "")
                done.append(item)
            except TargetError as exc:
                failed.append((item, exc))
        if len(failed) == len(waiting):
            raise failed[0][1]
        waiting = [item for item, _ in failed]
    return done


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
