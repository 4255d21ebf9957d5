"""Read a SQLite file: one connection that cannot write, one snapshot."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import quote as quote_url

from dbsynth.adapters import files, sqlite_types
from dbsynth.adapters.base import BATCH_ROWS, Identity, KeyFilter
from dbsynth.adapters.sqlite_catalog import introspect, quote
from dbsynth.adapters.sqlite_script import script
from dbsynth.arrow import arrow_field
from dbsynth.errors import ConnectError, DbsynthError, SourceError
from dbsynth.schema import Schema, Statement, Table, TableName
from dbsynth.urls import Location

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = int("{}{:03}{:03}".format(*sqlite3.sqlite_version_info))


@contextmanager
def translated(error: type[DbsynthError], what: str, remedy: str) -> Iterator[None]:
    """Raise whatever the driver raises as an error of ours; SQLite's messages hold no values."""
    try:
        yield
    except (sqlite3.Error, OverflowError) as exc:
        raise error(f"{what}: {exc}", remedy) from exc


def connect_read_only(location: Location) -> sqlite3.Connection:
    """
    Open a file so that SQLite itself refuses to write; texts arrive as bytes.

    Raises:
        ConnectError: the file is missing, or no SQLite database.
        PermissionDeniedError: this user may not read it.
    """
    path = location.path
    if path is None:
        raise AssertionError("a file database has a path")
    files.require(path)
    uri = f"file:{quote_url(str(path.resolve()))}?mode=ro"
    with translated(
        ConnectError, f"{path} cannot be opened", "Give the path of a SQLite database."
    ):
        connection = sqlite3.connect(uri, uri=True, isolation_level=None)
        try:
            connection.text_factory = bytes
            connection.execute("PRAGMA temp_store = MEMORY")
            connection.execute("BEGIN")
            # The snapshot is taken by the first read, not by BEGIN.
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.Error:
            connection.close()
            raise
    return connection


def to_table(cursor: sqlite3.Cursor) -> pa.Table:
    """Turn a query's result into Arrow."""
    import pyarrow as pa

    names = [d[0] for d in cursor.description or ()]
    rows = cursor.fetchall()
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    return pa.Table.from_arrays([sqlite_types.infer(c) for c in columns], names=names)


class SQLiteSource:
    """The reading side of a SQLite file."""

    dialect = "sqlite"
    server_version = sqlite3.sqlite_version

    def __init__(self, location: Location) -> None:
        """Remember the file; nothing is opened yet."""
        self._location = location
        self._open: sqlite3.Connection | None = None
        self._numbers = count()

    def __enter__(self) -> Self:
        """Open the file and take the snapshot."""
        self._open = connect_read_only(self._location)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Let go of the snapshot."""
        if self._open is not None:
            self._open.close()
            self._open = None

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._open is None:
            raise AssertionError("the source is not open")
        return self._open

    def identity(self) -> Identity:
        """Which file this is."""
        if self._location.path is None:
            raise AssertionError("a file database has a path")
        return files.identity("sqlite", self._location.path)

    def introspect(self) -> Schema:
        """Read the schema; one pass over each table finds out what its columns really hold."""
        with self._reading("the catalog"):
            return introspect(self._connection, VERSION)

    def script(self, schema: Schema) -> tuple[Statement, ...]:
        """Give the statements that SQLite keeps, and the file's settings."""
        with self._reading("the catalog"):
            return script(self._connection, schema)

    def count(self, table: TableName) -> int:
        """Count a table's rows."""
        with self._reading(str(table)):
            sql = f"SELECT count(*) FROM {quote(table.name)}"
            number: int = self._connection.execute(sql).fetchone()[0]
            return number

    def estimate(self, table: TableName) -> int | None:
        """There are no statistics of rows without ANALYZE: count them."""
        return None

    def sample(
        self, table: Table, columns: Sequence[str], *, share: float, seed: int
    ) -> Iterator[pa.RecordBatch] | None:
        """There are no random pages to read."""
        return None

    def read(
        self,
        table: Table,
        columns: Sequence[str],
        *,
        order_by: Sequence[str] = (),
        keys: KeyFilter | None = None,
        limit: int | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Read rows in batches."""
        import pyarrow as pa

        types = [table.column(c).type for c in columns]
        fields = pa.schema([arrow_field(table.column(c)) for c in columns])
        wanted = [
            sqlite_types.select_expression(t, quote(c)) for c, t in zip(columns, types, strict=True)
        ]
        sql = f"SELECT {', '.join(wanted) or 'NULL'} FROM {quote(table.name.name)}"
        with self._reading(str(table.name)):
            if keys is not None:
                named = ", ".join(map(quote, keys.columns))
                kept = self._keep(table, keys)
                sql += f" WHERE ({named}) IN (SELECT {named} FROM {kept})"
            if order_by:
                sql += f" ORDER BY {', '.join(map(quote, order_by))}"
            if limit is not None:
                sql += f" LIMIT {limit:d}"
            cursor = self._connection.execute(sql)
            while rows := cursor.fetchmany(BATCH_ROWS):
                values = zip(*rows, strict=True)
                try:
                    arrays = [
                        sqlite_types.to_arrow(v, t) for v, t in zip(values, types, strict=False)
                    ]
                except pa.ArrowInvalid as exc:
                    raise SourceError(
                        f"{table.name} holds a value that does not fit its column's type",
                        "Introspect again: the table has changed meanwhile.",
                    ) from exc
                yield pa.RecordBatch.from_arrays(arrays, schema=fields)

    def query(self, sql: str) -> pa.Table:
        """Run one SELECT."""
        with self._reading("the query"):
            return to_table(self._connection.execute(sql))

    def _keep(self, table: Table, keys: KeyFilter) -> str:
        """Put wanted keys into a temporary table, whose columns compare as the table's own do."""
        name = f"temp.dbsynth_keys_{next(self._numbers)}"
        named = ", ".join(map(quote, keys.columns))
        self._connection.execute(
            f"CREATE TEMP TABLE {name.removeprefix('temp.')} AS"
            f" SELECT {named} FROM main.{quote(table.name.name)} WHERE 0"
        )
        marks = ", ".join("?" * len(keys.columns))
        for batch in keys.keys.select(list(keys.columns)).to_batches():
            values = [
                sqlite_types.from_arrow(column, table.column(c).type)
                for c, column in zip(keys.columns, batch.columns, strict=True)
            ]
            self._connection.executemany(
                f"INSERT INTO {name} VALUES ({marks})", zip(*values, strict=True)
            )
        return name

    @contextmanager
    def _reading(self, what: str) -> Iterator[None]:
        with translated(SourceError, f"reading {what} failed", "Check the file's integrity."):
            yield
