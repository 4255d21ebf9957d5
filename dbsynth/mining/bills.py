"""Parent columns that add up what children come to: products, with shares taken off or put on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from dbsynth.mining.arithmetic import digits, is_close, varies
from dbsynth.mining.frames import CARRIED, EXPECTED, MIN_ROWS, Bools, Floats, Frame, Ints, View
from dbsynth.rules.book import Rule

_MOST = 6  # numbers of a child that may stand in a product; of more the first
_PROBE = 40  # parents on which all products are tried
_PLACES = 4  # digits of a total that is rounded line by line
_COARSE = 200.0  # times what rounding may make a difference, totals must differ among themselves
# How a rule writes what a share makes of an amount; its column, its sign, and what the whole is.
_Factor = tuple[str, int, int, float]


@dataclass(frozen=True)
class _Line:
    """What one child comes to."""

    amounts: tuple[int, ...]  # which are multiplied
    shares: tuple[_Factor, ...]

    @property
    def used(self) -> tuple[int, ...]:
        """The columns that it is calculated from."""
        return (*self.amounts, *(s[1] for s in self.shares))

    def text(self, word: str, views: list[View]) -> str:
        """How a rule writes it."""
        amounts = [f"{word}.{views[i].word}" for i in self.amounts]
        shares = [text.format(f"{word}.{views[i].word}") for text, i, *_ in self.shares]
        return " * ".join([*amounts, *shares])

    def values(self, given: dict[int, Floats]) -> Floats:
        """(n,) what children with such numbers come to."""
        made = np.prod([given[i] for i in self.amounts], axis=0)
        for _, i, sign, whole in self.shares:
            made = made * (1 + sign * given[i] / whole)
        return np.asarray(made, np.float64)


def find_bills(
    frame: Frame, child: Frame, word: str, pointers: Ints, goals: list[View]
) -> Iterator[tuple[View, Rule]]:
    """
    Find columns that are the sum of products of the children's numbers.

    Args:
        frame: the parents.
        child: the table of the children.
        word: what a rule calls it.
        pointers: (m,) row of each child's parent, -1 for none.
        goals: the parents' columns that nothing else explains.
    """
    views = [v for v in child.numbers if varies(v.floats)][:_MOST]
    several = np.bincount(pointers[pointers >= 0], minlength=len(frame)) > 1
    if several.sum() < MIN_ROWS or not views:
        return
    lines = list(_lines(views))
    for goal in goals:
        search = _Search(goal, views, pointers, len(frame))
        if goal.family != "number" or search.places > _PLACES:
            continue
        for line in lines:
            if search.may_be(line) and (places := search.confirmed(line, several)) is not None:
                text = f"sum({line.text(word, views)})"
                text = f"coalesce({text}, 0)" if search.is_zero_without() else text
                text = text if places < 0 else f"round({text}, {places})"
                yield goal, frame.rule("total", f"{goal.word} = {text}")
                break


def _lines(views: list[View]) -> Iterator[_Line]:
    """Amounts, or products of two, with one or two shares; the simplest first."""
    factors = [f for i, view in enumerate(views) for f in _factors(i, view.floats)]
    own = [(i,) for i in range(len(views))] + list(combinations(range(len(views)), 2))
    for count in (1, 2):
        for amounts in own:
            for shares in combinations(factors, count):
                line = _Line(amounts, shares)
                if len(set(line.used)) == len(line.used):
                    yield line


def _factors(i: int, values: Floats) -> Iterator[_Factor]:
    """How a number can be a share: of one, or of a hundred."""
    low, high = np.nanmin(values), np.nanmax(values)
    if low < 0 or high > 100:
        return
    whole, written = (1.0, "{}") if high <= 1 else (100.0, "{} / 100")
    yield f"(1 - {written})", i, -1, whole
    yield f"(1 + {written})", i, 1, whole


class _Search:
    """The search for what one column adds up."""

    def __init__(self, goal: View, views: list[View], pointers: Ints, size: int) -> None:
        self.places = digits(goal.floats)
        self._goal, self._size = goal.floats, size
        there = np.zeros(size, bool)
        there[pointers[pointers >= 0]] = True
        known = np.flatnonzero(there & ~np.isnan(goal.floats))
        chosen = known[np.linspace(0, len(known) - 1, _PROBE).astype(int)] if len(known) else known
        self._all = _Children(views, pointers, np.arange(size))
        self._few = _Children(views, pointers, np.unique(chosen))

    def may_be(self, line: _Line) -> bool:
        """Whether a few parents have what their children come to."""
        few = self._few
        total = few.total(line, few.given)
        there = ~np.isnan(total)
        off = np.abs(self._goal[few.parents] - total)[there]
        return bool(there.any() and (off <= self._slack(few, there, total[there])).all())

    def _slack(self, children: _Children, there: Bools, total: Floats) -> Floats:
        """What rounding each line, twice, may come to, and adding up in another order."""
        each = 2.0 * 10.0**-self.places * children.count[there]
        return np.asarray(each + 5e-7 * (1 + np.abs(total)), np.float64)

    def is_zero_without(self) -> bool:
        """Whether parents without children have zero."""
        alone = self._goal[self._all.count == 0]
        alone = alone[~np.isnan(alone)]
        return len(alone) > 0 and bool((alone == 0).all())

    def confirmed(self, line: _Line, several: Bools) -> int | None:
        """The digits to which it holds in every row, -1 for all of them; None if it does not."""
        total = self._all.total(line, self._all.given)
        where = ~np.isnan(total) & ~np.isnan(self._goal)
        a, b = self._goal[where], total[where]
        if len(a) < MIN_ROWS or (where & several).sum() < CARRIED:
            return None
        off = np.abs(a - b)
        if (off > self._slack(self._all, where, b)).any():
            return None
        places = -1 if is_close(a, b, 0.0).all() else _places(off.max(), self.places)
        if places is None:
            return None
        slack = 0.5 * 10.0**-places if places >= 0 else 0.0
        if np.std(a) < _COARSE * slack:
            return None
        chance = float(is_close(np.roll(a, len(a) // 2 + 1), b, slack).mean())
        if (1 - chance) * len(a) < EXPECTED or not self._needs_all(line, where, slack):
            return None
        return places

    def _needs_all(self, line: _Line, where: Bools, slack: float) -> bool:
        """Whether every number makes a difference, in rows enough."""
        for i in line.used:
            given = dict(self._all.given)
            given[i] = np.full(len(given[i]), np.nanmedian(given[i]))
            without = self._all.total(line, given)[where]
            if (~is_close(self._goal[where], without, slack)).sum() < CARRIED:
                return False
        return True


class _Children:
    """The children of some parents, and what they have."""

    def __init__(self, views: list[View], pointers: Ints, parents: Ints) -> None:
        place = np.full(int(max(pointers.max(initial=-1), parents.max(initial=-1))) + 2, -1)
        place[parents] = np.arange(len(parents))
        rows = np.flatnonzero(place[pointers] >= 0)  # -1 is the last place: none
        self.parents, self._at = parents, place[pointers[rows]]
        self.given = {i: v.floats[rows] for i, v in enumerate(views)}
        self.count = np.bincount(self._at, minlength=len(parents)).astype(np.float64)

    def total(self, line: _Line, given: dict[int, Floats]) -> Floats:
        """What the children of each parent come to; NaN without children, or without a number."""
        values = line.values(given)
        total = np.bincount(self._at, weights=values, minlength=len(self.parents))
        return np.where(self.count > 0, total, np.nan)


def _places(off: float, places: int) -> int | None:
    """To how many digits a total is that of its lines; None if to none."""
    return next((p for p in range(places, -1, -1) if off <= 0.5 * 10.0**-p), None)
