"""Tests of dbsynth.report: a run as JSON, as text and as a manifest; a plan as text."""

from __future__ import annotations

import dataclasses
import io
import json

from rich.console import Console

from dbsynth.findings import Finding, Findings
from dbsynth.model.gaps import Gap
from dbsynth.report import Run, TableRun, manifest, missed, render_text
from dbsynth.schema import ForeignKey, Loss, TableName, When
from dbsynth.targets import Reached

USERS, ORDERS = TableName("public", "users"), TableName("public", "Orders [bold]")
FINDING = Finding(
    check="foreign key",
    table=TableName("main", "orders"),
    columns=("user_id", "shop_id"),
    count=1200,
    detail="rows without their row in main.users",
)
KEY = ForeignKey(
    name="k", child=TableName("public", "orders"), columns=("user_id",),
    parent=TableName("public", "users"), parent_columns=("id",), is_declared=False,
    when=When(column="user_kind", label="User"),
)  # fmt: skip
SHARE = {
    "table": "public.users",
    "rows": "users.gender=F",
    "asked": 0.5,
    "reached": 0.45,
    "is_met": False,
}
RUN = Run(
    run_id="r1",
    started="2024-05-01T10:00:00+00:00",
    version="0.1.0",
    source="postgresql://ann:***@h/d",
    target="duckdb:///shop.duckdb",
    seed=42,
    scale=0.5,
    engine="argn",
    plan_fingerprint="abc123",
    tables=(
        TableRun(
            name=USERS,
            target=TableName("main", "users"),
            mode="generate",
            source_rows=12_000,
            target_rows=6_000,
            seconds=1.23456,
            columns={"email": "personal email"},
            gap=Gap(3.12345, 3.4),
        ),
        TableRun(name=ORDERS, target=ORDERS, mode="copy", source_rows=3, target_rows=3),
    ),
    shares=(Reached(table=USERS, words="users.gender=F", asked=0.5, rows=200, hits=90),),
    losses=(Loss(object="type mood", reason="no enums", instead="text"),),
    references=(KEY,),
    findings=Findings.of(["foreign key", "not null", "not null"], [FINDING]),
    stages={"fit": 3.14159, "write": 1.0},
    exit_code=4,
)


def printed(render: object, *, width: int = 120) -> str:
    held = io.StringIO()
    render(Console(file=held, width=width, no_color=True))  # type: ignore[operator]
    return held.getvalue()


def test_json_has_every_field_and_a_version() -> None:
    data = json.loads(json.dumps(RUN.to_json()))
    assert data == {
        "schema_version": 1,
        "run_id": "r1",
        "started": "2024-05-01T10:00:00+00:00",
        "dbsynth_version": "0.1.0",
        "source": "postgresql://ann:***@h/d",
        "target": "duckdb:///shop.duckdb",
        "seed": 42,
        "scale": 0.5,
        "engine": "argn",
        "plan_fingerprint": "abc123",
        "tables": [
            {
                "name": "public.users",
                "target": "main.users",
                "mode": "generate",
                "source_rows": 12000,
                "target_rows": 6000,
                "seconds": 1.235,
                "columns": {"email": "personal email"},
                "log_loss": {"learned": 3.1235, "held_out": 3.4},
            },
            {
                "name": "public.Orders [bold]",
                "target": "public.Orders [bold]",
                "mode": "copy",
                "source_rows": 3,
                "target_rows": 3,
                "seconds": 0.0,
                "columns": {},
                "log_loss": None,
            },
        ],
        "shares": [SHARE],
        "losses": [{"object": "type mood", "reason": "no enums", "instead": "text"}],
        "references": [
            {
                "child": "public.orders",
                "columns": ["user_id"],
                "parent": "public.users",
                "parent_columns": ["id"],
                "where": {"column": "user_kind", "label": "User"},
            }
        ],
        "rules": [],
        "rule_changes": {},
        "verification": {
            "is_sound": False,
            "made": {"foreign key": 1, "not null": 2},
            "found": [
                {
                    "check": "foreign key",
                    "table": "main.orders",
                    "columns": ["user_id", "shop_id"],
                    "count": 1200,
                    "severity": "error",
                    "detail": "rows without their row in main.users",
                }
            ],
        },
        "stages": {"fit": 3.142, "write": 1.0},
        "exit_code": 4,
    }


