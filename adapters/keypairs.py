"""Foreign keys of loose sources made fit for strict targets: order and type of their columns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from dbsynth.schema import ForeignKey, Loss, Schema, Table, TableName


def in_unique_order(key: ForeignKey, parent: Table) -> list[tuple[str, str]]:
    """Pair a key's columns in the order in which its parent is unique: some targets want that."""
    pairs = list(zip(key.columns, key.parent_columns, strict=True))
    for unique in parent.unique_sets:
        if set(unique) == set(key.parent_columns):
            by_column = {p: (c, p) for c, p in pairs}
            return [by_column[p] for p in unique]
    return pairs


def refers_to_unique(key: ForeignKey, schema: Schema) -> bool:
    """Whether a key refers to columns that are unique together, in the target too."""
    parent, wanted = schema.table(key.parent), set(key.parent_columns)
    return any(set(unique) == wanted for unique in parent.unique_sets)


def with_parent_types(tables: Iterable[Table]) -> tuple[tuple[Table, ...], list[Loss]]:
    """
    Give key columns of another kind than what they refer to its type.

    Only SQLite has such keys.  It holds, as every value in such a column is a parent's or NULL.

    Returns:
        the tables, and a loss for every column that was changed.
    """
    found: dict[TableName, Table] = {t.name: t for t in tables}
    losses: dict[tuple[TableName, str], Loss] = {}
    for _ in found:  # a key to a key: types move one table further in each round
        changed = False
        for key in [k for t in found.values() for k in t.foreign_keys if k.when is None]:
            for name, parent_name in zip(key.columns, key.parent_columns, strict=True):
                child = found[key.child]
                column, parent = child.column(name), found[key.parent].column(parent_name)
                if column.type.kind == parent.type.kind:
                    continue
                if (key.child, name) in losses:  # two keys that disagree: the first one counts
                    continue
                held = replace(column, type=parent.type)
                columns = tuple(held if c.name == name else c for c in child.columns)
                found[key.child] = replace(child, columns=columns)
                losses[key.child, name] = Loss(
                    object=f"column {key.child}.{name}",
                    reason="it refers to a column of another type",
                    instead=f"held as {parent.type.native}",
                )
                changed = True
        if not changed:
            break
    return tuple(found.values()), list(losses.values())
