"""Which columns could be undeclared references: by names, types and the first rows alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.arrow import arrow_type
from dbsynth.nones import none_of
from dbsynth.schema import Column, ForeignKey, Schema, SqlType, Table, TableName
from dbsynth.undeclared.refnames import NO_HINT, Hint, Names

if TYPE_CHECKING:
    from dbsynth.adapters.base import Source

LEAST_COVERAGE = 0.9  # of the keys seen; with less it is no reference
LEAST_HINT = 0.3  # names that say less are not looked at
_LEAST_UNNAMED = 3  # different values of a column whose name says nothing
_PROBES = 200  # values that are looked up in a parent too large to have been read
_FIRST_PROBES = 5
_LONGEST = 64  # characters; longer texts are no keys
_MOST_UNNAMED = 3  # parents for one column that no name speaks for
_LEAST_APART = 2  # different values beside the one that stands for none; with fewer it is a flag
# What stands for "no row" where a column has no NULL, the most usual first; as text.
_NONES = {
    "number": ("0", "-1"),
    "string": ("", "0", "-1"),
    "uuid": ("00000000-0000-0000-0000-000000000000",),
}
_WIDEST = 4  # columns of a composite key


@dataclass(frozen=True, slots=True)
class Candidate:
    """A key that may be there, and what its names say."""

    key: ForeignKey
    hint: Hint


@dataclass
class Sight:
    """The first rows of every table, and what was worked out of them."""

    source: Source
    schema: Schema
    rows: Mapping[TableName, pa.Table]
    counts: Mapping[TableName, int]
    _values: dict[tuple[TableName, str], pa.Array] = field(default_factory=dict)

    def values(self, table: TableName, column: str) -> pa.Array:
        """The different values of a column, NULL apart, of the first rows."""
        if (table, column) not in self._values:
            found = pc.unique(self.rows[table].column(column).drop_null())
            self._values[table, column] = found
        return self._values[table, column]

    def is_varied(self, table: TableName, column: Column) -> bool:
        """Whether a column has enough different values to say anything; one text may do."""
        least = 2 if family(column.type) == "number" else 1
        return len(self.values(table, column.name)) >= least

    def is_whole(self, table: TableName) -> bool:
        """Whether the first rows are all rows."""
        return len(self.rows[table]) >= self.counts[table]

    def share_found(self, key: ForeignKey) -> float:
        """The share of the child's values, of those seen, that the parent has; of one column."""
        (column,), (wanted,) = key.columns, key.parent_columns
        kind = arrow_type(self.schema.table(key.parent).column(wanted).type)
        values = _spread(self.values(key.child, column), _PROBES)
        if self.is_whole(key.parent):
            values = self.values(key.child, column)
            held = self.values(key.parent, wanted)
        else:
            held = self._looked_up(key.parent, wanted, values.cast(kind, safe=False))
        values = values.cast(kind, safe=False)
        if key.none is not None:
            values = values.filter(pc.not_equal(values, none_of(key.none, kind)))
        return _share_in(values, held)

    def with_none(self, key: ForeignKey) -> ForeignKey:
        """Let a key of one column know which of the values seen stands for no row, if one does."""
        (column,), (wanted,) = key.columns, key.parent_columns
        table, parent = self.schema.table(key.child), self.schema.table(key.parent)
        kind = arrow_type(parent.column(wanted).type)
        if _is_bound(table, column):
            return key
        seen = self.values(key.child, column).cast(kind, safe=False)
        for none in _NONES[family(table.column(column).type)]:
            if none_of(none, kind) is None:
                continue
            value = pa.array([none]).cast(kind)
            if not _share_in(value, seen) or len(seen) <= _LEAST_APART:
                continue
            if self.is_whole(key.parent):
                held = self.values(key.parent, wanted)
            else:
                held = self._looked_up(key.parent, wanted, value)
            return key if _share_in(value, held) else replace(key, none=none)
        return key

    def _looked_up(self, table: TableName, column: str, values: pa.Array) -> pa.Array:
        from dbsynth.adapters.base import KeyFilter

        keys = KeyFilter((column,), pa.table({column: values}))
        found = self.source.read(self.schema.table(table), [column], keys=keys)
        batches = [batch.column(0) for batch in found]
        return pa.concat_arrays(batches) if batches else values.slice(0, 0)


def _is_bound(table: Table, column: str) -> bool:
    """Whether something is declared of a column that would mean another thing of NULL."""
    unique = {c for columns in table.unique_sets for c in columns}
    unique |= {c for u in table.uniques for c in u.columns}
    checked = {c for check in table.row_checks for c in check.columns}
    hidden = any(i.is_unique for i in table.indexes) or bool(table.exclusions or table.part_uniques)
    return column in unique | checked or hidden


