"""
Take apart the texts of every type that is made of parts: into lists, rows, or numbers and words.

What falls into a few numbers and words has a flat style, see `assembly`, which puts it together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from dbsynth import numerals
from dbsynth.parts.geometries import split_geometry
from dbsynth.parts.literals import (
    parse_array,
    parse_hstore,
    parse_multirange,
    parse_range,
    parse_row,
)
from dbsynth.schema import SqlType

Flat = dict[str, Any]  # part -> float or text; absent parts are left out

FLOAT = SqlType(kind="float", native="double precision", bits=64)
INTEGER = SqlType(kind="integer", native="bigint", bits=64)
BOOLEAN = SqlType(kind="boolean", native="boolean")
TEXT = SqlType(kind="string", native="text")
DOCUMENTS = frozenset({"list", "struct", "map", "union"})  # DuckDB's: they travel as JSON
LISTS = frozenset({"multirange", "vector", "set", "oidvector"})
_DEEPEST = 16  # labels of a path that are learned
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|Infinity|NaN)")
_TIMETZ = re.compile(r"(\d+):(\d+):(\d+(?:\.\d+)?)([+-].*)")


def take_apart(text: str, sql: SqlType) -> Any:
    """
    Take one value apart, one level deep.

    Returns:
        `Pairs` of an hstore, texts and None of a row or list, bounds and elements of an array;
        None of a type that has no parts.
    """
    match sql.family:
        case "hstore":
            return parse_hstore(text)
        case "composite":
            row = parse_row(text)
            return row if len(row) == len(sql.parts) else [None] * len(sql.parts)
        case "array":
            is_box = sql.element is not None and sql.element.family == "box"
            return parse_array(text, ";" if is_box else ",")
        case "multirange":
            return parse_multirange(text)
        case "vector":
            return text[1:-1].split(",")
        case "set":
            return text.split(",") if text else []
        case "oidvector":
            return text.split()
    return None


def element_of(sql: SqlType) -> SqlType:
    """Say of which type the elements of a list are."""
    if sql.element is not None:
        return sql.element
    if sql.family == "set":
        return SqlType(kind="enum", native="enum", labels=sql.labels)
    return {"vector": FLOAT, "oidvector": INTEGER}.get(sql.family, TEXT)


def flat_style(sql: SqlType) -> str:
    """Name the flat style of a type's values; "" if they have none."""
    return _STYLES.get(sql.family, "")


def flat_parts(style: str, sql: SqlType) -> dict[str, tuple[SqlType, str]]:
    """List the parts of a flat style: their type, and a word to use where none is learned."""
    if style == "range" and not _has_distance(sql):
        assert sql.element is not None
        return {"lower": (sql.element, "")}
    return _PARTS[style]


def split_flat(texts: Sequence[str], sql: SqlType) -> list[Flat]:
    """Take values of a flat style apart."""
    if sql.family == "range":
        return _ranges(texts, sql)
    split = _SPLIT[sql.family]
    return [split(text) for text in texts]


def _has_distance(sql: SqlType) -> bool:
    return sql.element is not None and numerals.is_numeral(sql.element)


def _ranges(texts: Sequence[str], sql: SqlType) -> list[Flat]:
    assert sql.element is not None
    parsed = [parse_range(text) for text in texts]
    if not _has_distance(sql):
        return [{} if p is None or p[0] is None else {"lower": p[0]} for p in parsed]
    lower, upper = (
        numerals.read(pa.array([p and p[i] for p in parsed], pa.string()), sql.element)
        for i in (0, 1)
    )
    found: list[Flat] = []
    for bounds, low, high in zip(parsed, lower.tolist(), upper.tolist(), strict=True):
        parts: Flat = {}
        if bounds is not None:
            parts["brackets"] = bounds[2]
            is_open = not np.isfinite(low)  # nothing is counted from an infinite end
            if not is_open:
                parts["lower"] = low
            if not np.isnan(high):
                parts["upper" if is_open else "width"] = high if is_open else high - low
        found.append(parts)
    return found


