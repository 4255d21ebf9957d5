"""Tests of dbsynth.totals and of whole clones: rules that can be kept by construction are kept."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from dbsynth import run
from dbsynth.report import Run
from dbsynth.shares import shared_out
from dbsynth.totals import Totals
from tests.generated import drawn, fitted
from tests.rule_shops import SHOPS

FAST = {"engine": "marginal", "quality": "fast"}


def cloned(name: str, folder: Path, size: int = 300) -> Run:
    url = SHOPS[name](4, size).build(folder / f"{name}.db")
    return run.clone(url, f"duckdb:///{folder}/{name}.duckdb", run.Options(**FAST, replace=True))


@pytest.mark.parametrize("name", sorted(SHOPS))
def test_no_row_breaks_a_rule_that_is_kept_by_construction(name: str, tmp_path: Path) -> None:
    done = cloned(name, tmp_path)
    assert [] == [str(c.rule) for c in done.rules if not c.is_kept]
    assert done.findings.is_sound


def test_totals_are_understood(tmp_path: Path) -> None:
    url = SHOPS["sales"](4, 300).build(tmp_path / "a.db")
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
    model = fitted(SHOPS["sales"](4, 200).build(tmp_path / "a.db"))
    assert drawn(model, scale=0.5) == drawn(model, scale=0.5)


def invoices(path: Path) -> str:
    """Invoices whose lines are all dear or all cheap, so that their sums spread widely."""
    rng = np.random.default_rng(4)
    with sqlite3.connect(path) as connection:
        connection.executescript("""
            CREATE TABLE invoices (id INTEGER PRIMARY KEY, total NUMERIC(12,2));
            CREATE TABLE parts (id INTEGER PRIMARY KEY,
                invoice_id INTEGER NOT NULL REFERENCES invoices (id), amount NUMERIC(12,2));
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
    # Independent parts alone would come to totals of less than half this spread.
    assert abs(np.log(totals).std() - np.log(known).std()) < 0.2
    added = made["parts"].groupby("invoice_id")["amount"].sum().astype(float)
    assert np.allclose(added.sort_index(), made["invoices"].set_index("id")["total"].sort_index()
                       .astype(float))  # fmt: skip


def test_siblings_are_scaled_to_what_their_parent_has() -> None:
    values = pa.array(np.append(np.arange(60.0), [10.0, 30.0, 5.0, -5.0]))
    parents = np.append(np.full(60, 2), [0, 0, 1, 1])
    goals = np.append(np.full(60, np.nan), [20.0, 20.0, 90.0, 90.0])
    made = shared_out(values, parents, goals, is_mean=False)
    assert [5.0, 15.0, 5.0, -5.0] == made.to_pylist()[60:]
    assert made.to_pylist()[:60] == values.to_pylist()[:60]
    mean = shared_out(values, parents, goals, is_mean=True)
    assert [10.0, 30.0] == mean.to_pylist()[60:62]
