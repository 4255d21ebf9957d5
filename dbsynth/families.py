"""What rows have again of their family, the rows before of their owner's owner: its customs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dbsynth.features import Floats, Ints
from dbsynth.plain import Plain
from dbsynth.release import Release

Flags = NDArray[np.bool_]
BINS = 8  # of how many rows the family has before: 1, 2, 3 and 4, 5 to 8, …
MOST_ROWS = 40_000  # that are asked what they have again
REACHES = (64, 8, 2)  # rows before that may count: the fewer, the less is there by chance
LEAST_ROWS = 0.05  # of all rows, at least, have a value again beyond chance
LEAST = 0.15  # of the rows that chance does not explain, at least, must have a value again
LEAST_OF_NUMBERS = 0.5  # … where the values are numbers: others come near by themselves
SHUFFLES = 4  # how often values are dealt anew to find out what chance explains
SINGLE_TURNS, TURN_GROWTH = 16, 4  # owners drawn one by one; then a quarter of those before
ASKED = 8  # rows before that are asked what is usual; of others, the first that has a value
INSIDE = 0.5  # as often as those before, at least, siblings have what others of them have
TIMED = 0.5  # of the rows, at least, must have a date that tells when they were
MOST_TIMES, ROWS_OF_TIME = 64, 200  # parts of all time, and the rows that each needs
MOST_LABELS = 64  # of an owner's column from which its rows' values may follow
TELLING = 0.05  # more often, at least, rows of one label of their owner's must be the same
FEW = 16  # rows before which all numbers of rows are taken together


@dataclass(frozen=True, slots=True)
class Family:
    """Where (n,) rows find those of their family before: of earlier owners, then siblings."""

    low: Ints  # the first row of the family
    high: Ints  # behind the last of those of other owners that are there when a row is drawn
    first: Ints  # the first sibling
    turn: Ints  # owners of one turn are drawn together

    @staticmethod
    def of(owners: Ints, families: Ints, first: Ints, *, in_blocks: bool) -> Family:
        """
        Find each row's family.

        Args:
            owners: (n,) ascending, but where rows are drawn more than once; -1 for none.
            families: (n,) whose row the owner is; -1 for nobody's.
            first: (n,) row number of each row's first sibling.
            in_blocks: late owners are drawn several at a time, and do not see each other.
        """
        rows = np.arange(len(owners))
        begins = first == rows
        is_new = begins & (families < 0)
        is_new[1:] |= begins[1:] & ((families[1:] != families[:-1]) | (owners[1:] < owners[:-1]))
        is_new[:1] = True
        low = np.maximum.accumulate(np.where(is_new, rows, 0))
        number = np.cumsum(begins) - 1
        rank = number - number[low]
        most = int(rank.max(initial=0))
        starts = _turns(most) if in_blocks else np.arange(most + 1)
        turn = np.searchsorted(starts, rank, side="right") - 1
        high = np.flatnonzero(begins)[number[low] + starts[turn]] if len(rows) else rows
        return Family(low, high, first, turn)


@dataclass(frozen=True, slots=True)
class _View:
    """Which rows of their family before rows look at for one column."""

    family: Family
    inside: bool  # siblings, too
    reach: int  # the last ones, at most so many

    def size(self, rows: Ints) -> Ints:
        """How many rows some rows look at."""
        return np.minimum(self._all(rows), self.reach)

    def place(self, rows: Ints, number: Ints) -> Ints:
        """The row that is the `number`-th of those that some rows look at."""
        every, family = self._all(rows), self.family
        number = number + np.maximum(every - self.reach, 0)
        others = family.high[rows] - family.low[rows]
        return np.where(
            number < others, family.low[rows] + number, family.first[rows] + number - others
        )

    def some(self, rows: Ints, rng: np.random.Generator) -> Ints:
        """(n, ASKED) any of the rows that (n,) rows look at."""
        drawn = rng.random((ASKED, len(rows))) * self.size(rows)
        return np.stack([self.place(rows, n) for n in drawn.astype(np.int64)], axis=1)

    def _all(self, rows: Ints) -> Ints:
        others: Ints = self.family.high[rows] - self.family.low[rows]
        return others + rows - self.family.first[rows] if self.inside else others


def _turns(most: int) -> Ints:
    """The first rank of each turn."""
    found = list(range(SINGLE_TURNS))
    while found[-1] < most:
        found.append(found[-1] + max(found[-1] // TURN_GROWTH, 1))
    return np.array(found, np.int64)


@dataclass(frozen=True, slots=True)
class Custom(Plain):
    """How one column's values are had again."""

    chances: tuple[float, ...] = (0.0,) * BINS  # by rows before; of rows that look at none yet
    beside: float = 0.0  # the chance to have that of the row that is looked at
    latest: float = 0.0  # of those that look at none, the share that has the last row's
    usual: float = 0.0  # … and what most of `ASKED` rows before have; others have any row's
    inside: bool = False  # siblings have it of each other as well
    reach: int = REACHES[0]  # rows before that count, at most, the last ones
    apart: bool = False  # whatever row is looked at for other columns


