"""What could make a row keep a check: read off the check's own expression, tried on broken rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.adapters.scratch import Scratch
from dbsynth.arrow import arrow_type
from dbsynth.features import Floats, Ints
from dbsynth.mending.draft import NOBODY, Draft, Proposal, Unit
from dbsynth.regexes import Pattern
from dbsynth.schema import Column
from dbsynth.values import DAY, from_floats, to_floats

_SOME_DAYS = (1, 30)  # a gap in days where no good row shows one
_SOME_STEPS = (1, 10)  # the same of numbers, in steps of their type


@dataclass(frozen=True)
class Scene:
    """What a move sees: all rows, those that are broken, and those that are good."""

    draft: Draft
    at: Ints  # (k,) rows to change
    good: Ints  # (m,) rows that keep every check of the group
    scratch: Scratch
    rng: np.random.Generator

    def compute(self, expression: str, rows: Ints) -> pa.Array | None:
        """The values of an expression on some rows."""
        part = self.draft.rows.take(pa.array(rows))
        return self.scratch.compute(part, [expression])[0]


class Move(Protocol):
    """One way to change rows."""

    def propose(self, scene: Scene) -> Iterator[Proposal]:
        """Suggest other contents for the scene's rows, best first."""


@dataclass(frozen=True, slots=True)
class Assign:
    """Set a column to what an expression gives."""

    column: Column
    expression: str

    def propose(self, scene: Scene) -> Iterator[Proposal]:
        """Suggest the expression's values."""
        computed = scene.compute(self.expression, scene.at)
        values = None if computed is None else as_type(computed, arrow_type(self.column.type))
        if values is not None:
            yield Proposal({self.column.name: values})


@dataclass(frozen=True, slots=True)
class Choose:
    """Set a column to one of some literals."""

    column: Column
    literals: tuple[str, ...]

    def propose(self, scene: Scene) -> Iterator[Proposal]:
        """Suggest one of the literals at random for each row."""
        first = scene.draft.rows.slice(0, 1)
        kind = arrow_type(self.column.type)
        known = [as_type(v, kind) for v in scene.scratch.compute(first, self.literals) if v]
        labels = [v for v in known if v is not None and len(v) == 1]
        if labels:
            chosen = scene.rng.integers(0, len(labels), len(scene.at))
            yield Proposal({self.column.name: pa.concat_arrays(labels).take(pa.array(chosen))})


@dataclass(frozen=True, slots=True)
class Beyond:
    """Set a number or date above (+1) or below (-1) what an expression gives."""

    column: Column
    bound: str
    sign: int

    def propose(self, scene: Scene) -> Iterator[Proposal]:
        """Suggest as far from the bound as good rows are, then the nearest value, then itself."""
        kind = arrow_type(self.column.type)
        limits = self._floats(scene, scene.at)
        if limits is None:
            return
        step = self._step()
        for gaps in (self._gaps(scene, step), np.full(len(scene.at), step), np.zeros(1)):
            moved = limits + self.sign * gaps
            yield Proposal({self.column.name: from_floats(moved, kind)})

    def _floats(self, scene: Scene, rows: Ints) -> Floats | None:
        bound = scene.compute(self.bound, rows)
        if bound is None or pa.types.is_string(bound.type):
            return None
        try:
            return to_floats(bound)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return None

    def _step(self) -> float:
        kind = self.column.type
        if kind.kind in ("date", "timestamp", "timestamptz", "time"):
            return DAY if kind.kind == "date" else 1.0
        return 10.0 ** -(kind.scale or 0) if kind.kind == "decimal" and kind.precision else 1.0

    def _gaps(self, scene: Scene, step: float) -> Floats:
        """Distances to the bound that good rows have, else a few days or steps; (k,)."""
        count = len(scene.at)
        bound = self._floats(scene, scene.good) if len(scene.good) else None
        if bound is not None:
            column = scene.draft.rows.column(self.column.name).take(pa.array(scene.good))
            apart = np.abs(to_floats(column.combine_chunks()) - bound)
            apart = apart[np.isfinite(apart)]
            if len(apart):
                return np.asarray(scene.rng.choice(apart, count), np.float64)
        is_moment = self.column.type.kind in ("date", "timestamp", "timestamptz")
        low, high = _SOME_DAYS if is_moment else _SOME_STEPS
        whole = scene.rng.integers(low, high + 1, count).astype(np.float64)
        return whole * (DAY if is_moment else step)


@dataclass(frozen=True, slots=True)
class Swap:
    """Exchange two columns of one type."""

    one: str
    other: str

    def propose(self, scene: Scene) -> Iterator[Proposal]:
        """Suggest each for the other."""
        part = scene.draft.rows.take(pa.array(scene.at))
        one, other = (part.column(c).combine_chunks() for c in (self.one, self.other))
        yield Proposal({self.one: other, self.other: one})


@dataclass(frozen=True, slots=True)
class SwapKeys:
    """Exchange the parents of two keys that refer to the same columns."""

    one: Unit
    other: Unit

    def propose(self, scene: Scene) -> Iterator[Proposal]:
        """Suggest each for the other."""
        one, other = (scene.draft.place_of(u.name)[scene.at] for u in (self.one, self.other))
        yield Proposal(places={self.one.name: other, self.other.name: one})


