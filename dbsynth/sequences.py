"""Find tables whose rows are series, and learn how closely their rows are tied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from dbsynth.features import Floats, Ints
from dbsynth.model.base import FitTask
from dbsynth.plan import Plan, TablePlan
from dbsynth.release import Release
from dbsynth.sample import Sample, owner_key
from dbsynth.schema import Table
from dbsynth.series import FEWEST_ROWS, STRETCH, Series, apart, fit_series
from dbsynth.sketches import is_number
from dbsynth.tablemodel import TableModel
from dbsynth.ties import fit_ties
from dbsynth.values import text_to_moments, to_floats

NEAR = 0.3  # correlation of neighbours within a series from which on rows are tied


@dataclass
class Sequence:
    """The rows of a table that are series, in their order."""

    series: Series
    order: Ints  # (n,)
    steps: Floats  # (n,) in this order, to the row before
    task: FitTask | None = None  # from which their model learns

    def tied(self, table: TableModel) -> TableModel:
        """Tell a trained model how closely rows are tied."""
        if self.task is None or table.content is None:
            return table
        ties = fit_ties(table.content.model, self.task, self.order, self.steps)
        self.task = None
        own = [s.column for s in table.content.layout.slots for _ in s.heads]
        ties = tuple(0.0 if c == 0 else t for c, t in zip(own, ties, strict=True))
        is_tied = self.series.is_regular or any(ties)
        return replace(table, series=replace(self.series, ties=ties) if is_tied else None)


def sequence(plan: Plan, planned: TablePlan, sample: Sample, release: Release) -> Sequence | None:
    """Find out whether a table's rows are series; None where they are not."""
    # Of a sample of rows nothing follows about who stands beside whom.
    is_whole = sample.shares.get(planned.name, 0.0) >= 1.0
    if planned.mode != "generate" or owner_key(planned) is not None or not is_whole:
        return None
    rows, name = sample.rows[planned.name], planned.name
    for column, key in _candidates(plan.schema.table(name), planned):
        parent = next((k.parent for k in planned.keys if k.name == key), None)
        parents = sample.parents[name, key] if key else np.zeros(len(rows), np.int64)
        seconds = _seconds(rows.column(column).combine_chunks())
        if not np.isfinite(seconds).all() or (parents < 0).any():
            continue
        order = np.lexsort((seconds, parents))
        seconds, parents = seconds[order], parents[order]
        series = fit_series(
            f"{name}.{column}", (column, key), seconds, parents, sample.entities[name][order],
            release, is_known=parent is not None and plan.tables[parent].mode == "copy",
        )  # fmt: skip
        if series is not None:
            return Sequence(series, order, apart(series.step, seconds, parents))
    return _irregular(plan, planned, sample, release)


def _irregular(plan: Plan, planned: TablePlan, sample: Sample, release: Release) -> Sequence | None:
    """Rows under a reference row at any moments, if some number is near that of the row before."""
    rows, name = sample.rows[planned.name], planned.name
    column = next((c for c, t in planned.columns.items() if _is_moment(planned, plan, c)), "")
    if not column or len(rows) < FEWEST_ROWS or not release.is_enough(sample.entities[name]):
        return None
    seconds = _seconds(rows.column(column).combine_chunks())
    numbers = [n for n, t in planned.columns.items() if t.kind == "number" and t.copies is None]
    for key in (k for k in planned.keys if k.role == "reference"):
        parents = sample.parents[name, key.name]
        is_known = np.isfinite(seconds).all() and (parents >= 0).all()
        if not is_known or len(np.unique(parents)) * STRETCH > len(parents):
            continue
        order = np.lexsort((seconds, parents))
        steps = apart(1.0, seconds[order], parents[order])
        step = float(np.median(steps[np.isfinite(steps)]))
        if step > 0 and any(_is_near(rows.column(n), order, steps) for n in numbers):
            nothing = Series(column, key.name, step, 0.0, (), (0.0, 0.0), {})
            return Sequence(nothing, order, steps / step)
    return None


def _is_moment(planned: TablePlan, plan: Plan, column: str) -> bool:
    treatment = planned.columns[column]
    kind = plan.schema.table(planned.name).column(column).type.kind
    is_own = treatment.kind == "datetime" and treatment.copies is None
    return is_own and kind != "time" and treatment.semantic != "birth_date"


def _is_near(numbers: pa.ChunkedArray, order: Ints, steps: Floats) -> bool:
    """Whether neighbours are nearer than others of the same parent, by ranks."""
    if not is_number(numbers.type):
        return False
    values = to_floats(numbers.combine_chunks())[order]
    both = np.flatnonzero(np.isfinite(steps) & np.isfinite(values))
    both = both[np.isfinite(values[both - 1])]
    if len(both) < FEWEST_ROWS // 2:
        return False
    ranks = np.unique(values, return_inverse=True)[1].astype(np.float64)
    starts = np.cumsum(~np.isfinite(steps)) - 1
    mean = np.bincount(starts, ranks) / np.bincount(starts)
    apart_ = ranks - mean[starts]
    return bool(np.corrcoef(apart_[both], apart_[both - 1])[0, 1] > NEAR)


def _candidates(table: Table, planned: TablePlan) -> Iterator[tuple[str, str]]:
    """Dates that are unique by themselves, or beside a key that is chosen before."""
    keys = {k.columns: k.name for k in planned.keys if k.role == "reference"} | {(): ""}
    for unique in table.unique_sets:
        for column in unique:
            rest = set(unique) - {column}
            key = next((n for c, n in keys.items() if set(c) == rest), None)
            treatment = planned.columns.get(column)
            is_date = treatment is not None and treatment.kind == "datetime"
            is_own = treatment is not None and treatment.copies is None
            if key is not None and is_date and is_own and table.column(column).type.kind != "time":
                yield column, key


def _seconds(values: pa.Array) -> Floats:
    return to_floats(text_to_moments(values) if pa.types.is_string(values.type) else values)
