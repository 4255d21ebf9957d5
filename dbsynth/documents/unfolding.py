"""Draw documents: which parts come together first, then all columns of a level, then the text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dbsynth import numerals
from dbsynth.codecs import NumberCodec
from dbsynth.documents.generators import (
    Choice,
    Constant,
    Document,
    Items,
    Labels,
    Leaf,
    Level,
    Node,
    Numbers,
    Part,
    Record,
)
from dbsynth.features import Floats, Ints
from dbsynth.makers import make_columns
from dbsynth.parts import assembly
from dbsynth.parts.literals import repeated
from dbsynth.permute import key_of
from dbsynth.spellings import spell
from dbsynth.values import MOST_DECIMALS

ELEMENTS = 256  # row numbers that each row's elements may take for their personas
SPARE = 4  # values that are offered for one, where none may come twice


def draw_document(document: Document, seed: int, first: int, rows: int) -> pa.Array:
    """
    Draw (rows,) texts, none of them null.

    Args:
        document: the column's generator.
        seed: the run's.
        first: number of the first row in its table.
        rows: how many.
    """
    key = key_of("document", seed, *document.level.name)
    texts = _Drawing(document.level, key, first, rows).text(document.root)
    if document.max_length is None or not rows:
        return texts
    sizes = pc.utf8_length(texts)
    shortest = texts[int(np.argmin(np.asarray(sizes)))]
    return pc.if_else(pc.greater(sizes, document.max_length), shortest, texts)


def draw_learned(
    learned: Numbers | Labels, rng: np.random.Generator, rows: int
) -> Floats | pa.Array:
    """Draw (rows,) numbers or labels."""
    tokens = pick(learned.weights, rng, rows)
    if isinstance(learned, Labels):
        return learned.codec.decode(tokens, pa.array(learned.codec.labels).type)
    return learned.codec.decode(tokens, rng.random(rows))


def pick(weights: tuple[float, ...], rng: np.random.Generator, rows: int) -> Ints:
    """Draw (rows,) positions by their weights."""
    total = np.cumsum(weights)
    found: Ints = np.searchsorted(total, rng.random(rows) * total[-1], "right").astype(np.int64)
    return found.clip(max=len(weights) - 1)


class _Drawing:
    """Rows of one level in the making."""

    def __init__(self, level: Level, key: int, first: int, rows: int) -> None:
        """Prepare; nothing is drawn yet."""
        self.level, self.rows = level, rows
        self._key, self._first = key, first
        self._chosen: dict[str, Ints] = {}
        self._settled: dict[str, tuple[Ints, list[Any]]] = {}
        self._columns: dict[str, pa.Array | Floats] = {}

    def text(self, root: Node) -> pa.Array:
        """Draw the level's rows and write them; (rows,)."""
        if self.rows == 0:
            return pa.array([], pa.string())
        every = np.arange(self.rows)
        self._plan(root, "$", every)
        self._columns = self._draw_columns()
        return self._text(root, "$", every)

    def _rng(self, *words: object) -> np.random.Generator:
        key = key_of(self._key, *words) % 2**63
        return np.random.Generator(np.random.Philox(key=key, counter=[0, self._first, 0, 0]))

    def _plan(self, node: Node, path: str, rows: Ints) -> None:
        """Decide which parts the given rows have."""
        if isinstance(node, Choice):
            chosen = pick(node.weights, self._rng(path), len(rows))
            self._chosen[path] = chosen
            for number, option in enumerate(node.options):
                self._plan(option, f"{path}|{number}", rows[chosen == number])
        elif isinstance(node, Record):
            chosen = pick(node.weights, self._rng(path), len(rows))
            self._chosen[path] = chosen
            for place, part in enumerate(node.settled):
                said = [labels[place] for labels in node.labels]
                self._settled[part] = rows, [said[c] for c in chosen]
            for number, child in enumerate(node.nodes):
                has = _presence(node, number)[chosen]
                self._plan(child, f"{path}.{number}", rows[has])

    def _draw_columns(self) -> dict[str, pa.Array | Floats]:
        """Draw what is learned, settle what the shapes say, make the rest."""
        drawn: dict[str, pa.Array | Floats] = {}
        known: dict[str, pa.Array] = {}
        for part in self.level.parts:
            if part.learned is None:
                continue
            values = draw_learned(part.learned, self._rng("part", part.name), self.rows)
            if isinstance(part.learned, Labels):
                known[part.name] = values = self._with_settled(part.name, values)
            else:
                known[part.name] = pa.nulls(self.rows)
            drawn[part.name] = values
        made = make_columns(
            self.level.makers, self.level.table, self.level.plan, known, self._key, self._first,
            self.rows,
        )  # fmt: skip
        return drawn | made

    def _with_settled(self, name: str, values: pa.Array) -> pa.Array:
        if name not in self._settled:
            return values
        rows, said = self._settled[name]
        mask = np.zeros(self.rows, bool)
        mask[rows] = [s is not None for s in said]
        given = pa.array([s for s in said if s is not None], values.type)
        return pc.replace_with_mask(values, pa.array(mask), given)

    def _text(self, node: Node, path: str, rows: Ints) -> pa.Array:
        """Write a node for the given rows; (len(rows),)."""
        if isinstance(node, Constant):
            return repeated(node.text, len(rows))
        if isinstance(node, Leaf):
            return assembly.quoted(self._shown(node, rows), node.quotes)
        if isinstance(node, Items):
            return self._items(node, path, rows)
        chosen = self._chosen[path]
        if isinstance(node, Choice):
            options = enumerate(node.options)
            texts = [self._text(o, f"{path}|{i}", rows[chosen == i]) for i, o in options]
            return _scattered(texts, [chosen == i for i in range(len(texts))])
        return self._record(node, path, rows, chosen)

    def _record(self, node: Record, path: str, rows: Ints, chosen: Ints) -> pa.Array:
        is_flat = assembly.is_flat(node.style)
        parts: list[pa.Array | Floats] = []
        for number, child in enumerate(node.nodes):
            has = _presence(node, number)[chosen]
            if is_flat and isinstance(child, Leaf):
                parts.append(self._raw(child, rows, has))
            else:
                text = self._text(child, f"{path}.{number}", rows[has])
                parts.append(_spread(text, has))
        return assembly.join_record(node.style, node.type, node.names, parts, len(rows))

    def _items(self, node: Items, path: str, rows: Ints) -> pa.Array:
        rng = self._rng(path, "lengths")
        bounds: list[str] = []
        if node.bounds:
            bounds = [node.bounds[i] for i in pick(node.weights, rng, len(rows))]
            lengths = np.array([assembly.volume(b) for b in bounds], np.int64)
        else:
            drawn = np.nan_to_num(draw_learned(node.lengths, rng, len(rows)))
            lengths = np.maximum(np.round(drawn), 0).astype(np.int64)
        key = key_of(self._key, path)
        offered = lengths * SPARE if node.is_distinct else lengths
        total = int(offered.sum())
        inner = _Drawing(node.level, key, self._first * ELEMENTS, total)
        texts = inner.text(node.element)
        if node.is_distinct:
            texts, lengths = _distinct(texts, offered, lengths)
        if node.names is not None:
            names = _Drawing(node.level, key_of(key, "names"), self._first * ELEMENTS, total)
            return assembly.join_map(node.style, names.text(node.names), texts, lengths)
        return assembly.join_items(node.style, node.type, texts, lengths, bounds)

    def _shown(self, leaf: Leaf, rows: Ints) -> pa.Array:
        part = self._part(leaf.part)
        values = self._columns[leaf.part]
        if not isinstance(values, np.ndarray):
            taken = values.take(pa.array(rows))
            return assembly.plain_text(taken, part.type)
        codec = part.learned.codec if isinstance(part.learned, Numbers) else None
        decimals = codec.decimals if isinstance(codec, NumberCodec) else MOST_DECIMALS
        if part.type.kind == "string":
            return spell(values[rows], part.spelling, decimals)
        return numerals.write(values[rows], part.type, decimals)

    def _raw(self, leaf: Leaf, rows: Ints, has: NDArray[np.bool_]) -> pa.Array | Floats:
        """A part as floats or text over all rows of its record, missing where it is absent."""
        values = self._columns[leaf.part]
        if isinstance(values, np.ndarray):
            return np.where(has, values[rows], np.nan)
        return _spread(self._shown(leaf, rows[has]), has)

    def _part(self, name: str) -> Part:
        return next(p for p in self.level.parts if p.name == name)


