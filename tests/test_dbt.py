"""Tests of dbsynth.dbt: a dbt project's tests are rules and references."""

from __future__ import annotations

import json
import random
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import dbsynth
from dbsynth.adapters import open_source
from dbsynth.dbt import bound, read_manifest
from dbsynth.errors import PlanFileError, UsageError
from dbsynth.urls import resolve


def shop(path: Path) -> str:
    dice = random.Random(3)
    with sqlite3.connect(path) as connection:
        connection.executescript("""
            CREATE TABLE customers (id INTEGER PRIMARY KEY, login TEXT, tier TEXT, age INTEGER);
            CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, status TEXT,
                placed_on DATE, code INTEGER);
        """)
        rows: list[Any] = [
            (i, f"user{i}", dice.choice(["basic", "gold"]), dice.choice([20, 30, 40, None]))
            for i in range(1, 201)
        ]
        connection.executemany("INSERT INTO customers VALUES (?, ?, ?, ?)", rows)
        rows = [
            (i, dice.randint(1, 200), dice.choice(["new", "paid", "sent"]),
             f"2024-0{dice.randint(1, 9)}-1{dice.randint(0, 9)}", i * 7)
            for i in range(1, 601)
        ]  # fmt: skip
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", rows)
    connection.close()
    return f"sqlite:///{path}"


def a_test(name: str, table: str, column: str | None, **more: Any) -> dict[str, Any]:
    config = {k: more.pop(k) for k in ("where", "severity", "enabled") if k in more}
    return {
        "resource_type": "test",
        "test_metadata": {"name": name, "kwargs": {"column_name": column, **more}},
        "column_name": column,
        "attached_node": f"model.p.{table}",
        "depends_on": {"nodes": [f"model.p.{table}"]},
        "config": config,
    }


def manifest(path: Path, *tests: dict[str, Any]) -> Path:
    named = (("customers", None), ("stg_orders", "orders"), ("gone", "gone"))
    models: dict[str, Any] = {
        f"model.p.{n}": {"resource_type": "model", "schema": "main", "name": n, "alias": alias}
        for n, alias in named
    }
    nodes = models | {f"test.p.{i}": t for i, t in enumerate(tests)}
    path.write_text(json.dumps({"metadata": {}, "nodes": nodes, "sources": {}}))
    return path


TESTS = (
    a_test("unique", "customers", "id"),
    a_test("unique", "customers", "login"),
    a_test("not_null", "stg_orders", "CODE"),
    a_test("unique", "stg_orders", "code", where="status <> 'new'"),
    a_test("not_null", "customers", "age", where="tier = 'gold'", severity="warn"),
    a_test("accepted_values", "stg_orders", "status", values=["new", "paid", "sent"]),
    a_test("accepted_values", "customers", "age", values=[20, 30, 40], quote=False),
    a_test("relationships", "stg_orders", "customer_id", to="ref('customers')", field="id"),
    a_test("relationships", "customers", "tier", to="ref('gone')", field="id"),
    a_test("expression_is_true", "customers", None),
    a_test("not_null", "customers", "nothing"),
    a_test("not_null", "customers", "age", enabled=False),
)


def test_tests_become_rules_and_references(tmp_path: Path) -> None:
    with open_source(resolve(shop(tmp_path / "a.db"), {})) as source:
        found = read_manifest(manifest(tmp_path / "manifest.json", *TESTS))
        read = bound(found, source.introspect())
    assert [
        ("customers", "count(*) OVER (PARTITION BY login) = 1", None),
        ("orders", "code IS NOT NULL", None),
        ("customers", "age IS NOT NULL OR NOT (tier = 'gold')", "found"),
        ("orders", "status IN ('new', 'paid', 'sent')", None),
        ("customers", "age IN (20, 30, 40)", None),
    ] == [(r["table"].split(".")[-1], r["rule"], r.get("status")) for r in read.rules]
    assert [("customer_id", "id")] == [(r["columns"], r["parent_columns"]) for r in read.references]
    assert [
        "unique in a part of orders is not known here",
        "there is no table gone",
        "expression_is_true is not known here",
        "customers has no column nothing",
    ] == [line.replace("main.", "") for line in read.left]
    assert "5 rules and 1 references; 4 not read" in read.summary


def test_a_copy_keeps_the_tests(tmp_path: Path) -> None:
    url, tests = shop(tmp_path / "a.db"), manifest(tmp_path / "manifest.json", *TESTS)
    target = f"duckdb:///{tmp_path}/copy.duckdb"
    plan = dbsynth.make_plan(url, engine="marginal", dbt=tests)
    assert 5 <= len([r for r in plan.rules if r.status != "rejected"])
    assert any(note.startswith("dbt's tests: 5 rules") for note in plan.notes)
    done = dbsynth.clone(url, target, plan=plan)
    assert [] == [c for c in done.rules if c.broken]
    rows = done.frames()
    assert set(rows["orders"]["customer_id"].dropna()) <= set(rows["customers"]["id"])
    assert rows["customers"]["login"].is_unique


def test_the_configuration_file_may_name_the_manifest(tmp_path: Path) -> None:
    manifest(tmp_path / "manifest.json", *TESTS)
    (tmp_path / "dbsynth.yaml").write_text("dbt: manifest.json\n")
    plan = dbsynth.make_plan(shop(tmp_path / "a.db"), config=tmp_path / "dbsynth.yaml")
    assert "code IS NOT NULL" in [r.text for r in plan.rules]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"nodes": 3}'])
def test_what_is_no_manifest_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(PlanFileError):
        read_manifest(tmp_path / "m.json")


def test_python_programs_add_rules_and_decide_over_them(tmp_path: Path) -> None:
    url, target = shop(tmp_path / "a.db"), f"duckdb:///{tmp_path}/copy.duckdb"
    listed = ["orders: code > 14", {"table": "customers", "rule": "age >= 21 OR tier = 'basic'"}]
    plan = dbsynth.make_plan(url, engine="marginal", rules=listed)
    assert {"code > 14", "age >= 21 OR tier = 'basic'"} <= {r.text for r in plan.rules}
    rejected = {"table": "orders", "rule": "code > 14", "status": "rejected"}
    done = dbsynth.clone(url, target, plan=plan, rules=[rejected, "orders: status <> 'sent'"])
    told = {c.rule.text: c.broken for c in done.rules}
    assert (0, 0) == (told["age >= 21 OR tier = 'basic'"], told["status <> 'sent'"])
    assert "code > 14" not in told
    assert set(done.frames()["orders"]["status"]) == {"new", "paid"}
    with pytest.raises(UsageError, match="begins with its table"):
        dbsynth.make_plan(url, rules=["code > 14"])
    with pytest.raises(PlanFileError, match="did you mean code"):
        dbsynth.clone(url, target, plan=replace(plan, rules=()), rules=["orders: cod > 14"])
