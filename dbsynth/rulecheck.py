"""Count on a target how many rows break each rule beyond its schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from typing import Any

from dbsynth.ask import Queryable, one_row, own_rows
from dbsynth.errors import SourceError, TargetError
from dbsynth.findings import Finding, Findings
from dbsynth.rules.book import Rule, RuleError
from dbsynth.rules.language import RuleQuery, count_breaks, count_together
from dbsynth.schema import Schema, TableName

_MUTE = "the target cannot evaluate it"
_TIMES, _SPARE = 2.0, 0.01  # how many more exceptions than in the source a copy may have


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of a rule on a target."""

    rule: Rule
    table: TableName  # the target's
    rows: int  # that it is about
    broken: int | None  # of them; None: it could not be counted
    columns: tuple[str, ...] = ()
    why: str = ""  # it could not

    @property
    def is_kept(self) -> bool:
        """Whether no row breaks it; of one with exceptions, whether about as few as did."""
        if self.broken is None or not self.rule.exceptions:
            return self.broken == 0
        share = self.rule.exceptions / max(1, self.rule.rows)
        return self.broken <= (_TIMES * share + _SPARE) * self.rows


def check_rules(
    rules: Iterable[Rule], schema: Schema, target: Queryable, names: Mapping[TableName, TableName]
) -> tuple[Checked, ...]:
    """
    Count every rule that was not rejected.

    Args:
        rules: of the plan, by the source's names.
        schema: the target's own.
        target: whom to ask; a statement that fails must not end its transaction.
        names: the target's table for each of the source's.
    """
    wanted = [rule for rule in rules if rule.status != "rejected"]
    spell = cache(partial(own_rows, target))
    asked: dict[int, RuleQuery] = {}
    checked: dict[int, Checked] = {}
    for number, rule in enumerate(wanted):
        name = names.get(rule.table, rule.table)
        if name not in schema.by_name:
            checked[number] = Checked(rule, name, 0, None, why="its table is not there")
            continue
        try:
            about = schema.table(name)
            asked[number] = count_breaks(rule.text, about, schema, target.dialect, spell)
        except RuleError as exc:
            checked[number] = Checked(rule, name, 0, None, why=str(exc))
        except (SourceError, TargetError):
            checked[number] = Checked(rule, name, 0, None, why=_MUTE)
    counts = _counted(asked, target)
    for number, query in asked.items():
        rule = wanted[number]
        rows, broken = counts.get(number, (0, None))
        name, why = names.get(rule.table, rule.table), _MUTE if broken is None else ""
        checked[number] = Checked(rule, name, rows, broken, query.columns, why)
    return tuple(checked[number] for number in range(len(wanted)))


def _counted(asked: Mapping[int, RuleQuery], target: Queryable) -> dict[int, tuple[int, int]]:
    """Rows, and how many of them are broken, of each query that the target can answer."""
    scans: dict[tuple[object, ...], list[int]] = {}
    for number, query in asked.items():
        scans.setdefault(query.scan, []).append(number)
    found: dict[int, tuple[int, int]] = {}
    for together in scans.values():
        some = _answers([asked[n] for n in together], target)
        if some is None:  # one of them is at fault
            alone = [_answers([asked[n]], target) for n in together]
            some = [a[0] if a else None for a in alone]
        found |= {n: a for n, a in zip(together, some, strict=True) if a is not None}
    return found


def _answers(
    queries: Sequence[RuleQuery], target: Queryable
) -> Sequence[tuple[int, int] | None] | None:
    """Rows and broken ones of queries that one scan answers; None if it cannot."""
    try:
        if len(queries) == 1:
            row = one_row(target, queries[0].sql)
            return [(int(row["n_rows"]), int(row["broken"]))]
        row = one_row(target, count_together(queries))
    except (SourceError, TargetError):
        return None
    return [(int(row[f"n_rows{i}"]), int(row[f"broken{i}"])) for i in range(len(queries))]


def findings_of(checked: Iterable[Checked]) -> Findings:
    """Turn broken rules into findings: errors if the user accepted them, else warnings."""
    made, found = [], []
    for one in checked:
        made.append("rule")
        is_declared = one.rule.status == "accepted"
        if one.broken is None:
            found.append(_finding(one, 0, f"not checked: {one.why} ({one.rule.text})"))
        elif one.broken and not one.is_kept:
            text = f"of {one.rows} rows break {one.rule.text}"
            found.append(_finding(one, one.broken, text, is_error=is_declared))
    return Findings.of(made, found)


def _finding(one: Checked, count: int, text: str, *, is_error: bool = False) -> Finding:
    return Finding(
        check="rule", table=one.table, columns=one.columns, count=count,
        severity="error" if is_error else "warning", detail=text,
    )  # fmt: skip


def summary(checked: Iterable[Checked]) -> str:
    """Say in a line how many rules there are and what became of them."""
    listed = list(checked)
    if not listed:
        return ""
    found = sum(c.rule.status == "found" for c in listed)
    kept, lost = sum(c.is_kept for c in listed), sum(c.broken is None for c in listed)
    parts = [f"{found} found", f"{len(listed) - found} set", f"{kept} kept"]
    parts += [f"{len(listed) - kept - lost} broken"] + ([f"{lost} not checked"] if lost else [])
    odd = sum(bool(c.rule.exceptions) for c in listed)
    parts += [f"{odd} with exceptions"] if odd else []
    return f"{len(listed)} rules: {', '.join(parts)}"


def to_data(checked: Iterable[Checked]) -> list[dict[str, Any]]:
    """Turn into plain values for a report or a manifest."""
    return [
        asdict(c.rule)
        | {"table": str(c.table), "rows": c.rows, "broken": c.broken, "kept": c.is_kept}
        | {"source_rows": c.rule.rows}
        for c in checked
    ]


def noted(entries: Iterable[Mapping[str, Any]], schema: Schema) -> tuple[Rule, ...]:
    """Read the rules that a run noted in its manifest, as far as their tables are there."""
    tables = {str(t): t for t in schema.by_name}
    return tuple(
        Rule(
            table=tables[e["table"]],
            text=e["text"],
            status=e["status"],
            kind=e["kind"],
            rows=int(e.get("source_rows") or 0),
            exceptions=int(e.get("exceptions") or 0),
        )
        for e in entries
        if e["table"] in tables
    )
