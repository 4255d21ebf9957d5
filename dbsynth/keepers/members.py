"""Values that must be among another table's: references in texts, sets of labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.expressions import UntranslatableError, parse
from dbsynth.plan import Plan
from dbsynth.rules.book import Rule
from dbsynth.schema import TableName


@dataclass(frozen=True, slots=True)
class Membership:
    """`column IN (SELECT prefix || of FROM other)`."""

    table: TableName
    column: str
    other: TableName
    of: str
    prefix: str = ""


@dataclass
class Members:
    """One membership; remembers which value stands for which that was drawn."""

    rule: Membership
    known: dict[Any, Any] = field(default_factory=dict)

    def keep(self, values: pa.Array, others: pa.ChunkedArray, rng: np.random.Generator) -> pa.Array:
        """
        Replace the values that the other table has not, the same ones by the same.

        Args:
            values: (n,) of the column.
            others: of the other table's.
            rng: chooses.
        """
        allowed = pc.unique(pc.drop_null(others.cast(pa.string())))
        if self.rule.prefix:
            allowed = pc.binary_join_element_wise(self.rule.prefix, allowed, "")
        texts = values.cast(pa.string())
        is_wrong = pc.and_(pc.is_valid(texts), pc.invert(pc.is_in(texts, value_set=allowed)))
        wrong = pc.unique(texts.filter(is_wrong))
        if not len(allowed) or not len(wrong):
            return values
        new = [w for w in wrong.to_pylist() if w not in self.known]
        picks = rng.choice(len(allowed), len(new), replace=len(new) > len(allowed))
        self.known |= dict(zip(new, allowed.take(pa.array(picks)).to_pylist(), strict=True))
        before = pa.array(list(self.known), pa.string())
        after = pa.array(list(self.known.values()), pa.string())
        found = after.take(pc.index_in(texts, value_set=before)).cast(values.type)
        return pc.if_else(is_wrong, found, values)


def memberships(plan: Plan, rules: Iterable[Rule]) -> tuple[Membership, ...]:
    """Find the rules that are of this kind."""
    found = []
    for rule in rules:
        is_kept = rule.status != "rejected" and not rule.exceptions and "->" not in rule.text
        one = _read(rule, plan) if is_kept else None
        if one is not None:
            found.append(one)
    return tuple(dict.fromkeys(found))


def _read(rule: Rule, plan: Plan) -> Membership | None:
    from sqlglot import exp

    try:
        tree = parse(rule.text, "duckdb")
    except UntranslatableError:
        return None
    query = tree.args.get("query") if isinstance(tree, exp.In) else None
    if query is None or not isinstance(tree.this, exp.Column) or tree.this.table:
        return None
    select = query.this
    listed = select.args.get("from_") or select.args.get("from")
    if select.args.get("where") or not isinstance(listed.this, exp.Table):
        return None
    value, prefix = select.expressions[0], ""
    if isinstance(value, exp.DPipe) and isinstance(value.this, exp.Literal):
        prefix, value = value.this.name, value.expression
    tables = [t for t in plan.schema.tables if t.name.name == listed.this.name]
    near = [t for t in tables if t.name.schema == rule.table.schema] or tables
    if not isinstance(value, exp.Column) or not near:
        return None
    other, own = near[0], plan.schema.table(rule.table)
    names = [{c.name for c in t.written_columns} for t in (own, other)]
    if tree.this.name not in names[0] or value.name not in names[1] or other is own:
        return None
    return Membership(own.name, tree.this.name, other.name, value.name, prefix)
