"""Read a MariaDB or MySQL database in one read-only snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from dbsynth.adapters import mysql_catalog
from dbsynth.adapters.base import BATCH_ROWS, Identity, KeyFilter
from dbsynth.adapters.mysql_connection import connect, describe, fetch, quote, translated
from dbsynth.adapters.mysql_script import table_script
from dbsynth.adapters.mysql_types import infer, select_expression, to_arrow
from dbsynth.arrow import arrow_field
from dbsynth.errors import PermissionDeniedError, SourceError
from dbsynth.schema import Schema, Statement, Table, TableName
from dbsynth.urls import Location

if TYPE_CHECKING:
    import pyarrow as pa
    from pymysql.connections import Connection

_SESSION = (
    # Readers may train in between.
    "SET SESSION sql_mode = '', net_write_timeout = 3600, wait_timeout = 86400",
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "SET SESSION TRANSACTION READ ONLY",
    "START TRANSACTION WITH CONSISTENT SNAPSHOT",
)


class MySQLSource:
    """One read-only transaction, one snapshot (of InnoDB tables: other engines have none)."""

    dialect = "mysql"

    def __init__(self, location: Location) -> None:
        """Remember where; nothing connects before `with`."""
        self._location = location
        self._open: Connection[Any] | None = None
        self._stream: _Stream | None = None
        self.server_version = ""

    def __enter__(self) -> Self:
        """Connect and open the snapshot."""
        connection = connect(self._location)
        try:
            self._server = describe(connection)
            with translated(SourceError, "opening the snapshot"):
                for statement in _SESSION:
                    fetch(connection, statement)
        except BaseException:
            connection.close()
            raise
        self._open, self.server_version = connection, self._server.text
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Disconnect, which rolls back."""
        if self._open is not None:
            # Not close(): an unread stream would have to be read to its end first.
            self._open._force_close()
        self._open = self._stream = None

    @property
    def _connection(self) -> Connection[Any]:
        """The session, free for the next statement."""
        if self._open is None:
            raise AssertionError("the source is used outside of `with`")
        if self._stream is not None:
            self._stream.drain()
            self._stream = None
        return self._open

    def identity(self) -> Identity:
        """Which database this is."""
        return self._server.identity

    def introspect(self) -> Schema:
        """Read the catalogs: every base table."""
        connection = self._connection
        with translated(SourceError, "reading the catalogs"):
            found = mysql_catalog.names(connection, self.identity().database)
            denied = self._denied([t for t in found.tables if t not in found.remote])
            return mysql_catalog.read_schema(connection, self._server, denied)

    def _denied(self, tables: Sequence[str]) -> set[str]:
        """Ask for every column of every table: the catalogs hide columns without a right."""
        denied = set()
        for table in tables:
            try:
                with translated(SourceError, f"reading {table}"):
                    fetch(self._connection, f"SELECT * FROM {quote(table)} LIMIT 0")
            except PermissionDeniedError:
                denied.add(table)
        return denied

    def script(self, schema: Schema) -> tuple[Statement, ...]:
        """
        Write the tables as SHOW CREATE TABLE does; what else there is has its own statement.

        Raises:
            SourceError: the database failed.
        """
        with translated(SourceError, "reading how the tables were made"):
            return table_script(self._connection, schema, self.identity().database)

    def count(self, table: TableName) -> int:
        """Count a table's rows exactly."""
        with translated(SourceError, f"counting the rows of {table}"):
            ((count,),) = fetch(self._connection, f"SELECT COUNT(*) FROM {quote(*table)}")
        return int(count)

    def estimate(self, table: TableName) -> int | None:
        """The engine's estimate is off by half, often: count them."""
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
        """
        Read rows as Arrow batches of at most `BATCH_ROWS` rows.

        With so many `keys` that they do not fit one packet, rows are sorted within each packetful.

        Raises:
            PermissionDeniedError: no right to read the table.
            SourceError: the database failed.
        """
        import pyarrow as pa

        wanted = [table.column(c) for c in columns]
        fields = pa.schema([arrow_field(c) for c in wanted])
        listed = ", ".join(select_expression(c, quote(c.name)) for c in wanted) or "NULL"
        order = f" ORDER BY {', '.join(map(quote, order_by))}" if order_by else ""
        given = 0
        for condition in self._conditions(keys):
            most = "" if limit is None else f" LIMIT {limit - given:d}"
            sql = f"SELECT {listed} FROM {quote(*table.name)}{condition}{order}{most}"
            connection = self._connection
            self._stream = stream = _Stream(connection, sql, f"reading {table.name}")
            for rows in stream:
                given += len(rows)
                values = zip(*rows, strict=True)
                arrays = [to_arrow(v, c.type) for v, c in zip(values, wanted, strict=True)]
                yield pa.RecordBatch.from_arrays(arrays, schema=fields)

    def _conditions(self, keys: KeyFilter | None) -> Iterator[str]:
        """WHERE clauses that together hold all keys, each half a packet at most."""
        if keys is None:
            yield ""
            return
        escape = self._connection.escape
        columns = [keys.keys.column(c).to_pylist() for c in keys.columns]
        name = f"({', '.join(map(quote, keys.columns))})"
        chunk: list[str] = []
        size, limit = 0, self._server.max_packet // 2
        for values in sorted(set(zip(*columns, strict=True))):
            chunk.append(f"({','.join(str(escape(v)) for v in values)})")
            size += 4 * len(chunk[-1]) + 1
            if size > limit:
                yield f" WHERE {name} IN ({','.join(chunk)})"
                chunk, size = [], 0
        if chunk:
            yield f" WHERE {name} IN ({','.join(chunk)})"

    def query(self, sql: str) -> pa.Table:
        """Run one SELECT."""
        with translated(SourceError, "a query"):
            return run_query(self._connection, sql)


class _Stream:
    """The rows of one statement as they arrive; the session is busy until they are all read."""

    def __init__(self, connection: Connection[Any], sql: str, doing: str) -> None:
        """Start the statement."""
        from pymysql.cursors import SSCursor

        self._doing = doing
        self._kept: list[list[tuple[Any, ...]]] = []
        self._cursor: SSCursor | None = SSCursor(connection)
        with translated(SourceError, doing):
            self._cursor.execute(sql)

    def __iter__(self) -> Iterator[list[tuple[Any, ...]]]:
        """Give the rows in lists of at most `BATCH_ROWS`."""
        while self._kept or self._cursor is not None:
            rows = self._kept.pop(0) if self._kept else self._fetch()
            if rows:
                yield rows

    def drain(self) -> None:
        """Keep all rows that are still to come, so that the session can do something else."""
        while self._cursor is not None:
            if rows := self._fetch():
                self._kept.append(rows)

    def _fetch(self) -> list[tuple[Any, ...]]:
        if self._cursor is None:
            return []
        with translated(SourceError, self._doing):
            rows = list(self._cursor.fetchmany(BATCH_ROWS))
            if len(rows) < BATCH_ROWS:
                self._cursor.close()
                self._cursor = None
        return rows


def run_query(connection: Connection[Any], sql: str) -> pa.Table:
    """Run one SELECT and type its columns by what the protocol tells."""
    import pyarrow as pa

    with connection.cursor() as cursor:
        cursor.execute(sql)
        rows, fields = cursor.fetchall(), cursor.description or ()
    columns = list(zip(*rows, strict=True)) or [()] * len(fields)
    arrays = [infer(v, f[1], f[5] or 0) for v, f in zip(columns, fields, strict=True)]
    return pa.Table.from_arrays(arrays, names=[f[0] for f in fields])
