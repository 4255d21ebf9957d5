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
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from tests.speed.measure import Cost, interleaved, run
from tests.speed.report import Series, write_report
from tests.speed.servers import Server, postgres

HERE = Path(__file__).parent
RAW = "pg_dump -Fc -Z0 \\| pg_restore"
MADE = {
    "balanced": ("dbsynth generate", ()),
    "plain": ("dbsynth generate, fitted with --no-rules", ("--no-rules",)),
    "fast": ("dbsynth generate, fitted with --quality fast", ("--quality", "fast")),
    "plain fast": ("dbsynth generate, fitted with both", ("--no-rules", "--quality", "fast")),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parents", type=int, default=300_000, help="customers in the source")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", action="append", choices=list(MADE), help="default: all")
    parser.add_argument("--millions", type=float, action="append", help="rows of the scale series")
    parser.add_argument("--out", type=Path, help="folder for bench.md and bench.svg")
    given = parser.parse_args()
    with postgres() as server, tempfile.TemporaryDirectory() as folder:
        rows = build(server, given.parents)
        tell(f"{rows:,} rows")
        runs: dict[str, Callable[[], Cost]] = {RAW: partial(raw_copy, server)}
        fits, models = {}, {}
        for name in given.model or MADE:
            title, options = MADE[name]
            models[name] = Path(folder) / f"{name.replace(' ', '-')}.dbsynth"
            fits[name] = learn(server, models[name], options)
            runs[title] = partial(made, server, models[name], 1.0)
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


def learn(server: Server, model: Path, options: Sequence[str]) -> Cost:
    """Fit a model of the source."""
    words = ["fit", server.url("source"), "-o", str(model), *options, "--no-cache", "-q"]
    cost = run([*_dbsynth(), *words], server)
    tell(f"fit {' '.join(options)}: {cost.cpu:.1f} CPU s, {cost.memory / 1e6:.0f} MB")
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
    # Modules of an installed package are compiled; so are these, by the first run.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(Path(tempfile.gettempdir()) / "dbsynth-bench-modules")
    return [sys.executable, "-m", "dbsynth"]


if __name__ == "__main__":
    sys.exit(main())
