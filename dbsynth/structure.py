"""Pass A of a table: how many rows it has, and which parent rows each of them belongs to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from dbsynth.conditions import Siblings, ancestor_dates, ancestors, climb, siblings_of
from dbsynth.draw import Drawing, chunks
from dbsynth.encode import CategoryColumn
from dbsynth.features import Features, Floats, Ints
from dbsynth.grid import NONE, Grid
from dbsynth.keys import ANYWHERE, choose_parents, draw_in_place, to_total
from dbsynth.plan import KeyPlan, TablePlan
from dbsynth.sample import foreign_key, owner_key
from dbsynth.schema import Table, TableName
from dbsynth.settle import settle
from dbsynth.state import State
from dbsynth.tablemodel import RowsModel, TableModel, edge_name


@dataclass(frozen=True)
class Skeleton:
    """A table's rows before they have attributes."""

    size: int
    owners: Ints | None  # (n,) owner rows, siblings together, -1 for none; None without an owner
    siblings: Siblings
    pointers: dict[str, Ints]  # key -> (n,) parent rows, -1 for none
    codes: Features  # (n, ...) what networks see of the chosen keys
    grid: Grid  # the key columns that are known by now
    taken: Ints  # (n, columns of the grid) what is in them

    def key_column(self, name: str, start: int, stop: int) -> pa.ChunkedArray | None:
        """The values of a key column of rows start..stop; None if they are not known yet."""
        if name not in self.grid.columns:
            return None
        return self.grid.column(name, self.taken[start:stop, self.grid.columns.index(name)])


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
        self.grid = self._grid()
        self.pointers: dict[str, Ints] = {}
        owner = owner_key(self.planned)
        owners = self._owned(owner) if owner else None
        self.size = self.state.wanted(self.planned) if owners is None else len(owners)
        if owner is not None and owners is not None:
            self.pointers[owner.name] = owners
        features = self._choose(owners)
        self._derive()
        others = [n for n in self.grid.offers if owner is None or n != owner.name]
        last = [owner.name] if owner else []
        rng = self.state.rng(self.planned.name, "settle")
        settled = settle(self.grid, self.pointers, self.size, others, last, rng)
        index = np.flatnonzero(settled.kept)
        if owner is not None:
            index = index[_by_owner(settled.pointers[owner.name][index])]
        pointers = {k: v[index] for k, v in settled.pointers.items()}
        owners = pointers[owner.name] if owner else None
        return Skeleton(
            size=len(index),
            owners=owners,
            siblings=siblings_of(owners, len(index)),
            pointers=pointers,
            codes=features.take(index),
            grid=self.grid,
            taken=settled.codes[index],
        )

    def _grid(self) -> Grid:
        """The keys that are known before the rows are: the owner's first, then longer ones."""
        roles = ("owner", "reference", "token", "derived")
        planned = sorted(
            (k for k in self.planned.keys if k.role in roles), key=lambda k: roles.index(k.role)
        )
        keys = [foreign_key(self.table, k.name) for k in planned]
        parents = {k.name: [self.state.parent_key(k, c) for c in k.parent_columns] for k in keys}
        return Grid.of(self.table, keys, parents)

    def _owned(self, owner: KeyPlan) -> Ints:
        """The owner row of every row: as many as each owner's fan-out, then those without one."""
        fanout = self.state.fanouts[edge_name(self.planned.name, owner.name)]
        offer = self.grid.offers[owner.name]
        total, good = int(fanout.sum()), offer.is_viable
        alone = self.state.ownerless(self.planned) if offer.is_optional else 0
        if not good.all():
            # The rows of owners that lack a parent which rows require go to others.
            rng = self.state.rng(self.planned.name, owner.name, "feasible")
            moved = np.zeros(len(fanout), np.int64)
            if good.any():
                moved[good] = to_total(fanout[good], total, rng)
            alone += 0 if good.any() or not offer.is_optional else total
            fanout = moved
        return np.concatenate(
            [np.repeat(np.arange(len(fanout)), fanout), np.full(alone, NONE, np.int64)]
        )

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
        good = np.flatnonzero(self.grid.offers[key.name].is_viable)
        parent_kinds = self.state.known.codes[key.parent]
        rng = self.state.rng(self.planned.name, key.name)
        chosen = choose_parents(
            kinds, places, parent_kinds[good], parent_places[good], capacity[good], rng
        )
        return np.where(chosen < 0, NONE, good[np.maximum(chosen, 0)]) if len(good) else chosen

    def _places(self, key: KeyPlan) -> tuple[Ints, Ints]:
        """Codes of the key columns that other keys have fixed, for rows and for parents."""
        codes = self.grid.taken(self.pointers, self.size, without=key.name)
        return self.grid.meeting(key.name, codes, self.grid.shared(key.name, list(self.pointers)))

    def _agreeing(self, key: KeyPlan, pointers: Ints) -> Ints:
        """Draw other reference rows where the chosen ones contradict keys that share columns."""
        places, parent_places = self._places(key)
        if len(parent_places) == 0:
            return np.full(len(pointers), NONE)
        wrong = (pointers >= 0) & (places != ANYWHERE) & (parent_places[pointers] != places)
        rng = self.state.rng(self.planned.name, key.name, "agreeing")
        drawn = draw_in_place(places, parent_places, rng)
        return np.where(wrong, drawn, pointers)

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


def _by_owner(owners: Ints) -> Ints:
    """An order in which rows of one owner lie together, and those without one come last."""
    return np.argsort(np.where(owners < 0, np.iinfo(np.int64).max, owners), kind="stable")
