"""Read what fit learns from: a bounded number of whole entities, and what hangs on what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dbsynth.adapters.base import LARGE
from dbsynth.arrow import arrow_schema
from dbsynth.features import Ints
from dbsynth.matching import row_pointers
from dbsynth.model.base import stable_seed
from dbsynth.nones import emptied
from dbsynth.picking import key_hashes, pick, read_by_keys
from dbsynth.plan import CHOSEN, KeyPlan, Plan, TablePlan
from dbsynth.polymorphs import polymorphs
from dbsynth.progress import Event, Progress, silent
from dbsynth.rules.groupsteps import group_steps
from dbsynth.schema import ForeignKey, Schema, Table, TableName

if TYPE_CHECKING:
    from dbsynth.adapters.base import Source

PROFILE_ROWS = 20_000  # rows per table for the first look
SAMPLE_ROWS = 200_000  # rows per table that fit learns from, about
# The same of large tables: there each row costs the server a page.  `--quality max` pays for more.
LARGE_SAMPLE_ROWS = 50_000
HELD_OUT_SHARE = 0.1
FEW_ROOTS = 1_000  # so many are read, and chosen from by number: chance might leave none of them
LEAST_ROOTS = 8  # that are read, as long as what they own is no more than `SAMPLE_ROWS` rows

# Rows that were read, by table and share: the same share is not read twice.
Shelf = dict[tuple[TableName, float], pa.Table]


@dataclass(frozen=True)
class Sample:
    """Rows of the source in memory, and their pointers; no file with a name holds any of it."""

    rows: Mapping[TableName, pa.Table]
    parents: Mapping[tuple[TableName, str], Ints]  # (table, key): row number of the parent, or -1
    entities: Mapping[TableName, Ints]  # which entity owns each row; < 0: a row of its own
    held_out: Mapping[TableName, NDArray[np.bool_]]
    shares: Mapping[TableName, float] = field(default_factory=dict)  # of the rows that were read


def read_profile(
    source: Source, schema: Schema, *, limit: int = PROFILE_ROWS, progress: Progress = silent
) -> dict[TableName, pa.Table]:
    """
    Read the first rows of every table, in key order, for classify and plan to look at.

    Returns:
        a table of at most `limit` rows for each of the schema's tables.
    """
    found = {}
    for number, table in enumerate(schema.tables, 1):
        columns = [c.name for c in table.written_columns]
        found[table.name] = arrow_schema(table).empty_table()
        if columns:
            batches = source.read(table, columns, order_by=table.primary_key, limit=limit)
            found[table.name] = _collect(table, batches)
        progress(Event("read", str(table.name), number, len(schema.tables)))
    return found


def read_sample(
    plan: Plan,
    source: Source,
    progress: Progress = silent,
    *,
    limit: int = SAMPLE_ROWS,
    shelf: Shelf | None = None,
) -> Sample:
    """
    Read whole entities: chosen roots, all that they own, and what those rows point to.

    Tables of at most `limit` rows are read whole; of larger ones the roots are chosen at random
    (see `picking`), and their rows fetched by key, so the cost does not grow with the source.

    Args:
        plan: says what tables there are, and who owns whom.
        source: entered.
        progress: told about tables.
        limit: rows of each table, about; of large ones `LARGE_SAMPLE_ROWS` are.
        shelf: what an earlier call for the same source and plan left there.
    """
    shelf = {} if shelf is None else shelf
    rows: dict[TableName, pa.Table] = {}
    shares = _shares(plan, limit)
    names = [n for n, t in plan.tables.items() if t.mode in ("generate", "invent", "copy")]
    for number, name in enumerate(names, 1):
        table, planned = plan.schema.table(name), plan.tables[name]
        share = shares[planned.root]
        found = shelf.get((name, share))
        if found is None:
            found = emptied(_read_table(plan, source, table, planned, share, rows), table)
        shelf[name, share] = found
        rows[name] = _mixed(plan, planned, found, rows)
        progress(Event("read", str(name), number, len(names), f"{len(rows[name]):,} rows"))
    parents = {}
    for name in names:
        for key in plan.schema.table(name).foreign_keys:
            if key.parent in rows:
                parents[name, key.name] = row_pointers(rows[name], key, rows[key.parent])
            elif key.parent in plan.tables:
                parents[name, key.name] = np.full(len(rows[name]), -1, np.int64)
    entities = _entities(plan, rows, parents)
    held_out = _held_out(plan, rows, entities)
    return Sample(
        rows, parents, entities, held_out, {n: shares[plan.tables[n].root] for n in names}
    )


def owner_key(planned: TablePlan) -> KeyPlan | None:
    """The key along which a table's rows are generated, if there is one."""
    return next((k for k in planned.keys if k.role == "owner"), None)