def _timetz(text: str) -> Flat:
    match = _TIMETZ.fullmatch(text)
    assert match is not None
    hours, minutes, seconds, zone = match.groups()
    return {"clock": int(hours) * 3600 + int(minutes) * 60 + float(seconds), "zone": zone}


def _address(text: str) -> Flat:
    host, _, mask = text.partition("/")
    parts: Flat = {"ipv6" if ":" in host else "ip": host}
    return parts | ({"mask": float(mask)} if mask else {})


def _numbers(*names: str) -> Callable[[str], Flat]:
    def split(text: str) -> Flat:
        return dict(zip(names, _floats(text), strict=True))

    return split


def _floats(text: str) -> list[float]:
    return [float(n) for n in _NUMBER.findall(text)]


def _geometry(text: str) -> Flat:
    return dict(split_geometry(text))


def _labels(text: str) -> Flat:
    """A path by its depths: what stands at the same depth is of a kind."""
    labels = text.split(".") if text else []
    return dict(zip(_DEPTHS, labels, strict=False))


def _box(text: str) -> Flat:
    x2, y2, x, y = _floats(text)
    return {"x": x, "y": y, "w": x2 - x, "h": y2 - y}


def _segment(text: str) -> Flat:
    x, y, x2, y2 = _floats(text)
    return {"x": x, "y": y, "w": x2 - x, "h": y2 - y}


def _points(text: str) -> Flat:
    """Paths and polygons: their middle, how far points lie from it, and how many there are."""
    points = np.array(_floats(text)).reshape(-1, 2)
    middle = points.mean(axis=0)
    radius = float(np.hypot(*(points - middle).T).mean())
    x, y = middle.tolist()
    return {"x": x, "y": y, "r": radius, "points": float(len(points)), "ends": text[0]}


_DEPTHS = tuple(f"label {depth}" for depth in range(1, _DEEPEST + 1))
_STYLES = {
    "ltree": "ltree", "geometry": "geometry", "geography": "geometry",
    "range": "range", "interval": "interval", "timetz": "timetz", "inet": "inet", "cidr": "inet",
    "point": "point", "lseg": "lseg", "box": "box", "circle": "circle", "line": "line",
    "path": "path", "polygon": "path", "tid": "tid",
}  # fmt: skip
_SPLIT: Mapping[str, Callable[[str], Flat]] = {
    "interval": lambda text: dict(numerals.split_interval(text)), "timetz": _timetz,
    "inet": _address, "cidr": _address, "point": _numbers("x", "y"), "lseg": _segment, "box": _box,
    "circle": _numbers("x", "y", "r"), "line": _numbers("a", "b", "c"), "path": _points,
    "ltree": _labels, "geometry": _geometry,
    "geography": _geometry, "polygon": _points, "tid": _numbers("block", "offset"),
}  # fmt: skip


def _flat(*numbers: str, **words: str) -> dict[str, tuple[SqlType, str]]:
    return dict.fromkeys(numbers, (FLOAT, "")) | {n: (TEXT, d) for n, d in words.items()}


_PARTS = {
    "range": _flat("lower", "width", "upper", brackets="[)"),
    "interval": _flat("months", "days", "seconds"),
    "timetz": _flat("clock", zone="+00"),
    "inet": _flat("mask", ip="", ipv6=""),
    "point": _flat("x", "y"),
    "lseg": _flat("x", "y", "w", "h"),
    "box": _flat("x", "y", "w", "h"),
    "circle": _flat("x", "y", "r"),
    "line": _flat("a", "b", "c"),
    "path": _flat("x", "y", "r", "points", ends="("),
    "tid": _flat("block", "offset"),
    "geometry": _flat("x", "y", "r", "points", kind="0 POINT"),
    "ltree": _flat(**dict.fromkeys(_DEPTHS, "")),
}
