"""
Schemas of hundreds of tables: python -m tests.large_schema URL-OR-PATH [--tables 300] [--keys 600].

A random graph of keys with some cycles and trees; fifty rows a table, every thirtieth has 2,000.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

WORDS = "amber birch cedar delta ember fjord grove heron iris juniper kelp lark moss".split()
SOME_ROWS, MANY_ROWS, MANY_EVERY = 50, 2_000, 30
CYCLES_EVERY = 60  # one key in so many closes a cycle
REACH = 40  # parents are among so many tables before


@dataclass(frozen=True, slots=True)
class Link:
    """A foreign key: its column, the table that it leads to, and whether it closes a cycle."""

    column: str
    parent: int
    closes: bool


def links_of(tables: int, keys: int, seed: int) -> list[list[Link]]:
    """Draw each table's keys."""
    rng = random.Random(seed)
    found: list[list[Link]] = [[] for _ in range(tables)]
    for number in range(keys):
        child = rng.randrange(1, tables)
        closes = number % CYCLES_EVERY == CYCLES_EVERY - 1
        if closes:
            parent = rng.randrange(child, min(child + REACH, tables))
        else:
            parent = rng.randrange(max(0, child - REACH), child)
        column = f"t{parent}_id_{len(found[child])}"
        found[child].append(Link(column, parent, closes or number % 3 == 0))
    return found


def statements(tables: int, keys: int, seed: int = 1) -> Iterator[str]:
    """The SQL that makes the tables, fills them, and adds their keys; for PostgreSQL."""
    links = links_of(tables, keys, seed)
    for number in range(tables):
        yield _create(number, links[number], with_keys=False)
    for number in range(tables):
        yield _insert(number, links[number], seed)
    for number, own in enumerate(links):
        for link in own:
            yield (
                f"ALTER TABLE t{number} ADD FOREIGN KEY ({link.column})"
                f" REFERENCES t{link.parent} (id)"
            )


def statements_with_keys(tables: int, keys: int, seed: int = 1) -> Iterator[str]:
    """The same for SQLite, where keys are declared with their table."""
    links = links_of(tables, keys, seed)
    for number in range(tables):
        yield _create(number, links[number], with_keys=True)
        yield _insert(number, links[number], seed)


def _rows(number: int) -> int:
    return MANY_ROWS if number % MANY_EVERY == 0 else SOME_ROWS


def _create(number: int, links: list[Link], *, with_keys: bool) -> str:
    columns = ["id integer PRIMARY KEY", "name varchar(40) NOT NULL", "status varchar(10)"]
    columns += ["amount numeric(10, 2)", "made_at timestamp NOT NULL"]
    for link in links:
        reference = f" REFERENCES t{link.parent} (id)" if with_keys else ""
        columns.append(f"{link.column} integer{'' if link.closes else ' NOT NULL'}{reference}")
    return f"CREATE TABLE t{number} ({', '.join(columns)})"


def _insert(number: int, links: list[Link], seed: int) -> str:
    rng = random.Random(f"{seed}/{number}")
    rows = []
    for row in range(1, _rows(number) + 1):
        values = [str(row), f"'{rng.choice(WORDS)} {rng.choice(WORDS)}'"]
        values += [rng.choice(("'new'", "'open'", "'done'", "NULL"))]
        values += [f"{rng.lognormvariate(3, 1):.2f}", f"'2024-{rng.randint(1, 12):02}-11 08:00:00'"]
        for link in links:
            parent = rng.randint(1, _rows(link.parent))
            values.append("NULL" if link.closes and rng.random() < 0.2 else str(parent))
        rows.append(f"({', '.join(values)})")
    return f"INSERT INTO t{number} VALUES {', '.join(rows)}"


def build(url: str, tables: int, keys: int, seed: int = 1) -> str:
    """Make the database; returns its URL."""
    if not url.startswith("postgresql:"):
        with closing(sqlite3.connect(Path(url))) as connection, connection:
            for statement in statements_with_keys(tables, keys, seed):
                connection.execute(statement)
        return url
    import psycopg

    with psycopg.connect(url) as connection:
        for statement in statements(tables, keys, seed):
            connection.execute(statement)
    return url


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--tables", type=int, default=300)
    parser.add_argument("--keys", type=int, default=600)
    given = parser.parse_args()
    build(given.url, given.tables, given.keys)
