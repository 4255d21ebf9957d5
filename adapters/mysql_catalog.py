"""MariaDB's and MySQL's catalogs, turned into a `Schema`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dbsynth import queries
from dbsynth.adapters.mysql_connection import Server, fetch, quote
from dbsynth.adapters.mysql_types import literal, parse_type
from dbsynth.errors import PermissionDeniedError
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
from dbsynth.schema import Sequence as SqlSequence

if TYPE_CHECKING:
    from pymysql.connections import Connection

_TABLES = ("BASE TABLE", "SYSTEM VERSIONED")
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


def names(connection: Connection[Any], database: str) -> Names:
    """List tables, sequences and views, without the reserved table."""
    rows = fetch(connection, queries.get("mysql", "tables"), [database])
    return Names(
        tuple(row[0] for row in rows if row[1] in _TABLES),
        tuple(row[0] for row in rows if row[1] == "SEQUENCE"),
        tuple(row[0] for row in rows if row[1] in ("VIEW", "SYSTEM VIEW")),
    )


def read_schema(connection: Connection[Any], server: Server) -> Schema:
    """
    Read the shape of the session's database.

    Raises:
        PermissionDeniedError: a foreign key leads to a table that this user cannot see.
    """
    return _Catalog(connection, server).schema()


class _Catalog:
    """All catalog rows of one database, grouped by table."""

    def __init__(self, connection: Connection[Any], server: Server) -> None:
        """Read the catalogs."""
        self._connection = connection
        self._server = server
        self._database = server.identity.database
        self._tables = {row[0]: row for row in self._rows("tables") if row[1] in _TABLES}
        self._columns = self._grouped("columns")
        self._checks = self._grouped("checks")
        self._indexes = self._grouped("indexes")
        self._keys = self._grouped("foreign_keys")
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
        self._require_parents()
        return Schema(
            dialect="mysql",
            server_version=self._server.text,
            tables=tuple(sorted(map(self._table, self._tables), key=lambda t: t.name)),
            sequences=tuple(self._sequences()),
            objects=tuple(self._objects()),
        )

    def _require_parents(self) -> None:
        """Tables without any right are invisible; a key that leads to one gives them away."""
        hidden = sorted({
            key[3]
            for keys in self._keys.values()
            for key in keys
            if key[2] == self._database and key[3] not in self._tables
        })  # fmt: skip
        if hidden:
            raise PermissionDeniedError(
                f"this user cannot see {', '.join(hidden)}, which foreign keys refer to",
                f"Grant SELECT on {quote(self._database)}.* to this user.",
                problems=hidden,
            )

    def _table(self, name: str) -> Table:
        _, _, _, collation, comment = self._tables[name]
        table = TableName("", name)
        checks = dict(self._table_checks(name))
        json = {m["column"] for c in checks.values() if (m := _JSON_CHECK.fullmatch(c))}
        columns = tuple(self._column(row, collation, json) for row in self._columns[name])
        indexes = self._table_indexes(name)
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
            indexes=tuple(
                _index(name, index, parts)
                for index, parts in indexes.items()
                if not _is_unique(parts)
            ),
            options=self._options(name),
            comment=comment or None,
        )

    def _column(self, row: Sequence[Any], table_collation: str, json: set[str]) -> Column:
        name, default, nullable, native, collation, extra, generated, comment = row
        is_json = native == "longtext" and name.replace("`", "``") in json
        sql_type = parse_type("json" if is_json else native)
        identity, expression = "auto_increment" in extra.lower(), self._unescaped(generated)
        return Column(
            name=name,
            type=sql_type,
            is_nullable=nullable == "YES",
            default=None if identity or expression else self._default(default, sql_type, extra),
            identity="serial" if identity else None,
            generated=expression or None,
            is_stored="VIRTUAL" not in extra.upper(),
            collation=collation if collation != table_collation and not is_json else None,
            comment=comment or None,
        )

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
        for name, rows in keys.items():
            _, _, schema, parent, _, on_delete, on_update = rows[0]
            if schema == self._database:
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
        ((_, statement),) = fetch(self._connection, f"SHOW CREATE TABLE {quote(name)}")
        tail = _KNOWN_OPTION.sub("", statement[statement.rindex("\n)") + 2 :])
        charset = self._collation.partition("_")[0]
        for usual in (f" DEFAULT CHARSET={charset}", f" COLLATE={self._collation}"):
            if self._tables[name][3] == self._collation:
                tail = tail.replace(usual, "", 1)
        return tail.strip() or None

    def _sequences(self) -> Iterator[SqlSequence]:
        for name in names(self._connection, self._database).sequences:
            ((_, statement),) = fetch(self._connection, f"SHOW CREATE SEQUENCE {quote(name)}")
            ((start, increment),) = fetch(
                self._connection, f"SELECT start_value, increment FROM {quote(name)}"
            )
            yield SqlSequence(
                name=TableName("", name),
                start=int(start),
                increment=int(increment),
                native=statement,
            )

    def _objects(self) -> Iterator[NativeObject]:
        yield NativeObject(
            kind="default collation",
            name=self._collation,
            statement=f"ALTER DATABASE COLLATE = {self._collation}",
            before_tables=True,
        )
        yield from self._column_objects()
        for name, select, option in self._rows("views"):
            yield NativeObject(kind="view", name=name, statement=self._view(name, select, option))
        for name, table, timing, event, body in self._rows("triggers"):
            yield NativeObject(
                kind="trigger",
                name=name,
                statement=f"CREATE TRIGGER {quote(name)} {timing} {event} ON {quote(table)} "
                f"FOR EACH ROW {unqualified(body, self._database)}",
            )
        for kind, name in self._rows("routines", 2):
            yield NativeObject(kind=kind, name=name, statement=self._routine(kind, name))

    def _routine(self, kind: str, name: str) -> str | None:
        """Write CREATE FUNCTION or PROCEDURE, owned by whoever runs it; events stay behind."""
        if kind not in ("function", "procedure"):
            return None
        ((_, _, statement, *_),) = fetch(self._connection, f"SHOW CREATE {kind} {quote(name)}")
        return statement and unqualified(_DEFINER.sub("CREATE ", statement, 1), self._database)

    def _column_objects(self) -> Iterator[NativeObject]:
        """Keys to other databases, clocks that run at every UPDATE, and unreadable defaults."""
        for table in sorted(self._tables):
            for key, _, schema, *_ in self._keys[table]:
                if schema != self._database:
                    yield NativeObject(kind="foreign key to another database", name=key)
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

    def _view(self, name: str, select: str, option: str) -> str | None:
        """Write CREATE VIEW, unless its text is hidden or leads to another database."""
        body = unqualified(select, self._database)
        if not body or re.search(r"`\.`(?:[^`]|``)+`\.`", _without_strings(body)):
            return None
        tail = f" WITH {option} CHECK OPTION" if option != "NONE" else ""
        return f"CREATE VIEW {quote(name)} AS {body}{tail}"


_DEFINER = re.compile(r"CREATE DEFINER=(?:`(?:[^`]|``)*`@?)+ ")
_STRING = re.compile(r"'(?:[^'\\]|''|\\.)*'", re.DOTALL)


def unqualified(sql: str, database: str) -> str:
    """Take the database's own name out of an expression, except inside string literals."""
    prefix = quote(database) + "."
    pieces, end = [], 0
    for match in _STRING.finditer(sql):
        pieces += [sql[end : match.start()].replace(prefix, ""), match[0]]
        end = match.end()
    return "".join([*pieces, sql[end:].replace(prefix, "")])


def _without_strings(sql: str) -> str:
    return _STRING.sub("''", sql)


def _lost_default(default: str | None, sql: SqlType) -> bool:
    """Whether the catalog shows a binary default as text, with `?` for what is none."""
    return sql.kind == "bytes" and default is not None and not re.fullmatch(r"'?\w*'?", default)


def _is_unique(parts: Sequence[Any]) -> bool:
    """Whether an index is a unique over plain, whole columns."""
    return parts[0][1] == "0" and all(part[3] and not part[4] for part in parts)


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
        definition=f"CREATE {words}INDEX {quote(name)} ON {quote(table)} "
        f"({', '.join(pieces)}){using}",
    )