def _distinct(texts: pa.Array, offered: Ints, lengths: Ints) -> tuple[pa.Array, Ints]:
    """Of what is offered to each list the first values that differ; how many each list has then."""
    owners = np.repeat(np.arange(len(offered)), offered)
    codes = np.asarray(texts.dictionary_encode(null_encoding="encode").indices, np.int64)
    _, first = np.unique(owners * (int(codes.max(initial=0)) + 1) + codes, return_index=True)
    first = np.sort(first)
    counts = np.bincount(owners[first], minlength=len(offered))
    place = np.arange(len(first)) - np.repeat(np.cumsum(counts) - counts, counts)
    kept = first[place < lengths[owners[first]]]
    return texts.take(pa.array(kept)), np.minimum(counts, lengths)


def _presence(node: Record, number: int) -> NDArray[np.bool_]:
    """Which shapes have a node."""
    return np.array([number in shape for shape in node.shapes], bool)


def _scattered(texts: list[pa.Array], masks: list[NDArray[np.bool_]]) -> pa.Array:
    """Put texts of disjoint rows into one column."""
    order = np.argsort(np.concatenate([np.flatnonzero(m) for m in masks]), kind="stable")
    return pa.concat_arrays([t.cast(pa.string()) for t in texts]).take(pa.array(order))


def _spread(texts: pa.Array, has: NDArray[np.bool_]) -> pa.Array:
    """Give texts to the rows that have one, null to the others."""
    place = np.cumsum(has) - 1
    return texts.take(pa.array(place, pa.int64(), mask=~has))
