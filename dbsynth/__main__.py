"""Run the command line: `dbsynth`, or `python -m dbsynth`."""

from __future__ import annotations

import sys
from typing import NoReturn

from dbsynth import cli

NO_FRAMES = ("clone", "generate")  # commands that make no data frames


def main() -> NoReturn:
    """Run the command line, with no more loaded than the command needs."""
    if sys.argv[1:2] and sys.argv[1] in NO_FRAMES:
        from dbsynth.lean import without_pandas

        without_pandas()
    cli.main()


if __name__ == "__main__":
    main()
