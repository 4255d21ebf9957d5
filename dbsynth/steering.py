"""Steering through time: rows leave those that follow them neither too little time nor too much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dbsynth.encode import DatetimeColumn
from dbsynth.features import Floats, Ints
from dbsynth.paces import step_of
from dbsynth.turns import turned
from dbsynth.values import DAY

SLACK = 2.0  # a pace may be so many times slower or faster than nearly all are
FAINT = 1e-3  # less of the shares than this is not worth a detour


@dataclass(frozen=True, slots=True)
class Course:
    """Where (n,) rows come from and where they have to be, in seconds; NaN where nobody knows."""

    start: Floats
    goal: Floats  # the day of the last sibling
    ahead: Ints  # how many siblings until then; 0: this row is the last
    is_first: bool = False  # whether rows are the first of theirs, and start is what they hang on

    def take(self, rows: Ints) -> Course:
        """That of some rows."""
        return Course(self.start[rows], self.goal[rows], self.ahead[rows], self.is_first)


def steer(column: DatetimeColumn, shares: Floats, course: Course) -> Floats:
    """
    Leave of (n, tokens) shares those after which the rows ahead can keep a pace that rows have.

    All stay where hardly one would, or where nobody knows how much time there is.
    """
    kept: Floats = shares * keeping(column, course)
    is_lost = kept.sum(axis=1) < FAINT * shares.sum(axis=1)
    return np.where(is_lost[:, None], shares, kept)


def keeping(column: DatetimeColumn, course: Course) -> NDArray[np.bool_]:
    """Mark (n, tokens) after which the rows ahead can keep a pace, or of which nobody knows."""
    assert column.gap is not None
    here, least, most = _bounds(column, course)
    gaps, turns = _gaps(column, course), () if course.is_first else column.turns
    parts = [gaps[None, :], *((turned(here, t) - here)[:, None] for t in turns)]
    marked = np.concatenate([(p >= least[:, None]) & (p <= most[:, None]) for p in parts], axis=1)
    is_null = ~np.isfinite(gaps)
    marked[:, : len(gaps)] |= is_null & marked.any(axis=1, keepdims=True)
    return marked | ~marked.any(axis=1, keepdims=True)


def keeps(column: DatetimeColumn, course: Course, tokens: Ints) -> NDArray[np.bool_]:
    """Which of (n,) tokens `keeping` would mark for sure, all others of their rows unseen."""
    here, least, most = _bounds(column, course)
    gaps, turns = _gaps(column, course), () if course.is_first else column.turns
    far = gaps[np.minimum(tokens, len(gaps) - 1)]
    for number, turn in enumerate(turns):
        rows = np.flatnonzero(tokens == len(gaps) + number)
        far[rows] = turned(here[rows], turn) - here[rows]
    return (far >= least) & (far <= most)


def _gaps(column: DatetimeColumn, course: Course) -> Floats:
    """How far each token of the gap, or of the first row's distance, leads."""
    codec = (column.delta or column.day) if course.is_first else column.gap
    assert codec is not None
    gaps = codec.decode(np.arange(codec.tokens), np.full(codec.tokens, 0.5))
    is_apart = column.delta is None or column.is_backward  # the time of day is drawn by itself
    is_in_days = course.is_first and is_apart and column.unit == "second"
    return gaps * DAY if is_in_days else gaps


def _bounds(column: DatetimeColumn, course: Course) -> tuple[Floats, Floats, Floats]:
    """Where rows are, how far they may go at least, and at most; compared as they are with NaN."""
    unit = DAY if column.unit == "day" else 1.0
    here = np.floor(course.start / unit)
    end = course.goal + (0.0 if column.unit == "day" else DAY - 1.0)
    left = np.floor(end / unit) - here
    slow, fast = (np.asarray(p)[step_of(course.ahead)] for p in zip(*column.paces, strict=True))
    follow = np.maximum(course.ahead, 1)
    assert column.gap is not None
    slow, fast = np.maximum(slow / SLACK, column.gap.low), fast * SLACK
    least, most = left - fast * follow, left - slow * follow
    is_free = (course.ahead == 0) | ~np.isfinite(left)
    return here, np.where(is_free, -np.inf, least), np.where(is_free, np.inf, most)


def drawn(shares: Floats, uniforms: NDArray[np.float64]) -> Ints:
    """Draw (n,) tokens from (n, tokens) shares by inverse CDF."""
    total = shares.cumsum(axis=1)
    tokens: Ints = (total <= (uniforms * total[:, -1])[:, None]).sum(axis=1)
    last = shares.shape[1] - 1 - np.argmax(shares[:, ::-1] > 0, axis=1)
    found: Ints = np.minimum(tokens, last)
    return found
