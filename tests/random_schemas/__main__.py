"""The long campaign: python -m tests.random_schemas --count 500 [--start N] [--dialect NAME]."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import traceback
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.random_schemas.sql import script
from tests.random_schemas.trial import DIALECTS, Place, attempt, database, tables_of

SERVER = os.environ.get("DBSYNTH_TEST_PG_URL", "postgresql://postgres@127.0.0.1:5432/postgres")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--dialect", choices=DIALECTS, action="append")
    parser.add_argument("--dump", type=Path, help="folder for the SQL of seeds that fail")
    parser.add_argument("--print", action="store_true", help="only print the SQL of --start")
    given = parser.parse_args()
    dialects = given.dialect or list(DIALECTS)
    if given.print:
        sys.stdout.write(script(tables_of(given.start), dialects[0]))
        return 0
    with tempfile.TemporaryDirectory() as folder, _databases("postgresql" in dialects) as urls:
        failed = _campaign(given, dialects, Place(Path(folder), urls))
    return 1 if failed else 0


def _campaign(given: argparse.Namespace, dialects: list[str], place: Place) -> int:
    failed, short = dict.fromkeys(dialects, 0), dict.fromkeys(dialects, 0)
    started = time.perf_counter()
    for seed in range(given.start, given.start + given.count):
        for dialect in dialects:
            try:
                if lacking := attempt(seed, dialect, place):
                    short[dialect] += 1
                    _say(f"seed {seed} {dialect}: sound, but {'; '.join(lacking)}")
            except Exception as exc:  # noqa: BLE001 - a campaign goes on and tells
                failed[dialect] += 1
                _say(f"seed {seed} {dialect}: {_told(exc)}")
                if given.dump:
                    given.dump.mkdir(parents=True, exist_ok=True)
                    path = given.dump / f"{seed}.{dialect}.sql"
                    path.write_text(script(tables_of(seed), dialect), "utf-8")
    seconds = time.perf_counter() - started
    for dialect, count in failed.items():
        _say(
            f"{dialect}: {given.count - count} of {given.count} schemas sound,"
            f" {short[dialect]} of them with fewer rows than planned ({seconds:.0f} s)"
        )
    return sum(failed.values())


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _told(exc: Exception) -> str:
    """One line on what went wrong, and where."""
    problems = "; ".join(getattr(exc, "problems", ()))
    place = traceback.extract_tb(exc.__traceback__)[-1]
    text = " ".join(str(exc).split())[:400]
    return f"{type(exc).__name__}: {text} {problems} ({Path(place.filename).name}:{place.lineno})"


@contextmanager
def _databases(is_needed: bool) -> Iterator[tuple[str, str] | None]:
    """Two databases of one's own, so that campaigns may run beside each other."""
    if not is_needed:
        yield None
        return
    import psycopg

    names = [f"dbsynth_random_{uuid.uuid4().hex[:8]}_{part}" for part in ("from", "to")]
    with psycopg.connect(SERVER, autocommit=True) as admin:
        for name in names:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        try:
            yield database(SERVER, names[0]), database(SERVER, names[1])
        finally:
            for name in names:
                admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


if __name__ == "__main__":
    sys.exit(main())
