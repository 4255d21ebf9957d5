"""What rows are chosen for: what those that refer to them share, and their own columns hide."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dbsynth.features import Floats, Ints
from dbsynth.plan import Plan, TablePlan
from dbsynth.release import Release
from dbsynth.sample import Sample, owner_key
from dbsynth.sketches import f_ratio
from dbsynth.values import to_floats

Coordinates = NDArray[np.float32]

TELLING = 4.0  # times as much as by chance must a trait differ by parent
TOP_LABELS = 12  # of a column that are looked at one by one
MOST = 48  # traits, those that tell most
MOST_ROWS = 64  # that are kinds of their own, those that are chosen most
LEAST_WEIGHT = 0.25  # of what siblings do not agree in at all
FEWEST_PAIRS, MOST_PAIRS = 200, 20_000  # of siblings that tell
CHOOSING = ("token", "polymorphic")  # roles of keys whose parents are chosen by their kind


def traits(plan: Plan, planned: TablePlan, sample: Sample) -> NDArray[np.float32] | None:
    """
    Sum up, for each row, the rows that chose it: a hospital's visits, a product's sales.

    Every trait is the mean over these rows of a number's rank or of how often a label is there,
    drawn towards that of all rows by as many rows as are worth what parents differ (the estimator
    of Buehlmann, 1967), in units of its spread.

    Args:
        plan: for the tables that refer to these rows.
        planned: the table.
        sample: the rows.

    Returns:
        (n, traits); None where parents do not differ.
    """
    count = len(sample.rows[planned.name])
    found: list[tuple[float, Floats]] = []
    for child, pointers in _choosers(plan, planned, sample):
        here = pointers >= 0
        own = np.unique(pointers[here], return_inverse=True)[1]
        for values in _shown(child, sample.rows[child.name]):
            worth = f_ratio(values[here], own) if here.any() else 0.0
            if worth >= TELLING:
                found.append((worth, _drawn_in(values[here], pointers[here], count, worth)))
    found.sort(key=lambda trait: -trait[0])
    if not found:
        return None
    return np.stack([values for _, values in found[:MOST]], axis=1).astype(np.float32)


def rows_as_kinds(plan: Plan, planned: TablePlan, sample: Sample, release: Release) -> Ints:
    """
    Make each row a kind of its own that enough entities choose: a shipper, a branch, an insurer.

    Of rows that are too few to be learned nothing is known, but those that refer to them tell one
    from the other.  Kinds are numbered by how many rows choose them, so that none can be traced.

    Args:
        plan: for the tables that refer to these rows.
        planned: the table.
        sample: the rows.
        release: the protection in force.

    Returns:
        (n,) from 1 on, the most chosen first; 0 for all others together.
    """
    count = len(sample.rows[planned.name])
    chosen, is_known = np.zeros(count, np.int64), np.zeros(count, np.bool_)
    for child, pointers in _choosers(plan, planned, sample):
        here = pointers >= 0
        support = release.support(pointers[here], sample.entities[child.name][here], count)
        is_known |= support >= release.threshold(f"{planned.name}/{child.name}")
        chosen += np.bincount(pointers[here], minlength=count)
    order = np.lexsort((np.arange(count), -chosen))
    order = order[is_known[order]][:MOST_ROWS]
    kinds = np.zeros(count, np.int64)
    kinds[order] = np.arange(1, len(order) + 1)
    return kinds


def agreement(plan: Plan, planned: TablePlan, sample: Sample, spread: Coordinates) -> Coordinates:
    """
    Tell how far siblings agree in what they choose: seasons in their year, lines in their price.

    Args:
        plan: for the tables that refer to these rows.
        planned: the table.
        sample: the rows.
        spread: (n, width) of these rows.

    Returns:
        (width,) from `LEAST_WEIGHT` to 1: the correlation of what one sibling and the next choose,
        where it is another row; all 1 where no siblings choose.
    """
    found = [np.full(spread.shape[1], LEAST_WEIGHT)]
    for child, pointers in _choosers(plan, planned, sample):
        owner = owner_key(child)
        owners = sample.parents.get((child.name, owner.name)) if owner else None
        if owners is None:
            continue
        is_pair = (owners[1:] == owners[:-1]) & (owners[1:] >= 0)
        is_pair &= (pointers[1:] >= 0) & (pointers[:-1] >= 0) & (pointers[1:] != pointers[:-1])
        later = np.flatnonzero(is_pair)[:MOST_PAIRS] + 1
        if len(later) >= FEWEST_PAIRS:
            found.append(_correlation(spread[pointers[later - 1]], spread[pointers[later]]))
    if len(found) == 1:
        return np.ones(spread.shape[1], np.float32)
    agreed: Coordinates = np.max(found, axis=0).round(2).astype(np.float32)
    return agreed


def _correlation(a: Coordinates, b: Coordinates) -> Floats:
    """The correlation of each of (width,) columns of (m, width) pairs; 0 where one is constant."""
    a, b = (x.astype(np.float64) - x.mean(axis=0) for x in (a, b))
    scale = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    found: Floats = (a * b).sum(axis=0) / np.where(scale > 0, scale, np.inf)
    return found


def _choosers(plan: Plan, planned: TablePlan, sample: Sample) -> Iterator[tuple[TablePlan, Ints]]:
    """The tables whose rows choose these, and which ones."""
    for child in plan.tables.values():
        for key in child.keys:
            pointers = sample.parents.get((child.name, key.name))
            is_asked = key.parent == planned.name and key.role in CHOOSING
            if is_asked and pointers is not None and child.mode == "generate":
                yield child, pointers


def _shown(child: TablePlan, rows: pa.Table) -> Iterator[Floats]:
    """What there is to see of (m,) rows, one number each; without what they copy."""
    for name, treatment in child.columns.items():
        column = rows.column(name).combine_chunks()
        if treatment.copies is not None:
            continue
        if treatment.kind == "number":
            values = to_floats(column)
            known = np.isfinite(values)
            places = np.unique(values[known], return_inverse=True)[1]
            found = np.full(len(values), 0.5)
            found[known] = places / max(1, int(places.max(initial=0)))
            yield found
        elif treatment.kind == "category":
            counted = pc.value_counts(column.drop_null()).sort(order="descending", by="counts")
            for label in counted.field("values")[:TOP_LABELS]:
                yield np.asarray(pc.fill_null(pc.equal(column, label), False)).astype(np.float64)


def _drawn_in(values: Floats, pointers: Ints, count: int, worth: float) -> Floats:
    """(count,) means of (m,) values by parent, in standard deviations from the mean of all."""
    number = np.bincount(pointers, minlength=count)
    centred = values - values.mean()
    average = len(values) / max(1, int((number > 0).sum()))
    # So many rows have as much noise as parents differ; a tenth, for parents that have none.
    doubt = max(average / (worth - 1.0), 0.1)
    means: Floats = np.bincount(pointers, centred, minlength=count) / (number + doubt)
    return means / (values.std() or 1.0)
