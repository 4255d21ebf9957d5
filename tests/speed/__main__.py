"""Raw copy and synthetic copies of one database: python -m tests.speed [--parents 300000] …"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.speed.measure import Cost, interleaved, ratios, run
from tests.speed.servers import Server, postgres

HERE = Path(__file__).parent
RAW = "raw copy"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parents", type=int, default=300_000, help="customers in the source")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quality", action="append", help="default: balanced and fast")
    given = parser.parse_args()
    with postgres() as server, tempfile.TemporaryDirectory() as folder:
        rows = build(server, given.parents)
        tell(f"{rows:,} rows")
        runs: dict[str, Callable[[], Cost]] = {RAW: lambda: raw_copy(server)}
        for quality in given.quality or ("balanced", "fast"):
            model = Path(folder) / f"{quality}.dbsynth"
            learn(server, model, quality)
            runs[quality] = lambda model=model: made(server, model)
        costs = interleaved(runs, given.rounds, tell)
    for name, (cpu, wall) in ratios(costs, RAW).items():
        tell(f"{name:24s} {cpu:.2f} x CPU, {wall:.2f} x time")
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
    return run([f"{dump} -Fc -Z0 {source} | {restore} -e -d {copy}"], server, is_shell=True)


def learn(server: Server, model: Path, quality: str) -> Cost:
    """Fit a model of the source."""
    words = ["fit", server.url("source"), "-o", str(model), "--quality", quality, "-q"]
    return run([sys.executable, "-m", "dbsynth", *words], server)


def made(server: Server, model: Path) -> Cost:
    """What rows, keys and indexes of the same number take to be made from a model."""
    server.fresh("made")
    return run([sys.executable, "-m", "dbsynth", "generate", str(model), server.url("made"), "-q"], server)


if __name__ == "__main__":
    sys.exit(main())
