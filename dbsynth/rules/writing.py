"""Conditions of rules, once their columns are bound, as SQL of each dialect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dbsynth.expressions import DIALECTS
from dbsynth.rules.book import RuleError

if TYPE_CHECKING:
    from sqlglot import exp

SPANS = ("days_between", "seconds_between", "years_between", "months_after")
_NUMBERS = ("integer", "decimal", "float")


def local_condition(tree: exp.Expr, places: Mapping[str, tuple[int, str]]) -> str:
    """
    Write a condition over a row for DuckDB, numbers compared as `count_breaks` does.

    Args:
        tree: the condition; its columns are names of one word.
        places: of each column its place, as c0, c1 …, and the kind of its type.
    """
    from sqlglot import exp

    root = exp.Paren(this=tree.copy())
    for column in list(root.find_all(exp.Column)):
        place, kind = places[column.name]
        column.replace(marked(exp.column(f"c{place}"), kind))
    return write(root.this, "duckdb")


def marked(column: exp.Expr, kind: str) -> exp.Expr:
    """Note of a bound column what kind of value it has."""
    column.args["kind_of"] = kind
    return column


def write(tree: exp.Expr, dialect: str) -> str:
    """
    Write a bound tree in a dialect.

    Raises:
        RuleError: a function has too few arguments, or too many.
    """
    from sqlglot import exp

    root = exp.Paren(this=tree.copy())
    if dialect == "sqlite":
        _as_moments(root)
    if dialect in ("postgresql", "duckdb"):
        _as_texts(root)
    kinds = (exp.EQ, exp.LTE, exp.StartsWith, exp.Anonymous, exp.Column)
    for node in reversed(list(root.find_all(*kinds))):
        if isinstance(node, exp.EQ) and _is_calculated(node):
            node.replace(_about_equal(node))
        elif isinstance(node, exp.LTE) and _is_joined(node.this) and _is_calculated(node):
            node.replace(_about_at_most(node))
        elif isinstance(node, exp.StartsWith):
            node.replace(exp.Var(this=_starts(node, dialect)))
        elif isinstance(node, exp.Anonymous):
            node.replace(exp.Var(this=_span(node, dialect)))
    return str(root.this.sql(dialect=DIALECTS[dialect]))


def _as_moments(root: exp.Expr) -> None:
    """Give days that are compared with moments a time, for SQLite compares their texts."""
    from sqlglot import exp

    for node in list(root.find_all(exp.LTE, exp.GTE, exp.LT, exp.GT, exp.EQ, exp.NEQ)):
        sides = [s for s in (node.this, node.expression) if isinstance(s, exp.Column)]
        kinds = {s.args.get("kind_of") for s in sides}
        for side in sides if kinds & {"timestamp", "timestamptz"} else ():
            if side.args.get("kind_of") == "date":
                side.replace(exp.Var(this=f"datetime({side.sql(dialect='sqlite')})"))


def _as_texts(root: exp.Expr) -> None:
    """Make texts of enums that are compared with what else than a label may be: '', a CASE."""
    from sqlglot import exp

    for node in list(root.find_all(exp.Coalesce)):
        kinds = {c.args.get("kind_of") for c in node.this.find_all(exp.Column)}
        if "enum" in kinds and any(e.is_string for e in node.expressions):
            node.set("this", exp.cast(node.this, "text", copy=False))
    for equation in list(root.find_all(exp.EQ)):
        label = equation.this
        if isinstance(equation.expression, exp.Case) and label.args.get("kind_of") == "enum":
            equation.set("this", exp.cast(label, "text", copy=False))


def _is_calculated(node: exp.Expr) -> bool:
    """Whether an equation is about numbers that are calculated, not only looked up."""
    from sqlglot import exp

    kinds = {c.args.get("kind_of") for c in node.find_all(exp.Column)}
    steps = (exp.Mul, exp.Div, exp.Add, exp.Sub, exp.Round, exp.Sum, exp.Avg, exp.Coalesce)
    sides = [node.this, node.expression]
    return kinds <= {*_NUMBERS, None} and any(
        side.find(*steps) is not None or _is_joined(side) for side in sides
    )


def _is_joined(side: exp.Expr) -> bool:
    """Whether a side is a child aggregate, which may have been added up in another order."""
    from sqlglot import exp

    return isinstance(side, exp.Column) and side.name == "v" and side.table.startswith("s")


def _about_equal(node: exp.Expr) -> exp.Expr:
    """`x = round(y, 2)` as |x - y| within half a cent; any other equation within a millionth."""
    from sqlglot import exp

    sides, slack = [], 0.0
    for side in (node.this, node.expression):
        if isinstance(side, exp.Round):
            digits = side.args.get("decimals")
            slack += 0.5005 * 10.0 ** -(int(digits.name) if digits is not None else 0)
            side = side.this  # noqa: PLW2901
        sides.append(exp.Paren(this=side.copy()))
    distance = exp.Abs(this=exp.Sub(this=sides[0], expression=sides[1]))
    allowed = exp.Literal.number(f"{slack:.12f}".rstrip("0")) if slack else _millionth(sides[0])
    return exp.Paren(this=exp.LTE(this=distance, expression=allowed))


def _about_at_most(node: exp.Expr) -> exp.Expr:
    """A child aggregate that is at most something, or more by a millionth."""
    from sqlglot import exp

    most = exp.Add(this=node.expression.copy(), expression=_millionth(node.this))
    return exp.Paren(this=exp.LTE(this=node.this.copy(), expression=most))


def _millionth(side: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    size = exp.Add(this=exp.Literal.number(1), expression=exp.Abs(this=side.copy()))
    return exp.Mul(this=exp.Literal.number("0.000001"), expression=exp.Paren(this=size))


def _starts(node: exp.Expr, dialect: str) -> str:
    text, start = (write(n, dialect) for n in (node.this, node.expression))
    size = f"char_length({start})" if dialect == "mysql" else f"length({start})"
    return f"(substr({text}, 1, {size}) = {start})"


_SPAN_SQL = {
    ("days_between", "postgresql"): "(CAST({b} AS date) - CAST({a} AS date))",
    ("days_between", "mysql"): "datediff({b}, {a})",
    ("days_between", "sqlite"): "CAST(julianday(date({b})) - julianday(date({a})) AS integer)",
    ("days_between", "duckdb"): "date_diff('day', CAST({a} AS date), CAST({b} AS date))",
    ("months_after", "postgresql"): "CAST(CAST({a} AS date) + ({b}) * interval '1 month' AS date)",
    ("months_after", "mysql"): "date_add(CAST({a} AS date), INTERVAL ({b}) MONTH)",
    ("months_after", "sqlite"): (
        "min(date({a}, '+' || ({b}) || ' months'), "
        "date({a}, 'start of month', '+' || ({b} + 1) || ' months', '-1 day'))"
    ),
    ("months_after", "duckdb"): (
        "CAST(CAST({a} AS date) + to_months(CAST({b} AS integer)) AS date)"
    ),
    ("years_between", "postgresql"): (
        "CAST(extract(year FROM age(CAST({b} AS date), CAST({a} AS date))) AS integer)"
    ),
    ("years_between", "mysql"): "timestampdiff(YEAR, CAST({a} AS date), CAST({b} AS date))",
    ("years_between", "sqlite"): (
        "(strftime('%Y', {b}) - strftime('%Y', {a})"
        " - (strftime('%m-%d', {b}) < strftime('%m-%d', {a})))"
    ),
    ("years_between", "duckdb"): (
        "(year(CAST({b} AS date)) - year(CAST({a} AS date))"
        " - CAST(strftime(CAST({b} AS date), '%m-%d') < strftime(CAST({a} AS date), '%m-%d')"
        " AS integer))"
    ),
    ("seconds_between", "postgresql"): (
        "extract(epoch FROM CAST({b} AS timestamp) - CAST({a} AS timestamp))"
    ),
    ("seconds_between", "mysql"): "timestampdiff(SECOND, {a}, {b})",
    ("seconds_between", "sqlite"): "(strftime('%s', {b}) - strftime('%s', {a}))",
    ("seconds_between", "duckdb"): (
        "date_diff('second', CAST({a} AS timestamp), CAST({b} AS timestamp))"
    ),
}


def years_between(a: str, b: str) -> str:
    """Write the full years between two moments for DuckDB."""
    return _SPAN_SQL["years_between", "duckdb"].format(a=a, b=b)


def _span(node: exp.Expr, dialect: str) -> str:
    if len(node.expressions) != 2:
        takes = "a date and a number" if node.name.lower() == "months_after" else "two moments"
        raise RuleError(f"{node.name} takes {takes}")
    a, b = (write(n, dialect) for n in node.expressions)
    return _SPAN_SQL[node.name.lower(), dialect].format(a=a, b=b)
