"""Let made rows keep a table's rules: checks first, then what must be unique, then both again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dbsynth.features import Ints
from dbsynth.mending.checks import Repair
from dbsynth.mending.distinct import Distinct
from dbsynth.mending.draft import Draft, Scope, Unit, units_of
from dbsynth.plan import TablePlan
from dbsynth.schema import Table
from dbsynth.tablemodel import TableModel

_MOST_LEFT_OUT = 0.1  # if more rows seem to break a check, the check may be misunderstood here


@dataclass(frozen=True)
class Mended:
    """What became of (n,) rows."""

    whole: pa.Table  # (n,) rows, also those that must be left out
    kept: NDArray[np.bool_]  # (n,)
    changed: Collection[str]  # columns
    keys: tuple[str, ...]  # those that may have changed, by number
    places: Mapping[str, Ints]  # key -> (n,) whose parent each row has now, see `Proposal`

    @property
    def rows(self) -> pa.Table:
        """The rows that stay."""
        return self.whole if self.kept.all() else self.whole.filter(pa.array(self.kept))


@dataclass(frozen=True)
class Mender:
    """The rules of one table; remembers keys from one part of its rows to the next."""

    units: tuple[Unit, ...]
    repair: Repair | None
    distinct: Distinct

    @classmethod
    def of(
        cls, table: Table, dialect: str, planned: TablePlan, model: TableModel, scope: Scope
    ) -> Mender:
        """
        Prepare the rules of a table.

        Args:
            table: the source's.
            dialect: of its expressions.
            planned: its plan.
            model: its generator.
            scope: which rules, and what may change.
        """
        fixed = {*scope.late, *scope.fixed}
        units = tuple(u for u in units_of(table, planned) if not set(u.columns) & fixed)
        repair = Repair.of(table, dialect, units, scope)
        touched = repair.touched if repair else set()
        distinct = Distinct.of(table, dialect, planned, model, units, scope, touched)
        return cls(units, repair, distinct)

    def mend(self, rows: pa.Table, rng: np.random.Generator) -> Mended:
        """
        Change rows until they keep the rules, and leave out the few for which nothing helps.

        Args:
            rows: (n,) the next rows of the table.
            rng: decides.
        """
        draft = Draft(rows, self.units)
        if self.repair is None:
            kept = self.distinct.repair(draft, rng)
            return Mended(draft.rows, kept, draft.changed, draft.keys, draft.places)
        self.repair.mend(draft, rng)
        kept = self.distinct.repair(draft, rng, self.repair.holds)
        sound = self.repair.holds(draft.rows)
        if len(rows) and (~sound).mean() <= _MOST_LEFT_OUT:
            kept = kept & sound
        return Mended(draft.rows, kept, draft.changed, draft.keys, draft.places)

    @property
    def watched(self) -> frozenset[str]:
        """The columns that decide what must not repeat."""
        return frozenset(c for rule in self.distinct.rules for c in rule.columns)

    def sound(self, rows: pa.Table, before: pa.Table) -> NDArray[np.bool_]:
        """(n,) whether each row keeps the checks, and what must not repeat as it was before."""
        kept = np.ones(len(rows), bool) if self.repair is None else self.repair.holds(rows)
        for name in self.watched:
            now, then = (t.column(name).combine_chunks() for t in (rows, before))
            if not now.equals(then):
                same = pc.fill_null(pc.equal(now, then), False)
                same = pc.or_(same, pc.and_(pc.is_null(now), pc.is_null(then)))
                kept &= np.asarray(same)
        return kept
