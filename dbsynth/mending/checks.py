"""Make rows keep their checks: compute what one defines, borrow from good rows, or try."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dbsynth.adapters.scratch import Scratch
from dbsynth.expressions import UntranslatableError
from dbsynth.features import Ints
from dbsynth.mending.draft import Draft, Scope, Unit
from dbsynth.mending.hints import Hints
from dbsynth.mending.localsql import LocalSql
from dbsynth.mending.moves import Borrow, Move, Scene, SwapKeys
from dbsynth.schema import Table

if TYPE_CHECKING:
    from sqlglot import exp

Flags = NDArray[np.bool_]

_ROUNDS = 5  # over all conditions: mending one may break another
_ENOUGH = 0.05  # share of good rows from which broken ones may borrow before anything else is tried


@dataclass(frozen=True)
class Condition:
    """One conjunct of a check."""

    check: str
    tree: exp.Expr
    sql: str  # in the judge's dialect
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Repair:
    """Mends rows that break a check."""

    groups: tuple[tuple[Condition, ...], ...]  # of conditions that share a column that may change
    hints: Hints
    judge: Callable[[pa.Table, Sequence[str]], list[Flags | None]] | None = None  # None: scratch
    scratch: Scratch = field(default_factory=Scratch)

    @classmethod
    def of(
        cls, table: Table, dialect: str, units: Sequence[Unit], scope: Scope | None = None
    ) -> Repair | None:
        """
        Prepare the checks of a table; None if there are none that can be judged here.

        Args:
            table: the source's.
            dialect: of its expressions.
            units: what may change.
            scope: which checks; all unless given.
        """
        local = LocalSql(table, dialect)
        by_column = {c: unit for unit in units for c in unit.columns}
        wanted = scope or Scope()
        conditions = [
            c for c in _conditions(table, local) if c.columns and wanted.covers(c.columns)
        ]
        return cls(_grouped(conditions, by_column), Hints(local, by_column)) if conditions else None

    @property
    def touched(self) -> set[str]:
        """The columns that mending may change."""
        units = self.hints.units
        used = {c for group in self.groups for k in group for c in k.columns if c in units}
        return {c for column in used for c in units[column].columns}

    @classmethod
    def by(
        cls,
        judge: Callable[[pa.Table, Sequence[str]], list[Flags | None]],
        table: Table,
        dialect: str,
        units: Sequence[Unit],
    ) -> Repair:
        """
        Prepare all checks of a table for a judge who knows them as they are written.

        Args:
            judge: evaluates a table's own expressions on rows.
            table: whose rows they are.
            dialect: of its expressions.
            units: what may change.
        """
        local = LocalSql(table, dialect)
        by_column = {c: unit for unit in units for c in unit.columns}
        conditions = []
        for check in table.row_checks:
            tree = local.hinted(check.expression)
            columns = local.columns_of(tree) or check.columns
            conditions.append(Condition(check.name, tree, check.expression, columns))
        return cls(_grouped(conditions, by_column), Hints(local, by_column), judge)

    def mend(self, draft: Draft, rng: np.random.Generator) -> None:
        """Change rows of a draft until they keep their checks, as far as anything helps."""
        for group in self.groups:
            _Mending(group, self.hints, draft, self._hold, self.scratch, rng).run()

    def _hold(self, rows: pa.Table, conditions: Sequence[str]) -> list[Flags | None]:
        return (self.judge or self.scratch.hold)(rows, conditions)

    def holds(self, rows: pa.Table) -> NDArray[np.bool_]:
        """Tell which of (n,) rows keep all checks that can be judged here."""
        kept = np.ones(len(rows), bool)
        conditions = [c.sql for group in self.groups for c in group]
        for answer in self._hold(rows, conditions):
            if answer is not None:
                kept &= answer
        return kept


def unjudged(table: Table, dialect: str) -> set[str]:
    """The columns of checks of which nobody here can say whether rows keep them."""
    local, found = LocalSql(table, dialect), set()
    for check in table.row_checks:
        try:
            local.parse(check.expression)
        except UntranslatableError:
            found |= set(check.columns or (c.name for c in table.written_columns))
    return found


def _conditions(table: Table, local: LocalSql) -> Iterator[Condition]:
    """Take checks apart at their ANDs; those that cannot be judged here are the database's."""
    for check in table.row_checks:
        try:
            tree = local.parse(check.expression)
        except UntranslatableError:
            continue
        for part in _conjuncts(tree):
            yield Condition(check.name, part, local.sql(part), local.columns_of(part))


