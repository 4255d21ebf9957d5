"""Tests of dbsynth.backfill: rows that lead to one of the rows that hang on them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests.generated import drawn, fitted


def wiki(path: Path, which: str) -> str:
    """Pages, and revisions in their order; each page leads to its first, last, or any of them."""
    rng = np.random.default_rng(6)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript("""
            CREATE TABLE pages (id INTEGER PRIMARY KEY, title TEXT NOT NULL,
                shown_id INTEGER REFERENCES revisions (id));
            CREATE TABLE revisions (id INTEGER PRIMARY KEY, made_at TIMESTAMP NOT NULL,
                page_id INTEGER NOT NULL REFERENCES pages (id));
        """)
        for page in range(1, 301):
            connection.execute("INSERT INTO pages VALUES (?, ?, NULL)", (page, f"Page {page}"))
            at = np.datetime64("2022-01-01T00:00:00") + int(rng.integers(10**7))
            keys = []
            for _ in range(int(rng.integers(1, 7))):
                at += int(rng.integers(60, 10**6))
                row = (str(at).replace("T", " "), page)
                insert = "INSERT INTO revisions (made_at, page_id) VALUES (?, ?)"
                keys.append(connection.execute(insert, row).lastrowid)
            chosen = {"first": keys[0], "last": keys[-1], "any": int(rng.choice(keys))}[which]
            connection.execute("UPDATE pages SET shown_id = ? WHERE id = ?", (chosen, page))
    return f"sqlite:///{path}"


@pytest.mark.parametrize("which", ["first", "last", "any"])
def test_rows_lead_to_the_child_that_they_led_to(which: str, tmp_path: Path) -> None:
    made = {n.name: r.to_pandas() for n, r in drawn(fitted(wiki(tmp_path / "a.db", which))).items()}
    order = made["revisions"].sort_values(["page_id", "made_at", "id"]).groupby("page_id")["id"]
    ends = made["pages"].set_index("id").join(order.agg(["first", "last", "count"]))
    assert (ends["count"] > 1).any()
    several = ends[ends["count"] > 1]
    of = made["revisions"].set_index("id")["page_id"]
    assert (of.loc[ends["shown_id"]].to_numpy() == ends.index.to_numpy()).all()
    share = {end: (several["shown_id"] == several[end]).mean() for end in ("first", "last")}
    wanted = {"first": (1.0, 0.0), "last": (0.0, 1.0), "any": (0.3, 0.3)}[which]
    assert abs(share["first"] - wanted[0]) < 0.15
    assert abs(share["last"] - wanted[1]) < 0.15
