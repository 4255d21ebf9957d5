"""MariaDB and MySQL as source and as target: the contract, and what only they have."""

from __future__ import annotations

import datetime as dt
import json
import re
import uuid
from collections.abc import Iterator, Sequence
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dbsynth.adapters import open_source, open_target
from dbsynth.adapters.base import BATCH_ROWS
from dbsynth.adapters.mysql_connection import connect, database_of, fetch
from dbsynth.adapters.mysql_load import Loader
from dbsynth.adapters.mysql_types import parse_type
from dbsynth.arrow import arrow_schema
from dbsynth.errors import (
    ConnectError,
    DbsynthError,
    LockedError,
    PermissionDeniedError,
    TargetError,
    UsageError,
)
from dbsynth.schema import Column, ForeignKey, Index, Schema, SqlType, Table, TableName, Unique
from dbsynth.urls import Location
from tests.adapters import suite
from tests.adapters.suite import CycleContract, EnumContract

pymysql = pytest.importorskip("pymysql")


def connection(location: Location) -> pymysql.connections.Connection:
    """Connect with the bare driver."""
    parts = urlsplit(location.url)
    return pymysql.connect(
        host=parts.hostname,
        port=parts.port or 3306,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=parts.path.strip("/"),
        autocommit=True,
    )


def run(location: Location, statements: Sequence[str], mode: str = "") -> list[tuple[object, ...]]:
    """Run statements and fetch the last one's rows."""
    with connection(location) as session, session.cursor() as cursor:
        cursor.execute(f"SET SESSION sql_mode = '{mode}', time_zone = '+00:00'")
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall())


class TestContract(CycleContract, EnumContract):
    """The contract of all adapters."""

    dialect = "mysql"
    timestamp = "DATETIME(6)"
    counted = (
        "CREATE TABLE counted (id INTEGER NOT NULL AUTO_INCREMENT PRIMARY KEY, note VARCHAR(20))",
    )
    enum = (
        "CREATE TABLE ticket (id INTEGER NOT NULL PRIMARY KEY, state ENUM('new', 'it''s', 'ä'))",
    )

    def load(self, location: Location, statements: Sequence[str]) -> None:
        """Run statements; names are quoted as in standard SQL."""
        run(location, statements, "ANSI_QUOTES,STRICT_ALL_TABLES")

    def alias(self, location: Location) -> Location:
        """Reach the server by its other name."""
        return Location("mysql", location.url.replace("127.0.0.1", "localhost"))


contract = TestContract()
copy, introspect, rows = contract.copy, contract.introspect, contract.rows


def names(location: Location, pattern: str = "%") -> list[str]:
    """List the server's databases."""
    found = run(location, [f"SHOW DATABASES LIKE '{pattern}'"])
    return [str(name) for (name,) in found]


def shadows(location: Location) -> list[str]:
    """List the databases that loads of this one have made."""
    database = database_of(location)
    return [name for name in names(location) if name.startswith(f"{database}__dbsynth_")]


