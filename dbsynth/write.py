"""Write generated rows into a target: create, load table by table, finish."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbsynth.adapters.base import Completes, Judge, TakesParts
from dbsynth.arrow import arrow_schema
from dbsynth.errors import TargetError
from dbsynth.extremes import without_extremes
from dbsynth.keepers.totals import Totals
from dbsynth.nones import filled
from dbsynth.progress import Event, Progress
from dbsynth.schema import Backfill, Batch, Stored, Table, TableName

if TYPE_CHECKING:
    import pyarrow as pa

    from dbsynth.adapters.base import Adoption, PartWriter, Target
    from dbsynth.landing import Landing
    from dbsynth.plan import Plan


@dataclass(frozen=True, slots=True)
class Written:
    """What was loaded and is not committed yet; `rows` has every table, by the target's name."""

    adoption: Adoption
    rows: Mapping[TableName, int]
    seconds: float


def write(
    plan: Plan,
    batches: Iterable[Batch | Backfill | Stored],
    target: Target,
    *,
    landing: Landing,
    progress: Progress,
    expected_rows: Mapping[TableName, int] | None = None,
) -> Written:
    """
    Load a target up to, but not including, the commit.

    Rows are pulled from `batches` as the target takes them; see `relay` for how both go on at once.

    Args:
        plan: names the source's tables; every one of them exists in the target afterwards.
        batches: rows by the source's table and column names, parents first; backfills after the
            rows that they change.
        target: entered and checked, not begun.
        landing: what the target will hold.
        progress: told about the stages write and index.
        expected_rows: rows per source table, for progress; default: the plan's.

    Raises:
        TargetError: the target refused something, or a column cannot hold a value.
    """
    started = time.perf_counter()
    adoption = landing.adoption
    target.begin(replace=landing.replace)
    target.create(adoption.schema)
    expected = expected_rows or {n: t.target_rows for n, t in plan.tables.items()}
    load = _Load(plan, landing, target, progress, expected)
    for _, group in itertools.groupby(batches, _load_key):
        load.take(group)
    load.announce_ends()
    progress(Event("index", "", 0, 1))
    target.finish(adoption.schema)
    progress(Event("index", "", 1, 1))
    rows = {adoption.names[t]: n for t, n in load.rows.items()} | dict(landing.kept)
    return Written(adoption, rows, time.perf_counter() - started)


def cast_rows(
    rows: pa.RecordBatch,
    names: Mapping[str, str],
    table: Table,
    schema: pa.Schema,
    dialect: str = "postgresql",
) -> pa.RecordBatch:
    """
    Give a batch the names and types of the table that will hold it.

    Args:
        rows: the source's columns, in any order.
        names: the target's name of each of the source's columns.
        table: the target's table.
        schema: its Arrow schema.
        dialect: the target's, which may lack infinities.

    Raises:
        TargetError: a column's values do not fit its type; names the column.
    """
    import pyarrow as pa

    if not rows.schema.names:
        return rows
    fields, arrays = [], []
    for name, values in zip(rows.schema.names, rows.columns, strict=True):
        field = schema.field(names[name])
        try:
            arrays.append(without_extremes(_cast(values, field.type), dialect))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as exc:
            raise TargetError(
                f"generated values of type {values.type} do not fit "
                f"{table.name}.{field.name}, which the target holds as "
                f"{table.column(field.name).type.native or field.type}",
                "Give the column another treatment in the plan, or choose another target.",
            ) from exc
        fields.append(field)
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


@dataclass(frozen=True, slots=True)
class Sink:
    """Puts one table's rows into a target from wherever they are drawn."""

    parts: PartWriter
    source: Table
    names: Mapping[str, str]
    table: Table
    dialect: str

    @property
    def rows(self) -> int:
        """How many rows a part has, at least."""
        return self.parts.rows

    def write(self, number: int, chunks: Iterable[pa.Table]) -> int:
        """Write the n-th part of some chunks of rows, by the source's names; returns its rows."""
        schema = arrow_schema(self.table)
        batches = (filled(b, self.source) for rows in chunks for b in rows.to_batches())
        cast = (cast_rows(b, self.names, self.table, schema, self.dialect) for b in batches)
        return self.parts.write(number, cast)


def sink_of(plan: Plan, landing: Landing, target: Target, name: TableName) -> Sink | None:
    """Find a way for others to write a table's rows, once it was created; None: there is none."""
    if not isinstance(target, TakesParts):
        return None
    adopted = landing.adoption.schema.table(landing.adoption.names[name])
    source = plan.schema.table(name)
    names = _names(source, adopted)
    return Sink(target.parts(adopted), source, names, adopted, landing.adoption.schema.dialect)


def size_of(item: Batch | Backfill | Stored) -> int:
    """How many bytes of rows wait to be written."""
    return 0 if isinstance(item, Stored) else item.rows.nbytes


def _names(source: Table, target: Table) -> dict[str, str]:
    """The target's name of each column: adopting may rename a column but never moves one."""
    return {s.name: t.name for s, t in zip(source.columns, target.columns, strict=True)}


