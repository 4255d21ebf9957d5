"""Networks made ready to draw: what is left out, looked up or shared changes nothing much."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from dbsynth.features import Features
from dbsynth.model.net import RowNet
from dbsynth.model.ready import BLOCK, ReadyNet, load
from dbsynth.model.shape import NetShape
from dbsynth.model.slimming import Rows, embeddings, slim

RNG = np.random.default_rng(5)
SHAPE = NetShape((4, 9), 3, ((5,), (70,)), (0, 1), ((0, 5), (1, 70)), units=48)
ROWS = 3000


def features(rows: int, cards: tuple[int, ...], floats: int) -> Features:
    codes = np.stack([RNG.integers(0, c, rows) for c in cards], axis=1).astype(np.int32)
    return Features(codes, RNG.uniform(-1, 1, (rows, floats)).astype(np.float32), cards)


CONDITION = features(ROWS, (4, 9), 3)
SLOTS = [features(ROWS, (5,), 0), features(ROWS, (70,), 1)]


def tensors(part: Features) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(part.codes), torch.from_numpy(part.floats)


def ready_of(net: RowNet) -> ReadyNet:
    """All rows tell, none was held out."""
    targets = torch.zeros(ROWS, 2, dtype=torch.int64)
    rows = Rows(tensors(CONDITION), [tensors(s) for s in SLOTS], targets, targets[:, 0] > 0)
    return ReadyNet(net.shape, embeddings(net), slim(net, rows))


@pytest.fixture(scope="module")
def trained() -> RowNet:
    """A network of which half of the units say nothing."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        net = RowNet(SHAPE)
        with torch.no_grad():
            for head in range(2):
                net.from_condition.weight[head * 48 : head * 48 + 24] = 0.0
                net.from_slots.weight[head * 48 : head * 48 + 24] = 0.0
                net.second[head].weight[:30] = 0.0
                net.out[head].weight.mul_(3.0)
    return net.eval()


@pytest.fixture(scope="module")
def ready(trained: RowNet) -> ReadyNet:
    return ready_of(trained)


def wanted(net: RowNet) -> list[np.ndarray]:
    with torch.inference_mode():
        logits = net(tensors(CONDITION), [tensors(s) for s in SLOTS])
        return [torch.softmax(own.double(), dim=1).numpy() for own in logits]


def test_silent_units_are_left_out_and_shares_stay(trained: RowNet, ready: ReadyNet) -> None:
    assert all(len(w.first) < 48 and len(w.second_bias) < 48 for w in ready.weights)
    drawn = ready.begin(CONDITION)
    for head, own in enumerate(wanted(trained)):
        assert np.abs(ready.shares(drawn, head, ()) - own).sum(axis=1).max() < 0.1
        ready.see(drawn, head, SLOTS[head])


def test_what_rows_have_in_common_may_be_worked_out_before(ready: ReadyNet) -> None:
    kinds = RNG.integers(0, 40, ROWS)
    shared = Features(CONDITION.codes[:40, :1], CONDITION.floats[:40, :2], (4,))
    rest = Features(CONDITION.codes[:, 1:], CONDITION.floats[:, 2:], (9,))
    at_once = ready.begin(Features.join([shared.take(kinds), rest], ROWS))
    in_parts = ready.resume(ready.prepare(shared), kinds, rest)
    assert np.allclose(ready.shares(at_once, 0, ()), ready.shares(in_parts, 0, ()), atol=0.02)


def test_a_banned_token_is_never_drawn_even_if_it_is_the_last(ready: ReadyNet) -> None:
    drawn = ready.begin(CONDITION)
    for uniforms in (RNG.random(ROWS), np.full(ROWS, np.nextafter(1.0, 0.0)), np.zeros(ROWS)):
        assert not set(ready.draw(drawn, 0, uniforms, (0, 4)).tolist()) & {0, 4}


