"""The project file dbsynth.yaml: found, read, checked as a whole, asked per table and column."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, get_args

from dbsynth.errors import PlanFileError, UsageError
from dbsynth.references import Reference, from_data
from dbsynth.rules import book
from dbsynth.rules.book import Rule
from dbsynth.rules.language import complaints
from dbsynth.schema import Schema, TableName
from dbsynth.treatments import KINDS, Treatment, TreatmentKind
from dbsynth.wishes import Wish, read_mapping

FILE_NAME = "dbsynth.yaml"
ENVIRONMENT = "DBSYNTH_CONFIG"
Quality = Literal["fast", "balanced", "max"]
QUALITIES: tuple[Quality, ...] = get_args(Quality)
Mode = Literal["copy", "generate", "empty"]
MODES: tuple[Mode, ...] = get_args(Mode)
_REMEDY = "Mend the lines that are named; README.md shows every key."


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRule:
    """What the user wants done with the tables that a name or glob matches; None: not said."""

    pattern: str
    mode: Mode | None = None
    rows: int | None = None  # at scale 1
    scale: float | None = None  # times the source's rows, at scale 1
    owner: str | None = None  # the foreign key along which rows are generated; "": none
    engine: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRule:
    """The treatment that the user wants for the columns that "table.column" matches."""

    pattern: str
    treatment: TreatmentKind
    semantic: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A project file's content; every part may be missing."""

    connections: Mapping[str, str] = field(default_factory=dict, repr=False)  # may hold secrets
    seed: int | None = None
    engine: str | None = None
    quality: Quality | None = None
    tables: tuple[TableRule, ...] = ()
    columns: tuple[ColumnRule, ...] = ()
    references: tuple[Any, ...] = ()  # as `references.from_data` reads them
    rules: tuple[Any, ...] = ()  # as `book.from_data` reads them
    dbt: Path | None = None  # a manifest.json, whose tests are rules
    shares: tuple[Wish, ...] = ()
    path: Path | None = None

    def rule(self, table: TableName) -> TableRule:
        """Merge all rules that match a table; a later one in the file wins, key by key."""
        merged = TableRule(pattern=str(table))
        for rule in self.tables:
            if matches(table, rule.pattern):
                said = {f.name: getattr(rule, f.name) for f in fields(rule)}
                del said["pattern"]
                merged = replace(merged, **{k: v for k, v in said.items() if v is not None})
        return merged

    def overrides(self, schema: Schema) -> dict[tuple[TableName, str], Treatment]:
        """Spell the column rules out for a schema: only columns that a rule matches appear."""
        found: dict[tuple[TableName, str], Treatment] = {}
        for table in schema.tables:
            for column in table.columns:
                for rule in self.columns:
                    if _matches_column(table.name, column.name, rule.pattern):
                        found[table.name, column.name] = Treatment(
                            kind=rule.treatment, semantic=rule.semantic, evidence="set by the user"
                        )
        return found

    def check(self, schema: Schema) -> None:
        """
        Compare every pattern with a whole schema.

        Raises:
            PlanFileError: a pattern matches nothing there, or something named does not exist.
        """
        problems: list[str] = []
        listed = from_data(self.references, schema, problems)
        schema = schema.with_keys(k for r in listed if r.is_accepted for k in r.foreign_keys)
        problems += [p for rule in self.tables for p in _rule_problems(rule, schema)]
        pairs = [(t.name, c.name) for t in schema.tables for c in t.columns]
        known = [f"{table.name}.{column}" for table, column in pairs]
        problems += [
            f"columns: {rule.pattern!r} matches no column{near(rule.pattern, known)}"
            for rule in self.columns
            if not any(_matches_column(table, column, rule.pattern) for table, column in pairs)
        ]
        problems += complaints(book.from_data(self.rules, schema, problems), schema)
        _raise(self.path, problems)

    def wanted_rules(self, whole: Schema, schema: Schema) -> tuple[Rule, ...]:
        """The rules that the user lists, as far as a part of the schema has what they name."""
        listed = book.from_data(self.rules, whole, [])
        near = [r for r in listed if r.table in schema.by_name]
        return tuple(r for r in near if not complaints([r], schema))

    def wanted(self, whole: Schema, schema: Schema) -> tuple[Reference, ...]:
        """The references that the user lists, as far as a part of the schema has their tables."""
        found = from_data(self.references, whole, [])
        return tuple(
            r
            for r in found
            if r.child in schema.by_name and all(x.parent in schema.by_name for x in r.leads)
        )


