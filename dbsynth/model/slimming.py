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
from dbsynth.model.pursuit import Pursuit
from dbsynth.model.ready import EMBEDDINGS
from dbsynth.model.shape import EmbedShape

SILENT = 0.03  # deviation of all that units left out add, as a share of what all units add
UNHEARD = 0.03  # or in logits: differences of so much are far below what a sample can tell
LANES = 16  # units come in groups of so many
# Nats, or shares of a head's entropy where that is less: what is nearly certain stays so.
SURELY_SAME = 1e-4  # by which they may move once more, for parts that go one by one
PATIENCE = 2  # sizes without gain after which no more parts are taken
MISSES = 6  # in a row, of parts that say more and more, after which no more are tried
SAME = 1e-3  # by which a head's shares may move without what is left out (Kullback-Leibler)
NO_WORSE = 5e-4  # by which rows that were not learned from may become less likely, surely
ASKED_ROWS, CHECKED_ROWS = 512, 4_096  # those that tell what to try, and whether it holds
FEWEST_ASKED, ASKED_CELLS = 64, 50_000  # rows, and rows times parts: wide heads ask fewer rows
# Rows that tell how parts go together, at least, and times columns: wide tables ask fewer rows.
FEWEST_FORETOLD, FORETOLD_CELLS = 1_024, 2_000_000
MOST_TAKEN = 33  # parts that stand in for others: where more are needed, little can be left out
ROWS_A_COLUMN = 8  # of those, at least, for each column that stands in for others
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
    judges = torch.nonzero(has_say & rows.held_out)[:CHECKED_ROWS, 0]
    is_judged = len(judges) >= FEWEST_ROWS
    shown, said = seen[judges], rows.targets[judges, head]
    if bool(has_say.any()) and not bool(has_say.all()):
        seen = seen[has_say]
    shown, tokens = (shown, said) if is_judged else (seen[:CHECKED_ROWS], None)
    weight, bias = _Asked(net, head, seen, shown, tokens, tolerance).heard(_parts(net, slot))
    second, out = net.second[head], net.out[head]
    assert isinstance(second, nn.Linear)
    assert isinstance(out, nn.Linear)
    heard = weight.any(dim=1)
    first = (seen[:, heard] @ weight[heard] + bias).relu()
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


