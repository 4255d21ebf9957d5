"""Learn a level of documents: treat its parts as a table's columns, by the same classification."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.classify import classify
from dbsynth.codecs import CategoryCodec, NumberCodec
from dbsynth.documents.generators import Labels, Level, Numbers, Part, level_plan
from dbsynth.extremes import is_plain
from dbsynth.features import Floats, Ints
from dbsynth.makers import fit_makers
from dbsynth.release import Release
from dbsynth.schema import Column, Schema, SqlType, Table, TableName
from dbsynth.spellings import spelling_of
from dbsynth.treatments import Treatment, Treatments
from dbsynth.values import text_to_moments, to_floats


@dataclass
class _Raw:
    """The values of a part as they were met."""

    type: SqlType
    values: pa.Array | Floats  # (rows of the level,)
    default: str = ""  # the label to use where none may be released


@dataclass
class LevelFit:
    """A level in the making: its rows, and the parts that were found in them."""

    name: TableName
    owners: Ints  # (n,) which entity each row belongs to
    release: Release
    raw: dict[str, _Raw] = field(default_factory=dict)

    def add(
        self, name: str, sql: SqlType, rows: Ints, values: list[Any] | Floats, default: str = ""
    ) -> str:
        """
        Add a part.

        Args:
            name: what it is called; another name is taken where that is taken.
            sql: its type.
            rows: (m,) the rows that have it.
            values: (m,) floats for numerals, else texts or truth values.
            default: the label to use where none may be released.

        Returns:
            the part's name.
        """
        name = name or "value"
        while name in self.raw:
            name += "_2"
        self.raw[name] = _Raw(sql, self._laid_out(sql, rows, values), default)
        return name

    def fit(self) -> Level:
        """Classify the parts and learn them."""
        columns = tuple(Column(name=n, type=r.type) for n, r in self.raw.items())
        table = Table(name=self.name, columns=columns)
        data = pa.table({n: _shown(r) for n, r in self.raw.items()})
        schema = Schema(dialect="postgresql", server_version="", tables=(table,))
        found: Treatments = classify(schema, {self.name: data})
        parts = [self._part(n, r, found[self.name][n]) for n, r in self.raw.items()]
        learned = {p.name for p in parts if p.learned is not None}
        plan = level_plan(self.name, {p.name: p.treatment for p in parts})
        makers = fit_makers(table, plan, data, self.owners, self.release, learned)
        return Level(self.name, tuple(parts), makers)

    def labels(self, name: str) -> pa.Array:
        """The texts of a part, row by row."""
        values = self.raw[name].values
        assert isinstance(values, pa.Array)
        return values

    def _laid_out(self, sql: SqlType, rows: Ints, values: list[Any] | Floats) -> pa.Array | Floats:
        """Spread values over all rows of the level."""
        size = len(self.owners)
        if isinstance(values, np.ndarray):
            floats = np.full(size, np.nan)
            floats[rows] = values
            return floats
        place = np.full(size, -1, np.int64)
        place[rows] = np.arange(len(rows))
        kind = {"boolean": pa.bool_(), "bytes": pa.binary()}.get(sql.kind, pa.string())
        return texts_of(values, kind).take(pa.array(place, mask=place < 0))

    def _part(self, name: str, raw: _Raw, treatment: Treatment) -> Part:
        statistic = f"{self.name}.{name}"
        values = raw.values
        if isinstance(values, np.ndarray):
            if treatment.kind == "personal":
                return Part(name, raw.type, treatment)
            treatment = replace(treatment, kind="number")
            return Part(name, raw.type, treatment, self._numbers(statistic, values))
        if treatment.kind == "number":
            return Part(name, raw.type, treatment, self._numbers(statistic, to_floats(values)))
        if treatment.kind == "datetime":
            floats = to_floats(text_to_moments(values))
            learned = self._numbers(statistic, floats)
            return Part(name, raw.type, treatment, learned, spelling_of(values))
        if treatment.kind == "category" or raw.default:
            return self._category(name, raw, values, replace(treatment, kind="category"))
        if treatment.kind == "structure":  # JSON in a string of JSON
            treatment = replace(treatment, kind="text", semantic="")
        return Part(name, raw.type, treatment)

    def _category(self, name: str, raw: _Raw, values: pa.Array, treatment: Treatment) -> Part:
        codec = CategoryCodec.fit(f"{self.name}.{name}", values, self.owners, self.release)
        if not codec.labels:
            known: tuple[Any, ...] = raw.type.labels or ((raw.default,) if raw.default else ())
            codec = CategoryCodec((False, True) if raw.type.kind == "boolean" else known)
        if not codec.labels:
            kind = "text" if raw.type.kind == "string" else "format"
            kind = "void" if raw.type.kind == "other" else kind
            return Part(name, raw.type, replace(treatment, kind=kind))  # type: ignore[arg-type]
        counts = np.bincount(codec.encode(values), minlength=codec.tokens).astype(np.float64)
        counts[[0, codec.rare]] = 0.0
        if not counts.any():
            counts[1:-1] = 1.0
        return Part(name, raw.type, treatment, Labels(codec, tuple(counts.tolist())))

    def _numbers(self, statistic: str, values: Floats) -> Numbers:
        return fit_numbers(statistic, values, self.owners, self.release)


def fit_numbers(statistic: str, values: Floats, owners: Ints, release: Release) -> Numbers:
    """Learn (n,) numbers by themselves: NaN counts as absent."""
    codec = NumberCodec.fit(statistic, values, owners, release)
    tokens = codec.encode(values[~np.isnan(values)])
    counts = np.bincount(tokens, minlength=codec.tokens).astype(np.float64)
    counts[0] = 0.0
    if not counts.any():
        counts[1:] = 1.0
    return Numbers(codec, tuple(counts.tolist()))


def texts_of(values: list[Any], kind: pa.DataType) -> pa.Array:
    """Make an Arrow column; halves of characters, which JSON can spell, become question marks."""
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:
        mended = [
            v.encode("utf-8", "replace").decode() if isinstance(v, str) else v for v in values
        ]
        return pa.array(mended, kind)


def _shown(raw: _Raw) -> pa.Array:
    """A part as classification looks at it."""
    if isinstance(raw.values, pa.Array):
        return raw.values
    plain = np.where(is_plain(raw.values), raw.values, np.nan)
    floats = pa.array(plain, from_pandas=True)
    if raw.type.kind == "integer":
        whole = pc.if_else(pc.less(pc.abs(floats), 2.0**63), floats, pa.scalar(None, pa.float64()))
        return pc.round(whole).cast(pa.int64())
    return floats
