"""Decide, before a row is made, what a target will hold and how the rows will get there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dbsynth.adapters import open_source
from dbsynth.adapters.base import Adoption, LoadsInPlace, Present
from dbsynth.errors import SchemaMismatchError, TargetNotEmptyError
from dbsynth.likeness import Likeness, compare
from dbsynth.ownership import BOOKKEEPING
from dbsynth.plan import Plan
from dbsynth.schema import ForeignKey, Loss, Schema, Table, TableName

if TYPE_CHECKING:
    from dbsynth.adapters.base import Source, Target
    from dbsynth.urls import Location

_NAMED = 10  # how many tables of a target that is not empty are named
_CODE = frozenset({
    "view", "trigger", "function", "procedure", "package", "package body", "event", "macro",
})  # fmt: skip
_ANEW = "give --replace to make everything in the target anew"


@dataclass(frozen=True, slots=True)
class Standing:
    """What is in a target before a run; nothing, if it is empty or may be replaced."""

    schema: Schema | None = None  # tables without rows
    kept: Mapping[TableName, int] = field(default_factory=dict)  # bookkeeping tables -> their rows

    def __str__(self) -> str:
        """Say it in a few words."""
        return "empty" if self.schema is None else f"{len(self.schema.tables)} tables without rows"


@dataclass(frozen=True, slots=True)
class Landing:
    """What a target will hold."""

    adoption: Adoption
    way: str  # how the rows get there, in one sentence
    replace: bool = False  # what is there goes away at commit
    kept: Mapping[TableName, int] = field(default_factory=dict)  # tables that keep their rows

    @property
    def losses(self) -> tuple[Loss, ...]:
        """What the target cannot hold, or holds otherwise."""
        return self.adoption.losses


def survey(target: Target, place: Location, *, replace: bool) -> Standing:
    """
    Look at what a target holds.

    Raises:
        TargetNotEmptyError: it holds rows, or only views, and `replace` is not set.
        PermissionDeniedError: there are tables that this user may not read.
    """
    occupants = target.occupants()
    if replace or not occupants:
        return Standing()
    with open_source(place) as source:
        schema = source.introspect()
        schema.require_readable()
        filled = [t for t in schema.tables if _has_rows(source, t)]
        kept = {t.name: source.count(t.name) for t in filled if t.name.name.lower() in BOOKKEEPING}
    strangers = [t.name for t in filled if t.name not in kept]
    if strangers:
        raise _occupied("tables with rows", strangers)
    if not schema.tables:
        raise _occupied("tables or views", occupants)
    return Standing(schema, kept)


def land(target: Target, plan: Plan, standing: Standing, *, replace: bool) -> Landing:
    """
    Fit a plan to a target: translate and try the schema, or settle in the tables that are there.

    Raises:
        SchemaMismatchError: the tables that are there cannot hold the rows; lists why.
        TargetNotEmptyError: they are other tables, or this kind of target can only be made anew.
        PermissionDeniedError, RefusedError, TargetError: see `Target.adopt`, `LoadsInPlace.settle`.
    """
    if standing.schema is None:
        return Landing(
            target.adopt(plan.schema.as_declared()), "schema, rows and keys made anew", replace
        )
    adoption = _named(target, plan.schema.as_declared())
    if not set(adoption.names.values()) & standing.schema.by_name.keys():
        raise _occupied("tables", list(standing.schema.by_name))
    likeness = compare(adoption.schema, standing.schema, adoption.names.values())
    if likeness.obstacles:
        raise SchemaMismatchError(
            f"the target's tables differ from the source's in {len(likeness.obstacles)} places "
            "that its rows depend on",
            "Bring the target's schema to the source's version, leave tables out (--exclude), "
            f"or {_ANEW}.",
            likeness.obstacles,
        )
    if isinstance(target, LoadsInPlace):
        return _in_place(target, plan, standing, adoption, likeness)
    return _swapped(plan, standing, adoption, likeness)


def _in_place(
    target: LoadsInPlace, plan: Plan, standing: Standing, adoption: Adoption, likeness: Likeness
) -> Landing:
    """Load the tables that are there; bookkeeping tables keep their rows."""
    there = standing.schema
    assert there is not None
    names = [adoption.names[n] for n in plan.tables]
    kept = {n: rows for n, rows in standing.kept.items() if n in names}
    tables = tuple(
        _as_wanted(there.table(t.name), t) for t in adoption.schema.tables if t.name not in kept
    )
    present = Present(
        replace(there, tables=tables), _late(plan, adoption, there), _updated(plan, adoption)
    )
    strategy = target.settle(present)
    held = (_as_wanted(there.table(t.name), t) for t in adoption.schema.tables)
    schema = replace(there, tables=tuple(_uncounted(t, strategy.uncounted) for t in held))
    kept_losses = tuple(
        Loss(object=f"table {n}", reason="it keeps migrations' books", instead="left as it is")
        for n in kept
    )
    losses = (*likeness.differences, *kept_losses, *strategy.losses)
    way = f"{strategy.name}: {strategy.what}"
    return Landing(Adoption(schema, adoption.names, losses), way, kept=kept)


def _swapped(plan: Plan, standing: Standing, adoption: Adoption, likeness: Likeness) -> Landing:
    """Make the same tables anew; refuse where that would lose something of the target's own."""
    own = [str(loss.object) for loss in likeness.differences]
    copied = {adoption.names[n] for n, t in plan.tables.items() if t.mode == "copy"}
    own += [f"the rows of {name}" for name in standing.kept if name not in copied]
    own += _own_objects(plan.schema, standing)
    if own:
        raise TargetNotEmptyError(
            f"the target's tables are empty, but differ from the source's in {len(own)} places, "
            "and this kind of database is loaded by making it anew",
            f"Drop what the source does not have, or {_ANEW}.",
            own,
        )
    way = "the tables that are there are equal and without rows: made anew and swapped in"
    return Landing(adoption, way, replace=True)


