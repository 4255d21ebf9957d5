"""One head of a Gaussian copula: weights from shrunken correlations, cuts from frequencies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from dbsynth.features import Floats, Ints
from dbsynth.model.scores import cdf, quantile

SHRINKAGE = (0.01, 0.03, 0.1, 0.2, 0.4, 0.7, 1.0)  # towards independence; 1: nothing depends
ASIDE = 3  # every third entity is put aside to choose among these
MOST_EXPLAINED = 0.98  # of a latent variable's variance
LEAST_VARIANCE = 0.05  # of what tokens tell of a latent variable; with less, they tell nothing
BALANCED = 5  # rounds in which labels get their frequencies
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class HeadFit:
    """How one head's tokens follow from the scores before it."""

    weights: Floats  # (scores, 1) of the latent variable, or (scores, tokens)
    offsets: Floats  # (1,) or (tokens,)
    order: Ints  # (tokens,) tokens from lowest to highest; empty for labels
    cuts: Floats  # (tokens - 1,) where the latent variable passes from one to the next
    spread: float  # of the latent variable given the scores

    def shares(self, means: Floats) -> Floats:
        """(n, 1) or (n, tokens) means -> (n, tokens) shares."""
        if not len(self.order):
            odds: Floats = np.exp(means - means.max(axis=1, keepdims=True))
            whole: Floats = odds.sum(axis=1, keepdims=True)
            return odds / whole
        below = cdf((self.cuts - means) / self.spread)
        ends = np.zeros((len(means), 1))
        found = np.empty((len(means), len(self.order)))
        found[:, self.order] = np.diff(np.concatenate([ends, below, ends + 1], axis=1), axis=1)
        return np.maximum(found, 0.0)


@dataclass(frozen=True, slots=True)
class HeadRows:
    """The rows in which one head counts."""

    known: Floats  # (n, scores) standardised
    target: Ints  # (n,) tokens
    tokens: int
    places: Floats | None  # (tokens,) if they have an order
    entities: Ints  # (n,)
    threshold: int  # entities that a label needs for means of its own

    def take(self, rows: NDArray[np.bool_]) -> HeadRows:
        """Some of the rows."""
        return replace(
            self,
            known=self.known[rows],
            target=self.target[rows],
            entities=self.entities[rows],
        )

    @property
    def frequencies(self) -> Floats:
        """(tokens,) shares; without any row every token is as likely."""
        counted = np.bincount(self.target, minlength=self.tokens).astype(np.float64)
        return counted / counted.sum() if counted.sum() else np.full(self.tokens, 1 / self.tokens)


def fit_head(rows: HeadRows) -> HeadFit:
    """Learn one head with the shrinkage under which entities put aside are likeliest."""
    make = _labels if rows.places is None else _ordered
    mean = rows.known.mean(axis=0) if len(rows.known) else np.zeros(rows.known.shape[1])
    rows = replace(rows, known=rows.known - mean)
    aside = rows.entities % ASIDE == 0
    if aside.all() or not aside.any() or rows.known.shape[1] == 0:
        return _moved(make(rows, _Moments.of(rows), 1.0), mean)
    learned, others = rows.take(~aside), rows.take(aside)
    moments = _Moments.of(learned)
    losses = [_loss(make(learned, moments, s), others) for s in SHRINKAGE]
    return _moved(make(rows, _Moments.of(rows), SHRINKAGE[int(np.argmin(losses))]), mean)


def _moved(head: HeadFit, mean: Floats) -> HeadFit:
    """Take a head that was learned on centred scores back to where they are."""
    return replace(head, offsets=head.offsets - mean @ head.weights)


def _loss(head: HeadFit, rows: HeadRows) -> float:
    """Negative mean log-likelihood of rows."""
    total = 0.0
    for start in range(0, len(rows.target), 4096):
        part = slice(start, start + 4096)
        shares = head.shares(head.offsets + rows.known[part] @ head.weights)
        own = shares[np.arange(len(shares)), rows.target[part]]
        total -= float(np.log(np.maximum(own, 1e-4)).sum())
    return total / len(rows.target)


