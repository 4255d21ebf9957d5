"""DuckDB's types: parsed from their text, read as Arrow, chosen for other dialects' columns."""

from __future__ import annotations

import re
from collections.abc import Callable

from dbsynth.schema import Column, SqlType, Table, TableName, TypeKind

_INTEGERS = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64}
_NAMES = {bits: name for name, bits in _INTEGERS.items()}
_PLAIN: dict[str, TypeKind] = {
    "BOOLEAN": "boolean", "VARCHAR": "string", "BLOB": "bytes", "DATE": "date", "TIME": "time",
    "TIMESTAMP": "timestamp", "TIMESTAMP_S": "timestamp", "TIMESTAMP_MS": "timestamp",
    "TIMESTAMP_NS": "timestamp", "TIMESTAMP WITH TIME ZONE": "timestamptz", "UUID": "uuid",
    "JSON": "json",
}  # fmt: skip
_NATIVE = {kind: name for name, kind in reversed(_PLAIN.items())}
_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")
_LABEL = re.compile(r"'((?:[^']|'')*)'")
_TEXTUAL = frozenset({"enum", "uuid", "json", "other"})
_SUFFIX = re.compile(r"(.*)\[(\d*)\]", re.DOTALL)
_NESTED = re.compile(r"(STRUCT|MAP|UNION)\((.*)\)", re.DOTALL)
_FIELD = re.compile(r'(?:"((?:[^"]|"")*)"|(\w+)) (.*)', re.DOTALL)
_FAMILIES = {
    "HUGEINT": "hugeint", "UHUGEINT": "hugeint", "BIGNUM": "hugeint", "INTERVAL": "interval",
    "TIME WITH TIME ZONE": "timetz", "BIT": "bit",
}  # fmt: skip
DOCUMENTS = frozenset({"list", "struct", "map", "union"})  # families that travel as JSON


def parse_type(native: str) -> SqlType:
    """Understand a column's type as `duckdb_columns()` spells it."""
    if native in _PLAIN:
        return SqlType(kind=_PLAIN[native], native=native)
    unsigned = native.startswith("U")
    bits = _INTEGERS.get(native[1:] if unsigned else native)
    if bits is not None:
        return SqlType(kind="integer", native=native, bits=bits, unsigned=unsigned)
    if native in ("FLOAT", "DOUBLE"):
        return SqlType(kind="float", native=native, bits=32 if native == "FLOAT" else 64)
    if match := _DECIMAL.fullmatch(native):
        return SqlType(kind="decimal", native=native, precision=int(match[1]), scale=int(match[2]))
    if native.startswith("ENUM(") and native.endswith(")"):
        labels = tuple(m.replace("''", "'") for m in _LABEL.findall(native))
        return SqlType(kind="enum", native=native, labels=labels)
    return _nested_type(native)


def _nested_type(native: str) -> SqlType:
    """Understand a type that is made of others; families as DuckDB calls them, lower case."""
    if match := _SUFFIX.fullmatch(native):
        size = int(match[2]) if match[2] else None
        element = parse_type(match[1])
        return SqlType(kind="other", native=native, family="list", element=element, length=size)
    if match := _NESTED.fullmatch(native):
        fields = [_FIELD.fullmatch(part) for part in _split(match[2])]
        parts = [((f[1] or f[2] or "").replace('""', '"'), parse_type(f[3])) for f in fields if f]
        if match[1] == "MAP":
            parts = list(zip(("key", "value"), map(parse_type, _split(match[2])), strict=True))
        return SqlType(kind="other", native=native, family=match[1].lower(), parts=tuple(parts))
    return SqlType(kind="other", native=native, family=_FAMILIES.get(native, native.lower()))


def _split(text: str) -> list[str]:
    """Cut at the commas that are neither in parentheses nor in quotes."""
    parts, depth, mark = [""], 0, ""
    for sign in text:
        if mark:
            mark = "" if sign == mark else mark
        elif sign in "'\"":
            mark = sign
        depth += (sign in "([") - (sign in ")]") if not mark else 0
        if sign == "," and not depth and not mark:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts]


def select_expression(sql: SqlType, quoted: str) -> str:
    """The SQL that reads a column as number, time or bytes where Arrow has that, else as text."""
    if sql.family in DOCUMENTS and not _holds_bytes(sql):
        return f"CAST(to_json({quoted}) AS VARCHAR)"
    return f"CAST({quoted} AS VARCHAR)" if sql.kind in _TEXTUAL else quoted


def _holds_bytes(sql: SqlType) -> bool:
    """JSON has no bytes: values that hold them travel as DuckDB's own text."""
    return any(word in sql.native for word in ("BLOB", "BIT"))


def insert_expression(sql: SqlType, quoted: str) -> str:
    """
    The SQL that turns what a batch holds into a column's value.

    JSON must name every field of a struct; what does not is parsed as DuckDB's own text, which may
    leave some out.
    """
    if sql.family not in DOCUMENTS:
        return quoted
    text = f"CAST({quoted} AS {sql.native})"
    if _holds_bytes(sql):
        return text
    return f"coalesce(TRY_CAST(TRY_CAST({quoted} AS JSON) AS {sql.native}), {text})"


def native_type(
    enum_schema: Callable[[str], str],
) -> Callable[[Table, Column], tuple[SqlType, str | None]]:
    """
    Make the function that chooses a type for another dialect's column and says what is lost.

    Args:
        enum_schema: the target's schema for a source's schema.
    """

    def choose(_: Table, column: Column) -> tuple[SqlType, str | None]:
        sql, lost = column.type, None
        match sql.kind:
            case "integer":
                native = ("U" if sql.unsigned else "") + _NAMES[sql.bits or 64]
            case "decimal" if sql.precision is None:
                native, lost = "DECIMAL(38,10)", "at most 28 digits before the point, 10 behind"
            case "decimal" if (sql.precision or 0) > 38:
                native, lost = "VARCHAR", "the target has no decimals beyond 38 digits"
            case "decimal":
                native = f"DECIMAL({sql.precision},{sql.scale or 0})"
            case "float":
                native = "FLOAT" if sql.bits == 32 else "DOUBLE"
            case "enum":
                native = _enum(sql.labels)
            case "other":
                native, lost = "VARCHAR", "the target has no such type"
            case _:
                native = _NATIVE[sql.kind]
                lost = "lengths are not enforced" if sql.length else None
        chosen = parse_type(native)
        if sql.enum_name is not None:
            name = TableName(enum_schema(sql.enum_name.schema), sql.enum_name.name)
            chosen = SqlType(kind="enum", native=native, labels=sql.labels, enum_name=name)
        return chosen, lost

    return choose


def _enum(labels: tuple[str, ...]) -> str:
    quoted = ", ".join("'" + label.replace("'", "''") + "'" for label in labels)
    return f"ENUM({quoted})"
