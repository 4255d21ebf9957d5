"""What columns are taken for: by keys, types, names and values, and what must not fool it."""

from __future__ import annotations

import doctest
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from dbsynth import lexicon
from dbsynth.classify import classify, has_personal_data
from dbsynth.schema import Column, ForeignKey, Schema, SqlType, Table, TableName, Unique
from dbsynth.treatments import KINDS, Treatment

TEXT = SqlType(kind="string", native="text")
ROWS = 200


def _schema(*tables: Table) -> Schema:
    return Schema(dialect="postgresql", server_version="15", tables=tables)


def _treat(
    column: str,
    values: list[Any],
    *,
    table: str = "things",
    sql: SqlType = TEXT,
    others: tuple[str, ...] = (),
    **shape: Any,
) -> Treatment:
    name = TableName("public", table)
    columns = (Column(name=column, type=sql), *(Column(name=o, type=TEXT) for o in others))
    sample = pa.table({column: pa.array(values)})
    schema = _schema(Table(name=name, columns=columns, **shape))
    return classify(schema, {name: sample})[name][column]


def _distinct(template: str) -> list[str]:
    return [template.format(i=i) for i in range(ROWS)]


WORDS = [f"{a} {b}" for a in ("Red", "Old", "Tiny", "Wild") for b in map(str, range(50))]
TOKENS = [  # letters of either case and digits, anywhere
    "".join(np.random.default_rng(i).choice(list("abcdXYZ12345"), 14)) for i in range(ROWS)
]
MIXED = [t if i % 2 else f"{i:08d}" for i, t in enumerate(TOKENS)]
HANDLES = [f"{'ann' * (1 + i % 7)}{i}" for i in range(ROWS)]
FIRMS = [f"{a}{i} {b}" for i in range(50) for a in ("Reed", "Orr") for b in ("Inc", "and Cole")]
SIGNED = [
    f"{a} {b}y{i % 20}".rstrip("0123456789") + "lee"[: i % 4]
    for i in range(200)
    for a, b in [(("Karen", "Paul", "Laura", "Thorvald")[i % 4], ("Reed", "Orr", "Cid")[i % 3])]
]
PLANTS = [
    f"{a}{'abcdefgh'[i % 8]}{'klmno'[i % 5]} {b}"
    for i in range(50)
    for a, b in (("Kingtown", "Depot"), ("Lakeview", "Plant"))
]
PEOPLE = [f"{a} {b}" for a in ("Ann", "Bob", "Cid", "Eva") for b in ("Lee", "Orr")] * 25


