"""What every measure works on: both sides in memory, by the source's names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dbsynth.evaluation.measures import Mask
from dbsynth.evaluation.reading import Side
from dbsynth.evaluation.views import TableView, table_view
from dbsynth.features import Ints
from dbsynth.plan import Plan
from dbsynth.sample import owner_key
from dbsynth.schema import ForeignKey, TableName

LOOKUP_PARENTS = 100  # so many parents with so many children each are a list of values,
LOOKUP_FANOUT = 10  # and not a random sample of anything


@dataclass(frozen=True)
class Bench:
    """Real and made rows side by side, and rows that nobody learned from, if given."""

    plan: Plan
    real: Side
    made: Side
    held: Side | None
    copied: frozenset[TableName]  # reference tables: the same rows on both sides, on purpose
    seed: int

    @cached_property
    def views(self) -> Mapping[TableName, TableView]:
        """The comparable columns of every table."""
        sides = [self.real, self.made, *([self.held] if self.held else [])]
        return {
            name: table_view(
                self.plan.schema.table(name).written_columns,
                self.plan.tables[name].columns,
                [side.rows[name] for side in sides],
            )
            for name in self.plan.tables
        }

    @property
    def scored(self) -> list[TableName]:
        """The tables whose rows were made, and of which the source has some."""
        return [n for n in self.plan.tables if n not in self.copied and len(self.real.rows[n])]

    @property
    def keys(self) -> list[ForeignKey]:
        """Every key between tables that both sides have."""
        return [k for n in self.plan.tables for k in self.plan.schema.table(n).foreign_keys]

    def owner(self, name: TableName) -> ForeignKey | None:
        """The key to the row that owns each of a table's rows, if there is one."""
        planned = owner_key(self.plan.tables[name])
        keys = self.plan.schema.table(name).foreign_keys
        return next((k for k in keys if planned and k.name == planned.name), None)

    def is_owner(self, key: ForeignKey) -> bool:
        """Whether a key leads to the row that owns the child."""
        owner = self.owner(key.child)
        return owner is not None and owner.name == key.name

    def has_families(self, key: ForeignKey) -> bool:
        """Whether all children of the parents that were read were read, too, on both sides."""
        return self.is_owner(key) or (self.real.whole(key.child) and self.made.whole(key.child))

    def half(self, name: TableName, side: Side | None = None) -> Mask:
        """
        Mark half of the real rows, by entity: the same entities in every table.

        Returns:
            (n,) flags.
        """
        marks = (side or self.real).marks[name]
        # The last digits: the first ones decide which entities were read.
        return np.asarray(np.floor(marks * 2.0**40) % 2 == 1)

    def clusters(self, name: TableName, parents: Ints | None = None) -> Ints:
        """
        Tell which real rows are not independent of each other.

        Args:
            parents: (n,) row numbers of parents whose columns are looked at, too; -1: none.

        Returns:
            (n,) cluster numbers: parents, unless they are few with many rows; else entities.
        """
        entities = self.real.entities[name]
        if parents is None or is_lookup(parents):
            return entities
        return np.where(parents >= 0, parents, -1 - np.arange(len(parents)))


def is_lookup(parents: Ints) -> bool:
    """Whether few parents have many rows each, as lists of values have."""
    known = parents[parents >= 0]
    many = len(np.unique(known))
    return many == 0 or (many <= LOOKUP_PARENTS and len(known) >= LOOKUP_FANOUT * many)


def thin(rows: int, most: int, seed: int) -> Ints:
    """Choose at most so many of a number of rows, evenly at random, in their order."""
    if rows <= most:
        return np.arange(rows)
    rng = np.random.default_rng([seed, rows, most])
    return np.sort(rng.choice(rows, most, replace=False))
