"""Tests of dbsynth.queries: which SQL file is chosen, and how templates are filled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dbsynth import queries


@pytest.fixture
def sql_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that stands in for the package data, with an empty cache."""
    monkeypatch.setattr(queries.resources, "files", lambda package: tmp_path)
    queries.get.cache_clear()
    (tmp_path / "postgresql").mkdir()
    yield tmp_path / "postgresql"
    queries.get.cache_clear()


def test_the_newest_variant_that_is_not_newer_than_the_server_wins(sql_folder: Path) -> None:
    for suffix in ("", ".140000", ".150000"):
        (sql_folder / f"columns{suffix}.sql").write_text(f"select '{suffix}'", "utf-8")
    (sql_folder / "columns_of.sql").write_text("select 'another name'", "utf-8")

    found = {
        v: queries.get("postgresql", "columns", v) for v in (0, 139999, 140000, 149000, 160001)
    }

    assert found == {
        0: "select ''",
        139999: "select ''",
        140000: "select '.140000'",
        149000: "select '.140000'",
        160001: "select '.150000'",
    }


def test_a_missing_statement_is_named(sql_folder: Path) -> None:
    with pytest.raises(AssertionError, match=r"sql/postgresql/nothing\.sql"):
        queries.get("postgresql", "nothing")
    with pytest.raises(AssertionError, match=r"sql/oracle/columns\.sql"):
        queries.get("oracle", "columns")


def test_a_statement_only_for_newer_servers_says_so(sql_folder: Path) -> None:
    (sql_folder / "rules.150000.sql").write_text("select 1", "utf-8")
    with pytest.raises(AssertionError, match=r"version 130000; there is \[150000\]"):
        queries.get("postgresql", "rules", 130000)


def test_names_and_texts_are_quoted_as_their_dialect_wants() -> None:
    assert (
        queries.identifier("postgresql", 'My "t"'),
        queries.identifier("mysql", 'My `"t"'),
        queries.literal("sqlite", "it's \\"),
        queries.literal("mysql", "it's \\"),
    ) == ('"My ""t"""', '`My ``"t"`', "'it''s \\'", "'it''s \\\\'")


def test_render_fills_every_slot_once_and_leaves_filled_text_alone() -> None:
    filled = queries.render("select {a} from {b}", {"a": '"{b}"', "b": '"t"'})
    assert filled == 'select "{b}" from "t"'


def test_render_refuses_missing_and_surplus_slots() -> None:
    with pytest.raises(AssertionError, match="given were"):
        queries.render("select {a}", {})
    with pytest.raises(AssertionError, match="given were"):
        queries.render("select {a}", {"a": "1", "b": "2"})


def test_every_shipped_statement_starts_with_three_comment_lines() -> None:
    root = Path(queries.__file__).resolve().parent / "sql"
    files = sorted(root.glob("*/*.sql"))
    lacking = [
        str(f.relative_to(root))
        for f in files
        if not all(line.startswith("--") for line in f.read_text("utf-8").splitlines()[:3])
    ]
    assert (bool(files), lacking) == (True, [])
