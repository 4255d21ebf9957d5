"""
Grow the trees of one head: splits found by scikit-learn, pruned, counted and smoothed here.

A split stays only if both its sides hold enough different entities.  What a node counts is drawn
towards what its parent counts, by as many imagined rows as predict best the rows that the tree was
not grown on.

Source: CART (Breiman et al. 1984) drawn from one column after another, as in synthpop (Nowok, Raab
and Dibben, JSS 74(11), 2016); bagging (Breiman 1996), by entities; shrinkage towards parents
(Agarwal et al., ICML 2022).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dbsynth.features import Floats, Ints
from dbsynth.model.forest import Answers, Forest, Nodes, Questions
from dbsynth.model.inputs import ranks

IN_BAG = 0.7  # share of the entities that a tree is grown on
DEPTH = 14
SHARE_CELLS = 60_000  # leaves times tokens of one tree, at most
IMAGINED = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 256.0, 1e4)  # rows like the parent's
GROUPS = (2, 4, 8, 16, 32, 0)  # into how many groups ordered tokens are sorted; 0: each its own
ROWS_A_CODE = 40  # that a column needs for an order of its own
MANY, MOST_ASKED = 192, 96  # columns; of more than so many trees ask for those that tell most alone
BINS, TELLING_ROWS = 16, 1_000  # in how many kinds of rows, of so many, columns are looked at
TOP_LABELS, TOP_VALUES = 16, 4  # tokens that a split may tell apart by themselves


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows in which one head counts."""

    seen: NDArray[np.float32]  # (n, columns) of the condition and the slots before
    cards: Ints  # (columns,) cardinalities, 0 for floats
    target: Ints  # (n,)
    tokens: int
    places: Floats | None  # (tokens,) if they have an order
    entities: Ints  # (n,) from 0
    may_grow: NDArray[np.bool_]  # (n,) not held out
    threshold: int


@dataclass(frozen=True, slots=True)
class Size:
    """How much is grown."""

    trees: int
    rows: int  # that a tree is grown on, at most
    imagined: float = np.inf  # rows like the parent's, at most


@dataclass(frozen=True)
class _Tree:
    """A tree, and where each row is after 0, 1, 2, … steps."""

    nodes: Nodes
    path: Ints  # (steps + 1, n)

    @cached_property
    def layers(self) -> list[tuple[Ints, Ints]]:
        """Parents and their children, one pair of arrays for each step away from the root."""
        found, here, is_leaf = [], np.zeros(1, np.int64), self.nodes.is_leaf
        while len(here := here[~is_leaf[here]]):
            children = np.concatenate([self.nodes.left[here], self.nodes.right[here]])
            found.append((np.concatenate([here, here]), children))
            here = children
        return found


@dataclass(frozen=True, slots=True)
class Levels:
    """
    Tokens sorted into groups, groups into larger ones: neighbours share what is known of few rows.

    A share is the product of those of a group within the group above it, from large to small.
    """

    groups: tuple[Ints, ...]  # per level, large to small: (tokens,) group of each token
    above: tuple[Ints, ...]  # per level: (groups,) the group above each

    @staticmethod
    def of(rows: Rows) -> Levels:
        """Part ordered tokens by frequency, finer on every level; labels stay alone."""
        tokens = np.arange(rows.tokens)
        if rows.places is None:
            return Levels((tokens,), (np.zeros(rows.tokens, np.int64),))
        order = np.argsort(np.where(np.isnan(rows.places), -np.inf, rows.places), kind="stable")
        counted = np.bincount(rows.target, minlength=rows.tokens)[order] + 1e-3
        middle = (np.cumsum(counted) - counted / 2) / counted.sum()
        groups, above = [], []
        before = np.zeros(rows.tokens, np.int64)
        for parts in GROUPS:
            own = np.empty(rows.tokens, np.int64)
            own[order] = (middle * parts).astype(np.int64)
            own = np.unique(own, return_inverse=True)[1] if parts else tokens
            first = np.unique(own, return_index=True)[1]
            groups.append(own)
            above.append(before[first])
            before = own
        return Levels(tuple(groups), tuple(above))

    def counted(self, counts: Floats) -> list[Floats]:
        """(nodes, tokens) -> per level (nodes, groups)."""
        return [_added(counts, groups) for groups in self.groups]


