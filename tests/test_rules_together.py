"""Rules that pull at the same columns, of rows and of siblings, are kept together in copies."""

from __future__ import annotations

import datetime as dt
import sqlite3
from pathlib import Path

import duckdb
import numpy as np
import pytest

from dbsynth import run
from tests.rule_kept import broken

_SYMBOLS = {"in": ["wage", "rent", "gift"], "out": ["bill", "fee", "loan"], "cash": [None]}
_NEXT = {"in": ["in", "out", "cash"], "out": ["in", "out"], "cash": ["in", "out"]}


def ledger(path: Path, accounts: int = 150) -> str:
    """Entries of which a symbol tells the kind; kinds come in an order; some need a partner."""
    rng, rows = np.random.default_rng(7), []
    partners = {f"p{i}": f"bank {i % 9}" for i in range(120)}
    for account in range(1, accounts + 1):
        kind = "in"
        for number in range(1, int(rng.integers(6, 20))):
            symbol = rng.choice(np.array(_SYMBOLS[kind], object))
            partner = f"p{rng.integers(0, 120)}" if symbol in ("bill", "rent") else None
            bank = None if partner is None else partners[partner]
            way = None if kind == "in" else "till" if kind == "cash" else "wire"
            rows.append((account, number, kind, symbol, way, partner, bank))
            kind = str(rng.choice(_NEXT[kind]))
    with sqlite3.connect(path) as connection:
        connection.executescript("""
            CREATE TABLE accounts (id INTEGER PRIMARY KEY, branch TEXT);
            CREATE TABLE entries (account_id INTEGER NOT NULL REFERENCES accounts(id),
                number INTEGER NOT NULL, kind TEXT NOT NULL, symbol TEXT, way TEXT, partner TEXT,
                bank TEXT, PRIMARY KEY (account_id, number));
        """)
        branches = [(i, f"b{i % 5}") for i in range(1, accounts + 1)]
        connection.executemany("INSERT INTO accounts VALUES (?, ?)", branches)
        connection.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    connection.close()
    return f"sqlite:///{path}"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_follows_what_must_be_there_and_what_comes_next_are_kept_together(
    seed: int, tmp_path: Path
) -> None:
    options = run.Options(seed=seed, engine="marginal", quality="fast")
    done = run.clone(ledger(tmp_path / "a.db"), f"duckdb:///{tmp_path}/copy.duckdb", options)
    kinds = {c.rule.kind for c in done.rules}
    assert {"dependency", "nulls", "transitions", "numbering"} <= kinds
    assert broken(done.rules) == []


def calendar(path: Path, shops: int = 19, days: int = 182) -> str:
    """Days of shops, none twice, some of them holidays for all."""
    rng = np.random.default_rng(3)
    holidays = set(rng.choice(days, 15, replace=False))
    first = dt.date(2023, 1, 6)
    rows = [
        (shop, str(first + dt.timedelta(weeks=day)), int(day in holidays), float(rng.gamma(2, 30)))
        for shop in range(1, shops + 1)
        for day in range(days)
    ]
    with sqlite3.connect(path) as connection:
        connection.executescript("""
            CREATE TABLE shops (id INTEGER PRIMARY KEY, town TEXT);
            CREATE TABLE days (shop_id INTEGER NOT NULL REFERENCES shops(id), day DATE NOT NULL,
                is_holiday BOOLEAN NOT NULL, sales REAL, PRIMARY KEY (shop_id, day));
        """)
        towns = [(i, f"t{i % 3}") for i in range(1, shops + 1)]
        connection.executemany("INSERT INTO shops VALUES (?, ?)", towns)
        connection.executemany("INSERT INTO days VALUES (?, ?, ?, ?)", rows)
    connection.close()
    return f"sqlite:///{path}"


@pytest.mark.parametrize("seed", [0, 1])
def test_what_follows_from_days_is_kept_where_days_have_to_move(seed: int, tmp_path: Path) -> None:
    options = run.Options(seed=seed, engine="marginal", quality="fast")
    done = run.clone(calendar(tmp_path / "a.db"), f"duckdb:///{tmp_path}/copy.duckdb", options)
    assert "dependency" in {c.rule.kind for c in done.rules}
    assert broken(done.rules) == []
    with duckdb.connect(str(tmp_path / "copy.duckdb"), read_only=True) as connection:
        weekdays = connection.execute("SELECT DISTINCT dayofweek(day) FROM days").fetchall()
    assert weekdays == [(5,)]  # as in the source, where a day moved, too


