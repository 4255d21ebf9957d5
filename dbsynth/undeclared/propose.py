"""
Find references that a source does not declare, and say how much speaks for each.

Names make the candidates (`refnames`), the first rows refuse most of them (`candidates`), and the
source itself counts, over whole tables, what is left (`inclusion`).  The score of what remains is

    0.55 * names + coverage * (0.15 + 0.20 * proof) + 0.10 * spread

where *names* says how clearly they name the parent; *coverage* is 1 with no orphan and 0 where a
tenth of the rows are orphans; *proof* is how unlikely the values would be found in the parent by
chance (next to nothing for small numbers in a run of numbers, 1 for uuids); and *spread* is the
share of parents that have children, doubled, at most 1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.references import Lead, Reference
from dbsynth.release import Release
from dbsynth.schema import ForeignKey, Schema, TableName
from dbsynth.undeclared.candidates import (
    LEAST_COVERAGE,
    Candidate,
    Sight,
    family,
    find_candidates,
    single,
)
from dbsynth.undeclared.inclusion import Asker, Inclusion
from dbsynth.undeclared.polymorphic import find_polymorphic
from dbsynth.undeclared.refnames import Hint, Names, recurring

if TYPE_CHECKING:
    from dbsynth.adapters.base import Source

ACCEPT = 0.6  # with names that say so, no orphan and no rival: kept without being asked
PROPOSE = 0.33  # listed for the user to decide
STRONG = 0.85  # names that say so
_RIVAL = 0.04  # names that say so nearly as clearly
_NAMES, _COVERED, _PROVEN, _SPREAD = 0.55, 0.15, 0.20, 0.10
_LETTERS = 20  # that a place of a text could hold, by chance
_DENSE = 0.5  # share of a range of numbers that are keys, from which numbers prove nothing
_RUN = 30  # different numbers, before where they end says anything


@dataclass(frozen=True, slots=True)
class _Judged:
    """A candidate with all that is known of it."""

    candidate: Candidate
    inclusion: Inclusion
    proof: float
    spread: float

    @property
    def score(self) -> float:
        covered = max(0.0, 1 - (1 - self.inclusion.coverage) / (1 - LEAST_COVERAGE))
        values = covered * (_COVERED + _PROVEN * self.proof)
        return round(_NAMES * self.candidate.hint.score + values + _SPREAD * self.spread, 2)

    @property
    def is_certain(self) -> bool:
        """Whether it may be kept without asking, if nothing rivals it."""
        is_strong = self.candidate.hint.score >= STRONG and self.score >= ACCEPT
        return is_strong and not self.inclusion.orphans


def propose(
    source: Source,
    schema: Schema,
    profile: Mapping[TableName, pa.Table],
    counts: Mapping[TableName, int],
    release: Release,
) -> tuple[Reference, ...]:
    """
    Propose keys, of one column and of several, and polymorphic ones, that nothing declares.

    Args:
        source: asked for rows without a parent, in whole tables.
        schema: the source's.
        profile: the first rows of every table.
        counts: exact rows per table.
        release: which labels of polymorphic references may be told.

    Returns:
        references in the order of tables and columns; `is_accepted` says which are kept unasked.
    """
    sight, asker = Sight(source, schema, profile, counts), Asker(source, schema)
    names = Names(schema)
    candidates = find_candidates(sight, names)
    judged = _judge(sight, asker, candidates)
    certain = _certain(judged)
    likely = _alike(sight, schema, certain)
    if likely:
        judged = _better(judged, _judge(sight, asker, likely))
        certain = _certain(judged)
    certain = _together(schema, judged, certain)
    plain = {j.candidate.key: j.candidate.key in certain for j in judged}
    polymorphic = find_polymorphic(sight, asker, release, plain)
    taken = {(r.child, c) for r in polymorphic for c in r.columns}
    kinds = {(r.child, r.type_column) for r in polymorphic}
    kept = [j for j in judged if not _is_taken(j.candidate.key, taken, kinds, certain)]
    found = (*_listed(kept, certain, counts), *polymorphic)
    return tuple(sorted(found, key=lambda r: (r.child, r.columns, -r.score, r.leads[0].parent)))


def _is_taken(
    key: ForeignKey,
    ids: set[tuple[TableName, str]],
    kinds: set[tuple[TableName, str]],
    certain: set[ForeignKey],
) -> bool:
    """Whether a column of a plain key is part of a polymorphic reference."""
    places = {(key.child, c) for c in key.columns}
    return bool(places & ids) or (bool(places & kinds) and key not in certain)


def _judge(sight: Sight, asker: Asker, candidates: Sequence[Candidate]) -> list[_Judged]:
    measured = asker.measure([c.key for c in candidates])
    extremes: dict[tuple[TableName, str], tuple[float, float] | None] = {}
    judged = []
    for candidate in candidates:
        inclusion = measured.get(candidate.key)
        if inclusion is None or inclusion.coverage < LEAST_COVERAGE:
            continue
        place = candidate.key.parent, candidate.key.parent_columns[0]
        if inclusion.low is not None and place not in extremes:
            extremes[place] = asker.extremes(*place)
        proof = _proof(sight, candidate.key, inclusion, extremes.get(place))
        parents = max(1, sight.counts[candidate.key.parent])
        spread = min(1.0, 2 * inclusion.different / parents)
        judged.append(_Judged(candidate, inclusion, proof, spread))
    return [j for j in judged if j.score >= PROPOSE]


def _proof(
    sight: Sight, key: ForeignKey, inclusion: Inclusion, bounds: tuple[float, float] | None
) -> float:
    """How unlikely it is that so many different values would all be keys by chance."""
    parents, tries = sight.counts[key.parent], min(inclusion.different, 10)
    if len(key.columns) > 1:
        sizes = [float(len(sight.values(key.parent, c))) for c in key.parent_columns]
        return 1 - min(1.0, parents / max(1.0, float(np.prod(sizes)))) ** tries
    kind = family(sight.schema.table(key.parent).column(key.parent_columns[0]).type)
    if kind == "uuid":
        return 1.0
    if kind == "string":
        return _text_proof(sight.values(key.child, key.columns[0]), parents, tries)
    if bounds is None or inclusion.low is None or inclusion.high is None:
        return 0.0
    density = parents / (bounds[1] - bounds[0] + 1)
    if density < _DENSE:
        return float(1 - density**tries)
    return _range_proof(inclusion, bounds)


def _text_proof(values: pa.Array, parents: int, tries: int) -> float:
    length = float(pc.mean(pc.utf8_length(values.cast(pa.string()))).as_py() or 0.0)
    proof = 1 - min(1.0, parents / _LETTERS ** min(length, 12)) ** tries
    return float(min(proof, 0.3) if length < 2 else proof)


def _range_proof(inclusion: Inclusion, bounds: tuple[float, float]) -> float:
    """
    What numbers prove in a run of keys 1, 2, 3 …: next to nothing.

    Any small number is found there.  But many numbers, far from each other, that end where the
    keys end, are hardly quantities.
    """
    assert inclusion.low is not None
    assert inclusion.high is not None
    width = inclusion.high - inclusion.low + 1
    reach = (inclusion.high - bounds[0] + 1) / (bounds[1] - bounds[0] + 1)
    is_run = inclusion.different > _DENSE * width
    return 0.0 if inclusion.different < _RUN or is_run or reach < 0.9 else 0.6


def _certain(judged: Iterable[_Judged]) -> set[ForeignKey]:
    """The keys that are kept unasked: one for each set of columns, without a rival."""
    certain = set()
    for group in _by_columns(judged).values():
        best = group[0]
        rivals = [j for j in group[1:] if j.inclusion.coverage >= best.inclusion.coverage]
        limit = best.candidate.hint.score - _RIVAL
        if best.is_certain and not any(j.candidate.hint.score > limit for j in rivals):
            certain.add(best.candidate.key)
    return certain


def _together(
    schema: Schema, judged: Iterable[_Judged], certain: set[ForeignKey]
) -> set[ForeignKey]:
    """Those of the keys that rows can have at once, the best first."""
    kept = list(schema.foreign_keys)
    links = [*kept, *certain]
    sure = [j for j in judged if j.candidate.key in certain]
    sure.sort(key=lambda j: (-j.score, j.candidate.key.child, j.candidate.key.columns))
    for key in (j.candidate.key for j in sure):
        if not any(_excludes(key, k, links) for k in kept if k.child == key.child):
            kept.append(key)
    return certain & set(kept)


def _excludes(one: ForeignKey, other: ForeignKey, links: Iterable[ForeignKey]) -> bool:
    """
    Whether a row that has a parent by one key would hardly find one by the other.

    They share columns, and nothing sees to it that their parents, which are made on their own,
    have the same combinations of values there: no key between them, nor from both to the same rows.
    """
    shared = set(one.columns) & set(other.columns)
    parents = {one.parent, other.parent}
    if len(shared) < 2 or len(parents) == 1:
        return False
    if any({k.child, k.parent} == parents for k in links):
        return False
    goals = [
        {k.parent for k in links if k.child == key.parent and shared <= _seen_below(key, k)}
        for key in (one, other)
    ]
    return not goals[0] & goals[1]


def _seen_below(key: ForeignKey, above: ForeignKey) -> set[str]:
    """A row's columns in which its parent's own key is to be seen."""
    below = dict(zip(key.parent_columns, key.columns, strict=True))
    return {below[c] for c in above.columns if c in below}


def _by_columns(
    judged: Iterable[_Judged],
) -> dict[tuple[TableName, tuple[str, ...]], list[_Judged]]:
    """Put what is about the same columns together, best first."""
    groups = defaultdict(list)
    for one in judged:
        groups[one.candidate.key.child, one.candidate.key.columns].append(one)
    for group in groups.values():
        group.sort(key=lambda j: (-j.candidate.hint.score, -j.score, j.candidate.key.parent))
    return groups


def _alike(sight: Sight, schema: Schema, certain: set[ForeignKey]) -> list[Candidate]:
    """Columns that are called as a certain reference is elsewhere: they lead there too."""
    in_order = sorted(certain, key=lambda k: (k.child, k.columns))
    known = recurring(k for k in (*schema.foreign_keys, *in_order) if k.parent in schema.by_name)
    taken = {(k.child, k.columns) for k in certain}
    found = []
    for table in schema.tables:
        keyed = {c for k in table.foreign_keys for c in k.columns}
        for column in table.written_columns:
            goal = known.get(column.name.casefold())
            if goal is None or column.name in keyed or (table.name, (column.name,)) in taken:
                continue
            wanted = schema.table(goal.parent).column(goal.parent_columns[0])
            key = single(table.name, column.name, goal.parent, wanted.name)
            kind = family(column.type)
            is_own = table.primary_key == (column.name,)
            is_own |= (goal.parent, wanted.name) == (table.name, column.name)
            if is_own or kind != family(wanted.type) or not kind:
                continue
            if not sight.is_varied(table.name, column):
                continue
            key = sight.with_none(key)
            if sight.share_found(key) >= LEAST_COVERAGE:
                hint = Hint(0.9, f"{column.name} leads there in other tables")
                found.append(Candidate(key, hint))
    return found


def _better(judged: list[_Judged], others: list[_Judged]) -> list[_Judged]:
    """Take for each key what was judged better."""
    best = {j.candidate.key: j for j in judged}
    for other in others:
        key = other.candidate.key
        if key not in best or best[key].score < other.score:
            best[key] = other
    return list(best.values())


def _listed(
    judged: list[_Judged], certain: set[ForeignKey], counts: Mapping[TableName, int]
) -> list[Reference]:
    """What goes into the plan: certain keys alone, else the best few of each set of columns."""
    found = []
    for group in _by_columns(judged).values():
        sure = [j for j in group if j.candidate.key in certain]
        best = max(j.score for j in group)
        shown = sure or [j for j in group if j.score > best - 0.1][:3]
        found += [_reference(j, j.candidate.key in certain, counts) for j in shown]
    return found


def _reference(judged: _Judged, accepted: bool, counts: Mapping[TableName, int]) -> Reference:
    key, inclusion = judged.candidate.key, judged.inclusion
    parents = counts[key.parent]
    about = "" if inclusion.share >= 1.0 else "about "
    told = f"{judged.candidate.hint.why}; {about}{inclusion.different} different keys"
    told += f", {parents} parents"
    if about:
        told += f"; counted in {inclusion.share:.1%} of the rows"
    if judged.proof < 0.5:
        told += "; values that any column may have prove little"
    if key.none is not None:
        told += f"; {key.none!r} stands for none"
    lead = Lead(
        parent=key.parent, parent_columns=key.parent_columns, rows=inclusion.rows,
        orphans=inclusion.orphans,
    )  # fmt: skip
    return Reference(
        child=key.child, columns=key.columns, leads=(lead,), is_accepted=accepted,
        score=judged.score, why=told, none=key.none,
    )  # fmt: skip
