"""Give every table, column and constraint a name that the target can hold, always the same one."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from dbsynth.adapters.ddl import DialectRules
from dbsynth.schema import Loss, TableName

_SUFFIX = 7  # characters: an underscore and six hexadecimal digits
_DEFAULT_SCHEMAS = {"postgresql": "public", "duckdb": "main", "mysql": "", "sqlite": ""}


class Namer:
    """Hands out names of one name space: short enough, and no two that the target confuses."""

    def __init__(self, rules: DialectRules) -> None:
        """Start with an empty name space."""
        self._rules = rules
        self._taken: set[str] = set()

    def reserve(self, names: Iterable[str]) -> None:
        """Mark names as taken by something else."""
        self._taken.update(map(self._fold, names))

    def take(self, name: str) -> str:
        """Take a name, or the nearest free one: shortened, with a suffix made from the name."""
        given, attempt = self._cut(name, 0), 0
        if given != name:
            given = self._suffixed(name, attempt)
        while self._fold(given) in self._taken:
            given = self._suffixed(name, attempt)
            attempt += 1
        self._taken.add(self._fold(given))
        return given

    def _suffixed(self, name: str, attempt: int) -> str:
        text = f"{name}\0{attempt}" if attempt else name
        digest = hashlib.sha256(text.encode()).hexdigest()
        return f"{self._cut(name, _SUFFIX)}_{digest[: _SUFFIX - 1]}"

    def _cut(self, name: str, room: int) -> str:
        limit = self._rules.max_identifier - room
        if not self._rules.length_in_bytes:
            return name[:limit]
        return name.encode()[:limit].decode(errors="ignore")

    def _fold(self, name: str) -> str:
        return name.casefold() if self._rules.folds_case else name


class ConstraintNamer:
    """Hands out names of constraints and indexes, each in the name space where it must differ."""

    def __init__(self, rules: DialectRules, tables: Iterable[TableName]) -> None:
        """Start with nothing but the tables' own names, which indexes may share a space with."""
        self._rules = rules
        self._tables = tuple(table.name for table in tables)
        self._spaces: dict[tuple[str, ...], Namer] = {}

    def take(self, table: TableName, kind: str, name: str) -> str:
        """Take the name, or the nearest free one, for a table's constraint of this kind."""
        is_wide = kind in self._rules.schema_wide
        # Foreign keys and checks never share a name space with indexes.
        family = "constraints" if kind in ("foreign key", "check") else "indexes"
        space = (family, table.schema) if is_wide else (family, *table)
        if space not in self._spaces:
            self._spaces[space] = Namer(self._rules)
            if is_wide and family == "indexes" and "table" in self._rules.schema_wide:
                self._spaces[space].reserve(self._tables)
        return self._spaces[space].take(name)


def adopt_table_names(
    names: Sequence[TableName], dialect: str, rules: DialectRules
) -> tuple[dict[TableName, TableName], list[Loss]]:
    """
    Name a source's tables as a target of another dialect will.

    Args:
        names: the source's tables.
        dialect: the source's dialect.
        rules: the target's rules.

    Returns:
        the target's name of every table, and a loss for every name that had to be changed.
    """
    wanted = _wanted(names, dialect, rules)
    namers: dict[str, Namer] = {}
    found, losses = {}, []
    for name in sorted(names):
        schema, plain = wanted[name]
        given = namers.setdefault(schema, Namer(rules)).take(plain)
        found[name] = TableName(schema, given)
        if given != name.name:
            losses.append(
                Loss(
                    object=f"table {name}",
                    reason="the target cannot hold this name beside the others",
                    instead=f"named {found[name]}",
                )
            )
    return found, losses


def adopt_schema_name(schema: str, dialect: str, rules: DialectRules) -> str:
    """Map one schema's name: the default schemas correspond, the others keep their names."""
    if not rules.default_schema:
        return ""
    return rules.default_schema if schema in ("", _DEFAULT_SCHEMAS[dialect]) else schema


def _wanted(
    names: Sequence[TableName], dialect: str, rules: DialectRules
) -> Mapping[TableName, TableName]:
    if rules.default_schema:
        return {n: TableName(adopt_schema_name(n.schema, dialect, rules), n.name) for n in names}

    def fold(name: str) -> str:
        return name.casefold() if rules.folds_case else name

    seen = Counter(fold(n.name) for n in names)
    return {
        n: TableName("", n.name if seen[fold(n.name)] == 1 else f"{n.schema}__{n.name}")
        for n in names
    }
