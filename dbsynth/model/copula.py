"""
A Gaussian copula: every head given the condition and the slots before it, exactly, in one product.

What came before is a vector x of normal scores and indicators with a shrunken correlation matrix R.
A head with an order has one latent normal variable z, cut into tokens where their frequencies say:
given x it is normal with mean r' R^-1 x and variance 1 - r' R^-1 r.  A head of labels has an
indicator a label: by Bayes' rule its odds given x are those of its frequency times
exp(d' R^-1 x - d' R^-1 d / 2), where d holds the means of x among the label's rows.

Source: Gaussian copula for synthesis (Patki et al., DSAA 2016) with conditioning in place of
rejection; shrinkage towards independence (Schäfer and Strimmer, SAGMB 2005), its strength chosen on
entities put aside; discriminants for the labels (Fisher 1936).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dbsynth.features import Features, Floats, Ints
from dbsynth.model.base import Engine, FitTask, Tensors
from dbsynth.model.gaussian import HeadFit, HeadRows, fit_head
from dbsynth.model.inputs import Inputs, whole
from dbsynth.model.scores import Scores, fit_scores

CHUNK = 2_048  # rows whose shares are worked out at once
LEAST_SHARE = 1e-12  # with less together, tokens are not there
_HEAD = ("weights", "offsets", "order", "cuts")


@dataclass(frozen=True, slots=True)
class CopulaModel:
    """How every head depends on the scores before it."""

    inputs: Inputs
    scores: Scores
    heads: tuple[HeadFit, ...]

    def begin(self, condition: Features) -> CopulaSession:
        """Start drawing as many rows as the condition has."""
        return CopulaSession(self, condition)

    def saved(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Shapes and spreads as JSON, scores and weights as arrays."""
        data = {"inputs": self.inputs.to_json(), "spreads": [h.spread for h in self.heads]}
        arrays = {f"scores.{n}": a for n, a in self.scores.saved().items()}
        for number, head in enumerate(self.heads):
            arrays |= {f"{number}.{n}": getattr(head, n) for n in _HEAD}
        return data, arrays


class CopulaSession:
    """Drawing n rows: keeps their scores, as far as they are known."""

    def __init__(self, model: CopulaModel, condition: Features) -> None:
        """Work out the scores of the condition."""
        self.model = model
        self.seen = model.inputs.begin(condition)
        self.known = np.zeros((len(condition), len(model.scores.column)))
        self._add(0, model.inputs.before(0))

    def draw(self, head: int, uniforms: Floats, banned: Sequence[int] = ()) -> Ints:
        """Draw (n,) tokens of one head by inverse CDF."""
        fitted, found = self.model.heads[head], np.zeros(len(uniforms), np.int64)
        for start in range(0, len(uniforms), CHUNK):
            part = slice(start, start + CHUNK)
            known = self.known[part, : len(fitted.weights)]
            shares = fitted.shares(fitted.offsets + known @ fitted.weights)
            found[part] = _drawn(shares, uniforms[part], banned)
        return found

    def see(self, slot: int, features: Features) -> None:
        """Let later heads know what a slot became."""
        inputs = self.model.inputs
        inputs.see(self.seen, slot, features)
        self._add(inputs.before(slot), inputs.before(slot + 1))

    def _add(self, start: int, stop: int) -> None:
        part, scores = self.model.scores.of(self.seen, start, stop)
        self.known[:, part] = scores


def _drawn(shares: Floats, uniforms: Floats, banned: Sequence[int]) -> Ints:
    """Turn (n, tokens) shares into (n,) tokens that are not banned."""
    shares[:, list(banned)] = 0.0
    lost = shares.sum(axis=1) <= LEAST_SHARE
    if lost.any():  # nothing is left: all others are as likely
        shares[lost] = 1.0
        shares[:, list(banned)] = 0.0
    total = np.cumsum(shares, axis=1)
    wanted = (uniforms * total[:, -1])[:, None]
    last = shares.shape[1] - 1 - np.argmax(shares[:, ::-1] > 0, axis=1)
    found: Ints = np.minimum((total <= wanted).sum(axis=1), last).astype(np.int64)
    return found


def fit(task: FitTask, report: Callable[[int, int], None]) -> CopulaModel:
    """Find scores, correlations and the weights of each head."""
    inputs, seen = Inputs.of(task), whole(task)
    entities = np.unique(task.entities, return_inverse=True)[1].astype(np.int64)
    scores = fit_scores(seen, inputs.cards, entities, task.threshold)
    _, known = scores.of(seen, 0, seen.shape[1])
    heads = []
    for head, (slot, tokens) in enumerate(task.heads):
        width = int(np.searchsorted(scores.column, inputs.before(slot)))
        used = task.targets[head] >= 0
        rows = HeadRows(
            known=known[used, :width],
            target=task.targets[head][used],
            tokens=tokens,
            places=task.places[head],
            entities=entities[used],
            threshold=task.threshold,
        )
        heads.append(fit_head(rows))
        report(head + 1, len(task.heads))
    return CopulaModel(inputs, scores, tuple(heads))


def load(data: Mapping[str, Any], tensors: Tensors) -> CopulaModel:
    """
    Rebuild from `saved`.

    Raises:
        KeyError, ValueError: shapes and arrays do not fit each other.
    """
    parts = {n.split(".", 1)[1]: a for n, a in tensors.items() if n.startswith("scores.")}
    heads = [
        HeadFit(spread=float(s), **{n: tensors[f"{i}.{n}"] for n in _HEAD})
        for i, s in enumerate(data["spreads"])
    ]
    return CopulaModel(Inputs.from_json(data["inputs"]), Scores.load(parts), tuple(heads))


ENGINE = Engine("copula", fit, load)
