"""MariaDB's and MySQL's types: parsed from a column's text, read as Arrow, written as text."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dbsynth.arrow import arrow_type
from dbsynth.schema import Column, SqlType

if TYPE_CHECKING:
    import pyarrow as pa

_NATIVE = re.compile(r"(?P<name>\w+)\s*(?:\((?P<inner>.*)\))?(?P<rest>[^)]*)", re.DOTALL)
_LABEL = re.compile(r"'((?:[^'\\]|''|\\.)*)'", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"0": "\0", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a"}
_INTEGER_BITS = {"tinyint": 8, "smallint": 16, "mediumint": 32, "int": 32, "bigint": 64, "year": 16}
_FAMILIES = {"inet4": "inet", "inet6": "inet"}
_SIMPLE = {"date": "date", "time": "time", "datetime": "timestamp", "timestamp": "timestamptz"}
# Stands for a zero date where NULL cannot, on the way through Arrow.  No application means this
# day by it, as some do by 0001-01-01.
ZERO_DAY = "0001-01-03"
_FIRST = "1970-01-01 00:00:01"  # of a TIMESTAMP, in UTC
LAST_MOMENT = "2038-01-19 03:14:07"
_ZERO_MOMENT = f"{ZERO_DAY} 00:00:00"
GEOMETRIES = frozenset({
    "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon",
    "geometrycollection", "geomcollection",
})  # fmt: skip


def parse_type(native: str) -> SqlType:
    """
    Understand a column's type as information_schema spells it.

    `tinyint(1)` and `bit(1)` are booleans; longer `bit`s are unsigned integers; `set`, network
    addresses and geometries are of kind "other".
    """
    match = _NATIVE.fullmatch(native)
    name, inner = (match["name"].lower(), match["inner"] or "") if match else ("", "")
    unsigned = bool(match and "unsigned" in match["rest"])
    sizes = [int(n) for n in inner.split(",")] if re.fullmatch(r"\d+(,\d+)?", inner) else []
    if native in ("tinyint(1)", "bit(1)"):
        return SqlType(kind="boolean", native=native)
    if name in _INTEGER_BITS:
        return SqlType(kind="integer", native=native, bits=_INTEGER_BITS[name], unsigned=unsigned)
    if name == "bit":
        bits = next(b for b in (8, 16, 32, 64) if b >= sizes[0])
        return SqlType(kind="integer", native=native, bits=bits, unsigned=True)
    if name == "decimal":
        return SqlType(
            kind="decimal", native=native, precision=sizes[0], scale=sizes[1], unsigned=unsigned
        )
    if name in ("float", "double"):
        bits = 32 if name == "float" else 64
        return SqlType(kind="float", native=native, bits=bits, unsigned=unsigned)
    if name in _SIMPLE:
        return SqlType(kind=_SIMPLE[name], native=native)  # type: ignore[arg-type]
    if name == "enum":
        return SqlType(kind="enum", native=native, labels=_labels(inner))
    if name == "set":
        return SqlType(kind="other", native=native, family="set", labels=_labels(inner))
    if name in ("json", "uuid"):
        return SqlType(kind="json" if name == "json" else "uuid", native=native)
    return _text_or_bytes(name, native, sizes)


def _text_or_bytes(name: str, native: str, sizes: Sequence[int]) -> SqlType:
    length = sizes[0] if sizes else None
    if name in ("char", "varchar"):
        return SqlType(kind="string", native=native, length=length, fixed=name == "char")
    if name.endswith("text"):
        # 255 bytes hold 63 characters of any kind.
        return SqlType(kind="string", native=native, length=63 if name == "tinytext" else None)
    if name in ("binary", "varbinary"):
        return SqlType(kind="bytes", native=native, length=length, fixed=name == "binary")
    if name.endswith("blob"):
        return SqlType(kind="bytes", native=native, length=255 if name == "tinyblob" else None)
    family = "geometry" if name in GEOMETRIES else _FAMILIES.get(name, "")
    return SqlType(kind="other", native=native, family=family)


def span_type(native: str) -> SqlType:
    """A TIME column whose values are no times of day: spans, also negative ones, in seconds."""
    digits = re.search(r"\d", native)
    scale = int(digits[0]) if digits else 0
    return SqlType(
        kind="decimal", native=native, family="interval", precision=7 + scale, scale=scale
    )


def _labels(inner: str) -> tuple[str, ...]:
    def unescape(text: str) -> str:
        return _ESCAPE.sub(lambda m: _ESCAPED.get(m[1], m[1]), text.replace("''", "'"))

    return tuple(unescape(label) for label in _LABEL.findall(inner))


def type_name(sql: SqlType) -> str:
    """The bare name of a native type: `bit` of `bit(5)`."""
    return re.split(r"\W", sql.native, maxsplit=1)[0].lower()


def select_expression(column: Column, quoted: str) -> str:
    """
    The SQL that reads a column as a text that Arrow understands.

    What no other database could hold becomes NULL, or in a NOT NULL column a value that stands for
    it: `ZERO_DAY` for zero dates, the end of the day for times beyond it, an enum's first label
    for its error value ''.
    """
    kind, name = column.type.kind, type_name(column.type)
    nullable = column.is_nullable
    if kind == "boolean":
        return f"({quoted} <> 0)"
    if name == "bit":
        return f"({quoted} + 0)"
    if kind == "float":
        return f"({quoted} + 0e0)"  # a FLOAT prints six digits only, a DOUBLE all of them
    if column.type.family == "interval":
        # MySQL's TIME_TO_SEC drops what is behind the point, MariaDB's does not.
        sign = f"IF({quoted} < 0, -1, 1)"
        return f"(TRUNCATE(TIME_TO_SEC({quoted}), 0) + {sign} * MICROSECOND({quoted}) / 1000000)"
    if name in GEOMETRIES:
        number = f"IF(ST_SRID({quoted}) = 0, '', CONCAT('SRID=', ST_SRID({quoted}), ';'))"
        return f"CONCAT({number}, ST_AsText({quoted}))"
    if kind in ("date", "timestamp", "timestamptz"):
        other = "NULL" if nullable else f"'{ZERO_DAY}'" if kind == "date" else f"'{_ZERO_MOMENT}'"
        is_zero = f"YEAR({quoted}) = 0 OR MONTH({quoted}) = 0 OR DAYOFMONTH({quoted}) = 0"
        return f"IF({is_zero}, {other}, {quoted})"
    if kind == "time" and nullable:
        return f"IF({quoted} >= '00:00:00' AND {quoted} < '24:00:00', {quoted}, NULL)"
    if kind == "time":
        return f"LEAST(GREATEST({quoted}, TIME'00:00:00'), TIME'23:59:59.999999')"
    if kind == "enum" and "" not in column.type.labels:
        other = "NULL" if nullable else literal(column.type.labels[0])
        return f"IF({quoted} + 0 = 0, {other}, {quoted})"
    return quoted


def literal(text: str) -> str:
    """Write a text as a string literal, for sessions whose backslashes escape."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def to_arrow(values: Sequence[Any], sql: SqlType) -> pa.Array:
    """
    Turn one column, as the driver delivers it, into its Arrow type.

    Args:
        values: texts (bytes for binary columns) and None.
        sql: the column's type.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = arrow_type(sql)
    if sql.kind == "bytes":
        return pa.array(values, wanted)
    texts = pa.array(values, pa.string())
    if sql.kind == "boolean":
        return texts.cast(pa.int8()).cast(wanted)
    if sql.kind == "time":
        dated = pc.binary_join_element_wise(pa.scalar("1970-01-01"), texts, " ")
        return dated.cast(pa.timestamp("us")).cast(wanted)
    if sql.kind == "timestamptz":
        return texts.cast(pa.timestamp("us")).cast(wanted)
    if sql.kind == "float" and sql.bits == 32:
        return texts.cast(pa.float64()).cast(wanted)
    return texts if wanted == pa.string() else texts.cast(wanted)


def infer(values: Sequence[Any], code: int, scale: int) -> pa.Array:
    """
    Turn one column of any query's result into Arrow, by the type that the protocol tells.

    Args:
        values: texts, bytes and None.
        code: the protocol's field type.
        scale: digits behind the point.
    """
    import pyarrow as pa
    from pymysql.constants import FIELD_TYPE as F

    if code in (F.TINY, F.SHORT, F.INT24, F.LONG, F.LONGLONG, F.YEAR):
        numbers = [None if v is None else int(v) for v in values]
        is_wide = any(n is not None and n >= 1 << 63 for n in numbers)
        return pa.array(numbers, pa.uint64() if is_wide else pa.int64())
    if code in (F.FLOAT, F.DOUBLE):
        return pa.array(values, pa.string()).cast(pa.float64())
    if code in (F.DECIMAL, F.NEWDECIMAL):
        digits = max((len(v) for v in values if v is not None), default=0)
        kind = pa.decimal128(38, scale) if digits < 38 else pa.decimal256(76, scale)
        return pa.array(values, pa.string()).cast(kind)
    if code in (F.DATE, F.NEWDATE):
        return pa.array(values, pa.string()).cast(pa.date32())
    if code in (F.DATETIME, F.TIMESTAMP):
        return pa.array(values, pa.string()).cast(pa.timestamp("us"))
    is_bytes = any(isinstance(v, bytes) for v in values)
    return pa.array(values, pa.binary() if is_bytes else pa.string())


def load_expression(sql: SqlType) -> str | None:
    """
    The SQL that makes a value of a type from the text that `to_text` wrote; None: the text itself.

    `{}` stands for the text, wherever it comes.
    """
    name = type_name(sql)
    if sql.kind == "bytes":
        return "UNHEX({})"
    if name == "bit":
        return "CAST({} AS UNSIGNED)"
    if sql.family == "interval":
        return "SEC_TO_TIME({})"
    if name in GEOMETRIES:
        return (
            "ST_GeomFromText(SUBSTRING_INDEX({}, ';', -1), IF({} LIKE 'SRID=%',"
            " SUBSTRING_INDEX(SUBSTRING({}, 6), ';', 1), 0))"
        )
    return None


def fitting(values: pa.Array, sql: SqlType, last: str = LAST_MOMENT) -> pa.Array:
    """
    Write values as `to_text` does, dates and times as a column of the type can hold them.

    Args:
        values: what is to be written.
        sql: the column's type.
        last: where the server's TIMESTAMP ends.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type
    if sql.kind == "timestamptz" and pa.types.is_timestamp(kind):
        days = values.cast(pa.timestamp("us", kind.tz)).cast(pa.timestamp("us"))
        held = pc.max_element_wise(_moment(_FIRST), pc.min_element_wise(_moment(last), days))
        return _zeroed(days, pc.cast(held, pa.large_string()))
    if sql.kind in ("date", "timestamp") and (
        pa.types.is_timestamp(kind) or pa.types.is_date(kind)
    ):
        texts = to_text(values)
        return _zeroed(values, texts)
    return to_text(values)


