"""MariaDB for ordinary users: what a reader cannot see is told, and a writer needs no SUPER."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from dbsynth import run
from dbsynth.adapters import open_source, open_target
from dbsynth.adapters.mysql_connection import database_of
from dbsynth.adapters.mysql_rights import Rights, _parse
from dbsynth.errors import PermissionDeniedError, TargetError, TargetNotEmptyError
from dbsynth.urls import Location
from tests.adapters.test_mysql import run as execute
from tests.adapters.test_mysql import shadows

OPTIONS = run.Options(seed=1, engine="marginal")
REPLACING = run.Options(seed=1, engine="marginal", replace=True)
SHOP = (
    "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, n INT)",
    "INSERT INTO t SELECT seq, seq % 7 FROM seq_1_to_60",
    "CREATE VIEW v AS SELECT id FROM t",
    "CREATE FUNCTION more(n INT) RETURNS INT DETERMINISTIC RETURN n + 1",
    "CREATE PROCEDURE tell() SELECT 1",
    "CREATE TRIGGER bump BEFORE UPDATE ON t FOR EACH ROW SET NEW.n = more(NEW.n)",
    "CREATE EVENT tidy ON SCHEDULE EVERY 1 DAY DISABLE DO DELETE FROM t WHERE n < 0",
)
Grant = Callable[..., Location]


@pytest.fixture
def granted(there: Location) -> Iterator[Grant]:
    """A function that lets a new user in with some rights on a database, and on its shadows."""
    users: list[str] = []

    def grant(
        location: Location, rights: str, *, shadow: bool = False, where: str = ""
    ) -> Location:
        user = f"u{uuid.uuid4().hex[:12]}"
        users.append(user)
        database = database_of(location)
        for host in ("%", "localhost"):
            name = f"'{user}'@'{host}'"
            execute(
                location,
                [
                    f"CREATE USER {name}",
                    f"GRANT {rights} ON {where or f'`{database}`.*'} TO {name}",
                ],
            )
            if shadow:
                execute(location, [rf"GRANT ALL ON `{database}\_\_dbsynth\_%`.* TO {name}"])
        parts = urlsplit(location.url)
        return Location("mysql", f"mysql://{user}@{parts.hostname}:{parts.port}{parts.path}")

    yield grant
    for user in users:
        execute(there, [f"DROP USER '{user}'@'%', '{user}'@'localhost'"])


def test_a_reader_with_select_alone_is_told_what_it_cannot_see(
    here: Location, there: Location, granted: Grant
) -> None:
    execute(here, SHOP)
    reader = granted(here, "SELECT")
    done = run.clone(reader.url, there.url, OPTIONS)
    lost = {loss.object: loss.reason for loss in done.losses}
    assert {"view v", "any triggers", "any events", "any routines"} == set(lost)
    assert "TRIGGER" in lost["any triggers"]
    assert "may not see its text" in lost["view v"]
    assert [("t",), ("_dbsynth",)] == sorted(execute(there, ["SHOW TABLES"]), reverse=True)


def test_a_reader_of_single_tables_is_told_that_there_may_be_more(
    here: Location, granted: Grant
) -> None:
    execute(here, [*SHOP, "CREATE TABLE hidden (id INT PRIMARY KEY)"])
    reader = granted(here, "SELECT", where=f"`{database_of(here)}`.t")
    with open_source(reader) as source:
        schema = source.introspect()
    assert ["t"] == [t.name.name for t in schema.tables]
    assert "any tables" in {f"{o.kind} {o.name}" for o in schema.objects}


def test_a_reader_with_select_alone_sees_foreign_keys(here: Location, granted: Grant) -> None:
    execute(here, [
        "CREATE TABLE a (id INT PRIMARY KEY)",
        "CREATE TABLE b (id INT PRIMARY KEY, a INT, c INT,"
        " CONSTRAINT up FOREIGN KEY (a) REFERENCES a (id) ON DELETE SET NULL ON UPDATE CASCADE,"
        " CONSTRAINT `o``dd` FOREIGN KEY (c) REFERENCES b (id) ON DELETE CASCADE)",
    ])  # fmt: skip
    found = []
    for location in (here, granted(here, "SELECT")):
        with open_source(location) as source:
            found.append(source.introspect().tables)
    assert found[0] == found[1]
    assert {"SET NULL", "CASCADE"} == {k.on_delete for k in found[1][1].foreign_keys}


def test_a_reader_who_may_see_everything_loses_nothing(
    here: Location, there: Location, granted: Grant
) -> None:
    execute(here, SHOP)
    reader = granted(here, "SELECT, SHOW VIEW, TRIGGER, EVENT, EXECUTE")
    for host in ("%", "localhost"):
        user = urlsplit(reader.url).username
        execute(here, [f"GRANT SELECT ON mysql.proc TO '{user}'@'{host}'"])
    done = run.clone(reader.url, there.url, OPTIONS)
    assert () == done.losses


def test_an_ordinary_user_owns_what_it_clones(
    here: Location, there: Location, granted: Grant
) -> None:
    execute(here, SHOP)
    writer = granted(there, "ALL", shadow=True)
    for _ in range(2):  # the second time it replaces its own
        done = run.clone(here.url, writer.url, REPLACING)
        assert () == done.losses
    user = urlsplit(writer.url).username
    definers = execute(there, [
        "SELECT definer FROM information_schema.views WHERE table_schema = DATABASE() UNION ALL"
        " SELECT definer FROM information_schema.triggers WHERE trigger_schema = DATABASE()"
        " UNION ALL SELECT definer FROM information_schema.routines"
        " WHERE routine_schema = DATABASE() UNION ALL"
        " SELECT definer FROM information_schema.events WHERE event_schema = DATABASE()"
    ])  # fmt: skip
    assert [f"{user}@%"] * 5 == [str(d).replace("localhost", "%") for (d,) in definers]
    assert [] == shadows(there)


@pytest.mark.parametrize("right", ["CREATE VIEW", "TRIGGER", "CREATE ROUTINE", "EVENT"])
def test_a_right_that_the_swap_takes_is_missed_before_it(
    here: Location, there: Location, granted: Grant, right: str
) -> None:
    execute(here, SHOP)
    execute(there, ["CREATE TABLE old (id INT PRIMARY KEY)"])
    rights = {"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "INDEX",
              "REFERENCES", "CREATE TEMPORARY TABLES", "EXECUTE", "ALTER ROUTINE", "SHOW VIEW",
              "CREATE VIEW", "TRIGGER", "CREATE ROUTINE", "EVENT"} - {right}  # fmt: skip
    writer = granted(there, ", ".join(sorted(rights)), shadow=True)
    with pytest.raises(PermissionDeniedError, match=right) as caught:
        run.clone(here.url, writer.url, REPLACING)
    assert caught.value.exit_code == 5
    assert [("old",)] == execute(there, ["SHOW TABLES"])
    assert [] == shadows(there)


def test_replacing_takes_routines_and_events_away_and_only_then(
    here: Location, there: Location
) -> None:
    execute(here, ["CREATE TABLE t (id INT PRIMARY KEY)"])
    code = ["CREATE PROCEDURE stale() SELECT 1",
            "CREATE EVENT stale ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1"]  # fmt: skip
    execute(there, code)
    run.clone(here.url, there.url, OPTIONS)
    assert ["stale"] == [str(r[1]) for r in execute(there, ["SHOW EVENTS"])]
    run.clone(here.url, there.url, REPLACING)
    assert [] == execute(there, ["SHOW EVENTS"])
    assert [] == execute(there, ["SHOW PROCEDURE STATUS WHERE Db = DATABASE()"])


def test_an_empty_target_of_equal_tables_is_not_made_anew_if_it_has_something_of_its_own(
    here: Location, there: Location
) -> None:
    tables = ["CREATE TABLE t (id INT PRIMARY KEY)", "CREATE VIEW v AS SELECT id FROM t"]
    execute(here, [*tables, "INSERT INTO t SELECT seq FROM seq_1_to_30"])
    execute(there, [*tables, "CREATE PROCEDURE mine() SELECT 1",
                    "CREATE VIEW w AS SELECT 1 AS a"])  # fmt: skip
    with pytest.raises(TargetNotEmptyError) as caught:
        run.clone(here.url, there.url, OPTIONS)
    assert ("procedure mine", "view w") == caught.value.problems
    execute(there, ["DROP PROCEDURE mine", "DROP VIEW w"])
    run.clone(here.url, there.url, OPTIONS)
    assert [(30,)] == execute(there, ["SELECT COUNT(*) FROM v"])


def test_what_was_in_a_target_that_is_loaded_directly_stays_when_the_load_fails(
    here: Location, there: Location, granted: Grant
) -> None:
    execute(here, SHOP)
    execute(there, ["CREATE PROCEDURE mine() SELECT 1"])
    writer = granted(there, "ALL")
    with open_source(here) as source, open_target(writer) as target:
        target.check()
        schema = target.adopt(source.introspect()).schema
        target.begin(replace=False)
        target.create(schema)
        target.finish(schema)
    assert [] == execute(there, ["SHOW TABLES"])
    routines = execute(there, ["SHOW PROCEDURE STATUS WHERE Db = DATABASE()"])
    assert ["mine"] == [r[1] for r in routines]


def test_a_target_that_is_loaded_directly_is_emptied_after_a_kill(
    here: Location, there: Location, granted: Grant
) -> None:
    execute(here, SHOP)
    writer = granted(there, "ALL")
    killed = open_target(writer)
    killed.__enter__()
    with open_source(here) as source:
        schema = killed.adopt(source.introspect()).schema
    killed.begin(replace=False)
    killed.create(schema)
    killed._open._force_close()
    execute(there, ["CREATE TABLE mine (id INT PRIMARY KEY)"])
    with open_target(writer) as target:
        target.check()
    assert [("mine",)] == execute(there, ["SHOW TABLES"])


def test_a_failed_swap_brings_triggers_of_others_back(
    here: Location, there: Location, granted: Grant
) -> None:
    execute(here, ["CREATE TABLE u (id INT PRIMARY KEY)"])
    bump = "CREATE TRIGGER bump BEFORE INSERT ON t FOR EACH ROW SET NEW.id = 1"
    execute(there, ["CREATE TABLE t (id INT PRIMARY KEY)", bump])
    writer = granted(there, "ALL", shadow=True)
    with pytest.raises(TargetError, match=r"swapping"), open_target(writer) as target:
        with open_source(here) as source:
            schema = target.adopt(source.introspect()).schema
        target.begin(replace=True)
        target.create(schema)
        target.finish(schema)
        name = target.quote(schema.tables[0].name).split(".")[0].strip("`")
        execute(
            there, [f"CREATE VIEW `{name}`.v AS SELECT 1 AS a", "CREATE VIEW u AS SELECT 2 AS a"]
        )
        target.commit()
    assert ["bump"] == [row[0] for row in execute(there, ["SHOW TRIGGERS"])]
    assert [] == shadows(there)


def test_what_leads_to_another_database_is_left_out(
    here: Location, there: Location, new_mysql_url: Callable[[], str]
) -> None:
    other = database_of(Location("mysql", new_mysql_url()))
    execute(here, [
        f"CREATE TABLE {other}.p (id INT PRIMARY KEY)", "CREATE TABLE t (id INT PRIMARY KEY, p INT,"
        f" CONSTRAINT far FOREIGN KEY (p) REFERENCES {other}.p (id))",
        f"CREATE VIEW far_view AS SELECT x.id FROM {other}.p x",
        f"CREATE PROCEDURE far_call() INSERT INTO {other} . p VALUES (1)",
        f"CREATE TRIGGER near BEFORE INSERT ON {database_of(here)}.t FOR EACH ROW"
        f" SET NEW.p = (SELECT COUNT(*) FROM {database_of(here)}.t)",
    ])  # fmt: skip
    done = run.clone(here.url, there.url, OPTIONS)
    assert ["foreign key t.far", "procedure far_call", "view far_view"] == sorted(
        loss.object for loss in done.losses
    )
    assert all(other in loss.reason for loss in done.losses)
    ((_, _, text, *_),) = execute(there, ["SHOW CREATE TRIGGER near"])
    assert database_of(here) not in str(text)


def test_an_object_that_the_target_refuses_is_named(here: Location, there: Location) -> None:
    execute(here, SHOP)
    with open_source(here) as source, open_target(there) as target:
        schema = target.adopt(source.introspect()).schema
        broken = tuple(
            replace(o, statement=(o.statement or "").replace("n + 1", "n +"))
            for o in schema.objects
        )
        schema = replace(schema, objects=broken)
        target.begin(replace=False)
        target.create(schema)
        with pytest.raises(TargetError, match="function more"):
            target.finish(schema)
    assert [] == execute(there, ["SHOW TABLES"])
    assert [] == shadows(there)


@pytest.mark.parametrize(
    ("line", "database", "right", "expected"),
    [
        ("GRANT ALL PRIVILEGES ON *.* TO `a`@`b` WITH GRANT OPTION", "x", "TRIGGER", True),
        ("GRANT SELECT, SHOW VIEW ON `x\\_y`.* TO `a`@`b`", "x_y", "SHOW VIEW", True),
        ("GRANT SELECT, SHOW VIEW ON `x\\_y`.* TO `a`@`b`", "xzy", "SHOW VIEW", False),
        ("GRANT TRIGGER ON `x%`.* TO `a`@`b`", "xzy", "TRIGGER", True),
        ("GRANT SELECT (`a`, `TRIGGER`) ON `x`.`t` TO `a`@`b`", "x", "TRIGGER", False),
        ("GRANT SELECT ON `x`.`t` TO `a`@`b`", "x", "SELECT", False),
        ("GRANT EXECUTE ON FUNCTION `x`.`f` TO `a`@`b`", "x", "EXECUTE", False),
        ("GRANT PROXY ON ''@'' TO `a`@`b`", "x", "PROXY", False),
    ],
)
def test_grants_are_understood(line: str, database: str, right: str, expected: bool) -> None:
    assert expected is Rights(tuple(_parse(line))).has(database, right)


def test_tables_that_are_not_asked_for_need_no_rights(
    here: Location, there: Location, granted: Grant
) -> None:
    execute(here, [
        "CREATE TABLE city (id INT PRIMARY KEY AUTO_INCREMENT, name TEXT)",
        "CREATE TABLE shop (id INT PRIMARY KEY AUTO_INCREMENT, city_id INT NOT NULL,"
        " CONSTRAINT there FOREIGN KEY (city_id) REFERENCES city (id))",
        "CREATE TABLE salary (id INT PRIMARY KEY, shop_id INT REFERENCES shop (id), pay INT)",
        "INSERT INTO city SELECT seq, CONCAT('c', seq) FROM seq_1_to_20",
        "INSERT INTO shop SELECT seq, 1 + seq % 20 FROM seq_1_to_60",
    ])  # fmt: skip
    reader, name = granted(here, "SELECT", where=f"`{database_of(here)}`.shop"), database_of(here)
    user = urlsplit(reader.url).username
    chosen = run.Options(seed=1, engine="marginal", tables=("shop",))
    with pytest.raises(PermissionDeniedError) as caught:
        run.plan(reader.url, chosen)
    assert ("no right to read all of city (shop refers to it)",) == caught.value.problems
    for host in ("%", "localhost"):
        execute(here, [f"GRANT SELECT ON `{name}`.city TO '{user}'@'{host}'",
                       f"GRANT SELECT (id) ON `{name}`.salary TO '{user}'@'{host}'"])  # fmt: skip
    done = run.clone(reader.url, there.url, chosen)
    assert done.findings.is_sound
    assert [(60,)] == execute(there, ["SELECT COUNT(*) FROM shop JOIN city ON city.id = city_id"])
    with pytest.raises(PermissionDeniedError, match="salary"):
        run.plan(reader.url, OPTIONS)
