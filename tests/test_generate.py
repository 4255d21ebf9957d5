"""Tests of dbsynth.fit and dbsynth.generate: whatever the schema, generated rows keep its rules."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dbsynth import run
from dbsynth.chunks import SINGLE_STEPS
from dbsynth.modelfile import load, save
from dbsynth.people.pii import _pool
from dbsynth.schema import TableName
from dbsynth.tablemodel import Model
from tests.filler import build, case_names, fill_sqlite
from tests.generated import Database, broken_rules, digests, drawn, fitted

CASES = case_names("sqlite")
NARROW = [c for c in CASES if c != "wide_tables"]  # more than a thousand columns take a while


class Models(dict[str, Model]):
    """One model of independent columns for each case that is asked for, and what it draws."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.databases: dict[str, Database] = {}

    def __missing__(self, name: str) -> Model:
        self[name] = fitted(build(name, self.folder / f"{name}.sqlite"))
        return self[name]

    def drawn(self, name: str) -> Database:
        """What a case's model draws with its own seed, drawn once."""
        if name not in self.databases:
            self.databases[name] = drawn(self[name])
        return self.databases[name]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return Models(tmp_path_factory.mktemp("cases"))


def wrong_counts(model: Model, sizes: dict[TableName, int], scale: float) -> list[str]:
    """Name the tables whose rows are off by more than 2 per cent (or by one row)."""
    found = []
    for name, planned in model.plan.tables.items():
        kept = planned.mode == "copy"
        wanted = planned.source_rows * (1.0 if kept else scale)
        if abs(sizes[name] - wanted) > max(1.0, 0.02 * wanted):
            found.append(f"{name}: {sizes[name]} instead of {wanted}")
    return found


@pytest.mark.parametrize("scale", [1.0, 0.5, 3.0])
@pytest.mark.parametrize("name", NARROW)
def test_rows_keep_every_declared_rule_and_the_number_of_rows(
    name: str, scale: float, models: Models
) -> None:
    model = models[name]
    database = models.drawn(name) if scale == 1.0 else drawn(model, scale=scale)
    sizes = {table: len(rows) for table, rows in database.items()}
    assert [] == broken_rules(model.plan.schema, database)
    assert [] == wrong_counts(model, sizes, scale)


@pytest.mark.parametrize("name", NARROW)
def test_rows_of_the_network_keep_every_declared_rule(name: str, tmp_path: Path) -> None:
    model = fitted(build(name, tmp_path / "source.sqlite"), engine="argn")
    database = drawn(model)
    sizes = {table: len(rows) for table, rows in database.items()}
    assert [] == broken_rules(model.plan.schema, database)
    assert [] == wrong_counts(model, sizes, 1.0)


@pytest.mark.parametrize("name", NARROW)
def test_the_same_seed_gives_the_same_bytes(name: str, models: Models) -> None:
    assert digests(models.drawn(name)) == digests(drawn(models[name]))


@pytest.mark.parametrize("name", NARROW)
def test_another_seed_gives_other_rows(name: str, models: Models) -> None:
    model = models[name]
    one, other = digests(models.drawn(name)), digests(drawn(model, seed=model.plan.seed + 1))
    modes = {n: t.mode for n, t in model.plan.tables.items()}
    generated = [n for n, mode in modes.items() if mode == "generate"]
    assert any(one[n] != other[n] for n in generated)
    assert all(
        one[n] == other[n] for n, m in modes.items() if m == "copy" and name != "cycle_nullable"
    )


@pytest.mark.parametrize("name", NARROW)
def test_a_model_from_a_file_gives_the_same_rows(name: str, models: Models, tmp_path: Path) -> None:
    save(models[name], tmp_path / "model")
    assert digests(models.drawn(name)) == digests(drawn(load(tmp_path / "model")))


def test_the_network_gives_the_same_rows_twice_and_from_a_file(tmp_path: Path) -> None:
    url = build("diamond", tmp_path / "source.sqlite")
    first, second = fitted(url, engine="argn"), fitted(url, engine="argn")
    save(first, tmp_path / "model")
    expected = digests(drawn(first))
    assert expected == digests(drawn(second))
    assert expected == digests(drawn(load(tmp_path / "model")))


PETS = """
CREATE TABLE owner (id integer PRIMARY KEY, points integer NOT NULL);
CREATE TABLE pet (id integer PRIMARY KEY, owner_id integer NOT NULL REFERENCES owner (id),
  weight numeric(6, 2), status varchar(10));
"""
CLOUD = "CREATE TABLE cloud (id integer PRIMARY KEY, height integer, note text);"


@pytest.mark.parametrize("engine", ["marginal", "argn"])
def test_an_unrelated_table_changes_no_other_row(engine: str, tmp_path: Path) -> None:
    rows = {"owner": 80, "pet": 200, "cloud": 100}
    alone = fitted(fill_sqlite(tmp_path / "a.sqlite", PETS, rows), engine=engine)
    beside = fitted(fill_sqlite(tmp_path / "b.sqlite", CLOUD + PETS, rows), engine=engine)
    expected = digests(drawn(alone))
    assert expected == {n: d for n, d in digests(drawn(beside)).items() if n.name != "cloud"}


