"""The plan as YAML that people read, edit, compare and keep in git; and as JSON in models."""

from __future__ import annotations

import difflib
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any, get_args

from dbsynth.errors import PlanFileError, RefusedError
from dbsynth.graph import waves
from dbsynth.plan import (
    FORMAT_VERSION,
    KeyPlan,
    KeyRole,
    Plan,
    TableMode,
    TablePlan,
    contradictions,
    origins,
)
from dbsynth.references import Reference, from_data, to_data
from dbsynth.rules import book
from dbsynth.rules.language import complaints
from dbsynth.schema import ForeignKey, Schema, Table, TableName
from dbsynth.treatments import KINDS, Treatment

_HEADER = """\
# A dbsynth plan: what will be done with every table and column, and why.
# Edit it and give it back with --plan.  `source` must stay the fingerprint of the schema it was
# made for; waves and roots are worked out anew.  Modes: generate, invent, copy, empty.
# Treatments: {kinds}.
"""
_REFERENCES = """\
# References are keys that nothing declares.  Say `accepted: true`, and they are kept like declared
# ones; the tables below follow by themselves.
"""
_RULES = """\
# Rules hold beyond what the schema declares.  `found`: in every row of the source that was read;
# the copy is checked, a break is told.  Say `accepted`, and a break is an error, or `rejected`, or
# add lines with `table` and `rule`: an SQL condition over a row, its parents and its children.
"""
_ONE_LINE = 10_000  # as many characters as a line needs


def to_json(plan: Plan) -> dict[str, Any]:
    """Turn a plan, schema included, into plain values; `from_json` is the inverse."""
    return {"schema": plan.schema.to_json(), "plan": _to_data(plan)}


def from_json(data: Mapping[str, Any]) -> Plan:
    """
    Rebuild a plan from `to_json`'s value.

    Raises:
        PlanFileError: the data are not a plan's.
        KeyError, TypeError: the data hold no schema.
    """
    return _from_data(data["plan"], Schema.from_json(data["schema"]))


def to_yaml(plan: Plan) -> str:
    """Write a plan for people; the same plan gives the same text."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = 100
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = io.StringIO()
    yaml.dump(_to_data(replace(plan, rules=())), text)
    told = _REFERENCES if plan.references else ""
    return _HEADER.format(kinds=", ".join(KINDS)) + told + text.getvalue() + _rules_text(plan)


def _rules_text(plan: Plan) -> str:
    """The rules, each on one line."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width, yaml.default_flow_style = _ONE_LINE, None
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = io.StringIO()
    if plan.rules:
        yaml.dump({"rules": [book.to_data(r) for r in plan.rules]}, text)
    return _RULES + text.getvalue() if plan.rules else ""


def from_yaml(text: str, schema: Schema) -> Plan:
    """
    Read an edited plan.

    Args:
        text: the file.
        schema: the source's, as it is now.

    Raises:
        PlanFileError: the file is broken; lists every problem.
        RefusedError: the source's schema is not the one that the plan was made for.
    """
    return _from_data(_parse(text), schema)


def planned_tables(text: str) -> frozenset[TableName]:
    """
    Name the tables that a plan is about, before it is compared with a source.

    Raises:
        PlanFileError: the text is no plan.
    """
    entries = [e for e in _parse(text).get("tables") or [] if isinstance(e, dict)]
    return frozenset(TableName(str(e.get("schema") or ""), str(e.get("table"))) for e in entries)


