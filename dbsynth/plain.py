"""Dataclasses of plain values, to JSON and back: one shape for all that files hold of that kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Self, cast


class Plain:
    """A dataclass of numbers, texts and flat tuples of them."""

    __slots__ = ()

    def to_json(self) -> dict[str, Any]:
        """Turn into plain values; `from_json` is the inverse."""
        return asdict(cast("Any", self))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """
        Rebuild from `to_json`'s value.

        Raises:
            TypeError: something is missing that has no default, or unknown.
        """
        return cls(**{n: tuple(v) if isinstance(v, list) else v for n, v in data.items()})
