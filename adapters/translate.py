"""Turn a source's schema into what a target of another dialect can hold, and say what is lost."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from dbsynth import queries
from dbsynth.adapters.base import Adoption
from dbsynth.adapters.ddl import DialectRules, create_table, create_unique_index
from dbsynth.adapters.keypairs import in_unique_order, refers_to_unique, with_parent_types
from dbsynth.adapters.losses import (
    identity_detail,
    index_detail,
    object_losses,
    same_dialect_loss,
)
from dbsynth.adapters.names import ConstraintNamer, Namer, adopt_table_names
from dbsynth.expressions import UntranslatableError, mentioned, translate
from dbsynth.schema import (
    Check,
    Column,
    EnumType,
    ForeignKey,
    Index,
    Loss,
    Schema,
    SqlType,
    Table,
    TableName,
    Unique,
)

IdentityKind = Literal["always", "by default", "serial"]
NativeType = Callable[[Table, Column], tuple[SqlType, str | None]]
Accepts = Callable[[str], bool]

_IDENTITIES: tuple[IdentityKind, ...] = ("by default", "serial", "always")
_BOOLEANS = {"0": "FALSE", "1": "TRUE"}
_KIND = {True: "stored", False: "computed when read"}
_SPECIAL_INDEX = re.compile(r"\bUSING\s+(?!btree\b)\w+|\b(FULLTEXT|SPATIAL)\b", re.IGNORECASE)
_PARTIAL_INDEX = re.compile(r"\)\s*WHERE\b", re.IGNORECASE)
_PROBE = TableName("", "_dbsynth_probe")


@dataclass(slots=True)
class _Work:
    """What every step of one translation needs, and the losses found so far."""

    schema: Schema
    source: str  # dialect
    rules: DialectRules
    native_type: NativeType
    accepts: Accepts | None
    names: Mapping[TableName, TableName]
    columns: dict[TableName, dict[str, str]] = field(default_factory=dict)
    losses: list[Loss] = field(default_factory=list)

    def lose(self, what: str, reason: str, instead: str) -> None:
        """Note a loss."""
        self.losses.append(Loss(object=what, reason=reason, instead=instead))


def adopt_schema(
    schema: Schema,
    rules: DialectRules,
    native_type: NativeType,
    accepts: Accepts | None = None,
) -> Adoption:
    """
    Translate a schema into a target's dialect.

    The same dialect keeps everything; only objects without a statement become losses.

    Args:
        schema: the source's schema.
        rules: the target's dialect.
        native_type: the type (native text, kind and widths as the target's column holds them) for
            a source column, and what is lost by it, or None.  An `enum_name` in it is created.
        accepts: tries a statement (a CREATE TEMPORARY TABLE that holds one translated expression)
            on the target, undoes it, and tells whether it worked; without it, what sqlglot
            translates is believed.
    """
    if schema.dialect == rules.dialect:
        losses = [same_dialect_loss(o) for o in schema.objects if o.statement is None]
        return Adoption(schema, {t.name: t.name for t in schema.tables}, tuple(losses))
    names, losses = adopt_table_names([t.name for t in schema.tables], schema.dialect, rules)
    work = _Work(schema, schema.dialect, rules, native_type, accepts, names, losses=losses)
    for table in schema.tables:
        work.columns[table.name] = _column_names(table, work)
    constraints = ConstraintNamer(rules, names.values())
    tables, changed = with_parent_types(
        sorted((_table(t, work, constraints) for t in schema.tables), key=lambda t: t.name)
    )
    work.losses += changed
    work.losses += object_losses(schema, has_enums=rules.enum_types)
    adopted = Schema(
        dialect=rules.dialect,
        server_version=schema.server_version,
        tables=tables,
        enums=_enums(tables),
    )
    return Adoption(adopted, names, tuple(work.losses))


def _column_names(table: Table, work: _Work) -> dict[str, str]:
    namer = Namer(work.rules)
    found = {}
    for column in table.columns:
        found[column.name] = namer.take(column.name)
        if found[column.name] != column.name:
            work.lose(
                f"column {table.name}.{column.name}",
                "the target cannot hold this name beside the others",
                f"named {found[column.name]}",
            )
    return found


def _table(table: Table, work: _Work, constraints: ConstraintNamer) -> Table:
    """Translate one table."""
    name, columns = work.names[table.name], work.columns[table.name]
    bare = _bare_columns(table, work)
    adopted = Table(
        name=name,
        columns=bare,
        primary_key=tuple(columns[c] for c in table.primary_key),
        comment=table.comment if work.rules.comments != "none" else None,
    )
    if table.comment and work.rules.comments == "none":
        work.lose(f"comment of {table.name}", "the target has no comments", "left out")
    if table.options:
        work.lose(f"options of {table.name}", "they are another dialect's", "left out")
    adopted = replace(adopted, columns=_with_expressions(table, adopted, work))

    def name_for(kind: str, wanted: str) -> str:
        given = constraints.take(name, kind, wanted)
        if given != wanted:
            what = f"{kind} {table.name}.{wanted}"
            work.lose(what, "the name is taken or too long", f"named {given}")
        return given

    return replace(
        adopted,
        primary_key_name=table.primary_key_name and name_for("primary key", table.primary_key_name),
        uniques=tuple(
            replace(u, name=name_for("unique", u.name)) for u in _uniques(table, adopted, work)
        ),
        checks=tuple(
            replace(c, name=name_for("check", c.name)) for c in _checks(table, adopted, work)
        ),
        foreign_keys=tuple(
            replace(k, name=name_for("foreign key", k.name)) for k in _foreign_keys(table, work)
        ),
        indexes=tuple(replace(i, name=name_for("index", i.name)) for i in _indexes(table, work)),
    )


def _bare_columns(table: Table, work: _Work) -> tuple[Column, ...]:
    """Translate names and types; defaults and generated expressions come later."""
    adopted = []
    for column in table.columns:
        what = f"column {table.name}.{column.name}"
        sql_type, lost = work.native_type(table, column)
        if lost:
            work.lose(what, lost, f"held as {sql_type.native}")
        if column.collation:
            work.lose(f"collation of {what}", "collations do not travel", "the target's default")
        if column.comment and work.rules.comments == "none":
            work.lose(f"comment of {what}", "the target has no comments", "left out")
        held = Column(
            name=work.columns[table.name][column.name],
            type=sql_type,
            is_nullable=column.is_nullable,
            identity=_identity(column, what, work),
            comment=column.comment if work.rules.comments != "none" else None,
        )
        if detail := identity_detail(column, held):
            work.lose(f"identity of {what}", detail, f"numbered {held.identity}")
        adopted.append(held)
    return tuple(adopted)


def _identity(column: Column, what: str, work: _Work) -> IdentityKind | None:
    """Keep the identity's kind, or take the first kind that the target has."""
    if column.identity is None or column.identity in work.rules.identity:
        return column.identity
    for kind in _IDENTITIES:
        if kind in work.rules.identity:
            return kind
    work.lose(f"identity of {what}", "the target has none", "an ordinary column")
    return None


def _with_expressions(table: Table, adopted: Table, work: _Work) -> tuple[Column, ...]:
    """Add defaults and generated expressions, one by one, as far as the target takes them."""
    finished = []
    for source, column in zip(table.columns, adopted.columns, strict=True):
        what = f"column {table.name}.{source.name}"
        if source.generated is not None:
            finished.append(_generated(source, column, table, adopted, work))
        elif source.default is not None and column.identity is None and source.identity is None:
            default = _default(source, column, table, adopted, work)
            if default is None:
                work.lose(f"default of {what}", "the target has no such expression", "no default")
            finished.append(replace(column, default=default))
        else:
            finished.append(column)
    return tuple(finished)


def _generated(source: Column, column: Column, table: Table, adopted: Table, work: _Work) -> Column:
    what = f"generated column {table.name}.{source.name}"
    text = _translated(source.generated or "", table, work)
    is_stored = (
        source.is_stored
        if work.rules.virtual and work.rules.stored
        else (work.rules.stored is not None)
    )
    if text is not None:
        candidate = replace(column, generated=text, is_stored=is_stored)
        if _is_accepted(_probe(adopted, source.generated or "", table, work, [candidate]), work):
            if is_stored != source.is_stored:
                work.lose(what, "the target has the other kind only", _KIND[is_stored])
            return candidate
    work.lose(what, "the target has no such expression", "an ordinary column that stays empty")
    return replace(column, is_nullable=True)


def _default(
    source: Column, column: Column, table: Table, adopted: Table, work: _Work
) -> str | None:
    text = _translated(source.default or "", table, work)
    if text is not None and column.type.kind == "boolean":
        text = _BOOLEANS.get(text.strip("'()"), text)
    if text is None:
        return None
    probe = _probe(adopted, "", table, work, [replace(column, default=text)])
    return text if _is_accepted(probe, work) else None


def _uniques(table: Table, adopted: Table, work: _Work) -> list[Unique]:
    columns, kept = work.columns[table.name], []
    for unique in table.uniques:
        what = f"unique {table.name}.{unique.name}"
        plain = replace(unique, columns=tuple(columns[c] for c in unique.columns))
        if unique.nulls_not_distinct and not work.rules.nulls_not_distinct:
            work.lose(what, "the target counts NULLs as distinct", "an ordinary unique")
            plain = replace(plain, nulls_not_distinct=False)
        if unique.predicate is None:
            kept.append(plain)
            continue
        text = _translated(unique.predicate, table, work) if work.rules.partial_indexes else None
        if text is not None:
            plain = replace(plain, predicate=text)
            probe = _probe(adopted, unique.predicate, table, work, also=unique.columns)
            if _is_accepted(probe, work, plain):
                kept.append(plain)
                continue
        work.lose(what, "the target has no such partial index", "left out")
    return kept


def _checks(table: Table, adopted: Table, work: _Work) -> list[Check]:
    columns, kept = work.columns[table.name], []
    for check in (*table.checks, *table.conditions, *_label_checks(table, adopted, work)):
        text = _translated(check.expression, table, work)
        named = check.columns or mentioned(check.expression, work.source, columns)
        if text is not None:
            translated = Check(
                name=check.name, expression=text, columns=tuple(columns[c] for c in named)
            )
            probe = _probe(adopted, check.expression, table, work)
            if _is_accepted(replace(probe, checks=(translated,)), work):
                kept.append(translated)
                continue
        work.lose(
            f"check {table.name}.{check.name}", "the target has no such expression", "left out"
        )
    return kept


def _label_checks(table: Table, adopted: Table, work: _Work) -> list[Check]:
    """Checks, in the source's dialect, of enumerations that the target holds as text."""
    found = []
    for source, column in zip(table.columns, adopted.columns, strict=True):
        is_text = source.type.kind == "enum" and column.type.kind == "string"
        if is_text and source.type.labels and source.generated is None:
            labels = ", ".join(queries.literal(work.source, label) for label in source.type.labels)
            quoted = queries.identifier(work.source, source.name)
            name = f"{table.name.name}_{source.name}_check"
            found.append(
                Check(name=name, expression=f"{quoted} IN ({labels})", columns=(source.name,))
            )
    return found


def _foreign_keys(table: Table, work: _Work) -> list[ForeignKey]:
    kept = []
    for key in table.foreign_keys:
        what, rules = f"foreign key {table.name}.{key.name}", work.rules
        columns, parents = work.columns[table.name], work.columns[key.parent]
        is_declared = key.is_declared and rules.declares_foreign_keys
        if is_declared != key.is_declared:
            work.lose(what, "the target declares no foreign keys", "kept in the data, verified")
        elif is_declared and not refers_to_unique(key, work.schema):
            is_declared = rules.dialect == "mysql"
            if not is_declared:
                reason = "the columns that it refers to are not unique"
                work.lose(what, reason, "kept in the data, verified")
        for action in sorted({key.on_delete, key.on_update}):
            if action not in rules.actions:
                work.lose(what, f"the target has no {action}", "NO ACTION")
        if key.is_deferrable and not rules.deferrable:
            work.lose(what, "the target cannot defer it", "checked at once")
        if key.match_full and not rules.match_full:
            work.lose(what, "the target has no MATCH FULL", "MATCH SIMPLE")
        pairs = in_unique_order(key, work.schema.table(key.parent))
        kept.append(
            replace(
                key,
                child=work.names[key.child],
                columns=tuple(columns[c] for c, _ in pairs),
                parent=work.names[key.parent],
                parent_columns=tuple(parents[p] for _, p in pairs),
                on_delete=key.on_delete if key.on_delete in rules.actions else "NO ACTION",
                on_update=key.on_update if key.on_update in rules.actions else "NO ACTION",
                is_deferrable=key.is_deferrable and rules.deferrable,
                is_initially_deferred=key.is_initially_deferred and rules.deferrable,
                match_full=key.match_full and rules.match_full,
                is_declared=is_declared,
                when=key.when and replace(key.when, column=columns[key.when.column]),
            )
        )
    return kept


def _indexes(table: Table, work: _Work) -> list[Index]:
    """Keep plain indexes over columns; what a definition says beyond that is lost."""
    columns, kept = work.columns[table.name], []
    for index in table.indexes:
        what, definition = f"index {table.name}.{index.name}", index.definition or ""
        is_special = bool(_SPECIAL_INDEX.search(definition))
        if not index.columns or index.is_unique or is_special:
            work.lose(what, "the target has no such index", "left out")
            continue
        if _PARTIAL_INDEX.search(definition):
            work.lose(what, "its condition does not travel", "over all rows")
        elif detail := index_detail(index):
            work.lose(what, detail, "over its plain columns")
        kept.append(Index(name=index.name, columns=tuple(columns[c] for c in index.columns)))
    return kept


def _enums(tables: Collection[Table]) -> tuple[EnumType, ...]:
    """Collect the named enums that the adopted columns use."""
    found = {
        c.type.enum_name: EnumType(name=c.type.enum_name, labels=c.type.labels)
        for t in tables
        for c in t.columns
        if c.type.enum_name is not None
    }
    return tuple(found[name] for name in sorted(found))


def _translated(expression: str, table: Table, work: _Work) -> str | None:
    try:
        return translate(expression, work.source, work.rules.dialect, work.columns[table.name])
    except UntranslatableError:
        return None


def _probe(
    adopted: Table,
    expression: str,
    table: Table,
    work: _Work,
    columns: Collection[Column] = (),
    *,
    also: Collection[str] = (),
) -> Table:
    """Make a table with `columns` and the columns that a source expression names, to be tried."""
    renamed = work.columns[table.name]
    wanted = {renamed[c] for c in (*mentioned(expression, work.source, renamed), *also)}
    wanted -= {c.name for c in columns}
    others = [replace(c, identity=None) for c in adopted.columns if c.name in wanted]
    return Table(name=_PROBE, columns=tuple(_plain(c) for c in (*others, *columns)))


def _plain(column: Column) -> Column:
    """Make a column fit for a temporary table: named enums do not exist yet."""
    if column.type.enum_name is None:
        return column
    return replace(column, type=replace(column.type, native="text", enum_name=None))


def _is_accepted(probe: Table, work: _Work, unique: Unique | None = None) -> bool:
    if work.accepts is None:
        return True
    statement = create_table(probe, work.rules, inline={"check"}, temporary=True)
    if unique is not None:
        statement += ";" + create_unique_index(probe, unique, work.rules)
    return work.accepts(statement)
