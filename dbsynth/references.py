"""References that a source does not declare: what was found, what speaks for it, who accepts it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dbsynth.schema import ForeignKey, Schema, TableName, When


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """Where a reference leads, with counts over whole tables; `label` only where it depends."""

    parent: TableName
    parent_columns: tuple[str, ...]
    label: str = ""  # polymorphic: what the type column says of these rows
    rows: int = 0  # with a complete key
    orphans: int = 0  # of them, those whose key no parent row has

    @property
    def coverage(self) -> float:
        """The share of complete keys that have their parent row, to a ten thousandth, down."""
        return int(10_000 * (1 - self.orphans / self.rows)) / 10_000 if self.rows else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """
    A key that nothing declares: plain (one lead), or polymorphic (one lead for each label).

    It holds names, counts and shares, and labels that were released; no other value of the source.
    """

    child: TableName
    columns: tuple[str, ...]
    leads: tuple[Lead, ...]
    type_column: str = ""  # polymorphic: the column that says to which table `columns` refer
    is_accepted: bool = False
    score: float = 0.0  # 0 nothing speaks for it … 1 everything does
    why: str = ""  # the evidence in words
    none: str | None = None  # plain, of one column: what stands for "no row", as text

    @property
    def orphans(self) -> int:
        """How many rows lack their parent."""
        return sum(lead.orphans for lead in self.leads)

    @property
    def rows(self) -> int:
        """How many rows have a complete key."""
        return sum(lead.rows for lead in self.leads)

    @property
    def foreign_keys(self) -> tuple[ForeignKey, ...]:
        """The foreign keys that this comes to, once accepted: one for each lead."""
        names: list[str] = []
        for lead in self.leads:
            name = f"undeclared_{'_'.join(self.columns)}_{lead.parent.name}"
            taken = sum(n == name or n.startswith(f"{name}~") for n in names)
            names.append(f"{name}~{taken + 1}" if taken else name)
        return tuple(
            ForeignKey(
                name=name,
                child=self.child,
                columns=self.columns,
                parent=lead.parent,
                parent_columns=lead.parent_columns,
                is_declared=False,
                when=When(column=self.type_column, label=lead.label) if self.type_column else None,
                none=self.none,
            )
            for name, lead in zip(names, self.leads, strict=True)
        )

    def __str__(self) -> str:
        """Print as one line: child (columns) -> parent (columns)."""
        columns = ", ".join((self.type_column, *self.columns) if self.type_column else self.columns)
        if self.type_column:
            goals = ", ".join(dict.fromkeys(str(lead.parent) for lead in self.leads))
        else:
            lead = self.leads[0]
            goals = f"{lead.parent} ({', '.join(lead.parent_columns)})"
        return f"{self.child} ({columns}) -> {goals}"


def summary(references: Iterable[Reference]) -> list[str]:
    """Say line by line which references are kept and which wait for the user."""
    listed = list(references)
    if not listed:
        return []
    accepted = sum(r.is_accepted for r in listed)
    count = "1 reference" if len(listed) == 1 else f"{len(listed)} references"
    lines = [
        f"{count} that nothing declares: {accepted} accepted, "
        f"{len(listed) - accepted} proposed (say `accepted: true` in the plan to keep them)"
    ]
    for one in sorted(listed, key=lambda r: (not r.is_accepted, -r.score)):
        share = f", {one.orphans / one.rows:.1%} orphans" if one.rows and one.orphans else ""
        state = "accepted" if one.is_accepted else "proposed"
        lines.append(f"  {state} {one.score:.2f}  {one}{share}")
    return lines


def combine(found: Iterable[Reference], listed: Iterable[Reference]) -> tuple[Reference, ...]:
    """
    Let what the user lists decide over what was found.

    A reference that both have is accepted or refused as listed, with the counts that were found;
    others about the columns of an accepted one are dropped; what was not found is added.
    """
    kept = list(found)
    for wanted in listed:
        same = next((r for r in kept if _is_same(r, wanted)), None)
        if same is not None:
            place = kept.index(same)
            kept[place] = replace(same, is_accepted=wanted.is_accepted)
            chosen = kept[place]
        else:
            chosen = wanted if wanted.why else replace(wanted, why="set by the user")
            kept.append(chosen)
        if wanted.is_accepted:
            kept = [r for r in kept if r is chosen or not _collides(r, chosen)]
    return tuple(sorted(kept, key=lambda r: (r.child, r.columns, -r.score, r.leads[0].parent)))


def _is_same(one: Reference, other: Reference) -> bool:
    leads = [[(x.label, x.parent, x.parent_columns) for x in r.leads] for r in (one, other)]
    places = [(r.child, r.columns, r.type_column) for r in (one, other)]
    return places[0] == places[1] and sorted(leads[0]) == sorted(leads[1])


def _collides(one: Reference, other: Reference) -> bool:
    """Whether two references cannot be about the same rows."""
    if one.child != other.child:
        return False
    if one.type_column or other.type_column:
        is_shared = bool(set(one.columns) & set(other.columns))
        return is_shared or one.type_column == other.type_column
    return one.columns == other.columns


_PLAIN = ("child", "columns", "parent", "parent_columns", "none")
_POLYMORPHIC = ("child", "type", "columns", "labels")
_FOUND = ("accepted", "score", "why", "rows", "orphans", "coverage")


def to_data(reference: Reference) -> dict[str, Any]:
    """Write a reference as plain values for the plan; `from_data` is the inverse."""
    data: dict[str, Any] = {"child": str(reference.child)}
    if reference.type_column:
        data |= {"type": reference.type_column, "columns": list(reference.columns)}
        data["labels"] = {lead.label: _goal(lead) | _counts(lead) for lead in reference.leads}
        counts = {}
    else:
        data |= {"columns": list(reference.columns), **_goal(reference.leads[0])}
        data |= {} if reference.none is None else {"none": reference.none}
        counts = _counts(reference.leads[0])
    data |= {"accepted": reference.is_accepted, "score": reference.score, "why": reference.why}
    return data | counts


def _goal(lead: Lead) -> dict[str, Any]:
    return {"parent": str(lead.parent), "parent_columns": list(lead.parent_columns)}


def _counts(lead: Lead) -> dict[str, Any]:
    return {"rows": lead.rows, "orphans": lead.orphans, "coverage": lead.coverage}


def from_data(
    entries: Any, schema: Schema, problems: list[str], where: str = "references"
) -> tuple[Reference, ...]:
    """
    Read references as a plan or the configuration file lists them.

    Args:
        entries: a list of mappings; what a plan says beyond names may be missing.
        schema: the source's.
        problems: gets a line for everything that is wrong.
        where: how these lines begin.

    Returns:
        the references that can be there.
    """
    if not isinstance(entries or [], Sequence) or isinstance(entries, str):
        problems.append(f"{where}: must be a list")
        return ()
    found = []
    for number, entry in enumerate(entries or [], 1):
        try:
            found.append(_Entry(entry, schema, f"{where}: entry {number}").read())
        except _WrongError as exc:
            problems.append(str(exc))
    problems += [f"{where}: {text}" for text in _clashes(found)]
    return tuple(found)


def _clashes(references: Iterable[Reference]) -> Iterator[str]:
    """Accepted references that exclude each other, or name the same thing twice."""
    accepted = [r for r in references if r.is_accepted]
    for place, one in enumerate(accepted):
        for other in accepted[place + 1 :]:
            if _collides(one, other):
                text = ", ".join(sorted({*one.columns} & {*other.columns}) or [one.type_column])
                yield f"{one.child}: accept one reference of {text} only"


class _WrongError(Exception):
    """An entry cannot be read; says where and why."""


class _Entry:
    """One reference in the making."""

    def __init__(self, entry: Any, schema: Schema, where: str) -> None:
        self._entry, self._schema, self._where = entry, schema, where

    def read(self) -> Reference:
        if not isinstance(self._entry, Mapping):
            raise self._wrong("must be a mapping of names to values")
        entry = self._entry
        is_polymorphic = "type" in entry or "labels" in entry
        known = (*(_POLYMORPHIC if is_polymorphic else _PLAIN), *_FOUND)
        for name in entry:
            if name not in known:
                raise self._wrong(f"unknown key {str(name)!r}{_hint(str(name), known)}")
        child = self._table("child")
        columns = self._columns(child, entry.get("columns"), "columns")
        accepted = entry.get("accepted", True)
        if not isinstance(accepted, bool):
            raise self._wrong("accepted must be true or false")
        kind = self._columns(child, entry.get("type"), "type")[0] if is_polymorphic else ""
        none = self._none(child, columns)
        leads = self._labels(columns) if is_polymorphic else (self._lead(entry, columns),)
        return Reference(
            child=child, columns=columns, leads=leads, type_column=kind, is_accepted=accepted,
            score=_number(entry.get("score")), why=str(entry.get("why", "")),
            none=none,
        )  # fmt: skip

    def _none(self, child: TableName, columns: tuple[str, ...]) -> str | None:
        none = self._entry.get("none")
        if none is None:
            return None
        from dbsynth.arrow import arrow_type
        from dbsynth.nones import none_of

        if len(columns) != 1:
            raise self._wrong("none stands for a reference of one column")
        if (
            none_of(str(none), arrow_type(self._schema.table(child).column(columns[0]).type))
            is None
        ):
            raise self._wrong(f"none is no value of {columns[0]}")
        return str(none)

    def _labels(self, columns: tuple[str, ...]) -> tuple[Lead, ...]:
        labels = self._entry.get("labels")
        if not isinstance(labels, Mapping) or not labels:
            raise self._wrong("labels must be a mapping of labels to tables")
        if len(columns) != 1:
            raise self._wrong("a polymorphic reference has one column")
        return tuple(
            self._lead(goal if isinstance(goal, Mapping) else {"parent": goal}, columns, str(label))
            for label, goal in labels.items()
        )

    def _lead(self, goal: Mapping[str, Any], columns: tuple[str, ...], label: str = "") -> Lead:
        parent = self._table("parent", goal)
        table = self._schema.table(parent)
        given = goal.get("parent_columns")
        wanted = self._columns(parent, given, "parent_columns") if given else table.primary_key
        if len(wanted) != len(columns):
            raise self._wrong(f"it has {len(columns)} columns, and {len(wanted)} in {parent}")
        if set(wanted) not in [set(unique) for unique in table.unique_sets]:
            raise self._wrong(f"{', '.join(wanted)} of {parent} is not unique")
        return Lead(
            parent=parent, parent_columns=wanted, label=label,
            rows=int(_number(goal.get("rows"))), orphans=int(_number(goal.get("orphans"))),
        )  # fmt: skip

    def _table(self, name: str, given: Mapping[str, Any] | None = None) -> TableName:
        text = str((self._entry if given is None else given).get(name) or "")
        exact = [n for n in self._schema.by_name if str(n) == text]
        found = exact or [n for n in self._schema.by_name if n.name == text]
        if len(found) != 1:
            known = [str(n) for n in self._schema.by_name]
            many = "several tables are called" if found else "there is no table"
            raise self._wrong(f"{name}: {many} {text!r}{_hint(text, known)}")
        return found[0]

    def _columns(self, table: TableName, given: Any, name: str) -> tuple[str, ...]:
        wanted = [given] if isinstance(given, str) else given
        if not isinstance(wanted, Sequence):
            wanted = ()
        known = [c.name for c in self._schema.table(table).written_columns]
        if not wanted:
            raise self._wrong(f"{name} is missing")
        for column in wanted:
            if column not in known:
                hint = _hint(str(column), known)
                raise self._wrong(f"{name}: {table} has no column {column}{hint}")
        return tuple(wanted)

    def _wrong(self, text: str) -> _WrongError:
        return _WrongError(f"{self._where}: {text}")


def _number(value: Any) -> float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def _hint(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), 1)
    return f"; did you mean {close[0]}?" if close else ""
