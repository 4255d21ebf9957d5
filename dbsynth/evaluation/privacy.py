"""How near made rows are to single rows of the source: distances, exact copies, leaked values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dbsynth.evaluation.bench import Bench, thin
from dbsynth.evaluation.features import values_of
from dbsynth.evaluation.measures import Mask, auc
from dbsynth.evaluation.reading import Lens, stream
from dbsynth.evaluation.scores import LeakScore, Privacy
from dbsynth.evaluation.views import View, to_text
from dbsynth.features import Floats
from dbsynth.schema import TableName

if TYPE_CHECKING:
    from dbsynth.adapters.base import Source

FEWEST = 100  # rows of each part, without which no distance is measured
FEWEST_COLUMNS = 3  # learned ones: rows with fewer are alike by chance
QUERIES = 2_000  # rows whose closest one is looked for
REFERENCE = 10_000  # rows among which it is looked for
_TEXTS = ("format", "text", "personal")
_CHUNK = 200
_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9))

Hashes = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class _Parts:
    """Real rows that were learned from, others, and made ones."""

    known: Mask  # of the source's rows: among these copies are looked for
    others: tuple[int, Mask]  # which side, and which of its rows: real, and not among the known
    is_held_out: bool

    @classmethod
    def of(cls, bench: Bench, name: TableName) -> _Parts:
        """Take the held out rows as the others or, without any, half of the source's entities."""
        if bench.held is not None:
            everything = [np.ones(n, bool) for n in bench.views[name].rows]
            return cls(everything[0], (2, everything[2]), is_held_out=True)
        half = bench.half(name)
        return cls(~half, (0, half), is_held_out=False)

    def arrays(self, views: Sequence[View]) -> tuple[Floats, Floats, Floats]:
        """The columns of known, made and other rows as matrices."""
        which, rows = self.others
        return (
            _matrix(views, 0)[self.known],
            _matrix(views, 1),
            _matrix(views, which)[rows],
        )


def privacy_score(bench: Bench, name: TableName, source: Source, lens: Lens) -> Privacy | None:
    """
    Measure how near a table's made rows are to rows of the source.

    Copies and leaks are looked for twice: among all of the source's rows, and among half of its
    entities, for which the rows of the other half tell what is there by chance.  With held out
    rows these take the place of the other half.

    Args:
        source: entered; read once more where the table was not read as a whole.
        lens: how the source calls the table.

    Returns:
        None for a table without anything to compare.
    """
    parts = _Parts.of(bench, name)
    views = bench.views[name].learned
    texts = _told_apart(bench, name)
    has_rows = len(views) >= FEWEST_COLUMNS
    if not has_rows and not texts:
        return None
    found = _Lookup.of(bench, name, views if has_rows else [], texts)
    if bench.real.whole(name):
        found.look(bench.real.rows[name])
    else:
        for batch in stream(source, lens, found.columns):
            found.look(pa.Table.from_batches([batch]))
    copies = copies_half = baseline = nearer = distance = None
    if has_rows:
        known, made, others = parts.arrays(views)
        marks = [row_hashes(rows) for rows in (known, made, others)]
        copies, copies_half = found.copies, _share(marks[1], marks[0])
        baseline = _share(marks[2], marks[0])
        if min(map(len, (known, made, others))) >= FEWEST:
            nearer, distance = _nearer(views, known, made, others, bench.seed, parts.is_held_out)
    return Privacy(
        copies=copies, copies_of_half=copies_half, copies_baseline=baseline, nearer=nearer,
        distance=distance, leaks=tuple(_leaks(bench, name, parts, texts, found)),
        is_held_out=parts.is_held_out,
    )  # fmt: skip


