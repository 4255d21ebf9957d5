"""Read from the text of a rule what the children of a row must come to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbsynth.expressions import UntranslatableError, parse
from dbsynth.rules.book import Rule, RuleError
from dbsynth.rules.language import child_of
from dbsynth.schema import Schema, Table, TableName

if TYPE_CHECKING:
    from sqlglot import exp


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
    for table in schema.tables:
        for even in evens_of(rules, schema, table.name):
            key = next(k for k in table.foreign_keys if k.name == even.key)
            if even.limit:
                yield key.parent, even.limit, table.name
        for cap in caps_of(rules, schema, table.name):
            yield table.name, cap.column, cap.child


def evens_of(rules: Iterable[Rule], schema: Schema, child: TableName) -> tuple[Even, ...]:
    """Read from the rules of the tables above what a table's rows have to come to."""
    found = []
    for rule in _kept(rules, "sum("):
        even = _even(rule.text, schema.table(rule.table), schema, child)
        found += [even] if even is not None else []
    return tuple(dict.fromkeys(found))


def _kept(rules: Iterable[Rule], word: str) -> Iterator[Rule]:
    """The rules that rows are made to keep, of which a word is part."""
    for rule in rules:
        if rule.status != "rejected" and not rule.exceptions and word in rule.text:
            yield rule


def _at_most(text: str) -> tuple[exp.Expr, exp.Expr] | None:
    """What a rule says to be at most something, and that; None where it says no such thing."""
    from sqlglot import exp

    try:
        tree = parse(text, "duckdb")
    except UntranslatableError:
        return None
    if isinstance(tree, exp.LTE):
        return tree.this, tree.expression
    return (tree.expression, tree.this) if isinstance(tree, exp.GTE) else None


def _is_own(tree: exp.Expr, table: Table) -> bool:
    """Whether a tree is nothing but a column of a table."""
    from sqlglot import exp

    is_plain = isinstance(tree, exp.Column) and not tree.table
    return is_plain and any(c.name == tree.name for c in table.columns)


def _even(text: str, above: Table, schema: Schema, child: TableName) -> Even | None:
    from sqlglot import exp

    try:
        tree, most = parse(text, "duckdb"), _at_most(text)
        if not isinstance(tree, exp.EQ) and most is None:
            return None
        left, right = most or (tree.this, tree.expression)
        is_rounded, is_most = isinstance(left, exp.Round), most is not None
        one = _summed(left.this if is_rounded else left, above, schema, child)
        other = _summed(right, above, schema, child)
    except (UntranslatableError, RuleError):
        return None
    if one is None:
        return None
    if isinstance(right, exp.Literal) and right.is_number:
        whole = float(right.name)
        is_known = whole > 0 or not (is_most or is_rounded)
        return Even(*one, whole=whole, is_most=is_most) if is_known else None
    if is_most and not is_rounded and _is_own(right, above):
        return Even(*one, is_most=True, limit=right.name)
    is_pair = other is not None and other[0] == one[0] and not (is_most or is_rounded)
    return Even(*one, other[1]) if other is not None and is_pair else None


def _summed(
    tree: exp.Expr | None, above: Table, schema: Schema, child: TableName
) -> tuple[str, str] | None:
    """The key and the column of a table that a sum adds up along it."""
    from sqlglot import exp

    if not isinstance(tree, exp.Sum) or not isinstance(tree.this, exp.Column):
        return None
    table, key = child_of(tree, above, schema)
    return (key.name, tree.this.name) if table.name == child else None
