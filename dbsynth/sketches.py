"""What a row tells of its children before they are there: when they come, how numbers spread."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.anchors import fit_datetime
from dbsynth.codecs import NumberCodec
from dbsynth.conditions import KNOTS, LONG, knot, siblings_of
from dbsynth.encode import DatetimeColumn, NumberColumn
from dbsynth.features import Floats, Ints
from dbsynth.plan import Plan, TablePlan
from dbsynth.release import Release
from dbsynth.rules.evensteps import evens_of
from dbsynth.sample import Sample, owner_key
from dbsynth.tablemodel import edge_name, last_name, sketch_name
from dbsynth.values import DAY, text_to_moments, to_floats

MIN_SIBLINGS = 2.0  # children per parent on average from which on their last one is worth knowing
MANY_SIBLINGS = 16.0  # … from which on all parents are told apart by how their children spread
OUTLINE = ("low", "high", "centre", "spread")
TWINS = 0.85  # numbers whose ranks correlate so much move together, or not at all
COMPARED_ROWS = 20_000
DIFFERENT = 4.0  # times as much as by chance must ranks, or their distances, differ by parent


@dataclass(frozen=True, slots=True)
class Sketch:
    """A column that is drawn with the parent, and read by its children."""

    column: DatetimeColumn | NumberColumn
    values: Floats  # (n,) of the parent's rows, NaN without children


@dataclass(frozen=True, slots=True)
class _Children:
    """The rows of a table that rows of another own, in order."""

    planned: TablePlan
    edge: str
    rows: pa.Table  # (m,)
    pointers: Ints  # (m,) the parent's row, -1 for none

    @property
    def siblings(self) -> float:
        """How many rows a parent has, of those that have any."""
        return len(self.pointers) / max(len(np.unique(self.pointers)), 1)

    def column(self, name: str) -> pa.Array:
        """A column's values."""
        return self.rows.column(name).combine_chunks()

    @property
    def moments(self) -> Floats | None:
        """The dates by which the rows are ordered, in seconds; None if that is no date."""
        order = self.planned.order_by
        if not order or self.planned.columns[order].kind != "datetime":
            return None
        data = self.column(order)
        if pa.types.is_time(data.type):
            return None
        return to_floats(text_to_moments(data) if pa.types.is_string(data.type) else data)

    @property
    def numbers(self) -> dict[str, Floats]:
        """The numbers that tell parents apart, without a twin; not the one that orders rows."""
        found = {
            name: to_floats(self.column(name))
            for name, treatment in self.planned.columns.items()
            if treatment.kind == "number"
            and treatment.copies is None
            and name != self.planned.order_by
            and is_number(self.column(name).type)
        }
        dull = _twins(found) | {n for n, v in found.items() if not _tells_apart(v, self.pointers)}
        return {n: v for n, v in found.items() if n not in dull}

    @property
    def labels(self) -> list[str]:
        """The columns of categories that copy no other."""
        columns = self.planned.columns.items()
        return [n for n, t in columns if t.kind == "category" and t.copies is None]


def last_days(
    plan: Plan,
    planned: TablePlan,
    sample: Sample,
    entities: Ints,
    release: Release,
    dates: Mapping[str, Floats],
) -> list[Sketch]:
    """
    Learn when the children of each row end, for every table that it owns and that has an order.

    Args:
        plan: for the children and their order.
        planned: the parent.
        sample: the rows.
        entities: (n,) of the parent's rows.
        release: the protection in force.
        dates: (n,) seconds; the row's own dates, from which the last day may be measured.
    """
    found = []
    for children in _owned(plan, planned, sample, MIN_SIBLINGS):
        moments = children.moments
        if moments is None:
            continue
        last = np.floor(_ends(moments, children.pointers, len(entities))[1] / DAY)
        name = last_name(children.edge)
        column = fit_datetime(
            f"{planned.name}.{name}", name, last * DAY, entities, release, dates,
            siblings=None, is_strict=False, is_date=True,
        )  # fmt: skip
        found.append(Sketch(column, last * DAY))
    return found


