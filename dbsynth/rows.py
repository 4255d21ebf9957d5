"""The layout of a table's rows as networks see them: slots in order, each with its heads."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dbsynth.drifts import drifted, last_known, start_of_drift
from dbsynth.encode import CategoryColumn, DatetimeColumn, Head, ModelledColumn, NumberColumn, Phase
from dbsynth.features import Features, Floats, Ints
from dbsynth.turns import follow, taken
from dbsynth.values import DAY

Values = Mapping[str, NDArray[np.float64] | NDArray[np.int64]]  # column name -> working values
COUNTED_LABELS = 24  # categories with more are not counted label by label
PACE_STEPS, PACE_CODES = 6, 34  # steps for each e-fold of the days a row has, at most
SAME_TIME = 0.5  # seconds apart, at most
IGNORED = -1  # a training target that does not count

Part = Literal["value", "day", "time"]


@dataclass(frozen=True, slots=True)
class Slot:
    """One step of the autoregression: a column, or a part of one, and its heads."""

    column: int  # position in the layout's columns
    part: Part
    heads: tuple[Head, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """A row: its modelled columns in the order in which they are drawn."""

    columns: tuple[ModelledColumn, ...]

    def with_rare(self, names: Collection[str]) -> Layout:
        """Let some categories draw the token of rare labels, for something is made of it."""
        return Layout(
            tuple(
                replace(c, draws_rare=True)
                if c.name in names and isinstance(c, CategoryColumn)
                else c
                for c in self.columns
            )
        )

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Every step of the autoregression, in order."""
        return tuple(s for i, c in enumerate(self.columns) for s in _slots(i, c))

    @property
    def shape(self) -> Features:
        """Features of no rows: tells cardinalities and widths."""
        nothing = {c.name: blank(c, 0) for c in self.columns}
        return self.features(nothing, 0)

    @property
    def counted(self) -> tuple[tuple[int, int], ...]:
        """The codes whose labels are counted among siblings: (position, labels) of small ones."""
        found, position = [], 0
        for slot in self.slots:
            column = self.columns[slot.column]
            cards = self.slot_features(slot, {column.name: blank(column, 0)}).cards
            if not isinstance(column, DatetimeColumn) and cards[0] <= COUNTED_LABELS:
                found.append((position, cards[0]))
            position += len(cards)
        return tuple(found)

    def slot_features(self, slot: Slot, values: Values) -> Features:
        """What later slots, siblings and children see of one slot."""
        column = self.columns[slot.column]
        data = values[column.name]
        if not isinstance(column, DatetimeColumn):
            return column.features(data)  # type: ignore[arg-type]
        seconds = data.astype(np.float64)
        if slot.part == "time":
            return column.time_features(seconds)
        day = column.day_features(seconds)
        if column.delta is not None and column.anchor in values:
            apart = distance(seconds, values[column.anchor].astype(np.float64), column.unit)
            own = column.delta.rank(apart)[:, None]
            day = Features.join([day, Features(day.codes[:, :0], own, ())], len(data))
        if column.time is None or has_time_slot(column):
            return day
        return Features.join([day, column.time_features(seconds)], len(data))

    def features(self, values: Values, rows: int) -> Features:
        """What networks see of whole rows; `rows` says how many, should there be no column."""
        return Features.join([self.slot_features(s, values) for s in self.slots], rows)

    def targets(self, values: Values, anchors: Mapping[str, Floats], previous: Ints) -> list[Ints]:
        """
        The tokens that every head of every slot should have predicted.

        Args:
            values: (n,) working values by column.
            anchors: (n,) seconds by the anchor names of `DatetimeColumn`.
            previous: (n,) row number of the sibling before, -1 for the first.

        Returns:
            one (n,) array a head, `IGNORED` where the head has no say.
        """
        found: list[Ints] = []
        for slot in self.slots:
            column = self.columns[slot.column]
            for head in slot.heads:
                tokens = _target(column, slot, head, values[column.name], anchors, previous)
                if head.phase != "any":
                    used = (previous < 0) == (head.phase == "first")
                    tokens = np.where(used, tokens, IGNORED)
                found.append(tokens)
        return found


def order_column(layout: Layout) -> NumberColumn | DatetimeColumn | None:
    """The column that orders the rows of one owner, if there is one: always the first."""
    first = layout.columns[0] if layout.columns else None
    if isinstance(first, NumberColumn | DatetimeColumn) and first.gap is not None:
        return first
    return None


