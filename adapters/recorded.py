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
        key = dataclasses.replace(ForeignKey.from_json(data), is_declared=False)
        own = (*key.columns, *((key.when.column,) if key.when else ()))
        if not _has(tables.get(key.child), own):
            continue
        if not _has(tables.get(key.parent), key.parent_columns):
            continue
        known = {(k.columns, k.parent, k.parent_columns) for k in tables[key.child].foreign_keys}
        if (key.columns, key.parent, key.parent_columns) not in known:
            yield key


def _has(table: Table | None, columns: Iterable[str]) -> bool:
    return table is not None and set(columns) <= {c.name for c in table.columns}
