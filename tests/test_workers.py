"""Tests of dbsynth.workers and dbsynth.training: results are the same, whoever does the work."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from dbsynth import attributes, chunks, demo, modelcache, parcels, run, training, workers
from dbsynth.adapters import parquet_files
from dbsynth.errors import SourceError, WorkerError
from dbsynth.model.gaps import Gap
from dbsynth.modelcache import ModelCache, fingerprint
from dbsynth.modelfile import load, save
from dbsynth.progress import Event
from dbsynth.schema import TableName
from dbsynth.workers import Processes
from tests.conftest import Command
from tests.filler import build
from tests.table_sums import table_sums


def total(arrays: dict[str, np.ndarray], rows: pa.Table) -> float:
    return float(arrays["x"].sum()) + rows.num_rows


def change(arrays: dict[str, np.ndarray]) -> None:
    arrays["x"][0] += 1


def fail() -> None:
    raise SourceError("it broke", "Mend it.", ["one", "two"])


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def number() -> int:
    return os.getpid()


def test_calls_get_shared_values_and_give_results() -> None:
    value = {"x": np.arange(100_000.0)}
    with Processes(2) as crew:
        rows = pa.table({"a": pa.array(["b"] * 7)})
        with crew.sharing(value) as shared, crew.sharing(rows) as more:
            handed = [crew.submit(total, shared, more) for _ in range(4)]
            assert {h.result() - value["x"].sum() - 7 for h in handed} == {0.0}
            with pytest.raises(ValueError, match="read-only"):  # it is everybody's
                crew.submit(change, shared).result()
        assert not Path(shared.path).exists()
        folder = Path(shared.path).parent
    assert value["x"][0] == 0
    assert not folder.exists()


def numbers(rows: int) -> dict[str, object]:
    return {"x": np.arange(rows), "rows": pa.table({"a": np.arange(rows)})}


@pytest.mark.parametrize("rows", [3, 500_000])
def test_results_come_back_and_leave_nothing_behind(rows: int) -> None:
    with Processes(1) as crew:
        found = crew.submit(numbers, rows).result()
        assert list(Path(crew._place()).iterdir()) == []
    found["x"][0] = 7
    assert found["x"].sum() == rows * (rows - 1) // 2 + 7
    assert found["rows"] == pa.table({"a": np.arange(rows)})


def changed(arrays: dict[str, np.ndarray], folder: str) -> tuple[float, list[str]]:
    arrays["x"][0] += 1
    own = [p.name for p in Path(folder).iterdir() if not p.name.startswith("pymp-")]  # sockets
    return float(arrays["x"].sum()), own


@pytest.mark.parametrize("rows", [3, 500_000])
def test_what_is_sent_lies_in_no_file_with_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    value = {"x": np.arange(float(rows)), "other": pa.table({"a": ["b"] * rows})}
    with Processes(1) as crew:
        found, names = crew.submit(changed, value, str(tmp_path)).result()
        assert found == rows * (rows - 1) / 2 + 1
        assert names == [Path(crew._place()).name]
        assert list(Path(crew._place()).iterdir()) == []
    assert value["x"][0] == 0  # it was a copy


def test_what_finds_no_room_on_disk_goes_through_the_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(parcels, "_write", full)
    with Processes(1) as crew:
        handed = crew.submit(total, {"x": np.ones(500_000)}, pa.table({"a": [1]}))
        assert handed.result() == 500_001


def test_workers_start_as_copies_where_nothing_else_is_at_work() -> None:
    script = (
        "import sys, threading\n"
        "from dbsynth.workers import Processes\n"
        "from tests.test_workers import number\n"
        "if sys.argv[1] == 'busy':\n"
        "    threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "with Processes(2, ['dbsynth.draw']) as workers:\n"
        "    workers.start()\n"
        "    print(workers.is_started, workers.submit(number).result() > 0)\n"
    )
    root = Path(__file__).parents[1]
    told = [
        subprocess.run(
            [sys.executable, "-c", script, word], env={**os.environ, "PYTHONPATH": str(root)},
            check=True, capture_output=True, text=True, timeout=60,
        ).stdout.split()
        for word in ("alone", "busy")
    ]  # fmt: skip
    assert told == [["True", "True"], ["False", "True"]]


def test_errors_come_back_whole() -> None:
    with Processes(1) as crew:
        with pytest.raises(SourceError) as caught:
            crew.submit(fail).result()
        assert ("Mend it.", ("one", "two")) == (caught.value.remedy, caught.value.problems)
        assert isinstance(crew.submit(number).result(), int)


def test_a_worker_that_is_killed_is_told() -> None:
    with Processes(1) as crew, pytest.raises(WorkerError, match="gone"):
        crew.submit(die).result()


def test_workers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    script = tmp_path / "no_guard.py"  # a script that may not be run again in workers
    script.write_text(
        "import os, signal\n"
        "from dbsynth.workers import Processes\n"
        "from tests.test_workers import number\n"
        "workers = Processes(1).__enter__()\n"
        "print(workers.submit(number).result(), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, script], env={**os.environ, "PYTHONPATH": str(root)}, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    (worker,) = map(int, done.stdout.split())
    for _ in range(100):
        state = Path(f"/proc/{worker}/stat")
        if not state.exists() or state.read_text().split()[2] == "Z":
            return
        time.sleep(0.05)
    raise AssertionError("the worker is still there")


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> str:
    return build("diamond", tmp_path_factory.mktemp("workers") / "source.sqlite")


def fitted(url: str, path: Path, **options: object) -> tuple[bytes, list[Event]]:
    """Fit with engines that train; the model file's bytes, and what was told."""
    events: list[Event] = []
    wishes = run.Options(seed=4, quality="fast", engine="tree", **options)  # type: ignore[arg-type]
    save(run.fit(url, wishes, progress=events.append), path)
    return path.read_bytes(), [e for e in events if e.stage == "fit"]


