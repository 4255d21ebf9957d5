"""Columns of both sides as numbers that can be compared, whatever types they have there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.evaluation.measures import bin_edges, label_codes, number_codes
from dbsynth.features import Floats, Ints
from dbsynth.schema import Column
from dbsynth.treatments import Treatment

ViewKind = Literal[
    "number",
    "date",  # in days
    "category",  # numbers of labels
    "text",  # only its length is compared
    "opaque",  # only whether there is a value
]
LEARNED: tuple[ViewKind, ...] = ("number", "date", "category")
_KINDS: Mapping[str, ViewKind] = {
    "category": "category", "number": "number", "datetime": "date",
    "format": "text", "text": "text", "personal": "text",
}  # fmt: skip
_DAY = 86_400.0
_PARSED = 0.9  # of the texts that are to be numbers or dates
_LABELS = 15  # that have a code of their own
_TRUE, _FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")


@dataclass(frozen=True)
class Reader:
    """Turns one column's values into numbers, the same way on every side."""

    kind: ViewKind
    labels: pa.Array | None = None  # categories: texts, the most frequent one first
    is_boolean: bool = False

    @property
    def known(self) -> int:
        """How many labels there are."""
        return 0 if self.labels is None else len(self.labels)

    def encode(self, column: pa.ChunkedArray) -> Floats:
        """
        Write (n,) values as numbers.

        Returns:
            (n,) numbers, days, label numbers, lengths, or 0 where there is a value; NaN for NULL.
        """
        match self.kind:
            case "number":
                return to_numbers(column)
            case "date":
                return to_days(column)
            case "text":
                length = pc.utf8_length(to_text(column).cast(pa.string()))
                return _floats(length)
            case "opaque":
                return np.where(np.asarray(column.is_null()), np.nan, 0.0)
        texts = to_text(column, is_boolean=self.is_boolean)
        codes = _floats(pc.index_in(texts, value_set=self.labels))
        return np.where(np.isnan(codes) & np.asarray(column.is_valid()), self.known, codes)


@dataclass(frozen=True)
class View:
    """One column on both sides, and in the rows that nobody learned from, if there are some."""

    name: str
    reader: Reader
    real: Floats  # (n,) NaN for NULL
    made: Floats  # (m,)
    held: Floats  # (h,)
    nulls: tuple[float, float]  # share of NULL on the real and on the made side

    @property
    def kind(self) -> ViewKind:
        """How the column is compared."""
        return self.reader.kind

    @property
    def is_learned(self) -> bool:
        """Whether its distribution is to be the same, not only its length or its NULLs."""
        return self.kind in LEARNED

    @property
    def labels(self) -> int:
        """How many labels a category has, on any side."""
        return self.reader.known

    @cached_property
    def codes(self) -> tuple[Ints, Ints]:
        """Codes of both sides, below `size`: real deciles, or the most frequent labels."""
        if self.kind == "category":
            known = min(_LABELS, self.labels)
            return label_codes(self.real, known), label_codes(self.made, known)
        edges = self._edges
        return number_codes(self.real, edges), number_codes(self.made, edges)

    @property
    def size(self) -> int:
        """How many codes there are, the one for NULL included."""
        if self.kind == "category":
            return min(_LABELS, self.labels) + 2
        return len(self._edges) + 2

    @cached_property
    def _edges(self) -> Floats:
        return bin_edges(self.real)


@dataclass(frozen=True)
class TableView:
    """The columns of one table that can be compared."""

    columns: Mapping[str, View]
    rows: tuple[int, int, int]  # real, made, held out

    @property
    def learned(self) -> list[View]:
        """The columns whose distributions are to be the same."""
        return [v for v in self.columns.values() if v.is_learned]


def table_view(
    columns: Sequence[Column],
    treatments: Mapping[str, Treatment],
    sides: Sequence[pa.Table],
) -> TableView:
    """
    Read a table's columns for comparison.

    Args:
        columns: the source's; keys are left out, and columns that a side lacks.
        treatments: what each column is.
        sides: real and made rows and, if there are some, held out ones.
    """
    views = {}
    for column in columns:
        treatment = treatments[column.name]
        if treatment.kind in ("key", "foreign key"):
            continue
        if all(column.name in rows.column_names for rows in sides):
            values = [rows.column(column.name) for rows in sides]
            views[column.name] = _view(column, _KINDS.get(treatment.kind, "opaque"), values)
    lengths = [len(s) for s in sides] + [0]
    return TableView(views, (lengths[0], lengths[1], lengths[2]))


