"""Tests of numbers of which no more goes than has come: what is in stock is never below nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from dbsynth import run
from dbsynth.keepers.groupkeeper import GroupKeeper
from dbsynth.keepers.spacing import never_below
from dbsynth.rules.groupsteps import GroupStep

FAST = {"engine": "marginal", "quality": "fast"}


def stock(path: Path) -> str:
    """Movements of goods, by which no place ever holds less than nothing, and what is left."""
    rng = np.random.default_rng(2)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript("""
            CREATE TABLE places (id INTEGER PRIMARY KEY, zone TEXT NOT NULL);
            CREATE TABLE movements (id INTEGER PRIMARY KEY,
                place_id INTEGER NOT NULL REFERENCES places (id), kind TEXT NOT NULL,
                quantity INTEGER NOT NULL, held INTEGER NOT NULL);
        """)
        for place in range(250):
            connection.execute("INSERT INTO places VALUES (?, ?)", (place, "ab"[place % 2]))
            held = 0
            for _ in range(int(rng.integers(1, 9))):
                is_in = held < 10 or rng.random() < 0.45
                quantity = int(rng.integers(5, 60)) if is_in else -int(rng.integers(1, held + 1))
                held += quantity
                values = (place, "in" if is_in else "out", quantity, held)
                connection.execute(
                    "INSERT INTO movements (place_id, kind, quantity, held) VALUES (?, ?, ?, ?)",
                    values,
                )
    return f"sqlite:///{path}"


def test_no_more_goes_than_has_come(tmp_path: Path) -> None:
    done = run.clone(stock(tmp_path / "a.db"), f"{tmp_path}/b.db", run.Options(**FAST))
    found = {c.rule.text: c.broken for c in done.rules}
    window = "OVER (PARTITION BY place_id ORDER BY id)"
    assert found[f"sum(quantity) {window} >= 0"] == 0
    assert found[f"held = sum(quantity) {window}"] == 0
    assert found["kind = CASE WHEN quantity < 0 THEN 'out' ELSE 'in' END"] == 0


def test_what_may_fall_below_nothing_has_no_floor(tmp_path: Path) -> None:
    url = stock(tmp_path / "a.db")
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection, connection:
        connection.execute("UPDATE movements SET quantity = -quantity WHERE id % 9 = 0")
    plan = run.plan(url, run.Options(**FAST))
    assert not [r for r in plan.rules if r.kind == "floor"]


def test_what_is_unknown_stays_unknown() -> None:
    step = GroupStep("floor", "quantity", ("place",), "id")
    rows = pa.table({"id": [1, 2, 3], "place": [1, 1, 1], "quantity": [5, None, -7]})
    kept, changed = GroupKeeper((step,), frozenset()).keep(rows, np.random.default_rng(0))
    assert (kept["quantity"].to_pylist(), changed) == ([5, None, -2], {"quantity"})


@given(groups=st.lists(st.lists(st.integers(-50, 50), min_size=1, max_size=12), max_size=6))
def test_sums_are_never_below_nothing_and_only_what_would_change_does(
    groups: list[list[int]],
) -> None:
    values = np.array([v for g in groups for v in g], np.float64)
    starts = np.array([i == 0 for g in groups for i in range(len(g))], bool)
    made = never_below(values, starts)
    at = 0
    for group in groups:
        held = 0.0
        for before, now in zip(group, made[at : at + len(group)], strict=True):
            assert now == before or held + before < 0
            assert now == int(now)
            held += now
            assert held >= 0
        at += len(group)
