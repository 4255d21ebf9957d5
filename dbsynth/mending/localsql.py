"""Write a table's expressions so that the in-memory engine can judge rows that are being made."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dbsynth.expressions import UntranslatableError, parse
from dbsynth.regexes import similar_to_regex
from dbsynth.schema import Column, Table

if TYPE_CHECKING:
    from sqlglot import exp

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")
_JSON_KINDS = {
    "OBJECT": "object", "ARRAY": "array", "VARCHAR": "string", "BOOLEAN": "boolean", "NULL": "null",
}  # fmt: skip
_SHARED = frozenset(
    {"age", "isfinite", "gcd", "octet_length"}
)  # functions that sqlglot does not know
_TEXTS = ("string", "enum", "uuid", "json", "other")  # kinds that travel as text
_OPAQUE = ("other", "bytes", "json", "time")  # kinds that keep little of their meaning
_NUMBERS = ("integer", "decimal", "float")
# Words of PostgreSQL's and MySQL's regular expressions that the engine's do not have.
_LOOKAROUND = re.compile(r"\(\?[=!<]|\\[1-9]|\[\[[.=:][<>]")
_AHEAD = re.compile(r"\(\?[=!<][^()]*\)")
_BOUNDARY = re.compile(r"\\[ymM]")


def place(position: int) -> str:
    """Name the column at a position, as the in-memory engine knows it."""
    return f"c{position}"


@dataclass(frozen=True)
class LocalSql:
    """Translates one table's expressions; columns become c0, c1 … by position."""

    table: Table
    dialect: str
    is_hint: bool = False  # what is not understood may stay: nothing is judged by it

    def parse(self, expression: str) -> exp.Expr:
        """
        Parse an expression and rewrite it for the in-memory engine.

        Raises:
            UntranslatableError: what it means there is not certain.
        """
        from sqlglot import exp

        tree = parse(expression, self.dialect)
        kinds = (exp.Select, exp.Command, exp.Dot, exp.Window, exp.Placeholder, exp.Parameter)
        for node in tree.find_all(*kinds):
            if node.find_ancestor(exp.DataType) is None:  # types have schemas, too
                kind = type(node).__name__
                raise UntranslatableError(f"{kind} has no certain counterpart")
        tree = self._rewritten(tree)
        self._refuse(tree)
        return self._placed(tree)

    def _placed(self, tree: exp.Expr) -> exp.Expr:
        """Name columns by position."""
        from sqlglot import exp

        for column in list(tree.find_all(exp.Column)):
            named = exp.column(place(self.places[self._spelled(column)]))
            if column is tree:
                return named
            column.replace(named)
        return tree

    def hinted(self, expression: str) -> exp.Expr:
        """
        Parse an expression as far as it can be, only to see what it is about.

        What nobody here understands becomes TRUE.
        """
        from sqlglot import exp

        try:
            hint = replace(self, is_hint=True)
            return self._placed(hint._rewritten(parse(expression, self.dialect)))
        except UntranslatableError:
            return exp.true()

    def sql(self, tree: exp.Expr) -> str:
        """Write a tree of `parse` as SQL."""
        return str(tree.sql(dialect="duckdb"))

    @property
    def places(self) -> dict[str, int]:
        """The position of every written column."""
        return {c.name: i for i, c in enumerate(self.table.written_columns)}

    def columns_of(self, tree: exp.Expr) -> tuple[str, ...]:
        """Name the columns that a tree of `parse` mentions, in the table's order."""
        from sqlglot import exp

        found = {int(c.name[1:]) for c in tree.find_all(exp.Column)}
        return tuple(c.name for i, c in enumerate(self.table.written_columns) if i in found)

    def column_at(self, node: exp.Expr) -> Column | None:
        """The table's column that a node of `parse` is; None if it is none."""
        from sqlglot import exp

        if not isinstance(node, exp.Column):
            return None
        return self.table.written_columns[int(node.name[1:])]

    def _spelled(self, column: exp.Column) -> str:
        if column.name in self.places:
            return str(column.name)
        folded = {name.casefold(): name for name in self.places}
        name = folded.get(column.name.casefold())
        if name is None:
            raise UntranslatableError(f"no column {column.sql()}")
        return name

    def _refuse(self, tree: exp.Expr) -> None:
        """Refuse what would mean something else: unknown functions, types that are text here."""
        from sqlglot import exp

        for function in tree.find_all(exp.Anonymous):
            if function.name.lower() in _SHARED:
                continue
            raise UntranslatableError(f"{function.name} has no certain counterpart")
        for node in tree.find_all(exp.Column):
            column = self._column(node)
            if column is None or column.type.kind not in _OPAQUE:
                continue
            if not _is_harmless(node, column):
                raise UntranslatableError(f"{column.type.native} is text here")

    def _column(self, node: exp.Expr) -> Column | None:
        from sqlglot import exp

        if not isinstance(node, exp.Column):
            return None
        try:
            return self.table.column(self._spelled(node))
        except (UntranslatableError, KeyError):
            return None

    def _kind(self, node: exp.Expr) -> str:
        """The type kind of a column, through parentheses; "" for anything else."""
        column = self._column(_bare(node))
        return column.type.kind if column is not None else ""

    def _rewritten(self, node: exp.Expr) -> exp.Expr:
        """Rewrite a tree from its leaves up."""
        from sqlglot import exp

        is_whole = isinstance(node, exp.Div) and self._is_whole(node.this, node.expression)
        for name, value in list(node.args.items()):
            if isinstance(value, exp.Expr):
                node.set(name, self._rewritten(value))
            elif isinstance(value, list):
                many = [self._rewritten(v) if isinstance(v, exp.Expr) else v for v in value]
                node.set(name, many)
        if isinstance(node, exp.Div):
            return self._division(node, is_whole=is_whole)
        steps: tuple[tuple[type[exp.Expr], Callable[[Any], exp.Expr]], ...] = (
            (exp.Cast, self._cast),
            (exp.Collate, lambda n: n.this),
            (exp.RegexpLike, self._regex),
            (exp.RegexpILike, self._regex),
            (exp.SimilarTo, self._similar),
            (exp.Like, self._like),
            (exp.Anonymous, _function),
            (exp.EQ, _listed),
            (exp.NEQ, _listed),
        )
        for kind, step in steps:
            if type(node) is kind:
                return self._stepped(node, step)
        return node

    def _stepped(self, node: exp.Expr, step: Callable[[Any], exp.Expr]) -> exp.Expr:
        """Take a step of rewriting; for a hint, what it refuses may stay as it is."""
        try:
            return step(node)
        except UntranslatableError:
            if not self.is_hint:
                raise
            return node

    def _cast(self, cast: exp.Cast) -> exp.Expr:
        """Drop a cast that only names the type that a value has anyway."""
        from sqlglot import exp

        inner: exp.Expr = cast.this
        kind = cast.to.this
        while isinstance(inner, exp.Paren):
            inner = inner.this
        is_sized = bool(cast.to.expressions)
        source = self._kind(inner)
        is_text = isinstance(inner, exp.Literal) and inner.is_string
        if kind in exp.DataType.TEXT_TYPES or kind == exp.DataType.Type.USERDEFINED:
            if is_sized and not is_text:
                raise UntranslatableError("a cast that cuts")
            if is_text or source in _TEXTS or isinstance(inner, exp.Column | exp.Func):
                return inner if is_text or source in _TEXTS or not source else cast
            return cast if kind != exp.DataType.Type.USERDEFINED else inner
        if kind in exp.DataType.NUMERIC_TYPES:
            if is_text and _NUMBER.fullmatch(inner.name):
                return exp.Literal.number(inner.name)
            if isinstance(inner, exp.Literal) and not is_sized:
                return inner
            if kind == exp.DataType.Type.DECIMAL and not is_sized:
                return exp.Cast(this=inner, to=_double()) if source == "string" else inner
            if source in _NUMBERS and not is_sized and _is_wider(source, kind):
                return inner
        return cast

    def _is_whole(self, *nodes: exp.Expr) -> bool:
        """Whether all of these are certainly whole numbers."""
        from sqlglot import exp

        def whole(node: exp.Expr) -> bool:
            if isinstance(node, exp.Cast):
                return node.to.this in exp.DataType.INTEGER_TYPES
            if isinstance(node, exp.Paren | exp.Neg):
                return whole(node.this)
            if isinstance(node, exp.Add | exp.Sub | exp.Mul | exp.Mod | exp.Div):
                return whole(node.this) and whole(node.expression)
            if isinstance(node, exp.Literal):
                return bool(node.is_int)
            return isinstance(node, exp.Length | exp.StrPosition) or self._kind(node) == "integer"

        return all(map(whole, nodes))

    def _division(self, node: exp.Expr, *, is_whole: bool) -> exp.Expr:
        """Divide whole numbers without a rest, as all dialects but MySQL's do."""
        from sqlglot import exp

        if is_whole and self.dialect in ("postgresql", "sqlite"):
            return exp.IntDiv(this=node.this, expression=node.expression)
        return exp.Div(this=node.this, expression=node.expression, typed=False, safe=False)

    def _regex(self, node: exp.Expr) -> exp.Expr:
        from sqlglot import exp

        pattern, flags = _bare(node.expression), node.args.get("flag")
        if isinstance(pattern, exp.Anonymous) and pattern.name.lower().startswith("similar_"):
            return exp.RegexpLike(this=node.this, expression=_similar_literal(pattern))
        is_known = isinstance(pattern, exp.Literal) and not _LOOKAROUND.search(pattern.name)
        if not is_known and not (self.is_hint and isinstance(pattern, exp.Literal)):
            raise UntranslatableError("a regular expression that the engine lacks")
        text = _AHEAD.sub("", _BOUNDARY.sub(r"\\b", pattern.name))
        ignores_case = isinstance(node, exp.RegexpILike) or self._folds(node.this)
        if flags is not None:
            raise UntranslatableError("flags of a regular expression")
        literal = exp.Literal.string(f"(?i){text}" if ignores_case else text)
        return exp.RegexpLike(this=node.this, expression=literal)

    def _similar(self, node: exp.Expr) -> exp.Expr:
        from sqlglot import exp

        pattern = _bare(node.expression)
        if not isinstance(pattern, exp.Literal):
            raise UntranslatableError("a pattern that is no literal")
        return exp.RegexpLike(
            this=node.this, expression=exp.Literal.string(similar_to_regex(pattern.name))
        )

    def _like(self, node: exp.Expr) -> exp.Expr:
        from sqlglot import exp

        is_loose = self.dialect == "sqlite" or self._folds(node.this)
        if is_loose and type(node) is exp.Like:
            return exp.ILike(this=node.this, expression=node.expression)
        return node

    def _folds(self, node: exp.Expr) -> bool:
        column = self._column(_bare(node))
        return column is not None and is_folded(column, self.dialect)


