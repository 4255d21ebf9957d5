"""Tests of dbsynth.planner: who owns whom, and what is copied, invented or learned."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Protocol

import pytest

from dbsynth import run
from dbsynth.adapters import open_source
from dbsynth.classify import classify
from dbsynth.errors import UsageError
from dbsynth.ownership import TableWish
from dbsynth.plan import KeyPlan, Plan, TableMode, TablePlan
from dbsynth.planner import DEFAULT_ENGINE, SMALL_ENGINE, SMALL_ROWS, build_plan
from dbsynth.sample import PROFILE_ROWS, read_profile
from dbsynth.schema import TableName
from dbsynth.urls import resolve
from tests.filler import build, fill_sqlite


class Make(Protocol):
    """Plans a script whose tables are filled with so many rows."""

    def __call__(
        self, script: str, wishes: Mapping[str, TableWish] | None = None, **rows: int
    ) -> Plan: ...


def name(table: str) -> TableName:
    return TableName("", table)


def planned(
    url: str, wishes: Mapping[str, TableWish] | None = None, engine: str | None = None
) -> Plan:
    with open_source(resolve(url)) as source:
        schema = source.introspect()
        profile = read_profile(source, schema)
        counts = {t.name: source.count(t.name) for t in schema.tables}
    wanted = {name(n): w for n, w in (wishes or {}).items()}
    treatments = classify(schema, profile)
    return build_plan(schema, treatments, counts, profile, engine=engine, wishes=wanted)


def table(plan: Plan, wanted: str) -> TablePlan:
    return plan.tables[name(wanted)]


def key(plan: Plan, child: str, *columns: str) -> KeyPlan:
    return next(k for k in table(plan, child).keys if k.columns == columns)


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def made(script: str, wishes: Mapping[str, TableWish] | None = None, **rows: int) -> Plan:
        path = tmp_path / "source.sqlite"
        path.unlink(missing_ok=True)
        return planned(fill_sqlite(path, script, rows), wishes)

    return made


PEOPLE = """
CREATE TABLE person (id integer PRIMARY KEY, first_name varchar(20), email varchar(50));
CREATE TABLE town (id integer PRIMARY KEY, label varchar(20));
CREATE TABLE visit (id integer PRIMARY KEY, person_id integer NOT NULL REFERENCES person (id),
  town_id integer NOT NULL REFERENCES town (id), made_on date NOT NULL);
