"""DuckDB keeps the contract, and copes with the foreign keys that it cannot declare."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from dbsynth import run
from dbsynth.adapters import open_source, open_target
from dbsynth.errors import ConnectError, LockedError
from dbsynth.urls import Location, resolve
from tests.adapters.suite import EnumContract

CYCLE = (  # SQLite lets a table refer to one that is still to come
    "CREATE TABLE team (id INTEGER NOT NULL PRIMARY KEY, lead_id INTEGER REFERENCES person (id))",
    "CREATE TABLE person (id INTEGER NOT NULL PRIMARY KEY,"
    " team_id INTEGER NOT NULL REFERENCES team (id))",
    "INSERT INTO team VALUES (1, 10), (2, 20)",
    "INSERT INTO person VALUES (10, 1), (20, 2)",
)


class TestDuckDB(EnumContract):
    dialect = "duckdb"
    is_scripted = True
    schema = "main"
    bytes_literal = r"'\x00\xFF'"
    generated = "VIRTUAL"
    counted = (
        "CREATE SEQUENCE numbers",
        "CREATE TABLE counted (id INTEGER PRIMARY KEY DEFAULT nextval('numbers'),"
        " note VARCHAR(20))",
    )
    enum = (
        "CREATE TYPE progress AS ENUM ('new', 'it''s', 'ä')",
        "CREATE TABLE ticket (id INTEGER PRIMARY KEY, state progress)",
    )

    @pytest.fixture
    def here(self, duckdb_path: Path) -> Location:
        duckdb.connect(str(duckdb_path)).close()
        return resolve(str(duckdb_path))

    @pytest.fixture
    def there(self, tmp_path: Path) -> Location:
        return resolve(str(tmp_path / "target.duckdb"))

    def load(self, location: Location, statements: Sequence[str]) -> None:
        with duckdb.connect(str(location.path)) as connection:
            for statement in statements:
                connection.execute(statement)

    def alias(self, location: Location) -> Location:
        link = location.path.with_name("link.duckdb")
        link.symlink_to(location.path)
        return resolve(f"duckdb:///{link}")

    def test_types_that_nobody_else_has_travel_as_text(
        self, here: Location, there: Location
    ) -> None:
        self.load(
            here,
            [
                "CREATE TABLE odd (id INTEGER PRIMARY KEY, l INTEGER[],"
                " s STRUCT(a INTEGER, b TEXT),"
                " m MAP(VARCHAR, INTEGER), h HUGEINT, i INTERVAL, u UUID, j JSON,"
                " b BIT)",
                "INSERT INTO odd VALUES (1, [1, NULL], {'a': 1, 'b': 'it''s'}, MAP {'k': 2},"
                " 170141183460469231731687303715884105727, INTERVAL '1 month 3 days',"
                " '6ba7b810-9dad-11d1-80b4-00c04fd430c8', '{\"a\": [1]}', '101')",
            ],
        )
        self.copy(here, there)
        assert self.introspect(here).tables == self.introspect(there).tables
        assert self.rows(here, "odd") == self.rows(there, "odd")
        assert "[1,null]" == self.rows(there, "odd")[0][1]

    def test_several_schemas_sequences_views_and_macros_survive(
        self, here: Location, there: Location
    ) -> None:
        self.load(
            here,
            [
                'CREATE SCHEMA "My schema"',
                "CREATE SEQUENCE shared INCREMENT BY 2",
                "CREATE MACRO twice(x) AS 2 * x",
                "CREATE TABLE \"My schema\".a (id INTEGER PRIMARY KEY DEFAULT nextval('shared'))",
                "CREATE TABLE a (id INTEGER PRIMARY KEY DEFAULT nextval('shared'), b VARCHAR)",
                "CREATE UNIQUE INDEX low ON a (lower(b))",
                "CREATE VIEW v AS SELECT twice(id) AS two FROM a",
                "COMMENT ON COLUMN a.b IS 'it''s'",
                "INSERT INTO a VALUES (7, 'x')",
            ],
        )
        adoption = self.copy(here, there)
        before, after = self.introspect(here), self.introspect(there)
        assert () == adoption.losses
        assert before.tables == after.tables
        assert before.objects == after.objects
        self.load(there, ["INSERT INTO a (b) VALUES ('y')"])
        assert [(14,), (16,)] == sorted(self.ask(there, "SELECT two FROM v"))

    def test_a_deep_tree_in_any_order_is_loaded(self, here: Location, there: Location) -> None:
        self.load(here, self.tree[:1])
        for level in range(20, 0, -1):
            parent = "NULL" if level == 20 else level + 1
            self.load(here, [f"INSERT INTO node VALUES ({level}, {parent}, 'x')"])
        self.copy(here, there)
        assert self.rows(here, "node") == self.rows(there, "node")

    def test_a_circle_of_keys_is_cut_where_it_may_be_null(
        self, sqlite_path: Path, there: Location
    ) -> None:
        source = resolve(str(sqlite_path))
        with closing(sqlite3.connect(sqlite_path)) as connection:
            for statement in (*CYCLE, *self.tree):
                connection.execute(statement)
            connection.commit()
        adoption = self.copy(source, there)
        keys = adoption.schema.foreign_keys
        declared = {(k.child.name, k.parent.name): k.is_declared for k in keys}
        expected = {("team", "person"): False, ("person", "team"): True, ("node", "node"): True}
        assert expected == declared
        lost = [loss.object for loss in adoption.losses if loss.object.startswith("foreign key")]
        assert 1 == len(lost)
        assert [(1, 10), (2, 20)] == self.rows(there, "team")
        again = self.introspect(there).foreign_keys
        assert declared == {(k.child.name, k.parent.name): k.is_declared for k in again}

    def test_a_row_that_leads_to_itself_leaves_its_key_undeclared_and_recorded(
        self, sqlite_path: Path, there: Location
    ) -> None:
        with closing(sqlite3.connect(sqlite_path)) as connection:
            connection.execute(self.tree[0])
            connection.execute("INSERT INTO node VALUES (1, 1, 'root'), (2, 1, 'leaf')")
            connection.commit()
        self.copy(resolve(str(sqlite_path)), there)
        (key,) = self.introspect(there).foreign_keys
        assert not key.is_declared
        assert key.is_self
        assert () == run.verify(str(there)).errors
        self.load(there, ["UPDATE node SET parent_id = 9 WHERE id = 2"])
        (broken,) = run.verify(str(there)).errors
        assert ("foreign key", ("parent_id",)) == (broken.check, broken.columns)

    def test_keys_get_one_type_on_both_sides(self, sqlite_path: Path, there: Location) -> None:
        with closing(sqlite3.connect(sqlite_path)) as connection:
            connection.execute("CREATE TABLE p (id INTEGER PRIMARY KEY)")
            connection.execute("CREATE TABLE c (p SMALLINT REFERENCES p (id))")
        adoption = self.copy(resolve(str(sqlite_path)), there)
        (key,) = self.introspect(there).table(self.name("c")).foreign_keys
        assert "BIGINT" == adoption.schema.table(key.child).column("p").type.native

    def test_a_file_that_is_written_to_is_no_source(self, here: Location) -> None:
        hold = (
            f"import duckdb; c = duckdb.connect({str(here.path)!r}); print(1, flush=True); input()"
        )
        with subprocess.Popen(
            [sys.executable, "-c", f"{hold}; input()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as writer:
            writer.stdout.readline()
            with pytest.raises(ConnectError), open_source(here):
                pass
            writer.communicate(b"\n")

    def test_a_missing_file_is_no_source(self, tmp_path: Path) -> None:
        with pytest.raises(ConnectError), open_source(resolve(str(tmp_path / "no.duckdb"))):
            pass
        assert [] == list(tmp_path.iterdir())

    def test_two_runs_do_not_load_one_file(self, there: Location) -> None:
        with open_target(there) as first:
            first.check()
            with open_target(there) as second, pytest.raises(LockedError):
                second.check()

    def test_nothing_is_left_beside_the_file(self, here: Location, there: Location) -> None:
        self.load(here, self.tree)
        self.copy(here, there)
        assert {here.path.name, there.path.name} == {p.name for p in there.path.parent.iterdir()}
