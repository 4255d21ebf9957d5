"""Parents and their children: how many, how alike, in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from dbsynth import queries
from dbsynth.ask import Committed, about, complete_sql, own_rows
from dbsynth.evaluation.bench import Bench
from dbsynth.evaluation.fidelity import date_rule, worst_first
from dbsynth.evaluation.measures import (
    Mask,
    halves,
    intraclass,
    kept_number,
    ks_distance,
    lag_correlation,
    lag_same_rate,
    noise_scale,
    same_rate,
    weighted_ks,
)
from dbsynth.evaluation.reading import Lens, Side
from dbsynth.evaluation.scores import KeyScore, PairScore
from dbsynth.evaluation.views import View
from dbsynth.features import Floats, Ints
from dbsynth.schema import ForeignKey, TableName

if TYPE_CHECKING:
    from dbsynth.adapters.base import Source

FEWEST_PARENTS = 20  # of which a distribution of children counts
_COMPLETE = 0.9  # share of rows that must have a date for it to order siblings

Coefficient = Callable[[Floats, Ints], float | None]


def fanouts(
    source: Source, lenses: Mapping[TableName, Lens], key: ForeignKey
) -> tuple[Floats, Floats]:
    """
    Count in SQL how many parents have how many children, over all rows.

    Args:
        source: either side, entered.
        lenses: how this side calls the tables.
        key: in the source's names.

    Returns:
        different numbers of children, zero included, and how many parents have each.
    """
    asked, child, parent = Committed(source), lenses[key.child], lenses[key.parent]
    here = replace(
        key,
        columns=tuple(child.columns[c] for c in key.columns),
        when=key.when and replace(key.when, column=child.columns[key.when.column]),
    )
    slots = {
        "child": own_rows(asked, child.table.name),
        "complete": complete_sql(source.dialect, here),
        "columns": ", ".join(queries.identifier(source.dialect, c) for c in here.columns),
    }
    with about(child.table.name):
        told = asked.query(queries.render(queries.get("evaluate", "fanouts"), slots))
    often, parents = (np.asarray(column.cast("float64")) for column in told.columns)
    childless = max(0.0, parent.rows - parents.sum())
    return np.append(often, 0.0), np.append(parents, childless)


def key_score(
    bench: Bench,
    key: ForeignKey,
    counts: tuple[tuple[Floats, Floats], tuple[Floats, Floats]],
) -> KeyScore:
    """
    Compare one key's families.

    Args:
        counts: what `fanouts` found, in source and target.
    """
    totals = [often.sum() for _, often in counts]
    empty = [
        often[-1] / total if total else 1.0
        for (_, often), total in zip(counts, totals, strict=True)
    ]
    averages = [
        float((many * often).sum() / total) if total else 0.0
        for (many, often), total in zip(counts, totals, strict=True)
    ]
    is_told = bench.real.counts[key.child] > 0 and bool(totals[0] >= FEWEST_PARENTS)
    made = KeyScore(
        key=key,
        is_scored=is_told and not {key.child, key.parent} <= bench.copied,
        cardinality=1 - weighted_ks((counts[0][0], counts[1][0]), (counts[0][1], counts[1][1])),
        childless=1 - abs(empty[0] - empty[1]),
        children=(averages[0], averages[1]),
    )
    if key.child in bench.copied or not len(bench.real.rows[key.child]):
        return made
    return _with_siblings(bench, replace(made, rules=tuple(_rules(bench, key))))


def _with_siblings(bench: Bench, score: KeyScore) -> KeyScore:
    """Measure what siblings have in common, and their order in time."""
    key = score.key
    groups = [
        _groups(side, key, bench.views[key.child].rows[i]) for i, side in enumerate(_sides(bench))
    ]
    if key.parent in bench.copied or not _has_siblings(groups[0]):
        return score
    score = replace(score, siblings=worst_first(list(_alike(bench, key, groups, _likeness))))
    order = order_column(bench, key)
    if order is None or not bench.has_families(key):
        return score
    times = [
        _in_time(values, parents) for values, parents in zip(_values(order), groups, strict=True)
    ]
    gaps = [
        _gaps(values[rows], parents[rows])
        for values, parents, rows in zip(_values(order), groups, times, strict=True)
    ]
    lags = [p for p in _alike(bench, key, groups, _lag, times) if p.left != order.name]
    return replace(
        score,
        order_by=order.name,
        gaps=1 - ks_distance(gaps[0], gaps[1]) if len(gaps[0]) else None,
        lags=worst_first(lags),
    )


def _sides(bench: Bench) -> tuple[Side, Side]:
    return bench.real, bench.made


def _groups(side: Side, key: ForeignKey, rows: int) -> Ints:
    """Whose child each row is; -1 where the parent is not known, or it is its own."""
    return side.parents.get((key.child, key.name), np.full(rows, -1, np.int64))


def _has_siblings(groups: Ints) -> bool:
    known = groups[groups >= 0]
    return len(known) > 1.2 * max(1, len(np.unique(known)))


def _values(view: View) -> tuple[Floats, Floats]:
    return view.real, view.made


def _alike(
    bench: Bench,
    key: ForeignKey,
    groups: list[Ints],
    measure: Callable[[View], Coefficient],
    orders: list[Ints] | None = None,
) -> Iterator[PairScore]:
    """Compare a coefficient of each column, sampling noise between halves of parents deducted."""
    rows = orders or [np.arange(len(g)) for g in groups]
    used = [g[r] for g, r in zip(groups, rows, strict=True)]
    parents = [len(np.unique(g[g >= 0])) for g in used]
    cuts = halves(used[0], bench.seed)
    for view in bench.views[key.child].learned:
        if view.name in key.columns:
            continue
        get = measure(view)
        values = [v[r] for v, r in zip(_values(view), rows, strict=True)]
        real, made = (get(v, g) for v, g in zip(values, used, strict=True))
        spread = _spread(get, values[0], used[0], cuts) if real is not None else 0.0
        kept = kept_number(real, made, spread, noise_scale(parents[0], parents[1]))
        if kept is not None:
            yield PairScore.of(view.name, str(key.parent), kept)


def _spread(get: Coefficient, values: Floats, groups: Ints, cuts: list[Mask]) -> float:
    """How far a coefficient of random halves of the families is apart, on average."""
    apart = []
    for half in cuts:
        one, other = get(values[half], groups[half]), get(values[~half], groups[~half])
        if one is not None and other is not None:
            apart.append(abs(one - other))
    return float(np.mean(apart)) if apart else 1.0


def _likeness(view: View) -> Coefficient:
    return same_rate if view.kind == "category" else intraclass


def _lag(view: View) -> Coefficient:
    return lag_same_rate if view.kind == "category" else lag_correlation


def order_column(bench: Bench, key: ForeignKey) -> View | None:
    """Choose the column that orders siblings in time: the plan's, else the first complete date."""
    views = bench.views[key.child].columns
    planned = bench.plan.tables[key.child].order_by
    if bench.is_owner(key) and planned in views and views[planned].kind in ("number", "date"):
        return views[planned]
    for view in views.values():
        is_told = view.kind == "date" and "birth" not in view.name.lower()
        if is_told and view.nulls[0] <= 1 - _COMPLETE and view.name not in key.columns:
            return view
    return None


