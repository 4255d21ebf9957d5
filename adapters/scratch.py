"""An in-memory DuckDB for set work on rows that are in memory already; touches no database."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


class Scratch:
    """One in-memory database; keep it as long as rows come in batches."""

    def __init__(self) -> None:
        """Open it, on one thread: the rows are few."""
        self._connection = duckdb.connect(config={"threads": "1"})
        self._connection.execute("SET TimeZone = 'UTC'")

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
        renamed = rows.rename_columns([f"c{i}" for i in range(rows.num_columns)])
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
        listed = ", ".join(f"({e}) AS v{i}" for i, e in enumerate(expressions))
        try:
            answer = self._connection.sql(f"SELECT {listed} FROM held").to_arrow_table()
        except duckdb.Error:
            return None  # the target is asked again by verify: it has the last word
        return [answer.column(i).combine_chunks() for i in range(len(expressions))]
