"""Translate the SQL expressions of checks, defaults, generated columns and partial indexes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import exp

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_SPELLED_AS_TEXT = frozenset({"JSON", "JSONB", "UUID", "USERDEFINED"})  # DataType.Type values
_KEEP_ZONES = ("postgresql", "duckdb")
DIALECTS = {"postgresql": "postgres", "mysql": "mysql", "sqlite": "sqlite", "duckdb": "duckdb"}


class UntranslatableError(Exception):
    """An expression that has no certain counterpart in the other dialect."""


def translate(expression: str, source: str, target: str, columns: Mapping[str, str]) -> str:
    """
    Translate one scalar expression.

    Args:
        expression: SQL text in the dialect `source` (as in Schema.dialect).
        source: its dialect.
        target: the wanted dialect.
        columns: the table's columns, source name to target name.

    Raises:
        UntranslatableError: it does not parse, holds something unknown, or names no such column.
    """
    from sqlglot import ErrorLevel
    from sqlglot.errors import SqlglotError

    tree = parse(expression, source).transform(_simplify)
    _refuse_unknown(tree)
    if target not in _KEEP_ZONES:
        _refuse_zones(tree)
    folded = {name.casefold(): name for name in columns}
    for column in list(_columns(tree)):
        name = column.name if column.name in columns else folded.get(column.name.casefold())
        if name is None or column.table:
            raise UntranslatableError(f"no column {column.sql()}")
        column.this.replace(_identifier(columns[name]))
    try:
        return tree.sql(dialect=DIALECTS[target], unsupported_level=ErrorLevel.RAISE)
    except SqlglotError as exc:
        raise UntranslatableError("the target has no such operation") from exc


def mentioned(expression: str, dialect: str, columns: Mapping[str, str]) -> tuple[str, ...]:
    """List the columns that an expression names, in the order of `columns`."""
    try:
        tree = parse(expression, dialect)
    except UntranslatableError:
        return ()
    named = {c.name.casefold() for c in _columns(tree)}
    return tuple(name for name in columns if name.casefold() in named)


def parse(expression: str, dialect: str) -> exp.Expr:
    """
    Parse one scalar expression.

    Args:
        expression: SQL text.
        dialect: as in Schema.dialect.

    Raises:
        UntranslatableError: it cannot be parsed.
    """
    from sqlglot import parse_one
    from sqlglot.errors import SqlglotError

    try:
        return parse_one(expression, read=DIALECTS[dialect])
    except SqlglotError as exc:
        raise UntranslatableError("it cannot be parsed") from exc


def _columns(tree: exp.Expr) -> list[exp.Column]:
    from sqlglot import exp

    return list(tree.find_all(exp.Column))


def _identifier(name: str) -> exp.Expr:
    from sqlglot import exp

    return exp.to_identifier(name, quoted=True)


def _refuse_unknown(tree: exp.Expr) -> None:
    """Functions that sqlglot does not know would be copied letter by letter: refuse them."""
    from sqlglot import exp

    unknown = (exp.Anonymous, exp.Command, exp.Select, exp.Subquery, exp.Dot)
    for node in tree.find_all(*unknown):
        raise UntranslatableError(f"{node.name or node.key} has no certain counterpart")


def _refuse_zones(tree: exp.Expr) -> None:
    """Moments with a zone are without one where the target has no such type: their text differs."""
    from sqlglot import exp

    for cast in tree.find_all(exp.Cast):
        if cast.to.this in (exp.DataType.Type.TIMESTAMPTZ, exp.DataType.Type.TIMESTAMPLTZ):
            raise UntranslatableError("the target has no time zones")


def _simplify(node: exp.Expr) -> exp.Expr:
    """Write what PostgreSQL prints as people would: `IN` for `= ANY (ARRAY[…])`, bare literals."""
    from sqlglot import exp

    if isinstance(node, exp.Cast):
        return _without_cast(node)
    if isinstance(node, exp.EQ) and isinstance(node.expression, exp.Any):
        array = node.expression.this.unnest()
        while isinstance(array, exp.Cast):
            array = array.this.unnest()
        if isinstance(array, exp.Array):
            values = [value.transform(_simplify) for value in array.expressions]
            return exp.In(this=node.this.transform(_simplify), expressions=values)
    return node


def _without_cast(cast: exp.Cast) -> exp.Expr:
    """Drop a cast that only names the type of a literal or column; other dialects would round."""
    from sqlglot import exp

    inner: exp.Expr = cast.this.unnest()
    inner = _without_cast(inner) if isinstance(inner, exp.Cast) else inner
    kind, is_sized = cast.to.this, bool(cast.to.expressions)
    is_value = isinstance(inner, exp.Literal | exp.Column | exp.Neg)
    if isinstance(inner, exp.Literal) and inner.is_string:
        if kind in exp.DataType.NUMERIC_TYPES and _NUMBER.fullmatch(inner.name):
            return exp.Literal.number(inner.name)
        if getattr(kind, "name", kind) in _SPELLED_AS_TEXT:
            return inner
    if is_value and kind in exp.DataType.TEXT_TYPES:
        return inner
    if is_value and kind in exp.DataType.NUMERIC_TYPES and not is_sized:
        return inner
    if kind == exp.DataType.Type.DECIMAL and not is_sized:
        raise UntranslatableError("a number without a fixed scale has no certain counterpart")
    return cast
