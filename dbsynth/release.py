"""
The only door out of the source: every statistic that may enter a plan or a model file.

A label is released only if enough distinct *entities* carry it, an extreme only as the mean of the
outermost entities, an edge only as a quantile between them.  How many is enough is drawn per
statistic from 5, 6 and 7, so that the threshold itself cannot be probed.  Whoever builds anything
that is written to a file gets source values from here and nowhere else (an import contract and
`tests/test_release.py` see to it).

Source: research on k-anonymous release thresholds; the randomised threshold follows MOSTLY AI's
value protection, with entities in place of rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

MIN_ENTITIES = 20  # tables with fewer entities are synthesised from their schema alone


@dataclass(frozen=True, slots=True)
class Release:
    """The protection in force; `is_protected` False keeps everything (the user asked for it)."""

    seed: int = 0
    is_protected: bool = True

    def threshold(self, statistic: str) -> int:
        """How many entities a value of this statistic needs: 5, 6 or 7 (1: unprotected)."""
        if not self.is_protected:
            return 1
        digest = hashlib.blake2b(f"{self.seed}/{statistic}".encode(), digest_size=4).digest()
        return 5 + int.from_bytes(digest) % 3

    def labels(
        self, statistic: str, values: pa.Array, entities: NDArray[np.int64]
    ) -> tuple[list[Any], NDArray[np.int64]]:
        """
        Release the values that enough distinct entities carry.

        Args:
            statistic: its name, e.g. "orders.status"; decides the threshold.
            values: (n,) any hashable Arrow type; nulls are ignored.
            entities: (n,) which entity each row belongs to.

        Returns:
            the labels, most frequent first (ties by text), and how many rows carry each.
        """
        encoded = pc.dictionary_encode(values)
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.combine_chunks()
        labels = encoded.dictionary.to_pylist()
        present = np.asarray(pc.is_valid(encoded))
        codes = np.asarray(pc.fill_null(encoded.indices, 0))[present].astype(np.int64)
        rows = np.bincount(codes, minlength=len(labels))
        support = self.support(codes, entities[present], len(labels))
        kept = np.flatnonzero(support >= self.threshold(statistic))
        order = sorted(kept.tolist(), key=lambda i: (-int(rows[i]), str(labels[i])))
        return [labels[i] for i in order], rows[order].astype(np.int64)

    def carried(self, statistic: str, counted: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
        """
        Release labels that a database counted by itself: those that enough rows carry.

        Args:
            statistic: its name; decides the threshold.
            counted: labels, and how many rows have each.
        """
        return [(label, rows) for label, rows in counted if rows >= self.threshold(statistic)]

    @staticmethod
    def support(
        codes: NDArray[np.int64], entities: NDArray[np.int64], size: int
    ) -> NDArray[np.int64]:
        """Count the distinct entities behind each of `size` codes; (n,), (n,) -> (size,)."""
        if len(codes) == 0:
            return np.zeros(size, np.int64)
        _, owners = np.unique(entities, return_inverse=True)
        many = int(owners.max()) + 1
        pairs = np.unique(codes * many + owners)
        return np.bincount(pairs // many, minlength=size).astype(np.int64)

    def bounds(
        self, statistic: str, values: NDArray[np.float64], entities: NDArray[np.int64]
    ) -> tuple[float, float]:
        """
        Release a lowest and a highest value: the means over the outermost entities' extremes.

        Args:
            values: (n,) without NaN, n > 0.
            entities: (n,).

        Returns:
            (low, high); no single entity's value unless all the outermost share it.
        """
        k = self.threshold(statistic)
        _, inverse = np.unique(entities, return_inverse=True)
        low = np.full(inverse.max() + 1, np.inf)
        high = np.full(inverse.max() + 1, -np.inf)
        np.minimum.at(low, inverse, values)
        np.maximum.at(high, inverse, values)
        return float(np.sort(low)[:k].mean()), float(np.sort(high)[-k:].mean())

    def quantiles(
        self,
        statistic: str,
        values: NDArray[np.float64],
        entities: NDArray[np.int64],
        shares: Sequence[float] | NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Release quantiles, clipped to `bounds`; (n,) -> (len(shares),) ascending."""
        low, high = self.bounds(statistic, values, entities)
        curve: NDArray[np.float64] = np.quantile(values, np.asarray(shares))
        return curve.clip(low, high)

    def counts(self, statistic: str, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """
        Release how many rows each entity has, as a sorted multiset with the same total.

        The largest `threshold` counts are replaced by their mean (rounded so that the sum stays),
        so no single entity's extreme leaves, and the total row count is exact.
        """
        ordered = np.sort(counts)
        k = min(self.threshold(statistic), len(ordered))
        if k > 1:
            total = int(ordered[-k:].sum())
            ordered[-k:] = total // k
            ordered[len(ordered) - total % k :] += 1
            ordered = np.sort(ordered)
        return ordered

    @staticmethod
    def share(marked: NDArray[np.bool_]) -> float:
        """Release which share of (n,) rows has a property, to a thousandth; 0 of no rows."""
        return round(float(marked.mean()), 3) if len(marked) else 0.0

    def is_enough(self, entities: NDArray[np.int64]) -> bool:
        """Whether a table has enough distinct entities to learn anything from its rows."""
        return not self.is_protected or len(np.unique(entities)) >= MIN_ENTITIES
