"""What a running stage tells whoever watches: one frozen event a step, no terminal in sight."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

# target: what it will hold, in the note; train: the values of all tables; pilot: how wished shares
# are reached
Stage = Literal[
    "introspect", "classify", "target", "read", "rules", "fit", "train", "pilot", "generate",
    "write", "index", "verify", "evaluate",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """`done` of `total` rows (or steps, or checks) of one table in one stage."""

    stage: Stage
    table: str
    done: int
    total: int
    note: str = ""

    @property
    def is_last(self) -> bool:
        """Whether the stage is through with this table."""
        return self.done >= self.total


Progress = Callable[[Event], None]


def silent(event: Event) -> None:
    """Watch nothing."""
