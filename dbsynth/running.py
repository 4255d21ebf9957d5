"""What a row knows of all the siblings before it: means, spread, extremes, and labels seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dbsynth.features import Features, Floats, Ints
from dbsynth.rows import Layout

State = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Summary:
    """
    What is summed up over siblings: every float, and every label of small categories.

    A row's state is the mean, spread, lowest and highest of each float over its earlier siblings,
    and of each label how often and whether at all it came; all 0 for first siblings.
    """

    floats: int
    labels: tuple[tuple[int, int], ...]  # (position among the codes, labels)

    @staticmethod
    def of(layout: Layout) -> Summary:
        """What there is to sum up in a layout's rows."""
        return Summary(layout.shape.floats.shape[1], layout.counted)

    @property
    def _sums(self) -> int:
        return 2 * self.floats + sum(k for _, k in self.labels)

    def state(self, rows: Features, first: Ints) -> State:
        """
        The state of (n,) rows, siblings together and in order.

        Args:
            rows: (n,) what networks see of them.
            first: (n,) row number of each row's first sibling.
        """
        index = np.arange(len(rows)) - first
        sums = self._summands(rows)
        total = np.cumsum(sums, axis=0) - sums
        total -= total[first]
        low, high = (_running(sign * rows.floats.astype(np.float64), index) for sign in (-1, 1))
        return self._shown(total, -low, high, index)

    def start(self, groups: int) -> Tally:
        """Begin to sum up the siblings of so many owners, of whom no row is known."""
        nothing = np.zeros((groups, self.floats))
        return Tally(self, np.zeros((groups, self._sums)), nothing + np.inf, nothing - np.inf)

    def _summands(self, rows: Features) -> Floats:
        values = rows.floats.astype(np.float64)
        parts = [values, values**2]
        for code, labels in self.labels:
            hot = np.zeros((len(rows), labels))
            hot[np.arange(len(rows)), rows.codes[:, code]] = 1.0
            parts.append(hot)
        return np.concatenate(parts, axis=1)

    def _shown(self, total: Floats, low: Floats, high: Floats, seen: Ints) -> State:
        mean = total / np.maximum(seen, 1)[:, None]
        level, square, shares = np.split(mean, [self.floats, 2 * self.floats], axis=1)
        spread = np.sqrt(np.maximum(square - level**2, 0.0))
        none = (seen == 0)[:, None]
        extremes = [np.where(none, 0.0, x) for x in (low, high)]
        parts = [level, spread, *extremes, shares, shares > 0]
        return np.concatenate(parts, axis=1).astype(np.float32)


@dataclass(slots=True)
class Tally:
    """The state of siblings in the making, an owner at a time; changes in place."""

    summary: Summary
    total: Floats  # (groups, sums)
    low: Floats  # (groups, floats)
    high: Floats

    def add(self, groups: Ints, rows: Features) -> None:
        """Sum up rows that have been drawn; (n,) groups."""
        np.add.at(self.total, groups, self.summary._summands(rows))
        np.minimum.at(self.low, groups, rows.floats)
        np.maximum.at(self.high, groups, rows.floats)

    def state(self, groups: Ints, seen: Ints) -> State:
        """The state of the next rows of (n,) groups, of which `seen` rows have been summed up."""
        return self.summary._shown(self.total[groups], self.low[groups], self.high[groups], seen)


def _running(values: Floats, index: Ints) -> Floats:
    """The highest of each float over earlier siblings; (n, k) within -1 to 1, -inf for none."""
    group = np.cumsum(index == 0)[:, None] * 4.0  # steps that no float can make up for
    highest = np.maximum.accumulate(values + group, axis=0) - group if len(values) else values
    earlier = np.roll(highest, 1, axis=0)
    earlier[index == 0] = -np.inf
    return earlier
