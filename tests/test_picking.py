"""Tests of dbsynth.picking: rows of large tables are chosen at random, without reading them all."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pytest

from dbsynth import decide, leaks, picking, run, sample
from dbsynth.adapters import open_source
from dbsynth.adapters.base import Source
from dbsynth.picking import is_indexed, pick, read_by_keys
from dbsynth.schema import Schema
from dbsynth.undeclared import inclusion
from dbsynth.urls import resolve
from tests.conftest import NewDatabase
from tests.filler import build
from tests.roles import execute

ROWS = """
CREATE TABLE person (id integer PRIMARY KEY, email text NOT NULL UNIQUE, town text);
INSERT INTO person SELECT 1000 + i, 'p' || i || '@example.com', 'town ' || i % 9
  FROM generate_series(1, 4000) i WHERE i % 5 > 0;
CREATE TABLE visit (id integer PRIMARY KEY, person_id integer REFERENCES person, note text,
  seen integer NOT NULL);
INSERT INTO visit SELECT i, 1000 + 5 * (i % 800) + 1 + i % 4, md5(i::text), i % 50
  FROM generate_series(1, 8000) i;
CREATE INDEX ON visit (person_id);
CREATE TABLE thing (code text PRIMARY KEY, weight integer);
INSERT INTO thing SELECT md5(i::text), i % 100 FROM generate_series(1, 20000) i;
CREATE TABLE sparse (id bigint PRIMARY KEY, weight integer);
INSERT INTO sparse SELECT i::bigint * 1000003, i % 100 FROM generate_series(1, 20000) i;
CREATE TABLE heap (at timestamp, weight integer);
INSERT INTO heap SELECT timestamp '2020-01-01' + i * interval '1 hour', i % 100
  FROM generate_series(1, 20000) i;
CREATE TABLE remark (id integer PRIMARY KEY, visit_id integer NOT NULL, stars integer);
INSERT INTO remark SELECT i, 1 + i * 7 % 8000, i % 5 FROM generate_series(1, 20000) i;
"""


@pytest.fixture
def url(new_pg_url: NewDatabase) -> str:
    made = new_pg_url()
    execute(made, ROWS, "ANALYZE")
    return made


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tables of more than a thousand rows count as large."""
    for module in (run, decide, sample, leaks, inclusion, picking):
        monkeypatch.setattr(module, "LARGE", 1000)
    for module in (sample, leaks):
        monkeypatch.setattr(module, "LARGE_SAMPLE_ROWS", 600)
    monkeypatch.setattr(inclusion, "COUNTED_ROWS", 4000)


@contextmanager
def opened(url: str) -> Iterator[tuple[Source, Schema]]:
    with open_source(resolve(url)) as source:
        yield source, source.introspect()


def by_name(schema: Schema, name: str):  # type: ignore[no-untyped-def]
    return next(t for t in schema.tables if t.name.name == name)


@pytest.mark.parametrize("name", ["person", "thing", "sparse", "heap"])
def test_a_share_of_the_rows_is_picked_the_same_for_the_same_seed(url: str, name: str) -> None:
    with opened(url) as (source, schema):
        table = by_name(schema, name)
        rows, columns = source.count(table.name), [c.name for c in table.columns]
        found = [
            pick(source, table, columns, share=0.1, rows=rows, seed=seed) for seed in (1, 1, 2)
        ]
        whole = {str(r) for b in source.read(table, columns) for r in b.to_pylist()}
    assert found[0].equals(found[1])
    assert not found[0].equals(found[2])
    assert 0.05 * rows < len(found[0]) < 0.2 * rows
    told = [str(r) for r in found[0].to_pylist()]
    assert len(told) == len(set(told))
    assert set(told) <= whole


def test_numbers_are_picked_all_over_their_range_and_in_runs_of_large_tables(
    url: str, small: None
) -> None:
    with opened(url) as (source, schema):
        table = by_name(schema, "remark")
        ids = pick(source, table, ["id"], share=0.1, rows=20_000, seed=3).column("id").to_numpy()
    assert ids.min() < 500
    assert ids.max() > 19_500
    assert abs(np.mean(ids) - 10_000) < 1000
    assert 1000 < (np.diff(ids) == 1).sum()


def test_the_estimate_is_near_the_count_and_unknown_of_tables_never_looked_at(url: str) -> None:
    execute(url, "CREATE TABLE fresh (id integer)", "INSERT INTO fresh VALUES (1)")
    with opened(url) as (source, schema):
        told = source.estimate(by_name(schema, "thing").name)
        assert told is not None
        assert abs(told - 20_000) < 500
        assert source.estimate(by_name(schema, "fresh").name) is None


def test_partitions_are_estimated_together(new_pg_url: NewDatabase) -> None:
    url = new_pg_url()
    execute(
        url,
        "CREATE TABLE log (day integer NOT NULL, note text) PARTITION BY RANGE (day)",
        "CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE log_2 PARTITION OF log FOR VALUES FROM (10) TO (20)",
        "INSERT INTO log SELECT i % 20, 'x' FROM generate_series(1, 5000) i",
        "ANALYZE",
    )
    with opened(url) as (source, schema):
        (table,) = schema.tables
        told = source.estimate(table.name)
        assert told is not None
        assert abs(told - 5000) < 200
        assert len(pick(source, table, ["note"], share=0.99, rows=5000, seed=1)) > 1000


