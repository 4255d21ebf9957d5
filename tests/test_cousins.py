"""What owners have of other tables: summed up once, the same whether in parts or at once."""

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np

from dbsynth import run
from dbsynth.cousins import MOST, are_asked, cousins, gather
from dbsynth.features import Features


def rows_of(codes: np.ndarray, floats: np.ndarray, cards: tuple[int, ...]) -> Features:
    return Features(codes.astype(np.int32), floats.astype(np.float32), cards)


def test_means_of_floats_and_shares_of_labels() -> None:
    codes = np.array([[1, 40], [2, 41], [2, 42], [0, 0]])
    rows = rows_of(codes, np.array([[0.5], [-0.5], [0.1], [0.9]]), (3, 50))
    found = gather(rows, np.array([0, 0, 2, -1]), 4)
    assert np.allclose(found[0], [0.0, 0.0, 0.5, 0.5])
    assert np.allclose(found[1], 0.0)  # has nothing
    assert np.allclose(found[2], [0.1, 0.0, 0.0, 1.0])
    assert found.shape == (4, 4)  # the code of fifty labels is not counted


def test_parts_that_tear_no_owner_apart_sum_up_to_the_whole() -> None:
    rng = np.random.default_rng(5)
    owners = np.sort(rng.integers(0, 30, 200))
    rows = rows_of(rng.integers(0, 4, (200, 2)), rng.normal(size=(200, 3)), (4, 4))
    whole = gather(rows, owners, 30)
    cut = int(np.searchsorted(owners, 15))
    first = gather(rows.take(np.arange(cut)), owners[:cut], 30)
    second = gather(rows.take(np.arange(cut, 200)), owners[cut:], 30)
    assert np.allclose(first + second, whole)


def test_wide_tables_tell_no_more_than_others() -> None:
    rows = rows_of(np.zeros((5, 0)), np.ones((5, 200)), ())
    assert gather(rows, np.arange(5), 5).shape == (5, MOST)


def test_who_is_asked_is_a_cousin_of_a_table_that_comes_later(tmp_path: Path) -> None:
    source = tmp_path / "shop.db"
    with closing(sqlite3.connect(source)) as connection, connection:
        connection.execute("CREATE TABLE person (id integer PRIMARY KEY, name text)")
        for child in ("bill", "call", "visit"):
            connection.execute(
                f"CREATE TABLE {child} (id integer PRIMARY KEY,"
                " person_id integer NOT NULL REFERENCES person, amount integer)"
            )
            rows = [(n, n % 60, n * 7 % 11) for n in range(300)]
            connection.executemany(f"INSERT INTO {child} VALUES (?, ?, ?)", rows)
        connection.executemany(
            "INSERT INTO person VALUES (?, ?)", [(n, f"P{n}") for n in range(60)]
        )
    plan = run.plan(str(source))
    names = list(plan.tables)
    for name in names:
        later = [n for n in names if name in cousins(plan, plan.tables[n])]
        assert are_asked(plan, name) == bool(later)
        assert not are_asked(plan, name, ())
    assert sum(are_asked(plan, n) for n in names) == 2  # the last of three has nobody to tell
