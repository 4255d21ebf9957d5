"""Tests of wished shares: reached, joint with all that depends on them, and refused in time."""

from __future__ import annotations

import json
import random
import sqlite3
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import dbsynth
from dbsynth import run
from dbsynth.aims import Aim, Tally, aims_of
from dbsynth.errors import UsageError
from dbsynth.generate import generate
from dbsynth.modelfile import save
from dbsynth.schema import TableName
from dbsynth.tablemodel import Model
from dbsynth.targets import bind
from dbsynth.tilt import fitting
from dbsynth.wishes import read_options
from tests.conftest import CommandLine
from tests.generated import broken_rules, collected, digests, fitted

SCHEMA = """
CREATE TABLE land (code char(2) PRIMARY KEY, name varchar(20) NOT NULL);
CREATE TABLE person (id integer PRIMARY KEY, land_code char(2) NOT NULL REFERENCES land (code),
  region varchar(10) NOT NULL, gender char(1) NOT NULL, age integer, email varchar(60) NOT NULL);
CREATE TABLE visit (id integer PRIMARY KEY, person_id integer NOT NULL REFERENCES person (id),
  day date NOT NULL, cost numeric(8, 2) NOT NULL CHECK (cost >= 0), kind varchar(10) NOT NULL,
  is_paid boolean NOT NULL);
CREATE TABLE item (visit_id integer NOT NULL REFERENCES visit (id), place integer NOT NULL,
  size varchar(5) NOT NULL, PRIMARY KEY (visit_id, place));
CREATE TABLE same (id integer PRIMARY KEY, kind varchar(10), number integer NOT NULL);
CREATE TABLE blank (id integer PRIMARY KEY, kind varchar(10));
"""
PERSONS = 400
VISIT = TableName("", "visit")


def _fill(path: Path) -> str:
    """Regions decide on gender and on rare visits, which cost more and have large items."""
    dice = random.Random(5)
    with closing(sqlite3.connect(path)) as base:
        base.executescript(SCHEMA)
        base.executemany("INSERT INTO land VALUES (?, ?)", [("AT", "Austria"), ("BE", "Belgium")])
        same = [(n, "only", n % 13) for n in range(60)]
        base.executemany("INSERT INTO same VALUES (?, ?, ?)", same)
        visit = 0
        for person in range(PERSONS):
            is_south = dice.random() < 0.3
            female = dice.random() < (0.8 if is_south else 0.2)
            base.execute(
                "INSERT INTO person VALUES (?, ?, ?, ?, ?, ?)",
                (person, dice.choice(("AT", "AT", "BE")), "south" if is_south else "north",
                 "F" if female else "M", None if dice.random() < 0.1 else dice.randint(18, 80),
                 f"user{person}@example.org"),
            )  # fmt: skip
            for _ in range(dice.choice((1, 2, 3, 4))):
                is_rare = dice.random() < (0.3 if is_south else 0.03)
                cost = dice.uniform(400, 900) if is_rare else dice.uniform(10, 500)
                day = date(2022, 1, 1) + timedelta(days=dice.randint(0, 700))
                base.execute(
                    "INSERT INTO visit VALUES (?, ?, ?, ?, ?, ?)",
                    (visit, person, day.isoformat(), round(cost, 2), "rare" if is_rare else "plain",
                     dice.random() < (0.2 if is_rare else 0.9)),
                )  # fmt: skip
                for place in range(dice.choice((0, 1, 2))):
                    size = "large" if dice.random() < (0.9 if is_rare else 0.1) else "small"
                    base.execute("INSERT INTO item VALUES (?, ?, ?)", (visit, place, size))
                visit += 1
        base.commit()
    return str(path)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    return _fill(tmp_path_factory.mktemp("shares") / "source.sqlite")


@pytest.fixture(scope="module")
def model(source: str) -> Model:
    return fitted(source, engine="argn", quality="balanced")


@pytest.fixture(scope="module")
def floor(source: str) -> Model:
    return fitted(source)


def _aims(model: Model, set_share: list[str], where: list[str]) -> tuple[Aim, ...]:
    return aims_of(bind(read_options(set_share, where), model.plan), model)


def _drawn(model: Model, set_share: list[str], where: list[str], **options: Any) -> Any:
    """Tables by name, and the shares reached."""
    tally = Tally(_aims(model, set_share, where))
    events = tally.watch(generate(model, aims=tally.aims, **options))
    database = collected(model.plan.schema, events)
    assert [] == broken_rules(model.plan.schema, database)
    return {n.name: t.to_pandas() for n, t in database.items()}, tally.reached()


