"""Other values for a row whose value is taken: near ones, other labels, new codes of its format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.encode import CategoryColumn, NumberColumn
from dbsynth.features import Ints
from dbsynth.formats import FormatModel, sample_format
from dbsynth.limits import allowed_labels
from dbsynth.mending.draft import Draft, Proposal, Unit
from dbsynth.mending.localsql import LocalSql
from dbsynth.mending.patterned import patterns_of
from dbsynth.regexes import Pattern
from dbsynth.schema import Column, Table
from dbsynth.serials import can_count, count
from dbsynth.tablemodel import TableModel
from dbsynth.values import from_floats, to_floats

if TYPE_CHECKING:
    from collections.abc import Sequence

_COUNTED = (100_000, 1_000_000)  # numbers of values that are counted
LABELS_FOR = 40  # attempts, before texts beyond the released labels are tried
_DIGITS = 9  # of a number that is written over the end of a text


@dataclass(frozen=True)
class Variants:
    """Where other values of a table's columns come from."""

    columns: Mapping[str, Column]
    labels: Mapping[str, tuple[Any, ...]]
    steps: Mapping[str, float]
    formats: Mapping[str, FormatModel]
    patterns: Mapping[str, Sequence[Pattern]]  # that checks ask of texts
    listed: frozenset[str] = frozenset()  # columns of which a check or a type lists the labels

    @classmethod
    def of(cls, table: Table, local: LocalSql, model: TableModel) -> Variants:
        """Collect what the schema and the model know of a table's values."""
        columns = model.content.layout.columns if model.content else ()
        return cls(
            columns={c.name: c for c in table.columns},
            labels={c.name: c.codec.labels for c in columns if isinstance(c, CategoryColumn)},
            steps={c.name: c.codec.step for c in columns if isinstance(c, NumberColumn)},
            formats=model.makers.formats,
            patterns=patterns_of(table, local),
            listed=frozenset(
                c.name
                for c in table.columns
                if c.type.kind != "string" or allowed_labels(table, c.name, local.dialect)
            ),
        )

    def propose(
        self, unit: Unit, draft: Draft, at: Ints, attempt: int, rng: np.random.Generator
    ) -> Proposal:
        """
        Suggest other values.

        Args:
            unit: what changes.
            draft: the rows.
            at: (k,) which of them.
            attempt: how often this was asked for these rows; later values are further away.
            rng: decides.
        """
        present = np.flatnonzero(np.asarray(draft.rows.column(unit.columns[0]).is_valid()))
        donors = rng.choice(present, len(at)) if len(present) else np.zeros(len(at), np.int64)
        borrowed = draft.of_another([unit], donors)
        if unit.is_key:
            return borrowed
        column = self.columns[unit.columns[0]]
        own = draft.rows.column(column.name).take(pa.array(at)).combine_chunks()
        # NULL has no neighbours: it becomes what another row has, or near that.
        start = pc.coalesce(own, borrowed.values[column.name]) if attempt % 2 else own
        values = self._others(column, start, draft.rows.column(column.name), attempt, rng)
        if values is None:
            return borrowed
        return Proposal({column.name: pc.coalesce(values, borrowed.values[column.name])})

    def _others(
        self,
        column: Column,
        own: pa.Array,
        known: pa.ChunkedArray,
        attempt: int,
        rng: np.random.Generator,
    ) -> pa.Array | None:
        # Released labels may be too few for as many rows: then others are made up.
        is_spent = attempt >= LABELS_FOR and column.name not in self.listed
        if column.name in self.labels and not is_spent:
            return self._labels(column.name, own, attempt, rng)
        if pa.types.is_string(own.type):
            return self._texts(column, own, attempt, rng)
        if pa.types.is_boolean(own.type):
            return pc.invert(own)
        reach = 1 + attempt * attempt // 2
        moves = rng.integers(1, reach + 1, len(own)) * rng.choice([-1, 1], len(own))
        values = _repeated(known)
        if values is None:
            return _moved(own, moves, self.steps.get(column.name, 0.0))
        if attempt < LABELS_FOR:
            return _along(own, values, moves)
        # Only now beyond what rows have, and from there on step by step.
        reach, gap = 1 + (attempt - LABELS_FOR) ** 2 // 2, _spacing(values)
        moves = rng.integers(1, reach + 1, len(own)) * rng.choice([-1, 1], len(own))
        return _moved(own, moves * gap, self.steps.get(column.name, 0.0) if gap == 1 else 0.0)

    def _labels(
        self, name: str, own: pa.Array, attempt: int, rng: np.random.Generator
    ) -> pa.Array | None:
        labels = self.labels[name]
        if not labels:
            return None
        start = np.asarray(pc.fill_null(pc.index_in(own, pa.array(labels, own.type)), 0))
        if attempt >= len(labels):
            start = rng.integers(0, len(labels), len(own))
        return pa.array(labels, own.type).take(pa.array((start + attempt + 1) % len(labels)))

    def _texts(
        self, column: Column, own: pa.Array, attempt: int, rng: np.random.Generator
    ) -> pa.Array | None:
        patterns = self.patterns.get(column.name, ())
        if patterns and attempt % 2:
            drawn = patterns[attempt // 2 % len(patterns)].draw(rng, len(own))
            return pa.array(drawn.tolist(), own.type)
        if column.name in self.formats and attempt % 3 == 0:
            return sample_format(self.formats[column.name], rng, len(own)).cast(own.type)
        if column.type.kind != "string":  # no change of letters keeps to the type
            if not can_count(column.type):
                return None
            numbers = rng.integers(*_COUNTED, len(own)).astype(np.uint64)
            return count(column.type, numbers).cast(own.type)
        return _numbered(own, min(1 + attempt // 8, _DIGITS), column.type.length, rng)


def _repeated(known: pa.ChunkedArray) -> pa.Array | None:
    """The values that rows have, ascending; None where few rows share theirs."""
    values = pc.unique(known.drop_null())
    if len(values) < 2 or 2 * len(values) > len(known):
        return None
    return values.take(pc.sort_indices(values))


def _along(own: pa.Array, values: pa.Array, moves: Ints) -> pa.Array:
    """Move along the values that rows have, at the ends back; NULL stays."""
    last = len(values) - 1
    places = pc.index_in(own, value_set=values)
    wanted = (np.asarray(pc.fill_null(places, 0), np.int64) + moves) % (2 * last)
    wanted = np.minimum(wanted, 2 * last - wanted)
    return values.take(pa.array(wanted, mask=np.asarray(places.is_null())))


def _spacing(values: pa.Array) -> int:
    """How many days, or units, lie between most neighbours: weeks stay weeks beyond the last."""
    kind = values.type
    if not (pa.types.is_date32(kind) or pa.types.is_integer(kind)):
        return 1
    numbers = np.asarray(values.cast(pa.int32() if pa.types.is_date32(kind) else kind), np.int64)
    return max(1, int(np.median(np.diff(numbers))))


def _moved(own: pa.Array, moves: Ints, step: float) -> pa.Array | None:
    """Move numbers by steps, dates by days, times and timestamps by seconds."""
    kind = own.type
    try:
        if pa.types.is_integer(kind):
            wide = pc.add(own.cast(pa.int64()), pa.array(moves * max(1, round(step))))
            return wide.cast(kind, safe=True)
        if pa.types.is_date(kind):
            return pc.add(own.cast(pa.int32()), pa.array(moves.astype(np.int32))).cast(kind)
        if pa.types.is_timestamp(kind):
            return pc.add(own.cast(pa.int64()), pa.array(moves * 1_000_000)).cast(kind)
        if pa.types.is_decimal(kind) or pa.types.is_floating(kind) or pa.types.is_time(kind):
            least = 10.0**-kind.scale if pa.types.is_decimal(kind) else 1.0
            return from_floats(to_floats(own) + moves * (step or least), kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
    return None


def _numbered(own: pa.Array, digits: int, length: int | None, rng: np.random.Generator) -> pa.Array:
    """Texts that end in a random number, as long as before if they are long enough."""
    numbers = pa.array(rng.integers(0, 10**digits, len(own))).cast(pa.string())
    numbers = pc.utf8_lpad(numbers, digits, "0")
    sizes = np.asarray(pc.fill_null(pc.utf8_length(own), 0))
    limit = length or 1 << 30
    kept = np.where(sizes + digits <= limit, sizes, np.maximum(limit - digits, 0))
    grid = [
        None if text is None else text[:size]
        for text, size in zip(own.to_pylist(), kept, strict=True)
    ]
    return pc.binary_join_element_wise(pa.array(grid, own.type), numbers.cast(own.type), "")
