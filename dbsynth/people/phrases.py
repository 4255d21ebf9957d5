"""Short labels of several words, put together anew from words that enough entities have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dbsynth.permute import key_of
from dbsynth.release import Release
from dbsynth.unused import Space, free_space

_FEWEST = 50  # labels that can be learned from
_SEVERAL = 0.6  # of the labels have several words
_MOST_WORDS = 5  # of a label, as a rule; longer ones are sentences
_COVERED, _VARIED = 0.5, 5  # share of the labels whose first, or last, words are known; how many
_OFFERED = 500  # words where none of the source's may be told
_NUMBERS, _FEW_NUMBERS = 1000, 50  # where numbers that stand in for others end, and how many
_SHARES = np.linspace(0.0, 1.0, 11)


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrases:
    """Words that labels begin with, end in and have between; no label has an allowed pair."""

    first: tuple[str, ...]
    last: tuple[str, ...]
    middle: tuple[str, ...]
    sizes: tuple[float, ...]  # how many words labels have, at 11 quantiles
    space: Space  # of the pairs of first and last words

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Phrases:
        """Rebuild from `dataclasses.asdict`'s value."""
        words = {n: tuple(data[n]) for n in ("first", "last", "middle", "sizes")}
        return cls(**words, space=Space.from_json(data["space"]))

    def to_json(self) -> dict[str, Any]:
        """Turn into plain values."""
        return asdict(self)


def fit_phrases(
    statistic: str,
    texts: pa.Array,
    entities: NDArray[np.int64],
    release: Release,
    offered: Sequence[str],
    limit: int | None = None,
) -> Phrases | None:
    """
    Learn of what words labels are made; None where hardly any word may be told.

    Args:
        statistic: the column's name.
        texts: (n,) labels without NULL.
        entities: (n,).
        release: the protection in force.
        offered: other words, for one end of labels where the source's are too rare.
        limit: characters that the column holds; a label cut short could be one of the source's.
    """
    lists = pc.split_pattern_regex(pc.utf8_trim_whitespace(texts), r"\s+")
    sizes = np.asarray(pc.list_value_length(lists), np.int64)
    several = np.flatnonzero(sizes > 1)
    is_short = len(sizes) >= _FEWEST and float(np.median(sizes)) <= _MOST_WORDS
    if not is_short or len(several) < _SEVERAL * len(sizes):
        return None
    words, ends = pc.list_flatten(lists), np.cumsum(sizes)
    begin, end = (ends - sizes)[several], ends[several] - 1
    inner = np.ones(len(words), bool)
    inner[np.concatenate([ends - sizes, ends - 1])] = False
    owners = entities[several]
    edges = [words.take(pa.array(place)) for place in (begin, end)]
    known = [
        _released(f"{statistic}.{name}", own, owners, release)
        for name, own in zip(("first", "last"), edges, strict=True)
    ]
    if not any(known):
        return None
    pools = [pool or _unused(own, offered) for pool, own in zip(known, edges, strict=True)]
    longest = [max(map(len, pool), default=0) for pool in pools]
    if limit is not None and sum(longest) + 1 > limit:
        return None
    middle, _ = release.labels(
        f"{statistic}.middle", words.filter(pa.array(inner)), np.repeat(entities, sizes)[inner]
    )
    space = _free_pairs(statistic, pools, edges, release)
    if space.may_collide or not space.capacity:
        return None
    counts = release.quantiles(
        f"{statistic}.words", sizes[several].astype(np.float64), owners, _SHARES
    )
    return Phrases(
        first=pools[0], last=pools[1], middle=tuple(middle), sizes=tuple(counts.tolist()),
        space=space,
    )  # fmt: skip


def _released(
    statistic: str, words: pa.Array, owners: NDArray[np.int64], release: Release
) -> tuple[str, ...]:
    """Words that enough entities have, each in its most frequent case; none if most are rarer."""
    labels, counts = release.labels(statistic, words, owners)
    once = {label.lower(): label for label in reversed(labels)}
    found = tuple(label for label in labels if once[label.lower()] == label)
    is_enough = counts.sum() >= _COVERED * len(words) and len(found) >= _VARIED
    return found if is_enough else ()


def _unused(words: pa.Array, offered: Sequence[str]) -> tuple[str, ...]:
    """Other words than the source has there, written as these are; numbers for numbers."""
    used = set(pc.utf8_lower(words).unique().to_pylist())
    numbers = pc.match_substring_regex(words, r"^\d+$")
    if pc.mean(numbers.cast(pa.float64())).as_py() > 0.5:
        some = [str(n) for n in range(1, _NUMBERS) if str(n) not in used]
        return tuple(some[: max(_FEW_NUMBERS, len(some) // 10)])
    is_capital = pc.match_substring_regex(words, r"^\p{Lu}")
    capitals = pc.mean(is_capital.cast(pa.float64())).as_py()
    free = [w for w in offered if w.lower() not in used]
    free = free[:: -(-len(free) // _OFFERED) or 1]
    return tuple(w.capitalize() for w in free) if capitals > 0.5 else tuple(free)


def _free_pairs(
    statistic: str, pools: Sequence[tuple[str, ...]], edges: Sequence[pa.Array], release: Release
) -> Space:
    """Number the pairs of a first and a last word, without those that labels have."""
    places = [
        pc.index_in(pc.utf8_lower(own), pa.array([w.lower() for w in pool], pa.string()))
        for pool, own in zip(pools, edges, strict=True)
    ]
    first, last = (p.cast(pa.int64()) for p in places)
    ranks = pc.add(pc.multiply(first, len(pools[1])), last).drop_null()
    used = np.unique(np.asarray(ranks, np.int64)).astype(np.uint64)
    size = len(pools[0]) * len(pools[1])
    return free_space(used, size, max(1, len(used) // 4), key_of("pairs", release.seed, statistic))


def sample_phrases(
    phrases: Phrases, rng: np.random.Generator, rows: int, limit: int | None = None
) -> pa.Array:
    """Make (rows,) labels; those that would be longer than the limit are of two words."""
    index = rng.integers(0, phrases.space.capacity, rows).astype(np.uint64)
    first, last = np.divmod(phrases.space.locate(index).astype(np.int64), len(phrases.last))
    wanted = np.round(np.interp(rng.random(rows), _SHARES, phrases.sizes)).astype(np.int64)
    inner = np.maximum(wanted - 2, 0) if phrases.middle else np.zeros(rows, np.int64)
    between = rng.integers(0, max(1, len(phrases.middle)), int(inner.sum())).tolist()
    found, place = [], 0
    for a, b, size in zip(first.tolist(), last.tolist(), inner.tolist(), strict=True):
        some = [phrases.middle[i] for i in between[place : place + size]]
        place += size
        text = " ".join([phrases.first[a], *some, phrases.last[b]])
        is_long = limit is not None and len(text) > limit
        found.append(f"{phrases.first[a]} {phrases.last[b]}" if is_long else text)
    return pa.array(found, pa.string())