@pytest.mark.parametrize(
    ("table", "column", "values", "others", "expected"),
    [
        ("customers", "name", PEOPLE, (), "personal/full_name"),
        ("tenants", "name", FIRMS, (), "personal/company"),
        ("orders", "customer_name", FIRMS, (), "personal/company"),
        ("client_data", "name", PEOPLE, ("email", "phone"), "personal/full_name"),
        ("suppliers", "name", WORDS, (), "personal/company"),
        ("airports", "name", WORDS, ("iata", "city"), "text/"),
        ("products", "name", WORDS, (), "personal/product"),
        ("orders", "product_name", WORDS, (), "personal/product"),
        ("languages", "name", WORDS, (), "personal/language"),
        ("spoken", "language", [*WORDS[:150], *["Ewe", "Twi"] * 25], (), "category/language"),
        ("spoken", "language", [*WORDS[:180], *["Ewe", "Twi"] * 10], (), "personal/language"),
        ("texts", "language", ["de", "fr"] * 100, (), "category/"),
        ("world_city", "district", WORDS, (), "personal/state"),
        ("employees", "title", WORDS, ("birth_date",), "personal/job"),
        ("books", "title", WORDS, (), "text/"),
        ("logs", "user_agent", WORDS, (), "personal/user_agent"),
        ("logs", "user_agent", ["Mozilla/5", "curl/8"] * 100, (), "category/user_agent"),
        ("orders", "state", ["new", "paid"] * 100, ("status_note",), "category/"),
        ("people", "state", ["CA", "NY"] * 100, ("city",), "category/state"),
        ("people", "state", WORDS, ("city",), "personal/state"),
        ("subscriptions", "stripe_ref", [f"sub_{t}" for t in TOKENS], (), "format/"),
        ("keys", "prefix", [f"sk_live_{t[:4]}" for t in TOKENS], (), "format/"),
        ("log", "entity_ref", MIXED, (), "format/"),
        ("forum", "handle_of_old", HANDLES, (), "text/"),
        ("mails", "email_sent", ["yes", "no"] * 100, (), "category/"),
        ("mails", "email_template", ["a", "b"] * 100, (), "category/"),
        ("hosts", "address", [f"10.0.{i % 9}.{i}" for i in range(ROWS)], (), "personal/ip"),
        ("people", "address", WORDS, (), "personal/address"),
        ("forum", "nickname", WORDS, (), "personal/user_name"),
        ("kunden", "Vorname", PEOPLE, (), "personal/first_name"),
        ("people", "nameFirst", PEOPLE, (), "personal/first_name"),
        ("people", "nameGiven", PEOPLE, (), "personal/first_name"),
        ("people", "name_last", PEOPLE, (), "personal/last_name"),
        ("kunden", "Straße", WORDS, (), "personal/street_address"),
        ("kunden", "address2", WORDS, (), "personal/unit"),
        ("kunden", "address_line_2", ["", "Apt. 3"] * 100, (), "category/unit"),
        ("clientes", "correo_electronico", WORDS, (), "personal/email"),
        ("clients", "nom_de_famille", PEOPLE, (), "personal/last_name"),
        ("usuarios", "senha", WORDS, (), "personal/password_hash"),
        ("usuarios", "numero_telefone", [f"{i:09d}" for i in range(ROWS)], (), "personal/phone"),
        ("people", "homeTelephoneNumber", WORDS, (), "personal/phone"),
        ("people", "city", ["Rome", "Oslo"] * 100, (), "category/city"),
        ("people", "city", WORDS, (), "personal/city"),
        ("people", "gender", ["M", "F"] * 100, (), "category/"),
        ("tracks", "composer", PEOPLE, (), "personal/full_name"),
        ("payments", "payee", SIGNED, (), "personal/full_name"),
        ("sites", "label", PLANTS, (), "text/"),
        ("shops", "paid_in", ["Jan,Apr,Jul,Oct", "Feb,May,Aug,Nov"] * 40, (), "category/"),
        ("shops", "season", ["April Sales", "June Sales", "Mark Down"] * 40, (), "category/"),
        ("tenants", "timezone", [], (), "personal/timezone"),
        ("accounts", "locale", [], (), "personal/locale"),
        ("prices", "currency_code", [], (), "personal/currency"),
        ("x", "c1", _distinct("a{i}@host.de"), (), "personal/email"),
        ("x", "c1", _distinct("https://a.de/{i}"), (), "personal/url"),
        ("x", "c1", ["02:0a:00:00:01:aa"] * ROWS, (),
         "personal/mac_address"),
        ("x", "c1", ["$2b$12$" + "a" * 50 + f"{i:03d}" for i in range(ROWS)], (),
         "personal/password_hash"),
        ("x", "c1", [f"{i:032x}" for i in range(ROWS)], (), "format/"),
        ("x", "c1", [["pi_", "PAYID-", "ad"][i % 3] + f"{i * 7919 ** 4:016x}"[-16:]
                     for i in range(1, ROWS)], (), "format/"),
        ("x", "c1", [f"AB-{i:05d}" for i in range(ROWS)], (), "format/"),
        ("x", "c1", [f"2020-01-{i % 28 + 1:02d} 10:{i % 60:02d}" for i in range(ROWS)], (),
         "datetime/"),
        ("x", "c1", [f"{i * i}.{i}" for i in range(ROWS)], (), "number/"),
        ("x", "c1", ["de", "fr", "it"] * 50, (), "category/"),
        ("x", "c1", WORDS, (), "text/"),
        ("x", "c1", [], (), "text/"),
    ],
)  # fmt: skip
def test_strings_are_taken_for_what_they_are(
    table: str, column: str, values: list[str], others: tuple[str, ...], expected: str
) -> None:
    values = values or [None]  # type: ignore[list-item]
    treatment = _treat(
        column, pa.array(values, pa.string()).to_pylist(), table=table, others=others
    )
    assert expected == f"{treatment.kind}/{treatment.semantic}", treatment.evidence


