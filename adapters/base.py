"""What every adapter offers: a read-only `Source`, and a `Target` that is all or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

from dbsynth.schema import ForeignKey, Loss, Schema, Statement, Table, TableName
from dbsynth.urls import Location

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

RESERVED = "_dbsynth"  # this table holds run id, versions and manifest in every target
BATCH_ROWS = 50_000  # rows per Arrow batch when reading
LARGE = 1_000_000  # rows: of larger tables estimates and samples stand for counts of all


@dataclass(frozen=True, slots=True)
class Identity:
    """Which database this is, as the server itself says: two URLs of one database are equal."""

    dialect: str
    server: str  # e.g. system identifier, or server uuid; for files device and inode
    database: str  # e.g. database oid or name


@dataclass(frozen=True, slots=True)
class KeyFilter:
    """Restrict a read to rows whose `columns` are among `keys` (an Arrow column each, no nulls)."""

    columns: tuple[str, ...]
    keys: pa.Table


@dataclass(frozen=True, slots=True)
class Adoption:
    """A source's schema as a target will hold it."""

    schema: Schema  # in the target's dialect: native types, translated or dropped expressions
    names: Mapping[TableName, TableName]  # source name -> target name
    losses: tuple[Loss, ...] = ()


@dataclass(frozen=True, slots=True)
class Present:
    """Tables that are there already, without rows, and what a load into them has to know."""

    schema: Schema  # of the tables that get rows, as the target's catalogs have it
    late: tuple[ForeignKey, ...] = ()  # their rows are complete before the rows they refer to
    updated: frozenset[TableName] = frozenset()  # tables whose keys are filled in by UPDATE


@dataclass(frozen=True, slots=True)
class Strategy:
    """How rows get into tables that are there already."""

    name: str
    what: str  # one sentence for people
    losses: tuple[Loss, ...] = ()
    uncounted: frozenset[tuple[TableName, str]] = frozenset()  # columns whose counter stays behind


