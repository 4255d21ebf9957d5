"""Properties of made-up personal data: coherent, repeatable, unique, new, within limits."""

from __future__ import annotations

import ipaddress
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbsynth import make_plan, run
from dbsynth.checksums import iban_share, luhn_share
from dbsynth.errors import FitError
from dbsynth.people.personas import personas_of, slug
from dbsynth.people.pii import (
    SEMANTICS,
    PersonalColumn,
    PersonalModel,
    TextModel,
    fit_personal,
    fit_text,
    make_personal,
    sample_text,
)
from dbsynth.release import Release
from tests.generated import drawn, fitted

ROWS = 300
RELEASE = Release(seed=3)
FIRST = ["Alma", "Bodo", "Cleo", "Dirk", "Emil", "Fritz", "Gerd", "Hanna", "James", "Mary"]
LAST = ["Smith", "Jones", "Brown", "Quandt", "Zeisig", "Miller", "Davis", "Wilson"]


def _source() -> dict[str, pa.Array]:
    names = [(FIRST[i % 10], LAST[i % 8]) for i in range(ROWS)]
    columns = {
        "first_name": [a for a, _ in names],
        "last_name": [b for _, b in names],
        "full_name": [f"{a} {b}{i}" for i, (a, b) in enumerate(names)],
        "email": [f"{a}.{b}{i}@example.com".lower() for i, (a, b) in enumerate(names)],
        "user_name": [f"{a[0]}{b}{i}".lower() for i, (a, b) in enumerate(names)],
        "phone": [f"+1 555-{i % 900 + 100}-{i * 37 % 10000:04d}" for i in range(ROWS)],
        "street_address": [f"{i + 1} Smith Street" for i in range(ROWS)],
        "city": [f"Town {i}" for i in range(ROWS)],
        "state": [["CA", "NY", "TX"][i % 3] for i in range(ROWS)],
        "national_id": [f"{i + 100}-{i % 90 + 10}-{i * 13 % 10000:04d}" for i in range(ROWS)],
        "card_number": [f"400000{i:010d}" for i in range(ROWS)],
        "password_hash": ["$2b$12$" + f"{i:053d}" for i in range(ROWS)],
    }
    return {name: pa.array(values, pa.string()) for name, values in columns.items()}


def _columns(is_unique: bool = False, max_length: int | None = None) -> list[PersonalColumn]:
    return [
        PersonalColumn(name=s, semantic=s, is_unique=is_unique, max_length=max_length)
        for s in SEMANTICS
        if s != "birth_date"
    ]


def _fit(columns: list[PersonalColumn], values: Mapping[str, pa.Array]) -> PersonalModel:
    return fit_personal(columns, values, np.arange(ROWS), RELEASE, seed=5)


@pytest.fixture(scope="module")
def models() -> dict[bool, PersonalModel]:
    return {u: _fit(_columns(u, 60 if u else None), _source()) for u in (False, True)}


@given(st.integers(0, 2_000), st.integers(0, 40), st.integers(0, 40), st.booleans())
@settings(max_examples=10, deadline=None)
def test_personal_data_does_not_depend_on_how_rows_are_cut_into_chunks(
    models: dict[bool, PersonalModel], start: int, cut: int, rest: int, is_unique: bool
) -> None:
    model = models[is_unique]
    whole = make_personal(model, seed=1, first_row=start, rows=cut + rest)
    left = make_personal(model, seed=1, first_row=start, rows=cut)
    right = make_personal(model, seed=1, first_row=start + cut, rows=rest)
    for name, values in whole.items():
        assert values.to_pylist() == left[name].to_pylist() + right[name].to_pylist(), name


def test_every_semantic_type_is_unique_on_demand_and_within_its_limit(
    models: dict[bool, PersonalModel],
) -> None:
    made = make_personal(models[True], seed=1, first_row=0, rows=3_000)
    assert {s for s in SEMANTICS if s != "birth_date"} == set(made)
    for name, values in made.items():
        texts = values.to_pylist()
        assert 3_000 == len(set(texts)), name
        assert max(map(len, texts)) <= 60, name


@pytest.mark.parametrize("is_unique", [False, True])
def test_no_value_of_a_mostly_distinct_source_column_comes_back(
    models: dict[bool, PersonalModel], is_unique: bool
) -> None:
    made = make_personal(models[is_unique], seed=2, first_row=0, rows=5_000)
    for name, values in _source().items():
        source = {v.lower() for v in values.to_pylist()}
        if len(source) > ROWS / 2:
            assert set() == source & {v.lower() for v in made[name].to_pylist()}, name


