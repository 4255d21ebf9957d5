"""
The language of rules, and the SQL that counts the rows that break one.

A rule is an SQL condition (DuckDB's dialect, written in any target's) over a row, NULL being no
break, or a dependency `a, b -> c`.  Besides the row's columns it may name
* columns of its parents: `customers.joined_on`, by the parent table, the key's column or the key's
  name; parents of parents behind another dot;
* aggregates over its children: `sum(order_lines.amount)`, `count(order_lines)`, also with
  `FILTER (WHERE …)`; `count(flights.origin_id.*)` where several keys lead here;
  `arg_max(events.state, events.no)`, the state of the child whose no is the largest;
* window functions over the table's own rows: `lag(day) OVER (PARTITION BY order_id ORDER BY n)`;
* the values of another table: `code IN (SELECT code FROM currencies)`;
* `days_between(a, b)`, `seconds_between(a, b)`, `months_after(date, number)` (the month's last day
  where it has no such day) and `starts_with(text, beginning)`.
Calculated numbers are compared up to rounding: what `round(x, 2)` allows, else a millionth.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from dbsynth.expressions import DIALECTS, UntranslatableError, parse
from dbsynth.queries import identifier
from dbsynth.rules.book import Rule
from dbsynth.schema import ForeignKey, Schema, Table, TableName

if TYPE_CHECKING:
    from sqlglot import exp

_ARROW = re.compile(r"^(?P<left>[^-]+)->(?P<right>[^-]+)$")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SPANS = ("days_between", "seconds_between", "months_after")
_HALVES = frozenset({"ORDER", "GROUP", "PARTITION", "BY"})  # of keywords of two words
_NUMBERS = ("integer", "decimal", "float")

Spell = Callable[[TableName], str]


class RuleError(Exception):
    """A rule cannot be understood; says why."""


@dataclass(frozen=True, slots=True)
class RuleQuery:
    """What to ask of a database about one rule."""

    sql: str  # a SELECT of one row: n_rows that the rule is about, and how many are `broken`
    columns: tuple[str, ...]  # of the rule's own table that it names
    condition: str = ""  # of a rule about rows
    source: str = ""  # what stands behind FROM for it
    joins: tuple[str, ...] = ()  # and what is joined to that
    is_climbing: bool = False  # nothing but rows above are joined, of which each row has one

    @property
    def scan(self) -> tuple[object, ...]:
        """Equal for queries that one scan can answer: a window sorts what others only read."""
        joins = () if self.is_climbing else self.joins
        return self.source or self.sql, joins, " OVER " in self.condition


def count_together(queries: Sequence[RuleQuery]) -> str:
    """Write the SELECT that answers queries of one scan: n_rows0, broken0, n_rows1 and so on."""
    conditions = ", ".join(f"{q.condition} AS ok{i}" for i, q in enumerate(queries))
    counts = ", ".join(
        f"count(ok{i}) AS n_rows{i}, count(CASE WHEN NOT ok{i} THEN 1 END) AS broken{i}"
        for i in range(len(queries))
    )
    joins = dict.fromkeys(join for q in queries for join in q.joins)
    source = " ".join([queries[0].source, *joins])
    return f"SELECT {counts}\nFROM (SELECT {conditions} FROM {source}) held"


def count_breaks(text: str, table: Table, schema: Schema, dialect: str, spell: Spell) -> RuleQuery:
    """
    Write the SELECT that counts the rows that break a rule.

    Args:
        text: the rule.
        table: the table that it is about.
        schema: of the database that is asked.
        dialect: of the statement.
        spell: writes what stands behind FROM for a table.

    Raises:
        RuleError: the rule does not fit the schema.
    """
    match = _ARROW.match(text)
    if match:
        return _Dependency(table, schema, dialect, spell).query(match["left"], match["right"])
    return _Bound(table, schema, dialect, spell).query(text)


def child_of(aggregate: exp.Expr, table: Table, schema: Schema) -> tuple[Table, ForeignKey]:
    """
    Find the child table that an aggregate is about, and the key along which.

    Raises:
        RuleError: there is none, or several.
    """
    return _Bound(table, schema, "duckdb", str).child(aggregate)


def climb_of(
    words: tuple[str, ...], table: Table, schema: Schema
) -> tuple[tuple[ForeignKey, ...], Table]:
    """
    Find the keys that lead to the row that a rule names by these words, and its table.

    Raises:
        RuleError: there are none, or several.
    """
    bound, keys = _Bound(table, schema, "duckdb", str), []
    for word in words:
        keys.append(bound.key(table, word))
        table = schema.table(keys[-1].parent)
    return tuple(keys), table


def local_condition(tree: exp.Expr, places: Mapping[str, tuple[int, str]]) -> str:
    """
    Write a condition over a row for DuckDB, numbers compared as `count_breaks` does.

    Args:
        tree: the condition; its columns are names of one word.
        places: of each column its place, as c0, c1 …, and the kind of its type.
    """
    from sqlglot import exp

    root = exp.Paren(this=tree.copy())
    for column in list(root.find_all(exp.Column)):
        place, kind = places[column.name]
        column.replace(_marked(exp.column(f"c{place}"), kind))
    return _write(root.this, "duckdb")


def complaints(rules: Iterable[Rule], schema: Schema, where: str = "rules") -> list[str]:
    """Say of every rule that does not fit a schema why not."""
    found = []
    for rule in rules:
        try:
            count_breaks(rule.text, schema.table(rule.table), schema, "duckdb", str)
        except RuleError as exc:
            found.append(f"{where}: {rule}: {exc}")
    return found


@cache
def quote(name: str) -> str:
    """Write a name as rules have it: in quotes only where it must be."""
    from sqlglot.dialects import DuckDB

    reserved = DuckDB.Tokenizer.KEYWORDS.keys() | _HALVES
    is_plain = _PLAIN.fullmatch(name) and name.upper() not in reserved
    return name if is_plain else identifier("duckdb", name)


def parent_word(table: Table, key: ForeignKey) -> str:
    """How a rule of a table names the parent along a key: as short as is clear."""
    usable = [k for k in table.foreign_keys if k.when is None]
    if sum(k.parent.name == key.parent.name for k in usable) == 1 and not key.is_self:
        return key.parent.name
    alike = [k for k in usable if k.columns == key.columns]
    return key.columns[0] if len(key.columns) == 1 and len(alike) == 1 else key.name


def child_word(child: Table, key: ForeignKey) -> str:
    """How a rule names a child table along a key, quoted; columns come behind another dot."""
    keys = [k for k in child.foreign_keys if k.parent == key.parent and k.when is None]
    if len(keys) == 1:
        return quote(child.name.name)
    return f"{quote(child.name.name)}.{quote(parent_word(child, key))}"


@dataclass
class _Bound:
    """One condition, bound to a schema: what it needs joined."""

    table: Table
    schema: Schema
    dialect: str
    spell: Spell
    joins: list[str] = field(default_factory=list)
    aliases: dict[tuple[str, ...], tuple[str, Table]] = field(default_factory=dict)
    own: list[str] = field(default_factory=list)
    has_children: bool = False  # aggregates of them are joined

    def query(self, text: str) -> RuleQuery:
        condition = self.bound(text)
        return RuleQuery(
            f"SELECT count(ok) AS n_rows, count(CASE WHEN NOT ok THEN 1 END) AS broken\n"
            f"FROM (SELECT {condition} AS ok FROM {self.source()}) held",
            tuple(dict.fromkeys(self.own)),
            condition,
            self._itself,
            tuple(self.joins),
            is_climbing=not self.has_children,
        )

    def source(self) -> str:
        """What stands behind FROM; to be asked when everything is bound."""
        return " ".join([self._itself, *self.joins])

    @property
    def _itself(self) -> str:
        return f"{self.spell(self.table.name)} AS t"

    def bound(self, text: str) -> str:
        """Bind an expression and write it in the dialect."""
        try:
            tree = parse(text, "duckdb")
        except UntranslatableError as exc:
            raise RuleError("it is no SQL condition") from exc
        _refuse(tree)
        tree = _on_root(tree, self._members)
        tree = _on_root(tree, self._children)
        tree = _on_root(tree, self._columns)
        return _write(_of_siblings(tree), self.dialect)

    # ---- values of other tables, children ----------------------------------------------------

    def _members(self, root: exp.Expr) -> None:
        from sqlglot import exp

        for node in list(root.find_all(exp.In)):
            query = node.args.get("query")
            if query is None:
                continue
            select = query.this
            listed = select.args.get("from_") or select.args.get("from")
            plain = listed is not None and isinstance(listed.this, exp.Table)
            if not plain or len(select.expressions) != 1 or select.args.get("joins"):
                raise RuleError("write IN (SELECT one_column FROM table)")
            table = self._table(listed.this.name)
            for column in list(select.find_all(exp.Column)):
                name = _spelled(table, column.name)
                column.replace(self._named("o", name, _kind(table, name)))
            where = select.args.get("where")
            value = _write(select.expressions[0], self.dialect)
            tail = f" {_write(where, self.dialect)}" if where is not None else ""
            text = f"SELECT {value} FROM {self.spell(table.name)} AS o{tail}"
            node.set("query", exp.Subquery(this=exp.Var(this=text)))

    def _children(self, root: exp.Expr) -> None:
        from sqlglot import exp

        for node in list(root.find_all(exp.AggFunc)):
            if isinstance(node, exp.Lag | exp.Lead | exp.First | exp.Last) or _in_window(node):
                continue
            known = exp.Count | exp.Sum | exp.Min | exp.Max | exp.Avg | exp.ArgMax
            if not isinstance(node, known):
                raise RuleError(f"{node.key} over children is not known here")
            outer = node.parent if isinstance(node.parent, exp.Filter) else node
            value = self._aggregate(node, outer)
            if isinstance(node, exp.Count):
                value = exp.Coalesce(this=value, expressions=[exp.Literal.number(0)])
            outer.replace(value)

    def _aggregate(self, node: exp.Expr, outer: exp.Expr) -> exp.Expr:
        """Join the children's aggregate and name it."""
        from sqlglot import exp

        child, key = self.child(outer)
        kinds = []
        for column in list(outer.find_all(exp.Column)):
            if isinstance(column.this, exp.Star) or (column is node.this and not column.table):
                column.replace(exp.Literal.number(1))
                continue
            name = _spelled(child, column.name)
            kinds.append(_kind(child, name))
            column.replace(self._named("c", name, kinds[-1]))
        value = _write(node.this, self.dialect)
        if outer is not node:
            where = _write(outer.expression.this, self.dialect)
            value = f"CASE WHEN {where} THEN {value} END"
        alias, self.has_children = f"s{len(self.joins)}", True
        joined = " AND ".join(
            f"{alias}.k{i} = t.{identifier(self.dialect, c)}"
            for i, c in enumerate(key.parent_columns)
        )
        grouped = self._grouped(node, value, child, key)
        self.joins.append(f"LEFT JOIN ({grouped}) {alias} ON {joined}")
        kind = kinds[0] if kinds and not isinstance(node, exp.Count) else "integer"
        return _marked(exp.column("v", alias), kind)

    def _grouped(self, node: exp.Expr, value: str, child: Table, key: ForeignKey) -> str:
        """The SELECT of an aggregate v of children c by the columns of their key."""
        from sqlglot import exp

        columns = [f"c.{identifier(self.dialect, c)}" for c in key.columns]
        listed = ", ".join(f"{c} AS k{i}" for i, c in enumerate(columns))
        whole, source = ", ".join(columns), f"{self.spell(child.name)} AS c"
        if not isinstance(node, exp.ArgMax):
            return f"SELECT {listed}, {node.key}({value}) AS v FROM {source} GROUP BY {whole}"
        if node.expression is None:
            raise RuleError("arg_max takes a value and what it is the last by")
        by, names = _write(node.expression, self.dialect), (f"k{i}" for i in range(len(columns)))
        place = f"row_number() OVER (PARTITION BY {whole} ORDER BY {by} DESC, {value} DESC)"
        there = f"({value}) IS NOT NULL AND ({by}) IS NOT NULL"
        inner = f"SELECT {listed}, {value} AS v, {place} AS n FROM {source} WHERE {there}"
        return f"SELECT {', '.join(names)}, v FROM ({inner}) placed WHERE n = 1"

    def child(self, outer: exp.Expr) -> tuple[Table, ForeignKey]:
        """The child table that an aggregate is about, and the key along which."""
        from sqlglot import exp

        named = set()
        for column in outer.find_all(exp.Column):
            parts = [p.name for p in column.parts]
            named.add((parts[0], parts[1] if len(parts) > 2 else ""))
        if len(named) != 1:
            raise RuleError(
                "an aggregate is about one child table: count(lines), sum(lines.amount)"
            )
        ((name, word),) = named
        child = self._table(name)
        keys = [k for k in child.foreign_keys if k.parent == self.table.name and k.when is None]
        if word:
            keys = [k for k in keys if word in (k.name, parent_word(child, k), *k.columns)]
        if len(keys) != 1:
            many = f"several keys of {name} lead" if keys else f"no key of {name} leads"
            raise RuleError(f"{many} to {self.table.name.name}: write {name}.key_column.column")
        return child, keys[0]

    # ---- columns of the row and its parents --------------------------------------------------

    def _columns(self, root: exp.Expr) -> None:
        from sqlglot import exp

        for column in list(root.find_all(exp.Column)):
            if column.args.get("kind_of"):
                continue
            parts = [p.name for p in column.parts]
            alias, table = self._parent(tuple(parts[:-1]))
            name = _spelled(table, parts[-1])
            if alias == "t":
                self.own.append(name)
            column.replace(self._named(alias, name, _kind(table, name)))

    def _parent(self, path: tuple[str, ...]) -> tuple[str, Table]:
        """Join the parents along a path of words; t is the row itself."""
        if not path:
            return "t", self.table
        if path not in self.aliases:
            before, below = self._parent(path[:-1])
            key = self.key(below, path[-1])
            # Equal in all rules of a table, so that they can share a scan.
            alias = f"{before if path[:-1] else 'p'}_{below.foreign_keys.index(key)}"
            joined = " AND ".join(
                f"{alias}.{identifier(self.dialect, b)} = {before}.{identifier(self.dialect, a)}"
                for a, b in zip(key.columns, key.parent_columns, strict=True)
            )
            join = f"LEFT JOIN {self.spell(key.parent)} AS {alias} ON {joined}"
            if join not in self.joins:  # other words may name the same key
                self.joins.append(join)
            self.aliases[path] = alias, self.schema.table(key.parent)
        return self.aliases[path]

    def key(self, table: Table, word: str) -> ForeignKey:
        """The key that a word names."""
        keys = [k for k in table.foreign_keys if k.when is None and k.parent in self.schema.by_name]
        for exact in (True, False):
            found = [k for k in keys if _same(word, parent_word(table, k), exact=exact)]
            found = found or [k for k in keys if _same(word, k.name, exact=exact)]
            if len(found) == 1:
                return found[0]
        known = [parent_word(table, k) for k in keys]
        raise RuleError(f"{table.name.name} has no parent {word!r}{_hint(word, known)}")

    def _table(self, name: str) -> Table:
        found = [t for t in self.schema.tables if t.name.name == name]
        found = found or [t for t in self.schema.tables if t.name.name.lower() == name.lower()]
        if len(found) > 1:
            near = [t for t in found if t.name.schema == self.table.name.schema]
            found = near or found
        if len(found) != 1:
            known = [t.name.name for t in self.schema.tables]
            raise RuleError(f"there is no table {name!r}{_hint(name, known)}")
        return found[0]

    def _named(self, alias: str, name: str, kind: str) -> exp.Expr:
        from sqlglot import exp

        return _marked(exp.column(exp.to_identifier(name, quoted=True), alias), kind)


