"""One session on a MariaDB or MySQL server: its URL, its settings, and its errors made safe."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from dbsynth import queries
from dbsynth.adapters.base import Identity
from dbsynth.adapters.mysql_text import client_charset, split_settings
from dbsynth.errors import (
    ConnectError,
    DbsynthError,
    MissingDriverError,
    PermissionDeniedError,
    UsageError,
)
from dbsynth.urls import Location, redact

if TYPE_CHECKING:
    from pymysql.connections import Connection

CONNECT_SECONDS = 10
MARIADB = 100_500  # versions from here on are MariaDB's; MySQL counts 8.0.16 as 80016
_OLDEST_MYSQL = 80_016

_NO_CONNECTION = {1040, 1045, 1049, 1129, 1130, 1698, 2002, 2003, 2005, 2006, 2013, 2026, 2059}
_NO_RIGHT = {1044, 1142, 1143, 1227, 1370, 1419, 1449}
# Errors whose text holds names and row numbers, but never a value.
_HARMLESS = {
    1005, 1048, 1050, 1054, 1059, 1061, 1062, 1067, 1068, 1071, 1072, 1074, 1075, 1101, 1113, 1114,
    1118, 1146, 1170, 1205, 1213, 1215, 1263, 1264, 1265, 1305, 1356, 1364, 1406, 1451, 1452, 1553,
    1792, 1822, 1824, 1826, 1901, 3140, 3780, 3819, 4025,
}  # fmt: skip
_DUPLICATE_ENTRY = re.compile(r"Duplicate entry .* for key ", re.DOTALL)
_OPTIONS = {
    "unix_socket": "unix_socket", "socket": "unix_socket", "ssl_ca": "ssl_ca",
    "ssl_cert": "ssl_cert", "ssl_key": "ssl_key", "charset": "",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Server:
    """What a session talks to."""

    text: str  # the version as the server prints it
    version: int  # 101104 for MariaDB 10.11.4, 80036 for MySQL 8.0.36
    identity: Identity
    max_packet: int  # bytes
    takes_files: bool  # LOAD DATA LOCAL is allowed
    folds_names: bool  # tables whose names differ in case are one

    @property
    def last_moment(self) -> str:
        """Where TIMESTAMP ends, in UTC; MariaDB 11.5 made it longer."""
        return "2106-02-07 06:28:15" if self.version >= 110_500 else "2038-01-19 03:14:07"

    @property
    def is_mariadb(self) -> bool:
        """Whether this is MariaDB."""
        return self.version >= MARIADB


def quote(*parts: str) -> str:
    """Quote an identifier of one or more parts."""
    return ".".join("`" + part.replace("`", "``") + "`" for part in parts if part)


def database_of(location: Location) -> str:
    """
    Name the database of a URL.

    Raises:
        UsageError: the URL names none.
    """
    name = unquote(urlsplit(location.url).path.lstrip("/"))
    if not name:
        raise UsageError(
            f"{location} does not name a database",
            "Put the database's name behind the host: mysql://user@host/name.",
        )
    return name


def connect(location: Location) -> Connection[Any]:
    """
    Open a session: utf8mb4, UTC, strict, autocommit, and no more waiting than 10 s.

    Raises:
        MissingDriverError: PyMySQL is not installed.
        UsageError: the URL names no database, or has an unknown option.
        ConnectError: no connection.
    """
    try:
        import pymysql
        from pymysql.constants import CLIENT
        from pymysql.converters import conversions
    except ModuleNotFoundError as exc:
        raise MissingDriverError(
            "the Python module 'pymysql' is not installed", 'Run: pip install "dbsynth[mysql]".'
        ) from exc
    arguments = _arguments(location)
    with translated(ConnectError, f"connecting to {location}"):
        connection: Connection[Any] = pymysql.connect(
            **arguments,
            charset="utf8mb4",
            autocommit=True,
            local_infile=True,
            connect_timeout=CONNECT_SECONDS,
            client_flag=CLIENT.FOUND_ROWS,
            # Values arrive as text: Arrow turns whole columns into numbers and dates at once.
            conv={k: v for k, v in conversions.items() if not isinstance(k, int)},
            init_command="SET time_zone = '+00:00'",
        )
    return connection


def describe(connection: Connection[Any]) -> Server:
    """
    Ask a server who it is.

    Raises:
        UsageError: the server is older than what is supported.
    """
    with translated(ConnectError, "asking for the server's version"):
        (row,) = fetch(connection, queries.get("mysql", "server"))
        uid = fetch(connection, queries.get("mysql", "server_uid"))
    text, database, host, port, folder, lower_case, packet, files = row
    is_mariadb, version = read_version(text)
    if version < (MARIADB if is_mariadb else _OLDEST_MYSQL):
        raise UsageError(f"server version {text} is too old", "Use MariaDB 10.5 or MySQL 8.0.16.")
    if lower_case != "0":
        database = database.lower()
    # The same whether reached by name, address or socket; MariaDB may have no unique number.
    server = "|".join([host, port, folder, *(value for _, value in uid)])
    return Server(
        text=text,
        version=version,
        identity=Identity("mysql", server, database),
        max_packet=int(packet),
        takes_files=files == "1",
        folds_names=lower_case != "0",
    )


def read_version(text: str) -> tuple[bool, int]:
    """Whether a server's version is one of MariaDB's, and the version as one number."""
    numbers = [int(n) for n in re.findall(r"\d+", text)[:3]]
    version = sum(n * m for n, m in zip(numbers, (10_000, 100, 1), strict=False))
    return "mariadb" in text.lower(), version


def fetch(connection: Connection[Any], sql: str, values: Sequence[Any] = ()) -> list[Any]:
    """Run one statement and fetch all of its rows as tuples of text."""
    with connection.cursor() as cursor:
        cursor.execute(sql, tuple(values) or None)
        return list(cursor.fetchall())


def fetch_bytes(connection: Connection[Any], sql: str) -> list[tuple[bytes, ...]]:
    """Run one statement and fetch its texts undecoded: they may hold bytes that are no text."""
    encoding = connection.encoding
    connection.encoding = "latin-1"  # which decodes and encodes every byte
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql.encode())
            return [tuple(value.encode("latin-1") for value in row) for row in cursor.fetchall()]
    finally:
        connection.encoding = encoding


def execute(connection: Connection[Any], sql: str) -> None:
    """Run one statement, under the settings in front of it if there are some."""
    setting, statement = split_settings(sql)
    if not setting:
        fetch(connection, statement)
        return
    charset = client_charset(setting) or "utf8mb4"
    text = _encoded(statement, charset)
    if text is None:
        text, setting = statement.encode(), setting.replace(f"'{charset}'", "'utf8mb4'", 1)
    with connection.cursor() as cursor:
        cursor.execute("SET @dbsynth_mode = @@sql_mode, @dbsynth_zone = @@time_zone")
        try:
            cursor.execute(setting)
            cursor.execute(text)  # bytes go to the server as they are
        finally:
            cursor.execute("SET NAMES utf8mb4")
            cursor.execute("SET SESSION sql_mode = @dbsynth_mode, time_zone = @dbsynth_zone")


def _encoded(text: str, charset: str) -> bytes | None:
    """Write a statement in the client's character set, if it has one that can."""
    from pymysql.charset import charset_by_name

    try:
        return text.encode(charset_by_name(charset).encoding)
    except (KeyError, LookupError, TypeError, UnicodeEncodeError):
        return None


