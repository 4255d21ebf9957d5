"""Rows that are made up, for they are too few to learn from, are told apart by who chooses them."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from dbsynth import run
from dbsynth.modelfile import load, save
from tests.generated import Database, drawn, fitted

SHIPPERS = ["Swift Parcels", "North Freight", "Blue Arrow", "Harbour Lines"]
COST = [5.0, 50.0, 500.0, 5000.0]
LONER = 3  # the shipper that one customer only uses


def _source(path: Path) -> str:
    rng = np.random.default_rng(4)
    with sqlite3.connect(path) as connection:
        connection.executescript(
            """
            CREATE TABLE shippers (id INTEGER PRIMARY KEY, company TEXT NOT NULL, phone TEXT);
            CREATE TABLE customers (
                id INTEGER PRIMARY KEY, first_name TEXT, last_name TEXT, email TEXT);
            CREATE TABLE orders (
                id INTEGER PRIMARY KEY,
                customer_id INTEGER NOT NULL REFERENCES customers (id),
                shipper_id INTEGER NOT NULL REFERENCES shippers (id),
                cost REAL NOT NULL);
            """
        )
        shippers = [(i, name, f"+1 555 010{i}") for i, name in enumerate(SHIPPERS)]
        connection.executemany("INSERT INTO shippers VALUES (?, ?, ?)", shippers)
        people = [(i, "Ann", f"Lee{i}", f"ann{i}@mail.test") for i in range(150)]
        connection.executemany("INSERT INTO customers VALUES (?, ?, ?, ?)", people)
        chosen = [(c, int(rng.choice(3, p=[0.7, 0.2, 0.1]))) for c in range(150) for _ in range(12)]
        chosen += [(7, LONER)] * 12
        orders = [(n, c, s, COST[s] * rng.uniform(0.9, 1.1)) for n, (c, s) in enumerate(chosen)]
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", orders)
    connection.close()
    return f"sqlite:///{path}"


def _by_shipper(made: Database) -> list[np.ndarray]:
    tables: dict[str, pa.Table] = {name.name: rows for name, rows in made.items()}
    orders = tables["orders"]
    keys, cost = orders.column("shipper_id").to_numpy(), orders.column("cost").to_numpy()
    own = [cost[keys == key] for key in tables["shippers"].column("id").to_pylist()]
    return sorted(own, key=len, reverse=True)


def test_each_has_the_children_of_one_of_the_source(tmp_path: Path) -> None:
    model = fitted(_source(tmp_path / "a.db"), engine="tree")
    save(model, tmp_path / "m.dbsynth")
    found = _by_shipper(drawn(load(tmp_path / "m.dbsynth")))
    shares = np.array([len(f) for f in found]) / sum(len(f) for f in found)
    assert np.abs(shares[:3] - [0.7, 0.2, 0.1]).max() < 0.06
    for cost, wanted in zip(found, COST[:3], strict=False):
        assert abs(np.median(cost) / wanted - 1) < 0.1
        assert np.quantile(cost, 0.75) < 1.5 * wanted


def test_who_is_chosen_by_too_few_entities_is_told_from_nobody(tmp_path: Path) -> None:
    model = fitted(_source(tmp_path / "a.db"), engine="tree")
    [shippers] = [t for t in model.tables.values() if t.name.name == "shippers"]
    assert list(shippers.alike) == [1, 1, 1, 1]  # of no kind: one; three that many choose
    for made in (drawn(model), drawn(model, scale=3.0)):
        assert all(np.mean(cost > COST[LONER] / 2) < 0.2 for cost in _by_shipper(made)[:3])


def test_a_large_table_may_be_made_up_from_its_schema_alone(tmp_path: Path) -> None:
    url = _source(tmp_path / "a.db")
    plan = run.plan(url, run.Options(engine="tree"))
    tables = {n: replace(t, mode="invent") for n, t in plan.tables.items() if n.name != "shippers"}
    made = drawn(run.fit(url, run.Options(plan=replace(plan, tables={**plan.tables, **tables}))))
    [orders] = [rows for name, rows in made.items() if name.name == "orders"]
    assert len(orders) == 150 * 12 + 12
