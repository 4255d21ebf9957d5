"""Compare the tables that a target has already with those that rows were made for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dbsynth.schema import Column, Loss, Schema, SqlType, Table, TableName


@dataclass(frozen=True, slots=True)
class Likeness:
    """What differs: `obstacles` keep rows out, `differences` do not."""

    obstacles: tuple[str, ...]
    differences: tuple[Loss, ...]


def compare(wanted: Schema, there: Schema, names: Iterable[TableName]) -> Likeness:
    """
    Compare what rows were made for with what stands in the target.

    Args:
        wanted: the source's schema, by the names that its tables have in the target.
        there: the target's, as introspected.
        names: the tables that get rows.

    Returns:
        obstacles, one line each: missing tables and columns, types, NOT NULL, keys that rows may
        break; and what else differs.
    """
    obstacles: list[str] = []
    losses: list[Loss] = []
    chosen = list(names)
    for name in chosen:
        if name not in there.by_name:
            obstacles.append(f"table {name} is missing")
            continue
        ours, theirs = wanted.table(name), there.table(name)
        is_same_dialect = wanted.dialect == there.dialect
        obstacles += _columns(ours, theirs, is_same_dialect=is_same_dialect)
        obstacles += _keys(ours, theirs)
        losses += _softer(ours, theirs)
    losses += [
        _left(f"table {table.name}", "the source has none, or it was left out")
        for table in there.tables
        if table.name not in chosen
    ]
    return Likeness(tuple(obstacles), tuple(losses))


def _columns(ours: Table, theirs: Table, *, is_same_dialect: bool) -> Iterator[str]:
    there = {c.name: c for c in theirs.columns}
    for column in ours.columns:
        name = f"{ours.name}.{column.name}"
        found = there.get(column.name)
        if found is None:
            yield f"column {name} is missing"
        elif column.is_written != found.is_written:
            yield f"column {name} is computed {'there' if column.is_written else 'in the source'}"
        elif column.is_written:
            yield from _type(name, column, found, is_same_dialect=is_same_dialect)
            if column.is_nullable and not found.is_nullable:
                yield f"column {name} is NOT NULL there"
    known = {c.name for c in ours.columns}
    for column in theirs.columns:
        if column.name not in known and not _fills_itself(column):
            yield f"column {ours.name}.{column.name} is NOT NULL, without default, and not made"


def _fills_itself(column: Column) -> bool:
    has_value = column.default is not None or column.identity is not None
    return column.is_nullable or has_value or not column.is_written


def _type(name: str, ours: Column, theirs: Column, *, is_same_dialect: bool) -> Iterator[str]:
    wanted, found = ours.type, theirs.type
    if is_same_dialect and wanted.native == found.native and wanted.labels == found.labels:
        return
    if wanted.kind != found.kind or (is_same_dialect and wanted.kind == "other"):
        yield f"column {name} is {found.native}, not {wanted.native}"
    elif reason := _narrower(wanted, found):
        yield f"column {name} is {found.native}, {reason} than {wanted.native}"


def _narrower(wanted: SqlType, found: SqlType) -> str:
    """In which way a type holds less than another of its kind; empty if it does not."""
    if set(wanted.labels) - set(found.labels):
        return "with fewer labels"
    if _least(found.length) < _least(wanted.length):
        return "shorter"
    if found.bits < wanted.bits or found.unsigned != wanted.unsigned:
        return "narrower"
    is_coarser = found.precision is not None and (found.scale or 0) < (wanted.scale or 0)
    return "less precise" if is_coarser or _whole_digits(found) < _whole_digits(wanted) else ""


def _whole_digits(sql: SqlType) -> float:
    return _least(sql.precision) - (sql.scale or 0)


def _least(limit: int | None) -> float:
    return float("inf") if limit is None else limit


def _keys(ours: Table, theirs: Table) -> Iterator[str]:
    """List the keys there that these rows were not made to keep."""
    unique = {frozenset(u) for u in ours.unique_sets}
    for columns in theirs.unique_sets:
        if not any(known <= set(columns) for known in unique):
            yield f"{', '.join(columns)} must be unique in {ours.name} there"
    shapes = {_shape(k.columns, k.parent, k.parent_columns) for k in ours.foreign_keys}
    for key in theirs.foreign_keys:
        if _shape(key.columns, key.parent, key.parent_columns) not in shapes:
            yield f"foreign key {key.name} of {ours.name} to {key.parent} is only there"


def _softer(ours: Table, theirs: Table) -> Iterator[Loss]:
    """List what the rows keep although the target does not ask for it, and columns left alone."""
    known = {c.name: c for c in ours.columns}
    for column in theirs.columns:
        if column.name not in known:
            yield _left(f"column {ours.name}.{column.name}", "the source has none")
        elif column.is_nullable and not known[column.name].is_nullable:
            yield _unasked(f"NOT NULL of {ours.name}.{column.name}")
    unique = {frozenset(u) for u in theirs.unique_sets}
    for columns in ours.unique_sets:
        if frozenset(columns) not in unique:
            yield _unasked(f"unique {', '.join(columns)} of {ours.name}")
    shapes = {_shape(k.columns, k.parent, k.parent_columns) for k in theirs.foreign_keys}
    for key in ours.foreign_keys:
        if key.is_declared and _shape(key.columns, key.parent, key.parent_columns) not in shapes:
            yield _unasked(f"foreign key {ours.name}.{key.name}")


def _shape(
    columns: tuple[str, ...], parent: TableName, parent_columns: tuple[str, ...]
) -> tuple[TableName, frozenset[tuple[str, str]]]:
    return parent, frozenset(zip(columns, parent_columns, strict=True))


def _left(what: str, reason: str) -> Loss:
    return Loss(object=what, reason=reason, instead="left as it is in the target")


def _unasked(what: str) -> Loss:
    return Loss(object=what, reason="the target has none", instead="the rows keep it all the same")