def chosen_keys(planned: TablePlan, table: Table) -> list[KeyPlan]:
    """
    The keys whose parents are chosen before the attributes.

    Keys to tables that list the labels of polymorphic references are not among them: these rows
    follow from the label.
    """
    lookups = [p.lookup(table) for p in polymorphs(table)]
    follow = {k.name for k in lookups if k is not None}
    return [k for k in planned.keys if k.role in CHOSEN and k.name not in follow]


def foreign_key(table: Table, name: str) -> ForeignKey:
    """Look up a foreign key by name."""
    return next(k for k in table.foreign_keys if k.name == name)


def _shares(plan: Plan, limit: int) -> dict[TableName, float]:
    """Which share of each root's entities fits into the budget."""
    shares: dict[TableName, float] = {}
    largest: dict[TableName, int] = {}
    for planned in plan.tables.values():
        # Whatever the limit, so that rules and models look at the same rows: they are read once.
        is_large = planned.source_rows > LARGE and plan.quality != "max"
        most = LARGE_SAMPLE_ROWS if is_large else limit
        share = min(1.0, most / max(1, planned.source_rows))
        share = 1.0 if planned.mode == "copy" else share
        shares[planned.root] = min(share, shares.get(planned.root, 1.0))
        largest[planned.root] = max(planned.source_rows, largest.get(planned.root, 1))
    return {
        root: max(share, _least(plan.tables[root].source_rows, largest[root]))
        for root, share in shares.items()
    }


def _least(roots: int, rows: int) -> float:
    """The share of a few roots that is read, though what they own is more than the budget."""
    if not 0 < roots <= FEW_ROOTS:
        return 0.0
    return max(1 / roots, min(1.0, LEAST_ROOTS / roots, SAMPLE_ROWS / rows))


def _read_table(
    plan: Plan,
    source: Source,
    table: Table,
    planned: TablePlan,
    share: float,
    rows: Mapping[TableName, pa.Table],
) -> pa.Table:
    owner = owner_key(planned)
    order = _order(table, planned)
    columns = [c.name for c in table.written_columns]
    if not columns:
        return arrow_schema(table).empty_table()
    if share >= 1.0:
        return _collect(table, source.read(table, columns, order_by=order))
    if owner is None:
        seed = stable_seed(plan.seed, table.name, "sample")
        if planned.source_rows <= FEW_ROOTS:
            return _some(_collect(table, source.read(table, columns, order_by=order)), share, seed)
        return pick(
            source, table, columns, share=share, rows=planned.source_rows, seed=seed, order_by=order
        )
    key = foreign_key(table, owner.name)
    chosen = rows[key.parent].select(list(key.parent_columns)).drop_null()
    return read_by_keys(source, table, columns, key.columns, chosen, order)


def _some(rows: pa.Table, share: float, seed: int) -> pa.Table:
    """A share of (n,) rows, chosen at random, in order."""
    chosen = np.random.default_rng(seed).permutation(len(rows))[: round(share * len(rows))]
    return rows.take(pa.array(np.sort(chosen)))


