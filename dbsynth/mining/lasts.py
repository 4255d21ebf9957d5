"""Parent columns that repeat what the last of their children has: a state, a place, a balance."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.mining.arithmetic import is_close
from dbsynth.mining.frames import EXPECTED, MIN_ROWS, Bools, Frame, Frames, Ints, View
from dbsynth.mining.totals import children_of, emptiness
from dbsynth.rules.book import Rule
from dbsynth.rules.words import child_word

_MOST = 3  # orders of siblings


def find_lasts(frame: Frame, frames: Frames, told: set[str]) -> Iterator[Rule]:
    """
    Find the columns that are what the last of the children has.

    Args:
        frame: the parents.
        frames: all tables.
        told: words of columns of which another rule says already what they are.
    """
    goals = [v for v in frame.views if not v.is_key and not v.is_unique and v.word not in told]
    found: set[str] = set()
    for child, key, pointers in children_of(frame, frames) if goals else ():
        word = child_word(child.table, key)
        for by in _orders(child, pointers):
            rows = np.flatnonzero((pointers >= 0) & by.valid)
            rows = rows[np.lexsort((by.floats[rows], pointers[rows]))]
            last = np.full(len(frame), -1, np.int64)
            last[pointers[rows]] = rows
            for goal in goals:
                if goal.word in found:
                    continue
                for view in child.views:
                    if view is not by and not view.is_key and _is_last(goal, view, last, pointers):
                        found.add(goal.word)
                        text = f"arg_max({word}.{view.word}, {word}.{by.word})"
                        yield frame.rule("last", f"{goal.word} = {text}")
                        there = last >= 0
                        there[there] = view.valid[last[there]]
                        yield from emptiness(frame, goal, text, there)
                        break


def _orders(child: Frame, pointers: Ints) -> list[View]:
    """Columns that say which child is the last: of the key, or moments, that no two share."""
    leading = {c for k in child.table.foreign_keys for c in k.columns}
    wanted = [
        v
        for v in child.views
        if v.column.name not in leading
        and (v.family == "moment" or (v.family == "number" and v.column.name in _key(child)))
    ]
    return [v for v in wanted if not _is_tied(v, pointers)][:_MOST]


def _key(child: Frame) -> tuple[str, ...]:
    return child.table.primary_key


def _is_tied(view: View, pointers: Ints) -> bool:
    here = np.flatnonzero((pointers >= 0) & view.valid)
    order = here[np.lexsort((view.floats[here], pointers[here]))]
    same = pointers[order][1:] == pointers[order][:-1]
    return bool((same & (view.floats[order][1:] == view.floats[order][:-1])).any())


def _is_last(goal: View, view: View, last: Ints, pointers: Ints) -> bool:
    """Whether a column is the last child's in every row; other children's would not do."""
    if goal.family != view.family or (
        goal.family == "label" and goal.values.type != view.values.type
    ):
        return False
    there = (last >= 0) & goal.valid
    there[there] &= view.valid[last[there]]
    owners = np.flatnonzero(there)
    if len(owners) < MIN_ROWS or not _same(goal, view, owners, last[owners]).all():
        return False
    here = np.flatnonzero(pointers >= 0)
    here = here[there[pointers[here]]]
    odd = ~_same(goal, view, pointers[here], here)
    sizes = np.bincount(pointers[here], minlength=len(last))
    return float((odd / sizes[pointers[here]]).sum()) >= EXPECTED


def _same(goal: View, view: View, owners: Ints, rows: Ints) -> Bools:
    if goal.family in ("number", "moment"):
        return is_close(goal.floats[owners], view.floats[rows], 0.0)
    one, other = goal.values.take(pa.array(owners)), view.values.take(pa.array(rows))
    return np.asarray(pc.fill_null(pc.equal(one, other), False))