@contextmanager
def translated(kind: type[DbsynthError], doing: str) -> Iterator[None]:
    """
    Turn the driver's errors into ours, without any value of a row and without a password.

    Args:
        kind: what an error becomes if it is neither a lost connection nor a missing right.
        doing: what is being done, e.g. "reading orders".
    """
    from pymysql.err import MySQLError

    try:
        yield
    except MySQLError as exc:
        code = exc.args[0] if exc.args and isinstance(exc.args[0], int) else 0
        text = str(exc.args[1]) if len(exc.args) > 1 else ""
        # `from None`: the driver's own text may quote a duplicate value or a whole statement.
        raise _error(kind, code, text, doing) from None


def safe_text(code: int, text: str) -> str:
    """What of a server's message may be shown: names and numbers, no values."""
    if code not in _HARMLESS:
        return f"error {code}"
    return redact(_DUPLICATE_ENTRY.sub("duplicate entry for key ", text))


def _error(kind: type[DbsynthError], code: int, text: str, doing: str) -> DbsynthError:
    if code in _NO_CONNECTION:
        reasons = {
            1045: "the user name or the password is wrong",
            1698: "the user may not log in this way",
            1049: "there is no such database",
        }
        reason = reasons.get(code, "the server cannot be reached")
        return ConnectError(
            f"{doing}: {reason} (error {code})",
            "Check host, port, user, password and database in the URL.",
        )
    if code in _NO_RIGHT:
        return PermissionDeniedError(
            f"{doing}: this user lacks a right (error {code})",
            "Grant the right, or use another user.",
        )
    return kind(
        f"{doing} failed: {safe_text(code, text)}", "Look at the named table or rule and try again."
    )


def _arguments(location: Location) -> dict[str, Any]:
    """The driver's arguments for a URL."""
    parts = urlsplit(location.url)
    found: dict[str, Any] = {
        "host": parts.hostname or "localhost",
        "port": parts.port or 3306,
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "database": database_of(location),
    }
    for key, value in parse_qsl(parts.query, keep_blank_values=True):
        if key not in _OPTIONS:
            raise UsageError(
                f"unknown option {key!r} in {location}", f"Use one of {', '.join(_OPTIONS)}."
            )
        if _OPTIONS[key]:
            found[_OPTIONS[key]] = value
    return found
