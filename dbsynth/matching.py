"""Which row points to which: composite keys looked up in memory, vectorised."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dbsynth.features import Ints
from dbsynth.keys import ANYWHERE, NOWHERE
from dbsynth.polymorphs import labels_of
from dbsynth.schema import ForeignKey


def row_pointers(child: pa.Table, key: ForeignKey, parent: pa.Table) -> Ints:
    """
    Find each child row's parent row.

    Args:
        child: (n,) rows with the key's columns.
        key: the foreign key.
        parent: (m,) rows with the key's parent columns.

    Returns:
        (n,) row numbers in `parent`, -1 where the key is NULL, its row was not read, or the key
        is about other rows.  Texts that no row has find one that differs in case, accents or
        trailing spaces only: to many collations these are equal.
    """
    wanted = [child.column(c) for c in key.columns]
    given = [parent.column(c) for c in key.parent_columns]
    found = match_rows(wanted, given)
    lost = found < 0
    for column in wanted:
        lost &= np.asarray(column.is_valid())
    if lost.any() and any(pa.types.is_string(c.type) for c in given):
        rest = [_folded(c.filter(pa.array(lost))) for c in wanted]
        found[lost] = match_rows(rest, [_folded(c) for c in given])
    return np.where(rows_of(child, key), found, -1)


def rows_of(child: pa.Table, key: ForeignKey) -> NDArray[np.bool_]:
    """Mark the (n,) child rows that a key is about: all of them, unless it is polymorphic."""
    if key.when is None:
        return np.ones(len(child), bool)
    return np.asarray(labels_of(child.column(key.when.column), (key.when.label,)) == 0)


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
    for column, own in zip(wanted, given, strict=True):
        # A polymorphic reference may be a text that stands for keys of every type.
        other = own.cast(pa.string()) if pa.types.is_string(column.type) else own
        values = pc.unique(other.drop_null())
        here = _positions(column.cast(other.type, safe=False), values)
        missing |= here < 0
        # Renumbering after every column keeps the codes small, however many columns there are.
        size = len(values) + 1
        pairs = np.concatenate([left * size + here, right * size + _positions(other, values)])
        codes = np.unique(pairs, return_inverse=True)[1].astype(np.int64)
        left, right = codes[: len(left)], codes[len(left) :]
    found = _positions(pa.chunked_array([pa.array(left)]), pa.array(right))
    return np.where(missing, -1, found)


def places_of(
    wanted: Sequence[pa.ChunkedArray], given: Sequence[pa.ChunkedArray]
) -> tuple[Ints, Ints]:
    """
    Number the places that parents have: equal values of some key columns are one place.

    Args:
        wanted: per key column (n,) values that rows have already.
        given: per key column (m,) values of the parents.

    Returns:
        (n,) places of the rows, `keys.ANYWHERE` where a value is null, `keys.NOWHERE` where no
        parent has it; and (m,) places of the parents.
    """
    known = pa.table({str(i): column for i, column in enumerate(given)})
    values = known.group_by(known.column_names).aggregate([])
    places = match_rows(wanted, values.columns)
    is_open = np.zeros(len(places), bool)
    for column in wanted:
        is_open |= np.asarray(column.is_null())
    places = np.where(is_open, ANYWHERE, np.where(places < 0, NOWHERE, places))
    return places, match_rows(known.columns, values.columns)


def _folded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Write texts as most collations compare them; others stay as they are."""
    if not pa.types.is_string(column.type):
        return column
    plain = pc.replace_substring_regex(pc.utf8_normalize(column, "NFKD"), r"\p{Mn}", "")
    return pc.replace_substring(pc.utf8_rtrim_whitespace(pc.utf8_lower(plain)), "ß", "ss")


def _positions(column: pa.ChunkedArray, values: pa.Array) -> Ints:
    index = pc.index_in(column, value_set=values, skip_nulls=True)
    return np.asarray(pc.fill_null(index, -1)).astype(np.int64)
