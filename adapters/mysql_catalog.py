"""MariaDB's and MySQL's catalogs, turned into a `Schema`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dbsynth import queries
from dbsynth.adapters.mysql_connection import Server, fetch, quote
from dbsynth.adapters.mysql_objects import read_objects, read_sequences
from dbsynth.adapters.mysql_rights import Rights
from dbsynth.adapters.mysql_script import foreign_key_rules, show_create_table
from dbsynth.adapters.mysql_text import take_apart, unqualified
from dbsynth.adapters.mysql_types import literal, parse_type, span_type, type_name
from dbsynth.expressions import mentioned
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

if TYPE_CHECKING:
    from pymysql.connections import Connection

_TABLES = ("BASE TABLE", "SYSTEM VERSIONED")
# Writing to a table of these engines would write to somebody else's tables.
_REMOTE = frozenset({"CONNECT", "FEDERATED", "MRG_MYISAM", "S3", "SPIDER"})
_VERSIONS = ("ROW START", "ROW END")  # what system-versioned tables generate
_LOOKED_AT = 100_000  # rows, to tell spans from times of day
_JSON_CHECK = re.compile(r"json_valid\(`(?P<column>(?:[^`]|``)+)`\)", re.IGNORECASE)
_ON_UPDATE = re.compile(r"on update (?P<value>current_timestamp(?:\(\d*\))?)", re.IGNORECASE)
_NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?", re.IGNORECASE)
# Parts of SHOW CREATE TABLE's last line that the other catalogs tell, or that are data.
_KNOWN_OPTION = re.compile(
    r"\s*\b(?:ENGINE=InnoDB\b|AUTO_INCREMENT=\d+|COMMENT='(?:[^'\\]|''|\\.)*'"
    r"|(?:DATA|INDEX) DIRECTORY='[^']*')",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Names:
    """The names of everything table-like in a database."""

    tables: tuple[str, ...]
    sequences: tuple[str, ...]
    views: tuple[str, ...]
    remote: tuple[str, ...]  # tables whose rows live elsewhere; they are among `tables`


def names(connection: Connection[Any], database: str) -> Names:
    """List tables, sequences and views, without the reserved ones."""
    rows = fetch(connection, queries.get("mysql", "tables"), [database])
    return Names(
        tuple(row[0] for row in rows if row[1] in _TABLES),
        tuple(row[0] for row in rows if row[1] == "SEQUENCE"),
        tuple(row[0] for row in rows if row[1] in ("VIEW", "SYSTEM VIEW")),
        tuple(row[0] for row in rows if row[1] in _TABLES and _is_remote(row)),
    )


def code_names(connection: Connection[Any], database: str) -> list[tuple[str, str]]:
    """List kind and name of triggers, routines and events."""
    triggers = fetch(connection, queries.get("mysql", "triggers"), [database])
    others = fetch(connection, queries.get("mysql", "routines"), [database] * 2)
    return [*(("trigger", row[0]) for row in triggers), *((kind, name) for kind, name in others)]


def read_schema(connection: Connection[Any], server: Server, denied: Collection[str]) -> Schema:
    """
    Read the shape of the session's database.

    Args:
        connection: the session.
        server: what it is connected to.
        denied: tables of which this user may not read all.
    """
    return _Catalog(connection, server, denied).schema()


class _Catalog:
    """All catalog rows of one database, grouped by table."""

    def __init__(
        self, connection: Connection[Any], server: Server, denied: Collection[str]
    ) -> None:
        """Read the catalogs."""
        self._connection = connection
        self._server = server
        self._database = server.identity.database
        found = [row for row in self._rows("tables") if row[1] in _TABLES]
        self._tables = {
            row[0]: row for row in found if not _is_remote(row) and row[0] not in denied
        }
        self._remote = {row[0]: row[2] for row in found if _is_remote(row)}
        self._rights = Rights.of(connection)
        self._columns = self._grouped("columns")
        self._checks = self._grouped("checks")
        self._indexes = self._grouped("indexes")
        self._keys = self._grouped("foreign_keys")
        self._denied = {*denied, *self._hidden()}
        ((self._collation,),) = self._rows("default_collation")

    def _rows(self, name: str, times: int = 1) -> list[Any]:
        sql = queries.get("mysql", name, self._server.version)
        return fetch(self._connection, sql, [self._database] * times)

    def _grouped(self, name: str) -> Mapping[str, list[Any]]:
        groups: dict[str, list[Any]] = defaultdict(list)
        for row in self._rows(name):
            groups[row[0]].append(row[1:])
        return groups

    def schema(self) -> Schema:
        tables = (*map(self._table, self._tables), *map(self._unreadable, self._denied))
        return Schema(
            dialect="mysql",
            server_version=self._server.text,
            tables=tuple(sorted(tables, key=lambda t: t.name)),
            sequences=tuple(
                read_sequences(self._connection, names(self._connection, self._database).sequences)
            ),
            objects=tuple(self._objects()),
        )

    def _hidden(self) -> set[str]:
        """Tables without any right are invisible; a key that leads to one gives them away."""
        if self._rights.sees_tables(self._database):
            return set()
        parents = {k[3] for keys in self._keys.values() for k in keys if k[2] == self._database}
        return parents - self._tables.keys()

    def _unreadable(self, name: str) -> Table:
        """What may be seen of a table that cannot be read."""
        columns = tuple(self._column(row, set(), is_span=False) for row in self._columns[name])
        reason = f"no right to read all of {name}"
        return Table(name=TableName("", name), columns=columns, unreadable=reason)

    def _table(self, name: str) -> Table:
        comment = self._tables[name][4]
        table = TableName("", name)
        checks = dict(self._table_checks(name))
        json = {m["column"] for c in checks.values() if (m := _JSON_CHECK.fullmatch(c))}
        spans = self._spans(name)
        columns = tuple(
            self._column(row, json, is_span=row[0] in spans) for row in self._columns[name]
        )
        indexes = self._table_indexes(name)
        versions = {c.name for c in columns if c.generated in _VERSIONS}
        indexes = {k: [p for p in parts if p[3] not in versions] for k, parts in indexes.items()}
        primary = tuple(part[3] for part in indexes.pop("PRIMARY", []))
        names_only = {c.name: c.name for c in columns}
        return Table(
            name=table,
            columns=columns,
            primary_key=primary,
            foreign_keys=tuple(self._foreign_keys(table)),
            uniques=tuple(
                Unique(name=index, columns=tuple(part[3] for part in parts))
                for index, parts in indexes.items()
                if _is_unique(parts)
            ),
            checks=tuple(
                Check(name=k, expression=c, columns=mentioned(c, "mysql", names_only))
                for k, c in checks.items()
                if not ((m := _JSON_CHECK.fullmatch(c)) and m["column"] in json)
            ),
            conditions=tuple(_years(columns)),
            indexes=tuple(
                _index(name, index, parts)
                for index, parts in indexes.items()
                if not _is_unique(parts)
            ),
            options=self._options(name),
            comment=comment or None,
        )

    def _column(self, row: Sequence[Any], json: set[str], *, is_span: bool) -> Column:
        name, default, nullable, native, collation, extra, generated, comment = row
        is_json = native == "longtext" and name.replace("`", "``") in json
        sql_type = span_type(native) if is_span else parse_type("json" if is_json else native)
        identity, expression = "auto_increment" in extra.lower(), self._unescaped(generated)
        return Column(
            name=name,
            type=sql_type,
            is_nullable=nullable == "YES",
            default=None if identity or expression else self._default(default, sql_type, extra),
            identity="serial" if identity else None,
            generated=expression or None,
            is_stored="VIRTUAL" not in extra.upper(),
            collation=None if is_json or self._is_usual(collation) else collation,
            comment=comment or None,
        )

    def _is_usual(self, collation: str | None) -> bool:
        """Whether it is the database's; those that tell all texts apart are worth a word."""
        return collation is None or (
            collation == self._collation and not collation.endswith("_bin")
        )

    def _spans(self, table: str) -> set[str]:
        """
        Which TIME columns hold spans of time: ten rows of the first ones are no time of day.

        That it is so tells of no row; nine would be read as NULL, or as the end of the day.
        """
        keys = {k[1] for k in self._keys[table]} | {
            part[3] for part in self._indexes[table] if part[0] == "PRIMARY"
        }  # these are looked up as they are
        times = [
            c[0] for c in self._columns[table] if re.match(r"time\b", c[3]) and c[0] not in keys
        ]
        if not times:
            return set()
        beyond = (f"SUM({quote(c)} < 0 OR {quote(c)} >= '24:00:00') >= 10" for c in times)
        sql = (
            f"SELECT {', '.join(beyond)} FROM (SELECT {', '.join(map(quote, times))}"
            f" FROM {quote(table)} LIMIT {_LOOKED_AT}) AS t"
        )
        (found,) = fetch(self._connection, sql)
        return {name for name, is_beyond in zip(times, found, strict=True) if is_beyond == "1"}

    def _unescaped(self, expression: str | None) -> str | None:
        """MySQL escapes the quotes of an expression once more; both name the database."""
        if expression and not self._server.is_mariadb:
            expression = expression.replace("\\'", "'")
        return expression and unqualified(expression, self._database)

    def _default(self, default: str | None, sql: SqlType, extra: str) -> str | None:
        """Write a default as SQL; MySQL's catalog holds the bare value of literals."""
        if default is None or default.upper() == "NULL" or _lost_default(default, sql):
            return None
        if self._server.is_mariadb or "DEFAULT_GENERATED" in extra:
            return self._unescaped(default)
        is_bare = _NUMBER.fullmatch(default) and sql.kind in ("integer", "decimal", "float")
        is_bare = is_bare or sql.kind == "boolean" or default.upper().startswith("CURRENT_TIME")
        return default if is_bare or default.startswith(("b'", "0x")) else literal(default)

    def _table_checks(self, name: str) -> Iterator[tuple[str, str]]:
        for constraint, clause in self._checks[name]:
            yield constraint, self._unescaped(clause) or ""

    def _table_indexes(self, name: str) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = defaultdict(list)
        for row in self._indexes[name]:
            found[row[0]].append(row)
        return found

    def _foreign_keys(self, child: TableName) -> Iterator[ForeignKey]:
        keys: dict[str, list[Any]] = defaultdict(list)
        for row in self._keys[child.name]:
            keys[row[0]].append(row)
        # The catalog keeps these to those who may do more than read.
        is_told = all(row[5] for row in self._keys[child.name])
        rules = {} if is_told else foreign_key_rules(self._connection, child.name)
        for name, rows in keys.items():
            _, _, schema, parent, _, on_delete, on_update = rows[0]
            on_delete, on_update = rules.get(name, (on_delete, on_update))
            if schema == self._database and self._is_known(parent):
                yield ForeignKey(
                    name=name,
                    child=child,
                    columns=tuple(row[1] for row in rows),
                    parent=TableName("", parent),
                    parent_columns=tuple(row[4] for row in rows),
                    # InnoDB takes NO ACTION for RESTRICT, and prints either.
                    on_delete="NO ACTION" if on_delete == "RESTRICT" else on_delete,
                    on_update="NO ACTION" if on_update == "RESTRICT" else on_update,
                )

    def _options(self, name: str) -> str | None:
        """What of CREATE TABLE's tail differs from the database's defaults."""
        text = take_apart(show_create_table(self._connection, name))
        tail = _KNOWN_OPTION.sub("", text.tail)
        charset = self._collation.partition("_")[0]
        for usual in (f" DEFAULT CHARSET={charset}", f" COLLATE={self._collation}"):
            if self._tables[name][3] == self._collation:
                tail = tail.replace(usual, "", 1)
        return tail.strip() or None

    def _objects(self) -> Iterator[NativeObject]:
        yield NativeObject(
            kind="default collation",
            name=self._collation,
            statement=f"ALTER DATABASE COLLATE = {self._collation}",
            before_tables=True,
        )
        for name, engine in self._remote.items():
            reason = f"its rows live elsewhere (ENGINE={engine})"
            yield NativeObject(kind="table", name=name, reason=reason)
        yield from self._column_objects()
        yield from read_objects(self._connection, self._server, self._rights)

    def _column_objects(self) -> Iterator[NativeObject]:
        """Keys to other databases, clocks that run at every UPDATE, and unreadable defaults."""
        for table in sorted(self._tables):
            for key, reason in self._lost_keys(table).items():
                yield NativeObject(kind="foreign key", name=f"{table}.{key}", reason=reason)
            if self._tables[table][1] == "SYSTEM VERSIONED":
                reason = "the server keeps earlier versions of rows, and takes them from nobody"
                yield NativeObject(kind="history of", name=table, reason=reason)
            for name, default, nullable, native, _, extra, _, _ in self._columns[table]:
                if clock := _ON_UPDATE.search(extra):
                    null = "NULL" if nullable == "YES" else "NOT NULL"
                    written = self._default(default, parse_type(native), extra)
                    value = f" DEFAULT {written}" if written else ""
                    yield NativeObject(
                        kind="on update",
                        name=f"{table}.{name}",
                        statement=f"ALTER TABLE {quote(table)} MODIFY {quote(name)} {native} "
                        f"{null}{value} ON UPDATE {clock['value']}",
                    )
                if _lost_default(default, parse_type(native)):
                    yield NativeObject(kind="default of", name=f"{table}.{name}")

    def _lost_keys(self, table: str) -> dict[str, str]:
        """Foreign keys that lead nowhere, or to where no clone may: name and reason."""
        return {
            key: f"it leads to the database {schema}"
            if schema != self._database
            else f"there is no table {parent}"
            for key, _, schema, parent, *_ in self._keys[table]
            if schema != self._database or not self._is_known(parent)
        }

    def _is_known(self, table: str) -> bool:
        return table in self._tables or table in self._denied


