"""What one head listens to, and how what it hears is added up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from dbsynth.features import Ints

FEW = 12  # codes up to which each is looked up as what it comes to, not as an embedding
MOST_KINDS = 1 << 10  # of several codes that are looked up at once

Array = NDArray[np.float32]


class Place(NamedTuple):
    """A code or a float of the condition (slot -1), or of a slot."""

    slot: int
    number: int


@dataclass(frozen=True, slots=True)
class Part:
    """A code or a float that a head listens to."""

    place: Place
    shown: Array | None  # (card, width) a code's embedding; None: a float
    weight: Array  # (width, units)

    def is_above(self, codes: int, floats: int) -> bool:
        """Whether it is among the first so many codes and floats of the condition."""
        first = floats if self.shown is None else codes
        return self.place.slot < 0 and self.place.number < first


class Given(Protocol):
    """What is known of rows."""

    def kinds(self, codes: Sequence[Place], steps: Sequence[int]) -> Ints:
        """The sum of (n,) codes times steps."""

    def code(self, place: Place) -> Ints:
        """(n,) codes."""

    def float(self, place: Place) -> Array:
        """(n,) floats."""


class Hearing:
    """Parts, arranged so that little is multiplied."""

    def __init__(self, parts: Sequence[Part], bias: Array | None) -> None:
        """Arrange parts; the (units,) bias is added, if it is not in what they are added to."""
        self.parts, self.bias = tuple(parts), bias
        codes = [p for p in parts if p.shown is not None]
        self.products = _products(codes) if len(codes) <= FEW else []
        self.wide = [p for p in parts if p.shown is None or len(codes) > FEW]
        weights = [p.weight for p in self.wide]
        self.weight = np.ascontiguousarray(np.concatenate(weights)) if weights else None
        embeddings = (p.shown for p in self.wide)
        self._shown = [None if e is None else np.ascontiguousarray(e.T) for e in embeddings]
        if self.products and bias is not None:
            places, steps, shown = self.products[0]
            self.products[0] = places, steps, shown + bias

    def add(self, own: Array | None, given: Given, rows: int) -> Array:
        """
        Add up what (n,) rows say.

        Args:
            own: (n, units) to add it to, in place; None: the bias.
            given: what is known of the rows.
            rows: n.
        """
        for places, steps, shown in self.products:
            found = np.take(shown, given.kinds(places, steps), axis=0)
            own = found if own is None else np.add(own, found, out=own)
        if self.weight is not None:
            product = self._seen(given, rows).T @ self.weight
            if own is None and self.bias is not None:
                product += self.bias
            own = product if own is None else np.add(own, product, out=own)
        if own is None:
            assert self.bias is not None
            own = np.repeat(self.bias[None], rows, axis=0)
        return own

    def _seen(self, given: Given, rows: int) -> Array:
        """(width, n) what is multiplied."""
        assert self.weight is not None
        seen = np.empty((len(self.weight), rows), np.float32)
        start = 0
        for part, shown in zip(self.wide, self._shown, strict=True):
            if shown is None:
                seen[start] = given.float(part.place)
            else:  # codes are within bounds; saying what to do if not lets numpy write in place
                here = seen[start : start + len(shown)]
                np.take(shown, given.code(part.place), axis=1, out=here, mode="clip")
            start += len(part.weight)
        return seen


def _products(parts: Sequence[Part]) -> list[tuple[tuple[Place, ...], list[int], Array]]:
    """(codes, steps, (kinds, units) what they come to) of a few small codes at a time."""
    groups: list[list[Part]] = []
    cards = {p.place: len(p.shown) for p in parts if p.shown is not None}
    for part in sorted(parts, key=lambda p: cards[p.place]):
        kinds = math.prod(cards[p.place] for p in groups[-1]) if groups else MOST_KINDS
        if kinds * cards[part.place] <= MOST_KINDS:
            groups[-1].append(part)
        else:
            groups.append([part])
    return [_together(group) for group in groups]


def _together(parts: Sequence[Part]) -> tuple[tuple[Place, ...], list[int], Array]:
    cards = [0 if p.shown is None else len(p.shown) for p in parts]
    steps = [math.prod(cards[i + 1 :]) for i in range(len(cards))]
    nothing = np.zeros(parts[0].weight.shape[1], np.float32)
    return tuple(p.place for p in parts), steps, combined(parts, nothing)


def combined(parts: Sequence[Part], bias: Array) -> Array:
    """(kinds, units) what each combination of codes comes to; the last changes quickest."""
    shown = bias[None].astype(np.float32)
    for part in parts:
        assert part.shown is not None
        shown = (shown[:, None] + (part.shown @ part.weight)[None]).reshape(-1, len(bias))
    return shown
