"""Texts made of other columns: joined, folded, begun; keys inside texts; shared sets of labels."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.mining.frames import CARRIED, MIN_ROWS, MOST_LABELS, Frame, Frames, View, literal
from dbsynth.rules.book import Rule
from dbsynth.rules.words import quote

_PROBE = 40  # rows on which guesses are made
_LEAST_DISTINCT = 20  # texts; with fewer they are labels, and what joins them may be chance
_LEAST_LABELS = 4  # of a set that several columns share
_SHORT = 8  # characters that may stand between two parts
_REFERENCE = re.compile(r"^(?P<word>[A-Za-z_]{2,30}[:/#-])(?P<number>[0-9]{1,18})$")


def find_texts(frame: Frame, frames: Frames, copied: set[str]) -> Iterator[Rule]:
    """Find texts made of the row's other columns, or beginning with the parent's; no copies."""
    own = [v for v in frame.views if v.column.type.kind == "string"]
    own = [v for v in own if v.distinct >= _LEAST_DISTINCT]
    settled: set[frozenset[str]] = set()
    for target in own:
        for text in (*_folded(target, own), *_joined(target, own)):
            words = frozenset([target.word, text])
            if words not in settled:
                settled.add(words)
                yield frame.rule("text", text)
                break
    for parent in frame.ways:
        for above in frame.above(parent, frames):
            if above.column.type.kind != "string" or above.distinct < CARRIED:
                continue
            for target in own if not above.is_key else ():
                is_made = target.word not in copied and not target.is_key
                if is_made and _holds(_starting(target.values, above.values)):
                    yield frame.rule("text", f"starts_with({target.word}, {above.word})")


def _folded(target: View, own: list[View]) -> Iterator[str]:
    """Another column in other letters."""
    for view in own:
        if view is target:
            continue
        for name, step in (("lower", pc.utf8_lower), ("upper", pc.utf8_upper)):
            changed = step(view.values)
            is_change = not pc.all(pc.equal(changed, view.values)).as_py()
            if is_change and _holds(pc.equal(target.values, changed)):
                yield f"{target.word} = {name}({view.word})"
        slug = pc.replace_substring(pc.utf8_lower(view.values), " ", "-")
        has_blank = pc.any(pc.match_substring(view.values, " ")).as_py()
        if has_blank and _holds(pc.equal(target.values, slug)):
            yield f"{target.word} = replace(lower({view.word}), ' ', '-')"


def _joined(target: View, own: list[View]) -> Iterator[str]:
    """Two columns with something between them: the whole text, or its beginning."""
    others = [v for v in own if v is not target]
    for fold in ("", "lower"):
        for one in others:
            left = pc.utf8_lower(one.values) if fold else one.values
            if not _holds(_starting(target.values[:_PROBE], left[:_PROBE]), 2):
                continue
            for other in others:
                if other is one:
                    continue
                right = pc.utf8_lower(other.values) if fold else other.values
                text = _link(target, one, other, (left, right), fold)
                if text:
                    yield text


def _link(target: View, one: View, other: View, parts: tuple[pa.Array, pa.Array], fold: str) -> str:
    """Write how a text is joined of two columns; "" if it is not."""
    between = _between(target.values[:_PROBE], parts[0][:_PROBE], parts[1][:_PROBE])
    if between is None:
        return ""
    joined = pc.binary_join_element_wise(*parts, between)
    inner = (
        f"{one.word} || {literal(between)} || {other.word}"
        if between
        else (f"{one.word} || {other.word}")
    )
    inner = f"{fold}({inner})" if fold else inner
    if _holds(pc.equal(target.values, joined)):
        return f"{target.word} = {inner}"
    return (
        f"starts_with({target.word}, {inner})" if _holds(_starting(target.values, joined)) else ""
    )


def _between(texts: pa.Array, left: pa.Array, right: pa.Array) -> str | None:
    """What always stands between two parts at a text's beginning."""
    found = set()
    for text, a, b in zip(texts.to_pylist(), left.to_pylist(), right.to_pylist(), strict=True):
        if text is None or not a or not b:
            continue
        place = text.find(b, len(a))
        if place < 0 or place > len(a) + _SHORT:
            return None
        found.add(text[len(a) : place])
    return found.pop() if len(found) == 1 else None


def _starting(texts: pa.Array, starts: pa.Array) -> pa.Array:
    """
    Whether texts begin with others that are not empty; NULL where one is NULL.

    Only of the first rows, if that is enough to see that they do not.
    """
    if len(texts) > _PROBE:
        first = _starting(texts[:_PROBE], starts[:_PROBE])
        if pc.any(pc.invert(first)).as_py():
            return first
    pairs = zip(texts.to_pylist(), starts.to_pylist(), strict=True)
    marks = [None if t is None or not s else t.startswith(s) for t, s in pairs]
    return pa.array(marks, pa.bool_())


def _holds(marks: pa.Array, least: int = MIN_ROWS) -> bool:
    there = len(marks) - marks.null_count
    return there >= least and pc.all(marks).as_py() is True


def find_text_keys(frame: Frame, frames: Frames) -> Iterator[Rule]:
    """Find texts like `user:42` that name a row of another table by its number."""
    for view in frame.views:
        if view.column.type.kind != "string" or view.is_key or len(frame) < MIN_ROWS:
            continue
        probe = view.values.drop_null()[:_PROBE].to_pylist()
        matched = [_REFERENCE.match(t) for t in probe]
        words = {m["word"] for m in matched if m}
        if len(words) != 1 or not all(matched) or len(probe) < MIN_ROWS:
            continue
        (word,) = words
        for other in frames.values():
            if _is_called(other.name.name, word[:-1]) and (key := _own_number(other)):
                values = f"SELECT {literal(word)} || {quote(key)} FROM {quote(other.name.name)}"
                if _is_covered(view, word, other, key):
                    yield frame.rule("text key", f"{view.word} IN ({values})")


def _is_called(table: str, word: str) -> bool:
    name, word = table.lower(), word.lower()
    return name in (word, f"{word}s", f"{word}es", f"{word[:-1]}ies") or name.endswith(f"_{word}s")


def _own_number(frame: Frame) -> str | None:
    key = frame.table.primary_key
    if len(key) != 1 or frame.table.column(key[0]).type.kind != "integer":
        return None
    return key[0]


def _is_covered(view: View, word: str, other: Frame, key: str) -> bool:
    if other.sample.shares.get(other.name, 1.0) < 1.0:
        return False
    known = pc.binary_join_element_wise(word, other.rows.column(key).cast(pa.string()), "")
    return (
        pc.all(pc.is_in(view.values.drop_null(), value_set=known.combine_chunks())).as_py() is True
    )


def find_value_sets(frames: Frames) -> Iterator[Rule]:
    """Find columns without a key between them that share one set of labels."""
    sets: dict[frozenset[str], list[tuple[Frame, View]]] = {}
    for frame in frames.values():
        for view in frame.views:
            is_text = view.column.type.kind == "string" and not view.is_key
            if is_text and _LEAST_LABELS <= view.distinct <= MOST_LABELS:
                labels = frozenset(view.labels.to_pylist())
                if frame.is_released(view) and view.distinct < len(frame) / 3:
                    sets.setdefault(labels, []).append((frame, view))
    for alike in sets.values():
        first, listed = min(alike, key=lambda a: len(a[0]))
        for frame, view in alike:
            if frame is not first:
                source = f"SELECT {listed.word} FROM {quote(first.name.name)}"
                yield frame.rule("value set", f"{view.word} IN ({source})")
