"""Values as tokens and back: fitted codecs that release only protected statistics."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dbsynth.extremes import NOT_A_NUMBER, is_plain
from dbsynth.features import Floats, Ints
from dbsynth.release import Release
from dbsynth.values import MOST_DECIMALS

MAX_BINS = 64  # quantile bins that a network predicts; the curve inside a bin is finer


MAX_CURVE = 1024  # cells of the released quantile curve


MAX_SPIKES = 64  # values frequent enough for a token of their own, in a continuous column


MAX_VALUES = 256  # up to so many distinct values each may have a token


SPIKE_SHARE = 0.003


NULL = 0  # the token of NULL in every codec


@dataclass(frozen=True)
class NumberCodec:
    """
    Numbers as tokens: NULL, spikes (exact values), quantile bins, then what is no number.

    `curve` has `bins * cells + 1` ascending quantiles; a bin is `cells` steps of it.  Values are
    snapped to the lattice `offset + i * step` (step 0: none).
    """

    spikes: tuple[float, ...]  # ascending
    curve: tuple[float, ...]  # empty if all values are spikes
    bins: int
    step: float
    offset: float
    beyond: tuple[float, ...] = ()  # infinities and NaN, as `extremes` has them

    @property
    def tokens(self) -> int:
        """How many tokens there are, NULL included."""
        return 1 + len(self.spikes) + self.bins + len(self.beyond)

    @cached_property
    def decimals(self) -> int:
        """How many digits behind the point values have, `MOST_DECIMALS` without a lattice."""
        if not self.step:
            return MOST_DECIMALS
        return max(_digits(x) for x in (self.step, self.offset, *self.spikes))

    @property
    def low(self) -> float:
        """The lowest value that can be decoded."""
        ends = [*self.spikes[:1], *self.curve[:1]]
        return min(ends) if ends else 0.0

    @property
    def high(self) -> float:
        """The highest value that can be decoded."""
        ends = [*self.spikes[-1:], *self.curve[-1:]]
        return max(ends) if ends else 0.0

    def encode(self, values: Floats) -> Ints:
        """Turn (n,) values, NaN for NULL, into (n,) tokens."""
        tokens = np.full(len(values), NULL, np.int64)
        for number, value in enumerate(self.beyond):
            tokens[values == value] = self._first_beyond + number
        known = is_plain(values)
        v = values[known]
        if self.bins:
            edges = np.asarray(self.curve)[:: self._cells][1:-1]
            out = 1 + len(self.spikes) + np.searchsorted(edges, v, "right")
        else:
            out = 1 + _nearest(np.asarray(self.spikes), v)
        if self.spikes and self.bins:
            spikes = np.asarray(self.spikes)
            near = _nearest(spikes, v)
            out = np.where(np.isclose(spikes[near], v, rtol=1e-12, atol=1e-9), 1 + near, out)
        tokens[known] = out
        return tokens

    def decode(self, tokens: Ints, uniforms: Floats) -> Floats:
        """Turn (n,) tokens into (n,) values; (n,) uniforms place a value inside its bin."""
        return self.laid_out.place(tokens, uniforms)[0]

    @cached_property
    def laid_out(self) -> Curve:
        """The tokens as stretches of one line."""
        return Curve.of(self)

    def snap(self, values: Floats) -> Floats:
        """Move values to the nearest point of the lattice."""
        if not self.step:
            return values
        return np.round((values - self.offset) / self.step) * self.step + self.offset

    def rank(self, values: Floats) -> NDArray[np.float32]:
        """Where values stand, from -1 (lowest) to 1 (highest); NULL is 0."""
        grid, steps = self._ranked
        if len(grid) < 2:
            return np.sign(np.where(is_plain(values), 0.0, np.nan_to_num(values))).astype(
                np.float32
            )
        place = np.interp(values, grid, steps)
        return np.nan_to_num(place).astype(np.float32)

    @cached_property
    def _ranked(self) -> tuple[Floats, Floats]:
        """The grid, and the rank of each of its points."""
        return self.grid, np.linspace(-1, 1, len(self.grid))

    @property
    def grid(self) -> Floats:
        """All values that were released, ascending."""
        return np.unique(np.concatenate([np.asarray(self.spikes), np.asarray(self.curve)]))

    @property
    def _first_beyond(self) -> int:
        return 1 + len(self.spikes) + self.bins

    @property
    def _cells(self) -> int:
        return (len(self.curve) - 1) // self.bins

    @classmethod
    def fit(
        cls,
        statistic: str,
        values: Floats,
        entities: Ints,
        release: Release,
        fallback: tuple[float, float] = (1.0, 100.0),
        shown: Floats | None = None,
        spike_share: float = SPIKE_SHARE,
    ) -> NumberCodec:
        """
        Learn spikes, quantile curve and lattice.

        Args:
            statistic: its name; decides thresholds.
            values: (n,), NaN for NULL.
            entities: (n,).
            release: the protection in force.
            fallback: whole numbers in this range are decoded where too few entities have a value.
            shown: values that are released elsewhere: enough entities have rows that copy them.
            spike_share: how frequent a value of a continuous column is that has its own token.
        """
        known = is_plain(values)
        v, e = values[known], entities[known]
        beyond = _beyond(statistic, values, entities, release)
        if len(v) == 0 or not release.is_enough(e):
            step = 1.0 if fallback[1] - fallback[0] >= 1.0 else 0.0
            return cls((), fallback, 1, step, 0.0, beyond)
        step, offset = _lattice(v)
        spikes = _spikes(statistic, v, e, release, shown, spike_share)
        rest = ~np.isin(v, spikes) if len(spikes) else np.ones(len(v), bool)
        enough = len(np.unique(e[rest])) >= release.threshold(statistic) if rest.any() else False
        if not enough:
            if not len(spikes):
                low, high = release.bounds(statistic, v, e)
                spikes = np.unique(_snap(np.array([low, high]), step, offset))
            return cls(tuple(spikes.tolist()), (), 0, step, offset, beyond)
        bins, cells = _resolution(len(np.unique(v[rest])), int(rest.sum()))
        curve = release.quantiles(statistic, v[rest], e[rest], np.linspace(0, 1, bins * cells + 1))
        return cls(tuple(spikes.tolist()), tuple(curve.tolist()), bins, step, offset, beyond)


@dataclass(frozen=True, slots=True)
class Curve:
    """
    A number codec's tokens as stretches of one line: many rows are decoded by two look-ups each.

    A bin's stretch is some cells of the quantile curve, that of any other token a single point.
    """

    codec: NumberCodec
    first: Ints  # (tokens,) the first cell of each token
    cells: Floats  # (tokens,) how many cells it has; 0 for a point
    low: Floats  # (cells,) where a cell begins
    rise: Floats  # (cells,) how much higher it ends
    rank: Floats  # (cells,) as `low` and `rise`, of ranks
    rank_rise: Floats

    @staticmethod
    def of(codec: NumberCodec) -> Curve:
        """Lay a codec's tokens out."""
        points = [np.nan, *codec.spikes, *codec.beyond]
        line = np.asarray(codec.curve if codec.bins else (), np.float64)
        spikes, cells = len(codec.spikes), max(0, len(line) - 1)
        each = codec._cells if codec.bins else 0
        first = np.concatenate([
            np.arange(1 + spikes),
            len(points) + each * np.arange(codec.bins),
            1 + spikes + np.arange(len(codec.beyond)),
        ])  # fmt: skip
        widths = np.zeros(len(first))
        widths[1 + spikes : 1 + spikes + codec.bins] = each
        low = np.concatenate([points, line[:-1]])
        flat = np.zeros(len(points))
        ranks = codec.rank(line).astype(np.float64) if cells else np.zeros(0)
        rank = np.concatenate([codec.rank(np.array(points)), ranks[:-1]])
        return Curve(
            codec, first, widths, low, np.concatenate([flat, np.diff(line)]), rank,
            np.concatenate([flat, np.diff(ranks)]),
        )  # fmt: skip

    def place(self, tokens: Ints, uniforms: Floats) -> tuple[Floats, Floats]:
        """Turn (n,) tokens and (n,) uniforms into (n,) values, and where they stand."""
        place = uniforms * self.cells[tokens]
        whole = place.astype(np.int64)
        place -= whole
        cell = self.first[tokens] + whole
        values: Floats = self.low[cell] + place * self.rise[cell]
        if self.codec.step and self.codec.bins:
            is_binned = self.cells[tokens] > 0
            snapped = self.codec.snap(np.where(is_binned, values, 0.0))
            values = np.where(is_binned, snapped, values)
        return values, self.rank[cell] + place * self.rank_rise[cell]


