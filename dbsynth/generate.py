"""
Generate: rows from a model, parents first, in chunks; needs no source.

Each table takes two passes.  Pass A (`structure`) fixes the structure of all its rows: how many
each owner has (prefix sums give every row its number), which kinds of other parents they ask for,
and, by capacity tokens, which parent rows they get.  Pass B (`attributes`) draws the attributes
chunk by chunk, on condition of all the rows that pass A connected, and hands them out as Arrow.  A
chunk's random numbers depend on seed, table and chunk alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.aims import Aim
from dbsynth.arrow import bare_rows
from dbsynth.attributes import draw_attributes, draw_moments
from dbsynth.backfill import close_cycles
from dbsynth.beside import NO_HELP, Help, SinkOf
from dbsynth.features import Features, Ints
from dbsynth.keepers.totals import Totals
from dbsynth.matching import places_of, rows_of
from dbsynth.orphans import with_parents
from dbsynth.pilot import learn_tilts
from dbsynth.plan import KeyPlan, TablePlan
from dbsynth.progress import Event, Progress, silent
from dbsynth.sample import foreign_key
from dbsynth.schema import Backfill, Batch, ForeignKey, Stored, Table, TableName
from dbsynth.state import Changes, State, row_index
from dbsynth.structure import build_skeleton
from dbsynth.tablemodel import Model, TableModel
from dbsynth.timings import years_of
from dbsynth.values import dates_of, placeholders
from dbsynth.workers import Workers


def generate(
    model: Model,
    *,
    scale: float = 1.0,
    seed: int | None = None,
    rows: Mapping[TableName, int] | None = None,
    aims: tuple[Aim, ...] = (),
    changes: Changes | None = None,
    progress: Progress = silent,
    workers: Workers | None = None,
    sink_of: SinkOf | None = None,
) -> Iterator[Batch | Backfill | Stored]:
    """
    Draw a whole database.

    Args:
        model: from `fit`.
        scale: multiplies the rows of every table that is not a reference table.
        seed: another database of the same kind; None: the plan's.
        rows: overrides the rows of single tables.
        aims: shares that rows are to reach, other than those of the source.
        changes: gets, by table and column, how many values rules changed after they were drawn.
        progress: told about rows made.
        workers: who draw chunks ahead, where it is worth it; the rows are the same.
        sink_of: for each table how workers can put rows into the target themselves, if they can.

    Yields:
        Arrow batches, all of a table before the next, parents first; then the keys that close
        cycles.
    """
    state = State(model, scale, model.plan.seed if seed is None else seed, dict(rows or {}))
    state.changes = {} if changes is None else changes
    aimed = frozenset((aim.target.table, column) for aim in aims for column in aim.columns)
    state.totals = Totals.of(model.plan, aimed)
    if aims:
        state.tilts = learn_tilts(model, aims, state.seed, _quietly, progress)
    for planned in state.order():
        state.settle_above(planned.name)
        yield from _table(state, planned, progress, Help(workers, None if aims else sink_of))
        state.forget(planned.name)
    for planned in model.plan.tables.values():
        yield from close_cycles(state, planned)
        table = state.plan.schema.table(planned.name)
        yield from state.totals.settle(table, state.keys.get(planned.name, {}))


def _quietly(state: State, planned: TablePlan) -> Iterator[Batch]:
    return (item for item in _table(state, planned, silent) if isinstance(item, Batch))


def _table(
    state: State, planned: TablePlan, progress: Progress, help_: Help = NO_HELP
) -> Iterator[Batch | Stored]:
    table, model = state.plan.schema.table(planned.name), state.model.tables[planned.name]
    if planned.mode == "empty":
        state.known.features[planned.name] = Features.empty(0)
        state.finish(table, model, 0, [], {})
    elif not table.written_columns:  # the database computes all there is
        size = state.wanted(planned)
        state.finish(table, model, size, [], {})
        yield Batch(planned.name, bare_rows(size))
    elif planned.mode == "copy":
        yield from _copied(state, planned, table, model, progress)
    else:
        skeleton = build_skeleton(
            state, planned, table, model,
            lambda first: draw_moments(state, planned, table, model, first, help_.workers),
            help_.workers,
        )  # fmt: skip
        state.forget_fanouts(planned)
        yield from draw_attributes(state, planned, table, model, skeleton, progress, help_)


def _copied(
    state: State, planned: TablePlan, table: Table, model: TableModel, progress: Progress
) -> Iterator[Batch]:
    """Hand out a reference table's own rows, with new keys to generated tables."""
    assert model.rows is not None
    assert model.content is not None
    rows, layout = model.rows, model.content.layout
    values = {c.name: c.values(rows.column(c.name).combine_chunks()) for c in layout.columns}
    state.known.features[planned.name] = layout.features(values, len(rows))
    pointers: dict[str, Ints] = {}
    for key in planned.keys:
        declared = foreign_key(table, key.name)
        if declared.is_self:
            own = [rows.column(c) for c in declared.parent_columns]
            rows, _ = with_parents(rows, table, declared, own)
            pointers[key.name] = np.full(len(rows), -1, np.int64)
        elif state.plan.tables[key.parent].mode == "copy":
            pointers[key.name] = np.full(len(rows), -1, np.int64)
            if key.role != "backfill":
                parents = [state.parent_key(declared, c) for c in declared.parent_columns]
                rows, pointers[key.name] = with_parents(rows, table, declared, parents)
        else:
            rows, pointers[key.name] = _redrawn(state, planned, rows, declared, key)
    state.known.pointers[planned.name] = pointers
    state.finish(table, model, len(rows), [rows], {})
    state.known.dates[planned.name] = dates_of(rows)
    told = {c.name: c.values(rows.column(c.name).combine_chunks()) for c in layout.columns}
    state.known.years[planned.name] = years_of(layout.columns, told)
    yield from (Batch(planned.name, batch) for batch in rows.to_batches())
    progress(Event("generate", str(planned.name), len(rows), len(rows), "copied"))


def _redrawn(
    state: State, planned: TablePlan, rows: pa.Table, declared: ForeignKey, key: KeyPlan
) -> tuple[pa.Table, Ints]:
    """Point a reference table's rows to generated parents: those of one old parent to one new."""
    columns = [rows.column(c) for c in declared.columns]
    here = rows_of(rows, declared)
    codes = np.where(here, places_of(columns, columns)[0], -1)
    state.presence[planned.name, key.name] = (codes >= 0).astype(np.int64)
    parents = state.sizes.get(key.parent, 0)
    pointers = np.full(len(rows), -1, np.int64)
    if parents and key.role != "backfill":
        order = state.rng(planned.name, key.name).permutation(parents)
        fits = (codes >= 0) & ((codes < parents) | (not _is_unique(state, declared)))
        pointers[fits] = order[codes[fits] % parents]
    for column, parent_column in zip(declared.columns, declared.parent_columns, strict=True):
        kind = rows.column(column).type
        own = state.plan.schema.table(planned.name).column(column)
        taken = pa.nulls(len(rows), kind)
        taken = taken if own.is_nullable else placeholders(own.type, 0, len(rows))
        if key.role != "backfill":
            taken = state.parent_key(declared, parent_column).take(row_index(pointers)).cast(kind)
        if not here.all():
            taken = pc.if_else(pa.array(here), taken, rows.column(column))
        rows = rows.set_column(rows.column_names.index(column), column, taken)
    return rows, pointers


def _is_unique(state: State, key: ForeignKey) -> bool:
    """Whether two rows with the same parent may break a unique set."""
    sets = state.plan.schema.table(key.child).unique_sets
    return any(set(unique) & set(key.columns) for unique in sets)
