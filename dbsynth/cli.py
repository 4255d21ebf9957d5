"""The command line: words to `Options`, one pipeline function a command, results to stdout."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from dbsynth.arguments import (
    ConfigPath,
    DbtPath,
    Engine,
    Exclude,
    Executor,
    Grants,
    Jobs,
    Json,
    MaxRead,
    ModelPath,
    NoCache,
    NoRules,
    PlanPath,
    QualityName,
    Quiet,
    Replace,
    Roles,
    Rows,
    Scale,
    Seed,
    Session,
    SetShare,
    Source,
    Tables,
    Target,
    Verbose,
    Version,
    Where,
    read_quality,
    read_roles,
    read_rows,
)
from dbsynth.config import Config, load
from dbsynth.console import Watcher, put, put_json, report_error, say
from dbsynth.errors import DbsynthError, UsageError, VerifyFailedError
from dbsynth.interrupts import SIGINT_CODE
from dbsynth.wishes import read_options
from dbsynth.workers import let_go

# The stages, and whatever they import, load inside the commands: `--help` must be quick.
if TYPE_CHECKING:
    from dbsynth.report import Run


SIGTERM_CODE = 143


app = typer.Typer(
    name="dbsynth",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def dbsynth(version: Version = False) -> None:
    """
    Clone a database's shape and behaviour, not its people.

    \b
    dbsynth demo                              try it, without a server
    dbsynth clone $PROD qa.duckdb             the whole way in one command
    dbsynth plan $PROD -o plan.yaml           see and edit what would be done

    Databases: postgresql://, mysql://, mariadb://, sqlite:/// and duckdb:/// URLs, files that end
    in .db, .sqlite or .duckdb, and folders that end in .parquet. Keep passwords out of sight with
    env:NAME, file:PATH, cmd:COMMAND or an @name from dbsynth.yaml.
    """


@app.command()
def clone(
    source: Source,
    target: Target,
    seed: Seed = None,
    scale: Scale = 1.0,
    rows: Rows = [],
    tables: Tables = [],
    exclude: Exclude = [],
    engine: Engine = None,
    quality: QualityName = None,
    no_rules: NoRules = False,
    dbt: DbtPath = None,
    replace: Replace = False,
    grants: Grants = False,
    role: Roles = [],
    set_share: SetShare = [],
    where: Where = [],
    plan: PlanPath = None,
    max_read_mbps: MaxRead = None,
    jobs: Jobs = None,
    executor: Executor = "local",
    no_cache: NoCache = False,
    config: ConfigPath = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """
    Read SOURCE, write a synthetic copy of it to TARGET.

    \b
    dbsynth clone postgresql://reader@db1/shop qa.duckdb
    dbsynth clone env:PROD env:STAGING --replace --seed 42
    dbsynth clone shop.db small.db --scale 0.1 --rows orders=500
    dbsynth clone @prod @staging --plan plan.yaml
    dbsynth clone shop.db fair.db --set-share users.gender=F:0.5 --where "orders.total > 100: 0.2"

    SOURCE is only read, in one snapshot. TARGET must be empty, or --replace is given; it changes
    at once at the very end, after its keys and rules were verified, or not at all.
    """
    from dbsynth import run
    from dbsynth.options import Options

    settings = load(config)
    options = Options(
        seed=seed, scale=scale, rows=read_rows(rows), tables=tuple(tables), exclude=tuple(exclude),
        engine=engine, quality=read_quality(quality), replace=replace, plan_file=plan,
        roles=read_roles(role) if grants or role else None,
        shares=read_options(set_share, where), is_ruled=not no_rules, dbt=dbt,
        max_read_mbps=max_read_mbps, jobs=jobs, executor=executor,
        is_cached=not no_cache, config=settings,
    )  # fmt: skip
    with Watcher(is_quiet=quiet) as watch:
        done = run.clone(source, target, options, progress=watch)
    _show_run(done, as_json=json)
    _next(quiet, f"dbsynth verify {target} --like {source}")


@app.command()
def plan(
    source: Source,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write the plan here, not to stdout.")
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--target", metavar="TARGET", help="Also tell what would become of it there."),
    ] = None,
    seed: Seed = None,
    tables: Tables = [],
    exclude: Exclude = [],
    engine: Engine = None,
    quality: QualityName = None,
    no_rules: NoRules = False,
    dbt: DbtPath = None,
    replace: Replace = False,
    max_read_mbps: MaxRead = None,
    config: ConfigPath = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """
    Show what a clone of SOURCE would do: tables, rows, keys, and each column's treatment.

    \b
    dbsynth plan postgresql://reader@db1/shop -o plan.yaml
    dbsynth plan shop.db --tables 'order*' --json
    dbsynth plan @prod --target @staging

    The plan holds no row of the source. Edit it, keep it in git, and hand it to
    `dbsynth clone --plan`; a source that has changed its schema since is refused.
    With --target, TARGET is asked what it can hold and how it would be loaded; it is not changed.
    """
    from dbsynth import planfile, run
    from dbsynth.options import Options
    from dbsynth.references import summary
    from dbsynth.report import landing_lines
    from dbsynth.rules import book

    options = Options(
        seed=seed, tables=tuple(tables), exclude=tuple(exclude), engine=engine,
        quality=read_quality(quality), replace=replace, is_ruled=not no_rules, dbt=dbt,
        max_read_mbps=max_read_mbps, config=load(config),
    )  # fmt: skip
    with Watcher(is_quiet=quiet) as watch:
        if target is None:
            made, told = run.plan(source, options, progress=watch), []
        else:
            made, landing = run.preview(source, target, options, progress=watch)
            told = landing_lines(landing)
    text = "".join(f"# target: {line}\n" for line in told) + planfile.to_yaml(made)
    if output is not None:
        _write(output, text)
    if json:
        put_json(planfile.to_json(made)["plan"] | ({"target": told} if target else {}))
    elif output is None:
        put(text)
    for line in () if quiet else (*summary(made.references), *book.summary(made.rules)[:1]):
        say(line)
    _next(quiet, f"dbsynth clone {source} {target or 'TARGET'} --plan {output or 'FILE'}")


@app.command()
def inspect(
    source: Source,
    tables: Tables = [],
    exclude: Exclude = [],
    max_read_mbps: MaxRead = None,
    config: ConfigPath = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """
    Show SOURCE's tables, rows, keys and cycles.

    \b
    dbsynth inspect shop.db
    dbsynth inspect @prod --json
    """
    from dbsynth import run
    from dbsynth.options import Options

    options = Options(
        tables=tuple(tables), exclude=tuple(exclude), max_read_mbps=max_read_mbps,
        config=load(config),
    )  # fmt: skip
    with Watcher(is_quiet=True) as watch:
        seen = run.inspect(source, options, progress=watch)
    if json:
        put_json(seen.to_json())
    else:
        put(seen.to_text())
    _next(quiet, f"dbsynth plan {source}")


@app.command()
def fit(
    source: Source,
    output: Annotated[Path, typer.Option("-o", "--output", help="The model file to write.")],
    seed: Seed = None,
    tables: Tables = [],
    exclude: Exclude = [],
    engine: Engine = None,
    quality: QualityName = None,
    no_rules: NoRules = False,
    dbt: DbtPath = None,
    plan: PlanPath = None,
    max_read_mbps: MaxRead = None,
    jobs: Jobs = None,
    executor: Executor = "local",
    no_cache: NoCache = False,
    config: ConfigPath = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """
    Learn from SOURCE and write a model file that can travel without it.

    \b
    dbsynth fit @prod -o shop.dbsynth
    dbsynth fit shop.db -o shop.dbsynth --plan plan.yaml --quality fast
    """
    from dbsynth import modelfile, run
    from dbsynth.options import Options

    options = Options(
        seed=seed, tables=tuple(tables), exclude=tuple(exclude), engine=engine,
        quality=read_quality(quality), plan_file=plan, is_ruled=not no_rules, dbt=dbt,
        max_read_mbps=max_read_mbps, jobs=jobs, executor=executor,
        is_cached=not no_cache, config=load(config),
    )  # fmt: skip
    with Watcher(is_quiet=quiet) as watch:
        model = run.fit(source, options, progress=watch)
    modelfile.save(model, output)
    if json:
        put_json({"model": str(output), "tables": [str(n) for n in model.plan.tables]})
    else:
        put(str(output))
    _next(quiet, f"dbsynth generate {output} TARGET")


@app.command()
def generate(
    model: ModelPath,
    target: Target,
    seed: Seed = None,
    scale: Scale = 1.0,
    rows: Rows = [],
    replace: Replace = False,
    grants: Grants = False,
    role: Roles = [],
    set_share: SetShare = [],
    where: Where = [],
    jobs: Jobs = None,
    executor: Executor = "local",
    config: ConfigPath = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """
    Write synthetic rows from a model file to TARGET; the source is not needed.

    \b
    dbsynth generate shop.dbsynth qa.duckdb
    dbsynth generate shop.dbsynth postgresql:///staging --scale 10 --seed 7 --replace
    dbsynth generate shop.dbsynth fraud.duckdb --where "payments.status = 'fraud'"
    """
    from dbsynth import modelfile, run
    from dbsynth.options import Options

    options = Options(
        seed=seed, scale=scale, rows=read_rows(rows), replace=replace,
        roles=read_roles(role) if grants or role else None,
        shares=read_options(set_share, where), jobs=jobs, executor=executor,
        config=load(config),
    )  # fmt: skip
    with Watcher(is_quiet=quiet) as watch:
        done = run.generate(modelfile.load(model), target, options, progress=watch)
    _show_run(done, as_json=json)
    _next(quiet, f"dbsynth verify {target}")


@app.command()
def verify(
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="Database to check: URL, file, env:NAME, @name.")
    ],
    like: Annotated[
        str | None, typer.Option("--like", metavar="SOURCE", help="Compare with the original.")
    ] = None,
    max_read_mbps: MaxRead = None,
    config: ConfigPath = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """
    Check every key and rule of TARGET by asking TARGET itself; leaves with 4 if one is broken.

    \b
    dbsynth verify qa.duckdb
    dbsynth verify @staging --like @prod

    With --like, the values that must not leave the original are looked for, too.
    """
    from dbsynth import run
    from dbsynth.options import Options

    options = Options(max_read_mbps=max_read_mbps, config=load(config))
    found = run.verify(target, like, options)
    if json:
        put_json(found.to_json())
    else:
        checks = sum(found.made.values())
        put(f"{checks:,} checks, {len(found.errors)} errors, {len(found.warnings)} warnings")
    if not found.is_sound:
        raise VerifyFailedError(
            f"{target} breaks {len(found.errors)} rules",
            "Do not use it; clone it again.",
            [str(f) for f in (*found.errors, *found.warnings)],
        )
    if not json:
        for finding in found.warnings:
            put(str(finding))
    _next(quiet, f"dbsynth inspect {target}")


@app.command()
def evaluate(
    source: Source,
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="The copy: URL, file, env:NAME or @name.")
    ],
    holdout: Annotated[
        str | None,
        typer.Option("--holdout", metavar="URL", help="Rows of the same kind, not learned from."),
    ] = None,
    target_column: Annotated[
        list[str],
        typer.Option("--target-column", metavar="TABLE.COLUMN", help="Predict this; repeatable."),
    ] = [],
    sample: Annotated[
        int | None,
        typer.Option("--sample", metavar="N", min=1_000, help="Rows per table. Default: 200000."),
    ] = None,
    seed: Seed = None,
    tables: Tables = [],
    exclude: Exclude = [],
    max_read_mbps: MaxRead = None,
    config: ConfigPath = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """
    Measure how like SOURCE its copy TARGET is, how useful it is, and how private.

    \b
    dbsynth evaluate @prod qa.duckdb
    dbsynth evaluate shop.db shop-synthetic.db --json
    dbsynth evaluate train.duckdb copy.duckdb --holdout rest.duckdb
    dbsynth evaluate @prod @staging -t 'order*' --target-column orders.status

    Fidelity: columns, pairs, children per parent, dependences along keys, siblings, order in time,
    and detectors, with the features that give a table away. Utility: what models learned from the
    copy are worth on real rows. Privacy: exact copies, distances, values that leaked.
    Whole entities are sampled, so large databases take minutes. The report holds names and
    numbers, no value. With the sdv extra installed, sdmetrics' scores are shown, too.
    """
    from dbsynth import run
    from dbsynth.options import Options

    options = Options(
        seed=seed, tables=tuple(tables), exclude=tuple(exclude), max_read_mbps=max_read_mbps,
        config=load(config),
    )  # fmt: skip
    with Watcher(is_quiet=quiet) as watch:
        found = run.evaluate(
            source, target, options, holdout=holdout, sample=sample,
            target_columns=target_column, progress=watch,
        )  # fmt: skip
    if json:
        put_json(found.to_json())
    else:
        put(found.to_text())
    _next(quiet, f"dbsynth verify {target} --like {source}")


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to put the files.")] = Path(
        "demo"
    ),
    seed: Seed = None,
    quality: QualityName = "fast",
    sql: Annotated[
        bool, typer.Option("--sql", help="Only print the sample shop as PostgreSQL, and stop.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """
    Build a sample shop and clone it to DuckDB; needs no server.

    \b
    dbsynth demo
    dbsynth demo /tmp/shop --seed 7
    dbsynth demo --sql | psql shop
    """
    from dbsynth import demo as sample
    from dbsynth import run
    from dbsynth.options import Options

    if sql:
        put(sample.to_sql())
        return
    source, target = sample.build(folder), folder / "shop-synthetic.duckdb"
    say(f"built      {source}")
    options = Options(seed=seed, quality=read_quality(quality), replace=True, config=Config())
    with Watcher(is_quiet=quiet) as watch:
        done = run.clone(str(source), str(target), options, progress=watch)
    _show_run(done, as_json=json)
    _next(quiet, f"dbsynth plan {source}")


@app.command()
def doctor(
    urls: Annotated[list[str], typer.Argument(metavar="[URL]...", help="Databases to try.")] = [],
    config: ConfigPath = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """
    Check the installation, and whether databases can be read and written.

    \b
    dbsynth doctor
    dbsynth doctor env:PROD env:STAGING
    """
    from dbsynth import doctor as checks

    lines = list(checks.examine(urls, load(config)))
    if json:
        put_json([line.to_json() for line in lines])
    else:
        for line in lines:
            put(str(line))
    if any(line.status == "fail" for line in lines):
        raise typer.Exit(1)
    _next(quiet, "dbsynth clone SOURCE TARGET" if urls else "dbsynth doctor URL")


def main() -> NoReturn:
    """Run the command line and leave with the documented exit code."""
    session = Session()
    session.interrupts.listen()
    try:
        code = app(prog_name="dbsynth", standalone_mode=False, obj=session) or 0
    except (KeyboardInterrupt, typer.Abort):
        code = SIGINT_CODE
    except typer.TyperException as exc:
        say(f"error: {exc.format_message()}")
        say("hint: Run `dbsynth --help`, or `dbsynth COMMAND --help`.")
        code = exc.exit_code
    except Exception as exc:  # noqa: BLE001 - the last door: nothing unredacted may leave
        if session.interrupts.first and not isinstance(exc, DbsynthError):
            code = SIGINT_CODE  # what a library made of it
        else:
            code = report_error(exc, is_verbose=session.is_verbose)
    if code == SIGINT_CODE:  # typer turns KeyboardInterrupt into it
        _leave(is_terminated=session.interrupts.first == signal.SIGTERM)
    sys.exit(code)


def _leave(*, is_terminated: bool) -> NoReturn:
    word = "terminated" if is_terminated else "interrupted"
    say(f"error: {word}; the target was left as it was")
    sys.stdout.flush()
    # If ^C came while a library was in `exec`, Python would end by killing itself with SIGINT
    # whatever sys.exit says; all contexts are left already, so nothing is skipped.
    let_go()
    os._exit(SIGTERM_CODE if is_terminated else SIGINT_CODE)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as exc:
        raise UsageError(f"cannot write {path}", "Check the folder and its rights.") from exc


def _show_run(done: Run, *, as_json: bool) -> None:
    if as_json:
        put_json(done.to_json())
    else:
        put(done.to_text())


def _next(is_quiet: bool, command: str) -> None:
    if not is_quiet:
        say(f"Next: {command}")
