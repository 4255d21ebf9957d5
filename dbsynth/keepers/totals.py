"""Parent columns that sum up the children: added up as these are made, set at the end."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.adapters.scratch import Scratch
from dbsynth.arrow import arrow_type, put_column
from dbsynth.expressions import UntranslatableError, parse
from dbsynth.features import Floats, Ints
from dbsynth.keepers.above import named_above, rules_of
from dbsynth.keepers.rowkeeper import RowKeeper, as_kind
from dbsynth.keepers.shares import scaled
from dbsynth.mending.checks import Repair, unjudged
from dbsynth.mending.draft import Scope
from dbsynth.plan import Plan
from dbsynth.rules.book import Rule, RuleError
from dbsynth.rules.language import child_of
from dbsynth.rules.rowsteps import Step, local_sql, order_pairs, steps
from dbsynth.rules.words import declared, parent_word, quote
from dbsynth.schema import Backfill, Table, TableName
from dbsynth.values import from_floats

if TYPE_CHECKING:
    from sqlglot import exp

Act = Literal["count", "sum", "min", "max", "avg", "argmax"]
_ACTS: tuple[Act, ...] = ("count", "sum", "min", "max", "avg", "argmax")
_BATCH = 50_000  # rows
_NUMBERS = ("integer", "decimal", "float")


@dataclass(frozen=True, slots=True)
class Total:
    """One column that is an aggregate of the children."""

    table: TableName
    column: str
    child: TableName
    key: str
    act: Act
    value: str  # of each child, as the in-memory engine has it
    is_zero: bool  # without children it is 0
    is_nullable: bool
    is_emptied: bool  # NULL without children; else as it was drawn
    is_filled: bool  # never NULL with children; else as it was drawn
    source: str = ""  # the child's column, if it is nothing else that is added up
    by: str = ""  # argmax: what the last child has most of, as the in-memory engine has it


@dataclass
class _Sum:
    """What the children of (n,) parents come to so far."""

    total: Floats
    count: Floats
    least: Floats
    most: Floats


@dataclass
class _Last:
    """What the last children of (n,) parents have so far."""

    by: Floats
    values: pa.Array

    def add(self, parents: Ints, by: Floats, values: pa.Array) -> None:
        """Look at further children."""
        more = max(0, int(parents.max()) + 1 - len(self.by))
        self.by = np.concatenate([self.by, np.full(more, -np.inf)])
        held = pa.concat_arrays([self.values, pa.nulls(more, values.type), values])
        order = np.lexsort((by, parents))
        order = order[np.append(parents[order][1:] != parents[order][:-1], True)]
        order = order[by[order] >= self.by[parents[order]]]
        places = np.arange(len(self.by))
        places[parents[order]] = len(self.by) + order
        self.by[parents[order]] = by[order]
        self.values = held.take(pa.array(places))


@dataclass
class Totals:
    """All such columns of a plan, and what has been added up."""

    found: tuple[Total, ...] = ()
    due: tuple[Total, ...] = ()  # to which children are brought, for others follow from them
    after: dict[TableName, tuple[Step, ...]] = field(default_factory=dict)
    judges: dict[TableName, Repair] = field(default_factory=dict)  # of checks about them
    parts: dict[TableName, tuple[tuple[str, str], ...]] = field(
        default_factory=dict
    )  # see `_parts`
    sums: dict[Total, _Sum] = field(default_factory=dict)
    lasts: dict[Total, _Last] = field(default_factory=dict)
    scratch: Scratch = field(default_factory=Scratch)

    @classmethod
    def of(cls, plan: Plan, aimed: frozenset[tuple[TableName, str]] = frozenset()) -> Totals:
        """Find the rules that can be kept this way; not of columns that rows are drawn to fit."""
        found = tuple(
            total
            for rule in plan.rules
            if rule.status != "rejected" and (total := _total(rule, plan)) is not None
        )
        found = tuple(t for t in found if (t.table, t.column) not in aimed)
        unique = {(t.table, t.column): t for t in reversed(found)}
        found = tuple(t for t in found if unique[t.table, t.column] is t)
        made = tuple(t for t in found if plan.tables[t.table].mode != "copy")
        due = _due(plan, made)
        found = tuple(t for t in found if t not in due)
        due += tuple(t for t in found if t in made and _is_end(plan, t))
        tables = {t.table for t in found}
        after = {n: _after(plan, n, found) for n in tables}
        judges: dict[TableName, Repair] = {}
        for name in tables:
            table, dialect = plan.schema.table(name), plan.schema.dialect
            changed = {t.column for t in found if t.table == name}
            changed |= {s.column for s in after[name]}
            judge = Repair.of(table, dialect, (), Scope(only=frozenset(changed)))
            judges |= {name: judge} if judge is not None else {}
        parts = {n: _parts(plan, n, found, after[n]) for n in tables}
        return cls(found, due, after, judges, parts)

    def columns(self, name: TableName) -> set[str]:
        """The columns of a table's rows that are needed when its children are all there."""
        own = {t.column for t in self.found if t.table == name}
        own |= {c for s in self.after.get(name, ()) for c in (s.column, *s.of)}
        own |= {c for pair in self.parts.get(name, ()) for c in pair}
        judge = self.judges.get(name)
        groups = judge.groups if judge is not None else ()
        return own | {c for group in groups for condition in group for c in condition.columns}

    def children(self, name: TableName, column: str) -> set[TableName]:
        """The tables whose rows a column adds up, directly or by what is calculated from it."""
        own = {t.column: t.child for t in self.found if t.table == name}
        needed, before = {column}, 0
        while len(needed) > before:
            before = len(needed)
            needed |= {c for s in self.after.get(name, ()) if s.column in needed for c in s.of}
            needed |= {high for low, high in self.parts.get(name, ()) if low in needed}
        return {own[c] for c in needed if c in own}

    def add(self, name: TableName, rows: pa.Table, pointers: Mapping[str, Ints]) -> None:
        """
        Add up (n,) finished rows of a table.

        Args:
            name: the table.
            rows: with all written columns, in order.
            pointers: key -> (n,) row number of the parent, -1 for none.
        """
        for total in (t for t in self.found if t.child == name and t.key in pointers):
            if total.act == "argmax":
                self._look(total, rows, pointers[total.key])
                continue
            values = _numbers(self.scratch.compute(rows, [total.value])[0], len(rows))
            here = (pointers[total.key] >= 0) & ~np.isnan(values)
            if here.any():
                self._add(total, pointers[total.key][here], values[here])

    def _look(self, total: Total, rows: pa.Table, parents: Ints) -> None:
        values, order = self.scratch.compute(rows, [total.value, total.by])
        if values is None:
            return
        by = _numbers(order, len(rows))
        here = np.flatnonzero((parents >= 0) & ~np.isnan(by) & np.asarray(values.is_valid()))
        if len(here):
            held = self.lasts.setdefault(total, _Last(np.zeros(0), pa.nulls(0, values.type)))
            held.add(parents[here], by[here], values.take(pa.array(here)))

    def _add(self, total: Total, parents: Ints, values: Floats) -> None:
        held = self.sums.setdefault(total, _Sum(*(np.zeros(0) for _ in range(4))))
        _grow(held, int(parents.max()) + 1)
        np.add.at(held.total, parents, values)
        np.add.at(held.count, parents, 1.0)
        np.minimum.at(held.least, parents, values)
        np.maximum.at(held.most, parents, values)

    def settle(self, table: Table, kept: Mapping[str, pa.ChunkedArray]) -> Iterator[Backfill]:
        """
        Set a table's totals, and what is calculated from them.

        Args:
            table: the parents' table.
            kept: their primary key, and `columns`.
        """
        rows, changed = self.settled(table, kept)
        if not changed:
            return
        wanted = rows.select([*table.primary_key, *changed]).combine_chunks()
        for batch in wanted.to_batches(max_chunksize=_BATCH):
            yield Backfill(table.name, tuple(changed), batch)

    def settled(
        self,
        table: Table,
        kept: Mapping[str, pa.ChunkedArray],
        made: Collection[TableName] | None = None,
    ) -> tuple[pa.Table, tuple[str, ...]]:
        """The rows as `settle` sets them, as far as children are `made`, and which columns are."""
        own = [t for t in self.found if t.table == table.name and t.column in kept]
        own = [t for t in own if made is None or t.child in made]
        size = len(next(iter(kept.values()))) if kept else 0
        if not own or not size:
            return pa.table({}), ()
        before = pa.table({
            c.name: kept[c.name] if c.name in kept else pa.nulls(size, arrow_type(c.type))
            for c in table.written_columns
        })  # fmt: skip
        rows = before
        for total in own:
            values = self._values(total, rows.column(total.column).combine_chunks(), size)
            rows = put_column(rows, total.column, values)
        changed = [t.column for t in own]
        after, parts = self.after.get(table.name, ()), self.parts.get(table.name, ())
        if after:
            rows, _ = RowKeeper(table, after).keep(rows)
        for low, high in parts:
            rows = scaled(rows, before, low, high)
            rows = RowKeeper(table, after).keep(rows)[0] if after else rows
        # All of them: what children were told before is not in the target yet.
        more = {c for c in (*(s.column for s in after), *(low for low, _ in parts)) if c in kept}
        changed += [c for c in sorted(more) if c not in changed]
        if (judge := self.judges.get(table.name)) is not None:
            rows = allowed(rows, before, changed, judge)
        return rows, tuple(changed)

    def _values(self, total: Total, before: pa.Array, size: int) -> pa.Array:
        if total.act == "argmax":
            return self._last_values(total, before, size)
        held = self.sums.get(total, _Sum(*(np.zeros(0) for _ in range(4))))
        _grow(held, size)
        count = held.count[:size]
        with np.errstate(all="ignore"):
            found = {
                "count": count, "sum": held.total[:size], "min": held.least[:size],
                "max": held.most[:size], "avg": held.total[:size] / count,
            }[total.act]  # fmt: skip
        kind = before.type
        scale = kind.scale if pa.types.is_decimal(kind) else 10
        made = from_floats(np.where(count > 0, found, np.nan), kind, scale)
        if total.is_zero:
            filled = pc.fill_null(made, from_floats(np.zeros(1), kind, scale)[0])
            is_unknown = pc.and_(pc.is_null(before), pa.scalar(total.is_nullable))
            return pc.if_else(is_unknown, pa.scalar(None, kind), filled)
        return _where_told(total, made, before)

    def _last_values(self, total: Total, before: pa.Array, size: int) -> pa.Array:
        held = self.lasts.get(total)
        if held is None:
            return pa.nulls(size, before.type) if total.is_emptied else before
        places = np.arange(size)
        index = pa.array(places, mask=places >= len(held.by))
        scale = before.type.scale if pa.types.is_decimal(before.type) else 10
        made = as_kind(held.values.take(index), before.type, scale)
        return before if made is None else _where_told(total, made, before)


