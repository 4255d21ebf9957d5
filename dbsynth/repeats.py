"""Ask a target for rows that repeat a key that must be unique, or that exclude one another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dbsynth import queries
from dbsynth.ask import Queryable, one_row, own_rows
from dbsynth.catalog import Proven
from dbsynth.errors import SourceError, TargetError
from dbsynth.findings import Finding, Findings
from dbsynth.schema import Exclusion, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    """What must not repeat."""

    check: str
    columns: tuple[str, ...]
    expressions: tuple[str, ...]  # in the target's dialect
    nulls_not_distinct: bool = False
    predicate: str | None = None
    is_plain: bool = True  # its SQL is all ours, so the target understands it


def repeated_keys(table: Table, target: Queryable, proven: Proven) -> Findings:
    """Check the primary key and everything else that must be unique and is not proven to be."""
    keys = list(_keys(table, target.dialect))
    open_keys = [key for key in keys if not _is_proven(key, proven)]
    found = [f for key in open_keys for f in _repeats(key, table, target)]
    found += [f for e in table.exclusions for f in _overlaps(e, table, target)]
    made = [key.check for key in keys] + ["exclusion"] * len(table.exclusions)
    return Findings.of(made, found)


def _is_proven(key: _Key, proven: Proven) -> bool:
    return key.is_plain and proven.is_unique(key.columns, nulls_not_distinct=key.nulls_not_distinct)


def _keys(table: Table, dialect: str) -> Iterator[_Key]:
    if table.primary_key:
        yield _Key(
            check="primary key",
            columns=table.primary_key,
            expressions=_quoted(table.primary_key, dialect),
        )
    for unique in (*table.uniques, *table.part_uniques):
        if unique.columns:
            yield _Key(
                check="unique",
                columns=unique.columns,
                expressions=_quoted(unique.columns, dialect),
                nulls_not_distinct=unique.nulls_not_distinct,
                predicate=unique.predicate,
                is_plain=unique.predicate is None,
            )
    for index in table.indexes:
        if index.is_unique and index.expressions:
            yield _Key(
                check="unique",
                columns=(index.name,),
                expressions=index.expressions,
                nulls_not_distinct=index.nulls_not_distinct,
                predicate=index.predicate,
                is_plain=False,
            )


def _quoted(columns: tuple[str, ...], dialect: str) -> tuple[str, ...]:
    return tuple(queries.identifier(dialect, c) for c in columns)


def _repeats(key: _Key, table: Table, target: Queryable) -> Iterator[Finding]:
    covered = [] if key.nulls_not_distinct else [f"({e}) IS NOT NULL" for e in key.expressions]
    covered += [f"({key.predicate}\n)"] if key.predicate else []
    slots = _slots(table, target) | {
        "columns": ", ".join(f"({e})" for e in key.expressions),
        "covered": " AND ".join(covered) or "1 = 1",
    }
    sql = queries.render(queries.get("verify", "duplicates"), slots)
    detail = "rows that repeat a key" + (" among those the index covers" if key.predicate else "")
    yield from _counted(sql, key.check, key.columns, detail, table, target, is_ours=key.is_plain)


def _overlaps(rule: Exclusion, table: Table, target: Queryable) -> Iterator[Finding]:
    if target.dialect != "postgresql":
        return
    elements = enumerate(rule.elements)
    slots = _slots(table, target) | {
        "elements": ", ".join(f"({e}) AS e{i}" for i, (e, _) in elements),
        "covered": f"({rule.predicate}\n)" if rule.predicate else "true",
        "excluded": " AND ".join(f"a.e{i} {op} b.e{i}" for i, (_, op) in enumerate(rule.elements)),
    }
    sql = queries.render(queries.get("verify", "overlaps"), slots)
    detail = "pairs of rows of which one excludes the other"
    yield from _counted(sql, "exclusion", (rule.name,), detail, table, target, is_ours=False)


def _slots(table: Table, target: Queryable) -> dict[str, str]:
    return {
        "table": own_rows(target, table.name),
        "alias": queries.identifier(target.dialect, table.name.name),
    }


def _counted(
    sql: str,
    check: str,
    columns: tuple[str, ...],
    detail: str,
    table: Table,
    target: Queryable,
    *,
    is_ours: bool,
) -> Iterator[Finding]:
    """Find out how many rows break a rule; the schema's own SQL may be beyond the target."""
    try:
        count = int(one_row(target, sql)["violations"])
    except (SourceError, TargetError):
        if is_ours:
            raise
        yield Finding(
            check=check,
            table=table.name,
            columns=columns,
            count=0,
            severity="warning",
            detail=f"not checked: the target cannot evaluate it ({detail})",
        )
        return
    if count:
        yield Finding(check=check, table=table.name, columns=columns, count=count, detail=detail)
