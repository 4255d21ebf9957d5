"""Trees: every head draws from the leaves of bagged decision trees on all that came before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dbsynth.features import Features, Ints
from dbsynth.model import forest
from dbsynth.model.base import Engine, FitTask, Quality, Tensors, stable_seed
from dbsynth.model.forest import Forest
from dbsynth.model.growing import Rows, Size, grow
from dbsynth.model.inputs import Inputs, whole

SIZES: Mapping[Quality, Size] = {
    "fast": Size(trees=3, rows=5_000),
    "balanced": Size(trees=8, rows=20_000),
    "max": Size(trees=20, rows=60_000),
}


@dataclass(frozen=True, slots=True)
class TreeModel:
    """The trees of each head, and what they see."""

    inputs: Inputs
    slots: tuple[int, ...]  # of each head
    forests: tuple[Forest, ...]

    def begin(self, condition: Features) -> TreeSession:
        """Start drawing as many rows as the condition has."""
        return TreeSession(self, self.inputs.begin(condition))

    def saved(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Shapes as JSON, trees as arrays."""
        data = {
            "inputs": self.inputs.to_json(),
            "slots": list(self.slots),
            "depths": [f.depth for f in self.forests],
        }
        trees = enumerate(self.forests)
        return data, {f"{i}.{n}": a for i, f in trees for n, a in f.saved().items()}


@dataclass(frozen=True, slots=True)
class TreeSession:
    """Drawing n rows."""

    model: TreeModel
    seen: NDArray[np.float32]  # (n, columns)

    def draw(self, head: int, uniforms: NDArray[np.float64], banned: Sequence[int] = ()) -> Ints:
        """Draw (n,) tokens of one head."""
        return self.model.forests[head].draw(self.seen, uniforms, banned)

    def shares(self, head: int, banned: Sequence[int] = ()) -> NDArray[np.float64]:
        """How likely each token of a head is: (n, tokens), 0 for banned ones."""
        return self.model.forests[head].mean(self.seen, banned)

    def see(self, slot: int, features: Features) -> None:
        """Let later heads know what a slot became."""
        self.model.inputs.see(self.seen, slot, features)


def fit(task: FitTask, report: Callable[[int, int], None]) -> TreeModel:
    """Grow trees for each head, on the condition and the slots before its own."""
    inputs, seen = Inputs.of(task), whole(task)
    _, entities = np.unique(task.entities, return_inverse=True)
    size = replace(SIZES[task.quality], imagined=task.smoothing)
    forests = []
    for head, (slot, tokens) in enumerate(task.heads):
        used = np.flatnonzero(task.targets[head] >= 0)
        _, own = np.unique(entities[used], return_inverse=True)
        known = inputs.before(slot)
        rows = Rows(
            seen=seen[used, :known],
            cards=inputs.cards[:known],
            target=task.targets[head][used],
            tokens=tokens,
            places=task.places[head],
            entities=own,
            may_grow=~task.held_out[used],
            threshold=task.threshold,
        )
        forests.append(grow(rows, size, stable_seed(task.seed, "head", head)))
        report(head + 1, len(task.heads))
    return TreeModel(inputs, tuple(s for s, _ in task.heads), tuple(forests))


def load(data: Mapping[str, Any], tensors: Tensors) -> TreeModel:
    """
    Rebuild from `saved`.

    Raises:
        KeyError, ValueError: shapes and arrays do not fit each other.
    """
    forests = []
    for head, depth in enumerate(data["depths"]):
        start = f"{head}."
        own = {n[len(start) :]: a for n, a in tensors.items() if n.startswith(start)}
        forests.append(forest.load(own, int(depth)))
    return TreeModel(Inputs.from_json(data["inputs"]), tuple(data["slots"]), tuple(forests))


ENGINE = Engine("tree", fit, load)
