"""Which sequences number which columns of a PostgreSQL schema, and how to set them past rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from dbsynth import queries
from dbsynth.adapters import ddl
from dbsynth.adapters.ddl import DialectRules
from dbsynth.adapters.postgresql_connection import DIALECT
from dbsynth.schema import Column, Schema, Table, TableName

_NEXTVAL = re.compile(r"nextval\('((?:[^']|'')+)'::regclass\)")


@dataclass(slots=True)
class Numbering:
    """One sequence and the columns that draw from it."""

    what: str  # for messages
    sequence: str  # an expression that gives its name as text
    rows: list[str] = field(default_factory=list)  # SELECTs of one column, used
    columns: list[tuple[TableName, str]] = field(default_factory=list)  # that draw from it

    def add(self, table: Table, column: Column, rules: DialectRules) -> None:
        """Note that a column draws from it."""
        name, quoted = ddl.quote_table(table.name, rules), ddl.quote(column.name, rules)
        self.rows.append(f"SELECT {quoted} AS used FROM {name}")
        self.columns.append((table.name, column.name))

    @property
    def statement(self) -> str:
        """Set the sequence past all rows."""
        slots = {"sequence": self.sequence, "rows": " UNION ALL ".join(self.rows)}
        return queries.render(queries.get(DIALECT, "set_sequence"), slots)


def drawn(schema: Schema) -> Iterator[tuple[Table, Column, str]]:
    """List the columns whose default is the next value of a sequence, with its quoted name."""
    for table in schema.tables:
        for column in table.columns:
            match = _NEXTVAL.fullmatch(column.default or "")
            if match:
                yield table, column, match[1].replace("''", "'")


def numberings(schema: Schema, rules: DialectRules) -> list[Numbering]:
    """List every sequence that columns draw from, by default or as their identity."""
    found: dict[str, Numbering] = {}
    for table, column, sequence in drawn(schema):
        text = ddl.literal(sequence, rules)
        named = found.setdefault(text, Numbering(f"sequence {sequence}", text))
        named.add(table, column, rules)
    for table in schema.tables:
        for column in table.columns:
            if column.identity in ("always", "by default"):
                name = ddl.quote_table(table.name, rules)
                owned = ", ".join(ddl.literal(text, rules) for text in (name, column.name))
                text = f"pg_catalog.pg_get_serial_sequence({owned})"
                what = f"the sequence of {table.name}.{column.name}"
                found[text] = Numbering(what, text)
                found[text].add(table, column, rules)
    return list(found.values())
