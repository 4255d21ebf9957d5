"""Fit: learn one generator a table from a sample of entities, parents first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dbsynth.clusters import fit_clusters
from dbsynth.clusters import fit_kinds as fit_row_kinds
from dbsynth.codecs import CategoryCodec, NumberCodec
from dbsynth.columns import ColumnFit
from dbsynth.conditions import (
    Known,
    Siblings,
    alone,
    ancestor_dates,
    ancestors,
    chosen_parents,
    dates_above,
    ends_of,
    sibling_states,
    siblings_of,
    with_latest,
)
from dbsynth.copying import Flags, gate_name, unsaid
from dbsynth.cousins import are_asked, gather
from dbsynth.documents.generators import Document
from dbsynth.documents.shredding import fit_document
from dbsynth.encode import (
    CategoryColumn,
    DatetimeColumn,
    ModelledColumn,
    NumberColumn,
    PresenceColumn,
)
from dbsynth.features import Features, Floats, Ints, climb
from dbsynth.keys import outermost
from dbsynth.leading import fit_leading
from dbsynth.makers import fit_makers
from dbsynth.matching import rows_of
from dbsynth.meetings import Meeting, find_meeting
from dbsynth.model import find_engine
from dbsynth.model.base import FitTask, stable_seed
from dbsynth.ordering import token_places
from dbsynth.plan import KeyPlan, Plan, TablePlan
from dbsynth.polymorphs import NOTHING, Polymorph, polymorph_of, polymorphs
from dbsynth.progress import Progress, silent
from dbsynth.relatives import Relatives
from dbsynth.release import MIN_ENTITIES, Release
from dbsynth.repeating import before_name, habit, repeated, reuse, tokens_of
from dbsynth.rows import Layout, Values, order_column, pace
from dbsynth.sample import Sample, Shelf, chosen_keys, foreign_key, owner_key, read_sample
from dbsynth.schema import Column, Table, TableName
from dbsynth.sequences import Sequence, sequence
from dbsynth.sketches import Sketch, is_number, last_days, outlines
from dbsynth.tablemodel import (
    KIND,
    Clusters,
    Model,
    RowsModel,
    TableModel,
    edge_name,
    spread_out,
)
from dbsynth.telling import Telling
from dbsynth.timings import Timing, fit_timing
from dbsynth.training import Trainer
from dbsynth.traits import CHOOSING, agreement, rows_as_kinds, traits
from dbsynth.values import DAY, dates_of, to_floats

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


OUTLINE_ENGINE = "tree"  # of how children spread, whatever draws the rows themselves
OUTLINE_SMOOTHING = 4.0  # stronger, and owners are too much alike
SMOOTHING = 8.0  # … and rows hang too little on what they hang on
FILLED = 9  # values for each NULL, in tables that are invented
NEAR_SIBLINGS = 8  # how far ahead, on average, training looks for the end of siblings
_COUNTED = ("owner", "token", "polymorphic", "self")  # keys along which parents count their rows


@dataclass(frozen=True)
class _TableFit:
    """One table's turn; adds the table to `known` for those below it."""

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

    def _copied_keys(self) -> set[str]:
        """Columns that are a whole key to rows that are copied: the same in the copy."""
        plans = self.plan.tables
        keys = [k for k in self.planned.keys if plans[k.parent].mode == "copy"]
        return {k.columns[0] for k in keys if len(k.columns) == 1 and k.role != "backfill"}

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
            leading=self._leading() if self._may_learn else {},
            meetings=self._meetings() if self._may_learn else {},
            timings=self._timings(owners) if self._may_learn else (),
        )

    def _leading(self) -> dict[str, pa.Table]:
        return fit_leading(self.plan, self.planned, self.rows, self.entities, self.release)

    def _meetings(self) -> dict[str, Meeting]:
        """Which parents rows choose among those that hang on their owner, by key."""
        found = {
            key.name: find_meeting(
                self.plan, self.planned, key, lambda *k: self.sample.parents[k], self.entities
            )
            for key in chosen_keys(self.planned, self.table)
            if key.role == "token"
        }
        return {name: meeting for name, meeting in found.items() if meeting is not None}

    def _timings(self, owners: Ints | None) -> tuple[Timing, ...]:
        """Which parents are always there when rows choose them, and what says when that is."""
        if self.sequence is not None:  # whose moments are laid out before
            return ()
        own = self.known.dates[self.planned.name]
        own = own | ancestor_dates(self.plan, self.planned, owners, self.known)
        found = []
        hung = [k for k in self.planned.keys if k.role == "self"]
        for key in (*chosen_keys(self.planned, self.table), *hung):
            if polymorph_of(self.table, key.name) is None:
                pointers = self.sample.parents[self.planned.name, key.name]
                seed = stable_seed(self.plan.seed, self.planned.name, key.name, "timing")
                theirs, rng = self.known.dates.get(key.parent, {}), np.random.default_rng(seed)
                told = pointers, theirs, own, self.entities, self.release, rng
                found.append(fit_timing(key.name, *told))
        return tuple(timing for timing in found if timing is not None)

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

    def _ownerless(self, owners: Ints | None) -> int:
        """How many rows of the source have no owner; a sample of entities holds none of them."""
        owner = owner_key(self.planned)
        if owner is None or owners is None:
            return 0
        if self.sample.shares[self.planned.name] >= 1.0:
            # An orphan of a key that nothing declares has an owner in the copy.
            return int((~self._has_key(owner)).sum())
        return round(owner.nulls * self.planned.source_rows)

    # ---- structure: the keys other than the owner's ------------------------------------------

    def _structure(self, owners: Ints | None, siblings: Siblings) -> RowsModel | None:
        chosen, untold = self._choices(siblings)
        if not chosen:
            return None
        layout = Layout(tuple(column for column, _ in chosen))
        values: Values = {column.name: data for column, data in chosen}
        above = ancestors(self.plan, self.planned, owners, self.known)
        condition = self._condition(above, owners, siblings, layout, values)
        return self._train("structure", layout, values, condition, siblings, {}, untold)

    def _choices(
        self, siblings: Siblings
    ) -> tuple[list[tuple[CategoryColumn | PresenceColumn, Ints]], dict[str, Flags]]:
        """
        What is drawn before the attributes: labels first, then the kinds of parents.

        Returns:
            columns and their values; the rows from which nothing is learned, by column.
        """
        told: list[tuple[CategoryColumn | PresenceColumn, Ints]] = []
        told += [self._label_choice(p) for p in polymorphs(self.table)]
        untold: dict[str, Flags] = {}
        for key in chosen_keys(self.planned, self.table):
            if polymorph_of(self.table, key.name) is None:
                pointers = pa.array(self.sample.parents[self.planned.name, key.name])
                told += self._gate(key.name, pointers, siblings, untold)
            told.append(self._choice(key))
        return told, untold

    def _gates(
        self, name: str, labels: Values, siblings: Siblings, untold: dict[str, Flags]
    ) -> list[tuple[PresenceColumn, Ints]]:
        """The same for an attribute; it may repeat that of a sibling with the same labels."""
        values, kind = self._columns.values(name), self.planned.columns[name].kind
        found = self._gate(name, values, siblings, untold)
        if found or not self._may_learn or siblings.count.max(initial=0) < 2:
            return found
        if kind != "category" and not is_number(values.type):
            return []
        own = tokens_of(values) if kind == "category" else to_floats(values)
        tokens = {n: t.astype(np.int64) for n, t in labels.items()}
        seen = habit(own, tokens, siblings.first, self.entities, self.release)
        if seen is None:
            return []
        gate = before_name(name)
        untold[name], untold[gate] = seen.same, seen.alone
        return [(PresenceColumn(gate, seen.alike), seen.same.astype(np.int64))]

    def _gate(
        self, name: str, values: pa.Array, siblings: Siblings, untold: dict[str, Flags]
    ) -> list[tuple[PresenceColumn, Ints]]:
        """What tells whether a column repeats the sibling before; nothing where none does."""
        if not self._may_learn:
            return []
        found = repeated(values, siblings.index, self.entities, self.release)
        if found is None:
            return []
        gate = before_name(name)
        untold[name], untold[gate] = found
        return [(PresenceColumn(gate), found[0].astype(np.int64))]

    def _label_choice(self, polymorph: Polymorph) -> tuple[CategoryColumn, Ints]:
        """What rows say of a polymorphic reference; the plan has its labels, released."""
        states = polymorph.states(self.rows)
        shown = [2 * i + 1 for i in range(len(polymorph.keys))]
        alone = np.where((states >= 0) & (states % 2 == 0), states, NOTHING)
        statistic = f"{self.planned.name}.{polymorph.name}"
        codec = CategoryCodec.fit(statistic, _masked(alone), self.entities, self.release)
        codec = CategoryCodec((*shown, *codec.labels))
        return CategoryColumn(polymorph.name, codec), codec.encode(_masked(states))

    def _choice(self, key: KeyPlan) -> tuple[CategoryColumn, Ints]:
        """The codes by which a key's parent is chosen: its row, or its kind."""
        pointers = self.sample.parents[self.planned.name, key.name]
        valid = self._has_key(key)
        if key.role == "reference":
            chosen = pa.array(pointers, pa.int64(), mask=pointers < 0)
            statistic = f"{self.planned.name}.{key.name}"
            codec = CategoryCodec.fit(statistic, chosen, self.entities, self.release)
            tokens = codec.encode(chosen)
        else:
            codes = self._supported(key, pointers)
            kinds = int(codes.max()) + 1 if len(codes) else 1
            codec = CategoryCodec(tuple(range(max(kinds, 1))))
            tokens = np.where(
                pointers >= 0, codes[np.maximum(pointers, 0)] + 1 if len(codes) else 1, 0
            )
        lost = valid & (pointers < 0)
        column = CategoryColumn(key.name, codec, draws_rare=key.role == "reference")
        return column, np.where(lost, codec.rare, tokens)

    # ---- content: attributes, then how many children -------------------------------------------

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
            fitted = self._columns.fit(column, siblings, dates, _moments(columns, values))
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
        for sketch in self._last_days(_moments(columns, values)):
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
        anchors = with_latest(dates | _moments(columns, values), columns)
        left = self._pace(owners, siblings, layout, values, anchors)
        condition = self._condition(given, owners, siblings, layout, values, left)
        trained = self._train("content", layout, values, condition, siblings, anchors, untold)
        own = layout.features(values, len(self.rows))
        own = Features.join([self._codes(siblings, structure), own], len(own))
        outline, told = self._outline([condition.without(left), own])
        self._remember(layout, values, Features.join([own, told], len(own)))
        return trained, outline, kinds

    def _hidden_kinds(self, columns: list[ModelledColumn], values: Values) -> Ints | None:
        """Kinds of these rows by what other tables choose them for; None where nothing tells."""
        if not self._is_chosen or not self._may_learn:
            return None
        found = traits(self.plan, self.planned, self.sample)
        if found is None:
            return None
        own = spread_out(Layout(tuple(columns)).features(values, len(self.rows)))
        seed = stable_seed(self.plan.seed, self.planned.name, "traits")
        own *= agreement(self.plan, self.planned, self.sample, own)
        spread = np.concatenate([own, found], axis=1).astype(np.float32)
        return fit_row_kinds(
            f"{self.planned.name}.{KIND}", spread, self.entities, self.release, seed
        )

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

    def _codes(self, siblings: Siblings, structure: RowsModel | None) -> Features:
        """The features of the keys that were chosen."""
        if structure is None:
            return Features.empty(len(self.rows))
        values: Values = {column.name: data for column, data in self._choices(siblings)[0]}
        return structure.layout.features(values, len(self.rows))

    def _chosen(self, siblings: Siblings, structure: RowsModel | None) -> Features:
        """The keys that were chosen, and the rows that they lead to."""
        if structure is None:
            return Features.empty(len(self.rows))
        pointers = self.known.pointers[self.planned.name]
        parents = chosen_parents(self.planned, pointers, self.known)
        return Features.join([self._codes(siblings, structure), parents], len(self.rows))

    def _count_column(self, name: str, counts: Floats) -> NumberColumn:
        return NumberColumn(name, NumberCodec.fit(name, counts, self.entities, self.release))

    def _presence(self, key: KeyPlan) -> Ints:
        return self._has_key(key).astype(np.int64)

    def _has_key(self, key: KeyPlan) -> NDArray[np.bool_]:
        """Mark the rows that a key is about and that have all of it."""
        present = rows_of(self.rows, foreign_key(self.table, key.name))
        for name in key.columns:
            present &= np.asarray(self.rows.column(name).is_valid())
        return present

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

    # ---- training ----------------------------------------------------------------------------

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
        if not self._may_learn:  # nothing counts: every token but NULL is as likely as the next
            targets = [_mostly_filled(h.tokens) for s in slots for h in s.heads]
        task = FitTask(
            name=f"{name}/{part}",
            condition=condition,
            slots=[layout.slot_features(s, values) for s in slots],
            heads=[(i, h.tokens) for i, s in enumerate(slots) for h in s.heads],
            targets=targets,
            places=token_places(layout),
            held_out=self.sample.held_out[self.planned.name],
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
        dates = _moments(list(layout.columns), values)
        self.known.ends[name] = {c: dates.pop(c) for c in list(dates) if c.startswith("#")}
        self.known.dates[name] = dates
        self.known.pointers.setdefault(name, {})

    @property
    def _is_chosen(self) -> bool:
        """Whether another table chooses among these rows."""
        keys = (k for t in self.plan.tables.values() for k in t.keys)
        return any(k.parent == self.planned.name and k.role in CHOOSING for k in keys)

    def _cluster(self, told: Ints | None = None) -> Clusters | None:
        """Kinds of these rows, if another table chooses among them and they are not `told`."""
        name = self.planned.name
        if not self._is_chosen:
            return None
        if told is not None:
            self.known.codes[name] = told
            return None
        features = self.known.features[name]
        seed = stable_seed(self.plan.seed, name, "kinds")
        weights = agreement(self.plan, self.planned, self.sample, spread_out(features))
        clusters = fit_clusters(str(name), features, weights, self.entities, self.release, seed)
        self.known.codes[name] = (
            clusters.assign(features) if clusters else np.zeros(len(self.rows), np.int64)
        )
        return clusters

    def _alike(self) -> tuple[int, ...]:
        """How many of these rows are of each kind, where they are made up."""
        if self.planned.mode != "invent" or not self._is_chosen:
            return ()
        kinds = rows_as_kinds(self.plan, self.planned, self.sample, self.release)
        self.known.codes[self.planned.name] = kinds
        return tuple(np.bincount(kinds).tolist())

    def _supported(self, key: KeyPlan, pointers: Ints) -> Ints:
        """The kinds of a key's parents; 0 for made-up ones that too few entities here choose."""
        codes = self.known.codes[key.parent]
        if self.plan.tables[key.parent].mode != "invent":
            return codes
        here = pointers >= 0
        support = self.release.support(pointers[here], self.entities[here], len(codes))
        wanted = self.release.threshold(f"{self.planned.name}.{key.name}/kind")
        return np.where(support >= wanted, codes, 0)

    def _reuse(self, owners: Ints | None, siblings: Siblings) -> dict[str, float]:
        """How often rows choose a parent again that their owner has already, by key."""
        found: dict[str, float] = {}
        keys = [k for k in chosen_keys(self.planned, self.table) if k.role == "token"]
        gates = {column.name: data for column, data in self._choices(siblings)[0]} if keys else {}
        for key in keys:
            if owners is None:
                break
            pointers = self.sample.parents[self.planned.name, key.name]
            codes = self.known.codes[key.parent]
            kinds = climb(pointers, codes)
            nothing = np.zeros(len(pointers), np.int64)
            again = gates.get(before_name(key.name), nothing)
            seed = stable_seed(self.plan.seed, self.planned.name, key.name, "reuse")
            share = reuse(owners, pointers, kinds, again, seed)
            found |= {key.name: share} if share else {}
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


def _mostly_filled(tokens: int) -> Ints:
    """Tokens of invented rows: all alike, but for a few NULLs."""
    others = np.repeat(np.arange(1, tokens), FILLED)
    return np.concatenate([np.zeros(len(others) // FILLED, np.int64), others])


def _masked(states: Ints) -> pa.Array:
    """States as Arrow values, NULL for none."""
    return pa.array(states, pa.int64(), mask=states < 0)


def _drawn(layout: Layout) -> set[str]:
    """The columns whose values, not only their presence, a network draws."""
    return {c.name for c in layout.columns if not isinstance(c, PresenceColumn)}


def _moments(columns: list[ModelledColumn], values: Values) -> dict[str, Floats]:
    """The dates among some columns, in seconds."""
    return {
        c.name: values[c.name].astype(np.float64) for c in columns if isinstance(c, DatetimeColumn)
    }
