"""Tests of dbsynth.rulecheck: every rule is counted on every database, and told."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from rich.console import Console

from dbsynth import run
from dbsynth.errors import VerifyFailedError
from dbsynth.planfile import from_yaml, to_yaml
from dbsynth.report import Run, render_text
from dbsynth.rules.book import Rule
from dbsynth.schema import TableName
from dbsynth.tablemodel import Model
from tests.rule_staff import DATABASES

FAST: dict[str, Any] = {"engine": "marginal", "quality": "fast", "replace": True}


@pytest.fixture(scope="module", params=sorted(DATABASES))
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("shops") / f"{request.param}.db"
    return DATABASES[request.param](3, 250).build(path)


@pytest.fixture(scope="module")
def model(shop: str) -> Model:
    return run.fit(shop, run.Options(**FAST))


def counts(done: Run) -> dict[str, int | None]:
    """How many rows break each rule; without those in which siblings at one place may swap."""
    listed = [c for c in done.rules if c.rule.kind != "intervals" or c.broken is None]
    return {str(c.rule): c.broken for c in listed}


@pytest.fixture(scope="module")
def in_duckdb(shop: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    target = f"duckdb:///{tmp_path_factory.mktemp('out')}/a.duckdb"
    return run.clone(shop, target, run.Options(**FAST))


@pytest.fixture(scope="module")
def in_sqlite(model: Model, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Run]:
    target = f"sqlite:///{tmp_path_factory.mktemp('out')}/a.db"
    return target, run.generate(model, target)


def test_every_rule_is_counted_in_duckdb(in_duckdb: Run) -> None:
    assert len(in_duckdb.rules) >= 12
    assert None not in counts(in_duckdb).values()
    assert in_duckdb.findings.made["rule"] == len(in_duckdb.rules)


def test_sqlite_counts_the_same(in_sqlite: tuple[str, Run], in_duckdb: Run) -> None:
    assert counts(in_duckdb) == counts(in_sqlite[1])


def test_postgresql_counts_the_same(model: Model, in_duckdb: Run, pg_url: str) -> None:
    assert counts(in_duckdb) == counts(run.generate(model, pg_url))


def test_mariadb_counts_the_same(model: Model, in_duckdb: Run, mysql_url: str) -> None:
    assert counts(in_duckdb) == counts(run.generate(model, mysql_url))


def test_the_report_tells_and_the_target_remembers(in_sqlite: tuple[str, Run]) -> None:
    target, done = in_sqlite
    text = io.StringIO()
    render_text(done, Console(file=text, width=200))
    assert f"Beyond the schema, {len(done.rules)} rules: {len(done.rules)} found" in text.getvalue()
    assert len(json.loads(json.dumps(done.to_json()))["rules"]) == len(done.rules)
    again = run.verify(target)
    assert again.made["rule"] == len(done.rules)
    broken = sorted(c.broken for c in done.rules if c.broken)
    assert broken == sorted(f.count for f in again.found if f.check == "rule")


def test_a_rule_that_the_user_accepted_must_hold(tmp_path: Path) -> None:
    url = DATABASES["bank"](3, 100).build(tmp_path / "a.db")
    plan = run.plan(url, run.Options(engine="marginal", quality="fast"))
    name = next(t for t in plan.tables if t.name == "accounts")
    rules = (Rule(table=name, text="limit_amount > 99000000"),)
    text = to_yaml(dataclasses.replace(plan, rules=rules))
    assert from_yaml(text, plan.schema).rules == rules
    (tmp_path / "plan.yaml").write_text(text, "utf-8")
    options = run.Options(replace=True, plan_file=tmp_path / "plan.yaml")
    with pytest.raises(VerifyFailedError) as caught:
        run.clone(url, f"duckdb:///{tmp_path}/a.duckdb", options)
    assert "break limit_amount > 99000000" in caught.value.problems[0]
    (tmp_path / "plan.yaml").write_text(text.replace("status: accepted", "status: rejected"))
    assert run.clone(url, f"duckdb:///{tmp_path}/a.duckdb", options).rules == ()


def test_no_rules_means_none(tmp_path: Path) -> None:
    url = DATABASES["bank"](3, 100).build(tmp_path / "a.db")
    assert run.plan(url, run.Options(is_ruled=False)).rules == ()


PLAIN: dict[str, Any] = {"engine": "marginal", "quality": "fast"}
ENUM_STATES = (
    "steps: (coalesce(lag(state) OVER (PARTITION BY ticket ORDER BY no), ''), state)"
    " IN (('', 'new'), ('new', 'done'))"
)


@pytest.mark.parametrize("kind", ["postgresql", "duckdb"])
def test_states_that_are_an_enum_are_counted(
    kind: str, new_pg_url: Callable[[], str], tmp_path: Path
) -> None:
    source, target = new_pg_url(), new_pg_url()
    with psycopg.connect(source, autocommit=True) as connection:
        connection.execute(
            """
            CREATE TYPE stage AS ENUM ('new', 'done');
            CREATE TABLE steps (
                ticket int, no int, state stage NOT NULL, PRIMARY KEY (ticket, no)
            );
            INSERT INTO steps
            SELECT t, n, (ARRAY['new', 'done'])[n]::stage
            FROM generate_series(1, 60) t, generate_series(1, 1 + t % 2) n;
            """
        )
    place = target if kind == "postgresql" else f"duckdb:///{tmp_path}/a.duckdb"
    table, text = ENUM_STATES.split(": ", 1)
    rule = Rule(table=TableName("public", table), text=text)
    plan = dataclasses.replace(run.plan(source, run.Options(**PLAIN)), rules=(rule,))
    done = run.clone(source, place, run.Options(plan=plan, replace=True))
    assert [(c.broken, c.why) for c in done.rules] == [(0, "")]
