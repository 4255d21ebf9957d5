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
from dbsynth.adapters import sqlite_types
from dbsynth.adapters.base import RESERVED
from dbsynth.adapters.sqlite_parse import ParsedTable, parse, where
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

_PROFILED = 100  # columns per query: SQLite returns at most 2,000 columns
_WITHOUT_ROWID = re.compile(r"\bWITHOUT\s+ROWID\b", re.IGNORECASE)
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
        NativeObject(kind=kind, name=name, statement=None if kind == "virtual table" else sql)
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
        tables=tuple(sorted(tables, key=lambda t: t.name)),
        objects=tuple(objects),
    )


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
        self.unreadable = (
            [] if parsed else [NativeObject(kind="checks and options of table", name=name)]
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
        types, with_nulls = self._profile()
        generated = self._parsed.generated
        columns = []
        for at, (name, declared, not_null, default, pk, hidden) in enumerate(self._columns):
            column = Column(
                name=name,
                type=types[name],
                # SQLite lets NULL into primary keys; that is an old mistake of its own.
                is_nullable=not (not_null or (pk and name not in with_nulls)),
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

    def _profile(self) -> tuple[dict[str, SqlType], set[str]]:
        """Decide each column's type by its values; also name the columns that hold NULL."""
        types: dict[str, SqlType] = {}
        with_nulls = set()
        for start in range(0, len(self._columns), _PROFILED):
            part = self._columns[start : start + _PROFILED]
            wanted = [(name, sqlite_types.candidates(declared)) for name, declared, *_ in part]
            counts = iter(self._count_fits(wanted))
            total = next(counts)
            for name, found in wanted:
                present = next(counts)
                fitting = [next(counts) == present for _ in found]
                types[name] = found[fitting.index(True)]
                if present < total:
                    with_nulls.add(name)
        return types, with_nulls

    def _count_fits(self, wanted: Sequence[tuple[str, list[SqlType]]]) -> tuple[int, ...]:
        sums = ["count(*)"]
        for name, found in wanted:
            quoted = quote(name)
            sums.append(f"count({quoted})")
            sums += [f"total({sqlite_types.fits(t, quoted)})" for t in found[:-1]]
            sums.append(f"count({quoted})")  # anything is of kind "other"
        sql = f"SELECT {', '.join(sums)} FROM {quote(self._name.name)}"
        row: tuple[int, ...] = self._catalog.connection.execute(sql).fetchone()
        return row

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
            found = self._parent(parent, [p[3] for p in pairs])
            if found is None:
                self.unreadable.append(
                    NativeObject(kind="foreign key to a missing table", name=name)
                )
                continue
            yield ForeignKey(
                name=name,
                child=self._name,
                columns=columns,
                parent=found[0],
                parent_columns=found[1],
                on_update=on_update,
                on_delete=on_delete,
                is_deferrable=bool(written and written.is_deferrable),
                is_initially_deferred=bool(written and written.is_initially_deferred),
            )

    def _parent(
        self, name: str, columns: Sequence[str | None]
    ) -> tuple[TableName, tuple[str, ...]] | None:
        """Find a key's parent and its columns, which are written in any case or not at all."""
        if name.lower() not in self._tables:
            return None
        spelled = self._tables[name.lower()]
        theirs = self._catalog.rows("columns", spelled)
        if None in columns:
            keyed = sorted((pk, column) for column, _, _, _, pk, _ in theirs if pk)
            named = tuple(column for _, column in keyed)
        else:
            named = tuple(self._spelled(theirs, c or "") for c in columns)
        return (TableName("", spelled), named) if len(named) == len(columns) else None

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
                uniques.append(Unique(name=_free(written or invented, names), columns=columns))
            elif origin == "c" and is_unique and is_plain:
                predicate = where(sql) if is_partial else None
                uniques.append(
                    Unique(name=name, columns=columns, is_constraint=False, predicate=predicate)
                )
            elif origin == "c":
                is_simple = is_plain and not is_partial and not any(p[5] for p in parts)
                indexes.append(
                    Index(
                        name=name,
                        columns=columns if is_plain else (),
                        is_unique=bool(is_unique),
                        definition=None if is_simple else sql,
                    )
                )
        return tuple(uniques), tuple(indexes)


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
