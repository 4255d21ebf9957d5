"""Every schema of tests/schemas gets the plan beside it; `make golden` writes them anew."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from dbsynth import run
from dbsynth.plan import Plan
from dbsynth.planfile import from_json, from_yaml, planned_tables, to_json, to_yaml
from tests.filler import CASES, build, case_names

REWRITE = "DBSYNTH_REWRITE_GOLDEN"
# A plan's fingerprint says which schema it is for; what introspection adds to a schema with time
# must not change every golden file.
_FINGERPRINT = re.compile(r"^source: \S+\n", re.MULTILINE)


def planned(url: str) -> str:
    return shown(run.plan(url, run.Options(seed=7, engine="marginal")))


def shown(plan: Plan) -> str:
    return _FINGERPRINT.sub("", to_yaml(plan))


def assert_golden(name: str, text: str) -> None:
    path = CASES / name / "plan.yaml"
    if os.environ.get(REWRITE):
        path.write_text(text, "utf-8")
    assert path.read_text("utf-8") == text, f"if this is right: make golden ({path.name})"


@pytest.mark.parametrize("name", case_names("sqlite"))
def test_a_schema_in_sqlite_is_planned_as_its_golden_file_says_and_comes_back_from_a_file(
    name: str, tmp_path: Path
) -> None:
    url = build(name, tmp_path / "source.sqlite")
    plan = run.plan(url, run.Options(seed=7, engine="marginal"))
    assert_golden(name, shown(plan))
    assert plan == from_yaml(to_yaml(plan), plan.schema)
    assert plan == from_json(to_json(plan))
    assert frozenset(plan.tables) == planned_tables(to_yaml(plan))


@pytest.mark.parametrize("name", sorted(set(case_names("sqlite")) & set(case_names("postgresql"))))
def test_a_schema_in_postgresql_is_planned_as_in_sqlite(name: str, pg_url: str) -> None:
    text = (
        planned(build(name, pg_url)).replace("public.", "").replace("schema: public", "schema: ''")
    )
    assert (CASES / name / "plan.yaml").read_text("utf-8") == text


@pytest.mark.parametrize("name", sorted(set(case_names("postgresql")) - set(case_names("sqlite"))))
def test_a_schema_of_postgresql_is_planned_as_its_golden_file_says(name: str, pg_url: str) -> None:
    assert_golden(name, planned(build(name, pg_url)))


@pytest.mark.parametrize("name", sorted(set(case_names("duckdb")) - set(case_names("sqlite"))))
def test_a_schema_of_duckdb_is_planned_as_its_golden_file_says(name: str, tmp_path: Path) -> None:
    assert_golden(name, planned(build(name, tmp_path / "source.duckdb")))


@pytest.mark.parametrize(
    "name",
    sorted(set(case_names("mysql")) - set(case_names("sqlite")) - set(case_names("postgresql"))),
)
def test_a_schema_of_mariadb_is_planned_as_its_golden_file_says(name: str, mysql_url: str) -> None:
    assert_golden(name, planned(build(name, mysql_url)))
