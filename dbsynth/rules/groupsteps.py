"""Read from the text of a rule what siblings must keep together; what is not understood is left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dbsynth.expressions import UntranslatableError, parse
from dbsynth.rules.book import Rule, RuleError
from dbsynth.rules.language import child_of
from dbsynth.schema import Schema, Table

if TYPE_CHECKING:
    from sqlglot import exp


@dataclass(frozen=True, slots=True)
class GroupStep:
    """
    Something about the rows that agree in `partition`, in the order of `by`.

    sort: `column` does not fall (sign 1) or does not rise (-1).  apart: what `column` and `other`
    span does not overlap.  meet: `column` begins where `other` of the sibling before ends.  run:
    `column` adds up `other`, from its first value on if `is_lagged`.  number: `column` counts from
    `start` on.  states: `column` only takes the steps in `pairs`; "" comes before the first.  mark:
    at most one row, or exactly one, has `label` in `column`.  end: the last row has it (sign 1), or
    the first (-1), and no other; None is NULL.  floor: no more of `column` goes than has come.
    """

    act: Literal["sort", "apart", "meet", "run", "number", "states", "mark", "end", "floor"]
    column: str
    partition: tuple[str, ...]
    by: str = ""
    other: str = ""
    sign: int = 1
    start: int = 1
    is_lagged: bool = False
    is_exact: bool = False
    pairs: tuple[tuple[str, str], ...] = ()
    label: str | bool | float | None = True

    @property
    def columns(self) -> frozenset[str]:
        """The columns that it is about."""
        named = (self.column, self.by, self.other, *self.partition)
        return frozenset(c for c in named if c)


_ORDER = ("end", "apart", "meet", "sort", "number", "states", "mark", "floor", "run")


def group_steps(rules: Iterable[Rule], table: Table, schema: Schema) -> tuple[GroupStep, ...]:
    """
    Find what the rows of a table must keep together, in an order in which little is undone.

    Args:
        rules: of any tables; at most one row of a parent's is a rule of the parent.
        table: the one whose rows are made.
        schema: with all tables.
    """
    found = []
    for rule in rules:
        if rule.status == "rejected" or rule.exceptions or "->" in rule.text:
            continue
        try:
            tree = parse(rule.text, "duckdb")
            step = (
                _of_siblings(tree)
                if rule.table == table.name
                else _mark(tree, schema.table(rule.table), table, schema)
            )
        except (UntranslatableError, RuleError, KeyError):
            continue
        names = {c.name for c in table.written_columns}
        if step is not None and step.columns <= names and step not in found:
            found.append(step)
    return tuple(sorted(found, key=lambda s: _ORDER.index(s.act)))


def unique_columns(text: str) -> tuple[str, ...]:
    """The columns of `count(*) OVER (PARTITION BY …) = 1`; none of any other rule."""
    from sqlglot import exp

    try:
        tree = parse(text, "duckdb") if "->" not in text else None
    except UntranslatableError:
        return ()
    if not isinstance(tree, exp.EQ) or tree.expression.name != "1":
        return ()
    window = tree.this
    if not isinstance(window, exp.Window) or not isinstance(window.this, exp.Count):
        return ()
    parts = window.args.get("partition_by") or []
    is_plain = all(isinstance(p, exp.Column) and not p.table for p in parts)
    return () if window.args.get("order") or not is_plain else tuple(p.name for p in parts)


def is_one_way(pairs: Iterable[tuple[str, str]]) -> bool:
    """Whether no state can come again."""
    left = set(pairs)
    while left:
        ends = {b for _, b in left} - {a for a, _ in left}
        if not ends:
            return False
        left = {p for p in left if p[1] not in ends}
    return True


def _of_siblings(tree: exp.Expr) -> GroupStep | None:
    from sqlglot import exp

    if isinstance(tree, exp.GTE) and tree.expression.name == "0":
        window, total = _window(tree.this), tree.this.this
        is_sum = isinstance(total, exp.Sum) and isinstance(total.this, exp.Column)
        return GroupStep("floor", total.this.name, *window) if window and is_sum else None
    if isinstance(tree, exp.GTE | exp.LTE) and isinstance(tree.this, exp.Column):
        window = _window(tree.expression)
        lagged = _lagged(tree.expression)
        if window is None or lagged is None:
            return None
        column, is_up = tree.this.name, isinstance(tree, exp.GTE)
        if lagged == column:
            return GroupStep("sort", column, *window, sign=1 if is_up else -1)
        if is_up and window[1] == column:
            return GroupStep("apart", column, *window, other=lagged)
    if isinstance(tree, exp.EQ):
        return _end(tree) or _counting(tree)
    if isinstance(tree, exp.In) and isinstance(tree.this, exp.Tuple):
        return _states(tree)
    return None


def _end(tree: exp.Expr) -> GroupStep | None:
    """`is_current = (lead(no) OVER … IS NULL)`, `(label = 'x') = …`, `(column IS NULL) = …`."""
    from sqlglot import exp

    marked, nobody = (
        s.this if isinstance(s, exp.Paren) else s for s in (tree.this, tree.expression)
    )
    if not isinstance(nobody, exp.Is) or not isinstance(nobody.expression, exp.Null):
        return None
    window = _window(nobody.this)
    if window is None or not isinstance(nobody.this.this, exp.Lead | exp.Lag):
        return None
    sign = 1 if isinstance(nobody.this.this, exp.Lead) else -1
    held: str | bool | None = True
    if isinstance(marked, exp.Is) and isinstance(marked.expression, exp.Null):
        marked, held = marked.this, None
    elif isinstance(marked, exp.EQ) and isinstance(marked.expression, exp.Literal):
        marked, held = marked.this, marked.expression.name
    if not isinstance(marked, exp.Column) or marked.table:
        return None
    return GroupStep("end", marked.name, *window, sign=sign, label=held)


def _counting(tree: exp.Expr) -> GroupStep | None:
    """Running sums, whole or from the first row on, and numbers."""
    from sqlglot import exp

    left, right, start = tree.this, tree.expression, 1
    if isinstance(left, exp.Column) and (before := _lagged(right)) is not None:
        ends = _window(right)
        return GroupStep("meet", left.name, *ends, other=before) if ends else None
    if isinstance(left, exp.Sub) and (window := _window(left.expression)) is not None:
        is_same = isinstance(left.this, exp.Column) and _lagged(left.expression) == left.this.name
        if is_same and isinstance(right, exp.Column):
            return GroupStep("run", left.this.name, *window, other=right.name, is_lagged=True)
        return None
    if isinstance(right, exp.Sub | exp.Add) and isinstance(right.expression, exp.Literal):
        offset = int(right.expression.name)
        start = 1 - offset if isinstance(right, exp.Sub) else 1 + offset
        right = right.this
    window = _window(right)
    if window is None or not isinstance(left, exp.Column):
        return None
    inner = right.this
    if isinstance(inner, exp.RowNumber):
        return GroupStep("number", left.name, *window, start=start)
    if isinstance(inner, exp.Count) and isinstance(inner.this, exp.Star):
        return GroupStep("number", left.name, *window, start=start)
    if isinstance(inner, exp.Sum) and isinstance(inner.this, exp.Column) and start == 1:
        return GroupStep("run", left.name, *window, other=inner.this.name)
    return None


def _states(tree: exp.Expr) -> GroupStep | None:
    """`(coalesce(lag(state) OVER …, ''), state) IN (('', 'new'), …)`."""
    from sqlglot import exp

    before, now = tree.this.expressions
    if not isinstance(before, exp.Coalesce) or not isinstance(now, exp.Column):
        return None
    window = _window(before.this)
    if window is None or _lagged(before.this) != now.name:
        return None
    pairs = tuple((p.expressions[0].name, p.expressions[1].name) for p in tree.expressions)
    return GroupStep("states", now.name, *window, pairs=pairs)


def _window(tree: exp.Expr) -> tuple[tuple[str, ...], str] | None:
    """The columns of PARTITION BY, and the one of ORDER BY."""
    from sqlglot import exp

    if not isinstance(tree, exp.Window):
        return None
    order = tree.args.get("order")
    listed = order.expressions if order is not None else []
    parts = tree.args.get("partition_by") or []
    if len(listed) != 1 or not all(isinstance(p, exp.Column) and not p.table for p in parts):
        return None
    by = listed[0].this if isinstance(listed[0], exp.Ordered) else listed[0]
    is_down = isinstance(listed[0], exp.Ordered) and bool(listed[0].args.get("desc"))
    if not isinstance(by, exp.Column) or by.table or is_down or not parts:
        return None
    return tuple(p.name for p in parts), by.name


def _lagged(tree: exp.Expr) -> str | None:
    from sqlglot import exp

    if not isinstance(tree, exp.Window) or not isinstance(tree.this, exp.Lag):
        return None
    lag = tree.this
    is_plain = isinstance(lag.this, exp.Column) and not lag.args.get("default")
    return lag.this.name if is_plain else None


def _mark(tree: exp.Expr, parent: Table, table: Table, schema: Schema) -> GroupStep | None:
    """`count(users) FILTER (WHERE users.is_admin) <= 1` of these rows' parents."""
    from sqlglot import exp

    if isinstance(tree, exp.Or):  # … or there are none at all
        tree = tree.this
    count = tree.this
    if not isinstance(tree, exp.EQ | exp.LTE) or not isinstance(count, exp.Filter):
        return None
    if not isinstance(count.this, exp.Count) or tree.expression.name != "1":
        return None
    child, key = child_of(count, parent, schema)
    condition = count.expression.this
    label: str | bool | float = True
    if isinstance(condition, exp.EQ):
        value = condition.expression
        if isinstance(value, exp.Boolean):
            label = bool(value.this)
        elif isinstance(value, exp.Literal):
            label = value.name if value.is_string else float(value.name)
        else:
            return None
        condition = condition.this
    if child.name != table.name or not isinstance(condition, exp.Column):
        return None
    is_exact = isinstance(tree, exp.EQ)
    return GroupStep("mark", condition.name, key.columns, is_exact=is_exact, label=label)
