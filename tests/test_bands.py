"""Tests of dbsynth.mining.bands, years, lengths: bounds, ages, minutes, in a copy of any kind."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import psycopg
import pytest

from dbsynth import run
from dbsynth.mining.years import _chosen

FAST = {"engine": "marginal", "quality": "fast"}


def clinic(path: Path) -> str:
    """Patients, their visits with the age on that day, and what a fee and a score are called."""
    rng = np.random.default_rng(9)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript("""
            CREATE TABLE patients (id INTEGER PRIMARY KEY, born DATE NOT NULL,
                age_then INTEGER NOT NULL);
            CREATE TABLE visits (id INTEGER PRIMARY KEY,
                patient_id INTEGER NOT NULL REFERENCES patients (id), day DATE NOT NULL,
                age INTEGER NOT NULL, fee NUMERIC(8,2) NOT NULL, band VARCHAR(4) NOT NULL,
                score INTEGER NOT NULL, passed BOOLEAN NOT NULL, came TIMESTAMP NOT NULL,
                went TIMESTAMP NOT NULL, minutes INTEGER NOT NULL, hours NUMERIC(6,2) NOT NULL,
                weekday INTEGER NOT NULL, height INTEGER NOT NULL, weight NUMERIC(5,1) NOT NULL,
                bmi NUMERIC(5,1) NOT NULL);
        """)
        for patient in range(250):
            born = date(1940, 1, 1) + timedelta(days=int(rng.integers(25_000)))
            values = (patient, str(born), _age(born, date(2021, 5, 31)))
            connection.execute("INSERT INTO patients VALUES (?, ?, ?)", values)
            for _ in range(int(rng.integers(1, 5))):
                day = date(2018, 1, 1) + timedelta(days=int(rng.integers(1_500)))
                fee, score = round(float(rng.gamma(2, 60)), 2), int(rng.normal(60, 15))
                band = "low" if fee < 50 else "mid" if fee < 200 else "high"
                came = datetime.combine(day, time(9)) + timedelta(minutes=int(rng.integers(400)))
                minutes, tall = int(rng.gamma(2, 30)) + 1, int(rng.integers(150, 200))
                weight = round(float(rng.normal(75, 9)), 1)
                values = (
                    None, patient, str(day), _age(born, day), fee, band, score, score >= 50,
                    str(came), str(came + timedelta(minutes=minutes)), minutes,
                    round(minutes / 60, 2), came.isoweekday() % 7, tall, weight,
                    round(weight / (tall / 100) ** 2, 1),
                )  # fmt: skip
                marks = ", ".join("?" * len(values))
                connection.execute(f"INSERT INTO visits VALUES ({marks})", values)
    return f"sqlite:///{path}"


def _age(born: date, day: date) -> int:
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


@pytest.mark.parametrize("kind", ["sqlite", "duckdb", "postgresql", "mysql"])
def test_bands_and_ages_are_found_and_kept(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    servers = {"postgresql": "pg_url", "mysql": "mysql_url"}
    target = request.getfixturevalue(servers[kind]) if kind in servers else f"{tmp_path}/b.{kind}"
    done = run.clone(clinic(tmp_path / "a.db"), target, run.Options(**FAST))
    kinds = ("bands", "years", "length", "date part", "arithmetic")
    found = {c.rule.text: c.broken for c in done.rules if c.rule.kind in kinds}
    then = "age_then = years_between(born, '2021-05-31')"
    assert found == {
        then: 0,
        "age = years_between(patients.born, day)": 0,
        "band = CASE WHEN fee < 50 THEN 'low' WHEN fee < 200 THEN 'mid' ELSE 'high' END": 0,
        "passed = (score >= 50)": 0,
        "minutes = seconds_between(came, went) / 60.0": 0,
        "hours = round(seconds_between(came, went) / 3600.0, 2)": 0,
        "weekday = iso_weekday(day) % 7": 0,
        "bmi = round(weight / (height / 100.0 * (height / 100.0)), 1)": 0,
    }


def test_the_day_of_all_ages_is_nobodys_birthday() -> None:
    def chosen(first: str, end: str) -> str | None:
        return _chosen(np.datetime64(first), np.datetime64(end))

    assert chosen("2020-11-20", "2021-02-03") == "2021-01-01"
    assert chosen("2021-05-20", "2021-06-03") == "2021-06-01"
    assert chosen("2021-05-09", "2021-05-14") == "2021-05-11"
    assert chosen("2021-05-09", "2021-05-20") is None
    assert chosen("2021-05-09", "2021-05-09") is None


def test_labels_that_come_with_any_number_have_no_bounds(tmp_path: Path) -> None:
    url = clinic(tmp_path / "a.db")
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection, connection:
        connection.execute("UPDATE visits SET band = 'mid' WHERE id % 50 = 0")
        connection.execute("UPDATE visits SET age = age + 1 WHERE id % 50 = 0")
        connection.execute("UPDATE visits SET passed = NOT passed WHERE id % 50 = 0")
        connection.execute("UPDATE patients SET age_then = age_then + 1 WHERE id % 50 = 0")
    plan = run.plan(url, run.Options(**FAST))
    assert not [r for r in plan.rules if r.kind in ("bands", "years")]


def test_labels_that_end_in_blanks_are_left_to_other_rules(pg_url: str) -> None:
    with psycopg.connect(pg_url) as connection:
        connection.execute("""
            CREATE TABLE shifts (id serial PRIMARY KEY, second integer NOT NULL,
                part char(20) NOT NULL);
            INSERT INTO shifts (second, part)
            SELECT n * 61, CASE WHEN n < 500 THEN 'night' ELSE 'morning' END
            FROM generate_series(1, 1000) AS n;
        """)
    assert not [r for r in run.plan(pg_url, run.Options(**FAST)).rules if r.kind == "bands"]


def test_labels_of_an_enum_are_compared_as_texts(pg_url: str, tmp_path: Path) -> None:
    with psycopg.connect(pg_url) as connection:
        connection.execute("""
            CREATE TYPE size AS ENUM ('small', 'large');
            CREATE TABLE parcels (id serial PRIMARY KEY, weight numeric(6,2) NOT NULL,
                size size NOT NULL);
            INSERT INTO parcels (weight, size)
            SELECT weight, CASE WHEN weight < 5 THEN 'small' ELSE 'large' END::size
            FROM (SELECT round((power(random(), 2) * 20)::numeric, 2) AS weight
                  FROM generate_series(1, 400)) AS drawn;
        """)
    done = run.clone(pg_url, f"{tmp_path}/b.duckdb", run.Options(**FAST))
    rule = "size = CASE WHEN weight < 5 THEN 'small' ELSE 'large' END"
    assert [(c.rule.text, c.broken) for c in done.rules if c.rule.kind == "bands"] == [(rule, 0)]
