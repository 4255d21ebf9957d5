"""Wished shares against a plan: which table, which rows, how many; checked before work begins."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation

from dbsynth.config import near
from dbsynth.criteria import Comparison, Criterion, CriterionError, Not, read_condition, tests
from dbsynth.errors import UsageError
from dbsynth.plan import Plan, TablePlan
from dbsynth.schema import Column, Schema, Table, TableName
from dbsynth.wishes import Wish

LEARNED = ("category", "number", "datetime")  # treatments whose values can be aimed at
TRUTHS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
_NEAR = 0.02  # a share that is off by no more came out
_MODES = {
    "copy": "is a reference table, whose rows are copied; `mode: generate` makes them instead",
    "empty": "gets no rows",
    "invent": "has too few rows to learn from",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """Some rows of a table, and the share of its rows that they should be."""

    words: str  # as the user wrote it
    criterion: Criterion
    share: float


@dataclass(frozen=True, slots=True)
class Target:
    """Cells of one table that share no row; all other rows are the last cell, which has no name."""

    table: TableName
    cells: tuple[Cell, ...]

    @property
    def shares(self) -> tuple[float, ...]:
        """The share of each cell and of the rest; they sum to 1."""
        named = [c.share for c in self.cells]
        return (*named, max(0.0, 1.0 - sum(named)))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that tell the cells apart."""
        named = [t.column for c in self.cells for t in tests(c.criterion)]
        return tuple(dict.fromkeys(named))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A share that was asked for, and what became of it."""

    table: TableName  # the source's
    words: str  # of which rows, as the user wrote it
    asked: float
    rows: int  # that the table got
    hits: int  # of them such rows

    @property
    def reached(self) -> float:
        """The share among the table's rows; 0 where there are none."""
        return self.hits / self.rows if self.rows else 0.0

    @property
    def is_met(self) -> bool:
        """Whether it came out, but for two points or a row."""
        return abs(self.reached - self.asked) <= _NEAR + 1 / max(1, self.rows)


def bind(wishes: Iterable[Wish], plan: Plan) -> tuple[Target, ...]:
    """
    Find what wishes are about in a plan.

    Raises:
        UsageError: a table, column or value cannot be what is wished for; names every problem.
    """
    problems: list[str] = []
    found: dict[object, Target] = {}
    for number, wish in enumerate(wishes):
        try:
            target = _bind(wish, plan)
            problems += [f"{wish.words}: {p}" for p in _problems(target, plan)]
        except CriterionError as exc:
            problems.append(f"{wish.words}: {exc}")
            continue
        # Labels of one column belong together, wherever they were said.
        key: object = (target.table, target.columns) if wish.labels else number
        known = found.get(key)
        found[key] = Target(target.table, known.cells + target.cells) if known else target
    refuse(problems)
    return tuple(found.values())


def refuse(problems: list[str]) -> None:
    """
    Stop if shares cannot be had.

    Raises:
        UsageError: there are problems.
    """
    if problems:
        raise UsageError(
            "these shares cannot be had",
            "Mend what is named; `dbsynth plan` shows tables, columns and what is done with them.",
            problems,
        )


def _bind(wish: Wish, plan: Plan) -> Target:
    schema = plan.schema
    if wish.labels:
        name, _, column = wish.column.rpartition(".")
        table = _table(name, schema)
        own = _column(column, table).name
        cells = [
            Cell(f"{wish.column}={label}", Comparison(own, "in", (label,)), share)
            for label, share in wish.labels
        ]
        return Target(table.name, tuple(cells))
    names, criterion = read_condition(wish.condition, schema.dialect)
    tables = {t.name: t for t in (_table(n, schema) for n in names)}
    if len(tables) > 1:
        raise CriterionError("a condition is about one table")
    [table] = tables.values()
    return Target(table.name, (Cell(wish.condition, _named(criterion, table), wish.share),))


def _table(word: str, schema: Schema) -> Table:
    for fold in (str, str.casefold):
        found = [t for t in schema.tables if fold(word) in (fold(str(t.name)), fold(t.name.name))]
        if len(found) == 1:
            return found[0]
        if found:
            raise CriterionError(f"several tables are called {word}; write schema.table.column")
    raise CriterionError(f"no table {word!r}{near(word, [t.name.name for t in schema.tables])}")


def _column(word: str, table: Table) -> Column:
    for fold in (str, str.casefold):
        for column in table.columns:
            if fold(column.name) == fold(word):
                return column
    known = [c.name for c in table.columns]
    raise CriterionError(f"{table.name} has no column {word!r}{near(word, known)}")


def _named(criterion: Criterion, table: Table) -> Criterion:
    """Spell the columns as the schema does."""
    match criterion:
        case Comparison():
            return replace(criterion, column=_column(criterion.column, table).name)
        case Not():
            return Not(_named(criterion.part, table))
    return type(criterion)(tuple(_named(part, table) for part in criterion.parts))


def _problems(target: Target, plan: Plan) -> Iterator[str]:
    """Why a target can never be reached, whatever is learned."""
    planned, table = plan.tables[target.table], plan.schema.table(target.table)
    if planned.mode != "generate":
        yield f"{planned.name} {_MODES[planned.mode]}"
        return
    if not planned.target_rows:
        yield f"{planned.name} gets no rows"
    for cell in target.cells:
        for test in tests(cell.criterion):
            problem = _problem(test, table, planned, plan)
            if problem:
                yield f"{planned.name}.{test.column} {problem}"
    if len({_is_key(c, planned) for c in target.columns}) > 1:
        yield "keys and other columns cannot be aimed at in one condition"


def _problem(test: Comparison, table: Table, planned: TablePlan, plan: Plan) -> str:
    column = table.column(test.column)
    if not column.is_written:
        return "is computed by the database"
    if test.operator == "null":
        return "" if column.is_nullable else "is never NULL"
    if _is_key(test.column, planned):
        key = reference_key(test.column, planned)
        is_copied = key is not None and plan.tables[planned.keys[key].parent].mode == "copy"
        return "" if is_copied else "is a key; aim at a column of the table that it leads to"
    if planned.columns[test.column].kind not in LEARNED:
        return "is made up, not learned: only whether it is NULL can be aimed at"
    wrong = [c for c in test.constants if not _can_be(c, column)]
    return f"cannot be {', '.join(wrong)}" if wrong else ""


def _is_key(column: str, planned: TablePlan) -> bool:
    return any(column in k.columns for k in planned.keys)


def reference_key(column: str, planned: TablePlan) -> int | None:
    """The number of the key to a reference table that fills a column alone, if one does."""
    found = [n for n, k in enumerate(planned.keys) if column in k.columns]
    is_one = len(found) == 1 and planned.keys[found[0]].role == "reference"
    return found[0] if is_one else None


def _can_be(constant: str, column: Column) -> bool:
    """Whether a column's type has a value, as far as that can be said."""
    kind = column.type.kind
    if kind == "enum" and column.type.labels:
        return constant in column.type.labels
    if kind == "boolean":
        return constant.lower() in TRUTHS
    if kind in ("integer", "decimal", "float"):
        return number(constant) is not None
    if kind in ("date", "timestamp", "timestamptz"):
        return _is_moment(constant)
    return True


def number(text: str) -> Decimal | None:
    """A number from its text; None if it is none."""
    try:
        return (
            Decimal(text) if text.lower() not in TRUTHS or text in "01" else Decimal(TRUTHS[text])
        )
    except InvalidOperation:
        return None


def _is_moment(text: str) -> bool:
    try:
        dt.datetime.fromisoformat(text)
    except ValueError:
        return text.lower().lstrip("-+") == "infinity"
    return True
