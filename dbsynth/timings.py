"""
When rows choose a parent: not before it is there, nor after it is gone; found in fit.

`dbsynth.exchanging` sees to it in generate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from dbsynth.encode import ModelledColumn, NumberColumn
from dbsynth.features import Floats, Ints
from dbsynth.plain import Plain
from dbsynth.release import MIN_ENTITIES, Release
from dbsynth.rows import Values
from dbsynth.values import DAY

HOLDS = 0.999  # share of rows in which an order must hold
NEAR = 0.25  # times as long as any parent that is there: the nearest ones are chosen
QUANTILES = 65
TELLS = 0.02  # share of rows, at least, in which it would not hold by chance
KNOWN = 0.9  # share of parents of which a date should be known
YEARS = 1500.0, 2200.0  # numbers that can be one
SAME = 0.5  # share of rows from which on a date is a copy of the parent's


@dataclass(frozen=True, slots=True)
class Timing(Plain):
    """The dates between which rows have a parent, and the dates of the rows that lie there."""

    key: str
    start: str = ""  # a date of the parent; "" for none
    since: tuple[str, ...] = ()  # dates of the rows, none of which comes before it
    end: str = ""
    until: tuple[str, ...] = ()  # dates of the rows, none of which comes after it
    by_end: bool = False  # whether the end says more about who is chosen than the start
    lags: tuple[float, ...] = ()  # quantiles of seconds since the start, or to the end

    @property
    def dates(self) -> tuple[str, ...]:
        """All dates of the rows that matter."""
        return tuple(dict.fromkeys((*self.since, *self.until)))


def fit_timing(
    key: str, pointers: Ints, theirs: Mapping[str, Floats], own: Mapping[str, Floats],
    entities: Ints, release: Release, rng: np.random.Generator,
) -> Timing | None:  # fmt: skip
    """
    Find out which dates of the parents always come before, or after, dates of the rows.

    Args:
        key: by which (n,) rows choose one of (m,) parents.
        pointers: (n,) parent rows, -1 for none.
        theirs: (m,) dates of the parents, by name, in seconds; NaN for NULL.
        own: (n,) dates of the rows and of their ancestors.
        entities: (n,) of which there must be enough.
        release: the protection in force.
        rng: pairs rows with other parents, to see what holds by chance.

    Returns:
        None where no date of a parent tells anything.
    """
    rows = np.flatnonzero(pointers >= 0)
    mixed = rng.permutation(pointers[rows])
    found: dict[int, tuple[bool, float, str, tuple[str, ...]]] = {}
    for name, sign in product(theirs, (1, -1)):
        dates = sign * theirs[name]
        here, chance = dates[pointers[rows]], dates[mixed]
        asked = {n: sign * d[rows] for n, d in own.items()}
        names = tuple(n for n, d in asked.items() if _tells(d, here, chance, entities[rows]))
        if names:
            is_known = np.isfinite(here)
            closest = (bool(is_known.mean() >= KNOWN), float(here[is_known].mean()), name, names)
            found[sign] = max(closest, found.get(sign, closest))
    if not found:
        return None
    near = {
        sign: _nearness(
            f"{key}.lag", [sign * own[n][rows] for n in names], sign * theirs[date],
            pointers[rows], entities[rows], release, rng,
        )
        for sign, (*_, date, names) in found.items()
    }  # fmt: skip
    # Rows that are made before others of their kind tell more than when one of them is changed.
    best = min(near, key=lambda sign: (found[sign][2] not in found[sign][3], -sign))
    *_, start, since = found.get(1, (False, 0.0, "", ()))
    *_, end, until = found.get(-1, (False, 0.0, "", ()))
    return Timing(key, start, since, end, until, best < 0, near[best])


def is_year(column: ModelledColumn) -> bool:
    """Whether all values of a column are numbers of years; which they need not mean."""
    if not isinstance(column, NumberColumn) or column.name.startswith("#"):
        return False
    codec = column.codec
    is_whole = codec.step >= 1.0 and codec.decimals == 0
    return is_whole and YEARS[0] <= codec.low and codec.high <= YEARS[1]


def years_of(columns: Iterable[ModelledColumn], values: Values) -> dict[str, Floats]:
    """When the years begin that some columns tell, in seconds, by column; NaN for NULL."""
    found = {}
    for column in columns:
        if column.name in values and is_year(column):
            years = np.clip(values[column.name].astype(np.float64), *YEARS)
            whole = np.nan_to_num(years, nan=YEARS[0]).astype(np.int64) - 1970
            days = whole.astype("datetime64[Y]").astype("datetime64[D]").astype(np.float64)
            found[column.name] = np.where(np.isnan(years), np.nan, days * DAY)
    return found


def _nearness(
    statistic: str, own: Sequence[Floats], start: Floats, pointers: Ints, entities: Ints,
    release: Release, rng: np.random.Generator,
) -> tuple[float, ...]:  # fmt: skip
    """Quantiles of how long parents have been there; none if that is as for any that is there."""
    first = np.fmin.reduce(own)
    apart = first - start[pointers]
    known = np.flatnonzero(np.isfinite(apart) & (apart >= 0))
    ordered = np.sort(start[np.isfinite(start)])
    earlier = np.searchsorted(ordered, first[known], "right")
    other = ordered[(rng.random(len(known)) * earlier).astype(np.int64)]
    usual = float(np.median(first[known] - other))
    if not np.median(apart[known]) < NEAR * usual:
        return ()
    shares = np.linspace(0, 1, QUANTILES)
    found = release.quantiles(statistic, apart[known], entities[known], shares)
    return tuple(np.round(found).tolist())


def _tells(own: Floats, theirs: Floats, chance: Floats, entities: Ints) -> bool:
    """Whether (n,) own dates never come before those of the parents, and would with others."""
    both = np.isfinite(own) & np.isfinite(theirs)
    if len(np.unique(entities[both])) < MIN_ENTITIES:
        return False
    other = np.isfinite(own) & np.isfinite(chance)
    holds = np.mean(own[both] >= theirs[both]) >= HOLDS
    is_copy = np.mean(own[both] == theirs[both]) > SAME
    return bool(holds and not is_copy and np.mean(own[other] < chance[other]) >= TELLS)
