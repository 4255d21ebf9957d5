"""A schema's tables as SHOW CREATE TABLE writes them, in the order in which loading is quick."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from dbsynth.adapters.mysql_connection import fetch_bytes, quote
from dbsynth.adapters.mysql_text import TableText, readable, take_apart, unqualified
from dbsynth.schema import Schema, Statement, Table

if TYPE_CHECKING:
    from pymysql.connections import Connection

FOREIGN_KEYS = "foreign keys of"  # the kind of the statements that add them to a table
_NAME = r"`(?P<name>(?:[^`]|``)*)`"
_FOREIGN_KEY = re.compile(rf"CONSTRAINT {_NAME} FOREIGN KEY ")
_RULE = re.compile(r" ON (DELETE|UPDATE) (CASCADE|SET NULL|SET DEFAULT|NO ACTION|RESTRICT)")
_LATE_KEY = re.compile(rf"(?:UNIQUE )?KEY {_NAME} ")
_SPECIAL_KEY = re.compile(r"(?:SPATIAL|VECTOR) KEY ")
# What is data, or a place on the source's own disks.
_NOT_CARRIED = re.compile(
    r"(?P<lost> AUTO_INCREMENT=\d+| (?:DATA|INDEX) DIRECTORY ?= ?'(?:[^'\\]|''|\\.)*')"
    r"|'(?:[^'\\]|''|\\.)*'",
    re.DOTALL,
)


def table_script(
    connection: Connection[Any], schema: Schema, database: str
) -> tuple[Statement, ...]:
    """
    Write the DDL of all tables: tables, then, for after the rows, indexes and foreign keys.

    Args:
        connection: a session of the source, whose current database is `database`.
        schema: which tables and foreign keys to write.
        database: the source's own name, which no statement may hold.
    """
    tables, indexes, keys = [], [], []
    for table in schema.tables:
        statement = show_create_table(connection, table.name.name)
        text = take_apart(unqualified(statement, database))
        early, late, foreign = _sorted(text, table)
        shown = TableText(text.head, tuple(early), without_data(text.tail))
        tables.append(Statement(kind="table", name=table.name.name, sql=shown.sql()))
        indexes += list(_changes("indexes of", table, late))
        keys += list(_changes(FOREIGN_KEYS, table, foreign))
    return (*tables, *indexes, *keys)


def show_create_table(connection: Connection[Any], name: str) -> str:
    """Read a table's statement; binary defaults in it are hexadecimal."""
    ((_, statement),) = fetch_bytes(connection, f"SHOW CREATE TABLE {quote(name)}")
    return readable(statement)


def foreign_key_rules(connection: Connection[Any], table: str) -> dict[str, tuple[str, str]]:
    """What becomes of a table's rows as those they refer to are deleted and updated, by key."""
    found = {}
    for item in take_apart(show_create_table(connection, table)).items:
        if key := _FOREIGN_KEY.match(item):
            rules = dict(_RULE.findall(item, item.rindex(")")))
            both = (rules.get("DELETE", "NO ACTION"), rules.get("UPDATE", "NO ACTION"))
            found[key["name"].replace("``", "`")] = both
    return found


def without_data(tail: str) -> str:
    """Take counters and directories out of a table's options."""
    return _NOT_CARRIED.sub(lambda m: "" if m["lost"] else m[0], tail)


def _sorted(text: TableText, table: Table) -> tuple[list[str], list[str], list[str]]:
    """Split a table's items: those of CREATE TABLE, indexes for later, foreign keys for last."""
    is_whole = _must_be_whole(text, table)
    wanted = {k.name for k in table.foreign_keys if k.is_declared}
    early, late, foreign = [], [], []
    for item in text.items:
        if key := _FOREIGN_KEY.match(item):
            if key["name"].replace("``", "`") in wanted:
                foreign.append(item)
        elif _LATE_KEY.match(item) and not is_whole:
            late.append(item)
        else:
            early.append(_without_sequence(item, table))
    return early, late, foreign


def _must_be_whole(text: TableText, table: Table) -> bool:
    """
    Whether all indexes must come with the table.

    A numbered column needs its index at once; and what comes later is listed later, so that one
    early index takes the others with it.
    """
    numbered = [c.name for c in table.columns if c.identity]
    return (
        bool(numbered and table.primary_key[:1] != (numbered[0],))
        or "ENGINE=InnoDB" not in text.tail
        or "WITH SYSTEM VERSIONING" in text.tail
        or "PARTITION BY" in text.tail
        or any(_SPECIAL_KEY.match(item) for item in text.items)
    )


def _without_sequence(item: str, table: Table) -> str:
    """A default would name the sequence of the database that the load lives in; it comes last."""
    match = re.match(_NAME, item)
    if match is None:
        return item
    name = match["name"].replace("``", "`")
    default = next((c.default for c in table.columns if c.name == name), None)
    if default is None or "nextval(" not in default.lower():
        return item
    return item.replace(f" DEFAULT {default}", "", 1)


def _changes(kind: str, table: Table, items: Sequence[str]) -> Iterator[Statement]:
    if items:
        added = ",\n  ADD ".join(items)
        sql = f"ALTER TABLE {quote(table.name.name)}\n  ADD {added}"
        yield Statement(kind=kind, name=table.name.name, sql=sql, is_after_rows=True)
