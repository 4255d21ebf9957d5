"""Learn whom rows choose besides their owner, and what they are chosen for themselves."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.clusters import fit_clusters
from dbsynth.clusters import fit_kinds as fit_row_kinds
from dbsynth.codecs import CategoryCodec
from dbsynth.conditions import (
    Siblings,
    ancestor_dates,
    ancestors,
    chosen_parents,
    families_of,
    siblings_of,
)
from dbsynth.copying import Flags
from dbsynth.encode import (
    CategoryColumn,
    ModelledColumn,
    NumberColumn,
    PresenceColumn,
)
from dbsynth.families import MOST_LABELS, Family, Heritage, fit_heritage, key_name, times_of
from dbsynth.features import Features, Floats, Ints, climb
from dbsynth.leading import fit_leading
from dbsynth.meetings import Meeting, find_meeting
from dbsynth.model.base import stable_seed
from dbsynth.onetable import OneTable
from dbsynth.plan import KeyPlan
from dbsynth.polymorphs import NOTHING, Polymorph, polymorph_of, polymorphs
from dbsynth.repeating import before_name, gated, habit, repeated, reuse, tokens_of
from dbsynth.rows import Layout, Values
from dbsynth.sample import chosen_keys, foreign_key, owner_key
from dbsynth.seasons import Seasons, find_season
from dbsynth.sketches import is_number
from dbsynth.tablemodel import (
    KIND,
    Clusters,
    RowsModel,
    spread_out,
)
from dbsynth.timings import Timing, fit_timing
from dbsynth.traits import CHOOSING, agreement, rows_as_kinds, traits
from dbsynth.values import to_floats


@dataclass(frozen=True)
class Choosing(OneTable):
    """The part of a table's turn that is about keys."""

    def _structure(self, owners: Ints | None, siblings: Siblings) -> RowsModel | None:
        chosen, untold = self._choices(siblings)
        if not chosen:
            return None
        layout, values = self._chosen_values(siblings)
        above = ancestors(self.plan, self.planned, owners, self.known)
        condition = self._condition(above, owners, siblings, layout, values)
        return self._train("structure", layout, values, condition, siblings, {}, untold)

    def _chosen_values(self, siblings: Siblings) -> tuple[Layout, Values]:
        """What is drawn before the attributes: the year first, where one is in a key."""
        columns: list[ModelledColumn] = []
        values: dict[str, Floats | Ints] = {}
        for key, seasons in self._seasons(siblings).items():
            pointers = self.sample.parents[self.planned.name, key]
            years = np.where(pointers >= 0, seasons.years[np.maximum(pointers, 0)], np.nan)
            columns.append(self._columns.in_order(seasons.column, years, siblings))
            values[seasons.column] = years
        for column, data in self._choices(siblings)[0]:
            columns.append(column)
            values[column.name] = data
        return Layout(tuple(columns)), values

    def _seasons(self, siblings: Siblings) -> dict[str, Seasons]:
        """The key whose parents come anew each year, if there is one."""
        owner = owner_key(self.planned)
        if owner is None or not self._may_learn or self.sequence is not None:
            return {}
        for key in chosen_keys(self.planned, self.table):
            if key.role != "reference" or polymorph_of(self.table, key.name) is not None:
                continue
            declared = foreign_key(self.table, key.name)
            pointers = self.sample.parents[self.planned.name, key.name]
            rows = self.sample.rows[key.parent]
            found = find_season(declared, pointers, siblings.previous, rows, self.entities)
            taken = {*owner.columns, *(k.name for k in self.planned.keys)}
            if found is not None and found.column not in taken:
                return {key.name: found}
        return {}

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
        whom = self._whom(siblings)
        for key in chosen_keys(self.planned, self.table):
            if polymorph_of(self.table, key.name) is None:
                told += self._gate(key.name, pa.array(whom[key.name]), siblings, untold)
            told.append(self._choice(key, whom[key.name]))
        return told, untold

    def _whom(self, siblings: Siblings) -> dict[str, Ints]:
        """The parents that rows have by key; of those that come anew each year the first."""
        keys = [k.name for k in chosen_keys(self.planned, self.table)]
        found = {k: self.sample.parents[self.planned.name, k] for k in keys}
        for key, seasons in self._seasons(siblings).items():
            found[key] = climb(found[key], seasons.who)
        return found

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

    def _choice(self, key: KeyPlan, pointers: Ints) -> tuple[CategoryColumn, Ints]:
        """The codes by which a key's parent is chosen: its row, or its kind."""
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

    def _supported(self, key: KeyPlan, pointers: Ints) -> Ints:
        """The kinds of a key's parents; 0 for made-up ones that too few entities here choose."""
        codes = self.known.codes[key.parent]
        if self.plan.tables[key.parent].mode != "invent":
            return codes
        here = pointers >= 0
        support = self.release.support(pointers[here], self.entities[here], len(codes))
        wanted = self.release.threshold(f"{self.planned.name}.{key.name}/kind")
        return np.where(support >= wanted, codes, 0)

    def _codes(self, siblings: Siblings, structure: RowsModel | None) -> Features:
        """The features of the keys that were chosen."""
        if structure is None:
            return Features.empty(len(self.rows))
        values = self._chosen_values(siblings)[1]
        return structure.layout.features(values, len(self.rows))

    def _chosen(self, siblings: Siblings, structure: RowsModel | None) -> Features:
        """The keys that were chosen, and the rows that they lead to."""
        if structure is None:
            return Features.empty(len(self.rows))
        pointers = self.known.pointers[self.planned.name]
        parents = chosen_parents(self.planned, pointers, self.known)
        return Features.join([self._codes(siblings, structure), parents], len(self.rows))

    def _leading(self) -> dict[str, pa.Table]:
        return fit_leading(self.plan, self.planned, self.rows, self.entities, self.release)

    def _meetings(self) -> dict[str, Meeting]:
        """Which parents rows choose among those that hang on their owner, by key."""
        found = {
            key.name: find_meeting(
                self.plan, self.planned, key, lambda *k: self.sample.parents[k], self.entities
            )
            for key in chosen_keys(self.planned, self.table)
            if key.role == "token" and self.plan.tables[key.parent].mode != "empty"
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
                theirs, rng = self.known.moments(key.parent), np.random.default_rng(seed)
                told = pointers, theirs, own, self.entities, self.release, rng
                found.append(fit_timing(key.name, *told))
        return tuple(timing for timing in found if timing is not None)

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

    def _heritage(
        self, owners: Ints | None, siblings: Siblings, layout: Layout, meetings: Collection[str]
    ) -> Heritage | None:
        """What rows have again of those that the same owner's owner has before."""
        above = families_of(self.plan, self.planned, owners, self.known)
        if owners is None or not above or not self._may_learn or self.sequence is not None:
            return None
        columns: dict[str, Ints] = {}
        seen: dict[str, Ints] = {}
        free: dict[str, Flags] = {}
        seasons = self._seasons(siblings)
        gates = {column.name: data for column, data in self._choices(siblings)[0]}
        for key in chosen_keys(self.planned, self.table):
            is_alone = key.name not in meetings and key.name not in seasons
            if polymorph_of(self.table, key.name) is None and is_alone:
                name = key_name(key.name)
                columns[name] = seen[name] = self.sample.parents[self.planned.name, key.name]
                again = gates.get(before_name(key.name), np.zeros(len(owners), np.int64))
                free[name] = again == 0
        before = gated(layout.columns)
        for column in layout.columns:
            is_own = column.name in self.planned.columns and isinstance(
                column, CategoryColumn | NumberColumn
            )
            is_own &= getattr(column, "gap", None) is None
            gate = before.get(column.name)
            if not is_own or self.planned.columns[column.name].copies or (gate and gate.alike):
                continue
            encoded = self._columns.values(column.name).dictionary_encode()
            codes = np.asarray(pc.fill_null(encoded.indices, -1), np.int64)
            columns[column.name] = seen[column.name] = codes
            if isinstance(column, CategoryColumn):
                seen[column.name] = column.codec.encode(self._columns.values(column.name))
            is_same = (siblings.index > 0) & (codes == np.roll(codes, 1))
            free[column.name] = ~is_same if gate else np.ones(len(codes), np.bool_)
        ways = []
        for families in above:
            order = np.lexsort((np.arange(len(owners)), owners, families))
            first = siblings_of(owners[order], len(order)).first
            family = Family.of(owners[order], families[order], first, in_blocks=False)
            ways.append((order, family))
        seed = stable_seed(self.plan.seed, self.planned.name, "family")
        numbers = {c.name for c in layout.columns if isinstance(c, NumberColumn)}
        times = times_of(ancestor_dates(self.plan, self.planned, owners, self.known))
        labels = list(self._owner_labels(owners))
        return fit_heritage(
            columns, seen, free, numbers, ways, self.entities, self.release, seed, times, labels
        )

    def _owner_labels(self, owners: Ints) -> Iterator[Ints]:
        """(n,) codes of the few labels that the rows' owners have; the last stand for none."""
        owner = owner_key(self.planned)
        told = {} if owner is None else self.plan.tables[owner.parent].columns
        for name, treatment in told.items():
            if owner is None or treatment.kind != "category":
                continue
            encoded = self.sample.rows[owner.parent].column(name).combine_chunks()
            encoded = encoded.dictionary_encode()
            count = len(encoded.dictionary)
            if 1 < count <= MOST_LABELS:
                codes = np.asarray(pc.fill_null(encoded.indices, count), np.int64)
                yield np.append(codes, count)[owners]  # -1 is the last

    @property
    def _is_chosen(self) -> bool:
        """Whether another table chooses among these rows."""
        keys = (k for t in self.plan.tables.values() for k in t.keys)
        return any(k.parent == self.planned.name and k.role in CHOOSING for k in keys)

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


def _masked(states: Ints) -> pa.Array:
    """States as Arrow values, NULL for none."""
    return pa.array(states, pa.int64(), mask=states < 0)