def test_keys_without_an_index_are_read_in_one_scan(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    with opened(url) as (source, schema):
        visit, remark = by_name(schema, "visit"), by_name(schema, "remark")
        assert is_indexed(visit, ["person_id"])
        assert not is_indexed(remark, ["visit_id"])
        keys = pick(source, visit, ["id"], share=0.05, rows=8000, seed=1)
        monkeypatch.setattr(picking, "KEY_CHUNK", 50)
        read = source.read
        monkeypatch.setattr(source, "read", lambda *a, **o: asked.append(a) or read(*a, **o))
        found = read_by_keys(source, remark, ["id"], ["visit_id"], keys)
    assert 1 == len(asked)
    assert 0.8 < len(found) / (2.5 * len(keys)) < 1.2


def test_large_tables_are_learned_from_samples_and_the_plan_says_so(
    url: str, small: None, tmp_path: Path
) -> None:
    target = tmp_path / "copy.db"
    done = run.clone(url, str(target), run.Options(seed=3, engine="marginal"))
    assert done.findings.is_sound
    made = run.plan(url, run.Options(seed=3))
    assert any("looked at in samples" in note and "estimate" in note for note in made.notes)
    with closing(sqlite3.connect(target)) as copy:
        visits, people = (
            copy.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in ("visit", "person")
        )
        mails = copy.execute("SELECT count(*) FROM person WHERE email LIKE '%@example.com'")
        assert mails.fetchone()[0] <= people
    assert abs(visits - 8000) < 400
    assert abs(people - 3200) < 200


def test_keys_that_nothing_declares_are_found_in_samples(url: str, small: None) -> None:
    made = run.plan(url, run.Options(seed=3))
    (found,) = (r for r in made.references if r.child.name == "remark")
    assert found.is_accepted
    assert "counted in 20.0% of the rows" in found.why
    assert found.rows < 8000


def test_a_sample_tells_how_many_keys_there_are(url: str) -> None:
    rng = np.random.default_rng(1)
    keys = rng.integers(0, 5000, 40_000)
    seen = len(np.unique(keys[:2000]))
    assert abs(inclusion._grown(seen, 2000, 0.05) - 5000) < 500
    assert 40_000 == inclusion._grown(2000, 2000, 0.05)


def test_values_that_were_learned_from_are_found_where_they_leak(
    url: str, small: None, new_pg_url: NewDatabase
) -> None:
    leaky = new_pg_url()
    execute(leaky, ROWS, "ANALYZE")
    found = run.verify(leaky, url)
    assert {"email"} <= {c for f in found.errors for c in f.columns}


@pytest.mark.parametrize("dialect", ["sqlite", "duckdb", "mysql"])
def test_every_database_gives_a_share_of_its_rows(
    dialect: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if dialect == "mysql":
        url = build("diamond", request.getfixturevalue("new_mysql_url")())
    elif dialect == "duckdb":
        url = str(tmp_path / "source.duckdb")
        with duckdb.connect(url) as connection:
            for name in ("observation", "patient"):
                connection.execute(
                    f"CREATE TABLE {name} AS SELECT range::INT AS id FROM range(500)"
                )
                connection.execute(f"ALTER TABLE {name} ADD PRIMARY KEY (id)")
    else:
        url = build("diamond", tmp_path / "source.sqlite")
    with opened(url) as (source, schema):
        for name, key in (("observation", ("id",)), ("patient", ("id",))):
            table = by_name(schema, name)
            rows = source.count(table.name)
            found = pick(source, table, list(key), share=0.4, rows=rows, seed=1)
            assert 0.2 * rows < len(set(found.column(0).to_pylist())) == len(found) < 0.6 * rows
            texts = replace(table, primary_key=())
            some = pick(source, texts, list(key), share=0.4, rows=rows, seed=1)
            assert 0.2 * rows < len(some) < 0.6 * rows


def test_of_a_few_roots_that_own_very_much_some_are_always_read(tmp_path: Path) -> None:
    path = tmp_path / "shops.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("""
            CREATE TABLE shops (id INTEGER PRIMARY KEY, size INTEGER);
            CREATE TABLE sales (shop_id INTEGER NOT NULL REFERENCES shops(id), number INTEGER,
                net REAL, gross REAL, PRIMARY KEY (shop_id, number));
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30)
            INSERT INTO shops SELECT i, i % 3 FROM n;
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 90000)
            INSERT INTO sales SELECT 1 + i % 30, i / 30, i % 977, i % 977 + 1 FROM n;
        """)
    for seed in range(6):
        with open_source(resolve(str(path))) as source:
            plan = run.plan(str(path), run.Options(seed=seed, is_ruled=False))
            read = sample.read_sample(plan, source, limit=5_000)
        sizes = {name.name: len(rows) for name, rows in read.rows.items()}
        assert sizes == {"shops": 8, "sales": 24_000}
        assert {len(s) for s in read.parents.values()} == {24_000}
