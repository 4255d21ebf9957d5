"""Nobody needs superuser: ordinary roles on both sides, and what their missing rights say."""

from __future__ import annotations

import pytest

from dbsynth import run
from dbsynth.errors import PermissionDeniedError
from tests.conftest import Command, NewDatabase
from tests.dumps import schema_dump
from tests.filler import Case, build, case_names
from tests.roles import NewRole, as_role, execute, give, let_read

OPTIONS = run.Options(seed=3, engine="marginal")


# Cases that every database holds need no more rights than those that only PostgreSQL does.
NAMES = [
    n if n not in case_names("sqlite") else pytest.param(n, marks=pytest.mark.slow)
    for n in case_names("postgresql")
]


@pytest.mark.parametrize("name", NAMES)
def test_a_case_survives_between_ordinary_roles(
    name: str, new_role: NewRole, new_pg_url: NewDatabase, pg_server: str
) -> None:
    original, copy = build(name, new_pg_url()), new_pg_url()
    role = new_role()
    reader, writer = let_read(original, role), give(copy, new_role(), pg_server)
    if execute(original, "SELECT 1 FROM pg_class WHERE relrowsecurity"):  # else it is refused
        execute(pg_server, f"ALTER ROLE {role} BYPASSRLS")
    done = run.clone(reader, writer, OPTIONS)
    assert () == done.findings.errors
    assert () == run.verify(copy).errors
    assert set(Case(name).loses) <= {loss.object for loss in done.losses}
    if not done.losses:
        assert schema_dump(original) == schema_dump(copy)


def test_timeouts_of_a_role_do_not_end_a_run(
    new_role: NewRole, new_pg_url: NewDatabase, pg_server: str
) -> None:
    role = new_role()
    source, target = build("cycle_nullable", new_pg_url()), new_pg_url()
    for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
        execute(pg_server, f"ALTER ROLE {role} SET {name} = '1ms'")
    done = run.clone(let_read(source, role), give(target, role, pg_server), OPTIONS)
    assert done.findings.is_sound


def test_a_role_that_only_reads_by_default_is_no_writer(
    new_role: NewRole, new_pg_url: NewDatabase, pg_server: str
) -> None:
    role = new_role()
    source, target = build("cycle_nullable", new_pg_url()), new_pg_url()
    execute(pg_server, f"ALTER ROLE {role} SET default_transaction_read_only = on")
    with pytest.raises(PermissionDeniedError, match="default_transaction_read_only"):
        run.clone(let_read(source, role), give(target, role, pg_server), OPTIONS)


def test_without_temporary_tables_cycles_close_all_the_same(
    new_role: NewRole, new_pg_url: NewDatabase, pg_server: str
) -> None:
    source, target, role = build("cycle_nullable", new_pg_url()), new_pg_url(), new_role()
    writer = give(target, role, pg_server)
    name = target.rpartition("/")[2]
    execute(target, f'REVOKE TEMP ON DATABASE "{name}" FROM PUBLIC, {role}')
    done = run.clone(let_read(source, new_role()), writer, OPTIONS)
    assert done.findings.is_sound
    assert [] == execute(target, "SELECT 1 FROM pg_class WHERE relname = '_dbsynth_backfill'")


def test_missing_rights_on_the_target_are_named_before_anything_is_learned(
    new_role: NewRole, new_pg_url: NewDatabase, command: Command
) -> None:
    source, target, role = build("several_schemas", new_pg_url()), new_pg_url(), new_role()
    mine = as_role(target, role)
    code, told = command("clone", source, mine, "--engine", "marginal")
    assert (5, True) == (code, "CREATE on schema public" in told), told
    execute(target, f"GRANT CREATE ON SCHEMA public TO {role}")
    code, told = command("clone", source, mine, "--engine", "marginal")
    assert (5, True) == (code, "schema billing" in told), told
    assert "\nfit " not in told
    assert "secret" not in told


def test_another_role_s_tables_cannot_be_replaced(
    new_role: NewRole, new_pg_url: NewDatabase
) -> None:
    source, target, role = build("cycle_nullable", new_pg_url()), new_pg_url(), new_role()
    execute(target, "CREATE TABLE theirs (id integer)", "INSERT INTO theirs VALUES (1)")
    execute(target, f"GRANT CREATE ON SCHEMA public TO {role}", f"GRANT SELECT ON theirs TO {role}")
    replace = run.Options(engine="marginal", replace=True)
    with pytest.raises(PermissionDeniedError, match=r"public\.theirs"):
        run.clone(source, as_role(target, role), replace)
    assert [(1,)] == execute(target, "SELECT id FROM theirs")


def test_tables_without_select_are_all_named(new_role: NewRole, new_pg_url: NewDatabase) -> None:
    source, role = build("deep_chain", new_pg_url()), new_role()
    reader = let_read(source, role)
    execute(source, f"REVOKE SELECT ON level_b, level_d FROM {role}")
    with pytest.raises(PermissionDeniedError) as caught:
        run.plan(reader, OPTIONS)
    assert (5, 2) == (caught.value.exit_code, len(caught.value.problems))


