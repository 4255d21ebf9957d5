"""Check the installation and single databases; every line says what to do where it is not well."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from dbsynth import __version__
from dbsynth.config import Config
from dbsynth.errors import DbsynthError
from dbsynth.urls import Location, redact, resolve

Status = Literal["ok", "warn", "fail"]
_REQUIRED = (
    "torch", "opacus", "faker", "sqlalchemy", "psycopg", "duckdb", "pyarrow", "pandas", "networkx",
    "sqlglot", "safetensors",
)  # fmt: skip
_OPTIONAL = {  # distribution: what it is for, how to get it
    "pymysql": ("MySQL and MariaDB", "pip install 'dbsynth[mysql]'"),
    "sdv": ("the SDV engines", "pip install 'dbsynth[sdv]'"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was checked; `fix` is empty unless something is to do."""

    status: Status
    what: str
    detail: str = ""
    fix: str = ""

    def __str__(self) -> str:
        """Print as one line, the fix after an arrow."""
        text = f"{self.status:<4}  {self.what:<24}  {self.detail}".rstrip()
        return f"{text}  -> {self.fix}" if self.fix else text

    def to_json(self) -> dict[str, str]:
        """Turn into a plain dict."""
        return asdict(self)


def examine(urls: Sequence[str], config: Config) -> Iterator[Line]:
    """Check the installation, then each database as a source and as a target."""
    yield Line("ok", "dbsynth", __version__)
    yield Line("ok", "Python", platform.python_version())
    yield from map(_required, _REQUIRED)
    yield from map(_optional, _OPTIONAL)
    yield _pg_dump()
    for url in urls:
        yield from _database(url, config)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _required(name: str) -> Line:
    found = _version(name)
    if found is None:
        return Line("fail", name, "not installed", "pip install dbsynth")
    return Line("ok", name, found)


def _optional(name: str) -> Line:
    purpose, fix = _OPTIONAL[name]
    found = _version(name)
    if found is None:
        return Line("warn", name, f"not installed; needed for {purpose}", fix)
    return Line("ok", name, found)


def _pg_dump() -> Line:
    path = shutil.which("pg_dump")
    if path is None:
        return Line(
            "warn", "pg_dump", "not found; not needed to clone", "install postgresql-client"
        )
    return Line("ok", "pg_dump", path)


def _database(url: str, config: Config) -> Iterator[Line]:
    """Connect for reading, then for writing; nothing is changed."""
    try:
        location = resolve(url, config.connections)
    except DbsynthError as exc:
        yield _failure(redact(url), exc)
        return
    is_new = location.path is not None and not location.path.exists()
    if is_new:
        yield Line("warn", "as a source", f"{location}: there is no such file yet")
    else:
        yield from _as_source(location)
    yield from _as_target(location)


def _as_source(location: Location) -> Iterator[Line]:
    from dbsynth.adapters import open_source

    try:
        with open_source(location) as source:
            yield Line("ok", "connects", f"{location}: {source.dialect} {source.server_version}")
            schema = source.introspect()
            schema.require_readable()
            if not schema.tables:
                yield Line("warn", "as a source", "no tables are visible")
                return
            for table in schema.tables:
                # An adapter streams: one batch is enough to see that the right is there.
                next(iter(source.read(table, [c.name for c in table.columns[:1]])), None)
            yield Line("ok", "as a source", f"{len(schema.tables)} tables, all readable")
    except DbsynthError as exc:
        yield _failure("as a source", exc)


def _as_target(location: Location) -> Iterator[Line]:
    from dbsynth.adapters import open_target

    try:
        with open_target(location) as target:
            target.check()
            occupants = target.occupants()
    except DbsynthError as exc:
        # A source need not be writable, so this is no failure of its own.
        yield Line("warn", "as a target", exc.message, exc.remedy)
        return
    if occupants:
        held = f"writable, holds {len(occupants)} tables or views"
        yield Line("warn", "as a target", held, "give --replace to replace them")
    else:
        yield Line("ok", "as a target", "writable and empty")


def _failure(what: str, exc: DbsynthError) -> Line:
    return Line("fail", what, exc.message, exc.remedy)
