"""Write a SQLite file: build a new one beside it in one transaction, then swap."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from dbsynth import queries
from dbsynth.adapters import ddl, files, sqlite_types
from dbsynth.adapters.base import RESERVED, Adoption, Identity
from dbsynth.adapters.sqlite_adopt import RULES, adopt
from dbsynth.adapters.sqlite_script import SETTING
from dbsynth.adapters.sqlite_source import connect_read_only, to_table, translated
from dbsynth.errors import LockedError, TargetError, TargetNotEmptyError
from dbsynth.schema import Schema, Statement, Table, TableName
from dbsynth.urls import Location

if TYPE_CHECKING:
    import pyarrow as pa

_LOAD = (
    "journal_mode = OFF",
    "synchronous = OFF",
    "foreign_keys = OFF",
    "locking_mode = EXCLUSIVE",
)


class SQLiteTarget:
    """The writing side of a SQLite file."""

    dialect = "sqlite"
    server_version = sqlite3.sqlite_version

    def __init__(self, location: Location) -> None:
        """Remember the file; nothing is opened yet."""
        if location.path is None:
            raise AssertionError("a file database has a path")
        self._location = location
        self._path = location.path
        self._file = files.StagedFile(location.path)
        self._open: sqlite3.Connection | None = None
        self._late_settings: Sequence[Statement] = ()

    def __enter__(self) -> Self:
        """Do nothing: there is nothing to connect to."""
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
    def _connection(self) -> sqlite3.Connection:
        if self._open is None:
            raise AssertionError("the load has not begun")
        return self._open

    def identity(self) -> Identity:
        """Which file this is."""
        return files.identity("sqlite", self._path)

    def occupants(self) -> tuple[TableName, ...]:
        """The tables and views in the present file."""
        if not self._path.exists() or not self._path.stat().st_size:
            return ()
        with closing(connect_read_only(self._location)) as present:
            names = [n.decode() for (n,) in present.execute(queries.get("sqlite", "occupants"))]
        return tuple(TableName("", n) for n in names if n != RESERVED)

    def check(self) -> None:
        """Take the lock, which also needs the right to write beside the file."""
        self._file.lock()

    def adopt(self, schema: Schema) -> Adoption:
        """Translate a schema; what SQLite refuses in a trial in memory is left out."""
        return adopt(schema)

    def begin(self, *, replace: bool) -> None:
        """
        Start a new file.

        Raises:
            TargetNotEmptyError: the file holds tables and may not be replaced.
        """
        self._file.lock()
        if not replace and (present := self.occupants()):
            raise TargetNotEmptyError(
                f"{self._path} holds {len(present)} tables", "Give --replace to replace them."
            )
        with self._writing("the new file"):
            self._open = sqlite3.connect(self._file.open(), isolation_level=None)

    def create(self, schema: Schema) -> None:
        """Create the tables, with all their keys and checks."""
        early = [s for s in schema.script if not s.is_after_rows]
        self._run_all(s for s in early if s.kind == SETTING)
        with self._writing("the new file"):
            for setting in _LOAD:
                self._connection.execute(f"PRAGMA {setting}")
            self._connection.execute("BEGIN")
        self._run_all(s for s in early if s.kind != SETTING)
        for table in schema.tables if not schema.script else ():
            with self._writing(str(table.name)):
                self._connection.execute(ddl.create_table(table, RULES))

    def write(self, table: Table, batches: Iterable[pa.RecordBatch]) -> int:
        """Insert rows."""
        written = 0
        for batch in batches:
            names = batch.schema.names
            marks = ", ".join("?" * len(names))
            sql = (
                f"INSERT INTO {self.quote(table.name)} ({ddl.quote_columns(names, RULES)})"
                f" VALUES ({marks})"
            )
            self._run_for_rows(sql, table, names, batch)
            written += batch.num_rows
        return written

    def backfill(
        self, table: Table, columns: Sequence[str], batches: Iterable[pa.RecordBatch]
    ) -> int:
        """Update rows by primary key."""
        sets = ", ".join(f"{ddl.quote(c, RULES)} = ?" for c in columns)
        keys = " AND ".join(f"{ddl.quote(c, RULES)} = ?" for c in table.primary_key)
        sql = f"UPDATE {self.quote(table.name)} SET {sets} WHERE {keys}"
        names = [*columns, *table.primary_key]
        return sum(self._run_for_rows(sql, table, names, batch) for batch in batches)

    def finish(self, schema: Schema) -> None:
        """Create indexes, views and triggers, and check every foreign key."""
        late = [s for s in schema.script if s.is_after_rows]
        self._run_all(s for s in late if s.kind != SETTING)
        self._late_settings = [s for s in late if s.kind == SETTING]
        if not schema.script:
            self._finish_without_script(schema)
        with self._writing("the checks"):
            self._check_foreign_keys(schema)
            self._connection.execute("ANALYZE")

    def _finish_without_script(self, schema: Schema) -> None:
        for table in schema.tables:
            with self._writing(str(table.name)):
                for unique in table.uniques:
                    if not ddl.is_plain(unique):
                        self._connection.execute(ddl.create_unique_index(table, unique, RULES))
                for index in table.indexes:
                    self._connection.execute(ddl.create_index(table, index, RULES))
        for item in schema.objects:
            if item.statement is not None:
                with self._writing(f"{item.kind} {item.name}"):
                    self._connection.execute(item.statement)

    def _run_all(self, statements: Iterable[Statement]) -> None:
        for statement in statements:
            with self._writing(f"{statement.kind} {statement.name}"):
                self._connection.execute(statement.sql)

    def query(self, sql: str) -> pa.Table:
        """Run one SELECT against the new file."""
        self._connection.text_factory = bytes
        with self._writing("the query"):
            return to_table(self._connection.execute(sql))

    def quote(self, name: TableName) -> str:
        """The table's quoted name."""
        return ddl.quote_table(name, RULES)

    def record(self, manifest: Mapping[str, str]) -> None:
        """Write the reserved table."""
        with self._writing(RESERVED):
            self._connection.execute(f"DROP TABLE IF EXISTS {RESERVED}")
            self._connection.execute(f"CREATE TABLE {RESERVED} (key TEXT PRIMARY KEY, value TEXT)")
            self._connection.executemany(
                f"INSERT INTO {RESERVED} VALUES (?, ?)", list(manifest.items())
            )

    def commit(self) -> None:
        """Close the new file and put it in place of the old one."""
        with self._writing("the new file"):
            self._connection.execute("COMMIT")
        self._run_all(self._late_settings)
        with self._writing("the new file"):
            self._connection.close()
        self._open = None
        self._settle_old_file()
        self._file.publish()

    def _settle_old_file(self) -> None:
        """Fold the old file's journal into it: SQLite would replay it into the new file."""
        journals = [self._path.with_name(self._path.name + end) for end in ("-wal", "-journal")]
        if not any(j.exists() for j in journals):
            return
        with (
            translated(
                LockedError, f"{self._path} is in use", "Close the programs that have it open."
            ),
            closing(sqlite3.connect(self._path, isolation_level=None, timeout=1)) as old,
        ):
            old.execute("PRAGMA journal_mode = DELETE")
            old.execute("BEGIN EXCLUSIVE")
            old.execute("ROLLBACK")

    def _run_for_rows(
        self, sql: str, table: Table, names: Sequence[str], batch: pa.RecordBatch
    ) -> int:
        """Run a statement once per row, with the named columns as parameters."""
        values = [
            sqlite_types.from_arrow(batch.column(name), table.column(name).type) for name in names
        ]
        with self._writing(str(table.name)):
            return self._connection.executemany(sql, zip(*values, strict=True)).rowcount

    def _check_foreign_keys(self, schema: Schema) -> None:
        """Look for orphans; the database's own check fails at keys that it cannot enforce."""
        for key in (k for k in schema.foreign_keys if k.is_declared):
            pairs = [
                (f"child.{ddl.quote(a, RULES)}", f"parent.{ddl.quote(b, RULES)}")
                for a, b in zip(key.columns, key.parent_columns, strict=True)
            ]
            sql = (
                f"SELECT count(*) FROM {self.quote(key.child)} AS child"
                f" WHERE {' AND '.join(f'{a} IS NOT NULL' for a, _ in pairs)} AND NOT EXISTS"
                f" (SELECT 1 FROM {self.quote(key.parent)} AS parent"
                f" WHERE {' AND '.join(f'{b} = {a}' for a, b in pairs)})"
            )
            (orphans,) = self._connection.execute(sql).fetchone()
            if orphans:
                raise TargetError(
                    f"{orphans} rows of {key.child} refer to rows of {key.parent} that do not"
                    f" exist ({key.name})",
                    "Report this: generated keys must match.",
                )

    @contextmanager
    def _writing(self, what: str) -> Iterator[None]:
        with translated(
            TargetError,
            f"writing {what} failed",
            "See which rule broke; the old file is as it was.",
        ):
            yield
