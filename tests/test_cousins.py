"""What owners have of other tables: summed up once, the same whether in parts or at once."""

import numpy as np

from dbsynth.cousins import MOST, gather
from dbsynth.features import Features


def rows_of(codes: np.ndarray, floats: np.ndarray, cards: tuple[int, ...]) -> Features:
    return Features(codes.astype(np.int32), floats.astype(np.float32), cards)


def test_means_of_floats_and_shares_of_labels() -> None:
    codes = np.array([[1, 40], [2, 41], [2, 42], [0, 0]])
    rows = rows_of(codes, np.array([[0.5], [-0.5], [0.1], [0.9]]), (3, 50))
    found = gather(rows, np.array([0, 0, 2, -1]), 4)
    assert np.allclose(found[0], [0.0, 0.0, 0.5, 0.5])
    assert np.allclose(found[1], 0.0)  # has nothing
    assert np.allclose(found[2], [0.1, 0.0, 0.0, 1.0])
    assert found.shape == (4, 4)  # the code of fifty labels is not counted


def test_parts_that_tear_no_owner_apart_sum_up_to_the_whole() -> None:
    rng = np.random.default_rng(5)
    owners = np.sort(rng.integers(0, 30, 200))
    rows = rows_of(rng.integers(0, 4, (200, 2)), rng.normal(size=(200, 3)), (4, 4))
    whole = gather(rows, owners, 30)
    cut = int(np.searchsorted(owners, 15))
    first = gather(rows.take(np.arange(cut)), owners[:cut], 30)
    second = gather(rows.take(np.arange(cut, 200)), owners[cut:], 30)
    assert np.allclose(first + second, whole)


def test_wide_tables_tell_no_more_than_others() -> None:
    rows = rows_of(np.zeros((5, 0)), np.ones((5, 200)), ())
    assert gather(rows, np.arange(5), 5).shape == (5, MOST)
