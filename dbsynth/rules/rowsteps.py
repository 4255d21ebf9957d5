"""Read from the text of a rule how a row can be made to keep it; what is not understood is left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from dbsynth.expressions import UntranslatableError, parse
from dbsynth.rules.book import Rule
from dbsynth.rules.words import bare_word, flattened
from dbsynth.rules.writing import SPANS, spanned
from dbsynth.schema import Table

if TYPE_CHECKING:
    from sqlglot import exp

_NUMBERS = ("integer", "decimal", "float")


@dataclass(frozen=True, slots=True)
class Step:
    """
    One way to make rows keep a rule; SQL is DuckDB's, over the table's own columns.

    set: `column` is `value`, where both are there; fix: the same, with some labels only.
    begin: `column` begins with `value`.
    void: `column` is NULL where `value` is not true, and, `is_mutual`, not NULL where it is.
    fill: `column` is not NULL where `value` is true.
    follow: `column` has one value for each of `of`.  raise: `column` is at least `of`; lower: at
    most; share: the same, and as large a part of it as it was.  swap: the same, by exchanging the
    two.  lead: `column` is one from which `of` follows.  Only where `value` is true, where a raise
    or a lower has one.
    """

    act: Literal[
        "set", "fix", "begin", "void", "fill", "follow", "lead", "raise", "lower", "share", "swap"
    ]
    column: str
    of: tuple[str, ...]  # the columns that decide
    value: str = ""
    is_mutual: bool = False  # the other way round, too
    is_shared: bool = False  # follow: something leads to each value, however rare
    along: tuple[str, ...] = ()  # lead: all that goes with the two, if nothing else helps
    is_folded: bool = False  # set: no farther away than bounds allow, by its own value


def steps(
    rules: Iterable[Rule],
    table: Table,
    fixed: frozenset[str],
    loose: frozenset[str] = frozenset(),
) -> tuple[Step, ...]:
    """
    Find how rows of a table can keep rules, in an order in which no step undoes another.

    Args:
        rules: of any tables.
        table: the one whose rows are made; `widened`, if rules name columns of rows above.
        fixed: columns that may not change: keys, what is unique, what has no value yet.
        loose: keys to rows that are made: nothing was learned of what goes with a single one.
    """
    found = _found(rules, table, fixed)
    told, sets = _sets(found, fixed)
    derived = {s.column for s in (*told, *sets)}
    every = [s for s in found if s.act == "follow"]
    follows = _follows(every, derived, fixed, loose)
    leads = _leads(every, follows, derived | fixed, {s.column for s in told})
    # What leads has its own say first, so that what decides in the end is like what was learned.
    first = [
        Step("follow", s.of[0], (s.column,), is_shared=True)
        for s in leads
        if s.of[0] not in derived
    ]
    # Followers are there before anything else is decided by them, derived values only after it.
    settled = derived | {c for s in follows for c in (s.column, *s.of)}
    rest = [s for s in found if s.act in ("fix", "void", "fill", "raise", "lower")]
    free = [
        s for s in rest
        if s.act in ("void", "fill") or (s.column not in settled and not derived & set(s.of))
    ]  # fmt: skip
    voids, again = _voids(free, follows)
    again = [*leads, *follows, *again] if leads else again
    fixes = _acyclic([s for s in free if s.act == "fix"], once=False)
    raises = _acyclic([s for s in free if s.act == "raise"], once=False)
    raises = [_exchanged(s, free, table, fixed) for s in raises]
    lowers = [s for s in free if s.act == "lower"]
    early, bounds = _bounds(rest, [*free, *raises], told, sets, settled, fixed)
    rest = [s for s in rest if s not in (*free, *raises, *early, *bounds)]
    sets = _between(rest, table, told, sets, fixed)
    begins = [s for s in found if s.act == "begin" and s.column not in derived]
    filled = {s.column for s in voids if s.act == "fill" or s.is_mutual}
    folded = [s for s in told if s.is_folded and s.column in filled]
    return (
        *early, *told, *first, *follows, *voids, *folded, *again, *fixes, *raises, *lowers, *sets,
        *bounds, *begins,
    )  # fmt: skip


def _found(rules: Iterable[Rule], table: Table, fixed: frozenset[str]) -> list[Step]:
    """What each rule that has no exceptions asks for, as far as it is understood."""
    own = [
        r for r in rules
        if r.table == table.name and r.status != "rejected" and not r.exceptions
    ]  # fmt: skip
    found = [step for rule in own if (step := _step(rule.text, table, fixed)) is not None]
    return [s for s in found if s.column not in fixed]


def _sets(found: list[Step], fixed: frozenset[str]) -> tuple[list[Step], list[Step]]:
    """What is calculated: from rows above, before anything else is decided; and from the row."""
    sets = _acyclic([s for s in found if s.act == "set"])
    told = [s for s in sets if set(s.of) <= fixed]
    sets = [s for s in sets if s not in told]
    # Rows above agree with each other, but some rows lack one of them.
    known = {s.column for s in told}
    told += [
        s for s in found
        if s.act == "set" and s.column in known and set(s.of) <= fixed and s not in told
    ]  # fmt: skip
    return told, sets


def _follows(
    every: list[Step], derived: set[str], fixed: frozenset[str], loose: frozenset[str]
) -> list[Step]:
    """The dependencies that can be kept, in the order in which they decide."""
    follows = [s for s in every if s.column not in derived]
    # What cannot change decides first, for others can be chosen so that the same follows.
    follows.sort(key=lambda s: (not fixed.issuperset(s.of), s.of[0] in loose))
    return _acyclic(_mutual(follows))


def _voids(free: list[Step], follows: list[Step]) -> tuple[list[Step], list[Step]]:
    """What is emptied and filled, and what has its say again after it."""
    # What is empty together comes last, so that what empties one of them empties the others.
    mutual = _acyclic([s for s in free if s.act == "void" and s.is_mutual])
    fills = [s for s in free if s.act == "fill"]
    voids = [s for s in free if s.act == "void" and not s.is_mutual] + fills + mutual
    # What voids fill comes from other rows, so followers have their say again, and then voids.
    again = [*follows, *voids] if (mutual or fills) and follows else []
    return voids, again


def _bounds(
    rest: list[Step], done: list[Step], told: list[Step], sets: list[Step], settled: set[str],
    fixed: frozenset[str],
) -> tuple[list[Step], list[Step]]:  # fmt: skip
    """Orderings that are not `done`: before rows above decide, and after all else is decided."""
    orderings = [s for s in rest if s.act in ("raise", "lower")]
    above, decided = {s.column for s in told}, {c for s in sets for c in s.of}
    # What rows above decide may be left open by some of them; there bounds have their say.
    decisive = (settled | decided) - (above - decided)
    late = [_turned(s, decisive, fixed) for s in orderings]
    bounds = [s for s in late if s is not None and s not in done]
    # Nothing else follows from these columns, so they can be bounded first.
    early = [
        s for s in orderings
        if s not in done + bounds and set(s.of) <= fixed and s.column in above
    ]  # fmt: skip
    return early, bounds


def _between(
    rest: list[Step], table: Table, told: list[Step], sets: list[Step], fixed: frozenset[str]
) -> list[Step]:
    """Calculated values, and orderings of them, before what follows from these in turn."""
    opened = {s.column: _is_open(s, table) for s in reversed([*told, *sets])}
    found = []
    for step in (s for s in rest if s.act in ("raise", "lower") and len(s.of) == 1):
        low, high = (step.of[0], step.column) if step.act == "raise" else (step.column, step.of[0])
        is_number = all(table.column(c).type.kind in _NUMBERS for c in (low, high))
        if is_number and high in opened and low not in {*opened, *fixed}:
            found.append(Step("share", low, (high,)))
        if low in opened:
            found.append(Step("lower", low, (high,), opened[low]))
        if high in opened:
            found.append(Step("raise", high, (low,), opened[high]))
    ordered = _acyclic([*sets, *found], once=False)
    first = {s.column: s for s in reversed(ordered) if s.act == "share"}
    is_first = [s.act != "share" or first[s.column] is s for s in ordered]
    return [s if f else replace(s, act="lower") for s, f in zip(ordered, is_first, strict=True)]


def _is_open(step: Step, table: Table) -> str:
    """Where nothing calculates a column, for something that it needs is not there."""
    places = {c.name: i for i, c in enumerate(table.written_columns)}
    return " OR ".join(f"c{places[name]} IS NULL" for name in step.of)


def order_pairs(rules: Iterable[Rule], table: Table) -> list[tuple[str, str]]:
    """The columns of which the first is never more than the second, as far as rules say so."""
    from sqlglot import exp

    found = []
    for rule in rules:
        if rule.table != table.name or rule.status == "rejected" or rule.exceptions:
            continue
        try:
            tree = flattened(parse(rule.text, "duckdb")) if "->" not in rule.text else None
        except UntranslatableError:
            continue
        if isinstance(tree, exp.LTE | exp.GTE) and _is_plain(tree, table):
            low, high = tree.this, tree.expression
            if isinstance(low, exp.Column) and isinstance(high, exp.Column):
                pair = (low.name, high.name)
                found.append(pair if isinstance(tree, exp.LTE) else pair[::-1])
    return list(dict.fromkeys(found))


def _leads(
    every: list[Step], follows: list[Step], bound: set[str] | frozenset[str], told: set[str]
) -> list[Step]:
    """The dependencies that have to give way on their left side, for the right one is decided."""
    decided = {s.column for s in follows}
    of = [s for s in every if not any(k.column == s.column and k.of == s.of for k in follows)]
    return [
        Step("lead", s.of[0], (s.column,), along=_along(every, s.column, bound | told))
        for s in of
        if len(s.of) == 1 and not s.is_mutual and s.of[0] not in bound | decided
        and (s.column in decided or s.column in told)
    ]  # fmt: skip


def _along(every: list[Step], start: str, bound: set[str] | frozenset[str]) -> tuple[str, ...]:
    """The columns that depend on each other, from one on; none if one of them may not change."""
    known, before = {start}, 0
    while len(known) > before:
        before = len(known)
        known |= {c for s in every if known & {s.column, *s.of} for c in (s.column, *s.of)}
    return () if known & bound else tuple(sorted(known))


def _turned(step: Step, decisive: set[str], fixed: frozenset[str]) -> Step | None:
    """Move the end of an ordering that nothing else depends on, after all else is done."""
    if len(step.of) != 1:
        return None
    other = step.of[0]
    if step.column not in decisive:
        return step
    if other in decisive or other in fixed:
        return None
    return Step("lower" if step.act == "raise" else "raise", other, (step.column,))


def _exchanged(step: Step, others: list[Step], table: Table, fixed: frozenset[str]) -> Step:
    """Exchange two numbers that no other rule is about, so that both stay as frequent as drawn."""
    pair = {step.column, *step.of}
    is_alone = not any(pair & {s.column, *s.of} for s in others if s is not step)
    one, other = (table.column(c).type for c in (step.column, step.of[0]))
    is_number = one.kind in _NUMBERS and replace(one, native="") == replace(other, native="")
    return replace(step, act="swap") if is_alone and is_number and not pair & fixed else step


def _mutual(found: list[Step]) -> list[Step]:
    """Mark the dependencies that go both ways."""
    pairs = {(s.of, s.column) for s in found if len(s.of) == 1}
    return [replace(s, is_mutual=((s.column,), s.of[0]) in pairs) for s in found]


def _acyclic(found: list[Step], *, once: bool = True) -> list[Step]:
    """Order steps so that what decides comes first; leave out what would go in a circle."""
    kept: list[Step] = []
    for step in found:
        if once and any(k.column == step.column for k in kept):
            continue
        if not _reaches(kept, step.column, set(step.of)):
            kept.append(step)
    ordered: list[Step] = []
    while kept:
        later = {s.column for s in kept}
        ready = [s for s in kept if not later & (set(s.of) - {s.column})]
        ordered += ready
        kept = [s for s in kept if s not in ready]
    return ordered


def _reaches(kept: list[Step], start: str, goals: set[str]) -> bool:
    """Whether one of the goals depends, step by step, on a column."""
    known, todo = {start}, [start]
    while todo:
        column = todo.pop()
        for step in kept:
            if column in step.of and step.column not in known:
                known.add(step.column)
                todo.append(step.column)
    return bool(known & goals)


def _step(text: str, table: Table, fixed: frozenset[str]) -> Step | None:
    if "->" in text:
        return _follow(text, table)
    try:
        tree = parse(text, "duckdb")
    except UntranslatableError:
        return None
    tree = flattened(tree)
    return _of_tree(tree, table, fixed) if _is_plain(tree, table) else None


def _follow(text: str, table: Table) -> Step | None:
    left, _, right = text.partition("->")
    found = [bare_word(part) for part in (*left.split(","), right)]
    names = {c.name for c in table.written_columns}
    return Step("follow", found[-1], tuple(found[:-1])) if set(found) <= names else None


def _is_plain(tree: exp.Expr, table: Table) -> bool:
    """Whether an expression is about the row's own columns alone."""
    from sqlglot import exp

    if any(tree.find(k) is not None for k in (exp.Window, exp.AggFunc, exp.Select)):
        return False
    names = {c.name for c in table.written_columns}
    return all(not c.table and c.name in names for c in tree.find_all(exp.Column))


