"""Polymorphic references: a column names the table to which the value beside it refers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.features import Ints
from dbsynth.schema import ForeignKey, Schema, Table, TableName

NOTHING = -1  # the state of a row that names no table


@dataclass(frozen=True, slots=True)
class Polymorph:
    """
    One column that names tables, the column that refers to their rows, and a key for each label.

    What a row says is one number, its state: 2 * label + 1 with a reference, 2 * label without, so
    that which label it has and whether the reference is there are drawn together.
    """

    type_column: str
    columns: tuple[str, ...]
    keys: tuple[ForeignKey, ...]

    @property
    def name(self) -> str:
        """How layouts call the state; no column and no key is called so."""
        return f"@{self.type_column}"

    @property
    def labels(self) -> tuple[str, ...]:
        """What the type column says, key by key."""
        return tuple(k.when.label for k in self.keys if k.when is not None)

    def lookup(self, table: Table) -> ForeignKey | None:
        """The plain key of the type column, where it refers to a table of labels."""
        plain = (k for k in table.foreign_keys if k.when is None)
        return next((k for k in plain if k.columns == (self.type_column,)), None)

    def states(self, rows: pa.Table) -> Ints:
        """Read the states of (n,) rows; NOTHING where the label is NULL or leads nowhere."""
        label = labels_of(rows.column(self.type_column), self.labels)
        present = np.ones(len(rows), np.int64)
        for column in self.columns:
            present &= np.asarray(rows.column(column).is_valid())
        return np.where(label < 0, NOTHING, 2 * label + present)

    def here(self, states: Ints, key: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Mark the (n,) rows that refer to something by one of the keys."""
        place = [k.name for k in self.keys].index(key)
        return np.asarray(states == 2 * place + 1)

    def is_required(self, table: Table) -> bool:
        """Whether every row must name a table, or a row of it."""
        return not all(table.column(c).is_nullable for c in (self.type_column, *self.columns))


def polymorphs(table: Table) -> tuple[Polymorph, ...]:
    """Find the polymorphic references of a table, in the order of their keys."""
    found: dict[tuple[str, tuple[str, ...]], list[ForeignKey]] = {}
    for key in table.foreign_keys:
        if key.when is not None:
            found.setdefault((key.when.column, key.columns), []).append(key)
    return tuple(Polymorph(column, columns, tuple(k)) for (column, columns), k in found.items())


def polymorph_of(table: Table, key: str) -> Polymorph | None:
    """The polymorphic reference that a key is part of; None for a plain key."""
    return next((p for p in polymorphs(table) if key in [k.name for k in p.keys]), None)


def labels_of(column: pa.ChunkedArray, labels: tuple[str, ...]) -> Ints:
    """Find the place of each of (n,) values among labels; -1 where it is NULL or none of them."""
    text = column.cast(pa.string())
    found = pc.index_in(text, value_set=pa.array(labels, pa.string()), skip_nulls=True)
    return np.asarray(pc.fill_null(found, -1)).astype(np.int64)


def tables_of_labels(schema: Schema) -> frozenset[TableName]:
    """The tables that list the labels of polymorphic references."""
    found = set()
    for table in schema.tables:
        kinds = {k.when.column for k in table.foreign_keys if k.when is not None}
        plain = [k for k in table.foreign_keys if k.when is None]
        found |= {k.parent for k in plain if len(k.columns) == 1 and k.columns[0] in kinds}
    return frozenset(found)
