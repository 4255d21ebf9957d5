"""
Columns whose values are of many kinds, and columns whose labels say of which kind each is.

Tables of attributes (entity, attribute, value) have them: a price here, a date or a name there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.features import Floats, Ints
from dbsynth.lexicon import words_of
from dbsynth.schema import Table
from dbsynth.treatments import Treatment

BY = "by "  # how the semantic of such a column begins; the name of the column of labels follows
_ROWS = 20_000
_LABELS = 500  # different ones, at most
_EACH = 20  # rows of a label that says something
_MOST = 0.8  # share of the rows that such labels have
_SAID = 0.5  # share of what there is to say of shapes that labels say, for shapes to decide
_SAID_BY_NAME = 0.1  # the same, of columns that are called values
_VARIED = 0.5  # bits that shapes vary by
_RARE, _RARE_SHARE = 5, 0.2  # values of fewer rows could not be released, and how many have one
_VALUES = frozenset({"value", "values", "val", "wert", "valor", "valeur", "answer"})


def told_by_labels(
    table: Table, treatments: Mapping[str, Treatment], sample: pa.Table | None
) -> dict[str, Treatment]:
    """Find the texts of a table whose kinds another column names, and how they are treated."""
    if sample is None or not len(sample):
        return dict(treatments)
    found = dict(treatments)
    step = -(-len(sample) // _ROWS)
    rows = sample.take(pa.array(np.arange(0, len(sample), step))) if step > 1 else sample
    labelled = dict(_labels(table, treatments, rows))
    in_keys = {name for unique in table.unique_sets for name in unique}
    for column in table.written_columns if labelled else ():
        own = treatments[column.name]
        is_key = own.is_unique or column.name in in_keys  # whatever is made of it would come twice
        if column.type.kind != "string" or is_key or column.name not in rows.column_names:
            continue
        values = rows.column(column.name).combine_chunks().cast(pa.string())
        is_named = bool(_VALUES & set(words_of(column.name)))
        if not _may_be_many(own, values, is_named=is_named):
            continue
        shapes = _codes(_shapes(values))
        best, said = "", 0.0
        for label, codes in labelled.items():
            share = _said(shapes, codes) if label != column.name else 0.0
            if share > said:
                best, said = label, share
        if said >= (_SAID_BY_NAME if is_named else _SAID):
            told = f"its values are of the kinds that {best} says"
            found[column.name] = replace(
                own, kind="structure", semantic=f"{BY}{best}", evidence=told
            )
    return found


def label_column(treatment: Treatment) -> str:
    """The column whose labels say of which kind a column's values are; "" if there is none."""
    is_told = treatment.kind == "structure" and treatment.semantic.startswith(BY)
    return treatment.semantic.removeprefix(BY) if is_told else ""


def _labels(
    table: Table, treatments: Mapping[str, Treatment], rows: pa.Table
) -> Iterator[tuple[str, Ints]]:
    """Columns that could name kinds, with (n,) the number of each row's label; -1: too rare."""
    for column in table.written_columns:
        if treatments[column.name].kind != "category" or column.name not in rows.column_names:
            continue
        if column.type.kind not in ("string", "enum"):
            continue
        codes = _codes(rows.column(column.name).combine_chunks())
        counts = np.bincount(codes[codes >= 0], minlength=1)
        often = counts >= _EACH
        codes = np.where((codes >= 0) & often[np.maximum(codes, 0)], codes, -1)
        if 2 <= often.sum() and len(counts) <= _LABELS and (codes >= 0).mean() >= _MOST:
            yield column.name, codes


def _may_be_many(treatment: Treatment, values: pa.Array, *, is_named: bool) -> bool:
    """Whether values could be of many kinds: made ones, or called so and many of them rare."""
    if treatment.kind in ("text", "format"):
        return True
    if treatment.kind != "category" or treatment.semantic or not is_named:
        return False
    counts = values.drop_null().value_counts().field("counts").to_numpy()
    return bool(len(counts)) and counts[counts < _RARE].sum() >= _RARE_SHARE * counts.sum()


def _shapes(values: pa.Array) -> pa.Array:
    """The shapes of (n,) texts: a run of letters or digits is one, and so is a text of words."""
    shapes = pc.replace_substring_regex(values, r"\d+", "9")
    shapes = pc.replace_substring_regex(shapes, r"\p{L}+", "a")
    shapes = pc.replace_substring_regex(shapes, r"\s+", " ")
    return pc.utf8_slice_codeunits(shapes, 0, 12)


def _codes(values: pa.Array) -> Ints:
    """Number (n,) different values; -1: NULL."""
    indices = values.dictionary_encode().indices
    return np.asarray(indices.fill_null(-1), np.int64)


def _said(shapes: Ints, labels: Ints) -> float:
    """How much of what shapes vary by the labels say, 0..1; 0 where they hardly vary."""
    there = (shapes >= 0) & (labels >= 0)
    shapes, labels = shapes[there], labels[there]
    if not len(shapes):
        return 0.0
    whole = _bits(np.bincount(shapes).astype(np.float64))
    if whole < _VARIED:
        return 0.0
    pairs = np.bincount(labels * (int(shapes.max()) + 1) + shapes).astype(np.float64)
    said = whole - (_bits(pairs) - _bits(np.bincount(labels).astype(np.float64)))
    # What as many labels would seem to say of as many shapes by chance (Miller 1955).
    free = (len(np.unique(shapes)) - 1) * (len(np.unique(labels)) - 1)
    return float(said - free / (2 * np.log(2) * len(shapes))) / whole


def _bits(counts: Floats) -> float:
    """The entropy of (k,) counts."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum())
