"""
Values beyond the calendar and the numbers: how they travel in Arrow, and what becomes of them.

Arrow has no infinite dates and no decimals that are infinite or not a number.  They travel as the
outermost values of their type, which stand for nothing else: infinite dates and timestamps as the
largest and smallest integers (as in DuckDB), decimals without a precision as the largest ones.  In
working floats an infinity is an infinity, null is NaN, and a value that is NaN is `NOT_A_NUMBER`.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dbsynth.features import Floats

NOT_A_NUMBER = float.fromhex("0x1.badf00dbadf0dp+1023")  # no column's value, and finite
DAYS = 2**31 - 1
MICROS = 2**63 - 1
FREE_DECIMAL = pa.decimal128(38, 10)  # decimals without a precision
TOP_DECIMAL = Decimal(9900000000000000000000000000)  # the largest that stands for itself
_NINES = Decimal("9999999999999999999999999999.9999999999")
DECIMALS = {  # working float -> how it travels
    -np.inf: _NINES.copy_negate(),
    np.inf: _NINES,
    NOT_A_NUMBER: Decimal("9999999999999999999999999999.9999999998"),
}
MIDNIGHT = 86_400_000_000  # 24:00 in microseconds: PostgreSQL and DuckDB have it
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896  # 0001-01-01 and 9999-12-31, in days since 1970
_DAY = 86_400_000_000


def is_plain(values: Floats) -> NDArray[np.bool_]:
    """Tell which of (n,) working floats are numbers: neither null, infinite nor NaN."""
    plain: NDArray[np.bool_] = np.isfinite(values) & (values != NOT_A_NUMBER)
    return plain


def read_extremes(column: pa.Array, floats: Floats) -> Floats:
    """Put infinities and `NOT_A_NUMBER` among (n,) floats where the Arrow values mean them."""
    kind = column.type
    if pa.types.is_floating(kind):
        is_nan = np.asarray(pc.fill_null(pc.is_nan(column), False))
        return np.where(is_nan, NOT_A_NUMBER, floats)
    if kind == FREE_DECIMAL:
        for meaning, travels in DECIMALS.items():
            floats = np.where(_equal(column, travels), meaning, floats)
        return floats
    raw, top = _raw(column)
    if raw is None:
        return floats
    return np.where(raw >= top, np.inf, np.where(raw <= -top, -np.inf, floats))


def write_extremes(values: Floats, column: pa.Array) -> pa.Array:
    """Put what (n,) working floats mean beyond numbers into an Arrow column made of them."""
    kind = column.type
    for meaning in (-np.inf, np.inf, NOT_A_NUMBER):
        hit = values == meaning
        if not hit.any():
            continue
        if pa.types.is_floating(kind):
            what = pa.scalar(np.nan if meaning == NOT_A_NUMBER else meaning, kind)
        elif kind == FREE_DECIMAL:
            what = pa.scalar(DECIMALS[meaning], kind)
        elif pa.types.is_date(kind) and meaning != NOT_A_NUMBER:
            what = pa.array([int(np.sign(meaning)) * DAYS], pa.int32()).cast(kind)[0]
        elif pa.types.is_timestamp(kind) and meaning != NOT_A_NUMBER:
            what = pa.array([int(np.sign(meaning)) * MICROS], pa.int64()).cast(kind)[0]
        else:
            what = pa.scalar(None, kind)
        column = pc.if_else(pa.array(hit), what, column)
    return column


def without_extremes(column: pa.Array, dialect: str) -> pa.Array:
    """
    Bring values that a target lacks within what it has; PostgreSQL lacks none.

    Dates and timestamps come to the ends of the years 1 to 9999, 24:00 to the last microsecond of
    the day, decimals that are no numbers to null.
    """
    kind = column.type
    if dialect == "postgresql" or len(column) == 0:
        return column
    if kind == FREE_DECIMAL:
        beyond = pc.greater(pc.abs(column), pa.scalar(TOP_DECIMAL, kind))
        return pc.if_else(beyond, pa.scalar(None, kind), column)
    if dialect == "duckdb":
        return column
    if pa.types.is_time(kind):
        micros = column.cast(pa.time64("us")).cast(pa.int64())
        return pc.min_element_wise(micros, MIDNIGHT - 1, skip_nulls=False).cast(kind)
    if pa.types.is_date32(kind):
        return _clamped(column, pa.int32(), _FIRST_DAY, _LAST_DAY)
    if pa.types.is_timestamp(kind) and kind.unit == "us":
        return _clamped(column, pa.int64(), _FIRST_DAY * _DAY, (_LAST_DAY + 1) * _DAY - 1)
    return column


def has_infinities(column: pa.Array) -> bool:
    """Whether a column of dates or timestamps holds an infinite one."""
    kind = column.type
    if pa.types.is_date32(kind):
        numbers, top = column.cast(pa.int32()), DAYS
    elif pa.types.is_timestamp(kind) and kind.unit == "us":
        numbers, top = column.cast(pa.int64()), MICROS
    else:
        return False
    ends = pc.min_max(numbers).as_py()
    return ends["min"] is not None and bool(ends["min"] <= -top or ends["max"] >= top)


def spell_moments(column: pa.Array) -> pa.Array:
    """Write dates, times or timestamps as PostgreSQL parses them, whatever their year."""
    kind = column.type
    text = column.cast(pa.string())
    if pa.types.is_time(kind):
        last = pa.scalar(MIDNIGHT, pa.int64())
        return pc.if_else(pc.equal(column.cast(pa.int64()), last), "24:00:00", text)
    raw, top = _raw(column)
    assert raw is not None
    size = 1 if pa.types.is_date(kind) else _DAY
    odd = (raw < _FIRST_DAY * size) | (raw >= (_LAST_DAY + 1) * size)
    odd &= np.asarray(pc.is_valid(column))
    if not odd.any():
        return text
    unit = "D" if size == 1 else "us"
    tail = "Z" if pa.types.is_timestamp(kind) and kind.tz else ""
    spelled = [_spelled(int(v), int(top), unit, tail) for v in raw[odd]]
    return pc.replace_with_mask(text, pa.array(odd), pa.array(spelled, pa.string()))


def _spelled(value: int, top: int, unit: str, tail: str) -> str:
    if abs(value) >= top:
        return "infinity" if value > 0 else "-infinity"
    day, _, time = str(np.datetime64(value, unit)).partition("T")  # type: ignore[call-overload]
    era = ""
    year, rest = day[:-6], day[-6:]
    if int(year) <= 0:  # as astronomers count: 0 is the year 1 before Christ
        year, era = str(1 - int(year)).zfill(4), " BC"
    return f"{year}{rest}{f' {time}' if time else ''}{tail}{era}"


def _raw(column: pa.Array) -> tuple[NDArray[np.int64] | None, np.int64]:
    """The integers behind dates (days) or timestamps (microseconds), and the infinite one."""
    kind = column.type
    if pa.types.is_date32(kind):
        days = pc.fill_null(column.cast(pa.int32()), 0)
        return np.asarray(days).astype(np.int64), np.int64(DAYS)
    if pa.types.is_timestamp(kind) and kind.unit == "us":
        return np.asarray(pc.fill_null(column.cast(pa.int64()), 0)), np.int64(MICROS)
    return None, np.int64(0)


def _equal(column: pa.Array, value: Decimal) -> NDArray[np.bool_]:
    found = pc.equal(column, pa.scalar(value, column.type))
    return np.asarray(pc.fill_null(found, False))


def _clamped(column: pa.Array, raw: pa.DataType, low: int, high: int) -> pa.Array:
    values = column.cast(raw)
    values = pc.max_element_wise(values, pa.scalar(low, raw), skip_nulls=False)
    return pc.min_element_wise(values, pa.scalar(high, raw), skip_nulls=False).cast(column.type)
