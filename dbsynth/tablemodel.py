"""What is known of one table after fit: layouts, row models, makers, counts; nothing unreleased."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dbsynth.documents.generators import Document
from dbsynth.families import Heritage
from dbsynth.features import Features, Ints
from dbsynth.leading import Leading
from dbsynth.makers import Makers
from dbsynth.meetings import Meeting
from dbsynth.model import find_engine
from dbsynth.model.base import RowModel
from dbsynth.model.gaps import Gap
from dbsynth.plan import Plan
from dbsynth.pseudonyms import Pseudonyms
from dbsynth.rows import Layout
from dbsynth.schema import TableName
from dbsynth.series import Series
from dbsynth.timings import Timing


@dataclass(frozen=True, slots=True)
class Clusters:
    """Rows sorted into kinds, so that children can choose a kind before they get a row."""

    centres: NDArray[np.float32]  # (kinds, width)
    weights: NDArray[np.float32]  # (width,) how much each coordinate counts

    def assign(self, features: Features) -> Ints:
        """Find the nearest kind of each of (n,) rows."""
        spread = spread_out(features) * self.weights
        nearest = np.zeros(len(spread), np.int64)
        square = (self.centres**2).sum(axis=1)
        for start in range(0, len(spread), 8192):
            part = spread[start : start + 8192]
            nearest[start : start + 8192] = np.argmin(square - 2 * part @ self.centres.T, axis=1)
        return nearest


@dataclass(frozen=True, slots=True)
class RowsModel:
    """A layout and the engine's model of it."""

    layout: Layout
    engine: str
    model: RowModel
    gap: Gap | None = None  # known where it was trained, no part of a model file

    def __reduce__(self) -> tuple[Callable[..., RowsModel], tuple[Any, ...]]:
        """Travel from process to process as through a file: whatever the engine, it can do that."""
        return _rebuilt, (self.layout, self.engine, *self.model.saved())


def _rebuilt(
    layout: Layout, engine: str, data: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]
) -> RowsModel:
    return RowsModel(layout, engine, find_engine(engine).load(data, tensors))


@dataclass(frozen=True)
class TableModel:
    """One table's generator."""

    name: TableName
    structure: RowsModel | None = None  # keys other than the owner's
    content: RowsModel | None = None  # attributes, then how many children
    outline: RowsModel | None = None  # what rows tell of numbers of their children
    clusters: Clusters | None = None  # where other tables choose these rows by kind
    alike: tuple[int, ...] = ()  # made-up rows by kind, which only those that choose them tell
    makers: Makers = field(default_factory=Makers)
    documents: Mapping[str, Document] = field(default_factory=dict)  # by column
    pseudonyms: Mapping[str, Pseudonyms] = field(default_factory=dict)  # for rare labels, by column
    counts: Mapping[str, Ints] = field(default_factory=dict)  # edge -> released fan-outs, ascending
    ownerless: int = 0  # rows of the source without an owner
    agreements: Mapping[str, float] = field(default_factory=dict)  # backfill key -> share
    # Of those that lead back, the shares that lead to the first and to the last of several.
    ends: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    reuse: Mapping[str, float] = field(default_factory=dict)  # key -> share, see `repeating`
    heritage: Heritage | None = None  # what rows have again of their family
    leading: Leading = field(default_factory=dict)  # what follows from what
    meetings: Mapping[str, Meeting] = field(default_factory=dict)  # by key
    timings: tuple[Timing, ...] = ()  # keys to rows that are there when others choose them
    series: Series | None = None  # when rows are, and how they are tied, if they are series
    rows: pa.Table | None = None  # reference tables: their rows


@dataclass(frozen=True)
class Model:
    """Everything `generate` needs; can travel without the source."""

    plan: Plan
    tables: Mapping[TableName, TableModel]


KIND = "#kind"  # what rows are chosen for, drawn with them


def edge_name(child: TableName, key: str) -> str:
    """The name of the count of a table's child rows along one key."""
    return f"#{child}/{key}"


def last_name(edge: str) -> str:
    """The name of the day on which the last child row along an edge comes."""
    return f"{edge}~last"


def sketch_name(edge: str, column: str, part: str) -> str:
    """The name of a part of what a row tells of a number of its children along an edge."""
    return f"{edge}~{column}~{part}"


def spread_out(features: Features) -> NDArray[np.float32]:
    """
    Turn features into coordinates in which distance means difference.

    Floats count once each; codes of few values as indicators; codes of many values not at all.
    """
    parts = [features.floats]
    for column, cards in enumerate(features.cards):
        if cards <= 33:
            hot = np.zeros((len(features), cards), np.float32)
            hot[np.arange(len(features)), features.codes[:, column]] = 0.7
            parts.append(hot)
    return np.concatenate(parts, axis=1) if parts else np.zeros((len(features), 1), np.float32)
