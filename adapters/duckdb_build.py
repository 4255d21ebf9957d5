"""Build the tables of a new DuckDB file from gathered rows, in the order that its keys demand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dbsynth.adapters import ddl
from dbsynth.adapters.duckdb_adopt import parents_first
from dbsynth.adapters.duckdb_catalog import sequence_name, sequence_of, sequence_statements
from dbsynth.adapters.duckdb_rules import RULES, translated
from dbsynth.errors import TargetError
from dbsynth.schema import Column, ForeignKey, Schema, Table, TableName

if TYPE_CHECKING:
    import duckdb as driver
    import numpy as np
    import numpy.typing as npt

SCRATCH = "dbsynth_rows"  # the attached scratch database
_REMEDY = "See which rule broke; the old file is as it was."


def scratch_name(table: TableName) -> str:
    """The quoted name under which a table's rows are gathered."""
    return f"{SCRATCH}.{ddl.quote_table(table, RULES)}"


def build(connection: driver.DuckDBPyConnection, schema: Schema) -> list[ForeignKey]:
    """
    Create everything, and fill the tables from the scratch database, parents first.

    Returns:
        the keys that are not declared, be it because of the rows.

    Raises:
        TargetError: rows break a rule; names the table and the rule.
    """
    for statement in schema.script:
        if statement.kind == "macro" and not statement.is_after_rows:
            _run(connection, statement.sql, f"{statement.kind} {statement.name}")
    for name, text in _sequences(connection, schema).items():
        _run(connection, text, f"sequence {name}")
    made = {s.name: s.sql for s in schema.script if s.kind == "table"}
    undeclared = []
    for place in parents_first(schema.tables):
        table = schema.table(place)
        levels = _levels(connection, table)
        if levels is None:  # some row leads to itself, which DuckDB refuses
            table = _without_own_keys(table)
        undeclared += [k for k in table.foreign_keys if not k.is_declared]
        text = ddl.create_table(_numbered(table), RULES)
        _run(connection, made.get(ddl.quote_table(place, RULES), text), str(place))
        _fill(connection, table, levels)
    for statement in schema.script:
        if statement.is_after_rows:
            _run(connection, statement.sql, f"{statement.kind} {statement.name}")
    for table in schema.tables if not schema.script else ():
        _finish(connection, table)
    _run(connection, "ANALYZE", "the statistics")
    return undeclared


def _finish(connection: driver.DuckDBPyConnection, table: Table) -> None:
    """Add to a table of another dialect what DuckDB declares apart from it."""
    for index in table.indexes:
        _run(connection, ddl.create_index(table, index, RULES), f"{table.name}.{index.name}")
    for unique in table.uniques:
        if not ddl.is_plain(unique):
            text = ddl.create_unique_index(table, unique, RULES)
            _run(connection, text, f"{table.name}.{unique.name}")
    for text in ddl.comments(table, RULES):
        _run(connection, text, str(table.name))


def _without_own_keys(table: Table) -> Table:
    keys = (replace(k, is_declared=k.is_declared and not k.is_self) for k in table.foreign_keys)
    return replace(table, foreign_keys=tuple(keys))


def _run(connection: driver.DuckDBPyConnection, statement: str, what: str) -> None:
    with translated(TargetError, f"writing {what} failed", _REMEDY):
        connection.execute(statement)


def _numbered(table: Table) -> Table:
    """Spell out the defaults that number a table's rows."""

    def spelled(column: Column) -> Column:
        if column.identity is None or column.default is not None:
            return replace(column, identity=None)
        name = ddl.quote_table(sequence_name(table, column), RULES).replace("'", "''")
        return replace(column, identity=None, default=f"nextval('{name}')")

    return replace(table, columns=tuple(map(spelled, table.columns)))


