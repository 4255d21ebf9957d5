"""
The pipeline, top to bottom: what the command line and Python programs call.

clone = plan, fit, generate (which writes, verifies and commits); each is also a step of its own.
A source is closed before a row is generated, and a target commits only after it was verified.
`decide` makes plans, `fit` learns, `loading` sees to a target; here is how they follow each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from dbsynth.adapters import open_target, same_database
from dbsynth.adapters.base import LARGE
from dbsynth.decide import count_rows, decide, guess, listed_keys
from dbsynth.errors import SameDatabaseError, UsageError
from dbsynth.findings import Findings
from dbsynth.grants import with_grants
from dbsynth.inspection import Inspection
from dbsynth.landing import Landing, Standing, land, survey
from dbsynth.leaks import textual_columns
from dbsynth.loading import Clock, Job, load, rows_expected
from dbsynth.options import Options
from dbsynth.plan import Plan
from dbsynth.progress import Event, Progress, silent
from dbsynth.report import Run, landing_lines
from dbsynth.sample import Shelf
from dbsynth.schema import TableName
from dbsynth.selection import select
from dbsynth.targets import bind
from dbsynth.throttle import open_throttled
from dbsynth.urls import Location
from dbsynth.verify import verify_database
from dbsynth.workers import Processes, cores, is_worth_it

# What loads torch or Faker is imported where it is called, so that inspect and plan stay quick.
if TYPE_CHECKING:
    import pyarrow as pa

    from dbsynth.adapters.base import Source, Target
    from dbsynth.evaluation.scores import Evaluation
    from dbsynth.tablemodel import Model
    from dbsynth.training import Trainer
    from dbsynth.workers import Workers


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
    origin, place = options.place(source), options.place(target)
    clock = Clock(progress)
    with ExitStack() as stack:
        workers = _workers(options, stack, (*_LEARNING, *_DRAWING))
        with _reading(origin, options) as reader:
            writer = stack.enter_context(open_target(place))
            _refuse_same(reader, writer)
            standing = _stand(writer, place, options)
            shelf: Shelf = {}
            made = decide(reader, options, clock, shelf)
            targets = bind(options.wishes, made)
            landing = _land(made, writer, standing, options, clock)
            model = _fit(reader, made, clock, shelf, _trainer(options, workers))
            seen = _seen(made, shelf)
        job = Job(options, clock, place, origin, targets, seen, workers)
        return load(model, writer, landing, job)


def inspect(
    source: str, options: Options | None = None, *, progress: Progress = silent
) -> Inspection:
    """Read a source's catalogs and count its rows."""
    options = options or Options()
    origin = options.place(source)
    with _reading(origin, options) as reader:
        schema, notes = select(reader.introspect(), options.tables, options.exclude)
        rows = count_rows(reader, schema, progress)
    return Inspection(source=str(origin), schema=schema, rows=rows, notes=notes)


def plan(source: str, options: Options | None = None, *, progress: Progress = silent) -> Plan:
    """Decide what a clone of the source would do, without training anything."""
    options = options or Options()
    with _reading(options.place(source), options) as reader:
        return decide(reader, options, progress)


def preview(
    source: str, target: str, options: Options | None = None, *, progress: Progress = silent
) -> tuple[Plan, Landing]:
    """
    Decide what a clone would do, and what would become of it in a target, which stays as it is.

    Raises:
        DbsynthError: as `clone` would before it learns anything.
    """
    options = options or Options()
    place = options.place(target)
    with _reading(options.place(source), options) as reader, open_target(place) as writer:
        _refuse_same(reader, writer)
        standing = _stand(writer, place, options)
        made = decide(reader, options, progress)
        return made, _land(made, writer, standing, options, progress)


def fit(source: str, options: Options | None = None, *, progress: Progress = silent) -> Model:
    """Learn from a source; the model holds released statistics only and needs no source."""
    options = options or Options()
    with ExitStack() as stack:
        trainer = _trainer(options, _workers(options, stack, _LEARNING))
        reader = stack.enter_context(_reading(options.place(source), options))
        shelf: Shelf = {}
        made = decide(reader, options, progress, shelf)
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
    place = options.place(target)
    clock = Clock(progress)
    targets = bind(options.wishes, model.plan)
    with ExitStack() as stack:
        workers = _workers(options, stack, _DRAWING)
        if workers is not None and _is_large(model, options, workers):
            workers.start()
        writer = stack.enter_context(open_target(place))
        standing = _stand(writer, place, options)
        landing = _land(model.plan, writer, standing, options, clock)
        job = Job(options, clock, place, None, targets, workers=workers)
        return load(model, writer, landing, job)


def verify(target: str, like: str | None = None, options: Options | None = None) -> Findings:
    """Check a database against its own schema and, if given, against its original."""
    options = options or Options()
    with ExitStack() as stack:
        reader = stack.enter_context(_reading(options.place(target), options))
        original = like and stack.enter_context(_reading(options.place(like), options))
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
    places = [options.place(text) for text in (source, target, *([holdout] if holdout else []))]
    with ExitStack() as stack:
        reader, made, *rest = [stack.enter_context(_reading(p, options)) for p in places]
        held = rest[0] if rest else None
        whole = reader.introspect()
        options.config.check(whole)
        schema, _ = select(whole, options.tables, options.exclude)
        targets = wanted_columns(target_columns, schema)
        pairing = pair(schema.with_keys(listed_keys(whole, schema, options)), made)
        request = Request(
            names=(str(places[0]), str(places[1]), str(places[2]) if held else ""),
            sample=sample or SAMPLE_ROWS,
            targets=targets,
        )
        sources = Sources(
            real=reader, made=made, held=held, pairing=pairing,
            held_lenses=pair_holdout(pairing, held) if held else None,
        )  # fmt: skip
        return measure(guess(reader, pairing.schema, options), sources, request, progress)


def _reading(location: Location, options: Options) -> Source:
    """Open a source, no faster than the user wants it read."""
    return open_throttled(location, options.max_read_mbps)


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
    rows = rows_expected(model.plan, options)
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
