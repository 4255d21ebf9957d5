"""
Numbers in disguise: values that a database prints as text and that have an order and a distance.

Intervals, log positions, object ids and bit strings become floats and come back in their own
spelling, as do numbers, dates and times that stand inside arrays, ranges and rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.arrow import arrow_type
from dbsynth.extremes import FREE_DECIMAL, NOT_A_NUMBER, is_plain
from dbsynth.features import Floats
from dbsynth.schema import SqlType
from dbsynth.values import DAY, from_floats, text_to_moments, to_floats

MONTH = 30 * DAY  # as PostgreSQL counts when it compares intervals
MOST_BITS = 52  # bit strings that a float holds exactly
_COUNTERS = ("oid", "xid", "xid8", "cid")
_ZONE = r"([+-]\d{2}(:?\d{2}){0,2}|Z)$"
_UNITS = {"year": 12 * MONTH, "mon": MONTH, "week": 7 * DAY, "day": DAY}
_CLOCK = r"(?P<sign>[+-]?)(?P<h>\d+):(?P<m>\d{2})(?::(?P<s>\d{2}(?:\.\d+)?))?$"
_MOST = {"xid8": 2.0**63 - 2048}  # of counters; the others have 32 bits


def is_numeral(sql: SqlType) -> bool:
    """Whether text of a type stands for a number; not so intervals of months, see `has_months`."""
    if sql.kind in ("integer", "decimal", "float", "date", "time", "timestamp", "timestamptz"):
        return True
    if sql.kind == "other" and sql.family == "bit":
        return sql.length is not None and sql.length <= MOST_BITS
    return sql.kind == "other" and sql.family in (*_COUNTERS, "interval", "pg_lsn", "hugeint")


def read(texts: pa.Array, sql: SqlType) -> Floats:
    """
    Turn texts of a type into floats.

    Args:
        texts: (n,) as the database prints them.
        sql: a type that `is_numeral`.

    Returns:
        (n,) numbers, or seconds; NaN for null and for what is not understood.
    """
    if sql.kind in ("date", "timestamp", "timestamptz"):
        return _read_moments(texts)
    if sql.kind == "time":
        return _read_clock(texts)
    if sql.kind == "other" and sql.family in _READERS:
        return _READERS[sql.family](texts)
    return _with_words(texts, to_floats(texts), NOT_A_NUMBER)


def write(values: Floats, sql: SqlType, decimals: int = 10) -> pa.Array:
    """
    Turn floats into texts of a type.

    Args:
        values: (n,) as `read` gives them; NaN becomes null.
        sql: a type that `is_numeral`.
        decimals: the most digits behind the point that a decimal shows.
    """
    if sql.kind == "other" and sql.family in _WRITERS:
        return _WRITERS[sql.family](values, sql)
    if sql.kind in ("date", "timestamp", "timestamptz", "time"):
        return _write_moments(values, sql)
    kind = pa.int64() if sql.kind == "other" else arrow_type(sql)
    shown = from_floats(values, kind, decimals)
    if pa.types.is_floating(kind):
        plain = is_plain(values)
        rounded = np.round(np.where(plain, values, 0.0), decimals)
        shown = from_floats(np.where(plain, rounded, values), pa.float64())
    text = shown.cast(pa.string())
    if pa.types.is_decimal(kind):
        text = pc.replace_substring_regex(text, r"^(-?\d+)(?:\.0*|(\.\d*?)0+)$", r"\1\2")
        text = pc.replace_substring_regex(text, r"^0E[+-]?\d+$", "0")
    if kind == FREE_DECIMAL or pa.types.is_floating(kind):
        text = _words(values, text, "NaN", "Infinity")
    return text


def has_months(texts: pa.Array) -> bool:
    """Whether intervals count months or years, which have no length of their own."""
    return bool(pc.any(pc.match_substring_regex(texts, r"mon|year")).as_py())


def split_interval(text: str) -> dict[str, float]:
    """
    Take an interval apart into what of months, days and seconds is not zero.

    >>> split_interval("1 year -2 mons +3 days -04:05:06.5")
    {'months': 10.0, 'days': 3.0, 'seconds': -14706.5}
    """
    found: dict[str, float] = {}
    for number, unit in re.findall(r"([+-]?\d+) (year|mon|week|day)", text):
        part = "months" if unit in ("year", "mon") else "days"
        size = _UNITS[unit] / (MONTH if part == "months" else DAY)
        found[part] = found.get(part, 0.0) + float(number) * size
    clock = re.search(_CLOCK, text)
    if clock:
        seconds = int(clock["h"]) * 3600 + int(clock["m"]) * 60 + float(clock["s"] or 0)
        found["seconds"] = -seconds if clock["sign"] == "-" else seconds
    return {part: value for part, value in found.items() if value}


def _with_words(texts: pa.Array, floats: Floats, not_a_number: float) -> Floats:
    """Read NaN and infinities, which databases print as words."""
    lower = pc.utf8_lower(texts)
    for word, meaning in (
        ("nan", not_a_number), ("infinity", np.inf), ("-infinity", -np.inf), ("inf", np.inf),
    ):  # fmt: skip
        hit = np.asarray(pc.fill_null(pc.equal(lower, word), False))
        floats = np.where(hit, meaning, floats)
    scientific = np.isnan(floats) & np.asarray(
        pc.fill_null(pc.match_substring_regex(lower, r"^[+-]?\d+(\.\d+)?e[+-]?\d+$"), False)
    )
    if scientific.any():
        floats[scientific] = texts.filter(pa.array(scientific)).cast(pa.float64()).to_numpy()
    return floats


def _words(values: Floats, texts: pa.Array, nan: str | None, infinity: str) -> pa.Array:
    for meaning, word in ((NOT_A_NUMBER, nan), (np.inf, infinity), (-np.inf, f"-{infinity}")):
        hit = values == meaning
        if hit.any():
            texts = pc.if_else(pa.array(hit), pa.scalar(word, pa.string()), texts)
    return texts


def _read_moments(texts: pa.Array) -> Floats:
    """Dates and timestamps; those before Christ or after 9999 come to the calendar's ends."""
    bare = pc.if_else(
        pc.match_substring(texts, ":"), pc.replace_substring_regex(texts, _ZONE, ""), texts
    )
    floats = to_floats(text_to_moments(bare))
    early = np.asarray(pc.fill_null(pc.ends_with(texts, "BC"), False))
    late = np.asarray(pc.fill_null(pc.match_substring_regex(texts, r"^\d{5,}-.*[^C]$"), False))
    floats = np.where(early, -719_162 * DAY, np.where(late, 2_932_896 * DAY, floats))
    return _with_words(texts, floats, np.nan)


