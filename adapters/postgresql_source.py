"""Read a PostgreSQL database in one read-only snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

import psycopg
from psycopg import sql

from dbsynth.adapters.base import BATCH_ROWS, Identity, KeyFilter
from dbsynth.adapters.ddl import quote, quote_table
from dbsynth.adapters.postgresql_catalog import introspect
from dbsynth.adapters.postgresql_connection import (
    DIALECT,
    Connection,
    connect,
    fetch,
    identity,
    server_version,
    translated,
)
from dbsynth.adapters.postgresql_types import RULES
from dbsynth.errors import SourceError
from dbsynth.schema import Schema, Statement, Table, TableName
from dbsynth.urls import Location

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH_BYTES = 32 * 1024 * 1024  # of CSV: bounds the memory that wide rows take
_REMEDY = "Read the server's log for the cause, and try again."
_STANDBY_REMEDY = (
    "Run again when the primary is quieter, or set hot_standby_feedback = on, or a longer "
    "max_standby_streaming_delay, on the standby."
)


class PostgresSource:
    """The `Source` of a PostgreSQL database."""

    dialect = DIALECT

    def __init__(self, location: Location) -> None:
        """Remember where the database is."""
        self._location = location
        self._partitioned: frozenset[TableName] | None = None
        self._connection: Connection
        self.server_version = ""

    def __enter__(self) -> Self:
        """Connect and open the snapshot."""
        self._connection = connect(self._location)
        self._connection.autocommit = False
        self._connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        self._connection.read_only = True
        self.server_version = server_version(self._connection)
        try:
            with _reading(f"cannot open a snapshot of {self._location}"):
                self._connection.execute("SELECT pg_catalog.pg_current_snapshot()")
        except BaseException:
            self._connection.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Roll back and disconnect."""
        self._connection.close()

    def identity(self) -> Identity:
        """Which database this is."""
        with _reading("cannot identify the source"):
            return identity(self._connection)

    def introspect(self) -> Schema:
        """Read the catalogs: every base table of every user schema."""
        with _reading("cannot read the source's catalogs"):
            return introspect(self._connection)

    def script(self, schema: Schema) -> tuple[Statement, ...]:
        """
        Let pg_dump write the schema, in this snapshot.

        Raises:
            NoScriptError: there is no pg_dump for this server, or it failed.
        """
        from dbsynth.adapters.postgresql_dump import script

        with _reading("cannot prepare pg_dump"):
            return script(self._connection, schema, self._location.url)

    def count(self, table: TableName) -> int:
        """Count a table's rows exactly."""
        with _reading(f"cannot count the rows of {table}"):
            statement = f"SELECT count(*) FROM {self._from(table)}"
            return int(self._connection.execute(statement.encode()).fetchall()[0][0])

    def estimate(self, table: TableName) -> int | None:
        """Multiply the pages that the table has now with the rows a page had at the last look."""
        with _reading(f"cannot look up the size of {table}"):
            (row,) = fetch(self._connection, "estimate", table=quote_table(table, RULES))
        return None if row["rows"] is None else int(row["rows"])

    def sample(
        self, table: Table, columns: Sequence[str], *, share: float, seed: int
    ) -> Iterator[pa.RecordBatch] | None:
        """Read random pages; see `Source.sample`."""
        pages = f" TABLESAMPLE SYSTEM ({100 * share:f}) REPEATABLE ({seed:d})"
        return self._rows(table, columns, pages)

    def read(
        self,
        table: Table,
        columns: Sequence[str],
        *,
        order_by: Sequence[str] = (),
        keys: KeyFilter | None = None,
        limit: int | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Read rows as Arrow batches; see `Source.read`, and `postgresql_values` for the values."""
        clauses = ""
        if keys is not None:
            clauses += _condition(table, keys)
        if order_by:
            clauses += " ORDER BY " + ", ".join(quote(c, RULES) for c in order_by)
        if limit is not None:
            clauses += f" LIMIT {limit:d}"
        yield from self._rows(table, columns, clauses)

    def _rows(self, table: Table, columns: Sequence[str], clauses: str) -> Iterator[pa.RecordBatch]:
        """Read what a SELECT with these clauses behind FROM gives."""
        from dbsynth.adapters.postgresql_values import parse, select_item

        wanted = [table.column(name) for name in columns]
        items = ", ".join(select_item(c, RULES) for c in wanted)
        with _reading(f"cannot read {table.name}"):
            statement = f"SELECT {items} FROM {self._from(table.name)}{clauses}"
            for data in self._copy(f"COPY ({statement}) TO STDOUT (FORMAT csv)"):
                yield parse(data, wanted)

    def query(self, sql: str) -> pa.Table:
        """Run one SELECT."""
        from dbsynth.adapters.postgresql_query import run

        doing = _reading("the query failed", "Check the statement.")
        with doing, self._connection.transaction():  # a savepoint: a failure leaves the snapshot
            return run(self._connection, sql)

    def _copy(self, statement: str) -> Iterator[bytes]:
        """Collect what COPY sends, one message a row, into pieces of bounded size."""
        rows: list[bytes] = []
        size = 0
        with self._connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            for row in copy:
                rows.append(bytes(row))
                size += len(row)
                if len(rows) == BATCH_ROWS or size >= _BATCH_BYTES:
                    yield b"".join(rows)
                    rows, size = [], 0
        if rows:
            yield b"".join(rows)

    def _from(self, table: TableName) -> str:
        """Name a table without the rows of those that inherit from it; they are tables too."""
        if self._partitioned is None:
            rows = fetch(self._connection, "tables", reserved="")
            names = (TableName(r["schema"], r["name"]) for r in rows if r["is_partitioned"])
            self._partitioned = frozenset(names)
        name = quote_table(table, RULES)
        return name if table in self._partitioned else f"ONLY {name}"


@contextmanager
def _reading(doing: str, remedy: str = _REMEDY) -> Iterator[None]:
    """
    Translate errors; a read-only snapshot conflicts with nobody but a standby's recovery.

    Raises:
        SourceError, ConnectError: see `translated`.
    """
    with translated(SourceError, doing, remedy):
        try:
            yield
        except psycopg.Error as exc:
            if exc.sqlstate == "40001":
                raise SourceError(
                    f"{doing}: this standby gave up the snapshot to replay what its primary did",
                    _STANDBY_REMEDY,
                ) from exc
            raise


def _condition(table: Table, keys: KeyFilter) -> str:
    """Write `WHERE (columns) IN (keys)`, the keys as one array literal for each column."""
    from dbsynth.adapters.postgresql_values import key_list

    columns = ", ".join(quote(c, RULES) for c in keys.columns)
    casts = ", ".join(f"k{i}::{table.column(c).type.native}" for i, c in enumerate(keys.columns))
    names = ", ".join(f"k{i}" for i in range(len(keys.columns)))
    lists = ", ".join(
        f"pg_catalog.unnest({sql.Literal(key_list(keys.keys.column(c))).as_string(None)}::text[])"
        for c in keys.columns
    )
    return f" WHERE ({columns}) IN (SELECT {casts} FROM ROWS FROM ({lists}) AS k ({names}))"
