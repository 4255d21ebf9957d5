"""Rows that still break a rule about single rows take what it is about from rows that keep it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dbsynth.adapters.scratch import Scratch
from dbsynth.arrow import put_column
from dbsynth.expressions import UntranslatableError, parse
from dbsynth.features import Ints
from dbsynth.keepers.followers import Followers, Pair
from dbsynth.keys import combined
from dbsynth.rules.book import Rule, RuleError
from dbsynth.rules.words import dependencies, flattened
from dbsynth.rules.writing import local_condition
from dbsynth.schema import Table

Flags = NDArray[np.bool_]

_TRIES = 6  # other rows whose values are tried


@dataclass(frozen=True, slots=True)
class _Cluster:
    """Rules that hang together, and the columns that change for them, all at once."""

    conditions: tuple[str, ...]
    columns: tuple[str, ...]
    pairs: tuple[Pair, ...]  # dependencies
    alike: frozenset[str]  # columns that do not change, and that a row taken over from has as well


@dataclass(frozen=True)
class Donors:
    """The conditions of one table's rows, and what follows from what in them."""

    clusters: tuple[_Cluster, ...]
    fixed: frozenset[str] = frozenset()
    followers: Followers = field(default_factory=Followers)
    scratch: Scratch = field(default_factory=Scratch)

    @classmethod
    def of(
        cls,
        rules: Iterable[Rule],
        table: Table,
        fixed: frozenset[str],
        followers: Followers | None = None,
        alike: frozenset[str] = frozenset(),
    ) -> Donors | None:
        """
        Prepare.

        Args:
            rules: of this table.
            table: as `words.widened` makes it.
            fixed: columns that may not change.
            followers: what is known to follow from what; shared with others who keep it.
            alike: those fixed columns in which other rows must agree to be taken over from.
        """
        places = {c.name: (i, c.type.kind) for i, c in enumerate(table.written_columns)}
        found: list[_Told] = []
        for rule in rules:
            for left, right in dependencies([rule]):
                if {*left, right} <= set(places) and not {*left, right} <= fixed:
                    found.append(_Told({*left, right}, (), ((left, right),)))
            condition = _condition(rule.text, places) if "->" not in rule.text else None
            if condition is not None:
                found.append(_Told(condition[0], (condition[1],), ()))
        clusters = [
            _Cluster(one.conditions, tuple(sorted(one.names - fixed)), one.pairs, alike & one.names)
            for one in _joined(found, fixed)
        ]
        if not any(c.columns for c in clusters):
            return None
        return cls(tuple(clusters), fixed, followers or Followers())

    def keep(self, rows: pa.Table, rng: np.random.Generator) -> tuple[pa.Table, frozenset[str]]:
        """
        Let broken rows take over the columns of a cluster from whole ones, as far as it helps.

        Args:
            rows: (n,) of all columns.
            rng: chooses.

        Returns:
            (n,) rows, and the columns in which some of them changed.
        """
        changed: set[str] = set()
        for cluster in (c for c in self.clusters if c.columns):
            self._learn(rows, cluster)
            broken = self._broken(rows, cluster)
            wrong, right = np.flatnonzero(broken), np.flatnonzero(~broken)
            for _ in range(_TRIES):
                if not len(wrong) or not len(right):
                    break
                sources = self._sources(rows, cluster, wrong, right, rng)
                tried = _taken_over(rows, cluster, wrong, sources)
                still = self._broken(tried, cluster)
                if not still.all():
                    rows = _merged(rows, tried, cluster, wrong, ~still)
                    changed |= set(cluster.columns)
                    wrong = wrong[still]
        return rows, frozenset(changed)

    def broken(self, rows: pa.Table) -> Flags:
        """(n,) whether a row breaks any of the rules."""
        found = [self._broken(rows, c) for c in self.clusters]
        return np.any(found, axis=0) if found else np.zeros(len(rows), bool)

    def _learn(self, rows: pa.Table, cluster: _Cluster) -> None:
        """Of labels that are new here, what follows from them in rows that keep the conditions."""
        if cluster.pairs and len(rows):
            sound = rows.filter(pa.array(self._kept(rows, cluster)))
            for pair in cluster.pairs:
                self.followers.learn(sound, pair)

    def _kept(self, rows: pa.Table, cluster: _Cluster) -> Flags:
        answers = self.scratch.hold(rows, cluster.conditions)
        known = [a for a in answers if a is not None]
        return np.all(known, axis=0) if known else np.ones(len(rows), bool)

    def _broken(self, rows: pa.Table, cluster: _Cluster) -> Flags:
        broken = ~self._kept(rows, cluster)
        for pair in cluster.pairs:
            wanted = self.followers.wanted(rows, pair)
            if wanted is not None:
                same = pc.equal(rows.column(pair[1]).combine_chunks(), wanted)
                broken |= np.asarray(pc.fill_null(pc.invert(same), False))
        return broken

    def _sources(
        self, rows: pa.Table, cluster: _Cluster, wrong: Ints, right: Ints, rng: np.random.Generator
    ) -> Ints:
        """Rows to take over from: those that have what follows here from what cannot change."""
        found: Ints = rng.choice(right, len(wrong))
        same = [rows.column(c).combine_chunks() for c in sorted(cluster.alike)]
        needed = [c.take(pa.array(wrong)) for c in same]
        offered = [c.take(pa.array(right)) for c in same]
        for left, follower in cluster.pairs:
            whole = rows.column(follower).combine_chunks()
            wanted = self.followers.wanted(rows, (left, follower))
            if follower in self.fixed:
                pairs = [(whole, whole)]
            elif set(left) <= self.fixed:
                pairs = [] if wanted is None else [(wanted, whole)]
            else:  # what cannot change decides in part
                held = [rows.column(c).combine_chunks() for c in left if c in self.fixed]
                pairs = [(c, c) for c in held]
            needed += [goal.take(pa.array(wrong)) for goal, _ in pairs]
            offered += [there.take(pa.array(right)) for _, there in pairs]
        if not needed:
            return found
        both = [_codes(pa.concat_arrays(list(x))) for x in zip(needed, offered, strict=True)]
        codes = combined(np.stack(both, axis=1))
        goals, those = codes[: len(wrong)], codes[len(wrong) :]
        order = np.argsort(those, kind="stable")
        first = np.searchsorted(those[order], goals, side="left")
        count = np.searchsorted(those[order], goals, side="right") - first
        chosen = first + np.floor(rng.random(len(wrong)) * count).astype(np.int64)
        helped = count > 0
        found[helped] = right[order[chosen[helped]]]
        return found


