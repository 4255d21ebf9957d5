"""Tell what a run did, or a plan will do: as JSON, as tables on a terminal, as a manifest."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from dbsynth.errors import UsageError
from dbsynth.findings import Finding, Findings
from dbsynth.model.gaps import Gap
from dbsynth.plan import FORMAT_VERSION, TableMode
from dbsynth.rulecheck import Checked, summary, to_data
from dbsynth.schema import ForeignKey, Loss, TableName
from dbsynth.targets import Reached
from dbsynth.urls import Location

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console
    from rich.table import Table as Grid

    from dbsynth.landing import Landing

SCHEMA_VERSION = 1  # of `Run.to_json`; a field may be added without a new version
_CHANGED, _MENTIONED = 5, 0.001  # columns that are named, and share of their values
_SHOWN_RULES = 5  # of those that were found and are broken
_NAMED_LOSSES = 4  # of the objects that a target changes in the same way
_TEXT_WIDTH = 100  # of `Run.to_text`, which knows no terminal


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRun:
    """What happened to one table."""

    name: TableName  # the source's
    target: TableName
    mode: TableMode
    source_rows: int
    target_rows: int
    seconds: float = 0.0
    columns: Mapping[str, str] = field(default_factory=dict)  # column -> leaks.describe(treatment)
    gap: Gap | None = None  # of the model of its attributes, if it was trained in this run


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run from source to target, for reports and provenance; holds no value of the source."""

    run_id: str
    started: str  # UTC, ISO 8601
    version: str  # dbsynth's
    source: str  # redacted
    target: str  # redacted
    seed: int
    scale: float
    engine: str
    plan_fingerprint: str
    tables: tuple[TableRun, ...] = ()
    shares: tuple[Reached, ...] = ()  # that were asked for
    losses: tuple[Loss, ...] = ()
    rules: tuple[Checked, ...] = ()  # beyond the schema's
    rule_changes: Mapping[str, float] = field(default_factory=dict)  # share of values, by column
    references: tuple[ForeignKey, ...] = ()  # kept, though the target does not declare them
    findings: Findings = field(default_factory=Findings)
    stages: Mapping[str, float] = field(default_factory=dict)  # stage -> seconds
    exit_code: int = 0
    place: Location | None = None  # the target; in no output, for it holds the password

    def frames(self) -> dict[str, pd.DataFrame]:
        """
        Read the target's tables into memory.

        Returns:
            a pandas frame for each table, see `dbsynth.frames.read_frames`.
        """
        from dbsynth.frames import read_frames

        if self.place is None:
            raise UsageError("this run has no target to read", "Use dbsynth.read_frames(URL).")
        return read_frames(self.place)

    def to_json(self) -> dict[str, Any]:
        """Turn into plain lists and dicts, with `schema_version`; keys are never renamed."""
        return {
            "schema_version": SCHEMA_VERSION,
            "run_id": self.run_id,
            "started": self.started,
            "dbsynth_version": self.version,
            "source": self.source,
            "target": self.target,
            "seed": self.seed,
            "scale": self.scale,
            "engine": self.engine,
            "plan_fingerprint": self.plan_fingerprint,
            "tables": [
                {
                    "name": str(t.name),
                    "target": str(t.target),
                    "mode": t.mode,
                    "source_rows": t.source_rows,
                    "target_rows": t.target_rows,
                    "seconds": round(t.seconds, 3),
                    "columns": dict(t.columns),
                    "log_loss": None if t.gap is None else _rounded(t.gap),
                }
                for t in self.tables
            ],
            "shares": [_share_data(share) for share in self.shares],
            "losses": [asdict(loss) for loss in self.losses],
            "references": [_key_data(key) for key in self.references],
            "rules": to_data(self.rules),
            "rule_changes": {c: round(share, 4) for c, share in self.rule_changes.items()},
            "verification": self.findings.to_json(),
            "stages": {stage: round(seconds, 3) for stage, seconds in self.stages.items()},
            "exit_code": self.exit_code,
        }

    def to_text(self) -> str:
        """Print into a text, without colours."""
        from rich.console import Console

        held = io.StringIO()
        render_text(self, Console(file=held, width=_TEXT_WIDTH, no_color=True))
        return held.getvalue()