def _sequences(connection: driver.DuckDBPyConnection, schema: Schema) -> dict[TableName, str]:
    """The statement that makes each sequence, starting behind the rows that use it."""
    statements = sequence_statements(schema)
    users: dict[TableName, list[tuple[Table, Column]]] = {name: [] for name in statements}
    for table in schema.tables:
        for column in table.columns:
            name = sequence_of(column.default)
            if column.identity is not None:
                name = sequence_name(table, column)
            if name in users:
                users[name].append((table, column))
    counting_down = {s.name for s in schema.sequences if s.increment < 0}
    for name, statement in statements.items():
        extreme, step = ("min", -1) if name in counting_down else ("max", 1)
        found = [_extreme(connection, extreme, *user) for user in users[name]]
        reached = [n for n in found if n is not None]
        if reached:
            start = (min(reached) if step < 0 else max(reached)) + step
            statements[name] = f"{statement} START {start if step < 0 else max(start, 1)}"
    return statements


def _extreme(
    connection: driver.DuckDBPyConnection, function: str, table: Table, column: Column
) -> int | None:
    sql = f"SELECT {function}({ddl.quote(column.name, RULES)}) FROM {scratch_name(table.name)}"
    with translated(TargetError, f"reading {table.name} failed", _REMEDY):
        ((value,),) = connection.sql(sql).fetchall()
    return None if value is None else int(value)


def _fill(
    connection: driver.DuckDBPyConnection,
    table: Table,
    levels: list[npt.NDArray[np.int64]] | None,
) -> None:
    """Copy a table's rows; with a key to itself, level by level, as DuckDB checks per statement."""
    columns = ddl.quote_columns([c.name for c in table.written_columns], RULES)
    name, rows = ddl.quote_table(table.name, RULES), scratch_name(table.name)
    copy = f"INSERT INTO {name} ({columns}) SELECT {columns} FROM {rows}"
    if not columns:
        return
    if not levels:
        _run(connection, copy, str(table.name))
        return
    import pyarrow as pa

    for level in levels:
        connection.register("dbsynth_level", pa.table({"row": level}))
        _run(
            connection,
            f'{copy} WHERE rowid IN (SELECT "row" FROM dbsynth_level)',
            str(table.name),
        )
        connection.unregister("dbsynth_level")


def _levels(
    connection: driver.DuckDBPyConnection, table: Table
) -> list[npt.NDArray[np.int64]] | None:
    """
    Row numbers in groups: each row's parents are in groups before its own.

    Returns:
        no groups where the table has no key to itself; None where rows lead back to themselves.
    """
    import numpy as np

    keys = [k for k in table.foreign_keys if k.is_self and k.is_declared]
    if not keys:
        return []
    parents = [_parent_rows(connection, table, key) for key in keys]
    rows, _ = parents[0]
    positions = [np.searchsorted(rows, found) for _, found in parents]
    nobody = len(rows)
    for position, (_, found) in zip(positions, parents, strict=True):
        position[found < 0] = nobody
    placed = np.zeros(nobody + 1, dtype=bool)
    placed[nobody] = True
    levels, left = [], np.arange(nobody)
    while len(left):
        is_ready = np.logical_and.reduce([placed[p[left]] for p in positions])
        if not is_ready.any():
            return None
        levels.append(rows[left[is_ready]])
        placed[left[is_ready]] = True
        left = left[~is_ready]
    return levels


def _parent_rows(
    connection: driver.DuckDBPyConnection, table: Table, key: ForeignKey
) -> tuple[Any, Any]:
    """Every row's number, ascending, and its parent's, -1 where there is none."""
    pairs = zip(key.columns, key.parent_columns, strict=True)
    match = " AND ".join(
        f"child.{ddl.quote(a, RULES)} = parent.{ddl.quote(b, RULES)}" for a, b in pairs
    )
    rows = scratch_name(table.name)
    sql = (
        "SELECT child.rowid AS child, coalesce(any_value(parent.rowid), -1) AS parent"
        f" FROM {rows} AS child LEFT JOIN {rows} AS parent ON {match}"
        " GROUP BY child.rowid ORDER BY child.rowid"
    )
    with translated(TargetError, f"reading {table.name} failed", _REMEDY):
        found = connection.sql(sql).fetchnumpy()
    return found["child"], found["parent"]
