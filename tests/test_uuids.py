"""Tests of dbsynth.uuids: the version stays, and with it the order in time."""

from __future__ import annotations

import uuid

import numpy as np
import pyarrow as pa
import pytest

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
