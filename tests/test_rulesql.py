"""Tests of dbsynth.rules.language and dbsynth.rules.book: what rules may say, and what is wrong."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import duckdb
import pytest
from ruamel.yaml import YAML

from dbsynth import run
from dbsynth.adapters import open_source
from dbsynth.ask import Committed
from dbsynth.config import parse
from dbsynth.errors import PlanFileError
from dbsynth.planfile import from_json, from_yaml, to_json, to_yaml
from dbsynth.rules.book import Rule, RuleError, combine, summary
from dbsynth.rules.language import complaints, count_breaks, count_together
from dbsynth.rules.words import parent_word, quote
from dbsynth.schema import Schema, TableName
from dbsynth.urls import resolve
from tests.rule_shops import Shop
from tests.rule_staff import DATABASES


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Shop, str]]:
    folder = tmp_path_factory.mktemp("shops")
    made = {name: make(5, 300) for name, make in DATABASES.items()}
    return {name: (shop, shop.build(folder / f"{name}.db")) for name, shop in made.items()}


def counted(url: str, table: str, text: str) -> dict[str, int]:
    with open_source(resolve(url, {})) as source:
        schema, asked = source.introspect(), Committed(source)
        about = next(t for t in schema.tables if t.name.name == table)
        query = count_breaks(text, about, schema, asked.dialect, asked.quote)
        found: dict[str, int] = asked.query(query.sql).to_pylist()[0]
        return found


def shape(url: str) -> Schema:
    with open_source(resolve(url, {})) as source:
        return source.introspect()


RULES = [(n, i, r) for n, make in DATABASES.items() for i, r in enumerate(make(5, 60).rules)]


@pytest.mark.parametrize(("shop", "rule"), [(n, r) for n, _, r in RULES], ids=lambda x: str(x)[:60])
def test_true_rules_hold_and_say_something(shops: Any, shop: str, rule: Any) -> None:
    _, table, text = rule
    counts = counted(shops[shop][1], table, text)
    assert counts["broken"] == 0
    assert counts["n_rows"] >= 10


def test_dates_and_moments_of_one_day_are_not_compared_as_texts(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.executescript("""
            CREATE TABLE stays (id INTEGER PRIMARY KEY, came DATETIME, day DATE);
            INSERT INTO stays VALUES (1, '2024-05-01 00:00:00', '2024-05-01'),
                (2, '2024-05-01 08:30:00', '2024-05-02'), (3, '2024-05-03 08:30:00', '2024-05-03');
        """)
    connection.close()
    url = f"sqlite:///{tmp_path / 'a.db'}"
    assert counted(url, "stays", "came <= day")["broken"] == 1
    assert counted(url, "stays", "day <= came")["broken"] == 1
    assert counted(url, "stays", "came = day")["broken"] == 2


WRONG = [
    ("orders", "paid_at <= placed_at"),
    ("orders", "placed_at < customers.joined_on"),
    ("orders", "subtotal = sum(order_lines.weight)"),
    ("orders", "largest = arg_max(order_lines.amount, order_lines.line_no)"),
    ("orders", "n_lines = count(order_lines) FILTER (WHERE order_lines.quantity > 3)"),
    ("order_lines", "unit_price = products.cost"),
    ("order_lines", "amount = round(quantity * unit_price, 2)"),
    ("order_lines", "line_no = row_number() OVER (PARTITION BY order_id ORDER BY amount)"),
    ("customers", "city -> district"),
    ("customers", "tier, city -> points"),
    ("orders", "status IN (SELECT tier FROM customers)"),
    ("orders", "customers.tier = 'gold'"),
]


@pytest.mark.parametrize(("table", "text"), WRONG)
def test_what_does_not_hold_is_counted(shops: Any, table: str, text: str) -> None:
    counts = counted(shops["sales"][1], table, text)
    assert 0 < counts["broken"] <= counts["n_rows"]


def test_rules_that_name_rows_above_share_a_scan(shops: Any) -> None:
    texts = [
        "unit_price = products.cost", "orders.placed_at < orders.customers.joined_on",
        "orders.Customers.points >= 0 AND orders.customers.points >= 0", "quantity > 3",
    ]  # fmt: skip
    with open_source(resolve(shops["sales"][1], {})) as source:
        schema, asked = source.introspect(), Committed(source)
        about = next(t for t in schema.tables if t.name.name == "order_lines")
        found = [count_breaks(t, about, schema, asked.dialect, asked.quote) for t in texts]
        alone = [asked.query(q.sql).to_pylist()[0] for q in found]
        together = asked.query(count_together(found)).to_pylist()[0]
    assert len({q.scan for q in found}) == 1
    for i, counts in enumerate(alone):
        assert counts == {"n_rows": together[f"n_rows{i}"], "broken": together[f"broken{i}"]}


UNCLEAR = [
    ("orders", "payed_at >= placed_at", "no column 'payed_at'; did you mean placed_at?"),
    ("orders", "placed_at >= customer.joined_on", "no parent 'customer'; did you mean customers?"),
    ("orders", "total = sum(lines.amount)", "no table 'lines'"),
    ("orders", "total = sum(products.price)", "no key of products leads to orders"),
    ("orders", "total >", "no SQL condition"),
    ("orders", "total = (SELECT 1)", "SELECT may only stand in IN"),
    ("orders", "age(placed_at) > 3", "function age is not known"),
    ("orders", "status -> a, b", "one column on its right side"),
    ("orders", "days_between(placed_at) = 3", "takes two moments"),
    ("orders", "status = arg_max(order_lines.amount)", "arg_max takes a value and"),
]


@pytest.mark.parametrize(("table", "text", "why"), UNCLEAR)
def test_wrong_rules_say_what_is_wrong(shops: Any, table: str, text: str, why: str) -> None:
    schema = shape(shops["sales"][1])
    (said,) = complaints([Rule(table=TableName("", table), text=text)], schema)
    assert why in said
    assert table in said


def test_names_are_quoted_only_where_they_must_be() -> None:
    assert ["price", "Total", '"order"', '"two words"', '"1st"'] == [
        quote(n) for n in ("price", "Total", "order", "two words", "1st")
    ]


def test_two_keys_to_one_table_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("""
            CREATE TABLE airport (code VARCHAR PRIMARY KEY, departures INTEGER);
            CREATE TABLE flight (id INTEGER PRIMARY KEY, origin VARCHAR REFERENCES airport (code),
                                 goal VARCHAR REFERENCES airport (code));
            INSERT INTO airport VALUES ('A', 2), ('B', 0);
            INSERT INTO flight VALUES (1, 'A', 'B'), (2, 'A', 'A')""")
    url = f"duckdb:///{path}"
    assert counted(url, "airport", "departures = count(flight.origin.*)")["broken"] == 0
    assert counted(url, "airport", "departures = count(flight.goal.*)")["broken"] == 2
    assert counted(url, "flight", "goal.departures < origin.departures")["broken"] == 1
    flight = next(t for t in shape(url).tables if t.name.name == "flight")
    assert {"origin", "goal"} == {parent_word(flight, k) for k in flight.foreign_keys}
    with pytest.raises(RuleError, match="several keys"):
        counted(url, "airport", "departures = count(flight)")


def test_rules_survive_yaml_and_json_and_complaints_come_at_once(shops: Any) -> None:
    import dataclasses

    plan = run.plan(shops["sales"][1], run.Options(engine="marginal"))
    orders = TableName("", "orders")
    rules = (
        Rule(table=orders, text="paid_at >= placed_at", status="found", kind="order", rows=9),
        Rule(table=orders, text="status IN ('new', 'it''s')", status="rejected"),
    )
    plan = dataclasses.replace(plan, rules=rules)
    text = to_yaml(plan)
    assert plan == from_yaml(text, plan.schema)
    assert plan == from_json(to_json(plan))
    assert sum("paid_at >= placed_at" in line and "rows: 9" in line for line in text.split("\n"))
    data = YAML(typ="safe").load(text)
    data["rules"] += [{"table": "orders", "rule": "x > 1"}, {"table": "order"}, {"rule": 1}]
    with pytest.raises(PlanFileError) as caught:
        from_yaml(_dumped(data), plan.schema)
    assert len(caught.value.problems) == 3


def _dumped(data: Any) -> str:
    import io

    text = io.StringIO()
    YAML().dump(data, text)
    return text.getvalue()


def test_the_project_file_lists_rules(shops: Any) -> None:
    schema = shape(shops["sales"][1])
    config = parse("rules:\n  - {table: orders, rule: total > 0}\n")
    config.check(schema)
    (rule,) = config.wanted_rules(schema, schema)
    assert ("accepted", "total > 0") == (rule.status, rule.text)
    with pytest.raises(PlanFileError) as caught:
        parse("rules:\n  - {table: orders, rule: totals > 0}\n").check(schema)
    assert "did you mean total?" in caught.value.problems[0]


def test_what_the_user_says_of_a_rule_that_was_found_wins() -> None:
    name = TableName("", "t")
    found = Rule(table=name, text="a > 1", status="found", kind="order", rows=5)
    said = Rule(table=name, text="a > 1", status="rejected")
    (kept,) = combine([found], [said])
    assert ("rejected", 5) == (kept.status, kept.rows)
    assert ["1 rules: 1 rejected", "  rejected order  t: a > 1"] == summary([kept])
