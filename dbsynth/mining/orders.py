"""Orderings, constant offsets and bounded gaps: within a row, and between a row and its parents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from dbsynth.mining.chance import of_hits
from dbsynth.mining.frames import (
    CARRIED,
    DAY,
    EXPECTED,
    FEWER,
    FEWEST,
    MIN_ROWS,
    RARE,
    Bools,
    Floats,
    Frame,
    Frames,
    Ints,
    Parent,
    View,
    effective,
)
from dbsynth.mining.frames import number as written
from dbsynth.rules.book import Rule
from dbsynth.rules.words import quote

_LONGEST_GAP = 400  # days
_ENOUGH = 400  # rows for a rule with exceptions
_NARROW = 3.0  # times as wide as the gap the dates themselves must be spread


@dataclass(frozen=True)
class _Edge:
    """`low <= high` holds wherever both are there."""

    low: View
    high: View
    rule: Rule
    where: Bools


def find_orders(frame: Frame, frames: Frames) -> Iterator[Rule]:
    """Find what comes before what, in rows and with their parents."""
    own = [v for v in frame.views if v.is_number or (v.family == "moment" and not v.is_key)]
    edges: list[_Edge] = []
    for place, one in enumerate(own):
        for other in own[place + 1 :]:
            yield from _compared(frame, one, other, edges, "order")
    for parent in frame.ways:
        for above in frame.above(parent, frames):
            for one in own if above.family == "moment" and not above.is_key else ():
                yield from _compared(frame, one, above, edges, "order to parent")
            for one in frame.numbers if above.is_number and len(parent.keys) == 1 else ():
                if _is_step(one, above):
                    yield from _compared(frame, above, one, edges, "order to parent")
    yield from _reduced(edges)


def _is_step(one: View, above: View) -> bool:
    """Whether a number is a constant more or less than its parent's."""
    gaps = (one.floats - above.floats)[one.valid & above.valid]
    return len(gaps) > 0 and gaps[0] != 0 and bool((gaps == gaps[0]).all())


def _compared(
    frame: Frame, one: View, other: View, edges: list[_Edge], kind: str
) -> Iterator[Rule]:
    if one.family != other.family or (one.family == "number" and one.unit != other.unit):
        return
    where = one.valid & other.valid
    n = int(where.sum())
    if n < MIN_ROWS:
        return
    a, b = one.floats[where], other.floats[where]
    if _is_day(one) != _is_day(other):
        days = np.floor(b / DAY) - np.floor(a / DAY)
        is_own = one.units is None is other.units
        # A day can be set by a moment above, but not the other way round.
        is_told = _is_day(one) and effective(n, other.units, where) >= MIN_ROWS
        if (is_own or is_told) and (days == days[0]).all() and _spread(a) > DAY:
            yield frame.rule("offset", f"days_between({one.word}, {other.word}) = {int(days[0])}")
            return
    gaps = b - a
    low, high = float(gaps.min()), float(gaps.max())
    count = effective(n, one.units if other.units is None else other.units, where)
    if low < 0 < high:
        yield from _mostly(frame, one, other, (a, b, count), kind)
        return
    if low == high == 0:
        return
    if low == high or _is_cut(gaps, frame.entities[where]):
        found = _gap(one, other, low, high)
        is_clear = _differs(a, b) * count >= EXPECTED and _spread(a) > _NARROW * (high - low)
        if found and is_clear:
            yield frame.rule("offset" if low == high else "gap", found)
            return
    if (one.family == "moment" and high <= 0) or high <= 0:
        one, other, a, b = other, one, b, a
    if _crossings(a, b) * count >= EXPECTED:
        rule = frame.rule(kind, f"{one.word} <= {other.word}")
        edges.append(_Edge(one, other, rule, where))


def _mostly(
    frame: Frame, one: View, other: View, seen: tuple[Floats, Floats, int], kind: str
) -> Iterator[Rule]:
    """Find moments that come before others but for a few rows, which are counted."""
    a, b, count = seen
    if one.family != "moment" or len(a) < _ENOUGH:
        return
    before, after = int((a > b).sum()), int((a < b).sum())
    if before > after:
        one, other, a, b, before = other, one, b, a, after
    is_rare = CARRIED <= before <= RARE * len(a)
    if is_rare and _crossings(a, b) * count >= max(EXPECTED, FEWER * before):
        yield frame.rule(kind, f"{one.word} <= {other.word}", exceptions=before)


