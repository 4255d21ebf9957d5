"""What follows from which labels: learned from rows, remembered from chunk to chunk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.features import Ints

Pair = tuple[tuple[str, ...], str]  # of a dependency: the columns on its left, the one on its right

_MOST_SHARE = 1.2  # times the rows that have a value may those be that are led to it
_MOST = 100_000  # labels whose follower is remembered; beyond, rows stay as drawn


@dataclass(frozen=True)
class Followers:
    """The followers of labels, or combinations of labels, by dependency."""

    known: dict[Pair, dict[Any, Any]] = field(default_factory=dict)
    used: dict[Pair, set[Any]] = field(default_factory=dict)  # labels that rows have had so far

    def wanted(self, rows: pa.Table, pair: Pair) -> pa.Array | None:
        """(n,) what is to follow from each row's labels; NULL, or None, where nothing is known."""
        left, right = pair
        known = self.known.get(pair)
        if not known:
            return None
        given = pa.table({f"a{i}": rows.column(c) for i, c in enumerate(left)})
        values = pa.array(list(known.values()), rows.schema.field(right).type)
        return values.take(_places(given, list(known)))

    def learn(
        self,
        rows: pa.Table,
        pair: Pair,
        *,
        by_size: bool = True,
        is_mutual: bool = False,
        is_shared: bool = False,
    ) -> None:
        """
        Learn from rows that show new labels.

        Args:
            rows: (n,) of all columns.
            pair: of the dependency.
            by_size: a label's most frequent follower counts, else its first.
            is_mutual: no two labels have the same.
            is_shared: something leads to each follower, however rare.
        """
        left, right = pair
        known = self.known.setdefault(pair, {})
        names = [f"a{i}" for i in range(len(left))]
        given = pa.table({n: rows.column(c) for n, c in zip(names, left, strict=True)})
        counted = given.append_column("b", rows.column(right)).drop_null()
        if is_shared or by_size:
            counted = counted.group_by(counted.column_names, use_threads=False)
            counted = counted.aggregate([([], "count_all")])
            order = np.argsort(-np.asarray(counted["count_all"]), kind="stable")
            counted = counted.take(pa.array(order))
        taken, new = set(known.values()) if is_mutual else set(), set()
        heads = list(zip(*(counted[n].to_pylist() for n in names), strict=True))
        used = self.used.setdefault(pair, set())
        fresh = set(heads) - used
        used |= fresh
        for a, b in zip(heads, counted["b"].to_pylist(), strict=True):
            if a not in known and b not in taken and len(known) < _MOST:
                known[a] = b
                new.add(a)
                taken |= {b} if is_mutual else set()
        if known and is_shared:
            _share(known, new, fresh, counted)


def _share(known: dict[Any, Any], new: set[Any], fresh: set[Any], counted: pa.Table) -> None:
    """
    See to it that something leads to every value, and as many rows as have it, as far as may be.

    Labels are led elsewhere, those first that have the other value in most of their own rows: new
    ones, and, where nothing leads to a value, those that no row has had before, whatever the source
    shows of them.
    """
    heads = list(zip(*(counted[n].to_pylist() for n in counted.column_names[:-2]), strict=True))
    values, sizes = counted["b"].to_pylist(), counted["count_all"].to_pylist()
    whole, wanted = Counter[Any](), Counter[Any]()
    for a, b, size in zip(heads, values, sizes, strict=True):
        whole[a] += size
        wanted[b] += size
    leaders, rows = Counter(known.values()), Counter[Any]()
    for a, size in whole.items():
        if a in known:
            rows[known[a]] += size
    pairs = sorted(range(len(heads)), key=lambda i: (-sizes[i] / whole[heads[i]], whole[heads[i]]))
    for i in pairs:
        a, b, own = heads[i], values[i], whole[heads[i]]
        now = known.get(a)
        if now is None or now == b or leaders[now] == 1:
            continue
        fits = rows[b] + own <= _MOST_SHARE * wanted[b] and rows[now] > wanted[now]
        if (b not in leaders and a in fresh) or (fits and a in new):
            known[a] = b
            leaders += Counter({b: 1})
            leaders[now] -= 1
            rows[b] += own
            rows[now] -= own


def _places(left: pa.Table, known: Sequence[tuple[Any, ...]]) -> pa.Array:
    """The number of each row's combination among those that are known; NULL for none."""
    kinds = [c.type for c in left.columns]
    sets = [pa.array(list(dict.fromkeys(k[i] for k in known)), t) for i, t in enumerate(kinds)]
    if len(sets) == 1:
        return pc.index_in(left.column(0), value_set=sets[0]).combine_chunks()
    columns = [pa.array([k[i] for k in known], c.type) for i, c in enumerate(left.columns)]
    mine: Ints = np.zeros(len(left), np.int64)
    theirs: Ints = np.zeros(len(known), np.int64)
    for values, own, column in zip(sets, left.columns, columns, strict=True):
        here, there = (pc.fill_null(pc.index_in(x, value_set=values), -1) for x in (own, column))
        size = len(values)
        here = np.asarray(here.combine_chunks(), np.int64)
        mine = np.where((here < 0) | (mine < 0), -1, mine * size + here)
        theirs = theirs * size + np.asarray(there, np.int64)
    return pc.index_in(pa.array(mine), value_set=pa.array(theirs))
