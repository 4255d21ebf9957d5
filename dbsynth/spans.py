"""PostgreSQL's ranges as numbers and back: the text of a range, its start and its end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dbsynth.features import Floats
from dbsynth.schema import Column
from dbsynth.values import DAY, from_floats, to_floats

_TEXT = r'^(?P<open>[\[(])"?(?P<start>[^",]*)"?,"?(?P<end>[^",\])]*)"?(?P<close>[\])])$'
_ELEMENTS: dict[str, pa.DataType] = {
    "int4range": pa.int64(), "int8range": pa.int64(), "numrange": pa.float64(),
    "daterange": pa.date32(), "tsrange": pa.timestamp("us"), "tstzrange": pa.timestamp("us"),
}  # fmt: skip


def span_step(column: Column) -> float:
    """The least distance between two ends of an interval, as working floats count."""
    native, kind = column.type.native, column.type.kind
    if native == "daterange" or kind == "date":
        return DAY
    if native in ("tsrange", "tstzrange") or kind in ("timestamp", "timestamptz", "time"):
        return 1e-6
    if kind == "decimal" or native == "numrange":
        return 10.0 ** -(column.type.scale or 2)
    return 1.0


@dataclass(frozen=True)
class RangeText:
    """(n,) ranges from a start up to, but not including, an end; infinite where unbounded."""

    starts: Floats
    ends: Floats
    is_there: NDArray[np.bool_]  # when parsed: neither NULL nor empty; when written: which ones

    @classmethod
    def parse(cls, texts: pa.Array, column: Column) -> RangeText:
        """Read ranges as the server prints them; what is none of a known kind is not there."""
        kind = _ELEMENTS.get(column.type.native)
        parts = pc.extract_regex(texts, _TEXT)
        is_there = np.asarray(pc.is_valid(parts))
        if kind is None:
            nothing = np.zeros(len(texts))
            return cls(nothing, nothing, np.zeros(len(texts), bool))
        step = span_step(column)
        opened, closed = (parts.field(i) for i in (0, 3))
        starts = _ends(parts.field(1), kind, -np.inf)
        ends = _ends(parts.field(2), kind, np.inf)
        starts = starts + np.asarray(pc.fill_null(pc.equal(opened, "("), False)) * step
        ends = ends + np.asarray(pc.fill_null(pc.equal(closed, "]"), False)) * step
        known = is_there & ~np.isnan(starts) & ~np.isnan(ends)
        return cls(starts, ends, known & (np.where(known, ends, 1) > np.where(known, starts, 0)))

    def write(self, old: pa.Array, column: Column) -> pa.Array:
        """Replace the texts of the ranges that are there."""
        kind = _ELEMENTS[column.type.native]
        zone = "+00" if column.type.native == "tstzrange" else ""
        start = _texts(self.starts, kind, zone)
        end = _texts(self.ends, kind, zone)
        new = pc.binary_join_element_wise("[", start, ",", end, ")", "")
        return pc.if_else(pa.array(self.is_there), new.cast(old.type), old)


def _ends(texts: pa.Array, kind: pa.DataType, unbounded: float) -> Floats:
    """Ends as working floats; NaN where they cannot be read."""
    is_open = pc.fill_null(pc.is_in(texts, pa.array(["", "infinity", "-infinity"])), True)
    plain = pc.if_else(is_open, pa.scalar(None, pa.string()), texts)
    plain = (
        pc.replace_substring_regex(plain, r"[+-]\d\d(:\d\d)?$", "") if _is_moment(kind) else plain
    )
    try:
        values = to_floats(plain.cast(kind))
    except pa.ArrowInvalid:
        values = np.full(len(texts), np.nan)
    return np.where(np.asarray(is_open), unbounded, values)


def _is_moment(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind))


def _texts(values: Floats, kind: pa.DataType, zone: str) -> pa.Array:
    """Ends as the server reads them; nothing where there is none."""
    known = np.isfinite(values)
    written = from_floats(np.where(known, values, np.nan), kind).cast(pa.string())
    if zone or _is_moment(kind):
        written = pc.binary_join_element_wise('"', written, zone, '"', "")
    return pc.fill_null(written, "")
