"""Make the plan: who owns whom, what are reference tables, how every key gets its values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pyarrow as pa

from dbsynth.copies import with_copies
from dbsynth.errors import UsageError
from dbsynth.features import Ints
from dbsynth.graph import KeyId, cut_keys, waves
from dbsynth.matching import row_pointers
from dbsynth.ownership import (
    BOOKKEEPING,
    REFERENCE_ROWS,
    Facts,
    TableWish,
    find_owners,
    find_roots,
    is_one_to_one,
)
from dbsynth.plan import KeyPlan, KeyRole, Plan, TableMode, TablePlan, contradictions
from dbsynth.polymorphs import polymorphs
from dbsynth.release import MIN_ENTITIES, Release
from dbsynth.schema import ForeignKey, Schema, Table, TableName
from dbsynth.treatments import Treatment, Treatments

AGREEMENT = 0.999  # share of rows in which two ways to one table must meet
DEFAULT_ENGINE = "argn"
FAST_ENGINE = "tables"
SMALL_ENGINE, SMALL_ROWS = "tree", 4_000  # for tables of fewer rows


def build_plan(
    schema: Schema,
    treatments: Treatments,
    counts: Mapping[TableName, int],
    profile: Mapping[TableName, pa.Table],
    *,
    seed: int = 0,
    engine: str | None = None,
    quality: Literal["fast", "balanced", "max"] = "balanced",
    is_protected: bool = True,
    wishes: Mapping[TableName, TableWish] | None = None,
) -> Plan:
    """
    Decide everything that can be decided before training.

    Args:
        schema: the source's.
        treatments: per column, from `classify`.
        counts: exact rows per table.
        profile: the first rows of every table; only shares of them enter the plan.
        seed, quality, is_protected: the run's.
        engine: the run's; None: the best by size, which the plan then tells of small tables.
        wishes: what the user wants of single tables.
    """
    pointers, cut = _pointers(schema, profile), frozenset(cut_keys(schema))
    facts = Facts(schema, treatments, counts, profile, pointers, cut, wishes or {})
    tables = _tables(facts, engine)
    _refuse_contradictions(tables, schema)
    notes = tuple(
        f"{c}.{k} closes a cycle: set after both tables are there" for c, k in sorted(cut)
    )
    default = FAST_ENGINE if quality == "fast" else DEFAULT_ENGINE
    return Plan(
        schema=schema, tables=tables, seed=seed, engine=engine or default, quality=quality,
        is_protected=is_protected, notes=notes,
    )  # fmt: skip


def _pointers(schema: Schema, profile: Mapping[TableName, pa.Table]) -> dict[KeyId, Ints]:
    """Which row of its parent each of the first rows has, by key."""
    return {
        (t.name, k.name): row_pointers(profile[t.name], k, profile[k.parent])
        for t in schema.tables
        for k in t.foreign_keys
        if k.parent in schema.by_name
    }


def _tables(facts: Facts, engine: str | None) -> dict[TableName, TablePlan]:
    """What becomes of each table, parents first."""
    schema = facts.schema
    numbered = waves(schema, facts.cut)
    order = sorted(numbered, key=lambda n: (numbered[n], n))
    owners = find_owners(facts, order)
    roots = find_roots(order, owners)
    modes = _modes(facts, order, owners, roots)
    keys = {n: _keys(facts, schema.table(n), owners.get(n), modes) for n in order}
    sorted_by = {n: _order_by(facts, schema.table(n), owners.get(n)) for n in order}
    return {
        name: TablePlan(
            name=name,
            mode=modes[name][0],
            source_rows=facts.counts[name],
            target_rows=_target_rows(facts, name),
            wave=numbered[name],
            root=roots[name],
            why=modes[name][1],
            keys=keys[name],
            order_by=sorted_by[name],
            engine=facts.wish(name).engine or _engine(engine, modes[name][0], facts.counts[name]),
            columns=with_copies(facts, schema.table(name), keys, modes, sorted_by[name]),
        )
        for name in order
    }


def _engine(wanted: str | None, mode: TableMode, rows: int) -> str:
    """
    Choose a small table's engine, "" for the run's: networks need more rows than trees.

    Source: docs/engines.md, measured per table.
    """
    is_small = wanted is None and mode == "generate" and rows < SMALL_ROWS
    return SMALL_ENGINE if is_small else ""


def _refuse_contradictions(tables: Mapping[TableName, TablePlan], schema: Schema) -> None:
    problems = contradictions(tables, schema)
    if problems:
        remedy = "Give these tables another mode in the configuration file."
        raise UsageError("the plan contradicts itself", remedy, problems)


def _target_rows(facts: Facts, name: TableName) -> int:
    wish = facts.wish(name)
    if wish.rows is not None:
        return wish.rows
    return round(facts.counts[name] * (wish.scale if wish.scale is not None else 1.0))


def _modes(
    facts: Facts,
    order: list[TableName],
    owners: Mapping[TableName, ForeignKey],
    roots: Mapping[TableName, TableName],
) -> dict[TableName, tuple[TableMode, str]]:
    owning = {k.parent for k in owners.values()}
    modes: dict[TableName, tuple[TableMode, str]] = {}
    for name in order:
        modes[name] = _mode(facts, name, owners.get(name), name in owning, roots[name])
        tied = _tied_key(facts, name, modes)
        if modes[name][0] == "copy" and facts.wish(name).mode is None and tied:
            few = facts.counts[name] < MIN_ENTITIES
            why = f"its rows cannot do without those of {tied.parent} ({tied.name})"
            modes[name] = ("invent" if few else "generate", why)
    return modes


def _tied_key(
    facts: Facts, name: TableName, modes: Mapping[TableName, tuple[TableMode, str]]
) -> ForeignKey | None:
    """A key to rows that are not copied, which cannot be redrawn by itself; None if none is."""
    table = facts.schema.table(name)
    for key in table.foreign_keys:
        parent = modes.get(key.parent, ("generate", ""))[0]
        if key.is_self or parent == "copy" or key.parent not in facts.schema.by_name:
            continue
        others = {c for k in table.foreign_keys if k is not key for c in k.columns}
        others = others.union(*table.unique_sets)
        kinds = {table.column(c).is_nullable for c in key.columns}
        if others & set(key.columns) or len(kinds) > 1:
            return key
    return None


def _mode(
    facts: Facts, name: TableName, owner: ForeignKey | None, owns: bool, root: TableName
) -> tuple[TableMode, str]:
    rows = facts.counts[name]
    wish = facts.wish(name).mode
    if wish is not None:
        return wish, "as configured"
    if name in facts.label_tables:
        return "copy", "lists the tables to which polymorphic references lead"
    if rows == 0:
        return "empty", "no rows in the source"
    if name.name.lower() in BOOKKEEPING:
        return "copy", "migration bookkeeping, without which the application does not start"
    if owner is not None:
        if facts.counts[root] < MIN_ENTITIES:
            return "invent", f"owned by {root}, which has fewer than {MIN_ENTITIES} rows"
        return "generate", f"owned by {owner.parent} through {owner.name}"
    reason = _entity_reason(facts, name, owns=owns)
    if not reason and facts.is_calendar(name):
        return "copy", "reference table: a calendar to which others refer"
    if not reason:
        return (
            "copy",
            "reference table: others refer to it, few rows, no personal data, owns nothing",
        )
    if rows < MIN_ENTITIES:
        return "invent", f"{reason}, but fewer than {MIN_ENTITIES} of them"
    return "generate", f"entities: {reason}"


def _entity_reason(facts: Facts, name: TableName, *, owns: bool) -> str:
    """Why a table's rows may not be copied; "" if it is a reference table."""
    if facts.is_person(name):
        return "describes people"
    if owns:
        return "owns other rows"
    if polymorphs(facts.schema.table(name)):
        return "belongs to rows of several tables"
    if facts.counts[name] > REFERENCE_ROWS:
        return f"more than {REFERENCE_ROWS} rows"
    referring = [k for k in facts.schema.foreign_keys if k.parent == name and not k.is_self]
    if any(k.when is not None for k in referring):
        return "polymorphic references lead to it"
    if not referring:
        return "nothing refers to it"
    return "named for people" if facts.is_named_for_people(name) else ""


