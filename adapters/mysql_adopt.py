"""What MariaDB or MySQL make of another dialect's schema: types, key widths, collations."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import replace

from dbsynth.adapters.base import Adoption
from dbsynth.adapters.ddl import DialectRules
from dbsynth.adapters.mysql_connection import Server, quote, read_version
from dbsynth.adapters.mysql_types import literal, parse_type, type_name
from dbsynth.adapters.names import Namer
from dbsynth.adapters.translate import adopt_schema
from dbsynth.errors import TargetError
from dbsynth.schema import Column, Index, Loss, Schema, SqlType, Table, TableName

RULES = DialectRules(
    dialect="mysql",
    quote="`",
    max_identifier=64,
    folds_case=True,  # columns always, tables on some servers
    schema_wide=frozenset({"foreign key", "check"}),
    identity={"serial": "AUTO_INCREMENT"},
    wraps_defaults=True,
    backslash_escapes=True,
    comments="inline",
    actions=frozenset({"NO ACTION", "RESTRICT", "CASCADE", "SET NULL"}),
    partial_indexes=False,
)
COLLATION = "utf8mb4_bin"  # the other dialects tell upper from lower case, in unique keys too
_CHARSET = "DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"

_KEY_BYTES = 3072  # InnoDB's limit for all parts of an index together
_KEY_CHARACTERS = 255  # of a text in a key, if it declares nothing shorter
_ROW_BYTES = 60_000  # of 65,535, for the texts that are stored in the row
# Bits: the name, and MariaDB's display widths for signed and unsigned.
_INTEGERS = {
    8: ("tinyint", 4, 3), 16: ("smallint", 6, 5), 32: ("int", 11, 10), 64: ("bigint", 20, 20),
}  # fmt: skip
_PLAIN = {
    "boolean": "tinyint(1)", "uuid": "char(36)", "json": "json", "date": "date", "time": "time(6)",
    "timestamp": "datetime(6)", "timestamptz": "datetime(6)",
}  # fmt: skip
_LOST = {
    "uuid": "there is no such type",
    "timestamptz": "there is no time zone; values are in UTC",
}
_MARIADB_ONLY = {"uuid": "char(36)", "inet4": "varchar(15)", "inet6": "varchar(45)"}
_COLLATE = re.compile(r"\bCOLLATE=(\w+)")
_IN_SCRIPT = ("on update", "default of")  # what SHOW CREATE TABLE tells anyway
_Place = tuple[TableName, str]


def adopt(
    schema: Schema, server: Server, collations: AbstractSet[str], accepts: Callable[[str], bool]
) -> Adoption:
    """
    Translate a schema; the same dialect keeps everything that this server knows.

    Args:
        schema: the source's schema.
        server: the target's server.
        collations: those that the server has.
        accepts: tries a CREATE TEMPORARY TABLE.

    Raises:
        TargetError: the target takes two tables for one.
    """
    if schema.dialect == RULES.dialect and server.folds_names:
        _refuse_twins(schema)
    types = _Types(schema, server)
    adoption = adopt_schema(schema, RULES, types.choose, accepts)
    losses = list(adoption.losses)
    if schema.dialect == RULES.dialect and schema.script and _is_kin(schema, server):
        told = tuple(o for o in schema.objects if o.kind not in _IN_SCRIPT)
        return adopt_schema(replace(schema, objects=told), RULES, types.choose)
    schema = replace(schema, script=())
    if schema.dialect == RULES.dialect:
        kin = _Kin(server, collations, losses)
        return replace(adoption, schema=kin.schema(adoption.schema), losses=tuple(losses))
    tables = tuple(_finished(t, server, losses) for t in adoption.schema.tables)
    return replace(adoption, schema=replace(adoption.schema, tables=tables), losses=tuple(losses))


def _refuse_twins(schema: Schema) -> None:
    """
    Refuse tables that are one on a server that folds names; code knows them by both names.

    Raises:
        TargetError: lists them.
    """
    names: dict[str, list[str]] = defaultdict(list)
    for table in schema.tables:
        names[table.name.name.casefold()].append(table.name.name)
    twins = [" and ".join(same) for same in names.values() if len(same) > 1]
    if twins:
        raise TargetError(
            "the target's names of tables do not tell upper from lower case "
            f"(lower_case_table_names): {', '.join(twins)} would be one",
            "Leave one of them out (--exclude), or choose a server that tells them apart.",
            twins,
        )


def _is_kin(schema: Schema, server: Server) -> bool:
    """Whether a server reads what the source's wrote: the same product, and not an older one."""
    theirs, version = read_version(schema.server_version)
    return theirs == server.is_mariadb and version // 100 <= server.version // 100


