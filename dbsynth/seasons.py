"""Parents that come anew each year: a row's year is drawn first, then which of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.features import Floats, Ints
from dbsynth.release import MIN_ENTITIES
from dbsynth.schema import ForeignKey
from dbsynth.timings import YEARS
from dbsynth.values import to_floats

RISES = 0.999  # share of siblings that come in no earlier year than the one before
MOVES = 0.5  # … that come in a later one, at least
RETURNS = 2.0  # years in which a parent comes, on average
ANYBODY, NOBODY = -2, -1  # in the place of a parent


@dataclass(frozen=True)
class Seasons:
    """The (m,) rows of a reference table, to which a key leads that holds a year."""

    column: str  # the key's, which has the year
    years: Floats  # (m,)
    who: Ints  # (m,) the first row that has the same rest of the key

    @staticmethod
    def of(key: ForeignKey, column: str, parents: Sequence[pa.ChunkedArray]) -> Seasons:
        """Take rows apart by the columns of a key, in its order."""
        place = key.columns.index(column)
        rest = [p for n, p in enumerate(parents) if n != place]
        years = to_floats(parents[place].combine_chunks())
        codes = np.zeros(len(years), np.int64)
        for part in rest:
            labels = part.combine_chunks().dictionary_encode().indices
            own = np.asarray(pc.fill_null(labels, -1)).astype(np.int64) + 1
            codes = np.unique(codes * (own.max(initial=0) + 1) + own, return_inverse=True)[1]
        first, who = np.unique(codes, return_index=True, return_inverse=True)[1:]
        return Seasons(column, years, first[who])

    def rows(self, years: Floats, who: Ints, rng: np.random.Generator) -> Ints:
        """
        Find who is there in a year, or in the nearest one that has any.

        Args:
            years: (n,) NaN for none.
            who: (n,) as `who`, or `ANYBODY` of the year; who is not there then is anybody, too.
            rng: chooses anybody.

        Returns:
            (n,) parent rows, -1 where there is no year, or nobody.
        """
        found = np.full(len(years), NOBODY)
        here = np.flatnonzero(np.isfinite(years) & (who != NOBODY))
        order = np.flatnonzero(np.isfinite(self.years))
        if not len(order) or not len(here):
            return found
        order = order[np.lexsort((self.who[order], self.years[order]))]
        known, start, size = np.unique(self.years[order], return_index=True, return_counts=True)
        middles = (known[1:] + known[:-1]) / 2
        place = np.searchsorted(middles, years[here])
        any_ = start[place] + (rng.random(len(here)) * size[place]).astype(np.int64)
        width = len(self.years) + 1
        codes = np.repeat(np.arange(len(known)), size) * width + self.who[order]
        wanted = place * width + np.maximum(who[here], 0)
        at = np.minimum(np.searchsorted(codes, wanted), len(codes) - 1)
        is_there = (who[here] >= 0) & (codes[at] == wanted)
        found[here] = order[np.where(is_there, at, any_)]
        return found


def find_season(
    key: ForeignKey, pointers: Ints, previous: Ints, parents: pa.Table, entities: Ints
) -> Seasons | None:
    """
    Find the year in a key by which siblings come, one after another.

    Args:
        key: to the parents.
        pointers: (n,) parent rows, -1 for none; siblings together and in order.
        previous: (n,) row number of the sibling before, -1 for the first.
        parents: the rows of the reference table.
        entities: (n,) of which there must be enough.

    Returns:
        the parents by year; None where no number of the key is one, or they hardly come again.
    """
    if len(key.columns) < 2 or len(np.unique(entities)) < MIN_ENTITIES:
        return None
    for column, above in zip(key.columns, key.parent_columns, strict=True):
        if not pa.types.is_integer(parents.column(above).type):
            continue
        years = to_floats(parents.column(above).combine_chunks())
        if not len(years) or not (np.nanmin(years) >= YEARS[0] and np.nanmax(years) <= YEARS[1]):
            continue
        own = np.where(pointers >= 0, years[np.maximum(pointers, 0)], np.nan)
        apart = (own - own[np.maximum(previous, 0)])[previous >= 0]
        apart = apart[np.isfinite(apart)]
        if not len(apart) or np.mean(apart >= 0) < RISES or np.mean(apart > 0) < MOVES:
            continue
        found = Seasons.of(key, column, [parents.column(c) for c in key.parent_columns])
        if len(found.who) >= RETURNS * len(np.unique(found.who)):
            return found
    return None
