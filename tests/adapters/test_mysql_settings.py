"""MariaDB that is set up otherwise: names in lower case, no LOCAL INFILE, small packets."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbsynth import run
from dbsynth.errors import TargetError
from dbsynth.urls import Location
from tests.adapters.test_mysql import run as execute
from tests.conftest import NewDatabase
from tests.dumps import shown

OPTIONS = run.Options(seed=1, engine="marginal")
SETTINGS = (
    "--lower-case-table-names=1", "--local-infile=0", "--max-allowed-packet=1M",
    "--sql-mode=ANSI,TRADITIONAL,NO_BACKSLASH_ESCAPES,IGNORE_SPACE", "--event-scheduler=ON",
    "--default-time-zone=+09:00", "--character-set-server=latin1",
    "--explicit-defaults-for-timestamp=0",
)  # fmt: skip


@pytest.fixture(scope="module")
def odd_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of one's own with unusual settings; the URL names no database."""
    if not (shutil.which("mariadbd") and shutil.which("mariadb-install-db")):
        pytest.skip("no MariaDB server is installed here")
    home = tmp_path_factory.mktemp("mariadb")
    common = ["--no-defaults", f"--datadir={home / 'data'}", f"--user={_user(home)}"]
    subprocess.run(
        ["mariadb-install-db", *common, "--auth-root-authentication-method=normal"],
        check=True, capture_output=True,
    )  # fmt: skip
    port = _free_port()
    place = [f"--socket={home / 's'}", f"--port={port}", "--bind-address=127.0.0.1"]
    fast = ["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M"]
    with (home / "log").open("w") as log:
        server = subprocess.Popen(
            ["mariadbd", *common, *place, *fast, f"--pid-file={home / 'pid'}", *SETTINGS],
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        _wait(port, server, home / "log")
        yield f"mysql://root@127.0.0.1:{port}/"
    finally:
        server.terminate()
        server.wait(30)


def _user(home: Path) -> str:
    return home.owner()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert server.poll() is None, log.read_text()
        time.sleep(0.1)
    raise AssertionError(log.read_text())


@pytest.fixture
def odd(odd_server: str) -> Location:
    """An empty database on the unusual server."""
    name = f"dbsynth_{uuid.uuid4().hex[:8]}"
    execute(Location("mysql", f"{odd_server}mysql"), [f"CREATE DATABASE {name}"])
    return Location("mysql", f"{odd_server}{name}")


SCHEMA = (
    "CREATE TABLE Parent (Id INT PRIMARY KEY, Said VARCHAR(40) NOT NULL, At TIMESTAMP,"
    " Body LONGTEXT)",
    "CREATE TABLE Child (Id INT PRIMARY KEY AUTO_INCREMENT, ParentId INT NOT NULL,"
    " CONSTRAINT Key1 FOREIGN KEY (ParentId) REFERENCES Parent (Id))",
    "CREATE VIEW Both_ AS SELECT c.Id, p.Said FROM Child c JOIN Parent p ON p.Id = c.ParentId",
    "CREATE TRIGGER Bump BEFORE UPDATE ON Child FOR EACH ROW SET NEW.ParentId = OLD.ParentId",
    "INSERT INTO Parent SELECT seq, CONCAT('back\\\\slash ''', seq % 5), NULL,"
    " REPEAT('long text ', 300) FROM seq_1_to_300",
    "INSERT INTO Child (ParentId) SELECT 1 + seq % 60 FROM seq_1_to_400",
)


def folded(location: Location) -> dict[str, tuple[str, ...]]:
    """All statements; code spells tables as they are, else it would find none elsewhere."""
    return {k: tuple(t.casefold() for t in texts) for k, texts in shown(location.url).items()}


def test_a_clone_onto_a_server_of_lower_case_names_without_local_infile(
    new_mysql_url: NewDatabase, odd: Location
) -> None:
    usual = Location("mysql", new_mysql_url())
    execute(usual, SCHEMA)
    for _ in range(2):
        options = run.Options(seed=1, engine="marginal", replace=True)
        done = run.clone(usual.url, odd.url, options)
        assert () == done.findings.errors
    tables = {str(row[0]) for row in execute(odd, ["SHOW TABLES"])}
    assert {"_dbsynth", "both_", "child", "parent"} == tables
    assert () == run.verify(odd.url, usual.url).errors
    assert [(300,)] == execute(odd, ["SELECT COUNT(*) FROM parent"])


def test_a_clone_from_such_a_server(new_mysql_url: NewDatabase, odd: Location) -> None:
    usual = Location("mysql", new_mysql_url())
    execute(odd, SCHEMA)
    done = run.clone(odd.url, usual.url, OPTIONS)
    assert () == done.findings.errors
    assert () == done.losses
    assert folded(odd) == folded(usual)


def test_a_clone_within_such_a_server(odd_server: str, odd: Location) -> None:
    execute(odd, [*SCHEMA, "CREATE EVENT Tick ON SCHEDULE EVERY 1 SECOND DO DELETE FROM Child"])
    execute(odd, ["ALTER EVENT Tick DISABLE"])
    name = f"dbsynth_{uuid.uuid4().hex[:8]}"
    execute(odd, [f"CREATE DATABASE {name}"])
    there = Location("mysql", f"{odd_server}{name}")
    run.clone(odd.url, there.url, OPTIONS)
    assert folded(odd) == folded(there)


def test_tables_that_differ_by_case_cannot_be_cloned_onto_such_a_server(
    new_mysql_url: NewDatabase, odd: Location
) -> None:
    usual = Location("mysql", new_mysql_url())
    execute(usual, ["CREATE TABLE Item (id INT PRIMARY KEY)", "CREATE TABLE item (id INT)"])
    with pytest.raises(TargetError, match="Item and item"):
        run.clone(usual.url, odd.url, OPTIONS)
    assert [] == execute(odd, ["SHOW TABLES"])


def test_the_server_is_set_up_otherwise(odd: Location) -> None:
    asked = (
        "SELECT @@max_allowed_packet, @@local_infile, @@lower_case_table_names, @@global.time_zone"
    )
    assert [(1 << 20, 0, 1, "+09:00")] == execute(odd, [asked])