def _where_told(total: Total, made: pa.Array, before: pa.Array) -> pa.Array:
    """What children come to, where they are what decides, and what there was elsewhere."""
    found = made if total.is_emptied else pc.coalesce(made, before)
    nothing = pa.scalar(None, before.type)
    return found if total.is_filled else pc.if_else(pc.is_valid(before), found, nothing)


def allowed(rows: pa.Table, before: pa.Table, changed: Iterable[str], judge: Repair) -> pa.Table:
    """Leave rows as they were drawn where a check forbids what became of them."""
    holds = pa.array(judge.holds(rows))
    for name in changed:
        kept = pc.if_else(holds, rows.column(name), before.column(name))
        rows = put_column(rows, name, kept)
    return rows


def _grow(held: _Sum, size: int) -> None:
    more = size - len(held.total)
    if more > 0:
        held.total = np.concatenate([held.total, np.zeros(more)])
        held.count = np.concatenate([held.count, np.zeros(more)])
        held.least = np.concatenate([held.least, np.full(more, np.inf)])
        held.most = np.concatenate([held.most, np.full(more, -np.inf)])


def _numbers(values: pa.Array | None, size: int) -> Floats:
    """Numbers, or seconds; NaN for NULL."""
    if values is None:
        return np.full(size, np.nan)
    if pa.types.is_date(values.type) or pa.types.is_timestamp(values.type):
        micros = values.cast(pa.timestamp("us")).cast(pa.int64()).cast(pa.float64(), safe=False)
        return np.asarray(micros.to_numpy(zero_copy_only=False), np.float64) / 1e6
    numbers = values.cast(pa.float64(), safe=False)
    return np.asarray(numbers.to_numpy(zero_copy_only=False), np.float64)


