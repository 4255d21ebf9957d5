"""Values and defaults that only MariaDB and MySQL have, and statements that are taken apart."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from dbsynth.adapters import open_source, open_target
from dbsynth.adapters.mysql_connection import connect, fetch
from dbsynth.adapters.mysql_load import Loader
from dbsynth.adapters.mysql_script import without_data
from dbsynth.adapters.mysql_text import (
    asleep,
    leads_to,
    readable,
    respelled,
    take_apart,
    unqualified,
    without_definer,
)
from dbsynth.adapters.mysql_types import parse_type
from dbsynth.schema import Column, TableName
from dbsynth.urls import Location
from tests.adapters.test_mysql import copy, introspect, run


def test_zero_dates_come_back_where_null_cannot_stand_for_them(
    here: Location, there: Location
) -> None:
    run(here, ["CREATE TABLE t (id INT PRIMARY KEY, a DATE NOT NULL DEFAULT '0000-00-00',"
               " b DATETIME(3) NOT NULL, c TIMESTAMP NOT NULL DEFAULT 0, d DATE)",
               "INSERT INTO t VALUES (1, '2021-00-00', '0000-00-00 00:00:00', 0, '0000-00-00')",
               ])  # fmt: skip
    copy(here, there)
    found = run(there, ["SELECT CONCAT_WS(' ', a, b, c, d IS NULL) FROM t"])
    assert [("0000-00-00 0000-00-00 00:00:00.000 0000-00-00 00:00:00 1",)] == found


def test_spans_of_time_are_seconds_where_there_are_some(here: Location, there: Location) -> None:
    run(here, ["CREATE TABLE t (id INT PRIMARY KEY, a TIME(3), b TIME, c TIME NOT NULL)",
               "INSERT INTO t SELECT seq, SEC_TO_TIME(-60.5 * seq), SEC_TO_TIME(3600 * seq),"
               " '12:30:00' FROM seq_1_to_30"])  # fmt: skip
    kinds = [c.type.kind for c in introspect(here).tables[0].columns]
    assert ["integer", "decimal", "time", "time"] == kinds
    copy(here, there)
    assert run(here, ["SELECT id, a, c FROM t"]) == run(there, ["SELECT id, a, c FROM t"])
    # Seven rows beyond a day are too few to make spans of the others.
    assert [(7,)] == run(there, ["SELECT COUNT(*) - COUNT(b) FROM t"])


def test_what_a_timestamp_cannot_hold_becomes_the_nearest(there: Location) -> None:
    session = connect(there)
    fetch(session, "CREATE TABLE t (a TIMESTAMP NULL)")
    column = Column(name="a", type=parse_type("timestamp"))
    moments = pa.array([-1, 0, 4_000_000_000], pa.timestamp("s")).cast(pa.timestamp("us", "UTC"))
    batch = pa.RecordBatch.from_arrays([moments], ["a"])
    for from_file in (True, False):
        loader = Loader(session, TableName("", "t"), [column], "t", max_packet=1 << 20)
        loader.load([batch], from_file=from_file)
    found = {row[0] for row in fetch(session, "SELECT a FROM t")}
    session.close()
    assert {"1970-01-01 00:00:01", "2038-01-19 03:14:07"} == found


def test_shapes_keep_their_reference_system(here: Location, there: Location) -> None:
    run(here, ["CREATE TABLE t (id INT PRIMARY KEY, p POINT NOT NULL, l LINESTRING)",
               "INSERT INTO t VALUES (1, ST_GeomFromText('POINT(1 2)', 4326), NULL),"
               " (2, ST_GeomFromText('POINT(1 2)'), ST_GeomFromText('LINESTRING(0 0,1 1)', 31467))",
               ])  # fmt: skip
    copy(here, there)
    asked = "SELECT id, ST_SRID(p), ST_AsText(p), ST_SRID(l), ST_AsText(l) FROM t ORDER BY id"
    assert run(here, [asked]) == run(there, [asked])


def test_binary_defaults_come_along(here: Location, there: Location) -> None:
    run(here, ["CREATE TABLE t (id INT PRIMARY KEY, a BINARY(3) DEFAULT X'00FF27', b VARBINARY(9)"
               " DEFAULT X'5C0A41')"])  # fmt: skip
    with open_source(here) as source, open_target(there) as target:
        schema = source.introspect()
        schema = replace(schema, script=source.script(schema))
        adoption = target.adopt(schema)
        assert () == adoption.losses
        target.begin(replace=False)
        target.create(adoption.schema)
        target.finish(adoption.schema)
        target.commit()
    run(there, ["INSERT INTO t (id) VALUES (1)"])
    assert [(b"\x00\xff'", b"\\\nA")] == run(there, ["SELECT a, b FROM t"])


TABLE = """CREATE TABLE `odd(` (
  `a,b` int(11) DEFAULT 1 COMMENT ')\\n,',
  `e` enum('a','b,''c)') DEFAULT 'a',
  PRIMARY KEY (`a,b`),
  CONSTRAINT `c` CHECK (`e` <> '), x')
) ENGINE=InnoDB COMMENT='it''s (, AUTO_INCREMENT=1' AUTO_INCREMENT=7
 PARTITION BY HASH (`a,b`)
