"""What a row hangs on, as networks see it: ancestors, chosen parents, the siblings before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dbsynth.cousins import cousins
from dbsynth.encode import LAST, LATEST, ModelledColumn, start_of
from dbsynth.features import Features, Floats, Ints, climb
from dbsynth.plan import CHOSEN, Plan, TablePlan
from dbsynth.rows import PACE_CODES, Layout, Values, position
from dbsynth.running import Summary
from dbsynth.sample import owner_key
from dbsynth.schema import TableName
from dbsynth.tablemodel import edge_name, last_name, sketch_name


@dataclass
class Known:
    """Rows that exist already, real ones in fit and synthetic ones in generate."""

    features: dict[TableName, Features] = field(default_factory=dict)
    dates: dict[TableName, dict[str, Floats]] = field(default_factory=dict)  # seconds
    years: dict[TableName, dict[str, Floats]] = field(default_factory=dict)  # told by numbers
    ends: dict[TableName, dict[str, Floats]] = field(default_factory=dict)  # last children's days
    sketches: dict[TableName, dict[str, Floats]] = field(default_factory=dict)  # of children
    told: dict[TableName, frozenset[str]] = field(default_factory=dict)  # names of sketches
    pointers: dict[TableName, dict[str, Ints]] = field(default_factory=dict)  # key -> parent row
    codes: dict[TableName, Ints] = field(default_factory=dict)  # cluster of each row
    gathered: dict[TableName, NDArray[np.float32]] = field(default_factory=dict)  # by owner

    def moments(self, name: TableName) -> dict[str, Floats]:
        """The dates of a table's rows, and the beginnings of years that they tell."""
        return {**self.years.get(name, {}), **self.dates.get(name, {})}

    def forget(self, plan: Plan, left: Sequence[TableName]) -> None:
        """Let go of the features that no table hangs on that is left: they take most memory."""
        needed, ways = set(left), list(left)
        while ways:
            parents = {k.parent for k in plan.tables[ways.pop()].keys} - needed
            needed |= parents
            ways += parents
        for name in [n for n in self.features if n not in needed]:
            del self.features[name]


@dataclass(frozen=True, slots=True)
class Siblings:
    """Where (n,) rows stand among the rows of the same owner; siblings lie together."""

    index: Ints  # how many came before
    count: Ints  # how many there are

    @property
    def previous(self) -> Ints:
        """Row number of the sibling before, -1 for the first."""
        rows = np.arange(len(self.index))
        return np.where(self.index > 0, rows - 1, -1)

    @property
    def first(self) -> Ints:
        """Row number of the first sibling."""
        return np.arange(len(self.index)) - self.index

    def part(self, start: int, stop: int) -> Siblings:
        """The siblings among rows start..stop, which must not tear a group apart."""
        return Siblings(self.index[start:stop], self.count[start:stop])


def siblings_of(owners: Ints | None, rows: int) -> Siblings:
    """
    Find where rows stand among their siblings.

    Args:
        owners: (n,) owner row of each row, ascending, -1 for none; None if the table has no owner.
        rows: n.
    """
    if owners is None:
        return Siblings(np.zeros(rows, np.int64), np.ones(rows, np.int64))
    alone = owners < 0
    starts = np.ones(rows, bool)
    starts[1:] = (owners[1:] != owners[:-1]) | alone[1:]
    first = np.maximum.accumulate(np.where(starts, np.arange(rows), 0))
    index = np.arange(rows) - first
    group = np.cumsum(starts) - 1
    count = np.bincount(group)[group] if rows else np.zeros(0, np.int64)
    return Siblings(index.astype(np.int64), count.astype(np.int64))


def ancestors(plan: Plan, planned: TablePlan, owners: Ints | None, known: Known) -> Features:
    """
    What rows inherit: the features of owner, owner's owner, … up to the root.

    And what the owner has of the tables that are done already.

    Args:
        plan: for the owners of the owners.
        planned: the table whose rows these are.
        owners: (n,) owner rows, -1 for none; None if the table has no owner.
        known: the tables above.
    """
    owner = owner_key(planned)
    if owner is None or owners is None:
        return Features.empty(0 if owners is None else len(owners))
    others = [plain(known.gathered[other]).take(owners) for other in cousins(plan, planned)]
    parts = [_flag(owners), *others]
    pointers, name = owners, owner.parent
    while True:
        parts.append(known.features[name].take(pointers))
        above = owner_key(plan.tables[name])
        if above is None:
            return Features.join(parts, len(owners))
        pointers = climb(pointers, known.pointers[name][above.name])
        name = above.parent


def chosen_parents(planned: TablePlan, pointers: Mapping[str, Ints], known: Known) -> Features:
    """The features of all other parents that were chosen before the attributes."""
    keys = [k for k in planned.keys if k.role in CHOSEN]
    parts = [known.features[k.parent].take(pointers[k.name]) for k in keys]
    rows = len(pointers[keys[0].name]) if keys else 0
    return Features.join(parts, rows)


def families_of(plan: Plan, planned: TablePlan, owners: Ints | None, known: Known) -> list[Ints]:
    """Whose row the owner of each of (n,) rows is, and whose that is, … up to the root."""
    owner, found = owner_key(planned), []
    while owner is not None and owners is not None:
        name = owner.parent
        owner = owner_key(plan.tables[name])
        if owner is not None:
            owners = climb(owners, known.pointers[name][owner.name])
            found.append(owners)
    return found


