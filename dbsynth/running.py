"""What a row knows of all the siblings before it: means, spread, extremes, and labels seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

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
        nothing = np.zeros((groups, self.floats), np.float32)
        counts = np.zeros((groups, sum(k for _, k in self.labels)), np.float32)
        extremes = nothing + np.float32(np.inf), nothing - np.float32(np.inf)
        return Tally(self, nothing, nothing.copy(), *extremes, counts)

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
    level: State  # (groups, floats) sums
    square: State  # (groups, floats) sums of squares
    low: State  # (groups, floats)
    high: State
    counts: State  # (groups, labels of all codes)

    def add(self, groups: Ints, rows: Features, *, is_once: bool = False) -> None:
        """Sum up rows that have been drawn; (n,) groups, each at most once or not."""
        floats = rows.floats
        places = [rows.codes[:, code] + start for (code, _), start in self._labels()]
        if is_once:
            self.level[groups] += floats
            self.square[groups] += floats**2
            self.low[groups] = np.minimum(self.low[groups], floats)
            self.high[groups] = np.maximum(self.high[groups], floats)
            for place in places:
                self.counts[groups, place] += 1
            return
        np.add.at(self.level, groups, floats)
        np.add.at(self.square, groups, floats**2)
        np.minimum.at(self.low, groups, floats)
        np.maximum.at(self.high, groups, floats)
        for place in places:
            np.add.at(self.counts, (groups, place), 1)

    def state(self, groups: Ints, seen: int) -> State:
        """The state of the next rows of (n,) groups, of each of which so many were added."""
        floats, labels = self.summary.floats, self.counts.shape[1]
        shown = np.zeros((len(groups), 4 * floats + 2 * labels), np.float32)
        if seen == 0:
            return shown
        share = np.float32(1 / seen)
        level, spread, low, high = (shown[:, i * floats : (i + 1) * floats] for i in range(4))
        np.multiply(self.level[groups], share, out=level)
        np.multiply(self.square[groups], share, out=spread)
        spread -= level**2
        np.sqrt(np.maximum(spread, 0.0, out=spread), out=spread)
        low[:], high[:] = self.low[groups], self.high[groups]
        shares = shown[:, 4 * floats : 4 * floats + labels]
        np.multiply(self.counts[groups], share, out=shares)
        shown[:, 4 * floats + labels :] = shares > 0
        return shown

    def _labels(self) -> Iterator[tuple[tuple[int, int], int]]:
        """Each code that is counted, and where its labels begin."""
        ends = accumulate((k for _, k in self.summary.labels), initial=0)
        return zip(self.summary.labels, ends, strict=False)


def _running(values: Floats, index: Ints) -> Floats:
    """The highest of each float over earlier siblings; (n, k) within -1 to 1, -inf for none."""
    group = np.cumsum(index == 0)[:, None] * 4.0  # steps that no float can make up for
    highest = np.maximum.accumulate(values + group, axis=0) - group if len(values) else values
    earlier = np.roll(highest, 1, axis=0)
    earlier[index == 0] = -np.inf
    return earlier
