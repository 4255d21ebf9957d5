"""How rows are cut: into chunks that never tear siblings apart, and these into steps."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from dbsynth.conditions import Siblings
from dbsynth.features import Ints
from dbsynth.mapped import rest

SINGLE_STEPS = 512  # siblings drawn one by one; later ones in growing blocks
PIECE = 8_192  # rows of a step that are drawn at once: more do not stay close to the processor
BLOCK_GROWTH = 8  # a block holds an eighth of what came before it
MIN_CHUNK_ROWS, MIN_CHUNK_OWNERS, MAX_CHUNK_OWNERS = 131_072, 256, 32_768


def chunks(owners: Ints | None, rows: int) -> list[tuple[int, int]]:
    """
    Cut (n,) rows into chunks that never tear siblings apart; the same whatever the machine.

    Args:
        owners: (n,) owner rows, siblings together, -1 for none; None if there is no owner.
        rows: n.
    """
    if rows == 0:
        return []
    if owners is None:
        return [(s, min(s + MAX_CHUNK_OWNERS, rows)) for s in range(0, rows, MAX_CHUNK_OWNERS)]
    found, begin = [], 0
    while begin < rows:
        end = _end_of_chunk(owners, begin)
        found.append((begin, end))
        begin = end
        rest()
    return found


def _end_of_chunk(owners: Ints, begin: int) -> int:
    """Where the chunk ends that begins at a row; looks at no more rows than it has to."""
    width = 2 * MIN_CHUNK_ROWS
    while True:
        seen = owners[begin : begin + width]
        # Where siblings begin, but for the first: the n-th of them ends a chunk of n owners.
        starts = np.flatnonzero((seen[1:] != seen[:-1]) | (seen[1:] < 0)) + 1
        is_last = begin + len(seen) == len(owners)
        starts = np.append(starts, len(seen)) if is_last else starts
        enough = int(np.searchsorted(starts, MIN_CHUNK_ROWS)) + 1
        number = int(np.clip(enough, MIN_CHUNK_OWNERS, MAX_CHUNK_OWNERS))
        if is_last or number <= len(starts):
            return begin + int(starts[min(number, len(starts)) - 1])
        width *= 2


def turns(siblings: Siblings, order: Ints, turn: Ints) -> Iterator[Ints]:
    """
    Cut a chunk into the steps of one turn after another.

    Args:
        siblings: (n,) which sibling each row is.
        order: (n,) rows by turn, then by that.
        turn: (n,) when each row's owner has its turn.
    """
    ordered = turn[order]
    ends = np.searchsorted(ordered, np.arange(ordered[-1] + 1 if len(order) else 0), side="right")
    for low, high in pairwise((0, *ends.tolist())):
        yield from steps(siblings, order[low:high])


def steps(siblings: Siblings, order: Ints) -> Iterator[Ints]:
    """
    Cut a chunk, or a part, into steps: all first siblings, all second ones, …, growing blocks.

    Args:
        siblings: (n,) which sibling each row is.
        order: (m,) rows by that.
    """
    if len(order) == 0:
        return
    ordered = siblings.index[order]
    start, most = 0, int(ordered[-1])
    while start <= most:
        width = 1 if start < SINGLE_STEPS else start // BLOCK_GROWTH
        low, high = np.searchsorted(ordered, [start, start + width])
        size = PIECE if width == 1 else len(order)
        yield from (order[at : min(at + size, high)] for at in range(low, high, size))
        start += width
