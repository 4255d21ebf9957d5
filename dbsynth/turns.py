"""Turns of the calendar: the end of a month, the same day of the next: how far away depends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dbsynth.features import Floats, Ints
from dbsynth.release import Release
from dbsynth.values import DAY

# Where each turn leads, by what month and what day of it; the first that fits counts.
TURNS = {
    "end": (0, "last"),
    "first": (1, "first"),
    "end of next": (1, "last"),
    "month": (1, "same"),
    "quarter": (3, "same"),
    "year": (12, "same"),
}
TYPICAL = {"end": 15, "first": 15, "end of next": 45, "month": 30, "quarter": 91, "year": 365}
OFTEN, BEYOND_CHANCE = 0.02, 2.0  # share of the rows, and how much more than by chance


def turned(days: Floats, turn: str) -> Floats:
    """
    Where a turn leads from (n,) days since 1970.

    The same day of a shorter month is its last; NaN where the turn leads nowhere.
    """
    known = np.isfinite(days)
    date = np.where(known, days, 0.0).astype(np.int64).astype("datetime64[D]")
    month = date.astype("datetime64[M]")
    months, which = TURNS[turn]
    there = (month + months).astype("datetime64[D]").astype(np.int64)
    last = (month + months + 1).astype("datetime64[D]").astype(np.int64) - 1
    of_month = (date - month.astype("datetime64[D]")).astype(np.int64)
    if which == "first":
        found = there
    elif which == "last":
        found = last
    else:
        found = np.minimum(there + of_month, last)
    leads = known & (found > date.astype(np.int64))
    return np.where(leads, found.astype(np.float64), np.nan)


def find_turns(
    statistic: str, later: Floats, earlier: Floats, entities: Ints, release: Release
) -> tuple[str, ...]:
    """
    Which turns many dates take, more than by chance.

    Args:
        statistic: its name; decides how many entities must take a turn.
        later: (n,) seconds, NaN for none.
        earlier: (n,) seconds, what they are measured from.
        entities: (n,).
        release: the protection in force.
    """
    known = np.isfinite(later) & np.isfinite(earlier)
    to, start = np.floor(later[known] / DAY), np.floor(earlier[known] / DAY)
    own = entities[known]
    if not len(to) or not release.is_enough(own):
        return ()
    # The same distances from other days: what the calendar has to do with it is gone.
    shuffled = start + np.random.default_rng(len(to)).permutation(to - start)
    found, open_, by_chance = [], np.ones(len(to), bool), np.ones(len(to), bool)
    for turn in TURNS:
        there = turned(start, turn)
        hits, chance = open_ & (to == there), by_chance & (shuffled == there)
        enough = len(np.unique(own[hits])) >= release.threshold(f"{statistic}.{turn}")
        if enough and hits.sum() >= OFTEN * len(to) + BEYOND_CHANCE * chance.sum():
            found.append(turn)
            open_ &= ~hits
            by_chance &= ~chance
    return tuple(found)


def taken(later: Floats, earlier: Floats, turns: Sequence[str]) -> Ints:
    """Which of some turns lead from (n,) seconds to (n,) others: its number, -1 for none."""
    to, start = np.floor(later / DAY), np.floor(earlier / DAY)
    found = np.full(len(later), -1, np.int64)
    for number, turn in enumerate(turns):
        found = np.where((found < 0) & (to == turned(start, turn)), number, found)
    return found


def follow(placed: Floats, earlier: Floats, numbers: Ints, turns: Sequence[str]) -> Floats:
    """
    Put (n,) seconds where the turns lead that were drawn, at midnight.

    Args:
        placed: (n,) where they are without; stays where a turn leads nowhere.
        earlier: (n,) seconds.
        numbers: (n,) which of the turns, negative for none.
        turns: their names.
    """
    start = np.floor(earlier / DAY)
    for number, turn in enumerate(turns):
        there = turned(start, turn) * DAY
        placed = np.where((numbers == number) & np.isfinite(there), there, placed)
    return placed
