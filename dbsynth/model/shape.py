"""Everything that fixes a network's arrays, known without the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class NetShape:
    """What a network sees and draws, and how wide it is."""

    condition_cards: tuple[int, ...]  # cardinality of each condition code
    condition_floats: int
    slot_cards: tuple[tuple[int, ...], ...]  # per slot: cardinalities of its codes
    slot_floats: tuple[int, ...]
    heads: tuple[tuple[int, int], ...]  # (slot, tokens) per head, in order
    units: int = 96  # hidden units of each head

    @property
    def condition(self) -> EmbedShape:
        """How the condition is seen."""
        return EmbedShape(self.condition_cards, self.condition_floats)

    @property
    def slots(self) -> tuple[EmbedShape, ...]:
        """How each slot is seen."""
        return tuple(EmbedShape(*s) for s in zip(self.slot_cards, self.slot_floats, strict=True))

    @property
    def starts(self) -> list[int]:
        """Where each slot begins among all of them, and where the last one ends."""
        return list(accumulate((s.width for s in self.slots), initial=0))


@dataclass(frozen=True, slots=True)
class EmbedShape:
    """Embeddings of several codes, side by side with floats."""

    cards: tuple[int, ...]
    floats: int

    @property
    def tables(self) -> list[EmbedTable]:
        """The tables; codes of one width share one: each with rows of its own."""
        own = [embedding_width(k) for k in self.cards]
        found, place = [], 0
        for width in sorted(set(own)):
            columns = [i for i, w in enumerate(own) if w == width]
            ends = list(accumulate(self.cards[i] for i in columns))
            found.append(EmbedTable(width, columns, [0, *ends[:-1]], ends[-1], place))
            place += width * len(columns)
        return found

    @property
    def parts(self) -> list[tuple[int | None, slice]]:
        """What a row becomes, part by part: numbers of a code, then each float (None)."""
        found: list[tuple[int | None, slice]] = []
        for table in self.tables:
            places = range(table.place, self.width, table.width)
            found += [
                (c, slice(p, p + table.width)) for c, p in zip(table.columns, places, strict=False)
            ]
        first = self.width - self.floats
        return found + [(None, slice(p, p + 1)) for p in range(first, self.width)]

    @property
    def width(self) -> int:
        """How many numbers a row becomes."""
        return sum(embedding_width(k) for k in self.cards) + self.floats


@dataclass(frozen=True, slots=True)
class EmbedTable:
    """One table of embeddings."""

    width: int
    columns: Sequence[int]  # the codes that are looked up in it
    starts: Sequence[int]  # the first row of each of them
    rows: int
    place: int  # where what is found in it begins in a row


def embedding_width(cardinality: int) -> int:
    """Dimensions for a code with so many values."""
    return int(min(16, max(2, round(1.6 * cardinality**0.4))))
