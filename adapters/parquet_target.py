"""Write a folder of Parquet files: a folder for each table, verified as views of DuckDB."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from dbsynth.adapters import ddl, files
from dbsynth.adapters.base import RESERVED, Adoption, Identity
from dbsynth.adapters.duckdb_adopt import adopt
from dbsynth.adapters.duckdb_rules import RULES, SETTINGS, translated
from dbsynth.adapters.folders import StagedFolder
from dbsynth.adapters.parquet_files import (
    RECORD,
    PartFiles,
    create_places,
    create_view,
    folder_name,
    read_record,
    rewrite,
    write_empty,
    write_record,
)
from dbsynth.errors import TargetError, TargetNotEmptyError
from dbsynth.matching import match_rows
from dbsynth.schema import Loss, Schema, Table, TableName
from dbsynth.urls import Location

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb as driver

_REMEDY = "See whether the disk is full; the old folder is as it was."


class ParquetTarget:
    """The writing side of a folder of Parquet files."""

    dialect = "duckdb"  # whose types and words stand for the files'
    server_version = ""

    def __init__(self, location: Location) -> None:
        """Remember the folder; nothing is touched yet."""
        if location.path is None:
            raise AssertionError("a folder has a path")
        self._path = location.path
        self._folder = StagedFolder(location.path, RECORD)
        self._schema: Schema | None = None
        self._manifest: dict[str, str] = {}
        self._open: driver.DuckDBPyConnection | None = None

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
        self._folder.close()

    @property
    def _connection(self) -> driver.DuckDBPyConnection:
        if self._open is None:
            raise AssertionError("the load has not begun")
        return self._open

    @property
    def _staging(self) -> Path:
        if self._folder.staging is None:
            raise AssertionError("the load has not begun")
        return self._folder.staging

    def identity(self) -> Identity:
        """Which folder this is."""
        return files.identity("parquet", self._path)

    def occupants(self) -> tuple[TableName, ...]:
        """The tables in the present folder; files that are not ours count as such."""
        if not self._path.is_dir():
            return ()
        try:
            schema, _ = read_record(self._path)
        except (OSError, ValueError, LookupError, TypeError):
            return tuple(TableName("", p.name) for p in sorted(self._path.iterdir()))
        return tuple(t.name for t in schema.tables)

    def check(self) -> None:
        """Take the lock; refuse a folder with files that are not ours, whatever is wished."""
        self._folder.lock()
        self._folder.require_ours()

    def adopt(self, schema: Schema) -> Adoption:
        """Translate a schema; what it declares is verified, and not declared any more."""
        import duckdb as driver

        with driver.connect(config=SETTINGS) as trial:
            adoption = adopt(schema, trial)
        tables = tuple(_loose(t) for t in adoption.schema.tables)
        held = replace(
            adoption.schema, tables=tables, script=(), sequences=(), objects=(), grants=()
        )
        losses = [
            Loss(object=what, reason="Parquet files have no rules", instead=instead)
            for what, instead in _undeclared(adoption.schema)
        ]
        return Adoption(held, adoption.names, (*adoption.losses, *losses))

    def begin(self, *, replace: bool) -> None:
        """
        Start a new folder beside the old one.

        Raises:
            TargetNotEmptyError: the folder holds tables and may not be replaced.
            RefusedError: it holds files that are not ours.
        """
        import duckdb as driver

        self.check()
        if not replace and (present := self.occupants()):
            raise TargetNotEmptyError(
                f"{self._path} holds {len(present)} tables", "Give --replace to replace them."
            )
        self._folder.open()
        self._open = driver.connect(config=SETTINGS)

    def create(self, schema: Schema) -> None:
        """Make a folder for each table."""
        self._schema = schema
        with self._writing("the folders"):
            create_places(self._connection, schema)
            for table in schema.tables:
                self._place(table).mkdir()

    def write(self, table: Table, batches: Iterable[pa.RecordBatch]) -> int:
        """Write rows into new files."""
        with self._writing(str(table.name)):
            return self.parts(table).write_all(batches)

    def parts(self, table: Table) -> PartFiles:
        """Give what writes a table's files."""
        return PartFiles.of(self._place(table).resolve(), table)

    def backfill(
        self, table: Table, columns: Sequence[str], batches: Iterable[pa.RecordBatch]
    ) -> int:
        """Write the files of a table anew, with other values in the rows with these keys."""
        found = list(batches)
        if not found:
            return 0
        changed = pa.Table.from_batches(found)
        keys = [changed.column(c) for c in table.primary_key]
        with self._writing(str(table.name)):
            for path in sorted(self._place(table).glob("*.parquet")):
                rows = parquet.read_table(path)
                places = match_rows([rows.column(c) for c in table.primary_key], keys)
                index = pa.array(places, mask=places < 0)
                for name in columns:
                    column = rows.column(name)
                    taken = changed.column(name).take(index).cast(column.type)
                    merged = pc.if_else(pa.array(places >= 0), taken, column)
                    rows = rows.set_column(rows.column_names.index(name), name, merged)
                rewrite(path, table, rows)
        return int(changed.num_rows)

    def finish(self, schema: Schema) -> None:
        """Let DuckDB see the files, for whoever asks."""
        for table in schema.tables:
            place = self._place(table)
            with self._writing(str(table.name)):
                if not any(place.iterdir()):
                    write_empty(place, table)
                create_view(self._connection, table, place)
        self.record({})

    def query(self, sql: str) -> pa.Table:
        """Run one SELECT against the load in progress."""
        with self._writing("the query"):
            return self._connection.sql(sql).to_arrow_table()

    def quote(self, name: TableName) -> str:
        """The table's quoted name."""
        return ddl.quote_table(name, RULES)

    def record(self, manifest: Mapping[str, str]) -> None:
        """Keep the run's manifest for the record, and for whoever asks meanwhile."""
        self._manifest = dict(manifest)
        with self._writing(RESERVED):
            self._connection.execute(
                f"CREATE OR REPLACE TABLE {RESERVED} (key VARCHAR, value VARCHAR)"
            )
            for item in manifest.items():
                self._connection.execute(f"INSERT INTO {RESERVED} VALUES (?, ?)", item)

    def commit(self) -> None:
        """Write the record and put the new folder in place of the old one."""
        assert self._schema is not None
        with self._writing(RECORD):
            write_record(self._staging, self._schema, self._manifest)
            self._connection.close()
            self._open = None
            self._folder.publish()

    def _place(self, table: Table) -> Path:
        return self._staging / folder_name(table.name)

    @contextmanager
    def _writing(self, what: str) -> Iterator[None]:
        with translated(TargetError, f"writing {what} failed", _REMEDY):
            try:
                yield
            except (OSError, pa.ArrowException) as exc:
                why = exc.strerror if isinstance(exc, OSError) else type(exc).__name__
                raise TargetError(f"writing {what} failed: {why}", _REMEDY) from exc


def _loose(table: Table) -> Table:
    """A table whose keys hold without being declared, and whose columns fill themselves no more."""
    return replace(
        table,
        columns=tuple(replace(c, default=None, identity=None) for c in table.columns),
        foreign_keys=tuple(replace(k, is_declared=False) for k in table.foreign_keys),
        indexes=(),
    )


def _undeclared(schema: Schema) -> Iterator[tuple[str, str]]:
    """What a schema declares of each table, in few words, and what became of it."""
    for table in schema.tables:
        rules = len(table.unique_sets) + len(table.row_checks) + len(table.foreign_keys)
        if rules:
            yield f"keys and checks of {table.name} ({rules})", "kept and verified"
        if any(c.default or c.identity for c in table.columns):
            yield f"defaults of {table.name}", "left out"
        if table.indexes:
            yield f"indexes of {table.name} ({len(table.indexes)})", "left out"
    for item in schema.objects:
        yield f"{item.kind} {item.name}", "left out"
