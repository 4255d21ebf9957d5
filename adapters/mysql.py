"""MariaDB and MySQL: the adapter's two sides, as the entry point names them."""

from __future__ import annotations

from dbsynth.adapters.base import Adapter
from dbsynth.adapters.mysql_source import MySQLSource
from dbsynth.adapters.mysql_target import MySQLTarget

__all__ = ["ADAPTER", "MySQLSource", "MySQLTarget"]

ADAPTER = Adapter(source=MySQLSource, target=MySQLTarget)
