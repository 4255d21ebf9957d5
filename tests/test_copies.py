"""Tests of dbsynth.copies and dbsynth.copying: columns that repeat those of rows above."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dbsynth import run
from dbsynth.errors import PlanFileError
from dbsynth.generate import generate
from dbsynth.planfile import from_yaml, to_yaml
from dbsynth.schema import TableName
from dbsynth.treatments import Origin
from tests.filler import fill_sqlite
from tests.generated import Database, collected, digests, drawn, fitted

SCRIPT = """
CREATE TABLE customer (id integer PRIMARY KEY, email varchar(60), town varchar(40));
CREATE TABLE product (id integer PRIMARY KEY, label varchar(20), price numeric(8, 2) NOT NULL);
CREATE TABLE purchase (id integer PRIMARY KEY, customer_id integer NOT NULL REFERENCES customer,
  made_on date NOT NULL, ship_town varchar(40), pay varchar(10));
CREATE TABLE line (purchase_id integer NOT NULL REFERENCES purchase,
  product_id integer NOT NULL REFERENCES product, price numeric(8, 2) NOT NULL,
  town varchar(8), amount integer NOT NULL, PRIMARY KEY (purchase_id, product_id));
"""
CUSTOMER, PRODUCT, PURCHASE, LINE = (
    TableName("", n) for n in ("customer", "product", "purchase", "line")
)
PURCHASES = 400


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A shop: four of five parcels go to the customer's town, lines have the product's price."""
    rng = random.Random(5)
    towns = [f"{a}{b}ton" for a in ("Ar", "Bel", "Cor", "Dun", "Ev") for b in ("al", "in", "o")]
    home = {i: rng.choice([*towns, None]) for i in range(1, 121)}
    price = {i: round(rng.uniform(2, 90), 2) for i in range(1, 2101)}
    rows: dict[str, list[tuple[Any, ...]]] = {
        "customer": [(i, f"u{i}@example.org", t) for i, t in home.items()],
        "product": [(i, f"thing {i}", p) for i, p in price.items()],
        "purchase": [],
        "line": [],
    }
    for i in range(1, PURCHASES + 1):
        who = rng.randint(1, 120)
        town = home[who] if rng.random() < 0.8 else rng.choice(towns)
        day = f"2024-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
        rows["purchase"].append((i, who, day, town, rng.choice(["card", "cash"])))
        for what in rng.sample(sorted(price), 3):
            short = home[who] if len(home[who] or "") <= 8 else None
            rows["line"].append((i, what, price[what], short, rng.randint(1, 9)))
    path = tmp_path_factory.mktemp("shop") / "shop.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(SCRIPT)
        for table, some in rows.items():
            marks = ", ".join("?" * len(some[0]))
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", some)
    return str(path)


def above(rows: Database, child: TableName, key: str, parent: TableName, column: str) -> list[Any]:
    ids = rows[parent].column("id").to_pylist()
    found = dict(zip(ids, rows[parent].column(column).to_pylist(), strict=True))
    return [found[i] for i in rows[child].column(key).to_pylist()]


def same(left: list[Any], right: list[Any]) -> float:
    return sum(a == b for a, b in zip(left, right, strict=True)) / len(left)


def test_the_plan_says_what_repeats_what_and_along_which_keys(shop: str) -> None:
    columns = run.plan(shop).tables
    town = columns[PURCHASE].columns["ship_town"]
    assert Origin(("purchase_customer_id_fkey",), CUSTOMER, "town") == town.copies
    assert "the same in 8" in town.evidence
    assert (
        Origin(("line_product_id_fkey",), PRODUCT, "price") == columns[LINE].columns["price"].copies
    )
    assert columns[LINE].columns["amount"].copies is None
    assert columns[PURCHASE].columns["pay"].copies is None


def test_a_plan_with_copies_is_read_as_it_was_written(shop: str) -> None:
    plan = run.plan(shop)
    text = to_yaml(plan)
    assert "copies: customer.town via purchase_customer_id_fkey" in text
    assert plan == from_yaml(text, plan.schema)


def test_an_origin_that_is_not_there_is_refused_by_name(shop: str) -> None:
    plan = run.plan(shop)
    with pytest.raises(PlanFileError) as caught:
        from_yaml(to_yaml(plan).replace("customer.town via", "customer.twon via"), plan.schema)
    assert "did you mean customer.town via purchase_customer_id_fkey" in str(caught.value.problems)


@pytest.mark.parametrize("engine", ["marginal", "tree", "argn", "copula"])
def test_copies_are_as_frequent_as_in_the_source(shop: str, engine: str) -> None:
    rows = drawn(fitted(shop, engine=engine))
    price = rows[LINE].column("price").to_pylist()
    assert 1.0 == same(price, above(rows, LINE, "product_id", PRODUCT, "price"))
    town = rows[PURCHASE].column("ship_town").to_pylist()
    share = same(town, above(rows, PURCHASE, "customer_id", CUSTOMER, "town"))
    assert share == pytest.approx(0.81, abs=0.08)


def test_a_copy_is_never_longer_than_its_column(shop: str) -> None:
    rows = drawn(fitted(shop))
    town = rows[LINE].column("town").to_pylist()
    assert max(len(t) for t in town if t is not None) <= 8