class Source(Protocol):
    """One read-only transaction, one snapshot.  Has no way to write."""

    dialect: str
    server_version: str

    def __enter__(self) -> Self:
        """Connect and open the snapshot."""

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Roll back and disconnect."""

    def identity(self) -> Identity:
        """Which database this is."""

    def introspect(self) -> Schema:
        """
        Read the catalogs: every base table of every user schema.

        Those that this user cannot read whole are `unreadable`, and may lack columns.
        """

    def script(self, schema: Schema) -> tuple[Statement, ...]:
        """
        Write the DDL of these tables and of all that belongs to them with the database's own tool.

        Args:
            schema: as `introspect` returned it; with fewer tables if only some are wanted.

        Returns:
            statements in the order in which they work; none where no tool is needed.

        Raises:
            NoScriptError: the tool is missing or failed; says why.
        """

    def count(self, table: TableName) -> int:
        """Count a table's rows exactly."""

    def estimate(self, table: TableName) -> int | None:
        """Tell from the catalog, without a scan, about how many rows there are; None: not known."""

    def sample(
        self, table: Table, columns: Sequence[str], *, share: float, seed: int
    ) -> Iterator[pa.RecordBatch] | None:
        """
        Read the rows of random pages of a table, the same ones for the same seed and pages.

        Rows that lie together come together: who wants single rows takes a few of each page.

        Args:
            table: the table, as `introspect` returned it.
            columns: which columns, in this order.
            share: of the pages, more than 0 and at most 1.
            seed: at least 0.

        Returns:
            batches as `read` gives them; None where the database has no such way to read.
        """

    def read(
        self,
        table: Table,
        columns: Sequence[str],
        *,
        order_by: Sequence[str] = (),
        keys: KeyFilter | None = None,
        limit: int | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """
        Read rows as Arrow batches of at most `BATCH_ROWS`, typed by `dbsynth.arrow.arrow_type`.

        Args:
            table: the table, as `introspect` returned it.
            columns: which columns, in this order.
            order_by: columns to sort by, so that equal data give equal batches.
            keys: only the rows with these keys.
            limit: at most so many rows, the first ones in this order.

        Raises:
            PermissionDeniedError: no right to read the table.
            SourceError: the database failed.
        """

    def query(self, sql: str) -> pa.Table:
        """Run one SELECT."""


class Target(Protocol):
    """
    One load, all or nothing: nothing is visible in the target before `commit`.

    Call order: `__enter__`, `check`, `adopt`, `begin`, then `create`, `write` for every table
    (parents first), `backfill`, `finish`, any number of `query`, and `commit`.  Leaving the
    context without `commit` leaves the target exactly as it was.
    """

    dialect: str
    server_version: str

    def __enter__(self) -> Self:
        """Connect."""

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Throw away what was not committed, and disconnect."""

    def identity(self) -> Identity:
        """Which database this is."""

    def occupants(self) -> tuple[TableName, ...]:
        """The user tables and views that are there now (without `RESERVED`)."""

    def check(self) -> None:
        """
        Find out, before any work, whether this user may create and write here.

        Raises:
            PermissionDeniedError: the right to create is missing.
            LockedError: another run is loading this target.
        """

    def adopt(self, schema: Schema) -> Adoption:
        """Translate a source's schema into what this target will hold, with all losses."""

    def begin(self, *, replace: bool) -> None:
        """Start the load; with `replace` the present content goes away at `commit`."""

    def create(self, schema: Schema) -> None:
        """Create types and tables (the target's own schema, from `adopt`), without indexes."""

    def write(self, table: Table, batches: Iterable[pa.RecordBatch]) -> int:
        """
        Load rows; `table` is the target's, batch columns carry its column names.

        Returns:
            the number of rows written.

        Raises:
            TargetError: the database refused the rows; names table and constraint, no value.
        """

    def backfill(
        self, table: Table, columns: Sequence[str], batches: Iterable[pa.RecordBatch]
    ) -> int:
        """Set `columns` of the rows with these primary keys; batches hold key and columns."""

    def finish(self, schema: Schema) -> None:
        """Create indexes, uniques, checks, foreign keys; set sequences past the rows; analyze."""

    def query(self, sql: str) -> pa.Table:
        """Run one SELECT against the load in progress."""

    def quote(self, name: TableName) -> str:
        """The table's name as `query` needs it while the load is in progress."""

    def record(self, manifest: Mapping[str, str]) -> None:
        """Write the run's manifest into the reserved table (columns key, value)."""

    def commit(self) -> None:
        """Make the load visible at once."""


@runtime_checkable
class LoadsInPlace(Protocol):
    """A `Target` that can load tables which are there already, all or nothing."""

    def settle(self, present: Present) -> Strategy:
        """
        Choose how to load these tables; `create` then makes nothing, `finish` only what it undid.

        Raises:
            PermissionDeniedError: this user may not write them; names what is missing.
            RefusedError: with this user's rights there is no order in which the keys hold.
        """


@runtime_checkable
class Judge(Protocol):
    """What a target may offer besides: to judge rows before they are written."""

    def hold(
        self, table: Table, rows: pa.Table, conditions: Sequence[str]
    ) -> list[NDArray[np.bool_] | None]:
        """
        Evaluate conditions on rows that the target does not hold.

        Args:
            table: the target's, created already.
            rows: (n,) with some of its columns.
            conditions: SQL in the target's dialect.

        Returns:
            (n,) booleans for each condition, False where a row breaks it (NULL is no violation);
            None if the target cannot evaluate it on these rows.
        """


@runtime_checkable
class Completes(Protocol):
    """What a target may offer besides: to see to a table while rows of others are still made."""

    def complete(self, table: Table) -> None:
        """
        Create what keys and indexes are the table's own; its rows are there and stay as they are.

        Raises:
            TargetError: rows break a key; names it, no value.
        """


class PartWriter(Protocol):
    """Writes parts of one table from any process that sees the same files; travels there."""

    @property
    def rows(self) -> int:
        """How many rows a part has at least, unless it is a table's last."""

    def write(self, number: int, batches: Iterable[pa.RecordBatch]) -> int:
        """Write the n-th part, from 0; returns its rows."""


@runtime_checkable
class TakesParts(Protocol):
    """A `Target` whose tables others may write part by part; the parts are the same as its own."""

    def parts(self, table: Table) -> PartWriter:
        """Give what writes a table's parts; `create` was called before."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """What an entry point of the group `dbsynth.adapters` loads: one database's two sides."""

    source: Callable[[Location], Source]
    target: Callable[[Location], Target]
