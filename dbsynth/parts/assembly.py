"""
How parts become values: objects, rows, ranges, intervals, addresses, shapes; lists and maps.

A style names what is put together.  Records of the flat styles take numbers as floats, because what
they print is worked out from several of them: a range's upper end is its lower end and its width.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth import numerals
from dbsynth.features import Floats, Ints
from dbsynth.parts.geometries import write_geometry
from dbsynth.parts.literals import (
    hexadecimal,
    join_lists,
    join_numbers,
    join_present,
    join_range,
    nest,
    quote_element,
    quote_field,
    quote_json,
    quote_pair,
    quote_text,
    repeated,
    wrap,
)
from dbsynth.schema import SqlType

Parts = Mapping[str, Any]  # name -> (n,) floats, or texts where the part is no number

_FLOAT = SqlType(kind="float", native="double precision", bits=64)
_MOST_POINTS = 64
# Shapes: their numbers, and how the text is made of them.
_POINTS = {
    "point": "(%x,%y)",
    "lseg": "[(%x,%y),(%x2,%y2)]",
    "box": "(%x2,%y2),(%x,%y)",
    "circle": "<(%x,%y),%r>",
    "line": "{%a,%b,%c}",
    "tid": "(%block,%offset)",
}


def is_flat(style: str) -> bool:
    """Whether records of a style want floats, not texts, for their numbers."""
    return style in _FLAT


def join_record(
    style: str, sql: SqlType, names: Sequence[str], parts: Sequence[Any], rows: int
) -> pa.Array:
    """
    Put records together.

    Args:
        style: what they are.
        sql: the type that they are of.
        names: of the parts; may come again.
        parts: (rows,) each: texts, null where a part is absent; floats and NaN in flat styles.
        rows: how many.
    """
    if style in _FLAT:
        return _FLAT[style](sql, dict(zip(names, parts, strict=True)), rows)
    if style == "composite":
        fields = [quote_field(p) for p in parts]
        joined = pc.binary_join_element_wise(*fields, ",") if fields else repeated("", rows)
        return wrap("(", joined, ")")
    if style == "hstore":
        quoted = [wrap(f"{quote_text(n)}=>", p, "") for n, p in zip(names, parts, strict=True)]
        return join_present(quoted, rows)
    is_json = style != "struct"
    keys = [json.dumps(n, ensure_ascii=False) if is_json else quote_text(n, "'") for n in names]
    pieces = [wrap(f"{k}: ", p, "") for k, p in zip(keys, parts, strict=True)]
    return wrap("{", join_present(pieces, rows), "}")


def join_items(
    style: str, sql: SqlType, texts: pa.Array, lengths: Ints, bounds: Sequence[str]
) -> pa.Array:
    """Put lists together of consecutive texts, so many for each; `bounds` of arrays, if any."""
    if style == "array":
        mark = ";" if sql.element is not None and sql.element.family == "box" else ","
        elements = quote_element(texts, mark)
        if bounds:
            return _bounded(elements, lengths, bounds, mark)
        return wrap("{", join_lists(elements, lengths, mark), "}")
    opening, mark, closing = {
        "json": ("[", ", ", "]"), "vector": ("[", ",", "]"), "list": ("[", ", ", "]"),
        "multirange": ("{", ",", "}"), "set": ("", ",", ""),
        "oidvector": ("", " ", ""),
    }[style]  # fmt: skip
    return wrap(opening, join_lists(texts, lengths, mark), closing)


def join_map(style: str, names: pa.Array, texts: pa.Array, lengths: Ints) -> pa.Array:
    """Put maps together: consecutive names and texts, so many for each."""
    if style == "hstore":
        pairs = pc.binary_join_element_wise(names, texts, "=>")
        return join_lists(pairs, lengths, ", ")
    pairs = pc.binary_join_element_wise(names, texts, "=" if style == "map" else ": ")
    return wrap("{", join_lists(pairs, lengths, ", "), "}")


def quoted(texts: pa.Array, quotes: str) -> pa.Array:
    """Quote texts as strings of JSON or of hstore; "": as they are."""
    if quotes == "json":
        return quote_json(texts)
    return quote_pair(texts) if quotes == "hstore" else texts


def plain_text(values: pa.Array, sql: SqlType) -> pa.Array:
    """Write made or labelled values as text."""
    if sql.kind == "bytes":
        return pa.array([None if v is None else f"\\x{v.hex()}" for v in values.to_pylist()])
    return values.cast(pa.string())


def volume(bounds: str) -> int:
    """
    Count the elements of an array with these bounds.

    >>> volume("[0:1][1:3]")
    6
    """
    return int(np.prod(_sizes(bounds)))


def _sizes(bounds: str) -> list[int]:
    pairs = re.findall(r"\[(-?\d+):(-?\d+)\]", bounds)
    return [int(high) - int(low) + 1 for low, high in pairs]


def _bounded(elements: pa.Array, lengths: Ints, bounds: Sequence[str], mark: str) -> pa.Array:
    texts, place, found = elements.to_pylist(), 0, []
    for length, bound in zip(lengths.tolist(), bounds, strict=True):
        body = nest(texts[place : place + length], _sizes(bound), mark)
        found.append(f"{bound}={body}")
        place += length
    return pa.array(found, pa.string())


# --- flat styles ---------------------------------------------------------------------------------


def _range(sql: SqlType, parts: Parts, rows: int) -> pa.Array:
    assert sql.element is not None
    if "width" not in parts:  # its ends have no distance: it holds one value
        lower = parts["lower"]
        brackets = pc.if_else(pc.is_valid(lower), "[]", pa.scalar(None, pa.string()))
        return join_range(lower, lower, brackets)
    start = _floats(parts, "lower", rows)
    end = np.where(np.isnan(start), _floats(parts, "upper", rows), start + _width(parts, rows))
    # Both are rounded as their type is before they are written, so none comes before the other.
    lower, upper = (numerals.write(v, sql.element) for v in (start, end))
    return join_range(lower, upper, parts["brackets"])


def _width(parts: Parts, rows: int) -> Floats:
    return np.maximum(_floats(parts, "width", rows), 0.0)


def _interval(_: SqlType, parts: Parts, rows: int) -> pa.Array:
    months, days = (np.nan_to_num(_floats(parts, p, rows)) for p in ("months", "days"))
    seconds = np.nan_to_num(_floats(parts, "seconds", rows))
    texts = {
        "m": _whole(months),
        "d": _whole(days),
        "s": pa.array(np.round(seconds, 6)).cast(pa.string()),
    }
    return join_numbers("%m months %d days %s seconds", texts)


def _timetz(_: SqlType, parts: Parts, __: int) -> pa.Array:
    clock = numerals.write(parts["clock"], SqlType(kind="time", native="time"))
    return pc.binary_join_element_wise(clock, parts["zone"], "")


def _shape(template: str) -> Callable[[SqlType, Parts, int], pa.Array]:
    def join(_: SqlType, parts: Parts, rows: int) -> pa.Array:
        numbers = {n: _floats(parts, n, rows) for n in parts}
        if "w" in parts:
            numbers["x2"], numbers["y2"] = numbers["x"] + numbers["w"], numbers["y"] + numbers["h"]
        if "a" in parts:  # a line needs a direction
            numbers["a"] = np.where((numbers["a"] == 0) & (numbers["b"] == 0), 1.0, numbers["a"])
        if "block" in parts:
            return join_numbers(template, {n: _whole(v) for n, v in numbers.items()})
        return join_numbers(template, {n: numerals.write(v, _FLOAT) for n, v in numbers.items()})

    return join


def _points(_: SqlType, parts: Parts, rows: int) -> pa.Array:
    """Paths and polygons: so many points around a middle; what lies where is not kept."""
    x, y, radius, points = (_floats(parts, n, rows).tolist() for n in ("x", "y", "r", "points"))
    ends = parts["ends"].to_pylist() if "ends" in parts else ["("] * rows
    return pa.array(
        [
            end + ",".join(_around(*place)) + {"(": ")", "[": "]"}[end]
            for end, *place in zip(ends, x, y, radius, points, strict=True)
        ],
        pa.string(),
    )


def _around(x: float, y: float, radius: float, points: float) -> list[str]:
    count = int(np.clip(round(points), 1, _MOST_POINTS))
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return [
        f"({round(x + radius * c, 6)!r},{round(y + radius * s, 6)!r})"
        for c, s in zip(np.cos(angles).tolist(), np.sin(angles).tolist(), strict=True)
    ]


def _address(sql: SqlType, parts: Parts, rows: int) -> pa.Array:
    """Network addresses; those of networks have no bits behind their mask."""
    four = parts["ip"] if "ip" in parts else pa.nulls(rows, pa.string())
    six = parts["ipv6"] if "ipv6" in parts else pa.nulls(rows, pa.string())
    six = hexadecimal(six)
    hosts = pc.coalesce(four, six)
    masks = _floats(parts, "mask", rows) if "mask" in parts else np.full(rows, np.nan)
    longest = np.where(np.asarray(four.is_valid()), 32.0, 128.0)  # masks of both kinds are learned
    digits = pc.fill_null(wrap("/", _whole(np.clip(masks, 0.0, longest)), ""), "")
    texts = pc.binary_join_element_wise(hosts, digits, "")
    if sql.family != "cidr":
        return texts
    networks = [str(ipaddress.ip_network(t, strict=False)) for t in texts.to_pylist()]
    return pa.array(networks, pa.string())


def _geometry(_: SqlType, parts: Parts, rows: int) -> pa.Array:
    numbers = (_floats(parts, n, rows).tolist() for n in ("x", "y", "r", "points"))
    rows_of = zip(parts["kind"].to_pylist(), *numbers, strict=True)
    return pa.array([write_geometry(k, x, y, r, n) for k, x, y, r, n in rows_of], pa.string())


def _path(_: SqlType, parts: Parts, rows: int) -> pa.Array:
    """Paths of labels, which are words of letters, digits and underscores."""
    labels = [pc.replace_substring_regex(p, r"[^A-Za-z0-9_]", "_") for p in parts.values()]
    return join_present(labels, rows, ".")


def _floats(parts: Parts, name: str, rows: int) -> Floats:
    values: Floats = parts[name] if name in parts else np.full(rows, np.nan)
    return values


def _whole(values: Floats) -> pa.Array:
    missing = np.isnan(values)
    return pa.array(np.where(missing, 0, np.round(values)).astype(np.int64), mask=missing).cast(
        pa.string()
    )


_FLAT: Mapping[str, Callable[[SqlType, Parts, int], pa.Array]] = {
    "range": _range, "interval": _interval, "timetz": _timetz, "inet": _address,
    "path": _points, "ltree": _path, "geometry": _geometry,
    **{style: _shape(template) for style, template in _POINTS.items()},
}  # fmt: skip