def is_folded(column: Column, dialect: str) -> bool:
    """Whether texts of a column that differ in case, accents or trailing spaces may be equal."""
    if column.type.kind not in ("string", "other"):
        return False
    collation = (column.collation or "").lower()
    if dialect == "mysql":
        return column.type.kind == "string" and not collation.endswith(("_bin", "binary"))
    if dialect == "sqlite":
        return collation in ("nocase", "rtrim")
    if dialect == "postgresql":
        return "citext" in column.type.native or _is_own(collation)
    return bool(collation)


def _is_own(collation: str) -> bool:
    """Whether a collation is neither the server's own nor of the C library: it may fold."""
    return bool(collation) and not collation.startswith(("pg_catalog.", '"pg_catalog"'))


def _bare(node: exp.Expr) -> exp.Expr:
    """A node without parentheses and casts around it."""
    from sqlglot import exp

    while isinstance(node, exp.Paren | exp.Cast | exp.Collate):
        node = node.this
    return node


def _double() -> exp.Expr:
    from sqlglot import exp

    return exp.DataType(this=exp.DataType.Type.DOUBLE)


def _is_wider(source: str, kind: object) -> bool:
    """Whether casting changes nothing but the width: whole numbers stay whole."""
    from sqlglot import exp

    is_whole = kind in exp.DataType.INTEGER_TYPES
    return source == "integer" or not is_whole


