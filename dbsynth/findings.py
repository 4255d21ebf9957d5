"""What verification found out about a target: nouns that checks make and reports print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from dbsynth.schema import TableName

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One rule that one table breaks; `detail` holds names and numbers, never a value."""

    check: str  # e.g. "foreign key", "not null", "leaked values"
    table: TableName
    columns: tuple[str, ...] = ()
    count: int  # rows (leaked values: distinct values) that break it; 0 if it is not about rows
    severity: Severity = "error"
    detail: str = ""

    def __str__(self) -> str:
        """Print as one line."""
        where = f"{self.table} ({', '.join(self.columns)})" if self.columns else str(self.table)
        number = f" {self.count}:" if self.count else ""
        return f"{self.severity}: {self.check} of {where}:{number} {self.detail}".rstrip(": ")


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything that was found, and how often each check was made, so that silence counts."""

    found: tuple[Finding, ...] = ()
    made: Mapping[str, int] = field(default_factory=dict)  # check -> how many were made

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings for which a target must not be used."""
        return tuple(f for f in self.found if f.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that a reader should know."""
        return tuple(f for f in self.found if f.severity == "warning")

    @property
    def is_sound(self) -> bool:
        """Whether there is no error."""
        return not self.errors

    def __add__(self, other: Findings) -> Findings:
        """Put the findings of two verifications together."""
        made = Counter(self.made) + Counter(other.made)
        return Findings(self.found + other.found, dict(sorted(made.items())))

    @classmethod
    def of(cls, made: Iterable[str], found: Iterable[Finding]) -> Findings:
        """Collect findings; `made` names a check once for each time that it was made."""
        return cls(tuple(found), dict(sorted(Counter(made).items())))

    def to_json(self) -> dict[str, Any]:
        """Turn into plain lists and dicts."""
        found = [
            {**asdict(f), "table": str(f.table), "columns": list(f.columns)} for f in self.found
        ]
        return {"is_sound": self.is_sound, "made": dict(self.made), "found": found}