class _Kin:
    """Fits a schema of MariaDB to MySQL and the other way: collations and types differ."""

    def __init__(self, server: Server, collations: AbstractSet[str], losses: list[Loss]) -> None:
        """Say what the target has, and where to note what it has not."""
        self._server = server
        self._collations = collations
        self._losses = losses

    def schema(self, schema: Schema) -> Schema:
        """Fit a schema."""
        return replace(
            schema,
            tables=tuple(map(self._table, schema.tables)),
            objects=tuple(
                replace(o, name=self._collation(o.name, "the database") or "")
                if o.kind == "default collation"
                else o
                for o in schema.objects
            ),
        )

    def _table(self, table: Table) -> Table:
        what = str(table.name)
        options = table.options and _COLLATE.sub(
            lambda m: f"COLLATE={self._collation(m[1], what)}", table.options
        )
        columns = tuple(self._column(c, f"{what}.{c.name}") for c in table.columns)
        return replace(table, options=options, columns=columns)

    def _column(self, column: Column, what: str) -> Column:
        collation, sql = self._collation(column.collation, what), column.type
        native = _MARIADB_ONLY.get(type_name(sql))
        if native and not self._server.is_mariadb:
            self._lose(f"column {what}", f"the target has no {sql.native}", f"held as {native}")
            sql = parse_type(native)
        return replace(column, collation=collation, type=sql)

    def _collation(self, name: str | None, what: str) -> str | None:
        """Name the collation, or the most usual one of its character set."""
        if name is None or name in self._collations:
            return name
        charset = name.partition("_")[0]
        other = f"{charset}_bin" if name.endswith("_bin") else f"{charset}_unicode_ci"
        if charset == "uca1400" or other not in self._collations:
            other = "utf8mb4_unicode_ci"
        self._lose(f"collation of {what}", f"the target has no {name}", other)
        return other

    def _lose(self, what: str, reason: str, instead: str) -> None:
        self._losses.append(Loss(object=what, reason=reason, instead=instead))


def index_statement(table: str, name: str, words: str, parts: str) -> str:
    """Write CREATE INDEX as the catalog reader does."""
    return f"CREATE {words}INDEX {quote(name)} ON {quote(table)} ({parts})"


class _Types:
    """Chooses column types; columns that a foreign key joins get one type, as InnoDB demands."""

    def __init__(self, schema: Schema, server: Server) -> None:
        """Find out which columns take part in keys, and in how wide ones."""
        self._server = server
        self._schema = schema
        self._up = {
            (k.child, column): (k.parent, parent)
            for k in schema.foreign_keys
            if k.when is None
            for column, parent in zip(k.columns, k.parent_columns, strict=True)
        }
        self._parts: dict[_Place, int] = defaultdict(int)  # root column -> texts in its widest key
        for table in schema.tables:
            keys = [*table.unique_sets, *(k.columns for k in table.foreign_keys)]
            for columns in keys:
                for column in columns:
                    root = self._root((table.name, column))
                    self._parts[root] = max(self._parts[root], len(columns))

    def _root(self, place: _Place) -> _Place:
        seen = {place}
        while (parent := self._up.get(place)) and parent not in seen:
            place = parent
            seen.add(place)
        return place

    def choose(self, table: Table, column: Column) -> tuple[SqlType, str | None]:
        """Choose a column's type, and say what is lost by it."""
        root = self._root((table.name, column.name))
        origin = self._schema.table(root[0]).column(root[1]).type
        native, lost = self._native(table, origin, self._parts.get(root, 0))
        return parse_type(native), lost

    def _native(self, table: Table, sql: SqlType, parts: int) -> tuple[str, str | None]:
        match sql.kind:
            case "integer":
                return self._integer(sql), None
            case "decimal":
                return _decimal(sql)
            case "float":
                return "float" if sql.bits == 32 else "double", None
            case "enum" if sql.labels:
                return f"enum({','.join(map(literal, sql.labels))})", None
            case "bytes":
                return _bytes(sql, parts)
            case "string" | "enum":
                return _string(table, sql, parts)
            case "other":
                lost = "there is no such type; values are kept as text"
                return (f"varchar({_room(parts)})" if parts else "longtext"), lost
            case _:
                return _PLAIN[sql.kind], _LOST.get(sql.kind)

    def _integer(self, sql: SqlType) -> str:
        name, signed, unsigned = _INTEGERS[sql.bits or 64]
        width = f"({unsigned if sql.unsigned else signed})" if self._server.is_mariadb else ""
        return f"{name}{width}{' unsigned' if sql.unsigned else ''}"


