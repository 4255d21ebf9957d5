"""What will be done, before anything is done: order, ownership, keys, treatments, rows; as YAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from dbsynth.schema import Schema, TableName
from dbsynth.treatments import Treatment

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
    "self",  # a tree over the table's own rows, level by level
    "derived",  # follows from another key: leads to the row that `via` leads to
    "backfill",  # closes a cycle: set after both tables are there
]


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


def contradictions(tables: Mapping[TableName, TablePlan], schema: Schema) -> list[str]:
    """List what cannot be carried out: rows that need a parent in a table without rows."""
    found = []
    for table in tables.values():
        for key in table.keys:
            columns = [schema.table(table.name).column(c) for c in key.columns]
            required = not any(c.is_nullable for c in columns)
            has_rows = table.mode != "empty" and table.target_rows > 0
            lacks = key.parent != table.name and tables[key.parent].mode == "empty"
            if required and has_rows and lacks:
                found.append(
                    f"{table.name}: {key.name} needs rows of {key.parent}, which stays empty"
                )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that fit, generate, write and verify need to know, without a row of the source."""

    schema: Schema
    tables: Mapping[TableName, TablePlan]  # in generation order
    seed: int = 0
    engine: str = "argn"
    quality: Literal["fast", "balanced", "max"] = "balanced"
    is_protected: bool = True
    notes: tuple[str, ...] = ()  # what the reader should know: cycles cut, keys guessed …
