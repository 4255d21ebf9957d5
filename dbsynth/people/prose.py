"""Free text of learned lengths, made of ordinary words that have nothing to do with the source."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dbsynth.errors import FitError
from dbsynth.lexicon import word_list
from dbsynth.people.phrases import Phrases, fit_phrases, sample_phrases
from dbsynth.permute import key_of, serial
from dbsynth.plain import Plain
from dbsynth.release import Release

TextKind = Literal[
    "word",
    "name",  # one word with a capital, invented: of places, languages, things
    "title",
    "sentence",
    "paragraph",
]

_SINGLE = ("word", "name")
_CASES = {"upper": pc.utf8_upper, "lower": pc.utf8_lower}
_ALL = 0.99  # of the texts
_MARKS = ("-", "_", ".")
_SHARES = np.linspace(0.0, 1.0, 21)
_SENTENCE = 11  # words
_FEW_WORDS = 100
_BROKEN = 0.3  # of the texts have several sentences
_SHORT = 3  # texts with more words cannot be met by chance
_DEFAULT_LENGTHS = (8.0, 40.0)
_ONSETS = word_list("b br c ch d dr f fl g gr h j k l m n p pl pr qu r s st t tr v w z")
_RIMES = word_list("al an ar el en er ia in ion is on or um us ax ep it ol")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextModel(Plain):
    """Lengths in characters at 21 quantiles, the manner, and the words to use."""

    kind: TextKind
    lengths: tuple[float, ...]
    words: tuple[str, ...]
    key: int
    max_length: int | None = None
    case: str = ""  # "upper": all letters are capitals; "lower": none is
    joint: str = ""  # what stands between the words of one "word": `on-the-way`
    end: str = "."  # what a sentence ends in; headings end in nothing
    phrases: Phrases | None = None  # labels of the source's own words, instead

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TextModel:
        """Rebuild from `to_json`'s value."""
        held = data.get("phrases")
        plain: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in data.items()}
        plain["phrases"] = Phrases.from_json(held) if held else None
        return cls(**plain)


def fit_prose(
    statistic: str,
    values: pa.Array,
    entities: NDArray[np.int64],
    release: Release,
    max_length: int | None,
    words: Sequence[str],
) -> TextModel:
    """Learn the lengths and the manner of texts; see `pii.fit_text`, which knows the words."""
    case = case_of(values, entities, release)
    texts = values.cast(pa.string())
    present = np.asarray(pc.is_valid(texts))
    texts, owners = texts.drop_null(), entities[present]
    lengths, kind = _DEFAULT_LENGTHS, "title"
    if len(texts) and release.is_enough(owners):
        sizes = np.asarray(pc.utf8_length(texts), np.float64)
        released = release.quantiles(f"{statistic}.length", sizes, owners, _SHARES)
        lengths, kind = tuple(released.tolist()), _manner(texts, sizes)
    offered = _invented_words() if kind == "name" else words
    is_told = lengths != _DEFAULT_LENGTHS and kind in ("title", "sentence")
    return TextModel(
        kind=kind,  # type: ignore[arg-type]
        lengths=lengths,
        words=_free_words(texts, offered),
        key=key_of("text", release.seed, statistic),
        max_length=max_length,
        case=case,
        joint=_joint(texts) if kind in _SINGLE and lengths != _DEFAULT_LENGTHS else "",
        phrases=fit_phrases(statistic, texts, owners, release, words, max_length)
        if is_told
        else None,
        end=_end(texts) if lengths != _DEFAULT_LENGTHS else ".",
    )


def _end(texts: pa.Array) -> str:
    """A full stop, if most texts end in a mark."""
    return "." if _share(texts, r"[.!?…][\"'”)\s]*$") > 0.5 else ""


def _share(texts: pa.Array, pattern: str) -> float:
    """The share of texts in which a pattern is."""
    return float(pc.mean(pc.match_substring_regex(texts, pattern).cast(pa.float64())).as_py())


