"""Normal scores: what rows look like as Gaussian variables, by public curves and released codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dbsynth.features import Floats, Ints
from dbsynth.model.inputs import GRID

FEW_CODES, TOP_CODES = 33, 16  # codes with an indicator of their own
_NORMAL = NormalDist()
_REACH, _STEPS = 8.0, 512  # the table of the normal distribution


@dataclass(frozen=True, slots=True)
class Scores:
    """
    Columns of `Inputs` as (n, scores): floats bent to normal scores, frequent codes as indicators.

    Score i is about column `column[i]`; `code[i]` is the code that it marks, -1 for a float.
    """

    column: Ints  # (scores,) ascending
    code: Ints  # (scores,)
    mean: Floats  # (scores,) before standardising
    spread: Floats  # (scores,)

    def of(self, seen: NDArray[np.float32], start: int, stop: int) -> tuple[slice, Floats]:
        """Standardised scores of the columns start..stop, and which scores these are."""
        low, high = (int(np.searchsorted(self.column, c)) for c in (start, stop))
        part = slice(low, high)
        raw = _raw(seen, self.column[part], self.code[part])
        return part, (raw - self.mean[part]) / self.spread[part]

    def saved(self) -> dict[str, NDArray[Any]]:
        """Everything as arrays."""
        return {n: getattr(self, n) for n in ("column", "code", "mean", "spread")}

    @staticmethod
    def load(arrays: Mapping[str, NDArray[Any]]) -> Scores:
        """Rebuild from `saved`."""
        return Scores(arrays["column"], arrays["code"], arrays["mean"], arrays["spread"])


def fit_scores(seen: NDArray[np.float32], cards: Ints, entities: Ints, threshold: int) -> Scores:
    """
    Choose the scores of (n, columns) rows: those that vary among enough (n,) entities.

    Args:
        cards: (columns,) cardinalities, 0 for floats.
        threshold: how many entities a code needs for an indicator.
    """
    column, code = [], []
    for number, size in enumerate(cards):
        found = [-1] if size == 0 else _frequent(seen[:, number], int(size), entities, threshold)
        column += [number] * len(found)
        code += found
    columns, codes = np.array(column, np.int64), np.array(code, np.int64)
    raw = _raw(seen, columns, codes)
    mean, spread = raw.mean(axis=0), raw.std(axis=0)
    varies = spread > 1e-3
    return Scores(columns[varies], codes[varies], mean[varies], spread[varies])


def _frequent(column: NDArray[np.float32], size: int, entities: Ints, threshold: int) -> list[int]:
    codes = column.astype(np.int64)
    count = int(entities.max()) + 1
    support = np.bincount(np.unique(codes * count + entities) // count, minlength=size)
    rows = np.bincount(codes, minlength=size)
    top = np.argsort(-rows, kind="stable")[: FEW_CODES if size <= FEW_CODES else TOP_CODES]
    kept = sorted(int(c) for c in top if threshold <= support[c] and rows[c] < len(codes))
    return kept[1:] if size == 2 else kept  # one flag says it all


def _raw(seen: NDArray[np.float32], columns: Ints, codes: Ints) -> Floats:
    values = seen[:, columns].astype(np.float64)
    is_float = codes < 0
    steps = np.clip(np.round(values[:, is_float] * GRID), -GRID, GRID).astype(np.int64)
    values[:, is_float] = _curve()[steps + GRID]
    values[:, ~is_float] = values[:, ~is_float] == codes[~is_float]
    return values


@cache
def _curve() -> Floats:
    """Normal scores of -1, …, 1 in steps of the grid."""
    return np.array([_NORMAL.inv_cdf(0.5 + 0.49 * i / GRID) for i in range(-GRID, GRID + 1)])


@cache
def _table() -> tuple[Floats, Floats]:
    points = np.linspace(-_REACH, _REACH, int(2 * _REACH * _STEPS) + 1)
    return points, np.array([_NORMAL.cdf(p) for p in points])


def cdf(values: Floats) -> Floats:
    """The normal distribution function of (…,) values, to about 1e-7."""
    points, below = _table()
    return np.interp(values, points, below, left=0.0, right=1.0)


def quantile(shares: Floats) -> Floats:
    """Its inverse."""
    points, below = _table()
    return np.interp(shares, below, points)
