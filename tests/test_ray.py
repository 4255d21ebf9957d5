"""Tests of dbsynth.rayworkers: a real Ray with two workers trains and draws the very same."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from dbsynth import chunks, run, training, workers
from dbsynth.errors import MissingDriverError, SourceError, UsageError, WorkerError
from dbsynth.modelfile import load, save
from dbsynth.rayworkers import RayWorkers
from tests.filler import build
from tests.table_sums import table_sums

needs_ray = pytest.mark.skipif(
    find_spec("ray") is None, reason="Ray is not installed: pip install 'dbsynth[ray]'"
)


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything be worth workers, in small chunks."""
    monkeypatch.setattr(training, "WORTH_CELLS", 1)
    monkeypatch.setattr(workers, "WORTH_STARTING", 0)
    monkeypatch.setattr(workers, "WORTH_WHEN_STARTED", 0)
    monkeypatch.setattr(chunks, "MIN_CHUNK_ROWS", 100)
    monkeypatch.setattr(chunks, "MIN_CHUNK_OWNERS", 20)


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep Ray from calling home, and from leaving files; its sockets need short names."""
    place = tempfile.mkdtemp(prefix="ray-")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_TMPDIR", place)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    yield
    shutil.rmtree(place, ignore_errors=True)


def fail() -> None:
    raise SourceError("it broke", "Mend it.", ["one"])


def add(numbers: list[int]) -> int:
    return sum(numbers)


def die() -> None:
    os._exit(3)


@needs_ray
@pytest.mark.filterwarnings("ignore")  # Ray's own affair
def test_ray_trains_and_draws_what_one_process_does(
    tmp_path: Path, eager: None, quiet: None
) -> None:
    source = build("diamond", tmp_path / "source.sqlite")
    sums, models = [], []
    for executor, jobs in (("local", 1), ("ray", 2)):
        place = tmp_path / executor
        place.mkdir()
        options = run.Options(
            seed=2, engine="tree", quality="fast", executor=executor, jobs=jobs, is_cached=False,
            is_ruled=False,
        )  # fmt: skip
        save(run.fit(source, options), place / "model")
        models.append((place / "model").read_bytes())
        run.generate(load(place / "model"), str(place / "copy.duckdb"), options)
        run.generate(load(place / "model"), str(place / "copy.parquet"), options)
        files = sorted((place / "copy.parquet").rglob("*.parquet"))
        digests = [hashlib.sha256(f.read_bytes()).hexdigest() for f in files]
        sums.append((table_sums(str(place / "copy.duckdb")), digests))
    assert models[0] == models[1]
    assert sums[0] == sums[1]


@needs_ray
@pytest.mark.filterwarnings("ignore")  # as above
def test_errors_of_ray_come_back_as_ours(quiet: None) -> None:
    with RayWorkers(jobs=1) as crew:
        with pytest.raises(SourceError, match="it broke") as caught:
            crew.submit(fail).result()
        assert ("Mend it.", ("one",)) == (caught.value.remedy, caught.value.problems)
        with crew.sharing([1, 2]) as shared:
            assert 3 == crew.submit(add, shared).result()
        with pytest.raises(WorkerError, match="Ray"):
            crew.submit(die).result()


@pytest.mark.skipif(find_spec("ray") is not None, reason="Ray is installed")
def test_without_ray_one_is_told_how_to_get_it(tmp_path: Path) -> None:
    source = build("diamond", tmp_path / "source.sqlite")
    with pytest.raises(MissingDriverError, match="Ray") as caught:
        run.fit(source, run.Options(executor="ray://nowhere:1"))
    assert "dbsynth[ray]" in caught.value.remedy


def test_unknown_executors_are_refused_before_anything_is_read() -> None:
    with pytest.raises(UsageError, match="spark"):
        run.fit("nowhere.db", run.Options(executor="spark"))
