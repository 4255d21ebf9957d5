"""Read a DuckDB file: opened read-only, which also keeps every writer out meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from dbsynth.adapters import ddl, files
from dbsynth.adapters.base import BATCH_ROWS, Identity, KeyFilter
from dbsynth.adapters.duckdb_catalog import introspect
from dbsynth.adapters.duckdb_types import select_expression
from dbsynth.arrow import arrow_field, arrow_type
from dbsynth.errors import ConnectError, DbsynthError, SourceError
from dbsynth.schema import Schema, Statement, Table, TableName
from dbsynth.urls import Location

if TYPE_CHECKING:
    import duckdb as driver
    import pyarrow as pa

RULES = ddl.DialectRules(
    dialect="duckdb",
    default_schema="main",
    max_identifier=1000,
    folds_case=True,
    schema_wide=frozenset({"index"}),
    inline=frozenset({"primary key", "unique", "check", "foreign key"}),
    identity={"serial": ""},  # the sequence comes with the rows, and its default with it
    stored=None,
    comments="statement",
    enum_types=True,
    actions=frozenset({"NO ACTION"}),
    partial_indexes=False,
)
# Nothing is fetched from the network, and instants come in UTC wherever this runs.
SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "TimeZone": "UTC",
    "autoinstall_known_extensions": False,
}


def explain(exc: Exception) -> str:
    """Say what DuckDB complains about, without the values that its messages quote."""
    import duckdb as driver

    text = str(exc)
    told = (
        driver.BinderException, driver.CatalogException, driver.ParserException,
        driver.IOException, driver.OutOfMemoryException, driver.NotImplementedException,
    )  # fmt: skip
    if isinstance(exc, driver.ConstraintException):
        for start in ("NOT NULL constraint failed", "CHECK constraint failed"):
            if start in text:
                return text[text.index(start) :].splitlines()[0]
        if "foreign key" in text.lower():
            return "a foreign key refers to a row that does not exist"
        return "a primary key or unique constraint meets the same key twice"
    if isinstance(exc, driver.ConversionException):
        return "a value cannot be converted to its column's type"
    return text.splitlines()[0] if isinstance(exc, told) and text else type(exc).__name__


@contextmanager
def translated(error: type[DbsynthError], what: str, remedy: str) -> Iterator[None]:
    """Raise whatever the driver raises as an error of ours."""
    import duckdb as driver

    try:
        yield
    except driver.Error as exc:
        raise error(f"{what}: {explain(exc)}", remedy) from exc


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
        """Give nothing: this adapter's own DDL makes the tables."""
        return ()

    def count(self, table: TableName) -> int:
        """Count a table's rows."""
        with self._cursor(str(table)) as cursor:
            sql = f"SELECT count(*) FROM {ddl.quote_table(table, RULES)}"
            (row,) = cursor.sql(sql).fetchall()
            return int(row[0])

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
