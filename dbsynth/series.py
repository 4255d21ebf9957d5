"""
Series: rows without an owner at regular moments, such as what a station measures every hour.

The moments of a whole series are laid out first, on the lattice on which they lie; what rows are
like at their moments is drawn afterwards, each tied to the one before, see `ties`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dbsynth.features import Floats, Ints
from dbsynth.release import MIN_ENTITIES, Release

STRETCH = 64  # moments that stay together where a copy has few of them; the rows of the shortest
REGULAR = 0.99  # share of rows that must lie on the lattice
DENSE = 0.8  # share of the lattice's moments that must have a row, in those hours that have any
WHOLE = 0.8  # share of a series' rows from which on a copy of it is as long as it is
HOUR, HOURS = 3_600.0, 24 * 7
FEWEST_ROWS = 500

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Series:
    """Where the rows of each parent stand in time, or all rows if there is no parent."""

    column: str
    key: str  # whose parents have a series each; "" for one series
    step: float  # seconds; where rows are not regular, half of them come sooner
    offset: float  # of the moments beyond a multiple of the step
    shares: tuple[float, ...]  # of the moments of each hour of the week that have a row, if regular
    whole: Span  # first and last moment
    spans: Mapping[int, Span]  # the same of single parents, by their row
    ties: tuple[float, ...] = ()  # of each head of the rows, see `ties`

    @property
    def is_regular(self) -> bool:
        """Whether moments are laid out; else they are drawn, before all else."""
        return bool(self.shares)

    def moments(self, parents: Ints, rng: np.random.Generator) -> Floats:
        """Lay out (n,) moments, ascending for each parent; rows of one parent lie together."""
        starts = np.flatnonzero(np.diff(parents, prepend=-2))
        ends = np.append(starts[1:], len(parents))
        pairs = zip(starts.tolist(), ends.tolist(), strict=True)
        found = [self._laid_out(int(parents[a]), b - a, rng) for a, b in pairs]
        return np.concatenate(found) if found else np.zeros(0)

    def to_json(self) -> dict[str, Any]:
        """Turn into plain values; `from_json` is the inverse."""
        spans = [[parent, *span] for parent, span in self.spans.items()]
        return {
            "column": self.column, "key": self.key, "step": self.step, "offset": self.offset,
            "shares": list(self.shares), "whole": list(self.whole), "spans": spans,
            "ties": list(self.ties),
        }  # fmt: skip

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Series:
        """Rebuild from `to_json`."""
        spans = {int(parent): (float(a), float(b)) for parent, a, b in data["spans"]}
        whole = float(data["whole"][0]), float(data["whole"][1])
        return Series(
            str(data["column"]), str(data["key"]), float(data["step"]), float(data["offset"]),
            tuple(map(float, data["shares"])), whole, spans, tuple(map(float, data["ties"])),
        )  # fmt: skip

    def _laid_out(self, parent: int, rows: int, rng: np.random.Generator) -> Floats:
        first, last = (_place(moment, self) for moment in self.spans.get(parent, self.whole))
        place = np.arange(first, last + 1)
        odds = self._odds(place)
        if rows < WHOLE * odds.sum():
            return self._some(place[rng.random(len(place)) < odds], rows, rng)
        while (lacking := rows - int(np.count_nonzero(odds))) > 0:
            # Ends are released a few rows from where they are; more rows take more time.
            sooner = lacking // 2 if lacking < STRETCH else 0
            first, last = first - sooner, last + lacking - sooner
            place = np.arange(first, last + 1)
            odds = self._odds(place)
        # The smallest of exponential times: without repetition, in proportion to their odds.
        with np.errstate(divide="ignore"):
            waits = rng.exponential(size=len(place)) / odds
        chosen = np.sort(place[np.argpartition(waits, rows - 1)[:rows]])
        return self._moments(chosen)

    def _some(self, place: Ints, rows: int, rng: np.random.Generator) -> Floats:
        """Few rows of a series are some stretches of it, evenly spread."""
        stretches, wanted = max(1, len(place) // STRETCH), -(-rows // STRETCH)
        first = ((np.arange(wanted) + rng.random()) * stretches / wanted).astype(np.int64) * STRETCH
        chosen = np.unique((first[:, None] + np.arange(STRETCH)).ravel())
        chosen = chosen[chosen < len(place)][:rows]
        rest = np.setdiff1d(np.arange(len(place)), chosen)[: rows - len(chosen)]
        return self._moments(place[np.union1d(chosen, rest)])

    def _odds(self, place: Ints) -> Floats:
        odds = np.asarray(self.shares, np.float64)[hours(self._moments(place))]
        return odds if odds.any() else np.ones(len(place))

    def _moments(self, place: Ints) -> Floats:
        return self.offset + place.astype(np.float64) * self.step


def apart(step: float, seconds: Floats, parents: Ints) -> Floats:
    """(n,) how many steps each row is after the one before in its series; inf for the first."""
    found = np.full(len(seconds), np.inf)
    is_next = parents[1:] == parents[:-1]
    found[1:][is_next] = np.diff(seconds)[is_next] / step
    return found


def hours(seconds: Floats) -> Ints:
    """The hour of the week of (n,) moments."""
    return (seconds // HOUR % HOURS).astype(np.int64)


def fit_series(
    statistic: str,
    names: tuple[str, str],
    seconds: Floats,
    parents: Ints,
    entities: Ints,
    release: Release,
    *,
    is_known: bool,
) -> Series | None:
    """
    Learn where rows stand in time, if that is at regular moments of which few are left out.

    Args:
        statistic: the column's name.
        names: the column, and the key to the parents.
        seconds: (n,) ascending for each parent.
        parents: (n,) ascending.
        entities: (n,).
        release: the protection in force.
        is_known: parents are the same rows in a copy.
    """
    if len(seconds) < FEWEST_ROWS or not release.is_enough(entities):
        return None
    is_next = parents[1:] == parents[:-1]
    gaps = np.diff(seconds)[is_next]
    gaps = gaps[gaps > 0]
    if len(gaps) < FEWEST_ROWS // 2 or len(np.unique(parents)) * STRETCH > len(seconds):
        return None
    step = _commonest(gaps)
    offset = _commonest(seconds % step)
    if (gaps % step == 0).mean() < REGULAR or (seconds % step == offset).mean() < REGULAR:
        return None
    shares = _shares(f"{statistic}.hours", seconds, parents, step, release)
    if shares[hours(seconds)].mean() < DENSE:
        return None
    whole = release.bounds(f"{statistic}.span", seconds, entities)
    spans = {}
    for parent in np.unique(parents) if is_known else ():
        here = parents == parent
        if len(np.unique(entities[here])) >= MIN_ENTITIES:
            spans[int(parent)] = release.bounds(f"{statistic}.span", seconds[here], entities[here])
    return Series(*names, step, offset, tuple(shares.tolist()), whole, spans)


def _place(moment: float, series: Series) -> int:
    return round((moment - series.offset) / series.step)


def _commonest(values: Floats) -> float:
    distinct, counts = np.unique(values, return_counts=True)
    return float(distinct[counts.argmax()])


def _shares(
    statistic: str, seconds: Floats, parents: Ints, step: float, release: Release
) -> Floats:
    """Which share of the moments of each hour of the week has a row; of rare ones that of all."""
    taken = np.bincount(hours(seconds), minlength=HOURS)
    there = np.zeros(HOURS, np.int64)
    starts = np.flatnonzero(np.diff(parents, prepend=-2))
    for first, last in zip(seconds[starts], seconds[np.append(starts[1:], 0) - 1], strict=True):
        whole = np.arange(round((last - first) / step) + 1)
        there += np.bincount(hours(first + whole * step), minlength=HOURS)
    all_ = min(1.0, taken.sum() / max(1, there.sum()))
    is_enough = taken >= release.threshold(statistic)
    own = np.where(is_enough, taken / np.maximum(there, 1), np.where(taken > 0, all_, 0.0))
    return np.array([round(min(float(x), 1.0), 3) for x in own])
