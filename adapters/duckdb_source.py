"""Read a DuckDB file: opened read-only, which also keeps every writer out meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from dbsynth.adapters import ddl, files
from dbsynth.adapters.base import BATCH_ROWS, Identity, KeyFilter
from dbsynth.adapters.duckdb_catalog import introspect
from dbsynth.adapters.duckdb_rules import RULES, SETTINGS, translated
from dbsynth.adapters.duckdb_script import script
from dbsynth.adapters.duckdb_types import select_expression
from dbsynth.arrow import arrow_field, arrow_type
from dbsynth.errors import ConnectError, SourceError
from dbsynth.schema import Schema, Statement, Table, TableName
from dbsynth.urls import Location

if TYPE_CHECKING:
    import duckdb as driver
    import pyarrow as pa


def connect_read_only(location: Location) -> driver.DuckDBPyConnection:
    """
    Open a file read-only.

    Raises:
        ConnectError: the file is missing, no DuckDB database, or open for writing elsewhere.
        PermissionDeniedError: this user may not read it.
    """
    import duckdb as driver

    if location.path is None:
        raise AssertionError("a file database has a path")
    files.require(location.path)
    with translated(
        ConnectError,
        f"{location.path} cannot be opened",
        "Close the program that writes to it, or give the path of a DuckDB database.",
    ):
        return driver.connect(str(location.path.resolve()), read_only=True, config=SETTINGS)


class DuckDBSource:
    """The reading side of a DuckDB file."""

    dialect = "duckdb"
    server_version = ""

    def __init__(self, location: Location) -> None:
        """Remember the file; nothing is opened yet."""
        self._location = location
        self._open: driver.DuckDBPyConnection | None = None

    def __enter__(self) -> Self:
        """Open the file; as nobody can write to it now, that is the snapshot."""
        import duckdb as driver

        self._open = connect_read_only(self._location)
        self.server_version = driver.__version__
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Close the file."""
        if self._open is not None:
            self._open.close()
            self._open = None

    @contextmanager
    def _cursor(self, what: str) -> Iterator[driver.DuckDBPyConnection]:
        """Give a cursor of its own to each read, as one cursor streams one result."""
        if self._open is None:
            raise AssertionError("the source is not open")
        with (
            translated(SourceError, f"reading {what} failed", "Check the file's integrity."),
            self._open.cursor() as cursor,
        ):
            yield cursor

    def identity(self) -> Identity:
        """Which file this is."""
        if self._location.path is None:
            raise AssertionError("a file database has a path")
        return files.identity("duckdb", self._location.path)

    def introspect(self) -> Schema:
        """Read the catalog."""
        with self._cursor("the catalog") as cursor:
            return introspect(cursor, self.server_version)

    def script(self, schema: Schema) -> tuple[Statement, ...]:
        """Give the statements that the catalog prints."""
        with self._cursor("the catalog") as cursor:
            return script(cursor, schema)

    def count(self, table: TableName) -> int:
        """Count a table's rows."""
        with self._cursor(str(table)) as cursor:
            sql = f"SELECT count(*) FROM {ddl.quote_table(table, RULES)}"
            (row,) = cursor.sql(sql).fetchall()
            return int(row[0])

    def estimate(self, table: TableName) -> int | None:
        """Counting takes no time: the catalog knows."""
        return None

    def sample(
        self, table: Table, columns: Sequence[str], *, share: float, seed: int
    ) -> Iterator[pa.RecordBatch] | None:
        """Scans are quick: read."""
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
        """Stream rows as Arrow batches."""
        import pyarrow as pa

        types = [table.column(c).type for c in columns]
        fields = pa.schema([arrow_field(table.column(c)) for c in columns])
        wanted = ", ".join(
            f"{select_expression(t, _own(c))} AS {ddl.quote(c, RULES)}"
            for c, t in zip(columns, types, strict=True)
        )
        sql = f"SELECT {wanted or 'NULL'} FROM {ddl.quote_table(table.name, RULES)} AS own"
        if keys is not None:
            sql += f" SEMI JOIN dbsynth_keys USING ({ddl.quote_columns(keys.columns, RULES)})"
        if order_by:
            sql += f" ORDER BY {', '.join(map(_own, order_by))}"
        if limit is not None:
            sql += f" LIMIT {limit:d}"
        kinds = [arrow_type(t) for t in types]
        with self._cursor(str(table.name)) as cursor:
            if keys is not None:
                cursor.register("dbsynth_keys", keys.keys.select(list(keys.columns)))
            for batch in cursor.sql(sql).to_arrow_reader(BATCH_ROWS):
                arrays = [
                    values if values.type == kind else values.cast(kind, safe=False)
                    for values, kind in zip(batch.columns, kinds, strict=False)
                ]
                yield pa.RecordBatch.from_arrays(arrays, schema=fields)

    def query(self, sql: str) -> pa.Table:
        """Run one SELECT."""
        with self._cursor("the query") as cursor:
            return cursor.sql(sql).to_arrow_table()


def _own(column: str) -> str:
    return f"own.{ddl.quote(column, RULES)}"
