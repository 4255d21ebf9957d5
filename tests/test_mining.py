"""Tests of dbsynth.mining: known rules are found, decoys are not, equal rows say the same."""

from __future__ import annotations

import sqlite3
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import psycopg
import pytest

from dbsynth import run
from dbsynth.mining.arithmetic import digits, is_close
from tests.rule_recall import measured, mined
from tests.rule_staff import DATABASES


@pytest.mark.parametrize("name", sorted(DATABASES))
def test_known_rules_are_found_and_little_else(name: str, tmp_path: Path) -> None:
    tally = measured(name, 11, 800, tmp_path, larger=8)
    assert tally.recall >= 0.95, tally.mistakes
    assert tally.precision >= 0.95, tally.mistakes


def test_the_same_rows_give_the_same_rules_in_the_same_order(tmp_path: Path) -> None:
    shop = DATABASES["bank"](3, 300)
    assert mined(shop, tmp_path / "a.db")[1] == mined(shop, tmp_path / "b.db")[1]


def test_neither_a_handful_of_rows_nor_a_label_of_few_entities_says_anything(
    tmp_path: Path,
) -> None:
    _, rules = mined(DATABASES["sales"](2, 400), tmp_path / "a.db")
    assert not [r for r in rules if r.table.name == "settings"]
    assert not [r for r in rules if "Town" in r.text]


def test_digits_and_rounding() -> None:
    assert 2 == digits(np.array([1.25, 3.5, np.nan]))
    assert 0 == digits(np.array([1.0, 20.0]))
    near = is_close(np.array([1.24, 1.0]), np.array([1.2449, 1.2]), 0.005)
    assert [True, False] == near.tolist()


def accounts(path: Path, *, odd: float) -> str:
    """Postings that days put in order; some days have several; some are booked wrongly."""
    rng, rows = np.random.default_rng(5), []
    for account in range(1, 61):
        day, balance = 0, 0.0
        for _ in range(30):
            day += int(rng.integers(0, 4))
            kind = str(rng.choice(["in", "out", "cash"]))
            amount = round(float(rng.uniform(1, 900)), 2)
            balance = round(balance + (amount if kind == "in" else -amount), 2)
            balance += 100.0 if rng.random() < odd else 0.0
            booked = str(date(2020, 1, 1) + timedelta(days=day))
            rows.append((len(rows) + 1, account, booked, kind, amount, balance))
    numbers = rng.permutation(len(rows)).tolist()
    with sqlite3.connect(path) as connection:
        connection.executescript("""
            CREATE TABLE accounts (id INTEGER PRIMARY KEY);
            CREATE TABLE postings (id INTEGER PRIMARY KEY,
                account_id INTEGER NOT NULL REFERENCES accounts (id), booked_on DATE NOT NULL,
                kind TEXT NOT NULL, amount NUMERIC(10,2) NOT NULL, balance NUMERIC(12,2) NOT NULL);
        """)
        connection.executemany("INSERT INTO accounts VALUES (?)", [(i,) for i in range(1, 61)])
        connection.executemany(
            "INSERT INTO postings VALUES (?, ?, ?, ?, ?, ?)",
            [(numbers[i], *row[1:]) for i, row in enumerate(rows)],
        )
    connection.close()
    return f"sqlite:///{path}"


def test_balances_that_days_put_in_order_are_told_with_their_exceptions(tmp_path: Path) -> None:
    """Copies are not made to keep them, so they are listed as rejected, for a user to accept."""
    plan = run.plan(accounts(tmp_path / "a.db", odd=0.02), run.Options(seed=1))
    (rule,) = [r for r in plan.rules if r.kind == "running"]
    assert "IN ('in') THEN balance - lag(balance)" in rule.text
    assert rule.status == "rejected"
    assert 7 <= rule.exceptions <= 0.02 * rule.rows
    plan = run.plan(accounts(tmp_path / "b.db", odd=0.2), run.Options(seed=1))
    assert not [r for r in plan.rules if r.kind == "running"]


def test_a_label_that_had_luck_is_no_rule(tmp_path: Path) -> None:
    """Where other labels nearly always have one value, one without exception may be chance."""
    _, rules = mined(DATABASES["staff"](1, 400), tmp_path / "a.db")
    assert not [r for r in rules if "near_place" in r.text]


