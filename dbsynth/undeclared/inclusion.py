"""
Measure, in the source's own SQL, how much of a child's keys a parent's keys hold.

All rows of a child are counted, or, where it is large and the database reads random pages, those of
some pages.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from dbsynth import queries
from dbsynth.adapters.base import LARGE
from dbsynth.ask import Committed, as_text, complete_sql, one_row, orphans_sql, own_rows
from dbsynth.errors import SourceError
from dbsynth.schema import ForeignKey, Schema, TableName

if TYPE_CHECKING:
    from dbsynth.adapters.base import Source


COUNTED_ROWS = 20_000  # of large tables, about


@dataclass(frozen=True, slots=True, kw_only=True)
class Inclusion:
    """Counts for one candidate."""

    rows: int  # child rows with a complete key
    orphans: int  # of them, those whose key no parent row has
    different: int = 0  # different complete keys; of a share of the rows: how many all have, about
    low: float | None = None  # of keys of one number: the child's lowest and highest
    high: float | None = None
    share: float = 1.0  # of the child's rows that were looked at

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
        self._source = source
        self._shares: dict[TableName, float] = {}

    def measure(self, keys: Sequence[ForeignKey]) -> dict[ForeignKey, Inclusion]:
        """
        Count rows, orphans and different keys, over whole tables or, of large ones, some pages.

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
            "text": as_text(self._asked.dialect, quoted), "table": f"{self._some_rows(table)} AS c",
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
        share = self._share(keys[0].child)
        return {key: _read(row, number, share) for number, key in enumerate(keys)}

    def _ask(self, parts: Sequence[Mapping[str, str]]) -> dict[str, Any]:
        scalars = [
            f"(\n{sql}\n) AS {name}{number}"
            for number, named in enumerate(parts)
            for name, sql in named.items()
        ]
        return one_row(self._asked, "SELECT " + ",\n".join(scalars))

    def _parts(self, key: ForeignKey) -> dict[str, str]:
        """The scalar queries about one candidate, by name."""
        dialect, child = self._asked.dialect, self._some_rows(key.child)
        columns = [f"c.{queries.identifier(dialect, c)}" for c in key.columns]
        where = {"child": child, "complete": complete_sql(dialect, key)}
        parts = {
            "orphans": orphans_sql(
                self._asked,
                key,
                self._schema,
                child,
                self._rows(key.parent),
                is_sample=self._share(key.child) < 1.0,
            ),
            "rows": queries.render(queries.get("verify", "complete_keys"), where),
        }
        if key.when is not None:
            return parts
        parts["different"] = queries.render(
            queries.get("verify", "different_keys"), {**where, "columns": ", ".join(columns)}
        )
        kinds = [self._schema.table(key.child).column(c).type.kind for c in key.columns]
        if kinds in (["integer"], ["decimal"]):
            rows = f"{child} AS c WHERE {where['complete']}"
            parts["low"] = f"SELECT min({columns[0]}) FROM {rows}"
            parts["high"] = f"SELECT max({columns[0]}) FROM {rows}"
        return parts

    def _some_rows(self, name: TableName) -> str:
        """All rows of a table; of a large one those of some pages, the same ones every time."""
        rows, share = self._rows(name), self._share(name)
        if share >= 1.0:
            return rows
        return f"(SELECT * FROM {rows} TABLESAMPLE SYSTEM ({100 * share:f}) REPEATABLE (0))"

    def _share(self, name: TableName) -> float:
        if name not in self._shares:
            is_able = self._asked.dialect == "postgresql"
            rows = (self._source.estimate(name) if is_able else None) or 0
            self._shares[name] = COUNTED_ROWS / rows if rows > LARGE else 1.0
        return self._shares[name]

    def _rows(self, name: TableName) -> str:
        if name not in self._own:
            self._own[name] = own_rows(self._asked, name)
        return self._own[name]


def _read(row: Mapping[str, Any], number: int, share: float) -> Inclusion:
    rows, different = int(row[f"rows{number}"]), int(row.get(f"different{number}") or 0)
    return Inclusion(
        rows=rows,
        orphans=int(row[f"orphans{number}"]),
        different=different if share >= 1.0 else _grown(different, rows, share),
        share=share,
        low=_number(row.get(f"low{number}")),
        high=_number(row.get(f"high{number}")),
    )


def _grown(different: int, rows: int, share: float) -> int:
    """
    Tell how many different keys all rows have, from those of a share of them.

    Of d keys that are equally frequent, n rows show d * (1 - exp(-n / d)); d is looked for.
    """
    low, high = float(different), max(1.0, rows / share)
    for _ in range(50):
        middle = (low + high) / 2
        if middle * -math.expm1(-rows / middle) < different:
            low = middle
        else:
            high = middle
    return round(high)


def _number(value: Any) -> float | None:
    """A number, unless a table without types holds something else there."""
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None
