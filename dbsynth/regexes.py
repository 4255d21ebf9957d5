"""Strings that match a pattern: the regular part of regular expressions, LIKE, GLOB."""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Strings = NDArray[np.str_]

_LETTERS = string.ascii_lowercase
_WORD = _LETTERS + string.digits
_PRINTABLE = string.digits + string.ascii_letters + " !#$%&()*+,-./:;<=>?@[]^_{|}~"
_ESCAPES = {"d": string.digits, "w": _WORD, "s": " ", "n": "\n", "t": "\t"}
_COMPLEMENTS = {"D": _LETTERS, "W": " -.", "S": _WORD}
_CLASSES = {
    "alpha": _LETTERS, "digit": string.digits, "alnum": _WORD, "upper": string.ascii_uppercase,
    "lower": _LETTERS, "space": " ", "xdigit": "0123456789abcdef", "punct": "-.,!", "word": _WORD,
}  # fmt: skip
_SOME_MORE = 6  # how many times a thing without an upper limit repeats beyond its lower one
_TAIL = (3, 8)  # characters behind a pattern that does not say how texts end
_SPECIAL = "\\^$.|?*+()[{"


class UnknownPatternError(Exception):
    """A pattern that no generator is known for."""


@dataclass(frozen=True, slots=True)
class _Chars:
    alphabet: str

    def draw(self, rng: np.random.Generator, rows: int) -> Strings:
        letters = np.array(list(self.alphabet), "U1")
        return letters[rng.integers(0, len(letters), rows)]


@dataclass(frozen=True, slots=True)
class _Sequence:
    parts: tuple[Any, ...]

    def draw(self, rng: np.random.Generator, rows: int) -> Strings:
        drawn = np.full(rows, "", "U1")
        for part in self.parts:
            drawn = np.strings.add(drawn, part.draw(rng, rows))
        return drawn


@dataclass(frozen=True, slots=True)
class _Choice:
    branches: tuple[Any, ...]

    def draw(self, rng: np.random.Generator, rows: int) -> Strings:
        chosen = rng.integers(0, len(self.branches), rows)
        drawn = [branch.draw(rng, rows) for branch in self.branches]
        return np.choose(chosen, drawn) if len(drawn) < 32 else np.stack(drawn)[chosen, range(rows)]


@dataclass(frozen=True, slots=True)
class _Repeat:
    part: Any
    low: int
    high: int

    def draw(self, rng: np.random.Generator, rows: int) -> Strings:
        counts = rng.integers(self.low, self.high + 1, rows)
        drawn = np.full(rows, "", "U1")
        for step in range(self.high):
            more = np.strings.add(drawn, self.part.draw(rng, rows))
            drawn = np.where(step < counts, more, drawn)
        return drawn


@dataclass(frozen=True, slots=True)
class Pattern:
    """A parsed pattern, which strings can be drawn from."""

    root: Any
    is_open: bool  # any text may follow

    def draw(self, rng: np.random.Generator, rows: int) -> Strings:
        """Draw (rows,) strings that match."""
        drawn: Strings = self.root.draw(rng, rows)
        if self.is_open:
            drawn = np.strings.add(drawn, _Repeat(_Chars(_WORD), *_TAIL).draw(rng, rows))
        return drawn


def parse_pattern(pattern: str) -> Pattern:
    """
    Parse a regular expression as PostgreSQL, MySQL and RE2 write them.

    Known are literals, classes, escapes, groups, alternatives, repetitions and the anchors at the
    ends.

    Raises:
        UnknownPatternError: there is something else in it.
    """
    text = pattern.removeprefix("(?i)")
    parser = _Parser(text)
    root = parser.choice()
    if parser.at != len(text):
        raise UnknownPatternError(pattern)
    return Pattern(root, is_open=not parser.ends)


