"""Columns that are made, not learned: keys, personal data, codes, texts, bytes, void ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.arrow import arrow_type
from dbsynth.codewords import Leads, fit_leads, led_codes
from dbsynth.features import Ints
from dbsynth.formats import FormatModel, fit_format, sample_format
from dbsynth.parts.literals import hexadecimal
from dbsynth.peculiar import empty_value
from dbsynth.people.personas import PersonalColumn, PersonalModel, make_personal
from dbsynth.people.pii import SEMANTICS, fit_personal, fit_text
from dbsynth.people.prose import TextModel, sample_text
from dbsynth.permute import key_of
from dbsynth.plan import TablePlan
from dbsynth.release import Release
from dbsynth.schema import Column, Table
from dbsynth.serials import can_count, count
from dbsynth.slugs import find_slugs, slugged
from dbsynth.treatments import Treatment
from dbsynth.uuids import UuidModel, fit_uuids, make_uuids
from dbsynth.wording import FAMILIES, write_words

_WRITTEN = ("personal", "text")  # treatments of which some texts may have no characters


@dataclass(frozen=True)
class Makers:
    """What makes a table's columns that are not learned; plain released values only."""

    personal: PersonalModel | None = None
    formats: Mapping[str, FormatModel] = field(default_factory=dict)
    texts: Mapping[str, TextModel] = field(default_factory=dict)
    sizes: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # bytes, at quantiles
    uuids: Mapping[str, UuidModel] = field(default_factory=dict)
    blanks: Mapping[str, float] = field(default_factory=dict)  # share of texts of no characters
    leads: Mapping[str, Leads] = field(default_factory=dict)  # of formats: what words follow from
    slugs: Mapping[str, str] = field(default_factory=dict)  # column -> whose words it joins

    def to_json(self) -> dict[str, Any]:
        """Turn into plain values; `from_json` is the inverse."""
        return {
            "personal": self.personal.to_json() if self.personal else None,
            "formats": {n: f.to_json() for n, f in self.formats.items()},
            "texts": {n: t.to_json() for n, t in self.texts.items()},
            "sizes": {n: list(s) for n, s in self.sizes.items()},
            "uuids": {n: u.to_json() for n, u in self.uuids.items()},
            "blanks": dict(self.blanks),
            "leads": {n: w.to_json() for n, w in self.leads.items()},
            "slugs": dict(self.slugs),
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
            uuids={n: UuidModel.from_json(u) for n, u in data["uuids"].items()},
            blanks=dict(data["blanks"]),
            leads={n: Leads.from_json(w) for n, w in data["leads"].items()},
            slugs=dict(data["slugs"]),
        )


def made_columns(table: Table, planned: TablePlan, learned: set[str]) -> list[Column]:
    """The columns that rows carry, no key fills, no network draws and that are no documents."""
    others = ("foreign key", "structure")
    return [
        c
        for c in table.written_columns
        if c.name not in learned and planned.columns[c.name].kind not in others
    ]


