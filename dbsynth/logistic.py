"""How likely something is, given what networks see: ridge logistic regression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dbsynth.features import Features, Floats, Ints

MOST_ROWS, MOST_TERMS, FEWEST = 4_000, 250, 8
RIDGES = (3.0, 30.0, 300.0)
STEPS, DIGITS = 6, 6
GAIN = 2.0  # by which the loss must fall, or nothing was learned
_EDGE = 1e-6  # shares are kept so far from 0 and 1


@dataclass(frozen=True)
class Logistic:
    """Shares of a few kinds that sum to 1, each by its own regression."""

    tables: tuple[Floats, ...]  # per code column (cardinality, kinds)
    slopes: Floats  # (floats, kinds)
    starts: Floats  # (kinds,)

    def shares(self, features: Features) -> Floats:
        """(n, kinds)."""
        logits = self.starts + features.floats.astype(np.float64) @ self.slopes
        for column, table in enumerate(self.tables):
            logits = logits + table[features.codes[:, column]]
        found = _sigmoid(logits)
        total: Floats = found / found.sum(axis=1, keepdims=True)
        return total

    @classmethod
    def fit(
        cls, features: Features, shares: Floats, weights: Floats, rng: np.random.Generator
    ) -> Logistic | None:
        """
        Learn shares; the penalty is the one that does best on the other half of the rows.

        Args:
            features: (n, ...).
            shares: (n, kinds) what is to be foretold, each in 0..1.
            weights: (n,) how much each row counts.
            rng: chooses rows, and halves.

        Returns:
            None where the features foretell nothing.

        Source: iteratively reweighted least squares (McCullagh and Nelder 1989, section 2.5).
        """
        some = rng.permutation(len(features))[:MOST_ROWS]
        if len(some) < 2 * FEWEST:
            return None
        terms = _terms(features.take(some))
        design = _design(features.take(some), terms)
        target, weight = shares[some], weights[some] / weights[some].mean()
        best = np.inf
        for ridge in RIDGES:
            loss = _foretold(design, target, weight, ridge)
            if loss < best:
                best, chosen = loss, ridge
        if best > _plain_loss(target, weight) - GAIN:
            return None
        found = _solve(design, target, weight, chosen)
        return cls._of(features, terms, np.round(found, DIGITS))

    @classmethod
    def _of(cls, features: Features, terms: list[Ints], found: Floats) -> Logistic:
        place = 1 + features.floats.shape[1]
        tables = []
        for card, tokens in zip(features.cards, terms, strict=True):
            table = np.zeros((card, found.shape[1]))
            table[tokens] = found[place : place + len(tokens)]
            place += len(tokens)
            tables.append(table)
        return cls(tuple(tables), found[1 : 1 + features.floats.shape[1]], found[0])


def _terms(features: Features) -> list[Ints]:
    """The tokens of each code column that get a coefficient: the most frequent ones."""
    counts = [
        np.bincount(features.codes[:, c], minlength=card) for c, card in enumerate(features.cards)
    ]
    every = np.sort(np.concatenate([*counts, np.zeros(1, np.int64)]))[::-1]
    least = max(FEWEST, int(every[MOST_TERMS]) + 1 if len(every) > MOST_TERMS else 0)
    return [np.flatnonzero((c >= least) & (c < len(features))) for c in counts]


def _design(features: Features, terms: list[Ints]) -> Floats:
    """(n, 1 + floats + terms)."""
    parts: list[NDArray[np.float64]] = [np.ones((len(features), 1)), features.floats.astype(float)]
    for column, tokens in enumerate(terms):
        parts.append((features.codes[:, column, None] == tokens).astype(np.float64))
    return np.concatenate(parts, axis=1)


def _foretold(design: Floats, target: Floats, weight: Floats, ridge: float) -> float:
    """The loss on each half of the rows of what was learned from the other one."""
    half = np.arange(len(design)) % 2 == 0
    loss = 0.0
    for learned, asked in ((half, ~half), (~half, half)):
        found = _solve(design[learned], target[learned], weight[learned], ridge)
        loss += _loss(_sigmoid(design[asked] @ found), target[asked], weight[asked])
    return loss


def _plain_loss(target: Floats, weight: Floats) -> float:
    """The same for the mean of the other half."""
    half = np.arange(len(target)) % 2 == 0
    loss = 0.0
    for learned, asked in ((half, ~half), (~half, half)):
        mean = np.average(target[learned], axis=0, weights=weight[learned])
        loss += _loss(np.broadcast_to(mean, target[asked].shape), target[asked], weight[asked])
    return loss


def _loss(shares: Floats, target: Floats, weight: Floats) -> float:
    shares = shares.clip(_EDGE, 1 - _EDGE)
    rows = target * np.log(shares) + (1 - target) * np.log(1 - shares)
    return float(-(weight[:, None] * rows).sum())


def _solve(design: Floats, target: Floats, weight: Floats, ridge: float) -> Floats:
    """(terms, kinds) coefficients."""
    penalty = np.full(design.shape[1], ridge)
    penalty[0] = 1e-3
    found = np.zeros((design.shape[1], target.shape[1]))
    mean = np.average(target, axis=0, weights=weight).clip(_EDGE, 1 - _EDGE)
    found[0] = np.log(mean / (1 - mean))
    kinds = target.shape[1]
    for kind in range(1 if kinds == 2 else kinds):
        own = found[:, kind]
        for _ in range(STEPS):
            share = _sigmoid(design @ own)
            slope = weight * np.maximum(share * (1 - share), 1e-4)
            pull = design.T @ (weight * (target[:, kind] - share)) - penalty * (
                own - _first(found, kind)
            )
            own = own + np.linalg.solve((design.T * slope) @ design + np.diag(penalty), pull)
        found[:, kind] = own
    if kinds == 2:  # what is not the one is the other
        found[:, 1] = -found[:, 0]
    return found


def _first(found: Floats, kind: int) -> Floats:
    """Towards what coefficients are pulled: the mean's, and nothing."""
    start = np.zeros(len(found))
    start[0] = found[0, kind]
    return start


def _sigmoid(logits: Floats) -> Floats:
    found: Floats = 1.0 / (1.0 + np.exp(-logits.clip(-30, 30)))
    return found