def test_a_column_whose_copies_line_is_removed_is_made_by_itself(shop: str) -> None:
    plan = run.plan(shop, run.Options(engine="marginal", quality="fast"))
    lines = to_yaml(plan).splitlines()
    text = "\n".join(line for line in lines if "copies: product.price" not in line)
    assert from_yaml(text, plan.schema).tables[LINE].columns["price"].copies is None


def test_copies_in_a_model_file_and_by_another_seed(shop: str, tmp_path: Path) -> None:
    from dbsynth.modelfile import load, save

    model = fitted(shop)
    save(model, tmp_path / "shop.dbsynth")
    again = load(tmp_path / "shop.dbsynth")
    assert digests(drawn(model)) == digests(drawn(again))
    other = collected(model.plan.schema, generate(again, seed=9))
    price = other[LINE].column("price").to_pylist()
    assert 1.0 == same(price, above(other, LINE, "product_id", PRODUCT, "price"))


def test_rows_without_any_row_above_copy_nothing(tmp_path: Path) -> None:
    script = """
    CREATE TABLE place (id integer PRIMARY KEY, town varchar(20));
    CREATE TABLE visit (id integer PRIMARY KEY, place_id integer REFERENCES place, town varchar(9));
    """
    plan = run.plan(fill_sqlite(tmp_path / "source.sqlite", script, {"place": 0, "visit": 40}))
    assert plan.tables[TableName("", "visit")].columns["town"].copies is None


def test_a_reference_that_is_refused_takes_its_copies_with_it(tmp_path: Path) -> None:
    script = """
    CREATE TABLE town (id integer PRIMARY KEY, label varchar(30));
    CREATE TABLE trip (id integer PRIMARY KEY, town_id integer NOT NULL, label varchar(30));
    """
    path = tmp_path / "source.sqlite"
    fill_sqlite(path, script, {})
    with closing(sqlite3.connect(path)) as connection, connection:
        towns = [(i, f"town {i % 90}") for i in range(1, 121)]
        connection.executemany("INSERT INTO town VALUES (?, ?)", towns)
        trips = [(i, i % 120 + 1, towns[i % 120][1]) for i in range(600)]
        connection.executemany("INSERT INTO trip VALUES (?, ?, ?)", trips)
    text = to_yaml(run.plan(str(path)))
    assert "copies: town.label via" in text
    saved = tmp_path / "plan.yaml"
    saved.write_text(text.replace("accepted: true", "accepted: false"), "utf-8")
    again = run.plan(str(path), run.Options(plan_file=saved))
    assert again.tables[TableName("", "trip")].columns["label"].copies is None


ADDRESSES = """
CREATE TABLE parcel (id integer PRIMARY KEY, weight integer, bill_city varchar(40),
  ship_city varchar(40), ship_note varchar(40));
"""


@pytest.mark.parametrize("engine", ["marginal", "tree"])
def test_texts_of_one_row_are_the_same_as_often_as_in_the_source(
    tmp_path: Path, engine: str
) -> None:
    rng = random.Random(2)
    path = tmp_path / "source.sqlite"
    fill_sqlite(path, ADDRESSES, {})
    with closing(sqlite3.connect(path)) as connection, connection:
        for i in range(500):
            bill = f"Town {rng.randint(0, 400)}" if rng.random() < 0.9 else None
            ship = bill if rng.random() < 0.7 else f"Town {rng.randint(0, 400)}"
            row = (i, rng.randint(1, 50), bill, ship, f"note {i}")
            connection.execute("INSERT INTO parcel VALUES (?, ?, ?, ?, ?)", row)
    model = fitted(str(path), engine=engine)
    table = TableName("", "parcel")
    columns = model.plan.tables[table].columns
    assert Origin((), table, "bill_city") == columns["ship_city"].copies
    assert columns["bill_city"].copies is None
    assert columns["ship_note"].copies is None
    assert model.plan == from_yaml(to_yaml(model.plan), model.plan.schema)
    rows = drawn(model)[table]
    bill, ship = rows.column("bill_city").to_pylist(), rows.column("ship_city").to_pylist()
    assert same(bill, ship) == pytest.approx(0.7, abs=0.08)
    assert rows.column("bill_city").null_count == pytest.approx(50, abs=25)


def test_a_column_is_no_copy_of_rows_that_hardly_any_row_has(tmp_path: Path) -> None:
    path = tmp_path / "notes.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(
            """
            CREATE TABLE visit (id integer PRIMARY KEY, began date NOT NULL);
            CREATE TABLE note (
                id integer PRIMARY KEY, visit integer REFERENCES visit, written date NOT NULL
            );
            """
        )
        begun = [f"2024-{n % 12 + 1:02}-{n % 28 + 1:02}" for n in range(300)]
        connection.executemany("INSERT INTO visit VALUES (?, ?)", enumerate(begun))
        for n in range(300):
            is_alone = n % 8 > 0
            day = begun[(n * 7) % 300] if is_alone else begun[n]
            connection.execute(
                "INSERT INTO note VALUES (?, ?, ?)", (n, None if is_alone else n, day)
            )
    plan = run.plan(f"sqlite:///{path}")
    assert plan.tables[TableName("", "note")].columns["written"].copies is None
