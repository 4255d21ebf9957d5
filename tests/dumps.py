"""What a server says of a database's schema, without what differs from place to place."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Collection
from urllib.parse import unquote, urlsplit

import psycopg

from dbsynth.adapters.postgresql_dump import find_program

_COMMENT = re.compile(r"^-- Dumped (from|by) .*\n", re.MULTILINE)
_RESTRICT = re.compile(r"^\\(un)?restrict .*\n", re.MULTILINE)


def schema_dump(url: str) -> str:
    """The schema as pg_dump writes it: no owners, no privileges, no versions, no manifest."""
    with psycopg.connect(url) as connection:
        program = find_program(connection.info.server_version)
    command = [program, "--schema-only", "--no-owner", "--no-privileges"]
    command += ["--exclude-table=public._dbsynth", f"--dbname={url}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return _RESTRICT.sub("", _COMMENT.sub("", done.stdout))


_SHOWN = {
    "TABLE": "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"
    " AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') AND table_name <> '_dbsynth'",
    "SEQUENCE": "SELECT table_name FROM information_schema.tables"
    " WHERE table_schema = DATABASE() AND table_type = 'SEQUENCE'",
    "VIEW": "SELECT table_name FROM information_schema.views WHERE table_schema = DATABASE()",
    "TRIGGER": "SELECT trigger_name FROM information_schema.triggers"
    " WHERE trigger_schema = DATABASE()",
    "PROCEDURE": "SELECT routine_name FROM information_schema.routines"
    " WHERE routine_schema = DATABASE() AND routine_type = 'PROCEDURE'",
    "FUNCTION": "SELECT routine_name FROM information_schema.routines"
    " WHERE routine_schema = DATABASE() AND routine_type = 'FUNCTION'",
    "EVENT": "SELECT event_name FROM information_schema.events WHERE event_schema = DATABASE()",
    "DATABASE": "SELECT DATABASE()",
}
_OWNED = re.compile(r" DEFINER=`[^`]*`@`[^`]*`| AUTO_INCREMENT=\d+")


def shown(url: str, without: Collection[str] = ()) -> dict[str, tuple[str, ...]]:
    """
    What SHOW CREATE says of everything in a MariaDB or MySQL database.

    Left out are definers, counters, the database's own name, and what the losses `without` name.
    """
    import pymysql

    parts = urlsplit(url)
    database = parts.path.strip("/")
    found = {}
    with pymysql.connect(
        host=parts.hostname, port=parts.port or 3306, user=unquote(parts.username or ""),
        password=unquote(parts.password or ""), database=database,
        init_command="SET SESSION sql_mode = ''",
    ) as connection, connection.cursor() as cursor:  # fmt: skip
        connection.encoding = "latin-1"  # a binary default is no text
        for kind, sql in _SHOWN.items():
            cursor.execute(sql)
            for (name,) in map(_decoded, cursor.fetchall()):
                if f"{kind.lower()} {name}" in without:
                    continue
                cursor.execute(f"SHOW CREATE {kind} `{name.replace('`', '``')}`".encode())
                row = _decoded(cursor.fetchone())
                texts = row[1:-1] if kind == "TRIGGER" else row[1:]  # last: when it was made
                own = "" if kind == "DATABASE" else name
                found[f"{kind} {own}"] = tuple(_placeless(t, database, without) for t in texts)
    return found


def _decoded(row: tuple[object, ...]) -> list[str]:
    return [str(v).encode("latin-1").decode("utf-8", "surrogateescape") for v in row]


def _placeless(text: str, database: str, without: Collection[str]) -> str:
    text = _OWNED.sub("", text).replace(f"`{database}`.", "").replace(f"`{database}`", "``")
    keys = [f"CONSTRAINT `{w.rpartition('.')[2]}` " for w in without if w.startswith("foreign")]
    lines = [line.rstrip(",") for line in text.splitlines()]
    return "\n".join(line for line in lines if not any(k in line for k in keys))
