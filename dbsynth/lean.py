"""What spares a process time: no pandas where nobody needs it, memory that is used again."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

# Of the C library on Linux: by its numbers for mallopt, bytes.
_KEPT = {
    -3: 32 << 20,  # smaller arrays are taken from memory that was used before,
    -1: 128 << 20,  # of which so much is kept,
    -2: 4 << 20,  # and it grows by so much
}


def keep_memory() -> None:
    """
    Let arrays of chunks lie where those of the chunk before lay.

    Else each gets pages that the system has to fill with zeros first, and gives them back.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        for number, size in _KEPT.items():
            mallopt(number, size)


def give_back() -> None:
    """Give the system back what this process has had and uses no more."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


class _Nowhere(MetaPathFinder):
    """Finds no pandas."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == "pandas":
            raise ImportError(fullname)
        return None


def without_pandas() -> None:
    """
    Let pyarrow take it that there is no pandas, which it asks for once in the life of a process.

    Loading it takes longer than making some thousand rows.  Other modules can load it as ever, but
    pyarrow makes no data frames in this process.
    """
    if "pandas" in sys.modules:
        return
    import numpy as np
    import pyarrow as pa

    nowhere = _Nowhere()
    sys.meta_path.insert(0, nowhere)
    try:
        array = pa.array(np.zeros(2), mask=np.ones(2, bool))  # any array makes it ask,
        array.to_numpy(zero_copy_only=False)  # and any that is converted once more
    finally:
        sys.meta_path.remove(nowhere)
