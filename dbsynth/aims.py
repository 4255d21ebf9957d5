"""Targets against a model: which tokens and which finished rows belong to which cell."""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.codecs import NumberCodec
from dbsynth.criteria import Comparison, CriterionError, Flags, Truth, by_column, tests, truth
from dbsynth.encode import CategoryColumn, DatetimeColumn, ModelledColumn, NumberColumn
from dbsynth.features import Floats, Ints
from dbsynth.plan import Plan
from dbsynth.rows import Values
from dbsynth.schema import Backfill, Batch, Stored
from dbsynth.tablemodel import Model, TableModel
from dbsynth.targets import TRUTHS, Cell, Reached, Target, number, reference_key, refuse
from dbsynth.values import DAY

_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "in": operator.eq, "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge,
}  # fmt: skip
_UNSEEN = (
    "nothing that was learned fulfils this: no row does, or too few entities to let its value out"
)


@dataclass(frozen=True)
class Labels:
    """A column of labels, or a key to a reference table: a token stands for a label."""

    labels: tuple[Any, ...]  # of the tokens 1, 2, …; after them comes the rare token
    known: pa.Array  # the distinct labels

    @property
    def tokens(self) -> int:
        """How many tokens there are, NULL and the rare one included."""
        return len(self.labels) + 2

    def ask(self, test: Comparison, values: Any) -> Truth:
        """Where a test holds for (n,) tokens, and where it fails."""
        if test.operator == "null":
            return values == 0, values != 0
        holds = np.zeros(self.tokens, bool)
        holds[1:-1] = [_holds(test, label) for label in self.labels]
        fails = ~holds
        fails[[0, -1]] = False
        return holds[values], fails[values]

    def examples(self) -> tuple[Any, Ints]:
        """A value of every token, and that token."""
        every = np.arange(self.tokens)
        return every, every

    def read(self, column: pa.Array) -> Any:
        """Tokens of (n,) finished values; of equal labels the first."""
        first = {label: n + 1 for n, label in reversed(list(enumerate(self.labels)))}
        tokens = np.array([0, *(first[v] for v in self.known.to_pylist()), self.tokens - 1])
        found = pc.fill_null(pc.index_in(column, value_set=self.known), len(self.known))
        places = np.asarray(found).astype(np.int64) + 1
        return np.where(np.asarray(pc.is_valid(column)), tokens[places], 0)


@dataclass(frozen=True)
class Numbers:
    """A column of numbers or dates."""

    column: NumberColumn | DatetimeColumn

    def ask(self, test: Comparison, values: Any) -> Truth:
        """Where a test holds for (n,) working values, and where it fails."""
        known = ~np.isnan(values)
        if test.operator == "null":
            return ~known, known
        compare = _COMPARE[test.operator]
        if test.operator == "in":
            compare = lambda v, c: np.isclose(v, c, rtol=1e-9, atol=1e-9)  # noqa: E731
        holds = [compare(values, self._constant(c)) for c in test.constants]
        hit = np.logical_or.reduce(holds) & known
        return hit, known & ~hit

    def examples(self, constants: Floats) -> tuple[Floats, Ints] | None:
        """Values of every token, and their tokens; None if a token alone says nothing."""
        if isinstance(self.column, NumberColumn):
            return None if self.column.step else _examples(self.column.codec, constants)
        if self.column.delta is not None or self.column.gap is not None:
            return None
        days, tokens = _examples(self.column.day, np.floor(constants / DAY))
        whole = np.concatenate([days * DAY, days * DAY + DAY - 1, days * DAY + DAY / 2])
        inside = np.isin(np.floor(constants / DAY), days)
        at = self.column.day.encode(np.floor(constants[inside] / DAY))
        return np.concatenate([whole, constants[inside]]), np.concatenate([tokens] * 3 + [at])

    def read(self, column: pa.Array) -> Any:
        """Working values of (n,) finished ones."""
        return self.column.values(column)

    def constants(self, found: Iterable[Comparison]) -> Floats:
        """The constants of tests as working values."""
        return np.array([self._constant(c) for t in found for c in t.constants], np.float64)

    def _constant(self, text: str) -> float:
        plain = number(text)
        if isinstance(self.column, NumberColumn) and not self.column.family and plain is not None:
            return float(plain)
        try:
            clock = dt.time.fromisoformat(text) if "-" not in text else None
        except ValueError:
            clock = None
        if isinstance(self.column, DatetimeColumn) and clock is not None:
            return clock.hour * 3600 + clock.minute * 60 + clock.second + clock.microsecond / 1e6
        found = float(self.column.values(pa.array([text]))[0])
        if np.isnan(found):
            raise CriterionError(f"{self.column.name} cannot be {text}")
        return found


