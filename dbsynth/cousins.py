"""What a row's owner has of other tables: rows of different tables that one owner has, agree."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from dbsynth.features import Features, Ints
from dbsynth.plan import Plan, TablePlan
from dbsynth.sample import owner_key
from dbsynth.schema import TableName

FEW_LABELS = 12  # codes with more are not counted
MOST = 64  # numbers that one table may tell


def cousins(plan: Plan, planned: TablePlan) -> list[TableName]:
    """The tables whose rows the same owners have, and have before, in the plan's order."""
    owner = owner_key(planned)
    found: list[TableName] = []
    for name, other in plan.tables.items():
        if name == planned.name or owner is None:
            return found
        theirs = owner_key(other)
        if theirs is not None and theirs.parent == owner.parent and other.mode == "generate":
            found.append(name)
    return found


def are_asked(plan: Plan, name: TableName, left: Collection[TableName] | None = None) -> bool:
    """
    Whether the rows of another table look at what owners have of this one.

    Args:
        plan: the owners.
        name: the table.
        left: only these others count; None: all that come after it.
    """
    owner = owner_key(plan.tables[name])
    if owner is None or plan.tables[name].mode != "generate":
        return False
    names = list(plan.tables)
    later = names[names.index(name) + 1 :]
    owners = (owner_key(plan.tables[n]) for n in later if left is None or n in left)
    return any(other is not None and other.parent == owner.parent for other in owners)


def gather(rows: Features, owners: Ints, count: int) -> NDArray[np.float32]:
    """
    Sum up what each owner has: (count, k) means of floats and shares of labels, 0 of no rows.

    Args:
        rows: (n,) what networks see of them.
        owners: (n,) -1 for none.
        count: how many owners there are.
    """
    here = np.flatnonzero(owners >= 0)
    own = owners[here]
    parts = [rows.floats[here].astype(np.float64)]
    for column, cards in enumerate(rows.cards):
        if cards <= FEW_LABELS:
            parts.append((rows.codes[here, column][:, None] == np.arange(cards)).astype(np.float64))
    shown = np.concatenate(parts, axis=1)[:, :MOST]
    found = np.zeros((count, shown.shape[1]))
    np.add.at(found, own, shown)
    number = np.bincount(own, minlength=count)
    means: NDArray[np.float32] = (found / np.maximum(number, 1)[:, None]).astype(np.float32)
    return means