class _Asked:
    """A head that is asked what its shares are by fewer parts than it sees."""

    def __init__(
        self, net: RowNet, head: int, seen: Tensor, shown: Tensor, said: Tensor | None,
        tolerance: float,
    ) -> None:  # fmt: skip
        """(n, width) it sees, (m, width) of the rows that judge, and, if told, their tokens."""
        self._net, self._head, self._said = net, head, said
        self._weight, bias = _first(net, head)
        self._mean = seen.mean(dim=0)
        most = max(FEWEST_FORETOLD, FORETOLD_CELLS // max(1, seen.shape[1]))
        self._apart = seen[-most:] - self._mean  # the last rows are those that were learned from
        self._nothing = bias + self._mean @ self._weight  # (units,) before, if it saw nothing
        self._seen = shown - self._mean
        self._before = shown @ self._weight + bias
        self._shares = self._of(self._before)
        certain = min(1.0, -float((self._shares.exp() * self._shares).sum(dim=1).mean()))
        self._most = tolerance * certain

    def heard(self, parts: Sequence[Columns]) -> tuple[Tensor, Tensor]:
        """
        (width, units) first weights and (units,) biases: 0 for all that nothing is learned from.

        Parts that tell most of what the head hears are taken, and stand in for the others: as few
        as leave shares as they are, or as make rows that were not learned from as likely as all
        parts do, and likelier yet.  Then each of them is tried by itself, the last one first, until
        they say more and more.  Where a few are not enough, what makes the least difference alone
        is left out first.
        """
        taken = self._taken(parts)
        if taken is not None:
            return self._needed(*taken)
        order = self._order(parts)
        silent, before = self._together(order)
        unheard = _all([*silent, *self._one_by_one(order[len(silent) :], before)])
        left = self._weight.clone()
        left[unheard] = 0.0
        return left, self._nothing - self._mean @ left

    def _taken(self, parts: Sequence[Columns]) -> tuple[Pursuit, list[Columns]] | None:
        """The first parts that are enough, and more while these gain; None: a few are not."""
        covariance = (self._apart.T @ self._apart / len(self._apart)).double()
        felt = _felt(self._net, self._head, self._before).double()
        pursuit = Pursuit(covariance, self._weight.double(), felt, parts)
        best, settled, stale = -1, self._shares, 0
        for own in self._tried(pursuit, len(parts)):
            taken = len(pursuit.taken)
            if best < 0 and _divergence(self._shares, own) <= SAME * self._most:
                best = taken
                break
            if best < 0:
                best, settled = (taken, own) if self._is_likely(own) else (best, settled)
            elif self._said is not None and _loss(settled, own, self._said) < 0:
                best, settled, stale = taken, own, 0
            elif (stale := stale + 1) == PATIENCE:
                break
        return None if best < 0 else (pursuit, [parts[i] for i in pursuit.taken[:best]])

    def _tried(self, pursuit: Pursuit, parts: int) -> Iterator[Tensor]:
        """The shares by more and more parts, as long as rows can tell how these go together."""
        for kept in (k for k in _fewer(parts)[:-1] if k <= MOST_TAKEN):
            while len(pursuit.taken) < kept:
                pursuit.take()
            columns = pursuit.columns
            if len(columns) * ROWS_A_COLUMN > len(self._apart):
                return
            yield self._of(self._told(pursuit, columns))

    def _needed(self, pursuit: Pursuit, taken: list[Columns]) -> tuple[Tensor, Tensor]:
        """Weights and biases without those that need not be there."""
        settled, misses, needed = self._of(self._told(pursuit, _all(taken))), 0, list(taken)
        for part in reversed(taken):
            fewer = [p for p in needed if p is not part]
            own = self._of(self._told(pursuit, _all(fewer)))
            if _divergence(settled, own) <= SURELY_SAME * self._most:
                needed, misses = fewer, 0
            elif (misses := misses + 1) >= MISSES:
                break
        left, columns = torch.zeros_like(self._weight), _all(needed)
        left[columns] = pursuit.weights(columns).float()
        return left, self._nothing - self._mean @ left

    def _order(self, parts: Sequence[Columns]) -> list[Columns]:
        """Parts, those first that alone move shares the least."""
        rows = min(ASKED_ROWS, max(FEWEST_ASKED, ASKED_CELLS // max(1, len(parts))))
        before, shares = self._before[:rows], self._shares[:rows]
        moved = [_divergence(shares, self._of(before - self._added(part, rows))) for part in parts]
        return [parts[i] for i in sorted(range(len(parts)), key=lambda i: moved[i])]

    def _together(self, order: list[Columns]) -> tuple[list[Columns], Tensor]:
        """As many of the first parts as may be missing together, and (n, units) before then."""
        before, had = self._nothing.expand_as(self._before), 0
        for kept in _fewer(len(order)):
            start = len(order) - kept
            before, had = before + self._added(_all(order[start : len(order) - had])), kept
            own = self._of(before)
            if self._is_likely(own) or _divergence(self._shares, own) <= SAME * self._most:
                break
        return order[: len(order) - had], before

    def _one_by_one(self, order: list[Columns], before: Tensor) -> Iterator[Columns]:
        """Those of further parts that may be missing too."""
        settled, misses = self._of(before), 0
        for part in order:
            own = before - self._added(part)
            if _divergence(settled, self._of(own)) <= SURELY_SAME * self._most:
                yield part
                before, misses = own, 0
            elif (misses := misses + 1) >= MISSES:
                return

    def _added(self, columns: Columns, rows: int | None = None) -> Tensor:
        """What columns add to (rows, units), but for what they add on average."""
        return self._seen[:rows, columns] @ self._weight[columns]

    def _told(self, pursuit: Pursuit, columns: Columns) -> Tensor:
        """(n, units) before, by these columns alone."""
        return self._nothing + self._seen[:, columns] @ pursuit.weights(columns).float()

    def _is_likely(self, own: Tensor) -> bool:
        """Whether rows that were not learned from are about as likely."""
        if self._said is None:
            return False
        return _loss(self._shares, own, self._said) <= NO_WORSE * self._most

    def _of(self, before: Tensor) -> Tensor:
        return self._net.shares(before, self._head)


def _felt(net: RowNet, head: int, before: Tensor) -> Tensor:
    """(units, units) how much a head's shares feel what its units have before: the information."""
    second, out = net.second[head], net.out[head]
    assert isinstance(second, nn.Linear)
    assert isinstance(out, nn.Linear)
    first = before.relu()
    more = second(first)
    shares = out(first + more.relu()).softmax(dim=1)
    tokens = torch.multinomial(shares, 1, generator=torch.Generator().manual_seed(0))
    slope = shares.scatter_add(1, tokens, shares.new_full((len(shares), 1), -1.0)) @ out.weight
    slope = (slope + (slope * (more > 0)) @ second.weight) * (before > 0)
    found: Tensor = slope.T @ slope / len(slope)
    return found


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
