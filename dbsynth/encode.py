"""Columns as tokens and back: fitted codecs that release only protected statistics."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dbsynth.release import Release

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MAX_BINS = 64  # quantile bins that a network predicts; the curve inside a bin is finer
MAX_CURVE = 1024  # cells of the released quantile curve
MAX_SPIKES = 64  # values frequent enough for a token of their own, in a continuous column
MAX_VALUES = 256  # up to so many distinct values each may have a token
SPIKE_SHARE = 0.003
DAY = 86_400.0

NULL = 0  # the token of NULL in every codec


@dataclass(frozen=True, slots=True)
class NumberCodec:
    """
    Numbers as tokens: NULL, spikes (exact values), then quantile bins.

    `curve` has `bins * cells + 1` ascending quantiles; a bin is `cells` steps of it.  Values are
    snapped to the lattice `offset + i * step` (step 0: none).
    """

    spikes: tuple[float, ...]  # ascending
    curve: tuple[float, ...]  # empty if all values are spikes
    bins: int
    step: float
    offset: float

    @property
    def tokens(self) -> int:
        """How many tokens there are, NULL included."""
        return 1 + len(self.spikes) + self.bins

    @property
    def low(self) -> float:
        """The lowest value that can be decoded."""
        ends = [*self.spikes[:1], *self.curve[:1]]
        return min(ends) if ends else 0.0

    @property
    def high(self) -> float:
        """The highest value that can be decoded."""
        ends = [*self.spikes[-1:], *self.curve[-1:]]
        return max(ends) if ends else 0.0

    def encode(self, values: Floats) -> Ints:
        """Turn (n,) values, NaN for NULL, into (n,) tokens."""
        tokens = np.full(len(values), NULL, np.int64)
        known = ~np.isnan(values)
        v = values[known]
        if self.bins:
            edges = np.asarray(self.curve)[:: self._cells][1:-1]
            out = 1 + len(self.spikes) + np.searchsorted(edges, v, "right")
        else:
            out = 1 + _nearest(np.asarray(self.spikes), v)
        if self.spikes and self.bins:
            spikes = np.asarray(self.spikes)
            near = _nearest(spikes, v)
            out = np.where(np.isclose(spikes[near], v, rtol=1e-12, atol=1e-9), 1 + near, out)
        tokens[known] = out
        return tokens

    def decode(self, tokens: Ints, uniforms: Floats) -> Floats:
        """Turn (n,) tokens into (n,) values; (n,) uniforms place a value inside its bin."""
        values = np.full(len(tokens), np.nan)
        spike = (tokens > NULL) & (tokens <= len(self.spikes))
        if self.spikes:
            values[spike] = np.asarray(self.spikes)[tokens[spike] - 1]
        binned = tokens > len(self.spikes)
        if self.bins and binned.any():
            curve = np.asarray(self.curve)
            place = (tokens[binned] - 1 - len(self.spikes) + uniforms[binned]) * self._cells
            cell = np.minimum(place.astype(np.int64), len(curve) - 2)
            inside = place - cell
            raw = curve[cell] + inside * (curve[cell + 1] - curve[cell])
            values[binned] = self.snap(raw)
        return values

    def snap(self, values: Floats) -> Floats:
        """Move values to the nearest point of the lattice."""
        if not self.step:
            return values
        return np.round((values - self.offset) / self.step) * self.step + self.offset

    def rank(self, values: Floats) -> NDArray[np.float32]:
        """Where values stand, from -1 (lowest) to 1 (highest); NULL is 0."""
        grid = np.unique(np.concatenate([np.asarray(self.spikes), np.asarray(self.curve)]))
        if len(grid) < 2:
            return np.zeros(len(values), np.float32)
        place = np.interp(values, grid, np.linspace(-1, 1, len(grid)))
        return np.nan_to_num(place).astype(np.float32)

    @property
    def _cells(self) -> int:
        return (len(self.curve) - 1) // self.bins

    @classmethod
    def fit(
        cls,
        statistic: str,
        values: Floats,
        entities: Ints,
        release: Release,
        fallback: tuple[float, float] = (1.0, 100.0),
    ) -> NumberCodec:
        """
        Learn spikes, quantile curve and lattice.

        Args:
            statistic: its name; decides thresholds.
            values: (n,), NaN for NULL.
            entities: (n,).
            release: the protection in force.
            fallback: whole numbers in this range are decoded where too few entities have a value.
        """
        known = np.isfinite(values)
        v, e = values[known], entities[known]
        if len(v) == 0 or not release.is_enough(e):
            return cls(spikes=(), curve=fallback, bins=1, step=1.0, offset=0.0)
        step, offset = _lattice(v)
        spikes = _spikes(statistic, v, e, release)
        rest = ~np.isin(v, spikes) if len(spikes) else np.ones(len(v), bool)
        enough = len(np.unique(e[rest])) >= release.threshold(statistic) if rest.any() else False
        if not enough:
            if not len(spikes):
                low, high = release.bounds(statistic, v, e)
                spikes = np.unique(_snap(np.array([low, high]), step, offset))
            return cls(tuple(spikes.tolist()), (), 0, step, offset)
        bins, cells = _resolution(len(np.unique(v[rest])), int(rest.sum()))
        curve = release.quantiles(statistic, v[rest], e[rest], np.linspace(0, 1, bins * cells + 1))
        return cls(tuple(spikes.tolist()), tuple(curve.tolist()), bins, step, offset)


def _nearest(grid: Floats, values: Floats) -> Ints:
    right = np.clip(np.searchsorted(grid, values), 1, max(1, len(grid) - 1))
    if len(grid) == 1:
        return np.zeros(len(values), np.int64)
    left = right - 1
    return np.where(values - grid[left] <= grid[right] - values, left, right).astype(np.int64)


def _snap(values: Floats, step: float, offset: float) -> Floats:
    return np.round((values - offset) / step) * step + offset if step else values


def _lattice(values: Floats) -> tuple[float, float]:
    """The coarsest step (and offset) of which 99.9 % of the values are multiples, or 0."""
    sample = values if len(values) <= 20_000 else values[:: len(values) // 20_000 + 1]
    for decimals in range(7):
        scaled = sample * 10.0**decimals
        whole = np.round(scaled)
        if np.mean(np.abs(scaled - whole) < 1e-6 * np.maximum(1.0, np.abs(scaled))) < 0.999:
            continue
        if np.abs(whole).max() > 2**52:
            return 0.0, 0.0
        points = np.unique(whole.astype(np.int64))
        gcd = int(np.gcd.reduce(points)) if len(points) > 2 else 1
        return max(gcd, 1) / 10.0**decimals, 0.0
    return 0.0, 0.0


def _spikes(statistic: str, values: Floats, entities: Ints, release: Release) -> Floats:
    distinct, codes, rows = np.unique(values, return_inverse=True, return_counts=True)
    few = len(distinct) <= MAX_VALUES
    frequent = rows >= (1 if few else max(2.0, SPIKE_SHARE * len(values)))
    support = release.support(codes.astype(np.int64), entities, len(distinct))
    kept = np.flatnonzero(frequent & (support >= release.threshold(statistic)))
    if not few and len(kept) > MAX_SPIKES:
        kept = np.sort(kept[np.argsort(-rows[kept], kind="stable")[:MAX_SPIKES]])
    return distinct[kept]


def _resolution(distinct: int, rows: int) -> tuple[int, int]:
    """How many bins, and how many cells of the curve in each, so many rows support."""
    bins = int(np.clip(min(distinct, rows // 10), 1, MAX_BINS))
    cells = int(np.clip(min(distinct, rows // 14) // bins, 1, MAX_CURVE // MAX_BINS))
    return bins, cells


@dataclass(frozen=True, slots=True)
class CategoryCodec:
    """Labels as tokens: NULL, the released labels, then one token for everything rare."""

    labels: tuple[Any, ...]

    @property
    def tokens(self) -> int:
        """How many tokens there are, NULL and the rare one included."""
        return len(self.labels) + 2

    @property
    def rare(self) -> int:
        """The token of labels that were not released; trained on, never drawn."""
        return len(self.labels) + 1

    def encode(self, values: pa.Array) -> Ints:
        """Turn (n,) Arrow values into (n,) tokens."""
        if not self.labels:
            return np.where(np.asarray(pc.is_valid(values)), self.rare, NULL).astype(np.int64)
        known = pc.index_in(values, value_set=pa.array(self.labels, values.type))
        tokens = np.asarray(pc.fill_null(known, self.rare - 1)).astype(np.int64) + 1
        return np.where(np.asarray(pc.is_valid(values)), tokens, NULL)

    def decode(self, tokens: Ints, kind: pa.DataType) -> pa.Array:
        """Turn (n,) tokens into (n,) Arrow values of a type; NULL and rare become null."""
        if not self.labels:
            return pa.nulls(len(tokens), kind)
        missing = (tokens == NULL) | (tokens == self.rare)
        return pa.array(self.labels, kind).take(pa.array(tokens - 1, pa.int64(), mask=missing))

    @classmethod
    def fit(
        cls, statistic: str, values: pa.Array, entities: Ints, release: Release, limit: int = 2_000
    ) -> CategoryCodec:
        """Learn the released labels, the most frequent `limit` of them."""
        if not release.is_enough(entities):
            return cls(())
        labels, _ = release.labels(statistic, values, entities)
        return cls(tuple(labels[:limit]))


Phase = Literal["any", "first", "later"]


@dataclass(frozen=True, slots=True)
class Head:
    """One softmax over a codec's tokens; `phase` says for which siblings it is used."""

    tokens: int
    phase: Phase = "any"


