"""
A table's key columns as codes: what its parents offer, and what its rows take from them.

Columns may belong to several keys (a tenant's number, say).  A code stands for one value of a
column whichever parent it comes from, so that keys agree where their codes do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dbsynth.features import Ints
from dbsynth.keys import ANYWHERE, NOWHERE, numbered
from dbsynth.mapped import pieces
from dbsynth.resting import numbers
from dbsynth.schema import ForeignKey, Table

NONE = -1  # the code of NULL, and the pointer to no parent

Pointers = Mapping[str, Ints]  # key -> (n,) parent rows, NONE for none


@dataclass(frozen=True)
class Offer:
    """The parents of one foreign key: (m, k) codes of the key's columns, NONE for NULL."""

    key: ForeignKey
    places: tuple[int, ...]  # of the key's columns in the grid, (k,)
    codes: Ints
    is_viable: NDArray[np.bool_]  # (m,) whether a row may have this parent at all
    may_lack: NDArray[np.bool_]  # (k,) whether the column may be NULL

    @property
    def is_optional(self) -> bool:
        """Whether rows may have no parent."""
        return bool(self.may_lack.any())

    @cached_property
    def viable(self) -> Ints:
        """The parents that rows may have."""
        return np.flatnonzero(self.is_viable)

    @cached_property
    def by_codes(self) -> dict[tuple[int, ...], int]:
        """The parent row of each complete key."""
        rows = np.flatnonzero((self.codes >= 0).all(axis=1))
        return dict(zip(map(tuple, self.codes[rows].tolist()), rows.tolist(), strict=True))

    def find(self, wanted: Ints) -> Ints:
        """Look up (n, k) codes; (n,) parent rows, NONE where a code is missing or none fits."""
        left, right = numbered(wanted, self.codes)
        whole = np.flatnonzero((self.codes >= 0).all(axis=1))
        row_of = np.full(int(max(left.max(initial=-1), right.max(initial=-1))) + 1, NONE)
        row_of[right[whole]] = whole
        return np.where((wanted >= 0).all(axis=1), row_of[left], NONE)


