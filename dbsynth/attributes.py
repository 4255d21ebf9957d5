"""Pass B of a table: draw its rows' attributes, chunk by chunk, and hand them out as Arrow."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dbsynth.adapters.scratch import Scratch
from dbsynth.arrow import put_column
from dbsynth.beside import NO_HELP, Drawn, Help, Sink, drawn_of, grouped, store
from dbsynth.borrowing import Borrowed, Borrowing
from dbsynth.conditions import (
    Siblings,
    ancestors,
    chosen_parents,
    sibling_state,
    siblings_of,
)
from dbsynth.copying import Given
from dbsynth.cousins import are_asked, gather
from dbsynth.drawing import draw_part, inheriting_of
from dbsynth.encode import DatetimeColumn, ModelledColumn
from dbsynth.families import Inheriting
from dbsynth.features import Features, Floats, Ints
from dbsynth.keeping import Keeping
from dbsynth.makers import lead
from dbsynth.mapped import rest
from dbsynth.mending.draft import Scope
from dbsynth.mending.exclusions import Apart
from dbsynth.mending.mender import Mended, Mender
from dbsynth.plan import TablePlan
from dbsynth.polymorphs import polymorphs
from dbsynth.progress import Event, Progress, silent
from dbsynth.rendering import Rendering
from dbsynth.resting import copied, filtered, room
from dbsynth.rows import Values
from dbsynth.sample import owner_key
from dbsynth.schema import Batch, Stored, Table
from dbsynth.skeleton import Skeleton
from dbsynth.state import State, noted
from dbsynth.tablemodel import RowsModel, TableModel
from dbsynth.timings import is_year
from dbsynth.told import Told
from dbsynth.trees import hang
from dbsynth.workers import Workers, ahead, is_worth_it


def draw_attributes(
    state: State,
    planned: TablePlan,
    table: Table,
    model: TableModel,
    skeleton: Skeleton,
    progress: Progress,
    help_: Help = NO_HELP,
) -> Iterator[Batch | Stored]:
    """
    Draw a table's rows and finish it in the state; trees wait for their last row.

    What a chunk's rows are drawn as depends on nothing but the state, so workers draw chunks ahead;
    what is seen to in the order of chunks (pseudonyms, rules, unique sets) is done here.  Where
    there is nothing of that kind, they put the rows into the target as well, if that can be.
    """
    assert model.content is not None
    whole = _Attributes(state, planned, table, model, model.content, skeleton, progress)
    return whole.batches(help_)


def draw_moments(
    state: State,
    planned: TablePlan,
    table: Table,
    model: TableModel,
    skeleton: Skeleton,
    workers: Workers | None,
) -> dict[str, Floats]:
    """Draw the dates of rows that have parents of the kind that they will have."""
    assert model.content is not None
    whole = _Attributes(state, planned, table, model, model.content, skeleton, silent)
    return whole.moments(workers)


@dataclass
class _Done:
    """What is kept of the chunks that were handed out."""

    features: Features | None = None  # of all rows so far, and room for the others
    values: dict[str, Floats | Ints] = field(default_factory=dict)  # the same
    rows: list[pa.Table] = field(default_factory=list)
    kept: list[NDArray[np.bool_]] = field(default_factory=list)
    size: int = 0

    def put(self, values: Values, rows: int) -> None:
        """Put working values in their place; `rows` says for how many there is to be room."""
        for name, some in values.items():
            if name not in self.values:
                self.values[name] = room((rows,), some.dtype)
            whole = self.values[name][self.size : self.size + len(some)]
            np.copyto(whole, some, casting="same_kind")


@dataclass
class _Attributes:
    state: State
    planned: TablePlan
    table: Table
    model: TableModel
    part: RowsModel
    skeleton: Skeleton
    progress: Progress

    def __post_init__(self) -> None:
        """Look at what rules say about the rows."""
        self.keeping = Keeping(self.state, self.planned, self.table)

    def batches(self, help_: Help) -> Iterator[Batch | Stored]:
        name = self.planned.name
        waits = self._waits
        self.state.known.pointers[name] = self.skeleton.pointers
        mender = self._mender()
        if self._is_asked:
            self._gather(self._no_rows, np.zeros(0, np.int64))
        bounds = self.skeleton.bounds
        workers = help_.workers if self._is_worth(bounds, help_.workers) else None
        if workers is not None and help_.sink_of is not None and self._is_free(mender):
            sink = help_.sink_of(name)
            if sink is not None:
                yield from self._stored(bounds, workers, sink)
                return
        borrowing = self._borrowing()
        done = _Done()
        for (start, stop), number, (first, made) in self._drawn(bounds, workers):
            drawn, rows = first, made
            if rows is None:
                rows = self._rendering.rows(drawn, borrowing.part(start, stop), start, stop)
            above = {k: v[start:stop] for k, v in self.skeleton.pointers.items()}
            ruled, kept_rules = self.keeping.keep(rows, above, number)
            noted(self.state.changes, name, kept_rules, rows, ruled)
            led = self._led_again(ruled, kept_rules, start)
            mended = mender.mend(led, self.state.rng(name, "mend", number))
            self._follow(mended, start, stop)
            mended = self._ruled_again(mender, mended, above, number)
            mended = replace(mended, whole=self._rendering.told_again(rows, mended.whole, start))
            mended = replace(mended, changed={*mended.changed, *kept_rules})
            rows, kept = mended.rows, mended.kept
            drawn = self._redrawn(drawn, mended)
            self._keep(done, rows, drawn, kept, start)
            if not waits:
                self._sum_up(rows, start + np.flatnonzero(kept))
                yield from (Batch(name, b) for b in rows.to_batches())
            self.progress(Event("generate", str(name), stop, self.skeleton.size))
        yield from self._finished(done, waits=waits)

    def _drawn(
        self, bounds: list[tuple[int, int]], workers: Workers | None
    ) -> Iterator[tuple[tuple[int, int], int, Drawn]]:
        """Draw chunks, in order; ahead of whoever takes them where there are workers."""
        if workers is None:
            for number, (start, stop) in enumerate(bounds):
                yield (start, stop), number, (self.draw(start, stop, number), None)
            return
        with workers.sharing(self._alone()) as shared:
            calls = ((drawn_of, shared, start, stop, n) for n, (start, stop) in enumerate(bounds))
            for number, drawn in enumerate(ahead(workers, calls)):
                yield bounds[number], number, drawn

    def moments(self, workers: Workers | None) -> dict[str, Floats]:
        """(n,) working values of all dates that tell which parents rows can have."""
        names = {d for t in self.model.timings for d in t.dates}
        names &= {c.name for c in self.part.layout.columns}
        self.state.known.pointers[self.planned.name] = self.skeleton.pointers
        bounds = self.skeleton.bounds
        helpers = workers if self._is_worth(bounds, workers) else None
        found = {n: np.full(self.skeleton.size, np.nan) for n in names}
        for (start, stop), _, (drawn, _) in self._drawn(bounds, helpers):
            for name, values in found.items():
                values[start:stop] = drawn[name]
        return found

    def _is_worth(self, bounds: list[tuple[int, int]], workers: Workers | None) -> bool:
        cells = self.skeleton.size * len(self.part.layout.columns)
        return workers is not None and is_worth_it(cells, len(bounds), workers)

    def _is_free(self, mender: Mender) -> bool:
        """Whether nothing that is done to a chunk depends on the chunks before it."""
        totals = self.state.totals.found
        in_totals = any(self.planned.name in (t.child, t.table) for t in totals)
        is_bound = (
            self.keeping.asked.is_asked or mender.repair is not None or bool(mender.distinct.rules)
        )
        return not (is_bound or in_totals or self._waits or self.model.pseudonyms)

    def _stored(
        self, bounds: list[tuple[int, int]], workers: Workers, sink: Sink
    ) -> Iterator[Stored]:
        """Let workers write what they draw; only what children need comes back."""
        done, groups = _Done(), grouped(bounds, sink.rows)
        with workers.sharing(self._alone()) as shared:
            calls = ((store, shared, sink, group, n) for n, group in enumerate(groups))
            for group, parts in zip(groups, ahead(workers, calls), strict=True):
                for (_, start, stop), (drawn, rows) in zip(group, parts, strict=True):
                    self._keep(done, rows, drawn, np.ones(stop - start, bool), start)
                yield Stored(self.planned.name, sum(stop - start for _, start, stop in group))
                name, size = str(self.planned.name), self.skeleton.size
                self.progress(Event("generate", name, group[-1][2], size))
        for _ in self._finished(done, waits=False):
            raise AssertionError("rows that were stored wait for nothing")

    def needed(self, drawn: Values, rows: pa.Table) -> tuple[Values, pa.Table]:
        """What of a chunk the rest of the run needs."""
        columns = self.state.referenced(self.planned.name)
        kept = rows.select([c for c in rows.column_names if c in columns])
        if self.state.is_needed(self.planned.name) or self._is_asked:
            return drawn, kept
        return {n: v for n, v in drawn.items() if n in self._kept_values(drawn)}, kept

    def draw(self, start: int, stop: int, number: int) -> dict[str, Floats | Ints]:
        """Draw the working values of rows start..stop; changes nothing."""
        return self._chunk(start, stop, number, self._borrowing().part(start, stop))

    def drawn_whole(self, start: int, stop: int, number: int) -> Drawn:
        """The same, and the rows themselves, if they need not wait for the rows before them."""
        borrowed = self._borrowing().part(start, stop)
        drawn = self._chunk(start, stop, number, borrowed)
        if self.model.pseudonyms:  # wait for those of the rows before
            return drawn, None
        rows = self._rendering.rows(drawn, borrowed, start, stop)
        return dict(self.needed(drawn, rows)[0]), rows

    def _borrowing(self) -> Borrowing:
        return Borrowing(
            self.state, self.planned, self.table, self.model, self.part.layout,
            self.skeleton.pointers,
        )  # fmt: skip

    def _alone(self) -> _Attributes:
        """All that drawing needs, and no more of the run."""
        return replace(self, state=self.state.above(self.planned), progress=silent)

    def _sum_up(self, rows: pa.Table, places: Ints) -> None:
        """Add rows to what their parents' totals come to."""
        pointers = {k: v[places] for k, v in self.skeleton.pointers.items()}
        self.state.totals.add(self.planned.name, rows, pointers)

    @property
    def _waits(self) -> bool:
        """Whether rows can be handed out only when all are there."""
        is_tree = any(k.role == "self" for k in self.planned.keys)
        return is_tree or bool(self.table.exclusions) or self.keeping.asked.waits

    def _mender(self, scope: Scope | None = None) -> Mender:
        """What sees to the table's rules; keys that are set later are unknown to it at first."""
        asked, dialect = self.keeping.asked, self.state.plan.schema.dialect
        wanted = scope or Scope(late=self._set_later("self", "backfill"), fixed=asked.told)
        table = replace(
            self.table,
            checks=(*self.table.checks, *asked.checks),
            uniques=(*self.table.uniques, *asked.uniques),
        )  # fmt: skip
        return Mender.of(table, dialect, self.planned, self.model, wanted)

    def _set_later(self, *roles: str) -> frozenset[str]:
        done = {k.columns for k in self.planned.keys if k.role not in ("self", "backfill")}
        late = {c for k in self.planned.keys if k.role in roles for c in k.columns}
        return frozenset(late - {c for columns in done for c in columns})

    def _chunk(
        self, start: int, stop: int, number: int, borrowed: Borrowed
    ) -> dict[str, Floats | Ints]:
        """Draw rows start..stop of the content layout."""
        skeleton = self.skeleton
        owners = None if skeleton.owners is None else skeleton.owners[start:stop]
        pointers = {k: v[start:stop] for k, v in skeleton.pointers.items()}
        chosen = chosen_parents(self.planned, pointers, self.state.known)
        above = ancestors(self.state.plan, self.planned, owners, self.state.known)
        codes = skeleton.codes.take(np.arange(start, stop))
        siblings = siblings_of(owners, stop - start)  # chunks never tear them apart
        given = Features.join([codes, chosen, above], stop - start)
        drawn = self._drawn_near(start, stop, number, given, siblings, borrowed)
        if self.model.outline is not None:
            whole = [given, self._siblings_seen(drawn, siblings), codes]
            seen = Features.join(whole, stop - start)
            drawn |= self._outlined(self.model.outline, drawn, seen, number)
        return drawn | self._late(start, stop)

    def _drawn_near(
        self, start: int, stop: int, number: int, given: Features, siblings: Siblings,
        borrowed: Borrowed,
    ) -> dict[str, Floats | Ints]:  # fmt: skip
        """Draw rows, and let them keep to what their owners told."""
        skeleton, told = self.skeleton, Told.of(self.state, self.planned, self.part.layout.columns)
        owners = None if skeleton.owners is None else skeleton.owners[start:stop]
        is_free = owners is not None and not self.state.tilts
        times = told.times(skeleton.size) if is_free else 1
        rows = np.tile(np.arange(stop - start), times)
        moments = {name: values[start:stop] for name, values in skeleton.moments.items()}
        settled = {name: Given(v, np.ones(len(v), bool)) for name, v in moments.items()}
        chosen = {key: parents[start:stop][rows] for key, parents in skeleton.pointers.items()}
        near = Siblings(siblings.index[rows], siblings.count[rows])
        whose = None if owners is None else owners[rows]
        inheriting = self._inheriting(whose, near, chosen, number)
        drawn = draw_part(
            self.state, self.planned, self.table, "content", self.part, given.take(rows),
            near, whose, number,
            {name: copies.take(rows) for name, copies in (borrowed.given() | settled).items()},
            skeleton.laid and skeleton.laid.part(start, stop), chosen, inheriting,
        )  # fmt: skip
        if times > 1 and owners is not None:
            family = None if inheriting is None else inheriting.family.low[: stop - start]
            kept = told.nearest(drawn, owners, siblings, times, family)
            drawn = {name: values[kept] for name, values in drawn.items()}
        return drawn | told.bent(drawn, owners) | moments

    def _inheriting(
        self, owners: Ints | None, siblings: Siblings, chosen: Mapping[str, Ints], number: int
    ) -> Inheriting | None:
        """What rows have again of their family; they look at those that chose the same parents."""
        found = inheriting_of(
            self.state, self.planned, self.model.heritage, owners, siblings, number, in_blocks=True
        )
        if found is not None:
            for key, parents in chosen.items():
                found.look(key, parents)
        return found

    def _siblings_seen(self, drawn: Values, siblings: Siblings) -> Features:
        if self.skeleton.owners is None:
            return Features.empty(len(siblings.index))
        return sibling_state(self.part.layout, drawn, siblings)

    def _outlined(self, part: RowsModel, drawn: Values, given: Features, number: int) -> Values:
        """Draw how the children of each row spread, given all that is known of the row."""
        own = self.part.layout.features(drawn, len(given))
        return draw_part(
            self.state, self.planned, self.table, "outline", part,
            Features.join([given, own], len(given)), siblings_of(None, len(given)), None, number,
        )  # fmt: skip

    def _late(self, start: int, stop: int) -> dict[str, Ints]:
        """Which rows have a polymorphic reference whose parent is only known later."""
        late = {k.name for k in self.planned.keys if k.role in ("self", "backfill")}
        return {
            k.name: p.here(self.skeleton.states[p.name][start:stop], k.name).astype(np.int64)
            for p in polymorphs(self.table)
            for k in p.keys
            if k.name in late
        }

    def _led_again(self, rows: pa.Table, changed: Collection[str], start: int) -> pa.Table:
        """Let the words in codes follow from what rules have changed, unless rules name them."""
        told = self.model.makers.leads
        names = {n for n, t in told.items() if {c for c, _ in t.columns} & set(changed)}
        names = {n for n in names - set(changed) if not self.keeping.is_disturbed({n})}
        if not names:
            return rows
        columns = {n: rows.column(n).combine_chunks() for n in rows.column_names}
        numbers = (start, self.skeleton.size)
        made = lead(self.model.makers, columns, numbers, self.state.seed)
        for name in sorted(names & made.keys()):
            rows = put_column(rows, name, made[name])
        return rows

    @property
    def _rendering(self) -> Rendering:
        layout = self.part.layout
        return Rendering(
            self.planned, self.table, self.model, layout, self.skeleton, self.state.seed
        )

    def _redrawn(self, drawn: dict[str, Floats | Ints], mended: Mended) -> dict[str, Floats | Ints]:
        """Working values of what became of the rows."""
        found = {c.name: c for c in self.part.layout.columns}
        again = {
            c: found[c].values(mended.whole.column(c).combine_chunks())
            for c in mended.changed
            if c in found
        }
        return {**drawn, **again}

    def _ruled_again(
        self, mender: Mender, mended: Mended, above: Mapping[str, Ints], number: int
    ) -> Mended:
        """See to rules where what the schema demands has moved what they are about."""
        if not self.keeping.is_disturbed(mended.changed):
            return mended
        ruled, told = self.keeping.again(mended.whole, above, number)
        noted(self.state.changes, self.planned.name, told, mended.whole, ruled)
        sound = mender.sound(ruled, mended.whole)  # what the schema demands has the last word
        places = np.where(sound, np.arange(len(sound)) + len(sound), np.arange(len(sound)))
        whole = pa.concat_tables([mended.whole, ruled]).take(pa.array(places))
        for name in self.keeping.asked.free:  # rows have exchanged them: all have theirs, or none
            whole = put_column(whole, name, ruled.column(name))
        return replace(mended, whole=whole, changed={*mended.changed, *told})

    def _follow(self, mended: Mended, start: int, stop: int) -> None:
        """Lead keys to the parents that rows have taken over from others."""
        known = self.skeleton.pointers
        before = [known[key][start:stop].copy() for key in mended.keys]
        for key, places in mended.places.items():
            parents = np.concatenate(before)[np.maximum(places, 0)]
            known[key][start:stop] = np.where(places >= 0, parents, -1)

    def _keep(
        self, done: _Done, rows: pa.Table, drawn: Values, kept: NDArray[np.bool_], start: int
    ) -> None:
        """Remember of a chunk what children need, and nothing else."""
        index = np.flatnonzero(kept)
        drawn = {n: v if len(index) == len(v) else v[index] for n, v in drawn.items()}
        is_needed, is_asked = self.state.is_needed(self.planned.name), self._is_asked
        if is_needed or is_asked:
            own = [self.part.layout.features(drawn, len(index))]
            if self.model.outline is not None:
                own.append(self.model.outline.layout.features(drawn, len(index)))
            codes = self.skeleton.codes.take(start + index)
            seen = Features.join([codes, *own], len(index))
            if is_needed:
                if done.features is None:
                    done.features = seen.room(self.skeleton.size, rests=True)
                done.features.put(done.size, seen)
            if is_asked:
                self._gather(seen, start + index)
        wanted = self._kept_values(drawn)
        done.put({n: v for n, v in drawn.items() if n in wanted}, self.skeleton.size)
        columns = self.state.remembered(self.planned.name)
        if self._waits:
            columns = set(rows.column_names)
        done.rows.append(copied(rows.select([c for c in rows.column_names if c in columns])))
        done.kept.append(np.broadcast_to(np.True_, len(kept)) if kept.all() else kept)
        done.size += len(index)
        rest()

    @property
    def _no_rows(self) -> Features:
        parts = [self.skeleton.codes, self.part.layout.shape]
        parts += [self.model.outline.layout.shape] if self.model.outline else []
        return Features.join([p.take(np.zeros(0, np.int64)) for p in parts], 0)

    @property
    def _is_asked(self) -> bool:
        return are_asked(self.state.plan, self.planned.name)

    def _gather(self, rows: Features, places: Ints) -> None:
        """Remember what owners have of rows that stand at some places; owners come in order."""
        owner = owner_key(self.planned)
        assert owner is not None
        known = self.state.known.gathered
        if self.planned.name not in known:
            count = self.state.sizes[owner.parent]
            known[self.planned.name] = gather(rows.take(places[:0]), places[:0], count)
        owners = self.skeleton.pointers[owner.name][places]
        owned = owners[owners >= 0]
        if len(owned):
            first, last = int(owned.min()), int(owned.max())
            some = gather(rows, np.where(owners >= 0, owners - first, -1), last - first + 1)
            known[self.planned.name][first : last + 1] += some

    def _kept_values(self, drawn: Values) -> set[str]:
        """The working values that a finished table keeps."""
        wanted = {k.name for k in self.planned.keys if k.role in ("self", "backfill")}
        if self.state.is_needed(self.planned.name) or self._waits:
            wanted |= {c.name for c in self.part.layout.columns if _tells_time(c)}
        return wanted | {n for n in drawn if n.startswith("#")}

    def _finished(self, done: _Done, *, waits: bool) -> Iterator[Batch]:
        """Hang trees, hand out rows that had to wait for them, and finish the table."""
        state, name = self.state, self.planned.name
        if state.is_needed(name):
            whole_features = done.features or Features.empty(0)
            state.known.features[name] = whole_features.part(0, done.size)
            done.features = None
        if done.size < self.skeleton.size:
            kept = np.concatenate(done.kept)
            pointers = {k: filtered(v, kept) for k, v in self.skeleton.pointers.items()}
            state.known.pointers[name] = pointers
        values = {n: v[: done.size] for n, v in done.values.items()}
        if waits and done.rows:
            whole = hang(
                state, self.planned, self.table, self.model, pa.concat_tables(done.rows), values
            )
            whole = self._closed(whole, values)
            done.rows = [whole]
            self._sum_up(whole, np.flatnonzero(np.concatenate(done.kept)))
            yield from (Batch(name, b) for b in whole.to_batches())
        state.finish(self.table, self.model, done.size, done.rows, values)

    def _closed(self, whole: pa.Table, values: dict[str, Any]) -> pa.Table:
        """See to the rules that need all rows: about trees, and what excludes what."""
        before = whole
        keys = {c for k in self.table.foreign_keys for c in k.columns}
        fixed = frozenset(self.state.referenced(self.planned.name) | keys)
        scope = Scope(late=self._set_later("backfill"), fixed=fixed)
        if late := self._set_later("self"):
            rng = self.state.rng(self.planned.name, "mend", "whole")
            whole = self._mender(replace(scope, only=late)).mend(whole, rng).whole
        unruled = whole
        ruled, told = self.keeping.close(whole, self.state.known.pointers[self.planned.name])
        noted(self.state.changes, self.planned.name, told, whole, ruled)
        whole = ruled
        # What the schema demands has the last word.
        mender = self._mender(scope)
        checked = {c for check in self.table.row_checks for c in check.columns}
        if told & (checked | mender.watched):
            rng = self.state.rng(self.planned.name, "mend", "ruled")
            whole = self._sound(mender, mender.mend(whole, rng).whole, unruled)
        for rule in Apart.of(self.table, self.state.plan.schema.dialect):
            whole = rule.moved(whole, Scratch())
        for column in self.part.layout.columns:
            is_written = column.name in whole.column_names  # not what is told of children
            if _tells_time(column) and is_written and column.name in values:
                now = whole.column(column.name)
                if now is not before.column(column.name):
                    values[column.name] = column.values(now.combine_chunks())
        return whole

    def _sound(self, mender: Mender, rows: pa.Table, before: pa.Table) -> pa.Table:
        """Rows as they were before rules changed them, where nothing has mended a check since."""
        sound = mender.sound(rows, rows)
        if sound.all():
            return rows
        places = np.where(sound, np.arange(len(sound)), np.arange(len(sound)) + len(sound))
        whole = pa.concat_tables([rows, before]).take(pa.array(places))
        for name in self.keeping.asked.free:  # rows have exchanged them: all have theirs, or none
            whole = put_column(whole, name, rows.column(name))
        return whole


def _tells_time(column: ModelledColumn) -> bool:
    return isinstance(column, DatetimeColumn) or is_year(column)
