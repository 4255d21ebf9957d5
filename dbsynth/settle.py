"""Settle what the choice of parents left open: keys that disagree, lack a parent, or repeat."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dbsynth.features import Ints
from dbsynth.grid import NONE, Grid, Offer
from dbsynth.keys import combined, draw_in_place, duplicates, make_distinct

Flags = NDArray[np.bool_]

STEPS = 4_000  # choices that are tried for one row, before it is left out
ALL_STEPS = 2_000_000  # and for all rows of a table
ROUNDS = 3  # over all keys: filling one may disturb another


@dataclass(frozen=True)
class Settled:
    """Rows whose keys are sound; the codes say what is in the key columns."""

    pointers: dict[str, Ints]  # key -> (n,) parent rows, NONE for none
    codes: Ints  # (n, columns of the grid)
    kept: Flags  # (n,) the others have no place at all


def settle(
    grid: Grid,
    pointers: dict[str, Ints],
    size: int,
    movable: Sequence[str],
    last: Sequence[str],
    rng: np.random.Generator,
) -> Settled:
    """
    Make the keys of a table's rows sound: they agree, are complete where they must be, and lead
    to a parent where they are complete; no unique set of key columns repeats.

    Most rows are sound already, and keep their parents.

    Args:
        grid: what the parents offer.
        pointers: (n,) the parents chosen so far, by key.
        size: n.
        movable: keys that may lead elsewhere.
        last: keys that may, if nothing else helps: the owner's.
        rng: decides.
    """
    return _Settling(grid, pointers, size, movable, last, rng).settled()


@dataclass
class _Settling:
    grid: Grid
    pointers: dict[str, Ints]
    size: int
    movable: Sequence[str]
    last: Sequence[str]
    rng: np.random.Generator

    def settled(self) -> Settled:
        names = [n for n in self.grid.offers if n in self.movable]
        for _ in range(ROUNDS):
            if sum(self._fill(name) for name in names) == 0:
                break
        codes = self._codes()
        for unique in self.grid.uniques:
            self._spread(unique, codes)
            codes = self._codes()
        bad, pointers = self._unsound(codes)
        self.pointers |= pointers
        again = np.zeros(self.size, bool)
        for unique in self.grid.uniques:
            again |= duplicates(list(codes[:, list(unique)].T))
        rows = np.flatnonzero(bad | again)
        kept = np.ones(self.size, bool)
        if len(rows):
            kept[rows] = False
            search = _Search.of(self.grid, codes[kept], (self.movable, self.last), self.rng)
            for row in self.rng.permutation(rows):
                kept[row] = search.place(row, self.pointers, codes)
        return Settled(self.pointers, codes, kept)

    def _codes(self) -> Ints:
        """What rows take, with required columns of keys that have no parent filled as well."""
        codes = self.grid.taken(self.pointers, self.size)
        for offer in self.grid.offers.values():
            parents = offer.viable
            for place, values in zip(offer.places, offer.codes.T, strict=True):
                lacking = np.flatnonzero((codes[:, place] < 0) & (not self.grid.may_lack[place]))
                if len(lacking) and len(parents) and offer.is_optional:
                    codes[lacking, place] = values[self.rng.choice(parents, len(lacking))]
        return codes

    def _fill(self, name: str) -> int:
        """Draw parents for the rows whose key lacks one, or disagrees; how many there were."""
        codes = self.grid.taken(self.pointers, self.size)
        bad, pointers = _check(self.grid.offers[name], codes, self.pointers[name])
        self.pointers[name] = pointers
        rows = np.flatnonzero(bad)
        if len(rows) == 0:
            return 0
        others = self.grid.taken(self.pointers, self.size, without=name)[rows]
        shared = self.grid.shared(name, list(self.pointers))
        places, parent_places = self.grid.meeting(name, others, shared)
        pointers[rows] = draw_in_place(places, parent_places, self.rng)
        return len(rows)

    def _unsound(self, codes: Ints) -> tuple[Flags, dict[str, Ints]]:
        """Which rows have a key that is not sound, and where the keys lead."""
        bad, pointers = np.zeros(self.size, bool), {}
        for name, offer in self.grid.offers.items():
            wrong, pointers[name] = _check(offer, codes, self.pointers[name])
            bad |= wrong
        return bad, pointers

    def _spread(self, unique: tuple[int, ...], codes: Ints) -> None:
        """Let other parents take the place of those that repeat a unique set, key by key."""
        offers = self.grid.offers
        users = [n for n in offers if n in self.movable and set(offers[n].places) & set(unique)]
        for name in sorted(users, key=lambda n: -len(offers[n].codes)):
            if not duplicates(list(codes[:, list(unique)].T)).any():
                return
            offer = offers[name]
            own = [i for i, p in enumerate(offer.places) if p in unique]
            fixed = [codes[:, p] for p in unique if p not in offer.places]
            shown = combined(offer.codes[:, own])
            others = self.grid.taken(self.pointers, self.size, without=name)
            shared = self.grid.shared(name, list(self.pointers))
            places, parent_places = self.grid.meeting(name, others, shared)
            self.pointers[name], _ = make_distinct(
                fixed, self.pointers[name], shown, places, parent_places, self.rng
            )
            codes = self._codes()


def _check(offer: Offer, codes: Ints, pointers: Ints) -> tuple[Flags, Ints]:
    """Say for (n,) rows whether a key is not sound, and where it leads."""
    own = codes[:, list(offer.places)]
    whole = (own >= 0).all(axis=1)
    if len(offer.codes) == 0:
        return whole | ~_may_be_partial(offer, own), np.full(len(own), NONE)
    agrees = (offer.codes[np.maximum(pointers, 0)] == own).all(axis=1) & (pointers >= 0)
    found = np.where(whole & agrees, pointers, NONE)
    lost = np.flatnonzero(whole & ~agrees)
    if len(lost):
        found[lost] = offer.find(own[lost])
    return np.where(whole, found < 0, ~_may_be_partial(offer, own)), found


def _may_be_partial(offer: Offer, own: Ints) -> Flags:
    """Whether (n, k) codes, some of which are missing, are allowed to miss them."""
    missing = own < 0
    allowed: Flags = np.asarray(~(missing & ~offer.may_lack).any(axis=1))
    if offer.key.match_full:
        allowed &= missing.all(axis=1) | ~missing.any(axis=1)
    return allowed


@dataclass
class _Search:
    """Looks for a sound place for single rows, among all combinations of parents."""

    grid: Grid
    levels: list[list[str]]  # keys that may move; first few, then more
    rng: np.random.Generator
    used: list[set[tuple[int, ...]]] = field(default_factory=list)  # per unique set
    budget: int = ALL_STEPS
    steps: int = 0

    @classmethod
    def of(
        cls, grid: Grid, codes: Ints, movable: tuple[Sequence[str], Sequence[str]],
        rng: np.random.Generator,
    ) -> _Search:  # fmt: skip
        """Prepare; `codes` are those of the rows that are sound."""
        first, last = movable
        # Keys of many columns first: where they lead, those of few of these columns have to follow.
        names = sorted(grid.offers, key=lambda n: -len(grid.offers[n].places))
        levels = [[n for n in names if n in first], [n for n in names if n in (*first, *last)]]
        used = [set(map(tuple, codes[:, list(u)].tolist())) for u in grid.uniques]
        return cls(grid, levels, rng, used)

    def place(self, row: int, pointers: dict[str, Ints], codes: Ints) -> bool:
        """Find a place for a row, and note it in pointers and codes; False if there is none."""
        now = {name: int(p[row]) for name, p in pointers.items()}
        for free in self.levels:
            self.steps = min(STEPS, self.budget)
            start = np.full(len(self.grid.columns), NONE, np.int64)
            for place, values in self.grid.given.items():
                start[place] = values[row]
            rest = [n for n in self.grid.offers if n not in free]
            if not all(self._take(start, n, now[n]) for n in rest):
                continue
            found = next(self._walk(start, free, now), None)
            if found is None:
                continue
            for unique, known in zip(self.grid.uniques, self.used, strict=True):
                known.add(tuple(found[list(unique)].tolist()))
            codes[row] = found
            for name, offer in self.grid.offers.items():
                own = tuple(found[list(offer.places)].tolist())
                pointers[name][row] = offer.by_codes.get(own, NONE)
            return True
        return False

    def _take(self, codes: Ints, name: str, parent: int) -> bool:
        """Write a parent's codes into a row's; False if they disagree."""
        offer = self.grid.offers[name]
        if parent < 0:
            return True
        places = list(offer.places)
        if ((codes[places] != offer.codes[parent]) & (codes[places] >= 0)).any():
            return False
        codes[places] = offer.codes[parent]
        return True

    def _walk(self, codes: Ints, free: Sequence[str], now: dict[str, int]) -> Iterator[Ints]:
        """Try the parents of the first free key, one after another, each with those of the rest."""
        if self.steps <= 0:
            return
        self.steps -= 1
        self.budget -= 1
        if not free:
            whole = self._completed(codes)
            if whole is not None:
                yield whole
            return
        for parent in self._parents(free[0], codes, now[free[0]]):
            moved = codes.copy()
            if self._take(moved, free[0], parent) and not self._is_used(moved):
                yield from self._walk(moved, free[1:], now)

    def _parents(self, name: str, codes: Ints, now: int) -> Iterator[int]:
        """The parents that agree with a row's codes, in random order; none of them if allowed."""
        offer = self.grid.offers[name]
        own = codes[list(offer.places)]
        fits = ((own < 0) | (offer.codes == own)).all(axis=1) & offer.is_viable
        if offer.is_optional and now < 0:
            yield NONE
        yield from self.rng.permutation(np.flatnonzero(fits)).tolist()
        if offer.is_optional and now >= 0:
            yield NONE

    def _is_used(self, codes: Ints) -> bool:
        return any(
            tuple(codes[list(u)].tolist()) in known and (codes[list(u)] >= 0).all()
            for u, known in zip(self.grid.uniques, self.used, strict=True)
        )

    def _completed(self, codes: Ints) -> Ints | None:
        """Fill required columns of keys without a parent, then judge; None if it is not sound."""
        for offer in self.grid.offers.values():
            for place, values in zip(offer.places, offer.codes.T, strict=True):
                parents = offer.viable
                if codes[place] < 0 and not self.grid.may_lack[place] and len(parents):
                    codes[place] = values[parents[self.rng.integers(len(parents))]]
        for offer in self.grid.offers.values():
            own = codes[list(offer.places)]
            if (own >= 0).all():
                if tuple(own.tolist()) not in offer.by_codes:
                    return None
            elif not _may_be_partial(offer, own[None])[0]:
                return None
        return None if self._is_used(codes) else codes
