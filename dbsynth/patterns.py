"""Patterns: strings of one length as numbers, and numbers as strings again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dbsynth.permute import Words, mix
from dbsynth.unused import Space

_CYCLE = 1024  # rows after which the order of patterns repeats where values must be unique
_LONGEST = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """
    Strings of one length: the characters that each position may hold.

    Only the last positions, whose combinations number `space.size`, tell strings apart; those
    before them are filled at random.  With `is_mixed_case` every letter's case is random and tells
    nothing apart, so strings also differ where the database ignores case.
    """

    alphabets: tuple[str, ...]
    weight: int
    space: Space
    is_mixed_case: bool = False

    @property
    def is_constant(self) -> bool:
        """Whether there is one string only."""
        return all(len(a) == 1 for a in self.alphabets)

    def to_json(self) -> dict[str, Any]:
        """Turn into plain values; `from_json` is the inverse."""
        return {
            "alphabets": list(self.alphabets),
            "weight": self.weight,
            "space": self.space.to_json(),
            "is_mixed_case": self.is_mixed_case,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Pattern:
        """Rebuild from `to_json`'s value."""
        alphabets, space = tuple(data["alphabets"]), Space.from_json(data["space"])
        return cls(**{**data, "alphabets": alphabets, "space": space})


def layout(patterns: Sequence[Pattern]) -> tuple[NDArray[np.int64], Words, Words]:
    """Which pattern each slot of a cycle has, its turn within the cycle, and turns per pattern."""
    if len(patterns) == 1:
        return np.zeros(1, np.int64), np.zeros(1, np.uint64), np.ones(1, np.uint64)
    # Largest remainders, at least one slot for each pattern.
    ideal = shares(patterns) * (_CYCLE - len(patterns))
    counts = np.floor(ideal).astype(np.int64)
    for i in np.argsort(counts - ideal, kind="stable")[: _CYCLE - len(patterns) - counts.sum()]:
        counts[i] += 1
    counts += 1
    sorted_slots = np.repeat(np.arange(len(patterns)), counts)
    turns = np.concatenate([np.arange(c) for c in counts]).astype(np.uint64)
    order = np.argsort(mix(np.arange(_CYCLE, dtype=np.uint64), _CYCLE), kind="stable")
    return sorted_slots[order], turns[order], counts.astype(np.uint64)


def shares(patterns: Sequence[Pattern]) -> NDArray[np.float64]:
    weights = np.array([p.weight for p in patterns], np.float64)
    return np.asarray(weights / weights.sum())


def assemble(
    patterns: Sequence[Pattern], choice: NDArray[np.int64], index: Words, key: int
) -> pa.Array:
    """Turn (pattern, index in it) pairs into strings; (n,), (n,) -> (n,)."""
    pieces, places = [], []
    for i, pattern in enumerate(patterns):
        mine = np.flatnonzero(choice == i)
        if len(mine):
            pieces.append(_render(pattern, pattern.space.locate(index[mine]), key ^ i))
            places.append(mine)
    if not pieces:
        return pa.array([], pa.string())
    order = np.empty(len(choice), np.int64)
    order[np.concatenate(places)] = np.arange(len(choice))
    return pa.concat_arrays(pieces).take(pa.array(order))


def _render(pattern: Pattern, numbers: Words, key: int) -> pa.Array:
    """Write numbers below the pattern's size as strings, the last character turning fastest."""
    length = len(pattern.alphabets)
    characters = np.empty((len(numbers), length), np.uint32)
    rest, size = numbers.copy(), pattern.space.size
    for i in range(length - 1, -1, -1):
        alphabet = np.array([ord(c) for c in pattern.alphabets[i]], np.uint32)
        if size > 1 or len(alphabet) == 1:
            digit = rest % np.uint64(len(alphabet))
            rest //= np.uint64(len(alphabet))
            size //= len(alphabet)
        else:
            digit = mix(numbers, key + i) % np.uint64(len(alphabet))
        column = alphabet[digit.astype(np.int64)]
        if pattern.is_mixed_case and len(alphabet) > 1:
            is_letter = (column >= ord("a")) & (column <= ord("z"))
            is_raised = is_letter & (mix(numbers, key + _LONGEST + i) >> np.uint64(63) == 1)
            column = np.where(is_raised, column - 32, column).astype(np.uint32)
        characters[:, i] = column
    return _strings(characters)


def _strings(characters: NDArray[np.uint32]) -> pa.Array:
    """Turn an (n, length) matrix of code points into n strings."""
    rows, length = characters.shape
    if characters.size and int(characters.max()) >= 128:
        return pa.array(np.ascontiguousarray(characters).view(f"<U{length}")[:, 0], pa.string())
    offsets = np.arange(rows + 1, dtype=np.int32) * length
    data = characters.astype(np.uint8).tobytes()
    return pa.Array.from_buffers(
        pa.string(), rows, [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(data)]
    )
