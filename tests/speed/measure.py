"""What a run costs: processor seconds of all that works for it, time, peak memory."""

from __future__ import annotations

import ctypes
import os
import resource
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.speed.servers import Server


@dataclass(frozen=True, slots=True)
class Cost:
    """One run."""

    client: float  # processor seconds of the program and all that it started
    server: float  # processor seconds of the whole server
    wall: float  # seconds
    memory: int  # bytes that the largest process had at once

    @property
    def cpu(self) -> float:
        return self.client + self.server


def run(command: Sequence[str], server: Server | None, *, is_shell: bool = False) -> Cost:
    """
    Run a program and find out what it cost.

    Raises:
        SystemExit: it failed; with the end of what it said.
    """
    words = ["bash", "-o", "pipefail", "-c", command[0]] if is_shell else list(command)
    _adopt_orphans()
    before, started = server.cpu() if server else 0.0, time.perf_counter()
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:
        said = _Drain(child)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - started
        said.join()
    client, memory = _spent(used), used.ru_maxrss
    for left in _orphans():
        client, memory = client + _spent(left), max(memory, left.ru_maxrss)
    if child.returncode:
        raise SystemExit(f"{' '.join(words)[:200]} failed: {said.text[-1000:]}")
    time.sleep(0.2)  # a backend goes on for a moment after its client is gone
    served = server.cpu() - before if server else 0.0
    return Cost(client, served, wall, memory * 1024)


def _spent(used: resource.struct_rusage) -> float:
    return used.ru_utime + used.ru_stime


def _adopt_orphans() -> None:
    """Let processes whose starter is gone become this one's, so that what they spent is known."""
    adopt = 36  # PR_SET_CHILD_SUBREAPER
    if ctypes.CDLL(None).prctl(adopt, 1, 0, 0, 0):
        raise SystemExit("this system does not tell what processes have spent")


def _orphans() -> Iterator[resource.struct_rusage]:
    """Wait for all processes that a program left behind."""
    while True:
        try:
            yield os.wait4(-1, 0)[2]
        except ChildProcessError:
            return


class _Drain(threading.Thread):
    """Reads what a program says, so that it never waits for a reader."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        super().__init__(daemon=True)
        self._child, self.text = child, ""
        self.start()

    def run(self) -> None:
        assert self._child.stderr is not None
        self.text = self._child.stderr.read().decode(errors="replace")


def interleaved(
    runs: Mapping[str, Callable[[], Cost]], rounds: int, tell: Callable[[str], None]
) -> dict[str, list[Cost]]:
    """Run all of them in turn, several times, so that a busy minute meets each of them."""
    found: dict[str, list[Cost]] = {name: [] for name in runs}
    for number in range(rounds):
        for name, start in runs.items():
            cost = start()
            found[name].append(cost)
            tell(
                f"{number + 1}/{rounds} {name:24s} {cost.cpu:7.1f} CPU s"
                f" ({cost.client:.1f} + server {cost.server:.1f})"
                f" {cost.wall:7.1f} s {cost.memory / 1e6:6.0f} MB"
            )
    return found


def ratios(costs: Mapping[str, Sequence[Cost]], base: str) -> dict[str, tuple[float, float]]:
    """
    Processor time and time of each as a multiple of a base's, the median over the rounds.

    Each run is compared with the base of its own round.
    """
    found = {}
    for name, own in costs.items():
        pairs = list(zip(own, costs[base], strict=True))
        found[name] = (
            statistics.median(a.cpu / b.cpu for a, b in pairs),
            statistics.median(a.wall / b.wall for a, b in pairs),
        )
    return found
