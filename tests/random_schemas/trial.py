"""One trial: build a random database, clone it, and ask the copy whether it keeps every rule."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from dbsynth import run
from tests.dumps import schema_dump
from tests.random_schemas.rows import fill
from tests.random_schemas.shapes import Shaper, Table
from tests.random_schemas.sql import script

DIALECTS = ("postgresql", "sqlite", "duckdb")
LEARNED_EVERY = 10  # the n-th seeds are also cloned by the engine that trains
SCALES = (1.0, 1.0, 0.3, 3.0)  # the seed's remainder by their number chooses one


@dataclass(frozen=True, slots=True)
class Place:
    """Where a trial may make its databases: a directory, and two that a server lends."""

    directory: Path
    postgresql: tuple[str, str] | None = None  # URLs of two databases that hold nothing else


def tables_of(seed: int) -> list[Table]:
    """The schema of a seed, with rows."""
    tables = Shaper(seed).schema()
    fill(tables, seed)
    return tables


def attempt(seed: int, dialect: str, place: Place) -> list[str]:
    """
    Build, clone, verify; raises whatever goes wrong.

    Returns:
        the tables with fewer rows than planned: their keys leave no room for more.

    Raises:
        AssertionError: a rule is broken, or the source was changed.
    """
    short: list[str] = []
    source, target = build(seed, dialect, place)
    before = fingerprint(source, dialect)
    engines = ["marginal", *(["argn"] if seed % LEARNED_EVERY == 0 else [])]
    for engine in engines:
        options = run.Options(
            seed=seed, engine=engine, quality="fast", replace=True, scale=SCALES[seed % len(SCALES)]
        )
        done = run.clone(source, target, options)
        assert not done.findings.errors, done.findings.errors
        found = run.verify(target).errors
        assert not found, found
        if options.scale == 1.0:
            short += [
                f"{t.name}: {t.target_rows} of {t.source_rows} rows"
                for t in done.tables
                if t.target_rows != t.source_rows
            ]
        assert before == fingerprint(source, dialect), "the source was changed"
        if dialect == "postgresql":
            assert schema_dump(source) == schema_dump(target)
    return short


def build(seed: int, dialect: str, place: Place) -> tuple[str, str]:
    """Make the source of a seed; returns the URLs of source and target."""
    text = script(tables_of(seed), dialect)
    if dialect == "postgresql":
        assert place.postgresql is not None
        return _build_postgresql(text, *place.postgresql)
    source, target = (place.directory / f"{part}_{seed}.{dialect}" for part in ("from", "to"))
    source.unlink(missing_ok=True)
    target.unlink(missing_ok=True)
    if dialect == "sqlite":
        with closing(sqlite3.connect(source)) as connection, connection:
            connection.executescript(text)
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    else:
        import duckdb

        with duckdb.connect(str(source)) as connection:
            connection.execute(text)
    return str(source), str(target)


def _build_postgresql(text: str, source: str, target: str) -> tuple[str, str]:
    import psycopg

    for url in (source, target):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    with psycopg.connect(source) as connection:
        connection.execute(text)
    return source, target


def fingerprint(url: str, dialect: str) -> str:
    """A hash of what a database holds."""
    if dialect != "postgresql":
        return hashlib.sha256(Path(url).read_bytes()).hexdigest()
    import psycopg

    with psycopg.connect(url) as connection:
        names = connection.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace = 'public'::regnamespace ORDER BY 1"
        ).fetchall()
        parts = [
            connection.execute(
                f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {name} AS t"
            ).fetchone()
            for (name,) in names
        ]
    return repr(list(zip(names, parts, strict=True)))


def database(server: str, name: str) -> str:
    """The URL of another database of a server."""
    return urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
