"""Fill the keys by which rows refer to their own table: trees within the rows of one place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dbsynth.exchanging import Slots, Windows, claim
from dbsynth.features import Ints
from dbsynth.grid import NONE
from dbsynth.keepers.above import agreements, climbing, hanging
from dbsynth.keys import combined, duplicates, grow_by_depth, grow_tree, rake
from dbsynth.plan import KeyPlan, TablePlan
from dbsynth.rows import Values
from dbsynth.sample import foreign_key
from dbsynth.schema import ForeignKey, Table
from dbsynth.state import State, row_index
from dbsynth.tablemodel import TableModel, edge_name
from dbsynth.timings import Timing
from dbsynth.values import to_floats


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
    keys = [foreign_key(table, k.name) for k in planned.keys if k.role == "self"]
    done = {c for k in planned.keys if k.role not in ("self", "backfill") for c in k.columns}
    open_columns = {c for k in keys for c in k.columns} - done
    for key in keys:
        # A polymorphic key has its column to itself in the rows that it is about.
        own = [c for c in key.columns if c in open_columns or key.when is not None]
        open_columns -= set(own)
        sets = [u for u in table.unique_sets if set(u) & set(own) and not set(u) & open_columns]
        rows = _Tree(state, planned, table, model, key, tuple(own), tuple(sets)).hung(rows, values)
    return rows


@dataclass(frozen=True)
class _Tree:
    """One key by which rows refer to their own table."""

    state: State
    planned: TablePlan
    table: Table
    model: TableModel
    key: ForeignKey
    own: tuple[str, ...]  # its columns that nothing else has filled
    uniques: tuple[tuple[str, ...], ...]  # unique sets that it completes

    def hung(self, rows: pa.Table, values: Values) -> pa.Table:
        key = self.key
        groups, offered = self._groups(rows)
        planned = next(k for k in self.planned.keys if k.name == key.name)
        pointers = self._pointers(planned, rows, values, groups, offered)
        pointers = self._spread(rows, pointers, groups, offered)
        is_needed = values[key.name] > 0 if key.when is not None else np.ones(len(rows), bool)
        is_required = not any(self.table.column(c).is_nullable for c in key.columns)
        if is_required or key.when is not None:
            roots = (pointers < 0) & offered & is_needed
            pointers = np.where(roots, np.arange(len(rows)), pointers)  # they own themselves
        self.state.known.pointers[self.table.name][key.name] = pointers
        for column in self.own:
            taken = rows.column(self._above(column)).take(row_index(pointers))
            at = rows.column_names.index(column)
            taken = taken.cast(rows.column(column).type)
            if key.when is not None:
                taken = pc.if_else(pa.array(pointers >= 0), taken, rows.column(column))
            rows = rows.set_column(at, column, taken)
        return rows

    def _above(self, column: str) -> str:
        return self.key.parent_columns[self.key.columns.index(column)]

    def _groups(self, rows: pa.Table) -> tuple[Ints, NDArray[np.bool_]]:
        """
        Which rows may be each other's parents, and which may be parents at all.

        Returns:
            (n,) codes, of the columns that parent and child have in common, NONE where one is
            NULL; (n,) whether a row's own key is complete.
        """
        offered = np.ones(len(rows), bool)
        for column in self.key.parent_columns:
            offered &= np.asarray(rows.column(column).is_valid())
        shared = [(c, self._above(c)) for c in self.key.columns if c not in self.own]
        late = {c for k in self.planned.keys if k.role in ("self", "backfill") for c in k.columns}
        rules = agreements(self.state.plan, self.table, self.key.name)
        shared += [pair for pair in rules if not late & set(pair)]
        if not shared:
            return np.zeros(len(rows), np.int64), offered
        both = [_codes(rows, *pair) for pair in shared]
        wanted = np.stack([b[: len(rows)] for b in both], axis=1)
        # A row that is in one group as a child and in another as a parent is nobody's parent.
        offered &= np.all([b[: len(rows)] == b[len(rows) :] for b in both], axis=0)
        return combined(wanted), offered

    def _pointers(
        self,
        key: KeyPlan,
        rows: pa.Table,
        values: Values,
        groups: Ints,
        offered: NDArray[np.bool_],
    ) -> Ints:
        edge = edge_name(self.model.name, key.name)
        has_parent = (values[key.name] > 0) & (groups >= 0)
        depth = climbing(self.state.plan, self.table, key.name)
        if depth is not None:
            depths = to_floats(rows.column(depth[0]).combine_chunks())
            hung = hanging(self.state.plan, self.table, key.name, depth[0])
            has_parent = has_parent if hung is None else np.isin(depths, list(hung)) & (groups >= 0)
        rng = self.state.rng(self.model.name, key.name)
        drawn = np.where(offered, values[edge].astype(np.float64), 0.0)
        capacity = rake(drawn, self.model.counts[edge], int(has_parent.sum()), rng)
        if depth is not None:
            return grow_by_depth(has_parent, capacity, groups, depths, depth[1], rng, offered)
        timing = next((t for t in self.model.timings if t.key == key.name), None)
        if timing is None or not has_parent.any():
            return grow_tree(has_parent, capacity, groups, rng, offered)
        return _in_time(timing, values, has_parent, np.where(offered, capacity, 0), groups, rng)

    def _spread(
        self, rows: pa.Table, pointers: Ints, groups: Ints, offered: NDArray[np.bool_]
    ) -> Ints:
        """Hang rows that repeat a unique set under others, or make them roots."""
        if not self.uniques or not len(rows):
            return pointers
        rng = self.state.rng(self.model.name, self.key.name, "spread")
        sets = [self._columns_of(rows, unique) for unique in self.uniques]
        again = np.zeros(len(rows), bool)
        for fixed, shown in sets:
            again |= duplicates([*fixed, _seen(shown, pointers)])
        level = _levels(pointers)
        wrong = np.flatnonzero(again)
        used = [set(_told(s, pointers, np.flatnonzero(~again))) for s in sets]
        for row in wrong.tolist():
            # Only rows of lower levels may be its parents, so that no cycle arises.
            fits = (groups == groups[row]) & offered & (level < level[row])
            parents = [*rng.permutation(np.flatnonzero(fits)).tolist(), NONE]
            pointers[row] = next((p for p in parents if _is_new(sets, used, row, p)), NONE)
            for known, one in zip(used, sets, strict=True):
                known.update(_told(one, pointers, np.array([row])))
        return pointers

    def _columns_of(self, rows: pa.Table, unique: tuple[str, ...]) -> tuple[list[Ints], Ints]:
        """The columns of a unique set that are fixed, and what each parent shows in the rest."""
        fixed = [_codes(rows, c) for c in unique if c not in self.own]
        theirs = [_codes(rows, self._above(c)) for c in unique if c in self.own]
        return fixed, combined(np.stack(theirs, axis=1))


def _in_time(
    timing: Timing, values: Values, has_parent: NDArray[np.bool_], capacity: Ints, groups: Ints,
    rng: np.random.Generator,
) -> Ints:  # fmt: skip
    """Hang (n,) rows under others that were there before them, or come after them: no cycle."""
    known = {n: v.astype(np.float64) for n, v in values.items()}
    rows = len(groups)
    windows = Windows.of(timing, known, known)
    own, theirs = (windows.first, windows.last), (windows.start, windows.end)
    if timing.by_end:
        own, theirs = (-windows.last, -windows.first), (-windows.end, -windows.start)
    # A parent's date says who is there before whom; where it is unknown nobody hangs there.
    until = np.fmin(own[0], theirs[0])
    here = np.isfinite(theirs[0])
    slots = np.repeat(np.arange(rows), np.where(here, capacity, 0))
    waiting = np.flatnonzero(has_parent & np.isfinite(until))
    waiting = waiting[np.argsort(until[waiting], kind="stable")]
    offered = Slots(groups[slots], theirs[0][slots], theirs[1][slots])
    places = claim(waiting, until, own[1], groups, offered, timing.lags, rng)
    return np.where(places >= 0, slots[np.maximum(places, 0)], NONE) if len(slots) else places


def _codes(rows: pa.Table, *columns: str) -> Ints:
    """Number the values of columns, one after the other; NONE for NULL."""
    kind = rows.column(columns[0]).type
    chunks = [c for name in columns for c in rows.column(name).cast(kind).chunks]
    encoded = pa.chunked_array(chunks, kind).combine_chunks().dictionary_encode()
    return np.asarray(encoded.indices.fill_null(NONE)).astype(np.int64)


def _seen(shown: Ints, pointers: Ints) -> Ints:
    return np.where(pointers >= 0, shown[np.maximum(pointers, 0)], NONE)


def _told(one: tuple[list[Ints], Ints], pointers: Ints, rows: Ints) -> list[tuple[int, ...]]:
    """What rows show in a unique set, those with a NULL left out."""
    fixed, shown = one
    columns = [*(f[rows] for f in fixed), _seen(shown, pointers[rows])]
    return [t for t in zip(*(c.tolist() for c in columns), strict=True) if min(t) >= 0]


def _is_new(
    sets: list[tuple[list[Ints], Ints]], used: list[set[tuple[int, ...]]], row: int, parent: int
) -> bool:
    for (fixed, shown), known in zip(sets, used, strict=True):
        told = (*(int(f[row]) for f in fixed), int(shown[parent]) if parent >= 0 else NONE)
        if min(told) >= 0 and told in known:
            return False
    return True


def _levels(pointers: Ints) -> Ints:
    """How many steps each row is from its root; (n,)."""
    level, here = np.zeros(len(pointers), np.int64), pointers
    while (here >= 0).any():
        level += here >= 0
        here = np.where(here >= 0, pointers[np.maximum(here, 0)], NONE)
    return level
