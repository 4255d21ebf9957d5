"""Words in codes that follow from their row: the year of its day, its kind, whose it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.features import Ints
from dbsynth.formats import FormatModel
from dbsynth.patterns import Pattern, assemble, shares
from dbsynth.permute import Words, mix, permute
from dbsynth.release import Release

Part = Literal["", "year"]

_MOST_VALUES = 200  # different ones of a column that words may follow from
_MOST_SEEN = 3  # columns that words follow from, together
_GAIN = 0.05  # share of the rows that another column must explain
_LEAST_ROWS = 50
_BETWEEN = "\x1f"


@dataclass(frozen=True, slots=True)
class Leads:
    """What the patterns of a column's codes follow from, and which ones each combination has."""

    columns: tuple[tuple[str, Part], ...]
    told: Mapping[str, tuple[tuple[int, int], ...]]  # combination -> (pattern, weight)

    def to_json(self) -> dict[str, Any]:
        """Turn into plain values; `from_json` is the inverse."""
        return {
            "columns": [list(c) for c in self.columns],
            "told": {k: [list(s) for s in v] for k, v in self.told.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Leads:
        """Rebuild from `to_json`'s value."""
        told = {k: tuple((int(p), int(w)) for p, w in v) for k, v in data["told"].items()}
        return cls(tuple((c, p) for c, p in data["columns"]), told)


def fit_leads(
    statistic: str,
    codes: pa.Array,
    model: FormatModel,
    others: Mapping[str, pa.Array],
    entities: Ints,
    release: Release,
) -> Leads | None:
    """
    Find the columns from which the words in codes follow.

    Args:
        statistic: the column's name; decides the threshold.
        codes: (n,) strings.
        model: their format.
        others: (n,) columns that are known when codes are made: labels, moments, keys to copies.
        entities: (n,) which entity each row belongs to.
        release: the protection in force.

    Returns:
        None where nothing is explained by any of them.
    """
    own = pattern_of(codes, model.patterns)
    rows = np.flatnonzero(own >= 0)
    if len(model.patterns) < 2 or len(rows) < _LEAST_ROWS:
        return None
    own, owners = own[rows], entities[rows]
    known = {place: values.take(pa.array(rows)) for place, values in _seen(others)}
    chosen: list[tuple[str, Part]] = []
    combined, explained = np.zeros(len(rows), np.int64), _explained(np.zeros_like(own), own)
    while len(chosen) < _MOST_SEEN:
        tried = [(place, _joined(combined, v)) for place, v in known.items() if place not in chosen]
        scored = [(_explained(codes_, own), place, codes_) for place, codes_ in tried]
        best = max(scored, key=lambda s: s[0], default=None)
        if best is None or best[0] < explained + _GAIN:
            break
        explained, place, combined = best
        chosen.append(place)
    if not chosen:
        return None
    texts = _texts([known[p] for p in chosen])
    pairs = pc.binary_join_element_wise(texts, pa.array(own.astype(str)), _BETWEEN)
    labels, counts = release.labels(f"{statistic}.leads", pairs, owners)
    told: dict[str, list[tuple[int, int]]] = {}
    for label, count in zip(labels, counts.tolist(), strict=True):
        combination, pattern = label.rsplit(_BETWEEN, 1)
        told.setdefault(combination, []).append((int(pattern), int(count)))
    return Leads(tuple(chosen), {k: tuple(v) for k, v in sorted(told.items())})


def led_codes(
    model: FormatModel,
    leads: Leads,
    rows: Mapping[str, pa.Array | pa.ChunkedArray],
    made: pa.Array,
    numbers: tuple[int, int],
    seed: int,
) -> pa.Array:
    """
    Write codes anew whose words follow from their rows; codes of different rows differ.

    Args:
        model: the codes' format.
        leads: what follows from what.
        rows: (n,) the rows' columns.
        made: (n,) codes that have been made; NULL stays NULL.
        numbers: of the first row in its table, and how many the table has in all.
        seed: the run's.
    """
    first, size = numbers
    caps = np.array([p.space.capacity for p in model.patterns])
    if int(caps.min()) < size or not len(made):
        return made
    own = np.arange(first, first + len(made), dtype=np.uint64)
    unit = mix(own, model.key ^ seed ^ 3).astype(np.float64) / 2.0**64
    choice = np.searchsorted(np.cumsum(shares(model.patterns))[:-1], unit, side="right")
    texts = _texts([_part(rows[c], part) for c, part in leads.columns]).combine_chunks()
    encoded = pc.dictionary_encode(texts)
    index = np.asarray(encoded.indices, np.int64)
    for place, label in enumerate(encoded.dictionary.to_pylist()):
        told, mine = leads.told.get(label, ()), np.flatnonzero(index == place)
        if told:
            ends = np.cumsum([w for _, w in told]) / sum(w for _, w in told)
            chosen = np.searchsorted(ends[:-1], unit[mine], side="right")
            choice[mine] = np.array([p for p, _ in told])[chosen]
    written = _written(model, choice.astype(np.int64), own, seed).cast(made.type)
    return pc.if_else(pc.is_valid(made), written, pa.scalar(None, made.type))


def pattern_of(codes: pa.Array, patterns: Sequence[Pattern]) -> Ints:
    """Which pattern each of (n,) strings has; -1 for none."""
    found = np.full(len(codes), -1, np.int64)
    lengths = np.asarray(pc.fill_null(pc.utf8_length(codes), -1))
    for length in {len(p.alphabets) for p in patterns}:
        rows = np.flatnonzero(lengths == length)
        if not len(rows) or not length:
            continue
        texts = np.array(codes.take(pa.array(rows)).to_pylist(), f"<U{length}")
        matrix = texts.view(np.uint32).reshape(len(rows), length)
        for number, pattern in enumerate(patterns):
            if len(pattern.alphabets) == length:
                fits = _fits(matrix, pattern)
                found[rows[fits & (found[rows] < 0)]] = number
    return found


def _fits(matrix: np.ndarray[Any, Any], pattern: Pattern) -> np.ndarray[Any, np.dtype[np.bool_]]:
    fits = np.ones(len(matrix), bool)
    for place, alphabet in enumerate(pattern.alphabets):
        allowed = {*alphabet, *alphabet.upper()} if pattern.is_mixed_case else set(alphabet)
        fits &= np.isin(matrix[:, place], [ord(c) for c in allowed])
    return fits


def _written(model: FormatModel, choice: Ints, numbers: Words, seed: int) -> pa.Array:
    """One string for each row number, of the pattern that was chosen for it."""
    index = numbers.copy()
    for place, pattern in enumerate(model.patterns):
        mine = np.flatnonzero(choice == place)
        index[mine] = permute(index[mine], pattern.space.capacity, model.key ^ seed)
    return assemble(model.patterns, choice, index, model.key ^ seed)


def _seen(others: Mapping[str, pa.Array]) -> Iterable[tuple[tuple[str, Part], pa.Array]]:
    """The columns, as texts, that have few enough different values to lead."""
    for name, values in others.items():
        part: Part = "year" if pa.types.is_temporal(values.type) else ""
        texts = _part(values, part)
        if 1 < len(pc.unique(texts)) <= _MOST_VALUES:
            yield (name, part), texts


def _part(values: pa.Array | pa.ChunkedArray, part: Part) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    return (pc.year(values) if part else values).cast(pa.string())


def _texts(columns: Sequence[pa.Array]) -> pa.ChunkedArray:
    filled = [pc.fill_null(c, "") for c in columns]
    return pa.chunked_array([pc.binary_join_element_wise(*filled, _BETWEEN)])


def _joined(combined: Ints, values: pa.Array) -> Ints:
    codes = np.asarray(pc.fill_null(pc.dictionary_encode(values).indices, -1), np.int64)
    return np.asarray(combined * (_MOST_VALUES + 2) + codes + 1, np.int64)


def _explained(combined: Ints, own: Ints) -> float:
    """The share of rows that have the most frequent pattern of their combination."""
    _, codes = np.unique(combined, return_inverse=True)
    width = int(own.max()) + 1
    cells, counts = np.unique(codes * width + own, return_counts=True)
    most = np.zeros(int(codes.max()) + 1, np.int64)
    np.maximum.at(most, cells // width, counts)
    # Combinations of few rows explain themselves: each costs a row.
    return float(most.sum() - len(most)) / len(own)
