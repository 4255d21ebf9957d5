"""What pg_dump prints is cut into statements; where it cannot be asked, the reason is told."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from dbsynth import run
from dbsynth.adapters.postgresql_dump import CHOICE, SETTING, find_program, parse
from dbsynth.adapters.postgresql_script import run_of_table
from dbsynth.errors import NoScriptError
from dbsynth.schema import Statement, TableName
from tests.conftest import NewDatabase
from tests.filler import build

PRINTED = """--
-- PostgreSQL database dump
--

SET client_encoding = 'UTF8';
SET default_tablespace = fast;

--
-- Name: f(integer); Type: FUNCTION; Schema: app; Owner: bob
--

CREATE FUNCTION app.f(a integer) RETURNS integer
    LANGUAGE sql
    AS $$
SET default_tablespace = slow;
ALTER TABLE x OWNER TO y;
$$;


ALTER FUNCTION app.f(a integer) OWNER TO bob;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: Odd; Name; Type: TABLE; Schema: app; Owner: -
--

CREATE TABLE app."Odd; Name" (
    id integer
);


--
-- Name: elsewhere; Type: SERVER; Schema: -; Owner: bob
--

CREATE SERVER elsewhere FOREIGN DATA WRAPPER w OPTIONS (host 'db.example.org');


--
-- Name: TABLE t; Type: ACL; Schema: app; Owner: bob
--

GRANT SELECT ON TABLE app.t TO a;
GRANT INSERT ON TABLE app.t TO b;


--
-- PostgreSQL database dump complete
--

"""


def test_objects_settings_owners_and_grants_are_told_apart() -> None:
    found = list(parse(PRINTED, is_after_rows=True))
    assert [
        ("setting", "SET default_tablespace = fast;", False),
        ("function", "app.f(integer)", False),
        ("owner of", "app.f(integer)", True),
        ("setting", "SET default_tablespace = '';", False),
        ("setting", "SET default_table_access_method = heap;", False),
        ("table", "app.Odd; Name", False),
        ("server", "elsewhere", False),
        ("grant on", "TABLE t", True),
        ("grant on", "TABLE t", True),
    ] == [(s.kind, s.name, s.is_grant) for s in found]
    assert found[1].sql.endswith("ALTER TABLE x OWNER TO y;\n$$;")
    assert "ALTER FUNCTION app.f(a integer) OWNER TO bob;" == found[2].sql
    assert "" == found[6].sql


class Spy:
    """A connection that notes what it is to do."""

    def __init__(self) -> None:
        self.done: list[bytes] = []

    def execute(self, sql: bytes) -> None:
        self.done.append(sql)


def test_the_keys_and_indexes_of_one_table_are_told_from_all_others() -> None:
    def late(kind: str, sql: str) -> Statement:
        return Statement(kind=kind, name="n", sql=sql, is_after_rows=True)

    own = [
        late("constraint", 'ALTER TABLE ONLY app."Odd; ""t"""\n    ADD CONSTRAINT k UNIQUE (a);'),
        late("constraint", 'ALTER TABLE "app"."Odd; ""t""" ADD CONSTRAINT "k 2" UNIQUE ("b")'),
        late("index", 'CREATE UNIQUE INDEX "i (x)" ON app."Odd; ""t""" USING btree (lower(a));'),
    ]
    others = [
        late("fk constraint", 'ALTER TABLE ONLY app."Odd; ""t"""\n    ADD CONSTRAINT f FOREIGN …'),
        late("constraint", "ALTER TABLE ONLY app.t\n    ADD CONSTRAINT k3 PRIMARY KEY (a);"),
        late("index", "CREATE INDEX i ON ONLY app.parts USING btree (a);"),
    ]
    spy, name = Spy(), TableName("app", 'Odd; "t"')
    assert own == run_of_table(spy, [*others, *own], name)  # type: ignore[arg-type]
    assert [s.sql.encode() for s in own] == spy.done
    setting = late(SETTING, "SET default_tablespace = fast;")
    assert [] == run_of_table(spy, [setting, *own], name)  # type: ignore[arg-type]


def test_an_older_program_is_not_taken() -> None:
    with pytest.raises(NoScriptError, match="the server is 99"):
        find_program(990000)


@pytest.mark.parametrize("choice", ["", "/nonexistent/pg_dump"])
def test_a_plan_says_why_the_schema_is_our_own(
    choice: str, pg_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    build("pg_inheritance", pg_url)
    monkeypatch.setenv(CHOICE, choice)
    notes = run.plan(pg_url, run.Options(engine="marginal")).notes
    assert any("own DDL" in note and CHOICE in note for note in notes)


def test_only_selected_tables_come_along_and_views_of_others_are_losses(
    new_pg_url: NewDatabase, tmp_path: Path
) -> None:
    source, target = build("pg_not_carried", new_pg_url()), new_pg_url()
    with psycopg.connect(source) as connection:
        connection.execute(
            "CREATE VIEW of_both AS SELECT c.id FROM child c JOIN plain p USING (id)"
        )
    done = run.clone(source, target, run.Options(engine="marginal", tables=("plain",)))
    assert {"view public.of_both"} <= {loss.object for loss in done.losses}
    with psycopg.connect(target) as connection:
        query = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        found = {row[0] for row in connection.execute(query)}
    assert {"plain", "stays"} <= found
    assert "child" not in found
