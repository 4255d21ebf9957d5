"""A pool of rows that one of SDV's synthesizers made up, and the conditions that it is told."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dbsynth.errors import FitError
from dbsynth.features import Floats, Ints
from dbsynth.model.base import FitTask, Quality, Tensors
from dbsynth.model.inputs import Inputs, ranks

if TYPE_CHECKING:
    import pandas as pd

MOST_COLUMNS = 16  # of the condition: what says most about the heads
MOST_CODES = 33  # a column of more codes is not shown
FEWEST_ROWS = 20  # with fewer a synthesizer has nothing to learn: frequencies are drawn
POOL_ROWS = (2_000, 10_000)  # at least, at most; in between, as many as were learned from
VISITS: Mapping[Quality, int] = {"fast": 200_000, "balanced": 1_000_000, "max": 4_000_000}
EPOCHS = (10, 300)
SAME_CODE = 0.7  # how far apart two codes are, where a float's spread is 1


@dataclass(frozen=True, slots=True)
class Shown:
    """Which columns of the condition a synthesizer is told."""

    columns: Ints  # (shown,) columns of `Inputs`
    cards: Ints  # (shown,) cardinalities, 0 for floats
    spread: Floats  # (shown,) of floats, 1 for codes

    def of(self, seen: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, columns) -> (n, width) coordinates in which distance means difference."""
        return self.spread_out(seen[:, self.columns])

    def spread_out(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, shown) values -> (n, width): floats by their spread, codes as indicators."""
        parts = [np.zeros((len(values), 0), np.float32)]
        for number, size in enumerate(self.cards):
            column = values[:, number]
            if size:
                hot = column[:, None] == np.arange(size)
                parts.append(hot.astype(np.float32) * np.float32(SAME_CODE))
            else:
                parts.append((column / self.spread[number]).astype(np.float32)[:, None])
        return np.concatenate(parts, axis=1)

    def saved(self) -> dict[str, NDArray[Any]]:
        """Everything as arrays."""
        return {"columns": self.columns, "cards": self.cards, "spread": self.spread}

    @staticmethod
    def load(arrays: Tensors) -> Shown:
        """Rebuild from `saved`."""
        return Shown(arrays["columns"], arrays["cards"], arrays["spread"])


def choose_columns(task: FitTask, inputs: Inputs) -> Shown:
    """Choose the columns of the condition that explain most of the heads' variance."""
    seen = inputs.begin(task.condition)
    cards = inputs.cards
    scores = np.zeros(inputs.before(0))
    for column in range(len(scores)):
        if cards[column] <= MOST_CODES and len(seen) and np.ptp(seen[:, column]) > 0:
            scores[column] = _explained(seen[:, column], task)
    best = np.argsort(-scores, kind="stable")[:MOST_COLUMNS]
    chosen = np.sort(best[scores[best] > 0]).astype(np.int64)
    spread = np.array([seen[:, c].std() if cards[c] == 0 else 1.0 for c in chosen])
    return Shown(chosen, cards[chosen], spread)


def _explained(column: NDArray[np.float32], task: FitTask) -> float:
    """Sum over heads of the share of variance between a column's values, beyond chance."""
    groups = np.unique(column, return_inverse=True)[1]
    total = 0.0
    for (_, tokens), target, places in zip(task.heads, task.targets, task.places, strict=True):
        used = target >= 0
        if not used.any():
            continue
        top = np.bincount(target[used], minlength=tokens).argmax()
        own = ranks(places)[target[used]] if places is not None else (target[used] == top) * 1.0
        counted = np.bincount(groups[used])
        means = np.bincount(groups[used], own) / np.maximum(counted, 1)
        variance = float(own.var())
        if variance > 0:
            between = float((counted * (means - own.mean()) ** 2).sum()) / len(own) / variance
            total += max(0.0, between - (counted > 0).sum() / len(own))
    return total


