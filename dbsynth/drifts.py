"""Numbers that move little by little from sibling to sibling, or count: a track, an age."""

from __future__ import annotations

import numpy as np

from dbsynth.codecs import MAX_VALUES, NumberCodec
from dbsynth.extremes import is_plain
from dbsynth.features import Floats, Ints
from dbsynth.release import Release

NEARER = 0.5  # times as far as any two siblings are from each other: then neighbours are near
FAR = 8  # siblings until which a value that is known is looked for
SPIKE_OF_DRIFT = 0.05  # share of the rows from which on a value is more than one on the way
DIGITS = 9  # behind the point, of a difference: what lies beyond is what floats cannot hold
COUNTS = 0.8  # share of the moves that are the same where a number counts
BACK = 0.01  # … and share, at most, of those that lead the other way
KNOWN = 0.95  # share of the later siblings' values that have one before them


def fit_drift(
    statistic: str, values: Floats, previous: Ints, count: Ints, entities: Ints, release: Release
) -> NumberCodec | None:
    """
    Learn how far a number moves from one sibling to the next.

    What lies within a bin of values is not told apart, and which of many bins follows on which can
    hardly be learned from a few hundred tracks: how far one moves can.

    Args:
        statistic: the number's name.
        values: (n,), NaN for NULL; siblings in order.
        previous: (n,) row number of the sibling before, -1 for the first.
        count: (n,) how many siblings there are.
        entities: (n,).
        release: the protection in force.

    Returns:
        None where a number does not count, and neighbours are not much nearer to each other than
        any two siblings are, or each of few values has a token of its own.
    """
    plain = is_plain(values)
    later = np.flatnonzero(plain & (previous >= 0))
    if (~plain & ~np.isnan(values)).any() or not release.is_enough(entities[later]):
        return None
    moves = np.round(values - last_known(values, previous), DIGITS)
    known = later[np.isfinite(moves[later])]
    if len(known) < KNOWN * len(later):
        return None
    is_fine = len(np.unique(values[plain])) > MAX_VALUES
    is_track = is_fine and _is_near(values, moves[known], previous, count)
    if not (is_track or _counts(moves[known])):
        return None
    asked = np.where(previous >= 0, moves, np.nan)
    return NumberCodec.fit(f"{statistic}.drift", asked, entities, release)


def _is_near(values: Floats, moves: Floats, previous: Ints, count: Ints) -> bool:
    """Whether (k,) moves are much shorter than from a sibling to any of its siblings."""
    rng = np.random.default_rng(len(values))
    other = _first(previous) + (rng.random(len(values)) * count).astype(np.int64)
    apart = np.abs(values - values[other])
    usual = float(np.mean(apart[np.isfinite(apart)]))  # each is itself now and then: 0
    return bool(np.mean(np.abs(moves)) < NEARER * usual)


def _counts(moves: Floats) -> bool:
    """Whether (k,) moves are nearly always the same, and lead one way: a year older, one more."""
    distinct, often = np.unique(moves, return_counts=True)
    usual = distinct[often.argmax()]
    is_back = np.mean(moves * usual < 0) > BACK  # days of the week begin anew
    return bool(usual != 0 and often.max() >= COUNTS * len(moves) and not is_back)


def last_known(values: Floats, previous: Ints) -> Floats:
    """What the siblings before (n,) rows had last, those of `FAR` rows; NaN for nothing."""
    rows = np.arange(len(values))
    return look_back(values, rows, rows - _first(previous))


def look_back(values: Floats, rows: Ints, index: Ints) -> Floats:
    """The same of (m,) rows alone, before which so many siblings stand."""
    found = np.full(len(rows), np.nan)
    open_ = np.arange(len(rows))
    for back in range(1, FAR + 1):
        open_ = open_[index[open_] >= back]
        found[open_] = values[rows[open_] - back]
        open_ = open_[np.isnan(found[open_])]
        if not len(open_):
            break
    return found


def start_of_drift(before: Floats, codec: NumberCodec) -> Floats:
    """What (n,) rows move away from: what siblings had last, or the middle of all values."""
    middle = codec.grid[len(codec.grid) // 2] if len(codec.grid) else 0.0
    return np.where(np.isfinite(before), before, middle)


def drifted(codec: NumberCodec, before: Floats, moves: Floats) -> Floats:
    """Move (n,) values, which stay on the codec's lattice and between its ends; NaN for NULL."""
    moved = codec.snap(start_of_drift(before, codec) + moves)
    return np.clip(moved, codec.low, codec.high)


def _first(previous: Ints) -> Ints:
    """Row number of the first sibling of (n,) rows."""
    found: Ints = np.maximum.accumulate(np.where(previous < 0, np.arange(len(previous)), 0))
    return found
