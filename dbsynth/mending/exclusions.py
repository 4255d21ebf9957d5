"""Let rows that would exclude one another come one after the other, each as long as it was."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dbsynth.adapters.scratch import Scratch
from dbsynth.expressions import UntranslatableError
from dbsynth.extremes import is_plain
from dbsynth.features import Floats, Ints
from dbsynth.mending.localsql import LocalSql, place
from dbsynth.schema import Column, Exclusion, Table
from dbsynth.spans import RangeText, span_step
from dbsynth.values import from_floats, to_floats

_CALL = re.compile(r"\(*(?:pg_catalog\.)?(\w+range)\((.*)\)\)*", re.DOTALL)
_BOUNDS = re.compile(r"'([\[(][\])])'(?:::text)?")


@dataclass(frozen=True)
class Apart:
    """
    One exclusion constraint that is kept by moving intervals apart.

    The interval is one range column, or one of two columns with bounds of a kind.
    """

    name: str
    groups: tuple[str, ...]  # expressions of what must be equal, in the in-memory engine's SQL
    covered: str
    columns: tuple[Column, ...]  # the range, or start and end
    bounds: str  # [) and its like, where there are two columns

    @classmethod
    def of(cls, table: Table, dialect: str) -> tuple[Apart, ...]:
        """Find the constraints of a table that can be kept: all = but for one &&."""
        local = LocalSql(table, dialect)
        found = (_apart(rule, table, local) for rule in table.exclusions)
        return tuple(apart for apart in found if apart is not None)

    def moved(self, rows: pa.Table, scratch: Scratch) -> pa.Table:
        """
        Move the intervals of (n,) rows so that those of one group do not overlap.

        Durations stay, but where a group has more of them than time between the first start and the
        last end of all rows: there they shrink.
        """
        spans = self._spans(rows)
        groups, covered = self._groups(rows, scratch)
        covered &= spans.is_there
        step = span_step(self.columns[0])
        # In steps all numbers are whole, and sums of them are exact.
        first, last = np.round(spans.starts / step), np.round(spans.ends / step)
        known = np.concatenate([first[covered], last[covered]])
        known = known[np.isfinite(known)]
        if len(known) == 0:
            return rows
        limit = float(known.max())
        starts, ends = first.copy(), last.copy()
        for mine in _members(groups, covered):
            starts[mine], ends[mine] = _one_after_another(starts[mine], ends[mine], limit)
        changed = ((starts != first) | (ends != last)) & covered
        return self._written(rows, starts * step, ends * step, changed)

    def _groups(self, rows: pa.Table, scratch: Scratch) -> tuple[Ints, NDArray[np.bool_]]:
        """A code for what must be equal, and which rows the constraint is about."""
        wanted = [f"hash({', '.join(self.groups)})" if self.groups else "0::UBIGINT", self.covered]
        key, covered = scratch.compute(rows, wanted)
        if key is None or covered is None:
            return np.zeros(len(rows), np.int64), np.zeros(len(rows), bool)
        codes = np.unique(np.asarray(key, np.uint64), return_inverse=True)[1]
        return codes.astype(np.int64), np.asarray(covered, bool)

    def _spans(self, rows: pa.Table) -> Spans:
        columns = [rows.column(c.name).combine_chunks() for c in self.columns]
        if len(columns) == 1:
            text = RangeText.parse(columns[0], self.columns[0])
            return Spans(text.starts, text.ends, text.is_there)
        step = span_step(self.columns[0])
        starts, ends = (to_floats(c) for c in columns)
        starts, ends = np.fmin(starts, ends), np.fmax(starts, ends)  # a range never ends too early
        missing = [np.asarray(pc.is_null(c)) for c in columns]
        starts = np.where(missing[0], -np.inf, starts + (self.bounds[0] == "(") * step)
        ends = np.where(missing[1], np.inf, ends + (self.bounds[1] == "]") * step)
        known = [
            m | is_plain(np.where(m, 0.0, v)) for m, v in zip(missing, (starts, ends), strict=True)
        ]
        return Spans(starts, ends, known[0] & known[1] & (ends > starts))

    def _written(
        self, rows: pa.Table, starts: Floats, ends: Floats, changed: NDArray[np.bool_]
    ) -> pa.Table:
        """Write intervals back where they were moved."""
        if len(self.columns) == 1:
            name = self.columns[0].name
            old = rows.column(name).combine_chunks()
            new = RangeText(starts, ends, changed).write(old, self.columns[0])
            return rows.set_column(rows.column_names.index(name), name, new)
        step = span_step(self.columns[0])
        starts = starts - (self.bounds[0] == "(") * step
        ends = ends - (self.bounds[1] == "]") * step
        for column, values in zip(self.columns, (starts, ends), strict=True):
            old = rows.column(column.name).combine_chunks()
            written = from_floats(np.where(np.isfinite(values), values, np.nan), old.type)
            new = pc.if_else(pa.array(changed), written, old)
            rows = rows.set_column(rows.column_names.index(column.name), column.name, new)
        return rows


@dataclass(frozen=True)
class Spans:
    """(n,) intervals from a start up to, but not including, an end."""

    starts: Floats
    ends: Floats
    is_there: NDArray[np.bool_]  # neither NULL nor empty


def _apart(rule: Exclusion, table: Table, local: LocalSql) -> Apart | None:
    operators = [operator for _, operator in rule.elements]
    if operators.count("&&") != 1 or any(o not in ("=", "&&") for o in operators):
        return None
    spanned = next(e for e, operator in rule.elements if operator == "&&")
    found = _interval(spanned, table)
    if found is None:
        return None
    try:
        equal = [_equal(e, local) for e, operator in rule.elements if operator == "="]
        predicate = local.sql(local.parse(rule.predicate)) if rule.predicate else "true"
    except UntranslatableError:
        return None
    covered = [f"coalesce(({predicate})::BOOLEAN, false)", *(f"({e}) IS NOT NULL" for e in equal)]
    return Apart(rule.name, tuple(equal), " AND ".join(covered), *found)


def _equal(expression: str, local: LocalSql) -> str:
    """What must be equal, in the in-memory engine's SQL; a column's text tells for any type."""
    bare = expression.strip().removeprefix('"').removesuffix('"').replace('""', '"')
    if bare in local.places:
        return place(local.places[bare])
    return local.sql(local.parse(expression))


def _interval(expression: str, table: Table) -> tuple[tuple[Column, ...], str] | None:
    """The columns of a range column or of a constructor's call, and the kind of its bounds."""
    columns = {c.name: c for c in table.written_columns}
    columns |= {'"' + c.name.replace('"', '""') + '"': c for c in table.written_columns}
    bare = expression.strip()
    if bare in columns:
        column = columns[bare]
        return ((column,), "[)") if "range" in column.type.native else None
    call = _CALL.fullmatch(bare)
    arguments = [a.strip() for a in call[2].split(",")] if call else []
    bounds = "[)"
    if len(arguments) == 3:
        match = _BOUNDS.fullmatch(arguments.pop())
        if match is None:
            return None
        bounds = match[1]
    found = [columns.get(re.sub(r"^\((.*)\)::[\w ]+$", r"\1", a)) for a in arguments]
    if len(found) != 2 or found[0] is None or found[1] is None:
        return None
    return (found[0], found[1]), bounds


