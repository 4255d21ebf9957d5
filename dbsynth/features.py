"""What networks see of rows: small codes and floats, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dbsynth.mapped import pieces
from dbsynth.resting import room

Floats = NDArray[np.float64]


Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Features:
    """What networks see of rows: (n, a) codes, with a cardinality each, and (n, b) floats."""

    codes: NDArray[np.integer[Any]]  # of 32 bits but in `room`
    floats: NDArray[np.float32]
    cards: tuple[int, ...]

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.codes)

    def take(self, index: Ints) -> Features:
        """
        Gather rows; index -1 (no such row) gives a row of NULLs.

        Args:
            index: (m,) row numbers.
        """
        if len(self) == 0:
            return Features.empty(len(index), self.cards, self.floats.shape[1])
        safe = np.maximum(index, 0)
        missing = index < 0
        codes, floats = self.codes[safe], self.floats[safe]
        if missing.any():
            codes[missing] = 0
            floats[missing] = 0
        return Features(codes, floats, self.cards)

    def code(self, number: int) -> NDArray[np.integer[Any]]:
        """One column of codes."""
        return self.codes[:, number]

    def float(self, number: int) -> NDArray[np.float32]:
        """One column of floats."""
        return self.floats[:, number]

    def room(self, rows: int, *, by_column: bool = False, rests: bool = False) -> Features:
        """
        Room for so many rows of these columns, in as few bytes as their codes need.

        Args:
            rows: how many.
            by_column: a column's values lie together.
            rests: it outlives what is at work now, so it may lie in a file.
        """
        most = max(self.cards, default=1) - 1
        order: Literal["C", "F"] = "F" if by_column else "C"
        kind = np.uint8 if most < 2**8 else np.int16 if most < 2**15 else np.int32
        make = room if rests else np.zeros
        return Features(
            make((rows, len(self.cards)), kind, order),
            make((rows, self.floats.shape[1]), np.float32, order),
            self.cards,
        )

    def put(self, start: int, rows: Features) -> None:
        """Put rows in their place, from `start` on."""
        self.codes[start : start + len(rows)] = rows.codes
        self.floats[start : start + len(rows)] = rows.floats

    def part(self, start: int, stop: int) -> Features:
        """Rows start..stop."""
        return Features(self.codes[start:stop], self.floats[start:stop], self.cards)

    def without(self, last: Features) -> Features:
        """All columns but those at the end, which are these."""
        codes, floats = len(self.cards) - len(last.cards), last.floats.shape[1]
        floats = self.floats.shape[1] - floats
        return Features(self.codes[:, :codes], self.floats[:, :floats], self.cards[:codes])

    @staticmethod
    def empty(rows: int, cards: tuple[int, ...] = (), floats: int = 0) -> Features:
        """Rows of NULLs."""
        return Features(
            np.zeros((rows, len(cards)), np.int32), np.zeros((rows, floats), np.float32), cards
        )

    @staticmethod
    def join(parts: Sequence[Features], rows: int) -> Features:
        """Put features side by side."""
        parts = [p for p in parts if p.cards or p.floats.shape[1]]
        if not parts:
            return Features.empty(rows)
        if len(parts) == 1:
            return parts[0]
        return Features(
            np.concatenate([p.codes for p in parts], axis=1),
            np.concatenate([p.floats for p in parts], axis=1),
            tuple(c for p in parts for c in p.cards),
        )

    @staticmethod
    def rested(parts: Sequence[Features], rows: int) -> Features:
        """The same, in files if they are large."""
        parts = [p for p in parts if p.cards or p.floats.shape[1]]
        cards = tuple(c for p in parts for c in p.cards)
        found = Features(
            room((rows, len(cards)), np.int32),
            room((rows, sum(p.floats.shape[1] for p in parts)), np.float32),
            cards,
        )
        for piece in pieces(rows, 4 * max(1, found.floats.shape[1])):
            codes = floats = 0
            for part in parts:
                more, wider = codes + len(part.cards), floats + part.floats.shape[1]
                found.codes[piece, codes:more] = part.codes[piece]
                found.floats[piece, floats:wider] = part.floats[piece]
                codes, floats = more, wider
        return found

    @staticmethod
    def stack(parts: Sequence[Features]) -> Features:
        """Put features of the same columns on top of each other."""
        return Features(
            np.concatenate([p.codes for p in parts]),
            np.concatenate([p.floats for p in parts]),
            parts[0].cards,
        )


def climb(pointers: Ints, above: Ints) -> Ints:
    """Follow (n,) pointers one key further; -1 stays -1."""
    if len(above) == 0:
        return np.full(len(pointers), -1, np.int64)
    return np.where(pointers >= 0, above[np.maximum(pointers, 0)], -1)
