"""Kinds of rows: labels that come together, and how a number lies within each kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dbsynth.codecs import NumberCodec
from dbsynth.features import Floats, Ints
from dbsynth.release import Release

POINTS = 65  # of a kind's curve
MOST_COLUMNS, MOST_KINDS = 3, 64
FEWEST_ROWS = 100  # that a kind needs for a curve of its own
GAIN = 0.03  # of the variance of ranks that one more column must explain

Tokens = Mapping[str, Ints]  # column name -> (n,) tokens


@dataclass(frozen=True, slots=True)
class Kinds:
    """
    How a number lies in rows of each kind: ascending quantiles, at equal shares of its free values.

    A kind is a combination of labels of some columns; the last curve is that of all other rows.
    """

    columns: tuple[str, ...]
    combinations: tuple[tuple[int, ...], ...]  # tokens of the columns, one a kind
    curves: tuple[tuple[float, ...], ...]  # one more than combinations

    def of(self, tokens: Tokens, rows: int) -> Ints:
        """The kind of each of (rows,) rows."""
        found = np.full(rows, len(self.combinations), np.int64)
        for number, combination in enumerate(self.combinations):
            here = np.ones(rows, bool)
            for name, token in zip(self.columns, combination, strict=True):
                here &= tokens[name] == token
            found[here] = number
        return found

    @staticmethod
    def alone(codec: NumberCodec) -> Kinds:
        """One kind, where labels say nothing about the number."""
        return Kinds((), (), (_resampled(codec.grid),))


def fit_kinds(
    statistic: str,
    values: Floats,
    codec: NumberCodec,
    tokens: Tokens,
    entities: Ints,
    release: Release,
) -> Kinds:
    """
    Learn which labels tell most about a number, and its quantiles for each combination of them.

    Args:
        statistic: the number's name.
        values: (n,), NaN for NULL.
        codec: the number's; its frequent values belong to no curve.
        tokens: of the row's categories.
        entities: (n,).
        release: the protection in force.
    """
    free = np.flatnonzero(np.isfinite(values) & ~np.isin(values, np.asarray(codec.spikes)))
    v, e = values[free], entities[free]
    ranks = np.unique(v, return_inverse=True)[1].astype(np.float64)
    own = {n: t[free] for n, t in tokens.items()}
    columns = _telling(ranks, own)
    if not columns:
        return Kinds.alone(codec)
    table = np.stack([own[c] for c in columns], axis=1)
    combinations, codes, counted = np.unique(table, axis=0, return_inverse=True, return_counts=True)
    codes = codes.reshape(-1)
    needed = release.threshold(f"{statistic}.kinds")
    support = release.support(codes, e, len(combinations))
    kept = np.flatnonzero((counted >= FEWEST_ROWS) & (support >= needed))
    kept = np.sort(kept[np.argsort(-counted[kept], kind="stable")[:MOST_KINDS]])
    shares = np.linspace(0, 1, POINTS)
    curves = [
        release.quantiles(f"{statistic}.kind", v[codes == k], e[codes == k], shares) for k in kept
    ]
    others = ~np.isin(codes, kept)
    enough = others.sum() >= FEWEST_ROWS and len(np.unique(e[others])) >= needed
    rest = release.quantiles(f"{statistic}.kind", v[others], e[others], shares) if enough else None
    curves.append(np.asarray(_resampled(codec.grid)) if rest is None else rest)
    return Kinds(
        columns,
        tuple(tuple(map(int, combinations[k])) for k in kept),
        tuple(tuple(c.tolist()) for c in curves),
    )


def _telling(ranks: Floats, tokens: Tokens) -> tuple[str, ...]:
    """The columns that explain ranks best, one after another, while each brings enough."""
    if len(ranks) < 2 * FEWEST_ROWS or not ranks.std():
        return ()
    chosen: list[str] = []
    codes, reached = np.zeros(len(ranks), np.int64), 0.0
    while len(chosen) < MOST_COLUMNS:
        found = {
            n: _explained(ranks, np.unique(codes * (t.max() + 1) + t, return_inverse=True)[1])
            for n, t in tokens.items()
            if n not in chosen
        }
        best = max(found, key=lambda n: found[n], default=None)
        if best is None or found[best] < reached + GAIN:
            break
        chosen.append(best)
        reached = found[best]
        codes = np.unique(codes * (tokens[best].max() + 1) + tokens[best], return_inverse=True)[1]
    return tuple(chosen)


def _explained(ranks: Floats, codes: Ints) -> float:
    """The share of the variance that lies between codes, less what so many explain by chance."""
    number = np.bincount(codes)
    mean = np.bincount(codes, ranks) / np.maximum(number, 1)
    between = float((number * (mean - ranks.mean()) ** 2).sum())
    return between / float(((ranks - ranks.mean()) ** 2).sum()) - len(number) / len(ranks)


def _resampled(grid: NDArray[np.float64]) -> tuple[float, ...]:
    """A curve of as many points as others have."""
    if not len(grid):
        return (0.0,) * POINTS
    place = np.linspace(0, len(grid) - 1, POINTS)
    return tuple(np.interp(place, np.arange(len(grid)), grid).tolist())
