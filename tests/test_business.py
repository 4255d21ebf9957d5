"""Tests of facts that orders and their lines have in many businesses: found, and kept in copies."""

from __future__ import annotations

import sqlite3
from datetime import date, timedelta
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


def bills(path: Path) -> str:
    """Bills that come to what their lines do, with discount and tax, each rounded to cents."""
    rng = np.random.default_rng(6)
    with sqlite3.connect(path) as connection:
        connection.executescript("""
            CREATE TABLE bills (id INTEGER PRIMARY KEY, due NUMERIC(12,2) NOT NULL,
                gross NUMERIC(12,2) NOT NULL);
            CREATE TABLE items (id INTEGER PRIMARY KEY, qty INTEGER NOT NULL,
                bill_id INTEGER NOT NULL REFERENCES bills (id), price NUMERIC(9,2) NOT NULL,
                off NUMERIC(4,2) NOT NULL, tax NUMERIC(4,1) NOT NULL);
        """)
        for bill in range(1, 501):
            due = gross = 0.0
            for _ in range(int(rng.integers(0, 5))):
                qty, price = int(rng.integers(1, 9)), round(float(rng.gamma(2, 40)) + 1, 2)
                off, tax = int(rng.integers(0, 11)) / 100, float(rng.choice([7.0, 19.0, 5.5]))
                row = (qty, bill, price, off, tax)
                insert = "INSERT INTO items (qty, bill_id, price, off, tax) VALUES (?, ?, ?, ?, ?)"
                connection.execute(insert, row)
                gross += round(qty * price, 2)
                due += round(round(qty * price * (1 - off), 2) * (1 + tax / 100), 2)
            row = (bill, round(due, 2), round(gross, 2))
            connection.execute("INSERT INTO bills VALUES (?, ?, ?)", row)
    connection.close()
    return f"sqlite:///{path}"


def test_bills_come_to_what_their_lines_do_with_shares_and_rounding(tmp_path: Path) -> None:
    done = run.clone(bills(tmp_path / "a.db"), f"{tmp_path / 'b.db'}", OPTIONS)
    found = {c.rule.text: c.broken for c in done.rules if c.rule.kind == "total"}
    line = "items.qty * items.price"
    due = f"round(coalesce(sum({line} * (1 - items.off) * (1 + items.tax / 100)), 0), 1)"
    assert found == {f"due = {due}": 0, f"gross = coalesce(sum({line}), 0)": 0}
    with sqlite3.connect(tmp_path / "b.db") as connection:
        alone = "SELECT max(due) FROM bills WHERE id NOT IN (SELECT bill_id FROM items)"
        assert [(0,)] == connection.execute(alone).fetchall()
    connection.close()


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


def returns(path: Path) -> str:
    """Sales, of some of which a part comes back: paid back in cash, to the card, with a voucher."""
    rng = np.random.default_rng(7)
    with sqlite3.connect(path) as connection:
        connection.executescript("""
            CREATE TABLE sales (id INTEGER PRIMARY KEY, qty INTEGER, price NUMERIC(9,2));
            CREATE TABLE returns (sale_id INTEGER PRIMARY KEY REFERENCES sales (id), back INTEGER,
                amount NUMERIC(12,2), tax NUMERIC(12,2), gross NUMERIC(12,2), card NUMERIC(12,2),
                voucher NUMERIC(12,2), cash NUMERIC(12,2));
        """)
        for sale in range(1, 3001):
            qty, cents = int(rng.integers(1, 101)), int(rng.integers(100, 20_000))
            row = [sale, qty, cents / 100]
            connection.execute("INSERT INTO sales VALUES (?, ?, ?)", blank(row, rng))
            if sale % 3 == 0:
                back = int(rng.integers(1, qty + 1))
                amount = back * cents
                tax = int(amount * int(rng.integers(0, 10)) / 100)
                card = int(rng.integers(0, amount + 1))
                voucher = int(rng.integers(0, amount - card + 1))
                parts = [amount, tax, amount + tax, card, voucher, amount - card - voucher]
                row = [sale, back, *(part / 100 for part in parts)]
                marks = ", ".join(["?"] * len(row))
                connection.execute(f"INSERT INTO returns VALUES ({marks})", blank(row, rng))
    connection.close()
    return f"sqlite:///{path}"


def blank(row: list[float], rng: np.random.Generator) -> list[float | None]:
    return [row[0], *(v if rng.random() > 0.04 else None for v in row[1:])]


