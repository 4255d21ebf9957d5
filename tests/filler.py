"""Databases to test with: a schema in SQL, and rows that fit whatever keys it declares."""

from __future__ import annotations

import json
import random
import re
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from dbsynth import queries
from dbsynth.adapters import open_source
from dbsynth.graph import waves
from dbsynth.schema import Column, ForeignKey, Schema, Table, TableName
from dbsynth.urls import resolve

CASES = Path(__file__).parent / "schemas"
TRIES = 40  # to find a row that breaks no unique set, before it is left out
ABSENT = 0.15  # share of the optional values that are NULL

_STANDARD_SQL = "SET SESSION sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT', time_zone = '+00:00'"

Row = dict[str, Any]
WORDS = "amber birch cedar delta ember fjord grove heron iris juniper kelp lark moss".split()
FIRST = "Ada Bela Cleo Dora Emil Finn Gus Hana Ivo Juno Kai Lena".split()
LAST = "Abbott Brandt Castell Dvorak Egan Falk Goss Hale Ibsen Jung".split()
LABELS = ("new", "regular", "business", "closed")
SHARES = (8, 5, 3, 1)


@dataclass(frozen=True, slots=True)
class Case:
    """One folder of tests/schemas."""

    name: str

    @property
    def text(self) -> str:
        return _script(self.name)

    @property
    def rows(self) -> dict[str, int]:
        line = re.search(r"^-- Rows: (.*)$", self.text, re.MULTILINE)
        if line is None:  # its own INSERTs fill it
            return {}
        pairs = (pair.rsplit(" ", 1) for pair in line[1].split(", "))
        return {name: int(count) for name, count in pairs}

    @property
    def covers(self) -> list[str]:
        """The lines of coverage.yaml that the case stands for."""
        lines = re.findall(r"^-- Covers: (.*)$", self.text, re.MULTILINE)
        return [line.strip() for part in lines for line in part.split(",")]

    @property
    def since(self) -> int:
        """The version of PostgreSQL that the case needs."""
        line = re.search(r"^-- From: (\d+)$", self.text, re.MULTILINE)
        return int(line[1]) if line else 0

    @property
    def loses(self) -> list[str]:
        """What a clone within PostgreSQL leaves behind, as losses name it."""
        return sorted(re.findall(r"^-- Loses: (.*)$", self.text, re.MULTILINE))

    @property
    def meets(self) -> list[tuple[str, str, str, str]]:
        """Columns that repeat a parent's: child, column, parent, column."""
        return re.findall(r"^-- Meet: (\S+)\.(\S+) = (\S+)\.(\S+)$", self.text, re.MULTILINE)

    def statements(self, dialect: str) -> str | None:
        """The SQL for a dialect; None if the case is for another one, or says `-- Not: dialect`."""
        if re.search(rf"^-- Not: {dialect}\b", self.text, re.MULTILINE):
            return None
        common, *parts = re.split(r"^-- Only: (\w+)$", self.text, flags=re.MULTILINE)
        only = dict(zip(parts[::2], parts[1::2], strict=True))
        if "CREATE" not in common and dialect not in only:
            return None
        return common + only.get(dialect, "")


@cache
def _script(name: str) -> str:
    return (CASES / name / "schema.sql").read_text("utf-8")


@cache
def case_names(dialect: str) -> tuple[str, ...]:
    """The cases that a dialect can hold, whatever its version."""
    names = sorted(path.parent.name for path in CASES.glob("*/schema.sql"))
    held = [name for name in names if Case(name).statements(dialect) is not None]
    return tuple(name for name in held if not Case(name).since)


def newer_case_names() -> list[str]:
    """The cases that need a newer PostgreSQL than the oldest that is supported."""
    names = sorted(path.parent.name for path in CASES.glob("*/schema.sql"))
    return [name for name in names if Case(name).since]


