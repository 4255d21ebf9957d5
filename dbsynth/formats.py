"""Learned string formats: which shapes a column's codes have, and new codes of the same shapes."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dbsynth.errors import FitError
from dbsynth.patterns import Pattern, assemble, layout, shares
from dbsynth.permute import Words, key_of, mix, permute
from dbsynth.release import Release
from dbsynth.shapes import (
    ALNUM,
    DIGITS,
    LOWER,
    UPPER,
    Shapes,
    alphabets_of,
    signature_of,
    wide_alphabet,
)  # fmt: skip
from dbsynth.unused import Space, free_space

MAX_LENGTH = 64  # longer strings have no format
_MAX_PATTERNS = 64
_FEW_PATTERNS = 24  # more of them hint at letters and digits that mix freely
_MAX_OVERFLOW = 12
_MAX_SPACE = 1 << 60
_ENOUGH = 0.6  # share of the rows that the released patterns of a level must carry
_MOST_WORDS, _USES = 24, 20  # different words at one place, and codes that have each on average
_MOSTLY = 0.9  # share of the codes that released words must carry
_YEARS = "1970", "2069"  # that numbers may begin with
_COMMON, _REPEATED, _LEAKLESS = 0.02, 0.6, 8
_FEW_HEX, _SHORT_HEX = 5, 6  # values; characters
_UUID = "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh"
_HEX = DIGITS + "abcdef"


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatModel:
    """
    The shapes of a column's strings; holds no source value.

    `overflow` takes over where unique values outnumber what `patterns` can give.
    """

    patterns: tuple[Pattern, ...]
    overflow: tuple[Pattern, ...]
    key: int
    covered: float  # share of the source's rows that the released patterns carry; 0: generic

    @property
    def may_collide(self) -> bool:
        """Whether a generated string may by chance equal a source value."""
        return any(p.space.may_collide for p in self.patterns)

    @property
    def is_blurred(self) -> bool:
        """Whether some position holds letters as well as digits: no shape was frequent enough."""
        positions = {a for p in self.patterns for a in p.alphabets}
        return any(set(a) & set(DIGITS) and set(a) - set(DIGITS) for a in positions)

    def to_json(self) -> dict[str, Any]:
        """Turn into plain values; `from_json` is the inverse."""
        return {
            "patterns": [p.to_json() for p in self.patterns],
            "overflow": [p.to_json() for p in self.overflow],
            "key": self.key,
            "covered": self.covered,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FormatModel:
        """Rebuild from `to_json`'s value."""
        return cls(
            patterns=tuple(Pattern.from_json(p) for p in data["patterns"]),
            overflow=tuple(Pattern.from_json(p) for p in data["overflow"]),
            key=data["key"],
            covered=data["covered"],
        )


@dataclass(frozen=True, slots=True)
class Template:
    """The alphabets of a pattern, the signature they were released under, and its rows."""

    alphabets: tuple[str, ...]
    signature: str
    weight: int = 1
    words: frozenset[int] = frozenset()  # positions of words that stay as they are
    room: int = 0  # for so many new strings, if that is more than its rows

    @property
    def needed(self) -> int:
        """How many new strings there have to be."""
        return max(self.weight, self.room)

    @property
    def kind(self) -> str:
        """What tells templates apart where case is ignored: equal kinds may share strings."""
        signs = ["#" if c in "XxHhZ" else c for c in self.signature]
        for i in self.words:
            signs[i] = f"={self.alphabets[i]}"
        return "".join(signs).lower()

    @property
    def is_fine(self) -> bool:
        """Whether letters and digits have positions of their own."""
        return not set(self.signature) & set("XxHhZ?")


