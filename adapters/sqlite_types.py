"""SQLite's types: what a column declares, what its values really are, and Arrow in between."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dbsynth.arrow import arrow_type
from dbsynth.schema import Column, SqlType, Table, TypeKind

if TYPE_CHECKING:
    import pyarrow as pa

_DECLARED = re.compile(
    r"(?P<name>[^(]*?)\s*(?:\(\s*(?P<first>\d+)\s*(?:,\s*(?P<second>\d+)\s*)?\).*)?"
)
_DAY = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
_SIZES = {"TINYINT": 16, "SMALLINT": 16, "INT2": 16, "MEDIUMINT": 32}
_TIMES: dict[str, tuple[TypeKind, ...]] = {
    "DATE": ("date", "timestamp", "timestamptz"),
    "TIME": ("time",),
    "DATETIME": ("timestamp", "timestamptz", "date"),
    "TIMESTAMP": ("timestamp", "timestamptz", "date"),
    "TIMESTAMPTZ": ("timestamptz", "timestamp", "date"),
    "TIMESTAMP WITH TIME ZONE": ("timestamptz", "timestamp", "date"),
    "TIMESTAMP WITHOUT TIME ZONE": ("timestamp", "timestamptz", "date"),
}
_NAMED: dict[str, TypeKind] = {
    "BOOLEAN": "boolean", "BOOL": "boolean", "UUID": "uuid", "GUID": "uuid", "JSON": "json",
    "JSONB": "json", "NUMERIC": "decimal", "DECIMAL": "decimal",
}  # fmt: skip
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,17})(\.\d+)?(e[+-]\d+)?")
_BLOB = re.compile(r"X'((?:[0-9A-F]{2})*)'")
MIXED = "mixed"  # family of columns whose values are of several types, as text or as X'…'
_STORED: tuple[TypeKind, ...] = ("integer", "float", "string", "bytes")
# Whether a value {c} is what a kind promises, in SQL.
_FITS: dict[TypeKind, str] = {
    "boolean": "typeof({c}) = 'integer' AND {c} IN (0, 1)",
    "float": "typeof({c}) IN ('integer', 'real')",
    "bytes": "typeof({c}) = 'blob'",
    "uuid": "typeof({c}) = 'text' AND length({c}) = 36"
    " AND {c} GLOB '????????-????-????-????-????????????' AND {c} NOT GLOB '*[^-0-9A-Fa-f]*'",
    "json": "typeof({c}) <> 'blob' AND json_valid({c})",
    "date": "typeof({c}) = 'text' AND length({c}) = 10 AND date({c}, '+0 days') = {c}",
    "time": "typeof({c}) = 'text' AND length({c}) BETWEEN 8 AND 15 AND time({c}) IS NOT NULL"
    " AND {c} NOT GLOB '*[^0-9:.]*'",
    "timestamp": f"typeof({{c}}) = 'text' AND length({{c}}) IN (10, 16, 19, 21, 22, 23, 24, 25, 26)"
    f" AND {{c}} GLOB '{_DAY}*' AND date(substr({{c}}, 1, 10), '+0 days') = substr({{c}}, 1, 10)"
    " AND datetime({c}) IS NOT NULL AND substr({c}, 11) NOT GLOB '*[-+Zz]*'",
    "timestamptz": f"typeof({{c}}) = 'text' AND length({{c}}) <= 32 AND {{c}} GLOB '{_DAY}[ T]*'"
    " AND date(substr({c}, 1, 10), '+0 days') = substr({c}, 1, 10) AND datetime({c}) IS NOT NULL"
    " AND (substr({c}, 11) GLOB '*[0-9]Z' OR substr({c}, 11) GLOB '*[-+][0-9][0-9]:[0-9][0-9]')",
    "other": "1",
}


def candidates(declared: str) -> list[SqlType]:
    """
    What a declared type may mean, best first; the last one, of kind "other", fits any value.

    A declaration promises nothing in SQLite, so the values decide which candidate it is.
    """
    match = _DECLARED.fullmatch(declared.strip())
    name = " ".join(match["name"].upper().split()) if match else declared.upper()
    first = int(match["first"]) if match and match["first"] else None
    second = int(match["second"]) if match and match["second"] else 0
    found = _by_name(name, first, second, declared)
    found += [_of_kind(kind, declared) for kind in _STORED]
    mixed = SqlType(kind="string", native=declared, family=MIXED)
    return [*found, mixed, SqlType(kind="other", native=declared, family=MIXED)]


def declared_type(declared: str) -> SqlType:
    """What a declared type means as long as the column holds nothing that says otherwise."""
    return candidates(declared)[0]


def _by_name(name: str, first: int | None, second: int, native: str) -> list[SqlType]:
    if name in _TIMES:
        return [SqlType(kind=kind, native=native) for kind in _TIMES[name]]
    if name in ("NUMERIC", "DECIMAL") and first:
        scaled = SqlType(kind="decimal", native=native, precision=first, scale=second)
        return [scaled] if second <= first <= 76 else []
    if name in _NAMED:
        return [SqlType(kind=_NAMED[name], native=native)]
    if "INT" in name and name not in ("POINT", "INTERVAL"):
        return [SqlType(kind="integer", native=native, bits=_SIZES.get(name, 64))]
    if any(word in name for word in ("CHAR", "CLOB", "TEXT", "STRING")):
        limited = [SqlType(kind="string", native=native, length=first)] if first else []
        return [*limited, _of_kind("string", native)]
    if any(word in name for word in ("REAL", "FLOA", "DOUB")):
        return [_of_kind("float", native)]
    return [_of_kind("bytes" if "BLOB" in name or "BINARY" in name else "string", native)]


def _of_kind(kind: TypeKind, native: str) -> SqlType:
    return SqlType(kind=kind, native=native, bits=64 if kind in ("integer", "float") else 0)


def fits(sql: SqlType, quoted: str) -> str:
    """The SQL condition that a value of a column has to meet to be of a type."""
    if sql.kind == "integer":
        inside = f" AND {{c}} BETWEEN {-(1 << sql.bits - 1)} AND {(1 << sql.bits - 1) - 1}"
        pattern = "typeof({c}) = 'integer'" + (inside if sql.bits < 64 else "")
    elif sql.kind == "decimal":
        scale, whole = _decimals(sql)
        # Binary floating point may miss a decimal fraction by a hair.
        pattern = (
            f"typeof({{c}}) IN ('integer', 'real') AND abs({{c}}) < 1e{whole}"
            f" AND abs({{c}} - round({{c}}, {scale})) <= 1e-9 * max(1.0, abs({{c}}))"
        )
    elif sql.kind == "string" and sql.family == MIXED:
        pattern = "typeof({c}) <> 'blob'"
    elif sql.kind == "string":
        inside = f" AND length({{c}}) <= {sql.length}" if sql.length else ""
        pattern = "typeof({c}) = 'text'" + inside
    else:
        pattern = _FITS[sql.kind]
    return pattern.replace("{c}", quoted)


def _decimals(sql: SqlType) -> tuple[int, int]:
    """Digits behind and before the point."""
    if sql.precision is None:
        return 10, 15
    return sql.scale or 0, sql.precision - (sql.scale or 0)


def select_expression(sql: SqlType, quoted: str) -> str:
    """The SQL that reads a column so that `to_arrow` understands it."""
    if sql.kind == "decimal":
        scale, _ = _decimals(sql)
        fixed = f"printf('%.{scale}f', {quoted})"
        return f"CAST(CASE typeof({quoted}) WHEN 'real' THEN {fixed} ELSE {quoted} END AS TEXT)"
    if sql.kind == "other":
        blob = f"WHEN 'blob' THEN quote({quoted})"
        return f"CASE typeof({quoted}) {blob} ELSE CAST({quoted} AS TEXT) END"
    return f"CAST({quoted} AS TEXT)" if sql.kind == "json" or sql.family == MIXED else quoted


def to_arrow(values: Sequence[Any], sql: SqlType) -> pa.Array:
    """
    Turn one column, as the driver delivers it (texts as bytes), into its Arrow type.

    Raises:
        pyarrow.ArrowInvalid: a value is not of that type.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = arrow_type(sql)
    if sql.kind in ("integer", "float", "bytes"):
        return pa.array(values, wanted)
    if sql.kind == "boolean":
        return pa.array(values, pa.int8()).cast(wanted)
    texts = _texts(values)
    if sql.kind == "time":  # Arrow parses times only as part of a timestamp
        dated = pc.binary_join_element_wise("1970-01-01", texts, " ")
        return dated.cast(pa.timestamp("us")).cast(wanted)
    return texts if wanted == texts.type else texts.cast(wanted)


