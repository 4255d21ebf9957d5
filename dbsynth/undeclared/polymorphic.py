"""
Find polymorphic pairs: one column names a table, the column beside it refers to a row there.

Rails and Laravel write `commentable_type` and `commentable_id`, Django `content_type_id` (a row of
a table of labels) and `object_id`, others `entity` and `entity_id`, or `owner_kind` and `owner_id`.

The score is 0.4 * names of the pair + 0.2 * names of the labels + 0.4 * share of rows that have a
parent in the table which their label names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from dbsynth.lexicon import noun_forms, same_noun, words_of
from dbsynth.references import Lead, Reference
from dbsynth.release import Release
from dbsynth.schema import Column, ForeignKey, Table, When
from dbsynth.undeclared.candidates import Sight, family
from dbsynth.undeclared.inclusion import Asker, Inclusion

MOST_LABELS = 60  # a column with more different values names no tables
LOOKUP_ROWS = 2_000  # of a table that lists the labels
_LEAST_MAPPED = 0.5  # share of rows whose label names a table
_LEAST_COVERAGE = 0.9  # of one label's rows
_CLEAR = 0.9  # labels that name a table beyond doubt
_KINDS = frozenset({"type", "kind", "class", "klass", "model", "entity", "typ", "tipo", "table"})
_IDS = frozenset({"id", "uuid", "guid", "pk", "key", "ref", "fk", "no", "nr"})
# Pairs whose names differ by convention.
_TYPE_NAMES = (("table", "name"), ("model",), ("model", "name"), ("entity", "name"),
               ("object", "type"), ("record", "type"), ("entity", "type"))  # fmt: skip
_ID_NAMES = (("row", "id"), ("record", "id"), ("object", "id"), ("object", "pk"),
             ("foreign", "key"), ("entity", "id"), ("model", "id"), ("row", "pk"))  # fmt: skip
_BREAKS = re.compile(r"[\\./:|]+")


@dataclass(frozen=True, slots=True)
class _Pair:
    table: Table
    kind: Column
    id: Column
    names: float  # how clearly they are called so


@dataclass(frozen=True, slots=True)
class _Goal:
    """The table that a label names, and how clearly it does."""

    label: str
    rows: int
    parent: Table | None = None
    clear: float = 0.0


def find_polymorphic(
    sight: Sight, asker: Asker, release: Release, plain: Mapping[ForeignKey, bool]
) -> list[Reference]:
    """
    Propose polymorphic references.

    Args:
        sight: the first rows.
        asker: counts over whole tables.
        release: which labels may be told.
        plain: plain keys that were found, and whether they are certain.
    """
    found = []
    for table in sight.schema.tables:
        taken: set[str] = set()
        for pair in sorted(_pairs(sight, table), key=lambda p: -p.names):
            if taken & {pair.kind.name, pair.id.name}:
                continue
            reference = _Finder(sight, asker, release, plain).look(pair)
            if reference is not None:
                found.append(reference)
                taken |= {pair.kind.name, pair.id.name}
    return found


def _pairs(sight: Sight, table: Table) -> Iterator[_Pair]:
    """The columns of a table that are called like the two halves of a reference."""
    declared = {key.columns for key in table.foreign_keys}
    others = [
        (column, words_of(column.name))
        for column in table.written_columns
        if family(column.type) and (column.name,) not in declared
    ]
    for kind in table.written_columns:
        if kind.type.kind not in ("string", "enum", "integer") or not _is_few(sight, table, kind):
            continue
        words = words_of(kind.name)
        for other, its_words in others:
            score = _pair_score(words, its_words) if other is not kind else 0.0
            if score and (kind.type.kind != "integer" or _may_look_up(table, kind)):
                yield _Pair(table, kind, other, score)


def _is_few(sight: Sight, table: Table, column: Column) -> bool:
    return 1 <= len(sight.values(table.name, column.name)) <= MOST_LABELS


def _may_look_up(table: Table, column: Column) -> bool:
    """Numbers name tables only through a table that lists them."""
    return table.primary_key != (column.name,)


def _pair_score(kind: tuple[str, ...], other: tuple[str, ...]) -> float:
    """How clearly two names say "what" and "which"; 0: they do not."""
    if not kind or not other:
        return 0.0
    if kind[-1:] == ("id",) and len(kind) > 1 and kind[-2] in _KINDS:
        kind = kind[:-1]  # the id of a label: content_type_id
    if other[-1] in _IDS and len(other) > 1:
        if kind[-1] in _KINDS and kind[:-1] == other[:-1]:
            return 1.0
        if kind[-2:] == ("content", "type") and other[-2:-1] == ("object",):
            return 1.0 if kind[:-2] == other[:-2] else 0.0
        if kind == other[:-1]:
            return 0.8
    return 0.7 if kind in _TYPE_NAMES and other in _ID_NAMES else 0.0


@dataclass(frozen=True)
class _Finder:
    sight: Sight
    asker: Asker
    release: Release
    plain: Mapping[ForeignKey, bool]

    def look(self, pair: _Pair) -> Reference | None:
        """Map the labels of a pair to tables, and count; None if it is no reference."""
        counted = self.asker.labels(pair.table.name, pair.kind.name, pair.id.name, MOST_LABELS + 1)
        if not counted or len(counted) > MOST_LABELS:
            return None
        statistic = f"{pair.table.name}.{pair.kind.name}"
        told = self.release.carried(statistic, counted)
        goals = self._goals(pair, told)
        mapped = [g for g in goals if g.parent is not None]
        if sum(g.rows for g in mapped) < _LEAST_MAPPED * sum(rows for _, rows in counted):
            return None
        return self._counted(pair, goals, sum(rows for _, rows in counted))

    def _counted(self, pair: _Pair, goals: list[_Goal], rows: int) -> Reference | None:
        keys = {g.label: self._key(pair, g) for g in goals if g.parent is not None}
        measured = self.asker.measure(list(keys.values()))
        kept = [
            (g, measured[keys[g.label]])
            for g in goals
            if g.label in keys and _holds(measured.get(keys[g.label]))
        ]
        if not kept or self._is_plain(pair, goals, [g for g, _ in kept]):
            return None
        covered = sum(i.rows - i.orphans for _, i in kept)
        orphans = sum(i.orphans for _, i in kept)
        clear = sum(g.clear * i.rows for g, i in kept) / max(1, sum(i.rows for _, i in kept))
        score = round(0.4 * pair.names + 0.2 * clear + 0.4 * covered / max(1, rows), 2)
        if covered < _LEAST_MAPPED * rows:
            return None
        is_whole = len(kept) == len(goals) and not orphans
        is_clear = pair.names >= 0.8 and min(g.clear for g, _ in kept) >= _CLEAR
        return Reference(
            child=pair.table.name,
            columns=(pair.id.name,),
            leads=tuple(_lead(g, i) for g, i in kept),
            type_column=pair.kind.name,
            is_accepted=is_whole and is_clear and not self._rival(pair, len(goals)),
            score=score,
            why=_why(len(kept), len(goals), rows - sum(g.rows for g in goals)),
        )

    def _is_plain(self, pair: _Pair, goals: list[_Goal], kept: list[_Goal]) -> bool:
        """Whether the id leads to one table anyhow: order_type beside order_id is a category."""
        is_certain = self._rival(pair, 0)
        parents = {g.parent.name for g in kept if g.parent is not None}
        return is_certain and (len(kept) < len(goals) or len(parents) < 2)

    def _rival(self, pair: _Pair, labels: int) -> bool:
        """Whether a plain key of the id is certain; no rival where several labels all fit."""
        certain = [k for k, sure in self.plain.items() if sure and k.child == pair.table.name]
        return labels < 2 and any(k.columns == (pair.id.name,) for k in certain)

    def _key(self, pair: _Pair, goal: _Goal) -> ForeignKey:
        assert goal.parent is not None
        return ForeignKey(
            name=goal.label, child=pair.table.name, columns=(pair.id.name,),
            parent=goal.parent.name, parent_columns=goal.parent.primary_key, is_declared=False,
            when=When(column=pair.kind.name, label=goal.label),
        )  # fmt: skip

    def _goals(self, pair: _Pair, told: list[tuple[str, int]]) -> list[_Goal]:
        """What each label names; by way of the table that lists them, if there is one."""
        lookup = self._lookup(pair)
        if lookup is not None:
            spellings = _spellings(self.sight, *lookup)
        elif pair.kind.type.kind == "integer":
            return []  # numbers name nothing by themselves
        else:
            spellings = iter([{label: label for label, _ in told}])
        best: list[_Goal] = []
        for spelled in spellings:
            goals = [self._goal(pair, label, spelled.get(label, ""), rows) for label, rows in told]
            if _mapped(goals) > _mapped(best):
                best = goals
        return best

    def _goal(self, pair: _Pair, label: str, text: str, rows: int) -> _Goal:
        scored = [(_label_score(text, t), t) for t in self.sight.schema.tables if _fits(pair.id, t)]
        best = max((s for s, _ in scored), default=0.0)
        named = [t for s, t in scored if s == best]
        if best and len(named) > 1:  # the one of the child's own application
            own = words_of(pair.table.name.name)[:1]
            named = [t for t in named if words_of(t.name.name)[:1] == own]
        if best and len(named) == 1 and self.sight.counts[named[0].name]:
            return _Goal(label, rows, named[0], best)
        return _Goal(label, rows)

    def _lookup(self, pair: _Pair) -> tuple[Table, str] | None:
        """The table that lists the labels, and its key: the type column refers to it."""
        declared = [k for k in pair.table.foreign_keys if k.columns == (pair.kind.name,)]
        found = [k for k, sure in self.plain.items() if sure and k.columns == (pair.kind.name,)]
        for key in (*declared, *(k for k in found if k.child == pair.table.name)):
            if key.parent in self.sight.counts and self.sight.counts[key.parent] <= LOOKUP_ROWS:
                return self.sight.schema.table(key.parent), key.parent_columns[0]
        return None


def _holds(inclusion: Inclusion | None) -> bool:
    return inclusion is not None and inclusion.coverage >= _LEAST_COVERAGE


def _mapped(goals: list[_Goal]) -> int:
    return sum(g.rows for g in goals if g.parent is not None)


def _lead(goal: _Goal, inclusion: Inclusion) -> Lead:
    assert goal.parent is not None
    return Lead(
        parent=goal.parent.name, parent_columns=goal.parent.primary_key, label=goal.label,
        rows=inclusion.rows, orphans=inclusion.orphans,
    )  # fmt: skip


def _why(kept: int, labels: int, rare: int) -> str:
    told = f"{kept} of {labels} labels name tables that have these rows"
    if kept < labels or rare:
        told += "; rows of other labels take one of these in a copy"
    if rare:
        told += f"; {rare} rows have labels too rare to be told"
    return told


def _fits(column: Column, table: Table) -> bool:
    """Whether a column can hold a table's key, as it is or as text."""
    if len(table.primary_key) != 1:
        return False
    kind = family(table.column(table.primary_key[0]).type)
    return bool(kind) and family(column.type) in (kind, "string")


