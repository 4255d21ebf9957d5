"""Values of many kinds, of which another column's labels say which: each kind is a generator."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.documents.generators import Choice, Constant, Document, Kinds
from dbsynth.documents.shredding import fit_document
from dbsynth.documents.unfolding import draw_document
from dbsynth.features import Ints
from dbsynth.parts.taking import INTEGER
from dbsynth.peculiar import are_documents
from dbsynth.permute import key_of
from dbsynth.profiles import Profile
from dbsynth.release import Release
from dbsynth.schema import SqlType, TableName

_WHOLE = r"^-?(?:0|[1-9]\d{0,14})$"
_ALL = 0.98  # share of the values of a label that must be whole numbers, to be learned as such
_FEW = 20  # different ones are labels


def fit_kinds(
    name: tuple[TableName, str],
    sql: SqlType,
    texts: pa.Array,
    by: tuple[str, pa.Array],
    entities: Ints,
    release: Release,
) -> Kinds:
    """
    Learn a column of texts, those of each label by themselves.

    Args:
        name: of its table, and of the column.
        sql: its type.
        texts: (n,) values; nulls do not count.
        by: the column of labels: its name, and (n,) what it says.
        entities: (n,) which entity each row belongs to.
        release: the protection in force.
    """
    column, said = by[0], by[1].cast(pa.string())
    place = f"{name[0]}.{name[1]}"
    labels, _ = release.labels(f"{place}#by {column}", said, entities)
    found = np.asarray(pc.index_in(said, pa.array(labels, pa.string())).fill_null(-1), np.int64)
    documents = []
    for number in (*range(len(labels)), -1):
        rows = np.flatnonzero(found == number)
        label = labels[number] if number >= 0 else name[1]
        own = texts.take(pa.array(rows))
        documents.append(_fit((place, label), sql, own, entities[rows], release))
    return Kinds(column, tuple(labels), tuple(documents))


def _fit(
    name: tuple[str, str], sql: SqlType, texts: pa.Array, entities: Ints, release: Release
) -> Document:
    """Learn the values of one label; blank ones apart, whole numbers as numbers."""
    there = np.asarray(texts.is_valid())
    texts, entities = texts.drop_null(), entities[there]
    blank = np.asarray(pc.fill_null(pc.equal(texts, ""), False))
    full, owners = texts.filter(pa.array(~blank)), entities[~blank]
    whole = np.asarray(pc.fill_null(pc.match_substring_regex(full, _WHOLE), False))
    profile, wanted = Profile.of(full), sql
    if profile.rows and whole.mean() >= _ALL and profile.distinct > _FEW:
        full, owners, wanted = full.filter(pa.array(whole)), owners[whole], INTEGER
    is_json = are_documents(profile)
    found = fit_document(name, wanted, full, owners, release, is_json=is_json)
    found = replace(found, max_length=sql.length)
    if not blank.any() or not release.is_enough(entities[blank]):
        return found
    blanks = round(float(blank.mean()), 3)
    return replace(found, root=Choice((Constant(""), found.root), (blanks, 1.0 - blanks)))


def draw_kinds(
    kinds: Kinds, said: pa.Array | None, name: str, seed: int, first: int, rows: int
) -> pa.Array:
    """
    Draw (rows,) texts, none of them null.

    Args:
        kinds: the column's generator.
        said: (rows,) what the column of labels says; None: it is not known.
        name: of the column.
        seed: the run's.
        first: number of the first row in its table.
        rows: how many.
    """
    found = np.full(rows, -1, np.int64)
    if said is not None:
        wanted = pa.array(kinds.labels, pa.string())
        found = np.asarray(pc.index_in(said.cast(pa.string()), wanted).fill_null(-1), np.int64)
    places, texts = [], []
    for number in np.unique(found).tolist():
        here = np.flatnonzero(found == number)
        key = key_of("kind", seed, name, number) % 2**31
        places.append(here)
        texts.append(draw_document(kinds.documents[number], key, first, len(here)))
    if not places:
        return pa.array([], pa.string())
    order = np.argsort(np.concatenate(places), kind="stable")
    return pa.concat_arrays([t.cast(pa.string()) for t in texts]).take(pa.array(order))