BUMP = "CREATE TRIGGER bump BEFORE INSERT ON t FOR EACH ROW SET NEW.id = NEW.id + 1"
ALL_TYPES = """
CREATE TABLE t (
    id BIGINT UNSIGNED NOT NULL PRIMARY KEY, flag TINYINT(1) DEFAULT 1, tiny TINYINT UNSIGNED,
    medium MEDIUMINT, bits BIT(12), one BIT(1), wide DECIMAL(65,30), real4 FLOAT, real8 DOUBLE,
    name VARCHAR(30) COLLATE utf8mb4_bin DEFAULT 'it''s', fixed CHAR(5), body LONGTEXT,
    options SET('a','b'), state ENUM('x','y''z','ä'), doc JSON, born YEAR, moment DATETIME(6),
    instant TIMESTAMP(3) NULL, hour TIME(3), raw BINARY(3), data VARBINARY(20), big LONGBLOB,
    place POINT, twice BIGINT AS (medium * 2) VIRTUAL, loud VARCHAR(40) AS (UPPER(name)) STORED
)"""
ALL_VALUES = (
    "INSERT INTO t (id, flag, tiny, medium, bits, one, wide, real4, real8, name, fixed, body,"
    " options, state, doc, born, moment, instant, hour, raw, data, big, place) VALUES"
    " (18446744073709551615, 1, 255, -8388608, b'100000000001', b'1',"
    "  12345678901234567890123456789012345.000000000000000000000000000001, 16777217.1, 0.1,"
    "  '', 'ab', 'x\\\\y\\n\\t\\0\\'\"ä𝄞', 'a,b', 'y''z', '{\"a\": [1]}', 1901,"
    "  '9999-12-31 23:59:59.999999', '2037-01-01 00:00:00.123', '23:59:59.999', X'00FF0A',"
    "  X'5C09', X'', ST_GeomFromText('POINT(1 2)')),"
    " (0" + ", NULL" * 22 + ")"
)


def test_every_type_makes_the_round_trip(here: Location, there: Location) -> None:
    run(here, [ALL_TYPES, ALL_VALUES])
    copy(here, there)
    assert introspect(here).tables == introspect(there).tables
    assert rows(here, "t") == rows(there, "t")
    (nulls, full) = rows(there, "t")
    assert (0, None, None) == nulls[:3]
    assert (18446744073709551615, True, 255, -8388608, 2049, True) == full[:6]
    sums = "SELECT md5(group_concat(id, hex(body), hex(data), bits + 0, real4 + 0e0)) FROM t"
    assert run(here, [sums]) == run(there, [sums])


def test_kinds_follow_the_meaning_of_types(here: Location) -> None:
    run(here, [ALL_TYPES])
    kinds = {c.name: c.type.kind for c in introspect(here).tables[0].columns}
    expected = {
        "flag": "boolean", "bits": "integer", "one": "boolean", "options": "other",
        "doc": "json", "state": "enum", "instant": "timestamptz", "moment": "timestamp",
        "born": "integer", "place": "other", "raw": "bytes", "hour": "time",
    }  # fmt: skip
    assert expected == {name: kinds[name] for name in expected}


def test_null_and_the_empty_string_stay_apart(here: Location, there: Location) -> None:
    run(here, ["CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(5), b VARBINARY(5))",
               "INSERT INTO t VALUES (1, '', ''), (2, NULL, NULL), "
               " (3, '\\\\N', 'NULL')"])  # fmt: skip
    copy(here, there)
    assert [(1, "", b""), (2, None, None), (3, "\\N", b"NULL")] == rows(there, "t")


def test_what_no_other_database_holds_is_read_as_null_or_the_nearest(here: Location) -> None:
    run(here, ["CREATE TABLE t (id INT PRIMARY KEY, a DATE, b DATETIME NOT NULL, c TIME,"
               " d TIME NOT NULL, e ENUM('x'), f ENUM('x') NOT NULL)",
               "INSERT INTO t VALUES (1, '0000-00-00', '2020-00-10', '30:00:00', '-30:00:00',"
               " 'q', 'q')"])  # fmt: skip
    ((_, a, b, c, d, e, f),) = rows(here, "t")
    assert (None, dt.datetime(1, 1, 3), None, 0, None, "x") == (a, b, c, d.hour, e, f)  # noqa: DTZ001


