"""
The pipeline, top to bottom: what the command line and Python programs call.

clone = plan, fit, generate (which writes, verifies and commits); each is also a step of its own.
A source is closed before a row is generated, and a target commits only after it was verified.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dbsynth import __version__
from dbsynth.adapters import open_source, open_target, same_database
from dbsynth.adapters.base import LARGE, RESERVED
from dbsynth.ask import Committed
from dbsynth.classify import classify
from dbsynth.config import Config, Quality, matches, near
from dbsynth.errors import (
    NoScriptError,
    OutcomeUnknownError,
    PlanFileError,
    SameDatabaseError,
    UsageError,
    VerifyFailedError,
)
from dbsynth.findings import Finding, Findings
from dbsynth.grants import split, with_grants
from dbsynth.inspection import Inspection
from dbsynth.landing import Landing, Standing, land, survey
from dbsynth.leaks import describe, leaked_values, planned_pairs, textual_columns
from dbsynth.ownership import TableWish
from dbsynth.placeholders import with_placeholders
from dbsynth.plan import Plan
from dbsynth.planfile import fingerprint, from_yaml, planned_tables, to_yaml
from dbsynth.planner import build_plan
from dbsynth.progress import Event, Progress, silent
from dbsynth.references import combine
from dbsynth.relay import Relay
from dbsynth.release import Release
from dbsynth.report import Run, TableRun, landing_lines, manifest, missed
from dbsynth.revise import measured, orphan_notes, revise
from dbsynth.rulebook import Rule
from dbsynth.rulebook import combine as combine_rules
from dbsynth.rulecheck import Checked, check_rules, findings_of
from dbsynth.sample import Shelf, read_profile
from dbsynth.schema import Backfill, Batch, ForeignKey, Schema, Stored, TableName
from dbsynth.selection import restrict, select
from dbsynth.targets import Reached, bind
from dbsynth.targets import Target as ShareTarget
from dbsynth.throttle import Throttled
from dbsynth.undeclared import propose
from dbsynth.urls import Location, resolve
from dbsynth.verify import verify as ask
from dbsynth.verify import verify_database
from dbsynth.wishes import Wish
from dbsynth.workers import Processes, cores, is_worth_it
from dbsynth.write import Written, sink_of, size_of, write

# What loads torch or Faker is imported where it is called, so that inspect and plan stay quick.
if TYPE_CHECKING:
    import pyarrow as pa

    from dbsynth.adapters.base import Source, Target
    from dbsynth.evaluation.scores import Evaluation
    from dbsynth.state import Changes
    from dbsynth.tablemodel import Model
    from dbsynth.training import Trainer
    from dbsynth.workers import Workers


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user wishes; None is "as the configuration file says, else the default"."""

    seed: int | None = None
    scale: float = 1.0  # times the rows that the plan says
    rows: Mapping[str, int] = field(default_factory=dict)  # table -> rows, whatever the scale
    tables: tuple[str, ...] = ()  # globs; none: all
    exclude: tuple[str, ...] = ()  # globs
    engine: str | None = None
    quality: Quality | None = None
    replace: bool = False
    plan_file: Path | None = None
    plan: Plan | None = None  # the same in memory
    roles: Mapping[str, str] | None = None  # carry owners and grants; source role -> target role
    max_read_mbps: float | None = None  # megabytes a second that sources give; None: no limit
    jobs: int | None = None  # processes that work at once; None: as many as processors
    executor: str = "local"  # where they run: local, ray, or a cluster's ray://host:port
    is_cached: bool = True  # models that were trained on the same rows before are not trained again
    is_ruled: bool = True  # look for rules beyond the schema's, and check them
    dbt: Path | None = None  # a manifest.json, whose tests are rules
    shares: tuple[Wish, ...] = ()  # of values among the rows; none: as the configuration file says
    config: Config = field(default_factory=Config)

    @property
    def wishes(self) -> tuple[Wish, ...]:
        """The shares that are wished for: what is said here, else what the file says."""
        return self.shares or self.config.shares


