"""Render an adopted schema as DDL: pure functions that `DialectRules` tell how to spell."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from dbsynth.schema import Check, Column, EnumType, ForeignKey, Index, Table, TableName, Unique

Part = Literal["primary key", "unique", "check", "foreign key", "index"]

_BARE_DEFAULT = re.compile(
    r"""\s*(?: [+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)? | [xb]?'(?:[^'\\]|''|\\.)*'
        | null | true | false | \(.*\)
        | (?:current_timestamp|current_date|current_time|localtimestamp)\b.* )\s*""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DialectRules:
    """How one dialect spells DDL and what it can hold."""

    dialect: str  # as in Schema.dialect
    quote: str = '"'  # doubled inside a name
    default_schema: str = ""  # "" also says: this dialect has no schemas
    max_identifier: int = 63
    length_in_bytes: bool = False  # else the length counts characters
    folds_case: bool = False  # names that differ only in case are the same name
    # Kinds of names that must differ over a whole schema; the others only within their table.
    # "table" as an element: index names share the tables' name space.
    schema_wide: frozenset[str] = frozenset()
    inline: frozenset[Part] = frozenset({"primary key"})  # what CREATE TABLE itself declares
    # Text behind the type per Column.identity.  A kind that is missing here is adopted as the
    # first kind that is present; with none at all the column becomes an ordinary one.
    identity: Mapping[str, str] = field(default_factory=dict)
    identity_is_key: bool = False  # SQLite: the identity's text declares the primary key too
    stored: str | None = "GENERATED ALWAYS AS ({}) STORED"  # None: not offered
    virtual: str | None = "GENERATED ALWAYS AS ({}) VIRTUAL"
    wraps_defaults: bool = False  # a default that is an expression needs parentheses
    backslash_escapes: bool = False  # in string literals
    comments: Literal["statement", "inline", "none"] = "statement"
    enum_types: bool = False  # enums are named types
    declares_foreign_keys: bool = True
    actions: frozenset[str] = frozenset(
        {"NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT"}
    )
    deferrable: bool = False
    match_full: bool = False
    partial_indexes: bool = True
    nulls_not_distinct: bool = False
    not_valid: bool = False  # NOT VALID, and checks with NO INHERIT


def quote(name: str, rules: DialectRules) -> str:
    """Quote an identifier."""
    return f"{rules.quote}{name.replace(rules.quote, rules.quote * 2)}{rules.quote}"


def quote_table(name: TableName, rules: DialectRules) -> str:
    """Quote a table's (or type's, or sequence's) name, with its schema if it has one."""
    return ".".join(quote(part, rules) for part in name if part)


def quote_columns(columns: Collection[str], rules: DialectRules) -> str:
    """Quote column names and join them with commas."""
    return ", ".join(quote(c, rules) for c in columns)


def literal(text: str, rules: DialectRules) -> str:
    """Write a text as a string literal."""
    if rules.backslash_escapes:
        text = text.replace("\\", "\\\\")
    return "'" + text.replace("'", "''") + "'"


def column_definition(column: Column, rules: DialectRules, *, with_comment: bool = True) -> str:
    """Render one column of CREATE TABLE: name, type, collation, value, NOT NULL, comment."""
    parts = [quote(column.name, rules), column.type.native]
    if column.collation:
        parts.append(f"COLLATE {column.collation}")
    if column.generated is not None:
        pattern = (rules.stored if column.is_stored else rules.virtual) or rules.stored
        parts.append((pattern or rules.virtual or "").format(column.generated))
    elif column.identity is not None and column.identity in rules.identity:
        parts.append(rules.identity[column.identity])
    elif column.default is not None:
        parts.append(f"DEFAULT {_default(column.default, rules)}")
    if not column.is_nullable:
        parts.append("NOT NULL")
    if with_comment and column.comment and rules.comments == "inline":
        parts.append(f"COMMENT {literal(column.comment, rules)}")
    return " ".join(p for p in parts if p)


def create_table(
    table: Table,
    rules: DialectRules,
    *,
    inline: Collection[Part] | None = None,
    temporary: bool = False,
) -> str:
    """
    Render CREATE TABLE.

    Args:
        table: the table, in the dialect of `rules`.
        rules: how to spell.
        inline: which of its keys and checks to declare here; `rules.inline` unless given.
        temporary: make it a temporary table.
    """
    inline = rules.inline if inline is None else inline
    lines = [column_definition(c, rules) for c in table.columns]
    if "primary key" in inline and table.primary_key and not _has_key_column(table, rules):
        lines.append(primary_key_clause(table, rules))
    if "unique" in inline:
        lines += [unique_clause(u, rules) for u in table.uniques if is_plain(u)]
    if "check" in inline:
        lines += [check_clause(c, rules) for c in table.checks]
    if "foreign key" in inline and rules.declares_foreign_keys:
        lines += [foreign_key_clause(k, rules) for k in table.foreign_keys if k.is_declared]
    tail = [table.options] if table.options else []
    if table.comment and rules.comments == "inline":
        tail.append(f"COMMENT = {literal(table.comment, rules)}")
    head = "CREATE TEMPORARY TABLE" if temporary else "CREATE TABLE"
    body = ",\n    ".join(lines)
    body = f"(\n    {body}\n)" if lines else "()"
    return " ".join([head, quote_table(table.name, rules), body, *tail])


def primary_key_clause(table: Table, rules: DialectRules) -> str:
    """Render the primary key as a table constraint."""
    return (
        f"{_constraint(table.primary_key_name, rules)}"
        f"PRIMARY KEY ({quote_columns(table.primary_key, rules)})"
    )


