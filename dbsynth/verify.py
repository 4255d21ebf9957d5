"""Ask the target itself whether every rule of its schema holds, independent of who wrote it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dbsynth import catalog, queries
from dbsynth.ask import Committed, Queryable, about, count_orphans, one_row, own_rows
from dbsynth.declared import RowRule, row_rules
from dbsynth.errors import SourceError, TargetError
from dbsynth.findings import Finding, Findings
from dbsynth.leaks import ColumnPair, Leak, expectation, leak_findings, leaked_values
from dbsynth.progress import Event, Progress, silent
from dbsynth.repeats import repeated_keys
from dbsynth.rulecheck import check_rules, findings_of
from dbsynth.rulecheck import noted as noted_rules
from dbsynth.schema import Column, ForeignKey, Schema, Table, TableName

if TYPE_CHECKING:
    from dbsynth.adapters.base import Source

MOST_MEASURES = 1_500  # of one query: PostgreSQL's results have 1,664 columns, SQLite's 2,000
_MANIFEST = "_dbsynth"
_DEFAULT_SCHEMA = {"postgresql": "'public'", "duckdb": "'main'", "mysql": "database()"}


def verify(
    schema: Schema,
    target: Queryable,
    *,
    expected_rows: Mapping[TableName, int] | None = None,
    leaks: Mapping[tuple[TableName, str], Leak] | None = None,
    progress: Progress = silent,
) -> Findings:
    """
    Check a target's rows against its schema, in SQL that the target runs.

    Checked are: NOT NULL, enum labels, lengths and types that the dialect leaves unenforced, CHECK,
    the primary key, every unique, every exclusion, every foreign key (undeclared ones too) with its
    MATCH rule, that declared foreign keys are there and valid, counters, row counts, and leaked
    values.  Where the target says that it built its keys over the rows that it holds, its catalogs
    are asked whether they are there and valid, not the rows once more.

    Args:
        schema: the target's own, as adopted or introspected.
        target: whom to ask; a statement that fails must not end its transaction.
        expected_rows: rows per table, by the target's names; None: any number is right.
        leaks: what `leaked_values` returned.
        progress: told about the stage verify, one step a table.

    Raises:
        SourceError, TargetError: a table cannot be read at all.
    """
    findings = leak_findings(leaks or {}) + _lost_tables(schema, expected_rows or {})
    for number, table in enumerate(schema.tables):
        progress(Event("verify", str(table.name), number, len(schema.tables)))
        expected = expected_rows.get(table.name) if expected_rows is not None else None
        with about(table.name):
            findings += _scan(table, target, expected)
            proven = catalog.proven_keys(table, schema, target)
            findings += repeated_keys(table, target, proven)
            for key in table.foreign_keys:
                if proven.has_parents(key, target):
                    findings += Findings.of(["foreign key"], [])
                else:
                    findings += _orphans(key, schema, target)
            declared = ["declared key" for k in table.foreign_keys if k.is_declared]
            findings += Findings.of(declared, catalog.undeclared_keys(table, schema, target))
    progress(Event("verify", "", len(schema.tables), len(schema.tables)))
    return findings


def verify_database(target: Source, like: Source | None = None) -> Findings:
    """
    Check a committed database against its own schema and, if given, against its original.

    With `like`, tables and columns that the original has and the target lacks are errors, and
    string values are compared; tables that the target's manifest names as copied are left out.
    The rules that the manifest notes are counted, too.

    Args:
        target: the database to check, entered.
        like: the original, entered.
    """
    schema, asked = target.introspect(), Committed(target)
    schema.require_readable()
    noted = read_manifest(asked)
    schema = schema.with_keys(_noted_keys(schema, noted)).as_declared()
    rules = noted_rules(json.loads(noted.get("rules", "[]")), schema)
    kept = findings_of(check_rules(rules, schema, asked, {}))
    if like is None:
        return verify(schema, asked) + kept
    original = like.introspect()
    original.require_readable()
    names = match_tables(original, schema)
    pairs = _match_columns(original, schema, names, json.loads(noted.get("tables", "{}")))
    leaks = leaked_values(like, asked, original, pairs)
    return _differences(original, schema, names) + verify(schema, asked, leaks=leaks) + kept


def _scan(table: Table, target: Queryable, expected: int | None) -> Findings:
    """Check all rules about single rows, the number of rows and the counters in one pass."""
    rules = {f"m{i}": rule for i, rule in enumerate(row_rules(table, target.dialect))}
    counters = catalog.counters(table, target.dialect)
    row, refused = _ask(table, target, rules, _extremes(counters, target.dialect))
    found = [_broken(table, rule, int(row[m])) for m, rule in rules.items() if row.get(m)]
    found += [_unchecked(table, rules[m]) for m in refused]
    made = [rule.check for m, rule in rules.items() if m not in refused]
    if expected is not None:
        made.append("row count")
        if row["n_rows"] != expected:
            text = f"{row['n_rows']} rows, {expected} expected"
            found.append(
                Finding(check="row count", table=table.name, count=row["n_rows"], detail=text)
            )
    for i, column in enumerate(counters):
        made.append("counter")
        late = catalog.late_counter(table, column, row[f"least{i}"], row[f"most{i}"], target)
        found += [late] if late else []
    return Findings.of(made, found)


def _ask(
    table: Table, target: Queryable, rules: Mapping[str, RowRule], measures: Mapping[str, str]
) -> tuple[dict[str, Any], list[str]]:
    """
    Count the rows that break each rule, and take further measures, in one scan if possible.

    Returns:
        numbers by name, and the names of the rules whose expression the target refuses.
    """
    counts = {m: f"count(CASE WHEN {r.broken} THEN 1 END)" for m, r in rules.items()}
    own = [m for m, rule in rules.items() if rule.is_expression]
    try:
        return _measure(table, target, {**measures, **counts}), []
    except (SourceError, TargetError):
        if not own:
            raise
    # One of the schema's own expressions is at fault: ask for each of them alone.
    simple = {m: sql for m, sql in counts.items() if m not in own}
    row, refused = _measure(table, target, {**measures, **simple}), []
    for name in own:
        try:
            row |= _measure(table, target, {name: counts[name]})
        except (SourceError, TargetError):
            refused.append(name)
    return row, refused


def _extremes(counters: tuple[Column, ...], dialect: str) -> dict[str, str]:
    measures: dict[str, str] = {}
    for i, column in enumerate(counters):
        quoted = queries.identifier(dialect, column.name)
        measures |= {f"least{i}": f"min({quoted})", f"most{i}": f"max({quoted})"}
    return measures


def _measure(table: Table, target: Queryable, measures: Mapping[str, str]) -> dict[str, Any]:
    """Take measures in one scan, or in a few where a table has more than one query can give."""
    lines = [f",\n       {sql} AS {name}" for name, sql in measures.items()]
    slots = {
        "table": own_rows(target, table.name),
        "alias": queries.identifier(target.dialect, table.name.name),
    }
    row: dict[str, Any] = {}
    for start in range(0, max(1, len(lines)), MOST_MEASURES):
        some = slots | {"measures": "".join(lines[start : start + MOST_MEASURES])}
        row |= one_row(target, queries.render(queries.get("verify", "table_scan"), some))
    return row


def _orphans(key: ForeignKey, schema: Schema, target: Queryable) -> Findings:
    """Check that every complete key of a child row is a parent row's."""
    if key.parent not in schema.by_name:
        text = f"{key.name}: the parent table {key.parent} is not there"
        missing = Finding(
            check="foreign key", table=key.child, columns=key.columns, count=0, detail=text
        )
        return Findings.of(["foreign key"], [missing])
    count = count_orphans(target, key, schema)
    text = f"rows without their row in {key.parent}" + ("" if key.is_declared else " (undeclared)")
    finding = Finding(
        check="foreign key",
        table=key.child,
        columns=key.columns,
        count=count,
        severity="error" if key.is_valid else "warning",
        detail=text,
    )
    return Findings.of(["foreign key"], [finding] if count else [])