def matches(table: TableName, pattern: str) -> bool:
    """Whether a glob matches a table's name, with or without its schema."""
    return fnmatchcase(str(table), pattern) or fnmatchcase(table.name, pattern)


def near(word: str, known: Iterable[str]) -> str:
    """Suggest the nearest known word: "; did you mean orders?", or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def find(start: Path) -> Path | None:
    """
    Find the project file: DBSYNTH_CONFIG, else dbsynth.yaml in the nearest folder above.

    The search ends at the root of a repository.
    """
    if os.environ.get(ENVIRONMENT):
        return Path(os.environ[ENVIRONMENT])
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
        if (folder / ".git").exists():
            return None
    return None


def load(path: Path | None = None) -> Config:
    """
    Read a project file, or the one that `find` finds; without any, everything is unsaid.

    Raises:
        PlanFileError: it cannot be read or is wrong; names every problem with its line.
    """
    path = path or find(Path.cwd())
    if path is None:
        return Config()
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise PlanFileError(
            f"cannot read the configuration file {path}", "Check the path and its rights."
        ) from exc
    return parse(text, path)


def parse(text: str, path: Path | None = None) -> Config:
    """
    Turn YAML 1.2 text into a checked `Config`; `path` is only for messages.

    Raises:
        PlanFileError: the text is not YAML or breaks the format; names every problem.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError

    try:
        data = YAML(typ="rt").load(text)
    except MarkedYAMLError as exc:
        line = exc.problem_mark.line + 1 if exc.problem_mark else 1
        raise PlanFileError(
            f"{path or FILE_NAME}:{line}: not YAML: {exc.problem}", "Mend the file's syntax."
        ) from exc
    reader = _Reader(path)
    config = reader.config({} if data is None else data)
    _raise(path, reader.problems)
    return config


def _raise(path: Path | None, problems: Sequence[str]) -> None:
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise PlanFileError(f"{path or 'what was set'} has {count}", _REMEDY, problems)


def _rule_problems(rule: TableRule, schema: Schema) -> Iterator[str]:
    """Find what a table rule names and the schema does not have."""
    names = [t.name for t in schema.tables]
    known = [str(n) for n in names] + [n.name for n in names]
    matched = [n for n in names if matches(n, rule.pattern)]
    if not matched:
        yield f"tables: {rule.pattern!r} matches no table{near(rule.pattern, known)}"
    keys = [k.name for n in matched for k in schema.table(n).foreign_keys]
    if rule.owner and matched and rule.owner not in keys:
        yield f"tables.{rule.pattern}.owner: no foreign key {rule.owner!r}{near(rule.owner, keys)}"


def _matches_column(table: TableName, column: str, pattern: str) -> bool:
    return fnmatchcase(f"{table}.{column}", pattern) or fnmatchcase(
        f"{table.name}.{column}", pattern
    )


