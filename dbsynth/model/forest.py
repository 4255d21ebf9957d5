"""Decision trees as flat arrays: followed for all rows at once, drawn from by one search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dbsynth.features import Floats, Ints
from dbsynth.model.base import Tensors

Answers = NDArray[np.float32]  # (n, questions)


@dataclass(frozen=True, slots=True)
class Questions:
    """
    What trees may ask: a column of what was seen each.

    Codes may be asked for by their place in `order`, where codes with like targets are neighbours.
    """

    columns: Ints  # (questions,)
    order: NDArray[np.float32]  # (questions, codes) place of each code; first -1: as it is

    def answers(self, seen: NDArray[np.float32]) -> Answers:
        """(n, columns) that were seen -> (n, questions)."""
        found: Answers = seen[:, self.columns]
        for number in np.flatnonzero(self.order[:, 0] >= 0):
            found[:, number] = self.order[number][found[:, number].astype(np.int64)]
        return found


@dataclass(frozen=True, slots=True)
class Nodes:
    """Inner nodes send a row left if its answer is at most the threshold; leaves keep it."""

    feature: Ints  # (nodes,) a question
    threshold: NDArray[np.float32]  # (nodes,)
    left: Ints  # (nodes,) a node, for a leaf itself
    right: Ints  # (nodes,)

    def step(self, answers: Answers, nodes: Ints) -> Ints:
        """Lead (n,) rows one node further."""
        is_left = answers[np.arange(len(nodes)), self.feature[nodes]] <= self.threshold[nodes]
        found: Ints = np.where(is_left, self.left[nodes], self.right[nodes])
        return found

    @property
    def is_leaf(self) -> NDArray[np.bool_]:
        """(nodes,) which are leaves."""
        found: NDArray[np.bool_] = self.left == np.arange(len(self.left))
        return found


@dataclass(frozen=True)
class Forest:
    """The trees of one head, one after another in the same arrays."""

    questions: Questions
    nodes: Nodes
    roots: Ints  # (trees,) a node each
    leaf: Ints  # (nodes,) number of a leaf, -1 for inner nodes
    shares: NDArray[np.float32]  # (leaves, tokens) summing to 1
    depth: int
    _curves: dict[tuple[int, ...], tuple[Floats, Ints]] = field(default_factory=dict, compare=False)

    def draw(self, seen: NDArray[np.float32], uniforms: Floats, banned: Sequence[int]) -> Ints:
        """
        Draw (n,) tokens: (n,) uniforms say which tree is asked, and what its leaf answers.

        A row that asks one of the trees at random follows the mean of all of them.
        """
        scaled = uniforms * len(self.roots)
        tree = np.minimum(scaled.astype(np.int64), len(self.roots) - 1)
        leaf = self._reached(self.questions.answers(seen), self.roots[tree])
        curve, last = self._curve(tuple(banned))
        inside = np.clip(scaled - tree, 0.0, 1.0 - 1e-9)
        found = np.searchsorted(curve, leaf + inside, "right") - leaf * self.shares.shape[1]
        tokens: Ints = np.minimum(found, last[leaf]).astype(np.int64)
        return tokens

    def mean(self, seen: NDArray[np.float32], banned: Sequence[int]) -> Floats:
        """(n, tokens) shares, the mean of all trees, 0 for banned tokens."""
        answers = self.questions.answers(seen)
        found = np.zeros((len(seen), self.shares.shape[1]))
        for root in self.roots:
            found += self.shares[self._reached(answers, np.full(len(seen), root))]
        allowed = np.ones(found.shape[1])
        allowed[list(banned)] = 0.0
        found *= allowed
        found[found.sum(axis=1) <= 0] = allowed  # nothing is left: all others are as likely
        mean: Floats = found / found.sum(axis=1, keepdims=True)
        return mean

    def _reached(self, answers: Answers, nodes: Ints) -> Ints:
        """The number of the leaf in which (n,) rows end that start at some nodes."""
        for _ in range(self.depth):
            nodes = self.nodes.step(answers, nodes)
        found: Ints = self.leaf[nodes]
        return found

    def _curve(self, banned: tuple[int, ...]) -> tuple[Floats, Ints]:
        """
        Cumulative shares of what may be drawn, in all leaves, and the last such token of each.

        Returns:
            (leaves * tokens,) ascending, leaf i's between i and i + 1; (leaves,).
        """
        if banned not in self._curves:
            shares = self.shares.astype(np.float64)
            allowed = np.ones(shares.shape[1])
            allowed[list(banned)] = 0.0
            shares *= allowed
            shares[shares.sum(axis=1) <= 0] = allowed  # nothing is left: all others are as likely
            total = np.cumsum(shares, axis=1)
            total = total / total[:, -1:] + np.arange(len(total))[:, None]
            last = shares.shape[1] - 1 - np.argmax(shares[:, ::-1] > 0, axis=1)
            self._curves[banned] = (total.ravel(), last.astype(np.int64))
        return self._curves[banned]

    def saved(self) -> dict[str, NDArray[Any]]:
        """Arrays from which `load` rebuilds the trees; a leaf's left child is -1 - its number."""
        return {
            "columns": self.questions.columns.astype(np.int32),
            "order": self.questions.order,
            "feature": self.nodes.feature.astype(np.int32),
            "threshold": self.nodes.threshold,
            "left": np.where(self.leaf >= 0, -1 - self.leaf, self.nodes.left).astype(np.int32),
            "right": self.nodes.right.astype(np.int32),
            "roots": self.roots.astype(np.int32),
            "shares": self.shares,
        }


def load(arrays: Tensors, depth: int) -> Forest:
    """
    Rebuild from `Forest.saved`.

    Raises:
        KeyError, ValueError: arrays are missing, or lead nowhere.
    """
    left, right = arrays["left"].astype(np.int64), arrays["right"].astype(np.int64)
    is_leaf, here = left < 0, np.arange(len(left))
    feature, roots = arrays["feature"].astype(np.int64), arrays["roots"].astype(np.int64)
    nodes = Nodes(
        feature,
        arrays["threshold"],
        np.where(is_leaf, here, left),
        np.where(is_leaf, here, right),
    )
    leaf = np.where(is_leaf, -1 - left, -1)
    questions = Questions(arrays["columns"].astype(np.int64), arrays["order"])
    sizes = (
        (roots, len(left)), (nodes.left, len(left)), (nodes.right, len(left)),
        (leaf, len(arrays["shares"])), (feature[~is_leaf], len(questions.columns)),
    )  # fmt: skip
    if any(len(a) and int(a.max()) >= size for a, size in sizes):
        raise ValueError("a tree leads nowhere")
    return Forest(questions, nodes, roots, leaf, arrays["shares"], depth)