def ancestor_dates(
    plan: Plan, planned: TablePlan, owners: Ints | None, known: Known
) -> dict[str, Floats]:
    """The dates of owner, owner's owner, … of (n,) rows; named "key/key/column"."""
    owner, path, found = owner_key(planned), "", {}
    pointers, name = owners, planned.name
    while owner is not None and pointers is not None:
        path += f"{owner.name}/"
        name = owner.parent
        for column, seconds in known.dates.get(name, {}).items():
            here = seconds[np.maximum(pointers, 0)] if len(seconds) else np.zeros(len(pointers))
            found[path + column] = np.where(pointers >= 0, here, np.nan)
        owner = owner_key(plan.tables[name])
        if owner is not None:
            pointers = climb(pointers, known.pointers[name][owner.name])
    return found


def dates_above(
    plan: Plan,
    planned: TablePlan,
    owners: Ints | None,
    pointers: Mapping[str, Ints],
    known: Known,
) -> dict[str, Floats]:
    """The dates of ancestors, and of all other parents of (n,) rows; these named "key/column"."""
    found = ancestor_dates(plan, planned, owners, known)
    for key in planned.keys:
        if key.role not in CHOSEN or key.name not in pointers:
            continue
        rows = pointers[key.name]
        for column, seconds in known.dates.get(key.parent, {}).items():
            here = seconds[np.maximum(rows, 0)] if len(seconds) else np.zeros(len(rows))
            found[f"{key.name}/{column}"] = np.where(rows >= 0, here, np.nan)
    return found


def with_latest(
    dates: Mapping[str, Floats], columns: Iterable[ModelledColumn], last: Floats | None = None
) -> dict[str, Floats]:
    """
    Add to (n,) dates the latest of those from which columns are measured together.

    And the day of each row's `last` sibling, if it is known.
    """
    found = dict(dates) if last is None else {**dates, LAST: last}
    for column in columns:
        anchor = getattr(column, "anchor", "")
        if LATEST in anchor:
            found[anchor] = start_of(anchor, dates)
    return found


def ends_of(planned: TablePlan, owners: Ints | None, known: Known) -> Floats | None:
    """The day on which the last sibling of each of (n,) rows comes, if owners tell."""
    owner = owner_key(planned)
    if owner is None or owners is None:
        return None
    ends = known.ends.get(owner.parent, {}).get(last_name(edge_name(planned.name, owner.name)))
    if ends is None or len(ends) == 0:
        return None
    return np.where(owners >= 0, ends[np.maximum(owners, 0)], np.nan)


KNOTS = ("quarter", "half", "rest")
LONG = 8  # siblings from which on there are knots


def knot(count: Ints, number: int) -> Ints:
    """Which sibling stands at a quarter, at half, … of so many."""
    return np.round(number * (count - 1) / (len(KNOTS) + 1)).astype(np.int64)


def knots_of(planned: TablePlan, owners: Ints | None, known: Known) -> Floats | None:
    """The share of the time that is over at each knot of the siblings of (n,) rows: (n, knots)."""
    owner = owner_key(planned)
    if owner is None or owners is None:
        return None
    told, edge = known.sketches.get(owner.parent, {}), edge_name(planned.name, owner.name)
    names = [sketch_name(edge, planned.order_by or "", k) for k in KNOTS]
    if any(n not in told for n in names):
        return None
    shares = np.stack([told[n] for n in names], axis=1)
    shares = np.maximum.accumulate(np.clip(shares, 0.0, 1.0), axis=1)
    return np.where((owners >= 0)[:, None], shares[np.maximum(owners, 0)], np.nan)


def sibling_state(layout: Layout, values: Values, siblings: Siblings) -> Features:
    """What whole rows know of the siblings before them: the last one, and all in sum."""
    return Features.join(sibling_states(layout, values, siblings), len(siblings.index))


def sibling_states(
    layout: Layout, values: Values, siblings: Siblings, *, rest: bool = False
) -> list[Features]:
    """The same, to be put side by side; what is large rests in a file, if it is to."""
    rows = layout.features(values, len(siblings.index))
    state = Summary.of(layout).state(rows, siblings.first, rests=rest)
    before = rows.take(siblings.previous)
    return [before, plain(state), position(siblings.index, siblings.count)]


def alone(layout: Layout, condition: Features) -> tuple[int, int]:
    """How many codes and floats of a condition come before those about siblings."""
    own, state = layout.shape, Summary.of(layout).width
    has_pace = condition.cards[-1] == PACE_CODES
    codes = len(own.cards) + 2 + 2 * has_pace
    floats = own.floats.shape[1] + state + 3 + 3 * has_pace
    return len(condition.cards) - codes, condition.floats.shape[1] - floats


def plain(floats: NDArray[np.float32]) -> Features:
    """Features that are (n, k) floats only."""
    return Features(np.zeros((len(floats), 0), np.int32), floats, ())


def _flag(pointers: Ints) -> Features:
    """Whether there is a parent at all."""
    codes = (pointers >= 0).astype(np.int32)[:, None]
    return Features(codes, np.zeros((len(pointers), 0), np.float32), (2,))