@dataclass(frozen=True)
class Presence:
    """A column of which only is known whether there is a value."""

    def ask(self, test: Comparison, values: Any) -> Truth:
        """Where there is none, and where there is one."""
        return values == 0, values != 0

    def examples(self) -> tuple[Any, Ints]:
        """Both states and their tokens."""
        return np.arange(2), np.arange(2)

    def read(self, column: pa.Array) -> Any:
        """1 where there is a value."""
        return np.asarray(pc.is_valid(column)).astype(np.int64)


Fitted = Labels | Numbers | Presence


@dataclass(frozen=True)
class Aim:
    """A target, and the fitted columns that it is about."""

    target: Target
    part: str  # of the table's model: structure or content
    columns: Mapping[str, Fitted]
    names: Mapping[str, str]  # column of the table -> column of the layout

    @property
    def cells(self) -> int:
        """How many cells there are, with the rest."""
        return len(self.target.cells) + 1

    def of_values(self, values: Values) -> Ints:
        """The cell of each of (n,) rows in the making; the last one is the rest."""
        return self._cells({c: values[self.names[c]] for c in self.columns})

    def of_rows(self, rows: pa.Table | pa.RecordBatch) -> Ints:
        """The cell of each of (n,) finished rows."""
        found = {}
        for name, column in self.columns.items():
            data = rows.column(name)
            data = data.combine_chunks() if isinstance(data, pa.ChunkedArray) else data
            found[name] = column.read(data)
        return self._cells(found)

    def _cells(self, values: Mapping[str, Any]) -> Ints:
        rows = len(next(iter(values.values())))
        found = np.full(rows, self.cells - 1, np.int64)
        for place in reversed(range(self.cells - 1)):
            yes, _ = truth(
                self.target.cells[place].criterion,
                lambda t: self.columns[t.column].ask(t, values[t.column]),
            )
            found[yes] = place
        return found

    @cached_property
    def allowed(self) -> tuple[Mapping[str, Flags], ...]:
        """For each cell the tokens that its rows may have, by column of the layout."""
        named = [dict(self._allowed(cell)) for cell in self.target.cells]
        return (*named, self._left())

    def _allowed(self, cell: Cell) -> Iterator[tuple[str, Flags]]:
        for name, criterion in by_column(cell.criterion).items():
            shown = self._examples(name)
            if shown is not None:
                values, tokens = shown
                column = self.columns[name]
                yes, _ = truth(criterion, lambda t, c=column, v=values: c.ask(t, v))  # type: ignore[misc]
                yield self.names[name], _flags(tokens, yes)

    def _left(self) -> dict[str, Flags]:
        """The tokens of rows that are in no named cell, where one column tells."""
        if len(self.columns) > 1:
            return {}
        [name] = self.columns
        shown = self._examples(name)
        if shown is None:
            return {}
        return {self.names[name]: _flags(shown[1], self._cells({name: shown[0]}) == self.cells - 1)}

    def _examples(self, name: str) -> tuple[Any, Ints] | None:
        column = self.columns[name]
        if not isinstance(column, Numbers):
            return column.examples()
        asked = [t for c in self.target.cells for t in tests(c.criterion) if t.column == name]
        return column.examples(column.constants(asked))


def _flags(tokens: Ints, holds: Flags) -> Flags:
    """Which tokens have an example that holds."""
    flags = np.zeros(int(tokens.max()) + 1, bool)
    flags[tokens[holds]] = True
    return flags


def aims_of(targets: tuple[Target, ...], model: Model) -> tuple[Aim, ...]:
    """
    Find the fitted columns that targets are about.

    Raises:
        UsageError: nothing that was released fulfils one.
    """
    problems: list[str] = []
    found = []
    for target in targets:
        try:
            aim = _aim(target, model)
            for cell, allowed in zip(target.cells, aim.allowed, strict=False):
                if cell.share > 0 and not all(flags.any() for flags in allowed.values()):
                    problems.append(f"{cell.words}: {_UNSEEN}")
        except CriterionError as exc:
            problems.append(f"{target.table}: {exc}")
            continue
        found.append(aim)
    refuse(problems)
    return tuple(found)


def _aim(target: Target, model: Model) -> Aim:
    table = model.tables[target.table]
    planned = model.plan.tables[target.table]
    keys = {c: n for c in target.columns if (n := reference_key(c, planned)) is not None}
    part = "structure" if keys else "content"
    columns: dict[str, Fitted] = {}
    names: dict[str, str] = {}
    for name in target.columns:
        names[name] = planned.keys[keys[name]].name if name in keys else name
        fitted = _fitted(table, part, names[name])
        if fitted is None:
            raise CriterionError(f"{name} is not learned")
        columns[name] = (
            _key(target, name, keys[name], fitted, model) if name in keys else _plain(fitted)
        )
    return Aim(target, part, columns, names)


