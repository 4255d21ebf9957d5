"""What a row tells of its children before they are there: when the last of them comes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from dbsynth.codecs import NumberCodec
from dbsynth.encode import DatetimeColumn, ModelledColumn
from dbsynth.features import Floats, Ints
from dbsynth.plan import Plan, TablePlan
from dbsynth.release import Release
from dbsynth.sample import Sample, owner_key
from dbsynth.tablemodel import edge_name, last_name
from dbsynth.values import DAY, text_to_moments, to_floats

MIN_SIBLINGS = 2.0  # children per parent on average from which on their last one is worth knowing


@dataclass(frozen=True, slots=True)
class Sketch:
    """A column that is drawn with the parent, and read by its children."""

    column: ModelledColumn
    values: Floats  # (n,) of the parent's rows, NaN without children


def sketches(
    plan: Plan, planned: TablePlan, sample: Sample, entities: Ints, release: Release
) -> list[Sketch]:
    """
    Learn when the children of each row end, for every table that it owns and that has an order.

    Args:
        plan: for the children and their order.
        planned: the parent.
        sample: the rows.
        entities: (n,) of the parent's rows.
        release: the protection in force.
    """
    found = []
    for child in plan.tables.values():
        owner = owner_key(child)
        if owner is None or owner.parent != planned.name or not child.order_by:
            continue
        pointers = sample.parents.get((child.name, owner.name))
        rows = sample.rows.get(child.name)
        if pointers is None or rows is None or child.mode != "generate":
            continue
        moments = _moments(child, rows)
        if moments is None or len(pointers) < MIN_SIBLINGS * len(np.unique(pointers)):
            continue
        last = _last(moments, pointers, len(entities))
        name = last_name(edge_name(child.name, owner.name))
        days = NumberCodec.fit(f"{planned.name}.{name}", np.floor(last / DAY), entities, release)
        found.append(Sketch(DatetimeColumn(name, days, None), np.floor(last / DAY) * DAY))
    return found


def _moments(child: TablePlan, rows: pa.Table) -> Floats | None:
    """The dates by which a table's rows are ordered, in seconds; None if it is no date."""
    if child.columns[child.order_by].kind != "datetime":
        return None
    column = rows.column(child.order_by).combine_chunks()
    if pa.types.is_time(column.type):
        return None
    return to_floats(text_to_moments(column) if pa.types.is_string(column.type) else column)


def _last(values: Floats, pointers: Ints, parents: int) -> Floats:
    """The highest of (n,) values of each of so many parents; NaN for none."""
    known = np.isfinite(values) & (pointers >= 0)
    highest = np.full(parents, -np.inf)
    np.maximum.at(highest, pointers[known], values[known])
    return np.where(np.isfinite(highest), highest, np.nan)