def _zeroed(values: pa.Array, texts: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    days = values.cast(pa.date32(), safe=False)
    zero = "0000-00-00" if pa.types.is_date(values.type) else "0000-00-00 00:00:00"
    is_zero = pc.equal(days, pa.scalar(dt.date.fromisoformat(ZERO_DAY)))
    return pc.if_else(is_zero, pa.scalar(zero, pa.large_string()), texts)


def _moment(text: str) -> pa.Scalar:
    import pyarrow as pa

    return pa.scalar(dt.datetime.fromisoformat(text), pa.timestamp("us"))


def to_text(values: pa.Array) -> pa.Array:
    """
    Write values as MySQL parses them, in hexadecimal digits for bytes; nulls stay nulls.

    NaN and infinity become null: MySQL has neither.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type
    if pa.types.is_dictionary(kind):
        return to_text(values.dictionary_decode())
    if pa.types.is_boolean(kind):
        return values.cast(pa.int8()).cast(pa.large_string())
    if pa.types.is_floating(kind):
        values = pc.if_else(pc.is_finite(values), values, pa.scalar(None, kind))
    if pa.types.is_timestamp(kind):
        values = values.cast(pa.timestamp("us", kind.tz)).cast(pa.timestamp("us"))
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return _hexadecimal(values.cast(pa.large_binary()))
    return values.cast(pa.large_string())


def _hexadecimal(values: pa.Array) -> pa.Array:
    """Write bytes as hexadecimal digits, a whole column at once."""
    import numpy as np
    import pyarrow as pa

    # A concatenation starts at offset 0, whatever slice went in.
    values = pa.concat_arrays([values, pa.array([], pa.large_binary())])
    validity, offsets, data = values.buffers()
    ends = np.frombuffer(offsets, np.int64, len(values) + 1) * 2
    digits = (data.to_pybytes() if data is not None else b"").hex().encode()
    return pa.LargeStringArray.from_buffers(
        len(values), pa.py_buffer(ends.tobytes()), pa.py_buffer(digits), validity
    )
