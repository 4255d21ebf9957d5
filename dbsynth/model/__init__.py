"""Row models: what learns to draw one row after another; the only room that imports torch."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

from dbsynth.config import near
from dbsynth.errors import UsageError
from dbsynth.model.base import Engine

_BUILT_IN = {
    n: f"dbsynth.model.{n}" for n in ("argn", "copula", "marginal", "sdv", "tables", "tree")
}
_WITH_VARIANTS = {"sdv"}


def engine_names() -> frozenset[str]:
    """Name every engine that `find_engine` would find, without loading one."""
    return frozenset({*_BUILT_IN, *(e.name for e in entry_points(group="dbsynth.engines"))})


def check_engine(name: str) -> None:
    """
    Make sure that an engine can learn here, before anything is learned; loads nothing else.

    Raises:
        UsageError: there is no engine of that name, or what it needs is not installed.
    """
    base = name.partition(":")[0]
    if base not in engine_names():
        raise _unknown(name)
    if base in _WITH_VARIANTS or ":" in name:
        engine = find_engine(name)
        if engine.check is not None:
            engine.check()


@cache
def find_engine(name: str) -> Engine:
    """
    Load an engine by name: a built-in one, or one of the entry point group `dbsynth.engines`.

    Args:
        name: "engine", or "engine:variant" where an engine has some.

    Raises:
        UsageError: there is no engine of that name.
    """
    base, colon, variant = name.partition(":")
    engine = _engine(base, name)
    if not colon:
        return engine
    if engine.variant is None:
        raise UsageError(f"the engine {base} has no variants, so no {name!r}", f"Say {base}.")
    return engine.variant(variant)


def _engine(base: str, name: str) -> Engine:
    if base in _BUILT_IN:
        with _signals_held():
            engine: Engine = import_module(_BUILT_IN[base]).ENGINE
        return engine
    found = {e.name: e for e in entry_points(group="dbsynth.engines")}
    if base not in found:
        raise _unknown(name)
    plugin: Engine = found[base].load()
    return plugin


def _unknown(name: str) -> UsageError:
    known = engine_names()
    remedy = f"Use one of {', '.join(sorted(known))}."
    return UsageError(f"there is no engine {name!r}{near(name, known)}", remedy)


@contextmanager
def _signals_held() -> Iterator[None]:
    """Keep ^C and SIGTERM waiting: torch aborts the process if one arrives while it is imported."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