def outlines(
    plan: Plan, planned: TablePlan, sample: Sample, entities: Ints, release: Release
) -> list[Sketch]:
    """
    Learn how the children of each row spread, for every table of which it owns many rows.

    Of their numbers the ends, mean and spread; of their dates when a quarter, half, … are there; of
    their labels how many different ones there are.  Of parts of a whole or a limit, however few,
    how much of it they come to.  Arguments as for `last_days`.
    """
    told = [
        (children.edge, *part)
        for children in _owned(plan, planned, sample, MANY_SIBLINGS)
        for part in _parts(children, len(entities))
    ]
    told += [
        (children.edge, column, "fill", values)
        for children in _owned(plan, planned, sample, 1.0)
        for column, values in _fills(plan, children, sample.rows[planned.name])
    ]
    found = []
    for edge, column, part, values in told:
        if len(np.unique(values[np.isfinite(values)])) < 2:
            continue
        name = sketch_name(edge, column, part)
        codec = NumberCodec.fit(f"{planned.name}.{name}", values, entities, release)
        found.append(Sketch(NumberColumn(name, codec), values))
    return found


def outline(values: Floats, groups: Ints, count: int) -> dict[str, Floats]:
    """
    Sum up (n,) values of each of `count` groups; NaN where there are none.

    Returns:
        the mean, of values of which there are but two; else "low" and "high", "centre", where
        between them the mean is, from 0 to 1, and "spread", how much there is of the widest
        standard deviation that these allow (Bhatia and Davis, Am. Math. Monthly 107, 2000).
    """
    known = np.isfinite(values) & (groups >= 0)
    v, g = values[known], groups[known]
    number = np.bincount(g, minlength=count)
    low, high = _ends(v, g, count)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(g, v, minlength=count) / number
        if len(np.unique(v)) <= 2:
            return {"mean": mean}
        square = np.bincount(g, (v - mean[g]) ** 2, minlength=count) / number
        is_wide = high > low
        centre = np.where(is_wide, (mean - low) / (high - low), np.nan)
        spread = np.where(is_wide, np.sqrt(square / ((mean - low) * (high - mean))), np.nan)
    return {"low": low, "high": high, "centre": centre, "spread": spread}


def _owned(plan: Plan, planned: TablePlan, sample: Sample, siblings: float) -> Iterator[_Children]:
    """The tables of which this one's rows own at least so many rows each, on average."""
    for child in plan.tables.values():
        owner = owner_key(child)
        if owner is None or owner.parent != planned.name or child.mode != "generate":
            continue
        pointers = sample.parents.get((child.name, owner.name))
        rows = sample.rows.get(child.name)
        if pointers is None or rows is None:
            continue
        children = _Children(child, edge_name(child.name, owner.name), rows, pointers)
        if children.siblings >= siblings:
            yield children


def _parts(children: _Children, count: int) -> Iterator[tuple[str, str, Floats]]:
    """Column, what is told of it, and (count,) values."""
    moments = children.moments
    if moments is not None:
        for part, values in _knots(moments, children.pointers, count).items():
            yield children.planned.order_by, part, values
    for column, own in children.numbers.items():
        for part, values in outline(own, children.pointers, count).items():
            yield column, part, values
    for column in children.labels:
        yield column, "distinct", _distinct(children.column(column), children.pointers, count)


def _fills(plan: Plan, children: _Children, above: pa.Table) -> Iterator[tuple[str, Floats]]:
    """Columns that add up to a whole or a limit at most, and how much of it those of each have."""
    owner, count = owner_key(children.planned), len(above)
    for even in evens_of(plan.rules, plan.schema, children.planned.name):
        if owner is None or even.key != owner.name or not even.is_most:
            continue
        values = to_floats(children.column(even.one))
        known = np.isfinite(values) & (children.pointers >= 0)
        groups = children.pointers[known]
        number, total = (
            np.bincount(groups, minlength=count),
            np.bincount(groups, values[known], count),
        )
        limits = above.column(even.limit).combine_chunks() if even.limit else None
        most = np.full(count, even.whole) if limits is None else to_floats(limits)
        with np.errstate(invalid="ignore", divide="ignore"):
            yield even.one, np.where((number > 0) & (most > 0), total / most, np.nan)


