"""
dbsynth clones a database's shape and behaviour, not its people.

>>> import dbsynth
>>> run = dbsynth.clone("postgresql:///shop", "qa.duckdb", scale=0.1, seed=42)  # doctest: +SKIP
>>> run.frames()["orders"]  # doctest: +SKIP

The single stages are functions of `dbsynth.run`: inspect, plan, fit, generate,
verify, evaluate.
Importing the package is cheap: each public name is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbsynth.api import clone as clone
    from dbsynth.api import evaluate as evaluate
    from dbsynth.api import make_plan as make_plan
    from dbsynth.api import read_frames as read_frames
    from dbsynth.config import Config as Config
    from dbsynth.errors import DbsynthError as DbsynthError
    from dbsynth.report import Run as Run

__version__ = "0.1.0"

_HOMES = {
    "Config": "dbsynth.config",
    "DbsynthError": "dbsynth.errors",
    "Run": "dbsynth.report",
    "clone": "dbsynth.api",
    "evaluate": "dbsynth.api",
    "make_plan": "dbsynth.api",
    "read_frames": "dbsynth.api",
}
__all__ = ["__version__", *_HOMES]  # noqa: PLE0604 - the names are strings


def __getattr__(name: str) -> Any:
    """Load a public name from the module that holds it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
