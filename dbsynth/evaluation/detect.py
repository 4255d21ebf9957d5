"""Classifier two-sample tests: can boosted trees tell made rows from real ones, and by what?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dbsynth.evaluation.bench import Bench
from dbsynth.evaluation.features import Feature, Matrix, child_features, own_features
from dbsynth.evaluation.measures import Mask, auc, ks_distance
from dbsynth.evaluation.scores import Detection, Tell
from dbsynth.features import Floats, Ints
from dbsynth.schema import TableName

FOLDS = 5
FEWEST = 40  # rows of either side, without which nothing is learned
MOST = 3_000  # rows of either side
_TELLS = 6
_LEAST_LOSS = 0.003  # of AUC: less is chance
_SEEN = 0.52  # AUC above which it is asked why
_TRIED = 40  # features that are shuffled, those first that differ most by themselves


def detect(bench: Bench, name: TableName, *, is_fine: bool = False) -> Detection | None:
    """
    Tell a table's made rows from real ones by their own columns.

    Lopez-Paz and Oquab, Revisiting classifier two-sample tests, ICLR 2017.

    Args:
        is_fine: also show weekdays, days of the month, hours, and digits of numbers.

    Returns:
        None for a table without learned columns, or with fewer than `FEWEST` rows.
    """
    rows = [np.arange(n) for n in bench.views[name].rows[:2]]
    return _detect(
        bench, name, rows, lambda which: own_features(bench, name, which, is_fine=is_fine)
    )


def detect_parents(bench: Bench, name: TableName) -> Detection | None:
    """
    Tell made parents from real ones by their own columns and by sums over all their children.

    Hudovernik, Jurkovič and Štrumbelj, Benchmarking the fidelity and utility of synthetic
    data, 2024 (discriminative detection with aggregation), with more aggregates than there.
    """
    keys = [k for k in bench.keys if k.parent == name and not k.is_self]
    keys = [k for k in keys if k.child not in bench.copied and bench.has_families(k)]
    if not keys:
        return None
    sides = (bench.real, bench.made)
    rows = []
    for side in sides:
        bound = min(side.bounds[k.child] if bench.is_owner(k) else 1.0 for k in keys)
        rows.append(np.flatnonzero(side.marks[name] < bound))

    def features(which: int) -> Iterator[Feature]:
        yield from own_features(bench, name, which)
        for key in keys:
            yield from child_features(bench, sides[which], key, which)

    return _detect(bench, name, rows, features)


def _detect(
    bench: Bench,
    name: TableName,
    rows: Sequence[Ints],
    features: Callable[[int], Iterator[Feature]],
) -> Detection | None:
    """Choose as many rows of either side, and let a detector tell them apart."""
    if len(rows[0]) < FEWEST or 0 < len(rows[1]) < FEWEST:
        return None
    if not len(rows[1]):
        return Detection(score=0.0, auc=1.0, rows=0)
    size = min(len(rows[0]), len(rows[1]), MOST)
    rng = np.random.default_rng([bench.seed, 17])
    chosen = [np.sort(rng.permutation(r)[:size]) for r in rows]
    real, made = (Matrix.of(features(which), chosen[which]) for which in (0, 1))
    if not real.names:
        return None
    is_made = np.repeat([False, True], size)
    folds = np.concatenate([
        group_folds(side.entities[name][kept], rng)
        for side, kept in zip((bench.real, bench.made), chosen, strict=True)
    ])  # fmt: skip
    values = np.concatenate([real.values, made.values])
    joined = _useful(Matrix(real.names, values, real.categories))
    return _cross_validate(joined, is_made, folds, rng)


def _useful(matrix: Matrix) -> Matrix:
    """Leave out features that are the same everywhere."""
    varied = np.array([len(np.unique(column)) > 1 for column in matrix.values.T], bool)
    places = np.flatnonzero(varied)
    return Matrix(
        tuple(matrix.names[i] for i in places),
        matrix.values[:, places],
        tuple(matrix.categories[i] for i in places),
    )


def group_folds(groups: Ints, rng: np.random.Generator) -> Ints:
    """
    Deal groups out to folds of about the same number of rows, all rows of a group to one fold.

    Args:
        groups: (n,) group numbers.

    Returns:
        (n,) fold numbers below `FOLDS`.
    """
    _, place, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = rng.permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    fold = np.empty(len(sizes), np.int64)
    # There and back again: 0 1 2 3 4 4 3 2 1 0, so that no fold gets the larger of each deal.
    turn = np.arange(len(sizes)) % (2 * FOLDS)
    fold[order] = np.where(turn < FOLDS, turn, 2 * FOLDS - 1 - turn)
    return fold[place]


def _cross_validate(
    matrix: Matrix, is_made: Mask, folds: Ints, rng: np.random.Generator
) -> Detection:
    size = int(is_made.sum())
    if not matrix.names:
        return Detection(score=1.0, auc=0.5, rows=size)
    found, losses = [], np.zeros(len(matrix.names))
    tried = False
    for fold in range(FOLDS):
        test = folds == fold
        if len(np.unique(is_made[test])) < 2 or len(np.unique(is_made[~test])) < 2:
            continue
        model = _Detector.fit(matrix, ~test, is_made)
        reached = auc(is_made[test], model.scores(matrix.values[test]))
        found.append((reached, int(test.sum())))
        if not tried and reached > _SEEN:
            losses, tried = _losses(model, matrix, test, is_made, reached, rng), True
    if not found:  # too few entities: the rows of one would be on both sides
        return Detection(score=1.0, auc=0.5, rows=size)
    total = float(np.average([a for a, _ in found], weights=[n for _, n in found]))
    tells = _tells(matrix, is_made, losses) if total > _SEEN else ()
    return Detection(score=1 - max(0.0, 2 * total - 1), auc=total, rows=size, tells=tells)


def classifier(categories: Sequence[bool], trees: int = 100) -> Any:
    """Boosted trees that classify; small ones, for they are to see what is there, not noise."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=trees, max_leaf_nodes=15, min_samples_leaf=10, learning_rate=0.1,
        early_stopping=False, categorical_features=list(categories), random_state=0,
    )  # fmt: skip


