"""What detectors and predictors see of rows: one named number a column, NaN where there is none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from dbsynth.evaluation.bench import Bench
from dbsynth.evaluation.reading import Side
from dbsynth.evaluation.views import View
from dbsynth.features import Floats, Ints
from dbsynth.schema import ForeignKey, TableName

SUMMED = 60  # columns of a child table that are summed up, the first ones
MOST_LABELS = 200  # that a tree tells apart; the rest is one
_SUBTLE = 1e-6


@dataclass(frozen=True)
class Feature:
    """One column of a matrix."""

    name: str
    values: Floats  # (n,)
    is_category: bool = False


@dataclass(frozen=True)
class Matrix:
    """Features side by side."""

    names: tuple[str, ...]
    values: Floats  # (n, a)
    categories: tuple[bool, ...]

    @classmethod
    def of(cls, features: Iterable[Feature], rows: Ints) -> Matrix:
        """
        Put features side by side; there may be none.

        Args:
            features: one after another, so that only what is kept of them stays in memory.
            rows: row numbers of those that are kept.
        """
        names, columns, categories = [], [np.empty((len(rows), 0))], []
        for feature in features:
            names.append(feature.name)
            columns.append(feature.values[rows, None])
            categories.append(feature.is_category)
        return cls(tuple(names), np.concatenate(columns, axis=1), tuple(categories))


def column_feature(view: View, values: Floats, prefix: str = "") -> Feature:
    """
    Show a column as it is.

    Args:
        values: (n,) of the column, any side's.
        prefix: of the feature's name.
    """
    name = f"{prefix}{view.name}"
    if view.kind == "category":
        return Feature(name, np.minimum(values, MOST_LABELS), is_category=True)
    return Feature(name, values)


def fine_features(view: View, values: Floats) -> Iterator[Feature]:
    """Show what a tree does not see in a column by itself: weekdays, days, hours, digits."""
    if view.kind == "date":
        yield from _calendar(view.name, view, values)
    elif view.kind == "number" and _is_fine(view.real):
        yield Feature(f"{view.name} (digits)", digits(values))


def has_fine_features(bench: Bench, name: TableName) -> bool:
    """Whether there is more to see in a table's columns than their values."""
    learned = bench.views[name].learned
    return any(True for view in learned for _ in fine_features(view, view.real[:1]))


def _calendar(name: str, view: View, values: Floats) -> Iterator[Feature]:
    known = view.real[~np.isnan(view.real)]
    if not len(known) or known.max() <= 1:  # a time of day
        return
    day = np.floor(values)
    yield Feature(f"{name} (weekday)", np.mod(day, 7))
    yield Feature(f"{name} (day of month)", _day_of_month(day))
    if np.any(np.mod(known, 1) > _SUBTLE):
        yield Feature(f"{name} (hour)", np.floor((values - day) * 24 + _SUBTLE))


def _day_of_month(days: Floats) -> Floats:
    whole = np.nan_to_num(np.clip(days, -700_000, 2_900_000)).astype("datetime64[D]")
    number = (whole - whole.astype("datetime64[M]")).astype(np.float64) + 1
    return np.where(np.isnan(days), np.nan, number)


def _is_fine(real: Floats) -> bool:
    """Whether a column of numbers has many values, so that how they end may give them away."""
    return len(np.unique(real[~np.isnan(real)][:5_000])) > 50


def digits(values: Floats) -> Floats:
    """
    Count the places that numbers are written with.

    Returns:
        (n,) digits behind the point, up to 4; negative: zeros before it, up to 3; NaN for NaN.
    """
    found = np.full(len(values), 4.0)
    for places in (3, 2, 1, 0, -1, -2, -3):
        scaled = values * 10.0**places
        whole = np.abs(scaled - np.round(scaled)) <= _SUBTLE * np.maximum(1, np.abs(scaled))
        found[whole & (found == places + 1)] = places
    return np.where(np.isnan(values), np.nan, found)


def own_features(
    bench: Bench, name: TableName, which: int, *, is_fine: bool = False
) -> Iterator[Feature]:
    """Show a table's own columns; `which`: 0 real, 1 made, 2 held out."""
    for view in bench.views[name].learned:
        values = values_of(view, which)
        yield column_feature(view, values)
        if is_fine:
            yield from fine_features(view, values)


def values_of(view: View, which: int) -> Floats:
    """The values of a side: 0 real, 1 made, 2 held out."""
    return (view.real, view.made, view.held)[which]


def parent_features(bench: Bench, side: Side, name: TableName, which: int) -> Iterator[Feature]:
    """Show the columns of the rows that a table's rows refer to."""
    for key in bench.plan.schema.table(name).foreign_keys:
        if key.is_self or (name, key.name) not in side.parents:
            continue
        pointers = side.parents[name, key.name]
        for view in bench.views[key.parent].learned:
            values = values_of(view, which)
            reached = np.full(len(pointers), np.nan)
            if len(values):
                reached = np.where(pointers >= 0, values[np.maximum(pointers, 0)], np.nan)
            yield column_feature(view, reached, f"{key.parent.name}[{', '.join(key.columns)}].")


def child_features(bench: Bench, side: Side, key: ForeignKey, which: int) -> Iterator[Feature]:
    """
    Sum up the children of every parent row, along one key.

    Their number; of numbers count, mean, sum, min, max, std and nunique, of dates all but the sum,
    of categories nunique.  NaN where there is no child with a value.
    """
    parents = side.parents[key.child, key.name]
    many = len(side.rows[key.parent])
    prefix = f"{key.child.name}[{', '.join(key.columns)}]"
    known = parents >= 0
    yield Feature(f"{prefix}.count", np.bincount(parents[known], minlength=many).astype(float))
    for view in bench.views[key.child].learned[:SUMMED]:
        if view.name in key.columns:
            continue
        values = values_of(view, which)
        there = known & ~np.isnan(values)
        for kind, summed in aggregates(values[there], parents[there], many, view.kind):
            yield Feature(f"{prefix}.{view.name}.{kind}", summed)


def aggregates(values: Floats, groups: Ints, many: int, kind: str) -> Iterator[tuple[str, Floats]]:
    """
    Sum up values by group.

    Args:
        values: (n,) without NaN.
        groups: (n,) group numbers.
        many: how many groups there are.
        kind: number, date or category.

    Returns:
        names, and (many,) numbers each; NaN for groups without values.
    """
    count = np.bincount(groups, minlength=many).astype(float)
    empty = count == 0
    safe = np.maximum(count, 1)
    pairs = np.unique(np.stack([groups.astype(float), values]), axis=1)[0].astype(np.int64)
    yield "nunique", np.bincount(pairs, minlength=many).astype(float)
    if kind == "category":
        return
    total = np.bincount(groups, values, minlength=many)
    mean = total / safe
    spread = np.bincount(groups, (values - mean[groups]) ** 2, minlength=many)
    least, most = np.full(many, np.inf), np.full(many, -np.inf)
    np.minimum.at(least, groups, values)
    np.maximum.at(most, groups, values)
    found = {"mean": mean, "min": least, "max": most}
    found["std"] = np.where(count > 1, np.sqrt(spread / np.maximum(count - 1, 1)), np.nan)
    if kind == "number":
        found["sum"] = total
    for name, numbers in found.items():
        yield name, np.where(empty, np.nan, numbers)
