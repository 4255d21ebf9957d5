"""
Any of SDV's single-table synthesizers as an engine: `sdv:CTGANSynthesizer`, `sdv:tvae`, ….

A synthesizer learns rows of condition and tokens side by side.  Most can be conditioned on a
column only by throwing rows away until one fits, which is hopeless for dozens of columns; so a pool
of rows is drawn once, and every row to be made takes the tokens of one of the pool's rows whose
condition is nearest to its own.  The pool is the model: rows that the synthesizer made up, as
arrays, so that a model file needs no pickle, and `generate` no SDV.

Source: SDV (Patki et al., DSAA 2016); CTGAN and TVAE (Xu et al., NeurIPS 2019).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dbsynth.errors import UsageError
from dbsynth.features import Features, Floats, Ints
from dbsynth.model.base import Engine, FitTask, Tensors
from dbsynth.model.inputs import Inputs
from dbsynth.model.pool import Shown, choose_columns, make_pool

SHORT_NAMES: Mapping[str, str] = {
    "": "GaussianCopulaSynthesizer",
    "gaussian_copula": "GaussianCopulaSynthesizer",
    "copula_gan": "CopulaGANSynthesizer",
    "ctgan": "CTGANSynthesizer",
    "tvae": "TVAESynthesizer",
}
NEIGHBOURS = 5  # rows of the pool that a row may take its tokens from
CHUNK = 512  # rows compared with the pool at once


@dataclass(frozen=True, slots=True)
class PoolModel:
    """Rows that a synthesizer made up: where their conditions lie, and their tokens."""

    inputs: Inputs
    shown: Shown
    points: NDArray[np.float32]  # (pool, width) conditions
    tokens: NDArray[np.int32]  # (pool, heads)
    sizes: tuple[int, ...]  # tokens of each head

    def begin(self, condition: Features) -> PoolSession:
        """Start drawing as many rows as the condition has."""
        return PoolSession(self, condition)

    def saved(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Shapes as JSON, the pool as arrays."""
        data = {"inputs": self.inputs.to_json(), "sizes": list(self.sizes)}
        arrays = {f"shown.{n}": a for n, a in self.shown.saved().items()}
        return data, {**arrays, "points": self.points, "tokens": self.tokens}


class PoolSession:
    """Drawing n rows: each keeps to one row of the pool, unless a token is banned."""

    def __init__(self, model: PoolModel, condition: Features) -> None:
        """Find the rows of the pool that are nearest to the condition."""
        self.model = model
        self.near = _nearest(model, model.shown.of(model.inputs.begin(condition)))
        self.chosen: Ints | None = None

    def draw(self, head: int, uniforms: Floats, banned: Sequence[int] = ()) -> Ints:
        """Draw (n,) tokens of one head; the first uniforms choose among the neighbours."""
        rows, count = self.near.shape
        if self.chosen is None:
            self.chosen = np.minimum((uniforms * count).astype(np.int64), count - 1)
        tokens = np.full(rows, -1, np.int64)
        for further in range(count):
            place = (self.chosen + further) % count
            found = self.model.tokens[self.near[np.arange(rows), place], head]
            tokens = np.where((tokens < 0) & ~np.isin(found, banned), found, tokens)
        lost = tokens < 0
        if lost.any():
            tokens[lost] = self._anything(head, uniforms[lost], banned)
        return tokens

    def _anything(self, head: int, uniforms: Floats, banned: Sequence[int]) -> Ints:
        """Draw what no neighbour may give from the whole pool."""
        counted = np.bincount(self.model.tokens[:, head], minlength=self.model.sizes[head])
        shares = counted.astype(np.float64)
        for fallback in (shares, np.ones(len(shares))):
            fallback[list(banned)] = 0.0
            if fallback.sum() > 0:
                shares = fallback
                break
        total = np.cumsum(shares)
        found = np.searchsorted(total, uniforms * total[-1], "right")
        tokens: Ints = np.minimum(found, int(np.flatnonzero(shares)[-1])).astype(np.int64)
        return tokens

    def see(self, slot: int, features: Features) -> None:
        """A row of the pool was made as a whole: nothing is left to depend on."""


def _nearest(model: PoolModel, points: NDArray[np.float32]) -> Ints:
    """(n, neighbours) rows of the pool; without a condition all of them are as near."""
    pool = len(model.points)
    if not model.points.shape[1]:
        return np.broadcast_to(np.arange(pool), (len(points), pool))
    count = min(NEIGHBOURS, pool)
    square = (model.points**2).sum(axis=1)
    found = np.empty((len(points), count), np.int64)
    for start in range(0, len(points), CHUNK):
        part = points[start : start + CHUNK]
        distance = square - 2.0 * part @ model.points.T
        found[start : start + CHUNK] = np.argpartition(distance, count - 1, axis=1)[:, :count]
    return np.sort(found, axis=1)


def fit(task: FitTask, report: Callable[[int, int], None], synthesizer: str) -> PoolModel:
    """
    Let a synthesizer learn condition and tokens, and make up a pool of rows.

    Raises:
        UsageError: SDV is not installed, or has no such synthesizer.
        FitError: the synthesizer failed.
    """
    check(synthesizer)
    inputs = Inputs.of(task)
    shown = choose_columns(task, inputs)
    report(0, 1)
    points, tokens = make_pool(task, inputs, shown, synthesizer)
    report(1, 1)
    return PoolModel(inputs, shown, points, tokens, tuple(t for _, t in task.heads))


def load(data: Mapping[str, Any], tensors: Tensors) -> PoolModel:
    """
    Rebuild from `saved`.

    Raises:
        KeyError, ValueError: shapes and arrays do not fit each other.
    """
    parts = {n.split(".", 1)[1]: a for n, a in tensors.items() if n.startswith("shown.")}
    sizes = tuple(int(s) for s in data["sizes"])
    if tensors["tokens"].shape != (len(tensors["points"]), len(sizes)):
        raise ValueError("the pool's tokens do not fit its conditions")
    return PoolModel(
        Inputs.from_json(data["inputs"]),
        Shown.load(parts),
        tensors["points"],
        tensors["tokens"],
        sizes,
    )


def check(synthesizer: str) -> None:
    """
    Make sure that SDV is there and has such a synthesizer.

    Raises:
        UsageError: it is not, or has not.
    """
    if importlib.util.find_spec("sdv") is None:
        raise UsageError(
            "the sdv engines need SDV, which is not installed",
            "Run `pip install 'dbsynth[sdv]'` in an environment without constraints.txt, or use "
            "another engine.",
        )
    from sdv import single_table

    fitting = [n for n in single_table.__all__ if hasattr(getattr(single_table, n), "fit")]
    if synthesizer not in fitting:
        raise UsageError(
            f"SDV has no synthesizer {synthesizer!r} that learns rows of one table",
            f"Use sdv: with one of {', '.join(sorted({*SHORT_NAMES, *fitting} - {''}))}.",
        )


def variant(name: str) -> Engine:
    """The engine around one synthesizer, by SDV's name for it or a short one."""
    synthesizer = SHORT_NAMES.get(name, name)
    return Engine(
        f"sdv:{name}" if name else "sdv",
        partial(fit, synthesizer=synthesizer),
        load,
        check=partial(check, synthesizer),
    )


ENGINE = Engine("sdv", variant("").fit, load, check=variant("").check, variant=variant)
