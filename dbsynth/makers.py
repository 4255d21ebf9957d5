"""Columns that are made, not learned: keys, personal data, codes, texts, bytes, void ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.arrow import arrow_type
from dbsynth.features import Ints
from dbsynth.formats import FormatModel, fit_format, sample_format
from dbsynth.permute import key_of
from dbsynth.personas import PersonalColumn, PersonalModel, make_personal
from dbsynth.pii import fit_personal, fit_text
from dbsynth.plan import TablePlan
from dbsynth.prose import TextModel, sample_text
from dbsynth.release import Release
from dbsynth.schema import Column, SqlType, Table
from dbsynth.treatments import Treatment

_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)


@dataclass(frozen=True)
class Makers:
    """What makes a table's columns that are not learned; plain released values only."""

    personal: PersonalModel | None = None
    formats: Mapping[str, FormatModel] = field(default_factory=dict)
    texts: Mapping[str, TextModel] = field(default_factory=dict)
    sizes: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # bytes, at quantiles

    def to_json(self) -> dict[str, Any]:
        """Turn into plain values; `from_json` is the inverse."""
        return {
            "personal": self.personal.to_json() if self.personal else None,
            "formats": {n: f.to_json() for n, f in self.formats.items()},
            "texts": {n: t.to_json() for n, t in self.texts.items()},
            "sizes": {n: list(s) for n, s in self.sizes.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Makers:
        """
        Rebuild from `to_json`'s value.

        Raises:
            KeyError, TypeError: the data are not of makers.
        """
        personal = data["personal"]
        return cls(
            personal=PersonalModel.from_json(personal) if personal else None,
            formats={n: FormatModel.from_json(f) for n, f in data["formats"].items()},
            texts={n: TextModel.from_json(t) for n, t in data["texts"].items()},
            sizes={n: tuple(s) for n, s in data["sizes"].items()},
        )


def made_columns(table: Table, planned: TablePlan, learned: set[str]) -> list[Column]:
    """The columns that rows carry, no key fills and no network draws."""
    return [
        c
        for c in table.written_columns
        if c.name not in learned and planned.columns[c.name].kind != "foreign key"
    ]


def fit_makers(
    table: Table,
    planned: TablePlan,
    rows: pa.Table,
    entities: Ints,
    release: Release,
    learned: set[str],
) -> Makers:
    """
    Prepare the columns that are made.

    Args:
        table: the source's.
        planned: its treatments.
        rows: (n,) sampled rows.
        entities: (n,).
        release: the protection in force.
        learned: columns that a network draws.
    """
    columns = made_columns(table, planned, learned)
    values = {c: rows.column(c).combine_chunks() for c in rows.column_names}
    personal = [
        PersonalColumn.of(c, planned.columns[c.name])
        for c in columns
        if planned.columns[c.name].kind == "personal"
    ]
    formats, texts, sizes = {}, {}, {}
    for column in columns:
        treatment = planned.columns[column.name]
        statistic = f"{table.name}.{column.name}"
        length = column.type.length
        if treatment.kind == "binary":
            lengths = pc.binary_length(values[column.name]).cast(pa.float64())
            sizes[column.name] = _lengths(statistic, lengths, entities, release, length)
        elif _is_coded(column, treatment):
            text = values[column.name].cast(pa.string())
            formats[column.name] = fit_format(statistic, text, entities, release, max_length=length)
        elif _is_prose(column, treatment):
            text = values[column.name].cast(pa.string())
            texts[column.name] = fit_text(statistic, text, entities, release, length)
    return Makers(
        personal=fit_personal(personal, values, entities, release, release.seed)
        if personal
        else None,
        formats=formats,
        texts=texts,
        sizes=sizes,
    )


def make_columns(
    makers: Makers,
    table: Table,
    planned: TablePlan,
    known: Mapping[str, pa.Array],
    seed: int,
    first: int,
    rows: int,
) -> dict[str, pa.Array]:
    """
    Make the columns of some rows; without nulls, but for void ones.

    Args:
        makers: from `fit_makers`.
        table: the source's.
        planned: its treatments.
        known: (rows,) learned columns, with which personal data agree.
        seed: the run's.
        first: number of the first row in its table.
        rows: how many.
    """
    made: dict[str, pa.Array] = {}
    if makers.personal is not None:
        made |= make_personal(makers.personal, seed=seed, first_row=first, rows=rows, known=known)
    for column in made_columns(table, planned, set(known)):
        if column.name not in made:
            treatment = planned.columns[column.name]
            made[column.name] = _make(makers, table, column, treatment, seed, first, rows)
    return {n: v.cast(arrow_type(table.column(n).type), safe=False) for n, v in made.items()}


def _make(
    makers: Makers,
    table: Table,
    column: Column,
    treatment: Treatment,
    seed: int,
    first: int,
    rows: int,
) -> pa.Array:
    key = key_of("make", seed, str(table.name), column.name)
    rng = np.random.Generator(np.random.Philox(key=key % 2**63, counter=[first, 0, 0, 0]))
    unique = first if treatment.is_unique or treatment.kind == "key" else None
    if column.name in makers.formats:
        return sample_format(
            makers.formats[column.name], rng, rows, unique_offset=unique, seed=seed
        )
    if column.name in makers.texts:
        return sample_text(makers.texts[column.name], rng, rows, unique_offset=unique)
    if column.name in makers.sizes:
        return _bytes(makers.sizes[column.name], rng, rows)
    if treatment.kind == "key" and _is_uuid(column, treatment):
        return _uuids(rng, rows)
    if treatment.kind == "key":
        return pa.array(np.arange(first + 1, first + rows + 1))
    if treatment.kind == "json":
        return pa.array(["{}"]).take(pa.array(np.zeros(rows, np.int64)))
    return _void(column, rows)


def _is_uuid(column: Column, treatment: Treatment) -> bool:
    return column.type.kind == "uuid" or treatment.semantic == "uuid"


def _is_coded(column: Column, treatment: Treatment) -> bool:
    """Strings of a pattern: formats, and string keys that are not uuids."""
    text = arrow_type(column.type) == pa.string()
    if treatment.kind == "key":
        return text and not _is_uuid(column, treatment)
    return treatment.kind == "format" and text


def _is_prose(column: Column, treatment: Treatment) -> bool:
    """Free text, and categories of which no label may be released."""
    return column.type.kind == "string" and treatment.kind in ("text", "category")


def _lengths(
    statistic: str, lengths: pa.Array, entities: Ints, release: Release, limit: int | None
) -> tuple[float, ...]:
    present = np.asarray(pc.is_valid(lengths))
    known = np.asarray(lengths.drop_null(), np.float64)
    if len(known) == 0 or not release.is_enough(entities[present]):
        return (0.0, float(min(limit or 16, 16)))
    curve = release.quantiles(statistic, known, entities[present], np.linspace(0, 1, 11))
    return tuple(np.minimum(curve, limit or np.inf).tolist())


def _bytes(curve: tuple[float, ...], rng: np.random.Generator, rows: int) -> pa.Array:
    places = np.linspace(0, 1, len(curve))
    sizes = np.round(np.interp(rng.random(rows), places, curve)).astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    data = rng.bytes(int(offsets[-1]))
    return pa.Array.from_buffers(
        pa.binary(), rows, [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(data)]
    )


def _uuids(rng: np.random.Generator, rows: int) -> pa.Array:
    """Random uuids of version 4, as text."""
    raw = np.frombuffer(rng.bytes(16 * rows), np.uint8).reshape(rows, 16).copy()
    raw[:, 6] = raw[:, 6] & 0x0F | 0x40
    raw[:, 8] = raw[:, 8] & 0x3F | 0x80
    digits = np.stack([_HEX[raw >> 4], _HEX[raw & 15]], axis=2).reshape(rows, 32)
    text = np.full((rows, 36), ord("-"), np.uint8)
    text[:, [i for i in range(36) if i not in (8, 13, 18, 23)]] = digits
    offsets = np.arange(0, 36 * (rows + 1), 36, dtype=np.int32)
    return pa.Array.from_buffers(
        pa.string(), rows, [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(text.tobytes())]
    )


def _void(column: Column, rows: int) -> pa.Array:
    """NULL where it is allowed, else the type's empty value."""
    kind = arrow_type(column.type)
    if column.is_nullable:
        return pa.nulls(rows, kind)
    if column.type.kind == "enum" and column.type.labels:
        empty: Any = column.type.labels[0]
    else:
        empty = _empty(column.type)
    zeros = pa.array(np.zeros(rows, np.int64))
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        return pa.array([empty if pa.types.is_string(kind) else b""], kind).take(zeros)
    return zeros.cast(kind) if not pa.types.is_decimal(kind) else zeros.cast(pa.int64()).cast(kind)


_EMPTY = {
    "interval": "0", "inet": "192.0.2.1", "cidr": "192.0.2.0/24", "macaddr": "02:00:00:00:00:00",
    "point": "(0,0)", "xml": "<e/>", "money": "0", "timetz": "00:00:00+00",
    "time with": "00:00:00+00",
}  # fmt: skip


_FLAT = {
    "linestring": "LINESTRING(0 0,1 1)", "polygon": "POLYGON((0 0,0 1,1 1,0 0))",
    "multipoint": "MULTIPOINT(0 0)", "multilinestring": "MULTILINESTRING((0 0,1 1))",
    "multipolygon": "MULTIPOLYGON(((0 0,0 1,1 1,0 0)))",
    "geometrycollection": "GEOMETRYCOLLECTION(POINT(0 0))",
}  # fmt: skip


def _empty(sql: SqlType) -> str:
    """The text of the emptiest value of a type that has no portable kind."""
    native = sql.native.lower()
    if sql.family == "geometry":
        return _FLAT.get(native.split("(")[0], "POINT(0 0)")
    if native.startswith("inet6"):
        return "2001:db8::"
    if native.endswith("]") or native.startswith("_"):
        return "{}" if native.endswith("[]") else "[]"
    if "range" in native:
        return "{}" if "multi" in native else "empty"
    if native.startswith("bit"):
        return "0" * (sql.length or 1)
    return next((v for k, v in _EMPTY.items() if native.startswith(k)), "")
