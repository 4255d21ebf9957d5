"""Parts of a numbered space of values that no source value falls into, kept without the values."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dbsynth.permute import Words, mix, permute
from dbsynth.plain import Plain

ROOM = 20  # how many times the source's rows a space should hold
_MAX_PARTS = 4096
_BLOCKS = 256
_RADICES = 2 * 3 * 5 * 13 * 31  # parts share no factor with alphabets, lest last characters freeze


@dataclass(frozen=True, slots=True, kw_only=True)
class Space(Plain):
    """
    The numbers below `size`, or only those in some of `parts` equal parts of it.

    A part is a residue class (rank modulo `parts`) or, if `is_blocks`, a run of neighbours.
    """

    size: int
    parts: int = 1
    chosen: tuple[int, ...] = (0,)
    is_blocks: bool = False
    may_collide: bool = False  # True: the whole space, in which source values lie too

    @property
    def capacity(self) -> int:
        """How many different numbers `locate` can give."""
        return self.size // self.parts * len(self.chosen)

    def locate(self, index: Words) -> Words:
        """Turn indexes below `capacity` into numbers below `size`, one to one; (n,) -> (n,)."""
        count = np.uint64(len(self.chosen))
        part = np.asarray(self.chosen, np.uint64)[(index % count).astype(np.int64)]
        within = index // count
        if self.is_blocks:
            return np.asarray(part * np.uint64(self.size // self.parts) + within)
        return np.asarray(part + np.uint64(self.parts) * within)

    def draw(self, rows: Words, key: int) -> Words:
        """Give each row number a number of the space, independently; (n,) -> (n,)."""
        return self.locate(mix(rows, key) % np.uint64(self.capacity))

    def spread(self, index: Words, key: int) -> Words:
        """Give each index below `capacity` a number of its own; (n,) -> (n,)."""
        return self.locate(permute(index, self.capacity, key))


def free_space(ranks: Words, size: int, rows: int, key: int) -> Space:
    """
    Choose parts of a space that hold no source value.

    Only as many parts as are needed and never more than half of the free ones are chosen, at
    random, so that a part that is missing says next to nothing about the source.

    Args:
        ranks: (n,) the numbers of the source's distinct values that lie in the space.
        size: of the space, at most 2**62.
        rows: how many values the source has; there should be room for 20 times as many.
        key: decides which of the free parts are taken.

    Returns:
        the space; the whole of it with `may_collide` set where there is too little room.

    """
    if len(ranks) == 0:
        return Space(size=size)
    best: Space | None = None
    residues = 4 * len(ranks)
    while math.gcd(residues, _RADICES) > 1:
        residues += 1
    for is_blocks, parts in ((False, min(size, residues)), (True, min(size, _BLOCKS))):
        width = size // parts
        owner = ranks // np.uint64(width) if is_blocks else ranks % np.uint64(parts)
        used = np.zeros(parts + 1, bool)
        used[np.minimum(owner, np.uint64(parts)).astype(np.int64)] = True
        free = np.flatnonzero(~used[:parts])
        needed = min(-(-ROOM * rows // width), _MAX_PARTS, len(free) // 2)
        if needed == 0:
            continue
        picked = free[np.argsort(mix(free.astype(np.uint64), key), kind="stable")[:needed]]
        space = Space(
            size=size,
            parts=parts,
            chosen=tuple(sorted(int(p) for p in picked)),
            is_blocks=is_blocks,
        )
        if best is None or space.capacity > best.capacity:
            best = space
    if best is None or best.capacity < rows:
        return Space(size=size, may_collide=True)
    return best
