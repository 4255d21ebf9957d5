"""
Measure how many of the rules that are found in generated databases hold in their copies.

    python -m tests.rule_kept [ENGINE] [SIZE…]
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

from dbsynth import run
from dbsynth.rulecheck import Checked
from tests.rule_staff import DATABASES

SEEDS, SIZES = (1, 2, 3), (400, 1_200)


def cloned(name: str, seed: int, size: int, folder: Path, engine: str | None) -> run.Run:
    """Clone one database to DuckDB."""
    url = DATABASES[name](seed, size).build(folder / "shop.db")
    options = run.Options(seed=seed, engine=engine, quality="fast", replace=True)
    return run.clone(url, f"duckdb:///{folder}/copy.duckdb", options)


def broken(checked: tuple[Checked, ...]) -> list[str]:
    """The rules that do not hold, or could not be counted."""
    told = [c for c in checked if not c.is_kept]
    return [f"{c.rule.kind}  {c.rule}  {c.broken} of {c.rows} {c.why}" for c in told]


def main(arguments: list[str]) -> None:
    """Print a table, and every rule that is broken."""
    engine = next((a for a in arguments if not a.isdigit()), "marginal")
    sizes = [int(a) for a in arguments if a.isdigit()] or list(SIZES)
    found: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for name in DATABASES:
            for size in sizes:
                for seed in SEEDS:
                    rules = cloned(name, seed, size, Path(folder), engine).rules
                    found.update(c.rule.kind for c in rules)
                    kept.update(c.rule.kind for c in rules if c.is_kept)
                    lines += [f"{name} {seed} {size} {line}" for line in broken(rules)]
    table = ["| kind | found | kept |", "|---|---|---|"]
    table += [f"| {kind} | {found[kind]} | {kept[kind]} |" for kind in sorted(found)]
    table += [f"| all | {found.total()} | {kept.total()} |"]
    sys.stdout.write("\n".join([*table, "", *lines]) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
