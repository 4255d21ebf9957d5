"""Rules beyond what a schema declares: found in the source or set by the user; one line each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from dbsynth.schema import Schema, TableName

RuleStatus = Literal[
    "found",  # holds in every row that was read, or but for its exceptions; a break is a warning
    "accepted",  # by the user; a break is an error
    "rejected",  # by the user; not looked at
]


class RuleError(Exception):
    """A rule cannot be understood; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """
    A rule about the rows of one table, in the language of `dbsynth.rules.language`.

    It holds names, counts, and constants that were released; no other value of the source.
    """

    table: TableName
    text: str
    status: RuleStatus = "accepted"
    kind: str = ""  # of those that were found: order, total, arithmetic …
    rows: int = 0  # of the source that it says something about, as far as they were read
    exceptions: int = 0  # of them, those that break it

    def __str__(self) -> str:
        """Print as one line."""
        return f"{self.table}: {self.text}"


def to_data(rule: Rule) -> dict[str, Any]:
    """Write a rule as plain values for the plan; `from_data` is the inverse."""
    data = {"table": str(rule.table), "rule": rule.text, "status": rule.status}
    counts = {"kind": rule.kind, "rows": rule.rows, "exceptions": rule.exceptions}
    return data | (counts if rule.kind else {})


def from_data(
    entries: Any, schema: Schema, problems: list[str], where: str = "rules"
) -> tuple[Rule, ...]:
    """
    Read rules as a plan or the configuration file lists them; their texts are not looked at.

    Args:
        entries: a list of mappings with `table` and `rule`; the rest may be missing.
        schema: the source's.
        problems: gets a line for everything that is wrong.
        where: how these lines begin.
    """
    if not isinstance(entries or [], Sequence) or isinstance(entries, str):
        problems.append(f"{where}: must be a list")
        return ()
    found = []
    for number, entry in enumerate(entries or [], 1):
        rule = _read(entry, schema, f"{where}: entry {number}", problems)
        if rule is not None:
            found.append(rule)
    return tuple(found)


_KEYS = ("table", "rule", "status", "kind", "rows", "exceptions")


def _read(entry: Any, schema: Schema, where: str, problems: list[str]) -> Rule | None:
    if not isinstance(entry, Mapping) or not {"table", "rule"} <= set(entry):
        problems.append(f"{where}: say `table` and `rule`")
        return None
    before = len(problems)
    problems += [f"{where}: unknown key {str(k)!r}" for k in entry if k not in _KEYS]
    name = str(entry["table"])
    tables = [t for t in schema.by_name if name in (str(t), t.name)]
    exact = [t for t in tables if str(t) == name] or tables
    if len(exact) != 1:
        many = "several tables are called" if exact else "there is no table"
        problems.append(f"{where}: {many} {name!r}")
    status = entry.get("status", "accepted")
    if status not in get_args(RuleStatus):
        problems.append(f"{where}: status must be found, accepted or rejected")
    counts = [entry.get("rows", 0), entry.get("exceptions", 0)]
    if not all(isinstance(c, int) and c >= 0 for c in counts):
        problems.append(f"{where}: rows and exceptions must be whole numbers, 0 or more")
    if len(problems) > before:
        return None
    return Rule(
        table=exact[0], text=str(entry["rule"]), status=status, kind=str(entry.get("kind", "")),
        rows=counts[0], exceptions=counts[1],
    )  # fmt: skip


def combine(found: Iterable[Rule], listed: Iterable[Rule]) -> tuple[Rule, ...]:
    """Let what the user lists decide over what was found; counts of what was found stay."""
    kept = {(r.table, r.text): r for r in found}
    for wanted in listed:
        same = kept.get((wanted.table, wanted.text))
        kept[wanted.table, wanted.text] = (
            wanted if same is None else replace(same, status=wanted.status)
        )
    return tuple(kept.values())


def summary(rules: Iterable[Rule]) -> list[str]:
    """Say line by line which rules there are."""
    listed = list(rules)
    if not listed:
        return []
    told = {s: sum(r.status == s for r in listed) for s in get_args(RuleStatus)}
    head = f"{len(listed)} rules: " + ", ".join(f"{n} {s}" for s, n in told.items() if n)
    return [head, *(f"  {r.status} {r.kind or 'own'}  {r}" for r in listed)]


def to_json(rules: Iterable[Rule]) -> list[dict[str, Any]]:
    """Turn rules into plain values for a report."""
    return [asdict(r) | {"table": str(r.table)} for r in rules]
