"""Parent columns that sum up the children: count, sum, least, most, mean; and products of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from dbsynth.mining.arithmetic import Operand, digits, find_arithmetic, is_close, varies
from dbsynth.mining.bills import find_bills
from dbsynth.mining.frames import (
    CARRIED,
    EXPECTED,
    FEWEST,
    MIN_ROWS,
    Bools,
    Floats,
    Frame,
    Frames,
    Ints,
    View,
    literal,
)
from dbsynth.rules.book import Rule
from dbsynth.rules.words import child_word
from dbsynth.schema import ForeignKey

# Different totals that a table of few rows must have, and which share of rows is unlike others.
_TOLD_APART, _UNLIKE = 8, 0.7
_MOST_COLUMNS = 10  # of a child table that are summed up
_MOST_LABELS = 8  # of a column by which some children are picked


def find_totals(frame: Frame, frames: Frames, own: list[Operand]) -> Iterator[Rule]:
    """
    Find the columns that are an aggregate of the children.

    Args:
        frame: the parents.
        frames: all tables.
        own: the parents' quantities, for totals of an aggregate and another column.
    """
    goals = [v for v in frame.views if v.is_number or (v.family == "moment" and not v.is_key)]
    explained: set[str] = set()
    sums: list[Operand] = []
    for child, key, pointers in children_of(frame, frames):
        word = child_word(child.table, key)
        several = np.bincount(pointers[pointers >= 0], minlength=len(frame)) > 1
        copies = {v.word: _copies(child, v, word, pointers) for v in goals}
        is_sum = several.sum() >= CARRIED
        for text, values, is_moment in _aggregates(child, word, pointers, len(frame)):
            sums += (
                []
                if is_moment or not is_sum
                else [Operand(text, np.nan_to_num(values), frozenset([text]))]
            )
            for goal in goals:
                if text in copies[goal.word]:
                    continue
                fits = (goal.family == "moment") == is_moment and goal.word not in explained
                if fits and (found := _matched(goal, text, values, several, len(frame))):
                    explained.add(goal.word)
                    sums = [s for s in sums if s.word != text]
                    yield frame.rule("total", f"{goal.word} = {found}")
                    yield from emptiness(frame, goal, text, ~np.isnan(values))
        left = [v for v in goals if v.word not in explained and v.family == "number"]
        for text, values in _of_some(child, word, pointers, len(frame)) if left else ():
            for goal in left:
                fits = goal.word not in explained
                if fits and (found := _matched(goal, text, values, several, len(frame))):
                    explained.add(goal.word)
                    yield frame.rule("total", f"{goal.word} = {found}")
        left = [v for v in goals if v.word not in explained]
        for goal, rule in find_bills(frame, child, word, pointers, left):
            explained.add(goal.word)
            yield rule
    rest = [o for o in own if o.word not in explained]
    useful = [s for s in sums if s.word.startswith(("sum(", "count("))][:6]
    yield from _with_totals(frame, own, rest, useful)


def emptiness(frame: Frame, goal: View, text: str, there: Bools) -> Iterator[Rule]:
    """The rule that a column is empty exactly, or only, where children leave nothing to tell."""
    if min(goal.valid.sum(), (~goal.valid).sum(), there.sum(), (~there).sum()) < CARRIED:
        return
    if np.array_equal(goal.valid, there):
        yield frame.rule("nulls", f"({goal.word} IS NULL) = ({text} IS NULL)")
    elif goal.valid[there].all():
        yield frame.rule("nulls", f"{text} IS NULL OR {goal.word} IS NOT NULL")
    elif there[goal.valid].all():
        yield frame.rule("nulls", f"{goal.word} IS NULL OR {text} IS NOT NULL")


def _copies(child: Frame, goal: View, word: str, pointers: Ints) -> set[str]:
    """The aggregates of a column that every child has from this column of its parent."""
    given = np.append(goal.floats, np.nan)[pointers]  # -1 is the last: NaN
    alike = [
        v
        for v in child.views
        if v.family == goal.family and np.array_equal(v.floats, given, equal_nan=True)
    ]
    return {f"{step}({word}.{v.word})" for v in alike for step in ("min", "max", "avg")}


def _with_totals(
    frame: Frame, own: list[Operand], rest: list[Operand], sums: list[Operand]
) -> Iterator[Rule]:
    """Totals to which something of the parent's is added, or from which a share is taken off."""
    for total in sums:
        given = [*own, total]
        for rule in find_arithmetic(frame, given, rest, kind="total", most=2, must=len(own)):
            yield frame.rule("total", rule.text.replace(total.word, f"coalesce({total.word}, 0)"))


def children_of(frame: Frame, frames: Frames) -> Iterator[tuple[Frame, ForeignKey, Ints]]:
    """The tables whose rows hang on these and were all read; along which key; and on which."""
    for child in frames.values():
        for key in child.table.foreign_keys:
            pointers = child.sample.parents.get((child.name, key.name))
            if key.parent != frame.name or key.when is not None or pointers is None:
                continue
            if key.is_self or not frame.is_complete(child, key) or len(child) < MIN_ROWS:
                continue
            yield child, key, pointers


