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
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class NetShape:
    """Everything that fixes the network's tensors."""

    condition_cards: tuple[int, ...]  # cardinality of each condition code
    condition_floats: int
    slot_cards: tuple[tuple[int, ...], ...]  # per slot: cardinalities of its codes
    slot_floats: tuple[int, ...]
    heads: tuple[tuple[int, int], ...]  # (slot, tokens) per head, in order
    units: int = 96  # hidden units of each head


def embedding_width(cardinality: int) -> int:
    """Dimensions for a code with so many values."""
    return int(min(16, max(2, round(1.6 * cardinality**0.4))))


def _width(cards: Sequence[int], floats: int) -> int:
    return sum(embedding_width(k) for k in cards) + floats


class _Embed(nn.Module):
    """Embeddings of several code columns, side by side with the float columns."""

    def __init__(self, cards: Sequence[int], floats: int) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(k, embedding_width(k)) for k in cards)
        self.width = _width(cards, floats)

    def forward(self, codes: Tensor, floats: Tensor) -> Tensor:
        parts = [table(codes[:, i]) for i, table in enumerate(self.tables)]
        seen = torch.cat([*parts, floats], dim=1)  # (B, width)
        return seen if self.width else seen.new_zeros(len(seen), 1)


class RowNet(nn.Module):
    """Logits of every head given the condition and the slots before it."""

    def __init__(self, shape: NetShape) -> None:
        """Build layers with random weights from torch's current generator."""
        super().__init__()
        self.shape = shape
        heads, units = len(shape.heads), shape.units
        self.condition = _Embed(shape.condition_cards, shape.condition_floats)
        self.slots = nn.ModuleList(
            _Embed(c, f) for c, f in zip(shape.slot_cards, shape.slot_floats, strict=True)
        )
        # A width of at least one: torch warns about layers without any weight.
        self.from_condition = nn.Linear(max(1, self.condition.width), heads * units)
        widths = [_width(c, f) for c, f in zip(shape.slot_cards, shape.slot_floats, strict=True)]
        self.from_slots = nn.Linear(max(1, sum(widths)), heads * units, bias=False)
        self.second = nn.ModuleList(nn.Linear(units, units) for _ in shape.heads)
        self.out = nn.ModuleList(nn.Linear(units, tokens) for _, tokens in shape.heads)
        self.mask: Tensor
        self.register_buffer("mask", _mask(shape, widths), persistent=False)
        self.starts = [sum(widths[:i]) for i in range(len(widths) + 1)]

    def hidden(self, codes: Tensor, floats: Tensor) -> Tensor:
        """(B, condition) -> (B, heads * units) before any slot is known."""
        return self.from_condition(self.condition(codes, floats))  # type: ignore[no-any-return]

    def add_slot(self, hidden: Tensor, slot: int, codes: Tensor, floats: Tensor) -> None:
        """Let the heads behind a slot see it; changes `hidden` in place."""
        first = next((h for h, (s, _) in enumerate(self.shape.heads) if s > slot), None)
        if first is None:
            return
        begin = first * self.shape.units
        seen = self.slots[slot](codes, floats)  # (B, width)
        weight = self.from_slots.weight[begin:, self.starts[slot] : self.starts[slot + 1]]
        hidden[:, begin:].addmm_(seen, weight.T)

    def logits(self, hidden: Tensor, head: int) -> Tensor:
        """(B, heads * units) -> (B, tokens) of one head."""
        units = self.shape.units
        own = functional.relu(hidden[:, head * units : (head + 1) * units])
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
            seen = functional.dropout(seen, dropout)
        hidden = self.from_condition(seen)
        if self.slots:
            rows = torch.cat([e(*s) for e, s in zip(self.slots, slots, strict=True)], dim=1)
            if dropout:
                rows = functional.dropout(rows, dropout)
            hidden = hidden + functional.linear(rows, self.from_slots.weight * self.mask)
        if dropout:
            hidden = functional.dropout(hidden, dropout)
        return [self.logits(hidden, h) for h in range(len(self.shape.heads))]


def _mask(shape: NetShape, widths: Sequence[int]) -> Tensor:
    """(heads * units, slot widths): 1 where a head may see a slot, i.e. the slot comes before."""
    mask = torch.zeros(len(shape.heads) * shape.units, max(1, sum(widths)))
    for head, (slot, _) in enumerate(shape.heads):
        mask[head * shape.units : (head + 1) * shape.units, : sum(widths[:slot])] = 1.0
    return mask
