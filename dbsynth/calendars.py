"""Calendars: tables of days, one a row, with nothing but what calendars say of days."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.features import Floats, Ints
from dbsynth.schema import Table
from dbsynth.treatments import Treatment

MOST_ROWS = 80_000  # two hundred years of days
_LEAST, _GAPS = 28, 0.02  # days of a calendar, and the share that may be left out
_KINDS = frozenset({"integer", "string", "enum", "boolean", "date", "timestamp"})
_NEARLY = 0.95  # of the rows in which calendars say the same: some holidays move
_FALLS = 0.01  # of the rows in which what counts on may begin anew
_WEEKS = 54  # a year has fewer
_YEARS = 730  # days from which on the same day of other years tells what comes each year


def is_calendar(table: Table, told: dict[str, Treatment], rows: pa.Table) -> bool:
    """
    Whether rows are days, none of which is left out, and no column says what happened on them.

    Args:
        table: as the source has it.
        told: what its columns are.
        rows: its first rows, as the key has them in order.
    """
    if table.foreign_keys or len(rows) < _LEAST:
        return False
    if not all(c.type.kind in _KINDS for c in table.columns):
        return False
    written = table.written_columns  # others are not read
    days = next((d for c in written if (d := _days(rows, c.name)) is not None), None)
    if days is None:
        return False
    ordered = rows.take(pa.array(np.argsort(days)))
    others = [c for c in written if c.name not in table.primary_key]
    return all(_is_told(ordered.column(c.name), np.sort(days), told[c.name]) for c in others)


def _days(rows: pa.Table, name: str) -> Ints | None:
    """(n,) days since 1970, if a column has each of them once, from the first to the last."""
    values = rows.column(name)
    if values.null_count or not pa.types.is_date(values.type):
        return None
    days = np.asarray(values.cast(pa.date32()).cast(pa.int32()), np.int64)
    span = int(days.max() - days.min()) + 1
    is_each = len(np.unique(days)) == len(days) and span - len(days) <= _GAPS * span
    return days if is_each else None


def _is_told(values: pa.ChunkedArray, days: Ints, treatment: Treatment) -> bool:
    """Whether a column only rises from day to day, or comes again with the calendar."""
    known = np.asarray(values.is_valid())
    encoded = values.combine_chunks().dictionary_encode()
    codes = np.asarray(pc.fill_null(encoded.indices, len(encoded.dictionary)), np.int64)
    is_text = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
    if is_text and len(encoded.dictionary) > len(codes) // 2:
        return treatment.kind == "format"
    # Labels are numbered as they come.
    rising: Floats | Ints = codes[known] if is_text else _numbers(values)[known]
    if (np.diff(rising) < 0).sum() <= _FALLS * len(rising):
        return True
    return any(_follows(key, codes) for key in _turns(days, by_week=bool(np.ptp(rising) < _WEEKS)))


def _numbers(values: pa.ChunkedArray) -> Floats:
    plain = values.combine_chunks()
    if pa.types.is_temporal(plain.type):
        plain = plain.cast(pa.timestamp("us")).cast(pa.int64())
    return np.asarray(plain.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))


def _turns(days: Ints, *, by_week: bool) -> list[Ints]:
    """What comes again: weekdays, days of a month, months, numbers of weeks, days of the year."""
    moments = days.astype("datetime64[D]")
    months = moments.astype("datetime64[M]")
    month, day = months.astype(np.int64) % 12, (moments - months).astype(np.int64)
    found = [days % 7, day, month, *((days + s) // 7 for s in range(7 if by_week else 0))]
    return [*found, month * 32 + day] if len(days) >= _YEARS else found


def _follows(key: Ints, codes: Ints) -> bool:
    """Whether rows of one key have the same code, but for a few."""
    pairs, counts = np.unique(key * (int(codes.max()) + 1) + codes, return_counts=True)
    own = pairs // (int(codes.max()) + 1)
    _, place = np.unique(own, return_inverse=True)
    most = np.zeros(int(place.max()) + 1, np.int64)
    np.maximum.at(most, place, counts)
    return bool(most.sum() >= _NEARLY * len(codes))
