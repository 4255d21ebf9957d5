"""Tests of facts that orders and their lines have in many businesses: found, and kept in copies."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np

from dbsynth import run

OPTIONS = run.Options(engine="marginal", quality="fast")
TABLES = """
    CREATE TABLE orders (id INTEGER PRIMARY KEY, ordered_on DATE NOT NULL);
    CREATE TABLE lines (order_id INTEGER NOT NULL REFERENCES orders (id), no INTEGER NOT NULL,
        shipped_on DATE NOT NULL, PRIMARY KEY (order_id, no));
"""


def orders(path: Path) -> str:
    """Orders of many years, whose lines are shipped within three weeks."""
    rng = np.random.default_rng(4)
    with sqlite3.connect(path) as connection:
        connection.executescript(TABLES)
        for order in range(1, 401):
            day = np.datetime64("2015-01-01") + int(rng.integers(3000))
            connection.execute("INSERT INTO orders VALUES (?, ?)", (order, str(day)))
            for no in range(1, int(rng.integers(2, 5))):
                row = (order, no, str(day + int(rng.integers(1, 22))))
                connection.execute("INSERT INTO lines VALUES (?, ?, ?)", row)
    connection.close()
    return f"sqlite:///{path}"


def sales(path: Path) -> str:
    """Sales of many columns, the last of which follow from those before."""
    rng = np.random.default_rng(5)
    others = [f"part_{n} NUMERIC(9,2) NOT NULL" for n in range(14)]
    last = ["paid NUMERIC(9,2) NOT NULL", "tax NUMERIC(9,2) NOT NULL", "due NUMERIC(9,2) NOT NULL"]
    with sqlite3.connect(path) as connection:
        columns = ", ".join(["id INTEGER PRIMARY KEY", *others, *last])
        connection.execute(f"CREATE TABLE sales ({columns})")
        for number in range(600):
            cents = [int(c) for c in rng.integers(100, 90_000, 16)]
            row = [*cents, cents[-2] + cents[-1]]
            marks = ", ".join(["?"] * 18)
            values = [number, *(c / 100 for c in row)]
            connection.execute(f"INSERT INTO sales VALUES ({marks})", values)
    connection.close()
    return f"sqlite:///{path}"


def test_wide_tables_keep_what_their_last_columns_add_up_to(tmp_path: Path) -> None:
    done = run.clone(sales(tmp_path / "a.db"), f"{tmp_path / 'b.db'}", OPTIONS)
    found = {c.rule.text: c.broken for c in done.rules if c.rule.kind == "arithmetic"}
    assert found == {"due = paid + tax": 0}


def test_lines_are_shipped_as_many_days_after_their_order_as_in_the_source(tmp_path: Path) -> None:
    done = run.clone(orders(tmp_path / "a.db"), f"{tmp_path / 'b.db'}", OPTIONS)
    found = {c.rule.text: c.broken for c in done.rules if c.rule.kind == "gap"}
    assert found == {"days_between(orders.ordered_on, shipped_on) BETWEEN 1 AND 21": 0}
