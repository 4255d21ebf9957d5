"""Random schemas are cloned and verified; `python -m tests.random_schemas` does so for hundreds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import NewDatabase
from tests.random_schemas.trial import DIALECTS, Place, attempt, tables_of

SCHEMAS = 18
# Schemas of which no drawing can have as many rows as planned are left to the long campaign.
SEEDS = range(1000, 1000 + SCHEMAS)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_schema_survives(seed: int, tmp_path: Path, new_pg_url: NewDatabase) -> None:
    dialect = DIALECTS[seed % len(DIALECTS)]
    urls = (new_pg_url(), new_pg_url()) if dialect == "postgresql" else None
    assert [] == attempt(seed, dialect, Place(tmp_path, urls))


def test_trees_whose_rows_own_dated_rows_survive(tmp_path: Path) -> None:
    assert [] == attempt(3001, "duckdb", Place(tmp_path, None))


def test_a_seed_gives_the_same_schema_and_rows() -> None:
    first, second = tables_of(5), tables_of(5)
    assert [t.name for t in first] == [t.name for t in second]
    assert [t.rows for t in first] == [t.rows for t in second]