def manifest(run: Run) -> dict[str, str]:
    """Write down a run for the target's reserved table: where these rows come from."""
    tables = {
        str(t.name): {
            "target": str(t.target),
            "mode": t.mode,
            "source_rows": t.source_rows,
            "target_rows": t.target_rows,
            "columns": dict(t.columns),
        }
        for t in run.tables
    }
    formats = {"plan": FORMAT_VERSION, "report": SCHEMA_VERSION}
    return {
        "run_id": run.run_id,
        "started": run.started,
        "dbsynth_version": run.version,
        "format_versions": json.dumps(formats, sort_keys=True),
        "plan_fingerprint": run.plan_fingerprint,
        "seed": str(run.seed),
        "scale": str(run.scale),
        "engine": run.engine,
        "tables": json.dumps(tables, sort_keys=True, ensure_ascii=False),
        "shares": json.dumps([_share_data(s) for s in run.shares], ensure_ascii=False),
        "references": json.dumps([asdict(key) for key in run.references], ensure_ascii=False),
        "rules": json.dumps(to_data(run.rules), ensure_ascii=False),
    }


def _rounded(gap: Gap) -> dict[str, float]:
    return {side: round(loss, 4) for side, loss in asdict(gap).items()}


def _share_data(share: Reached) -> dict[str, Any]:
    return {
        "table": str(share.table),
        "rows": share.words,
        "asked": share.asked,
        "reached": round(share.reached, 6),
        "is_met": share.is_met,
    }


def missed(shares: Iterable[Reached], names: Mapping[TableName, TableName]) -> Findings:
    """Warn of the shares that did not come out; the copy is sound all the same."""
    asked = tuple(shares)
    found = [
        Finding(
            check="wished shares", table=names[s.table], count=0, severity="warning",
            detail=f"{s.words}: {s.asked:.1%} asked, {s.reached:.1%} reached",
        )
        for s in asked
        if not s.is_met
    ]  # fmt: skip
    return Findings.of(["wished shares"] * len(asked), found)


def _key_data(key: ForeignKey) -> dict[str, Any]:
    data = {"child": str(key.child), "columns": list(key.columns), "parent": str(key.parent)}
    data["parent_columns"] = list(key.parent_columns)
    return data | ({"where": asdict(key.when)} if key.when else {})


def landing_lines(landing: Landing) -> list[str]:
    """Say how rows get into a target, and what it cannot hold: one line each, alike ones in one."""
    lines = [landing.way]
    for (reason, instead), objects in _alike(landing.losses).items():
        named = _first_few(objects).replace("\n", ", ")
        lines.append(f"{named}: {reason}; {instead}")
    return lines


def render_text(run: Run, console: Console) -> None:
    """Print what happened, what was lost and what was found."""
    print_line(console, f"{run.source} -> {run.target}")
    print_line(
        console,
        f"run {run.run_id}, {run.started}, dbsynth {run.version}, engine {run.engine}, "
        f"seed {run.seed}, scale {run.scale:g}, plan {run.plan_fingerprint}",
    )
    _render_tables(run, console)
    if run.shares:
        _render_shares(run, console)
    if run.losses:
        _render_losses(run, console)
    if run.references:
        print_line(console, f"\nKept without being declared ({len(run.references)}):")
        print_line(console, _first_few([_told(key) for key in run.references]))
    if run.rules:
        print_line(console, f"\nBeyond the schema, {summary(run.rules)}.")
        if run.rule_changes:
            print_line(console, _changed(run.rule_changes))
    print_line(console, "")
    render_findings(run.findings, console)
    if run.stages:
        spent = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in run.stages.items())
        print_line(console, f"\nTime: {spent}")


def _render_tables(run: Run, console: Console) -> None:
    heads = ["table", "what", "source rows", "target rows", "seconds"]
    if any(t.gap for t in run.tables):
        heads += ["log loss", "held out"]
    grid = make_grid(heads, numbers=range(2, len(heads)))
    for table in run.tables:
        name = str(table.name)
        if table.target != table.name:
            name += f" as {table.target}"
        rows = f"{table.source_rows:,}", f"{table.target_rows:,}"
        losses = asdict(table.gap).values() if table.gap else ()
        told = [f"{table.seconds:.1f}", *(f"{loss:.2f}" for loss in losses), "", ""]
        grid.add_row(*cells([name, table.mode, *rows, *told][: len(heads)]))
    console.print(grid)


