"""
Learn from small databases, made in memory and thrown away, how to reach wished shares.

The first pilot is drawn as learned: it tells the actual share of each cell, and, by regression, how
the rows above a target's rows and the parents that these choose foretell its cells.  Whatever is
drawn before a target's own columns is weighted with the mean weight of the rows that will hang on
it, so that given the cell all of it stays as it was learned.  Further pilots are drawn tilted, and
correct the weights until the shares come out (iterative proportional fitting, Deming and Stephan
1940).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from dbsynth.aims import Aim
from dbsynth.conditions import ancestors, chosen_parents
from dbsynth.features import Features, Floats, Ints, climb
from dbsynth.logistic import Logistic
from dbsynth.model.base import stable_seed
from dbsynth.plan import Plan, TablePlan
from dbsynth.progress import Event, Progress
from dbsynth.sample import owner_key
from dbsynth.schema import Batch, TableName
from dbsynth.state import State
from dbsynth.tablemodel import Model
from dbsynth.targets import refuse
from dbsynth.tilt import BUCKETS, Goal, Score, Tilt, Tilts

TARGET_ROWS, ENTITIES, MOST_ROWS = 6_000, 2_000, 24_000  # of a pilot, as far as they go together
TILTED_PILOTS = 3
NEAR = 0.01  # shares that come out so near need no more correction
BOUND = 0.999  # rows of more weight than this quantile count like it
SURE = 20.0  # no weight is corrected by more than this factor at once
_ROUNDING = 1e-9  # what is left of 1 by shares that sum to it
_NOTHING_ELSE = "nothing else was learned that the other rows could be"
GAINS = 0.25, 2.0  # how far a share may have moved for each step of its weight, both logarithms

Make = Callable[[State, TablePlan], Iterator[Batch]]


class _PilotState(State):
    """A run that remembers the features of every table."""

    def is_needed(self, name: TableName) -> bool:
        """Here every table is looked at afterwards."""
        return True


@dataclass(frozen=True)
class _Seen:
    """A pilot, and which of its rows are in which cell."""

    state: State
    cells: tuple[Ints, ...]  # per aim (n,)

    def shares(self, aim: int, cells: int) -> Floats:
        """(cells,) of an aim's table."""
        counted = np.bincount(self.cells[aim], minlength=cells).astype(np.float64)
        found: Floats = counted / max(1.0, counted.sum())
        return found


def learn_tilts(
    model: Model, aims: tuple[Aim, ...], seed: int, make: Make, progress: Progress
) -> Tilts:
    """
    Find what tilt leads to the wished shares.

    Args:
        model: from `fit`.
        aims: the targets.
        seed: of the database to come.
        make: generates one table of a state.
        progress: told about pilots.

    Raises:
        UsageError: all rows would be in cells that are not to have all.
    """
    pilots = _Pilots(model, aims, seed, make, progress, _factor(model.plan, aims))
    first = pilots.drawn(0, {})
    _refuse_nothing_else(aims, first)
    goals = [
        Goal(
            aim, _logs(np.array(aim.target.shares), first.shares(n, aim.cells), len(first.cells[n]))
        )
        for n, aim in enumerate(aims)
    ]
    tilts: Tilts = {}
    for number, goal in enumerate(goals):
        tilts.setdefault((goal.aim.target.table, goal.aim.part), Tilt()).goals.append(goal)
        _add_scores(tilts, goal, first, first.cells[number], seed)
    starts = [goal.logs for goal in goals]
    for number in range(1, TILTED_PILOTS + 1):
        seen = pilots.drawn(number, tilts)
        if _correct(goals, starts, seen):
            break
    progress(Event("pilot", "", number, number))
    for goal in goals:
        goal.profile = _profile(goal.counts, np.array(goal.aim.target.shares))
        goal.counts, goal.wanted = np.zeros_like(goal.counts), np.zeros_like(goal.wanted)
    return tilts


