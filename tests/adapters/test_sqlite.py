"""SQLite keeps the contract, and survives what only SQLite allows."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from dbsynth.urls import Location, resolve
from tests.adapters.suite import CycleContract


def run(path: Path, statements: Sequence[str]) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


class TestSQLite(CycleContract):
    dialect = "sqlite"
    counted = (
        "CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, note VARCHAR(20))",
    )
    cycle = (
        "CREATE TABLE team (id INTEGER NOT NULL PRIMARY KEY, lead_id INTEGER,"
        " FOREIGN KEY (lead_id) REFERENCES person (id))",
        CycleContract.cycle[1],
        *CycleContract.cycle[3:],
    )

    @pytest.fixture
    def here(self, sqlite_path: Path) -> Location:
        run(sqlite_path, ["VACUUM"])
        return resolve(str(sqlite_path))

    @pytest.fixture
    def there(self, tmp_path: Path) -> Location:
        return resolve(str(tmp_path / "target.sqlite"))

    def load(self, location: Location, statements: Sequence[str]) -> None:
        run(location.path, statements)

    def alias(self, location: Location) -> Location:
        link = location.path.with_name("link.sqlite")
        link.symlink_to(location.path)
        return resolve(f"sqlite:///{link}")
