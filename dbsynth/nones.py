"""
Values that stand for "no row" in references that nothing declares, such as 0.

Databases hold them; while rows are learned from and made there is NULL in their place.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.schema import Table


def none_of(text: str, kind: pa.DataType) -> pa.Scalar | None:
    """What stands for "no row" as a value of a column; None if the column cannot hold it."""
    try:
        return pa.scalar(text).cast(kind)
    except pa.ArrowInvalid:
        return None


def emptied(rows: pa.Table, table: Table) -> pa.Table:
    """Put NULL where (n,) rows of a source have what stands for "no row"."""
    for column in table.columns:
        if column.none is not None and column.name in rows.column_names:
            values = rows.column(column.name)
            is_none = pc.equal(values, none_of(column.none, values.type)).fill_null(False)
            held = pc.if_else(is_none, pa.scalar(None, values.type), values)
            rows = rows.set_column(rows.column_names.index(column.name), column.name, held)
    return rows


def filled(rows: pa.RecordBatch, table: Table) -> pa.RecordBatch:
    """Put what stands for "no row" where (n,) rows have NULL; the inverse of `emptied`."""
    nones = {c.name: c.none for c in table.columns if c.none is not None}
    if not nones.keys() & set(rows.schema.names):
        return rows
    arrays = [
        values.fill_null(none_of(nones[name], values.type)) if name in nones else values
        for name, values in zip(rows.schema.names, rows.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, rows.schema.names)