def _joint(texts: pa.Array) -> str:
    """What most texts have between their words where these are not apart; "" if nothing."""
    for mark in _MARKS:
        found = pc.match_substring_regex(texts, rf"\p{{L}}{re.escape(mark)}\p{{L}}")
        if pc.mean(found.cast(pa.float64())).as_py() > 0.5:
            return mark
    return ""


def case_of(
    values: pa.Array | pa.ChunkedArray | None, entities: NDArray[np.int64], release: Release
) -> str:
    """Whether all letters of a column's texts are capitals ("upper") or none is; else ""."""
    if values is None or len(values) != len(entities) or not pa.types.is_string(values.type):
        return ""
    whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    has_letters = pc.match_substring_regex(whole, r"\p{L}")
    there = np.asarray(pc.fill_null(has_letters, False))
    texts = whole.filter(pa.array(there))
    if not len(texts) or not release.is_enough(entities[there]):
        return ""
    for case, change in _CASES.items():
        if pc.mean(pc.equal(change(texts), texts).cast(pa.float64())).as_py() >= _ALL:
            return case
    return ""


def in_case(texts: pa.Array, case: str) -> pa.Array:
    """Texts as `case_of` says that they are written."""
    return _CASES[case](texts) if case else texts


def _manner(texts: pa.Array, sizes: NDArray[np.float64]) -> TextKind:
    spaced = _share(texts, r"\S\s+\S")
    titles = pc.mean(pc.utf8_is_title(texts).cast(pa.float64())).as_py()
    if spaced < 0.2:
        return "name" if titles > 0.5 else "word"
    if np.median(sizes) > 120 or _share(texts, r"\p{L}{2}[.!?]\s+\p{Lu}") > _BROKEN:
        return "paragraph"
    return "title" if titles > 0.3 or np.median(sizes) < 25 else "sentence"


def _free_words(texts: pa.Array, words: Sequence[str]) -> tuple[str, ...]:
    """Drop words that short source texts are made of, so that no text can come out the same."""
    if len(texts) == 0 or pc.count_distinct(texts).as_py() <= len(texts) / 2:
        return tuple(words)
    lower = pc.utf8_lower(texts)
    spaces = pc.count_substring_regex(pc.utf8_trim_whitespace(lower), r"\s+")
    short = lower.filter(pc.less(spaces, _SHORT))
    parts = pc.list_flatten(pc.split_pattern_regex(short, r"[^\p{L}]+")).unique()
    used = set(parts.to_pylist())
    kept = [w for w in words if w not in used]
    if len(kept) >= _FEW_WORDS:
        return tuple(kept)
    return tuple(kept + [w for w in _invented_words() if w not in used])


