"""The foreign-key graph: which keys to cut so that an order exists, and that order."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from dbsynth.schema import ForeignKey, Schema, TableName

if TYPE_CHECKING:
    import networkx as nx

KeyId = tuple[TableName, str]  # child table, key name


def parents_of(schema: Schema, without: Collection[KeyId] = ()) -> dict[TableName, set[TableName]]:
    """The parents of each table; self-references and cut keys are left out."""
    found: dict[TableName, set[TableName]] = {t.name: set() for t in schema.tables}
    for key in _edges(schema, without):
        found[key.child].add(key.parent)
    return found


def cut_keys(schema: Schema) -> tuple[KeyId, ...]:
    """
    Choose the keys that are set after both tables are there, so that no cycle is left.

    In every cycle the key that hurts least is cut: one that may be NULL before one that is checked
    late, before one that neither; never one without a column of its own if another will do.
    """
    cut: list[KeyId] = []
    while _generations(parents_of(schema, cut)) is None:
        keys = [_key(schema, child, name) for child, name in _cycle(schema, cut)]
        best = min(keys, key=lambda k: (_cost(schema, k), k.child, k.name))
        cut.append((best.child, best.name))
    return tuple(cut)


def waves(schema: Schema, cut: Collection[KeyId]) -> dict[TableName, int]:
    """
    Number the tables: every parent (cut keys apart) has a lower number than its children.

    Raises:
        ValueError: the keys that are left form a cycle.
    """
    found = _generations(parents_of(schema, cut))
    if found is None:
        raise ValueError("the keys form a cycle")
    return found


def _generations(parents: Mapping[TableName, set[TableName]]) -> dict[TableName, int] | None:
    """Number the tables by the longest way from one without parents; None: there is a cycle."""
    found: dict[TableName, int] = {}
    left, number = dict(parents), 0
    while left:
        ready = sorted(name for name, above in left.items() if above <= found.keys())
        if not ready:
            return None
        found |= dict.fromkeys(ready, number)
        left = {name: above for name, above in left.items() if name not in found}
        number += 1
    return found


def _cycle(schema: Schema, without: Collection[KeyId]) -> list[KeyId]:
    """The keys of a cycle."""
    import networkx as nx  # takes long to load, and most schemas have no cycle

    graph: nx.MultiDiGraph[TableName] = nx.MultiDiGraph()
    graph.add_nodes_from(t.name for t in schema.tables)
    for key in _edges(schema, without):
        graph.add_edge(key.parent, key.child, key=key.name)
    cyclic = [c for c in nx.strongly_connected_components(graph) if len(c) > 1]
    component = graph.subgraph(min(cyclic, key=min))
    cycle = nx.find_cycle(component, source=min(component.nodes))
    return [(child, name) for _, child, name in cycle]


def _edges(schema: Schema, without: Collection[KeyId]) -> list[ForeignKey]:
    """The keys between different tables that are there, without those that are cut."""
    known = [k for k in schema.foreign_keys if k.parent in schema.by_name and not k.is_self]
    return [k for k in known if (k.child, k.name) not in without]


def _key(schema: Schema, child: TableName, name: str) -> ForeignKey:
    return next(k for k in schema.table(child).foreign_keys if k.name == name)


def _cost(schema: Schema, key: ForeignKey) -> tuple[bool, ...]:
    """What setting a key late costs: first whether it can be done at all, then how well."""
    table = schema.table(key.child)
    early = {c for k in table.foreign_keys if k is not key for c in k.columns}
    late = set(key.columns) - early - set(table.primary_key)
    referred = {c for k in schema.foreign_keys if k.parent == key.child for c in k.parent_columns}
    required = not any(table.column(c).is_nullable for c in late)
    tied = len(late) < len(key.columns)  # to what other keys lead to, which may lead nowhere here
    return (
        not table.primary_key or not late,
        bool(late & referred),
        required and tied,
        required,
        tied,
        not key.is_deferrable,
    )
