"""A table's modelled columns: what networks see of their values, and how they are saved."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dbsynth import numerals
from dbsynth.codecs import CategoryCodec, NumberCodec
from dbsynth.features import Features, Floats, Ints
from dbsynth.foregone import Foregone
from dbsynth.kinds import Kinds
from dbsynth.schema import SqlType
from dbsynth.values import DAY, text_to_moments, to_floats

Phase = Literal["any", "first", "later"]
AROUND, MOST_DAYS = 400.0, 100_000  # days before and after, and all that are looked up


@dataclass(frozen=True, slots=True)
class Head:
    """One softmax over a codec's tokens; `phase` says for which siblings it is used."""

    tokens: int
    phase: Phase = "any"


@dataclass(frozen=True, slots=True)
class CategoryColumn:
    """
    A learned category; values are its codec's tokens.

    The rare token is drawn only where something can be made of it (`draws_rare`): a reference row
    that too few entities refer to stands for all such rows, pseudonyms for rare labels.
    """

    name: str
    codec: CategoryCodec
    draws_rare: bool = False

    def values(self, column: pa.Array) -> Ints:
        """Turn Arrow values into working values (tokens)."""
        return self.codec.encode(column)

    def features(self, values: Ints) -> Features:
        """What networks see of (n,) tokens."""
        codes = values.astype(np.int32)[:, None]
        return Features(codes, np.zeros((len(values), 0), np.float32), (self.codec.tokens,))


@dataclass(frozen=True, slots=True)
class PresenceColumn:
    """
    Whether there is a value (1) or NULL (0), or a copied one (1) or an own; made elsewhere.

    What is copied from a sibling is that of the one before, or of the last that has the same labels
    in some columns (`alike`).
    """

    name: str
    alike: tuple[str, ...] = ()

    def values(self, column: pa.Array) -> Ints:
        """Turn Arrow values into 1 where there is one."""
        return np.asarray(pc.is_valid(column)).astype(np.int64)

    def features(self, values: Ints) -> Features:
        """What networks see of (n,) flags."""
        codes = values.astype(np.int32)[:, None]
        return Features(codes, np.zeros((len(values), 0), np.float32), (2,))


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """
    A learned number, or how many child rows a row has; `gap` orders siblings by it.

    With a `drift` a later sibling's is learned as its distance to the one before, see `drifts`.
    """

    name: str
    codec: NumberCodec
    gap: NumberCodec | None = None  # distance to the previous sibling
    is_strict: bool = False  # siblings may not share a value
    family: str = ""  # of a number in disguise, see `numerals`
    kinds: Kinds | None = None  # how it lies in each kind of rows, where owners tell of it
    foregone: Foregone | None = None  # what follows from labels of the row and above
    drift: NumberCodec | None = None  # distance to what siblings had last, up or down

    @property
    def step(self) -> NumberCodec | None:
        """The distance to an earlier sibling that is drawn in the place of the value."""
        return self.gap or self.drift

    @property
    def told_by(self) -> tuple[str, ...]:
        """The columns whose labels say most about it."""
        return self.kinds.columns if self.kinds else ()

    def values(self, column: pa.Array) -> Floats:
        """Turn Arrow numbers into floats, NaN for NULL."""
        if self.family:
            return numerals.read(column, SqlType(kind="other", native="", family=self.family))
        return to_floats(column)

    def features(self, values: Floats) -> Features:
        """What networks see of (n,) values: the token, and where the value stands."""
        codes = self.codec.encode(values).astype(np.int32)[:, None]
        return Features(codes, self.codec.rank(values)[:, None], (self.codec.tokens,))


Unit = Literal["day", "second"]


LATEST = "\n"  # between the names of dates of which the latest counts
LAST = "\t"  # the anchor of a first sibling that is measured back from the last one's day


def start_of(anchor: str, dates: Mapping[str, Floats]) -> Floats:
    """Look up the (n,) dates that an anchor stands for: one of them, or the latest of several."""
    if anchor in dates:
        return dates[anchor]
    found: Floats = np.fmax.reduce([dates[name] for name in anchor.split(LATEST)])
    return found