@dataclass
class _Dependency(_Bound):
    """A dependency: rows that agree in the left columns agree in the right one."""

    def query(self, left: str, right: str) -> RuleQuery:  # type: ignore[override]
        if "," in right:
            raise RuleError("a dependency has one column on its right side")
        given, follows = [self.bound(part) for part in left.split(",")], self.bound(right)
        values = ", ".join(f"{v} AS g{i}" for i, v in enumerate(given))
        groups = ", ".join(f"g{i}" for i in range(len(given)))
        complete = " AND ".join(f"g{i} IS NOT NULL" for i in range(len(given)))
        return RuleQuery(
            f"SELECT coalesce(sum(n), 0) AS n_rows,\n"
            f"       coalesce(sum(CASE WHEN d > 1 THEN n END), 0) AS broken\n"
            f"FROM (SELECT count(*) AS n, count(DISTINCT f) AS d\n"
            f"      FROM (SELECT {values}, {follows} AS f FROM {self.source()}) held\n"
            f"      WHERE {complete} GROUP BY {groups}) grouped",
            tuple(dict.fromkeys(self.own)),
        )


def _on_root(tree: exp.Expr, step: Callable[[exp.Expr], None]) -> exp.Expr:
    """Take a step on a tree of which any node, the topmost too, may be replaced."""
    from sqlglot import exp

    root = exp.Paren(this=tree)
    step(root)
    inner: exp.Expr = root.this
    inner.pop()
    return inner