def prices(path: Path) -> str:
    """Lines of offers of products: what a line costs follows from the product, two keys up."""
    rng = np.random.default_rng(3)
    with sqlite3.connect(path) as connection:
        connection.executescript("""
            CREATE TABLE products (id INTEGER PRIMARY KEY, price NUMERIC(8,2) NOT NULL);
            CREATE TABLE offers (product_id INTEGER NOT NULL REFERENCES products (id),
                size_no INTEGER NOT NULL, stock INTEGER NOT NULL,
                PRIMARY KEY (product_id, size_no));
            CREATE TABLE lines (id INTEGER PRIMARY KEY, product_id INTEGER NOT NULL,
                size_no INTEGER NOT NULL, qty INTEGER NOT NULL, cost NUMERIC(10,2) NOT NULL,
                FOREIGN KEY (product_id, size_no) REFERENCES offers (product_id, size_no));
        """)
        known = [(i, round(float(rng.uniform(5, 90)), 2)) for i in range(1, 301)]
        connection.executemany("INSERT INTO products VALUES (?, ?)", known)
        offers = [(i, n, int(rng.integers(0, 99))) for i, _ in known for n in (1, 2, 3)]
        connection.executemany("INSERT INTO offers VALUES (?, ?, ?)", offers)
        for i in range(3000):
            product, price = known[int(rng.integers(300))]
            qty = int(rng.integers(1, 30))
            row = (i, product, int(rng.integers(1, 4)), qty, round(qty * price, 2))
            connection.execute("INSERT INTO lines VALUES (?, ?, ?, ?, ?)", row)
    connection.close()
    return f"sqlite:///{path}"


def test_what_is_calculated_with_a_column_two_keys_up_is_found_and_kept(tmp_path: Path) -> None:
    source, target = prices(tmp_path / "a.db"), tmp_path / "b.db"
    made = run.clone(source, f"sqlite:///{target}", run.Options(seed=1, quality="fast"))
    (rule,) = [r.rule.text for r in made.rules if "price" in r.rule.text]
    assert rule == "cost = qty * offers.products.price"
    with sqlite3.connect(target) as connection:
        (broken,) = connection.execute(
            "SELECT count(*) FROM lines l JOIN products p ON p.id = l.product_id"
            " WHERE abs(cost - qty * price) > 0.01"
        ).fetchone()
    connection.close()
    assert broken == 0


def calls(path: Path) -> str:
    """Calls over three lines, one of which is for machines, that are nobody's and have no note."""
    rng = np.random.default_rng(4)
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE calls (id INTEGER PRIMARY KEY, phone TEXT NOT NULL, kind TEXT NOT NULL,"
            " caller INTEGER)"
        )
        for i in range(2000):
            kind = str(rng.choice(["robot", "sale", "help"]))
            phone = {"robot": "+49 30 1111111", "sale": "+49 30 2222222"}.get(
                kind, "+49 30 3333333"
            )
            caller = None if kind == "robot" else int(rng.integers(1000, 9999))
            connection.execute("INSERT INTO calls VALUES (?, ?, ?, ?)", (i, phone, kind, caller))
    connection.close()
    return f"sqlite:///{path}"


def test_no_rule_names_values_that_a_copy_does_not_have(tmp_path: Path) -> None:
    """Phone numbers are made up, so a condition on those of the source would never be true."""
    made = run.clone(
        calls(tmp_path / "a.db"), f"sqlite:///{tmp_path / 'b.db'}", run.Options(quality="fast")
    )
    texts = [r.rule.text for r in made.rules]
    assert "(caller IS NOT NULL) = (kind IN ('help', 'sale'))" in texts
    assert not [t for t in texts if "1111111" in t or "2222222" in t]
    with sqlite3.connect(tmp_path / "b.db") as connection:
        kinds = dict(connection.execute("SELECT kind, count(*) FROM calls GROUP BY 1"))
    connection.close()
    assert min(kinds[k] for k in ("robot", "sale", "help")) > 400


