"""Tests of dbsynth.numerals and dbsynth.serials: numbers in disguise, read and written again."""

from __future__ import annotations

from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pytest

from dbsynth import numerals
from dbsynth.extremes import NOT_A_NUMBER
from dbsynth.schema import SqlType
from dbsynth.serials import can_count, count
from dbsynth.spellings import spell, spelling_of
from dbsynth.values import text_to_moments, to_floats

DAY = 86_400.0


def other(family: str, **parts: Any) -> SqlType:
    return SqlType(kind="other", native=parts.pop("native", family), family=family, **parts)


INTEGER = SqlType(kind="integer", native="integer", bits=32)
DATE = SqlType(kind="date", native="date")
MOMENT = SqlType(kind="timestamptz", native="timestamptz")
FREE = SqlType(kind="decimal", native="numeric")
DOUBLE = SqlType(kind="float", native="double precision", bits=64)


@pytest.fixture(scope="module")
def server(pg_server: str):
    with psycopg.connect(pg_server) as connection:
        for setting in ("intervalstyle = postgres", "timezone = 'UTC'", "datestyle = 'ISO, YMD'"):
            connection.execute(f"SET {setting}")
        yield connection


@pytest.mark.parametrize(
    ("sql", "texts", "numbers"),
    [
        (other("interval"), ["1 day", "-00:00:01.5", "00:00:00"], [DAY, -1.5, 0]),
        (other("interval"), ["2 days -01:00:00", "-3 days"], [2 * DAY - 3600, -3 * DAY]),
        (other("pg_lsn"), ["16/B374D848", "0/0"], [0x16B374D848, 0]),
        (other("bit", length=5, native="bit(5)"), ["00101", "11111"], [5, 31]),
        (other("oid"), ["16384"], [16384]),
        (other("xid8"), ["7000000001"], [7_000_000_001]),
        (INTEGER, ["-7", "12"], [-7, 12]),
        (FREE, ["1.25", "NaN"], [1.25, NOT_A_NUMBER]),
        (DOUBLE, ["1e+30", "-Infinity", "NaN"], [1e30, -np.inf, NOT_A_NUMBER]),
        (DATE, ["1970-01-02", "infinity", "-infinity"], [DAY, np.inf, -np.inf]),
        (MOMENT, ["1970-01-01 00:00:01.5+00", "infinity"], [1.5, np.inf]),
        (SqlType(kind="time", native="time"), ["00:01:00", "23:59:59.5"], [60, DAY - 0.5]),
    ],
)
def test_what_the_server_prints_is_read_and_comes_back(
    server: Any, sql: SqlType, texts: list[str], numbers: list[float]
) -> None:
    column = pa.array([*texts, None], pa.string())
    found = numerals.read(column, sql)
    assert [*numbers, None] == [None if np.isnan(n) else n for n in found.tolist()]
    written = numerals.write(found, sql).to_pylist()
    assert written[-1] is None
    for text, back in zip(texts, written, strict=False):
        shown = server.execute(
            f"SELECT %s::{sql.native}::text, %s::{sql.native} = %s::{sql.native}",
            (text, text, back),
        ).fetchone()
        assert (text, True) == shown


def test_dates_beyond_the_calendar_come_to_its_ends() -> None:
    found = numerals.read(pa.array(["0044-03-15 BC", "12024-01-01"]), DATE)
    assert ["0001-01-01", "9999-12-31"] == numerals.write(found, DATE).to_pylist()


def test_intervals_of_months_are_told_from_those_of_seconds() -> None:
    assert numerals.has_months(pa.array(["1 day", "1 mon"]))
    assert not numerals.has_months(pa.array(["1 day", "00:00:01"]))
    parts = {"months": -14.0, "days": 3.0, "seconds": -14706.0}
    assert parts == numerals.split_interval("-1 years -2 mons +3 days -04:05:06")


COUNTED = [
    other("inet"), other("cidr"), other("macaddr"), other("macaddr8"), other("point"),
    other("tsvector"), other("tsquery"), other("xml"), other("jsonpath"), other("interval"),
    other("pg_lsn"), other("oid"), other("xid8"), other("varbit", native="varbit"),
    other("bit", native="bit(64)", length=64), other("array", native="integer[]", element=INTEGER),
    other("range", native="int4range", element=INTEGER),
    other("range", native="daterange", element=DATE),
    other("multirange", native="int4multirange",
          element=other("range", native="int4range", element=INTEGER)),
    SqlType(kind="json", native="jsonb"),
]  # fmt: skip


@pytest.mark.parametrize("sql", COUNTED, ids=lambda sql: sql.native)
def test_counting_gives_different_values_that_the_type_accepts(server: Any, sql: SqlType) -> None:
    assert can_count(sql)
    texts = count(sql, np.arange(1, 500, dtype=np.uint64)).to_pylist()
    shown = server.execute(
        f"SELECT count(DISTINCT CAST(CAST(x AS {sql.native}) AS text)) FROM unnest(%s::text[]) x",
        (texts,),
    )
    assert 499 == shown.fetchone()[0]


@pytest.mark.parametrize(
    "text",
    ["2024-01-31", "2024-01-31T10:20:30Z", "2024-01-31 10:20", "2024-01-31T10:20:30.125+00:00"],
)
def test_dates_in_texts_keep_their_spelling(text: str) -> None:
    column = pa.array([text] * 3)
    spelling = spelling_of(column)
    assert [text] * 3 == spell(to_floats(text_to_moments(column)), spelling, 0).to_pylist()
