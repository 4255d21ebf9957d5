"""Large arrays that lie in files: what nobody is at work on takes up no memory."""

from __future__ import annotations

import math
import mmap
import tempfile
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import DTypeLike, NDArray

from dbsynth.mapped import blank_file, pieces, watch

LARGE = 4 << 20  # bytes; what is smaller stays in memory


def room(shape: tuple[int, ...], kind: DTypeLike, order: Literal["C", "F"] = "C") -> NDArray[Any]:
    """Zeros to be written over: in a file without a name, if they are many."""
    kind = np.dtype(kind)
    size = math.prod(shape) * kind.itemsize
    whole = blank_file(size) if size >= LARGE else None
    if whole is None:
        return np.zeros(shape, kind, order)
    return np.ndarray(shape, kind, whole, order=order)


def numbers(rows: int) -> NDArray[np.int64]:
    """0, 1, … of so many rows."""
    found = room((rows,), np.int64)
    for part in pieces(rows, found.itemsize):
        found[part] = np.arange(part.start, part.stop)
    return found


def filtered(values: NDArray[Any], kept: NDArray[np.bool_]) -> NDArray[Any]:
    """The (m,) values of (n,) that are kept."""
    found, at = room((int(kept.sum()),), values.dtype), 0
    for part in pieces(len(values), values.itemsize):
        some = values[part][kept[part]]
        found[at : at + len(some)] = some
        at += len(some)
    return found


def repeated(counts: NDArray[np.int64], more: int) -> NDArray[np.int64]:
    """The number of each row, as often as its (n,) count says, then so many times -1."""
    whole = int(counts.sum())
    found, at = room((whole + more,), np.int64), 0
    for part in pieces(len(counts), 64):
        some = np.repeat(np.arange(part.start, part.stop), counts[part])
        found[at : at + len(some)] = some
        at += len(some)
    found[whole:] = -1
    return found


def copied(rows: pa.Table) -> pa.Table:
    """The same rows, which hold on to nothing that they came with."""
    return rows.take(pa.array(np.arange(len(rows)))) if rows.num_columns else rows


def column(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """The same values in one piece, for whoever takes some of them; in a file if they are many."""
    rows = pa.table({"": values}).combine_chunks()
    if values.nbytes < LARGE:
        return rows.column(0)
    with tempfile.TemporaryFile() as file:
        with pa.ipc.new_stream(file, rows.schema) as stream:
            stream.write_table(rows)
        file.flush()
        whole = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    watch(whole)
    return pa.ipc.open_stream(pa.py_buffer(whole)).read_all().column(0)