def visits(path: Path) -> str:
    """Bills that are written on the day on which a visit ends, at whatever time it does."""
    rng = np.random.default_rng(3)
    with sqlite3.connect(path) as connection:
        connection.executescript("""
            CREATE TABLE visits (id INTEGER PRIMARY KEY, until DATETIME);
            CREATE TABLE bills (id INTEGER PRIMARY KEY,
                visit_id INTEGER NOT NULL REFERENCES visits (id), written_on DATE NOT NULL);
        """)
        for visit in range(600):
            until = np.datetime64("2023-01-01T00:00:00") + int(rng.integers(60_000_000))
            row = (visit, str(until).replace("T", " "))
            connection.execute("INSERT INTO visits VALUES (?, ?)", row)
            for _ in range(int(rng.integers(0, 4))):
                bill = (visit, str(until)[:10])
                connection.execute("INSERT INTO bills (visit_id, written_on) VALUES (?, ?)", bill)
    connection.close()
    return f"sqlite:///{path}"


def test_a_day_may_be_that_of_a_moment_above(tmp_path: Path) -> None:
    target = f"duckdb:///{tmp_path}/b.duckdb"
    made = run.clone(visits(tmp_path / "a.db"), target, run.Options(quality="fast"))
    texts = {r.rule.text: r.is_kept for r in made.rules}
    assert texts["days_between(written_on, visits.until) = 0"]


def test_a_few_days_beyond_all_calendars_end_no_plan(pg_url: str) -> None:
    with psycopg.connect(pg_url, autocommit=True) as connection:
        connection.execute("""
            CREATE TABLE leases (id int PRIMARY KEY, ends date, note varchar(4));
            CREATE TABLE visits (id int PRIMARY KEY, lease_id int REFERENCES leases, on_day date);
            INSERT INTO leases SELECT n, (ARRAY['infinity', '5874897-12-31'])[n % 2 + 1]::date, 'a'
            FROM generate_series(1, 200) n;
            INSERT INTO visits SELECT n, n % 200 + 1,
                (ARRAY['0044-03-15 BC', 'infinity'])[n % 2 + 1]::date
            FROM generate_series(1, 400) n;
        """)
    assert len(run.plan(pg_url, run.Options(engine="marginal")).tables) == 2


