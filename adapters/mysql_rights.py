"""What a MariaDB or MySQL user may do and see: the catalogs hide the rest without a word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dbsynth.adapters.mysql_connection import fetch

if TYPE_CHECKING:
    from pymysql.connections import Connection

_GRANT = re.compile(
    r"GRANT (?P<rights>.+?) ON (?P<database>\*|`(?:[^`]|``)*`)\.(?P<table>\*|`(?:[^`]|``)*`) TO ",
    re.DOTALL,
)
_COLUMNS = re.compile(r" ?\([^)]*\)")
_ALL = "ALL PRIVILEGES"
_ROUTINES = (
    "EXECUTE", "CREATE ROUTINE", "ALTER ROUTINE", "SHOW CREATE ROUTINE", "SHOW_ROUTINE",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Grant:
    """One line of SHOW GRANTS."""

    rights: frozenset[str]
    database: str  # with `%`, `_` and backslashes as LIKE reads them; "*" for all
    table: str  # "*" for all

    def covers(self, database: str) -> bool:
        """Whether it is about all tables of a database."""
        return self.table == "*" and (self.database == "*" or _like(self.database, database))


@dataclass(frozen=True, slots=True)
class Rights:
    """All grants of the session's user and of the role that is set."""

    grants: tuple[Grant, ...]

    @classmethod
    def of(cls, connection: Connection[Any]) -> Rights:
        """Ask the server."""
        ((role,),) = fetch(connection, "SELECT CURRENT_ROLE()")
        # MySQL lists a role's rights only if it is named; there are several, quoted, with `@`.
        using = f" FOR CURRENT_USER() USING {role}" if role and "@" in role else ""
        lines = fetch(connection, f"SHOW GRANTS{using}")
        return cls(tuple(g for (line, *_) in lines for g in _parse(line)))

    def has(self, database: str, *rights: str) -> bool:
        """Whether one of the rights is granted for a whole database."""
        wanted = {*rights, _ALL}
        return any(g.rights & wanted for g in self.grants if g.covers(database))

    def sees_tables(self, database: str) -> bool:
        """Whether every table of a database is visible: any right on the whole of it will do."""
        return any(g.rights - {"USAGE"} for g in self.grants if g.covers(database))

    def hidden(self, database: str) -> Iterator[tuple[str, str]]:
        """Kinds of objects that this user cannot know of, and why."""
        if not self.sees_tables(database):
            yield "tables", "this user has no right on the whole database"
        for kind, right in (("triggers", "TRIGGER"), ("events", "EVENT")):
            if not self.has(database, right):
                yield kind, f"this user lacks the right {right} and cannot see whether there is one"
        if not self.has(database, *_ROUTINES) and not self.has("mysql", "SELECT"):
            text = "this user lacks the right EXECUTE and cannot see whether there is one"
            yield "routines", text


def _parse(line: str) -> Iterator[Grant]:
    if match := _GRANT.match(line):
        rights = _COLUMNS.sub("", match["rights"]).upper().split(",")
        database, table = (_bare(match[part]) for part in ("database", "table"))
        yield Grant(frozenset(r.strip() for r in rights), database, table)


def _bare(name: str) -> str:
    return name[1:-1].replace("``", "`") if name.startswith("`") else name


def _like(pattern: str, text: str) -> bool:
    pieces = re.findall(r"\\(.)|(%)|(_)|(.)", pattern, re.DOTALL)
    regex = "".join(
        ".*" if many else "." if one else re.escape(escaped or plain)
        for escaped, many, one, plain in pieces
    )
    return re.fullmatch(regex, text, re.DOTALL) is not None
