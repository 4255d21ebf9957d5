"""
Writing alone, next to each database's own way to copy rows: python -m tests.speed.targets MODEL.

Rows are made before anything is measured.  Both sides end with the same rows under the same primary
keys, uniques and indexes; dbsynth's also with foreign keys, which it checks.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

import duckdb

from dbsynth import modelfile
from dbsynth.adapters import open_target
from dbsynth.generate import generate
from dbsynth.landing import land, survey
from dbsynth.plan import Plan
from dbsynth.progress import silent
from dbsynth.schema import Backfill, Batch
from dbsynth.urls import resolve
from dbsynth.write import write
from tests.speed.servers import TICKS

MYSQL = os.environ.get("DBSYNTH_TEST_MYSQL_URL", "mysql://root@127.0.0.1:3306/")
DATABASE = "dbsynth_bench"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    model = modelfile.load(given.model)
    made = list(generate(model, scale=given.scale))
    rows = sum(b.rows.num_rows for b in made)
    sys.stdout.write(
        f"{rows:,} rows\n| | own copy, CPU s | dbsynth, CPU s | ratio |\n|---|---|---|---|\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        for name, measure in (("DuckDB", in_duckdb), ("SQLite", in_sqlite), ("MariaDB", in_mysql)):
            pairs = [measure(model.plan, made, Path(folder)) for _ in range(given.rounds)]
            raw, ours = sorted(pairs, key=lambda p: p[1] / p[0])[len(pairs) // 2]
            sys.stdout.write(f"| {name} | {raw:.2f} | {ours:.2f} | {ours / raw:.2f} |\n")
    return 0


def load(plan: Plan, made: Iterable[Batch | Backfill], url: str) -> None:
    """Write rows with all keys and indexes, and commit."""
    place = resolve(url, {})
    with open_target(place) as target:
        target.check()
        landing = land(target, plan, survey(target, place, replace=True), replace=True)
        write(plan, iter(made), target, landing=landing, progress=silent)
        target.record({"run_id": "bench"})
        target.commit()


def taken(work: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """Processor seconds that work takes."""
    before = clock()
    work()
    return clock() - before


def in_duckdb(plan: Plan, made: list[Batch], folder: Path) -> tuple[float, float]:
    """COPY FROM DATABASE from one file into another, keys included; what dbsynth takes."""
    ours, other = folder / "ours.duckdb", folder / "other.duckdb"
    spent = taken(lambda: load(plan, made, str(ours)))
    with duckdb.connect(config={"threads": "1"}) as connection:
        connection.execute(f"ATTACH '{ours}' AS ours (READ_ONLY)")
        connection.execute(f"ATTACH '{other}' AS other")

        def copy() -> None:
            connection.execute("COPY FROM DATABASE ours TO other")
            connection.execute("CHECKPOINT other")

        raw = taken(copy)
    for path in (ours, other):
        path.unlink()
    return raw, spent


def in_sqlite(plan: Plan, made: list[Batch], folder: Path) -> tuple[float, float]:
    """INSERT … SELECT from one file into another with the same tables; what dbsynth takes."""
    ours, other = folder / "ours.sqlite", folder / "other.sqlite"
    spent = taken(lambda: load(plan, made, str(ours)))
    connection = sqlite3.connect(other)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("ATTACH ? AS ours", (str(ours),))
    wanted = (
        "SELECT sql FROM ours.sqlite_master WHERE tbl_name IN ('customer', 'orders') AND sql > ''"
    )
    for (sql,) in connection.execute(wanted).fetchall():
        connection.execute(sql)

    def copy() -> None:
        for table in ("customer", "orders"):
            connection.execute(f"INSERT INTO main.{table} SELECT * FROM ours.{table}")
        connection.commit()

    raw = taken(copy)
    connection.close()
    for path in (ours, other):
        path.unlink()
    return raw, spent


def in_mysql(plan: Plan, made: list[Batch], folder: Path) -> tuple[float, float]:
    """LOAD DATA of the same rows into tables with the same keys; what dbsynth takes."""
    import pymysql

    place = urlsplit(MYSQL)
    process = int(subprocess.check_output(["pidof", "mariadbd", "mysqld"]).split()[0])

    def clock() -> float:
        fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS + time.process_time()

    connection = pymysql.connect(
        host=place.hostname or "127.0.0.1",
        port=place.port or 3306,
        user=unquote(place.username or "root"),
        password=unquote(place.password or ""),
        local_infile=True,
        autocommit=True,
    )
    cursor = connection.cursor()
    cursor.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
    cursor.execute(f"CREATE DATABASE {DATABASE}")
    try:
        spent = taken(lambda: load(plan, made, f"{MYSQL.rstrip('/')}/{DATABASE}"), clock)
        cursor.execute(f"USE {DATABASE}")
        for table in ("customer", "orders"):
            cursor.execute(f"CREATE TABLE raw_{table} LIKE {table}")
            _to_file(cursor, table, folder / f"{table}.tsv")

        def copy() -> None:
            for table in ("customer", "orders"):
                path = folder / f"{table}.tsv"
                cursor.execute(f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE raw_{table}")

        return taken(copy, clock), spent
    finally:
        cursor.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
        connection.close()


def _to_file(cursor: object, table: str, path: Path) -> None:
    cursor.execute(f"SELECT * FROM {table}")  # type: ignore[attr-defined]
    with path.open("w", encoding="utf-8") as file:
        for row in cursor:  # type: ignore[attr-defined]
            file.write("\t".join("\\N" if v is None else str(v) for v in row) + "\n")


if __name__ == "__main__":
    sys.exit(main())
