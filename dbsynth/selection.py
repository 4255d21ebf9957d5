"""Which tables a run is about: globs that include and exclude, and the parents they need."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from dbsynth.config import matches, near
from dbsynth.errors import UsageError
from dbsynth.schema import Schema, TableName


def select(
    schema: Schema, include: Sequence[str] = (), exclude: Sequence[str] = ()
) -> tuple[Schema, tuple[str, ...]]:
    """
    Keep the tables that the globs ask for, and every table that those refer to.

    Args:
        schema: the whole source.
        include: globs on name or schema.name; none: all tables.
        exclude: globs; they win over `include`.

    Returns:
        the smaller schema and a note for each thing that was added or left out unasked.

    Raises:
        UsageError: a glob matches nothing, nothing is left, or an excluded table is referred to.
        PermissionDeniedError: this user cannot read all of what is kept.
    """
    if not schema.tables:
        raise UsageError(
            "the source has no tables",
            "Check the database's name, and that its user may see the tables.",
        )
    names = [t.name for t in schema.tables]
    _require_matches(names, (*include, *exclude))
    excluded = {n for n in names if any(matches(n, p) for p in exclude)}
    wanted = {n for n in names if not include or any(matches(n, p) for p in include)} - excluded
    if not wanted:
        raise UsageError(
            f"the selection leaves none of the {len(names)} tables", "Widen --tables or --exclude."
        )
    kept = _with_parents(schema, wanted)
    _refuse_excluded_parents(schema, kept, excluded)
    notes = [f"{n}: added, because a selected table refers to it" for n in sorted(kept - wanted)]
    later = [o.kind for o in schema.objects if not o.before_tables]
    if later and len(kept) < len(names):
        kinds = ", ".join(sorted(set(later)))
        notes.append(
            f"of {len(later)} objects ({kinds}), those that need other tables are left out"
        )
    chosen = restrict(schema, kept)
    chosen.require_readable(_reasons(schema, kept, wanted))
    return chosen, tuple(notes)


def restrict(schema: Schema, kept: Collection[TableName]) -> Schema:
    """Drop all other tables, and the views and the like that may depend on them."""
    if all(t.name in kept for t in schema.tables):
        return schema
    return replace(
        schema,
        tables=tuple(t for t in schema.tables if t.name in kept),
        objects=tuple(o for o in schema.objects if o.before_tables),
    )


def _require_matches(names: Sequence[TableName], patterns: Sequence[str]) -> None:
    known = [str(n) for n in names] + [n.name for n in names]
    problems = [
        f"{pattern!r} matches no table{near(pattern, known)}"
        for pattern in patterns
        if not any(matches(n, pattern) for n in names)
    ]
    if problems:
        raise UsageError(
            "a table pattern matches nothing",
            "Run `dbsynth inspect` on the source to see its tables.",
            problems,
        )


def _with_parents(schema: Schema, wanted: set[TableName]) -> set[TableName]:
    """Close a set of tables under "refers to"."""
    kept: set[TableName] = set()
    open_ = list(wanted)
    while open_:
        name = open_.pop()
        if name not in kept:
            kept.add(name)
            open_ += [
                k.parent for k in schema.table(name).foreign_keys if k.parent in schema.by_name
            ]
    return kept


def _reasons(schema: Schema, kept: set[TableName], wanted: set[TableName]) -> dict[TableName, str]:
    """For tables that are kept unasked, which one refers to them."""
    keys = [k for n in sorted(kept, reverse=True) for k in schema.table(n).foreign_keys]
    return {k.parent: f"{k.child} refers to it" for k in keys if k.parent not in wanted}


def _refuse_excluded_parents(
    schema: Schema, kept: set[TableName], excluded: set[TableName]
) -> None:
    problems = [
        f"{key.child} needs {key.parent} ({key.name})"
        for name in sorted(kept - excluded)
        for key in schema.table(name).foreign_keys
        if key.parent in excluded
    ]
    if problems:
        missing = sorted({str(n) for n in kept & excluded})
        raise UsageError(
            f"excluded tables are referred to: {', '.join(missing)}",
            "Exclude the tables that need them too, or give the parent `mode: empty` where "
            "its keys may be NULL.",
            problems,
        )