def _of_tree(tree: exp.Expr, table: Table, fixed: frozenset[str]) -> Step | None:
    from sqlglot import exp

    if isinstance(tree, exp.EQ):
        return _together(tree, table, fixed) or _equation(tree, table, fixed)
    if isinstance(tree, exp.Between):
        return _within(tree, table, fixed)
    if isinstance(tree, exp.LTE | exp.GTE):
        low, high = tree.this, tree.expression
        low, high = (high, low) if isinstance(tree, exp.GTE) else (low, high)
        if isinstance(low, exp.Column) and isinstance(high, exp.Column):
            if high.name in fixed:
                return Step("lower", low.name, (high.name,))
            return Step("raise", high.name, (low.name,))
    if isinstance(tree, exp.StartsWith) and isinstance(tree.this, exp.Column):
        return _made("begin", tree.this.name, tree.expression, table)
    if isinstance(tree, exp.Or):
        column = _nothing(tree.this)
        only = tree.this
        if isinstance(only, exp.Not) and (filled := _nothing(only.this)) is not None:
            return _made("fill", filled, exp.Not(this=exp.Paren(this=tree.expression)), table)
        if isinstance(only, exp.EQ) and isinstance(only.this, exp.Column):
            here = exp.Case().when(exp.Not(this=tree.expression.copy()), only.expression.copy())
            return _made("fix", only.this.name, here, table)
        if column is not None:
            return _made("void", column, tree.expression, table)
    return None


