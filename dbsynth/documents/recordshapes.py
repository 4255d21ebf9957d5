"""Which parts of records come together: learned as sets, released if enough entities have them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dbsynth.documents.generators import Labels, Leaf, Level, Node, Record
from dbsynth.documents.levels import LevelFit
from dbsynth.features import Ints
from dbsynth.release import Release
from dbsynth.schema import SqlType

_COVERED = 0.6  # share of the records whose set of parts must be released
_CLOSER = 0.9  # share of those that must stay when labels are settled, too
_SETTLED_LABELS = 12
_SETTLED = 3
_INVENTED_SHAPES = 256


@dataclass(frozen=True)
class RecordShapes:
    """Finds out which parts of records come together, as far as it may be told."""

    level: LevelFit
    release: Release
    statistic: str
    rows: Ints

    def record(
        self,
        style: str,
        sql: SqlType,
        names: tuple[str, ...],
        nodes: tuple[Node, ...],
        presence: NDArray[np.bool_],
        level: Level,
    ) -> Record:
        codes = [",".join(map(str, np.flatnonzero(row))) for row in presence]
        shapes, weights = self._labels(codes)
        if sum(weights) < _COVERED * len(codes) or not shapes:
            shapes = self._invented(presence, is_whole=style != "json" and not len(codes))
            weights = [1.0] * len(shapes)
            found = tuple(_numbers(s) for s in shapes)
            return Record(style, sql, names, nodes, found, tuple(weights))
        settled: list[str] = []
        texts = codes
        for part in self._candidates(nodes, level):
            said = self.level.labels(part).take(pa.array(self.rows)).cast(pa.string()).to_pylist()
            closer = [
                f"{t}\x1f{'' if s is None else '=' + s}" for t, s in zip(texts, said, strict=True)
            ]
            labels, counts = self._labels(closer)
            if sum(counts) < _CLOSER * sum(weights):
                continue
            texts, shapes, weights = closer, labels, counts
            settled.append(part)
            if len(settled) == _SETTLED:
                break
        found = tuple(_numbers(s.split("\x1f")[0]) for s in shapes)
        kinds = {p.name: p.type.kind for p in level.parts}
        said_by_shape = tuple(
            tuple(_label(w, kinds[p]) for w, p in zip(s.split("\x1f")[1:], settled, strict=True))
            for s in shapes
        )
        return Record(
            style, sql, names, nodes, found, tuple(weights), tuple(settled),
            said_by_shape if settled else (),
        )  # fmt: skip

    def _labels(self, texts: list[str]) -> tuple[list[str], list[float]]:
        if not texts:
            return [], []
        owners = self.level.owners[self.rows]
        labels, counts = self.release.labels(self.statistic, pa.array(texts), owners)
        return labels, counts.astype(np.float64).tolist()

    def _candidates(self, nodes: tuple[Node, ...], level: Level) -> list[str]:
        """The parts whose labels a shape may settle: few different ones, the fewest first."""
        sizes = {
            p.name: len(p.learned.codec.labels)
            for p in level.parts
            if isinstance(p.learned, Labels)
        }
        own = [n.part for n in nodes if isinstance(n, Leaf) and n.part in sizes]
        small = [p for p in own if 1 < sizes[p] <= _SETTLED_LABELS]
        return sorted(small, key=lambda p: (sizes[p], p))

    def _invented(self, presence: NDArray[np.bool_], *, is_whole: bool) -> list[str]:
        """Put parts together by their own shares, where hardly any set of them may be told."""
        if is_whole:
            return [",".join(map(str, range(presence.shape[1])))]
        if not len(presence):
            return [""]
        shares = [self.release.share(column) for column in presence.T]
        rng = np.random.default_rng(self.release.threshold(self.statistic) + len(shares))
        drawn = rng.random((_INVENTED_SHAPES, len(shares))) < np.array(shares)
        return [",".join(map(str, np.flatnonzero(row))) for row in drawn]


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(n) for n in text.split(",") if n)


def _label(text: str, kind: str) -> Any:
    if not text:
        return None
    return text[1:] == "true" if kind == "boolean" else text[1:]
