"""Pass A of a table: how many rows it has, and which parent rows each of them belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from dbsynth.chunks import chunks
from dbsynth.codecs import NULL
from dbsynth.conditions import (
    Siblings,
    ancestor_dates,
    ancestors,
    siblings_of,
)
from dbsynth.drawing import draw_part, inheriting_of
from dbsynth.encode import CategoryColumn, NumberColumn
from dbsynth.exchanging import Windows, exchange
from dbsynth.families import Inheriting, key_name
from dbsynth.features import Features, Floats, Ints, climb
from dbsynth.grid import NONE, Grid
from dbsynth.joint import Joint, refer_elsewhere
from dbsynth.keys import ANYWHERE, NOWHERE, choose_parents, draw_in_place, evenly, to_total
from dbsynth.plan import KeyPlan, TablePlan
from dbsynth.polymorphs import NOTHING, Polymorph, labels_of, polymorphs
from dbsynth.repeating import before_name, choose_together, heads, origins, sharing
from dbsynth.resting import repeated
from dbsynth.sample import chosen_keys, foreign_key, owner_key
from dbsynth.schema import Table, TableName
from dbsynth.seasons import ANYBODY, NOBODY, Seasons
from dbsynth.series import Series
from dbsynth.settle import settle
from dbsynth.skeleton import Skeleton
from dbsynth.state import State
from dbsynth.tablemodel import RowsModel, TableModel, edge_name
from dbsynth.ties import Laid
from dbsynth.tilt import fitting
from dbsynth.timings import Timing
from dbsynth.workers import Workers, ahead, is_worth_it

MomentsOf = Callable[[Skeleton], dict[str, Floats]]  # draws the dates of a table's rows


def build_skeleton(
    state: State,
    planned: TablePlan,
    table: Table,
    model: TableModel,
    moments_of: MomentsOf,
    workers: Workers | None = None,
) -> Skeleton:
    """
    Decide how many rows a table has, and which parents each one has.

    Where rows choose parents that are there when they happen, `moments_of` says first when that is.
    """
    return _Structure(state, planned, table, model, moments_of, workers).skeleton()


@dataclass(frozen=True)
class _Choice:
    """All that drawing the kinds of parents needs, and no more of the run."""

    state: State
    planned: TablePlan
    table: Table
    part: RowsModel
    above: Features  # (n, ...) of the owners
    siblings: Siblings
    owners: Ints | None  # (n,)


def _draw_choice(whole: _Choice, start: int, stop: int, number: int) -> dict[str, Floats | Ints]:
    """Draw one chunk; changes nothing."""
    rows, owners = np.arange(start, stop), whole.owners
    here = Features.empty(len(rows)) if owners is None else whole.above.take(rows)
    return draw_part(
        whole.state, whole.planned, whole.table, "structure", whole.part, here,
        whole.siblings.part(start, stop), None if owners is None else owners[start:stop], number,
    )  # fmt: skip


@dataclass
class _Structure:
    state: State
    planned: TablePlan
    table: Table
    model: TableModel
    moments_of: MomentsOf
    workers: Workers | None = None

    def skeleton(self) -> Skeleton:
        self.joints = tuple(self._joint(p) for p in polymorphs(self.table))
        self.grid = self._grid()
        self.pointers: dict[str, Ints] = {}
        self.states: dict[str, Ints] = {}
        owner = owner_key(self.planned)
        owners = self._owned(owner) if owner else None
        self.size = self.state.wanted(self.planned) if owners is None else len(owners)
        if owner is not None and owners is not None:
            self.pointers[owner.name] = owners
        self.moments: dict[str, Floats] = {}
        features = self._choose(owners)
        self._derive()
        if self.model.structure is not None and self.model.timings:
            features = self._in_time(self.model.structure, features, owners)
            self._derive()
        if owners is not None and self._is_settled(owners):
            return Skeleton(
                self.size, owners, self.pointers, {}, features, (), self.grid, taken=None
            )
        return self._settled(owner, features)

    def _settled(self, owner: KeyPlan | None, features: Features) -> Skeleton:
        """Settle what keys leave open together; leave out rows that cannot be, sort the rest."""
        others = [n for n in self.grid.offers if owner is None or n != owner.name]
        last = [owner.name] if owner else []
        rng = self.state.rng(self.planned.name, "settle")
        settled = settle(self.grid, self.pointers, self.size, others, last, rng)
        index = np.flatnonzero(settled.kept)
        if owner is not None:
            index = index[_by_owner(settled.pointers[owner.name][index])]
        series = self.model.series
        if series is not None and series.key:
            index = index[_by_owner(settled.pointers[series.key][index])]
        pointers = {k: v[index] for k, v in settled.pointers.items()}
        states = {n: s[index] for n, s in self.states.items()}
        for joint in self.joints:
            states[joint.name] = joint.settled(pointers[joint.name], states[joint.name])
        pointers = self._apart(pointers)
        return Skeleton(
            size=len(index),
            owners=pointers[owner.name] if owner else None,
            pointers=pointers,
            states=states,
            codes=features.take(index),
            joints=self.joints,
            grid=self.grid,
            taken=settled.codes[index],
            laid=self._laid(series, pointers, len(index)) if series else None,
            moments={n: m[index] for n, m in self.moments.items()},
        )

    def _apart(self, pointers: Mapping[str, Ints]) -> dict[str, Ints]:
        """The rows of each table to which polymorphic references lead."""
        found = dict(pointers)
        for joint in self.joints:
            joined = found.pop(joint.name)
            late = {joint.polymorph.keys[i].name for i in joint.late}
            keys = [k.name for k in joint.polymorph.keys if k.name not in late]
            found |= {name: joint.rows_of(joined, name) for name in keys}
        return found

    def _laid(self, series: Series, pointers: Mapping[str, Ints], rows: int) -> Laid:
        """Say when the rows of series are, before anything else of them is known."""
        parents = pointers[series.key] if series.key else np.zeros(rows, np.int64)
        rng = self.state.rng(self.planned.name, series.column, "moments")
        moments = series.moments(parents, rng) if series.is_regular else None
        return Laid(series.column, parents, series.step, series.ties, moments)

    def _is_settled(self, owners: Ints) -> bool:
        """Whether the owner's key is the only one, and nothing can be wrong with it."""
        offers = self.grid.offers
        if len(offers) != 1 or list(offers) != list(self.pointers) or self.joints:
            return False
        offer = next(iter(offers.values()))
        is_plain = not self.grid.uniques and not self.grid.given
        # Those without an owner come last.
        is_whole = bool(offer.may_lack.all()) or (len(owners) > 0 and int(owners[-1]) >= 0)
        return is_plain and is_whole and bool(offer.is_viable.all())

    def _grid(self) -> Grid:
        """The keys that are known before the rows are: the owner's first, then longer ones."""
        roles = ("owner", "reference", "token", "derived")
        planned = sorted(
            (k for k in self.planned.keys if k.role in roles), key=lambda k: roles.index(k.role)
        )
        keys = [foreign_key(self.table, k.name) for k in planned]
        parents = {k.name: [self.state.parent_key(k, c) for c in k.parent_columns] for k in keys}
        parents |= {j.name: list(j.parents) for j in self.joints}
        return Grid.of(self.table, [*keys, *(j.key for j in self.joints)], parents)

    def _joint(self, polymorph: Polymorph) -> Joint:
        """One key to all the tables that a polymorphic reference names."""
        late = {k.name for k in self.planned.keys if k.role in ("self", "backfill")}
        ids = [
            None if k.name in late else self.state.parent_key(k, k.parent_columns[0])
            for k in polymorph.keys
        ]
        return Joint.of(self.table, polymorph, ids, self._most_rows())

    def _most_rows(self) -> int:
        """More rows than the table will have, surely."""
        owner = owner_key(self.planned)
        if owner is None:
            return self.state.wanted(self.planned)
        fanout = self.state.fanouts[edge_name(self.planned.name, owner.name)]
        return 2 * int(fanout.sum()) + self.state.ownerless(self.planned)

    def _owned(self, owner: KeyPlan) -> Ints:
        """The owner row of every row: as many as each owner's fan-out, then those without one."""
        fanout = self.state.fanouts[edge_name(self.planned.name, owner.name)]
        offer = self.grid.offers[owner.name]
        total, good = int(fanout.sum()), offer.is_viable
        alone = self.state.ownerless(self.planned) if offer.is_optional else 0
        if not good.all():
            # The rows of owners that lack a parent which rows require go to others.
            rng = self.state.rng(self.planned.name, owner.name, "feasible")
            moved = np.zeros(len(fanout), np.int64)
            if good.any():
                moved[good] = to_total(fanout[good], total, rng)
            alone += 0 if good.any() or not offer.is_optional else total
            fanout = moved
        return repeated(fanout, alone)

    def _choose(self, owners: Ints | None) -> Features:
        """Draw the kinds of parents, then the parents themselves."""
        part = self.model.structure
        if part is None:
            return Features.empty(self.size)
        drawn = self.drawn = self._draw(part, owners)
        for joint in self.joints:
            self._name_tables(joint, part, drawn)
        labelled: dict[str, Ints] = {}
        inheriting = inheriting_of(
            self.state, self.planned, self.model.heritage, owners, siblings_of(owners, self.size),
            in_blocks=False,
        )  # fmt: skip
        for key in self._other_keys():
            column = next(c for c in part.layout.columns if c.name == key.name)
            assert isinstance(column, CategoryColumn)
            tokens = drawn[key.name].astype(np.int64)
            gate = drawn.get(before_name(key.name))
            links = self._links(key, tokens, gate, inheriting)
            seasons = self._seasons(key, part)
            if seasons is not None:
                self._take_in_season(key, column, seasons, drawn)
            elif key.role == "reference":
                rows = self._reference_rows(key, column, tokens)
                rows = rows if gate is None else rows[origins(gate.astype(np.int64))]
                if links is not None:
                    rows, drawn[key.name] = rows[links], tokens[links]
                self.pointers[key.name] = self._agreeing(key, rows)
            else:
                whole = next((j for j in self.joints if key.name in j.names), None)
                if whole is None:
                    got = self._take_tokens(key, tokens - 1, gate, owners, links)
                    self.pointers[key.name] = got
                else:
                    got = labelled[key.name] = self._take_labelled(whole, key, tokens - 1)
                drawn[key.name] = self._kinds(key, got)
        for joint in self.joints:
            self.pointers[joint.name] = joint.pointers(self.states[joint.name], labelled)
        return part.layout.features(drawn, self.size)

    def _kinds(self, key: KeyPlan, pointers: Ints) -> Ints:
        """The tokens of the kinds of (n,) parents."""
        kinds, found = np.zeros(len(pointers), np.int64), pointers >= 0
        kinds[found] = self.state.known.codes[key.parent][pointers[found]] + 1
        return kinds

    def _in_time(self, part: RowsModel, features: Features, owners: Ints | None) -> Features:
        """Let rows have parents that are there when they happen; first is said when they do."""
        known = self.state.known
        own = ancestor_dates(self.state.plan, self.planned, owners, known)
        timings = [t for t in self.model.timings if t.key in self.drawn]
        if any(d not in own for t in timings for d in t.dates):
            pointers = self._apart(self.pointers)
            first = Skeleton(
                self.size, owners, pointers, self.states, features, self.joints, self.grid,
                taken=None,
            )  # fmt: skip
            self.moments = self.moments_of(first)
        for timing in timings:
            key = next(k for k in self.planned.keys if k.name == timing.key)
            windows = Windows.of(timing, {**own, **self.moments}, known.moments(key.parent))
            self._exchange(key, windows, timing, owners)
        return part.layout.features(self.drawn, self.size)

    def _exchange(
        self, key: KeyPlan, windows: Windows, timing: Timing, owners: Ints | None
    ) -> None:
        """Let rows exchange parents of one kind; who finds nobody then asks all in its place."""
        rng = self.state.rng(self.planned.name, key.name, "in time")
        places, kinds = self._places(key)[0], self.drawn[key.name].astype(np.int64)
        anyone, is_met = np.zeros_like(kinds), key.name in self.model.meetings
        is_alike = not is_met and key.role != "reference"
        for asked in (kinds, anyone) if is_alike else (anyone,):
            groups = places * (int(kinds.max(initial=0)) + 1) + asked
            taken = exchange(
                self.pointers[key.name], groups, owners, windows, rng, is_sorted=is_met,
                lags=timing.lags if asked is not anyone or not is_alike else (),
                by_end=timing.by_end,
            )  # fmt: skip
            self.pointers[key.name] = self.pointers[key.name][taken]
            self.drawn[key.name] = self.drawn[key.name][taken]

    def _name_tables(self, joint: Joint, part: RowsModel, drawn: dict[str, Floats | Ints]) -> None:
        """Settle which tables rows refer to, and what follows: rows of the table of labels."""
        column = next(c for c in part.layout.columns if c.name == joint.name)
        assert isinstance(column, CategoryColumn)
        known = np.array([NOTHING, *column.codec.labels, NOTHING], np.int64)
        rng = self.state.rng(self.planned.name, joint.name)
        states = known[drawn[joint.name].astype(np.int64)]
        states = self.states[joint.name] = refer_elsewhere(states, joint.sizes > 0, rng)
        drawn[joint.name] = column.codec.encode(pa.array(states, mask=states < 0))
        lookup = joint.polymorph.lookup(self.table)
        if lookup is not None:
            listed = self.state.parent_key(lookup, lookup.parent_columns[0]).to_pylist()
            labels = pa.chunked_array([pa.array(joint.polymorph.labels)])
            places = labels_of(labels, tuple(map(str, listed)))
            self.pointers[lookup.name] = np.where(states >= 0, places[states // 2], NONE)

    def _take_labelled(self, joint: Joint, key: KeyPlan, kinds: Ints) -> Ints:
        """Give the rows of one label parents of its table, by their capacities."""
        good = joint.viable(key.name, self.grid.offers[joint.name].is_viable)
        parent_kinds = self.state.known.codes[key.parent]
        # A row that refers to this table and asks for no kind takes any that is left.
        any_kind = int(parent_kinds.max(initial=0)) + 1
        here = joint.polymorph.here(self.states[joint.name], key.name)
        wanted = np.where(here, np.where(kinds >= 0, kinds, any_kind), NONE)
        edge = edge_name(self.planned.name, key.name)
        capacity = self.state.fanouts.get(edge, np.ones(len(parent_kinds), np.int64))
        rng = self.state.rng(self.planned.name, key.name)
        anywhere = np.full(self.size, ANYWHERE), np.full(len(good), ANYWHERE)
        chosen = choose_parents(
            wanted, anywhere[0], parent_kinds[good], anywhere[1], capacity[good], rng
        )
        return np.where(chosen < 0, NONE, good[np.maximum(chosen, 0)]) if len(good) else chosen

    def _draw(self, part: RowsModel, owners: Ints | None) -> dict[str, Floats | Ints]:
        above = ancestors(self.state.plan, self.planned, owners, self.state.known)
        siblings, bounds = siblings_of(owners, self.size), chunks(owners, self.size)
        whole = _Choice(
            self.state.above(self.planned), self.planned, self.table, part, above, siblings, owners
        )
        cells = self.size * len(part.layout.columns)
        if self.workers is None or not is_worth_it(cells, len(bounds), self.workers):
            parts = [_draw_choice(whole, a, b, number) for number, (a, b) in enumerate(bounds)]
        else:
            with self.workers.sharing(whole) as shared:
                calls = ((_draw_choice, shared, a, b, n) for n, (a, b) in enumerate(bounds))
                parts = list(ahead(self.workers, calls))
        names = [c.name for c in part.layout.columns]
        nothing = np.zeros(0, np.int64)
        return {n: np.concatenate([p[n] for p in parts]) if parts else nothing for n in names}

    def _reference_rows(self, key: KeyPlan, column: CategoryColumn, tokens: Ints) -> Ints:
        """
        The reference rows that (n,) tokens stand for.

        The rare one stands for those that have no token, of which all that is known is that none is
        used much: so all of them are, before one is used again.
        """
        labels = np.array([-1, *column.codec.labels, -1], np.int64)
        every = np.arange(self.state.sizes[key.parent])
        others = np.setdiff1d(every, labels)
        others = others if len(others) else every
        rare = np.flatnonzero(tokens == column.codec.rare)
        rows = labels[tokens]
        if len(others):
            rng = self.state.rng(self.planned.name, key.name, "rare")
            rows[rare] = evenly(others, len(rare), rng)
        return rows

    def _seasons(self, key: KeyPlan, part: RowsModel) -> Seasons | None:
        """The parents by year, where that of a row was drawn."""
        if key.role != "reference":
            return None
        declared = foreign_key(self.table, key.name)
        numbers = [c.name for c in part.layout.columns if isinstance(c, NumberColumn)]
        years = [n for n in numbers if n in declared.columns]
        if not years:
            return None
        parents = [self.state.parent_key(declared, c) for c in declared.parent_columns]
        return Seasons.of(declared, years[0], parents)

    def _take_in_season(
        self,
        key: KeyPlan,
        column: CategoryColumn,
        seasons: Seasons,
        drawn: dict[str, Floats | Ints],
    ) -> None:
        """Give rows parents that are there in their year; what was drawn becomes what they got."""
        labels = np.array([NOBODY, *column.codec.labels, ANYBODY], np.int64)
        whom = labels[drawn[key.name].astype(np.int64)]
        rng = self.state.rng(self.planned.name, key.name, "season")
        got = seasons.rows(drawn[seasons.column].astype(np.float64), whom, rng)
        got = self.pointers[key.name] = self._agreeing(key, got)
        first = climb(got, seasons.who)
        drawn[key.name] = column.codec.encode(pa.array(first, mask=first < 0))
        years = seasons.years[np.maximum(got, 0)]
        drawn[seasons.column] = np.where(got >= 0, years, np.nan)

    def _other_keys(self) -> list[KeyPlan]:
        """Reference keys first: keys that share columns with them must agree."""
        keys = chosen_keys(self.planned, self.table)
        return sorted(keys, key=lambda k: k.role != "reference")

    def _take_tokens(
        self,
        key: KeyPlan,
        kinds: Ints,
        gate: Floats | Ints | None,
        owners: Ints | None,
        links: Ints | None,
    ) -> Ints:
        """Give every row that asks for a kind of parent one, by the parents' capacities."""
        places, parent_places = self._places(key)
        edge, parents = edge_name(self.planned.name, key.name), self.state.sizes[key.parent]
        capacity = self.state.fanouts.get(edge, np.ones(parents, np.int64))
        good = np.flatnonzero(self.grid.offers[key.name].is_viable)
        parent_kinds = self.state.known.codes[key.parent]
        rng = self.state.rng(self.planned.name, key.name)
        is_known = self.state.plan.tables[key.parent].mode != "invent"
        if not is_known or (self.planned.name, "structure") in self.state.tilts:
            capacity = fitting(capacity, kinds, parent_kinds, rng)
        share = self.model.reuse.get(key.name, 0.0)
        is_again = bool(share) or gate is not None or links is not None
        if owners is not None and is_again and (places == ANYWHERE).all():
            again = np.zeros(self.size, np.int64) if gate is None else gate.astype(np.int64)
            together = sharing(owners, kinds, again, share, rng)
            if links is not None:
                together = heads(np.where(links < np.arange(self.size), links, together))
                kinds = kinds[together]
            chosen = choose_together(kinds, together, parent_kinds[good], capacity[good], rng)
        else:
            offered = parent_kinds[good], parent_places[good], capacity[good]
            chosen = choose_parents(kinds, places, *offered, rng)
            lost = np.flatnonzero((kinds >= 0) & (chosen < 0))
            if key.name in self.model.meetings and not self.grid.offers[key.name].is_optional:
                anywhere = np.full(len(lost), ANYWHERE)
                chosen[lost] = choose_parents(kinds[lost], anywhere, *offered, rng)
        return np.where(chosen < 0, NONE, good[np.maximum(chosen, 0)]) if len(good) else chosen

    def _links(
        self, key: KeyPlan, tokens: Ints, gate: Floats | Ints | None, inheriting: Inheriting | None
    ) -> Ints | None:
        """The row before whose parent each of (n,) rows has again; itself for one of its own."""
        name = key_name(key.name)
        if inheriting is None or name not in inheriting.customs:
            return None
        rows = np.arange(self.size)
        free = rows if gate is None else rows[gate != 1]
        heirs, theirs = inheriting.chosen(name, tokens, NULL, free)
        before = rows.copy() if gate is None else origins(gate.astype(np.int64))
        before[heirs] = theirs
        return heads(before)

    def _places(self, key: KeyPlan) -> tuple[Ints, Ints]:
        """Codes of what other keys have fixed of a key, for rows and for parents."""
        codes = self.grid.taken(self.pointers, self.size, without=key.name)
        shared = self.grid.shared(key.name, list(self.pointers))
        rows, parents = self.grid.meeting(key.name, codes, shared)
        meeting = self.model.meetings.get(key.name)
        if meeting is None or shared:
            return rows, parents
        owners = self.pointers[meeting.own[0]]
        own, theirs = meeting.places(self.state.plan, self.planned, key, owners, self._above)
        alone = int(own.max(initial=0) + theirs.max(initial=0)) + 1  # a place where no row is
        theirs = np.where(theirs < 0, alone, theirs)
        own = np.where(np.isin(own, theirs), own, NOWHERE)
        return own, np.where(parents == NOWHERE, NOWHERE, theirs)

    def _above(self, table: TableName, key: str) -> Ints:
        """The parent rows of a table that is there, or of this one."""
        known = self.pointers if table == self.planned.name else self.state.known.pointers[table]
        return known[key]

    def _agreeing(self, key: KeyPlan, pointers: Ints) -> Ints:
        """Draw other reference rows where the chosen ones contradict keys that share columns."""
        places, parent_places = self._places(key)
        if len(parent_places) == 0:
            return np.full(len(pointers), NONE)
        wrong = (pointers >= 0) & (places != ANYWHERE) & (parent_places[pointers] != places)
        rng = self.state.rng(self.planned.name, key.name, "agreeing")
        drawn = draw_in_place(places, parent_places, rng)
        return np.where(wrong, drawn, pointers)

    def _derive(self) -> None:
        """Follow the ways that lead to derived parents."""
        for key in self.planned.keys:
            if key.role != "derived":
                continue
            first, *steps = key.via
            reached, name = self.pointers[first], self._parent(self.planned.name, first)
            for step in steps:
                reached = climb(reached, self.state.known.pointers[name][step])
                name = self._parent(name, step)
            self.pointers[key.name] = reached

    def _parent(self, name: TableName, key: str) -> TableName:
        return next(k.parent for k in self.state.plan.tables[name].keys if k.name == key)


def _by_owner(owners: Ints) -> Ints:
    """An order in which rows of one owner lie together, and those without one come last."""
    return np.argsort(np.where(owners < 0, np.iinfo(np.int64).max, owners), kind="stable")