def blank(column: ModelledColumn, rows: int) -> NDArray[np.float64] | NDArray[np.int64]:
    """Working values of (n,) rows of which nothing is known."""
    if isinstance(column, NumberColumn | DatetimeColumn):
        return np.full(rows, np.nan)
    return np.zeros(rows, np.int64)


def has_time_slot(column: DatetimeColumn) -> bool:
    """Whether the time of day is drawn apart from the day (for some siblings at least)."""
    if column.time is None:
        return False
    return column.delta is None or column.delta_unit == "day"


def _slots(index: int, column: ModelledColumn) -> list[Slot]:
    if isinstance(column, NumberColumn) and column.step is not None:
        heads = (Head(column.codec.tokens, "first"), Head(column.step.tokens, "later"))
        return [Slot(index, "value", heads)]
    if not isinstance(column, DatetimeColumn):
        return [Slot(index, "value", (Head(token_count(column)),))]
    if column.is_given:
        parts: tuple[Part, ...] = ("day", "time") if has_time_slot(column) else ("day",)
        return [Slot(index, part, ()) for part in parts]
    first = (column.delta or column.day).tokens
    if column.gap is None:
        slots = [Slot(index, "day", (Head(first),))]
    else:
        slots = [
            Slot(
                index,
                "day",
                (Head(first, "first"), Head(column.gap.tokens + len(column.turns), "later")),
            )
        ]
    if has_time_slot(column):
        assert column.time is not None
        phase: Phase = "first" if column.gap is not None and column.unit == "second" else "any"
        slots.append(Slot(index, "time", (Head(time_tokens(column), phase),)))
    return slots


def time_tokens(column: DatetimeColumn) -> int:
    """How many tokens the time of day has."""
    assert column.time is not None
    return column.time.tokens + int(column.keeps_time)


def token_count(column: ModelledColumn) -> int:
    """How many tokens a column that is not a date has."""
    match column:
        case CategoryColumn() | NumberColumn():
            return column.codec.tokens
        case _:
            return 2


def _target(
    column: ModelledColumn,
    slot: Slot,
    head: Head,
    data: NDArray[np.float64] | NDArray[np.int64],
    anchors: Mapping[str, Floats],
    previous: Ints,
) -> Ints:
    if isinstance(column, NumberColumn):
        number = data.astype(np.float64)
        if head.phase != "later":
            return column.codec.encode(number)
        assert column.step is not None
        if column.drift is not None:
            start = start_of_drift(last_known(number, previous), column.codec)
            return column.drift.encode(number - start)
        before = np.where(previous >= 0, number[np.maximum(previous, 0)], np.nan)
        return column.step.encode(number - before)
    if not isinstance(column, DatetimeColumn):
        return data.astype(np.int64)
    seconds = data.astype(np.float64)
    if slot.part == "time":
        assert column.time is not None
        known = np.isfinite(seconds)
        tokens = column.time.encode(np.where(known, seconds, 0.0) % DAY)
        if column.keeps_time:
            tokens = np.where(is_same_time(seconds, previous), column.time.tokens, tokens)
        return np.where(known, tokens, IGNORED)
    if head.phase == "later":
        assert column.gap is not None
        before = np.where(previous >= 0, seconds[np.maximum(previous, 0)], np.nan)
        turn = taken(seconds, before, column.turns)
        plain = column.gap.encode(distance(seconds, before, column.unit))
        return np.where(turn >= 0, column.gap.tokens + turn, plain)
    if column.delta is None:
        return column.day.encode(np.floor(seconds / DAY))
    tokens = column.delta.encode(distance(seconds, anchors[column.anchor], column.delta_unit))
    lost = np.isfinite(seconds) & ~np.isfinite(anchors[column.anchor])
    return np.where(lost, IGNORED, tokens)


def distance(later: Floats, earlier: Floats, unit: str) -> Floats:
    """How far apart two moments are, in whole days or in seconds; NaN if either is missing."""
    start = np.where(np.isfinite(earlier), earlier, np.nan)  # nothing lies beyond an infinite one
    return np.floor(later / DAY) - np.floor(start / DAY) if unit == "day" else later - start


def place_day(
    column: DatetimeColumn, head: Head, tokens: Ints, uniforms: Floats, start: Floats
) -> Floats:
    """
    Turn a date head's (n,) tokens into seconds; `start` is the anchor or the sibling before.

    Days come at midnight, their time of day is added by `place_time`.
    """
    if head.phase == "later":
        assert column.gap is not None
        gap = column.gap.decode(np.minimum(tokens, column.gap.tokens - 1), uniforms)
        least = (column.gap.step or 1.0) if column.is_strict else 0.0
        moved = _advance(start, np.maximum(gap, least), column.unit)
        moved = follow(moved, start, tokens - column.gap.tokens, column.turns)
        return moved if column.is_strict else _until_the_end(column, start, moved)
    if column.delta is not None:
        moved = _advance(start, column.delta.decode(tokens, uniforms), column.delta_unit)
        bound = np.full(len(start), np.nan) if column.is_backward else start
        moved = _on_grid(column.grid, moved, bound)
        return _until_the_end(column, start, moved)
    return np.floor(column.day.decode(tokens, uniforms)) * DAY