def _lost_tables(schema: Schema, expected_rows: Mapping[TableName, int]) -> Findings:
    lost = [
        Finding(
            check="row count", table=name, count=0, detail=f"no such table, {rows} rows expected"
        )
        for name, rows in expected_rows.items()
        if name not in schema.by_name
    ]
    return Findings.of(["row count"] * len(lost), lost)


def _broken(table: Table, rule: RowRule, count: int) -> Finding:
    return Finding(
        check=rule.check,
        table=table.name,
        columns=rule.columns,
        count=count,
        severity=rule.severity,
        detail=rule.detail,
    )


def _unchecked(table: Table, rule: RowRule) -> Finding:
    return Finding(
        check=rule.check,
        table=table.name,
        columns=rule.columns,
        count=0,
        severity="warning",
        detail=f"not checked: the target cannot evaluate it ({rule.detail})",
    )


def match_tables(original: Schema, schema: Schema) -> dict[TableName, TableName]:
    """Find each original table's counterpart: the same name, plain or with its schema in front."""
    plain: dict[str, list[TableName]] = {}
    for table in schema.tables:
        plain.setdefault(table.name.name.casefold(), []).append(table.name)
    names = {}
    for table in original.tables:
        full = f"{table.name.schema}__{table.name.name}".casefold()
        same = plain.get(table.name.name.casefold(), [])
        if table.name in schema.by_name:
            names[table.name] = table.name
        elif len(plain.get(full, [])) == 1:
            names[table.name] = plain[full][0]
        elif len(same) == 1:
            names[table.name] = same[0]
    return names


