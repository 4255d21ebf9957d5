"""Columns, pairs of columns inside a table, and pairs of columns along chains of keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from dbsynth.evaluation.bench import Bench, thin
from dbsynth.evaluation.measures import (
    Kept,
    Mask,
    halves,
    kept_dependence,
    ks_distance,
    tv_distance,
)
from dbsynth.evaluation.reading import Side
from dbsynth.evaluation.scores import ColumnScore, PairScore, PathScore
from dbsynth.evaluation.views import View
from dbsynth.features import Floats, Ints
from dbsynth.schema import ForeignKey, TableName

PAIR_ROWS = 50_000  # of each side, from which dependences are measured
PAIR_COLUMNS = 16  # of a table whose pairs are looked at, the first ones
HOPS = 3
RULE = 0.98  # an order of two dates that so many real rows keep is a rule
_PATHS = 150
_FEW = 20  # rows that tell nothing of a dependence or an order


def column_scores(bench: Bench, name: TableName) -> tuple[ColumnScore, ...]:
    """Compare each column's distribution, NULLs apart."""
    return tuple(_column(v, bench.views[name].rows[1]) for v in bench.views[name].columns.values())


def _column(view: View, made_rows: int) -> ColumnScore:
    shape = None
    if view.kind == "category":
        shape = 1 - tv_distance(view.real, view.made)
    elif view.kind != "opaque":
        shape = 1 - ks_distance(view.real, view.made)
    nulls = 1 - abs(view.nulls[0] - view.nulls[1]) if made_rows else 0.0
    return ColumnScore(name=view.name, kind=view.kind, shape=shape, nulls=nulls)


def pair_scores(bench: Bench, name: TableName) -> tuple[PairScore, ...]:
    """Measure how much of the dependence between the columns of a table is kept."""
    table = bench.views[name]
    if table.rows[0] < _FEW:
        return ()
    here, there = (thin(n, PAIR_ROWS, bench.seed) for n in table.rows[:2])
    cuts = halves(bench.clusters(name)[here], bench.seed)
    found = []
    for left, right in combinations(table.learned[:PAIR_COLUMNS], 2):
        kept = _kept(left, right, (here, here), (there, there), cuts)
        if kept is not None:
            found.append(PairScore.of(left.name, right.name, kept))
    return worst_first(found)


def worst_first(pairs: Sequence[PairScore]) -> tuple[PairScore, ...]:
    """Sort pairs by how much of the dependence is lost."""
    return tuple(sorted(pairs, key=lambda p: (p.kept - 1) * p.strength))


def _kept(
    left: View,
    right: View,
    real: tuple[Ints, Ints],
    made: tuple[Ints, Ints],
    cuts: Sequence[Mask],
) -> Kept | None:
    """Measure one pair; `real` and `made` are row numbers in the two columns' tables."""
    return kept_dependence(
        (left.codes[0][real[0]], right.codes[0][real[1]]),
        (left.codes[1][made[0]], right.codes[1][made[1]]),
        (left.size, right.size),
        cuts,
    )


def rule_scores(bench: Bench, name: TableName) -> tuple[PairScore, ...]:
    """Measure how many rows keep an order of two dates that nearly all real rows keep."""
    dates = [v for v in bench.views[name].learned if v.kind == "date"]
    found = []
    for left, right in combinations(dates, 2):
        for one, other in ((left, right), (right, left)):
            score = date_rule(one, other, (one.real, other.real), (one.made, other.made))
            found += [score] if score else []
    return tuple(found)


def date_rule(
    one: View, other: View, real: tuple[Floats, Floats], made: tuple[Floats, Floats]
) -> PairScore | None:
    """Compare how often the first date is not after the second; None if that is no rule."""
    shares = [_share_in_order(*dates) for dates in (real, made)]
    if shares[0] is None or shares[0] < RULE:
        return None
    kept = min(1.0, (shares[1] or 0.0) / shares[0])
    return PairScore(left=one.name, right=other.name, kept=kept, strength=shares[0])


def _share_in_order(first: Floats, second: Floats) -> float | None:
    """How many of the rows that have both dates have them in order; None for hardly any rows."""
    known = ~(np.isnan(first) | np.isnan(second))
    return float(np.mean(first[known] <= second[known])) if known.sum() >= _FEW else None


def path_scores(bench: Bench) -> tuple[PathScore, ...]:
    """Measure how much of the dependences between tables is kept, over one to three keys."""
    found = []
    for path in _paths(bench):
        low, top = path[0].child, path[-1].parent
        if low in bench.copied and top in bench.copied:
            continue
        ends = [(bench.views[n].learned[:PAIR_COLUMNS]) for n in (top, low)]
        if not all(ends):
            continue
        tables = (low, *(k.parent for k in path))
        pairs = worst_first(list(_path_pairs(bench, path, (ends[0], ends[1]))))
        found.append(PathScore(tables=tables, keys=tuple(k.name for k in path), pairs=pairs))
    return tuple(found)


def _path_pairs(
    bench: Bench, path: Sequence[ForeignKey], ends: tuple[list[View], list[View]]
) -> Iterator[PairScore]:
    low, top = path[0].child, path[-1].parent
    real, made = (_linked(side, path, bench.seed) for side in (bench.real, bench.made))
    if not len(real[0]):
        return
    above = np.full(len(bench.real.rows[low]), -1, np.int64)
    above[real[1]] = real[0]
    parents = None if top in bench.copied else above
    cuts = halves(bench.clusters(low, parents)[real[1]], bench.seed)
    for upper in ends[0]:
        for lower in ends[1]:
            kept = _kept(upper, lower, real, made, cuts)
            if kept is not None:
                yield PairScore.of(f"{top}.{upper.name}", f"{low}.{lower.name}", kept)


def climb(side: Side, path: Sequence[ForeignKey]) -> Ints:
    """Find each row's ancestor along a chain of keys; -1 where none was read."""
    place = np.arange(len(side.rows[path[0].child]), dtype=np.int64)
    for key in path:
        above = side.parents[key.child, key.name]
        known = place >= 0
        place[known] = above[place[known]]
    return place


def _linked(side: Side, path: Sequence[ForeignKey], seed: int) -> tuple[Ints, Ints]:
    """Row numbers of ancestors, and of the rows below them, some of them."""
    top = climb(side, path)
    rows = np.flatnonzero(top >= 0)
    rows = rows[thin(len(rows), PAIR_ROWS, seed)]
    return top[rows], rows


def _paths(bench: Bench) -> list[tuple[ForeignKey, ...]]:
    """List the chains of keys, the short ones first; none comes by a table twice."""
    found: list[tuple[ForeignKey, ...]] = []
    last: list[tuple[ForeignKey, ...]] = [(key,) for key in bench.keys if not key.is_self]
    for _ in range(HOPS):
        found += last
        last = [
            (*path, key)
            for path in last
            for key in bench.plan.schema.table(path[-1].parent).foreign_keys
            if key.parent not in (path[0].child, *(k.parent for k in path))
        ]
    return found[:_PATHS]
