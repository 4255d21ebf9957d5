"""What labels tell of numbers: how these lie in each kind of rows, and what is foregone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dbsynth.codecs import NULL
from dbsynth.conditions import Known
from dbsynth.encode import CategoryColumn, ModelledColumn, NumberColumn
from dbsynth.features import Features, Floats, Ints
from dbsynth.foregone import fit_foregone
from dbsynth.kinds import fit_kinds
from dbsynth.plan import TablePlan
from dbsynth.release import Release
from dbsynth.rows import Values
from dbsynth.sample import owner_key
from dbsynth.tablemodel import edge_name, sketch_name


@dataclass(frozen=True)
class Telling:
    """The rows of one table, and what is known of those above."""

    planned: TablePlan
    known: Known
    given: Features  # (n, ...) what rows hang on, but for siblings
    groups: Ints  # (n,) whose siblings they are
    entities: Ints  # (n,)
    release: Release

    def of_numbers(
        self, columns: Sequence[ModelledColumn], values: Values
    ) -> Iterator[ModelledColumn]:
        """Let numbers among columns know of labels; columns come in the order of drawing."""
        labels = {
            c.name: values[c.name].astype(np.int64)
            for c in columns
            if isinstance(c, CategoryColumn) and c.name in self.planned.columns
        }
        before: dict[str, Ints] = {}
        for column in columns:
            if isinstance(column, CategoryColumn) and column.name in labels:
                own = labels[column.name]
                before[column.name] = np.where(own == column.codec.rare, NULL, own)
            if isinstance(column, NumberColumn) and column.name in self.planned.columns:
                numbers = values[column.name].astype(np.float64)
                yield self._follows(self._with_kinds(column, numbers, labels), numbers, before)
            else:
                yield column

    def _with_kinds(
        self, column: NumberColumn, values: Floats, labels: Mapping[str, Ints]
    ) -> NumberColumn:
        """Where owners tell of a number, it must be known how it lies in each kind of rows."""
        owner = owner_key(self.planned)
        edge = edge_name(self.planned.name, owner.name) if owner else ""
        told = self.known.told.get(owner.parent, frozenset()) if owner else frozenset()
        if sketch_name(edge, column.name, "spread") not in told:
            return column
        if column.drift is not None:  # bent along one line, for a track must not be torn
            return column
        name = f"{self.planned.name}.{column.name}"
        kinds = fit_kinds(name, values, column.codec, labels, self.entities, self.release)
        return replace(column, kinds=kinds)

    def _follows(
        self, column: NumberColumn, values: Floats, labels: Mapping[str, Ints]
    ) -> NumberColumn:
        """What follows from a label of the row and one above need not be drawn."""
        is_copy = self.planned.columns[column.name].copies is not None
        if is_copy or column.gap is not None or not self.release.is_enough(self.entities):
            return column
        foregone = fit_foregone(
            f"{self.planned.name}.{column.name}", values, column.codec, labels, self.given,
            self.groups, self.entities, self.release,
        )  # fmt: skip
        return replace(column, foregone=foregone)
