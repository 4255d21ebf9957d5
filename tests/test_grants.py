"""Owners and grants stay behind, unless they are asked for; then roles may have other names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from dbsynth import run
from dbsynth.errors import UsageError
from dbsynth.grants import renamed
from tests.conftest import NewDatabase
from tests.filler import fill_postgresql

SCRIPT = """
    CREATE SCHEMA app;
    CREATE TABLE app.item (id integer PRIMARY KEY, "x TO y" varchar(20));
    CREATE VIEW app.seen AS SELECT id FROM app.item;
    ALTER TABLE app.item OWNER TO {owner};
    GRANT USAGE ON SCHEMA app TO PUBLIC, {reader};
    GRANT SELECT, UPDATE ("x TO y") ON app.item TO {reader} WITH GRANT OPTION;
    GRANT SELECT ON app.seen TO {absent};
    ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO {reader};
"""
HELD = """
    SELECT pg_get_userbyid(c.relowner) AS owner,
           has_table_privilege(%(reader)s, c.oid, 'SELECT WITH GRANT OPTION') AS may_read,
           has_column_privilege(%(reader)s, c.oid, 'x TO y', 'UPDATE') AS may_write
    FROM pg_class c WHERE c.oid = 'app.item'::regclass
"""


@pytest.fixture
def roles(pg_server: str) -> Iterator[dict[str, str]]:
    """Roles of the source, and those of the target that stand for them."""
    names = {k: f"dbsynth_{k}_{uuid4().hex[:8]}" for k in ("owner", "reader", "absent", "new")}
    with psycopg.connect(pg_server, autocommit=True) as admin:
        for name in names.values():
            admin.execute(f"CREATE ROLE {name}")
        yield names
        for name in names.values():
            admin.execute(f"DROP ROLE IF EXISTS {name}")


@pytest.fixture
def source(roles: dict[str, str], new_pg_url: NewDatabase) -> str:
    return fill_postgresql(new_pg_url(), SCRIPT.format_map(roles), {"app.item": 30})


def held(url: str, reader: str) -> dict[str, Any]:
    with psycopg.connect(url, row_factory=psycopg.rows.dict_row) as connection:
        found = connection.execute(HELD, {"reader": reader}).fetchone()
    assert found is not None
    return found


def test_owners_and_grants_stay_behind(
    source: str, roles: dict[str, str], new_pg_url: NewDatabase
) -> None:
    target = new_pg_url()
    done = run.clone(source, target, run.Options(engine="marginal"))
    found = held(target, roles["reader"])
    assert roles["owner"] != found["owner"]
    assert not found["may_read"]
    assert () == done.losses


def test_owners_and_grants_are_carried_to_roles_of_other_names(
    source: str, roles: dict[str, str], new_pg_url: NewDatabase, pg_server: str
) -> None:
    target, wanted = new_pg_url(), {roles["reader"]: roles["new"]}
    with psycopg.connect(pg_server, autocommit=True) as admin:
        # On the target's server there is no such role.
        with psycopg.connect(source) as connection:
            connection.execute(f"REVOKE ALL ON app.seen FROM {roles['absent']}")
            connection.execute(f"GRANT SELECT ON app.seen TO {roles['new']}")
        admin.execute(f"DROP ROLE {roles['absent']}")
    done = run.clone(source, target, run.Options(engine="marginal", roles=wanted))
    found = held(target, roles["new"])
    assert (roles["owner"], True, True) == tuple(found.values())
    assert not held(target, roles["reader"])["may_read"]
    assert () == done.losses


def test_a_role_that_the_target_lacks_is_a_loss_and_no_failure(
    source: str, roles: dict[str, str], new_pg_url: NewDatabase
) -> None:
    wanted = {roles["absent"]: "dbsynth_nobody"}
    done = run.clone(source, new_pg_url(), run.Options(engine="marginal", roles=wanted))
    assert ["grant on TABLE seen"] == [loss.object for loss in done.losses]


def test_an_unknown_role_is_refused(source: str, new_pg_url: NewDatabase) -> None:
    with pytest.raises(UsageError, match="nobody"):
        run.clone(
            source, new_pg_url(), run.Options(engine="marginal", roles={"nobody": "somebody"})
        )


@pytest.mark.parametrize(
    ("sql", "wanted"),
    [
        ('GRANT SELECT ON TABLE "a TO b" TO b;', 'GRANT SELECT ON TABLE "a TO b" TO "c";'),
        ('REVOKE ALL ON TABLE b FROM "b";', 'REVOKE ALL ON TABLE b FROM "c";'),
        ("GRANT ALL ON SCHEMA b TO PUBLIC;", "GRANT ALL ON SCHEMA b TO PUBLIC;"),
        (
            "ALTER DEFAULT PRIVILEGES FOR ROLE b IN SCHEMA b GRANT SELECT ON TABLES TO b;",
            'ALTER DEFAULT PRIVILEGES FOR ROLE "c" IN SCHEMA b GRANT SELECT ON TABLES TO "c";',
        ),
    ],
)
def test_only_roles_are_renamed(sql: str, wanted: str) -> None:
    assert wanted == renamed(sql, {"b": "c"})
