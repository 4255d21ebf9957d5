"""DuckDB: the adapter's two sides, as the entry point names them."""

from __future__ import annotations

from dbsynth.adapters.base import Adapter
from dbsynth.adapters.duckdb_source import DuckDBSource
from dbsynth.adapters.duckdb_target import DuckDBTarget

__all__ = ["ADAPTER", "DuckDBSource", "DuckDBTarget"]

ADAPTER = Adapter(source=DuckDBSource, target=DuckDBTarget)
