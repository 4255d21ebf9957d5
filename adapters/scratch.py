"""An in-memory DuckDB for set work on rows that are in memory already; touches no database."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import pyarrow as pa


class Scratch:
    """One in-memory database; keep it as long as rows come in batches."""

    def __init__(self) -> None:
        """Open it, on one thread: the rows are few."""
        self._connection = duckdb.connect(config={"threads": "1"})

    def hold(self, rows: pa.Table, conditions: Mapping[str, str]) -> dict[str, pa.Array]:
        """
        Evaluate conditions on rows.

        Args:
            rows: (n,) of any columns.
            conditions: SQL expressions in DuckDB's dialect, by name.

        Returns:
            by name, (n,) booleans: False where a condition is violated (NULL is no violation).
            Conditions that DuckDB cannot evaluate on these rows are left out.
        """
        self._connection.register("held", rows)
        found = {}
        for name, condition in conditions.items():
            try:
                answer = self._connection.sql(
                    f"SELECT coalesce(({condition})::BOOLEAN, true) AS ok FROM held"
                )
                found[name] = answer.to_arrow_table().column("ok").combine_chunks()
            except duckdb.Error:
                continue  # the target is asked again by verify: it has the last word
        self._connection.unregister("held")
        return found
