"""SQLite keeps the contract, and survives what only SQLite allows."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from dbsynth import run as pipeline
from dbsynth.adapters import open_source, open_target
from dbsynth.errors import ConnectError, LockedError, TargetNotEmptyError
from dbsynth.urls import Location, resolve
from tests.adapters.suite import CycleContract, read, tuples


def run(path: Path, statements: Sequence[str]) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


class TestSQLite(CycleContract):
    dialect = "sqlite"
    is_scripted = True
    counted = (
        "CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, note VARCHAR(20))",
    )
    cycle = (
        "CREATE TABLE team (id INTEGER NOT NULL PRIMARY KEY, lead_id INTEGER,"
        " FOREIGN KEY (lead_id) REFERENCES person (id))",
        CycleContract.cycle[1],
        *CycleContract.cycle[3:],
    )

    @pytest.fixture
    def here(self, sqlite_path: Path) -> Location:
        run(sqlite_path, ["VACUUM"])
        return resolve(str(sqlite_path))

    @pytest.fixture
    def there(self, tmp_path: Path) -> Location:
        return resolve(str(tmp_path / "target.sqlite"))

    def load(self, location: Location, statements: Sequence[str]) -> None:
        run(location.path, statements)

    def alias(self, location: Location) -> Location:
        link = location.path.with_name("link.sqlite")
        link.symlink_to(location.path)
        return resolve(f"sqlite:///{link}")

    def test_values_decide_what_a_declaration_means(self, here: Location) -> None:
        self.load(
            here,
            [
                "CREATE TABLE loose (day DATE, moment DATETIME, zoned TIMESTAMP, epoch DATETIME,"
                " price DECIMAL(10,2), flag BOOLEAN, odd INTEGER, bare, mixed, noise NUMERIC(8,2))",
                "INSERT INTO loose VALUES ('2024-02-30', '2024-01-02T03:04:05',"
                " '2024-01-02 03:04Z',"
                " 1700000000, 1.005, 7, 'twelve', 5, x'01', 0.1 + 0.2)",
                "INSERT INTO loose (bare, mixed) VALUES (6, 'text')",
            ],
        )
        with self.open_source(here) as source:
            (table,) = source.introspect().tables
            rows = tuples(read(source, table))
        expected = {
            "day": "string", "moment": "timestamp", "zoned": "timestamptz", "epoch": "integer",
            "price": "float", "flag": "integer", "odd": "string", "bare": "integer",
            "mixed": "other", "noise": "decimal",
        }  # fmt: skip
        assert expected == {c.name: c.type.kind for c in table.columns}
        assert ("2024-02-30", 7, "twelve", "X'01'") == (
            rows[0][0],
            rows[0][5],
            rows[0][6],
            rows[0][8],
        )
        assert Decimal("0.30") == rows[0][9]

    def test_text_that_is_not_utf8_is_still_text(self, here: Location) -> None:
        self.load(here, ["CREATE TABLE t (a TEXT)", "INSERT INTO t VALUES (CAST(x'41ff' AS TEXT))"])
        assert [("A\ufffd",)] == self.rows(here, "t")

    def test_what_only_sqlite_says_survives_a_copy(self, here: Location, there: Location) -> None:
        self.load(
            here,
            [
                "CREATE TABLE p (a TEXT PRIMARY KEY COLLATE NOCASE) WITHOUT ROWID",
                "CREATE TABLE c (id INTEGER PRIMARY KEY, a TEXT DEFAULT (lower('X')) CONSTRAINT"
                " \"my check\" CHECK (a <> ')' /* not ) here */), b INT DEFAULT 5,"
                " FOREIGN KEY (A) REFERENCES P ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED)",
                "CREATE UNIQUE INDEX few ON c (b) WHERE b > 3",
                "CREATE INDEX low ON c (lower(a))",
                "CREATE INDEX down ON c (b DESC)",
                "CREATE VIEW v AS SELECT * FROM c",
                "CREATE TRIGGER tr AFTER INSERT ON c BEGIN UPDATE c SET b = 9; END",
                "CREATE TABLE s (x INT) STRICT",
                "INSERT INTO p VALUES ('K')",
            ],
        )
        adoption = self.copy(here, there)
        before, after = self.introspect(here), self.introspect(there)
        (key,) = before.table(self.name("c")).foreign_keys
        assert () == adoption.losses
        assert before == after
        assert (("a",), ("a",), "SET NULL") == (key.columns, key.parent_columns, key.on_delete)
        assert key.is_initially_deferred
        assert "my check" == before.table(self.name("c")).checks[0].name

    def test_a_virtual_table_is_told_as_lost(self, here: Location, there: Location) -> None:
        self.load(here, ["CREATE VIRTUAL TABLE doc USING fts5(body)", "CREATE TABLE t (a INT)"])
        adoption = self.copy(here, there)
        assert ["virtual table doc"] == [loss.object for loss in adoption.losses]
        assert ["t"] == [t.name.name for t in self.introspect(there).tables]

    def test_a_missing_file_is_no_source(self, tmp_path: Path) -> None:
        with pytest.raises(ConnectError), open_source(resolve(str(tmp_path / "no.db"))):
            pass
        assert [] == list(tmp_path.iterdir())

    def test_another_kind_of_file_is_no_source(self, sqlite_path: Path) -> None:
        sqlite_path.write_text("this is not a database " * 100)
        with pytest.raises(ConnectError), open_source(resolve(str(sqlite_path))):
            pass

    def test_a_missing_directory_is_no_target(self, tmp_path: Path) -> None:
        nowhere = resolve(str(tmp_path / "no" / "x.db"))
        with open_target(nowhere) as target, pytest.raises(ConnectError, match="no such dir"):
            target.check()

    def test_two_runs_do_not_load_one_file(self, there: Location) -> None:
        with open_target(there) as first:
            first.check()
            with open_target(there) as second, pytest.raises(LockedError):
                second.check()
        with open_target(there) as third:
            third.check()

    def test_nothing_is_left_beside_the_file(self, here: Location, there: Location) -> None:
        stale = there.path.with_name(f".{there.path.name}.dbsynth-dead")
        stale.write_text("of a run that was killed")
        self.load(here, self.tree)
        self.copy(here, there)
        assert {here.path.name, there.path.name} == {p.name for p in there.path.parent.iterdir()}

    def test_the_old_log_is_not_replayed_into_the_new_file(
        self, here: Location, there: Location
    ) -> None:
        self.load(here, self.tree)
        with closing(sqlite3.connect(there.path)) as old:
            old.execute("PRAGMA journal_mode = WAL")
            old.execute("CREATE TABLE old (a)")
            copied = {
                path: path.read_bytes()
                for path in (there.path, there.path.with_name(there.path.name + "-wal"))
            }
        for path, content in copied.items():  # as if the program that wrote it had died
            path.write_bytes(content)
        self.copy(here, there)
        assert ["node"] == [t.name.name for t in self.introspect(there).tables]
        assert [("ok",)] == self.ask(there, "PRAGMA integrity_check")

    def test_a_target_with_tables_is_refused_without_replace(self, here: Location) -> None:
        self.load(here, self.tree)
        with open_target(here) as target, pytest.raises(TargetNotEmptyError):
            target.begin(replace=False)


def test_texts_that_become_numbers_do_not_repeat_as_numbers(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection, connection:
        connection.execute(
            "CREATE TABLE places (owner TEXT NOT NULL, code INTEGER_OR_TEXT NOT NULL,"
            " height REAL, PRIMARY KEY (owner, code)) WITHOUT ROWID"
        )
        rows = [("A", i, i * 0.5) for i in range(1, 1500)] + [("B", f"X{i}", 1.0) for i in range(9)]
        connection.executemany("INSERT INTO places VALUES (?, ?, ?)", rows)
    options = pipeline.Options(engine="marginal")
    done = pipeline.clone(str(tmp_path / "a.db"), str(tmp_path / "b.db"), options)
    assert [t.target_rows for t in done.tables] == [1508]


def test_keys_have_one_type_though_only_parents_hold_texts(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection, connection:
        connection.executescript("""
            CREATE TABLE places (owner TEXT NOT NULL, code INTEGER_OR_TEXT NOT NULL,
                PRIMARY KEY (owner, code));
            CREATE TABLE visits (id INTEGER PRIMARY KEY, owner TEXT, code INTEGER_OR_TEXT,
                FOREIGN KEY (owner, code) REFERENCES places (owner, code));
        """)
        rows = [("A", i) for i in range(1, 600)] + [("B", f"X{i}") for i in range(300)]
        connection.executemany("INSERT INTO places VALUES (?, ?)", rows)
        visits = [(i, "A", i % 400 + 1) for i in range(900)]
        connection.executemany("INSERT INTO visits VALUES (?, ?, ?)", visits)
    options = pipeline.Options(engine="marginal")
    done = pipeline.clone(str(tmp_path / "a.db"), str(tmp_path / "b.db"), options)
    assert [t.target_rows for t in done.tables] == [899, 900]
