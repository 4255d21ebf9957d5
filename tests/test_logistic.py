"""Tests of dbsynth.logistic: it finds what foretells something, and says so if nothing does."""

from __future__ import annotations

import numpy as np
import pytest

from dbsynth.features import Features
from dbsynth.logistic import Logistic

ROWS = 1_500


def _features(rng: np.random.Generator) -> Features:
    codes = rng.integers(0, [3, 40], (ROWS, 2)).astype(np.int32)
    return Features(codes, rng.normal(size=(ROWS, 1)).astype(np.float32), (3, 40))


@pytest.mark.parametrize("kinds", [2, 3])
def test_shares_come_out_as_they_were_made(kinds: int) -> None:
    rng = np.random.default_rng(1)
    features = _features(rng)
    logits = np.stack([k * (features.codes[:, 0] - 1.0) for k in range(kinds)], axis=1)
    wanted = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    drawn = (rng.random((ROWS, 1)) > wanted.cumsum(axis=1)[:, :-1]).sum(axis=1)
    found = Logistic.fit(features, np.eye(kinds)[drawn], np.ones(ROWS), rng)
    assert found is not None
    shares = found.shares(features)
    assert pytest.approx(1.0) == shares.sum(axis=1)
    assert np.abs(shares - wanted).mean() < 0.06


def test_nothing_is_learned_where_nothing_foretells() -> None:
    rng = np.random.default_rng(2)
    drawn = np.eye(2)[rng.integers(0, 2, ROWS)]
    assert Logistic.fit(_features(rng), drawn, np.ones(ROWS), rng) is None
