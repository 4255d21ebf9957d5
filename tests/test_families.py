"""Tests of dbsynth.families: people buy again, order after order, what they have bought before."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsynth import run
from dbsynth.conditions import siblings_of
from dbsynth.families import (
    Custom,
    Family,
    Flags,
    Heritage,
    Inheriting,
    fit_heritage,
    key_name,
    times_of,
)
from dbsynth.features import Ints
from dbsynth.release import Release

PEOPLE, ORDERS, LINES, PRODUCTS = 120, 6, 2, 60
GRINDS = ("whole", "coarse", "fine", "pods")

Tree = tuple[Ints, Ints, Family]


def tree(orders: list[int], *, in_blocks: bool = True) -> Tree:
    """Three lines an order, so many orders a person; whose orders they are."""
    people = np.repeat(np.arange(len(orders)), np.array(orders, np.int64))
    owners = np.repeat(np.arange(len(people)), 3)
    families = people[owners]
    first = siblings_of(owners, len(owners)).first
    return owners, families, Family.of(owners, families, first, in_blocks=in_blocks)


@given(orders=st.lists(st.integers(1, 40), min_size=1, max_size=6), in_blocks=st.booleans())
def test_rows_look_back_to_rows_of_their_family_that_are_there(
    orders: list[int], in_blocks: bool
) -> None:
    owners, families, found = tree(orders, in_blocks=in_blocks)
    assert (families[found.low] == families).all()
    assert (found.low <= found.high).all()
    assert (found.high <= found.first).all()
    for row in range(len(owners)):
        before = np.arange(found.low[row], found.high[row])
        assert (families[before] == families[row]).all()
        assert (found.turn[before] < found.turn[row]).all()
    if not in_blocks:
        assert (found.high == found.first).all()


def test_rows_that_are_drawn_twice_and_those_of_nobody_are_other_families() -> None:
    owners = np.array([0, 1, 0, 1, -1, -1])
    families = np.array([0, 0, 0, 0, -1, -1])
    first = siblings_of(owners, 6).first
    found = Family.of(owners, families, first, in_blocks=True)
    assert found.low.tolist() == [0, 0, 2, 2, 4, 5]
    assert found.high.tolist() == [0, 1, 2, 3, 4, 5]


def learned(
    columns: dict[str, Ints], families: Ints, family: Family, times: Ints | None = None
) -> Heritage | None:
    """What is learned of columns that never repeat a sibling."""
    free: dict[str, Flags] = {n: np.ones(len(families), np.bool_) for n in columns}
    order = np.arange(len(families))
    ways = [(order, family)]
    return fit_heritage(columns, columns, free, (), ways, families, Release(1), 1, times)


def test_what_people_have_again_is_told_from_chance() -> None:
    rng = np.random.default_rng(2)
    _, families, family = tree([8] * 100, in_blocks=False)
    favourites = rng.integers(0, 40, (100, 3))
    loyal = favourites[families, rng.integers(0, 3, len(families))]
    fickle = rng.integers(0, 40, len(families))
    found = learned({"loyal": loyal, "fickle": fickle}, families, family)
    assert found is not None
    assert list(found.customs) == ["loyal"]
    assert min(found.customs["loyal"].chances[1:5]) > 0.5
    assert learned({"fickle": fickle}, families, family) is None
    assert learned({"loyal": loyal}, families % 10, family) is None  # too few entities


def test_what_everybody_has_at_a_time_is_no_custom() -> None:
    """What was ordered long ago was sent, or came back; what is new is open."""
    rng = np.random.default_rng(2)
    owners, families, family = tree([8] * 100, in_blocks=False)
    seconds = np.sort(rng.random((100, 8)), axis=1).ravel()[owners]
    state = np.where(seconds < 0.5, rng.integers(0, 2, len(owners)), 2)
    favourites = rng.integers(0, 40, (100, 3))
    loyal = favourites[families, rng.integers(0, 3, len(families))]
    columns, times = {"state": state, "loyal": loyal}, times_of({"orders.day": seconds})
    before = learned(columns, families, family)
    assert before is not None
    assert "state" in before.customs
    found = learned(columns, families, family, times)
    assert found is not None
    assert list(found.customs) == ["loyal"]


def test_what_follows_from_a_label_of_the_owner_is_no_custom() -> None:
    """Who often sends things back has many lines that came back, but none in a sale."""
    rng = np.random.default_rng(2)
    owners, families, family = tree([8] * 100, in_blocks=False)
    habits = rng.beta(0.5, 0.5, 100)
    kind = (rng.random(owners.max() + 1) < habits[families[::3]]).astype(np.int64)[owners]
    state = np.where(kind == 0, 2, rng.integers(0, 2, len(owners)))
    free = {"state": np.ones(len(owners), np.bool_)}
    told = {"state": state}
    ways = [(np.arange(len(owners)), family)]
    before = fit_heritage(told, told, free, (), ways, families, Release(1), 1)
    assert before is not None
    labels = [rng.integers(0, 4, len(owners)), kind]
    assert fit_heritage(told, told, free, (), ways, families, Release(1), 1, None, labels) is None


def test_times_are_told_by_the_first_date_that_most_owners_have() -> None:
    nothing, days = np.full(2_000, np.nan), np.arange(2_000.0)
    assert times_of({"a": nothing}) is None
    assert times_of({}) is None
    times = times_of({"a": nothing, "b": days})
    assert times is not None
    assert np.bincount(times).tolist() == [200] * 10


def test_what_siblings_alone_have_in_common_is_no_custom() -> None:
    owners, families, family = tree([8] * 100, in_blocks=False)
    of_order = np.random.default_rng(3).integers(0, 5, owners.max() + 1)[owners]
    assert learned({"of order": of_order}, families, family) is None


def test_what_follows_from_what_is_had_again_does_not_go_its_own_way() -> None:
    rng = np.random.default_rng(4)
    _, families, family = tree([8] * 100, in_blocks=False)
    drug = rng.integers(0, 26, (100, 3))[families, rng.integers(0, 3, len(families))]
    dose = rng.integers(0, 9, (100, 26))[families, drug]  # each patient's own, by drug
    found = learned({"drug": drug, "reason": drug % 7, "dose": dose}, families, family)
    assert found is not None
    assert "reason" not in found.customs
    assert found.customs["dose"].beside > 0.8
    assert not any(found.customs["dose"].chances)


def test_heritage_survives_a_file() -> None:
    heritage = Heritage(1, {"a": Custom((0.5,) * 8, 0.25, 0.1, 0.2, inside=True, reach=8)})
    assert Heritage.from_json(heritage.to_json()) == heritage


@given(
    orders=st.lists(st.integers(1, 30), min_size=1, max_size=5),
    inside=st.booleans(),
    reach=st.sampled_from([1, 2, 64]),
    usual=st.floats(0, 1),
    nulls=st.floats(0, 1),
    seed=st.integers(0, 2**32),
)
def test_values_come_from_earlier_rows_of_the_family_and_are_no_nulls(
    orders: list[int], inside: bool, reach: int, usual: float, nulls: float, seed: int
) -> None:
    _, families, family = tree(orders)
    rng = np.random.default_rng(seed)
    rows = np.arange(len(families))
    values = np.where(rng.random(len(rows)) < nulls, 0, rng.integers(1, 9, len(rows)))
    custom = Custom((1.0,) * 8, 1.0, 0.2, usual * 0.8, inside=inside, reach=reach)
    heirs = Inheriting(Heritage(0, {"a": custom}), family, rng)
    taking, taken = heirs.chosen("a", values, 0, rows)
    assert (values[taking] != 0).all()
    assert (values[taken] != 0).all()
    assert (families[taken] == families[taking]).all()
    assert (taken < taking).all()
    if not inside:
        assert (family.turn[taken] < family.turn[taking]).all()
    if nulls == 0:
        size = family.high - family.low + inside * (rows - family.first)
        assert set(taking) == set(rows[size > 0])


def test_rows_look_at_the_last_that_has_their_parent() -> None:
    _, _, family = tree([3])
    custom = {key_name("k"): Custom((1.0,) * 8), "a": Custom(beside=1.0)}
    heirs = Inheriting(Heritage(0, custom), family, np.random.default_rng(1))
    heirs.look("k", np.array([7, 8, 7, 9, 8, -1, 7, 9, 5]))
    taking, taken = heirs.chosen("a", np.arange(1, 10), 0, np.arange(9))
    assert dict(zip(taking.tolist(), taken.tolist(), strict=True)) == {4: 1, 6: 2, 7: 3}


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A shop whose customers buy their favourites, ground as they like it; and its copy."""
    folder = tmp_path_factory.mktemp("families")
    source, target = folder / "shop.db", folder / "copy.db"
    rng = np.random.default_rng(6)
    with closing(sqlite3.connect(source)) as db, db:
        db.executescript(
            """
            CREATE TABLE product (id INTEGER PRIMARY KEY, price REAL NOT NULL);
            CREATE TABLE person (id INTEGER PRIMARY KEY, age INTEGER NOT NULL);
            CREATE TABLE purchase (id INTEGER PRIMARY KEY,
                person_id INTEGER NOT NULL REFERENCES person, day DATE NOT NULL);
            CREATE TABLE line (id INTEGER PRIMARY KEY,
                purchase_id INTEGER NOT NULL REFERENCES purchase,
                product_id INTEGER NOT NULL REFERENCES product, grind TEXT NOT NULL);
            """
        )
        prices = rng.uniform(3, 30, PRODUCTS).round(2).tolist()
        db.executemany("INSERT INTO product VALUES (?, ?)", enumerate(prices, 1))
        for person in range(1, PEOPLE + 1):
            db.execute("INSERT INTO person VALUES (?, ?)", (person, int(rng.integers(18, 80))))
            _buy(db, person, rng)
    run.clone(f"sqlite:///{source}", f"sqlite:///{target}", run.Options(seed=1, engine="tree"))
    return source, target


