"""Pairs of a column that names a table and one that refers to it: found, planned, kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from dbsynth import run
from dbsynth.adapters import open_source
from dbsynth.config import parse
from dbsynth.errors import PlanFileError
from dbsynth.planfile import from_yaml, to_yaml
from dbsynth.references import Reference
from dbsynth.schema import TableName
from dbsynth.urls import resolve
from tests.filler import build

OPTIONS = run.Options(engine="marginal", seed=5)
GOALS = """
    CREATE TABLE posts (id INTEGER PRIMARY KEY, words INTEGER);
    CREATE TABLE media_photo (id INTEGER PRIMARY KEY, width INTEGER);
    CREATE TABLE note (id INTEGER PRIMARY KEY, {kind} TEXT, {key} INTEGER);
    INSERT INTO posts WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
        WHERE i < 40) SELECT 100 + i, i FROM n;
    INSERT INTO media_photo WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
        WHERE i < 30) SELECT i, i FROM n;
"""
NOTES = """
    INSERT INTO note WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
        WHERE i < 90)
        SELECT i, CASE WHEN i % 3 = 0 THEN '{photo}' ELSE '{post}' END,
            CASE WHEN i % 3 = 0 THEN 1 + i % 30 ELSE 101 + i % 40 END FROM n;
"""


def make(path: Path, script: str) -> str:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
        connection.commit()
    return str(path)


def notes(
    path: Path,
    more: str = "",
    kind: str = "topic_type",
    key: str = "topic_id",
    post: str = "Post",
    photo: str = "Media::Photo",
) -> str:
    script = GOALS.format(kind=kind, key=key) + NOTES.format(post=post, photo=photo)
    return make(path, script + more)


def found(url: str) -> tuple[Reference, ...]:
    references = run.plan(url, OPTIONS).references
    return tuple(r for r in references if r.type_column)


def goals(reference: Reference) -> dict[str, str]:
    return {lead.label: lead.parent.name for lead in reference.leads}


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("topic_type", "topic_id"),
        ("topicType", "topicId"),
        ("topic", "topic_id"),
        ("owner_kind", "owner_id"),
        ("entity", "entity_id"),
    ],
)
def test_a_pair_is_found_by_its_names(sqlite_path: Path, kind: str, key: str) -> None:
    (one,) = found(notes(sqlite_path, kind=kind, key=key))
    assert (one.type_column, one.columns, one.is_accepted) == (kind, (key,), True)
    assert goals(one) == {"Post": "posts", "Media::Photo": "media_photo"}


@pytest.mark.parametrize(
    ("post", "photo"),
    [
        ("App\\Models\\Post", "App\\Models\\MediaPhoto"),
        ("posts", "media_photo"),
        ("blog.post", "media.photo"),
        ("POST", "PHOTO"),
    ],
)
def test_labels_name_tables_in_many_spellings(sqlite_path: Path, post: str, photo: str) -> None:
    (one,) = found(notes(sqlite_path, post=post, photo=photo))
    assert goals(one) == {post: "posts", photo: "media_photo"}
    assert one.is_accepted


def test_a_pair_with_orphans_is_only_proposed(sqlite_path: Path) -> None:
    (one,) = found(notes(sqlite_path, "UPDATE note SET topic_id = 9000 WHERE id = 7;"))
    assert (one.is_accepted, one.orphans, one.rows) == (False, 1, 90)


def test_a_pair_of_which_one_label_names_no_table_is_only_proposed(sqlite_path: Path) -> None:
    more = "UPDATE note SET topic_type = 'Invoice' WHERE id % 9 = 0;"
    (one,) = found(notes(sqlite_path, more))
    assert not one.is_accepted
    assert goals(one) == {"Post": "posts", "Media::Photo": "media_photo"}


def test_rare_labels_are_not_told(sqlite_path: Path) -> None:
    url = notes(sqlite_path, "UPDATE note SET topic_type = 'Secret' WHERE id IN (2, 4);")
    (one,) = found(url)
    assert "2 rows have labels too rare" in one.why
    assert "Secret" not in to_yaml(run.plan(url, OPTIONS))


def test_a_category_beside_a_plain_reference_is_no_pair(sqlite_path: Path) -> None:
    script = """
        CREATE TABLE posts (id INTEGER PRIMARY KEY, words INTEGER);
        CREATE TABLE gift (id INTEGER PRIMARY KEY, words INTEGER);
        CREATE TABLE note (id INTEGER PRIMARY KEY, post_type TEXT, post_id INTEGER);
        INSERT INTO posts WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
            WHERE i < 40) SELECT i, i FROM n;
        INSERT INTO gift SELECT * FROM posts;
        INSERT INTO note SELECT id, CASE WHEN id % 2 THEN 'gift' ELSE 'plain' END, id FROM posts;
    """
    references = run.plan(make(sqlite_path, script), OPTIONS).references
    assert {str(r): r.is_accepted for r in references} == {"note (post_id) -> posts (id)": True}


def test_a_plan_file_carries_polymorphic_references(tmp_path: Path) -> None:
    url = build("polymorphic_pairs", tmp_path / "source.sqlite")
    plan = run.plan(url, OPTIONS)
    with open_source(resolve(url, {})) as source:
        schema = source.introspect()
        declared = replace(schema, script=source.script(schema))
    assert from_yaml(to_yaml(plan), declared) == plan
    roles = {k.columns[0]: k.role for k in plan.tables[TableName("", "reaction")].keys}
    assert roles == {"account_id": "owner", "entity_id": "polymorphic"}


def counts(url: str, sql: str) -> list[tuple[object, ...]]:
    with open_source(resolve(url, {})) as source:
        table = source.query(sql)
    return sorted(tuple(row.values()) for row in table.to_pylist())


SHARES = "SELECT commentable_type AS t, count(*) AS n FROM {s}comment GROUP BY commentable_type"
FAN = """
    SELECT max(n) AS most, count(*) AS used FROM (
        SELECT count(*) AS n FROM {s}comment WHERE commentable_type = 'Photo'
        GROUP BY commentable_id) AS d
