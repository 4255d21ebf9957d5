"""
Every error that dbsynth raises on purpose, as one tree.

DbsynthError                    1  something failed while running
├── UsageError                  2  an argument, a file or a setting is wrong
│   ├── PlanFileError           2  a plan or configuration file cannot be used
│   ├── ModelFileError          2  a model file is corrupt, or newer than this dbsynth
│   └── MissingDriverError      2  the Python driver of that database is not installed
├── RefusedError                3  refused for safety; nothing was touched
│   ├── SameDatabaseError       3  source and target are one database
│   ├── TargetNotEmptyError     3  the target holds rows and --replace was not given
│   └── SchemaMismatchError     3  the target's empty tables cannot hold the source's rows
├── VerifyFailedError           4  the target breaks a rule; it was not swapped in
├── ConnectError                5  no connection to a database
├── PermissionDeniedError       5  connected, but a right is missing
├── LockedError                 7  another run is writing to this target
├── FitError                    1  a generator could not be trained
├── WorkerError                 1  a process that worked beside this one is gone
├── SourceError                 1  reading the source failed
│   └── NoScriptError           1  the database's own tool could not write its schema (caught)
├── TargetError                 1  writing the target failed; what was there before is still there
└── OutcomeUnknownError         1  the connection broke during the commit; says how to find out

The number is the process's exit code.  Interrupts leave with 130 (SIGINT) and 143 (SIGTERM).
A message names tables, columns and counts, never a value of the source and never a password.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self


class DbsynthError(Exception):
    """Something failed; `remedy` is one imperative sentence on what to do."""

    exit_code = 1

    def __init__(self, message: str, remedy: str, problems: Sequence[str] = ()) -> None:
        """Keep what went wrong, what to do about it, and all single problems found."""
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.problems = tuple(problems)

    def __reduce__(self) -> tuple[type[Self], tuple[str, str, tuple[str, ...]]]:
        """Travel from process to process."""
        return type(self), (self.message, self.remedy, self.problems)


class UsageError(DbsynthError):
    """An argument, a file or a setting is wrong."""

    exit_code = 2


class PlanFileError(UsageError):
    """A plan or configuration file cannot be used."""


class ModelFileError(UsageError):
    """A model file is corrupt, or was written by a newer dbsynth."""


class MissingDriverError(UsageError):
    """The Python driver of that database is not installed."""


class RefusedError(DbsynthError):
    """Refused for safety; nothing was touched."""

    exit_code = 3


class SameDatabaseError(RefusedError):
    """Source and target are one database."""


class TargetNotEmptyError(RefusedError):
    """The target holds rows, or what cannot be loaded as it is, and may not be replaced."""


class SchemaMismatchError(RefusedError):
    """The target's tables are there, without rows, and differ from what the rows need."""


class VerifyFailedError(DbsynthError):
    """The target breaks a rule; it was not swapped in."""

    exit_code = 4


class ConnectError(DbsynthError):
    """No connection to a database."""

    exit_code = 5


class PermissionDeniedError(DbsynthError):
    """Connected, but a right is missing."""

    exit_code = 5


class LockedError(DbsynthError):
    """Another run is writing to this target."""

    exit_code = 7


class FitError(DbsynthError):
    """A generator could not be trained."""


class WorkerError(DbsynthError):
    """A process that worked beside this one is gone."""


class SourceError(DbsynthError):
    """Reading the source failed."""


class NoScriptError(SourceError):
    """The database's own tool could not write its schema; our own DDL has to do."""


class TargetError(DbsynthError):
    """Writing the target failed; what was there before is still there."""


class OutcomeUnknownError(DbsynthError):
    """The connection broke during the commit, and the target cannot be asked how it ended."""
