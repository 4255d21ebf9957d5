"""Pass A of a table: how many rows it has, and which parent rows each of them belongs to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dbsynth.conditions import Siblings, ancestor_dates, ancestors, climb, siblings_of
from dbsynth.draw import Drawing, chunks
from dbsynth.encode import CategoryColumn
from dbsynth.features import Features, Floats, Ints
from dbsynth.keys import (
    ANYWHERE,
    choose_parents,
    draw_in_place,
    make_distinct,
    to_total,
)
from dbsynth.matching import places_of
from dbsynth.plan import KeyPlan, TablePlan
from dbsynth.sample import foreign_key, owner_key
from dbsynth.schema import Table, TableName
from dbsynth.state import State, row_index
from dbsynth.tablemodel import RowsModel, TableModel, edge_name


@dataclass(frozen=True)
class Skeleton:
    """A table's rows before they have attributes."""

    size: int
    owners: Ints | None  # (n,) owner rows, siblings together, -1 for none; None without an owner
    siblings: Siblings
    pointers: dict[str, Ints]  # key -> (n,) parent rows, -1 for none
    codes: Features  # (n, ...) what networks see of the chosen keys


def draw_part(
    state: State,
    planned: TablePlan,
    table: Table,
    name: str,
    part: RowsModel,
    condition: Features,
    siblings: Siblings,
    owners: Ints | None,
    number: int,
) -> dict[str, Floats | Ints]:
    """Draw one chunk of a layout: (n,) working values by column name."""
    columns = {c.name for c in table.columns if not c.is_nullable}
    keys = {k.name for k in planned.keys if set(k.columns) <= columns}
    return Drawing(
        part=part,
        condition=condition,
        siblings=siblings,
        has_siblings=owners is not None,
        anchors=ancestor_dates(state.plan, planned, owners, state.known),
        required=frozenset(columns | keys),
        rng=state.rng(table.name, name, number),
    ).draw()


def build_skeleton(state: State, planned: TablePlan, table: Table, model: TableModel) -> Skeleton:
    """Decide how many rows a table has, and which parents each one has."""
    return _Structure(state, planned, table, model).skeleton()


