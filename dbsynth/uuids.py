"""Make uuids of the version that a column has: random ones, or, of version 7, ordered by time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.features import Ints
from dbsynth.plain import Plain
from dbsynth.release import Release

_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)
_SHAPE = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-(?P<version>[1-8])[0-9a-fA-F]{3}-"
_MOST = 0.98  # share of the values that must have a version
_RANDOM, _ORDERED = 4, 7
_START = 1_577_836_800_000.0  # 2020-01-01 in milliseconds
_STEP = 60_000.0


@dataclass(frozen=True, slots=True)
class UuidModel(Plain):
    """The version, and of version 7 the first moment and the time between rows, in milliseconds."""

    version: int = _RANDOM
    start: float = _START
    step: float = _STEP


def fit_uuids(
    statistic: str, texts: pa.Array, entities: Ints, release: Release, rows: int
) -> UuidModel:
    """
    Learn the version of a column's uuids.

    Args:
        statistic: the column's name.
        texts: (n,) uuids; nulls do not count.
        entities: (n,).
        release: the protection in force.
        rows: how many rows the whole table has.
    """
    present = np.asarray(pc.is_valid(texts))
    known, owners = texts.drop_null(), entities[present]
    if not release.is_enough(owners):
        return UuidModel()
    versions = pc.struct_field(pc.extract_regex(known, _SHAPE), "version")
    labels, _ = release.labels(f"{statistic}.version", versions, owners)
    if not labels:
        return UuidModel()
    has_it = pc.fill_null(pc.equal(versions, labels[0]), False)
    if release.share(np.asarray(has_it)) < _MOST:
        return UuidModel()
    if int(labels[0]) != _ORDERED:
        return UuidModel(int(labels[0]))
    digits = pc.replace_substring(pc.utf8_slice_codeunits(known, 0, 13), "-", "").to_pylist()
    moments = np.array([int(d, 16) for d in digits], np.float64)
    low, high = release.bounds(statistic, moments, owners)
    return UuidModel(_ORDERED, low, max(high - low, 1.0) / max(rows, 1))


def make_uuids(model: UuidModel, rng: np.random.Generator, first: int, rows: int) -> pa.Array:
    """
    Make (rows,) uuids as text.

    Args:
        model: from `fit_uuids`.
        rng: where the random bits come from.
        first: number of the first row, which decides on the moments.
        rows: how many.
    """
    raw = np.frombuffer(rng.bytes(16 * rows), np.uint8).reshape(rows, 16).copy()
    if model.version == _ORDERED:
        place = np.arange(first, first + rows) + rng.random(rows)
        moments = (model.start + place * model.step).astype(np.int64)
        for i in range(6):
            raw[:, i] = moments >> (8 * (5 - i)) & 255
    raw[:, 6] = raw[:, 6] & 0x0F | model.version << 4
    raw[:, 8] = raw[:, 8] & 0x3F | 0x80
    digits = np.stack([_HEX[raw >> 4], _HEX[raw & 15]], axis=2).reshape(rows, 32)
    text = np.full((rows, 36), ord("-"), np.uint8)
    text[:, [i for i in range(36) if i not in (8, 13, 18, 23)]] = digits
    offsets = np.arange(0, 36 * (rows + 1), 36, dtype=np.int32)
    return pa.Array.from_buffers(
        pa.string(), rows, [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(text.tobytes())]
    )
