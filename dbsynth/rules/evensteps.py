"""Read from the text of a rule what the children of a row must come to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from dbsynth.expressions import UntranslatableError, parse
from dbsynth.rules.book import Rule, RuleError
from dbsynth.rules.language import child_of
from dbsynth.schema import Schema, Table, TableName

if TYPE_CHECKING:
    from sqlglot import exp


_TOTAL = re.compile(r"(?P<total>\w+) = (coalesce\()?(?P<what>(sum|count)\([^()]*\))(, 0\))?")
_ORDER = re.compile(r"(?P<low>\w+) <= (?P<high>\w+)")


@dataclass(frozen=True, slots=True)
class Even:
    """
    Two columns of one owner's rows that come to the same; one that comes to nothing, or a whole.

    whole: what `one` adds up to, or at most if `is_most`; 0: as much as `other`, or nothing.
    limit: the owner's column that has what `one` adds up to at most, where that is no whole.
    """

    key: str
    one: str
    other: str = ""
    whole: float = 0.0
    is_most: bool = False
    limit: str = ""

    @property
    def is_part(self) -> bool:
        """Whether rows are parts of something, and not one side of a balance."""
        return self.is_most or self.whole > 0


@dataclass(frozen=True, slots=True)
class Cap:
    """How many rows of a table one above has at most along a key: what a column of it says."""

    child: TableName
    key: str
    column: str


def caps_of(rules: Iterable[Rule], schema: Schema, above: TableName) -> tuple[Cap, ...]:
    """Read from the rules of a table how many children its rows have at most."""
    from sqlglot import exp

    found = []
    for rule in _kept(rules, "count("):
        table = schema.table(rule.table)
        sides = _at_most(rule.text) if rule.table == above else None
        if sides is None or not isinstance(sides[0], exp.Count) or not _is_own(sides[1], table):
            continue
        try:
            child, key = child_of(sides[0], table, schema)
        except RuleError:
            continue
        found.append(Cap(child.name, key.name, sides[1].name))
    return tuple(found)


def limiting(rules: Iterable[Rule], schema: Schema) -> Iterator[tuple[TableName, str, TableName]]:
    """The columns that limit what rows of other tables add up to: table, column, and the other."""
    rules = tuple(rules)
    for name, child, even in _evens(rules, schema):
        if even.limit:
            yield name, even.limit, child
    for name in dict.fromkeys(r.table for r in rules):
        for cap in caps_of(rules, schema, name):
            yield name, cap.column, cap.child


def evens_of(rules: Iterable[Rule], schema: Schema, child: TableName) -> tuple[Even, ...]:
    """Read from the rules of the tables above what a table's rows have to come to."""
    return tuple(dict.fromkeys(e for _, below, e in _evens(rules, schema) if below == child))


def _evens(rules: Iterable[Rule], schema: Schema) -> Iterator[tuple[TableName, TableName, Even]]:
    """What rows have to come to: the table above, that of the rows, and what."""
    for rule in _kept(rules, "sum("):
        found = _even(rule.text, schema.table(rule.table), schema)
        if found is not None:
            yield rule.table, *found


def _kept(rules: Iterable[Rule], word: str) -> Iterator[Rule]:
    """The rules that rows are made to keep, of which a word is part; totals as what they add up."""
    kept = [r for r in rules if r.status != "rejected" and not r.exceptions]
    totals = {
        (rule.table, found["total"]): found["what"]
        for rule in kept
        if (found := _TOTAL.fullmatch(rule.text))
    }
    for rule in kept:
        order = _ORDER.fullmatch(rule.text)
        what = totals.get((rule.table, order["low"])) if order else None
        told = replace(rule, text=f"{what} <= {order['high']}") if order and what else rule
        if word in told.text:
            yield told


@lru_cache(maxsize=4096)
def _read(text: str) -> exp.Expr | None:
    """A rule's tree, which nobody changes; None if it is no condition."""
    try:
        return parse(text, "duckdb")
    except UntranslatableError:
        return None


def _at_most(text: str) -> tuple[exp.Expr, exp.Expr] | None:
    """What a rule says to be at most something, and that; None where it says no such thing."""
    from sqlglot import exp

    tree = _read(text)
    if isinstance(tree, exp.LTE):
        return tree.this, tree.expression
    return (tree.expression, tree.this) if isinstance(tree, exp.GTE) else None


def _is_own(tree: exp.Expr, table: Table) -> bool:
    """Whether a tree is nothing but a column of a table."""
    from sqlglot import exp

    is_plain = isinstance(tree, exp.Column) and not tree.table
    return is_plain and any(c.name == tree.name for c in table.columns)


def _even(text: str, above: Table, schema: Schema) -> tuple[TableName, Even] | None:
    from sqlglot import exp

    tree, most = _read(text), _at_most(text)
    if not isinstance(tree, exp.EQ) and most is None:
        return None
    assert tree is not None
    left, right = most or (tree.this, tree.expression)
    is_rounded, is_most = isinstance(left, exp.Round), most is not None
    one = _summed(left.this if is_rounded else left, above, schema)
    if one is None:
        return None
    child, key, column = one
    if isinstance(right, exp.Literal) and right.is_number:
        whole = float(right.name)
        is_known = whole > 0 or not (is_most or is_rounded)
        return (child, Even(key, column, whole=whole, is_most=is_most)) if is_known else None
    if is_most and not is_rounded and _is_own(right, above):
        return child, Even(key, column, is_most=True, limit=right.name)
    other = _summed(right, above, schema)
    is_pair = other is not None and other[:2] == one[:2] and not (is_most or is_rounded)
    return (child, Even(key, column, other[2])) if other is not None and is_pair else None


def _summed(
    tree: exp.Expr | None, above: Table, schema: Schema
) -> tuple[TableName, str, str] | None:
    """The table, key and column that a sum adds up."""
    from sqlglot import exp

    if not isinstance(tree, exp.Sum) or not isinstance(tree.this, exp.Column):
        return None
    try:
        table, key = child_of(tree, above, schema)
    except RuleError:
        return None
    return table.name, key.name, tree.this.name
