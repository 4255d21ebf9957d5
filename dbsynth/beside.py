"""How a table's rows are drawn by others: what they are asked, and what they put where."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from dbsynth.features import Floats, Ints
from dbsynth.rows import Values
from dbsynth.schema import TableName
from dbsynth.workers import Workers

# Working values, and the rows as well if they are made already.
Drawn = tuple[dict[str, Floats | Ints], pa.Table | None]
Group = list[tuple[int, int, int]]  # chunks of one part: number, start, stop


class Sink(Protocol):
    """Puts one table's rows into a target from wherever they are drawn."""

    @property
    def rows(self) -> int:
        """How many rows a part has, at least."""

    def write(self, number: int, chunks: Iterable[pa.Table]) -> int:
        """Write the n-th part; returns its rows."""


SinkOf = Callable[[TableName], Sink | None]


@dataclass(frozen=True, slots=True)
class Help:
    """Who may work beside, and how they reach the target."""

    workers: Workers | None = None
    sink_of: SinkOf | None = None


NO_HELP = Help()


class Drawer(Protocol):
    """Draws the chunks of one table, in any order, without changing anything."""

    def drawn_whole(self, start: int, stop: int, number: int) -> Drawn:
        """Draw rows start..stop, the n-th chunk."""

    def needed(self, drawn: Values, rows: pa.Table) -> tuple[Values, pa.Table]:
        """What of a chunk the rest of the run needs."""


def drawn_of(drawer: Drawer, start: int, stop: int, number: int) -> Drawn:
    """Draw a chunk, in a worker."""
    return drawer.drawn_whole(start, stop, number)


def grouped(bounds: list[tuple[int, int]], rows: int) -> list[Group]:
    """Put chunks together until there are so many rows, as whoever writes alone does."""
    groups: list[Group] = [[]]
    for number, (start, stop) in enumerate(bounds):
        if groups[-1] and start - groups[-1][0][1] >= rows:
            groups.append([])
        groups[-1].append((number, start, stop))
    return groups


def store(drawer: Drawer, sink: Sink, group: Group, part: int) -> list[tuple[Values, pa.Table]]:
    """Draw the chunks of a part and write it, in a worker; gives what children need."""
    needed: list[tuple[Values, pa.Table]] = []

    def chunks() -> Iterator[pa.Table]:
        for number, start, stop in group:
            values, rows = drawer.drawn_whole(start, stop, number)
            assert rows is not None
            needed.append(drawer.needed(values, rows))
            yield rows

    sink.write(part, chunks())
    return needed
