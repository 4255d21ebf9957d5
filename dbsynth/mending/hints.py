"""Read off a check's expression which moves may make a broken row keep it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbsynth.mending.draft import Unit
from dbsynth.mending.localsql import LocalSql
from dbsynth.mending.moves import (
    Assign,
    Beyond,
    Blank,
    BorrowSome,
    Choose,
    Fill,
    Move,
    SomeOf,
    Spell,
    Swap,
    SwapKeys,
)
from dbsynth.regexes import UnknownPatternError, glob_to_regex, like_to_regex, parse_pattern
from dbsynth.schema import Column

if TYPE_CHECKING:
    from sqlglot import exp

_MOMENTS = ("date", "timestamp", "timestamptz")
# Functions of which some argument gives the wanted value: the value itself.
_SEEN_THROUGH = ("Round", "Abs", "Floor", "Ceil", "Coalesce", "Lower", "Upper", "Trim")
_ORDERED = ("integer", "decimal", "float", "time", *_MOMENTS)


@dataclass(frozen=True)
class Hints:
    """The moves for conditions of one table."""

    local: LocalSql
    units: Mapping[str, Unit]  # by column: what changes with it; fixed columns are missing

    def moves(self, tree: exp.Expr) -> Iterator[Move]:
        """
        List moves for a condition, those that change least first.

        Args:
            tree: of `LocalSql.parse`; a condition that broken rows do not keep.
        """
        used = [c for c in self.local.columns_of(tree) if c in self.units]
        units = tuple(dict.fromkeys(self.units[c] for c in used if not self.units[c].is_fixed))
        if not used:
            return
        for node in tree.walk():
            yield from self._of_node(node)
        optional = tuple(u for u in units if u.is_nullable and self._is_tested(tree, u))
        if len(optional) > 1:
            yield SomeOf(optional)
        if units:
            yield BorrowSome(units)
        if "string" in {self._column(c).type.kind for c in used}:
            yield from (
                Spell(self._column(c), parse_pattern("^[a-z]{8}$"))
                for c in used
                if self._column(c).type.kind == "string"
            )
        yield from (Blank(unit) for unit in units if unit.is_nullable)

    def definition(self, tree: exp.Expr) -> Assign | None:
        """The move that computes a column from others, if the condition defines one."""
        from sqlglot import exp

        node = _unwrapped(tree)
        if not isinstance(node, exp.EQ):
            return None
        for side, other in ((node.this, node.expression), (node.expression, node.this)):
            column = self._movable(_unwrapped(side))
            names = self.local.columns_of(other)
            if column is not None and names and column.name not in names:
                return Assign(column, self.local.sql(other))
        return None

    def _column(self, name: str) -> Column:
        return self.local.table.column(name)

    def _movable(self, node: exp.Expr) -> Column | None:
        """The column that a node is, if it may change by itself."""
        column = self.local.column_at(node)
        if column is None or column.name not in self.units:
            return None
        return None if self.units[column.name].is_key else column

    def _is_tested(self, tree: exp.Expr, unit: Unit) -> bool:
        """Whether the condition asks whether a unit is NULL."""
        from sqlglot import exp

        asked = [self.local.column_at(_unwrapped(n.this)) for n in tree.find_all(exp.Is)]
        asked += [
            self.local.column_at(_unwrapped(c))
            for n in tree.find_all(exp.Coalesce)
            for c in (n.this, *n.expressions)
        ]
        return any(c is not None and c.name in unit.columns for c in asked)

    def _of_node(self, node: exp.Expr) -> Iterator[Move]:
        from sqlglot import exp

        if isinstance(node, exp.EQ | exp.NullSafeEQ):
            yield from self._equal(node)
        elif isinstance(node, exp.GT | exp.GTE):
            yield from self._ordered(node.this, node.expression, 1)
        elif isinstance(node, exp.LT | exp.LTE):
            yield from self._ordered(node.this, node.expression, -1)
        elif isinstance(node, exp.Between):
            yield from self._ordered(node.this, node.args["low"], 1)
            yield from self._ordered(node.this, node.args["high"], -1)
        elif isinstance(node, exp.In):
            column = self._movable(_inmost(node.this))
            if column is not None and node.expressions:
                yield Choose(column, tuple(self.local.sql(v) for v in node.expressions))
        elif isinstance(node, exp.Is):
            yield from self._null(node)
        elif isinstance(node, exp.Column):
            column = self._movable(node)
            if column is not None and column.type.kind == "boolean":
                yield Choose(column, ("true",))
                yield Choose(column, ("false",))
        else:
            yield from self._pattern(node)

    def _null(self, node: exp.Expr) -> Iterator[Move]:
        column = self.local.column_at(_unwrapped(node.this))
        unit = self.units.get(column.name) if column is not None else None
        if unit is None or unit.is_fixed:
            return
        yield Fill(unit)
        if unit.is_nullable:
            yield Blank(unit)

    def _equal(self, node: exp.Expr) -> Iterator[Move]:
        """`column = expression`, also where the column stands inside the expression."""
        for side, other in ((node.this, node.expression), (node.expression, node.this)):
            column = self._movable(_unwrapped(side))
            if column is not None:  # lower(c) = c: what the function gives is its own lower(…)
                yield Assign(column, self.local.sql(other))
            for found, expression, _ in self._solved(side, other, 1):
                yield Assign(found, self.local.sql(expression))
            yield from self._long(side, other, 0)

    def _ordered(self, left: exp.Expr, right: exp.Expr, sign: int) -> Iterator[Move]:
        """`left > right` (sign 1) or `left < right` (-1), strictly or not."""
        yield from self._swapped_keys(_unwrapped(left), _unwrapped(right))
        one, other = self._movable(_unwrapped(left)), self._movable(_unwrapped(right))
        if one is not None and other is not None and one.type == other.type:
            yield Swap(one.name, other.name)
        for side, opposite, direction in ((right, left, -sign), (left, right, sign)):
            for column, expression, turned in self._solved(side, opposite, direction):
                if column.type.kind in _ORDERED:
                    yield Beyond(column, self.local.sql(expression), turned)
                else:
                    yield Assign(column, self.local.sql(expression))
            yield from self._long(side, opposite, direction)

    def _swapped_keys(self, left: exp.Expr, right: exp.Expr) -> Iterator[Move]:
        columns = [self.local.column_at(side) for side in (left, right)]
        units = [self.units.get(c.name) for c in columns if c is not None]
        match units:
            case [Unit(is_key=True) as one, Unit(is_key=True) as other]:
                if one.refers == other.refers and one != other:
                    yield SwapKeys(one, other)

    def _solved(
        self, side: exp.Expr, other: exp.Expr, sign: int
    ) -> Iterator[tuple[Column, exp.Expr, int]]:
        """Solve `side = other` for each movable column that stands in it once."""
        from sqlglot import exp

        side = _unwrapped(side)
        column = self._movable(side)
        if column is not None:
            if column.name not in self.local.columns_of(other):
                yield column, other, sign
            return
        wrapped = _wrapped(other)
        if isinstance(side, exp.Add):
            yield from self._solved(side.this, wrapped - _wrapped(side.expression), sign)
            yield from self._solved(side.expression, wrapped - _wrapped(side.this), sign)
        elif isinstance(side, exp.Sub):
            yield from self._solved(side.this, wrapped + _wrapped(side.expression), sign)
            yield from self._solved(side.expression, _wrapped(side.this) - wrapped, -sign)
        elif isinstance(side, exp.Mul):
            yield from self._solved(side.this, wrapped / _wrapped(side.expression), sign)
            yield from self._solved(side.expression, wrapped / _wrapped(side.this), sign)
        elif isinstance(side, exp.Div):
            yield from self._solved(side.this, wrapped * _wrapped(side.expression), sign)
        elif isinstance(side, exp.Mod):
            rest = exp.Mod(this=_wrapped(side.this), expression=_wrapped(side.expression))
            target = _wrapped(side.this) - _wrapped(rest) + wrapped
            inner = self._movable(_unwrapped(side.this))
            if inner is not None:
                yield inner, target, sign
        elif isinstance(side, exp.Neg):
            yield from self._solved(side.this, exp.Neg(this=wrapped), -sign)
        elif type(side).__name__ in _SEEN_THROUGH:
            yield from self._solved(side.this, other, sign)

    def _long(self, side: exp.Expr, other: exp.Expr, sign: int) -> Iterator[Move]:
        """The length of a text is (0), is at most (-1) or at least (1) so many characters."""
        from sqlglot import exp

        side = _unwrapped(side)
        if not isinstance(side, exp.Length):
            return
        column = self._movable(_inmost(side.this))
        if column is None or column.type.kind != "string":
            return
        text, count = self.local.sql(_inmost(side.this)), self.local.sql(other)
        cut, longer = f"left({text}, ({count})::int)", f"rpad({text}, ({count})::int, 'x')"
        if sign <= 0:
            yield Assign(column, cut)
            yield Assign(column, f"left({text}, ({count})::int - 1)")
        if sign >= 0:
            yield Assign(column, longer)
            yield Assign(column, f"rpad({text}, ({count})::int + 1, 'x')")

    def _pattern(self, node: exp.Expr) -> Iterator[Move]:
        """A text that matches a pattern, or starts with or holds another one."""
        from sqlglot import exp

        if isinstance(node, exp.StrPosition):
            column, literal = self._movable(_inmost(node.this)), node.args["substr"]
            if column is not None:
                text = self.local.sql(_inmost(node.this))
                yield Assign(column, f"{text} || {self.local.sql(literal)} || 'x'")
            return
        regex = _regex_of(node)
        column = self._movable(_inmost(node.this)) if regex is not None else None
        if regex is None or column is None:
            return
        own = self.local.sql(_inmost(node.this))
        yield Assign(column, f"lower({own})")
        yield Assign(column, f"upper({own})")
        yield Assign(column, f"trim({own})")
        yield Assign(column, f"upper(left({own}, 1)) || substring({own}, 2)")
        try:
            yield Spell(column, parse_pattern(regex))
        except UnknownPatternError:
            return


def matched(tree: exp.Expr, local: LocalSql) -> Iterator[tuple[str, str]]:
    """List the columns of a condition that are matched with a pattern, and the pattern's regex."""
    for node in tree.walk():
        text = _regex_of(node)
        column = local.column_at(_inmost(node.this)) if text is not None else None
        if text is not None and column is not None:
            yield column.name, text


def _regex_of(node: exp.Expr) -> str | None:
    """The pattern of a matching operator as a regular expression; None if it is none."""
    from sqlglot import exp

    kinds = (exp.RegexpLike, exp.Like, exp.ILike, exp.Glob, exp.StartsWith)
    literal = (
        _inmost(node.args.get("expression") or exp.null()) if isinstance(node, kinds) else None
    )
    if literal is None or not isinstance(literal, exp.Literal):
        return None
    if isinstance(node, exp.RegexpLike):
        return literal.name
    if isinstance(node, exp.Glob):
        return glob_to_regex(literal.name)
    return like_to_regex(literal.name + ("%" if isinstance(node, exp.StartsWith) else ""))


def _unwrapped(node: exp.Expr) -> exp.Expr:
    """A node without parentheses and casts around it."""
    from sqlglot import exp

    while isinstance(node, exp.Paren | exp.Cast):
        node = node.this
    return node


def _inmost(node: exp.Expr) -> exp.Expr:
    """The column in `lower(trim(column))` and its like."""
    from sqlglot import exp

    while isinstance(node, exp.Paren | exp.Cast | exp.Lower | exp.Upper | exp.Trim):
        node = node.this
    return node


def _wrapped(node: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    return exp.Paren(this=node.copy())
