"""
Draw rows so that some of them become more or less frequent, and everything with them.

A row is drawn as ever, and kept with a probability in proportion to its weight; else it is drawn
anew, under the same condition.  What results is the learned distribution tilted by the weights: all
columns of the row move together, and given the value nothing changes (rejection sampling, von
Neumann 1951; with weights of wished over actual shares it is the prior shift of Saerens, Latinne
and Decaestecker 2002).  Where acceptance is rare, the last choice is among rows of which some were
forced to be of the wanted kind, each weighted with how likely that was (sampling importance
resampling, Rubin 1988).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dbsynth.again import Beside
from dbsynth.aims import Aim
from dbsynth.conditions import Siblings
from dbsynth.criteria import Flags
from dbsynth.draw import Drawing
from dbsynth.encode import DatetimeColumn, Head
from dbsynth.features import Features, Floats, Ints
from dbsynth.keys import stratified, to_total
from dbsynth.lateness import Order
from dbsynth.logistic import Logistic
from dbsynth.model.base import Session, Telling
from dbsynth.rows import Slot, Values, blank, order_column
from dbsynth.schema import TableName

QUICK_TIMES = 2  # how often rows are drawn anew if they can be forced afterwards
LONG_TIMES, LONG_ROUNDS = 16, 4  # how often, and again, if not
SLACK = 0.05  # standard deviations by which counts may be off before rows are moved
FREE, FORCED = 3, 6  # candidates, of which one is chosen
TRIES = 4  # of moving rows to the cell that lacks most
POOL = 12  # rows looked at for each one that is to change its cell
WORTH = np.log(3.0)  # forcing begins at such a ratio of weights
BUCKETS = 16  # of places among siblings: 0, 1-2, 3-6, 7-14, …


@dataclass
class Goal:
    """What is wanted of a target in the rows that carry it, and what was reached so far."""

    aim: Aim
    logs: Floats  # (cells,) logarithms of weights
    profile: Floats | None = None  # (buckets, cells) shares to reach; None: as the weights lead
    counts: Floats = field(init=False)  # (buckets, cells) rows so far
    wanted: Floats = field(init=False)  # (cells,) rows that should be there by now

    def __post_init__(self) -> None:
        """Start at nothing."""
        self.counts = np.zeros((BUCKETS, self.aim.cells))
        self.wanted = np.zeros(self.aim.cells)

    @property
    def lacking(self) -> Floats:
        """How many rows each cell has too few, by now."""
        lack: Floats = self.wanted - self.counts.sum(axis=0)
        return lack

    @property
    def heaviest(self) -> int | None:
        """The cell worth forcing rows into; None if no cell is."""
        cell = int(np.argmax(self.logs))
        known = self.logs[np.isfinite(self.logs)]
        is_worth = len(known) < len(self.logs) or self.logs[cell] - known.min() > WORTH
        return cell if is_worth and self.aim.allowed[cell] else None


@dataclass(frozen=True)
class Score:
    """How much weight rows deserve for what will hang on them."""

    likely: Logistic  # the share of each cell among the rows below
    weights: Floats  # (cells,)
    bound: float

    def of(self, features: Features) -> Floats:
        """Weights of (n,) rows, at most 1."""
        found: Floats = np.minimum(self.likely.shares(features) @ self.weights / self.bound, 1.0)
        return found


@dataclass
class Tilt:
    """What moves the rows of one part of a table."""

    goals: list[Goal] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)


Tilts = dict[tuple[TableName, str], Tilt]  # by table and part of its model


def drawing(tilt: Tilt | None) -> Callable[..., Drawing]:
    """What draws rows, with a tilt if there is one."""
    return Drawing if tilt is None else partial(TiltedDrawing, tilt=tilt)


def bucket(index: Ints) -> Ints:
    """Sort (n,) places among siblings into a few kinds."""
    found: Ints = np.log2(index + 1).astype(np.int64).clip(max=BUCKETS - 1)
    return found


def fitting(capacity: Ints, kinds: Ints, parent_kinds: Ints, rng: np.random.Generator) -> Ints:
    """
    Give the parents of each kind together as many children as rows ask for that kind.

    Args:
        capacity: (m,) how many children each parent would have.
        kinds: (n,) the kind that each row asks for, -1 for none.
        parent_kinds: (m,).
        rng: breaks ties.
    """
    found = capacity.copy()
    asked = np.bincount(kinds[kinds >= 0], minlength=int(parent_kinds.max(initial=0)) + 1)
    for kind in np.unique(parent_kinds):
        here = np.flatnonzero(parent_kinds == kind)
        found[here] = to_total(capacity[here], int(asked[kind]), rng)
    return found


@dataclass
class TiltedDrawing(Drawing):
    """The rows of one chunk in the making, some of them more often than was learned."""

    tilt: Tilt = field(kw_only=True)
    is_telling: bool = field(default=False, init=False)  # whether the engine tells what is likely

    @cached_property
    def order(self) -> Order:
        """Rows are judged when they are whole: nothing waits."""
        return Order.plain(self.part.layout.slots)

    def _in_steps(self) -> None:
        """Rows are drawn again, one by one."""

    def _batches(self) -> Iterator[Ints]:
        """One sibling a step where each is measured from the one before."""
        is_measured = any(h.phase == "later" for s in self.slots for h in s.heads)
        if not is_measured or len(self.siblings.index) == 0:
            return super()._batches()
        order = np.argsort(self.siblings.index, kind="stable")
        return iter(np.split(order, np.flatnonzero(np.diff(self.siblings.index[order])) + 1))

    def _tokens(self, session: Session, number: int, slot: Slot, head: Head, rows: Ints) -> Ints:
        self.is_telling = isinstance(session, Telling)
        return super()._tokens(session, number, slot, head, rows)

    def _draw_rows(self, rows: Ints, start: int) -> None:
        super()._draw_rows(rows, start)
        seen = Features.join([self.condition.take(rows), self.features.take(rows)], len(rows))
        values = {name: data[rows] for name, data in self.values.items()}
        left = rows[~self._accepted(values, seen)]
        can_force = self.is_telling and any(g.heaviest is not None for g in self.tilt.goals)
        times = QUICK_TIMES if can_force else LONG_TIMES
        for _ in range(1 if can_force else LONG_ROUNDS):
            left = self._anew(left, start, times)
        if len(left) and can_force:
            self._choose(left, start)
        for goal in self.tilt.goals:
            self._level(goal, rows, start)

    @property
    def _is_free_to_end(self) -> bool:
        """Whether wishes are about the days on which siblings come: then no day is the last one."""
        order = order_column(self.part.layout)
        return order is not None and any(
            order.name in g.aim.names.values() for g in self.tilt.goals
        )

    def _in_time(self, column: DatetimeColumn, placed: Floats, start: Floats, rows: Ints) -> Floats:
        if self._is_free_to_end:
            return placed
        return super()._in_time(column, placed, start, rows)

    def _anew(self, rows: Ints, start: int, times: int) -> Ints:
        """Draw rows several times and keep the first that is accepted; tells which have none."""
        if len(rows) == 0:
            return rows
        trial = self._tried(rows, start, times, {})
        accepted = self._accepted(trial.values_drawn, trial.seen).reshape(len(rows), times)
        # The last one stays where none is accepted.
        first = np.where(accepted.any(axis=1), accepted.argmax(axis=1), times - 1)
        self._take(rows, trial, np.arange(len(rows)) * times + first)
        return rows[~accepted.any(axis=1)]

    def _accepted(self, values: Values, seen: Features) -> Flags:
        """Keep (n,) rows by chance, in proportion to their weights."""
        logs = self._logs(values, seen) - sum(float(g.logs.max()) for g in self.tilt.goals)
        kept: Flags = np.log1p(-self.rng.random(len(logs))) <= logs
        return kept

    def _logs(self, values: Values, seen: Features) -> Floats:
        """The logarithms of the weights of (n,) rows."""
        found = self._scored(seen)
        for goal in self.tilt.goals:
            found = found + goal.logs[goal.aim.of_values(values)]
        return found

    def _scored(self, seen: Features) -> Floats:
        """The part of the logarithms that stands for what will hang on the rows."""
        found = np.zeros(len(seen))
        for score in self.tilt.scores:
            found += np.log(np.maximum(score.of(seen), 1e-12))
        return found

    def _choose(self, rows: Ints, start: int) -> None:
        """Choose by weight among free rows, and rows that are forced into the heaviest cells."""
        wanted = [(g.aim, c) for g in self.tilt.goals if (c := g.heaviest) is not None]
        keys, trials = [], []
        forced = _meeting([aim.allowed[cell] for aim, cell in wanted])
        for allowed, times in (({}, FREE), (forced, FORCED)):
            trial = self._tried(rows, start, times, allowed)
            inside = np.ones(len(trial.mass), bool)
            for aim, cell in wanted:
                inside &= aim.of_values(trial.values_drawn) == cell
            with np.errstate(divide="ignore"):
                key = np.log(trial.mass / times) + self._logs(trial.values_drawn, trial.seen)
            key += self.rng.gumbel(size=len(key))
            key[inside != bool(allowed)] = -np.inf
            keys.append(key.reshape(len(rows), times))
            trials.append(trial)
        best = np.concatenate(keys, axis=1).argmax(axis=1)
        for trial, times, first in zip(trials, (FREE, FORCED), (0, FREE), strict=True):
            here = np.flatnonzero((best >= first) & (best < first + times))
            self._take(rows[here], trial, here * times + best[here] - first)

    def _level(self, goal: Goal, rows: Ints, start: int) -> None:
        """Move the few rows by which the counts of cells are off, those that move most easily."""
        cells = self._cells(goal, rows)
        places = bucket(self.siblings.index[rows])
        np.add.at(goal.counts, (places, cells), 1.0)
        if goal.profile is None:
            return
        goal.wanted += goal.profile[places].sum(axis=0)
        slack = SLACK * np.sqrt(goal.wanted.sum())
        for _ in range(TRIES):
            cell = int(np.argmax(goal.lacking))
            if goal.lacking[cell] < 0.5 + slack:
                break
            self._move(goal, cell, rows, start)

    def _move(self, goal: Goal, cell: int, rows: Ints, start: int) -> None:
        """Draw rows of cells that have too many anew, and keep some that fell into a cell."""
        lack, surplus = int(np.round(goal.lacking[cell])), np.round(-goal.lacking).clip(min=0)
        pool = rows[surplus[self._cells(goal, rows)] > 0]
        pool = np.sort(self.rng.permutation(pool)[: POOL * (lack + 2)])
        if len(pool) == 0:
            return
        before = self._cells(goal, pool)
        trial = self._tried(pool, start, 1, goal.aim.allowed[cell] if self.is_telling else {})
        fits = goal.aim.of_values(trial.values_drawn) == cell
        for other in self.tilt.goals:
            if other is not goal:
                fits &= other.aim.of_values(trial.values_drawn) == self._cells(other, pool)
        with np.errstate(divide="ignore"):
            key = np.log(trial.mass * fits) + self._scored(trial.seen)
        key += self.rng.gumbel(size=len(key))
        moved: list[int] = []
        for place in np.argsort(-key, kind="stable"):
            if len(moved) < lack and surplus[before[place]] > 0 and key[place] > -np.inf:
                moved.append(int(place))
                surplus[before[place]] -= 1
        index = np.array(moved, np.int64)
        self._take(pool[index], trial, index)
        places = bucket(self.siblings.index[pool[index]])
        np.add.at(goal.counts, (places, before[index]), -1.0)
        np.add.at(goal.counts, (places, np.full(len(places), cell)), 1.0)

    def _cells(self, goal: Goal, rows: Ints) -> Ints:
        names = goal.aim.names.values()
        return goal.aim.of_values({name: self.values[name][rows] for name in names})

    def _tried(self, rows: Ints, start: int, times: int, allowed: Mapping[str, Flags]) -> Trial:
        """Draw rows several times beside what stands there, `times` of a row together."""
        index = self.siblings.index[rows]
        first = self.siblings.first[rows]
        condition = self._condition(rows, np.where(index > 0, first + start - 1, -1), start)
        every = np.repeat(np.arange(len(rows)), times)
        pairs = np.repeat(rows[every], 2)
        trial = Trial(
            part=self.part,
            condition=condition.take(every),
            siblings=Siblings(self.siblings.index[pairs], self.siblings.count[pairs]),
            has_siblings=False,
            anchors={name: dates[pairs] for name, dates in self.anchors.items()},
            ends=None if self.ends is None or self._is_free_to_end else self.ends[pairs],
            knots=None,  # only looked at in conditions
            required=self.required,
            copies={name: given.take(pairs) for name, given in self.copies.items()},
            rng=self.rng,
            allowed=allowed,
        )
        trial.run(self, rows[every], start)
        return trial

    def _take(self, rows: Ints, trial: Trial, places: Ints) -> None:
        """Put rows of a trial in the place of others."""
        for name, data in self.values.items():
            data[rows] = trial.values[name][2 * places + 1]
        self.features.codes[rows] = trial.features.codes[2 * places + 1]
        self.features.floats[rows] = trial.features.floats[2 * places + 1]


@dataclass
class Trial(Drawing):
    """
    Rows beside those of a chunk: the condition is given, and only some tokens may be allowed.

    Row 2 i + 1 is drawn, row 2 i is the sibling before it.
    """

    allowed: Mapping[str, Flags] = field(kw_only=True)  # by column; others have all tokens

    def run(self, whole: TiltedDrawing, rows: Ints, start: int) -> None:
        """Draw a row for each of (n,) rows of a chunk."""
        self.whole, self.origins = whole, rows
        before = np.maximum(rows - 1, 0)
        self.values = {name: data[before].repeat(2) for name, data in whole.values.items()}
        shape = self.part.layout.shape
        self.features = Features.empty(2 * len(rows), shape.cards, shape.floats.shape[1])
        self.slots, self.done = whole.slots, 0
        self.again = Beside(
            self.part.layout.columns, self.values, whole.groups, whole=whole.again, origins=rows
        )
        self.mass = np.ones(len(rows))  # how likely what is allowed was
        self.drawn = 2 * np.arange(len(rows)) + 1
        self.above = whole.condition.take(rows) if whole.tilt.scores else Features.empty(len(rows))
        for column in self.part.layout.columns:
            is_given = isinstance(column, DatetimeColumn) and column.is_given
            own = whole.values[column.name][rows] if is_given else blank(column, len(rows))
            self.values[column.name][self.drawn] = own
        self._draw_rows(self.drawn, start)

    @cached_property
    def order(self) -> Order:
        """Rows are judged when they are whole: nothing waits."""
        return Order.plain(self.part.layout.slots)

    @property
    def values_drawn(self) -> Values:
        """(n,) working values by column name."""
        return {name: data[self.drawn] for name, data in self.values.items()}

    @property
    def seen(self) -> Features:
        """(n, ...) the chunk's condition, and the rows."""
        return Features.join([self.above, self.features.take(self.drawn)], len(self.drawn))

    def _session(self, rows: Ints, before: Ints, start: int) -> Session:
        return self.part.model.begin(self.condition)

    def _codes_above(self, rows: Ints) -> NDArray[np.integer[Any]]:
        return self.condition.codes[rows // 2]

    def _last_known(self, name: str, rows: Ints) -> Floats:
        return self.whole._last_known(name, self.origins[rows // 2])

    def _tokens(self, session: Session, number: int, slot: Slot, head: Head, rows: Ints) -> Ints:
        column = self.part.layout.columns[slot.column]
        allowed = self.allowed.get(column.name)
        if allowed is None or slot.part == "time" or not isinstance(session, Telling):
            return super()._tokens(session, number, slot, head, rows)
        flags = np.zeros(head.tokens, bool)
        flags[: len(allowed)] = allowed
        banned = self._banned(column, slot)
        flags[list(banned)] = False
        if not flags.any():
            self.mass = np.zeros(len(rows))
            return super()._tokens(session, number, slot, head, rows)
        self.mass = self.mass * session.shares(number, banned)[:, flags].sum(axis=1)
        others = tuple(np.flatnonzero(~flags).tolist())
        return session.draw(number, stratified(self.rng, len(rows)), others)


def _meeting(flags: list[Mapping[str, Flags]]) -> dict[str, Flags]:
    """The tokens that all of several targets allow."""
    found: dict[str, Flags] = {}
    for some in flags:
        for name, own in some.items():
            known = found.get(name, np.ones(len(own), bool))
            size = max(len(known), len(own))
            found[name] = np.pad(known, (0, size - len(known))) & np.pad(own, (0, size - len(own)))
    return found
