"""Load a target: generate, write, verify, record and commit, in this order, or not at all."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from dbsynth import __version__
from dbsynth.adapters.base import RESERVED
from dbsynth.config import matches, near
from dbsynth.errors import OutcomeUnknownError, UsageError, VerifyFailedError
from dbsynth.findings import Finding, Findings
from dbsynth.landing import Landing
from dbsynth.leaks import describe, leaked_values, planned_pairs
from dbsynth.options import Options
from dbsynth.plan import Plan
from dbsynth.planfile import fingerprint
from dbsynth.progress import Event, Progress
from dbsynth.relay import Relay
from dbsynth.report import Run, TableRun, manifest, missed
from dbsynth.rulecheck import Checked, check_rules, findings_of
from dbsynth.schema import Backfill, Batch, Stored, TableName
from dbsynth.targets import Reached
from dbsynth.targets import Target as ShareTarget
from dbsynth.throttle import open_throttled
from dbsynth.urls import Location
from dbsynth.verify import verify as ask
from dbsynth.write import Written, sink_of, size_of, write

# What loads torch or Faker is imported where it is called, so that starting stays quick.
if TYPE_CHECKING:
    import pyarrow as pa

    from dbsynth.adapters.base import Target
    from dbsynth.state import Changes
    from dbsynth.tablemodel import Model
    from dbsynth.workers import Workers


class Clock:
    """Passes events on, and books the time since the last one to stage and table."""

    def __init__(self, progress: Progress) -> None:
        self.started = datetime.now(UTC)
        self.stages: dict[str, float] = {}
        self.tables: dict[str, float] = {}
        self._progress = progress
        self._last = time.perf_counter()

    def __call__(self, event: Event) -> None:
        now = time.perf_counter()
        self.stages[event.stage] = self.stages.get(event.stage, 0.0) + now - self._last
        self.tables[event.table] = self.tables.get(event.table, 0.0) + now - self._last
        self._last = now
        self._progress(event)


@dataclass(frozen=True, slots=True)
class Job:
    """What loading a target needs besides the model."""

    options: Options
    clock: Clock
    target: Location
    source: Location | None = None  # None: the model alone is there
    targets: tuple[ShareTarget, ...] = ()
    seen: Mapping[TableName, pa.Table] = field(default_factory=dict)  # large tables: learned from
    workers: Workers | None = None

    @property
    def seed(self) -> int | None:
        """The seed of the rows, where it is not the plan's."""
        return self.options.seed


def load(model: Model, target: Target, landing: Landing, job: Job) -> Run:
    """Generate, write, verify, record and commit: in this order, or not at all."""
    from dbsynth.aims import Tally, aims_of
    from dbsynth.generate import generate as draw

    options, clock = job.options, job.clock
    rows, tally = _rows(model.plan, options.rows), Tally(aims_of(job.targets, model))
    changes: Changes = {}

    def drawn(progress: Progress) -> Iterator[Batch | Backfill | Stored]:
        sinks = partial(sink_of, model.plan, landing, target)
        return tally.watch(
            draw(
                model, scale=options.scale, seed=job.seed, rows=rows, aims=tally.aims,
                changes=changes, progress=progress, workers=job.workers, sink_of=sinks,
            )
        )  # fmt: skip

    expected = rows_expected(model.plan, options)
    with Relay(drawn, size_of, clock) as items:
        written = write(
            model.plan, items, target, landing=landing, progress=clock, expected_rows=expected
        )
    checked = _check_rules(model.plan, target, written)
    findings = _verify(model.plan, target, written, checked, job) + _hollow(written, expected)
    shares = tally.reached()
    findings += missed(shares, written.adoption.names)
    done = replace(
        _run(model, written, findings, shares, job),
        rules=checked, rule_changes=_shares_changed(changes, written),
    )  # fmt: skip
    target.record(manifest(done))
    try:
        target.commit()
    except KeyboardInterrupt as exc:
        raise OutcomeUnknownError(
            "interrupted while the rows were put in place; they may be there or not",
            f"Look whether the target's table {RESERVED} names the run {done.run_id}.",
        ) from exc
    return done