def _members(groups: Ints, covered: NDArray[np.bool_]) -> Iterator[Ints]:
    """The rows of each group that has several."""
    rows = np.flatnonzero(covered)
    rows = rows[np.argsort(groups[rows], kind="stable")]
    cuts = np.flatnonzero(np.diff(groups[rows])) + 1
    yield from (part for part in np.split(rows, cuts) if len(part) > 1)


def _one_after_another(starts: Floats, ends: Floats, limit: float) -> tuple[Floats, Floats]:
    """Move (n,) intervals, in steps, so that none starts before the one before it ends."""
    starts, ends = _bounded(starts, ends)
    order = np.lexsort((ends, starts))
    first, last = starts[order], ends[order]
    if bool((first[1:] >= last[:-1]).all()):
        return starts, ends
    is_open = np.array([np.isinf(first[0]), np.isinf(last[-1])])
    first[0] = last[0] - 1 if is_open[0] else first[0]
    last[-1] = first[-1] + 1 if is_open[1] else last[-1]
    limit = max(limit + is_open[1], first[0] + len(first))
    lengths = last - first
    room = limit - first[0]
    if lengths.sum() > room:
        share = room / lengths.sum()
        lengths = np.maximum(np.floor(lengths * share), 1.0)
        limit = max(limit, first[0] + lengths.sum())
    before = np.concatenate([[0.0], np.cumsum(lengths)[:-1]])
    first = np.maximum.accumulate(first - before) + before
    over = np.maximum(first + lengths - limit, 0.0)
    if over.any():  # push back from the end what was pushed over it
        after = np.concatenate([np.cumsum(lengths[::-1])[::-1][1:], [0.0]])
        first = np.minimum(first, limit - after - lengths)
    last = first + lengths
    first[0] = -np.inf if is_open[0] else first[0]
    last[-1] = np.inf if is_open[1] else last[-1]
    moved_starts, moved_ends = np.empty(len(first)), np.empty(len(last))
    moved_starts[order], moved_ends[order] = first, last
    return moved_starts, moved_ends


def _bounded(starts: Floats, ends: Floats) -> tuple[Floats, Floats]:
    """Leave unbounded only the end of the interval that starts last, and the start of the first."""
    starts, ends = starts.copy(), ends.copy()
    closed = np.isfinite(starts) & np.isfinite(ends)
    usual = float(np.median(ends[closed] - starts[closed])) if closed.any() else 1.0
    usual = max(1.0, np.floor(usual))
    beginless = np.flatnonzero(np.isinf(starts) & np.isfinite(ends))
    if len(beginless):
        first = int(beginless[np.argmin(ends[beginless])])
        is_first = ends[first] <= np.min(np.where(np.isfinite(starts), starts, ends))
        starts[beginless] = ends[beginless] - usual
        starts[first] = -np.inf if is_first else starts[first]
    both = np.isinf(starts) & np.isinf(ends)
    if both.any():
        anchor = float(np.max(ends[closed])) if closed.any() else 0.0
        starts[both] = anchor + usual * np.arange(int(both.sum()))
    endless = np.flatnonzero(np.isinf(ends))
    if len(endless):
        last = int(endless[np.argmax(starts[endless])])
        ends[endless] = starts[endless] + usual
        if starts[last] >= np.max(starts):
            ends[last] = np.inf
    return starts, ends