def _is_remote(row: Sequence[Any]) -> bool:
    return row[2] is not None and row[2].upper() in _REMOTE


def _years(columns: Sequence[Column]) -> Iterator[Check]:
    """A year is none, or one of 255 from 1901 on."""
    for column in columns:
        if type_name(column.type) == "year":
            name = quote(column.name)
            expression = f"{name} = 0 OR {name} BETWEEN 1901 AND 2155"
            yield Check(name=f"{column.name}_year", expression=expression, columns=(column.name,))


def _lost_default(default: str | None, sql: SqlType) -> bool:
    """Whether the catalog shows a binary default as text, with `?` for what is none."""
    return sql.kind == "bytes" and default is not None and not re.fullmatch(r"'?\w*'?", default)


def _is_unique(parts: Sequence[Any]) -> bool:
    """Whether an index is a unique over plain, whole columns."""
    return parts[0][1] == "0" and all(part[3] and not part[4] for part in parts)


def _indexed(part: Sequence[Any]) -> str:
    """What of a row a unique index holds: an expression, a column, or the start of a text."""
    if part[6]:
        return str(part[6])
    name = quote(part[3])
    # To tell apart what only some collations do is never wrong.
    return f"lower(left({name}, {part[4]}))" if part[4] else name


def _index(table: str, name: str, parts: Sequence[Any]) -> Index:
    """Describe an index; the statement is kept where columns alone do not tell everything."""
    columns = tuple(part[3] for part in parts if part[3])
    kind, is_unique = parts[0][2], parts[0][1] == "0"
    is_plain = kind == "BTREE" and not any(p[4] or p[6] or p[5] == "D" for p in parts)
    index = Index(name=name, columns=columns if len(columns) == len(parts) else ())
    if is_plain and not is_unique:
        return index
    words = "UNIQUE " if is_unique else f"{kind} " if kind in ("FULLTEXT", "SPATIAL") else ""
    pieces = [
        (quote(p[3]) if p[3] else f"({p[6]})")
        + (f"({p[4]})" if p[4] and kind != "SPATIAL" else "")
        + (" DESC" if p[5] == "D" else "")
        for p in parts
    ]
    using = " USING HASH" if kind == "HASH" else ""
    return replace(
        index,
        is_unique=is_unique,
        expressions=tuple(map(_indexed, parts)) if is_unique else (),
        definition=f"CREATE {words}INDEX {quote(name)} ON {quote(table)} "
        f"({', '.join(pieces)}){using}",
    )
