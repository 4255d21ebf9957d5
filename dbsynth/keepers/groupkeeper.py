"""Make siblings keep the rules about them together: orders, balances, states, spans, marks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import permutations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.arrow import put_column
from dbsynth.copying import Flags
from dbsynth.features import Floats, Ints
from dbsynth.keepers.siblings import (
    begins,
    commonest,
    disorder,
    floats_as,
    group_codes,
    in_line,
    in_order,
    is_falling,
    is_lapping,
    is_spaced,
    is_tied,
    is_whole,
    least_unit,
    ranks,
)
from dbsynth.keepers.spacing import at_least_after, closed, farthest, never_below, packed, until
from dbsynth.keepers.walks import walked
from dbsynth.rules.groupsteps import GroupStep
from dbsynth.values import to_floats

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
            here = is_whole(rows, step.partition)
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
        order = here[in_line(step.sign * values[here], place[here], groups[here])]
        tied = is_tied(groups[order], place[order])
        is_free = step.by not in self.fixed | self.derived
        if tied.any() and is_free and is_spaced(rows.column(step.by)):
            found[step.by] = self._untied(rows.column(step.by), groups, place)
        if step.column in self.fixed or not is_falling(groups[order], step.sign * values[order]):
            return found
        if leader := self._leader(step):
            return found | {step.column: self._chosen_again(step, leader, rows)}
        source = here[in_line(step.sign * values[here], groups[here])]
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
        alike = commonest(place.reshape(-1), own, len(heads))
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
        unit = least_unit(column.type, values)
        moved = values.copy()
        moved[order] = at_least_after(values[order], np.full(len(order), unit), groups[order])
        return floats_as(moved, column)

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
            return {step.other: floats_as(end, last)}
        is_far = end[order] >= far
        unit = least_unit(first.type, start[order])
        length = np.nan_to_num(np.where(is_far, unit, end[order] - start[order])).clip(0)
        if is_lapping(start[order], length, groups[order]):
            whole = np.ceil(length / unit) * unit
            begun, ended = packed(start[order], whole, groups[order], unit)
            ended = np.where(length < whole, begun + np.minimum(length, ended - begun), ended)
            start[order] = begun
            end[order] = np.where(np.isnan(end[order]) | is_far, end[order], ended)
        return {step.column: floats_as(start, first), step.other: floats_as(end, last)}

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
        return {step.other: floats_as(end, last)}

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
        starts = begins(groups[order])
        if step.is_lagged:
            added = np.where(starts, np.nan_to_num(total[order]), added)
        summed = np.cumsum(added)
        base = (summed - added)[np.maximum.accumulate(np.where(starts, np.arange(len(order)), 0))]
        made = np.full(len(rows), np.nan)
        made[order] = summed - base
        made = np.where(np.isnan(total), np.nan, made)
        return {step.column: floats_as(made, column)}

    def _floor(self, step: GroupStep, rows: pa.Table, rng: np.random.Generator) -> _Found:
        """Let no more go than has come: what would is a part of it, or comes instead."""
        del rng
        if step.column in self.fixed:
            return {}
        groups, place = group_codes(rows, step.partition), ranks(rows.column(step.by))
        column = rows.column(step.column)
        order = np.lexsort((place, groups))
        values = to_floats(column.combine_chunks())
        made = values.copy()
        made[order] = never_below(np.nan_to_num(values[order]), begins(groups[order]))
        return {step.column: floats_as(np.where(np.isnan(values), np.nan, made), column)}

    def _number(self, step: GroupStep, rows: pa.Table, rng: np.random.Generator) -> _Found:
        """Count siblings."""
        del rng
        if step.column in self.fixed:
            return {}
        groups, place = group_codes(rows, step.partition), ranks(rows.column(step.by))
        order = np.lexsort((place, groups))
        starts = begins(groups[order])
        first = np.maximum.accumulate(np.where(starts, np.arange(len(order)), 0))
        made = np.full(len(rows), np.nan)
        made[order] = np.arange(len(order)) - first + step.start
        return {step.column: floats_as(made, rows.column(step.column))}

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

    def _end(self, step: GroupStep, rows: pa.Table, rng: np.random.Generator) -> _Found:
        """Let the last or first of siblings have a label, or nothing, and no other."""
        if step.column in self.fixed:
            return {}
        column = rows.column(step.column).combine_chunks()
        groups, place = group_codes(rows, step.partition), ranks(rows.column(step.by))
        order = np.lexsort((step.sign * -place, groups))
        wanted = np.zeros(len(rows), bool)
        wanted[order[begins(groups[order])]] = True
        if step.label is None:
            is_marked, other = np.asarray(column.is_null()), _some(column, rng)
            label = pa.scalar(None, column.type)
        else:
            label = pa.scalar(step.label).cast(column.type)
            is_marked = np.asarray(pc.fill_null(pc.equal(column, label), False))
            other = _other(column, is_marked, step.label)
        if other is None:
            return {}
        after = pc.if_else(pa.array(is_marked & ~wanted), other, column)
        return {step.column: pc.if_else(pa.array(wanted), label, after)}

    def _mark(self, step: GroupStep, rows: pa.Table, rng: np.random.Generator) -> _Found:
        """Leave one mark a parent, and give those their one who have none, where they must."""
        if step.column in self.fixed:
            return {}
        column = rows.column(step.column).combine_chunks()
        label = pa.scalar(step.label).cast(column.type)
        is_marked = np.asarray(pc.fill_null(pc.equal(column, label), False))
        other = _other(column, is_marked, step.label)
        if other is None:
            return {}
        groups, has_parent = group_codes(rows, step.partition), is_whole(rows, step.partition)
        chance = rng.random(len(rows)) + (~is_marked)  # those with a mark come first
        here = np.flatnonzero(has_parent)
        order = here[np.lexsort((chance[here], groups[here]))]
        first = np.zeros(len(rows), bool)
        first[order[begins(groups[order])]] = True
        wanted = first & has_parent & (is_marked | step.is_exact)
        after = pc.if_else(pa.array(is_marked & has_parent & ~wanted), other, column)
        return {step.column: pc.if_else(pa.array(wanted), label, after)}


_Found = dict[str, pa.Array | pa.ChunkedArray]


def _other(column: pa.Array, is_marked: Flags, label: object) -> pa.Scalar | None:
    """The most frequent value that is no mark; None where there is none."""
    if pa.types.is_boolean(column.type):
        return pa.scalar(not label)
    others = pc.drop_null(column.filter(pa.array(~is_marked)))
    if not len(others):
        return None
    counts = pc.value_counts(others)
    return counts.field(0)[int(np.argmax(np.asarray(counts.field(1))))]


def _some(column: pa.Array, rng: np.random.Generator) -> pa.Array | None:
    """(n,) values that a column has, at random; None where it has none."""
    known = pc.drop_null(column)
    return known.take(pa.array(rng.integers(0, len(known), len(column)))) if len(known) else None


def _renumbered(rows: pa.Table, by: str, steps: list[GroupStep]) -> pa.Array | pa.ChunkedArray:
    """Exchange a key's values among rows, so that what is ordered by it is in order."""
    column, place = rows.column(by), ranks(rows.column(by))
    values = [s.sign * np.nan_to_num(ranks(rows.column(s.column)), nan=np.inf) for s in steps]
    groups = [group_codes(rows, s.partition) for s in steps]
    if sum(disorder(g, place, v) for g, v in zip(groups, values, strict=True)) == 0:
        return column
    is_one = len({s.partition for s in steps}) == 1
    orders = list(permutations(range(len(steps)))) if len(steps) <= _MOST_ORDERS else []
    best = column, np.inf
    for ranking in orders or [tuple(range(len(steps)))]:
        keys = [place, *(values[i] for i in reversed(ranking))]
        lines = [place] if not is_one else [place, groups[0]]
        order = in_line(*keys, groups[0]) if is_one else in_line(*keys)
        taken = np.empty(len(rows), np.int64)
        taken[order] = in_line(*lines)
        broken = sum(disorder(g, place[taken], v) for g, v in zip(groups, values, strict=True))
        if broken < best[1]:
            best = column.take(pa.array(taken)), broken
    return best[0]


def _put(rows: pa.Table, found: _Found) -> tuple[pa.Table, set[str]]:
    """Put columns in the place of those of the same name; which of them are others."""
    changed = set()
    for name, values in found.items():
        whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
        if not whole.equals(rows.column(name).combine_chunks()):
            changed.add(name)
            rows = put_column(rows, name, whole)
    return rows, changed