def _conjuncts(tree: exp.Expr) -> list[exp.Expr]:
    from sqlglot import exp

    while isinstance(tree, exp.Paren):
        tree = tree.this
    if isinstance(tree, exp.And):
        return [*_conjuncts(tree.this), *_conjuncts(tree.expression)]
    return [tree]


def _grouped(
    conditions: Sequence[Condition], units: dict[str, Unit]
) -> tuple[tuple[Condition, ...], ...]:
    """Put conditions together that share something that may change."""
    groups: list[tuple[set[str], list[Condition]]] = []
    for condition in conditions:
        names = {units[c].name for c in condition.columns if c in units}
        touching = [g for g in groups if g[0] & names]
        merged = (
            names.union(*(g[0] for g in touching)),
            [*(c for g in touching for c in g[1]), condition],
        )
        groups = [g for g in groups if not any(g is t for t in touching)] + [merged]
    return tuple(tuple(members) for _, members in groups)


@dataclass
class _Mending:
    """The mending of one group of conditions in one draft."""

    conditions: Sequence[Condition]
    hints: Hints
    draft: Draft
    hold: Callable[[pa.Table, Sequence[str]], list[Flags | None]]
    scratch: Scratch
    rng: np.random.Generator

    def run(self) -> None:
        """Mend; what stays broken is for those who come after."""
        self.broken = self._judge(self.draft.rows)
        if not self.broken.any():
            return
        units = self.hints.units
        used = {c for condition in self.conditions for c in condition.columns if c in units}
        self.units = tuple(dict.fromkeys(units[c] for c in sorted(used)))
        donated = tuple(u for u in self.units if not u.is_unique and not u.is_fixed)
        self._define()
        self._swap()
        if not all(u.is_made for u in self.units) and self._good_share() >= _ENOUGH:
            self._try(Borrow(donated), self._bad())
        for _ in range(_ROUNDS):
            if not self._bad().size or not self._round():
                break
        self._try(Borrow(donated, tries=8), self._bad())

    def _define(self) -> None:
        """Compute the columns that conditions define by others."""
        for number, condition in enumerate(self.conditions):
            move = self.hints.definition(condition.tree)
            if move is not None:
                self._try(move, np.flatnonzero(self.broken[number]))

    def _swap(self) -> None:
        """Let keys of one row change places: no parent gains or loses a row by it."""
        for number, condition in enumerate(self.conditions):
            for move in self.hints.moves(condition.tree) if self.broken[number].any() else ():
                if isinstance(move, SwapKeys):
                    self._try(move, np.flatnonzero(self.broken[number]))

    def _round(self) -> bool:
        """Try every move of every broken condition; tells whether one of them helped."""
        before = int(self.broken.sum())
        for number, condition in enumerate(self.conditions):
            for move in self.hints.moves(condition.tree) if self.broken[number].any() else ():
                at = np.flatnonzero(self.broken[number])
                if len(at) == 0:
                    break
                self._try(move, at)
        return int(self.broken.sum()) < before

    def _try(self, move: Move, at: Ints) -> None:
        """Let a move change rows; only changes after which fewer conditions are broken stay."""
        if len(at) == 0:
            return
        good = np.flatnonzero(~self.broken.any(axis=0))
        scene = Scene(self.draft, at, good, self.scratch, self.rng)
        left = np.arange(len(at))
        for proposal in move.propose(scene):
            judged = self._judge(self.draft.imagine(at, proposal))
            better = judged.sum(axis=0) < self.broken[:, at].sum(axis=0)
            better &= np.isin(np.arange(len(at)), left)
            kept = np.flatnonzero(better)
            self.draft.put(at, proposal, kept)
            self.broken[:, at[kept]] = judged[:, kept]
            left = left[self.broken[:, at[left]].any(axis=0)]
            if len(left) == 0:
                break

    def _judge(self, rows: pa.Table) -> NDArray[np.bool_]:
        """Which conditions which rows break; (conditions, n).  One without an answer is kept."""
        answers = self.hold(rows, [c.sql for c in self.conditions])
        kept = [np.ones(len(rows), bool) if a is None else a for a in answers]
        return ~np.stack(kept)

    def _bad(self) -> Ints:
        return np.flatnonzero(self.broken.any(axis=0))

    def _good_share(self) -> float:
        return 1.0 - len(self._bad()) / max(1, len(self.draft.rows))