def clone(
    source: str, target: str, options: Options | None = None, *, progress: Progress = silent
) -> Run:
    """
    Read a source and write a synthetic copy of it to a target, all or nothing.

    Raises:
        SameDatabaseError, TargetNotEmptyError: before anything was read.
        VerifyFailedError: the copy breaks a rule; the target was left as it was.
        DbsynthError: anything else, see `dbsynth.errors`; the target was left as it was.
    """
    options = options or Options()
    origin, place = _resolve(source, options), _resolve(target, options)
    clock = _Clock(progress)
    with ExitStack() as load:
        workers = _workers(options, load, (*_LEARNING, *_DRAWING))
        with _reading(origin, options) as reader:
            writer = load.enter_context(open_target(place))
            _refuse_same(reader, writer)
            standing = _stand(writer, place, options)
            shelf: Shelf = {}
            made = _plan(reader, options, clock, shelf)
            targets = bind(options.wishes, made)
            landing = _land(made, writer, standing, options, clock)
            model = _fit(reader, made, clock, shelf, _trainer(options, workers))
            seen = _seen(made, shelf)
        job = _Job(options, clock, place, origin, targets, seen, workers)
        return _load(model, writer, landing, job)


def inspect(
    source: str, options: Options | None = None, *, progress: Progress = silent
) -> Inspection:
    """Read a source's catalogs and count its rows."""
    options = options or Options()
    origin = _resolve(source, options)
    with _reading(origin, options) as reader:
        schema, notes = select(reader.introspect(), options.tables, options.exclude)
        rows = _count(reader, schema, progress)
    return Inspection(source=str(origin), schema=schema, rows=rows, notes=notes)


def plan(source: str, options: Options | None = None, *, progress: Progress = silent) -> Plan:
    """Decide what a clone of the source would do, without training anything."""
    options = options or Options()
    with _reading(_resolve(source, options), options) as reader:
        return _plan(reader, options, progress)


def preview(
    source: str, target: str, options: Options | None = None, *, progress: Progress = silent
) -> tuple[Plan, Landing]:
    """
    Decide what a clone would do, and what would become of it in a target, which stays as it is.

    Raises:
        DbsynthError: as `clone` would before it learns anything.
    """
    options = options or Options()
    place = _resolve(target, options)
    with _reading(_resolve(source, options), options) as reader, open_target(place) as writer:
        _refuse_same(reader, writer)
        standing = _stand(writer, place, options)
        made = _plan(reader, options, progress)
        return made, _land(made, writer, standing, options, progress)


def fit(source: str, options: Options | None = None, *, progress: Progress = silent) -> Model:
    """Learn from a source; the model holds released statistics only and needs no source."""
    options = options or Options()
    with ExitStack() as stack:
        trainer = _trainer(options, _workers(options, stack, _LEARNING))
        reader = stack.enter_context(_reading(_resolve(source, options), options))
        shelf: Shelf = {}
        made = _plan(reader, options, progress, shelf)
        return _fit(reader, made, progress, shelf, trainer)


def generate(
    model: Model, target: str, options: Options | None = None, *, progress: Progress = silent
) -> Run:
    """
    Write a model's rows to a target, all or nothing.

    Raises:
        TargetNotEmptyError: the target holds tables, and `replace` is not set.
        VerifyFailedError: the rows break a rule; the target was left as it was.
    """
    options = options or Options()
    place = _resolve(target, options)
    clock = _Clock(progress)
    targets = bind(options.wishes, model.plan)
    with ExitStack() as load:
        workers = _workers(options, load, _DRAWING)
        if workers is not None and _is_large(model, options, workers):
            workers.start()
        writer = load.enter_context(open_target(place))
        standing = _stand(writer, place, options)
        landing = _land(model.plan, writer, standing, options, clock)
        job = _Job(options, clock, place, None, targets, workers=workers)
        return _load(model, writer, landing, job)


def verify(target: str, like: str | None = None, options: Options | None = None) -> Findings:
    """Check a database against its own schema and, if given, against its original."""
    options = options or Options()
    with ExitStack() as stack:
        reader = stack.enter_context(_reading(_resolve(target, options), options))
        original = like and stack.enter_context(_reading(_resolve(like, options), options))
        return verify_database(reader, original or None)


