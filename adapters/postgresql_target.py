"""Write a PostgreSQL database: from the first DROP to the last index in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
import psycopg
import pyarrow as pa
from numpy.typing import NDArray

from dbsynth.adapters import ddl
from dbsynth.adapters.base import RESERVED, Adoption, Identity, Present, Strategy
from dbsynth.adapters.postgresql_adopt import adopt
from dbsynth.adapters.postgresql_commit import LOCK, commit
from dbsynth.adapters.postgresql_connection import (
    DIALECT,
    Connection,
    connect,
    fetch,
    identity,
    server_version,
    translated,
)
from dbsynth.adapters.postgresql_copy import copy_rows
from dbsynth.adapters.postgresql_ddl import analyze, finish_sequences
from dbsynth.adapters.postgresql_inplace import InPlace, staging_place
from dbsynth.adapters.postgresql_judge import shown
from dbsynth.adapters.postgresql_query import run
from dbsynth.adapters.postgresql_script import (
    clear,
    run_after_rows,
    run_before_rows,
    run_last,
    run_of_table,
)
from dbsynth.adapters.postgresql_types import RULES, rules_for
from dbsynth.errors import LockedError, PermissionDeniedError, TargetError
from dbsynth.schema import Schema, Statement, Table, TableName
from dbsynth.urls import Location

if TYPE_CHECKING:
    from dbsynth.adapters.ddl import DialectRules

_RECORD = TableName("public", RESERVED)
_REMEDY = "Nothing was changed. Mend the cause and run again."


class PostgresTarget:
    """The `Target` of a PostgreSQL database."""

    dialect = DIALECT

    def __init__(self, location: Location) -> None:
        """Remember where the database is."""
        self._location = location
        self._connection: Connection
        self._rules: DialectRules = RULES
        self._script: tuple[Statement, ...] = ()  # of the load
        self._done: set[Statement] = set()  # of it, before all rows were there
        self._complete: set[TableName] = set()
        self._last: tuple[Statement, ...] = ()  # the script, once all but its end is done
        self._run_id = ""
        self._is_built = False  # keys and indexes, over all rows
        self._in_place: InPlace | None = None
        self.server_version = ""

    def __enter__(self) -> Self:
        """Connect."""
        self._connection = connect(self._location)
        self._rules = rules_for(self._connection.info.server_version)
        self.server_version = server_version(self._connection)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Throw away what was not committed, and disconnect."""
        self._connection.close()

    def identity(self) -> Identity:
        """Which database this is."""
        with translated(TargetError, "cannot identify the target", _REMEDY):
            return identity(self._connection)

    def occupants(self) -> tuple[TableName, ...]:
        """List the user tables and views that are there now (without `RESERVED`)."""
        with translated(TargetError, "cannot read the target's catalogs", _REMEDY):
            rows = fetch(self._connection, "occupants")
        names = (TableName(r["schema"], r["name"]) for r in rows if r["is_relation"])
        return tuple(sorted(name for name in names if name != _RECORD))

    def check(self) -> None:
        """
        Find out, before any work, whether this user may create and write here.

        Raises:
            PermissionDeniedError: a right is missing; all missing ones are named.
            LockedError: another run is loading this target.
        """
        with translated(TargetError, "cannot check the target", _REMEDY):
            is_vacant = not self.occupants()
            missing = [
                r["privilege"]
                for r in fetch(self._connection, "privileges")
                if not r["is_held"] and (is_vacant or not r["is_to_create"])
            ]
            lock = self._connection.execute("SELECT pg_catalog.pg_try_advisory_lock(%s)", (LOCK,))
            is_locked = lock.fetchall()[0][0]
        if missing:
            raise PermissionDeniedError(
                f"{self._location} cannot be written: missing {'; '.join(missing)}",
                "Grant what is missing to this user, or make it the database's owner.",
                missing,
            )
        if not is_locked:
            raise LockedError(
                f"another run is writing to {self._location}", "Wait until it is done."
            )

    def adopt(self, schema: Schema) -> Adoption:
        """Translate a source's schema into what this target will hold, with all losses."""
        with translated(TargetError, "cannot try the schema on the target", _REMEDY):
            return adopt(self._connection, schema, self._rules)

    def settle(self, present: Present) -> Strategy:
        """
        Choose how to load tables that are there, by what this user may do.

        Raises:
            PermissionDeniedError: this user may not write them; names what is missing.
            RefusedError: with this user's rights there is no order in which the keys hold.
        """
        self._in_place = InPlace(self._connection, present, self._rules)
        return self._in_place.strategy

    def begin(self, *, replace: bool) -> None:
        """
        Open the transaction; with `replace`, drop all that users made in this database.

        Extensions and what they own stay.  Nobody else sees any of it before `commit`.
        """
        with translated(TargetError, "cannot begin", _REMEDY):
            self._connection.execute("BEGIN")
        if replace:
            clear(self._connection)
        if self._in_place is not None:
            self._in_place.open()

    def create(self, schema: Schema) -> None:
        """Create schemas, extensions, types, functions, sequences and tables without keys."""
        if self._in_place is None:
            self._script = schema.script
            run_before_rows(self._connection, schema.script)

    def write(self, table: Table, batches: Iterable[pa.RecordBatch]) -> int:
        """
        Load rows; a batch may leave out columns, which then get their defaults.

        Returns:
            the number of rows written.

        Raises:
            TargetError: the database refused the rows; names table and constraint, no value.
        """
        if table.written_columns:
            return self._load(table, self.quote(table.name), batches)
        rows = sum(batch.num_rows for batch in batches)  # the server computes all there is
        insert = f"INSERT INTO {self.quote(table.name)} SELECT FROM generate_series(1, {rows:d})"
        with translated(TargetError, f"{table.name} refuses its rows", _REMEDY):
            return self._connection.execute(insert.encode()).rowcount

    def backfill(
        self, table: Table, columns: Sequence[str], batches: Iterable[pa.RecordBatch]
    ) -> int:
        """Set `columns` of the rows with these primary keys; batches hold key and columns."""
        with translated(TargetError, f"cannot fill in keys of {table.name}", _REMEDY):
            place = staging_place(self._connection)
        staged = ddl.quote_table(place, self._rules)
        name, rules = self.quote(table.name), self._rules
        wanted = [table.column(c) for c in (*table.primary_key, *columns)]
        plain = [replace(c, generated=None, identity=None, default=None) for c in wanted]
        plain = [replace(c, is_nullable=True) for c in plain]
        create = ddl.create_table(Table(name=place, columns=tuple(plain)), rules, inline=())
        sets = ", ".join(f"{ddl.quote(c, rules)} = s.{ddl.quote(c, rules)}" for c in columns)
        match = " AND ".join(
            f"t.{ddl.quote(c, rules)} = s.{ddl.quote(c, rules)}" for c in table.primary_key
        )
        with translated(TargetError, f"cannot fill in keys of {table.name}", _REMEDY):
            self._connection.execute(create.encode())
        self._load(replace(table, columns=tuple(plain)), staged, batches)
        with translated(TargetError, f"cannot fill in keys of {table.name}", _REMEDY):
            update = f"UPDATE {name} AS t SET {sets} FROM {staged} AS s WHERE {match}"
            count = self._connection.execute(update.encode()).rowcount
            self._connection.execute(f"DROP TABLE {staged}".encode())
        return count

    def hold(
        self, table: Table, rows: pa.Table, conditions: Sequence[str]
    ) -> list[NDArray[np.bool_] | None]:
        """Evaluate conditions on rows that are only shown to the server; see `base.Judge`."""
        nothing: list[NDArray[np.bool_] | None] = [None] * len(conditions)
        with (
            suppress(psycopg.Error, TargetError),
            self._connection.transaction(force_rollback=True),
        ):
            return shown(self._connection, table, rows, conditions, self._rules)
        return nothing

    def complete(self, table: Table) -> None:
        """Create a table's own keys and indexes, and analyze it."""
        if self._in_place is None:
            self._done |= set(run_of_table(self._connection, self._script, table.name))
            analyze(self._connection, table.name, self._rules)
            self._complete.add(table.name)

    def finish(self, schema: Schema) -> None:
        """Create keys, indexes, checks, views, triggers; set sequences past the rows; analyze."""
        if self._in_place is not None:
            self._in_place.close()
            return
        run_after_rows(self._connection, schema.script, self._done)
        finish_sequences(self._connection, schema, self._rules)
        for table in schema.tables:
            if table.name not in self._complete:
                analyze(self._connection, table.name, self._rules)
        self._last = schema.script
        self._is_built = True

    @property
    def is_proven(self) -> bool:
        """
        Whether the server built all keys over the rows that are there now.

        Keys of tables that are loaded in place may have been off while rows went in.
        """
        return self._is_built

    def query(self, sql: str) -> pa.Table:
        """Run one SELECT against the load in progress."""
        doing = translated(TargetError, "the query failed", _REMEDY)
        with doing, self._connection.transaction():  # a savepoint: a failure leaves the load
            return run(self._connection, sql)

    def quote(self, name: TableName) -> str:
        """Quote the table's name as `query` needs it while the load is in progress."""
        return ddl.quote_table(name, self._rules)

    def record(self, manifest: Mapping[str, str]) -> None:
        """Write the run's manifest into the reserved table (columns key, value)."""
        if self._in_place is not None and not self._in_place.may_record:
            return
        name, self._run_id = self.quote(_RECORD), manifest.get("run_id", "")
        with translated(TargetError, f"cannot write {_RECORD}", _REMEDY):
            self._connection.execute(f"DROP TABLE IF EXISTS {name}".encode())
            self._connection.execute(
                f"CREATE TABLE {name} (key text PRIMARY KEY, value text)".encode()
            )
            with self._connection.cursor() as cursor:
                insert = f"INSERT INTO {name} VALUES (%s, %s)"
                cursor.executemany(insert.encode(), list(manifest.items()))

    def commit(self) -> None:
        """
        Make the load visible at once.

        Raises:
            OutcomeUnknownError: the connection was lost, and nobody can be asked.
        """
        run_last(self._connection, self._last)
        commit(self._connection, self._location, self._run_id)

    def _load(self, table: Table, target: str, batches: Iterable[pa.RecordBatch]) -> int:
        """Send batches that all have the columns of the first one."""
        stream = iter(batches)
        first = next(stream, None)
        if first is None:
            return 0
        columns = [table.column(name) for name in first.schema.names]

        def all_of_them() -> Iterable[pa.RecordBatch]:
            yield first
            yield from stream

        with translated(TargetError, f"{table.name} refuses its rows", _REMEDY):
            is_frozen = self._in_place is None and self._is_plain(target)
            try:
                return copy_rows(
                    self._connection, target, columns, all_of_them(), self._rules,
                    is_frozen=is_frozen,
                )  # fmt: skip
            except pa.ArrowInvalid as exc:
                raise TargetError(
                    f"{table.name} has rows that its columns' types cannot hold", _REMEDY
                ) from exc

    def _is_plain(self, target: str) -> bool:
        """Whether a table has rows of its own: one with partitions has not."""
        plain = "SELECT relkind = 'r' FROM pg_catalog.pg_class WHERE oid = %s::regclass"
        return bool(self._connection.execute(plain, (target,)).fetchall()[0][0])
