"""What a table's rows get from elsewhere than a network: values of rows above, and pseudonyms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.copying import Flags, Given, Taken, gate_name, reached, take_over
from dbsynth.encode import CategoryColumn, ModelledColumn, PresenceColumn
from dbsynth.features import Ints
from dbsynth.permute import key_of
from dbsynth.plan import TablePlan
from dbsynth.pseudonyms import ALONE, STICKS, Pseudonyms, Renaming
from dbsynth.repeating import before_name
from dbsynth.rows import Layout, Values
from dbsynth.schema import Table
from dbsynth.state import State
from dbsynth.tablemodel import TableModel

_SPARE_BITS = STICKS.bit_length()


@dataclass
class Borrowing:
    """A whole table's; remembers which pseudonyms its rows have."""

    state: State
    planned: TablePlan
    table: Table
    model: TableModel
    layout: Layout
    pointers: Mapping[str, Ints]  # key -> (n,) parent rows

    @cached_property
    def renamings(self) -> dict[str, Renaming]:
        """What stands for rare labels, by column."""
        kept = {c.name: c.codec for c in self.layout.columns if isinstance(c, CategoryColumn)}
        return {
            name: Renaming(
                model=pseudonyms,
                seed=self.state.seed,
                statistic=f"{self.table.name}.{name}",
                released=kept[name].labels if name in kept else (),
                limit=self.table.column(name).type.length,
            )
            for name, pseudonyms in self.model.pseudonyms.items()
        }

    def part(self, start: int, stop: int) -> Borrowed:
        """Look up what stands above rows start..stop."""
        taken = {}
        for name, treatment in self.planned.columns.items():
            if (origin := treatment.copies) is not None and origin.via:
                above = self.state.keys[origin.table][origin.column]
                rows = self.reached(origin.via, start, stop)
                taken[name] = take_over(self.table.column(name), above, rows)
        return Borrowed(self, start, stop, taken)

    def reached(self, via: tuple[str, ...], start: int, stop: int) -> Ints:
        """The rows to which keys lead from rows start..stop, -1 for none."""
        known = self.state.known.pointers
        first = self.pointers[via[0]][start:stop]
        nobody = np.zeros(0, np.int64)  # of a table without rows
        return reached(
            self.state.plan,
            self.table.name,
            via,
            first,
            lambda table, key: known[table].get(key, nobody),
        )


@dataclass(frozen=True)
class Borrowed:
    """The same for some rows."""

    whole: Borrowing
    start: int
    stop: int
    taken: Mapping[str, Taken]

    def given(self) -> dict[str, Given]:
        """What the network's columns are where they are copies."""
        columns = self.whole.layout.columns
        return {c.name: self.taken[c.name].working(c) for c in columns if c.name in self.taken}

    def copied(self, name: str, own: pa.Array, drawn: Values) -> pa.Array:
        """Take over what stands above, in the rows where a column is to repeat it."""
        return self.taken[name].over(own, self._same(name, drawn)) if name in self.taken else own

    def repeat(self, columns: dict[str, pa.Array], drawn: Values) -> None:
        """Let columns take over those of their own row; (n,) values, all others are done."""
        for name, treatment in self.whole.planned.columns.items():
            if (origin := treatment.copies) is not None and not origin.via:
                other = pa.chunked_array([columns[origin.column]])
                rows = np.arange(self.stop - self.start)
                taken = take_over(self.whole.table.column(name), other, rows)
                gate = drawn.get(gate_name(name))
                same = taken.here if gate is None else taken.here & (gate == 1)
                columns[name] = taken.over(columns[name], same)

    def rename(self, columns: dict[str, pa.Array], drawn: Values) -> None:
        """
        Put pseudonyms where a rare label was drawn, and into columns that are made of them.

        Args:
            columns: (n,) values of learned columns; those with pseudonyms are put into it.
            drawn: (n,) working values.
        """
        found = {c.name: c for c in self.whole.layout.columns}
        for name in self.whole.renamings:
            named = self._renamed(name, found.get(name), columns, drawn)
            columns[name] = self.copied(name, named, drawn)

    def _renamed(
        self,
        name: str,
        found: ModelledColumn | None,
        columns: Mapping[str, pa.Array],
        drawn: Values,
    ) -> pa.Array:
        renaming, own = self.whole.renamings[name], columns.get(name)
        wanted = ~self._same(name, drawn)
        if isinstance(found, CategoryColumn):
            wanted &= drawn[name] == found.codec.rare
        elif isinstance(found, PresenceColumn):
            wanted &= drawn[name] == 1
        again = wanted & (drawn.get(before_name(name), np.zeros(len(wanted))) == 1)
        wanted &= ~again
        texts = renaming.draw(
            self._groups(renaming.model, columns)[wanted],
            self.whole.state.rng(self.whole.table.name, "pseudonyms", name, self.start),
        )
        # A row that repeats a rare label has that of the last row before it that chose one.
        place = pa.array(np.cumsum(wanted) - 1, pa.int64(), mask=~(wanted | again))
        made = texts.take(place)
        return made if own is None else pc.if_else(pa.array(wanted | again), made, own)

    def _groups(self, model: Pseudonyms, columns: Mapping[str, pa.Array]) -> Ints:
        """What rows share: the number of a row, or of a label; -1 for nothing."""
        if model.via:
            return self.whole.reached(model.via, self.start, self.stop)
        if not model.beside:
            return np.full(self.stop - self.start, ALONE, np.int64)
        encoded = columns[model.beside].dictionary_encode()
        labels = encoded.dictionary.to_pylist()
        # As long as sticks of a group can be numbered beside it.
        numbers = np.array([key_of("label", label) >> _SPARE_BITS for label in labels], np.int64)
        places = np.asarray(pc.fill_null(encoded.indices, len(labels)), np.int64)
        return np.append(numbers, ALONE)[places]

    def _same(self, name: str, drawn: Values) -> Flags:
        """Mark the rows in which a column is a copy."""
        if name not in self.taken:
            return np.zeros(self.stop - self.start, bool)
        here, gate = self.taken[name].here, drawn.get(gate_name(name))
        return here if gate is None else here & (gate == 1)
