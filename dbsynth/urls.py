"""Where a database is: turn what a user typed into one parsed, redactable location."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dbsynth.errors import UsageError

DIALECTS = {
    "postgresql": "postgresql", "postgres": "postgresql", "pg": "postgresql",
    "mysql": "mysql", "mariadb": "mysql", "sqlite": "sqlite", "duckdb": "duckdb",
    "parquet": "parquet",
}  # fmt: skip
_SUFFIXES = {
    ".db": "sqlite", ".sqlite": "sqlite", ".sqlite3": "sqlite", ".duckdb": "duckdb",
    ".ddb": "duckdb", ".parquet": "parquet",
}  # fmt: skip
_SECRETS = "password|passwd|pwd|passfile|sslpassword|sslkey|token|secret|options"
_USERINFO = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)(?P<info>[^/\s]*)@", re.IGNORECASE)
_OPTION = re.compile(rf"\b(?P<key>{_SECRETS})\s*=\s*(?:'[^']*'|[^&\s'\"]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Location:
    """A database's address; `str()` of it is safe to print."""

    dialect: str
    url: str  # holds secrets: hand it to a driver, never print it
    path: Path | None = None  # file databases only

    def __str__(self) -> str:
        """Print without any secret."""
        return redact(self.url)

    def __repr__(self) -> str:
        """Print without any secret."""
        return f"Location({redact(self.url)!r})"


def redact(text: str) -> str:
    """
    Hide every password, key file and token in a text that may hold connection URLs.

    >>> redact("postgresql://ann:pa@ss@h/d?password=x&sslmode=require")
    'postgresql://ann:***@h/d?password=***&sslmode=require'
    """

    def hide(match: re.Match[str]) -> str:
        user, colon, _ = match["info"].partition(":")
        return f"{match['scheme']}{user}{':***' if colon else ''}@"

    return _OPTION.sub(lambda m: f"{m['key']}=***", _USERINFO.sub(hide, text))


def resolve(text: str, connections: Mapping[str, str] | None = None) -> Location:
    """
    Parse a URL, a file name, `env:NAME`, `file:PATH`, `cmd:COMMAND` or `@name` into a location.

    Args:
        text: what the user typed.
        connections: the names that `@name` may use, from the configuration file.

    Raises:
        UsageError: the text is none of these, or the scheme is not supported.
    """
    text = _indirect(text.strip(), connections or {})
    scheme, separator, rest = text.partition("://")
    if not separator:
        return _file(text)
    dialect = DIALECTS.get(scheme.split("+")[0].lower())
    if dialect is None:
        raise UsageError(
            f"unknown database scheme {scheme!r}",
            "Use postgresql://, mysql://, mariadb://, sqlite:///, duckdb:/// or parquet:///, or a "
            "file name that ends in .db, .sqlite, .duckdb or .parquet.",
        )
    if dialect in ("sqlite", "duckdb", "parquet"):
        path = rest.split("?")[0]
        if not path.startswith("/") or path in ("", "/", "/:memory:"):
            raise UsageError(
                f"{scheme} needs a file", f"Write {scheme}:///name.db, or the path itself."
            )
        return Location(dialect, f"{dialect}://{path}", Path(path[1:]))
    return Location(dialect, f"{dialect}://{rest}")


def _file(text: str) -> Location:
    path = Path(text)
    dialect = _SUFFIXES.get(path.suffix.lower())
    if dialect is None:
        raise UsageError(
            f"{redact(text)!r} is neither a database URL nor a database file",
            "Write a URL such as postgresql://user@host/db, or a file that ends in .db, "
            ".sqlite, .duckdb or .parquet.",
        )
    return Location(dialect, f"{dialect}:///{path}", path)


def _indirect(text: str, connections: Mapping[str, str], depth: int = 0) -> str:
    """Follow `env:`, `file:`, `cmd:` and `@name` to the URL they stand for."""
    if depth > 4:
        raise UsageError("connection names refer to each other", "Give the URL itself.")
    if text.startswith("@"):
        if text[1:] not in connections:
            known = ", ".join(f"@{n}" for n in sorted(connections)) or "none"
            raise UsageError(
                f"connection {text} is not defined (known: {known})",
                "Add it under `connections:` in dbsynth.yaml.",
            )
        return _indirect(connections[text[1:]], connections, depth + 1)
    kind, _, rest = text.partition(":")
    if kind == "env":
        if not os.environ.get(rest):
            raise UsageError(f"environment variable {rest} is not set", f"Set {rest} to a URL.")
        return _indirect(os.environ[rest].strip(), connections, depth + 1)
    if kind == "file" and not rest.startswith("//"):
        try:
            return _indirect(Path(rest).read_text("utf-8").strip(), connections, depth + 1)
        except OSError as exc:
            raise UsageError(f"cannot read {rest}", "Check the path and its rights.") from exc
    if kind == "cmd":
        done = subprocess.run(rest, shell=True, capture_output=True, text=True, check=False)  # noqa: S602 - the user's own command
        if done.returncode != 0:
            raise UsageError(
                f"the command for the connection failed with exit code {done.returncode}",
                "Run it by hand and mend it.",
            )
        return _indirect(done.stdout.strip(), connections, depth + 1)
    return text
