"""Turn what a table declares about single rows into SQL conditions that a broken row fulfils."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dbsynth import queries
from dbsynth.ask import as_text
from dbsynth.findings import Severity
from dbsynth.polymorphs import Polymorph, polymorphs
from dbsynth.schema import Column, Table

_UNENFORCED_LENGTHS = ("sqlite", "duckdb")  # these take varchar(n) for varchar
_NUMBERS = ("integer", "decimal", "float", "boolean")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRule:
    """One rule that each row of a table keeps or breaks by itself."""

    check: str
    columns: tuple[str, ...]
    broken: str  # SQL that is true for a row that breaks it
    detail: str
    is_expression: bool = False  # its SQL is the schema's own, so the target may not understand it
    severity: Severity = "error"


def row_rules(table: Table, dialect: str) -> Iterator[RowRule]:
    """Write every rule about single rows of a table in a dialect's SQL."""
    for column in table.columns:
        yield from _column_rules(column, dialect)
    for key in table.foreign_keys:
        if key.match_full and len(key.columns) > 1:
            nulls = [f"{queries.identifier(dialect, c)} IS NULL" for c in key.columns]
            yield RowRule(
                check="match full",
                columns=key.columns,
                broken=f"({' OR '.join(nulls)}) AND NOT ({' AND '.join(nulls)})",
                detail=f"rows whose key {key.name} is NULL only in part",
                severity="error" if key.is_valid else "warning",
            )
    for polymorph in polymorphs(table):
        yield _label_rule(polymorph, dialect)
    for check in table.row_checks:
        yield RowRule(
            check="check",
            columns=check.columns,
            broken=f"NOT ({check.expression}\n)",
            detail=f"rows that break {check.name}",
            is_expression=True,
            severity="error" if check.is_valid else "warning",  # NOT VALID: rows may break it
        )


def _label_rule(polymorph: Polymorph, dialect: str) -> RowRule:
    """A row that refers to something says, by one of the labels, in which table that is."""
    kind = queries.identifier(dialect, polymorph.type_column)
    labels = ", ".join(queries.literal(dialect, label) for label in polymorph.labels)
    present = [f"{queries.identifier(dialect, c)} IS NOT NULL" for c in polymorph.columns]
    return RowRule(
        check="polymorphic type",
        columns=(polymorph.type_column, *polymorph.columns),
        broken=f"{' AND '.join(present)} AND ({kind} IS NULL OR {kind} NOT IN ({labels}))",
        detail=f"rows with none of the {len(polymorph.labels)} labels that name a table",
    )


def _column_rules(column: Column, dialect: str) -> Iterator[RowRule]:
    quoted, columns, kind = queries.identifier(dialect, column.name), (column.name,), column.type
    if not column.is_nullable:
        yield RowRule(
            check="not null",
            columns=columns,
            broken=f"{quoted} IS NULL",
            detail="rows without a value",
        )
    if kind.kind == "enum" and kind.labels:
        labels = ", ".join(queries.literal(dialect, label) for label in kind.labels)
        yield RowRule(
            check="enum",
            columns=columns,
            broken=f"{as_text(dialect, quoted)} NOT IN ({labels})",
            detail=f"rows with none of the {len(kind.labels)} labels",
        )
    if kind.length is not None and dialect in _UNENFORCED_LENGTHS and kind.kind == "string":
        yield RowRule(
            check="length",
            columns=columns,
            broken=f"length({quoted}) > {kind.length}",
            detail=f"rows with more than {kind.length} characters",
        )
    if dialect == "sqlite" and kind.kind in _NUMBERS:
        yield RowRule(
            check="type",
            columns=columns,
            broken=f"typeof({quoted}) IN ('text', 'blob')",
            detail=f"rows whose value is no {kind.kind}",
        )
