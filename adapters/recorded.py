"""Foreign keys that a target cannot declare, as the reserved table keeps them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace

from dbsynth.schema import ForeignKey, Table, TableName

RECORD = "references"  # their row in the reserved table, with those that nobody ever declared


def with_keys(manifest: Mapping[str, str], keys: Iterable[ForeignKey]) -> dict[str, str]:
    """Add keys to those that a run's manifest names already."""
    noted = json.loads(manifest.get(RECORD, "[]"))
    known = {(tuple(k["child"]), k["name"]) for k in noted}
    noted += [asdict(k) for k in keys if (tuple(k.child), k.name) not in known]
    return {**manifest, RECORD: json.dumps(noted, ensure_ascii=False)} if noted else {**manifest}


def from_text(text: str, tables: Mapping[TableName, Table]) -> Iterator[ForeignKey]:
    """Read the keys whose tables and columns are still there and that are not declared."""
    for data in json.loads(text):
        key = replace(ForeignKey.from_json(data), is_declared=False)
        child = tables.get(key.child)
        there = key.columns if key.when is None else (*key.columns, key.when.column)
        if not _has(child, there) or not _has(tables.get(key.parent), key.parent_columns):
            continue
        known = child.foreign_keys if child else ()
        if not any(k.is_same_reference(key) for k in known):
            yield key


def _has(table: Table | None, columns: Iterable[str]) -> bool:
    return table is not None and set(columns) <= {c.name for c in table.columns}
