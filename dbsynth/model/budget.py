"""How much learning a network gets: by its rows and weights, and by what other tables need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dbsynth.config import Quality
from dbsynth.model.base import FitTask
from dbsynth.model.shape import NetShape


@dataclass(frozen=True, slots=True)
class Budget:
    """Sizes of one quality level; time is rows and steps, never seconds."""

    units: int
    visits: int  # row visits at most
    work: float  # row visits times weights at most: wide tables are gone through less often
    epochs: int  # over small tables, at most
    patience: int  # evaluations without gain before the rate is lowered
    tolerance: float  # how much more than nearly nothing what is left out of heads may matter
    tables: float  # with so much work each, that all tables share
    plenty: int = 300_000  # row visits, unless rows would be seen less than `A_FEW` times


BUDGETS: Mapping[Quality, Budget] = {
    "fast": Budget(48, 200_000, 4e10, epochs=20, patience=1, tolerance=10.0, tables=4.0),
    "balanced": Budget(96, 600_000, 7.5e11, epochs=40, patience=2, tolerance=1.0, tables=2.0),
    "max": Budget(
        160,
        3_000_000,
        1e13,
        epochs=100,
        patience=4,
        tolerance=0.1,
        tables=float("inf"),
        plenty=3_000_000,
    ),
}
BESIDES = 100_000  # weights that take as long as all else that is done with a row
A_FEW = 4  # times
FEWEST_VISITS = 20_000  # however wide a table
NARROWER = (1.0, 2 / 3, 1 / 2, 1 / 3)  # of the units, where rows would not be seen often enough
OFTEN, ENOUGH = 8, 150_000  # times, but no more visits than so many


@dataclass(frozen=True, slots=True)
class Course:
    """What a network is, and how many rows it is shown."""

    shape: NetShape
    visits: int

    @property
    def work(self) -> float:
        """Row visits times weights."""
        return float(self.visits * weights(self.shape))


def course(task: FitTask) -> Course:
    """
    The course of a task: what a table costs is bounded, however wide and long it is.

    A network that would be shown its rows a few times only learns more with fewer units.
    """
    budget = BUDGETS[task.quality]
    rows = len(task.condition) - int(task.held_out.sum())
    most = min(budget.visits, budget.epochs * rows, max(budget.plenty, A_FEW * rows))
    whole = _shape(task, budget.units)
    for part in NARROWER:
        shape = replace(whole, units=round(budget.units * part))
        affordable = int(task.share * budget.work / weights(shape))
        if affordable >= min(most, OFTEN * rows, ENOUGH):
            break
    return Course(shape, min(most, max(FEWEST_VISITS, affordable)))


class Purse:
    """The work that all tables of a model share, by how much each has to learn."""

    def __init__(self, quality: Quality, cells: Mapping[str, int]) -> None:
        """All tables that networks learn, in any order, with cells of theirs."""
        self._budget, self._cells = BUDGETS[quality], dict(cells)
        self._left, self._own = self._budget.tables, dict[str, float]()

    def take(self, table: str, task: FitTask) -> FitTask:
        """Give a task its share, and take what it costs; a table's tasks come one by one."""
        if table not in self._own:
            cells = self._cells.get(table, 0)
            part = cells / max(1, sum(self._cells.values()))
            self._own[table] = self._left * part if cells else 1.0
            self._cells.pop(table, None)
        task = replace(task, share=min(1.0, max(0.0, self._own[table])))
        cost = course(task).work / self._budget.work
        self._own[table] -= cost
        self._left -= cost
        return task


def weights(shape: NetShape) -> int:
    """How many weights a visit of a row is multiplied with, or might be in the time it takes."""
    heads, units = len(shape.heads), shape.units
    seen = max(1, shape.condition.width) + max(1, shape.starts[-1])
    return BESIDES + units * (heads * (seen + units) + sum(t for _, t in shape.heads))


def _shape(task: FitTask, units: int) -> NetShape:
    return NetShape(
        condition_cards=task.condition.cards,
        condition_floats=task.condition.floats.shape[1],
        slot_cards=tuple(s.cards for s in task.slots),
        slot_floats=tuple(s.floats.shape[1] for s in task.slots),
        heads=tuple(task.heads),
        units=units,
    )
