"""Tests of dbsynth.model: what every engine must do, and what the single ones promise."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dbsynth import modelfile
from dbsynth.errors import UsageError
from dbsynth.features import Features
from dbsynth.model import check_engine, engine_names, find_engine
from dbsynth.model.base import FitTask, RowModel
from dbsynth.model.gaps import gap_of
from dbsynth.model.growing import MOST_ASKED, Rows, Size, grow
from dbsynth.model.inputs import GRID, Inputs, whole
from tests.filler import build
from tests.generated import digests, drawn, fitted

HAS_SDV = importlib.util.find_spec("sdv") is not None
SDV = pytest.param(
    "sdv:gaussian_copula", marks=pytest.mark.skipif(not HAS_SDV, reason="SDV is not installed")
)
LEARNING = ["argn", "tables", "tree", "copula", SDV]
ENGINES = ["marginal", *LEARNING]
LABELS, NUMBERS = 5, 12  # tokens of the two slots; 0 is NULL, the last label the rare one


def features(codes: np.ndarray, floats: np.ndarray, cards: tuple[int, ...]) -> Features:
    return Features(codes.astype(np.int32), floats.astype(np.float32), cards)


def number_features(tokens: np.ndarray) -> Features:
    ranks = np.where(tokens > 0, 2 * tokens / (NUMBERS - 1) - 1, 0.0)
    return features(tokens[:, None], ranks[:, None], (NUMBERS,))


def a_task(rows: int = 600, **changes: object) -> FitTask:
    """A parent's kind decides on the label, label and a number of the parent's on the number."""
    rng = np.random.default_rng(5)
    kind, size = rng.integers(0, 4, rows), rng.uniform(-1, 1, rows)
    label = np.where(rng.random(rows) < 0.85, kind, rng.integers(0, 4, rows))
    mean = 2 + 1.5 * label + 3 * size
    number = np.clip(np.round(mean + rng.normal(0, 0.7, rows)), 1, NUMBERS - 1).astype(np.int64)
    number[rng.random(rows) < 0.05] = 0
    is_first = rng.random(rows) < 0.3
    places = np.concatenate([[np.nan], np.arange(1.0, NUMBERS)])
    task = FitTask(
        name="shop.orders/content",
        condition=features(kind[:, None], size[:, None], (4,)),
        slots=[
            features(label[:, None], np.zeros((rows, 0)), (LABELS,)),
            number_features(number),
        ],
        heads=[(0, LABELS), (1, NUMBERS), (1, NUMBERS)],
        targets=[label, np.where(is_first, number, -1), np.where(is_first, -1, number)],
        places=[None, places, places],
        held_out=rng.random(rows) < 0.1,
        entities=np.arange(rows) // 2,
        threshold=6,
        seed=3,
        quality="fast",
    )
    return replace(task, **changes)  # type: ignore[arg-type]


def learned(engine: str, task: FitTask) -> RowModel:
    return find_engine(engine).fit(task, lambda done, total: None)


def rows_of(model: RowModel, task: FitTask, *, banned: tuple[int, ...] = ()) -> list[np.ndarray]:
    """Draw rows as `draw` does: a slot's heads, then what it became."""
    rng = np.random.default_rng(1)
    session = model.begin(task.condition)
    rows = len(task.condition)
    label = session.draw(0, rng.random(rows), banned)
    session.see(0, features(label[:, None], np.zeros((rows, 0)), (LABELS,)))
    first = session.draw(1, rng.random(rows), banned)
    later = session.draw(2, rng.random(rows), banned)
    session.see(1, number_features(later))
    return [label, first, later]


