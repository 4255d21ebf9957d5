"""The arguments and options of the command line: their spelling, their help, how they are read."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from dbsynth import __version__
from dbsynth.config import QUALITIES, Quality, near
from dbsynth.console import put
from dbsynth.errors import UsageError
from dbsynth.interrupts import Interrupts


@dataclass(slots=True)
class Session:
    """What `main` needs to know of the command when it fails."""

    is_verbose: bool = False
    interrupts: Interrupts = field(default_factory=Interrupts)


def _set_verbose(context: typer.Context, is_verbose: bool) -> bool:
    if isinstance(context.obj, Session):
        context.obj.is_verbose = is_verbose or context.obj.is_verbose
    return is_verbose


def _show_version(is_wanted: bool) -> None:
    if is_wanted:
        put(f"dbsynth {__version__}")
        raise typer.Exit


Source = Annotated[
    str, typer.Argument(metavar="SOURCE", help="Database to read: URL, file, env:NAME or @name.")
]
Target = Annotated[
    str, typer.Argument(metavar="TARGET", help="Database to write: URL, file, env:NAME or @name.")
]
ModelPath = Annotated[
    Path, typer.Argument(metavar="FILE", help="Model file that `dbsynth fit` wrote.")
]
Seed = Annotated[
    int | None, typer.Option("--seed", min=0, help="Same seed, same rows. Default: 0.")
]
Scale = Annotated[
    float, typer.Option("--scale", min=0, help="Rows to make, times what the plan says.")
]
Rows = Annotated[
    list[str], typer.Option("--rows", metavar="TABLE=N", help="Rows of one table; repeatable.")
]
Tables = Annotated[
    list[str], typer.Option("--tables", "-t", metavar="GLOB", help="Only these; repeatable.")
]
Exclude = Annotated[
    list[str], typer.Option("--exclude", "-T", metavar="GLOB", help="Not these; repeatable.")
]
Engine = Annotated[
    str | None,
    typer.Option(
        "--engine", help="argn, tables, tree, copula, marginal, sdv:NAME. Default: by size."
    ),
]
QualityName = Annotated[
    str | None, typer.Option("--quality", help="fast, balanced (default) or max.")
]
Replace = Annotated[
    bool, typer.Option("--replace", help="Replace everything that the target holds.")
]
MaxRead = Annotated[
    float | None,
    typer.Option(
        "--max-read-mbps", metavar="MB", min=0.001, help="Read at most MB megabytes a second."
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", "-j", min=1, help="Processes at once. Default: one a processor."),
]
Executor = Annotated[
    str, typer.Option("--executor", help="Where they run: local, ray or ray://HOST:PORT.")
]
NoCache = Annotated[
    bool, typer.Option("--no-cache", help="Train all anew, and keep no trained model.")
]
NoRules = Annotated[
    bool, typer.Option("--no-rules", help="Only the schema's own rules: look for no others.")
]
DbtPath = Annotated[
    Path | None,
    typer.Option("--dbt", metavar="FILE", help="Keep the tests of this dbt manifest.json."),
]
Grants = Annotated[
    bool, typer.Option("--grants", help="Carry owners and grants, too (PostgreSQL).")
]
Roles = Annotated[
    list[str],
    typer.Option("--role", metavar="OLD=NEW", help="--grants, to a role of another name."),
]
SetShare = Annotated[
    list[str],
    typer.Option(
        "--set-share", metavar="TABLE.COLUMN=LABEL:SHARE", help="Shares of labels; repeatable."
    ),
]
Where = Annotated[
    list[str],
    typer.Option(
        "--where", metavar="CONDITION[: SHARE]", help="Only such rows, or a share; repeatable."
    ),
]
PlanPath = Annotated[
    Path | None, typer.Option("--plan", metavar="FILE", help="Follow this saved plan.")
]
ConfigPath = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Project file. Default: nearest dbsynth.yaml."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON to stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no hints.")]
Verbose = Annotated[
    bool, typer.Option("-v", "--verbose", callback=_set_verbose, help="Tracebacks on errors.")
]
Version = Annotated[
    bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print version.")
]


def read_rows(words: list[str]) -> dict[str, int]:
    """
    Read `--rows TABLE=N`, all at once.

    Raises:
        UsageError: names all that are of another form.
    """
    parsed, wrong = {}, []
    for word in words:
        table, _, number = word.rpartition("=")
        if table and number.isascii() and number.isdigit():
            parsed[table] = int(number)
        else:
            wrong.append(f"--rows {word}")
    if wrong:
        raise UsageError("--rows needs TABLE=N", "Write for example --rows orders=500.", wrong)
    return parsed


def read_roles(words: list[str]) -> dict[str, str]:
    """
    Read `--role OLD=NEW`, all at once.

    Raises:
        UsageError: names all that are of another form.
    """
    parsed = {old: new for old, _, new in (word.partition("=") for word in words)}
    wrong = [f"--role {old}={new}".rstrip("=") for old, new in parsed.items() if not old or not new]
    if wrong:
        raise UsageError("--role needs OLD=NEW", "Write for example --role app=app_test.", wrong)
    return parsed


def read_quality(word: str | None) -> Quality | None:
    """
    Read `--quality`.

    Raises:
        UsageError: there is none of that name.
    """
    for known in QUALITIES:
        if word == known:
            return known
    if word is None:
        return None
    raise UsageError(
        f"quality {word!r} is unknown{near(word, QUALITIES)}", "Use fast, balanced or max."
    )
