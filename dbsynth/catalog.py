"""Ask a target's catalogs whether foreign keys are declared and counters are past the rows."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dbsynth import queries
from dbsynth.ask import Queryable, name_parts, one_row, split_name
from dbsynth.findings import Finding
from dbsynth.schema import Column, ForeignKey, Schema, Table

# SQLite needs no check: it counts on from the largest key that is there.
_COUNTING = ("postgresql", "mysql", "duckdb")
_NEXTVAL = re.compile(
    r"\(?nextval\('(?P<name>(?:[^']|'')+)'(::regclass|::text)?\)\)?", re.IGNORECASE
)


def undeclared_keys(table: Table, schema: Schema, target: Queryable) -> Iterator[Finding]:
    """Find foreign keys that should be declared and are not, or are not validated."""
    wanted = [k for k in table.foreign_keys if k.is_declared]
    if not wanted:
        return
    declared = _declared(table, schema, target)
    for key in wanted:
        parent = name_parts(target, key.parent)[-1]
        shape = _shape(parent, zip(key.columns, key.parent_columns, strict=True))
        validated = declared.get(shape)
        if validated is None and _is_recorded(key, target):
            detail = f"{key.name} is not declared, as rows lead back to themselves; it holds"
            yield _key_finding(key, "warning", detail)
        elif validated is None:
            yield _key_finding(key, "error", f"{key.name} to {key.parent} is not declared")
        elif not validated and key.is_valid:
            yield _key_finding(key, "warning", f"{key.name} to {key.parent} is not validated")


@dataclass(frozen=True, slots=True)
class Proven:
    """What a server itself has compared all rows for, as its catalogs say."""

    unique: frozenset[frozenset[str]] = frozenset()  # columns of which no two rows have the same
    alike: frozenset[frozenset[str]] = frozenset()  # of these NULLs neither
    foreign: frozenset[tuple[str, frozenset[tuple[str, str]]]] = frozenset()  # as `_shape` has it

    def is_unique(self, columns: Iterable[str], *, nulls_not_distinct: bool) -> bool:
        """Whether no two rows can have the same in these columns."""
        wanted = frozenset(c.casefold() for c in columns)
        return wanted in (self.alike if nulls_not_distinct else self.unique)

    def has_parents(self, key: ForeignKey, target: Queryable) -> bool:
        """Whether every row must have its parent row along a key."""
        parent = name_parts(target, key.parent)[-1]
        pairs = zip(key.columns, key.parent_columns, strict=True)
        return key.is_declared and _shape(parent, pairs) in self.foreign


def proven_keys(table: Table, schema: Schema, target: Queryable) -> Proven:
    """Read which keys of a table the target built over its rows; nothing if it did not."""
    if target.dialect != "postgresql" or not getattr(target, "is_proven", False):
        return Proven()
    sql = queries.render(queries.get("postgresql", "verify_unique"), _slots(table, target))
    keys: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in target.query(sql).to_pylist():
        keys[row["key_name"]].append(row)
    found = [
        (frozenset(r["column_name"].casefold() for r in rows), rows[0]["nulls_not_distinct"])
        for rows in keys.values()
    ]
    declared = _declared(table, schema, target) if table.foreign_keys else {}
    return Proven(
        frozenset(columns for columns, _ in found),
        frozenset(columns for columns, alike in found if alike),
        frozenset(shape for shape, is_validated in declared.items() if is_validated),
    )


def counters(table: Table, dialect: str) -> tuple[Column, ...]:
    """List the columns that a sequence or counter fills, as far as it can fall behind."""
    if dialect not in _COUNTING:
        return ()
    found = (c for c in table.columns if c.is_written and (c.identity or _sequence_of(c)))
    if dialect != "mysql":
        return tuple(found)
    # A column that leads no key is counted anew behind each value of those in front of it.
    keys = [*table.unique_sets, *(i.columns for i in table.indexes)]
    inner = {c for k in keys for c in k[1:]} - {k[0] for k in keys if k}
    return tuple(c for c in found if c.name not in inner)


def late_counter(
    table: Table, column: Column, least: int | None, most: int | None, target: Queryable
) -> Finding | None:
    """
    Find out whether the next value that a counter hands out is already taken.

    Args:
        table: the target's table.
        column: one of its `counters`.
        least: the column's smallest value; None: no rows.
        most: its largest.
        target: whom to ask.
    """
    position = _position(table, column, target)

    def finding(detail: str) -> Finding:
        return Finding(
            check="counter", table=table.name, columns=(column.name,), count=0, detail=detail
        )

    if position is None:
        return finding("no sequence or counter fills it")
    following, increment = position
    if most is None or least is None:
        return None
    if following <= most if increment > 0 else following >= least:
        return finding("the next value that the counter hands out may be taken")
    return None


def _is_recorded(key: ForeignKey, target: Queryable) -> bool:
    """Whether the target found out while loading that it cannot declare a key."""
    if target.dialect != "duckdb" or not key.is_self:
        return False
    rows = target.query(queries.get("duckdb", "recorded_keys")).to_pylist()
    return any(
        (tuple(found["child"]), found["name"]) == (tuple(key.child), key.name)
        for row in rows
        for found in json.loads(row["value"])
    )


def _declared(
    table: Table, schema: Schema, target: Queryable
) -> Mapping[tuple[str, frozenset[tuple[str, str]]], bool]:
    """Read the declared foreign keys: parent and pairs of columns -> is validated."""
    sql = queries.render(queries.get(target.dialect, "verify_keys"), _slots(table, target))
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in target.query(sql).to_pylist():
        rows[row["key_name"]].append(row)
    primary = {name_parts(target, t.name)[-1].casefold(): t.primary_key for t in schema.tables}
    found = {}
    for columns in rows.values():
        parent = columns[0]["parent_table"]
        # SQLite: REFERENCES t without columns, where t may be missing or have another key.
        implied = dict(enumerate(primary.get(parent.casefold(), ()), 1))
        pairs = [
            (c["child_column"], c["parent_column"] or implied.get(int(c["position"]), ""))
            for c in columns
        ]
        found[_shape(parent, pairs)] = bool(columns[0]["is_validated"])
    return found


def _shape(parent: str, pairs: Any) -> tuple[str, frozenset[tuple[str, str]]]:
    return parent.casefold(), frozenset((a.casefold(), b.casefold()) for a, b in pairs)


def _slots(table: Table, target: Queryable) -> dict[str, str]:
    """Name a table as its dialect's catalog knows it."""
    dialect = target.dialect
    if dialect == "postgresql":
        return {"table": queries.literal(dialect, target.quote(table.name))}
    *above, name = (queries.literal(dialect, p) for p in name_parts(target, table.name))
    match dialect:
        case "mysql":
            return {"table": name, "database": above[-1] if above else "database()"}
        case "duckdb":
            database = above[-2] if len(above) > 1 else "current_database()"
            schema = above[-1] if above else "'main'"
            return {"table": name, "schema": schema, "database": database}
        case _:
            return {"table": name, "schema": above[-1] if above else "'main'"}


