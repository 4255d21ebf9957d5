"""Which row points to which: composite keys looked up in memory, vectorised."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.encode import Ints
from dbsynth.schema import ForeignKey


def row_pointers(child: pa.Table, key: ForeignKey, parent: pa.Table) -> Ints:
    """
    Find each child row's parent row.

    Args:
        child: (n,) rows with the key's columns.
        key: the foreign key.
        parent: (m,) rows with the key's parent columns.

    Returns:
        (n,) row numbers in `parent`, -1 where the key is NULL or its row was not read.
    """
    return match_rows(
        [child.column(c) for c in key.columns], [parent.column(c) for c in key.parent_columns]
    )


def match_rows(wanted: Sequence[pa.ChunkedArray], given: Sequence[pa.ChunkedArray]) -> Ints:
    """
    Look up composite keys.

    Args:
        wanted: per key column (n,) values.
        given: per key column (m,) values, unique together.

    Returns:
        (n,) positions in `given`, -1 where a part is null or nothing matches.
    """
    left = np.zeros(len(wanted[0]), np.int64)
    right = np.zeros(len(given[0]), np.int64)
    missing = np.zeros(len(left), bool)
    for column, other in zip(wanted, given, strict=True):
        values = pc.unique(other.drop_null())
        here = _positions(column.cast(other.type, safe=False), values)
        missing |= here < 0
        # Renumbering after every column keeps the codes small, however many columns there are.
        pairs = np.concatenate([left * (len(values) + 1) + here, right * (len(values) + 1) + _positions(other, values)])  # fmt: skip
        codes = np.unique(pairs, return_inverse=True)[1].astype(np.int64)
        left, right = codes[: len(left)], codes[len(left) :]
    found = _positions(pa.chunked_array([pa.array(left)]), pa.array(right))
    return np.where(missing, -1, found)


def _positions(column: pa.ChunkedArray, values: pa.Array) -> Ints:
    index = pc.index_in(column, value_set=values, skip_nulls=True)
    return np.asarray(pc.fill_null(index, -1)).astype(np.int64)
