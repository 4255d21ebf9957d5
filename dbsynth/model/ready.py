"""
A trained network made ready to draw: arrays without a unit or an input that says nothing.

Each head hears a few codes and floats of the condition, and of the slots before it.  One that
listens to a few codes alone is a table of shares, looked up by them.  Arrays lie so that the last
step, from odds to tokens, adds up whole rows of numbers at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dbsynth.features import Features, Floats, Ints
from dbsynth.model.base import Columns, Listening
from dbsynth.model.heads import Head, HeadWeights, Table, curves, draw_by_curve
from dbsynth.model.hearing import Array, Hearing, Part, Place, combined
from dbsynth.model.shape import NetShape

BLOCK = 2_048  # rows that are multiplied at once: what they need stays close to the processor
BELOW_ONE = 1.0 - 2.0**-22  # so that a product with a sum of 32 bits stays below the sum
MOST_SHARES = 1 << 20  # that a table of shares may have
FEW_KINDS = 1 << 10  # of rows, of which each is worked out once
EMBEDDINGS = ("condition.", "slots.")


@dataclass(frozen=True, slots=True)
class Shared:
    """What the first part of conditions says, and how the rest is heard."""

    features: Features  # (kinds, ...) that part
    above: Sequence[Array | None]  # (kinds, units) per head; None: it listens to none of it
    rest: Sequence[Hearing]  # per head


@dataclass(slots=True)
class Drawn:
    """What is known of (n,) rows."""

    rows: int
    shared: Shared | None
    owners: Ints | None  # (n,) kinds of rows, as shared
    given: dict[int, Columns]  # the rest of the condition (-1), and slots
    codes: dict[Place, Ints] = field(default_factory=dict)  # asked for before
    floats: dict[Place, Array] = field(default_factory=dict)
    known: dict[tuple[Place, ...], Ints] = field(default_factory=dict)
    heard: dict[int, Array] = field(default_factory=dict)  # (n, units) of the last head

    def code(self, place: Place) -> Ints:
        """(n,) codes."""
        if place not in self.codes:
            self.codes[place] = self._code(place).astype(np.int64, copy=False)
        return self.codes[place]

    def _code(self, place: Place) -> NDArray[np.integer[Any]]:
        number = place.number
        if place.slot < 0 and self.shared is not None and self.owners is not None:
            first = len(self.shared.features.cards)
            if number < first:
                found: NDArray[np.integer[Any]] = self.shared.features.codes[self.owners, number]
                return found
            number -= first
        return self.given[place.slot].code(number)

    def float(self, place: Place) -> Array:
        """(n,) floats, of what is not shared."""
        if place not in self.floats:
            number = place.number
            if place.slot < 0 and self.shared is not None:
                number -= self.shared.features.floats.shape[1]
            self.floats[place] = self.given[place.slot].float(number)
        return self.floats[place]

    def kinds(self, codes: Sequence[Place], steps: Sequence[int]) -> Ints:
        """The sum of (n,) codes times steps; heads often ask for the same."""
        asked = tuple(codes)
        if asked not in self.known:
            total = np.zeros(self.rows, np.int64)
            for place, step in zip(asked, steps, strict=True):
                total += self.code(place) * step
            self.known[asked] = total
        return self.known[asked]


@dataclass(frozen=True, slots=True)
class Some:
    """What is known of some rows."""

    drawn: Drawn
    rows: Ints

    def kinds(self, codes: Sequence[Place], steps: Sequence[int]) -> Ints:
        """The sum of (n,) codes times steps."""
        return self.drawn.kinds(codes, steps)[self.rows]

    def code(self, place: Place) -> Ints:
        """(n,) codes."""
        return self.drawn.code(place)[self.rows]

    def float(self, place: Place) -> Array:
        """(n,) floats."""
        return self.drawn.float(place)[self.rows]


@dataclass(frozen=True, slots=True)
class Few:
    """A head that hears few codes, and floats of slots, which these may tell."""

    codes: tuple[Place, ...]
    steps: list[int]
    kinds: int
    floats: tuple[Place, ...]

    @staticmethod
    def of(parts: Sequence[Part]) -> Few | None:
        """Look at what a head listens to."""
        cards = [len(p.shown) for p in parts if p.shown is not None]
        codes = tuple(p.place for p in parts if p.shown is not None)
        floats = tuple(p.place for p in parts if p.shown is None)
        kinds = math.prod(cards)
        if not codes or kinds > FEW_KINDS or any(f.slot < 0 for f in floats):
            return None
        return Few(codes, [math.prod(cards[i + 1 :]) for i in range(len(cards))], kinds, floats)

    def told(self, drawn: Drawn) -> tuple[Ints, Ints] | None:
        """A row of each kind, and which of these (n,) rows are alike; None: floats tell more."""
        if drawn.rows < self.kinds:
            return None
        kinds = drawn.kinds(self.codes, self.steps)
        row = np.full(self.kinds, -1)
        row[kinds] = np.arange(drawn.rows)
        for place in self.floats:
            seen = drawn.float(place)
            if (seen != seen[row[kinds]]).any():
                return None
        is_there = row >= 0
        return row[is_there], (np.cumsum(is_there) - 1)[kinds]


class ReadyNet:
    """A network's weights, arranged for drawing; never changed."""

    def __init__(
        self, shape: NetShape, tables: Mapping[str, Array], weights: Sequence[HeadWeights]
    ) -> None:
        """Arrange slim heads, and the embeddings of the network that they are of."""
        _one_thread()
        self.shape, self.tables, self.weights = shape, dict(tables), tuple(weights)
        self.heads = [Head(w) for w in weights]
        self.parts = [self._parts(number) for number in range(len(weights))]
        found = [self._table(number) for number in range(len(weights))]
        self.known = {number: t for number, t in enumerate(found) if t is not None}
        # A number of few values, each a code, has nothing more to say in its float.
        few = ((n, Few.of(p)) for n, p in enumerate(self.parts) if n not in self.known)
        self.few = {number: found for number, found in few if found is not None}
        self._hearings: dict[tuple[int, int], tuple[list[Hearing], list[Hearing]]] = {}

    def _parts(self, head: int) -> list[Part]:
        """All that a head listens to."""
        weights, (slot, _) = self.weights[head], self.shape.heads[head]
        slots = zip(range(slot), self.shape.slots, self.shape.starts, strict=False)
        found = []
        for number, shape, start in [(-1, self.shape.condition, 0), *slots]:
            own = weights.condition if number < 0 else weights.slots[start:]
            prefix = "condition." if number < 0 else f"slots.{number}."
            shown = {
                code: self.tables[f"{prefix}tables.{i}.weight"][first : first + shape.cards[code]]
                for i, table in enumerate(shape.tables)
                for code, first in zip(table.columns, table.starts, strict=True)
            }
            for code, place in shape.parts:
                if own[place].any():
                    which = place.start - (shape.width - shape.floats) if code is None else code
                    embedding = None if code is None else shown[code]
                    found.append(Part(Place(number, which), embedding, own[place]))
        return found

    def _table(self, head: int) -> Table | None:
        """A head's shares for each kind of codes that it listens to, where there are not many."""
        parts, (_, tokens) = self.parts[head], self.shape.heads[head]
        cards = [0 if p.shown is None else len(p.shown) for p in parts]
        if not parts or not 0 < math.prod(cards) <= MOST_SHARES // tokens:
            return None
        above = combined(parts, self.weights[head].first)
        return Table([p.place for p in parts], cards, self.heads[head].odds(above, ()))

    def listens(self, head: int) -> Listening:
        """What a head listens to."""
        parts = self.parts[head]
        above = [p for p in parts if p.place.slot < 0]
        return Listening(
            frozenset(p.place.number for p in above if p.shown is not None),
            frozenset(p.place.number for p in above if p.shown is None),
            frozenset(p.place.slot for p in parts if p.place.slot >= 0),
        )

    def _heard(self, codes: int, floats: int) -> tuple[list[Hearing], list[Hearing]]:
        """What each head hears of so many first codes and floats of a condition; of the rest."""
        if (codes, floats) not in self._hearings:
            self._hearings[codes, floats] = [], []
            for parts, weights in zip(self.parts, self.weights, strict=True):
                above = [p for p in parts if p.is_above(codes, floats)]
                rest = [p for p in parts if not p.is_above(codes, floats)]
                first, later = self._hearings[codes, floats]
                first.append(Hearing(above, weights.first))
                later.append(Hearing(rest, None if above else weights.first))
        return self._hearings[codes, floats]

    def begin(self, condition: Features) -> Drawn:
        """Work out what the condition alone says of (n,) rows."""
        return Drawn(len(condition), None, None, {-1: condition})

    def prepare(self, shared: Features) -> Shared:
        """Work out what the first codes and floats of conditions say, of (m,) kinds of rows."""
        first, rest = self._heard(len(shared.cards), shared.floats.shape[1])
        given = Drawn(len(shared), None, None, {-1: shared})
        needed = (n not in self.known and bool(h.parts) for n, h in enumerate(first))
        above = [
            h.add(None, given, len(shared)) if is_needed else None
            for h, is_needed in zip(first, needed, strict=True)
        ]
        return Shared(shared, above, rest)

    def resume(self, shared: Shared | None, kinds: Ints, rest: Columns) -> Drawn:
        """Go on with the rest of their conditions, for (n,) rows of these kinds."""
        return Drawn(len(kinds), shared, None if shared is None else kinds, {-1: rest})

    def see(self, drawn: Drawn, slot: int, features: Columns) -> None:
        """Remember what a slot became."""
        drawn.given[slot] = features

    def draw(
        self,
        drawn: Drawn,
        head: int,
        uniforms: Floats,
        banned: Sequence[int],
    ) -> Ints:
        """
        Draw (n,) tokens of one head by inverse CDF.

        Args:
            drawn: what is known of the rows.
            head: which.
            uniforms: (n,).
            banned: tokens that no row may have.
        """
        own, never, rows = self.heads[head], tuple(banned), drawn.rows
        if own.is_constant:
            total = own.certain(never).astype(np.float64).cumsum()
            found: Ints = np.searchsorted(total, uniforms * total[-1], "right").astype(np.int64)
            last = int(np.flatnonzero(np.diff(total, prepend=0.0))[-1])
            return found.clip(max=last)
        if head in self.known:
            table = self.known[head]
            return table.draw(drawn.kinds(table.codes, table.steps), uniforms, never)
        told = self.few[head].told(drawn) if head in self.few else None
        if told is not None:
            some, kinds = told
            heard = self._heard(0, 0)[1][head].add(None, Some(drawn, some), len(some))
            return draw_by_curve(*curves(own.odds(heard, never).T.astype(float)), kinds, uniforms)
        tokens: Ints = np.empty(rows, np.int64)
        given = np.minimum(uniforms, BELOW_ONE).astype(np.float32)
        for here, odds in self._odds(drawn, head, never):
            tokens[here] = drawn_by(odds, given[here])
        return tokens

    def draw_among(
        self, drawn: Drawn, head: int, rows: Ints, uniforms: Floats, banned: Sequence[int],
        wanted: NDArray[np.bool_], faint: float,
    ) -> Ints:  # fmt: skip
        """Draw tokens of (m,) rows among the (m, tokens) wanted, if they have such a share."""
        tokens: Ints = np.empty(len(rows), np.int64)
        given = np.minimum(uniforms, BELOW_ONE).astype(np.float32)
        for here, odds in self._odds(drawn, head, tuple(banned), rows):
            tokens[here] = drawn_by(left_among(odds, wanted[here].T, faint), given[here])
        return tokens

    def shares(self, drawn: Drawn, head: int, banned: Sequence[int]) -> Floats:
        """How likely each token of a head is: (n, tokens), 0 for banned ones."""
        found: Floats = np.empty((drawn.rows, self.shape.heads[head][1]))
        for here, odds in self._odds(drawn, head, tuple(banned)):
            found[here] = odds.T
        found /= found.sum(axis=1, keepdims=True)
        return found

    def _odds(
        self, drawn: Drawn, head: int, banned: tuple[int, ...], rows: Ints | None = None
    ) -> Iterator[tuple[slice, Array]]:
        """(tokens, m) odds of all rows, or of some, block by block."""
        size = drawn.rows if rows is None else len(rows)
        blocks = [slice(s, s + BLOCK) for s in range(0, size, BLOCK)]
        if head in self.known:
            table = self.known[head]
            kinds = drawn.kinds(table.codes, table.steps)
            kinds = kinds if rows is None else kinds[rows]
            yield from ((here, table.odds(kinds[here], banned)) for here in blocks)
            return
        if head not in drawn.heard:
            drawn.heard = {head: self._heard_by(drawn, head)}  # heads are drawn one after another
        own = drawn.heard[head] if rows is None else drawn.heard[head][rows]
        yield from ((here, self.heads[head].odds(own[here], banned)) for here in blocks)

    def _heard_by(self, drawn: Drawn, head: int) -> Array:
        """(n, units) what a head hears of rows."""
        if drawn.shared is None or drawn.owners is None:
            return self._heard(0, 0)[1][head].add(None, drawn, drawn.rows)
        above = drawn.shared.above[head]
        own = None if above is None else np.take(above, drawn.owners, axis=0)
        return drawn.shared.rest[head].add(own, drawn, drawn.rows)

    def saved(self) -> dict[str, NDArray[Any]]:
        """Arrays from which `load` rebuilds it: slim heads, and embeddings."""
        arrays = {
            f"head.{number}.{name}": getattr(weights, name)
            for number, weights in enumerate(self.weights)
            for name in HeadWeights.__slots__
        }
        return arrays | self.tables