def make_pool(
    task: FitTask, inputs: Inputs, shown: Shown, synthesizer: str
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """
    Fit a synthesizer and draw from it.

    Returns:
        (pool, width) conditions as `Shown` has them, and (pool, heads) tokens.

    Raises:
        FitError: the synthesizer failed.
    """
    rng = np.random.default_rng(task.seed)
    filled = [_filled(t, n, rng) for t, (_, n) in zip(task.targets, task.heads, strict=True)]
    rows = len(task.condition)
    size = int(np.clip(rows, *POOL_ROWS))
    values = inputs.begin(task.condition)[:, shown.columns]
    is_tiny = rows < FEWEST_ROWS or len(np.unique(task.entities)) < 2 * task.threshold
    if is_tiny:
        drawn = [f[rng.integers(0, rows, size)] for f in filled]
        nothing = np.zeros((size, shown.spread_out(values).shape[1]), np.float32)
        return nothing, np.stack(drawn, axis=1).astype(np.int32)
    frame = _frame(values, shown, filled, task)
    with _quiet(task.seed):
        made = _synthesized(frame, synthesizer, size, task)
    return _read(made, shown, task)


def _filled(target: Ints, tokens: int, rng: np.random.Generator) -> Ints:
    """Draw tokens by their frequency where the head does not count."""
    known = target[target >= 0]
    some = rng.choice(known, len(target)) if len(known) else rng.integers(0, tokens, len(target))
    return np.where(target >= 0, target, some)


def _frame(
    values: NDArray[np.float32], shown: Shown, filled: list[Ints], task: FitTask
) -> pd.DataFrame:
    """Condition and tokens side by side: what has an order as numbers, the rest as labels."""
    import pandas as pd

    columns: dict[str, Any] = {}
    for number, size in enumerate(shown.cards):
        column = values[:, number]
        columns[f"c{number}"] = (
            column.astype(np.int64).astype(str) if size else column.astype(float)
        )
    for head, (tokens, places) in enumerate(zip(filled, task.places, strict=True)):
        columns[f"h{head}"] = ranks(places)[tokens] if places is not None else tokens.astype(str)
    return pd.DataFrame(columns)


def _synthesized(frame: pd.DataFrame, synthesizer: str, size: int, task: FitTask) -> pd.DataFrame:
    from sdv import single_table
    from sdv.metadata import Metadata

    kinds = {
        n: {"sdtype": "numerical" if frame[n].dtype.kind == "f" else "categorical"} for n in frame
    }
    metadata = Metadata.load_from_dict({"tables": {"rows": {"columns": kinds}}})
    kind = getattr(single_table, synthesizer)
    known = inspect.signature(kind.__init__).parameters
    epochs = int(np.clip(VISITS[task.quality] // len(frame), *EPOCHS))
    wishes = {"epochs": epochs, "enable_gpu": False, "cuda": False}
    try:
        model = kind(metadata, **{n: v for n, v in wishes.items() if n in known})
        model.fit({"rows": frame})
        made: pd.DataFrame = model.sample(size)["rows"]
    except Exception as exc:  # whatever it raises is its own, and ends this fit
        raise FitError(
            f"SDV's {synthesizer} failed on {task.name}: {type(exc).__name__}",
            "Give that table another engine in the plan, e.g. `engine: copula`.",
        ) from exc
    return made


def _read(
    made: pd.DataFrame, shown: Shown, task: FitTask
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Turn a synthesizer's rows into coordinates and tokens; numbers go to the nearest rank."""
    values = np.zeros((len(made), len(shown.columns)), np.float32)
    for number in range(len(shown.columns)):
        values[:, number] = made[f"c{number}"].astype(float)
    tokens = np.zeros((len(made), len(task.heads)), np.int32)
    for head, places in enumerate(task.places):
        column = made[f"h{head}"].astype(float).to_numpy()
        if places is not None:
            place = ranks(places)
            first = np.unique(place, return_index=True)[1]  # the token of each rank
            column = first[np.round(column).astype(np.int64).clip(0, len(first) - 1)]
        tokens[:, head] = column
    return shown.spread_out(values), tokens


@contextmanager
def _quiet(seed: int) -> Iterator[None]:
    """Seed what SDV draws from, on one thread, and keep its warnings to ourselves."""
    import torch

    state, threads = np.random.get_state(), torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.random.seed(seed % 2**32)
        torch.manual_seed(seed)
        try:
            yield
        finally:
            np.random.set_state(state)
            torch.set_num_threads(threads)
