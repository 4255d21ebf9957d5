"""
Made labels that repeat as the source's rare ones do: in how many rows, and among siblings.

Labels that too few entities carry never leave the source; what does is how many there are, how
often each is used (the top ones only as a mean), and how much rows of one group (siblings, the rows
of one parent, rows with one label in another column) share them.  Within a group labels repeat as
in a Dirichlet process, whose concentration is fitted; across groups each label is used as often as
one of the source's.

Source: Ferguson 1973; stick-breaking by Sethuraman 1994.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth import lexicon
from dbsynth.features import Floats, Ints
from dbsynth.formats import FormatModel, fit_format, sample_format
from dbsynth.limits import allowed_labels
from dbsynth.people.personas import make_personal
from dbsynth.people.pii import (
    PersonalColumn,
    PersonalModel,
    TextModel,
    fit_personal,
    fit_text,
    sample_text,
)
from dbsynth.permute import key_of, mix, permute
from dbsynth.plan import TablePlan
from dbsynth.release import Release
from dbsynth.schema import Column, Table
from dbsynth.treatments import Treatment

MAX_LABELS = 50_000  # more are no labels
MAX_LENGTH = 60  # characters on average; longer texts are no labels
MANY_DIGITS = 0.3  # of the characters of codes
MIN_GAIN = 0.05  # share of rows that repeat a label of their group, beyond chance
SHUFFLES, DOUBT = 8, 3.0  # by which chance is known; its standard deviations that do not count
MANY_ROWS = 20_000
MAX_TEXTS = 200_000  # of one column; more labels share them
MIN_BLOCK = 64  # texts made at once
CONCENTRATIONS = (0.01, 0.1, 0.5, 1.5, 5.0, 20.0, 100.0, 1000.0)  # that groups may have
ROUNDS = 50  # of EM
STICKS = 64  # labels of a group that are told apart by their share; later ones come once
Group = tuple[tuple[str, ...], str]  # a way up, or a column of the same row
NO_GROUP: Group = ((), "")
ALONE = -1  # the group of rows that have none
SPARE = 0.3  # texts made beyond the labels wanted, for some are the same
POOR_BLOCKS = 2  # that bring few new texts, before texts are put together
_PREFIXES = lexicon.word_list("New Old North South East West Upper Lower Great Little Inner Outer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pseudonyms:
    """What stands for a column's rare labels; plain released values only."""

    via: tuple[str, ...]  # keys to the row that rows of a group share, or
    beside: str  # the column whose label they share; both empty if rows share nothing
    concentrations: tuple[tuple[float, float], ...]  # of groups' labels, and shares of groups
    uses: tuple[tuple[int, int], ...]  # in how many groups a label is used, how many labels are so
    personal: PersonalModel | None = None  # makes their texts, or
    code: FormatModel | None = None  # or
    text: TextModel | None = None

    @property
    def is_grouped(self) -> bool:
        """Whether rows share labels."""
        return bool(self.via or self.beside)

    def to_json(self) -> dict[str, Any]:
        """Turn into plain values; `from_json` is the inverse."""
        return {
            "via": list(self.via),
            "beside": self.beside,
            "concentrations": [list(c) for c in self.concentrations],
            "uses": [list(u) for u in self.uses],
            "personal": self.personal.to_json() if self.personal else None,
            "code": self.code.to_json() if self.code else None,
            "text": self.text.to_json() if self.text else None,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Pseudonyms:
        """Rebuild from `to_json`'s value."""
        personal, code, text = data["personal"], data["code"], data["text"]
        return cls(
            via=tuple(data["via"]),
            beside=data["beside"],
            # Older files have one for all groups.
            concentrations=tuple(
                (c, share)
                for c, share in data.get("concentrations", [[data.get("concentration", 0.0), 1.0]])
            ),
            uses=tuple((u, n) for u, n in data["uses"]),
            personal=PersonalModel.from_json(personal) if personal else None,
            code=FormatModel.from_json(code) if code else None,
            text=TextModel.from_json(text) if text else None,
        )


def may_rename(table: Table, column: Column, planned: TablePlan, dialect: str) -> bool:
    """Whether a column has labels that pseudonyms can stand for: short texts, not unique."""
    treatment = planned.columns[column.name]
    return (
        column.type.kind == "string"
        and (treatment.kind in ("category", "text") or _is_shared(planned, column.name))
        and not treatment.is_unique
        and not allowed_labels(table, column.name, dialect)
    )


def _is_shared(planned: TablePlan, column: str) -> bool:
    """Whether personal data are of a kind that many rows share, and by themselves."""
    kinds = {n: t.semantic for n, t in planned.columns.items() if t.kind == "personal"}
    own = kinds.pop(column, "")
    if own == "full_name":  # names that agree with nothing
        return not lexicon.PEOPLE & set(kinds.values())
    if own in ("city", "state"):  # places agree with each other
        return not lexicon.PLACES - {"country"} & set(kinds.values())
    return own in lexicon.SHARED - {"postal_code", "country_code", "salutation"}


def fit_pseudonyms(
    statistic: str,
    column: Column,
    treatment: Treatment,
    values: pa.Array,
    entities: Ints,
    groups: Mapping[Group, Ints],
    release: Release,
) -> Pseudonyms | None:
    """
    Learn how the labels of some rows repeat.

    Args:
        statistic: the column's name.
        column: for how long texts may be, and of which kind.
        treatment: its own.
        values: (n,) labels that may not be released; without NULL.
        entities: (n,) which entity each row belongs to.
        groups: (n,) rows that ways up lead to, and codes of other columns' labels, -1 for none;
            of those that tell as much the first is taken.
        release: the protection in force.

    Returns:
        None where too few entities have a label, or where these are no labels.
    """
    text = values.cast(pa.string())
    if len(text) == 0 or not release.is_enough(entities):
        return None
    encoded = text.dictionary_encode()
    labels = np.asarray(encoded.indices, np.int64)
    is_long = pc.mean(pc.utf8_length(encoded.dictionary)).as_py() > MAX_LENGTH
    if is_long or len(encoded.dictionary) > MAX_LABELS:
        return None
    if treatment.semantic == "full_name" and 2 * len(encoded.dictionary) > len(text):
        return None  # most rows have a person of their own
    best = _best_group(labels, groups, release.seed)
    pairs = labels
    concentrations: tuple[tuple[float, float], ...] = ()
    if best != NO_GROUP:
        of = np.where(groups[best] >= 0, groups[best], -1 - np.arange(len(labels)))
        concentrations = _concentrations(labels, of)
        pairs = _pairs(labels, of)
    counted = release.counts(f"{statistic}.uses", np.bincount(pairs))
    uses, times = np.unique(counted[counted > 0], return_counts=True)
    return replace(
        _texts(statistic, column, treatment, text, entities, release),
        via=best[0],
        beside=best[1],
        concentrations=concentrations,
        uses=tuple(zip(uses.tolist()[::-1], times.tolist()[::-1], strict=True)),
    )


def _texts(
    statistic: str,
    column: Column,
    treatment: Treatment,
    text: pa.Array,
    entities: Ints,
    release: Release,
) -> Pseudonyms:
    """Learn what texts look like: of a known kind, codes, or words."""
    nothing = Pseudonyms(via=(), beside="", concentrations=(), uses=())
    if not treatment.semantic and lexicon.names_a_person(column.name):
        treatment = replace(treatment, semantic="full_name")
    if treatment.semantic:
        made = PersonalColumn.of(column, treatment)
        values = {column.name: text}
        personal = fit_personal([made], values, entities, release, release.seed)
        return replace(nothing, personal=personal)
    length = column.type.length
    if _are_codes(text):
        code = fit_format(statistic, text, entities, release, max_length=length)
        return replace(nothing, code=code)
    return replace(nothing, text=fit_text(statistic, text, entities, release, length))


def _are_codes(text: pa.Array) -> bool:
    """Whether a good part of the characters are digits, and hardly any separates words."""
    digits = pc.sum(pc.count_substring_regex(text, r"\d")).as_py()
    spaces = pc.sum(pc.count_substring_regex(text, r"\s")).as_py()
    return bool(digits >= MANY_DIGITS * pc.sum(pc.utf8_length(text)).as_py() and digits > spaces)


def _best_group(labels: Ints, groups: Mapping[Group, Ints], seed: int) -> Group:
    """The groups whose rows share most labels, beyond what chance would give."""
    rng = np.random.default_rng(seed)
    times = SHUFFLES if len(labels) < MANY_ROWS else 2  # then chance is known well
    shuffles = [rng.permutation(len(labels)) for _ in range(times)]
    best, most = NO_GROUP, 0.0
    for group, of in groups.items():
        here = of >= 0
        chance = [_repeated(labels[here], of[moved][here[moved]]) for moved in shuffles]
        gain = _repeated(labels[here], of[here]) - float(np.mean(chance))
        doubt = DOUBT * float(np.std(chance))
        if (gain - doubt) * here.mean() > most + MIN_GAIN:
            best, most = group, (gain - doubt) * here.mean()
    return best


def _repeated(labels: Ints, of: Ints) -> float:
    """The share of rows that repeat a label of their group."""
    if len(labels) == 0:
        return 0.0
    return 1.0 - len(_pairs(labels, of)) / len(labels)


def _pairs(labels: Ints, of: Ints) -> Ints:
    """The labels of each group, every one once; groups may be negative."""
    size = int(labels.max()) + 1
    found: Ints = np.unique(of * size + labels)
    return found % size


def _concentrations(labels: Ints, of: Ints) -> tuple[tuple[float, float], ...]:
    """
    How concentrated the labels of groups are, from one label to all different (by EM).

    Source: the likelihood of so many labels among so many rows, Antoniak 1974.
    """
    groups, sizes = np.unique(of, return_counts=True)
    size = int(labels.max()) + 1
    kinds = np.bincount(np.searchsorted(groups, np.unique(of * size + labels) // size))
    # What is known of groups alike is said once.
    (sizes, kinds), times = np.unique(np.stack([sizes, kinds]), axis=1, return_counts=True)
    grid = np.array(CONCENTRATIONS)[:, None]
    place = np.arange(int(sizes.max()))
    rising = np.cumsum(np.log(grid + place), axis=1)[:, sizes - 1]
    likely = kinds * np.log(grid) - rising
    likely = np.exp(likely - likely.max(axis=0))
    shares = np.full(len(grid), 1 / len(grid))
    for _ in range(ROUNDS):
        own = shares[:, None] * likely
        shares = (own / own.sum(axis=0) * times).sum(axis=1) / times.sum()
    scaled = grid[:, 0] * _factor(grid, shares, sizes, times, int((kinds * times).sum()))
    found = zip(scaled.tolist(), (round(float(s), 3) for s in shares), strict=True)
    return tuple((c, share) for c, share in found if share > 0)


def _factor(grid: Floats, shares: Floats, sizes: Ints, times: Ints, wanted: int) -> float:
    """By which concentrations are larger, so that as many labels of groups are expected."""
    place = np.arange(int(sizes.max()))
    groups = (times[:, None] * (sizes[:, None] > place)).sum(axis=0)
    low, high = np.log(1e-6), np.log(1e6)
    for _ in range(60):
        middle = grid * np.exp((low + high) / 2)
        expected = (middle / (middle + place) * groups).sum(axis=1)
        if float((shares * expected).sum()) < wanted:
            low = (low + high) / 2
        else:
            high = (low + high) / 2
    return float(np.exp(high))


@dataclass
class Renaming:
    """One column's labels in the making: remembers which are used, from chunk to chunk."""

    model: Pseudonyms
    seed: int
    statistic: str
    released: Collection[str] = ()  # labels that come through by themselves
    limit: int | None = None  # characters that the column holds
    fresh: int = 0  # labels of groups so far
    _groups: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    _places: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    _texts: dict[str, None] = field(default_factory=dict)
    _array: pa.Array = field(default_factory=lambda: pa.array([], pa.string()))  # the same
    _tried: int = 0  # texts made so far, also those that were the same

    def draw(self, groups: Ints, rng: np.random.Generator) -> pa.Array:
        """Draw labels of (n,) rows; `groups` are what they share, -1 for nothing."""
        places = self._drawn(groups, rng) if self.model.is_grouped else self._next(len(groups))
        labels = self._labels(places)
        texts = self._written(int(labels.max()) + 1 if len(labels) else 0)
        return texts.take(pa.array(labels % max(1, len(texts))))

    def _next(self, rows: int) -> Ints:
        found = np.arange(self.fresh, self.fresh + rows)
        self.fresh += rows
        return found

    def _drawn(self, groups: Ints, rng: np.random.Generator) -> Ints:
        """Which of all labels of groups each row has: those of its group by their shares."""
        sticks = self._sticks(groups, rng)
        is_alone = (groups < 0) | (sticks >= STICKS)
        codes = groups * STICKS + sticks
        wanted = np.unique(codes[~is_alone])
        known = np.searchsorted(self._groups, wanted)
        is_new = np.ones(len(wanted), bool)
        inside = known < len(self._groups)
        is_new[inside] = self._groups[known[inside]] != wanted[inside]
        both = np.concatenate([self._groups, wanted[is_new]])
        places = np.concatenate([self._places, self._next(int(is_new.sum()))])
        order = np.argsort(both, kind="stable")
        self._groups, self._places = both[order], places[order]
        found = np.zeros(len(groups), np.int64)
        found[~is_alone] = self._places[np.searchsorted(self._groups, codes[~is_alone])]
        found[is_alone] = self._next(int(is_alone.sum()))
        return found

    def _sticks(self, groups: Ints, rng: np.random.Generator) -> Ints:
        """Break each group's stick: which piece each row falls on, STICKS for a later one."""
        found = np.full(len(groups), STICKS)
        left = np.arange(len(groups))
        powers = 1.0 / self._concentration(groups)
        for number in range(STICKS):
            key = key_of("stick", self.seed, self.statistic, number)
            pieces: Floats = 1.0 - (1.0 - _uniform(groups[left], key)) ** powers[left]
            falls = rng.random(len(left)) < pieces
            found[left[falls]] = number
            left = left[~falls]
        return found

    def _concentration(self, groups: Ints) -> Floats:
        """The concentration of the labels of (n,) rows' groups."""
        known, shares = np.array(self.model.concentrations).T
        uniform = _uniform(groups, key_of("concentration", self.seed, self.statistic))
        place = np.searchsorted(np.cumsum(shares), uniform * shares.sum(), side="right")
        found: Floats = known[np.minimum(place, len(known) - 1)]
        return found

    @cached_property
    def _offer(self) -> Ints:
        """The label of each place, the most used ones first."""
        uses = np.repeat(*np.array(self.model.uses).T)
        return np.repeat(np.arange(len(uses)), uses)

    def _labels(self, places: Ints) -> Ints:
        """The numbers of labels; beyond the source's size, those that are used once are new."""
        size, key = len(self._offer), key_of("label", self.seed, self.statistic)
        turns, rest = np.divmod(places, size)
        labels = self._offer[permute(rest.astype(np.uint64), size, key).astype(np.int64)]
        single = dict(self.model.uses).get(1, 0)
        total = int(self._offer[-1]) + 1
        is_new = (turns > 0) & (labels >= total - single)
        return np.where(is_new, labels + turns * single, labels)

    def _written(self, wanted: int) -> pa.Array:
        """At least so many different texts, if the pools have them; each has its place for good."""
        poor, wanted = 0, min(wanted, MAX_TEXTS)
        while len(self._texts) < wanted and poor <= 2 * POOR_BLOCKS:
            before = len(self._texts)
            block = self._block() if poor < POOR_BLOCKS else self._more()
            self._texts.update(dict.fromkeys(block.to_pylist()))
            for label in self.released:
                self._texts.pop(label, None)
            poor += len(self._texts) - before < len(block) / 4
        if len(self._texts) > len(self._array):
            self._array = pa.array(list(self._texts), pa.string())
        return self._array

    def _more(self) -> pa.Array:
        """Texts of two parts each, where the pools have no more."""
        known = pa.array(list(self._texts), pa.string())
        size = len(known)
        key = key_of("more", self.seed, self.statistic, size)
        others = permute(np.arange(size, dtype=np.uint64), size, key).astype(np.int64)
        firsts = known
        if self.model.personal is not None:
            firsts = pa.array(_PREFIXES).take(pa.array(others % len(_PREFIXES)))
        joined = pc.binary_join_element_wise(firsts, known.take(pa.array(others)), " ")
        return joined if self.limit is None else pc.utf8_slice_codeunits(joined, 0, self.limit)

    def _block(self) -> pa.Array:
        """Some more texts, half as many as there are."""
        model, first = self.model, self._tried
        labels = sum(n for _, n in model.uses)
        size = max(int((1 + SPARE) * labels), len(self._texts) // 2, MIN_BLOCK)
        self._tried += size
        if model.personal is not None:
            made = make_personal(model.personal, seed=self.seed, first_row=first, rows=size)
            return made[model.personal.columns[0].name]
        key = key_of("text", self.seed, self.statistic, first)
        rng = np.random.Generator(np.random.Philox(key=key))
        if model.code is not None:
            return sample_format(model.code, rng, size, seed=self.seed)
        assert model.text is not None
        return sample_text(model.text, rng, size)


def _uniform(groups: Ints, key: int) -> Floats:
    """A number from 0 to 1 for each group, the same wherever it is asked for."""
    hashed = mix(groups.astype(np.uint64), key)
    found: Floats = (hashed >> np.uint64(11)).astype(np.float64) / 2.0**53
    return found
