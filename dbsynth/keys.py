"""Who belongs to whom: fan-outs, choice of parents with exact in-degrees, trees, distinct pairs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dbsynth.features import Floats, Ints
from dbsynth.mapped import pieces

ANYWHERE = -1  # a place that any parent may have: the row shares no key column yet
NOWHERE = -2  # a place that no parent has
MANY = 1024  # rows from which on sets of uniforms share an order
ROUNDS = 30  # of swapping before a duplicate pair gets a parent that is free


def stratified(rng: np.random.Generator, rows: int) -> Floats:
    """(n,) uniforms, one in each n-th of (0, 1), in random order: less noise than independent."""
    return (rng.permutation(rows) + rng.random(rows)) / max(rows, 1)


def evenly(choices: Ints, size: int, rng: np.random.Generator) -> Ints:
    """Draw (size,) of some choices, all of them before any comes again."""
    rounds = [rng.permutation(choices) for _ in range(-(-size // len(choices)))]
    found: Ints = np.concatenate([np.zeros(0, np.int64), *rounds])[:size]
    return found


class Strata:
    """
    Several sets of stratified uniforms for the same (n,) rows.

    Of many rows the n-ths are put in random order once, and every set begins at another place of
    it: two sets have nothing to do with each other but that, and it takes a third of the time.
    """

    def __init__(self, rng: np.random.Generator, rows: int) -> None:
        """Prepare for so many rows."""
        self._rng, self._rows = rng, rows
        self._order = rng.permutation(rows).astype(np.float64) if rows >= MANY else None

    def draw(self) -> Floats:
        """(n,) uniforms, one in each n-th of (0, 1)."""
        if self._order is None:
            return stratified(self._rng, self._rows)
        found = self._rng.random(self._rows)
        start = int(self._rng.integers(self._rows))
        found[: self._rows - start] += self._order[start:]
        found[self._rows - start :] += self._order[:start]
        found /= self._rows
        return found


def rake(drawn: Floats, released: Ints, total: int, rng: np.random.Generator) -> Ints:
    """
    Give (n,) drawn fan-outs the distribution of the released ones, keeping who has more than whom.

    Args:
        drawn: (n,) what the network drew.
        released: (m,) fan-outs of the source, ascending.
        total: what the result must add up to, as nearly as the largest fan-out of 1 allows.
        rng: breaks ties.

    Returns:
        (n,) counts.
    """
    if len(drawn) == 0 or len(released) == 0:
        return np.zeros(len(drawn), np.int64)
    whole = np.empty(len(drawn), np.int64)
    for part in pieces(len(drawn), whole.itemsize):  # of many rows little is at work at once
        middle = np.arange(part.start, part.stop) + 0.5
        place = (middle * len(released) / len(drawn)).astype(np.int64)
        whole[part] = released[np.minimum(place, len(released) - 1)]
    wanted = int(whole.sum())
    times = total / wanted if wanted > 0 and released.max() > 1 else 1.0
    for part in pieces(len(drawn), whole.itemsize):
        whole[part] = np.floor(whole[part] * times + rng.random(len(whole[part])))
    whole.sort()
    drawn = np.nan_to_num(drawn) if np.isnan(drawn).any() else drawn
    order = np.lexsort((rng.random(len(drawn)), drawn))
    counts = np.empty(len(drawn), np.int64)
    counts[order] = whole
    del whole, order
    return to_total(counts, total, rng, limit=1 if released.max() <= 1 else None)


def to_total(counts: Ints, total: int, rng: np.random.Generator, limit: int | None = None) -> Ints:
    """
    Add or take single units at random until (n,) counts add up to `total`.

    Units go to rows in proportion to what they have; with a `limit` no row gets more than that.
    """
    counts = counts.copy()
    surplus = int(counts.sum()) - total
    if surplus > 0:
        ends = counts.cumsum()  # of the rows that have the 0th, 1st … unit
        taken = rng.choice(int(ends[-1]), surplus, replace=False)
        rows = np.searchsorted(ends, taken, "right")
        return counts - np.bincount(rows, minlength=len(counts))
    if surplus < 0 and limit is not None:
        free = np.flatnonzero(counts < limit)
        counts[rng.permutation(free)[:-surplus]] += 1
        return counts
    if surplus < 0:
        weights = counts / counts.sum() if counts.sum() else np.full(len(counts), 1 / len(counts))
        return counts + rng.multinomial(-surplus, weights)
    return counts


def capped(counts: Ints, limits: Floats, rng: np.random.Generator) -> Ints:
    """
    Take from (n,) counts what is beyond their limits, NaN for none, and give it to others.

    It goes at random to rows that have room for more, none of which gets more than it has.
    """
    most = np.where(np.isnan(limits), np.inf, np.maximum(limits, 0))
    kept: Ints = np.minimum(counts, most).astype(np.int64)
    surplus = int(counts.sum() - kept.sum())
    if not surplus:
        return counts
    ends = np.minimum(most - kept, kept).astype(np.int64).cumsum()  # of the room of each row
    given = rng.choice(int(ends[-1]), min(surplus, int(ends[-1])), replace=False)
    return kept + np.bincount(np.searchsorted(ends, given, "right"), minlength=len(kept))


def choose_parents(
    kinds: Ints,
    places: Ints,
    parent_kinds: Ints,
    parent_places: Ints,
    capacity: Ints,
    rng: np.random.Generator,
) -> Ints:
    """
    Give every row a parent of the kind it asked for, using up every parent's capacity.

    Args:
        kinds: (n,) the kind each row asks for, -1 for no parent at all.
        places: (n,) a code that row and parent must share (from key columns that the row already
            has), ANYWHERE where nothing must be shared, NOWHERE where no parent shares it.
        parent_kinds, parent_places: (m,) the same of the parents.
        capacity: (m,) how many rows each parent wants.
        rng: breaks ties.

    Returns:
        (n,) parent rows, -1 where none was asked for (or none is in that place).
    """
    pointers = np.full(len(kinds), -1, np.int64)
    open_rows = rng.permutation(np.flatnonzero(kinds >= 0))
    if len(open_rows) == 0 or len(capacity) == 0:
        return pointers
    capacity = to_total(capacity, len(open_rows), rng)
    tokens = rng.permutation(np.repeat(np.arange(len(capacity)), capacity))
    many = int(max(parent_kinds.max(initial=0), kinds.max(initial=0))) + 2
    is_free = places == ANYWHERE
    for tied, wanted, offered in (
        (True, places * many + kinds, parent_places * many + parent_kinds),
        (True, places, parent_places),
        (False, kinds, parent_kinds),
        (False, np.zeros_like(kinds), np.zeros_like(parent_kinds)),
    ):
        rows = open_rows[is_free[open_rows] != tied]
        left, right = _pair(wanted[rows], offered[tokens])
        pointers[rows[left]] = tokens[right]
        open_rows = open_rows[pointers[open_rows] < 0]
        tokens = np.delete(tokens, right)
    # Rows that found no free parent take any parent of their place, beyond its capacity.
    pointers[open_rows] = draw_in_place(places[open_rows], parent_places, rng)
    return pointers


def _pair(wanted: Ints, offered: Ints) -> tuple[Ints, Ints]:
    """Pair equal codes one to one; returns positions on both sides."""
    if len(wanted) == 0 or len(offered) == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    codes = np.unique(np.concatenate([wanted, offered]), return_inverse=True)[1]
    left, right = codes[: len(wanted)], codes[len(wanted) :]
    size = max(len(wanted), len(offered)) + 1
    left_key = left * size + _rank_within(left)
    right_key = right * size + _rank_within(right)
    _, here, there = np.intersect1d(left_key, right_key, assume_unique=True, return_indices=True)
    return here.astype(np.int64), there.astype(np.int64)


def _rank_within(codes: Ints) -> Ints:
    """Number equal codes 0, 1, 2 … in order of appearance."""
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    ranks = np.empty(len(codes), np.int64)
    ranks[order] = np.arange(len(codes)) - np.repeat(starts, np.diff([*starts, len(codes)]))
    return ranks


def draw_in_place(places: Ints, parent_places: Ints, rng: np.random.Generator) -> Ints:
    """
    Draw for (n,) rows any of the (m,) parents of their place; -1 where it has none.

    Parents that are NOWHERE are nobody's (they sort before all others).
    """
    order = np.argsort(parent_places, kind="stable")
    ordered = parent_places[order]
    is_free, nobody = places == ANYWHERE, int((parent_places == NOWHERE).sum())
    low = np.where(is_free, nobody, np.searchsorted(ordered, places, "left"))
    high = np.where(is_free, len(ordered), np.searchsorted(ordered, places, "right"))
    high = np.where(places == NOWHERE, low, high)
    pick = low + (rng.random(len(places)) * (high - low)).astype(np.int64)
    found = np.full(len(places), -1, np.int64)
    some = high > low
    found[some] = order[pick[some]]
    return found


def duplicates(columns: Sequence[NDArray[np.int64]]) -> NDArray[np.bool_]:
    """Mark (n,) rows whose combination of codes stood there before; codes < 0 never match."""
    rows = np.stack(list(columns), axis=1)
    missing = (rows < 0).any(axis=1)
    rows = np.concatenate([rows, np.where(missing, np.arange(len(rows)) + 1, 0)[:, None]], axis=1)
    _, first = np.unique(rows, axis=0, return_index=True)
    repeated = np.ones(len(rows), bool)
    repeated[first] = False
    return repeated


def numbered(left: Ints, right: Ints) -> tuple[Ints, Ints]:
    """Number the rows of (n, k) and (m, k) codes together: equal rows get equal numbers."""
    both = np.concatenate([left, right])
    numbers = np.zeros(len(both), np.int64)
    for column in both.T:
        # Numbering anew after every column keeps the numbers small, however many there are.
        numbers = numbers * (int(column.max(initial=-1)) + 2) + column + 1
        numbers = np.unique(numbers, return_inverse=True)[1].astype(np.int64)
    return numbers[: len(left)], numbers[len(left) :]


def combined(codes: Ints) -> Ints:
    """Number the rows of (n, k) codes, -1 where a code is < 0."""
    numbers, _ = numbered(codes, codes[:0])
    return np.where((codes < 0).any(axis=1), -1, numbers)


def make_distinct(
    fixed: Sequence[Ints], chosen: Ints, shown: Ints, places: Ints, parent_places: Ints,
    rng: np.random.Generator,
) -> tuple[Ints, NDArray[np.bool_]]:  # fmt: skip
    """
    Change chosen parents until no combination of keys repeats.

    First rows swap their parents (in-degrees stay), then they get parents that are still free.

    Args:
        fixed: the other parts of the unique set, (n,) codes each.
        chosen: (n,) parent rows that may change, -1 for none.
        shown: (m,) what each parent shows in the unique set, as a code.
        places, parent_places: as in `choose_parents`; parent_places by parent row.
        rng: draws partners.

    Returns:
        (n,) parents, and which rows repeat all the same.
    """
    chosen = chosen.copy()
    for _ in range(ROUNDS):
        repeated = duplicates([*fixed, _seen(shown, chosen)])
        rows = np.flatnonzero(repeated)
        if len(rows) == 0:
            return chosen, repeated
        others = rng.integers(0, len(chosen), len(rows))
        fits = (chosen[others] >= 0) & (places[others] == places[rows])
        for row, other in zip(rows[fits], others[fits], strict=True):
            chosen[row], chosen[other] = chosen[other], chosen[row]
    _use_free(fixed, chosen, shown, places, parent_places, rng)
    return chosen, duplicates([*fixed, _seen(shown, chosen)])


def _seen(shown: Ints, chosen: Ints) -> Ints:
    if len(shown) == 0:
        return np.full(len(chosen), -1, np.int64)
    return np.where(chosen >= 0, shown[np.maximum(chosen, 0)], -1)


def _use_free(
    fixed: Sequence[Ints], chosen: Ints, shown: Ints, places: Ints, parent_places: Ints,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """Give the rows that repeat, in place, the parents that rows of equal fixed parts lack."""
    repeated = duplicates([*fixed, _seen(shown, chosen)])
    groups = combined(np.stack(list(fixed), axis=1)) if fixed else np.zeros(len(chosen), np.int64)
    order = np.argsort(groups, kind="stable")
    for group in np.unique(groups[repeated]):
        low, high = np.searchsorted(groups[order], [group, group + 1])
        rows = order[low:high]
        wanting = rows[repeated[rows]]
        taken = np.unique(_seen(shown, chosen)[rows])
        for place in np.unique(places[wanting]):
            here = wanting[places[wanting] == place]
            there = parent_places != NOWHERE if place == ANYWHERE else parent_places == place
            free = rng.permutation(np.flatnonzero(there & (shown >= 0)))
            free = free[~np.isin(shown[free], taken)]
            free = free[np.sort(np.unique(shown[free], return_index=True)[1])][: len(here)]
            chosen[here[: len(free)]] = free
            taken = np.union1d(taken, shown[free])


def grow_tree(
    has_parent: NDArray[np.bool_],
    capacity: Ints,
    groups: Ints,
    rng: np.random.Generator,
    offered: NDArray[np.bool_] | None = None,
) -> Ints:
    """
    Hang the rows of a table under each other, level by level, so that no cycle can arise.

    Args:
        has_parent: (n,) False for the roots.
        capacity: (n,) how many rows each one wants below it.
        groups: (n,) codes; parent and child share them; rows below 0 stay alone.
        rng: decides who hangs where.
        offered: (n,) which rows may be parents; None: all.

    Returns:
        (n,) parent rows, -1 for roots.  The first row of a group without a root becomes one.
    """
    pointers = np.full(len(has_parent), -1, np.int64)
    offered = np.ones(len(has_parent), bool) if offered is None else offered
    order = np.argsort(groups, kind="stable")
    first = int(np.searchsorted(groups[order], 0))
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1)) if len(order) else order
    starts = starts[starts >= first]
    for start, stop in zip(starts, np.append(starts[1:], len(order)), strict=False):
        rows = order[start:stop]
        pointers[rows] = _grow(rows, has_parent[rows], capacity[rows], offered[rows], rng)
    return pointers


def _grow(
    rows: Ints,
    has_parent: NDArray[np.bool_],
    capacity: Ints,
    offered: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Ints:
    below = np.full(len(rows), -1, np.int64)
    if not offered.any():
        return below
    capacity = np.where(offered, capacity, 0)
    placed = np.flatnonzero(~has_parent)
    if not offered[placed].any():
        placed = np.append(placed, int(np.argmax(np.where(offered, capacity + 1, 0))))
    waiting = np.setdiff1d(np.arange(len(rows)), placed)
    # Rows that want children come first, so that the tree can go on growing.
    waiting = waiting[np.lexsort((rng.random(len(waiting)), capacity[waiting] <= 0))]
    level = placed
    while len(waiting):
        tokens = rng.permutation(np.repeat(level, capacity[level]))[: len(waiting)]
        if len(tokens) == 0:
            tokens = rng.choice(placed[offered[placed]], len(waiting))
        level, waiting = waiting[: len(tokens)], waiting[len(tokens) :]
        below[level] = rows[tokens]
        placed = np.concatenate([placed, level])
    return below


def grow_by_depth(
    has_parent: NDArray[np.bool_],
    capacity: Ints,
    groups: Ints,
    depths: Floats,
    step: int,
    rng: np.random.Generator,
    offered: NDArray[np.bool_],
) -> Ints:
    """
    Hang rows under others of their group that are one step less deep; arguments as `grow_tree`.

    Parents have as many children as they want, as far as there are so many one step deeper; what
    is left over goes to those that want any.  Rows that nobody can take stay roots.

    Args:
        depths: (n,) how deep a row is, NaN if unknown.
        step: how much deeper than its parent.
    """
    pointers = np.full(len(has_parent), -1, np.int64)
    for group in np.unique(groups[groups >= 0]):
        for depth in np.unique(depths[(groups == group) & has_parent & ~np.isnan(depths)]):
            rows = np.flatnonzero((groups == group) & has_parent & (depths == depth))
            above = np.flatnonzero((groups == group) & offered & (depths == depth - step))
            wanted = np.repeat(above, np.maximum(capacity[above], 0))
            if not len(above):
                continue
            more = max(0, len(rows) - len(wanted))
            others = rng.choice(wanted if len(wanted) else above, more)
            chosen = np.append(rng.permutation(wanted)[: len(rows)], others)
            pointers[rng.permutation(rows)] = chosen
    return pointers


def outermost(parents: Ints, size: int) -> tuple[Ints, Ints]:
    """
    Find the first and the last child of each parent; (n,) -> (size,), (size,), -1 for none.

    Args:
        parents: (n,) parent rows, -1 for none; children stand in their order.
        size: how many parents there are.
    """
    rows = np.flatnonzero(parents >= 0)
    last = np.full(size, -1, np.int64)
    last[parents[rows]] = rows
    first = np.full(size, -1, np.int64)
    first[parents[rows[::-1]]] = rows[::-1]
    return first, last