@dataclass(frozen=True, slots=True)
class _Told:
    """A rule, or several that have columns in common."""

    names: set[str]
    conditions: tuple[str, ...]
    pairs: tuple[Pair, ...]


def _condition(text: str, places: Mapping[str, tuple[int, str]]) -> tuple[set[str], str] | None:
    from sqlglot import exp

    try:
        tree = flattened(parse(text, "duckdb"))
    except UntranslatableError:
        return None
    if any(tree.find(k) is not None for k in (exp.Window, exp.AggFunc, exp.Select)):
        return None
    names = {c.name for c in tree.find_all(exp.Column)}
    if not names or not names <= set(places):
        return None
    try:
        return names, local_condition(tree, places)
    except RuleError:
        return None


def _joined(found: Iterable[_Told], fixed: frozenset[str]) -> list[_Told]:
    """Rules that have columns in common, as far as these may change."""
    clusters: list[_Told] = []
    for one in found:
        touching = [c for c in clusters if (c.names & one.names) - fixed]
        whole = _Told(
            one.names.union(*(c.names for c in touching)),
            (*(t for c in touching for t in c.conditions), *one.conditions),
            (*(p for c in touching for p in c.pairs), *one.pairs),
        )
        clusters = [c for c in clusters if not any(c is t for t in touching)] + [whole]
    return clusters


def _codes(values: pa.Array) -> Ints:
    """(n,) the same number for the same value, NULL among them."""
    return np.asarray(pc.fill_null(values.dictionary_encode().indices, -1)).astype(np.int64)


def _taken_over(rows: pa.Table, cluster: _Cluster, wrong: Ints, sources: Ints) -> pa.Table:
    """The wrong rows, with a cluster's columns of others."""
    part, given = rows.take(pa.array(wrong)), rows.take(pa.array(sources))
    for name in cluster.columns:
        part = put_column(part, name, given.column(name))
    return part


def _merged(
    rows: pa.Table, tried: pa.Table, cluster: _Cluster, wrong: Ints, better: Flags
) -> pa.Table:
    """Rows, some of which are as they were tried."""
    places = np.arange(len(rows))
    places[wrong[better]] = len(rows) + np.flatnonzero(better)
    for name in cluster.columns:
        both = pa.chunked_array([*rows.column(name).chunks, *tried.column(name).chunks])
        rows = put_column(rows, name, both.take(places))
    return rows
