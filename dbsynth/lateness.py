"""Which slots are drawn sibling after sibling, and which can wait until all siblings are there."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dbsynth.encode import DatetimeColumn, NumberColumn
from dbsynth.features import Features
from dbsynth.model.base import Listening
from dbsynth.rows import Layout, Slot, blank
from dbsynth.running import Summary

BEFORE, STATE, POSITION, PACE = range(4)  # parts of what rows know of their siblings


@dataclass(frozen=True, slots=True)
class Order:
    """In which order slots are drawn, and what of them is asked for later."""

    early: tuple[bool, ...]  # per slot: one sibling after another; the others when all are there
    kept: tuple[bool, ...]  # per slot: siblings, or slots that wait, are told of it
    state: NDArray[np.bool_] | None  # (width,) which of the siblings' state matters; None: all

    @staticmethod
    def plain(slots: Sequence[Slot]) -> Order:
        """One sibling after another, and everything is asked for."""
        every = (True,) * len(slots)
        return Order(every, every, None)


@dataclass(frozen=True, slots=True)
class Places:
    """Where the slots' own features are among all of a row."""

    codes: tuple[slice, ...]
    floats: tuple[slice, ...]

    @staticmethod
    def of(layout: Layout) -> Places:
        """Those of a layout."""
        nothing = {c.name: blank(c, 0) for c in layout.columns}
        codes, floats, first, second = [], [], 0, 0
        for slot in layout.slots:
            shape = layout.slot_features(slot, nothing)
            codes.append(slice(first, first + len(shape.cards)))
            floats.append(slice(second, second + shape.floats.shape[1]))
            first, second = codes[-1].stop, floats[-1].stop
        return Places(tuple(codes), tuple(floats))

    def with_code(self, code: int) -> int:
        """The slot that has a code."""
        return next(i for i, place in enumerate(self.codes) if place.start <= code < place.stop)

    def with_float(self, number: int) -> int:
        """The slot that has a float."""
        return next(i for i, place in enumerate(self.floats) if place.start <= number < place.stop)


@dataclass(frozen=True, slots=True)
class _Heard:
    """What the heads of one slot listen to."""

    own: frozenset[int]  # slots of the row
    before: frozenset[int]  # slots of the sibling before
    state: frozenset[int]  # floats of the state of all siblings before
    parts: frozenset[int]


def order_of(
    layout: Layout,
    listening: Sequence[Listening],
    given: tuple[int, int],
    beside: Sequence[Features],
    repeated: Collection[str],
    needed: Mapping[str, tuple[str, ...]],
) -> Order:
    """
    Find out which slots can wait.

    Args:
        layout: of the rows.
        listening: per head.
        given: how many codes and floats of the condition come before those about siblings.
        beside: no rows of each part of what is known of siblings.
        repeated: columns that may be as in an earlier sibling.
        needed: column -> columns that must be there before it, besides anchors.
    """
    slots, places, summary = layout.slots, Places.of(layout), Summary.of(layout)
    heard = _heard(slots, listening, given, beside, places)
    told = [_in_state(summary, places, h.state) for h in heard]
    early = {i for i, s in enumerate(slots) if _is_bound(layout, s, heard[i], repeated)}
    while True:
        more = {i for e in early for i in heard[e].own | heard[e].before | told[e]}
        more |= {i for i, h in enumerate(heard) if h.before - early - more}
        names = {layout.columns[slots[i].column].name for i in early | more}
        for column in layout.columns:
            if column.name in names:
                names |= {getattr(column, "anchor", ""), *needed.get(column.name, ())}
        more |= {i for i, s in enumerate(slots) if layout.columns[s.column].name in names}
        if more <= early:
            break
        early |= more
    late = set(range(len(slots))) - early
    kept = {i for h in heard for i in h.before} | {i for e in early for i in told[e]}
    kept |= {i for w in late for i in heard[w].own & early}
    state = np.zeros(beside[STATE].floats.shape[1], np.bool_)
    state[[f for h in heard for f in h.state]] = True
    return Order(
        tuple(i in early for i in range(len(slots))),
        tuple(i in kept for i in range(len(slots))),
        state,
    )


def _is_bound(layout: Layout, slot: Slot, heard: _Heard, repeated: Collection[str]) -> bool:
    """Whether a slot cannot be drawn without the siblings before, whatever else waits."""
    column = layout.columns[slot.column]
    has_gap = isinstance(column, DatetimeColumn) and column.gap is not None
    has_gap |= isinstance(column, NumberColumn) and column.step is not None
    keeps_time = isinstance(column, DatetimeColumn) and column.keeps_time
    return has_gap or keeps_time or column.name in repeated or bool({STATE, PACE} & heard.parts)


def _heard(
    slots: Sequence[Slot],
    listening: Sequence[Listening],
    given: tuple[int, int],
    beside: Sequence[Features],
    places: Places,
) -> list[_Heard]:
    found, head = [], 0
    codes = np.cumsum([given[0], *(len(b.cards) for b in beside)]).tolist()
    floats = np.cumsum([given[1], *(b.floats.shape[1] for b in beside)]).tolist()
    for slot in slots:
        mine = listening[head : head + len(slot.heads)]
        head += len(slot.heads)
        asked_codes = [c for m in mine for c in m.codes if c >= codes[0]]
        asked_floats = [f for m in mine for f in m.floats if f >= floats[0]]
        parts = {int(np.searchsorted(codes, c, "right")) - 1 for c in asked_codes}
        parts |= {int(np.searchsorted(floats, f, "right")) - 1 for f in asked_floats}
        before = {places.with_code(c - codes[0]) for c in asked_codes if c < codes[1]}
        before |= {places.with_float(f - floats[0]) for f in asked_floats if f < floats[1]}
        state = {f - floats[STATE] for f in asked_floats if floats[STATE] <= f < floats[POSITION]}
        own = {s for m in mine for s in m.slots}
        found.append(_Heard(*map(frozenset, (own, before, state, parts))))
    return found


def _in_state(summary: Summary, places: Places, heard: Collection[int]) -> set[int]:
    """The slots that some floats of the siblings' state are about."""
    labels = [code for code, count in summary.labels for _ in range(count)]
    found = set()
    for number in heard:
        if number < 4 * summary.floats:
            found.add(places.with_float(number % summary.floats))
        else:
            found.add(places.with_code(labels[(number - 4 * summary.floats) % len(labels)]))
    return found
