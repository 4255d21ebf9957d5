"""Tests of dbsynth.keepers.totals and of clones: what can be kept by construction is kept."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from dbsynth import run
from dbsynth.keepers.shares import shared_out
from dbsynth.keepers.totals import Totals
from tests.generated import drawn, fitted
from tests.rule_staff import DATABASES

FAST = {"engine": "marginal", "quality": "fast"}


def test_totals_are_understood(tmp_path: Path) -> None:
    url = DATABASES["sales"](4, 300).build(tmp_path / "a.db")
    plan = run.plan(url, run.Options(**FAST))
    totals = Totals.of(plan)
    assert {("n_lines", "count"), ("subtotal", "sum"), ("largest", "max")} == {
        (t.column, t.act) for t in totals.found
    }
    orders = totals.found[0].table
    assert ["total"] == [s.column for s in totals.after[orders]]
    assert {"n_lines", "subtotal", "largest", "total", "freight"} == totals.columns(orders)
    assert totals.columns(next(t for t in plan.tables if t.name == "customers")) == set()


def test_the_same_seed_gives_the_same_totals(tmp_path: Path) -> None:
    model = fitted(DATABASES["sales"](4, 200).build(tmp_path / "a.db"))
    assert drawn(model, scale=0.5) == drawn(model, scale=0.5)


def invoices(path: Path) -> str:
    """Invoices whose lines are all dear or all cheap, so that their sums spread widely."""
    rng = np.random.default_rng(4)
    with sqlite3.connect(path) as connection:
        connection.executescript("""
            CREATE TABLE invoices (id INTEGER PRIMARY KEY, total NUMERIC(12,2));
            CREATE TABLE parts (id INTEGER PRIMARY KEY,
                invoice_id INTEGER NOT NULL REFERENCES invoices (id),
                amount NUMERIC(12,2) CHECK (amount >= 0));
        """)
        level = rng.lognormal(3, 1.2, 800)
        owner = np.repeat(np.arange(800), rng.integers(2, 6, 800))
        amount = np.round(level[owner] * rng.uniform(0.8, 1.2, len(owner)), 2)
        total = np.bincount(owner, weights=amount).round(2)
        rows = list(enumerate(total.tolist(), 1))
        connection.executemany("INSERT INTO invoices VALUES (?, ?)", rows)
        parts = zip((owner + 1).tolist(), amount.tolist(), strict=True)
        connection.executemany("INSERT INTO parts (invoice_id, amount) VALUES (?, ?)", parts)
    connection.close()
    return f"sqlite:///{path}"


def test_totals_are_spread_as_in_the_source(tmp_path: Path) -> None:
    model = fitted(invoices(tmp_path / "a.db"))
    assert any(r.text == "total = sum(parts.amount)" for r in model.plan.rules)
    made = {n.name: rows.to_pandas() for n, rows in drawn(model).items()}
    with sqlite3.connect(tmp_path / "a.db") as connection:
        known = np.array([r[0] for r in connection.execute("SELECT total FROM invoices")])
    connection.close()
    totals = made["invoices"]["total"].astype(float).to_numpy()
    assert not any("amount" in r.text for r in model.plan.rules if r.table.name == "parts")
    # Independent parts alone would come to totals of less than half this spread.
    assert abs(np.log(totals).std() - np.log(known).std()) < 0.2
    added = made["parts"].groupby("invoice_id")["amount"].sum().astype(float)
    assert np.allclose(added.sort_index(), made["invoices"].set_index("id")["total"].sort_index()
                       .astype(float))  # fmt: skip


def test_what_rounding_leaves_goes_to_the_largest() -> None:
    values = pa.array(np.append(np.arange(60.0), [1.0, 1.0, 1.0]), pa.float64())
    parents = np.append(np.full(60, 1), [0, 0, 0])
    goals = np.append(np.full(60, np.nan), [10.0, 10.0, 10.0])
    made = shared_out(values, parents, goals, is_mean=False).to_pylist()[60:]
    assert 10.0 == sum(made)


def test_siblings_are_scaled_to_what_their_parent_has() -> None:
    values = pa.array(np.append(np.arange(60.0), [10.0, 30.0, 5.0, -5.0]))
    parents = np.append(np.full(60, 2), [0, 0, 1, 1])
    goals = np.append(np.full(60, np.nan), [20.0, 20.0, 90.0, 90.0])
    made = shared_out(values, parents, goals, is_mean=False)
    assert [5.0, 15.0, 5.0, -5.0] == made.to_pylist()[60:]
    assert made.to_pylist()[:60] == values.to_pylist()[:60]
    mean = shared_out(values, parents, goals, is_mean=True)
    assert [10.0, 30.0] == mean.to_pylist()[60:62]


def bills(path: Path) -> str:
    """Bills that sum up lines, and payments of the whole bill, the last of which settles it."""
    rng = np.random.default_rng(4)
    with sqlite3.connect(path) as connection:
        connection.executescript("""
            CREATE TABLE bills (id INTEGER PRIMARY KEY, net NUMERIC(12,2) NOT NULL,
                tax NUMERIC(12,2) NOT NULL, total NUMERIC(12,2) NOT NULL, paid_on DATE);
            CREATE TABLE lines (id INTEGER PRIMARY KEY,
                bill_id INTEGER NOT NULL REFERENCES bills (id), amount NUMERIC(12,2) NOT NULL);
            CREATE TABLE payments (id INTEGER PRIMARY KEY,
                bill_id INTEGER NOT NULL REFERENCES bills (id), amount NUMERIC(12,2) NOT NULL,
                came_on DATE NOT NULL);
        """)
        for bill in range(500):
            amounts = [round(float(rng.gamma(2, 30)), 2) for _ in range(int(rng.integers(1, 6)))]
            net = round(sum(amounts), 2)
            tax = round(net * float(rng.choice([0.07, 0.19])), 2)
            day = np.datetime64("2023-01-01") + int(rng.integers(700))
            came = [str(day + int(d)) for d in np.cumsum(rng.integers(1, 30, rng.integers(0, 3)))]
            total = round(net + tax, 2)
            row = (bill, net, tax, total, max(came, default=None))
            connection.execute("INSERT INTO bills VALUES (?, ?, ?, ?, ?)", row)
            lines = [(bill, a) for a in amounts]
            connection.executemany("INSERT INTO lines (bill_id, amount) VALUES (?, ?)", lines)
            connection.executemany(
                "INSERT INTO payments (bill_id, amount, came_on) VALUES (?, ?, ?)",
                [(bill, total, c) for c in came],
            )
    connection.close()
    return f"sqlite:///{path}"


def test_what_repeats_a_total_knows_it_though_others_are_still_to_come(tmp_path: Path) -> None:
    done = run.clone(bills(tmp_path / "a.db"), f"{tmp_path}/b.duckdb", run.Options(**FAST))
    texts = {c.rule.text: c.is_kept for c in done.rules}
    assert texts["amount = bills.total"]
    assert texts["net = sum(lines.amount)"]
    assert texts["paid_on = max(payments.came_on)"]


def instalments(path: Path, whole: float) -> str:
    """Bills that are net and tax, that sum up lines, and that payments come to exactly."""
    url = bills(path)
    rng = np.random.default_rng(5)
    with sqlite3.connect(path) as connection:
        connection.executescript("DELETE FROM payments; UPDATE bills SET paid_on = NULL;")
        for bill, total in connection.execute("SELECT id, total FROM bills").fetchall():
            many = 0 if rng.random() < whole else int(rng.integers(1, 3))
            shares = rng.uniform(0.2, 0.4, many)
            first = [round(float(total) * float(s), 2) for s in shares]
            amounts = [*first, round(float(total) - sum(first), 2)]
            connection.executemany(
                "INSERT INTO payments (bill_id, amount, came_on) VALUES (?, ?, ?)",
                [(bill, a, f"2024-01-{n + 1:02d}") for n, a in enumerate(amounts)],
            )
    connection.close()
    return url


@pytest.mark.parametrize("whole", [0.3, 0.9])  # so many bills are paid at once
def test_what_is_calculated_from_a_total_is_shared_out_among_other_children(
    whole: float, tmp_path: Path
) -> None:
    url = instalments(tmp_path / "a.db", whole)
    done = run.clone(url, f"duckdb:///{tmp_path}/b.duckdb", run.Options(**FAST))
    texts = {c.rule.text: c.broken for c in done.rules}
    wanted = ("net = sum(lines.amount)", "total = sum(payments.amount)", "total = net + tax")
    assert [0, 0, 0] == [texts[w] for w in wanted]
    assert 0 == texts["tax <= net"]


def claims(path: Path) -> str:
    """Claims that are paid in parts, some with nothing; of those nobody decided on is not known."""
    rng = np.random.default_rng(4)
    with sqlite3.connect(path) as connection:
        connection.executescript("""
            CREATE TABLE claims (id INTEGER PRIMARY KEY, status TEXT NOT NULL, paid NUMERIC(12,2));
            CREATE TABLE parts (id INTEGER PRIMARY KEY,
                claim_id INTEGER NOT NULL REFERENCES claims (id), amount NUMERIC(12,2) NOT NULL);
        """)
        for claim in range(600):
            status = str(rng.choice(["paid", "paid", "denied", "pending"]))
            count = int(rng.integers(1, 4)) if status == "paid" else 0
            amounts = [round(float(rng.gamma(2, 30)), 2) for _ in range(count)]
            paid = None if status == "pending" else round(sum(amounts), 2)
            connection.execute("INSERT INTO claims VALUES (?, ?, ?)", (claim, status, paid))
            parts = [(claim, a) for a in amounts]
            connection.executemany("INSERT INTO parts (claim_id, amount) VALUES (?, ?)", parts)
    connection.close()
    return f"sqlite:///{path}"


def test_what_is_not_known_is_not_added_up(tmp_path: Path) -> None:
    done = run.clone(claims(tmp_path / "a.db"), f"{tmp_path}/b.duckdb", run.Options(**FAST))
    texts = {c.rule.text: c.is_kept for c in done.rules}
    assert texts["paid = coalesce(sum(parts.amount), 0)"]
    assert texts["(paid IS NOT NULL) = (status IN ('denied', 'paid'))"]


def baskets(path: Path) -> str:
    """Baskets with a check over what their lines come to, of which some were never sent."""
    rng = np.random.default_rng(4)
    with sqlite3.connect(path) as connection:
        connection.executescript("""
            CREATE TABLE baskets (id INTEGER PRIMARY KEY, net INTEGER NOT NULL,
                tax INTEGER NOT NULL, fee INTEGER NOT NULL, freight INTEGER NOT NULL,
                total INTEGER NOT NULL, seen_on DATE, sent_on DATE,
                CHECK (total = net + tax + fee + freight AND tax >= 0));
            CREATE TABLE lines (id INTEGER PRIMARY KEY, amount INTEGER NOT NULL, sent_on DATE,
                basket_id INTEGER NOT NULL REFERENCES baskets (id));
        """)
        for number in range(1, 401):
            amounts = rng.integers(1, 500, rng.integers(0, 5)).tolist()
            more = rng.integers(0, 90, 3).tolist()
            days = [f"2024-{rng.integers(1, 13):02}-{rng.integers(1, 29):02}" for _ in amounts]
            if number % 3 == 0:
                days = [None for _ in amounts]
            last = max(days) if days and days[0] else None
            seen = last or (f"2023-05-{rng.integers(1, 29):02}" if number % 2 else None)
            net = sum(amounts)
            row = number, net, *more, net + sum(more), seen, last
            connection.execute("INSERT INTO baskets VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
            parts = [(a, day, number) for a, day in zip(amounts, days, strict=True)]
            connection.executemany(
                "INSERT INTO lines (amount, sent_on, basket_id) VALUES (?, ?, ?)", parts
            )
    connection.close()
    return f"sqlite:///{path}"


def test_a_check_is_no_hindrance_to_the_total_that_it_is_about(tmp_path: Path) -> None:
    url = baskets(tmp_path / "a.db")
    done = run.clone(url, f"duckdb:///{tmp_path}/b.duckdb", run.Options(**FAST))
    assert "net = coalesce(sum(lines.amount), 0)" in {c.rule.text for c in done.rules}
    assert [] == [str(c.rule) for c in done.rules if not c.is_kept]


def test_what_children_leave_open_is_empty_only_where_a_rule_says_so(tmp_path: Path) -> None:
    url = baskets(tmp_path / "a.db")
    model = fitted(url)
    texts = {r.text for r in model.plan.rules}
    assert {"seen_on = max(lines.sent_on)", "sent_on = max(lines.sent_on)"} <= texts
    assert "(sent_on IS NULL) = (max(lines.sent_on) IS NULL)" in texts
    assert "max(lines.sent_on) IS NULL OR seen_on IS NOT NULL" in texts
    made = {n.name: rows.to_pandas() for n, rows in drawn(model).items()}
    there = made["baskets"]["id"].isin(made["lines"].dropna()["basket_id"])
    assert (made["baskets"]["sent_on"].notna() == there).all()
    assert made["baskets"]["seen_on"].notna()[there].all()
    assert made["baskets"]["seen_on"].notna()[~there].mean() > 0.2


def test_what_is_part_of_a_total_stays_part_of_it(tmp_path: Path) -> None:
    url = baskets(tmp_path / "a.db")
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute(
            "UPDATE baskets SET tax = net * 9 / 10, total = net + net * 9 / 10 + fee + freight"
        )
        connection.execute("DELETE FROM baskets WHERE net = 0")
    connection.close()
    done = run.clone(url, f"duckdb:///{tmp_path}/b.duckdb", run.Options(**FAST))
    assert "tax <= net" in {c.rule.text for c in done.rules}
    assert [] == [str(c.rule) for c in done.rules if not c.is_kept]


def talks(path: Path) -> str:
    """Talks of members, one after another, that begin with their first message."""
    rng, day = np.random.default_rng(9), np.timedelta64(1, "D")
    with sqlite3.connect(path) as connection:
        connection.executescript("""
            CREATE TABLE members (id INTEGER PRIMARY KEY, joined_on DATE NOT NULL);
            CREATE TABLE talks (id INTEGER PRIMARY KEY, began_on DATE NOT NULL,
                member_id INTEGER NOT NULL REFERENCES members (id), ended_on DATE NOT NULL);
            CREATE TABLE messages (id INTEGER PRIMARY KEY, sent_on DATE NOT NULL,
                talk_id INTEGER NOT NULL REFERENCES talks (id));
        """)
        for member in range(200):
            at = np.datetime64("2020-01-01") + int(rng.integers(900)) * day
            connection.execute("INSERT INTO members VALUES (?, ?)", (member, str(at)))
            for _ in range(int(rng.integers(1, 6))):
                at += int(rng.integers(1, 90)) * day
                sent = (
                    at + np.append(0, np.cumsum(rng.integers(1, 9, int(rng.integers(1, 5))))) * day
                )
                row = (str(sent[0]), member, str(sent[-1]))
                insert = "INSERT INTO talks (began_on, member_id, ended_on) VALUES (?, ?, ?)"
                talk = connection.execute(insert, row).lastrowid
                connection.executemany(
                    "INSERT INTO messages (sent_on, talk_id) VALUES (?, ?)",
                    [(str(s), talk) for s in sent],
                )
    connection.close()
    return f"sqlite:///{path}"


def test_children_begin_and_end_where_their_parent_says(tmp_path: Path) -> None:
    done = run.clone(
        talks(tmp_path / "a.db"), f"duckdb:///{tmp_path}/b.duckdb", run.Options(**FAST)
    )
    texts = {c.rule.text: c.broken for c in done.rules}
    assert (
        0 == texts["began_on = min(messages.sent_on)"] == texts["ended_on = max(messages.sent_on)"]
    )
    ordered = "began_on >= lag(began_on) OVER (PARTITION BY member_id ORDER BY id)"
    assert 0 == texts[ordered] == texts["members.joined_on <= began_on"]


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_copied_rows_count_the_children_that_are_made(tmp_path: Path, scale: float) -> None:
    rng = np.random.default_rng(2)
    kinds = rng.choice(12, 900, p=np.arange(1, 13) / 78) + 1
    prices = rng.lognormal(3, 1, 900).round(2)
    url = str(tmp_path / "s.db")
    with sqlite3.connect(url) as connection:
        connection.executescript("""
            CREATE TABLE kinds (id INTEGER PRIMARY KEY, name TEXT, n_items INTEGER NOT NULL,
                worth NUMERIC(12,2) NOT NULL);
            CREATE TABLE items (id INTEGER PRIMARY KEY,
                kind_id INTEGER NOT NULL REFERENCES kinds (id), price NUMERIC(12,2) NOT NULL);
        """)
        rows = [
            (i, f"Kind {i}", int((kinds == i).sum()), round(float(prices[kinds == i].sum()), 2))
            for i in range(1, 13)
        ]
        connection.executemany("INSERT INTO kinds VALUES (?, ?, ?, ?)", rows)
        items = zip(range(900), kinds.tolist(), prices.tolist(), strict=True)
        connection.executemany("INSERT INTO items VALUES (?, ?, ?)", items)
    target = tmp_path / "t.db"
    done = run.clone(url, str(target), run.Options(**FAST, scale=scale))
    assert "copy" == {t.name.name: t.mode for t in done.tables}["kinds"]
    assert done.findings.is_sound
    with sqlite3.connect(target) as connection:
        told = connection.execute("SELECT id, name, n_items, round(worth, 2) FROM kinds").fetchall()
        made = connection.execute(
            "SELECT k.id, name, count(i.id), round(coalesce(sum(price), 0), 2) FROM kinds k"
            " LEFT JOIN items i ON i.kind_id = k.id GROUP BY k.id, name"
        ).fetchall()
    assert sorted(told) == sorted(made)
    assert [(i, n) for i, n, *_ in rows] == sorted((i, n) for i, n, *_ in told)