def _write_moments(values: Floats, sql: SqlType) -> pa.Array:
    finite = np.where(is_plain(values), values, np.where(np.isnan(values), np.nan, 0.0))
    if sql.kind == "time":
        text = from_floats(np.minimum(finite, DAY - 1e-6), pa.time64("us")).cast(pa.string())
        return pc.replace_substring_regex(text, r"\.0+$", "")
    if sql.kind == "date":
        return _words(values, from_floats(finite, pa.date32()).cast(pa.string()), None, "infinity")
    text = from_floats(finite, pa.timestamp("us")).cast(pa.string())
    text = pc.replace_substring_regex(text, r"\.0+$", "")
    if sql.kind == "timestamptz":
        text = pc.binary_join_element_wise(text, pa.scalar("+00"), "")
    return _words(values, text, None, "infinity")


def _read_clock(texts: pa.Array) -> Floats:
    parts = pc.extract_regex(texts, "^" + _CLOCK)
    numbers = [
        pc.fill_null(_number(pc.struct_field(parts, p)), 0.0) if p == "s" else
        _number(pc.struct_field(parts, p)) for p in "hms"
    ]  # fmt: skip
    h, m, s = (np.asarray(n.to_numpy(zero_copy_only=False), np.float64) for n in numbers)
    sign = np.asarray(pc.fill_null(pc.equal(pc.struct_field(parts, "sign"), "-"), False))
    seconds: Floats = (h * 3600 + m * 60 + s) * np.where(sign, -1.0, 1.0)
    return seconds