def _refuse(tree: exp.Expr) -> None:
    """Refuse what means something else in another database, or nothing."""
    from sqlglot import exp

    for node in tree.find_all(exp.Anonymous):
        if node.name.lower() not in _SPANS:
            raise RuleError(f"the function {node.name} is not known here")
    for query in tree.find_all(exp.Select):
        held = query.parent
        if not (isinstance(held, exp.Subquery) and isinstance(held.parent, exp.In)):
            raise RuleError("SELECT may only stand in IN (SELECT column FROM table)")
    for kind in (exp.Command, exp.Dot, exp.Placeholder, exp.Parameter, exp.JSONExtract):
        if tree.find(kind) is not None:
            raise RuleError(f"{kind.key} has no meaning here")


def _in_window(node: exp.Expr) -> bool:
    from sqlglot import exp

    return isinstance(node.parent, exp.Window) and node.arg_key == "this"


def _of_siblings(tree: exp.Expr) -> exp.Expr:
    """Say nothing of rows whose partition is NULL: they have no siblings."""
    from sqlglot import exp

    parts = {
        part.sql(): part
        for window in tree.find_all(exp.Window)
        for part in window.args.get("partition_by") or []
    }
    if not parts:
        return tree
    there = [exp.Not(this=exp.Is(this=p.copy(), expression=exp.Null())) for p in parts.values()]
    for part, one in zip(parts.values(), there, strict=True):
        one.this.this.args["kind_of"] = part.args.get("kind_of")
    return exp.Case().when(exp.and_(*there), tree)


