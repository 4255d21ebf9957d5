"""Plan anew what follows from references that the user accepted, or refused, in a saved plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from dbsynth.classify import classify
from dbsynth.errors import PlanFileError
from dbsynth.nones import emptied
from dbsynth.ownership import TableWish
from dbsynth.plan import Plan, TablePlan, origins
from dbsynth.planfile import settled
from dbsynth.planner import build_plan
from dbsynth.references import Reference
from dbsynth.sample import owner_key, read_profile
from dbsynth.schema import Schema, TableName
from dbsynth.treatments import Treatment, Treatments
from dbsynth.undeclared.inclusion import Asker

if TYPE_CHECKING:
    from dbsynth.adapters.base import Source


def revise(plan: Plan, source: Source) -> Plan:
    """
    Bring a plan in line with its references: keys, owners, modes, treatments of their columns.

    What the user edited stays: it is told from what the planner would have written without the
    change, and wins.  What the change does not touch stays word for word.

    Args:
        plan: as it was read; its tables may lack keys that are accepted by now, or have others.
        source: read for the first rows; not at all if nothing changed.

    Raises:
        PlanFileError: the references cannot be kept together with the edits.
    """
    wanted = [k for r in plan.references if r.is_accepted for k in r.foreign_keys]
    possible = {(k.child, k.name) for r in plan.references for k in r.foreign_keys}
    there = {(k.child, k.name) for k in plan.schema.foreign_keys} & possible
    if there == {(k.child, k.name) for k in wanted}:
        return plan
    bare = _without(plan.schema, there).as_declared()
    profile = read_profile(source, bare)
    references = measured(plan.references, source, bare)
    planner = _Planner(plan, profile)
    first = planner.plan(plan.schema, {}, {})
    wishes, edits = _wishes(plan, first), _edits(plan, first)
    before = planner.plan(plan.schema, wishes, edits)
    after = planner.plan(bare.with_keys(wanted), wishes, edits)
    tables = {n: _merged(plan.tables[n], before.tables[n], t) for n, t in after.tables.items()}
    tables = _without_lost_copies(tables, after.schema)
    problems: list[str] = []
    tables = settled(tables, after.schema, problems)
    if problems:
        raise PlanFileError("the plan cannot be used", "Mend these lines.", problems)
    notes = [*plan.notes, *after.notes, *orphan_notes(references)]
    return replace(after, tables=tables, references=references, notes=tuple(dict.fromkeys(notes)))


def orphan_notes(references: Iterable[Reference]) -> tuple[str, ...]:
    """Say of accepted references with orphans that a copy has none."""
    return tuple(
        f"{r}: {r.orphans} of {r.rows} rows have no parent; in the copy every one has"
        for r in references
        if r.is_accepted and r.orphans
    )


def measured(
    references: Iterable[Reference], source: Source, schema: Schema
) -> tuple[Reference, ...]:
    """Count the rows and orphans of references that were not counted yet."""
    asker, found = Asker(source, schema), []
    for reference in references:
        if reference.rows:
            found.append(reference)
            continue
        counts = asker.measure(reference.foreign_keys)
        leads = [
            replace(lead, rows=counts[key].rows, orphans=counts[key].orphans)
            if key in counts
            else lead
            for lead, key in zip(reference.leads, reference.foreign_keys, strict=True)
        ]
        found.append(replace(reference, leads=tuple(leads)))
    return tuple(found)


class _Planner:
    """Plans with the saved plan's figures, for whatever keys."""

    def __init__(self, plan: Plan, profile: Mapping[TableName, pa.Table]) -> None:
        self._plan, self._profile = plan, profile
        self._counts = {n: t.source_rows for n, t in plan.tables.items()}

    def plan(
        self,
        schema: Schema,
        wishes: Mapping[TableName, TableWish],
        edits: Mapping[tuple[TableName, str], Treatment],
    ) -> Plan:
        profile = {n: emptied(rows, schema.table(n)) for n, rows in self._profile.items()}
        treatments = classify(schema, profile)
        keyed = {(k.child, c) for k in schema.foreign_keys for c in k.columns}
        keyed |= {(k.child, k.when.column) for k in schema.foreign_keys if k.when}
        kept: Treatments = {
            name: {
                c: t if (name, c) in keyed else edits.get((name, c), t) for c, t in columns.items()
            }
            for name, columns in treatments.items()
        }
        return build_plan(
            schema, kept, self._counts, profile, seed=self._plan.seed,
            engine=self._plan.engine, quality=self._plan.quality,
            is_protected=self._plan.is_protected, wishes=wishes,
        )  # fmt: skip


def _without(schema: Schema, names: set[tuple[TableName, str]]) -> Schema:
    tables = tuple(
        replace(t, foreign_keys=tuple(k for k in t.foreign_keys if (t.name, k.name) not in names))
        for t in schema.tables
    )
    return replace(schema, tables=tables)


def _wishes(plan: Plan, made: Plan) -> dict[TableName, TableWish]:
    """What the user must have wanted of tables: all in which the plan is not the planner's."""
    found = {}
    for name, table in plan.tables.items():
        other = made.tables[name]
        owner, usual = owner_key(table), owner_key(other)
        is_same = (owner and owner.name) == (usual and usual.name)
        found[name] = TableWish(
            mode=None if table.mode == other.mode else table.mode,
            rows=table.target_rows,
            owner=None if is_same else owner.name if owner else "",
            engine=table.engine or None,
        )
    return found


def _edits(plan: Plan, made: Plan) -> dict[tuple[TableName, str], Treatment]:
    """The treatments that are not what the planner would have chosen."""
    return {
        (name, column): treatment
        for name, table in plan.tables.items()
        for column, treatment in table.columns.items()
        if treatment != made.tables[name].columns[column]
    }


def _without_lost_copies(
    tables: Mapping[TableName, TablePlan], schema: Schema
) -> dict[TableName, TablePlan]:
    """Let no column copy along a key that is gone."""
    keys = {n: t.keys for n, t in tables.items()}
    found = {}
    for name, table in tables.items():
        known = origins(name, keys, schema) if any(t.copies for t in table.columns.values()) else {}
        columns = {
            c: t if t.copies is None or str(t.copies) in known[c] else replace(t, copies=None)
            for c, t in table.columns.items()
        }
        found[name] = replace(table, columns=columns)
    return found


def _merged(saved: TablePlan, before: TablePlan, after: TablePlan) -> TablePlan:
    """Take from a new plan only what the change of references changed."""
    keys = saved.keys if before.keys == after.keys else after.keys
    edited = {
        c: t
        for c, t in saved.columns.items()
        if t != before.columns[c] and after.columns[c].kind != "foreign key"
    }
    return replace(
        after,
        columns={**after.columns, **edited},
        keys=keys,
        mode=saved.mode if before.mode == after.mode else after.mode,
        why=saved.why if before.why == after.why else after.why,
        order_by=saved.order_by if before.order_by == after.order_by else after.order_by,
    )
