"""Read a SQLite database's schema: pragmas, the text of CREATE TABLE, and the values' types."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import Any

from dbsynth import queries
from dbsynth.adapters.base import RESERVED
from dbsynth.adapters.sqlite_parse import ParsedTable, indexed, parse, where
from dbsynth.adapters.sqlite_profile import value_types
from dbsynth.adapters.sqlite_types import MIXED
from dbsynth.schema import (
    Check,
    Column,
    ForeignKey,
    Index,
    NativeObject,
    Schema,
    SqlType,
    Table,
    TableName,
    Unique,
)

_WITHOUT_ROWID = re.compile(r"\bWITHOUT\s+ROWID\b", re.IGNORECASE)
_STRICT = re.compile(r"\bSTRICT\b", re.IGNORECASE)
_MODULE = "its rows belong to a module: it and its shadow tables hold no data of their own"
_DOUBLE_QUOTED = re.compile(r'"((?:[^"]|"")*)"')


def quote(name: str) -> str:
    """Quote an identifier."""
    return '"' + name.replace('"', '""') + '"'


def introspect(connection: sqlite3.Connection, version: int) -> Schema:
    """
    Read every ordinary table, with views and triggers as objects.

    Args:
        connection: texts arrive as bytes or as str.
        version: SQLite's version as one number, e.g. 3040001.
    """
    catalog = _Catalog(connection, version)
    names = [n for n, _ in catalog.rows("tables") if n != RESERVED]
    objects = [
        NativeObject(kind=kind, name=name, reason=_MODULE)
        if kind == "virtual table"
        else NativeObject(kind=kind, name=name, statement=sql)
        for kind, name, sql in catalog.rows("objects")
    ]
    statements = dict(catalog.rows("tables"))
    tables = []
    for name in names:
        reader = _TableReader(catalog, name, statements[name], names)
        tables.append(reader.table())
        objects += reader.unreadable
    return Schema(
        dialect="sqlite",
        server_version=sqlite3.sqlite_version,
        tables=tuple(sorted(_agreeing(tables), key=lambda t: t.name)),
        objects=tuple(objects),
    )


def _agreeing(tables: Sequence[Table]) -> list[Table]:
    """
    Let the columns of a key be as mixed as those that it refers to.

    What a child holds may all be numbers, and its parent may have texts besides.  Texts of a child
    that no parent has say nothing of the parents.
    """
    found = {t.name: t for t in tables}
    for _ in tables:  # a key may lead on to another one
        before = dict(found)
        for key in [k for t in tables for k in t.foreign_keys if k.parent in found]:
            for own, other in zip(key.columns, key.parent_columns, strict=True):
                sql = found[key.child].column(own).type
                wanted = found[key.parent].column(other).type
                if wanted.family == MIXED and sql.kind != wanted.kind:
                    retyped = replace(wanted, native=sql.native)
                    found[key.child] = _retyped(found[key.child], own, retyped)
        if found == before:
            break
    return list(found.values())


def _retyped(table: Table, name: str, wanted: SqlType) -> Table:
    columns = (replace(c, type=wanted) if c.name == name else c for c in table.columns)
    return replace(table, columns=tuple(columns))


@dataclass(frozen=True, slots=True)
class _Catalog:
    connection: sqlite3.Connection
    version: int

    def rows(self, name: str, *parameters: str) -> list[tuple[Any, ...]]:
        """Run one of the catalog queries."""
        found = self.connection.execute(queries.get("sqlite", name, self.version), parameters)
        return [tuple(v.decode() if isinstance(v, bytes) else v for v in row) for row in found]


class _TableReader:
    """Puts one table together from what the pragmas, its text and its values say."""

    def __init__(self, catalog: _Catalog, name: str, sql: str, tables: Sequence[str]) -> None:
        self._catalog = catalog
        self._name = TableName("", name)
        self._tables = {t.lower(): t for t in tables}
        self._columns = catalog.rows("columns", name)
        parsed = parse(sql)
        self._parsed = parsed or ParsedTable()
        self.unreadable: list[NativeObject] = []
        if parsed is None:
            reason = "the text of its CREATE TABLE cannot be read"
            self.unreadable.append(
                NativeObject(kind="checks and options of table", name=name, reason=reason)
            )

    def table(self) -> Table:
        """Build the table."""
        keyed = sorted((pk, name) for name, _, _, _, pk, _ in self._columns if pk)
        primary_key = tuple(name for _, name in keyed)
        foreign_keys = tuple(self._foreign_keys())
        columns = self._typed_columns(primary_key, foreign_keys)
        uniques, indexes = self._indexes()
        numbered = any(c.identity for c in columns)
        return Table(
            name=self._name,
            columns=columns,
            primary_key=primary_key,
            primary_key_name=None if numbered else self._parsed.primary_key_name,
            foreign_keys=foreign_keys,
            uniques=uniques,
            checks=self._checks(),
            indexes=indexes,
            options=self._parsed.options,
        )

    def _typed_columns(
        self, primary_key: tuple[str, ...], foreign_keys: Sequence[ForeignKey]
    ) -> tuple[Column, ...]:
        declared_types = [(name, declared) for name, declared, *_ in self._columns]
        is_strict = bool(_STRICT.search(self._parsed.options or ""))
        types = value_types(
            self._catalog.connection, quote(self._name.name), declared_types, strict=is_strict
        )
        generated = self._parsed.generated
        columns = []
        for at, (name, declared, not_null, default, pk, hidden) in enumerate(self._columns):
            column = Column(
                name=name,
                type=types[name],
                # SQLite lets NULL into primary keys; that is an old mistake of its own.
                is_nullable=not (not_null or (pk and not self._has_null(name))),
                collation=self._parsed.collations.get(at),
            )
            if hidden in (2, 3):
                column = replace(column, generated=generated.get(at, "NULL"), is_stored=hidden == 3)
            elif primary_key == (name,) and declared.upper() == "INTEGER":
                column = replace(column, identity=self._identity(name, foreign_keys))
            columns.append(replace(column, default=_default(default) if not hidden else None))
        return tuple(columns)

    def _identity(self, name: str, keys: Sequence[ForeignKey]) -> Any:
        """Whether SQLite numbers the rows, and whether it remembers the highest number."""
        if self._parsed.autoincrement:
            return "by default"
        is_alias = not (
            self._parsed.descending_key or _WITHOUT_ROWID.search(self._parsed.options or "")
        )
        return "serial" if is_alias and not any(name in k.columns for k in keys) else None

    def _has_null(self, column: str) -> bool:
        sql = f"SELECT 1 FROM {quote(self._name.name)} WHERE {quote(column)} IS NULL LIMIT 1"
        return self._catalog.connection.execute(sql).fetchone() is not None

    def _foreign_keys(self) -> Iterator[ForeignKey]:
        rows = self._catalog.rows("foreign_keys", self._name.name)
        names: set[str] = set()
        for at, (_, group) in enumerate(groupby(rows, key=itemgetter(0))):
            pairs = list(group)
            _, parent, _, _, on_update, on_delete = pairs[0]
            columns = tuple(self._spelled(self._columns, p[2]) for p in pairs)
            written = self._parsed.keys[at] if at < len(self._parsed.keys) else None
            name = (written and written.name) or f"{self._name.name}_{'_'.join(columns)}_fkey"
            name = _free(name, names)
            parent_columns = self._parent_columns(parent, [p[3] for p in pairs])
            if reason := self._breakage(parent, parent_columns, len(columns)):
                self.unreadable.append(
                    NativeObject(
                        kind="broken foreign key", name=f"{self._name}.{name}", reason=reason
                    )
                )
                continue
            yield ForeignKey(
                name=name,
                child=self._name,
                columns=columns,
                parent=TableName("", self._tables[parent.lower()]),
                parent_columns=parent_columns,
                on_update=on_update,
                on_delete=on_delete,
                is_deferrable=bool(written and written.is_deferrable),
                is_initially_deferred=bool(written and written.is_initially_deferred),
            )

    def _parent_columns(self, parent: str, columns: Sequence[str | None]) -> tuple[str, ...]:
        """A key's parent columns, which are written in any case or not at all."""
        theirs = self._catalog.rows("columns", parent)
        if None in columns:
            keyed = sorted((pk, column) for column, _, _, _, pk, _ in theirs if pk)
            return tuple(column for _, column in keyed)
        return tuple(self._spelled(theirs, c or "") for c in columns)

    def _breakage(self, parent: str, columns: tuple[str, ...], wanted: int) -> str | None:
        """Why SQLite itself could not enforce a key, which it finds out only when it is to."""
        if parent.lower() not in self._tables:
            return f"there is no table {parent}"
        if len(columns) != wanted:
            return f"the primary key of {parent} has {len(columns)} columns, the key {wanted}"
        theirs = self._catalog.rows("columns", parent)
        if not set(columns) <= {c[0] for c in theirs}:
            return f"{parent} has no such columns"
        unique = [frozenset(c[0] for c in theirs if c[4])]
        rows = self._catalog.rows("indexes", parent)
        for _, group in groupby(rows, key=itemgetter(0)):
            parts = list(group)
            if parts[0][1] and not parts[0][3]:
                unique.append(frozenset(p[4] for p in parts))
        return None if frozenset(columns) in unique else f"its columns are not unique in {parent}"

    def _spelled(self, columns: Sequence[tuple[Any, ...]], name: str) -> str:
        """A column's name as its table spells it."""
        return next((c[0] for c in columns if c[0].lower() == name.lower()), name)

    def _checks(self) -> tuple[Check, ...]:
        names: set[str] = set()
        checks = []
        for check in self._parsed.checks:
            columns = tuple(c[0] for c in self._columns if c[0].lower() in check.words)
            name = check.name or "_".join((self._name.name, *columns, "check"))
            checks.append(
                Check(name=_free(name, names), expression=check.expression, columns=columns)
            )
        return tuple(checks)

    def _indexes(self) -> tuple[tuple[Unique, ...], tuple[Index, ...]]:
        uniques: list[Unique] = []
        indexes: list[Index] = []
        names: set[str] = set()
        rows = self._catalog.rows("indexes", self._name.name)
        for name, group in groupby(rows, key=itemgetter(0)):
            parts = list(group)
            _, is_unique, origin, is_partial, _, _, _, sql = parts[0]
            columns = tuple(p[4] for p in parts if p[4] is not None)
            is_plain = len(columns) == len(parts)
            if origin == "u":
                written = self._parsed.unique_names.get(columns)
                invented = f"{self._name.name}_{'_'.join(columns)}_key"
                uniques.append(
                    Unique(
                        name=_free(written or invented, names),
                        columns=columns,
                        is_folded=_is_folded(parts),
                    )
                )
            elif origin == "c" and is_unique and is_plain:
                predicate = where(sql) if is_partial else None
                uniques.append(
                    Unique(
                        name=name,
                        columns=columns,
                        is_constraint=False,
                        predicate=predicate,
                        is_folded=_is_folded(parts),
                    )
                )
            elif origin == "c":
                is_simple = is_plain and not is_partial and not any(p[5] for p in parts)
                indexes.append(
                    Index(
                        name=name,
                        columns=columns if is_plain else (),
                        is_unique=bool(is_unique),
                        definition=None if is_simple else sql,
                        expressions=indexed(sql) if is_unique else (),
                        predicate=where(sql) if is_unique and is_partial else None,
                    )
                )
        return tuple(uniques), tuple(indexes)


def _is_folded(parts: Sequence[tuple[Any, ...]]) -> bool:
    """Whether an index takes texts for equal that differ in case or trailing spaces."""
    return any(str(part[6]).upper() in ("NOCASE", "RTRIM") for part in parts)


def _default(text: str | None) -> str | None:
    """A default's expression; SQLite forgives texts in double quotes, nobody else does."""
    match = _DOUBLE_QUOTED.fullmatch(text or "")
    return "'" + match[1].replace('""', '"').replace("'", "''") + "'" if match else text


def _free(name: str, taken: set[str]) -> str:
    """Take a name, numbered if it is taken."""
    given, number = name, 2
    while given.lower() in taken:
        given, number = f"{name}_{number}", number + 1
    taken.add(given.lower())
    return given