def test_tokens_come_as_often_as_their_shares_say(ready: ReadyNet) -> None:
    drawn = ready.begin(CONDITION)
    tokens = ready.draw(drawn, 0, (RNG.permutation(ROWS) + 0.5) / ROWS, ())
    own = ready.shares(drawn, 0, ()).mean(axis=0)
    assert np.abs(np.bincount(tokens, minlength=5) / ROWS - own).max() < 0.03


def test_rows_are_drawn_among_what_is_wanted_unless_there_is_hardly_any(ready: ReadyNet) -> None:
    drawn = ready.begin(CONDITION)
    some = np.zeros((ROWS, 5), bool)
    some[: ROWS // 2, 2] = True
    every = np.arange(ROWS)
    tokens = ready.draw_among(drawn, 0, every, RNG.random(ROWS), (), some, 1e-9)
    assert set(tokens[: ROWS // 2].tolist()) == {2}
    assert len(set(tokens[ROWS // 2 :].tolist())) > 1


@pytest.mark.parametrize("rows", [1, 31, 33, BLOCK, BLOCK + 1])
def test_any_number_of_rows_can_be_drawn(ready: ReadyNet, rows: int) -> None:
    drawn = ready.begin(CONDITION.take(np.arange(rows) % ROWS))
    assert rows == len(ready.draw(drawn, 0, RNG.random(rows), ()))


@pytest.mark.parametrize("is_told", [True, False])
def test_a_number_whose_codes_tell_its_float_is_worked_out_once_a_code(is_told: bool) -> None:
    shape = NetShape((4, 9), 3, ((11,), (70,)), (1, 0), ((0, 11), (1, 70)), units=48)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(3)
        net = RowNet(shape).eval()
        net.from_condition.weight[48:].zero_()  # all that the second head hears is the number
        net.out[1].weight.mul_(5.0)
    number = features(ROWS, (11,), 1)
    if is_told:
        number = Features(number.codes, number.codes.astype(np.float32) / 11, (11,))
    slots = [tensors(number), tensors(features(ROWS, (70,), 0))]
    targets = torch.zeros(ROWS, 2, dtype=torch.int64)
    rows = Rows(tensors(CONDITION), slots, targets, targets[:, 0] > 0)
    ready = ReadyNet(shape, embeddings(net), slim(net, rows))
    drawn = ready.begin(CONDITION)
    ready.see(drawn, 0, number)
    assert (ready.few[1].told(drawn) is not None) == is_told
    uniforms = RNG.random(ROWS)
    curve = ready.shares(drawn, 1, (3,)).cumsum(axis=1)
    tokens = ready.draw(drawn, 1, uniforms, (3,))
    assert (tokens == (curve <= uniforms[:, None]).sum(axis=1)).mean() > 0.999
    assert 3 not in tokens


def test_a_head_to_which_nothing_makes_a_difference_is_constant(trained: RowNet) -> None:
    with torch.no_grad():
        trained.out[0].weight.zero_()
        trained.second[0].weight.zero_()
    ready = ready_of(trained)
    assert ready.heads[0].is_constant
    drawn = ready.begin(CONDITION)
    shares = ready.shares(drawn, 0, (1,))
    tokens = ready.draw(drawn, 0, (np.arange(ROWS) + 0.5) / ROWS, (1,))
    assert np.allclose(np.bincount(tokens, minlength=5) / ROWS, shares[0], atol=1e-3)
    assert shares[0, 1] == 0


def test_a_saved_network_draws_the_same(trained: RowNet, ready: ReadyNet) -> None:
    other = load(SHAPE, ready.saved())
    uniforms = RNG.random(ROWS)
    found = [n.draw(n.begin(CONDITION), 0, uniforms, ()) for n in (ready, other)]
    assert (found[0] == found[1]).all()


@pytest.fixture(scope="module")
def sparse() -> RowNet:
    """Heads that listen to one code each, and hardly to anything else."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        net = RowNet(SHAPE)
        with torch.no_grad():
            net.from_condition.weight[:, 2:] *= 1e-3  # all but the first code
            net.from_slots.weight.mul_(1e-3)
            for out in net.out:
                assert isinstance(out, torch.nn.Linear)
                out.weight.mul_(10.0)
    return net.eval()


def test_heads_that_listen_to_a_few_codes_are_tables(sparse: RowNet) -> None:
    ready = ready_of(sparse)
    assert set(ready.known) == {0, 1}
    for head in range(2):
        heard = ready.listens(head)
        assert (set(heard.codes), set(heard.floats), set(heard.slots)) == ({0}, set(), set())
    drawn = ready.begin(CONDITION)
    for head, own in enumerate(wanted(sparse)):
        assert np.abs(ready.shares(drawn, head, ()) - own).sum(axis=1).max() < 0.1
        banned = ready.draw(drawn, head, RNG.random(ROWS), (0, 2))
        assert not set(banned.tolist()) & {0, 2}
        tokens = ready.draw(drawn, head, (RNG.permutation(ROWS) + 0.5) / ROWS, ())
        counted = np.bincount(tokens, minlength=own.shape[1]) / ROWS
        assert np.abs(counted - own.mean(axis=0)).max() < 0.03
        ready.see(drawn, head, SLOTS[head])


def test_tables_are_looked_up_whatever_part_of_the_condition_has_the_code(sparse: RowNet) -> None:
    ready = ready_of(sparse)
    kinds = RNG.integers(0, 40, ROWS)
    shared = Features(CONDITION.codes[:40, :1], CONDITION.floats[:40, :0], (4,))
    rest = Features(CONDITION.codes[:, 1:], CONDITION.floats, (9,))
    at_once = ready.begin(Features.join([shared.take(kinds), rest], ROWS))
    in_parts = ready.resume(ready.prepare(shared), kinds, rest)
    assert np.array_equal(ready.shares(at_once, 0, ()), ready.shares(in_parts, 0, ()))


def test_what_no_row_gains_from_is_left_out(sparse: RowNet) -> None:
    """Held-out rows tell what was learned by heart: here targets follow the first code alone."""
    net = copy.deepcopy(sparse)
    with torch.no_grad():
        net.from_condition.weight[:, 2:] *= 2e2
    targets = torch.from_numpy(RNG.permuted(np.stack([CONDITION.codes[:, 0]] * 2, axis=1), axis=0))
    all_of_them = torch.ones(ROWS, dtype=torch.bool)
    parts = tensors(CONDITION), [tensors(s) for s in SLOTS]
    judged = slim(net, Rows(*parts, targets.long(), all_of_them))
    alone = slim(net, Rows(*parts, targets.long(), ~all_of_them))
    fewer, more = (sum(int(w.condition.any(axis=1).sum()) for w in f) for f in (judged, alone))
    assert fewer < more


def test_what_others_tell_is_left_out_and_made_up_for() -> None:
    """Three floats say the same : a head needs but one of them."""
    shape = NetShape((4,), 3, ((5,),), (0,), ((0, 5),), units=48)
    told = RNG.uniform(-1, 1, (ROWS, 1)).astype(np.float32)
    floats = told * np.array([1.0, 0.5, -2.0], np.float32)
    condition = Features(CONDITION.codes[:, :1], floats, (4,))
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(3)
        net = RowNet(shape).eval()
        net.from_condition.weight[:, : shape.condition.width - 3].zero_()
        net.out[0].weight.mul_(5.0)
    slots = [tensors(features(ROWS, (5,), 0))]
    targets = torch.zeros(ROWS, 1, dtype=torch.int64)
    heads = slim(net, Rows(tensors(condition), slots, targets, targets[:, 0] > 0))
    assert int(heads[0].condition.any(axis=1).sum()) == 1
    ready = ReadyNet(shape, embeddings(net), heads)
    with torch.inference_mode():
        (logits,) = net(tensors(condition), slots)
    shares = ready.shares(ready.begin(condition), 0, ())
    assert np.abs(shares - logits.softmax(dim=1).numpy()).sum(axis=1).mean() < 0.05
