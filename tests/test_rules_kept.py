"""Copies of generated databases keep every rule that was found in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rule_kept import broken, cloned
from tests.rule_shops import SHOPS


@pytest.mark.parametrize("name", SHOPS)
def test_all_rules_that_are_found_are_kept(name: str, tmp_path: Path) -> None:
    rules = cloned(name, 5, 300, tmp_path, "marginal").rules
    assert len(rules) >= 12
    assert broken(rules) == []
