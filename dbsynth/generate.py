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

from dbsynth.arrow import arrow_type
from dbsynth.attributes import draw_attributes
from dbsynth.features import Features, Ints
from dbsynth.keys import ANYWHERE, draw_in_place, make_distinct
from dbsynth.matching import match_rows, places_of
from dbsynth.plan import KeyPlan, TablePlan
from dbsynth.progress import Event, Progress, silent
from dbsynth.sample import foreign_key
from dbsynth.schema import Backfill, Batch, ForeignKey, Table, TableName
from dbsynth.state import State, row_index, tied_columns
from dbsynth.structure import build_skeleton
from dbsynth.tablemodel import Model, TableModel


def generate(
    model: Model,
    *,
    scale: float = 1.0,
    seed: int | None = None,
    rows: Mapping[TableName, int] | None = None,
    progress: Progress = silent,
) -> Iterator[Batch | Backfill]:
    """
    Draw a whole database.

    Args:
        model: from `fit`.
        scale: multiplies the rows of every table that is not a reference table.
        seed: another database of the same kind; None: the plan's.
        rows: overrides the rows of single tables.
        progress: told about rows made.

    Yields:
        Arrow batches, all of a table before the next, parents first; then the keys that close
        cycles.
    """
    state = State(model, scale, model.plan.seed if seed is None else seed, dict(rows or {}))
    for planned in model.plan.tables.values():
        yield from _table(state, planned, progress)
    for planned in model.plan.tables.values():
        for key in planned.keys:
            if key.role == "backfill":
                yield from _backfill(state, planned, key)


def _table(state: State, planned: TablePlan, progress: Progress) -> Iterator[Batch]:
    table, model = state.plan.schema.table(planned.name), state.model.tables[planned.name]
    if planned.mode == "empty":
        state.known.features[planned.name] = Features.empty(0)
        state.finish(table, model, 0, [], {})
    elif planned.mode == "copy":
        yield from _copied(state, planned, table, model, progress)
    else:
        skeleton = build_skeleton(state, planned, table, model)
        yield from draw_attributes(state, planned, table, model, skeleton, progress)


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
            pointers[key.name] = np.full(len(rows), -1, np.int64)
        elif state.plan.tables[key.parent].mode == "copy" and key.role != "backfill":
            parents = [state.parent_key(declared, c) for c in declared.parent_columns]
            pointers[key.name] = match_rows([rows.column(c) for c in declared.columns], parents)
        else:
            rows, pointers[key.name] = _redrawn(state, planned, rows, declared, key)
    state.known.pointers[planned.name] = pointers
    state.finish(table, model, len(rows), [rows], {})
    yield from (Batch(planned.name, batch) for batch in rows.to_batches())
    progress(Event("generate", str(planned.name), len(rows), len(rows), "copied"))


def _redrawn(
    state: State, planned: TablePlan, rows: pa.Table, declared: ForeignKey, key: KeyPlan
) -> tuple[pa.Table, Ints]:
    """Point a reference table's rows to generated parents: those of one old parent to one new."""
    columns = [rows.column(c) for c in declared.columns]
    codes, _ = places_of(columns, columns)
    state.presence[planned.name, key.name] = (codes >= 0).astype(np.int64)
    parents = state.sizes.get(key.parent, 0)
    pointers = np.full(len(rows), -1, np.int64)
    if parents and key.role != "backfill":
        order = state.rng(planned.name, key.name).permutation(parents)
        fits = (codes >= 0) & ((codes < parents) | (not _is_unique(state, declared)))
        pointers[fits] = order[codes[fits] % parents]
    for column, parent_column in zip(declared.columns, declared.parent_columns, strict=True):
        kind = rows.column(column).type
        taken = pa.nulls(len(rows), kind)
        if column in tied_columns(state.plan.schema.table(planned.name), planned, key):
            continue
        if key.role != "backfill":
            taken = state.parent_key(declared, parent_column).take(row_index(pointers)).cast(kind)
        rows = rows.set_column(rows.column_names.index(column), column, taken)
    return rows, pointers


def _is_unique(state: State, key: ForeignKey) -> bool:
    """Whether two rows with the same parent may break a unique set."""
    sets = state.plan.schema.table(key.child).unique_sets
    return any(set(unique) & set(key.columns) for unique in sets)


def _backfill(state: State, planned: TablePlan, key: KeyPlan) -> Iterator[Backfill]:
    """Close a cycle: choose the rows that a key leads to, now that both tables are there."""
    table = state.plan.schema.table(planned.name)
    declared = foreign_key(table, key.name)
    size, parents = state.sizes[planned.name], state.sizes.get(key.parent, 0)
    present = state.presence.get((planned.name, key.name), np.ones(size, np.int64)) > 0
    is_optional = any(table.column(c).is_nullable for c in key.columns)
    present |= not is_optional
    rng = state.rng(planned.name, key.name, "backfill")
    pairs = list(zip(declared.columns, declared.parent_columns, strict=True))
    tied = tied_columns(table, planned, key)
    places = np.full(size, ANYWHERE), np.full(parents, ANYWHERE)
    if tied:
        own = [state.keys[planned.name][c] for c, _ in pairs if c in tied]
        places = places_of(own, [state.parent_key(declared, p) for c, p in pairs if c in tied])
    pointers = np.where(present, draw_in_place(*places, rng), -1)
    if state.model.tables[planned.name].agreements.get(key.name, 0.0) > 0.5:
        back = _pointing_back(state, planned, key, rng)
        pointers = np.where(present & (is_optional | (back >= 0)), back, pointers)
    if _is_unique(state, declared):
        nothing, all_parents = np.zeros(size, np.int64), np.arange(parents)
        pointers, repeated = make_distinct([nothing], pointers, all_parents, *places, rng)
        pointers = np.where(repeated, -1, pointers)
    rows = np.flatnonzero(pointers >= 0)
    if len(rows) == 0:
        return
    filled = {c: state.keys[planned.name][c].take(pa.array(rows)) for c in table.primary_key}
    late = [(c, p) for c, p in pairs if c not in tied]
    for column, parent_column in late:
        taken = state.parent_key(declared, parent_column).take(pa.array(pointers[rows]))
        filled[column] = taken.cast(arrow_type(table.column(column).type))
    for batch in pa.table(filled).combine_chunks().to_batches():
        yield Backfill(planned.name, tuple(c for c, _ in late), batch)


def _pointing_back(
    state: State, planned: TablePlan, key: KeyPlan, rng: np.random.Generator
) -> Ints:
    """For each row, one of the parent table's rows that point to it; -1 if none does."""
    known = state.known.pointers[key.parent]
    keys = state.plan.tables[key.parent].keys
    back = next(known[k.name] for k in keys if k.parent == planned.name and k.name in known)
    order = rng.permutation(len(back))
    order = order[back[order] >= 0]
    found = np.full(state.sizes[planned.name], -1, np.int64)
    found[back[order]] = order
    return found
