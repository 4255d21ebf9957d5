"""Rows in the making: values that may still change, and keys that may still lead elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from dbsynth.features import Ints
from dbsynth.plan import TablePlan
from dbsynth.polymorphs import polymorphs
from dbsynth.schema import Table

NOBODY = -1  # the place of a key that is NULL


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """
    What changes together: one column, or all columns of a foreign key.

    A key changes by taking the parent of another row, never by a value of its own.
    """

    name: str  # the column's, or the key's
    columns: tuple[str, ...]
    is_key: bool = False
    is_nullable: bool = False
    is_made: bool = False  # by a maker, so that no network has learned what it goes with
    is_unique: bool = False  # alone: another row's value would only repeat


@dataclass(frozen=True, slots=True)
class Proposal:
    """
    Other contents for (k,) rows.

    `values` are the new values of single columns.  `places` are rows of the draft whose key the
    rows take over, by key; NOBODY for NULL.
    """

    values: Mapping[str, pa.Array] = field(default_factory=dict)
    places: Mapping[str, Ints] = field(default_factory=dict)


@dataclass
class Draft:
    """(n,) rows, which of their columns changed, and whose keys they carry by now."""

    rows: pa.Table
    units: Sequence[Unit] = ()
    places: dict[str, Ints] = field(default_factory=dict)  # key -> (n,) rows, NOBODY for NULL
    changed: set[str] = field(default_factory=set)  # columns

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
            mine = self.places.setdefault(key, np.arange(len(self.rows)))
            known = np.where(places[good] >= 0, mine[places[good]], NOBODY)
            mine[at[good]] = known

    def keep(self, rows: Ints) -> None:
        """Leave out all other rows; places still count the rows as they were at first."""
        self.rows = self.rows.take(pa.array(rows))
        self.places = {key: places[rows] for key, places in self.places.items()}

    def of_another(self, units: Collection[Unit], donors: Ints) -> Proposal:
        """What (k,) rows are if they take units over from the rows `donors`."""
        values = {
            c: self._column(c).take(pa.array(donors))
            for unit in units
            if not unit.is_key
            for c in unit.columns
        }
        return Proposal(values, {unit.name: donors for unit in units if unit.is_key})

    def without(self, unit: Unit, rows: int) -> Proposal:
        """What (rows,) rows are if a unit is NULL."""
        if unit.is_key:
            return Proposal(places={unit.name: np.full(rows, NOBODY)})
        return Proposal({c: pa.nulls(rows, self._column(c).type) for c in unit.columns})

    def _values(self, proposal: Proposal) -> dict[str, pa.Array]:
        values = dict(proposal.values)
        columns = {u.name: u.columns for u in self.units}
        for key, places in proposal.places.items():
            index = pa.array(places, pa.int64(), mask=places < 0)
            values |= {c: self._column(c).take(index) for c in columns[key]}
        return values

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

    Fixed are keys to owners and to the table itself, keys that close cycles or follow from others,
    and keys that share columns with another key.
    """
    free = [k for k in planned.keys if k.role in ("reference", "token")]
    leading = {k.via[0] for k in planned.keys if k.via}
    units = []
    for key in free:
        others = {c for k in table.foreign_keys if k.name != key.name for c in k.columns}
        if key.name in leading or set(key.columns) & others:
            continue
        nullable = all(table.column(c).is_nullable for c in key.columns)
        units.append(Unit(name=key.name, columns=key.columns, is_key=True, is_nullable=nullable))
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
