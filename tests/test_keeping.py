"""Tests of what keeps rules beyond single steps: donors, members, words of rows above."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from dbsynth import run
from dbsynth.arrow import arrow_schema
from dbsynth.keepers.above import Above, agreements, needed_above
from dbsynth.keepers.donors import Donors
from dbsynth.keepers.members import Members, Membership, memberships
from dbsynth.keepers.rowkeeper import RowKeeper
from dbsynth.rules.book import Rule
from dbsynth.rules.rowsteps import steps
from dbsynth.rules.words import dependencies, in_dialect, names_of, widened
from dbsynth.schema import Column, Table, TableName
from tests.rule_shops import SHOPS
from tests.test_rowkeeper import NAME, TABLE, TYPES, moment

WIDE = widened(
    TABLE,
    {
        "boss.land": Column(name="x", type=TYPES["land"]),
        "boss.sent": Column(name="x", type=TYPES["sent"]),
    },
)


def rules(*texts: str) -> list[Rule]:
    return [Rule(table=NAME, text=t, status="found") for t in texts]


def rows_of(table: Table, **columns: list[Any]) -> pa.Table:
    size, schema = len(next(iter(columns.values()))), arrow_schema(table)
    given = [pa.array(columns.get(f.name, [None] * size), f.type) for f in schema]
    return pa.table(given, schema=schema)


def kept(texts: list[str], **columns: list[Any]) -> dict[str, Any]:
    words = {n.replace("__", "."): v for n, v in columns.items()}
    above = frozenset({"boss.land", "boss.sent"})
    keeper = RowKeeper.of(rules(*texts), WIDE, frozenset({"id"}) | above)
    assert keeper is not None
    made, _ = keeper.keep(rows_of(WIDE, **words))
    return {n: made.column(n).to_pylist() for n in words}


def test_a_row_takes_over_what_stands_above_it_where_both_are_there() -> None:
    made = kept(["land = boss.land"], land=["a", "b", None], boss__land=["x", None, "y"])
    assert ["x", "b", None] == made["land"]


def test_a_row_is_later_than_the_one_above_it_by_as_much_as_others_or_not_later() -> None:
    given = {"sent": [moment(1), moment(5)], "boss__sent": [moment(3), moment(3)]}
    assert [moment(5), moment(5)] == kept(["boss.sent <= sent"], **given)["sent"]
    assert [moment(1), moment(3)] == kept(["sent <= boss.sent"], **given)["sent"]


def test_days_are_not_before_the_moment_above_them() -> None:
    made = kept(["boss.sent <= day"], day=[date(2024, 1, 1)], boss__sent=[moment(1, 5)])
    assert [date(2024, 1, 2)] == made["day"]
    made = kept(["day <= boss.sent"], day=[date(2024, 1, 9)], boss__sent=[moment(1, 5)])
    assert [date(2024, 1, 1)] == made["day"]


def test_what_follows_from_rows_above_and_from_two_columns() -> None:
    made = kept(["boss.land -> qty"], qty=[1, 2, 2, 7], boss__land=["a", "a", "a", "b"])
    assert [2, 2, 2, 7] == made["qty"]
    made = kept(["city, land -> qty"], qty=[1, 2, 2, 7], city=["u"] * 4, land=["a", "a", "a", "b"])
    assert [2, 2, 2, 7] == made["qty"]


def test_a_label_gives_way_where_something_else_is_decided() -> None:
    made = kept(
        ["land = boss.land", "city -> land"],
        city=["ulm", "ulm", "bonn", "bonn"], land=["a", "a", "b", "b"],
        boss__land=["a", "b", "b", "b"],
    )  # fmt: skip
    assert (["a", "b", "b", "b"], ["ulm", "bonn", "bonn", "bonn"]) == (made["land"], made["city"])


def test_what_must_be_there_comes_from_a_row_of_the_same_kind() -> None:
    made = kept(
        ["qty IS NOT NULL OR NOT (state IN ('x'))"],
        qty=[None, 4, 9, None], state=["x", "x", "y", "y"],
    )  # fmt: skip
    assert [4, 4, 9, None] == made["qty"]


def test_texts_begin_as_they_must_and_go_on_as_they_did() -> None:
    made = kept(
        ["starts_with(city, lower(land))"],
        city=["joe@x.org", "/a/b", "word"], land=["ANN", "/C", "W"],
    )  # fmt: skip
    assert ["ann@x.org", "/c/b", "word"] == made["city"]


def test_dates_lie_months_behind_others() -> None:
    made = kept(
        ["due = months_after(day, qty)"],
        day=[date(2024, 1, 31), date(2024, 5, 2)], qty=[1, 12], due=[date(2000, 1, 1)] * 2,
    )  # fmt: skip
    assert [date(2024, 2, 29), date(2025, 5, 2)] == made["due"]


def test_broken_rows_take_all_that_a_rule_is_about_from_whole_ones() -> None:
    donors = Donors.of(rules("qty + most <= 10", "city -> state"), TABLE, frozenset({"id"}))
    assert donors is not None
    made, changed = donors.keep(
        rows_of(TABLE, id=[1, 2, 3], qty=[1, 9, 2], most=[2, 9, 3]), np.random.default_rng(1)
    )
    assert {"qty", "most"} == changed
    pairs = list(zip(made["qty"].to_pylist(), made["most"].to_pylist(), strict=True))
    assert ((1, 2), (2, 3)) == (pairs[0], pairs[2])
    assert pairs[1] in ((1, 2), (2, 3))


def test_values_that_the_other_table_has_not_become_others_of_it_the_same_the_same() -> None:
    one = Members(Membership(NAME, "city", TableName("", "users"), "id", "user:"))
    others, rng = pa.chunked_array([pa.array([7, 8, 9])]), np.random.default_rng(1)
    first = one.keep(pa.array(["user:7", "x", "y", None, "x"]), others, rng).to_pylist()
    assert ("user:7", None) == (first[0], first[3])
    assert first[1] == first[4] != first[2]
    assert {first[1], first[2]} <= {"user:7", "user:8", "user:9"}
    assert first[1:3] == one.keep(pa.array(["x", "y"]), others, rng).to_pylist()


def test_words_of_rules(tmp_path: Path) -> None:
    url = SHOPS["office"](2, 200).build(tmp_path / "a.db")
    plan = run.plan(url, run.Options(engine="marginal", quality="fast"))
    tables = {n.name: n for n in plan.tables}
    above = Above.of(plan, tables["tickets"])
    assert "vat_rate" in {w.column for w in above.ways.values()}
    assert {"vat_rate"} <= needed_above(plan)[tables["tenants"]]
    assert ("tenant_id", "tenant_id") in agreements(
        plan, plan.schema.table(tables["tickets"]), _key(plan, tables["tickets"], "users")
    )
    assert {"subject_ref", "currency"} <= {m.column for m in memberships(plan, plan.rules)}
    assert frozenset({"a", "b.c", "d"}) == names_of("a, b.c -> d") == names_of("a = b.c + d")
    assert [(("a", "b.c"), "d")] == list(dependencies(rules("a, b.c -> d", "a = d")))


def _key(plan: Any, name: TableName, parent: str) -> str:
    keys = plan.schema.table(name).foreign_keys
    return next(k.name for k in keys if k.parent.name == parent)


@pytest.mark.parametrize("text", ["a = sum(b.c)", "a = lag(b) OVER (ORDER BY c)", "no ("])
def test_only_plain_conditions_are_checks_of_their_own(text: str) -> None:
    assert in_dialect(text, "postgresql") == ""
    assert in_dialect("a IS NULL OR b IN (1)", "postgresql") == "a IS NULL OR b IN (1)"


def test_rules_with_exceptions_change_nothing_by_themselves() -> None:
    odd = Rule(table=NAME, text="made <= sent", status="found", rows=900, exceptions=9)
    assert () == steps([odd], TABLE, frozenset())
    assert isinstance(moment(1), datetime)


def test_what_follows_and_what_must_be_there_are_settled_together() -> None:
    """A label that must be there is filled in from another row; yet it follows from the city."""
    texts = ["city -> state", "(state IS NOT NULL) = (land IN ('in'))", "city -> land"]
    size, rng = 400, np.random.default_rng(3)
    cities = [f"c{i}" for i in rng.integers(0, 60, size)]
    given = {
        "city": cities,
        "land": rng.choice(["in", "out", "far"], size).tolist(),
        "state": [f"s{i}" if i else None for i in rng.integers(0, 4, size)],
    }
    keeper = RowKeeper.of(rules(*texts), TABLE, frozenset({"id"}))
    assert keeper is not None
    donors = Donors.of(rules(*texts), TABLE, frozenset({"id"}), keeper.followers)
    assert donors is not None
    made, _ = keeper.keep(rows_of(TABLE, **given))
    made, _ = donors.keep(made, rng)
    assert not donors.broken(made).any()
    shown = made.select(["city", "state", "land"]).to_pylist()
    for right in ("state", "land"):
        pairs = {(r["city"], r[right]) for r in shown if r[right] is not None}
        assert len(pairs) == len({city for city, _ in pairs})
    assert all((r["state"] is not None) == (r["land"] == "in") for r in shown)


def test_a_row_takes_over_only_what_its_key_leads_to() -> None:
    donors = Donors.of(rules("id -> state", "qty <= 9"), TABLE, frozenset({"id"}))
    assert donors is not None
    given = rows_of(TABLE, id=[1, 1, 1, 2, 2], state=["a", "a", "b", "b", "b"], qty=[1] * 5)
    made, changed = donors.keep(given, np.random.default_rng(1))
    assert (["a", "a", "a", "b", "b"], {"state"}) == (made["state"].to_pylist(), set(changed))


def test_what_one_row_above_leaves_open_another_one_says() -> None:
    given = {"land": ["a", "b", "c"], "boss__land": ["x", None, None], "city": ["p", "q", None]}
    keeper = RowKeeper.of(
        rules("land = boss.land", "land = city"), WIDE, frozenset({"id", "boss.land", "city"})
    )
    assert keeper is not None
    made, _ = keeper.keep(rows_of(WIDE, **{n.replace("__", "."): v for n, v in given.items()}))
    assert ["p", "q", "c"] == made.column("land").to_pylist()