"""


def test_people_own_what_points_to_them_before_places_do(make: Make) -> None:
    plan = make(PEOPLE, person=80, town=60, visit=200)
    assert "owner" == key(plan, "visit", "person_id").role
    assert name("person") == table(plan, "visit").root


def test_a_few_people_own_the_many_rows_that_each_of_them_has(make: Make) -> None:
    plan = make(PEOPLE, person=30, town=60, visit=900)
    assert "owner" == key(plan, "visit", "person_id").role
    assert name("person") == table(plan, "visit").root


def test_the_parent_that_leads_to_another_is_chosen_before_it(make: Make) -> None:
    script = (
        PEOPLE
        + """
      CREATE TABLE area (id integer PRIMARY KEY, size integer);
      CREATE TABLE zone (id integer PRIMARY KEY, area_id integer NOT NULL REFERENCES area (id),
        size integer);
      CREATE TABLE call (id integer PRIMARY KEY, person_id integer NOT NULL REFERENCES person (id),
        area_id integer NOT NULL REFERENCES area (id),
        zone_id integer NOT NULL REFERENCES zone (id));
      CREATE TRIGGER same AFTER INSERT ON call BEGIN
        UPDATE call SET area_id = (SELECT area_id FROM zone WHERE id = NEW.zone_id)
        WHERE id = NEW.id;
      END;
    """
    )
    plan = make(script, person=60, town=5, visit=5, area=30, zone=90, call=400)
    assert "derived" == key(plan, "call", "area_id").role
    assert "token" == key(plan, "call", "zone_id").role


def test_people_are_entities_of_their_own(make: Make) -> None:
    script = """
      CREATE TABLE office (id integer PRIMARY KEY, made_on date NOT NULL);
      CREATE TABLE clerk (id integer PRIMARY KEY, office_id integer REFERENCES office (id),
        first_name varchar(20), last_name varchar(20), email varchar(50));
    """
    plan = make(script, office=60, clerk=200)
    assert "owner" != key(plan, "clerk", "office_id").role
    assert name("clerk") == table(plan, "clerk").root


def test_a_short_list_of_values_is_copied_and_chosen_by_row(make: Make) -> None:
    plan = make(PEOPLE, person=80, town=5, visit=200)
    assert "copy" == table(plan, "town").mode
    assert "reference" == key(plan, "visit", "town_id").role


@pytest.mark.parametrize(("people", "mode"), [(0, "empty"), (19, "invent"), (20, "generate")])
def test_fewer_than_twenty_people_are_invented(make: Make, people: int, mode: str) -> None:
    assert mode == table(make(PEOPLE, person=people, town=5, visit=0), "person").mode


def test_people_are_never_copied_however_few(make: Make) -> None:
    plan = make(PEOPLE, person=3, town=3, visit=9)
    assert "invent" == table(plan, "person").mode


def test_a_table_that_is_named_for_people_is_not_copied(make: Make) -> None:
    script = """
      CREATE TABLE film (id integer PRIMARY KEY, year integer NOT NULL);
      CREATE TABLE users (id integer PRIMARY KEY);
      CREATE TABLE rating (user_id integer NOT NULL REFERENCES users (id),
        film_id integer NOT NULL REFERENCES film (id), PRIMARY KEY (user_id, film_id));
    """
    plan = make(script, film=3_000, users=40, rating=3_000)
    assert "generate" == table(plan, "users").mode
    assert name("users") == table(plan, "rating").root


def test_rows_of_too_few_entities_are_invented_with_them(make: Make) -> None:
    script = """
      CREATE TABLE lab (id integer PRIMARY KEY, first_name varchar(20), email varchar(50));
      CREATE TABLE probe (lab_id integer NOT NULL REFERENCES lab (id), no integer NOT NULL,
        PRIMARY KEY (lab_id, no));
    """
    plan = make(script, lab=8, probe=60)
    assert ("invent", name("lab")) == (table(plan, "probe").mode, table(plan, "probe").root)


def test_a_few_tenants_do_not_own_what_all_others_hang_on(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection, connection:
        connection.executescript("""
            CREATE TABLE tenants (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
            CREATE TABLE sites (tenant_id INTEGER NOT NULL REFERENCES tenants (id),
                no INTEGER NOT NULL, height REAL, PRIMARY KEY (tenant_id, no));
            CREATE TABLE meters (tenant_id INTEGER NOT NULL, no INTEGER NOT NULL,
                site_no INTEGER NOT NULL, PRIMARY KEY (tenant_id, no),
                FOREIGN KEY (tenant_id, site_no) REFERENCES sites (tenant_id, no));
        """)
        firms = [(i, f"Firm {i} Ltd") for i in range(8)]
        connection.executemany("INSERT INTO tenants VALUES (?, ?)", firms)
        sites = [(i % 8, i // 8, i * 0.7) for i in range(72)]
        connection.executemany("INSERT INTO sites VALUES (?, ?, ?)", sites)
        meters = [(i % 8, i // 8, i // 8 % 9) for i in range(400)]
        connection.executemany("INSERT INTO meters VALUES (?, ?, ?)", meters)
    plan = planned(f"sqlite:///{tmp_path / 'a.db'}")
    assert "invent" == table(plan, "tenants").mode
    assert ["generate", "generate"] == [table(plan, n).mode for n in ("sites", "meters")]
    assert name("sites") == table(plan, "meters").root


def test_migration_bookkeeping_is_copied(make: Make) -> None:
    script = "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);"
    assert "copy" == table(make(script, alembic_version=1), "alembic_version").mode


def test_an_identifying_key_owns_before_another_one(make: Make) -> None:
    script = """
      CREATE TABLE bill (id integer PRIMARY KEY, made_on date NOT NULL);
      CREATE TABLE thing (id integer PRIMARY KEY, weight integer NOT NULL);
      CREATE TABLE line (bill_id integer NOT NULL REFERENCES bill (id), no integer NOT NULL,
        thing_id integer NOT NULL REFERENCES thing (id), PRIMARY KEY (bill_id, no));
    """
    plan = make(script, bill=100, thing=100, line=300)
    assert "owner" == key(plan, "line", "bill_id").role
    assert "reference" == key(plan, "line", "thing_id").role
    assert "no" == table(plan, "line").order_by


def test_a_second_way_to_one_row_is_derived(tmp_path: Path) -> None:
    plan = planned(build("diamond", tmp_path / "source.sqlite"))
    found = key(plan, "observation", "patient_id")
    assert ("derived", ("observation_encounter_id_fkey", "encounter_patient_id_fkey")) == (
        found.role,
        found.via,
    )


def test_two_ways_that_do_not_meet_are_not_derived(make: Make) -> None:
    script = """
      CREATE TABLE a (id integer PRIMARY KEY, x integer);
      CREATE TABLE b (id integer PRIMARY KEY, a_id integer NOT NULL REFERENCES a (id));
      CREATE TABLE c (id integer PRIMARY KEY, b_id integer NOT NULL REFERENCES b (id),
        a_id integer NOT NULL REFERENCES a (id));
    """
    plan = make(script, a=100, b=200, c=400)
    assert "derived" not in {k.role for k in table(plan, "c").keys}


def test_a_key_to_its_own_table_is_a_tree(tmp_path: Path) -> None:
    plan = planned(build("self_reference", tmp_path / "source.sqlite"))
    assert "self" == key(plan, "employee", "boss_id").role


def test_a_cycle_is_cut_at_the_optional_key_and_noted(tmp_path: Path) -> None:
    plan = planned(build("cycle_nullable", tmp_path / "source.sqlite"))
    assert "backfill" == key(plan, "department", "head_id").role
    assert 1 == len(plan.notes)
    assert "department" in plan.notes[0]


def test_parents_come_before_children_in_every_plan(tmp_path: Path) -> None:
    plan = planned(build("deep_chain", tmp_path / "source.sqlite"))
    assert [f"level_{x}" for x in "abcdef"] == [n.name for n in plan.tables]
    assert {name("level_a")} == {t.root for t in plan.tables.values()}


def test_wishes_are_fulfilled(make: Make) -> None:
    wishes = {
        "person": TableWish(rows=7),
        "visit": TableWish(owner="visit_town_id_fkey", scale=0.5, engine="marginal"),
    }
    plan = make(PEOPLE, wishes, person=80, town=60, visit=200)
    assert 7 == table(plan, "person").target_rows
    assert "owner" == key(plan, "visit", "town_id").role
    visit = table(plan, "visit")
    assert (100, "marginal", name("town")) == (visit.target_rows, visit.engine, visit.root)


def test_tables_of_few_rows_get_trees_and_others_the_plans_engine(make: Make) -> None:
    plan = make(PEOPLE, person=80, town=60, visit=SMALL_ROWS)
    assert DEFAULT_ENGINE == plan.engine
    assert SMALL_ENGINE == table(plan, "person").engine
    assert "" == table(plan, "visit").engine
    assert "" == table(make(PEOPLE, person=5, town=2, visit=0), "person").engine  # nothing learned


def test_an_engine_that_is_asked_for_is_every_tables(tmp_path: Path) -> None:
    url = fill_sqlite(tmp_path / "source.sqlite", PEOPLE, {"person": 80, "town": 60, "visit": 90})
    assert {""} == {t.engine for t in planned(url, engine="copula").tables.values()}


def test_a_table_without_an_owner_by_wish_is_its_own_root(make: Make) -> None:
    plan = make(PEOPLE, {"visit": TableWish(owner="")}, person=80, town=60, visit=200)
    assert name("visit") == table(plan, "visit").root
    assert "owner" not in {k.role for k in table(plan, "visit").keys}


@pytest.mark.parametrize("mode", ["copy", "empty"])
def test_a_table_that_is_copied_or_empty_by_wish_owns_nothing(make: Make, mode: TableMode) -> None:
    visits = 200 if mode == "copy" else 0
    plan = make(PEOPLE, {"person": TableWish(mode=mode)}, person=80, town=60, visit=visits)
    assert mode == table(plan, "person").mode
    assert "owner" != key(plan, "visit", "person_id").role


def test_a_plan_holds_no_value_of_the_source(tmp_path: Path) -> None:
    from dbsynth.planfile import to_yaml

    url = build("reference_tables", tmp_path / "source.sqlite")
    text = to_yaml(run.plan(url, run.Options()))
    assert "@example.org" not in text
    assert "amber" not in text


def test_an_owner_is_recognised_though_the_first_rows_show_few_of_them(tmp_path: Path) -> None:
    path = tmp_path / "shops.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE shop (id INTEGER PRIMARY KEY, size INTEGER)")
        connection.execute(
            "CREATE TABLE sale (shop_id INTEGER NOT NULL REFERENCES shop, day DATE NOT NULL,"
            " PRIMARY KEY (shop_id, day))"
        )
        connection.executemany("INSERT INTO shop VALUES (?, ?)", [(i, i % 7) for i in range(150)])
        days = [date(2020, 1, 1) + timedelta(days=n) for n in range(300)]
        rows = [(shop, str(day)) for shop in range(150) for day in days]
        assert len(rows) > 2 * PROFILE_ROWS
        connection.executemany("INSERT INTO sale VALUES (?, ?)", rows)
        connection.commit()
    assert key(planned(str(path)), "sale", "shop_id").role == "owner"


def test_a_table_that_nothing_refers_to_is_no_reference_table(make: Make) -> None:
    plan = make("CREATE TABLE log (id INTEGER PRIMARY KEY, weight REAL);", log=60)
    assert ("generate", "entities: nothing refers to it") == (
        table(plan, "log").mode,
        table(plan, "log").why,
    )


def test_rows_that_need_a_parent_in_an_empty_table_are_refused_early(make: Make) -> None:
    script = """
    CREATE TABLE kind (id INTEGER PRIMARY KEY, label TEXT NOT NULL);
    CREATE TABLE thing (id INTEGER PRIMARY KEY, kind_id INTEGER NOT NULL REFERENCES kind (id));
    """
    with pytest.raises(UsageError) as caught:
        make(script, {"kind": TableWish(mode="empty")}, kind=5, thing=100)
    assert 1 == len(caught.value.problems)
    assert "thing" in caught.value.problems[0]


def test_clients_that_are_companies_are_not_copied(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection, connection:
        connection.executescript("""
            CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
            CREATE TABLE trucks (id INTEGER PRIMARY KEY, plate TEXT);
            CREATE TABLE trips (id INTEGER PRIMARY KEY, truck_id INTEGER REFERENCES trucks (id),
                customer_id INTEGER REFERENCES customers (id));
        """)
        firms = [(i, f"Firm {i} Ltd") for i in range(40)]
        connection.executemany("INSERT INTO customers VALUES (?, ?)", firms)
        connection.executemany(
            "INSERT INTO trucks VALUES (?, ?)", [(i, f"T{i}") for i in range(90)]
        )
        trips = [(i, i % 90, i % 40) for i in range(900)]
        connection.executemany("INSERT INTO trips VALUES (?, ?, ?)", trips)
    plan = planned(f"sqlite:///{tmp_path / 'a.db'}")
    assert table(plan, "customers").columns["name"].semantic == "company"
    assert table(plan, "customers").mode == "generate"