def test_workers_train_the_same_models(
    clinic: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "WORTH_CELLS", 1)
    alone, _ = fitted(clinic, tmp_path / "a", jobs=1, is_cached=False)
    beside, events = fitted(clinic, tmp_path / "b", jobs=2, is_cached=False)
    assert alone == beside
    assert {e.table for e in events} >= {"patient", "encounter", "observation"}


def test_what_was_trained_is_not_trained_again(
    clinic: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBSYNTH_CACHE", str(tmp_path / "cache"))
    first, told = fitted(clinic, tmp_path / "a", jobs=1)
    again, told_again = fitted(clinic, tmp_path / "b", jobs=1)
    assert first == again
    assert not any("as before" in e.note for e in told)
    assert all("as before" in e.note for e in told_again if not e.note.startswith("marginal"))
    assert {0o700} == {(tmp_path / "cache").stat().st_mode & 0o777}
    files = sorted((tmp_path / "cache").iterdir())
    files[0].write_bytes(b"spoilt")
    assert first == fitted(clinic, tmp_path / "c", jobs=1)[0]
    anew, told_anew = fitted(clinic, tmp_path / "d", jobs=1, is_cached=False)
    assert first == anew
    assert not any("as before" in e.note for e in told_anew)


def test_the_cache_lets_go_of_what_was_not_used_for_long(
    clinic: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBSYNTH_CACHE", str(tmp_path / "cache"))
    model = run.fit(clinic, run.Options(seed=4, quality="fast", engine="tree"))
    content = model.tables[TableName("", "patient")].content
    assert content is not None
    monkeypatch.delenv("DBSYNTH_CACHE")
    cache = ModelCache(tmp_path / "small")
    for name in "abc":
        cache.put(name, content.model, Gap(1.5, 2.0))
        path = next((tmp_path / "small").glob(f"{name}.*"))
        os.utime(path, (ord(name), ord(name)))
    size = path.stat().st_size
    found = cache.get("tree", "a")  # used just now
    assert found is not None
    assert Gap(1.5, 2.0) == found[1]
    tight = ModelCache(tmp_path / "small", 2 * size)
    tight.put("d", content.model)
    assert ["a", "d"] == sorted(p.name[0] for p in (tmp_path / "small").iterdir())
    assert tight.get("tree", "b") is None


def test_other_rows_have_another_fingerprint() -> None:
    from dbsynth.features import Features
    from dbsynth.model.base import FitTask

    def task(**changes: object) -> FitTask:
        given = {
            "name": "t/content", "condition": Features.empty(3), "slots": [Features.empty(3)],
            "heads": [(0, 2)], "targets": [np.array([0, 1, 1])], "places": [None],
            "held_out": np.zeros(3, bool), "entities": np.arange(3), "threshold": 5, "seed": 1,
            "quality": "fast",
        }  # fmt: skip
        return FitTask(**{**given, **changes})  # type: ignore[arg-type]

    names = {
        fingerprint("tree", task()),
        fingerprint("argn", task()),
        fingerprint("tree", task(targets=[np.array([0, 1, 0])])),
        fingerprint("tree", task(seed=2)),
        fingerprint("tree", task(places=[np.array([0.0, 1.0])])),
    }
    assert 5 == len(names)
    assert fingerprint("tree", task()) in names
    assert modelcache.ENGINES


@pytest.mark.parametrize("jobs", [2, 5])
def test_workers_draw_the_same_rows(
    shop: tuple[Path, dict[str, str]], jobs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, alone = shop
    monkeypatch.setattr(workers, "WORTH_STARTING", 0)
    monkeypatch.setattr(workers, "WORTH_WHEN_STARTED", 0)
    drawn = []
    submit = Processes.submit
    monkeypatch.setattr(Processes, "submit", lambda *a: drawn.append(a) or submit(*a))
    assert alone == generated(model, tmp_path / "copy.duckdb", jobs, monkeypatch)
    assert len(drawn) > 20


def test_workers_write_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clinic: str
) -> None:
    monkeypatch.setattr(workers, "WORTH_STARTING", 0)
    monkeypatch.setattr(workers, "WORTH_WHEN_STARTED", 0)
    monkeypatch.setattr(parquet_files, "PART_ROWS", 200)
    monkeypatch.setattr(parquet_files, "GROUP_ROWS", 120)
    model, sums, stored = tmp_path / "model", [], []
    save(run.fit(clinic, run.Options(engine="tree", quality="fast", is_ruled=False)), model)
    store = attributes._Attributes._stored
    monkeypatch.setattr(
        attributes._Attributes, "_stored", lambda *a: stored.append(a[0].planned.name) or store(*a)
    )
    for jobs in (1, 2):
        target = tmp_path / f"{jobs}.parquet"
        generated(model, target, jobs, monkeypatch)
        files = sorted(target.rglob("*.parquet"))
        sums.append([hashlib.sha256(f.read_bytes()).hexdigest() for f in files])
    assert sums[0] == sums[1]
    assert {"observation"} <= {name.name for name in stored}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A model of eighteen tables with all kinds of keys, and what one process makes of it."""
    folder = tmp_path_factory.mktemp("shop")
    source = demo.build(folder)
    save(run.fit(str(source), run.Options(engine="tree", quality="fast")), folder / "model")
    with pytest.MonkeyPatch.context() as patch:
        return folder / "model", generated(folder / "model", folder / "one.duckdb", 1, patch)


def generated(model: Path, target: Path, jobs: int, patch: pytest.MonkeyPatch) -> dict[str, str]:
    """Draw a database in small chunks, and hash its tables."""
    patch.setattr(chunks, "MIN_CHUNK_ROWS", 300)
    patch.setattr(chunks, "MIN_CHUNK_OWNERS", 50)
    patch.setattr(chunks, "MAX_CHUNK_OWNERS", 200)
    run.generate(load(model), str(target), run.Options(seed=5, jobs=jobs))
    return table_sums(str(target))


def test_without_a_cache_all_is_trained_anew_and_nothing_is_kept(
    clinic: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    monkeypatch.setenv("DBSYNTH_CACHE", str(tmp_path / "cache"))
    words = ("fit", clinic, "--engine", "tree", "--quality", "fast", "--seed", "4", "--jobs", "1")
    assert command(*words, "-o", tmp_path / "a", "--no-cache")[0] == 0
    assert not (tmp_path / "cache").exists()
    assert command(*words, "-o", tmp_path / "b")[0] == 0
    assert list((tmp_path / "cache").iterdir())
    _, told = command(*words, "-o", tmp_path / "c", "--no-cache")
    assert "as before" not in told
    _, told = command(*words, "-o", tmp_path / "d")
    assert "as before" in told
    assert (tmp_path / "a").read_bytes() == (tmp_path / "d").read_bytes()