class _Load:
    """The rows that went into one target so far."""

    def __init__(
        self,
        plan: Plan,
        landing: Landing,
        target: Target,
        progress: Progress,
        expected: Mapping[TableName, int],
    ) -> None:
        self._plan, self._adoption, self._target = plan, landing.adoption, target
        self._kept = landing.kept
        self._final = _final_tables(plan) - {
            s for s, t in self._adoption.names.items() if t in self._kept
        }
        self._filled: TableName | None = None  # whose rows came last
        self._progress, self._expected = progress, expected
        self._ended: set[TableName] = set()
        self.rows = {t.name: 0 for t in plan.schema.tables}

    def take(self, group: Iterator[Batch | Backfill | Stored]) -> None:
        """Write batches, or backfills, that agree in table and columns in one call."""
        first = next(group)
        self._leave(first.table)
        if isinstance(first, Stored):
            self._count(itertools.chain([first], group))
            return
        source = self._plan.schema.table(first.table)
        table = self._adoption.schema.table(self._adoption.names[first.table])
        if table.name in self._kept:
            return
        names = _names(source, table)
        handed = _Counter()
        rest = (item for item in group if not isinstance(item, Stored))
        cast = self._cast(itertools.chain([first], rest), source, names, table)
        if isinstance(first, Batch):
            cast = self._judged(table, cast)
        batches = handed.count(cast)
        if isinstance(first, Backfill):
            columns = tuple(names[c] for c in first.columns)
            done = self._target.backfill(table, columns, batches)
        else:
            done = self._target.write(table, self._announced(batches, first.table))
            self.rows[first.table] += done
        if not handed.is_through or done != handed.rows:
            raise TargetError(
                f"{table.name}: the target took {done} of {handed.rows} rows",
                "Report this as a defect of the target's adapter.",
            )

    def _leave(self, following: TableName) -> None:
        """See to the table whose rows came last, when all of them are there for good."""
        before, self._filled = self._filled, following
        if before in self._final and before != following and isinstance(self._target, Completes):
            self._target.complete(self._adoption.schema.table(self._adoption.names[before]))
            self._final -= {before}

    def _count(self, group: Iterable[Batch | Backfill | Stored]) -> None:
        """Count rows that were put into the target by whoever drew them."""
        for item in group:
            assert isinstance(item, Stored)
            done = self.rows[item.table] = self.rows[item.table] + item.rows
            self._announce(item.table, done)

    def _announce(self, source: TableName, done: int) -> None:
        event = Event("write", str(source), done, max(done, self._expected.get(source, 0)))
        if event.is_last:
            self._ended.add(source)
        self._progress(event)

    def _judged(self, table: Table, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Rows whose checks only the target understands wait until it has judged them."""
        from dbsynth.mending.judge import has_opaque_checks, judged

        dialect, target = self._adoption.schema.dialect, self._target
        if not isinstance(target, Judge) or not has_opaque_checks(table, dialect):
            return batches
        keys = self._adoption.schema.foreign_keys
        referenced = {c for k in keys if k.parent == table.name for c in k.parent_columns}
        seed = self._plan.seed
        return iter(list(judged(target, table, dialect, batches, referenced, seed)))

    def announce_ends(self) -> None:
        """Tell whoever watches that the tables with fewer rows than planned are through, too."""
        for table in self.rows.keys() - self._ended:
            self._progress(Event("write", str(table), self.rows[table], self.rows[table]))

    def _cast(
        self,
        group: Iterable[Batch | Backfill],
        source: Table,
        names: Mapping[str, str],
        table: Table,
    ) -> Iterator[pa.RecordBatch]:
        schema, dialect = arrow_schema(table), self._adoption.schema.dialect
        for item in group:
            yield cast_rows(filled(item.rows, source), names, table, schema, dialect)

    def _announced(
        self, batches: Iterable[pa.RecordBatch], source: TableName
    ) -> Iterator[pa.RecordBatch]:
        done = self.rows[source]
        for batch in batches:
            yield batch
            done += batch.num_rows
            self._announce(source, done)


class _Counter:
    """Counts the rows that a target pulls, so that none is lost unseen."""

    def __init__(self) -> None:
        self.rows = 0
        self.is_through = False

    def count(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            self.rows += batch.num_rows
            yield batch
        self.is_through = True


def _final_tables(plan: Plan) -> frozenset[TableName]:
    """The tables of which nothing is set after their rows: no key of a cycle, no total."""
    late = {n for n, p in plan.tables.items() if any(k.role == "backfill" for k in p.keys)}
    return frozenset(plan.tables) - late - {total.table for total in Totals.of(plan).found}


def _load_key(item: Batch | Backfill | Stored) -> tuple[type, TableName, tuple[str, ...]]:
    names = () if isinstance(item, Stored) else tuple(item.rows.schema.names)
    return type(item), item.table, names


def _cast(values: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Cast without losing anything but decimal places and time zones."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if values.type == wanted:
        return values
    if pa.types.is_dictionary(values.type):
        return _cast(values.dictionary_decode(), wanted)
    if pa.types.is_decimal(wanted):
        # Arrow refuses to cast where the type, not the value, could be too large: go by way of
        # the widest decimal, rounded to the places that are wanted.
        if pa.types.is_boolean(values.type):
            values = values.cast(pa.int8())
        if pa.types.is_decimal(values.type) and values.type.scale > wanted.scale:
            values = pc.round(values, ndigits=wanted.scale)
        return values.cast(pa.decimal256(76, wanted.scale)).cast(wanted)
    result = values.cast(wanted)
    if pa.types.is_float32(wanted) and pa.types.is_float64(values.type):
        # Arrow turns what is too large for 32 bits into infinity without a word.
        grown = pc.and_(pc.is_inf(result), pc.is_finite(values))
        if pc.any(grown).as_py():
            raise pa.ArrowInvalid("a value is too large for float32")
    return result
