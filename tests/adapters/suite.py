"""The contract that every adapter keeps, as one class of tests to inherit from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from graphlib import TopologicalSorter
from typing import Any, ClassVar

import pyarrow as pa
import pytest

from dbsynth.adapters import open_source, open_target
from dbsynth.adapters.base import RESERVED, Adoption, KeyFilter, Source, Target
from dbsynth.arrow import arrow_schema
from dbsynth.errors import DbsynthError, TargetError
from dbsynth.schema import Schema, Table, TableName
from dbsynth.urls import Location
from tests.adapters.cases import Cases, Rows, foreign_schema


def read(
    source: Source, table: Table, keys: KeyFilter | None = None, limit: int | None = None
) -> pa.Table:
    """Read a table, ordered by its primary key."""
    columns = [c.name for c in table.written_columns]
    batches = source.read(table, columns, order_by=table.primary_key, keys=keys, limit=limit)
    # Whether a field may be null is left to the adapter; its name and type are not.
    schema = pa.schema([(f.name, f.type) for f in arrow_schema(table)])
    bare = [pa.RecordBatch.from_arrays(b.columns, names=b.schema.names) for b in batches]
    return pa.Table.from_batches(bare, schema=schema)


def tuples(table: pa.Table) -> Rows:
    """Turn an Arrow table into row tuples, which compare and print well."""
    columns = [column.to_pylist() for column in table.columns]
    return list(zip(*columns, strict=True))


def parents_first(schema: Schema) -> list[Table]:
    """Order tables so that declared keys point backwards."""
    sorter: TopologicalSorter[TableName] = TopologicalSorter({t.name: () for t in schema.tables})
    for key in schema.foreign_keys:
        if key.is_declared and not key.is_self:
            sorter.add(key.child, key.parent)
    return [schema.table(name) for name in sorter.static_order()]


def without_names(table: Table) -> Table:
    """Forget what a database may call its constraints, and in which order it lists them."""

    def bare(items: Iterable[Any]) -> tuple[Any, ...]:
        return tuple(sorted((replace(i, name="") for i in items), key=repr))

    return replace(
        table,
        primary_key_name=None,
        foreign_keys=bare(table.foreign_keys),
        uniques=bare(table.uniques),
        checks=bare(table.checks),
        indexes=bare(table.indexes),
    )


class AdapterContract(Cases):
    """
    What any source and target promise; a subclass names its databases and its dialect's spelling.

    A subclass gives the fixtures `here` (an existing, empty database) and `there` (one that may be
    loaded), and the hooks `load` and `alias`.  Statements quote names with double quotes, so `load`
    sets ANSI_QUOTES where that is needed.
    """

    is_scripted = False  # whether copies take the source's own statements

    # hooks --------------------------------------------------------------------------------------

    def load(self, location: Location, statements: Sequence[str]) -> None:
        """Run statements in a database with the bare driver, and commit."""
        raise NotImplementedError

    def alias(self, location: Location) -> Location:
        """Name the same database in another way."""
        raise NotImplementedError

    @contextmanager
    def open_source(self, location: Location) -> Iterator[Source]:
        """Open the source side."""
        with open_source(location) as source:
            yield source

    @contextmanager
    def open_target(self, location: Location) -> Iterator[Target]:
        """Open the target side."""
        with open_target(location) as target:
            yield target

    def normalised(self, schema: Schema) -> Schema:
        """Forget what may differ between a schema and its copy."""
        tables = tuple(without_names(t) for t in schema.tables)
        return replace(schema, server_version="", tables=tables, script=())

    def outline(self, schema: Schema) -> tuple[Table, ...]:
        """A schema's tables without expressions, which a database may print in its own way."""
        return tuple(
            replace(
                table,
                columns=tuple(replace(c, default=None) for c in table.columns),
                checks=tuple(replace(c, expression="") for c in table.checks),
                indexes=tuple(replace(i, definition=None) for i in table.indexes),
            )
            for table in self.normalised(schema).tables
        )

    # helpers ------------------------------------------------------------------------------------

    def name(self, table: str) -> TableName:
        """Give an unqualified table's full name."""
        return TableName(self.schema, table)

    def introspect(self, location: Location) -> Schema:
        """Read a database's schema."""
        with self.open_source(location) as source:
            return source.introspect()

    def rows(self, location: Location, table: str) -> Rows:
        """Read all rows of a table, ordered by primary key."""
        with self.open_source(location) as source:
            return tuples(read(source, source.introspect().table(self.name(table))))

    def ask(self, location: Location, sql: str) -> Rows:
        """Run one SELECT."""
        with self.open_source(location) as source:
            return tuples(source.query(sql))

    def copy(self, here: Location, there: Location, *, commit: bool = True) -> Adoption:
        """Copy a database as the pipeline does."""
        with self.open_source(here) as source, self.open_target(there) as target:
            target.check()
            schema = source.introspect()
            if self.is_scripted:
                schema = replace(schema, script=source.script(schema))
            adoption = target.adopt(schema)
            target.begin(replace=True)
            target.create(adoption.schema)
            for table in parents_first(adoption.schema):
                target.write(table, read(source, self.origin(source, adoption, table)).to_batches())
            target.finish(adoption.schema)
            target.record({"run": "r1"})
            if commit:
                target.commit()
        return adoption

    def origin(self, source: Source, adoption: Adoption, table: Table) -> Table:
        """Find the source's table behind a target's."""
        back = {new: old for old, new in adoption.names.items()}
        return source.introspect().table(back[table.name])

    # reading the catalogs -----------------------------------------------------------------------

    def test_introspect_tells_types_keys_and_rules(self, here: Location) -> None:
        self.load(here, self.shop)
        schema = self.introspect(here)
        customer = schema.table(self.name("customer"))
        purchase = schema.table(self.name("purchase"))
        assert schema.dialect == self.dialect
        assert ["customer", "heap", "purchase", "vacant"] == [t.name.name for t in schema.tables]
        kinds = ["integer", "string", "string", "date", "timestamp", "decimal", "float", "bytes"]
        assert [*kinds, "integer"] == [c.type.kind for c in customer.columns]
        nullable = [False, False, True, True, True, True, True, True, False]
        assert nullable == [c.is_nullable for c in customer.columns]
        assert (10, 2) == (customer.columns[5].type.precision, customer.columns[5].type.scale)
        assert [("email",)] == [u.columns for u in customer.uniques]
        assert ("customer_id", "no") == purchase.primary_key
        assert [("amount",)] == [i.columns for i in purchase.indexes]
        assert [("amount",)] == [c.columns for c in purchase.checks]
        assert "amount" in purchase.checks[0].expression
        assert () == schema.table(self.name("heap")).primary_key

    def test_introspect_keeps_the_order_of_composite_keys(self, here: Location) -> None:
        self.load(here, self.composite)
        schema = self.introspect(here)
        assert ("y", "x") == schema.table(self.name("parent")).primary_key
        keys = schema.table(self.name("child")).foreign_keys
        expected = {(("py", "px"), ("y", "x")), (("qy", "qx"), ("y", "x"))}
        assert expected == {(k.columns, k.parent_columns) for k in keys}
        assert {self.name("parent")} == {k.parent for k in keys}
        assert 2 == len({k.name for k in keys})

    def test_introspect_sees_self_references(self, here: Location) -> None:
        self.load(here, self.tree)
        (key,) = self.introspect(here).table(self.name("node")).foreign_keys
        assert key.is_self
        assert (("parent_id",), ("id",)) == (key.columns, key.parent_columns)

    def test_introspect_reads_any_identifier(self, here: Location) -> None:
        self.load(here, self.odd_names)
        schema = self.introspect(here)
        expected = ["group", "50% off", "MixedCase", "naïve ñ 語", "a.b", 'q"uote']
        assert expected == [c.name for c in schema.table(self.name("order")).columns]
        (key,) = schema.table(self.name("Select Me")).foreign_keys
        assert (("from",), self.name("order")) == (key.columns, key.parent)

    def test_introspect_sees_generated_columns(self, here: Location) -> None:
        self.load(here, [self.priced])
        columns = self.introspect(here).table(self.name("priced")).columns
        assert [True, True, True, False] == [c.is_written for c in columns]
        assert "price" in (columns[3].generated or "")

    def test_introspect_sees_numbered_columns(self, here: Location) -> None:
        self.load(here, self.counted)
        column = self.introspect(here).table(self.name("counted")).column("id")
        assert column.identity is not None

    def test_a_schema_survives_its_json(self, here: Location) -> None:
        self.load(here, [*self.shop, *self.composite, *self.counted, self.priced])
        schema = self.introspect(here)
        assert schema == Schema.from_json(schema.to_json())

    # reading rows -------------------------------------------------------------------------------

    def test_read_is_ordered_and_typed(self, here: Location) -> None:
        self.load(here, self.shop)
        with self.open_source(here) as source:
            table = source.introspect().table(self.name("customer"))
            batches = list(source.read(table, ["visits", "id"], order_by=["id"]))
            assert self.customers == tuples(read(source, table))
        assert [pa.schema([("visits", pa.int64()), ("id", arrow_schema(table).field("id").type)])] \
            == [pa.schema([(f.name, f.type) for f in b.schema]) for b in batches]  # fmt: skip
        assert [-1, 9007199254740993] == batches[0].column(0).to_pylist()

    @pytest.mark.parametrize("limit", [0, 2, 50])
    def test_a_limit_gives_the_first_rows_in_order(self, here: Location, limit: int) -> None:
        self.load(here, self.shop)
        with self.open_source(here) as source:
            table = source.introspect().table(self.name("purchase"))
            every = tuples(read(source, table))
            found = tuples(read(source, table, limit=limit))
        assert every[:limit] == found

    def test_an_empty_table_reads_as_no_rows(self, here: Location) -> None:
        self.load(here, self.shop)
        assert [] == self.rows(here, "vacant")

    def test_a_table_without_key_reads_with_its_duplicates(self, here: Location) -> None:
        self.load(here, self.shop)
        expected = [(None, None), (1, "x"), (1, "x")]
        assert expected == sorted(self.rows(here, "heap"), key=str, reverse=True)

    def test_count_is_exact(self, here: Location) -> None:
        self.load(here, self.shop)
        with self.open_source(here) as source:
            counts = [source.count(self.name(t)) for t in ("purchase", "vacant", "heap")]
        assert [3, 0, 3] == counts

    def test_an_estimate_is_near_and_a_sample_is_of_the_table_if_there_are_any(
        self, here: Location
    ) -> None:
        self.load(here, self.shop)
        with self.open_source(here) as source:
            table = source.introspect().table(self.name("purchase"))
            columns = list(table.primary_key)
            told = source.estimate(table.name)
            assert told is None or abs(told - 3) < 100
            found = source.sample(table, columns, share=1.0, seed=3)
            rows = [r for b in source.read(table, columns) for r in b.to_pylist()]
            if found is not None:
                assert sorted(map(str, rows)) == sorted(
                    str(r) for b in found for r in b.to_pylist()
                )

    def test_read_is_restricted_to_single_keys(self, here: Location) -> None:
        self.load(here, self.shop)
        with self.open_source(here) as source:
            table = source.introspect().table(self.name("purchase"))
            kind = arrow_schema(table).field("customer_id").type
            wanted = pa.table({"customer_id": pa.array([2, 77], kind)})
            found = tuples(read(source, table, KeyFilter(("customer_id",), wanted)))
        assert [(2, 1, Decimal("123456.78")), (2, 2, Decimal("5.00"))] == found

    def test_read_is_restricted_to_composite_keys(self, here: Location) -> None:
        self.load(here, self.composite)
        with self.open_source(here) as source:
            table = source.introspect().table(self.name("parent"))
            kinds = arrow_schema(table)
            wanted = pa.table(
                {
                    "x": pa.array([1, 2], kinds.field("x").type),
                    "y": pa.array(["a", "b"], kinds.field("y").type),
                }
            )
            found = tuples(read(source, table, KeyFilter(("x", "y"), wanted)))
        assert [(1, "a", 30)] == found

    def test_a_source_cannot_be_written(self, here: Location) -> None:
        self.load(here, self.shop)
        for sql in ("DELETE FROM heap", "INSERT INTO heap VALUES (5, 'y')", "DROP TABLE heap"):
            with self.open_source(here) as source, pytest.raises(DbsynthError):
                source.query(sql)
        assert 3 == len(self.rows(here, "heap"))

    def test_a_failed_query_leaves_the_snapshot_usable(self, here: Location) -> None:
        self.load(here, self.shop)
        with self.open_source(here) as source:
            with pytest.raises(DbsynthError):
                source.query("SELECT no_such_column FROM heap")
            assert 3 == source.count(self.name("heap"))

    # writing ------------------------------------------------------------------------------------

    def test_a_copy_has_the_same_schema_and_rows(self, here: Location, there: Location) -> None:
        self.load(here, self.everything)
        adoption = self.copy(here, there)
        before, after = self.introspect(here), self.introspect(there)
        assert () == adoption.losses
        assert self.normalised(before) == self.normalised(after)
        assert self.normalised(adoption.schema) == self.normalised(after)
        for table in before.tables:
            expected = sorted(self.rows(here, table.name.name), key=repr)
            assert expected == sorted(self.rows(there, table.name.name), key=repr)

    def test_a_generated_column_is_computed_again(self, here: Location, there: Location) -> None:
        self.load(here, [self.priced, "INSERT INTO priced (id, price, qty) VALUES (1, 3, 4)"])
        self.copy(here, there)
        assert [(1, 3, 4, 12)] == self.ask(there, "SELECT id, price, qty, total FROM priced")
        assert self.introspect(here).tables == self.introspect(there).tables

    def test_numbering_continues_after_the_rows(self, here: Location, there: Location) -> None:
        self.load(here, [*self.counted, "INSERT INTO counted (id, note) VALUES (41, 'last')"])
        self.copy(here, there)
        self.load(there, ["INSERT INTO counted (note) VALUES ('next')"])
        assert [(41, "last"), (42, "next")] == self.rows(there, "counted")

    def test_numbering_of_an_empty_table_starts_at_one(
        self, here: Location, there: Location
    ) -> None:
        self.load(here, self.counted)
        self.copy(here, there)
        self.load(there, ["INSERT INTO counted (note) VALUES ('first')"])
        assert [(1, "first")] == self.rows(there, "counted")

    def test_backfill_sets_columns_by_primary_key(self, here: Location, there: Location) -> None:
        self.load(here, self.tree)
        with self.open_source(here) as source, self.open_target(there) as target:
            adoption = target.adopt(source.introspect())
            (table,) = adoption.schema.tables
            rows = read(source, table)
            empty = pa.nulls(len(rows), rows.schema.field("parent_id").type)
            target.begin(replace=False)
            target.create(adoption.schema)
            target.write(table, rows.set_column(1, "parent_id", empty).to_batches())
            changes = rows.select(["id", "parent_id"]).to_batches()
            assert 3 == target.backfill(table, ["parent_id"], changes)
            target.finish(adoption.schema)
            target.commit()
        assert self.rows(here, "node") == self.rows(there, "node")

    def test_leaving_without_commit_leaves_what_was_there(
        self, here: Location, there: Location
    ) -> None:
        self.load(here, self.shop)
        self.load(there, self.tree)
        self.copy(here, there, commit=False)
        assert ["node"] == [t.name.name for t in self.introspect(there).tables]
        assert 3 == len(self.rows(there, "node"))

    def test_leaving_by_an_error_leaves_nothing(self, here: Location, there: Location) -> None:
        self.load(here, self.tree)
        schema = self.introspect(here)

        def fail() -> None:
            with self.open_target(there) as target:
                target.begin(replace=False)
                target.create(target.adopt(schema).schema)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        with self.open_target(there) as target:
            assert () == target.occupants()

    def test_replace_swaps_the_content(self, here: Location, there: Location) -> None:
        self.load(here, self.composite)
        self.load(there, self.tree)
        self.copy(here, there)
        assert ["child", "parent"] == [t.name.name for t in self.introspect(there).tables]

    def test_a_copy_can_be_replaced_again_and_again(self, here: Location, there: Location) -> None:
        self.load(here, [*self.composite, *self.counted])
        for _ in range(2):
            self.copy(here, there)
        assert self.rows(here, "child") == self.rows(there, "child")

    def test_the_reserved_table_is_written_but_not_listed(
        self, here: Location, there: Location
    ) -> None:
        self.load(here, self.tree)
        self.copy(here, there)
        with self.open_target(there) as target:
            assert (self.name("node"),) == target.occupants()
        assert [self.name("node")] == [t.name for t in self.introspect(there).tables]
        recorded = self.ask(there, f"SELECT value FROM {RESERVED}")
        assert [("r1",)] == recorded

    def test_a_load_can_be_queried_before_commit(self, here: Location, there: Location) -> None:
        self.load(here, self.odd_names)
        with self.open_source(here) as source, self.open_target(there) as target:
            adoption = target.adopt(source.introspect())
            target.begin(replace=False)
            target.create(adoption.schema)
            for table in parents_first(adoption.schema):
                origin = self.origin(source, adoption, table)
                written = target.write(table, read(source, origin).to_batches())
                name = target.quote(table.name)
                (count,) = target.query(f"SELECT count(*) FROM {name}").column(0).to_pylist()
                assert (1, 1) == (written, count)

    def test_a_failed_query_leaves_the_load_usable(self, here: Location, there: Location) -> None:
        self.load(here, self.shop)
        with self.open_source(here) as source, self.open_target(there) as target:
            adoption = target.adopt(source.introspect())
            target.begin(replace=False)
            target.create(adoption.schema)
            target.finish(adoption.schema)
            with pytest.raises(DbsynthError):
                target.query("SELECT no_such_column")
            target.commit()
        assert [] == self.rows(there, "heap")

    @pytest.mark.parametrize("rule", ["primary key", "check", "foreign key", "unique", "not null"])
    def test_a_broken_rule_is_told_without_any_value(
        self, here: Location, there: Location, rule: str
    ) -> None:
        self.load(here, self.strict)
        rows = {
            "primary key": [(1, 771177, 1), (1, 771177, 2)],
            "check": [(1, -771177, 1)],
            "foreign key": [(1, 1, 771177)],
            "unique": [(1, 1, 771177), (2, 1, 771177)],
            "not null": [(771177, None, 1)],
        }[rule]
        parents = [1, 2] if rule != "unique" else [771177]
        with pytest.raises(TargetError) as caught:
            self.load_strict(self.introspect(here), there, parents, rows)
        assert "leaf" in caught.value.message
        assert "771177" not in caught.value.message + caught.value.remedy
        with self.open_target(there) as target:
            assert () == target.occupants()

    def load_strict(
        self, schema: Schema, there: Location, parents: Sequence[int], rows: Sequence[Any]
    ) -> None:
        """Load the two tables of `strict`."""
        with self.open_target(there) as target:
            adopted = target.adopt(schema).schema
            target.begin(replace=False)
            target.create(adopted)
            base, leaf = (adopted.table(self.name(t)) for t in ("base", "leaf"))
            target.write(base, [self.batch(base, [(p,) for p in parents])])
            target.write(leaf, [self.batch(leaf, rows)])
            target.finish(adopted)

    def batch(self, table: Table, rows: Sequence[tuple[Any, ...]]) -> pa.RecordBatch:
        """Make a batch of a table's rows."""
        schema = arrow_schema(table)
        columns = zip(*rows, strict=True)
        arrays = [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)]
        return pa.record_batch(arrays, names=schema.names)

    def test_many_batches_make_one_table(self, here: Location, there: Location) -> None:
        self.load(here, self.counted)
        with self.open_target(there) as target:
            adoption = target.adopt(self.introspect(here))
            (table,) = adoption.schema.tables
            target.begin(replace=False)
            target.create(adoption.schema)
            batches = (self.batch(table, [(i, f"n{i}")]) for i in range(1, 6))
            assert 5 == target.write(table, batches)
            assert 0 == target.write(table, [])
            target.finish(adoption.schema)
            target.commit()
        assert [(i, f"n{i}") for i in range(1, 6)] == self.rows(there, "counted")

    # identity -----------------------------------------------------------------------------------

    def test_one_database_has_one_identity(self, here: Location, there: Location) -> None:
        self.load(there, self.tree)
        with (
            self.open_source(here) as source,
            self.open_source(self.alias(here)) as alias,
            self.open_source(there) as other,
        ):
            assert source.identity() == alias.identity()
            assert source.identity() != other.identity()

    def test_source_and_target_agree_on_the_identity(self, here: Location) -> None:
        with self.open_source(here) as source:
            expected = source.identity()
        with self.open_target(self.alias(here)) as target:
            assert expected == target.identity()

    def test_a_foreign_schema_is_adopted(self, there: Location) -> None:
        schema = foreign_schema("postgresql" if self.dialect == "mysql" else "mysql")
        with self.open_target(there) as target:
            adoption = target.adopt(schema)
            target.begin(replace=False)
            target.create(adoption.schema)
            target.finish(adoption.schema)
            target.commit()
        created = self.introspect(there)
        assert set(adoption.names.values()) == {t.name for t in created.tables}
        assert self.outline(adoption.schema) == self.outline(created)


