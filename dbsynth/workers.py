"""
Processes that work beside this one: calls go out, results come back in whatever order.

Whoever submits decides what belongs together and takes results in its own order, so what comes out
is the same whatever the number of workers.  Values that many calls need are shared: written once to
a temporary file that workers map into their memory.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import connection, get_all_start_methods, get_context, parent_process
from multiprocessing.context import BaseContext
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from dbsynth.errors import WorkerError
from dbsynth.lean import without_pandas
from dbsynth.mapped import rest
from dbsynth.parcels import fetched, handed_back, keep, kept, received, sent

WORTH_STARTING = 8_000_000  # cells: fewer are drawn before workers have started
WORTH_WHEN_STARTED = 400_000
_KEPT = 2  # shared values that a worker remembers
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_LOST = "Run again with a smaller --jobs; a lack of memory ends workers like this."


class Handed(Protocol):
    """A call that was handed to a worker."""

    def result(self) -> Any:
        """
        Wait for what the call returns, or raise what it raised.

        Raises:
            WorkerError: the worker is gone.
        """


class Workers(Protocol):
    """Who works beside; nothing starts before the first call is submitted."""

    @property
    def jobs(self) -> int:
        """How many work at once."""

    def start(self) -> None:
        """Get them now, if that is better than at the first call: from the main thread."""

    def submit(self, call: Callable[..., Any], *arguments: Any) -> Handed:
        """Hand out a call of a function of a module; shared values arrive as what they hold."""

    def sharing(self, value: Any) -> AbstractContextManager[Any]:
        """Let calls have a value without sending it each time, as long as the context is open."""

    @property
    def is_started(self) -> bool:
        """Whether workers are there already, so that more calls cost little."""

    def __enter__(self) -> Self:
        """Get ready."""

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        """End all workers, also those that are at work."""


@dataclass(frozen=True, slots=True)
class Shared:
    """A value in a file."""

    path: str


@dataclass(frozen=True, slots=True)
class _Local:
    """A call that a process of this machine carries out."""

    future: Future[Any]

    def result(self) -> Any:
        try:
            return fetched(self.future.result())
        except BrokenProcessPool as exc:
            raise WorkerError("a worker process is gone", _LOST) from exc


class Processes:
    """`Workers` on this machine."""

    def __init__(self, jobs: int, loaded: Sequence[str] = ()) -> None:
        """Plan for so many processes, at least one, and modules that all of them will need."""
        self.jobs, self._loaded = jobs, loaded
        self._pool: ProcessPoolExecutor | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._shared = 0

    def __enter__(self) -> Self:
        """Get ready."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        """End the processes and throw away what was shared."""
        if self._pool is not None:
            processes = list((self._pool._processes or {}).values())
            self._pool.shutdown(wait=False, cancel_futures=True)
            for process in processes:
                process.terminate()
            for process in processes:
                process.join()
        if self._folder is not None:
            self._folder.cleanup()
        self._pool = self._folder = None

    def start(self) -> None:
        """
        Start them now as copies of this process, which has loaded already what they need.

        Where another thread is at work here, of which a copy would know nothing, they start when
        the first call is submitted, and load for themselves.
        """
        if self._pool is not None or not _is_alone():
            return
        for name in self._loaded:
            import_module(name)
        self._pool = self._started(get_context("fork"))
        self.submit(os.getpid)  # starts all of them

    def _started(self, context: BaseContext) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self.jobs, mp_context=context, initializer=_prepare)

    def submit(self, call: Callable[..., Any], *arguments: Any) -> Handed:
        """Hand out a call."""
        if self._pool is None:
            self._pool = self._started(_context(self._loaded))
        try:
            with _hidden_main(), _one_thread():
                return _Local(self._pool.submit(_carry_out, call, sent(arguments), self._place()))
        except BrokenProcessPool as exc:
            raise WorkerError("a worker process is gone", _LOST) from exc

    @property
    def is_started(self) -> bool:
        """Whether there are processes."""
        return self._pool is not None

    @contextmanager
    def sharing(self, value: Any) -> Iterator[Shared]:
        """Write a value where workers find it, and remove it afterwards."""
        self._shared += 1
        path = Path(self._place()) / str(self._shared)
        try:
            keep(value, path)
            yield Shared(str(path))
        finally:
            path.unlink(missing_ok=True)

    def _place(self) -> str:
        """The folder of what goes from process to process."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="dbsynth-")
        return self._folder.name


def cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def let_go() -> None:
    """Free what processes share; for a process that is about to leave without unwinding."""
    if "multiprocessing.util" in sys.modules:
        sys.modules["multiprocessing.util"]._run_finalizers(0)


def is_worth_it(cells: int, calls: int, workers: Workers) -> bool:
    """Whether drawing so many cells in so many calls is worth starting, and telling, workers."""
    return calls > 1 and cells >= (WORTH_WHEN_STARTED if workers.is_started else WORTH_STARTING)


def ahead(workers: Workers, calls: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
    """
    Give what calls return, in their order; a few of them are always under way.

    Args:
        workers: who carry them out.
        calls: (function, arguments …).
    """
    waiting: deque[Handed] = deque()
    for call, *arguments in calls:
        waiting.append(workers.submit(call, *arguments))
        if len(waiting) > workers.jobs + 1:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _is_alone() -> bool:
    """Whether a process can be copied: the system does it well, and there is only this thread."""
    is_linux = sys.platform == "linux" and "fork" in get_all_start_methods()
    # What torch multiplies with does not survive either.
    return is_linux and threading.active_count() == 1 and "torch" not in sys.modules


def _context(loaded: Sequence[str]) -> BaseContext:
    """
    How processes start: where the system can do it, by one that loads modules once, for all.

    That one has no threads, as this one may have: they would not survive.
    """
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload(list(loaded))
    return context


def _prepare() -> None:
    """Leave ^C to the process that started this one, and end when it does."""
    without_pandas()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)


def _carry_out(call: Callable[..., Any], arguments: Any, place: str) -> Any:
    try:
        given = (_shared(a.path) if isinstance(a, Shared) else a for a in received(arguments))
        return handed_back(call(*given), place)
    finally:
        rest()


_known: dict[str, Any] = {}


def _shared(path: str) -> Any:
    """Read a shared value, once."""
    if path not in _known:
        while len(_known) >= _KEPT:
            del _known[next(iter(_known))]
        _known[path] = kept(Path(path))
    return _known[path]


@contextmanager
def _hidden_main() -> Iterator[None]:
    """Let a new process not run the script of this one again, which may have no guard for it."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let libraries in new processes use one thread each: there are as many as processors."""
    before: Mapping[str, str | None] = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