def _aggregates(
    child: Frame, word: str, pointers: Ints, size: int
) -> Iterator[tuple[str, Floats, bool]]:
    """Every aggregate of the children: how a rule says it, (size,) values, whether a moment."""
    here = pointers >= 0
    counts = np.bincount(pointers[here], minlength=size).astype(np.float64)
    whole = word if "." not in word else f"{word}.*"
    yield f"count({whole})", counts, False
    numbers = list(child.numbers[:_MOST_COLUMNS])
    for view in numbers:
        yield from _of_numbers(f"{word}.{view.word}", view.floats, pointers, size)
    for a, b in combinations(numbers[:6], 2):
        if varies(a.floats) and varies(b.floats):
            text = f"{word}.{a.word} * {word}.{b.word}"
            yield f"sum({text})", summed(a.floats * b.floats, pointers, size)[0], False
    for view in child.views:
        if view.family == "moment" and not view.is_key:
            low, high = _extremes(view.floats, pointers, size)
            yield f"max({word}.{view.word})", high, True
            yield f"min({word}.{view.word})", low, True


def _of_some(child: Frame, word: str, pointers: Ints, size: int) -> Iterator[tuple[str, Floats]]:
    """How many children have a label, and what their numbers come to: paid, shipped, passed."""
    whole = word if "." not in word else f"{word}.*"
    labels = [
        v
        for v in child.views
        if v.family == "label" and not v.is_key and 2 <= v.distinct <= _MOST_LABELS
        and child.is_released(v)
    ]  # fmt: skip
    for label in labels[:_MOST_COLUMNS]:
        for code, value in enumerate(label.labels.to_pylist()):
            here = np.where(label.codes == code, pointers, -1)
            column = f"{word}.{label.word}"
            told = f"{column} = {literal(value)}" if isinstance(value, str) else column
            told = f"NOT {column}" if value is False else told
            counts = np.bincount(here[here >= 0], minlength=size).astype(np.float64)
            yield f"count({whole}) FILTER (WHERE {told})", counts
            for view in child.numbers[:_MOST_COLUMNS]:
                total, _ = summed(view.floats, here, size)
                yield f"sum({word}.{view.word}) FILTER (WHERE {told})", total


def _of_numbers(
    word: str, values: Floats, pointers: Ints, size: int
) -> Iterator[tuple[str, Floats, bool]]:
    total, count = summed(values, pointers, size)
    low, high = _extremes(values, pointers, size)
    yield f"sum({word})", total, False
    yield f"max({word})", high, False
    yield f"min({word})", low, False
    yield f"avg({word})", np.divide(total, count, where=count > 0, out=np.full(size, np.nan)), False


def summed(values: Floats, pointers: Ints, size: int) -> tuple[Floats, Floats]:
    """(size,) what the children of each parent come to, NaN without any; and how many they are."""
    here = (pointers >= 0) & ~np.isnan(values)
    total = np.bincount(pointers[here], weights=values[here], minlength=size)
    count = np.bincount(pointers[here], minlength=size).astype(np.float64)
    return np.where(count > 0, total, np.nan), count


def _extremes(values: Floats, pointers: Ints, size: int) -> tuple[Floats, Floats]:
    here = (pointers >= 0) & ~np.isnan(values)
    low, high = np.full(size, np.inf), np.full(size, -np.inf)
    np.minimum.at(low, pointers[here], values[here])
    np.maximum.at(high, pointers[here], values[here])
    return np.where(np.isinf(low), np.nan, low), np.where(np.isinf(high), np.nan, high)


def _matched(goal: View, text: str, values: Floats, several: Bools, rows: int) -> str:
    """Compare a column with an aggregate; "" unless it is that in every row, not by chance."""
    a = goal.floats
    where = goal.valid & ~np.isnan(values)
    places = digits(a) if goal.family == "number" else 0
    slack = 0.5005 * 10.0**-places if text.startswith("avg(") else 0.0
    near = is_close(a, values, slack)
    least = MIN_ROWS if rows >= MIN_ROWS else FEWEST
    if where.sum() < least or not near[where].all():
        return ""
    if rows < MIN_ROWS and len(np.unique(a[where])) < _TOLD_APART:
        return ""
    if (where & several).sum() < CARRIED:
        return ""
    chance = float(is_close(np.roll(a[where], where.sum() // 2 + 1), values[where], slack).mean())
    if (1 - chance) * where.sum() < min(EXPECTED, _UNLIKE * rows):
        return ""
    if slack and not is_close(a, values, 0.0)[where].all():
        return f"round({text}, {places})"
    childless = goal.valid & np.isnan(values)
    is_zero = goal.family == "number" and childless.any() and bool((a[childless] == 0).all())
    return f"coalesce({text}, {literal(0)})" if is_zero else text