class CycleContract(AdapterContract):
    """For databases that can declare cyclic keys."""

    cycle: ClassVar[tuple[str, ...]] = (
        "CREATE TABLE team (id INTEGER NOT NULL PRIMARY KEY, lead_id INTEGER)",
        "CREATE TABLE person (id INTEGER NOT NULL PRIMARY KEY, team_id INTEGER NOT NULL,"
        " FOREIGN KEY (team_id) REFERENCES team (id))",
        "ALTER TABLE team ADD FOREIGN KEY (lead_id) REFERENCES person (id)",
        "INSERT INTO team VALUES (1, NULL), (2, NULL)",
        "INSERT INTO person VALUES (10, 1), (20, 2)",
        "UPDATE team SET lead_id = id * 10",
    )

    def test_backfill_closes_a_cycle(self, here: Location, there: Location) -> None:
        self.load(here, self.cycle)
        with self.open_source(here) as source, self.open_target(there) as target:
            before = source.introspect()
            adoption = target.adopt(before)
            team, person = (adoption.schema.table(self.name(t)) for t in ("team", "person"))
            target.begin(replace=False)
            target.create(adoption.schema)
            teams, people = read(source, team), read(source, person)
            lead = teams.schema.field("lead_id").type
            target.write(team, teams.set_column(1, "lead_id", pa.nulls(2, lead)).to_batches())
            target.write(person, people.to_batches())
            target.backfill(team, ["lead_id"], teams.to_batches())
            target.finish(adoption.schema)
            target.commit()
        assert () == adoption.losses
        assert [(1, 10), (2, 20)] == self.rows(there, "team")
        assert self.normalised(before) == self.normalised(self.introspect(there))


class EnumContract(AdapterContract):
    """For databases with enumerated types."""

    enum: ClassVar[tuple[str, ...]]  # a table `ticket` (id, state in 'new', 'it''s', 'ä' in order)

    def test_enumerations_keep_their_labels_in_order(self, here: Location, there: Location) -> None:
        self.load(here, [*self.enum, "INSERT INTO ticket VALUES (1, 'it''s'), (2, NULL)"])
        adoption = self.copy(here, there)
        before, after = self.introspect(here), self.introspect(there)
        column = after.table(self.name("ticket")).column("state")
        assert ("enum", ("new", "it's", "ä")) == (column.type.kind, column.type.labels)
        assert () == adoption.losses
        assert self.normalised(before) == self.normalised(after)
        assert [(1, "it's"), (2, None)] == self.rows(there, "ticket")