def test_keys_survive_the_swap_and_lead_to_the_new_tables(here: Location, there: Location) -> None:
    run(here, [*contract.cycle[:3]])
    run(here, ["SET foreign_key_checks = 0", "INSERT INTO team VALUES (1, 10)",
               "INSERT INTO person VALUES (10, 1)"])  # fmt: skip
    for _ in range(2):  # the second time it replaces itself, with the same names of keys
        with open_source(here) as source, open_target(there) as target:
            schema = target.adopt(source.introspect()).schema
            target.begin(replace=True)
            target.create(schema)
            for table in schema.tables:
                target.write(table, suite.read(source, table).to_batches())
            target.finish(schema)
            target.commit()
    owners = run(there, ["SELECT DISTINCT referenced_table_schema FROM information_schema."
                         "key_column_usage WHERE table_schema = DATABASE()"
                         " AND referenced_table_name IS NOT NULL"])  # fmt: skip
    assert [(database_of(there),)] == owners
    assert [] == shadows(there)
    with pytest.raises(pymysql.err.IntegrityError):
        run(there, ["INSERT INTO person VALUES (11, 99)"])


def test_the_old_content_is_there_until_commit(here: Location, there: Location) -> None:
    run(here, ["CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)"])
    run(there, ["CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (2)",
                BUMP])  # fmt: skip
    with open_source(here) as source, open_target(there) as target:
        schema = target.adopt(source.introspect()).schema
        target.begin(replace=True)
        target.create(schema)
        target.write(schema.tables[0], suite.read(source, schema.tables[0]).to_batches())
        target.finish(schema)
        assert [(2,)] == run(there, ["SELECT id FROM t"])
        target.commit()
        assert [(1,)] == run(there, ["SELECT id FROM t"])
    assert [] == run(there, ["SHOW TRIGGERS"])
    assert [] == shadows(there)


def test_views_and_triggers_come_along(here: Location, there: Location) -> None:
    run(here, ["CREATE TABLE t (id INT PRIMARY KEY, n INT, at DATETIME NOT NULL DEFAULT"
               " CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP)",
               "CREATE VIEW a AS SELECT id FROM t WHERE n > 1", "CREATE VIEW b AS SELECT * FROM a",
               "RENAME TABLE b TO a0",  # a view that needs one that is listed later
               "CREATE FUNCTION more(n INT) RETURNS INT DETERMINISTIC RETURN n + 1",
               "CREATE VIEW a1 AS SELECT more(id) AS id FROM t",
               "CREATE TRIGGER bump BEFORE INSERT ON t FOR EACH ROW SET NEW.n = NEW.n + 1",
               "INSERT INTO t (id, n) VALUES (1, 1)"])  # fmt: skip
    for _ in range(2):
        copy(here, there)
    assert introspect(here).objects == introspect(there).objects
    assert [(1,)] == run(there, ["SELECT id FROM a0"])
    run(there, ["INSERT INTO t (id, n) VALUES (2, 5)"])
    assert [(2, 6)] == run(there, ["SELECT id, n FROM t WHERE id = 2"])


def test_special_indexes_and_tables_come_along(here: Location, there: Location) -> None:
    run(here, ["CREATE TABLE t (id INT NOT NULL, n INT NOT NULL AUTO_INCREMENT, a TEXT, b TEXT,"
               " PRIMARY KEY (id, n), KEY (n), KEY k (a(10), id DESC), UNIQUE KEY u (b(20)),"
               " FULLTEXT KEY f (a), CHECK (a <> 'it''s `q`')) COMMENT 'it''s'",
               "CREATE TABLE p (id INT PRIMARY KEY, d INT COMMENT 'day') ENGINE=InnoDB"
               " COLLATE utf8mb4_bin PARTITION BY HASH (id) PARTITIONS 3",
               "CREATE TABLE m (a INT, b VARCHAR(9)) ENGINE=MyISAM",
               "INSERT INTO t VALUES (1, 0, 'x', 'y'), (1, 7, NULL, NULL)"])  # fmt: skip
    copy(here, there)
    assert introspect(here).tables == introspect(there).tables
    assert rows(here, "t") == rows(there, "t")
    assert [(8,)] == run(there, ["INSERT INTO t (id) VALUES (2)", "SELECT n FROM t WHERE id = 2"])


