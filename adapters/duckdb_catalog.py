"""Read a DuckDB database's schema from its catalog functions."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dbsynth import queries
from dbsynth.adapters import ddl, recorded
from dbsynth.adapters.base import RESERVED
from dbsynth.adapters.duckdb_rules import RULES
from dbsynth.adapters.duckdb_script import macros, split_name
from dbsynth.adapters.duckdb_types import parse_type
from dbsynth.schema import (
    Check,
    Column,
    EnumType,
    ForeignKey,
    Index,
    NativeObject,
    Schema,
    Sequence,
    Table,
    TableName,
    Unique,
)

if TYPE_CHECKING:
    import duckdb as driver

Rows = list[tuple[Any, ...]]

_NEXTVAL = re.compile(r"nextval\('((?:[^']|'')*)'\)")
_BOUNDS = (1, (1 << 63) - 1)  # of a sequence that nobody bounded


def introspect(cursor: driver.DuckDBPyConnection, version: str) -> Schema:
    """Read every base table of every schema, with enums, sequences, views and macros."""

    def rows(name: str) -> Rows:
        found: Rows = cursor.sql(queries.get("duckdb", name)).fetchall()
        return found

    enums = tuple(
        EnumType(name=TableName(schema, name), labels=tuple(labels))
        for schema, name, labels in rows("enums")
    )
    columns = _grouped(rows("columns"))
    sequences = {TableName(r[0], r[1]): r[2:] for r in rows("sequences")}
    owned = _owned_sequences(columns, sequences)
    constraints, indexes = _grouped(rows("constraints")), _grouped(rows("indexes"))
    tables = []
    for schema, name, comment in rows("tables"):
        if (schema, name) == ("main", RESERVED):
            continue
        table = TableName(schema, name)
        bare = Table(
            name=table,
            columns=tuple(_column(table, row, enums, owned) for row in columns[table]),
            comment=comment,
        )
        tables.append(_with_indexes(_with_constraints(bare, constraints[table]), indexes[table]))
    found = Schema(
        dialect="duckdb",
        server_version=version,
        tables=tuple(sorted(tables, key=lambda t: t.name)),
        enums=enums,
        sequences=tuple(
            _sequence(name, row) for name, row in sequences.items() if name not in owned
        ),
        objects=_objects(cursor, rows("objects")),
    )
    return found.with_keys(_recorded(cursor, found))


def _objects(cursor: driver.DuckDBPyConnection, rows: Rows) -> tuple[NativeObject, ...]:
    """Views and macros; of a macro with several bodies one statement makes them all."""
    texts = {(kind, schema, name): text for kind, schema, name, text in rows}
    if any(kind == "macro" for kind, *_ in texts):
        texts |= {("macro", *name): text for name, text in _exported(cursor).items()}
    return tuple(
        NativeObject(
            kind=kind, name=f"{schema}.{name}", statement=text, before_tables=kind == "macro"
        )
        for (kind, schema, name), text in texts.items()
    )


def _exported(cursor: driver.DuckDBPyConnection) -> Mapping[TableName, str]:
    import duckdb as driver

    try:
        return macros(cursor)
    except driver.Error:  # something in the catalog cannot be made again: do without defaults
        return {}


def _recorded(cursor: driver.DuckDBPyConnection, schema: Schema) -> list[ForeignKey]:
    """The keys that dbsynth could not declare when it wrote this file."""
    import duckdb as driver

    try:
        rows = cursor.sql(queries.get("duckdb", "recorded_keys")).fetchall()
    except driver.CatalogException:  # somebody else wrote it
        return []
    return [key for (text,) in rows for key in recorded.from_text(text, schema.by_name)]


def sequence_of(default: str | None) -> TableName | None:
    """The sequence that a default takes its values from."""
    match = _NEXTVAL.fullmatch(default or "")
    if match is None:
        return None
    return split_name(match[1].replace("''", "'"))


def usual_sequence(table: TableName, column: str) -> TableName:
    """The sequence that numbers a column, as dbsynth names it."""
    return TableName(table.schema, f"{table.name}_{column}_seq")


def sequence_name(table: Table, column: Column) -> TableName:
    """The sequence that numbers a column."""
    return sequence_of(column.default) or usual_sequence(table.name, column.name)


def sequence_statements(schema: Schema) -> dict[TableName, str]:
    """The statement that makes each sequence, without where it starts."""
    owned = {
        sequence_name(table, column)
        for table in schema.tables
        for column in table.columns
        if column.identity is not None
    }
    statements = {n: f"CREATE SEQUENCE {ddl.quote_table(n, RULES)}" for n in sorted(owned)}
    return statements | {s.name: s.native or "" for s in schema.sequences}


def _grouped(rows: Rows) -> Mapping[TableName, Rows]:
    """Sort rows by their first two columns, schema and table, which are cut off."""
    groups: dict[TableName, Rows] = defaultdict(list)
    for schema, table, *rest in rows:
        groups[TableName(schema, table)].append(tuple(rest))
    return groups


def _owned_sequences(
    columns: Mapping[TableName, Rows], sequences: Mapping[TableName, tuple[Any, ...]]
) -> frozenset[TableName]:
    """The sequences that count by one for a single column."""
    used = Counter(sequence_of(row[3]) for rows in columns.values() for row in rows)
    return frozenset(
        name
        for name, (_, increment, lowest, highest, cycles) in sequences.items()
        if used[name] == 1 and increment == 1 and (lowest, highest) == _BOUNDS and not cycles
    )


def _column(
    table: TableName,
    row: tuple[Any, ...],
    enums: tuple[EnumType, ...],
    owned: frozenset[TableName],
) -> Column:
    name, native, is_nullable, default, generated, comment = row
    sql = parse_type(native)
    if sql.kind == "enum":
        # DuckDB forgets the type's name; the labels tell it, if anything does.
        named = [e.name for e in enums if e.labels == sql.labels]
        sql = replace(sql, enum_name=named[0] if named else None)
    column = Column(
        name=name, type=sql, is_nullable=is_nullable, comment=comment, is_stored=not generated
    )
    if generated is not None:
        # DuckDB wraps the expression into a cast to the column's type.
        written = generated.removeprefix("CAST(").removesuffix(f" AS {native})")
        is_wrapped = len(generated) - len(written) == len(f"CAST( AS {native})")
        return replace(column, generated=written if is_wrapped else generated)
    sequence = sequence_of(default)
    if sequence in owned:
        is_usual = sequence == usual_sequence(table, name)
        return replace(column, identity="serial", default=None if is_usual else default)
    return replace(column, default=default)


def _with_constraints(table: Table, rows: Rows) -> Table:
    keys, uniques, checks = [], [], []
    for kind, name, columns, expression, parent, parent_columns in rows:
        names = tuple(columns)
        match kind:
            case "PRIMARY KEY":
                table = replace(table, primary_key=names, primary_key_name=name)
            case "UNIQUE":
                uniques.append(Unique(name=name, columns=names))
            case "CHECK":
                checks.append(Check(name=name, expression=expression, columns=names))
            case "FOREIGN KEY":
                keys.append(
                    ForeignKey(
                        name=name,
                        child=table.name,
                        columns=names,
                        parent=TableName(table.name.schema, parent),
                        parent_columns=tuple(parent_columns),
                    )
                )
    return replace(table, foreign_keys=tuple(keys), uniques=tuple(uniques), checks=tuple(checks))


def _with_indexes(table: Table, rows: Rows) -> Table:
    plain = {c.name: c.name for c in table.columns}
    plain |= {'"' + c.name.replace('"', '""') + '"': c.name for c in table.columns}
    uniques, indexes = list(table.uniques), []
    for name, is_unique, expressions, sql in rows:
        columns = tuple(plain[e] for e in expressions if e in plain)
        if len(columns) < len(expressions):
            terms = tuple(expressions) if is_unique else ()
            indexes.append(
                Index(
                    name=name,
                    columns=(),
                    is_unique=is_unique,
                    definition=sql,
                    expressions=terms,
                )
            )
        elif is_unique:
            uniques.append(Unique(name=name, columns=columns, is_constraint=False))
        else:
            indexes.append(Index(name=name, columns=columns))
    return replace(table, uniques=tuple(uniques), indexes=tuple(indexes))


def _sequence(name: TableName, row: tuple[Any, ...]) -> Sequence:
    start, increment, lowest, highest, cycles = row
    quoted = ".".join('"' + part.replace('"', '""') + '"' for part in name)
    # Without START: a copy starts behind its own rows.
    text = f"CREATE SEQUENCE {quoted} INCREMENT BY {increment} MINVALUE {lowest} MAXVALUE {highest}"
    return Sequence(
        name=name, start=start, increment=increment, native=text + (" CYCLE" if cycles else "")
    )