def fill_sqlite(path: Path, script: str, rows: Mapping[str, int], meets: Any = ()) -> str:
    """Make a SQLite database of a script and of rows; returns its URL."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(script)
    url = str(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement, values in _inserts(url, "?", rows, meets):
            connection.executemany(statement, values)
        if rows:  # a case's own rows may be as bad as it likes
            assert [] == connection.execute("PRAGMA foreign_key_check").fetchall()
    return url


def fill_duckdb(path: Path, script: str, rows: Mapping[str, int], meets: Any = ()) -> str:
    """Make a DuckDB database of a script and of rows; returns its URL."""
    import duckdb

    with duckdb.connect(str(path)) as connection:
        connection.execute(script)
    url = str(path)
    inserts = _inserts(url, "?", rows, meets)
    with duckdb.connect(url) as connection:
        for statement, values in inserts:
            for row in values:  # DuckDB looks for parents among the rows of earlier statements
                connection.execute(statement, row)
    return url


def fill_postgresql(url: str, script: str, rows: Mapping[str, int], meets: Any = ()) -> str:
    """Make a PostgreSQL database of a script and of rows; returns its URL."""
    import psycopg

    with psycopg.connect(url) as connection:
        connection.execute(script)
        connection.commit()
        inserts = _inserts(url, "%s", rows, meets)
        connection.execute("SET session_replication_role = replica")  # cycles need no order
        for statement, values in inserts:
            connection.cursor().executemany(statement, values)
    return url


def fill_mysql(url: str, script: str, rows: Mapping[str, int], meets: Any = ()) -> str:
    """Make a MariaDB or MySQL database of a script in standard SQL and of rows; returns its URL."""
    import pymysql
    from pymysql.constants import CLIENT

    parts = urlsplit(url)
    connection = pymysql.connect(
        host=parts.hostname, port=parts.port or 3306, user=unquote(parts.username or ""),
        password=unquote(parts.password or ""), database=parts.path.strip("/"),
        client_flag=CLIENT.MULTI_STATEMENTS, autocommit=True, init_command=_STANDARD_SQL,
    )  # fmt: skip
    with connection, connection.cursor() as cursor:
        cursor.execute(script)
        while cursor.nextset():
            pass
        cursor.execute("SET SESSION sql_mode = 'STRICT_ALL_TABLES', foreign_key_checks = 0")
        for statement, values in _inserts(url, "%s", rows, meets):
            cursor.executemany(statement, values)
    return url


def build(name: str, url_or_path: str | Path) -> str:
    """Make one case's database: a path means SQLite, a URL what its scheme says."""
    case = Case(name)
    if str(url_or_path).startswith("mysql:"):
        return fill_mysql(str(url_or_path), case.statements("mysql") or "", case.rows, case.meets)
    if isinstance(url_or_path, Path) and url_or_path.suffix == ".duckdb":
        return fill_duckdb(url_or_path, case.statements("duckdb") or "", case.rows, case.meets)
    if isinstance(url_or_path, Path):
        return fill_sqlite(url_or_path, case.statements("sqlite") or "", case.rows, case.meets)
    return fill_postgresql(url_or_path, case.statements("postgresql") or "", case.rows, case.meets)


def _inserts(
    url: str, mark: str, rows: Mapping[str, int], meets: Sequence[tuple[str, str, str, str]]
) -> list[tuple[str, list[list[Any]]]]:
    with open_source(resolve(url)) as source:
        schema = source.introspect()
    found = []
    for name, filled in Filler(schema, rows, meets).fill().items():
        table = schema.table(name)
        columns = [c for c in table.written_columns if c.identity != "always"]
        quoted = [queries.identifier(schema.dialect, c.name) for c in columns]
        quoted = [q.replace("%", "%%") for q in quoted] if mark == "%s" else quoted
        into = ".".join(queries.identifier(schema.dialect, part) for part in name if part)
        into = into.replace("%", "%%") if mark == "%s" else into
        statement = (
            f"INSERT INTO {into} ({', '.join(quoted)}) VALUES ({', '.join([mark] * len(columns))})"
        )
        if columns:
            found.append((statement, [[row[c.name] for c in columns] for row in filled]))
    return found