def rows_expected(made: Plan, options: Options) -> dict[TableName, int]:
    """How many rows each table is to get, about."""
    rows = _rows(made, options.rows)
    return {n: rows.get(n, round(t.target_rows * options.scale)) for n, t in made.tables.items()}


def _rows(made: Plan, wishes: Mapping[str, int]) -> dict[TableName, int]:
    """
    Find the tables that `--rows` names.

    Raises:
        UsageError: a name or glob matches no table of the plan.
    """
    names = list(made.tables)
    known = [str(n) for n in names] + [n.name for n in names]
    found = {n: rows for word, rows in wishes.items() for n in names if matches(n, word)}
    problems = [
        f"no table {word!r}{near(word, known)}"
        for word in wishes
        if not any(matches(n, word) for n in names)
    ]
    if problems:
        raise UsageError("--rows names unknown tables", "Name tables of the plan.", problems)
    return found


def _shares_changed(changes: Changes, written: Written) -> dict[str, float]:
    """Which share of a column's values rules changed after they were drawn."""
    names = written.adoption.names
    return {
        f"{names[table]}.{column}": min(1.0, count / max(1, written.rows[names[table]]))
        for (table, column), count in changes.items()
    }


def _check_rules(made: Plan, target: Target, written: Written) -> tuple[Checked, ...]:
    return check_rules(made.rules, written.adoption.schema, target, written.adoption.names)


def _verify(
    made: Plan, target: Target, written: Written, checked: tuple[Checked, ...], job: Job
) -> Findings:
    """
    Ask the target, before it is committed, and compare it with the source, if that is at hand.

    Raises:
        VerifyFailedError: a rule is broken; names every one.
    """
    leaks = {}
    if job.source is not None:
        limit = job.options.max_read_mbps
        with open_throttled(job.source, limit) as source:  # a new snapshot: the first is over
            pairs = planned_pairs(made, written.adoption)
            leaks = leaked_values(source, target, made.schema, pairs, job.seen)
    schema = written.adoption.schema
    found = ask(schema, target, expected_rows=written.rows, leaks=leaks, progress=job.clock)
    found += findings_of(checked)
    if not found.is_sound:
        remedy = "Report this with the lines above; --tables or --exclude can leave a table out."
        if all(f.check == "rule" for f in found.errors):
            remedy = "Say `status: found` of these rules in the plan; they are only told then."
        raise VerifyFailedError(
            f"the copy breaks {len(found.errors)} rules; the target was left as it was",
            remedy,
            [str(f) for f in (*found.errors, *found.warnings)],
        )
    return found


def _hollow(written: Written, expected: Mapping[TableName, int]) -> Findings:
    """Name the tables that were to get rows and got none: sound, but hardly what is wanted."""
    names = written.adoption.names
    return Findings.of(
        ["planned rows"] * len(expected),
        [
            Finding(
                check="planned rows", table=names[name], count=0, severity="warning",
                detail=f"no rows, {rows} planned",
            )
            for name, rows in expected.items()
            if rows and not written.rows[names[name]]
        ],
    )  # fmt: skip


def _run(
    model: Model, written: Written, findings: Findings, shares: tuple[Reached, ...], job: Job
) -> Run:
    made, names = model.plan, written.adoption.names
    contents = {n: t.content for n, t in model.tables.items() if t.content is not None}
    tables = tuple(
        TableRun(
            name=name,
            target=names[name],
            mode=table.mode,
            source_rows=table.source_rows,
            target_rows=written.rows[names[name]],
            seconds=job.clock.tables.get(str(name), 0.0),
            columns={c: describe(t) for c, t in table.columns.items()},
            gap=contents[name].gap if name in contents else None,
        )
        for name, table in made.tables.items()
    )
    return Run(
        run_id=uuid.uuid4().hex,
        started=job.clock.started.isoformat(timespec="seconds"),
        version=__version__,
        source=str(job.source or "model file"),
        target=str(job.target),
        seed=made.seed if job.seed is None else job.seed,
        scale=job.options.scale,
        engine=made.engine,
        plan_fingerprint=fingerprint(made),
        tables=tables,
        shares=shares,
        losses=written.adoption.losses,
        references=tuple(k for k in written.adoption.schema.foreign_keys if not k.is_declared),
        findings=findings,
        stages=job.clock.stages,
        place=job.target,
    )
