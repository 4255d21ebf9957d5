"""Fit another dialect's schema to what DuckDB can declare: its foreign keys above all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import TYPE_CHECKING

from dbsynth.adapters import duckdb_types
from dbsynth.adapters.base import Adoption
from dbsynth.adapters.duckdb_catalog import sequence_statements
from dbsynth.adapters.duckdb_rules import RULES
from dbsynth.adapters.duckdb_script import in_order
from dbsynth.adapters.names import adopt_schema_name
from dbsynth.adapters.translate import adopt_schema
from dbsynth.schema import ForeignKey, Loss, Schema, SqlType, Table, TableName

if TYPE_CHECKING:
    import duckdb as driver

_Place = tuple[TableName, str]  # a column


def adopt(schema: Schema, trial: driver.DuckDBPyConnection) -> Adoption:
    """
    Translate a schema.

    DuckDB declares a foreign key only within one schema, between columns of one type, onto a
    primary key or unique constraint, and only if no circle of keys comes of it.  The others stay
    in the schema with `is_declared` False, so that they are verified all the same.

    Args:
        schema: the source's schema.
        trial: an empty database to try things on.
    """
    if schema.dialect == "duckdb":
        adoption = adopt_schema(schema, RULES, lambda _, column: (column.type, None))
        sequences = sequence_statements(schema).values()
        tried, lost = in_order(schema, trial, sequences, parents_first(schema.tables))
        return Adoption(tried, adoption.names, (*adoption.losses, *lost))

    def enum_schema(name: str) -> str:
        return adopt_schema_name(name, schema.dialect, RULES)

    native_type = duckdb_types.native_type(enum_schema)
    adoption = adopt_schema(schema, RULES, native_type, lambda sql: _is_accepted(trial, sql))
    tables = {t.name: _with_constraints(t) for t in adoption.schema.tables}
    tables = _with_equal_types(tables)
    refusals = _refusals(tables)
    losses = [
        Loss(
            object=f"foreign key {key.child}.{key.name}", reason=reason, instead="kept and verified"
        )
        for key, reason in refusals.items()
    ]
    kept = tuple(_without_declared(t, refusals) for t in tables.values())
    return Adoption(
        replace(adoption.schema, tables=kept), adoption.names, (*adoption.losses, *losses)
    )


def parents_first(tables: Iterable[Table]) -> list[TableName]:
    """
    Order tables so that every declared key points backwards.

    Raises:
        CycleError: the declared keys form a circle.
    """
    sorter: TopologicalSorter[TableName] = TopologicalSorter()
    for table in sorted(tables, key=lambda t: t.name):
        parents = {k.parent for k in table.foreign_keys if k.is_declared and not k.is_self}
        sorter.add(table.name, *sorted(parents))
    return list(sorter.static_order())


def _with_constraints(table: Table) -> Table:
    """Make unique indexes unique constraints: foreign keys may refer to nothing else."""
    return replace(table, uniques=tuple(replace(u, is_constraint=True) for u in table.uniques))


def _with_equal_types(tables: dict[TableName, Table]) -> dict[TableName, Table]:
    """Give integer columns that foreign keys connect the widest type among them."""
    wanted: dict[_Place, SqlType] = {}
    for places in _connected(tables):
        types = [tables[t].column(c).type for t, c in places]
        if all(t.kind == "integer" for t in types) and len({t.native for t in types}) > 1:
            signed = [t for t in types if not t.unsigned] or types
            wide = max(signed, key=lambda t: t.bits)
            wanted |= dict.fromkeys(places, wide)
    return {
        name: replace(
            table,
            columns=tuple(
                replace(c, type=wanted.get((name, c.name), c.type)) for c in table.columns
            ),
        )
        for name, table in tables.items()
    }


def _connected(tables: dict[TableName, Table]) -> list[list[_Place]]:
    """Groups of columns that foreign keys connect, however far."""
    group: dict[_Place, list[_Place]] = {}
    for table in tables.values():
        for key in table.foreign_keys:
            if key.when is not None:
                continue  # it shares its column with keys of other types
            for child, parent in zip(key.columns, key.parent_columns, strict=True):
                one, other = (key.child, child), (key.parent, parent)
                joined = group.setdefault(one, [one])
                for place in group.setdefault(other, [other]):
                    if place not in joined:
                        joined.append(place)
                    group[place] = joined
    unique = {id(places): places for places in group.values()}
    return list(unique.values())


def _refusals(tables: dict[TableName, Table]) -> dict[ForeignKey, str]:
    """Why each foreign key that DuckDB cannot declare is not declared."""
    found: dict[ForeignKey, str] = {}
    for table in tables.values():
        for key in table.foreign_keys:
            if key.is_declared and (reason := _reason(key, tables)):
                found[key] = reason
    remaining = {name: _without_declared(t, found) for name, t in tables.items()}
    while circle := _circle(remaining):
        cut = _weakest(circle, remaining)
        found |= dict.fromkeys(cut, "the target declares no circles of keys")
        remaining = {name: _without_declared(t, found) for name, t in tables.items()}
    return found


def _reason(key: ForeignKey, tables: dict[TableName, Table]) -> str | None:
    child, parent = tables[key.child], tables[key.parent]
    if key.is_self and not _is_optional(key, child):
        return "the target refuses rows that refer to themselves, as the roots here do"
    if key.child.schema != key.parent.schema:
        return "the target declares no keys between schemas"
    if key.parent_columns not in parent.unique_sets:
        return "the parent's columns are not declared unique in this order"
    pairs = zip(key.columns, key.parent_columns, strict=True)
    if any(child.column(a).type.native != parent.column(b).type.native for a, b in pairs):
        return "the target wants one type on both sides"
    return None


def _without_declared(table: Table, refused: dict[ForeignKey, str]) -> Table:
    return replace(
        table,
        foreign_keys=tuple(
            replace(k, is_declared=False) if k in refused else k for k in table.foreign_keys
        ),
    )


def _circle(tables: dict[TableName, Table]) -> list[TableName]:
    """Some circle of tables, child to parent; empty if there is none."""
    try:
        parents_first(tables.values())
    except CycleError as exc:
        circle: list[TableName] = exc.args[1]
        return circle[::-1]  # graphlib lists parents before children
    return []


@dataclass(frozen=True, slots=True)
class _Edge:
    """All declared keys from one table to another: cut together or not at all."""

    keys: tuple[ForeignKey, ...]
    is_optional: bool  # every key may be NULL


def _weakest(circle: list[TableName], tables: dict[TableName, Table]) -> tuple[ForeignKey, ...]:
    """The keys between two neighbours in a circle that are best given up: nullable ones."""
    keys: dict[tuple[TableName, TableName], list[ForeignKey]] = defaultdict(list)
    for name in set(circle):
        for key in tables[name].foreign_keys:
            if key.is_declared and not key.is_self:
                keys[key.child, key.parent].append(key)
    edges = [
        _Edge(tuple(keys[pair]), all(_is_optional(k, tables[k.child]) for k in keys[pair]))
        for pair in sorted({*pairwise(circle)} & set(keys))
    ]
    return min(edges, key=lambda e: not e.is_optional).keys


def _is_optional(key: ForeignKey, table: Table) -> bool:
    return any(table.column(c).is_nullable for c in key.columns)


def _is_accepted(trial: driver.DuckDBPyConnection, statement: str) -> bool:
    """Try a CREATE TEMPORARY TABLE, and undo it."""
    import duckdb as driver

    try:
        trial.execute(statement)
    except driver.Error:
        return False
    finally:
        trial.execute("DROP TABLE IF EXISTS _dbsynth_probe")
    return True
