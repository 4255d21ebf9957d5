"""The parts of a network made ready to draw: heads and tables of shares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dbsynth.features import Floats, Ints
from dbsynth.model.hearing import Array, Place

NEVER = -1e4  # of which nothing is left in 32 bits
FAR = 60.0  # the greatest logarithm of odds; a sum of many such ends far from 32 bits' limit
MOST_ALIASES = 1 << 15  # shares of a table that are made ready to draw without searching


@dataclass(frozen=True, slots=True)
class HeadWeights:
    """One head without its silent units; a first units, b second ones."""

    condition: Array  # (condition, a); 0 for what it does not listen to
    slots: Array  # (widths of the slots before it, a); as well
    first: Array  # (a,) bias
    second: Array  # (a, b)
    second_bias: Array  # (b,)
    out: Array  # (a + b, tokens)
    bias: Array  # (tokens,)


class Table:
    """A head that listens to nothing but a few codes: its shares are known before."""

    def __init__(self, codes: Sequence[Place], cards: Sequence[int], odds: Array) -> None:
        """Remember (tokens, kinds) odds; the last code changes quickest from kind to kind."""
        self.codes = tuple(codes)
        self.steps = [math.prod(cards[i + 1 :]) for i in range(len(cards))]
        self._odds = odds
        self._is_small = odds.size <= MOST_ALIASES  # aliases take longer to make than curves
        self._known: dict[tuple[int, ...], tuple[Floats, Ints]] = {}

    def odds(self, kinds: Ints, banned: tuple[int, ...]) -> Array:
        """(tokens, n) odds of rows of these kinds, 0 for banned tokens."""
        odds = self._odds[:, kinds]
        odds[list(banned)] = 0.0
        return odds

    def draw(self, kinds: Ints, uniforms: Floats, banned: tuple[int, ...]) -> Ints:
        """Draw (n,) tokens."""
        if banned not in self._known:
            odds = self._odds.T.astype(np.float64)
            odds[:, list(banned)] = 0.0
            self._known[banned] = aliases(odds) if self._is_small else curves(odds)
        draw_by = draw_by_alias if self._is_small else draw_by_curve
        return draw_by(*self._known[banned], kinds, uniforms)


def curves(odds: Floats) -> tuple[Floats, Ints]:
    """Add up (kinds, tokens) odds, those of a kind from its number on; each kind's last token."""
    total = odds.cumsum(axis=1)
    total = total / total[:, -1:] + np.arange(len(total))[:, None]
    return total, odds.shape[1] - 1 - np.argmax(odds[:, ::-1] > 0, axis=1)


def draw_by_curve(curve: Floats, last: Ints, kinds: Ints, uniforms: Floats) -> Ints:
    """Draw (n,) tokens by inverse CDF."""
    places = np.searchsorted(curve.ravel(), kinds + uniforms, "right")
    tokens: Ints = np.minimum(places - kinds * curve.shape[1], last[kinds])
    return tokens


def aliases(odds: Floats) -> tuple[Floats, Ints]:
    """
    Divide (kinds, tokens) odds into as many equal shares, each of two tokens at most.

    Source: Walker 1977; poor tokens are filled up from the richest one after another.

    Returns:
        (kinds, tokens) which part of a share is its own token's, and which token has the rest.
    """
    left = odds / odds.sum(axis=1, keepdims=True) * odds.shape[1]
    own, other = np.ones_like(left), np.tile(np.arange(odds.shape[1]), (len(odds), 1))
    rows, is_open = np.arange(len(odds)), np.ones(odds.shape, bool)
    for _ in range(odds.shape[1] - 1):
        poor = np.where(is_open, left, np.inf).argmin(axis=1)
        rich = np.where(is_open, left, -np.inf).argmax(axis=1)
        lack = 1.0 - left[rows, poor]
        needs = lack > 0
        own[rows[needs], poor[needs]] -= lack[needs]
        other[rows[needs], poor[needs]] = rich[needs]
        left[rows[needs], rich[needs]] -= lack[needs]
        is_open[rows, poor] = False
    own[odds == 0] = 0.0
    return own, other


def draw_by_alias(own: Floats, other: Ints, kinds: Ints, uniforms: Floats) -> Ints:
    """Draw (n,) tokens, each by two numbers that are looked up."""
    inside = uniforms * own.shape[1]
    tokens = inside.astype(np.int64)
    inside -= tokens
    places = kinds * own.shape[1]
    places += tokens
    found: Ints = np.where(inside < own.ravel()[places], tokens, other.ravel()[places])
    return found


class Head:
    """One head's last weights as drawing wants them."""

    def __init__(self, weights: HeadWeights) -> None:
        self.second, self.second_bias = np.ascontiguousarray(weights.second), weights.second_bias
        self.out, self.bias = weights.out, weights.bias
        self.units = len(weights.first)
        self.is_constant = not len(self.out)
        self._known: dict[tuple[int, ...], Array] = {}

    def odds(self, own: Array, banned: tuple[int, ...]) -> Array:
        """
        What each token's share is in proportion to; 0 for banned ones.

        Args:
            own: (n, units) what the condition and the slots before say.
            banned: tokens.

        Returns:
            (tokens, n).
        """
        if self.is_constant:
            return np.repeat(self.certain(banned)[:, None], len(own), axis=1)
        first, all_ = self.units, self.out.shape[0]
        hidden = np.empty((len(own), all_ + 1), np.float32)
        np.maximum(own, 0.0, out=hidden[:, :first])
        if all_ > first:
            more = np.matmul(hidden[:, :first], self.second)
            more += self.second_bias
            np.maximum(more, 0.0, out=hidden[:, first:all_])
        hidden[:, all_] = 1.0
        odds = np.matmul(self._out(banned), hidden.T)
        if odds.size and odds.max() > FAR:
            odds -= np.maximum(odds.max(axis=0) - FAR, 0.0)
        found: Array = np.exp(odds, out=odds)
        return found

    def certain(self, banned: tuple[int, ...]) -> Array:
        """(tokens,) the same of a head to which nothing makes a difference."""
        found: Array = np.exp(self._out(banned)[:, -1])
        return found

    def _out(self, banned: tuple[int, ...]) -> Array:
        """The (tokens, units + 1) last weights, and what each token begins with."""
        if banned not in self._known:
            bias = self.bias.astype(np.float32)
            bias[list(banned)] = NEVER
            # Odds need no common scale: the greatest is brought near one where nothing is known.
            whole = np.concatenate([self.out, (bias - bias.max())[None]]).T
            whole[list(banned), :-1] = 0.0
            self._known[banned] = np.ascontiguousarray(whole)
        return self._known[banned]
