"""Paces: how much time rows that follow need, and how much they take, a row."""

from __future__ import annotations

import numpy as np

from dbsynth.features import Floats, Ints
from dbsynth.release import Release

STEPS = 7  # one row ahead, two to three, four to seven, … 64 and more
SLOWEST, FASTEST = 0.01, 0.99  # of the rows


def step_of(ahead: Ints) -> Ints:
    """Sort (n,) numbers of rows ahead, at least 1, into steps."""
    steps: Ints = np.log2(np.maximum(ahead, 1)).astype(np.int64)
    return np.minimum(steps, STEPS - 1)


def fit_paces(
    statistic: str, left: Floats, ahead: Ints, entities: Ints, release: Release
) -> tuple[tuple[float, float], ...]:
    """
    Learn between which paces nearly all rows lie, for each step.

    Args:
        statistic: its name; decides how many entities a pace needs.
        left: (n,) time until the last row, in the unit of the gaps; NaN for none.
        ahead: (n,) how many rows follow.
        entities: (n,).
        release: the protection in force.

    Returns:
        (least, most) time a row for each step; (0, infinity) where too few entities tell.
    """
    known = np.isfinite(left) & (ahead > 0)
    found = []
    for step in range(STEPS):
        here = known & (step_of(ahead) == step)
        if not here.any() or not release.is_enough(entities[here]):
            found.append((0.0, np.inf))
            continue
        pace = left[here] / ahead[here]
        ends = release.quantiles(
            f"{statistic}.pace{step}", pace, entities[here], [SLOWEST, FASTEST]
        )
        found.append((float(ends[0]), float(ends[1])))
    return tuple(found)
