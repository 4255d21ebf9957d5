"""Find a value for columns that nobody understands and that must not be NULL: ask the database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from dbsynth import queries
from dbsynth.ask import as_text, one_row
from dbsynth.errors import RefusedError, SourceError
from dbsynth.peculiar import empty_value
from dbsynth.schema import Column, Schema
from dbsynth.treatments import Treatment, Treatments

if TYPE_CHECKING:
    from dbsynth.ask import Queryable

_ASKED = ("postgresql", "duckdb")  # the others hold any text in columns that are not understood
_CANDIDATES = (
    "", "0", "a", "{}", "[]", "()", "1", "(0)", "(0,0)", "[0,0]", "{0}", "0/0", "0:0", "0-0", "0.0",
    "00:00", "2020-01-01", "true", "$", "*", "<e/>", "POINT EMPTY", "POINT(0 0)", "1 m", "USD 0",
    "192.0.2.1", "00000000-0000-0000-0000-000000000000", "9780000000002", "9770000000003",
    "9790000000001", "012345678905", "en", '{"a": 1}', "a=>1", "0:0:0", "1..2", "#000000",
)  # fmt: skip
_COUNTED = ("100001", "100002", "100003")


def with_placeholders(source: Queryable, schema: Schema, treatments: Treatments) -> Treatments:
    """
    Give every void column that must hold something a text that its type accepts.

    The text is the type's empty value, a constant that is the column's default, or one of a fixed
    list; none is taken from the source's rows.

    Args:
        source: asked whether it accepts a text; no row is read.
        schema: the source's.
        treatments: what is to be done with each column.

    Raises:
        RefusedError: a type accepts none of them; names every such column.
    """
    if schema.dialect not in _ASKED:
        return treatments
    found = {name: dict(columns) for name, columns in treatments.items()}
    problems = []
    for table in schema.tables:
        for column in table.written_columns:
            treatment = found[table.name].get(column.name)
            if treatment is None or not _needs_one(column, treatment):
                continue
            settled = _settled(source, column, treatment)
            if settled is None:
                problems.append(f"{table.name}.{column.name}: {column.type.native}")
            else:
                found[table.name][column.name] = settled
    if problems:
        raise RefusedError(
            f"{len(problems)} columns must not be NULL, and no value of their types is known",
            "Allow NULL, give each a constant default, or copy or leave out their tables.",
            problems,
        )
    return found


def _needs_one(column: Column, treatment: Treatment) -> bool:
    return (
        treatment.kind == "void"
        and column.type.kind == "other"
        and not column.is_nullable
        and not treatment.semantic
    )


def _settled(source: Queryable, column: Column, treatment: Treatment) -> Treatment | None:
    """Complete a treatment, or find none that the type accepts."""
    native, dialect = column.type.native, source.dialect
    if treatment.is_unique:
        literals = ", ".join(f"({queries.literal(dialect, t)})" for t in _COUNTED)
        cast = as_text(dialect, f"CAST(v.x AS {native})")
        counted = f"SELECT count(DISTINCT {cast}) AS n FROM (VALUES {literals}) AS v (x)"
        if _answer(source, counted) != len(_COUNTED):
            return None
        evidence = f"{treatment.evidence}; unique, counted"
        return replace(treatment, kind="key", semantic="serial", evidence=evidence)
    for candidate in _candidates(source, column):
        cast = as_text(dialect, f"CAST({queries.literal(dialect, candidate)} AS {native})")
        if _answer(source, f"SELECT {cast} AS n") is not None:
            evidence = f"{treatment.evidence}; always {candidate!r}, which it accepts"
            return replace(treatment, semantic=candidate, evidence=evidence)
    return None


def _candidates(source: Queryable, column: Column) -> Iterator[str]:
    if empty_value(column.type):
        yield empty_value(column.type)
    if column.default is not None and "(" not in column.default:  # a constant, no call
        text = _answer(source, f"SELECT {as_text(source.dialect, column.default)} AS n")
        if isinstance(text, str):
            yield text
    yield from _CANDIDATES


def _answer(source: Queryable, sql: str) -> object:
    """Ask for one value; None if the database refuses."""
    try:
        return one_row(source, sql)["n"]
    except SourceError:
        return None
