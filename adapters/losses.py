"""Name what a schema holds beside tables and a target of another dialect does not, kind by kind."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dbsynth.schema import Column, Index, Loss, NativeObject, Schema, Statement

_CODE = "it is code in another dialect"
_QUERY = "its query is in another dialect"
# What becomes of each kind: why it is lost, and what is done instead of "left out".
_KINDS = {
    "view": (_QUERY, ""),
    "materialized view": (_QUERY, ""),
    "trigger": (_CODE, ""),
    "event trigger": (_CODE, ""),
    "function": (_CODE, ""),
    "procedure": (_CODE, ""),
    "aggregate": (_CODE, ""),
    "macro": (_CODE, ""),
    "event": (_CODE, ""),
    "rule": (_CODE, ""),
    "policy": ("the target has no policies", "every row is visible"),
    "row security": ("the target has no row-level security", "every row is visible"),
    "extension": ("extensions belong to one kind of server", ""),
    "domain": ("the target has no domains", "its type and checks at each column"),
    "range type": ("the target has no such type", "held as text"),
    "composite type": ("the target has no such type", "held as text"),
    "type": ("the target has no such type", "its values as each column's loss says"),
    "UNLOGGED of": ("the target writes all tables alike", "an ordinary table"),
    "inheritance of": ("the target's tables do not inherit", "a table with all its columns"),
    "partitioning of": ("partitions do not travel", "one table holds all rows"),
    "exclusion constraint": ("the target has none", "the rows keep it, nothing enforces it"),
    "collation": ("collations do not travel", "the target's default"),
    "publication": ("it names the source's servers", ""),
    "subscription": ("it names the source's servers", ""),
    "user mapping": ("it holds the source's passwords", ""),
    "broken foreign key": ("the source itself cannot enforce it", "an ordinary column's values"),
    "numbering": ("its settings are another dialect's", "numbered from behind the rows"),
}
_OTHER = "it is in another dialect's language"
# Statements whose objects the tables themselves, or the schema's own objects, stand for.
_TOLD = frozenset({
    "schema", "table", "table attach", "index attach", "constraint", "check constraint",
    "fk constraint", "index", "default", "sequence", "sequence owned by", "sequence set",
    "materialized view data", "publication table", "comment", "acl", "owner of", "access",
})  # fmt: skip
_PLACE = re.compile(r"(?:TABLE|COLUMN) (.+)")


def object_losses(schema: Schema, *, has_enums: bool) -> Iterator[Loss]:
    """
    List every object of a schema that does not cross to another dialect.

    Args:
        schema: the source's; its script, if there is one, names what its objects leave out.
        has_enums: whether the target keeps enumerations as types of their own.
    """
    for item in schema.objects:
        if item.kind != "schema":  # lives on in the tables' names
            yield _loss(item.kind, item.name, item.reason)
    for sequence in schema.sequences:
        yield Loss(
            object=f"sequence {sequence.name}",
            reason="no column owns it, or several share it",
            instead="left out",
        )
    used = {c.type.enum_name for t in schema.tables for c in t.columns}
    for enum in schema.enums:
        if enum.name not in used:
            yield Loss(object=f"enum {enum.name}", reason="no column uses it", instead="left out")
        elif not has_enums:
            yield Loss(
                object=f"enum {enum.name}",
                reason="the target has no named enumerations",
                instead="its labels at each column",
            )
    yield from _scripted(schema)
    yield from _rights(schema)


def _loss(kind: str, name: str, reason: str = "") -> Loss:
    usual, instead = _KINDS.get(kind, (_OTHER, ""))
    return Loss(object=f"{kind} {name}", reason=reason or usual, instead=instead or "left out")


def _scripted(schema: Schema) -> Iterator[Loss]:
    """What only the database's own tool knows of."""
    told = {(item.kind, _bare(item.name)) for item in schema.objects}
    told |= {("type", name) for kind, name in told if kind.endswith(" type")}
    enums = {f"{e.name.schema}.{e.name.name}" for e in schema.enums}
    for statement in schema.script:
        if statement.kind == "comment":
            yield from _comment(statement, schema)
        elif statement.kind == "index":
            yield from _foreign_index(statement, schema)
        elif statement.kind == "setting":
            if schema.dialect == "sqlite":
                yield Loss(
                    object=f"setting {statement.name}",
                    reason="it belongs to a SQLite file",
                    instead="left out",
                )
        elif statement.kind in _TOLD or statement.name in enums:
            continue
        elif (statement.kind, _bare(statement.name)) not in told:
            yield _loss(statement.kind, statement.name)


def _bare(name: str) -> str:
    """A name without what tools quote and join names with."""
    return re.sub(r'[\s."]', "", name)


def _comment(statement: Statement, schema: Schema) -> Iterator[Loss]:
    """A comment on anything but a table or its columns, whose own losses are told elsewhere."""
    tables = {t.name.name for t in schema.tables}
    place = _PLACE.search(statement.name)
    words = re.split(r"[\s.]", place[1].replace('"', "")) if place else []
    if schema.dialect == "duckdb":
        words = statement.name.replace('"', "").split(".")
        place = place or re.match(r"(?:table|column) ", statement.name)
    if place and tables & set(words):
        return
    yield Loss(
        object=f"comment of {statement.name}",
        reason="only tables and columns keep their comments",
        instead="left out",
    )


def _foreign_index(statement: Statement, schema: Schema) -> Iterator[Loss]:
    """An index on something that is no table: a materialized view."""
    name = statement.name.rsplit(".", 1)[-1].strip('"')
    known = {t.primary_key_name for t in schema.tables}
    for table in schema.tables:
        known |= {index.name for index in table.indexes}
        known |= {unique.name for unique in table.uniques}
        known |= {exclusion.name for exclusion in table.exclusions}
    if name not in known:
        yield Loss(
            object=f"index {statement.name}",
            reason="it is not on a table of its own",
            instead="left out",
        )


def _rights(schema: Schema) -> Iterator[Loss]:
    """Owners and grants, told once: they are many and alike."""
    if schema.grants:
        yield Loss(
            object=f"owners and grants ({len(schema.grants)} statements)",
            reason="roles are the server's",
            instead="who loads the target owns everything",
        )


def index_detail(index: Index) -> str:
    """Say what a btree index's definition has beyond its columns, or ""."""
    match = re.search(r"\((.*)\)", index.definition or "", re.DOTALL)
    if match is None:
        return ""
    written = [part.strip().strip('"`[]') for part in match[1].split(",")]
    if written == list(index.columns):
        return ""
    return "its order, operator classes, INCLUDE or options do not travel"


def identity_detail(source: Column, adopted: Column) -> str:
    """Say how a target numbers rows otherwise than the source does, or ""."""
    if source.identity == "always" and adopted.identity not in ("always", None):
        return "the target lets rows bring their own number"
    return ""


def same_dialect_loss(item: NativeObject) -> Loss:
    """Tell of an object that its own dialect cannot make again."""
    is_kept = item.kind == "broken foreign key"
    return Loss(
        object=f"{item.kind} {item.name}",
        reason=item.reason or "it cannot be copied",
        instead="declared, its values an ordinary column's" if is_kept else "left out",
    )
