"""Files that are mapped into memory: what nobody is at work on takes up none."""

from __future__ import annotations

import mmap
import os
import tempfile
import weakref
from collections.abc import Iterator

PIECE = 4 << 20  # bytes that are looked at before they rest again

_mapped: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()


def rest() -> None:
    """Give back the memory of all of them; what is needed again comes from the files."""
    if hasattr(mmap, "MADV_DONTNEED"):
        for whole in list(_mapped):
            whole.madvise(mmap.MADV_DONTNEED)


def watch(whole: mmap.mmap) -> None:
    """Let a map of a file rest with the others; nobody writes to it, or it is shared."""
    _mapped.add(whole)


def pieces(rows: int, width: int) -> Iterator[slice]:
    """Cut rows of so many bytes, so that one piece after the other is at work."""
    step = max(1, PIECE // max(1, width))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))
        rest()


def blank_file(size: int) -> mmap.mmap | None:
    """So many bytes of a file; None: there is no room for it, so memory has to do."""
    with tempfile.TemporaryFile() as file:
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)  # a full disk is known now, or never
            else:
                file.truncate(size)
        except OSError:
            return None
        whole = mmap.mmap(file.fileno(), size)
    watch(whole)
    return whole
