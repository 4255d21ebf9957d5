"""Tables as folders of Parquet files, and how DuckDB sees them: names, parts, views."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pyarrow as pa
from pyarrow import parquet

from dbsynth.adapters import ddl
from dbsynth.adapters.duckdb_rules import RULES
from dbsynth.adapters.duckdb_types import insert_expression
from dbsynth.arrow import arrow_schema
from dbsynth.schema import Schema, Table, TableName

if TYPE_CHECKING:
    import duckdb as driver

RECORD = "_dbsynth.json"  # schema and manifest; marks a folder as ours
FORMAT_VERSION = 1
GROUP_ROWS = 100_000  # at least, in a row group that is not a file's last
PART_ROWS = 1_000_000  # at least, in a file that is not a table's last
_COMPRESSION = "zstd"
_NUMBER = "row"  # the only column of tables all of whose columns are computed


def folder_name(name: TableName) -> str:
    """Name a table's folder: with its schema, unless that is the usual one."""
    parts = [p for p in name if p and p != RULES.default_schema] or [name.name]
    return ".".join(quote(p, safe=" ").replace(".", "%2E") for p in parts)


def part_name(number: int) -> str:
    """Name a table's n-th file, from 0."""
    return f"part-{number:05d}.parquet"


@dataclass(frozen=True, slots=True)
class PartFiles:
    """
    The files of one table in the making; whoever sees the folder may write one.

    Where files and row groups end follows from the batches alone, so equal batches give equal
    files, whoever writes them.
    """

    folder: Path
    table: Table
    rows: int
    group_rows: int

    @classmethod
    def of(cls, folder: Path, table: Table) -> PartFiles:
        """Prepare a table's files."""
        return cls(folder, table, PART_ROWS, GROUP_ROWS)

    def write(self, number: int, batches: Iterable[pa.RecordBatch]) -> int:
        """Write the n-th file, from 0; returns its rows."""
        written = 0
        with _writer(self.folder / part_name(number), self.table) as writer:
            for group in gathered(batches, self.group_rows):
                whole = _aligned(pa.Table.from_batches(group), writer.schema, written)
                writer.write_table(whole, row_group_size=max(1, len(whole)))
                written += len(whole)
        return written

    def write_all(self, batches: Iterable[pa.RecordBatch]) -> int:
        """Write files, behind those that are there; returns their rows."""
        first = len(list(self.folder.glob("*.parquet")))
        parts = enumerate(gathered(batches, self.rows), first)
        return sum(self.write(number, part) for number, part in parts)


def write_empty(folder: Path, table: Table) -> None:
    """Write a file without rows, so that readers know the columns."""
    with _writer(folder / part_name(0), table):
        pass


def rewrite(path: Path, table: Table, rows: pa.Table) -> None:
    """Write a file anew, in row groups as large as its own."""
    sizes = parquet.ParquetFile(path).metadata
    lengths = [sizes.row_group(i).num_rows for i in range(sizes.num_row_groups)]
    start = 0
    with _writer(path, table) as writer:
        for length in lengths:
            group = rows.slice(start, length)
            writer.write_table(group.cast(writer.schema), row_group_size=max(1, length))
            start += length


def _writer(path: Path, table: Table) -> parquet.ParquetWriter:
    schema = arrow_schema(table)
    schema = schema if len(schema) else pa.schema([pa.field(_NUMBER, pa.int64())])
    # Rules of NULLs are checked by query; a field that may not be NULL makes no difference else.
    loose = pa.schema([pa.field(f.name, f.type) for f in schema])
    return parquet.ParquetWriter(path, loose, compression=_COMPRESSION)


def _aligned(rows: pa.Table, schema: pa.Schema, start: int) -> pa.Table:
    """
    Give rows the columns of a file.

    Columns that nobody fills (what the source computed, and cannot be computed here) are NULL; rows
    without any get their number, for files cannot hold nothing.
    """
    columns = [
        rows.column(f.name).cast(f.type) if f.name in rows.column_names
        else pa.chunked_array([pa.nulls(len(rows), f.type)])
        for f in schema
    ]  # fmt: skip
    if not rows.num_columns:
        columns = [pa.chunked_array([pa.array(range(start, start + len(rows)), pa.int64())])]
    return pa.Table.from_arrays(columns, schema=schema)


def gathered(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[list[pa.RecordBatch]]:
    """Put batches together until there are so many rows."""
    held: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        if batch.num_rows:
            held.append(batch)
            size += batch.num_rows
        if size >= rows:
            yield held
            held, size = [], 0
    if held:
        yield held


def create_places(connection: driver.DuckDBPyConnection, schema: Schema) -> None:
    """Create the schemas and types that a database's views need."""
    names = {t.name.schema for t in schema.tables} | {e.name.schema for e in schema.enums}
    for name in sorted(names - {RULES.default_schema, ""}):
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {ddl.quote(name, RULES)}")
    for enum in schema.enums:
        connection.execute(ddl.create_enum(enum, RULES))


def create_view(connection: driver.DuckDBPyConnection, table: Table, folder: Path) -> None:
    """Let a database see a table's files under its name, with its types; computed columns too."""
    items = []
    for column in table.columns:
        name = ddl.quote(column.name, RULES)
        value = column.generated or insert_expression(column.type, name)
        items.append(f"CAST(({value}) AS {column.type.native}) AS {name}")
    files = ", ".join(
        ddl.literal(str(path.resolve()), RULES) for path in sorted(folder.glob("*.parquet"))
    )
    connection.execute(
        f"CREATE OR REPLACE VIEW {ddl.quote_table(table.name, RULES)} AS "
        f"SELECT {', '.join(items)} FROM read_parquet([{files}])"
    )


def write_record(folder: Path, schema: Schema, manifest: dict[str, str]) -> None:
    """Write down what the files hold, and what the run that made them noted."""
    data = {"format": FORMAT_VERSION, "schema": schema.to_json(), "manifest": manifest}
    (folder / RECORD).write_text(json.dumps(data, ensure_ascii=False, indent=1), "utf-8")


def read_record(folder: Path) -> tuple[Schema, dict[str, Any]]:
    """
    Read what `write_record` wrote.

    Raises:
        OSError, ValueError, LookupError, TypeError: there is none, or it is none.
    """
    data = json.loads((folder / RECORD).read_text("utf-8"))
    if data["format"] > FORMAT_VERSION:
        raise ValueError(data["format"])
    return Schema.from_json(data["schema"]), data["manifest"]
