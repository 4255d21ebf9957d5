"""Keep pandas out of processes that do without: pyarrow loads it to tell whose values are."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


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