@dataclass(frozen=True, slots=True)
class Features:
    """What networks see of rows: (n, a) codes, with a cardinality each, and (n, b) floats."""

    codes: NDArray[np.int32]
    floats: NDArray[np.float32]
    cards: tuple[int, ...]

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.codes)

    def take(self, index: Ints) -> Features:
        """
        Gather rows; index -1 (no such row) gives a row of NULLs.

        Args:
            index: (m,) row numbers.
        """
        if len(self) == 0:
            return Features.empty(len(index), self.cards, self.floats.shape[1])
        safe = np.maximum(index, 0)
        missing = index < 0
        codes, floats = self.codes[safe], self.floats[safe]
        codes[missing] = 0
        floats[missing] = 0
        return Features(codes, floats, self.cards)

    @staticmethod
    def empty(rows: int, cards: tuple[int, ...] = (), floats: int = 0) -> Features:
        """Rows of NULLs."""
        return Features(
            np.zeros((rows, len(cards)), np.int32), np.zeros((rows, floats), np.float32), cards
        )

    @staticmethod
    def join(parts: Sequence[Features], rows: int) -> Features:
        """Put features side by side."""
        parts = [p for p in parts if p.cards or p.floats.shape[1]]
        if not parts:
            return Features.empty(rows)
        return Features(
            np.concatenate([p.codes for p in parts], axis=1),
            np.concatenate([p.floats for p in parts], axis=1),
            tuple(c for p in parts for c in p.cards),
        )

    @staticmethod
    def stack(parts: Sequence[Features]) -> Features:
        """Put features of the same columns on top of each other."""
        return Features(
            np.concatenate([p.codes for p in parts]),
            np.concatenate([p.floats for p in parts]),
            parts[0].cards,
        )