def _together(tree: exp.Expr, table: Table, fixed: frozenset[str]) -> Step | None:
    """The one of two columns that may change, where both are NULL or neither."""
    from sqlglot import exp

    sides = [s.this if isinstance(s, exp.Paren) else s for s in (tree.this, tree.expression)]
    names = [_nothing(s) for s in sides]
    if None in names:
        return None
    if names[0] in fixed:
        names, sides = names[::-1], sides[::-1]
    made = _made("void", str(names[0]), exp.Not(this=exp.Paren(this=sides[1].copy())), table)
    return made and replace(made, is_mutual=True)


def _equation(tree: exp.Expr, table: Table, fixed: frozenset[str]) -> Step | None:
    from sqlglot import exp

    left, right = tree.this, tree.expression
    bare = left.this if isinstance(left, exp.Paren) else left
    if isinstance(bare, exp.Not) and (column := _nothing(bare.this)) is not None:
        made = _made("void", column, right, table)
        return made and replace(made, is_mutual=True)
    if _is_span(left, "days_between", "seconds_between"):
        return _later(left, right, local_sql(right, table), table, fixed)
    if isinstance(left, exp.Column) and isinstance(right, exp.Column) and left.name in fixed:
        left, right = right, left
    if isinstance(left, exp.Column) and left.name not in _named(right):
        return _made("set", left.name, right, table)
    return None


