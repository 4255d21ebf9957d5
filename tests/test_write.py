"""Tests of dbsynth.write: what a target is asked to do, in which order, with which rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from dbsynth.adapters.base import Adoption
from dbsynth.errors import TargetError
from dbsynth.landing import Landing
from dbsynth.plan import KeyPlan, Plan, TablePlan
from dbsynth.progress import Event, silent
from dbsynth.schema import Backfill, Batch, Column, Schema, SqlType, Table, TableName
from dbsynth.write import cast_rows, write

A, B, EMPTY = (TableName("s", n) for n in ("a", "b", "empty"))
INTEGER = SqlType(kind="integer", native="bigint", bits=64)


@dataclass
class Notebook:
    """A target that notes every call; it renames each table to t__name and column "x" to "x_1"."""

    greed: int | None = None  # how many batches of a write it takes; None: all
    calls: list[Any] = field(default_factory=list)
    dialect: str = "sqlite"
    server_version: str = "3"

    def adopt(self, schema: Schema) -> Adoption:
        names = {t.name: TableName("", f"t__{t.name.name}") for t in schema.tables}
        tables = tuple(
            Table(
                name=names[t.name],
                columns=tuple(
                    Column(name="x_1" if c.name == "x" else c.name, type=c.type) for c in t.columns
                ),
            )
            for t in schema.tables
        )
        return Adoption(Schema(dialect="sqlite", server_version="3", tables=tables), names)

    def begin(self, *, replace: bool) -> None:
        self.calls.append(("begin", replace))

    def create(self, schema: Schema) -> None:
        self.calls.append(("create", [t.name.name for t in schema.tables]))

    def write(self, table: Table, batches: Iterable[pa.RecordBatch]) -> int:
        taken = [b for b, _ in zip(batches, range(self.greed or 99), strict=False)]
        self.calls.append(("write", table.name.name, [b.to_pydict() for b in taken]))
        return sum(b.num_rows for b in taken)

    def backfill(
        self, table: Table, columns: Sequence[str], batches: Iterable[pa.RecordBatch]
    ) -> int:
        taken = list(batches)
        self.calls.append(("backfill", table.name.name, columns, [b.to_pydict() for b in taken]))
        return sum(b.num_rows for b in taken)

    def finish(self, schema: Schema) -> None:
        self.calls.append(("finish", len(schema.tables)))


def planned(target_rows: Mapping[TableName, int]) -> Plan:
    columns = tuple(Column(name=n, type=INTEGER) for n in ("id", "x"))
    return Plan(
        schema=Schema(
            dialect="postgresql",
            server_version="15",
            tables=tuple(Table(name=n, columns=columns, primary_key=("id",)) for n in target_rows),
        ),
        tables={
            n: TablePlan(
                name=n, mode="generate", source_rows=9, target_rows=rows, wave=0, root=n, why=""
            )
            for n, rows in target_rows.items()
        },
    )


def rows(**columns: list[Any]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({n: pa.array(v, pa.int32()) for n, v in columns.items()})


def load(target: Any, plan: Plan, items: Iterable[Batch | Backfill], **options: Any) -> Any:
    landing = Landing(target.adopt(plan.schema), "anew", **options.pop("land", {}))
    return write(plan, items, target, landing=landing, **{"progress": silent, **options})


def test_batches_of_one_table_become_one_write_under_the_targets_names() -> None:
    target = Notebook()
    items = [
        Batch(A, rows(id=[1], x=[5])),
        Batch(A, rows(id=[2, 3], x=[6, None])),
        Batch(B, rows(x=[7], id=[4])),
        Backfill(A, ("x",), rows(id=[3], x=[8])),
    ]
    written = load(target, planned({A: 3, B: 1, EMPTY: 0}), items)
    assert target.calls == [
        ("begin", False),
        ("create", ["t__a", "t__b", "t__empty"]),
        ("write", "t__a", [{"id": [1], "x_1": [5]}, {"id": [2, 3], "x_1": [6, None]}]),
        ("write", "t__b", [{"x_1": [7], "id": [4]}]),
        ("backfill", "t__a", ("x_1",), [{"id": [3], "x_1": [8]}]),
        ("finish", 3),
    ]
    names = {n: TableName("", f"t__{n.name}") for n in (A, B, EMPTY)}
    assert written.rows == {names[A]: 3, names[B]: 1, names[EMPTY]: 0}


class Completing(Notebook):
    """One that sees to tables while rows of others are still made."""

    def complete(self, table: Table) -> None:
        self.calls.append(("complete", table.name.name))


def test_a_table_is_completed_once_its_rows_are_there_and_stay_as_they_are() -> None:
    target, plan = Completing(), planned({A: 3, B: 1, EMPTY: 0})
    late = KeyPlan(name="k", columns=("x",), parent=B, role="backfill")
    plan = replace(plan, tables={**plan.tables, B: replace(plan.tables[B], keys=(late,))})
    items = [
        Batch(A, rows(id=[1], x=[5])),
        Batch(A, rows(id=[2])),
        Batch(B, rows(id=[4])),
        Backfill(B, ("x",), rows(id=[4], x=[4])),
    ]
    load(target, plan, items)
    acts = [call[:2] for call in target.calls[2:]]
    assert acts == [
        ("write", "t__a"), ("write", "t__a"), ("complete", "t__a"), ("write", "t__b"),
        ("backfill", "t__b"), ("finish", 3),
    ]  # fmt: skip


def test_batches_with_other_columns_become_another_write() -> None:
    target = Notebook()
    items = [Batch(A, rows(id=[1])), Batch(A, rows(id=[2], x=[3])), Batch(A, rows(id=[4]))]
    written = load(target, planned({A: 3}), items)
    writes = [call[2] for call in target.calls if call[0] == "write"]
    assert (writes, sum(written.rows.values())) == (
        [[{"id": [1]}], [{"id": [2], "x_1": [3]}], [{"id": [4]}]],
        3,
    )


def test_rows_are_pulled_only_as_the_target_takes_them() -> None:
    seen: list[str] = []

    def generated() -> Iterator[Batch]:
        for number in range(3):
            seen.append(f"made {number}")
            yield Batch(A, rows(id=[number]))

    def watch(event: Event) -> None:
        if event.stage == "write":
            seen.append(f"written {event.done}")

    load(Notebook(), planned({A: 3}), generated(), progress=watch)
    assert seen == ["made 0", "written 1", "made 1", "written 2", "made 2", "written 3"]


def test_progress_ends_for_every_table_whatever_was_planned() -> None:
    events: list[Event] = []
    items = [Batch(A, rows(id=[1, 2])), Batch(B, rows(id=[1]))]
    load(Notebook(), planned({A: 1, B: 5, EMPTY: 0}), items, progress=events.append)
    ends = {(e.stage, e.table): e.done for e in events if e.is_last}
    assert ends == {
        ("write", "s.a"): 2,
        ("write", "s.b"): 1,
        ("write", "s.empty"): 0,
        ("index", ""): 1,
    }


def test_progress_counts_against_the_rows_that_are_expected() -> None:
    events: list[Event] = []
    items = [Batch(A, rows(id=[1])), Batch(A, rows(id=[2]))]
    load(Notebook(), planned({A: 20}), items, progress=events.append, expected_rows={A: 2})
    counted = [(e.done, e.total) for e in events if e.stage == "write"]
    assert counted == [(1, 2), (2, 2)]


def test_a_target_that_leaves_rows_behind_is_found_out() -> None:
    items = [Batch(A, rows(id=[n])) for n in range(3)]
    with pytest.raises(TargetError, match=r"t__a: the target took 1 of [12] rows"):
        load(Notebook(greed=1), planned({A: 3}), items)


def test_what_is_there_goes_away_if_it_may_be_replaced() -> None:
    target = Notebook()
    load(target, planned({A: 0}), [], land={"replace": True})
    assert target.calls[0] == ("begin", True)


def test_a_table_that_keeps_its_rows_gets_none() -> None:
    target, kept = Notebook(), TableName("", "t__a")
    items = [Batch(A, rows(id=[1], x=[5])), Batch(B, rows(x=[7], id=[4]))]
    written = load(target, planned({A: 1, B: 1}), items, land={"kept": {kept: 4}})
    assert [call[1] for call in target.calls if call[0] == "write"] == ["t__b"]
    assert written.rows[kept] == 4


def cast(values: pa.Array, kind: SqlType) -> pa.Array:
    from dbsynth.arrow import arrow_schema

    table = Table(name=A, columns=(Column(name="c", type=kind),))
    batch = pa.RecordBatch.from_arrays([values], names=["c"])
    return cast_rows(batch, {"c": "c"}, table, arrow_schema(table)).column(0)


def decimal(precision: int, scale: int) -> SqlType:
    return SqlType(kind="decimal", native="numeric", precision=precision, scale=scale)


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (pa.array([True, None]), SqlType(kind="integer", native="tinyint", bits=8), [1, None]),
        (pa.array([1, None], pa.int64()), decimal(5, 2), [Decimal("1.00"), None]),
        (pa.array([2**64 - 1], pa.uint64()), decimal(20, 0), [Decimal(2**64 - 1)]),
        (pa.array([Decimal("1.0049")]), decimal(3, 2), [Decimal("1.00")]),
        (pa.array([1.25]), decimal(3, 2), [Decimal("1.25")]),
        (pa.array(["a"]).dictionary_encode(), SqlType(kind="string", native="text"), ["a"]),
        (pa.array([1, None], pa.int32()), SqlType(kind="string", native="text"), ["1", None]),
        (pa.nulls(1), SqlType(kind="uuid", native="uuid"), [None]),
        (pa.array([1.5]), SqlType(kind="float", native="real", bits=32), [1.5]),
    ],
)  # fmt: skip
def test_values_get_the_type_that_the_target_holds(
    values: pa.Array, kind: SqlType, expected: list[Any]
) -> None:
    assert cast(values, kind).to_pylist() == expected


def test_moments_keep_their_utc_time_where_the_target_knows_no_zones() -> None:
    moments = pa.array([3_600_000_000], pa.timestamp("us", tz="UTC"))
    held = cast(moments, SqlType(kind="timestamp", native="datetime(6)"))
    assert (held.type, held.cast(pa.int64()).to_pylist()) == (pa.timestamp("us"), [3_600_000_000])


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pa.array([300]), SqlType(kind="integer", native="tinyint", bits=8)),
        (pa.array([-1]), SqlType(kind="integer", native="integer", bits=32, unsigned=True)),
        (pa.array([Decimal("1000.00")]), decimal(5, 2)),
        (pa.array([float("nan")]), decimal(5, 2)),
        (pa.array([1e300]), SqlType(kind="float", native="real", bits=32)),
        (pa.array([b"\xff"]), SqlType(kind="string", native="text")),
        (pa.array(["x"]), SqlType(kind="integer", native="integer", bits=32)),
    ],
)
def test_values_that_do_not_fit_are_an_error_that_names_the_column(
    values: pa.Array, kind: SqlType
) -> None:
    with pytest.raises(TargetError, match=r"do not fit s\.a\.c, which the target holds as"):
        cast(values, kind)
