"""The columns of rows above that rules about a table name, brought beside its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from dbsynth.arrow import arrow_type
from dbsynth.copying import Pointers, reached
from dbsynth.expressions import UntranslatableError, parse
from dbsynth.features import Ints
from dbsynth.plan import Plan
from dbsynth.rules.book import Rule, RuleError
from dbsynth.rules.language import climb_of
from dbsynth.rules.words import word_of
from dbsynth.schema import Column, Table, TableName

if TYPE_CHECKING:
    from sqlglot import exp


@dataclass(frozen=True, slots=True)
class Way:
    """A column of the rows that keys, one after the other, lead to."""

    via: tuple[str, ...]  # names of keys
    table: TableName
    column: str
    roles: tuple[str, ...]  # of the keys, as plans have them


@dataclass(frozen=True)
class Above:
    """All such columns that the rules of one table name, by the word that they use."""

    table: Table
    ways: Mapping[str, Way] = field(default_factory=dict)
    columns: Mapping[str, Column] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: Plan, name: TableName) -> Above:
        """Find them in a plan's rules."""
        table = plan.schema.table(name)
        ways: dict[str, Way] = {}
        columns: dict[str, Column] = {}
        for rule in (r for r in plan.rules if r.table == name and r.status != "rejected"):
            for word, path in dict(_words(rule.text)).items():
                found = _resolved(plan, table, path)
                if found is not None and word not in ways:
                    ways[word], column = found
                    columns[word] = replace(column, name=word, is_nullable=True)
        return cls(table, ways, columns)

    def only(self, wanted: Callable[[Way], bool]) -> Above:
        """Those that fulfil a condition."""
        kept = {w: way for w, way in self.ways.items() if wanted(way)}
        return Above(self.table, kept, {w: self.columns[w] for w in kept})

    def beside(
        self,
        rows: pa.Table,
        plan: Plan,
        first: Mapping[str, Ints],
        pointers: Pointers,
        values: Callable[[TableName, str], pa.ChunkedArray],
    ) -> pa.Table:
        """
        Put the columns of rows above behind the rows' own.

        Args:
            rows: (n,) of all written columns.
            plan: for the tables that keys lead to.
            first: key -> (n,) the parents' row numbers, -1 for none.
            pointers: the same of whole tables further up.
            values: a column of a whole table further up.
        """
        for word, way in self.ways.items():
            there = first.get(way.via[0], np.full(len(rows), -1, np.int64))
            there = reached(plan, self.table.name, way.via, there, pointers)
            kind = arrow_type(self.columns[word].type)
            whole = values(way.table, way.column)
            known = (there >= 0) & (there < len(whole))
            index = pa.array(np.where(known, there, 0), pa.int64(), mask=~known)
            taken = whole.take(index) if len(whole) else pa.nulls(len(rows), kind)
            rows = rows.append_column(word, taken.cast(kind))
        return rows


def rules_of(rules: Iterable[Rule], name: TableName) -> list[Rule]:
    """The rules of one table that rows are to keep: without exception, and not rejected."""
    return [r for r in rules if r.table == name and r.status != "rejected" and not r.exceptions]


def needed_above(plan: Plan) -> dict[TableName, set[str]]:
    """The columns of each table that rules about the rows below it name."""
    found: dict[TableName, set[str]] = {}
    for child in {r.table for r in plan.rules}:
        for name, columns in named_above(plan, child).items():
            found.setdefault(name, set()).update(columns)
    return found


def named_above(plan: Plan, child: TableName) -> dict[TableName, set[str]]:
    """The columns of each table that rules about the rows of one below it name."""
    found: dict[TableName, set[str]] = {}
    for way in Above.of(plan, child).ways.values():
        found.setdefault(way.table, set()).add(way.column)
    return found


def agreements(plan: Plan, table: Table, key: str) -> tuple[tuple[str, str], ...]:
    """The columns of a table that rules say to be what a column of the row along a key is."""
    from sqlglot import exp

    found = []
    for tree in _equations(plan, table):
        own, other = tree.this, tree.expression
        if not isinstance(own, exp.Column) or not isinstance(other, exp.Column) or own.table:
            continue
        resolved = _resolved(plan, table, tuple(p.name for p in other.parts))
        if resolved is not None and resolved[0].via == (key,):
            found.append((own.name, resolved[0].column))
    return tuple(found)


def climbing(plan: Plan, table: Table, key: str) -> tuple[str, int] | None:
    """The column that is so much more than that of the row along a key: how deep a row is."""
    from sqlglot import exp

    for tree in _equations(plan, table):
        own, other = tree.this, tree.expression
        if not isinstance(other, exp.Add | exp.Sub) or not isinstance(other.this, exp.Column):
            continue
        if not isinstance(own, exp.Column) or own.table or not other.expression.is_int:
            continue
        resolved = _resolved(plan, table, tuple(p.name for p in other.this.parts))
        if resolved is not None and (resolved[0].via, resolved[0].column) == ((key,), own.name):
            step = int(other.expression.name)
            return own.name, step if isinstance(other, exp.Add) else -step
    return None


def hanging(plan: Plan, table: Table, key: str, column: str) -> frozenset[float] | None:
    """The numbers in a column with which rows lead anywhere along a key; None if all may."""
    from sqlglot import exp

    led = next(k for k in table.foreign_keys if k.name == key).columns[-1]
    for tree in _equations(plan, table):
        there, told = (
            s.this if isinstance(s, exp.Paren) else s for s in (tree.this, tree.expression)
        )
        is_key = isinstance(there, exp.Not) and isinstance(there.this, exp.Is)
        if not is_key or there.this.this.name != led or not isinstance(told, exp.In):
            continue
        if told.this.name == column and all(e.is_number for e in told.expressions):
            return frozenset(float(e.sql()) for e in told.expressions)
    return None


def _equations(plan: Plan, table: Table) -> Iterator[exp.EQ]:
    """The rules of a table that say two things to be the same."""
    from sqlglot import exp

    for rule in rules_of(plan.rules, table.name):
        try:
            tree = parse(rule.text, "duckdb") if " = " in rule.text else None
        except UntranslatableError:
            continue
        if isinstance(tree, exp.EQ):
            yield tree


def _words(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The dotted columns outside of aggregates and of other tables, and their parts."""
    from sqlglot import exp

    parts = text.replace("->", ",").split(",") if "->" in text else [text]
    for part in parts:
        try:
            tree = parse(part, "duckdb")
        except UntranslatableError:
            return
        for column in tree.find_all(exp.Column):
            inner = column.find_ancestor(exp.AggFunc, exp.Select, exp.Filter)
            if len(column.parts) > 1 and inner is None and not isinstance(column.this, exp.Star):
                yield word_of(column), tuple(p.name for p in column.parts)


def _resolved(plan: Plan, table: Table, path: tuple[str, ...]) -> tuple[Way, Column] | None:
    try:
        keys, above = climb_of(path[:-1], table, plan.schema)
        column = above.column(path[-1])
    except (RuleError, KeyError):
        return None
    roles = [
        next((k.role for k in plan.tables[key.child].keys if k.name == key.name), "")
        for key in keys
    ]
    if not all(roles) or not column.is_written:
        return None
    way = Way(tuple(k.name for k in keys), above.name, column.name, tuple(roles))
    return way, column
