"""Make drawn rows keep the rules about single rows: derive, order, empty what must be empty."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.adapters.scratch import Scratch
from dbsynth.features import Floats, Ints
from dbsynth.rowrules import Step, steps
from dbsynth.rulebook import Rule
from dbsynth.schema import Table
from dbsynth.values import from_floats

_MOST_FOLLOWERS = 100_000  # labels whose follower is remembered; beyond, rows stay as drawn


@dataclass(frozen=True)
class RowKeeper:
    """The rules of one table's rows; remembers what follows from what from chunk to chunk."""

    table: Table
    steps: tuple[Step, ...]
    loose: frozenset[str] = frozenset()  # see `steps`
    scratch: Scratch = field(default_factory=Scratch)
    followers: dict[tuple[str, str], dict[Any, Any]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        rules: Iterable[Rule],
        table: Table,
        fixed: frozenset[str],
        loose: frozenset[str] = frozenset(),
    ) -> RowKeeper | None:
        """Prepare a table's rules as `steps` does; None if there is nothing to do."""
        found = steps(rules, table, fixed, loose)
        return cls(table, found, loose) if found else None

    def keep(self, rows: pa.Table) -> tuple[pa.Table, frozenset[str]]:
        """
        Change rows until they keep the rules.

        Args:
            rows: (n,) of all written columns, in order.

        Returns:
            (n,) rows, and the columns in which some of them changed.
        """
        changed: set[str] = set()
        for step in self.steps:
            if step.act == "swap":
                low, high = (rows.column(c).combine_chunks() for c in (step.of[0], step.column))
                is_wrong = pc.fill_null(pc.greater(low, high), fill_value=False)
                found = {step.of[0]: pc.if_else(is_wrong, high, low)}
                found[step.column] = pc.if_else(is_wrong, low, high)
            else:
                before = rows.column(step.column).combine_chunks()
                after = getattr(self, f"_{step.act}")(step, rows, before)
                found = {} if after is None else {step.column: after}
            for name, after in found.items():
                if not after.equals(rows.column(name).combine_chunks()):
                    changed.add(name)
                    place = rows.column_names.index(name)
                    rows = rows.set_column(place, rows.schema.field(name), after)
        return rows, frozenset(changed)

    def _set(self, step: Step, rows: pa.Table, before: pa.Array) -> pa.Array | None:
        """Calculate the values that are there and can be."""
        (found,) = self.scratch.compute(rows, [step.value])
        wanted = None if found is None else _as(found, before.type, self._decimals(step.column))
        if wanted is None:
            return None
        usable = pc.and_(pc.is_valid(before), pc.is_valid(wanted))
        length = self.table.column(step.column).type.length
        if length is not None and pa.types.is_string(before.type):
            short = pc.less_equal(pc.utf8_length(wanted), length)
            usable = pc.and_(usable, pc.fill_null(short, fill_value=False))
        return pc.if_else(usable, wanted, before)

    _fix = _set

    def _void(self, step: Step, rows: pa.Table, before: pa.Array) -> pa.Array | None:
        """Empty what must be empty; what must not be takes another row's value, or distance."""
        (found,) = self.scratch.compute(rows, [f"({step.value})::BOOLEAN"])
        if found is None:
            return None
        must, may = (pc.fill_null(found, fill_value=x) for x in (False, True))
        before = pc.if_else(may, before, pa.scalar(None, before.type))
        lacking = np.flatnonzero(np.asarray(pc.and_(must, pc.is_null(before))))
        given = np.flatnonzero(np.asarray(pc.is_valid(before)))
        if not step.is_mutual or not len(lacking) or not len(given):
            return before
        others = given[np.arange(len(lacking)) * 7 % len(given)]
        taken = self._moved(step.column, rows, before.take(pa.array(others)), others, lacking)
        places = np.full(len(before), -1, np.int64)
        places[lacking] = np.arange(len(lacking))
        filled = taken.take(pa.array(places, mask=places < 0))
        return pc.if_else(pa.array(places >= 0), filled, before)

    def _moved(
        self, column: str, rows: pa.Table, values: pa.Array, others: Ints, lacking: Ints
    ) -> pa.Array:
        """Give moments the distance from an earlier moment that they have in the other row."""
        lows = [s.of[0] for s in self.steps if s.act == "raise" and s.column == column]
        if not lows or not pa.types.is_timestamp(values.type):
            return values
        start = _as(rows.column(lows[0]).combine_chunks(), values.type, None)
        if start is None:
            return values
        here, there = (start.take(pa.array(x)) for x in (lacking, others))
        moved = pc.add(here, pc.subtract(values, there))
        return pc.coalesce(moved, values)

    def _raise(self, step: Step, rows: pa.Table, before: pa.Array) -> pa.Array | None:
        low = _as(rows.column(step.of[0]).combine_chunks(), before.type, None)
        if low is None:
            return None
        is_below = pc.fill_null(pc.less(before, low), fill_value=False)
        return pc.if_else(is_below, low, before)

    def _follow(self, step: Step, rows: pa.Table, before: pa.Array) -> pa.Array | None:
        """
        Give each label one follower, and remember it.

        The one that it has most often, for networks know what goes together; the first one of a
        single parent, of which they know nothing, so that each value stays as frequent as it is.
        """
        known = self.followers.setdefault((step.of[0], step.column), {})
        pairs = pa.table({"a": rows.column(step.of[0]), "b": before}).drop_null()
        counted = pairs
        if step.of[0] not in self.loose:
            counted = pairs.group_by(["a", "b"], use_threads=False).aggregate([([], "count_all")])
            order = np.argsort(-np.asarray(counted["count_all"]), kind="stable")
            counted = counted.take(pa.array(order))
        taken = set(known.values()) if step.is_mutual else set()
        for a, b in zip(counted["a"].to_pylist(), counted["b"].to_pylist(), strict=True):
            if a not in known and b not in taken and len(known) < _MOST_FOLLOWERS:
                known[a] = b
                taken |= {b} if step.is_mutual else set()
        if not known:
            return None
        left = rows.column(step.of[0]).combine_chunks()
        place = pc.index_in(left, value_set=pa.array(list(known), left.type))
        wanted = pa.array(list(known.values()), before.type).take(place)
        return pc.if_else(pc.and_(pc.is_valid(before), pc.is_valid(wanted)), wanted, before)

    def _decimals(self, column: str) -> int:
        kind = self.table.column(column).type
        return kind.scale if kind.scale is not None else 10


def _as(values: pa.Array, kind: pa.DataType, decimals: int | None) -> pa.Array | None:
    """Turn values into a column's type; None where that is not certain."""
    if values.type.equals(kind):
        return values
    is_number = any(
        f(kind) for f in (pa.types.is_integer, pa.types.is_decimal, pa.types.is_floating)
    )
    try:
        if is_number:
            numbers = values.cast(pa.float64(), safe=False)
            floats: Floats = np.asarray(numbers.to_numpy(zero_copy_only=False), np.float64)
            return from_floats(floats, kind, 10 if decimals is None else decimals)
        return values.cast(kind, safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