@lru_cache(maxsize=1)
def _invented_words() -> tuple[str, ...]:
    """Words of one to three syllables that nobody knows."""
    one = [a + b for a in _ONSETS for b in _RIMES]
    two = [a + b for a in one for b in one]
    three = [a + b for a in two[:: len(two) // 300] for b in one[::7]]
    return (*one, *two[:: len(two) // 2400], *three[:: len(three) // 2400])


def sample_text(
    model: TextModel, rng: np.random.Generator, rows: int, unique_offset: int | None = None
) -> pa.Array:
    """
    Make texts of the learned lengths.

    Args:
        model: from `pii.fit_text`.
        rng: where words and lengths come from.
        rows: how many.
        unique_offset: the first row's number in its table, if texts must be unique: they then end
            in a number of their own.

    Raises:
        FitError: the column is too short for as many different texts.

    """
    if rows == 0:
        return pa.array([], pa.string())
    shares = np.linspace(0.0, 1.0, len(model.lengths))
    limit = np.inf if model.max_length is None else float(model.max_length)
    targets = np.minimum(np.interp(rng.random(rows), shares, model.lengths), limit)
    if model.phrases is not None:
        texts = sample_phrases(model.phrases, rng, rows, model.max_length)
    else:
        texts = _written(model, rng, np.maximum(targets, 1))
    if unique_offset is not None:
        texts = _numbered(model, texts, unique_offset)
    texts = in_case(texts, model.case)
    if model.max_length is not None:
        texts = pc.utf8_slice_codeunits(texts, 0, model.max_length)
    return texts


def _written(model: TextModel, rng: np.random.Generator, targets: NDArray[np.float64]) -> pa.Array:
    """Put words together until each text has about its target's length; (n,) -> (n,)."""
    lengths = np.array([len(w) for w in model.words])
    is_single = model.kind in _SINGLE and not model.joint
    tries = (np.ones(len(targets)) if is_single else targets // 3 + 1).astype(np.int64)
    ends = np.cumsum(tries)
    starts = ends - tries
    picked = rng.integers(0, len(model.words), int(ends[-1]))
    owner = np.repeat(np.arange(len(targets)), tries)
    total = np.cumsum(lengths[picked] + 1)
    before = np.where(starts > 0, total[np.maximum(starts, 1) - 1], 0)
    within = total - before[owner]
    place = np.arange(len(picked)) - starts[owner]
    kept = (within <= targets[owner] + 1) | (place == 0)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(owner[kept], minlength=len(targets)))])
    if is_single:
        picked = _fitting(model, rng, targets)
    words, forms = _forms(model)
    taken = words.take(pa.array(picked[kept] + forms * _form(place[kept], model.kind)))
    apart = model.joint or " "
    joined = pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), taken), apart)
    if model.kind == "title":
        return pc.utf8_title(joined)
    if model.kind in _SINGLE or not model.end:
        return joined
    return pc.binary_join_element_wise(pc.utf8_rtrim(joined, "."), model.end, "")


def _fitting(
    model: TextModel, rng: np.random.Generator, targets: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Pick one word for each target, of a length close to it."""
    order = np.argsort([len(w) for w in model.words], kind="stable")
    sizes = np.array([len(model.words[i]) for i in order])
    low = np.searchsorted(sizes, np.minimum(np.round(targets), sizes[-1]), side="left")
    high = np.searchsorted(sizes, sizes[low], side="right")
    return np.asarray(order[rng.integers(low, high)], np.int64)


def _forms(model: TextModel) -> tuple[pa.Array, int]:
    """The words plain, with a capital, and with a full stop; and how many words there are."""
    words = list(model.words)
    forms = words + [w.capitalize() for w in words] + [f"{w}." for w in words]
    return pa.array(forms, pa.string()), len(words)


def _form(place: NDArray[np.int64], kind: TextKind) -> NDArray[np.int64]:
    """Which form the word at each place takes: 1 at a sentence's start, 2 at its end."""
    if kind in _SINGLE:
        return np.full(len(place), int(kind == "name"))
    turn = place % _SENTENCE
    is_end = (turn == _SENTENCE - 1) & (kind == "paragraph")
    is_start = (place == 0) | ((turn == 0) & (kind == "paragraph"))
    return np.where(is_start, 1, np.where(is_end, 2, 0))


def _numbered(model: TextModel, texts: pa.Array, first_row: int) -> pa.Array:
    """End each text in its row's own number, cutting the text where the column is short."""
    numbers = serial(np.arange(first_row, first_row + len(texts), dtype=np.uint64), model.key)
    digits = pa.array(numbers).cast(pa.string())
    if model.max_length is not None:
        longest = int(pc.max(pc.utf8_length(digits)).as_py())
        room = model.max_length - longest - 1
        if room < 0:
            raise FitError(
                "a unique text column is too short for as many different texts",
                "Widen the column, lower --scale, or set another treatment for it.",
            )
        texts = pc.utf8_slice_codeunits(texts, 0, room)
    return pc.binary_join_element_wise(texts, digits, "-" if model.kind == "word" else " ")