def row_hashes(rows: Floats) -> Hashes:
    """
    Hash rows of numbers, so that equal rows have equal hashes; to six places.

    Args:
        rows: (n, a), NaN equal to NaN.
    """
    found = np.full(len(rows), _MIX[0], np.uint64)
    for column in rows.T:
        rounded = np.round(column, 6) + 0.0  # no negative zero
        rounded[np.isnan(rounded)] = 1e300
        found = (found ^ rounded.view(np.uint64)) * _MIX[1]
        found ^= found >> np.uint64(29)
        found *= _MIX[0]
    return found


def _share(rows: Hashes, among: Hashes) -> float | None:
    return float(np.isin(rows, among).mean()) if len(rows) and len(among) else None


def _matrix(views: Sequence[View], which: int) -> Floats:
    return np.stack([values_of(v, which) for v in views], axis=1)


@dataclass
class _Lookup:
    """Counts which made rows and values the source has, while its rows go by."""

    views: Sequence[View]
    rows: Hashes  # of the made rows
    is_copy: Mask
    values: dict[str, pa.Array]  # column -> the different made texts
    is_leak: dict[str, Mask]

    @classmethod
    def of(
        cls, bench: Bench, name: TableName, views: Sequence[View], texts: Sequence[str]
    ) -> _Lookup:
        """Look for the made rows, by their learned columns, and for their texts."""
        made = bench.made.rows[name]
        rows = row_hashes(_matrix(views, 1)) if views else np.empty(0, np.uint64)
        values = {c: different(made.column(c)) for c in texts}
        is_leak = {c: np.zeros(len(v), bool) for c, v in values.items()}
        return cls(views, rows, np.zeros(len(rows), bool), values, is_leak)

    @property
    def columns(self) -> list[str]:
        """What has to be read."""
        return [v.name for v in self.views] + list(self.values)

    @property
    def copies(self) -> float | None:
        """The share of made rows that the source has."""
        return float(self.is_copy.mean()) if len(self.is_copy) else None

    def look(self, rows: pa.Table) -> None:
        """See some of the source's rows."""
        if self.views:
            encoded = np.stack([v.reader.encode(rows.column(v.name)) for v in self.views], axis=1)
            self.is_copy |= np.isin(self.rows, row_hashes(encoded))
        for column, made in self.values.items():
            place = pc.index_in(different(rows.column(column)), value_set=made).drop_null()
            self.is_leak[column][np.asarray(place)] = True


def different(column: pa.ChunkedArray) -> pa.Array:
    """List the different texts of a column, without surrounding blanks, empty ones and NULLs."""
    texts = pc.unique(pc.utf8_trim_whitespace(to_text(column)).drop_null())
    texts = texts.filter(pc.not_equal(texts, ""))
    return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts


def _told_apart(bench: Bench, name: TableName) -> list[str]:
    """The columns of texts of which more than half are different in the source."""
    found = []
    real = bench.real.rows[name]
    for column in bench.plan.schema.table(name).written_columns:
        treatment = bench.plan.tables[name].columns[column.name]
        is_key = treatment.kind == "key" and treatment.semantic in ("uuid", "format")
        is_text = column.type.kind in ("string", "uuid", "other", "json")
        if not is_text or not (is_key or treatment.kind in _TEXTS):
            continue
        if column.name not in bench.made.rows[name].column_names:
            continue
        values = real.column(column.name)
        known = len(values) - values.null_count
        if known and 2 * len(different(values)) > known:
            found.append(column.name)
    return found


def _leaks(
    bench: Bench, name: TableName, parts: _Parts, texts: Sequence[str], found: _Lookup
) -> Iterator[LeakScore]:
    which, rows = parts.others
    side = (bench.real, bench.made, bench.held)[which]
    for column in texts:
        is_leak, made = found.is_leak[column], found.values[column]
        if not len(made) or side is None:
            continue
        known = different(bench.real.rows[name].column(column).filter(pa.array(parts.known)))
        others = different(side.rows[name].column(column).filter(pa.array(rows)))
        yield LeakScore(
            column=column,
            leaked=int(is_leak.sum()),
            share=float(is_leak.mean()),
            share_of_half=_within(made, known),
            baseline=_within(others, known) if len(others) else None,
        )


