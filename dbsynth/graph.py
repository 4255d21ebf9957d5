"""The foreign-key graph: which keys to cut so that an order exists, and that order."""

from __future__ import annotations

from collections.abc import Collection

import networkx as nx

from dbsynth.schema import ForeignKey, Schema, TableName

KeyId = tuple[TableName, str]  # child table, key name


def key_graph(schema: Schema, without: Collection[KeyId] = ()) -> nx.MultiDiGraph[TableName]:
    """Parents point to children, one edge a key; self-references and cut keys are left out."""
    graph: nx.MultiDiGraph[TableName] = nx.MultiDiGraph()
    graph.add_nodes_from(t.name for t in schema.tables)
    for key in schema.foreign_keys:
        known = key.parent in schema.by_name
        if known and not key.is_self and (key.child, key.name) not in without:
            graph.add_edge(key.parent, key.child, key=key.name)
    return graph


def cut_keys(schema: Schema) -> tuple[KeyId, ...]:
    """
    Choose the keys that are set after both tables are there, so that no cycle is left.

    In every cycle the key that hurts least is cut: one that may be NULL before one that is checked
    late, before one that neither; never one without a column of its own if another will do.
    """
    cut: list[KeyId] = []
    while True:
        graph = key_graph(schema, cut)
        cyclic = [c for c in nx.strongly_connected_components(graph) if len(c) > 1]
        if not cyclic:
            return tuple(cut)
        component = graph.subgraph(min(cyclic, key=min))
        cycle = nx.find_cycle(component, source=min(component.nodes))
        keys = [_key(schema, child, name) for _, child, name in cycle]
        best = min(keys, key=lambda k: (_cost(schema, k), k.child, k.name))
        cut.append((best.child, best.name))


def waves(schema: Schema, cut: Collection[KeyId]) -> dict[TableName, int]:
    """
    Number the tables: every parent (cut keys apart) has a lower number than its children.

    Raises:
        ValueError: the keys that are left form a cycle.
    """
    graph: nx.DiGraph[TableName] = nx.DiGraph(key_graph(schema, cut))
    try:
        numbered = list(enumerate(nx.topological_generations(graph)))
    except nx.NetworkXUnfeasible as exc:
        raise ValueError("the keys form a cycle") from exc
    return {name: number for number, names in numbered for name in sorted(names)}


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
