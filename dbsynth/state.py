"""What generation remembers of the tables that are done, for those that come after."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dbsynth import resting
from dbsynth.arrow import arrow_type
from dbsynth.conditions import Known
from dbsynth.cousins import are_asked, cousins
from dbsynth.encode import DatetimeColumn
from dbsynth.features import Floats, Ints
from dbsynth.keepers.above import Above, needed_above
from dbsynth.keepers.members import memberships
from dbsynth.keepers.totals import Totals
from dbsynth.keys import capped, rake
from dbsynth.model.base import stable_seed
from dbsynth.plan import KeyPlan, Plan, TablePlan
from dbsynth.rows import Values
from dbsynth.rules.evensteps import caps_of, limiting
from dbsynth.schema import ForeignKey, Table, TableName
from dbsynth.tablemodel import KIND, Model, TableModel, edge_name
from dbsynth.tilt import Tilts
from dbsynth.timings import years_of
from dbsynth.values import to_floats

Changes = dict[tuple[TableName, str], int]


@dataclass
class State:
    """The run so far."""

    model: Model
    scale: float
    seed: int
    rows: dict[TableName, int]  # what the user wants of single tables
    known: Known = field(default_factory=Known)
    sizes: dict[TableName, int] = field(default_factory=dict)
    fanouts: dict[str, Ints] = field(default_factory=dict)  # edge -> children of each parent row
    keys: dict[TableName, dict[str, pa.ChunkedArray]] = field(default_factory=dict)
    presence: dict[tuple[TableName, str], Ints] = field(default_factory=dict)  # backfill keys
    totals: Totals = field(default_factory=Totals)  # columns that sum up later tables
    changes: Changes = field(default_factory=dict)  # values that rules changed, by column
    tilts: Tilts = field(default_factory=dict)  # wished shares, where there are any
    made: set[TableName] = field(default_factory=set)  # tables that are done

    @cached_property
    def ruled(self) -> dict[TableName, set[str]]:
        """The columns of each table that rules about other tables' rows need."""
        found = needed_above(self.plan)
        for one in memberships(self.plan, self.plan.rules):
            found.setdefault(one.other, set()).add(one.of)
        for above, column, _ in self._limits:
            found.setdefault(above, set()).add(column)
        return found

    @cached_property
    def _limits(self) -> tuple[tuple[TableName, str, TableName], ...]:
        """The columns that limit what rows of other tables come to."""
        return tuple(limiting(self.plan.rules, self.plan.schema))

    def order(self) -> list[TablePlan]:
        """
        The tables as they are made.

        Parents come first; what is added up comes before what repeats the total, a set of values
        before those that take from it, as long as nothing goes in a circle.
        """
        plans = self.plan.tables
        before: dict[TableName, set[TableName]] = {
            n: {k.parent for k in p.keys if k.role not in ("self", "backfill")} - {n}
            for n, p in plans.items()
        }
        for name in plans:
            for table, column in self._told_by(name):
                added = self.totals.children(table, column)
                before[name] |= {c for c in added if c != name}
        for one in memberships(self.plan, self.plan.rules):
            before[one.table].add(one.other)
        for name, planned in plans.items():
            before[name] |= set(cousins(self.plan, planned))
        made: list[TablePlan] = []
        left = list(plans)
        while left:
            done = {p.name for p in made}
            ready = next((n for n in left if before[n] <= done), None)
            if ready is None:
                return list(plans.values())
            left.remove(ready)
            made.append(plans[ready])
        return made

    def settle_above(self, name: TableName) -> None:
        """Set the totals of rows above that a table's rows repeat, as far as they are known."""
        for above, column in self._told_by(name):
            added = self.totals.children(above, column)
            if added and added <= set(self.sizes) and above in self.keys:
                kept = self.keys[above]
                table = self.plan.schema.table(above)
                rows, changed = self.totals.settled(table, kept, self.sizes)
                kept |= {c: rows.column(c) for c in changed if c in kept}

    def _told_by(self, name: TableName) -> list[tuple[TableName, str]]:
        """The columns of rows above that rules about a table name, or that it has to come to."""
        ways = Above.of(self.plan, name).ways.values()
        found = [(way.table, way.column) for way in ways]
        found += [(above, column) for above, column, child in self._limits if child == name]
        return found + [(t.table, t.column) for t in self.totals.due if t.child == name]

    @property
    def plan(self) -> Plan:
        """The model's plan."""
        return self.model.plan

    def rng(self, *parts: object) -> np.random.Generator:
        """A random stream of its own for every purpose."""
        return np.random.Generator(np.random.Philox(key=stable_seed(self.seed, *parts)))

    def parent_key(self, key: ForeignKey, column: str) -> pa.ChunkedArray:
        """A column of a finished table, to which a foreign key refers."""
        return self.keys[key.parent][column]

    def wanted(self, planned: TablePlan) -> int:
        """How many rows a table should have; one that has rows keeps one at any scale."""
        if planned.name in self.rows:
            return self.rows[planned.name]
        scaled = round(planned.target_rows * self.scale)
        return max(scaled, 1) if planned.target_rows and self.scale else scaled

    def referenced(self, name: TableName) -> set[str]:
        """The columns of a table that other rows refer to, and its primary key."""
        keys = self.plan.schema.foreign_keys
        referenced = {c for k in keys if k.parent == name for c in k.parent_columns}
        copies = [t.copies for p in self.plan.tables.values() for t in p.columns.values()]
        referenced |= {o.column for o in copies if o is not None and o.via and o.table == name}
        table, planned = self.plan.schema.table(name), self.plan.tables[name]
        referenced |= self.totals.columns(name) | self.ruled.get(name, set())
        return referenced | late_neighbours(self.plan, planned) | set(table.primary_key)

    def remembered(self, name: TableName) -> set[str]:
        """The columns of which later tables, or what is set at the end, need the values."""
        planned = self.plan.tables[name]
        is_last = not self.is_needed(name) and not self.totals.columns(name)
        if is_last and not late_columns(self.plan, planned) and not self._lends(name):
            return set()
        return self.referenced(name)

    def _lends(self, name: TableName) -> bool:
        copies = [t.copies for p in self.plan.tables.values() for t in p.columns.values()]
        lends = any(o is not None and o.via and o.table == name for o in copies)
        return lends or bool(self.ruled.get(name))

    def forget(self, done: TableName) -> None:
        """Let go of what only tables up to this one see of the tables before them."""
        self.made.add(done)
        left = [p for n, p in self.plan.tables.items() if n not in self.made]
        needed = {n for planned in left for n in self._seen_from(planned.name)}
        names = {planned.name for planned in left}
        known = self.known
        for name in self.made:
            if name not in needed:
                for kept in (known.features, known.dates, known.years, known.sketches):
                    kept.pop(name, None)
            if name in known.gathered and not are_asked(self.plan, name, names):
                known.gathered.pop(name)

    def forget_fanouts(self, planned: TablePlan) -> None:
        """Let go of how many rows of a table each parent has, once that is settled."""
        for key in planned.keys:
            self.fanouts.pop(edge_name(planned.name, key.name), None)

    def _seen_from(self, name: TableName) -> set[TableName]:
        """The tables whose rows networks see when they draw a table's: parents, and all above."""
        found: set[TableName] = set()
        waiting = [k.parent for k in self.plan.tables[name].keys]
        while waiting:
            table = waiting.pop()
            if table not in found:
                found.add(table)
                waiting += [k.parent for k in self.plan.tables[table].keys]
        return found

    def ownerless(self, planned: TablePlan) -> int:
        """How many rows of a table belong to nobody."""
        wanted = self.wanted(planned)
        found = self.model.tables[planned.name].ownerless
        return round(found * wanted / max(1, planned.source_rows))

    def above(self, planned: TablePlan) -> State:
        """What drawing a table's rows needs of the run: the rows of all tables that it hangs on."""
        names, left = {planned.name}, [planned.name]
        while left:
            parents = {k.parent for k in self.plan.tables[left.pop()].keys} - names
            names |= parents
            left += parents
        beside = names | set(cousins(self.plan, planned))
        known = {
            f.name: {n: v for n, v in getattr(self.known, f.name).items() if n in beside}
            for f in fields(self.known)
            if f.name != "codes"  # parents are chosen
        }
        alone = Model(self.plan, {})
        keys = {n: v for n, v in self.keys.items() if n in names}
        tilts = {place: tilt for place, tilt in self.tilts.items() if place[0] == planned.name}
        return replace(
            self, model=alone, known=Known(**known), keys=keys, tilts=tilts, sizes={}, fanouts={},
            presence={}, totals=Totals(),
        )  # fmt: skip

    def is_needed(self, name: TableName) -> bool:
        """Whether a later table is conditioned on this one."""
        return any(k.parent == name for t in self.plan.tables.values() for k in t.keys)

    def finish(
        self, table: Table, model: TableModel, size: int, rows: list[pa.Table], values: Values
    ) -> None:
        """
        Keep what children need of a finished table.

        Args:
            table: the source's.
            model: its generator.
            size: its rows.
            rows: them, with at least the referenced columns; empty if there are none.
            values: working values of its counts, dates and backfill keys.
        """
        name = table.name
        self.sizes[name] = size
        self.known.pointers.setdefault(name, {})
        empty = pa.schema([(c.name, arrow_type(c.type)) for c in table.written_columns])
        whole = pa.concat_tables(rows) if rows else empty.empty_table()
        wanted = self.referenced(name)
        self.keys[name] = {
            c: resting.column(whole.column(c)) for c in whole.column_names if c in wanted
        }
        columns = model.content.layout.columns if model.content else ()
        self.known.dates[name] = {
            c.name: values[c.name].astype(np.float64, copy=False)
            for c in columns
            if isinstance(c, DatetimeColumn) and c.name in values
        }
        self.known.years[name] = years_of(columns, values)
        dates = self.known.dates[name]
        self.known.ends[name] = {c: dates.pop(c) for c in list(dates) if c.startswith("#")}
        told = model.outline.layout.columns if model.outline else ()
        self.known.sketches[name] = {
            c.name: values[c.name].astype(np.float64, copy=False) for c in told if c.name in values
        }
        for key in self.plan.tables[name].keys:
            if key.role == "backfill" and key.name in values:
                self.presence[name, key.name] = values[key.name].astype(np.int64)
        self.known.codes[name] = self._kinds(model, size, values.get(KIND))
        self._keep_fanouts(name, model, size, values)

    def _kinds(self, model: TableModel, size: int, drawn: Floats | Ints | None) -> Ints:
        """The kinds by which other tables choose (n,) rows: drawn, found, or dealt out."""
        if drawn is not None:
            return np.maximum(drawn.astype(np.int64) - 1, 0)
        features = self.known.features.get(model.name)
        if model.clusters is not None and features is not None:
            return model.clusters.assign(features)
        if model.alike and size:
            every = np.repeat(np.arange(len(model.alike)), model.alike)
            return every[np.arange(size) * len(every) // size]
        return np.broadcast_to(np.int64(0), size)

    def _keep_fanouts(self, name: TableName, model: TableModel, size: int, values: Values) -> None:
        """Turn drawn counts into fan-outs with the released distribution and the right total."""
        caps = caps_of(self.plan.rules, self.plan.schema, name)
        for child in self.plan.tables.values():
            for key in child.keys:
                edge = edge_name(child.name, key.name)
                if key.parent != name or edge not in model.counts:
                    continue
                released = model.counts[edge]
                total = self._total(child, key, released, size)
                rng = self.rng(name, edge)
                drawn = values.get(edge)
                raw = rng.random(size) if drawn is None else drawn.astype(np.float64, copy=False)
                self.fanouts[edge] = rake(raw, released, total, rng)
                for cap in (c for c in caps if (c.child, c.key) == (child.name, key.name)):
                    limits = to_floats(self.keys[name][cap.column].combine_chunks())
                    self.fanouts[edge] = capped(self.fanouts[edge], limits, rng)

    def _total(self, child: TablePlan, key: KeyPlan, released: NDArray[np.int64], size: int) -> int:
        """How many rows a child table should have along a key."""
        if size == 0 or len(released) == 0:
            return 0
        if key.role != "owner":
            return round(float(released.mean()) * size)
        if child.name in self.rows:
            return max(0, self.rows[child.name] - self.ownerless(child))
        parent = self.plan.tables[key.parent]
        owned = child.source_rows - self.model.tables[child.name].ownerless
        wish = child.target_rows / max(1, child.source_rows)
        if parent.mode == "copy":
            wish *= self.scale  # the parents are not scaled, so their children are
        total = round(owned * size / max(1, parent.source_rows) * wish)
        return max(total, 1) if owned > 0 and wish > 0 else total


def noted(
    changes: Changes, name: TableName, columns: Iterable[str], before: pa.Table, after: pa.Table
) -> None:
    """Count the values in which (n,) rows of a table differ, in some columns, from before."""
    for column in sorted(columns):
        now, then = after.column(column), before.column(column)
        same = pc.fill_null(pc.equal(now, then), fill_value=False)
        both = pc.and_(pc.is_null(now), pc.is_null(then))
        count = len(after) - (pc.sum(pc.or_(same, both)).as_py() or 0)
        if count:
            changes[name, column] = changes.get((name, column), 0) + count


def late_keys(plan: Plan, planned: TablePlan) -> tuple[KeyPlan, ...]:
    """The keys that close cycles; those between copied tables are copied."""
    table = plan.schema.table(planned.name)
    plain = {k.name for k in table.foreign_keys if k.when is None}
    late = [k for k in planned.keys if k.role == "backfill" and k.name in plain]
    is_copied = planned.mode == "copy"
    return tuple(k for k in late if not (is_copied and plan.tables[k.parent].mode == "copy"))


def late_columns(plan: Plan, planned: TablePlan) -> tuple[str, ...]:
    """The columns that are set when cycles are closed: in no other key, nor the primary key."""
    keys = late_keys(plan, planned)
    early = {c for k in planned.keys if k not in keys for c in k.columns}
    early |= set(plan.schema.table(planned.name).primary_key)
    return tuple(dict.fromkeys(c for k in keys for c in k.columns if c not in early))


def late_neighbours(plan: Plan, planned: TablePlan) -> set[str]:
    """Other columns that share a key or a unique set with columns that are set late."""
    late = set(late_columns(plan, planned))
    sets = [set(k.columns) for k in late_keys(plan, planned)]
    sets += [set(u) for u in plan.schema.table(planned.name).unique_sets if set(u) & late]
    return set().union(*sets) - late


def row_index(pointers: Ints) -> pa.Array:
    """Row numbers for Arrow's take; -1 becomes null."""
    return pa.array(pointers, pa.int64(), mask=pointers < 0)
