"""Texts and whole numbers that are a part of a moment: its year, its month, its day."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.mining.frames import DAY, MIN_ROWS, Frame, View
from dbsynth.rules.book import Rule

_TEXTS = ("%Y-%m", "%Y%m", "%Y", "%m", "%Y-%m-%d", "%Y%m%d", "%Y/%m", "%m/%Y", "%y%m", "%d.%m.%Y")
_NUMBERS = ("%Y", "%m", "%d", "%H", "%Y%m", "%Y%m%d")
_LEAST_DISTINCT = 3  # with fewer values it may be chance, but for years
_PROBE = 60  # rows on which guesses are made
_DAYS = 7  # of the week


def find_dateparts(frame: Frame, copied: Collection[str] = ()) -> Iterator[Rule]:
    """
    Find columns that say what another one's moment says, in other words.

    Args:
        frame: the table.
        copied: columns that are a parent's, which may be of another opinion in rows to come.
    """
    moments = [v for v in frame.views if v.column.type.kind in ("date", "timestamp")]
    for target in frame.views:
        kind = target.column.type.kind
        is_text = kind == "string"
        if target.is_key or target.word in copied or kind not in ("string", "integer"):
            continue
        if len(frame) < MIN_ROWS:
            continue
        known: tuple[str, ...] = _TEXTS if is_text else _NUMBERS
        known = known if target.distinct >= _LEAST_DISTINCT else ("%Y",)
        for moment in moments:
            found = next((f for f in known if _is(target, moment, f)), "")
            if found:
                part = f"strftime({moment.word}, '{found}')"
                value = part if is_text else f"CAST({part} AS BIGINT)"
                yield frame.rule("date part", f"{target.word} = {value}")
                break
            if not is_text and (weekday := _weekday(target, moment)) is not None:
                yield frame.rule("date part", f"{target.word} = {weekday}")
                break


def _weekday(target: View, moment: View) -> str | None:
    """How a column numbers the days of the week, if it does: from Monday or Sunday, 0 or 1 on."""
    where = target.valid & moment.valid
    numbers = target.floats[where]
    if target.distinct != _DAYS or len(numbers) < MIN_ROWS or not moment.is_dated:
        return None
    # The first of January 1970 was a Thursday, the fourth day.
    monday = (moment.floats[where] // DAY + 3) % _DAYS + 1
    day = f"iso_weekday({moment.word})"
    ways = {
        day: monday,
        f"{day} - 1": monday - 1,
        f"{day} % 7": monday % 7,
        f"{day} % 7 + 1": monday % 7 + 1,
    }
    return next((text for text, wanted in ways.items() if np.array_equal(numbers, wanted)), None)


def _is(target: View, moment: View, wanted: str) -> bool:
    """Whether a column is always a moment written so."""
    if not _fits(target.values[:_PROBE], moment.values[:_PROBE], wanted, 2):
        return False
    return _fits(target.values, moment.values, wanted, MIN_ROWS)


def _fits(values: pa.Array, moments: pa.Array, wanted: str, least: int) -> bool:
    both = pc.and_(pc.is_valid(values), pc.is_valid(moments))
    values, moments = values.filter(both), moments.filter(both)
    if len(values) < least:
        return False
    try:
        made = pc.strftime(moments.cast(pa.timestamp("s"), safe=False), wanted)
        made = made if pa.types.is_string(values.type) else made.cast(values.type)
    except pa.ArrowInvalid:  # moments beyond all calendars
        return False
    return bool(pc.all(pc.equal(values, made)).as_py())
