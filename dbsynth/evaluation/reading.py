"""Read whole entities of one side, a bounded number of rows a table, by the source's names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from dbsynth.adapters.base import KeyFilter, Source
from dbsynth.arrow import arrow_field
from dbsynth.features import Floats, Ints
from dbsynth.matching import row_pointers
from dbsynth.picking import key_hashes
from dbsynth.plan import Plan
from dbsynth.progress import Event, Progress, silent
from dbsynth.sample import foreign_key, owner_key
from dbsynth.schema import ForeignKey, Table, TableName

KEY_CHUNK = 50_000  # keys per read
FEWEST = 100  # entities of which all rows are read, if that is not too much
MOST = 5  # times the budget: so much is read of one table for the sake of `FEWEST` entities


@dataclass(frozen=True)
class Lens:
    """How a table of the source is called on one side."""

    table: Table  # as this side's catalog has it
    columns: Mapping[str, str]  # the source's column names, as far as they are there -> this side's
    rows: int


@dataclass(frozen=True)
class Side:
    """Rows of one database in memory, by the source's names."""

    rows: Mapping[TableName, pa.Table]
    parents: Mapping[tuple[TableName, str], Ints]  # (table, key): row number of the parent, or -1
    entities: Mapping[TableName, Ints]  # which entity owns each row; < 0: a row of its own
    marks: Mapping[TableName, Floats]  # uniform numbers, equal for the rows of one entity
    bounds: Mapping[TableName, float]  # rows of entities with smaller marks were read
    counts: Mapping[TableName, int]  # rows that there are

    def whole(self, name: TableName) -> bool:
        """Whether every row of a table was read."""
        return len(self.rows[name]) >= self.counts[name]


def read_side(
    source: Source,
    plan: Plan,
    lenses: Mapping[TableName, Lens],
    *,
    limit: int,
    progress: Progress = silent,
) -> Side:
    """
    Read about `limit` rows of every table: all rows, or all of those that chosen entities own.

    Entities are chosen by a keyed hash of their key, the same ones for every table, fewer for
    larger tables.  Of tables with few and large entities up to `MOST` times as much is read.

    Args:
        source: one side, entered.
        plan: the source's, for the tables in `lenses`.
        lenses: how this side calls them.
    """
    reader = _Reader(source, plan, lenses, limit)
    for number, name in enumerate(lenses, 1):
        reader.read(name)
        note = f"{len(reader.rows[name]):,} rows"
        progress(Event("read", str(name), number, len(lenses), note))
    reader.point()
    counts = {n: lens.rows for n, lens in lenses.items()}
    return Side(reader.rows, reader.parents, reader.entities, reader.marks, reader.bounds, counts)


