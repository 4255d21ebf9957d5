"""Tests of dbsynth.keepers.evens: debit as much as credit, and the parts of a whole, in a copy."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from dbsynth import run
from dbsynth.keepers.evens import evened
from dbsynth.rules.evensteps import Even

FAST = {"engine": "marginal", "quality": "fast"}


def ledger(path: Path, *, is_signed: bool) -> str:
    """Entries of two to four lines, which cancel out."""
    rng = np.random.default_rng(4)
    amount = "amount NUMERIC(12,2) NOT NULL" if is_signed else (
        "debit NUMERIC(12,2) NOT NULL, credit NUMERIC(12,2) NOT NULL,"
        " CHECK ((debit = 0) <> (credit = 0))"
    )  # fmt: skip
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(f"""
            CREATE TABLE entries (id INTEGER PRIMARY KEY, posted_on DATE NOT NULL);
            CREATE TABLE lines (id INTEGER PRIMARY KEY,
                entry_id INTEGER NOT NULL REFERENCES entries (id),
                account INTEGER NOT NULL, {amount});
        """)
        for entry in range(400):
            day = str(np.datetime64("2023-01-01") + int(rng.integers(700)))
            connection.execute("INSERT INTO entries VALUES (?, ?)", (entry, day))
            parts = [
                round(float(rng.gamma(2, 90)) + 0.01, 2) for _ in range(int(rng.integers(1, 4)))
            ]
            whole = round(sum(parts), 2)
            for number, value in enumerate([whole, *(-p for p in parts)]):
                account = (
                    int(rng.choice([1000, 1200])) if number == 0 else int(rng.choice([4000, 2200]))
                )
                values = (value,) if is_signed else (max(value, 0), max(-value, 0))
                marks = ", ".join("?" * (2 + len(values)))
                names = "amount" if is_signed else "debit, credit"
                connection.execute(
                    f"INSERT INTO lines (entry_id, account, {names}) VALUES ({marks})",
                    (entry, account, *values),
                )
    return f"sqlite:///{path}"


@pytest.mark.parametrize("is_signed", [True, False])
def test_entries_balance(is_signed: bool, tmp_path: Path) -> None:
    url = ledger(tmp_path / "a.db", is_signed=is_signed)
    done = run.clone(url, f"sqlite:///{tmp_path}/b.db", run.Options(**FAST))
    found = {c.rule.text: c.broken for c in done.rules if c.rule.kind == "even"}
    right = "0" if is_signed else "sum(lines.credit)"
    left = "sum(lines.amount)" if is_signed else "sum(lines.debit)"
    assert [f"{left} = {right}"] == list(found)
    entries = next(t.target_rows for t in done.tables if t.name.name == "entries")
    alone = "SELECT count(*) FROM (SELECT 1 FROM lines GROUP BY entry_id HAVING count(*) = 1)"
    with closing(sqlite3.connect(tmp_path / "b.db")) as connection:
        lone = connection.execute(alone).fetchone()[0]
    assert found[f"{left} = {right}"] <= lone < 0.02 * entries


def holdings(path: Path, total: str) -> str:
    """Portfolios whose positions are parts of a hundred: exactly, rounded, or at most."""
    rng = np.random.default_rng(6)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript("""
            CREATE TABLE portfolios (id INTEGER PRIMARY KEY, opened DATE NOT NULL);
            CREATE TABLE positions (id INTEGER PRIMARY KEY,
                portfolio_id INTEGER NOT NULL REFERENCES portfolios (id),
                kind TEXT NOT NULL, weight NUMERIC(6,2) NOT NULL);
        """)
        for portfolio in range(300):
            day = str(np.datetime64("2023-01-01") + int(rng.integers(700)))
            connection.execute("INSERT INTO portfolios VALUES (?, ?)", (portfolio, day))
            parts = rng.dirichlet(np.full(int(rng.integers(1, 5)), 2.0)) * 100
            if total == "most" and rng.random() < 0.5:
                parts *= rng.uniform(0.5, 1)
            parts = np.floor(parts * 100) / 100 if total == "most" else np.round(parts, 2)
            if total == "exact":
                parts[0] += 100 - parts.sum()
            for kind, part in zip(rng.permutation(list("abcd")), parts, strict=False):
                values = (portfolio, str(kind), round(float(part), 2))
                connection.execute(
                    "INSERT INTO positions (portfolio_id, kind, weight) VALUES (?, ?, ?)", values
                )
    return f"sqlite:///{path}"


@pytest.mark.parametrize(
    ("total", "rule"),
    [
        ("exact", "sum(positions.weight) = 100"),
        ("rounded", "round(sum(positions.weight), 0) = 100"),
        ("most", "sum(positions.weight) <= 100"),
    ],
)
def test_parts_come_to_their_whole(total: str, rule: str, tmp_path: Path) -> None:
    url = holdings(tmp_path / "a.db", total)
    done = run.clone(url, f"sqlite:///{tmp_path}/b.db", run.Options(**FAST))
    assert [(c.rule.text, c.broken) for c in done.rules if c.rule.kind == "whole"] == [(rule, 0)]
    if total == "most":
        with closing(sqlite3.connect(tmp_path / "b.db")) as connection:
            part = "SELECT sum(weight) AS part FROM positions GROUP BY portfolio_id"
            less = connection.execute(f"SELECT avg(part < 90) FROM ({part})").fetchone()[0]
        assert 0.1 < less < 0.6  # the source has a third


def test_numbers_that_add_up_to_nothing_special_have_no_whole(tmp_path: Path) -> None:
    url = holdings(tmp_path / "a.db", "most")
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection, connection:
        connection.execute("UPDATE positions SET weight = weight * 1.3 WHERE portfolio_id % 5 = 0")
    done = run.clone(url, f"sqlite:///{tmp_path}/b.db", run.Options(**FAST))
    assert not [c for c in done.rules if c.rule.kind == "whole"]


def test_the_waves_of_a_survey_are_no_parts_of_a_whole(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection, connection:
        connection.executescript("""
            CREATE TABLE people (id INTEGER PRIMARY KEY);
            CREATE TABLE waves (person_id INTEGER NOT NULL REFERENCES people (id),
                year INTEGER NOT NULL, answer INTEGER, PRIMARY KEY (person_id, year));
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 90)
            INSERT INTO people SELECT i FROM n;
            INSERT INTO waves SELECT id, year, id % 5 FROM people,
                (SELECT 1991 AS year UNION ALL SELECT 1994 UNION ALL SELECT 2001);
        """)
    done = run.clone(
        f"sqlite:///{tmp_path}/a.db", f"sqlite:///{tmp_path}/b.db", run.Options(**FAST)
    )
    assert not [c for c in done.rules if c.rule.kind in ("whole", "limit")]


def dues(path: Path) -> str:
    """Bills, two thirds of them paid in full, by payments; courses with so many seats at most."""
    rng = np.random.default_rng(8)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript("""
            CREATE TABLE bills (id INTEGER PRIMARY KEY, status TEXT NOT NULL, due NUMERIC(9,2));
            CREATE TABLE payments (id INTEGER PRIMARY KEY,
                bill_id INTEGER NOT NULL REFERENCES bills (id), amount NUMERIC(9,2) NOT NULL);
            CREATE TABLE courses (id INTEGER PRIMARY KEY, seats INTEGER NOT NULL);
            CREATE TABLE places (id INTEGER PRIMARY KEY,
                course_id INTEGER NOT NULL REFERENCES courses (id), mark INTEGER);
        """)
        for bill in range(600):
            due, is_paid = round(float(rng.gamma(2, 150)) + 5, 2), rng.random() < 0.66
            values = (bill, "paid" if is_paid else "open", due)
            connection.execute("INSERT INTO bills VALUES (?, ?, ?)", values)
            parts = rng.dirichlet(np.full(int(rng.integers(1, 4)), 3.0)) * due
            parts = np.floor(parts * (100 if is_paid else 60)) / 100
            parts[0] += due - parts.sum() if is_paid else 0
            for part in parts:
                values = (bill, round(float(part), 2))
                connection.execute("INSERT INTO payments (bill_id, amount) VALUES (?, ?)", values)
        for course in range(300):
            seats = int(rng.choice([4, 8, 12, 20]))
            connection.execute("INSERT INTO courses VALUES (?, ?)", (course, seats))
            taken = seats if rng.random() < 0.3 else int(seats * rng.beta(5, 2))
            for _ in range(taken):
                values = (course, int(rng.integers(1, 6)))
                connection.execute("INSERT INTO places (course_id, mark) VALUES (?, ?)", values)
    return f"sqlite:///{path}"


def test_children_keep_to_their_parents_limit(tmp_path: Path) -> None:
    done = run.clone(dues(tmp_path / "a.db"), f"sqlite:///{tmp_path}/b.db", run.Options(seed=1))
    found = {c.rule.text: c.broken for c in done.rules if c.rule.kind == "limit"}
    assert found == {"sum(payments.amount) <= due": 0, "count(places) <= seats": 0}
    paid = """
        SELECT status, avg(abs(paid - due) < 0.005) FROM (
            SELECT status, due, sum(amount) AS paid FROM bills JOIN payments
            ON bill_id = bills.id GROUP BY bills.id) GROUP BY status"""
    full = """
        SELECT avg(taken = seats) FROM (
            SELECT seats, count(*) AS taken FROM courses JOIN places
            ON course_id = courses.id GROUP BY courses.id)"""
    with closing(sqlite3.connect(tmp_path / "b.db")) as connection:
        shares = dict(connection.execute(paid).fetchall())
        assert shares["paid"] > 0.9
        assert shares["open"] < 0.1
        assert 0.2 < connection.execute(full).fetchone()[0] < 0.45  # the source has a third


def test_whole_parts_are_never_scaled_to_nothing() -> None:
    rows = pa.table({"got": pa.array([9, 1, 1, 1, 5, 2])})
    even = Even("line", "got", is_most=True, limit="ordered")
    made = evened(rows, np.array([0, 0, 0, 0, 1, -1]), even, np.array([6.0, 3.0]))
    assert made["got"].to_pylist() == [3, 1, 1, 1, 3, 2]


def test_what_is_in_one_piece_stays() -> None:
    rows = pa.table(
        {
            "debit": pa.array([90.0, 0.0, 0.0, 10.0, 20.0, 7.0]),
            "credit": pa.array([0.0, 20.0, 10.0, 0.0, 0.0, 0.0]),
        }
    )
    made = evened(rows, np.array([0, 0, 0, 1, 1, -1]), Even("entry", "debit", "credit"))
    assert [90.0, 0.0, 0.0, 10.0, 0.0, 7.0] == made["debit"].to_pylist()
    assert [0.0, 60.0, 30.0, 0.0, 10.0, 0.0] == made["credit"].to_pylist()
