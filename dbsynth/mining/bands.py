"""Labels that say between which bounds a number is: grades by score, bands of age, size classes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dbsynth.features import Floats, Ints
from dbsynth.mining.frames import CARRIED, MIN_ROWS, Frame, View, literal, number
from dbsynth.rules.book import Rule

_MOST_COLUMNS = 24  # of numbers, and of labels
_MOST_BANDS = 12
_VALUES = 2  # of the number for each label on average, at least
_DIGITS = range(-12, 11)  # behind the point of a bound, the fewest first


def find_bands(frame: Frame) -> Iterator[Rule]:
    """
    Find the labels each of which stands for one interval of a number of the same row.

    Each has at least seven rows; a bound is the roundest number between two intervals, for the
    values next to it are single rows'.
    """
    numbers = [v for v in frame.numbers[:_MOST_COLUMNS] if v.valid.all() and v.distinct > 2]
    labels = [
        v
        for v in frame.views
        if v.family == "label" and not v.is_key and v.valid.all() and 2 <= v.distinct <= _MOST_BANDS
    ]
    if len(frame) < MIN_ROWS or not numbers:
        return
    orders = [np.argsort(v.floats) for v in numbers]
    for label in labels[:_MOST_COLUMNS]:
        if not frame.is_released(label) or _is_padded(label):
            continue
        for view, order in zip(numbers, orders, strict=True):
            if view.distinct < _VALUES * label.distinct:
                continue  # one stands for the other, which a dependency says
            bands = _bands(view.floats[order], label.codes[order])
            if bands is not None:
                yield frame.rule("bands", _text(view, label, *bands))
                break


def _is_padded(label: View) -> bool:
    """Whether values end in blanks, as those of CHAR(n) do, which a CASE does not give."""
    return any(isinstance(one, str) and one.endswith(" ") for one in label.labels.to_pylist())


def _bands(values: Floats, codes: Ints) -> tuple[Ints, list[float]] | None:
    """The labels of (n,) ascending numbers, and where each but the first begins."""
    counts = np.bincount(codes)
    counts = counts[counts > 0]
    ends = np.flatnonzero(np.diff(codes) != 0)
    if len(ends) != len(counts) - 1 or counts.min() < CARRIED:
        return None
    bounds = [_roundest(a, b) for a, b in zip(values[ends], values[ends + 1], strict=True)]
    known = [b for b in bounds if b is not None]
    return (codes[np.append(0, ends + 1)], known) if len(known) == len(bounds) else None


def _roundest(low: float, high: float) -> float | None:
    """The number beyond `low`, up to `high`, that has the fewest digits; None for too many."""
    for digits in _DIGITS:
        found = float(np.round(np.floor(high * 10.0**digits + 1e-9) / 10.0**digits, max(digits, 0)))
        if low < found <= high:
            return found
    return None


def _text(view: View, label: View, codes: Ints, bounds: list[float]) -> str:
    places = [int(np.flatnonzero(label.codes == code)[0]) for code in codes]
    found = [label.values[place].as_py() for place in places]
    if isinstance(found[0], bool):
        sign = "<" if found[0] else ">="
        return f"{label.word} = ({view.word} {sign} {number(bounds[0])})"
    steps = " ".join(
        f"WHEN {view.word} < {number(bound)} THEN {literal(one)}"
        for one, bound in zip(found[:-1], bounds, strict=True)
    )
    return f"{label.word} = CASE {steps} ELSE {literal(found[-1])} END"
