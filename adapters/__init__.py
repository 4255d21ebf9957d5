"""Find the adapter of a database by its dialect, and open it; drivers load only then."""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from dbsynth.errors import MissingDriverError, UsageError

if TYPE_CHECKING:
    from dbsynth.adapters.base import Adapter, Identity, Source, Target
    from dbsynth.urls import Location

GROUP = "dbsynth.adapters"
# What the package declares as entry points; used as it is where dbsynth runs uninstalled.
BUILT_IN = {
    "postgresql": "dbsynth.adapters.postgresql:ADAPTER",
    "mysql": "dbsynth.adapters.mysql:ADAPTER",
    "sqlite": "dbsynth.adapters.sqlite:ADAPTER",
    "duckdb": "dbsynth.adapters.duckdb:ADAPTER",
    "parquet": "dbsynth.adapters.parquet:ADAPTER",
}


def open_source(location: Location) -> Source:
    """
    Make the read-only side of the adapter for a location; nothing connects before `with`.

    Raises:
        UsageError: no adapter for this dialect.
        MissingDriverError: the database's Python driver is not installed.
    """
    return find(location.dialect).source(location)


def open_target(location: Location) -> Target:
    """
    Make the writing side of the adapter for a location; nothing connects before `with`.

    Raises:
        UsageError: no adapter for this dialect.
        MissingDriverError: the database's Python driver is not installed.
    """
    return find(location.dialect).target(location)


def find(dialect: str) -> Adapter:
    """
    Load the adapter of a dialect, from the installed entry points first.

    Raises:
        UsageError: no adapter for this dialect.
        MissingDriverError: the database's Python driver is not installed.
    """
    try:
        for entry in entry_points(group=GROUP, name=dialect):
            adapter: Adapter = entry.load()
            return adapter
        if dialect not in BUILT_IN:
            raise UsageError(
                f"no adapter for {dialect!r}",
                f"Use one of {', '.join(sorted(BUILT_IN))}, or install a plug-in that offers it.",
            )
        module, _, attribute = BUILT_IN[dialect].partition(":")
        built_in: Adapter = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as exc:
        raise MissingDriverError(
            f"the Python module {exc.name!r}, which {dialect} needs, is not installed",
            f"Run: pip install 'dbsynth[{dialect}]'.",
        ) from exc
    return built_in


def same_database(a: Identity, b: Identity) -> bool:
    """Whether two identities are one database, however their URLs were written."""
    return a == b