def _due(plan: Plan, found: tuple[Total, ...]) -> tuple[Total, ...]:
    """
    Totals that are calculated from others, to which the children's numbers can be brought.

    What a bill comes to follows from its lines, so its payments have to follow from the bill.
    """
    due: list[Total] = []
    for total in found:
        left = [t for t in found if t not in due and t != total]
        steps = _after(plan, total.table, left)
        needed = {c for s in steps if s.column == total.column for c in s.of}
        children = {t.child for t in left if t.table == total.table and t.column in needed}
        if needed and total.child not in children and _is_scalable(plan, total):
            due.append(total)
    return tuple(due)


def _is_scalable(plan: Plan, total: Total) -> bool:
    """Whether what is added up are numbers that can be scaled."""
    return total.act == "sum" and not total.is_zero and _is_drawn(plan, total, "number")


def _is_end(plan: Plan, total: Total) -> bool:
    """Whether a row's moment is that of its first or last child, and none lies beyond it."""
    if total.act not in ("min", "max") or not _is_drawn(plan, total, "datetime"):
        return False
    kinds = {plan.schema.table(n).column(c).type.kind for n, c in (
        (total.table, total.column), (total.child, total.source))}  # fmt: skip
    child = plan.schema.table(total.child)
    key = next(k for k in child.foreign_keys if k.name == total.key)
    above = f"{quote(parent_word(child, key))}.{quote(total.column)}"
    own = quote(total.source)
    wanted = f"{above} <= {own}" if total.act == "min" else f"{own} <= {above}"
    return len(kinds) == 1 and any(r.text == wanted for r in rules_of(plan.rules, total.child))