@pytest.mark.parametrize("force", [False, True])
def test_rows_hidden_by_policies_are_not_taken_for_all(
    new_role: NewRole, new_pg_url: NewDatabase, pg_server: str, force: bool
) -> None:
    source, role = build("cycle_nullable", new_pg_url()), new_role()
    reader = let_read(source, role)
    if force:  # then not even the owner sees all
        execute(source, f"ALTER TABLE worker OWNER TO {role}",
                "ALTER TABLE worker FORCE ROW LEVEL SECURITY")  # fmt: skip
    execute(source, "CREATE POLICY few ON worker USING (id < 9)",
            "ALTER TABLE worker ENABLE ROW LEVEL SECURITY")  # fmt: skip
    with pytest.raises(PermissionDeniedError, match="row-level security hides rows of public"):
        run.plan(reader, OPTIONS)
    execute(pg_server, f"ALTER ROLE {role} BYPASSRLS")
    assert 2 == len(run.plan(reader, OPTIONS).tables)


def test_what_only_a_superuser_may_create_is_told_before_the_run(
    new_role: NewRole, new_pg_url: NewDatabase, pg_server: str, command: Command
) -> None:
    source, target = build("cycle_nullable", new_pg_url()), new_pg_url()
    execute(
        source,
        "CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
        "CREATE EVENT TRIGGER watcher ON ddl_command_end EXECUTE FUNCTION watch()",
        "CREATE FUNCTION c_sum(integer, integer) RETURNS integer LANGUAGE internal AS 'int4pl'",
        "CREATE PUBLICATION news FOR TABLE worker",
    )
    writer, reader = give(target, new_role(), pg_server), let_read(source, new_role())
    code, told = command("plan", reader, "--target", writer, "-q")
    assert 0 == code, told
    head = "\n".join(line for line in told.splitlines() if line.startswith("# target:"))
    for name in ("event trigger watcher", "public.c_sum", "publication news"):
        assert name in head
    assert [] == execute(target, "SELECT 1 FROM pg_class WHERE relname = 'worker'")
    code, told = command("clone", reader, writer, "--engine", "marginal")
    assert 0 == code, told
    assert told.index("event trigger watcher") < told.index("\nfit ")


def test_tables_that_are_not_asked_for_need_no_rights(
    new_role: NewRole, new_pg_url: NewDatabase, pg_server: str
) -> None:
    source, target, role = new_pg_url(), new_pg_url(), new_role()
    execute(
        source,
        "CREATE SCHEMA vault",
        "CREATE TABLE city (id serial PRIMARY KEY, name text)",
        "CREATE TABLE shop (id serial PRIMARY KEY, city_id integer NOT NULL REFERENCES city)",
        "CREATE TABLE salary (id serial PRIMARY KEY, shop_id integer REFERENCES shop)",
        "CREATE TABLE vault.key (id serial PRIMARY KEY, shop_id integer REFERENCES shop)",
        "CREATE VIEW costs AS SELECT * FROM salary",
        "INSERT INTO city (name) SELECT 'c' || i FROM generate_series(1, 20) i",
        "INSERT INTO shop (city_id) SELECT 1 + i % 20 FROM generate_series(1, 60) i",
        f"GRANT SELECT ON city, shop TO {role}",
    )
    reader, writer = as_role(source, role), give(target, new_role(), pg_server)
    chosen = run.Options(seed=3, engine="marginal", tables=("shop",))
    assert ["city", "shop"] == [t.name for t in run.plan(reader, chosen).tables]
    assert ["city", "shop"] == [t.name.name for t in run.inspect(reader, chosen).schema.tables]
    assert run.clone(reader, writer, chosen).findings.is_sound
    assert [(60,)] == execute(target, "SELECT count(*) FROM shop JOIN city ON city.id = city_id")
    execute(source, f"REVOKE SELECT ON city FROM {role}")
    with pytest.raises(PermissionDeniedError) as caught:
        run.plan(reader, chosen)
    assert ("no right to read public.city (public.shop refers to it)",) == caught.value.problems
    with pytest.raises(PermissionDeniedError, match=r"vault\.key"):
        run.plan(reader, OPTIONS)


def test_a_saved_plan_reads_its_own_tables_alone(
    new_role: NewRole, new_pg_url: NewDatabase
) -> None:
    source, role = build("deep_chain", new_pg_url()), new_role()
    reader = let_read(source, role)
    saved = run.plan(reader, run.Options(engine="marginal", tables=("level_a",)))
    execute(source, f"REVOKE SELECT ON level_d FROM {role}")
    run.fit(reader, run.Options(plan=saved))
    execute(source, f"REVOKE SELECT ON level_a FROM {role}")
    with pytest.raises(PermissionDeniedError, match=r"public\.level_a"):
        run.fit(reader, run.Options(plan=saved))