def _match_columns(
    original: Schema,
    schema: Schema,
    names: Mapping[TableName, TableName],
    manifest: Mapping[str, Any],
) -> Iterator[ColumnPair]:
    """Pair the columns of one name, but for tables that were copied and columns that are keys."""
    for name, found in names.items():
        noted = manifest.get(str(name), {})
        if noted.get("mode") == "copy":
            continue
        table = original.table(name)
        referring = {c for key in table.foreign_keys for c in key.columns}
        there = {c.name.casefold(): c.name for c in schema.table(found).columns}
        for column in table.written_columns:
            if column.name in referring or column.name.casefold() not in there:
                continue
            treatment = noted.get("columns", {}).get(column.name, "")
            if treatment == "foreign key":  # one that only the plan declared
                continue
            yield ColumnPair(
                source=name,
                source_column=column.name,
                target=found,
                target_column=there[column.name.casefold()],
                expected=expectation(treatment),
            )


def _differences(
    original: Schema, schema: Schema, names: Mapping[TableName, TableName]
) -> Findings:
    """List the tables and columns that the original has and the target lacks."""
    made, found = [], []
    for table in original.tables:
        made.append("table present")
        if table.name not in names:
            text = "the original has this table, the target does not"
            found.append(Finding(check="table present", table=table.name, count=0, detail=text))
            continue
        there = {c.name.casefold() for c in schema.table(names[table.name]).columns}
        lacking = tuple(c.name for c in table.columns if c.name.casefold() not in there)
        made.append("columns present")
        if lacking:
            found.append(
                Finding(
                    check="columns present",
                    table=names[table.name],
                    columns=lacking,
                    count=0,
                    detail="the original has these columns, the target does not",
                )
            )
    return Findings.of(made, found)


def _noted_keys(schema: Schema, noted: Mapping[str, str]) -> Iterator[ForeignKey]:
    """The keys that the run kept without declaring them, as far as their columns are there."""
    there = {(t.name, c.name) for t in schema.tables for c in t.columns}
    for data in json.loads(noted.get("references", "[]")):
        key = ForeignKey.from_json(data)
        wanted = {(key.child, c) for c in key.columns}
        wanted |= {(key.parent, c) for c in key.parent_columns}
        wanted |= {(key.child, key.when.column)} if key.when else set()
        known = schema.table(key.child).foreign_keys if wanted <= there else (key,)
        if not any(k.is_same_reference(key) for k in known):
            yield key


def read_manifest(target: Queryable) -> Mapping[str, str]:
    """Read what the run that made the target noted about it; nothing if there is none."""
    dialect = target.dialect
    slots = {"table": queries.literal(dialect, _MANIFEST)}
    if dialect == "sqlite":
        template = queries.get("sqlite", "verify_manifest_exists")
    else:
        template = queries.get("verify", "manifest_exists")
        slots["schema"] = _DEFAULT_SCHEMA[dialect]
    if not one_row(target, queries.render(template, slots))["found"]:
        return {}
    schema = {"postgresql": "public", "duckdb": "main"}.get(dialect, "")
    table = target.quote(TableName(schema, _MANIFEST))
    key, value = (queries.identifier(dialect, c) for c in ("key", "value"))
    rows = target.query(f"SELECT {key}, {value} FROM {table}").to_pylist()
    return {row["key"]: row["value"] for row in rows}
