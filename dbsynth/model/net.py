"""
The network: one small autoregressive MLP a table, on all that a row hangs on.

Every head has its own hidden units.  They see the condition (parents, ancestors, chosen parents,
the sibling before, the position) and the slots before their own: a dense layer with a block
triangular mask, so that training is one pass and sampling adds one slot after another.  Only Linear
and Embedding layers, so that per-entity gradients stay cheap.

Source: TabularARGN (arXiv 2501.12012) for per-column heads; MADE (Germain et al., ICML 2015) for
the mask; the relational condition is our own.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from dbsynth.model.shape import EmbedShape, NetShape


class Embed(nn.Module):
    """Embeddings of several code columns, side by side with the float columns."""

    def __init__(self, shape: EmbedShape) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(t.rows, t.width) for t in shape.tables)
        self.groups = [  # per table: code columns, first rows
            (torch.tensor(t.columns), torch.tensor(t.starts, dtype=torch.int32))
            for t in shape.tables
        ]
        self.width = shape.width

    def forward(self, codes: Tensor, floats: Tensor) -> Tensor:
        parts = [
            table(codes[:, columns] + starts).flatten(1)
            for table, (columns, starts) in zip(self.tables, self.groups, strict=True)
        ]
        seen = torch.cat([*parts, floats], dim=1)  # (B, width)
        return seen if self.width else seen.new_zeros(len(seen), 1)


class RowNet(nn.Module):
    """Logits of every head given the condition and the slots before it."""

    def __init__(self, shape: NetShape) -> None:
        """Build layers with random weights from torch's current generator."""
        super().__init__()
        self.shape = shape
        heads, units = len(shape.heads), shape.units
        self.condition = Embed(shape.condition)
        self.slots = nn.ModuleList(Embed(s) for s in shape.slots)
        # A width of at least one: torch warns about layers without any weight.
        self.from_condition = nn.Linear(max(1, self.condition.width), heads * units)
        widths = [s.width for s in shape.slots]
        self.from_slots = nn.Linear(max(1, sum(widths)), heads * units, bias=False)
        self.second = nn.ModuleList(nn.Linear(units, units) for _ in shape.heads)
        self.out = nn.ModuleList(nn.Linear(units, tokens) for _, tokens in shape.heads)
        self.mask: Tensor
        self.register_buffer("mask", _mask(shape, widths), persistent=False)
        self.widths = widths
        self.starts = shape.starts

    def shares(self, before: Tensor, head: int) -> Tensor:
        """The logarithms of a head's (B, tokens) shares, of what its (B, units) have before."""
        return functional.log_softmax(self._head(before, head), dim=1)

    def _head(self, own: Tensor, head: int) -> Tensor:
        own = functional.relu(own)
        own = own + functional.relu(self.second[head](own))
        return self.out[head](own)  # type: ignore[no-any-return]

    def forward(
        self,
        condition: tuple[Tensor, Tensor],
        slots: Sequence[tuple[Tensor, Tensor]],
        dropout: float = 0.0,
    ) -> list[Tensor]:
        """One teacher-forced pass; (B, ...) -> a (B, tokens) tensor a head."""
        seen = self.condition(*condition)
        if dropout:
            seen = _dropped(seen, dropout)
        hidden = self.from_condition(seen)
        if self.slots:
            rows = torch.cat([e(*s) for e, s in zip(self.slots, slots, strict=True)], dim=1)
            if dropout:
                rows = _dropped(rows, dropout)
            hidden = hidden + functional.linear(rows, self.from_slots.weight * self.mask)
        if dropout:
            hidden = _dropped(hidden, dropout)
        # Split at once: the gradient of a slice would be as wide as all heads.
        return [self._head(own, h) for h, own in enumerate(hidden.split(self.shape.units, dim=1))]


def _dropped(values: Tensor, share: float) -> Tensor:
    """Dropout in steps of 1/256, of random bytes: several times as quick as torch's own."""
    words = torch.empty(values.numel() // 8 + 1, dtype=torch.int64).random_(-(2**63), None)
    border = round(share * 256)
    kept = words.view(torch.uint8)[: values.numel()].view(values.shape).float().ge_(border)
    return values * kept.mul_(256 / (256 - border))


def _mask(shape: NetShape, widths: Sequence[int]) -> Tensor:
    """(heads * units, slot widths): 1 where a head may see a slot, i.e. the slot comes before."""
    mask = torch.zeros(len(shape.heads) * shape.units, max(1, sum(widths)))
    for head, (slot, _) in enumerate(shape.heads):
        mask[head * shape.units : (head + 1) * shape.units, : sum(widths[:slot])] = 1.0
    return mask
