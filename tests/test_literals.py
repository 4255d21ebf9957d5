"""Tests of dbsynth.parts.literals: what a server prints is understood, what is written it reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dbsynth.parts.assembly import join_items, join_record
from dbsynth.parts.literals import (
    Pairs,
    flatten,
    join_range,
    parse_array,
    parse_hstore,
    parse_json,
    parse_multirange,
    parse_range,
    parse_row,
    quote_field,
    quote_json,
    quote_pair,
)
from dbsynth.schema import SqlType

Print = Callable[[str, Any], str]

TEXTS = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=12)
OPTIONAL = st.none() | TEXTS
ARRAY = SqlType(kind="other", native="text[]", family="array")
ROW = SqlType(kind="other", native="pair", family="composite")
MANY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def server(pg_server: str):
    with psycopg.connect(pg_server) as connection:
        connection.execute("CREATE TYPE pg_temp.pair AS (a text, b text)")
        connection.execute("CREATE TYPE pg_temp.words AS RANGE (subtype = text)")
        yield connection
        connection.rollback()


@pytest.fixture
def printed(server: Any) -> Print:
    """Let the server read a value as a type, and print it."""

    def ask(kind: str, value: Any) -> str:
        return str(server.execute(f"SELECT (%s::{kind})::text", (value,)).fetchone()[0])

    return ask


def texts(*values: str | None) -> pa.Array:
    return pa.array(values, pa.string())


@MANY
@given(st.lists(OPTIONAL, max_size=4))
def test_arrays_are_understood_and_read(printed: Print, values: list[str | None]) -> None:
    text = printed("text[]", values)
    assert ("", values) == parse_array(text)
    written = join_items("array", ARRAY, texts(*values), np.array([len(values)]), [])
    assert text == written[0].as_py()


@pytest.mark.parametrize(
    ("text", "bounds", "elements"),
    [
        ("[0:1]={a,b}", "[0:1]", ["a", "b"]),
        ("{{1,NULL},{3,4}}", "", ["1", None, "3", "4"]),
        ("[2:2][0:1]={{1,2}}", "[2:2][0:1]", ["1", "2"]),
    ],
)
def test_bounds_and_dimensions_are_kept(
    printed: Print, text: str, bounds: str, elements: list[str | None]
) -> None:
    assert text == printed("text[]", text)
    found, items = parse_array(text)
    flat, sizes = flatten(items)
    assert (bounds, elements) == (found, flat)
    full = bounds or "".join(f"[1:{size}]" for size in sizes)
    written = join_items("array", ARRAY, texts(*elements), np.array([len(elements)]), [full])
    assert text == printed("text[]", written[0].as_py())
    assert '"' not in written[0].as_py()


def test_boxes_stand_apart_by_semicolons(printed: Print) -> None:
    text = printed("box[]", "{(1,1),(0,0);(3,3),(2,2)}")
    assert ("", ["(1,1),(0,0)", "(3,3),(2,2)"]) == parse_array(text, ";")


@MANY
@given(OPTIONAL, OPTIONAL)
def test_rows_are_understood_and_read(printed: Print, a: str | None, b: str | None) -> None:
    parts = [texts(a), texts(b)]
    text = join_record("composite", ROW, ["a", "b"], parts, 1)[0].as_py()
    assert [a, b] == parse_row(printed("pg_temp.pair", text))


@MANY
@given(TEXTS, TEXTS)
def test_ranges_are_understood_and_read(printed: Print, a: str, b: str) -> None:
    written = join_range(texts(a), texts(a), texts("[]"))[0].as_py()
    assert (a, a, "[]") == parse_range(printed("pg_temp.words", written))
    assert b == parse_row(f"({quote_field(texts(b))[0].as_py()})")[0]


def test_open_and_empty_ranges(printed: Print) -> None:
    assert (None, None, "()") == parse_range(printed("int4range", "(,)"))
    assert parse_range(printed("int4range", "[1,1)")) is None
    assert "empty" == join_range(texts(None), texts(None), texts(None))[0].as_py()
    text = printed("tsmultirange", '{[2024-01-01,2024-01-02),["2024-01-03 10:00",)}')
    found = [parse_range(part) for part in parse_multirange(text)]
    assert [
        ("2024-01-01 00:00:00", "2024-01-02 00:00:00", "[)"),
        ("2024-01-03 10:00:00", None, "[)"),
    ] == found


def hstores() -> st.SearchStrategy[dict[str, str | None]]:
    return st.dictionaries(TEXTS, OPTIONAL, max_size=3)


@MANY
@given(hstores())
def test_hstores_are_understood_and_read(server: Any, values: dict[str, str | None]) -> None:
    server.execute("CREATE EXTENSION IF NOT EXISTS hstore")
    keys, items = list(values), list(values.values())
    text = server.execute("SELECT hstore(%s::text[], %s::text[])::text", (keys, items))
    assert values == dict(parse_hstore(text.fetchone()[0]))
    nothing = texts("NULL")
    parts = [nothing if v is None else quote_pair(texts(v)) for v in items]
    written = join_record("hstore", ROW, keys, parts, 1)[0].as_py()
    back = server.execute("SELECT (%s::hstore)::text", (written,)).fetchone()[0]
    assert values == dict(parse_hstore(back))


@given(st.lists(OPTIONAL, min_size=1))
def test_json_strings_are_quoted_as_json_wants(values: list[str | None]) -> None:
    written = quote_json(texts(*values)).to_pylist()
    assert values == [v if v is None else json.loads(v) for v in written]


def test_json_keeps_repeated_keys_in_order() -> None:
    found = parse_json('{"b": 1, "a": {"c": []}, "b": null}')
    assert [("b", 1), ("a", Pairs([("c", [])])), ("b", None)] == found


@pytest.mark.parametrize("text", ["{", "[" * 100_000])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        parse_json(text)