def _one_thread() -> None:
    """Let products use one thread: there are as many processes as processors."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(limits=1, user_api="blas")


def drawn_by(odds: Array, uniforms: Array) -> Ints:
    """Draw (n,) tokens by (tokens, n) odds, which are added up in place."""
    for token in range(1, len(odds)):
        np.add(odds[token - 1], odds[token], out=odds[token])
    is_below = (odds <= uniforms * odds[-1]).view(np.uint8)
    kind = np.uint8 if len(odds) < 2**8 else np.int64
    tokens: Ints = np.add.reduce(is_below, axis=0, dtype=kind).astype(np.int64)
    return tokens


def left_among(odds: Array, wanted: NDArray[np.bool_], faint: float) -> Array:
    """Leave (tokens, n) odds of what is wanted, where there is enough of it."""
    kept = odds * wanted
    is_lost = kept.sum(axis=0) < faint * odds.sum(axis=0)
    kept[:, is_lost] = odds[:, is_lost]
    return kept


def load(shape: NetShape, arrays: Mapping[str, NDArray[Any]]) -> ReadyNet:
    """
    Rebuild from `ReadyNet.saved`.

    Raises:
        KeyError, ValueError: arrays are missing, or do not fit the shape.
    """
    tables = {}
    parts = [("condition.", shape.condition)]
    parts += [(f"slots.{number}.", slot) for number, slot in enumerate(shape.slots)]
    for prefix, part in parts:
        for number, table in enumerate(part.tables):
            name = f"{prefix}tables.{number}.weight"
            tables[name] = arrays[name]
            if arrays[name].shape != (table.rows, table.width):
                raise ValueError("a table does not fit its network")
    names, heads = HeadWeights.__slots__, range(len(shape.heads))
    weights = [HeadWeights(**{n: arrays[f"head.{h}.{n}"] for n in names}) for h in heads]
    for weight, (slot, tokens) in zip(weights, shape.heads, strict=True):
        wanted = (shape.condition.width, shape.starts[slot], tokens)
        if wanted != (len(weight.condition), len(weight.slots), len(weight.bias)):
            raise ValueError("a head does not fit its network")
    return ReadyNet(shape, tables, weights)