def _in_time(values: Floats, groups: Ints) -> Ints:
    """Rows that have a parent and a date, siblings together and in order."""
    rows = np.flatnonzero((groups >= 0) & ~np.isnan(values))
    return rows[np.lexsort((rows, values[rows], groups[rows]))]


def _gaps(values: Floats, groups: Ints) -> Floats:
    """What lies between each row and the next one of its parent."""
    return np.asarray(np.diff(values)[groups[1:] == groups[:-1]])


def _rules(bench: Bench, key: ForeignKey) -> Iterator[PairScore]:
    """Look for dates of parents that are not after, or not before, dates of their children."""
    above, below = bench.views[key.parent].learned, bench.views[key.child].learned
    pointers = [
        _groups(s, key, bench.views[key.child].rows[i]) for i, s in enumerate(_sides(bench))
    ]
    rows = [np.flatnonzero(p >= 0) for p in pointers]
    for up in (v for v in above if v.kind == "date"):
        for down in (v for v in below if v.kind == "date"):
            upper = [v[p[r]] for v, p, r in zip(_values(up), pointers, rows, strict=True)]
            lower = [v[r] for v, r in zip(_values(down), rows, strict=True)]
            one, other = _named(up, key.parent), _named(down, key.child)
            first = date_rule(one, other, (upper[0], lower[0]), (upper[1], lower[1]))
            last = date_rule(other, one, (lower[0], upper[0]), (lower[1], upper[1]))
            yield from filter(None, (first, last))


def _named(view: View, table: TableName) -> View:
    return replace(view, name=f"{table}.{view.name}")
