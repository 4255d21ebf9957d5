"""What pg_dump says of a database's schema, without what differs from server to server."""

from __future__ import annotations

import re
import subprocess

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
