"""References that nothing declares are found by name and values, planned, and kept in a copy."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dbsynth import run
from dbsynth.adapters import open_source
from dbsynth.errors import PlanFileError
from dbsynth.planfile import from_yaml, to_yaml
from dbsynth.release import Release
from dbsynth.sample import read_profile
from dbsynth.schema import Schema
from dbsynth.undeclared import propose
from dbsynth.urls import resolve

STAFF = """
CREATE TABLE unit (unit_id INTEGER PRIMARY KEY, title TEXT, manager_id INTEGER);
CREATE TABLE staff (
    id INTEGER PRIMARY KEY, unit_id INTEGER NOT NULL, manager_id INTEGER, grade INTEGER,
    badge_id INTEGER
);
INSERT INTO unit VALUES (1, 'a', 2), (2, 'b', 3), (3, 'c', NULL);
INSERT INTO staff VALUES
    (1, 1, NULL, 1, 7), (2, 1, 1, 2, 8), (3, 2, 1, 2, 9), (4, 3, 2, 1, 7), (5, 3, 2, 3, 8);
"""
STAFF_KEYS = [
    ("staff", ("manager_id",), "staff", ("id",)),
    ("staff", ("unit_id",), "unit", ("unit_id",)),
    ("unit", ("manager_id",), "staff", ("id",)),
]


def make(path: Path, script: str) -> str:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
        connection.commit()
    return str(path)


def found(url: str) -> list[tuple[str, tuple[str, ...], str, tuple[str, ...]]]:
    with open_source(resolve(url, {})) as source:
        schema = source.introspect()
        counts = {t.name: source.count(t.name) for t in schema.tables}
        references = propose(source, schema, read_profile(source, schema), counts, Release(0))
    keys = [k for r in references if r.is_accepted for k in r.foreign_keys]
    assert not any(k.is_declared for k in keys)
    return [(k.child.name, k.columns, k.parent.name, k.parent_columns) for k in keys]


def test_references_are_found_by_table_name_role_and_likeness(sqlite_path: Path) -> None:
    assert found(make(sqlite_path, STAFF)) == STAFF_KEYS


@pytest.mark.parametrize("column", ["previous_visit_id", "parent", "replaced_by", "boss_id"])
def test_a_row_refers_to_its_own_table_by_a_role(sqlite_path: Path, column: str) -> None:
    script = f"""
        CREATE TABLE visits (id INTEGER PRIMARY KEY, {column} INTEGER);
        INSERT INTO visits VALUES (1, NULL), (2, 1), (3, 2);
    """
    expected = [] if column == "boss_id" else [("visits", (column,), "visits", ("id",))]
    assert found(make(sqlite_path, script)) == expected


def test_one_value_without_a_parent_is_enough_to_refuse(sqlite_path: Path) -> None:
    url = make(sqlite_path, STAFF + "INSERT INTO staff VALUES (6, 99, 99, 1, 7);")
    assert found(url) == []


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("shop_id TEXT", "'1'"),  # not the type of the key
        ("shop_count INTEGER", "1"),  # says how many, not which
        ("workshop INTEGER", "1"),  # another word
        ("shop_id INTEGER REFERENCES shop", "1"),  # declared already
    ],
)
def test_a_column_that_is_no_reference_is_left_alone(
    sqlite_path: Path, column: str, values: str
) -> None:
    script = f"""
        CREATE TABLE shop (id INTEGER PRIMARY KEY);
        CREATE TABLE visit (id INTEGER PRIMARY KEY, {column});
        INSERT INTO shop VALUES (1), (2), (3);
        INSERT INTO visit VALUES (10, {values}), (11, 2);
    """
    assert found(make(sqlite_path, script)) == []


def test_a_name_that_fits_two_tables_equally_is_left_alone(sqlite_path: Path) -> None:
    script = """
        CREATE TABLE red_shop (shop_id INTEGER PRIMARY KEY);
        CREATE TABLE blue_shop (shop_id INTEGER PRIMARY KEY);
        CREATE TABLE visit (id INTEGER PRIMARY KEY, shop_id INTEGER);
        INSERT INTO red_shop VALUES (1), (2);
        INSERT INTO blue_shop VALUES (1), (2);
        INSERT INTO visit VALUES (1, 1), (2, 2);
    """
    assert found(make(sqlite_path, script)) == []


def declared(url: str) -> Schema:
    with open_source(resolve(url, {})) as source:
        return source.introspect()


def test_a_plan_file_carries_undeclared_keys(sqlite_path: Path) -> None:
    url = make(sqlite_path, STAFF)
    plan = run.plan(url)
    assert from_yaml(to_yaml(plan), declared(url)) == plan


def test_a_plan_file_with_an_impossible_undeclared_key_is_refused(sqlite_path: Path) -> None:
    url = make(sqlite_path, STAFF)
    text = to_yaml(run.plan(url)).replace("- unit_id\n", "- nothing\n")
    with pytest.raises(PlanFileError) as caught:
        from_yaml(text, declared(url))
    assert "references: entry 2: columns: staff has no column nothing" in caught.value.problems


def test_a_copy_keeps_undeclared_references(sqlite_path: Path, tmp_path: Path) -> None:
    url = make(sqlite_path, STAFF)
    target = tmp_path / "copy.sqlite"
    run.clone(url, str(target), run.Options(engine="marginal"))
    orphans = "SELECT count(*) FROM {} WHERE {} NOT IN (SELECT {} FROM {})"
    with closing(sqlite3.connect(target)) as connection:
        counts = [
            connection.execute(orphans.format(child, *columns, *keys, parent)).fetchone()[0]
            for child, columns, parent, keys in STAFF_KEYS
        ]
    assert counts == [0, 0, 0]
