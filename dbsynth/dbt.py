"""
Read the tests of a dbt project from its `manifest.json`, as rules and references of a plan.

Four tests are known: unique, not_null, accepted_values and relationships.  What a schema declares
already is left out; what cannot be read (other tests, tables that are not there, `where` that is
no condition here) is told.  Format: https://schemas.getdbt.com, manifest v4 and later.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dbsynth.errors import PlanFileError
from dbsynth.expressions import UntranslatableError, parse
from dbsynth.rules.words import quote
from dbsynth.schema import Schema, Table

KNOWN = ("unique", "not_null", "accepted_values", "relationships")
_REF = re.compile(r"""(?:ref|source)\s*\(\s*(.+?)\s*\)""")


@dataclass(frozen=True, slots=True)
class Tests:
    """What a manifest says about tables, by the names that databases know them by."""

    tests: tuple[Mapping[str, Any], ...]
    relations: Mapping[str, tuple[str, str]]  # dbt's id -> schema, table


@dataclass
class Read:
    """Entries as the configuration file lists them, and what was not understood."""

    rules: list[dict[str, Any]] = field(default_factory=list)
    references: list[dict[str, Any]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """One line for the plan's notes."""
        found = f"{len(self.rules)} rules and {len(self.references)} references"
        left = f"; {len(self.left)} not read: {'; '.join(self.left[:5])}" if self.left else ""
        return f"dbt's tests: {found}{left}"


def read_manifest(path: Path) -> Tests:
    """
    Read a manifest.

    Raises:
        PlanFileError: it cannot be read, or is none.
    """
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as exc:
        raise PlanFileError(
            f"cannot read {path} as a dbt manifest", "Name target/manifest.json of a dbt project."
        ) from exc
    nodes = data.get("nodes") if isinstance(data, dict) else None
    if not isinstance(nodes, Mapping):
        raise PlanFileError(
            f"{path} is no dbt manifest: it has no nodes", "Run `dbt parse`; it writes one."
        )
    relations = {}
    for name, node in {**nodes, **(data.get("sources") or {})}.items():
        if node.get("resource_type") in ("model", "seed", "snapshot", "source"):
            table = node.get("alias") or node.get("identifier") or node.get("name")
            relations[name] = (str(node.get("schema") or ""), str(table))
    tests = tuple(n for n in nodes.values() if n.get("resource_type") == "test")
    return Tests(tests, relations)


def bound(found: Tests, schema: Schema) -> Read:
    """Put a manifest's tests into rules and references about a schema."""
    read = Read()
    for test in found.tests:
        if (test.get("config") or {}).get("enabled", True):
            _Test(test, found, schema, read).put()
    read.left = list(dict.fromkeys(read.left))
    return read


@dataclass
class _Test:
    test: Mapping[str, Any]
    found: Tests
    schema: Schema
    read: Read

    def put(self) -> None:
        metadata = self.test.get("test_metadata") or {}
        name = str(metadata.get("name") or "another test")
        kwargs = metadata.get("kwargs") or {}
        if name not in KNOWN:
            self.read.left.append(f"{name} is not known here")
            return
        table = self._table()
        column = self.test.get("column_name") or kwargs.get("column_name")
        if table is None or not column:
            return
        names = {c.name.lower(): c.name for c in table.written_columns}
        spelled = names.get(str(column).strip('"`').lower())
        if spelled is None:
            self.read.left.append(f"{table.name} has no column {column}")
            return
        if name == "relationships":
            self._relationship(table, spelled, kwargs)
            return
        if name == "unique" and (self.test.get("config") or {}).get("where"):
            self.read.left.append(f"unique in a part of {table.name} is not known here")
            return
        for rule in self._rules(name, table, spelled, kwargs):
            self._add(table, rule)

    def _rules(
        self, name: str, table: Table, column: str, kwargs: Mapping[str, Any]
    ) -> Iterator[str]:
        word = quote(column)
        if name == "not_null" and table.column(column).is_nullable:
            yield f"{word} IS NOT NULL"
        if name == "unique" and (column,) not in table.unique_sets:
            yield f"count(*) OVER (PARTITION BY {word}) = 1"
        if name == "accepted_values" and kwargs.get("values"):
            is_text = kwargs.get("quote", True) is not False
            values = ", ".join(_literal(v, is_text=is_text) for v in kwargs["values"])
            yield f"{word} IN ({values})"

    def _add(self, table: Table, rule: str) -> None:
        where = (self.test.get("config") or {}).get("where")
        if where:
            try:
                parse(where, "duckdb")
            except UntranslatableError:
                self.read.left.append(f"a condition of {table.name} is none here")
                return
            rule = f"{rule} OR NOT ({where})"
        is_warning = str((self.test.get("config") or {}).get("severity", "error")).lower() == "warn"
        entry = {"table": str(table.name), "rule": rule}
        if entry | {"status": "found"} not in self.read.rules and entry not in self.read.rules:
            self.read.rules.append(entry | ({"status": "found"} if is_warning else {}))

    def _relationship(self, table: Table, column: str, kwargs: Mapping[str, Any]) -> None:
        other = self._other(table, str(kwargs.get("to") or ""))
        if other is None:
            return
        names = {c.name.lower(): c.name for c in other.written_columns}
        there = names.get(str(kwargs.get("field") or "").strip('"`').lower())
        if there is None:
            self.read.left.append(f"{other.name} has no column {kwargs.get('field')}")
            return
        declared = [(k.columns, k.parent, k.parent_columns) for k in table.foreign_keys]
        if ((column,), other.name, (there,)) in declared:
            return
        where = (self.test.get("config") or {}).get("where")
        if (there,) in other.unique_sets and not where:
            self.read.references.append({
                "child": str(table.name), "columns": column,
                "parent": str(other.name), "parent_columns": there,
            })  # fmt: skip
        else:
            listed = f"SELECT {quote(there)} FROM {quote(other.name.name)}"
            self._add(table, f"{quote(column)} IN ({listed})")

    def _table(self) -> Table | None:
        """The table that a test is about."""
        attached = self.test.get("attached_node")
        if not attached:
            nodes = (self.test.get("depends_on") or {}).get("nodes") or []
            attached = nodes[-1] if nodes else ""  # of a relationship, the other table comes first
        return self._relation(str(attached))

    def _other(self, table: Table, text: str) -> Table | None:
        """The table that `ref('…')` or `source('…', '…')` names."""
        named = _REF.search(text)
        last = named[1].split(",")[-1].strip(" '\"") if named else text
        nodes = (self.test.get("depends_on") or {}).get("nodes") or []
        fitting = [n for n in nodes if str(n).split(".")[-1] == last]
        fitting = fitting or [n for n in self.found.relations if n.split(".")[-1] == last]
        if not fitting:
            self.read.left.append(f"{table.name} refers to {last}, which is not there")
            return None
        return self._relation(str(fitting[0]))

    def _relation(self, node: str) -> Table | None:
        schema, name = self.found.relations.get(node, ("", node.split(".")[-1]))
        near = [t for t in self.schema.tables if t.name.name.lower() == name.lower()]
        exact = [t for t in near if t.name.schema.lower() == schema.lower()]
        chosen = exact or near
        if len(chosen) != 1:
            many = "several tables are called" if chosen else "there is no table"
            self.read.left.append(f"{many} {name}")
            return None
        return chosen[0]


def _literal(value: Any, *, is_text: bool) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    if is_text and not isinstance(value, int | float):
        return "'" + str(value).replace("'", "''") + "'"
    return str(value)