def fit_format(
    statistic: str,
    values: pa.Array,
    entities: NDArray[np.int64],
    release: Release,
    *,
    max_length: int | None = None,
    room: int = 0,
    may_repeat: bool = False,
    taken: pa.Array | None = None,
) -> FormatModel:
    """
    Learn the formats of a column of strings.

    Patterns of character classes are released if enough entities carry them, coarser classes
    being tried until the released patterns carry most rows.  Where nothing can be released the
    format is a generic code that fits into `max_length`.

    Args:
        statistic: the column's name, e.g. "orders.code"; decides thresholds and permutations.
        values: (n,) strings; nulls are ignored.
        entities: (n,) which entity each row belongs to.
        release: the protection in force.
        max_length: characters that the column can hold; None: unlimited.
        room: how many new strings each pattern should have; 0: as many as it has rows.
        may_repeat: whether what very many rows have may stay as it is ("Payment").
        taken: strings that must not be made, if there are more than the values.

    """
    present = pc.is_valid(values)
    strings, owners = values.filter(present), entities[np.asarray(present)]
    common = _common(statistic, strings, owners, release) if may_repeat else {}
    if common:
        rare = pc.invert(pc.is_in(strings, value_set=pa.array(list(common), strings.type)))
        strings, owners = strings.filter(rare), owners[np.asarray(rare)]
    shapes = Shapes.of(strings, min(MAX_LENGTH, max_length or MAX_LENGTH))
    used = shapes if taken is None else Shapes.of(taken, min(MAX_LENGTH, max_length or MAX_LENGTH))
    key = key_of("format", release.seed, statistic)
    if shapes.all_match(_UUID):
        return _model([Template(_uuid(), _UUID)], used, key, max_length, 1.0)
    best: tuple[float, int, list[str], list[int]] = (0.0, 0, [], [])
    if release.is_enough(owners):
        for level in range(Shapes.LEVELS):
            labels, counts = release.labels(statistic, shapes.signatures(level), owners)
            share = float(counts.sum()) / max(len(strings), 1)
            if share > best[0]:
                best = (share, level, labels[:_MAX_PATTERNS], counts[:_MAX_PATTERNS].tolist())
            if share >= _ENOUGH and len(labels) <= _FEW_PATTERNS:
                break
    share, level, labels, weights = best
    templates = [
        Template(
            alphabets_of(f"{statistic}.{i}", label, level, shapes, owners, release),
            label,
            weight,
            room=room,
        )
        for i, (label, weight) in enumerate(zip(labels, weights, strict=True))
    ]
    if level == 0:
        templates = _with_words(statistic, templates, shapes, owners, release, key)
    generic = _hexadecimal(shapes, len(strings)) or Template(_generic(max_length), "X")
    made = _model(templates or [generic], used, key, max_length, share)
    fixed = tuple(
        Pattern(alphabets=tuple(text), weight=rows, space=Space(size=1))
        for text, rows in common.items()
    )
    return replace(made, patterns=(*fixed, *made.patterns))


def _common(
    statistic: str, strings: pa.Array, entities: NDArray[np.int64], release: Release
) -> dict[str, int]:
    """The strings that each make up a share of the rows, and how many rows have them."""
    labels, counts = release.labels(f"{statistic}.common", strings, entities)
    least = _COMMON * len(strings)
    found = {t: int(n) for t, n in zip(labels, counts, strict=True) if n >= least and t}
    repeated = len(strings) - pc.count_distinct(strings).as_py() if found else 0
    is_free = repeated > _REPEATED * len(strings)  # else long ones would pass for leaks
    kept = {t: n for t, n in found.items() if is_free or len(t) <= _LEAKLESS}
    return kept if sum(kept.values()) < len(strings) else {}


def _with_words(
    statistic: str,
    templates: Sequence[Template],
    shapes: Shapes,
    entities: NDArray[np.int64],
    release: Release,
    key: int,
) -> list[Template]:
    """
    Split templates by the words that stand in them: `INV-2024-` and `CN-2023-`.

    Words are runs of letters, or of several digits, of which few occur, each in the codes of enough
    entities; those of one code are taken together.
    """
    found: list[Template] = []
    for number, template in enumerate(templates):
        rest = len(templates) - number - 1
        rows, matrix = shapes.groups[len(template.signature)]
        is_mine = pc.equal(shapes.signatures(0).take(pa.array(rows)), template.signature)
        mine = np.flatnonzero(np.asarray(pc.fill_null(is_mine, False)))
        split = _split(
            f"{statistic}.{number}", template, matrix[mine], entities[rows[mine]], release
        )
        is_roomy = all(_has_room(_pattern(t, shapes, key, True), t) for t in split)
        is_kept = is_roomy and len(found) + len(split) + rest <= _MAX_PATTERNS
        found += split if is_kept else [template]
    return found