@dataclass
class Filler:
    """Fills tables parents first; keys that close cycles last."""

    schema: Schema
    rows: Mapping[str, int]
    meets: Sequence[tuple[str, str, str, str]] = ()
    filled: dict[TableName, list[Row]] = field(default_factory=dict)

    def fill(self) -> dict[TableName, list[Row]]:
        """Make the rows of all tables."""
        from dbsynth.graph import cut_keys

        self.cut = set(cut_keys(self.schema))
        numbered = waves(self.schema, self.cut)
        for name in sorted(numbered, key=lambda n: (numbered[n], n)):
            self._fill_table(self.schema.table(name))
        for child, key_name in sorted(self.cut):
            key = next(k for k in self.schema.table(child).foreign_keys if k.name == key_name)
            rng = random.Random(f"{child.name}/{key.columns}")
            self._close(self.schema.table(child), key, rng)
        return self.filled

    def _close(self, table: Table, key: ForeignKey, rng: random.Random) -> None:
        """Set a key that closes a cycle; rows that would repeat a unique set stay without."""
        seen: dict[tuple[str, ...], set[tuple[Any, ...]]] = {
            u: set() for u in table.unique_sets if set(u) & set(key.columns)
        }
        for row in self.filled[table.name]:
            before = dict(row)
            self._point(table, row, key, rng, self.filled[key.parent])
            keys = {u: tuple(row[c] for c in u) for u in seen}
            if any(None not in k and k in seen[u] for u, k in keys.items()):
                row.update(before)
                keys = {u: tuple(row[c] for c in u) for u in seen}
            for unique, taken in keys.items():
                seen[unique].add(taken)

    def _fill_table(self, table: Table) -> None:
        rng = random.Random(table.name.name)
        wanted = self.rows.get(str(table.name).removeprefix("public."), 0)
        made: list[Row] = []
        self.filled[table.name] = made
        seen: dict[tuple[str, ...], set[tuple[Any, ...]]] = {u: set() for u in table.unique_sets}
        for _ in range(wanted):
            for _ in range(TRIES):
                row = self._row(table, rng, len(made))
                keys = {u: tuple(row[c] for c in u) for u in seen}
                if self._is_whole(table, row) and all(
                    None in k or k not in seen[u] for u, k in keys.items()
                ):
                    made.append(row)
                    for unique, key in keys.items():
                        seen[unique].add(key)
                    break

    def _is_whole(self, table: Table, row: Row) -> bool:
        """Whether all is there that must be; keys that close cycles come later."""
        late = {
            c for k in table.foreign_keys if (table.name, k.name) in self.cut for c in k.columns
        }
        return all(
            row[c.name] is not None or c.is_nullable or c.name in late
            for c in table.written_columns
        )

    def _row(self, table: Table, rng: random.Random, number: int) -> Row:
        row: Row = {}
        keys = sorted(table.foreign_keys, key=lambda k: (k.is_self, -len(k.columns), k.columns))
        keyed = {c for k in keys for c in k.columns}
        for column in table.written_columns:
            if column.name not in keyed:
                row[column.name] = _value(table, column, rng, number)
        for key in keys:
            if (table.name, key.name) not in self.cut:
                self._point(table, row, key, rng, self.filled[key.parent])
        return {c.name: row.get(c.name) for c in table.written_columns}

    def _point(
        self, table: Table, row: Row, key: ForeignKey, rng: random.Random, parents: list[Row]
    ) -> None:
        """Let a key lead to a parent that agrees with the columns that are set already."""
        optional = [c for c in key.columns if table.column(c).is_nullable]
        if optional and rng.random() < ABSENT:
            for column in optional:
                row.setdefault(column, None)
            return
        pairs = list(zip(key.columns, key.parent_columns, strict=True))
        closes = (table.name, key.name) in self.cut
        fixed = [] if closes else [(c, p) for c, p in pairs if row.get(c) is not None]
        fits = parents
        if fixed:
            fits = [x for x in parents if all(x[p] == row[c] for c, p in fixed)]
        if not fits:
            for column in key.columns:
                row.setdefault(column, None)
            return
        parent = fits[min(int(rng.expovariate(3 / len(fits))), len(fits) - 1)]
        row |= {c: parent[p] for c, p in pairs}
        for child, column, owner, owner_column in self.meets:
            if (table.name.name, key.parent.name) == (child, owner):
                row[column] = parent[owner_column]


def _value(table: Table, column: Column, rng: random.Random, number: int) -> Any:
    unique = any(column.name in u for u in table.unique_sets)
    if column.is_nullable and rng.random() < ABSENT:
        return None
    kind = column.type.kind
    if kind == "string":
        return _text(column, rng, number, unique)[: column.type.length]
    if kind == "integer":
        alone = (column.name,) in table.unique_sets or table.primary_key == (column.name,)
        return number + 1 if alone else rng.randint(1, 60)
    if kind in ("decimal", "float"):
        places = column.type.scale or 2
        return round(rng.lognormvariate(3, 0.6), places)
    if kind == "enum":
        return rng.choice(column.type.labels)
    return _plain(column, rng, number)


def _plain(column: Column, rng: random.Random, number: int) -> Any:
    """A value of a type that has neither labels nor lengths."""
    kind = column.type.kind
    if kind == "boolean":
        return rng.random() < 0.7
    if kind == "date":
        return str(date(2019, 1, 1) + timedelta(days=rng.randint(0, 2000)))
    if kind in ("timestamp", "timestamptz"):
        moment = datetime(2019, 1, 1) + timedelta(seconds=rng.randint(0, 10**8))  # noqa: DTZ001
        return str(moment)
    if kind == "time":
        return f"{rng.randint(6, 20):02}:{rng.choice((0, 15, 30)):02}:00"
    if kind == "uuid":
        return f"{rng.getrandbits(128):032x}"
    if kind == "json":
        return json.dumps({"n": number})
    if kind == "bytes":
        return rng.randbytes(rng.randint(1, min(8, column.type.length or 8)))
    return {"interval": "1 day", "text[]": "{a,b}"}.get(column.type.native)


def _text(column: Column, rng: random.Random, number: int, unique: bool) -> str:
    name = column.name.lower()
    if "status" in name:
        return rng.choices(LABELS, SHARES)[0]
    if "email" in name:
        return f"{rng.choice(FIRST)}.{rng.choice(LAST)}{number}@example.org".lower()
    if "name" in name:
        return rng.choice(FIRST if "first" in name else LAST)
    if name.startswith("number"):
        return f"{rng.lognormvariate(3, 0.6):.2f}"
    if name.startswith("date"):
        return str(date(2019, 1, 1) + timedelta(days=rng.randint(0, 900)))
    if "code" in name or (column.type.length or 99) <= 4:
        order = number if unique and "code" in name else rng.randint(0, 7)
        return f"{chr(65 + order % 26)}{order // 26}{chr(75 + order % 7)}"
    if "label" in name:
        return f"{rng.choice(WORDS)} {rng.choice(WORDS)}" + (f" {number}" if unique else "")
    return " ".join(rng.choices(WORDS, k=rng.randint(2, 9)))