@dataclass(frozen=True, slots=True)
class CategoryColumn:
    """
    A learned category; values are its codec's tokens.

    The rare token is drawn only where something can be made of it (`draws_rare`): a reference row
    that too few entities refer to stands for all such rows.
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
    """Only whether there is a value (1) or NULL (0); what it is, is made elsewhere."""

    name: str

    def values(self, column: pa.Array) -> Ints:
        """Turn Arrow values into 1 where there is one."""
        return np.asarray(pc.is_valid(column)).astype(np.int64)

    def features(self, values: Ints) -> Features:
        """What networks see of (n,) flags."""
        codes = values.astype(np.int32)[:, None]
        return Features(codes, np.zeros((len(values), 0), np.float32), (2,))


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """A learned number, or how many child rows a row has; `gap` orders siblings by it."""

    name: str
    codec: NumberCodec
    gap: NumberCodec | None = None  # distance to the previous sibling
    is_strict: bool = False  # siblings may not share a value

    def values(self, column: pa.Array) -> Floats:
        """Turn Arrow numbers into floats, NaN for NULL and for what is not finite."""
        return to_floats(column)

    def features(self, values: Floats) -> Features:
        """What networks see of (n,) values: the token, and where the value stands."""
        codes = self.codec.encode(values).astype(np.int32)[:, None]
        return Features(codes, self.codec.rank(values)[:, None], (self.codec.tokens,))


Unit = Literal["day", "second"]


@dataclass(frozen=True, slots=True)
class DatetimeColumn:
    """
    A learned date or timestamp, in seconds since 1970 (times: since midnight).

    Without an anchor the day is learned as such; with one, the distance to it, in days (the time of
    day apart) or in seconds.  `order` columns advance from sibling to sibling by a positive gap.
    """

    name: str
    day: NumberCodec  # the calendar day itself: what networks see, and the bounds
    time: NumberCodec | None  # time of day in seconds; None if it is always midnight
    anchor: str = ""  # column of the same row, or "owner path/column"
    delta: NumberCodec | None = None  # distance to the anchor
    gap: NumberCodec | None = None  # distance to the previous sibling
    unit: Unit = "day"  # of the distances
    is_strict: bool = False  # siblings may not share a value

    def values(self, column: pa.Array) -> Floats:
        """Turn Arrow dates and times, or texts of them, into seconds, NaN for NULL."""
        return to_floats(text_to_moments(column) if pa.types.is_string(column.type) else column)

    def day_features(self, values: Floats) -> Features:
        """What networks see of the day: token, weekday, day of month, month, where it stands."""
        known = np.isfinite(values)
        days = np.floor(np.where(known, values, 0.0) / DAY)
        date = days.astype("int64").astype("datetime64[D]")
        month = date.astype("datetime64[M]")
        parts = [
            self.day.encode(np.where(known, days, np.nan)),
            (days.astype(np.int64) + 3) % 7 + 1,
            (date - month).astype(np.int64) + 1,
            month.astype(np.int64) % 12 + 1,
        ]
        codes = np.stack([np.where(known, p, 0) for p in parts], axis=1).astype(np.int32)
        ranks = self.day.rank(np.where(known, days, np.nan))[:, None]
        return Features(codes, ranks, (self.day.tokens, 8, 32, 13))

    def time_features(self, values: Floats) -> Features:
        """What networks see of the time of day: its token, the hour, where it stands."""
        assert self.time is not None
        known = np.isfinite(values)
        times = np.where(known, values % DAY, np.nan)
        hours = np.where(known, np.nan_to_num(times) // 3600 + 1, 0)
        codes = np.stack([self.time.encode(times), hours], axis=1).astype(np.int32)
        return Features(codes, self.time.rank(times)[:, None], (self.time.tokens, 25))


ModelledColumn = CategoryColumn | PresenceColumn | NumberColumn | DatetimeColumn


def to_floats(column: pa.Array) -> Floats:
    """
    Turn Arrow numbers, dates, times and timestamps into floats.

    Returns:
        (n,) numbers, or seconds; NaN for null, NaN and infinities.
    """
    kind = column.type
    if pa.types.is_date(kind):
        days = column.cast(pa.date32()).cast(pa.int32()).cast(pa.float64())
        return np.asarray(days.to_numpy(zero_copy_only=False), np.float64) * DAY
    if pa.types.is_timestamp(kind) or pa.types.is_time(kind):
        whole = column.cast(
            pa.time64("us") if pa.types.is_time(kind) else pa.timestamp("us", kind.tz)
        )
        micros = whole.cast(pa.int64()).to_numpy(zero_copy_only=False)
        return np.asarray(micros, np.float64) / 1e6
    if pa.types.is_boolean(kind):
        column = column.cast(pa.int8())
    if pa.types.is_string(kind):
        is_number = pc.match_substring_regex(column, r"^\s*[+-]?(\d+\.?\d*|\.\d+)\s*$")
        trimmed = pc.utf8_trim_whitespace(column)
        column = pc.if_else(is_number, trimmed, pa.scalar(None, pa.string()))
    values = np.asarray(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))
    return np.where(np.isfinite(values), values, np.nan).astype(np.float64)


def text_to_moments(column: pa.Array) -> pa.Array:
    """Parse ISO dates and timestamps that are stored as text; what is neither becomes null."""
    bare = pc.replace_substring_regex(column, r"\s*(Z|[+-]\d{2}:?\d{2})$", "")
    is_moment = pc.match_substring_regex(
        bare, r"^\d{4}-[01]\d-[0-3]\d([ T][0-2]\d:[0-5]\d(:[0-5]\d(\.\d{1,6})?)?)?$"
    )
    return pc.if_else(is_moment, bare, pa.scalar(None, pa.string())).cast(pa.timestamp("us"))


def moments_to_text(values: Floats, is_date: bool) -> pa.Array:
    """Write (n,) seconds as ISO text, dates only or with the time of day; NaN becomes null."""
    kind = pa.date32() if is_date else pa.timestamp("s")
    return from_floats(values, pa.timestamp("us")).cast(kind, safe=False).cast(pa.string())


def from_floats(values: Floats, kind: pa.DataType, decimals: int = 10) -> pa.Array:
    """
    Turn floats back into Arrow values of a type, within the type's range; NaN becomes null.

    Args:
        values: (n,) numbers, or seconds for dates and times.
        kind: the Arrow type wanted; decimals keep its scale.
        decimals: the most digits behind the point that a decimal shows.
    """
    missing = ~np.isfinite(values)
    v = np.where(missing, 0.0, values)
    if pa.types.is_decimal(kind):
        return _decimals(v, missing, kind, decimals)
    if pa.types.is_date(kind):
        days = np.floor(v / DAY).astype(np.int32)
        return pa.array(days, pa.int32(), mask=missing).cast(pa.date32()).cast(kind)
    if pa.types.is_timestamp(kind) or pa.types.is_time(kind):
        micros = np.round(v * 1e6).astype(np.int64)
        if pa.types.is_time(kind):
            micros = np.clip(micros, 0, 86_399_999_999)
        return pa.array(micros, pa.int64(), mask=missing).cast(kind)
    if pa.types.is_integer(kind):
        info = np.iinfo(kind.to_pandas_dtype())
        high = min(info.max, 2**63 - 1024)
        whole = np.clip(np.round(v), float(info.min), float(high))
        return pa.array(whole.astype(kind.to_pandas_dtype()), kind, mask=missing)
    if pa.types.is_boolean(kind):
        return pa.array(v > 0.5, kind, mask=missing)
    if pa.types.is_floating(kind):
        return pa.array(v, pa.float64(), mask=missing).cast(kind)
    text = pa.array(v, pa.float64(), mask=missing)
    whole_numbers = bool(np.all(v == np.round(v))) and bool(np.all(np.abs(v) < 2**53))
    return (text.cast(pa.int64()) if whole_numbers else text).cast(pa.string()).cast(kind)


def _decimals(values: Floats, missing: NDArray[np.bool_], kind: Any, decimals: int) -> pa.Array:
    """Build decimals from scaled integers, without a Python object per value."""
    scale = min(kind.scale, decimals)
    limit = min(10.0 ** (kind.precision - kind.scale + scale) - 1, 9.0e18)
    scaled = np.clip(np.round(values * 10.0**scale), -limit, limit).astype(np.int64)
    wide = np.empty((len(scaled), 2), np.int64)
    wide[:, 0] = scaled
    wide[:, 1] = scaled >> 63
    raw = pa.Array.from_buffers(
        pa.decimal128(38, scale), len(scaled), [None, pa.py_buffer(wide.tobytes())]
    )
    valid = pc.if_else(pa.array(~missing), raw, pa.scalar(None, raw.type))
    return valid.cast(kind)


# Labels of types that JSON lacks, as text and back.
_TEXTS: Mapping[str, tuple[Callable[[Any], str], Callable[[str], Any]]] = {
    "Decimal": (str, Decimal),
    "bytes": (bytes.hex, bytes.fromhex),
    "date": (dt.date.isoformat, dt.date.fromisoformat),
    "datetime": (dt.datetime.isoformat, dt.datetime.fromisoformat),
    "time": (dt.time.isoformat, dt.time.fromisoformat),
}
_CODECS = {c.__name__: c for c in (NumberCodec, CategoryCodec)}
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
