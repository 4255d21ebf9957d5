"""What CHECK constraints say about single columns: the labels and the bounds that they allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbsynth.expressions import UntranslatableError, parse
from dbsynth.schema import Check, Table

if TYPE_CHECKING:
    from sqlglot import exp


def allowed_labels(table: Table, column: str, dialect: str) -> tuple[str, ...]:
    """
    List the texts that a check allows for a column: `column IN ('a', 'b')` and its spellings.

    They are part of the schema, so they need no protection.
    """
    from sqlglot import exp

    for check in table.row_checks:
        tree = _tree(check, dialect)
        if tree is None or {c.name for c in tree.find_all(exp.Column)} != {column}:
            continue
        others = tree.find_all(exp.Not, exp.NEQ, exp.Like, exp.RegexpLike)
        if tree.find(exp.In, exp.Any, exp.EQ) is None or any(others):
            continue
        return tuple(dict.fromkeys(t.this for t in tree.find_all(exp.Literal) if t.is_string))
    return ()


def bounds(table: Table, column: str, dialect: str) -> tuple[float | None, float | None]:
    """Find the least and the greatest number that single-column checks allow; None: no bound."""
    from sqlglot import exp

    low: float | None = None
    high: float | None = None
    for check in table.row_checks:
        tree = _tree(check, dialect)
        if tree is None or tree.find(exp.Or, exp.Not) is not None:
            continue
        for part in tree.find_all(exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between):
            if not isinstance(part.this, exp.Column) or part.this.name != column:
                continue
            if isinstance(part, exp.Between):
                low, high = _number(part.args["low"]), _number(part.args["high"])
                continue
            limit = _number(part.expression)
            if limit is None:
                continue
            is_strict = isinstance(part, exp.GT | exp.LT)
            if isinstance(part, exp.GT | exp.GTE):
                low = limit + 1 if is_strict else limit
            else:
                high = limit - 1 if is_strict else limit
    return low, high


def _number(tree: object) -> float | None:
    try:
        return float(tree.sql())  # type: ignore[attr-defined]
    except ValueError:
        return None


def _tree(check: Check, dialect: str) -> exp.Expr | None:
    try:
        return parse(check.expression, dialect)
    except UntranslatableError:
        return None
