"""Who owns whom: the key along which each table's rows are generated, and the roots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from dbsynth import calendars, lexicon
from dbsynth.classify import has_personal_data
from dbsynth.features import Ints
from dbsynth.graph import KeyId
from dbsynth.plan import TableMode
from dbsynth.polymorphs import tables_of_labels
from dbsynth.release import MIN_ENTITIES
from dbsynth.schema import ForeignKey, Schema, Table, TableName
from dbsynth.treatments import Treatments

REFERENCE_ROWS = 2_000  # a table with more rows is never a reference table
LOOKUP_PARENTS = 100  # up to so many parents, each with many children, are a list of values
LOOKUP_FANOUT = 10
# Two of these in one table and its rows are people, whom no other row owns.
IDENTITY = frozenset({
    "first_name", "last_name", "full_name", "email", "user_name", "birth_date", "national_id",
    "passport", "driver_license", "password_hash",
})  # fmt: skip
BOOKKEEPING = frozenset({
    "alembic_version", "django_migrations", "schema_migrations", "ar_internal_metadata",
    "flyway_schema_history", "databasechangelog", "databasechangeloglock", "knex_migrations",
    "knex_migrations_lock", "__efmigrationshistory", "goose_db_version", "_prisma_migrations",
    "sequelizemeta", "typeorm_metadata", "phinxlog", "migrations",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class TableWish:
    """What the user wants of one table; None: as the planner sees fit."""

    mode: TableMode | None = None
    rows: int | None = None
    scale: float | None = None
    owner: str | None = None  # name of the owning foreign key; "" for none
    engine: str | None = None


@dataclass(frozen=True)
class Facts:
    """What the planner knows of the source."""

    schema: Schema
    treatments: Treatments
    counts: Mapping[TableName, int]
    profile: Mapping[TableName, pa.Table]
    pointers: Mapping[KeyId, Ints]  # within the profile
    cut: frozenset[KeyId]
    wishes: Mapping[TableName, TableWish]

    @cached_property
    def label_tables(self) -> frozenset[TableName]:
        """The tables that list the labels of polymorphic references."""
        return tables_of_labels(self.schema)

    def is_person(self, name: TableName) -> bool:
        """Whether a table describes people, or the companies that somebody deals with."""
        told = self.treatments[name]
        is_client = lexicon.is_person_table(name.name, told)
        is_company = any(t.semantic == "company" for t in told.values())
        return has_personal_data(told) or (is_client and is_company)

    def is_named_for_people(self, name: TableName) -> bool:
        """Whether a table's name says that its rows are people, whatever its columns are."""
        return lexicon.is_person_table(name.name, ())

    def is_identity(self, name: TableName) -> bool:
        """Whether a table's rows are people in their own right, not things that name somebody."""
        told = {t.semantic for t in self.treatments[name].values()}
        return len(told & IDENTITY) >= 2

    def is_organisation(self, name: TableName) -> bool:
        """Whether a table lists organisations, none of which is a person by itself."""
        is_company = any(t.semantic == "company" for t in self.treatments[name].values())
        return is_company and not self.is_identity(name)

    def personality(self, name: TableName) -> float:
        """
        How much a table is about people: 0 not, 1 it names somebody, 1.5 it lists them.

        A name alone is half as much: a tenant is a company as well.
        """
        if not self.is_person(name):
            return 0.5 if self.is_named_for_people(name) else 0.0
        return 1.5 if self.is_identity(name) else 1.0

    def is_calendar(self, name: TableName) -> bool:
        """Whether a table lists day after day, and says nothing of them that calendars do not."""
        if self.counts[name] > calendars.MOST_ROWS or self.is_person(name):
            return False
        told = dict(self.treatments[name])
        return calendars.is_calendar(self.schema.table(name), told, self.profile[name])

    def wish(self, name: TableName) -> TableWish:
        """What the user wants of a table."""
        return self.wishes.get(name, TableWish())


def find_owners(facts: Facts, order: list[TableName]) -> dict[TableName, ForeignKey]:
    """Choose the key along which each table's rows are generated, parents first."""
    owners: dict[TableName, ForeignKey] = {}
    personal: dict[TableName, float] = {}
    for name in order:
        table = facts.schema.table(name)
        key = _owner(facts, table, personal)
        if key is not None:
            owners[name] = key
        inherited = personal[key.parent] if key is not None else 0.0
        personal[name] = max(inherited, facts.personality(name))
    return owners


