"""What a row knows of all the siblings before it: means, spread, extremes, and labels seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dbsynth.features import Features, Floats, Ints
from dbsynth.mapped import rest
from dbsynth.resting import room
from dbsynth.rows import Layout

State = NDArray[np.float32]
PIECE = 16_384  # rows, at least, whose state is worked out at once


@dataclass(frozen=True)
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

    def state(self, rows: Features, first: Ints, *, rests: bool = False) -> State:
        """
        The state of (n,) rows, siblings together and in order.

        Args:
            rows: (n,) what networks see of them.
            first: (n,) row number of each row's first sibling.
            rests: the state of many rows lies in a file.
        """
        found: State = (room if rests else np.empty)((len(rows), self.width), np.float32)
        for start, stop in _pieces(first):
            found[start:stop] = self._state(rows.part(start, stop), first[start:stop] - start)
            if rests:
                rest()
        return found

    def _state(self, rows: Features, first: Ints) -> State:
        index = np.arange(len(rows)) - first
        sums = self._summands(rows)
        total = np.cumsum(sums, axis=0) - sums
        total -= total[first]
        low, high = (_running(sign * rows.floats.astype(np.float64), index) for sign in (-1, 1))
        return self._shown(total, -low, high, index)

    def start(self, groups: int, asked: NDArray[np.bool_] | None = None) -> Tally:
        """
        Begin to sum up the siblings of so many owners, of whom no row is known.

        Args:
            groups: so many.
            asked: (width,) which columns of the state will be asked for; None: all.
        """
        every = np.ones(self.width, np.bool_) if asked is None else asked
        *kinds, shares, is_there = np.split(every, self._ends)
        level, square, low, high = (np.flatnonzero(k) for k in kinds)
        return Tally(
            self,
            _rows(np.union1d(level, square), groups, 0.0), _rows(square, groups, 0.0),
            _rows(low, groups, np.inf), _rows(high, groups, -np.inf),
            _rows(np.flatnonzero(shares | is_there), groups, 0.0),
        )  # fmt: skip

    @property
    def width(self) -> int:
        """How many columns a state has."""
        return 4 * self.floats + 2 * sum(k for _, k in self.labels)

    @cached_property
    def places(self) -> list[tuple[int, int]]:
        """(code, label) of all labels that are counted, in order."""
        return [(code, label) for code, count in self.labels for label in range(count)]

    @property
    def _ends(self) -> list[int]:
        ends = [(i + 1) * self.floats for i in range(4)]
        return [*ends, ends[-1] + sum(k for _, k in self.labels)]

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


def _pieces(first: Ints) -> Iterator[tuple[int, int]]:
    """Cut (n,) rows where siblings begin, so that what is worked out of a piece stays small."""
    begins = np.flatnonzero(first == np.arange(len(first)))
    start = 0
    while start < len(first):
        after = begins[np.searchsorted(begins, start + PIECE) :]
        stop = int(after[0]) if len(after) else len(first)
        yield start, stop
        start = stop


Sums = dict[int, NDArray[np.float32]]  # column -> (groups,)


@dataclass(slots=True)
class Tally:
    """The state of siblings in the making, an owner at a time; changes in place."""

    summary: Summary
    level: Sums  # of floats
    square: Sums
    low: Sums
    high: Sums
    counts: Sums  # of labels, those of all codes one after another

    def add(self, groups: Ints, rows: Features, *, is_once: bool = False) -> None:
        """Sum up rows that have been drawn; (n,) groups, each at most once or not."""
        for column, sums in self.level.items():
            _add(sums, groups, rows.floats[:, column], is_once)
        for column, sums in self.square.items():
            _add(sums, groups, rows.floats[:, column] ** 2, is_once)
        for extremes, least in ((self.low, np.minimum), (self.high, np.maximum)):
            for column, sums in extremes.items():
                if is_once:
                    sums[groups] = least(sums[groups], rows.floats[:, column])
                else:
                    least.at(sums, groups, rows.floats[:, column])
        labels = self.summary.places
        for number, sums in self.counts.items():
            code, label = labels[number]
            here = groups[rows.codes[:, code] == label]
            _add(sums, here, np.float32(1), is_once)

    def column(self, number: int, groups: Ints, seen: int) -> State:
        """One column of the state of the next rows of (n,) groups, of which so many came."""
        floats, labels = self.summary.floats, len(self.summary.places)
        if seen == 0:
            return np.zeros(len(groups), np.float32)
        share = np.float32(1 / seen)
        if number >= 4 * floats:
            number -= 4 * floats
            found = self.counts[number % labels][groups]
            return found * share if number < labels else (found > 0).astype(np.float32)
        part, number = divmod(number, floats)
        if part > 1:
            return (self.low, self.high)[part - 2][number][groups]
        level = self.level[number][groups] * share
        if part == 0:
            return level
        return np.sqrt(np.maximum(self.square[number][groups] * share - level**2, 0.0))

    def state(self, groups: Ints, seen: int) -> State:
        """The state of the next rows of (n,) groups, of each of which so many were added."""
        columns = [self.column(number, groups, seen) for number in range(self.summary.width)]
        return np.stack(columns, axis=1) if columns else np.zeros((len(groups), 0), np.float32)


def _rows(columns: NDArray[np.integer[Any]], groups: int, start: float) -> Sums:
    return {int(c): np.full(groups, start, np.float32) for c in columns}


def _add(sums: State, groups: Ints, values: State | np.float32, is_once: bool) -> None:
    if is_once:
        sums[groups] += values
    else:
        np.add.at(sums, groups, values)


def _running(values: Floats, index: Ints) -> Floats:
    """The highest of each float over earlier siblings; (n, k) within -1 to 1, -inf for none."""
    group = np.cumsum(index == 0)[:, None] * 4.0  # steps that no float can make up for
    highest = np.maximum.accumulate(values + group, axis=0) - group if len(values) else values
    earlier = np.roll(highest, 1, axis=0)
    earlier[index == 0] = -np.inf
    return earlier
