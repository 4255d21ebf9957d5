"""What waits until all siblings are there, and what cannot."""

from __future__ import annotations

import numpy as np

from dbsynth.codecs import NumberCodec
from dbsynth.conditions import plain
from dbsynth.encode import NumberColumn, PresenceColumn
from dbsynth.features import Features
from dbsynth.lateness import order_of
from dbsynth.model.base import Listening
from dbsynth.rows import Layout, pace, position
from dbsynth.running import Summary
from dbsynth.surroundings import Sides, Summed, Taken

CODEC = NumberCodec((1.0, 2.0, 3.0), (), 0, 1.0, 0.0)
LAYOUT = Layout((*(NumberColumn(n, CODEC) for n in "abc"), PresenceColumn("d")))
NONE = np.zeros(0, np.int64)
BESIDE = (
    LAYOUT.shape, plain(np.zeros((0, Summary.of(LAYOUT).width), np.float32)),
    position(NONE, NONE), pace(np.zeros(0), np.zeros(0), NONE),
)  # fmt: skip
GIVEN = 2, 1  # codes and floats of what rows hang on


def listening(
    codes: tuple[int, ...] = (), floats: tuple[int, ...] = (), slots: tuple[int, ...] = ()
) -> Listening:
    return Listening(frozenset(codes), frozenset(floats), frozenset(slots))


def early(*heads: Listening, repeated: tuple[str, ...] = ()) -> str:
    order = order_of(LAYOUT, heads, GIVEN, BESIDE, repeated, {})
    return "".join(c.name for c, e in zip(LAYOUT.columns, order.early, strict=True) if e)


def test_what_hears_nothing_of_siblings_waits() -> None:
    alone = listening((0, 1), (0,))
    assert early(alone, alone, listening(slots=(0, 1)), alone) == ""


def test_what_hears_of_the_sibling_before_pulls_along_what_it_hears() -> None:
    alone, before_b = listening(), listening((GIVEN[0] + 1,))
    assert early(alone, before_b, alone, alone) == "b"
    assert early(alone, alone, before_b, alone) == "bc"  # b is told of, so it is there before
    assert early(alone, listening((GIVEN[0] + 1,), slots=(0,)), alone, alone) == "ab"


def test_sums_over_siblings_are_drawn_with_them_and_places_are_known() -> None:
    alone = listening()
    mean_of_a = listening(floats=(GIVEN[1] + 3,))
    assert early(alone, alone, mean_of_a, alone) == "ac"
    place = listening((GIVEN[0] + 4,))
    assert early(alone, place, alone, alone) == ""
    assert early(alone, alone, alone, alone, repeated=("d",)) == "d"


def test_columns_side_by_side_are_made_when_asked_for() -> None:
    rows = Features(np.arange(6, dtype=np.int32)[:, None], np.ones((6, 1), np.float32), (6,))
    asked: list[str] = []

    def taken() -> Taken:
        asked.append("taken")
        return Taken(rows, np.array([2, -1]))

    tally = Summary(1, ()).start(2)
    tally.add(np.array([0, 1]), Features(rows.codes[:2], rows.floats[:2] * 3, (6,)), is_once=True)
    sides = Sides.of(
        (rows.part(0, 0), plain(np.zeros((0, 4), np.float32))),
        (taken, lambda: Summed(tally, np.array([0, 1]), 1)),
    )
    assert sides.float(1).tolist() == [3.0, 3.0]
    assert not asked
    assert sides.code(0).tolist() == [2, 0]
    assert sides.float(0).tolist() == [1.0, 0.0]
    assert asked == ["taken"]
