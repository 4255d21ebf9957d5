"""What fit and generate agree on for personal data: the columns, and the model of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from dbsynth.formats import FormatModel
from dbsynth.schema import Column
from dbsynth.treatments import Treatment
from dbsynth.unused import Space


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalColumn:
    """What a column of personal data needs; for integers `max_length` counts digits."""

    name: str
    semantic: str
    is_unique: bool = False
    max_length: int | None = None
    kind: Literal["string", "date", "integer"] = "string"

    @classmethod
    def of(cls, column: Column, treatment: Treatment) -> PersonalColumn:
        """Describe a column of the schema with the treatment "personal"."""
        kind: Literal["string", "date", "integer"] = "string"
        length = column.type.length
        if column.type.kind == "integer":
            kind = "integer"
            length = {8: 2, 16: 4, 32: 9}.get(column.type.bits, 18)
        elif column.type.kind == "date":
            kind = "date"
        return cls(
            name=column.name,
            semantic=treatment.semantic,
            is_unique=treatment.is_unique,
            max_length=length,
            kind=kind,
        )


def in_locale(name: str, number: int) -> str:
    """The name under which a model keeps how a column's codes are in one of several locales."""
    return f"{name}@{number}"


@dataclass(frozen=True, kw_only=True)
class PersonalModel:
    """
    All that is needed to make a table's personal data, without Faker and without the source.

    Pools hold invented values, by pool and then by locale; `countries` says which locale a country
    has; spaces number the pairs (first name, last name) and (street, house) that the source lacks.
    """

    columns: tuple[PersonalColumn, ...]
    key: int
    locales: tuple[str, ...]
    countries: Mapping[str, int] = field(default_factory=dict)
    pools: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    name_spaces: tuple[Space, ...] = ()  # female, male for each locale
    street_spaces: tuple[Space, ...] = ()  # for each locale
    # By state in lower case, its first postal code and which from there on the source lacks.
    zips: Mapping[str, tuple[int, Space]] = field(default_factory=dict)
    formats: Mapping[str, FormatModel] = field(default_factory=dict)
    domains: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    layouts: Mapping[str, str] = field(default_factory=dict)
    quantiles: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # days since 1970
    cases: Mapping[str, str] = field(default_factory=dict)  # "upper": all letters are capitals

    def to_json(self) -> dict[str, Any]:
        """Turn into plain values; `from_json` is the inverse."""
        return {
            "columns": [{n: getattr(c, n) for n in PersonalColumn.__slots__} for c in self.columns],
            "key": self.key,
            "locales": list(self.locales),
            "countries": dict(self.countries),
            "pools": {n: [list(p) for p in pools] for n, pools in self.pools.items()},
            "name_spaces": [s.to_json() for s in self.name_spaces],
            "street_spaces": [s.to_json() for s in self.street_spaces],
            "zips": {n: [first, s.to_json()] for n, (first, s) in self.zips.items()},
            "formats": {n: f.to_json() for n, f in self.formats.items()},
            "domains": {n: list(d) for n, d in self.domains.items()},
            "layouts": dict(self.layouts),
            "quantiles": {n: list(q) for n, q in self.quantiles.items()},
            "cases": dict(self.cases),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PersonalModel:
        """Rebuild from `to_json`'s value."""
        return cls(
            columns=tuple(PersonalColumn(**c) for c in data["columns"]),
            key=data["key"],
            locales=tuple(data["locales"]),
            countries=dict(data["countries"]),
            pools={n: tuple(tuple(p) for p in pools) for n, pools in data["pools"].items()},
            name_spaces=tuple(Space.from_json(s) for s in data["name_spaces"]),
            street_spaces=tuple(Space.from_json(s) for s in data["street_spaces"]),
            zips={n: (z, Space.from_json(s)) for n, (z, s) in data.get("zips", {}).items()},
            formats={n: FormatModel.from_json(f) for n, f in data["formats"].items()},
            domains={n: tuple(d) for n, d in data["domains"].items()},
            layouts=dict(data["layouts"]),
            quantiles={n: tuple(q) for n, q in data["quantiles"].items()},
            cases=dict(data["cases"]),
        )
