"""
What reading costs the server of a source: CPU seconds of its backends, against pg_dump's.

    python -m tests.source_cost postgresql://…/name [model file]    on the server's own machine

Runs `dbsynth fit` without a cache, each call on its own line, then `pg_dump -Fc -Z0` of the same
database.  CPU seconds of this process and its workers are told, too.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import psycopg

_EVERY = 0.01  # seconds between two looks at the server's processes


class ServerCpu:
    """CPU seconds of all sessions in one database, seen from /proc; parallel workers included."""

    def __init__(self, url: str) -> None:
        self._url, self._seconds = url, dict[int, float]()
        self.own = 0.0  # CPU seconds of watching
        self._is_over = threading.Event()

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        time.sleep(5 * _EVERY)
        return self

    def __exit__(self, *args: object) -> None:
        self._is_over.set()
        self._thread.join()

    @property
    def total(self) -> float:
        return sum(self._seconds.values())

    def _watch(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as watcher:
            name = watcher.info.dbname
        ask = "SELECT pid FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
        with psycopg.connect(self._url, autocommit=True, dbname="postgres") as watcher:
            while not self._is_over.wait(_EVERY):
                for (pid,) in watcher.execute(ask, (name,)).fetchall():
                    self._seconds[pid] = max(cpu_of(pid), self._seconds.get(pid, 0.0))
                self.own = time.thread_time()


def cpu_of(pid: int) -> float:
    """CPU seconds of a process, to the nanosecond; 0 if it is gone."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


def client_cpu() -> float:
    """CPU seconds of this process and its children."""
    used = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


@contextmanager
def booked(costs: dict[str, float]) -> Iterator[None]:
    """Book what each call of a source costs its backend."""
    from dbsynth.adapters.postgresql_source import PostgresSource as Source

    names = [
        n for n in ("introspect", "count", "read", "query", "sample_keys") if hasattr(Source, n)
    ]
    before = {name: getattr(Source, name) for name in names}
    for name in names:
        setattr(Source, name, _booked(name, before[name], costs))
    try:
        yield
    finally:
        for name in names:
            setattr(Source, name, before[name])


def _booked(name: str, call: Callable[..., Any], costs: dict[str, float]) -> Callable[..., Any]:
    def counted(self: Any, *args: Any, **options: Any) -> Any:
        pid, start = self._connection.info.backend_pid, cpu_of(self._connection.info.backend_pid)
        result = call(self, *args, **options)
        if name in ("read", "sample_keys") and result is not None:
            result = iter(list(result))
        what = str(getattr(args[0], "name", args[0]))[:90].replace("\n", " ") if args else ""
        costs[f"{name} {what} {'by key' if options.get('keys') else ''}"] += cpu_of(pid) - start
        return result

    return counted


def told(line: str) -> None:
    """Print, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(url: str, save: str = "") -> None:
    """Measure, and print."""
    from dbsynth import run
    from dbsynth.modelfile import save as save_model

    costs: dict[str, float] = defaultdict(float)
    seconds, start = time.perf_counter(), client_cpu()
    with ServerCpu(url) as server, booked(costs):
        model = run.fit(url, run.Options(is_cached=False))
        fit_server = server.total
    client = client_cpu() - start - server.own
    told(f"fit: client {client:.2f}, server {fit_server:.2f} CPU seconds, "
          f"{time.perf_counter() - seconds:.1f} s")  # fmt: skip
    for what, spent in sorted(costs.items(), key=lambda c: -c[1])[:25]:
        told(f"    {spent:8.3f}  {what}")
    if save:
        save_model(model, Path(save))
    with ServerCpu(url) as dump:
        subprocess.run(["pg_dump", "-Fc", "-Z0", url], check=True, stdout=subprocess.DEVNULL)
    told(f"pg_dump: server {dump.total:.2f}; ratio of fit {fit_server / dump.total:.3f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
