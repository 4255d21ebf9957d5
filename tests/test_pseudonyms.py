"""Tests of dbsynth.pseudonyms: made labels repeat as the rare ones of the source do."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from dbsynth.features import Ints
from dbsynth.pseudonyms import Pseudonyms, Renaming, fit_pseudonyms
from dbsynth.release import Release
from dbsynth.schema import Column, SqlType, TableName
from dbsynth.treatments import Treatment
from tests.filler import fill_sqlite
from tests.generated import digests, drawn, fitted

COLUMN = Column(name="label", type=SqlType(kind="string", native="varchar"))
GROUPS, ROWS = 200, 10


def learned(labels: Ints, groups: Ints, semantic: str = "") -> Pseudonyms:
    found = fit_pseudonyms(
        "t.label",
        COLUMN,
        Treatment(kind="category", semantic=semantic),
        pa.array([f"zq{n}" for n in labels]),
        np.arange(len(labels)) // ROWS,
        {(("key",), ""): groups},
        Release(1),
    )
    assert found is not None
    return found


def grouped(labels: pa.Array, groups: Ints) -> float:
    """Different labels of a group, on average."""
    return float(
        np.mean(
            [len(set(labels.filter(pa.array(groups == g)).to_pylist())) for g in np.unique(groups)]
        )
    )


@pytest.mark.parametrize("kinds", [1, 3, 8])
def test_siblings_share_labels_as_often_as_in_the_source(kinds: int) -> None:
    rng = np.random.default_rng(kinds)
    groups = np.repeat(np.arange(GROUPS), ROWS)
    labels = groups * 10 + rng.integers(0, kinds, len(groups))
    model = learned(labels, groups)
    made = Renaming(model, 5, "t.label").draw(groups, rng)
    real = grouped(pa.array(labels), groups)
    assert model.via == ("key",)
    assert grouped(made, groups) == pytest.approx(real, rel=0.15)
    assert len(made.unique()) == pytest.approx(len(np.unique(labels)), rel=0.15)


def test_labels_that_rows_do_not_share_are_used_as_often_as_in_the_source() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(GROUPS), ROWS)
    labels = (rng.pareto(1.0, len(groups)) * 10).astype(np.int64).clip(max=300)
    model = learned(labels, groups)
    assert model.via == ()
    made = Renaming(model, 5, "t.label").draw(groups, rng)
    uses = sorted(Counter(made.to_pylist()).values())
    assert len(uses) == len(np.unique(labels))
    assert uses[:-10] == pytest.approx(sorted(Counter(labels.tolist()).values())[:-10], abs=2)


def test_all_texts_that_differ_in_the_source_differ() -> None:
    labels = np.arange(1000)
    model = learned(labels, labels // ROWS)
    renaming = Renaming(model, 5, "t.label")
    rng = np.random.default_rng(0)
    parts = [renaming.draw(np.full(400, -1), rng) for _ in range(5)]
    assert len(pa.concat_arrays(parts).unique()) == 2000


def test_labels_of_a_group_stay_from_chunk_to_chunk() -> None:
    groups = np.repeat(np.arange(GROUPS), ROWS)
    renaming, rng = Renaming(learned(groups, groups), 5, "t.label"), np.random.default_rng(0)
    one, other = renaming.draw(groups[:1000], rng), renaming.draw(groups[:1000], rng)
    assert one == other


def test_a_label_that_is_released_is_no_pseudonym() -> None:
    model = learned(np.arange(400) % 40, np.arange(400), "country")
    free = Renaming(model, 5, "t.label").draw(np.full(40, -1), np.random.default_rng(0))
    taken = free[0].as_py()
    rest = Renaming(model, 5, "t.label", [taken]).draw(np.full(40, -1), np.random.default_rng(0))
    assert taken in free.to_pylist()
    assert taken not in rest.to_pylist()


def test_codes_keep_their_form() -> None:
    found = fit_pseudonyms(
        "t.code",
        COLUMN,
        Treatment(kind="category"),
        pa.array([f"{n:05d}-{n % 7}" for n in range(400)]),
        np.arange(400),
        {},
        Release(1),
    )
    assert found is not None
    made = Renaming(found, 5, "t.code").draw(np.full(50, -1), np.random.default_rng(0))
    assert pc.all(pc.match_substring_regex(made, r"^\d{5}-\d$")).as_py()


def test_a_model_of_pseudonyms_is_read_as_it_was_written() -> None:
    for semantic in ("", "city"):
        model = learned(np.arange(400), np.arange(400), semantic)
        assert model == Pseudonyms.from_json(model.to_json())


def test_too_few_entities_have_no_pseudonyms() -> None:
    values, nobody = pa.array(["a", "b"] * 5), {(("key",), ""): np.zeros(10, np.int64)}
    treatment = Treatment(kind="category")
    found = fit_pseudonyms("t.label", COLUMN, treatment, values, np.arange(10), nobody, Release(1))
    assert found is None


def test_rare_labels_come_as_often_as_in_the_source_and_none_of_them_leaves_it(
    tmp_path: Path,
) -> None:
    rng = np.random.default_rng(3)
    path = tmp_path / "source.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE guest (id integer PRIMARY KEY, email text, origin text)")
        rare = [f"xk{n}" for n in range(60)]
        for i in range(400):
            origin = "often" if rng.random() < 0.6 else rare[rng.integers(0, 60)]
            row = (i, f"g{i}@example.org", origin)
            connection.execute("INSERT INTO guest VALUES (?, ?, ?)", row)
    model = fitted(str(path))
    rows = drawn(model)[TableName("", "guest")].column("origin").to_pylist()
    released = {
        "often",
        *model.tables[TableName("", "guest")].content.layout.columns[0].codec.labels,
    }  # type: ignore[union-attr]
    assert sum(v == "often" for v in rows) == pytest.approx(240, abs=40)
    assert not (set(rows) - released) & set(rare)
    assert 20 < len(set(rows)) < 70
    assert digests(drawn(model)) == digests(drawn(model))


def test_a_rare_label_follows_from_another_column_as_in_the_source(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    path = tmp_path / "source.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE car (id integer PRIMARY KEY, make text, model text)")
        for i in range(400):
            make = rng.integers(0, 110)
            row = (i, f"zq{make}", f"xk{make * 10 + rng.integers(0, 2)}")
            connection.execute("INSERT INTO car VALUES (?, ?, ?)", row)
    rows = drawn(fitted(str(path)))[TableName("", "car")]
    makes = rows.group_by("model").aggregate([("make", "count_distinct")])
    models = rows.group_by("make").aggregate([("model", "count_distinct")])
    assert np.mean(makes.column("make_count_distinct")) < 1.5
    assert np.mean(models.column("model_count_distinct")) == pytest.approx(1.8, abs=0.5)


def test_rows_whose_ways_up_lead_through_a_table_without_rows_are_named(tmp_path: Path) -> None:
    script = """
    CREATE TABLE a (id integer PRIMARY KEY);
    CREATE TABLE b (id integer PRIMARY KEY, a_id integer REFERENCES a);
    CREATE TABLE c (id integer PRIMARY KEY, b_id integer REFERENCES b, word varchar(30));
    """
    url = fill_sqlite(tmp_path / "source.sqlite", script, {"a": 0, "b": 0, "c": 80})
    assert 80 == len(drawn(fitted(url))[TableName("", "c")])


def test_an_enum_has_only_its_own_labels(tmp_path: Path) -> None:
    script = """
    CREATE TABLE x (id integer PRIMARY KEY, size varchar(9) CHECK (size IN ('s', 'm', 'l', 'xl')));
    """
    path = tmp_path / "source.sqlite"
    fill_sqlite(path, script, {})
    with closing(sqlite3.connect(path)) as connection, connection:
        rows = [(i, "m" if i < 395 else "xl") for i in range(400)]
        connection.executemany("INSERT INTO x VALUES (?, ?)", rows)
    assert {} == fitted(str(path)).tables[TableName("", "x")].pseudonyms


def test_some_owners_have_one_label_and_others_many() -> None:
    rng = np.random.default_rng(9)
    groups = np.repeat(np.arange(200), 10)
    labels = groups * 100 + np.where(groups % 2 == 0, 0, rng.integers(0, 60, len(groups)))
    made = Renaming(learned(labels, groups), 5, "t.label").draw(groups, rng)
    single = [len(made.filter(pa.array(groups == g)).unique()) == 1 for g in range(200)]
    assert np.mean(single) == pytest.approx(0.5, abs=0.15)
