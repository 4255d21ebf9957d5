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

FAINT = 1e-3  # less of the shares than this is not worth a detour


@dataclass(frozen=True, slots=True)
class Course:
    """Where (n,) rows come from and where they have to be, in seconds; NaN where nobody knows."""

    start: Floats
    goal: Floats  # the day of the next knot, or of the last sibling
    ahead: Ints  # how many siblings until then; 0: this row should be there


def steer(column: DatetimeColumn, shares: Floats, course: Course) -> Floats:
    """
    Leave of (n, tokens) shares those after which the rows ahead can keep a pace that rows have.

    All stay where hardly one would, or where nobody knows how much time there is.
    """
    unit = DAY if column.unit == "day" else 1.0
    there = _there(column, course.start, unit)
    end = course.goal + (0.0 if column.unit == "day" else DAY - 1.0)
    left = np.floor(end / unit)[:, None] - there
    slow, fast = (np.asarray(p)[step_of(course.ahead)] for p in zip(*column.paces, strict=True))
    follow = np.maximum(course.ahead, 1)
    is_kept = (left >= (slow * follow)[:, None]) & (left <= (fast * follow)[:, None])
    is_kept |= (course.ahead == 0)[:, None] | ~np.isfinite(left)
    kept: Floats = np.where(is_kept, shares, 0.0)
    is_lost = kept.sum(axis=1) < FAINT * shares.sum(axis=1)
    return np.where(is_lost[:, None], shares, kept)


def drawn(shares: Floats, uniforms: NDArray[np.float64]) -> Ints:
    """Draw (n,) tokens from (n, tokens) shares by inverse CDF."""
    total = shares.cumsum(axis=1)
    tokens: Ints = (total <= (uniforms * total[:, -1])[:, None]).sum(axis=1)
    last = shares.shape[1] - 1 - np.argmax(shares[:, ::-1] > 0, axis=1)
    found: Ints = np.minimum(tokens, last)
    return found


def _there(column: DatetimeColumn, start: Floats, unit: float) -> Floats:
    """Where each gap token leads (n,) rows, in units since 1970: (n, tokens)."""
    assert column.gap is not None
    tokens = column.gap.tokens
    gaps = column.gap.decode(np.arange(tokens), np.full(tokens, 0.5))
    here = np.floor(start / unit)
    turns = [turned(here, t)[:, None] for t in column.turns]
    return np.concatenate([here[:, None] + gaps, *turns], axis=1)
