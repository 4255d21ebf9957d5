"""Find references that a source does not declare: the name says so, and every value is there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from dbsynth.ask import Committed, count_orphans
from dbsynth.lexicon import is_person_table, singular, words_of
from dbsynth.schema import Column, ForeignKey, Schema, Table, TableName

if TYPE_CHECKING:
    import pyarrow as pa

    from dbsynth.adapters.base import Source

_KINDS = ("integer", "string", "uuid")
_LEAST_VALUES = 2  # different ones; a column with fewer says nothing
_IDENTIFIERS = frozenset({"id", "ids", "key", "code", "no", "nr", "num", "number", "uuid", "guid",
                          "fk", "ref"})  # fmt: skip
# What rows call another row of their own table, and what people call another person.
_ROLES = (
    "parent", "ancestor", "predecessor", "successor", "reply to", "replies to", "belongs to",
    "part of", "child of", "duplicate of", "merged into", "replaces", "replaced by",
    "superseded by",
)  # fmt: skip
_PERSON_ROLES = (
    "manager", "supervisor", "superior", "boss", "mentor", "reports to", "report to",
    "referred by", "referrer", "spouse", "mother", "father", "vorgesetzter", "jefe",
)  # fmt: skip


def find_undeclared(
    source: Source, schema: Schema, profile: Mapping[TableName, pa.Table]
) -> tuple[ForeignKey, ...]:
    """
    Propose foreign keys of one column that the source does not declare.

    A column qualifies if its name points to exactly one table (it ends in the table's or its
    key's name, or says what a row calls another one of its own table, or is called as a reference
    elsewhere), has the type of that table's primary key, and no value that this key lacks.

    Args:
        source: asked for values without a parent, in whole tables.
        schema: the source's.
        profile: the first rows of every table; only columns with several values are asked about.

    Returns:
        the keys, with `is_declared` False, in the order of tables and columns.
    """
    asked = Committed(source)
    found: list[ForeignKey] = []
    for table, column in _open_columns(schema, profile):
        parent = _named_parent(schema, table, column)
        if parent and not count_orphans(asked, key := _key(table, column, parent)):
            found.append(key)
    known = _by_column_name((*schema.foreign_keys, *found))
    taken = {(k.child, k.columns[0]) for k in found}
    for table, column in _open_columns(schema, profile):
        parents = known.get(column.name.casefold(), set())
        if (table.name, column.name) in taken or len(parents) != 1:
            continue
        parent = schema.by_name.get(next(iter(parents)))
        if parent and _fits(column, parent) and not count_orphans(
            asked, key := _key(table, column, parent)
        ):  # fmt: skip
            found.append(key)
    return tuple(sorted(found, key=lambda k: (k.child, k.columns)))


def describe_key(key: ForeignKey) -> str:
    """Say in one line what was found, for the plan's notes."""
    columns = ", ".join(key.columns)
    told = "no constraint says so, but its name does, and every value is there"
    return f"{key.child}.{columns} is taken for a reference to {key.parent}: {told}"


def _open_columns(
    schema: Schema, profile: Mapping[TableName, pa.Table]
) -> Iterator[tuple[Table, Column]]:
    """Every column that could be a reference: in no key yet, not the whole primary key."""
    for table in schema.tables:
        keyed = {c for k in table.foreign_keys for c in k.columns}
        for column in table.written_columns:
            if column.type.kind not in _KINDS or column.name in keyed:
                continue
            values = profile[table.name].column(column.name)
            if table.primary_key != (column.name,) and _is_varied(values):
                yield table, column


def _is_varied(values: pa.ChunkedArray) -> bool:
    import pyarrow.compute as pc

    return len(pc.unique(values.drop_null())) >= _LEAST_VALUES


def _named_parent(schema: Schema, table: Table, column: Column) -> Table | None:
    """The one table that the column's name points to best."""
    scored: defaultdict[int, list[Table]] = defaultdict(list)
    for parent in schema.tables:
        if _fits(column, parent):
            scored[_closeness(table, column, parent)].append(parent)
    best = max(scored, default=0)
    return scored[best][0] if best and len(scored[best]) == 1 else None


def _fits(column: Column, parent: Table) -> bool:
    """Whether the parent has a key of one column, and of the same type."""
    if len(parent.primary_key) != 1:
        return False
    return parent.column(parent.primary_key[0]).type.kind == column.type.kind


def _closeness(table: Table, column: Column, parent: Table) -> int:
    """How many words of the column's name say that it refers to the parent; 0: none do."""
    stem = _stem(column.name)
    names = {_stem(parent.name.name), _stem(parent.primary_key[0])}
    if table.name == parent.name:
        is_person = is_person_table(table.name.name, [c.name for c in table.columns])
        names.discard(stem)  # that is the row's own name; previous_order is another order's
        names |= {_stem(r) for r in (_ROLES + _PERSON_ROLES if is_person else _ROLES)}
    return max((len(n) for n in names if n and stem[-len(n) :] == n), default=0)


def _stem(name: str) -> tuple[str, ...]:
    """The words of a name, in the singular, without what only says that it identifies."""
    words = list(words_of(name))
    while words and words[-1] in _IDENTIFIERS:
        words.pop()
    return (*words[:-1], singular(words[-1])) if words else ()


def _by_column_name(keys: Iterable[ForeignKey]) -> dict[str, set[TableName]]:
    """Which tables the references of each name lead to; only names that say "identifier"."""
    known: defaultdict[str, set[TableName]] = defaultdict(set)
    for key in keys:
        if len(key.columns) == 1 and words_of(key.columns[0])[-1:] != _stem(key.columns[0])[-1:]:
            known[key.columns[0].casefold()].add(key.parent)
    return known


def _key(table: Table, column: Column, parent: Table) -> ForeignKey:
    return ForeignKey(
        name=f"undeclared_{column.name}",
        child=table.name,
        columns=(column.name,),
        parent=parent.name,
        parent_columns=parent.primary_key,
        is_declared=False,
    )