@pytest.mark.parametrize(
    ("kind", "column", "values", "expected"),
    [
        ("boolean", "phone_verified", [True, False] * 50, "category/"),
        ("integer", "ip_count", list(range(ROWS)), "number/"),
        ("integer", "ssn", [100_000_000 + i * 7 for i in range(ROWS)], "personal/national_id"),
        ("integer", "phone", [1, 2] * 100, "number/"),
        ("integer", "surrogate", list(range(ROWS)), "number/"),
        ("decimal", "price", [1.5, 2.5], "number/"),
        ("date", "birth_date", [None], "datetime/birth_date"),
        ("timestamp", "last_login", [None], "datetime/"),
        ("enum", "mood", ["a", "b"], "category/"),
        ("uuid", "session", [f"{i:032x}" for i in range(ROWS)], "format/"),
        ("bytes", "photo", [b"x"], "binary/"),
        ("json", "settings", [f'{{"a": {i}}}' for i in range(ROWS)], "structure/json"),
        ("json", "settings", ["{}", "[]"] * 50, "category/"),
        ("other", "odd", [f"{i}" for i in range(ROWS)], "void/"),
        ("other", "tags", ["{a}", "{b}"] * 50, "category/"),
    ],
)
def test_types_decide_where_names_do_not(
    kind: Any, column: str, values: list[Any], expected: str
) -> None:
    treatment = _treat(column, values, sql=SqlType(kind=kind, native=kind))
    assert expected == f"{treatment.kind}/{treatment.semantic}"


@pytest.mark.parametrize(
    ("kind", "column", "values", "expected"),
    [
        ("integer", "id", [1, 2, 3], "key/integer"),
        ("uuid", "id", ["a"], "key/uuid"),
        ("string", "id", [f"{i:08x}-0000-4000-8000-000000000000" for i in range(9)], "key/uuid"),
        ("string", "code", ["AA", "BB"], "key/format"),
        ("string", "email", ["a@b.de", "c@b.de"], "personal/email"),
        ("date", "day", [None], "datetime/"),
    ],
)
def test_primary_keys_are_keys(kind: Any, column: str, values: list[Any], expected: str) -> None:
    treatment = _treat(column, values, sql=SqlType(kind=kind, native=kind), primary_key=(column,))
    assert expected == f"{treatment.kind}/{treatment.semantic}"
    assert treatment.is_unique


def test_parts_of_a_composite_key_stay_what_they_are() -> None:
    number = SqlType(kind="integer", native="integer", bits=32)
    key = {"primary_key": ("line", "order_id"), "others": ("order_id",)}
    assert "number" == _treat("line", [1, 2, 1, 2], sql=number, **key).kind


def test_a_column_of_a_foreign_key_is_taken_from_the_parent() -> None:
    name = TableName("public", "things")
    key = ForeignKey(
        name="k", child=name, columns=("email",), parent=name, parent_columns=("email",)
    )
    assert "foreign key" == _treat("email", ["a@b.de"], foreign_keys=(key,)).kind


def test_a_unique_column_is_no_category_and_says_so() -> None:
    unique = (Unique(name="u", columns=("label",)),)
    treatment = _treat("label", ["a", "a", "b", "b"], uniques=unique)
    assert ("text", True) == (treatment.kind, treatment.is_unique)


def test_an_override_wins() -> None:
    name = TableName("public", "t")
    schema = _schema(Table(name=name, columns=(Column(name="email", type=TEXT),)))
    wanted = Treatment(kind="category", evidence="set by hand")
    chosen = classify(schema, {}, {(name, "email"): wanted})
    assert wanted is chosen[name]["email"]


def test_generated_columns_are_left_out() -> None:
    name = TableName("public", "t")
    column = Column(name="total", type=TEXT, generated="a || b")
    assert {} == classify(_schema(Table(name=name, columns=(column,))), {})[name]


def test_evidence_quotes_no_value_of_the_source() -> None:
    values = [f"Geheim{i}@firma.de" for i in range(ROWS)]
    assert "Geheim" not in _treat("kontakt", values).evidence


def test_people_make_a_table_personal_and_places_do_not() -> None:
    person = {"a": Treatment(kind="personal", semantic="email")}
    birthday = {"a": Treatment(kind="datetime", semantic="birth_date")}
    place = {"a": Treatment(kind="personal", semantic="city"), "b": Treatment(kind="number")}
    assert [True, True, False] == [has_personal_data(t) for t in (person, birthday, place)]


def test_any_column_gets_a_known_kind() -> None:
    rng = np.random.default_rng(0)
    kinds = set()
    for _ in range(40):
        length = int(rng.integers(0, 30))
        values = ["".join(map(chr, rng.integers(32, 1_000, length))) for _ in range(20)]
        kinds.add(_treat("".join(map(chr, rng.integers(97, 123, 5))), values).kind)
    assert kinds <= set(KINDS)


def test_the_examples_of_the_lexicon_are_true() -> None:
    assert 0 == doctest.testmod(lexicon).failed