def test_rows_wanted_of_one_table_are_its_rows_and_leave_the_parents_alone(
    models: Models,
) -> None:
    name = TableName("", "observation")
    database = drawn(models["diamond"], rows={name: 77})
    assert 77 == len(database[name])
    assert 200 == len(database[TableName("", "encounter")])
    assert [] == broken_rules(models["diamond"].plan.schema, database)


def test_rows_wanted_of_a_parent_scale_its_children(models: Models) -> None:
    database = drawn(models["diamond"], rows={TableName("", "patient"): 30})
    assert [30, 100, 300] == [
        len(database[TableName("", n)]) for n in ("patient", "encounter", "observation")
    ]


def test_a_key_that_always_follows_another_one_does_so_again(models: Models) -> None:
    database = models.drawn("diamond")
    encounters = database[TableName("", "encounter")].to_pylist()
    patient = {row["id"]: row["patient_id"] for row in encounters}
    observations = database[TableName("", "observation")].to_pylist()
    assert all(row["patient_id"] == patient[row["encounter_id"]] for row in observations)


def test_siblings_that_a_date_orders_are_in_that_order(models: Models) -> None:
    nights = models.drawn("composite_with_date")[TableName("", "night")].to_pylist()
    keys = [(row["room_id"], row["night_on"]) for row in nights]
    assert sorted(keys) == keys


def test_a_tree_has_no_cycle(models: Models) -> None:
    rows = drawn(models["self_reference"], scale=3.0)[TableName("", "employee")].to_pylist()
    boss = {row["id"]: row["boss_id"] for row in rows}
    for start in boss:
        here, steps = start, 0
        while here is not None:
            here, steps = boss[here], steps + 1
            assert steps <= len(boss)


FEW = """
CREATE TABLE lab (id integer PRIMARY KEY, short_code varchar(6) NOT NULL UNIQUE,
  first_name varchar(20) NOT NULL, last_name varchar(20) NOT NULL, email varchar(60) NOT NULL,
  amount numeric(8, 2) NOT NULL, made_on date NOT NULL, seen timestamp NOT NULL,
  is_on boolean NOT NULL, status varchar(10) NOT NULL, note text NOT NULL, raw blob NOT NULL,
  UNIQUE (first_name, last_name));
CREATE TABLE probe (lab_id integer NOT NULL REFERENCES lab (id), no integer NOT NULL,
  value double precision NOT NULL, PRIMARY KEY (lab_id, no), UNIQUE (value));
"""


@pytest.mark.parametrize("scale", [1.0, 5.0])
def test_tables_of_too_few_entities_are_invented_within_the_rules(
    scale: float, tmp_path: Path
) -> None:
    url = fill_sqlite(tmp_path / "source.sqlite", FEW, {"lab": 8, "probe": 60})
    model = fitted(url)
    database = drawn(model, scale=scale)
    assert {"invent"} == {t.mode for t in model.plan.tables.values()}
    assert [] == broken_rules(model.plan.schema, database)
    assert [round(8 * scale), round(60 * scale)] == [len(r) for r in database.values()]


CLERKS = """
CREATE TABLE clerk (id integer PRIMARY KEY, first_name varchar(20), last_name varchar(20),
  title varchar(40), birth_date date, hired_on date, country varchar(40));
CREATE TABLE ticket (id integer PRIMARY KEY, clerk_id integer NOT NULL REFERENCES clerk (id),
  made_on date NOT NULL, note varchar(20));
"""


def test_invented_people_have_jobs_and_dates_in_order_and_little_is_missing(tmp_path: Path) -> None:
    model = fitted(fill_sqlite(tmp_path / "source.sqlite", CLERKS, {"clerk": 12, "ticket": 300}))
    database = drawn(model, scale=5.0)
    clerks, tickets = (database[TableName("", n)] for n in ("clerk", "ticket"))
    assert "invent" == model.plan.tables[TableName("", "clerk")].mode
    born, hired = clerks.column("birth_date").drop_null(), clerks.column("hired_on").drop_null()
    first = min(tickets.column("made_on").to_pylist())
    assert max(born.to_pylist()) < min(hired.to_pylist())
    assert sum(d > first for d in hired.to_pylist()) <= 2
    assert all(clerks.column(c).null_count <= 20 for c in clerks.column_names)
    assert set(clerks.column("country").drop_null().to_pylist()) <= set(_pool("en_US", "country"))


def test_a_table_whose_columns_are_all_generated_or_keys_is_cloned(tmp_path: Path) -> None:
    script = """
      CREATE TABLE base (id integer PRIMARY KEY, twice integer GENERATED ALWAYS AS (2 * id) STORED);
      CREATE TABLE pair (a integer NOT NULL REFERENCES base (id), b integer REFERENCES base (id));
      CREATE TABLE hollow (id integer PRIMARY KEY);
    """
    url = fill_sqlite(tmp_path / "source.sqlite", script, {"base": 60, "pair": 150, "hollow": 0})
    target = str(tmp_path / "target.sqlite")
    done = run.clone(url, target, run.Options(engine="marginal"))
    assert {"base": 60, "pair": 150, "hollow": 0} == {
        t.name.name: t.target_rows for t in done.tables
    }
    assert () == done.findings.errors