def _owner(facts: Facts, table: Table, personal: Mapping[TableName, float]) -> ForeignKey | None:
    wish = facts.wish(table.name).owner
    if wish is not None:
        return next((k for k in table.foreign_keys if k.name == wish), None)
    if facts.wish(table.name).mode == "copy" or table.name.name.lower() in BOOKKEEPING:
        return None
    scored = []
    for key in table.foreign_keys:
        if key.is_self or (table.name, key.name) in facts.cut or key.parent not in personal:
            continue
        if key.when is not None or key.parent in facts.label_tables:
            continue
        if _may_own(facts, table, key):
            scored.append((_ownership(facts, table, key, personal), key))
    return max(scored, key=lambda s: (s[0], s[1].name))[1] if scored else None


def _is_identifying(table: Table, key: ForeignKey) -> bool:
    return set(key.columns) <= set(table.primary_key)


def is_one_to_one(table: Table, key: ForeignKey) -> bool:
    return any(set(unique) <= set(key.columns) for unique in table.unique_sets)


def _may_own(facts: Facts, table: Table, key: ForeignKey) -> bool:
    """Whether a parent is a thing that has these rows, not a value that these rows have."""
    if facts.wish(key.parent).mode in ("copy", "empty") or facts.counts[key.parent] == 0:
        return False
    if facts.is_calendar(key.parent):
        return False
    tied = _is_identifying(table, key) or is_one_to_one(table, key)
    if facts.is_identity(table.name) and not tied:
        return False
    pointers = facts.pointers[table.name, key.name]
    parents = facts.counts[key.parent]
    used = min(parents, _used(pointers, facts.counts[table.name]))
    if used == 0:
        return parents >= MIN_ENTITIES or tied
    fanout = max(len(pointers), facts.counts[table.name]) / used
    crowded = used <= LOOKUP_PARENTS and fanout >= LOOKUP_FANOUT
    if tied and 2 * used > parents:
        crowded = False
    if facts.is_identity(key.parent) and parents >= MIN_ENTITIES:
        crowded = False  # people are no list of values, however much each of them has
    guards = facts.is_person(key.parent) and not facts.is_organisation(key.parent)
    small = parents < MIN_ENTITIES and not guards  # a few tenants are no reason to learn nothing
    return not crowded and not small and not _is_label_table(facts, key.parent)


def _used(pointers: Ints, rows: int) -> int:
    """
    Estimate how many parents a table of so many rows uses, from the pointers of its first ones.

    Rows come in the order of their key.  Where that order follows the parents, the first half of
    the rows knows about half as many of them, and all rows as many more; else most were seen.
    """
    seen = len(np.unique(pointers[pointers >= 0]))
    early = pointers[: len(pointers) // 2]
    if 3 * seen < 4 * len(np.unique(early[early >= 0])) or len(pointers) == 0:
        return seen
    return round(seen * max(1.0, rows / len(pointers)))


def _is_label_table(facts: Facts, name: TableName) -> bool:
    """A short code with its name, and nothing measured: a list of values."""
    table = facts.schema.table(name)
    if facts.counts[name] > REFERENCE_ROWS or facts.is_person(name) or len(table.primary_key) != 1:
        return False
    key = table.column(table.primary_key[0]).type
    short = key.kind == "string" and key.length is not None and key.length <= 8
    kinds = {t.kind for t in facts.treatments[name].values()}
    return short and not kinds & {"number", "datetime", "text", "binary"}


def _ownership(
    facts: Facts, table: Table, key: ForeignKey, personal: Mapping[TableName, float]
) -> float:
    """How much a parent looks like the owner: higher is better."""
    pointers = facts.pointers[table.name, key.name]
    complete = bool(np.mean(pointers >= 0) > 0.999) if len(pointers) else False
    parent = facts.schema.table(key.parent)
    is_strong = not any(_is_identifying(parent, k) for k in parent.foreign_keys)
    identifying = _is_identifying(table, key) or is_one_to_one(table, key)
    score = 4.0 * personal[key.parent] + 3.0 * identifying + 1.0 * complete
    score += 1.5 * is_strong
    return score + 0.3 * float(np.log10(max(1, facts.counts[key.parent])))


def find_roots(
    order: list[TableName], owners: Mapping[TableName, ForeignKey]
) -> dict[TableName, TableName]:
    roots: dict[TableName, TableName] = {}
    for name in order:
        roots[name] = roots[owners[name].parent] if name in owners else name
    return roots
