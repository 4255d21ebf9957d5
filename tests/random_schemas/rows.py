"""Rows for a random schema: they keep every key, unique set and check that it declares."""

from __future__ import annotations

import datetime as dt
import itertools
import random
import uuid
from decimal import Decimal
from typing import Any

from tests.random_schemas.shapes import LABELS, Column, Key, Row, Table

TRIES = 30  # to find a row that breaks nothing
ABSENT = 0.2
WORDS = "amber birch cedar delta ember fjord grove heron iris juniper kelp lark moss".split()
NAMES = "Ada Bela Cleo Dora Emil Finn Gus Hana Ivo Juno Kai Lena".split()
ODD = ("tab\there", "two\nlines", "back\\slash", "quo'te", 'dou"ble', "\\N", "😀 smile", "שלום", "")
START = dt.datetime(2021, 3, 1, 8, 0)  # noqa: DTZ001
ENUM = ("red", "green", "deep blue")


def fill(tables: list[Table], seed: int) -> None:
    """Make the rows of all tables; keys that close cycles come last."""
    _Filler(random.Random(seed ^ 0x5EED)).fill(tables)


class _Filler:
    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def fill(self, tables: list[Table]) -> None:
        for table in tables:
            self._table(table)
        for table in tables:
            for key in list(table.keys):
                if key.closes:
                    self._close(table, key)
        for table in tables:
            for column in table.columns:
                if any(row[column.name] is None for row in table.rows):
                    column.required = False

    def _table(self, table: Table) -> None:
        seen: list[set[Any]] = [set() for _ in self._uniques(table)]
        if table.is_saturated:
            keys = [k for k in table.keys if not k.closes and k.parent is not table]
            combinations = list(itertools.product(*(k.parent.rows for k in keys)))
            self.rng.shuffle(combinations)
            for parents in combinations[:150]:
                self._add(table, seen, dict(zip(keys, parents, strict=True)))
            return
        for _ in range(table.wanted):
            for _ in range(TRIES):
                if self._add(table, seen, {}):
                    break

    def _add(self, table: Table, seen: list[set[Any]], parents: dict[Key, Row]) -> bool:
        row = self._row(table, len(table.rows), parents)
        if row is None or not all(check.holds(row) for check in table.checks):
            return False
        if not self._is_new(table, row, seen):
            return False
        table.rows.append(row)
        return True

    def _is_new(self, table: Table, row: Row, seen: list[set[Any]]) -> bool:
        found = [value(row) for value in self._uniques(table)]
        if any(v is not None and v in known for v, known in zip(found, seen, strict=True)):
            return False
        for value, known in zip(found, seen, strict=True):
            known.add(value)
        return True

    def _uniques(self, table: Table) -> list[Any]:
        """Functions that give what may not repeat, None where a row does not count."""

        def whole(columns: list[Column]) -> Any:
            names = [c.name for c in columns]
            return lambda row: (
                None if any(row[n] is None for n in names) else tuple(row[n] for n in names)
            )

        found = [whole(table.primary_key)] if table.primary_key else []
        for unique in table.uniques:
            if unique.value:
                found.append(unique.value)
            else:
                value = whole(unique.columns)
                found.append(lambda row, u=unique, v=value: v(row) if u.holds(row) else None)
        return found

    # ---- one row

    def _row(self, table: Table, number: int, parents: dict[Key, Row]) -> Row | None:
        row: Row = {}
        keyed = {c for k in table.keys for c in k.columns}
        for column in table.columns:
            if column not in keyed and not column.generated:
                row[column.name] = self._value(column, number)
        ordered = sorted(
            (k for k in table.keys if not k.closes),
            key=lambda k: (k.parent is table, -len(k.columns)),
        )
        for key in ordered:
            if not self._point(table, row, key, parents.get(key)):
                return None
        for column in table.columns:
            row.setdefault(column.name, None)
        late = {c for k in table.keys if k.closes for c in k.columns}
        if any(c.required and row[c.name] is None and c not in late for c in table.columns):
            return None
        return row

    def _point(self, table: Table, row: Row, key: Key, chosen: Row | None) -> bool:
        """Let a key lead to a parent that agrees with the columns that are set already."""
        pairs = [(c.name, p.name) for c, p in zip(key.columns, key.parent_columns, strict=True)]
        optional = [c for c in key.columns if not c.required]
        if optional and self.rng.random() < ABSENT and chosen is None:
            open_ = [c for c in key.columns if c.name not in row]
            blank = open_ if key.is_full else [c for c in open_ if not c.required]
            for column in blank:
                row[column.name] = None
            if not key.is_full or all(row.get(c) is None for c, _ in pairs):
                return any(c in row and row[c] is None for c, _ in pairs) or (
                    all(c in row for c, _ in pairs) and self._meets(row, key, pairs)
                )
            return False
        fixed = [(c, p) for c, p in pairs if row.get(c) is not None]
        blocked = any(c in row and row[c] is None for c, _ in pairs)
        pool = [chosen] if chosen is not None else key.parent.rows
        fits = [p for p in pool if all(p[b] == row[a] for a, b in fixed)]
        fits = [p for p in fits if all(p[b] is not None for _, b in pairs)]
        if blocked or not fits:
            return self._without(table, row, key, pairs, required=not optional)
        parent = fits[min(int(self.rng.expovariate(3 / len(fits))), len(fits) - 1)]
        row |= {c: parent[p] for c, p in pairs}
        return True

    def _meets(self, row: Row, key: Key, pairs: list[tuple[str, str]]) -> bool:
        return any(all(p[b] == row[a] for a, b in pairs) for p in key.parent.rows)

    def _without(
        self, table: Table, row: Row, key: Key, pairs: list[tuple[str, str]], *, required: bool
    ) -> bool:
        """Leave the key open, or let a root of a tree be its own parent."""
        if key.parent is table and required:
            for c, p in pairs:
                if c not in row:
                    row[c] = row.get(p)
            return all(row[c] is not None and row[c] == row.get(p) for c, p in pairs)
        if required:
            return False
        for c, _ in pairs:
            row.setdefault(c, None)
        if key.is_full:
            return all(row[c] is None for c, _ in pairs)
        return any(row[c] is None for c, _ in pairs) and all(
            row[c.name] is not None for c in key.columns if c.required and c.name in row
        )

    # ---- cycles

    def _close(self, table: Table, key: Key) -> None:
        """Set a key that closes a cycle; where that cannot be done it must not be required."""
        others = {c for k in table.keys if k is not key for c in k.columns}
        fresh = [c for c in key.columns if c not in others]
        seen: list[set[Any]] = [set() for _ in self._uniques(table)]
        for row in table.rows:
            before = dict(row)
            done = False
            for _ in range(TRIES):
                for column in fresh:
                    row.pop(column.name)
                pointed = self._point(table, row, key, None) and all(c.name in row for c in fresh)
                if pointed and self._is_new(table, row, seen):
                    done = True
                    break
                row.update(before)
            if not done:
                row |= {c.name: None for c in fresh}
                assert not fresh or self._is_new(table, row, seen)
        if not fresh:
            table.keys.remove(key)

    # ---- values

    def _value(self, column: Column, number: int) -> Any:
        if column.is_blank or (not column.required and self.rng.random() < ABSENT):
            return None
        if column.is_counted:
            return self._counted(column.kind, number)
        return getattr(self, f"_{column.kind}")()

    def _counted(self, kind: str, number: int) -> Any:
        n = number + 1
        match kind:
            case "text" | "varchar":
                return f"{self.rng.choice(WORDS)} {n}"
            case "code":
                return f"K-{n:05d}"
            case "uuid":
                return self._uuid()
            case "date":
                return START.date() + dt.timedelta(days=n)
            case "timestamp":
                return START + dt.timedelta(hours=7 * n)
            case "decimal":
                return Decimal(n * 125) / 100
            case _:
                return n

    def _text(self) -> str:
        if self.rng.random() < 0.05:
            return self.rng.choice(ODD)
        return " ".join(self.rng.choices(WORDS, k=self.rng.randint(1, 5)))

    def _varchar(self) -> str:
        return self.rng.choice(NAMES)

    def _code(self) -> str:
        return f"K-{self.rng.randint(0, 400):05d}"

    def _char(self) -> str:
        return self.rng.choice(("DE", "FR", "IT"))

    def _letter(self) -> str:
        return self.rng.choice("YN")

    def _label(self) -> str:
        return self.rng.choices(LABELS, (6, 4, 2, 3))[0]

    def _enum(self) -> str:
        return self.rng.choice(ENUM)

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def _integer(self) -> int:
        return min(int(self.rng.expovariate(0.1)), 400)

    def _smallint(self) -> int:
        return self.rng.randint(-40, 40)

    def _bigint(self) -> int:
        return self.rng.randint(0, 10**12)

    def _decimal(self) -> Decimal:
        return Decimal(int(self.rng.lognormvariate(6, 1))) / 100

    def _double(self) -> float:
        return self.rng.lognormvariate(1, 1)

    def _boolean(self) -> bool:
        return self.rng.random() < 0.4

    def _date(self) -> dt.date:
        return START.date() + dt.timedelta(days=self.rng.randint(0, 900))

    def _timestamp(self) -> dt.datetime:
        return START + dt.timedelta(seconds=self.rng.randint(0, 10**8))

    def _timestamptz(self) -> dt.datetime:
        return self._timestamp().replace(tzinfo=dt.UTC)

    def _time(self) -> dt.time:
        return dt.time(self.rng.randint(0, 23), self.rng.choice((0, 15, 30)))

    def _json(self) -> str:
        return f'{{"n": {self.rng.randint(0, 5)}, "tags": ["{self.rng.choice(WORDS)}"]}}'

    def _bytes(self) -> bytes:
        return self.rng.randbytes(self.rng.randint(0, 9))

    def _array(self) -> list[int]:
        return [self.rng.randint(0, 9) for _ in range(self.rng.randint(0, 3))]

    def _interval(self) -> str:
        return f"{self.rng.randint(0, 3)} days {self.rng.randint(0, 9)} hours"

    def _inet(self) -> str:
        return f"10.0.{self.rng.randint(0, 255)}.{self.rng.randint(1, 254)}"
