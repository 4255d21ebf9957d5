"""Numbers that say how long it is from one moment to another: seconds, minutes, hours, days."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import numpy as np

from dbsynth.features import Floats
from dbsynth.mining.arithmetic import digits
from dbsynth.mining.frames import MIN_ROWS, Frame, View
from dbsynth.rules.book import Rule

_MOST_COLUMNS = 12
_UNITS = (60, 3600, 86_400, 1)  # seconds
_FEWEST = 5  # different lengths, of which it is no wonder that they fit
_PROBE = 50  # rows on which guesses are made
_MOST_DIGITS = 6


def find_lengths(frame: Frame) -> Iterator[Rule]:
    """Find the columns that say how long it is between two moments of a row, rounded or not."""
    kinds = ("timestamp", "timestamptz")
    moments = [
        v for v in frame.views if v.column.type.kind in kinds and not v.is_key and v.is_dated
    ][:_MOST_COLUMNS]
    for goal in frame.numbers[: 2 * _MOST_COLUMNS]:
        if goal.distinct < _FEWEST:
            continue
        places = min(digits(goal.floats), _MOST_DIGITS)
        for one, other in permutations(moments, 2):
            where = one.valid & other.valid & goal.valid
            gap, values = (other.floats - one.floats)[where], goal.floats[where]
            unit = next((u for u in _UNITS if _fits(gap / u, values, places)), None)
            if unit is not None:
                yield frame.rule("length", _text(goal, one, other, unit, places, gap / unit))
                break


def _fits(lengths: Floats, values: Floats, places: int) -> bool:
    """Whether (n,) numbers are lengths, up to rounding to so many places."""
    slack = 0.5 * 10.0**-places + 1e-6
    if len(values) < MIN_ROWS or (abs(lengths - values)[:_PROBE] > slack).any():
        return False
    return bool((abs(lengths - values) <= slack).all() and len(np.unique(values)) >= _FEWEST)


def _text(goal: View, one: View, other: View, unit: int, places: int, lengths: Floats) -> str:
    span = f"seconds_between({one.word}, {other.word})"
    length = span if unit == 1 else f"{span} / {unit}.0"
    is_exact = np.allclose(lengths, np.round(lengths, places), rtol=0, atol=1e-6)
    return f"{goal.word} = {length if is_exact else f'round({length}, {places})'}"
