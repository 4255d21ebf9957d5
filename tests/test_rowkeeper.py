"""Tests of the steps of rules about rows and of the keeper who takes them, and no more."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from dbsynth.arrow import arrow_schema
from dbsynth.keepers.rowkeeper import RowKeeper
from dbsynth.rules.book import Rule
from dbsynth.rules.rowsteps import steps
from dbsynth.schema import Column, SqlType, Table, TableName

NAME = TableName("", "t")
TYPES = {
    "id": SqlType(kind="integer", native="integer", bits=32),
    "qty": SqlType(kind="integer", native="integer", bits=32),
    "most": SqlType(kind="integer", native="integer", bits=32),
    "price": SqlType(kind="decimal", native="numeric(8,2)", precision=8, scale=2),
    "off": SqlType(kind="decimal", native="numeric(4,2)", precision=4, scale=2),
    "amount": SqlType(kind="decimal", native="numeric(10,2)", precision=10, scale=2),
    "city": SqlType(kind="string", native="text"),
    "land": SqlType(kind="string", native="text"),
    "state": SqlType(kind="string", native="varchar(6)", length=6),
    "made": SqlType(kind="timestamp", native="timestamp"),
    "sent": SqlType(kind="timestamp", native="timestamp"),
    "day": SqlType(kind="date", native="date"),
    "due": SqlType(kind="date", native="date"),
}
TABLE = Table(
    name=NAME, columns=tuple(Column(name=n, type=t) for n, t in TYPES.items()), primary_key=("id",)
)


def kept(
    texts: list[str], fixed: frozenset[str] = frozenset({"id"}), **columns: list[Any]
) -> dict[str, list[Any]]:
    rules = [Rule(table=NAME, text=t, status="found") for t in texts]
    keeper = RowKeeper.of(rules, TABLE, fixed)
    assert keeper is not None
    size = len(next(iter(columns.values())))
    schema = arrow_schema(TABLE)
    given = {n: columns.get(n, [None] * size) for n in TYPES}
    arrays = [pa.array(v, schema.field(n).type) for n, v in given.items()]
    rows, changed = keeper.keep(pa.table(arrays, schema=schema))
    for name in TYPES:
        assert (name in changed) == (
            rows.column(name).to_pylist() != arrays[list(TYPES).index(name)].to_pylist()
        )
    return {n: rows.column(n).to_pylist() for n in columns}


def amounts(*texts: str | None) -> list[Decimal | None]:
    return [None if t is None else Decimal(t) for t in texts]


def moment(day: int, hour: int = 0) -> datetime:
    return datetime(2024, 1, day, hour)  # noqa: DTZ001


def test_what_is_calculated_is_calculated_and_rounded() -> None:
    made = kept(
        ["amount = round(qty * price * (1 - off), 2)"],
        qty=[3, 1, None, 2],
        price=amounts("1.25", "0.99", "5", "7"),
        off=amounts("0.1", "0", "0", "0"),
        amount=amounts("9", "9", "9", None),
    )  # fmt: skip
    assert ["3.38", "0.99", "9.00", "None"] == [str(a) for a in made["amount"]]


def test_what_a_column_cannot_hold_stays_as_it_was() -> None:
    made = kept(["state = lower(city)"], city=["Ulm", "Dortmund"], state=["x", "y"])
    assert ["ulm", "y"] == made["state"]


def test_the_day_follows_the_moment_and_not_the_other_way_round() -> None:
    made = kept(
        ["days_between(day, made) = 0", "days_between(day, due) = 30"],
        made=[moment(5, 13)], day=[date(2024, 1, 1)], due=[date(2024, 1, 1)],
    )  # fmt: skip
    assert [moment(5, 13)] == made["made"]
    assert [date(2024, 1, 5)] == made["day"]
    assert [date(2024, 2, 4)] == made["due"]


def test_parts_of_what_is_calculated_stay_as_large_a_part_before_the_rest_is() -> None:
    made = kept(
        ["amount = qty * most", "off <= amount", "price = amount - off"],
        qty=[2, 2, 2, None], most=[3, 3, 3, 1], amount=amounts("60", "60", "4", "5"),
        off=amounts("30", "80", "4", "9"), price=amounts("1", "1", "1", "1"),
    )  # fmt: skip
    assert ["6.00", "6.00", "6.00", "5.00"] == [str(a) for a in made["amount"]]
    assert ["3.00", "6.00", "4.00", "5.00"] == [str(a) for a in made["off"]]
    assert ["3.00", "0.00", "2.00", "0.00"] == [str(a) for a in made["price"]]


def test_bounds_have_their_say_where_nothing_calculates_a_value() -> None:
    made = kept(
        ["amount = qty * most", "amount <= price", "off <= amount"],
        qty=[2, None, 2], most=[3, 3, 3], amount=amounts("1", "9", "1"),
        price=amounts("50", "7", "9"), off=amounts("1", "1", "1"), fixed=frozenset({"id", "price"}),
    )  # fmt: skip
    assert ["6.00", "7.00", "6.00"] == [str(a) for a in made["amount"]]


def test_distances_are_folded_into_their_bounds() -> None:
    days = [date(2024, 1, d) for d in (1, 6, 30)]
    made = kept(["days_between(day, due) BETWEEN 3 AND 9"], day=[date(2024, 1, 1)] * 3, due=days)
    assert [7, 5, 8] == [(d - date(2024, 1, 1)).days for d in made["due"]]


def test_distances_back_to_an_earlier_moment_keep_their_sign() -> None:
    days = [date(2024, 1, d) for d in (1, 6, 30)]
    made = kept(
        ["days_between(due, day) BETWEEN -9 AND -3"], day=[date(2024, 1, 1)] * 3, due=days,
        fixed=frozenset({"id", "day"}),
    )  # fmt: skip
    assert [7, 5, 8] == [(d - date(2024, 1, 1)).days for d in made["due"]]


def test_what_is_filled_is_within_its_distance_too() -> None:
    day, far = date(2024, 1, 1), date(2024, 3, 1)
    made = kept(
        ["days_between(day, due) BETWEEN 3 AND 9", "(due IS NOT NULL) = (state IN ('paid'))"],
        fixed=frozenset({"id", "day", "state"}),
        day=[day, far, day, far], due=[far, None, None, day],
        state=["paid", "paid", "open", "open"],
    )  # fmt: skip
    assert 3 <= (made["due"][0] - day).days <= 9
    assert 3 <= (made["due"][1] - far).days <= 9
    assert made["due"][2:] == [None, None]


def test_each_label_gets_one_follower_and_keeps_it_from_chunk_to_chunk() -> None:
    rules = [Rule(table=NAME, text="city -> land", status="found")]
    keeper = RowKeeper.of(rules, TABLE, frozenset())
    assert keeper is not None
    found = []
    for lands in (["D", "D", "F"], ["F", "F", "D"]):
        rows = rows_of(city=["Ulm", "Ulm", "Ulm"], land=lands)
        found.append(keeper.keep(rows)[0].column("land").to_pylist())
    assert [["D"] * 3] * 2 == found


def rows_of(**columns: list[Any]) -> pa.Table:
    schema = arrow_schema(TABLE)
    given = {n: columns.get(n, [None] * 3) for n in TYPES}
    return pa.table([pa.array(v, schema.field(n).type) for n, v in given.items()], schema=schema)


def test_labels_that_call_the_same_otherwise_stay_one_to_one() -> None:
    made = kept(
        ["city -> land", "land -> city"],
        city=["a", "a", "b", "b", "c"], land=["x", "x", "x", "y", "z"],
    )  # fmt: skip
    assert ["x", "x", "y", "y", "z"] == made["land"]


def test_what_must_be_empty_is_emptied_and_what_must_not_is_filled() -> None:
    made = kept(
        ["(sent IS NOT NULL) = (state IN ('sent'))", "made <= sent"],
        state=["sent", "new", "sent"], made=[moment(1), moment(2), moment(3)],
        sent=[moment(4), moment(9), None],
    )  # fmt: skip
    assert [moment(4), None, moment(6)] == made["sent"]


def test_what_comes_later_is_not_earlier_and_labels_fix_values() -> None:
    made = kept(
        ["made <= sent", "qty = 5 OR NOT (state IN ('x'))"],
        made=[moment(3), moment(1)], sent=[moment(1), moment(2)], state=["x", "y"], qty=[1, 2],
    )  # fmt: skip
    assert [moment(4), moment(2)] == made["sent"]  # as far behind as the other row
    assert [5, 2] == made["qty"]


def test_what_is_moved_behind_its_bound_stays_within_what_others_have() -> None:
    # Everybody joined within some years, but was born within many: distances are not to be kept.
    born = [date(1940 + i % 80, 1, 1) for i in range(400)]
    joined = [date(2010 + i % 11, 6, 1) for i in range(400)]
    found = kept(["day <= due"], day=born, due=joined)
    assert all(b <= j for b, j in zip(born, found["due"], strict=True))
    assert max(found["due"]) <= max(joined)
    moved = [j for j, k in zip(found["due"], joined, strict=True) if j != k]
    assert len(set(moved)) > 3


def test_two_numbers_change_places_if_nothing_else_is_said_of_them() -> None:
    made = kept(["qty <= most"], qty=[3, 1], most=[2, 5])
    assert ([2, 1], [3, 5]) == (made["qty"], made["most"])
    made = kept(["qty <= most", "qty = 9 OR NOT (state IN ('x'))"], qty=[3], most=[2], state=["y"])
    assert ([3], [3]) == (made["qty"], made["most"])


@pytest.mark.parametrize(
    "text",
    [
        "total = sum(lines.amount)",
        "qty = row_number() OVER (PARTITION BY city ORDER BY id)",
        "price = other.price",
        "id = qty + 1",
        "no condition (",
    ],
)
def test_what_is_no_row_s_own_business_is_left_alone(text: str) -> None:
    assert () == steps([Rule(table=NAME, text=text)], TABLE, frozenset({"id"}))


def test_circles_are_cut_and_rejected_rules_are_not_kept() -> None:
    rules = [
        Rule(table=NAME, text="amount = price + off"),
        Rule(table=NAME, text="price = amount - off"),
        Rule(table=NAME, text="qty = 3 * id", status="rejected"),
    ]
    assert ["amount"] == [s.column for s in steps(rules, TABLE, frozenset())]


def test_labels_that_followers_fix_and_voids_fill_keep_their_followers() -> None:
    made = kept(
        [
            "city -> land",
            "(NOT land IS NULL) = (state = 'in')",
            "qty = 3 OR NOT (land IN ('F'))",
        ],
        city=["Ulm", "Ulm", "Lille", "Lille", "Lille"],
        land=["D", None, "F", "D", "F"],
        state=["in", "in", "in", "in", "out"],
        qty=[1, 2, 3, 4, 5],
    )
    assert ["D", "D", "F", "F", None] == made["land"]  # the second is filled, the fourth follows
    assert [1, 2, 3, 3, 5] == made["qty"]


def test_columns_are_empty_together_in_one_order_or_the_other() -> None:
    made = kept(
        [
            "(qty IS NULL) = (most IS NULL)",
            "(id IS NULL) = (price IS NULL)",
            "most IS NULL OR off > 0",
            "(most IS NULL) = (amount IS NULL)",
        ],
        id=[1, 2, None, 4],
        qty=[1, None, 3, None],
        most=[None, 5, 6, 7],
        off=amounts("1", "1", "0", "0"),
        price=amounts("1", None, "3", None),
        amount=amounts("1", "2", None, None),
    )  # fmt: skip
    assert [q is None for q in made["qty"]] == [m is None for m in made["most"]]
    assert [a is None for a in made["amount"]] == [m is None for m in made["most"]]
    assert [None, None] == made["most"][2:]
    assert [p is None for p in made["price"]] == [False, False, True, False]


def test_what_may_change_keeps_its_distance_from_what_may_not_and_its_bounds_without_it() -> None:
    days = [date(2024, 1, n) for n in (1, 2, 28)]
    made = kept(
        ["days_between(day, due) BETWEEN 0 AND 1", "made <= day"],
        fixed=frozenset({"id", "due", "made"}),
        day=days, due=[date(2024, 1, 20), date(2024, 1, 2), None],
        made=[None, moment(1), datetime(2024, 1, 30)],  # noqa: DTZ001
    )  # fmt: skip
    assert made["due"] == [date(2024, 1, 20), date(2024, 1, 2), None]
    assert made["day"][:2] == [date(2024, 1, 19), date(2024, 1, 2)]
    assert made["day"][2] >= date(2024, 1, 30)
