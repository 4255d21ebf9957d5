"""One table while it is learned: its rows, how it is trained, and what those below see of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dbsynth.columns import ColumnFit
from dbsynth.conditions import (
    Known,
    Siblings,
    alone,
    sibling_states,
    siblings_of,
)
from dbsynth.copying import Flags, unsaid
from dbsynth.cousins import are_asked, gather
from dbsynth.encode import (
    DatetimeColumn,
    ModelledColumn,
)
from dbsynth.features import Features, Floats, Ints
from dbsynth.matching import rows_of
from dbsynth.model.base import FitTask, stable_seed
from dbsynth.ordering import token_places
from dbsynth.plan import KeyPlan, Plan, TablePlan
from dbsynth.relatives import Relatives
from dbsynth.release import Release
from dbsynth.rows import Layout, Values
from dbsynth.sample import Sample, foreign_key, owner_key
from dbsynth.schema import Column, Table
from dbsynth.sequences import Sequence
from dbsynth.tablemodel import (
    RowsModel,
)
from dbsynth.timings import years_of
from dbsynth.training import Trainer

OUTLINE_ENGINE = "tree"  # of how children spread, whatever draws the rows themselves
OUTLINE_SMOOTHING = 4.0  # stronger, and owners are too much alike
SMOOTHING = 8.0  # … and rows hang too little on what they hang on
FILLED = 9  # values for each NULL, in tables that are invented


@dataclass(frozen=True)
class OneTable:
    """A table's turn in `fit`; what is learned of it is added to `known` for those below it."""

    plan: Plan
    planned: TablePlan
    sample: Sample
    release: Release
    known: Known
    trainer: Trainer
    sequence: Sequence | None = None  # of whose rows they are

    @property
    def table(self) -> Table:
        return self.plan.schema.table(self.planned.name)

    @property
    def rows(self) -> pa.Table:
        return self.sample.rows[self.planned.name]

    @property
    def entities(self) -> Ints:
        return self.sample.entities[self.planned.name]

    @cached_property
    def _columns(self) -> ColumnFit:
        return ColumnFit(
            self.table,
            self.planned,
            self.plan.schema.dialect,
            self.rows,
            self.entities,
            self.release,
            self._relatives.shown(),
            self._relatives.first_day(),
            self.sequence.series.column if self.sequence else "",
            self.sequence is not None and self.sequence.series.is_regular,
        )

    @property
    def _relatives(self) -> Relatives:
        return Relatives(self.plan, self.planned, self.sample, self.release)

    @property
    def engine(self) -> str:
        """Tables with too few entities to learn from get independent columns."""
        return (self.planned.engine or self.plan.engine) if self._may_learn else "marginal"

    @property
    def _may_learn(self) -> bool:
        return self.planned.mode != "invent" and self.release.is_enough(self.entities)

    def _plain(self, column: Column) -> bool:
        return self.planned.columns[column.name].kind in ("category", "number")

    def _owners(self) -> tuple[Ints | None, Siblings]:
        owner = owner_key(self.planned)
        pointers = self.sample.parents.get((self.planned.name, owner.name)) if owner else None
        self.known.pointers[self.planned.name] = {
            k.name: self.sample.parents[self.planned.name, k.name]
            for k in self.planned.keys
            if (self.planned.name, k.name) in self.sample.parents
        }
        return pointers, siblings_of(pointers, len(self.rows))

    def _presence(self, key: KeyPlan) -> Ints:
        return self._has_key(key).astype(np.int64)

    def _has_key(self, key: KeyPlan) -> NDArray[np.bool_]:
        """Mark the rows that a key is about and that have all of it."""
        present = rows_of(self.rows, foreign_key(self.table, key.name))
        for name in key.columns:
            present &= np.asarray(self.rows.column(name).is_valid())
        return present

    def _condition(
        self,
        given: Features,
        owners: Ints | None,
        siblings: Siblings,
        layout: Layout,
        values: Values,
        left: Features | None = None,
    ) -> Features:
        """What rows hang on: what is given; where there is an owner, siblings, and time left."""
        parts = [given]
        if owners is not None:
            parts += sibling_states(layout, values, siblings, rest=True)
        return Features.rested([*parts, *([left] if left else [])], len(self.rows))

    def _train(
        self,
        part: str,
        layout: Layout,
        values: Values,
        condition: Features,
        siblings: Siblings,
        anchors: Mapping[str, Floats],
        untold: Mapping[str, Flags] | None = None,
    ) -> RowsModel:
        slots, owner = layout.slots, owner_key(self.planned)
        name = f"{self.planned.name}"
        targets = layout.targets(values, anchors, siblings.previous)
        targets = unsaid(layout, targets, untold or {})
        held_out = self.sample.held_out[self.planned.name]
        if not self._may_learn:  # nothing counts: every token but NULL is as likely as the next
            targets = [_mostly_filled(h.tokens) for s in slots for h in s.heads]
            held_out = np.zeros_like(held_out)  # and there is nothing to compare
        task = FitTask(
            name=f"{name}/{part}",
            condition=condition,
            slots=[layout.slot_features(s, values) for s in slots],
            heads=[(i, h.tokens) for i, s in enumerate(slots) for h in s.heads],
            targets=targets,
            places=token_places(layout),
            held_out=held_out,
            entities=self.entities,
            threshold=self.release.threshold(f"{name}/{part}"),
            seed=stable_seed(self.plan.seed, name, part),
            quality=self.plan.quality,
            smoothing=OUTLINE_SMOOTHING if part == "outline" else SMOOTHING,
            alone=None if owner is None or part == "outline" else alone(layout, condition),
        )
        if part == "content" and self.sequence is not None:
            self.sequence.task = task
        engine = OUTLINE_ENGINE if part == "outline" else self.engine
        engine = engine if task.heads and len(self.rows) else "marginal"
        return self.trainer.train(layout, engine, task)

    def _remember(self, layout: Layout, values: Values, features: Features) -> None:
        name = self.planned.name
        self.known.features[name] = features
        owner = owner_key(self.planned)
        if owner is not None and are_asked(self.plan, name):
            owners = self.known.pointers[name][owner.name]
            count = len(self.sample.rows[owner.parent])
            self.known.gathered[name] = gather(features, owners, count)
        dates = moments_of(list(layout.columns), values)
        self.known.ends[name] = {c: dates.pop(c) for c in list(dates) if c.startswith("#")}
        self.known.dates[name] = dates
        self.known.years[name] = years_of(layout.columns, values)
        self.known.pointers.setdefault(name, {})


def _mostly_filled(tokens: int) -> Ints:
    """Tokens of invented rows: all alike, but for a few NULLs."""
    others = np.repeat(np.arange(1, tokens), FILLED)
    return np.concatenate([np.zeros(len(others) // FILLED, np.int64), others])


def moments_of(columns: list[ModelledColumn], values: Values) -> dict[str, Floats]:
    """The dates among some columns, in seconds."""
    return {
        c.name: values[c.name].astype(np.float64) for c in columns if isinstance(c, DatetimeColumn)
    }
