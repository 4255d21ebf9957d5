"""
Which few parts of what a head sees tell most of what it hears, and how they stand in for the rest.

Parts say much the same: a code and its float, an owner's label and its siblings'.  Those that are
left out are not just forgotten: those that stay get what can be foretold of the others, by least
squares.

Source: orthogonal matching pursuit (Pati, Rezaiifar and Krishnaprasad, Asilomar 1993), of groups of
columns; errors count as far as a head's shares feel them (Fisher information), as in optimal brain
surgery (Hassibi and Stork, NIPS 1992).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

RIDGE = 1e-4  # of the mean variance, added to each


class Pursuit:
    """Takes part after part, the one first that explains most of what is not explained yet."""

    def __init__(
        self, covariance: Tensor, weight: Tensor, felt: Tensor, parts: Sequence[list[int]]
    ) -> None:
        """
        Begin with no part.

        Args:
            covariance: (width, width) of what a head sees.
            weight: (width, units) its first weights.
            felt: (units, units) how much shares feel errors of units.
            parts: columns of each.
        """
        spread = covariance.diagonal()
        self._covariance = covariance + torch.diag(torch.full_like(spread, RIDGE) * spread.mean())
        self._heard = self._covariance @ weight  # (width, units)
        self._left = self._heard @ _root(felt)  # what is not explained yet, as it is felt
        self._parts, self._open = parts, torch.ones(len(parts), dtype=torch.bool)
        widest = max((len(p) for p in parts), default=0)
        padded = [[*p, *[-1] * (widest - len(p))] for p in parts]
        self._places = torch.tensor(padded, dtype=torch.int64).reshape(len(parts), widest)
        is_there = self._places >= 0
        self._mask = is_there[:, :, None] & is_there[:, None, :]
        own = self._covariance[self._places[:, :, None], self._places[:, None, :]]
        self._own = own * self._mask  # (parts, widest, widest) variance that is not explained
        self._alone = torch.diag_embed((~is_there).to(own.dtype))
        self._explained = covariance.new_zeros(len(covariance), 0)
        self.taken: list[int] = []

    @property
    def columns(self) -> list[int]:
        """All columns of the parts that were taken."""
        return [column for part in self.taken for column in self._parts[part]]

    def take(self) -> None:
        """Take one more part."""
        root = torch.linalg.cholesky(self._own + self._alone + self._slack)
        left = self._left[self._places] * (self._places >= 0)[:, :, None]
        gain = torch.linalg.solve_triangular(root, left, upper=False).square().sum(dim=(1, 2))
        best = int(torch.where(self._open, gain, -1.0).argmax())
        self._open[best] = False
        self.taken.append(best)
        columns = self._parts[best]
        rest = self._covariance[:, columns] - self._explained @ self._explained[columns].T
        inner = root[best, : len(columns), : len(columns)]
        new = torch.linalg.solve_triangular(inner, rest.T, upper=False).T  # (width, own)
        found = torch.linalg.solve_triangular(inner, self._left[columns], upper=False)
        self._left = self._left - new @ found
        self._explained = torch.cat([self._explained, new], dim=1)
        seen = new[self._places] * (self._places >= 0)[:, :, None]
        self._own = self._own - seen @ seen.transpose(1, 2)

    @property
    def _slack(self) -> Tensor:
        """What keeps variances positive that are explained as far as numbers go."""
        least = RIDGE * self._covariance.diagonal().mean()
        return least * torch.eye(self._own.shape[1], dtype=self._own.dtype)

    def weights(self, columns: list[int]) -> Tensor:
        """(columns, units) weights of these that come nearest to what all columns said."""
        found: Tensor = torch.linalg.solve(
            self._covariance[columns][:, columns], self._heard[columns]
        )
        return found


def _root(felt: Tensor) -> Tensor:
    """A matrix that times its transpose is this one."""
    values, vectors = torch.linalg.eigh(felt)
    root: Tensor = vectors * values.clamp(min=0.0).sqrt()
    return root