def _on_grid(grid: str, moved: Floats, start: Floats) -> Floats:
    """The nearest day of the calendar's grid that is not before the start; see `DatetimeColumn`."""
    known = np.isfinite(moved)
    if not grid or not known.any():
        return moved
    days = np.floor(moved[known] / DAY).astype(np.int64)
    index = _grid_index(grid, days)
    low, high = _grid_days(grid, index), _grid_days(grid, index + 1)
    is_early = low * DAY < np.nan_to_num(start[known], nan=-np.inf)
    found = moved.copy()
    found[known] = np.where(is_early | (high - days < days - low), high, low) * DAY
    return found


def _grid_index(grid: str, days: Ints) -> Ints:
    """Which of the grid's days is the last one until each of (n,) days."""
    if grid == "month":
        return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return (days - int(grid.removeprefix("week"))) // 7


def _grid_days(grid: str, index: Ints) -> Ints:
    """The inverse of `_grid_index`."""
    if grid == "month":
        return index.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return index * 7 + int(grid.removeprefix("week"))


def _until_the_end(column: DatetimeColumn, start: Floats, moved: Floats) -> Floats:
    """Let no distance lead beyond the last day that was released, but to infinity."""
    last = np.minimum(moved, np.maximum((column.day.high + 1) * DAY - 1, start))
    return np.where(np.isinf(moved), moved, last)


def within(
    column: DatetimeColumn, placed: Floats, start: Floats, end: Floats, follow: Ints
) -> Floats:
    """
    Move (n,) moments of siblings to where they may be: the last one to its day, others before it.

    Args:
        column: what they are moments of; says whether siblings may share one.
        placed: (n,) seconds; NaN and infinities stay.
        start: (n,) what they must not come before; NaN for nothing.
        end: (n,) midnight of the last sibling's day; NaN if that is unknown.
        follow: (n,) how many siblings come after each.
    """
    assert column.gap is not None
    if column.grid:
        return _within_grid(column, placed, start, end, follow)
    unit = DAY if column.unit == "day" else 1.0
    lattice = column.gap.step * unit
    step = (lattice or unit) if column.is_strict else 0.0
    latest = end + DAY - max(step, 1.0) - follow * step
    moved = np.where(follow == 0, end + placed % DAY, np.minimum(placed, latest))
    if lattice:  # what comes sooner than was drawn stays on the steps that gaps have
        on_step = start + np.floor((moved - start) / lattice) * lattice
        is_sooner = (follow > 0) & (placed > latest) & np.isfinite(start)
        moved = np.where(is_sooner, on_step, moved)
    moved = np.floor(moved / DAY) * DAY if column.unit == "day" else moved
    moved = np.fmax(moved, start + step)
    known: Floats = np.where(np.isfinite(placed) & np.isfinite(end), moved, placed)
    return known


def _within_grid(
    column: DatetimeColumn, placed: Floats, start: Floats, end: Floats, follow: Ints
) -> Floats:
    """The same on the calendar's grid; without room, the first comes sooner than from its start."""
    found, known = placed.copy(), np.isfinite(placed) & np.isfinite(end)
    step = int(column.is_strict)
    drawn, last = (
        _grid_index(column.grid, np.floor(x[known] / DAY).astype(np.int64)) for x in (placed, end)
    )
    behind = follow[known]
    index = np.where(behind == 0, last, np.minimum(drawn, last - behind * step))
    has_start = np.isfinite(start[known])
    first = np.where(has_start, start[known], 0.0)
    least = _grid_index(column.grid, np.floor(first / DAY).astype(np.int64)) + step
    index = np.where(has_start, np.maximum(index, least), index)
    top = int(_grid_index(column.grid, np.array([int(column.day.high)]))[0])
    index = np.minimum(index, top - behind * step)  # those after the first have room then
    found[known] = _grid_days(column.grid, index) * DAY
    return found