def _marked(column: exp.Expr, kind: str) -> exp.Expr:
    """Note of a bound column what kind of value it has."""
    column.args["kind_of"] = kind
    return column


def _kind(table: Table, name: str) -> str:
    return table.column(name).type.kind


def _spelled(table: Table, word: str) -> str:
    names = [c.name for c in table.columns]
    found = [n for n in names if n == word] or [n for n in names if n.lower() == word.lower()]
    if len(found) != 1:
        raise RuleError(f"{table.name.name} has no column {word!r}{_hint(word, names)}")
    return found[0]


def _same(word: str, name: str, *, exact: bool) -> bool:
    return word == name if exact else word.lower() == name.lower()


def _hint(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), 1)
    return f"; did you mean {close[0]}?" if close else ""


# ---- writing ---------------------------------------------------------------------------------


def _write(tree: exp.Expr, dialect: str) -> str:
    """Write a bound tree in a dialect."""
    from sqlglot import exp

    root = exp.Paren(this=tree.copy())
    if dialect == "sqlite":
        _as_moments(root)
    if dialect in ("postgresql", "duckdb"):
        _as_texts(root)
    for node in reversed(list(root.find_all(exp.EQ, exp.StartsWith, exp.Anonymous, exp.Column))):
        if isinstance(node, exp.EQ) and _is_calculated(node):
            node.replace(_about_equal(node))
        elif isinstance(node, exp.StartsWith):
            node.replace(exp.Var(this=_starts(node, dialect)))
        elif isinstance(node, exp.Anonymous):
            node.replace(exp.Var(this=_span(node, dialect)))
    return str(root.this.sql(dialect=DIALECTS[dialect]))


