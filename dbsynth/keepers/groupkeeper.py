"""Make siblings keep the rules about them together: orders, balances, states, spans, marks."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import permutations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dbsynth.features import Floats, Ints
from dbsynth.keepers.spacing import at_least_after, closed, farthest, packed, until
from dbsynth.keepers.walks import walked
from dbsynth.keys import combined
from dbsynth.rules.groupsteps import GroupStep
from dbsynth.values import DAY, from_floats, to_floats

Flags = NDArray[np.bool_]

_MOST_ORDERS = 4  # rules that one numbering of all rows is to keep: all their orders are tried


@dataclass(frozen=True)
class GroupKeeper:
    """
    Rules about siblings.

    Args:
        steps: what to keep.
        fixed: columns that may not change.
        free: keys whose values say nothing, so that rows may exchange them.
        follows: the columns from which others follow, by these.
        derived: columns that are calculated, and are not moved apart.
        settled: columns that follow from fixed ones, as do the ends of spans from their starts.
    """

    steps: tuple[GroupStep, ...]
    fixed: frozenset[str]
    free: frozenset[str] = frozenset()
    follows: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    derived: frozenset[str] = frozenset()
    settled: frozenset[str] = frozenset()

    def keep(self, rows: pa.Table, rng: np.random.Generator) -> tuple[pa.Table, frozenset[str]]:
        """
        Change rows until siblings keep the rules.

        Args:
            rows: (n,) with all siblings of each.
            rng: decides what the rules leave open.

        Returns:
            (n,) rows, and the columns in which some of them changed.
        """
        changed: set[str] = set()
        if not len(rows):
            return rows, frozenset()
        for by in dict.fromkeys(s.by for s in self.steps if s.act == "sort" and s.by in self.free):
            alike = [s for s in self.steps if s.act == "sort" and s.by == by]
            alike = [s for s in alike if not self._leader(s)]
            rows, told = _put(rows, {by: _renumbered(rows, by, alike)} if alike else {})
            changed |= told
        for step in sorted(self.steps, key=lambda s: bool(self._leader(s))):
            found = getattr(self, f"_{step.act}")(step, rows, rng)
            here = _is_whole(rows, step.partition)
            if not here.all() and not self._leader(step):
                found = {n: pc.if_else(pa.array(here), v, rows.column(n)) for n, v in found.items()}
            rows, told = _put(rows, found)
            changed |= told
        return rows, frozenset(changed)

    def _sort(self, step: GroupStep, rows: pa.Table, rng: np.random.Generator) -> _Found:
        """Exchange the values of siblings until they are in order."""
        del rng
        found: _Found = {}
        groups = group_codes(rows, step.partition)
        place, values = ranks(rows.column(step.by)), ranks(rows.column(step.column))
        here = np.flatnonzero(~np.isnan(values) & ~np.isnan(place))
        order = here[_in_line(step.sign * values[here], place[here], groups[here])]
        tied = _is_tied(groups[order], place[order])
        is_free = step.by not in self.fixed | self.derived
        if tied.any() and is_free and _is_spaced(rows.column(step.by)):
            found[step.by] = self._untied(rows.column(step.by), groups, place)
        if step.column in self.fixed or not _falls(groups[order], step.sign * values[order]):
            return found
        if leader := self._leader(step):
            return found | {step.column: self._chosen_again(step, leader, rows)}
        source = here[_in_line(step.sign * values[here], groups[here])]
        taken = np.arange(len(rows))
        taken[order] = source
        return found | {step.column: rows.column(step.column).take(pa.array(taken))}

    def _leader(self, step: GroupStep) -> GroupStep | None:
        """What sorts a column from which another follows, by the same; None if nothing does."""
        leaders = self.follows.get(step.column, ()) if step.act == "sort" else ()
        wanted = [replace(step, column=c, sign=sign) for c in leaders for sign in (1, -1)]
        for other in (w for w in wanted if w in self.steps):
            is_mutual = step.column in self.follows.get(other.column, ())
            if not is_mutual or self.steps.index(other) < self.steps.index(step):
                return other
        return None

    def _chosen_again(self, step: GroupStep, lead: GroupStep, rows: pa.Table) -> pa.Array:
        """Let values follow from a column in order: as few as can be become others."""
        leader = lead.column
        others = [c for c, of in self.follows.items() if leader in of and c != step.column]
        heads, first, place = np.unique(
            group_codes(rows, [leader]), return_index=True, return_inverse=True
        )
        own = group_codes(rows, others) if others else np.zeros(len(rows), np.int64)
        alike = _commonest(place.reshape(-1), own, len(heads))
        leading, values = (ranks(rows.column(c))[first] for c in (leader, step.column))
        order = np.lexsort((lead.sign * leading, alike))
        order = order[~np.isnan(values[order])]
        taken = np.arange(len(heads))
        for some in np.split(order, np.flatnonzero(np.diff(alike[order])) + 1):
            if not len(some):
                continue
            stays = in_order(step.sign * values[some])
            before = stays[np.maximum(np.searchsorted(stays, np.arange(len(some)), "right") - 1, 0)]
            taken[some] = some[before]
        return rows.column(step.column).take(pa.array(first[taken][place]))

    def _untied(self, column: pa.ChunkedArray, groups: Ints, place: Floats) -> pa.Array:
        """Move siblings that stand at one place apart, by the least that there is."""
        here = np.flatnonzero(~np.isnan(place))
        order = here[np.lexsort((place[here], groups[here]))]
        values = to_floats(column.combine_chunks())
        unit = _unit(column.type, values)
        moved = values.copy()
        moved[order] = at_least_after(values[order], np.full(len(order), unit), groups[order])
        return _floats_as(moved, column)

    def _apart(self, step: GroupStep, rows: pa.Table, rng: np.random.Generator) -> _Found:
        """Push spans along until none overlaps the next, within the time that they take up."""
        del rng
        if step.other in self.fixed | self.settled:
            return {}
        first, last = rows.column(step.column), rows.column(step.other)
        start, end = (to_floats(c.combine_chunks()) for c in (first, last))
        groups = group_codes(rows, step.partition)
        here = np.flatnonzero(~np.isnan(start))
        order = here[np.lexsort((start[here], groups[here]))]
        far = farthest(end)
        end[order] = closed(start[order], end[order], groups[order], far)
        if step.column in self.fixed | self.settled:
            end[order] = np.fmin(end[order], until(start[order], groups[order]))
            return {step.other: _floats_as(end, last)}
        is_far = end[order] >= far
        unit = _unit(first.type, start[order])
        length = np.nan_to_num(np.where(is_far, unit, end[order] - start[order])).clip(0)
        if _is_lapping(start[order], length, groups[order]):
            whole = np.ceil(length / unit) * unit
            begun, ended = packed(start[order], whole, groups[order], unit)
            ended = np.where(length < whole, begun + np.minimum(length, ended - begun), ended)
            start[order] = begun
            end[order] = np.where(np.isnan(end[order]) | is_far, end[order], ended)
        return {step.column: _floats_as(start, first), step.other: _floats_as(end, last)}

    def _meet(self, step: GroupStep, rows: pa.Table, rng: np.random.Generator) -> _Found:
        """Let spans end where the next begin; the last one of all is as long as it was drawn."""
        del rng
        if step.other in self.fixed | self.settled:
            return {}
        last = rows.column(step.other)
        start, end = (to_floats(rows.column(c).combine_chunks()) for c in (step.column, step.other))
        groups = group_codes(rows, step.partition)
        here = np.flatnonzero(~np.isnan(start))
        order = here[np.lexsort((start[here], groups[here]))]
        following = until(start[order], groups[order])
        end[order] = closed(start[order], end[order], groups[order], farthest(end))
        end[order] = np.where(np.isnan(following) | np.isnan(end[order]), end[order], following)
        return {step.other: _floats_as(end, last)}

    def _run(self, step: GroupStep, rows: pa.Table, rng: np.random.Generator) -> _Found:
        """Add up one column into another, from sibling to sibling."""
        del rng
        if step.column in self.fixed:
            return {}
        groups, place = group_codes(rows, step.partition), ranks(rows.column(step.by))
        column = rows.column(step.column)
        part, total = (
            to_floats(rows.column(c).combine_chunks()) for c in (step.other, step.column)
        )
        order = np.lexsort((place, groups))
        added = np.nan_to_num(part[order])
        starts = _starts(groups[order])
        if step.is_lagged:
            added = np.where(starts, np.nan_to_num(total[order]), added)
        summed = np.cumsum(added)
        base = (summed - added)[np.maximum.accumulate(np.where(starts, np.arange(len(order)), 0))]
        made = np.full(len(rows), np.nan)
        made[order] = summed - base
        made = np.where(np.isnan(total), np.nan, made)
        return {step.column: _floats_as(made, column)}

    def _number(self, step: GroupStep, rows: pa.Table, rng: np.random.Generator) -> _Found:
        """Count siblings."""
        del rng
        if step.column in self.fixed:
            return {}
        groups, place = group_codes(rows, step.partition), ranks(rows.column(step.by))
        order = np.lexsort((place, groups))
        starts = _starts(groups[order])
        first = np.maximum.accumulate(np.where(starts, np.arange(len(order)), 0))
        made = np.full(len(rows), np.nan)
        made[order] = np.arange(len(order)) - first + step.start
        return {step.column: _floats_as(made, rows.column(step.column))}

    def _states(self, step: GroupStep, rows: pa.Table, rng: np.random.Generator) -> _Found:
        """Let siblings go from state to state as is allowed."""
        if step.column in self.fixed:
            return {}
        groups, place = group_codes(rows, step.partition), ranks(rows.column(step.by))
        column = rows.column(step.column).combine_chunks()
        labels = list(dict.fromkeys(b for _, b in step.pairs))
        known = pa.array(labels, pa.string())
        codes = pc.fill_null(pc.index_in(column.cast(pa.string()), value_set=known), -1)
        order = np.lexsort((place, groups))
        allowed = np.zeros((len(labels) + 1, len(labels)), bool)
        for before, now in step.pairs:
            allowed[labels.index(before) if before in labels else -1, labels.index(now)] = True
        drawn = np.asarray(codes, np.int64)[order]
        there = np.asarray(column.is_valid())[order]
        made = walked(drawn, there, groups[order], allowed, rng)
        if (made == drawn).all():
            return {}
        after = np.full(len(rows), -1, np.int64)
        after[order] = made
        taken = known.take(pa.array(np.maximum(after, 0)))
        return {step.column: pc.if_else(pa.array(after >= 0), taken.cast(column.type), column)}

    def _mark(self, step: GroupStep, rows: pa.Table, rng: np.random.Generator) -> _Found:
        """Leave one mark a parent, and give those their one who have none, where they must."""
        if step.column in self.fixed:
            return {}
        column = rows.column(step.column).combine_chunks()
        label = pa.scalar(step.label).cast(column.type)
        is_marked = np.asarray(pc.fill_null(pc.equal(column, label), False))
        others = pc.drop_null(column.filter(pa.array(~is_marked)))
        if pa.types.is_boolean(column.type):
            other = pa.scalar(not step.label)
        elif len(others):
            counts = pc.value_counts(others)
            other = counts.field(0)[int(np.argmax(np.asarray(counts.field(1))))]
        else:
            return {}
        groups, has_parent = group_codes(rows, step.partition), _is_whole(rows, step.partition)
        chance = rng.random(len(rows)) + (~is_marked)  # those with a mark come first
        here = np.flatnonzero(has_parent)
        order = here[np.lexsort((chance[here], groups[here]))]
        first = np.zeros(len(rows), bool)
        first[order[_starts(groups[order])]] = True
        wanted = first & has_parent & (is_marked | step.is_exact)
        after = pc.if_else(pa.array(is_marked & has_parent & ~wanted), other, column)
        return {step.column: pc.if_else(pa.array(wanted), label, after)}


_Found = dict[str, pa.Array | pa.ChunkedArray]


def group_codes(rows: pa.Table, names: Iterable[str]) -> Ints:
    """(n,) the same number for rows that agree in some columns; one of its own for a NULL."""
    columns = []
    for name in names:
        encoded = rows.column(name).combine_chunks().dictionary_encode()
        columns.append(np.asarray(pc.fill_null(encoded.indices, -1)).astype(np.int64))
    codes = columns[0] if len(columns) == 1 else combined(np.stack(columns, axis=1))
    return np.where(_is_whole(rows, names), codes, len(rows) + np.arange(len(rows)))


def _is_whole(rows: pa.Table, names: Iterable[str]) -> Flags:
    """(n,) whether rows have siblings at all: no column of the partition is NULL."""
    found = np.ones(len(rows), bool)
    for name in names:
        if rows.column(name).null_count:
            found &= np.asarray(rows.column(name).is_valid())
    return found


def ranks(column: pa.ChunkedArray) -> Floats:
    """(n,) numbers that are in the order of a column's values; NaN for NULL."""
    whole = column.combine_chunks()
    if _is_spaced(column):
        return to_floats(whole)
    encoded = whole.dictionary_encode()
    words = encoded.dictionary
    place = np.empty(len(words) + 1)
    place[np.asarray(pc.sort_indices(words))] = np.arange(len(words))
    place[-1] = np.nan
    found: Floats = place[np.asarray(pc.fill_null(encoded.indices, len(words)))]
    return found


