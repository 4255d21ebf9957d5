"""Run a SELECT on PostgreSQL and give its result as an Arrow table."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa

from dbsynth.adapters.postgresql_connection import Connection

# Result types by oid; everything else travels as the text that the server prints.
_TYPES = {
    16: pa.bool_(), 17: pa.binary(), 20: pa.int64(), 21: pa.int16(), 23: pa.int32(),
    700: pa.float32(), 701: pa.float64(), 1082: pa.date32(), 1083: pa.time64("us"),
    1114: pa.timestamp("us"), 1184: pa.timestamp("us", tz="UTC"),
}  # fmt: skip
_NUMERIC = 1700


def run(connection: Connection, statement: str) -> pa.Table:
    """Run one SELECT; meant for results that fit in memory."""
    with connection.cursor() as cursor:
        cursor.execute(statement.encode())
        description, raw = cursor.description or [], cursor.pgresult
        rows = cursor.fetchall() if description else []
    arrays = []
    for place, column in enumerate(description):
        if column.type_code == _NUMERIC:
            arrays.append(_decimals([row[place] for row in rows]))
        elif column.type_code in _TYPES:
            arrays.append(pa.array([row[place] for row in rows], _TYPES[column.type_code]))
        else:
            texts = [raw.get_value(i, place) if raw else None for i in range(len(rows))]
            arrays.append(pa.array(texts, pa.binary()).cast(pa.string()))
    return pa.Table.from_arrays(arrays, names=[column.name for column in description])


def _decimals(values: list[Decimal | None]) -> pa.Array:
    if all(value is None for value in values):
        return pa.nulls(len(values), pa.decimal128(38, 10))
    return pa.array(values)