@dataclass(frozen=True)
class _Detector:
    """Trees, and the features that have a value in the rows that they learned from."""

    model: Any  # None: there were none
    used: Mask

    @classmethod
    def fit(cls, matrix: Matrix, rows: Mask, is_made: Mask) -> _Detector:
        """Learn from some rows; scikit-learn cannot bin a feature without any value."""
        used = np.asarray(~np.isnan(matrix.values[rows]).all(axis=0))
        if not used.any():
            return cls(None, used)
        model = classifier([matrix.categories[i] for i in np.flatnonzero(used)])
        return cls(model.fit(matrix.values[rows][:, used], is_made[rows]), used)

    def scores(self, values: Floats) -> Floats:
        """How surely each of (n,) rows is a made one."""
        if self.model is None:
            return np.zeros(len(values))
        return np.asarray(self.model.predict_proba(values[:, self.used])[:, 1])


def _losses(
    model: _Detector,
    matrix: Matrix,
    test: Mask,
    is_made: Mask,
    reached: float,
    rng: np.random.Generator,
) -> Floats:
    """
    Measure by how much the AUC falls when a feature's values are shuffled: permutation importance.

    Breiman, Random forests, Machine Learning 45 (2001), section 10.
    """
    losses = np.zeros(len(matrix.names))
    values = matrix.values[test]
    distances = _distances(matrix, is_made)
    for place in np.argsort(-distances, kind="stable")[:_TRIED]:
        column = values[:, place].copy()
        values[:, place] = rng.permutation(column)
        losses[place] = reached - auc(is_made[test], model.scores(values))
        values[:, place] = column
    return losses


def _distances(matrix: Matrix, is_made: Mask) -> Floats:
    """How far the sides are apart in each feature alone; of categories by label number."""
    return np.array([
        max(
            ks_distance(column[~is_made], column[is_made]),
            abs(float(np.isnan(column[~is_made]).mean() - np.isnan(column[is_made]).mean())),
        )
        for column in matrix.values.T
    ])  # fmt: skip


def _tells(matrix: Matrix, is_made: Mask, losses: Floats) -> tuple[Tell, ...]:
    distances = _distances(matrix, is_made)
    order = [i for i in np.argsort(-losses, kind="stable")[:_TELLS] if losses[i] > _LEAST_LOSS]
    return tuple(
        Tell(feature=matrix.names[i], loss=float(losses[i]), distance=float(distances[i]))
        for i in order
    )