@dataclass(frozen=True, slots=True)
class _Moments:
    """The correlations of the scores, taken apart once for every shrinkage."""

    values: Floats  # eigenvalues of R, (scores,)
    vectors: Floats

    @staticmethod
    def of(rows: HeadRows) -> _Moments:
        matrix = rows.known.T @ rows.known / max(len(rows.known), 1)
        scale = np.sqrt(np.maximum(np.diag(matrix), 1e-9))
        values, vectors = np.linalg.eigh(matrix / scale[:, None] / scale)
        return _Moments(np.maximum(values, 0.0), vectors)

    def solve(self, towards: Floats, shrinkage: float) -> Floats:
        """R^-1 times (scores, outputs), both shrunk."""
        values = (1.0 - shrinkage) * self.values + shrinkage
        turned = self.vectors.T @ towards * (1.0 - shrinkage)
        found: Floats = self.vectors @ (turned / values[:, None])
        return found


def _ordered(rows: HeadRows, moments: _Moments, shrinkage: float) -> HeadFit:
    """A latent variable, cut where the tokens' frequencies say."""
    assert rows.places is not None
    order = np.argsort(np.where(np.isnan(rows.places), -np.inf, rows.places), kind="stable")
    shares = rows.frequencies[order]
    below = np.concatenate([[0.0], np.cumsum(shares)]).clip(0.0, 1.0)
    density = np.array([_NORMAL.pdf(c) for c in quantile(below)])
    density[[0, -1]] = 0.0
    latent = np.zeros(rows.tokens)  # the mean of the latent variable where a token is drawn
    latent[order] = (density[:-1] - density[1:]) / np.maximum(shares, 1e-12)
    own = latent[rows.target]
    # Cov(x, z) = Cov(x, E[z | token]) / Var(E[z | token]), to the first order.
    varies = float(own @ own) / max(len(own), 1)
    towards = (rows.known.T @ own / max(len(own), 1) / max(varies, LEAST_VARIANCE))[:, None]
    weights = moments.solve(towards.clip(-1.0, 1.0), shrinkage)
    means = rows.known @ weights
    explained = float((means**2).sum()) / max(len(means), 1)
    weights *= min(1.0, np.sqrt(MOST_EXPLAINED / max(explained, 1e-12)))
    spread = float(np.sqrt(1.0 - min(explained, MOST_EXPLAINED)))
    cuts = _cuts(rows.known @ weights, spread, below[1:-1])
    return HeadFit(weights, np.zeros(1), order.astype(np.int64), cuts, spread)


def _cuts(means: Floats, spread: float, below: Floats) -> Floats:
    """Where to cut so that rows with these means have the tokens' frequencies."""
    if not len(means):
        return quantile(below)
    sure = np.sort(means[:, 0])
    # The mixture of normal variables around the means, as a sample in which none is drawn.
    nodes = quantile((np.arange(32) + 0.5) / 32) * spread
    some = sure[np.linspace(0, len(sure) - 1, min(len(sure), 4096)).astype(np.int64)]
    found: Floats = np.quantile((some[:, None] + nodes).ravel(), below)
    found[below <= 0.0], found[below >= 1.0] = -np.inf, np.inf
    return found


def _labels(rows: HeadRows, moments: _Moments, shrinkage: float) -> HeadFit:
    """Discriminants: a label's odds grow with how much a row is like the label's other rows."""
    counted = np.bincount(rows.target, minlength=rows.tokens)
    sums = np.zeros((rows.known.shape[1], rows.tokens))
    np.add.at(sums.T, rows.target, rows.known)
    means = sums / np.maximum(counted, 1)
    pairs = np.unique(np.stack([rows.target, rows.entities], axis=1), axis=0)
    support = np.bincount(pairs[:, 0], minlength=rows.tokens)
    means[:, support < rows.threshold] = 0.0
    weights = moments.solve(means, shrinkage)
    with np.errstate(divide="ignore"):
        offsets = np.log(rows.frequencies) - 0.5 * (means * weights).sum(axis=0)
    head = HeadFit(weights, offsets, np.zeros(0, np.int64), np.zeros(0), 1.0)
    return _balanced(head, rows)


def _balanced(head: HeadFit, rows: HeadRows) -> HeadFit:
    """Move offsets until the labels of these rows are as frequent as they should be."""
    wanted = rows.frequencies
    some = rows.known[:: max(1, len(rows.known) // 4096)] @ head.weights
    for _ in range(BALANCED if len(some) else 0):
        found = head.shares(some + head.offsets).mean(axis=0)
        step = np.log(np.maximum(wanted, 1e-12)) - np.log(np.maximum(found, 1e-12))
        head = replace(head, offsets=np.where(wanted > 0, head.offsets + step, -np.inf))
    return head
