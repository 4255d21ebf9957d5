"""Parquet: the adapter's two sides, as the entry point names them."""

from __future__ import annotations

from dbsynth.adapters.base import Adapter
from dbsynth.adapters.parquet_source import ParquetSource
from dbsynth.adapters.parquet_target import ParquetTarget

__all__ = ["ADAPTER", "ParquetSource", "ParquetTarget"]

ADAPTER = Adapter(source=ParquetSource, target=ParquetTarget)
