"""
Values made of values, as generators: JSON, arrays, rows, ranges, shapes drawn part by part.

A document is a little database.  What stands once in it is a column of its first level; the
elements of each of its arrays are rows of a level of their own.  Above the columns stands a tree of
nodes that says which parts there are, how many, and how they are put together.  A level's columns
are treated as a table's are: numbers and labels are drawn from released statistics, personal data,
codes and texts are made.  `dbsynth.documents.unfolding` draws from it all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from dbsynth.codecs import CategoryCodec, NumberCodec
from dbsynth.makers import Makers
from dbsynth.plan import TablePlan
from dbsynth.schema import Column, SqlType, Table, TableName
from dbsynth.treatments import Treatment


@dataclass(frozen=True, slots=True)
class Numbers:
    """A codec of numbers, and how often each token occurs."""

    codec: NumberCodec
    weights: tuple[float, ...]  # per token; NULL never


@dataclass(frozen=True, slots=True)
class Labels:
    """A codec of labels, and how often each token occurs."""

    codec: CategoryCodec
    weights: tuple[float, ...]  # per token; neither NULL nor the rare one


@dataclass(frozen=True, slots=True)
class Part:
    """A column of a level."""

    name: str
    type: SqlType
    treatment: Treatment
    learned: Numbers | Labels | None = None  # None: made
    spelling: str = ""  # how a number that stands in a text is written, see `spellings`


@dataclass(frozen=True, slots=True)
class Level:
    """Rows of parts: the values of one document each, or the elements of an array."""

    name: TableName
    parts: tuple[Part, ...] = ()
    makers: Makers = field(default_factory=Makers)

    @property
    def table(self) -> Table:
        """The level as a table."""
        columns = (Column(name=p.name, type=p.type, is_nullable=False) for p in self.parts)
        return Table(name=self.name, columns=tuple(columns))

    @property
    def plan(self) -> TablePlan:
        """The level as a plan for that table."""
        return level_plan(self.name, {p.name: p.treatment for p in self.parts})


def level_plan(name: TableName, treatments: Mapping[str, Treatment]) -> TablePlan:
    """Plan a level as if it were a table."""
    return TablePlan(
        name=name, mode="generate", source_rows=0, target_rows=0, wave=0, root=name, why="",
        columns=treatments,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value that has no parts, from a column of its level."""

    part: str
    quotes: str = ""  # "json": a JSON string, "hstore": a key or value of one


