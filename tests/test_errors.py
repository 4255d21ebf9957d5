"""Bad input, tried for real: every mistake has its exit code, its message and its remedy."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conftest import CommandLine

ROOT = Path(__file__).resolve().parents[1]
SECRET = "c4nary-p4ss"
Cli = Callable[..., tuple[int, str]]


@pytest.fixture
def cli(cli: CommandLine) -> Cli:
    """Run the command line here; return exit code and stderr, which must hold no secret."""

    def run(*words: object) -> tuple[int, str]:
        code, out, err = cli(*words)
        assert SECRET not in out + err
        return code, err

    return run


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A SQLite source with one table and a few rows."""
    path = tmp_path / "source.db"
    _execute(path, "CREATE TABLE pets (id integer PRIMARY KEY, kind text NOT NULL)")
    _execute(path, "INSERT INTO pets (kind) VALUES ('cat'), ('dog')")
    return path


def _execute(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def _psql(url: str, *statements: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def _require(told: tuple[int, str], code: int, *words: str) -> None:
    assert code == told[0], told[1]
    lines = told[1].splitlines()
    assert any(line.startswith("error: ") for line in lines)
    assert any(line.startswith("hint: ") for line in lines)
    assert "Traceback" not in told[1]
    for word in words:
        assert word in told[1]


def test_an_unknown_scheme_is_a_usage_error(cli: Cli):
    _require(cli("clone", f"oracle://scott:{SECRET}@h/d", "qa.duckdb"), 2, "'oracle'")


def test_something_that_is_no_database_is_a_usage_error(cli: Cli):
    _require(cli("clone", "notes.txt", "qa.duckdb"), 2, "'notes.txt'")


def test_an_unknown_connection_name_is_a_usage_error(cli: Cli):
    _require(cli("inspect", "@prod"), 2, "@prod is not defined")


def test_a_missing_environment_variable_is_a_usage_error(cli: Cli):
    _require(cli("inspect", "env:NO_SUCH_URL"), 2, "NO_SUCH_URL")


def test_an_unknown_option_is_a_usage_error(cli: Cli):
    _require(cli("clone", "a.db", "b.db", "--sclae", "2"), 2, "--scale")


def test_a_missing_argument_is_a_usage_error(cli: Cli):
    _require(cli("clone", "a.db"), 2, "TARGET")


def test_rows_without_a_number_are_all_named(cli: Cli):
    told = cli("clone", "a.db", "b.db", "--rows", "pets", "--rows", "pets=few")
    _require(told, 2, "--rows pets", "--rows pets=few")


def test_an_unknown_quality_is_a_usage_error(cli: Cli, source: Path):
    _require(cli("plan", source, "--quality", "balancd"), 2, "did you mean balanced?")


def test_an_unknown_engine_is_a_usage_error(cli: Cli, source: Path):
    _require(cli("plan", source, "--engine", "margnal"), 2, "did you mean marginal?")


def test_a_broken_config_is_refused_with_every_line(cli: Cli, source: Path, tmp_path: Path):
    (tmp_path / "dbsynth.yaml").write_text("seed: x\nqualty: max\n")
    _require(cli("plan", source), 2, "dbsynth.yaml:1:", "dbsynth.yaml:2:", "did you mean quality?")


def test_a_config_for_other_tables_is_refused(cli: Cli, source: Path, tmp_path: Path):
    (tmp_path / "dbsynth.yaml").write_text("tables: {pest: {mode: empty}}")
    _require(cli("plan", source), 2, "did you mean pets?")


def test_a_pattern_that_matches_nothing_is_a_usage_error(cli: Cli, source: Path):
    _require(cli("plan", source, "-t", "pest"), 2, "did you mean pets?")


def test_a_source_file_that_is_not_there_is_an_error_and_is_not_made(cli: Cli, tmp_path: Path):
    _require(cli("inspect", "none.db"), 5)
    assert not (tmp_path / "none.db").exists()


def test_a_file_that_is_no_database_is_an_error(cli: Cli, tmp_path: Path):
    (tmp_path / "not.db").write_text("hello, I am no database, however long you look at me" * 40)
    code, told = cli("inspect", "not.db")
    assert code in (1, 5)
    assert "error: " in told


def test_a_database_without_tables_is_a_usage_error(cli: Cli, tmp_path: Path):
    _execute(tmp_path / "empty.db", "CREATE TABLE t (a)", "DROP TABLE t")
    _require(cli("clone", "empty.db", "qa.duckdb"), 2, "no tables")
    assert not (tmp_path / "qa.duckdb").exists()


def test_an_unreachable_host_is_a_connection_error(cli: Cli):
    _require(cli("inspect", f"postgresql://ann:{SECRET}@127.0.0.1:1/shop"), 5, "127.0.0.1")


def test_an_unknown_database_is_a_connection_error(cli: Cli, pg_url: str):
    _require(cli("inspect", f"{pg_url}_not_there"), 5)


def test_a_wrong_password_is_a_connection_error(
    cli: Cli, mysql_url: str, monkeypatch: pytest.MonkeyPatch
):
    parts = urlsplit(mysql_url)
    place = f"{parts.hostname}:{parts.port or 3306}{parts.path}"
    monkeypatch.setenv("SHOP_URL", f"mysql://nobody_of_that_name:{SECRET}@{place}")
    _require(cli("inspect", "env:SHOP_URL"), 5)


def test_a_missing_driver_is_named_with_what_to_install(tmp_path: Path):
    code = (
        "import sys; sys.modules['pymysql'] = None; sys.argv = ['dbsynth', 'inspect', 'mysql://h/d']\n"
        "from dbsynth.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    _require((done.returncode, done.stderr), 2, "pymysql", "dbsynth[mysql]")


def test_one_file_as_source_and_target_is_refused(cli: Cli, source: Path, tmp_path: Path):
    before = source.read_bytes()
    (tmp_path / "alias.db").symlink_to(source)
    _require(cli("clone", source, "alias.db", "--replace"), 3, "same database")
    assert before == source.read_bytes()


def test_one_database_under_two_host_names_is_refused(cli: Cli, pg_url: str):
    _psql(pg_url, "CREATE TABLE pets (id int PRIMARY KEY)")
    other = pg_url.replace("127.0.0.1", "localhost")
    if other == pg_url:
        pytest.skip("the server has one name only")
    _require(cli("clone", pg_url, other, "--replace"), 3, "same database")


def test_a_target_that_holds_tables_is_refused(cli: Cli, source: Path, tmp_path: Path):
    _execute(tmp_path / "target.db", "CREATE TABLE precious (id integer)")
    before = (tmp_path / "target.db").read_bytes()
    _require(cli("clone", source, "target.db"), 3, "precious", "--replace")
    assert before == (tmp_path / "target.db").read_bytes()


def _login(server: str, database: str, *rights: str) -> str:
    """Make a user with nothing but these rights in a database; return its URL."""
    user = f"{urlsplit(database).path[1:]}_user"
    _psql(database, f'CREATE ROLE "{user}" LOGIN', *(r.format(user=user) for r in rights))
    parts = urlsplit(database)
    place = (parts.netloc or "@").rpartition("@")[2]
    query = f"?{parts.query}" if parts.query else ""
    return f"postgresql://{user}@{place}{parts.path}{query}"


def _drop_login(database: str) -> None:
    user = f"{urlsplit(database).path[1:]}_user"
    _psql(database, f'DROP OWNED BY "{user}"', f'DROP ROLE "{user}"')


def test_a_target_without_the_right_to_create_is_told_before_any_work(
    cli: Cli, source: Path, pg_server: str, pg_url: str
):
    _psql(pg_url, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    url = _login(pg_server, pg_url)
    try:
        _require(cli("clone", source, url), 5, "public")
    finally:
        _drop_login(pg_url)


def test_a_table_without_the_right_to_read_is_named(cli: Cli, pg_server: str, pg_url: str):
    _psql(
        pg_url,
        "CREATE TABLE open_table (id int PRIMARY KEY)",
        "CREATE TABLE closed_table (id int PRIMARY KEY)",
    )
    url = _login(pg_server, pg_url, 'GRANT SELECT ON open_table TO "{user}"')
    try:
        _require(cli("plan", url), 5, "closed_table")
    finally:
        _drop_login(pg_url)


def test_a_plan_file_that_is_not_there_is_a_usage_error(cli: Cli, source: Path):
    _require(cli("clone", source, "qa.duckdb", "--plan", "none.yaml"), 2, "none.yaml")


def test_a_plan_that_was_mangled_is_a_usage_error(cli: Cli, source: Path, tmp_path: Path):
    (tmp_path / "plan.yaml").write_text("tables: [")
    _require(cli("clone", source, "qa.duckdb", "--plan", "plan.yaml"), 2)


def test_a_plan_and_a_selection_together_are_refused(cli: Cli, source: Path, tmp_path: Path):
    (tmp_path / "plan.yaml").write_text("")
    told = cli("clone", source, "qa.duckdb", "--plan", "plan.yaml", "-t", "pets")
    _require(told, 2, "--plan", "--tables")


def test_a_plan_for_a_schema_that_has_changed_is_refused(cli: Cli, source: Path, tmp_path: Path):
    assert 0 == cli("plan", source, "-o", "plan.yaml")[0]
    _execute(source, "ALTER TABLE pets ADD COLUMN age integer")
    _require(cli("clone", source, "qa.duckdb", "--plan", "plan.yaml"), 3, "schema")
    assert not (tmp_path / "qa.duckdb").exists()


def test_a_model_file_that_is_none_is_a_usage_error(cli: Cli, tmp_path: Path):
    (tmp_path / "x.dbsynth").write_text("not a model")
    _require(cli("generate", "x.dbsynth", "qa.duckdb"), 2)


def test_a_traceback_is_shown_with_v_only_and_without_secrets(cli: Cli):
    code, told = cli("inspect", f"postgresql://ann:{SECRET}@127.0.0.1:1/shop", "-v")
    assert 5 == code
    assert "Traceback" in told


def test_a_broken_target_leaves_with_4(cli: Cli, tmp_path: Path):
    _execute(
        tmp_path / "broken.db",
        "CREATE TABLE a (id integer PRIMARY KEY)",
        "CREATE TABLE b (id integer PRIMARY KEY, a integer REFERENCES a (id))",
        "INSERT INTO b VALUES (1, 7)",
    )
    _require(cli("verify", "broken.db"), 4, "foreign key")
