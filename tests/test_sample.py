"""Tests of dbsynth.sample: whole entities are read, a bounded number of them, always the same."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from dbsynth import run
from dbsynth.adapters import open_source
from dbsynth.picking import key_hashes
from dbsynth.plan import Plan
from dbsynth.sample import Sample, read_profile, read_sample
from dbsynth.schema import TableName
from dbsynth.urls import resolve
from tests.filler import build, fill_sqlite

PATIENT, ENCOUNTER, OBSERVATION = (
    TableName("", n) for n in ("patient", "encounter", "observation")
)


def sampled(url: str, limit: int, seed: int = 7) -> tuple[Plan, Sample]:
    plan = run.plan(url, run.Options(seed=seed))
    with open_source(resolve(url)) as source:
        return plan, read_sample(plan, source, limit=limit)


@pytest.fixture(scope="module")
def diamond(tmp_path_factory: pytest.TempPathFactory) -> str:
    return build("diamond", tmp_path_factory.mktemp("sample") / "source.sqlite")


def test_tables_within_the_limit_are_read_whole(diamond: str) -> None:
    _, sample = sampled(diamond, 600)
    assert [60, 200, 600] == [len(sample.rows[n]) for n in (PATIENT, ENCOUNTER, OBSERVATION)]
    assert {1.0} == set(sample.shares.values())


def test_above_the_limit_a_share_of_the_entities_is_read(diamond: str) -> None:
    _, sample = sampled(diamond, 300)
    assert {0.5} == set(sample.shares.values())
    assert 15 < len(sample.rows[PATIENT]) < 45


def test_a_chosen_entity_comes_with_all_its_rows_and_no_others(diamond: str) -> None:
    _, whole = sampled(diamond, 600)
    _, part = sampled(diamond, 300)
    chosen = set(part.rows[PATIENT].column("id").to_pylist())
    for table in (ENCOUNTER, OBSERVATION):
        wanted = [r for r in whole.rows[table].to_pylist() if r["patient_id"] in chosen]
        found = part.rows[table].to_pylist()
        assert sorted(r["id"] for r in wanted) == sorted(r["id"] for r in found)


def test_every_row_of_a_sample_belongs_to_the_entity_at_its_root(diamond: str) -> None:
    _, sample = sampled(diamond, 300)
    ids = sample.rows[PATIENT].column("id").to_numpy()
    owners = sample.rows[OBSERVATION].column("patient_id").to_numpy()
    assert owners.tolist() == ids[sample.entities[OBSERVATION]].tolist()


def test_held_out_rows_are_whole_entities_about_a_tenth_of_them(tmp_path: Path) -> None:
    script = """CREATE TABLE a (id integer PRIMARY KEY, x integer);
      CREATE TABLE b (id integer PRIMARY KEY, a_id integer NOT NULL REFERENCES a (id));"""
    url = fill_sqlite(tmp_path / "source.sqlite", script, {"a": 1000, "b": 2000})
    _, sample = sampled(url, 5000)
    roots, rows = sample.held_out[TableName("", "a")], sample.held_out[TableName("", "b")]
    assert 0.07 < roots.mean() < 0.13
    assert rows.tolist() == roots[sample.entities[TableName("", "b")]].tolist()


def test_the_same_seed_reads_the_same_rows_and_another_seed_others(diamond: str) -> None:
    _, first = sampled(diamond, 300)
    _, again = sampled(diamond, 300)
    _, other = sampled(diamond, 300, seed=8)
    assert first.rows[PATIENT].equals(again.rows[PATIENT])
    assert not first.rows[PATIENT].equals(other.rows[PATIENT])


def test_a_table_without_a_key_is_cut_to_its_share(tmp_path: Path) -> None:
    script = "CREATE TABLE log (x integer, first_name text, last_name text);"
    url = fill_sqlite(tmp_path / "source.sqlite", script, {"log": 400})
    _, sample = sampled(url, 100)
    assert 100 == len(sample.rows[TableName("", "log")])


@pytest.fixture(scope="module")
def ranked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Players whose games are numbered from the best down."""
    path = tmp_path_factory.mktemp("ranked") / "source.sqlite"
    rng = np.random.default_rng(3)
    games = [
        (player, int(points))
        for player in range(150)
        for points in sorted(rng.lognormal(11, 1, int(rng.integers(1, 60))), reverse=True)
    ]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript("""CREATE TABLE player (id integer PRIMARY KEY, email text);
          CREATE TABLE game (id integer PRIMARY KEY, points integer NOT NULL,
            player_id integer NOT NULL REFERENCES player (id));""")
        players = [(n, f"player{n}@example.com") for n in range(150)]
        connection.executemany("INSERT INTO player VALUES (?, ?)", players)
        connection.executemany("INSERT INTO game (player_id, points) VALUES (?, ?)", games)
    return path


def test_siblings_that_are_sorted_by_a_value_are_read_in_no_order(ranked: Path) -> None:
    _, sample = sampled(str(ranked), 10**4)
    rows, name = sample.rows[TableName("", "game")], TableName("", "game")
    owners, points = rows.column("player_id").to_numpy(), rows.column("points").to_numpy()
    assert owners.tolist() == sorted(owners)
    assert sample.entities[name].tolist() == owners.tolist()
    follows = points[1:] <= points[:-1]
    assert 0.4 < follows[owners[1:] == owners[:-1]].mean() < 0.6


def test_a_copy_of_sorted_siblings_is_sorted_and_spread_as_they_are(ranked: Path) -> None:
    target = ranked.with_name("copy.sqlite")
    run.clone(str(ranked), str(target), run.Options(seed=1))
    with closing(sqlite3.connect(target)) as connection:
        found = connection.execute("SELECT player_id, points FROM game ORDER BY 1, id").fetchall()
    with closing(sqlite3.connect(ranked)) as connection:
        real = [n for (n,) in connection.execute("SELECT points FROM game")]
    owners, points = np.array(found).T
    assert ((points[1:] <= points[:-1]) | (owners[1:] != owners[:-1])).all()
    for share in (0.1, 0.25, 0.5, 0.75, 0.9):
        assert np.quantile(points, share) == pytest.approx(np.quantile(real, share), rel=0.2)


def test_keys_that_lead_nowhere_are_minus_one(tmp_path: Path) -> None:
    _, sample = sampled(build("empty_table", tmp_path / "source.sqlite"), 5000)
    found = sample.parents[TableName("", "half_child"), "half_child_empty_id_fkey"]
    assert {-1} == set(found.tolist())


def test_a_key_hash_depends_on_key_seed_and_purpose_alone() -> None:
    keys = pa.table({"a": [1, 2, 3], "b": ["x", "y", None]})
    marks = key_hashes(keys, 1, "sample")
    assert marks[1:].tolist() == key_hashes(keys.slice(1), 1, "sample").tolist()
    assert 9 == len({*marks, *key_hashes(keys, 2, "sample"), *key_hashes(keys, 1, "held-out")})
    assert np.uint64 == marks.dtype


def test_a_profile_is_the_first_rows_in_key_order(diamond: str) -> None:
    with open_source(resolve(diamond)) as source:
        profile = read_profile(source, source.introspect(), limit=25)
    assert list(range(1, 26)) == profile[OBSERVATION].column("id").to_pylist()