def _is_drawn(plan: Plan, total: Total, kind: str) -> bool:
    """Whether what children have is drawn with an owner's rows, and nothing else decides it."""
    planned, child = plan.tables[total.child], plan.schema.table(total.child)
    owners = [k.name for k in planned.keys if k.role == "owner"]
    told = planned.columns.get(total.source)
    if owners != [total.key] or told is None or told.kind != kind or planned.mode != "generate":
        return False
    fixed = _fixed(child, plan.schema.dialect)
    rules = [*plan.rules, *declared(child, plan.schema.dialect)]
    derived = {s.column for s in steps(rules, child, fixed) if s.act == "set"}
    return total.source not in fixed | derived


def _after(plan: Plan, name: TableName, found: Iterable[Total]) -> tuple[Step, ...]:
    """What is calculated from totals, in their own row."""
    totals = {t.column for t in found if t.table == name}
    table = plan.schema.table(name)
    known, kept = set(totals), []
    dialect = plan.schema.dialect
    rules = [*plan.rules, *declared(table, dialect)]
    for step in steps(rules, table, _fixed(table, dialect) | totals):
        if step.act == "set" and known & set(step.of):
            known.add(step.column)
            kept.append(step)
    return tuple(kept)


def _parts(
    plan: Plan, name: TableName, found: Iterable[Total], after: Iterable[Step]
) -> tuple[tuple[str, str], ...]:
    """Numbers that are never more than a total, and the total; nobody else relies on them."""
    table = plan.schema.table(name)
    totals = {t.column: t.child for t in found if t.table == name}
    changed = {*totals, *(s.column for s in after)}
    needed = {c for child in totals.values() for c in named_above(plan, child).get(name, set())}
    fixed = _fixed(table, plan.schema.dialect) | needed | changed
    pairs = [
        (low, high)
        for low, high in order_pairs(plan.rules, table)
        if high in changed and low not in fixed and table.column(low).type.kind in _NUMBERS
    ]
    return tuple(sorted(pairs, key=lambda p: p[1] not in totals))