def _number(texts: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts).cast(pa.float64())


def _read_interval(texts: pa.Array) -> Floats:
    """Intervals in seconds, a month of thirty days; those without a clock have no seconds."""
    total = np.zeros(len(texts))
    for unit, size in _UNITS.items():
        shape = rf"(?:^|\s)(?P<n>[+-]?\d+) {unit}"
        found = pc.struct_field(pc.extract_regex(texts, shape), "n")
        digits = pc.replace_substring(found, "+", "")
        numbers = pc.fill_null(digits.cast(pa.float64()), 0.0)
        total += np.asarray(numbers.to_numpy(zero_copy_only=False)) * size
    clock = pc.replace_substring_regex(texts, r"^.*\s", "")
    total += np.nan_to_num(_read_clock(clock))
    return np.where(np.asarray(pc.is_valid(texts)), total, np.nan)


def _write_interval(values: Floats, _: SqlType) -> pa.Array:
    """Whole days as days, everything else as days and seconds, which PostgreSQL keeps apart."""
    missing = np.isnan(values)
    v = np.where(missing, 0.0, values)
    days = np.trunc(v / DAY)
    seconds = np.round(v - days * DAY, 6)
    some = pa.array(days.astype(np.int64)).cast(pa.string())
    rest = pc.replace_substring_regex(pa.array(seconds).cast(pa.string()), r"\.0$", "")
    text = pc.binary_join_element_wise(some, pa.scalar(" days "), rest, pa.scalar(" seconds"), "")
    text = pc.replace_substring_regex(text, r" 0 seconds$|^0 days (?P<r>.)", r"\1")
    return pc.if_else(pa.array(missing), pa.scalar(None, pa.string()), text)


def _read_lsn(texts: pa.Array) -> Floats:
    def understand(text: str) -> float:
        high, _, low = text.partition("/")
        return float(int(high, 16) << 32 | int(low, 16))

    return _each(texts, understand)


def _write_lsn(values: Floats, _: SqlType) -> pa.Array:
    def spell(value: float) -> str:
        number = max(0, round(value))
        return f"{number >> 32:X}/{number & 0xFFFFFFFF:X}"

    return _spell(values, spell)


def _read_bits(texts: pa.Array) -> Floats:
    return _each(texts, lambda t: float(int(t, 2)))


def _write_bits(values: Floats, sql: SqlType) -> pa.Array:
    length = sql.length or 1
    return _spell(values, lambda v: f"{min(max(0, round(v)), 2**length - 1):0{length}b}")


def _write_counter(values: Floats, sql: SqlType) -> pa.Array:
    most = _MOST.get(sql.family, 2.0**32 - 2)
    return from_floats(np.clip(values, 0, most), pa.int64()).cast(pa.string())


def _write_huge(values: Floats, _: SqlType) -> pa.Array:
    return _spell(values, lambda v: str(round(v)))


def _each(texts: pa.Array, understand: Callable[[str], float]) -> Floats:
    return np.array([np.nan if t is None else understand(t) for t in texts.to_pylist()], np.float64)


def _spell(values: Floats, spell: Callable[[float], str]) -> pa.Array:
    spelled = [None if np.isnan(v) else spell(v) for v in values.tolist()]
    return pa.array(spelled, pa.string())


_READERS: Mapping[str, Callable[[pa.Array], Floats]] = {
    "interval": _read_interval, "pg_lsn": _read_lsn, "bit": _read_bits,
}  # fmt: skip
_WRITERS: Mapping[str, Callable[[Floats, SqlType], pa.Array]] = {
    "interval": _write_interval, "pg_lsn": _write_lsn, "bit": _write_bits, "hugeint": _write_huge,
    **dict.fromkeys(_COUNTERS, _write_counter),
}  # fmt: skip
