"""Find the SQL file that fits a dialect and a server version, and write names into templates."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

_SLOT = re.compile(r"\{(\w+)\}")


def identifier(dialect: str, name: str) -> str:
    """Quote one name of a table, column or schema."""
    mark = "`" if dialect == "mysql" else '"'
    return mark + name.replace(mark, mark * 2) + mark


def literal(dialect: str, text: str) -> str:
    """Write a text as a string constant (MySQL and MariaDB: in their default SQL mode)."""
    if dialect == "mysql":
        text = text.replace("\\", "\\\\")
    return "'" + text.replace("'", "''") + "'"


def render(template: str, slots: dict[str, str]) -> str:
    """
    Put SQL fragments into a template's `{slot}` places, in one pass.

    Args:
        template: a statement from `get`.
        slots: what goes where.  Identifiers must come quoted already: nothing is quoted here.

    Raises:
        AssertionError: a place has no fragment, or a fragment no place.
    """
    wanted = set(_SLOT.findall(template))
    if wanted != set(slots):
        raise AssertionError(f"template has {sorted(wanted)}, given were {sorted(slots)}")
    return _SLOT.sub(lambda match: slots[match[1]], template)


@cache
def get(dialect: str, name: str, version: int = 0) -> str:
    """
    Read `sql/<dialect>/<name>.sql`, or its newest variant that is not newer than the server.

    Args:
        dialect: the folder: postgresql, mysql, sqlite, duckdb or verify.
        name: the statement's name, without suffix.
        version: the server's version as one number (PostgreSQL 15.2: 150002).

    Raises:
        AssertionError: no file has that name, or every variant is for newer servers.
    """
    folder = resources.files("dbsynth.sql").joinpath(dialect)
    variants = {}
    if folder.is_dir():
        for entry in folder.iterdir():
            match = re.fullmatch(rf"{re.escape(name)}(?:\.(\d+))?\.sql", entry.name)
            if match:
                variants[int(match[1] or 0)] = entry
    fitting = [minimum for minimum in variants if minimum <= version]
    if not fitting:
        known = f"; there is {sorted(variants)}" if variants else ""
        raise AssertionError(f"no sql/{dialect}/{name}.sql for version {version}{known}")
    return variants[max(fitting)].read_text("utf-8")
