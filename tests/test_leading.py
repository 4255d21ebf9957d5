"""What follows from what: pairs that enough entities have, and orders that few values break."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from dbsynth.groupkeeper import in_order
from dbsynth.leading import _pairs, known_of
from dbsynth.release import Release
from dbsynth.rowkeeper import RowKeeper
from dbsynth.rulebook import Rule
from dbsynth.schema import Column, SqlType, Table, TableName

NAME = TableName("", "flights")


def rows_of(places: list[int | None], minutes: list[int | None]) -> pa.Table:
    return pa.table(
        {"place": pa.array(places, pa.int64()), "minute": pa.array(minutes, pa.int64())}
    )


def test_only_pairs_of_enough_entities_are_released() -> None:
    places = [1605] * 40 + [1700] * 40 + [None] * 5
    minutes = [5] * 40 + [0] * 40 + [7] * 5
    entities = np.concatenate([np.arange(40), np.zeros(40), np.arange(5)]).astype(np.int64)
    pairs = _pairs("flights.place -> minute", rows_of(places, minutes), entities, Release(0))
    assert pairs.to_pydict() == {"place": [1605], "minute": [5]}  # 1700 is one entity's alone


def test_no_rows_tell_nothing() -> None:
    pairs = _pairs("x", rows_of([None], [3]), np.zeros(1, np.int64), Release(0))
    assert len(pairs) == 0


def test_rows_follow_what_the_source_released_even_where_drawn_otherwise() -> None:
    number = SqlType(kind="integer", native="bigint", bits=64)
    columns = tuple(Column(name=n, type=number) for n in ("place", "minute"))
    table = Table(name=NAME, columns=columns)
    rule = Rule(table=NAME, text="place -> minute", status="found")
    known = known_of({"place -> minute": rows_of([1605], [5])})
    keeper = RowKeeper.of([rule], table, frozenset(), frozenset(), known)
    assert keeper is not None
    kept, _ = keeper.keep(rows_of([1605, 1605, 1605, 1700], [9, 9, 9, 0]))
    assert kept.column("minute").to_pylist() == [5, 5, 5, 0]


@given(st.lists(st.integers(0, 20), min_size=1, max_size=60))
def test_what_stays_is_in_order_and_is_all_where_nothing_falls(values: list[int]) -> None:
    numbers = np.array(values, np.float64)
    stays = in_order(numbers)
    assert (np.diff(stays) > 0).all()
    assert (np.diff(numbers[stays]) >= 0).all()
    assert in_order(np.sort(numbers)).tolist() == list(range(len(values)))
    longest = np.ones(len(values), int)
    for i in range(len(values)):
        for j in range(i):
            if values[j] <= values[i]:
                longest[i] = max(longest[i], longest[j] + 1)
    assert len(stays) == longest.max()