"""
PATTERN = """
    SELECT count(*) AS n FROM {s}tagged
    WHERE (content_type_id IS NULL) <> (object_id IS NULL)
"""


@pytest.fixture(params=["sqlite", "duckdb", "postgresql", "mysql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where an empty database of each kind is."""
    fixtures = {"postgresql": "pg_url", "mysql": "mysql_url"}
    if request.param in fixtures:
        yield str(request.getfixturevalue(fixtures[request.param]))
    else:
        yield str(tmp_path / f"copy.{request.param}")


def test_pairs_are_kept_from_and_to_every_database(place: str, tmp_path: Path) -> None:
    url = build("polymorphic_pairs", tmp_path / "source.sqlite")
    first = run.clone(url, place, OPTIONS)
    assert len(first.references) == 7
    for sql in (SHARES, FAN, PATTERN):
        assert counts(place, sql.format(s="")) == counts(url, sql.format(s=""))
    assert run.verify(place).is_sound
    again = tmp_path / "again.sqlite"
    second = run.clone(place, str(again), OPTIONS)  # found in this kind of database as well
    assert len(second.references) == 7
    assert run.verify(str(again)).is_sound


def test_a_broken_label_or_id_is_found(tmp_path: Path) -> None:
    url = build("polymorphic_pairs", tmp_path / "source.sqlite")
    target = tmp_path / "copy.sqlite"
    run.clone(url, str(target), OPTIONS)
    with closing(sqlite3.connect(target)) as connection:
        connection.execute("UPDATE comment SET commentable_id = 9999 WHERE id IN (1, 2)")
        connection.execute("UPDATE tagged SET content_type_id = 8 WHERE content_type_id = 7")
        connection.commit()
    errors = run.verify(str(target)).errors
    assert {f.check for f in errors} == {"foreign key", "polymorphic type"}


@pytest.mark.parametrize("scale", [0.1, 2.5])
def test_pairs_scale_with_their_tables(tmp_path: Path, scale: float) -> None:
    url = build("polymorphic_pairs", tmp_path / "source.sqlite")
    target = tmp_path / "copy.sqlite"
    run.clone(url, str(target), run.Options(engine="marginal", scale=scale))
    before, after = (dict(counts(u, SHARES.format(s=""))) for u in (url, str(target)))
    assert sum(after.values()) == pytest.approx(300 * scale, abs=2)
    assert {k: pytest.approx(v * scale, abs=4) for k, v in before.items()} == after


def test_the_network_learns_who_refers_where(tmp_path: Path) -> None:
    url = build("polymorphic_pairs", tmp_path / "source.sqlite")
    target = tmp_path / "copy.sqlite"
    done = run.clone(url, str(target), run.Options(quality="fast", seed=2))
    assert done.findings.errors == ()
    assert [row[0] for row in counts(str(target), SHARES.format(s=""))] == [
        "Blog::Post", "Comment", "Photo",
    ]  # fmt: skip


def test_rows_of_an_empty_table_refer_to_others(tmp_path: Path) -> None:
    url = build("polymorphic_pairs", tmp_path / "source.sqlite")
    target = tmp_path / "copy.sqlite"
    config = parse("tables: {photo: {mode: empty}}")
    run.clone(url, str(target), run.Options(engine="marginal", config=config))
    assert [row[0] for row in counts(str(target), SHARES.format(s=""))] == ["Blog::Post", "Comment"]


def test_a_table_of_labels_must_be_copied(tmp_path: Path) -> None:
    url = build("polymorphic_pairs", tmp_path / "source.sqlite")
    path = tmp_path / "plan.yaml"
    text = to_yaml(run.plan(url, OPTIONS))
    before, after = text.split("table: content_type\n")
    path.write_text(
        before + "table: content_type\n" + after.replace("mode: copy", "mode: generate", 1), "utf-8"
    )
    with pytest.raises(PlanFileError) as caught:
        run.plan(url, run.Options(plan_file=path))
    assert any(p.startswith("content_type: must be copied") for p in caught.value.problems)


def test_two_tables_that_comment_on_each_other_are_kept(sqlite_path: Path, tmp_path: Path) -> None:
    script = """
        CREATE TABLE task (id INTEGER PRIMARY KEY, subject_type TEXT NOT NULL,
            subject_id INTEGER NOT NULL);
        CREATE TABLE memo (id INTEGER PRIMARY KEY, subject_type TEXT NOT NULL,
            subject_id INTEGER NOT NULL);
        INSERT INTO task WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
            WHERE i < 60) SELECT i, CASE WHEN i % 2 THEN 'Memo' ELSE 'Task' END, 1 + i % 50 FROM n;
        INSERT INTO memo WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
            WHERE i < 50) SELECT i, CASE WHEN i % 3 THEN 'Task' ELSE 'Memo' END, 1 + i % 40 FROM n;
    """
    url, target = make(sqlite_path, script), tmp_path / "copy.sqlite"
    done = run.clone(url, str(target), OPTIONS)
    assert len(done.references) == 4
    shares = "SELECT subject_type AS t, count(*) AS n FROM task GROUP BY subject_type"
    assert counts(str(target), shares) == [("Memo", 30), ("Task", 30)]
