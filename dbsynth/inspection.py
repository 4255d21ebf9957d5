"""What a look at a source tells: its tables, rows, keys and cycles; no row is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dbsynth.graph import cut_keys, waves
from dbsynth.schema import ForeignKey, Schema, Table, TableName


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """A schema with the number of rows of each table."""

    source: str  # redacted
    schema: Schema
    rows: Mapping[TableName, int]
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Turn into plain lists and dicts; keys are never renamed."""
        cut, wave = self._graph()
        return {
            "schema_version": 1,
            "source": self.source,
            "dialect": self.schema.dialect,
            "server_version": self.schema.server_version,
            "fingerprint": self.schema.fingerprint(),
            "tables": [
                {
                    "name": str(t.name),
                    "rows": self.rows[t.name],
                    "columns": len(t.columns),
                    "primary_key": list(t.primary_key),
                    "foreign_keys": [_key_json(k, cut) for k in t.foreign_keys],
                    "uniques": len(t.uniques),
                    "checks": len(t.checks),
                    "wave": wave[t.name],
                }
                for t in self.schema.tables
            ],
            "notes": list(self.notes),
        }

    def to_text(self) -> str:
        """Print as a table with one line a table, then a summary of the graph."""
        cut, wave = self._graph()
        head = ("table", "rows", "columns", "wave", "primary key", "foreign keys")
        lines = [head, *(self._line(t, wave[t.name]) for t in self.schema.tables)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
        text = [
            "  ".join(
                cell.rjust(width) if i in (1, 2, 3) else cell.ljust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        return "\n".join([f"{self._title()}\n", *text, "", *self._summary(cut), *self.notes])

    def _graph(self) -> tuple[frozenset[tuple[TableName, str]], Mapping[TableName, int]]:
        cut = frozenset(cut_keys(self.schema))
        return cut, waves(self.schema, cut)

    def _title(self) -> str:
        return f"{self.source}  {self.schema.dialect} {self.schema.server_version}"

    def _line(self, table: Table, wave: int) -> tuple[str, ...]:
        keys = "; ".join(f"{', '.join(k.columns)} -> {k.parent}" for k in table.foreign_keys)
        count = f"{self.rows[table.name]:,}"
        key = ", ".join(table.primary_key) or "-"
        return str(table.name), count, str(len(table.columns)), str(wave), key, keys

    def _summary(self, cut: frozenset[tuple[TableName, str]]) -> list[str]:
        keys = list(self.schema.foreign_keys)
        trees = sorted({str(k.child) for k in keys if k.is_self})
        lines = [
            (
                f"{len(self.schema.tables)} tables, {sum(self.rows.values()):,} rows, "
                f"{len(keys)} foreign keys"
            )
        ]
        lines += [f"trees over their own rows: {', '.join(trees)}"] if trees else []
        lines += [f"cycle closed by {child}.{name}" for child, name in sorted(cut)]
        return lines


def _key_json(key: ForeignKey, cut: frozenset[tuple[TableName, str]]) -> dict[str, Any]:
    return {
        "name": key.name,
        "columns": list(key.columns),
        "parent": str(key.parent),
        "parent_columns": list(key.parent_columns),
        "closes_cycle": (key.child, key.name) in cut,
    }
