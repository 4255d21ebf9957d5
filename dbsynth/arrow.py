"""How SQL types look in Arrow: the one mapping that readers, generators and writers agree on."""

from __future__ import annotations

import pyarrow as pa

from dbsynth.schema import Column, SqlType, Table

_INTEGERS = {8: pa.int8(), 16: pa.int16(), 32: pa.int32(), 64: pa.int64()}
_UNSIGNED = {8: pa.uint8(), 16: pa.uint16(), 32: pa.uint32(), 64: pa.uint64()}


def arrow_type(sql: SqlType) -> pa.DataType:
    """
    The Arrow type in which values of a SQL type travel.

    Decimals without a precision travel as decimal128(38, 10); times as microseconds; enums, uuids,
    JSON and everything of kind "other" as the text that the database prints and parses.
    """
    match sql.kind:
        case "integer":
            return (_UNSIGNED if sql.unsigned else _INTEGERS)[sql.bits or 64]
        case "decimal":
            if sql.precision is None:
                return pa.decimal128(38, 10)
            wide = sql.precision > 38
            return (pa.decimal256 if wide else pa.decimal128)(sql.precision, sql.scale or 0)
        case "float":
            return pa.float32() if sql.bits == 32 else pa.float64()
        case "boolean":
            return pa.bool_()
        case "bytes":
            return pa.binary()
        case "date":
            return pa.date32()
        case "time":
            return pa.time64("us")
        case "timestamp":
            return pa.timestamp("us")
        case "timestamptz":
            return pa.timestamp("us", tz="UTC")
        case _:
            return pa.string()


def can_hold(column: Column, other: Column) -> bool:
    """Whether a column's type holds all values of another's, but for their length."""
    same = column.type.kind == other.type.kind and column.type.labels == other.type.labels
    return same and arrow_type(column.type) == arrow_type(other.type)


def bare_rows(rows: int) -> pa.RecordBatch:
    """Rows without a column, of which only the number is known."""
    return pa.RecordBatch.from_struct_array(pa.Array.from_buffers(pa.struct([]), rows, [None]))


def arrow_field(column: Column) -> pa.Field:
    """A column's Arrow field."""
    return pa.field(column.name, arrow_type(column.type), nullable=column.is_nullable)


def arrow_schema(table: Table) -> pa.Schema:
    """The Arrow schema of a table's written columns."""
    return pa.schema([arrow_field(c) for c in table.written_columns])


def put_column(rows: pa.Table, name: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    """Put (n,) values in the place of a column, of whose type they are."""
    return rows.set_column(rows.column_names.index(name), rows.schema.field(name), values)
