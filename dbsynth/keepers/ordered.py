"""Rows whose numbers and moments are put in order together, where steps one by one have failed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.features import Floats, Ints
from dbsynth.keepers.spacing import farthest
from dbsynth.rules.book import Rule
from dbsynth.rules.rowsteps import Step, order_pairs
from dbsynth.schema import Table
from dbsynth.values import DAY, from_floats, to_floats

_KINDS = ("integer", "decimal", "float", "date", "timestamp", "timestamptz")
_GOLDEN = 0.6180339887498949  # multiples of it are spread evenly between whole numbers


@dataclass(frozen=True)
class Ordered:
    """
    What is at most what, and which columns may move for it.

    Each moves to where all that is below and above it leaves room: bounds that cannot move come
    through those that can.
    """

    table: Table
    pairs: tuple[tuple[str, str], ...]  # low, high
    movable: tuple[str, ...]  # the low ones first

    @classmethod
    def of(
        cls, rules: Iterable[Rule], table: Table, fixed: frozenset[str], steps: Sequence[Step]
    ) -> Ordered | None:
        """Prepare a table's orders; what steps calculate, or calculate from, does not move."""
        kinds = {c.name: c.type.kind for c in table.written_columns}
        pairs = [p for p in order_pairs(rules, table) if all(kinds[c] in _KINDS for c in p)]
        deciding = [s for s in steps if s.act in ("set", "follow", "lead", "fix")]
        settled = fixed | {c for s in deciding for c in (s.column, *s.of)}
        movable = _lined_up([p for p in pairs if not settled & set(p)])
        movable += sorted({c for p in pairs for c in p} - settled - set(movable))
        return cls(table, tuple(pairs), tuple(movable)) if pairs and movable else None

    def keep(self, rows: pa.Table) -> tuple[pa.Table, frozenset[str]]:
        """Change (n,) rows that break an order; each of them breaks fewer orders then, or stays."""
        names = sorted({c for p in self.pairs for c in p})
        values = {n: to_floats(rows.column(n).combine_chunks()) for n in names}
        broken = self._broken(values)
        at = np.flatnonzero(broken)
        if not len(at):
            return rows, frozenset()
        found = self._moved({n: v[at] for n, v in values.items()}, self._usual(values, broken))
        better = self._broken(found) < broken[at]
        changed = set()
        for name in self.movable:
            after = values[name].copy()
            after[at] = np.where(better, found[name], after[at])
            is_other = (after != values[name]) & ~np.isnan(after)
            if is_other.any():
                changed.add(name)
                rows = self._put(rows, name, after, is_other)
        return rows, frozenset(changed)

    def _broken(self, values: Mapping[str, Floats]) -> Ints:
        """How many orders each row breaks."""
        with np.errstate(invalid="ignore"):
            broken = [values[low] > values[high] for low, high in self.pairs]
        found: Ints = np.sum(broken, axis=0, dtype=np.int64)
        return found

    def _usual(self, values: Mapping[str, Floats], broken: Ints) -> dict[str, Floats]:
        """How far behind its bound, or before it, each column usually is: of rows that are good."""
        found = {}
        for name in self.movable:
            ways = [p for p in self.pairs if name in p]
            near = {
                b: np.where(values[b] < farthest(values[b]), values[b], np.nan) for _, b in ways
            }
            apart = np.concatenate([(near[b] - values[a])[broken == 0] for a, b in ways])
            apart = apart[np.isfinite(apart)]
            found[name] = apart if len(apart) else np.zeros(1)
        return found

    def _moved(self, values: dict[str, Floats], usual: Mapping[str, Floats]) -> dict[str, Floats]:
        """Where columns may be, the low ones first: within what is above and below each."""
        upper: dict[str, Floats] = {}
        for name in reversed(self.movable):
            bounds = [upper.get(high, values[high]) for low, high in self.pairs if low == name]
            most = np.fmin.reduce([np.full_like(values[name], np.inf), *bounds])
            upper[name] = np.where(np.isnan(values[name]), np.nan, most)
        for name in self.movable:
            now, kind = values[name], self.table.column(name).type
            unit = _unit(kind.kind, kind.scale)
            bounds = [values[low] for low, high in self.pairs if high == name]
            least = np.fmax.reduce([np.full_like(now, -np.inf), *bounds])
            most = upper[name]
            if unit:
                least, most = np.ceil(least / unit) * unit, np.floor(most / unit) * unit
            there = _between(least, most, usual[name], unit)
            is_wrong = (now < least) | (now > most)
            values = values | {name: np.where(is_wrong, there, now)}
        return values

    def _put(self, rows: pa.Table, name: str, after: Floats, is_other: Floats) -> pa.Table:
        at, column = rows.column_names.index(name), rows.column(name)
        scale = self.table.column(name).type.scale
        made = from_floats(after, column.type, 10 if scale is None else scale)
        whole = pc.if_else(pa.array(is_other), made, column.combine_chunks())
        return rows.set_column(at, rows.schema.field(name), whole)


def _between(least: Floats, most: Floats, usual: Floats, unit: float) -> Floats:
    """A place for each of (n,) rows: as far from its bound as is usual, else on the way between."""
    turns = np.arange(len(least))
    apart = usual[turns * 7 % len(usual)]
    share = (turns + 1) * _GOLDEN % 1.0
    with np.errstate(invalid="ignore"):
        room = most - least
        within = least + np.where(apart <= room, apart, share * room)
    found = np.where(np.isfinite(least), within, most - apart)
    found = np.where(np.isfinite(least) & ~np.isfinite(most), least + apart, found)
    found = np.where(room < 0, least, found)
    return np.floor(found / unit) * unit if unit else found


def _unit(kind: str, scale: int | None) -> float:
    """The least distance between two values; 0 where there is none to speak of."""
    if kind == "date":
        return DAY
    if kind == "integer":
        return 1.0
    return 10.0**-scale if kind == "decimal" and scale is not None else 0.0


def _lined_up(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """The columns of pairs in an order in which no high one comes before a low one; no circles."""
    left = list(pairs)
    found: list[str] = []
    while left:
        highs = {high for _, high in left}
        ready = sorted({low for low, _ in left} - highs)
        if not ready:
            return found
        found += ready
        ends = highs - {low for low, _ in left}
        left = [p for p in left if p[0] not in ready]
        found += sorted(ends - {c for p in left for c in p} - set(found))
    return found
