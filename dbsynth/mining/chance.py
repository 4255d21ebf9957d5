"""How surprising it would be that chance makes no exception: minus the logarithm of its odds."""

from __future__ import annotations

import math

import numpy as np

from dbsynth.mining.frames import Bools, Floats, Ints


def of_order(low: Floats, high: Floats) -> float:
    """
    How surprising it is that no `low` is above the `high` beside it.

    Exact: of all ways to hand the same highs out among the lows, the share that has no exception.
    From the largest low on, each may take as many highs as are not below it, less those taken.

    Args:
        low: (n,) of n observations.
        high: (n,).
    """
    falling, rising = np.sort(low)[::-1], np.sort(high)
    n = len(falling)
    left = n - np.arange(n)
    fitting = left - np.searchsorted(rising, falling, side="left")
    if n == 0 or (fitting <= 0).any():
        return 0.0  # there are exceptions
    return float(np.log(left / fitting).sum())


def of_families(low: Floats, high: Floats, units: Ints, *, is_low: bool) -> float:
    """
    The same where one side is of a parent, which is handed out among whole families.

    Args:
        low: (n,) of n children and their parents.
        high: (n,).
        units: (n,) the parents' row numbers.
        is_low: whether it is the lower side that is of the parent.
    """
    heads, place = np.unique(units, return_inverse=True)
    if is_low:
        own, bound = np.empty(len(heads)), np.full(len(heads), np.inf)
        own[place] = low
        np.minimum.at(bound, place, high)
        return of_order(own, bound)
    own, bound = np.empty(len(heads)), np.full(len(heads), -np.inf)
    own[place] = high
    np.maximum.at(bound, place, low)
    return of_order(bound, own)


def of_marks(sizes: Ints, marks: int) -> float:
    """
    How surprising it is that no parent has two of the marks that its children have.

    Of all ways to give so many of the children a mark, the share that gives no parent two: the
    coefficient of x^marks in the product of (1 + size x), by its saddle point.

    Args:
        sizes: (n,) the children of each parent.
        marks: how many of all of them have one.
    """
    sizes = sizes[sizes > 0]
    total, n = int(sizes.sum()), len(sizes)
    if not 2 <= marks <= n:
        return 0.0
    low, high = -60.0, 60.0  # of log x, at which so many marks are to be expected
    for _ in range(80):
        middle = (low + high) / 2
        odds = sizes * math.exp(middle)
        low, high = (middle, high) if (odds / (1 + odds)).sum() < marks else (low, middle)
    odds = sizes * math.exp(low)
    shares = odds / (1 + odds)
    spread = float((shares * (1 - shares)).sum())
    ways = float(np.log1p(odds).sum()) - marks * low - 0.5 * math.log1p(2 * math.pi * spread)
    return max(0.0, _choices(total, marks) - ways)


def of_hits(shares: Floats, hits: Bools) -> float:
    """How surprising it is that all of (n,) choices hit what each does with a chance of its own."""
    if not len(hits) or not hits.all():
        return 0.0
    return float(-np.log(np.maximum(shares, 1e-12)).sum())


def _choices(of: int, some: int) -> float:
    """The logarithm of the number of ways to choose some of them."""
    return math.lgamma(of + 1) - math.lgamma(some + 1) - math.lgamma(of - some + 1)
