"""Make drawn rows keep the rules about single rows: derive, order, empty what must be empty."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.adapters.scratch import Scratch
from dbsynth.arrow import put_column
from dbsynth.features import Floats, Ints
from dbsynth.keepers.followers import Followers, Pair
from dbsynth.keepers.shares import scaled
from dbsynth.rules.book import Rule
from dbsynth.rules.rowsteps import Step, steps
from dbsynth.schema import Table
from dbsynth.values import from_floats

_TIGHTER = 0.5  # distances are kept where they spread at most so much as moments do
_TAIL = r"(?P<tail>@.*|[/\\.>:|-][^/\\.>:|@-]*)$"  # what may stand behind a text's beginning


@dataclass(frozen=True)
class RowKeeper:
    """The rules of one table's rows; remembers what follows from what from chunk to chunk."""

    table: Table
    steps: tuple[Step, ...]
    loose: frozenset[str] = frozenset()  # see `steps`
    fixed: frozenset[str] = frozenset()  # see `steps`
    scratch: Scratch = field(default_factory=Scratch)
    followers: Followers = field(default_factory=Followers)

    @classmethod
    def of(
        cls,
        rules: Iterable[Rule],
        table: Table,
        fixed: frozenset[str],
        loose: frozenset[str] = frozenset(),
        known: Mapping[Pair, dict[Any, Any]] | None = None,
    ) -> RowKeeper | None:
        """
        Prepare a table's rules as `steps` does; None if there is nothing to do.

        `known` has what follows from which labels in the source, as far as that is released.
        """
        found = steps(rules, table, fixed, loose)
        followers = Followers({pair: dict(told) for pair, told in (known or {}).items()})
        return cls(table, found, loose, fixed, followers=followers) if found else None

    def keep(self, rows: pa.Table) -> tuple[pa.Table, frozenset[str]]:
        """
        Change rows until they keep the rules.

        Args:
            rows: (n,) of all written columns, in order.

        Returns:
            (n,) rows, and the columns in which some of them changed.
        """
        changed: set[str] = set()
        drawn = rows
        for step in self.steps:
            if step.act == "share":
                after = scaled(rows, drawn, step.column, step.of[0]).column(step.column)
                found = {step.column: after.combine_chunks()}
            elif step.act == "swap":
                low, high = (rows.column(c).combine_chunks() for c in (step.of[0], step.column))
                is_wrong = pc.fill_null(pc.greater(low, high), fill_value=False)
                found = {step.of[0]: pc.if_else(is_wrong, high, low)}
                found[step.column] = pc.if_else(is_wrong, low, high)
            else:
                before = rows.column(step.column).combine_chunks()
                after = getattr(self, f"_{step.act}")(step, rows, before)
                found = {} if after is None else {step.column: after}
                if step.act == "lead":
                    found = self._led_along(step, rows, found)
                if step.act == "follow" and step.is_mutual and after is not None:
                    now = rows.set_column(rows.column_names.index(step.column), step.column, after)
                    led = self._led(step, now)
                    found |= {} if led is None else {step.of[0]: led}
            for name, after in found.items():
                if not after.equals(rows.column(name).combine_chunks()):
                    changed.add(name)
                    rows = put_column(rows, name, after)
        return rows, frozenset(changed)

    def _set(self, step: Step, rows: pa.Table, before: pa.Array) -> pa.Array | None:
        """Calculate the values that are there and can be."""
        (found,) = self.scratch.compute(rows, [step.value])
        wanted = None if found is None else as_kind(found, before.type, self._decimals(step.column))
        if wanted is None:
            return None
        usable = pc.and_(pc.is_valid(before), pc.is_valid(wanted))
        length = self.table.column(step.column).type.length
        if length is not None and pa.types.is_string(before.type):
            short = pc.less_equal(pc.utf8_length(wanted), length)
            usable = pc.and_(usable, pc.fill_null(short, fill_value=False))
        return pc.if_else(usable, wanted, before)

    _fix = _set

    def _void(self, step: Step, rows: pa.Table, before: pa.Array) -> pa.Array | None:
        """Empty what must be empty; what must not be takes another row's value, or distance."""
        (found,) = self.scratch.compute(rows, [f"({step.value})::BOOLEAN"])
        if found is None:
            return None
        must, may = (pc.fill_null(found, fill_value=x) for x in (False, True))
        before = pc.if_else(may, before, pa.scalar(None, before.type))
        lacking = np.flatnonzero(np.asarray(pc.and_(must, pc.is_null(before))))
        given = np.flatnonzero(np.asarray(pc.is_valid(before)))
        if not step.is_mutual or not len(lacking) or not len(given):
            return before
        others = given[np.arange(len(lacking)) * 7 % len(given)]
        taken = self._moved(step.column, rows, before.take(pa.array(others)), others, lacking)
        places = np.full(len(before), -1, np.int64)
        places[lacking] = np.arange(len(lacking))
        filled = taken.take(pa.array(places, mask=places < 0))
        return pc.if_else(pa.array(places >= 0), filled, before)

    def _moved(
        self, column: str, rows: pa.Table, values: pa.Array, others: Ints, lacking: Ints
    ) -> pa.Array:
        """Give moments the distance from an earlier moment that they have in the other row."""
        lows = [s.of[0] for s in self.steps if s.act == "raise" and s.column == column]
        if not lows or not pa.types.is_timestamp(values.type):
            return values
        start = as_kind(rows.column(lows[0]).combine_chunks(), values.type, None)
        if start is None:
            return values
        here, there = (start.take(pa.array(x)) for x in (lacking, others))
        moved = pc.add(here, pc.subtract(values, there))
        return pc.coalesce(moved, values)

    def _raise(self, step: Step, rows: pa.Table, before: pa.Array) -> pa.Array | None:
        bound = rows.column(step.of[0]).combine_chunks()
        low = as_kind(_whole(bound, before.type, up=True), before.type, None)
        if low is None:
            return None
        is_below = pc.fill_null(pc.less(before, low), fill_value=False)
        is_below = pc.and_(is_below, self._where(step, rows))
        return pc.if_else(is_below, _spaced(before, low, is_below), before)

    def _lower(self, step: Step, rows: pa.Table, before: pa.Array) -> pa.Array | None:
        bound = rows.column(step.of[0]).combine_chunks()
        high = as_kind(_whole(bound, before.type, up=False), before.type, None)
        if high is None:
            return None
        is_above = pc.fill_null(pc.greater(before, high), fill_value=False)
        return pc.if_else(pc.and_(is_above, self._where(step, rows)), high, before)

    def _where(self, step: Step, rows: pa.Table) -> pa.Array | pa.Scalar:
        """The rows that a step is about: those where its condition is true, if it has one."""
        found = self.scratch.compute(rows, [f"({step.value})::BOOLEAN"])[0] if step.value else None
        return pa.scalar(True) if found is None else pc.fill_null(found, fill_value=False)

    def _fill(self, step: Step, rows: pa.Table, before: pa.Array) -> pa.Array | None:
        """Give rows that must have a value that of another such row, else of any."""
        (found,) = self.scratch.compute(rows, [f"({step.value})::BOOLEAN"])
        if found is None:
            return None
        must, there = np.asarray(pc.fill_null(found, False)), np.asarray(before.is_valid())
        lacking, alike = np.flatnonzero(must & ~there), np.flatnonzero(must & there)
        given = alike if len(alike) else np.flatnonzero(there)
        if not len(lacking) or not len(given):
            return None
        places = np.arange(len(before))
        places[lacking] = given[np.arange(len(lacking)) * 7 % len(given)]
        return before.take(pa.array(places))

    def _begin(self, step: Step, rows: pa.Table, before: pa.Array) -> pa.Array | None:
        """Put the beginning before what follows it in the text: a domain, a last part, the rest."""
        here = f"c{rows.column_names.index(step.column)}"
        asked = [step.value, f"starts_with({here}, {step.value})"]
        start, is_right = self.scratch.compute(rows, asked)
        if start is None or is_right is None or not pa.types.is_string(before.type):
            return None
        tail = pc.fill_null(pc.struct_field(pc.extract_regex(before, _TAIL), [0]), "")
        start = start.cast(pa.string())
        made = pc.binary_join_element_wise(start, tail, "")
        length = self.table.column(step.column).type.length
        made = made if length is None else pc.utf8_slice_codeunits(made, 0, length)
        is_wrong = pc.and_(pc.invert(pc.fill_null(is_right, True)), pc.is_valid(made))
        return pc.if_else(is_wrong, made, before)

    def _follow(self, step: Step, rows: pa.Table, before: pa.Array) -> pa.Array | None:
        """
        Give each label, or combination of labels, one follower, and remember it.

        The one that it has most often, for networks know what goes together; the first one of a
        single parent, of which they know nothing, so that each value stays as frequent as it is.
        """
        wanted = self._followers(step, rows)
        if wanted is None:
            return None
        return pc.if_else(pc.and_(pc.is_valid(before), pc.is_valid(wanted)), wanted, before)

    def _followers(self, step: Step, rows: pa.Table) -> pa.Array | None:
        """(n,) what follows from each row's labels; learns from rows that show new ones."""
        pair = step.of, step.column
        self.followers.learn(
            rows, pair,
            by_size=self.loose.isdisjoint(step.of), is_mutual=step.is_mutual,
            is_shared=step.is_shared,
        )  # fmt: skip
        return self.followers.wanted(rows, pair)

    def _lead(self, step: Step, rows: pa.Table, before: pa.Array) -> pa.Array | None:
        """Take the label of a row that has the same, where another follows from its own."""
        right = rows.column(step.of[0]).combine_chunks()
        follow = Step("follow", step.of[0], (step.column,), is_shared=True)
        wanted = self._followers(follow, rows)
        if wanted is None:
            return None
        codes = np.asarray(pc.fill_null(right.dictionary_encode().indices, -1), np.int64)
        is_right = np.asarray(pc.fill_null(pc.equal(right, wanted), False))
        wrong = np.flatnonzero(~is_right & (codes >= 0) & np.asarray(before.is_valid()))
        good = np.flatnonzero(is_right)
        good = good[np.argsort(codes[good], kind="stable")]
        first = np.searchsorted(codes[good], codes[wrong], side="left")
        count = np.searchsorted(codes[good], codes[wrong], side="right") - first
        helped = count > 0
        places = np.arange(len(before))
        wrong, first, count = wrong[helped], first[helped], count[helped]
        places[wrong] = good[first + np.arange(len(wrong)) * 7919 % count]
        return before.take(pa.array(places))

    def _led_along(
        self, step: Step, rows: pa.Table, found: dict[str, pa.Array]
    ) -> dict[str, pa.Array]:
        """Take all that goes with what a row has from others, where no label leads there."""
        may_lack = self.table.column(step.column).is_nullable
        if not found or not (step.along or may_lack):
            return found
        right = rows.column(step.of[0]).combine_chunks()
        now = rows.set_column(rows.column_names.index(step.column), step.column, found[step.column])
        wanted = self._followers(Step("follow", step.of[0], (step.column,)), now)
        if wanted is None:
            return found
        answer = pc.equal(right, wanted)
        wrong = np.flatnonzero(np.asarray(pc.fill_null(pc.invert(answer), False)))
        good = np.flatnonzero(np.asarray(pc.fill_null(answer, False)))
        if not len(wrong):
            return found
        if not step.along or not len(good):
            nothing = pa.scalar(None, found[step.column].type)
            lost = pc.fill_null(pc.invert(answer), False) if may_lack else pa.scalar(False)
            return {step.column: pc.if_else(lost, nothing, found[step.column])}
        places = np.arange(len(rows))
        places[wrong] = good[np.arange(len(wrong)) * 7919 % len(good)]
        return {c: now.column(c).take(pa.array(places)).combine_chunks() for c in step.along}

    def _led(self, step: Step, rows: pa.Table) -> pa.Array | None:
        """Where a label is left without a follower of its own, give it up for the one that has."""
        known = self.followers.known.get((step.of, step.column), {})
        before = rows.column(step.of[0]).combine_chunks()
        if not known or step.of[0] in self.fixed:
            return None
        leaders = {b: a for (a,), b in known.items()}
        values = rows.column(step.column).combine_chunks()
        place = pc.index_in(values, value_set=pa.array(list(leaders), values.type))
        wanted = pa.array(list(leaders.values()), before.type).take(place)
        return pc.if_else(pc.and_(pc.is_valid(before), pc.is_valid(wanted)), wanted, before)

    def _decimals(self, column: str) -> int:
        kind = self.table.column(column).type
        return kind.scale if kind.scale is not None else 10


