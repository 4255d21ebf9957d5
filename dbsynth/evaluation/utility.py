"""What models learned from made rows are worth on real rows, against those of real rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from dbsynth.config import matches, near
from dbsynth.errors import UsageError
from dbsynth.evaluation.bench import Bench, thin
from dbsynth.evaluation.detect import classifier
from dbsynth.evaluation.features import Matrix, column_feature, parent_features, values_of
from dbsynth.evaluation.measures import auc
from dbsynth.evaluation.reading import Side
from dbsynth.evaluation.scores import PairScore, TargetScore
from dbsynth.evaluation.views import View
from dbsynth.features import Floats, Ints
from dbsynth.schema import Schema, TableName

TRAIN_ROWS = 5_000
TEST_ROWS = 3_000
FEWEST = 200  # real rows of a table for which something is predicted
CLASSES = 6  # at most; rarer labels are left out
_CLASS_ROWS = 20
_TARGETS = {"category": 2, "number": 1}  # of each table, those that depend most on other columns
_TEACHABLE = 0.05  # above chance; less, or less than chance could bring, is nothing to keep


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of one side to learn from or to test on."""

    side: Side
    which: int  # 0 real, 1 made, 2 held out
    rows: Ints


def wanted_columns(words: Sequence[str], schema: Schema) -> dict[TableName, list[str]]:
    """
    Find the columns that `--target-column` names.

    Raises:
        UsageError: a word is not TABLE.COLUMN of the source.
    """
    found: dict[TableName, list[str]] = {}
    problems = []
    known = [f"{t.name}.{c.name}" for t in schema.tables for c in t.columns]
    for word in words:
        table, _, column = word.rpartition(".")
        hits = [t for t in schema.tables if table and matches(t.name, table)]
        hits = [t for t in hits if any(c.name == column for c in t.columns)]
        if not hits:
            problems.append(f"no column {word!r}{near(word, known)}")
        for each in hits:
            found.setdefault(each.name, []).append(column)
    if problems:
        raise UsageError("--target-column names unknown columns", "Write TABLE.COLUMN.", problems)
    return found


def utility_scores(
    bench: Bench, name: TableName, pairs: Sequence[PairScore], wanted: Sequence[str]
) -> tuple[TargetScore, ...]:
    """
    Train on made, test on real; train on real, test on real; for a few columns of a table.

    Esteban, Hyland and Rätsch, Real-valued (medical) time series generation with recurrent
    conditional GANs, 2017.  Predicted is from the other columns and those of all parents.  Tested
    is on held out rows, if given, else on half of the source's entities; then the real model
    learns from the other half, and the made one from as many rows.

    Args:
        pairs: the dependences in the table, by which targets are chosen.
        wanted: columns that the user names; none: chosen here.
    """
    train, test = _split(bench, name)
    if min(len(train.rows), len(test.rows)) < FEWEST // 2:
        return ()
    made = _Rows(bench.made, 1, thin(bench.views[name].rows[1], len(train.rows), bench.seed))
    found = []
    for view in _targets(bench, name, pairs, wanted):
        score = _score(bench, name, view, (train, made, test))
        found += [score] if score else []
    return tuple(found)


def _split(bench: Bench, name: TableName) -> tuple[_Rows, _Rows]:
    count, _, held = bench.views[name].rows
    if bench.held is not None:
        train = thin(count, TRAIN_ROWS, bench.seed)
        return _Rows(bench.real, 0, train), _Rows(bench.held, 2, thin(held, TEST_ROWS, bench.seed))
    half = bench.half(name)
    learn, ask = np.flatnonzero(~half), np.flatnonzero(half)
    learn = learn[thin(len(learn), TRAIN_ROWS, bench.seed)]
    ask = ask[thin(len(ask), TEST_ROWS, bench.seed)]
    return _Rows(bench.real, 0, learn), _Rows(bench.real, 0, ask)


def _targets(
    bench: Bench, name: TableName, pairs: Sequence[PairScore], wanted: Sequence[str]
) -> Iterator[View]:
    """Choose what is predicted: named columns, else those that depend most on others."""
    learned = {v.name: v for v in bench.views[name].learned}
    if wanted:
        yield from (learned[c] for c in wanted if c in learned)
        return
    ties = dict.fromkeys(learned, 0.0)
    for pair in pairs:
        for column in (pair.left, pair.right):
            ties[column] += pair.strength
    left = dict(_TARGETS)
    for column in sorted(ties, key=lambda c: -ties[c]):
        view = learned[column]
        if left.get(view.kind) and _is_target(view):
            left[view.kind] -= 1
            yield view


