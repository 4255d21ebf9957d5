"""Tables of counts: what is asked, what is counted, and how tokens are drawn without searching."""

from __future__ import annotations

import numpy as np
import pytest

from dbsynth.features import Features
from dbsynth.model.heads import MOST_ALIASES, Table, aliases
from dbsynth.model.hearing import Place
from dbsynth.model.tables import TablesModel, fit
from tests.test_engines import a_task, number_features

RNG = np.random.default_rng(8)


@pytest.mark.parametrize("tokens", [2, 5, 40, MOST_ALIASES])
def test_tokens_are_drawn_as_often_as_their_odds_say(tokens: int) -> None:
    """The largest table is searched, the others are looked up."""
    odds = RNG.random((tokens, 2)).astype(np.float32)
    odds[RNG.random(tokens) < 0.3] = 0.0
    odds[-1] = 1.0
    table, rows = Table([Place(-1, 0)], [2], odds), 40_000
    kinds = RNG.integers(0, 2, rows)
    found = table.draw(kinds, (RNG.permutation(rows) + 0.5) / rows, (0,))
    wanted = np.where(np.arange(tokens)[:, None] == 0, 0.0, odds.astype(np.float64))
    assert not wanted[found, kinds].min() <= 0
    if tokens <= 40:
        for kind in range(2):
            own = np.bincount(found[kinds == kind], minlength=tokens) / (kinds == kind).sum()
            assert np.abs(own - wanted[:, kind] / wanted[:, kind].sum()).max() < 0.01


def test_aliases_hold_exactly_what_they_are_made_of() -> None:
    odds = RNG.random((7, 9)) ** 4
    own, other = aliases(odds)
    held = own.copy()
    for kind, token in np.ndindex(own.shape):
        held[kind, other[kind, token]] += 1.0 - own[kind, token]
    assert np.allclose(held / held.sum(axis=1, keepdims=True), odds / odds.sum(axis=1)[:, None])


def asked_of(model: TablesModel, head: int) -> set[Place]:
    return {model.asked[a].place for a in model.heads[head].asked}


def test_a_head_asks_what_its_tokens_follow_from() -> None:
    model = fit(a_task(6_000), lambda done, total: None)
    assert asked_of(model, 0) == {Place(-1, 0)}
    assert {Place(0, 0), Place(-1, 0)} <= asked_of(model, 2)  # the label, and the parent's size
    heard = model.listens(2)
    assert heard.slots == {0}
    assert heard.floats == {0}


def test_what_too_few_entities_have_is_not_counted() -> None:
    """One entity's rows alone have a kind of their own: it draws what is drawn without it."""
    task = a_task(6_000)
    codes = task.condition.codes.copy()
    mine = task.entities < 3
    codes[mine] = 3
    codes[~mine & (codes[:, 0] == 3)] = 2
    label = np.where(mine, 4, np.minimum(task.targets[0], 3))
    condition = Features(codes, task.condition.floats, (4,))
    slots = [Features(label[:, None].astype(np.int32), task.slots[0].floats, (5,)), task.slots[1]]
    task = a_task(6_000, condition=condition, slots=slots, targets=[label, *task.targets[1:]])
    model = fit(task, lambda done, total: None)
    (asked,) = model.heads[0].asked
    shares = model.heads[0].shares[model.asked[asked].codes[3]]  # type: ignore[index]
    assert shares[4] < 0.01


def test_what_rows_share_may_be_sorted_before() -> None:
    task = a_task(3_000)
    model = fit(task, lambda done, total: None)
    shared = Features(task.condition.codes[:50], task.condition.floats[:50], (4,))
    kinds, uniforms = RNG.integers(0, 50, 400), RNG.random(400)
    nothing = Features.empty(400)
    at_once = model.begin(shared.take(kinds))
    in_parts = model.resume(model.prepare(shared), kinds, nothing)
    for session in (at_once, in_parts):
        session.see(0, Features(np.ones((400, 1), np.int32), np.zeros((400, 0), np.float32), (5,)))
        session.see(1, number_features(np.ones(400, np.int64)))
    for head in range(3):
        assert np.array_equal(at_once.draw(head, uniforms), in_parts.draw(head, uniforms))
        assert np.allclose(at_once.shares(head).sum(axis=1), 1.0)
