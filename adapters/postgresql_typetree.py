"""Read a PostgreSQL type with all that it is made of: domains, arrays, ranges, composites."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dbsynth.schema import SqlType, TableName, TypeKind

_INTEGERS = {"int2": 16, "int4": 32, "int8": 64}
_FLOATS = {"float4": 32, "float8": 64}
_KINDS: dict[str, TypeKind] = {
    "bool": "boolean", "text": "string", "varchar": "string", "bpchar": "string",
    "name": "string", "citext": "string", "uuid": "uuid", "json": "json", "jsonb": "json",
    "bytea": "bytes", "date": "date", "time": "time", "timestamp": "timestamp",
    "timestamptz": "timestamptz",
}  # fmt: skip
# Types of the server's and its extensions' own that share their name with nobody's.
_FAMILIES = {"char": "char", "int2vector": "oidvector", "oidvector": "oidvector"}
_MOST_DIGITS = 76  # what an Arrow decimal holds
_NAME_BYTES = 63
_MONEY_DIGITS = 19


@dataclass(frozen=True, slots=True)
class TypeTree:
    """The types of a database by oid, as `sql/postgresql/types.sql` lists them."""

    rows: Mapping[int, Mapping[str, Any]]

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]]) -> TypeTree:
        """Take the statement's rows."""
        return cls({row["oid"]: row for row in rows})

    def type(self, oid: int, typmod: int, native: str) -> SqlType:
        """
        Put a type together.

        Args:
            oid: of the type.
            typmod: the server's packed width, -1 without one.
            native: as the server spells the type with its width.
        """
        row = self.rows[oid]
        if row["class"] == "d":
            own = row["typmod"] if typmod == -1 else typmod
            return self.type(row["element"], own, native)
        if row["class"] == "a":
            element = self._below(row["element"], typmod)
            return SqlType(kind="other", native=native, family="array", element=element)
        if row["class"] in ("r", "m"):
            family = "range" if row["class"] == "r" else "multirange"
            element = self._below(row["element"], -1)
            return SqlType(kind="other", native=native, family=family, element=element)
        if row["class"] == "c":
            parts = tuple(
                (f["name"], self.type(f["oid"], f["typmod"], f["native"]))
                for f in row["fields"] or ()
            )
            return SqlType(kind="other", native=native, family="composite", parts=parts)
        if row["class"] == "e":
            name = TableName(row["schema"], row["name"])
            labels = tuple(row["labels"] or ())
            return SqlType(kind="enum", native=native, labels=labels, enum_name=name)
        return _plain(row["name"], typmod, native)

    def _below(self, oid: int, typmod: int) -> SqlType:
        return self.type(oid, typmod, self.rows[oid]["native"])


def _plain(name: str, typmod: int, native: str) -> SqlType:
    """Understand a type that is not made of others."""
    if name in _INTEGERS:
        return SqlType(kind="integer", native=native, bits=_INTEGERS[name])
    if name in _FLOATS:
        return SqlType(kind="float", native=native, bits=_FLOATS[name])
    if name == "numeric":
        precision, scale = _digits(typmod)
        return SqlType(kind="decimal", native=native, precision=precision, scale=scale)
    if name == "money":
        return SqlType(
            kind="decimal", native=native, precision=_MONEY_DIGITS, scale=2, family="money"
        )
    if name in ("varchar", "bpchar"):
        length = typmod - 4 if typmod > 4 else None
        is_fixed = name == "bpchar" and length is not None
        return SqlType(kind="string", native=native, length=length, fixed=is_fixed)
    if name == "name":
        return SqlType(kind="string", native=native, length=_NAME_BYTES)
    if name in _KINDS:
        return SqlType(kind=_KINDS[name], native=native, family="citext" * (name == "citext"))
    length = typmod if name in ("bit", "varbit", "vector") and typmod > 0 else None
    family = _FAMILIES.get(name, name)
    return SqlType(kind="other", native=native, family=family, length=length)


def _digits(typmod: int) -> tuple[int | None, int | None]:
    """Unpack numeric(precision, scale), widened until the scale is neither negative nor larger."""
    if typmod < 4:
        return None, None
    precision, scale = (typmod - 4) >> 16, (((typmod - 4) & 2047) ^ 1024) - 1024
    if scale < 0:
        precision, scale = precision - scale, 0
    precision = max(precision, scale)
    return (precision, scale) if precision <= _MOST_DIGITS else (None, None)