def _keys(
    facts: Facts,
    table: Table,
    owner: ForeignKey | None,
    modes: Mapping[TableName, tuple[TableMode, str]],
) -> tuple[KeyPlan, ...]:
    """
    Give every key its role; the owner first, then longer keys before shorter ones.

    Of these, keys to rows that hang on many others go first: the others may follow from them.
    """
    plans: list[KeyPlan] = []
    ordered = sorted(
        table.foreign_keys,
        key=lambda k: (
            k is not owner, k.is_self, k.when is not None, -len(k.columns),
            -len(_above(facts.schema, k.parent)), k.name,
        ),
    )  # fmt: skip
    for key in ordered:
        if key.parent not in facts.schema.by_name:
            continue
        role, via, why = _role(facts, table, key, owner, modes, plans)
        plans.append(
            KeyPlan(
                name=key.name,
                columns=key.columns,
                parent=key.parent,
                role=role,
                nulls=_nulls(facts, table, key),
                via=via,
                why=why,
            )
        )
    return tuple(plans)


def _above(schema: Schema, name: TableName) -> set[TableName]:
    """All tables that a table's rows hang on, directly or not."""
    found: set[TableName] = set()
    todo = [name]
    while todo:
        here = todo.pop()
        if here not in schema.by_name or here in found:
            continue
        found.add(here)
        todo += [k.parent for k in schema.table(here).foreign_keys]
    return found