def _has_room(pattern: Pattern, template: Template) -> bool:
    """Whether there are new strings, for as many rows as have the template."""
    return not pattern.space.may_collide and pattern.space.capacity >= template.needed


def _split(
    statistic: str,
    template: Template,
    matrix: NDArray[np.uint32],
    entities: NDArray[np.int64],
    release: Release,
) -> list[Template]:
    """One template for each combination of words that may be released; itself without words."""
    places: list[int] = []
    for run in re.finditer(r"[Aa]+|9{3,}", template.signature):
        here = matrix[:, run.start() : run.end()]
        words = len(np.unique(here, axis=0))
        if 1 < words <= _MOST_WORDS and words * _USES <= len(matrix):
            places += range(*run.span())
        elif len(here) and here.shape[1] > len(_YEARS[0]) and _are_years(here):
            places += range(run.start(), run.start() + len(_YEARS[0]))
    if not places:
        return [template]
    texts = ["".join(map(chr, row)) for row in matrix[:, places].tolist()]
    labels, counts = release.labels(f"{statistic}.words", pa.array(texts), entities)
    if counts.sum() < _MOSTLY * len(matrix):
        return [template]
    return [
        replace(
            template, weight=int(count), words=frozenset(places),
            alphabets=tuple(
                label[places.index(i)] if i in places else a
                for i, a in enumerate(template.alphabets)
            ),
        )
        for label, count in zip(labels, counts, strict=True)
    ]  # fmt: skip


def _are_years(digits: NDArray[np.uint32]) -> bool:
    """Whether longer numbers all begin with a year, and with several."""
    years = {"".join(map(chr, row)) for row in np.unique(digits[:, :4], axis=0).tolist()}
    is_near = all(_YEARS[0] <= y <= _YEARS[1] for y in years)
    return is_near and 1 < len(years) <= _MOST_WORDS and len(years) * _USES <= len(digits)


def fit_template(
    statistic: str,
    alphabets: Sequence[str],
    values: pa.Array,
    release: Release,
    *,
    max_length: int | None = None,
) -> FormatModel:
    """
    Make a format from given alphabets; of the source only the free part of its space is learned.

    Args:
        statistic: the column's name.
        alphabets: the characters of each position.
        values: (n,) the source's strings, which must not be generated.
        release: the protection in force; gives the seed.
        max_length: characters that the column can hold; None: unlimited.

    """
    shapes = Shapes.of(values.drop_null(), MAX_LENGTH)
    key = key_of("template", release.seed, statistic)
    template = Template(tuple(alphabets), "X", max(1, len(values)))
    return _model([template], shapes, key, max_length, 0.0, may_widen=False)


def sample_format(
    model: FormatModel,
    rng: np.random.Generator,
    rows: int,
    *,
    unique_offset: int | None = None,
    seed: int = 0,
) -> pa.Array:
    """
    Make strings of the learned formats.

    Args:
        model: from `fit_format`.
        rng: where the strings come from if they need not be unique.
        rows: how many.
        unique_offset: the first row's number in its table; strings of different row numbers then
            differ (ignoring case, too) and depend on nothing but the row number, model and seed.
        seed: the run's, for unique strings.

    Raises:
        FitError: there are not enough different strings of the allowed length.

    """
    if unique_offset is None:
        choice = rng.choice(len(model.patterns), rows, p=shares(model.patterns))
        index = rng.integers(0, 1 << 62, rows).astype(np.uint64)
        caps = np.array([p.space.capacity for p in model.patterns], np.uint64)[choice]
        return assemble(model.patterns, choice, index % caps, model.key ^ seed)
    numbers = np.arange(unique_offset, unique_offset + rows, dtype=np.uint64)
    return unique_strings(model, numbers, seed)


