"""An in-memory DuckDB for set work on rows that are in memory already; touches no database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dbsynth.errors import SourceError

if TYPE_CHECKING:
    import duckdb


class Scratch:
    """One in-memory database; keep it as long as rows come in batches."""

    @cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        """Open when something is asked, on one thread: the rows are few."""
        import duckdb

        connection = duckdb.connect(config={"threads": "1"})
        connection.execute("SET TimeZone = 'UTC'")
        return connection

    def __reduce__(self) -> tuple[type[Scratch], tuple[()]]:
        """Travel to another process: nothing is held between two calls, so another one will do."""
        return Scratch, ()

    def compute(self, rows: pa.Table, expressions: Sequence[str]) -> list[pa.Array | None]:
        """
        Compute expressions on rows.

        Args:
            rows: (n,) of any columns; expressions know them as c0, c1 … by position.
            expressions: SQL in DuckDB's dialect.

        Returns:
            an array of n values for each expression; None if DuckDB cannot compute it on these
            rows.
        """
        renamed = _narrow(rows).rename_columns([f"c{i}" for i in range(rows.num_columns)])
        self._connection.register("held", renamed)
        try:
            found = self._all(expressions) if expressions else []
            if found is None:  # one of them is at fault: each alone
                found = [(self._all([e]) or [None])[0] for e in expressions]
            return found
        finally:
            self._connection.unregister("held")

    def hold(self, rows: pa.Table, conditions: Sequence[str]) -> list[NDArray[np.bool_] | None]:
        """
        Evaluate conditions on rows, as `compute` does.

        Returns:
            (n,) booleans for each condition: False where it is violated (NULL is no violation).
        """
        answers = self.compute(rows, [f"coalesce(({c})::BOOLEAN, true)" for c in conditions])
        return [None if a is None else np.asarray(a, bool) for a in answers]

    def _all(self, expressions: Sequence[str]) -> list[pa.Array | None] | None:
        import duckdb

        listed = ", ".join(f"({e}) AS v{i}" for i, e in enumerate(expressions))
        try:
            answer = self._connection.sql(f"SELECT {listed} FROM held").to_arrow_table()
        except duckdb.Error:
            return None  # the target is asked again by verify: it has the last word
        return [answer.column(i).combine_chunks() for i in range(len(expressions))]


class Held:
    """Whole tables in memory, to be asked in SQL; nothing is written anywhere."""

    def __init__(self, tables: Mapping[str, pa.Table]) -> None:
        """Hold these tables, by any names."""
        import duckdb

        self._connection = duckdb.connect(config={"threads": "2"})
        self._connection.execute("SET TimeZone = 'UTC'")
        self._names = {name: f"held{i}" for i, name in enumerate(tables)}
        for name, rows in tables.items():
            if not rows.num_columns:
                continue
            self._connection.register("given", _narrow(rows))
            self._connection.execute(f"CREATE TABLE {self._names[name]} AS SELECT * FROM given")
            self._connection.unregister("given")

    def spell(self, name: str) -> str:
        """What stands behind FROM for a table."""
        return self._names[name]

    def row(self, sql: str) -> dict[str, Any]:
        """
        Ask for one row.

        Raises:
            SourceError: the engine cannot evaluate it.
        """
        import duckdb

        try:
            found = self._connection.sql(sql).to_arrow_table().to_pylist()
        except duckdb.Error as exc:
            raise SourceError("a rule cannot be evaluated", "Write it another way.") from exc
        return dict(found[0])


def _narrow(rows: pa.Table) -> pa.Table:
    """Write decimals that the engine is too narrow for as floats."""
    if not any(pa.types.is_decimal256(f.type) for f in rows.schema):
        return rows
    kinds = [pa.float64() if pa.types.is_decimal256(f.type) else f.type for f in rows.schema]
    fields = [f.with_type(k) for f, k in zip(rows.schema, kinds, strict=True)]
    return rows.cast(pa.schema(fields), safe=False)
