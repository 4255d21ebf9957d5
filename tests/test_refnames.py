"""What names say about the table to which a column refers."""

from __future__ import annotations

import pytest

from dbsynth.lexicon import noun_forms, same_noun
from dbsynth.schema import Column, ForeignKey, Schema, SqlType, Table, TableName
from dbsynth.undeclared.refnames import Names, recurring

INTEGER = SqlType(kind="integer", native="integer", bits=32)
TEXT = SqlType(kind="string", native="text")
STRONG = 0.85


def table(name: str, *columns: str, key: str = "id", sql: SqlType = INTEGER) -> Table:
    made = tuple(Column(name=c, type=sql) for c in (key, *columns))
    return Table(name=TableName("", name), columns=made, primary_key=(key,))


def score(child: Table, column: str, *parents: Table, others: tuple[Table, ...] = ()) -> float:
    """How much names say for the first of the parents."""
    tables = {t.name: t for t in (child, *parents, *others)}
    names = Names(Schema(dialect="sqlite", server_version="", tables=tuple(tables.values())))
    parent = parents[0]
    hint = names.hint(child, child.column(column), parent, parent.primary_key[0])
    asked = names.worth_asking(child, child.column(column))
    assert hint.score == 0 or parent.name in asked
    return hint.score


@pytest.mark.parametrize(
    ("column", "parent"),
    [
        ("customer_id", "customer"),
        ("customer_id", "customers"),
        ("CustomerID", "Customers"),
        ("customerid", "customers"),
        ("fk_customer", "customer"),
        ("customer_fk", "tbl_customer"),
        ("customer_ref", "shop_customer"),
        ("id_customer", "customers"),
        ("billing_customer_id", "customers"),
        ("category_id", "categories"),
        ("person_id", "people"),
        ("address_2_id", "addresses"),
    ],
)
def test_a_column_that_names_a_table_refers_to_it(column: str, parent: str) -> None:
    assert score(table("visit", column, "x", "y"), column, table(parent)) >= STRONG


@pytest.mark.parametrize(
    ("column", "parent", "most"),
    [
        ("cust_id", "customer", 0.8),  # abbreviations are likely, not certain
        ("dept_id", "department", 0.8),
        ("po_id", "purchase_order", 0.7),
        ("customer_no", "customer", 0.7),  # may count within something else
        ("customer", "customer", 0.75),  # a number that does not say that it identifies
        ("type_id", "media_type", 0.7),  # many tables end so
    ],
)
def test_a_column_that_may_name_a_table_is_only_likely(
    column: str, parent: str, most: float
) -> None:
    assert 0.3 <= score(table("visit", column, "x", "y"), column, table(parent)) <= most


@pytest.mark.parametrize(
    ("column", "parent"),
    [
        ("customer_count", "customer"),  # how many
        ("customers", "customer"),
        ("customer_type_id", "customer"),  # another noun
        ("workshop_id", "shop"),
        ("quantity", "customer"),
        ("visit_id", "visit_log"),
    ],
)
def test_a_column_that_says_something_else_refers_to_nothing(column: str, parent: str) -> None:
    assert score(table("visit", column, "x", "y"), column, table(parent)) < 0.3


def test_a_column_refers_to_the_table_whose_key_is_called_like_it() -> None:
    child = table("flight", "carrier", "tailnum", sql=TEXT)
    assert score(child, "carrier", table("airlines", key="carrier", sql=TEXT)) >= STRONG
    assert score(child, "tailnum", table("airlines", key="carrier", sql=TEXT)) == 0


def test_the_short_word_before_every_column_of_a_table_does_not_count() -> None:
    orders = table("orders", "o_custkey", "o_total", key="o_orderkey")
    customers = table("customer", "c_name", "c_phone", key="c_custkey")
    assert score(orders, "o_custkey", customers) >= STRONG


@pytest.mark.parametrize("column", ["parent_id", "previous_visit_id", "replaced_by", "parent"])
def test_a_role_leads_to_another_row_of_the_same_table(column: str) -> None:
    visits = table("visits", column, "x")
    assert score(visits, column, visits) >= STRONG


def test_a_rows_own_name_leads_nowhere() -> None:
    orders = table("shop_order", "order_id", "x")
    assert score(orders, "order_id", orders) == 0


def test_who_did_it_is_the_only_table_of_users() -> None:
    child, users = table("note", "created_by", "x"), table("users", "first_name", "last_name")
    assert score(child, "created_by", users) >= STRONG
    assert score(child, "created_by", users, others=(table("staff", "first_name"),)) < STRONG


def test_a_key_is_named_for_its_own_table() -> None:
    child = table("shop", "x", "y", key="shop_id")
    assert score(child, "shop_id", table("shops_of_old", key="shop_id")) == 0
    extension = table("profile", "x", "y", key="customer_id")
    assert score(extension, "customer_id", table("customer")) >= STRONG


def test_nouns_are_the_same_in_whatever_number() -> None:
    pairs = [("people", "person"), ("boxes", "box"), ("status", "statuses"), ("days", "day")]
    assert all(same_noun(a, b) for a, b in pairs)
    assert not same_noun("class", "clas")
    assert "company" in noun_forms("companies")


def test_a_name_recurs_only_if_it_leads_to_one_table() -> None:
    def key(child: str, column: str, parent: str) -> ForeignKey:
        return ForeignKey(
            name="k", child=TableName("", child), columns=(column,), parent=TableName("", parent),
            parent_columns=("id",),
        )  # fmt: skip

    keys = [key("a", "boss_id", "x"), key("b", "BOSS_ID", "x"), key("c", "head", "x")]
    assert set(recurring(keys)) == {"boss_id"}
    assert set(recurring([*keys, key("d", "boss_id", "y")])) == set()