def _added(counts: Floats, groups: Ints) -> Floats:
    """(nodes, n) -> (nodes, groups): what those of a group, of which none is empty, come to."""
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    found: Floats = np.add.reduceat(counts[:, order], starts, axis=1)
    return found


def grow(rows: Rows, size: Size, seed: int) -> Forest:
    """Grow the trees of one head; without any rows every token is as likely."""
    rng = np.random.default_rng(seed)
    entities = len(np.unique(rows.entities))
    learned = np.flatnonzero(rows.may_grow)
    varies = np.flatnonzero(np.ptp(rows.seen[learned], axis=0) > 0) if len(learned) else learned
    if entities < 2 * rows.threshold or len(varies) == 0:
        return _stump(rows)
    points = _points(rows)
    if len(varies) > MANY:
        varies = np.sort(varies[_telling(rows, varies, points)[:MOST_ASKED]])
    questions = _questions(rows, varies, points)
    answers = questions.answers(rows.seen)
    trees, bags = [], []
    for _ in range(size.trees):
        bag = (rng.permutation(entities) < IN_BAG * entities)[rows.entities] & rows.may_grow
        chosen = np.sort(rng.permutation(np.flatnonzero(bag))[: size.rows])
        if len(chosen):
            trees.append(_tree(answers, points, chosen, rows, int(rng.integers(2**31))))
            bags.append(bag)
    levels = Levels.of(rows)
    imagined = np.minimum(_best(trees, bags, rows, levels), size.imagined)
    return _together(questions, trees, [_shares(t, rows, levels, imagined) for t in trees])


def _stump(rows: Rows) -> Forest:
    """One leaf: what is learned where nothing can be told apart."""
    counted = np.bincount(rows.target, minlength=rows.tokens).astype(np.float64)
    if not counted.sum():
        counted[:] = 1.0
    zero = np.zeros(1, np.int64)
    questions = Questions(np.zeros(0, np.int64), np.zeros((0, 1), np.float32))
    nodes = Nodes(zero, np.zeros(1, np.float32), zero, zero)
    shares = (counted / counted.sum()).astype(np.float32)[None, :]
    return Forest(questions, nodes, zero, zero, shares, 0)


def _points(rows: Rows) -> Floats:
    """Turn (n,) tokens into (n, outputs) coordinates in which splits should part them."""
    counted = np.bincount(rows.target, minlength=rows.tokens)
    top = np.argsort(-counted, kind="stable")
    top = top[counted[top] > 0]
    shown = top[: TOP_LABELS if rows.places is None else TOP_VALUES]
    parts = [(rows.target[:, None] == shown).astype(np.float64)]
    if rows.places is not None:
        by_place = ranks(rows.places).astype(np.int64)
        total = np.bincount(by_place, weights=counted)
        middle = (np.cumsum(total) - total / 2) / total.sum()
        parts.append(2.0 * middle[by_place[rows.target]][:, None])
    return np.concatenate(parts, axis=1)


