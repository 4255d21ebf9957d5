"""A table's rows as pass A leaves them: how many, and whose; attributes come later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from dbsynth.chunks import chunks
from dbsynth.features import Features, Floats, Ints
from dbsynth.grid import Grid
from dbsynth.joint import Joint
from dbsynth.ties import Laid, pieces


@dataclass(frozen=True)
class Skeleton:
    """A table's rows before they have attributes."""

    size: int
    owners: Ints | None  # (n,) owner rows, siblings together, -1 for none; None without an owner
    pointers: dict[str, Ints]  # key -> (n,) parent rows, -1 for none
    states: dict[str, Ints]  # polymorphic reference -> (n,) what each row says, see `Polymorph`
    codes: Features  # (n, ...) what networks see of the chosen keys
    joints: tuple[Joint, ...]
    grid: Grid  # the key columns that are known by now
    taken: Ints | None  # (n, columns of the grid) what is in them; None: what the owner offers
    laid: Laid | None = None  # when rows are, if they are series
    moments: Mapping[str, Floats] = field(default_factory=dict)  # dates that are settled already

    @property
    def bounds(self) -> list[tuple[int, int]]:
        """Where the rows are cut into chunks."""
        if self.laid is not None and self.laid.moments is None:
            return pieces(self.laid.parents)
        return chunks(self.owners, self.size)

    def key_column(self, name: str, start: int, stop: int) -> pa.ChunkedArray | None:
        """The values of a key column of rows start..stop; None if they are not known yet."""
        if name not in self.grid.columns:
            return None
        place = self.grid.columns.index(name)
        taken = self._offered(start, stop) if self.taken is None else self.taken[start:stop]
        found = self.grid.column(name, taken[:, place])
        for joint in self.joints:
            if name == joint.polymorph.type_column:
                return joint.labels(self.states[joint.name][start:stop], found)
        return found

    def _offered(self, start: int, stop: int) -> Ints:
        return self.grid.taken({k: v[start:stop] for k, v in self.pointers.items()}, stop - start)
