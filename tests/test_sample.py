"""Tests of dbsynth.sample: whole entities are read, a bounded number of them, always the same."""

from __future__ import annotations

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