@dataclass(frozen=True)
class Grid:
    """The columns of some of a table's foreign keys, and what each key's parents offer."""

    columns: tuple[str, ...]
    domains: tuple[pa.ChunkedArray, ...]  # per column: code -> value
    may_lack: NDArray[np.bool_]  # per column
    offers: Mapping[str, Offer]  # by key, in the order in which keys have their say
    uniques: tuple[tuple[int, ...], ...]  # the unique sets of which all columns are here
    given: Mapping[int, Ints]  # columns that rows have already: (n,) codes

    @classmethod
    def of(
        cls,
        table: Table,
        keys: Sequence[ForeignKey],
        parents: Mapping[str, Sequence[pa.ChunkedArray]],
        given: Mapping[str, pa.ChunkedArray] | None = None,
    ) -> Grid:
        """
        Number the values of all parents.

        Args:
            table: the child.
            keys: in the order in which they have their say.
            parents: per key, (m,) values of each of its parent columns.
            given: (n,) values of columns that rows have already, whether or not they are keys'.
        """
        given = given or {}
        columns = tuple(dict.fromkeys([c for k in keys for c in k.columns] + list(given)))
        domains: list[pa.ChunkedArray] = []
        codes: dict[tuple[str, str], Ints] = {}
        known: dict[int, Ints] = {}
        for place, column in enumerate(columns):
            users = [k for k in keys if column in k.columns]
            values = [parents[k.name][k.columns.index(column)] for k in users]
            alone = len(users) == 1 and len(users[0].columns) == 1 and column not in given
            values += [given[column]] if column in given else []
            domain, coded = _plain(values[0]) if alone else _coded(values)
            domains.append(domain)
            codes |= {(k.name, column): c for k, c in zip(users, coded, strict=False)}
            known |= {place: coded[-1]} if column in given else {}
        may_lack = np.array([table.column(c).is_nullable for c in columns], bool)
        offers = {}
        for key in keys:
            places = tuple(columns.index(c) for c in key.columns)
            parts = [codes[key.name, c] for c in key.columns]
            offered = parts[0][:, None] if len(parts) == 1 else np.stack(parts, axis=1)
            viable = np.ones(len(offered), bool)
            for part in pieces(len(offered), 8 * len(parts)):
                viable[part] = (offered[part] >= 0).all(axis=1)
            offers[key.name] = Offer(key, places, offered, viable, may_lack[list(places)])
        sets = [u for u in table.unique_sets if set(u) <= set(columns)]
        uniques = tuple(tuple(columns.index(c) for c in u) for u in sets)
        return cls(columns, tuple(domains), may_lack, _reduced(offers), uniques, known)

    def taken(self, pointers: Pointers, rows: int, without: str = "") -> Ints:
        """What (n,) rows take from their parents: (n, columns) codes; earlier keys go first."""
        codes = np.full((rows, len(self.columns)), NONE, np.int64)
        for place, values in self.given.items():
            codes[:, place] = values
        for name, offer in self.offers.items():
            if name == without or name not in pointers or len(offer.codes) == 0:
                continue
            given = offer.codes[np.maximum(pointers[name], 0)]
            for place, values in zip(offer.places, given.T, strict=True):
                is_open = (codes[:, place] < 0) & (pointers[name] >= 0) & (place not in self.given)
                codes[is_open, place] = values[is_open]
        return codes

    def shared(self, name: str, others: Sequence[str]) -> list[int]:
        """Which columns of a key, by position within it, others of the keys fill as well."""
        filled = {p for o in others if o != name for p in self.offers[o].places} | set(self.given)
        return [i for i, p in enumerate(self.offers[name].places) if p in filled]

    def meeting(self, name: str, codes: Ints, shared: Sequence[int]) -> tuple[Ints, Ints]:
        """
        Number the places where rows and a key's parents meet: equal codes of shared columns.

        Args:
            name: the key.
            codes: (n, columns) what rows have from other keys.
            shared: positions within the key.

        Returns:
            (n,) places of the rows, ANYWHERE where nothing is given, NOWHERE where no parent has
            it; (m,) places of the parents, NOWHERE for those that no row may have.
        """
        offer = self.offers[name]
        if not shared:
            rows = np.full(len(codes), ANYWHERE)
            return rows, np.where(offer.is_viable, ANYWHERE, NOWHERE)
        given = codes[:, [offer.places[i] for i in shared]]
        rows, parents = numbered(given, offer.codes[:, list(shared)])
        rows = np.where(np.isin(rows, parents[offer.is_viable]), rows, NOWHERE)
        rows = np.where((given < 0).any(axis=1), ANYWHERE, rows)
        return rows, np.where(offer.is_viable, parents, NOWHERE)

    def column(self, name: str, codes: Ints) -> pa.ChunkedArray:
        """The values of (n,) codes of one column."""
        return self.domains[self.columns.index(name)].take(
            pa.array(codes, pa.int64(), mask=codes < 0)
        )


def _plain(values: pa.ChunkedArray) -> tuple[pa.ChunkedArray, list[Ints]]:
    """Number the parents themselves: a key of one column has a value for each."""
    codes = numbers(len(values))
    if values.null_count:
        codes[np.asarray(values.is_null())] = NONE
    return values, [codes]


def _coded(values: Sequence[pa.ChunkedArray]) -> tuple[pa.ChunkedArray, list[Ints]]:
    kind = values[0].type
    cast = [v.cast(kind, safe=False) for v in values]
    domain = pc.unique(pa.chunked_array([c for v in cast for c in v.chunks], kind).drop_null())
    coded = [pc.fill_null(pc.index_in(v, value_set=domain, skip_nulls=True), NONE) for v in cast]
    return pa.chunked_array([domain]), [np.asarray(c).astype(np.int64) for c in coded]


def _reduced(offers: Mapping[str, Offer]) -> dict[str, Offer]:
    """Let no parent be viable with which a row could not have a parent that it must have."""
    viable = {n: o.is_viable for n, o in offers.items()}
    for _ in offers:
        before = sum(int(v.sum()) for v in viable.values())
        for name, offer in offers.items():
            for other, needed in offers.items():
                common = [p for p in offer.places if p in needed.places]
                if other == name or not common or needed.is_optional:
                    continue
                here = offer.codes[:, [offer.places.index(p) for p in common]]
                there = needed.codes[:, [needed.places.index(p) for p in common]]
                mine, theirs = numbered(here, there)
                viable[name] = viable[name] & np.isin(mine, theirs[viable[other]])
        if before == sum(int(v.sum()) for v in viable.values()):
            break
    return {n: Offer(o.key, o.places, o.codes, viable[n], o.may_lack) for n, o in offers.items()}