def stream(source: Source, lens: Lens, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Read some columns of all rows, in batches, by the source's names."""
    there = [lens.columns[c] for c in columns]
    for batch in source.read(lens.table, there):
        yield batch.rename_columns(list(columns))


class _Reader:
    """Reads table after table, parents first."""

    def __init__(
        self, source: Source, plan: Plan, lenses: Mapping[TableName, Lens], limit: int
    ) -> None:
        self.rows: dict[TableName, pa.Table] = {}
        self.parents: dict[tuple[TableName, str], Ints] = {}
        self.entities: dict[TableName, Ints] = {}
        self.marks: dict[TableName, Floats] = {}
        self.bounds: dict[TableName, float] = {}
        self._source, self._plan, self._lenses, self._limit = source, plan, lenses, limit

    def read(self, name: TableName) -> None:
        """Read one table whose owner was read."""
        owner = self._owner(name)
        lens = self._lenses[name]
        bound = self._bound(lens, owner.parent if owner else None)
        if bound >= 1:
            rows = self._collect(lens, self._read(lens, list(lens.columns)))
        elif owner is not None:
            keys = self.rows[owner.parent].filter(pa.array(self.marks[owner.parent] < bound))
            rows = self._among(lens, owner.columns, keys.select(list(owner.parent_columns)))
        elif self._key(name):
            rows = self._chosen(lens, self._key(name), bound)
        else:
            rows = self._thinned(lens, bound)
        self.rows[name], self.bounds[name] = rows, bound
        self._trace(name, owner)

    def point(self) -> None:
        """Find the parents of all rows, once all are there."""
        for name in self.rows:
            for key in self._plan.schema.table(name).foreign_keys:
                if key.parent in self.rows and (name, key.name) not in self.parents:
                    self.parents[name, key.name] = row_pointers(
                        self.rows[name], key, self.rows[key.parent]
                    )

    def _owner(self, name: TableName) -> ForeignKey | None:
        planned = owner_key(self._plan.tables[name])
        if planned is None or planned.parent not in self.rows:
            return None
        return foreign_key(self._plan.schema.table(name), planned.name)

    def _key(self, name: TableName) -> tuple[str, ...]:
        key = self._plan.schema.table(name).primary_key
        return key if all(c in self._lenses[name].columns for c in key) else ()

    def _bound(self, lens: Lens, parent: TableName | None) -> float:
        """Below which mark entities are read with all their rows of this table."""
        share = self._limit / max(1, lens.rows)
        if parent is None:
            return min(1.0, share)
        known = np.unique(self.marks[parent])
        entities = len(known) / self.bounds[parent]
        share = max(share, min(FEWEST / max(1.0, entities), MOST * share))
        wanted = int(np.ceil(share * entities))
        return float(known[wanted]) if wanted < len(known) else self.bounds[parent]

    def _read(
        self, lens: Lens, columns: Sequence[str], keys: KeyFilter | None = None
    ) -> Iterator[pa.RecordBatch]:
        there = [lens.columns[c] for c in columns]
        known = set(lens.columns.values())
        order = [c for c in lens.table.primary_key if c in known]
        for batch in self._source.read(lens.table, there, order_by=order, keys=keys):
            yield batch.rename_columns(list(columns))

    def _collect(self, lens: Lens, batches: Iterable[pa.RecordBatch]) -> pa.Table:
        fields = [arrow_field(lens.table.column(there)) for there in lens.columns.values()]
        schema = pa.schema(
            [f.with_name(c).with_nullable(True) for f, c in zip(fields, lens.columns, strict=True)]
        )
        return pa.Table.from_batches([pa.record_batch(b.columns, schema) for b in batches], schema)

    def _among(self, lens: Lens, by: Sequence[str], keys: pa.Table) -> pa.Table:
        """Read the rows whose columns `by` are among some keys."""
        named = [lens.columns[c] for c in by]
        whole, parts = keys.drop_null(), []
        for start in range(0, len(whole), KEY_CHUNK):
            chunk = whole.slice(start, KEY_CHUNK).rename_columns(named)
            wanted = KeyFilter(tuple(named), chunk)
            parts.append(self._collect(lens, self._read(lens, list(lens.columns), wanted)))
        return pa.concat_tables(parts) if parts else self._collect(lens, ())

    def _chosen(self, lens: Lens, key: tuple[str, ...], bound: float) -> pa.Table:
        """Read the rows whose keys have the smallest marks."""
        found = []
        for batch in stream(self._source, lens, key):
            keys = pa.Table.from_batches([batch])
            found.append(keys.filter(pa.array(self._marks(keys) < bound)))
        keys = pa.concat_tables(found) if found else pa.table({c: [] for c in key})
        return self._among(lens, key, keys.take(pa.array(np.argsort(self._marks(keys)))))

    def _thinned(self, lens: Lens, bound: float) -> pa.Table:
        """Read rows without a key: those of which what is in them has the smallest marks."""
        kept = []
        for batch in stream(self._source, lens, list(lens.columns)):
            rows = self._collect(lens, [batch])
            kept.append(rows.filter(pa.array(self._marks(_printable(rows)) < bound)))
        rows = pa.concat_tables(kept) if kept else self._collect(lens, ())
        return rows.take(pa.array(np.argsort(self._marks(_printable(rows)), kind="stable")))

    def _marks(self, keys: pa.Table) -> Floats:
        """Uniform numbers from 0 to 1, by a keyed hash of what is in the rows."""
        if not len(keys) or not keys.num_columns:
            return np.zeros(len(keys))
        return key_hashes(keys, self._plan.seed, "evaluate").astype(np.float64) / 2.0**64

    def _trace(self, name: TableName, owner: ForeignKey | None) -> None:
        """Find out which entity each row belongs to, and its mark."""
        rows = self.rows[name]
        own = np.arange(len(rows), dtype=np.int64)
        by = self._key(name)
        marks = self._marks(rows.select(list(by)) if by else pa.table({"row": pa.array(own)}))
        if owner is None:
            self.entities[name], self.marks[name] = own, marks
            return
        pointers = row_pointers(rows, owner, self.rows[owner.parent])
        self.parents[name, owner.name] = pointers
        found, above = pointers >= 0, np.maximum(pointers, 0)
        entities, upper = self.entities[owner.parent], self.marks[owner.parent]
        if len(entities) == 0:
            self.entities[name], self.marks[name] = -1 - own, marks
            return
        self.entities[name] = np.where(found, entities[above], -1 - own)
        self.marks[name] = np.where(found, upper[above], marks)


def _printable(rows: pa.Table) -> pa.Table:
    """The columns that can be written as text."""
    kept = [f.name for f in rows.schema if not pa.types.is_binary(f.type)]
    return rows.select(kept)
