"""The database as the last judge: rows that break a check only it understands are mended first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np
import pyarrow as pa

from dbsynth.adapters.base import Judge
from dbsynth.adapters.scratch import Scratch
from dbsynth.arrow import arrow_schema
from dbsynth.expressions import UntranslatableError
from dbsynth.mending.checks import Repair
from dbsynth.mending.draft import Draft, Unit
from dbsynth.mending.localsql import LocalSql
from dbsynth.model.base import stable_seed
from dbsynth.schema import Table


def has_opaque_checks(table: Table, dialect: str) -> bool:
    """Whether a check cannot be evaluated outside of the database."""
    local, scratch = LocalSql(table, dialect), Scratch()
    nothing = arrow_schema(table).empty_table()
    for check in table.row_checks:
        try:
            sql = local.sql(local.parse(check.expression))
        except UntranslatableError:
            return True
        if scratch.hold(nothing, [sql])[0] is None:
            return True
    return False


def judged(
    judge: Judge,
    table: Table,
    dialect: str,
    batches: Iterable[pa.RecordBatch],
    referenced: Iterable[str],
    seed: int,
) -> Iterator[pa.RecordBatch]:
    """
    Let a target judge rows before it gets them, and change those that break a check.

    Args:
        judge: the target.
        table: its table.
        dialect: of its expressions.
        batches: rows, by its column names.
        referenced: columns that other tables rely on.
        seed: of what is tried.
    """
    units = _free(table, set(referenced))
    repair = Repair.by(partial(judge.hold, table), table, dialect, units)
    for number, batch in enumerate(batches):
        rng = np.random.Generator(np.random.Philox(key=stable_seed(seed, table.name, number)))
        draft = Draft(pa.Table.from_batches([batch]), units)
        repair.mend(draft, rng)
        yield from draft.rows.combine_chunks().to_batches() if draft.changed else [batch]


def _free(table: Table, referenced: set[str]) -> tuple[Unit, ...]:
    """Columns on which no key, no unique and no exclusion depends."""
    bound = referenced | set(table.primary_key)
    bound |= {c for key in table.foreign_keys for c in key.columns}
    bound |= {c for unique in (*table.uniques, *table.part_uniques) for c in unique.columns}
    if table.exclusions or any(i.is_unique and i.expressions for i in table.indexes):
        bound |= _named(table)
    return tuple(
        Unit(name=c.name, columns=(c.name,), is_nullable=c.is_nullable)
        for c in table.written_columns
        if c.name not in bound
    )


def _named(table: Table) -> set[str]:
    """Columns that indexes over expressions and exclusions may be about."""
    texts = [e for index in table.indexes if index.is_unique for e in index.expressions]
    texts += [e for rule in table.exclusions for e, _ in rule.elements]
    return {c.name for c in table.columns if any(c.name in text for text in texts)}
