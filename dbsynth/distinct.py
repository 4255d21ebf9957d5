"""Keep unique columns unique where no construction does: change the rows that repeat a key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dbsynth.encode import CategoryColumn
from dbsynth.plan import TablePlan
from dbsynth.schema import Table
from dbsynth.tablemodel import TableModel
from dbsynth.treatments import Treatment

TRIES = 10_000  # steps away from a taken value before a row is given up
_UNITS = {"timestamp": 1_000_000, "time64[us": 1_000_000}  # steps of a second
_EASE = {"datetime": 0, "number": 1, "format": 2, "text": 2, "personal": 2, "category": 3}


@dataclass(frozen=True)
class _Rule:
    """One set of columns that must not repeat, and the column that may change."""

    columns: tuple[str, ...]
    movable: str
    kind: str
    seen: set[tuple[Any, ...]] = field(default_factory=set)


@dataclass(frozen=True)
class Distinct:
    """The unique sets of a table that are not unique by construction; keeps what was used."""

    rules: tuple[_Rule, ...]
    labels: dict[str, tuple[Any, ...]]

    @classmethod
    def of(cls, table: Table, planned: TablePlan, model: TableModel) -> Distinct:
        """Find the unique sets that need watching."""
        rules = []
        for unique in table.unique_sets:
            kinds = {c: planned.columns[c] for c in unique if c in planned.columns}
            by_construction = any(_is_unique(t) for t in kinds.values())
            movable = [c for c, t in kinds.items() if t.kind in _EASE]
            # Siblings never share the column that orders them, but others may have its values.
            owned = planned.order_by in unique and _owner_columns(planned) <= set(unique)
            if by_construction or not movable or owned:
                continue
            chosen = min(movable, key=lambda c: _EASE[kinds[c].kind])
            rules.append(_Rule(unique, chosen, kinds[chosen].kind))
        columns = model.content.layout.columns if model.content else ()
        labels = {c.name: c.codec.labels for c in columns if isinstance(c, CategoryColumn)}
        return cls(tuple(rules), labels)

    def repair(
        self, rows: pa.Table, rng: np.random.Generator
    ) -> tuple[pa.Table, NDArray[np.bool_]]:
        """
        Change or drop the rows that repeat a unique key.

        Returns:
            the rows that stay, and (n,) which of the given ones they are.
        """
        kept = np.ones(len(rows), bool)
        for rule in self.rules:
            rows, good = self._apply(rule, rows, rng)
            kept[np.flatnonzero(kept)[~good]] = False
            rows = rows.filter(pa.array(good)) if not good.all() else rows
        return rows, kept

    def _apply(
        self, rule: _Rule, rows: pa.Table, rng: np.random.Generator
    ) -> tuple[pa.Table, NDArray[np.bool_]]:
        good = np.ones(len(rows), bool)
        values = [_plain(rows.column(c)).to_pylist() for c in rule.columns]
        place = rule.columns.index(rule.movable)
        unit = _UNITS.get(str(rows.column(rule.movable).type)[:9], 1)
        changed: dict[int, Any] = {}
        for number, key in enumerate(zip(*values, strict=True)):
            if None in key:
                continue
            if key not in rule.seen:
                rule.seen.add(key)
                continue
            free = self._free(rule, key, place, rng, unit)
            if free is None:
                good[number] = False
            else:
                rule.seen.add((*key[:place], free, *key[place + 1 :]))
                changed[number] = free
        if not changed:
            return rows, good
        column = rows.column(rule.movable).combine_chunks()
        mask = np.zeros(len(rows), bool)
        mask[list(changed)] = True
        new = pa.array([changed[i] for i in sorted(changed)], _plain(column).type)
        new = new.cast(column.type)
        filled = pc.replace_with_mask(column, pa.array(mask), new)
        return rows.set_column(rows.column_names.index(rule.movable), rule.movable, filled), good

    def _free(
        self,
        rule: _Rule,
        key: tuple[Any, ...],
        place: int,
        rng: np.random.Generator,
        unit: int,
    ) -> Any:
        """The nearest value that makes the key new; None if there is none."""
        labels = self.labels.get(rule.movable, ())
        for candidate in _candidates(rule.kind, key[place], labels, rng, unit):
            if (*key[:place], candidate, *key[place + 1 :]) not in rule.seen:
                return candidate
        return None


def _owner_columns(planned: TablePlan) -> set[str]:
    return {c for k in planned.keys if k.role == "owner" for c in k.columns}


def _is_unique(treatment: Treatment) -> bool:
    """Whether a column's maker never makes the same value twice."""
    made = treatment.kind in ("personal", "format", "text")
    return treatment.kind == "key" or (treatment.is_unique and made)


def _plain(column: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    """Dates and times as the integers behind them: Python's own end with the year 9999."""
    if not pa.types.is_temporal(column.type):
        return column
    return column.cast(pa.int32() if pa.types.is_date32(column.type) else pa.int64())


def _candidates(
    kind: str, value: Any, labels: tuple[Any, ...], rng: np.random.Generator, unit: int
) -> Iterator[Any]:
    if kind == "category":
        yield from (labels[i] for i in rng.permutation(len(labels)))
        return
    step: Callable[[int], Any]
    if isinstance(value, str):
        step = lambda n: f"{value[: max(1, len(value) - len(str(n)))]}{n}"  # noqa: E731
    else:
        step = lambda n: value + n * unit  # noqa: E731
    for number in range(1, TRIES):
        yield step(number)
        if not isinstance(value, str):
            yield step(-number)
