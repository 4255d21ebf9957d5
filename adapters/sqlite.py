"""SQLite: the adapter's two sides, as the entry point names them."""

from __future__ import annotations

from dbsynth.adapters.base import Adapter
from dbsynth.adapters.sqlite_source import SQLiteSource
from dbsynth.adapters.sqlite_target import SQLiteTarget

__all__ = ["ADAPTER", "SQLiteSource", "SQLiteTarget"]

ADAPTER = Adapter(source=SQLiteSource, target=SQLiteTarget)
