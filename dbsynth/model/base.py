"""What an engine is: something that learns rows of tokens under a condition, and draws them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from dbsynth.features import Features, Ints

Quality = Literal["fast", "balanced", "max"]
Tensors = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FitTask:
    """
    One table's rows, ready to learn from: n rows, their condition and their tokens.

    A head whose tokens have an order has `places`, in the unit of its column, NaN for NULL; a head
    of labels has none.
    """

    name: str
    condition: Features  # (n, ...)
    slots: Sequence[Features]  # per slot (n, ...)
    heads: Sequence[tuple[int, int]]  # (slot, tokens) per head
    targets: Sequence[Ints]  # per head (n,); -1: does not count
    places: Sequence[NDArray[np.float64] | None]  # per head (tokens,): what a token stands for
    held_out: NDArray[np.bool_]  # (n,) rows of held-out entities: early stop only
    entities: Ints  # (n,) which entity each row belongs to
    threshold: int  # how many different entities a statistic that is kept needs
    seed: int
    quality: Quality
    smoothing: float = np.inf  # how many rows like others' trees may imagine, at most
    alone: tuple[int, int] | None = None  # codes and floats before those about siblings, if any
    share: float = 1.0  # of the work that the quality allows: all tables share one purse


class Session(Protocol):
    """Drawing n rows, slot after slot."""

    def draw(self, head: int, uniforms: NDArray[np.float64], banned: Sequence[int] = ()) -> Ints:
        """Draw (n,) tokens of one head by (n,) uniforms, never a banned one."""

    def see(self, slot: int, features: Features) -> None:
        """Let later heads know what a slot became; (n, ...)."""


@runtime_checkable
class Telling(Protocol):
    """A session that can tell what it would draw: wished shares of rare values are quick then."""

    def shares(self, head: int, banned: Sequence[int] = ()) -> NDArray[np.float64]:
        """How likely each token of a head is: (n, tokens) that sum to 1, 0 for banned ones."""


@runtime_checkable
class Choosing(Protocol):
    """A session that can draw some rows once more, among some tokens of each."""

    def draw_among(
        self, head: int, rows: Ints, uniforms: NDArray[np.float64], banned: Sequence[int],
        wanted: NDArray[np.bool_], faint: float,
    ) -> Ints:  # fmt: skip
        """
        Draw tokens of (m,) rows among the (m, tokens) wanted.

        Where these have no share above `faint`, among all.
        """


class Columns(Protocol):
    """What is known of (n,) rows, column by column."""

    def code(self, number: int) -> NDArray[np.integer[Any]]:
        """(n,) codes."""

    def float(self, number: int) -> NDArray[np.float32]:
        """(n,) floats."""


@dataclass(frozen=True, slots=True)
class Listening:
    """What a head listens to."""

    codes: frozenset[int]  # of the condition
    floats: frozenset[int]
    slots: frozenset[int]  # among those before its own


@runtime_checkable
class Preparing(Protocol):
    """An engine's model that can work out once what several draws have in common."""

    def prepare(self, shared: Features) -> Any:
        """Work out what the first part of conditions says, of (m,) kinds of rows."""

    def resume(self, prepared: Any, kinds: Ints, rest: Columns) -> Session:
        """
        Start drawing (n,) rows by their kinds and the rest of their conditions.

        Where nothing was prepared (None), the rest is all of it.
        """

    def listens(self, head: int) -> Listening:
        """What makes a difference to a head."""


class RowModel(Protocol):
    """A fitted engine."""

    def begin(self, condition: Features) -> Session:
        """Start drawing as many rows as the condition has."""

    def saved(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """JSON and arrays from which `Engine.load` rebuilds the model."""


@dataclass(frozen=True, slots=True)
class Engine:
    """
    An engine plug-in (entry point group `dbsynth.engines`).

    `check` raises a UsageError where the engine cannot learn here, before anything is learned;
    `variant` makes an engine of what is said after a colon, as in `sdv:ctgan`.
    """

    name: str
    fit: Callable[[FitTask, Callable[[int, int], None]], RowModel]  # (task, report(done, total))
    load: Callable[[Mapping[str, Any], Tensors], RowModel]
    check: Callable[[], None] | None = None
    variant: Callable[[str], Engine] | None = None


def stable_seed(*parts: object) -> int:
    """A 63-bit seed from names and numbers, the same on every machine."""
    import hashlib

    text = "/".join(str(p) for p in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 1