def _is_harmless(node: exp.Expr, column: Column) -> bool:
    """Whether a use of a value that is text here means the same: NULL or not, equal or not."""
    from sqlglot import exp

    parent = node.parent
    while isinstance(parent, exp.Paren):
        parent = parent.parent
    if isinstance(parent, exp.Is | exp.Coalesce):
        return True
    if column.type.kind == "time":
        return True
    if column.type.kind == "bytes":
        return isinstance(parent, exp.Anonymous | exp.ByteLength | exp.Length | exp.EQ | exp.NEQ)
    if isinstance(parent, exp.Cast) and isinstance(parent.parent, exp.JSONType):
        return True
    if "citext" in column.type.native:
        return True
    if isinstance(parent, exp.EQ | exp.NEQ):
        others = (parent.this, parent.expression)
        return any(isinstance(_bare(side), exp.Literal) for side in others)
    return isinstance(parent, exp.In)


def _listed(node: exp.Expr) -> exp.Expr:
    """Write `= ANY (ARRAY[…])` as IN, and `<> ALL (…)` as NOT IN."""
    from sqlglot import exp

    right, is_any = node.expression, isinstance(node, exp.EQ)
    if is_any and isinstance(right, exp.Any):
        array = _bare(right.this)
    elif not is_any and isinstance(right, exp.Anonymous) and right.name.lower() == "all":
        array = _bare(right.expressions[0])
    else:
        return node
    if isinstance(array, exp.Array):
        values = array.expressions
    elif isinstance(array, exp.Literal) and array.is_string and array.name.startswith("{"):
        items = [i.strip().strip('"') for i in array.name[1:-1].split(",")]
        values = [
            exp.Literal.number(i) if _NUMBER.fullmatch(i) else exp.Literal.string(i) for i in items
        ]
    else:
        return node
    members = exp.In(this=node.this, expressions=[v.copy() for v in values])
    return members if is_any else exp.Not(this=members)


