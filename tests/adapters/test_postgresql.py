"""The adapter contract on PostgreSQL, and what only PostgreSQL has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import ClassVar

import psycopg
import pytest

from dbsynth.adapters import open_source, open_target
from dbsynth.errors import (
    ConnectError,
    LockedError,
    PermissionDeniedError,
    SourceError,
    TargetError,
)
from dbsynth.schema import Schema, SqlType
from dbsynth.urls import Location, resolve
from tests.adapters.suite import CycleContract, EnumContract
from tests.conftest import NewDatabase


class TestPostgres(CycleContract, EnumContract):
    """PostgreSQL keeps the contract."""

    dialect = "postgresql"
    schema = "public"
    binary = "BYTEA"
    bytes_literal = "'\\x00ff'"
    enum: ClassVar[tuple[str, ...]] = (
        "CREATE TYPE \"State\" AS ENUM ('new', 'it''s', 'ä')",
        'CREATE TABLE ticket (id integer PRIMARY KEY, state "State")',
    )

    @pytest.fixture
    def here(self, new_pg_url: NewDatabase) -> Location:
        """An existing, empty database."""
        return resolve(new_pg_url())

    @pytest.fixture
    def there(self, new_pg_url: NewDatabase) -> Location:
        """A database that may be loaded."""
        return resolve(new_pg_url())

    def load(self, location: Location, statements: Sequence[str]) -> None:
        """Run statements with the bare driver, and commit."""
        with psycopg.connect(location.url) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def alias(self, location: Location) -> Location:
        """Name the same database in another way."""
        mark = "&" if "?" in location.url else "?"
        return resolve(f"{location.url}{mark}application_name=other&connect_timeout=5")

    # schemas ------------------------------------------------------------------------------------

    rich: ClassVar[tuple[str, ...]] = (
        'CREATE SCHEMA sales; CREATE SCHEMA "Odd Schema"',
        "CREATE DOMAIN sales.positive AS numeric(10,2) CHECK (VALUE > 0)",
        "CREATE TYPE sales.pair AS (a integer, b text)",
        "CREATE FUNCTION sales.twice(n integer) RETURNS integer LANGUAGE sql IMMUTABLE"
        " AS 'SELECT n * 2'",
        "CREATE SEQUENCE sales.ticket START 100 INCREMENT 5",
        """CREATE TABLE sales.item (
            id serial PRIMARY KEY, no bigint DEFAULT nextval('sales.ticket') NOT NULL,
            price sales.positive NOT NULL DEFAULT 1.5, p sales.pair, n integer DEFAULT 3,
            twice integer GENERATED ALWAYS AS (sales.twice(n)) STORED, tags text[],
            code text COLLATE "C", CONSTRAINT "Odd Check" CHECK (code <> '%'))""",
        "COMMENT ON TABLE sales.item IS 'it''s'",
        "COMMENT ON COLUMN sales.item.code IS '100%'",
        """CREATE TABLE "Odd Schema".item (
            id integer GENERATED ALWAYS AS IDENTITY (INCREMENT BY 10) PRIMARY KEY,
            a integer, b integer, item_id integer, CONSTRAINT u UNIQUE NULLS NOT DISTINCT (a, b),
            CONSTRAINT fk FOREIGN KEY (item_id) REFERENCES sales.item (id)
                ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED)""",
        'CREATE UNIQUE INDEX once ON "Odd Schema".item (b) WHERE a IS NULL',
        "CREATE UNIQUE INDEX by_lower ON sales.item (lower(code))",
        "CREATE INDEX by_tag ON sales.item USING gin (tags)",
        "CREATE VIEW sales.b AS SELECT id, price FROM sales.item",
        "CREATE MATERIALIZED VIEW sales.a AS SELECT count(*) AS n FROM sales.b",
        "CREATE FUNCTION sales.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "CREATE TRIGGER touched BEFORE UPDATE ON sales.item"
        " FOR EACH ROW EXECUTE FUNCTION sales.touch()",
        "INSERT INTO sales.item (no, price, p, tags, code) VALUES"
        " (105, 2.50, '(1,\"x,y\")', '{\"a b\",NULL}', 'c1'), (110, 3, NULL, NULL, NULL)",
        'INSERT INTO "Odd Schema".item (a, b, item_id) VALUES (NULL, 1, 2), (1, 1, NULL)',
        "REFRESH MATERIALIZED VIEW sales.a",
    )

    def test_everything_of_the_same_dialect_is_kept(self, here: Location, there: Location) -> None:
        self.load(here, self.rich)
        adoption = self.copy(here, there)
        assert () == adoption.losses
        assert self.sorted(here) == self.sorted(there)
        for table in ("sales.item", '"Odd Schema".item', "sales.a"):
            query = f"SELECT t::text FROM {table} AS t ORDER BY 1"
            assert self.ask(here, query) == self.ask(there, query)

    def test_a_rich_copy_can_be_replaced(self, here: Location, there: Location) -> None:
        self.load(here, self.rich)
        self.copy(here, there)
        self.copy(here, there)
        assert self.sorted(here) == self.sorted(there)

    def test_partitioned_tables_are_replaced(self, there: Location) -> None:
        self.load(there, (
            "CREATE TABLE log (at date NOT NULL, n integer) PARTITION BY RANGE (at)",
            "CREATE TABLE log_2024 PARTITION OF log FOR VALUES FROM ('2024-01-01') TO (MAXVALUE)",
        ))  # fmt: skip
        with open_target(there) as target:
            assert ["log"] == [name.name for name in target.occupants()]
            target.begin(replace=True)
            assert () == target.occupants()

    def sorted(self, location: Location) -> Schema:
        """Read a schema, its objects in an order that does not tell when they were made."""
        schema = self.introspect(location)
        return replace(schema, objects=tuple(sorted(schema.objects, key=lambda o: o.name)))

    def test_sequences_go_on_past_the_rows(self, here: Location, there: Location) -> None:
        self.load(here, self.rich)
        self.copy(here, there)
        self.load(
            there,
            [
                "INSERT INTO sales.item (price) VALUES (9)",
                'INSERT INTO "Odd Schema".item (a) VALUES (5)',
            ],
        )
        assert [(3, 115)] == self.ask(there, "SELECT id, no FROM sales.item WHERE price = 9")
        assert [(21,)] == self.ask(there, 'SELECT id FROM "Odd Schema".item WHERE a = 5')

    # values -------------------------------------------------------------------------------------

    types: ClassVar[tuple[str, ...]] = (
        """CREATE TABLE every (
            id integer PRIMARY KEY, i2 smallint, i8 bigint, n numeric, n2 numeric(40,3), f4 real,
            f8 double precision, b boolean, t text, v varchar(9), c char(4), u uuid, j json,
            jb jsonb, y bytea, d date, tm time, ts timestamp, tz timestamptz, iv interval,
            ip inet, r int4range, a integer[], m bit(3))""",
        """INSERT INTO every VALUES
            (1, -32768, 9223372036854775807, 1.5, 12345678901234567890123456789012345.678, 0.1,
             0.1, true, E'a,"b"\\n\\\\.', '', 'ab', '00112233-4455-6677-8899-aabbccddeeff',
             '{"a": 1}', '{"b": [1, null]}', '\\x00ff5c', '0001-01-01', '23:59:59.999999',
             '2024-02-29 12:00:00.000001', '2024-02-29 12:00+02', '1 day 02:03', '10.0.0.0/8',
             '[1,5)', '{1,NULL}', B'101')""",
        "INSERT INTO every (id) VALUES (2)",
        """INSERT INTO every (id, t, v, c, y, a, f8, f4) VALUES
            (3, '', 'NULL', '', '', '{}', 'NaN', '-Infinity')""",
    )

    def test_every_type_survives_reading_and_writing(self, here: Location, there: Location) -> None:
        self.load(here, self.types)
        self.copy(here, there)
        query = "SELECT e::text FROM every AS e ORDER BY id"
        assert self.ask(here, query) == self.ask(there, query)

    def test_types_that_go_in_binary_survive_too(self, here: Location, there: Location) -> None:
        self.load(here, self.types)
        text_only = ("n2", "jb", "iv", "ip", "r", "a", "m")
        self.load(here, [f"ALTER TABLE every DROP COLUMN {c}" for c in text_only])
        self.copy(here, there)
        query = "SELECT e::text FROM every AS e ORDER BY id"
        assert self.ask(here, query) == self.ask(there, query)

    def test_null_and_the_empty_text_stay_apart(self, here: Location, there: Location) -> None:
        self.load(here, ["CREATE TABLE s (t text)", "INSERT INTO s VALUES (''), (NULL), ('\\.')"])
        expected = ["", "\\.", None]
        self.copy(here, there)
        for place in (here, there):
            found = [row[0] for row in self.rows(place, "s")]
            assert expected == sorted(found, key=lambda t: (t is None, t))

    def test_values_beyond_the_calendar_and_the_numbers_survive(
        self, here: Location, there: Location
    ) -> None:
        self.load(
            here,
            [
                "CREATE TABLE b (id integer PRIMARY KEY, d date, ts timestamptz, t timestamp,"
                " h time, n numeric, m money)",
                "INSERT INTO b VALUES"
                " (1, 'infinity', '-infinity', 'infinity', '24:00', 'NaN', -12.5),"
                " (2, '0044-03-15 BC', '20000-01-01', '4713-01-01 BC', '0:00', 'Infinity', 0),"
                " (3, NULL, NULL, NULL, NULL, '-Infinity', NULL),"
                " (4, '5874897-12-31', '294000-12-31', '0001-12-31 BC', '1:02', 9.9e27, 1e9),"
                " (5, '2024-02-29', '2024-02-29 12:00+02', '1600-01-01', '1:02', -0.25, 1)",
            ],
        )
        self.copy(here, there)
        query = "SELECT b::text FROM b ORDER BY id"
        assert self.ask(here, query) == self.ask(there, query)

    def test_numbers_that_have_no_room_come_as_documented(self, here: Location) -> None:
        self.load(
            here,
            [
                "CREATE TABLE b (id integer PRIMARY KEY, n numeric, p numeric(9, 2),"
                " r numeric(9, 2) NOT NULL)",
                "INSERT INTO b VALUES (1, -1e50, 'NaN', 'NaN'), (2, 0.12345678905, 1, 1)",
            ],
        )
        low, tenths = Decimal("-9.9e27"), Decimal("0.1234567891")
        expected = [(1, low, None, Decimal(0)), (2, tenths, Decimal(1), Decimal(1))]
        assert expected == self.rows(here, "b")

    def test_rows_are_read_in_batches_of_bounded_size(self, here: Location) -> None:
        self.load(here, ["CREATE TABLE n AS SELECT generate_series(1, 120001) AS i"])
        with open_source(here) as source:
            table = source.introspect().table(self.name("n"))
            batches = list(source.read(table, ["i"], order_by=["i"]))
        assert [50_000, 50_000, 20_001] == [b.num_rows for b in batches]
        assert (1, 120001) == (batches[0].column(0)[0].as_py(), batches[-1].column(0)[-1].as_py())

    def test_inherited_rows_are_read_once(self, here: Location) -> None:
        self.load(
            here,
            [
                "CREATE TABLE base (i integer)",
                "CREATE TABLE more (j integer) INHERITS (base)",
                "CREATE TABLE parts (i integer) PARTITION BY RANGE (i)",
                "CREATE TABLE part PARTITION OF parts FOR VALUES FROM (0) TO (10)",
                "INSERT INTO base VALUES (1)",
                "INSERT INTO more VALUES (2, 3)",
                "INSERT INTO parts VALUES (4)",
            ],
        )
        assert [[(1,)], [(2, 3)], [(4,)]] == [
            self.rows(here, table) for table in ("base", "more", "parts")
        ]
        uncarried = {(o.kind, o.name) for o in self.introspect(here).objects}
        assert {("inheritance of", "public.more"), ("partitioning of", "public.parts")} == uncarried

    # safety -------------------------------------------------------------------------------------

    def test_the_snapshot_does_not_see_later_rows(self, here: Location) -> None:
        self.load(here, self.tree)
        with open_source(here) as source:
            self.load(here, ["INSERT INTO node VALUES (9, NULL, 'late')"])
            assert 3 == source.count(self.name("node"))

    def test_the_target_shows_nothing_before_commit(self, here: Location, there: Location) -> None:
        self.load(here, self.tree)
        self.load(there, ["CREATE TABLE old (i integer)"])
        with open_target(there) as target:
            adoption = target.adopt(self.introspect(here))
            target.begin(replace=True)
            target.create(adoption.schema)
            found = self.ask(there, "SELECT relname FROM pg_class WHERE relname IN ('old', 'node')")
            assert [("old",)] == found

    def test_a_second_run_is_kept_out(self, there: Location) -> None:
        with open_target(there) as first, open_target(there) as second:
            first.check()
            with pytest.raises(LockedError):
                second.check()

    def test_a_password_is_not_told(self) -> None:
        url = "postgresql://nobody:s3cret@127.0.0.1:1/nowhere"
        with pytest.raises(ConnectError) as caught, open_source(resolve(url)):
            pass
        assert "s3cret" not in caught.value.message

    def test_a_failing_query_is_told_as_such(self, here: Location) -> None:
        with open_source(here) as source, pytest.raises(SourceError):
            source.query("SELECT * FROM missing")

    def test_what_is_not_a_uuid_is_refused_without_its_value(self, there: Location) -> None:
        self.load(there, ["CREATE TABLE u (u uuid)"])
        table = self.introspect(there).table(self.name("u"))
        with open_target(there) as target, pytest.raises(TargetError) as caught:
            target.begin(replace=False)
            target.write(table, [self.batch(table, [("771177",)])])
        assert "771177" not in caught.value.message

    # rights -------------------------------------------------------------------------------------

    @pytest.fixture
    def guest(self, here: Location) -> Iterator[Location]:
        """The same database as a role that owns nothing; the role goes away with its database."""
        role = "guest_" + here.url.partition("?")[0].rpartition("_")[2]
        self.load(here, [f'CREATE ROLE "{role}" LOGIN'])
        yield resolve(here.url.replace("postgres@", f"{role}@"))
        self.load(here, [f'DROP OWNED BY "{role}"', f'DROP ROLE "{role}"'])

    def test_all_unreadable_tables_are_named_at_once(self, here: Location, guest: Location) -> None:
        role = guest.url.split("//")[1].split("@")[0]
        self.load(here, [*self.tree, *self.composite, f'GRANT SELECT ON node TO "{role}"'])
        with open_source(guest) as source, pytest.raises(PermissionDeniedError) as caught:
            source.introspect().require_readable()
        tables = ("child", "parent")
        assert tuple(f"no right to read public.{t}" for t in tables) == caught.value.problems

    def test_row_level_security_is_not_taken_for_the_whole_table(
        self, here: Location, guest: Location
    ) -> None:
        self.load(
            here,
            [
                "CREATE TABLE mine (i integer)",
                "GRANT SELECT ON mine TO PUBLIC",
                "ALTER TABLE mine ENABLE ROW LEVEL SECURITY",
            ],
        )
        with open_source(guest) as source, pytest.raises(PermissionDeniedError) as caught:
            source.introspect().require_readable()
        assert "public.mine" in caught.value.message

    def test_a_target_without_the_right_to_create_is_found_before(self, guest: Location) -> None:
        with open_target(guest) as target, pytest.raises(PermissionDeniedError):
            target.check()

    def test_an_ordinary_user_can_read_and_write(
        self, here: Location, there: Location, guest: Location
    ) -> None:
        role = guest.url.split("//")[1].split("@")[0]
        self.load(there, self.shop)
        self.load(there, [f'GRANT SELECT ON ALL TABLES IN SCHEMA public TO "{role}"'])
        self.load(here, [f'GRANT CREATE ON SCHEMA public TO "{role}"'])
        reader = resolve(there.url.replace("postgres@", f"{role}@"))
        self.copy(reader, guest)
        assert self.rows(there, "purchase") == self.rows(here, "purchase")
        self.load(there, [f'DROP OWNED BY "{role}"'])

    def test_an_unknown_type_is_refused_before_any_work(
        self, here: Location, there: Location
    ) -> None:
        self.load(here, ["CREATE TABLE w (i integer, k text)"])
        with open_source(here) as source, open_target(there) as target:
            schema = source.introspect()
            (table,) = schema.tables
            other = replace(table.columns[1], type=SqlType(kind="other", native="x.strange"))
            table = replace(table, columns=(table.columns[0], other))
            with pytest.raises(TargetError) as caught:
                target.adopt(replace(schema, tables=(table,)))
        assert "table public.w" in caught.value.problems[0]
