"""How a table's network is trained: stopped early on held-out entities, then made ready to draw."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.adamw import adamw

from dbsynth.features import Features
from dbsynth.mapped import rest
from dbsynth.model.base import FitTask
from dbsynth.model.budget import BUDGETS, course
from dbsynth.model.net import RowNet
from dbsynth.model.ready import ReadyNet
from dbsynth.model.slimming import Rows, embeddings, slim

Report = Callable[[int, int], None]


RATE, LAST_RATE = 1e-2, 7e-4
BATCH = (32, 512)  # rows of a step, at least and at most; in between, STEPS of them an epoch
STEPS = 64
LEAST_DROPOUT, MOST_DROPOUT, DECAY = 0.1, 0.35, 0.3
MOST_NORM = 5.0  # of a gradient
BY_HEART = 0.08  # the gap between held-out and learned loss from which on dropout grows
EVALUATED_ROWS = 20_000
CALIBRATING_ROWS = 6_144  # that tell what is silent


def fit(task: FitTask, report: Report) -> ReadyNet:
    """
    Train a network on the rows of entities that are not held out.

    Source: early stopping on held-out entities, dp.md section 5; AdamW (Loshchilov and Hutter,
    ICLR 2019).
    """
    torch.set_num_threads(1)
    with torch.random.fork_rng(devices=[]), _no_denormals():
        torch.manual_seed(task.seed)
        planned, budget = course(task), BUDGETS[task.quality]
        net = RowNet(planned.shape)
        _start_at_marginals(net, task)
        _train(net, task, planned.visits, report)
        rows = torch.randperm(len(task.condition))
    net.eval()
    calibrating = _calibrating(task, rows)
    rest()  # of all else that the task holds nothing is needed any more
    # What is lost in a row is lost again in each row of an entity.
    tolerance = budget.tolerance * len(np.unique(task.entities)) / max(1, len(task.entities))
    return ReadyNet(net.shape, embeddings(net), slim(net, calibrating, tolerance))


def _calibrating(task: FitTask, order: Tensor) -> Rows:
    """Rows that tell what of a network says something: as many held out as not, if there are."""
    held_out = torch.from_numpy(task.held_out)[order]
    rows = torch.cat([order[held_out][:CALIBRATING_ROWS], order[~held_out][:CALIBRATING_ROWS]])
    parts = [_tensors(part) for part in (task.condition, *task.slots)]
    above, *slots = [(codes[rows], floats[rows]) for codes, floats in parts]
    targets = torch.stack([torch.from_numpy(t)[rows] for t in task.targets], dim=1)
    return Rows(above, slots, targets, torch.from_numpy(task.held_out)[rows])


@contextmanager
def _no_denormals() -> Iterator[None]:
    """Round numbers next to zero to zero while training: they are slow and mean nothing."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def _tensors(features: Features) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(features.codes), torch.from_numpy(features.floats)


def _start_at_marginals(net: RowNet, task: FitTask) -> None:
    """Set the output biases to the log frequencies, so that training starts at the marginals."""
    with torch.no_grad():
        for out, (_, tokens), target in zip(net.out, task.heads, task.targets, strict=True):
            assert isinstance(out, nn.Linear)
            used = target[(target >= 0) & ~task.held_out]
            counted = np.bincount(used, minlength=tokens) + 0.1
            out.bias.copy_(torch.from_numpy(np.log(counted / counted.sum())))
            out.weight.mul_(0.1)


@dataclass(frozen=True, slots=True)
class _Data:
    condition: tuple[Tensor, Tensor]
    slots: Sequence[tuple[Tensor, Tensor]]
    targets: Tensor  # (n, heads)

    def loss(self, net: RowNet, rows: Tensor, dropout: float = 0.0) -> Tensor:
        """Negative log-likelihood of some rows, summed over heads, mean over rows."""
        condition = (self.condition[0][rows], self.condition[1][rows])
        slots = [(c[rows], f[rows]) for c, f in self.slots]
        logits = net(condition, slots, dropout)
        wanted = self.targets[rows]
        total: Tensor = sum(  # type: ignore[assignment]
            functional.cross_entropy(own, wanted[:, h], ignore_index=-1, reduction="sum")
            for h, own in enumerate(logits)
        )
        return total / len(rows)