def _is_span(tree: exp.Expr, *names: str) -> bool:
    """Whether an expression is the days, or the seconds, between two columns."""
    from sqlglot import exp

    is_named = isinstance(tree, exp.Anonymous) and tree.name.lower() in names
    return is_named and all(isinstance(e, exp.Column) for e in tree.expressions)


def _later(
    span: exp.Expr, decides: exp.Expr, size: str, table: Table, fixed: frozenset[str]
) -> Step:
    """The later of two moments by the earlier; a date by the moment whose day it is."""
    ends = span.expressions
    start, end = (e.name for e in ends)
    kinds = [table.column(name).type.kind for name in (start, end)]
    is_days = span.name.lower() == "days_between"
    step = f"to_days(CAST({size} AS integer))" if is_days else f"to_seconds({size})"
    if (kinds[0] == "date" and kinds[1] != "date") or (end in fixed and start not in fixed):
        value = f"CAST({local_sql(ends[1], table)} AS timestamp) - {step}"
        return Step("set", start, (end, *_named(decides)), value)
    value = f"CAST({local_sql(ends[0], table)} AS timestamp) + {step}"
    return Step("set", end, (start, *_named(decides)), value)


def _within(tree: exp.Expr, table: Table, fixed: frozenset[str]) -> Step | None:
    """A distance that is kept within bounds: what lies outside is folded back."""
    low, high = (_whole(tree.args[name]) for name in ("low", "high"))
    if low is None or high is None or not _is_span(tree.this, "days_between"):
        return None
    a, b = (f"CAST({local_sql(e, table)} AS date)" for e in tree.this.expressions)
    gap, size = f"date_diff('day', {a}, {b})", high - low + 1
    days = f"{low} + (({gap} - {low}) % {size} + {size}) % {size}"
    return replace(_later(tree.this, tree.args["low"], days, table, fixed), is_folded=True)


