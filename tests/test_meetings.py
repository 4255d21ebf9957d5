"""Meetings: rows choose a parent of their owner's, though no key column says so."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from dbsynth import run
from dbsynth.meetings import Meeting
from dbsynth.modelfile import load, save
from dbsynth.schema import TableName
from tests.generated import Database, drawn, fitted

SCHEMA = """
CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE);
CREATE TABLE addresses (
    id INTEGER PRIMARY KEY, person INTEGER NOT NULL REFERENCES people, kind TEXT NOT NULL
);
CREATE TABLE parcels (
    id INTEGER PRIMARY KEY, person INTEGER NOT NULL REFERENCES people,
    address INTEGER REFERENCES addresses, grams INTEGER NOT NULL
);
"""
PARCELS, ADDRESSES = TableName("", "parcels"), TableName("", "addresses")


@pytest.fixture(name="source", scope="module")
def _source(tmp_path_factory: pytest.TempPathFactory) -> str:
    """People have up to three addresses; half of their parcels go to one of these."""
    rng, path = np.random.default_rng(2), tmp_path_factory.mktemp("post") / "post.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(SCHEMA)
        number = 0
        for person in range(250):
            connection.execute("INSERT INTO people VALUES (?, ?)", (person, f"p{person}@a.org"))
            homes = list(range(number, number + int(rng.integers(1, 4))))
            number += len(homes)
            for home in homes:
                kind = str(rng.choice(["home", "work"]))
                connection.execute("INSERT INTO addresses VALUES (?, ?, ?)", (home, person, kind))
            for _ in range(int(rng.integers(0, 5))):
                to = int(rng.choice(homes)) if rng.random() < 0.5 else None
                connection.execute(
                    "INSERT INTO parcels (person, address, grams) VALUES (?, ?, ?)",
                    (person, to, int(rng.integers(1, 900))),
                )
    return f"sqlite:///{path}"


def strangers(database: Database) -> tuple[int, int]:
    """How many parcels go to an address of somebody else, and how many to any."""
    home = database[ADDRESSES].to_pydict()
    whose = dict(zip(home["id"], home["person"], strict=True))
    rows = database[PARCELS].to_pylist()
    led = [r for r in rows if r["address"] is not None]
    return sum(whose[r["address"]] != r["person"] for r in led), len(led)


def test_parcels_go_to_their_owners(source: str, tmp_path: Path) -> None:
    model = fitted(source, engine="tree", is_ruled=False)
    key = next(k for k in model.plan.tables[PARCELS].keys if k.columns == ("address",))
    (name, meeting), *others = model.tables[PARCELS].meetings.items()
    assert (name, others, key.role) == (key.name, [], "token")
    assert Meeting.from_json(meeting.to_json()) == meeting
    path = tmp_path / "post.dbsynth"
    save(model, path)
    wrong, led = strangers(drawn(load(path)))
    assert wrong == 0
    assert led > 150  # of 250 in the source


def test_who_chooses_any_address_meets_nobody(source: str, tmp_path: Path) -> None:
    path = tmp_path / "mixed.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        with closing(sqlite3.connect(source.removeprefix("sqlite:///"))) as other:
            other.backup(connection)
        connection.execute("UPDATE parcels SET address = (id * 7919) % 400 WHERE address > 0")
    assert not fitted(f"sqlite:///{path}", engine="tree").tables[PARCELS].meetings


def test_a_clone_keeps_what_two_ways_say(source: str, tmp_path: Path) -> None:
    done = run.clone(source, f"duckdb:///{tmp_path}/b.duckdb", run.Options(quality="fast"))
    assert [r for r in done.rules if not r.is_kept] == []


def test_nobody_meets_in_a_table_without_rows(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(SCHEMA)
        connection.executemany(
            "INSERT INTO people VALUES (?, ?)", [(n, f"p{n}@a.org") for n in range(60)]
        )
        connection.executemany(
            "INSERT INTO parcels (person, grams) VALUES (?, ?)", [(n % 60, n) for n in range(120)]
        )
    found = drawn(fitted(f"sqlite:///{path}", engine="tree"))
    assert len(found[PARCELS]) > 0
    assert len(found[ADDRESSES]) == 0
