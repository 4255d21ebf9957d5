"""The Python API: keyword arguments in, a `Run` out; the same pipeline as the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace as replaced
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbsynth import run
from dbsynth.config import Config, Quality, load
from dbsynth.errors import PlanFileError, UsageError
from dbsynth.frames import read_frames
from dbsynth.options import Options
from dbsynth.plan import Plan
from dbsynth.progress import Progress, silent
from dbsynth.report import Run
from dbsynth.rules.book import combine, from_data
from dbsynth.rules.language import complaints
from dbsynth.wishes import read_mapping

if TYPE_CHECKING:
    from dbsynth.evaluation.scores import Evaluation

__all__ = ["clone", "evaluate", "make_plan", "read_frames"]


def clone(
    source: str,
    target: str,
    *,
    seed: int | None = None,
    scale: float = 1.0,
    rows: Mapping[str, int] | None = None,
    tables: Sequence[str] = (),
    exclude: Sequence[str] = (),
    engine: str | None = None,
    quality: Quality | None = None,
    replace: bool = False,
    roles: Mapping[str, str] | None = None,
    shares: Mapping[str, Mapping[Any, float] | float] | None = None,
    rules: Sequence[str | Mapping[str, str]] = (),
    dbt: Path | str | None = None,
    plan: Plan | Path | str | None = None,
    config: Path | str | None = None,
    progress: Progress = silent,
) -> Run:
    """
    Read a source and write a synthetic copy of it to a target, all or nothing.

    Args:
        source: URL, file, env:NAME or @name of the database to read.
        target: the same for the database to write.
        seed: same seed, same rows.
        scale: rows to make, times what the plan says.
        rows: rows of single tables, whatever the scale.
        tables: globs of the tables to clone; none: all.
        exclude: globs of tables to leave out.
        engine: argn, tables, tree, copula, marginal, sdv:NAME or a plug-in's; None: by table size.
        quality: how much to learn; default balanced.
        replace: whether everything that the target holds may go away.
        roles: carry owners and grants, with these roles of other names; None: do not.
        shares: what rows are to look like: {"users.gender": {"F": 0.5}} or
            {"orders.amount > 1000": 0.2}; `Run.shares` tells what was reached.
        rules: that rows must keep, too: "orders: paid_at >= placed_at", or {"table": …, "rule": …,
            "status": …}; `Run.rules` tells what became of all.
        dbt: a dbt project's manifest.json, whose tests are rules.
        plan: from `make_plan`, or the path of one that `dbsynth plan -o` saved.
        config: a dbsynth.yaml; unlike the command line, none is searched for.
        progress: told about every step.

    Raises:
        DbsynthError: see `dbsynth.errors`; the target was left as it was.
    """
    settings = Config() if config is None else load(Path(config))
    if isinstance(plan, Plan):
        plan = _with_rules(plan, rules)
    elif plan is not None and rules:
        raise UsageError("a saved plan decides on rules itself", "Hand over `Plan` and rules.")
    made = plan if isinstance(plan, Plan) else None
    options = Options(
        seed=seed,
        scale=scale,
        rows=rows or {},
        tables=tuple(tables),
        exclude=tuple(exclude),
        engine=engine,
        quality=quality,
        replace=replace,
        roles=roles,
        shares=read_mapping(shares or {}),
        dbt=None if dbt is None else Path(dbt),
        plan_file=None if plan is None or isinstance(plan, Plan) else Path(plan),
        plan=made,
        config=settings if made else _with_listed(settings, rules),
    )
    return run.clone(source, target, options, progress=progress)


def make_plan(
    source: str,
    *,
    seed: int | None = None,
    tables: Sequence[str] = (),
    exclude: Sequence[str] = (),
    engine: str | None = None,
    quality: Quality | None = None,
    rules: Sequence[str | Mapping[str, str]] = (),
    dbt: Path | str | None = None,
    config: Path | str | None = None,
    progress: Progress = silent,
) -> Plan:
    """
    Decide what a clone would do, without learning anything; the arguments are those of `clone`.

    Returns:
        the plan, to be looked at (`Plan.rules`, `Plan.tables`), changed with `dataclasses.replace`
        and handed to `clone`.

    Raises:
        DbsynthError: see `dbsynth.errors`.
    """
    settings = Config() if config is None else load(Path(config))
    options = Options(
        seed=seed,
        tables=tuple(tables),
        exclude=tuple(exclude),
        engine=engine,
        quality=quality,
        dbt=None if dbt is None else Path(dbt),
        config=_with_listed(settings, rules),
    )
    return run.plan(source, options, progress=progress)


def _entry(rule: str | Mapping[str, str]) -> Mapping[str, str]:
    """Take "orders: paid_at >= placed_at" apart."""
    if not isinstance(rule, str):
        return rule
    table, colon, text = rule.partition(":")
    if not colon:
        raise UsageError(
            f"a rule begins with its table: {rule!r}", "Write 'orders: paid_at >= placed_at'."
        )
    return {"table": table.strip(), "rule": text.strip()}


def _with_listed(settings: Config, rules: Sequence[str | Mapping[str, str]]) -> Config:
    return replaced(settings, rules=(*settings.rules, *map(_entry, rules)))


def _with_rules(plan: Plan, rules: Sequence[str | Mapping[str, str]]) -> Plan:
    """Add rules to a plan, or decide over those that it has."""
    problems: list[str] = []
    listed = from_data(list(map(_entry, rules)), plan.schema, problems)
    problems += complaints(listed, plan.schema)
    if problems:
        raise PlanFileError("\n".join(problems), "See docs/rules.md for what rules can say.")
    return replaced(plan, rules=combine(plan.rules, listed))


def evaluate(
    source: str,
    target: str,
    *,
    holdout: str | None = None,
    target_columns: Sequence[str] = (),
    sample: int | None = None,
    seed: int | None = None,
    tables: Sequence[str] = (),
    exclude: Sequence[str] = (),
    config: Path | str | None = None,
    progress: Progress = silent,
) -> Evaluation:
    """
    Measure how like its source a copy is, how useful, and how private.

    Args:
        source: URL, file, env:NAME or @name of the database that was learned from.
        target: the same for the copy.
        holdout: the same for rows of the same kind that were not learned from.
        target_columns: TABLE.COLUMN to predict; none: a few of every table.
        sample: rows of each table to look at, about; default 200,000.
        seed: same seed, same sample.
        tables: globs of the tables to look at; none: all.
        exclude: globs of tables to leave out.
        config: a dbsynth.yaml; unlike the command line, none is searched for.
        progress: told about every step.

    Returns:
        scores of tables, columns and keys; `summary()` has the means, `to_json()` everything.

    Raises:
        DbsynthError: see `dbsynth.errors`.
    """
    options = Options(
        seed=seed,
        tables=tuple(tables),
        exclude=tuple(exclude),
        config=Config() if config is None else load(Path(config)),
    )
    return run.evaluate(
        source,
        target,
        options,
        holdout=holdout,
        sample=sample,
        target_columns=target_columns,
        progress=progress,
    )
