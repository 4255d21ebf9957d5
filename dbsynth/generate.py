"""
Generate: rows from a model, parents first, in chunks; needs no source.

Each table takes two passes.  Pass A fixes the structure of all its rows: how many each owner has
(prefix sums give every row its number), which kinds of other parents they ask for, and, by capacity
tokens, which parent rows they get.  Pass B draws the attributes chunk by chunk, on condition of all
the rows that pass A connected, and hands them out as Arrow.  A chunk's random numbers depend on
seed, table and chunk alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.arrow import arrow_type
from dbsynth.checks import Repair
from dbsynth.conditions import (
    Known,
    Siblings,
    ancestor_dates,
    ancestors,
    chosen_parents,
    climb,
    siblings_of,
)
from dbsynth.distinct import Distinct
from dbsynth.draw import Drawing, chunks
from dbsynth.encode import (
    CategoryColumn,
    DatetimeColumn,
    Features,
    Floats,
    Ints,
    NumberColumn,
    PresenceColumn,
    from_floats,
    moments_to_text,
)
from dbsynth.keys import choose_parents, grow_tree, make_distinct, rake
from dbsynth.makers import make_columns
from dbsynth.matching import match_rows
from dbsynth.model.base import stable_seed
from dbsynth.plan import KeyPlan, TablePlan
from dbsynth.progress import Event, Progress, silent
from dbsynth.rows import Values
from dbsynth.sample import foreign_key, owner_key
from dbsynth.schema import Backfill, Batch, Column, Table, TableName
from dbsynth.tablemodel import Model, RowsModel, TableModel, edge_name

if TYPE_CHECKING:
    from dbsynth.schema import ForeignKey


def generate(
    model: Model,
    *,
    scale: float = 1.0,
    seed: int | None = None,
    rows: Mapping[TableName, int] | None = None,
    progress: Progress = silent,
) -> Iterator[Batch | Backfill]:
    """
    Draw a whole database.

    Args:
        model: from `fit`.
        scale: multiplies the rows of every table that is not a reference table.
        seed: another database of the same kind; None: the plan's.
        rows: overrides the rows of single tables.
        progress: told about rows made.

    Yields:
        Arrow batches, all of a table before the next, parents first; then the keys that close
        cycles.
    """
    state = _State(model, scale, model.plan.seed if seed is None else seed, dict(rows or {}))
    for planned in model.plan.tables.values():
        run = _TableRun(state, planned, model.tables[planned.name], progress)
        yield from run.batches()
    for planned in model.plan.tables.values():
        for key in planned.keys:
            if key.role == "backfill" and planned.name in state.sizes:
                yield from _backfill(state, planned, key)


@dataclass
class _State:
    """What later tables need to know of those that are done."""

    model: Model
    scale: float
    seed: int
    rows: dict[TableName, int]
    known: Known = field(default_factory=Known)
    sizes: dict[TableName, int] = field(default_factory=dict)
    fanouts: dict[str, Ints] = field(default_factory=dict)  # edge -> children of each parent row
    keys: dict[TableName, dict[str, pa.ChunkedArray]] = field(default_factory=dict)
    presence: dict[tuple[TableName, str], Ints] = field(default_factory=dict)  # backfill keys

    def rng(self, *parts: object) -> np.random.Generator:
        """A random stream of its own for every purpose."""
        return np.random.Generator(np.random.Philox(key=stable_seed(self.seed, *parts)))


@dataclass
class _TableRun:
    """One table's two passes."""

    state: _State
    planned: TablePlan
    model: TableModel
    progress: Progress

    def __post_init__(self) -> None:
        self.name = self.planned.name
        self.table: Table = self.state.model.plan.schema.table(self.name)
        self.pointers: dict[str, Ints] = {}
        self.codes = Features.empty(0)

    def batches(self) -> Iterator[Batch]:
        if self.planned.mode == "empty":
            self.state.known.features[self.name] = Features.empty(0)
            self._finish(0, [], [])
            return
        if self.planned.mode == "copy":
            yield from self._copied()
            return
        yield from self._attributes(self._structure())

    # ---- reference tables --------------------------------------------------------------------

    def _copied(self) -> Iterator[Batch]:
        """Hand out a reference table's own rows, with new keys to generated tables."""
        assert self.model.rows is not None
        rows = self.model.rows
        content = self.model.content
        assert content is not None
        layout = content.layout
        values = {c.name: c.values(rows.column(c.name).combine_chunks()) for c in layout.columns}
        self.state.known.features[self.name] = layout.features(values, len(rows))
        for key in self.planned.keys:
            declared = foreign_key(self.table, key.name)
            if self.state.model.plan.tables[key.parent].mode != "copy":
                rows = self._redrawn(rows, declared, key)
            else:
                self.pointers[key.name] = match_rows(
                    [rows.column(c) for c in declared.columns],
                    [self._parent_key(declared, c) for c in declared.parent_columns],
                ) if not declared.is_self else np.full(len(rows), -1, np.int64)  # fmt: skip
        self._finish(len(rows), [rows], [])
        for batch in rows.to_batches():
            yield Batch(self.name, batch)
        self.progress(Event("generate", str(self.name), len(rows), len(rows), "copied"))

    def _redrawn(self, rows: pa.Table, declared: ForeignKey, key: KeyPlan) -> pa.Table:
        """Point a reference table's rows to random generated parents, where they had one."""
        valid = np.ones(len(rows), bool)
        for column in declared.columns:
            valid &= np.asarray(rows.column(column).is_valid())
        parents = self.state.sizes.get(key.parent, 0)
        rng = self.state.rng(self.name, key.name)
        drawn = rng.integers(0, max(1, parents), len(rows))
        pointers = np.where(valid & (parents > 0) & (key.role != "backfill"), drawn, -1)
        self.pointers[key.name] = pointers
        self.state.presence[self.name, key.name] = valid.astype(np.int64)
        for column, parent_column in zip(declared.columns, declared.parent_columns, strict=True):
            if key.role == "backfill":
                taken = pa.nulls(len(rows), rows.column(column).type)
            else:
                taken = self._parent_key(declared, parent_column).take(_index(pointers))
            at = rows.column_names.index(column)
            rows = rows.set_column(at, column, taken.cast(rows.column(column).type))
        return rows

    # ---- pass A: structure -------------------------------------------------------------------

    def _structure(self) -> Siblings:
        """Decide how many rows there are, and which parents each one has."""
        owner = owner_key(self.planned)
        size = self._root_size()
        owners = None
        if owner is not None:
            fanout = self.state.fanouts[edge_name(self.name, owner.name)]
            alone = np.full(self._scaled(self.model.ownerless), -1, np.int64)
            owners = np.concatenate([np.repeat(np.arange(len(fanout)), fanout), alone])
            size = len(owners)
            self.pointers[owner.name] = owners
        self.size = size
        self._choose(owners)
        self._derive()
        kept = self._distinct_pairs()
        if not kept.all():
            index = np.flatnonzero(kept)
            self.pointers = {k: v[index] for k, v in self.pointers.items()}
            self.codes = self.codes.take(index)
            self.size = len(index)
        self.owners = self.pointers[owner.name] if owner else None
        self.state.known.pointers[self.name] = self.pointers
        return siblings_of(self.owners, self.size)

    def _scaled(self, rows: int) -> int:
        return round(rows * self.state.scale)

    def _root_size(self) -> int:
        return self.state.rows.get(self.name, self._scaled(self.planned.target_rows))

    def _choose(self, owners: Ints | None) -> None:
        """Draw the kinds of parents, then the parents themselves."""
        part = self.model.structure
        if part is None:
            self.codes = Features.empty(self.size)
            return
        above = self._above(owners)
        drawn = self._draw("structure", part, above, siblings_of(owners, self.size), owners)
        for key in self._other_keys():
            column = next(c for c in part.layout.columns if c.name == key.name)
            assert isinstance(column, CategoryColumn)
            tokens = drawn[key.name].astype(np.int64)
            if key.role == "reference":
                labels = np.array([-1, *column.codec.labels, -1], np.int64)
                self.pointers[key.name] = labels[tokens]
            else:
                self.pointers[key.name] = self._take_tokens(key, tokens - 1)
                kinds = self.state.known.codes[key.parent]
                got = self.pointers[key.name]
                drawn[key.name] = np.where(got >= 0, kinds[np.maximum(got, 0)] + 1, 0)
        self.codes = part.layout.features(drawn, self.size)

    def _other_keys(self) -> list[KeyPlan]:
        """Reference keys first: keys that share columns with them must agree."""
        keys = [k for k in self.planned.keys if k.role in ("reference", "token")]
        return sorted(keys, key=lambda k: k.role != "reference")

    def _take_tokens(self, key: KeyPlan, kinds: Ints) -> Ints:
        places, parent_places = self._places(key)
        parents = self.state.sizes[key.parent]
        capacity = self.state.fanouts.get(edge_name(self.name, key.name), np.ones(parents, np.int64))
        parent_kinds = self.state.known.codes[key.parent]
        rng = self.state.rng(self.name, key.name)
        return choose_parents(kinds, places, parent_kinds, parent_places, capacity, rng)

    def _places(self, key: KeyPlan) -> tuple[Ints, Ints]:
        """Codes of the key columns that other keys have fixed already, for rows and for parents."""
        declared = foreign_key(self.table, key.name)
        parents = self.state.sizes[key.parent]
        fixed = []
        for column, parent_column in zip(declared.columns, declared.parent_columns, strict=True):
            given = self._given(column, key.name)
            if given is not None:
                fixed.append((given, self._parent_key(declared, parent_column)))
        if not fixed:
            return np.full(self.size, -1, np.int64), np.full(parents, -1, np.int64)
        known = pa.table({str(i): p for i, (_, p) in enumerate(fixed)})
        values = known.group_by(known.column_names).aggregate([])
        places = match_rows([g for g, _ in fixed], values.columns)
        return places, match_rows(known.columns, values.columns)

    def _given(self, column: str, besides: str) -> pa.ChunkedArray | None:
        """A key column's values, if a key other than `besides` has fixed them."""
        for key in self.table.foreign_keys:
            if column in key.columns and key.name != besides and key.name in self.pointers:
                parent_column = key.parent_columns[key.columns.index(column)]
                values = self._parent_key(key, parent_column)
                return values.take(_index(self.pointers[key.name]))
        return None

    def _parent_key(self, key: ForeignKey, column: str) -> pa.ChunkedArray:
        return self.state.keys[key.parent][column]

    def _derive(self) -> None:
        """Follow the ways that lead to derived parents."""
        for key in self.planned.keys:
            if key.role != "derived":
                continue
            reached, name = self.pointers[key.via[0]], self.name
            for step in key.via[1:]:
                here = self.state.model.plan.tables[name]
                name = next(k.parent for k in here.keys if k.name == key.via[key.via.index(step) - 1])
                reached = climb(reached, self.state.known.pointers[name][step])
            self.pointers[key.name] = reached

    def _distinct_pairs(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Let no combination of parents repeat where it must be unique; returns the rows kept."""
        kept = np.ones(self.size, bool)
        for unique in self.table.unique_sets:
            keys = [k for k in self.planned.keys if set(k.columns) & set(unique) and k.name in self.pointers]
            covered = {c for k in keys for c in k.columns}
            movable = [k for k in keys if k.role in ("token", "reference")]
            if not set(unique) <= covered or not movable:
                continue
            key = max(movable, key=lambda k: self.state.sizes[k.parent])
            fixed = [self.pointers[k.name] for k in keys if k is not key]
            places, parent_places = self._places(key)
            parents = np.arange(self.state.sizes[key.parent])
            rng = self.state.rng(self.name, key.name, "distinct")
            chosen, repeated = make_distinct(
                fixed, self.pointers[key.name], parents, places, parent_places, rng
            )
            self.pointers[key.name] = chosen
            kept &= ~repeated
        return kept

    # ---- pass B: attributes ------------------------------------------------------------------

    def _attributes(self, siblings: Siblings) -> Iterator[Batch]:
        part = self.model.content
        assert part is not None
        needed = self._is_needed()
        features, values, tables = [], [], []
        distinct = Distinct.of(self.table, self.planned, self.model)
        keyed = {c for k in self.table.foreign_keys for c in k.columns} | set(self.table.primary_key)
        repair = Repair.of(self.table, self.state.model.plan.schema.dialect, keyed)
        kept_columns, kept_values = self._kept_names(part)
        made = 0
        for number, (start, stop) in enumerate(chunks(self.owners, self.size)):
            drawn = self._chunk(part, siblings, start, stop, number)
            rows = self._assemble(drawn, start, stop, made)
            rows, drawn = self._mend(rows, drawn, repair, number)
            rows, kept = distinct.repair(rows, self.state.rng(self.name, "distinct", number))
            index = np.flatnonzero(kept)
            made += len(index)
            drawn = {n: v[index] for n, v in drawn.items()}
            own = part.layout.features(drawn, len(index))
            codes = self.codes.take(start + index)
            self._keep(start, stop, kept)
            if needed:
                features.append(Features.join([codes, own], len(index)))
            values.append({n: v for n, v in drawn.items() if n in kept_values})
            tables.append(rows.select(kept_columns))
            if not self._self_keys():
                yield from (Batch(self.name, b) for b in rows.to_batches())
            self.progress(Event("generate", str(self.name), stop, self.size))
        yield from self._finished(features, values, tables, made)

    def _mend(
        self, rows: pa.Table, drawn: dict[str, Floats | Ints], repair: Repair | None, number: int
    ) -> tuple[pa.Table, dict[str, Floats | Ints]]:
        """Give rows that break a check the values of rows that do not."""
        if repair is None:
            return rows, drawn
        for column, donors in repair.donors(rows, self.state.rng(self.name, "mend", number)).items():
            at = rows.column_names.index(column)
            rows = rows.set_column(at, column, rows.column(column).take(pa.array(donors)))
            if column in drawn:
                drawn[column] = drawn[column][donors]
        return rows, drawn

    def _chunk(
        self, part: RowsModel, siblings: Siblings, start: int, stop: int, number: int
    ) -> dict[str, Floats | Ints]:
        owners = None if self.owners is None else self.owners[start:stop]
        pointers = {k: v[start:stop] for k, v in self.pointers.items()}
        chosen = chosen_parents(self.planned, pointers, self.state.known)
        rows = np.arange(start, stop)
        condition = Features.join(
            [self.codes.take(rows), chosen, self._above(owners)], stop - start
        )
        return self._drawing("content", part, condition, siblings.part(start, stop), owners, number)

    def _above(self, owners: Ints | None) -> Features:
        return ancestors(self.state.model.plan, self.planned, owners, self.state.known)

    def _draw(
        self,
        name: str,
        part: RowsModel,
        condition: Features,
        siblings: Siblings,
        owners: Ints | None,
    ) -> dict[str, Floats | Ints]:
        """Draw all rows of a layout, chunk by chunk."""
        parts = []
        for number, (start, stop) in enumerate(chunks(owners, self.size)):
            here = condition.take(np.arange(start, stop)) if len(condition) else Features.empty(stop - start)
            some = None if owners is None else owners[start:stop]
            parts.append(self._drawing(name, part, here, siblings.part(start, stop), some, number))
        names = [c.name for c in part.layout.columns]
        nothing = np.zeros(0, np.int64)
        return {n: np.concatenate([p[n] for p in parts]) if parts else nothing for n in names}

    def _drawing(
        self,
        name: str,
        part: RowsModel,
        condition: Features,
        siblings: Siblings,
        owners: Ints | None,
        number: int,
    ) -> dict[str, Floats | Ints]:
        known = self.state.known
        return Drawing(
            part=part,
            condition=condition,
            siblings=siblings,
            has_siblings=owners is not None,
            anchors=ancestor_dates(self.state.model.plan, self.planned, owners, known),
            required=self._required(),
            rng=self.state.rng(self.name, name, number),
        ).draw()

    def _required(self) -> frozenset[str]:
        """Columns, keys and counts that may not be NULL."""
        columns = {c.name for c in self.table.columns if not c.is_nullable}
        keys = {k.name for k in self.planned.keys if set(k.columns) <= columns}
        return frozenset(columns | keys)

    def _is_needed(self) -> bool:
        """Whether a later table is conditioned on this one."""
        plan = self.state.model.plan
        return any(k.parent == self.name for t in plan.tables.values() for k in t.keys)

    def _kept_names(self, part: RowsModel) -> tuple[list[str], frozenset[str]]:
        """The columns and the working values that are needed once the rows are handed out."""
        values = {k.name for k in self.planned.keys}
        values |= {c.name for c in part.layout.columns if isinstance(c, DatetimeColumn)}
        values |= {c.name for c in part.layout.columns if c.name.startswith("#")}
        columns = self._referenced()
        if self._self_keys():
            columns = {c.name for c in self.table.written_columns}
        return [c.name for c in self.table.written_columns if c.name in columns], frozenset(values)

    def _referenced(self) -> set[str]:
        """The columns that other rows refer to, and the primary key."""
        keys = self.state.model.plan.schema.foreign_keys
        referenced = {c for k in keys if k.parent == self.name for c in k.parent_columns}
        return referenced | set(self.table.primary_key)

    def _self_keys(self) -> list[KeyPlan]:
        return [k for k in self.planned.keys if k.role == "self"]

    def _keep(self, start: int, stop: int, kept: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> None:
        """Note which rows of a chunk stay."""
        if not hasattr(self, "kept"):
            self.kept = np.ones(self.size, bool)
        self.kept[start:stop] = kept

    def _finished(
        self,
        features: list[Features],
        values: list[dict[str, Floats | Ints]],
        tables: list[pa.Table],
        made: int,
    ) -> Iterator[Batch]:
        """Keep what later tables need; hang trees; hand out rows that had to wait for them."""
        if features:
            self.state.known.features[self.name] = Features.stack(features)
        elif self._is_needed():
            self.state.known.features[self.name] = Features.empty(0)
        if made < self.size:
            self.pointers = {k: v[self.kept] for k, v in self.pointers.items()}
            self.state.known.pointers[self.name] = self.pointers
        merged = {n: np.concatenate([v[n] for v in values]) for n in values[0]} if values else {}
        if self._self_keys() and tables:
            whole = self._hang(pa.concat_tables(tables), merged)
            tables = [whole]
            yield from (Batch(self.name, b) for b in whole.to_batches())
        self._finish(made, tables, [merged] if merged else [])

    def _hang(self, rows: pa.Table, values: Values) -> pa.Table:
        """Fill the keys by which rows refer to their own table."""
        for key in self._self_keys():
            declared = foreign_key(self.table, key.name)
            own = rows.select(list(declared.parent_columns))
            groups, shared = self._groups(rows, declared)
            capacity = self.state.fanouts.get(edge_name(self.name, key.name))
            if capacity is None:
                released = self.model.counts[edge_name(self.name, key.name)]
                drawn = values[edge_name(self.name, key.name)].astype(np.float64)
                rng = self.state.rng(self.name, key.name, "fanout")
                capacity = rake(drawn, released, int((values[key.name] > 0).sum()), rng)
            rng = self.state.rng(self.name, key.name)
            pointers = grow_tree(values[key.name] > 0, capacity, groups, rng)
            optional = any(self.table.column(c).is_nullable for c in key.columns)
            if not optional:
                pointers = np.where(pointers < 0, np.arange(len(rows)), pointers)
            self.pointers[key.name] = pointers
            for column, parent_column in zip(declared.columns, declared.parent_columns, strict=True):
                if column in shared:
                    continue
                at = rows.column_names.index(column)
                taken = own.column(parent_column).take(_index(pointers))
                rows = rows.set_column(at, column, taken.cast(rows.column(column).type))
        return rows

    def _groups(self, rows: pa.Table, key: ForeignKey) -> tuple[Ints, set[str]]:
        """Key columns that other keys fill keep parent and child of a tree together."""
        shared = {
            c
            for c in key.columns
            for k in self.table.foreign_keys
            if c in k.columns and not k.is_self and k.name in self.pointers
        }
        if not shared:
            return np.zeros(len(rows), np.int64), set()
        columns = rows.select(sorted(shared))
        values = columns.group_by(columns.column_names).aggregate([])
        return match_rows(columns.columns, values.columns), shared

    # ---- Arrow -------------------------------------------------------------------------------

    def _assemble(self, drawn: Values, start: int, stop: int, first: int) -> pa.Table:
        """Turn one chunk's working values into the table's columns."""
        assert self.model.content is not None
        fitted = {c.name: c for c in self.model.content.layout.columns}
        columns: dict[str, pa.Array] = {}
        for column in self.table.written_columns:
            found = fitted.get(column.name)
            kind = arrow_type(column.type)
            if isinstance(found, CategoryColumn):
                columns[column.name] = found.codec.decode(drawn[column.name].astype(np.int64), kind)
            elif isinstance(found, NumberColumn | DatetimeColumn):
                columns[column.name] = _to_arrow(found, drawn[column.name], column)
        made = make_columns(
            self.model.makers, self.table, self.planned, columns, self.state.seed, first, stop - start
        )
        for name, values in made.items():
            present = fitted.get(name)
            if isinstance(present, PresenceColumn):
                missing = pa.array(drawn[name] == 0)
                values = pc.if_else(missing, pa.scalar(None, values.type), values)
            columns[name] = values
        for column in self.table.written_columns:
            if column.name not in columns:
                columns[column.name] = self._key_column(column, start, stop)
        return pa.table({c.name: columns[c.name] for c in self.table.written_columns})

    def _key_column(self, column: Column, start: int, stop: int) -> pa.Array:
        """A foreign key column: the parent's value, from the first key that has a parent."""
        kind = arrow_type(column.type)
        values = pa.nulls(stop - start, kind)
        for key in self.planned.keys:
            if column.name not in key.columns or key.name not in self.pointers:
                continue
            declared = foreign_key(self.table, key.name)
            parent_column = declared.parent_columns[declared.columns.index(column.name)]
            given = self._parent_key(declared, parent_column)
            taken = given.take(_index(self.pointers[key.name][start:stop])).combine_chunks()
            values = pc.coalesce(values, taken.cast(kind, safe=False))
        if not column.is_nullable and values.null_count:
            values = values.fill_null(_placeholder(kind))  # until the backfill
        return values

    def _finish(self, size: int, tables: list[pa.Table], values: list[Values]) -> None:
        """Keep the columns that children refer to, the fan-outs and the dates."""
        state, plan = self.state, self.state.model.plan
        state.sizes[self.name] = size
        state.known.pointers.setdefault(self.name, self.pointers)
        wanted = self._referenced()
        empty = pa.schema([(c.name, arrow_type(c.type)) for c in self.table.written_columns])
        whole = pa.concat_tables(tables) if tables else empty.empty_table()
        state.keys[self.name] = {c: whole.column(c) for c in sorted(wanted) if c in whole.column_names}
        merged = values[0] if values else {}
        self._keep_fanouts(size, merged)
        assert self.model.content is not None or self.planned.mode == "empty"
        columns = self.model.content.layout.columns if self.model.content else ()
        state.known.dates[self.name] = {
            c.name: merged[c.name].astype(np.float64)
            for c in columns
            if isinstance(c, DatetimeColumn) and c.name in merged
        }
        for key in self.planned.keys:
            if key.role == "backfill" and key.name in merged:
                state.presence[self.name, key.name] = merged[key.name].astype(np.int64)
        features = state.known.features.get(self.name)
        clusters = self.model.clusters
        if clusters is not None and features is not None:
            state.known.codes[self.name] = clusters.assign(features)
        else:
            state.known.codes[self.name] = np.zeros(size, np.int64)

    def _keep_fanouts(self, size: int, values: Values) -> None:
        """Turn drawn counts into fan-outs with the released distribution and the right total."""
        plan = self.state.model.plan
        for child in plan.tables.values():
            for key in child.keys:
                name = edge_name(child.name, key.name)
                if key.parent != self.name or name not in self.model.counts:
                    continue
                released = self.model.counts[name]
                total = self._total(child, key, released, size)
                rng = self.state.rng(self.name, name)
                drawn = values.get(name)
                raw = rng.random(size) if drawn is None else drawn.astype(np.float64)
                self.state.fanouts[name] = rake(raw, released, total, rng)

    def _total(self, child: TablePlan, key: KeyPlan, released: Ints, size: int) -> int:
        """How many rows a child table should have along a key."""
        if size == 0 or len(released) == 0:
            return 0
        if key.role != "owner":
            return round(float(released.mean()) * size)
        if child.name in self.state.rows:
            return self.state.rows[child.name]
        owned = child.source_rows - self.state.model.tables[child.name].ownerless
        wish = child.target_rows / max(1, child.source_rows)
        if self.planned.mode == "copy":
            wish *= self.state.scale  # the parents are not scaled, so their children are
        return round(owned * size / max(1, self.planned.source_rows) * wish)


def _to_arrow(column: NumberColumn | DatetimeColumn, values: Ints | Floats, sql: Column) -> pa.Array:
    kind = arrow_type(sql.type)
    if isinstance(column, DatetimeColumn) and pa.types.is_string(kind):
        return moments_to_text(values.astype(np.float64), column.time is None)
    decimals = 10
    if isinstance(column, NumberColumn) and column.codec.step:
        decimals = max(0, -int(np.floor(np.log10(column.codec.step) + 1e-9)))
    return from_floats(values.astype(np.float64), kind, decimals)


def _index(pointers: Ints) -> pa.Array:
    """Row numbers for Arrow's take; -1 becomes null."""
    return pa.array(pointers, pa.int64(), mask=pointers < 0)


def _placeholder(kind: pa.DataType) -> pa.Scalar:
    """Any value of a type, for a NOT NULL key that is set later."""
    zero = pa.scalar(0, pa.int64())
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        return pa.scalar("" if pa.types.is_string(kind) else b"", kind)
    return zero.cast(kind)


def _backfill(state: _State, planned: TablePlan, key: KeyPlan) -> Iterator[Backfill]:
    """Close a cycle: choose the rows that a key leads to, now that both tables are there."""
    table = state.model.plan.schema.table(planned.name)
    declared = foreign_key(table, key.name)
    size, parents = state.sizes[planned.name], state.sizes.get(key.parent, 0)
    present = state.presence.get((planned.name, key.name), np.ones(size, np.int64)) > 0
    if not all(table.column(c).is_nullable for c in key.columns):
        present[:] = True
    rng = state.rng(planned.name, key.name, "backfill")
    pointers = np.where(present & (parents > 0), rng.integers(0, max(1, parents), size), -1)
    if state.model.tables[planned.name].agreements.get(key.name, 0.0) > 0.5:
        pointers = np.where(present, _pointing_back(state, planned, key, rng), -1)
        if not all(table.column(c).is_nullable for c in key.columns):
            pointers = np.where(pointers < 0, rng.integers(0, max(1, parents), size), pointers)
    rows = np.flatnonzero(pointers >= 0)
    if len(rows) == 0:
        return
    own = {c: state.keys[planned.name][c].take(pa.array(rows)) for c in table.primary_key}
    for column, parent_column in zip(declared.columns, declared.parent_columns, strict=True):
        taken = state.keys[key.parent][parent_column].take(pa.array(pointers[rows]))
        own[column] = taken.cast(arrow_type(table.column(column).type))
    for batch in pa.table(own).combine_chunks().to_batches():
        yield Backfill(planned.name, declared.columns, batch)


def _pointing_back(
    state: _State, planned: TablePlan, key: KeyPlan, rng: np.random.Generator
) -> Ints:
    """For each row, one of the parent table's rows that point to it; -1 if none does."""
    back = next(
        state.known.pointers[key.parent][k.name]
        for k in state.model.plan.tables[key.parent].keys
        if k.parent == planned.name and k.name in state.known.pointers[key.parent]
    )
    order = rng.permutation(len(back))
    order = order[back[order] >= 0]
    found = np.full(state.sizes[planned.name], -1, np.int64)
    found[back[order]] = order
    return found


