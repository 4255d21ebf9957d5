"""A load of a file that is killed, finds no room or may not write leaves the old file as it was."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from dbsynth import run

ROOT = Path(__file__).resolve().parents[1]
SOURCE = """
CREATE TABLE branch (id integer PRIMARY KEY, label text NOT NULL, head integer REFERENCES clerk);
CREATE TABLE clerk (id integer PRIMARY KEY, branch_id integer NOT NULL REFERENCES branch,
  name text);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 80)
  INSERT INTO branch SELECT i, 'branch ' || i, NULL FROM n;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
  INSERT INTO clerk SELECT i, 1 + i % 80, 'a name that takes some room ' || i % 9 FROM n;
UPDATE branch SET head = id;
"""
pytestmark = pytest.mark.slow  # make test-slow
STAGES = ("introspect", "target", "read", "fit", "generate", "write", "index", "verify")
KILLED = """
import os, signal, sys
from dbsynth import run
source, target, stage = sys.argv[1:]
def watch(event):
    if event.stage == stage:
        os.kill(os.getpid(), signal.SIGKILL)
run.clone(source, target, run.Options(engine="marginal", replace=True), progress=watch)
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(SOURCE)
    return path


@pytest.fixture(params=["sqlite", "duckdb"])
def target(request: pytest.FixtureRequest, source: Path, tmp_path: Path) -> Path:
    """An occupied target in a directory of its own."""
    path = tmp_path / "there" / f"target.{request.param}"
    path.parent.mkdir()
    run.clone(str(source), str(path), run.Options(engine="marginal", rows={"clerk": 7}, seed=1))
    return path


def _python(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        **options,  # type: ignore[call-overload]
    )


@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_run_leaves_the_old_file_and_the_next_one_cleans_up(
    source: Path, target: Path, stage: str
) -> None:
    before = target.read_bytes()
    done = _python("-c", KILLED, str(source), str(target), stage)
    assert (-signal.SIGKILL, before) == (done.returncode, target.read_bytes())
    run.clone(str(source), str(target), run.Options(engine="marginal", replace=True))
    assert [target.name] == [p.name for p in target.parent.iterdir()]


def _small_files() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write that is too long fails instead
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))


def test_a_full_disk_is_an_error_and_leaves_the_old_file(source: Path, target: Path) -> None:
    before = target.read_bytes()
    words = ["clone", str(source), str(target), "--replace", "--engine", "marginal"]
    done = _python("-m", "dbsynth", *words, preexec_fn=_small_files)
    assert 1 == done.returncode, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert ["unexpected" in line for line in errors] == [False], done.stderr
    assert "hint: " in done.stderr
    assert before == target.read_bytes()
    assert [target.name] == [p.name for p in target.parent.iterdir()]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_refused(source: Path, target: Path) -> None:
    target.parent.chmod(0o500)
    words = ["clone", str(source), str(target), "--replace", "--engine", "marginal"]
    done = _python("-m", "dbsynth", *words)
    target.parent.chmod(0o700)
    assert 5 == done.returncode, done.stderr
