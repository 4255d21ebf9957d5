"""A streaming standby as a source: it is read like any server, and its conflicts are explained."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from dbsynth import run
from dbsynth.adapters import open_source
from dbsynth.errors import DbsynthError
from dbsynth.urls import resolve

pytestmark = pytest.mark.slow
_PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
_QUICK = "-c fsync=off -c listen_addresses=127.0.0.1 -c unix_socket_directories="


@dataclass(frozen=True)
class Pair:
    primary: str
    standby: str


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tool(name: str, *arguments: object) -> None:
    program = shutil.which(name) or next(
        (str(p / name) for p in _PLACES if (p / name).exists()), ""
    )
    if not program:
        pytest.skip(f"there is no {name}")
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    command = [*as_user, program, *map(str, arguments)]
    done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    assert done.returncode == 0, f"{name} failed"


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """A primary and its hot standby, which lets no query stop what it replays."""
    home = Path(tempfile.mkdtemp(prefix="dbsynth-replica-"))
    home.chmod(0o777)
    places, ports = (home / "primary", home / "standby"), (free_port(), free_port())
    started = []
    try:
        tool("initdb", "-D", places[0], "-U", "postgres", "-A", "trust", "-N")
        for place, port in zip(places, ports, strict=True):
            if place is places[1]:
                tool("pg_basebackup", "-D", place, "-R", "-X", "stream", "-c", "fast",
                     "-h", "127.0.0.1", "-p", ports[0], "-U", "postgres", "-N")  # fmt: skip
            options = f"{_QUICK} -p {port} -c max_standby_streaming_delay=0"
            tool("pg_ctl", "-D", place, "-w", "-l", home / f"{port}.log", "-o", options, "start")
            started.append(place)
        urls = [f"postgresql://postgres@127.0.0.1:{port}/postgres" for port in ports]
        yield Pair(*urls)
    finally:
        for place in reversed(started):
            tool("pg_ctl", "-D", place, "-m", "immediate", "stop")
        shutil.rmtree(home, ignore_errors=True)


def replayed(pair: Pair) -> None:
    """Wait until the standby has all that the primary wrote."""
    with psycopg.connect(pair.primary, autocommit=True) as primary:
        ((position,),) = primary.execute("SELECT pg_current_wal_lsn()::text").fetchall()
    with psycopg.connect(pair.standby, autocommit=True) as standby:
        for _ in range(200):
            query = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
            if standby.execute(query, (position,)).fetchall()[0][0]:
                return
            time.sleep(0.05)
    raise AssertionError("the standby does not follow")


@pytest.fixture
def filled(pair: Pair) -> Pair:
    with psycopg.connect(pair.primary, autocommit=True) as primary:
        primary.execute("DROP TABLE IF EXISTS item")
        primary.execute("CREATE TABLE item (id integer PRIMARY KEY, price integer, name text)")
        primary.execute(
            "INSERT INTO item SELECT i, i % 90, 'item ' || i % 7 FROM generate_series(1, 3000) i"
        )
    replayed(pair)
    return pair


def test_a_standby_is_cloned_like_any_server(filled: Pair, tmp_path: Path) -> None:
    done = run.clone(filled.standby, str(tmp_path / "copy.duckdb"), run.Options(engine="marginal"))
    assert [3000] == [t.target_rows for t in done.tables]


def test_a_standby_that_gives_up_the_snapshot_is_explained(filled: Pair) -> None:
    with open_source(resolve(filled.standby)) as source:
        (table,) = source.introspect().tables
        with psycopg.connect(filled.primary, autocommit=True) as primary:
            primary.execute("DELETE FROM item WHERE id % 2 = 0")
            primary.execute("VACUUM item")
        with pytest.raises(DbsynthError, match="standby gave up the snapshot") as caught:
            for _ in range(100):
                list(source.read(table, ["id"]))
                time.sleep(0.05)
    assert "hot_standby_feedback" in caught.value.remedy