def _fitted(table: TableModel, part: str, name: str) -> ModelledColumn | None:
    rows = table.structure if part == "structure" else table.content
    return next((c for c in rows.layout.columns if c.name == name), None) if rows else None


def _plain(column: ModelledColumn) -> Fitted:
    if isinstance(column, CategoryColumn):
        return Labels(column.codec.labels, pa.array(column.codec.labels))
    if isinstance(column, NumberColumn | DatetimeColumn):
        return Numbers(column)
    return Presence()


def _key(target: Target, name: str, key: int, column: ModelledColumn, model: Model) -> Fitted:
    """A key to a reference table: its tokens stand for rows of the parent, which have a value."""
    assert isinstance(column, CategoryColumn)
    plan: Plan = model.plan
    planned = plan.tables[target.table].keys[key]
    declared = next(
        k for k in plan.schema.table(target.table).foreign_keys if k.name == planned.name
    )
    rows = model.tables[planned.parent].rows
    assert rows is not None
    parent = declared.parent_columns[declared.columns.index(name)]
    values = rows.column(parent).combine_chunks()
    shown = values.take(pa.array(column.codec.labels, pa.int64()))
    return Labels(tuple(shown.to_pylist()), pc.unique(shown))


def _holds(test: Comparison, label: Any) -> bool:
    """Whether a test holds for a label that is not NULL."""
    compare = _COMPARE[test.operator]
    return any(compare(*_alike(label, constant)) for constant in test.constants)


def _alike(label: Any, constant: str) -> tuple[Any, Any]:
    """A label and a constant as values that can be compared."""
    try:
        if isinstance(label, bool):
            return label, TRUTHS[constant.lower()]
        if isinstance(label, int | float | Decimal):
            return Decimal(str(label)), Decimal(constant)
        if isinstance(label, dt.datetime):
            return label.replace(tzinfo=None), dt.datetime.fromisoformat(constant)
        if isinstance(label, dt.date | dt.time):
            return label, type(label).fromisoformat(constant)
        if isinstance(label, bytes):
            return label, bytes.fromhex(constant)
    except (ValueError, KeyError, ArithmeticError):
        raise CriterionError(f"a value cannot be {constant}") from None
    return str(label).rstrip(), constant.rstrip()


def _examples(codec: NumberCodec, constants: Floats) -> tuple[Floats, Ints]:
    """Values that show what each token stands for: ends and inside of bins, spikes, NULL."""
    values = [np.array([np.nan, *codec.spikes, *codec.beyond])]
    count = len(codec.spikes)
    beyond = 1 + count + codec.bins + np.arange(len(codec.beyond))
    tokens = [np.concatenate([np.arange(1 + count), beyond])]
    if codec.bins:
        curve = np.asarray(codec.curve)
        cells = (len(curve) - 1) // codec.bins
        for token in range(codec.bins):
            own = curve[token * cells : (token + 1) * cells + 1]
            inside = constants[(constants >= own[0]) & (constants <= own[-1])]
            near = np.concatenate([inside, inside - (codec.step or 0), inside + (codec.step or 0)])
            near = near[(near >= own[0]) & (near <= own[-1])]
            shown = codec.snap(np.concatenate([own, (own[1:] + own[:-1]) / 2, near]))
            values.append(shown)
            tokens.append(np.full(len(shown), 1 + count + token))
    return np.concatenate(values), np.concatenate(tokens)


@dataclass
class Tally:
    """Counts finished rows by cell."""

    aims: tuple[Aim, ...]

    def __post_init__(self) -> None:
        """Start at nothing."""
        self.counts = [np.zeros(a.cells, np.int64) for a in self.aims]

    def add(self, batch: Batch) -> None:
        """Count one batch."""
        for place, aim in enumerate(self.aims):
            if aim.target.table == batch.table and batch.rows.num_rows:
                self.counts[place] += np.bincount(aim.of_rows(batch.rows), minlength=aim.cells)

    def watch(
        self, events: Iterable[Batch | Backfill | Stored]
    ) -> Iterator[Batch | Backfill | Stored]:
        """Hand events on, and count their rows."""
        for event in events:
            if isinstance(event, Batch):
                self.add(event)
            yield event

    def reached(self) -> tuple[Reached, ...]:
        """What became of each named cell."""
        return tuple(
            Reached(
                table=aim.target.table, words=cell.words, asked=cell.share,
                rows=int(counts.sum()), hits=int(hits),
            )
            for aim, counts in zip(self.aims, self.counts, strict=True)
            for cell, hits in zip(aim.target.cells, counts, strict=False)
        )  # fmt: skip
