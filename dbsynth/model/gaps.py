"""How much better a model knows the rows that it learned from than those held out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dbsynth.features import Floats, Ints
from dbsynth.model.base import FitTask, RowModel, Telling

COMPARED_ROWS = 2_000  # of each side
FEWEST_ROWS = 100  # of each side, that can tell


@dataclass(frozen=True, slots=True)
class Gap:
    """What rows take to tell, in nats a row on average: less for what was learned by heart."""

    learned: float
    held_out: float


def gap_of(model: RowModel, task: FitTask) -> Gap | None:
    """
    Compare the likelihood of rows that a model learned from with that of held-out entities' rows.

    Returns:
        None where rows of too few entities are held out, or the engine does not tell how likely
        rows are.
    """
    rng = np.random.default_rng(task.seed)
    sides = [np.flatnonzero(~task.held_out), np.flatnonzero(task.held_out)]
    if min(map(len, sides)) < FEWEST_ROWS:
        return None
    if min(len(np.unique(task.entities[side])) for side in sides) < task.threshold:
        return None
    chosen = [np.sort(rng.permutation(side)[:COMPARED_ROWS]) for side in sides]
    losses = _losses(model, task, np.concatenate(chosen))
    if losses is None:
        return None
    border = len(chosen[0])
    return Gap(float(losses[:border].mean()), float(losses[border:].mean()))


def _losses(model: RowModel, task: FitTask, rows: Ints) -> Floats | None:
    """(n,) negative log-likelihoods of some rows, each head given what is real before it."""
    session = model.begin(task.condition.take(rows))
    if not isinstance(session, Telling):
        return None
    losses = np.zeros(len(rows))
    for slot, features in enumerate(task.slots):
        for head, (own, _) in enumerate(task.heads):
            if own != slot:
                continue
            tokens = task.targets[head][rows]
            here = np.flatnonzero(tokens >= 0)
            shares = session.shares(head)[here, tokens[here]]
            losses[here] -= np.log(np.maximum(shares, np.finfo(np.float32).tiny))
        session.see(slot, features.take(rows))
    return losses
