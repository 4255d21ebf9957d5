"""Tests of dbsynth.graph: an order is found for every schema, and the right keys are cut for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsynth.graph import cut_keys, waves
from dbsynth.schema import Column, ForeignKey, Schema, SqlType, Table, TableName

INTEGER = SqlType(kind="integer", native="INTEGER", bits=64)


def name(table: str) -> TableName:
    return TableName("", table)


def schema_of(*keys: str, tables: str = "", late: str = "") -> Schema:
    """Make a schema of keys like "child.column>parent": "?" makes optional, "*" primary key."""
    columns: dict[str, list[Column]] = {t: [] for t in tables.split()}
    foreign: dict[str, list[ForeignKey]] = {t: [] for t in columns}
    primary: dict[str, tuple[str, ...]] = {}
    for text in keys:
        child, rest = text.split(".")
        column, parent = rest.split(">")
        plain = column.strip("?*")
        for table in (child, parent):
            columns.setdefault(table, [])
            foreign.setdefault(table, [])
        columns[child].append(Column(name=plain, type=INTEGER, is_nullable="?" in column))
        if "*" in column:
            primary[child] = (plain,)
        foreign[child].append(
            ForeignKey(
                name=plain, child=name(child), columns=(plain,), parent=name(parent),
                parent_columns=("id",), is_deferrable=plain in late.split(),
            )
        )  # fmt: skip
    made = [
        Table(
            name=name(t),
            columns=(Column(name="id", type=INTEGER, is_nullable=False), *columns[t]),
            primary_key=primary.get(t, ("id",)),
            foreign_keys=tuple(foreign[t]),
        )
        for t in sorted(columns)
    ]
    return Schema(dialect="sqlite", server_version="3", tables=tuple(made))


def cut(schema: Schema) -> list[str]:
    return [f"{child}.{key}" for child, key in cut_keys(schema)]


@pytest.mark.parametrize("keys", [("b.a>a", "c.b>b"), ("a.up?>a",), ("b.x>a", "b.y>a")])
def test_schemas_without_a_cycle_are_left_alone(keys: tuple[str, ...]) -> None:
    assert [] == cut(schema_of(*keys))


def test_of_a_cycle_the_optional_key_is_cut() -> None:
    assert ["store.boss"] == cut(schema_of("staff.store>store", "store.boss?>staff"))


def test_where_no_key_is_optional_the_one_checked_late_is_cut() -> None:
    assert ["a.b"] == cut(schema_of("a.b>b", "b.a>a", late="b"))


def test_a_part_of_a_primary_key_is_cut_only_if_nothing_else_is_there() -> None:
    assert ["a.b"] == cut(schema_of("a.b>b", "b.a*>a"))


def test_a_cycle_of_three_needs_one_cut_and_two_cycles_need_two() -> None:
    assert ["c.a"] == cut(schema_of("a.b>b", "b.c>c", "c.a?>a"))
    both = cut(schema_of("a.b?>b", "b.a>a", "c.d?>d", "d.c>c"))
    assert ["a.b", "c.d"] == both


def test_parents_have_lower_waves_than_their_children() -> None:
    schema = schema_of("b.a>a", "c.b>b", "c.a>a", tables="alone")
    assert {"a": 0, "alone": 0, "b": 1, "c": 2} == {n.name: w for n, w in waves(schema, ()).items()}


def test_a_key_to_a_table_that_was_left_out_does_not_matter() -> None:
    whole = schema_of("b.gone>a", "c.b>b")
    part = Schema(dialect="sqlite", server_version="3", tables=whole.tables[1:])
    assert {"b": 0, "c": 1} == {n.name: w for n, w in waves(part, cut_keys(part)).items()}


TABLES = st.sampled_from("abcdef")


@given(st.lists(st.tuples(TABLES, TABLES, st.booleans()), max_size=15))
def test_every_schema_gets_an_order(edges: list[tuple[str, str, bool]]) -> None:
    keys = [f"{c}.k{i}{'?' * optional}>{p}" for i, (c, p, optional) in enumerate(edges)]
    schema = schema_of(*keys)
    cuts = cut_keys(schema)
    order = waves(schema, cuts)
    assert set(order) == set(schema.by_name)
    for key in schema.foreign_keys:
        if not key.is_self and (key.child, key.name) not in cuts:
            assert order[key.parent] < order[key.child]
