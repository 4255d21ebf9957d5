"""Fill the keys by which rows refer to their own table: trees within the rows of one place."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from dbsynth.features import Ints
from dbsynth.keys import grow_tree, rake
from dbsynth.matching import match_rows
from dbsynth.plan import KeyPlan, TablePlan
from dbsynth.rows import Values
from dbsynth.sample import foreign_key
from dbsynth.schema import ForeignKey, Table
from dbsynth.state import State, row_index
from dbsynth.tablemodel import TableModel, edge_name


def hang(
    state: State,
    planned: TablePlan,
    table: Table,
    model: TableModel,
    rows: pa.Table,
    values: Values,
) -> pa.Table:
    """
    Hang a table's rows under each other.

    Args:
        state: for the random streams, and the other keys.
        planned: which keys refer to the table itself.
        table: the source's.
        model: released fan-outs.
        rows: (n,) the whole table.
        values: (n,) drawn: whether a row has a parent (by key), how many children (by edge).

    Returns:
        the rows with these keys filled.
    """
    for key in planned.keys:
        if key.role != "self":
            continue
        declared = foreign_key(table, key.name)
        shared = _shared_columns(state, table, declared)
        pointers = _pointers(state, key, model, values, _groups(rows, shared))
        if not any(table.column(c).is_nullable for c in key.columns):
            pointers = np.where(
                pointers < 0, np.arange(len(rows)), pointers
            )  # roots own themselves
        state.known.pointers[table.name][key.name] = pointers
        own = rows.select(list(declared.parent_columns))
        for column, parent_column in zip(declared.columns, declared.parent_columns, strict=True):
            if column not in shared:
                at = rows.column_names.index(column)
                taken = own.column(parent_column).take(row_index(pointers))
                rows = rows.set_column(at, column, taken.cast(rows.column(column).type))
    return rows


def _pointers(state: State, key: KeyPlan, model: TableModel, values: Values, groups: Ints) -> Ints:
    edge = edge_name(model.name, key.name)
    has_parent = values[key.name] > 0
    rng = state.rng(model.name, key.name)
    drawn = values[edge].astype(np.float64)
    capacity = rake(drawn, model.counts[edge], int(has_parent.sum()), rng)
    return grow_tree(has_parent, capacity, groups, rng)


def _shared_columns(state: State, table: Table, key: ForeignKey) -> set[str]:
    """Key columns that other keys have filled: parent and child have them in common."""
    known = state.known.pointers[table.name]
    others = [k for k in table.foreign_keys if not k.is_self and k.name in known]
    return {c for c in key.columns for k in others if c in k.columns}


def _groups(rows: pa.Table, shared: set[str]) -> Ints:
    """A code for every combination of the shared columns; (n,)."""
    if not shared:
        return np.zeros(len(rows), np.int64)
    columns = rows.select(sorted(shared))
    values = columns.group_by(columns.column_names).aggregate([])
    return match_rows(columns.columns, values.columns)
