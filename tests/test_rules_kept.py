"""Copies of generated databases keep every rule that was found in them."""

from __future__ import annotations

import random
import sqlite3
from datetime import date, timedelta
from pathlib import Path

import pytest

from dbsynth import run
from dbsynth.demo import FILE_NAME, build
from tests.rule_kept import broken, cloned
from tests.rule_staff import DATABASES


@pytest.mark.parametrize("name", DATABASES)
def test_all_rules_that_are_found_are_kept(name: str, tmp_path: Path) -> None:
    done = cloned(name, 5, 300, tmp_path, "marginal")
    assert len(done.rules) >= 12
    assert broken(done.rules) == []
    assert done.findings.is_sound


def test_the_sample_shop_is_copied_without_a_warning(tmp_path: Path) -> None:
    build(tmp_path)
    options = run.Options(seed=2, engine="marginal", quality="fast")
    done = run.clone(str(tmp_path / FILE_NAME), f"duckdb:///{tmp_path}/copy.duckdb", options)
    assert broken(done.rules) == []
    assert [f for f in done.findings.warnings if f.check == "rule"] == []


def test_long_rows_of_numbers_that_are_part_of_the_key_begin_and_go_on_as_they_must(
    tmp_path: Path,
) -> None:
    draw = random.Random(1)
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.executescript("""
            CREATE TABLE lines (id INTEGER PRIMARY KEY, km REAL);
            CREATE TABLE points (line_id INTEGER NOT NULL REFERENCES lines (id),
                place INTEGER NOT NULL, height REAL, PRIMARY KEY (line_id, place));
        """)
        connection.executemany(
            "INSERT INTO lines VALUES (?, ?)", [(i, draw.uniform(1, 90)) for i in range(60)]
        )
        for i in range(60):
            points = [(i, n, draw.gauss(80, 9)) for n in range(1, draw.randint(300, 900))]
            connection.executemany("INSERT INTO points VALUES (?, ?, ?)", points)
    connection.close()
    options = run.Options(seed=2, engine="marginal", quality="fast")
    done = run.clone(str(tmp_path / "a.db"), f"duckdb:///{tmp_path}/copy.duckdb", options)
    assert [r.rule.kind for r in done.rules] == ["numbering"]
    assert broken(done.rules) == []


def test_rows_that_agree_in_the_rest_of_their_key_are_numbered(tmp_path: Path) -> None:
    """A player's teams of one year: neither the player nor the year alone numbers them."""
    draw = random.Random(2)
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.executescript("""
            CREATE TABLE players (id INTEGER PRIMARY KEY, born INTEGER NOT NULL);
            CREATE TABLE seasons (player_id INTEGER NOT NULL REFERENCES players (id),
                year INTEGER NOT NULL, stint INTEGER NOT NULL, games INTEGER,
                PRIMARY KEY (player_id, year, stint));
        """)
        for i in range(150):
            born = draw.randint(1960, 1990)
            connection.execute("INSERT INTO players VALUES (?, ?)", (i, born))
            for year in draw.sample(range(born + 20, born + 30), draw.randint(1, 6)):
                teams = [(i, year, n, draw.randint(1, 150)) for n in range(1, draw.randint(2, 4))]
                connection.executemany("INSERT INTO seasons VALUES (?, ?, ?, ?)", teams)
    connection.close()
    options = run.Options(seed=2, engine="marginal", quality="fast")
    done = run.clone(str(tmp_path / "a.db"), f"duckdb:///{tmp_path}/copy.duckdb", options)
    numbering = [r.rule.text for r in done.rules if r.rule.kind == "numbering"]
    assert ["stint = row_number() OVER (PARTITION BY player_id, year ORDER BY stint)"] == numbering
    assert broken(done.rules) == []


def subscriptions(path: Path) -> str:
    """Each tenant has one running subscription at most, and any number of ended ones."""
    draw = random.Random(4)
    with sqlite3.connect(path) as connection:
        connection.executescript("""
            CREATE TABLE tenants (id INTEGER PRIMARY KEY, since DATE NOT NULL, closed_on DATE);
            CREATE TABLE subscriptions (id INTEGER PRIMARY KEY,
                tenant_id INTEGER NOT NULL REFERENCES tenants (id), status TEXT NOT NULL,
                started_on DATE NOT NULL, ended_on DATE);
            CREATE UNIQUE INDEX running ON subscriptions (tenant_id)
                WHERE status IN ('trial', 'active');
        """)
        day, number = date(2020, 1, 1), 0
        for tenant in range(600):
            start = day + timedelta(days=draw.randint(0, 900))
            closed = start + timedelta(days=draw.randint(200, 900)) if draw.random() < 0.3 else None
            connection.execute("INSERT INTO tenants VALUES (?, ?, ?)", (tenant, start, closed))
            for turn in range(count := draw.choice([1, 1, 1, 2, 3])):
                is_ended = turn < count - 1 or closed is not None
                end = start + timedelta(days=draw.randint(20, 60)) if is_ended else None
                status = "ended" if is_ended else draw.choice(["trial", "active", "active"])
                row = (number := number + 1, tenant, status, start, end)
                connection.execute("INSERT INTO subscriptions VALUES (?, ?, ?, ?, ?)", row)
                start = end or start
    connection.close()
    return str(path)


def test_rules_that_are_seen_to_again_repeat_nothing_that_must_differ(tmp_path: Path) -> None:
    source = subscriptions(tmp_path / "a.db")
    for seed in range(3):
        options = run.Options(seed=seed, engine="marginal", quality="fast", replace=True)
        done = run.clone(source, str(tmp_path / "b.db"), options)
        assert done.findings.errors == ()
