"""What both sides of the PostgreSQL adapter need: to connect, to ask the catalogs, to fail well."""

from __future__ import annotations

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
    "statement_timeout": "0",
    "synchronize_seqscans": "off",  # unordered rows come in the same order each time
    "idle_in_transaction_session_timeout": "0",
}


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
    connection.autocommit = True
    for name, value in _SETTINGS.items():
        connection.execute("SELECT pg_catalog.set_config(%s, %s, false)", (name, value))
    return connection


@contextmanager
def translated(failure: type[DbsynthError], doing: str, remedy: str) -> Iterator[None]:
    """
    Turn a driver's error into ours: with the names that the server gives, without any value.

    Raises:
        PermissionDeniedError: a right is missing.
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
        raise failure(f"{doing}: {described(exc)}", remedy) from exc


def described(exc: psycopg.Error) -> str:
    """Say what the server said; messages about data carry values, so only their kind is told."""
    diag = exc.diag
    if diag.sqlstate is None:
        return f"the connection failed ({redact(str(exc)).strip()})"
    place = ".".join(p for p in (diag.schema_name, diag.table_name, diag.column_name) if p)
    about = [f"of {place}"] if place else []
    if diag.constraint_name:
        about.insert(0, f"breaks {diag.constraint_name}")
    # Classes 22 and 23: the data.  P0: what a function of the user raised.
    is_about_data = diag.sqlstate[:2] in ("22", "23", "P0")
    kind = type(exc).__name__ if is_about_data else redact(diag.message_primary or "")
    return " ".join([kind, *about, f"(SQLSTATE {diag.sqlstate})"])


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
