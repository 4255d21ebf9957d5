"""Which table and column of a target stand for which of the source, and what is not there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dbsynth.ask import Committed
from dbsynth.errors import UsageError
from dbsynth.evaluation.reading import Lens
from dbsynth.schema import ForeignKey, Schema, Table, TableName
from dbsynth.selection import restrict
from dbsynth.verify import match_tables, read_manifest

if TYPE_CHECKING:
    from dbsynth.adapters.base import Source


@dataclass(frozen=True, slots=True)
class Pairing:
    """The part of a source's schema that a target has, too, and how the target calls it."""

    schema: Schema  # the source's tables that are there, with the keys that are there
    lenses: Mapping[TableName, Lens]  # the target's side, by the source's names
    copied: frozenset[TableName] | None  # as the target's manifest says; None: it has none
    missing_tables: tuple[TableName, ...]
    missing_columns: tuple[tuple[TableName, str], ...]


def pair(original: Schema, target: Source) -> Pairing:
    """
    Match a source's tables and columns with a target's, by name.

    Args:
        original: the source's tables that are wanted.
        target: the other database, entered.

    Raises:
        UsageError: no column of the source is in the target.
    """
    there, noted = target.introspect(), read_manifest(Committed(target))
    names = match_tables(original, there)
    restrict(there, set(names.values())).require_readable()
    lenses = {
        name: Lens(there.table(found), _columns(original.table(name), there.table(found)), 0)
        for name, found in names.items()
    }
    lenses = {
        name: replace(lens, rows=target.count(lens.table.name))
        for name, lens in lenses.items()
        if lens.columns
    }
    if not lenses:
        raise UsageError(
            f"none of the source's {len(original.tables)} tables is in the target",
            "Name the database that was made from this source, or widen --tables.",
        )
    noted_keys = _noted_keys(json.loads(noted.get("references", "[]")), lenses)
    kept = restrict(original, set(lenses)).with_keys(_new(noted_keys, original))
    schema = replace(kept, tables=tuple(_there(t, lenses) for t in kept.tables))
    return Pairing(
        schema=schema,
        lenses=lenses,
        copied=_copied(noted, lenses),
        missing_tables=tuple(t.name for t in original.tables if t.name not in lenses),
        missing_columns=tuple(
            (t.name, c.name)
            for t in schema.tables
            for c in t.written_columns
            if c.name not in lenses[t.name].columns
        ),
    )


def pair_holdout(pairing: Pairing, holdout: Source) -> dict[TableName, Lens]:
    """
    Match what source and target share with a database of rows that were not learned from.

    Raises:
        UsageError: a table, or a column of a key, is not in it.
    """
    found = pair(pairing.schema, holdout)
    keys = {(k.child, k.columns) for k in pairing.schema.foreign_keys}
    lost = keys - {(k.child, k.columns) for k in found.schema.foreign_keys}
    problems = [f"table {n} is missing" for n in found.missing_tables]
    problems += [
        f"key {child} ({', '.join(columns)}) is missing" for child, columns in sorted(lost)
    ]
    if problems:
        raise UsageError(
            "the held out rows are not of the same kind as the source's",
            "Give a database with the source's tables and keys, or leave --holdout out.",
            problems,
        )
    return dict(found.lenses)


def own_lenses(
    source: Source, schema: Schema, others: Mapping[TableName, Lens]
) -> dict[TableName, Lens]:
    """How the source calls what both sides have."""
    return {
        t.name: Lens(t, {c: c for c in others[t.name].columns}, source.count(t.name))
        for t in schema.tables
    }


def _columns(ours: Table, theirs: Table) -> dict[str, str]:
    there = {c.name.casefold(): c.name for c in theirs.columns}
    return {
        c.name: there[c.name.casefold()] for c in ours.written_columns if c.name.casefold() in there
    }


def _there(table: Table, lenses: Mapping[TableName, Lens]) -> Table:
    """Drop the keys of which a column, or the parent, is not there."""
    return replace(table, foreign_keys=tuple(k for k in table.foreign_keys if _has_key(k, lenses)))


def _has_key(key: ForeignKey, lenses: Mapping[TableName, Lens]) -> bool:
    if key.parent not in lenses:
        return False
    own, above = lenses[key.child].columns, lenses[key.parent].columns
    told = (key.when.column,) if key.when else ()
    return {*key.columns, *told} <= set(own) and set(key.parent_columns) <= set(above)


def _noted_keys(
    data: Sequence[Mapping[str, object]], lenses: Mapping[TableName, Lens]
) -> list[ForeignKey]:
    """Keys that the target's run kept without declaring them, by the source's names."""
    tables = {lens.table.name: name for name, lens in lenses.items()}
    found = []
    for each in data:
        key = ForeignKey.from_json(each)
        if key.child not in tables or key.parent not in tables:
            continue
        child, parent = tables[key.child], tables[key.parent]
        own = {there: c for c, there in lenses[child].columns.items()}
        above = {there: c for c, there in lenses[parent].columns.items()}
        if not (set(key.columns) <= set(own) and set(key.parent_columns) <= set(above)):
            continue
        when = key.when and replace(key.when, column=own.get(key.when.column, key.when.column))
        found.append(
            replace(
                key,
                child=child,
                parent=parent,
                columns=tuple(own[c] for c in key.columns),
                parent_columns=tuple(above[c] for c in key.parent_columns),
                when=when,
            )
        )
    return found


def _new(keys: Sequence[ForeignKey], schema: Schema) -> list[ForeignKey]:
    """The keys that the source does not declare itself."""
    return [
        k
        for k in keys
        if not any(k.is_same_reference(o) for o in schema.table(k.child).foreign_keys)
    ]


def _copied(
    noted: Mapping[str, str], lenses: Mapping[TableName, Lens]
) -> frozenset[TableName] | None:
    """Find the tables that the target's run copied as they were."""
    if "tables" not in noted:
        return None
    told = json.loads(noted["tables"]).values()
    copied = {table["target"] for table in told if table["mode"] == "copy"}
    return frozenset(n for n, lens in lenses.items() if str(lens.table.name) in copied)
