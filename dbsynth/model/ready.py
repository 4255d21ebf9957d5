"""
A trained network made ready to draw: each head is one product of all that is known so far.

Training adds slot after slot to the hidden units of all heads, which moves much memory for few
numbers.  Here what is known of some rows stands in one narrow matrix, in the order in which it
becomes known, and a head multiplies the front of it by weights of its own.  Numbers are of 16 bits
where the processor multiplies them as such, several times as quick as 32; the last steps, from
logits to tokens, are of 32 bits everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dbsynth.features import Features, Ints
from dbsynth.model.net import RowNet

BLOCK = 1024  # rows that are multiplied at once: what they need stays close to the processor
SMALL_BLOCK = 32  # the least; in between, powers of two: every other size would be compiled anew
BELOW_ONE = 1.0 - 2.0**-22  # so that a product with a sum of 32 bits stays below the sum


@cache
def number_kind() -> torch.dtype:
    """The narrowest floats that this processor multiplies quickly."""
    is_quick = torch.ops.mkldnn._is_mkldnn_bf16_supported() if _has_onednn() else False
    return torch.bfloat16 if is_quick else torch.float32


def _has_onednn() -> bool:
    return bool(torch.backends.mkldnn.is_available())


class _Lookup:
    """Embeddings of several codes, side by side with floats."""

    def __init__(self, embed: nn.Module, kind: torch.dtype) -> None:
        self.width: int = embed.width  # type: ignore[assignment]
        groups = zip(embed.tables, embed.groups, strict=True)  # type: ignore[arg-type]
        self.groups = [(t.weight.to(kind), columns, starts) for t, (columns, starts) in groups]

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
    """The weights of one head."""

    def __init__(self, net: RowNet, head: int, kind: torch.dtype) -> None:
        units = net.shape.units
        own = slice(head * units, (head + 1) * units)
        slot, _ = net.shape.heads[head]
        known = [net.from_slots.weight[own, : net.starts[slot]]]
        if net.condition.width:
            known.insert(0, net.from_condition.weight[own])
        second, out = net.second[head], net.out[head]
        assert isinstance(second, nn.Linear)
        assert isinstance(out, nn.Linear)
        self.first = torch.cat(known, dim=1).T.contiguous().to(kind)  # (known, units)
        self.first_bias = net.from_condition.bias[own].to(kind)
        self.second, self.second_bias = second.weight.T.contiguous().to(kind), second.bias.to(kind)
        self.out, self.bias = out.weight.T.contiguous().to(kind), out.bias.float()
        self._allowed: dict[tuple[int, ...], Tensor] = {}

    def odds(self, seen: Tensor, banned: tuple[int, ...]) -> Tensor:
        """(n, known) -> (n, tokens) what each token's share is in proportion to; 0 for banned."""
        if len(self.first):
            own = torch.addmm(self.first_bias, seen[:, : len(self.first)], self.first).relu_()
        else:
            own = self.first_bias.relu().expand(len(seen), -1)
        own = torch.addmm(self.second_bias, own, self.second).relu_().add_(own)
        return self._bias(banned).add(torch.mm(own, self.out)).exp_()

    def _bias(self, banned: tuple[int, ...]) -> Tensor:
        if banned not in self._allowed:
            bias = self.bias.clone()
            bias[list(banned)] = -torch.inf
            # Odds need no common scale: the greatest is brought near one, far from any limit.
            self._allowed[banned] = bias - bias.max()
        return self._allowed[banned]


class ReadyNet:
    """A network's weights, arranged for drawing; no gradients, never changed."""

    def __init__(self, net: RowNet) -> None:
        """Copy the weights of a network that is trained."""
        with torch.inference_mode():
            self.kind = number_kind()
            self.condition = _Lookup(net.condition, self.kind)
            self.slots = [_Lookup(slot, self.kind) for slot in net.slots]
            self.heads = [_Head(net, h, self.kind) for h in range(len(net.shape.heads))]
        self.starts = [self.condition.width + s for s in net.starts]
        self.shown = max((s for s, _ in net.shape.heads), default=0)  # slots behind it see nothing

    def begin(self, condition: Features) -> Tensor:
        """All that is known of (n,) rows: (n, width), the slots still to come."""
        with torch.inference_mode():
            rows = len(condition)
            seen = torch.empty(_whole_blocks(rows), self.starts[-1], dtype=self.kind)
            seen[rows:] = 0.0
            if self.condition.width:
                self.condition.put(seen[:rows], 0, condition)
        return seen

    def see(self, seen: Tensor, slot: int, features: Features) -> None:
        """Fill in what a slot became."""
        if slot < self.shown:
            with torch.inference_mode():
                self.slots[slot].put(seen[: len(features)], self.starts[slot], features)

    def draw(
        self, seen: Tensor, head: int, uniforms: NDArray[np.float64], banned: Sequence[int]
    ) -> Ints:
        """Draw (n,) tokens of one head by inverse CDF."""
        own, never = self.heads[head], tuple(banned)
        tokens: Ints = np.empty(len(seen), np.int64)
        places = np.zeros((len(seen), 1), np.float32)
        np.minimum(uniforms, BELOW_ONE, out=places[: len(uniforms), 0], casting="same_kind")
        given, into = torch.from_numpy(places), torch.from_numpy(tokens).unsqueeze(1)
        with torch.inference_mode():
            for start in range(0, len(tokens), BLOCK):
                stop = start + BLOCK
                shares = own.odds(seen[start:stop], never).cumsum(1)
                wanted = given[start:stop] * shares[:, -1:]
                torch.searchsorted(shares, wanted, right=True, out=into[start:stop])
        return tokens[: len(uniforms)]

    def shares(
        self, seen: Tensor, rows: int, head: int, banned: Sequence[int]
    ) -> NDArray[np.float64]:
        """How likely each token of a head is in the first rows: (n, tokens), 0 for banned ones."""
        with torch.inference_mode():
            blocks = [self.heads[head].odds(b, tuple(banned)) for b in seen.split(BLOCK)]
            odds = torch.cat(blocks)[:rows].double()
            found: NDArray[np.float64] = (odds / odds.sum(dim=1, keepdim=True)).numpy()
        return found


def _whole_blocks(rows: int) -> int:
    """The least number of rows from `rows` on that comes in blocks of a few sizes."""
    whole, rest = divmod(rows, BLOCK)
    last = 1 << (max(rest, SMALL_BLOCK) - 1).bit_length() if rest else 0
    return whole * BLOCK + last
