"""Copies of generated databases keep every rule that was found in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsynth import run
from dbsynth.demo import FILE_NAME, build
from tests.rule_kept import broken, cloned
from tests.rule_shops import SHOPS


@pytest.mark.parametrize("name", SHOPS)
def test_all_rules_that_are_found_are_kept(name: str, tmp_path: Path) -> None:
    rules = cloned(name, 5, 300, tmp_path, "marginal").rules
    assert len(rules) >= 12
    assert broken(rules) == []


def test_the_sample_shop_is_copied_without_a_warning(tmp_path: Path) -> None:
    build(tmp_path)
    options = run.Options(seed=2, engine="marginal", quality="fast")
    done = run.clone(str(tmp_path / FILE_NAME), f"duckdb:///{tmp_path}/copy.duckdb", options)
    assert broken(done.rules) == []
    assert [f for f in done.findings.warnings if f.check == "rule"] == []
