"""Draw one chunk of a table: what its rows hang on is looked up in what is there already."""

from __future__ import annotations

from collections.abc import Mapping

from dbsynth.conditions import Siblings, dates_above, ends_of, families_of, knots_of, with_latest
from dbsynth.copying import Given
from dbsynth.families import Family, Heritage, Inheriting
from dbsynth.features import Features, Floats, Ints
from dbsynth.plan import TablePlan
from dbsynth.polymorphs import polymorphs
from dbsynth.schema import Table
from dbsynth.state import State
from dbsynth.tablemodel import RowsModel
from dbsynth.ties import Laid
from dbsynth.tilt import drawing


def draw_part(
    state: State,
    planned: TablePlan,
    table: Table,
    name: str,
    part: RowsModel,
    condition: Features,
    siblings: Siblings,
    owners: Ints | None,
    number: int,
    copies: Mapping[str, Given] | None = None,
    laid: Laid | None = None,
    chosen: Mapping[str, Ints] | None = None,
    inheriting: Inheriting | None = None,
) -> dict[str, Floats | Ints]:
    """
    Draw one chunk of a layout: (n,) working values by column name.

    What has been `chosen` besides owners, by key, is there for columns that are measured from it.
    """
    above = dates_above(state.plan, planned, owners, chosen or {}, state.known)
    columns = {c.name for c in table.columns if not c.is_nullable}
    keys = {k.name for k in planned.keys if set(k.columns) <= columns and k.role != "polymorphic"}
    keys |= {p.name for p in polymorphs(table) if p.is_required(table)}
    ends = ends_of(planned, owners, state.known)
    return drawing(state.tilts.get((table.name, name)))(
        part=part,
        condition=condition,
        siblings=siblings,
        has_siblings=owners is not None,
        anchors=with_latest(above, part.layout.columns, ends),
        ends=ends,
        knots=knots_of(planned, owners, state.known),
        required=frozenset(columns | keys),
        copies=copies or {},
        rng=state.rng(table.name, name, number),
        laid=laid,
        inheriting=inheriting,
    ).draw()


def inheriting_of(
    state: State,
    planned: TablePlan,
    heritage: Heritage | None,
    owners: Ints | None,
    siblings: Siblings,
    *parts: object,
    in_blocks: bool,
) -> Inheriting | None:
    """What (n,) rows have again of their family, if anything; the `parts` say which draw it is."""
    if heritage is None or owners is None:
        return None
    above = families_of(state.plan, planned, owners, state.known)
    family = Family.of(owners, above[heritage.up], siblings.first, in_blocks=in_blocks)
    return Inheriting(heritage, family, state.rng(planned.name, "family", *parts))