def test_sequences_come_along_past_the_rows(here: Location, there: Location) -> None:
    if not is_mariadb(here):
        pytest.skip("MySQL has no sequences")
    run(here, ["CREATE SEQUENCE s", "CREATE TABLE t (id INT PRIMARY KEY DEFAULT NEXTVAL(s), n INT)",
               "INSERT INTO t VALUES (41, 1)"])  # fmt: skip
    for _ in range(2):
        copy(here, there)
    run(there, ["INSERT INTO t (n) VALUES (2)"])
    assert [(41, 1), (42, 2)] == rows(there, "t")


def is_mariadb(location: Location) -> bool:
    """Whether the server is MariaDB."""
    return "mariadb" in str(run(location, ["SELECT VERSION()"])).lower()


def test_only_one_run_writes_to_a_target(there: Location) -> None:
    with open_target(there) as first, open_target(there) as second:
        first.check()
        with pytest.raises(LockedError):
            second.check()
    with open_target(there) as third:
        third.check()


def test_what_a_killed_run_left_is_removed(here: Location, there: Location) -> None:
    run(here, ["CREATE TABLE t (id INT PRIMARY KEY)"])
    killed = open_target(there)
    killed.__enter__()
    killed.begin(replace=False)
    killed.create(killed.adopt(introspect(here)).schema)
    assert 1 == len(shadows(there))
    killed._open._force_close()
    with open_target(there) as target:
        target.check()
    assert [] == shadows(there)


def test_a_swap_that_was_killed_halfway_is_undone(here: Location, there: Location) -> None:
    run(here, ["CREATE TABLE u (id INT PRIMARY KEY)"])
    run(there, ["CREATE TABLE t (id INT PRIMARY KEY)", BUMP])
    with pytest.raises(TargetError), open_target(there) as target:
        schema = target.adopt(introspect(here)).schema
        target.begin(replace=True)
        target.create(schema)
        target.finish(schema)
        # In the way of the load's own table: RENAME TABLE fails after the trigger is gone.
        name = target.quote(schema.tables[0].name).split(".")[0].strip("`")
        run(there, [f"CREATE VIEW `{name}`.v AS SELECT 1 AS a", "CREATE VIEW u AS SELECT 2 AS a"])
        target.commit()
    assert ["bump"] == [row[0] for row in run(there, ["SHOW TRIGGERS"])]
    assert ["t", "u"] == [row[0] for row in run(there, ["SHOW TABLES"])]
    assert [] == shadows(there)


def test_a_swap_that_was_killed_after_the_renaming_is_finished(there: Location) -> None:
    shadow = f"{database_of(there)}__dbsynth_0123abcd"
    run(there, ["CREATE TABLE t (id INT PRIMARY KEY)", f"CREATE DATABASE {shadow}",
                f"CREATE DATABASE {shadow}_old",
                f"CREATE TABLE {shadow}_old._dbsynth_journal (n INT, phase TEXT, statement TEXT)",
                f"INSERT INTO {shadow}_old._dbsynth_journal VALUES (2, 'redo', '{BUMP}'),"
                " (1, 'redo', 'DROP TRIGGER IF EXISTS bump'),"
                " (3, 'undo', 'DROP TABLE t')"])  # fmt: skip
    with open_target(there) as target:
        target.check()
    assert ["bump"] == [row[0] for row in run(there, ["SHOW TRIGGERS"])]
    assert [] == shadows(there)


@pytest.fixture
def limited(there: Location) -> Iterator[Location]:
    """The database as a user sees it who may do anything in it, and nothing elsewhere."""
    user = f"u{uuid.uuid4().hex[:12]}"
    run(there, [f"CREATE USER '{user}'@'%' IDENTIFIED BY 'geheim'",
                f"CREATE USER '{user}'@'localhost' IDENTIFIED BY 'geheim'"])  # fmt: skip
    for host in ("%", "localhost"):
        run(there, [f"GRANT ALL ON `{database_of(there)}`.* TO '{user}'@'{host}'"])
    parts = urlsplit(there.url)
    address = f"{user}:geheim@{parts.hostname}:{parts.port}"
    yield Location("mysql", f"mysql://{address}{parts.path}")
    run(there, [f"DROP USER '{user}'@'%', '{user}'@'localhost'"])


