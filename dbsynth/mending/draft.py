"""Rows in the making: values that may still change, and keys that may still lead elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from dbsynth.features import Ints
from dbsynth.plan import TablePlan
from dbsynth.polymorphs import polymorphs
from dbsynth.sample import foreign_key
from dbsynth.schema import Table

NOBODY = -1  # the place of a key that is NULL


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """
    What changes together: one column, or all columns of a foreign key.

    A key changes by taking the parent of another row, never by a value of its own.  A fixed one
    only changes places with another key of its row that refers to the same columns.
    """

    name: str  # the column's, or the key's
    columns: tuple[str, ...]
    is_key: bool = False
    is_fixed: bool = False
    refers: tuple[str, ...] = ()  # a key's: the table and columns that it leads to
    is_nullable: bool = False
    is_made: bool = False  # by a maker, so that no network has learned what it goes with
    is_unique: bool = False  # alone: another row's value would only repeat


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which of a table's rules are seen to, and what may not change for them."""

    late: frozenset[str] = frozenset()  # columns that have no values yet: no rule that names one
    only: frozenset[str] = frozenset()  # columns: only rules that name one; none: all
    fixed: frozenset[str] = frozenset()  # columns that others rely on

    def covers(self, columns: Iterable[str]) -> bool:
        """Whether a rule about these columns is seen to."""
        named = set(columns)
        return not named & self.late and (not self.only or bool(named & self.only))


@dataclass(frozen=True, slots=True)
class Proposal:
    """
    Other contents for (k,) rows.

    `values` are the new values of single columns.  `places` say whose parent a row takes over, by
    key: number of a key times n plus number of a row, as both were at first; NOBODY for NULL.
    """

    values: Mapping[str, pa.Array] = field(default_factory=dict)
    places: Mapping[str, Ints] = field(default_factory=dict)


class Draft:
    """(n,) rows, which of their columns changed, and whose keys they carry by now."""

    def __init__(self, rows: pa.Table, units: Sequence[Unit] = ()) -> None:
        """Start from rows as they were drawn."""
        self.rows = rows
        self.changed: set[str] = set()  # columns
        self._first = rows
        self._keys = [u for u in units if u.is_key]
        self._places: dict[str, Ints] = {}

    @property
    def places(self) -> dict[str, Ints]:
        """By key that changed, (n,) whose parent each row has now, as a proposal says it."""
        return self._places

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys by number."""
        return tuple(unit.name for unit in self._keys)

    def imagine(self, at: Ints, proposal: Proposal) -> pa.Table:
        """What the rows `at` would be."""
        part = self.rows.take(pa.array(at))
        for column, values in self._values(proposal).items():
            part = part.set_column(part.column_names.index(column), column, values)
        return part

    def put(self, at: Ints, proposal: Proposal, good: Ints) -> None:
        """Change those of the rows `at` that stand at the positions `good` in the proposal."""
        if len(good) == 0:
            return
        for column, values in self._values(proposal).items():
            self._replace(column, at[good], values.take(pa.array(good)))
        for key, places in proposal.places.items():
            mine = self.place_of(key).copy()
            mine[at[good]] = places[good]
            self._places[key] = mine

    def place_of(self, key: str) -> Ints:
        """(n,) whose parent each row has, along one key."""
        if key in self._places:
            return self._places[key]
        return self.keys.index(key) * len(self.rows) + np.arange(len(self.rows))

    def of_another(self, units: Collection[Unit], donors: Ints) -> Proposal:
        """What (k,) rows are if they take units over from the rows `donors`."""
        values = {
            c: self._column(c).take(pa.array(donors))
            for unit in units
            if not unit.is_key
            for c in unit.columns
        }
        places = {u.name: self.place_of(u.name)[donors] for u in units if u.is_key}
        return Proposal(values, places)

    def without(self, unit: Unit, rows: int) -> Proposal:
        """What (rows,) rows are if a unit is NULL."""
        if unit.is_key:
            return Proposal(places={unit.name: np.full(rows, NOBODY)})
        return Proposal({c: pa.nulls(rows, self._column(c).type) for c in unit.columns})

    def _values(self, proposal: Proposal) -> dict[str, pa.Array]:
        values = dict(proposal.values)
        units = {u.name: u for u in self._keys}
        for key, places in proposal.places.items():
            values |= self._taken(units[key], places)
        return values

    def _taken(self, unit: Unit, places: Ints) -> dict[str, pa.Array]:
        """The values of a key's columns at (k,) places."""
        size = len(self.rows)
        kin = [number for number, u in enumerate(self._keys) if u.refers == unit.refers]
        order = np.zeros(len(self._keys), np.int64)
        order[kin] = np.arange(len(kin))
        at = order[np.maximum(places, 0) // max(size, 1)] * size + places % max(size, 1)
        index = pa.array(at, pa.int64(), mask=places < 0)
        found = {}
        for position, column in enumerate(unit.columns):
            kind = self._first.column(column).type
            theirs = [self._first.column(self._keys[k].columns[position]) for k in kin]
            parts = [v.combine_chunks().cast(kind) for v in theirs]
            found[column] = pa.concat_arrays(parts).take(index)
        return found

    def _column(self, name: str) -> pa.Array:
        return self.rows.column(name).combine_chunks()

    def _replace(self, column: str, at: Ints, values: pa.Array) -> None:
        old = self._column(column)
        index = np.arange(len(old))
        index[at] = len(old) + np.arange(len(at))
        new = pa.concat_arrays([old, values.cast(old.type)]).take(pa.array(index))
        self.rows = self.rows.set_column(self.rows.column_names.index(column), column, new)
        self.changed.add(column)


def units_of(table: Table, planned: TablePlan) -> tuple[Unit, ...]:
    """
    List what of a table may change after its rows were drawn.

    Left out are keys to the table itself, keys that close cycles or follow from others, and keys
    that share columns with another key; keys to owners are fixed.
    """
    free = [k for k in planned.keys if k.role in ("reference", "token", "owner")]
    leading = {k.via[0] for k in planned.keys if k.via}
    units = []
    for key in free:
        declared = foreign_key(table, key.name)
        others = {c for k in table.foreign_keys if k.name != key.name for c in k.columns}
        if key.name in leading or set(key.columns) & others:
            continue
        units.append(
            Unit(
                name=key.name,
                columns=declared.columns,
                is_key=True,
                is_fixed=key.role == "owner",
                refers=(*declared.parent, *declared.parent_columns),
                is_nullable=all(table.column(c).is_nullable for c in key.columns),
            )
        )
    keyed = {c for k in table.foreign_keys for c in k.columns}
    keyed |= {p.type_column for p in polymorphs(table)}
    for column in table.written_columns:
        treatment = planned.columns.get(column.name)
        if column.name in keyed or treatment is None or treatment.kind == "foreign key":
            continue
        units.append(
            Unit(
                name=column.name,
                columns=(column.name,),
                is_nullable=column.is_nullable and column.name not in table.primary_key,
                is_made=treatment.kind not in ("category", "number", "datetime"),
                is_unique=(column.name,) in table.unique_sets,
            )
        )
    return tuple(units)