@dataclass
class _Structure:
    state: State
    planned: TablePlan
    table: Table
    model: TableModel

    def skeleton(self) -> Skeleton:
        self.pointers: dict[str, Ints] = {}
        owner = owner_key(self.planned)
        owners = self._owned() if owner else None
        self.size = self._root_size() if owners is None else len(owners)
        if owner is not None and owners is not None:
            self.pointers[owner.name] = owners
        codes = self._choose(owners)
        self._derive()
        kept = self._distinct_pairs()
        self._derive()  # again, for keys were moved
        if not kept.all():
            index = np.flatnonzero(kept)
            self.pointers = {k: v[index] for k, v in self.pointers.items()}
            codes, self.size = codes.take(index), len(index)
        owners = self.pointers[owner.name] if owner else None
        return Skeleton(self.size, owners, siblings_of(owners, self.size), self.pointers, codes)

    def _root_size(self) -> int:
        wanted = self.state.scaled(self.planned.target_rows)
        return self.state.rows.get(self.planned.name, wanted)

    def _owned(self) -> Ints:
        """The owner row of every row: as many as each owner's fan-out, then those without one."""
        owner = owner_key(self.planned)
        assert owner is not None
        fanout = self._feasible(owner, self.state.fanouts[edge_name(self.planned.name, owner.name)])
        alone = np.full(self.state.ownerless(self.planned), -1, np.int64)
        return np.concatenate([np.repeat(np.arange(len(fanout)), fanout), alone])

    def _feasible(self, owner: KeyPlan, fanout: Ints) -> Ints:
        """Take the rows of owners that lack a parent their rows require; others get them."""
        good, self.size = np.ones(len(fanout), bool), len(fanout)
        self.pointers[owner.name] = np.arange(len(fanout))
        for key in self._other_keys():
            if not any(self.table.column(c).is_nullable for c in key.columns):
                places, parent_places = self._places(key)
                good &= (places == ANYWHERE) | np.isin(places, parent_places)
        if good.all() or not fanout[good].any():
            return fanout
        rng = self.state.rng(self.planned.name, owner.name, "feasible")
        moved = np.zeros(len(fanout), np.int64)
        moved[good] = to_total(fanout[good], int(fanout.sum()), rng)
        return moved

    def _choose(self, owners: Ints | None) -> Features:
        """Draw the kinds of parents, then the parents themselves."""
        part = self.model.structure
        if part is None:
            return Features.empty(self.size)
        drawn = self._draw(part, owners)
        for key in self._other_keys():
            column = next(c for c in part.layout.columns if c.name == key.name)
            assert isinstance(column, CategoryColumn)
            tokens = drawn[key.name].astype(np.int64)
            if key.role == "reference":
                rows = self._reference_rows(key, column, tokens)
                self.pointers[key.name] = self._agreeing(key, rows)
            else:
                got = self._take_tokens(key, tokens - 1)
                kinds = self.state.known.codes[key.parent]
                self.pointers[key.name] = got
                found = got >= 0
                drawn[key.name] = np.zeros(self.size, np.int64)
                drawn[key.name][found] = kinds[got[found]] + 1
        return part.layout.features(drawn, self.size)

    def _draw(self, part: RowsModel, owners: Ints | None) -> dict[str, Floats | Ints]:
        above = ancestors(self.state.plan, self.planned, owners, self.state.known)
        siblings = siblings_of(owners, self.size)
        parts = []
        for number, (start, stop) in enumerate(chunks(owners, self.size)):
            rows = np.arange(start, stop)
            here = above.take(rows) if owners is not None else Features.empty(len(rows))
            some = None if owners is None else owners[start:stop]
            parts.append(
                draw_part(
                    self.state, self.planned, self.table, "structure", part, here,
                    siblings.part(start, stop), some, number,
                )
            )  # fmt: skip
        names = [c.name for c in part.layout.columns]
        nothing = np.zeros(0, np.int64)
        return {n: np.concatenate([p[n] for p in parts]) if parts else nothing for n in names}

    def _reference_rows(self, key: KeyPlan, column: CategoryColumn, tokens: Ints) -> Ints:
        """The reference rows that (n,) tokens stand for; the rare one for any that has none."""
        labels = np.array([-1, *column.codec.labels, -1], np.int64)
        every = np.arange(self.state.sizes[key.parent])
        others = np.setdiff1d(every, labels)
        others = others if len(others) else every
        rare = np.flatnonzero(tokens == column.codec.rare)
        rows = labels[tokens]
        if len(others):
            rng = self.state.rng(self.planned.name, key.name, "rare")
            rows[rare] = rng.choice(others, len(rare))
        return rows

    def _other_keys(self) -> list[KeyPlan]:
        """Reference keys first: keys that share columns with them must agree."""
        keys = [k for k in self.planned.keys if k.role in ("reference", "token")]
        return sorted(keys, key=lambda k: k.role != "reference")

    def _take_tokens(self, key: KeyPlan, kinds: Ints) -> Ints:
        """Give every row that asks for a kind of parent one, by the parents' capacities."""
        places, parent_places = self._places(key)
        edge, parents = edge_name(self.planned.name, key.name), self.state.sizes[key.parent]
        capacity = self.state.fanouts.get(edge, np.ones(parents, np.int64))
        parent_kinds = self.state.known.codes[key.parent]
        rng = self.state.rng(self.planned.name, key.name)
        return choose_parents(kinds, places, parent_kinds, parent_places, capacity, rng)

    def _places(self, key: KeyPlan) -> tuple[Ints, Ints]:
        """Codes of the key columns that other keys have fixed, for rows and for parents."""
        declared = foreign_key(self.table, key.name)
        parents = self.state.sizes[key.parent]
        fixed = []
        for column, parent_column in zip(declared.columns, declared.parent_columns, strict=True):
            given = self._given(column, key.name)
            if given is not None:
                fixed.append((given, self.state.parent_key(declared, parent_column)))
        if not fixed:
            return np.full(self.size, ANYWHERE), np.full(parents, ANYWHERE)
        return places_of([g for g, _ in fixed], [p for _, p in fixed])

    def _agreeing(self, key: KeyPlan, pointers: Ints) -> Ints:
        """Draw other reference rows where the chosen ones contradict keys that share columns."""
        places, parent_places = self._places(key)
        wrong = (pointers >= 0) & (places != ANYWHERE) & (parent_places[pointers] != places)
        rng = self.state.rng(self.planned.name, key.name, "agreeing")
        drawn = draw_in_place(places, parent_places, rng)
        return np.where(wrong, drawn, pointers)

    def _given(self, column: str, besides: str) -> pa.ChunkedArray | None:
        """A key column's values, if a key other than `besides` has fixed them."""
        for key in self.table.foreign_keys:
            if column in key.columns and key.name != besides and key.name in self.pointers:
                parent_column = key.parent_columns[key.columns.index(column)]
                values = self.state.parent_key(key, parent_column)
                return values.take(row_index(self.pointers[key.name]))
        return None

    def _derive(self) -> None:
        """Follow the ways that lead to derived parents."""
        for key in self.planned.keys:
            if key.role != "derived":
                continue
            first, *steps = key.via
            reached, name = self.pointers[first], self._parent(self.planned.name, first)
            for step in steps:
                reached = climb(reached, self.state.known.pointers[name][step])
                name = self._parent(name, step)
            self.pointers[key.name] = reached

    def _parent(self, name: TableName, key: str) -> TableName:
        return next(k.parent for k in self.state.plan.tables[name].keys if k.name == key)

    def _distinct_pairs(self) -> NDArray[np.bool_]:
        """Let no combination of parents repeat where it must be unique; returns the rows kept."""
        kept = np.ones(self.size, bool)
        for unique in self.table.unique_sets:
            keys = [k for k in self.planned.keys if set(k.columns) & set(unique)]
            keys = [k for k in keys if k.name in self.pointers]
            movable = [k for k in keys if k.role in ("token", "reference")]
            if not set(unique) <= {c for k in keys for c in k.columns} or not movable:
                continue
            key = max(movable, key=lambda k: self.state.sizes[k.parent])
            fixed = [self.pointers[k.name] for k in keys if k is not key]
            places, parent_places = self._places(key)
            parents = np.arange(self.state.sizes[key.parent])
            rng = self.state.rng(self.planned.name, key.name, "distinct")
            chosen, repeated = make_distinct(
                fixed, self.pointers[key.name], parents, places, parent_places, rng
            )
            if any(self.table.column(c).is_nullable for c in key.columns):
                chosen = np.where(repeated, -1, chosen)
            else:
                kept &= ~repeated
            self.pointers[key.name] = chosen
        return kept
