"""Values that are vacant beside the rest of a row's key, where keys take nearly all there are."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.features import Ints
from dbsynth.keys import combined

_MOST_CELLS = 20_000_000  # keys' rests times values


def vacant(
    rows: pa.Table, columns: tuple[str, ...], column: str, at: Ints, rng: np.random.Generator
) -> pa.Array | None:
    """
    Hand out values that other rows have, but none with the same rest of the key.

    Args:
        rows: (n,) of a table.
        columns: of the unique set, `column` among them.
        column: the one that changes.
        at: (k,) rows that need another value.
        rng: decides who gets which.

    Returns:
        (k,) values, NULL where none is left; None where that is not worth trying.
    """
    rest = [c for c in columns if c != column]
    values = pc.unique(rows.column(column).drop_null())
    if not rest or 2 * len(values) > len(rows):
        return None
    groups = combined(np.stack([_codes(rows.column(c)) for c in rest], axis=1))
    wanted, mine = np.unique(groups[at], return_inverse=True)
    if len(wanted) * len(values) > _MOST_CELLS:
        return None
    place = np.minimum(np.searchsorted(wanted, groups), len(wanted) - 1)
    own = pc.index_in(rows.column(column).combine_chunks(), value_set=values)
    taken = np.zeros((len(wanted), len(values)), bool)
    others = (wanted[place] == groups) & np.asarray(own.is_valid())
    others[at] = False
    taken[place[others], np.asarray(own.fill_null(0))[others]] = True
    order = rng.permuted(np.tile(np.arange(len(values)), (len(wanted), 1)), axis=1)
    free = ~np.take_along_axis(taken, order, axis=1)
    found = np.full(len(at), -1)
    turn = np.argsort(mine, kind="stable")
    nth = np.arange(len(at)) - np.searchsorted(mine[turn], mine[turn])
    for row, number in zip(turn, nth, strict=True):
        left = np.flatnonzero(free[mine[row]])
        if number < len(left):
            found[row] = order[mine[row], left[number]]
    return values.take(pa.array(found, mask=found < 0))


def _codes(values: pa.ChunkedArray) -> Ints:
    """(n,) the same number for the same value, -1 for NULL."""
    codes = values.combine_chunks().dictionary_encode().indices
    return np.asarray(pc.fill_null(codes, -1)).astype(np.int64)
