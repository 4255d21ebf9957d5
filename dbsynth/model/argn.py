"""The default engine: one `RowNet` a table; drawing needs nothing of what training needs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dbsynth.features import Features, Ints
from dbsynth.model.base import Columns, Engine, FitTask, Listening, Tensors
from dbsynth.model.ready import Drawn, ReadyNet, Shared
from dbsynth.model.ready import load as load_ready
from dbsynth.model.shape import NetShape


@dataclass(frozen=True, slots=True)
class ArgnModel:
    """A trained network."""

    net: ReadyNet

    def begin(self, condition: Features) -> ArgnSession:
        """Start drawing as many rows as the condition has."""
        return ArgnSession(self.net, self.net.begin(condition))

    def prepare(self, shared: Features) -> Shared:
        """Work out what the first part of conditions says, of (m,) kinds of rows."""
        return self.net.prepare(shared)

    def resume(self, prepared: Shared | None, kinds: Ints, rest: Columns) -> ArgnSession:
        """Start drawing (n,) rows by their kinds and the rest of their conditions."""
        return ArgnSession(self.net, self.net.resume(prepared, kinds, rest))

    def listens(self, head: int) -> Listening:
        """What makes a difference to a head."""
        return self.net.listens(head)

    def saved(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Shape as JSON, weights as arrays."""
        return dataclasses.asdict(self.net.shape), self.net.saved()


class ArgnSession:
    """Drawing n rows from a network, slot after slot."""

    def __init__(self, net: ReadyNet, drawn: Drawn) -> None:
        """Begin with what the condition alone says."""
        self.net, self.drawn = net, drawn

    def draw(self, head: int, uniforms: NDArray[np.float64], banned: Sequence[int] = ()) -> Ints:
        """Draw (n,) tokens of one head by inverse CDF."""
        return self.net.draw(self.drawn, head, uniforms, banned)

    def draw_among(
        self, head: int, rows: Ints, uniforms: NDArray[np.float64], banned: Sequence[int],
        wanted: NDArray[np.bool_], faint: float,
    ) -> Ints:  # fmt: skip
        """Draw tokens of (m,) rows once more, among the (m, tokens) wanted."""
        return self.net.draw_among(self.drawn, head, rows, uniforms, banned, wanted, faint)

    def shares(self, head: int, banned: Sequence[int] = ()) -> NDArray[np.float64]:
        """How likely each token of a head is: (n, tokens), 0 for banned ones."""
        return self.net.shares(self.drawn, head, banned)

    def see(self, slot: int, features: Features) -> None:
        """Let later heads know what a slot became."""
        self.net.see(self.drawn, slot, features)


def fit(task: FitTask, report: Callable[[int, int], None]) -> ArgnModel:
    """Train a network; see `learning`."""
    from dbsynth.model.learning import fit as learn  # torch takes longer to load than many draws

    return ArgnModel(learn(task, report))


def load(data: Mapping[str, Any], tensors: Tensors) -> ArgnModel:
    """
    Rebuild from `saved`.

    Raises:
        KeyError, TypeError, ValueError: shape and weights do not fit each other.
    """
    return ArgnModel(load_ready(NetShape(**{k: _tuple(v) for k, v in data.items()}), tensors))


def _tuple(value: Any) -> Any:
    return tuple(_tuple(v) for v in value) if isinstance(value, list | tuple) else value


ENGINE = Engine("argn", fit, load)
