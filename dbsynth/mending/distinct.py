"""Keep unique what must be, where no construction does: change the rows that repeat a key."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dbsynth.adapters.scratch import Scratch
from dbsynth.expressions import UntranslatableError
from dbsynth.features import Ints
from dbsynth.mending.draft import Draft, Proposal, Scope, Unit
from dbsynth.mending.localsql import LocalSql, is_folded, place
from dbsynth.mending.vacant import vacant
from dbsynth.mending.variants import Variants
from dbsynth.plan import TablePlan
from dbsynth.schema import Table, Unique
from dbsynth.tablemodel import TableModel
from dbsynth.treatments import Treatment

Codes = NDArray[np.uint64]
Flags = NDArray[np.bool_]

# Attempts in which values are looked for that are left beside a key's rest, each unit in its turn.
_VACANT = (12, 14, 17, 35, 39)
_KEYS_FROM = 40  # attempts, before a row that could change otherwise takes other parents
TRIES = 100  # other values for a row that repeats a key, before it is left out
_EASE = {"datetime": 0, "number": 1, "format": 2, "text": 2, "personal": 2, "key": 2, "category": 3}
_NUMBER = r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*"  # as SQLite reads texts
_IS_READ = f"regexp_full_match({{0}}, '{_NUMBER}')"
_READ = f"CASE WHEN {_IS_READ} THEN ({{0}}::DOUBLE)::VARCHAR ELSE {{0}} END"
_FOLDED = "rtrim(replace(lower(strip_accents({})), 'ß', 'ss'))"  # no collation tells more apart


@dataclass(frozen=True)
class Rule:
    """
    What must not repeat, in the in-memory engine's SQL.

    Equal keys have equal hashes; keys that are taken for equal because their hashes are, by a
    chance of one in 2**64 or so, are merely changed without need.
    """

    columns: tuple[str, ...]  # that it names
    key: str  # a hash
    covered: str  # which rows it is about
    units: tuple[Unit, ...]  # what may change, the easiest first
    may_be_null: bool  # a NULL in it makes a row unlike every other
    is_plain: bool = True  # about the values of columns, in all rows


@dataclass
class Distinct:
    """The unique sets of a table that are not unique by construction; keeps what was used."""

    rules: tuple[Rule, ...]
    variants: Variants
    scratch: Scratch = field(default_factory=Scratch)
    seen: list[_Seen] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        table: Table,
        dialect: str,
        planned: TablePlan,
        model: TableModel,
        units: Sequence[Unit],
        scope: Scope,
        touched: Collection[str] = (),
    ) -> Distinct:
        """
        Find the unique sets that need watching.

        Args:
            table: the source's.
            dialect: of its expressions.
            planned: its plan.
            model: its generator.
            units: what may change.
            scope: which sets.
            touched: columns that others may change after they were made unique.
        """
        local = LocalSql(table, dialect)
        by_column = {c: unit for unit in units for c in unit.columns}
        found: dict[int, Rule | None] = {}
        changing, before = set(touched), -1
        while len(found) > before:  # mending one set may break another
            before = len(found)
            for number, (unique, expressions) in enumerate(_uniques(table)):
                made = not expressions and _by_construction(unique, planned, by_column, changing)
                made &= not any(_is_read(local, c) for c in unique.columns)
                if made or number in found:
                    continue
                rule = found[number] = _rule(unique, expressions, local, planned, by_column)
                changing |= {c for unit in (rule.units if rule else ()) for c in unit.columns}
        ordered = [rule for _, rule in sorted(found.items())]
        rules = [rule for rule in ordered if rule is not None and scope.covers(rule.columns)]
        return cls(tuple(rules), Variants.of(table, local, model), seen=[_Seen() for _ in rules])

    def repair(
        self,
        draft: Draft,
        rng: np.random.Generator,
        holds: Callable[[pa.Table], Flags] | None = None,
    ) -> Flags:
        """
        Change the rows of a draft that repeat a key, here or in an earlier draft.

        Args:
            draft: (n,) rows.
            rng: decides what they become.
            holds: which rows keep all checks; only such rows come out of a change.

        Returns:
            (n,) False for the rows that repeat a key all the same and must be left out.
        """
        everything = np.arange(len(draft.rows))
        if not self.rules or len(everything) == 0:
            return np.ones(len(everything), bool)
        waiting = everything[~self._accept(draft.rows, np.ones(len(everything), bool))]
        for attempt in range(TRIES):
            if len(waiting) == 0:
                break
            broken = self._broken(draft.rows.take(pa.array(waiting)))
            done = np.zeros(len(waiting), bool)
            for number, rule in enumerate(self.rules):
                mine = np.flatnonzero(broken[number] & ~done)
                unit = _turn(rule, attempt)
                if len(mine) == 0 or unit is None:
                    continue
                at = waiting[mine]
                proposal = self._proposal(rule, unit, draft, at, attempt, rng)
                if unit.is_nullable and rule.may_be_null and attempt >= TRIES - 2:
                    proposal = draft.without(unit, len(at))
                imagined = draft.imagine(at, proposal)
                allowed = holds(imagined) if holds else np.ones(len(at), bool)
                good = np.flatnonzero(self._accept(imagined, allowed))
                draft.put(at, proposal, good)
                done[mine[good]] = True
                if attempt % 2 and len(self.rules) > 1:  # a key of several rules: one by one
                    better = self._better(broken[:, mine], imagined, allowed)
                    draft.put(at, proposal, np.setdiff1d(better, good))
            waiting = waiting[~done]
        kept = np.ones(len(everything), bool)
        kept[waiting] = False
        return kept

    def _proposal(
        self, rule: Rule, unit: Unit, draft: Draft, at: Ints, attempt: int, rng: np.random.Generator
    ) -> Proposal:
        """Other values: near ones, and where these are taken again and again, what is vacant."""
        proposal = self.variants.propose(unit, draft, at, attempt, rng)
        if attempt not in _VACANT or unit.is_key or not rule.is_plain:
            return proposal
        column = unit.columns[0]
        found = vacant(draft.rows, rule.columns, column, at, rng)
        if found is None:
            return proposal
        return Proposal({column: pc.coalesce(found, proposal.values[column])})

    def _better(self, broken: Flags, imagined: pa.Table, allowed: Flags) -> Ints:
        """Rows that break fewer rules than before."""
        fewer = self._broken(imagined).sum(axis=0) < broken.sum(axis=0)
        return np.flatnonzero(fewer & allowed)

    def _keys(self, rows: pa.Table) -> tuple[list[Codes], list[Flags]]:
        """Each rule's key of each row, and whether the rule is about the row."""
        wanted = [sql for rule in self.rules for sql in (rule.key, rule.covered)]
        answers = self.scratch.compute(rows, wanted)
        codes, covered = [], []
        for key, flags in zip(answers[::2], answers[1::2], strict=True):
            if key is None or flags is None:  # the database is the judge
                codes.append(np.zeros(len(rows), np.uint64))
                covered.append(np.zeros(len(rows), bool))
            else:
                codes.append(np.asarray(key, np.uint64))
                covered.append(np.asarray(flags, bool))
        return codes, covered

    def _broken(self, rows: pa.Table) -> Flags:
        """(rules, n) whether a row's key is taken, by earlier drafts or accepted rows."""
        codes, covered = self._keys(rows)
        return np.stack(
            [c & seen.has(k) for k, c, seen in zip(codes, covered, self.seen, strict=True)]
        )

    def _accept(self, rows: pa.Table, allowed: Flags) -> Flags:
        """Take in the rows whose keys are all new, the first of equal ones; returns which."""
        codes, covered = self._keys(rows)
        good = allowed.copy()
        for key, flags, seen in zip(codes, covered, self.seen, strict=True):
            good &= ~(flags & seen.has(key))
        for key, flags in zip(codes, covered, strict=True):
            # Rows that fail by another rule do not take a key away from those that come after.
            mine = np.flatnonzero(good & flags)
            _, first = np.unique(key[mine], return_index=True)
            good[np.delete(mine, first)] = False
        for key, flags, seen in zip(codes, covered, self.seen, strict=True):
            seen.add(key[good & flags])
        return good


