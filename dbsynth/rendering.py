"""Turn what was drawn of a table's rows into its columns, and make those that are not drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth import numerals
from dbsynth.arrow import arrow_type, put_column
from dbsynth.borrowing import Borrowed
from dbsynth.documents.generators import Document, Kinds
from dbsynth.documents.kinds import draw_kinds
from dbsynth.documents.unfolding import draw_document
from dbsynth.encode import CategoryColumn, DatetimeColumn, NumberColumn, PresenceColumn
from dbsynth.features import Floats, Ints
from dbsynth.makers import blanked, join, lead, make_columns
from dbsynth.plan import TablePlan
from dbsynth.rows import Layout, Values
from dbsynth.schema import Column, Table
from dbsynth.skeleton import Skeleton
from dbsynth.tablemodel import TableModel
from dbsynth.values import MOST_DECIMALS, from_floats, moments_to_text, placeholders


@dataclass(frozen=True)
class Rendering:
    """All that a table's columns are made from, besides what is drawn."""

    planned: TablePlan
    table: Table
    model: TableModel
    layout: Layout
    skeleton: Skeleton
    seed: int

    def rows(self, drawn: Values, borrowed: Borrowed, start: int, stop: int) -> pa.Table:
        """
        Turn the working values of rows start..stop into the table's columns.

        Args:
            drawn: (n,) working values by column name.
            borrowed: what these rows get from elsewhere.
            start: the first row.
            stop: the row behind the last.
        """
        fitted = {c.name: c for c in self.layout.columns}
        columns: dict[str, pa.Array] = {}
        for column in self.table.written_columns:
            found = fitted.get(column.name)
            if isinstance(found, CategoryColumn):
                tokens = drawn[column.name].astype(np.int64)
                columns[column.name] = found.codec.decode(tokens, arrow_type(column.type))
            elif isinstance(found, NumberColumn | DatetimeColumn):
                columns[column.name] = _to_arrow(found, drawn[column.name], column)
            if column.name in columns:
                columns[column.name] = borrowed.copied(column.name, columns[column.name], drawn)
        borrowed.rename(columns, drawn)
        made = make_columns(
            self.model.makers, self.table, self.planned, columns, self.seed, start,
            stop - start,
        )  # fmt: skip
        for name, document in self.model.documents.items():
            made[name] = self._document(name, document, columns | made, start, stop)
        for name, values in made.items():
            missing = pa.array(drawn[name] == 0) if name in fitted else None
            is_masked = missing is not None and isinstance(fitted[name], PresenceColumn)
            nothing = pa.scalar(None, values.type)
            masked = pc.if_else(missing, nothing, values) if is_masked else values
            columns[name] = borrowed.copied(name, masked, drawn)
        blanked(self.model.makers, self.table, columns, self.seed, start)
        for column in self.table.written_columns:
            if column.name not in columns:
                columns[column.name] = self._key_column(column, start, stop)
        borrowed.repeat(columns, drawn)
        columns |= join(self.model.makers, self.table, self.planned, columns, start)
        columns |= lead(self.model.makers, columns, (start, self.skeleton.size), self.seed)
        return pa.table({c.name: columns[c.name] for c in self.table.written_columns})

    def told_again(self, before: pa.Table, after: pa.Table, start: int) -> pa.Table:
        """Give rows whose label says another kind by now a value of that kind."""
        for name, document in self.model.documents.items():
            if isinstance(document, Document) or document.by not in after.column_names:
                continue
            said = after.column(document.by).combine_chunks()
            moved = pc.not_equal(before.column(document.by).combine_chunks(), said)
            if not pc.any(moved).as_py():
                continue
            made = self._document(name, document, {document.by: said}, start, start + len(after))
            held = after.column(name).combine_chunks()
            moved = pc.and_(pc.fill_null(moved, False), held.is_valid())
            after = put_column(after, name, pc.if_else(moved, made.cast(held.type), held))
        return after

    def _document(
        self,
        name: str,
        document: Document | Kinds,
        known: Mapping[str, pa.Array],
        start: int,
        stop: int,
    ) -> pa.Array:
        """A column whose values are made of others, or of the kinds that another column says."""
        if isinstance(document, Document):
            return draw_document(document, self.seed, start, stop - start)
        place = f"{self.planned.name}.{name}"
        said = known.get(document.by)
        return draw_kinds(document, said, place, self.seed, start, stop - start)

    def _key_column(self, column: Column, start: int, stop: int) -> pa.Array:
        """A foreign key column: the parent's value, or what may stand there until the backfill."""
        kind = arrow_type(column.type)
        taken = self.skeleton.key_column(column.name, start, stop)
        if taken is not None:
            return taken.combine_chunks().cast(kind, safe=False)
        if column.is_nullable:
            return pa.nulls(stop - start, kind)
        return placeholders(column.type, start, stop)


def _to_arrow(
    column: NumberColumn | DatetimeColumn, values: Ints | Floats, sql: Column
) -> pa.Array:
    kind = arrow_type(sql.type)
    if isinstance(column, DatetimeColumn):
        moments = column.moments(values.astype(np.float64))
        if pa.types.is_string(kind):
            return moments_to_text(moments, column.time is None)
        values = moments
    decimals = column.codec.decimals if isinstance(column, NumberColumn) else MOST_DECIMALS
    if isinstance(column, NumberColumn) and column.family:
        return numerals.write(values.astype(np.float64), sql.type, decimals)
    return from_floats(values.astype(np.float64), kind, decimals)