def _buy(db: sqlite3.Connection, person: int, rng: np.random.Generator) -> None:
    favourites = rng.integers(1, PRODUCTS + 1, 3)
    grind = str(rng.choice(GRINDS))
    for number in range(ORDERS):
        purchase = person * ORDERS + number
        day = np.datetime64("2024-01-01") + 30 * number + int(rng.integers(0, 30))
        db.execute("INSERT INTO purchase VALUES (?, ?, ?)", (purchase, person, str(day)))
        for line in range(LINES):
            bought = int(rng.choice(favourites))
            own = purchase * LINES + line
            db.execute("INSERT INTO line VALUES (?, ?, ?, ?)", (own, purchase, bought, grind))


@pytest.mark.parametrize("column", ["product_id", "grind"])
def test_copies_of_people_keep_their_habits(copied: tuple[Path, Path], column: str) -> None:
    found = []
    for path in copied:
        with closing(sqlite3.connect(path)) as db:
            rows = db.execute(
                f"SELECT person_id, purchase_id, {column} FROM line"
                " JOIN purchase ON purchase.id = purchase_id"
            ).fetchall()
        people, purchases, values = (
            np.unique(x, return_inverse=True)[1] for x in zip(*rows, strict=True)
        )
        alike = values[:, None] == values[None, :]
        others = (people[:, None] == people) & (purchases[:, None] != purchases)
        found.append(alike[others].mean() - alike.mean())
    real, made = found
    assert made > 0.5 * real


