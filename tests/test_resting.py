"""Tests of dbsynth.resting: what lies in a file is what it was, and takes up no memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from dbsynth import mapped, resting
from dbsynth.features import Features

ROWS = 2_000_000


def plain(rows: int) -> np.ndarray:
    """No floats."""
    return np.zeros((rows, 0), np.float32)


def in_memory() -> int:
    """Bytes that are in memory of what this process has mapped from files."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssFile")) << 10


def test_what_rests_is_there_when_it_is_needed() -> None:
    found = resting.room((ROWS, 4), np.float64)
    assert not found.any()
    found[:] = np.arange(ROWS)[:, None]
    before = in_memory()
    mapped.rest()
    assert before - in_memory() > 0.9 * found.nbytes
    assert (found[:, 3] == np.arange(ROWS)).all()


def test_what_is_small_stays_in_memory() -> None:
    before = len(mapped._mapped)
    resting.room((1000,), np.int64)
    resting.column(pa.chunked_array([[1, 2], [3]]))
    assert len(mapped._mapped) == before


def test_a_full_disk_leaves_arrays_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(mapped.os, "posix_fallocate", full)
    found = resting.room((ROWS,), np.int64)
    found[-1] = 3
    assert (found.sum(), found.base) == (3, None)


def test_values_of_a_column_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resting, "LARGE", 1)
    chunks = [["a", None], [], ["bcd", "é"]]
    values = pa.chunked_array(chunks, pa.string())
    found = resting.column(values)
    mapped.rest()
    assert (found.to_pylist(), found.type, found.num_chunks) == (
        ["a", None, "bcd", "é"],
        pa.string(),
        1,
    )


@pytest.mark.parametrize("large", [1, 1 << 40])
def test_rows_of_owners_and_what_is_kept(monkeypatch: pytest.MonkeyPatch, large: int) -> None:
    monkeypatch.setattr(resting, "LARGE", large)
    monkeypatch.setattr(mapped, "PIECE", 64)
    counts = np.array([2, 0, 3, 1], np.int64)
    owners = resting.repeated(counts, 2)
    assert owners.tolist() == [0, 0, 2, 2, 2, 3, -1, -1]
    assert resting.filtered(owners, owners != 2).tolist() == [0, 0, 3, -1, -1]
    assert resting.numbers(20).tolist() == list(range(20))
    assert resting.filtered(owners, owners > 9).tolist() == []


def test_rows_that_are_copied_hold_on_to_nothing() -> None:
    rows = pa.table({"a": np.arange(1000), "b": ["x"] * 1000}).slice(10, 5)
    found = resting.copied(rows)
    assert found == rows
    assert found.column(0).chunk(0).buffers()[1].size < 1000
    assert resting.copied(rows.select([])).num_rows == rows.select([]).num_rows


@pytest.mark.parametrize("large", [1, 1 << 30])
def test_features_side_by_side_are_the_same_where_they_rest(
    monkeypatch: pytest.MonkeyPatch, large: int
) -> None:
    monkeypatch.setattr(resting, "LARGE", large)
    monkeypatch.setattr(mapped, "PIECE", 100)
    rng = np.random.default_rng(1)
    parts = [
        Features(rng.integers(0, 9, (50, codes)).astype(np.int32), floats, (9,) * codes)
        for codes, floats in ((2, rng.random((50, 3), np.float32)), (1, plain(50)), (3, plain(50)))
    ]
    parts.insert(1, Features.empty(0))
    found, joined = Features.rested(parts, 50), Features.join(parts, 50)
    assert found.cards == joined.cards
    assert (found.codes == joined.codes).all()
    assert (found.floats == joined.floats).all()
    left, first = found.without(parts[-1]), Features.join(parts[:-1], 50)
    assert (left.codes == first.codes).all()
    assert (left.floats == first.floats).all()
    assert left.cards == first.cards