def bookings(path: Path) -> str:
    """Bookings with their period, in four spellings, of moments and of days."""
    rng = np.random.default_rng(2)
    with sqlite3.connect(path) as connection:
        connection.execute("""
            CREATE TABLE bookings (id INTEGER PRIMARY KEY, day DATE NOT NULL,
                entered_at TIMESTAMP NOT NULL, period CHAR(7) NOT NULL, year INTEGER NOT NULL,
                month INTEGER NOT NULL, batch TEXT NOT NULL, amount NUMERIC(8,2) NOT NULL)
        """)
        for number in range(600):
            day = date(2022, 1, 3) + timedelta(days=int(rng.integers(700)))
            entered = day + timedelta(days=int(rng.integers(0, 40)))
            amount = round(float(rng.gamma(2, 30)), 2)
            row = (
                number, str(day), f"{entered} 0{int(rng.integers(10))}:30:00", f"{day:%Y-%m}",
                day.year, day.month, f"{entered:%Y%m%d}", amount,
            )  # fmt: skip
            connection.execute("INSERT INTO bookings VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    connection.close()
    return f"sqlite:///{path}"


@pytest.mark.parametrize("kind", ["sqlite", "duckdb", "postgresql", "mysql"])
def test_parts_of_moments_are_found_and_kept(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    servers = {"postgresql": "pg_url", "mysql": "mysql_url"}
    target = request.getfixturevalue(servers[kind]) if kind in servers else f"{tmp_path}/b.{kind}"
    options = run.Options(engine="marginal", quality="fast")
    done = run.clone(bookings(tmp_path / "a.db"), target, options)
    found = {c.rule.text: c.broken for c in done.rules if c.rule.kind == "date part"}
    assert found == {
        "period = strftime(day, '%Y-%m')": 0,
        "year = CAST(strftime(day, '%Y') AS BIGINT)": 0,
        "month = CAST(strftime(day, '%m') AS BIGINT)": 0,
        "batch = strftime(entered_at, '%Y%m%d')": 0,
    }
    assert not [c for c in done.rules if c.rule.text == "day -> period"]


def test_a_month_that_is_the_parents_is_no_part_of_a_moment(tmp_path: Path) -> None:
    """The parent's own month is of another day at times, but never in rows that are there."""
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.executescript("""
            CREATE TABLE hours (at TIMESTAMP PRIMARY KEY, month INTEGER NOT NULL);
            CREATE TABLE trips (id INTEGER PRIMARY KEY, month INTEGER NOT NULL,
                at TIMESTAMP NOT NULL REFERENCES hours (at));
        """)
        start = np.datetime64("2023-01-01T00:00:00")
        for hour in range(3_000):
            at, shown = start + np.timedelta64(hour, "h"), start + np.timedelta64(hour + 3, "h")
            month = int(str(shown)[5:7])
            connection.execute("INSERT INTO hours VALUES (?, ?)", (str(at), month))
            if hour % 24 < 12:
                connection.execute("INSERT INTO trips VALUES (?, ?, ?)", (hour, month, str(at)))
    connection.close()
    plan = run.plan(f"sqlite:///{tmp_path / 'a.db'}", run.Options(engine="marginal"))
    assert [r.text for r in plan.rules if r.text.startswith("month =")] == ["month = hours.month"]


@pytest.mark.parametrize("seconds", [-7200, 5400])
def test_moments_that_lie_seconds_apart_stay_so(seconds: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute(
            "CREATE TABLE posts (id INTEGER PRIMARY KEY, at TIMESTAMP NOT NULL, gmt TIMESTAMP)"
        )
        for number in range(400):
            at = np.datetime64("2023-01-01T00:00:00") + int(rng.integers(80_000_000))
            gmt = str(at + seconds).replace("T", " ") if rng.random() < 0.9 else None
            row = (number, str(at).replace("T", " "), gmt)
            connection.execute("INSERT INTO posts VALUES (?, ?, ?)", row)
    connection.close()
    options = run.Options(engine="marginal", quality="fast")
    done = run.clone(f"{tmp_path}/a.db", f"{tmp_path}/b.duckdb", options)
    found = {c.rule.text: c.broken for c in done.rules if "seconds" in c.rule.text}
    assert [0] == list(found.values())


def threads(path: Path) -> str:
    """Threads with an answer among their posts, and labels that are there from the start."""
    rng = np.random.default_rng(3)
    with sqlite3.connect(path) as connection:
        connection.executescript("""
            CREATE TABLE threads (id INTEGER PRIMARY KEY, begun_on DATE NOT NULL,
                answer_id INTEGER REFERENCES posts (id));
            CREATE TABLE posts (id INTEGER PRIMARY KEY, sent_on DATE NOT NULL,
                thread_id INTEGER NOT NULL REFERENCES threads (id));
            CREATE TABLE labels (id INTEGER PRIMARY KEY, given_on DATE NOT NULL,
                thread_id INTEGER NOT NULL REFERENCES threads (id));
        """)
        for thread in range(1, 301):
            day = np.datetime64("2022-01-01") + int(rng.integers(900))
            connection.execute("INSERT INTO threads VALUES (?, ?, NULL)", (thread, str(day)))
            for later in np.cumsum(rng.integers(1, 9, int(rng.integers(1, 5)))).tolist():
                row = (str(day + later), thread)
                insert = "INSERT INTO posts (sent_on, thread_id) VALUES (?, ?)"
                answer = connection.execute(insert, row).lastrowid
            connection.execute("UPDATE threads SET answer_id = ? WHERE id = ?", (answer, thread))
            insert = "INSERT INTO labels (given_on, thread_id) VALUES (?, ?)"
            connection.execute(insert, (str(day), thread))
    connection.close()
    return f"sqlite:///{path}"


def test_no_rule_leads_over_keys_that_are_set_at_the_end(tmp_path: Path) -> None:
    plan = run.plan(threads(tmp_path / "a.db"), run.Options(engine="marginal"))
    texts = [r.text for r in plan.rules if r.table.name == "labels"]
    assert texts
    assert not [t for t in texts if "posts" in t]