def _renumbered(rows: pa.Table, by: str, steps: list[GroupStep]) -> pa.Array | pa.ChunkedArray:
    """Exchange a key's values among rows, so that what is ordered by it is in order."""
    column, place = rows.column(by), ranks(rows.column(by))
    values = [s.sign * np.nan_to_num(ranks(rows.column(s.column)), nan=np.inf) for s in steps]
    groups = [group_codes(rows, s.partition) for s in steps]
    if sum(_disorder(g, place, v) for g, v in zip(groups, values, strict=True)) == 0:
        return column
    is_one = len({s.partition for s in steps}) == 1
    orders = list(permutations(range(len(steps)))) if len(steps) <= _MOST_ORDERS else []
    best = column, np.inf
    for ranking in orders or [tuple(range(len(steps)))]:
        keys = [place, *(values[i] for i in reversed(ranking))]
        lines = [place] if not is_one else [place, groups[0]]
        order = _in_line(*keys, groups[0]) if is_one else _in_line(*keys)
        taken = np.empty(len(rows), np.int64)
        taken[order] = _in_line(*lines)
        broken = sum(_disorder(g, place[taken], v) for g, v in zip(groups, values, strict=True))
        if broken < best[1]:
            best = column.take(pa.array(taken)), broken
    return best[0]


