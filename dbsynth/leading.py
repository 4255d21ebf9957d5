"""What follows from what, as the source shows it: pairs of labels that enough entities have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.arrow import arrow_type
from dbsynth.features import Ints
from dbsynth.keys import combined
from dbsynth.plan import Plan, TablePlan
from dbsynth.release import Release
from dbsynth.rules.words import dependencies
from dbsynth.schema import Table

LEARNED = ("category", "number", "datetime")  # treatments whose values may come through
MOST_PAIRS = 20_000  # of one dependency

Leading = Mapping[str, pa.Table]  # "left, left -> right": the pairs, in columns of these names


def fit_leading(
    plan: Plan, planned: TablePlan, rows: pa.Table, entities: Ints, release: Release
) -> dict[str, pa.Table]:
    """
    Release the pairs of labels, or combinations, of every dependency.

    Args:
        plan: for its rules.
        planned: the table.
        rows: (n,) sampled.
        entities: (n,).
        release: the protection in force.
    """
    table = plan.schema.table(planned.name)
    told = [
        r
        for r in plan.rules
        if r.table == planned.name and r.status != "rejected" and not r.exceptions
    ]
    found = {}
    for left, right in dependencies(told):
        names = [*left, right]
        if not all(_is_learned(planned, n) or _is_copied(plan, planned, n) for n in names):
            continue
        name = f"{', '.join(left)} -> {right}"
        pairs = _pairs(f"{planned.name}.{name}", rows.select(names), entities, release)
        if len(pairs):
            found[name] = pairs.cast(_kinds(table, names))
    return found


def known_of(leading: Leading) -> dict[tuple[tuple[str, ...], str], dict[Any, Any]]:
    """What follows from each label, as those who keep rules remember it."""
    found: dict[tuple[tuple[str, ...], str], dict[Any, Any]] = {}
    for pairs in leading.values():
        *left, right = pairs.column_names
        heads = zip(*(pairs.column(c).to_pylist() for c in left), strict=True)
        found[tuple(left), right] = dict(zip(heads, pairs.column(right).to_pylist(), strict=True))
    return found


def _is_learned(planned: TablePlan, name: str) -> bool:
    treatment = planned.columns.get(name)
    return treatment is not None and treatment.kind in LEARNED


def _is_copied(plan: Plan, planned: TablePlan, name: str) -> bool:
    """Whether a column is a key to rows that are the same in the copy."""
    leading = [k for k in planned.keys if k.columns == (name,)]
    return bool(leading) and all(plan.tables[k.parent].mode == "copy" for k in leading)


def _kinds(table: Table, names: list[str]) -> pa.Schema:
    return pa.schema([(n, arrow_type(table.column(n).type)) for n in names])


def _pairs(statistic: str, rows: pa.Table, entities: Ints, release: Release) -> pa.Table:
    """The pairs that enough entities have, the most frequent of each left side."""
    known = np.flatnonzero(np.all([np.asarray(pc.is_valid(c)) for c in rows.columns], axis=0))
    codes = [
        np.asarray(c.combine_chunks().dictionary_encode().indices.fill_null(0), np.int64)[known]
        for c in rows.columns
    ]
    if not len(known):
        return rows.slice(0, 0)
    heads = combined(np.stack(codes[:-1], axis=1))
    pairs, first, inverse, counted = np.unique(
        heads * (codes[-1].max() + 1) + codes[-1],
        return_index=True, return_inverse=True, return_counts=True,
    )  # fmt: skip
    support = release.support(inverse.astype(np.int64), entities[known], len(pairs))
    kept = np.flatnonzero(support >= release.threshold(statistic))
    kept = kept[np.argsort(-counted[kept], kind="stable")][:MOST_PAIRS]
    _, own = np.unique(heads[first[kept]], return_index=True)
    return rows.take(pa.array(known[first[kept[np.sort(own)]]]))
