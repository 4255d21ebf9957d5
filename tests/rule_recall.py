"""
Measure how many of the known rules are found, and how many found ones are true, kind by kind.

    python -m tests.rule_recall

A rule that was found is true if it holds without exception in a database of the same kind, thirty
times as large and of another seed, and names no decoy.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from sqlglot import exp, parse_one

from dbsynth import run
from dbsynth.adapters import open_source
from dbsynth.ask import Committed
from dbsynth.mining.mine import mine
from dbsynth.plan import Plan
from dbsynth.rules.book import Rule
from dbsynth.rules.language import count_breaks
from dbsynth.sample import read_sample
from dbsynth.urls import resolve
from tests.rule_shops import Shop
from tests.rule_staff import DATABASES

SEEDS, SIZES, LARGER = (1, 2, 3), (400, 1_200), 30


@dataclass
class Tally:
    """Counts by kind."""

    known: Counter[str] = field(default_factory=Counter)
    recalled: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    true: Counter[str] = field(default_factory=Counter)
    mistakes: list[str] = field(default_factory=list)

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.known + other.known,
            self.recalled + other.recalled,
            self.found + other.found,
            self.true + other.true,
            self.mistakes + other.mistakes,
        )

    @property
    def recall(self) -> float:
        return self.recalled.total() / self.known.total()

    @property
    def precision(self) -> float:
        return self.true.total() / self.found.total()


def words(text: str) -> frozenset[str]:
    """The columns that a rule names, with their tables."""
    if "->" in text:
        return frozenset(part.strip().lower() for part in text.replace("->", ",").split(","))
    tree = parse_one(text, read="duckdb")
    return frozenset(c.sql().lower() for c in tree.find_all(exp.Column))


def _closure(rules: tuple[Rule, ...]) -> set[tuple[str, frozenset[str]]]:
    """The pairs of columns whose order follows from `a <= b` of the same table, step by step."""
    ends = [
        (r.table.name, *r.text.lower().split(" <= ")) for r in rules if r.kind.startswith("order")
    ]
    pairs = {e for e in ends if len(e) == 3}
    while True:
        more = {(t, a, d) for t, a, b in pairs for s, c, d in pairs if s == t and b == c} - pairs
        if not more:
            return {(t, frozenset([a, b])) for t, a, b in pairs}
        pairs |= more


def mined(shop: Shop, path: Path) -> tuple[Plan, tuple[Rule, ...]]:
    url = shop.build(path)
    plan = run.plan(url, run.Options(seed=1))
    with open_source(resolve(url, {})) as source:
        return plan, mine(plan, read_sample(plan, source, limit=20_000))


def measured(name: str, seed: int, size: int, folder: Path, larger: int = LARGER) -> Tally:
    """Mine one database, and compare."""
    shop = DATABASES[name](seed, size)
    rules = tuple(r for r in mined(shop, folder / "small.db")[1] if not r.exceptions)
    tally = Tally()
    signed: set[tuple[str, str, frozenset[str]]] = {
        (r.kind, r.table.name, words(r.text)) for r in rules
    }
    before = _closure(rules)
    for kind, table, text in shop.rules:
        tally.known[kind] += 1
        follows = kind.startswith("order") and (table, words(text)) in before
        if follows or (kind, table, words(text)) in signed:
            tally.recalled[kind] += 1
        else:
            tally.mistakes.append(f"{name} {seed} {size} missed {kind}  {table}: {text}")
    fresh = DATABASES[name](seed + 100, size * larger)
    with open_source(resolve(fresh.build(folder / "large.db"), {})) as source:
        asked, schema = Committed(source), source.introspect()
        for rule in rules:
            about = schema.table(rule.table)
            query = count_breaks(rule.text, about, schema, asked.dialect, asked.quote)
            broken = asked.query(query.sql).to_pylist()[0]["broken"]
            is_decoy = any(
                table == rule.table.name and columns <= words(rule.text)
                for table, columns in shop.decoys
            )
            tally.found[rule.kind] += 1
            if broken or is_decoy:
                tally.mistakes.append(f"{name} {seed} {size} wrong {rule.kind}  {rule}  {broken}")
            else:
                tally.true[rule.kind] += 1
    return tally


def main(arguments: list[str]) -> None:
    """Print a table, and every mistake."""
    total = Tally()
    sizes = [int(a) for a in arguments] or list(SIZES)
    with tempfile.TemporaryDirectory() as folder:
        for name in DATABASES:
            for size in sizes:
                for seed in SEEDS:
                    total += measured(name, seed, size, Path(folder))
    out = ["| kind | known | recall | found | precision |", "|---|---|---|---|---|"]
    for kind in sorted(total.known | total.found):
        recall = total.recalled[kind] / total.known[kind] if total.known[kind] else 1.0
        precision = total.true[kind] / total.found[kind] if total.found[kind] else 1.0
        row = f"{total.known[kind]} | {recall:.2f} | {total.found[kind]} | {precision:.2f}"
        out.append(f"| {kind} | {row} |")
    all_found = f"{total.known.total()} | {total.recall:.3f} | {total.found.total()}"
    out.append(f"| all | {all_found} | {total.precision:.3f} |")
    counts = Counter(m for m in total.mistakes)
    sys.stdout.write("\n".join([*out, "", *sorted(counts)]) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
