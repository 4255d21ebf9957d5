"""What a date is measured from: the sibling before, an earlier date of its row or ancestors."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from dbsynth.codecs import NumberCodec
from dbsynth.conditions import Siblings
from dbsynth.encode import LAST, LATEST, DatetimeColumn, start_of
from dbsynth.features import Floats, Ints
from dbsynth.paces import fit_paces
from dbsynth.release import MIN_ENTITIES, Release
from dbsynth.rows import distance, is_same_time
from dbsynth.turns import BEYOND_CHANCE, find_turns
from dbsynth.values import DAY

HOLDS = 0.999  # share of rows in which an order must hold
TIGHTER = 0.5  # a distance is learned where it spreads at most so much as the date itself
SOME_DAYS = (18_262.0, 20_088.0)  # 2020 to 2024, in days since 1970: if nothing may be learned
FEW_DAYS = (1.0, 30.0)
KEPT = 0.05  # share of the rows that have the time of day of the sibling before
SAME_DAY = 0.02  # share of siblings on the day of the one before, at most, if days are counted
FAR = 20 * 365.25 * DAY  # what lies so far behind all others is no moment that anybody waits for
FEW_DISTINCT = 7  # days that have something in common by chance
SHORT = 2 * DAY  # distances that are mostly shorter are learned in seconds


def fit_datetime(
    statistic: str,
    name: str,
    values: Floats,
    entities: Ints,
    release: Release,
    anchors: Mapping[str, Floats],
    *,
    siblings: Siblings | None,
    is_strict: bool,
    is_date: bool,
    fallback: tuple[float, float] = SOME_DAYS,
    above: Collection[str] = (),
    last: Floats | None = None,
) -> DatetimeColumn:
    """
    Fit a date column.

    Args:
        statistic: prefix of the names of its statistics.
        name: the column.
        values: (n,) seconds since 1970, NaN for NULL.
        entities: (n,).
        release: the protection in force.
        anchors: dates of the same row and of its ancestors, by name, (n,) seconds.
        siblings: given if this column orders the rows of one owner.
        is_strict: siblings may not share a value.
        is_date: there is no time of day.
        fallback: days since 1970 between which dates lie where too few entities have one.
        above: the anchors that are no dates of the same row.
        last: (n,) seconds, the day of each row's last sibling, if owners tell.
    """
    far = _far(statistic, values, entities, release)
    values = values if far is None else np.where(values == far, np.inf, values)
    known = np.isfinite(values)
    times = np.where(known, np.where(known, values, 0.0) % DAY, np.nan)
    at_midnight = is_date or not np.nanmax(np.where(known, times, 0.0), initial=0.0) > 0
    # Siblings are measured from each other; only the first from anything else.
    early = values if siblings is None else np.where(siblings.index == 0, values, np.nan)
    anchor = _anchor(early, anchors, above)
    start = start_of(anchor, anchors) if anchor else None
    if start is None and last is not None and _is_near(early, last):
        anchor, start = LAST, last
    gaps = _gaps(values, siblings) if siblings is not None else None
    away = None if start is None else distance(values, start, "second")
    distances = [d for d in (gaps, away) if d is not None]
    is_short = bool(distances) and _is_short(distances[0]) and not _is_once_a_day(values, siblings)
    unit = "second" if is_short and not at_midnight else "day"
    delta = gap = None
    turns: tuple[str, ...] = ()
    paces: tuple[tuple[float, float], ...] = ()
    if start is not None:
        spread = distance(early, start, "day" if anchor == LAST else unit)
        delta = NumberCodec.fit(f"{statistic}.delta", spread, entities, release, FEW_DAYS)
    if siblings is not None:
        gap, turns, paces = _steps(statistic, values, siblings, entities, release, unit)
    return DatetimeColumn(
        name=name,
        day=NumberCodec.fit(statistic, np.floor(values / DAY), entities, release, fallback),
        time=None if at_midnight else _time(f"{statistic}.time", times, entities, release),
        anchor=anchor,
        delta=delta,
        gap=gap,
        unit=unit,  # type: ignore[arg-type]
        is_strict=is_strict,
        turns=turns,
        keeps_time=siblings is not None and unit == "day" and _keeps(values, siblings, entities),
        paces=paces,
        grid=_grid(values[known]) if unit == "day" and (delta or gap) else "",
        far=far,
    )


def _steps(
    statistic: str, values: Floats, siblings: Siblings, entities: Ints, release: Release, unit: str
) -> tuple[NumberCodec, tuple[str, ...], tuple[tuple[float, float], ...]]:
    """How far apart siblings are; by what calendar; and how fast the rest of them can follow."""
    before = _before(values, siblings)
    apart = distance(values, before, unit)
    gap = NumberCodec.fit(f"{statistic}.gap", apart, entities, release, FEW_DAYS)
    ahead = siblings.count - siblings.index - 1
    left = distance(values[np.arange(len(values)) + ahead], values, unit)
    paces = fit_paces(statistic, left, ahead, entities, release)
    is_in_days = unit == "day"
    turns = find_turns(f"{statistic}.gap", values, before, entities, release) if is_in_days else ()
    return gap, turns, paces


def _grid(values: Floats) -> str:
    """What days have in common that no distance says: the first of a month, a day of the week."""
    days = np.floor(values / DAY)
    dates = days.astype("int64").astype("datetime64[D]")
    if len(np.unique(days)) < FEW_DISTINCT:
        return ""
    if np.mean(dates == dates.astype("datetime64[M]")) >= HOLDS:
        return "month"
    of_week = int(np.median(days % 7))
    return f"week{of_week}" if np.mean(days % 7 == of_week) >= HOLDS else ""


def _far(statistic: str, values: Floats, entities: Ints, release: Release) -> float | None:
    """
    The last moment, where it stands for "never" (9999-12-31): farther off than all others reach.

    Distances to it say nothing, so that it is learned as an infinity.
    """
    known = np.isfinite(values)
    if (~known & ~np.isnan(values)).any() or not known.any() or not release.is_enough(entities):
        return None
    last = values[known].max()
    others = values[known & (values < last)]
    here = len(np.unique(entities[values == last]))
    if len(others) == 0 or here < release.threshold(f"{statistic}.far"):
        return None
    reach = others.max() - others.min()
    return float(last) if last - others.max() > max(reach, FAR) else None


def _time(statistic: str, times: Floats, entities: Ints, release: Release) -> NumberCodec:
    return NumberCodec.fit(statistic, times, entities, release, (0.0, DAY - 1))


def _anchor(values: Floats, anchors: Mapping[str, Floats], above: Collection[str]) -> str:
    """
    The date after which this one always comes, and closest; "" if there is none.

    Of several rows above, the latest may be closer than each: who joins a group is there by then,
    and so is the group.
    """
    before = {name: d for name, d in anchors.items() if _is_after(values, d)}
    together = LATEST.join(name for name in before if name in above)
    if LATEST in together:
        before[together] = start_of(together, before)
    best, closest = "", TIGHTER * _spread(values)
    for name, earlier in before.items():
        apart = _spread(values - earlier)
        if apart < closest:
            best, closest = name, apart
    return best


def _is_near(first: Floats, last: Floats) -> bool:
    """Whether (n,) first siblings stand nearer to the last ones than to any calendar."""
    if not np.isfinite(last).all() or np.isfinite(first).sum() < MIN_ENTITIES:
        return False
    return _spread(first - last) < TIGHTER * _spread(first)


def _is_after(values: Floats, earlier: Floats) -> bool:
    """Whether (n,) dates never come before others, of which there are enough."""
    both = np.isfinite(values) & np.isfinite(earlier)
    if both.sum() < MIN_ENTITIES or both.sum() < HOLDS * np.isfinite(values).sum():
        return False
    return bool(np.mean(values[both] >= earlier[both]) >= HOLDS)


def _before(values: Floats, siblings: Siblings) -> Floats:
    return np.where(siblings.index > 0, values[np.maximum(siblings.previous, 0)], np.nan)


def _gaps(values: Floats, siblings: Siblings) -> Floats:
    return distance(values, _before(values, siblings), "second")


def _is_once_a_day(values: Floats, siblings: Siblings | None) -> bool:
    """
    Whether siblings hardly ever fall on one day, however near they are: who orders every morning.

    Seconds added up would be at any hour after a few siblings.
    """
    if siblings is None:
        return False
    days = distance(values, _before(values, siblings), "day")
    days = days[np.isfinite(days)]
    return bool(len(days) and np.mean(days == 0) < SAME_DAY)


def _keeps(values: Floats, siblings: Siblings, entities: Ints) -> bool:
    """Whether rows have the time of day of the sibling before, more often than of another row."""
    known = np.isfinite(values)
    same = is_same_time(values, siblings.previous) & known
    if len(np.unique(entities[same])) < MIN_ENTITIES:
        return False
    mixed = np.full(len(values), np.nan)
    mixed[known] = np.random.default_rng(len(values)).permutation(values[known])
    chance = is_same_time(mixed, siblings.previous)
    return bool(same.sum() >= KEPT * known.sum() + BEYOND_CHANCE * chance.sum())


def _is_short(apart: Floats) -> bool:
    known = apart[np.isfinite(apart)]
    return bool(len(known) and np.median(known) < SHORT)


def _spread(values: Floats) -> float:
    known = values[np.isfinite(values)]
    if len(known) == 0:
        return 0.0
    low, high = np.quantile(known, [0.1, 0.9])
    return float(high - low)
