"""Take values over from the rows above, where columns repeat them: in fit and in generate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dbsynth.arrow import arrow_type
from dbsynth.encode import ModelledColumn
from dbsynth.features import Floats, Ints, climb
from dbsynth.plan import Plan
from dbsynth.rows import IGNORED, Layout
from dbsynth.schema import Column, TableName

Flags = NDArray[np.bool_]
Pointers = Callable[[TableName, str], Ints]  # table, key -> parent rows


@dataclass(frozen=True, slots=True)
class Taken:
    """What stands above (n,) rows in the column that one of theirs repeats."""

    values: pa.Array  # (n,) of the column's own type
    here: Flags  # (n,) whether the value may stand in the row

    def is_same(self, own: pa.Array) -> Flags:
        """Mark the (n,) rows whose own value is the one above."""
        equal = np.asarray(pc.fill_null(pc.equal(own, self.values), False))
        nothing = np.asarray(own.is_null()) & np.asarray(self.values.is_null())
        same: Flags = self.here & (equal | nothing)
        return same

    def over(self, own: pa.Array, wanted: Flags) -> pa.Array:
        """Put the values above in the place of own ones, in some rows."""
        return pc.if_else(pa.array(wanted), self.values, own)

    def working(self, column: ModelledColumn) -> Given:
        """The same, as the column's working values."""
        return Given(column.values(self.values), self.here)


@dataclass(frozen=True, slots=True)
class Given:
    """Working values that a column has in the (n,) rows where it is a copy."""

    values: Floats | Ints
    here: Flags  # (n,) whether it can be one

    def take(self, rows: Ints) -> Given:
        """Some of the rows."""
        return Given(self.values[rows], self.here[rows])


def gate_name(column: str) -> str:
    """What tells whether a column's value is a copy; without it, all are that can be."""
    return f"={column}"


def reached(
    plan: Plan, name: TableName, via: tuple[str, ...], first: Ints, pointers: Pointers
) -> Ints:
    """
    Follow keys, one after the other.

    Args:
        plan: for the tables that the keys lead to.
        name: the table where they begin.
        via: the keys' names.
        first: (n,) parent rows along the first key, -1 for none.
        pointers: the parent rows of whole tables along the others.

    Returns:
        (n,) rows of the table where they end, -1 for none.
    """
    found = first
    for place, step in enumerate(via):
        found = climb(found, pointers(name, step)) if place else first
        name = next(k.parent for k in plan.tables[name].keys if k.name == step)
    return found


def take_over(column: Column, above: pa.ChunkedArray, rows: Ints) -> Taken:
    """Look up the values above (n,) rows, and which of them the column may hold."""
    kind = arrow_type(column.type)
    if len(above) == 0:
        return Taken(pa.nulls(len(rows), kind), np.zeros(len(rows), bool))
    index = pa.array(rows, pa.int64(), mask=rows < 0)
    values = above.take(index).combine_chunks().cast(kind)
    here = rows >= 0
    if not column.is_nullable:
        here &= np.asarray(values.is_valid())
    if column.type.length is not None and pa.types.is_string(kind):
        fits = pc.less_equal(pc.utf8_length(values), column.type.length)
        here &= np.asarray(pc.fill_null(fits, True))
    return Taken(values, here)


def unsaid(layout: Layout, targets: Sequence[Ints], masks: Mapping[str, Flags]) -> list[Ints]:
    """Let the heads of columns learn nothing from (n,) rows that are marked."""
    names = [layout.columns[s.column].name for s in layout.slots for _ in s.heads]
    return [
        np.where(masks[n], IGNORED, t) if n in masks else t
        for n, t in zip(names, targets, strict=True)
    ]