def _as_moments(root: exp.Expr) -> None:
    """Give days that are compared with moments a time, for SQLite compares their texts."""
    from sqlglot import exp

    for node in list(root.find_all(exp.LTE, exp.GTE, exp.LT, exp.GT, exp.EQ, exp.NEQ)):
        sides = [s for s in (node.this, node.expression) if isinstance(s, exp.Column)]
        kinds = {s.args.get("kind_of") for s in sides}
        for side in sides if kinds & {"timestamp", "timestamptz"} else ():
            if side.args.get("kind_of") == "date":
                side.replace(exp.Var(this=f"datetime({side.sql(dialect='sqlite')})"))


def _as_texts(root: exp.Expr) -> None:
    """Make texts of enums that another text may stand in for: '' is none of their labels."""
    from sqlglot import exp

    for node in list(root.find_all(exp.Coalesce)):
        kinds = {c.args.get("kind_of") for c in node.this.find_all(exp.Column)}
        if "enum" in kinds and any(e.is_string for e in node.expressions):
            node.set("this", exp.cast(node.this, "text", copy=False))


def _is_calculated(node: exp.Expr) -> bool:
    """Whether an equation is about numbers that are calculated, not only looked up."""
    from sqlglot import exp

    kinds = {c.args.get("kind_of") for c in node.find_all(exp.Column)}
    steps = (exp.Mul, exp.Div, exp.Add, exp.Sub, exp.Round, exp.Sum, exp.Avg, exp.Coalesce)
    sides = [node.this, node.expression]
    return kinds <= {*_NUMBERS, None} and any(
        side.find(*steps) is not None or _is_joined(side) for side in sides
    )


