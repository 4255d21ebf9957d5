"""Random schemas: tables with keys of every shape, drawn from a seed; no rows yet."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]
Judge = Callable[[Row], bool]

TABLES = ("customer", "order", "Item", "user", "team", "note", "visit", "doc", "unit", "grade",
          "select", "Line Item", "stock", "price.list", "x%", 'q"t', "straße", "event",
          "place")  # fmt: skip
ODD_COLUMNS = ("index", "level_0", "order", "Mixed Case", "a.b", "50%", "größe", "table", "oid_",
               "rowid_", "from", "user", "value", "values", "row", 'say "hi"',
               "row_number")  # fmt: skip
ATTRIBUTES = (
    ("email", "text"), ("first_name", "varchar"), ("city", "text"), ("phone", "varchar"),
    ("note", "text"), ("status", "label"), ("kind", "enum"), ("amount", "decimal"),
    ("qty", "integer"), ("total", "bigint"), ("born", "date"), ("created_at", "timestamp"),
    ("seen_at", "timestamptz"), ("opens", "time"), ("is_open", "boolean"), ("ratio", "double"),
    ("code", "code"), ("payload", "json"), ("data", "bytes"), ("tags", "array"),
    ("span", "interval"), ("address", "inet"), ("token", "uuid"), ("short", "char"),
    ("small", "smallint"), ("yes_no", "letter"),
)  # fmt: skip
KEY_KINDS = ("integer", "bigint", "smallint", "text", "varchar", "code", "uuid", "date", "decimal",
             "timestamp")  # fmt: skip
LABELS = ("new", "open", "waiting for parts", "done")


@dataclass(eq=False)
class Column:
    name: str
    kind: str
    required: bool = False
    is_counted: bool = False  # 1, 2, 3 …, or the n-th of whatever its kind is
    numbering: str = ""  # always, by default
    default: str = ""
    generated: str = ""
    is_blank: bool = False  # NULL in every row
    source: Any = None  # what its values mean: the column that a chain of keys leads to

    @property
    def origin(self) -> Any:
        return self.source or self


@dataclass(eq=False)
class Key:
    name: str
    columns: list[Column]
    parent: Table
    parent_columns: list[Column]
    closes: bool = False  # a cycle
    is_deferred: bool = False
    is_full: bool = False
    on_delete: str = ""

    @property
    def is_optional(self) -> bool:
        return any(not c.required for c in self.columns)


@dataclass(eq=False)
class Unique:
    name: str
    columns: list[Column]
    where: str = ""
    holds: Judge = lambda row: True
    expression: str = ""
    value: Callable[[Row], Any] | None = None

    @property
    def is_whole(self) -> bool:
        return not self.where and not self.expression


@dataclass(eq=False)
class Check:
    name: str
    sql: str
    holds: Judge


@dataclass(eq=False)
class Table:
    name: str
    columns: list[Column] = field(default_factory=list)
    primary_key: list[Column] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    uniques: list[Unique] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    wanted: int = 0
    is_saturated: bool = False  # all combinations of parents are used
    rows: list[Row] = field(default_factory=list)

    def candidates(self) -> list[list[Column]]:
        """The sets of columns that a foreign key may refer to."""
        whole = [u.columns for u in self.uniques if u.is_whole]
        return [c for c in [self.primary_key, *whole] if c]


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class Shaper:
    """Draws one schema."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.tables: list[Table] = []
        self.is_shared = self.rng.random() < 0.3  # everything belongs to a tenant
        self.is_odd = self.rng.random() < 0.3  # names that must be quoted

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def schema(self) -> list[Table]:
        """Draw the tables, parents first, then the keys that close cycles."""
        names = list(TABLES if self.is_odd else TABLES[:1] + TABLES[3:10])
        self.rng.shuffle(names)
        patterns = (self._plain, self._child, self._line, self._link, self._subtype, self._heap)
        weights = (3, 6, 3, 4, 2, 1)
        for name in [*names, "t10", "t11"][: self.rng.randint(2, 9)]:
            table = Table(name)
            pattern = self.rng.choices(patterns, weights)[0] if self.tables else self._plain
            pattern(table)
            self._attributes(table)
            self._numbered(table)
            if self.chance(0.25) and table.primary_key and not table.is_saturated:
                self._tree(table)
            self._uniques(table)
            self._checks(table)
            self.rng.shuffle(table.columns)
            table.wanted = self._wanted()
            self.tables.append(table)
        for _ in range(self.rng.choice((0, 0, 1, 1, 2))):
            self._close_cycle()
        return self.tables

    def _wanted(self) -> int:
        few = self.rng.choice((0, 1, 2, self.rng.randint(3, 19), self.rng.randint(3, 19)))
        return few if self.chance(0.2) else self.rng.randint(20, 120)

    # ---- columns

    def column(self, table: Table, name: str, kind: str, **more: Any) -> Column:
        """Add a column under a name that is free, also where case does not count."""
        taken = {c.name.casefold() for c in table.columns}
        if self.is_odd and self.chance(0.2):
            name = self.rng.choice(ODD_COLUMNS)
        free, number = name, 1
        while free.casefold() in taken:
            number += 1
            free = f"{name}_{number}"
        table.columns.append(Column(free, kind, **more))
        return table.columns[-1]

    def _attributes(self, table: Table) -> None:
        for name, kind in self.rng.sample(
            ATTRIBUTES, self.rng.randint(0 if table.columns else 1, 6)
        ):
            column = self.column(table, name, kind)
            column.required = self.chance(0.5)
            column.is_blank = not column.required and self.chance(0.1)
            if kind in ("integer", "label", "boolean") and self.chance(0.2):
                column.default = {"integer": "7", "label": "'new'", "boolean": "true"}[kind]
        numbers = [c for c in table.columns if c.kind in ("integer", "bigint")]
        texts = [c for c in table.columns if c.kind in ("text", "varchar")]
        if numbers and self.chance(0.15):
            expression = f"{quoted(numbers[0].name)} * 2"
            self.column(table, "twice", "bigint", generated=expression)
        if texts and self.chance(0.1):
            expression = f"upper({quoted(texts[0].name)})"
            self.column(table, "loud", "text", generated=expression)

    def _numbered(self, table: Table) -> None:
        """Let the database count some integer keys."""
        if len(table.primary_key) == 1 and table.primary_key[0].kind in ("integer", "bigint"):
            column = table.primary_key[0]
            if column.is_counted and not column.source and self.chance(0.5):
                column.numbering = self.rng.choice(("always", "by default"))

    def _own_key(self, table: Table) -> None:
        kind = self.rng.choice(KEY_KINDS) if self.chance(0.6) else "integer"
        column = self.column(table, "id", kind, required=True, is_counted=True)
        tenant = self.tables[0] if self.is_shared and self.tables else None
        if tenant and len(tenant.primary_key) == 1:
            key = self._refer(table, tenant, tenant.primary_key, required=True)
            table.primary_key = [key.columns[0], column]
            column.is_counted = self.chance(0.5)
        elif self.chance(0.12):
            other = self.column(table, "part", self.rng.choice(KEY_KINDS), required=True)
            table.primary_key = [other, column]
            column.is_counted = self.chance(0.5)
        else:
            table.primary_key = [column]

    # ---- patterns

    def _plain(self, table: Table) -> None:
        self._own_key(table)

    def _child(self, table: Table) -> None:
        self._own_key(table)
        for _ in range(self.rng.choice((1, 1, 2, 3))):
            self._refer_to_any(table, required=self.chance(0.5))

    def _line(self, table: Table) -> None:
        """Numbered lines of a parent, whose key is part of theirs."""
        key = self._refer_to_any(table, required=True)
        number = self.column(table, "line_no", "integer", required=True)
        table.primary_key = [*key.columns, number]
        if self.chance(0.4):
            self._refer_to_any(table, required=self.chance(0.5))

    def _link(self, table: Table) -> None:
        """Pairs (or triples) of parents, each at most once; sometimes every one of them."""
        keys = [self._refer_to_any(table, required=True) for _ in range(self.rng.choice((2, 2, 3)))]
        columns = list(dict.fromkeys(c for k in keys for c in k.columns))
        if self.chance(0.6):
            table.primary_key = columns
        else:
            self._own_key(table)
            table.uniques.append(Unique(f"{table.name}_pair", columns))
            for column in columns:
                if column not in table.primary_key and self.chance(0.2):
                    column.required = False
        table.is_saturated = self.chance(0.3)

    def _subtype(self, table: Table) -> None:
        """A row for some rows of a parent, with the parent's key or one of its own."""
        key = self._refer_to_any(table, required=True)
        if self.chance(0.7):
            table.primary_key = list(key.columns)
        else:
            self._own_key(table)
            table.uniques.append(Unique(f"{table.name}_one", list(key.columns)))
            for column in key.columns:
                if column not in table.primary_key and self.chance(0.3):
                    column.required = False

    def _heap(self, table: Table) -> None:
        if self.chance(0.7):
            self._refer_to_any(table, required=self.chance(0.5))

    # ---- keys

    def _refer_to_any(self, table: Table, *, required: bool) -> Key:
        recent = self.tables[-4:] if self.chance(0.7) else self.tables
        parent = self.rng.choice([t for t in recent if t.candidates()] or self.tables[:1])
        candidates = parent.candidates()
        columns = candidates[0] if self.chance(0.75) else self.rng.choice(candidates)
        return self._refer(table, parent, columns, required=required)

    def _refer(
        self, table: Table, parent: Table, parent_columns: list[Column], *, required: bool
    ) -> Key:
        """Add a key; columns that mean the same may serve several keys."""
        columns: list[Column] = []
        for there in parent_columns:
            same = [c for c in table.columns if c.source and c.origin is there.origin]
            same = [c for c in same if c not in columns and not c.generated]
            if same and len(parent_columns) > 1 and self.chance(0.75):
                columns.append(self.rng.choice(same))
                continue
            name = f"{parent.name}_{there.name}".replace(" ", "_")[:40]
            made = self.column(table, name, there.kind, required=required)
            made.source = there.origin
            columns.append(made)
        if len(columns) > 1 and not required and self.chance(0.3):
            # Some parts are always there, others may be missing.
            columns[0].required = True
        key = Key(f"fk_{len(table.keys)}_{table.name}", columns, parent, parent_columns)
        key.is_full = len(columns) > 1 and self.chance(0.2)
        if key.is_full and len({c.required for c in columns}) > 1:
            key.is_full = False
        key.on_delete = self.rng.choice(("", "", "CASCADE", "RESTRICT"))
        table.keys.append(key)
        return key

    def _tree(self, table: Table) -> None:
        """Let rows refer to rows of their own table; roots have no parent, or are their own."""
        target = self.rng.choice(table.candidates())
        columns = []
        required = self.chance(0.25)
        for there in target:
            if there.source and len(target) > 1 and self.chance(0.7):
                columns.append(there)
                continue
            made = self.column(table, f"parent_{there.name}", there.kind, required=required)
            made.source = there.origin
            columns.append(made)
        if columns != target:
            table.keys.append(Key(f"fk_self_{table.name}", columns, table, list(target)))

    def _close_cycle(self) -> None:
        """Let a table refer to one that hangs on it, directly or over others."""
        pairs = [
            (above, below)
            for below in self.tables
            for above in self._above(below)
            if above is not below and below.candidates() and not above.is_saturated
        ]
        if not pairs:
            return
        above, below = self.rng.choice(pairs)
        key = self._refer(above, below, self.rng.choice(below.candidates()), required=False)
        key.closes, key.is_full = True, False
        key.on_delete = ""
        key.is_deferred = self.chance(0.4)
        fresh = [c for c in key.columns if not any(c in k.columns for k in above.keys[:-1])]
        if self.chance(0.35) and fresh:
            for column in fresh:
                column.required = True

    def _above(self, table: Table) -> list[Table]:
        found: list[Table] = []
        waiting = [table]
        while waiting:
            for key in waiting.pop().keys:
                if not key.closes and key.parent not in found:
                    found.append(key.parent)
                    waiting.append(key.parent)
        return found

    # ---- rules

    def _uniques(self, table: Table) -> None:
        keyed = {c for k in table.keys for c in k.columns} | set(table.primary_key)
        free = [c for c in table.columns if c not in keyed and not c.generated and not c.is_blank]
        plain = [c for c in free if c.kind in KEY_KINDS]
        name = f"{table.name}_u{len(table.uniques)}"
        if plain and self.chance(0.3):
            column = self.rng.choice(plain)
            column.is_counted = self.chance(0.6)
            table.uniques.append(Unique(name, [column]))
        elif plain and keyed and self.chance(0.25):
            table.uniques.append(Unique(name, [self.rng.choice(list_of(keyed)), *plain[:1]]))
        elif len(plain) > 1 and self.chance(0.3):
            table.uniques.append(Unique(name, plain[:2]))
        self._odd_uniques(table, free, f"{table.name}_o")

    def _odd_uniques(self, table: Table, free: list[Column], name: str) -> None:
        flags = [c for c in free if c.kind == "boolean"]
        texts = [c for c in free if c.kind in ("text", "varchar")]
        numbers = [c for c in free if c.kind in ("integer", "code")]
        if flags and numbers and self.chance(0.4):
            flag = flags[0].name
            where = f"{quoted(flag)}"
            table.uniques.append(Unique(name, numbers[:1], where, lambda row: bool(row[flag])))
        elif texts and self.chance(0.2):
            text = texts[0].name
            table.uniques.append(
                Unique(
                    name, texts[:1], expression=f"lower({quoted(text)})",
                    value=lambda row: row[text] and row[text].lower(),
                )
            )  # fmt: skip

    def _checks(self, table: Table) -> None:
        keyed = {c for k in table.keys for c in k.columns} | set(table.primary_key)
        free = [c for c in table.columns if c not in keyed and not c.generated]
        for column in free:
            if column.kind == "label":
                names = ", ".join(f"'{label}'" for label in LABELS)
                self._check(table, f"{quoted(column.name)} IN ({names})", lambda row: True)
            elif column.kind in ("integer", "decimal", "double") and self.chance(0.4):
                # Values are never negative.
                self._check(table, f"{quoted(column.name)} >= 0", lambda row: True)
        moments = [c for c in free if c.kind == "timestamp"]
        if moments and self.chance(0.6):
            self._order(table, moments[0])
        states = [c for c in free if c.kind == "label" and c.required]
        dates = [c for c in free if c.kind == "date" and not c.required and not c.is_blank]
        if states and dates and self.chance(0.7):
            state, date = states[0].name, dates[0].name
            sql = f"({quoted(state)} = 'done') = ({quoted(date)} IS NOT NULL)"
            self._check(table, sql, lambda row: (row[state] == "done") == (row[date] is not None))

    def _order(self, table: Table, first: Column) -> None:
        later = self.column(table, "closed_at", "timestamp")
        a, b = first.name, later.name
        self._check(
            table,
            f"{quoted(b)} >= {quoted(a)}",
            lambda row: None in (row[a], row[b]) or row[b] >= row[a],
        )

    def _check(self, table: Table, sql: str, holds: Judge) -> None:
        table.checks.append(Check(f"{table.name}_c{len(table.checks)}", sql, holds))


def list_of(columns: set[Column]) -> list[Column]:
    """A set of columns in an order that does not change from run to run."""
    return sorted(columns, key=lambda c: c.name)
