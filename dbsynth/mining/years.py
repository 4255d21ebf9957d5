"""Whole numbers that are full years between two moments: ages, terms of service."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import numpy as np

from dbsynth.features import Ints
from dbsynth.mining.frames import DAY, MIN_ROWS, Bools, Frame, Frames, View
from dbsynth.rules.book import Rule

_MOST_COLUMNS = 8  # of whole numbers, and of moments
_MOST_YEARS = 500
_WEEK = 7  # days
_FEWEST_AGES = 5  # different ones, of which it is no wonder that they fit


def find_years(frame: Frame, frames: Frames) -> Iterator[Rule]:
    """
    Find the columns that are full years between two moments, or between one and a certain day.

    Moments are the row's and those of the rows to which its keys lead.
    """
    goals = [
        v
        for v in frame.numbers
        if v.unit[0] == "whole"
        and v.distinct >= _FEWEST_AGES
        and (np.abs(v.floats[v.valid]) <= _MOST_YEARS).all()
    ][:_MOST_COLUMNS]
    if not goals:
        return
    own = _moments(frame.views)
    above = [
        view
        for parent in frame.ways
        if len(parent.keys) == 1
        for view in _moments(frame.above(parent, frames))
    ][:_MOST_COLUMNS]
    for goal in goals:
        pairs = ((a, b) for a, b in permutations([*own, *above], 2) if a in own or b in own)
        found = next((f"{a.word}, {b.word}" for a, b in pairs if _fits(a, b, goal)), None)
        if found is None:
            days = ((a, _day(a, goal)) for a in own)
            found = next((f"{a.word}, '{day}'" for a, day in days if day is not None), None)
        if found is not None:
            yield frame.rule("years", f"{goal.word} = years_between({found})")


def _moments(views: tuple[View, ...]) -> list[View]:
    kinds = ("date", "timestamp")
    dated = [v for v in views if v.column.type.kind in kinds and not v.is_key and v.is_dated]
    return dated[:_MOST_COLUMNS]


def _fits(one: View, other: View, goal: View) -> bool:
    where = one.valid & other.valid & goal.valid
    if where.sum() < MIN_ROWS:
        return False
    (years, day), (later, its_day) = _parts(one, where), _parts(other, where)
    full = later - years - (its_day < day)
    wanted = goal.floats[where]
    return bool(np.array_equal(full, wanted) and len(np.unique(wanted)) >= _FEWEST_AGES)


def _day(view: View, goal: View) -> str | None:
    """The day on which everybody had this age; None if there is none."""
    where = view.valid & goal.valid
    ages = goal.floats[where].astype(np.int64)
    if where.sum() < MIN_ROWS or len(np.unique(ages)) < _FEWEST_AGES:
        return None
    months = _dates(view, where).astype("datetime64[M]")
    day = (_dates(view, where) - months).astype(np.int64)
    since, until = ((months + 12 * (ages + more)).astype("datetime64[D]") + day for more in (0, 1))
    return _chosen(since.max(), until.min())


def _chosen(first: np.datetime64, end: np.datetime64) -> str | None:
    """
    A day from `first` on, before `end`; None if they leave it open.

    Both are single rows' birthdays, which a rule must not tell: the beginning of a year or a month
    is taken, else the middle of a few days, on which all ages were found out.
    """
    if first >= end:
        return None
    for unit in ("Y", "M"):
        round_day = (end - 1).astype(f"datetime64[{unit}]").astype("datetime64[D]")
        if round_day >= first:
            return str(round_day)
    days = int((end - first).astype(np.int64))
    return str(first + days // 2) if days <= _WEEK else None


def _parts(view: View, where: Bools) -> tuple[Ints, Ints]:
    """(m,) years, and month and day as one number."""
    dates = _dates(view, where)
    months = dates.astype("datetime64[M]")
    day = (dates - months).astype(np.int64)
    count = months.astype(np.int64)
    return count // 12, count % 12 * 31 + day


def _dates(view: View, where: Bools) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    return (view.floats[where] // DAY).astype(np.int64).astype("datetime64[D]")