PARTITIONS 3"""


def test_a_table_is_taken_apart_and_put_together() -> None:
    text = take_apart(TABLE)
    assert text.sql() == TABLE
    starts = [item.partition(" ")[0] for item in text.items]
    assert ["`a,b`", "`e`", "PRIMARY", "CONSTRAINT"] == starts
    kept = " ENGINE=InnoDB COMMENT='it''s (, AUTO_INCREMENT=1'\n PARTITION BY"
    assert without_data(text.tail).startswith(kept)


def test_the_own_database_is_taken_out_of_code_but_not_of_texts() -> None:
    code = "select `p`.`t`.`a`, p.f('p.x'), -- p.x don't\n `it's`.p, x.p.q /* p.a */ from p . t"
    assert "select `t`.`a`, f('p.x'), -- p.x don't\n `it's`.p, x.p.q /* p.a */ from t" == (
        unqualified(code, "p")
    )


@pytest.mark.parametrize(
    ("code", "other"),
    [
        ("insert into `other` . x values (1)", "other"),
        ("select 'other.x', `a`.`other`.`b`, NEW.other", None),
        ("select 1 -- other.x", None),
        ("call other.f()", "other"),
    ],
)
def test_other_databases_are_found_in_code(code: str, other: str | None) -> None:
    assert other == leads_to(code, {"other", "third"})


def test_nobody_else_owns_what_is_made() -> None:
    view = "CREATE ALGORITHM=MERGE DEFINER=`ro``ot`@`%` SQL SECURITY INVOKER VIEW `v` AS select 1"
    assert view.replace("DEFINER=`ro``ot`@`%` ", "") == without_definer(view)
    body = "CREATE FUNCTION f() RETURNS int RETURN 'DEFINER=`a`@`b` '"
    assert body[:24] == without_definer(body.replace("CREATE", "CREATE DEFINER=`role`"))[:24]


def test_events_sleep_while_they_are_tried() -> None:
    event = "CREATE EVENT `e` ON SCHEDULE EVERY 1 DAY ON COMPLETION NOT PRESERVE ENABLE DO SELECT 1"
    assert event.replace("ENABLE", "DISABLE") == asleep(event)


def test_tables_in_code_are_spelled_as_they_are() -> None:
    code = "INSERT INTO Item SELECT `ITEM`.id, 'Item' FROM Items JOIN item"
    assert "INSERT INTO item SELECT `item`.id, 'Item' FROM Items JOIN item" == (
        respelled(code, ["item"])
    )


def test_literals_that_are_no_text_become_hexadecimal() -> None:
    assert "a 'ä' DEFAULT X'00ff2741'" == readable(b"a '\xc3\xa4' DEFAULT '\\0\xff''A'")
