"""Find columns that repeat a column of a row above, or one of their own: a city, a price."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.arrow import can_hold
from dbsynth.features import Ints, climb
from dbsynth.limits import allowed_labels
from dbsynth.ownership import Facts
from dbsynth.plan import KeyPlan, TableMode, climbs
from dbsynth.release import MIN_ENTITIES, Release
from dbsynth.schema import Column, Table, TableName
from dbsynth.treatments import Origin, Treatment

MIN_SHARE = 0.8  # of the rows in which both are known
MIN_SKILL = 0.7  # share beyond what another row's value would give, of what there is beyond (kappa)
FEW_SAME, FEW_CHANCES = 0.5, 0.1  # so small a share will do where chance gives next to none
FEW_LED = 0.5  # of the rows that have a value, at least, must a way lead somewhere
MIN_LABELS = 2  # different values that are the same in both
MIN_ORIGINS = 8  # rows above that are behind them
GLANCE, GLANCE_SHARE = 500, 0.4  # rows that are compared before all are
CLEARLY = 0.01  # a share by which a longer way is better
_LEARNED = ("category", "number", "datetime", "personal", "format", "text")
_MADE = ("personal", "format", "text")
_USER = "set by the user"


@dataclass(frozen=True, slots=True)
class _Found:
    """A column that repeats another: how often, and along which way."""

    origin: Origin
    share: float

    @property
    def rank(self) -> tuple[float, int, str]:
        """Better ones first: the clearly larger share, then the shorter way."""
        return -round(self.share / CLEARLY), len(self.origin.via), str(self.origin)


def with_copies(
    facts: Facts,
    table: Table,
    keys: Mapping[TableName, tuple[KeyPlan, ...]],
    modes: Mapping[TableName, tuple[TableMode, str]],
    order_by: str,
) -> dict[str, Treatment]:
    """
    Say of a table's columns which of them repeat a value of a row above, or texts of their own row.

    Args:
        facts: the first rows of all tables, and what points to what in them.
        table: the one to look at.
        keys: of all tables, by which rows are connected.
        modes: of all tables; only what is learned is looked at.
        order_by: the column that orders siblings, which follows from them.

    Returns:
        the table's treatments; a column that is a copy is made like its origin where it differs.
    """
    treatments = dict(facts.treatments[table.name])
    if modes[table.name][0] != "generate":
        return treatments
    ways = [w for w in climbs(table.name, keys) if modes[w[1]][0] != "empty"]
    pointers = {via: _reached(facts, table.name, via, keys) for via, _ in ways}
    for column in table.written_columns:
        own = treatments[column.name]
        is_open = own.kind in _LEARNED and not own.is_unique and own.evidence != _USER
        if not is_open or column.name == order_by:
            continue
        found = [
            f
            for via, parent in ways
            for f in _compared(facts, table, column, Origin(via, parent, ""), pointers[via])
        ]
        if column.type.kind == "string" and own.kind in _MADE:  # others are learned together
            own_row = Origin((), table.name, "")
            found += _compared(
                facts, table, column, own_row, np.arange(len(facts.profile[table.name]))
            )
        if found:
            best = min(found, key=lambda f: f.rank)
            other = facts.treatments[best.origin.table] if best.origin.via else treatments
            mode = modes[best.origin.table][0]
            known = other[best.origin.column]
            treatments[column.name] = _taken(facts, table, column, best, known, mode)
    return treatments


def _reached(
    facts: Facts,
    name: TableName,
    via: tuple[str, ...],
    keys: Mapping[TableName, tuple[KeyPlan, ...]],
) -> Ints:
    """The row to which keys, one after the other, lead from each row of the profile."""
    found = np.arange(len(facts.profile[name]))
    for step in via:
        found = climb(found, facts.pointers[name, step])
        name = next(k.parent for k in keys[name] if k.name == step)
    return found


def _compared(
    facts: Facts, table: Table, column: Column, way: Origin, pointers: Ints
) -> Iterator[_Found]:
    """Compare a column with those of the rows that a way leads to."""
    own = facts.profile[table.name].column(column.name).combine_chunks()
    is_known = np.asarray(own.is_valid())
    here = np.flatnonzero((pointers >= 0) & is_known)
    if len(here) < max(MIN_ENTITIES, FEW_LED * is_known.sum()):
        return
    glance = here[:: max(1, len(here) // GLANCE)]
    for other in facts.schema.table(way.table).written_columns:
        if not way.via and other.name == column.name:
            break  # in one row the first of two is the origin
        treatment = facts.treatments[way.table][other.name]
        if treatment.kind not in _LEARNED or not can_hold(column, other):
            continue
        theirs = facts.profile[way.table].column(other.name).combine_chunks()
        if _share(own, theirs, glance, pointers) < GLANCE_SHARE:
            continue
        share = _share(own, theirs, here, pointers)
        if share >= FEW_SAME and _is_no_chance(own, theirs, here, pointers, share):
            yield _Found(replace(way, column=other.name), share)


def _share(own: pa.Array, theirs: pa.Array, rows: Ints, pointers: Ints) -> float:
    """In which share of some rows two columns are the same, where both are known."""
    same = pc.equal(own.take(pa.array(rows)), theirs.take(pa.array(pointers[rows])))
    return Release.share(np.asarray(same.drop_null()).astype(bool))


def _is_no_chance(
    own: pa.Array, theirs: pa.Array, rows: Ints, pointers: Ints, share: float
) -> bool:
    """Whether so many rows are not the same by chance, nor because there are few values."""
    left, right = own.take(pa.array(rows)), theirs.take(pa.array(pointers[rows]))
    known = np.asarray(pc.and_(left.is_valid(), right.is_valid()))
    values = pc.unique(pa.concat_arrays([left, right]))
    a = np.asarray(pc.index_in(left, values), np.int64)[known]
    b = np.asarray(pc.index_in(right, values), np.int64)[known]
    if len(a) < MIN_ENTITIES:
        return False
    size = len(values)
    chance = float(np.bincount(a, minlength=size) @ np.bincount(b, minlength=size)) / len(a) ** 2
    same = a == b
    is_clear = share >= MIN_SHARE and share - chance >= MIN_SKILL * (1 - chance)
    return (
        (is_clear or chance <= FEW_CHANCES)
        and len(np.unique(a[same])) >= MIN_LABELS
        and len(np.unique(pointers[rows][known][same])) >= MIN_ORIGINS
    )


def _taken(
    facts: Facts,
    table: Table,
    column: Column,
    found: _Found,
    other: Treatment,
    mode: TableMode,
) -> Treatment:
    """A copied column's treatment: a text is of the kind that its origin is of."""
    own = facts.treatments[table.name][column.name]
    evidence = f"{own.evidence}; the same in {found.share:.0%} of the rows"
    copied = replace(own, copies=found.origin, evidence=evidence)
    if column.type.kind != "string" or allowed_labels(table, column.name, facts.schema.dialect):
        return copied
    if mode == "copy":
        return replace(copied, kind="category", semantic="")
    return replace(copied, kind=other.kind, semantic=other.semantic)