def cramers_v(one: np.ndarray, two: np.ndarray) -> float:
    counted = np.zeros((one.max() + 1, two.max() + 1))
    np.add.at(counted, (one, two), 1)
    expected = counted.sum(1, keepdims=True) * counted.sum(0) / counted.sum()
    chi = ((counted - expected) ** 2 / np.maximum(expected, 1e-9)).sum()
    least = min((counted.sum(0) > 0).sum(), (counted.sum(1) > 0).sum()) - 1
    return float(np.sqrt(chi / counted.sum() / least))


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_draws_a_token_of_each_head_for_every_row(engine: str) -> None:
    task = a_task()
    for (_, tokens), found in zip(task.heads, rows_of(learned(engine, task), task), strict=True):
        assert (600,) == found.shape
        assert np.int64 == found.dtype
        assert 0 <= found.min() <= found.max() < tokens


@pytest.mark.parametrize("engine", ENGINES)
def test_marginal_frequencies_are_kept(engine: str) -> None:
    task = a_task()
    label, _, later = rows_of(learned(engine, task), task)
    counted = task.targets[2]
    for found, real in ((label, task.targets[0]), (later, counted[counted >= 0])):
        own = np.bincount(found, minlength=NUMBERS) / len(found)
        wanted = np.bincount(real, minlength=NUMBERS) / len(real)
        assert np.abs(own - wanted).sum() / 2 < (0.2 if engine.startswith("sdv") else 0.1)


@pytest.mark.parametrize("engine", LEARNING)
def test_dependence_on_the_condition_and_on_slots_before_is_kept(engine: str) -> None:
    # Counts need more rows than what interpolates between them.
    task = a_task(2_400 if engine == "tables" else 600, quality="balanced")
    label, _, later = rows_of(learned(engine, task), task)
    kind, size = task.condition.codes[:, 0], task.condition.floats[:, 0]
    loses = engine.startswith("sdv")
    assert cramers_v(kind, label) > (0.2 if loses else 0.7)
    assert np.corrcoef(size, later)[0, 1] > (0.1 if loses else 0.4)
    assert loses or np.corrcoef(label, later)[0, 1] > 0.4


@pytest.mark.parametrize("engine", ENGINES)
def test_the_same_task_gives_the_same_model_and_the_same_rows(engine: str) -> None:
    task = a_task(200)
    one, two = learned(engine, task), learned(engine, task)
    (data, arrays), (again, same) = one.saved(), two.saved()
    assert data == again
    assert list(arrays) == list(same)
    assert all(arrays[n].tobytes() == same[n].tobytes() for n in arrays)
    assert all((a == b).all() for a, b in zip(rows_of(one, task), rows_of(two, task), strict=True))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_model_survives_json_and_arrays(engine: str) -> None:
    task = a_task(200)
    model = learned(engine, task)
    data, arrays = model.saved()
    found = find_engine(engine).load(json.loads(json.dumps(data)), arrays)
    for own, other in zip(rows_of(model, task), rows_of(found, task), strict=True):
        assert (own == other).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_banned_token_is_never_drawn(engine: str) -> None:
    task = a_task(200)
    model = learned(engine, task)
    assert not any((found == 0).any() for found in rows_of(model, task, banned=(0,)))
    label, _, _ = rows_of(model, task, banned=(0, 1, 2, 3))
    assert {4} == set(label.tolist())  # never seen, and all that is left


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rows", [1, 2, 30])
def test_few_rows_without_a_condition_are_enough_to_run(engine: str, rows: int) -> None:
    task = a_task(rows, condition=Features.empty(rows))
    model = learned(engine, task)
    many = replace(task, condition=Features.empty(50))
    assert [50, 50, 50] == [len(found) for found in rows_of(model, many)]
    none = replace(task, condition=Features.empty(0))
    assert [0, 0, 0] == [len(found) for found in rows_of(model, none)]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_column_of_nulls_stays_null(engine: str) -> None:
    nothing = np.zeros(300, np.int64)
    task = a_task(300)
    slots = [task.slots[0], number_features(nothing)]
    task = replace(task, slots=slots, targets=[task.targets[0], nothing, nothing])
    _, first, later = rows_of(learned(engine, task), task)
    assert (first == 0).mean() > 0.97
    assert (later == 0).mean() > 0.97


