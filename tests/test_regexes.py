"""Strings that are drawn from a pattern match it."""

import re

import numpy as np
import pytest

from dbsynth.regexes import (
    UnknownPatternError,
    glob_to_regex,
    like_to_regex,
    parse_pattern,
    similar_to_regex,
)

PATTERNS = (
    r"^[A-Z]{3}-\d{4}$", r"^\+?[0-9]{7,15}$", r"^[^@]+@[^@]+\.[a-z]{2,}$", "^(a|bc)+$", "x",
    "^https?://", r"^\d{3}-\d{2}-\d{4}$", r"^(\w+\.)*\w+$", "[]a]", "^[a-z0-9](-?[a-z0-9])*$",
    r"^(?:one|two|three)\s\S{2,}$", "^[^a-z]{4}$",
)  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_drawn_strings_match(pattern: str) -> None:
    drawn = parse_pattern(pattern).draw(np.random.default_rng(0), 300)
    assert all(re.search(pattern, text) for text in drawn.tolist())


def test_named_classes_are_known() -> None:
    drawn = parse_pattern("^[[:upper:]][[:alnum:]_]*$").draw(np.random.default_rng(0), 100)
    assert all(re.fullmatch("[A-Z][a-z0-9_]*", text) for text in drawn.tolist())


@pytest.mark.parametrize("pattern", ["(?=a)b", "a{x}", "[a", "(a", r"\1", "[[:nothing:]]", "*a"])
def test_other_patterns_are_refused(pattern: str) -> None:
    with pytest.raises(UnknownPatternError):
        parse_pattern(pattern)


def test_like_glob_and_similar_are_regular_expressions() -> None:
    assert re.fullmatch(like_to_regex("a%_.c"), "a--x.c")
    assert not re.fullmatch(like_to_regex("a%_.c"), "axxc")
    assert re.fullmatch(like_to_regex(r"50\%"), "50%")
    assert re.fullmatch(glob_to_regex("[A-Z]?-*"), "Ab-anything")
    assert not re.fullmatch(glob_to_regex("a.c"), "abc")
    assert re.fullmatch(similar_to_regex("(ab|c)+_%"), "abcX")
    assert not re.fullmatch(similar_to_regex("a.c"), "abc")
