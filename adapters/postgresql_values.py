"""
PostgreSQL's COPY text to Arrow and back: the same values, exactly typed, no object per cell.

Dates and times come as the bytes that the server itself keeps, so that each one is exact; infinite
ones and numbers that are NaN travel as `dbsynth.extremes` says.  Two things have no place in Arrow:
in a column of numbers without a precision, digits beyond the tenth behind the point and sizes
beyond 9.9e27, which come as the nearest that has one; and NaN in a column with a precision, which
comes as NULL, or as 0 where NULL is not allowed.
"""

from __future__ import annotations

import io
from binascii import unhexlify
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv

from dbsynth.adapters.ddl import DialectRules, quote
from dbsynth.arrow import arrow_type
from dbsynth.extremes import (
    DAYS,
    DECIMALS,
    FREE_DECIMAL,
    MICROS,
    NOT_A_NUMBER,
    TOP_DECIMAL,
    spell_moments,
)
from dbsynth.schema import Column

_MOMENTS = {"date": 4, "time": 8, "timestamp": 8, "timestamptz": 8}  # bytes
_EPOCH_DAYS = 10_957  # from 1970 to 2000, where PostgreSQL starts to count
_EPOCH_MICROS = _EPOCH_DAYS * 86_400_000_000
_PARSE = csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False)


def select_item(column: Column, rules: DialectRules) -> str:
    """Write a column as COPY selects it: in a form that `parse` reads without loss."""
    name, kind = quote(column.name, rules), column.type.kind
    if kind == "bytes":
        return f"pg_catalog.encode({name}, 'hex')"
    if kind in _MOMENTS:
        return f"pg_catalog.encode(pg_catalog.{kind}_send({name}), 'hex')"
    if column.type.family == "money":
        return f"{name}::pg_catalog.numeric"
    if kind == "decimal" and column.type.precision is None:
        return _free_number(name)
    if kind == "decimal":
        known = f"nullif({name}, 'NaN')"
        return known if column.is_nullable else f"coalesce({known}, 0)"
    return name


def _free_number(name: str) -> str:
    """Write a number without a precision so that Arrow's decimal has room for it."""
    special = {"NaN": NOT_A_NUMBER, "Infinity": np.inf, "-Infinity": -np.inf}
    cases = " ".join(f"WHEN '{t}' THEN {DECIMALS[v]:f}" for t, v in special.items())
    return (
        f"CASE WHEN abs({name}) <= {TOP_DECIMAL:f} THEN round({name}, 10)"
        f" ELSE CASE {name}::text {cases} ELSE sign({name}) * {TOP_DECIMAL:f} END END"
    )