def evaluate(
    source: str,
    target: str,
    options: Options | None = None,
    *,
    holdout: str | None = None,
    sample: int | None = None,
    target_columns: Sequence[str] = (),
    progress: Progress = silent,
) -> Evaluation:
    """
    Measure how like its source a target is, how useful, and how private.

    Args:
        source: what was learned from.
        target: what was made.
        options: tables, exclude, seed and config count.
        holdout: a database of rows of the same kind that were not learned from, for privacy and
            utility; without it, half of the source's entities stand in.
        sample: rows of each table to read, about; whole entities.  Default: 200,000.
        target_columns: TABLE.COLUMN to predict; none: a few of every table.

    Raises:
        UsageError: nothing of the source is in the target, or a column is unknown.
    """
    from dbsynth.evaluation.evaluate import SAMPLE_ROWS, Request, Sources
    from dbsynth.evaluation.evaluate import evaluate as measure
    from dbsynth.evaluation.pairing import pair, pair_holdout
    from dbsynth.evaluation.utility import wanted_columns

    options = options or Options()
    places = [_resolve(text, options) for text in (source, target, *([holdout] if holdout else []))]
    with ExitStack() as stack:
        reader, made, *rest = [stack.enter_context(_reading(p, options)) for p in places]
        held = rest[0] if rest else None
        whole = reader.introspect()
        options.config.check(whole)
        schema, _ = select(whole, options.tables, options.exclude)
        targets = wanted_columns(target_columns, schema)
        pairing = pair(schema.with_keys(_listed_keys(whole, schema, options)), made)
        request = Request(
            names=(str(places[0]), str(places[1]), str(places[2]) if held else ""),
            sample=sample or SAMPLE_ROWS,
            targets=targets,
        )
        sources = Sources(
            real=reader, made=made, held=held, pairing=pairing,
            held_lenses=pair_holdout(pairing, held) if held else None,
        )  # fmt: skip
        return measure(_guessed(reader, pairing.schema, options), sources, request, progress)


def _listed_keys(whole: Schema, schema: Schema, options: Options) -> list[ForeignKey]:
    """The keys that the configuration file adds to those that the source declares."""
    listed = options.config.wanted(whole, schema)
    return [k for r in listed if r.is_accepted for k in r.foreign_keys]


def _guessed(source: Source, schema: Schema, options: Options) -> Plan:
    """Decide what a clone would do, without looking for keys that nothing declares."""
    counts = _count(source, schema, silent)
    profile = read_profile(source, schema)
    treatments = classify(schema, profile, options.config.overrides(schema))
    seed, engine, quality = _choose(options)
    return build_plan(
        schema, treatments, counts, profile, seed=seed, engine=engine, quality=quality,
        wishes=_wishes(schema, options.config),
    )  # fmt: skip


def _resolve(text: str, options: Options) -> Location:
    return resolve(text, options.config.connections)


def _reading(location: Location, options: Options) -> Source:
    """Open a source, no faster than the user wants it read."""
    source, limit = open_source(location), options.max_read_mbps
    return source if limit is None else Throttled(source, limit)


def _refuse_same(source: Source, target: Target) -> None:
    if same_database(source.identity(), target.identity()):
        raise SameDatabaseError(
            "source and target are the same database, whatever their URLs say",
            "Name another database as the target.",
        )


def _stand(target: Target, place: Location, options: Options) -> Standing:
    """Find out before any work whether the target can be written, and what is in it."""
    target.check()
    return survey(target, place, replace=options.replace)


def _land(
    made: Plan, target: Target, standing: Standing, options: Options, progress: Progress
) -> Landing:
    """Find out, and tell, what the target will hold, before anything is learned or made."""
    granted = replace(made, schema=with_grants(made.schema, options.roles))
    landing = land(target, granted, standing, replace=options.replace)
    for line in landing_lines(landing):
        progress(Event("target", "", 1, 1, line))
    return landing


def _plan(source: Source, options: Options, progress: Progress, shelf: Shelf | None = None) -> Plan:
    """Introspect and decide, or follow a saved plan that still fits."""
    whole = source.introspect()
    if options.plan_file is not None or options.plan is not None:
        return _saved_plan(source, whole, options)
    options, tests = _tested(options, whole)
    config = options.config
    config.check(whole)
    schema, notes = select(whole, options.tables, options.exclude)
    counts = _count(source, schema, progress)
    profile = read_profile(source, schema, progress=progress)
    schema, told = _scripted(source, schema)
    seed, engine, quality = _choose(options)
    found = propose(source, schema, profile, counts, Release(seed))
    references = measured(combine(found, config.wanted(whole, schema)), source, schema)
    schema = schema.with_keys(k for r in references if r.is_accepted for k in r.foreign_keys)
    treatments = classify(schema, profile, config.overrides(schema))
    made = build_plan(
        schema,
        with_placeholders(Committed(source), schema, treatments),
        counts,
        profile,
        seed=seed,
        engine=engine,
        quality=quality,
        wishes=_wishes(schema, config),
    )
    notes = (*notes, *tests, *told, *_sampled_notes(source, counts))
    notes = (*notes, *orphan_notes(references), *made.notes)
    made = replace(made, references=references, notes=notes)
    return replace(made, rules=_rules_of(source, made, whole, options, progress, shelf))