def _decimal(sql: SqlType) -> tuple[str, str | None]:
    if sql.precision is None:
        return "decimal(38,10)", "numbers without a limit do not exist"
    scale = min(sql.scale or 0, 30)
    precision = min(sql.precision, 65)
    lost = "65 digits, 30 of them behind the point, are the limit"
    is_lost = (precision, scale) != (sql.precision, sql.scale or 0)
    return f"decimal({precision},{scale})", lost if is_lost else None


def _bytes(sql: SqlType, parts: int) -> tuple[str, str | None]:
    if not parts:
        return ("longblob", None) if sql.length is None else (f"varbinary({sql.length})", None)
    room = min(sql.length or _KEY_CHARACTERS, _room(parts))
    return f"varbinary({room})", None if room == sql.length else "a key cannot hold longer bytes"


def _string(table: Table, sql: SqlType, parts: int) -> tuple[str, str | None]:
    if parts:
        room = min(sql.length or _KEY_CHARACTERS, _room(parts))
        lost = None if room == sql.length else "a key cannot hold longer texts"
        is_char = sql.fixed and room <= 255
        return f"{'char' if is_char else 'varchar'}({room})", lost
    if sql.length is None:
        return "longtext", None
    if sql.fixed and sql.length <= 255:
        return f"char({sql.length})", None
    declared = sum(4 * (c.type.length or 0) for c in table.columns if c.type.kind == "string")
    if sql.length > 255 and declared > _ROW_BYTES:
        return "longtext", "all texts of a row together are too long; the length is not checked"
    return f"varchar({sql.length})", None


def _room(parts: int) -> int:
    """The characters that each of several parts of a key may have."""
    return min(768, _KEY_BYTES // 4 // max(parts, 1))


def _finished(table: Table, server: Server, losses: list[Loss]) -> Table:
    """Add what only this dialect has: the collation, prefix indexes, nullable generated columns."""
    columns = tuple(
        replace(c, is_nullable=True) if c.generated and server.is_mariadb else c
        for c in _numbered_once(table, losses)
    )
    columns = tuple(
        replace(c, collation=COLLATION) if c.type.kind in ("string", "enum") else c for c in columns
    )
    table = replace(table, columns=columns, options=_CHARSET)
    table = replace(table, indexes=tuple(_indexes(table, losses)))
    return replace(table, indexes=(*table.indexes, *_demanded(table)))


def _numbered_once(table: Table, losses: list[Loss]) -> Iterator[Column]:
    """Let the server number one column only: the primary key's first, else the first of all."""
    numbered = [c.name for c in table.columns if c.identity]
    kept = next((c for c in numbered if table.primary_key[:1] == (c,)), "".join(numbered[:1]))
    for column in table.columns:
        if column.identity and column.name != kept:
            losses.append(
                Loss(
                    object=f"identity of column {table.name}.{column.name}",
                    reason="a table has one numbered column at most",
                    instead="an ordinary column",
                )
            )
            yield replace(column, identity=None)
            continue
        yield column


def _demanded(table: Table) -> Iterator[Index]:
    """Index what the server demands: it leads with a numbered column, or with a foreign key."""
    leading = [table.primary_key, *(u.columns for u in table.uniques)]
    leading += [i.columns for i in table.indexes if i.definition is None]
    names = {i.name for i in table.indexes} | {u.name for u in table.uniques}
    wanted: list[tuple[str, tuple[str, ...]]] = [
        (f"{c.name}_number", (c.name,)) for c in table.columns if c.identity
    ]
    wanted += [(k.name, k.columns) for k in table.foreign_keys if k.is_declared]
    for name, columns in wanted:
        if not any(known[: len(columns)] == columns for known in leading):
            namer = Namer(RULES)
            namer.reserve(names)
            taken = namer.take(name)
            names.add(taken)
            leading.append(columns)
            yield Index(name=taken, columns=columns)


def _indexes(table: Table, losses: list[Loss]) -> Iterator[Index]:
    """Index only the start of long texts."""
    for index in table.indexes:
        room = _room(len(index.columns))
        parts, is_cut = [], False
        for name in index.columns:
            sql = table.column(name).type
            limit = room if sql.kind in ("string", "other", "json") else 4 * room
            is_long = sql.kind in ("string", "bytes", "json", "other") and (
                sql.length is None or sql.length > limit
            )
            is_cut |= is_long
            parts.append(quote(name) + (f"({min(limit, 191)})" if is_long else ""))
        if any(type_name(table.column(n).type) == "json" for n in index.columns):
            losses.append(Loss(object=f"index {table.name}.{index.name}",
                               reason="JSON cannot be indexed", instead="left out"))  # fmt: skip
            continue
        statement = index_statement(table.name.name, index.name, "", ", ".join(parts))
        yield replace(index, definition=statement) if is_cut else index
