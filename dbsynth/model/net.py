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
from itertools import accumulate

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


class Embed(nn.Module):
    """Embeddings of several code columns, side by side with the float columns."""

    def __init__(self, cards: Sequence[int], floats: int) -> None:
        super().__init__()
        # Codes of one width share a table: each with rows of its own, all looked up at once.
        own = [embedding_width(k) for k in cards]
        self.tables = nn.ModuleList()
        self.groups: list[tuple[Tensor, Tensor]] = []  # per table: code columns, first rows
        for width in sorted(set(own)):
            columns = [i for i, w in enumerate(own) if w == width]
            ends = list(accumulate(cards[i] for i in columns))
            self.tables.append(nn.Embedding(ends[-1], width))
            starts = torch.tensor([0, *ends[:-1]], dtype=torch.int32)
            self.groups.append((torch.tensor(columns), starts))
        self.codes, self.width = len(cards), _width(cards, floats)

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
        self.condition = Embed(shape.condition_cards, shape.condition_floats)
        self.slots = nn.ModuleList(
            Embed(c, f) for c, f in zip(shape.slot_cards, shape.slot_floats, strict=True)
        )
        # A width of at least one: torch warns about layers without any weight.
        self.from_condition = nn.Linear(max(1, self.condition.width), heads * units)
        widths = [_width(c, f) for c, f in zip(shape.slot_cards, shape.slot_floats, strict=True)]
        self.from_slots = nn.Linear(max(1, sum(widths)), heads * units, bias=False)
        self.second = nn.ModuleList(nn.Linear(units, units) for _ in shape.heads)
        self.out = nn.ModuleList(nn.Linear(units, tokens) for _, tokens in shape.heads)
        self.mask: Tensor
        self.register_buffer("mask", _mask(shape, widths), persistent=False)
        self.widths = widths
        self.starts = [sum(widths[:i]) for i in range(len(widths) + 1)]

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
