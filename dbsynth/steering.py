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
    unit = DAY if column.unit == "day" else 1.0
    here = np.floor(course.start / unit)
    end = course.goal + (0.0 if column.unit == "day" else DAY - 1.0)
    left = np.floor(end / unit) - here
    slow, fast = (np.asarray(p)[step_of(course.ahead)] for p in zip(*column.paces, strict=True))
    follow = np.maximum(course.ahead, 1)
    slow, fast = slow / SLACK, fast * SLACK
    # How far a row may go, at least and at most; compared as it is, nothing is known of NaN.
    least, most = left - fast * follow, left - slow * follow
    is_free = (course.ahead == 0) | ~np.isfinite(left)
    least, most = np.where(is_free, -np.inf, least), np.where(is_free, np.inf, most)
    gaps = column.gap.decode(np.arange(column.gap.tokens), np.full(column.gap.tokens, 0.5))
    parts = [gaps[None, :], *((turned(here, t) - here)[:, None] for t in column.turns)]
    marked = np.concatenate([(p >= least[:, None]) & (p <= most[:, None]) for p in parts], axis=1)
    is_null = ~np.isfinite(gaps)
    marked[:, : len(gaps)] |= is_null & marked.any(axis=1, keepdims=True)
    return marked | ~marked.any(axis=1, keepdims=True)


def drawn(shares: Floats, uniforms: NDArray[np.float64]) -> Ints:
    """Draw (n,) tokens from (n, tokens) shares by inverse CDF."""
    total = shares.cumsum(axis=1)
    tokens: Ints = (total <= (uniforms * total[:, -1])[:, None]).sum(axis=1)
    last = shares.shape[1] - 1 - np.argmax(shares[:, ::-1] > 0, axis=1)
    found: Ints = np.minimum(tokens, last)
    return found