def _own_objects(source: Schema, standing: Standing) -> list[str]:
    """Name the views, code and sequences of a target that the source does not have."""
    there = standing.schema
    assert there is not None
    is_kin = source.dialect == there.dialect
    known = {f"{o.kind} {o.name}" for o in source.objects if is_kin}
    known |= {f"sequence {s.name}" for s in source.sequences if is_kin}
    found = [f"{o.kind} {o.name}" for o in there.objects if o.kind in _CODE]
    found += [f"sequence {s.name}" for s in there.sequences]
    return [name for name in found if name not in known]


def _named(target: Target, schema: Schema) -> Adoption:
    """The source's schema under the names and with the types that the target would give it."""
    if schema.dialect != target.dialect or not isinstance(target, LoadsInPlace):
        return target.adopt(schema)
    return Adoption(schema, {t.name: t.name for t in schema.tables})


def _as_wanted(there: Table, wanted: Table) -> Table:
    """A table that is there, with the columns that rows have, in their order."""
    undeclared = tuple(k for k in wanted.foreign_keys if not k.is_declared)
    return replace(
        there,
        columns=tuple(there.column(c.name) for c in wanted.columns),
        foreign_keys=(*there.foreign_keys, *undeclared),
    )


def _uncounted(table: Table, behind: frozenset[tuple[TableName, str]]) -> Table:
    """Forget the counters that this user may not set, so that nobody asks where they stand."""
    columns = tuple(
        replace(c, identity=None, default=None) if (table.name, c.name) in behind else c
        for c in table.columns
    )
    return replace(table, columns=columns)


def _late(plan: Plan, adoption: Adoption, there: Schema) -> tuple[ForeignKey, ...]:
    """The declared keys that do not hold while rows go in: not even by being NULL at first."""
    from dbsynth.state import late_columns

    places = {adoption.names[name]: place for place, name in enumerate(plan.tables)}
    nullable = {
        (adoption.names[name], column)
        for name, planned in plan.tables.items()
        for column in late_columns(plan, planned)
        if plan.schema.table(name).column(column).is_nullable
    }
    return tuple(
        key
        for name in places
        for key in there.table(name).foreign_keys
        if key.parent in places
        and places[key.parent] > places[name]
        and not any((name, column) in nullable for column in key.columns)
    )


def _updated(plan: Plan, adoption: Adoption) -> frozenset[TableName]:
    """The tables whose keys are filled in once all rows are there."""
    from dbsynth.state import late_columns

    return frozenset(adoption.names[n] for n, p in plan.tables.items() if late_columns(plan, p))


def _has_rows(source: Source, table: Table) -> bool:
    if not table.columns:
        return source.count(table.name) > 0
    first = next(iter(source.read(table, [table.columns[0].name], limit=1)), None)
    return first is not None and first.num_rows > 0


def _occupied(what: str, names: list[TableName] | tuple[TableName, ...]) -> TargetNotEmptyError:
    named = ", ".join(map(str, names[:_NAMED]))
    more = len(names) - _NAMED
    return TargetNotEmptyError(
        f"the target holds {len(names)} {what}: {named}"
        + (f" and {more} more" if more > 0 else ""),
        "Give --replace to replace everything in the target, or name an empty database.",
    )
