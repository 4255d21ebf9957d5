"""Read a folder of Parquet files that dbsynth wrote, so that it can be verified and measured."""

from __future__ import annotations

from typing import Self

from dbsynth.adapters import files
from dbsynth.adapters.base import RESERVED, Identity
from dbsynth.adapters.duckdb_rules import SETTINGS, translated
from dbsynth.adapters.duckdb_source import DuckDBSource
from dbsynth.adapters.parquet_files import (
    RECORD,
    create_places,
    create_view,
    folder_name,
    read_record,
)
from dbsynth.errors import ConnectError, SourceError
from dbsynth.schema import Schema, Statement
from dbsynth.urls import Location


class ParquetSource(DuckDBSource):
    """The files of a folder as views of a DuckDB database in memory."""

    def __init__(self, location: Location) -> None:
        """Remember the folder; nothing is opened yet."""
        super().__init__(location)
        if location.path is None:
            raise AssertionError("a folder has a path")
        self._path = location.path

    def __enter__(self) -> Self:
        """Read what the folder says of itself, and look at its files."""
        import duckdb as driver

        try:
            self._schema, manifest = read_record(self._path)
        except (OSError, ValueError, LookupError, TypeError) as exc:
            raise ConnectError(
                f"{self._path} is no folder of Parquet files that dbsynth wrote: no sound {RECORD}",
                "Check the path.",
            ) from exc
        self.server_version = driver.__version__
        self._open = driver.connect(config=SETTINGS)
        with translated(SourceError, f"{self._path} cannot be read", "Check the files."):
            create_places(self._open, self._schema)
            for table in self._schema.tables:
                create_view(self._open, table, self._path / folder_name(table.name))
            self._open.execute(f"CREATE TABLE {RESERVED} (key VARCHAR, value VARCHAR)")
            for item in manifest.items():
                self._open.execute(f"INSERT INTO {RESERVED} VALUES (?, ?)", item)
        return self

    def identity(self) -> Identity:
        """Which folder this is."""
        return files.identity("parquet", self._path)

    def introspect(self) -> Schema:
        """Give the schema that the files were written for."""
        return self._schema

    def script(self, schema: Schema) -> tuple[Statement, ...]:
        """There are no statements: the files have no rules."""
        return ()
