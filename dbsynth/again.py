"""What rows have again of earlier siblings, while they are drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dbsynth.encode import ModelledColumn, PresenceColumn
from dbsynth.features import Floats, Ints
from dbsynth.repeating import gated
from dbsynth.rows import Values, token_count


@dataclass
class Again:
    """The columns of one chunk that may repeat a sibling's, and the last rows of each kind."""

    columns: Sequence[ModelledColumn]
    values: Values  # (n,) working values, in the making
    groups: Ints  # (n,) whose siblings rows are, from 0

    @cached_property
    def gates(self) -> dict[str, PresenceColumn]:
        """What tells, by column, whether it has what an earlier sibling has."""
        return gated(self.columns)

    @cached_property
    def _cards(self) -> Mapping[str, int]:
        return {c.name: token_count(c) for c in self.columns}

    @cached_property
    def lasts(self) -> dict[str, Ints]:
        """The last row of each group and kind, by column that repeats by kind; -1 for none."""
        groups = int(self.groups[-1]) + 1 if len(self.groups) else 0
        return {
            name: np.full((groups, math.prod(self._cards[a] for a in gate.alike)), -1)
            for name, gate in self.gates.items()
            if gate.alike
        }

    def repeat(self, name: str, turns: Sequence[Ints]) -> None:
        """Put what an earlier sibling has in the place of what was drawn; (m,) rows a turn."""
        data, gate = self.values[name], self.gates[name]
        asked = self.values[gate.name]
        for some in turns:
            if gate.alike:
                has, before = self._last_alike(name, some)
                asked[some[~has]] = 0
                same = some[asked[some] == 1]
                data[same] = before[asked[some] == 1]
                if len(turns) > 1:
                    self._remember(name, some)
                continue
            same = some[asked[some] == 1]
            data[same] = data[same - 1]

    def remember(self, rows: Ints) -> None:
        """From now on rows are the last of their kinds; in the order of their siblings."""
        for name in self.lasts:
            self._remember(name, rows)

    def _remember(self, name: str, rows: Ints) -> None:
        self.lasts[name][self.groups[rows], self._kinds(name, rows)] = rows

    def _last_alike(self, name: str, rows: Ints) -> tuple[NDArray[np.bool_], Floats]:
        """Whether (n,) rows have an earlier sibling of their kind, and what the last one has."""
        last = self.lasts[name][self.groups[rows], self._kinds(name, rows)]
        return last >= 0, self.values[name][np.maximum(last, 0)].astype(np.float64)

    def _kinds(self, name: str, rows: Ints) -> Ints:
        """The kind of (n,) rows by the labels that count for a column."""
        found = np.zeros(len(rows), np.int64)
        for label in self.gates[name].alike:
            found = found * self._cards[label] + self.values[label][rows].astype(np.int64)
        return found


@dataclass
class Beside(Again):
    """The same for trial rows, which stand beside those of a chunk: row 2 i + 1 for one of it."""

    whole: Again = field(kw_only=True)
    origins: Ints = field(kw_only=True)  # (n,) the chunk's rows

    def _last_alike(self, name: str, rows: Ints) -> tuple[NDArray[np.bool_], Floats]:
        groups = self.whole.groups[self.origins[rows // 2]]
        last = self.whole.lasts[name][groups, self._kinds(name, rows)]
        return last >= 0, self.whole.values[name][np.maximum(last, 0)].astype(np.float64)
