"""Read PostgreSQL's catalogs into a `Schema`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from dbsynth.adapters.base import RESERVED
from dbsynth.adapters.postgresql_conditions import Conditions, read_conditions
from dbsynth.adapters.postgresql_connection import DIALECT, Connection, fetch, server_version
from dbsynth.adapters.postgresql_typetree import TypeTree
from dbsynth.schema import (
    Check,
    Column,
    EnumType,
    ForeignKey,
    Index,
    NativeObject,
    Schema,
    Table,
    TableName,
    Unique,
)
from dbsynth.schema import Sequence as SqlSequence

Row = dict[str, Any]
RowsByTable = dict[int, list[Row]]

_ACTIONS = {
    "a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT",
}  # fmt: skip


def introspect(connection: Connection) -> Schema:
    """Read every base table of every user schema, with all that belongs to it."""
    # With an empty search path the server prints every name with its schema.
    with connection.transaction(force_rollback=True):
        connection.execute("SELECT pg_catalog.set_config('search_path', '', true)")
        tables = fetch(connection, "tables", reserved=RESERVED)
        oids = [t["oid"] for t in tables]
        parts = {
            name: _by_table(fetch(connection, name, tables=oids))
            for name in ("columns", "indexes", "foreign_keys", "checks")
        }
        types = TypeTree.of(fetch(connection, "types", tables=oids))
        rules = read_conditions(connection, oids)
        objects = [NativeObject(**row) for row in fetch(connection, "objects", tables=oids)]
        sequences = fetch(connection, "sequences")
        enums = fetch(connection, "enums")
    names = {t["oid"]: TableName(t["schema"], t["name"]) for t in tables}
    made = [_table(t, parts, names, types, rules) for t in tables]
    return Schema(
        dialect=DIALECT,
        server_version=server_version(connection),
        tables=tuple(sorted(made, key=lambda t: t.name)),
        enums=tuple(
            EnumType(name=TableName(e["schema"], e["name"]), labels=tuple(e["labels"] or ()))
            for e in enums
        ),
        sequences=tuple(
            SqlSequence(
                name=TableName(s["schema"], s["name"]),
                start=s["start"],
                increment=s["increment"],
                native=s["statement"],
            )
            for s in sequences
        ),
        objects=(*objects, *_uncarried(tables, parts, names)),
    )


def _unreadable(table: Row) -> str:
    name = TableName(table["schema"], table["name"])
    if not table["is_readable"]:
        return f"no right to read {name}"
    return f"row-level security hides rows of {name}" if table["is_filtered"] else ""


def _by_table(rows: Iterable[Row]) -> RowsByTable:
    grouped: RowsByTable = defaultdict(list)
    for row in rows:
        grouped[row["oid"]].append(row)
    return grouped


def _table(
    table: Row,
    parts: dict[str, RowsByTable],
    names: dict[int, TableName],
    types: TypeTree,
    rules: Conditions,
) -> Table:
    oid = table["oid"]
    indexes = parts["indexes"][oid]
    primary = next((i for i in indexes if i["is_primary"]), None)
    return Table(
        name=names[oid],
        columns=tuple(_column(c, types) for c in parts["columns"][oid]),
        primary_key=tuple(primary["columns"]) if primary else (),
        primary_key_name=primary["constraint_name"] if primary else None,
        foreign_keys=tuple(
            _foreign_key(k, names)
            for k in (*parts["foreign_keys"][oid], *rules.foreign_keys[oid])
            if k["parent"] in names
        ),
        uniques=tuple(_unique(i) for i in indexes if _is_unique(i)),
        checks=tuple(
            Check(
                name=c["name"],
                expression=c["expression"],
                columns=tuple(c["columns"] or ()),
                is_valid=c["is_valid"],
                no_inherit=c["no_inherit"],
            )
            for c in parts["checks"][oid]
        ),
        conditions=tuple(rules.checks[oid]),
        exclusions=tuple(rules.exclusions[oid]),
        part_uniques=tuple(rules.uniques[oid]),
        indexes=tuple(_index(i) for i in indexes if not i["is_primary"] and not _is_unique(i)),
        options=table["options"],
        comment=table["comment"],
        unreadable=_unreadable(table),
    )


def _column(row: Row, types: TypeTree) -> Column:
    is_generated = row["generated"] != ""
    identity = {"a": "always", "d": "by default"}.get(row["identity"])
    is_serial = row["owned_sequence"] and "nextval(" in (row["expression"] or "")
    return Column(
        name=row["name"],
        type=types.type(row["type"], row["typmod"], row["native"]),
        is_nullable=row["is_nullable"],
        default=None if is_generated else row["expression"],
        identity="serial" if is_serial else identity,  # type: ignore[arg-type]
        generated=row["expression"] if is_generated else None,
        is_stored=row["generated"] != "v",
        collation=row["collation"],
        comment=row["comment"],
    )


def _foreign_key(row: Row, names: dict[int, TableName]) -> ForeignKey:
    return ForeignKey(
        name=row["name"],
        child=names[row["oid"]],
        columns=tuple(row["columns"]),
        parent=names[row["parent"]],
        parent_columns=tuple(row["parent_columns"]),
        on_delete=_ACTIONS[row["on_delete"]],
        on_update=_ACTIONS[row["on_update"]],
        is_deferrable=row["is_deferrable"],
        is_initially_deferred=row["is_initially_deferred"],
        match_full=row["match_full"],
        is_declared=row.get("is_declared", True),
        is_valid=row["is_valid"],
    )


def _is_unique(index: Row) -> bool:
    """Whether an index is a `Unique`: over plain columns, and not the primary key's."""
    return index["is_unique"] and not index["is_primary"] and None not in index["columns"]


def _unique(index: Row) -> Unique:
    return Unique(
        name=index["name"],
        columns=tuple(index["columns"]),
        nulls_not_distinct=index["nulls_not_distinct"],
        is_constraint=index["constraint_name"] is not None,
        predicate=index["predicate"],
        is_folded=index["is_folded"],
    )


def _index(index: Row) -> Index:
    return Index(
        name=index["name"],
        columns=() if None in index["columns"] else tuple(index["columns"]),
        is_unique=index["is_unique"],
        definition=index["definition"],
        expressions=tuple(index["expressions"]) if index["is_unique"] else (),
        predicate=index["predicate"] if index["is_unique"] else None,
        nulls_not_distinct=index["nulls_not_distinct"],
    )


def _uncarried(
    tables: Sequence[Row], parts: dict[str, RowsByTable], names: dict[int, TableName]
) -> list[NativeObject]:
    """List what belongs to a table and has no place in `Table`."""
    found = []
    for table in tables:
        name = names[table["oid"]]
        found += [
            NativeObject(kind=kind, name=str(name))
            for kind, column in (
                ("partitioning of", "is_partitioned"),
                ("inheritance of", "is_inheriting"),
                ("UNLOGGED of", "is_unlogged"),
            )
            if table[column]
        ]
        found += [
            NativeObject(kind="deferrability, INCLUDE or ordering of", name=f"{name}.{i['name']}")
            for i in parts["indexes"][table["oid"]]
            if i["has_details"] and (i["is_primary"] or _is_unique(i))
        ]
        found += [
            NativeObject(kind="foreign key to a partition", name=f"{name}.{k['name']}")
            for k in parts["foreign_keys"][table["oid"]]
            if k["parent"] not in names
        ]
    return found