def _whole(tree: exp.Expr) -> int | None:
    """The whole number that is written, with its sign; None for anything else."""
    from sqlglot import exp

    is_below = isinstance(tree, exp.Neg)
    digits = tree.this.name if is_below else tree.name
    return (-1 if is_below else 1) * int(digits) if digits.isdigit() else None


def _nothing(tree: exp.Expr) -> str | None:
    """The column that `column IS NULL` is about."""
    from sqlglot import exp

    is_null = isinstance(tree, exp.Is) and isinstance(tree.expression, exp.Null)
    return tree.this.name if is_null and isinstance(tree.this, exp.Column) else None


def _made(
    act: Literal["set", "fix", "begin", "void", "fill"], column: str, value: exp.Expr, table: Table
) -> Step | None:
    return Step(act, column, _named(value), local_sql(value, table)) if _named(value) else None


def _named(tree: exp.Expr) -> tuple[str, ...]:
    from sqlglot import exp

    return tuple(dict.fromkeys(c.name for c in tree.find_all(exp.Column)))


def local_sql(tree: exp.Expr, table: Table) -> str:
    """Write an expression over c0, c1 …; numbers are calculated as floats."""
    from sqlglot import exp

    places = {c.name: i for i, c in enumerate(table.written_columns)}
    root = exp.Paren(this=tree.copy())
    for column in list(root.find_all(exp.Column)):
        place: exp.Expr = exp.column(f"c{places[column.name]}")
        if table.column(column.name).type.kind in _NUMBERS:
            place = exp.cast(place, "DOUBLE")
        column.replace(place)
    for node in list(root.find_all(exp.Anonymous)):
        if node.name.lower() in SPANS:
            given = [e.sql(dialect="duckdb") for e in node.expressions]
            node.replace(exp.Var(this=spanned(node.name.lower(), *given)))
    return str(root.this.sql(dialect="duckdb"))
