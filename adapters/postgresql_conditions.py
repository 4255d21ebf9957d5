"""What PostgreSQL asks of rows besides checks: domains, partitions, exclusions."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dbsynth import queries
from dbsynth.adapters.postgresql_connection import DIALECT, Connection, fetch
from dbsynth.expressions import mentioned
from dbsynth.schema import Check, Exclusion, Unique

Row = dict[str, Any]

# What the server prints: texts in quotes (never with escapes), quoted names, and bare words.
_TOKEN = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\w+")


@dataclass(frozen=True, slots=True)
class Conditions:
    """What is asked of the rows of tables, by the table's oid."""

    checks: Mapping[int, list[Check]]
    exclusions: Mapping[int, list[Exclusion]]
    uniques: Mapping[int, list[Unique]]  # of single partitions
    foreign_keys: Mapping[int, list[Row]]  # of single partitions, as rows of the catalog query


def read_conditions(connection: Connection, tables: Sequence[int]) -> Conditions:
    """
    Read what the rows of these tables must keep besides what the tables declare themselves.

    Args:
        connection: with an empty search path, so that every name is printed with its schema.
        tables: their oids.
    """
    found = Conditions(defaultdict(list), defaultdict(list), defaultdict(list), defaultdict(list))
    for row in fetch(connection, "domain_checks", tables=list(tables)):
        found.checks[row["oid"]].append(_domain_check(row))
    for row in fetch(connection, "exclusions", tables=list(tables)):
        found.exclusions[row["oid"]].append(
            Exclusion(
                name=row["name"],
                elements=tuple(zip(row["expressions"], row["operators"], strict=True)),
                predicate=row["predicate"],
                definition=row["definition"],
            )
        )
    _add_partitions(connection, tables, found)
    return found


def _domain_check(row: Row) -> Check:
    column = queries.identifier(DIALECT, row["column"])
    expression = _TOKEN.sub(
        lambda token: column if token[0] == "VALUE" else token[0], row["expression"]
    )
    return Check(
        name=f"{row['name']} of {row['column']}",
        expression=expression,
        columns=(row["column"],),
        is_valid=row["is_valid"],
    )


def _add_partitions(connection: Connection, tables: Sequence[int], found: Conditions) -> None:
    """Let the root ask for what its leaves ask: a place for every row, and their own rules."""
    leaves: dict[int, list[Row]] = defaultdict(list)
    for row in fetch(connection, "partitions", tables=list(tables)):
        leaves[row["oid"]].append(row)
    if not leaves:
        return
    columns: dict[int, dict[str, str]] = defaultdict(dict)
    for row in fetch(connection, "columns", tables=list(leaves)):
        columns[row["oid"]][row["name"]] = row["name"]
    for root, parts in leaves.items():
        bounds = list(dict.fromkeys(part["bound"] for part in parts))
        if None in bounds:
            continue
        expression = " OR ".join(f"({b})" for b in bounds)
        named = mentioned(expression, DIALECT, columns[root])
        found.checks[root].append(
            Check(name="the partitions' bounds", expression=expression, columns=named)
        )
    _add_leaf_constraints(connection, leaves, columns, found)


def _add_leaf_constraints(
    connection: Connection,
    leaves: Mapping[int, Sequence[Row]],
    columns: Mapping[int, Mapping[str, str]],
    found: Conditions,
) -> None:
    """Lift what single partitions declare to their root: it holds for the rows they take."""
    parts = {part["leaf"]: part for rows in leaves.values() for part in rows}
    for row in fetch(connection, "checks", tables=list(parts)):
        part = parts[row["oid"]]
        if row["is_inherited"]:
            continue
        bound, own = part["bound"], row["expression"]
        expression = f"(({bound}) IS NOT TRUE) OR ({own})" if bound else own
        found.checks[part["oid"]].append(
            Check(
                name=f"{row['name']} of {part['name']}",
                expression=expression,
                columns=mentioned(expression, DIALECT, columns[part["oid"]]),
                is_valid=row["is_valid"],
            )
        )
    for row in fetch(connection, "indexes", tables=list(parts)):
        part = parts[row["oid"]]
        if row["is_inherited"] or not row["is_unique"] or None in row["columns"]:
            continue
        limits = [f"({p})" for p in (part["bound"], row["predicate"]) if p]
        found.uniques[part["oid"]].append(
            Unique(
                name=f"{row['name']} of {part['name']}",
                columns=tuple(row["columns"]),
                nulls_not_distinct=row["nulls_not_distinct"],
                is_constraint=False,
                predicate=" AND ".join(limits) or None,
                is_folded=row["is_folded"],
            )
        )
    for row in fetch(connection, "foreign_keys", tables=list(parts)):
        part = parts[row["oid"]]
        found.foreign_keys[part["oid"]].append(
            {**row, "oid": part["oid"], "name": f"{row['name']} of {part['name']}"}
            | {"is_declared": False}
        )
