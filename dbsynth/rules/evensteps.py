"""Read from the text of a rule what the children of a row must come to."""

from __future__ import annotations

from collections.abc import Iterable
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
    """

    key: str
    one: str
    other: str = ""
    whole: float = 0.0
    is_most: bool = False


def evens_of(rules: Iterable[Rule], schema: Schema, child: TableName) -> tuple[Even, ...]:
    """Read from the rules of the tables above what a table's rows have to come to."""
    found = []
    for rule in rules:
        if rule.status == "rejected" or rule.exceptions or "sum(" not in rule.text:
            continue
        even = _even(rule.text, schema.table(rule.table), schema, child)
        found += [even] if even is not None else []
    return tuple(dict.fromkeys(found))


def _even(text: str, above: Table, schema: Schema, child: TableName) -> Even | None:
    from sqlglot import exp

    try:
        tree = parse(text, "duckdb")
        if not isinstance(tree, exp.EQ | exp.LTE):
            return None
        is_rounded, is_most = isinstance(tree.this, exp.Round), isinstance(tree, exp.LTE)
        one = _summed(tree.this.this if is_rounded else tree.this, above, schema, child)
        other = _summed(tree.expression, above, schema, child)
    except (UntranslatableError, RuleError):
        return None
    if one is None:
        return None
    if isinstance(tree.expression, exp.Literal) and tree.expression.is_number:
        whole = float(tree.expression.name)
        is_known = whole > 0 or not (is_most or is_rounded)
        return Even(*one, whole=whole, is_most=is_most) if is_known else None
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
