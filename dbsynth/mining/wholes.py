"""What children never exceed together: a whole of which they are parts, or their parent's limit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from dbsynth.features import Floats
from dbsynth.mining.frames import CARRIED, EXPECTED, MIN_ROWS, Bools, Frame, Frames, View, number
from dbsynth.mining.totals import children_of, summed
from dbsynth.rules.book import Rule
from dbsynth.rules.words import child_word

_MOST_COLUMNS = 10
_WHOLES = {1.0: 2, 100.0: 0}  # shares and percentages; digits that are left if parts are rounded
_FULL, _OFTEN = 0.9, 0.02  # they come so near to it, for so many of the parents
_FLAGS = 2  # different whole numbers: what says yes and no is part of nothing
_EXACT = 1e-9


def find_wholes(frame: Frame, frames: Frames, totals: Iterable[Rule]) -> Iterator[Rule]:
    """
    Find what children add up to, or are at most: 100 %, what was ordered, how many seats there are.

    Not where they are part of one of the parents' totals, which says more.

    It is no wonder where other rows come to as much: they are dealt to the parents anew, and a
    dozen of these have to break the rule.
    """
    size, rng = len(frame), np.random.default_rng(0)
    limits = [v for v in frame.numbers[:_MOST_COLUMNS] if (v.floats[v.valid] >= 0).all()]
    for child, key, pointers in children_of(frame, frames):
        word = child_word(child.table, key)
        count = np.bincount(pointers[pointers >= 0], minlength=size).astype(np.float64)
        dealt = rng.permutation(count)
        for limit in limits:
            text = f"count({word if '.' not in word else word + '.*'})"
            is_told = limit.unit[0] != "whole" or any(text in rule.text for rule in totals)
            if not is_told and _is_limit(count, dealt, limit.floats, full=1.0):
                yield frame.rule("limit", f"{text} <= {limit.word}")
        for view in child.numbers[:_MOST_COLUMNS]:
            text = f"sum({word}.{view.word})"
            is_told = any(text in rule.text for rule in totals)
            if is_told or not view.valid.all() or not len(child) or view.floats.min() < 0:
                continue
            total = summed(view.floats, pointers, size)[0]
            dealt = summed(rng.permutation(view.floats), pointers, size)[0]
            is_same = _is_same(summed(view.floats**2, pointers, size)[0])
            whole = None if is_same else _whole(view, text, total, dealt[count > 1])
            if whole is not None:
                yield frame.rule("whole", whole)
            if whole is not None or is_same:
                continue
            mixed = rng.permutation(total)
            for limit in limits:
                if _is_limit(total, mixed, limit.floats, full=_FULL):
                    yield frame.rule("limit", f"{text} <= {limit.word}")


def _is_same(squares: Floats) -> bool:
    """Whether all parents have the same children: waves of a survey, the cells of a table."""
    there = squares[~np.isnan(squares)]
    return bool(len(there) and np.allclose(there, there[0], rtol=1e-9))


def _whole(view: View, word: str, total: Floats, dealt: Floats) -> str | None:
    """What parts of each parent add up to, or never exceed; None for nothing."""
    is_flag = view.unit[0] == "whole" and len(np.unique(view.floats)) <= _FLAGS
    there = total[~np.isnan(total)]
    if is_flag or len(there) < MIN_ROWS:
        return None
    whole = float(np.median(there))
    if whole > 0 and np.allclose(there, whole, rtol=1e-6):
        breaks = ~np.isclose(dealt, whole, rtol=1e-6)
        return f"{word} = {number(whole)}" if breaks.sum() >= EXPECTED else None
    for whole, places in _WHOLES.items():
        slack = 0.5 * 10.0**-places
        if (abs(there - whole) < slack).all() and (abs(dealt - whole) >= slack).sum() >= EXPECTED:
            return f"round({word}, {places}) = {number(whole)}"
        if _is_limit(there, dealt, whole, full=_FULL):
            return f"{word} <= {number(whole)}"
    return None


def _is_limit(total: Floats, dealt: Floats, limit: Floats | float, *, full: float) -> bool:
    """Whether no total exceeds its limit, though some come near it, and other totals would."""
    there = ~np.isnan(total) & ~np.isnan(limit)
    full_ones: Bools = there & (total >= full * limit) & (total > 0)
    if there.sum() < MIN_ROWS or (total > limit * (1 + _EXACT))[there].any():
        return False
    is_reached = full_ones.sum() >= max(CARRIED, _OFTEN * there.sum())
    is_total = np.isclose(total, limit)[there].all()  # which other rules tell
    breaks = dealt > limit * (1 + _EXACT)
    return bool(is_reached and not is_total and breaks.sum() >= EXPECTED)