def _rules_of(
    source: Source,
    made: Plan,
    whole: Schema,
    options: Options,
    progress: Progress,
    shelf: Shelf | None,
) -> tuple[Rule, ...]:
    """Find the rules that a sample of the source keeps; the configuration file adds its own."""
    from dbsynth.mining.mine import RULE_ROWS, mine
    from dbsynth.sample import read_sample

    if not options.is_ruled:
        return ()
    sample = read_sample(made, source, progress, limit=RULE_ROWS, shelf=shelf)
    found = mine(made, sample, progress)
    return combine_rules(found, options.config.wanted_rules(whole, made.schema))


def _scripted(source: Source, schema: Schema) -> tuple[Schema, tuple[str, ...]]:
    """Add the DDL that the database's own tool writes; without it, a note says why."""
    try:
        script, grants = split(source.script(schema))
    except NoScriptError as exc:
        return schema, (f"the schema is made by dbsynth's own DDL: {exc.message}. {exc.remedy}",)
    return replace(schema, script=script, grants=grants), ()


def _choose(options: Options) -> tuple[int, str | None, Quality]:
    """Settle seed, engine and quality: on the command line, in the file, or (no engine) by size."""
    from dbsynth.model import check_engine

    config = options.config
    seed = options.seed if options.seed is not None else config.seed or 0
    engine = options.engine or config.engine
    for name in (engine, *(rule.engine for rule in config.tables)):
        if name:
            check_engine(name)
    return seed, engine, options.quality or config.quality or "balanced"


def _wishes(schema: Schema, config: Config) -> dict[TableName, TableWish]:
    """What the configuration file says on single tables, in the planner's words."""
    rules = {t.name: config.rule(t.name) for t in schema.tables}
    return {
        name: TableWish(
            mode=rule.mode, rows=rule.rows, scale=rule.scale, owner=rule.owner, engine=rule.engine
        )
        for name, rule in rules.items()
    }


def _tested(options: Options, whole: Schema) -> tuple[Options, tuple[str, ...]]:
    """Add the tests of a dbt project to what the configuration file says; a note tells of them."""
    from dbsynth.dbt import bound, read_manifest

    path = options.dbt or options.config.dbt
    if path is None:
        return options, ()
    read, config = bound(read_manifest(path), whole), options.config
    rules, references = (*config.rules, *read.rules), (*config.references, *read.references)
    config = replace(config, rules=rules, references=references)
    return replace(options, config=config), (read.summary,)


def _saved_plan(source: Source, whole: Schema, options: Options) -> Plan:
    """
    Read a plan that was saved, and refuse it if the source is not the same any more.

    Raises:
        PlanFileError: the file cannot be read or is wrong.
        RefusedError: the source's schema is not the plan's any more.
    """
    said = [n for n in ("tables", "exclude", "engine", "quality", "dbt") if getattr(options, n)]
    if said:
        raise UsageError(
            f"--plan decides on {', '.join(f'--{n}' for n in said)} itself",
            "Leave these options out, or edit the plan.",
        )
    text = _plan_text(options)
    schema = restrict(whole, planned_tables(text))
    saved = revise(from_yaml(text, _scripted(source, schema)[0]), source)
    saved = saved if options.is_ruled else replace(saved, rules=())
    return saved if options.seed is None else replace(saved, seed=options.seed)


def _plan_text(options: Options) -> str:
    path = options.plan_file
    if path is None:
        assert options.plan is not None
        return to_yaml(options.plan)
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise PlanFileError(f"cannot read {path}", "Check the path and its rights.") from exc


