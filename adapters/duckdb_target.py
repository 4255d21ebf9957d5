"""Write a DuckDB file: gather the rows in a scratch file, build the new file from it, then swap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from dbsynth import queries
from dbsynth.adapters import ddl, files, recorded
from dbsynth.adapters.base import RESERVED, Adoption, Identity
from dbsynth.adapters.duckdb_adopt import adopt
from dbsynth.adapters.duckdb_build import SCRATCH, build, scratch_name
from dbsynth.adapters.duckdb_rules import RULES, SETTINGS, translated
from dbsynth.adapters.duckdb_source import connect_read_only
from dbsynth.adapters.duckdb_types import insert_expression
from dbsynth.errors import LockedError, TargetError, TargetNotEmptyError
from dbsynth.schema import ForeignKey, Schema, Table, TableName
from dbsynth.urls import Location

if TYPE_CHECKING:
    import duckdb as driver
    import pyarrow as pa

_REMEDY = "See which rule broke; the old file is as it was."


class DuckDBTarget:
    """The writing side of a DuckDB file."""

    dialect = "duckdb"
    server_version = ""

    def __init__(self, location: Location) -> None:
        """Remember the file; nothing is opened yet."""
        if location.path is None:
            raise AssertionError("a file database has a path")
        self._location = location
        self._path = location.path
        self._file = files.StagedFile(location.path)
        self._open: driver.DuckDBPyConnection | None = None
        self._is_built = False
        self._undeclared: list[ForeignKey] = []

    def __enter__(self) -> Self:
        """Load the driver; there is nothing to connect to."""
        import duckdb as driver

        self.server_version = driver.__version__
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Throw away what was not committed."""
        if self._open is not None:
            self._open.close()
            self._open = None
        self._file.close()

    @property
    def _connection(self) -> driver.DuckDBPyConnection:
        if self._open is None:
            raise AssertionError("the load has not begun")
        return self._open

    def identity(self) -> Identity:
        """Which file this is."""
        return files.identity("duckdb", self._path)

    def occupants(self) -> tuple[TableName, ...]:
        """The tables and views in the present file."""
        if not self._path.exists() or not self._path.stat().st_size:
            return ()
        with connect_read_only(self._location) as present:
            rows = present.sql(queries.get("duckdb", "occupants")).fetchall()
        return tuple(TableName(*row) for row in rows if row != ("main", RESERVED))

    def check(self) -> None:
        """Take the lock, which also needs the right to write beside the file."""
        self._file.lock()

    def adopt(self, schema: Schema) -> Adoption:
        """Translate a schema; what DuckDB refuses in a trial in memory is left out."""
        import duckdb as driver

        with driver.connect(config=SETTINGS) as trial:
            return adopt(schema, trial)

    def begin(self, *, replace: bool) -> None:
        """
        Start a new file, and a scratch file beside it that goes away again.

        Raises:
            TargetNotEmptyError: the file holds tables and may not be replaced.
        """
        import duckdb as driver

        self._file.lock()
        if not replace and (present := self.occupants()):
            raise TargetNotEmptyError(
                f"{self._path} holds {len(present)} tables", "Give --replace to replace them."
            )
        staging = str(self._file.open())
        scratch = ddl.literal(f"{staging}.rows", RULES)
        with self._writing("the new file"):
            self._open = driver.connect(staging, config=SETTINGS)
            self._open.execute("SET threads = 1")  # more wait for each other over one batch
            self._open.execute(f"ATTACH {scratch} AS {SCRATCH}")

    def create(self, schema: Schema) -> None:
        """Create schemas and types, and the scratch tables; the real ones come with the rows."""
        if schema.script:
            self._create_as_scripted(schema)
        else:
            self._create_places(schema)
        for table in schema.tables:
            columns = ", ".join(
                f"{ddl.quote(c.name, RULES)} {c.type.native}" for c in table.written_columns
            )
            self._run(f"CREATE TABLE {scratch_name(table.name)} ({columns})", str(table.name))

    def _create_as_scripted(self, schema: Schema) -> None:
        for statement in schema.script:
            if statement.kind in ("schema", "type"):
                self._run(statement.sql, f"{statement.kind} {statement.name}")
        for name in sorted({t.name.schema for t in schema.tables} - {"main"}):
            self._run(f"CREATE SCHEMA {SCRATCH}.{ddl.quote(name, RULES)}", name)

    def _create_places(self, schema: Schema) -> None:
        for name in sorted({t.name.schema for t in schema.tables} - {"main"}):
            for prefix in ("", f"{SCRATCH}."):
                self._run(f"CREATE SCHEMA {prefix}{ddl.quote(name, RULES)}", name)
        for enum in schema.enums:
            if enum.name.schema not in {"main", *(t.name.schema for t in schema.tables)}:
                self._run(
                    f"CREATE SCHEMA IF NOT EXISTS {ddl.quote(enum.name.schema, RULES)}",
                    enum.name.schema,
                )
            self._run(ddl.create_enum(enum, RULES), str(enum.name))

    def write(self, table: Table, batches: Iterable[pa.RecordBatch]) -> int:
        """Gather rows in the scratch file; the table's rules are checked by `finish`."""
        written = 0
        for batch in batches:
            names = ddl.quote_columns(batch.schema.names, RULES)
            values = ", ".join(
                insert_expression(table.column(c).type, ddl.quote(c, RULES))
                for c in batch.schema.names
            )
            self._connection.register("dbsynth_batch", batch)
            self._run(
                f"INSERT INTO {scratch_name(table.name)} ({names})"
                f" SELECT {values} FROM dbsynth_batch",
                str(table.name),
            )
            self._connection.unregister("dbsynth_batch")
            written += batch.num_rows
        return written

    def backfill(
        self, table: Table, columns: Sequence[str], batches: Iterable[pa.RecordBatch]
    ) -> int:
        """Update gathered rows by primary key, all in one statement."""
        import pyarrow as pa

        found = list(batches)
        if not found:
            return 0
        values = pa.Table.from_batches(found)
        sets = ", ".join(f"{q} = changed.{q}" for q in (ddl.quote(c, RULES) for c in columns))
        match = " AND ".join(
            f"own.{q} = changed.{q}" for q in (ddl.quote(c, RULES) for c in table.primary_key)
        )
        self._connection.register("dbsynth_changes", values)
        self._run(
            f"UPDATE {scratch_name(table.name)} AS own SET {sets}"
            f" FROM dbsynth_changes AS changed WHERE {match}",
            str(table.name),
        )
        self._connection.unregister("dbsynth_changes")
        return int(values.num_rows)

    def finish(self, schema: Schema) -> None:
        """Build the real tables, with all their rules, from the gathered rows."""
        self._run("RESET threads", "the new file")
        self._undeclared = build(self._connection, schema)
        self._is_built = True
        self.record({})  # verification asks which keys are not declared

    def query(self, sql: str) -> pa.Table:
        """Run one SELECT against the load in progress."""
        with self._writing("the query"):
            return self._connection.sql(sql).to_arrow_table()

    def quote(self, name: TableName) -> str:
        """The table's quoted name: the gathered rows before `finish`, the real table after."""
        return ddl.quote_table(name, RULES) if self._is_built else scratch_name(name)

    def record(self, manifest: Mapping[str, str]) -> None:
        """Write the reserved table."""
        self._run(f"DROP TABLE IF EXISTS main.{RESERVED}", RESERVED)
        self._run(
            f"CREATE TABLE main.{RESERVED} (key VARCHAR PRIMARY KEY, value VARCHAR)", RESERVED
        )
        with self._writing(RESERVED):
            for item in recorded.with_keys(manifest, self._undeclared).items():
                self._connection.execute(f"INSERT INTO main.{RESERVED} VALUES (?, ?)", item)

    def commit(self) -> None:
        """Close the new file and put it in place of the old one."""
        self._run(f"DETACH {SCRATCH}", "the new file")
        self._run("CHECKPOINT", "the new file")
        self._connection.close()
        self._open = None
        self._settle_old_file()
        self._file.publish()

    def _settle_old_file(self) -> None:
        """Fold the old file's log into it: DuckDB would replay it into the new file."""
        import duckdb as driver

        if self._path.with_name(self._path.name + ".wal").exists():
            with translated(
                LockedError, f"{self._path} is in use", "Close the programs that have it open."
            ):
                driver.connect(str(self._path.resolve())).close()

    def _run(self, statement: str, what: str) -> None:
        with self._writing(what):
            self._connection.execute(statement)

    @contextmanager
    def _writing(self, what: str) -> Iterator[None]:
        with translated(TargetError, f"writing {what} failed", _REMEDY):
            yield