def _turn(rule: Rule, attempt: int) -> Unit | None:
    """Which unit changes in an attempt: mostly the easiest one; keys when all else has failed."""
    if not rule.units:
        return None
    if attempt % 3 < 2:
        return rule.units[0]
    own = [u for u in rule.units if not u.is_key]
    some = own if own and attempt < _KEYS_FROM else rule.units
    return some[(attempt // 3) % len(some)]


def _uniques(table: Table) -> Iterator[tuple[Unique, tuple[str, ...]]]:
    """Every unique set, with its expressions where it is not about plain columns."""
    if table.primary_key:
        yield Unique(name="primary key", columns=table.primary_key), ()
    for unique in (*table.uniques, *table.part_uniques):
        if unique.columns:
            yield unique, ()
    for index in table.indexes:
        if index.is_unique and index.expressions:
            yield (
                Unique(
                    name=index.name,
                    columns=(),
                    nulls_not_distinct=index.nulls_not_distinct,
                    predicate=index.predicate,
                ),
                index.expressions,
            )


def _by_construction(
    unique: Unique, planned: TablePlan, units: Mapping[str, Unit], touched: set[str]
) -> bool:
    """Whether makers, keys or the order of siblings see to it already, or nothing may change."""
    if touched & set(unique.columns) or unique.nulls_not_distinct:
        return False
    treatments = [planned.columns[c] for c in unique.columns if c in planned.columns]
    if any(_is_unique(t) for t in treatments):
        return True
    owner = {c for k in planned.keys if k.role == "owner" for c in k.columns}
    if planned.order_by in unique.columns and owner <= set(unique.columns):
        return True  # siblings never share the column that orders them, but others may
    return unique.predicate is None and not any(
        c in units and not units[c].is_key for c in unique.columns
    )


def _is_unique(treatment: Treatment) -> bool:
    """Whether a column's maker never makes the same value twice."""
    made = treatment.kind in ("personal", "format", "text")
    return treatment.kind == "key" or (treatment.is_unique and made)


def _rule(
    unique: Unique,
    expressions: Sequence[str],
    local: LocalSql,
    planned: TablePlan,
    units: Mapping[str, Unit],
) -> Rule | None:
    """Write a unique set in the in-memory engine's SQL; None if it is not certain how."""
    if not set(unique.columns) <= local.places.keys():
        return None  # a column that the database computes
    try:
        trees = [local.parse(e) for e in expressions]
        predicate = local.parse(unique.predicate) if unique.predicate else None
    except UntranslatableError:
        return None
    keys = [_key(c, unique, local) for c in unique.columns] + [f"({local.sql(t)})" for t in trees]
    covered = [] if unique.nulls_not_distinct else [f"{k} IS NOT NULL" for k in keys]
    named = list(unique.columns) + [c for t in trees for c in local.columns_of(t)]
    also: list[str] = []
    if predicate is not None:
        covered.append(f"coalesce(({local.sql(predicate)})::BOOLEAN, false)")
        also = [c for c in local.columns_of(predicate) if c not in named]
    free = {c for c, unit in units.items() if not unit.is_fixed}
    movable = sorted((c for c in named if c in free), key=lambda c: _ease(c, planned))
    movable += sorted((c for c in also if c in free), key=lambda c: _ease(c, planned))
    return Rule(
        columns=(*named, *also),
        key=f"hash({', '.join(keys)})",
        covered=" AND ".join(covered) or "true",
        units=tuple(dict.fromkeys(units[c] for c in movable)),
        may_be_null=not unique.nulls_not_distinct,
        is_plain=not expressions and predicate is None,
    )


def _key(column: str, unique: Unique, local: LocalSql) -> str:
    found, sql = local.table.column(column), place(local.places[column])
    if _is_read(local, column):
        return f"({_READ.format(sql)})"
    is_loose = unique.is_folded and found.type.kind == "string"
    return _FOLDED.format(sql) if is_loose or is_folded(found, local.dialect) else sql


def _is_read(local: LocalSql, column: str) -> bool:
    """Whether a text that looks like a number becomes one: '007' is 7, and no other than '7'."""
    if local.dialect != "sqlite" or column not in local.places:
        return False
    sql = local.table.column(column).type
    native = sql.native.upper()
    is_text = "INT" not in native and any(w in native for w in ("CHAR", "CLOB", "TEXT", "BLOB"))
    return sql.kind == "string" and native not in ("", "ANY") and not is_text


def _ease(column: str, planned: TablePlan) -> int:
    return _EASE.get(planned.columns[column].kind, 4)


@dataclass
class _Seen:
    """A growing set of numbers, kept as few sorted runs."""

    runs: list[Codes] = field(default_factory=list)

    def has(self, codes: Codes) -> Flags:
        """Tell which of (n,) codes are in the set."""
        found = np.zeros(len(codes), bool)
        for run in self.runs:
            at = np.minimum(np.searchsorted(run, codes), len(run) - 1)
            found |= run[at] == codes
        return found

    def add(self, codes: Codes) -> None:
        """Put codes into the set."""
        run = np.unique(codes)
        while self.runs and len(self.runs[-1]) <= 2 * len(run):
            run = np.union1d(self.runs.pop(), run)
        if len(run):
            self.runs.append(run)