def _telling(rows: Rows, varies: Ints, points: Floats) -> Ints:
    """
    Sort columns by how much of the points' variance kinds of rows explain, but for chance.

    Wide tables would be gone through once for each of their columns, and trees lose themselves
    among questions that say nothing.
    """
    learned = np.flatnonzero(rows.may_grow)
    some = learned[:: max(1, len(learned) // TELLING_ROWS)]
    seen, cards = rows.seen[np.ix_(some, varies)], rows.cards[varies]
    parts = np.where(cards > 0, seen * np.minimum(1.0, BINS / np.maximum(cards, 1)),
                     (seen + 1.0) * (BINS / 2))  # fmt: skip
    kinds = np.clip(parts.astype(np.int64), 0, BINS - 1) + np.arange(len(varies)) * BINS
    is_in = np.zeros((len(some), len(varies) * BINS), np.float32)
    np.put_along_axis(is_in, kinds, np.float32(1), axis=1)
    centred = (points[some] - points[some].mean(axis=0)).astype(np.float32)
    counted, total = is_in.sum(axis=0), (is_in.T @ centred).astype(np.float64)
    explained = (total**2).sum(axis=1) / np.maximum(counted, 1)
    chance = (counted > 0) * float((centred**2).sum(axis=1).mean())
    gain = (explained - chance).reshape(-1, BINS).sum(axis=1)
    return np.argsort(-gain, kind="stable")


def _questions(rows: Rows, varies: Ints, points: Floats) -> Questions:
    """What may be asked: every column that varies, codes also in an order of their own."""
    few = max(3, int(rows.may_grow.sum()) // ROWS_A_CODE)
    coded = varies[(rows.cards[varies] > 2) & (rows.cards[varies] <= few)]
    width = int(rows.cards[coded].max()) if len(coded) else 1
    order = np.full((len(varies) + len(coded), width), -1.0, np.float32)
    learned = np.flatnonzero(rows.may_grow)
    centred = points[learned] - points[learned].mean(axis=0)
    for number, column in enumerate(coded, len(varies)):
        codes = rows.seen[learned, column].astype(np.int64)
        order[number] = 0.0
        order[number, : rows.cards[column]] = _order(codes, int(rows.cards[column]), centred)
    return Questions(np.concatenate([varies, coded]), order)


def _order(codes: Ints, size: int, centred: Floats) -> NDArray[np.float32]:
    """Rank (size,) codes along the direction in which the means of their points differ most."""
    counted = np.bincount(codes, minlength=size)
    sums = np.stack([np.bincount(codes, c, minlength=size) for c in centred.T], axis=1)
    means = sums / (counted + 5.0)[:, None]
    direction = np.linalg.eigh((means * counted[:, None]).T @ means)[1][:, -1]
    direction = direction * np.sign(direction[np.argmax(np.abs(direction))])
    return np.argsort(np.argsort(means @ direction, kind="stable")).astype(np.float32)


def _tree(answers: Answers, points: Floats, chosen: Ints, rows: Rows, seed: int) -> _Tree:
    """Find splits on some rows, and prune those that part too few entities off."""
    from sklearn.tree import DecisionTreeRegressor

    learner = DecisionTreeRegressor(
        max_depth=DEPTH,
        min_samples_leaf=rows.threshold,
        max_leaf_nodes=int(np.clip(SHARE_CELLS // rows.tokens, 8, 1_000)),
        max_features=0.5,
        random_state=seed,
    )
    found = learner.fit(answers[chosen], points[chosen]).tree_
    here = np.arange(found.node_count)
    is_leaf = found.children_left < 0
    nodes = Nodes(
        np.where(is_leaf, 0, found.feature).astype(np.int64),
        found.threshold.astype(np.float32),
        np.where(is_leaf, here, found.children_left).astype(np.int64),
        np.where(is_leaf, here, found.children_right).astype(np.int64),
    )
    nodes = _pruned(nodes, _path(nodes, answers), rows)
    return _Tree(nodes, _path(nodes, answers))


def _path(nodes: Nodes, answers: Answers) -> Ints:
    """(steps + 1, n) nodes that rows pass, until all are in leaves."""
    path = [np.zeros(len(answers), np.int64)]
    while True:
        further = nodes.step(answers, path[-1])
        if (further == path[-1]).all():
            return np.stack(path)
        path.append(further)


def _pruned(nodes: Nodes, path: Ints, rows: Rows) -> Nodes:
    """Make leaves of inner nodes one of whose sides holds too few entities."""
    entities = int(rows.entities.max()) + 1
    has_moved = np.diff(path, axis=0, prepend=-1) != 0  # a leaf's rows are looked at once
    pairs = np.sort((path * entities + rows.entities)[has_moved])
    different = pairs[np.diff(pairs, prepend=-1) > 0]
    support = np.bincount(different // entities, minlength=len(nodes.left))
    here = np.arange(len(nodes.left))
    stays = np.minimum(support[nodes.left], support[nodes.right]) >= rows.threshold
    return replace(
        nodes,
        left=np.where(stays, nodes.left, here),
        right=np.where(stays, nodes.right, here),
    )


def _counts(tree: _Tree, rows: Rows, used: NDArray[np.bool_]) -> Floats:
    """(nodes, tokens) how many of the used rows with a token pass each node."""
    size = len(tree.nodes.left) * rows.tokens
    counted = np.zeros(size)
    before = np.full(int(used.sum()), -1)
    for step in tree.path:
        here = step[used]
        moved = here != before  # a leaf's rows are counted once
        counted += np.bincount(here[moved] * rows.tokens + rows.target[used][moved], minlength=size)
        before = here
    found: Floats = counted.reshape(-1, rows.tokens)
    return found


def _best(trees: list[_Tree], bags: list[NDArray[np.bool_]], rows: Rows, levels: Levels) -> Floats:
    """
    Find, for each level, how many imagined rows make the rows outside the bags likeliest.

    A row is judged by the mean of the trees that were not grown on it.
    """
    found = np.zeros((len(levels.groups), len(IMAGINED), len(rows.target)))
    for tree, bag in zip(trees, bags, strict=True):
        counted = levels.counted(_counts(tree, rows, bag))
        leaf, target = tree.path[-1][~bag], rows.target[~bag]
        for level, groups in enumerate(levels.groups):
            shares = _smoothed(counted[level], tree, levels.above[level], np.array(IMAGINED))
            found[level, :, ~bag] += shares[leaf, groups[target]]
    judges = np.sum([~b for b in bags], axis=0)
    mean = found[:, :, judges > 0] / judges[judges > 0]
    best: Floats = np.array(IMAGINED)[np.log(np.maximum(mean, 1e-4)).sum(axis=2).argmax(axis=1)]
    return best


def _shares(tree: _Tree, rows: Rows, levels: Levels, imagined: Floats) -> Floats:
    """(nodes, tokens) shares of all rows: the product over levels."""
    counted = levels.counted(_counts(tree, rows, np.ones(len(rows.target), bool)))
    found = np.ones((len(tree.nodes.left), rows.tokens))
    for level, groups in enumerate(levels.groups):
        own = _smoothed(counted[level], tree, levels.above[level], imagined[level, None])
        found *= own[:, groups, 0]
    return found


def _smoothed(counted: Floats, tree: _Tree, above: Ints, imagined: Floats) -> Floats:
    """
    Shares of groups within the groups above, each node's drawn towards its parent's.

    Args:
        counted: (nodes, groups); parents come before their children.
        above: (groups,) the group above each.
        imagined: (k,) as so many rows.

    Returns:
        (nodes, groups, k).
    """
    total = _added(counted, above)[:, above]
    shares = np.zeros((*counted.shape, len(imagined)))  # nothing comes to nodes cut off
    shares[0] = (counted[0] / np.maximum(total[0], 1.0))[:, None]
    for parents, children in tree.layers:
        drawn = imagined * shares[parents] + counted[children, :, None]
        shares[children] = drawn / (total[children, :, None] + imagined)
    return shares


def _together(questions: Questions, trees: list[_Tree], shares: list[Floats]) -> Forest:
    """Put trees one after another, without the nodes that pruning cut off."""
    parts: list[Nodes] = []
    leaves: list[NDArray[np.float32]] = []
    roots, start = [], 0
    for tree, own in zip(trees, shares, strict=True):
        alive = np.unique(tree.path)  # ascending, so the root stays first
        new = np.full(len(tree.nodes.left), -1, np.int64)
        new[alive] = start + np.arange(len(alive))
        roots.append(start)
        start += len(alive)
        parts.append(
            Nodes(
                tree.nodes.feature[alive],
                tree.nodes.threshold[alive],
                new[tree.nodes.left[alive]],
                new[tree.nodes.right[alive]],
            )
        )
        leaves.append(own[alive[tree.nodes.is_leaf[alive]]].astype(np.float32))
    nodes = Nodes(*(np.concatenate([getattr(p, n) for p in parts]) for n in _FIELDS))
    leaf = np.where(nodes.is_leaf, np.cumsum(nodes.is_leaf) - 1, -1)
    depth = max(len(t.path) for t in trees) - 1
    return Forest(questions, nodes, np.array(roots), leaf, np.concatenate(leaves), depth)


_FIELDS = ("feature", "threshold", "left", "right")