def _refuse_nothing_else(aims: tuple[Aim, ...], seen: _Seen) -> None:
    """
    Rows that are to be in no named cell must have something that they can be.

    Raises:
        UsageError: only the named cells were learned.
    """
    refuse(
        [
            f"{', '.join(c.words for c in aim.target.cells)}: {_NOTHING_ELSE}"
            for number, aim in enumerate(aims)
            if aim.target.shares[-1] > _ROUNDING
            and len(seen.cells[number])
            and (seen.cells[number] < aim.cells - 1).all()
        ]
    )


@dataclass(frozen=True)
class _Pilots:
    model: Model
    aims: tuple[Aim, ...]
    seed: int
    make: Make
    progress: Progress
    factor: float

    def drawn(self, number: int, tilts: Tilts) -> _Seen:
        """Draw the tables that targets hang on, and sort the targets' rows into cells."""
        for tilt in tilts.values():
            for goal in tilt.goals:
                goal.counts = np.zeros_like(goal.counts)
        state = _PilotState(
            self.model, self.factor, stable_seed(self.seed, "pilot", number), {}, tilts=tilts
        )
        needed = _closure(self.model.plan, {a.target.table for a in self.aims})
        cells: list[list[Ints]] = [[] for _ in self.aims]
        for planned in self.model.plan.tables.values():
            if planned.name not in needed:
                continue
            for batch in self.make(state, planned):
                for aim, found in zip(self.aims, cells, strict=True):
                    if aim.target.table == batch.table:
                        found.append(aim.of_rows(batch.rows))
        self.progress(Event("pilot", "", number, TILTED_PILOTS + 1))
        nothing = np.zeros(0, np.int64)
        return _Seen(state, tuple(np.concatenate([*found, nothing]) for found in cells))


def _factor(plan: Plan, aims: tuple[Aim, ...]) -> float:
    """How many times the plan's rows a pilot has."""
    tables = plan.tables
    wanted = 0.0
    for aim in aims:
        planned = tables[aim.target.table]
        wanted = max(wanted, TARGET_ROWS / max(1, planned.target_rows))
        wanted = max(wanted, ENTITIES / max(1, tables[planned.root].target_rows))
    needed = _closure(plan, {a.target.table for a in aims})
    rows = sum(tables[n].target_rows for n in needed if tables[n].mode != "copy")
    return min(wanted, MOST_ROWS / max(1, rows))


def _closure(plan: Plan, names: set[TableName]) -> set[TableName]:
    """Tables, and those whose rows must be there before theirs."""
    found: set[TableName] = set()
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        found.add(name)
        keys = plan.tables[name].keys
        waiting |= {k.parent for k in keys if k.role not in ("self", "backfill")} - found
    return found


def _logs(wished: Floats, actual: Floats, rows: int) -> Floats:
    """The logarithms of wished over actual shares; what was not seen might have been half a row."""
    with np.errstate(divide="ignore"):
        found: Floats = np.log(wished) - np.log(np.maximum(actual, 0.5 / max(1, rows)))
    return found


def _add_scores(tilts: Tilts, goal: Goal, seen: _Seen, cells: Ints, seed: int) -> None:
    """Weight everything that is drawn before the goal's own columns, up to the root."""
    state, target = seen.state, goal.aim.target
    name, rows = target.table, np.arange(len(cells))
    weights = np.exp(goal.logs)
    while True:
        planned = state.plan.tables[name]
        if planned.mode != "generate":
            return
        size = state.sizes[name]
        counts = np.zeros((size, goal.aim.cells))
        np.add.at(counts, (rows[rows >= 0], cells[rows >= 0]), 1.0)
        for part in ("structure", "content"):
            if name == target.table and part in (goal.aim.part, "content"):
                continue
            rng = np.random.Generator(np.random.Philox(key=stable_seed(seed, "score", name, part)))
            score = _score(_features(state, planned, part), counts, weights, rng)
            if score is not None:
                tilts.setdefault((name, part), Tilt()).scores.append(score)
        owner = owner_key(planned)
        if owner is None:
            return
        rows = climb(rows, state.known.pointers[name][owner.name])
        name = owner.parent


