"""Totals from both sides: children are brought near the total that was drawn; then it follows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.features import Floats, Ints
from dbsynth.values import from_floats, to_floats

MOST = 20.0  # times as much, or as little, as was drawn
FEW = 50  # different values: of fewer ones, each means something
_PLACES = 6


def shared_out(values: pa.Array, parents: Ints, goals: Floats, *, is_mean: bool) -> pa.Array:
    """
    Scale the numbers of siblings so that they come to what their parent has.

    The network that drew the parent's total knows how it is distributed; the sum of numbers drawn
    one by one strays from that.  Prices and other numbers of which there are few stay.

    Args:
        values: (n,) numbers, all of each parent.
        parents: (n,) row numbers, -1 for none.
        goals: (n,) what the parent has, NaN for nothing.
        is_mean: whether that is the mean, and not the sum.
    """
    numbers = to_floats(values)
    here = (parents >= 0) & ~np.isnan(numbers)
    if not here.any() or len(np.unique(numbers[here])) < FEW:
        return values
    _, group = np.unique(parents[here], return_inverse=True)
    found, rows = np.bincount(group, weights=numbers[here]), np.bincount(group)
    least = np.full(len(rows), np.inf)
    np.minimum.at(least, group, numbers[here])
    goal = np.full(len(rows), np.nan)
    goal[group] = goals[here]
    goal = goal * rows if is_mean else goal
    with np.errstate(all="ignore"):
        ratio = goal / found
    is_far = (least < 0) | (found <= 0) | ~(goal > 0)
    factor = np.where(is_far, 1.0, np.clip(ratio, 1 / MOST, MOST))
    places = _places(numbers[here])
    made = np.round(numbers[here] * factor[group], places)
    if not is_mean:
        _with_rest(made, group, np.where(is_far | (factor != ratio), np.nan, goal))
    scaled = numbers.copy()
    scaled[here] = np.round(made, places)
    kind = values.type
    return from_floats(scaled, kind, kind.scale if pa.types.is_decimal(kind) else places)


def brought_to(values: pa.Array, parents: Ints, goals: Floats) -> pa.Array:
    """
    Scale the numbers of siblings so that they come to exactly what their parent has.

    Args:
        values: (n,) numbers, all of each parent.
        parents: (n,) row numbers, -1 for none.
        goals: (n,) what the parent has, NaN for nothing.
    """
    numbers = to_floats(values)
    here = np.flatnonzero((parents >= 0) & ~np.isnan(numbers) & ~np.isnan(goals))
    if not len(here):
        return values
    _, first, group = np.unique(parents[here], return_index=True, return_inverse=True)
    kind = values.type
    places = kind.scale if pa.types.is_decimal(kind) else _places(numbers[here])
    goal, found = goals[here][first], np.bincount(group, weights=numbers[here])
    with np.errstate(all="ignore"):
        factor = np.where(found != 0, goal / found, 0.0)
    made = np.round(numbers[here] * factor[group], places)
    _with_rest(made, group, goal)
    scaled = numbers.copy()
    scaled[here] = np.round(made, places)
    return from_floats(scaled, kind, places)


def _with_rest(made: Floats, group: Ints, goal: Floats) -> None:
    """Give what rounding leaves of goals to the largest of each group: there it weighs least."""
    order = np.lexsort((np.abs(made), group))
    largest = order[np.append(np.diff(group[order]) != 0, True)]
    rest = goal - np.bincount(group, weights=made)
    made[largest] += np.where(np.isnan(rest), 0.0, rest)


def ended_at(values: pa.Array, parents: Ints, goals: Floats, *, is_last: bool) -> pa.Array:
    """
    Let the first of siblings, or the last, be where their parent says.

    Args:
        values: (n,) moments, all of each parent.
        parents: (n,) row numbers, -1 for none.
        goals: (n,) what the parent has, NaN for nothing.
        is_last: whether that is the last one's.
    """
    numbers = to_floats(values)
    here = np.flatnonzero((parents >= 0) & ~np.isnan(numbers) & ~np.isnan(goals))
    if not len(here):
        return values
    order = here[np.lexsort((-numbers[here] if is_last else numbers[here], parents[here]))]
    ends = order[np.append(True, np.diff(parents[order]) != 0)]
    moved = np.full(len(values), np.nan)
    moved[ends] = goals[ends]
    made = from_floats(moved, values.type)
    return pc.coalesce(made, values)


def _places(numbers: Floats) -> int:
    """Digits behind the point that numbers have."""
    for places in range(_PLACES):
        if np.allclose(numbers, np.round(numbers, places), rtol=0, atol=1e-9):
            return places
    return _PLACES


def scaled(rows: pa.Table, before: pa.Table, low: str, high: str) -> pa.Table:
    """Let what is never more than a total be as large a part of it as it was of what was drawn."""
    part, whole, drawn = (
        to_floats(t.column(c).combine_chunks())
        for t, c in ((rows, low), (rows, high), (before, high))
    )
    with np.errstate(all="ignore"):
        is_other = (part > whole) | (_is_measured(part) & (drawn > 0) & (whole != drawn))
        made = np.where(drawn > 0, part * (whole / drawn), whole)
    made = np.minimum(np.floor(made) if pa.types.is_integer(rows.column(low).type) else made, whole)
    kind = rows.column(low).type
    values = from_floats(made, kind, kind.scale if pa.types.is_decimal(kind) else 10)
    at, now = rows.column_names.index(low), rows.column(low).combine_chunks()
    return rows.set_column(at, rows.schema.field(low), pc.if_else(pa.array(is_other), values, now))


def _is_measured(numbers: Floats) -> bool:
    """Whether numbers are no few ones, each of which means something."""
    return len(np.unique(numbers[~np.isnan(numbers)])) >= FEW
