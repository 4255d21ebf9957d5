"""
Rows and what their owners told of them: the draw that comes nearest is kept, and bent to it.

A network hears what its owner told, and does not keep to it where rows are few: when they come and
which labels they have is chance.  So rows of small tables are drawn several times.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dbsynth.bending import Outline, bend, merge
from dbsynth.codecs import NULL
from dbsynth.conditions import KNOTS, LONG, Siblings, knot
from dbsynth.encode import CategoryColumn, DatetimeColumn, ModelledColumn, NumberColumn
from dbsynth.features import Floats, Ints
from dbsynth.plan import TablePlan
from dbsynth.rows import Values
from dbsynth.sample import owner_key
from dbsynth.sketches import OUTLINE
from dbsynth.state import State
from dbsynth.tablemodel import edge_name, sketch_name

TIMES, MOST_ROWS = 4, 200_000  # how often rows are drawn, if that makes no more of them
FARTHEST = 3.0  # spreads from what was told: more is not worse


@dataclass(frozen=True)
class Told:
    """What owners told of a table's rows."""

    columns: Sequence[ModelledColumn]
    edge: str
    sketches: Mapping[str, Floats]  # by name: (owners,), NaN for nothing

    @staticmethod
    def of(state: State, planned: TablePlan, columns: Sequence[ModelledColumn]) -> Told:
        """Look up what the owners of a table's rows told; nothing where there are none."""
        owner = owner_key(planned)
        if owner is None:
            return Told(columns, "", {})
        told = state.known.sketches.get(owner.parent, {})
        return Told(columns, edge_name(planned.name, owner.name), told)

    def times(self, rows: int) -> int:
        """How often so many rows should be drawn."""
        is_told = any(True for _ in self._compared)
        return int(np.clip(MOST_ROWS // max(rows, 1), 1, TIMES)) if is_told else 1

    def nearest(
        self,
        drawn: Values,
        owners: Ints,
        siblings: Siblings,
        times: int,
        families: Ints | None = None,
    ) -> Ints:
        """
        Choose for each owner the draw that is nearest to what it told.

        Args:
            drawn: (times n,) one draw of (n,) rows after another.
            owners: (n,) ascending.
            siblings: of one draw.
            times: how often rows were drawn.
            families: (n,) rows that have things in common, and need one draw for all; ascending.

        Returns:
            (n,) rows to keep.
        """
        groups = np.cumsum(siblings.index == 0) - 1
        starts = np.flatnonzero(siblings.index == 0)
        whose, sizes = owners[starts], siblings.count[starts]
        off = np.zeros((times, len(starts)))
        for column, part, spread in self._compared:
            told = self._told(column.name, part)
            assert told is not None
            wanted = np.where(whose >= 0, told[whose], np.nan)
            for turn in range(times):
                own = drawn[column.name][turn * len(owners) : (turn + 1) * len(owners)]
                found = _found(column, part, own, groups, starts, sizes)
                apart = np.minimum(np.abs(found - wanted) / spread, FARTHEST) ** 2
                off[turn] += np.where(np.isfinite(apart), apart, 0.0)
        if families is not None:
            own = np.unique(families[starts], return_inverse=True)[1]
            off = np.stack([np.bincount(own, turn)[own] for turn in off])
        chosen: Ints = off.argmin(axis=0)[groups] * len(owners) + np.arange(len(owners))
        return chosen

    def bent(self, drawn: Values, owners: Ints | None) -> dict[str, Floats | Ints]:
        """What becomes of numbers and labels so that they keep to what their owners told."""
        found: dict[str, Floats | Ints] = {}
        if owners is None:
            return found
        for column in self.columns:
            ends = [self._told(column.name, p) for p in OUTLINE]
            distinct = self._told(column.name, "distinct")
            if isinstance(column, CategoryColumn) and distinct is not None:
                labels = drawn[column.name].astype(np.int64)
                found[column.name] = merge(labels, owners, distinct, (NULL, column.codec.rare))
            if isinstance(column, NumberColumn) and all(e is not None for e in ends):
                outline = Outline(*(e for e in ends if e is not None))
                if column.drift is not None:  # else it would stand still
                    outline = outline.sound()
                numbers = drawn[column.name].astype(np.float64)
                own_labels = {c: drawn[c].astype(np.int64) for c in column.told_by}
                found[column.name] = bend(
                    numbers, owners, outline, column.codec, column.kinds, own_labels
                )
        return found

    def _told(self, column: str, part: str) -> Floats | None:
        return self.sketches.get(sketch_name(self.edge, column, part))

    @property
    def _compared(self) -> Iterator[tuple[DatetimeColumn | CategoryColumn, str, float]]:
        """The columns that nothing bends, what is told of them, and how much that spreads."""
        for column in self.columns:
            if not isinstance(column, DatetimeColumn | CategoryColumn):
                continue
            # Of labels that stand for many nobody knows how many they are.
            if isinstance(column, CategoryColumn) and column.draws_rare:
                continue
            for part in KNOTS if isinstance(column, DatetimeColumn) else ("distinct",):
                told = self._told(column.name, part)
                known = told[np.isfinite(told)] if told is not None else np.zeros(0)
                if len(known) and known.std() > 0:
                    yield column, part, float(known.std())


def _found(
    column: DatetimeColumn | CategoryColumn,
    part: str,
    values: Floats | Ints,
    groups: Ints,
    starts: Ints,
    sizes: Ints,
) -> Floats:
    """What the rows of each group are like, in terms of what is told of them."""
    if isinstance(column, CategoryColumn):
        is_label = (values != NULL) & (values != column.codec.rare)
        cards = column.codec.tokens
        pairs = np.unique(groups[is_label] * cards + values[is_label].astype(np.int64))
        return np.bincount(pairs // cards, minlength=len(starts)).astype(np.float64)
    first, last = values[starts], values[starts + sizes - 1]
    at = values[starts + knot(sizes, KNOTS.index(part) + 1)]
    with np.errstate(invalid="ignore", divide="ignore"):
        share: Floats = (at - first) / (last - first)
    return np.where((last > first) & (sizes >= LONG), share, np.nan)
