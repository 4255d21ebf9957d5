"""
Geometries of PostGIS, MySQL and DuckDB: what kind they are, where they lie, how wide they are.

Read are EWKB in hexadecimal digits, as PostGIS prints it, and WKT; written is EWKT.

Source: PostGIS manual, "Geometry formats"; OGC 06-103r4, section 8.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence

import numpy as np

from dbsynth.features import Floats

_NAMES = (
    "", "POINT", "LINESTRING", "POLYGON", "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON",
    "GEOMETRYCOLLECTION",
)  # fmt: skip
_Z, _M, _SRID = 0x80000000, 0x40000000, 0x20000000
_WKT = re.compile(r"(?:SRID=(\d+);)?\s*([A-Za-z]+)\s*(Z?M?)\b", re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?")
_HEX = re.compile(r"0[01][0-9a-fA-F]{8,}")
_LEAST = {"LINESTRING": 2, "POLYGON": 3, "MULTILINESTRING": 2, "MULTIPOLYGON": 3}  # points
_SINGLE = ("POINT", "MULTIPOINT", "GEOMETRYCOLLECTION")
_MOST_POINTS = 64

Parts = dict[str, float | str]


def split_geometry(text: str) -> Parts:
    """
    Take a geometry apart: its kind, its middle, how far points lie from it, how many there are.

    >>> split_geometry("0101000020E6100000000000000000F03F0000000000000040")
    {'kind': '4326 POINT', 'x': 1.0, 'y': 2.0, 'r': 0.0, 'points': 1.0}
    """
    kind, points = _binary(bytes.fromhex(text)) if _HEX.match(text) else _written(text)
    if not len(points):
        return {"kind": kind, "points": 0.0}
    middle = points.mean(axis=0)
    radius = float(np.hypot(*(points - middle).T).mean())
    x, y = middle.tolist()
    return {"kind": kind, "x": x, "y": y, "r": radius, "points": float(len(points))}


def write_geometry(kind: str, x: float, y: float, radius: float, points: float) -> str:
    """
    Write a geometry of a kind around a middle.

    >>> write_geometry("4326 POINT", 1.0, 2.0, 0.0, 1.0)
    'SRID=4326;POINT (1.0 2.0)'
    """
    number, _, rest = kind.partition(" ")
    name, _, extra = rest.partition(" ")
    srid = f"SRID={number};" if number != "0" else ""
    word = f"{name} {extra}".rstrip()
    if not points or np.isnan(x):
        return f"{srid}{word} EMPTY"
    tail = " 0" * len(extra)
    count = 1 if name in _SINGLE else int(np.clip(round(points), _LEAST[name], _MOST_POINTS))
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False) if count > 1 else np.zeros(0)
    places = [(x + radius * np.cos(a), y + radius * np.sin(a)) for a in angles] or [(x, y)]
    spelled = [f"{round(float(a), 7)!r} {round(float(b), 7)!r}{tail}" for a, b in places]
    if "POLYGON" in name:
        spelled.append(spelled[0])
    body = ", ".join(spelled)
    if name == "GEOMETRYCOLLECTION":
        return f"{srid}{word} (POINT{f' {extra}' if extra else ''} ({body}))"
    depth = 1 + ("POLYGON" in name) + (name in ("MULTILINESTRING", "MULTIPOLYGON"))
    return f"{srid}{word} {'(' * depth}{body}{')' * depth}"


def _written(text: str) -> tuple[str, Floats]:
    match = _WKT.match(text)
    if match is None:
        return "0 POINT", np.zeros((0, 2))
    extra = match[3].upper()
    numbers = [float(n) for n in _NUMBER.findall(text[match.end() :])]
    points = np.array(numbers).reshape(-1, 2 + len(extra))[:, :2]
    return f"{match[1] or 0} {match[2].upper()} {extra}".rstrip(), points


def _binary(data: bytes) -> tuple[str, Floats]:
    kind, points, _ = _geometry(data, 0)
    known = np.array(points, np.float64).reshape(-1, 2)
    return kind, known[~np.isnan(known).any(axis=1)]


def _geometry(data: bytes, place: int) -> tuple[str, list[Sequence[float]], int]:
    """Read one geometry; returns its kind, its points, and where the next one starts."""
    order = "<" if data[place] == 1 else ">"
    (flags,) = struct.unpack_from(f"{order}I", data, place + 1)
    place += 5
    srid = 0
    if flags & _SRID:
        (srid,) = struct.unpack_from(f"{order}I", data, place)
        place += 4
    extra = "Z" * bool(flags & _Z) + "M" * bool(flags & _M)
    number = flags & 0xFF
    width = 2 + len(extra)
    points: list[Sequence[float]] = []

    def some(count: int, at: int) -> int:
        values = struct.unpack_from(f"{order}{count * width}d", data, at)
        points.extend(values[i : i + 2] for i in range(0, len(values), width))
        return at + count * width * 8

    def count_at(at: int) -> tuple[int, int]:
        return int(struct.unpack_from(f"{order}I", data, at)[0]), at + 4

    if number == 1:
        place = some(1, place)
    elif number == 2:
        place = some(*count_at(place))
    else:
        parts, place = count_at(place)
        for _ in range(parts):
            if number == 3:
                place = some(*count_at(place))
            else:
                _, inner, place = _geometry(data, place)
                points += inner
    name = _NAMES[number] if number < len(_NAMES) else "GEOMETRYCOLLECTION"
    return f"{srid} {name} {extra}".rstrip(), points, place
