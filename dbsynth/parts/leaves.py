"""The texts that stand inside documents, arrays and rows, each with the path that leads to it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from dbsynth import lexicon
from dbsynth.parts.literals import Pairs, flatten, parse_json
from dbsynth.parts.taking import DOCUMENTS, element_of, split_flat, take_apart
from dbsynth.schema import SqlType

# Days, figures, addresses' masks: these recur by chance, as they do in columns of their own.
_MEASURE = re.compile(r"[-+]?[\d.,]+|\d{4}-\d{2}-\d{2}([ T][\d:.]+)?(Z|[+-][\d:]+)?")
_NESTED = frozenset(
    {"array", "composite", "hstore", "multirange", "ltree", "range", "inet", "cidr"}
)


def has_leaves(sql: SqlType) -> bool:
    """Whether values of a type are compared by the texts inside of them."""
    return sql.kind == "json" or (sql.kind == "other" and sql.family in _NESTED | DOCUMENTS)


def telling_leaves(
    texts: Iterable[str], sql: SqlType, identifying: frozenset[str]
) -> dict[str, set[str]]:
    """
    Collect the texts inside values that can tell where they come from.

    Left out are measures, and names of people and places, which recur by chance.

    Args:
        texts: values of the type.
        sql: the type; any text type stands for JSON.
        identifying: the meanings of which one value points to one person.

    Returns:
        by path, the different texts, where more than half of all there are differ.
    """
    counts: defaultdict[str, int] = defaultdict(int)
    found: defaultdict[str, set[str]] = defaultdict(set)
    for text in texts:
        for path, leaf in _leaves(text, sql, ""):
            if leaf.strip() and not _MEASURE.fullmatch(leaf):
                counts[path] += 1
                found[path].add(leaf.strip())
    return {
        path: values
        for path, values in found.items()
        if len(values) * 2 > counts[path] and _is_telling(path, identifying)
    }


def all_leaves(texts: Iterable[str], sql: SqlType, paths: Iterable[str]) -> dict[str, set[str]]:
    """Collect the different texts that values have at some paths."""
    found: dict[str, set[str]] = {path: set() for path in paths}
    for text in texts:
        for path, leaf in _leaves(text, sql, ""):
            if path in found:
                found[path].add(leaf.strip())
    return found


def _is_telling(path: str, identifying: frozenset[str]) -> bool:
    meaning = lexicon.semantic_of(path.replace("/", " "))
    return meaning in ("", "name") or meaning in identifying


def _leaves(text: str, sql: SqlType, path: str) -> Iterator[tuple[str, str]]:
    if sql.kind == "json" or (sql.kind == "other" and sql.family in DOCUMENTS):
        yield from _json_leaves(_parsed(text), path)
    elif sql.kind != "other":
        yield path, text
    elif sql.family == "ltree":
        yield from ((path, label) for label in text.split("."))
    elif sql.family in ("inet", "cidr"):
        yield path, text.partition("/")[0]
    elif sql.family == "range":
        yield from _range_leaves(text, sql, path)
    elif sql.family in _NESTED:
        yield from _parted_leaves(take_apart(text, sql), sql, path)


def _range_leaves(text: str, sql: SqlType, path: str) -> Iterator[tuple[str, str]]:
    if sql.element is not None and sql.element.kind == "string":
        for parts in split_flat([text], sql):
            if "lower" in parts:
                yield path, parts["lower"]


def _parted_leaves(parts: Any, sql: SqlType, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(parts, Pairs):
        for key, value in parts:
            if value is not None:
                yield f"{path}/{key}", value
    elif sql.family == "composite":
        for (name, part), value in zip(sql.parts, parts, strict=True):
            if value is not None:
                yield from _leaves(value, part, f"{path}/{name}")
    else:
        items = flatten(parts[1])[0] if sql.family == "array" else parts
        for item in items:
            if item is not None:
                yield from _leaves(item, element_of(sql), path)


def _json_leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Pairs):
        for key, inner in value:
            yield from _json_leaves(inner, f"{path}/{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from _json_leaves(inner, path)


def _parsed(text: str) -> Any:
    try:
        return parse_json(text)
    except ValueError:
        return None
