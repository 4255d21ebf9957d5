"""
Pass A of polymorphic references: one key to the rows of all the tables that its labels name.

The grid of a table's keys knows plain keys only.  To it a polymorphic reference is one key of two
columns, label and id, whose parents are the rows of all these tables, one table after another; so
that whatever keeps keys apart, together and unique works for it as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dbsynth.arrow import arrow_type
from dbsynth.features import Ints
from dbsynth.grid import NONE
from dbsynth.polymorphs import NOTHING, Polymorph
from dbsynth.schema import ForeignKey, Table


@dataclass(frozen=True)
class Joint:
    """
    A polymorphic reference as one key.

    Rows of tables that are not there yet (its own; those that close a cycle) are stood in for, each
    by a value that no row has, until they can be chosen.
    """

    polymorph: Polymorph
    key: ForeignKey
    starts: Ints  # (labels + 1,) where each label's parents begin
    parents: tuple[pa.ChunkedArray, pa.ChunkedArray]  # label and id of each parent
    late: frozenset[int]  # labels whose parents are stood in for

    @classmethod
    def of(
        cls,
        table: Table,
        polymorph: Polymorph,
        ids: Sequence[pa.ChunkedArray | None],
        most: int,
    ) -> Joint:
        """
        Put the parents together.

        Args:
            table: the child.
            polymorph: its reference.
            ids: per label, the keys of its parents; None where they are not there yet.
            most: how many rows the child has at most.
        """
        label_kind, kind = (
            arrow_type(table.column(c).type) for c in (polymorph.type_column, *polymorph.columns)
        )
        there = [_stand_ins(kind, most) if i is None else i.cast(kind) for i in ids]
        starts = np.cumsum([0, *(len(t) for t in there)]).astype(np.int64)
        labels = pa.array(polymorph.labels).cast(label_kind)
        places = np.repeat(np.arange(len(there)), np.diff(starts))
        columns = (polymorph.type_column, *polymorph.columns)
        key = ForeignKey(
            name=polymorph.name, child=table.name, columns=columns, parent=table.name,
            parent_columns=columns, is_declared=False,
        )  # fmt: skip
        joined = pa.chunked_array([c for t in there for c in _chunks(t)], kind)
        parents = (pa.chunked_array([labels.take(pa.array(places))]), joined)
        late = frozenset(i for i, given in enumerate(ids) if given is None)
        return cls(polymorph, key, starts, parents, late)

    @property
    def name(self) -> str:
        """The key's name in the grid."""
        return self.polymorph.name

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the keys, one a label."""
        return tuple(k.name for k in self.polymorph.keys)

    @property
    def sizes(self) -> Ints:
        """(labels,) how many parents each label has."""
        return np.diff(self.starts)

    def place(self, key: str) -> int:
        """Which label a key is about."""
        return self.names.index(key)

    def viable(self, key: str, marks: NDArray[np.bool_]) -> Ints:
        """Of (m,) marks of all parents, the marked rows of one key's table."""
        place = self.place(key)
        return np.flatnonzero(marks[self.starts[place] : self.starts[place + 1]])

    def pointers(self, states: Ints, chosen: Mapping[str, Ints]) -> Ints:
        """
        Point to the parents of all tables.

        Args:
            states: (n,) see `Polymorph`.
            chosen: per key whose parents are there, (n,) rows of its table, NONE for none.

        Returns:
            (n,) numbers among all parents.
        """
        found = np.full(len(states), NONE, np.int64)
        for place, key in enumerate(self.polymorph.keys):
            here = states == 2 * place + 1
            rows = np.arange(len(states)) if place in self.late else chosen[key.name]
            found = np.where(here & (rows >= 0), self.starts[place] + rows, found)
        return found

    def rows_of(self, pointers: Ints, key: str) -> Ints:
        """From (n,) pointers to parents of all tables those to one key's table; NONE for others."""
        place = self.place(key)
        start, stop = self.starts[place], self.starts[place + 1]
        is_here = (pointers >= start) & (pointers < stop) & (pointers >= 0)
        return np.where(is_here, pointers - start, NONE)

    def settled(self, pointers: Ints, states: Ints) -> Ints:
        """What rows say once their (n,) pointers are settled; a label without an id stays."""
        label = np.searchsorted(self.starts, pointers, "right") - 1
        alone = np.where((states >= 0) & (states % 2 == 0), states, NOTHING)
        return np.where(pointers >= 0, 2 * label + 1, alone)

    def labels(self, states: Ints, otherwise: pa.ChunkedArray) -> pa.ChunkedArray:
        """The labels of (n,) states; where there is none, what the grid has."""
        labels = pa.array(self.polymorph.labels).cast(otherwise.type)
        told = labels.take(pa.array(states // 2, mask=states < 0))
        return pc.coalesce(pa.chunked_array([told]), otherwise)


def _chunks(values: pa.ChunkedArray | pa.Array) -> list[pa.Array]:
    return values.chunks if isinstance(values, pa.ChunkedArray) else [values]


def _stand_ins(kind: pa.DataType, rows: int) -> pa.Array:
    """Values of a key's type that no row has: negative numbers, or uuids that end in a number."""
    if pa.types.is_string(kind):
        return pa.array([f"ffffffff-ffff-4fff-8fff-{i:012x}" for i in range(rows)], kind)
    return pa.array(-1 - np.arange(rows)).cast(kind, safe=False)


def refer_elsewhere(states: Ints, reachable: NDArray[np.bool_], rng: np.random.Generator) -> Ints:
    """
    Let rows whose label leads to an empty table refer to other tables, as other rows do.

    Args:
        states: (n,) see `Polymorph`.
        reachable: (labels,) which of them lead to rows.
        rng: chooses.

    Returns:
        (n,) states; NOTHING where no label leads to rows.
    """
    refers = (states >= 0) & (states % 2 == 1)
    good = refers & reachable[np.maximum(states, 0) // 2]
    lost = np.flatnonzero(refers & ~good)
    choice = states[good] if good.any() else 2 * np.flatnonzero(reachable) + 1
    settled = states.copy()
    settled[lost] = rng.choice(choice, len(lost)) if len(choice) else NOTHING
    return settled
