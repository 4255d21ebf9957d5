"""What rules beyond its schema's ask of one table: which columns may change, and who keeps what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from dbsynth.keepers.above import Above, rules_of
from dbsynth.keepers.donors import Donors
from dbsynth.keepers.groupkeeper import GroupKeeper
from dbsynth.keepers.ordered import Ordered
from dbsynth.keepers.rowkeeper import RowKeeper
from dbsynth.leading import known_of
from dbsynth.plan import KeyPlan, TablePlan
from dbsynth.polymorphs import polymorphs
from dbsynth.ruled import Loosely, Rows
from dbsynth.rules.book import Rule
from dbsynth.rules.evensteps import Even, evens_of
from dbsynth.rules.groupsteps import GroupStep, group_steps, is_one_way, unique_columns
from dbsynth.rules.rowsteps import Step
from dbsynth.rules.words import declared, dependencies, in_dialect, names_of, widened
from dbsynth.sample import owner_key
from dbsynth.schema import Check, Table, Unique
from dbsynth.state import State


@dataclass
class Asked:
    """What is asked of one table; worked out when it is needed."""

    state: State
    planned: TablePlan
    table: Table

    @property
    def _known(self) -> dict[tuple[tuple[str, ...], str], dict[Any, Any]]:
        """What follows from which labels, as far as the source's pairs were released."""
        model = self.state.model.tables.get(self.table.name)
        return known_of(model.leading) if model is not None else {}

    @cached_property
    def rules(self) -> list[Rule]:
        """The rules about these rows, and what checks say in the same words."""
        schema = self.state.plan.schema
        found = rules_of(self.state.plan.rules, self.table.name)
        return found + declared(self.table, schema.dialect) if found else found

    @cached_property
    def fixed(self) -> frozenset[str]:
        """What identifies rows, or leads to others, stays as it is, but for `movable`."""
        found = {c for k in self.table.foreign_keys for c in k.columns}
        found |= {c for unique in self._uniques for c in unique}
        found |= {p.type_column for p in polymorphs(self.table)}
        return frozenset(found) - frozenset(self.movable)

    @cached_property
    def _uniques(self) -> tuple[tuple[str, ...], ...]:
        """What must not repeat, but for what cannot: a key, or a counted column, is part of it."""
        key = set(self.table.primary_key)
        sets = [tuple(u) for u in self.table.unique_sets]
        sets += [u.columns for u in self.uniques]
        sets = [u if self._counted.isdisjoint(u) else tuple(self._counted & set(u)) for u in sets]
        return tuple(u for u in sets if not key or set(u) == key or not key < set(u))

    @cached_property
    def _counted(self) -> frozenset[str]:
        """Columns that number all rows of the table, or the like: none of them ever repeats."""
        leading = {c for k in self.table.foreign_keys for c in k.columns}
        found = {c for c, t in self.planned.columns.items() if t.kind == "key"}
        return frozenset(found - leading)

    @cached_property
    def movable(self) -> dict[str, KeyPlan]:
        """Columns that are a whole key to rows that are there already, and in nothing else."""
        held = [c for k in self.table.foreign_keys for c in k.columns]
        unique = {c for u in self._uniques for c in u}
        owner = owner_key(self.planned)
        plain = {k.name for k in self.table.foreign_keys if k.when is None and not k.is_self}
        return {
            k.columns[0]: k
            for k in self.planned.keys
            if k is not owner and k.name in plain and k.role not in ("self", "backfill")
            and len(k.columns) == 1 and held.count(k.columns[0]) == 1 and k.columns[0] not in unique
        }  # fmt: skip

    @cached_property
    def _loose(self) -> frozenset[str]:
        """Keys to rows that are made: of single ones nothing was learned."""
        plans = self.state.plan.tables
        keys = [k for k in self.planned.keys if plans[k.parent].mode != "copy"]
        return frozenset(c for k in keys for c in k.columns)

    @cached_property
    def free(self) -> frozenset[str]:
        """Keys whose values say nothing, in a table whose rows do not refer to each other."""
        is_tree = any(k.is_self for k in self.table.foreign_keys)
        found = self._counted & set(self.table.primary_key)
        return found if len(found) == 1 and not is_tree else frozenset()

    # ---- rows --------------------------------------------------------------------------------

    @cached_property
    def near(self) -> Rows | None:
        """Rules about a row, and those above it that are known when it is drawn."""
        return self._rows_of("self", "backfill")

    @cached_property
    def grown(self) -> Rows | None:
        """The same, for rows that hang on others of their own table."""
        late = self._late("self") - self._late("backfill")
        above = Above.of(self.state.plan, self.table.name)
        is_tree = any("self" in w.roles for w in above.ways.values())
        is_tree |= any(names_of(r.text) & late for r in self.rules)
        return self._rows_of("backfill") if is_tree else None

    @cached_property
    def told(self) -> frozenset[str]:
        """Columns that rows above decide: nothing else may change them."""
        keeper = self.near.keeper if self.near else None
        steps = keeper.steps if keeper else ()
        sets = [s for s in steps if s.act == "set" and keeper and set(s.of) <= keeper.fixed]
        return frozenset(s.column for s in sets)

    def _late(self, *roles: str) -> set[str]:
        """Columns that have no value yet as long as keys of these roles are open."""
        early = [k for k in self.planned.keys if k.role not in ("self", "backfill")]
        late = {c for k in self.planned.keys if k.role in roles for c in k.columns}
        return late - {c for k in early for c in k.columns}

    def _rows_of(self, *late: str) -> Rows | None:
        """Rules about rows, but for those about keys that have no value yet."""
        rules = [r for r in self.rules if not names_of(r.text) & self._late(*late)]
        if not any(r.table == self.table.name for r in self.state.plan.rules):
            return None
        above = Above.of(self.state.plan, self.table.name)
        above = above.only(lambda w: w.roles[0] not in late and "backfill" not in w.roles)
        wide = widened(self.table, above.columns)
        fixed = self.fixed | frozenset(above.columns)
        keeper = RowKeeper.of(rules, wide, fixed, self._loose, self._known)
        steps = [s for s in (keeper.steps if keeper else ()) if s.act in ("set", "follow")]
        told = {s.column for s in steps if set(s.of) <= fixed}
        donors = Donors.of(rules, wide, fixed | told, keeper.followers if keeper else None)
        derived = {s.column for s in steps}
        loose = self._loosely(wide, fixed | told | derived | self._late(*late))
        last = self._last(rules, wide, fixed | told, keeper)
        ordered = Ordered.of(rules, wide, fixed | told, keeper.steps if keeper else ())
        is_any = keeper or donors or loose
        return Rows(above, keeper, donors, loose, ordered, last) if is_any else None

    def _last(
        self, rules: list[Rule], wide: Table, fixed: frozenset[str], keeper: RowKeeper | None
    ) -> Donors | None:
        """Who see to rows after siblings, where one disturbs the other again and again."""
        grouped = frozenset(c for step in self._steps for c in step.columns)
        labels = {c.name for c in wide.columns if c.type.kind in ("string", "enum", "boolean")}
        known = keeper.followers if keeper else None
        return Donors.of(rules, wide, fixed | grouped, known, grouped & labels) if grouped else None

    def _loosely(self, wide: Table, fixed: frozenset[str]) -> Loosely | None:
        """Rules with exceptions."""
        plan = self.state.plan
        found = [
            replace(r, exceptions=0)
            for r in plan.rules
            if r.table == self.table.name and r.status != "rejected" and r.exceptions
        ]
        keeper = RowKeeper.of(found, wide, fixed, self._loose) if found else None
        judge = Donors.of(found, wide, fixed) if keeper else None
        share = sum(r.exceptions / max(1, r.rows) for r in plan.rules if r.table == self.table.name)
        return Loosely(keeper, judge, share) if keeper and judge else None

    @cached_property
    def checks(self) -> tuple[Check, ...]:
        """Rules about keys to other rows, as checks: only a row with all its keys can be one."""
        leading = {c for k in self.table.foreign_keys for c in k.columns}
        late = self._late("self", "backfill")
        names = {c.name for c in self.table.written_columns}
        found = []
        for number, rule in enumerate(self.rules):
            named = names_of(rule.text)
            if "->" in rule.text or not named & leading or not named <= names or named & late:
                continue
            text = in_dialect(rule.text, self.state.plan.schema.dialect)
            if text:
                columns = tuple(sorted(named))
                found.append(Check(name=f"rule {number}", expression=text, columns=columns))
        return tuple(found)

    @cached_property
    def uniques(self) -> tuple[Unique, ...]:
        """Rules that columns do not repeat."""
        names = {c.name for c in self.table.written_columns}
        sets = dict.fromkeys(unique_columns(r.text) for r in self.rules)
        return tuple(
            Unique(name=f"rule {number}", columns=columns)
            for number, columns in enumerate(sets)
            if columns and set(columns) <= names
        )

    # ---- siblings ----------------------------------------------------------------------------

    @cached_property
    def _steps(self) -> tuple[GroupStep, ...]:
        plan = self.state.plan
        late = {c for k in self.planned.keys if k.role == "backfill" for c in k.columns}
        found = group_steps(plan.rules, self.table, plan.schema) if plan.rules else ()
        return tuple(s for s in found if not late & s.columns)

    @cached_property
    def local(self) -> GroupKeeper | None:
        """What can be seen to when all rows of an owner are there."""
        return self._group([s for s in self._steps if self._is_local(s)])

    @cached_property
    def whole(self) -> GroupKeeper | None:
        """What can only be seen to when all rows are there."""
        return self._group([s for s in self._steps if not self._is_local(s)])

    def _group(self, steps: list[GroupStep]) -> GroupKeeper | None:
        mixed = {s.by for s in self._steps if not self._is_local(s)}
        free = self.free if self._is_late(steps) else self.free - mixed
        fixed, follows = self._fixed_in(steps), self._follows
        keeper = self.near.keeper if steps and self.near else None
        derived = frozenset(s.column for s in (keeper.steps if keeper else ()) if s.act == "set")
        settled = _settled(keeper.steps, fixed) if keeper else frozenset()
        return GroupKeeper(tuple(steps), fixed, free, follows, derived, settled) if steps else None

    @cached_property
    def _follows(self) -> dict[str, tuple[str, ...]]:
        """The columns from which each column follows."""
        names = {c.name for c in self.table.written_columns}
        found: dict[str, tuple[str, ...]] = {}
        for left, right in dependencies(self.rules):
            if len(left) == 1 and {*left, right} <= names:
                found[right] = (*found.get(right, ()), *left)
        return found

    def _fixed_in(self, steps: list[GroupStep]) -> frozenset[str]:
        """Neither states that never come again nor numbers can repeat what is unique."""
        leading = {c for k in self.table.foreign_keys for c in k.columns}
        safe = set()
        for step in steps:
            within = {step.column, *step.partition}
            sets = [set(u) for u in self._uniques if step.column in u]
            if step.act == "states" and is_one_way(step.pairs):
                safe |= {step.column} if all(u <= within for u in sets) else set()
            if step.act == "number":
                safe |= {step.column} if all(u >= within for u in sets) else set()
        return self.fixed - (safe - leading)

    def _is_late(self, steps: list[GroupStep]) -> bool:
        return bool(steps) and not self._is_local(steps[0])

    def _is_local(self, step: GroupStep) -> bool:
        """Whether chunks never tear apart what it is about; nor is one key numbered twice."""
        owner = owner_key(self.planned)
        if owner is None or not set(owner.columns) <= set(step.partition):
            return False
        return not self._is_shared(step)

    def _is_shared(self, step: GroupStep) -> bool:
        """Whether rows are also numbered by the same key along another partition."""
        others = {s.partition for s in self._steps if s.act == "sort" and s.by == step.by}
        return step.by in self.free and len(others) > 1

    @cached_property
    def evens(self) -> tuple[Even, ...]:
        """What an owner's rows have to come to in two columns; only of what may change."""
        owner = owner_key(self.planned)
        if owner is None:
            return ()
        found = evens_of(self.state.plan.rules, self.state.plan.schema, self.table.name)
        keeper = self.near.keeper if found and self.near else None
        derived = {s.column for s in (keeper.steps if keeper else ()) if s.act == "set"}
        told = self.fixed | self.told
        return tuple(
            e
            for e in found
            if e.key == owner.name
            and not {e.one, e.other} & told
            and not (e.is_part and e.one in derived)
        )

    @property
    def is_asked(self) -> bool:
        """Whether there is any rule about these rows, be it one of their parents'."""
        own = any(r.table == self.table.name for r in self.state.plan.rules)
        is_due = any(t.child == self.table.name for t in self.state.totals.due)
        return own or is_due or bool(self._steps or self.evens)

    @property
    def waits(self) -> bool:
        """Whether some rules can only be kept when all rows are there."""
        return self.whole is not None

    @cached_property
    def named_near(self) -> frozenset[str]:
        """What decides whether single rows keep their rules."""
        return self._deciding(r.text for r in self.state.plan.rules if " OVER (" not in r.text)

    @cached_property
    def named(self) -> frozenset[str]:
        """The columns that any rule names."""
        return self._deciding(r.text for r in self.rules)

    def _deciding(self, texts: Iterable[str]) -> frozenset[str]:
        """The columns that rules name; where they name those of rows above, keys as well."""
        named = {c for text in texts for c in names_of(text)}
        if any("." in c for c in named):
            named |= {c for k in self.table.foreign_keys for c in k.columns}
        return frozenset(named)


def _settled(steps: Iterable[Step], fixed: frozenset[str]) -> frozenset[str]:
    """The columns that are calculated, or follow, from fixed ones alone."""
    known, deciding = set(fixed), [s for s in steps if s.act in ("set", "follow")]
    while more := {s.column for s in deciding if set(s.of) <= known} - known:
        known |= more
    return frozenset(known - fixed)