def _joined(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    person = tables["person"].rename(columns={"id": "person_id"})
    return tables["visit"].merge(person, on="person_id")


def test_without_wishes_nothing_changes(floor: Model) -> None:
    plain = digests(collected(floor.plan.schema, generate(floor)))
    assert plain == digests(collected(floor.plan.schema, generate(floor, aims=())))


@pytest.mark.parametrize("engine", ["model", "floor"])
def test_shares_of_a_root_are_reached(engine: str, request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(engine)
    tables, [reached] = _drawn(model, ["person.gender=F:0.7"], [])
    assert PERSONS == len(tables["person"])
    assert pytest.approx(0.7, abs=0.01) == reached.reached
    assert pytest.approx(0.7, abs=0.01) == (tables["person"]["gender"] == "F").mean()


def test_a_root_takes_along_its_other_columns_and_its_children(model: Model) -> None:
    plain, _ = _drawn(model, [], [])
    tilted, _ = _drawn(model, ["person.gender=F:0.9"], [])
    for tables, low, high in ((plain, 0.15, 0.5), (tilted, 0.45, 0.75)):
        assert low < (tables["person"]["region"] == "south").mean() < high
    before, after = (
        (t["visit"]["kind"] == "rare").mean() for t in (plain, tilted)
    )  # 0.11 and about 0.19 by the source's own shares
    assert after > 1.3 * before


def test_a_child_takes_along_its_row_its_parents_and_its_children(model: Model) -> None:
    plain, _ = _drawn(model, [], [], scale=8.0)
    tilted, [reached] = _drawn(model, ["visit.kind=rare:0.5"], [], scale=8.0)
    assert pytest.approx(0.5, abs=0.01) == reached.reached
    assert abs(len(tilted["visit"]) - len(plain["visit"])) <= 1
    given = {}
    for name, tables in (("plain", plain), ("tilted", tilted)):
        rows = _joined(tables)
        rare = rows[rows["kind"] == "rare"]
        items = tables["item"].merge(rare[["id"]], left_on="visit_id", right_on="id")
        given[name] = [
            (rare["cost"] > 450).mean(), rare["is_paid"].mean(),
            (rare["region"] == "south").mean(), (items["size"] == "large").mean(),
        ]  # fmt: skip
    # What comes with a rare visit stays; that there are more of them is all.
    assert np.allclose(given["plain"], given["tilted"], atol=0.09)
    south = _joined(plain).groupby("kind")["region"].apply(lambda r: (r == "south").mean()).mean()
    assert pytest.approx(south, abs=0.08) == (_joined(tilted)["region"] == "south").mean()
    assert south > (_joined(plain)["region"] == "south").mean() + 0.08
    assert (tilted["visit"]["cost"] > 500).mean() > (plain["visit"]["cost"] > 500).mean() + 0.08
    large = [(t["item"]["size"] == "large").mean() for t in (plain, tilted)]
    assert large[1] > large[0] + 0.1


def test_only_such_rows(model: Model) -> None:
    tables, [reached] = _drawn(model, [], ["visit.kind = 'rare'"])
    assert {"rare"} == set(tables["visit"]["kind"])
    assert 1.0 == reached.reached


def test_no_such_rows(floor: Model) -> None:
    tables, _ = _drawn(floor, ["visit.kind=rare:0"], [])
    assert {"plain"} == set(tables["visit"]["kind"])


def test_several_labels_and_several_targets_at_once(floor: Model) -> None:
    tables, reached = _drawn(
        floor,
        ["visit.kind=plain:0.6,rare:0.4", "person.gender=M:0.5"],
        [
            "visit.is_paid: 0.6",
            "visit.cost > 300 and visit.cost <= 500: 0.3",
            "person.age is null: 0.3",
        ],
    )
    assert [0.6, 0.4, 0.5, 0.6, 0.3, 0.3] == [r.asked for r in reached]
    assert all(r.is_met for r in reached), reached
    assert (
        pytest.approx(0.3, abs=0.03)
        == tables["visit"]["cost"].astype(float).between(300.001, 500).mean()
    )


def test_days_and_keys_to_reference_tables(floor: Model) -> None:
    tables, reached = _drawn(
        floor, ["person.land_code=BE:0.8"], ["visit.day >= date '2023-01-01': 0.2"]
    )
    assert pytest.approx(0.8, abs=0.02) == (tables["person"]["land_code"] == "BE").mean()
    days = pd.to_datetime(tables["visit"]["day"])
    assert pytest.approx(0.2, abs=0.02) == (days >= "2023-01-01").mean()
    assert all(r.is_met for r in reached)


def test_shares_scale_and_other_tables_stay(floor: Model) -> None:
    tables, [reached] = _drawn(floor, ["visit.kind=rare:0.3"], [], scale=2.0)
    assert 2 * PERSONS == len(tables["person"])
    assert reached.is_met
    assert pytest.approx(0.44, abs=0.08) == (tables["person"]["gender"] == "F").mean() + 0.06


def test_the_same_seed_gives_the_same_bytes(model: Model) -> None:
    aims = _aims(model, ["visit.kind=rare:0.3"], [])
    once, twice = (
        digests(collected(model.plan.schema, generate(model, aims=aims, seed=3))) for _ in range(2)
    )
    assert once == twice
    plain = digests(collected(model.plan.schema, generate(model, seed=3)))
    assert once[VISIT] != plain[VISIT]


def test_shares_that_exclude_each_other_are_reported_not_hidden(floor: Model) -> None:
    _, reached = _drawn(floor, ["visit.kind=rare:0.9"], ["visit.kind = 'plain': 0.9"])
    assert not all(r.is_met for r in reached)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("vist.kind=rare:0.5", "no table 'vist'; did you mean visit?"),
        ("visit.knd=rare:0.5", "no column 'knd'; did you mean kind?"),
        ("blank.kind=a:0.5", "gets no rows"),
        ("land.name=Austria:0.5", "reference table"),
        ("person.email=a:0.5", "made up"),
        ("visit.person_id=3:0.5", "is a key"),
        ("person.age=old:0.5", "cannot be old"),
        ("visit.is_paid=maybe:0.5", "cannot be maybe"),
        ("visit.kind=never:0.5", "visit.kind=never: nothing that was learned"),
        ("person.age=900:0.5", "nothing that was learned"),
    ],
)
def test_what_cannot_be_had_is_refused(words: str, told: str, floor: Model) -> None:
    with pytest.raises(UsageError) as caught:
        _aims(floor, [words], [])
    assert told in "\n".join(caught.value.problems)
    assert "rare" not in "\n".join(caught.value.problems).replace(words, "")


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("visit.kind is null", "never NULL"),
        ("visit.kind = 'rare' and person.age > 3", "one table"),
        ("person.age > 3 and person.land_code = 'BE'", "keys and other columns"),
        ("visit.cost > 100000", "nothing that was learned"),
    ],
)
def test_conditions_that_cannot_be_had_are_refused(condition: str, told: str, floor: Model) -> None:
    with pytest.raises(UsageError) as caught:
        _aims(floor, [], [condition])
    assert told in "\n".join(caught.value.problems)