def _render_shares(run: Run, console: Console) -> None:
    print_line(console, "\nShares:")
    grid = make_grid(["rows", "asked", "reached"], numbers=(1, 2))
    for share in run.shares:
        grid.add_row(*cells([share.words, f"{share.asked:.1%}", f"{share.reached:.1%}"]))
    console.print(grid)


def _render_losses(run: Run, console: Console) -> None:
    print_line(console, f"\nNot the same as in the source ({len(run.losses)}):")
    grid = make_grid(["object", "why", "instead"])
    for (reason, instead), objects in _alike(run.losses).items():
        grid.add_row(*cells([_first_few(objects), reason, instead]))
    console.print(grid)


def _changed(changes: Mapping[str, float]) -> str:
    """Say what rules cost: which columns are not as they were drawn."""
    ordered = sorted(changes.items(), key=lambda c: -c[1])
    told = [f"{column} {share:.1%}" for column, share in ordered if share >= _MENTIONED]
    more = len(ordered) - len(told[:_CHANGED])
    tail = f", {more} columns less or as much" if more else ""
    return f"Values changed for it: {', '.join(told[:_CHANGED]) or 'few'}{tail}."


def render_findings(findings: Findings, console: Console) -> None:
    """Print what verification found, errors first, and how much it looked at."""
    checks = sum(findings.made.values())
    errors, warnings = findings.errors, findings.warnings
    if not checks and not findings.found:
        print_line(console, "Not verified.")
        return
    print_line(
        console,
        f"Verified with {checks:,} checks: {len(errors)} errors, {len(warnings)} warnings.",
    )
    if not findings.found:
        return
    grid = make_grid(["", "check", "table", "columns", "count", "detail"], numbers=(4,))
    rules = [f for f in warnings if f.check == "rule"]
    left_out = rules[_SHOWN_RULES:]
    for found in (*errors, *(f for f in warnings if f not in left_out)):
        columns = ", ".join(found.columns)
        count = f"{found.count:,}" if found.count else ""
        grid.add_row(
            *cells([found.severity, found.check, str(found.table), columns, count, found.detail])
        )
    console.print(grid)
    if left_out:
        print_line(console, f"… and {len(left_out)} more rules that were found; --json lists them.")


def _told(key: ForeignKey) -> str:
    """Print a key as one line: child (columns) -> parent (columns)."""
    told = (
        f"{key.child} ({', '.join(key.columns)}) -> {key.parent} ({', '.join(key.parent_columns)})"
    )
    return f"{told} where {key.when.column} is {key.when.label}" if key.when else told


def _alike(losses: Iterable[Loss]) -> dict[tuple[str, str], list[str]]:
    """Put the objects together that met the same fate; `to_json` has them one by one."""
    found: dict[tuple[str, str], list[str]] = {}
    for loss in losses:
        found.setdefault((loss.reason, loss.instead), []).append(loss.object)
    return found


def _first_few(objects: Sequence[str]) -> str:
    more = len(objects) - _NAMED_LOSSES
    return "\n".join([*objects[:_NAMED_LOSSES], *([f"… and {more} more"] if more > 0 else [])])


def make_grid(headers: Sequence[str], numbers: Sequence[int] = ()) -> Grid:
    """Start a table without borders; `numbers` are the columns that align right."""
    from rich.table import Table

    grid = Table(box=None, pad_edge=False, header_style="bold")
    for place, header in enumerate(headers):
        # Wrapping by folding keeps every character, also of names without a blank.
        grid.add_column(header, justify="right" if place in numbers else "left", overflow="fold")
    return grid


def cells(texts: Iterable[str]) -> list[Any]:
    """Make cells that print as they are: names may hold what looks like markup."""
    from rich.text import Text

    return [Text(text) for text in texts]


def print_line(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
