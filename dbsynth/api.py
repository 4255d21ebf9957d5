"""The Python API: keyword arguments in, a `Run` out; the same pipeline as the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbsynth import run
from dbsynth.config import Config, Quality, load
from dbsynth.frames import read_frames
from dbsynth.progress import Progress, silent
from dbsynth.report import Run
from dbsynth.wishes import read_mapping

if TYPE_CHECKING:
    from dbsynth.evaluation.scores import Evaluation

__all__ = ["clone", "evaluate", "read_frames"]


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
    plan: Path | str | None = None,
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
        engine: argn, tree, copula, marginal, sdv:NAME or a plug-in's name; None: by table size.
        quality: how much to learn; default balanced.
        replace: whether everything that the target holds may go away.
        roles: carry owners and grants, with these roles of other names; None: do not.
        shares: what rows are to look like: {"users.gender": {"F": 0.5}} or
            {"orders.amount > 1000": 0.2}; `Run.shares` tells what was reached.
        plan: a plan that `dbsynth plan -o` saved.
        config: a dbsynth.yaml; unlike the command line, none is searched for.
        progress: told about every step.

    Raises:
        DbsynthError: see `dbsynth.errors`; the target was left as it was.
    """
    options = run.Options(
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
        plan_file=None if plan is None else Path(plan),
        config=Config() if config is None else load(Path(config)),
    )
    return run.clone(source, target, options, progress=progress)


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
    options = run.Options(
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