def _count(source: Source, schema: Schema, progress: Progress) -> dict[TableName, int]:
    """Count rows; of large tables the catalog's estimate does, where there is one."""
    rows = {}
    for number, table in enumerate(schema.tables, 1):
        about = source.estimate(table.name) or 0
        rows[table.name] = about if about > LARGE else source.count(table.name)
        progress(Event("introspect", str(table.name), number, len(schema.tables)))
    return rows


def _sampled_notes(source: Source, counts: Mapping[TableName, int]) -> tuple[str, ...]:
    """Say of which tables samples and estimates stand for the whole."""
    large = [str(name) for name, rows in counts.items() if rows > LARGE]
    if not large:
        return ()
    told = f"more than {LARGE:,} rows, looked at in samples: {', '.join(large)}"
    if any(source.estimate(name) for name, rows in counts.items() if rows > LARGE):
        told += "; how many rows they have is the catalog's estimate"
    return (told,)


def _fit(source: Source, made: Plan, progress: Progress, shelf: Shelf, trainer: Trainer) -> Model:
    from dbsynth.fit import fit as learn

    return learn(made, source, progress=progress, shelf=shelf, trainer=trainer)


def _workers(options: Options, stack: ExitStack, loaded: tuple[str, ...]) -> Workers | None:
    """
    See to it that others work beside, if there are to be any; they end with the stack.

    Raises:
        UsageError: there is no such executor.
        MissingDriverError: Ray is not installed.
    """
    if options.executor == "ray" or options.executor.startswith("ray://"):
        from dbsynth.rayworkers import RayWorkers

        address = options.executor if options.executor != "ray" else ""
        return stack.enter_context(RayWorkers(address, options.jobs))
    if options.executor != "local":
        raise UsageError(
            f"there is no executor {options.executor!r}", "Use local, ray or ray://HOST:PORT."
        )
    jobs = options.jobs or cores()
    return stack.enter_context(Processes(jobs, loaded)) if jobs > 1 else None


def _is_large(model: Model, options: Options, workers: Workers) -> bool:
    """Whether a table is so large that others will draw rows of it."""
    rows = _expected(model.plan, options)
    widths = {n: len(t.content.layout.columns) for n, t in model.tables.items() if t.content}
    return any(is_worth_it(rows[n] * width, rows[n], workers) for n, width in widths.items())


def _trainer(options: Options, workers: Workers | None) -> Trainer:
    from dbsynth.modelcache import ModelCache
    from dbsynth.training import Trainer

    return Trainer(workers, ModelCache() if options.is_cached else None)


def _seen(made: Plan, shelf: Shelf) -> dict[TableName, pa.Table]:
    """
    Keep the texts of large tables that were learned from, and let go of everything else.

    Only they can have come through; the table itself is too large to be looked through again.
    """
    found = {}
    for (name, _), rows in sorted(shelf.items(), key=lambda s: s[0][1]):
        if made.tables[name].source_rows > LARGE:
            found[name] = rows.select(textual_columns(made.schema.table(name)))
    shelf.clear()
    return found


# What processes that learn, or draw, have to load.
_LEARNING = ("dbsynth.training", "dbsynth.model.learning")
_DRAWING = ("dbsynth.attributes", "dbsynth.model.argn")


class _Clock:
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
class _Job:
    """What loading a target needs besides the model."""

    options: Options
    clock: _Clock
    target: Location
    source: Location | None = None  # None: the model alone is there
    targets: tuple[ShareTarget, ...] = ()
    seen: Mapping[TableName, pa.Table] = field(default_factory=dict)  # large tables: learned from
    workers: Workers | None = None

    @property
    def seed(self) -> int | None:
        """The seed of the rows, where it is not the plan's."""
        return self.options.seed


def _load(model: Model, target: Target, landing: Landing, job: _Job) -> Run:
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

    expected = _expected(model.plan, options)
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


def _expected(made: Plan, options: Options) -> dict[TableName, int]:
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
    made: Plan, target: Target, written: Written, checked: tuple[Checked, ...], job: _Job
) -> Findings:
    """
    Ask the target, before it is committed, and compare it with the source, if that is at hand.

    Raises:
        VerifyFailedError: a rule is broken; names every one.
    """
    leaks = {}
    if job.source is not None:
        with _reading(
            job.source, job.options
        ) as source:  # a new snapshot: the first one was short-lived
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
    model: Model, written: Written, findings: Findings, shares: tuple[Reached, ...], job: _Job
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
