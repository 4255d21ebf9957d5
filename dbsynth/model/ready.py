"""
A trained network made ready to draw: without the units that say nothing, all heads at once.

Weight decay leaves most of a head's hidden units constant.  What they add is put into biases, and
they are left out: a fifth of the arithmetic remains.  The condition is multiplied once for all
heads, then each head multiplies what the slots before it became.  Numbers are of 16 bits where the
processor multiplies them as such, several times as quick as 32; the last steps, from logits to
tokens, are of 32 bits everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dbsynth.features import Features, Ints
from dbsynth.model.net import Embed, RowNet

BLOCK = 2_048  # rows that are multiplied at once: what they need stays close to the processor
SMALL_BLOCK = 32  # the least; in between, powers of two: every other size would be compiled anew
BELOW_ONE = 1.0 - 2.0**-22  # so that a product with a sum of 32 bits stays below the sum
SILENT = 0.03  # deviation of all that units left out add, as a share of what all units add
UNHEARD = 0.03  # or in logits: differences of so much are far below what a sample can tell
LANES = 16  # units come in groups of so many
ALL = slice(None)


@dataclass(frozen=True, slots=True)
class HeadWeights:
    """One head without its silent units; a first units, b second ones."""

    condition: Tensor  # (condition, a)
    slots: Tensor  # (widths of the slots before it, a)
    first: Tensor  # (a,) bias
    second: Tensor  # (a, b)
    second_bias: Tensor  # (b,)
    out: Tensor  # (a + b, tokens)
    bias: Tensor  # (tokens,)


@cache
def number_kind() -> torch.dtype:
    """The narrowest floats that this processor multiplies quickly."""
    has_onednn = torch.backends.mkldnn.is_available()
    is_quick = has_onednn and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.bfloat16 if is_quick else torch.float32


def slim(
    net: RowNet,
    condition: tuple[Tensor, Tensor],
    slots: Sequence[tuple[Tensor, Tensor]],
    used: Tensor,
) -> list[HeadWeights]:
    """
    Leave out of each head the units that are nearly constant over (n,) rows.

    Args:
        net: trained.
        condition: (n, ...) codes and floats of rows, as in training.
        slots: the same of each slot.
        used: (n, heads) which heads have a say in each row.
    """
    with torch.inference_mode():
        above = net.condition(*condition)[:, : net.condition.width]
        seen = [e(*s) for e, s in zip(net.slots, slots, strict=True)]
        own = torch.cat(
            [s[:, : net.widths[i]] for i, s in enumerate(seen)] or [above[:, :0]], dim=1
        )
        rows = [
            own_rows if len(own_rows := torch.nonzero(u)[:, 0]) else slice(None) for u in used.T
        ]
        return [_slim_head(net, h, above[some], own[some]) for h, some in enumerate(rows)]


def _slim_head(net: RowNet, head: int, above: Tensor, seen: Tensor) -> HeadWeights:
    units, (slot, _) = net.shape.units, net.shape.heads[head]
    mine = slice(head * units, (head + 1) * units)
    condition = net.from_condition.weight[mine, : above.shape[1]].T
    slots = net.from_slots.weight[mine, : net.starts[slot]].T
    bias = net.from_condition.bias[mine]
    second, out = net.second[head], net.out[head]
    assert isinstance(second, nn.Linear)
    assert isinstance(out, nn.Linear)
    first = (above @ condition + seen[:, : len(slots)] @ slots + bias).relu()
    more = second(first).relu()
    # Only differences between tokens count.
    weight = (out.weight - out.weight.mean(dim=0)).norm(dim=0)
    a = _speaking(first, second.weight.norm(dim=0) + weight)
    b = _speaking(more, weight) & bool(a.any())
    still, still_more = first.mean(dim=0) * ~a, more.mean(dim=0) * ~b
    return HeadWeights(
        condition=condition[:, a],
        slots=slots[:, a],
        first=bias[a],
        second=second.weight[b][:, a].T,
        second_bias=(second.bias + second.weight @ still)[b],
        out=torch.cat([out.weight[:, a], out.weight[:, b]], dim=1).T,
        bias=out.bias + out.weight @ (still + still_more),
    )


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


class _Lookup:
    """Embeddings of several codes, side by side with floats."""

    def __init__(
        self, embed: Embed, kind: torch.dtype, codes: slice = ALL, floats: slice = ALL
    ) -> None:
        """Prepare to look up some of the codes and floats; codes count from the first of them."""
        self.groups: list[tuple[Tensor, Tensor, Tensor]] = []
        places: list[Tensor] = []  # of what is looked up, in what the whole embedding gives
        some, place = range(embed.codes)[codes], 0
        for module, (columns, starts) in zip(embed.tables, embed.groups, strict=True):
            assert isinstance(module, nn.Embedding)
            table, wide = module.weight.to(kind), module.embedding_dim
            mine = [i for i, c in enumerate(columns.tolist()) if c in some]
            if mine:
                chosen = torch.tensor(mine)
                own = columns[chosen] - some.start
                self.groups.append((table, own, starts[chosen]))
                places += [place + i * wide + torch.arange(wide) for i in mine]
            place += wide * len(columns)
        places.append(place + torch.arange(embed.width - place)[floats])
        self.places = torch.cat(places)
        self.width = len(self.places)

    def put(self, seen: Tensor, start: int, features: Features) -> None:
        """Write what codes and floats of (n,) rows look like into (n, width) from `start` on."""
        codes = torch.from_numpy(features.codes)
        for table, columns, starts in self.groups:
            width = table.shape[1] * len(columns)
            places = codes.index_select(1, columns) + starts
            seen[:, start : start + width] = torch.embedding(table, places).view(-1, width)
            start += width
        floats = features.floats.shape[1]
        if floats:
            seen[:, start : start + floats] = torch.from_numpy(features.floats)


class _Head:
    """One head's weights as drawing wants them, and where its units begin among those of all."""

    def __init__(self, weights: HeadWeights, start: int, kind: torch.dtype) -> None:
        self.units = slice(start, start + len(weights.first))
        self.slots = weights.slots.contiguous().to(kind)
        self.second = weights.second.contiguous().to(kind)
        self.second_bias = weights.second_bias.to(kind)
        self.out, self.bias = weights.out.contiguous().to(kind), weights.bias.float()
        self.is_constant = not len(self.out)
        self._allowed: dict[tuple[int, ...], Tensor] = {}

    def odds(self, above: Tensor, seen: Tensor, banned: tuple[int, ...]) -> Tensor:
        """
        What each token's share is in proportion to; 0 for banned ones.

        Args:
            above: (n, units of all heads) what the condition says.
            seen: (n, known) what the slots became.
            banned: tokens.

        Returns:
            (n, tokens).
        """
        if self.is_constant:
            return self.certain(banned).expand(len(seen), -1)
        own = above[:, self.units]
        known = len(self.slots)
        own = torch.addmm(own, seen[:, :known], self.slots).relu_() if known else own.relu()
        if len(self.second_bias):
            more = torch.addmm(self.second_bias, own, self.second).relu_()
            own = torch.cat([own, more], dim=1)
        return self._bias(banned).add(torch.mm(own, self.out)).exp_()

    def certain(self, banned: tuple[int, ...]) -> Tensor:
        """(tokens,) the same of a head to which nothing makes a difference."""
        return self._bias(banned).exp()

    def _bias(self, banned: tuple[int, ...]) -> Tensor:
        if banned not in self._allowed:
            bias = self.bias.clone()
            bias[list(banned)] = -torch.inf
            # Odds need no common scale: the greatest is brought near one, far from any limit.
            self._allowed[banned] = bias - bias.max()
        return self._allowed[banned]