def _gap(one: View, other: View, low: float, high: float) -> str:
    """Write the distance between two columns, if it is one that people would write."""
    if one.family == "number":
        sign = "+" if low > 0 else "-"
        return f"{other.word} = {one.word} {sign} {written(abs(low))}" if low == high else ""
    if low % DAY or high % DAY or max(abs(low), abs(high)) > _LONGEST_GAP * DAY:
        span = f"seconds_between({one.word}, {other.word})"
        return f"{span} = {written(low)}" if low == high and low == int(low) else ""
    if high <= 0:
        one, other, low, high = other, one, -high, -low
    span = f"days_between({one.word}, {other.word})"
    days = int(low / DAY), int(high / DAY)
    return f"{span} = {days[0]}" if low == high else f"{span} BETWEEN {days[0]} AND {days[1]}"


def _is_cut(gaps: Floats, entities: Ints) -> bool:
    """Whether distances end sharply on both sides, so that chance did not bound them."""
    most = max(CARRIED, len(gaps) // 4_000)  # of the ends; looked at before everything is sorted
    if min((gaps == gaps.min()).sum(), (gaps == gaps.max()).sum()) < most:
        return False
    carriers = [len(np.unique(entities[gaps == x])) for x in (gaps.min(), gaps.max())]
    if min(carriers) < CARRIED:
        return False
    values, counts = np.unique(gaps, return_counts=True)
    usual = 0.25 * len(gaps) / len(values)
    ends = counts[[0, -1]]
    return len(values) > 1 and bool((ends >= max(CARRIED, usual)).all())


def _is_day(view: View) -> bool:
    return view.column.type.kind == "date"


def _spread(values: Floats) -> float:
    return float(np.std(values))


def _differs(a: Floats, b: Floats) -> float:
    """The share of rows in which other rows' values would not stand in the same relation."""
    gap = b - a
    shuffled = np.roll(np.sort(b), len(b) // 3)[np.argsort(np.argsort(a, kind="stable"))] - a
    return float(np.mean((shuffled < gap.min()) | (shuffled > gap.max())))


def _crossings(low: Floats, high: Floats) -> float:
    """The share of all pairs of rows in which `low` of one is above `high` of the other."""
    ordered = np.sort(high)
    return float(np.searchsorted(ordered, low, side="left").mean() / len(ordered))


def _reduced(edges: list[_Edge]) -> Iterator[Rule]:
    """Leave out what follows: a <= c, where a <= b and b <= c say so of every row."""
    below = {(e.low.word, e.high.word): e for e in edges}
    for edge in edges:
        middle = {h for low, h in below if low == edge.low.word} & {
            low for low, h in below if h == edge.high.word
        }
        links = [(below[edge.low.word, m], below[m, edge.high.word]) for m in middle]
        if not any(not (edge.where & ~(x.where & y.where)).any() for x, y in links):
            yield edge.rule


def find_copies(frame: Frame, frames: Frames) -> Iterator[Rule]:
    """Find columns that are always what the parent's are: copies, and keys that agree."""
    for loop in frame.loops:
        if _is_home(frame, loop):  # e.g. a country's capital is one of its cities
            for column in frame.table.primary_key:
                own = quote(column)
                yield frame.rule("agreement", f"{own} = {loop.word}.{own}")
    for parent in frame.ways:
        mapped = set(zip(parent.keys[0].columns, parent.keys[0].parent_columns, strict=True))
        for above in frame.above(parent, frames):
            if len(parent.keys) > 1 and above.is_key:
                continue
            for view in _alike(frame.views, above):
                pair = (view.column.name, above.column.name)
                if pair not in mapped and _is_copy(view, above):
                    kind = "agreement" if view.is_key else "parent copy"
                    yield frame.rule(kind, f"{view.word} = {above.word}")


def _is_home(frame: Frame, loop: Parent) -> bool:
    """Whether a key leads to rows that lead back here, of many that do not."""
    own = np.arange(len(frame))
    first, back = loop.keys
    there = frame.sample.parents[back.child, back.name]  # where each of the other rows leads
    here = np.flatnonzero(loop.pointers >= 0)
    sizes = np.bincount(there[there >= 0], minlength=len(frame))
    shares = sizes[here] / max(1, len(there))
    surprise = of_hits(shares, (loop.pointers == own)[here])
    return first.child == frame.name and len(here) >= FEWEST and surprise >= EXPECTED


def _alike(views: Iterable[View], above: View) -> Iterator[View]:
    for view in views:
        is_same = view.family == above.family and view.is_key == above.is_key
        if view.family == "label" and view.values.type != above.values.type:
            continue
        if is_same and not (view.is_unique or above.is_unique):
            yield view


def _is_copy(view: View, above: View) -> bool:
    where = view.valid & above.valid
    n = int(where.sum())
    if n < MIN_ROWS:
        return False
    if view.family in ("number", "moment"):
        same = view.floats == above.floats
    else:
        same = np.asarray(pc.fill_null(pc.equal(view.values, above.values), fill_value=False))
    if not same[where].all():
        return False
    count = effective(n, above.units, where)
    shares = np.bincount(view.codes[where]) / n
    return bool((1 - (shares**2).sum()) * count >= EXPECTED)
