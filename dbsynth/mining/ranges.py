"""Values within what a parent has: `jobs.min_pay <= pay`, `pay <= jobs.max_pay`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dbsynth.mining.chance import of_families
from dbsynth.mining.frames import CARRIED, EXPECTED, MIN_ROWS, Frame, Frames, Ints, Parent, View
from dbsynth.rules.book import Rule

_PROBE = 500  # rows that rule most pairs out
_MOST = 16  # columns of a parent
_USUAL = 0.25  # of the rows that each distance has on average


def find_ranges(frame: Frame, frames: Frames) -> Iterator[Rule]:
    """
    Find values that lie within a range of their parent's, and ranges whose ends are in order.

    A single number of a parent's is a bound where many rows come up to it: what comes back is no
    more than what was sold.  Elsewhere more or less of something else says nothing.
    """
    own = [v for v in frame.views if v.is_number or (v.family == "moment" and not v.is_key)]
    for parent in frame.ways:
        if len(parent.keys) > 1:
            continue
        above = [
            v
            for v in frame.above(parent, frames)
            if v.is_number or (v.family == "moment" and not v.is_key)
        ][:_MOST]
        for view in own:
            alike = [v for v in above if v.family == view.family]
            lows = [v for v in alike if _is_bound(v, view, is_low=True)]
            highs = [v for v in alike if _is_bound(v, view, is_low=False)] if lows else []
            if not lows and view.is_number:
                for high in (v for v in alike if _is_met(view, v, frame.entities)):
                    yield frame.rule("order to parent", f"{view.word} <= {high.word}")
                    break
            for low in lows:
                for high in highs:
                    yield from _between(frame, frames, parent, (low, view, high))


def _between(
    frame: Frame, frames: Frames, parent: Parent, seen: tuple[View, View, View]
) -> Iterator[Rule]:
    low, view, high = seen
    if view.is_number:
        yield frame.rule("order to parent", f"{low.word} <= {view.word}")
        yield frame.rule("order to parent", f"{view.word} <= {high.word}")
    # What lies between is more evidence of the parents' own order than they are themselves.
    home = frames[parent.keys[-1].parent]
    one, other = (home.view(v.column.name) for v in (low, high))
    if one and other and (one.floats <= other.floats)[one.valid & other.valid].all():
        yield home.rule("order", f"{one.word} <= {other.word}")


def _is_met(view: View, above: View, entities: Ints) -> bool:
    """
    Whether values end at a parent's number: none is larger, and as many are it as are near.

    Children that have none beside them say nothing, if others do: what is added up is all of it.
    """
    if view.unit != above.unit or not _is_bound(above, view, is_low=False):
        return False
    where = view.valid & above.valid
    gaps = above.floats[where] - view.floats[where]
    met = (gaps == 0) & (above.floats[where] != 0)
    assert above.units is not None  # it is a parent's column
    size = np.bincount(above.units[where])[above.units[where]]
    met &= (size > 1) | (size.max() == 1)
    usual = _USUAL * len(gaps) / len(np.unique(gaps))
    carriers = len(np.unique(entities[where][met]))
    return carriers >= CARRIED and bool(met.sum() >= usual) and not met.all()


def _is_bound(above: View, view: View, *, is_low: bool) -> bool:
    """Whether a parent's column is an end that its children keep, other than by chance."""
    low, high = (above, view) if is_low else (view, above)
    near = low.valid[:_PROBE] & high.valid[:_PROBE]
    if (low.floats[:_PROBE] > high.floats[:_PROBE])[near].any():
        return False
    where = low.valid & high.valid
    a, b = low.floats[where], high.floats[where]
    if len(a) < MIN_ROWS or (a > b).any() or above.units is None:
        return False
    units = above.units[where]
    touching = len(np.unique(units[a == b]))
    if touching == len(np.unique(units)):
        return False  # it is what the children come to, not what bounds them
    return of_families(a, b, units, is_low=is_low) >= EXPECTED
