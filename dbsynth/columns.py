"""Fit a table's columns: which of them are learned, and by which codec."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from dbsynth import numerals
from dbsynth.anchors import SOME_DAYS, fit_datetime
from dbsynth.codecs import CategoryCodec, NumberCodec
from dbsynth.conditions import Siblings
from dbsynth.drifts import SPIKE_OF_DRIFT, fit_drift
from dbsynth.encode import CategoryColumn, ModelledColumn, NumberColumn, PresenceColumn
from dbsynth.extremes import is_plain
from dbsynth.features import Floats, Ints
from dbsynth.limits import allowed_labels, bounds
from dbsynth.plan import TablePlan
from dbsynth.release import Release
from dbsynth.sample import owner_key
from dbsynth.schema import Column, Table
from dbsynth.values import DAY, text_to_moments, to_floats

_BEFORE = 5 * 365.0  # days in which rows come before those that refer to them
_YOUNGEST, _OLDEST = 22 * 365.0, 60 * 365.0  # days that people are old


@dataclass(frozen=True)
class ColumnFit:
    """What the fitting of a table's columns has in common."""

    table: Table
    planned: TablePlan
    dialect: str  # of the table's expressions
    rows: pa.Table  # (n,) sampled
    entities: Ints  # (n,)
    release: Release
    shown: Mapping[str, Floats] = field(default_factory=dict)  # numbers that copies of them show
    first_day: float | None = None  # of the rows below, if these are invented
    in_time: str = ""  # the column by which rows are series
    is_laid_out: bool = False  # its values are not drawn

    def learned(self) -> list[Column]:
        """The columns of which something is drawn: the sorting one first, then labels."""
        kinds = self.planned.columns
        found = [
            c
            for c in self.table.written_columns
            if kinds[c.name].kind in ("category", "number", "datetime")
            or (kinds[c.name].kind != "foreign key" and self._has_nulls(c))
            or kinds[c.name].copies is not None
        ]
        order = self.in_time or self.planned.order_by
        return sorted(found, key=lambda c: (c.name != order, kinds[c.name].kind != "category"))

    def values(self, name: str) -> pa.Array:
        """A column of the sampled rows."""
        return self.rows.column(name).combine_chunks()

    def fit(
        self,
        column: Column,
        siblings: Siblings | None,
        above: Mapping[str, Floats],
        anchors: Mapping[str, Floats],
        last: Floats | None = None,
    ) -> ModelledColumn:
        """
        Fit one column.

        Args:
            column: one of `learned`.
            siblings: who stands before whom, for the column that orders them.
            above: dates of the rows that these hang on, (n,) seconds.
            anchors: dates of the same rows that are drawn before.
            last: (n,) seconds, the day of each row's last sibling, if owners tell.
        """
        statistic = f"{self.planned.name}.{column.name}"
        data = self.values(column.name)
        kind = self.planned.columns[column.name].kind
        ordered = siblings if column.name == self.planned.order_by else None
        if kind == "category":
            codec = self._category(statistic, column, data)
            return (
                CategoryColumn(column.name, codec) if codec.labels else PresenceColumn(column.name)
            )
        if kind == "number" or (kind == "datetime" and column.type.kind == "time"):
            found = self._number(statistic, column, data, ordered)
            return (
                found if ordered is not None else self._drifting(statistic, found, data, siblings)
            )
        if kind != "datetime":
            return PresenceColumn(column.name)
        is_text = pa.types.is_string(data.type)
        fitted = fit_datetime(
            statistic,
            column.name,
            to_floats(text_to_moments(data) if is_text else data),
            self.entities,
            self.release,
            {**above, **anchors},
            siblings=ordered,
            is_strict=self._is_strict(column.name),
            is_date=column.type.kind == "date",
            fallback=self._some_days(column),
            above=above,
            last=None if ordered is None else last,
        )
        return replace(fitted, is_given=self.is_laid_out and column.name == self.in_time)

    def in_order(self, name: str, values: Floats, siblings: Siblings) -> NumberColumn:
        """Fit a number by which siblings come in order, and of which not the column is learned."""
        statistic = f"{self.planned.name}.{name}"
        codec = NumberCodec.fit(statistic, values, self.entities, self.release)
        return NumberColumn(name, codec, self._gap(statistic, values, siblings))

    def _some_days(self, column: Column) -> tuple[float, float]:
        """Days since 1970 between which dates lie that cannot be learned."""
        low, high = bounds(self.table, column.name, self.dialect)
        if low is not None or high is not None:
            return _days(low, high)
        last = SOME_DAYS[1] if self.first_day is None else math.floor(self.first_day)
        if self.planned.columns[column.name].semantic == "birth_date":
            return last - _OLDEST, last - _YOUNGEST
        return SOME_DAYS if self.first_day is None else (last - _BEFORE, last)

    def _has_nulls(self, column: Column) -> bool:
        return column.is_nullable and self.rows.column(column.name).null_count > 0

    def _is_strict(self, column: str) -> bool:
        """Whether siblings are told apart by this column alone."""
        owner = owner_key(self.planned)
        wanted = {*(owner.columns if owner else ()), column}
        return any(set(u) <= wanted for u in self.table.unique_sets)

    def _category(self, statistic: str, column: Column, data: pa.Array) -> CategoryCodec:
        codec = CategoryCodec.fit(statistic, data, self.entities, self.release)
        if codec.labels:
            return codec
        if column.type.kind == "boolean":
            return CategoryCodec((False, True))
        # Labels of an enum, or those that a check lists, are part of the schema.
        listed = allowed_labels(self.table, column.name, self.dialect)
        return CategoryCodec(column.type.labels or listed)

    def _number(
        self, statistic: str, column: Column, data: pa.Array, siblings: Siblings | None
    ) -> NumberColumn:
        family = column.type.family if column.type.kind == "other" else ""
        values = numerals.read(data, column.type) if family else to_floats(data)
        limits = bounds(self.table, column.name, self.dialect)
        codec = NumberCodec.fit(
            statistic, values, self.entities, self.release, _range(*limits),
            self.shown.get(column.name),
        )  # fmt: skip
        if siblings is None:
            return NumberColumn(column.name, codec, family=family)
        gap = self._gap(statistic, values, siblings)
        return NumberColumn(column.name, codec, gap, self._is_strict(column.name), family)

    def _gap(self, statistic: str, values: Floats, siblings: Siblings) -> NumberCodec:
        """How far siblings are from the one before."""
        plain = np.where(is_plain(values), values, np.nan)
        later = siblings.index > 0
        gaps = np.where(later, plain - plain[np.maximum(siblings.previous, 0)], np.nan)
        return NumberCodec.fit(f"{statistic}.gap", gaps, self.entities, self.release)

    def _drifting(
        self, statistic: str, column: NumberColumn, data: pa.Array, siblings: Siblings | None
    ) -> NumberColumn:
        """Let a number of rows in order move from sibling to sibling, if it does."""
        if siblings is None or not self.planned.order_by:
            return column
        values = column.values(data)
        drift = fit_drift(
            statistic, values, siblings.previous, siblings.count, self.entities, self.release
        )
        if drift is None:
            return column
        codec = NumberCodec.fit(
            statistic, values, self.entities, self.release, shown=self.shown.get(column.name),
            spike_share=SPIKE_OF_DRIFT,
        )  # fmt: skip
        return replace(column, codec=codec, drift=drift)


def _days(low: float | None, high: float | None) -> tuple[float, float]:
    """Whole days within bounds in seconds, as far as they are known."""
    first = math.ceil(low / DAY) if low is not None else None
    last = math.floor(high / DAY) if high is not None else None
    first = first if first is not None else (last or 0) - 365
    return float(first), float(last if last is not None else first + 365)


def _range(low: float | None, high: float | None) -> tuple[float, float]:
    """A hundred numbers within the bounds that are known."""
    if low is None and high is None:
        return 1.0, 100.0
    if low is None:
        assert high is not None
        return high - 99.0, high
    return low, high if high is not None else low + 99.0