def _spaced(values: pa.Array, low: pa.Array, is_below: pa.Array) -> pa.Array:
    """
    Moments as far behind their bounds as those of other rows; bounds themselves for others.

    Where distances say less than moments do (from birth to a visit), other rows' moments.
    """
    wrong = np.flatnonzero(np.asarray(is_below))
    if not len(wrong) or not (pa.types.is_date(low.type) or pa.types.is_timestamp(low.type)):
        return low
    known = np.asarray(pc.and_(pc.is_valid(values), pc.is_valid(low)))
    good = np.flatnonzero(known & ~np.asarray(is_below))
    if not len(good):
        return low
    width = pa.int32() if pa.types.is_date32(low.type) else pa.int64()
    ends, starts = (np.asarray(pc.fill_null(x.cast(width), 0), np.int64) for x in (values, low))
    moved = starts.copy()
    apart = ends[good] - starts[good]
    if _spread(apart) <= _TIGHTER * _spread(ends[good]) or len(good) < 2:
        moved[wrong] += apart[np.arange(len(wrong)) * 7 % len(good)]
    else:
        moved[wrong] = _from_on(np.sort(ends[good]), starts[wrong])
    return pc.if_else(is_below, pa.array(moved).cast(width).cast(low.type), low)


def _from_on(known: Ints, starts: Ints) -> Ints:
    """For each of (n,) moments one of those that are known and come no sooner, else itself."""
    first = np.searchsorted(known, starts)
    left = len(known) - first
    place = first + np.arange(len(starts)) * 7919 % np.maximum(left, 1)
    return np.where(left > 0, known[np.minimum(place, len(known) - 1)], starts)


