"""Generated databases in memory: rows by table, with the rules that they must keep."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from dbsynth import run
from dbsynth.generate import generate
from dbsynth.keys import duplicates
from dbsynth.matching import row_pointers
from dbsynth.schema import Backfill, Batch, ForeignKey, Schema, Table, TableName
from dbsynth.tablemodel import Model

Database = dict[TableName, pa.Table]


def fitted(url: str, **options: Any) -> Model:
    """Fit a model, by default by the engine that takes no time."""
    chosen: dict[str, Any] = {"seed": 7, "engine": "marginal", "quality": "fast"}
    return run.fit(url, run.Options(**chosen | options))


def drawn(model: Model, **options: Any) -> Database:
    """Generate a database and set the keys that close cycles, as a target does."""
    return collected(model.plan.schema, generate(model, **options))


def collected(schema: Schema, events: Iterable[Batch | Backfill]) -> Database:
    """Put batches together, parents checked to come first in their own time."""
    batches: dict[TableName, list[pa.RecordBatch]] = {t.name: [] for t in schema.tables}
    backfills: list[Backfill] = []
    for event in events:
        if isinstance(event, Batch):
            assert not backfills, "rows came after the keys that close cycles"
            batches[event.table].append(event.rows)
        else:
            backfills.append(event)
    found = {
        name: pa.Table.from_batches(parts) if parts else _nothing(schema.table(name))
        for name, parts in batches.items()
    }
    for fill in backfills:
        found[fill.table] = _filled(found[fill.table], schema.table(fill.table), fill)
    return found


def _nothing(table: Table) -> pa.Table:
    from dbsynth.arrow import arrow_schema

    return arrow_schema(table).empty_table()


def _filled(rows: pa.Table, table: Table, fill: Backfill) -> pa.Table:
    places = {
        tuple(key.values()): n
        for n, key in enumerate(rows.select(list(table.primary_key)).to_pylist())
    }
    columns = {c: rows.column(c).to_pylist() for c in fill.columns}
    for row in fill.rows.to_pylist():
        place = places[tuple(row[c] for c in table.primary_key)]
        for column in fill.columns:
            columns[column][place] = row[column]
    for column, values in columns.items():
        kind = rows.schema.field(column).type
        rows = rows.set_column(rows.column_names.index(column), column, pa.array(values, kind))
    return rows


def broken_rules(schema: Schema, database: Mapping[TableName, pa.Table]) -> list[str]:
    """Name every declared rule that rows break."""
    found = []
    for table in schema.tables:
        rows = database[table.name]
        found += [
            f"{table.name}.{c.name} is NULL"
            for c in table.written_columns
            if not c.is_nullable and rows.column(c.name).null_count
        ]
        found += [
            f"{table.name} {unique} repeats"
            for unique in table.unique_sets
            if set(unique) <= set(rows.column_names) and _repeats(rows, unique)
        ]
        found += [
            f"{table.name}.{key.name} has orphans"
            for key in table.foreign_keys
            if _orphans(rows, key, database[key.parent])
        ]
    return found


def _repeats(rows: pa.Table, unique: tuple[str, ...]) -> bool:
    codes = []
    for name in unique:
        encoded = rows.column(name).combine_chunks().dictionary_encode()
        codes.append(np.asarray(encoded.indices.fill_null(-1)).astype(np.int64))
    return bool(duplicates(codes).any()) if len(rows) else False


def _orphans(rows: pa.Table, key: ForeignKey, parent: pa.Table) -> bool:
    complete = np.ones(len(rows), bool)
    if key.when is not None:  # polymorphic: only about the rows of one label
        labels = rows.column(key.when.column).cast(pa.string()).to_pylist()
        complete = np.array([label == key.when.label for label in labels])
    for column in key.columns:
        complete &= np.asarray(rows.column(column).is_valid())
    return bool((row_pointers(rows, key, parent)[complete] < 0).any())


def digest(rows: pa.Table) -> str:
    """A hash of a table's rows, types included."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows.combine_chunks())
    return hashlib.sha256(sink.getvalue()).hexdigest()


def digests(database: Mapping[TableName, pa.Table]) -> dict[TableName, str]:
    """The hash of every table."""
    return {name: digest(rows) for name, rows in database.items()}