def _train(net: RowNet, task: FitTask, total: int, report: Report) -> None:
    """
    Go through shuffled rows until the held-out loss stops falling or so many were seen.

    The rate falls to nothing with the budget, and sooner where the held-out loss does not fall: a
    high rate that fades brings in a third of the visits what a low one brings.
    """
    data = _Data(
        _tensors(task.condition),
        [_tensors(s) for s in task.slots],
        torch.from_numpy(np.stack(list(task.targets), axis=1)),
    )
    learned = torch.from_numpy(np.flatnonzero(~task.held_out))
    held_out = torch.from_numpy(np.flatnonzero(task.held_out))
    if len(held_out) > EVALUATED_ROWS:
        held_out = held_out[torch.randperm(len(held_out))[:EVALUATED_ROWS]]
    compared = learned[torch.randperm(len(learned))[: max(1, len(held_out))]]
    size = int(np.clip(2 ** round(np.log2(max(1, len(learned) / STEPS))), *BATCH))
    patience = BUDGETS[task.quality].patience
    optimizer = _AdamW(net)
    best, weights, stale, seen, dropout, rate = float("inf"), None, 0, 0, LEAST_DROPOUT, RATE
    while seen < total and rate > LAST_RATE:
        for rows in torch.randperm(len(learned)).split(size):
            if seen >= total or (len(rows) < min(8, size, len(learned)) and seen):
                continue
            optimizer.step(data.loss(net, learned[rows], dropout), rate * (1 - seen / total))
            seen += len(rows)
        report(min(seen, total), total)
        # Without held-out rows there is nothing to compare: the whole budget is used.
        score = _evaluate(net, data, held_out) if len(held_out) else -float(seen)
        if len(held_out):
            dropout = _dropout(score, _evaluate(net, data, compared))
        if score < best - 1e-4:
            best, weights, stale = score, copy.deepcopy(net.state_dict()), 0
            continue
        stale += 1
        if stale >= patience:
            rate /= 2.5
            stale = 0
            if weights is not None:
                net.load_state_dict(weights)
    if weights is not None:
        net.load_state_dict(weights)
    report(total, total)


class _AdamW:
    """
    AdamW with decoupled decay, one fused step after another.

    torch's own class loads its compiler on first use, which takes longer than a small table.
    """

    def __init__(self, net: RowNet) -> None:
        self.weights: list[Tensor] = list(net.parameters())
        self.means = [torch.zeros_like(w) for w in self.weights]
        self.squares = [torch.zeros_like(w) for w in self.weights]
        self.steps = [torch.zeros(()) for _ in self.weights]

    def step(self, loss: Tensor, rate: float) -> None:
        """Follow the gradient of a loss."""
        for weight in self.weights:
            weight.grad = None
        loss.backward()
        used = [i for i, w in enumerate(self.weights) if w.grad is not None]
        weights = [self.weights[i] for i in used]
        torch.nn.utils.clip_grad_norm_(weights, MOST_NORM)
        with torch.no_grad():
            adamw(
                weights,
                [w.grad for w in weights if w.grad is not None],
                [self.means[i] for i in used],
                [self.squares[i] for i in used],
                [],
                [self.steps[i] for i in used],
                fused=True, amsgrad=False, beta1=0.9, beta2=0.999, lr=rate, weight_decay=DECAY,
                eps=1e-8, maximize=False,
            )  # fmt: skip


def _dropout(held_out: float, learned: float) -> float:
    """
    How much to leave out next: more, the more of the rows is learned by heart.

    Tables differ in how well their owners can be told apart: a bank's accounts by what they spend,
    stores hardly at all; the gap between the losses tells.
    """
    gap = (held_out - learned) / max(abs(held_out), 1e-9)
    return float(np.clip(LEAST_DROPOUT + gap - BY_HEART, LEAST_DROPOUT, MOST_DROPOUT))


def _evaluate(net: RowNet, data: _Data, rows: Tensor) -> float:
    """Held-out loss; rows must not be empty."""
    with torch.inference_mode():
        parts = [float(data.loss(net, part)) * len(part) for part in rows.split(4096)]
    return sum(parts) / len(rows)
