"""Texts that are another column's words joined: the slug of a title, however it is punctuated."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_LEAST_ROWS = 5
_MOSTLY = 0.95  # of the rows
_APART = r"[^\p{L}\p{N}]+"
_QUOTES = r"['’]"


def slug(texts: pa.Array) -> pa.Array:
    """Write (n,) texts in small letters, with a hyphen wherever words are apart."""
    plain = pc.replace_substring_regex(pc.utf8_lower(texts.cast(pa.string())), _QUOTES, "")
    return pc.utf8_trim(pc.replace_substring_regex(plain, _APART, "-"), "-")


def find_slugs(
    values: Mapping[str, pa.Array], wanted: list[str], limit: int = 60
) -> dict[str, str]:
    """
    Find columns that are mostly the slug of another one, or begin with it and end in a number.

    Args:
        values: (n,) the columns' texts.
        wanted: columns that are made, of which the slugs are looked for.
        limit: columns that are looked at, at most.

    Returns:
        slug -> whose it is.
    """
    texts = {n: v for n, v in values.items() if pa.types.is_string(v.type)}
    names = list(texts)[:limit]
    probes = {n: slug(texts[n][:200]) for n in names}
    found: dict[str, str] = {}
    for name in (n for n in wanted if n in probes):
        for other in names:
            if (
                other != name
                and other not in found
                and _is_slug(texts[name][:200], texts[other][:200], probes[other])
            ):
                found[name] = other
                break
    return found


def _is_slug(own: pa.Array, source: pa.Array, made: pa.Array) -> bool:
    both = np.asarray(pc.and_(pc.is_valid(own), pc.is_valid(source)))
    differs = np.asarray(pc.fill_null(pc.not_equal(own, source), False))
    if both.sum() < _LEAST_ROWS or not (differs & both).any():
        return False
    if pc.count_distinct(own.filter(pa.array(both))).as_py() < _LEAST_ROWS:
        return False
    bare = pc.replace_substring_regex(own, r"-\d+$", "")
    fits = pc.or_(pc.equal(own, made), pc.equal(bare, made))
    return bool(np.asarray(pc.fill_null(fits, False))[both].mean() >= _MOSTLY)


def slugged(
    source: pa.Array, made: pa.Array, first: int, *, length: int | None, is_unique: bool
) -> pa.Array:
    """
    Write the slugs of (n,) texts.

    Args:
        source: the texts.
        made: what stands there without them; NULL stays NULL.
        first: number of the first row in its table.
        length: characters that the column can hold; None: unlimited.
        is_unique: whether slugs must differ, so that they end in their row's number.
    """
    texts = slug(source)
    if is_unique:
        numbers = pa.array(np.arange(first + 1, first + 1 + len(texts))).cast(pa.string())
        room = None if length is None else max(1, length - 1 - len(str(first + len(texts))))
        short = texts if room is None else pc.utf8_slice_codeunits(texts, 0, room)
        texts = pc.binary_join_element_wise(short, numbers, "-")
    elif length is not None:
        texts = pc.utf8_slice_codeunits(texts, 0, length)
    usable = pc.and_(pc.is_valid(made), pc.fill_null(pc.not_equal(texts, ""), False))
    return pc.if_else(usable, texts, made.cast(pa.string()))
