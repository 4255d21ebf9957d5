"""Measure, in the source's own SQL, how much of a child's keys a parent's keys hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from dbsynth import queries
from dbsynth.ask import Committed, as_text, complete_sql, one_row, orphans_sql, own_rows
from dbsynth.errors import SourceError
from dbsynth.schema import ForeignKey, Schema, TableName

if TYPE_CHECKING:
    from dbsynth.adapters.base import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Inclusion:
    """Counts of whole tables for one candidate."""

    rows: int  # child rows with a complete key
    orphans: int  # of them, those whose key no parent row has
    different: int = 0  # different complete keys
    low: float | None = None  # of keys of one number: the child's lowest and highest
    high: float | None = None

    @property
    def coverage(self) -> float:
        """The share of complete keys that have their parent row."""
        return 1 - self.orphans / self.rows if self.rows else 0.0


class Asker:
    """Asks a source about candidates, those of one child table at once."""

    def __init__(self, source: Source, schema: Schema) -> None:
        """Ask this source, which is entered already."""
        self._asked, self._schema = Committed(source), schema
        self._own: dict[TableName, str] = {}

    def measure(self, keys: Sequence[ForeignKey]) -> dict[ForeignKey, Inclusion]:
        """
        Count rows, orphans and different keys, over whole tables.

        Candidates that the source cannot compare (types or collations that do not meet) are left
        out of the result.
        """
        found: dict[ForeignKey, Inclusion] = {}
        for _, group in groupby(sorted(keys, key=lambda k: k.child), key=lambda k: k.child):
            found |= self._measure_table(list(group))
        return found

    def extremes(self, table: TableName, column: str) -> tuple[float, float] | None:
        """The lowest and highest value of a column of numbers; None if there is none."""
        quoted = queries.identifier(self._asked.dialect, column)
        row = one_row(
            self._asked,
            f"SELECT min({quoted}) AS low, max({quoted}) AS high FROM {self._rows(table)}",
        )
        low, high = _number(row["low"]), _number(row["high"])
        return None if low is None or high is None else (low, high)

    def labels(
        self, table: TableName, column: str, beside: str, most: int
    ) -> list[tuple[str, int]]:
        """
        Count the rows of each value of a column, as text, where another column is not NULL.

        Only the most frequent values are given, the first ones first.
        """
        quoted = queries.identifier(self._asked.dialect, column)
        other = queries.identifier(self._asked.dialect, beside)
        slots = {
            "text": as_text(self._asked.dialect, quoted), "table": self._rows(table),
            "column": quoted, "beside": other, "most": str(most),
        }  # fmt: skip
        rows = self._asked.query(queries.render(queries.get("verify", "label_counts"), slots))
        found = zip(rows.column(0).to_pylist(), rows.column(1).to_pylist(), strict=True)
        return sorted(((str(a), int(b)) for a, b in found), key=lambda f: (-f[1], f[0]))

    def _measure_table(self, keys: list[ForeignKey]) -> dict[ForeignKey, Inclusion]:
        parts = [self._parts(key) for key in keys]
        try:
            row = self._ask(parts)
        except SourceError:
            if len(keys) == 1:
                return {}
            # One of them cannot be compared: ask for each alone.
            found = [self._measure_table([key]) for key in keys]
            return {key: inclusion for part in found for key, inclusion in part.items()}
        return {key: _read(row, number) for number, key in enumerate(keys)}

    def _ask(self, parts: Sequence[Mapping[str, str]]) -> dict[str, Any]:
        scalars = [
            f"(\n{sql}\n) AS {name}{number}"
            for number, named in enumerate(parts)
            for name, sql in named.items()
        ]
        return one_row(self._asked, "SELECT " + ",\n".join(scalars))

    def _parts(self, key: ForeignKey) -> dict[str, str]:
        """The scalar queries about one candidate, by name."""
        dialect, child = self._asked.dialect, self._rows(key.child)
        columns = [f"c.{queries.identifier(dialect, c)}" for c in key.columns]
        where = {"child": child, "complete": complete_sql(dialect, key)}
        parts = {
            "orphans": orphans_sql(self._asked, key, self._schema, child, self._rows(key.parent)),
            "rows": queries.render(queries.get("verify", "complete_keys"), where),
        }
        if key.when is not None:
            return parts
        parts["different"] = queries.render(
            queries.get("verify", "different_keys"), {**where, "columns": ", ".join(columns)}
        )
        kinds = [self._schema.table(key.child).column(c).type.kind for c in key.columns]
        if kinds in (["integer"], ["decimal"]):
            parts["low"] = f"SELECT min({columns[0]}) FROM {child} AS c"
            parts["high"] = f"SELECT max({columns[0]}) FROM {child} AS c"
        return parts

    def _rows(self, name: TableName) -> str:
        if name not in self._own:
            self._own[name] = own_rows(self._asked, name)
        return self._own[name]


def _read(row: Mapping[str, Any], number: int) -> Inclusion:
    return Inclusion(
        rows=int(row[f"rows{number}"]),
        orphans=int(row[f"orphans{number}"]),
        different=int(row.get(f"different{number}") or 0),
        low=_number(row.get(f"low{number}")),
        high=_number(row.get(f"high{number}")),
    )


def _number(value: Any) -> float | None:
    """A number, unless a table without types holds something else there."""
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None
