"""Commit a PostgreSQL load; where the answer is lost, ask the database what became of it."""

from __future__ import annotations

import psycopg

from dbsynth.adapters.base import RESERVED
from dbsynth.adapters.postgresql_connection import Connection, connect, translated
from dbsynth.errors import ConnectError, OutcomeUnknownError, TargetError
from dbsynth.urls import Location

# Any number that is ours.  Locks are per database, and a session holds its own until it has
# committed or rolled back, whatever became of its client.
LOCK = int.from_bytes(b"dbsynth", "big")
_REMEDY = "Nothing was changed. Mend the cause and run again."
_PATIENCE = "SET lock_timeout = '10s'"
_RUN = f"SELECT value FROM public.{RESERVED} WHERE key = 'run_id'"


def commit(connection: Connection, location: Location, run_id: str) -> None:
    """
    End the transaction, and know how it ended.

    Args:
        connection: in the transaction of the load.
        location: where to ask if the connection is lost.
        run_id: what this run has written into the reserved table; empty if nothing.

    Raises:
        TargetError, PermissionDeniedError: the target is as it was.
        OutcomeUnknownError: the connection was lost, and nobody answers who could tell.
    """
    try:
        with translated(TargetError, "cannot commit", _REMEDY):
            connection.execute("COMMIT")
    except ConnectError as exc:
        try:
            is_done = _is_committed(location, run_id)
        except (ConnectError, psycopg.Error):
            raise OutcomeUnknownError(
                f"{exc.message}; whether the target holds the new rows is not known",
                f"Look whether {_RUN!r} gives {run_id} in the target; if not, it is as it was.",
            ) from exc
        if not is_done:
            raise TargetError(
                f"{exc.message}; the target was asked again and is as it was", exc.remedy
            ) from exc


def _is_committed(location: Location, run_id: str) -> bool:
    """Wait until the lost session has ended, and look whose rows are there."""
    if not run_id:
        raise ConnectError("the run is not written down", "Look at the rows.")
    with connect(location) as again:
        again.execute(_PATIENCE)
        again.execute("SELECT pg_catalog.pg_advisory_lock(%s)", (LOCK,))
        try:
            return again.execute(_RUN.encode()).fetchall() == [(run_id,)]
        except psycopg.errors.UndefinedTable:
            return False
