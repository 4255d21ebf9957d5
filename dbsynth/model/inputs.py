"""What engines other than networks see of rows: condition and slots in one matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dbsynth.features import Features, Ints
from dbsynth.model.base import FitTask

GRID = 64  # floats are seen in steps of 1/64, so that no threshold tells a value


@dataclass(frozen=True, slots=True)
class Inputs:
    """The columns of the matrix: codes, then floats, of the condition and of each slot."""

    condition: tuple[tuple[int, ...], int]  # cardinalities of codes, number of floats
    slots: tuple[tuple[tuple[int, ...], int], ...]

    @staticmethod
    def of(task: FitTask) -> Inputs:
        """The columns of a task."""
        return Inputs(_shape(task.condition), tuple(_shape(s) for s in task.slots))

    def to_json(self) -> list[Any]:
        """As lists: the condition, then the slots."""
        return [[list(cards), floats] for cards, floats in (self.condition, *self.slots)]

    @staticmethod
    def from_json(data: Sequence[Any]) -> Inputs:
        """Rebuild from `to_json`."""
        parts = [(tuple(map(int, cards)), int(floats)) for cards, floats in data]
        return Inputs(parts[0], tuple(parts[1:]))

    @property
    def cards(self) -> Ints:
        """(columns,) cardinalities of codes, 0 for floats."""
        parts = (self.condition, *self.slots)
        return np.array([c for cards, floats in parts for c in (*cards, *[0] * floats)], np.int64)

    def before(self, slot: int) -> int:
        """How many columns are known when a slot is drawn."""
        return sum(len(c) + f for c, f in (self.condition, *self.slots[:slot]))

    def begin(self, condition: Features) -> NDArray[np.float32]:
        """Start (n, columns) with the condition; nothing is known of the slots."""
        seen = np.zeros((len(condition), self.before(len(self.slots))), np.float32)
        _put(seen, 0, condition)
        return seen

    def see(self, seen: NDArray[np.float32], slot: int, features: Features) -> None:
        """Fill in what a slot became."""
        _put(seen, self.before(slot), features)


def whole(task: FitTask) -> NDArray[np.float32]:
    """(n, columns) of rows of which everything is known."""
    inputs = Inputs.of(task)
    seen = inputs.begin(task.condition)
    for slot, features in enumerate(task.slots):
        inputs.see(seen, slot, features)
    return seen


def ranks(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn (tokens,) places into ranks from 0; NULL, infinities and NaN stand where they sort."""
    tidy = np.where(np.isnan(places), -np.inf, places)
    return np.unique(tidy, return_inverse=True)[1].astype(np.float64)


def _shape(features: Features) -> tuple[tuple[int, ...], int]:
    return features.cards, features.floats.shape[1]


def _put(seen: NDArray[np.float32], start: int, features: Features) -> None:
    codes = len(features.cards)
    seen[:, start : start + codes] = features.codes
    floats = np.round(features.floats * GRID) / GRID
    seen[:, start + codes : start + codes + floats.shape[1]] = floats