def _is_joined(side: exp.Expr) -> bool:
    """Whether a side is a child aggregate, which may have been added up in another order."""
    from sqlglot import exp

    return isinstance(side, exp.Column) and side.name == "v" and side.table.startswith("s")


def _about_equal(node: exp.Expr) -> exp.Expr:
    """`x = round(y, 2)` as |x - y| within half a cent; any other equation within a millionth."""
    from sqlglot import exp

    sides, slack = [], 0.0
    for side in (node.this, node.expression):
        if isinstance(side, exp.Round):
            digits = side.args.get("decimals")
            slack += 0.5005 * 10.0 ** -(int(digits.name) if digits is not None else 0)
            side = side.this  # noqa: PLW2901
        sides.append(exp.Paren(this=side.copy()))
    distance = exp.Abs(this=exp.Sub(this=sides[0], expression=sides[1]))
    share = exp.Mul(
        this=exp.Literal.number("0.000001"),
        expression=exp.Paren(
            this=exp.Add(this=exp.Literal.number(1), expression=exp.Abs(this=sides[0].copy()))
        ),
    )
    allowed = share if not slack else exp.Literal.number(f"{slack:.12f}".rstrip("0"))
    return exp.Paren(this=exp.LTE(this=distance, expression=allowed))


def _starts(node: exp.Expr, dialect: str) -> str:
    text, start = (_write(n, dialect) for n in (node.this, node.expression))
    size = f"char_length({start})" if dialect == "mysql" else f"length({start})"
    return f"(substr({text}, 1, {size}) = {start})"


_SPAN_SQL = {
    ("days_between", "postgresql"): "(CAST({b} AS date) - CAST({a} AS date))",
    ("days_between", "mysql"): "datediff({b}, {a})",
    ("days_between", "sqlite"): "CAST(julianday(date({b})) - julianday(date({a})) AS integer)",
    ("days_between", "duckdb"): "date_diff('day', CAST({a} AS date), CAST({b} AS date))",
    ("months_after", "postgresql"): "CAST(CAST({a} AS date) + ({b}) * interval '1 month' AS date)",
    ("months_after", "mysql"): "date_add(CAST({a} AS date), INTERVAL ({b}) MONTH)",
    ("months_after", "sqlite"): (
        "min(date({a}, '+' || ({b}) || ' months'), "
        "date({a}, 'start of month', '+' || ({b} + 1) || ' months', '-1 day'))"
    ),
    ("months_after", "duckdb"): (
        "CAST(CAST({a} AS date) + to_months(CAST({b} AS integer)) AS date)"
    ),
    ("seconds_between", "postgresql"): (
        "extract(epoch FROM CAST({b} AS timestamp) - CAST({a} AS timestamp))"
    ),
    ("seconds_between", "mysql"): "timestampdiff(SECOND, {a}, {b})",
    ("seconds_between", "sqlite"): "(strftime('%s', {b}) - strftime('%s', {a}))",
    ("seconds_between", "duckdb"): (
        "date_diff('second', CAST({a} AS timestamp), CAST({b} AS timestamp))"
    ),
}


def _span(node: exp.Expr, dialect: str) -> str:
    if len(node.expressions) != 2:
        takes = "a date and a number" if node.name.lower() == "months_after" else "two moments"
        raise RuleError(f"{node.name} takes {takes}")
    a, b = (_write(n, dialect) for n in node.expressions)
    return _SPAN_SQL[node.name.lower(), dialect].format(a=a, b=b)
