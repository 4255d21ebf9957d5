"""
What sees to one table's rules beyond its schema's while its rows are made.

`asked` says what there is to be kept, the keepers keep it; here is in which order, and how often.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.asked import Asked
from dbsynth.features import Floats, Ints
from dbsynth.keepers.evens import evened, one_sided
from dbsynth.keepers.groupkeeper import GroupKeeper
from dbsynth.keepers.members import Members, memberships
from dbsynth.keepers.shares import brought_to, ended_at, shared_out
from dbsynth.keepers.totals import Total, allowed
from dbsynth.mending.checks import Repair
from dbsynth.mending.draft import Scope
from dbsynth.plan import TablePlan
from dbsynth.ruled import Rows, levels
from dbsynth.rules.evensteps import Even
from dbsynth.sample import foreign_key, owner_key
from dbsynth.schema import Table
from dbsynth.state import State
from dbsynth.tablemodel import edge_name, sketch_name
from dbsynth.values import to_floats

_ROUNDS = 3  # of rules about rows and rules about siblings, as long as they disturb each other


@dataclass
class Keeping:
    """One table's; remembers from chunk to chunk what follows from what."""

    state: State
    planned: TablePlan
    table: Table
    _members: list[Members] = field(default_factory=list)
    _goals: dict[Total, Floats] = field(default_factory=dict)  # totals that were drawn

    def __post_init__(self) -> None:
        """Look for what must be among other tables' values."""
        self.asked = Asked(self.state, self.planned, self.table)
        found = memberships(self.state.plan, self.asked.rules) if self.asked.rules else ()
        found = tuple(m for m in found if m.column not in self.asked.fixed)
        self._members = [Members(m) for m in found]

    def keep(
        self, rows: pa.Table, first: Mapping[str, Ints], number: int
    ) -> tuple[pa.Table, frozenset[str]]:
        """
        Change the rows of a chunk until they keep what can be seen in it.

        Args:
            rows: (n,) of all written columns.
            first: key -> (n,) the parents' row numbers, -1 for none.
            number: of the chunk.

        Returns:
            (n,) rows, and the columns in which some of them changed.
        """
        rng = self.state.rng(self.table.name, "rules", number)
        rows, changed = self._among(rows, rng)
        rows, told = self._shared(rows, first)
        rows, ends = self._due(rows, first, "min", "max")
        changed |= told | ends
        rows, changed = self._rounds(rows, first, rng, (self.asked.near, self.asked.local), changed)
        rows, told = self._due(rows, first, "sum")
        rows, same = self._even(rows, first)
        self._lead_on(rows, first, changed)
        return rows, changed | told | same

    def is_disturbed(self, columns: Collection[str]) -> bool:
        """Whether rules are about columns that others have changed."""
        return bool((self.asked.named | self._brought) & set(columns))

    @cached_property
    def _brought(self) -> frozenset[str]:
        """Columns of which an owner's rows have to come to something."""
        due = {t.source for t in self.state.totals.due if t.child == self.table.name}
        return frozenset(due | {c for e in self.asked.evens for c in (e.one, e.other) if c})

    def again(
        self, rows: pa.Table, first: Mapping[str, Ints], number: int
    ) -> tuple[pa.Table, frozenset[str]]:
        """Do the same as `keep` for rows that kept the rules, before others changed them."""
        rng = self.state.rng(self.table.name, "rules again", number)
        keepers = self.asked.near, self.asked.local
        rows, changed = self._rounds(rows, first, rng, keepers, frozenset())
        rows, told = self._due(rows, first, "sum")
        rows, same = self._even(rows, first)
        self._lead_on(rows, first, changed)
        return rows, changed | told | same

    def close(
        self, rows: pa.Table, pointers: Mapping[str, Ints]
    ) -> tuple[pa.Table, frozenset[str]]:
        """Do the same with all rows of the table, for what could not be seen in chunks."""
        pointers = {k: v for k, v in pointers.items() if len(v) == len(rows)}
        rng = self.state.rng(self.table.name, "rules", "whole")
        changed: frozenset[str] = frozenset()
        if self.asked.whole is not None:
            rows, changed = self._rounds(
                rows, pointers, rng, (self.asked.near, self.asked.whole), changed
            )
            self._lead_on(rows, pointers, changed)
        if self.asked.grown is not None:
            rows, more = self._by_level(rows, pointers, rng)
            changed |= more
        return rows, changed

    def _shared(self, rows: pa.Table, first: Mapping[str, Ints]) -> tuple[pa.Table, frozenset[str]]:
        """Bring what owners add up near what was drawn for them."""
        owner, changed = owner_key(self.planned), set()
        for total in self.state.totals.found if owner is not None else ():
            if total.child != self.table.name or owner is None or total.key != owner.name:
                continue
            name = total.source
            is_copied = self.state.plan.tables[total.table].mode == "copy"  # of as many rows or not
            if total.act not in ("sum", "avg") or name not in self._open or is_copied:
                continue
            parents = first[total.key]
            before = rows.column(name).combine_chunks()
            goals = self._goals_of(total, parents)
            after = shared_out(before, parents, goals, is_mean=total.act == "avg")
            if not after.equals(before):
                rows = self._replaced(rows, name, after)
                changed.add(name)
        return rows, frozenset(changed)

    def _replaced(self, rows: pa.Table, name: str, values: pa.Array) -> pa.Table:
        """Rows with other values of a column, but for those in which a check forbids it."""
        made = rows.set_column(rows.column_names.index(name), rows.schema.field(name), values)
        judge = self._judge({name})
        return made if judge is None else allowed(made, rows, [name], judge)

    def _due(
        self, rows: pa.Table, first: Mapping[str, Ints], *acts: str
    ) -> tuple[pa.Table, frozenset[str]]:
        """Let rows come to what their owner has, where the schema allows it."""
        changed: set[str] = set()
        due = [t for t in self.state.totals.due if t.child == self.table.name and t.act in acts]
        for total in sorted(due, key=lambda t: (t.act == "min", t.column, t.source)):
            parents, name = first[total.key], total.source
            before, goals = rows.column(name).combine_chunks(), self._goals_of(total, parents)
            if total.act == "sum":
                after = brought_to(before, parents, goals)
            else:
                after = ended_at(before, parents, goals, is_last=total.act == "max")
            if not after.equals(before):
                rows = self._replaced(rows, name, after)
                changed.add(name)
        return rows, frozenset(changed)

    def _even(self, rows: pa.Table, first: Mapping[str, Ints]) -> tuple[pa.Table, frozenset[str]]:
        """Let two columns of an owner's rows come to the same, where the schema allows it."""
        changed: set[str] = set()
        for even in self.asked.evens:
            names = [c for c in (even.one, even.other) if c]
            judge = self._judge(names)
            rows = rows if judge is None else one_sided(rows, even, ~judge.holds(rows))
            made = evened(rows, first[even.key], even, self._limits(even), self._told(even))
            rows = made if judge is None else allowed(made, rows, names, judge)
            changed |= set(names)
        return rows, frozenset(changed)

    def _limits(self, even: Even) -> Floats | None:
        """What the rows of each owner may come to; None where that is the same for all."""
        if not even.limit:
            return None
        owner = foreign_key(self.table, even.key).parent
        return to_floats(self.state.keys[owner][even.limit].combine_chunks())

    def _told(self, even: Even) -> Floats | None:
        """How much of that owners told their rows to come to; None for nothing."""
        if not even.is_most:
            return None
        name = sketch_name(edge_name(self.table.name, even.key), even.one, "fill")
        owner = foreign_key(self.table, even.key).parent
        return self.state.known.sketches.get(owner, {}).get(name)

    def _judge(self, names: Iterable[str]) -> Repair | None:
        """What says whether checks allow other values of some columns."""
        dialect, scope = self.state.plan.schema.dialect, Scope(only=frozenset(names))
        return Repair.of(self.table, dialect, (), scope)

    def _goals_of(self, total: Total, parents: Ints) -> Floats:
        """What the owners of (n,) rows have as their total; NaN for nothing."""
        above = self._goals.get(total)
        if above is None:
            drawn = self.state.keys[total.table][total.column].combine_chunks()
            above = self._goals[total] = np.append(to_floats(drawn), np.nan)
        found: Floats = above[parents]  # -1 is the last: NaN
        return found

    @cached_property
    def _open(self) -> frozenset[str]:
        """Numbers that were drawn, and that nothing else decides, or compares."""
        return frozenset(
            name
            for name, treatment in self.planned.columns.items()
            if treatment.kind == "number" and treatment.copies is None
            and name not in self.asked.named | self.asked.fixed
        )  # fmt: skip

    def _lead_on(self, rows: pa.Table, first: Mapping[str, Ints], changed: frozenset[str]) -> None:
        """Lead keys whose values have changed to the rows that have these values."""
        for column in sorted(changed & set(self.asked.movable)):
            key = self.asked.movable[column]
            declared = foreign_key(self.table, key.name)
            known = self.state.parent_key(declared, declared.parent_columns[0]).combine_chunks()
            values = rows.column(column).combine_chunks()
            places = pc.fill_null(pc.index_in(values.cast(known.type), value_set=known), -1)
            first[key.name][:] = np.asarray(places, np.int64)

    def _rounds(
        self,
        rows: pa.Table,
        first: Mapping[str, Ints],
        rng: np.random.Generator,
        keepers: tuple[Rows | None, GroupKeeper | None],
        changed: frozenset[str],
    ) -> tuple[pa.Table, frozenset[str]]:
        near, group = keepers
        told: frozenset[str] = frozenset()
        for number in range(_ROUNDS):
            if near is not None and (not number or told & self.asked.named_near):
                rows, more = near.keep(rows, self.state, first, rng)
                changed |= more
            rows, told = group.keep(rows, rng) if group else (rows, frozenset())
            changed |= told
            if not told:
                break
        else:
            if near is not None:
                rows, more = near.settle(rows, self.state, first, rng)
                changed |= more
        return rows, changed

    def _by_level(
        self, rows: pa.Table, pointers: Mapping[str, Ints], rng: np.random.Generator
    ) -> tuple[pa.Table, frozenset[str]]:
        """See to trees from the roots on: what is above a row is done when it is its turn."""
        assert self.asked.grown is not None
        changed: frozenset[str] = frozenset()
        selves = [k.name for k in self.planned.keys if k.role == "self" and k.name in pointers]
        for key in selves:
            level = levels(pointers[key])
            for step in range(int(level.max(initial=0)) + 1):
                here = np.flatnonzero(level == step)
                part = rows.take(pa.array(here))
                first = {k: v[here] for k, v in pointers.items()}
                part, more = self.asked.grown.keep(part, self.state, first, rng, rows)
                changed |= more
                places = np.arange(len(rows))
                places[here] = len(rows) + np.arange(len(here))
                for name in more:
                    both = pa.chunked_array([*rows.column(name).chunks, *part.column(name).chunks])
                    at = rows.column_names.index(name)
                    rows = rows.set_column(at, rows.schema.field(name), both.take(places))
        return rows, changed

    def _among(self, rows: pa.Table, rng: np.random.Generator) -> tuple[pa.Table, frozenset[str]]:
        changed = set()
        for one in self._members:
            others = self.state.keys.get(one.rule.other, {}).get(one.rule.of)
            if others is None:
                continue  # of a table that comes later, for they go in a circle
            name, before = one.rule.column, rows.column(one.rule.column).combine_chunks()
            after = one.keep(before, others, rng)
            if after is not before:
                changed.add(name)
                at = rows.column_names.index(name)
                rows = rows.set_column(at, rows.schema.field(name), after)
        return rows, frozenset(changed)
