"""Rows that still break a rule about single rows take what it is about from rows that keep it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dbsynth.adapters.scratch import Scratch
from dbsynth.expressions import UntranslatableError, parse
from dbsynth.features import Ints
from dbsynth.rulebook import Rule
from dbsynth.rulesql import RuleError, local_condition
from dbsynth.rulewords import flattened, names_of
from dbsynth.schema import Table

Flags = NDArray[np.bool_]

_TRIES = 6  # other rows whose values are tried


@dataclass(frozen=True, slots=True)
class _Cluster:
    """Conditions that hang together, and the columns that change for them, all at once."""

    conditions: tuple[str, ...]
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Donors:
    """The conditions of one table's rows."""

    clusters: tuple[_Cluster, ...]
    scratch: Scratch = field(default_factory=Scratch)

    @classmethod
    def of(cls, rules: Iterable[Rule], table: Table, fixed: frozenset[str]) -> Donors | None:
        """
        Prepare.

        Args:
            rules: of this table.
            table: as `rowrules.widened` makes it.
            fixed: columns that may not change.
        """
        places = {c.name: (i, c.type.kind) for i, c in enumerate(table.written_columns)}
        found: list[tuple[set[str], str]] = []
        bound = set(fixed)  # what follows from what must stay, stays
        for rule in rules:
            if "->" in rule.text:
                names = set(names_of(rule.text))
                if names - bound and names & bound:
                    bound |= names
                elif names <= set(places):
                    found.append((names, ""))
            elif (condition := _condition(rule.text, places)) is not None:
                found.append(condition)
        fixed = frozenset(bound)
        clusters = [
            _Cluster(tuple(c for c in conditions if c), tuple(sorted(names - fixed)))
            for names, conditions in _joined(found, fixed)
        ]
        clusters = [c for c in clusters if c.conditions and c.columns]
        return cls(tuple(clusters)) if clusters else None

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
        for cluster in self.clusters:
            broken = self._broken(rows, cluster)
            for _ in range(_TRIES):
                wrong, right = np.flatnonzero(broken), np.flatnonzero(~broken)
                if not len(wrong) or not len(right):
                    break
                tried = _taken_over(rows, cluster, wrong, rng.choice(right, len(wrong)))
                still = self._broken(tried, cluster)
                better = np.flatnonzero(broken & ~still)
                if not len(better):
                    continue
                rows = _merged(rows, tried, cluster, better)
                changed |= set(cluster.columns)
                broken = still | (broken & ~np.isin(np.arange(len(rows)), better))
        return rows, frozenset(changed)

    def broken(self, rows: pa.Table) -> Flags:
        """(n,) whether a row breaks one of all conditions."""
        found = [self._broken(rows, c) for c in self.clusters]
        return np.any(found, axis=0) if found else np.zeros(len(rows), bool)

    def _broken(self, rows: pa.Table, cluster: _Cluster) -> Flags:
        answers = self.scratch.hold(rows, cluster.conditions)
        kept = [a for a in answers if a is not None]
        return ~np.all(kept, axis=0) if kept else np.zeros(len(rows), bool)


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


def _joined(
    found: Iterable[tuple[set[str], str]], fixed: frozenset[str]
) -> list[tuple[set[str], list[str]]]:
    """Conditions that have columns in common, as far as these may change."""
    clusters: list[tuple[set[str], list[str]]] = []
    for names, text in found:
        touching = [c for c in clusters if (c[0] & names) - fixed]
        whole = (
            names.union(*(c[0] for c in touching)),
            [*(t for c in touching for t in c[1]), text],
        )
        clusters = [c for c in clusters if not any(c is t for t in touching)] + [whole]
    return clusters


def _taken_over(rows: pa.Table, cluster: _Cluster, wrong: Ints, sources: Ints) -> pa.Table:
    places = np.arange(len(rows))
    places[wrong] = sources
    for name in cluster.columns:
        at = rows.column_names.index(name)
        rows = rows.set_column(at, rows.schema.field(name), rows.column(name).take(places))
    return rows


def _merged(rows: pa.Table, tried: pa.Table, cluster: _Cluster, better: Ints) -> pa.Table:
    """Rows, some of which are as they were tried."""
    places = np.arange(len(rows))
    places[better] += len(rows)
    for name in cluster.columns:
        at = rows.column_names.index(name)
        both = pa.chunked_array([*rows.column(name).chunks, *tried.column(name).chunks])
        rows = rows.set_column(at, rows.schema.field(name), both.take(places))
    return rows
