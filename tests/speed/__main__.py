"""
Raw copy and synthetic copies of one database: python -m tests.speed [--parents 300000] …

Everything runs on a PostgreSQL server of the bench's own.  Processor seconds are those of the
program and of the whole server; the model is fitted before, as it would be for many copies.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.speed.measure import Cost, interleaved, run
from tests.speed.report import Series, write_report
from tests.speed.servers import Server, postgres

HERE = Path(__file__).parent
RAW = "pg_dump -Fc -Z0 \\| pg_restore"
MADE = {"balanced": "dbsynth generate", "fast": "dbsynth generate, fitted with --quality fast"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parents", type=int, default=300_000, help="customers in the source")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quality", action="append", choices=list(MADE), help="default: both")
    parser.add_argument("--millions", type=float, action="append", help="rows of the scale series")
    parser.add_argument("--out", type=Path, help="folder for bench.md and bench.svg")
    given = parser.parse_args()
    with postgres() as server, tempfile.TemporaryDirectory() as folder:
        rows = build(server, given.parents)
        tell(f"{rows:,} rows")
        runs: dict[str, Callable[[], Cost]] = {RAW: partial(raw_copy, server)}
        fits, models = {}, {}
        for quality in given.quality or MADE:
            models[quality] = Path(folder) / f"{quality}.dbsynth"
            fits[quality] = learn(server, models[quality], quality)
            runs[MADE[quality]] = partial(made, server, models[quality], 1.0)
        costs = interleaved(runs, given.rounds, tell)
        series: Series = []
        for millions in given.millions or ():
            cost = made(server, models["balanced"], millions * 1e6 / rows)
            series.append((millions, cost))
            tell(f"{millions:g} million rows: {cost.cpu:.1f} CPU s, {cost.memory / 1e6:.0f} MB")
        server.drop("source")
    write_report(rows, costs, RAW, fits, series, given.out)
    return 0


def tell(line: str) -> None:
    """Say something at once."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def build(server: Server, parents: int) -> int:
    """Make the source; returns how many rows it has."""
    server.fresh("source")
    script = (HERE / "shop.sql").read_text("utf-8").replace("{parents}", str(parents))
    server.run("psql", "-qXd", "source", "-v", "ON_ERROR_STOP=1", text=script)
    counted = "SELECT (SELECT count(*) FROM customer) + (SELECT count(*) FROM orders)"
    return int(server.run("psql", "-AtXd", "source", "-c", counted))


def raw_copy(server: Server) -> Cost:
    """What the database's own tools take to copy it."""
    server.fresh("copy")
    dump, restore = server.programs / "pg_dump", server.programs / "pg_restore"
    source, copy = server.url("source"), server.url("copy")
    cost = run([f"{dump} -Fc -Z0 {source} | {restore} -e -d {copy}"], server, is_shell=True)
    server.drop("copy")
    return cost


def learn(server: Server, model: Path, quality: str) -> Cost:
    """Fit a model of the source."""
    words = ["fit", server.url("source"), "-o", str(model), "--quality", quality, "-q"]
    cost = run([*_dbsynth(), *words], server)
    tell(f"fit, {quality}: {cost.cpu:.1f} CPU s, {cost.memory / 1e6:.0f} MB")
    return cost


def made(server: Server, model: Path, scale: float) -> Cost:
    """What it takes to make as many rows from a model, with all keys, indexes and checks."""
    server.fresh("made")
    words = ["generate", str(model), server.url("made"), "-q", "--scale", repr(scale)]
    cost = run([*_dbsynth(), *words], server)
    server.drop("made")
    return cost


def _dbsynth() -> list[str]:
    os.environ["DBSYNTH_PG_DUMP"] = os.environ.get("DBSYNTH_PG_DUMP", "pg_dump")
    return [sys.executable, "-m", "dbsynth"]


if __name__ == "__main__":
    sys.exit(main())