def _score(
    features: Features | None, counts: Floats, weights: Floats, rng: np.random.Generator
) -> Score | None:
    """Learn how much weight rows deserve, from the cells of (n, cells) rows below them."""
    if features is None:
        return None
    children = counts.sum(axis=1)
    some = np.flatnonzero(children)
    if len(some) == 0:
        return None
    shares = counts[some] / children[some, None]
    likely = Logistic.fit(features.take(some), shares, children[some], rng)
    if likely is None:
        return None
    found = likely.shares(features) @ weights
    return Score(likely, weights, float(np.quantile(found, BOUND)))


def _features(state: State, planned: TablePlan, part: str) -> Features | None:
    """What is known of a table's rows when a part of them is drawn, and the part itself."""
    model, known = state.model.tables[planned.name], state.known
    rows = model.structure if part == "structure" else model.content
    if rows is None or not rows.layout.columns:
        return None
    pointers, whole = known.pointers[planned.name], known.features[planned.name]
    owner = owner_key(planned)
    owners = pointers[owner.name] if owner else None
    above = ancestors(state.plan, planned, owners, known)
    shape = model.structure.layout.shape if model.structure else Features.empty(0)
    codes, own = _split(whole, len(shape.cards), shape.floats.shape[1])
    if part == "structure":
        return Features.join([above, codes], len(whole))
    chosen = chosen_parents(planned, pointers, known)
    return Features.join([codes, chosen, above, own], len(whole))


def _split(features: Features, codes: int, floats: int) -> tuple[Features, Features]:
    left = Features(features.codes[:, :codes], features.floats[:, :floats], features.cards[:codes])
    right = Features(features.codes[:, codes:], features.floats[:, floats:], features.cards[codes:])
    return left, right


def _correct(goals: list[Goal], starts: list[Floats], seen: _Seen) -> bool:
    """
    Correct the weights by what came out; tells whether it was near enough without.

    Rows that follow from each other answer more, or less, to a weight than rows alone would: the
    correction is divided by how far the shares came for the weights that there are.
    """
    is_near = True
    for number, goal in enumerate(goals):
        wished = np.array(goal.aim.target.shares)
        reached = seen.shares(number, goal.aim.cells)
        if len(seen.cells[number]) and np.abs(reached - wished).max() > NEAR:
            is_near = False
            step = _logs(wished, reached, len(seen.cells[number]))
            with np.errstate(divide="ignore", invalid="ignore"):
                moved = starts[number] - step  # from the shares of the source
                is_known = np.isfinite(moved) & (np.abs(starts[number]) > 0.1)
                gain = np.where(is_known, moved / goal.logs, 1.0).clip(*GAINS)
                step = np.where(np.isfinite(step), step / gain, 0.0)
            goal.logs = goal.logs + step.clip(-np.log(SURE), np.log(SURE))
    return is_near


def _profile(counts: Floats, wished: Floats) -> Floats:
    """
    The share of each cell by place among the siblings, as the last pilot had them, made to fit.

    Args:
        counts: (buckets, cells) rows.
        wished: (cells,) what all buckets together should have.
    """
    rows = counts.sum(axis=1, keepdims=True)
    found = np.where(rows > 0, (counts + wished) / (rows + 1), wished)
    for _ in range(100):
        reached = (found * rows).sum(axis=0) / max(1.0, rows.sum())
        found = found * np.where(reached > 0, wished / np.maximum(reached, 1e-12), 0.0)
        found = found / np.maximum(found.sum(axis=1, keepdims=True), 1e-12)
    assert len(found) == BUCKETS
    return found
