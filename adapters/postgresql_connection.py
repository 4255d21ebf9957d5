"""What both sides of the PostgreSQL adapter need: to connect, to ask the catalogs, to fail well."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import errors as pg_errors
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row

from dbsynth import queries
from dbsynth.adapters.base import Identity
from dbsynth.errors import ConnectError, DbsynthError, PermissionDeniedError
from dbsynth.urls import Location, redact

DIALECT = "postgresql"
Connection = psycopg.Connection[Any]

# The driver reports what goes wrong while it rolls back, values and all, to whoever listens.
logging.getLogger("psycopg").addHandler(logging.NullHandler())

_DEFAULTS: dict[str, Any] = {
    "application_name": "dbsynth",
    "connect_timeout": 10,  # seconds
    "keepalives": 1,
    "keepalives_idle": 60,
    "keepalives_interval": 10,
    "keepalives_count": 6,
}
# What makes the server print values in the one form that the readers here parse.
_SETTINGS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "lc_monetary": "C",  # money: a point, two digits
    "xmloption": "content",
    "extra_float_digits": "1",
    "synchronize_seqscans": "off",  # unordered rows come in the same order each time
    "jit": "off",  # compiling catalog queries takes ten times as long as running them
    # What a role or database may set for people's sessions must not end a long run.
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}
_NEWER_SETTINGS = {
    140_000: {"idle_session_timeout": "0"},
    170_000: {"transaction_timeout": "0"},
}
# The session or the server is at fault, not the statement: lost connections, wrong states of the
# transaction, conflicts, no resources, operators at work, files.  See "PostgreSQL Error Codes".
_AT_FAULT = ("08", "25", "26", "40", "53", "57", "58030", "55P03", "XX001", "XX002")
_LOST = ("08", "57P01", "57P02", "57P03", "57P05")
_UNCHANGED = "Nothing was changed. Mend the cause and run again."
_ATTEMPTS = 50  # to turn off a timeout that may end even that statement
_LOST_REMEDY = "Find in the server's log why the session ended, and run again."


def connect(location: Location) -> Connection:
    """
    Connect as libpq does (services, password files and environment included), in UTF-8 and UTC.

    Raises:
        ConnectError: the server refuses, or does not answer.
    """
    try:
        given = conninfo_to_dict(location.url)
        chosen = {k: v for k, v in _DEFAULTS.items() if k not in given}
        connection = psycopg.connect(location.url, client_encoding="UTF8", **chosen)
    except psycopg.Error as exc:
        raise ConnectError(
            f"cannot connect to {location}: {redact(str(exc)).strip()}",
            "Check host, port, user, password and whether the server accepts this client.",
        ) from exc
    try:
        with translated(ConnectError, f"cannot prepare the session at {location}", _UNCHANGED):
            _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: Connection) -> None:
    connection.autocommit = True
    _forgo_statement_timeout(connection)
    version = connection.info.server_version
    settings = [_SETTINGS, *(s for least, s in _NEWER_SETTINGS.items() if version >= least)]
    for name, value in [item for chosen in settings for item in chosen.items()]:
        connection.execute("SELECT pg_catalog.set_config(%s, %s, false)", (name, value))


def _forgo_statement_timeout(connection: Connection) -> None:
    """On a busy server a timeout of milliseconds ends whatever is asked, now and then this too."""
    for attempt_no in range(_ATTEMPTS):
        try:
            connection.execute(b"SET statement_timeout = 0")  # SELECT would be planned first
            return
        except pg_errors.QueryCanceled:
            if attempt_no == _ATTEMPTS - 1:
                raise


@contextmanager
def translated(failure: type[DbsynthError], doing: str, remedy: str) -> Iterator[None]:
    """
    Turn a driver's error into ours: with the names that the server gives, without any value.

    Raises:
        PermissionDeniedError: a right is missing.
        ConnectError: the connection was lost.
        DbsynthError: of type `failure`, for everything else.
    """
    try:
        yield
    except pg_errors.InsufficientPrivilege as exc:
        raise PermissionDeniedError(
            f"{doing}: {redact(exc.diag.message_primary or 'permission denied')}",
            "Grant the missing right to this user, or connect as another one.",
        ) from exc
    except psycopg.Error as exc:
        # Without its cause where that quotes values: tracebacks print it.
        cause = None if _is_about_data(exc) else exc
        if is_lost(exc):
            raise ConnectError(f"{doing}: {described(exc)}", _LOST_REMEDY) from cause
        raise failure(f"{doing}: {described(exc)}", remedy) from cause


def is_lost(exc: psycopg.Error) -> bool:
    """Whether the session is no more."""
    if exc.sqlstate is None:
        return isinstance(exc, psycopg.OperationalError)
    return exc.sqlstate.startswith(_LOST)


def is_refusal(exc: psycopg.Error) -> bool:
    """Whether a server does not take a statement as it is, and not only at this moment."""
    return exc.sqlstate is not None and not exc.sqlstate.startswith(_AT_FAULT)


def attempt(connection: Connection, statement: str, *, undo: bool = False) -> psycopg.Error | None:
    """
    Run a statement in a savepoint of its own.

    Args:
        connection: in a transaction.
        statement: what to try.
        undo: roll it back also if it works.

    Returns:
        why the server does not take it, or None.

    Raises:
        psycopg.Error: the session or the server is at fault, not the statement.
    """
    try:
        with connection.transaction(force_rollback=undo):
            connection.execute(statement.encode())
    except psycopg.Error as exc:
        if not is_refusal(exc):
            raise
        return exc
    return None


def described(exc: psycopg.Error) -> str:
    """Say what the server said; messages about data carry values, so only their kind is told."""
    diag = exc.diag
    if is_lost(exc):
        state = f" (SQLSTATE {diag.sqlstate})" if diag.sqlstate else ""
        return f"the connection was lost{state}"
    if diag.sqlstate is None:
        return redact(_first_line(exc))
    place = ".".join(p for p in (diag.schema_name, diag.table_name, diag.column_name) if p)
    about = [f"of {place}"] if place else []
    if diag.constraint_name:
        about.insert(0, f"breaks {diag.constraint_name}")
    kind = type(exc).__name__ if _is_about_data(exc) else redact(diag.message_primary or "")
    return " ".join([kind, *about, f"(SQLSTATE {diag.sqlstate})"])


def _is_about_data(exc: psycopg.Error) -> bool:
    """Classes 22 and 23: the data.  P0: what a function of the user raised."""
    return (exc.sqlstate or "")[:2] in ("22", "23", "P0")


def _first_line(exc: psycopg.Error) -> str:
    return next(iter(str(exc).splitlines()), "")


def fetch(connection: Connection, name: str, **parameters: object) -> list[dict[str, Any]]:
    """Run a statement of sql/postgresql/, in its newest version for this server."""
    statement = queries.get(DIALECT, name, connection.info.server_version)
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement.encode(), parameters).fetchall()


def server_version(connection: Connection) -> str:
    """Give the server's version as it prints it, e.g. 15.4."""
    return str(connection.info.parameter_status("server_version"))


def identity(connection: Connection) -> Identity:
    """
    Say which database this is.

    The server's own identifier is the same on a standby and on its primary, which is wanted: the
    one may be written through the other.  Where it may not be asked, the server's start stands in.
    """
    (row,) = fetch(connection, "identity")
    server = f"started {row['started']}"
    if row["may_ask"]:
        found = connection.execute("SELECT system_identifier FROM pg_catalog.pg_control_system()")
        server = str(found.fetchall()[0][0])
    return Identity(DIALECT, server, row["database"])