def _disorder(groups: Ints, place: Floats, values: Floats) -> int:
    """How many rows come after a sibling that should come after them."""
    order = _in_line(place, groups)
    lined = groups[order]
    same = lined[1:] == lined[:-1]
    ordered = values[order]
    return int((same & (ordered[1:] < ordered[:-1])).sum())


def _in_line(*keys: Ints | Floats) -> Ints:
    """What `np.lexsort` gives of (n,) keys without NaN; only groups out of line are sorted."""
    order = np.arange(len(keys[0]))
    if len(order) < 2:
        return order
    groups, *others = reversed(keys)
    if (groups[1:] < groups[:-1]).any():
        found: Ints = np.lexsort(keys)
        return found
    is_next = groups[1:] == groups[:-1]
    tied, falls = is_next.copy(), np.zeros(len(is_next), np.bool_)
    for key in others:
        falls |= tied & (key[1:] < key[:-1])
        tied &= key[1:] == key[:-1]
    number = np.concatenate([[0], np.cumsum(~is_next)])
    is_out = np.zeros(int(number[-1]) + 1, np.bool_)
    is_out[number[1:][falls]] = True
    moved = np.flatnonzero(is_out[number])
    order[moved] = moved[np.lexsort([key[moved] for key in keys])]
    return order


