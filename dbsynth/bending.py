"""Let rows keep to what their owner told of them: numbers are bent, too many labels are merged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dbsynth.codecs import NumberCodec
from dbsynth.features import Floats, Ints
from dbsynth.kinds import Kinds, Tokens

ROUNDS = 6  # of Newton's method, damped as by Levenberg and Marquardt
PASSES = 2  # one polynomial after another reaches what none can alone
STRONGEST = 0.9  # how much a slope may leave 1
SMALL_STEP = 1e-3
END_WEIGHT = 0.5  # the ends matter half as much as mean and deviation
LEAST_DAMPING = 1e-6
ZEROS = (1000, 100, 10)  # round numbers stay as round as they were


@dataclass(frozen=True, slots=True)
class Outline:
    """What owners tell of one number of their rows: (owners,) each, NaN for nothing."""

    low: Floats
    high: Floats
    centre: Floats  # where between them the mean is
    spread: Floats  # share of the widest standard deviation that these allow

    def sound(self) -> Outline:
        """Take no notice of ends that contradict each other, for each was drawn for itself."""
        return replace(self, high=np.where(self.high >= self.low, self.high, np.nan))


@dataclass(frozen=True, slots=True)
class _Target:
    """Where the values that may move should lie: (groups,) each."""

    low: Floats
    high: Floats
    mean: Floats
    deviation: Floats

    def of(self, groups: Ints) -> _Target:
        """Of some groups alone."""
        return _Target(*(getattr(self, f)[groups] for f in ("low", "high", "mean", "deviation")))


def bend(
    values: Floats,
    owners: Ints,
    outline: Outline,
    codec: NumberCodec,
    kinds: Kinds | None = None,
    tokens: Tokens | None = None,
) -> Floats:
    """
    Move (n,) numbers, in their order, to the ends, mean and spread that their owners told.

    Values that are frequent in themselves stay.  The others move along the released quantiles of
    their kind: their ranks there, from 0 for an owner's lowest to 1 for its highest, are stretched
    and bent by a polynomial whose slope stays above zero, so that the numbers come as near to what
    was told as may be.  What a label is worth stays so: only ranks among its own move.

    Args:
        values: (n,) drawn, NaN for NULL.
        owners: (n,) -1 for none.
        outline: what the owners told.
        codec: says which values are frequent, and on which lattice all are.
        kinds: how values lie in each kind of rows; none: all are of one kind.
        tokens: (n,) labels of the columns that tell kinds.
    """
    is_told = np.isfinite(outline.low) & np.isfinite(outline.high)
    here = np.isfinite(values) & (owners >= 0)
    here[here] = is_told[owners[here]]
    if not here.any() or not codec.bins:
        return values
    own, groups = np.unique(owners[here], return_inverse=True)
    drawn = values[here]
    is_free = ~np.isin(drawn, np.asarray(codec.spikes))
    if not is_free.any():
        return values
    target = _target(drawn, groups, is_free, _taken(outline, own))
    some, g = np.unique(groups[is_free], return_inverse=True)
    free, target = drawn[is_free], target.of(some)
    kinds = kinds or Kinds.alone(codec)
    kind = kinds.of(tokens or {}, len(values))[here][is_free]
    curves = np.asarray(kinds.curves)
    moved = drawn.copy()
    changed = free
    for _ in range(PASSES):
        changed = _bent(changed, g, target, curves, kind)
    moved[is_free] = _snapped(free, _at_ends(changed, g, target), g, codec)
    bent = values.copy()
    bent[here] = moved
    return bent


def merge(tokens: Ints, owners: Ints, distinct: Floats, ignored: Sequence[int]) -> Ints:
    """
    Let rows of one owner have no more different labels than it told.

    Its least frequent labels become those of the nearest of its rows with another.

    Args:
        tokens: (n,) drawn labels.
        owners: (n,) ascending, -1 for none.
        distinct: (owners,) how many labels there should be, NaN for unknown.
        ignored: tokens that are no labels.
    """
    here = np.flatnonzero((owners >= 0) & ~np.isin(tokens, np.asarray(ignored)))
    here = here[np.isfinite(distinct[owners[here]])]
    if not len(here):
        return tokens
    g, t = owners[here], tokens[here]
    kept = _frequent(g, t, np.maximum(np.round(distinct), 1))
    at = np.arange(len(here))
    before = np.maximum.accumulate(np.where(kept, at, -1))
    is_own = (before >= 0) & (g[np.maximum(before, 0)] == g)
    after = np.minimum.accumulate(np.where(kept, at, len(at) - 1)[::-1])[::-1]
    merged = tokens.copy()
    merged[here] = t[np.where(is_own, before, after)]
    return merged


def _frequent(groups: Ints, tokens: Ints, most: Floats) -> NDArray[np.bool_]:
    """Mark the (n,) tokens that are among the `most` most frequent ones of their group."""
    size = int(tokens.max()) + 1
    pairs, own, counted = np.unique(groups * size + tokens, return_inverse=True, return_counts=True)
    group = pairs // size
    place = np.empty(len(pairs), np.int64)
    order = np.lexsort((-counted, group))
    place[order] = np.arange(len(pairs)) - np.searchsorted(group, group)
    found: NDArray[np.bool_] = (place < most[group])[own]
    return found


def _taken(outline: Outline, own: Ints) -> Outline:
    return Outline(outline.low[own], outline.high[own], outline.centre[own], outline.spread[own])


def _target(drawn: Floats, g: Ints, is_free: NDArray[np.bool_], told: Outline) -> _Target:
    """What the free values must be like so that all values are what was told."""
    size = len(told.low)
    low, high = told.low, np.maximum(told.high, told.low)
    number = np.bincount(g, minlength=size)
    centre, spread = _as_drawn(drawn, g, number, told)
    mean = low + centre * (high - low)
    square = spread**2 * (mean - low) * (high - mean)
    fixed, of = drawn[~is_free], g[~is_free]
    free = np.maximum(np.bincount(g[is_free], minlength=size), 1)
    middle = (number * mean - np.bincount(of, fixed, minlength=size)) / free
    # Second moments about the mean that all have, so that large numbers lose no digits.
    about = np.bincount(of, (fixed - mean[of]) ** 2, minlength=size)
    around = (number * square - about) / free - (middle - mean) ** 2
    bottom, top = _ends(drawn[is_free], g[is_free], size)
    fixed_low, fixed_high = _ends(fixed, of, size)
    # Where a frequent value is at an end already, the others need not be.
    start = np.where(fixed_low <= low, np.clip(bottom, low, high), low)
    end = np.where(fixed_high >= high, np.clip(top, low, high), high)
    end = np.maximum(end, start)
    return _Target(start, end, np.clip(middle, start, end), np.sqrt(np.maximum(around, 0.0)))


def _as_drawn(drawn: Floats, g: Ints, number: Ints, told: Outline) -> tuple[Floats, Floats]:
    """Centre and spread as they were told, or as they are where nothing was told."""
    size = len(number)
    low, high = _ends(drawn, g, size)
    mean = np.bincount(g, drawn, minlength=size) / number
    square = np.bincount(g, (drawn - mean[g]) ** 2, minlength=size) / number
    centre = (mean - low) / np.where(high > low, high - low, 1.0)
    spread = np.sqrt(square / np.maximum((mean - low) * (high - mean), 1e-12))
    found = (
        np.where(np.isfinite(told.centre), told.centre, centre),
        np.where(np.isfinite(told.spread), told.spread, spread),
    )
    return found[0].clip(0.0, 1.0), found[1].clip(0.0, 1.0)


def _ends(values: Floats, groups: Ints, size: int) -> tuple[Floats, Floats]:
    low, high = np.full(size, np.inf), np.full(size, -np.inf)
    np.minimum.at(low, groups, values)
    np.maximum.at(high, groups, values)
    return low, high


def _bent(values: Floats, g: Ints, target: _Target, curves: Floats, kind: Ints) -> Floats:
    """Bend the ranks of (n,) values within their kinds until each group is as it should be."""
    size = len(target.low)
    ranks = _ranks(values, curves, kind)
    low, high = _ends(ranks, g, size)
    t = np.where((high > low)[g], (ranks - low[g]) / np.where(high > low, high - low, 1.0)[g], 0.5)
    number = np.maximum(np.bincount(g, minlength=size), 1)
    scale = np.where(target.high > target.low, target.high - target.low, 1.0)

    def placed(x: Floats) -> Floats:
        bent = t + t * (1 - t) * (x[2][g] + x[3][g] * t)
        return _along(x[0][g] + (x[1] - x[0])[g] * bent, curves, kind)

    def off(x: Floats) -> Floats:
        y = placed(x)
        mean = np.bincount(g, y, minlength=size) / number
        deviation = np.sqrt(np.bincount(g, (y - mean[g]) ** 2, minlength=size) / number)
        bottom, top = _ends(y, g, size)
        errors = (mean - target.mean, deviation - target.deviation)
        ends = (bottom - target.low, top - target.high)
        return np.stack([*errors, *(END_WEIGHT * e for e in ends)]) / scale

    start = np.stack([low, high, np.zeros(size), np.zeros(size)])
    return placed(_solved(off, start))


def _at_ends(values: Floats, g: Ints, target: _Target) -> Floats:
    """Let the lowest and the highest of (n,) values of each group be what they should."""
    size = len(target.low)
    found = np.clip(values, target.low[g], target.high[g])
    low, high = _ends(found, g, size)
    found = np.where(found == high[g], target.high[g], found)
    is_alone = low == high  # one value cannot be at both ends
    ended: Floats = np.where((found == low[g]) & ~is_alone[g], target.low[g], found)
    return ended


def _ranks(values: Floats, curves: Floats, kind: Ints) -> Floats:
    """Where (n,) values stand on the curves of their kinds, from 0 to 1."""
    marks = np.linspace(0.0, 1.0, curves.shape[1])
    ranks = np.empty(len(values))
    for number in np.unique(kind):
        here = kind == number
        ranks[here] = np.interp(values[here], curves[number], marks)
    return ranks


def _along(ranks: Floats, curves: Floats, kind: Ints) -> Floats:
    """The values at (n,) ranks on the curves of their kinds."""
    place = np.clip(ranks, 0.0, 1.0) * (curves.shape[1] - 1)
    cell = np.minimum(place.astype(np.int64), curves.shape[1] - 2)
    low: Floats = curves[kind, cell]
    found: Floats = low + (place - cell) * (curves[kind, cell + 1] - low)
    return found


def _solved(off: Callable[[Floats], Floats], start: Floats) -> Floats:
    """Find the (4, groups) coefficients that make (4, groups) errors least, from a start."""
    count, size = start.shape
    best, error = start, off(start)
    damping = np.full(size, 1e-3)
    for _ in range(ROUNDS):
        steps = SMALL_STEP * np.eye(count)[:, :, None]
        slopes = [(off(best + step) - error) / SMALL_STEP for step in steps]
        jacobian = np.stack(slopes, axis=1)  # (errors, coefficients, groups)
        normal = np.einsum("oig,ojg->gij", jacobian, jacobian)
        size_of = 1.0 + np.trace(normal, axis1=1, axis2=2)
        normal += (damping * size_of)[:, None, None] * np.eye(count)
        towards = np.einsum("oig,og->gi", jacobian, error)
        trial = _allowed(best - np.linalg.solve(normal, towards[:, :, None])[:, :, 0].T)
        now = off(trial)
        is_better = (now**2).sum(axis=0) < (error**2).sum(axis=0)
        best, error = np.where(is_better, trial, best), np.where(is_better, now, error)
        damping = np.where(is_better, np.maximum(damping / 4, LEAST_DAMPING), damping * 8)
    return best


def _allowed(x: Floats) -> Floats:
    """Coefficients under which first + (last - first) (t + t (1 - t) (x2 + x3 t)) rises."""
    first = np.clip(x[0], 0.0, 1.0)
    slope = np.clip(x[2], -STRONGEST, STRONGEST)
    change = np.clip(x[3], -STRONGEST - slope, STRONGEST - slope)
    return np.stack([first, np.clip(x[1], first, 1.0), slope, change])


def _snapped(drawn: Floats, bent: Floats, g: Ints, codec: NumberCodec) -> Floats:
    """Put bent values on the codec's lattice; between the ends as round as they were drawn."""
    if not codec.step:
        return bent
    low, high = (e[g] for e in _ends(bent, g, int(g.max()) + 1))
    units = np.round((drawn - codec.offset) / codec.step)
    found = codec.snap(bent)
    is_open = (bent > low) & (bent < high) & (units != 0)
    for zeros in ZEROS:
        step = zeros * codec.step
        rounded = np.round((bent - codec.offset) / step) * step + codec.offset
        is_round = is_open & (units % zeros == 0)
        found = np.where(is_round & (rounded >= low) & (rounded <= high), rounded, found)
        is_open &= ~is_round
    return found
