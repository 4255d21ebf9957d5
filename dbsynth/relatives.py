"""What fit learns of a table's columns from the rows above and below: copies, dates, labels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.conditions import Siblings
from dbsynth.copying import Flags, reached, take_over
from dbsynth.encode import CategoryColumn
from dbsynth.features import Floats, Ints
from dbsynth.plan import Plan, TablePlan, climbs
from dbsynth.pseudonyms import Group, Pseudonyms, fit_pseudonyms, may_rename
from dbsynth.release import Release
from dbsynth.repeating import gated
from dbsynth.rows import Layout
from dbsynth.sample import Sample
from dbsynth.schema import Column, Table
from dbsynth.values import DAY, to_floats

_DATED = ("date", "timestamp", "timestamptz")


@dataclass(frozen=True)
class Relatives:
    """One table's sampled rows among those of the others."""

    plan: Plan
    planned: TablePlan
    sample: Sample
    release: Release

    @property
    def table(self) -> Table:
        """The table."""
        return self.plan.schema.table(self.planned.name)

    def same(self, column: Column) -> tuple[Flags, Flags]:
        """In which (n,) rows a copied column is the same as its origin, and where it could be."""
        origin = self.planned.columns[column.name].copies
        assert origin is not None
        rows = self._reached(origin.via)
        above = self.sample.rows.get(origin.table)
        if above is None:
            return np.zeros(len(rows), bool), np.zeros(len(rows), bool)
        taken = take_over(column, above.column(origin.column), rows)
        return taken.is_same(self._values(column.name)), taken.here

    def shown(self) -> dict[str, Floats]:
        """Numbers that rows of enough entities show, because they copy them from these rows."""
        found: dict[str, list[Floats]] = {}
        for child in self.plan.tables.values():
            for column, treatment in child.columns.items():
                origin = treatment.copies
                if origin is None or origin.table != self.planned.name:
                    continue
                if treatment.kind == "number" and child.name in self.sample.rows:
                    values = self.sample.rows[child.name].column(column).combine_chunks()
                    entities = self.sample.entities[child.name]
                    labels, _ = self.release.labels(f"{child.name}.{column}", values, entities)
                    numbers = to_floats(pa.array(labels, values.type))
                    found.setdefault(origin.column, []).append(numbers)
        return {name: np.unique(np.concatenate(parts)) for name, parts in found.items()}

    def first_day(self) -> float | None:
        """The first day, since 1970, of rows that refer to these, if these are invented."""
        days = []
        for child in self.plan.tables.values() if self.planned.mode == "invent" else ():
            if child.name in self.sample.rows and self._is_above(child):
                names = [c.name for c in self._dated(child)]
                days += [d for n in names if (d := self._first_of(child, n)) is not None]
        return min(days, default=None)

    def _is_above(self, child: TablePlan) -> bool:
        return any(k.parent == self.planned.name for k in child.keys)

    def _dated(self, child: TablePlan) -> list[Column]:
        columns = self.plan.schema.table(child.name).written_columns
        kinds = child.columns
        return [c for c in columns if c.type.kind in _DATED and kinds[c.name].kind == "datetime"]

    def _first_of(self, child: TablePlan, column: str) -> float | None:
        moments = to_floats(self.sample.rows[child.name].column(column))
        here = np.isfinite(moments)
        entities = self.sample.entities[child.name][here]
        if not self.release.is_enough(entities):
            return None
        return self.release.bounds(f"{child.name}.{column}", moments[here], entities)[0] / DAY

    def pseudonyms(self, layout: Layout, siblings: Siblings) -> dict[str, Pseudonyms]:
        """
        Learn how labels repeat that too few entities have.

        Args:
            layout: of the table's content; categories whose labels are released are in it.
            siblings: who stands before whom, where rows may repeat the one before.
        """
        gates = gated(layout.columns)
        kept = {c.name: c for c in layout.columns if isinstance(c, CategoryColumn)}
        dialect = self.plan.schema.dialect
        columns = [
            c
            for c in self.table.written_columns
            if c.name in kept or may_rename(self.table, c, self.planned, dialect)
        ]
        labels = {c.name: self._labels(c.name) for c in columns}
        beside: dict[Group, Ints] = {}
        found: dict[str, Pseudonyms] = {}
        # Those of fewer labels come first: others may follow from them.
        for column in sorted(columns, key=lambda c: int(labels[c.name].max(initial=0))):
            name = column.name
            if may_rename(self.table, column, self.planned, dialect):
                own = labels[name]
                if name in gates:  # what is repeated is not chosen
                    own = np.where((siblings.index > 0) & (own == np.roll(own, 1)), -1, own)
                made = self._named(column, own, kept.get(name), beside)
                found |= {name: made} if made is not None else {}
            if name in kept or name in found:
                beside[(), name] = labels[name]
        return found

    def _named(
        self,
        column: Column,
        labels: Ints,
        kept: CategoryColumn | None,
        beside: dict[Group, Ints],
    ) -> Pseudonyms | None:
        """Learn how the rare labels of one column repeat, alone or with those of others."""
        values, rare = self._values(column.name), labels >= 0
        if kept is not None:
            rare &= kept.codec.encode(values) == kept.codec.rare
        else:  # blanks come by their share, see `Makers`
            rare &= ~np.asarray(pc.fill_null(pc.equal(values.cast(pa.string()), ""), False))
        return fit_pseudonyms(
            f"{self.planned.name}.{column.name}",
            column,
            self.planned.columns[column.name],
            values.filter(pa.array(rare)),
            self.sample.entities[self.planned.name][rare],
            {group: of[rare] for group, of in (self._ways | beside).items()},
            self.release,
        )

    def _values(self, name: str) -> pa.Array:
        return self.sample.rows[self.planned.name].column(name).combine_chunks()

    def _labels(self, name: str) -> Ints:
        """The labels of a column as numbers, -1 for NULL."""
        encoded = self._values(name).dictionary_encode()
        return np.asarray(pc.fill_null(encoded.indices, -1), np.int64)

    @cached_property
    def _ways(self) -> dict[Group, Ints]:
        """The rows to which all ways up lead, shorter ways first."""
        name, keys = self.planned.name, {n: t.keys for n, t in self.plan.tables.items()}
        ways = sorted(climbs(name, keys), key=lambda way: len(way[0]))
        return {(via, ""): self._reached(via) for via, _ in ways}

    def _reached(self, via: tuple[str, ...]) -> Ints:
        """The row to which keys lead from each of the sampled rows."""
        if not via:
            return np.arange(len(self.sample.rows[self.planned.name]))
        parents, nobody = self.sample.parents, np.zeros(0, np.int64)  # of a table without rows
        first = parents[self.planned.name, via[0]]
        return reached(
            self.plan,
            self.planned.name,
            via,
            first,
            lambda table, key: parents.get((table, key), nobody),
        )
