"""Every database is copied into every other one, rows and keys included."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest

from dbsynth.schema import Schema, TableName
from dbsynth.urls import Location, resolve
from tests.adapters.suite import AdapterContract, Rows
from tests.adapters.test_duckdb import TestDuckDB as DuckDB
from tests.adapters.test_mysql import TestContract as MySQL
from tests.adapters.test_postgresql import TestPostgres as PostgreSQL
from tests.adapters.test_sqlite import TestSQLite as SQLite

CONTRACTS = {c.dialect: c() for c in (PostgreSQL, MySQL, SQLite, DuckDB)}


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path):
    """Give a function that makes an empty database of a dialect."""

    def make(dialect: str) -> Location:
        if dialect in ("sqlite", "duckdb"):
            return resolve(str(tmp_path / f"pair.{dialect}"))
        kind = "pg" if dialect == "postgresql" else "mysql"
        return resolve(request.getfixturevalue(f"{kind}_url"))

    return make


def rows(contract: AdapterContract, location: Location, table: TableName) -> Rows:
    """Read all rows, sorted."""
    return sorted(contract.rows(location, table.name), key=repr)


@pytest.mark.parametrize(("one", "other"), list(permutations(CONTRACTS, 2)))
def test_a_copy_in_another_dialect_has_the_same_rows(database, one, other) -> None:
    source, target = CONTRACTS[one], CONTRACTS[other]
    here, there = database(one), database(other)
    source.load(here, source.everything)
    adoption = source.copy(here, there)
    before, after = source.introspect(here), target.introspect(there)
    assert target.outline(adoption.schema) == target.outline(declared(after, adoption.schema))
    for name in (t.name for t in before.tables):
        assert rows(source, here, name) == rows(target, there, adoption.names[name])


def declared(found: Schema, adopted: Schema) -> Schema:
    """Add the keys that the target keeps without declaring them."""
    return replace(
        found,
        tables=tuple(
            replace(
                t,
                foreign_keys=t.foreign_keys
                + tuple(k for k in adopted.table(t.name).foreign_keys if not k.is_declared),
            )
            for t in found.tables
        ),
    )
