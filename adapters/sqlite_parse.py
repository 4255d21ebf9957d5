"""Read out of a CREATE TABLE statement what SQLite's pragmas do not tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot.tokenizer_core import Token

_TABLE_RULES = {"CONSTRAINT", "PRIMARY KEY", "UNIQUE", "CHECK", "FOREIGN KEY"}


@dataclass(slots=True)
class ParsedCheck:
    """A CHECK as it was written."""

    name: str | None
    expression: str
    words: frozenset[str]  # every identifier in it, lower case


@dataclass(slots=True)
class ParsedKey:
    """What is special about one REFERENCES clause."""

    name: str | None
    is_deferrable: bool
    is_initially_deferred: bool


@dataclass(slots=True)
class ParsedTable:
    """What the text of one CREATE TABLE says; columns are counted from 0."""

    checks: list[ParsedCheck] = field(default_factory=list)
    keys: list[ParsedKey] = field(default_factory=list)  # in the order of declaration
    generated: dict[int, str] = field(default_factory=dict)
    collations: dict[int, str] = field(default_factory=dict)
    unique_names: dict[tuple[str, ...], str] = field(default_factory=dict)  # by columns
    primary_key_name: str | None = None
    autoincrement: bool = False
    descending_key: bool = False  # INTEGER PRIMARY KEY DESC does not number its rows
    options: str | None = None


@dataclass(frozen=True, slots=True)
class _Clause:
    """A token of a definition, with the tokens in parentheses that follow it, if any."""

    text: str
    word: str  # upper case; "" if quoted
    inner: tuple[Token, ...] = ()


def parse(sql: str) -> ParsedTable | None:
    """
    Parse a CREATE TABLE as `sqlite_master` keeps it; None if the tokens make no sense.

    The texts of expressions are returned letter by letter as they were written.
    """
    tokens = _tokens(sql)
    words = [_word(t) for t in tokens]
    start = words.index("(") if "(" in words else len(words)
    end = _closing(tokens, start)
    if end >= len(tokens):
        return None
    parsed = ParsedTable(options=sql[tokens[end].end + 1 :].strip().rstrip(";").strip() or None)
    column = 0
    for item in _split(tokens[start + 1 : end]):
        is_rule = _word(item[0]) in _TABLE_RULES
        _definition(sql, item, None if is_rule else column, parsed)
        column += not is_rule
    return parsed


def where(sql: str) -> str | None:
    """The condition of a CREATE INDEX statement, as it was written."""
    tokens = _tokens(sql)
    for token, depth in zip(tokens, _depths(tokens), strict=True):
        if depth == 0 and _word(token) == "WHERE":
            return sql[token.end + 1 :].strip().rstrip(";").strip()
    return None


def identifiers(sql: str) -> set[str]:
    """Every word of a statement that may be a name, quoted or not, in lower case."""
    return {t.text.lower() for t in _tokens(sql)}


def indexed(sql: str) -> tuple[str, ...]:
    """What a CREATE INDEX statement indexes, term by term, without collations and directions."""
    tokens = _tokens(sql)
    words = [_word(t) for t in tokens]
    start = words.index("(") if "(" in words else len(words)
    terms = []
    for item in _split(tokens[start + 1 : _closing(tokens, start)]):
        outside = [
            w if d == 0 else "" for w, d in zip(map(_word, item), _depths(item), strict=True)
        ]
        ends = [outside.index(w) for w in ("COLLATE", "ASC", "DESC") if w in outside]
        terms.append(_text(sql, item[: min(ends, default=len(item))]))
    return tuple(terms)


def _definition(sql: str, item: Sequence[Token], column: int | None, to: ParsedTable) -> None:
    """Collect what one column definition (or with `column` None: table constraint) says."""
    clauses = list(_clauses(item))
    for at, clause in enumerate(clauses):
        following = clauses[at + 1] if at + 1 < len(clauses) else None
        name = _name_before(clauses, at)
        match clause.word:
            case "CHECK":
                words = frozenset(t.text.lower() for t in clause.inner)
                to.checks.append(ParsedCheck(name, _text(sql, clause.inner), words))
            case "AS" if column is not None and clause.inner:
                to.generated[column] = _text(sql, clause.inner)
            case "COLLATE" if column is not None and following:
                to.collations[column] = following.text
            case "AUTOINCREMENT":
                to.autoincrement = True
            case "UNIQUE" if name:
                to.unique_names[_columns(clause) or (item[0].text,)] = name
            case "PRIMARY KEY":
                to.primary_key_name = name
                to.autoincrement |= any(_word(t) == "AUTOINCREMENT" for t in clause.inner)
                to.descending_key = bool(following and following.word == "DESC")
            case "REFERENCES":
                is_rule = at > 0 and clauses[at - 1].word == "FOREIGN KEY"
                to.keys.append(_key(_name_before(clauses, at - is_rule), clauses[at + 1 :]))


def _name_before(clauses: Sequence[_Clause], at: int) -> str | None:
    """The name that `CONSTRAINT name` gives to the clause at a position."""
    is_named = at >= 2 and clauses[at - 2].word == "CONSTRAINT"
    return clauses[at - 1].text if is_named else None


def _key(name: str | None, following: Sequence[_Clause]) -> ParsedKey:
    words = [c.word for c in following]
    for stop in ("REFERENCES", "CONSTRAINT"):
        words = words[: words.index(stop)] if stop in words else words
    at = words.index("DEFERRABLE") if "DEFERRABLE" in words else 0
    is_deferrable = at > 0 and words[at - 1] != "NOT"
    deferred = is_deferrable and words[at + 1 : at + 3] == ["INITIALLY", "DEFERRED"]
    return ParsedKey(name, is_deferrable, deferred)


def _clauses(item: Sequence[Token]) -> Iterator[_Clause]:
    at = 0
    while at < len(item):
        token = item[at]
        inner: tuple[Token, ...] = ()
        at += 1
        if at < len(item) and _word(item[at]) == "(":
            end = _closing(item, at)
            inner, at = tuple(item[at + 1 : end]), end + 1
        yield _Clause(token.text, _word(token), inner)


def _columns(clause: _Clause) -> tuple[str, ...]:
    return tuple(part[0].text for part in _split(clause.inner))


def _split(tokens: Sequence[Token]) -> list[Sequence[Token]]:
    """Cut at the commas that are not in parentheses."""
    parts: list[list[Token]] = [[]]
    for token, depth in zip(tokens, _depths(tokens), strict=True):
        if depth == 0 and _word(token) == ",":
            parts.append([])
        else:
            parts[-1].append(token)
    return [part for part in parts if part]


def _depths(tokens: Sequence[Token]) -> Iterator[int]:
    """How many parentheses are open around each token; a parenthesis is outside itself."""
    depth = 0
    for token in tokens:
        word = _word(token)
        depth -= word == ")"
        yield depth
        depth += word == "("


def _closing(tokens: Sequence[Token], start: int) -> int:
    """The position of the parenthesis that closes the one at `start`."""
    depth = 0
    for at in range(start, len(tokens)):
        word = _word(tokens[at])
        depth += (word == "(") - (word == ")")
        if depth == 0:
            return at
    return len(tokens)


def _tokens(sql: str) -> list[Token]:
    """Cut a statement into tokens; none if it cannot be done."""
    from sqlglot.dialects.sqlite import SQLite
    from sqlglot.errors import TokenError

    try:
        return SQLite().tokenize(sql)
    except TokenError:
        return []


def _word(token: Token) -> str:
    """A keyword or sign in upper case; "" for quoted names and strings."""
    return "" if token.token_type.name in ("IDENTIFIER", "STRING") else token.text.upper()


def _text(sql: str, tokens: Sequence[Token]) -> str:
    return sql[tokens[0].start : tokens[-1].end + 1] if tokens else ""