@dataclass(frozen=True, slots=True)
class Constant:
    """Always the same text."""

    text: str | None


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several kinds of values: JSON's null, number, text, object, array and so on."""

    options: tuple[Node, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """
    Named parts of which some may be absent; which of them come together is drawn as a whole.

    A shape may also settle what some labels say, so that the parts fit what an object says it is.
    """

    style: str  # see `assembly`
    type: SqlType
    names: tuple[str, ...]
    nodes: tuple[Node, ...]
    shapes: tuple[tuple[int, ...], ...]  # which of the nodes each shape has
    weights: tuple[float, ...]
    settled: tuple[str, ...] = ()  # parts of the level whose labels the shape settles
    labels: tuple[tuple[Any, ...], ...] = ()  # per shape, what they say; None: absent


@dataclass(frozen=True, slots=True)
class Items:
    """So many values of one kind, in order; the rows of a level of their own."""

    style: str
    type: SqlType
    lengths: Numbers
    level: Level
    element: Node
    bounds: tuple[str, ...] = ()  # arrays of several dimensions: how they are bounded, …
    weights: tuple[float, ...] = ()  # … and how often; the lengths follow
    names: Node | None = None  # maps: their keys
    is_distinct: bool = False  # no value comes twice


Node = Leaf | Constant | Choice | Record | Items


@dataclass(frozen=True, slots=True)
class Document:
    """The generator of one column's values."""

    level: Level
    root: Node
    max_length: int | None = None  # characters; a longer text gives way to the shortest

    def to_json(self) -> dict[str, Any]:
        """Turn into plain values; `from_json` is the inverse."""
        return {
            "level": _level_data(self.level),
            "root": _node_data(self.root),
            "max_length": self.max_length,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Document:
        """
        Rebuild from `to_json`'s value.

        Raises:
            KeyError, TypeError: the data are not a document's.
        """
        return cls(_level(data["level"]), _node(data["root"]), data["max_length"])


@dataclass(frozen=True, slots=True)
class Kinds:
    """The generator of a column whose values are of the kinds that another column's labels say."""

    by: str  # the column of labels
    labels: tuple[str, ...]
    documents: tuple[Document, ...]  # of each label, and last of all others

    def to_json(self) -> dict[str, Any]:
        """Turn into plain values; `generator_of` is the inverse."""
        documents = [d.to_json() for d in self.documents]
        return {"by": self.by, "labels": list(self.labels), "documents": documents}


def generator_of(data: Mapping[str, Any]) -> Document | Kinds:
    """
    Rebuild a column's generator from `to_json`'s value.

    Raises:
        KeyError, TypeError: the data are none's.
    """
    if "by" not in data:
        return Document.from_json(data)
    documents = tuple(Document.from_json(d) for d in data["documents"])
    return Kinds(data["by"], tuple(data["labels"]), documents)


# --- as plain values -----------------------------------------------------------------------------

_NODES = {c.__name__: c for c in (Leaf, Constant, Choice, Record, Items)}


def _level_data(level: Level) -> dict[str, Any]:
    return {
        "name": list(level.name),
        "parts": [_part_data(p) for p in level.parts],
        "makers": level.makers.to_json(),
    }


def _part_data(part: Part) -> dict[str, Any]:
    return {
        "name": part.name,
        "type": asdict(part.type),
        "treatment": asdict(part.treatment),
        "learned": part.learned and _learned_data(part.learned),
        "spelling": part.spelling,
    }


def _learned_data(learned: Numbers | Labels) -> dict[str, Any]:
    return {
        "is": type(learned).__name__,
        "codec": asdict(learned.codec),
        "weights": list(learned.weights),
    }


def _node_data(node: Node) -> dict[str, Any]:
    return {"is": type(node).__name__} | {
        f.name: _value_data(getattr(node, f.name)) for f in fields(node)
    }


def _value_data(value: Any) -> Any:
    if isinstance(value, SqlType):
        return asdict(value)
    if isinstance(value, Numbers):
        return _learned_data(value)
    if isinstance(value, Level):
        return _level_data(value)
    if type(value).__name__ in _NODES:
        return _node_data(value)
    return [_value_data(v) for v in value] if isinstance(value, tuple) else value


def _level(data: Mapping[str, Any]) -> Level:
    parts = tuple(
        Part(
            p["name"],
            SqlType.from_json(p["type"]),
            Treatment(**p["treatment"]),
            p["learned"] and _learned(p["learned"]),
            p["spelling"],
        )
        for p in data["parts"]
    )
    return Level(TableName(*data["name"]), parts, Makers.from_json(data["makers"]))


def _learned(data: Mapping[str, Any]) -> Numbers | Labels:
    fitted = data["codec"].items()
    codec: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in fitted}
    weights = tuple(data["weights"])
    if data["is"] == "Labels":
        return Labels(CategoryCodec(**codec), weights)
    return Numbers(NumberCodec(**codec), weights)


def _node(data: Mapping[str, Any]) -> Any:
    return _NODES[data["is"]](**{k: _value(k, v) for k, v in data.items() if k != "is"})


def _value(name: str, value: Any) -> Any:
    if name == "type":
        return SqlType.from_json(value)
    if name == "lengths":
        return _learned(value)
    if name == "level":
        return _level(value)
    if isinstance(value, dict):
        return _node(value)
    return tuple(_value("", v) for v in value) if isinstance(value, list) else value
