"""Rows that repeat the sibling before: where columns and keys do so, and how it is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.copying import Flags
from dbsynth.encode import ModelledColumn, PresenceColumn
from dbsynth.features import Floats, Ints
from dbsynth.release import Release

MIN_AGREEMENT = 0.6  # share of later siblings that repeat, beyond chance
LEAST_REPETITION = 0.05  # of all rows that must repeat by labels beyond chance, by each column
MOST_ALIKE, MOST_KINDS = 2, 256  # columns of labels, and their combinations
JITTER = 0.5  # by which orders by length are loosened, as a share of it
BEYOND = 0.1  # the chance of parents that are chosen again, they must be so


def before_name(column: str) -> str:
    """What tells whether a column has the value of the sibling before."""
    return f"~{column}"


def repeated(
    values: pa.Array, index: Ints, entities: Ints, release: Release
) -> tuple[Flags, Flags] | None:
    """
    Find the rows in which a column has what the sibling before has, if that is its habit.

    A habit is judged as agreement beyond chance (Cohen's kappa, 1960): a column of one value
    repeats it, and says nothing.

    Args:
        values: (n,) rows of one owner together.
        index: (n,) how many siblings came before.
        entities: (n,) which entity each row belongs to; too few have no habits.
        release: the protection in force.

    Returns:
        in which rows it is repeated, in which it cannot be; None where it is no habit.
    """
    later = index > 0
    if not later.any() or not release.is_enough(entities[later]):
        return None
    encoded = values.dictionary_encode()
    codes = np.asarray(pc.fill_null(encoded.indices, len(encoded.dictionary)), np.int64)
    same = later & (codes == np.roll(codes, 1))
    chance = float(((np.bincount(codes) / len(codes)) ** 2).sum())
    share = float(same.sum() / later.sum())
    if share - chance < MIN_AGREEMENT * (1.0 - chance) or chance == 1.0:
        return None
    return same, ~later


@dataclass(frozen=True, slots=True)
class Habit:
    """How a value repeats that of the last sibling alike."""

    alike: tuple[str, ...]  # the columns whose labels both share
    same: Flags  # (n,) rows that repeat it
    alone: Flags  # (n,) rows that have no such sibling


def habit(
    values: Floats,
    labels: Mapping[str, Ints],
    groups: Ints,
    entities: Ints,
    release: Release,
) -> Habit | None:
    """
    Find the labels by which values repeat: the rent each month, the fee of each account.

    Args:
        values: (n,) siblings together and in order, NaN for NULL.
        labels: (n,) tokens of columns that are known before.
        groups: (n,) whose siblings rows are.
        entities: (n,) which entity each row belongs to.
        release: the protection in force.

    Returns:
        the columns that bring most repetition beyond chance, one after another; None where no
        label brings any that matters.
    """
    if not release.is_enough(entities):
        return None
    best: Habit | None = None
    chosen: tuple[str, ...] = ()
    reached, kinds = 0.0, np.zeros(len(values), np.int64)
    while len(chosen) < MOST_ALIKE:
        found = {}
        for name in (n for n in labels if n not in chosen):
            joined = np.unique(kinds * (labels[name].max() + 1) + labels[name], return_inverse=True)
            if len(joined[0]) <= MOST_KINDS:
                found[name] = (_repetition(values, joined[1], groups), joined[1])
        top = max(found, key=lambda n: found[n][0][0], default=None)
        if top is None or found[top][0][0] < reached + LEAST_REPETITION:
            return best
        (reached, same, alone), kinds = found[top]
        chosen = (*chosen, top)
        best = Habit(chosen, same, alone)
    return best


def tokens_of(values: pa.Array) -> Floats:
    """Labels as numbers that tell them apart, NaN for NULL."""
    codes = values.dictionary_encode().indices
    found: Floats = np.asarray(pc.cast(codes, pa.float64()).fill_null(np.nan), np.float64)
    return found


def _repetition(values: Floats, kinds: Ints, groups: Ints) -> tuple[float, Flags, Flags]:
    """Which share repeats the last of its kind beyond chance; which rows do; which cannot."""
    rows = np.arange(len(values))
    order = np.lexsort((rows, kinds, groups))
    alone = np.ones(len(rows), bool)
    same = np.zeros(len(rows), bool)
    here, before = order[1:], order[:-1]
    is_next = (groups[here] == groups[before]) & (kinds[here] == kinds[before])
    alone[here] = ~is_next
    same[here] = is_next & (values[here] == values[before])  # never NULL
    known = np.isfinite(values)
    own = np.unique(values[known], return_inverse=True)[1]
    pairs, counted = np.unique(kinds[known] * (own.max(initial=0) + 1) + own, return_counts=True)
    of = pairs // (own.max(initial=0) + 1)
    total = np.bincount(kinds, minlength=int(kinds.max(initial=0)) + 1).astype(np.float64)
    squares = np.bincount(of, counted.astype(np.float64) ** 2, minlength=len(total))
    chance = squares / np.maximum(total, 1.0) ** 2
    beyond = same.sum() - chance[kinds[~alone]].sum()
    return float(beyond / max(len(rows), 1)), same, alone


def origins(repeats: Ints) -> Ints:
    """The row that each of (n,) rows repeats, directly or through others; itself if it does not."""
    rows = np.arange(len(repeats))
    found: Ints = np.maximum.accumulate(np.where(repeats == 1, 0, rows))
    return found


def heads(links: Ints) -> Ints:
    """Where (n,) links to earlier rows lead in the end: to rows that are linked to themselves."""
    found = links
    while True:
        further = found[found]
        if (further == found).all():
            return found
        found = further


def gated(columns: Sequence[ModelledColumn]) -> dict[str, PresenceColumn]:
    """What tells whether columns repeat a sibling, by the columns that may."""
    gates = {c.name: c for c in columns if isinstance(c, PresenceColumn)}
    names = [c.name for c in columns]
    return {n: gates[before_name(n)] for n in names if before_name(n) in gates}


def reuse(owners: Ints, parents: Ints, kinds: Ints, repeats: Ints, seed: int) -> float:
    """
    Learn how often rows choose a parent of a kind that their owner has again, not another of it.

    Args:
        owners, parents: (n,) rows, -1 for none.
        kinds: (n,) of the parents.
        repeats: (n,) 1 where a row has the parent of the sibling before; these do not count.
        seed: for what chance would give.

    Returns:
        a share of the rows whose owner has a parent of the kind; 0 where it is not beyond chance.
    """
    known = np.flatnonzero((owners >= 0) & (parents >= 0))
    owners, parents, kinds, repeats = (x[known] for x in (owners, parents, kinds, repeats))
    counts = ~_is_first(owners, kinds) & (repeats != 1)
    if not counts.any():
        return 0.0
    order = np.lexsort((np.random.default_rng(seed).random(len(kinds)), kinds))
    mixed = np.empty_like(parents)
    mixed[order] = parents[np.argsort(kinds, kind="stable")]
    share, chance = (float((~_is_first(owners, p))[counts].mean()) for p in (parents, mixed))
    return Release.share(~_is_first(owners, parents)[counts]) if share > chance + BEYOND else 0.0


def sharing(
    owners: Ints, kinds: Ints, repeats: Ints, share: float, rng: np.random.Generator
) -> Ints:
    """
    Decide which rows have one parent together.

    Args:
        owners: (n,) rows, -1 for none.
        kinds: (n,) the kind of parent that each row asks for.
        repeats: (n,) 1 where a row has the parent of the row before.
        share: how often a row has that of the owner's last row of the kind, see `reuse`.
        rng: decides.

    Returns:
        (n,) the first of the rows with which each shares its parent.
    """
    rows = np.arange(len(owners))
    is_other = (owners < 0) | (rng.random(len(rows)) >= share)
    is_new = _is_first(owners, kinds) | is_other & (repeats != 1)
    order = np.lexsort((rows, kinds, owners))
    last = np.maximum.accumulate(np.where(is_new[order], rows, 0))
    found = np.empty(len(rows), np.int64)
    found[order] = order[last]
    return found


def choose_together(
    wanted: Ints, together: Ints, offered: Ints, capacity: Ints, rng: np.random.Generator
) -> Ints:
    """
    Give rows that belong together one parent of the kind they ask for.

    Groups of a kind are laid side by side, small ones first, its parents as well, each as long as
    the rows it wants; a group belongs to the parent beside its middle.  So in-degrees are met
    within a group, as in systematic sampling (Madow 1949).

    Args:
        wanted: (n,) the kind that each row asks for, -1 for no parent.
        together: (n,) the first row of each row's group.
        offered: (m,) the parents' kinds.
        capacity: (m,) how many rows each parent wants.
        rng: for the orders.

    Returns:
        (n,) parents, -1 where none was asked for, or none is of the kind.
    """
    heads, own, lengths = np.unique(together, return_inverse=True, return_counts=True)
    kinds, chosen = wanted[heads], np.full(len(heads), -1, np.int64)
    groups, ends = _side_by_side(kinds, lengths.astype(np.float64), rng)
    parents, limits = _side_by_side(offered, np.maximum(capacity, 1e-9), rng)
    if len(parents):
        middles = ends - _shares(kinds[groups], lengths[groups].astype(np.float64)) / 2
        found = parents[np.minimum(np.searchsorted(limits, middles), len(parents) - 1)]
        fits = (kinds[groups] >= 0) & (offered[found] == kinds[groups])
        chosen[groups] = np.where(fits, found, -1)
    spread: Ints = chosen[own]
    return spread


def _is_first(owners: Ints, others: Ints) -> Flags:
    """Mark the first row of each pair."""
    found = np.zeros(len(owners), bool)
    both = np.stack([owners, others], axis=1)
    found[np.unique(both, axis=0, return_index=True)[1]] = True
    return found


def _side_by_side(kinds: Ints, lengths: Floats, rng: np.random.Generator) -> tuple[Ints, Floats]:
    """An order by kind, roughly by length within; where each ends: its kind and a share of it."""
    rough = lengths * np.exp(JITTER * rng.standard_normal(len(kinds)))
    order = np.lexsort((rough, kinds))
    shares = _shares(kinds[order], lengths[order])
    starts = np.flatnonzero(np.diff(kinds[order], prepend=np.iinfo(np.int64).min))
    total = np.cumsum(shares)
    before = np.concatenate([[0.0], total])[starts]
    sizes = np.diff(np.append(starts, len(order)))
    return order, kinds[order] + (total - np.repeat(before, sizes))


def _shares(kinds: Ints, lengths: Floats) -> Floats:
    """Lengths as shares of all of the same kind."""
    _, codes = np.unique(kinds, return_inverse=True)
    found: Floats = lengths / np.bincount(codes, weights=lengths)[codes]
    return found
