"""MariaDB's and MySQL's own statements: taken apart, and made fit for another database."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

# Everything in which a name, a comma or a parenthesis means nothing.
_OPAQUE = r"'(?:[^'\\]|''|\\.)*'|\"(?:[^\"\\]|\"\"|\\.)*\"|--\s[^\n]*|\#[^\n]*|/\*.*?\*/"
_QUOTED = r"`(?:[^`]|``)*`"
_TOKEN = re.compile(rf"{_OPAQUE}|{_QUOTED}|[(),]|[^`'\"(),#/-]+|.", re.DOTALL)
_DEFINER = re.compile(rf"\bDEFINER={_QUOTED}(?:@{_QUOTED})? ", re.DOTALL)
_QUALIFIED = re.compile(
    rf"{_OPAQUE}|(?<![\w$@.`])(?P<first>{_QUOTED}|\w[\w$]*)\s*\.\s*(?=[`\w])"
    rf"|{_QUOTED}|[\w$@]+",
    re.DOTALL,
)
_WORD = re.compile(rf"{_OPAQUE}|(?P<name>{_QUOTED}|[\w$@]+)", re.DOTALL)
_HEAD = re.compile(rf"CREATE TABLE {_QUOTED} (?=\()")
_LITERAL = re.compile(r"'(?:[^'\\]|''|\\.)*'", re.DOTALL)
_NO_TEXT = re.compile("[\udc80-\udcff]")  # a byte that is not UTF-8, as surrogateescape has it
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"0": "\0", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a"}
_AWAKE = re.compile(r"( ON COMPLETION (?:NOT )?PRESERVE )(?:ENABLE|DISABLE ON (?:SLAVE|REPLICA))")
# Databases that every server has, with nobody's rows in them.
_COMMON = frozenset({"information_schema", "mysql", "performance_schema", "sys"})


@dataclass(frozen=True, slots=True)
class TableText:
    """What SHOW CREATE TABLE says, in pieces."""

    head: str  # CREATE TABLE `name`
    items: tuple[str, ...]  # columns, keys, constraints, without commas
    tail: str  # options and partitions

    def sql(self) -> str:
        """Put the statement together again."""
        body = ",\n".join(f"  {item}" for item in self.items)
        return f"{self.head} (\n{body}\n){self.tail}"


def take_apart(statement: str) -> TableText:
    """Split SHOW CREATE TABLE's text at the commas between columns, keys and constraints."""
    start = _HEAD.match(statement)
    if start is None:
        raise AssertionError("this is no CREATE TABLE")
    items: list[str] = []
    piece, depth = "", 0
    for match in _TOKEN.finditer(statement, start.end()):
        text = match[0]
        depth += (text == "(") - (text == ")")
        if depth == 0:
            return TableText(start[0].strip(), (*items, piece.strip()), statement[match.end() :])
        if text == "," and depth == 1:
            items.append(piece.strip())
            piece = ""
        elif (text, depth) != ("(", 1) or piece:
            piece += text
    raise AssertionError("the columns of a CREATE TABLE do not end")


def readable(statement: bytes) -> str:
    """Decode a statement; literals that are no text, as binary defaults are, become X'…'."""
    text = statement.decode("utf-8", "surrogateescape")
    return _LITERAL.sub(_hexadecimal, text) if _NO_TEXT.search(text) else text


def without_definer(statement: str) -> str:
    """Let whoever runs a CREATE own what it makes: naming somebody else needs SUPER."""
    return _DEFINER.sub("", statement, count=1)


def unqualified(sql: str, database: str) -> str:
    """Take the database's own name out of a statement, except in strings and comments."""

    def drop(match: re.Match[str]) -> str:
        return "" if match["first"] and _bare(match["first"]) == database else match[0]

    return _QUALIFIED.sub(drop, sql)


def respelled(sql: str, names: Collection[str]) -> str:
    """
    Spell names of tables in somebody's code as the tables are spelled.

    Where names are folded, code may spell them otherwise; elsewhere it would find no table.
    Columns and variables of the name are changed, too, which means nothing.
    """
    spelled = {name.casefold(): name for name in names}

    def spell(match: re.Match[str]) -> str:
        if match["name"] is None:
            return match[0]
        bare = _bare(match["name"])
        return match[0].replace(bare, spelled.get(bare.casefold(), bare), 1)

    return _WORD.sub(spell, sql)


def leads_to(sql: str, others: Collection[str]) -> str | None:
    """Find the other database that a statement names, if there is one."""
    for match in _QUALIFIED.finditer(sql):
        if match["first"] and _bare(match["first"]) in others:
            return _bare(match["first"])
    return None


def others(databases: Collection[str], own: str) -> frozenset[str]:
    """The databases that nothing of a clone may lead to."""
    return frozenset(databases) - {own} - _COMMON


def settings(**values: str | None) -> str:
    """Write the line that sets what a routine, trigger, event or view was made under."""
    pairs = [f"{name} = '{value}'" for name, value in values.items() if value is not None]
    return f"SET SESSION {', '.join(pairs)};\n"


def split_settings(sql: str) -> tuple[str, str]:
    """Separate the line that `settings` wrote, without its end, from the statement behind it."""
    if not sql.startswith("SET SESSION "):
        return "", sql
    head, _, rest = sql.partition(";\n")
    return head, rest


def client_charset(setting: str) -> str | None:
    """Which character set a settings line gives to the client's statements."""
    match = re.search(r"character_set_client = '(\w+)'", setting)
    return match[1] if match else None


def asleep(sql: str) -> str:
    """Let an event that is created for a try never run."""
    return _AWAKE.sub(r"\g<1>DISABLE", sql, count=1)


def _hexadecimal(match: re.Match[str]) -> str:
    if not _NO_TEXT.search(match[0]):
        return match[0]
    bare = _ESCAPE.sub(lambda m: _ESCAPED.get(m[1], m[1]), match[0][1:-1].replace("''", "'"))
    return f"X'{bare.encode('utf-8', 'surrogateescape').hex()}'"


def _bare(name: str) -> str:
    return name[1:-1].replace("``", "`") if name.startswith("`") else name
