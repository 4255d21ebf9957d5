"""Ordinary PostgreSQL roles for tests: no superuser, no right to create databases or roles."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg

NewRole = Callable[[], str]  # makes a role and returns its name


def execute(url: str, *statements: str) -> list[tuple[object, ...]]:
    """Run statements; returns the rows of the last one, if it has some."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def as_role(url: str, role: str) -> str:
    """The same database as another user."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{role}:secret@{place}").geturl()


@contextmanager
def roles(server: str) -> Iterator[NewRole]:
    """Make ordinary roles; they go away with all that they own and may do."""
    names: list[str] = []

    def create() -> str:
        names.append(f"dbsynth_role_{uuid.uuid4().hex[:10]}")
        execute(
            server,
            f"CREATE ROLE {names[-1]} LOGIN PASSWORD 'secret' NOSUPERUSER NOCREATEDB NOCREATEROLE",
        )
        return names[-1]

    yield create
    for name in names:
        execute(server, f"DROP ROLE IF EXISTS {name}")


def give(url: str, role: str, server: str) -> str:
    """Let a role own a database; returns the database's URL as that role."""
    name = urlsplit(url).path[1:]
    execute(server, f'ALTER DATABASE "{name}" OWNER TO {role}')
    return as_role(url, role)


def let_read(url: str, role: str) -> str:
    """Let a role read a database, and no more; returns its URL as that role."""
    schemas = execute(
        url,
        "SELECT pg_catalog.quote_ident(nspname) FROM pg_catalog.pg_namespace"
        " WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'",
    )
    for (schema,) in schemas:
        execute(
            url,
            f"GRANT USAGE ON SCHEMA {schema} TO {role}",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}",
            f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role}",
        )
    return as_role(url, role)
