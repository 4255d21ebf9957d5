"""Balances by day: each is the one before, and what came or went, where a day has one row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from dbsynth.mining.arithmetic import is_close
from dbsynth.mining.frames import (
    CARRIED,
    MIN_ROWS,
    RARE,
    Bools,
    Floats,
    Frame,
    Ints,
    View,
    literal,
)
from dbsynth.rules.book import Rule
from dbsynth.rules.words import quote

_PROBE = 400  # rows that rule most pairs out
_MOST_LABELS = 8
_EVEN = 0.5  # of the rows that are probed must be right, where chance would make none so


@dataclass(frozen=True)
class _Days:
    """Rows in the order of their parents' days, those that a day has alone, after such a one."""

    by: View
    rows: Ints  # (m,)
    before: Ints  # (m,) the row before each


def find_balances(frame: Frame) -> Iterator[Rule]:
    """
    Find balances of rows that only days put in order, with their exceptions.

    What came in and what went out is told by the labels of a column.  Rows of one day say nothing,
    so copies are not made to keep such a rule: it is there to be seen, and accepted by a user.
    """
    states = [
        v
        for v in frame.views
        if v.column.type.kind in ("string", "enum", "boolean")
        and v.distinct <= _MOST_LABELS and not v.is_key and v.valid.all() and frame.is_released(v)
    ]  # fmt: skip
    for key in frame.table.foreign_keys if states and len(frame.numbers) > 1 else ():
        pointers = frame.sample.parents.get((frame.name, key.name))
        if pointers is None or key.when is not None or not frame.is_complete(frame, key):
            continue
        partition = ", ".join(quote(c) for c in key.columns)
        for by in [v for v in frame.views if v.family == "moment" and v.valid.all()]:
            days = _days(by, pointers)
            if days is None:
                continue
            window = f"OVER (PARTITION BY {partition} ORDER BY {by.word})"
            for total in frame.numbers:
                for part in frame.numbers:
                    if total is not part and (found := _signed(total, part, states, days)):
                        yield _rule(frame, (total, part, by), found, window)


def _days(by: View, pointers: Ints) -> _Days | None:
    """None where no days have several rows: then there is an order, which tells more."""
    rows = np.flatnonzero(pointers >= 0)
    rows = rows[np.lexsort((by.floats[rows], pointers[rows]))]
    same = pointers[rows][1:] == pointers[rows][:-1]
    tied = same & (by.floats[rows][1:] == by.floats[rows][:-1])
    if not tied.any():
        return None
    alone = ~(np.append(tied, False) | np.insert(tied, 0, False))
    place = np.flatnonzero(same & alone[1:] & alone[:-1]) + 1
    return _Days(by, rows[place], rows[place - 1]) if len(place) >= MIN_ROWS else None


def _signed(
    total: View, part: View, states: list[View], days: _Days
) -> tuple[View, Bools, int] | None:
    """The column whose labels tell which way, which of them add, and how many exceptions."""
    steps = total.floats[days.rows] - total.floats[days.before]
    size = part.floats[days.rows]
    if not is_close(np.abs(steps[:_PROBE]), size[:_PROBE], 0.0).mean() >= _EVEN:
        return None
    for state in states:
        adds = _adding(state, days.rows, steps, size)
        signs = np.where(adds[state.codes[days.rows]], 1.0, -1.0)
        odd = int((~is_close(steps, signs * size, 0.0)).sum())
        if adds.any() and not adds.all() and CARRIED <= odd <= 2 * RARE * len(steps):
            return state, adds, odd
    return None


def _adding(state: View, rows: Ints, steps: Floats, size: Floats) -> Bools:
    """(labels,) whether rows with a label add more often than they take."""
    votes = np.zeros(state.distinct)
    right = is_close(np.abs(steps), size, 0.0)
    np.add.at(votes, state.codes[rows], np.where(right, np.sign(steps), 0.0))
    return votes > 0


def _rule(
    frame: Frame, words: tuple[View, View, View], found: tuple[View, Bools, int], window: str
) -> Rule:
    (total, part, by), (state, adds, odd) = (tuple(v.word for v in words), found)
    labels = sorted(state.labels[int(c)].as_py() for c in np.flatnonzero(adds))
    listed, before = ", ".join(literal(x) for x in labels), f"lag({total}) {window}"
    step = (
        f"CASE WHEN {state.word} IN ({listed}) THEN {total} - {before} = {part} "
        f"ELSE {before} - {total} = {part} END"
    )
    ties = (
        f"{by} = lag({by}) {window} OR {by} = lead({by}) {window} "
        f"OR lag({by}) {window} = lag({by}, 2) {window}"
    )
    return replace(frame.rule("running", f"{step} OR {ties}", exceptions=odd), status="rejected")
