"""Fit: learn one generator a table from a sample of entities, parents first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dbsynth.choosing import Choosing
from dbsynth.codecs import CategoryCodec, NumberCodec
from dbsynth.conditions import (
    Known,
    Siblings,
    ancestors,
    dates_above,
    ends_of,
    siblings_of,
    with_latest,
)
from dbsynth.copying import Flags, gate_name
from dbsynth.documents.generators import Document
from dbsynth.documents.shredding import fit_document
from dbsynth.encode import (
    CategoryColumn,
    DatetimeColumn,
    ModelledColumn,
    NumberColumn,
    PresenceColumn,
)
from dbsynth.features import Features, Floats, Ints
from dbsynth.keys import outermost
from dbsynth.makers import fit_makers
from dbsynth.model import find_engine
from dbsynth.model.base import stable_seed
from dbsynth.onetable import moments_of
from dbsynth.plan import Plan
from dbsynth.polymorphs import polymorph_of
from dbsynth.progress import Progress, silent
from dbsynth.release import MIN_ENTITIES, Release
from dbsynth.rows import Layout, Values, order_column, pace
from dbsynth.sample import Shelf, owner_key, read_sample
from dbsynth.schema import TableName
from dbsynth.sequences import Sequence, sequence
from dbsynth.sketches import Sketch, last_days, outlines
from dbsynth.tablemodel import (
    KIND,
    Model,
    RowsModel,
    TableModel,
    edge_name,
)
from dbsynth.telling import Telling
from dbsynth.training import Trainer
from dbsynth.values import DAY, dates_of

if TYPE_CHECKING:
    from dbsynth.adapters.base import Source


def fit(
    plan: Plan,
    source: Source,
    *,
    progress: Progress = silent,
    shelf: Shelf | None = None,
    trainer: Trainer | None = None,
) -> Model:
    """
    Learn every table's generator.

    Args:
        plan: what to do; nothing is decided here that it leaves open.
        source: read in its own snapshot; a bounded number of entities.
        progress: told about rows read and row visits trained.
        shelf: rows that were read already, see `read_sample`.
        trainer: how networks are trained; default: here, one after the other.
    """
    sample = read_sample(plan, source, progress, shelf=shelf)
    release = Release(plan.seed, plan.is_protected)
    known = Known()
    tables: dict[TableName, TableModel] = {}
    sequences: dict[TableName, Sequence | None] = {}
    trainer = trainer or Trainer()
    trainer.expect(plan, sample.rows, progress)
    names = list(plan.tables)
    for number, planned in enumerate(plan.tables.values(), 1):
        found = sequences[planned.name] = sequence(plan, planned, sample, release)
        one = _TableFit(plan, planned, sample, release, known, trainer, found)
        tables[planned.name] = one.model()
        known.forget(plan, names[number:])
    trained = {name: trainer.trained(model) for name, model in tables.items()}
    tied = {name: found.tied(trained[name]) for name, found in sequences.items() if found}
    return Model(plan, trained | tied)


NEAR_SIBLINGS = 8  # how far ahead, on average, training looks for the end of siblings
_COUNTED = ("owner", "token", "polymorphic", "self")  # keys along which parents count their rows


@dataclass(frozen=True)
class _TableFit(Choosing):
    """One table's turn, from its rows to its model."""

    def _copied_keys(self) -> set[str]:
        """Columns that are a whole key to rows that are copied: the same in the copy."""
        plans = self.plan.tables
        keys = [k for k in self.planned.keys if plans[k.parent].mode == "copy"]
        return {k.columns[0] for k in keys if len(k.columns) == 1 and k.role != "backfill"}

    def model(self) -> TableModel:
        name = self.planned.name
        if self.planned.mode == "empty":
            self.known.features[name] = Features.empty(0)
            self.known.codes[name] = np.zeros(0, np.int64)
            return TableModel(name)
        if self.planned.mode == "copy":
            # The rows themselves are released, so nothing about them needs protection.
            return replace(self, release=Release(self.plan.seed, is_protected=False))._copied()
        owners, siblings = self._owners()
        structure = self._structure(owners, siblings)
        content, outline, kinds = self._content(owners, siblings, structure)
        pseudonyms = self._relatives.pseudonyms(content.layout, siblings) if self._may_learn else {}
        content = replace(content, layout=content.layout.with_rare(pseudonyms))
        counts = {n: self.release.counts(n, c) for n, c in self._fanouts().items()}
        meetings = self._meetings() if self._may_learn else {}
        return TableModel(
            name=name,
            structure=structure,
            content=content,
            outline=outline,
            pseudonyms=pseudonyms,
            clusters=self._cluster(kinds),
            alike=self._alike(),
            makers=fit_makers(
                self.table,
                self.planned,
                self.rows,
                self.entities,
                self.release,
                _drawn(content.layout) | set(pseudonyms),
                self._copied_keys(),
            ),
            documents=self._documents(),
            counts=counts,
            ownerless=self._ownerless(owners),
            agreements=self._agreements(),
            ends=self._ends(),
            reuse=self._reuse(owners, siblings) if self._may_learn else {},
            heritage=self._heritage(owners, siblings, content.layout, meetings),
            leading=self._leading() if self._may_learn else {},
            meetings=meetings,
            timings=self._timings(owners) if self._may_learn else (),
        )

    def _copied(self) -> TableModel:
        """A reference table: its rows, and what the tables below may condition on."""
        columns = self._columns
        plain = [c for c in columns.learned() if self._plain(c)]
        layout = Layout(tuple(columns.fit(c, None, {}, {}) for c in plain))
        values = {c.name: c.values(self._columns.values(c.name)) for c in layout.columns}
        self._remember(layout, values, layout.features(values, len(self.rows)))
        self.known.dates[self.planned.name] = dates_of(self.rows)
        counts = {n: self.release.counts(n, c) for n, c in self._fanouts().items()}
        content = RowsModel(layout, "marginal", find_engine("marginal").load({"heads": 0}, {}))
        return TableModel(
            self.planned.name,
            rows=self.rows,
            counts=counts,
            content=content,
            clusters=self._cluster(),
            agreements=self._agreements(),
            ends=self._ends(),
        )

    def _documents(self) -> dict[str, Document]:
        """Learn the columns whose values are made of others."""
        return {
            c.name: fit_document(
                (str(self.planned.name), c.name),
                c.type,
                self._columns.values(c.name).cast(pa.string()),
                self.entities,
                self.release,
                is_json=self.planned.columns[c.name].semantic == "json",
            )
            for c in self.table.written_columns
            if self.planned.columns[c.name].kind == "structure"
        }

    def _content(
        self, owners: Ints | None, siblings: Siblings, structure: RowsModel | None
    ) -> tuple[RowsModel, RowsModel | None, Ints | None]:
        pointers = self.known.pointers[self.planned.name]
        dates = dates_above(self.plan, self.planned, owners, pointers, self.known)
        columns: list[ModelledColumn] = []
        values: dict[str, NDArray[np.float64] | NDArray[np.int64]] = {}
        untold: dict[str, Flags] = {}
        for column in self._columns.learned():
            if (origin := self.planned.columns[column.name].copies) is not None:
                same, here = self._relatives.same(column)
                if origin.via:  # then drawing knows the value that is copied
                    untold[column.name] = same
                if not same[here].all():
                    gate = gate_name(column.name)
                    columns.append(PresenceColumn(gate))
                    values[gate], untold[gate] = same.astype(np.int64), ~here
            elif column.name != self.planned.order_by and self._plain(column):
                labels = {c.name: values[c.name] for c in columns if isinstance(c, CategoryColumn)}
                for before, flags in self._gates(column.name, labels, siblings, untold):
                    columns.append(before)
                    values[before.name] = flags
            fitted = self._columns.fit(column, siblings, dates, moments_of(columns, values))
            columns.append(fitted)
            values[column.name] = fitted.values(self._columns.values(column.name))
        for key in self.planned.keys:
            # Whether a polymorphic key is there is part of the label that is drawn.
            is_told = polymorph_of(self.table, key.name) is not None
            if key.role in ("self", "backfill") and not is_told:
                columns.append(PresenceColumn(key.name))
                values[key.name] = self._presence(key)
        kinds = self._hidden_kinds(columns, values)
        if kinds is not None:
            codec = CategoryCodec(tuple(range(int(kinds.max()) + 1)))
            columns.append(CategoryColumn(KIND, codec))
            values[KIND] = kinds + 1
        # How long rows go on says much about how many there are.
        for sketch in self._last_days(moments_of(columns, values)):
            columns.append(sketch.column)
            values[sketch.column.name] = sketch.values
        for name, counts in self._fanouts().items():
            fanout = counts.astype(np.float64)
            columns.append(self._count_column(name, fanout))
            values[name] = fanout
        chosen = self._chosen(siblings, structure)
        above = ancestors(self.plan, self.planned, owners, self.known)
        given = Features.join([chosen, above], len(self.rows))
        telling = Telling(
            self.planned, self.known, given, siblings.first, self.entities, self.release
        )
        layout = Layout(tuple(telling.of_numbers(columns, values)))
        anchors = with_latest(dates | moments_of(columns, values), columns)
        left = self._pace(owners, siblings, layout, values, anchors)
        condition = self._condition(given, owners, siblings, layout, values, left)
        trained = self._train("content", layout, values, condition, siblings, anchors, untold)
        own = layout.features(values, len(self.rows))
        own = Features.join([self._codes(siblings, structure), own], len(own))
        outline, told = self._outline([condition.without(left), own])
        self._remember(layout, values, Features.join([own, told], len(own)))
        return trained, outline, kinds

    def _last_days(self, dates: Mapping[str, Floats]) -> list[Sketch]:
        return last_days(self.plan, self.planned, self.sample, self.entities, self.release, dates)

    def _outline(self, given: list[Features]) -> tuple[RowsModel | None, Features]:
        """Learn how the children of each row spread, given all that is known of the row."""
        found = outlines(self.plan, self.planned, self.sample, self.entities, self.release)
        if not found or self.engine == "marginal":
            return None, Features.empty(len(self.rows))
        layout = Layout(tuple(s.column for s in found))
        values: Values = {s.column.name: s.values for s in found}
        alone = siblings_of(None, len(self.rows))
        self.known.told[self.planned.name] = frozenset(values)
        condition = Features.rested(given, len(self.rows))
        trained = self._train("outline", layout, values, condition, alone, {})
        return trained, layout.features(values, len(self.rows))

    def _count_column(self, name: str, counts: Floats) -> NumberColumn:
        return NumberColumn(name, NumberCodec.fit(name, counts, self.entities, self.release))

    def _fanouts(self) -> dict[str, Ints]:
        """How many child rows every row has, along each key that is generated by count."""
        found = {}
        for child in self.plan.tables.values():
            for key in child.keys:
                if key.parent != self.planned.name or key.role not in _COUNTED:
                    continue
                pointers = self.sample.parents.get((child.name, key.name))
                if pointers is None:
                    continue
                counts = np.bincount(pointers[pointers >= 0], minlength=len(self.rows))
                found[edge_name(child.name, key.name)] = counts.astype(np.int64)
        return found

    def _pace(
        self,
        owners: Ints | None,
        siblings: Siblings,
        layout: Layout,
        values: Values,
        anchors: Mapping[str, Floats],
    ) -> Features:
        """How much time is left until the last sibling, where that is known."""
        ends, order = ends_of(self.planned, owners, self.known), order_column(layout)
        if ends is None or not isinstance(order, DatetimeColumn):
            return Features.empty(len(self.rows))
        own = values[order.name].astype(np.float64)
        start = anchors[order.anchor] if order.anchor else np.full(len(own), np.nan)
        before = np.where(siblings.index > 0, own[np.maximum(siblings.previous, 0)], start)
        follow = siblings.count - siblings.index - 1
        # Half of the rows look at a nearer sibling as if it were the last: so the network learns
        # what to do about any time that is left, also about what it will get itself into.
        rng = np.random.default_rng(stable_seed(self.plan.seed, self.planned.name, "pace"))
        nearer = np.minimum(follow, rng.geometric(1 / NEAR_SIBLINGS, len(own)) - 1)
        ahead = np.where(rng.random(len(own)) < 0.5, nearer, follow)
        there = own[np.arange(len(own)) + ahead]
        seen = np.where(ahead < follow, np.floor(there / DAY) * DAY, ends)
        return pace(before, seen, ahead)

    def _ends(self) -> dict[str, tuple[float, float]]:
        """How often a key that leads back leads to the first, or the last, of several rows."""
        found = {}
        for key in self.planned.keys:
            if key.role != "backfill" or key.parent not in self.sample.rows:
                continue
            pointers = self.sample.parents[self.planned.name, key.name]
            back = next(
                (
                    self.sample.parents[key.parent, k.name]
                    for k in self.plan.tables[key.parent].keys
                    if k.parent == self.planned.name and k.role == "owner"
                ),
                None,
            )
            if back is None:
                continue
            own = np.flatnonzero(pointers >= 0)
            own = own[back[pointers[own]] == own]
            first, last = outermost(back, len(pointers))
            own = own[first[own] != last[own]]
            if len(np.unique(self.entities[own])) >= MIN_ENTITIES:
                shares = [Release.share(end[own] == pointers[own]) for end in (first, last)]
                found[key.name] = (shares[0], shares[1])
        return found

    def _agreements(self) -> dict[str, float]:
        """How often a key that closes a cycle leads to a row that points back."""
        found = {}
        for key in self.planned.keys:
            if key.role != "backfill" or key.parent not in self.sample.rows:
                continue
            pointers = self.sample.parents[self.planned.name, key.name]
            own = np.flatnonzero(pointers >= 0)
            back = [
                self.sample.parents[key.parent, k.name]
                for k in self.plan.tables[key.parent].keys
                if k.parent == self.planned.name and k.role in ("owner", "reference", "token")
            ]
            if len(own) and back:
                found[key.name] = Release.share(back[0][pointers[own]] == own)
        return found

    def _ownerless(self, owners: Ints | None) -> int:
        """How many rows of the source have no owner; a sample of entities holds none of them."""
        owner = owner_key(self.planned)
        if owner is None or owners is None:
            return 0
        if self.sample.shares[self.planned.name] >= 1.0:
            # An orphan of a key that nothing declares has an owner in the copy.
            return int((~self._has_key(owner)).sum())
        return round(owner.nulls * self.planned.source_rows)


def _drawn(layout: Layout) -> set[str]:
    """The columns whose values, not only their presence, a network draws."""
    return {c.name for c in layout.columns if not isinstance(c, PresenceColumn)}
