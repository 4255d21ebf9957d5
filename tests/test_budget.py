"""Tests of dbsynth.model.budget: what learning costs is bounded, whatever the database."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dbsynth.features import Features
from dbsynth.model.base import FitTask
from dbsynth.model.budget import BUDGETS, FEWEST_VISITS, OFTEN, Purse, course


def a_task(rows: int, floats: int = 10, heads: int = 3, share: float = 1.0) -> FitTask:
    def seen(width: int) -> Features:
        codes = np.broadcast_to(np.zeros((), np.int32), (rows, 1))
        return Features(codes, np.broadcast_to(np.zeros((), np.float32), (rows, width)), (9,))

    return FitTask(
        name="t/content", condition=seen(floats), slots=[seen(1)] * heads,
        heads=[(slot, 9) for slot in range(heads)], targets=[], places=[],
        held_out=np.broadcast_to(np.zeros((), np.bool_), rows),
        entities=np.broadcast_to(np.zeros((), np.int64), rows),
        threshold=5, seed=0, quality="balanced", share=share,
    )  # fmt: skip


@pytest.mark.parametrize("floats", [10, 1_000, 10_000])
def test_what_a_table_costs_is_bounded_however_wide_and_long(floats: int) -> None:
    budget = BUDGETS["balanced"]
    found = course(a_task(10**7, floats, heads=30))
    assert found == course(a_task(10**6, floats, heads=30))
    assert found.work <= budget.work or found.visits == FEWEST_VISITS
    assert FEWEST_VISITS <= found.visits <= budget.visits
    part = course(a_task(10**7, floats, heads=30, share=0.1))
    assert part.work <= 0.1 * budget.work or part.visits == FEWEST_VISITS


def test_a_small_table_is_gone_through_so_many_times_at_most() -> None:
    assert course(a_task(50)).visits == 50 * BUDGETS["balanced"].epochs


@pytest.mark.parametrize(("rows", "visits"), [(20_000, 300_000), (100_000, 400_000)])
def test_rows_are_seen_a_few_times_or_until_plenty_were(rows: int, visits: int) -> None:
    assert course(a_task(rows)).visits == visits
    assert course(a_task(10**6)).visits == BUDGETS["balanced"].visits


def test_a_network_that_would_see_its_rows_a_few_times_only_is_narrower() -> None:
    wide, narrow = a_task(20_000, 1_500, 38), a_task(20_000, 1_500, 38, share=0.3)
    assert course(narrow).shape.units < course(wide).shape.units
    assert course(narrow).visits > 0.5 * course(wide).visits


def test_a_long_table_that_is_seen_enough_is_not_narrower() -> None:
    found = course(a_task(10**6, 600, 14))
    assert BUDGETS["balanced"].units == found.shape.units
    assert found.visits < OFTEN * 10**6


@pytest.mark.parametrize("tables", [1, 3, 30])
def test_all_tables_share_one_purse(tables: int) -> None:
    task = a_task(20_000, 500, 20)
    purse = Purse("balanced", {f"t{i}": 1000 + i for i in range(tables)})
    tasks = [purse.take(f"t{i}", task) for i in range(tables) for _ in ("structure", "content")]
    floor = course(replace(task, share=0.0)).work
    budget = BUDGETS["balanced"]
    assert sum(course(t).work for t in tasks) <= budget.tables * budget.work + 2 * tables * floor


def test_what_tables_need_not_is_left_to_later_ones() -> None:
    small, large = a_task(500), a_task(10**6, 500, 20)
    purse = Purse("balanced", {"small": 10**6, "large": 10**6})
    purse.take("small", small)
    alone = Purse("balanced", {"large": 10**6})
    assert purse.take("large", large).share == pytest.approx(alone.take("large", large).share)
