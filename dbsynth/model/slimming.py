"""
What of a trained network makes no difference, and is left out of what draws.

Weight decay leaves most of a head's hidden units constant, and of all that it could see a head
listens to little.  What the rest adds on average is put into biases.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dbsynth.model.heads import HeadWeights
from dbsynth.model.net import RowNet
from dbsynth.model.ready import EMBEDDINGS
from dbsynth.model.shape import EmbedShape

SILENT = 0.03  # deviation of all that units left out add, as a share of what all units add
UNHEARD = 0.03  # or in logits: differences of so much are far below what a sample can tell
LANES = 16  # units come in groups of so many
# Nats, or shares of a head's entropy where that is less: what is nearly certain stays so.
SURELY_SAME = 1e-4  # by which they may move once more, for parts that go one by one
MISSES = 6  # in a row, of parts that say more and more, after which no more are tried
SAME = 1e-3  # by which a head's shares may move without what is left out (Kullback-Leibler)
NO_WORSE = 5e-4  # by which rows that were not learned from may become less likely, surely
ASKED_ROWS, CHECKED_ROWS = 512, 4_096  # those that tell what to try, and whether it holds
FEWEST_ASKED, ASKED_CELLS = 64, 50_000  # rows, and rows times parts: wide heads ask fewer rows
FEWEST_ROWS = 200  # not learned from, that can tell

Columns = list[int]  # of what a head sees


def embeddings(net: RowNet) -> dict[str, NDArray[np.float32]]:
    """A network's tables of embeddings, by name."""
    state = net.state_dict()
    return {n: w.numpy() for n, w in state.items() if n.startswith(EMBEDDINGS)}


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of which a network's heads are shown what they say."""

    condition: tuple[Tensor, Tensor]  # (n, ...) codes and floats, as in training
    slots: Sequence[tuple[Tensor, Tensor]]  # the same of each slot
    targets: Tensor  # (n, heads); -1 where a head has no say
    held_out: Tensor  # (n,) which were not learned from


def slim(net: RowNet, rows: Rows, tolerance: float = 1.0) -> list[HeadWeights]:
    """
    Leave out of each head what it learns nothing from, and units that are nearly constant.

    Args:
        net: trained.
        rows: that tell.
        tolerance: times `SAME` and `NO_WORSE` are what may be lost.
    """
    with torch.inference_mode():
        above = net.condition(*rows.condition)[:, : net.condition.width]
        seen = [e(*s) for e, s in zip(net.slots, rows.slots, strict=True)]
        own = [s[:, : net.widths[i]] for i, s in enumerate(seen)]
        whole = torch.cat([above, *own], dim=1)
        return [
            _slim_head(net, head, whole, rows, tolerance) for head in range(len(net.shape.heads))
        ]


def _slim_head(net: RowNet, head: int, whole: Tensor, rows: Rows, tolerance: float) -> HeadWeights:
    """One head; (n, widths) of the condition and all slots."""
    width, (slot, _) = net.shape.condition.width, net.shape.heads[head]
    has_say = rows.targets[:, head] >= 0
    seen = whole[:, : width + net.starts[slot]]
    weight, bias = _heard(net, head, seen, rows, has_say, tolerance)
    seen = seen[has_say] if bool(has_say.any()) else seen
    second, out = net.second[head], net.out[head]
    assert isinstance(second, nn.Linear)
    assert isinstance(out, nn.Linear)
    first = (seen @ weight + bias).relu()
    more = second(first).relu()
    # Only differences between tokens count.
    loud = (out.weight - out.weight.mean(dim=0)).norm(dim=0)
    a = _speaking(first, second.weight.norm(dim=0) + loud)
    b = _speaking(more, loud) & bool(a.any())
    still, still_more = first.mean(dim=0) * ~a, more.mean(dim=0) * ~b
    return HeadWeights(
        condition=_array(weight[:width, a]),
        slots=_array(weight[width:, a]),
        first=_array(bias[a]),
        second=_array(second.weight[b][:, a].T),
        second_bias=_array((second.bias + second.weight @ still)[b]),
        out=_array(torch.cat([out.weight[:, a], out.weight[:, b]], dim=1).T),
        bias=_array(out.bias + out.weight @ (still + still_more)),
    )


def _array(values: Tensor) -> NDArray[Any]:
    return values.contiguous().numpy()


