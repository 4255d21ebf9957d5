"""A PostgreSQL schema's DDL as pg_dump writes it, cut into one statement per object."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from dbsynth.adapters.base import RESERVED
from dbsynth.adapters.postgresql_connection import Connection, fetch
from dbsynth.errors import NoScriptError
from dbsynth.schema import Schema, Statement, TableName
from dbsynth.urls import redact

CHOICE = "DBSYNTH_PG_DUMP"
# Production's secrets and connections: named, never carried.
NOT_CARRIED = frozenset({
    "foreign data wrapper", "foreign table", "publication", "publication table",
    "publication tables in schema", "server", "subscription", "subscription table", "user mapping",
})  # fmt: skip
REFRESH = "materialized view data"  # pg_dump's own word for it
SETTING = "setting"  # where the objects that follow are stored

_HEADER = re.compile(
    r"^--\n-- Name: (?P<name>.*); Type: (?P<kind>[A-Z ]+); "
    r"Schema: (?P<schema>.*?); Owner: .*\n--\n",
    re.MULTILINE,
)
_TRAILER = re.compile(
    r"^--\n-- PostgreSQL database dump complete\n--\n.*\Z", re.MULTILINE | re.DOTALL
)
# Where the next object is stored; stands behind the object before it.
_STORAGE = re.compile(
    r"(?:^SET default_(?:tablespace|table_access_method) = .*;\s*)+\Z", re.MULTILINE
)
# The last line of an object; a body that ends so would have its closing quote behind.
_OWNER = re.compile(r"^ALTER [A-Z ]+ .* OWNER TO .*;\s*\Z", re.MULTILINE)
_GRANTS = ("acl", "default acl")
_SECTIONS = {"pre-data": False, "post-data": True}  # whether it comes after the rows
_VERSION = re.compile(r"(\d+)(?:\.\d+)*")
_INSTALLED = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")
_REMEDY = "Install PostgreSQL's client programs, in the server's version or a newer one."


def script(connection: Connection, schema: Schema, url: str) -> tuple[Statement, ...]:
    """
    Write the DDL of a schema's tables, and of all else in the database, with pg_dump.

    It reads the snapshot of this connection's transaction.  Statements of kinds in `NOT_CARRIED`
    come without their SQL.  See https://www.postgresql.org/docs/current/app-pgdump.html.

    Raises:
        NoScriptError: there is no pg_dump for this server, or it failed; says which.
    """
    program = find_program(connection.info.server_version)
    snapshot = connection.execute("SELECT pg_catalog.pg_export_snapshot()").fetchall()[0][0]
    command = [program, "--schema-only", f"--snapshot={snapshot}"]
    command += [f"--exclude-table={_pattern(name)}" for name in _left_out(connection, schema)]
    populated = {
        TableName(row["schema"], row["name"]) for row in fetch(connection, "populated_views")
    }
    statements: list[Statement] = []
    with ExitStack() as stack:
        running = [
            stack.enter_context(_running([*command, f"--section={section}"], connection, url))
            for section in _SECTIONS
        ]
        for process, is_after_rows in zip(running, _SECTIONS.values(), strict=True):
            statements += parse(_output(process), is_after_rows=is_after_rows)
    return (*statements, *_refreshes(statements, populated))


def find_program(server: int) -> str:
    """
    Find the pg_dump that is nearest to a server's version (such as 150004), but not older.

    The environment variable `DBSYNTH_PG_DUMP` names the one to use; empty, none is used.

    Raises:
        NoScriptError: there is none.
    """
    chosen = os.environ.get(CHOICE)
    if chosen == "":
        raise NoScriptError(f"{CHOICE} says not to use pg_dump", f"Unset {CHOICE}.")
    folders = [Path(f) for pattern in _INSTALLED for f in Path("/").glob(pattern[1:])]
    found = [shutil.which("pg_dump"), *(shutil.which("pg_dump", path=str(f)) for f in folders)]
    found = [chosen] if chosen else found
    versions = {path: _version(path) for path in dict.fromkeys(p for p in found if p)}
    fitting = {path: major for path, major in versions.items() if major >= server // 10000}
    if not fitting:
        newest = f"pg_dump {max(versions.values())}" if versions else "no pg_dump"
        raise NoScriptError(f"{newest} is installed, the server is {server // 10000}", _REMEDY)
    return min(fitting, key=lambda path: fitting[path])


def parse(text: str, *, is_after_rows: bool) -> Iterator[Statement]:
    """Cut what pg_dump printed at its comments; settings between objects are statements, too."""
    headers = list(_HEADER.finditer(text := _TRAILER.sub("", text)))
    ends = [h.start() for h in headers] + [len(text)]
    yield from _settings(text[: ends[0]], is_after_rows=is_after_rows)
    for header, end in zip(headers, ends[1:], strict=True):
        kind, body = header["kind"].lower(), text[header.end() : end]
        schema = "" if header["schema"] == "-" else f"{header['schema']}."
        name = header["name"] if kind in _GRANTS else schema + header["name"]
        yield from _object(kind, name, _STORAGE.sub("", body), is_after_rows)
        yield from _settings(body, is_after_rows=is_after_rows)


def _object(kind: str, name: str, sql: str, is_after_rows: bool) -> Iterator[Statement]:
    """One object, and apart from it who owns it and who may use it."""
    if kind in _GRANTS:
        for line in sql.strip().splitlines():
            # Several roles: one that is missing must not take the others' rights along.
            yield Statement(kind="grant on", name=name, sql=line, is_after_rows=True, is_grant=True)
        return
    owner = _OWNER.search(sql)
    text = "" if kind in NOT_CARRIED else _OWNER.sub("", sql).strip()
    yield Statement(kind=kind, name=name, sql=text, is_after_rows=is_after_rows)
    if owner and text:
        yield Statement(
            kind="owner of", name=name, sql=owner[0].strip(), is_after_rows=True, is_grant=True
        )


def _settings(text: str, *, is_after_rows: bool) -> Iterator[Statement]:
    match = _STORAGE.search(text)
    for line in match[0].split("\n") if match else ():
        if line:
            yield Statement(kind=SETTING, name=line, sql=line, is_after_rows=is_after_rows)


def _refreshes(statements: Iterable[Statement], populated: set[TableName]) -> Iterator[Statement]:
    """Fill the materialized views that are filled in the source, in the order of their making."""
    for item in statements:
        name = TableName(*item.name.split(".", 1)) if "." in item.name else TableName("", "")
        if item.kind == "materialized view" and name in populated:
            quoted = ".".join('"' + part.replace('"', '""') + '"' for part in name)
            sql = f"REFRESH MATERIALIZED VIEW {quoted}"
            yield Statement(kind=REFRESH, name=item.name, sql=sql, is_after_rows=True)


def _left_out(connection: Connection, schema: Schema) -> list[TableName]:
    """The tables, and the partitions of tables, that the schema does not have; and our own."""
    rows = fetch(connection, "dumped_tables", reserved=RESERVED)
    kept = set(schema.by_name)
    return [
        TableName(row["schema"], row["name"])
        for row in rows
        if TableName(row["root_schema"], row["root"]) not in kept
    ]


def _pattern(name: TableName) -> str:
    """Spell a name as pg_dump's patterns match it literally."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in name)