def _similar_literal(function: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    pattern = _bare(function.expressions[0])
    if not isinstance(pattern, exp.Literal):
        raise UntranslatableError("a pattern that is no literal")
    return exp.Literal.string(similar_to_regex(pattern.name))


def _function(node: exp.Expr) -> exp.Expr:
    """Write functions that the engine lacks with those that it has."""
    from sqlglot import exp

    name, arguments = node.name.lower(), node.expressions
    if name in ("num_nonnulls", "num_nulls"):
        if any(isinstance(a, exp.Array) or a.find(exp.Array) for a in arguments):
            arguments = [v for a in arguments for v in a.find(exp.Array).expressions]
        flags = [_flag(a, is_null=name == "num_nulls") for a in arguments]
        total = flags[0]
        for flag in flags[1:]:
            total = exp.Add(this=total, expression=flag)
        return exp.Paren(this=total)
    if name in ("jsonb_typeof", "json_typeof"):
        kind = exp.JSONType(this=exp.cast(arguments[0].copy(), "JSON"))
        case = exp.Case(this=kind, default=exp.Literal.string("number"))
        for theirs, ours in _JSON_KINDS.items():
            case = case.when(exp.Literal.string(theirs), exp.Literal.string(ours))
        return exp.If(this=arguments[0].is_(exp.null()).not_(), true=case)
    return node


def _flag(value: exp.Expr, *, is_null: bool) -> exp.Expr:
    """1 where a value is NULL, or is not, else 0."""
    from sqlglot import exp

    test = exp.Is(this=value.copy(), expression=exp.null())
    ones, others = (1, 0) if is_null else (0, 1)
    return exp.Paren(
        this=exp.Case(default=exp.Literal.number(others)).when(test, exp.Literal.number(ones))
    )
