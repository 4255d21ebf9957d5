"""Foreign keys that a target cannot declare, as the reserved table keeps them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping

from dbsynth.schema import ForeignKey, Table, TableName

RECORD = "undeclared_keys"  # their row in the reserved table


def to_text(keys: Iterable[ForeignKey]) -> str:
    """Write keys as JSON; `from_text` is the inverse."""
    return json.dumps([dataclasses.asdict(k) for k in keys], ensure_ascii=False)


def from_text(text: str, tables: Mapping[TableName, Table]) -> Iterator[ForeignKey]:
    """Read the keys whose tables and columns are still there and that are not declared."""
    for data in json.loads(text):
        child, parent = TableName(*data["child"]), TableName(*data["parent"])
        columns, parent_columns = tuple(data["columns"]), tuple(data["parent_columns"])
        if not _has(tables.get(child), columns) or not _has(tables.get(parent), parent_columns):
            continue
        ends = {
            "child": child, "columns": columns, "parent": parent, "parent_columns": parent_columns,
        }  # fmt: skip
        key = ForeignKey(**{**data, **ends, "is_declared": False})
        known = {(k.columns, k.parent, k.parent_columns) for k in tables[child].foreign_keys}
        if (columns, parent, parent_columns) not in known:
            yield key


def _has(table: Table | None, columns: Iterable[str]) -> bool:
    return table is not None and set(columns) <= {c.name for c in table.columns}
