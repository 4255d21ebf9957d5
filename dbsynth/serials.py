"""Count in types that are no integers: a value of its own for every row number."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth import numerals
from dbsynth.parts.literals import quote_element, quote_field, wrap
from dbsynth.schema import SqlType
from dbsynth.values import DAY

Words = np.ndarray[tuple[int, ...], np.dtype[np.uint64]]

_START = 1_577_836_800.0  # 2020-01-01: where dates and times begin to count
_LONG = 40  # bits that a bit string needs to count


def can_count(sql: SqlType) -> bool:
    """Whether a type has a value for each row number."""
    if sql.kind == "other":
        if sql.family in ("array", "range", "multirange"):
            return sql.element is not None and can_count(sql.element)
        if sql.family == "composite":
            return any(can_count(part) for _, part in sql.parts)
        if sql.family in ("bit", "varbit"):
            return sql.length is None or sql.length >= _LONG
        return sql.family in _COUNTS or sql.family in ("interval", "pg_lsn", "oid", "xid8")
    return sql.kind in ("string", "json", "date", "timestamp", "timestamptz") or (
        sql.kind in ("integer", "decimal", "float") and sql.bits != 16
    )


def count(sql: SqlType, numbers: Words) -> pa.Array:
    """
    Give each of (n,) numbers a value of its own.

    Args:
        sql: a type that `can_count`.
        numbers: (n,) whole numbers, 0 or more.
    """
    texts = pa.array(numbers).cast(pa.string())
    if sql.kind == "json":
        return wrap('{"id": ', texts, "}")
    if sql.kind == "string":
        return texts
    if sql.kind == "other" and sql.family in _COUNTS:
        family = "inet6" if sql.native.lower().startswith("inet6") else sql.family
        return _COUNTS[family](texts, numbers)
    if sql.element is not None:
        inner = count(sql.element, numbers)
        return _ARRANGED[sql.family](inner)
    if sql.family == "composite":
        chosen = next(i for i, (_, part) in enumerate(sql.parts) if can_count(part))
        field = quote_field(count(sql.parts[chosen][1], numbers))
        return wrap("(" + "," * chosen, field, "," * (len(sql.parts) - chosen - 1) + ")")
    floats = numbers.astype(np.float64)
    if sql.kind in ("date", "timestamp", "timestamptz"):
        return numerals.write(_START + floats * DAY, sql)
    if sql.family in ("bit", "varbit"):
        width = sql.length or 64
        return pa.array([f"{n:0{width}b}"[-width:] for n in numbers.tolist()], pa.string())
    return numerals.write(floats, sql)


def _parted(numbers: Words, template: str) -> pa.Array:
    """Fill the lowest bytes of a number into a template, the highest first."""
    size = template.count("{")
    parts = [(numbers >> np.uint64(8 * i)) & np.uint64(255) for i in reversed(range(size))]
    return pa.array([template.format(*row) for row in zip(*parts, strict=True)], pa.string())


_COUNTS: Mapping[str, Callable[[pa.Array, Words], pa.Array]] = {
    "inet": lambda _, n: _parted(n, "240.{}.{}.{}"),  # addresses that nobody has
    "inet6": lambda _, n: _parted(n, "2001:db8::{:02x}{:02x}:{:02x}{:02x}"),
    "cidr": lambda _, n: _parted(n, "240.{}.{}.{}/32"),
    "macaddr": lambda _, n: _parted(n, "02:00:{:02x}:{:02x}:{:02x}:{:02x}"),
    "macaddr8": lambda _, n: _parted(n, "02:00:00:00:{:02x}:{:02x}:{:02x}:{:02x}"),
    "ltree": lambda t, _: wrap("n", t, ""),
    "hstore": lambda t, _: wrap('"id"=>"', t, '"'),
    "tsvector": lambda t, _: wrap("'n", t, "'"),
    "tsquery": lambda t, _: wrap("'n", t, "'"),
    "xml": lambda t, _: wrap("<n>", t, "</n>"),
    "jsonpath": lambda t, _: wrap("$.n", t, ""),
    "point": lambda t, _: wrap("(", t, ",0)"),
    "set": lambda t, _: t,
    "hugeint": lambda t, _: t,
}
_ARRANGED: Mapping[str, Callable[[pa.Array], pa.Array]] = {
    "array": lambda t: wrap("{", quote_element(t), "}"),
    "range": lambda t: pc.binary_join_element_wise(
        wrap("[", quote_field(t), ","), wrap("", quote_field(t), "]"), ""
    ),
    "multirange": lambda t: wrap("{", t, "}"),
}
