"""Told: of several draws the one that keeps to what its owner told."""

from __future__ import annotations

import numpy as np

from dbsynth.codecs import CategoryCodec, NumberCodec
from dbsynth.conditions import siblings_of
from dbsynth.encode import CategoryColumn, DatetimeColumn
from dbsynth.features import Ints
from dbsynth.told import MOST_ROWS, TIMES, Told
from dbsynth.values import DAY

ROWS = 9
OWNERS = np.repeat(np.arange(2), ROWS)


def told(distinct: list[float], half: list[float]) -> Told:
    day = NumberCodec((), tuple(np.arange(3.0)), 1, 1.0, 0.0)
    columns = (
        DatetimeColumn("on", day, None, gap=day),
        CategoryColumn("kind", CategoryCodec(("a", "b", "c"))),
    )
    sketches = {"e~kind~distinct": np.array(distinct), "e~on~half": np.array(half)}
    return Told(columns, "e", sketches)


def draws() -> dict[str, np.ndarray]:
    """Two draws: one label and a late start, then three labels and an early one."""
    late = np.array([0, 6, 7, 7, 8, 8, 8, 9, 10]) * DAY
    early = np.array([0, 0, 1, 1, 2, 2, 3, 3, 10]) * DAY
    return {
        "on": np.concatenate([late, late, early, early]),
        "kind": np.concatenate([np.full(2 * ROWS, 1), np.arange(2 * ROWS) % 3 + 1]),
    }


def chosen(what: Told) -> Ints:
    return what.nearest(draws(), OWNERS, siblings_of(OWNERS, len(OWNERS)), 2)


def test_each_owner_has_the_draw_that_is_nearest() -> None:
    found = chosen(told([1.0, 3.0], [np.nan, np.nan]))
    assert found.tolist() == [*range(ROWS), *range(3 * ROWS, 4 * ROWS)]
    found = chosen(told([2.0, 2.0], [0.2, 0.8]))
    assert found.tolist() == [*range(2 * ROWS, 3 * ROWS), *range(ROWS, 2 * ROWS)]


def test_rows_without_owner_and_owners_that_tell_nothing_take_any() -> None:
    what = told([np.nan, 3.0], [np.nan, 0.2])
    owners = np.repeat([-1, 1], [1, ROWS])
    drawn = {n: v.reshape(2, -1)[:, : ROWS + 1].ravel() for n, v in draws().items()}
    found = what.nearest(drawn, owners, siblings_of(owners, len(owners)), 2)
    assert sorted(found % len(owners)) == list(range(len(owners)))


def test_only_small_tables_are_drawn_several_times() -> None:
    what = told([1.0, 3.0], [0.2, 0.8])
    assert what.times(1_000) == TIMES
    assert what.times(MOST_ROWS) == 1
    assert told([2.0, 2.0], [0.5, 0.5]).times(1_000) == 1  # all tell the same
    assert Told(what.columns, "", {}).times(1_000) == 1
