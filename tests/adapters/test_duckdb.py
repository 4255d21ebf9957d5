"""DuckDB keeps the contract, and copes with the foreign keys that it cannot declare."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest

from dbsynth.urls import Location, resolve
from tests.adapters.suite import EnumContract


class TestDuckDB(EnumContract):
    dialect = "duckdb"
    schema = "main"
    bytes_literal = r"'\x00\xFF'"
    generated = "VIRTUAL"
    counted = (
        "CREATE SEQUENCE numbers",
        "CREATE TABLE counted (id INTEGER PRIMARY KEY DEFAULT nextval('numbers'),"
        " note VARCHAR(20))",
    )
    enum = (
        "CREATE TYPE progress AS ENUM ('new', 'it''s', 'ä')",
        "CREATE TABLE ticket (id INTEGER PRIMARY KEY, state progress)",
    )

    @pytest.fixture
    def here(self, duckdb_path: Path) -> Location:
        duckdb.connect(str(duckdb_path)).close()
        return resolve(str(duckdb_path))

    @pytest.fixture
    def there(self, tmp_path: Path) -> Location:
        return resolve(str(tmp_path / "target.duckdb"))

    def load(self, location: Location, statements: Sequence[str]) -> None:
        with duckdb.connect(str(location.path)) as connection:
            for statement in statements:
                connection.execute(statement)

    def alias(self, location: Location) -> Location:
        link = location.path.with_name("link.duckdb")
        link.symlink_to(location.path)
        return resolve(f"duckdb:///{link}")
