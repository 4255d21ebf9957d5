"""Row models: what learns to draw one row after another; the only room that imports torch."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

from dbsynth.errors import UsageError
from dbsynth.model.base import Engine

_BUILT_IN = {n: f"dbsynth.model.{n}" for n in ("argn", "copula", "marginal", "sdv", "tree")}


def engine_names() -> frozenset[str]:
    """Name every engine that `find_engine` would find, without loading one."""
    return frozenset({*_BUILT_IN, *(e.name for e in entry_points(group="dbsynth.engines"))})


@cache
def find_engine(name: str) -> Engine:
    """
    Load an engine by name: a built-in one, or one of the entry point group `dbsynth.engines`.

    Raises:
        UsageError: there is no engine of that name.
    """
    if name in _BUILT_IN:
        with _signals_held():
            engine: Engine = import_module(_BUILT_IN[name]).ENGINE
        return engine
    found = {e.name: e for e in entry_points(group="dbsynth.engines")}
    if name not in found:
        known = ", ".join(sorted({*_BUILT_IN, *found}))
        raise UsageError(f"there is no engine {name!r}", f"Use one of {known}.")
    plugin: Engine = found[name].load()
    return plugin


@contextmanager
def _signals_held() -> Iterator[None]:
    """Keep ^C and SIGTERM waiting: torch aborts the process if one arrives while it is imported."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