def test_lines_keep_to_what_their_order_is_and_not_to_what_their_buyer_had(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection, connection:
        connection.executescript("""
            CREATE TABLE buyers (id INTEGER PRIMARY KEY, age INTEGER NOT NULL);
            CREATE TABLE orders (id INTEGER PRIMARY KEY, kind CHAR(1) NOT NULL,
                buyer_id INTEGER NOT NULL REFERENCES buyers (id));
            CREATE TABLE lines (order_id INTEGER NOT NULL REFERENCES orders (id),
                no INTEGER NOT NULL, flag CHAR(1) NOT NULL, PRIMARY KEY (order_id, no));
        """)
        habits = rng.beta(0.5, 0.5, 151)
        buyers = [(n, int(rng.integers(20, 70))) for n in range(1, 151)]
        connection.executemany("INSERT INTO buyers VALUES (?, ?)", buyers)
        for order in range(1, 1501):
            buyer = int(rng.integers(1, 151))
            kind = "R" if rng.random() < habits[buyer] else "S"
            connection.execute("INSERT INTO orders VALUES (?, ?, ?)", (order, kind, buyer))
            for no in range(1, int(rng.integers(2, 7))):
                flag = "N" if kind == "S" else str(rng.choice(["A", "B"]))
                connection.execute("INSERT INTO lines VALUES (?, ?, ?)", (order, no, flag))
    options = run.Options(engine="argn", quality="fast", is_ruled=False)
    run.clone(f"{tmp_path}/a.db", f"{tmp_path}/b.db", options)
    asked = "SELECT avg((flag = 'N') = (kind = 'S')) FROM lines JOIN orders ON id = order_id"
    with closing(sqlite3.connect(tmp_path / "b.db")) as connection:
        assert connection.execute(asked).fetchone()[0] > 0.95