def family(sql: SqlType) -> str:
    """What a key column's type can be compared with; "" if it is no key's type."""
    if sql.kind == "integer" or (sql.kind == "decimal" and not sql.scale):
        return "number"
    return sql.kind if sql.kind in ("string", "uuid") else ""


def find_candidates(sight: Sight, names: Names) -> list[Candidate]:
    """
    List every key, of one column and of several, for which names or values speak.

    Args:
        sight: the first rows.
        names: the schema's names, taken apart.

    Returns:
        candidates in the order of tables and columns; most of them are still to be refused.
    """
    found: list[Candidate] = []
    parents = _parents(sight.schema)
    open_columns = list(_open_columns(sight))
    unnamed = []
    for table, column in open_columns:
        named = list(_named(sight, names, parents, table, column))
        found += named
        if max((c.hint.score for c in named), default=0.0) < 0.85:
            unnamed.append((table, column, {c.key.parent for c in named}))
    found += _unnamed(sight, parents, unnamed)
    found += _composite(sight, names)
    return found


def single(table: TableName, column: str, parent: TableName, key: str) -> ForeignKey:
    """A candidate of one column."""
    return ForeignKey(
        name="", child=table, columns=(column,), parent=parent, parent_columns=(key,),
        is_declared=False,
    )  # fmt: skip


def _parents(schema: Schema) -> dict[str, list[tuple[Table, Column]]]:
    """By family, every column that is unique by itself and no database computes."""
    found = defaultdict(list)
    for table in schema.tables:
        alone = [table.column(u[0]) for u in table.unique_sets if len(u) == 1]
        for column in alone:
            if column.is_written and (kind := family(column.type)):
                found[kind].append((table, column))
    return found


def _open_columns(sight: Sight) -> Iterator[tuple[Table, Column]]:
    """Every column that could be a reference: in no key yet, with several values."""
    for table in sight.schema.tables:
        keyed = {c for k in table.foreign_keys for c in k.columns}
        for column in table.written_columns:
            if column.name in keyed or not family(column.type):
                continue
            if sight.is_varied(table.name, column):
                yield table, column


def _named(
    sight: Sight,
    names: Names,
    parents: Mapping[str, list[tuple[Table, Column]]],
    table: Table,
    column: Column,
) -> Iterator[Candidate]:
    """The parents that a column's name speaks for, best first, and whose values fit."""
    hints = []
    asked = names.worth_asking(table, column)
    for parent, wanted in parents[family(column.type)]:
        if parent.name not in asked:
            continue
        if column.collation != wanted.collation or sight.counts[parent.name] == 0:
            continue
        hint = names.hint(table, column, parent, wanted.name)
        if hint.score >= LEAST_HINT and (parent.name, wanted) != (table.name, column):
            key = single(table.name, column.name, parent.name, wanted.name)
            hints.append((hint, sight.with_none(key)))
    best = max((h.score for h, _ in hints), default=0.0)
    for hint, key in hints:
        if hint.score >= best - 0.3 and sight.share_found(key) >= LEAST_COVERAGE:
            yield Candidate(key, hint)


def _unnamed(
    sight: Sight,
    parents: Mapping[str, list[tuple[Table, Column]]],
    columns: list[tuple[Table, Column, set[TableName]]],
) -> Iterator[Candidate]:
    """Columns whose values, not their names, say where they lead: texts and uuids only."""
    open_ = [(t, c, known) for t, c, known in columns if _may_be_unnamed(sight, t, c)]
    for kind in ("string", "uuid"):
        some = [place for place in open_ if family(place[1].type) == kind]
        if not some:
            continue
        probes = [_spread(sight.values(t.name, c.name), _FIRST_PROBES) for t, c, _ in some]
        owners = np.repeat(np.arange(len(some)), [len(p) for p in probes])
        every = pa.concat_arrays([p.cast(pa.string()) for p in probes])
        seen: dict[int, int] = defaultdict(int)
        for parent, wanted in parents[kind]:
            hits = _probed(sight, parent, wanted, every)
            missed = np.bincount(owners, weights=~hits, minlength=len(some))
            for place in np.flatnonzero(missed == 0).tolist():
                table, column, known = some[place]
                if (
                    parent.name in known
                    or parent.name == table.name
                    or seen[place] >= _MOST_UNNAMED
                ):
                    continue
                key = single(table.name, column.name, parent.name, wanted.name)
                if column.collation == wanted.collation and sight.share_found(key) >= 0.98:
                    seen[place] += 1
                    yield Candidate(key, NO_HINT)


def _may_be_unnamed(sight: Sight, table: Table, column: Column) -> bool:
    """Whether a column's values could be keys by their looks."""
    if family(column.type) not in ("string", "uuid") or table.primary_key == (column.name,):
        return False
    values = sight.values(table.name, column.name)
    if len(values) < _LEAST_UNNAMED:
        return False
    lengths = np.asarray(pc.utf8_length(values.cast(pa.string())))
    return bool(lengths.max() <= _LONGEST and lengths.mean() >= 2)


