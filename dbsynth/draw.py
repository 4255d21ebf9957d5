"""Draw rows from a fitted layout: siblings one after another, all owners of a chunk at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dbsynth.again import Again
from dbsynth.chunks import PIECE, steps, turns
from dbsynth.codecs import NULL
from dbsynth.conditions import Siblings, plain
from dbsynth.copying import Given, gate_name
from dbsynth.drifts import look_back
from dbsynth.encode import (
    CategoryColumn,
    DatetimeColumn,
    Head,
    ModelledColumn,
    NumberColumn,
)
from dbsynth.families import Inheriting
from dbsynth.features import Features, Floats, Ints
from dbsynth.foregone import Foregone
from dbsynth.keys import Strata
from dbsynth.lateness import Order, Places, order_of
from dbsynth.model.base import Choosing, Columns, Preparing, Session, Telling
from dbsynth.ordering import token_places
from dbsynth.rows import (
    Slot,
    blank,
    has_time_slot,
    not_before,
    order_column,
    place_day,
    place_number,
    place_time,
    position,
    time_of_day,
    time_tokens,
    token_count,
)
from dbsynth.running import Summary
from dbsynth.schedule import Schedule
from dbsynth.steering import FAINT, drawn, keeping, keeps, steer
from dbsynth.surroundings import Sides, Summed, Taken
from dbsynth.tablemodel import RowsModel
from dbsynth.ties import Laid, ordered
from dbsynth.values import DAY


@dataclass
class Drawing:
    """The rows of one chunk in the making."""

    part: RowsModel
    condition: Features  # (n, ...) without the siblings
    siblings: Siblings
    has_siblings: bool  # whether the condition of fit had a sibling part
    anchors: Mapping[str, Floats]  # dates of ancestors
    ends: Floats | None  # (n,) the day of the last sibling, if it is known
    knots: Floats | None  # (n, knots) share of the time that is over at each knot
    required: frozenset[str]  # columns that may not be NULL
    copies: Mapping[str, Given]  # what columns are where they are copies
    rng: np.random.Generator
    laid: Laid | None = None  # when rows of series are
    inheriting: Inheriting | None = None  # what rows have again of their family
    lines: Ints | None = field(default=None, init=False)  # where rows are stored, if elsewhere

    def draw(self) -> dict[str, NDArray[np.float64] | NDArray[np.int64]]:
        """Draw every column; returns (n,) working values by column name."""
        layout = self.part.layout
        rows = len(self.siblings.index)
        self.values = {c.name: self._begun(c, rows) for c in layout.columns}
        self.waves: dict[int, Floats] = {}
        self.features = layout.shape.room(rows, by_column=True)  # in the order of steps
        self.groups = np.cumsum(self.siblings.index == 0) - 1
        self.again = Again(layout.columns, self.values, self.groups)
        self.slots = layout.slots
        self.prepared = self._prepared()
        self.nothing = self._no_siblings()
        asked = self.order.state
        self.tally = self._summary.start(int(self.groups[-1]) + 1 if rows else 0, asked)
        is_summed = self.has_siblings and (asked is None or bool(asked.any()))
        self.lines = self._in_steps()
        self.done = 0  # slots that are drawn for all rows
        if self.laid is not None:
            self._begin_series(self.laid)
        for step in self._batches():  # rows of one are in the order of their siblings
            start, last = self.siblings.index[step[0]], self.siblings.index[step[-1]]
            self._draw_rows(step, int(start))
            self.again.remember(step)
            if is_summed:
                where, whole = self._step(step), self.features
                seen = Features(whole.codes[where], whole.floats[where], whole.cards)
                self.tally.add(self.groups[step], seen, is_once=bool(start == last))
        if not all(self.order.early):
            for start in range(0, rows, PIECE):
                self._draw_late(np.arange(start, min(start + PIECE, rows)))
        return self.values

    def _begun(self, column: ModelledColumn, rows: int) -> Floats | Ints:
        is_given = isinstance(column, DatetimeColumn) and column.is_given
        moments = self.laid.moments if is_given and self.laid else None
        return blank(column, rows) if moments is None else moments.copy()

    @cached_property
    def order(self) -> Order:
        """Which slots can wait for all siblings."""
        model, layout = self.part.model, self.part.layout
        if not isinstance(model, Preparing) or self.laid is not None:
            return Order.plain(layout.slots)
        heads = sum(len(s.heads) for s in layout.slots)
        given = len(self.condition.cards), self.condition.floats.shape[1]
        gates = self.again.gates
        repeated = {n for name, gate in gates.items() for n in (name, gate.name, *gate.alike)}
        repeated |= set(self.inheriting.customs) if self.inheriting else set()
        listening = [model.listens(h) for h in range(heads)]
        return order_of(layout, listening, given, self.nothing, repeated, self._needed)

    @property
    def _needed(self) -> dict[str, tuple[str, ...]]:
        """The columns that have to be there before a column, besides anchors."""
        found: dict[str, tuple[str, ...]] = {n: (gate_name(n),) for n in self.copies}
        for column in self.part.layout.columns:
            if isinstance(column, NumberColumn) and column.foregone is not None:
                before = found.get(column.name, ())
                found[column.name] = (*before, *dict.fromkeys(column.foregone.label))
        return found

    @cached_property
    def schedule(self) -> Schedule:
        """What is known of when rows are."""
        order = order_column(self.part.layout)
        return Schedule(order, self.siblings, self.anchors, self.ends, self.knots, self.values)

    @cached_property
    def _summary(self) -> Summary:
        return Summary.of(self.part.layout)

    @cached_property
    def places(self) -> Places:
        """Where each slot's features are."""
        return Places.of(self.part.layout)

    def _begin_series(self, laid: Laid) -> None:
        """Draw when rows are, if that is not laid out, and find out who stands beside whom."""
        self.token_places = token_places(self.part.layout)
        first = sum(s.column == 0 for s in self.slots)
        for rows in self._batches() if laid.moments is None else ():
            self._draw_until(first, rows, 0)
        self.done = first if laid.moments is None else 0
        self.beside = laid.beside(self.values[laid.column].astype(np.float64))

    def _batches(self) -> Iterator[Ints]:
        if self.inheriting is None:
            return steps(self.siblings, self._ordered)
        return turns(self.siblings, self._ordered, self.inheriting.family.turn)

    @cached_property
    def _ordered(self) -> Ints:
        """(n,) rows in the order of steps."""
        if self.inheriting is None:
            return np.argsort(self.siblings.index, kind="stable")
        return np.lexsort((self.siblings.index, self.inheriting.family.turn))

    def _in_steps(self) -> Ints | None:
        """(n,) where rows are stored: those of a step together; None: where they are."""
        lines = np.empty(len(self.siblings.index), np.int64)
        lines[self._ordered] = np.arange(len(lines))
        return lines

    def _draw_rows(self, rows: Ints, start: int) -> None:
        """Draw some rows of the step that begins at sibling `start`; may be called again."""
        if self.inheriting is not None:
            self.inheriting.begin(rows)
        self._draw_until(None, rows, start)

    def _draw_until(self, last: int | None, rows: Ints, start: int) -> None:
        """Draw the slots before the last one of some rows; None: all."""
        index = self.siblings.index[rows]
        first = rows - index
        # In a block of several siblings all of them see the last one before the block.
        before = np.where(index > 0, first + start - 1, -1)
        session = self._session(rows, before, start)
        phase = "first" if index.max() == 0 else "later"
        self._draw_slots(session, rows, phase, is_late=False, last=last)

    def _draw_late(self, rows: Ints) -> None:
        """Draw what could wait, of some consecutive rows of which all else is known."""
        before = np.where(self.siblings.index[rows] > 0, rows - 1, -1)
        session = self._session(rows, before, 0)
        self._draw_slots(session, rows, "any", is_late=True)

    def _draw_slots(
        self, session: Session, rows: Ints, phase: str, *, is_late: bool, last: int | None = None
    ) -> None:
        """Draw some rows' slots, before the `last` one, that are early, or those that are late."""
        self.strata = Strata(self.rng, len(rows))
        head = 0
        for number, slot in enumerate(self.slots[:last]):
            is_early, is_kept = self.order.early[number], self.order.kept[number]
            if is_early == is_late:
                head += len(slot.heads)
                if is_early and is_kept:  # then it is a session that asks column by column
                    known: Any = Taken(self._slot_features(number), self._lines(rows))
                    session.see(number, known)
                continue
            seen = None
            for candidate in slot.heads:
                if candidate.phase in ("any", phase) and number >= self.done:
                    seen = self._draw_head(session, head, slot, candidate, rows)
                head += 1
            seen = self._seen(slot, rows) if seen is None else seen
            session.see(number, seen)
            if is_kept and not is_late:
                self._store(number, rows, seen)

    def _slot_features(self, slot: int) -> Features:
        """What of all rows is stored about a slot."""
        codes, floats = self.places.codes[slot], self.places.floats[slot]
        whole = self.features
        return Features(whole.codes[:, codes], whole.floats[:, floats], whole.cards[codes])

    def _lines(self, rows: Ints) -> Ints:
        """Where (n,) rows are stored; -1 stays -1."""
        if self.lines is None:
            return rows
        return np.where(rows < 0, -1, self.lines[np.maximum(rows, 0)])

    def _step(self, rows: Ints) -> Ints | slice:
        """Where the rows of a step are stored: one after another, but for those drawn again."""
        if self.lines is None:
            return rows
        first = int(self.lines[rows[0]])
        return slice(first, first + len(rows))

    def _store(self, slot: int, rows: Ints, seen: Features) -> None:
        own, where = self._slot_features(slot), self._step(rows)
        own.codes[where], own.floats[where] = seen.codes, seen.floats

    def _prepared(self) -> Any:
        """What the condition says of each owner, where all siblings have the same; else None."""
        model, given = self.part.model, self.condition
        if not self.has_siblings or not isinstance(model, Preparing) or not len(given):
            return None
        later = self.siblings.index[1:] > 0
        is_shared = all(
            not ((x[1:] != x[:-1]).any(axis=1) & later).any() for x in (given.codes, given.floats)
        )
        return (
            model.prepare(given.take(np.flatnonzero(self.siblings.index == 0)))
            if is_shared
            else None
        )

    def _session(self, rows: Ints, before: Ints, start: int) -> Session:
        model = self.part.model
        if not isinstance(model, Preparing) or not self.has_siblings:
            return model.begin(self._condition(rows, before, start))
        sides = self._beside(rows, before, start)
        if self.prepared is not None:
            return model.resume(self.prepared, self.groups[rows], Sides.of(self.nothing, sides))
        shapes = self.condition.part(0, 0), *self.nothing
        every = (lambda: Taken(self.condition, rows), *sides)
        return model.resume(None, rows, Sides.of(shapes, every))

    def _condition(self, rows: Ints, before: Ints, start: int) -> Features:
        parts = [self.condition.take(rows)]
        if self.has_siblings:
            index, count = self.siblings.index[rows], self.siblings.count[rows]
            parts += [
                self.features.take(self._lines(before)),
                plain(self.tally.state(self.groups[rows], start)),
                position(index, count),
                self.schedule.pace(rows, before, index),
            ]
        return Features.join(parts, len(rows))

    def _beside(self, rows: Ints, before: Ints, start: int) -> tuple[Callable[[], Columns], ...]:
        """How to find out what (n,) rows know of their siblings."""
        index = self.siblings.index[rows]
        return (
            lambda: Taken(self.features, self._lines(before)),
            lambda: Summed(self.tally, self.groups[rows], start),
            lambda: position(index, self.siblings.count[rows]),
            lambda: self.schedule.pace(rows, before, index),
        )

    def _no_siblings(self) -> tuple[Features, ...]:
        """What no rows know of their siblings: tells cardinalities and widths."""
        none = np.zeros(0, np.int64)
        state = plain(np.zeros((0, self._summary.width), np.float32))
        return (
            self.features.part(0, 0),
            state,
            position(none, none),
            self.schedule.pace(none, none, none),
        )

    def _draw_head(
        self, session: Session, number: int, slot: Slot, head: Head, rows: Ints
    ) -> Features | None:
        """Draw one head of (n,) rows; returns what networks see of its slot, if that is at hand."""
        column = self.part.layout.columns[slot.column]
        tokens = self._tokens(session, number, slot, head, rows)
        inside = self.rng.random(len(rows))
        turns = self._turns(head, rows)
        if len(turns) == 1:
            seen = self._put(column, slot, head, rows, tokens, inside)
        else:
            for some in turns:
                self._put(column, slot, head, rows[some], tokens[some], inside[some])
            seen = None
        if isinstance(column, NumberColumn) and column.foregone is not None:
            self._settle(column, column.foregone, rows)
            seen = None
        if column.name in self.copies:
            self._copy(column.name, rows)
        elif column.name in self.again.gates:
            index = self.siblings.index[rows]
            self.again.repeat(column.name, np.split(rows, np.flatnonzero(np.diff(index)) + 1))
        elif not self._is_inherited(column.name):
            return seen
        if self._is_inherited(column.name):  # whatever else decided, for those that are still free
            self._inherit(column.name, rows)
        return None

    def _is_inherited(self, name: str) -> bool:
        return self.inheriting is not None and name in self.inheriting.customs

    def _inherit(self, name: str, rows: Ints) -> None:
        """Put what the family had before in the place of what was drawn."""
        assert self.inheriting is not None
        gate = self.again.gates.get(name)
        free = rows if gate is None else rows[self.values[gate.name][rows] != 1]
        null = NULL if self.values[name].dtype.kind == "i" else np.nan
        heirs, theirs = self.inheriting.chosen(name, self.values[name], null, free)
        self.values[name][heirs] = self.values[name][theirs]

    def _put(
        self, column: ModelledColumn, slot: Slot, head: Head, rows: Ints, tokens: Ints,
        inside: Floats,
    ) -> Features | None:  # fmt: skip
        """Turn (n,) tokens into working values of rows."""
        data = self.values[column.name]
        if isinstance(column, NumberColumn) and head.phase != "later":
            data[rows], ranks = column.codec.laid_out.place(tokens, inside)
            return _codes(tokens, column.codec.tokens, ranks)
        if not isinstance(column, NumberColumn | DatetimeColumn):
            data[rows] = tokens
            return _codes(tokens, token_count(column))
        # Siblings lie together, so the one before stands in the row before.
        earlier = data[np.maximum(rows - 1, 0)].astype(np.float64)
        if isinstance(column, NumberColumn):
            earlier = earlier if column.drift is None else self._last_known(column.name, rows)
            data[rows] = place_number(column, head, tokens, inside, earlier)
            return None
        if slot.part == "time":
            return self._put_time(column, rows, tokens, inside, earlier)
        start = earlier if head.phase == "later" else self.schedule.anchor(column, rows)
        placed = place_day(column, head, tokens, inside, start)
        data[rows] = placed = self._in_time(column, placed, start, rows)
        is_whole = column.time is None or has_time_slot(column)
        is_apart = column.delta is not None and column.anchor in self.values
        return column.day_features(placed) if is_whole and not is_apart else None

    def _last_known(self, name: str, rows: Ints) -> Floats:
        """What the siblings before (n,) rows had last; NaN for nothing."""
        return look_back(self.values[name].astype(np.float64), rows, self.siblings.index[rows])

    def _put_time(
        self, column: DatetimeColumn, rows: Ints, tokens: Ints, inside: Floats, earlier: Floats
    ) -> Features:
        """Add times of day to days."""
        data, codec = self.values[column.name], column.time
        assert codec is not None
        times, own, ranks = time_of_day(column, tokens, inside, earlier)
        days = data[rows].astype(np.float64)
        moments = place_time(days, np.where(own == NULL, 0.0, times))
        if column.delta is not None:
            early, later = not_before(self.schedule.anchor(column, rows), moments, column, self.rng)
            moments[early] = later
            own[early], ranks[early] = codec.encode(later % DAY), codec.rank(later % DAY)
        data[rows] = moments
        known = np.isfinite(moments)
        shown = np.where(known, np.where(known, moments, 0.0) % DAY, np.nan)
        return column.clock_features(shown, np.where(known, own, NULL), np.where(known, ranks, 0.0))

    def _settle(self, column: NumberColumn, foregone: Foregone, rows: Ints) -> None:
        """Put what follows from labels in the place of what was drawn."""
        self.values[column.name][rows] = foregone.over(
            self.values[column.name][rows].astype(np.float64),
            lambda name: self.values[name][rows].astype(np.int64),
            self._codes_above(rows),
            self.rng.random(len(rows)),
        )

    def _codes_above(self, rows: Ints) -> NDArray[np.integer[Any]]:
        return self.condition.codes[rows]

    def _copy(self, name: str, rows: Ints) -> None:
        """Put what stands above some rows in the place of what was drawn."""
        given, gate = self.copies[name].take(rows), self.values.get(gate_name(name))
        same = given.here if gate is None else given.here & (gate[rows] == 1)
        self.values[name][rows[same]] = given.values[same]

    def _tokens(self, session: Session, number: int, slot: Slot, head: Head, rows: Ints) -> Ints:
        """Draw the tokens of one head for some rows."""
        banned = self._banned(self.part.layout.columns[slot.column], slot)
        if self._asks_before(slot) and (self.siblings.index[rows] == 0).any():
            banned = (*banned, 1)
        if slot.part == "time" and (self.siblings.index[rows] == 0).any():
            banned = (*banned, *self._time_before(slot))
        if self.laid and self.laid.ties[number] and isinstance(session, Telling):
            return self._tied(session, number, rows, banned)
        column = self.part.layout.columns[slot.column]
        course = None
        if isinstance(column, DatetimeColumn) and slot.part != "time":
            course = self.schedule.course(column, head.phase, rows)
        if course is None or not isinstance(session, Telling):
            return session.draw(number, self.strata.draw(), banned)
        assert isinstance(column, DatetimeColumn)
        if isinstance(session, Choosing):
            tokens = session.draw(number, self.strata.draw(), banned)
            # Drawing what is not wanted once more is the same as drawing among what is.
            asked = np.flatnonzero(~keeps(column, course, tokens))
            wanted = keeping(column, course.take(asked))
            is_out = ~wanted[np.arange(len(asked)), tokens[asked]]
            again, uniforms = asked[is_out], self.rng.random(int(is_out.sum()))
            tokens[again] = session.draw_among(
                number, again, uniforms, banned, wanted[is_out], FAINT
            )
            return tokens
        shares = steer(column, session.shares(number, banned), course)
        return drawn(shares, self.strata.draw())

    def _tied(self, session: Telling, number: int, rows: Ints, banned: tuple[int, ...]) -> Ints:
        """Draw the tokens of rows of series, each near that of the row before."""
        assert self.laid is not None
        if number not in self.waves:
            self.waves[number] = self.beside.uniforms(self.laid.ties[number], self.rng)
        shares = session.shares(number, banned)
        return ordered(shares, self.token_places[number], self.waves[number][rows])

    def _asks_before(self, slot: Slot) -> bool:
        """Whether a slot says that a column has what the sibling before has."""
        return self.part.layout.columns[slot.column] in self.again.gates.values()

    def _time_before(self, slot: Slot) -> tuple[int, ...]:
        """The token that asks for the time of the sibling before, where there may be one."""
        column = self.part.layout.columns[slot.column]
        assert isinstance(column, DatetimeColumn)
        return (time_tokens(column) - 1,) if column.keeps_time else ()

    def _in_time(self, column: DatetimeColumn, placed: Floats, start: Floats, rows: Ints) -> Floats:
        return self.schedule.within(column, placed, start, rows)

    def _turns(self, head: Head, rows: Ints) -> list[Ints]:
        """Which of a step's rows are placed at once: one measured from a sibling comes after it."""
        places = np.arange(len(rows))
        if head.phase != "later":
            return [places]
        return np.split(places, np.flatnonzero(np.diff(self.siblings.index[rows])) + 1)

    def _banned(self, column: ModelledColumn, slot: Slot) -> tuple[int, ...]:
        """Tokens that may not be drawn: rare labels always, NULL where it is not allowed."""
        required = column.name in self.required or slot.part == "time"
        nulls = (NULL,) if required else ()
        if isinstance(column, CategoryColumn) and not column.draws_rare:
            return (*nulls, column.codec.rare)
        return nulls

    def _seen(self, slot: Slot, rows: Ints) -> Features:
        """What networks see of a slot of (n,) rows."""
        column = self.part.layout.columns[slot.column]
        shown = {column.name, getattr(column, "anchor", "")} & self.values.keys()
        drawn = {name: self.values[name][rows] for name in shown}
        return self.part.layout.slot_features(slot, drawn)


def _codes(tokens: Ints, cards: int, ranks: Floats | None = None) -> Features:
    """What networks see of (n,) tokens, and of where values stand."""
    codes = tokens.astype(np.int32)[:, None]
    empty = np.zeros((len(tokens), 0), np.float32)
    return Features(codes, empty if ranks is None else ranks.astype(np.float32)[:, None], (cards,))
