"""
Train models: one after the other here, or several at once by workers; not again what is cached.

What a table's network learns from does not depend on the networks of other tables, so tasks can be
handed out as they become ready, and their models are put in place when all tables are through.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dbsynth.lean import give_back
from dbsynth.model import find_engine
from dbsynth.model.base import FitTask, RowModel, Session
from dbsynth.model.budget import Purse
from dbsynth.model.gaps import Gap, gap_of
from dbsynth.modelcache import ENGINES, ModelCache, fingerprint
from dbsynth.plan import Plan
from dbsynth.progress import Event, Progress, silent
from dbsynth.rows import Layout
from dbsynth.schema import TableName
from dbsynth.tablemodel import RowsModel, TableModel

if TYPE_CHECKING:
    import pyarrow as pa

    from dbsynth.features import Features
    from dbsynth.workers import Handed, Workers

WORTH_CELLS = 60_000  # of the sample: with fewer, starting workers takes as long as they save
FULL_ROWS = 15_000  # of a table, from which on it costs as much as any
_CHEAP = ("marginal", "tables")  # engines that only count


class Trainer:
    """Trains the networks of one model."""

    def __init__(self, workers: Workers | None = None, cache: ModelCache | None = None) -> None:
        """Train here, or by workers where it pays; look into a cache first, if there is one."""
        self._workers, self._cache = workers, cache
        self._waiting: list[_Pending] = []
        self._is_worth_it, self._purse = False, Purse("balanced", {})
        self._progress: Progress = silent
        self._left: dict[str, int] = {}  # cells of tables that are not learned yet, by task
        self._cells = 0

    def expect(self, plan: Plan, rows: Mapping[TableName, pa.Table], progress: Progress) -> None:
        """Learn how much there is to do, and whom to tell."""
        made = [n for n, t in plan.tables.items() if t.mode == "generate" and n in rows]
        self._left = {f"{n}/content": rows[n].num_rows * rows[n].num_columns for n in made}
        self._cells = sum(self._left.values())
        self._is_worth_it = len(made) > 1 and self._cells >= WORTH_CELLS
        self._progress = progress
        learned = [n for n in made if (plan.tables[n].engine or plan.engine) == "argn"]
        cells = {str(n): min(len(rows[n]), FULL_ROWS) * rows[n].num_columns for n in learned}
        self._purse = Purse(plan.quality, cells)

    def train(self, layout: Layout, engine: str, task: FitTask) -> RowsModel:
        """
        Train a model, or see to it that it will be there when all tables are through.

        Returns:
            the layout with a model to which `trained` gives its place.
        """
        if engine == "argn":
            task = self._purse.take(task.name.rpartition("/")[0], task)
        name = self._name(engine, task)
        known = self._cache.get(engine, name) if self._cache and name else None
        if known is not None:
            self._tell(task.name, 1, 1, ", as before")
            return RowsModel(layout, engine, *known)
        give_back()  # what the task was made of, before networks need room
        if self._workers is None or not self._is_worth_it or engine in _CHEAP:
            model = find_engine(engine).fit(
                task, lambda done, total: self._tell(task.name, done, total)
            )
            gap = gap_of(model, task)
            self._keep(name, model, gap)
            return RowsModel(layout, engine, model, gap)
        while sum(p.is_waiting for p in self._waiting) > self._workers.jobs:
            self._collect(next(p for p in self._waiting if p.is_waiting))
        pending = _Pending(engine, name, task.name, self._workers.submit(_fitted, engine, task))
        self._waiting.append(pending)
        return RowsModel(layout, engine, pending)

    def trained(self, table: TableModel) -> TableModel:
        """Put the models that were waited for in place."""
        return replace(
            table,
            structure=self._placed(table.structure),
            content=self._placed(table.content),
            outline=self._placed(table.outline),
        )

    def _placed(self, part: RowsModel | None) -> RowsModel | None:
        if part is None or not isinstance(part.model, _Pending):
            return part
        model = self._collect(part.model)
        return replace(part, model=model, gap=part.model.gap)

    def _collect(self, pending: _Pending) -> RowModel:
        if pending.handed is not None:
            (data, tensors), pending.gap, visits = pending.handed.result()
            pending.handed = None
            pending.model = find_engine(pending.engine).load(data, tensors)
            self._keep(pending.name, pending.model, pending.gap)
            self._tell(pending.task, visits, visits)
        assert pending.model is not None
        return pending.model

    def _name(self, engine: str, task: FitTask) -> str:
        """What the cache calls a model; nothing where it is not kept."""
        return fingerprint(engine, task) if self._cache and engine in ENGINES else ""

    def _keep(self, name: str, model: RowModel, gap: Gap | None) -> None:
        if self._cache and name:
            self._cache.put(name, model, gap)

    def _tell(self, task: str, done: int, total: int, note: str = "") -> None:
        """Tell how far a task is and, when a table's rows are learned, how far all of them are."""
        table, _, part = task.rpartition("/")
        self._progress(Event("fit", table, done, total, part + note))
        if done >= total and self._left.pop(task, 0):
            left = sum(self._left.values())
            self._progress(Event("train", "", self._cells - left, self._cells))


@dataclass(slots=True)
class _Pending:
    """Stands for a model that is being trained."""

    engine: str
    name: str
    task: str
    handed: Handed | None
    model: RowModel | None = None
    gap: Gap | None = None

    @property
    def is_waiting(self) -> bool:
        return self.handed is not None

    def begin(self, condition: Features) -> Session:
        """Nothing draws before training is through."""
        raise AssertionError(f"{self.task} is not trained yet")

    def saved(self) -> Any:
        """Nothing is saved before, either."""
        raise AssertionError(f"{self.task} is not trained yet")


def _fitted(engine: str, task: FitTask) -> tuple[Any, Gap | None, int]:
    """Train, in a worker; returns what `saved` does, its gap, and the row visits that it took."""
    visits = [1]
    model = find_engine(engine).fit(task, lambda done, total: visits.append(total))  # noqa: ARG005
    return model.saved(), gap_of(model, task), visits[-1]