class _Parser:
    """Recursive descent over one pattern."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.ends = text, 0, False

    def choice(self) -> Any:
        branches = [self.sequence()]
        while self._peek() == "|":
            self.at += 1
            branches.append(self.sequence())
        return branches[0] if len(branches) == 1 else _Choice(tuple(branches))

    def sequence(self) -> _Sequence:
        parts: list[Any] = []
        while (char := self._peek()) and char not in "|)":
            if char in "^$":  # anchors mean nothing between parts, where strings are made whole
                self.at += 1
                self.ends |= char == "$"
                continue
            parts.append(self._repeated(self._atom()))
        return _Sequence(tuple(parts))

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _take(self) -> str:
        char = self._peek()
        if not char:
            raise UnknownPatternError(self.text)
        self.at += 1
        return char

    def _atom(self) -> Any:
        char = self._take()
        if char == "(":
            return self._group()
        if char == "[":
            return self._class()
        if char == ".":
            return _Chars(_WORD)
        if char == "\\":
            return self._escape()
        if char in "?*+{":
            raise UnknownPatternError(self.text)
        return _Chars(char)

    def _group(self) -> Any:
        if self._peek() == "?":
            if self.text[self.at : self.at + 2] != "?:":
                raise UnknownPatternError(self.text)
            self.at += 2
        inner = self.choice()
        if self._take() != ")":
            raise UnknownPatternError(self.text)
        return inner

    def _escape(self) -> Any:
        char = self._take()
        if char in _ESCAPES or char in _COMPLEMENTS:
            return _Chars(_ESCAPES.get(char) or _COMPLEMENTS[char])
        if char in "bymMAZ":
            self.ends |= char == "Z"
            return _Sequence(())
        if char.isalnum():
            raise UnknownPatternError(self.text)
        return _Chars(char)

    def _class(self) -> _Chars:
        """The characters of a class; of those that are excluded, the printable others."""
        is_negative = self._peek() in ("^", "!") and bool(self._take())
        found: list[str] = []
        first = True
        while (char := self._take()) != "]" or first:
            first = False
            found.append(self._range(self._member(char)))
        members = "".join(found)
        if is_negative:
            members = "".join(c for c in _WORD if c not in members) or "".join(
                c for c in _PRINTABLE if c not in members
            )
        if not members:
            raise UnknownPatternError(self.text)
        return _Chars("".join(dict.fromkeys(members)))

    def _member(self, char: str) -> str:
        if char == "[" and self._peek() == ":":
            end = self.text.find(":]", self.at)
            name = self.text[self.at + 1 : end]
            if end < 0 or name not in _CLASSES:
                raise UnknownPatternError(self.text)
            self.at = end + 2
            return _CLASSES[name]
        if char == "\\":
            escaped = self._take()
            if escaped in _COMPLEMENTS:
                raise UnknownPatternError(self.text)
            return _ESCAPES.get(escaped, escaped)
        return char

    def _range(self, start: str) -> str:
        following = self.text[self.at : self.at + 2]
        if len(start) != 1 or not following.startswith("-") or following == "-]":
            return start
        self.at += 1
        stop = self._member(self._take())
        if len(stop) != 1 or ord(stop) < ord(start):
            raise UnknownPatternError(self.text)
        return "".join(map(chr, range(ord(start), min(ord(stop), ord(start) + 200) + 1)))

    def _repeated(self, part: Any) -> Any:
        while (char := self._peek()) and char in "?*+{":
            self.at += 1
            if char == "{":
                low, high = self._counts()
            else:
                low, high = {"?": (0, 1), "*": (0, _SOME_MORE), "+": (1, 1 + _SOME_MORE)}[char]
            if self._peek() == "?":  # as few as possible: the same strings
                self.at += 1
            part = _Repeat(part, low, high)
        return part

    def _counts(self) -> tuple[int, int]:
        end = self.text.find("}", self.at)
        low, comma, high = self.text[self.at : max(end, self.at)].partition(",")
        self.at = end + 1
        if end < 0 or not low.isdigit() or (high and not high.isdigit()):
            raise UnknownPatternError(self.text)
        if not comma:
            return int(low), int(low)
        return int(low), int(high) if high else int(low) + _SOME_MORE


def similar_to_regex(pattern: str) -> str:
    """Write a pattern of SIMILAR TO as a regular expression."""
    anchors = {"%": ".*", "_": ".", ".": r"\.", "^": r"\^", "$": r"\$"}
    return f"^(?:{_converted(pattern, anchors, escape=True)})$"


def like_to_regex(pattern: str) -> str:
    """Write a pattern of LIKE as a regular expression."""
    words = {c: f"\\{c}" for c in _SPECIAL if c != "\\"} | {"%": ".*", "_": "."}
    return f"^{_converted(pattern, words, escape=True, has_classes=False)}$"


def glob_to_regex(pattern: str) -> str:
    """Write a pattern of GLOB as a regular expression."""
    words = {c: f"\\{c}" for c in _SPECIAL} | {"*": ".*", "?": "."}
    return f"^{_converted(pattern, words, escape=False)}$"


def _converted(
    pattern: str, words: dict[str, str], *, escape: bool, has_classes: bool = True
) -> str:
    """Replace single characters outside of classes; a backslash takes the next one as it is."""
    pieces: list[str] = []
    is_escaped = is_inside = False
    for char in pattern:
        if is_escaped:
            pieces.append(f"\\{char}" if char in _SPECIAL else char)
            is_escaped = False
        elif escape and char == "\\":
            is_escaped = True
        elif is_inside or (has_classes and char == "["):
            is_inside = char != "]"
            pieces.append(char)
        else:
            pieces.append(words.get(char, char))
    return "".join(pieces)
