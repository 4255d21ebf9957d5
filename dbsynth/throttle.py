"""A source that is read no faster than so many bytes a second, so that others can work beside."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from dbsynth.adapters import open_source
from dbsynth.schema import Schema, Statement, Table, TableName
from dbsynth.urls import Location

if TYPE_CHECKING:
    import pyarrow as pa

    from dbsynth.adapters.base import Identity, KeyFilter, Source

_MEGABYTE = 1_000_000


def open_throttled(location: Location, megabytes: float | None) -> Source:
    """
    Open a source, no faster than the user wants it read.

    Args:
        location: of a database.
        megabytes: a second, at most; None: no limit.
    """
    source = open_source(location)
    return source if megabytes is None else Throttled(source, megabytes)


class Throttled:
    """
    A `Source` with a limit on what `read`, `sample` and `query` bring.

    After each batch it waits until the batch may have come; a server that sends rows as they are
    taken waits as well.  Counted is what values take in memory, which is about what they take on
    the way.
    """

    def __init__(
        self,
        source: Source,
        megabytes: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Limit a source to so many megabytes a second, more than 0."""
        self._source, self._rate = source, megabytes * _MEGABYTE
        self._clock, self._sleep = clock, sleep
        self._due = clock()
        self.dialect, self.server_version = source.dialect, source.server_version

    def __enter__(self) -> Self:
        """Connect and open the snapshot."""
        self._source.__enter__()
        self.server_version = self._source.server_version
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Roll back and disconnect."""
        self._source.__exit__(kind, exc, tb)

    def identity(self) -> Identity:
        """Which database this is."""
        return self._source.identity()

    def introspect(self) -> Schema:
        """Read the catalogs."""
        return self._source.introspect()

    def script(self, schema: Schema) -> tuple[Statement, ...]:
        """Write the DDL of these tables."""
        return self._source.script(schema)

    def count(self, table: TableName) -> int:
        """Count a table's rows."""
        return self._source.count(table)

    def estimate(self, table: TableName) -> int | None:
        """Tell about how many rows there are."""
        return self._source.estimate(table)

    def sample(
        self, table: Table, columns: Sequence[str], *, share: float, seed: int
    ) -> Iterator[pa.RecordBatch] | None:
        """Read the rows of random pages, in time."""
        found = self._source.sample(table, columns, share=share, seed=seed)
        return None if found is None else self._in_time(found)

    def read(
        self,
        table: Table,
        columns: Sequence[str],
        *,
        order_by: Sequence[str] = (),
        keys: KeyFilter | None = None,
        limit: int | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Read rows, in time."""
        found = self._source.read(table, columns, order_by=order_by, keys=keys, limit=limit)
        return self._in_time(found)

    def query(self, sql: str) -> pa.Table:
        """Run one SELECT, and wait as long as its result may take."""
        found = self._source.query(sql)
        self._wait(found.nbytes)
        return found

    def _in_time(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            self._wait(batch.nbytes)
            yield batch

    def _wait(self, size: int) -> None:
        """Wait until so many bytes more are due; time in which nothing was read is no credit."""
        now = self._clock()
        self._due = max(self._due, now) + size / self._rate
        self._sleep(self._due - now)