def test_rows_need_something_else_that_they_can_be(floor: Model) -> None:
    aims = _aims(floor, ["same.kind=only:0.5"], [])
    with pytest.raises(UsageError) as caught:
        list(generate(floor, aims=aims))
    assert ["same.kind=only: nothing else was learned"] == [p[:40] for p in caught.value.problems]


def test_parents_take_as_many_children_as_rows_ask_for_their_kind() -> None:
    rng = np.random.default_rng(0)
    kinds = np.array([0] * 7 + [1] * 3 + [-1])
    found = fitting(np.array([1, 1, 6, 2]), kinds, np.array([0, 0, 1, 1]), rng)
    assert (7, 3) == (found[:2].sum(), found[2:].sum())


def test_python_reports_what_was_reached(source: str, tmp_path: Path) -> None:
    done = dbsynth.clone(
        source, str(tmp_path / "t.sqlite"), engine="marginal",
        shares={"visit.kind": {"rare": 0.4}, "person.age > 40": 0.9},
    )  # fmt: skip
    assert done.findings.is_sound
    assert [True, True] == [s.is_met for s in done.shares]
    with closing(sqlite3.connect(tmp_path / "t.sqlite")) as base:
        [(share,)] = base.execute("SELECT avg(kind = 'rare') FROM visit").fetchall()
    assert pytest.approx(done.shares[0].reached) == share
    assert "visit.kind=rare" in done.to_text()


def test_the_command_line_and_the_project_file(
    floor: Model, tmp_path: Path, cli: CommandLine
) -> None:
    file, target = tmp_path / "m.dbsynth", tmp_path / "t.sqlite"
    save(floor, file)
    again = ("generate", file, target, "-q", "--replace")
    _, out, _ = cli(*again, "--json", "--set-share", "person.gender=F:0.7")
    [share] = json.loads(out)["shares"]
    assert ("person.gender=F", 0.7, True) == (share["rows"], share["asked"], share["is_met"])
    config = tmp_path / "dbsynth.yaml"
    config.write_text("shares:\n  person.gender: {F: 0.2}\n", "utf-8")
    _, out, _ = cli(*again, "--json", "--config", config)
    assert [0.2] == [s["asked"] for s in json.loads(out)["shares"]]
    code, _, err = cli(*again, "--where", "person.age > 'old'")
    assert 2 == code
    assert "error: these shares cannot be had" in err
    with closing(sqlite3.connect(target)) as base:
        assert [(PERSONS,)] == base.execute("SELECT count(*) FROM person").fetchall()


def test_a_share_that_is_missed_is_a_warning(source: str, tmp_path: Path) -> None:
    options = run.Options(
        engine="marginal",
        shares=read_options(["visit.kind=rare:0.9"], ["visit.kind = 'plain': 0.9"]),
    )
    done = run.clone(source, str(tmp_path / "t.sqlite"), options)
    assert done.findings.is_sound
    assert "wished shares" in {f.check for f in done.findings.warnings}