@dataclass(frozen=True, slots=True)
class Heritage:
    """
    How rows have values again that their family had before.

    A row that has one of a row before looks at that row for its other columns.
    """

    up: int  # whose rows are a family: 0 the owner's owner's, 1 those of one above, …
    customs: Mapping[str, Custom]  # by column

    def to_json(self) -> dict[str, Any]:
        """Turn into plain values; `from_json` is the inverse."""
        return {"up": self.up, "customs": {n: c.to_json() for n, c in self.customs.items()}}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Heritage:
        """Rebuild from `to_json`'s value."""
        customs = {n: Custom.from_json(c) for n, c in data["customs"].items()}
        return Heritage(data["up"], customs)


def key_name(key: str) -> str:
    """What a key's parents are called among columns."""
    return f">{key}"


def times_of(dates: Mapping[str, Floats]) -> Ints | None:
    """
    Roughly when (n,) rows' owners were, by the first of their dates; None if nothing tells.

    Args:
        dates: seconds of each of these dates, NaN for none.
    """
    for seconds in dates.values():
        known = seconds[np.isfinite(seconds)]
        if len(known) >= TIMED * len(seconds) > 0:
            parts = min(max(len(seconds) // ROWS_OF_TIME, 1), MOST_TIMES)
            ends = np.quantile(known, np.linspace(0, 1, parts + 1)[1:-1])
            found: Ints = np.searchsorted(ends, seconds)
            return found
    return None


def bins_of(size: Ints) -> Ints:
    """Sort (n,) numbers of rows before into `BINS`."""
    found: Ints = np.ceil(np.log2(np.maximum(size, 1))).astype(np.int64).clip(0, BINS - 1)
    return found


class _Values:
    """One column of (n,) rows, ready to be looked up among the rows before; siblings adjoin."""

    def __init__(self, codes: Ints, view: _View) -> None:
        family, rows = view.family, np.arange(len(codes))
        self.low, self.kinds = family.low, int(codes.max(initial=0)) + 1
        self.ends = rows if view.inside else family.high
        self.begins = np.maximum(family.low, self.ends - view.reach)
        self.sorted = np.sort(self._places(rows, codes, rows)[codes >= 0])  # -1 is NULL

    def before(self, rows: Ints, codes: Ints) -> tuple[Ints, Ints]:
        """The last row before some rows that has each of (n,) codes, -1 for none; how many do."""
        begin = np.searchsorted(self.sorted, self._places(rows, codes, self.begins[rows]))
        end = np.searchsorted(self.sorted, self._places(rows, codes, self.ends[rows]))
        is_there = (end > begin) & (codes >= 0)
        last = self.sorted[np.maximum(end - 1, 0)] if len(self.sorted) else codes
        found = np.where(is_there, last % max(len(self.low), 1), -1)
        return found, np.where(is_there, end - begin, 0)

    def _places(self, rows: Ints, codes: Ints, others: Ints) -> Ints:
        """A number for family, value and row, in this order."""
        found: Ints = (self.low[rows] * self.kinds + codes) * max(len(self.low), 1) + others
        return found


def fit_heritage(
    columns: Mapping[str, Ints],
    seen: Mapping[str, Ints],
    free: Mapping[str, Flags],
    numbers: Collection[str],
    ways: Sequence[tuple[Ints, Family]],
    entities: Ints,
    release: Release,
    seed: int,
    times: Ints | None = None,
    labels: Sequence[Ints] = (),
) -> Heritage | None:
    """
    Learn what rows have again of their family; of the families above, the one that explains most.

    Args:
        columns: (n,) values as codes, -1 for NULL, in the order in which they are drawn.
        seen: (n,) the same as other columns see it: labels that too few have are one.
        free: (n,) rows that do not repeat a sibling anyway, by column.
        numbers: the columns that are numbers, which must be the same more often to count.
        ways: families, nearer ones first; before each (n,) the order in which its rows lie
            together, owner by owner.
        entities: (n,) which entity each row belongs to; too few have no customs.
        release: the protection in force.
        seed: for what chance would give.
        times: (n,) when rows' owners were, roughly: what all have at a time is no custom.
        labels: (n,) codes of the owners' labels: nor is what follows from one of them.
    """
    best, most = None, 0.0
    for up, (order, family) in enumerate(ways):
        then = None if times is None else times[order]
        told = [label[order] for label in labels]
        rng = np.random.default_rng(seed)
        learned = _Learning(family, entities[order], release, rng, then, told)
        found = {
            name: learned.custom(
                codes[order], seen[name][order], free[name][order], is_number=name in numbers
            )
            for name, codes in columns.items()
        }
        customs = {name: custom for name, custom in found.items() if custom is not None}
        if learned.explained > most * (1 + LEAST):
            best, most = Heritage(up, customs), learned.explained
    return best


@dataclass(frozen=True, slots=True)
class _Found:
    """How often values are there before."""

    chances: tuple[float, ...]  # beyond chance, by `BINS`
    share: float  # beyond chance, on the whole
    beyond: float  # so many rows
    view: _View
    latest: float  # see `Custom`
    usual: float
    likely: float  # log likelihood of a value, on average


class _Learning:
    """One kind of families."""

    def __init__(
        self, family: Family, entities: Ints, release: Release, rng: np.random.Generator,
        times: Ints | None = None, labels: Sequence[Ints] = (),
    ) -> None:  # fmt: skip
        self.family, self.entities, self.release, self.rng = family, entities, release, rng
        self.times, self.labels = times, labels
        self.explained = 0.0  # rows that have a value again beyond chance
        self.looks = np.full(len(entities), -1)  # (n,) the row that each looks at
        self.reasons = np.full(len(entities), -1)  # (n,) what that row was found by
        self.asked = np.zeros(len(entities), np.bool_)
        self.asked[rng.permutation(len(entities))[:MOST_ROWS]] = True

    def custom(self, codes: Ints, seen: Ints, free: Flags, *, is_number: bool) -> Custom | None:
        """How one column's values are had again; None: by chance."""
        inside = bool(free.all()) and self._is_inside(codes)
        able = self.asked & free & (codes >= 0)
        beside, told = self._beside(codes, able)
        found = self._seen(codes, able, inside=inside)
        is_apart = found is not None and found.share > max(beside, told)
        if not is_apart:
            found = self._seen(codes, able & (self.looks < 0), inside=inside)
        if found is None or (is_number and found.share < LEAST_OF_NUMBERS):
            return Custom(beside=beside) if beside else None
        self.explained += found.beyond
        rows = np.flatnonzero(able & (is_apart | (self.looks < 0)))
        last = _Values(codes, found.view).before(rows, codes[rows])[0]
        is_new = (last >= 0) & (self.looks[rows] < 0)
        self.looks[rows[is_new]] = last[is_new]
        self.reasons[rows[is_new]] = int(self.reasons.max(initial=-1)) + 1 + seen[rows[is_new]]
        return Custom(
            found.chances, 0.0 if is_apart else beside, found.latest, found.usual, inside,
            found.view.reach, is_apart,
        )  # fmt: skip

    def _seen(self, codes: Ints, able: Flags, *, inside: bool) -> _Found | None:
        """How often values are there before, as far back as tells most; None: not beyond chance."""
        best = None
        for reach in REACHES:
            found = self._chances(codes, able, _View(self.family, False, reach))
            if found is not None and inside:  # what siblings alone have is no custom of the family
                found = self._chances(codes, able, _View(self.family, True, reach))
            if found is not None and (best is None or found.likely > best.likely):
                best = found
        return best

    def _is_inside(self, codes: Ints) -> bool:
        """Whether siblings have the same value about as often as those before."""
        family = self.family
        rows = np.flatnonzero((family.high > family.low) & (family.first < np.arange(len(codes))))
        rows = rows[codes[rows] >= 0]
        if not self.release.is_enough(self.entities[rows]):
            return False
        before, beside = family.high[rows] - family.low[rows], rows - family.first[rows]
        ours = family.first[rows] + (self.rng.random(len(rows)) * beside).astype(np.int64)
        theirs = family.low[rows] + (self.rng.random(len(rows)) * before).astype(np.int64)
        same, other = (float((codes[x] == codes[rows]).mean()) for x in (ours, theirs))
        return same >= INSIDE * other

    def _chances(self, codes: Ints, able: Flags, view: _View) -> _Found | None:
        asked = np.flatnonzero(able)
        asked = asked[view.size(asked) > 0]
        if not self.release.is_enough(self.entities[asked]):
            return None
        values, bins = _Values(codes, view), bins_of(view.size(asked))
        total = np.bincount(bins, minlength=BINS)
        number, chance = values.before(asked, codes[asked])[1], np.zeros(BINS)
        likes = self._alike(codes)
        seen = np.bincount(bins, number > 0, minlength=BINS)
        for _ in range(SHUFFLES):
            dealt = values.before(asked, codes[self._dealt(asked, likes)])[0] >= 0
            chance += np.bincount(bins, dealt, minlength=BINS) / SHUFFLES
        beyond = float((seen - chance).sum())
        share = beyond / max(float((total - chance).sum()), 1e-9)
        if share <= LEAST or beyond <= LEAST_ROWS * len(asked):
            return None
        shares = np.clip((seen - chance) / np.maximum(total - chance, 1e-9), 0.0, 1.0)
        shares[total < FEW] = share
        likely = self._likely(codes, asked, number, view)
        latest, usual, _ = weights = _weights(likely[:, number > 0])
        own = shares[bins]
        common = np.bincount(codes[asked])[codes[asked]] / len(asked)
        told = own * (weights[:, None] * likely).sum(axis=0) + (1.0 - own) * common
        rounded = tuple(round(float(s), 3) for s in shares)
        ways = round(float(latest), 3), round(float(usual), 3)
        return _Found(rounded, share, beyond, view, *ways, float(np.log(told).mean()))

    def _alike(self, codes: Ints) -> Ints | None:
        """What rows share that could as well have each other's value; None: any of them could."""
        best, most = None, TELLING + _agreement(np.zeros_like(codes), codes)
        for label in self.labels:
            if (agreement := _agreement(label, codes)) > most:
                best, most = label, agreement
        if best is None or self.times is None:
            return self.times if best is None else best
        return self.times * (int(best.max()) + 1) + best

    def _dealt(self, rows: Ints, likes: Ints | None) -> Ints:
        """Rows in another order, in which each is put in the place of one that is alike."""
        mixed = self.rng.permutation(rows)
        if likes is None:
            return mixed
        dealt = np.empty_like(rows)
        dealt[np.argsort(likes[rows], kind="stable")] = mixed[
            np.argsort(likes[mixed], kind="stable")
        ]
        return dealt

    def _beside(self, codes: Ints, able: Flags) -> tuple[float, float]:
        """
        How often rows have the value of the row they look at, beyond chance.

        Returns:
            this, beyond what follows from what that row was found by; and how much follows.
        """
        asked = np.flatnonzero(able & (self.looks >= 0))
        asked = asked[codes[self.looks[asked]] >= 0]
        if not self.release.is_enough(self.entities[asked]):
            return 0.0, 0.0
        alike = self._elsewhere(self.reasons[asked], codes[asked], self.family.low[asked])
        known = np.isfinite(alike)
        if not self.release.is_enough(self.entities[asked[known]]):
            return 0.0, 0.0
        asked, theirs = asked[known], codes[self.looks[asked]]
        same, chance = (theirs[known] == codes[asked]).mean(), self._chance(codes[asked])
        expected = float(alike[known].mean())
        share = (float(same) - expected) / max(1.0 - expected, 1e-9)
        told = (expected - chance) / max(1.0 - chance, 1e-9)
        return round(share, 3) if share > LEAST else 0.0, told

    @staticmethod
    def _elsewhere(reasons: Ints, codes: Ints, families: Ints) -> Floats:
        """How often other families' rows, found by the same, have each row's value; NaN: none."""
        of = [reasons, codes, families]
        alike, ours = (_count(of[:2]), _count(of))
        every, own = (_count(of[:1]), _count([reasons, families]))
        with np.errstate(invalid="ignore"):
            found: Floats = (alike - ours) / (every - own)
        return found

    @staticmethod
    def _chance(codes: Ints) -> float:
        """How often two rows have the same value."""
        return float(((np.unique(codes, return_counts=True)[1] / len(codes)) ** 2).sum())

    def _likely(self, codes: Ints, rows: Ints, number: Ints, view: _View) -> Floats:
        """(3, n) how likely rows' values are: the last one's, what is usual, or anybody's."""
        last = codes[view.place(rows, view.size(rows) - 1)] == codes[rows]
        usual = np.zeros(len(rows))
        for _ in range(SHUFFLES):
            some = view.some(rows, self.rng)
            usual += codes[_usual(codes[some], some, codes[some] >= 0)] == codes[rows]
        return np.stack([last, usual / SHUFFLES, number / view.size(rows)])


def _agreement(label: Ints, codes: Ints) -> float:
    """How often rows of one label, on average, have the same code."""
    both = np.unique(label * (int(codes.max(initial=0)) + 2) + codes + 1, return_counts=True)
    of = both[0] // (int(codes.max(initial=0)) + 2)
    own = np.bincount(label)
    return float((both[1].astype(np.float64) ** 2 / own[of]).sum() / max(len(label), 1))


def _weights(likely: Floats) -> Floats:
    """Of what (ways, n) values are likely by, how much there is of each way (by EM)."""
    weights = np.full(len(likely), 1 / len(likely))
    for _ in range(30):
        own = likely * weights[:, None]
        weights = (own / own.sum(axis=0)).mean(axis=1)
    return weights


def _count(columns: list[Ints]) -> Ints:
    """How many rows have what each of (n,) rows has in all columns."""
    codes = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        own = np.unique(column, return_inverse=True)[1]
        codes = np.unique(codes * (own.max(initial=0) + 1) + own, return_inverse=True)[1]
    found: Ints = np.bincount(codes)[codes]
    return found


def _is_known(values: Ints | Floats, null: float) -> Flags:
    found: Flags = ~np.isnan(values) if np.isnan(null) else values != null
    return found


def _usual(values: Ints | Floats, some: Ints, good: Flags) -> Ints:
    """Of (n, ASKED) rows, one that has what most of them have, of those that are good."""
    counts = (values[:, :, None] == values[:, None, :]).sum(axis=2)
    best = np.where(good, counts, -1).argmax(axis=1)
    found: Ints = some[np.arange(len(some)), best]
    return found


class Inheriting:
    """Rows of one chunk that get values of their family, while they are drawn."""

    def __init__(self, heritage: Heritage, family: Family, rng: np.random.Generator) -> None:
        self.customs, self.family, self.rng = heritage.customs, family, rng
        self.looks = np.full(len(family.low), -1)  # (n,) the row that each looks at, -1 for none
        self.known = self.looks.copy()  # before any column is drawn

    def look(self, key: str, parents: Ints) -> None:
        """Let (n,) rows look at the last row before that has the same parent; -1 for none."""
        custom = self.customs.get(key_name(key))
        if custom is not None and any(custom.chances):
            rows, view = (
                np.arange(len(parents)),
                _View(self.family, inside=False, reach=custom.reach),
            )
            found = _Values(parents, view).before(rows, parents)[0]
            self.looks = np.where(self.looks >= 0, self.looks, found)
            self.known = self.looks.copy()

    def begin(self, rows: Ints) -> None:
        """Draw some rows, maybe once more."""
        self.looks[rows] = self.known[rows]

    def chosen(
        self, name: str, values: Ints | Floats, null: float, rows: Ints
    ) -> tuple[Ints, Ints]:
        """
        Decide which of some rows have a value of a row before.

        Args:
            name: the column.
            values: (n,) of all rows; as far as they are there, and of these as they were drawn.
            null: what stands for NULL, which is not had again: a token, or NaN.
            rows: some of them.

        Returns:
            rows, and the row that each takes it from.
        """
        custom = self.customs[name]
        view = _View(self.family, custom.inside, custom.reach)
        rows = rows[(view.size(rows) > 0) & _is_known(values[rows], null)]
        is_led = (self.looks[rows] >= 0) & ~np.bool_(custom.apart)
        chances = np.array(custom.chances)[bins_of(view.size(rows))]
        takes = self.rng.random(len(rows)) < np.where(is_led, custom.beside, chances)
        rows, is_led = rows[takes], is_led[takes]
        looks = self.looks[rows]
        looks[~is_led] = self._before(custom, view, values, null, rows[~is_led])
        found = (looks >= 0) & _is_known(values[np.maximum(looks, 0)], null)
        rows, looks = rows[found], looks[found]
        self.looks[rows] = np.where(self.looks[rows] >= 0, self.looks[rows], looks)
        return rows, looks

    def _before(
        self, custom: Custom, view: _View, values: Ints | Floats, null: float, rows: Ints
    ) -> Ints:
        """The row before whose value each of some rows has; -1 for none."""
        some = view.some(rows, self.rng)
        good = _is_known(values[some], null)
        way = self.rng.random(len(rows))
        last = view.place(rows, view.size(rows) - 1)
        is_last = (way < custom.latest) & _is_known(values[last], null)
        is_usual = way < custom.latest + custom.usual
        any_one = some[np.arange(len(some)), good.argmax(axis=1)]
        found = np.where(is_usual, _usual(values[some], some, good), any_one)
        found = np.where(is_last, last, found)
        return np.where(good.any(axis=1) | is_last, found, -1)