def infer(values: Sequence[Any]) -> pa.Array:
    """Turn one column of any query's result into Arrow, by the values themselves."""
    import pyarrow as pa

    kinds = {type(v) for v in values} - {type(None)}
    if kinds <= {int}:
        return pa.array(values, pa.int64())
    if kinds <= {int, float}:
        return pa.array(values, pa.float64())
    return _texts([v if isinstance(v, bytes | None) else str(v).encode() for v in values])


def _texts(values: Sequence[bytes | None]) -> pa.Array:
    """Decode UTF-8; in a column that is not, what cannot be decoded becomes a question mark."""
    import pyarrow as pa

    raw = pa.array(values, pa.binary())
    try:
        return raw.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([None if v is None else v.decode(errors="replace") for v in values])


def from_arrow(values: pa.Array, sql: SqlType) -> list[Any]:
    """Turn one column into what the driver takes; the column's affinity does the rest."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    kind = values.type
    if pa.types.is_boolean(kind):
        values = values.cast(pa.int8())
    elif pa.types.is_timestamp(kind):
        plain = values.cast(pa.timestamp("us", kind.tz)).cast(pa.timestamp("us")).cast(pa.string())
        plain = pc.replace_substring(plain, pattern=".000000", replacement="")
        zone = "+00:00" if sql.kind == "timestamptz" else ""
        values = pc.binary_join_element_wise(plain, zone, "")
    elif pa.types.is_time(kind):
        plain = values.cast(pa.time64("us")).cast(pa.string())
        values = pc.replace_substring(plain, pattern=".000000", replacement="")
    elif pa.types.is_decimal(kind) or pa.types.is_date(kind):
        values = values.cast(pa.string())
    elif pa.types.is_uint64(kind):
        values = values.cast(pa.string())  # beyond 2^63 the driver refuses integers
    found: list[Any] = values.to_pylist()
    is_mixed = sql.family == MIXED and pa.types.is_string(values.type)
    return [v and _stored(v, sql) for v in found] if is_mixed else found


def _stored(value: str, sql: SqlType) -> Any:
    """Undo `select_expression` for a column of mixed values; affinity does it for most."""
    if sql.kind == "other" and (blob := _BLOB.fullmatch(value)):
        return bytes.fromhex(blob[1])
    is_kept = sql.native.upper() in ("", "ANY") or "BLOB" in sql.native.upper()  # no affinity
    if is_kept and (number := _NUMBER.fullmatch(value)):
        return float(value) if number[2] or number[3] else int(value)
    return value


def native_type(table: Table, column: Column) -> tuple[SqlType, str | None]:
    """Choose a declaration for another dialect's column, and say what it cannot hold."""
    sql, lost = column.type, None
    size = f"({sql.length})" if sql.length else ""
    is_row_number = column.identity is not None and table.primary_key == (column.name,)
    match sql.kind:
        case "integer" if is_row_number or 16 < sql.bits < 64:
            native = "INTEGER"
        case "integer":
            native = "SMALLINT" if 0 < sql.bits <= 16 and not sql.unsigned else "BIGINT"
            lost = "beyond 2^63 it is inexact" if sql.unsigned and sql.bits == 64 else None
        case "decimal":
            native = f"DECIMAL({sql.precision},{sql.scale or 0})" if sql.precision else "NUMERIC"
            lost = "beyond 15 digits it is inexact" if (sql.precision or 16) > 15 else None
        case "string":
            native = f"VARCHAR{size}" if sql.length else "TEXT"
        case "enum":
            native, lost = "TEXT", "the target has no enumerations, a check lists the labels"
        case "timestamptz":
            native = "TIMESTAMP WITH TIME ZONE"
        case "other":
            native, lost = "TEXT", "the target has no such type"
        case _:
            native = _PLAIN[sql.kind]
    held = declared_type(native)
    if sql.kind == "integer" and sql.unsigned and sql.bits == 64 and not is_row_number:
        held = replace(held, unsigned=True)  # what is beyond 2^63 is written all the same
    return held, lost


_PLAIN: dict[TypeKind, str] = {
    "float": "DOUBLE", "boolean": "BOOLEAN", "uuid": "UUID", "json": "JSON", "bytes": "BLOB",
    "date": "DATE", "time": "TIME", "timestamp": "TIMESTAMP",
}  # fmt: skip
