"""Numbers that follow from a label of the row and one above: found, and put in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dbsynth.codecs import NumberCodec
from dbsynth.features import Features, Floats, Ints
from dbsynth.release import Release

MOST_LABELS = 64  # of a column from which something may follow
SETTLED = 0.9  # share of a label's rows whose value is one of the frequent ones
FEWEST_OTHERS = 10  # owners that have another value than most, of those with a label
MOST_WRONG = 0.2  # share of these that may still have another than the two labels say


@dataclass(frozen=True, slots=True)
class Foregone:
    """What a number is, given a label of its row and one above: one entry for each such pair."""

    label: tuple[str, ...]  # the row's column
    code: tuple[int, ...]  # where the other stands among the codes of what rows hang on
    own: tuple[int, ...]  # the row's label
    above: tuple[int, ...]  # the one above
    value: tuple[float, ...]
    share: tuple[float, ...]  # of such rows that have the value

    def over(
        self, numbers: Floats, labels: Callable[[str], Ints], above: NDArray[np.integer[Any]],
        uniforms: Floats,
    ) -> Floats:  # fmt: skip
        """
        Put what follows in the place of (n,) numbers, as often as it does.

        Args:
            numbers: as they were drawn.
            labels: the rows' (n,) tokens, by column.
            above: (n, codes) of what rows hang on.
            uniforms: (n,) decide.
        """
        found = numbers.copy()
        for label, code, own, kind, value, share in self._entries:
            found[(labels(label) == own) & (above[:, code] == kind) & (uniforms < share)] = value
        return found

    @property
    def _entries(self) -> Iterator[tuple[str, int, int, int, float, float]]:
        return zip(self.label, self.code, self.own, self.above, self.value, self.share, strict=True)


def fit_foregone(
    statistic: str,
    values: Floats,
    codec: NumberCodec,
    labels: Mapping[str, Ints],
    condition: Features,
    groups: Ints,
    entities: Ints,
    release: Release,
) -> Foregone | None:
    """
    Find the values that follow: the fee of an account by what it was opened as.

    An owner's first such rows are few among all rows, those of rare owners fewer still: networks
    learn from them late that both labels matter at once.

    Args:
        statistic: the number's name.
        values: (n,), NaN for NULL.
        codec: the number's; only its frequent values, which are released, may follow.
        labels: (n,) tokens of the row's categories that are drawn before; 0 for none.
        condition: (n, ...) what rows hang on; nothing of siblings.
        groups: (n,) whose siblings rows are: owners, not rows, are what is counted.
        entities: (n,).
        release: the protection in force.
    """
    codes = [c for c, cards in enumerate(condition.cards) if 2 < cards <= MOST_LABELS]
    if not codes:  # nothing above says anything; tables of many columns would wait long to hear it
        return None
    tokens = codec.encode(values)
    is_settled = (tokens > 0) & (tokens <= len(codec.spikes))
    needed = release.threshold(f"{statistic}.foregone")
    found: list[tuple[str, int, int, int, float, float]] = []
    for name, own in labels.items():
        counted = np.bincount(own, weights=is_settled) if len(own) else np.zeros(0)
        rows = np.bincount(own, minlength=len(counted))
        is_told = (rows > 0) & (counted >= SETTLED * np.maximum(rows, 1))
        is_told[:1] = False  # nothing follows from NULL
        for label in np.flatnonzero(is_told):
            here = np.flatnonzero(own == label)
            code = _telling(tokens[here], condition.codes[here], codes, groups[here])
            if code is None:
                continue
            above = condition.codes[here, code].astype(np.int64)
            for kind, token, share in _pairs(tokens[here], above, entities[here], needed):
                if token <= len(codec.spikes):
                    value = codec.spikes[token - 1]
                    found.append((name, code, int(label), kind, value, share))
    return Foregone(*zip(*found, strict=True)) if found else None


def _telling(
    tokens: Ints, condition: NDArray[np.integer[Any]], codes: list[int], groups: Ints
) -> int | None:
    """The code above that, of some rows, says which value they have; None where nothing does."""
    size = int(tokens.max()) + 1
    pairs, first = np.unique(groups * size + tokens, return_index=True)
    most = int(np.bincount(pairs % size).max())
    others = len(pairs) - most
    if others < FEWEST_OTHERS:
        return None
    best, least = None, MOST_WRONG * others
    for code in codes:
        cells = condition[first, code].astype(np.int64) * size + pairs % size
        counts = np.bincount(cells, minlength=-(-(int(cells.max()) + 1) // size) * size)
        wrong = len(pairs) - int(counts.reshape(-1, size).max(axis=1).sum())
        if wrong <= least and (best is None or wrong < least):
            best, least = code, wrong
    return best


def _pairs(
    tokens: Ints, above: Ints, entities: Ints, needed: int
) -> Iterator[tuple[int, int, float]]:
    """Labels above, the token that goes with each, and how often; that enough entities have."""
    for kind in np.unique(above):
        here = above == kind
        token = int(np.bincount(tokens[here]).argmax())
        same = here & (tokens == token)
        if token > 0 and len(np.unique(entities[same])) >= needed:
            yield int(kind), token, Release.share(tokens[here] == token)
