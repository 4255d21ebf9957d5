"""Labels that list some of a few words (`drama|war`): learned by word, put together anew."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.features import Floats, Ints
from dbsynth.release import Release

SEPARATORS = ("; ", ", ", " | ", "|", ";", ",", "/", "+")
OFTEN = 0.5  # share of the labels that have the separator
COVERED = 0.9  # share of the words in lists that enough entities carry
IN_ORDER = 0.98  # share of the lists that have their words in one order
MOST_WORDS, FEWEST_WORDS = 100, 3


@dataclass(frozen=True, slots=True)
class Listing:
    """What lists are made of; plain released values only."""

    separator: str
    words: tuple[str, ...]  # in the order in which lists have them, if they have one
    uses: tuple[int, ...]  # how often each word is in a list
    sizes: tuple[tuple[int, int], ...]  # how many words, how many lists have so many
    is_ordered: bool

    def to_json(self) -> dict[str, Any]:
        """Turn into plain values; `from_json` is the inverse."""
        return {
            "separator": self.separator,
            "words": list(self.words),
            "uses": list(self.uses),
            "sizes": [list(s) for s in self.sizes],
            "is_ordered": self.is_ordered,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Listing:
        """Rebuild from `to_json`'s value."""
        sizes = tuple((k, n) for k, n in data["sizes"])
        words, uses = tuple(data["words"]), tuple(data["uses"])
        return cls(data["separator"], words, uses, sizes, data["is_ordered"])


def fit_listing(
    statistic: str, text: pa.Array, entities: Ints, release: Release, length: int | None
) -> Listing | None:
    """
    Learn what (n,) labels list; None where they list nothing that enough entities have.

    Args:
        statistic: the column's name.
        text: (n,) labels without NULL.
        entities: (n,).
        release: the protection in force.
        length: how many characters the column holds.
    """
    for separator in SEPARATORS:
        has = pc.match_substring(text, separator)
        if pc.mean(has.cast(pa.float64())).as_py() >= OFTEN:
            return _of(statistic, separator, text, entities, release, length)
    return None


def _of(
    statistic: str,
    separator: str,
    text: pa.Array,
    entities: Ints,
    release: Release,
    length: int | None,
) -> Listing | None:
    lists = pc.split_pattern(text, separator)
    rows = np.asarray(pc.list_parent_indices(lists))
    flat = pc.list_flatten(lists)
    words, uses = release.labels(f"{statistic}.word", flat, entities[rows])
    known = np.asarray(pc.is_in(flat, value_set=pa.array(words, pa.string())))
    is_small = FEWEST_WORDS <= len(words) <= MOST_WORDS and "" not in words
    if not is_small or known.mean() < COVERED:
        return None
    lists_of = [x for x in lists.to_pylist() if len(set(x)) == len(x)]
    if len(lists_of) < COVERED * len(lists):
        return None
    order = _order(words, lists_of)
    numbers, counts = release.labels(f"{statistic}.size", pc.list_value_length(lists), entities)
    widest = length if length is not None else np.inf
    longest = max(len(w) for w in words) + len(separator)
    sizes = tuple(
        (int(k), int(n)) for k, n in zip(numbers, counts, strict=True)
        if k <= len(words) and k * longest <= widest
    )  # fmt: skip
    if not sizes:
        return None
    ranked = np.argsort([order.index(w) for w in words]) if order else np.arange(len(words))
    return Listing(
        separator,
        tuple(words[i] for i in ranked),
        tuple(int(uses[i]) for i in ranked),
        sizes,
        bool(order),
    )


def _order(words: list[str], lists: list[list[str]]) -> list[str]:
    """The words in the order in which nearly all lists have them; none if there is no such."""
    place: dict[str, list[float]] = {w: [] for w in words}
    for one in lists:
        for number, word in enumerate(one):
            if word in place:
                place[word].append(number / max(1, len(one) - 1))
    usual = sorted(words, key=lambda w: (float(np.mean(place[w])) if place[w] else 0.5, w))
    for order in (sorted(words), usual):
        rank = {w: i for i, w in enumerate(order)}
        kept = [
            all(rank[a] < rank[b] for a, b in pairwise(w for w in one if w in rank))
            for one in lists
            if len(one) > 1
        ]
        if kept and np.mean(kept) >= IN_ORDER:
            return order
    return []


def sample_listing(listing: Listing, rng: np.random.Generator, rows: int) -> pa.Array:
    """(rows,) lists of words, none of them twice in one."""
    sizes, counts = (np.array(x) for x in zip(*listing.sizes, strict=True))
    wanted = rng.choice(sizes, rows, p=counts / counts.sum())
    # The largest of shares with Gumbel noise are drawn by these shares, without replacement.
    noisy: Floats = np.log(np.array(listing.uses, np.float64)) + rng.gumbel(
        size=(rows, len(listing.words))
    )
    chosen = np.argsort(-noisy, axis=1)
    found = []
    for row, size in zip(chosen, wanted, strict=True):
        some = np.sort(row[:size]) if listing.is_ordered else row[:size]
        found.append(listing.separator.join(listing.words[i] for i in some))
    return pa.array(found, pa.string())
