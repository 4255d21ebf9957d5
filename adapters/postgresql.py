"""PostgreSQL, 13 and newer: its adapter's two sides under the one name that is looked up."""

from __future__ import annotations

from dbsynth.adapters.base import Adapter
from dbsynth.adapters.postgresql_source import PostgresSource
from dbsynth.adapters.postgresql_target import PostgresTarget

ADAPTER = Adapter(PostgresSource, PostgresTarget)