@dataclass(frozen=True, slots=True)
class Shared:
    """What the first part of conditions says, and how the rest is looked up."""

    above: Tensor  # (blocks of kinds, units of all heads)
    lookup: _Lookup
    weight: Tensor  # (width of the rest, units of all heads)


@dataclass(slots=True)
class Drawn:
    """What is known of (n,) rows, and of some more that fill the last block."""

    rows: int
    above: Tensor  # (blocks, units of all heads)
    seen: Tensor  # (blocks, slots)


class ReadyNet:
    """A network's weights, arranged for drawing; no gradients, never changed."""

    def __init__(self, net: RowNet, weights: Sequence[HeadWeights]) -> None:
        """Arrange slim heads, and the embeddings of the network that they are of."""
        self.net, self.weights = net, tuple(weights)
        self.kind = number_kind()
        with torch.inference_mode():
            self.condition = _Lookup(net.condition, self.kind)
            self.slots = [_Lookup(s, self.kind) for s in net.slots if isinstance(s, Embed)]
            units = torch.tensor([0, *(len(w.first) for w in weights)]).cumsum(0).tolist()
            self.heads = [_Head(w, s, self.kind) for w, s in zip(weights, units, strict=False)]
            every = [w.condition for w in weights] or [torch.zeros(0, 0)]
            self.first = torch.cat(every, dim=1).contiguous().to(self.kind)
            self.bias = torch.cat([w.first for w in weights] or [torch.zeros(0)]).to(self.kind)
        self.starts = net.starts
        self.shown = max((s for s, _ in net.shape.heads), default=0)  # slots behind it see nothing

    def begin(self, condition: Features) -> Drawn:
        """Work out what the condition alone says of (n,) rows."""
        rows = len(condition)
        with torch.inference_mode():
            above = self.bias.expand(_whole_blocks(rows), -1)
            return self._drawn(rows, _added(above, self.condition, self.first, condition))

    def prepare(self, shared: Features) -> Shared:
        """Work out what the first codes and floats of conditions say, of (m,) kinds of rows."""
        codes, floats = len(shared.cards), shared.floats.shape[1]
        with torch.inference_mode():
            embed = self.net.condition
            first = _Lookup(embed, self.kind, slice(codes), slice(floats))
            rest = _Lookup(embed, self.kind, slice(codes, None), slice(floats, None))
            above = self.bias.expand(_whole_blocks(len(shared)), -1)
            above = _added(above, first, self.first[first.places], shared)
            return Shared(above, rest, self.first[rest.places])

    def resume(self, shared: Shared, kinds: Ints, rest: Features) -> Drawn:
        """Work out what the rest of their conditions says of (n,) rows of these kinds."""
        rows = len(rest)
        places = np.zeros(_whole_blocks(rows), np.int64)
        places[:rows] = kinds
        with torch.inference_mode():
            above = shared.above.index_select(0, torch.from_numpy(places))
            return self._drawn(rows, _added(above, shared.lookup, shared.weight, rest))

    def _drawn(self, rows: int, above: Tensor) -> Drawn:
        seen = torch.empty(len(above), self.starts[-1], dtype=self.kind)
        seen[rows:] = 0.0
        return Drawn(rows, above, seen)

    def see(self, drawn: Drawn, slot: int, features: Features) -> None:
        """Fill in what a slot became."""
        if slot < self.shown:
            with torch.inference_mode():
                self.slots[slot].put(drawn.seen[: drawn.rows], self.starts[slot], features)

    def draw(
        self,
        drawn: Drawn,
        head: int,
        uniforms: NDArray[np.float64],
        banned: Sequence[int],
        among: tuple[NDArray[np.bool_], float] | None = None,
    ) -> Ints:
        """
        Draw (n,) tokens of one head by inverse CDF.

        Args:
            drawn: what is known of the rows.
            head: which.
            uniforms: (n,).
            banned: tokens that no row may have.
            among: (n, tokens) that are wanted, where they have more than a share of all.
        """
        own, never, whole = self.heads[head], tuple(banned), len(drawn.seen)
        if own.is_constant and among is None:
            total = own.certain(never).double().cumsum(0).numpy()
            found: Ints = np.searchsorted(total, uniforms * total[-1], "right").astype(np.int64)
            last = int(np.flatnonzero(np.diff(total, prepend=0.0))[-1])
            return found.clip(max=last)
        tokens: Ints = np.empty(whole, np.int64)
        places = np.zeros((whole, 1), np.float32)
        np.minimum(uniforms, BELOW_ONE, out=places[: drawn.rows, 0], casting="same_kind")
        given, into = torch.from_numpy(places), torch.from_numpy(tokens).unsqueeze(1)
        with torch.inference_mode():
            for start in range(0, whole, BLOCK):
                here = slice(start, start + BLOCK)
                odds = own.odds(drawn.above[here], drawn.seen[here], never)
                if among is not None:
                    odds = _among(odds, among[0][here], among[1])
                shares = odds.cumsum(1)
                wanted = given[here] * shares[:, -1:]
                torch.searchsorted(shares, wanted, right=True, out=into[here])
        return tokens[: drawn.rows]

    def shares(self, drawn: Drawn, head: int, banned: Sequence[int]) -> NDArray[np.float64]:
        """How likely each token of a head is: (n, tokens), 0 for banned ones."""
        own, never = self.heads[head], tuple(banned)
        with torch.inference_mode():
            blocks = zip(drawn.above.split(BLOCK), drawn.seen.split(BLOCK), strict=True)
            odds = torch.cat([own.odds(a, s, never) for a, s in blocks])[: drawn.rows].double()
            found: NDArray[np.float64] = (odds / odds.sum(dim=1, keepdim=True)).numpy()
        return found

    def saved(self) -> dict[str, NDArray[Any]]:
        """Arrays from which `load` rebuilds it: slim heads, and embeddings."""
        arrays = {
            f"head.{number}.{name}": getattr(weights, name).contiguous().numpy()
            for number, weights in enumerate(self.weights)
            for name in HeadWeights.__slots__
        }
        state = self.net.state_dict()
        return arrays | {n: w.numpy() for n, w in state.items() if n.startswith(_EMBEDDINGS)}