def test_text_tells_what_happened_what_was_lost_and_what_was_found() -> None:
    text = printed(lambda console: render_text(RUN, console))
    wanted = (
        "postgresql://ann:***@h/d -> duckdb:///shop.duckdb",
        "public.users as main.users",
        "12,000",
        "6,000",
        "public.Orders [bold]",
        "no enums",
        "Verified with 3 checks: 1 errors, 0 warnings.",
        "user_id, shop_id",
        "1,200",
        "fit 3.1 s, write 1.0 s",
    )
    assert [w for w in wanted if w not in text] == []


def test_text_says_so_if_nothing_was_verified() -> None:
    run = Run(
        run_id="r", started="", version="", source="a", target="b", seed=0, scale=1.0,
        engine="", plan_fingerprint="",
    )  # fmt: skip
    assert "Not verified." in run.to_text()


def test_long_names_are_folded_not_cut() -> None:
    name = TableName("", "x" * 90)
    table = TableRun(name=name, target=name, mode="empty", source_rows=0, target_rows=0)
    run = Run(
        run_id="r", started="", version="", source="a", target="b", seed=0, scale=1.0,
        engine="", plan_fingerprint="", tables=(table,),
    )  # fmt: skip
    text = printed(lambda console: render_text(run, console), width=60)
    # The fixed words of the report hold an x or two of their own.
    assert sum(len(line) for line in text.split() if set(line) == {"x"}) == 90


def test_the_manifest_holds_strings_that_say_where_the_rows_come_from() -> None:
    found = manifest(RUN)
    tables = json.loads(found.pop("tables"))
    formats = json.loads(found.pop("format_versions"))
    assert [SHARE] == json.loads(found.pop("shares"))
    assert [] == json.loads(found.pop("rules"))
    assert [ForeignKey.from_json(k) for k in json.loads(found.pop("references"))] == [KEY]
    assert (tables["public.users"], formats, found) == (
        {
            "target": "main.users",
            "mode": "generate",
            "source_rows": 12000,
            "target_rows": 6000,
            "columns": {"email": "personal email"},
        },
        {"plan": 1, "report": 1},
        {
            "run_id": "r1",
            "started": "2024-05-01T10:00:00+00:00",
            "dbsynth_version": "0.1.0",
            "plan_fingerprint": "abc123",
            "seed": "42",
            "scale": "0.5",
            "engine": "argn",
        },
    )


def test_a_finding_is_one_line() -> None:
    assert str(FINDING) == (
        "error: foreign key of main.orders (user_id, shop_id): 1200: "
        "rows without their row in main.users"
    )


def test_shares_are_printed_and_those_that_were_missed_are_warnings() -> None:
    text = " ".join(printed(lambda console: render_text(RUN, console)).split())
    assert "users.gender=F 50.0% 45.0%" in text
    near = Reached(table=USERS, words="users.age > 9", asked=0.5, rows=200, hits=97)
    found = missed((*RUN.shares, near), {USERS: TableName("main", "users")})
    assert ["users.gender=F: 50.0% asked, 45.0% reached"] == [f.detail for f in found.warnings]
    assert (found.is_sound, found.made) == (True, {"wished shares": 2})


def test_of_many_broken_rules_that_were_found_a_few_are_shown_and_all_are_told() -> None:
    rules = [
        Finding(
            check="rule", table=USERS, columns=(f"c{i}",), count=i + 1, severity="warning",
            detail=f"of 90 rows break c{i} <= d",
        )
        for i in range(12)
    ]  # fmt: skip
    run = dataclasses.replace(RUN, findings=Findings.of(["rule"] * 12, [FINDING, *rules]))
    text = run.to_text()
    assert "c4 <= d" in text
    assert "c5 <= d" not in text
    assert "… and 7 more rules" in text
    assert "user_id" in text
    assert 13 == len(run.to_json()["verification"]["found"])
