"""Tests of dbsynth.planfile: plans survive YAML and JSON, broken ones name all their faults."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from dbsynth import run
from dbsynth.errors import PlanFileError, RefusedError
from dbsynth.plan import FORMAT_VERSION, Plan
from dbsynth.planfile import fingerprint, from_yaml, to_yaml
from dbsynth.schema import Schema, TableName
from tests.filler import build

Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("plans")


@pytest.fixture(scope="module")
def plan(folder: Path) -> Plan:
    return run.plan(build("diamond", folder / "diamond.sqlite"), run.Options(seed=7))


def edited(plan: Plan, *changes: Change) -> str:
    yaml = YAML()
    data = yaml.load(to_yaml(plan))
    for change in changes:
        change(data)
    text = StringIO()
    yaml.dump(data, text)
    return text.getvalue()


def table(data: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(t for t in data["tables"] if t["table"] == name)
    return found


def problems(plan: Plan, *changes: Change) -> list[str]:
    with pytest.raises(PlanFileError) as caught:
        from_yaml(edited(plan, *changes), plan.schema)
    return [*caught.value.problems] or [caught.value.message]


def test_the_same_plan_gives_the_same_text_and_fingerprint(plan: Plan) -> None:
    again = from_yaml(to_yaml(plan), plan.schema)
    assert to_yaml(plan) == to_yaml(again)
    assert fingerprint(plan) == fingerprint(again)


def test_any_edit_changes_the_fingerprint(plan: Plan) -> None:
    other = from_yaml(edited(plan, lambda d: d.update(seed=99)), plan.schema)
    assert fingerprint(plan) != fingerprint(other)


def test_edits_are_followed(plan: Plan) -> None:
    changed = from_yaml(
        edited(
            plan,
            lambda d: d.update(engine="marginal", quality="fast"),
            lambda d: table(d, "patient").update(rows=5, mode="invent"),
            lambda d: table(d, "patient")["columns"]["birth_date"].update(treatment="void"),
        ),
        plan.schema,
    )
    patient = changed.tables[TableName("", "patient")]
    assert ("marginal", "fast") == (changed.engine, changed.quality)
    assert (5, "invent") == (patient.target_rows, patient.mode)
    assert "void" == patient.columns["birth_date"].kind


def test_a_parent_that_becomes_a_reference_table_is_chosen_by_row(folder: Path) -> None:
    url = build("two_keys_one_parent", folder / "voyages.sqlite")
    plan = run.plan(url, run.Options())
    text = edited(plan, lambda d: table(d, "port").update(mode="copy"))
    keys = from_yaml(text, plan.schema).tables[TableName("", "voyage")].keys
    assert "reference" in {k.role for k in keys}


def test_a_plan_for_another_schema_is_refused(plan: Plan) -> None:
    other = Schema(dialect="sqlite", server_version="3", tables=plan.schema.tables[1:])
    with pytest.raises(RefusedError) as caught:
        from_yaml(to_yaml(plan), other)
    assert "dbsynth plan" in caught.value.remedy


def test_a_newer_format_is_refused(plan: Plan) -> None:
    found = problems(plan, lambda d: d.update(version=FORMAT_VERSION + 1))
    assert f"version {FORMAT_VERSION + 1}" in found[0]


@pytest.mark.parametrize("text", ["", "tables: [", "just words", "- a\n- b", "a: *b"])
def test_what_is_no_plan_is_said_to_be_none(plan: Plan, text: str) -> None:
    with pytest.raises(PlanFileError) as caught:
        from_yaml(text, plan.schema)
    assert caught.value.remedy.endswith(".")


FAULTS: list[tuple[Change, str]] = [
    (lambda d: d["tables"].pop(0), "table patient is missing"),
    (lambda d: d["tables"].append("word"), "has no `table`"),
    (lambda d: table(d, "patient").update(table="patent"), "did you mean patient?"),
    (lambda d: table(d, "patient").update(mode="genrate"), "did you mean generate?"),
    (lambda d: table(d, "patient").update(rows=-1), "rows must be a whole number"),
    (lambda d: table(d, "patient").update(source_rows="many"), "source_rows must be"),
    (lambda d: table(d, "patient")["columns"].pop("birth_date"), "birth_date: has no treatment"),
    (lambda d: table(d, "patient")["columns"].update(extra={}), "extra: no such column"),
    (
        lambda d: table(d, "patient")["columns"]["birth_date"].update(treatment="datetim"),
        "did you mean datetime?",
    ),
    (lambda d: table(d, "patient").update(columns=["id"]), "has no treatment"),
    (lambda d: table(d, "encounter").update(order_by="started"), "started"),
    (lambda d: table(d, "encounter")["keys"].clear(), "is missing"),
    (lambda d: table(d, "encounter")["keys"][0].update(name="nobody"), "no foreign key 'nobody'"),
    (lambda d: table(d, "encounter")["keys"][0].update(role="onwer"), "did you mean owner?"),
    (lambda d: table(d, "encounter")["keys"].append("word"), "key"),
    (lambda d: table(d, "observation")["keys"][1].update(role="owner"), "only one key"),
    (lambda d: table(d, "observation")["keys"][1].update(via=["nobody"]), "nobody"),
    (lambda d: d.update(quality="slow"), "quality must be"),
    (lambda d: d.update(seed="some"), "seed must be"),
]


@pytest.mark.parametrize(("change", "expected"), FAULTS)
def test_every_fault_is_named(plan: Plan, change: Change, expected: str) -> None:
    found = problems(plan, change)
    assert [f for f in found if expected in f], found


def test_all_faults_are_named_at_once(plan: Plan) -> None:
    found = problems(
        plan,
        lambda d: d.update(quality="slow"),
        lambda d: table(d, "patient").update(mode="x", rows="y"),
        lambda d: table(d, "observation")["columns"].pop("amount"),
    )
    assert 4 == len(found)


def test_a_saved_plan_gives_the_rows_of_the_plan_that_was_not_saved(
    folder: Path, tmp_path: Path
) -> None:
    url = build("unique_sets", folder / "unique.sqlite")
    made = run.plan(url, run.Options(engine="marginal", seed=3))
    (tmp_path / "plan.yaml").write_text(to_yaml(made), "utf-8")
    saved = run.fit(url, run.Options(plan_file=tmp_path / "plan.yaml"))
    assert made == saved.plan
