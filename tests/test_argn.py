"""Tests of dbsynth.model.argn and net: what a network costs, sees and leaves out."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dbsynth.model.heads import Head, HeadWeights
from dbsynth.model.learning import DECAY, MOST_NORM, _AdamW
from dbsynth.model.net import Embed, RowNet, _dropped
from dbsynth.model.shape import EmbedShape, NetShape


def a_net(floats: int, heads: int = 3, units: int = 48) -> RowNet:
    return RowNet(
        NetShape(
            condition_cards=(4, 30, 4), condition_floats=floats,
            slot_cards=((9,),) * heads, slot_floats=(1,) * heads,
            heads=tuple((slot, 9) for slot in range(heads)), units=units,
        )
    )  # fmt: skip


@given(share=st.floats(0.01, 0.5), seed=st.integers(0, 1000))
def test_dropout_leaves_out_the_share_and_keeps_the_mean(share: float, seed: int) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        found = _dropped(torch.ones(301, 203), share).numpy()
    assert np.mean(found == 0) == pytest.approx(share, abs=0.012)
    assert found.mean() == pytest.approx(1.0, abs=0.03)
    assert len(np.unique(found)) == 2


def test_codes_that_share_a_table_have_rows_of_their_own() -> None:
    embed = Embed(EmbedShape((4, 30, 4), 2))
    codes = torch.tensor([[1, 5, 1], [1, 5, 2]], dtype=torch.int32)
    with torch.inference_mode():
        seen = embed(codes, torch.tensor([[0.5, 0.25], [0.5, 0.25]]))
    assert seen.shape == (2, embed.width)
    narrow = embed.tables[0].weight.shape[1]  # the two small codes come first, side by side
    assert not torch.equal(seen[0, :narrow], seen[0, narrow : 2 * narrow])
    changed = (seen[0] != seen[1]).numpy()
    assert changed[narrow : 2 * narrow].all()
    assert not changed[:narrow].any()
    assert not changed[2 * narrow :].any()


def test_steps_are_those_of_torchs_own_optimizer() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        own, other = a_net(10), a_net(10)
        other.load_state_dict(own.state_dict())
        codes, floats = torch.randint(0, 4, (50, 3)), torch.rand(50, 10)
    ours = _AdamW(own)
    theirs = torch.optim.AdamW(other.parameters(), weight_decay=DECAY, fused=True)
    for number in range(5):
        rate = 0.01 / (1 + number)
        ours.step(own.from_condition(own.condition(codes, floats)).square().mean(), rate)
        theirs.param_groups[0]["lr"] = rate
        theirs.zero_grad()
        other.from_condition(other.condition(codes, floats)).square().mean().backward()
        torch.nn.utils.clip_grad_norm_(other.parameters(), MOST_NORM)
        theirs.step()
    assert all(map(torch.equal, own.parameters(), other.parameters()))


def test_learning_does_not_load_torchs_compiler() -> None:
    code = """
import sys, torch
from dbsynth.model.heads import Head, HeadWeights
from dbsynth.model.learning import _AdamW
from dbsynth.model.net import RowNet
from dbsynth.model.shape import NetShape
net = RowNet(NetShape((2,), 1, ((2,),), (0,), ((0, 2),)))
seen = net.condition(torch.zeros(4, 1, dtype=torch.int32), torch.ones(4, 1))
_AdamW(net).step(net.from_condition(seen).sum(), 0.01)
print("torch._dynamo.symbolic_convert" in sys.modules)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_odds_beyond_what_32_bits_hold_keep_their_order() -> None:
    """A head that is very sure: logarithms of 300 and 299, where e^88 is the greatest number."""
    none = np.zeros(0, np.float32)
    head = Head(
        HeadWeights(
            condition=np.zeros((0, 1), np.float32), slots=np.zeros((0, 1), np.float32),
            first=np.zeros(1, np.float32), second=np.zeros((1, 0), np.float32), second_bias=none,
            out=np.array([[3.0, 2.99, 0.0]], np.float32), bias=np.zeros(3, np.float32),
        )
    )  # fmt: skip
    odds = head.odds(np.array([[100.0], [0.1]], np.float32), ())
    assert np.isfinite(odds).all()
    assert odds[1, 0] / odds[0, 0] == pytest.approx(np.exp(-1.0), rel=1e-3)
    assert odds[:, 1] == pytest.approx(np.exp([0.3, 0.299, 0.0]), rel=1e-5)
