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
* `days_between(a, b)`, `seconds_between(a, b)`, `years_between(a, b)` (full ones),
  `months_after(date, number)` (the month's last day where it has no such day) and
  `starts_with(text, beginning)`.
Calculated numbers are compared up to rounding: what `round(x, 2)` allows, else a millionth.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dbsynth.expressions import UntranslatableError, parse
from dbsynth.queries import identifier
from dbsynth.rules.book import Rule, RuleError
from dbsynth.rules.words import parent_word
from dbsynth.rules.writing import SPANS, marked, write
from dbsynth.schema import ForeignKey, Schema, Table, TableName

if TYPE_CHECKING:
    from sqlglot import exp

_ARROW = re.compile(r"^(?P<left>[^-]+)->(?P<right>[^-]+)$")

Spell = Callable[[TableName], str]


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


def complaints(rules: Iterable[Rule], schema: Schema, where: str = "rules") -> list[str]:
    """Say of every rule that does not fit a schema why not."""
    found = []
    for rule in rules:
        try:
            count_breaks(rule.text, schema.table(rule.table), schema, "duckdb", str)
        except RuleError as exc:
            found.append(f"{where}: {rule}: {exc}")
    return found


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
        return write(_of_siblings(tree), self.dialect)

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
            value = write(select.expressions[0], self.dialect)
            tail = f" {write(where, self.dialect)}" if where is not None else ""
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
        value = write(node.this, self.dialect)
        if outer is not node:
            where = write(outer.expression.this, self.dialect)
            value = f"CASE WHEN {where} THEN {value} END"
        alias, self.has_children = f"s{len(self.joins)}", True
        joined = " AND ".join(
            f"{alias}.k{i} = t.{identifier(self.dialect, c)}"
            for i, c in enumerate(key.parent_columns)
        )
        grouped = self._grouped(node, value, child, key)
        self.joins.append(f"LEFT JOIN ({grouped}) {alias} ON {joined}")
        kind = kinds[0] if kinds and not isinstance(node, exp.Count) else "integer"
        return marked(exp.column("v", alias), kind)

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
        by, names = write(node.expression, self.dialect), (f"k{i}" for i in range(len(columns)))
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

        return marked(exp.column(exp.to_identifier(name, quoted=True), alias), kind)


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
        if node.name.lower() not in SPANS:
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
