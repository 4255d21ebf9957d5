"""Sort a table's rows into kinds: seeded k-means; kinds of too few entities are not released."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dbsynth.features import Features, Ints
from dbsynth.release import Release
from dbsynth.tablemodel import Clusters, spread_out

MAX_KINDS = 64
ROWS_PER_KIND = 15
ROUNDS = 12
SAMPLED = 20_000


def fit_clusters(
    statistic: str,
    features: Features,
    weights: NDArray[np.float32],
    entities: Ints,
    release: Release,
    seed: int,
) -> Clusters | None:
    """
    Learn kinds of rows; None if there are too few rows or nothing to tell them apart.

    Args:
        statistic: its name.
        features: (n, ...).
        weights: (width,) how much each coordinate counts.
        entities: (n,).
        release: the protection in force.
        seed: decides where to start.

    Source: Lloyd's algorithm with k-means++ seeding (Arthur and Vassilvitskii, SODA 2007).
    """
    centres = centres_of(statistic, spread_out(features) * weights, entities, release, seed)
    return None if centres is None else Clusters(centres, weights)


def fit_kinds(
    statistic: str, spread: NDArray[np.float32], entities: Ints, release: Release, seed: int
) -> Ints | None:
    """Sort (n, width) rows into kinds that enough entities have; None as for `fit_clusters`."""
    centres = centres_of(statistic, spread, entities, release, seed)
    return None if centres is None else _nearest(spread, centres)


def centres_of(
    statistic: str, spread: NDArray[np.float32], entities: Ints, release: Release, seed: int
) -> NDArray[np.float32] | None:
    """The (kinds, width) means of kinds that enough entities have."""
    kinds = min(MAX_KINDS, len(spread) // ROWS_PER_KIND)
    if kinds < 2 or not release.is_enough(entities) or spread.std(axis=0).max(initial=0) == 0:
        return None
    rng = np.random.default_rng([seed, len(spread)])
    if len(spread) > SAMPLED:
        chosen = rng.choice(len(spread), SAMPLED, replace=False)
        spread, entities = spread[chosen], entities[chosen]
    centres = _first_centres(spread, kinds, rng)
    for _ in range(ROUNDS):
        nearest = _nearest(spread, centres)
        rows = np.bincount(nearest, minlength=len(centres))
        total = (nearest == np.arange(len(centres))[:, None]).astype(np.float32) @ spread
        centres = np.where(rows[:, None] > 0, total / np.maximum(rows, 1)[:, None], centres)
    support = release.support(_nearest(spread, centres), entities, len(centres))
    released = centres[support >= release.threshold(statistic)]
    return released.astype(np.float32) if len(released) >= 2 else None


def _nearest(spread: NDArray[np.float32], centres: NDArray[np.float32]) -> Ints:
    nearest: Ints = np.argmin((centres**2).sum(axis=1) - 2 * spread @ centres.T, axis=1)
    return nearest.astype(np.int64)


def _first_centres(
    spread: NDArray[np.float32], kinds: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    chosen = [spread[rng.integers(len(spread))]]
    distance = ((spread - chosen[0]) ** 2).sum(axis=1)
    while len(chosen) < kinds and distance.max() > 0:
        chosen.append(spread[rng.choice(len(spread), p=distance / distance.sum())])
        distance = np.minimum(distance, ((spread - chosen[-1]) ** 2).sum(axis=1))
    return np.stack(chosen)
