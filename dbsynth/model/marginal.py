"""The floor: every head draws from its own frequencies, whatever came before; instant."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dbsynth.features import Features, Ints
from dbsynth.model.base import Engine, FitTask, Tensors


@dataclass(frozen=True, slots=True)
class MarginalModel:
    """Token frequencies of each head."""

    shares: Sequence[NDArray[np.float64]]  # per head (tokens,) summing to 1

    def begin(self, condition: Features) -> MarginalSession:
        """Start drawing as many rows as the condition has."""
        return MarginalSession(self.shares, len(condition))

    def saved(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Frequencies as arrays."""
        arrays = {f"shares.{i}": s for i, s in enumerate(self.shares)}
        return {"heads": len(self.shares)}, arrays


@dataclass(frozen=True, slots=True)
class MarginalSession:
    """Drawing from frequencies."""

    frequencies: Sequence[NDArray[np.float64]]
    rows: int

    def draw(self, head: int, uniforms: NDArray[np.float64], banned: Sequence[int] = ()) -> Ints:
        """Draw (n,) tokens of one head by inverse CDF."""
        shares = self._without(head, banned)
        total = np.cumsum(shares)
        tokens: Ints = np.searchsorted(total, uniforms * total[-1], "right").astype(np.int64)
        return tokens.clip(max=int(np.flatnonzero(shares)[-1]))

    def shares(self, head: int, banned: Sequence[int] = ()) -> NDArray[np.float64]:
        """How likely each token of a head is: (n, tokens), 0 for banned ones."""
        own = self._without(head, banned)
        return np.broadcast_to(own / own.sum(), (self.rows, len(own)))

    def _without(self, head: int, banned: Sequence[int]) -> NDArray[np.float64]:
        shares = self.frequencies[head].copy()
        shares[list(banned)] = 0.0
        if shares.sum() <= 0:
            shares[:] = 1.0
            shares[list(banned)] = 0.0
        return shares

    def see(self, slot: int, features: Features) -> None:
        """Nothing depends on anything here."""


def fit(task: FitTask, report: Callable[[int, int], None]) -> MarginalModel:
    """Count tokens."""
    shares = []
    for (_, tokens), target in zip(task.heads, task.targets, strict=True):
        counted = np.bincount(target[target >= 0], minlength=tokens).astype(np.float64)
        shares.append(counted / counted.sum() if counted.sum() else np.full(tokens, 1 / tokens))
    report(1, 1)
    return MarginalModel(shares)


def load(data: Mapping[str, Any], tensors: Tensors) -> MarginalModel:
    """Rebuild from `saved`."""
    return MarginalModel([tensors[f"shares.{i}"] for i in range(data["heads"])])


ENGINE = Engine("marginal", fit, load)
