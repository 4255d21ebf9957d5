"""Ask a database one question at a time: what verification needs of it, whatever opened it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from dbsynth import queries
from dbsynth.errors import ConnectError, SourceError, TargetError
from dbsynth.schema import ForeignKey, Schema, TableName

if TYPE_CHECKING:
    import pyarrow as pa

    from dbsynth.adapters.base import Source

_TEXT = {"mysql": "char", "duckdb": "varchar"}
_QUOTED = re.compile(r'"((?:[^"]|"")+)"|`((?:[^`]|``)+)`|([^."`]+)')


class Queryable(Protocol):
    """A load in progress, or a committed database: something that answers a SELECT."""

    dialect: str

    def query(self, sql: str) -> pa.Table:
        """Run one SELECT."""

    def quote(self, name: TableName) -> str:
        """Spell a table's name as `query` needs it."""


class Committed:
    """A database behind a read-only `Source`, for whoever only wants to ask."""

    def __init__(self, source: Source) -> None:
        """Ask this source, which is entered already."""
        self._source = source
        self.dialect = source.dialect

    def query(self, sql: str) -> pa.Table:
        """Run one SELECT."""
        return self._source.query(sql)

    def quote(self, name: TableName) -> str:
        """Quote schema and name as the dialect wants."""
        return ".".join(queries.identifier(self.dialect, part) for part in name if part)


@contextmanager
def about(table: TableName) -> Iterator[None]:
    """Say which table was asked about when a database does not answer."""
    try:
        yield
    except (SourceError, TargetError, ConnectError) as exc:
        raise type(exc)(f"cannot check {table}: {exc.message}", exc.remedy, exc.problems) from exc


def one_row(target: Queryable, sql: str) -> dict[str, Any]:
    """Run a SELECT that gives one row, and return it by lower-case column name."""
    result = target.query(sql)
    if result.num_rows != 1:
        raise AssertionError(f"expected one row, got {result.num_rows}")
    return {name.lower(): value for name, value in result.to_pylist()[0].items()}


def own_rows(target: Queryable, name: TableName) -> str:
    """Spell what stands behind FROM for a table's own rows, without those of its heirs."""
    quoted = target.quote(name)
    if target.dialect != "postgresql":
        return quoted
    template = queries.get("postgresql", "verify_heirs")
    sql = queries.render(template, {"table": queries.literal(target.dialect, quoted)})
    return f"ONLY {quoted}" if one_row(target, sql)["has_heirs"] else quoted


def count_orphans(target: Queryable, key: ForeignKey, schema: Schema) -> int:
    """Count the rows that a key is about, which are complete and have no row in the parent."""
    child, parent = own_rows(target, key.child), own_rows(target, key.parent)
    return int(one_row(target, orphans_sql(target, key, schema, child, parent))["violations"])


def orphans_sql(
    target: Queryable,
    key: ForeignKey,
    schema: Schema,
    child: str,
    parent: str,
    *,
    is_sample: bool = False,
) -> str:
    """
    Write the SELECT that counts orphans.

    Args:
        target: whom to ask.
        key: to a key of the parent.
        schema: has both tables.
        child: what stands behind FROM.
        parent: the same.
        is_sample: `child` is a small part of a PostgreSQL table.
    """
    dialect = target.dialect
    pairs = [
        (f"c.{queries.identifier(dialect, a)}", f"p.{queries.identifier(dialect, b)}")
        for a, b in zip(key.columns, key.parent_columns, strict=True)
    ]
    slots = {"child": child, "parent": parent, "complete": complete_sql(dialect, key)}
    if key.when is not None and _is_text_of(key, schema):
        ((own, other),) = pairs
        slots |= {"own": own, "other": as_text(dialect, other)}
        return queries.render(queries.get("verify", "orphans_as_text"), slots)
    slots["joined"] = " AND ".join(f"{other} = {own}" for own, other in pairs)
    if is_sample and _is_looked_up(key, schema):
        return queries.render(queries.get("postgresql", "orphans_probed"), slots)
    return queries.render(queries.get("verify", "orphans"), slots)


def _is_looked_up(key: ForeignKey, schema: Schema) -> bool:
    """Whether an index of the parent finds a child's values: it does not for any other type."""
    pairs = zip(key.columns, key.parent_columns, strict=True)
    child, parent = schema.table(key.child), schema.table(key.parent)
    kinds = [(child.column(a).type, parent.column(b).type) for a, b in pairs]
    same = all(a.native == b.native or (a.kind, b.kind) == ("integer", "integer") for a, b in kinds)
    return same and any(set(u) == set(key.parent_columns) for u in parent.unique_sets)


def complete_sql(dialect: str, key: ForeignKey) -> str:
    """Write the condition that a child row `c` has all of a key, and that it is about this row."""
    found = [f"c.{queries.identifier(dialect, column)} IS NOT NULL" for column in key.columns]
    if key.when is not None:
        column, label = queries.identifier(dialect, key.when.column), key.when.label
        found.append(f"c.{column} = {queries.literal(dialect, label)}")
    if key.none is not None:
        column = f"c.{queries.identifier(dialect, key.columns[0])}"
        # SQLite alone would not take a text for the number in a column without a type.
        column = as_text(dialect, column) if dialect == "sqlite" else column
        found.append(f"{column} <> {queries.literal(dialect, key.none)}")
    return " AND ".join(found)


def _is_text_of(key: ForeignKey, schema: Schema) -> bool:
    """Whether a polymorphic reference is a text that stands for keys of another type."""
    own = schema.table(key.child).column(key.columns[0]).type.kind
    other = schema.table(key.parent).column(key.parent_columns[0]).type.kind
    return own == "string" and other != "string"


def name_parts(target: Queryable, table: TableName) -> tuple[str, ...]:
    """
    Take apart what a target calls a table at present: database or schema, if any, then name.

    While a load is in progress this may differ from the table's own name.
    """
    return split_name(target.quote(table))


def split_name(text: str) -> tuple[str, ...]:
    """Take a name with dots and quotes apart, and take the quotes off."""
    found = _QUOTED.findall(text)
    return tuple(a.replace('""', '"') or b.replace("``", "`") or c for a, b, c in found)


def as_text(dialect: str, column: str, family: str = "") -> str:
    """Write the expression that makes text of a quoted column, as its source reads it."""
    if (dialect, family) == ("mysql", "geometry"):
        return (
            f"CONCAT(IF(ST_SRID({column}) = 0, '', CONCAT('SRID=', ST_SRID({column}), ';')), "
            f"ST_AsText({column}))"
        )
    return f"CAST({column} AS {_TEXT.get(dialect, 'text')})"
