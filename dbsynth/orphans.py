"""Copied rows whose parent is missing, as sources have them that do not enforce their keys."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.features import Ints
from dbsynth.matching import match_rows, rows_of
from dbsynth.schema import ForeignKey, Table


def with_parents(
    rows: pa.Table, table: Table, key: ForeignKey, parents: Sequence[pa.ChunkedArray]
) -> tuple[pa.Table, Ints]:
    """
    Lead every row that refers to nothing to NULL, where that is allowed, else to some parent.

    Args:
        rows: (n,) the whole copied table.
        table: its table.
        key: one of its keys.
        parents: per column of the key (m,) the parents' values.

    Returns:
        the rows, and (n,) the number of each one's parent, -1 where there is none.
    """
    columns = [rows.column(c) for c in key.columns]
    here = rows_of(rows, key)
    pointers = np.where(here, match_rows(columns, parents), -1)
    orphans = here & (pointers < 0)
    for column in columns:
        orphans &= np.asarray(column.is_valid())
    size = len(parents[0])
    if not orphans.any() or not size:
        return rows, pointers
    optional = [c for c in key.columns if table.column(c).is_nullable]
    if not optional:  # in a tree, a row becomes its own parent
        pointers = np.where(orphans, np.arange(len(rows)) % size, pointers)
    given = dict(zip(key.columns, parents, strict=True))
    for name in optional or key.columns:
        at, held = rows.column_names.index(name), rows.column(name).combine_chunks()
        taken = pa.nulls(len(rows), held.type)
        if not optional:
            indices = pa.array(np.maximum(pointers, 0))
            taken = given[name].take(indices).combine_chunks().cast(held.type)
        mended = pc.if_else(pa.array(orphans), taken, held)
        rows = rows.set_column(at, name, mended)
    return rows, pointers
