"""Run the command line: `dbsynth`, or `python -m dbsynth`."""

from __future__ import annotations

import gc
import sys
from typing import NoReturn

from dbsynth.interrupts import leave_at_once

gc.set_threshold(50_000)  # modules make many objects, of which none is ever garbage

NO_FRAMES = ("clone", "generate")  # commands that make no data frames


def main() -> NoReturn:
    """Run the command line, with no more loaded than the command needs."""
    leave_at_once()
    if sys.argv[1:2] and sys.argv[1] in NO_FRAMES:
        from dbsynth.lean import keep_memory, without_pandas

        keep_memory()
        without_pandas()
    from dbsynth import cli

    cli.main()


if __name__ == "__main__":
    main()
