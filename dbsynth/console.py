"""What people see: progress on stderr, errors with their remedy, and the line on what is next."""

from __future__ import annotations

import json
import sys
import time
import traceback
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

from dbsynth.errors import DbsynthError
from dbsynth.progress import Event
from dbsynth.urls import redact

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

# stages that count tables; the others count within one
_WHOLE = ("introspect", "read", "rules", "train", "verify", "evaluate")
_UNITS = {
    "fit": "row visits",
    "train": "values",
    "pilot": "times",
    "index": "steps",
    "evaluate": "steps",
}  # what a stage counts, if not rows
_NO_LINE = ("generate",)  # rows are written as they are made: one line for both is enough


def say(text: str, stream: TextIO | None = None) -> None:
    """Print a line for people (stderr unless a stream is given), without any secret."""
    print(redact(text), file=stream or sys.stderr, flush=True)


def put(text: str) -> None:
    """Print data to stdout, without any secret."""
    say(text.rstrip("\n"), sys.stdout)


def put_json(value: Any) -> None:
    """Print one JSON value to stdout."""
    put(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def report_error(exc: BaseException, *, is_verbose: bool) -> int:
    """Print an error as `error:`, its problems and `hint:`; return the exit code it asks for."""
    if is_verbose:
        say("".join(traceback.format_exception(exc)).rstrip())
    if not isinstance(exc, DbsynthError):
        say(f"error: unexpected {type(exc).__name__}: {_first_line(exc)}")
        say("hint: This is a defect of dbsynth. Run again with -v and report the traceback.")
        return 1
    say(f"error: {exc.message}")
    for problem in exc.problems:
        say(f"  {problem}")
    say(f"hint: {exc.remedy}")
    return exc.exit_code


def _first_line(exc: BaseException) -> str:
    return next(iter(str(exc).splitlines()), "")[:200]


class Watcher:
    """
    Shows progress events while its context is open; an instance is a `dbsynth.progress.Progress`.

    On a terminal there is one bar per table under way, with rate and time left; elsewhere, and
    for a record above the bars, one plain line when a stage is through with a table.
    """

    def __init__(self, *, is_quiet: bool = False) -> None:
        """Watch on stderr; a quiet watcher shows nothing."""
        self._is_quiet = is_quiet
        self._bars: Bars | None = None
        self._tasks: dict[tuple[str, str], TaskID] = {}
        self._last_line = time.monotonic()

    def __enter__(self) -> Self:
        """Start the bars, if this is a terminal."""
        if not self._is_quiet and sys.stderr.isatty():
            self._bars = _bars()
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Take the bars away; the lines stay."""
        if self._bars is not None:
            self._bars.stop()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        key = (event.stage, "" if event.stage in _WHOLE else event.table)
        if self._is_quiet:
            return
        if self._bars is not None and event.stage != "target":
            self._show(self._bars, key, event)
        if event.stage == "target":
            self._put(f"{event.stage:<10} {event.note}")
        elif event.is_last and event.stage not in _NO_LINE:
            now = time.monotonic()
            self._line(event, now - self._last_line)
            self._last_line = now

    def _show(self, bars: Bars, key: tuple[str, str], event: Event) -> None:
        if key not in self._tasks:
            self._tasks[key] = bars.add_task("", total=event.total)
        text = f"{event.stage:<10} {event.table}"
        bars.update(self._tasks[key], description=text, completed=event.done, total=event.total)
        if event.is_last:
            bars.remove_task(self._tasks.pop(key))

    def _line(self, event: Event, seconds: float) -> None:
        is_whole = event.stage in _WHOLE
        unit = _UNITS.get(event.stage, "tables" if is_whole else "rows")
        table = "" if is_whole else event.table
        note = "" if is_whole else event.note
        count = f"{event.done:,} {unit}"
        self._put(f"{event.stage:<10} {table:<32} {count:>20} {seconds:8.1f} s  {note}".rstrip())

    def _put(self, text: str) -> None:
        """Print a line, above the bars if there are some."""
        if self._bars is not None:
            self._bars.console.print(redact(text), markup=False, highlight=False)
        else:
            say(text)


def _bars() -> Bars:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        """Rows, steps or checks a second."""

        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.0f}/s" if task.speed else "")

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