def parse(data: bytes, columns: Sequence[Column]) -> pa.RecordBatch:
    """Parse CSV as COPY writes it (NULL is empty, '' is quoted) into one batch."""
    wanted = [arrow_type(c.type) for c in columns]
    places = [str(i) for i in range(len(columns))]
    # The reader has no wide decimals: they come as text first.
    direct = [pa.string() if pa.types.is_decimal256(t) else t for t in wanted]
    sent = [_MOMENTS.get(c.type.kind, 0) for c in columns]
    direct = [pa.binary() if size else t for t, size in zip(direct, sent, strict=True)]
    read = csv.read_csv(
        io.BytesIO(data),
        csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=places),
        _PARSE,
        csv.ConvertOptions(
            check_utf8=False,
            column_types=dict(zip(places, direct, strict=True)),
            null_values=[""],
            true_values=["t"],
            false_values=["f"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    arrays = [
        _moments(a, t, size) if size else (from_hex(a) if pa.types.is_binary(t) else pc.cast(a, t))
        for a, t, size in zip(map(_whole, read.columns), wanted, sent, strict=True)
    ]
    fields = [
        pa.field(c.name, t, nullable=c.is_nullable) for c, t in zip(columns, wanted, strict=True)
    ]
    return pa.record_batch(arrays, schema=pa.schema(fields))


def key_list(keys: pa.ChunkedArray) -> str:
    """Write a column of keys as the text of a PostgreSQL text[]."""
    text = as_text(_whole(keys))
    text = pc.replace_substring(pc.replace_substring(text, "\\", "\\\\"), '"', '\\"')
    quoted = pc.binary_join_element_wise('"', text, '"', "")
    joined = pc.binary_join(pa.ListArray.from_arrays([0, len(quoted)], quoted), ",")
    return "{" + str(joined[0].as_py()) + "}"


def as_text(array: pa.Array) -> pa.Array:
    """Spell values as PostgreSQL parses them."""
    kind = array.type
    if pa.types.is_binary(kind):
        return _to_hex(array)
    if pa.types.is_temporal(kind):
        return spell_moments(array)
    text = pc.cast(array, pa.string())
    if pa.types.is_decimal(kind):  # a small one is spelled 0E-10
        text = pc.replace_substring_regex(text, r"^0E-\d+$", "0")
    if kind == FREE_DECIMAL:
        for value, travels in DECIMALS.items():
            spelled = "NaN" if value == NOT_A_NUMBER else "Infinity" if value > 0 else "-Infinity"
            text = pc.if_else(pc.equal(array, pa.scalar(travels, kind)), spelled, text)
    return text


def without_zeros(array: pa.Array) -> pa.Array:
    """Spell decimals without the zeros at their end; their column keeps what it is given."""
    return pc.replace_substring_regex(as_text(array), r"^(-?\d+)(?:\.0*|(\.\d*?)0+)$", r"\1\2")


def to_csv(batch: pa.RecordBatch) -> bytes:
    """Write a batch as COPY reads it: NULL is empty, every text is quoted."""
    arrays = [as_text(a) if _needs_text(a.type) else a for a in batch.columns]
    sink = io.BytesIO()
    csv.write_csv(
        pa.record_batch(arrays, names=[str(i) for i in range(len(arrays))]),
        sink,
        csv.WriteOptions(include_header=False, quoting_style="needed"),
    )
    return sink.getvalue()


def _needs_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_temporal(kind)
        or pa.types.is_floating(kind)
    )


def _whole(array: pa.ChunkedArray) -> pa.Array:
    combined = array.combine_chunks()
    return combined if isinstance(combined, pa.Array) else pa.concat_arrays(combined.chunks)


def _moments(array: pa.Array, kind: pa.DataType, size: int) -> pa.Array:
    """Turn the server's bytes in hexadecimal digits into dates, times or timestamps."""
    missing = np.asarray(pc.is_null(array))
    packed = from_hex(pc.fill_null(array, b"0" * (2 * size)))
    _, raw = laid_out(packed)
    values = raw.view(f">i{size}").astype(np.int64)
    if pa.types.is_date(kind):
        top, shift, infinite = 2**31 - 1, _EPOCH_DAYS, DAYS
    elif pa.types.is_timestamp(kind):
        top, shift, infinite = 2**63 - 1, _EPOCH_MICROS, MICROS
    else:
        return pa.array(values, pa.int64(), mask=missing).cast(kind)
    # The last thirty years that PostgreSQL knows are too late for Arrow.
    moved = np.minimum(values, infinite - 1 - shift) + shift
    moved = np.where(values == top, infinite, np.where(values == -top - 1, -infinite, moved))
    width = pa.int32() if size == 4 else pa.int64()
    return pa.array(moved.astype(f"i{size}"), width, mask=missing).cast(kind)


def from_hex(array: pa.Array) -> pa.Array:
    """Turn pairs of hexadecimal digits into bytes, for the whole column at once."""
    flat = pc.fill_null(array, b"") if array.null_count else array
    offsets, digits = laid_out(flat)
    buffers = [
        None,
        pa.py_buffer((offsets // 2).tobytes()),
        pa.py_buffer(unhexlify(digits.tobytes())),
    ]
    packed = pa.Array.from_buffers(pa.binary(), len(flat), buffers)
    return pc.if_else(pc.is_valid(array), packed, pa.scalar(None, pa.binary()))


def _to_hex(array: pa.Array) -> pa.Array:
    """Spell bytes as PostgreSQL does: a backslash, an x, and hexadecimal digits."""
    flat = pc.fill_null(array, b"") if array.null_count else array
    offsets, raw = laid_out(flat)
    digits = raw.tobytes().hex().encode()
    buffers = [None, pa.py_buffer((offsets * 2).tobytes()), pa.py_buffer(digits)]
    text = pa.Array.from_buffers(pa.string(), len(flat), buffers)
    spelled = pc.binary_join_element_wise("\\x", text, "")
    return pc.if_else(pc.is_valid(array), spelled, pa.scalar(None, pa.string()))


def laid_out(array: pa.Array) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Give the offsets, from zero, and the bytes of a binary column."""
    if not len(array):
        return np.zeros(1, np.int32), np.zeros(0, np.uint8)
    _, starts, data = array.buffers()
    offsets = np.frombuffer(starts, np.int32)[array.offset :][: len(array) + 1]
    held = np.frombuffer(data or b"", np.uint8)[offsets[0] : offsets[-1]]
    return (offsets - offsets[0]).astype(np.int32), held