def test_a_model_holds_no_identifying_value_of_the_source(
    models: dict[bool, PersonalModel],
) -> None:
    text = json.dumps(models[False].to_json(), ensure_ascii=False)
    for name in ("email", "full_name", "phone", "national_id", "street_address"):
        assert [] == [v for v in _source()[name].to_pylist() if v in text], name


def test_a_model_survives_json(models: dict[bool, PersonalModel]) -> None:
    model = models[True]
    assert model == PersonalModel.from_json(json.loads(json.dumps(model.to_json())))


def test_one_row_describes_one_person(models: dict[bool, PersonalModel]) -> None:
    made = {k: v.to_pylist() for k, v in
            make_personal(models[False], seed=1, first_row=0, rows=200).items()}  # fmt: skip
    for first, last, full, email, user in zip(
        *(made[c] for c in ("first_name", "last_name", "full_name", "email", "user_name")),
        strict=True,
    ):
        assert f"{first} {last}" == full
        assert email.startswith(f"{slug(first)}.{slug(last)}")
        assert slug(last) in user


def test_gender_and_country_decide_on_names() -> None:
    country = pa.array(["Germany", "US"] * (ROWS // 2))
    gender = pa.array(["F"] * ROWS)
    columns = [PersonalColumn(name="vorname", semantic="first_name")]
    model = _fit(columns, {"country": country})
    assert {"de_DE", "en_US"} == set(model.locales)
    known = {"country": country, "gender": gender}
    made = make_personal(model, seed=0, first_row=0, rows=ROWS, known=known)["vorname"].to_pylist()
    german, american = (model.locales.index(x) for x in ("de_DE", "en_US"))
    assert set(made[0::2]) <= set(model.pools["female"][german])
    assert set(made[1::2]) <= set(model.pools["female"][american])


def test_countries_that_may_not_be_released_leave_room_for_others() -> None:
    columns = [PersonalColumn(name="vorname", semantic="first_name")]
    rare = pa.array([f"Nowhere {i}" for i in range(ROWS)])
    model = _fit(columns, {"country": rare})
    assert "nowhere" not in str(model.to_json()).lower()
    known = {"country": pa.array(["Mexico", "France", "Nepal"])}
    made = make_personal(model, seed=0, first_row=0, rows=3, known=known)["vorname"].to_pylist()
    pools = dict(
        zip(
            model.locales, zip(model.pools["female"], model.pools["male"], strict=True), strict=True
        )
    )
    for name, locale in zip(made, ("es_ES", "fr_FR", "en_US"), strict=True):
        assert name in {*pools[locale][0], *pools[locale][1]}


@pytest.mark.parametrize(
    ("column", "values", "locale"),
    [
        ("iban", ["DE89370400440532013000", "DE02120300000000202051"], "de_DE"),
        ("phone", ["+33 6 12 34 56 78", "0033612345679"], "fr_FR"),
        ("email", ["ann@posten.se", "bo@kth.se"], "sv_SE"),
        ("email", ["ann@start.io", "bo@kth.io"], "en_US"),
        ("phone", ["0711 123456", "0711 123457"], "en_US"),
    ],
)
def test_accounts_and_phones_and_mails_say_where_people_live(
    column: str, values: list[str], locale: str
) -> None:
    source = {column: pa.array(values * (ROWS // 2))}
    model = _fit([PersonalColumn(name="last_name", semantic="last_name")], source)
    assert (locale,) == model.locales


def test_a_second_name_is_a_second_person_but_a_second_address_book_entry_is_not() -> None:
    kinds = ["first_name", "last_name", "email", "email", "first_name", "city", "city"]
    columns = [PersonalColumn(name=f"c{i}", semantic=s) for i, s in enumerate(kinds)]
    assert [0, 0, 0, 1, 1, 0, 1] == list(personas_of(columns).values())


def test_emails_use_a_reserved_domain_that_the_source_does_not(
    models: dict[bool, PersonalModel],
) -> None:
    made = make_personal(models[True], seed=1, first_row=0, rows=100)["email"].to_pylist()
    domains = {e.split("@")[1] for e in made}
    assert {"example.org", "example.net", "mail.example.com"} == domains


def test_cards_and_accounts_have_right_check_digits(models: dict[bool, PersonalModel]) -> None:
    made = make_personal(models[True], seed=1, first_row=0, rows=500)
    assert 1.0 == luhn_share(made["card_number"])
    assert 1.0 == iban_share(made["iban"])


def test_numbers_of_people_in_integer_columns_stay_integers() -> None:
    column = PersonalColumn(name="ssn", semantic="national_id", kind="integer", max_length=9)
    source = {"ssn": pa.array(np.arange(ROWS) * 31 + 100_000_000)}
    made = make_personal(_fit([column], source), seed=0, first_row=0, rows=100)["ssn"]
    assert pa.int64() == made.type
    assert not set(source["ssn"].to_pylist()) & set(made.to_pylist())


def test_birth_dates_follow_the_released_curve() -> None:
    days = np.linspace(-5_000, 10_000, ROWS).astype(np.int32)
    column = PersonalColumn(name="born", semantic="birth_date", kind="date")
    model = _fit([column], {"born": pa.array(days).cast(pa.date32())})
    made = make_personal(model, seed=0, first_row=0, rows=2_000)["born"].cast(pa.int32())
    assert float(np.median(days)) == pytest.approx(float(np.median(np.asarray(made))), abs=600)
    assert min(made.to_pylist()) > -5_000


def test_a_unique_column_that_is_too_short_is_an_error() -> None:
    model = _fit([PersonalColumn(name="email", semantic="email", is_unique=True, max_length=8)], {})
    with pytest.raises(FitError):
        make_personal(model, seed=0, first_row=10**6, rows=10)


def test_a_table_without_rows_still_gets_people() -> None:
    model = fit_personal(_columns(), {}, np.zeros(0, np.int64), RELEASE)
    made = make_personal(model, seed=0, first_row=0, rows=20)
    assert [] == [
        name for name, values in made.items() if values.null_count or "" in values.to_pylist()
    ]


@given(st.integers(5, 200), st.integers(1, 300), st.booleans())
@settings(max_examples=20, deadline=None)
def test_texts_fit_their_column(max_length: int, rows: int, is_unique: bool) -> None:
    source = pa.array([f"note {i} about a thing that happened"[:max_length] for i in range(50)])
    model = fit_text("t.note", source, np.arange(50), RELEASE, max_length)
    made = sample_text(model, np.random.default_rng(0), rows, 0 if is_unique else None).to_pylist()
    assert max(map(len, made)) <= max_length
    assert not is_unique or rows == len(set(made))
    assert "" not in made


def test_texts_are_as_long_as_the_source_and_share_no_four_words_with_it() -> None:
    rng = np.random.default_rng(1)
    words = ["ship", "late", "customer", "asked", "again", "for", "refund", "box", "was", "open"]
    source = [" ".join(rng.choice(words, n)) for n in rng.integers(5, 40, 400)]
    model = fit_text("t.note", pa.array(source), np.arange(400), RELEASE)
    made = sample_text(model, rng, 400).to_pylist()
    assert np.mean([len(v) for v in source]) == pytest.approx(
        np.mean([len(v) for v in made]), rel=0.1
    )
    runs = {" ".join(s.split()[i : i + 4]) for s in source for i in range(len(s.split()) - 3)}
    assert not any(" ".join(m.lower().split()[i : i + 4]) in runs for m in made for i in range(40))


def test_words_that_must_differ_stay_without_blanks() -> None:
    source = pa.array([f"{'ab' * (2 + i % 5)}-{i}" for i in range(100)])
    model = fit_text("t.slug", source, np.arange(100), RELEASE)
    made = sample_text(model, np.random.default_rng(0), 300, 0).to_pylist()
    assert len(set(made)) == 300
    assert not [t for t in made if " " in t]


def test_short_distinct_texts_never_come_back() -> None:
    from dbsynth.people.pii import words_pool

    source = pa.array(list(words_pool())[:400])
    model = fit_text("t.word", source, np.arange(400), RELEASE)
    made = sample_text(model, np.random.default_rng(0), 3_000).to_pylist()
    assert set() == set(source.to_pylist()) & {v.lower().rstrip(".") for v in made}


def test_a_text_model_survives_json() -> None:
    model = fit_text("t.note", pa.array(["Some words here"] * 40), np.arange(40), RELEASE, 90)
    assert model == TextModel.from_json(json.loads(json.dumps(model.to_json())))


def test_long_addresses_stay_addresses_however_short_the_source_writes_them() -> None:
    column = PersonalColumn(name="a", semantic="ipv6")
    source = pa.array([f"fe80::{n:x}" for n in range(1, 200)])
    made = make_personal(_fit([column], {"a": source}), seed=1, first_row=0, rows=300, known={})
    for text in made["a"].to_pylist():
        assert ipaddress.ip_address(text) in ipaddress.ip_network("2001:db8::/32")


def test_what_is_written_in_capitals_stays_in_capitals() -> None:
    columns = [PersonalColumn(name=s, semantic=s) for s in ("last_name", "email", "city")]
    source = _source() | {"last_name": pc.utf8_upper(_source()["last_name"])}
    made = make_personal(_fit(columns, source), seed=1, first_row=0, rows=50)
    assert pc.all(pc.utf8_is_upper(made["last_name"])).as_py()
    assert pc.all(pc.utf8_is_lower(made["email"])).as_py()
    assert pc.all(pc.utf8_is_title(made["city"])).as_py()
    loud = pa.array([f"RED CAR {i}" for i in range(ROWS)])
    model = fit_text("t.c", loud, np.arange(ROWS), RELEASE)
    assert pc.all(pc.utf8_is_upper(sample_text(model, np.random.default_rng(1), 9))).as_py()


def test_texts_that_are_blank_are_as_frequent_as_they_were(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, note TEXT NOT NULL)")
        texts = [("" if i % 4 == 0 else f"seen by {i} and {i * 7} on the way",) for i in range(800)]
        connection.executemany("INSERT INTO notes (note) VALUES (?)", texts)
    connection.close()
    [rows] = drawn(fitted(f"sqlite:///{tmp_path / 'a.db'}")).values()
    notes = rows.column("note").to_pylist()
    assert abs(np.mean([n == "" for n in notes]) - 0.25) < 0.06
    assert np.mean([len(n) for n in notes if n]) > 15


def test_a_column_without_a_text_is_learned_without_protection_too(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, email TEXT)")
        connection.executemany("INSERT INTO notes (email) VALUES (?)", [(None,)] * 30)
    connection.close()
    plan = replace(make_plan(url, engine="marginal"), is_protected=False)
    [rows] = drawn(run.fit(url, run.Options(plan=plan))).values()
    assert rows.column("email").null_count == 30


def test_words_that_are_joined_stay_joined() -> None:
    slugs = pa.array([f"old-{'green-' * (i % 4)}house-{'ab'[i % 2]}" for i in range(ROWS)])
    model = fit_text("t.c", slugs, np.arange(ROWS), RELEASE)
    made = sample_text(model, np.random.default_rng(1), 50, unique_offset=0).to_pylist()
    assert all(" " not in v and "." not in v and v.islower() for v in made)
    assert np.mean([v.count("-") > 1 for v in made]) > 0.8
    assert len(set(made)) == 50


def test_codes_are_of_the_country_and_state_that_rows_are_in() -> None:
    countries = ["DE", "DE", "FR", "US"]
    dials, states = {"DE": "+49", "FR": "+33", "US": "+1"}, {"CA": 90001, "NY": 10001, "TX": 75001}
    rows, source = 1200, {n: [] for n in ("country", "state", "phone", "iban", "zip")}
    for i in range(rows):
        country, state = countries[i % 4], list(states)[i % 3]
        source["country"].append(country)
        source["state"].append(state)
        source["phone"].append(f"{dials[country]} {100000000 + i * 7919}")
        account = f"{i * 7919:018d}" if country == "DE" else f"{i * 7919:023d}"
        source["iban"].append(f"{country if country != 'US' else 'DE'}00{account}")
        tail = f"-{i:04d}" if country == "US" else ""
        source["zip"].append(f"{states[state] + i % 90:05d}{tail}")
    values = {n: pa.array(v) for n, v in source.items()}
    meant = {"phone": "phone", "iban": "iban", "zip": "postal_code"}
    columns = [PersonalColumn(name=n, semantic=s) for n, s in meant.items()]
    model = fit_personal(columns, values, np.arange(rows), RELEASE)
    assert model == PersonalModel.from_json(json.loads(json.dumps(model.to_json())))
    known = {n: values[n] for n in ("country", "state")}
    made = make_personal(model, seed=2, first_row=0, rows=rows, known=known)
    for i, (phone, iban, code) in enumerate(
        zip(*(made[n].to_pylist() for n in meant), strict=True)
    ):
        country, state = source["country"][i], source["state"][i]
        assert phone.startswith(f"{dials[country]} ")
        assert iban.startswith("FR" if country == "FR" else "DE")
        assert ("-" in code) == (country == "US")
        if country == "US":
            first = states[state]
            assert first - 5000 < int(code[:5]) < first + 14000
    assert iban_share(made["iban"]) == 1.0
    for name in ("phone", "iban"):
        assert not set(made[name].to_pylist()) & set(source[name])
