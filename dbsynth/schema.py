"""The shape of a database: tables, columns, types, keys and rules; frozen, without a row."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from dbsynth.errors import PermissionDeniedError

if TYPE_CHECKING:
    import pyarrow as pa

TypeKind = Literal[
    "integer", "decimal", "float", "boolean", "string", "enum", "uuid", "json", "bytes",
    "date", "time", "timestamp", "timestamptz", "other",
]  # fmt: skip


class TableName(NamedTuple):
    """A table's schema and name, unquoted; `schema` is "" where a database has none."""

    schema: str
    name: str

    def __str__(self) -> str:
        """Print as people write it: schema.name."""
        return f"{self.schema}.{self.name}" if self.schema else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlType:
    """
    A column's type, both as every database understands it and as its own database spells it.

    `kind` "other" is whatever has no portable meaning (arrays, ranges, intervals, geometry …): its
    values travel as the text that the database prints and parses.
    """

    kind: TypeKind
    native: str  # as the database that holds the column spells it, e.g. character varying(40)
    bits: int = 0  # integer: 8, 16, 32 or 64; float: 32 or 64
    unsigned: bool = False
    precision: int | None = None  # decimal digits; None: unlimited
    scale: int | None = None  # digits behind the point
    length: int | None = None  # characters (string) or bytes (bytes); None: unlimited
    fixed: bool = False  # char(n): padded with spaces
    labels: tuple[str, ...] = ()  # enum, in sort order
    enum_name: TableName | None = None  # PostgreSQL, DuckDB: the named enum type
    family: str = ""  # what it is in its database's words, beyond kind: interval, inet, array …
    # (SQLite: mixed, where the values of one column are of several types)
    element: SqlType | None = None  # of arrays, ranges and multiranges
    parts: tuple[tuple[str, SqlType], ...] = ()  # of composite types: name and type of each field

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SqlType:
        """
        Rebuild a type from what `dataclasses.asdict` makes of it.

        Raises:
            KeyError, TypeError: the value is not a type's.
        """
        fields = _tuples(data)
        if fields["enum_name"]:
            fields["enum_name"] = TableName(*fields["enum_name"])
        if fields["element"] is not None:
            fields["element"] = cls.from_json(fields["element"])
        fields["parts"] = tuple((name, cls.from_json(part)) for name, part in fields["parts"])
        return cls(**fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column.  Expressions are in the dialect of the schema they belong to."""

    name: str
    type: SqlType
    is_nullable: bool = True
    default: str | None = None
    identity: Literal["always", "by default", "serial"] | None = None  # serial: also AUTO_INCREMENT
    generated: str | None = None  # the expression that the database computes
    is_stored: bool = True  # generated columns: STORED or VIRTUAL
    collation: str | None = None  # only if not the database's default
    comment: str | None = None
    # What stands for "no row" in a reference that nothing declares, as text; rows carry NULL for it
    # until they are written.
    none: str | None = None
    admits_null: bool = True  # with `none`: what the database says, while `is_nullable` is True

    @property
    def is_written(self) -> bool:
        """Whether rows carry a value for this column (the database computes the others)."""
        return self.generated is None


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """Which rows a key is about, where a column names the table that another one refers to."""

    column: str  # e.g. commentable_type
    label: str  # its value as text, e.g. Post


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKey:
    """`child.columns -> parent.parent_columns`; columns correspond by position."""

    name: str  # unique within the child table only; introspection invents one where none is kept
    child: TableName
    columns: tuple[str, ...]
    parent: TableName
    parent_columns: tuple[str, ...]
    on_delete: str = "NO ACTION"
    on_update: str = "NO ACTION"
    is_deferrable: bool = False
    is_initially_deferred: bool = False
    match_full: bool = False
    is_declared: bool = True  # False: the target cannot declare it; verified by query all the same
    is_valid: bool = True  # False: NOT VALID or NOT ENFORCED, so rows of the source may break it
    when: When | None = None  # polymorphic: one key for each label, never declared
    none: str | None = None  # never declared, of one column: what stands for "no row", as text

    @property
    def is_self(self) -> bool:
        """Whether the table refers to itself."""
        return self.child == self.parent

    def is_same_reference(self, other: ForeignKey) -> bool:
        """Whether the two lead from the same columns to the same, whatever else differs."""
        ends = [(k.child, k.columns, k.parent, k.parent_columns, k.when) for k in (self, other)]
        return ends[0] == ends[1]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ForeignKey:
        """
        Rebuild a key from `dataclasses.asdict`.

        Raises:
            KeyError, TypeError: the data are not a key's.
        """
        fields = _tuples(data)
        fields["child"], fields["parent"] = TableName(*data["child"]), TableName(*data["parent"])
        fields["when"] = When(**data["when"]) if data.get("when") else None
        return cls(**fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unique:
    """A unique constraint or unique index over plain columns."""

    name: str
    columns: tuple[str, ...]
    nulls_not_distinct: bool = False
    is_constraint: bool = True  # False: only an index enforces it
    predicate: str | None = None  # partial unique index: its WHERE, in the schema's dialect
    is_folded: bool = False  # texts that differ in case, accents or trailing spaces count as equal


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A CHECK constraint; `expression` is in the dialect of the schema, without CHECK ( )."""

    name: str
    expression: str
    columns: tuple[str, ...] = ()
    is_valid: bool = True  # False: NOT VALID or NOT ENFORCED, so rows of the source may break it
    no_inherit: bool = False  # PostgreSQL: not a check of the tables that inherit


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """
    An exclusion constraint: no two rows may agree in all `elements`, each by its operator.

    PostgreSQL: https://www.postgresql.org/docs/current/sql-createtable.html, EXCLUDE.
    """

    name: str
    elements: tuple[tuple[str, str], ...]  # column (or expression) and operator: =, &&, -|- …
    predicate: str | None = None
    definition: str | None = None  # as the database prints it: EXCLUDE USING gist (…)


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An index that is neither the primary key's nor a `Unique`'s."""

    name: str
    columns: tuple[str, ...]  # empty if it indexes an expression
    is_unique: bool = False  # True only for unique indexes on expressions
    definition: str | None = None  # the whole CREATE INDEX statement, in the schema's dialect
    # Unique indexes on expressions: what must not repeat, in the schema's dialect, and for which
    # rows; none if it is not known.
    expressions: tuple[str, ...] = ()
    predicate: str | None = None
    nulls_not_distinct: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One base table."""

    name: TableName
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()
    primary_key_name: str | None = None
    foreign_keys: tuple[ForeignKey, ...] = ()
    uniques: tuple[Unique, ...] = ()
    checks: tuple[Check, ...] = ()
    conditions: tuple[Check, ...] = ()  # what rows must keep besides: domains, partition bounds
    exclusions: tuple[Exclusion, ...] = ()
    indexes: tuple[Index, ...] = ()
    part_uniques: tuple[Unique, ...] = ()  # of single partitions: unique for a part of the rows
    options: str | None = None  # dialect specific tail of CREATE TABLE, e.g. STRICT
    comment: str | None = None
    unreadable: str = ""  # why this user cannot read all of its rows

    def column(self, name: str) -> Column:
        """Look up a column by its exact name."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name}.{name}")

    @property
    def written_columns(self) -> tuple[Column, ...]:
        """The columns that rows carry a value for, in order."""
        return tuple(c for c in self.columns if c.is_written)

    @property
    def row_checks(self) -> tuple[Check, ...]:
        """Every condition that each row must keep: declared as a check, or following from types."""
        return (*self.checks, *self.conditions)

    @property
    def unique_sets(self) -> tuple[tuple[str, ...], ...]:
        """Every set of columns that must be unique over the whole table, primary key first."""
        sets = [self.primary_key] if self.primary_key else []
        sets += [u.columns for u in self.uniques if u.predicate is None and u.columns]
        return tuple(dict.fromkeys(sets))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """A sequence that no identity or serial column owns, or that is shared."""

    name: TableName
    start: int = 1
    increment: int = 1
    native: str | None = None  # its CREATE SEQUENCE statement


@dataclass(frozen=True, slots=True, kw_only=True)
class EnumType:
    """A named enumeration (PostgreSQL, DuckDB)."""

    name: TableName
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeObject:
    """Something only the source's own dialect understands: a view, a domain, an extension."""

    kind: str  # view, domain, extension, function, trigger …
    name: str
    statement: str | None = None  # how to make it again in the same dialect; None: cannot
    reason: str = ""  # without a statement: why it cannot be made again
    before_tables: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One object of a schema script: the DDL that the source's own tool writes for it."""

    kind: str  # lower case: table, index, constraint, fk constraint, view, function …
    name: str  # as the tool prints it, with its schema; for messages
    sql: str  # one or more statements, without psql commands
    is_after_rows: bool = False  # keys, indexes, triggers, policies …
    is_grant: bool = False  # who owns it, and who may use it


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Something of the source that a target cannot hold, and what was done instead."""

    object: str  # e.g. "foreign key orders.fk_invoice"
    reason: str
    instead: str


@dataclass(frozen=True, kw_only=True)
class Schema:
    """A whole database's shape."""

    dialect: str  # postgresql, mysql, sqlite, duckdb
    server_version: str
    tables: tuple[Table, ...]  # sorted by name
    enums: tuple[EnumType, ...] = ()
    sequences: tuple[Sequence, ...] = ()
    objects: tuple[NativeObject, ...] = ()
    script: tuple[Statement, ...] = ()  # the same and more, exactly, for a target of the dialect
    grants: tuple[Statement, ...] = ()  # what the script leaves out: owners, and who may do what

    @cached_property
    def by_name(self) -> Mapping[TableName, Table]:
        """Tables by name."""
        return {t.name: t for t in self.tables}

    def table(self, name: TableName) -> Table:
        """Look up a table by its exact name."""
        return self.by_name[name]

    @property
    def foreign_keys(self) -> Iterator[ForeignKey]:
        """Every foreign key of every table."""
        for table in self.tables:
            yield from table.foreign_keys

    def require_readable(self, reasons: Mapping[TableName, str] | None = None) -> None:
        """
        Refuse tables that this user cannot read whole.

        Args:
            reasons: why tables are needed that nobody asked for.

        Raises:
            PermissionDeniedError: there are some; all are named.
        """
        denied = {t.name: t.unreadable for t in self.tables if t.unreadable}
        if not denied:
            return
        why = {n: f" ({reasons[n]})" for n in denied if reasons and n in reasons}
        problems = [reason + why.get(name, "") for name, reason in denied.items()]
        raise PermissionDeniedError(
            f"{len(problems)} tables cannot be read whole: {'; '.join(problems)}",
            "Grant SELECT on these tables (PostgreSQL: also USAGE on their schemas, and BYPASSRLS "
            "where rows are hidden), or leave them and those that refer to them out with --tables "
            "or --exclude.",
            problems,
        )

    def with_keys(self, keys: Iterable[ForeignKey]) -> Schema:
        """Add foreign keys to the tables that they belong to, sorted by name."""
        added: defaultdict[TableName, list[ForeignKey]] = defaultdict(list)
        for key in sorted(keys, key=lambda k: k.name):
            added[key.child].append(key)
        tables = tuple(_with_keys(t, added[t.name]) for t in self.tables)
        return dataclasses.replace(self, tables=tables)

    def as_declared(self) -> Schema:
        """Say of columns where a value stands for "no row" what the database says of NULL."""
        tables = tuple(
            dataclasses.replace(t, columns=tuple(map(_as_declared, t.columns))) for t in self.tables
        )
        return dataclasses.replace(self, tables=tables)

    def to_json(self) -> dict[str, Any]:
        """Turn into plain lists and dicts; `from_json` is the inverse."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Schema:
        """
        Rebuild a schema from `to_json`'s value.

        Raises:
            KeyError, TypeError: the value is not a schema.
        """
        return cls(
            dialect=data["dialect"],
            server_version=data["server_version"],
            tables=tuple(_table(t) for t in data["tables"]),
            enums=tuple(
                EnumType(name=TableName(*e["name"]), labels=tuple(e["labels"]))
                for e in data["enums"]
            ),
            sequences=tuple(
                Sequence(**{**s, "name": TableName(*s["name"])}) for s in data["sequences"]
            ),
            objects=tuple(NativeObject(**o) for o in data["objects"]),
            script=tuple(Statement(**s) for s in data["script"]),
            grants=tuple(Statement(**s) for s in data["grants"]),
        )

    def fingerprint(self) -> str:
        """A short hash of what is declared, but the version: equal means same shape."""
        data = self.as_declared().to_json()
        for name in ("server_version", "script", "grants"):  # not declared for the tables
            del data[name]
        for table in data["tables"]:
            del table["unreadable"]
            table["foreign_keys"] = [k for k in table["foreign_keys"] if k["is_declared"]]
            for part in (*table["columns"], *table["foreign_keys"]):
                del part["none"]
            for column in table["columns"]:
                del column["admits_null"]
        text = json.dumps(data, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one table; the columns are a subset of the table's written columns."""

    table: TableName
    rows: pa.RecordBatch


@dataclass(frozen=True, slots=True)
class Stored:
    """Rows of one table that whoever drew them has put into the target already."""

    table: TableName
    rows: int


@dataclass(frozen=True, slots=True)
class Backfill:
    """Foreign key values of rows that are already written; closes a cycle."""

    table: TableName
    columns: tuple[str, ...]  # the columns to set
    rows: pa.RecordBatch  # the primary key columns, then `columns`


def _with_keys(table: Table, keys: list[ForeignKey]) -> Table:
    """Add keys; NULL is what their columns have where a value stands for "no row"."""
    nones = {c: k.none for k in keys for c in k.columns if k.none is not None}
    columns = tuple(
        dataclasses.replace(c, none=nones[c.name], admits_null=c.is_nullable, is_nullable=True)
        if c.name in nones
        else c
        for c in table.columns
    )
    return dataclasses.replace(table, columns=columns, foreign_keys=(*table.foreign_keys, *keys))


def _as_declared(column: Column) -> Column:
    if column.none is None:
        return column
    return dataclasses.replace(column, none=None, is_nullable=column.admits_null, admits_null=True)


def _tuples(data: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}


def _table(data: Mapping[str, Any]) -> Table:
    fields = dict(data)
    fields["name"] = TableName(*data["name"])
    fields["primary_key"] = tuple(data["primary_key"])
    fields["columns"] = tuple(
        Column(**{**c, "type": SqlType.from_json(c["type"])}) for c in data["columns"]
    )
    fields["foreign_keys"] = tuple(ForeignKey.from_json(k) for k in data["foreign_keys"])
    fields["uniques"] = tuple(Unique(**_tuples(u)) for u in data["uniques"])
    fields["checks"] = tuple(Check(**_tuples(c)) for c in data["checks"])
    fields["conditions"] = tuple(Check(**_tuples(c)) for c in data["conditions"])
    fields["exclusions"] = tuple(_exclusion(e) for e in data["exclusions"])
    fields["indexes"] = tuple(Index(**_tuples(i)) for i in data["indexes"])
    fields["part_uniques"] = tuple(Unique(**_tuples(u)) for u in data["part_uniques"])
    return Table(**fields)


def _exclusion(data: Mapping[str, Any]) -> Exclusion:
    elements = tuple((column, operator) for column, operator in data["elements"])
    return Exclusion(**{**data, "elements": elements})