@contextmanager
def _running(
    command: list[str], connection: Connection, url: str
) -> Iterator[subprocess.Popen[str]]:
    """Start pg_dump as this connection's user; whatever happens, it does not outlive us."""
    process = _start(command, connection, url)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def _start(command: list[str], connection: Connection, url: str) -> subprocess.Popen[str]:
    """Start pg_dump; the password goes through the environment."""
    given = conninfo_to_dict(url)
    if given.pop("sslpassword", None):
        raise NoScriptError("sslpassword has no safe way to pg_dump", "Use a key without one.")
    given.pop("password", None)
    info = connection.info
    given |= {
        "host": info.host, "port": str(info.port), "user": info.user, "dbname": info.dbname
    }  # fmt: skip
    environment = dict(os.environ, PGCLIENTENCODING="UTF8", LC_ALL="C")
    if info.password:
        environment["PGPASSWORD"] = info.password
    return subprocess.Popen(  # noqa: S603  # a program that was found, and values as arguments
        [*command, f"--dbname={make_conninfo('', **given)}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        encoding="utf-8",
    )


def _output(process: subprocess.Popen[str]) -> str:
    text, told = process.communicate()
    if process.returncode:
        reason = redact(told.strip().splitlines()[0] if told.strip() else "no reason given")
        raise NoScriptError(reason, "Mend what pg_dump complains of, and run again.")
    return text


def _version(program: str) -> int:
    asked = [program, "--version"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError as exc:
        raise NoScriptError(f"{program} cannot be run", f"Mend or unset {CHOICE}.") from exc
    match = _VERSION.search(done.stdout)
    return int(match[1]) if match else 0
