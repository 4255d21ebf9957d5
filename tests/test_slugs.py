"""Tests of dbsynth.slugs: slugs of titles stay those of their titles, in tables of any size."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest

from dbsynth.slugs import find_slugs, slug
from tests.generated import drawn, fitted

WORDS = "harbour lantern meadow river stone winter copper orchard".split()


def articles(path: Path, rows: int, *, is_unique: bool) -> str:
    """Articles with titles that are punctuated, and their slugs."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "CREATE TABLE articles (id INTEGER PRIMARY KEY, title TEXT NOT NULL,"
            f" slug VARCHAR(60) NOT NULL {'UNIQUE' if is_unique else ''}, size INTEGER)"
        )
        for i in range(rows):
            title = f"{WORDS[i % 8].title()}'s {WORDS[i // 8 % 8]}, {WORDS[i // 3 % 8]}: part {i}!"
            made = slug(pa.array([title])).to_pylist()[0]
            connection.execute("INSERT INTO articles VALUES (?, ?, ?, ?)", (i, title, made, i % 9))
    return f"sqlite:///{path}"


@pytest.mark.parametrize("is_unique", [True, False])
@pytest.mark.parametrize("rows", [14, 300])
def test_slugs_are_those_of_their_titles(rows: int, is_unique: bool, tmp_path: Path) -> None:
    model = fitted(articles(tmp_path / "a.db", rows, is_unique=is_unique))
    made = next(iter(drawn(model).values())).to_pandas()
    wanted = slug(pa.array(made["title"].astype(str))).to_pylist()
    pairs = zip(made["slug"], wanted, strict=True)
    assert all(own.startswith(text[:50]) for own, text in pairs)
    assert not is_unique or made["slug"].is_unique


def test_columns_that_are_no_slugs_are_left_alone() -> None:
    titles = pa.array([f"The {w} of {v}" for w in WORDS for v in WORDS])
    others = pa.array([f"{w}-{v}" for w in WORDS for v in WORDS])
    assert find_slugs({"title": titles, "code": others}, ["title", "code"]) == {}
    assert find_slugs({"title": titles, "slug": slug(titles)}, ["title", "slug"]) == {
        "slug": "title"
    }
