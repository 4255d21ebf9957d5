"""Close cycles: set the keys that could not be set before the tables at both ends were there."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from dbsynth.arrow import arrow_type
from dbsynth.features import Ints
from dbsynth.grid import NONE, Grid
from dbsynth.keys import draw_in_place, outermost
from dbsynth.plan import KeyPlan, TablePlan
from dbsynth.polymorphs import polymorphs
from dbsynth.sample import foreign_key
from dbsynth.schema import Backfill, Table
from dbsynth.settle import settle
from dbsynth.state import State, late_columns, late_keys, late_neighbours


def close_cycles(state: State, planned: TablePlan) -> Iterator[Backfill]:
    """Choose the rows that a table's late keys lead to, now that all tables are there."""
    yield from _close_polymorphic(state, planned)
    size, table = state.sizes[planned.name], state.plan.schema.table(planned.name)
    late = late_columns(state.plan, planned)
    if not late or not size or not table.primary_key:
        return
    grid = _grid(state, planned, table)
    pointers: dict[str, Ints] = {}
    for key in late_keys(state.plan, planned):
        pointers[key.name] = _chosen(state, planned, key, grid, pointers)
    rng = state.rng(planned.name, "close")
    settled = settle(grid, pointers, size, list(grid.offers), (), rng)
    filled = {c: state.keys[planned.name][c] for c in table.primary_key}
    for column in late:
        codes = settled.codes[:, grid.columns.index(column)]
        filled[column] = grid.column(column, codes).cast(arrow_type(table.column(column).type))
    is_set = np.zeros(size, bool)
    for column in late:
        is_set |= np.asarray(filled[column].is_valid())
    rows = pa.table(filled).filter(pa.array(is_set)).combine_chunks()
    for batch in rows.to_batches():
        yield Backfill(planned.name, late, batch)


def _close_polymorphic(state: State, planned: TablePlan) -> Iterator[Backfill]:
    """Choose the rows that polymorphic references lead to, each label's rows by themselves."""
    table = state.plan.schema.table(planned.name)
    late = {k.name for k in planned.keys if k.role == "backfill"}
    for key in (k for p in polymorphs(table) for k in p.keys if k.name in late):
        parents = state.parent_key(key, key.parent_columns[0])
        rows = np.flatnonzero(state.presence.get((planned.name, key.name), np.zeros(0)) > 0)
        if not len(rows) or not len(parents) or not table.primary_key:
            continue
        # Each parent before any one twice, so that pairs that may not repeat hardly do.
        order = state.rng(planned.name, key.name, "backfill").permutation(len(parents))
        chosen = parents.take(pa.array(order[np.arange(len(rows)) % len(order)]))
        (column,) = key.columns
        filled = {c: state.keys[planned.name][c].take(pa.array(rows)) for c in table.primary_key}
        filled[column] = chosen.cast(arrow_type(table.column(column).type))
        for batch in pa.table(filled).combine_chunks().to_batches():
            yield Backfill(planned.name, (column,), batch)


def _grid(state: State, planned: TablePlan, table: Table) -> Grid:
    """The late keys, and what else is in their columns and in the unique sets that they share."""
    keys = [foreign_key(table, k.name) for k in late_keys(state.plan, planned)]
    parents = {k.name: [state.parent_key(k, c) for c in k.parent_columns] for k in keys}
    own = state.keys[planned.name]
    return Grid.of(table, keys, parents, {c: own[c] for c in late_neighbours(state.plan, planned)})


def _chosen(
    state: State, planned: TablePlan, key: KeyPlan, grid: Grid, pointers: dict[str, Ints]
) -> Ints:
    """Draw parents among those that agree with what the rows have already; (n,)."""
    size, offer = state.sizes[planned.name], grid.offers[key.name]
    present = state.presence.get((planned.name, key.name), np.ones(size, np.int64)) > 0
    present |= not offer.is_optional
    rng = state.rng(planned.name, key.name, "backfill")
    codes = grid.taken(pointers, size)
    places, parents = grid.meeting(key.name, codes, grid.shared(key.name, list(pointers)))
    drawn = draw_in_place(places, parents, rng)
    if state.model.tables[planned.name].agreements.get(key.name, 0.0) > 0.5:
        back = _pointing_back(state, planned, key, rng)
        drawn = np.where(offer.is_optional | (back >= 0), back, drawn)
    return np.where(present, drawn, NONE)


def _pointing_back(
    state: State, planned: TablePlan, key: KeyPlan, rng: np.random.Generator
) -> Ints:
    """For each row, one of the parent table's rows that point to it; NONE if none does."""
    known = state.known.pointers[key.parent]
    keys = state.plan.tables[key.parent].keys
    back = next(known[k.name] for k in keys if k.parent == planned.name and k.name in known)
    order = rng.permutation(len(back))
    order = order[back[order] >= 0]
    size = state.sizes[planned.name]
    found = np.full(size, NONE, np.int64)
    ends = state.model.tables[planned.name].ends.get(key.name)
    if ends is None:
        found[back[order]] = order
        return found
    first, last = outermost(back, size)
    inner = order[(order != first[back[order]]) & (order != last[back[order]])]
    found[back[inner]] = inner
    drawn = rng.random(size)
    is_first = drawn < ends[0]
    is_last = ~is_first & ((drawn < sum(ends)) | (found < 0))
    if ends[1] == 0 < ends[0]:
        is_first, is_last = is_first | is_last, np.zeros(size, bool)
    return np.where(is_first, first, np.where(is_last, last, found))
