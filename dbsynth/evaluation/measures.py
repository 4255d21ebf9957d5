"""What the scores are made of: pure functions on arrays, without a table or a key in sight."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dbsynth.features import Floats, Ints

Mask = NDArray[np.bool_]

SPLITS = 4  # random halves of the real rows from which sampling noise is estimated
WEAKEST = 0.03  # a dependence below is none: as a total variation distance, or a correlation


@dataclass(frozen=True, slots=True)
class Kept:
    """How much of something that the real rows have, the others have, too."""

    share: float  # 0 nothing of it .. 1 all of it, as far as sampling noise lets one see
    strength: float  # how much of it there is in the real rows


def mean(values: Iterable[float | None]) -> float | None:
    """Average what is there; None if nothing is."""
    known = [v for v in values if v is not None]
    return float(np.mean(known)) if known else None


def weighted(parts: Iterable[Kept]) -> float | None:
    """Average shares, by strength; None without any."""
    listed = list(parts)
    total = sum(p.strength for p in listed)
    return sum(p.share * p.strength for p in listed) / total if total > 0 else None


def ks_distance(real: Floats, made: Floats) -> float:
    """
    The Kolmogorov-Smirnov distance of two samples, NaN left out; 1 if only one has values.

    Args:
        real: (n,) numbers.
        made: (m,) numbers.
    """
    left, right = np.sort(real[~np.isnan(real)]), np.sort(made[~np.isnan(made)])
    if not len(left) or not len(right):
        return float(len(left) != len(right))
    places = np.concatenate([left, right])
    below = np.searchsorted(left, places, "right") / len(left)
    return float(np.abs(below - np.searchsorted(right, places, "right") / len(right)).max())


def weighted_ks(values: tuple[Floats, Floats], weights: tuple[Floats, Floats]) -> float:
    """
    The Kolmogorov-Smirnov distance of two histograms.

    Args:
        values: per side (n,) different values.
        weights: per side (n,) how often each occurs.
    """
    places = np.union1d(*values)
    filled = [w.sum() > 0 for w in weights]
    if not all(filled):
        return float(any(filled))
    both = []
    for here, often in zip(values, weights, strict=True):
        mass = np.zeros(len(places))
        mass[np.searchsorted(places, here)] = often / often.sum()
        both.append(np.cumsum(mass))
    return float(np.abs(both[0] - both[1]).max())


def tv_distance(real: Floats, made: Floats) -> float:
    """
    The total variation distance of two samples of labels, NaN left out; 1 if only one has some.

    Args:
        real: (n,) label numbers.
        made: (m,) label numbers.
    """
    left, right = real[~np.isnan(real)].astype(np.int64), made[~np.isnan(made)].astype(np.int64)
    if not len(left) or not len(right):
        return float(len(left) != len(right))
    size = int(max(left.max(), right.max())) + 1
    shares = np.bincount(left, minlength=size) / len(left)
    return float(np.abs(shares - np.bincount(right, minlength=size) / len(right)).sum() / 2)


def auc(is_positive: Mask, scores: Floats) -> float:
    """
    How often a positive row's score is above a negative one's; ties count half.

    Args:
        is_positive: (n,) flags; both kinds must occur.
        scores: (n,) numbers.
    """
    ranks = average_ranks(scores)
    positives = int(is_positive.sum())
    negatives = len(is_positive) - positives
    least = positives * (positives + 1) / 2
    return float((ranks[is_positive].sum() - least) / (positives * negatives))


def average_ranks(values: Floats) -> Floats:
    """Rank (n,) numbers from 1; equal ones share the mean of their ranks."""
    order = np.argsort(values, kind="stable")
    _, place, count = np.unique(values[order], return_index=True, return_counts=True)
    ranks = np.empty(len(values))
    ranks[order] = np.repeat(place + (count + 1) / 2, count)
    return ranks


def bin_edges(real: Floats, bins: int = 10) -> Floats:
    """Cut points between the real quantiles; between single values if there are few of them."""
    known = real[np.isfinite(real)]
    values = np.unique(known)
    if len(values) <= bins:
        return np.asarray((values[1:] + values[:-1]) / 2)
    return np.unique(np.quantile(known, np.arange(1, bins) / bins))


def number_codes(values: Floats, edges: Floats) -> Ints:
    """Put (n,) numbers into `len(edges) + 1` bins; the last code is for NaN."""
    codes = np.searchsorted(edges, values, "right")
    return np.where(np.isnan(values), len(edges) + 1, codes).astype(np.int64)


def label_codes(values: Floats, known: int) -> Ints:
    """Keep the first `known` label numbers; one code for all others, the last one for NaN."""
    codes = np.minimum(np.nan_to_num(values, nan=known), known).astype(np.int64)
    return np.where(np.isnan(values), known + 1, codes)


def residual(left: Ints, right: Ints, sizes: tuple[int, int]) -> Floats:
    """
    What is left of two columns' joint distribution without the product of its margins.

    Args:
        left, right: (n,) codes below `sizes`.

    Returns:
        (sizes) differences, 0 everywhere if the columns are independent.
    """
    cells = np.bincount(left * sizes[1] + right, minlength=sizes[0] * sizes[1])
    joint = cells.reshape(sizes) / max(1, len(left))
    return np.asarray(joint - np.outer(joint.sum(1), joint.sum(0)))


def halves(clusters: Ints, seed: int = 0, splits: int = SPLITS) -> list[Mask]:
    """
    Cut rows into random halves, rows of one cluster together.

    Args:
        clusters: (n,) which cluster each row belongs to.

    Returns:
        (n,) flags of one half, for every split.
    """
    names, place = np.unique(clusters, return_inverse=True)
    rng = np.random.default_rng([seed, 61])
    return [(rng.permutation(len(names)) < len(names) / 2)[place] for _ in range(splits)]


def noise_scale(real_rows: int, made_rows: int) -> float:
    """
    How far two samples of one distribution are apart, over how far two halves of the first are.

    Distances that are noise go with the root of the sum of the variances: 2/n + 2/n for the
    halves of n rows, 1/n + 1/m for samples of n and m.
    """
    return float(np.sqrt(1 + real_rows / max(1, made_rows)) / 2)


def kept_dependence(
    real: tuple[Ints, Ints], made: tuple[Ints, Ints], sizes: tuple[int, int], cuts: Sequence[Mask]
) -> Kept | None:
    """
    How much of the dependence between two columns is kept.

    Compared are the residuals against independence, by total variation; what random halves of the
    real rows differ by is noise, and deducted.

    Args:
        real: (n,) codes of the two columns.
        made: (m,) codes of the two columns.
        sizes: how many codes each has.
        cuts: halves of the real rows, see `halves`.

    Returns:
        None if the real columns do not depend on each other, or no more than noise would.
    """
    if not len(real[0]):
        return None
    there = residual(*real, sizes)
    whole = np.abs(there).sum() / 2
    if whole < WEAKEST:
        return None
    apart = []
    for half in cuts:
        one = residual(real[0][half], real[1][half], sizes)
        apart.append(np.abs(one - residual(real[0][~half], real[1][~half], sizes)).sum() / 2)
    noise = float(np.mean(apart)) if apart else 0.0
    strength = float(whole - noise / 2)
    if strength < max(WEAKEST, noise):
        return None
    if not len(made[0]):
        return Kept(0.0, strength)
    distance = np.abs(there - residual(*made, sizes)).sum() / 2
    distance -= noise * noise_scale(len(real[0]), len(made[0]))
    return Kept(float(np.clip(1 - distance / strength, 0, 1)), strength)


def kept_number(
    real: float | None, made: float | None, spread: float, scale: float, weakest: float = 0.05
) -> Kept | None:
    """
    How much of a coefficient is kept; None if the real one is small, or smaller than its noise.

    Args:
        real, made: the coefficient on either side; None: not defined there.
        spread: how far random halves of the real rows are apart on average.
        scale: see `noise_scale`.
    """
    if real is None or abs(real) < max(weakest, spread):
        return None
    distance = max(0.0, abs(real - (made or 0.0)) - spread * scale)
    return Kept(float(np.clip(1 - distance / abs(real), 0, 1)), abs(real))


def intraclass(values: Floats, groups: Ints) -> float | None:
    """
    The intraclass correlation of the ranks of values: how alike the members of a group are.

    One-way random effects, ICC(1): Shrout and Fleiss, Intraclass correlations: uses in assessing
    rater reliability, Psychological Bulletin 86 (1979), with groups of unequal sizes.

    Args:
        values: (n,) numbers; NaN left out.
        groups: (n,) group numbers; negative: in none.

    Returns:
        -1 … 1; None if no group has two members, or all values are equal.
    """
    known = ~np.isnan(values) & (groups >= 0)
    ranks = average_ranks(values[known])
    _, place = np.unique(groups[known], return_inverse=True)
    sizes = np.bincount(place).astype(float)
    total, many = len(ranks), len(sizes)
    if many < 2 or total <= many or ranks.std() == 0:
        return None
    means = np.bincount(place, ranks) / sizes
    between = float((sizes * (means - ranks.mean()) ** 2).sum() / (many - 1))
    within = float(((ranks - means[place]) ** 2).sum() / (total - many))
    typical = (total - (sizes**2).sum() / total) / (many - 1)
    below = between + (typical - 1) * within
    return (between - within) / below if below > 0 else None


def same_rate(labels: Floats, groups: Ints) -> float | None:
    """
    How much more often two members of a group have the same label than any two rows would.

    Args:
        labels: (n,) label numbers; NaN left out.
        groups: (n,) group numbers; negative: in none.

    Returns:
        0 as often as by chance .. 1 always; None if no group has two members or there is one label.
    """
    known = ~np.isnan(labels) & (groups >= 0)
    names = np.unique(labels[known], return_inverse=True)[1]
    _, place = np.unique(groups[known], return_inverse=True)
    if not len(place) or names.max() == 0:
        return None
    sizes = np.bincount(place).astype(float)
    width = int(names.max()) + 1
    cells, often = np.unique(place * width + names, return_counts=True)
    same = np.bincount(cells // width, often * (often - 1.0), minlength=len(sizes))
    plural = sizes > 1
    if not plural.any():
        return None
    rate = float((same[plural] / sizes[plural]).sum() / (sizes[plural] - 1).sum())
    chance = float(((np.bincount(names) / len(names)) ** 2).sum())
    return (rate - chance) / (1 - chance)


def lag_correlation(values: Floats, groups: Ints) -> float | None:
    """
    The correlation of each row's rank with the next one's in its group, group means taken off.

    Args:
        values: (n,) numbers in order of time, groups together.
        groups: (n,) group numbers; negative: in none.
    """
    known = ~np.isnan(values) & (groups >= 0)
    _, place = np.unique(groups[known], return_inverse=True)
    if len(place) < 3:
        return None
    ranks = average_ranks(values[known])
    ranks -= (np.bincount(place, ranks) / np.bincount(place))[place]
    follows = place[1:] == place[:-1]
    left, right = ranks[:-1][follows], ranks[1:][follows]
    if len(left) < 3 or left.std() == 0 or right.std() == 0:
        return None
    return float(np.corrcoef(left, right)[0, 1])


def lag_same_rate(labels: Floats, groups: Ints) -> float | None:
    """
    How much more often a row has the next one's label than that of any other row of its group.

    Args:
        labels: (n,) label numbers in order of time, groups together.
        groups: (n,) group numbers; negative: in none.
    """
    known = ~np.isnan(labels) & (groups >= 0)
    names, (_, place) = labels[known], np.unique(groups[known], return_inverse=True)
    if len(place) < 3:
        return None
    follows = place[1:] == place[:-1]
    sizes = np.bincount(place).astype(float)
    _, cell, often = np.unique(
        np.stack([place, names.astype(np.int64)]), axis=1, return_inverse=True, return_counts=True
    )
    others = (often[cell] - 1) / np.maximum(1, sizes[place] - 1)
    if not follows.any():
        return None
    same = names[1:][follows] == names[:-1][follows]
    return float(same.mean() - others[:-1][follows].mean())
