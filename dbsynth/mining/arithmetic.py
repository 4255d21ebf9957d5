"""Columns that are calculated from two to four others of their row, with rounding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import combinations

import numpy as np

from dbsynth.mining.frames import CARRIED, EXPECTED, MIN_ROWS, Bools, Floats, Frame, Ints, View
from dbsynth.rules.book import Rule

_PROBE = 48  # rows on which all combinations are tried
MOST = 12  # operands, where columns of rows above stand in formulas; of wider tables the first
WIDEST = 32  # the same, of formulas of the row alone
_DIGITS = 6
_EXACT = 5e-7  # of a value: what adding up in another order may change

_EARLY = 6  # rows of the probe that are looked at first
_FEW = 8  # operands of formulas of four

Given = Mapping[int, Floats]  # operand -> (n,) values
Calculate = Callable[[Given], Floats]


@dataclass(frozen=True)
class Operand:
    """A column, or what stands for one: an aggregate of the children."""

    word: str
    values: Floats  # (n,) NaN for NULL
    columns: frozenset[str]  # no formula of one of these may have another of them


@dataclass(frozen=True)
class _Term:
    """A formula over some operands."""

    text: str
    used: tuple[int, ...]
    calculate: Calculate


def operands(views: Sequence[View]) -> list[Operand]:
    """Turn columns into operands, those of equal values only once."""
    found: list[Operand] = []
    for view in views:
        same = any(np.array_equal(o.values, view.floats, equal_nan=True) for o in found)
        if not same and len(found) < WIDEST:
            found.append(Operand(view.word, view.floats, frozenset([view.word])))
    return found


def find_arithmetic(
    frame: Frame,
    given: Sequence[Operand],
    targets: Sequence[Operand],
    *,
    kind: str = "arithmetic",
    most: int = 4,
    must: int | None = None,
) -> Iterator[Rule]:
    """
    Find the simplest formula of each column that has one.

    Args:
        frame: the table.
        given: what may stand in formulas.
        targets: what they may be of.
        kind: of the rules.
        most: operands of one formula; at most three with `must`.
        must: the one of `given` that every formula has.
    """
    explained: list[frozenset[str]] = []
    needed = given[must].word if must is not None else ""
    terms = _Terms([o for o in given if varies(o.values)], needed)
    for target in sorted(targets, key=lambda t: -float(np.nansum(np.abs(t.values)))):
        if not varies(target.values):
            continue
        for text, used in _Search(target, terms, needed).best(most):
            words = frozenset({target.word, *used})
            if words not in explained:
                explained.append(words)
                yield frame.rule(kind, f"{target.word} = {text}")
                break


def digits(values: Floats) -> int:
    """How many digits behind the point values have; `_DIGITS` for more."""
    known = values[~np.isnan(values)][:2000]
    for places in range(_DIGITS):
        if np.allclose(known, np.round(known, places), rtol=0, atol=1e-7):
            return places
    return _DIGITS


def varies(values: Floats) -> bool:
    """Whether there are enough values, and not all the same."""
    known = values[~np.isnan(values)]
    return len(known) >= MIN_ROWS and bool((known != known[0]).any())


def is_close(values: Floats, formula: Floats, slack: float) -> Bools:
    """Mark where a formula gives a value, rounded; False where one is NULL."""
    with np.errstate(invalid="ignore", over="ignore"):
        allowed = np.maximum(slack, _EXACT * (1 + np.abs(values)))
        near: Bools = np.abs(values - formula) <= allowed
    return near


class _Terms:
    """Every formula over some operands, and what each comes to in a few rows."""

    def __init__(self, given: Sequence[Operand], needed: str = "") -> None:
        self.given = given
        self._needed = {i for i, o in enumerate(given) if o.word == needed}
        self._matrices: dict[tuple[str, bytes], Floats] = {}

    @cached_property
    def single(self) -> list[_Term]:
        return [_Term(o.word, (i,), partial(_value, i)) for i, o in enumerate(self.given)]

    @cached_property
    def products(self) -> list[_Term]:
        return [
            _Term(f"{a.word} * {b.word}", (i, j), partial(_product, i, j))
            for (i, a), (j, b) in combinations(enumerate(self.given), 2)
        ]

    @cached_property
    def plain(self) -> list[_Term]:
        """Products, sums and differences of two."""
        found = list(self.products)
        for (i, a), (j, b) in combinations(enumerate(self.given), 2):
            found += [
                _Term(f"{a.word} + {b.word}", (i, j), partial(_sum, i, j, 1)),
                _Term(f"{a.word} - {b.word}", (i, j), partial(_sum, i, j, -1)),
                _Term(f"{b.word} - {a.word}", (j, i), partial(_sum, j, i, -1)),
            ]
        return found

    @cached_property
    def pairs(self) -> list[_Term]:
        """All formulas of two operands, one of them the one that is needed."""
        plain = [t for t in self.plain if self._needed <= {*t.used}]
        return [*plain, *self._scaled(self.single)]

    @cached_property
    def triples(self) -> list[_Term]:
        """Products of three, the last of them often a share."""
        few = [t for t in self.products if max(t.used) < _FEW]
        return list(self._scaled(few))

    def _scaled(self, terms: list[_Term]) -> Iterator[_Term]:
        """Terms with a share taken off, put on, or taken of them, or divided."""
        for term in terms:
            for i, other in enumerate(self.given):
                if i in term.used or not self._needed <= {*term.used, i}:
                    continue
                for text, factor in _FACTORS:
                    step = partial(_times, term.calculate, i, factor)
                    yield _Term(f"{term.text} {text.format(other.word)}", (*term.used, i), step)

    def matrix(self, name: str, rows: Ints) -> Floats:
        """What a list of terms comes to: (terms, rows)."""
        key = name, rows.tobytes()
        if key not in self._matrices:
            few = {i: o.values[rows] for i, o in enumerate(self.given)}
            terms: list[_Term] = getattr(self, name)
            with np.errstate(all="ignore"):
                made = [t.calculate(few) for t in terms]
            self._matrices[key] = np.stack(made) if made else np.zeros((0, len(rows)))
        return self._matrices[key]


class _Search:
    """The search for one column's formula."""

    def __init__(self, target: Operand, terms: _Terms, needed: str) -> None:
        self._goal, self._terms, self._needed = target.values, terms, needed
        self._places = digits(target.values)
        self._slack = 0.5005 * 10.0**-self._places if self._places < _DIGITS else 0.0
        self._allowed = [not (o.columns & target.columns) for o in terms.given]
        self._rows = self._probe()
        self._aim = self._goal[self._rows]

    def _probe(self) -> Ints:
        """Some rows that have as many of the values as can be."""
        there = np.zeros(len(self._goal), np.int64)
        for other in self._terms.given:
            there += ~np.isnan(other.values)
        known = np.flatnonzero(~np.isnan(self._goal))
        most = there[known].max(initial=0)
        best = known[there[known] == most]
        if len(best) < _PROBE:
            best = known[np.argsort(-there[known], kind="stable")][:_PROBE]
        chosen: Ints = best[np.linspace(0, len(best) - 1, _PROBE).astype(int)]
        return chosen

    def best(self, most: int) -> Iterator[tuple[str, frozenset[str]]]:
        """Formulas of at most so many operands that hold in every row, of the fewest."""
        for level in (self._pairs, self._triples, self._quadruples)[: most - 1]:
            kept = [found for term in level() if (found := self._confirmed(term))]
            if kept:
                yield from kept
                return

    def _pairs(self) -> Iterator[_Term]:
        yield from self._fitting("pairs")

    def _triples(self) -> Iterator[_Term]:
        yield from self._fitting("triples")
        yield from self._added("plain")

    def _quadruples(self) -> Iterator[_Term]:
        yield from self._added("triples")

    def _is_allowed(self, used: tuple[int, ...]) -> bool:
        words = [self._terms.given[i].word for i in used]
        return all(self._allowed[i] for i in used) and (not self._needed or self._needed in words)

    def _fitting(self, name: str) -> Iterator[_Term]:
        terms: list[_Term] = getattr(self._terms, name)
        for place in self._fits(self._terms.matrix(name, self._rows), self._aim):
            if self._is_allowed(terms[place].used):
                yield terms[place]

    def _added(self, name: str) -> Iterator[_Term]:
        """Terms to which another operand is added, or from which it is taken."""
        terms: list[_Term] = getattr(self._terms, name)
        rest = self._aim - self._terms.matrix(name, self._rows)
        for i, other in enumerate(self._terms.given[:_FEW]):
            for sign, text in ((1, "+"), (-1, "-")):
                own = sign * other.values[self._rows]
                for place in self._fits(rest, own) if self._allowed[i] else ():
                    term = terms[place]
                    used = (*term.used, i)
                    if i not in term.used and self._is_allowed(used):
                        step = partial(_plus, term.calculate, i, sign)
                        yield _Term(f"{term.text} {text} {other.word}", used, step)

    def _fits(self, values: Floats, aim: Floats) -> list[int]:
        """The rows of a matrix that are some values, wherever both are there."""
        if not len(values):
            return []
        # Most are ruled out by the first few.
        early = self._near(values[:, :_EARLY], aim[:_EARLY])[0]
        left = np.flatnonzero(early)
        fits, near = self._near(values[left], aim)
        found: list[int] = left[fits & (near >= _LEAST)].tolist()
        return found

    def _near(self, values: Floats, aim: Floats) -> tuple[Bools, Ints]:
        near = is_close(aim, values, self._slack)
        missing = np.isnan(values) | np.isnan(aim)
        return np.asarray((near | missing).all(1)), near.sum(1)

    def _confirmed(self, term: _Term) -> tuple[str, frozenset[str]] | None:
        """Calculate a formula in all rows; None unless it holds in each, and not by chance."""
        given = {i: self._terms.given[i].values for i in term.used}
        with np.errstate(all="ignore"):
            values = term.calculate(given)
        where = ~np.isnan(self._goal) & np.isfinite(values)
        a, b = self._goal[where], values[where]
        if len(a) < MIN_ROWS or not is_close(a, b, self._slack).all():
            return None
        by_chance = float(is_close(np.roll(a, len(a) // 2 + 1), b, self._slack).mean())
        if (1 - by_chance) * len(a) < EXPECTED:
            return None
        known = {i: v[where] for i, v in given.items()}
        for i in term.used:
            usual = np.full(len(a), np.median(known[i]))
            with np.errstate(all="ignore"):
                without = term.calculate({**known, i: usual})
            if (~is_close(a, without, self._slack)).sum() < CARRIED:
                return None  # it says nothing about this operand
        exact = is_close(a, b, 0.0).all()
        text = term.text if exact else f"round({term.text}, {self._places})"
        return text, frozenset(self._terms.given[i].word for i in term.used)


def _value(i: int, v: Given) -> Floats:
    return v[i]


def _product(i: int, j: int, v: Given) -> Floats:
    return v[i] * v[j]


def _sum(i: int, j: int, sign: int, v: Given) -> Floats:
    return v[i] + sign * v[j]


def _times(calculate: Calculate, i: int, factor: Callable[[Floats], Floats], v: Given) -> Floats:
    return calculate(v) * factor(v[i])


def _plus(calculate: Calculate, i: int, sign: int, v: Given) -> Floats:
    return calculate(v) + sign * v[i]


_LEAST = MIN_ROWS // 2  # rows of the probe in which a formula must say something
_FACTORS: tuple[tuple[str, Callable[[Floats], Floats]], ...] = (
    ("* (1 - {})", lambda v: 1 - v),
    ("* (1 - {} / 100)", lambda v: 1 - v / 100),
    ("* (1 + {})", lambda v: 1 + v),
    ("* (1 + {} / 100)", lambda v: 1 + v / 100),
    ("* {} / 100", lambda v: v / 100),
    ("* {}", lambda v: v),
    ("/ {}", lambda v: 1 / np.where(v == 0, np.nan, v)),
)
