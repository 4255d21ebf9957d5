"""Which tables a run is about."""

import pytest

from dbsynth.errors import UsageError
from dbsynth.schema import Column, ForeignKey, NativeObject, Schema, SqlType, Table, TableName
from dbsynth.selection import select

NUMBER = SqlType(kind="integer", native="integer", bits=64)


def _name(name: str) -> TableName:
    return TableName("app", name)


def _schema(**parents: tuple[str, ...]) -> Schema:
    """Tables by name, each with a key to each of its parents."""
    tables = []
    for name, above in parents.items():
        keys = tuple(
            ForeignKey(
                name=f"fk_{parent}",
                child=_name(name),
                columns=(parent,),
                parent=_name(parent),
                parent_columns=("id",),
            )
            for parent in above
        )
        columns = tuple(Column(name=c, type=NUMBER) for c in ("id", *above))
        tables.append(Table(name=_name(name), columns=columns, foreign_keys=keys))
    views = (
        NativeObject(kind="extension", name="citext", before_tables=True),
        NativeObject(kind="view", name="v"),
    )
    return Schema(dialect="postgresql", server_version="15", tables=tuple(tables), objects=views)


SHOP = _schema(customers=(), orders=("customers",), lines=("orders",), logs=())


def _kept(*include: str, exclude: tuple[str, ...] = ()) -> set[str]:
    return {t.name.name for t in select(SHOP, include, exclude)[0].tables}


def test_without_globs_everything_is_kept_as_it_is():
    assert (SHOP, ()) == select(SHOP)


def test_parents_are_added_and_told():
    schema, notes = select(SHOP, ("lines",))
    assert {"customers", "orders", "lines"} == {t.name.name for t in schema.tables}
    assert "app.orders: added, because a selected table refers to it" in notes


def test_a_glob_matches_with_and_without_the_schema():
    assert {"logs"} == _kept("app.lo*")
    assert {"logs"} == _kept("lo*")


def test_excluded_tables_are_left_out():
    assert {"customers", "orders"} == _kept(exclude=("l*",))


def test_an_excluded_table_that_is_referred_to_is_refused_with_its_name():
    with pytest.raises(UsageError, match=r"app\.customers") as caught:
        select(SHOP, (), ("customers",))
    assert ("app.orders needs app.customers (fk_customers)",) == caught.value.problems


def test_a_glob_that_matches_nothing_is_told_with_the_nearest_name():
    with pytest.raises(UsageError) as caught:
        select(SHOP, ("ordres",), ("nothing*",))
    assert 2 == len(caught.value.problems)
    assert "did you mean orders?" in caught.value.problems[0]


def test_a_selection_of_nothing_is_refused():
    with pytest.raises(UsageError, match="none of the 4 tables"):
        select(SHOP, ("logs",), ("logs",))


def test_a_source_without_tables_is_refused():
    with pytest.raises(UsageError, match="no tables"):
        select(_schema())


def test_views_are_left_out_with_the_tables_that_they_may_need():
    schema, notes = select(SHOP, ("logs",))
    assert ["citext"] == [o.name for o in schema.objects]
    assert any("view" in note for note in notes)


def test_a_cycle_is_kept_whole():
    ring = _schema(a=("b",), b=("a",), c=())
    assert {"a", "b"} == {t.name.name for t in select(ring, ("a",))[0].tables}
