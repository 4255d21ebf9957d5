"""Arrow values as floats and back: numbers as they are, dates and times in seconds."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dbsynth.arrow import arrow_type
from dbsynth.extremes import (
    FREE_DECIMAL,
    MIDNIGHT,
    TOP_DECIMAL,
    is_plain,
    read_extremes,
    write_extremes,
)
from dbsynth.features import Floats
from dbsynth.schema import SqlType

DAY = 86_400.0
MOST_DECIMALS = 10  # digits behind the point, where nobody has counted them
_MOST_DIGITS = 38  # of the decimals that are built here
_MOST_WHOLE = 1e27  # from here on they are built one by one
_MOST_DAYS, _MOST_MICROS = 2.0**31 - 1024, 2.0**63 - 2048  # short of what means infinity


def dates_of(rows: pa.Table) -> dict[str, Floats]:
    """The dates and moments of (n,) rows, by column, in seconds; NaN for NULL."""
    return {
        field.name: to_floats(rows.column(field.name).combine_chunks())
        for field in rows.schema
        if pa.types.is_date(field.type) or pa.types.is_timestamp(field.type)
    }


def to_floats(column: pa.Array) -> Floats:
    """
    Turn Arrow numbers, dates, times and timestamps into floats.

    Returns:
        (n,) numbers, or seconds; NaN for null, and what `extremes` says for infinities and NaN.
    """
    kind = column.type
    if pa.types.is_date(kind):
        column = column.cast(pa.date32())
        days = column.cast(pa.int32()).cast(pa.float64())
        values = np.asarray(days.to_numpy(zero_copy_only=False), np.float64) * DAY
        return read_extremes(column, values)
    if pa.types.is_timestamp(kind) or pa.types.is_time(kind):
        is_time = pa.types.is_time(kind)
        column = column.cast(pa.time64("us") if is_time else pa.timestamp("us", kind.tz))
        micros = column.cast(pa.int64()).to_numpy(zero_copy_only=False)
        return read_extremes(column, np.asarray(micros, np.float64) / 1e6)
    if pa.types.is_boolean(kind):
        column = column.cast(pa.int8())
    if pa.types.is_string(kind):
        is_number = pc.match_substring_regex(column, r"^\s*[+-]?(\d+\.?\d*|\.\d+)\s*$")
        trimmed = pc.utf8_trim_whitespace(column)
        column = pc.if_else(is_number, trimmed, pa.scalar(None, pa.string()))
    values = np.asarray(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))
    return read_extremes(column, values.astype(np.float64))


def text_to_moments(column: pa.Array) -> pa.Array:
    """Parse ISO dates and timestamps that are stored as text; what is neither becomes null."""
    bare = pc.replace_substring_regex(column, r"\s*(Z|[+-]\d{2}:?\d{2})$", "")
    is_moment = pc.match_substring_regex(
        bare, r"^\d{4}-[01]\d-[0-3]\d([ T][0-2]\d:[0-5]\d(:[0-5]\d(\.\d{1,6})?)?)?$"
    )
    return pc.if_else(is_moment, bare, pa.scalar(None, pa.string())).cast(pa.timestamp("us"))


def moments_to_text(values: Floats, is_date: bool) -> pa.Array:
    """Write (n,) seconds as ISO text, dates only or with the time of day; NaN becomes null."""
    kind = pa.date32() if is_date else pa.timestamp("s")
    return from_floats(values, pa.timestamp("us")).cast(kind, safe=False).cast(pa.string())


def from_floats(values: Floats, kind: pa.DataType, decimals: int = MOST_DECIMALS) -> pa.Array:
    """
    Turn floats back into Arrow values of a type, within the type's range; NaN becomes null.

    Args:
        values: (n,) numbers, or seconds for dates and times; `extremes` says what lies beyond.
        kind: the Arrow type wanted; decimals keep its scale.
        decimals: the most digits behind the point that a decimal shows.
    """
    plain = is_plain(values)
    found = _from_plain(np.where(plain, values, 0.0), np.isnan(values), kind, decimals)
    return found if plain.all() else write_extremes(values, found)


def _from_plain(
    v: Floats, missing: NDArray[np.bool_], kind: pa.DataType, decimals: int
) -> pa.Array:
    """Turn (n,) finite floats into a type, null where they are missing."""
    if pa.types.is_decimal(kind):
        return _decimals(v, missing, kind, decimals)
    if pa.types.is_date(kind):
        days = np.clip(np.floor(v / DAY), -_MOST_DAYS, _MOST_DAYS).astype(np.int32)
        return pa.array(days, pa.int32(), mask=missing).cast(pa.date32()).cast(kind)
    if pa.types.is_timestamp(kind) or pa.types.is_time(kind):
        micros = np.clip(np.round(v * 1e6), -_MOST_MICROS, _MOST_MICROS).astype(np.int64)
        if pa.types.is_time(kind):
            micros = np.clip(micros, 0, MIDNIGHT)
        return pa.array(micros, pa.int64(), mask=missing).cast(kind)
    if pa.types.is_integer(kind):
        info = np.iinfo(kind.to_pandas_dtype())
        high = min(info.max, 2**63 - 1024 if info.min else 2**64 - 2048)  # as floats can tell
        whole = np.clip(np.round(v), float(info.min), float(high))
        return pa.array(whole.astype(kind.to_pandas_dtype()), kind, mask=missing)
    if pa.types.is_boolean(kind):
        return pa.array(v > 0.5, kind, mask=missing)
    if pa.types.is_floating(kind):
        written = np.round(v, decimals) if decimals < MOST_DECIMALS else v  # no 723.8000000000001
        return pa.array(written, pa.float64(), mask=missing).cast(kind)
    text = pa.array(v, pa.float64(), mask=missing)
    whole_numbers = bool(np.all(v == np.round(v))) and bool(np.all(np.abs(v) < 2**53))
    return (text.cast(pa.int64()) if whole_numbers else text).cast(pa.string()).cast(kind)


def _decimals(values: Floats, missing: NDArray[np.bool_], kind: Any, decimals: int) -> pa.Array:
    """Build decimals from scaled integers, without a Python object per value."""
    scale = min(kind.scale, decimals)
    if kind.precision > _MOST_DIGITS and np.abs(values).max(initial=0.0) >= _MOST_WHOLE:
        return _wide_decimals(values, missing, kind)
    if kind == FREE_DECIMAL:  # what lies beyond has another meaning
        values = np.clip(values, -0.99 * float(TOP_DECIMAL), 0.99 * float(TOP_DECIMAL))
    most = 10 ** (min(kind.precision - kind.scale, _MOST_DIGITS - scale) + scale) - 1
    scaled = np.clip(np.round(values * 10.0**scale), -float(most), float(most))
    wide = np.empty((len(scaled), 2), np.int64)
    wide[:, 0] = np.clip(scaled, -min(most, _MOST_MICROS), min(most, _MOST_MICROS)).astype(np.int64)
    wide[:, 1] = wide[:, 0] >> 63
    for row in np.flatnonzero(np.abs(scaled) >= _MOST_MICROS):  # wider than 64 bits: one by one
        whole = max(-most, min(int(values[row]) * 10**scale, most))
        wide[row] = (whole + 2**63) % 2**64 - 2**63, whole >> 64
    raw = pa.Array.from_buffers(
        pa.decimal128(38, scale), len(wide), [None, pa.py_buffer(wide.tobytes())]
    )
    valid = pc.if_else(pa.array(~missing), raw, pa.scalar(None, raw.type))
    return valid.cast(kind)


def placeholders(sql: SqlType, start: int, stop: int) -> pa.Array:
    """Different values of a type, for a NOT NULL key of rows start..stop that is set later."""
    kind, numbers = arrow_type(sql), np.arange(start + 1, stop + 1)
    counted = numbers.astype(np.float64)
    if sql.kind == "uuid":
        return pa.array([f"00000000-0000-4000-8000-{n:012x}" for n in numbers], kind)
    if sql.labels:
        return pa.array(sql.labels, kind).take(pa.array(numbers % len(sql.labels)))
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        return pa.array(numbers).cast(pa.string()).cast(kind)
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind) or pa.types.is_time(kind):
        return from_floats(counted * (DAY if pa.types.is_date(kind) else 1.0), kind)
    return from_floats(counted if sql.unsigned else -counted, kind)


def _wide_decimals(values: Floats, missing: NDArray[np.bool_], kind: Any) -> pa.Array:
    """Build decimals of more than 38 digits; a float knows their first sixteen."""
    most = 10 ** (kind.precision - kind.scale) - 1
    whole = [max(-most, min(int(v), most)) for v in values.tolist()]
    shown = [None if m else Decimal(n) for n, m in zip(whole, missing.tolist(), strict=True)]
    return pa.array(shown, pa.decimal256(76, 0)).cast(kind)