def draw_strings(model: FormatModel, numbers: Words, seed: int) -> pa.Array:
    """Make a string for each row number, not necessarily unique; (n,) -> (n,)."""
    ends = np.cumsum(shares(model.patterns))[:-1]
    unit = mix(numbers, model.key ^ seed ^ 1).astype(np.float64) / 2.0**64
    choice = np.searchsorted(ends, unit, side="right")
    caps = np.array([p.space.capacity for p in model.patterns], np.uint64)[choice]
    return assemble(model.patterns, choice, mix(numbers, model.key ^ seed) % caps, model.key)


def unique_strings(model: FormatModel, numbers: Words, seed: int) -> pa.Array:
    """
    Make a string of its own for each row number; (n,) -> (n,).

    Raises:
        FitError: there are not enough different strings of the allowed length.

    """
    key = model.key ^ seed
    slots, turn, counts = layout(model.patterns)
    slot = (numbers % np.uint64(len(slots))).astype(np.int64)
    choice = slots[slot]
    index = numbers // np.uint64(len(slots)) * counts[choice] + turn[slot]
    caps = np.array([p.space.capacity for p in model.patterns], np.uint64)[choice]
    is_over = index >= caps
    for i, pattern in enumerate(model.patterns):
        mine = np.flatnonzero((choice == i) & ~is_over)
        index[mine] = permute(index[mine], pattern.space.capacity, key)
    if not is_over.any():
        return assemble(model.patterns, choice, index, key)
    extra = numbers[is_over]
    ends = np.cumsum([p.space.capacity for p in model.overflow], dtype=np.float64)
    place = np.searchsorted(ends, extra.astype(np.float64), side="right")
    if len(ends) == 0 or int(place.max()) >= len(ends):
        raise FitError(
            f"a unique column has no room for {int(extra.max()) + 1} different values",
            "Widen the column, lower --scale, or set another treatment for it.",
        )
    starts = np.concatenate([[0], ends[:-1]]).astype(np.uint64)
    index[is_over] = extra - starts[place]
    choice[is_over] = place + len(model.patterns)
    return assemble((*model.patterns, *model.overflow), choice, index, key)


def _model(
    templates: Sequence[Template],
    shapes: Shapes,
    key: int,
    max_length: int | None,
    covered: float,
    may_widen: bool = True,
) -> FormatModel:
    """Find the free part of each template's space, widening alphabets where it is too small."""
    kinds: dict[str, Template] = {}
    for template in templates:
        # The first, most frequent one stays: others of its kind could write the same strings.
        kinds.setdefault(template.kind, template)
    patterns = tuple(_pattern(t, shapes, key, may_widen) for t in kinds.values())
    is_fine = all(t.is_fine for t in templates)
    overflow = _overflow(patterns, shapes, max_length, is_fine)
    return FormatModel(patterns=patterns, overflow=overflow, key=key, covered=covered)


def _pattern(template: Template, shapes: Shapes, key: int, may_widen: bool) -> Pattern:
    """Make a pattern of the narrowest alphabets that have room for new strings."""
    alphabets, weight = template.alphabets, template.weight
    is_mixed = any(UPPER[0] in a and LOWER[0] in a for a in alphabets)
    if is_mixed:
        alphabets = tuple("".join(dict.fromkeys(a.lower())) for a in alphabets)
    narrow = Pattern(alphabets=alphabets, weight=weight, space=Space(size=1))
    candidates = [alphabets]
    if may_widen:
        free = [i not in template.words for i in range(len(alphabets))]
        digits = tuple(
            wide_alphabet(a) if f and a[0] in DIGITS else a
            for f, a in zip(free, alphabets, strict=True)
        )
        wide = (wide_alphabet(a) if f else a for f, a in zip(free, digits, strict=True))
        candidates += [digits, tuple(wide)]
    for candidate in dict.fromkeys(candidates):
        size = _size(candidate)
        ranks = shapes.ranks(candidate, _tail(candidate), is_mixed)
        space = free_space(ranks, size, max(template.needed, 1), key)
        narrow = Pattern(alphabets=candidate, weight=weight, space=space, is_mixed_case=is_mixed)
        if _has_room(narrow, template):
            return narrow
    return narrow


