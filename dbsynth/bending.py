"""Let rows keep to what their owner told of them: numbers are bent, too many labels are merged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dbsynth.codecs import NumberCodec
from dbsynth.features import Floats, Ints

ROUNDS = 6  # of Newton's method, damped as by Levenberg and Marquardt
PASSES = 2  # one polynomial after another reaches what none can alone
STRONGEST = 0.9  # how much a slope may leave 1
SMALL_STEP = 1e-3
ZEROS = (1000, 100, 10)  # round numbers stay as round as they were


@dataclass(frozen=True, slots=True)
class Outline:
    """What owners tell of one number of their rows: (owners,) each, NaN for nothing."""

    low: Floats
    high: Floats
    centre: Floats  # where between them the mean is
    spread: Floats  # share of the widest standard deviation that these allow


@dataclass(frozen=True, slots=True)
class _Target:
    """Where the values that may move should lie: (groups,) each."""

    low: Floats
    high: Floats
    mean: Floats
    deviation: Floats


def bend(values: Floats, owners: Ints, outline: Outline, codec: NumberCodec) -> Floats:
    """
    Move (n,) numbers, in their order, to the ends, mean and spread that their owners told.

    Values that are frequent in themselves stay.  The others move along the released quantiles:
    their ranks, from 0 at an owner's lowest to 1 at the highest, are bent by a polynomial whose
    slope stays above zero, so that mean and deviation come as near to what was told as may be.

    Args:
        values: (n,) drawn, NaN for NULL.
        owners: (n,) -1 for none.
        outline: what the owners told.
        codec: says which values are frequent, and on which lattice all are.
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
    free, g = drawn[is_free], groups[is_free]
    moved = drawn.copy()
    changed = free
    for _ in range(PASSES):
        changed = _bent(changed, g, target, codec.grid)
    moved[is_free] = _snapped(free, changed, g, codec)
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


def _bent(values: Floats, g: Ints, target: _Target, grid: Floats) -> Floats:
    """Bend the ranks of (n,) values on a grid of quantiles until each group is as it should be."""
    size = len(target.low)
    marks = np.linspace(0.0, 1.0, len(grid))
    ranks = np.interp(values, grid, marks)
    low, high = _ends(ranks, g, size)
    first, last = (np.interp(e, grid, marks) for e in (target.low, target.high))
    t = np.where((high > low)[g], (ranks - low[g]) / np.where(high > low, high - low, 1.0)[g], 0.5)
    number = np.maximum(np.bincount(g, minlength=size), 1)
    scale = np.where(target.high > target.low, target.high - target.low, 1.0)

    def placed(x: Floats) -> Floats:
        bent = t + t * (1 - t) * (x[0][g] + x[1][g] * t)
        found: Floats = np.interp(first[g] + (last - first)[g] * bent, marks, grid)
        return found

    def off(x: Floats) -> Floats:
        y = placed(x)
        mean = np.bincount(g, y, minlength=size) / number
        deviation = np.sqrt(np.bincount(g, (y - mean[g]) ** 2, minlength=size) / number)
        return np.stack([mean - target.mean, deviation - target.deviation]) / scale

    return placed(_solved(off, size))


def _solved(off: Callable[[Floats], Floats], size: int) -> Floats:
    """Find the (2, size) coefficients, a pair for each group, that make (2, size) errors least."""
    best = np.zeros((2, size))
    error = off(best)
    damping = np.full(size, 1e-4)
    for _ in range(ROUNDS):
        steps = SMALL_STEP * np.eye(2)[:, :, None]
        slopes = [(off(best + step) - error) / SMALL_STEP for step in steps]
        jacobian = np.stack(slopes, axis=1)  # (errors, coefficients, size)
        normal = np.einsum("oig,ojg->ijg", jacobian, jacobian)
        normal[[0, 1], [0, 1]] += damping
        towards = np.einsum("oig,og->ig", jacobian, error)
        trial = _allowed(best - _inverse_times(normal, towards))
        now = off(trial)
        is_better = (now**2).sum(axis=0) < (error**2).sum(axis=0)
        best, error = np.where(is_better, trial, best), np.where(is_better, now, error)
        damping = np.where(is_better, damping / 4, damping * 8)
    return best


def _inverse_times(matrix: Floats, vector: Floats) -> Floats:
    """The inverse of symmetric (2, 2, n) matrices times (2, n) vectors."""
    (a, b), (_, d) = matrix
    whole = np.maximum(a * d - b * b, 1e-18)
    found: Floats = np.stack([d * vector[0] - b * vector[1], a * vector[1] - b * vector[0]]) / whole
    return found


def _allowed(x: Floats) -> Floats:
    """Coefficients under which t + t (1 - t) (x0 + x1 t) rises from 0 to 1."""
    first = np.clip(x[0], -STRONGEST, STRONGEST)
    return np.stack([first, np.clip(x[1], -STRONGEST - first, STRONGEST - first)])


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
