"""Tests of dbsynth.codewords: words in codes follow from labels, years and copied rows."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from dbsynth import run
from dbsynth.makers import Makers
from tests.generated import drawn

FAST = {"engine": "marginal", "quality": "fast"}
KINDS = {"motor": "MO", "home": "HH", "life": "LV"}


def policies(path: Path, code: str, *, size: int = 900, is_unique: bool = True) -> str:
    """Policies whose numbers tell their kind, the year in which they were sold, and the branch."""
    rng = np.random.default_rng(8)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(f"""
            CREATE TABLE branches (id INTEGER PRIMARY KEY, code TEXT NOT NULL);
            INSERT INTO branches VALUES (1, 'BER'), (2, 'HAM'), (3, 'MUC');
            CREATE TABLE policies (id INTEGER PRIMARY KEY, number TEXT NOT NULL
                {"UNIQUE" if is_unique else ""}, kind TEXT NOT NULL, sold_on DATE NOT NULL,
                branch_id INTEGER NOT NULL REFERENCES branches (id));
        """)
        for number in range(size):
            kind = str(rng.choice(list(KINDS), p=[0.5, 0.3, 0.2]))
            year, branch = int(rng.integers(2021, 2025)), int(rng.integers(1, 4))
            told = code.format(
                kind=KINDS[kind], year=year, no=number * 7, branch=("BER", "HAM", "MUC")[branch - 1]
            )
            day = f"{year}-{int(rng.integers(1, 13)):02d}-{int(rng.integers(1, 28)):02d}"
            row = (number + 1, told, kind, day, branch)
            connection.execute("INSERT INTO policies VALUES (?, ?, ?, ?, ?)", row)
    return f"sqlite:///{path}"


@pytest.mark.parametrize("is_unique", [True, False])
@pytest.mark.parametrize(
    "code", ["{kind}-{no:06d}", "P-{year}-{no:05d}", "{year}{no:05d}", "{branch}/{kind}/{no:05d}"]
)
def test_words_follow_from_their_rows(code: str, is_unique: bool, tmp_path: Path) -> None:
    model = run.fit(policies(tmp_path / "a.db", code, is_unique=is_unique), run.Options(**FAST))
    makers = next(t.makers for n, t in model.tables.items() if n.name == "policies")
    assert Makers.from_json(json.loads(json.dumps(makers.to_json()))) == makers
    made = next(r for n, r in drawn(model).items() if n.name == "policies").to_pylist()
    branches = ("BER", "HAM", "MUC")
    told = [
        code.split("{no", 1)[0].format(
            kind=KINDS[r["kind"]], year=r["sold_on"].year, branch=branches[r["branch_id"] - 1]
        )
        for r in made
    ]
    assert all(r["number"].startswith(t) for r, t in zip(made, told, strict=True))
    numbers = {r["number"] for r in made}
    assert not is_unique or len(numbers) == len(made)
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        known = {row[0] for row in connection.execute("SELECT number FROM policies")}
    assert not numbers & known


def test_words_that_follow_from_nothing_are_as_frequent_as_before(tmp_path: Path) -> None:
    url = policies(tmp_path / "a.db", "{kind}-{no:06d}")
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection, connection:
        connection.execute("UPDATE policies SET kind = CASE id % 3 WHEN 0 THEN 'a' ELSE 'b' END")
    model = run.fit(url, run.Options(**FAST))
    content = next(t for n, t in model.tables.items() if n.name == "policies")
    assert not content.makers.leads
