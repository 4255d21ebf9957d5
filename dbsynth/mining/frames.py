"""A table's rows as mining looks at them: numbers, codes, and the same of its parents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dbsynth.leading import LEARNED
from dbsynth.plan import Plan, TablePlan
from dbsynth.release import Release
from dbsynth.rules.book import Rule
from dbsynth.rules.words import parent_word, quote
from dbsynth.sample import Sample, owner_key
from dbsynth.schema import Column, ForeignKey, Schema, Table, TableName

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Family = Literal["number", "moment", "label", "other"]

MIN_ROWS = 20  # about which a rule says something
FEWEST = 10  # of them, where there is other evidence as well
# Breaks that chance would make of what is no rule, or what `chance` tells of it: exp(-12) is one in
# 160,000.
EXPECTED = 12.0
MOST_COLUMNS = 64  # of a table; of wider ones the first
MOST_LABELS = 60  # of a column whose labels a rule may name
RARE = 0.02  # of the rows may be exceptions to a rule that has some
FEWER = 10.0  # times fewer of them than chance would make
CARRIED = 7  # rows that a constant in a rule needs, as `Release` asks at most
DAY = 86_400.0
_CALENDAR = 2.6e11  # seconds from 1970 to after the year 9999


@dataclass(frozen=True)
class View:
    """One column, of the rows themselves or of the rows that their keys lead to."""

    word: str  # what a rule calls it
    column: Column
    values: pa.Array  # (n,)
    is_key: bool
    is_unique: bool
    units: Ints | None = None  # (n,) of a parent's column: which parent row

    @cached_property
    def family(self) -> Family:
        """Which values it can be compared with."""
        kind = self.column.type.kind
        if kind in ("integer", "decimal", "float"):
            return "number"
        if kind in ("date", "timestamp", "timestamptz"):
            return "moment"
        return "label" if kind in ("string", "enum", "boolean", "uuid") else "other"

    @property
    def is_number(self) -> bool:
        """Whether it is a quantity, and no key."""
        return self.family == "number" and not self.is_key

    @cached_property
    def floats(self) -> Floats:
        """(n,) numbers, or seconds; NaN for NULL."""
        values = self.values
        if pa.types.is_date(values.type):
            return _floats(values.cast(pa.int32())) * DAY
        if pa.types.is_timestamp(values.type):
            return _floats(values.cast(pa.timestamp("us", values.type.tz)).cast(pa.int64())) / 1e6
        return _floats(values)

    @cached_property
    def is_dated(self) -> bool:
        """Whether all moments are days of a calendar, none infinite or far beyond."""
        known = self.floats[self.valid]
        return self.family == "moment" and bool((np.abs(known) < _CALENDAR).all())

    @cached_property
    def codes(self) -> Ints:
        """(n,) the same number for the same value, from 0 on; -1 for NULL."""
        encoded = pc.dictionary_encode(self.values)
        return np.asarray(pc.fill_null(encoded.indices, -1)).astype(np.int64)

    @cached_property
    def labels(self) -> pa.Array:
        """The value behind each code."""
        return pc.dictionary_encode(self.values).dictionary

    @cached_property
    def valid(self) -> Bools:
        """(n,) where there is a value."""
        found = np.asarray(pc.is_valid(self.values))
        return found & ~np.isnan(self.floats) if self.family in ("number", "moment") else found

    @cached_property
    def distinct(self) -> int:
        """How many different values there are."""
        return len(self.labels)

    @property
    def unit(self) -> tuple[str, int]:
        """What numbers must share to be of one unit: whole or not, and digits behind the point."""
        kind = self.column.type
        is_whole = kind.kind == "integer" or (kind.kind == "decimal" and not kind.scale)
        return ("whole", 0) if is_whole else ("part", 0)


@dataclass(frozen=True)
class Parent:
    """What one key, or a chain of two, leads to."""

    keys: tuple[ForeignKey, ...]
    word: str
    pointers: Ints  # (n,) row of the parent, -1 for none


@dataclass(frozen=True)
class Frame:
    """One table's rows."""

    table: Table
    planned: TablePlan
    schema: Schema
    sample: Sample
    release: Release
    held: dict[str, tuple[View, ...]] = field(default_factory=dict)  # `above`, by word
    late: frozenset[tuple[TableName, str]] = frozenset()  # keys that are set when all is there

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.rows)

    @property
    def name(self) -> TableName:
        """The table's."""
        return self.table.name

    @property
    def rows(self) -> pa.Table:
        """The rows themselves."""
        return self.sample.rows[self.name]

    @cached_property
    def keyed(self) -> frozenset[str]:
        """Columns that are part of a key to other rows, or the whole of their own."""
        found = {c for k in self.table.foreign_keys for c in k.columns}
        found |= {s[0] for s in self.table.unique_sets if len(s) == 1}
        return frozenset(found)

    @cached_property
    def views(self) -> tuple[View, ...]:
        """The first columns in which there is something to see: none constant, none twice."""
        return tuple(v for v in self._varied if v.word not in self.twins)

    @cached_property
    def twins(self) -> dict[str, str]:
        """Columns that are always what an earlier one is, and that one; no keys."""
        found: dict[str, str] = {}
        free = [v for v in self._varied if not v.is_key and not v.is_unique]
        for place, view in enumerate(free):
            for other in free[place + 1 :]:
                is_alike = other.word not in found and other.values.type == view.values.type
                if is_alike and view.word not in found and view.values.equals(other.values):
                    found[other.word] = view.word
        return found

    @cached_property
    def _varied(self) -> tuple[View, ...]:
        found = []
        single = {s[0] for s in self.table.unique_sets if len(s) == 1}
        for column in self.table.written_columns[:MOST_COLUMNS]:
            values = self.rows.column(column.name).combine_chunks()
            view = View(
                quote(column.name), column, values, column.name in self.keyed, column.name in single
            )
            if view.family != "other" and view.distinct > 1:
                found.append(view)
        return tuple(found)

    @cached_property
    def numbers(self) -> tuple[View, ...]:
        """The quantities among the columns."""
        return tuple(v for v in self.views if v.is_number)

    def view(self, name: str) -> View | None:
        """Look up a column that says something."""
        return next((v for v in self.views if v.column.name == name), None)

    @cached_property
    def parents(self) -> tuple[Parent, ...]:
        """The parents, and their parents."""
        found = []
        for key, word, pointers in self._steps(self.table):
            found.append(Parent((key,), word, pointers))
            above = self.schema.table(key.parent)
            for further, more, onward in self._steps(above):
                if key.is_self or further.is_self or len(onward) == 0:
                    continue
                if (above.name, further.name) in self.late:
                    continue  # nothing that follows could be kept
                reached = np.where(pointers >= 0, onward[np.maximum(pointers, 0)], -1)
                found.append(Parent((key, further), f"{word}.{more}", reached))
        return tuple(p for p in found if len(self.sample.rows[p.keys[-1].parent]))

    @property
    def ways(self) -> tuple[Parent, ...]:
        """The parents, but for ways that lead back to these rows' own table."""
        return tuple(p for p in self.parents if len(p.keys) == 1 or p.keys[-1].parent != self.name)

    @property
    def loops(self) -> tuple[Parent, ...]:
        """Ways that lead over other rows back to this table."""
        return tuple(p for p in self.parents if len(p.keys) > 1 and p.keys[-1].parent == self.name)

    def _steps(self, table: Table) -> Iterator[tuple[ForeignKey, str, Ints]]:
        for key in table.foreign_keys:
            pointers = self.sample.parents.get((table.name, key.name))
            if key.when is None and pointers is not None and key.parent in self.sample.rows:
                yield key, quote(parent_word(table, key)), pointers

    def above(self, parent: Parent, frames: Frames) -> tuple[View, ...]:
        """The columns of the rows that a parent's keys lead to, named from here."""
        if parent.word not in self.held:
            self.held[parent.word] = tuple(self._above(parent, frames))
        return self.held[parent.word]

    def _above(self, parent: Parent, frames: Frames) -> Iterator[View]:
        index = pa.array(parent.pointers, mask=parent.pointers < 0)
        for view in frames[parent.keys[-1].parent].views:
            yield View(
                f"{parent.word}.{view.word}", view.column, view.values.take(index),
                view.is_key, view.is_unique, parent.pointers,
            )  # fmt: skip

    @property
    def entities(self) -> Ints:
        """(n,) which entity owns each row."""
        return self.sample.entities[self.name]

    def is_learned(self, view: View) -> bool:
        """Whether a copy has the values of one of these columns: they are not made anew."""
        return self.planned.columns[view.column.name].kind in LEARNED

    def is_released(self, view: View) -> bool:
        """Whether every label of one of these columns may be named."""
        return view.column.name in self._released

    @cached_property
    def _released(self) -> frozenset[str]:
        found = set()
        for view in self.views:
            if pa.types.is_temporal(view.values.type):
                continue  # no rule names days, and some are beyond what Python can name
            if view.distinct <= MOST_LABELS and self.is_learned(view):
                statistic = f"{self.name}.{view.column.name}"
                labels, _ = self.release.labels(statistic, view.values, self.entities)
                found |= {view.column.name} if len(labels) == view.distinct else set()
        return frozenset(found)

    def is_complete(self, child: Frame, key: ForeignKey) -> bool:
        """Whether all children of these rows along a key were read."""
        owner = owner_key(child.planned)
        is_whole = self.sample.shares.get(child.name, 1.0) >= 1.0
        return is_whole or (owner is not None and owner.name == key.name)

    def rule(self, kind: str, text: str, *, exceptions: int = 0) -> Rule:
        """A rule that was found here; `mine` counts its rows."""
        return Rule(
            table=self.name, text=text, status="found", kind=kind, exceptions=exceptions
        )  # fmt: skip


Frames = dict[TableName, Frame]


def frames_of(plan: Plan, sample: Sample, release: Release) -> Frames:
    """Look at all the tables that were read."""
    late = frozenset(
        (n, k.name) for n, t in plan.tables.items() for k in t.keys if k.role == "backfill"
    )
    return {
        name: Frame(
            plan.schema.table(name), plan.tables[name], plan.schema, sample, release, late=late
        )
        for name in sample.rows
    }


def literal(value: object) -> str:
    """Write a label in a rule."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return number(float(str(value)))


def number(value: float) -> str:
    """Write a number in a rule, whole ones without a point."""
    return str(int(value)) if value == int(value) else repr(round(value, 10))


def effective(n: int, units: Ints | None, where: Bools) -> int:
    """How many independent observations there are: of a parent's column, one a parent."""
    return n if units is None else min(n, len(np.unique(units[where])))


def _floats(values: pa.Array) -> Floats:
    numbers = values.cast(pa.float64(), safe=False)
    found = np.array(numbers.to_numpy(zero_copy_only=False), np.float64)
    found[np.isinf(found)] = np.nan
    return found