def _spread(values: Ints) -> float:
    low, high = np.quantile(values, [0.1, 0.9])
    return float(high - low)


def _whole(bound: pa.Array, kind: pa.DataType, *, up: bool) -> pa.Array:
    """Round a bound to what a date, or a whole number, can be: up for lower ones."""
    if pa.types.is_date(kind) and pa.types.is_timestamp(bound.type):
        days = bound.cast(pa.timestamp("us")).cast(pa.date32(), safe=False)
        is_later = pc.greater(bound.cast(pa.timestamp("us")), days.cast(pa.timestamp("us")))
        next_day = pc.add(days.cast(pa.int32()), pa.scalar(1, pa.int32())).cast(pa.date32())
        next_day = next_day.cast(kind)
        return pc.if_else(is_later, next_day, days) if up else days
    if pa.types.is_integer(kind) and not pa.types.is_integer(bound.type):
        return (pc.ceil if up else pc.floor)(bound.cast(pa.float64(), safe=False))
    return bound


def as_kind(values: pa.Array, kind: pa.DataType, decimals: int | None) -> pa.Array | None:
    """Turn values into a column's type; None where that is not certain."""
    if values.type.equals(kind):
        return values
    is_number = any(
        f(kind) for f in (pa.types.is_integer, pa.types.is_decimal, pa.types.is_floating)
    )
    try:
        if is_number:
            numbers = values.cast(pa.float64(), safe=False)
            floats: Floats = np.asarray(numbers.to_numpy(zero_copy_only=False), np.float64)
            return from_floats(floats, kind, 10 if decimals is None else decimals)
        return values.cast(kind, safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