def unique_clause(unique: Unique, rules: DialectRules) -> str:
    """Render a plain unique as a table constraint."""
    nulls = "NULLS NOT DISTINCT " if unique.nulls_not_distinct and rules.nulls_not_distinct else ""
    columns = quote_columns(unique.columns, rules)
    return f"{_constraint(unique.name, rules)}UNIQUE {nulls}({columns})"


def check_clause(check: Check, rules: DialectRules) -> str:
    """Render a check as a table constraint."""
    alone = " NO INHERIT" if check.no_inherit and rules.not_valid else ""
    return f"{_constraint(check.name, rules)}CHECK ({check.expression}){alone}"


def foreign_key_clause(key: ForeignKey, rules: DialectRules) -> str:
    """Render a foreign key as a table constraint."""
    parts = [
        f"{_constraint(key.name, rules)}FOREIGN KEY ({quote_columns(key.columns, rules)})",
        f"REFERENCES {quote_table(key.parent, rules)}",
        f"({quote_columns(key.parent_columns, rules)})",
    ]
    if key.match_full and rules.match_full:
        parts.append("MATCH FULL")
    if key.on_delete != "NO ACTION":
        parts.append(f"ON DELETE {key.on_delete}")
    if key.on_update != "NO ACTION":
        parts.append(f"ON UPDATE {key.on_update}")
    if key.is_deferrable and rules.deferrable:
        parts.append("DEFERRABLE")
        parts += ["INITIALLY DEFERRED"] if key.is_initially_deferred else []
    return " ".join(parts)


def add_primary_key(table: Table, rules: DialectRules) -> str:
    """Render ALTER TABLE … ADD PRIMARY KEY."""
    return f"{_alter(table, rules)} ADD {primary_key_clause(table, rules)}"


def add_unique(table: Table, unique: Unique, rules: DialectRules) -> str:
    """Render ALTER TABLE … ADD UNIQUE, or CREATE UNIQUE INDEX where no constraint can say it."""
    if is_plain(unique):
        return f"{_alter(table, rules)} ADD {unique_clause(unique, rules)}"
    return create_unique_index(table, unique, rules)


def create_unique_index(table: Table, unique: Unique, rules: DialectRules) -> str:
    """Render a unique as CREATE UNIQUE INDEX, with its predicate."""
    statement = (
        f"CREATE UNIQUE INDEX {quote(unique.name, rules)} ON {quote_table(table.name, rules)} "
        f"({quote_columns(unique.columns, rules)})"
    )
    if unique.nulls_not_distinct and rules.nulls_not_distinct:
        statement += " NULLS NOT DISTINCT"
    return statement if unique.predicate is None else f"{statement} WHERE {unique.predicate}"


def add_check(table: Table, check: Check, rules: DialectRules) -> str:
    """Render ALTER TABLE … ADD CHECK."""
    loose = " NOT VALID" if not check.is_valid and rules.not_valid else ""
    return f"{_alter(table, rules)} ADD {check_clause(check, rules)}{loose}"


def add_foreign_key(table: Table, key: ForeignKey, rules: DialectRules) -> str:
    """Render ALTER TABLE … ADD FOREIGN KEY."""
    loose = " NOT VALID" if not key.is_valid and rules.not_valid else ""
    return f"{_alter(table, rules)} ADD {foreign_key_clause(key, rules)}{loose}"


def create_index(table: Table, index: Index, rules: DialectRules) -> str:
    """Render CREATE INDEX; an index with its own definition is taken at its word."""
    if index.definition is not None:
        return index.definition
    unique = "UNIQUE " if index.is_unique else ""
    return (
        f"CREATE {unique}INDEX {quote(index.name, rules)} ON {quote_table(table.name, rules)} "
        f"({quote_columns(index.columns, rules)})"
    )


def create_enum(enum: EnumType, rules: DialectRules) -> str:
    """Render CREATE TYPE … AS ENUM."""
    labels = ", ".join(literal(label, rules) for label in enum.labels)
    return f"CREATE TYPE {quote_table(enum.name, rules)} AS ENUM ({labels})"


def comments(table: Table, rules: DialectRules) -> list[str]:
    """Render COMMENT ON statements for a table and its columns, if the dialect has them."""
    if rules.comments != "statement":
        return []
    name = quote_table(table.name, rules)
    statements = []
    if table.comment:
        statements.append(f"COMMENT ON TABLE {name} IS {literal(table.comment, rules)}")
    statements += [
        f"COMMENT ON COLUMN {name}.{quote(c.name, rules)} IS {literal(c.comment, rules)}"
        for c in table.columns
        if c.comment
    ]
    return statements


def is_plain(unique: Unique) -> bool:
    """Whether a table constraint can declare this unique."""
    return unique.is_constraint and unique.predicate is None


def _has_key_column(table: Table, rules: DialectRules) -> bool:
    """Whether a column's own identity text already declares the primary key."""
    return rules.identity_is_key and any(c.identity in rules.identity for c in table.columns)


def _constraint(name: str | None, rules: DialectRules) -> str:
    return f"CONSTRAINT {quote(name, rules)} " if name else ""


def _alter(table: Table, rules: DialectRules) -> str:
    return f"ALTER TABLE {quote_table(table.name, rules)}"


def _default(expression: str, rules: DialectRules) -> str:
    if rules.wraps_defaults and not _BARE_DEFAULT.fullmatch(expression):
        return f"({expression})"
    return expression