def _speaking(values: Tensor, weights: Tensor) -> Tensor:
    """Which units say something: (n, units) values, (units,) how far they are heard."""
    spread = values.std(dim=0, correction=0) * weights
    order = spread.argsort(stable=True)
    share = (spread[order] ** 2).cumsum(dim=0)
    least = max(SILENT**2 * float(share[-1]), UNHEARD**2)
    count = min(-(-int((share > least).sum()) // LANES) * LANES, len(order))
    found = torch.zeros(len(order), dtype=torch.bool)
    found[order[len(order) - count :]] = True
    return found


def _heard(
    net: RowNet, head: int, seen: Tensor, rows: Rows, has_say: Tensor, tolerance: float
) -> tuple[Tensor, Tensor]:
    """
    A head's (width, units) first weights and (units,) biases: 0 for all it learns nothing from.

    What makes the least difference alone is left out first: as much as makes hardly any together,
    or as leaves rows that were not learned from as likely as they are.  Then each of what is left
    is tried by itself, until it says more and more.
    """
    weight, bias = _first(net, head)
    judges = torch.nonzero(has_say & rows.held_out)[:, 0]
    is_judged = len(judges) >= FEWEST_ROWS
    if not is_judged:
        judges = torch.nonzero(has_say)[:, 0] if bool(has_say.any()) else torch.arange(len(seen))
    judges = judges[:CHECKED_ROWS]
    targets = rows.targets[judges, head] if is_judged else None
    asked = _Asked(net, head, weight, bias, seen[judges], targets)
    parts = _parts(net, net.shape.heads[head][0])
    order = asked.order(parts)
    silent, before = asked.together(order, tolerance)
    unheard = _all([*silent, *asked.one_by_one(order[len(silent) :], before, tolerance)])
    left = weight.clone()
    left[unheard] = 0.0
    return left, bias + asked.mean[unheard] @ weight[unheard]


class _Asked:
    """A head that is asked what its shares are without parts of what it sees."""

    def __init__(
        self,
        net: RowNet,
        head: int,
        weight: Tensor,
        bias: Tensor,
        seen: Tensor,
        said: Tensor | None,
    ) -> None:
        """(n, width) it sees, and (n,) the tokens that rows not learned from have, if told."""
        self._net, self._head, self._weight, self._said = net, head, weight, said
        self._seen, self.mean = seen, seen.mean(dim=0)
        self._nothing = bias + self.mean @ weight  # (units,) before, if it saw nothing
        self._before = seen @ weight + bias
        self._shares = self._of(self._before)
        self._certain = min(1.0, -float((self._shares.exp() * self._shares).sum(dim=1).mean()))

    def order(self, parts: Sequence[Columns]) -> list[Columns]:
        """Parts, those first that alone move shares the least."""
        rows = min(ASKED_ROWS, max(FEWEST_ASKED, ASKED_CELLS // max(1, len(parts))))
        before, shares = self._before[:rows], self._shares[:rows]
        moved = [_divergence(shares, self._of(before - self._added(part, rows))) for part in parts]
        return [parts[i] for i in sorted(range(len(parts)), key=lambda i: moved[i])]

    def together(self, order: list[Columns], tolerance: float) -> tuple[list[Columns], Tensor]:
        """As many of the first parts as may be missing together, and (n, units) before then."""
        most = tolerance * self._certain
        before, had = self._nothing.expand_as(self._before), 0
        for kept in _fewer(len(order)):
            start = len(order) - kept
            before, had = before + self._added(_all(order[start : len(order) - had])), kept
            own = self._of(before)
            if self._said is not None and _loss(self._shares, own, self._said) <= NO_WORSE * most:
                break
            if _divergence(self._shares, own) <= SAME * most:
                break
        return order[: len(order) - had], before

    def one_by_one(
        self, order: list[Columns], before: Tensor, tolerance: float
    ) -> Iterator[Columns]:
        """Those of further parts that may be missing too."""
        settled, misses = self._of(before), 0
        for part in order:
            own = before - self._added(part)
            if _divergence(settled, self._of(own)) <= SURELY_SAME * tolerance * self._certain:
                yield part
                before, misses = own, 0
            elif (misses := misses + 1) >= MISSES:
                return

    def _of(self, before: Tensor) -> Tensor:
        return self._net.shares(before, self._head)

    def _added(self, columns: Columns, rows: int | None = None) -> Tensor:
        """What columns add to (rows, units), but for what they add on average."""
        return (self._seen[:rows, columns] - self.mean[columns]) @ self._weight[columns]


def _first(net: RowNet, head: int) -> tuple[Tensor, Tensor]:
    """A head's own (width, units) first weights, and (units,) biases."""
    units, (slot, _) = net.shape.units, net.shape.heads[head]
    mine = slice(head * units, (head + 1) * units)
    condition = net.from_condition.weight[mine, : net.shape.condition.width]
    slots = net.from_slots.weight[mine, : net.starts[slot]]
    return torch.cat([condition, slots], dim=1).T, net.from_condition.bias[mine]


def _divergence(shares: Tensor, own: Tensor) -> float:
    return float((shares.exp() * (shares - own)).sum(dim=1).mean())


def _loss(shares: Tensor, own: Tensor, targets: Tensor) -> float:
    """How much less likely (n,) targets are, in nats; at most, as far as chance goes."""
    lost = (shares - own).gather(1, targets[:, None])[:, 0]
    return float(lost.mean() + lost.std() / len(lost) ** 0.5)


def _all(parts: list[Columns]) -> Columns:
    return [column for part in parts for column in part]


def _fewer(parts: int) -> list[int]:
    """How many parts to try to keep: few first, in growing steps."""
    steps = [0, 1, 2, 3, 4, 5, 6, 8]
    while steps[-1] < parts:
        steps.append(steps[-1] * 5 // 4)
    return [*(s for s in steps if s < parts), parts]


def _parts(net: RowNet, slot: int) -> list[Columns]:
    """The columns of each code and of each float that a head of a slot sees."""
    found = _columns(net.shape.condition, 0)
    for shape, start in zip(net.shape.slots[:slot], net.starts, strict=False):
        found += _columns(shape, net.shape.condition.width + start)
    return found


def _columns(shape: EmbedShape, start: int) -> list[Columns]:
    return [list(range(start + place.start, start + place.stop)) for _, place in shape.parts]
