"""Made words in the form that text types want: search vectors, search queries, XML."""

from __future__ import annotations

import re

import pyarrow as pa

FAMILIES = frozenset({"tsvector", "tsquery", "xml"})
_WORD = re.compile(r"[a-z0-9]+")
_MOST_POSITION = 16_383  # of a word in a search vector
_FEW = 4  # words of a query


def write_words(texts: pa.Array, family: str) -> pa.Array:
    """
    Turn made texts into values of a family.

    >>> write_words(pa.array(["Two words."]), "tsvector")[0].as_py()
    "'two':1 'words':2"
    """
    if family == "xml":
        return pa.array([f"<text>{t}</text>" for t in texts.to_pylist()], pa.string())
    words = [_WORD.findall(t.lower()) or ["word"] for t in texts.to_pylist()]
    if family == "tsquery":
        return pa.array([" & ".join(f"'{w}'" for w in some[:_FEW]) for some in words], pa.string())
    vectors = [
        " ".join(f"'{w}':{min(i, _MOST_POSITION)}" for i, w in enumerate(some, 1)) for some in words
    ]
    return pa.array(vectors, pa.string())
