"""The words of rules: columns of a row and of the rows above it, as one name each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from dbsynth.expressions import DIALECTS, UntranslatableError, parse
from dbsynth.rulebook import Rule
from dbsynth.schema import Column, Table

if TYPE_CHECKING:
    from sqlglot import exp


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
    from sqlglot import exp

    try:
        tree = parse(text, "duckdb")
    except UntranslatableError:
        return ""
    return word_of(tree) if isinstance(tree, exp.Column) else ""
