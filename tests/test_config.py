"""The project file: what it may say, how mistakes are told, where it is found."""

from pathlib import Path

import pytest

from dbsynth.config import Config, find, load, parse
from dbsynth.errors import PlanFileError
from dbsynth.schema import Column, ForeignKey, Schema, SqlType, Table, TableName

TEXT = SqlType(kind="string", native="text")


def _table(name: str, *columns: str, keys: tuple[ForeignKey, ...] = ()) -> Table:
    return Table(
        name=TableName("public", name),
        columns=tuple(Column(name=c, type=TEXT) for c in columns),
        foreign_keys=keys,
    )


@pytest.fixture
def schema() -> Schema:
    users, posts = TableName("public", "users"), TableName("public", "posts")
    key = ForeignKey(
        name="fk_user", child=posts, columns=("user",), parent=users, parent_columns=("id",)
    )
    return Schema(
        dialect="postgresql",
        server_version="15",
        tables=(_table("posts", "id", "user", keys=(key,)), _table("users", "id", "mail")),
    )


def test_an_empty_file_says_nothing():
    assert Config() == parse("")


def test_every_part_is_read():
    config = parse("""
        connections: {prod: "env:PROD"}
        seed: 7
        engine: marginal
        quality: max
        tables: {"post*": {mode: empty}, users: {rows: 5, owner: "", engine: argn}}
        columns: {users.mail: {treatment: personal, semantic: email}}
    """)
    assert {"prod": "env:PROD"} == config.connections
    assert (7, "marginal", "max") == (config.seed, config.engine, config.quality)
    assert ["post*", "users"] == [rule.pattern for rule in config.tables]
    assert ("personal", "email") == (config.columns[0].treatment, config.columns[0].semantic)


def test_yaml_1_2_keeps_the_country_code_no_a_string():
    assert {"NO": "env:NORWAY"} == parse("connections: {NO: 'env:NORWAY'}").connections


def test_a_later_rule_wins_key_by_key():
    config = parse("tables: {'*': {mode: empty, engine: argn}, public.users: {mode: generate}}")
    rule = config.rule(TableName("public", "users"))
    assert ("generate", "argn") == (rule.mode, rule.engine)


def test_column_rules_become_treatments_of_the_columns_they_match(schema: Schema):
    config = parse("columns: {'*.mail': {treatment: personal, semantic: email}}")
    overrides = config.overrides(schema)
    assert [(TableName("public", "users"), "mail")] == list(overrides)
    assert "email" == overrides[TableName("public", "users"), "mail"].semantic


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("sed: 1", "dbsynth.yaml:1: unknown key 'sed'; did you mean seed?"),
        ("seed: -1", "seed must be a whole number"),
        ("seed: true", "seed must be a whole number"),
        ("quality: fats", "quality 'fats' is unknown; did you mean fast?"),
        ("tables: {a: {mode: copied}}", "mode 'copied' is unknown; did you mean copy?"),
        ("tables: {a: {rows: many}}", "rows must be a whole number"),
        ("tables: {a: {rows: 1, scale: 2}}", "give rows or scale, not both"),
        ("tables: {a: 3}", "tables.a must be a mapping"),
        ("tables: [a]", "tables must be a mapping"),
        ("columns: {mail: {treatment: text}}", "write table.column"),
        ("columns: {a.b: {semantic: email}}", "says no treatment"),
        ("columns: {a.b: {treatment: personal}}", "say its semantic"),
        ("columns: {a.b: {treatment: persnal}}", "did you mean personal?"),
        ("connections: {a: 5}", "a must be a URL"),
        ("- a", "the file must be a mapping"),
    ],
)
def test_a_mistake_is_named(text: str, problem: str):
    with pytest.raises(PlanFileError) as caught:
        parse(text)
    assert any(problem in p for p in caught.value.problems), caught.value.problems


def test_all_mistakes_are_told_at_once_with_their_lines():
    with pytest.raises(PlanFileError) as caught:
        parse("seed: x\nquality: y\ntables:\n  a: {mode: z}\n")
    assert ["1", "2", "4"] == [p.split(":")[1] for p in caught.value.problems]


def test_what_is_not_yaml_is_told_with_its_line():
    with pytest.raises(PlanFileError, match=r"dbsynth.yaml:3: not YAML"):
        parse("tables:\n  a: [\n")


def test_a_secret_in_the_wrong_place_is_not_repeated():
    with pytest.raises(PlanFileError) as caught:
        parse("connections: {a: {password: hunter2}}")
    assert "hunter2" not in str(caught.value) + "".join(caught.value.problems)


def test_the_connections_are_not_part_of_the_printed_config():
    assert "hunter2" not in repr(parse("connections: {a: 'pg://u:hunter2@h/d'}"))


def test_patterns_that_match_nothing_are_told_with_the_nearest_name(schema: Schema):
    config = parse("""
        tables: {usrs: {mode: copy}, posts: {owner: fk_users}}
        columns: {users.mial: {treatment: text}}
    """)
    with pytest.raises(PlanFileError) as caught:
        config.check(schema)
    told = "\n".join(caught.value.problems)
    assert "did you mean users?" in told
    assert "did you mean fk_user?" in told
    assert "did you mean users.mail?" in told


def test_a_config_that_fits_its_schema_passes(schema: Schema):
    parse("tables: {'p*': {owner: fk_user}, public.users: {owner: ''}}").check(schema)


def test_the_nearest_file_above_is_found_up_to_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("DBSYNTH_CONFIG", raising=False)
    (tmp_path / "dbsynth.yaml").write_text("seed: 1")
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert tmp_path / "dbsynth.yaml" == find(inner)
    (tmp_path / "a" / ".git").mkdir()
    assert find(inner) is None


def test_the_environment_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "other.yaml"
    path.write_text("seed: 9")
    monkeypatch.setenv("DBSYNTH_CONFIG", str(path))
    assert 9 == load().seed


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path):
    with pytest.raises(PlanFileError, match="cannot read"):
        load(tmp_path / "none.yaml")