_EMBEDDINGS = ("condition.", "slots.")


def _among(odds: Tensor, wanted: NDArray[np.bool_], faint: float) -> Tensor:
    """Leave (n, tokens) odds of what is wanted of the first rows, where there is enough of it."""
    kept = odds[: len(wanted)] * torch.from_numpy(wanted)
    is_lost = kept.sum(1, keepdim=True) < faint * odds[: len(wanted)].sum(1, keepdim=True)
    return torch.cat([torch.where(is_lost, odds[: len(wanted)], kept), odds[len(wanted) :]])


def _added(above: Tensor, lookup: _Lookup, weight: Tensor, features: Features) -> Tensor:
    """Add what (n,) rows look like, multiplied; (blocks, units), (width, units)."""
    if not lookup.width:
        return above
    given = torch.empty(len(above), lookup.width, dtype=weight.dtype)
    given[len(features) :] = 0.0
    lookup.put(given[: len(features)], 0, features)
    found = torch.empty(above.shape, dtype=above.dtype)
    for start in range(0, len(above), BLOCK):
        here = slice(start, start + BLOCK)
        torch.addmm(above[here], given[here], weight, out=found[here])
    return found


def load(net: RowNet, tensors: Mapping[str, NDArray[Any]]) -> ReadyNet:
    """
    Rebuild from `ReadyNet.saved`; of `net` only the embeddings are used.

    Raises:
        KeyError, RuntimeError: arrays are missing, or do not fit the network.
    """
    arrays = {n: torch.from_numpy(np.array(a)) for n, a in tensors.items()}
    own = {n: w for n, w in arrays.items() if n.startswith(_EMBEDDINGS)}
    missing = [n for n in net.state_dict() if n.startswith(_EMBEDDINGS) and n not in own]
    if missing:
        raise KeyError(missing[0])
    net.load_state_dict(own, strict=False)
    names, heads = HeadWeights.__slots__, range(len(net.shape.heads))
    weights = [HeadWeights(**{n: arrays[f"head.{h}.{n}"] for n in names}) for h in heads]
    for weight, (slot, tokens) in zip(weights, net.shape.heads, strict=True):
        shape = (net.condition.width, net.starts[slot], tokens)
        if shape != (len(weight.condition), len(weight.slots), len(weight.bias)):
            raise RuntimeError("a head does not fit its network")
    return ReadyNet(net, weights)


def _whole_blocks(rows: int) -> int:
    """The least number of rows from `rows` on that comes in blocks of a few sizes."""
    whole, rest = divmod(rows, BLOCK)
    last = 1 << (max(rest, SMALL_BLOCK) - 1).bit_length() if rest else 0
    return whole * BLOCK + last
