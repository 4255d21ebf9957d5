"""Dates that lie months behind another one, on the last day where the month has no such day."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dbsynth.mining.frames import DAY, EXPECTED, MIN_ROWS, Bools, Frame, Ints, View
from dbsynth.rules.book import Rule

_MOST = 600  # months
_WHOLE = 60  # columns of whole numbers, at most, that may be months between two dates


def find_months(frame: Frame) -> Iterator[Rule]:
    """Find dates that follow from another one by a constant, or a column, of months."""
    dates = [v for v in frame.views if v.column.type.kind == "date" and not v.is_key]
    whole = [v for v in frame.numbers if v.unit[0] == "whole"][:_WHOLE]
    for one in dates:
        for other in dates:
            where = one.valid & other.valid
            if one is other or where.sum() < MIN_ROWS:
                continue
            gap = _months(one, where)[0]
            there = _months(other, where)[0]
            months = there - gap
            if (months <= 0).any() or months.max() > _MOST:
                continue
            if (_after(one, where, months) != _days(other, where)).any() or not _varies(one, where):
                continue
            if (months == months[0]).all():
                yield frame.rule("months", f"{other.word} = months_after({one.word}, {months[0]})")
                continue
            for view in whole:
                numbers = view.floats[where]
                if view.valid[where].all() and (numbers == months).all():
                    text = f"{other.word} = months_after({one.word}, {view.word})"
                    yield frame.rule("months", text)
                    break


def _days(view: View, where: Bools) -> Ints:
    return (view.floats[where] // DAY).astype(np.int64)


def _months(view: View, where: Bools) -> tuple[Ints, Ints]:
    """(m,) months since 1970, and days of the month from 0 on."""
    days = _days(view, where).astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    return months.astype(np.int64), (days - months.astype("datetime64[D]")).astype(np.int64)


def _after(view: View, where: Bools, more: Ints) -> Ints:
    """(m,) days since 1970 of the dates that lie so many months later."""
    months, day = _months(view, where)
    first, after = (
        (months + more + k).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
        for k in (0, 1)
    )
    later: Ints = first + np.minimum(day, after - first - 1)
    return later


def _varies(view: View, where: Bools) -> bool:
    """Whether the days are such that chance would not lead to the same day of another month."""
    _, day = _months(view, where)
    counts = np.bincount(day) / len(day)
    return bool((1 - (counts**2).sum()) * len(day) >= EXPECTED)