def _beyond(statistic: str, values: Floats, entities: Ints, release: Release) -> tuple[float, ...]:
    """Release which infinities a column has, and whether NaN, if enough entities have them."""
    if not release.is_enough(entities[~np.isnan(values)]):
        return ()
    needed = release.threshold(statistic)
    return tuple(
        value
        for value in (-np.inf, np.inf, NOT_A_NUMBER)
        if len(np.unique(entities[values == value])) >= needed
    )


def _nearest(grid: Floats, values: Floats) -> Ints:
    right = np.clip(np.searchsorted(grid, values), 1, max(1, len(grid) - 1))
    if len(grid) == 1:
        return np.zeros(len(values), np.int64)
    left = right - 1
    return np.where(values - grid[left] <= grid[right] - values, left, right).astype(np.int64)


def _digits(value: float) -> int:
    """How many digits behind the point a number is written with."""
    near = max(1.0, abs(value)) * 1e-9
    found = (d for d in range(MOST_DECIMALS) if abs(round(value, d) - value) <= near)
    return next(found, MOST_DECIMALS)


def _snap(values: Floats, step: float, offset: float) -> Floats:
    return np.round((values - offset) / step) * step + offset if step else values


def _lattice(values: Floats) -> tuple[float, float]:
    """The coarsest step (and offset) of which 99.9 % of the values are multiples, or 0."""
    sample = values if len(values) <= 20_000 else values[:: len(values) // 20_000 + 1]
    for decimals in range(7):
        scaled = sample * 10.0**decimals
        whole = np.round(scaled)
        if np.mean(np.abs(scaled - whole) < 1e-6 * np.maximum(1.0, np.abs(scaled))) < 0.999:
            continue
        if np.abs(whole).max() > 2**52:
            return 0.0, 0.0
        points = np.unique(whole.astype(np.int64))
        gcd = int(np.gcd.reduce(points)) if len(points) > 2 else 1
        return max(gcd, 1) / 10.0**decimals, 0.0
    return 0.0, 0.0


def _spikes(
    statistic: str,
    values: Floats,
    entities: Ints,
    release: Release,
    shown: Floats | None,
    spike_share: float,
) -> Floats:
    distinct, codes, rows = np.unique(values, return_inverse=True, return_counts=True)
    few = len(distinct) <= MAX_VALUES
    frequent = rows >= (1 if few else max(2.0, spike_share * len(values)))
    support = release.support(codes.astype(np.int64), entities, len(distinct))
    may_show = support >= release.threshold(statistic)
    if shown is not None and few:
        may_show |= np.isin(distinct, shown)
    kept = np.flatnonzero(frequent & may_show)
    if not few and len(kept) > MAX_SPIKES:
        kept = np.sort(kept[np.argsort(-rows[kept], kind="stable")[:MAX_SPIKES]])
    return distinct[kept]


def _resolution(distinct: int, rows: int) -> tuple[int, int]:
    """How many bins, and how many cells of the curve in each, so many rows support."""
    bins = int(np.clip(min(distinct, rows // 10), 1, MAX_BINS))
    cells = int(np.clip(min(distinct, rows // 14) // bins, 1, MAX_CURVE // MAX_BINS))
    return bins, cells


@dataclass(frozen=True, slots=True)
class CategoryCodec:
    """Labels as tokens: NULL, the released labels, then one token for everything rare."""

    labels: tuple[Any, ...]

    @property
    def tokens(self) -> int:
        """How many tokens there are, NULL and the rare one included."""
        return len(self.labels) + 2

    @property
    def rare(self) -> int:
        """The token of labels that were not released; drawn where something stands for them."""
        return len(self.labels) + 1

    def encode(self, values: pa.Array) -> Ints:
        """Turn (n,) Arrow values into (n,) tokens."""
        if not self.labels:
            return np.where(np.asarray(pc.is_valid(values)), self.rare, NULL).astype(np.int64)
        known = pc.index_in(values, value_set=pa.array(self.labels, values.type))
        tokens = np.asarray(pc.fill_null(known, self.rare - 1)).astype(np.int64) + 1
        return np.where(np.asarray(pc.is_valid(values)), tokens, NULL)

    def decode(self, tokens: Ints, kind: pa.DataType) -> pa.Array:
        """Turn (n,) tokens into (n,) Arrow values of a type; NULL and rare become null."""
        if not self.labels:
            return pa.nulls(len(tokens), kind)
        missing = (tokens == NULL) | (tokens == self.rare)
        return pa.array(self.labels, kind).take(pa.array(tokens - 1, pa.int64(), mask=missing))

    @classmethod
    def fit(
        cls, statistic: str, values: pa.Array, entities: Ints, release: Release, limit: int = 2_000
    ) -> CategoryCodec:
        """Learn the released labels, the most frequent `limit` of them."""
        if not release.is_enough(entities):
            return cls(())
        labels, _ = release.labels(statistic, values, entities)
        return cls(tuple(labels[:limit]))