def _within(values: pa.Array, known: pa.Array) -> float:
    return float(np.asarray(pc.is_in(values, value_set=known)).mean())


def _nearer(
    views: Sequence[View],
    known: Floats,
    made: Floats,
    others: Floats,
    seed: int,
    is_held_out: bool,
) -> tuple[float, tuple[float, float]]:
    """
    How often made rows are nearer to known rows than they should be.

    With held out rows: the share of made rows that are nearer to a row that was learned from than
    to any of as many others.  Without: how often a made row is nearer to its closest one of a half
    of the source than a row of the other half is.  .5 is what other real rows would have.
    """
    categories = [v.kind == "category" for v in views]
    scale = Scale.of(known, categories)
    size = min(len(known), len(others), REFERENCE)
    if is_held_out:
        asked = made[thin(len(made), QUERIES, seed)]
        near = closest(
            scale.apply(asked), scale.apply(known[thin(len(known), size, seed)]), categories
        )
        far = closest(
            scale.apply(asked), scale.apply(others[thin(len(others), size, seed)]), categories
        )
        share = float(np.mean((near < far) + 0.5 * (near == far)))
        return share, (float(np.median(near)), float(np.median(far)))
    reference = scale.apply(known[thin(len(known), REFERENCE, seed)])
    ours, theirs = (
        closest(scale.apply(rows[thin(len(rows), QUERIES, seed)]), reference, categories)
        for rows in (made, others)
    )
    is_made = np.repeat([True, False], [len(ours), len(theirs)])
    share = auc(is_made, -np.concatenate([ours, theirs]))
    return share, (float(np.median(ours)), float(np.median(theirs)))


@dataclass(frozen=True)
class Scale:
    """Puts numbers on their rank among known rows, so that columns count alike."""

    known: Sequence[Floats]  # per column sorted numbers; of categories none
    categories: Sequence[bool]

    @classmethod
    def of(cls, rows: Floats, categories: Sequence[bool]) -> Scale:
        """Take (n, a) rows as known."""
        return cls([np.sort(c[~np.isnan(c)]) for c in rows.T], categories)

    def apply(self, rows: Floats) -> NDArray[np.float32]:
        """Scale (m, a) rows to 0..1; labels stay, NULL is -1."""
        found = np.empty(rows.shape, np.float32)
        for i, column in enumerate(rows.T):
            scaled = column
            if not self.categories[i]:
                size = max(1, len(self.known[i]))
                ends = [np.searchsorted(self.known[i], column, side) for side in ("left", "right")]
                scaled = (ends[0] + ends[1]) / (2 * size)
            found[:, i] = np.where(np.isnan(column), -1, scaled)
        return found


def closest(
    asked: NDArray[np.float32], known: NDArray[np.float32], categories: Sequence[bool]
) -> Floats:
    """
    Find the distance from each row to its closest one: the mean difference of the columns.

    Gower, A general coefficient of similarity and some of its properties, Biometrics 27 (1971).

    Args:
        asked: (n, a) scaled rows; NULL is -1 and as far from everything as another label.
        known: (m, a) scaled rows.

    Returns:
        (n,) distances, 0 (the same) .. 1.
    """
    found = np.empty(len(asked))
    for start in range(0, len(asked), _CHUNK):
        rows = asked[start : start + _CHUNK]
        total = np.zeros((len(rows), len(known)), np.float32)
        for i, is_category in enumerate(categories):
            left, right = rows[:, i, None], known[None, :, i]
            if is_category:
                total += left != right
                continue
            apart = np.abs(left - right)
            apart[(left < 0) != (right < 0)] = 1
            total += apart
        found[start : start + _CHUNK] = total.min(axis=1) / max(1, len(categories))
    return found
