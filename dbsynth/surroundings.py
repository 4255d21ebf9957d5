"""What rows know of their siblings, column by column, worked out when somebody asks for it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dbsynth.features import Features, Ints
from dbsynth.model.base import Columns
from dbsynth.running import Tally


@dataclass(frozen=True, slots=True)
class Sides:
    """Parts side by side, each made when it is asked for."""

    codes: Sequence[int]  # where each part begins, and where the last one ends
    floats: Sequence[int]
    makers: Sequence[Callable[[], Columns]]
    made: dict[int, Columns]

    @staticmethod
    def of(shapes: Sequence[Features], makers: Sequence[Callable[[], Columns]]) -> Sides:
        """Parts of such shapes."""
        codes = np.cumsum([0, *(len(s.cards) for s in shapes)]).tolist()
        floats = np.cumsum([0, *(s.floats.shape[1] for s in shapes)]).tolist()
        return Sides(codes, floats, makers, {})

    def code(self, number: int) -> NDArray[np.integer[Any]]:
        """(n,) codes."""
        part = bisect_right(self.codes, number) - 1
        return self._part(part).code(number - self.codes[part])

    def float(self, number: int) -> NDArray[np.float32]:
        """(n,) floats."""
        part = bisect_right(self.floats, number) - 1
        return self._part(part).float(number - self.floats[part])

    def _part(self, part: int) -> Columns:
        if part not in self.made:
            self.made[part] = self.makers[part]()
        return self.made[part]


@dataclass(frozen=True)
class Taken:
    """Some rows of features; -1 (no such row) is a row of NULLs."""

    features: Features
    places: Ints

    def code(self, number: int) -> NDArray[np.integer[Any]]:
        """(n,) codes."""
        found: NDArray[np.integer[Any]] = self._of(self.features.codes[:, number])
        return found

    def float(self, number: int) -> NDArray[np.float32]:
        """(n,) floats."""
        found: NDArray[np.float32] = self._of(self.features.floats[:, number])
        return found

    def _of(self, column: NDArray[Any]) -> NDArray[Any]:
        found = column[self.places]
        if self._missing is not None:
            found[self._missing] = 0
        return found

    @cached_property
    def _missing(self) -> NDArray[np.bool_] | None:
        is_missing = self.places < 0
        return is_missing if is_missing.any() else None


@dataclass(frozen=True, slots=True)
class Summed:
    """The state of all siblings before, of rows of which so many came before."""

    tally: Tally
    groups: Ints
    seen: int

    def code(self, number: int) -> NDArray[np.integer[Any]]:
        """There are no codes."""
        raise IndexError(number)

    def float(self, number: int) -> NDArray[np.float32]:
        """(n,) floats."""
        return self.tally.column(number, self.groups, self.seen)
