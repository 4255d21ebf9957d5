"""Tables: every head draws from counts, looked up by two or three things that came before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dbsynth.features import Features, Floats, Ints
from dbsynth.model.base import Columns, Engine, FitTask, Listening, Tensors
from dbsynth.model.heads import Table
from dbsynth.model.hearing import Array, Place
from dbsynth.model.ready import BELOW_ONE, BLOCK, drawn_by, left_among

Groups = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Asked:
    """A code or a float, and how it is sorted into a few groups."""

    place: Place
    codes: Groups | None  # (card,) the group of each code; None: a float
    edges: Array  # where the groups of a float end, but the last

    @property
    def groups(self) -> int:
        """How many there are."""
        return len(self.edges) + 1 if self.codes is None else int(self.codes.max(initial=0)) + 1

    def of(self, columns: Columns, before: tuple[int, int] = (0, 0)) -> Groups:
        """(n,) groups of rows, of whose codes and floats so many first ones are not there."""
        if self.codes is not None:
            found: Groups = self.codes[columns.code(self.place.number - before[0])]
            return found
        values = columns.float(self.place.number - before[1])
        return np.searchsorted(self.edges, values, "right").astype(np.uint8)

    def is_above(self, codes: int, floats: int) -> bool:
        """Whether it is among the first so many codes and floats of the condition."""
        first = floats if self.codes is None else codes
        return self.place.slot < 0 and self.place.number < first


@dataclass(frozen=True, slots=True)
class HeadTable:
    """One head: what it asks, and its shares for each combination of answers."""

    asked: tuple[int, ...]  # among all that is asked
    shares: Array  # (kinds, tokens); the last answer changes quickest


@dataclass(frozen=True, slots=True)
class Shared:
    """The groups of what owners have."""

    shape: tuple[int, int]  # codes and floats
    groups: Mapping[int, Groups]


@dataclass(slots=True)
class TablesModel:
    """The tables of all heads."""

    asked: tuple[Asked, ...]
    heads: tuple[HeadTable, ...]
    known: list[Table] = field(init=False)

    def __post_init__(self) -> None:
        """Make tables ready to draw."""
        self.known = []
        for head in self.heads:
            asked = [self.asked[a] for a in head.asked]
            cards = [a.groups for a in asked]
            table = np.ascontiguousarray(head.shares.T)
            self.known.append(Table([a.place for a in asked], cards, table))

    def begin(self, condition: Features) -> TablesSession:
        """Start drawing as many rows as the condition has."""
        return TablesSession(self, len(condition), {-1: condition})

    def prepare(self, shared: Features) -> Shared:
        """Sort the first part of conditions into groups, of (m,) kinds of rows."""
        shape = len(shared.cards), shared.floats.shape[1]
        above = {i: a.of(shared) for i, a in enumerate(self.asked) if a.is_above(*shape)}
        return Shared(shape, above)

    def resume(self, prepared: Shared | None, kinds: Ints, rest: Columns) -> TablesSession:
        """Start drawing (n,) rows by their kinds and the rest of their conditions."""
        return TablesSession(self, len(kinds), {-1: rest}, prepared, kinds)

    def listens(self, head: int) -> Listening:
        """What makes a difference to a head."""
        asked = [self.asked[a] for a in self.heads[head].asked]
        above = [a for a in asked if a.place.slot < 0]
        return Listening(
            frozenset(a.place.number for a in above if a.codes is not None),
            frozenset(a.place.number for a in above if a.codes is None),
            frozenset(a.place.slot for a in asked if a.place.slot >= 0),
        )

    def saved(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """What is asked as JSON, groups and shares as arrays."""
        data = {
            "asked": [[*a.place, a.codes is not None] for a in self.asked],
            "heads": [list(h.asked) for h in self.heads],
        }
        arrays: dict[str, NDArray[Any]] = {
            f"shares.{i}": h.shares for i, h in enumerate(self.heads)
        }
        for number, asked in enumerate(self.asked):
            arrays[f"asked.{number}"] = asked.edges if asked.codes is None else asked.codes
        return data, arrays


@dataclass(slots=True)
class TablesSession:
    """Drawing n rows."""

    model: TablesModel
    rows: int
    given: dict[int, Columns]  # the rest of the condition (-1), and slots
    shared: Shared | None = None
    owners: Ints | None = None
    groups: dict[int, Groups] = field(default_factory=dict)  # (n,) by what is asked

    def draw(self, head: int, uniforms: Floats, banned: Sequence[int] = ()) -> Ints:
        """Draw (n,) tokens of one head."""
        return self.model.known[head].draw(self._kinds(head), uniforms, tuple(banned))

    def draw_among(
        self, head: int, rows: Ints, uniforms: Floats, banned: Sequence[int],
        wanted: NDArray[np.bool_], faint: float,
    ) -> Ints:  # fmt: skip
        """Draw tokens of (m,) rows once more, among the (m, tokens) wanted."""
        tokens: Ints = np.empty(len(rows), np.int64)
        given = np.minimum(uniforms, BELOW_ONE).astype(np.float32)
        for here, odds in self._odds(self._kinds(head)[rows], head, banned):
            tokens[here] = drawn_by(left_among(odds, wanted[here].T, faint), given[here])
        return tokens

    def shares(self, head: int, banned: Sequence[int] = ()) -> NDArray[np.float64]:
        """How likely each token of a head is: (n, tokens), 0 for banned ones."""
        found: Floats = np.empty((self.rows, self.model.heads[head].shares.shape[1]))
        for here, odds in self._odds(self._kinds(head), head, banned):
            found[here] = odds.T
        found /= found.sum(axis=1, keepdims=True)
        return found

    def see(self, slot: int, features: Columns) -> None:
        """Let later heads know what a slot became."""
        self.given[slot] = features

    def _odds(self, kinds: Ints, head: int, banned: Sequence[int]) -> Iterator[tuple[slice, Array]]:
        for start in range(0, len(kinds), BLOCK):
            here = slice(start, start + BLOCK)
            yield here, self.model.known[head].odds(kinds[here], tuple(banned))

    def _kinds(self, head: int) -> Ints:
        kinds = np.zeros(self.rows, np.int64)
        for number, step in zip(
            self.model.heads[head].asked, self.model.known[head].steps, strict=True
        ):
            kinds += self._group(number) * np.int64(step)
        return kinds

    def _group(self, number: int) -> Groups:
        if number not in self.groups:
            asked = self.model.asked[number]
            if self.shared is not None and number in self.shared.groups:
                self.groups[number] = self.shared.groups[number][self.owners]
            else:
                is_rest = self.shared is not None and asked.place.slot < 0
                before = self.shared.shape if self.shared is not None and is_rest else (0, 0)
                self.groups[number] = asked.of(self.given[asked.place.slot], before)
        return self.groups[number]


def fit(task: FitTask, report: Callable[[int, int], None]) -> TablesModel:
    """Choose what each head asks, and count; see `counting`."""
    from dbsynth.model.counting import count

    return TablesModel(*count(task, report))


def load(data: Mapping[str, Any], tensors: Tensors) -> TablesModel:
    """
    Rebuild from `saved`.

    Raises:
        KeyError, ValueError: what is asked and arrays do not fit each other.
    """
    asked = []
    for number, (slot, place, is_code) in enumerate(data["asked"]):
        own = tensors[f"asked.{number}"]
        nothing = np.zeros(0, np.float32)
        here = Place(int(slot), int(place))
        asked.append(Asked(here, own, nothing) if is_code else Asked(here, None, own))
    heads = []
    for number, places in enumerate(data["heads"]):
        head = HeadTable(tuple(map(int, places)), tensors[f"shares.{number}"])
        if int(np.prod([asked[a].groups for a in head.asked])) != len(head.shares):
            raise ValueError("a table does not fit what it is asked")
        heads.append(head)
    return TablesModel(tuple(asked), tuple(heads))


ENGINE = Engine("tables", fit, load)
