"""Tests of dbsynth.peculiar and dbsynth.placeholders: every type has its treatment."""

from __future__ import annotations

from typing import Any

import psycopg
import pyarrow as pa
import pytest

from dbsynth import run
from dbsynth.errors import RefusedError
from dbsynth.peculiar import are_documents, treat_type
from dbsynth.profiles import Profile
from dbsynth.schema import SqlType
from tests.conftest import NewDatabase

ROWS = 200
OPTIONS = run.Options(seed=4, engine="marginal")


def profile(values: list[Any]) -> Profile:
    return Profile.of(pa.array(values, pa.string()))


@pytest.mark.parametrize(
    ("family", "value", "expected"),
    [
        ("interval", "{i} days", "number/"),
        ("interval", "{i} mons", "structure/"),
        ("pg_lsn", "0/{i}", "number/"),
        ("oid", "{i}", "number/"),
        ("inet", "10.0.0.{i}", "structure/"),
        ("macaddr", "02:00:00:00:00:{i}", "personal/mac_address"),
        ("array", "{{{i}}}", "structure/"),
        ("composite", "({i})", "structure/"),
        ("range", "[{i},)", "structure/"),
        ("hstore", '"a"=>"{i}"', "structure/"),
        ("polygon", "(({i},0))", "structure/"),
        ("vector", "[{i},0]", "structure/"),
        ("geometry", "POINT({i} 0)", "structure/"),
        ("tsvector", "'w{i}'", "text/"),
        ("xml", "<a>{i}</a>", "text/"),
        ("varbit", "{i:b}", "binary/"),
        ("regclass", "table{i}", "void/"),
        ("spaceship", "{i}", "void/"),
    ],
)
def test_each_type_has_its_treatment(family: str, value: str, expected: str) -> None:
    values = [value.format(i=i) for i in range(ROWS)]
    sql = SqlType(kind="other", native=family, family=family)
    found = treat_type(sql, profile(values), is_unique=False)
    assert expected == f"{found.kind}/{found.semantic}"


@pytest.mark.parametrize("family", ["array", "spaceship", "inet"])
def test_few_values_are_labels(family: str) -> None:
    sql = SqlType(kind="other", native=family, family=family)
    assert "category" == treat_type(sql, profile(["a", "b"] * ROWS), is_unique=False).kind


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (['{"a": 1}', "[1, 2]"], True),
        (['{"a": 1}', "{broken}"], False),
        (["{1,2}", "{3}"], False),
        (["1", "2"], False),
        ([], False),
    ],
)
def test_texts_of_json_are_told_from_others(values: list[str], expected: bool) -> None:
    assert expected == are_documents(profile(values))


def _database(new_pg_url: NewDatabase, *statements: str) -> str:
    url = new_pg_url()
    with psycopg.connect(url) as connection:
        for statement in statements:
            connection.execute(statement)
    return url


def test_types_that_nobody_knows_get_a_value_that_they_accept(new_pg_url: NewDatabase) -> None:
    source = _database(
        new_pg_url,
        "CREATE EXTENSION isn",
        "CREATE EXTENSION cube",
        "CREATE EXTENSION seg",
        "CREATE TABLE t (id int PRIMARY KEY, a ean13 NOT NULL, b cube, c seg NOT NULL DEFAULT '7',"
        " d cube NOT NULL UNIQUE)",
        "INSERT INTO t SELECT n, format('978%s?', to_char(n, 'fm000000000'))::isbn13,"
        " cube(ARRAY[n::float8]), n::text::seg, cube(ARRAY[n::float8, 1])"
        " FROM generate_series(1, 80) n",
    )
    target = new_pg_url()
    run.clone(source, target, OPTIONS)
    asked = "SELECT count(DISTINCT a) = 1, count(b), min(c::text), count(DISTINCT d) FROM t"
    with psycopg.connect(target) as connection:
        assert [(True, 0, "7", 80)] == connection.execute(asked).fetchall()


def test_a_type_that_accepts_nothing_known_is_refused_before_work(new_pg_url: NewDatabase) -> None:
    source = _database(
        new_pg_url,
        "CREATE EXTENSION isn",
        "CREATE TABLE t (id int PRIMARY KEY, code ean13 NOT NULL UNIQUE)",
        "INSERT INTO t SELECT n, format('978%s?', to_char(n, 'fm000000000'))::isbn13"
        " FROM generate_series(1, 80) n",
    )
    with pytest.raises(RefusedError) as refused:
        run.plan(source, OPTIONS)
    assert ("public.t.code: public.ean13",) == tuple(refused.value.problems)