def _order(table: Table, planned: TablePlan) -> tuple[str, ...]:
    """Siblings together, in their own order; ties by key, so that equal data read equal."""
    owner = owner_key(planned)
    wanted = [*(owner.columns if owner else ()), *filter(None, [planned.order_by])]
    rest = table.primary_key or tuple(
        c.name for c in table.written_columns if _sortable(c.type.kind)
    )
    return tuple(dict.fromkeys([*wanted, *rest]))


def _mixed(
    plan: Plan, planned: TablePlan, rows: pa.Table, above: Mapping[TableName, pa.Table]
) -> pa.Table:
    """
    Put (n,) rows that are in the order of a value in no order among siblings.

    A model would follow them step by step, a bit further down or up each time, and be anywhere
    after many; what they are together is easier learned, and the copy's are sorted when made.
    """
    owner = owner_key(planned)
    if owner is None or not _is_sorted(plan, planned, owner):
        return rows
    key = foreign_key(plan.schema.table(planned.name), owner.name)
    pointers = row_pointers(rows, key, above[owner.parent])
    group = np.cumsum(np.diff(pointers, prepend=pointers[:1]) != 0)
    seed = stable_seed(plan.seed, planned.name, "siblings")
    chance = np.random.default_rng(seed).random(len(rows))
    return rows.take(pa.array(np.lexsort((chance, group))))


def _is_sorted(plan: Plan, planned: TablePlan, owner: KeyPlan) -> bool:
    """Whether siblings are told apart by a key that says nothing but how they are sorted."""
    steps = group_steps(plan.rules, plan.schema.table(planned.name), plan.schema)
    among = [s for s in steps if set(s.partition) == set(owner.columns) and s.act != "mark"]
    keys = {n for n, c in planned.columns.items() if c.kind == "key"} - set(owner.columns)
    return (
        not planned.order_by
        and bool(among)
        and all(s.act == "sort" and s.by in keys for s in among)
    )


def _sortable(kind: str) -> bool:
    return kind not in ("json", "bytes", "other")


def _collect(table: Table, batches: Iterable[pa.RecordBatch]) -> pa.Table:
    return pa.Table.from_batches(list(batches), arrow_schema(table))


def _entities(
    plan: Plan, rows: Mapping[TableName, pa.Table], parents: Mapping[tuple[TableName, str], Ints]
) -> dict[TableName, Ints]:
    """Follow the owners up to the root; a row without an owner is an entity of its own (< 0)."""
    entities: dict[TableName, Ints] = {}
    for name in rows:
        owner = owner_key(plan.tables[name])
        own = np.arange(len(rows[name]), dtype=np.int64)
        if owner is None or owner.parent not in rows:
            entities[name] = own
            continue
        pointers = parents[name, owner.name]
        above = entities[owner.parent]
        if len(above) == 0:
            entities[name] = -1 - own
        else:
            entities[name] = np.where(pointers >= 0, above[np.maximum(pointers, 0)], -1 - own)
    return entities


def _held_out(
    plan: Plan, rows: Mapping[TableName, pa.Table], entities: Mapping[TableName, Ints]
) -> dict[TableName, NDArray[np.bool_]]:
    """Hold out a tenth of the entities, by a keyed hash of the root's key."""
    border = np.uint64(HELD_OUT_SHARE * 2**64)
    marks: dict[TableName, NDArray[np.bool_]] = {}
    held_out = {}
    for name, table in rows.items():
        root = plan.tables[name].root
        if root not in marks:
            key = plan.schema.table(root).primary_key
            keys = rows[root].select(list(key)) if key else _numbers(len(rows[root]))
            marks[root] = key_hashes(keys, plan.seed, "held-out") < border
        own = key_hashes(_numbers(len(table)), plan.seed, f"held-out/{name}") < border
        entity = entities[name]
        if len(marks[root]):
            held_out[name] = np.where(entity >= 0, marks[root][np.maximum(entity, 0)], own)
        else:
            held_out[name] = own
    return held_out


def _numbers(rows: int) -> pa.Table:
    return pa.table({"row": pa.array(np.arange(rows))})