@dataclass(frozen=True, slots=True)
class Blank:
    """Set a unit to NULL."""

    unit: Unit

    def propose(self, scene: Scene) -> Iterator[Proposal]:
        """Suggest NULL."""
        yield scene.draft.without(self.unit, len(scene.at))


@dataclass(frozen=True, slots=True)
class Fill:
    """Take a unit's value over from a row that has one."""

    unit: Unit

    def propose(self, scene: Scene) -> Iterator[Proposal]:
        """Suggest values of random rows, which are good ones if some have a value."""
        present = _present(scene.draft, self.unit)
        pool = scene.good[present[scene.good]]
        pool = pool if len(pool) else np.flatnonzero(present)
        if len(pool):
            donors = scene.rng.choice(pool, len(scene.at))
            yield scene.draft.of_another([self.unit], donors)


@dataclass(frozen=True, slots=True)
class SomeOf:
    """Decide anew which of several units are NULL."""

    units: tuple[Unit, ...]
    tries: int = 8

    def propose(self, scene: Scene) -> Iterator[Proposal]:
        """Suggest random patterns; what is there stays where it may."""
        for _ in range(self.tries):
            values: dict[str, pa.Array] = {}
            places: dict[str, Ints] = {}
            for unit in self.units:
                wanted = scene.rng.random(len(scene.at)) < 0.5
                proposal = _masked(scene, unit, wanted)
                values |= proposal.values
                places |= proposal.places
            yield Proposal(values, places)


def _masked(scene: Scene, unit: Unit, wanted: np.typing.NDArray[np.bool_]) -> Proposal:
    """A unit that is NULL where it is not wanted; filled where it is and was not."""
    present = _present(scene.draft, unit)
    pool = np.flatnonzero(present)
    donors = scene.at.copy()
    empty = ~present[scene.at]
    if len(pool):
        donors[empty] = scene.rng.choice(pool, int(empty.sum()))
    taken = scene.draft.of_another([unit], donors)
    if unit.is_key:
        places = np.where(wanted, taken.places[unit.name], NOBODY)
        return Proposal(places={unit.name: places})
    mask = pa.array(wanted)
    return Proposal(
        {c: pc.if_else(mask, v, pa.scalar(None, v.type)) for c, v in taken.values.items()}
    )


def _present(draft: Draft, unit: Unit) -> np.typing.NDArray[np.bool_]:
    present = np.ones(len(draft.rows), bool)
    for column in unit.columns:
        present &= np.asarray(draft.rows.column(column).is_valid())
    return present


@dataclass(frozen=True, slots=True)
class Spell:
    """Set a text to one that matches a pattern."""

    column: Column
    pattern: Pattern
    tries: int = 4

    def propose(self, scene: Scene) -> Iterator[Proposal]:
        """Suggest random texts; those that are too long are cut and judged like the others."""
        for _ in range(self.tries):
            drawn = self.pattern.draw(scene.rng, len(scene.at))
            if self.column.type.length:
                drawn = np.strings.slice(drawn, self.column.type.length)
            yield Proposal({self.column.name: pa.array(drawn.tolist(), pa.string())})


@dataclass(frozen=True, slots=True)
class Borrow:
    """Take units over from random other rows, together from one row."""

    units: tuple[Unit, ...]
    tries: int = 3
    only_good: bool = True

    def propose(self, scene: Scene) -> Iterator[Proposal]:
        """Suggest what other rows have."""
        pool = scene.good if self.only_good else np.arange(len(scene.draft.rows))
        if len(pool) == 0 or not self.units:
            return
        for _ in range(self.tries):
            yield scene.draft.of_another(self.units, scene.rng.choice(pool, len(scene.at)))


@dataclass(frozen=True, slots=True)
class BorrowSome:
    """Take random ones of some units over, each from another row."""

    units: tuple[Unit, ...]
    tries: int = 24

    def propose(self, scene: Scene) -> Iterator[Proposal]:
        """Suggest a different set of units in every try."""
        for _ in range(self.tries):
            several = scene.rng.random(len(self.units)) < 0.5
            chosen = [u for u, wanted in zip(self.units, several, strict=True) if wanted]
            values: dict[str, pa.Array] = {}
            places: dict[str, Ints] = {}
            for unit in chosen or [self.units[0]]:
                donors = scene.rng.integers(0, len(scene.draft.rows), len(scene.at))
                proposal = scene.draft.of_another([unit], donors)
                values |= proposal.values
                places |= proposal.places
            yield Proposal(values, places)


def as_type(values: pa.Array, kind: pa.DataType) -> pa.Array | None:
    """Cast computed values to a column's type, decimals rounded; None if they do not fit."""
    try:
        if pa.types.is_decimal(kind) and not pa.types.is_floating(values.type):
            wide = values.cast(pa.decimal256(76, 20), safe=False)
            return pc.round(wide, ndigits=kind.scale).cast(kind, safe=False)
        is_rounded = pa.types.is_decimal(kind) or pa.types.is_integer(kind)
        if is_rounded and not pa.types.is_integer(values.type):
            return from_floats(to_floats(values), kind)
        return values.cast(kind, safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
