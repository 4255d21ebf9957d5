"""
Rows that choose a parent of their owner's: an order one of its customer's addresses.

Nothing in the schema says so where the two keys share no column; but both ways lead to one row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dbsynth.copying import Pointers, reached
from dbsynth.features import Ints
from dbsynth.plain import Plain
from dbsynth.plan import KeyPlan, Plan, TablePlan, climbs
from dbsynth.release import MIN_ENTITIES
from dbsynth.sample import owner_key

MEETS = 0.999  # share of rows in which both ways must lead to the same row
CHANCE = 0.5  # share of rows, at most, in which they would with any parent


@dataclass(frozen=True, slots=True)
class Meeting(Plain):
    """Two ways to the same row: from the rows along their owner's key, and from a parent."""

    own: tuple[str, ...]  # keys, one after the other
    theirs: tuple[str, ...]

    def places(
        self, plan: Plan, planned: TablePlan, key: KeyPlan, owners: Ints, pointers: Pointers
    ) -> tuple[Ints, Ints]:
        """Where (n,) rows with these owners, and the (m,) parents, meet: rows; -1 for nowhere."""
        own = reached(plan, planned.name, self.own, owners, pointers)
        first = pointers(key.parent, self.theirs[0])
        return own, reached(plan, key.parent, self.theirs, first, pointers)


def find_meeting(
    plan: Plan, planned: TablePlan, key: KeyPlan, pointers: Pointers, entities: Ints
) -> Meeting | None:
    """
    Find out whether rows always choose a parent that hangs on what they hang on.

    Args:
        plan: for the ways up.
        planned: the table whose rows choose.
        key: by which they choose.
        pointers: the parent rows of the sampled rows of every table.
        entities: (n,) of the rows.

    Returns:
        the closest meeting; None where there is none, or it would be no wonder.
    """
    owner = owner_key(planned)
    if owner is None:
        return None
    chosen, owners = pointers(planned.name, key.name), pointers(planned.name, owner.name)
    keys = {name: table.keys for name, table in plan.tables.items()}
    mine = [(via, goal) for via, goal in climbs(planned.name, keys) if via[0] == owner.name]
    found: list[tuple[int, Meeting]] = []
    for via, goal in mine:
        for theirs, end in climbs(key.parent, keys):
            if end != goal or theirs[0] == key.name:
                continue
            meeting = Meeting(via, theirs)
            here, there = meeting.places(plan, planned, key, owners, pointers)
            if _is_one(here, there, chosen, entities):
                found.append((len(np.unique(here)), meeting))
    return max(found, key=lambda f: f[0])[1] if found else None


def _is_one(here: Ints, there: Ints, chosen: Ints, entities: Ints) -> bool:
    """Whether (n,) rows meet the parents that they chose, and would not meet others."""
    above = np.where(chosen >= 0, there[np.maximum(chosen, 0)], -1) if len(there) else chosen
    rows = np.flatnonzero((above >= 0) & (here >= 0))
    if len(np.unique(entities[rows])) < MIN_ENTITIES:
        return False
    by_chance = np.random.default_rng(len(rows)).permutation(above[rows])
    is_wonder = np.mean(here[rows] == by_chance) <= CHANCE
    return bool(is_wonder and np.mean(here[rows] == above[rows]) >= MEETS)