def _fixed(table: Table, dialect: str) -> frozenset[str]:
    """Columns that nobody may change once their rows have been written."""
    found = {c for k in table.foreign_keys for c in k.columns}
    found |= {c for unique in table.unique_sets for c in unique}
    found |= {c for u in table.uniques for c in u.columns}
    return frozenset(found | unjudged(table, dialect))


def _total(rule: Rule, plan: Plan) -> Total | None:
    """Understand a rule `column = aggregate of the children`; None if it is another one."""
    from sqlglot import exp

    table = plan.schema.table(rule.table)
    try:
        tree = parse(rule.text, "duckdb")
    except UntranslatableError:
        return None
    if not (isinstance(tree, exp.EQ) and isinstance(tree.this, exp.Column)) or tree.this.table:
        return None
    column, value, is_zero = tree.this.name, tree.expression, False
    value = value.this if isinstance(value, exp.Round) else value
    if isinstance(value, exp.Coalesce) and [e.name for e in value.expressions] == ["0"]:
        value, is_zero = value.this, True
    value = value.this if isinstance(value, exp.Round) else value
    whole, only = value, None
    if isinstance(value, exp.Filter):
        value, only = value.this, value.expression.this
    if value.key not in _ACTS or not _may_change(table, column, plan):
        return None
    try:
        child, key = child_of(whole, table, plan.schema)
        inner = _of_child(value.this, child)
        if only is not None:
            inner = f"CASE WHEN {_of_child(only, child)} THEN {inner} END"
        by = _of_child(value.expression, child) if value.key == "argmax" else ""
    except (RuleError, KeyError):
        return None
    roles = [k.role for k in plan.tables[child.name].keys if k.name == key.name]
    if roles not in (["owner"], ["token"], ["reference"]) or child.name == table.name:
        return None
    is_count = value.key == "count"
    is_nullable = table.column(column).is_nullable
    here, there = _emptiness(plan, table, tree.this, whole)
    summed = value.this
    is_plain = isinstance(summed, exp.Column) and not isinstance(summed.this, exp.Star)
    is_plain = is_plain and only is None
    return Total(
        table.name, column, child.name, key.name, value.key, inner, is_zero or is_count,
        is_nullable, is_nullable and here, there or not is_nullable,
        summed.name if is_plain and summed.table else "", by,
    )  # fmt: skip


def _emptiness(
    plan: Plan, table: Table, column: exp.Expr, value: exp.Expr
) -> tuple[bool, bool]:  # fmt: skip
    """Whether rules say that a total is empty without children, and that it never is with them."""
    own, told = column.sql("duckdb"), value.sql("duckdb")
    known = {
        parse(r.text, "duckdb").sql("duckdb")
        for r in rules_of(plan.rules, table.name)
        if r.kind == "nulls" or r.status == "accepted"
    }
    both = f"({own} IS NULL) = ({told} IS NULL)"
    texts = both, f"{own} IS NULL OR NOT {told} IS NULL", f"{told} IS NULL OR NOT {own} IS NULL"
    together, emptied, filled = (t in known for t in texts)
    return together or emptied, together or filled


def _may_change(table: Table, column: str, plan: Plan) -> bool:
    written = {c.name for c in table.written_columns}
    is_made = plan.tables[table.name].mode in ("generate", "copy") and bool(table.primary_key)
    return is_made and column in written and column not in _fixed(table, plan.schema.dialect)


def _of_child(value: object, child: Table) -> str:
    """What is added up, or looked at, of each child, as the in-memory engine has it."""
    from sqlglot import exp

    assert isinstance(value, exp.Expr)
    tree = exp.Paren(this=value.copy())
    for column in list(tree.find_all(exp.Column)):
        if isinstance(column.this, exp.Star) or not column.table:
            column.replace(exp.Literal.number(1))
        else:
            child.column(column.name)
            column.replace(exp.column(exp.to_identifier(column.name, quoted=True)))
    return local_sql(tree.this, child)
