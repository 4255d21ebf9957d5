"""What was measured: nouns that measures make and reports print; names and numbers only."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from dbsynth.evaluation.measures import Kept, mean, weighted
from dbsynth.schema import ForeignKey, TableName

SCHEMA_VERSION = 1  # of `Evaluation.to_json`; a field may be added without a new version


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnScore:
    """One column by itself."""

    name: str
    kind: str  # see `views.ViewKind`
    shape: float | None  # 1 - KS or 1 - TVD; of texts, of their lengths; None: not compared
    nulls: float  # 1 - difference of the shares of NULL


@dataclass(frozen=True, slots=True, kw_only=True)
class PairScore:
    """The dependence between two columns, or a coefficient of one."""

    left: str
    right: str
    kept: float
    strength: float

    @classmethod
    def of(cls, left: str, right: str, kept: Kept) -> PairScore:
        """Name what was kept."""
        return cls(left=left, right=right, kept=kept.share, strength=kept.strength)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """A feature by which a detector tells made rows from real ones."""

    feature: str
    loss: float  # of AUC, if the feature's values are shuffled in rows that are to be told apart
    distance: float  # KS distance between the two sides of this feature alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """How well a detector tells made rows from real ones."""

    score: float  # 1 - max(0, 2 AUC - 1): 1 it cannot, 0 it always can
    auc: float
    rows: int  # of either side
    tells: tuple[Tell, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetScore:
    """How well one column is predicted on real rows, learned from made and from real rows."""

    column: str
    measure: str  # AUC or R2
    real: float  # trained on real rows
    made: float  # trained on made rows
    chance: float
    score: float | None  # (made - chance) / (real - chance), 0..1; None: real rows teach nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakScore:
    """Different values of a mostly distinct text column that the source has, too."""

    column: str
    leaked: int  # different values of the made rows that were looked at
    share: float
    share_of_half: float  # that are in one half of the real rows
    baseline: float | None  # the same of real rows that are not in that half


@dataclass(frozen=True, slots=True, kw_only=True)
class Privacy:
    """How near the rows of one table are to single rows of the source."""

    copies: float | None  # share of made rows that are real ones in all learned columns
    copies_of_half: float | None  # that are in one half of the real rows
    copies_baseline: float | None  # the same of real rows that are not in that half
    nearer: float | None  # how often a made row is nearer to the source than another real row is
    distance: tuple[float, float] | None  # median to the closest one: of made, of other real rows
    leaks: tuple[LeakScore, ...] = ()
    is_held_out: bool = False  # the other real rows were not learned from


@dataclass(frozen=True, slots=True, kw_only=True)
class TableScore:
    """One table."""

    name: TableName
    target: TableName
    is_copied: bool
    source_rows: int
    target_rows: int
    read_rows: tuple[int, int]  # of source and target
    columns: tuple[ColumnScore, ...] = ()
    pairs: tuple[PairScore, ...] = ()  # pairs that depend on each other
    rules: tuple[PairScore, ...] = ()  # left <= right, in a row
    detection: Detection | None = None
    detection_fine: Detection | None = None  # that also sees weekdays, hours and digits
    detection_agg: Detection | None = None  # of parents, with sums over their children
    utility: tuple[TargetScore, ...] = ()
    privacy: Privacy | None = None

    @property
    def shapes(self) -> float | None:
        """The mean of the learned columns' shapes."""
        learned = ("number", "date", "category")
        return mean(c.shape for c in self.columns if c.kind in learned)

    @property
    def pair_kept(self) -> float | None:
        """The share of the dependences between columns that is kept."""
        return pooled(self.pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyScore:
    """One foreign key: how many children parents have, and what the children have in common."""

    key: ForeignKey
    is_scored: bool  # False: both tables were copied, or there are hardly any parents
    cardinality: float  # 1 - KS of children per parent
    childless: float  # 1 - difference of the shares of parents without children
    children: tuple[float, float]  # on average, in source and target
    siblings: tuple[PairScore, ...] = ()  # intraclass correlations that are kept
    gaps: float | None = None  # 1 - KS of the time between siblings
    lags: tuple[PairScore, ...] = ()  # autocorrelations that are kept
    order_by: str = ""  # the column that orders siblings
    rules: tuple[PairScore, ...] = ()  # parent's date <= child's date

    @property
    def name(self) -> str:
        """Print as child (columns) -> parent."""
        return told(self.key)

    @property
    def siblings_kept(self) -> float | None:
        """The share of what siblings have in common that is kept."""
        return pooled(self.siblings)

    @property
    def order(self) -> float | None:
        """The mean of gaps and kept autocorrelations."""
        return mean([self.gaps, pooled(self.lags)])


@dataclass(frozen=True, slots=True, kw_only=True)
class PathScore:
    """Dependences between the columns of two tables, along a chain of keys."""

    tables: tuple[TableName, ...]  # from the lowest one up
    keys: tuple[str, ...]  # names of the foreign keys
    pairs: tuple[PairScore, ...]

    @property
    def hops(self) -> int:
        """How many keys lead from one end to the other."""
        return len(self.keys)

    @property
    def kept(self) -> float | None:
        """The share of the dependences that is kept."""
        return pooled(self.pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Everything that was measured of one target."""

    source: str  # redacted
    target: str
    holdout: str  # "" if there is none
    version: str
    seed: int
    sample: int
    tables: tuple[TableScore, ...]
    keys: tuple[KeyScore, ...]
    paths: tuple[PathScore, ...]
    missing: tuple[str, ...] = ()  # tables and columns that the target lacks
    notes: tuple[str, ...] = ()
    sdmetrics: Mapping[str, Any] | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def scored(self) -> list[TableScore]:
        """The tables that were made, not copied."""
        return [t for t in self.tables if not t.is_copied]

    def to_text(self) -> str:
        """Print into a text, without colours."""
        from dbsynth.evaluation.text import to_text

        return to_text(self)

    def summary(self) -> dict[str, float | None]:
        """The means over tables and keys, reference tables left out; None: nothing to measure."""
        tables, keys = self.scored, [k for k in self.keys if k.is_scored]
        single = [d.score for t in tables if (d := t.detection)]
        fine = [d.score for t in tables if (d := t.detection_fine)]
        wide = [d.score for t in tables if (d := t.detection_agg)]
        rules = [r.kept for t in tables for r in t.rules] + [
            r.kept for k in self.keys for r in k.rules
        ]
        found: dict[str, float | None] = {
            "shapes": mean(t.shapes for t in tables),
            "null_match": mean(c.nulls for t in tables for c in t.columns),
            "pair_kept": mean(t.pair_kept for t in tables),
            "cardinality": mean(k.cardinality for k in keys),
            "childless": mean(k.childless for k in keys),
            "hop_kept": mean(p.kept for p in self.paths),
            "siblings_kept": mean(k.siblings_kept for k in keys),
            "order": mean(k.order for k in keys),
            "order_rules": mean(rules),
        }
        across = [found["hop_kept"], found["siblings_kept"], found["order"]]
        found |= {
            "cross_table": mean(across),
            "c2st": mean(single),
            "c2st_min": min(single, default=None),
            "c2st_fine": mean(fine),
            "c2st_agg": mean(wide),
            "c2st_agg_min": min(wide, default=None),
        }
        names = ("shapes", "pair_kept", "cardinality", "cross_table", "c2st", "c2st_agg")
        found["overall"] = mean(found[n] for n in names)
        return found | self._use()

    def _use(self) -> dict[str, float | None]:
        private = [p for t in self.scored if (p := t.privacy)]
        leaks = [leak for p in private for leak in p.leaks]
        return {
            "utility": mean(u.score for t in self.scored for u in t.utility),
            "exact_copies": mean(p.copies for p in private),
            "exact_copies_of_half": mean(p.copies_of_half for p in private),
            "exact_copies_baseline": mean(p.copies_baseline for p in private),
            "nearer": mean(p.nearer for p in private),
            "nearer_max": max((p.nearer for p in private if p.nearer is not None), default=None),
            "leaked": mean(leak.share for leak in leaks),
            "leaked_of_half": mean(leak.share_of_half for leak in leaks),
            "leaked_baseline": mean(leak.baseline for leak in leaks),
        }

    def to_json(self) -> dict[str, Any]:
        """Turn into plain lists and dicts, with `schema_version`; keys are never renamed."""
        found: dict[str, Any] = _plain({
            "schema_version": SCHEMA_VERSION,
            "dbsynth_version": self.version,
            "source": self.source,
            "target": self.target,
            "holdout": self.holdout or None,
            "seed": self.seed,
            "sample": self.sample,
            "summary": self.summary(),
            "tables": [_table(t) for t in self.tables],
            "keys": [_key(k) for k in self.keys],
            "paths": [
                {
                    "tables": [str(n) for n in p.tables], "keys": p.keys, "hops": p.hops,
                    "kept": p.kept, "pairs": [asdict(x) for x in p.pairs],
                }
                for p in self.paths
            ],
            "missing": self.missing,
            "notes": self.notes,
            "sdmetrics": self.sdmetrics,
            "seconds": self.seconds,
        })  # fmt: skip
        return found


def told(key: ForeignKey) -> str:
    """Print a key as one line: child (columns) -> parent."""
    return f"{key.child} ({', '.join(key.columns)}) -> {key.parent}"


def pooled(pairs: Iterable[PairScore]) -> float | None:
    """Average what is kept, by strength; None without any dependence."""
    return weighted(Kept(p.kept, p.strength) for p in pairs)


def _table(table: TableScore) -> dict[str, Any]:
    data = asdict(table) | {"name": str(table.name), "target": str(table.target)}
    return data | {"shapes": table.shapes, "pair_kept": table.pair_kept}


def _key(score: KeyScore) -> dict[str, Any]:
    data = {name: value for name, value in asdict(score).items() if name != "key"}
    key = score.key
    return {
        "child": str(key.child), "columns": key.columns, "parent": str(key.parent),
        "parent_columns": key.parent_columns, "where": key.when and asdict(key.when),
        **data, "siblings_kept": score.siblings_kept, "order": score.order,
    }  # fmt: skip


def _plain(value: Any) -> Any:
    """Make lists of tuples, round numbers to five places, and NaN None."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return round(float(value), 5) if math.isfinite(value) else None
    return value
