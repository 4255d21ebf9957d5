"""What follows from what: pairs that enough entities have, and orders that few values break."""

import sqlite3
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsynth import run
from dbsynth.config import Config, TableRule
from dbsynth.keepers.followers import Followers
from dbsynth.keepers.rowkeeper import RowKeeper
from dbsynth.keepers.siblings import in_order
from dbsynth.leading import _pairs, known_of
from dbsynth.release import Release
from dbsynth.rules.book import Rule
from dbsynth.schema import Column, SqlType, Table, TableName

NAME = TableName("", "flights")


def rows_of(places: list[int | None], minutes: list[int | None]) -> pa.Table:
    return pa.table(
        {"place": pa.array(places, pa.int64()), "minute": pa.array(minutes, pa.int64())}
    )


def test_only_pairs_of_enough_entities_are_released() -> None:
    places = [1605] * 40 + [1700] * 40 + [None] * 5
    minutes = [5] * 40 + [0] * 40 + [7] * 5
    entities = np.concatenate([np.arange(40), np.zeros(40), np.arange(5)]).astype(np.int64)
    pairs = _pairs("flights.place -> minute", rows_of(places, minutes), entities, Release(0))
    assert pairs.to_pydict() == {"place": [1605], "minute": [5]}  # 1700 is one entity's alone


def test_no_rows_tell_nothing() -> None:
    pairs = _pairs("x", rows_of([None], [3]), np.zeros(1, np.int64), Release(0))
    assert len(pairs) == 0


def test_rows_follow_what_the_source_released_even_where_drawn_otherwise() -> None:
    number = SqlType(kind="integer", native="bigint", bits=64)
    columns = tuple(Column(name=n, type=number) for n in ("place", "minute"))
    table = Table(name=NAME, columns=columns)
    rule = Rule(table=NAME, text="place -> minute", status="found")
    known = known_of({"place -> minute": rows_of([1605], [5])})
    keeper = RowKeeper.of([rule], table, frozenset(), frozenset(), known)
    assert keeper is not None
    kept, _ = keeper.keep(rows_of([1605, 1605, 1605, 1700], [9, 9, 9, 0]))
    assert kept.column("minute").to_pylist() == [5, 5, 5, 0]


def test_values_that_no_label_has_in_most_rows_stay_about_as_frequent() -> None:
    places = [n for n in range(20) for _ in range(10)]
    minutes = [30 if i % 10 < 2 + (i // 10 % 2) else 0 for i in range(200)]
    followers = Followers()
    pair = ("place",), "minute"
    followers.learn(rows_of([*places], [*minutes]), pair, is_shared=True)
    followed = followers.wanted(rows_of([*places], [*minutes]), pair)
    assert followed is not None
    assert 40 <= followed.to_pylist().count(30) <= 60  # of 50; once it was one label's 10
    odd = set(range(1, 20, 2))  # labels that have it in more of their rows
    assert {places[i] for i, m in enumerate(followed.to_pylist()) if m == 30} <= odd


def test_something_leads_to_a_value_that_no_released_label_has() -> None:
    pair = ("place",), "minute"
    followers = Followers({pair: {(n,): 5 for n in range(10)}})
    rows = rows_of([n for n in range(10) for _ in range(9)] + [3, 3], [5] * 90 + [0, 0])
    followers.learn(rows, pair, is_shared=True)
    leaders = [a for a, b in followers.known[pair].items() if b == 0]
    assert leaders == [(3,)]  # whatever the source shows, the rule has to hold
    later = rows_of([4, 4, 4], [9, 9, 9])
    followers.learn(later, pair, is_shared=True)
    assert followers.known[pair][(4,)] == 5  # rows of before have it


@pytest.mark.parametrize(("rows_of_parent", "is_told"), [("copied", True), ("made", False)])
def test_what_follows_from_a_key_is_released_where_the_parent_is_copied(
    rows_of_parent: str, is_told: bool, tmp_path: Path
) -> None:
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.executescript("""
            CREATE TABLE kinds (id INTEGER PRIMARY KEY, name TEXT);
            CREATE TABLE makers (id INTEGER PRIMARY KEY, name TEXT);
            CREATE TABLE goods (id INTEGER PRIMARY KEY, kind_id INTEGER REFERENCES kinds(id),
                maker_id INTEGER REFERENCES makers(id), vat INTEGER, price REAL);
        """)
        connection.executemany("INSERT INTO kinds VALUES (?, ?)", [(i, f"k{i}") for i in range(8)])
        connection.executemany("INSERT INTO makers VALUES (?, ?)", [(1, "a"), (2, "b")])
        goods = [(i, i % 8, 1 + i % 2, 19 if i % 8 < 5 else 7, i * 1.37) for i in range(400)]
        connection.executemany("INSERT INTO goods VALUES (?, ?, ?, ?, ?)", goods)
    connection.close()
    made = () if rows_of_parent == "copied" else (TableRule(pattern="kinds", mode="generate"),)
    model = run.fit(f"sqlite:///{path}", run.Options(config=Config(tables=made)))
    leading = model.tables[TableName("", "goods")].leading
    assert is_told == ("kind_id -> vat" in leading)
    if is_told:
        assert sorted(leading["kind_id -> vat"]["vat"].to_pylist()) == [7] * 3 + [19] * 5


@given(st.lists(st.integers(0, 20), min_size=1, max_size=60))
def test_what_stays_is_in_order_and_is_all_where_nothing_falls(values: list[int]) -> None:
    numbers = np.array(values, np.float64)
    stays = in_order(numbers)
    assert (np.diff(stays) > 0).all()
    assert (np.diff(numbers[stays]) >= 0).all()
    assert in_order(np.sort(numbers)).tolist() == list(range(len(values)))
    longest = np.ones(len(values), int)
    for i in range(len(values)):
        for j in range(i):
            if values[j] <= values[i]:
                longest[i] = max(longest[i], longest[j] + 1)
    assert len(stays) == longest.max()