def _falls(groups: Ints, values: Floats) -> bool:
    same = groups[1:] == groups[:-1]
    return bool((same & (values[1:] < values[:-1])).any())


def _is_tied(groups: Ints, place: Floats) -> Flags:
    tied: Flags = (groups[1:] == groups[:-1]) & (place[1:] == place[:-1])
    return tied


def _is_lapping(start: Floats, length: Floats, groups: Ints) -> bool:
    same = groups[1:] == groups[:-1]
    return bool((same & (start[1:] < (start + length)[:-1])).any() or _is_tied(groups, start).any())


def _starts(groups: Ints) -> Flags:
    return np.concatenate([[True], groups[1:] != groups[:-1]]) if len(groups) else groups == 0


def _is_spaced(column: pa.ChunkedArray) -> bool:
    """Whether values are numbers or moments."""
    kind = column.type
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
        or pa.types.is_date(kind) or pa.types.is_timestamp(kind)
    )  # fmt: skip


def _unit(kind: pa.DataType, values: Floats) -> float:
    """The least distance between two values: a day, a minute, a second; 1 of numbers."""
    if pa.types.is_date(kind):
        return DAY
    if not pa.types.is_timestamp(kind):
        return 1.0
    there = values[~np.isnan(values)]
    return next((u for u in (DAY, 3600.0, 60.0) if len(there) and (there % u == 0).all()), 1.0)