class _Reader:
    """Turns parsed YAML into a `Config` and collects every problem on the way."""

    def __init__(self, path: Path | None) -> None:
        self.problems: list[str] = []
        self._name = str(path or FILE_NAME)

    def config(self, data: Any) -> Config:
        top = self._mapping(
            data,
            "the file",
            (
                "connections", "seed", "engine", "quality", "tables", "columns", "references",
                "rules", "dbt", "shares",
            ),
        )  # fmt: skip
        return Config(
            connections=self._connections(top),
            seed=self._value(top, "seed", "a whole number, 0 or more", _is_natural),
            engine=self._value(top, "engine", "a name", _is_text),
            quality=self._choice(top, "quality", QUALITIES),
            tables=tuple(self._tables(top)),
            columns=tuple(self._columns(top)),
            references=tuple(self._value(top, "references", "a list", _is_list) or ()),
            rules=tuple(self._value(top, "rules", "a list", _is_list) or ()),
            dbt=self._path(top),
            shares=self._shares(top),
            path=None if self._name == FILE_NAME else Path(self._name),
        )

    def _path(self, top: Mapping[str, Any]) -> Path | None:
        """Where the dbt manifest is: from the folder of the file."""
        given = self._value(top, "dbt", "a path", _is_text)
        return None if given is None else Path(self._name).parent / given

    def _connections(self, top: Mapping[str, Any]) -> dict[str, str]:
        given = self._mapping(top.get("connections") or {}, "connections", None)
        for name in given:
            self._value(given, name, "a URL in quotes, or env:NAME", _is_text)
        return {str(k): v for k, v in given.items() if _is_text(v)}

    def _shares(self, top: Mapping[str, Any]) -> tuple[Wish, ...]:
        given = self._mapping(top.get("shares") or {}, "shares", None)
        try:
            return read_mapping(given)
        except UsageError as exc:
            self.problems += [f"{self._name}: shares: {problem}" for problem in exc.problems]
            return ()

    def _tables(self, top: Mapping[str, Any]) -> Iterator[TableRule]:
        keys = [f.name for f in fields(TableRule) if f.name != "pattern"]
        given = self._mapping(top.get("tables") or {}, "tables", None)
        for pattern in given:
            rule = self._mapping(given[pattern], f"tables.{pattern}", keys)
            scale = self._value(rule, "scale", "a number above 0", _is_positive)
            yield TableRule(
                pattern=str(pattern),
                mode=self._choice(rule, "mode", MODES),
                rows=self._value(rule, "rows", "a whole number, 0 or more", _is_natural),
                scale=None if scale is None else float(scale),
                owner=self._value(rule, "owner", "a foreign key's name", _is_string),
                engine=self._value(rule, "engine", "a name", _is_text),
            )
            if "rows" in rule and "scale" in rule:
                self._problem(rule, "scale", "give rows or scale, not both")

    def _columns(self, top: Mapping[str, Any]) -> Iterator[ColumnRule]:
        given = self._mapping(top.get("columns") or {}, "columns", None)
        for pattern in given:
            where = f"columns.{pattern}"
            rule = self._mapping(given[pattern], where, ("treatment", "semantic"))
            if "." not in str(pattern):
                self._problem(given, pattern, f"write table.column, not {pattern!r}")
            kind = self._choice(rule, "treatment", KINDS)
            semantic = self._value(rule, "semantic", "a semantic type's name", _is_text)
            if kind is None and "treatment" not in rule:
                self._problem(given, pattern, f"{where} says no treatment")
            if kind == "personal" and not semantic:
                self._problem(
                    given, pattern, f"{where} is personal: say its semantic, such as email"
                )
            if kind is not None:
                yield ColumnRule(pattern=str(pattern), treatment=kind, semantic=semantic or "")

    def _mapping(self, data: Any, where: str, keys: Sequence[str] | None) -> Mapping[Any, Any]:
        """Check that something is a mapping with none but the known keys."""
        if not isinstance(data, Mapping):
            self.problems.append(f"{self._name}: {where} must be a mapping of names to values")
            return {}
        for key in data:
            if keys is not None and key not in keys:
                self._problem(data, key, f"unknown key {str(key)!r}{near(str(key), keys)}")
        return data

    def _choice(self, given: Mapping[Any, Any], key: str, allowed: Sequence[Any]) -> Any:
        """Read one of a few words."""
        value = given.get(key)
        if value is None or value in allowed:
            return value
        hint = near(str(value), allowed) or f"; use {', '.join(allowed)}"
        self._problem(given, key, f"{key} {str(value)!r} is unknown{hint}")
        return None

    def _value(
        self, given: Mapping[Any, Any], key: Any, wanted: str, is_right: Callable[[Any], bool]
    ) -> Any:
        """Read a value of one type; the value itself is not printed, for it may be a secret."""
        value = given.get(key)
        if value is None or is_right(value):
            return value
        self._problem(given, key, f"{key} must be {wanted}")
        return None

    def _problem(self, given: Mapping[Any, Any], key: Any, text: str) -> None:
        marks = getattr(given, "lc", None)
        line = f":{marks.key(key)[0] + 1}" if marks is not None and key in given else ""
        self.problems.append(f"{self._name}{line}: {text}")


def _is_natural(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_string(value: Any) -> bool:
    return isinstance(value, str)
