"""Run a schema's script on a PostgreSQL server: for a try, before the rows, after, at the end."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from dbsynth.adapters.postgresql_connection import Connection, attempt, described, fetch, translated
from dbsynth.adapters.postgresql_dump import NOT_CARRIED, SETTING
from dbsynth.errors import PermissionDeniedError, TargetError
from dbsynth.schema import Loss, Statement, TableName

_REMEDY = "Nothing was changed. Mend the cause and run again."
# Without these the rows have no place or no meaning; everything else can be left out and named.
_NEEDED = frozenset({
    "attach partition", "check constraint", "constraint", "default", "domain", "fk constraint",
    "schema", "sequence", "sequence owned by", "shell type", "table", "table attach", "type",
})  # fmt: skip
# These would hide rows from verification, or act on what this run still does.
_LAST = frozenset({"event trigger", "row security"})
_NAME = r'(?:"(?:[^"]|"")+"|[^\s".(]+)'
# What concerns the rows of one table only, and comes with nothing else.
_OWN = re.compile(
    rf"(?:ALTER TABLE (?:ONLY )?(?P<table>{_NAME}\.{_NAME})\s+ADD CONSTRAINT |"
    rf"CREATE (?:UNIQUE )?INDEX {_NAME} ON (?P<indexed>{_NAME}\.{_NAME})\s)"
)
_DENIED = "(SQLSTATE 42501)"  # how `described` ends where a right is missing
_PREPARATION = (
    "SET LOCAL check_function_bodies = off",  # functions may name tables that come later
    "SET LOCAL xmloption = content",
    "SELECT pg_catalog.set_config('search_path', '', true)",
)
_UNDO_STORAGE = {
    "default_tablespace": "SET default_tablespace = ''",
    "default_table_access_method": "SET default_table_access_method = heap",
}


@dataclass(frozen=True, slots=True)
class Trial:
    """What of a script works on a server."""

    script: tuple[Statement, ...]
    losses: tuple[Loss, ...]


def try_script(connection: Connection, script: Sequence[Statement]) -> Trial:
    """
    Run a whole script, without rows, in a transaction that the caller undoes.

    Raises:
        PermissionDeniedError: a right is missing for something that rows need; names all.
        TargetError: something else fails that rows need; names all that does.
    """
    _prepare(connection)
    kept: list[Statement] = []
    losses = [_not_carried(item) for item in script if not item.sql]
    missing: list[str] = []
    early = {f"{s.kind} {s.name}" for s in script if s.sql and not s.is_after_rows}
    present = _schemas(connection)
    wanted = [s for s in script if s.sql and not (s.kind == "schema" and s.name in present)]
    for part in (
        [s for s in wanted if not s.is_after_rows],
        [s for s in wanted if s.is_after_rows],
    ):
        made, failed = _in_order(connection, part)
        kept += made
        for item, reason in failed:
            if item.kind in _NEEDED:
                missing.append(f"{item.kind} {item.name}: {reason}")
            else:
                what = f"{item.kind} {item.name}"
                losses.append(Loss(object=what, reason=reason, instead="left out"))
    denied = [reason for reason in missing if reason.endswith(_DENIED)]
    if denied:  # what else is missing hangs on it
        raise PermissionDeniedError(
            f"this user may not create {len(denied)} objects of the schema",
            "Grant the rights that are missing, or make this user the database's owner.",
            denied,
        )
    if missing:
        causes = [f"{loss.object}: {loss.reason}" for loss in losses if loss.object in early]
        raise TargetError(
            f"the target cannot hold {len(missing)} objects of the schema",
            "Install what is missing on the target's server, or leave the tables out (--exclude).",
            [*missing, *causes],
        )
    return Trial(tuple(kept), tuple(losses))


def _in_order(
    connection: Connection, part: Sequence[Statement]
) -> tuple[list[Statement], list[tuple[Statement, str]]]:
    """Run statements; those that fail wait for what comes later, as a function for a table."""
    made: list[Statement] = []
    failed: list[tuple[Statement, str]] = []
    while part:
        failed = []
        for item in part:
            reason = _failure(connection, item)
            if reason is None:
                made.append(item)
            elif item.kind == SETTING:
                made.append(_ordinary(connection, item))
            else:
                failed.append((item, reason))
        if len(failed) == len(part):
            break
        part = [item for item, _ in failed]
    return made, failed


def clear(connection: Connection) -> None:
    """
    Drop all that users made in this database; extensions and what they own stay.

    Raises:
        PermissionDeniedError, TargetError: the server refuses; names the object.
    """
    with translated(TargetError, "cannot read the target's catalogs", _REMEDY):
        occupants = fetch(connection, "occupants")
    for row in occupants:
        with translated(TargetError, f"cannot drop {row['schema']}.{row['name']}", _REMEDY):
            connection.execute(row["statement"])


def run_before_rows(connection: Connection, script: Iterable[Statement]) -> None:
    """
    Create all that rows need: types, functions, tables, views.

    Raises:
        PermissionDeniedError, TargetError: the server refuses; names the object.
    """
    with translated(TargetError, "cannot prepare the target", _REMEDY):
        _prepare(connection)
    _run(connection, (s for s in script if not s.is_after_rows))


def run_of_table(
    connection: Connection, script: Sequence[Statement], name: TableName
) -> list[Statement]:
    """
    Create the keys and indexes that a table has by itself, once its rows are there.

    Returns:
        what was run; nothing where settings say in which order statements make sense.

    Raises:
        PermissionDeniedError, TargetError: the server refuses; names the object.
    """
    late = [s for s in script if s.is_after_rows]
    if any(s.kind == SETTING for s in late):
        return []
    own = [s for s in late if s.kind in ("constraint", "index") and _table_of(s) == name]
    _run(connection, own)
    return own


def run_after_rows(
    connection: Connection, script: Iterable[Statement], done: Collection[Statement] = ()
) -> None:
    """
    Create keys, indexes, triggers, rules, policies; fill materialized views; but for what is done.

    Raises:
        PermissionDeniedError, TargetError: the server refuses; names the object.
    """
    late = (s for s in script if s.is_after_rows and not _is_last(s))
    _run(connection, (s for s in late if s not in done))


def run_last(connection: Connection, script: Iterable[Statement]) -> None:
    """
    Switch on what would have stood in the way: row security, event triggers, other owners.

    Raises:
        PermissionDeniedError, TargetError: the server refuses; names the object.
    """
    _run(connection, (s for s in script if _is_last(s)))


def _table_of(item: Statement) -> TableName | None:
    """The table whose own key or index a statement makes."""
    match = _OWN.match(item.sql)
    if match is None:
        return None
    schema, name = (
        part[1:-1].replace('""', '"') if part.startswith('"') else part
        for part in re.findall(_NAME, match["table"] or match["indexed"])
    )
    return TableName(schema, name)


def _is_last(item: Statement) -> bool:
    return item.kind in _LAST or item.is_grant


def _prepare(connection: Connection) -> None:
    for statement in _PREPARATION:
        connection.execute(statement.encode())


def _schemas(connection: Connection) -> set[str]:
    return {row["name"] for row in fetch(connection, "schemas")}


def _failure(connection: Connection, item: Statement) -> str | None:
    """Run a statement; say why it cannot be, or None."""
    with translated(TargetError, f"cannot try {item.kind} {item.name}", _REMEDY):
        refusal = attempt(connection, item.sql)
    return None if refusal is None else described(refusal)


def _ordinary(connection: Connection, item: Statement) -> Statement:
    """Store in the ordinary place what has none of its own on this server."""
    sql = next(sql for name, sql in _UNDO_STORAGE.items() if name in item.sql)
    connection.execute(sql.encode())
    return Statement(kind=SETTING, name=sql, sql=sql, is_after_rows=item.is_after_rows)


def _not_carried(item: Statement) -> Loss:
    reason = (
        "it may hold secrets of the source, or connect to other systems"
        if item.kind in NOT_CARRIED
        else "only pg_dump can write it"
    )
    return Loss(object=f"{item.kind} {item.name}", reason=reason, instead="left out")


def _run(connection: Connection, script: Iterable[Statement]) -> None:
    for item in script:
        with translated(TargetError, f"cannot create {item.kind} {item.name}", _REMEDY):
            connection.execute(item.sql.encode())