@dataclass(frozen=True)
class DatetimeColumn:
    """
    A learned date or timestamp, in seconds since 1970 (times: since midnight).

    Without an anchor the day is learned as such; with one, the distance to it, in days (the time of
    day apart) or in seconds.  `order` columns advance from sibling to sibling by a positive gap.
    """

    name: str
    day: NumberCodec  # the calendar day itself: what networks see, and the bounds
    time: NumberCodec | None  # time of day in seconds; None if it is always midnight
    anchor: str = ""  # column of the same row, or "key/…/column"; several, see `start_of`; `LAST`
    delta: NumberCodec | None = None  # distance to the anchor
    gap: NumberCodec | None = None  # distance to the previous sibling
    unit: Unit = "day"  # of the distances
    is_strict: bool = False  # siblings may not share a value
    turns: tuple[str, ...] = ()  # of the calendar, by which siblings follow: after the gap's tokens
    keeps_time: bool = False  # a last token of the time of day: that of the sibling before
    paces: tuple[tuple[float, float], ...] = ()  # least and most time a row until the last sibling
    is_given: bool = False  # laid out before rows are drawn, see `series`
    grid: str = (
        ""  # "month": first days of one; "week2": days as many after a Thursday; "": any day
    )
    far: float | None = None  # a moment that stands for "never": an infinity, in working values

    @property
    def is_backward(self) -> bool:
        """Whether the first sibling is measured from the day of the last one."""
        return self.anchor == LAST

    @property
    def delta_unit(self) -> Unit:
        """The unit of the distance to the anchor; the time of day of a first sibling is its own."""
        return "day" if self.is_backward else self.unit

    def values(self, column: pa.Array) -> Floats:
        """Turn Arrow dates and times, or texts of them, into seconds, NaN for NULL."""
        is_text = pa.types.is_string(column.type)
        found = to_floats(text_to_moments(column) if is_text else column)
        return found if self.far is None else np.where(found == self.far, np.inf, found)

    def moments(self, values: Floats) -> Floats:
        """Working values as moments that can be written."""
        return values if self.far is None else np.where(values == np.inf, self.far, values)

    def day_features(self, values: Floats) -> Features:
        """
        What networks see of the day: its token, weekday, day of the month, month, where it stands.

        And how many days the month has left: what comes at the end of months, or on a fixed day of
        the next, is so far away.
        """
        first, known = self.calendar
        days = np.floor(values / DAY) - first
        here = np.where(np.isnan(days), len(known) - 1, days)
        if len(known) and len(here) and here.min() >= 0 and here.max() < len(known):
            at = here.astype(np.int64)
            return Features(known.codes[at], known.floats[at], known.cards)
        return self._day_features(values)

    @cached_property
    def calendar(self) -> tuple[float, Features]:
        """The first of many days, and what networks see of each of them; NULL is the last."""
        first, last = np.floor(self.day.low) - AROUND, self.day.high + AROUND
        days = int(last - first) if last - first <= MOST_DAYS else 0
        values = np.append((first + np.arange(days)) * DAY, np.nan)
        return first, self._day_features(values if days else values[:0])

    def _day_features(self, values: Floats) -> Features:
        known = np.isfinite(values)
        days = np.floor(np.where(known, values, 0.0) / DAY)
        date = days.astype("int64").astype("datetime64[D]")
        month = date.astype("datetime64[M]")
        parts = [
            self.day.encode(np.where(known, days, values)),
            (days.astype(np.int64) + 3) % 7 + 1,
            (date - month).astype(np.int64) + 1,
            month.astype(np.int64) % 12 + 1,
            ((month + 1).astype("datetime64[D]") - date).astype(np.int64),
        ]
        shown = [parts[0], *(np.where(known, p, 0) for p in parts[1:])]
        codes = np.stack(shown, axis=1).astype(np.int32)
        ranks = self.day.rank(np.where(known, days, values))[:, None]
        return Features(codes, ranks, (self.day.tokens, 8, 32, 13, 32))

    def time_features(self, values: Floats) -> Features:
        """What networks see of the time of day: its token, the hour, where it stands."""
        assert self.time is not None
        known = np.isfinite(values)
        times = np.where(known, np.where(known, values, 0.0) % DAY, np.nan)
        return self.clock_features(times, self.time.encode(times), self.time.rank(times))

    def clock_features(self, times: Floats, tokens: Ints, ranks: NDArray[np.float32]) -> Features:
        """The same of (n,) seconds of the day, NaN for NULL, whose tokens and ranks are known."""
        assert self.time is not None
        codes = np.empty((len(times), 2), np.int32)
        codes[:, 0], codes[:, 1] = tokens, np.nan_to_num(times // 3600 + 1)
        return Features(codes, ranks.astype(np.float32)[:, None], (self.time.tokens, 25))


ModelledColumn = CategoryColumn | PresenceColumn | NumberColumn | DatetimeColumn


# Labels of types that JSON lacks, as text and back.
_TEXTS: Mapping[str, tuple[Callable[[Any], str], Callable[[str], Any]]] = {
    "Decimal": (str, Decimal),
    "bytes": (bytes.hex, bytes.fromhex),
    "date": (dt.date.isoformat, dt.date.fromisoformat),
    "datetime": (dt.datetime.isoformat, dt.datetime.fromisoformat),
    "time": (dt.time.isoformat, dt.time.fromisoformat),
}


_CODECS = {c.__name__: c for c in (NumberCodec, CategoryCodec, Kinds, Foregone)}


_COLUMNS = {c.__name__: c for c in (CategoryColumn, PresenceColumn, NumberColumn, DatetimeColumn)}


def column_to_json(column: ModelledColumn) -> dict[str, Any]:
    """Turn a fitted column into plain JSON; `column_from_json` is the inverse."""
    return {"is": type(column).__name__} | {
        f.name: _codec_to_json(getattr(column, f.name)) for f in dataclasses.fields(column)
    }


def column_from_json(data: Mapping[str, Any]) -> ModelledColumn:
    """
    Rebuild a fitted column.

    Raises:
        KeyError, TypeError: the data are not a column's.
    """
    fields = {k: _codec_from_json(v) for k, v in data.items() if k != "is"}
    column: ModelledColumn = _COLUMNS[data["is"]](**fields)
    return column


def _codec_to_json(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.asdict(value)
        return {"is": type(value).__name__} | {k: _plain(v) for k, v in fields.items()}
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    kind = type(value).__name__
    return {"is": kind, "text": _TEXTS[kind][0](value)} if kind in _TEXTS else value


def _codec_from_json(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_codec_from_json(v) for v in value)
    if not isinstance(value, dict):
        return value
    if value["is"] in _TEXTS:
        return _TEXTS[value["is"]][1](value["text"])
    return _CODECS[value["is"]](**{k: _codec_from_json(v) for k, v in value.items() if k != "is"})