def _tail(alphabets: Sequence[str]) -> int:
    """The first position of those that tell strings apart."""
    size = 1
    for i in range(len(alphabets) - 1, -1, -1):
        if size * len(alphabets[i]) > _MAX_SPACE:
            return i + 1
        size *= len(alphabets[i])
    return 0


def _size(alphabets: Sequence[str]) -> int:
    size = 1
    for alphabet in alphabets[_tail(alphabets) :]:
        size *= len(alphabet)
    return size


def _overflow(
    patterns: Sequence[Pattern], shapes: Shapes, max_length: int | None, is_fine: bool
) -> tuple[Pattern, ...]:
    """Find further patterns, disjoint from all others, for unique values beyond the capacity."""
    main = patterns[0]
    taken = {*shapes.lengths, *(len(p.alphabets) for p in patterns)}
    shortest = len(main.alphabets)
    found = [
        (*main.alphabets, *(DIGITS,) * (length - shortest))
        for length in range(shortest + 1, (max_length or MAX_LENGTH) + 1)
        if length not in taken
    ]
    found = found[:_MAX_OVERFLOW]
    if is_fine and len(found) < _MAX_OVERFLOW:
        letters = LOWER if any(a[0] in LOWER for a in main.alphabets) else UPPER
        known = {signature_of(p.alphabets) for p in patterns} | shapes.distinct_signatures()
        found += _substitutes(main.alphabets, letters, {k.lower() for k in known})
    return tuple(
        Pattern(alphabets=a, weight=1, space=Space(size=_size(a)), is_mixed_case=main.is_mixed_case)
        for a in found
    )


def _substitutes(
    alphabets: tuple[str, ...], letters: str, known: set[str]
) -> list[tuple[str, ...]]:
    """Swap letters and digits at some positions so that no known signature results."""
    free = [i for i, a in enumerate(alphabets) if set(a) <= set(ALNUM)][-6:]
    found = []
    for bits in range(1 << len(free)):
        candidate = list(alphabets)
        for j, i in enumerate(free):
            candidate[i] = letters if bits >> j & 1 else DIGITS
        if signature_of(candidate).lower() not in known:
            found.append(tuple(candidate))
    return found


def _uuid() -> tuple[str, ...]:
    """The alphabets of a random (version 4) UUID."""
    kinds = {"h": _HEX}
    template = [kinds.get(c, c) for c in _UUID]
    template[14], template[19] = "4", "89ab"
    return tuple(template)


def _hexadecimal(shapes: Shapes, rows: int) -> Template | None:
    """Numbers of one length to the base of 16, with letters among their digits: `#1e90ff`."""
    if len(shapes.groups) != 1 or rows < _FEW_HEX:
        return None
    ((length, (mine, matrix)),) = shapes.groups.items()
    head = "#" if length and bool((matrix[:, 0] == ord("#")).all()) else ""
    template = head + "h" * (length - len(head))
    if len(mine) != rows or length < _SHORT_HEX or not shapes.all_match(template):
        return None
    is_letter = np.isin(matrix, [ord(c) for c in string.ascii_letters])
    is_small = bool((matrix[is_letter] >= ord("a")).all())
    is_mixed = is_letter.any(axis=1) & (~is_letter[:, len(head) :]).any(axis=1)
    if is_mixed.mean() < _ENOUGH or not (is_small or bool((matrix[is_letter] < ord("a")).all())):
        return None
    digits, sign = (_HEX, "h") if is_small else (_HEX.upper(), "H")
    alphabets = (*head, *(digits,) * (length - len(head)))
    return Template(alphabets, head + sign * (length - len(head)), rows)


def _generic(max_length: int | None) -> tuple[str, ...]:
    """The alphabets of a code about which only the column's limit is known."""
    return (string.ascii_uppercase + DIGITS,) * max(1, min(max_length or 10, 10))
