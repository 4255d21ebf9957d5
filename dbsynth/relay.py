"""Let a thread make things ahead of whoever takes them, so that both work at once."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from types import TracebackType
from typing import Generic, TypeVar

from dbsynth.progress import Event, Progress

MOST = 2  # pieces that wait to be taken
PIECE = 16 << 20  # bytes
PATIENCE = 0.5  # seconds until a thread whose things nobody wants is interrupted

T = TypeVar("T")


class Relay(Generic[T]):
    """
    What a thread makes, in order, with the events it tells; both arrive in the thread that takes.

    Whatever fails in making fails in taking.  Leaving the context ends the thread: at the next
    thing it is done with, or before.
    """

    def __init__(
        self,
        make: Callable[[Progress], Iterator[T]],
        size: Callable[[T], int],
        progress: Progress,
    ) -> None:
        """
        Get ready.

        Args:
            make: called in the thread, with whom to tell of progress.
            size: how many bytes a thing keeps; few of them wait.
            progress: told in the thread that takes.
        """
        self._make, self._size, self._progress = make, size, progress
        # Queues without a lock of their own: an interrupt cannot leave one locked.
        self._made: SimpleQueue[tuple[T, int] | Event | BaseException | None] = SimpleQueue()
        self._room: SimpleQueue[bool] = SimpleQueue()  # an entry a piece; False: nobody takes
        self._is_over = False
        self._thread = threading.Thread(target=self._run, name="dbsynth-relay", daemon=True)
        for _ in range(MOST):
            self._room.put(True)

    def __enter__(self) -> Iterator[T]:
        """Start the thread once somebody asks for the first thing."""
        return self._taken()

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        """End the thread."""
        if self._thread.ident is None:
            return
        self._is_over = True
        self._room.put(False)
        self._thread.join(PATIENCE)
        while self._thread.is_alive():
            place, error = ctypes.c_ulong(self._thread.ident), ctypes.py_object(SystemExit)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(place, error)
            self._thread.join(PATIENCE)

    def _taken(self) -> Iterator[T]:
        self._thread.start()
        while (item := self._made.get()) is not None:
            if isinstance(item, Event):
                self._progress(item)
            elif isinstance(item, BaseException):
                raise item
            else:
                for _ in range(item[1]):
                    self._room.put(True)
                yield item[0]

    def _run(self) -> None:
        try:
            for thing in self._make(self._tell):
                self._put(thing)
            self._made.put(None)
        except SystemExit:
            pass  # nobody takes what is made any more
        except BaseException as exc:  # noqa: BLE001 - it is raised where things are taken
            self._made.put(exc)

    def _put(self, thing: T) -> None:
        pieces = min(MOST, 1 + self._size(thing) // PIECE)
        for _ in range(pieces):
            if not self._room.get():
                raise SystemExit
        self._made.put((thing, pieces))

    def _tell(self, event: Event) -> None:
        if self._is_over:
            raise SystemExit
        self._made.put(event)