@st.composite
def schemas(draw: st.DrawFn) -> tuple[str, dict[str, int]]:
    """A script of three to six tables whose keys go anywhere, and how many rows they hold."""
    count = draw(st.integers(3, 6))
    composite = [draw(st.integers(0, 3)) == 0 for _ in range(count)]
    tables, rows = [], {}
    for i in range(count):
        lines = ["id integer NOT NULL"]
        key = "id"
        if composite[i]:
            lines.append("part varchar(4) NOT NULL")
            key = "part, id"
        for n in range(draw(st.integers(0, 3))):
            parent = draw(st.integers(0, count - 1))
            # What points back may be NULL, so that rows can be there at all.
            optional = "" if parent < i and draw(st.booleans()) else " NOT NULL"
            optional = optional if parent < i else ""
            unique = ", UNIQUE ({})" if draw(st.integers(0, 4)) == 0 else ""
            columns = [f"k{n}_id"] + [f"k{n}_part"] * composite[parent]
            target = "id, part" if composite[parent] else "id"
            lines += [f"k{n}_id integer{optional}"]
            lines += [f"k{n}_part varchar(4){optional}"] * composite[parent]
            names = ", ".join(columns)
            reference = f"FOREIGN KEY ({names}) REFERENCES t{parent} ({target})"
            lines.append(reference + unique.format(names))
        plain = [x for x in lines if not x.startswith("FOREIGN")]
        keys = [x for x in lines if x.startswith("FOREIGN")]
        plain += draw(st.lists(st.sampled_from(ATTRIBUTES), max_size=3, unique=True))
        body = ", ".join([*plain, *keys, f"PRIMARY KEY ({key})"])
        tables.append(f"CREATE TABLE t{i} ({body});")
        rows[f"t{i}"] = draw(st.sampled_from([0, 1, 12, 40, 90]))
    return "\n".join(tables), rows


ATTRIBUTES = (
    "status varchar(10)", "amount numeric(8, 2) NOT NULL", "made_on date", "note text NOT NULL",
    "email varchar(40) NOT NULL UNIQUE", "serial_no integer UNIQUE", "is_on boolean NOT NULL",
)  # fmt: skip


@settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow])
@given(made=schemas(), seed=st.integers(0, 99))
def test_any_schema_is_cloned_and_verified(made: tuple[str, dict[str, int]], seed: int) -> None:
    script, rows = made
    with TemporaryDirectory() as folder:
        source = fill_sqlite(Path(folder, "source.sqlite"), script, rows)
        options = run.Options(engine="marginal", seed=seed)
        done = run.clone(source, str(Path(folder, "target.sqlite")), options)
    assert () == done.findings.errors


def test_more_siblings_than_are_drawn_one_by_one_stay_in_order_and_apart(tmp_path: Path) -> None:
    path = tmp_path / "source.sqlite"
    many = SINGLE_STEPS + 100
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE shop (id INTEGER PRIMARY KEY, size INTEGER)")
        connection.execute(
            "CREATE TABLE sale (shop_id INTEGER NOT NULL REFERENCES shop, day DATE NOT NULL,"
            " PRIMARY KEY (shop_id, day))"
        )
        connection.executemany("INSERT INTO shop VALUES (?, ?)", [(i, i % 7) for i in range(25)])
        days = [str(date(2020, 1, 1) + timedelta(days=n)) for n in range(many)]
        rows = [(shop, day) for shop in range(25) for day in days]
        connection.executemany("INSERT INTO sale VALUES (?, ?)", rows)
        connection.commit()
    model = fitted(str(path))
    assert model.plan.tables[TableName("", "sale")].order_by == "day"
    database = drawn(model)
    assert [] == broken_rules(model.plan.schema, database)
    assert 25 * many == len(database[TableName("", "sale")])


def test_siblings_of_the_time_before_1970_stay_there(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    with closing(sqlite3.connect(path)) as base:
        base.executescript(
            "CREATE TABLE ship (id integer PRIMARY KEY, tons integer NOT NULL);"
            "CREATE TABLE voyage (id integer PRIMARY KEY, day date NOT NULL,"
            " ship_id integer NOT NULL REFERENCES ship (id));"
        )
        base.executemany("INSERT INTO ship VALUES (?, ?)", [(n, n % 40) for n in range(60)])
        days = [f"19{50 + n % 9}-{1 + n % 12:02}-{1 + n % 28:02}" for n in range(300)]
        rows = [(n, day, n % 60) for n, day in enumerate(days)]
        base.executemany("INSERT INTO voyage VALUES (?, ?, ?)", rows)
        base.commit()
    found = drawn(fitted(str(path)))[TableName("", "voyage")].column("day").to_pylist()
    assert ("1950", "1958") == (str(min(found))[:4], str(max(found))[:4])