def _nulls(facts: Facts, table: Table, key: ForeignKey) -> float:
    """The share of rows without a parent, to a thousandth; 0 where that is not allowed."""
    if key.when is None and not any(table.column(c).is_nullable for c in key.columns):
        return 0.0
    rows = facts.profile[table.name]
    if key.when is not None:
        (whole,) = [p for p in polymorphs(table) if key in p.keys]
        return Release.share(~whole.here(whole.states(rows), key.name))
    missing = np.zeros(len(rows), bool)
    for column in key.columns:
        missing |= np.asarray(rows.column(column).is_null())
    return Release.share(missing)


def _role(
    facts: Facts,
    table: Table,
    key: ForeignKey,
    owner: ForeignKey | None,
    modes: Mapping[TableName, tuple[TableMode, str]],
    plans: list[KeyPlan],
) -> tuple[KeyRole, tuple[str, ...], str]:
    if key is owner:
        return "owner", (), ""
    if key.is_self:
        return "self", (), ""
    if (table.name, key.name) in facts.cut:
        return "backfill", (), "closes a cycle"
    if key.when is not None:
        return "polymorphic", (), f"where {key.when.column} is {key.when.label}"
    via = _agreement(facts, table, key, plans)
    if via:
        return "derived", via, f"always the row that {' > '.join(via)} leads to"
    if modes[key.parent][0] == "copy":
        return "reference", (), ""
    return "token", (), ""


def _agreement(
    facts: Facts, table: Table, key: ForeignKey, plans: list[KeyPlan]
) -> tuple[str, ...]:
    """Find another way, over a key that is already planned, that leads to the same parent row."""
    wanted = facts.pointers[table.name, key.name]
    for other in plans:
        if other.role not in ("owner", "token", "reference"):
            continue
        for via, reached in _ways(facts, table.name, other.name, other.parent, key.parent, 2):
            if _same(wanted, reached) or _shares_columns(facts, table, key, via):
                return via
    return ()


def _ways(
    facts: Facts, child: TableName, name: str, parent: TableName, goal: TableName, depth: int
) -> list[tuple[tuple[str, ...], Ints]]:
    """Every path of one to `depth` further keys from a parent to the goal, with its pointers."""
    here = facts.pointers[child, name]
    found: list[tuple[tuple[str, ...], Ints]] = []
    for key in facts.schema.table(parent).foreign_keys:
        if key.is_self or (parent, key.name) in facts.cut or key.parent not in facts.schema.by_name:
            continue
        if key.when is not None:
            continue
        above = facts.pointers[parent, key.name]
        reached = np.where(here >= 0, above[np.maximum(here, 0)], -1) if len(above) else here
        if key.parent == goal:
            found.append(((name, key.name), reached))
        elif depth > 1:
            for via, further in _ways(facts, parent, key.name, key.parent, goal, depth - 1):
                moved = (
                    np.where(here >= 0, further[np.maximum(here, 0)], -1) if len(further) else here
                )
                found.append(((name, *via), moved))
    return found


def _same(wanted: Ints, reached: Ints) -> bool:
    both = (wanted >= 0) & (reached >= 0)
    if both.sum() < MIN_ENTITIES or np.mean(both == (wanted >= 0)) < AGREEMENT:
        return False
    return bool(np.mean(wanted[both] == reached[both]) >= AGREEMENT)


def _shares_columns(facts: Facts, table: Table, key: ForeignKey, via: tuple[str, ...]) -> bool:
    """Whether the way carries the very columns of the key, so that it cannot lead elsewhere."""
    columns = dict(zip(key.columns, key.parent_columns, strict=True))
    names: dict[str, str] = {c: c for c in key.columns}
    here = table
    for step in via:
        taken = next(k for k in here.foreign_keys if k.name == step)
        if here is table and any(table.column(c).is_nullable for c in taken.columns):
            return False
        up = dict(zip(taken.columns, taken.parent_columns, strict=True))
        if not all(n in up for n in names.values()):
            return False
        names = {c: up[n] for c, n in names.items()}
        here = facts.schema.table(taken.parent)
    return names == columns


def _order_by(facts: Facts, table: Table, owner: ForeignKey | None) -> str:
    """The column that orders siblings: the rest of the key, else the first complete date."""
    if owner is None:
        return ""
    treatments = facts.treatments[table.name]
    keyed = {c for k in table.foreign_keys for c in k.columns}
    keyed |= {p.type_column for p in polymorphs(table)}
    rest = [c for c in table.primary_key if c not in owner.columns]
    if len(rest) == 1 and rest[0] not in keyed and _is_ordered(treatments[rest[0]]):
        return rest[0]
    if is_one_to_one(table, owner):
        return ""
    for column in table.columns:
        treatment = treatments.get(column.name)
        if treatment and treatment.kind == "datetime" and column.name not in keyed:
            complete = facts.profile[table.name].column(column.name).null_count == 0
            if complete and column.type.kind != "time" and "birth" not in column.name.lower():
                return column.name
    return ""


def _is_ordered(treatment: Treatment) -> bool:
    return treatment.kind in ("number", "datetime")
