"""Schemas that cross from one dialect to another: names, types, expressions, and what is lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dbsynth.adapters import ddl
from dbsynth.adapters.ddl import DialectRules
from dbsynth.adapters.names import Namer, adopt_table_names
from dbsynth.adapters.translate import adopt_schema
from dbsynth.expressions import UntranslatableError, mentioned, translate
from dbsynth.schema import (
    Check,
    Column,
    ForeignKey,
    Index,
    NativeObject,
    Schema,
    Sequence,
    SqlType,
    Table,
    TableName,
    Unique,
)

PLAIN = DialectRules(
    dialect="sqlite",
    folds_case=True,
    wraps_defaults=True,
    comments="none",
    actions=frozenset({"NO ACTION", "CASCADE"}),
    identity={"serial": ""},
)
NUMBER = SqlType(kind="integer", native="integer", bits=32)
COLUMNS = {name: name for name in ("a", "b", "status", "first", "last")}


def keep_type(table: Table, column: Column) -> tuple[SqlType, str | None]:
    """Take every type as it is."""
    return column.type, None


def schema_of(*tables: Table) -> Schema:
    """Make a PostgreSQL schema."""
    return Schema(dialect="postgresql", server_version="15", tables=tables)


@pytest.mark.parametrize(
    ("printed", "target", "expected"),
    [
        ("(a > (0)::numeric)", "mysql", "(`a` > 0)"),
        ("(a > '-1'::integer)", "sqlite", '("a" > -1)'),
        (
            "((status)::text = ANY ((ARRAY['x'::character varying, 'y'::character varying])"
            "::text[]))",
            "duckdb",
            "(\"status\" IN ('x', 'y'))",
        ),
        ("((first || ' '::text) || last)", "sqlite", '(("first" || \' \') || "last")'),
        ("'{}'::jsonb", "duckdb", "'{}'"),
        ("'new'::public.order_status", "sqlite", "'new'"),
        ("now()", "sqlite", "CURRENT_TIMESTAMP"),
        ("((a IS NULL) OR (b >= a))", "mysql", "((`a` IS NULL) OR (`b` >= `a`))"),
    ],
)
def test_an_expression_is_translated(printed: str, target: str, expected: str) -> None:
    assert expected == translate(printed, "postgresql", target, COLUMNS)


@pytest.mark.parametrize(
    "printed",
    [
        "nextval('s'::regclass)",
        "my_own(a) > 1",
        "missing > 1",
        "a > '2024-01-01 00:00:00+00'::timestamptz",
        "a >",
        "((a / b))::numeric > 1",
    ],
)
def test_what_has_no_certain_counterpart_is_not_guessed(printed: str) -> None:
    with pytest.raises(UntranslatableError):
        translate(printed, "postgresql", "sqlite", COLUMNS)


def test_an_expression_follows_renamed_columns() -> None:
    renamed = {"Old Name": "new"}
    assert '"new" > 1' == translate('"Old Name" > 1', "postgresql", "sqlite", renamed)
    assert ("Old Name",) == mentioned('"Old Name" > 1', "postgresql", renamed)


def test_a_long_name_is_cut_and_stays_unique() -> None:
    namer = Namer(replace(PLAIN, max_identifier=12, length_in_bytes=True))
    names = [namer.take("ä" * 20), namer.take("ä" * 19), namer.take("short"), namer.take("SHORT")]
    assert 4 == len({name.casefold() for name in names})
    assert all(len(name.encode()) <= 12 for name in names)
    assert "short" == names[2]


def test_schemas_become_prefixes_only_where_names_collide() -> None:
    sources = [TableName("a", "Item"), TableName("b", "item"), TableName("b", "only")]
    names, losses = adopt_table_names(sources, "postgresql", PLAIN)
    assert ["a__Item", "b__item", "only"] == [names[s].name for s in sources]
    assert ["table a.Item", "table b.item"] == [loss.object for loss in losses]


def test_default_schemas_correspond() -> None:
    rules = replace(PLAIN, dialect="duckdb", default_schema="main")
    sources = [TableName("public", "t"), TableName("sales", "t")]
    names, losses = adopt_table_names(sources, "postgresql", rules)
    assert [TableName("main", "t"), TableName("sales", "t")] == [names[s] for s in sources]
    assert [] == losses


def test_the_same_dialect_changes_nothing() -> None:
    table = Table(name=TableName("", "t"), columns=(Column(name="a", type=NUMBER),))
    unmakable = NativeObject(kind="rule", name="r")
    schema = Schema(dialect="sqlite", server_version="3", tables=(table,), objects=(unmakable,))
    adoption = adopt_schema(schema, PLAIN, keep_type)
    assert schema == adoption.schema
    assert ["rule r"] == [loss.object for loss in adoption.losses]


def test_nothing_is_lost_in_silence() -> None:
    name = TableName("public", "t")
    table = Table(
        name=name,
        columns=(
            Column(name="id", type=NUMBER, is_nullable=False, identity="always", comment="c"),
            Column(name="a", type=NUMBER, default="strange(1)", collation="pg_catalog.C"),
            Column(name="g", type=NUMBER, generated="strange(a)", is_nullable=False),
        ),
        primary_key=("id",),
        uniques=(Unique(name="u", columns=("a",), nulls_not_distinct=True),),
        checks=(Check(name="k", expression="strange(a)", columns=("a",)),),
        foreign_keys=(
            ForeignKey(
                name="f",
                child=name,
                columns=("a",),
                parent=name,
                parent_columns=("id",),
                on_delete="SET NULL",
                is_deferrable=True,
                match_full=True,
            ),
        ),
        indexes=(
            Index(name="i", columns=(), definition="CREATE INDEX i ON t USING btree (lower(a))"),
            Index(name="w", columns=("a",), definition="CREATE INDEX w ON t (a) WHERE (a > 1)"),
            Index(name="x", columns=("a",), definition="CREATE INDEX x ON t USING gin (a)"),
        ),
        options="WITH (fillfactor=10)",
        comment="c",
    )
    schema = replace(
        schema_of(table),
        objects=(NativeObject(kind="view", name="v", statement="CREATE VIEW v"),),
        sequences=(Sequence(name=TableName("public", "s")),),
    )
    adoption = adopt_schema(schema, PLAIN, keep_type)
    expected = {
        "comment of column public.t.id", "collation of column public.t.a",
        "default of column public.t.a",
        "identity of column public.t.id", "generated column public.t.g", "unique public.t.u",
        "check public.t.k",
        "foreign key public.t.f", "index public.t.i", "index public.t.w", "index public.t.x",
        "options of public.t", "comment of public.t", "view v", "sequence public.s",
    }  # fmt: skip
    assert expected == {loss.object for loss in adoption.losses}
    (adopted,) = adoption.schema.tables
    assert (True, None) == (adopted.column("g").is_nullable, adopted.column("g").generated)
    assert "serial" == adopted.column("id").identity
    assert ["w"] == [index.name for index in adopted.indexes]


def test_what_the_target_refuses_is_lost() -> None:
    table = Table(
        name=TableName("public", "t"),
        columns=(Column(name="a", type=NUMBER, default="1"), Column(name="b", type=NUMBER)),
        checks=(Check(name="k", expression="b > 0", columns=("b",)),),
    )
    tried: list[str] = []

    def refuse(statement: str) -> bool:
        tried.append(statement)
        return False

    adoption = adopt_schema(schema_of(table), PLAIN, keep_type, refuse)
    (adopted,) = adoption.schema.tables
    assert (None, ()) == (adopted.column("a").default, adopted.checks)
    assert 2 == len(tried) == len(adoption.losses)
    assert all(statement.startswith("CREATE TEMPORARY TABLE") for statement in tried)


def test_names_and_texts_are_quoted() -> None:
    table = Table(
        name=TableName("s", 'a"b'),
        columns=(Column(name="x y", type=NUMBER, default="1 + 1", comment="it's"),),
        uniques=(Unique(name="u", columns=("x y",)),),
    )
    rules = replace(PLAIN, inline=frozenset({"unique"}), comments="statement")
    expected = (
        'CREATE TABLE "s"."a""b" (\n    "x y" integer DEFAULT (1 + 1),\n'
        '    CONSTRAINT "u" UNIQUE ("x y")\n)'
    )
    assert expected == ddl.create_table(table, rules)
    assert ['COMMENT ON COLUMN "s"."a""b"."x y" IS \'it\'\'s\''] == ddl.comments(table, rules)