def _position(table: Table, column: Column, target: Queryable) -> tuple[int, int] | None:
    """Read a counter's next value and its increment."""
    slots: dict[str, str] | None
    match target.dialect:
        case "postgresql":
            slots = _postgresql_sequence(table, column, target)
        case "duckdb":
            slots = _duckdb_sequence(table, column, target)
        case _:
            slots = _slots(table, target)
    if slots is None:
        return None
    sql = queries.render(queries.get(target.dialect, "verify_sequence"), slots)
    rows = target.query(sql).to_pylist()
    if not rows or rows[0]["next_value"] is None:
        return None
    return int(rows[0]["next_value"]), int(rows[0]["increment"])


def _postgresql_sequence(table: Table, column: Column, target: Queryable) -> dict[str, str] | None:
    name = _sequence_of(column)
    if name is None:
        slots = _slots(table, target) | {"column": queries.literal("postgresql", column.name)}
        template = queries.get("postgresql", "verify_sequence_name")
        name = one_row(target, queries.render(template, slots))["sequence_name"]
    if name is None:
        return None
    return {"sequence": name, "name": queries.literal("postgresql", name)}


def _duckdb_sequence(table: Table, column: Column, target: Queryable) -> dict[str, str] | None:
    """Find the sequence in the default that the target itself keeps for the column."""
    slots = _slots(table, target)
    asked = slots | {"column": queries.literal("duckdb", column.name)}
    template = queries.get("duckdb", "verify_sequence_name")
    default = one_row(target, queries.render(template, asked))["column_default"]
    name = _sequence_in(default)
    if name is None:
        return None
    *above, last = split_name(name)
    return {
        "database": slots["database"],
        "schema": queries.literal("duckdb", above[-1]) if above else "'main'",
        "sequence": queries.literal("duckdb", last),
    }


def _sequence_of(column: Column) -> str | None:
    """Name the sequence that a default takes its values from, as the default spells it."""
    return _sequence_in(column.default)


def _sequence_in(default: str | None) -> str | None:
    match = _NEXTVAL.fullmatch(default or "")
    return match["name"].replace("''", "'") if match else None


def _key_finding(key: ForeignKey, severity: Any, detail: str) -> Finding:
    return Finding(
        check="declared key",
        table=key.child,
        columns=key.columns,
        count=0,
        severity=severity,
        detail=detail,
    )
