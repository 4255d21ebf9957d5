"""Tables with random checks and uniques: the rows made for them are taken by the same table."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.generated import drawn, fitted

ENOUGH = 30  # rows that keep all checks, else there is nothing to learn from
CANDIDATES = 4_000
COLUMNS = (
    "id integer PRIMARY KEY, a integer NOT NULL, b integer, c text, d date NOT NULL, e date, "
    "f decimal(8, 2) NOT NULL, s varchar(10) NOT NULL"
)
NAMES = "id a b c d e f s".split()
ATOMS = (
    "a <= b", "a < b", "a + b <= 40", "b = a * 2", "b - a >= -5", "a BETWEEN 3 AND 25", "a % 3 = 0",
    "a IN (1, 2, 5, 8, 13, 21)", "b IS NOT NULL", "b <> a", "f > 1", "f >= a", "f = a + 0.5",
    "abs(a - 12) < 9", "c LIKE 'k%'", "c GLOB '[a-z][0-9]*'", "length(c) <= 3", "lower(c) = c",
    "c <> 'k1'", "c IS NULL", "(c IS NULL) = (e IS NULL)", "coalesce(b, a) > 4", "d <= e", "e > d",
    "e IS NULL", "d >= '2021-01-01'", "s IN ('new', 'done')", "s <> 'gone' OR e IS NOT NULL",
    "s = 'new'", "(s = 'done') = (e IS NOT NULL)", "b IS NULL OR c IS NOT NULL",
)  # fmt: skip
UNIQUES = (
    "CREATE UNIQUE INDEX u ON t (a, d)", "CREATE UNIQUE INDEX u ON t (lower(c))",
    "CREATE UNIQUE INDEX u ON t (a, b) WHERE s = 'new'", "CREATE UNIQUE INDEX u ON t (e, s)",
    "CREATE UNIQUE INDEX u ON t (c COLLATE NOCASE, a)", "",
)  # fmt: skip

atoms = st.sampled_from(ATOMS)
checks = st.one_of(
    atoms,
    st.builds("({}) OR ({})".format, atoms, atoms),
    st.builds("({}) AND ({})".format, atoms, atoms),
    st.builds("CASE WHEN {} THEN {} ELSE {} END".format, atoms, atoms, atoms),
    st.builds("NOT ({}) OR ({})".format, atoms, atoms),
)
tables = st.tuples(st.lists(checks, min_size=1, max_size=4), st.sampled_from(UNIQUES))


def row(rng: random.Random) -> tuple[object, ...]:
    a = rng.randint(0, 30)
    b = rng.choice([None, rng.randint(0, 30), a * 2, a + rng.randint(0, 9)])
    start = rng.randint(0, 900)
    c = rng.choice(
        [None, f"k{rng.randint(0, 99)}", f"K{rng.randint(0, 9)}", f"m{rng.randint(0, 9)}x"]
    )
    e = rng.choice([None, rng.randint(0, 900), start + rng.randint(0, 60)])
    f = rng.choice([a + 0.5, rng.randint(0, 4_000) / 100])
    s = rng.choice(["new", "done", "gone"])
    return a, b, c, start, e, f, s


def fill(path: Path, conditions: list[str], unique: str) -> int:
    """Make the table, with those of many random rows that keep all rules; returns how many."""
    declared = ", ".join(f"CHECK ({check})" for check in conditions)
    kept = " AND ".join(f"coalesce(({check}), 1)" for check in conditions)
    rng = random.Random(1)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"CREATE TABLE t ({COLUMNS}, {declared})")
        connection.execute(unique or "SELECT 1")
        connection.execute("CREATE TEMP TABLE tried (a, b, c, d, e, f, s)")
        days = "date('2020-01-01', ? || ' days')"
        connection.executemany(
            f"INSERT INTO tried VALUES (?, ?, ?, {days}, {days}, ?, ?)",
            [row(rng) for _ in range(CANDIDATES)],
        )
        connection.execute(
            "INSERT OR IGNORE INTO t (a, b, c, d, e, f, s) "
            f"SELECT a, b, c, d, e, f, s FROM tried WHERE {kept} LIMIT 150"
        )
        return int(connection.execute("SELECT count(*) FROM t").fetchone()[0])


@settings(suppress_health_check=[HealthCheck.filter_too_much], max_examples=16)
@given(tables)
def test_rows_keep_random_checks_and_uniques(table: tuple[list[str], str]) -> None:
    conditions, unique = table
    with TemporaryDirectory() as home:
        source, target = Path(home) / "source.sqlite", Path(home) / "target.sqlite"
        there = fill(source, conditions, unique)
        assume(there >= ENOUGH)
        (rows,) = drawn(fitted(str(source))).values()
        assert len(rows) >= 0.8 * there
        fill(target, conditions, unique)
        with closing(sqlite3.connect(target)) as connection, connection:
            connection.execute("DELETE FROM t")
            texts = [
                [None if value is None else str(value) for value in made.values()]
                for made in rows.select(NAMES).to_pylist()
            ]
            connection.executemany(f"INSERT INTO t VALUES ({', '.join('?' * len(NAMES))})", texts)
