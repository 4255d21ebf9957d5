"""Tests of dbsynth.uuids: the version stays, and with it the order in time."""

from __future__ import annotations

import uuid

import numpy as np
import pyarrow as pa
import pytest

from dbsynth.adapters.postgresql_copy import _uuids as packed
from dbsynth.release import Release
from dbsynth.uuids import UuidModel, fit_uuids, make_uuids

ROWS = 300


def ordered(i: int) -> str:
    moment = 1_700_000_000_000 + i * 1000
    return str(uuid.UUID(int=moment << 80 | 7 << 76 | 2 << 62 | i))


def fit(texts: list[str | None]) -> UuidModel:
    values = pa.array(texts, pa.string())
    return fit_uuids("t.c", values, np.arange(len(texts)), Release(1), len(texts))


def make(model: UuidModel, first: int = 0) -> list[uuid.UUID]:
    texts = make_uuids(model, np.random.default_rng(first), first, ROWS).to_pylist()
    return [uuid.UUID(t) for t in texts]


@pytest.mark.parametrize("version", [1, 4, 5])
def test_made_uuids_are_of_the_columns_version(version: int) -> None:
    texts = [str(uuid.UUID(int=i << 90 | i, version=version)) for i in range(ROWS)]
    made = make(fit([*texts, None]))
    assert {version} == {u.version for u in made}
    assert ROWS == len(set(made) - {uuid.UUID(t) for t in texts})


def test_ordered_ones_stay_ordered_and_within_their_time() -> None:
    source = [ordered(i) for i in range(ROWS)]
    model = UuidModel.from_json(fit(source).to_json())
    made = make(model)
    assert {7} == {u.version for u in made}
    assert sorted(made) == made < make(model, first=ROWS)
    seconds = [(u.int >> 80) / 1000 for u in made]
    assert 1_700_000_000 <= min(seconds) < max(seconds) <= 1_700_000_300


@pytest.mark.parametrize("texts", [[], [None], ["no uuid"] * ROWS, [ordered(1)] * 5])
def test_else_they_are_random(texts: list[str | None]) -> None:
    assert UuidModel() == fit(texts)


def test_uuids_travel_as_sixteen_bytes_however_they_are_spelled() -> None:
    made = [uuid.UUID(int=(0x0123456789ABCDEF << 64) + n) for n in range(50)]
    usual = pa.array([str(u) for u in made])
    assert packed(usual.slice(3, 20)).to_pylist() == [u.bytes for u in made[3:23]]
    others = pa.array([None, made[0].hex, str(made[1]).upper(), str(made[2])])
    assert packed(others).to_pylist() == [None, *(u.bytes for u in made[:3])]
    assert packed(pa.nulls(2, pa.string())).to_pylist() == [None, None]
    for wrong in ("12", "1" * 36, "x" * 32, str(made[0]).replace("a", "g")):
        with pytest.raises(pa.ArrowInvalid, match="UUID"):
            packed(pa.array([wrong]))