def fit_makers(
    table: Table,
    planned: TablePlan,
    rows: pa.Table,
    entities: Ints,
    release: Release,
    learned: set[str],
    copied: Collection[str] = (),
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
        copied: keys to rows that are copied.
    """
    columns = made_columns(table, planned, learned)
    values = {c: rows.column(c).combine_chunks() for c in rows.column_names}
    blanks = _blanks(table, planned, values, entities, release)
    for name in blanks:
        values[name] = pc.if_else(_is_blank(values[name]), None, values[name])
    personal = [
        PersonalColumn.of(c, planned.columns[c.name])
        for c in columns
        if planned.columns[c.name].kind == "personal" or _is_meant(c, planned)
    ]
    formats, texts, sizes, uuids = {}, {}, {}, {}
    for column in columns:
        treatment = planned.columns[column.name]
        statistic = f"{table.name}.{column.name}"
        length = column.type.length
        if treatment.kind == "binary":
            lengths = pc.binary_length(values[column.name]).cast(pa.float64())
            sizes[column.name] = _lengths(statistic, lengths, entities, release, length)
        elif _is_uuid(column, treatment):
            text = values[column.name].cast(pa.string())
            source_rows = max(planned.source_rows, len(text))
            uuids[column.name] = fit_uuids(statistic, text, entities, release, source_rows)
        elif _is_coded(column, treatment):
            text = values[column.name].cast(pa.string())
            formats[column.name] = fit_format(
                statistic, text, entities, release, max_length=length,
                may_repeat=not treatment.is_unique and treatment.kind == "format",
            )  # fmt: skip
        elif _is_prose(column, treatment) and not _is_meant(column, planned):
            text = values[column.name].cast(pa.string())
            texts[column.name] = fit_text(statistic, text, entities, release, length)
    kinds = ("category", "datetime")
    seen = {n for n in learned if n in planned.columns and planned.columns[n].kind in kinds}
    leads = _lead(table, planned, values, formats, entities, release, {*seen, *copied})
    return Makers(
        personal=fit_personal(personal, values, entities, release, release.seed)
        if personal
        else None,
        formats=formats,
        texts=texts,
        sizes=sizes,
        uuids=uuids,
        blanks=blanks,
        leads=leads,
        slugs=find_slugs(values, [c.name for c in table.written_columns if _may_join(c, planned)]),
    )


def _lead(
    table: Table,
    planned: TablePlan,
    values: Mapping[str, pa.Array],
    formats: dict[str, FormatModel],
    entities: Ints,
    release: Release,
    seen: Collection[str],
) -> dict[str, Leads]:
    """Find what the words in codes follow from, and give formats room for any row's choice."""
    others = {n: values[n] for n in sorted(seen) if n in values}
    found = {}
    for name, model in formats.items():
        statistic, text = f"{table.name}.{name}", values[name].cast(pa.string())
        told = fit_leads(statistic, text, model, others, entities, release)
        if told is None:
            continue
        rows, length = max(planned.source_rows, len(text)), table.column(name).type.length
        told_of = planned.columns[name]
        roomy = fit_format(
            statistic, text, entities, release, max_length=length, room=rows,
            may_repeat=not told_of.is_unique and told_of.kind == "format",
        )  # fmt: skip
        if len(roomy.patterns) == len(model.patterns):
            formats[name], found[name] = roomy, told
    return found


def lead(
    makers: Makers, rows: Mapping[str, pa.Array], numbers: tuple[int, int], seed: int
) -> dict[str, pa.Array]:
    """
    Write the codes of finished rows anew whose words follow from other columns.

    Args:
        makers: from `fit_makers`.
        rows: (n,) all columns.
        numbers: of the first row in its table, and how many the table has in all.
        seed: the run's.
    """
    return {
        name: led_codes(makers.formats[name], told, rows, rows[name], numbers, seed)
        for name, told in makers.leads.items()
        if all(c in rows for c, _ in told.columns)
    }


def join(
    makers: Makers, table: Table, planned: TablePlan, columns: Mapping[str, pa.Array], first: int
) -> dict[str, pa.Array]:
    """Write the columns of (n,) finished rows anew that join the words of another one."""
    made = {}
    for name, source in makers.slugs.items():
        is_unique = planned.columns[name].is_unique and not planned.columns[source].is_unique
        made[name] = slugged(
            columns[source], columns[name], first,
            length=table.column(name).type.length, is_unique=is_unique,
        )  # fmt: skip
    return made


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
        for name in made:
            if table.column(name).type.family.startswith("macaddr"):
                made[name] = hexadecimal(made[name])
    for column in made_columns(table, planned, set(known)):
        if column.name not in made:
            treatment = planned.columns[column.name]
            made[column.name] = _make(makers, table, column, treatment, seed, first, rows)
    return {n: v.cast(arrow_type(table.column(n).type), safe=False) for n, v in made.items()}


def blanked(
    makers: Makers, table: Table, columns: dict[str, pa.Array], seed: int, first: int
) -> None:
    """Leave out the characters of so many texts as have none in the source."""
    for name, share in makers.blanks.items():
        is_blank = _rng(table, name, "blank", seed, first).random(len(columns[name])) < share
        blank = pc.if_else(pc.is_valid(columns[name]), "", pa.scalar(None, pa.string()))
        columns[name] = pc.if_else(pa.array(is_blank), blank, columns[name])


def _blanks(
    table: Table,
    planned: TablePlan,
    values: Mapping[str, pa.Array],
    entities: Ints,
    release: Release,
) -> dict[str, float]:
    """The share of blank texts of columns that are written, where enough entities have one."""
    found = {}
    for column in table.written_columns:
        treatment = planned.columns[column.name]
        if column.type.kind != "string" or treatment.kind not in _WRITTEN or treatment.is_unique:
            continue
        own = values[column.name]
        is_blank = np.asarray(_is_blank(own))
        if is_blank.any() and release.is_enough(entities[is_blank]):
            found[column.name] = round(float(is_blank.sum()) / (len(own) - own.null_count), 3)
    return found


def _is_blank(values: pa.Array) -> pa.Array:
    return pc.fill_null(pc.equal(values.cast(pa.string()), ""), False)


def _rng(table: Table, column: str, what: str, seed: int, first: int) -> np.random.Generator:
    """What decides on the rows from the first one on."""
    key = key_of(what, seed, str(table.name), column)
    return np.random.Generator(np.random.Philox(key=key % 2**63, counter=[0, first, 0, 0]))


def _make(
    makers: Makers,
    table: Table,
    column: Column,
    treatment: Treatment,
    seed: int,
    first: int,
    rows: int,
) -> pa.Array:
    rng = _rng(table, column.name, "make", seed, first)
    unique = first if treatment.is_unique or treatment.kind == "key" else None
    if column.name in makers.formats:
        return sample_format(
            makers.formats[column.name], rng, rows, unique_offset=unique, seed=seed
        )
    if column.name in makers.texts:
        made = sample_text(makers.texts[column.name], rng, rows, unique_offset=unique)
        family = column.type.family if column.type.kind == "other" else ""
        return write_words(made, family) if family in FAMILIES else made
    if column.name in makers.sizes:
        sizes = _bytes(makers.sizes[column.name], rng, rows)
        return sizes if column.type.kind == "bytes" else _bits(sizes)
    if column.name in makers.uuids:
        return make_uuids(makers.uuids[column.name], rng, first, rows)
    if treatment.kind == "key":
        numbers = np.arange(first + 1, first + rows + 1)
        is_counted = treatment.semantic == "serial" and can_count(column.type)
        return count(column.type, numbers.astype(np.uint64)) if is_counted else pa.array(numbers)
    return _void(column, treatment, rows)


def _may_join(column: Column, planned: TablePlan) -> bool:
    """Whether a column is made of words, which may be another one's."""
    kinds = ("text", "format")
    return column.type.kind == "string" and planned.columns[column.name].kind in kinds


def _is_meant(column: Column, planned: TablePlan) -> bool:
    """Whether a category of which no label may be released says what its labels are."""
    treatment = planned.columns[column.name]
    is_text = column.type.kind == "string" and treatment.kind == "category"
    return is_text and treatment.semantic in SEMANTICS


def _is_uuid(column: Column, treatment: Treatment) -> bool:
    if treatment.kind == "key":
        return column.type.kind == "uuid" or treatment.semantic == "uuid"
    return column.type.kind == "uuid" and treatment.kind in ("format", "category")


def _is_coded(column: Column, treatment: Treatment) -> bool:
    """Strings of a pattern: formats, and string keys that are not uuids."""
    text = arrow_type(column.type) == pa.string()
    if treatment.kind == "key":
        return text and treatment.semantic != "serial" and not _is_uuid(column, treatment)
    return treatment.kind == "format" and text


def _is_prose(column: Column, treatment: Treatment) -> bool:
    """Free text, and categories of which no label may be released."""
    if column.type.kind == "other":
        return treatment.kind == "text"
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


def _bits(drawn: pa.Array) -> pa.Array:
    """Write a bit of each random byte, as text."""
    _, offsets, data = drawn.buffers()
    digits = (np.frombuffer(data, np.uint8) & 1) + ord("0")
    return pa.Array.from_buffers(
        pa.string(), len(drawn), [None, offsets, pa.py_buffer(digits.tobytes())]
    )


def _void(column: Column, treatment: Treatment, rows: int) -> pa.Array:
    """NULL where it is allowed, else the text that the plan says, else the type's empty value."""
    kind = arrow_type(column.type)
    if column.is_nullable:
        return pa.nulls(rows, kind)
    if column.type.kind == "enum" and column.type.labels:
        empty: Any = column.type.labels[0]
    else:
        empty = treatment.semantic or empty_value(column.type)
    zeros = pa.array(np.zeros(rows, np.int64))
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        return pa.array([empty if pa.types.is_string(kind) else b""], kind).take(zeros)
    return zeros.cast(kind) if not pa.types.is_decimal(kind) else zeros.cast(pa.int64()).cast(kind)
