"""Conditions on the rows of one table: parsed from SQL, true, false or unknown as in SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from dbsynth.expressions import UntranslatableError, parse

if TYPE_CHECKING:
    from sqlglot import exp

Flags = NDArray[np.bool_]
Truth = tuple[Flags, Flags]  # (n,) where it is true, (n,) where it is false; else it is unknown
Operator = Literal["in", "lt", "le", "gt", "ge", "null"]
_UNDERSTOOD = (
    "=, <>, <, <=, >, >=, BETWEEN, IN with a list, IS NULL, AND, OR and NOT are understood"
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One column against constants, which are kept as text."""

    column: str
    operator: Operator
    constants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds."""

    parts: tuple[Criterion, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one part holds."""

    parts: tuple[Criterion, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Criterion


Criterion = Comparison | All | Some | Not


class CriterionError(Exception):
    """A condition that cannot be used; the text says why, and holds no value of a source."""


def truth(criterion: Criterion, ask: Callable[[Comparison], Truth]) -> Truth:
    """
    Evaluate a condition in SQL's logic of three values.

    Args:
        criterion: the condition.
        ask: tells where one test is true and where it is false, (n,) each.
    """
    match criterion:
        case Comparison():
            return ask(criterion)
        case Not():
            yes, no = truth(criterion.part, ask)
            return no, yes
        case All() | Some():
            found = [truth(part, ask) for part in criterion.parts]
            every = [np.logical_and.reduce([t[i] for t in found]) for i in (0, 1)]
            some = [np.logical_or.reduce([t[i] for t in found]) for i in (0, 1)]
            return (every[0], some[1]) if isinstance(criterion, All) else (some[0], every[1])


def tests(criterion: Criterion) -> Iterator[Comparison]:
    """All single tests of a condition."""
    match criterion:
        case Comparison():
            yield criterion
        case Not():
            yield from tests(criterion.part)
        case All() | Some():
            for part in criterion.parts:
                yield from tests(part)


def by_column(criterion: Criterion) -> dict[str, Criterion]:
    """The parts that must all hold and are about one column each: what tokens it may have."""
    parts = criterion.parts if isinstance(criterion, All) else (criterion,)
    found: dict[str, list[Criterion]] = {}
    for part in parts:
        columns = {t.column for t in tests(part)}
        if len(columns) == 1:
            found.setdefault(columns.pop(), []).append(part)
    return {name: All(tuple(same)) for name, same in found.items()}


def read_condition(text: str, dialect: str) -> tuple[tuple[str, ...], Criterion]:
    """
    Parse a condition on one table.

    Args:
        text: SQL; columns are written table.column, or schema.table.column.
        dialect: as in Schema.dialect.

    Returns:
        the tables as they are written, and the condition.

    Raises:
        CriterionError: it is not understood, or a column stands without its table.
    """
    from sqlglot import exp

    try:
        tree = parse(text, dialect)
    except UntranslatableError as exc:
        raise CriterionError("it is not a condition in SQL") from exc
    named = {".".join(filter(None, (c.db, c.table))) for c in tree.find_all(exp.Column)}
    if not named or "" in named:
        raise CriterionError("it must name columns as table.column")
    return tuple(sorted(named)), _read(tree)


def _read(node: exp.Expr) -> Criterion:
    """Turn a tree of sqlglot's into ours."""
    from sqlglot import exp

    node = node.unnest()
    match node:
        case exp.And() | exp.Or():
            parts = tuple(_read(part) for part in node.flatten())
            return All(parts) if isinstance(node, exp.And) else Some(parts)
        case exp.Not():
            return Not(_read(node.this))
        case exp.Column():
            return Comparison(node.name, "in", ("true",))
        case exp.Is():
            return _read_is(node)
        case exp.In() if node.expressions and not node.args.get("query"):
            return Comparison(_column(node.this), "in", tuple(map(_constant, node.expressions)))
        case exp.Between():
            name = _column(node.this)
            low, high = _constant(node.args["low"]), _constant(node.args["high"])
            return All((Comparison(name, "ge", (low,)), Comparison(name, "le", (high,))))
    return _read_comparison(node)


def _read_is(node: exp.Is) -> Criterion:
    from sqlglot import exp

    if isinstance(node.expression, exp.Null):
        return Comparison(_column(node.this), "null")
    if isinstance(node.expression, exp.Boolean):
        return Comparison(_column(node.this), "in", (_constant(node.expression),))
    raise CriterionError(_UNDERSTOOD)


def _read_comparison(node: exp.Expr) -> Criterion:
    """A column beside a constant, in whichever order."""
    from sqlglot import exp

    operators: dict[type[exp.Expr], tuple[Operator, Operator]] = {
        exp.EQ: ("in", "in"), exp.NEQ: ("in", "in"), exp.LT: ("lt", "gt"),
        exp.LTE: ("le", "ge"), exp.GT: ("gt", "lt"), exp.GTE: ("ge", "le"),
    }  # fmt: skip
    found = operators.get(type(node))
    if found is None or not isinstance(node, exp.Binary):
        raise CriterionError(_UNDERSTOOD)
    left, right = node.left.unnest(), node.right.unnest()
    if isinstance(left, exp.Column):
        test = Comparison(left.name, found[0], (_constant(right),))
    else:
        test = Comparison(_column(right), found[1], (_constant(left),))
    return Not(test) if isinstance(node, exp.NEQ) else test


def _column(node: exp.Expr) -> str:
    from sqlglot import exp

    inner = node.unnest()
    if not isinstance(inner, exp.Column):
        raise CriterionError(f"it must compare columns with constants; {_UNDERSTOOD}")
    return inner.name


def _constant(node: exp.Expr) -> str:
    from sqlglot import exp

    inner = node.unnest()
    if isinstance(inner, exp.Cast):
        return _constant(inner.this)
    if isinstance(inner, exp.Neg):
        return f"-{_constant(inner.this)}"
    if isinstance(inner, exp.Boolean):
        return "true" if inner.this else "false"
    if not isinstance(inner, exp.Literal):
        raise CriterionError(f"it must compare columns with constants; {_UNDERSTOOD}")
    return inner.name
