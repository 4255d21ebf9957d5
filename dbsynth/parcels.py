"""
What goes from process to process by way of files, which are mapped: through a pipe it is copied.

What is read of a source travels in files that have no name, so that nothing of it is left behind,
whatever happens to the processes.
"""

from __future__ import annotations

import mmap
import os
import pickle
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from dbsynth.mapped import pieces, watch

LARGE = 1 << 20  # bytes; what is smaller goes through the pipe
_ALIGNED = 64  # bytes


@dataclass(frozen=True, slots=True)
class Sent:
    """A value in a file without a name, for one process to open."""

    handle: Any  # of `multiprocessing.resource_sharer`


@dataclass(frozen=True, slots=True)
class Returned:
    """A result in a file."""

    path: str


def sent(value: Any) -> Any:
    """Make ready a value that goes to one other process; it is written down before this returns."""
    parts = _parts(value)
    if sum(map(len, parts)) < LARGE or sys.platform == "win32":
        return value
    from multiprocessing.resource_sharer import DupFd

    with tempfile.TemporaryFile() as file:
        try:
            _write(parts, file)
            file.flush()
        except OSError:  # no room: through the pipe
            return value
        return Sent(DupFd(file.fileno()))


def received(value: Any) -> Any:
    """Open what was `sent`; its arrays are this process's own."""
    if not isinstance(value, Sent):
        return value
    with os.fdopen(value.handle.detach(), "rb") as file:
        file.seek(0)  # it was just written
        return _read(file, mmap.ACCESS_COPY)


def handed_back(value: Any, place: str) -> Any:
    """Make ready a result that goes to the first process."""
    parts = _parts(value)
    if sum(map(len, parts)) < LARGE:
        return value
    path = Path(tempfile.mktemp(dir=place))  # noqa: S306 (the folder is ours alone)
    try:
        with path.open("wb") as file:
            _write(parts, file)
    except OSError:  # no room: through the pipe
        path.unlink(missing_ok=True)
        return value
    return Returned(str(path))


def fetched(value: Any) -> Any:
    """Read what comes back, to be used once, and remove the file."""
    if not isinstance(value, Returned):
        return value
    path = Path(value.path)
    try:
        with path.open("rb") as file:
            return _read(file, mmap.ACCESS_COPY)
    finally:
        path.unlink()


def keep(value: Any, path: Path) -> None:
    """Write a value for many processes to read."""
    with path.open("wb") as file:
        _write(_parts(value), file)


def kept(path: Path) -> Any:
    """Read what `keep` wrote; nobody can change its arrays."""
    with path.open("rb") as file:
        return _read(file, mmap.ACCESS_READ)


def _parts(value: Any) -> list[memoryview]:
    """What there is, then each array."""
    buffers: list[pickle.PickleBuffer] = []
    data = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    return [memoryview(data), *(b.raw() for b in buffers)]


def _write(parts: Sequence[memoryview], file: Any) -> None:
    """Write a value so that its arrays can be mapped, each of them aligned."""
    pickle.dump([len(p) for p in parts], file)
    for part in parts:
        file.write(bytes(-file.tell() % _ALIGNED))
        for piece in pieces(len(part), 1):
            file.write(part[piece])


def _read(file: BinaryIO, access: int) -> Any:
    sizes: list[int] = pickle.load(file)  # noqa: S301 (a process of ours wrote it)
    place, parts = file.tell(), []
    mapped = mmap.mmap(file.fileno(), 0, access=access)
    if access == mmap.ACCESS_READ:
        watch(mapped)
    whole = memoryview(mapped)
    for size in sizes:
        place += -place % _ALIGNED
        parts.append(whole[place : place + size])
        place += size
    return pickle.loads(parts[0], buffers=parts[1:])  # noqa: S301 (as above)