@pytest.mark.parametrize("engine", ENGINES)
def test_heads_that_never_count_draw_something(engine: str) -> None:
    ignored = np.full(100, -1)
    task = a_task(100)
    task = replace(task, targets=[ignored, ignored, ignored], held_out=np.ones(100, bool))
    assert [100, 100, 100] == [len(found) for found in rows_of(learned(engine, task), task)]


@pytest.mark.parametrize("engine", ["tree", "copula"])
def test_rows_of_one_session_do_not_depend_on_each_other(engine: str) -> None:
    task = a_task(300)
    model = learned(engine, task)
    uniforms = np.random.default_rng(2).random(300)
    whole_session = model.begin(task.condition).draw(0, uniforms)
    some = np.arange(100, 160)
    part = model.begin(task.condition.take(some)).draw(0, uniforms[some])
    assert (whole_session[some] == part).all()


# ---- trees ---------------------------------------------------------------------------------------


def test_every_leaf_holds_enough_different_entities() -> None:
    task = replace(a_task(2_000), entities=np.arange(2_000) // 40)
    model = learned("tree", task)
    seen = whole(task)
    for head, forest in enumerate(model.forests):  # type: ignore[attr-defined]
        used = task.targets[head] >= 0
        for root in forest.roots:
            nodes = np.full(int(used.sum()), root)
            for _ in range(forest.depth):
                nodes = forest.nodes.step(forest.questions.answers(seen[used]), nodes)
            pairs = np.unique(np.stack([nodes, task.entities[used]]), axis=1)
            assert np.unique(pairs[0], return_counts=True)[1].min() >= task.threshold


def test_thresholds_lie_between_the_steps_of_a_public_grid() -> None:
    model = learned("tree", a_task())
    for forest in model.forests:  # type: ignore[attr-defined]
        inner = forest.leaf < 0
        steps = forest.nodes.threshold[inner].astype(np.float64) * 2 * GRID
        assert (steps == np.round(steps)).all()


def test_what_has_nothing_to_do_with_a_head_leaves_it_at_its_frequencies() -> None:
    rng = np.random.default_rng(0)
    rows = Rows(
        seen=rng.integers(0, 6, (800, 8)).astype(np.float32),
        cards=np.full(8, 6),
        target=rng.integers(0, 4, 800),
        tokens=4,
        places=None,
        entities=np.arange(800),
        may_grow=np.ones(800, bool),
        threshold=5,
    )
    forest = grow(rows, Size(trees=8, rows=800), seed=1)
    mean = np.zeros((800, 4))
    for root in forest.roots:
        nodes = np.full(800, root)
        for _ in range(forest.depth):
            nodes = forest.nodes.step(forest.questions.answers(rows.seen), nodes)
        mean += forest.shares[forest.leaf[nodes]] / 8
    assert np.abs(mean - 0.25).mean() < 0.05


def test_of_many_columns_trees_ask_for_those_that_tell_something() -> None:
    rng = np.random.default_rng(3)
    seen = rng.integers(-GRID, GRID + 1, (600, 400)).astype(np.float32) / GRID
    seen[:, 130:140] = rng.integers(0, 5, (600, 10))
    cards = np.where((np.arange(400) >= 130) & (np.arange(400) < 140), 5, 0)
    target = (seen[:, 7] > 0) + 2 * (seen[:, 133] == 2)
    rows = Rows(seen, cards, target.astype(np.int64), 4, None, np.arange(600), target < 9, 7)
    forest = grow(rows, Size(trees=8, rows=600), seed=1)
    assert {7, 133} <= set(forest.questions.columns.tolist())
    assert len(set(forest.questions.columns.tolist())) <= MOST_ASKED
    assert forest.mean(seen, ())[np.arange(600), rows.target].mean() > 0.8


def test_a_tree_that_leads_nowhere_is_not_loaded() -> None:
    data, arrays = learned("tree", a_task()).saved()
    broken = {**arrays, "0.right": arrays["0.right"] + 10_000}
    with pytest.raises(ValueError, match="nowhere"):
        find_engine("tree").load(data, broken)


# ---- inputs --------------------------------------------------------------------------------------


def test_inputs_know_which_columns_come_before_a_slot() -> None:
    task = a_task(50)
    inputs = Inputs.of(task)
    assert [2, 3, 5] == [inputs.before(slot) for slot in range(3)]
    assert [4, 0, LABELS, NUMBERS, 0] == inputs.cards.tolist()
    assert inputs == Inputs.from_json(json.loads(json.dumps(inputs.to_json())))


# ---- names ---------------------------------------------------------------------------------------


def test_every_built_in_engine_has_a_name() -> None:
    assert {"argn", "copula", "marginal", "sdv", "tables", "tree"} <= engine_names()


@pytest.mark.parametrize(
    ("name", "told"), [("trea", "did you mean tree"), ("argn:x", "no variants"), ("x:y", "'x:y'")]
)
def test_an_engine_that_is_none_is_refused(name: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        check_engine(name)


@pytest.mark.skipif(HAS_SDV, reason="SDV is installed")
@pytest.mark.parametrize("name", ["sdv", "sdv:ctgan", "sdv:TVAESynthesizer"])
def test_without_sdv_its_engines_say_what_to_install(name: str) -> None:
    with pytest.raises(UsageError, match="not installed") as caught:
        check_engine(name)
    assert "dbsynth[sdv]" in caught.value.remedy


@pytest.mark.skipif(not HAS_SDV, reason="SDV is not installed")
@pytest.mark.parametrize("name", ["ctgan", "tvae", "CopulaGANSynthesizer"])
def test_a_synthesizer_of_sdv_is_an_engine(name: str) -> None:
    check_engine(f"sdv:{name}")
    task = a_task(100)
    assert 100 == len(rows_of(learned(f"sdv:{name}", task), task)[0])


@pytest.mark.skipif(not HAS_SDV, reason="SDV is not installed")
def test_a_synthesizer_that_sdv_lacks_is_refused_with_those_that_it_has() -> None:
    with pytest.raises(UsageError, match="no synthesizer") as caught:
        check_engine("sdv:NoSuchSynthesizer")
    assert "ctgan" in caught.value.remedy


# ---- model files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["argn", "tree", "copula", SDV])
def test_a_model_file_gives_the_same_rows(engine: str, tmp_path: Path) -> None:
    model = fitted(build("link_table_unique_pairs", tmp_path / "source.sqlite"), engine=engine)
    modelfile.save(model, tmp_path / "model")
    assert digests(drawn(model)) == digests(drawn(modelfile.load(tmp_path / "model")))


@pytest.mark.parametrize("engine", ["argn", "tree", "tables", "marginal"])
def test_the_gap_between_learned_and_held_out_rows_is_told(engine: str) -> None:
    task = a_task(3000)
    gap = gap_of(learned(engine, task), task)
    assert gap is not None
    assert 0.0 < gap.learned < gap.held_out * 1.15
    assert gap.held_out < gap.learned * 1.25
    assert gap_of(learned(engine, a_task(300)), a_task(300)) is None  # too few are held out
    few = replace(task, entities=np.arange(3000) % 5)  # whose losses would be those of each
    assert gap_of(learned(engine, task), few) is None


def test_the_gap_of_independent_columns_is_that_of_their_frequencies() -> None:
    task = a_task(3000)
    gap = gap_of(learned("marginal", task), task)
    assert gap is not None
    expected = 0.0
    for target, (_, tokens) in zip(task.targets, task.heads, strict=True):
        used = target[(target >= 0) & ~task.held_out]
        shares = np.bincount(used, minlength=tokens) / len(used)
        own = np.where(target >= 0, -np.log(np.maximum(shares[np.maximum(target, 0)], 1e-3)), 0.0)
        expected += float(own[task.held_out].mean())
    assert gap.held_out == pytest.approx(expected, rel=0.03)