def _probed(sight: Sight, parent: Table, wanted: Column, probes: pa.Array) -> np.ndarray:
    """Mark the probes, as text, that a parent has; of a large one those that its rows show."""
    if sight.is_whole(parent.name):
        held = sight.values(parent.name, wanted.name)
    else:
        held = sight._looked_up(parent.name, wanted.name, pc.unique(probes))
    return np.asarray(pc.is_in(probes, value_set=held.cast(pa.string())))


def _spread(values: pa.Array, most: int) -> pa.Array:
    """At most so many of the values, evenly spaced."""
    if len(values) <= most:
        return values
    return values.take(pa.array(np.linspace(0, len(values) - 1, most).astype(np.int64)))


def _share_in(values: pa.Array, held: pa.Array) -> float:
    if len(values) == 0:
        return 0.0
    return float(pc.mean(pc.is_in(values, value_set=held.cast(values.type))).as_py())


def _composite(sight: Sight, names: Names) -> Iterator[Candidate]:
    """Keys of several columns: each is called as the parent's column, or names its table."""
    for parent in sight.schema.tables:
        alone = {c for u in parent.unique_sets if len(u) == 1 for c in u}
        written = {c.name for c in parent.written_columns}
        for unique in parent.unique_sets:
            if not 2 <= len(unique) <= _WIDEST or alone & set(unique) or set(unique) - written:
                continue
            if sight.counts[parent.name] == 0:
                continue
            for table in sight.schema.tables:
                found = _fitting(sight, names, table, parent, unique)
                if found is not None:
                    yield found


def _fitting(
    sight: Sight, names: Names, table: Table, parent: Table, unique: tuple[str, ...]
) -> Candidate | None:
    """The columns of a table that stand for a parent's key of several columns."""
    columns: list[str] = []
    hints: list[Hint] = []
    for wanted in unique:
        best, hint = _counterpart(names, table, parent, wanted, columns)
        if best is None or hint.score < 0.6:
            return None
        columns.append(best.name)
        hints.append(hint)
    is_known = any(set(k.columns) == set(columns) for k in table.foreign_keys)
    if is_known or (set(columns) == set(unique) and table is parent):
        return None
    if len(table.primary_key) <= len(columns) and set(table.primary_key) == set(columns):
        # Two tables with one key: the smaller one may extend the larger one, never both.
        sizes = sight.counts[table.name], sight.counts[parent.name]
        if sizes[0] > sizes[1] or (sizes[0] == sizes[1] and table.name < parent.name):
            return None
        hints.append(Hint(0.6, "both tables have this key"))
    key = ForeignKey(
        name="", child=table.name, columns=tuple(columns), parent=parent.name,
        parent_columns=unique, is_declared=False,
    )  # fmt: skip
    if not _is_seen(sight, key):
        return None
    worst = min(hints, key=lambda h: h.score)
    return Candidate(key, worst)


def _counterpart(
    names: Names, table: Table, parent: Table, wanted: str, taken: list[str]
) -> tuple[Column | None, Hint]:
    """The column that stands for one column of a parent's key."""
    goal = parent.column(wanted)
    best: tuple[Column | None, Hint] = (None, NO_HINT)
    for column in table.written_columns:
        if column.name in taken or column.collation != goal.collation:
            continue
        if _comparable(column.type, goal.type):
            hint = names.part_hint(table, column, parent, wanted)
            if hint.score > best[1].score:
                best = (column, hint)
    return best


def _comparable(one: SqlType, other: SqlType) -> bool:
    kind = family(one)
    return kind == family(other) if kind else one.kind == other.kind


def _is_seen(sight: Sight, key: ForeignKey) -> bool:
    """Whether the first rows have complete keys, whose parents are there where all were read."""
    from dbsynth.matching import match_rows

    rows = sight.rows[key.child].select(list(key.columns)).drop_null()
    if len(rows) == 0:
        return False
    child = sight.schema.table(key.child)
    for column, wanted in zip(key.columns, key.parent_columns, strict=True):
        if not sight.is_varied(key.child, child.column(column)):
            return False
        if sight.is_whole(key.parent):
            kind = arrow_type(sight.schema.table(key.parent).column(wanted).type)
            values = sight.values(key.child, column).cast(kind, safe=False)
            if _share_in(values, sight.values(key.parent, wanted)) < LEAST_COVERAGE:
                return False
    if not sight.is_whole(key.parent):
        return True
    parents = sight.rows[key.parent]
    found = match_rows(rows.columns, [parents.column(c) for c in key.parent_columns])
    return float(np.mean(found >= 0)) >= LEAST_COVERAGE