def _spellings(sight: Sight, table: Table, key: str) -> Iterator[dict[str, str]]:
    """What a table of labels says of each key: by every text column, and by two in a row."""
    rows = sight.rows[table.name]
    texts = [c.name for c in table.written_columns if family(c.type) == "string" and c.name != key]
    keys = [str(k) for k in rows.column(key).to_pylist()]
    values = {t: [str(v or "") for v in rows.column(t).to_pylist()] for t in texts}
    for one, other in pairwise(texts):
        joined = [f"{a}.{b}" for a, b in zip(values[one], values[other], strict=True)]
        yield dict(zip(keys, joined, strict=True))
    for text in texts:
        yield dict(zip(keys, values[text], strict=True))


def _label_score(label: str, table: Table) -> float:
    """How clearly a label names a table: App\\Models\\Post, posts, blog.post, Blog::Post."""
    segments = [words_of(part) for part in _BREAKS.split(label) if words_of(part)]
    name = words_of(table.name.name)
    if not segments or not name:
        return 0.0
    last = segments[-1]
    for start in range(len(segments)):
        said = tuple(word for part in segments[start:] for word in part)
        if _is_same(said, name) or (
            len(segments) == 2 and _is_same(said, (table.name.schema.lower(), *name))
        ):
            return 1.0
    for size in range(len(name) - 1, 0, -1):
        if _is_same(last, name[-size:]):
            return 0.9
    return 0.0


def _is_same(said: tuple[str, ...], name: tuple[str, ...]) -> bool:
    """Whether words are a table's name, in whatever number, with or without breaks."""
    if len(said) == len(name) and said[:-1] == name[:-1]:
        return same_noun(said[-1], name[-1])
    return bool(noun_forms("".join(said)) & noun_forms("".join(name)))
