"""Walks from state to state, of many groups at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dbsynth.features import Ints

Flags = NDArray[np.bool_]


def walked(
    drawn: Ints, there: Flags, groups: Ints, allowed: Flags, rng: np.random.Generator
) -> Ints:
    """
    Keep the states that were drawn where they may follow; else go on to one that may.

    Args:
        drawn: (n,) numbers of states, one group after the other in its order; -1 for another.
        there: (n,) whether there is a state at all.
        groups: (n,) numbers.
        allowed: (k + 1, k) which state may follow on which; the last row: which may be first.
        rng: decides between several.

    Returns:
        (n,) states; -1 where there is none, or none can follow.
    """
    size = allowed.shape[1]
    made = np.where(there, drawn, -1)
    if not len(drawn):
        return made
    starts = np.concatenate([[True], groups[1:] != groups[:-1]])
    first = np.flatnonzero(starts)
    sizes = np.diff(np.append(first, len(drawn)))
    reach = _reach(allowed[:size], int(sizes.max()))
    weights = np.bincount(drawn[drawn >= 0], minlength=size).astype(np.float64) + 1e-6
    before = np.full(len(first), size)
    for step in range(int(sizes.max())):
        going = np.flatnonzero(sizes > step)
        rows = first[going] + step
        left = sizes[going] - step - 1
        now = made[rows]
        fits = allowed[before[going]] & (reach[None, :] >= left[:, None])
        wrong = there[rows] & ~np.where(now >= 0, fits[np.arange(len(rows)), now], False)
        for state in np.unique(before[going][wrong]).tolist():
            at = np.flatnonzero(wrong & (before[going] == state))
            chances = np.where(fits[at], weights, 0.0)
            chances = np.where(chances.sum(1, keepdims=True) > 0, chances, allowed[state] * weights)
            total = chances.sum(1)
            ends = np.cumsum(chances, axis=1)
            picked = (ends < (rng.random(len(at)) * total)[:, None]).sum(1)
            now[at] = np.where(total > 0, np.minimum(picked, size - 1), -1)
        made[rows] = now
        before[going] = np.where(now >= 0, now, size)
    return made


def _reach(allowed: Flags, most: int) -> Ints:
    """(k,) how many steps can follow on each state, at most `most`."""
    reach = np.zeros(len(allowed), np.int64)
    for step in range(1, most + 1):
        further = (allowed & (reach >= step - 1)[None, :]).any(axis=1)
        longer = np.where(further, step, reach)
        if (longer == reach).all():
            break
        reach = longer
    return reach
