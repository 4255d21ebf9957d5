"""The words of rules: how columns of a row, of rows above it and of children are named."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from dbsynth.expressions import DIALECTS, UntranslatableError, parse
from dbsynth.queries import identifier
from dbsynth.rules.book import Rule
from dbsynth.schema import Column, ForeignKey, Table

if TYPE_CHECKING:
    from sqlglot import exp

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HALVES = frozenset({"ORDER", "GROUP", "PARTITION", "BY"})  # of keywords of two words


def widened(table: Table, above: Mapping[str, Column]) -> Table:
    """
    A table with further columns behind its own.

    Args:
        table: the table.
        above: columns of rows above, by the word that rules have for them: `customers.tier`.
    """
    more = [replace(c, name=word, generated=None) for word, c in above.items()]
    return replace(table, columns=(*table.columns, *more))


def flattened(tree: exp.Expr) -> exp.Expr:
    """Write columns of rows above as names of one word, as `widened` tables have them."""
    from sqlglot import exp

    def one(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column) and len(node.parts) > 1:
            return exp.column(exp.to_identifier(word_of(node), quoted=True))
        return node

    return tree.transform(one)


def in_dialect(text: str, dialect: str) -> str:
    """A plain condition over a row in a schema's own dialect; "" for any other rule."""
    from sqlglot import exp

    try:
        tree = parse(text, "duckdb")
    except UntranslatableError:
        return ""
    odd = (exp.Window, exp.AggFunc, exp.Select, exp.Anonymous, exp.StartsWith, exp.Round)
    return "" if any(tree.find(k) is not None for k in odd) else tree.sql(DIALECTS[dialect])


def names_of(text: str) -> frozenset[str]:
    """The columns that a rule names, those of rows above as words."""
    from sqlglot import exp

    found: set[str] = set()
    for part in text.replace("->", ",").split(",") if "->" in text else [text]:
        try:
            tree = parse(part, "duckdb")
        except UntranslatableError:
            continue
        found |= {word_of(c) for c in tree.find_all(exp.Column)}
    return frozenset(found)


def declared(table: Table, dialect: str) -> list[Rule]:
    """The checks of a table that define a number by others, as rules that rows are to keep."""
    found = []
    for check in table.row_checks:
        try:
            tree = parse(check.expression, dialect)
        except UntranslatableError:
            continue
        found += [
            Rule(table=table.name, text=part.sql(dialect="duckdb"))
            for part in _conjuncts(tree)
            if _is_sum(part, table)
        ]
    return found


def _conjuncts(tree: exp.Expr) -> list[exp.Expr]:
    from sqlglot import exp

    while isinstance(tree, exp.Paren):
        tree = tree.this
    return list(tree.flatten()) if isinstance(tree, exp.And) else [tree]


def _is_sum(tree: exp.Expr, table: Table) -> bool:
    """Whether a condition says of a number what others come to; nothing that may be rounded."""
    from sqlglot import exp

    if not (isinstance(tree, exp.EQ) and isinstance(tree.this, exp.Column)):
        return False
    known = (exp.Add, exp.Sub, exp.Mul, exp.Paren, exp.Column, exp.Identifier, exp.Literal)
    numbers = {c.name for c in table.written_columns if c.type.kind in ("integer", "decimal")}
    used = [c.name for c in tree.expression.find_all(exp.Column)]
    return (
        all(isinstance(node, known) for node in tree.expression.walk())
        and len(used) > 1 and {tree.this.name, *used} <= numbers and tree.this.name not in used
    )  # fmt: skip


def word_of(column: exp.Expr) -> str:
    """The one word for a column of a row above."""
    from sqlglot import exp

    assert isinstance(column, exp.Column)
    return ".".join(p.name for p in column.parts)


def dependencies(rules: Iterable[Rule]) -> Iterator[tuple[tuple[str, ...], str]]:
    """The left sides and the right side of those rules that are dependencies."""
    for rule in rules:
        left, arrow, right = rule.text.partition("->")
        if arrow:
            yield tuple(bare_word(part) for part in left.split(",")), bare_word(right)


def bare_word(text: str) -> str:
    """The one word that a text is; "" if it is anything else."""
    from sqlglot import exp

    try:
        tree = parse(text, "duckdb")
    except UntranslatableError:
        return ""
    return word_of(tree) if isinstance(tree, exp.Column) else ""


@cache
def quote(name: str) -> str:
    """Write a name as rules have it: in quotes only where it must be."""
    from sqlglot.dialects import DuckDB

    reserved = DuckDB.Tokenizer.KEYWORDS.keys() | _HALVES
    is_plain = _PLAIN.fullmatch(name) and name.upper() not in reserved
    return name if is_plain else identifier("duckdb", name)


def parent_word(table: Table, key: ForeignKey) -> str:
    """How a rule of a table names the parent along a key: as short as is clear."""
    usable = [k for k in table.foreign_keys if k.when is None]
    if sum(k.parent.name == key.parent.name for k in usable) == 1 and not key.is_self:
        return key.parent.name
    alike = [k for k in usable if k.columns == key.columns]
    return key.columns[0] if len(key.columns) == 1 and len(alike) == 1 else key.name


def child_word(child: Table, key: ForeignKey) -> str:
    """How a rule names a child table along a key, quoted; columns come behind another dot."""
    keys = [k for k in child.foreign_keys if k.parent == key.parent and k.when is None]
    if len(keys) == 1:
        return quote(child.name.name)
    return f"{quote(child.name.name)}.{quote(parent_word(child, key))}"
