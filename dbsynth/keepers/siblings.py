"""Siblings in columns: who they are, in which order they stand, and what they have in common."""

from __future__ import annotations

import bisect
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dbsynth.features import Floats, Ints
from dbsynth.keys import combined
from dbsynth.values import DAY, from_floats, to_floats

Flags = NDArray[np.bool_]


def group_codes(rows: pa.Table, names: Iterable[str]) -> Ints:
    """(n,) the same number for rows that agree in some columns; one of its own for a NULL."""
    columns = []
    for name in names:
        encoded = rows.column(name).combine_chunks().dictionary_encode()
        columns.append(np.asarray(pc.fill_null(encoded.indices, -1)).astype(np.int64))
    codes = columns[0] if len(columns) == 1 else combined(np.stack(columns, axis=1))
    return np.where(is_whole(rows, names), codes, len(rows) + np.arange(len(rows)))


def is_whole(rows: pa.Table, names: Iterable[str]) -> Flags:
    """(n,) whether rows have siblings at all: no column of the partition is NULL."""
    found = np.ones(len(rows), bool)
    for name in names:
        if rows.column(name).null_count:
            found &= np.asarray(rows.column(name).is_valid())
    return found


def ranks(column: pa.ChunkedArray) -> Floats:
    """(n,) numbers that are in the order of a column's values; NaN for NULL."""
    whole = column.combine_chunks()
    if is_spaced(column):
        return to_floats(whole)
    encoded = whole.dictionary_encode()
    words = encoded.dictionary
    place = np.empty(len(words) + 1)
    place[np.asarray(pc.sort_indices(words))] = np.arange(len(words))
    place[-1] = np.nan
    found: Floats = place[np.asarray(pc.fill_null(encoded.indices, len(words)))]
    return found


def disorder(groups: Ints, place: Floats, values: Floats) -> int:
    """How many rows come after a sibling that should come after them."""
    order = in_line(place, groups)
    lined = groups[order]
    same = lined[1:] == lined[:-1]
    ordered = values[order]
    return int((same & (ordered[1:] < ordered[:-1])).sum())


def in_line(*keys: Ints | Floats) -> Ints:
    """What `np.lexsort` gives of (n,) keys without NaN; only groups out of line are sorted."""
    order = np.arange(len(keys[0]))
    if len(order) < 2:
        return order
    groups, *others = reversed(keys)
    if (groups[1:] < groups[:-1]).any():
        found: Ints = np.lexsort(keys)
        return found
    is_next = groups[1:] == groups[:-1]
    tied, falls = is_next.copy(), np.zeros(len(is_next), np.bool_)
    for key in others:
        falls |= tied & (key[1:] < key[:-1])
        tied &= key[1:] == key[:-1]
    number = np.concatenate([[0], np.cumsum(~is_next)])
    is_out = np.zeros(int(number[-1]) + 1, np.bool_)
    is_out[number[1:][falls]] = True
    moved = np.flatnonzero(is_out[number])
    order[moved] = moved[np.lexsort([key[moved] for key in keys])]
    return order


def is_falling(groups: Ints, values: Floats) -> bool:
    """Whether a value is below that of the row before of the same group."""
    same = groups[1:] == groups[:-1]
    return bool((same & (values[1:] < values[:-1])).any())


def is_tied(groups: Ints, place: Floats) -> Flags:
    """(n - 1,) whether two neighbours of a group stand at the same place."""
    tied: Flags = (groups[1:] == groups[:-1]) & (place[1:] == place[:-1])
    return tied


def is_lapping(start: Floats, length: Floats, groups: Ints) -> bool:
    """Whether a span of a group begins before the one before it has ended, or with it."""
    same = groups[1:] == groups[:-1]
    return bool((same & (start[1:] < (start + length)[:-1])).any() or is_tied(groups, start).any())


def begins(groups: Ints) -> Flags:
    """Mark the first row of each of (n,) groups that lie together."""
    return np.concatenate([[True], groups[1:] != groups[:-1]]) if len(groups) else groups == 0


def is_spaced(column: pa.ChunkedArray) -> bool:
    """Whether values are numbers or moments."""
    kind = column.type
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
        or pa.types.is_date(kind) or pa.types.is_timestamp(kind)
    )  # fmt: skip


def least_unit(kind: pa.DataType, values: Floats) -> float:
    """The least distance between two values: a day, a minute, a second; 1 of numbers."""
    if pa.types.is_date(kind):
        return DAY
    if not pa.types.is_timestamp(kind):
        return 1.0
    there = values[~np.isnan(values)]
    return next((u for u in (DAY, 3600.0, 60.0) if len(there) and (there % u == 0).all()), 1.0)


def floats_as(values: Floats, column: pa.ChunkedArray) -> pa.Array:
    """(n,) numbers as values of a column's type."""
    kind = column.type
    return from_floats(values, kind, kind.scale if pa.types.is_decimal(kind) else 10)


def commonest(groups: Ints, codes: Ints, count: int) -> Ints:
    """The code that most rows of each of `count` groups have."""
    pairs, counted = np.unique(np.stack([groups, codes]), axis=1, return_counts=True)
    found = np.zeros(count, np.int64)
    order = np.argsort(counted, kind="stable")  # the most frequent one is put last, and stays
    found[pairs[0, order]] = pairs[1, order]
    return found


def in_order(values: Floats) -> Ints:
    """
    The places of as many of (n,) values as can be that never fall; n > 0.

    Source: the longest such run by patience sorting (Fredman, Discrete Math. 11, 1975).
    """
    tops: list[float] = []
    ends: list[int] = []  # the place of the last value of the best run of each length
    before = np.full(len(values), -1)
    for place, value in enumerate(values.tolist()):
        length = bisect.bisect_right(tops, value)
        before[place] = ends[length - 1] if length else -1
        tops[length : length + 1] = [value]
        ends[length : length + 1] = [place]
    found = [ends[-1]]
    while before[found[-1]] >= 0:
        found.append(int(before[found[-1]]))
    return np.array(found[::-1], np.int64)
