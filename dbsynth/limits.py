"""What checks say about single columns: the labels and the bounds that they allow, and uniques."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from dbsynth.expressions import UntranslatableError, parse
from dbsynth.schema import Column, Table

if TYPE_CHECKING:
    from sqlglot import exp

Interval = tuple[float, float]

_ANYTHING: Interval = (-math.inf, math.inf)
_MOMENTS = ("date", "timestamp", "timestamptz")


def allowed_labels(table: Table, column: str, dialect: str) -> tuple[str, ...]:
    """
    List the texts that checks allow for a column: `column IN ('a', 'b')` and its spellings.

    They are part of the schema, so they need no protection.
    """
    found: tuple[str, ...] = ()
    for tree in _conjuncts(table, dialect):
        labels = _labels(tree, column)
        if labels:
            found = tuple(x for x in found if x in labels) if found else labels
    return found


def bounds(table: Table, column: str, dialect: str) -> tuple[float | None, float | None]:
    """
    Find the least and the greatest number that checks allow for a column; None: no bound.

    Dates and timestamps are in seconds since 1970.
    """
    wanted = table.column(column)
    low, high = _ANYTHING
    for tree in _conjuncts(table, dialect):
        least, most = _interval(tree, wanted)
        low, high = max(low, least), min(high, most)
    if low > high:
        return None, None
    return low if math.isfinite(low) else None, high if math.isfinite(high) else None


def is_unique_alone(table: Table, column: str, dialect: str) -> bool:
    """Whether no two rows share a value of a column, or two that differ in case or spaces only."""
    if (column,) in table.unique_sets:
        return True
    for index in table.indexes:
        if not index.is_unique or len(index.expressions) != 1 or index.predicate:
            continue
        from sqlglot import exp

        tree = _parsed(index.expressions[0], dialect)
        while isinstance(tree, exp.Paren | exp.Cast | exp.Lower | exp.Upper | exp.Trim):
            tree = tree.this
        if isinstance(tree, exp.Column) and tree.name == column:
            return True
    return False


def _conjuncts(table: Table, dialect: str) -> Iterator[exp.Expr]:
    """What every row keeps, taken apart at ANDs."""
    if not table.row_checks:
        return  # and sqlglot, which takes long to load, stays where it is
    from sqlglot import exp

    for check in table.row_checks:
        open_parts = [_parsed(check.expression, dialect)]
        while open_parts:
            tree = _bare(open_parts.pop())
            if isinstance(tree, exp.And):
                open_parts += [tree.expression, tree.this]
            elif tree is not None:
                yield tree


def _parsed(expression: str, dialect: str) -> exp.Expr | None:
    try:
        return parse(expression, dialect)
    except UntranslatableError:
        return None


def _bare(tree: exp.Expr | None) -> exp.Expr | None:
    """A tree without parentheses, casts and collations around it."""
    from sqlglot import exp

    while isinstance(tree, exp.Paren | exp.Cast | exp.Collate):
        tree = tree.this
    return tree


def _is_column(tree: exp.Expr | None, column: str) -> bool:
    from sqlglot import exp

    bare = _bare(tree)
    return isinstance(bare, exp.Column) and bare.name == column


def _labels(tree: exp.Expr | None, column: str) -> tuple[str, ...]:
    """The texts for which a condition may hold; none if it is not about them alone."""
    from sqlglot import exp

    tree = _bare(tree)
    if isinstance(tree, exp.Or):
        sides = [_labels(s, column) or (None if _is_null(s, column) else ()) for s in _sides(tree)]
        if () in sides:
            return ()
        return tuple(dict.fromkeys(label for side in sides if side for label in side))
    if isinstance(tree, exp.And):
        one, other = (_labels(s, column) for s in _sides(tree))
        return tuple(x for x in one if x in other) if one and other else one or other
    return _texts(_members(tree, column))


def _members(tree: exp.Expr | None, column: str) -> list[exp.Expr]:
    """What a column is compared with by =, IN or = ANY; nothing if a condition is another one."""
    from sqlglot import exp

    if not isinstance(tree, exp.In | exp.EQ) or not _is_column(tree.this, column):
        return []
    if isinstance(tree, exp.In):
        return list(tree.expressions)
    right = tree.expression
    array = _bare(right.this) if isinstance(right, exp.Any) else None
    return list(array.expressions) if isinstance(array, exp.Array) else [right]


def _sides(tree: exp.Expr) -> tuple[exp.Expr, exp.Expr]:
    return tree.this, tree.expression


def _is_null(tree: exp.Expr, column: str) -> bool:
    from sqlglot import exp

    bare = _bare(tree)
    is_test = isinstance(bare, exp.Is) and isinstance(bare.expression, exp.Null)
    return bare is not None and is_test and _is_column(bare.this, column)


def _texts(trees: Iterable[exp.Expr]) -> tuple[str, ...]:
    """The texts of literals; none if something else is among them."""
    from sqlglot import exp

    bare = [_bare(t) for t in trees]
    if not bare or not all(isinstance(t, exp.Literal) and t.is_string for t in bare):
        return ()
    return tuple(dict.fromkeys(t.name for t in bare if t is not None))


def _interval(tree: exp.Expr | None, column: Column) -> Interval:
    """An interval outside of which a condition does not hold."""
    from sqlglot import exp

    tree = _bare(tree)
    if isinstance(tree, exp.And | exp.Or):
        first, second = (_interval(s, column) for s in _sides(tree))
        if isinstance(tree, exp.And):
            return max(first[0], second[0]), min(first[1], second[1])
        return min(first[0], second[0]), max(first[1], second[1])
    if isinstance(tree, exp.Between) and _is_column(tree.this, column.name):
        low, high = _number(tree.args["low"], column), _number(tree.args["high"], column)
        return -math.inf if low is None else low, math.inf if high is None else high
    if members := _members(tree, column.name):
        return _hull(_number(t, column) for t in members)
    for kind, compare in _comparisons().items():
        if isinstance(tree, kind):
            for side, other, is_turned in (
                (tree.this, tree.expression, False),
                (tree.expression, tree.this, True),
            ):
                limit = _number(other, column) if _is_column(side, column.name) else None
                if limit is not None:
                    return compare(limit, _step(column), is_turned)
    return _ANYTHING


def _comparisons() -> dict[type[exp.Expr], Callable[[float, float, bool], Interval]]:
    """What `column > limit` and its like say; turned if the column stands on the right."""
    from sqlglot import exp

    def above(limit: float) -> Interval:
        return limit, math.inf

    def below(limit: float) -> Interval:
        return -math.inf, limit

    return {
        exp.GT: lambda n, step, turned: below(n - step) if turned else above(n + step),
        exp.GTE: lambda n, _, turned: below(n) if turned else above(n),
        exp.LT: lambda n, step, turned: above(n + step) if turned else below(n - step),
        exp.LTE: lambda n, _, turned: above(n) if turned else below(n),
    }


def _hull(limits: Iterable[float | None]) -> Interval:
    found = list(limits)
    known = [n for n in found if n is not None]
    return (min(known), max(known)) if known and len(known) == len(found) else _ANYTHING


def _step(column: Column) -> float:
    """The least distance of two values of a column."""
    match column.type.kind:
        case "integer":
            return 1.0
        case "decimal" if column.type.precision is not None:
            return 10.0 ** -(column.type.scale or 0)
        case "date":
            return 86_400.0
        case "timestamp" | "timestamptz":
            return 1.0
        case _:
            return 1e-6


def _number(tree: exp.Expr | None, column: Column) -> float | None:
    """A literal's number, or its seconds if the column holds dates; None for anything else."""
    from sqlglot import exp

    tree = _bare(tree)
    if isinstance(tree, exp.Neg):
        number = _number(tree.this, column)
        return None if number is None else -number
    if not isinstance(tree, exp.Literal):
        return None
    try:
        if column.type.kind not in _MOMENTS:
            return float(tree.name)
        moment = dt.datetime.fromisoformat(tree.name)
    except ValueError:
        return None
    return moment.replace(tzinfo=moment.tzinfo or dt.UTC).timestamp()
