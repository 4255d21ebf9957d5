"""Measure a target against its source: read both sides, then go by tables and keys."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dbsynth import __version__
from dbsynth.evaluation import sdv
from dbsynth.evaluation.bench import Bench
from dbsynth.evaluation.detect import detect, detect_parents
from dbsynth.evaluation.families import fanouts, key_score
from dbsynth.evaluation.features import has_fine_features
from dbsynth.evaluation.fidelity import column_scores, pair_scores, path_scores, rule_scores
from dbsynth.evaluation.pairing import Pairing, own_lenses
from dbsynth.evaluation.privacy import privacy_score
from dbsynth.evaluation.reading import Lens, read_side
from dbsynth.evaluation.scores import Evaluation, TableScore
from dbsynth.evaluation.utility import utility_scores
from dbsynth.plan import Plan
from dbsynth.progress import Event, Progress, silent
from dbsynth.schema import TableName

if TYPE_CHECKING:
    from dbsynth.adapters.base import Source

SAMPLE_ROWS = 200_000  # of every table, about
FEW_ENTITIES = 20


@dataclass(frozen=True, kw_only=True)
class Sources:
    """The databases, entered, and how they call their tables."""

    real: Source
    made: Source
    held: Source | None
    pairing: Pairing
    held_lenses: Mapping[TableName, Lens] | None


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be measured."""

    names: tuple[str, str, str]  # source, target and holdout, redacted
    sample: int = SAMPLE_ROWS
    targets: Mapping[TableName, Sequence[str]] = field(default_factory=dict)  # columns to predict


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let boosted trees use one thread: over tables of this size others wait, and busily so."""
    import sklearn.ensemble  # noqa: F401 - only what is loaded can be told
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="openmp"):
        yield


@_one_thread()
def evaluate(
    plan: Plan, sources: Sources, request: Request, progress: Progress = silent
) -> Evaluation:
    """
    Measure fidelity, utility and privacy.

    Args:
        plan: what a clone of the source would do, as far as the target has its tables; from it
            come owners, treatments and seed.
        sources: both sides.
        request: what is to be measured.
        progress: told about the stages read and evaluate.
    """
    clock = _Stopwatch()
    ours = own_lenses(sources.real, plan.schema, sources.pairing.lenses)
    with clock.on("read"):
        bench = read_bench(plan, sources, ours, request.sample, progress)
        _ = bench.views  # made now, so that their time is booked here
    tables = []
    steps = len(plan.tables) + len(bench.keys) + 1
    for number, name in enumerate(plan.tables, 1):
        tables.append(_table(bench, name, sources, ours[name], request, clock))
        progress(Event("evaluate", str(name), number, steps))
    keys = []
    for number, key in enumerate(bench.keys, len(tables) + 1):
        with clock.on("keys"):
            counts = tuple(
                fanouts(side, lenses, key)
                for side, lenses in ((sources.real, ours), (sources.made, sources.pairing.lenses))
            )
            keys.append(key_score(bench, key, (counts[0], counts[1])))
        progress(Event("evaluate", str(key.child), number, steps))
    with clock.on("paths"):
        paths = path_scores(bench)
    with clock.on("sdmetrics"):
        figures, notes = sdv.figures(bench)
    progress(Event("evaluate", "", steps, steps))
    return Evaluation(
        source=request.names[0], target=request.names[1], holdout=request.names[2],
        version=__version__, seed=plan.seed, sample=request.sample, tables=tuple(tables),
        keys=tuple(keys), paths=paths, missing=_missing(sources.pairing),
        notes=(*_notes(bench), *notes), sdmetrics=figures, seconds=clock.seconds,
    )  # fmt: skip


def read_bench(
    plan: Plan, sources: Sources, ours: Mapping[TableName, Lens], limit: int, progress: Progress
) -> Bench:
    """
    Read both sides, parents first, and what was held out.

    Args:
        ours: how the source calls its tables, see `own_lenses`.
        limit: rows of a table, about.
    """
    theirs = sources.pairing.lenses
    real = read_side(
        sources.real, plan, {n: ours[n] for n in plan.tables}, limit=limit, progress=progress
    )
    made = read_side(
        sources.made, plan, {n: theirs[n] for n in plan.tables}, limit=limit, progress=progress
    )
    held = None
    if sources.held is not None and sources.held_lenses is not None:
        lenses = {n: sources.held_lenses[n] for n in plan.tables}
        held = read_side(sources.held, plan, lenses, limit=limit, progress=progress)
    copied = sources.pairing.copied
    if copied is None:
        copied = frozenset(n for n, t in plan.tables.items() if t.mode == "copy")
    return Bench(plan, real, made, held, copied, plan.seed)


def _table(
    bench: Bench,
    name: TableName,
    sources: Sources,
    lens: Lens,
    request: Request,
    clock: _Stopwatch,
) -> TableScore:
    """Measure one table; of copied and empty ones only that they are there."""
    theirs = sources.pairing.lenses[name]
    base = TableScore(
        name=name, target=theirs.table.name, is_copied=name in bench.copied,
        source_rows=lens.rows, target_rows=theirs.rows,
        read_rows=(len(bench.real.rows[name]), len(bench.made.rows[name])),
    )  # fmt: skip
    if not lens.rows:
        return base
    with clock.on("columns"):
        base = replace(base, columns=column_scores(bench, name))
    if name not in bench.scored:
        return base
    with clock.on("pairs"):
        pairs, rules = pair_scores(bench, name), rule_scores(bench, name)
    with clock.on("detectors"):
        single = detect(bench, name)
        fine = detect(bench, name, is_fine=True) if has_fine_features(bench, name) else single
        wide = detect_parents(bench, name)
    with clock.on("utility"):
        use = utility_scores(bench, name, pairs, request.targets.get(name, ()))
    with clock.on("privacy"):
        private = privacy_score(bench, name, sources.real, lens)
    return replace(
        base, pairs=pairs, rules=rules, detection=single, detection_fine=fine,
        detection_agg=wide, utility=use, privacy=private,
    )  # fmt: skip


def _missing(pairing: Pairing) -> tuple[str, ...]:
    return (
        *(f"table {n}" for n in pairing.missing_tables),
        *(f"column {t}.{c}" for t, c in pairing.missing_columns),
    )


def _notes(bench: Bench) -> Iterator[str]:
    """Say what a reader of the numbers should know."""
    for name in bench.plan.tables:
        if not bench.real.counts[name]:
            yield f"{name}: no rows in the source, nothing to compare"
        elif not bench.made.counts[name] and name not in bench.copied:
            yield f"{name}: no rows in the target"
        sampled = [s for s in (bench.real, bench.made) if not s.whole(name)]
        for side in sampled[:1]:
            entities = len({*side.entities[name].tolist()}) if bench.owner(name) else FEW_ENTITIES
            if entities < FEW_ENTITIES:
                yield f"{name}: rows of only {entities} entities were read; see --sample"
    if bench.held is None:
        yield "privacy is compared with half of the source's entities; --holdout is sharper"


class _Stopwatch:
    """Books time to what was measured."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def on(self, what: str) -> Iterator[None]:
        """Book the time of a block."""
        started = time.perf_counter()
        yield
        self.seconds[what] = self.seconds.get(what, 0.0) + time.perf_counter() - started
