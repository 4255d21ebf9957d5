"""A PostgreSQL server of the bench's own, so that nobody else's work is in its processor time."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
SETTINGS = {"autovacuum": "off", "max_wal_size": "4GB", "unix_socket_directories": ""}


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; its user may do anything."""

    port: int
    process: int  # of the postmaster
    programs: Path

    def url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def cpu(self) -> float:
        """Seconds of processor time of all its processes, those that ended included."""
        own, ended = _times(self.process)[1]
        return own + ended + sum(sum(t) for p, t in _all_times() if p == self.process)

    def run(self, program: str, *words: str, text: str | None = None) -> str:
        """Run one of the server's client programs."""
        place = ("-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres")
        command = [str(self.programs / program), *place, *words]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{program} failed: {done.stderr.strip()[-500:]}")
        return done.stdout

    def fresh(self, database: str) -> None:
        """Make an empty database, and let the disk be quiet."""
        self.drop(database)
        self.run("createdb", "-T", "template0", database)
        self.run("psql", "-qXd", database, "-c", "CHECKPOINT")

    def drop(self, database: str) -> None:
        """Remove a database, if it is there."""
        self.run("dropdb", "--if-exists", "-f", database)


@contextmanager
def postgres() -> Iterator[Server]:
    """Start a server in a temporary folder; it is gone afterwards."""
    programs = _programs()
    home = Path(tempfile.mkdtemp(prefix="dbsynth-bench-", dir=os.environ.get("DBSYNTH_BENCH_DIR")))
    data, port = home / "data", _free_port()
    settings = " ".join(f"-c {n}='{v}'" for n, v in SETTINGS.items())
    try:
        if os.geteuid() == 0:
            shutil.chown(home, "postgres")
        _as_owner(programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
                  "--locale=C.UTF-8")  # fmt: skip
        _as_owner(programs / "pg_ctl", "-D", data, "-l", home / "log", "-w", "-o",
                  f"-p {port} -c listen_addresses=127.0.0.1 {settings}", "start")  # fmt: skip
        process = int((data / "postmaster.pid").read_text().split()[0])
        try:
            yield Server(port, process, programs)
        finally:
            _as_owner(programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _programs() -> Path:
    """The folder of initdb and its kin; the newest version's."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    if not folders:
        raise SystemExit("no PostgreSQL server is installed: initdb is neither in PATH nor known")
    return folders[-1]


def _as_owner(program: Path, *words: object) -> None:
    """Run a program as a user that the server accepts: it refuses root."""
    command = [str(program), *map(str, words)]
    if os.geteuid() == 0:
        command = ["runuser", "-u", "postgres", "--", *command]
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(command, check=True, cwd="/", env=environment, **quiet)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _times(process: int) -> tuple[int, tuple[float, float]]:
    """A process's parent, its own seconds, and those of its children that ended."""
    text = Path(f"/proc/{process}/stat").read_text()
    fields = text[text.rindex(")") + 2 :].split()
    own, system, ended, ended_system = (int(f) / TICKS for f in fields[11:15])
    return int(fields[1]), (own + system, ended + ended_system)


def _all_times() -> Iterator[tuple[int, tuple[float, float]]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                yield _times(int(entry.name))
            except (OSError, ValueError):  # it ended meanwhile
                continue