def test_an_empty_target_is_loaded_without_the_right_to_create_databases(
    here: Location, there: Location, limited: Location
) -> None:
    run(here, [*contract.composite, "CREATE VIEW v AS SELECT id FROM child"], "ANSI_QUOTES")
    contract.copy(here, limited, commit=False)
    assert [] == run(there, ["SHOW TABLES"])
    contract.copy(here, limited)
    assert rows(here, "child") == rows(there, "child")
    assert [(3,)] == run(there, ["SELECT COUNT(*) FROM v"])
    with pytest.raises(PermissionDeniedError, match="may not create"):
        contract.copy(here, limited)
    assert rows(here, "child") == rows(there, "child")


def test_unreadable_tables_are_named(there: Location, limited: Location) -> None:
    run(there, ["CREATE TABLE a (id INT, secret INT)", "CREATE TABLE b (id INT)"])
    user = urlsplit(limited.url).username
    database = database_of(there)
    for host in ("%", "localhost"):
        run(there, [f"REVOKE ALL ON `{database}`.* FROM '{user}'@'{host}'",
                    f"GRANT SELECT (id) ON `{database}`.a TO '{user}'@'{host}'",
                    f"GRANT SELECT ON `{database}`.b TO '{user}'@'{host}'"])  # fmt: skip
    with pytest.raises(PermissionDeniedError) as caught:
        introspect(limited).require_readable()
    assert ("no right to read all of a",) == caught.value.problems


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (("geheim", "falsch"), ConnectError),
        (("dbsynth_test_", "dbsynth_none_"), DbsynthError),
        (("3306", "1"), ConnectError),
    ],
)
def test_a_failed_connection_tells_no_password(
    limited: Location, change: tuple[str, str], error: type[DbsynthError]
) -> None:
    with (
        pytest.raises(error) as caught,
        open_source(Location("mysql", limited.url.replace(*change))),
    ):
        pass
    assert not {"geheim", "falsch"} & set(re.findall(r"\w+", str(caught.value)))
    assert caught.value.exit_code == 5


def test_a_url_must_name_a_database() -> None:
    with pytest.raises(UsageError), open_source(Location("mysql", "mysql://root@127.0.0.1/")):
        pass


def test_a_stream_gives_way_to_other_statements(here: Location) -> None:
    run(here, ["CREATE TABLE t (id INT PRIMARY KEY)",
               "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
               " WHERE i < 900) SELECT i FROM n",
               "INSERT INTO t SELECT a.id * 1000 + b.id FROM t a, t b"
               " WHERE a.id < 80"])  # fmt: skip
    with open_source(here) as source:
        (table,) = source.introspect().tables
        stream = source.read(table, ["id"], order_by=["id"])
        first = next(stream)
        count = source.count(table.name)
        again = sum(b.num_rows for b in source.read(table, ["id"]))
        rest = sum(b.num_rows for b in stream)
    assert (BATCH_ROWS, count, count) == (first.num_rows, first.num_rows + rest, again)


def test_a_snapshot_does_not_see_later_rows(here: Location) -> None:
    run(here, ["CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)"])
    with open_source(here) as source:
        run(here, ["INSERT INTO t VALUES (2)"])
        assert 1 == source.count(source.introspect().tables[0].name)


