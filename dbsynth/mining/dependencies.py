"""Functional dependencies: columns that follow from another one, of the row or of a parent."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dbsynth.mining.frames import EXPECTED, MIN_ROWS, Frame, Frames, Ints, View
from dbsynth.rules.book import Rule

_PROBE = 3_000  # rows that rule most pairs out
_REPEATED = 0.8  # of the rows must share their left side with another one
_PARENT_LABELS = 60  # of a parent's column that something may follow from


def find_dependencies(frame: Frame, frames: Frames, copied: set[str]) -> Iterator[Rule]:
    """
    Find columns that follow from others.

    Args:
        frame: the table.
        frames: all tables.
        copied: words of columns that are a parent's already.
    """
    heads, pairs = _one_to_one(frame)
    lefts = [v for v in heads if not v.is_unique and v.distinct < len(frame)]
    rights = [v for v in heads if not v.is_unique and not v.is_key]
    keys = [v for v in lefts if v.is_key]
    fixed = {
        k.word: {v.word for v in frame.views if v is not k and follows(k.codes, v.codes)}
        for k in keys
    }
    found: set[tuple[str, str]] = set()
    for left, right in pairs:
        if _is_rule(left, right, _units(keys, fixed, left, right)):
            yield frame.rule("dependency", f"{left.word} -> {right.word}")
            yield from (
                [] if left.is_key else [frame.rule("dependency", f"{right.word} -> {left.word}")]
            )
    for left in lefts:
        for right in rights:
            if left is right or (left.is_key and right.word in copied):
                continue
            if _is_rule(left, right, _units(keys, fixed, left, right)):
                found.add((left.word, right.word))
    yield from (frame.rule("dependency", f"{a} -> {b}") for a, b in sorted(_reduced(found)))
    free = [v for v in rights if not any(v.word == b for _, b in found) and v.word not in copied]
    yield from _from_parents(frame, frames, free)


def _one_to_one(frame: Frame) -> tuple[list[View], list[tuple[View, View]]]:
    """The columns, one of each kind; and those that only call the same things otherwise."""
    heads: dict[bytes, View] = {}
    pairs = []
    for view in sorted(frame.views, key=lambda v: not v.is_key):
        # Codes count values in the order in which they come first.
        head = heads.setdefault(view.codes.tobytes(), view)
        if head is not view and not view.is_key:
            pairs.append((head, view))
    kept = {v.word for v in heads.values()}
    return [v for v in frame.views if v.word in kept or v.is_key], pairs


def _from_parents(frame: Frame, frames: Frames, free: list[View]) -> Iterator[Rule]:
    for parent in frame.ways:
        for above in frame.above(parent, frames):
            if above.is_key or above.distinct > _PARENT_LABELS:
                continue
            for right in free:
                if _is_rule(above, right, []):
                    yield frame.rule("dependency", f"{above.word} -> {right.word}")


def _units(keys: list[View], fixed: dict[str, set[str]], left: View, right: View) -> list[View]:
    """The keys that both sides follow from: then a parent, not a row, is one observation."""
    return [k for k in keys if k is not left and {left.word, right.word} <= fixed[k.word]]


def _is_rule(left: View, right: View, units: list[View]) -> bool:
    if not follows(left.codes[:_PROBE], right.codes[:_PROBE]):
        return False
    if not follows(left.codes, right.codes):
        return False
    where = (left.codes >= 0) & (right.codes >= 0)
    rows = np.flatnonzero(where)
    for unit in units:
        _, first = np.unique(unit.codes[rows], return_index=True)
        rows = rows[np.sort(first)]
    if len(rows) < MIN_ROWS:
        return False
    sizes = np.bincount(left.codes[rows])
    sizes = sizes[sizes > 0]
    repeated = sizes[sizes > 1].sum()
    if len(sizes) < 2 or repeated < _REPEATED * len(rows):
        return False
    shares = np.bincount(right.codes[rows]) / len(rows)
    return bool((len(rows) - len(sizes)) * (1 - (shares**2).sum()) >= EXPECTED)


def follows(left: Ints, right: Ints) -> bool:
    """Whether rows that agree on the left agree on the right, where both are there."""
    where = (left >= 0) & (right >= 0)
    left, right = left[where], right[where]
    if len(left) == 0:
        return False
    first = np.full(int(left.max()) + 1, -1, np.int64)
    first[left] = right  # any one of each group
    return bool((first[left] == right).all())


def _reduced(found: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Leave out a -> c where a -> b -> c, unless b and a say the same."""
    return {
        (a, c)
        for a, c in found
        if not any(
            (b, c) in found and (b, a) not in found and (c, b) not in found
            for x, b in found
            if x == a and b != c
        )
    }
