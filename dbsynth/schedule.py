"""When the rows of a chunk are: what their dates are measured from, and until when they come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dbsynth.conditions import LONG, Siblings, knot
from dbsynth.encode import LAST, DatetimeColumn, ModelledColumn, Phase
from dbsynth.features import Features, Floats, Ints
from dbsynth.rows import pace, within
from dbsynth.steering import Course
from dbsynth.values import DAY


@dataclass(frozen=True)
class Schedule:
    """What is known of when (n,) rows are, while they are drawn."""

    order: ModelledColumn | None  # the date by which siblings follow each other
    siblings: Siblings
    anchors: Mapping[str, Floats]  # dates of ancestors
    ends: Floats | None  # (n,) the day of the last sibling, if it is known
    knots: Floats | None  # (n, knots) share of the time that is over at each knot
    values: Mapping[str, Floats | Ints]  # working values, as far as they are drawn

    def pace(self, rows: Ints, before: Ints, index: Ints) -> Features:
        """How much time is left until the last sibling, where that is known."""
        order = self.order
        if self.ends is None or not isinstance(order, DatetimeColumn):
            return Features.empty(len(rows))
        earlier = self.values[order.name][np.maximum(before, 0)].astype(np.float64)
        start = np.where(before >= 0, earlier, self._given(order, rows))
        # In a block all rows see what was left, and to how many, when the block began.
        return pace(start, *self._next_knot(order, rows, int(index.min()) if len(index) else 0))

    def _next_knot(self, order: DatetimeColumn, rows: Ints, index: int) -> tuple[Floats, Ints]:
        """The day of the next knot of (n,) rows, or of the last sibling; how far ahead that is."""
        assert self.ends is not None
        count, ends = self.siblings.count[rows], self.ends[rows]
        day, ahead = ends, count - index - 1
        if self.knots is None or index == 0:
            return day, ahead
        first = self.values[order.name][rows - self.siblings.index[rows]].astype(np.float64)
        for number in range(self.knots.shape[1], 0, -1):
            at, share = knot(count, number), self.knots[rows, number - 1]
            is_next = (at > index) & np.isfinite(share) & (count >= LONG)
            day = np.where(is_next, np.floor((first + share * (ends - first)) / DAY) * DAY, day)
            ahead = np.where(is_next, at - index, ahead)
        return day, ahead

    def _given(self, column: DatetimeColumn, rows: Ints) -> Floats:
        """What the first sibling is measured from, known before the row; NaN if nothing is."""
        known = None if column.is_backward else self.anchors.get(column.anchor)
        return np.full(len(rows), np.nan) if known is None else known[rows]

    def anchor(self, column: DatetimeColumn, rows: Ints) -> Floats:
        """What a date of (n,) rows is measured from, in seconds; 0 where nothing is."""
        if column.delta is None:
            return np.zeros(len(rows))
        if column.anchor in self.values:
            start = self.values[column.anchor][rows].astype(np.float64)
        else:
            start = self.anchors[column.anchor][rows]
        is_there = np.isfinite(start)
        if is_there.all():
            return start
        if column.is_backward:
            some_day = np.floor((column.day.low + column.day.high) / 2) * DAY
            return np.where(is_there, start, some_day)
        return np.where(is_there, start, self._latest_ancestor(rows))

    def _latest_ancestor(self, rows: Ints) -> Floats:
        """The latest date of each row's ancestors: stands in for an anchor that is NULL."""
        above = [d for name, d in self.anchors.items() if name != LAST]
        dates = [np.where(np.isfinite(d[rows]), d[rows], np.nan) for d in above]
        return np.fmax.reduce(dates) if dates else np.full(len(rows), np.nan)

    def within(self, column: DatetimeColumn, placed: Floats, start: Floats, rows: Ints) -> Floats:
        """Let the last sibling come when it should, and the others not after it."""
        if self.ends is None or column.gap is None:
            return placed
        if column.delta is None or column.is_backward:  # then nothing comes before the first
            start = np.where(self.siblings.index[rows] > 0, start, np.nan)
        follow = self.siblings.count[rows] - self.siblings.index[rows] - 1
        return within(column, placed, start, self.ends[rows], follow)

    def course(self, column: DatetimeColumn, phase: Phase, rows: Ints) -> Course | None:
        """Where some rows have to be, and when; None where nobody knows, or for many at once."""
        index = self.siblings.index[rows]
        if not column.paces or self.ends is None or phase == "any" or np.ptp(index) > 0:
            return None
        ahead = self.siblings.count[rows] - index - 1
        if phase == "first":
            return Course(self.anchor(column, rows), self.ends[rows], ahead, is_first=True)
        earlier = self.values[column.name][np.maximum(rows - 1, 0)].astype(np.float64)
        # Until the last sibling, whose day is told; knots are told about.
        return Course(earlier, self.ends[rows], ahead)
