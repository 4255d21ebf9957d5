"""Conditional nulls and values: what is there, or how much it is, only with certain labels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dbsynth.mining.dependencies import follows
from dbsynth.mining.frames import CARRIED, EXPECTED, MIN_ROWS, RARE, Frame, Ints, View, literal
from dbsynth.rules.book import Rule

_LABELS = 20  # of a column on which others may depend
_MOSTLY = 0.9  # of the rows with a label have one value, which is no rule


def find_nulls(frame: Frame) -> Iterator[Rule]:
    """Find columns that are there exactly, or only, where another one says so."""
    partial = [v for v in frame.views if 0 < v.valid.sum() < len(frame)]
    partial = [v for v in partial if min(v.valid.sum(), (~v.valid).sum()) >= CARRIED]
    states = [v for v in _states(frame) if frame.is_released(v)]
    settled = set()
    for view in partial:
        for state in states:
            text = "" if state is view else _presence(view, state)
            if text:
                settled.add(view.word)
                yield frame.rule("nulls", text)
    free = [v for v in partial if v.word not in settled]
    keys = [set(k.columns) for k in frame.table.foreign_keys]  # that are drawn as a whole
    for place, one in enumerate(free):
        for other in free[place + 1 :]:
            names = {one.column.name, other.column.name}
            if any(names <= k for k in keys):
                continue
            yield from (frame.rule("nulls", text) for text in _together(one, other))


def find_values(frame: Frame, dependencies: set[str]) -> Iterator[Rule]:
    """Find values that a label fixes, where others leave them open."""
    states = [v for v in _states(frame) if frame.is_released(v)]
    lefts = [v for v in frame.views if any(d.startswith(f"{v.word} -> ") for d in dependencies)]
    identifying = frame.table.primary_key  # numbered, and no values
    for state in states:
        for view in frame.views:
            if (
                view is state
                or view.is_key
                or view.column.name in identifying
                or not frame.is_learned(view)
                or f"{state.word} -> {view.word}" in dependencies
            ):
                continue
            keys = [
                k
                for k in lefts
                if k not in (view, state)
                and follows(k.codes, view.codes)
                and follows(k.codes, state.codes)
            ]
            for code in range(state.distinct):
                text = _fixed(frame, view, state, code, keys)
                if text:
                    yield frame.rule("values", text)


def _states(frame: Frame) -> list[View]:
    return [
        v
        for v in frame.views
        if v.distinct <= _LABELS and not v.is_key and v.family in ("label", "number")
        and (v.family == "label" or v.unit[0] == "whole")
    ]  # fmt: skip


def _presence(view: View, state: View) -> str:
    """When a column is there, by the labels of another."""
    where = state.codes >= 0
    if where.sum() < MIN_ROWS:
        return ""
    rows = np.bincount(state.codes[where], minlength=state.distinct)
    there = np.bincount(state.codes[where & view.valid], minlength=state.distinct)
    always, never = there == rows, there == 0
    base = float(there.sum() / rows.sum())
    if base in (0.0, 1.0):
        return ""
    surprise = rows[always].sum() * (1 - base), rows[never].sum() * base
    if (always | never).all() and sum(surprise) >= EXPECTED:
        return f"({view.word} IS NOT NULL) = {_among(state, np.flatnonzero(always))}"
    # One way only: each label must be sure by itself, for others may come out so by chance.
    always, never = always & (rows * (1 - base) >= EXPECTED), never & (rows * base >= EXPECTED)
    if never.any():
        return f"{view.word} IS NULL OR {_among(state, np.flatnonzero(~never))}"
    if always.any():
        return f"{view.word} IS NOT NULL OR NOT {_among(state, np.flatnonzero(always))}"
    return ""


def _among(state: View, codes: Ints) -> str:
    labels = [state.labels[int(c)].as_py() for c in codes]
    if labels == [True]:
        return f"({state.word})"
    if labels == [False]:
        return f"(NOT {state.word})"
    return f"({state.word} IN ({', '.join(literal(x) for x in sorted(labels))}))"


def _together(one: View, other: View) -> Iterator[str]:
    """Columns that are NULL together, or of which one needs the other."""
    n = len(one.valid)
    if (one.valid == other.valid).all():
        if one.valid.sum() * float((~other.valid).mean()) >= EXPECTED:
            yield f"({one.word} IS NULL) = ({other.word} IS NULL)"
        return
    for a, b in ((one, other), (other, one)):
        if not (a.valid & ~b.valid).any() and a.valid.sum() * (~b.valid).sum() / n >= EXPECTED:
            yield f"{a.word} IS NULL OR {b.word} IS NOT NULL"


def _fixed(frame: Frame, view: View, state: View, code: int, keys: list[View]) -> str:
    """The one value that a column has with a label; "" if it has several."""
    here = (state.codes == code) & view.valid
    counts = [len(np.unique(k.codes[here])) for k in keys]  # rows of one are no more evidence
    n = min([int(here.sum()), *counts])
    if n < MIN_ROWS:
        return ""
    values = view.codes[here]
    if (values != values[0]).any():
        return ""
    share = float((view.codes[view.valid] == values[0]).mean())
    others = (state.codes >= 0) & (state.codes != code) & view.valid
    is_open = len(np.unique(view.codes[others])) > 1
    carriers = len(np.unique(frame.entities[here]))
    if not is_open or carriers < CARRIED or n * (1 - share) < EXPECTED or view.family == "moment":
        return ""
    if _is_lucky(view, state, code, n):
        return ""
    value = literal(view.labels[int(values[0])].as_py())
    return f"{view.word} = {value} OR NOT {_among(state, np.array([code]))}"


def _is_lucky(view: View, state: View, code: int, n: int) -> bool:
    """Whether all labels have one value, but for exceptions that this one may have missed."""
    where = (state.codes >= 0) & (view.codes >= 0) & (state.codes != code)
    seen = np.zeros((state.distinct, view.distinct), np.int64)
    np.add.at(seen, (state.codes[where], view.codes[where]), 1)
    rows, most = seen.sum(1), seen.max(1)
    known = rows >= CARRIED
    odd = float((rows - most)[known].sum() / max(1, rows[known].sum()))
    is_alike = bool((most >= _MOSTLY * rows)[known].all())
    return is_alike and odd >= RARE and n * odd < EXPECTED
