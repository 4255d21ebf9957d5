"""Rows of one table and the rules about each of them, and about those above it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.arrow import put_column
from dbsynth.features import Ints
from dbsynth.keepers.above import Above
from dbsynth.keepers.donors import Donors
from dbsynth.keepers.ordered import Ordered
from dbsynth.keepers.rowkeeper import RowKeeper
from dbsynth.state import State


@dataclass(frozen=True)
class Rows:
    """Rules about single rows and those above them."""

    above: Above
    keeper: RowKeeper | None
    donors: Donors | None
    loosely: Loosely | None
    ordered: Ordered | None = None  # what steps and donors leave out of order
    last: Donors | None = None  # who leave alone what siblings have settled

    def keep(
        self,
        rows: pa.Table,
        state: State,
        first: Mapping[str, Ints],
        rng: np.random.Generator,
        whole: pa.Table | None = None,
    ) -> tuple[pa.Table, frozenset[str]]:
        """Change (n,) rows; `whole`: all rows of the table, where they hang on each other."""
        names, wide = rows.column_names, self._wide(rows, state, first, whole)
        changed: frozenset[str] = frozenset()
        if self.keeper is not None:
            wide, more = self.keeper.keep(wide)
            changed |= more
        if self.donors is not None:
            wide, more = self.donors.keep(wide, rng)
            changed |= more
        if self.ordered is not None:
            wide, more = self.ordered.keep(wide)
            changed |= more
        if self.loosely is not None:
            wide, more = self.loosely.keep(wide, rng, self.donors)
            changed |= more
        return wide.select(names), changed

    def settle(
        self, rows: pa.Table, state: State, first: Mapping[str, Ints], rng: np.random.Generator
    ) -> tuple[pa.Table, frozenset[str]]:
        """Change (n,) rows that siblings have left broken, but nothing that siblings agree on."""
        if self.last is None:
            return rows, frozenset()
        wide, changed = self.last.keep(self._wide(rows, state, first), rng)
        return wide.select(rows.column_names), changed

    def _wide(
        self,
        rows: pa.Table,
        state: State,
        first: Mapping[str, Ints],
        whole: pa.Table | None = None,
    ) -> pa.Table:
        nobody = np.zeros(0, np.int64)
        return self.above.beside(
            rows, state.plan, first,
            lambda table, key: state.known.pointers.get(table, {}).get(key, nobody),
            lambda table, column: _column(state, self.above, table, column, whole),
        )  # fmt: skip


@dataclass(frozen=True)
class Loosely:
    """Rules that some rows do not keep."""

    keeper: RowKeeper
    judge: Donors
    share: float  # of rows that may break one of them

    def keep(
        self, wide: pa.Table, rng: np.random.Generator, strict: Donors | None
    ) -> tuple[pa.Table, frozenset[str]]:
        """Let rows keep them, but for so many, as far as rules without exceptions allow it."""
        broken = self.judge.broken(wide)
        spared = rng.random(len(wide)) < self.share / max(float(broken.mean()), 1e-9)
        mended, changed = self.keeper.keep(wide)
        better = broken & ~spared & ~self.judge.broken(mended)
        if strict is not None:
            better &= ~strict.broken(mended)
        taken = pa.array(better)
        for name in changed:
            values = pc.if_else(taken, mended.column(name), wide.column(name))
            wide = put_column(wide, name, values)
        return wide, changed


def _column(
    state: State, above: Above, table: object, column: str, whole: pa.Table | None
) -> pa.ChunkedArray:
    if whole is not None and table == above.table.name:
        return whole.column(column)
    found = state.keys.get(table, {}).get(column)  # type: ignore[call-overload]
    return pa.chunked_array([], pa.null()) if found is None else found


def levels(pointers: Ints) -> Ints:
    """(n,) how many steps each row is from its root; a row that is its own parent is one."""
    own = np.arange(len(pointers))
    here = np.where(pointers == own, -1, pointers)
    level, at = np.zeros(len(pointers), np.int64), here
    for _ in range(len(pointers)):
        if not (at >= 0).any():
            break
        level += at >= 0
        at = np.where(at >= 0, here[np.maximum(at, 0)], -1)
    return level
