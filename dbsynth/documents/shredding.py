"""
Learn documents: take the values of a column apart, and learn what there is of what.

Nothing is kept but what `dbsynth.release` lets through: names of keys and kinds of values that
enough entities have, sets of keys that come together, lengths as quantiles, and what the parts'
own treatments keep.  What is too rare to be released is left out of the documents that are made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dbsynth import lexicon, numerals
from dbsynth.codecs import NumberCodec
from dbsynth.documents.generators import (
    Choice,
    Constant,
    Document,
    Items,
    Leaf,
    Level,
    Node,
    Numbers,
)
from dbsynth.documents.levels import LevelFit, fit_numbers, texts_of
from dbsynth.documents.recordshapes import RecordShapes
from dbsynth.features import Ints
from dbsynth.parts.literals import Pairs, flatten, parse_json
from dbsynth.parts.taking import (
    BOOLEAN,
    DOCUMENTS,
    FLOAT,
    INTEGER,
    LISTS,
    TEXT,
    element_of,
    flat_parts,
    flat_style,
    split_flat,
    take_apart,
)
from dbsynth.peculiar import empty_value
from dbsynth.release import Release
from dbsynth.schema import SqlType, TableName

MAX_VALUES = 20_000  # documents that are taken apart
MAX_CHARACTERS = 40_000_000
MAX_ELEMENTS = 200  # elements of one list that are looked at
MAX_DEPTH = 12
_BY_CHANCE = 12.0  # values that would come twice in a list by chance: never is a rule then
_MAP_KEYS = 20  # so many different keys, most of them rare: they are data

Build = Callable[[Level], Node]  # finishes a node once its level is learned
Path = tuple[str, ...]


def fit_document(
    name: tuple[str, str],
    sql: SqlType,
    texts: pa.Array,
    entities: Ints,
    release: Release,
    *,
    is_json: bool = False,
) -> Document:
    """
    Learn a column of documents.

    Args:
        name: of its table and of the column.
        sql: its type.
        texts: (n,) values as the database prints them; nulls do not count.
        entities: (n,) which entity each row belongs to.
        release: the protection in force.
        is_json: the column is of texts, which are JSON.
    """
    chosen = _chosen(texts)
    values = texts.take(pa.array(chosen)).to_pylist()
    owners = entities[chosen]
    if not release.is_enough(owners):
        values, owners = [], owners[:0]
    level = LevelFit(TableName(*name), owners, release)
    shredder = _Shredder(level, release)
    wanted = SqlType(kind="json", native="json") if is_json else sql
    build = shredder.typed(values, np.arange(len(values)), (name[1],), wanted)
    fitted = level.fit()
    return Document(fitted, build(fitted), sql.length if sql.kind == "string" else None)


def _chosen(texts: pa.Array) -> Ints:
    """Choose which values to take apart: evenly spaced ones, of bounded size."""
    present = np.flatnonzero(np.asarray(texts.is_valid()))
    step = -(-len(present) // MAX_VALUES) or 1
    chosen = present[::step]
    sizes = np.asarray(pc.utf8_length(texts.take(pa.array(chosen))))
    return chosen[np.cumsum(sizes) <= MAX_CHARACTERS] if len(chosen) else chosen


@dataclass(frozen=True)
class _Shredder:
    """Takes values apart and fills a level with what it finds."""

    level: LevelFit
    release: Release
    depth: int = 0

    # --- JSON ------------------------------------------------------------------------------------

    def json(self, values: Sequence[Any], rows: Ints, path: Path, empty: str = "null") -> Build:
        """Learn JSON values of any kind; `empty` stands where nothing may be told of them."""
        kinds = np.array([kind_of(v) for v in values], object)
        names, counts = self._released(path, "kinds", kinds, rows)
        if not names or self.depth > MAX_DEPTH:
            return _always(Constant(empty))
        builds = []
        for name in names:
            places = np.flatnonzero(kinds == name)
            some = [values[i] for i in places.tolist()]
            builds.append(self._json_kind(name, some, rows[places], path))
        if len(builds) == 1:
            return builds[0]
        return lambda level: Choice(tuple(b(level) for b in builds), tuple(counts))

    def _json_kind(self, kind: str, values: list[Any], rows: Ints, path: Path) -> Build:
        if kind == "null":
            return _always(Constant("null"))
        if kind == "boolean":
            return self._leaf(path, BOOLEAN, rows, values)
        if kind == "number":
            is_whole = all(isinstance(v, int) and abs(v) < 2**63 for v in values)
            floats = np.array([_float(v) for v in values], np.float64)
            return self._leaf(path, INTEGER if is_whole else FLOAT, rows, floats)
        if kind == "string":
            return self._leaf(path, TEXT, rows, values, quotes="json")
        if kind == "array":
            return self._items("json", TEXT, values, rows, path, _Shredder.json)
        return self._object("json", values, rows, path)

    def _object(self, style: str, values: list[Pairs], rows: Ints, path: Path) -> Build:
        """Objects: with keys that are part of the shape, or maps, whose keys are data."""
        keys = [k for pairs in values for k, _ in pairs]
        owners = np.repeat(rows, [len(pairs) for pairs in values])
        names, counts = self._released(path, "keys", np.array(keys, object), owners)
        is_map = len(set(keys)) > _MAP_KEYS and sum(counts) < len(keys) / 2
        if is_map or (keys and not names):
            return self._map(style, values, rows, path)
        return self._record(style, values, rows, path, frozenset(names))

    def _record(
        self, style: str, values: list[Pairs], rows: Ints, path: Path, known: frozenset[str]
    ) -> Build:
        """Objects by the keys that were released; each kind of value of a key is a slot."""
        slots: dict[tuple[str, int, str], list[tuple[int, Any, float]]] = {}
        for number, pairs in enumerate(values):
            seen: dict[str, int] = {}
            for place, (key, value) in enumerate(pairs):
                turn = seen[key] = seen.get(key, -1) + 1
                if key in known:
                    slot = key, turn, kind_of(value)
                    slots.setdefault(slot, []).append((number, value, place))
        threshold = self.release.threshold(self._statistic(path, "slots"))
        owners = self.level.owners[rows]
        kept = {
            slot: found
            for slot, found in slots.items()
            if len(np.unique(owners[[n for n, _, _ in found]])) >= threshold
        }
        order = sorted(kept, key=lambda s: float(np.mean([p for _, _, p in kept[s]])))
        builds, presence = [], np.zeros((len(values), len(order)), bool)
        for place, slot in enumerate(order):
            numbers = np.array([n for n, _, _ in kept[slot]], np.int64)
            presence[numbers, place] = True
            some = [v for _, v, _ in kept[slot]]
            inner = (*path, slot[0])
            builds.append(self._slot(style, slot[2], some, rows[numbers], inner))
        names = tuple(slot[0] for slot in order)
        return self._shaped(style, TEXT, names, builds, presence, rows, path)

    def _slot(self, style: str, kind: str, values: list[Any], rows: Ints, path: Path) -> Build:
        deeper = _Shredder(self.level, self.release, self.depth + 1)
        if style != "hstore":
            return deeper._json_kind(kind, values, rows, path)
        if kind == "null":
            return _always(Constant("NULL"))
        return self._leaf(path, TEXT, rows, values, quotes="hstore")

    def _map(self, style: str, values: list[Pairs], rows: Ints, path: Path) -> Build:
        """Objects whose keys are data: lists of keys and values."""
        cut = [pairs[:MAX_ELEMENTS] for pairs in values]
        owners = self.level.owners[np.repeat(rows, [len(p) for p in cut])]
        inner = LevelFit(self._inner(path), owners, self.release)
        below = _Shredder(inner, self.release, self.depth + 1)
        every = np.arange(len(owners))
        keys, items = [k for p in cut for k, _ in p], [v for p in cut for _, v in p]
        named = below._leaf((f"{path[-1]} key",), TEXT, every, keys, quotes=style)
        if style == "hstore":
            texts = ["" if v is None else v for v in items]
            build = below._leaf(path[-1:], TEXT, every, texts, quotes=style)
        else:
            build = below.json(items, every, (*path, "value"))
        level = inner.fit()
        lengths = self._lengths([len(p) for p in values], rows, path)
        node = Items(style, TEXT, lengths, level, build(level), names=named(level))
        return _always(node)

    # --- types of the database -------------------------------------------------------------------

    def typed(self, texts: list[Any], rows: Ints, path: Path, sql: SqlType) -> Build:
        """Learn values of a type, as texts without null."""
        if sql.kind == "json" or (sql.kind == "other" and sql.family in DOCUMENTS):
            parsed = [(i, v) for i, v in enumerate(map(_parsed, texts)) if v is not _BROKEN]
            places = np.array([i for i, _ in parsed], np.int64)
            empty = empty_value(sql) if sql.family in DOCUMENTS else "{}"
            return self.json([v for _, v in parsed], rows[places], path, empty)
        if sql.kind == "other":
            found = self._structured(texts, rows, path, sql)
            if found is not None:
                return found
        if numerals.is_numeral(sql):
            floats = numerals.read(pa.array(texts, pa.string()), sql)
            return self._leaf(path, sql, rows, floats)
        if sql.kind == "boolean":
            return self._leaf(path, sql, rows, [t in ("t", "true") for t in texts])
        if sql.kind == "bytes":
            return self._leaf(path, sql, rows, [bytes.fromhex(t[2:]) for t in texts])
        return self._leaf(path, sql, rows, texts)

    def _structured(self, texts: list[Any], rows: Ints, path: Path, sql: SqlType) -> Build | None:
        family = sql.family
        if family == "interval" and not numerals.has_months(pa.array(texts, pa.string())):
            return None
        if flat_style(sql):
            return self._flat(texts, rows, path, sql)
        if family == "hstore":
            return self._object("hstore", [take_apart(t, sql) for t in texts], rows, path)
        if family == "composite":
            return self._row(texts, rows, path, sql)
        if family == "array":
            return self._array(texts, rows, path, sql)
        if family not in LISTS:
            return None
        lists = [take_apart(t, sql) for t in texts]
        return self._items(family, sql, lists, rows, path, self._element(sql))

    def _element(self, sql: SqlType) -> Callable[[_Shredder, Sequence[Any], Ints, Path], Build]:
        """How the elements of a list are learned; an element may be NULL."""
        element = element_of(sql)

        def learn(below: _Shredder, values: Sequence[Any], rows: Ints, path: Path) -> Build:
            missing = np.array([v is None for v in values], bool)
            some = [v for v in values if v is not None]
            build = below.typed(some, rows[~missing], path, element)
            share = self.release.share(missing)
            if not share:
                return build
            nothing = Constant(None)
            return lambda level: Choice((nothing, build(level)), (share, 1.0 - share))

        return learn

    def _array(self, texts: list[Any], rows: Ints, path: Path, sql: SqlType) -> Build:
        """Arrays: plain ones as lists, others by their bounds, which are released labels."""
        taken = [take_apart(t, sql) for t in texts]
        bounds = [bound_of(b, items) for b, items in taken]
        plain = np.array([not b for b in bounds], bool)
        lists = [items for (_, items), b in zip(taken, bounds, strict=True) if not b]
        learn = self._element(sql)
        labels, counts = self._released(
            path, "bounds", np.array(bounds, object)[~plain], rows[~plain]
        )
        simple = self._items("array", sql, lists, rows[plain], path, learn)
        if not labels:
            return simple
        odd = [flatten(items)[0] for (_, items), b in zip(taken, bounds, strict=True) if b]
        bounded = self._items(
            "array", sql, odd, rows[~plain], (*path, "bounded"), learn,
            bounds=tuple(labels), weights=tuple(counts),
        )  # fmt: skip
        if not plain.any():
            return bounded
        weights = float(plain.sum()), float(sum(counts))
        return lambda level: Choice((simple(level), bounded(level)), weights)

    def _row(self, texts: list[Any], rows: Ints, path: Path, sql: SqlType) -> Build:
        """Rows of a composite type; which fields are NULL together is learned as a shape."""
        taken = [take_apart(t, sql) for t in texts]
        presence = np.zeros((len(taken), len(sql.parts)), bool)
        builds = []
        for place, (name, part) in enumerate(sql.parts):
            has = np.array([row[place] is not None for row in taken], bool)
            presence[:, place] = has
            values = [row[place] for row in taken if row[place] is not None]
            builds.append(self.typed(values, rows[has], (*path, name), part))
        names = tuple(name for name, _ in sql.parts)
        return self._shaped("composite", sql, names, builds, presence, rows, path)

    def _flat(self, texts: list[Any], rows: Ints, path: Path, sql: SqlType) -> Build:
        """Values that fall into a few numbers and words: ranges, addresses, points and so on."""
        style = flat_style(sql)
        taken = split_flat(texts, sql)
        types = flat_parts(style, sql)
        names = tuple(types)
        presence = np.array([[n in parts for n in names] for parts in taken], bool)
        presence = presence.reshape(len(taken), len(names))
        builds = []
        for place, (name, (kind, default)) in enumerate(types.items()):
            has = presence[:, place]
            values = [parts[name] for parts in taken if name in parts]
            inner = (*path, name)
            if kind.kind == "float":
                floats = np.array(values, np.float64)
                builds.append(self._leaf(inner, kind, rows[has], floats))
            elif default or kind.kind == "string":
                builds.append(self._leaf(inner, kind, rows[has], values, default=default))
            else:
                builds.append(self.typed(values, rows[has], inner, kind))
        return self._shaped(style, sql, names, builds, presence, rows, path)

    # --- what all have in common -----------------------------------------------------------------

    def _leaf(
        self,
        path: Path,
        sql: SqlType,
        rows: Ints,
        values: Any,
        quotes: str = "",
        default: str = "",
    ) -> Build:
        words = [lexicon.singular(path[-1])] if self.depth and len(path) == 1 else path[1:] or path
        name = self.level.add(" ".join(words), sql, rows, values, default)
        return _always(Leaf(name, quotes))

    def _items(
        self,
        style: str,
        sql: SqlType,
        lists: Sequence[Sequence[Any]],
        rows: Ints,
        path: Path,
        learn: Callable[[_Shredder, Sequence[Any], Ints, Path], Build],
        bounds: tuple[str, ...] = (),
        weights: tuple[float, ...] = (),
    ) -> Build:
        """Lists: how long they are, and their elements on a level of their own."""
        cut = [some[:MAX_ELEMENTS] for some in lists]
        owners = self.level.owners[np.repeat(rows, [len(some) for some in cut])]
        lengths = self._lengths([len(some) for some in lists], rows, path)
        inner = LevelFit(self._inner(path), owners, self.release)
        below = _Shredder(inner, self.release, self.depth + 1)
        elements = [e for some in cut for e in some]
        named = ("label",) if style == "set" else path[-1:]
        build = learn(below, elements, np.arange(len(elements)), named)
        level = inner.fit()
        if not elements or (not self.release.is_enough(owners) and not bounds):
            lengths = _no_elements()
        is_distinct = not bounds and self.release.is_enough(owners) and _never_repeat(cut)
        items = Items(
            style, sql, lengths, level, build(level), bounds, weights, is_distinct=is_distinct
        )
        return _always(items)

    def _shaped(
        self,
        style: str,
        sql: SqlType,
        names: tuple[str, ...],
        builds: list[Build],
        presence: NDArray[np.bool_],
        rows: Ints,
        path: Path,
    ) -> Build:
        """Records: which parts come together, and, once the level is learned, what they say."""

        def finish(level: Level) -> Node:
            nodes = tuple(build(level) for build in builds)
            shapes = RecordShapes(self.level, self.release, self._statistic(path, "shapes"), rows)
            return shapes.record(style, sql, names, nodes, presence, level)

        return finish

    def _lengths(self, lengths: list[int], rows: Ints, path: Path) -> Numbers:
        sizes = np.array(lengths, np.float64)
        if not len(sizes):
            return _no_elements()
        statistic = self._statistic(path, "length")
        return fit_numbers(statistic, sizes, self.level.owners[rows], self.release)

    def _released(
        self, path: Path, what: str, values: NDArray[np.object_], rows: Ints
    ) -> tuple[list[str], list[float]]:
        """Release texts that enough entities have, and how often each occurs."""
        texts = texts_of(list(values), pa.string())
        owners = self.level.owners[rows]
        labels, counts = self.release.labels(self._statistic(path, what), texts, owners)
        return labels, counts.astype(np.float64).tolist()

    def _statistic(self, path: Path, what: str) -> str:
        return f"{self.level.name}/{'/'.join(path)}#{what}"

    def _inner(self, path: Path) -> TableName:
        return TableName(str(self.level.name), path[-1])


def kind_of(value: Any) -> str:
    """Name the kind of a JSON value as `jsonb_typeof` does."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, Pairs):
        return "object"
    return "string" if isinstance(value, str) else "array"


def bound_of(bounds: str, items: list[Any]) -> str:
    """Say how an array is bounded, if not as a plain list is."""
    _, sizes = flatten(items)
    if bounds or len(sizes) > 1:
        return bounds or "".join(f"[1:{size}]" for size in sizes)
    return ""


_BROKEN = object()


def _parsed(text: str) -> Any:
    try:
        return parse_json(text)
    except ValueError:
        return _BROKEN


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return np.nan


def _never_repeat(lists: Sequence[Sequence[Any]]) -> bool:
    """Whether no list has a value twice, though by chance many would."""
    known: Counter[str] = Counter()
    pairs = 0.0
    for some in lists:
        texts = [repr(e) for e in some]
        if len(set(texts)) < len(texts):
            return False
        known.update(texts)
        pairs += len(texts) * (len(texts) - 1) / 2
    total = known.total()
    return total > 0 and pairs * sum((n / total) ** 2 for n in known.values()) >= _BY_CHANCE


def _no_elements() -> Numbers:
    return Numbers(NumberCodec((0.0,), (), 0, 1.0, 0.0), (0.0, 1.0))


def _always(node: Node) -> Build:
    return lambda _: node
