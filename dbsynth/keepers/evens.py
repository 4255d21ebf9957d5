"""Children that come to something: as much debit as credit, nothing, the parts of a whole."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.copying import Flags
from dbsynth.features import Floats, Ints
from dbsynth.keepers.shares import brought_to
from dbsynth.rules.evensteps import Even
from dbsynth.values import from_floats, to_floats


def one_sided(rows: pa.Table, even: Even, wrong: Flags) -> pa.Table:
    """Let (n,) rows that are on both sides be on the larger one only, and those on none on one."""
    if not even.other or not wrong.any():
        return rows
    one, other = (to_floats(rows.column(c).combine_chunks()) for c in (even.one, even.other))
    amounts = np.maximum(one, other)
    known = amounts[amounts > 0]
    if not len(known):
        return rows
    at = np.arange(len(rows))
    amounts = np.where(amounts > 0, amounts, known[at % len(known)])
    is_left = np.where(one == other, at % 2 == 0, one > other)
    for name, here in ((even.one, is_left), (even.other, ~is_left)):
        place, field = rows.column_names.index(name), rows.schema.field(name)
        digits = field.type.scale if pa.types.is_decimal(field.type) else 10
        new = from_floats(np.where(here, amounts, 0.0), field.type, digits)
        made = pc.if_else(pa.array(wrong), new, rows.column(name).combine_chunks())
        rows = rows.set_column(place, field, made)
    return rows


def evened(
    rows: pa.Table,
    parents: Ints,
    even: Even,
    limits: Floats | None = None,
    told: Floats | None = None,
) -> pa.Table:
    """
    Let the rows of each owner come to the same in both columns, to nothing or to a whole.

    Parts of a whole are scaled.  What one side has in one piece stays; the pieces of the other are
    scaled.  Owners whose rows stand on one side only have the last of them change it.

    Args:
        rows: (n,) all rows of each owner.
        parents: (n,) row numbers of the owners, -1 for none.
        even: which columns.
        limits: (owners,) what the rows of each may come to, where that is no whole; NaN: anything.
        told: (owners,) how much of it they should come to, from 0 to 1; NaN for nothing.
    """
    one = to_floats(rows.column(even.one).combine_chunks())
    if even.is_part:
        known = np.where(np.isnan(one), -1, parents)
        most = np.full(len(one), even.whole) if limits is None else np.append(limits, np.nan)[known]
        share = np.full(len(one), np.nan) if told is None else np.append(told, np.nan)[known]
        return _with_parts(rows, one, known, even, most, share)
    signed = not even.other
    other = np.maximum(-one, 0.0) if signed else to_floats(rows.column(even.other).combine_chunks())
    left = np.maximum(one, 0.0) if signed else one
    there = (parents >= 0) & ~np.isnan(left) & ~np.isnan(other)
    owners = np.where(there, parents, -1)
    left, other = _on_both_sides(left, other, owners)
    pieces = _per_row(np.where(left > 0, 1.0, 0.0), owners) - _per_row(
        np.where(other > 0, 1.0, 0.0), owners
    )
    goals = _per_row(left, owners), _per_row(other, owners)
    kind = rows.column(even.one).type
    made = [
        _scaled(values, owners, np.where(chosen & (values != 0), goal, np.nan), kind)
        for values, chosen, goal in ((left, pieces > 0, goals[1]), (other, pieces <= 0, goals[0]))
    ]
    ends = {even.one: made[0] - made[1]} if signed else {even.one: made[0], even.other: made[1]}
    for name, values in ends.items():
        at, field = rows.column_names.index(name), rows.schema.field(name)
        places = field.type.scale if pa.types.is_decimal(field.type) else 10
        before = rows.column(name).combine_chunks()
        new = from_floats(values, field.type, places)
        rows = rows.set_column(at, field, pc.if_else(pa.array(there), new, before))
    return rows


def _with_parts(
    rows: pa.Table, parts: Floats, owners: Ints, even: Even, most: Floats, share: Floats
) -> pa.Table:
    """Scale (n,) parts so that those of an owner come to the whole, or to their share of it."""
    found = _per_row(parts, owners)
    if even.is_most:
        kept = np.where(found > most, most, np.nan)
        goals = np.where(np.isnan(share), kept, np.clip(share, 0.0, 1.0) * most)
    else:
        goals = most
    goals = np.where((owners < 0) | (found < 0), np.nan, goals)
    at, field = rows.column_names.index(even.one), rows.schema.field(even.one)
    made = brought_to(rows.column(even.one).combine_chunks(), owners, goals)
    if pa.types.is_integer(field.type):
        made = pa.array(_of_one(to_floats(made), parts, owners), field.type, from_pandas=True)
    return rows.set_column(at, field, made)


def _of_one(made: Floats, parts: Floats, owners: Ints) -> Floats:
    """Let whole numbers that were scaled to nothing be 1, at the cost of their owner's largest."""
    lost = (owners >= 0) & (made == 0) & (parts > 0)
    order = np.lexsort((made, owners))
    largest = order[np.append(np.diff(owners[order]) != 0, True)]
    debts = _per_row(np.where(lost, 1.0, 0.0), owners)
    payers = largest[(owners[largest] >= 0) & (made[largest] > debts[largest])]
    made = made.copy()
    made[lost & np.isin(owners, owners[payers])] = 1.0
    made[payers] -= debts[payers]
    return made


def _on_both_sides(left: Floats, other: Floats, owners: Ints) -> tuple[Floats, Floats]:
    """Let the last row of owners whose rows are all on one side change it."""
    lone = (owners >= 0) & ((_per_row(left, owners) == 0) != (_per_row(other, owners) == 0))
    count = _per_row(np.ones(len(owners)), owners)
    rows = np.flatnonzero(lone & (count > 1) & (left + other != 0))
    if not len(rows):
        return left, other
    last = _lasts(rows, owners)
    left, other = left.copy(), other.copy()
    left[last], other[last] = other[last], left[last]
    return left, other


def _lasts(rows: Ints, owners: Ints) -> Ints:
    order = rows[np.lexsort((rows, owners[rows]))]
    found: Ints = order[np.append(np.diff(owners[order]) != 0, True)]
    return found


def _per_row(values: Floats, owners: Ints) -> Floats:
    """What the rows of each row's owner come to; 0 without an owner."""
    total = np.zeros(int(owners.max(initial=-1)) + 2)
    np.add.at(total, owners, np.where(owners >= 0, values, 0.0))
    return np.asarray(np.where(owners >= 0, total[owners], 0.0), np.float64)


def _scaled(values: Floats, owners: Ints, goals: Floats, kind: pa.DataType) -> Floats:
    """Numbers that come to their owner's goal, where there is one; others stay."""
    places = kind.scale if pa.types.is_decimal(kind) else 10
    return to_floats(brought_to(from_floats(values, kind, places), owners, goals))