texts = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    ["\\N", "\\", "\t", "\n", "\r\n", "'", '"', "\0", "NULL", " ", "\\0", "a\\", "\x1a", "%s"]
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.none() | texts, st.none() | st.binary(max_size=9)), max_size=8))
def test_any_text_and_bytes_load_either_way(
    mysql_url: str, values: list[tuple[str | None, bytes | None]]
) -> None:
    table = Table(
        name=TableName("", "t"),
        columns=(
            Column(name="id", type=parse_type("int(11)")),
            Column(name="a", type=parse_type("longtext")),
            Column(name="b", type=parse_type("longblob")),
        ),
    )
    batch = pa.RecordBatch.from_pydict(
        {"id": range(len(values)), "a": [v[0] for v in values], "b": [v[1] for v in values]},
        schema=arrow_schema(table),
    )
    session = connect(Location("mysql", mysql_url))
    for from_file in (True, False):
        fetch(
            session,
            "CREATE TEMPORARY TABLE t (id int, a longtext, b longblob) CHARSET utf8mb4",
        )
        loader = Loader(session, table.name, table.columns, "t", max_packet=1 << 20)
        assert len(values) == loader.load([batch], from_file=from_file)
        assert values == fetch(session, "SELECT a, b FROM t ORDER BY id")
        fetch(session, "DROP TEMPORARY TABLE t")
    session.close()


def test_texts_in_keys_and_types_of_others_fit(there: Location) -> None:
    text = SqlType(kind="string", native="text")
    parent, child = TableName("public", "Parent"), TableName("public", "child")
    schema = Schema(
        dialect="postgresql",
        server_version="15",
        tables=(
            Table(
                name=parent,
                columns=tuple(
                    Column(name=n, type=text, is_nullable=False) for n in ("a", "b", "c", "d")
                ),
                primary_key=("a", "b", "c", "d"),
                uniques=(Unique(name="u", columns=("a",), predicate="b = 'x'"),),
                indexes=(Index(name="i", columns=("a", "b")),),
            ),
            Table(
                name=child,
                columns=(
                    Column(name="n", type=SqlType(kind="integer", native="int", bits=32)),
                    Column(name="id", type=SqlType(kind="integer", native="bigint", bits=64),
                           is_nullable=False, identity="always"),
                    Column(name="more", type=SqlType(kind="integer", native="int", bits=32),
                           is_nullable=False, identity="by default"),
                    Column(name="body", type=text),
                    Column(name="span", type=SqlType(kind="other", native="interval")),
                ),
                uniques=(Unique(name="u", columns=("id",)),),
                indexes=(Index(name="i", columns=("body",)),),
                foreign_keys=(
                    ForeignKey(name="k", child=child, columns=("n",), parent=child,
                               parent_columns=("id",), is_deferrable=True),
                ),
            ),
        ),
    )  # fmt: skip
    with open_target(there) as target:
        adoption = target.adopt(schema)
        target.begin(replace=False)
        target.create(adoption.schema)
        for value in ("A", "a"):  # equal in the usual collations
            batch = pa.RecordBatch.from_pydict({n: [value] for n in "abcd"})
            target.write(adoption.schema.table(adoption.names[parent]), [batch])
        target.finish(adoption.schema)
        target.commit()
    lost = " ".join(loss.object for loss in adoption.losses)
    for what in ("Parent.a", "unique public.Parent.u", "foreign key public.child.k", "child.span",
                 "child.more"):  # fmt: skip
        assert what in lost
    created = contract.normalised(introspect(there))
    assert contract.normalised(adoption.schema).tables == created.tables


def test_an_unknown_collation_of_the_other_product_is_replaced(
    here: Location, there: Location
) -> None:
    run(here, ["CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(9) COLLATE utf8mb4_bin)"
               " COLLATE utf8mb4_unicode_520_ci"])  # fmt: skip
    text = json.dumps(introspect(here).to_json())
    schema = Schema.from_json(json.loads(text.replace("utf8mb4_unicode_520_ci", "utf8mb4_x_ci")))
    with open_target(there) as target:
        adoption = target.adopt(schema)
        target.begin(replace=False)
        target.create(adoption.schema)
        target.finish(adoption.schema)
        target.commit()
    assert ["collation of t"] == [loss.object for loss in adoption.losses]
    assert "COLLATE=utf8mb4_unicode_ci" in (introspect(there).tables[0].options or "")