def _floats_as(values: Floats, column: pa.ChunkedArray) -> pa.Array:
    kind = column.type
    return from_floats(values, kind, kind.scale if pa.types.is_decimal(kind) else 10)


def _commonest(groups: Ints, codes: Ints, count: int) -> Ints:
    """The code that most rows of each of `count` groups have."""
    pairs, counted = np.unique(np.stack([groups, codes]), axis=1, return_counts=True)
    found = np.zeros(count, np.int64)
    order = np.argsort(counted, kind="stable")  # the most frequent one is put last, and stays
    found[pairs[0, order]] = pairs[1, order]
    return found


def in_order(values: Floats) -> Ints:
    """
    The places of as many of (n,) values as can be that never fall; n > 0.

    Source: the longest such run by patience sorting (Fredman, Discrete Math. 11, 1975).
    """
    tops: list[float] = []
    ends: list[int] = []  # the place of the last value of the best run of each length
    before = np.full(len(values), -1)
    for place, value in enumerate(values.tolist()):
        length = bisect.bisect_right(tops, value)
        before[place] = ends[length - 1] if length else -1
        tops[length : length + 1] = [value]
        ends[length : length + 1] = [place]
    found = [ends[-1]]
    while before[found[-1]] >= 0:
        found.append(int(before[found[-1]]))
    return np.array(found[::-1], np.int64)


def _put(rows: pa.Table, found: _Found) -> tuple[pa.Table, set[str]]:
    """Put columns in the place of those of the same name; which of them are others."""
    changed = set()
    for name, values in found.items():
        place = rows.column_names.index(name)
        whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
        if not whole.equals(rows.column(name).combine_chunks()):
            changed.add(name)
            rows = rows.set_column(place, rows.schema.field(name), whole)
    return rows, changed
