"""What will be done, before anything is done: order, ownership, keys, treatments, rows; as YAML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from dbsynth.arrow import can_hold
from dbsynth.polymorphs import polymorph_of, polymorphs
from dbsynth.references import Reference
from dbsynth.rules.book import Rule
from dbsynth.schema import Schema, Table, TableName
from dbsynth.treatments import Origin, Treatment

FORMAT_VERSION = 1

TableMode = Literal[
    "generate",  # learned from rows
    "invent",  # too few entities to learn from: made from the schema alone
    "copy",  # reference table: its rows are kept, keys to generated tables are redrawn
    "empty",  # created without rows
]
KeyRole = Literal[
    "owner",  # rows are generated per parent row, as many as the parent's count says
    "reference",  # a learned category: the parent is a copied table
    "token",  # chosen before the attributes, with the parents' in-degrees kept
    "polymorphic",  # the same, for the rows whose label names this parent; the label comes first
    "self",  # a tree over the table's own rows, level by level
    "derived",  # follows from another key: leads to the row that `via` leads to
    "backfill",  # closes a cycle: set after both tables are there
]


CHOSEN: tuple[KeyRole, ...] = ("reference", "token", "polymorphic")
"""The roles of keys whose parent is chosen before the attributes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPlan:
    """How one foreign key gets its values; `name` is the foreign key's within its table."""

    name: str
    columns: tuple[str, ...]
    parent: TableName
    role: KeyRole
    nulls: float = 0.0  # share of rows without a parent
    via: tuple[str, ...] = ()  # derived: key names, one after the other, that lead to the same row
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePlan:
    """What happens to one table."""

    name: TableName
    mode: TableMode
    source_rows: int
    target_rows: int  # at scale 1; `--scale` multiplies it when rows are generated
    wave: int  # tables of lower waves are generated before
    root: TableName  # the table whose rows are the entities that own this table's rows
    why: str  # evidence for mode and root
    keys: tuple[KeyPlan, ...] = ()
    order_by: str = ""  # the column that orders the rows of one parent, if any
    engine: str = ""  # overrides the run's engine
    columns: Mapping[str, Treatment] = field(default_factory=dict)  # in the table's order


MAX_STEPS = 3  # keys between a row and one whose value it repeats


def climbs(
    name: TableName, keys: Mapping[TableName, tuple[KeyPlan, ...]], steps: int = MAX_STEPS
) -> Iterator[tuple[tuple[str, ...], TableName]]:
    """Every way up from a table along keys to rows that are there before its own."""
    for key in keys.get(name, ()):
        if key.role in ("self", "backfill"):
            continue
        yield (key.name,), key.parent
        if steps > 1:
            for via, goal in climbs(key.parent, keys, steps - 1):
                yield (key.name, *via), goal


def origins(
    name: TableName, keys: Mapping[TableName, tuple[KeyPlan, ...]], schema: Schema
) -> dict[str, dict[str, Origin]]:
    """All that each column of a table may copy, by column and by how plans call it."""
    found = [
        Origin(via, goal, other.name)
        for via, goal in climbs(name, keys)
        for other in schema.table(goal).written_columns
    ]
    before: list[Origin] = []
    possible = {}
    for column in schema.table(name).written_columns:
        possible[column.name] = {
            str(o): o
            for o in [*before, *found]
            if can_hold(column, schema.table(o.table).column(o.column))
        }
        before.append(Origin((), name, column.name))
    return possible


def contradictions(tables: Mapping[TableName, TablePlan], schema: Schema) -> list[str]:
    """List what cannot be carried out: rows that need a parent in a table without rows."""
    found = []
    for table in tables.values():
        has_rows = table.mode != "empty" and table.target_rows > 0
        for key in table.keys if has_rows else ():
            parents = _choice(key, schema.table(table.name))
            columns = [schema.table(table.name).column(c) for c in key.columns]
            required = not any(c.is_nullable for c in columns)
            lacks = all(p != table.name and tables[p].mode == "empty" for p in parents)
            if required and lacks:
                found.append(
                    f"{table.name}: {key.name} needs rows of {key.parent}, which stays empty"
                )
        found += _lost_labels(tables, schema.table(table.name))
    return found


def _choice(key: KeyPlan, table: Table) -> list[TableName]:
    """The parents of which a key needs one: of a polymorphic reference any that it names."""
    whole = polymorph_of(table, key.name)
    return [key.parent] if whole is None else [k.parent for k in whole.keys]


def _lost_labels(tables: Mapping[TableName, TablePlan], table: Table) -> Iterator[str]:
    """A table that lists labels must be copied: rows refer to it by what it says."""
    for polymorph in polymorphs(table):
        lookup = polymorph.lookup(table)
        if lookup is not None and tables[lookup.parent].mode != "copy":
            place = f"{table.name}.{polymorph.type_column}"
            yield f"{lookup.parent}: must be copied, for {place} says by its rows what it refers to"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that fit, generate, write and verify need to know, without a row of the source."""

    schema: Schema
    tables: Mapping[TableName, TablePlan]  # in generation order
    seed: int = 0
    engine: str = "argn"
    quality: Literal["fast", "balanced", "max"] = "balanced"
    is_protected: bool = True
    references: tuple[Reference, ...] = ()  # that nothing declares; the schema has accepted ones
    rules: tuple[Rule, ...] = ()  # beyond what the schema declares
    notes: tuple[str, ...] = ()  # what the reader should know: cycles cut, keys guessed …
