"""What the user wishes of a run: the same for the command line and for Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dbsynth.config import Config, Quality
from dbsynth.plan import Plan
from dbsynth.urls import Location, resolve
from dbsynth.wishes import Wish


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

    def place(self, text: str) -> Location:
        """
        Where a database is: a URL, a file, or an `@name` of the configuration file.

        Raises:
            UsageError: it is none of these.
        """
        return resolve(text, self.config.connections)

    @property
    def wishes(self) -> tuple[Wish, ...]:
        """The shares that are wished for: what is said here, else what the file says."""
        return self.shares or self.config.shares
