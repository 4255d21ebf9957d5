"""Mend rows that break a CHECK constraint, with values of rows that do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dbsynth.adapters.scratch import Scratch
from dbsynth.expressions import UntranslatableError, mentioned, translate
from dbsynth.features import Ints
from dbsynth.schema import Table

ROUNDS = 6  # of repair: mending one check may break another


@dataclass(frozen=True)
class Repair:
    """Mends rows that break a check, with values of rows that do not."""

    conditions: Mapping[str, str]  # name -> expression in DuckDB's dialect
    columns: Mapping[str, tuple[str, ...]]  # name -> the columns that may change
    scratch: Scratch = field(default_factory=Scratch)

    @classmethod
    def of(cls, table: Table, dialect: str, fixed: set[str]) -> Repair | None:
        """
        Prepare the checks of a table; None if there are none that can be evaluated.

        Args:
            table: the source's.
            dialect: of its expressions.
            fixed: columns that may not change: keys.
        """
        names = {c.name: c.name for c in table.columns}
        written = {c.name for c in table.written_columns}
        conditions, columns = {}, {}
        for check in table.row_checks:
            used = mentioned(check.expression, dialect, names)
            movable = tuple(c for c in used if c not in fixed)
            if not movable or not set(used) <= written:
                continue
            try:
                conditions[check.name] = translate(check.expression, dialect, "duckdb", names)
            except UntranslatableError:
                continue
            columns[check.name] = movable
        return cls(conditions, columns) if conditions else None

    def donors(self, rows: pa.Table, rng: np.random.Generator) -> dict[str, Ints]:
        """
        Find whose values the rows that break a check should take.

        Returns:
            by column, (n,) the row number whose value each row gets; only columns that change.
        """
        own = np.arange(len(rows))
        moved: dict[str, Ints] = {}
        for _ in range(ROUNDS):
            held = {n: np.asarray(h) for n, h in self.scratch.hold(rows, self.conditions).items()}
            broken = {n: h for n, h in held.items() if not h.all()}
            if not broken:
                break
            for name, good in broken.items():
                sound = _sound(held, self.columns, self.columns[name])
                pool = (
                    np.flatnonzero(good & sound) if (good & sound).any() else np.flatnonzero(good)
                )
                bad = np.flatnonzero(~good)
                if len(pool) == 0:
                    continue
                chosen = rng.choice(pool, len(bad))
                for column in self.columns[name]:
                    place = moved.setdefault(column, own.copy())
                    place[bad] = place[chosen]
                    step = own.copy()
                    step[bad] = chosen
                    at = rows.column_names.index(column)
                    rows = rows.set_column(at, column, rows.column(column).take(pa.array(step)))
        return moved


def _sound(
    held: Mapping[str, NDArray[np.bool_]],
    columns: Mapping[str, tuple[str, ...]],
    touched: tuple[str, ...],
) -> NDArray[np.bool_]:
    """Rows in which every check that shares a column with the broken one holds."""
    related = [h for n, h in held.items() if set(columns[n]) & set(touched)]
    sound: NDArray[np.bool_] = np.logical_and.reduce(related)
    return sound
