"""Tests of dbsynth.verify: every check finds what breaks it, and is silent where nothing does."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from dbsynth.errors import TargetError
from dbsynth.findings import Findings
from dbsynth.progress import Event
from dbsynth.schema import (
    Check,
    Column,
    Exclusion,
    ForeignKey,
    Index,
    Schema,
    SqlType,
    Table,
    TableName,
    Unique,
)
from dbsynth.verify import verify
from tests.asking import Asked, ask_duckdb, ask_mysql, ask_postgresql, ask_sqlite

INTEGER = SqlType(kind="integer", native="integer", bits=64)
TEXT = SqlType(kind="string", native="varchar(40)", length=40)
DEFAULT_SCHEMA = {"postgresql": "public", "duckdb": "main", "sqlite": "", "mysql": ""}


@pytest.fixture(params=["sqlite", "duckdb", "postgresql", "mysql"])
def asked(request: pytest.FixtureRequest) -> Iterator[Asked]:
    """An empty database of each kind."""
    match request.param:
        case "sqlite":
            found = ask_sqlite()
        case "duckdb":
            found = ask_duckdb()
        case "postgresql":
            found = ask_postgresql(request.getfixturevalue("pg_url"))
        case _:
            found = ask_mysql(request.getfixturevalue("mysql_url"))
    yield found
    found.close()


def named(asked: Asked, name: str) -> TableName:
    return TableName(DEFAULT_SCHEMA[asked.dialect], name)


def fill(asked: Asked, name: str, columns: str, *rows: str) -> TableName:
    """Create a table without any rule, fill it, and return its name."""
    table = named(asked, name)
    asked.execute(f"CREATE TABLE {asked.quote(table)} ({columns})")
    asked.execute(*(f"INSERT INTO {asked.quote(table)} VALUES ({row})" for row in rows))
    return table


def number(name: str, *, is_nullable: bool = True) -> Column:
    return Column(name=name, type=INTEGER, is_nullable=is_nullable)


def schema_of(asked: Asked, *tables: Table) -> Schema:
    return Schema(dialect=asked.dialect, server_version="", tables=tables)


def brief(findings: Findings) -> list[tuple[str, str, tuple[str, ...], int, str]]:
    return [(f.check, f.table.name, f.columns, f.count, f.severity) for f in findings.found]


def pair(asked: Asked, *, match_full: bool = False, is_declared: bool = False) -> Schema:
    """The schema of a child whose two-column key refers to a parent."""
    key = ForeignKey(
        name="child_parent",
        child=named(asked, "child"),
        columns=("Pa", "Pb"),
        parent=named(asked, "parent"),
        parent_columns=("a", "b"),
        match_full=match_full,
        is_declared=is_declared,
    )
    child = Table(name=key.child, columns=(number("Pa"), number("Pb")), foreign_keys=(key,))
    parent = Table(name=key.parent, columns=(number("a"), number("b")))
    return schema_of(asked, child, parent)


def quoted(asked: Asked, name: str) -> str:
    return asked.quote(TableName("", name))


def fill_pair(asked: Asked, *child_rows: str) -> None:
    fill(asked, "parent", "a integer, b integer", "1, 1", "1, 2")
    columns = f"{quoted(asked, 'Pa')} integer, {quoted(asked, 'Pb')} integer"
    fill(asked, "child", columns, *child_rows)


def test_composite_orphans_are_found_also_of_undeclared_keys(asked: Asked) -> None:
    # (2, 1) has no parent although both halves occur; keys that are NULL in part match anything.
    fill_pair(asked, "1, 2", "2, 1", "2, 1", "NULL, 9", "9, NULL", "NULL, NULL")
    assert brief(verify(pair(asked), asked)) == [
        ("foreign key", "child", ("Pa", "Pb"), 2, "error"),
    ]


def test_match_full_forbids_keys_that_are_null_in_part(asked: Asked) -> None:
    fill_pair(asked, "1, 2", "NULL, 9", "NULL, NULL")
    assert brief(verify(pair(asked, match_full=True), asked)) == [
        ("match full", "child", ("Pa", "Pb"), 1, "error"),
    ]


def test_rows_that_refer_to_their_own_table_are_checked(asked: Asked) -> None:
    name = fill(asked, "tree", "id integer, up integer", "1, NULL", "2, 1", "3, 7")
    key = ForeignKey(
        name="up", child=name, columns=("up",), parent=name, parent_columns=("id",),
        is_declared=False,
    )  # fmt: skip
    table = Table(name=name, columns=(number("id"), number("up")), foreign_keys=(key,))
    assert brief(verify(schema_of(asked, table), asked)) == [
        ("foreign key", "tree", ("up",), 1, "error")
    ]


def test_a_key_to_a_table_that_is_not_there_is_an_error(asked: Asked) -> None:
    fill_pair(asked)
    child, _ = pair(asked).tables
    findings = verify(schema_of(asked, child), asked)
    assert brief(findings) == [("foreign key", "child", ("Pa", "Pb"), 0, "error")]


def test_duplicate_primary_keys_are_counted(asked: Asked) -> None:
    name = fill(asked, "t", "a integer, b integer", "1, 1", "1, 2", "1, 2", "1, 2")
    table = Table(name=name, columns=(number("a"), number("b")), primary_key=("a", "b"))
    assert brief(verify(schema_of(asked, table), asked)) == [
        ("primary key", "t", ("a", "b"), 2, "error")
    ]


@pytest.mark.parametrize(("nulls_not_distinct", "expected"), [(False, []), (True, [1])])
def test_uniques_treat_nulls_as_declared(
    asked: Asked, nulls_not_distinct: bool, expected: list[int]
) -> None:
    name = fill(asked, "t", "a integer, b integer", "1, NULL", "1, NULL", "2, NULL")
    unique = Unique(name="u", columns=("a", "b"), nulls_not_distinct=nulls_not_distinct)
    table = Table(name=name, columns=(number("a"), number("b")), uniques=(unique,))
    assert [f.count for f in verify(schema_of(asked, table), asked).found] == expected


def test_partial_uniques_cover_only_the_rows_of_their_predicate(asked: Asked) -> None:
    name = fill(asked, "t", "a integer, live integer", "1, 0", "1, 0", "2, 1", "2, 1")
    unique = Unique(name="u", columns=("a",), predicate="live = 1", is_constraint=False)
    table = Table(name=name, columns=(number("a"), number("live")), uniques=(unique,))
    assert brief(verify(schema_of(asked, table), asked)) == [("unique", "t", ("a",), 1, "error")]


def test_missing_values_are_found_in_quoted_names_and_reserved_words(asked: Asked) -> None:
    mark = quoted(asked, "select")
    name = fill(asked, 'Order "x"', f"{mark} integer", "1", "NULL", "NULL")
    table = Table(name=name, columns=(number("select", is_nullable=False),))
    assert brief(verify(schema_of(asked, table), asked)) == [
        ("not null", 'Order "x"', ("select",), 2, "error")
    ]


def test_rows_that_break_a_check_are_counted_and_unknown_passes(asked: Asked) -> None:
    name = fill(asked, "t", "a integer", "1", "-1", "-2", "NULL")
    checks = (
        Check(name="positive", expression="a > 0 -- as it was written", columns=("a",)),
        Check(name="of_the_table", expression="t.a < 1", columns=("a",)),
    )
    table = Table(name=name, columns=(number("a"),), checks=checks)
    assert brief(verify(schema_of(asked, table), asked)) == [
        ("check", "t", ("a",), 2, "error"),
        ("check", "t", ("a",), 1, "error"),
    ]


def test_a_check_that_the_target_cannot_evaluate_is_a_warning_beside_the_others(
    asked: Asked,
) -> None:
    name = fill(asked, "t", "a integer", "1", "NULL", "-1")
    checks = (
        Check(name="foreign_words", expression="no_such_function(a) = 1", columns=("a",)),
        Check(name="positive", expression="a > 0", columns=("a",)),
    )
    table = Table(name=name, columns=(number("a", is_nullable=False),), checks=checks)
    findings = verify(schema_of(asked, table), asked)
    assert (brief(findings), findings.made["check"]) == (
        [
            ("not null", "t", ("a",), 1, "error"),
            ("check", "t", ("a",), 1, "error"),
            ("check", "t", ("a",), 0, "warning"),
        ],
        1,
    )


def test_labels_outside_an_enumeration_are_found(asked: Asked) -> None:
    name = fill(asked, "t", "a varchar(20)", "'new'", "'it''s'", "'other'", "NULL")
    kind = SqlType(kind="enum", native="mood", labels=("new", "it's"))
    table = Table(name=name, columns=(Column(name="a", type=kind),))
    assert brief(verify(schema_of(asked, table), asked)) == [("enum", "t", ("a",), 1, "error")]


@pytest.mark.parametrize("asked", ["sqlite", "duckdb"], indirect=True)
def test_texts_that_are_too_long_are_found_where_the_database_lets_them_in(asked: Asked) -> None:
    name = fill(asked, "t", "a varchar(3)", "'äöü'", "'äöüß'", "NULL")
    kind = SqlType(kind="string", native="varchar(3)", length=3)
    table = Table(name=name, columns=(Column(name="a", type=kind),))
    assert brief(verify(schema_of(asked, table), asked)) == [("length", "t", ("a",), 1, "error")]


@pytest.mark.parametrize("asked", ["sqlite"], indirect=True)
def test_texts_in_a_column_of_numbers_are_found_where_the_database_lets_them_in(
    asked: Asked,
) -> None:
    name = fill(asked, "t", "a integer", "1", "'one'", "NULL")
    table = Table(name=name, columns=(number("a"),))
    assert brief(verify(schema_of(asked, table), asked)) == [("type", "t", ("a",), 1, "error")]


def test_row_counts_are_compared_with_what_was_written(asked: Asked) -> None:
    name = fill(asked, "t", "a integer", "1", "2")
    schema = schema_of(asked, Table(name=name, columns=(number("a"),)))
    assert (
        brief(verify(schema, asked, expected_rows={name: 3})),
        brief(verify(schema, asked, expected_rows={name: 2})),
    ) == ([("row count", "t", (), 2, "error")], [])


def test_a_table_that_was_expected_and_is_not_in_the_schema_is_an_error(asked: Asked) -> None:
    lost = named(asked, "lost")
    findings = verify(schema_of(asked), asked, expected_rows={lost: 3})
    assert brief(findings) == [("row count", "lost", (), 0, "error")]


def test_a_table_that_is_not_there_stops_the_verification(asked: Asked) -> None:
    gone = Table(name=named(asked, "gone"), columns=(number("a"),))
    with pytest.raises(TargetError):
        verify(schema_of(asked, gone), asked)


def declare_pair(asked: Asked, tail: str) -> None:
    """Create the tables of `pair`, the child with more behind its columns."""
    fill(asked, "parent", "a integer, b integer, PRIMARY KEY (b, a)", "1, 1", "1, 2")
    columns = f"{quoted(asked, 'Pa')} integer, {quoted(asked, 'Pb')} integer"
    fill(asked, "child", columns + tail, "1, 2")


def test_a_declared_key_that_is_missing_is_an_error(asked: Asked) -> None:
    declare_pair(asked, "")
    assert brief(verify(pair(asked, is_declared=True), asked)) == [
        ("declared key", "child", ("Pa", "Pb"), 0, "error")
    ]


def test_a_declared_key_is_recognised_by_its_columns(asked: Asked) -> None:
    mine = f"{quoted(asked, 'Pb')}, {quoted(asked, 'Pa')}"
    declare_pair(asked, f", FOREIGN KEY ({mine}) REFERENCES parent (b, a)")
    assert brief(verify(pair(asked, is_declared=True), asked)) == []


def test_a_declared_key_to_other_columns_does_not_count(asked: Asked) -> None:
    mine = f"{quoted(asked, 'Pa')}, {quoted(asked, 'Pb')}"
    asked.execute("CREATE TABLE parent (a integer, b integer, PRIMARY KEY (b, a), UNIQUE (a, b))")
    asked.execute("INSERT INTO parent VALUES (1, 2), (2, 1)")
    columns = f"{quoted(asked, 'Pa')} integer, {quoted(asked, 'Pb')} integer"
    fill(asked, "child", f"{columns}, FOREIGN KEY ({mine}) REFERENCES parent (b, a)", "1, 2")
    assert brief(verify(pair(asked, is_declared=True), asked)) == [
        ("declared key", "child", ("Pa", "Pb"), 0, "error")
    ]


@pytest.mark.parametrize("asked", ["sqlite"], indirect=True)
def test_a_declared_key_may_leave_out_the_parents_columns(asked: Asked) -> None:
    asked.execute(
        "CREATE TABLE parent (a integer, b integer, PRIMARY KEY (a, b))",
        'CREATE TABLE child ("Pa" integer, "Pb" integer, '
        'FOREIGN KEY ("Pa", "Pb") REFERENCES parent)',
    )
    child, parent = pair(asked, is_declared=True).tables
    parent = Table(name=parent.name, columns=parent.columns, primary_key=("a", "b"))
    assert brief(verify(schema_of(asked, child, parent), asked)) == []


@pytest.mark.parametrize("asked", ["postgresql"], indirect=True)
def test_a_declared_key_that_was_not_validated_is_a_warning(asked: Asked) -> None:
    declare_pair(asked, "")
    asked.execute(
        'ALTER TABLE child ADD FOREIGN KEY ("Pb", "Pa") REFERENCES parent (b, a) NOT VALID'
    )
    assert brief(verify(pair(asked, is_declared=True), asked)) == [
        ("declared key", "child", ("Pa", "Pb"), 0, "warning")
    ]


def counted(asked: Asked, default: str | None = None) -> Schema:
    """The schema of a table whose column a counter fills."""
    identity = None if default else "by default"
    column = Column(name="Id", type=INTEGER, identity=identity, default=default)
    return schema_of(asked, Table(name=named(asked, "t"), columns=(column,)))


@pytest.mark.parametrize("asked", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("sequence", "expected"),
    [
        ("setval(s, 10)", []),
        ("setval(s, 9)", ["error"]),
        ("setval(s, 10, false)", ["error"]),
        ("setval(s, 11, false)", []),
    ],
)
def test_postgresql_sequences_must_be_past_the_rows(
    asked: Asked, sequence: str, expected: list[str]
) -> None:
    asked.execute(
        'CREATE TABLE t ("Id" integer GENERATED BY DEFAULT AS IDENTITY)',
        "INSERT INTO t VALUES (10)",
        f"SELECT {sequence.replace('s,', '''pg_get_serial_sequence('t', 'Id'),''')}",
    )
    assert [f.severity for f in verify(counted(asked), asked).found] == expected


@pytest.mark.parametrize("asked", ["postgresql"], indirect=True)
def test_postgresql_sequences_that_count_down_must_be_below_the_rows(asked: Asked) -> None:
    asked.execute(
        'CREATE TABLE t ("Id" integer GENERATED BY DEFAULT AS IDENTITY (INCREMENT -1))',
        "INSERT INTO t VALUES (-5), (10)",
    )
    assert brief(verify(counted(asked), asked)) == [("counter", "t", ("Id",), 0, "error")]


@pytest.mark.parametrize("asked", ["postgresql"], indirect=True)
def test_postgresql_sequences_are_followed_through_defaults(asked: Asked) -> None:
    asked.execute(
        'CREATE SEQUENCE "My s"',
        'CREATE TABLE t ("Id" integer DEFAULT nextval(\'"My s"\'))',
        "INSERT INTO t VALUES (1)",
    )
    schema = counted(asked, "nextval('\"My s\"'::regclass)")
    late = brief(verify(schema, asked))
    asked.execute("SELECT nextval('\"My s\"')")
    assert (late, brief(verify(schema, asked))) == ([("counter", "t", ("Id",), 0, "error")], [])


@pytest.mark.parametrize("asked", ["postgresql", "mysql", "duckdb"], indirect=True)
def test_a_counter_that_is_not_there_is_an_error(asked: Asked) -> None:
    fill(asked, "t", f"{quoted(asked, 'Id')} integer", "1")
    assert brief(verify(counted(asked), asked)) == [("counter", "t", ("Id",), 0, "error")]


@pytest.mark.parametrize("asked", ["mysql"], indirect=True)
def test_auto_increment_that_follows_the_rows_is_sound(asked: Asked) -> None:
    asked.execute(
        "CREATE TABLE t (`Id` tinyint PRIMARY KEY AUTO_INCREMENT)", "INSERT INTO t VALUES (127)"
    )
    assert brief(verify(counted(asked), asked)) == []


@pytest.mark.parametrize("asked", ["duckdb"], indirect=True)
def test_duckdb_sequences_must_be_past_the_rows(asked: Asked) -> None:
    asked.execute(
        'CREATE SEQUENCE "My s" START 5',
        """CREATE TABLE t ("Id" integer DEFAULT nextval('"main"."My s"'))""",
        "INSERT INTO t VALUES (4)",
    )
    schema = counted(asked)  # the target's own catalog names the sequence
    sound = brief(verify(schema, asked))
    asked.execute("INSERT INTO t VALUES (5)")
    late = brief(verify(schema, asked))
    assert (sound, late) == ([], [("counter", "t", ("Id",), 0, "error")])


def test_a_sound_database_has_no_findings_and_says_what_was_checked(asked: Asked) -> None:
    name = fill(asked, "t", "a integer, b varchar(40)", "1, 'x'", "2, 'y'", "3, NULL")
    table = Table(
        name=name,
        columns=(number("a", is_nullable=False), Column(name="b", type=TEXT)),
        primary_key=("a",),
        uniques=(Unique(name="u", columns=("b",)),),
        checks=(Check(name="c", expression="a > 0", columns=("a",)),),
    )
    events: list[Event] = []
    findings = verify(
        schema_of(asked, table), asked, expected_rows={name: 3}, progress=events.append
    )
    always = {"check": 1, "not null": 1, "primary key": 1, "row count": 1, "unique": 1}
    extra = {"sqlite": {"length": 1, "type": 1}, "duckdb": {"length": 1}}
    assert (findings.found, findings.made, events[-1]) == (
        (),
        dict(sorted((always | extra.get(asked.dialect, {})).items())),
        Event("verify", "", 1, 1),
    )


def test_empty_tables_are_sound(asked: Asked) -> None:
    fill_pair(asked)
    assert verify(pair(asked), asked).found == ()


def test_rows_may_break_what_was_never_validated(asked: Asked) -> None:
    parent = fill(asked, "parent", "id integer", "1")
    child = fill(asked, "child", "id integer, parent_id integer", "1, 1", "-2, 9")
    key = ForeignKey(
        name="loose", child=child, columns=("parent_id",), parent=parent, parent_columns=("id",),
        is_declared=False, is_valid=False,
    )  # fmt: skip
    tables = (
        Table(name=parent, columns=(number("id"),)),
        Table(
            name=child,
            columns=(number("id"), number("parent_id")),
            checks=(Check(name="positive", expression="id > 0", is_valid=False),),
            foreign_keys=(key,),
        ),
    )
    findings = verify(schema_of(asked, *tables), asked)
    assert [
        ("check", "child", (), 1, "warning"),
        ("foreign key", "child", ("parent_id",), 1, "warning"),
    ] == brief(findings)


def test_repeated_values_of_an_expression_are_found(asked: Asked) -> None:
    name = fill(asked, "t", "a varchar(9)", "'Ab'", "'aB'", "NULL", "NULL", "'c'")
    index = Index(name="u", columns=(), is_unique=True, expressions=("lower(a)",))
    table = Table(name=name, columns=(Column(name="a", type=TEXT),), indexes=(index,))
    assert [("unique", "t", ("u",), 1, "error")] == brief(verify(schema_of(asked, table), asked))
    beyond = dataclasses.replace(index, expressions=("nobody_knows(a)",))
    unknown = dataclasses.replace(table, indexes=(beyond,))
    assert [("unique", "t", ("u",), 0, "warning")] == brief(
        verify(schema_of(asked, unknown), asked)
    )


def test_pairs_that_exclude_one_another_are_found(pg_url: str) -> None:
    asked = ask_postgresql(pg_url)
    rows = ("1, '[1,5)'", "1, '[4,9)'", "2, '[1,5)'", "1, '[9,10)'", "1, NULL")
    name = fill(asked, "t", "a integer, b int4range", *rows)
    other = SqlType(kind="other", native="int4range")
    rule = Exclusion(name="apart", elements=(("a", "="), ("b", "&&")))
    table = Table(
        name=name, columns=(number("a"), Column(name="b", type=other)), exclusions=(rule,)
    )
    found = brief(verify(schema_of(asked, table), asked))
    asked.close()
    assert [("exclusion", "t", ("apart",), 1, "error")] == found
