"""
Texts of values that are made of others, taken apart and put together: JSON, arrays, rows, ranges.

Taking apart works on one text; putting together on Arrow columns of parts, a whole column at once.
What is put together is what its database parses, not always what it prints: every part is quoted.

Source: PostgreSQL's manual, "Arrays", "Composite Types", "Range Types", "hstore"; RFC 8259.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.features import Ints

_ARRAY = {
    mark: re.compile(rf'"((?:[^"\\]|\\.)*)"|([{{}}])|([^{{}}"{mark}]+)', re.DOTALL) for mark in ",;"
}
_QUOTED = r'"(?:[^"\\]|""|\\.)*"'
_FIELD = re.compile(rf"(?:{_QUOTED}|[^,()\"\\]+)*", re.DOTALL)
_RANGE = re.compile(rf"[\[(](?:{_QUOTED}|[^\"()\[\]])*[\])]", re.DOTALL)
_PAIR = re.compile(r'"((?:[^"\\]|\\.)*)"=>(?:"((?:[^"\\]|\\.)*)"|NULL)', re.DOTALL)
_ESCAPED = re.compile(r'\\(.)|""', re.DOTALL)
_CONTROL = r"[\x00-\x1f]"


class Pairs(list[tuple[str, Any]]):
    """A JSON object: keys and values in order; keys may come again."""


def parse_json(text: str) -> Any:
    """
    Take a JSON document apart; objects become `Pairs`.

    Raises:
        ValueError: it is none, or too deep.
    """
    try:
        return json.loads(text, object_pairs_hook=Pairs)
    except RecursionError as exc:
        raise ValueError("too deep") from exc


def parse_array(text: str, mark: str = ",") -> tuple[str, list[Any]]:
    """
    Take a PostgreSQL array apart.

    Args:
        text: as the server prints it.
        mark: what stands between elements: a semicolon in arrays of boxes.

    Returns:
        its bounds as they stand before the equals sign ("" if they are the usual ones), and its
        elements as texts or None, in lists as deep as it has dimensions.

    >>> parse_array('[0:1]={a,"b \\\\"c\\\\""}'), parse_array("{{1,NULL},{3,4}}")
    (('[0:1]', ['a', 'b "c"']), ('', [['1', None], ['3', '4']]))
    """
    bounds, _, body = text.rpartition("]=") if text.startswith("[") else ("", "", text)
    stack: list[list[Any]] = [[]]
    for quoted, brace, bare in _ARRAY[mark].findall(body):
        if brace == "{":
            stack.append([])
        elif brace == "}":
            done = stack.pop()
            stack[-1].append(done)
        elif bare:
            stack[-1].append(None if bare.upper() == "NULL" else bare)
        else:
            stack[-1].append(_ESCAPED.sub(r"\1", quoted))
    return bounds and f"{bounds}]", stack[0][0]


def parse_row(text: str) -> list[str | None]:
    """
    Take a PostgreSQL row apart.

    >>> parse_row('(1,"a ""b"", c",,"")')
    ['1', 'a "b", c', None, '']
    """
    return [_field(raw) for raw in _fields(text[1:-1])]


def parse_range(text: str) -> tuple[str | None, str | None, str] | None:
    """
    Take a PostgreSQL range apart: lower and upper bound (None: open), and both brackets.

    >>> parse_range('["2024-01-01 00:00:00",)'), parse_range("empty")
    (('2024-01-01 00:00:00', None, '[)'), None)
    """
    if text == "empty":
        return None
    lower, upper = (_field(raw) for raw in _fields(text[1:-1]))
    return lower, upper, text[0] + text[-1]


def parse_multirange(text: str) -> list[str]:
    """
    Take a PostgreSQL multirange apart.

    >>> parse_multirange("{[1,3),[5,)}")
    ['[1,3)', '[5,)']
    """
    return [match.group() for match in _RANGE.finditer(text[1:-1])]


def parse_hstore(text: str) -> Pairs:
    r"""
    Take PostgreSQL's hstore apart.

    >>> parse_hstore('"a"=>"1", "b \\"c"=>NULL')
    [('a', '1'), ('b "c', None)]
    """
    return Pairs(
        (
            _ESCAPED.sub(r"\1", m[1]),
            None if m[2] is None and m[0].endswith("NULL") else _ESCAPED.sub(r"\1", m[2] or ""),
        )
        for m in _PAIR.finditer(text)
    )


def flatten(items: Sequence[Any]) -> tuple[list[Any], list[int]]:
    """Give the elements of nested lists in order, and how long the lists of each depth are."""
    sizes = [len(items)]
    flat = list(items)
    while flat and isinstance(flat[0], list):
        sizes.append(len(flat[0]))
        flat = [element for part in flat for element in part]
    return flat, sizes


def _fields(body: str) -> Iterator[str]:
    start = 0
    while True:
        match = _FIELD.match(body, start)
        assert match is not None
        yield match.group()
        start = match.end() + 1
        if start > len(body):
            return


def _field(raw: str) -> str | None:
    if raw == "":
        return None
    if '"' not in raw and "\\" not in raw:
        return raw
    parts = re.split(rf"({_QUOTED})", raw, flags=re.DOTALL)
    return "".join(
        _ESCAPED.sub(lambda m: m[1] or '"', p[1:-1]) if i % 2 else p for i, p in enumerate(parts)
    )


# --- putting together ----------------------------------------------------------------------------


def quote_json(texts: pa.Array) -> pa.Array:
    """Write texts as JSON strings; nulls stay nulls."""
    escaped = _escape(texts)
    if pc.any(pc.match_substring_regex(escaped, _CONTROL)).as_py():
        return pa.array([t if t is None else json.dumps(t) for t in texts.to_pylist()], pa.string())
    return _wrap('"', escaped, '"')


def quote_element(texts: pa.Array, mark: str = ",") -> pa.Array:
    """Write texts as elements of an array, as PostgreSQL prints them; null becomes NULL."""
    special = rf'^$|^(?i:null)$|["\\{{}}{mark}]|[ \t\n\r\v\f]'
    is_plain = pc.invert(pc.match_substring_regex(texts, special))
    written = pc.if_else(is_plain, texts, _wrap('"', _escape(texts), '"'))
    return pc.fill_null(written, "NULL")


def quote_field(texts: pa.Array) -> pa.Array:
    """Write texts as fields of a PostgreSQL row, or bounds of a range; null becomes nothing."""
    return pc.fill_null(_wrap('"', _escape(texts), '"'), "")


def quote_pair(texts: pa.Array) -> pa.Array:
    """Write texts as keys or values of an hstore; nulls stay nulls."""
    return _wrap('"', _escape(texts), '"')


def quote_text(text: str, mark: str = '"') -> str:
    """Write one name in quotes, with backslashes before quotes and backslashes."""
    escaped = text.replace("\\", "\\\\").replace(mark, f"\\{mark}")
    return f"{mark}{escaped}{mark}"


def hexadecimal(texts: pa.Array) -> pa.Array:
    """Let letters that are no hexadecimal digits become some; made codes may hold any letter."""
    return pc.replace_substring_regex(texts, "[g-zG-Z]", "f")


def join_present(pieces: Sequence[pa.Array], rows: int, mark: str = ", ") -> pa.Array:
    """Join (rows,) pieces row by row, nulls left out."""
    if not pieces:
        return repeated("", rows)
    # Arrow's own null_handling="skip" loses rows of which every piece is null.
    marked = [pc.fill_null(_wrap(mark, piece, ""), "") for piece in pieces]
    return pc.utf8_slice_codeunits(pc.binary_join_element_wise(*marked, ""), len(mark))


def join_lists(texts: pa.Array, lengths: Ints, mark: str = ",") -> pa.Array:
    """Join consecutive texts, so many for each row."""
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), texts), mark)


def wrap(opening: str, texts: pa.Array, closing: str) -> pa.Array:
    """Put something before and behind each text."""
    return _wrap(opening, texts, closing)


def repeated(text: str | None, rows: int) -> pa.Array:
    """Say the same (rows,) times."""
    return pa.array([text], pa.string()).take(pa.array(np.zeros(rows, np.int64)))


def nest(elements: Sequence[str], sizes: Sequence[int], mark: str = ",") -> str:
    """Write the quoted elements of an array of several dimensions."""
    parts = list(elements)
    for size in reversed(sizes):
        parts = [
            "{" + mark.join(parts[i : i + size]) + "}" for i in range(0, len(parts), max(size, 1))
        ]
    return parts[0] if parts else "{}"


def join_range(lower: pa.Array, upper: pa.Array, brackets: pa.Array) -> pa.Array:
    """Write ranges: bounds (null: open), and both brackets as one text (null: empty)."""
    opening = pc.utf8_slice_codeunits(brackets, 0, 1)
    closing = pc.utf8_slice_codeunits(brackets, 1, 2)
    bounds = pc.binary_join_element_wise(quote_field(lower), quote_field(upper), ",")
    found = pc.binary_join_element_wise(opening, bounds, closing, "")
    return pc.fill_null(found, "empty")


def join_numbers(template: str, parts: Mapping[str, pa.Array]) -> pa.Array:
    """Put texts into a template's places, row by row: "(%x,%y)"."""
    rows = len(next(iter(parts.values())))
    pieces = re.split(r"%(\w+)", template)
    arrays = [parts[p] if i % 2 else repeated(p, rows) for i, p in enumerate(pieces)]
    return pc.binary_join_element_wise(*arrays, "")


def _escape(texts: pa.Array) -> pa.Array:
    if not pc.any(pc.match_substring_regex(texts, r'["\\]')).as_py():
        return texts
    return pc.replace_substring_regex(texts, r'(["\\])', r"\\\1")


def _wrap(opening: str, texts: pa.Array, closing: str) -> pa.Array:
    return pc.binary_join_element_wise(
        pa.scalar(opening), texts, pa.scalar(closing), pa.scalar(""), null_handling="emit_null"
    )
