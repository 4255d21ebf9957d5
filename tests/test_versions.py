"""Tests of what marks the last of siblings, and of trees with a level: versions, categories."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from dbsynth import run
from dbsynth.keys import grow_by_depth

FAST = {"engine": "marginal", "quality": "fast"}


def documents(path: Path) -> str:
    """Versions of documents, the last of which is current and has no end; a tree of categories."""
    rng = np.random.default_rng(3)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript("""
            CREATE TABLE documents (id INTEGER PRIMARY KEY, kind TEXT NOT NULL);
            CREATE TABLE versions (document_id INTEGER NOT NULL REFERENCES documents (id),
                no INTEGER NOT NULL, since TIMESTAMP NOT NULL, until TIMESTAMP,
                state TEXT NOT NULL, is_first BOOLEAN NOT NULL, PRIMARY KEY (document_id, no));
            CREATE TABLE categories (id INTEGER PRIMARY KEY,
                parent_id INTEGER REFERENCES categories (id), level INTEGER NOT NULL);
        """)
        for document in range(300):
            kind = str(rng.choice(["memo", "plan"]))
            connection.execute("INSERT INTO documents VALUES (?, ?)", (document, kind))
            at, count = np.datetime64("2022-01-01T08:00:00"), int(rng.integers(1, 5))
            for number in range(1, count + 1):
                end = at + np.timedelta64(int(rng.integers(60, 900_000)), "s")
                is_last = number == count
                values = (
                    document, number, str(at), None if is_last else str(end),
                    "current" if is_last else "old", number == 1,
                )  # fmt: skip
                connection.execute("INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?)", values)
                at = end
        levels = [1] * 8
        for category in range(200):
            above = int(rng.integers(0, category)) if category >= 8 else None
            while above is not None and levels[above] == 4:
                above = int(rng.integers(0, category))
            levels[category:] = [1 if above is None else levels[above] + 1]
            values = (category, above, levels[category])
            connection.execute("INSERT INTO categories VALUES (?, ?, ?)", values)
    return f"sqlite:///{path}"


@pytest.mark.parametrize("kind", ["sqlite", "duckdb", "postgresql", "mysql"])
def test_the_last_of_siblings_is_marked(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    servers = {"postgresql": "pg_url", "mysql": "mysql_url"}
    target = request.getfixturevalue(servers[kind]) if kind in servers else f"{tmp_path}/b.{kind}"
    done = run.clone(documents(tmp_path / "a.db"), target, run.Options(**FAST))
    kinds = ("last of siblings", "first of siblings")
    found = {c.rule.text.split(" = ")[0]: c.broken for c in done.rules if c.rule.kind in kinds}
    assert found == {"(until IS NULL)": 0, "(state": 0, "is_first": 0}
    assert not [c for c in done.rules if c.broken]


def test_trees_are_as_deep_as_their_level_says(tmp_path: Path) -> None:
    run.clone(documents(tmp_path / "a.db"), f"{tmp_path}/b.db", run.Options(**FAST))
    depth = """
        WITH RECURSIVE found (id, level, depth) AS (
            SELECT id, level, 1 FROM categories WHERE parent_id IS NULL UNION ALL
            SELECT c.id, c.level, depth + 1 FROM categories AS c JOIN found ON parent_id = found.id)
        SELECT count(*), sum(level <> depth), max(depth) FROM found"""
    with closing(sqlite3.connect(tmp_path / "b.db")) as connection:
        assert connection.execute(depth).fetchone() == (200, 0, 4)


def test_rows_hang_one_step_deeper_and_parents_have_what_they_want() -> None:
    depths = np.array([1.0, 1, 2, 2, 2, 3, np.nan, 9])
    pointers = grow_by_depth(
        np.array([False, False, True, True, True, True, True, True]),
        np.array([2, 1, 0, 1, 0, 0, 0, 0]), np.zeros(8, np.int64), depths, 1,
        np.random.default_rng(0), np.ones(8, bool),
    )  # fmt: skip
    assert np.bincount(pointers[[2, 3, 4]], minlength=2).tolist() == [2, 1]
    assert pointers[5] == 3
    assert (pointers[[0, 1, 6, 7]] == -1).all()
