"""Seasons: parents that come anew each year, as teams do, and rows that follow them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsynth import run
from dbsynth.conditions import siblings_of
from dbsynth.features import Ints
from dbsynth.schema import ForeignKey, TableName
from dbsynth.seasons import ANYBODY, NOBODY, Seasons, find_season

TEAMS, FIRST, LAST = 8, 1990, 2009
KEY = ForeignKey(
    name="to_team",
    child=TableName("", "plays"),
    columns=("year", "team"),
    parent=TableName("", "team"),
    parent_columns=("year", "name"),
)


def teams(last: int = LAST) -> pa.Table:
    """Teams of each year; the first is there every second year only."""
    rows = [(y, f"t{t}") for y in range(FIRST, last + 1) for t in range(TEAMS) if t or y % 2]
    years, names = zip(*rows, strict=True)
    return pa.table({"year": pa.array(years), "name": pa.array(names)})


def careers(seed: int = 0) -> tuple[Ints, Ints]:
    """Who plays where, year after year: (owners, parent rows)."""
    rng, rows = np.random.default_rng(seed), teams()
    place = {(r["year"], r["name"]): n for n, r in enumerate(rows.to_pylist())}
    owners, parents = [], []
    for owner in range(200):
        team = int(rng.integers(1, TEAMS))
        begun = int(rng.integers(FIRST, LAST - 6))
        for year in range(begun, begun + int(rng.integers(2, 7))):
            team = team if rng.random() < 0.8 else int(rng.integers(1, TEAMS))
            owners.append(owner)
            parents.append(place[year, f"t{team}"])
    return np.array(owners), np.array(parents)


def test_the_year_in_a_key_is_found() -> None:
    owners, parents = careers()
    previous = siblings_of(owners, len(owners)).previous
    found = find_season(KEY, parents, previous, teams(), owners)
    assert found is not None
    assert found.column == "year"
    assert len(np.unique(found.who)) == TEAMS
    assert find_season(KEY, parents, previous, teams(), owners * 0) is None  # too few
    back = find_season(KEY, parents[::-1].copy(), previous, teams(), owners)
    assert back is None  # in no order
    early = teams().set_column(0, "year", pa.array(teams()["year"].to_numpy() - 1000))
    assert find_season(KEY, parents, previous, early, owners) is None  # no years
    alone = replace(KEY, columns=("year",), parent_columns=("year",))
    assert find_season(alone, parents, previous, teams(), owners) is None


@given(
    st.lists(
        st.tuples(st.floats(1980, 2020) | st.just(np.nan), st.integers(-2, TEAMS - 1)),
        min_size=1,
        max_size=40,
    )
)
def test_everybody_is_found_in_the_nearest_year(asked: list[tuple[float, int]]) -> None:
    rows = teams()
    seasons = Seasons.of(KEY, "year", [rows["year"], rows["name"]])
    kinds = np.unique(seasons.who)
    years = np.array([y for y, _ in asked])
    who = np.array([n if n < 0 else kinds[n] for _, n in asked])
    found = seasons.rows(years, who, np.random.default_rng(1))
    assert ((found < 0) == (np.isnan(years) | (who == NOBODY))).all()
    here = found >= 0
    nearest = np.clip(years[here], FIRST, LAST)
    assert (np.abs(seasons.years[found[here]] - nearest) <= 0.5).all()
    same = seasons.who[found[here]] == who[here]
    is_first = who[here] == kinds[np.argmin(np.bincount(seasons.who)[kinds])]
    assert (same | (who[here] == ANYBODY) | is_first).all()


@pytest.mark.parametrize("engine", ["tree", "argn"])
def test_a_copy_of_careers_goes_on_year_by_year(tmp_path: Path, engine: str) -> None:
    owners, parents = careers()
    rows = teams().to_pylist()
    with closing(sqlite3.connect(tmp_path / "source.db")) as source:
        source.executescript("""
            CREATE TABLE team (year INTEGER, name TEXT, PRIMARY KEY (year, name));
            CREATE TABLE player (id INTEGER PRIMARY KEY, height INTEGER);
            CREATE TABLE plays (player INTEGER REFERENCES player, year INTEGER NOT NULL,
                stint INTEGER, team TEXT NOT NULL, goals INTEGER,
                PRIMARY KEY (player, year, stint),
                FOREIGN KEY (year, team) REFERENCES team (year, name));
        """)
        source.executemany("INSERT INTO team VALUES (:year, :name)", rows)
        rng = np.random.default_rng(4)
        heights = rng.integers(160, 200, 200).tolist()
        source.executemany("INSERT INTO player VALUES (?, ?)", list(enumerate(heights)))
        for owner, parent in zip(owners.tolist(), parents.tolist(), strict=True):
            row = (owner, rows[parent]["year"], 1, rows[parent]["name"], int(rng.integers(9)))
            source.execute("INSERT INTO plays VALUES (?, ?, ?, ?, ?)", row)
        source.commit()
    copy = tmp_path / "copy.db"
    options = run.Options(seed=3, engine=engine, quality="fast")
    run.clone(f"sqlite:///{tmp_path / 'source.db'}", f"sqlite:///{copy}", options)
    with closing(sqlite3.connect(copy)) as target:
        query = "SELECT player, year, team FROM plays ORDER BY player, year, stint"
        found = target.execute(query).fetchall()
    later = [(a, b) for a, b in pairwise(found) if a[0] == b[0]]
    assert np.mean([b[1] - a[1] == 1 for a, b in later]) > 0.9
    assert 0.6 < np.mean([a[2] == b[2] for a, b in later]) < 0.95