def _knots(moments: Floats, pointers: Ints, count: int) -> dict[str, Floats]:
    """How much of the time between its first and last row is over at each knot of a group."""
    siblings = siblings_of(pointers, len(pointers))
    starts = np.flatnonzero((siblings.index == 0) & (siblings.count >= LONG) & (pointers >= 0))
    rows = siblings.count[starts]
    first, last = moments[starts], moments[starts + rows - 1]
    found = {}
    for number, name in enumerate(KNOTS, 1):
        share = np.full(count, np.nan)
        with np.errstate(invalid="ignore", divide="ignore"):
            over = (moments[starts + knot(rows, number)] - first) / (last - first)
        share[pointers[starts]] = np.where(last > first, over, np.nan)
        found[name] = share
    return found


def _distinct(labels: pa.Array, groups: Ints, count: int) -> Floats:
    """How many different labels each group has."""
    codes = np.asarray(pc.fill_null(labels.dictionary_encode().indices, -1)).astype(np.int64)
    known = (codes >= 0) & (groups >= 0)
    size = int(codes.max(initial=0)) + 1
    pairs = np.unique(groups[known] * size + codes[known])
    return np.bincount(pairs // size, minlength=count).astype(np.float64)


def _twins(numbers: dict[str, Floats]) -> set[str]:
    """The columns that nearly follow from one another."""
    found = set()
    for name, values in numbers.items():
        for other, theirs in numbers.items():
            if name < other and abs(_correlation(values, theirs)) >= TWINS:
                found |= {name, other}
    return found


def _correlation(a: Floats, b: Floats) -> float:
    """Spearman's, of the rows that have both."""
    both = np.flatnonzero(np.isfinite(a) & np.isfinite(b))
    both = both[:: len(both) // COMPARED_ROWS + 1]
    if len(both) < 2:
        return 0.0
    x, y = (np.unique(v[both], return_inverse=True)[1].astype(np.float64) for v in (a, b))
    spread = float(x.std() * y.std())
    return float(((x - x.mean()) * (y - y.mean())).mean() / spread) if spread else 0.0


def _tells_apart(values: Floats, groups: Ints) -> bool:
    """Whether ranks, or how far from the middle they are, differ by group (Fisher's F)."""
    known = np.isfinite(values) & (groups >= 0)
    distinct, ranks, counted = np.unique(values[known], return_inverse=True, return_counts=True)
    if len(distinct) < 2:
        return False
    own = np.unique(groups[known], return_inverse=True)[1]
    place = (np.cumsum(counted) - counted / 2)[ranks] / len(ranks)
    return max(f_ratio(place, own), f_ratio(np.abs(place - 0.5), own)) >= DIFFERENT


def f_ratio(values: Floats, groups: Ints) -> float:
    """The variance between groups in terms of that within them."""
    number = np.bincount(groups)
    if len(number) < 2 or len(values) <= len(number):
        return 0.0
    mean = np.bincount(groups, values) / number
    within = float(((values - mean[groups]) ** 2).sum()) / (len(values) - len(number))
    between = float((number * (mean - values.mean()) ** 2).sum()) / (len(number) - 1)
    return between / within if within else np.inf


def is_number(kind: pa.DataType) -> bool:
    """Whether a column's type is one of plain numbers."""
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


def _ends(values: Floats, groups: Ints, count: int) -> tuple[Floats, Floats]:
    """The lowest and highest of (n,) values of each group; NaN for none."""
    known = np.isfinite(values) & (groups >= 0)
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, groups[known], values[known])
    np.maximum.at(high, groups[known], values[known])
    return np.where(np.isfinite(low), low, np.nan), np.where(np.isfinite(high), high, np.nan)
