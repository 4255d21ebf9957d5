"""
Rows of a series tied to the row before: what chance adds to one is near what it added to the last.

A network says how each value is distributed at a moment.  Drawn independently, neighbours would
have nothing in common but the moment; so their uniforms are the ranks of a process that forgets
slowly.  What rows are like one by one stays as it was learned.

Source: a Gaussian copula along time (Joe, Multivariate Models and Dependence Concepts, 1997,
section 8.1) of an autoregression of first order, over the distributions that a network gives.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from dbsynth.features import Floats, Ints
from dbsynth.model.base import FitTask, RowModel, Telling
from dbsynth.series import apart
from dbsynth.steering import drawn

BLOCK = 256  # moments that are gone through one after another, all blocks side by side
WINDOW = 128  # rows among which each value is as often as any
LEAST_ROWS, MOST_ROWS = 131_072, 524_288  # that are drawn together
CLOSEST = 0.9995
WORTH = 0.02  # of a correlation that the moments alone do not bring
HALVINGS = 8
COMPARED_ROWS = 12_000
FEWEST_PAIRS = 200


@dataclass(frozen=True, slots=True)
class Beside:
    """How many steps each of (n,) rows is after the one before in its series; inf for none."""

    steps: Floats
    order: Ints | None = None  # (n,) the rows by series and moment; None: as they stand

    def uniforms(self, tie: float, rng: np.random.Generator) -> Floats:
        """(n,) ranks, each value as often, of which neighbours are correlated: by `tie` a step."""
        rows = len(self.steps)
        kept = np.where(np.isfinite(self.steps), tie ** np.minimum(self.steps, 1e6), 0.0)
        kept[:1] = 0.0
        noise = rng.standard_normal(rows) * np.sqrt(1.0 - kept**2)
        # Ranks among the rows of some time: a long mood would make one season look like another.
        windows = max(1, rows // WINDOW)
        own = np.arange(rows) * windows // max(rows, 1)
        order = np.lexsort((_carried(kept, noise), own))
        first = np.searchsorted(own, np.arange(windows))
        sizes = np.diff(np.append(first, rows))
        found = np.empty(rows)
        order = order if self.order is None else self.order[order]
        found[order] = (np.arange(rows) - first[own] + rng.random(rows)) / sizes[own]
        return found


@dataclass(frozen=True, slots=True)
class Laid:
    """Rows of series before they are drawn."""

    column: str  # when they are
    parents: Ints  # (n,) ascending: whose series they are
    step: float
    ties: tuple[float, ...]  # of each head
    moments: Floats | None = None  # (n,) seconds, if they are laid out

    def part(self, start: int, stop: int) -> Laid:
        """Some of the rows."""
        moments = None if self.moments is None else self.moments[start:stop]
        return replace(self, parents=self.parents[start:stop], moments=moments)

    def beside(self, moments: Floats) -> Beside:
        """Who stands beside whom, given when rows are."""
        order = np.lexsort((moments, self.parents))
        return Beside(apart(self.step, moments[order], self.parents[order]), order)


def pieces(parents: Ints) -> list[tuple[int, int]]:
    """Cut (n,) rows of ascending parents so that series stay whole, unless they are very long."""
    found, begin = [], 0
    starts = np.flatnonzero(np.diff(parents, prepend=-2))
    for stop in [*starts[1:].tolist(), len(parents)]:
        while stop - begin > MOST_ROWS:
            found.append((begin, begin + MOST_ROWS))
            begin += MOST_ROWS
        if stop - begin >= LEAST_ROWS or (stop == len(parents) and stop > begin):
            found.append((begin, stop))
            begin = stop
    return found


def ordered(shares: Floats, places: Floats | None, uniforms: Floats) -> Ints:
    """Draw (n,) tokens by inverse CDF in the order of (tokens,) places; NULL comes first."""
    if places is None:
        return drawn(shares, uniforms)
    order = np.argsort(np.where(np.isnan(places), -np.inf, places), kind="stable")
    return order[drawn(shares[:, order], uniforms)]


def fit_ties(model: RowModel, task: FitTask, order: Ints, steps: Floats) -> tuple[float, ...]:
    """
    Learn how closely rows are tied, for each head: as real neighbours agree, given the rest.

    Args:
        model: trained on the task.
        task: the rows.
        order: (n,) the rows by series and moment.
        steps: (n,) in this order, see `Beside`.

    Returns:
        by how much a step is correlated with the last, 0 where moments explain it all.
    """
    order, beside = order[:COMPARED_ROWS], Beside(steps[:COMPARED_ROWS])
    found = [0.0] * len(task.heads)
    for head, shares in _told(model, task, order):
        tokens, places = task.targets[head][order], task.places[head]
        found[head] = _Tie(shares, places, beside, task.seed + head).as_of(tokens)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Tie:
    """One head of rows in order, all but its tokens known."""

    shares: Floats  # (n, tokens)
    places: Floats | None
    beside: Beside
    seed: int

    def as_of(self, tokens: Ints) -> float:
        """The tie by which neighbours agree as those of (n,) real tokens do."""
        wanted = self._agreement(tokens)
        if not np.isfinite(wanted) or wanted < self._reached(0.0) + WORTH:
            return 0.0
        low, high = 0.0, 8.0  # logarithms of how many steps are remembered, about
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            is_enough = self._reached(_tie(middle)) >= wanted
            low, high = (low, middle) if is_enough else (middle, high)
        return round(min(_tie((low + high) / 2), CLOSEST), 4)

    def _reached(self, tie: float) -> float:
        uniforms = self.beside.uniforms(tie, np.random.default_rng(self.seed))
        return self._agreement(ordered(self.shares, self.places, uniforms))

    def _agreement(self, tokens: Ints) -> float:
        """Correlation of the ranks of neighbours, or how often labels agree; NaN of too few."""
        here = np.flatnonzero(np.isfinite(self.beside.steps))
        if len(here) < FEWEST_PAIRS:
            return np.nan
        if self.places is None:
            return float((tokens[here] == tokens[here - 1]).mean())
        values = np.where(np.isnan(self.places), -np.inf, self.places)[tokens]
        distinct, own, counted = np.unique(values, return_inverse=True, return_counts=True)
        if len(distinct) < 2:
            return np.nan
        ranks = (np.cumsum(counted) - counted / 2)[own]
        return float(np.corrcoef(ranks[here], ranks[here - 1])[0, 1])


def _tie(logarithm: float) -> float:
    """From 0, nothing is remembered, to nearly 1."""
    return float(1.0 - np.exp(-logarithm))


def _told(model: RowModel, task: FitTask, order: Ints) -> Iterator[tuple[int, Floats]]:
    """How likely each head finds each token of some rows, given what is real of the others."""
    session = model.begin(task.condition.take(order))
    if not isinstance(session, Telling):
        return
    for slot, features in enumerate(task.slots):
        for head, (own, _) in enumerate(task.heads):
            if own == slot and (task.targets[head][order] >= 0).all():
                yield head, session.shares(head)
        session.see(slot, features.take(order))


def _carried(kept: Floats, noise: Floats) -> Floats:
    """What becomes of x[t] = kept[t] x[t - 1] + noise[t], block by block."""
    rows = len(noise)
    blocks = -(-rows // BLOCK)
    padded = np.zeros((2, blocks * BLOCK))
    padded[0, :rows], padded[1, :rows] = kept, noise
    k, own = padded.reshape(2, blocks, BLOCK)
    left = np.empty_like(k)  # how much of what comes before a block is left
    found = np.empty_like(own)
    before, now = np.ones(blocks), np.zeros(blocks)
    for step in range(BLOCK):
        now = k[:, step] * now + own[:, step]
        before = before * k[:, step]
        found[:, step], left[:, step] = now, before
    carry = 0.0
    for block in range(blocks):
        found[block] += left[block] * carry
        carry = found[block, -1]
    return found.ravel()[:rows]
