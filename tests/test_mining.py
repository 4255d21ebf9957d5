"""Tests of dbsynth.mining: known rules are found, decoys are not, equal rows say the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dbsynth.mining.arithmetic import digits, is_close
from tests.rule_recall import measured, mined
from tests.rule_shops import SHOPS


@pytest.mark.parametrize("name", sorted(SHOPS))
def test_known_rules_are_found_and_little_else(name: str, tmp_path: Path) -> None:
    tally = measured(name, 11, 800, tmp_path, larger=8)
    assert tally.recall >= 0.95, tally.mistakes
    assert tally.precision >= 0.95, tally.mistakes


def test_the_same_rows_give_the_same_rules_in_the_same_order(tmp_path: Path) -> None:
    shop = SHOPS["bank"](3, 300)
    assert mined(shop, tmp_path / "a.db")[1] == mined(shop, tmp_path / "b.db")[1]


def test_a_handful_of_rows_says_nothing(tmp_path: Path) -> None:
    _, rules = mined(SHOPS["sales"](2, 400), tmp_path / "a.db")
    assert not [r for r in rules if r.table.name == "settings"]


def test_labels_in_rules_are_carried_by_enough_entities(tmp_path: Path) -> None:
    _, rules = mined(SHOPS["sales"](2, 400), tmp_path / "a.db")
    assert not [r for r in rules if "Town" in r.text]


def test_digits_and_rounding() -> None:
    assert 2 == digits(np.array([1.25, 3.5, np.nan]))
    assert 0 == digits(np.array([1.0, 20.0]))
    near = is_close(np.array([1.24, 1.0]), np.array([1.2449, 1.2]), 0.005)
    assert [True, False] == near.tolist()