def _is_target(view: View) -> bool:
    known = view.real[~np.isnan(view.real)]
    if len(known) < FEWEST:
        return False
    if view.kind == "category":
        often = np.bincount(known.astype(np.int64))
        return int((often >= _CLASS_ROWS).sum()) >= 2
    return len(np.unique(known)) > CLASSES


def _score(
    bench: Bench, name: TableName, view: View, parts: tuple[_Rows, _Rows, _Rows]
) -> TargetScore | None:
    """Train on real and on made rows, and test both on the same real rows."""
    is_class = view.kind == "category"
    matrices, answers = [], []
    for part in parts:
        values = values_of(view, part.which)[part.rows]
        known = ~np.isnan(values)
        if is_class:
            known &= np.isin(values, _classes(view, parts))
        matrices.append(_inputs(bench, name, view, part, part.rows[known]))
        answers.append(values[known])
    if len(answers[0]) < FEWEST // 4 or len(answers[2]) < FEWEST // 4:
        return None
    fitted = [_reached(matrices[i], answers[i], matrices[2], answers[2], is_class) for i in (0, 1)]
    real, made = fitted
    chance = 0.5 if is_class else 0.0
    if real is None:
        return None
    share = None
    if real - chance >= max(_TEACHABLE, 1 / np.sqrt(len(answers[2]))):
        share = float(
            np.clip(((chance if made is None else made) - chance) / (real - chance), 0, 1)
        )
    return TargetScore(
        column=view.name, measure="AUC" if is_class else "R2", real=real,
        made=chance if made is None else made, chance=chance, score=share,
    )  # fmt: skip


def _classes(view: View, parts: Sequence[_Rows]) -> Floats:
    """The labels that are frequent enough in real rows to learn and to test."""
    often = []
    for part in (parts[0], parts[2]):
        values = values_of(view, part.which)[part.rows]
        known = values[~np.isnan(values)].astype(np.int64)
        often.append(np.bincount(known, minlength=view.labels + 1))
    least = np.minimum(*often)
    best = np.argsort(-least, kind="stable")[:CLASSES]
    return best[least[best] >= _CLASS_ROWS // 2].astype(float)


def _inputs(bench: Bench, name: TableName, target: View, part: _Rows, rows: Ints) -> Matrix:
    """Show all columns but one, and those of all parents, of some rows."""
    own = (
        column_feature(view, values_of(view, part.which))
        for view in bench.views[name].learned
        if view.name != target.name
    )
    return Matrix.of(chain(own, parent_features(bench, part.side, name, part.which)), rows)


def _reached(
    train: Matrix, answers: Floats, test: Matrix, truth: Floats, is_class: bool
) -> float | None:
    """Train and test one model; None if the rows teach nothing at all."""
    varied = np.array([len(np.unique(c[~np.isnan(c)])) > 1 for c in train.values.T], bool)
    if not varied.any() or len(answers) < FEWEST // 4 or len(np.unique(answers)) < 2:
        return None
    categories = [c for c, is_varied in zip(train.categories, varied, strict=True) if is_varied]
    if not is_class:
        return _explained(
            train.values[:, varied], answers, test.values[:, varied], truth, categories
        )
    model = classifier(categories, trees=40)
    model.fit(train.values[:, varied], answers)
    chances = np.asarray(model.predict_proba(test.values[:, varied]))
    return _mean_auc(np.asarray(model.classes_), chances, truth)


def _mean_auc(classes: Floats, chances: Floats, truth: Floats) -> float | None:
    """Average the AUC of each class against the others, by frequency."""
    found, weights = [], []
    for label in np.unique(truth):
        is_it = truth == label
        if is_it.all():
            continue
        column = np.flatnonzero(classes == label)
        scores = chances[:, column[0]] if len(column) else np.zeros(len(truth))
        found.append(auc(is_it, scores))
        weights.append(is_it.sum())
    return float(np.average(found, weights=weights)) if found else None


def _explained(
    values: Floats, answers: Floats, asked: Floats, truth: Floats, categories: Sequence[bool]
) -> float | None:
    """Fit a number; how much of its variance on other rows is explained (R2)."""
    model: Any = regressor(categories)
    model.fit(values, answers)
    wrong = truth - np.asarray(model.predict(asked))
    below = float(((truth - truth.mean()) ** 2).sum())
    return 1 - float((wrong**2).sum()) / below if below > 0 else None


def regressor(categories: Sequence[bool]) -> Any:
    """Boosted trees that predict a number."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(
        max_iter=60, max_leaf_nodes=15, learning_rate=0.1, early_stopping=False,
        categorical_features=list(categories), random_state=0,
    )  # fmt: skip