def test_no_more_comes_back_than_was_sold_and_no_part_is_more_than_the_whole(
    tmp_path: Path,
) -> None:
    done = run.clone(returns(tmp_path / "a.db"), f"{tmp_path / 'b.db'}", OPTIONS)
    found = {c.rule.text: c.broken for c in done.rules if c.rule.table.name == "returns"}
    told = {"back <= sales.qty", "amount = back * sales.price", "card = amount - cash - voucher"}
    assert told | {"card <= amount", "gross = amount + tax"} <= set(found)
    assert {0} == set(found.values())


def test_lines_are_shipped_as_many_days_after_their_order_as_in_the_source(tmp_path: Path) -> None:
    done = run.clone(orders(tmp_path / "a.db"), f"{tmp_path / 'b.db'}", OPTIONS)
    found = {c.rule.text: c.broken for c in done.rules if c.rule.kind == "gap"}
    assert found == {"days_between(orders.ordered_on, shipped_on) BETWEEN 1 AND 21": 0}


def warehouse(path: Path, *, odd: bool = False) -> str:
    """Sales of days that a table lists, with what calendars say of them."""
    rng = np.random.default_rng(8)
    with sqlite3.connect(path) as connection:
        connection.executescript("""
            CREATE TABLE days (id INTEGER PRIMARY KEY, day DATE NOT NULL, month INTEGER NOT NULL,
                weekday TEXT NOT NULL, visitors INTEGER);
            CREATE TABLE sales (id INTEGER PRIMARY KEY, qty INTEGER NOT NULL,
                day_id INTEGER NOT NULL REFERENCES days (id));
        """)
        if not odd:
            connection.execute("ALTER TABLE days DROP COLUMN visitors")
        for number in range(1_900):
            day = date(2018, 1, 1) + timedelta(days=number)
            row = [int(f"{day:%Y%m%d}"), str(day), day.month, f"{day:%A}"]
            row += [int(rng.integers(50))] if odd else []
            marks = ", ".join(["?"] * len(row))
            connection.execute(f"INSERT INTO days VALUES ({marks})", row)
            for _ in range(int(rng.integers(2, 6))):
                insert = "INSERT INTO sales (qty, day_id) VALUES (?, ?)"
                connection.execute(insert, (int(rng.integers(1, 9)), row[0]))
    connection.close()
    return f"sqlite:///{path}"


def test_a_calendar_owns_nothing_and_is_copied_unless_it_measures_something(
    tmp_path: Path,
) -> None:
    done = run.clone(warehouse(tmp_path / "a.db"), f"{tmp_path / 'b.db'}", OPTIONS)
    assert done.findings.is_sound
    with sqlite3.connect(tmp_path / "b.db") as connection:
        asked = "SELECT min(id), max(id), count(DISTINCT day) FROM days"
        assert [(20180101, 20230315, 1_900)] == connection.execute(asked).fetchall()
        used = connection.execute("SELECT count(DISTINCT day_id) FROM sales").fetchone()[0]
    connection.close()
    assert used > 1_000
    plan = run.plan(warehouse(tmp_path / "c.db", odd=True), OPTIONS)
    assert {t.name.name: t.mode for t in plan.tables.values()}["days"] == "generate"


def test_totals_of_some_of_the_children_are_found_and_kept(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.executescript("""
            CREATE TABLE students (id INTEGER PRIMARY KEY, credits INTEGER NOT NULL,
                failed INTEGER NOT NULL);
            CREATE TABLE exams (id INTEGER PRIMARY KEY,
                student_id INTEGER NOT NULL REFERENCES students (id),
                result TEXT NOT NULL, worth INTEGER NOT NULL);
        """)
        for student in range(300):
            results = rng.choice(["passed", "failed", "open"], int(rng.integers(0, 7)))
            worth = rng.choice([2, 3, 5, 8], len(results))
            values = (
                student,
                int(worth[results == "passed"].sum()),
                int((results == "failed").sum()),
            )
            connection.execute("INSERT INTO students VALUES (?, ?, ?)", values)
            for result, size in zip(results, worth, strict=True):
                row = (student, str(result), int(size))
                connection.execute(
                    "INSERT INTO exams (student_id, result, worth) VALUES (?, ?, ?)", row
                )
    connection.close()
    done = run.clone(f"sqlite:///{tmp_path}/a.db", f"{tmp_path}/b.db", OPTIONS)
    assert {c.rule.text: c.broken for c in done.rules if c.rule.kind == "total"} == {
        "credits = coalesce(sum(exams.worth) FILTER (WHERE exams.result = 'passed'), 0)": 0,
        "failed = count(exams) FILTER (WHERE exams.result = 'failed')": 0,
    }