def place_number(
    column: NumberColumn, head: Head, tokens: Ints, uniforms: Floats, before: Floats
) -> Floats:
    """Turn a number head's (n,) tokens into values; `before` is what siblings had, if any."""
    if head.phase != "later":
        return column.codec.decode(tokens, uniforms)
    if column.drift is not None:
        return drifted(column.codec, before, column.drift.decode(tokens, uniforms))
    assert column.gap is not None
    gap = np.maximum(column.gap.decode(tokens, uniforms), 0.0)
    return before + (np.maximum(gap, column.gap.step or 1e-6) if column.is_strict else gap)


def _advance(start: Floats, by: Floats, unit: str) -> Floats:
    return (np.floor(start / DAY) + np.round(by)) * DAY if unit == "day" else start + by


def is_same_time(seconds: Floats, previous: Ints) -> NDArray[np.bool_]:
    """Whether (n,) moments have the time of day of the sibling before."""
    before = np.where(previous >= 0, seconds[np.maximum(previous, 0)], np.nan)
    with np.errstate(invalid="ignore"):
        return np.abs(seconds % DAY - before % DAY) < SAME_TIME


def time_of_day(
    column: DatetimeColumn, tokens: Ints, uniforms: Floats, before: Floats
) -> tuple[Floats, Ints, Floats]:
    """
    Turn (n,) tokens into times of day; a last token stands for that of the sibling before.

    Returns:
        (n,) seconds since midnight, NaN for NULL; their own tokens, and where they stand.
    """
    codec = column.time
    assert codec is not None
    kept = np.flatnonzero(tokens == codec.tokens)
    own = np.minimum(tokens, codec.tokens - 1)
    times, ranks = codec.laid_out.place(own, uniforms)
    times[kept] = np.nan_to_num(before[kept]) % DAY
    own[kept], ranks[kept] = codec.encode(times[kept]), codec.rank(times[kept])
    return times, own, ranks


def place_time(days: Floats, times: Floats) -> Floats:
    """Add (n,) drawn times of day to (n,) midnights; a time that is unknown is midnight."""
    shown: Floats = np.nan_to_num(times).clip(0.0, DAY - 1e-6)
    return np.floor(days / DAY) * DAY + shown


def not_before(
    start: Floats, moments: Floats, column: DatetimeColumn, rng: np.random.Generator
) -> tuple[Ints, Floats]:
    """
    Draw times of day again where they come before what they are measured from, on its own day.

    Args:
        start: (n,) seconds; NaN for nothing.
        moments: (n,) seconds, the day of which stays.
        column: what they are moments of; says in which steps times go.
        rng: any time that is left is as likely.

    Returns:
        the rows, and their new moments.
    """
    assert column.time is not None
    with np.errstate(invalid="ignore"):
        is_same_day = np.floor(start / DAY) == np.floor(moments / DAY)
        early = np.flatnonzero(is_same_day & (moments < start))
    begin, step = start[early], column.time.step or 1e-6
    later = begin % DAY + rng.random(len(early)) * (DAY - begin % DAY)
    later = np.minimum(np.ceil(later / step) * step, DAY - step)
    return early, np.maximum(np.floor(begin / DAY) * DAY + later, begin)


def position(index: Ints, count: Ints) -> Features:
    """Where (n,) rows stand among their siblings: how many came before, how many will follow."""
    after = np.maximum(count - index - 1, 0)
    codes = np.stack([np.minimum(index, 31) + 1, np.minimum(after, 31) + 1], axis=1)
    floats = np.stack(
        [np.log1p(index) / 5, np.log1p(after) / 5, index / np.maximum(count, 1)], axis=1
    )
    return Features(codes.astype(np.int32), floats.astype(np.float32), (33, 33))


def pace(before: Floats, end: Floats, follow: Ints) -> Features:
    """
    How much time is left to (n,) rows, how much of it to each, and to how many.

    Args:
        before: (n,) seconds; when the sibling before came, or what the first is measured from.
        end: (n,) seconds; when the last one comes.
        follow: (n,) how many rows follow a row.

    Returns:
        on logarithmic scales; 0 where something is unknown.
    """
    left = np.maximum(end - before, 0.0) / DAY
    known = np.isfinite(left)
    left = np.where(known, left, 0.0)
    follow = np.maximum(follow, 0)
    each = np.log1p(left / (follow + 1))
    shown = np.stack([np.log1p(left) / 2, each, np.log1p(follow) / 2], axis=1)
    steps = np.minimum(each * PACE_STEPS, PACE_CODES - 2) + 1
    near = np.minimum(follow, PACE_CODES - 2) + 1
    codes = np.where(known[:, None], np.stack([steps, near], axis=1), 0)
    floats = np.where(known[:, None], shown, 0.0).astype(np.float32)
    return Features(codes.astype(np.int32), floats, (PACE_CODES, PACE_CODES))