def league(path: Path, players: int = 150) -> str:
    """Seasons of players; what league they are in says the club's row of that year."""
    rng, teams, rows = np.random.default_rng(5), {}, []
    for year in range(2001, 2013):
        for number in range(14):
            code = f"T{number:02d}{'' if number < 10 else (year - 2001) // 3}"  # some rename
            teams[year, code] = "east" if (number + year // 6) % 2 else "west"
    for player in range(players):
        start = int(rng.integers(2001, 2009))
        for year in range(start, start + int(rng.integers(1, 5))):
            for stint in range(1, int(rng.integers(2, 4))):
                team = str(rng.choice([code for at, code in teams if at == year]))
                rows.append((player, year, stint, team, teams[year, team], int(rng.poisson(40))))
    with sqlite3.connect(path) as connection:
        connection.executescript("""
            CREATE TABLE players (id INTEGER PRIMARY KEY, born INTEGER);
            CREATE TABLE teams (year INTEGER NOT NULL, code TEXT NOT NULL, league TEXT NOT NULL,
                wins INTEGER, PRIMARY KEY (year, code));
            CREATE TABLE seasons (player_id INTEGER NOT NULL REFERENCES players(id),
                year INTEGER NOT NULL, stint INTEGER NOT NULL, code TEXT NOT NULL,
                league TEXT NOT NULL, games INTEGER, PRIMARY KEY (player_id, year, stint),
                FOREIGN KEY (year, code) REFERENCES teams(year, code));
        """)
        born = [(i, int(rng.integers(1970, 1990))) for i in range(players)]
        connection.executemany("INSERT INTO players VALUES (?, ?)", born)
        clubs = [(*key, name, int(rng.integers(50, 100))) for key, name in teams.items()]
        connection.executemany("INSERT INTO teams VALUES (?, ?, ?, ?)", clubs)
        connection.executemany("INSERT INTO seasons VALUES (?, ?, ?, ?, ?, ?)", rows)
    connection.close()
    return f"sqlite:///{path}"


@pytest.mark.parametrize("seed", [0, 1])
def test_what_a_parent_says_is_kept_where_rows_have_to_go_to_another(
    seed: int, tmp_path: Path
) -> None:
    options = run.Options(seed=seed, engine="marginal", quality="fast")
    done = run.clone(league(tmp_path / "a.db"), f"duckdb:///{tmp_path}/copy.duckdb", options)
    assert "league = teams.league" in {c.rule.text for c in done.rules}
    assert broken(done.rules) == []
    with duckdb.connect(str(tmp_path / "copy.duckdb"), read_only=True) as connection:
        years = connection.execute("SELECT min(year), max(year), count(*) FROM teams").fetchone()
    assert years == (2001, 2012, 168)  # full, and still no club has had to leave the range


def rentals(path: Path, count: int = 400) -> str:
    """Rentals that are paid on the day, by payments whose day is part of their key."""
    rng = np.random.default_rng(3)
    start, hours = dt.datetime(2024, 1, 1), np.sort(rng.integers(7000, size=count))  # noqa: DTZ001
    days = [str(start + dt.timedelta(hours=int(h))) for h in hours]
    with sqlite3.connect(path) as connection:
        connection.executescript("""
            CREATE TABLE rentals (id INTEGER PRIMARY KEY, day TIMESTAMP NOT NULL, film TEXT);
            CREATE TABLE payments (id INTEGER NOT NULL UNIQUE, paid_on TIMESTAMP NOT NULL,
                rental_id INTEGER NOT NULL REFERENCES rentals (id), PRIMARY KEY (paid_on, id));
        """)
        rows = [(i, day, f"film {i % 9}") for i, day in enumerate(days, 1)]
        connection.executemany("INSERT INTO rentals VALUES (?, ?, ?)", rows)
        paid = [(i, day, i) for i, day in enumerate(days, 1) if i % 11]
        connection.executemany("INSERT INTO payments VALUES (?, ?, ?)", paid)
    connection.close()
    return f"sqlite:///{path}"


def test_a_day_follows_the_row_above_though_it_is_part_of_a_key(tmp_path: Path) -> None:
    options = run.Options(engine="marginal", quality="fast")
    done = run.clone(rentals(tmp_path / "a.db"), f"duckdb:///{tmp_path}/copy.duckdb", options)
    assert "paid_on = rentals.day" in {c.rule.text for c in done.rules}
    assert broken(done.rules) == []