def fingerprint(plan: Plan) -> str:
    """A short hash of everything that the plan says, its schema included."""
    text = json.dumps(to_json(plan), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _parse(text: str) -> dict[str, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        data = YAML(typ="safe", pure=True).load(text)
    except YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise PlanFileError(
            f"the plan is not YAML{where}", "Mend the file or make it anew."
        ) from exc
    if not isinstance(data, dict):
        raise PlanFileError("the plan is empty", "Make it with `dbsynth plan SOURCE -o plan.yaml`.")
    return data


def _to_data(plan: Plan) -> dict[str, Any]:
    return {
        "version": FORMAT_VERSION,
        "source": plan.schema.fingerprint(),
        "seed": plan.seed,
        "engine": plan.engine,
        "quality": plan.quality,
        "protected": plan.is_protected,
        "notes": list(plan.notes),
        **({"references": [to_data(r) for r in plan.references]} if plan.references else {}),
        "tables": [_table_data(t) for t in plan.tables.values()],
        **({"rules": [book.to_data(r) for r in plan.rules]} if plan.rules else {}),
    }


def _table_data(table: TablePlan) -> dict[str, Any]:
    data: dict[str, Any] = {
        "schema": table.name.schema,
        "table": table.name.name,
        "mode": table.mode,
        "why": table.why,
        "wave": table.wave,
        "source_rows": table.source_rows,
        "rows": table.target_rows,
        "root": str(table.root),
    }
    if table.order_by:
        data["order_by"] = table.order_by
    if table.engine:
        data["engine"] = table.engine
    data["keys"] = [_key_data(k) for k in table.keys]
    data["columns"] = {n: _treatment_data(t) for n, t in table.columns.items()}
    return data


def _key_data(key: KeyPlan) -> dict[str, Any]:
    data = asdict(key)
    data["columns"], data["via"] = list(key.columns), list(key.via)
    data["parent"] = str(key.parent)
    return {k: v for k, v in data.items() if v not in ("", [], 0.0)}


def _treatment_data(treatment: Treatment) -> dict[str, Any]:
    data: dict[str, Any] = {"treatment": treatment.kind}
    if treatment.semantic:
        data["semantic"] = treatment.semantic
    if treatment.is_unique:
        data["unique"] = True
    if treatment.copies:
        data["copies"] = str(treatment.copies)
    data["evidence"] = treatment.evidence
    return data


def _from_data(data: Mapping[str, Any], schema: Schema) -> Plan:
    version = data.get("version")
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise PlanFileError(
            f"the plan has format version {version!r}, this dbsynth reads up to {FORMAT_VERSION}",
            "Update dbsynth, or make the plan anew.",
        )
    if data.get("source") != schema.fingerprint():
        raise RefusedError(
            "the source's schema is not the one that this plan was made for",
            "Make the plan anew with `dbsynth plan SOURCE -o plan.yaml` and repeat your edits.",
        )
    problems: list[str] = []
    references = from_data(data.get("references"), schema, problems)
    schema = schema.with_keys(_planned(data, schema, references))
    tables: dict[TableName, TablePlan] = {}
    for entry in data.get("tables") or []:
        table = _table(entry, schema, problems)
        if table is not None:
            tables[table.name] = table
    tables = _with_copies(tables, data, schema, problems)
    problems += [f"table {n} is missing" for n in schema.by_name if n not in tables]
    if data.get("quality") not in ("fast", "balanced", "max"):
        problems.append("quality must be fast, balanced or max")
    if not isinstance(data.get("seed", 0), int):
        problems.append("seed must be a whole number")
    rules = book.from_data(data.get("rules"), schema, problems)
    problems += complaints(rules, schema)
    if problems:
        raise PlanFileError("the plan cannot be used", "Mend these lines.", problems)
    return Plan(
        schema=schema,
        tables=settled(tables, schema, problems),
        seed=data.get("seed", 0),
        engine=str(data.get("engine", "argn")),
        quality=data["quality"],
        is_protected=bool(data.get("protected", True)),
        references=references,
        rules=rules,
        notes=tuple(data.get("notes") or ()),
    )


def _with_copies(
    tables: Mapping[TableName, TablePlan],
    data: Mapping[str, Any],
    schema: Schema,
    problems: list[str],
) -> dict[TableName, TablePlan]:
    """Read what columns copy, which the keys of all tables decide."""
    keys = {n: t.keys for n, t in tables.items()}
    found = dict(tables)
    for entry in (e for e in data.get("tables") or [] if isinstance(e, dict)):
        name = TableName(str(entry.get("schema") or ""), str(entry.get("table")))
        entries = entry["columns"] if isinstance(entry.get("columns"), dict) else {}
        said = {c: t["copies"] for c, t in entries.items() if isinstance(t, dict) and "copies" in t}
        if name not in tables or not said:
            continue
        known, columns = origins(name, keys, schema), dict(tables[name].columns)
        for column, origin in said.items():
            possible = known.get(column, {})
            _check(f"{name}.{column}: copies", origin, tuple(possible), problems)
            if origin in possible and column in columns:
                columns[column] = replace(columns[column], copies=possible[origin])
        found[name] = replace(tables[name], columns=columns)
    return found


def settled(
    tables: Mapping[TableName, TablePlan], schema: Schema, problems: list[str]
) -> dict[TableName, TablePlan]:
    """
    Follow up on edits: what depends on other tables' lines is worked out anew.

    Order and roots follow from the keys, and whether a parent is chosen by row or by kind follows
    from its mode, so that an edit of one line is enough.

    Raises:
        PlanFileError: a table has several owners, or a cycle is not cut.
    """
    cut = {(t.name, k.name) for t in tables.values() for k in t.keys if k.role == "backfill"}
    try:
        numbered = waves(schema, cut)
    except ValueError as exc:
        remedy = "Give one key of each cycle the role backfill."
        raise PlanFileError("the plan's keys form a cycle", remedy) from exc
    made: dict[TableName, TablePlan] = {}
    for name in sorted(tables, key=lambda n: (numbered[n], n)):
        table = tables[name]
        owners = [k for k in table.keys if k.role == "owner"]
        if len(owners) > 1:
            problems.append(f"{name}: only one key can be the owner")
        keys = tuple(_settled_key(k, tables[k.parent]) for k in table.keys)
        root = made[owners[0].parent].root if owners else name
        made[name] = replace(table, keys=keys, root=root, wave=numbered[name])
    problems += contradictions(made, schema)
    if problems:
        raise PlanFileError("the plan cannot be used", "Mend these lines.", problems)
    return made


def _settled_key(key: KeyPlan, parent: TablePlan) -> KeyPlan:
    if key.role not in ("reference", "token"):
        return key
    return replace(key, role="reference" if parent.mode == "copy" else "token")


def _planned(
    data: Mapping[str, Any], schema: Schema, references: Iterable[Reference]
) -> Iterator[ForeignKey]:
    """
    Give the keys that nothing declares and the tables of the plan have.

    The user may have accepted a reference, or refused one, since the tables were planned.
    """
    entries = [e for e in data.get("tables") or [] if isinstance(e, dict)]
    listed = {
        (str(e.get("schema") or ""), str(e.get("table")), str(k.get("name")))
        for e in entries
        for k in e.get("keys") or []
        if isinstance(k, dict)
    }
    known = {(k.child, k.name) for k in schema.foreign_keys}
    for key in (k for reference in references for k in reference.foreign_keys):
        if (*key.child, key.name) in listed and (key.child, key.name) not in known:
            known.add((key.child, key.name))
            yield key


def _table(entry: Any, schema: Schema, problems: list[str]) -> TablePlan | None:
    if not isinstance(entry, dict) or "table" not in entry:
        problems.append("an entry under tables has no `table`")
        return None
    name = TableName(str(entry.get("schema") or ""), str(entry["table"]))
    if name not in schema.by_name:
        problems.append(
            f"table {name} is not in the source{_hint(str(name), map(str, schema.by_name))}"
        )
        return None
    _check(f"{name}: mode", entry.get("mode"), get_args(TableMode), problems)
    for count in ("source_rows", "rows", "wave"):
        if not isinstance(entry.get(count), int) or entry[count] < 0:
            problems.append(f"{name}: {count} must be a whole number, 0 or more")
            entry = {**entry, count: 0}
    table = schema.table(name)
    columns = _columns(table, entry.get("columns"), problems)
    order_by = str(entry.get("order_by", ""))
    if order_by and order_by not in columns:
        problems.append(f"{name}: order_by: no column {order_by!r}{_hint(order_by, columns)}")
    return TablePlan(
        name=name,
        mode=entry.get("mode", "generate"),
        source_rows=entry["source_rows"],
        target_rows=entry["rows"],
        wave=entry["wave"],
        root=name,
        why=str(entry.get("why", "")),
        keys=tuple(_keys(name, entry, schema, problems)),
        order_by=order_by,
        engine=str(entry.get("engine", "")),
        columns=columns,
    )


def _columns(table: Table, entries: Any, problems: list[str]) -> dict[str, Treatment]:
    """The treatment of each column that rows carry; all of them are there, and no others."""
    found = {}
    entries = entries if isinstance(entries, dict) else {}
    for column in table.written_columns:
        given = entries.get(column.name)
        if not isinstance(given, dict):
            problems.append(f"{table.name}.{column.name}: has no treatment")
            continue
        found[column.name] = _treatment(f"{table.name}.{column.name}", given, problems)
    known = {c.name for c in table.columns}
    problems.extend(
        f"{table.name}.{extra}: no such column{_hint(str(extra), known)}"
        for extra in entries
        if extra not in known
    )
    return found


def _keys(
    name: TableName, entry: Mapping[str, Any], schema: Schema, problems: list[str]
) -> list[KeyPlan]:
    declared = {k.name: k for k in schema.table(name).foreign_keys}
    found = []
    for data in entry.get("keys") or []:
        if not isinstance(data, dict):
            problems.append(f"{name}: an entry under keys has no `name`")
            continue
        key = declared.get(str(data.get("name")))
        if key is None:
            wrong = str(data.get("name"))
            problems.append(f"{name}: no foreign key {wrong!r}{_hint(wrong, declared)}")
            continue
        _check(f"{name}.{key.name}: role", data.get("role"), get_args(KeyRole), problems)
        via = tuple(data.get("via") or ())
        if data.get("role") == "derived" and not _leads(name, via, key.parent, schema):
            way = " > ".join(map(str, via))
            problems.append(f"{name}.{key.name}: via {way!r} does not lead to {key.parent}")
        found.append(
            KeyPlan(
                name=key.name,
                columns=key.columns,
                parent=key.parent,
                role=data.get("role", "token"),
                nulls=float(data.get("nulls", 0.0)),
                via=via,
                why=str(data.get("why", "")),
            )
        )
    planned = {k.name for k in found}
    problems += [
        f"{name}: foreign key {k} is missing"
        for k, key in declared.items()
        if k not in planned and key.parent in schema.by_name
    ]
    return found


def _leads(name: TableName, via: tuple[str, ...], goal: TableName, schema: Schema) -> bool:
    """Whether keys, one after the other, lead from a table to the goal."""
    for step in via:
        parents = [k.parent for k in schema.table(name).foreign_keys if k.name == step]
        if not parents or parents[0] not in schema.by_name:
            return False
        name = parents[0]
    return bool(via) and name == goal


def _treatment(where: str, data: Mapping[str, Any], problems: list[str]) -> Treatment:
    kind = data.get("treatment")
    _check(f"{where}: treatment", kind, KINDS, problems)
    return Treatment(
        kind=kind if kind in KINDS else "void",
        semantic=str(data.get("semantic", "")),
        evidence=str(data.get("evidence", "")),
        is_unique=bool(data.get("unique", False)),
    )


def _check(where: str, value: Any, allowed: tuple[str, ...], problems: list[str]) -> None:
    if value not in allowed:
        problems.append(f"{where} {value!r} is unknown{_hint(str(value), allowed)}")


def _hint(word: str, known: Any) -> str:
    close = difflib.get_close_matches(word, list(known), 1)
    return f"; did you mean {close[0]}?" if close else ""