def _view(column: Column, kind: ViewKind, values: list[pa.ChunkedArray]) -> View:
    labels, is_boolean = None, False
    if kind == "category":
        is_boolean = any(pa.types.is_boolean(v.type) for v in values)
        texts = [to_text(v, is_boolean=is_boolean) for v in values]
        labels = _by_frequency(texts)
    elif kind in LEARNED and not _is_readable(Reader(kind), values[0]):
        kind = "text"
    reader = Reader(kind, labels, is_boolean)
    arrays = [reader.encode(v) for v in values] + [np.empty(0)]
    nulls = [v.null_count / len(v) if len(v) else 0.0 for v in values]
    return View(column.name, reader, arrays[0], arrays[1], arrays[2], (nulls[0], nulls[1]))


def _is_readable(reader: Reader, values: pa.ChunkedArray) -> bool:
    """Whether most of the values that are there become numbers."""
    known = len(values) - values.null_count
    return known == 0 or bool((~np.isnan(reader.encode(values))).sum() >= _PARSED * known)


def _by_frequency(sides: list[pa.ChunkedArray]) -> pa.Array:
    """All labels, in the order in which the first side has them; then those of the others."""
    found: list[str] = []
    for side in sides:
        counted = pc.value_counts(side.drop_null())
        often = zip(
            counted.field("counts").to_pylist(), counted.field("values").to_pylist(), strict=True
        )
        found += [label for _, label in sorted(often, key=lambda c: (-c[0], c[1]))]
    return pa.array(list(dict.fromkeys(found)), pa.string())


def to_text(column: pa.ChunkedArray, *, is_boolean: bool = False) -> pa.ChunkedArray:
    """
    Write (n,) values as texts that are equal where the values are, across databases.

    Args:
        is_boolean: write what means yes as 1 and what means no as 0.
    """
    kind = column.type
    if pa.types.is_boolean(kind):
        return column.cast(pa.int8()).cast(pa.string())
    if pa.types.is_decimal(kind) or pa.types.is_floating(kind):
        numbers = column.cast(pa.float64())
        text = numbers.cast(pa.string())
        return pc.replace_substring_regex(text, r"\.0$", "")
    if pa.types.is_binary(kind):
        return pc.binary_length(column).cast(pa.string())
    text = pc.utf8_rtrim_whitespace(column.cast(pa.string()))
    if is_boolean:
        lower = pc.utf8_lower(text)
        no = pc.is_in(lower, value_set=pa.array(_FALSE))
        text = pc.if_else(pc.is_in(lower, value_set=pa.array(_TRUE)), "1", text)
        text = pc.if_else(no, "0", text)
    return text


def to_numbers(column: pa.ChunkedArray) -> Floats:
    """Read (n,) values as numbers; NaN where there is none, or none that is finite."""
    if pa.types.is_string(column.type):
        texts = pc.replace_substring(pc.utf8_trim_whitespace(column), ",", ".")
        numbers = pd.to_numeric(texts.to_pandas(), errors="coerce").to_numpy(np.float64)
    elif pa.types.is_temporal(column.type):
        return to_days(column)
    elif pa.types.is_binary(column.type):
        return np.full(len(column), np.nan)
    else:
        numbers = _floats(column)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def to_days(column: pa.ChunkedArray) -> Floats:
    """Read (n,) dates and times as days since 1970, or since midnight; NaN where there is none."""
    kind = column.type
    if pa.types.is_date32(kind):
        return _floats(column.cast(pa.int32()))
    if pa.types.is_time(kind):
        return _floats(column.cast(pa.time64("us")).cast(pa.int64())) / (1e6 * _DAY)
    if pa.types.is_timestamp(kind):
        return _floats(column.cast(pa.timestamp("us", tz=kind.tz)).cast(pa.int64())) / (1e6 * _DAY)
    if pa.types.is_string(kind):
        texts = column.to_pandas()
        read = pd.to_datetime(texts, errors="coerce", format="ISO8601", utc=True)
        days = read.dt.tz_convert(None).to_numpy("datetime64[us]").astype(np.int64) / (1e6 * _DAY)
        return np.where(read.isna().to_numpy(), np.nan, days)
    return to_numbers(column)


def _floats(column: pa.ChunkedArray) -> Floats:
    # Whole numbers beyond 2^53 may lose their last digits.
    numbers = column.cast(pa.float64(), safe=False)
    return np.asarray(pc.fill_null(numbers, float("nan")), np.float64)
