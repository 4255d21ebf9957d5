"""References that nothing declares are found by name and values, planned, and kept in a copy."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from dbsynth import run
from dbsynth.adapters import open_source
from dbsynth.config import parse
from dbsynth.errors import PlanFileError
from dbsynth.planfile import from_yaml, to_yaml
from dbsynth.references import Reference
from dbsynth.release import Release
from dbsynth.sample import read_profile
from dbsynth.schema import Schema, TableName
from dbsynth.undeclared.propose import propose
from dbsynth.urls import resolve

STAFF = """
CREATE TABLE unit (unit_id INTEGER PRIMARY KEY, title TEXT, manager_id INTEGER);
CREATE TABLE staff (
    id INTEGER PRIMARY KEY, unit_id INTEGER NOT NULL, manager_id INTEGER, grade INTEGER,
    badge_id INTEGER
);
INSERT INTO unit VALUES (1, 'a', 2), (2, 'b', 3), (3, 'c', NULL);
INSERT INTO staff VALUES
    (1, 1, NULL, 1, 7), (2, 1, 1, 2, 8), (3, 2, 1, 2, 9), (4, 3, 2, 1, 7), (5, 3, 2, 3, 8);
"""
STAFF_KEYS = [
    ("staff", ("manager_id",), "staff", ("id",)),
    ("staff", ("unit_id",), "unit", ("unit_id",)),
    ("unit", ("manager_id",), "staff", ("id",)),
]


def make(path: Path, script: str) -> str:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
        connection.commit()
    return str(path)


def proposed(url: str) -> tuple[Reference, ...]:
    with open_source(resolve(url, {})) as source:
        schema = source.introspect()
        counts = {t.name: source.count(t.name) for t in schema.tables}
        return propose(source, schema, read_profile(source, schema), counts, Release(0))


def found(url: str) -> list[tuple[str, tuple[str, ...], str, tuple[str, ...]]]:
    """The keys that are kept without being asked."""
    keys = [k for r in proposed(url) if r.is_accepted for k in r.foreign_keys]
    assert not any(k.is_declared for k in keys)
    return [(k.child.name, k.columns, k.parent.name, k.parent_columns) for k in keys]


def told(url: str) -> dict[str, bool]:
    """Every proposal in words, and whether it is accepted."""
    return {str(r): r.is_accepted for r in proposed(url)}


def test_references_are_found_by_table_name_role_and_likeness(sqlite_path: Path) -> None:
    assert found(make(sqlite_path, STAFF)) == STAFF_KEYS


@pytest.mark.parametrize("column", ["previous_visit_id", "parent", "replaced_by", "boss_id"])
def test_a_row_refers_to_its_own_table_by_a_role(sqlite_path: Path, column: str) -> None:
    script = f"""
        CREATE TABLE visits (id INTEGER PRIMARY KEY, {column} INTEGER);
        INSERT INTO visits VALUES (1, NULL), (2, 1), (3, 2);
    """
    expected = [] if column == "boss_id" else [("visits", (column,), "visits", ("id",))]
    assert found(make(sqlite_path, script)) == expected


def test_one_value_without_a_parent_is_enough_to_refuse(sqlite_path: Path) -> None:
    url = make(sqlite_path, STAFF + "INSERT INTO staff VALUES (6, 99, 99, 1, 7);")
    assert found(url) == []


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("shop_id TEXT", "'1'"),  # not the type of the key
        ("shop_count INTEGER", "1"),  # says how many, not which
        ("workshop INTEGER", "1"),  # another word
        ("shop_id INTEGER REFERENCES shop", "1"),  # declared already
    ],
)
def test_a_column_that_is_no_reference_is_left_alone(
    sqlite_path: Path, column: str, values: str
) -> None:
    script = f"""
        CREATE TABLE shop (id INTEGER PRIMARY KEY);
        CREATE TABLE visit (id INTEGER PRIMARY KEY, {column});
        INSERT INTO shop VALUES (1), (2), (3);
        INSERT INTO visit VALUES (10, {values}), (11, 2);
    """
    assert found(make(sqlite_path, script)) == []


def test_a_name_that_fits_two_tables_equally_is_left_alone(sqlite_path: Path) -> None:
    script = """
        CREATE TABLE red_shop (shop_id INTEGER PRIMARY KEY);
        CREATE TABLE blue_shop (shop_id INTEGER PRIMARY KEY);
        CREATE TABLE visit (id INTEGER PRIMARY KEY, shop_id INTEGER);
        INSERT INTO red_shop VALUES (1), (2);
        INSERT INTO blue_shop VALUES (1), (2);
        INSERT INTO visit VALUES (1, 1), (2, 2);
    """
    assert found(make(sqlite_path, script)) == []


def declared(url: str) -> Schema:
    with open_source(resolve(url, {})) as source:
        schema = source.introspect()
        return replace(schema, script=source.script(schema))


def test_a_plan_file_carries_undeclared_keys(sqlite_path: Path) -> None:
    url = make(sqlite_path, STAFF)
    plan = run.plan(url)
    assert from_yaml(to_yaml(plan), declared(url)) == plan


def test_a_plan_file_with_an_impossible_undeclared_key_is_refused(sqlite_path: Path) -> None:
    url = make(sqlite_path, STAFF)
    text = to_yaml(run.plan(url)).replace("- unit_id\n", "- nothing\n")
    with pytest.raises(PlanFileError) as caught:
        from_yaml(text, declared(url))
    assert "references: entry 2: columns: staff has no column nothing" in caught.value.problems


def test_a_copy_keeps_undeclared_references(sqlite_path: Path, tmp_path: Path) -> None:
    url = make(sqlite_path, STAFF)
    target = tmp_path / "copy.sqlite"
    run.clone(url, str(target), run.Options(engine="marginal"))
    orphans = "SELECT count(*) FROM {} WHERE {} NOT IN (SELECT {} FROM {})"
    with closing(sqlite3.connect(target)) as connection:
        counts = [
            connection.execute(orphans.format(child, *columns, *keys, parent)).fetchone()[0]
            for child, columns, parent, keys in STAFF_KEYS
        ]
    assert counts == [0, 0, 0]


SHELVES = """
CREATE TABLE shelf (hall TEXT, place INTEGER, height INTEGER, PRIMARY KEY (hall, place));
CREATE TABLE parcel (
    id INTEGER PRIMARY KEY, hall TEXT, place INTEGER, from_hall TEXT, from_place INTEGER
);
INSERT INTO shelf VALUES ('a', 1, 9), ('a', 3, 8), ('b', 2, 9), ('b', 7, 5);
INSERT INTO parcel VALUES (1, 'a', 1, 'b', 2), (2, 'b', 7, 'b', 2), (3, 'b', 2, 'a', 3);
"""


def test_references_of_two_columns_are_found(sqlite_path: Path) -> None:
    url = make(sqlite_path, SHELVES)
    assert told(url) == {"parcel (hall, place) -> shelf (hall, place)": True}


def test_columns_that_are_a_declared_key_already_refer_to_nothing_else(sqlite_path: Path) -> None:
    # Rows of both tables refer to the same rows, and one of them to each of them once.
    tree = """
        CREATE TABLE node (id INTEGER, part TEXT, up_id INTEGER, up_part TEXT,
            PRIMARY KEY (part, id), FOREIGN KEY (up_id, up_part) REFERENCES node (id, part));
        CREATE TABLE extra (id INTEGER PRIMARY KEY, up_id INTEGER NOT NULL, up_part TEXT NOT NULL,
            UNIQUE (up_id, up_part), FOREIGN KEY (up_id, up_part) REFERENCES node (id, part));
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12)
        INSERT INTO node SELECT i, 'ab' || (i % 5), nullif(i - 1, 0),
            CASE WHEN i > 1 THEN 'ab' || ((i - 1) % 5) END FROM n;
        INSERT INTO extra SELECT id, id, part FROM node;
    """
    keys = [k for r in proposed(make(sqlite_path, tree)) for k in r.foreign_keys]
    assert ("up_id", "up_part") not in [k.columns for k in keys]


def test_pairs_that_are_not_there_refuse_a_reference_of_two_columns(sqlite_path: Path) -> None:
    url = make(sqlite_path, SHELVES + "INSERT INTO parcel VALUES (4, 'a', 7, NULL, NULL);")
    assert told(url) == {}


def test_texts_lead_where_their_values_are_though_no_name_says_so(sqlite_path: Path) -> None:
    script = """
        CREATE TABLE airport (faa TEXT PRIMARY KEY, city TEXT);
        CREATE TABLE flight (id INTEGER PRIMARY KEY, origin TEXT, seat TEXT);
        INSERT INTO airport VALUES ('EWR', 'x'), ('JFK', 'y'), ('LGA', 'z'), ('ORD', 'u');
        INSERT INTO flight VALUES (1, 'EWR', '12A'), (2, 'JFK', '1B'), (3, 'LGA', '7C');
    """
    url = make(sqlite_path, script)
    assert told(url) == {"flight (origin) -> airport (faa)": False}


def test_a_column_may_begin_with_what_its_own_table_is_called(sqlite_path: Path) -> None:
    rows = ", ".join(f"({i}, {i * 37 % 900 + 1}, 'b{i}')" for i in range(1, 1200))
    url = make(
        sqlite_path,
        f"""
        CREATE TABLE site_posts (id INTEGER PRIMARY KEY, body TEXT);
        CREATE TABLE site_comments (
            comment_id INTEGER PRIMARY KEY, comment_post_id INTEGER, body TEXT
        );
        INSERT INTO site_posts SELECT value, 'p' || value FROM json_each('{list(range(1, 1001))}');
        INSERT INTO site_comments VALUES {rows};
        """,
    )
    assert found(url) == [("site_comments", ("comment_post_id",), "site_posts", ("id",))]


def test_columns_that_the_database_computes_are_no_parents(sqlite_path: Path) -> None:
    url = make(
        sqlite_path,
        """
        CREATE TABLE member (
            id INTEGER PRIMARY KEY, nick TEXT NOT NULL, team TEXT NOT NULL,
            folded TEXT AS (lower(nick)) STORED UNIQUE, UNIQUE (team, folded)
        );
        CREATE TABLE visit (id INTEGER PRIMARY KEY, who TEXT, team TEXT, folded TEXT);
        INSERT INTO member VALUES (1, 'Ann', 'a'), (2, 'Bob', 'a'), (3, 'Cid', 'b');
        INSERT INTO visit VALUES (1, 'ann', 'a', 'ann'), (2, 'bob', 'a', 'bob'),
            (3, 'cid', 'b', 'cid');
        """,
    )
    assert found(url) == []


def numbers(rows: int) -> str:
    return f"""
        CREATE TABLE shop (id INTEGER PRIMARY KEY, x INTEGER);
        CREATE TABLE visit (
            id INTEGER PRIMARY KEY, shop_id INTEGER, quantity INTEGER, rank INTEGER,
            line_no INTEGER, shops INTEGER, sort_order INTEGER, score INTEGER, version_id INTEGER
        );
        INSERT INTO shop WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
            WHERE i < {rows}) SELECT i, i FROM n;
        INSERT INTO visit WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
            WHERE i < {rows})
            SELECT i, 1 + i % 40, 1 + i % 9, i, 1 + i % 4, 1 + i % 6, 1 + i % 50,
                1 + i * 7 % {rows}, 1 + i % 3 FROM n;
    """


def test_small_numbers_in_a_run_of_ids_are_no_references(sqlite_path: Path) -> None:
    assert told(make(sqlite_path, numbers(400))) == {"visit (shop_id) -> shop (id)": True}


def test_a_few_orphans_make_a_proposal_and_many_make_none(sqlite_path: Path) -> None:
    url = make(sqlite_path, numbers(400) + "UPDATE visit SET shop_id = 9000 + id WHERE id <= 4;")
    (one,) = proposed(url)
    assert (one.is_accepted, one.orphans, one.rows) == (False, 4, 400)
    assert one.leads[0].coverage == 0.99


def test_a_name_alone_makes_no_proposal(sqlite_path: Path) -> None:
    url = make(sqlite_path, numbers(400) + "UPDATE visit SET shop_id = -id;")
    assert proposed(url) == ()


def test_parents_that_are_too_many_to_be_read_are_asked(sqlite_path: Path) -> None:
    url = make(sqlite_path, STAFF)
    with open_source(resolve(url, {})) as source:
        schema = source.introspect()
        counts = {t.name: source.count(t.name) for t in schema.tables}
        few = read_profile(source, schema, limit=4)
        references = propose(source, schema, few, counts, Release(0))
    assert [r.foreign_keys[0].columns for r in references if r.is_accepted] == [
        columns for _, columns, _, _ in STAFF_KEYS
    ]


def edited(url: str, path: Path, column: str, *, accepted: bool) -> Path:
    """A plan in which the user changed `accepted` of the reference of one column."""
    plan = YAML()
    text = to_yaml(run.plan(url, run.Options(engine="marginal")))
    data = plan.load(text)
    (one,) = [r for r in data["references"] if r["columns"] == [column]]
    one["accepted"] = accepted
    with path.open("w", encoding="utf-8") as file:
        plan.dump(data, file)
    return path


CLAIMS = numbers(400) + "UPDATE visit SET shop_id = 9000 + id WHERE id <= 4;"


def test_a_reference_that_the_user_accepts_is_kept_like_a_declared_one(
    sqlite_path: Path, tmp_path: Path
) -> None:
    url = make(sqlite_path, CLAIMS)
    path = edited(url, tmp_path / "plan.yaml", "shop_id", accepted=True)
    options = run.Options(plan_file=path)
    plan = run.plan(url, options)
    visit = plan.tables[TableName("", "visit")]
    assert [(k.columns, k.parent.name) for k in visit.keys] == [(("shop_id",), "shop")]
    assert visit.columns["shop_id"].kind == "foreign key"
    told = "visit (shop_id) -> shop (id): 4 of 400 rows have no parent; in the copy every one has"
    assert told in plan.notes
    assert from_yaml(to_yaml(plan), declared(url)) == plan
    target = tmp_path / "copy.sqlite"
    done = run.clone(url, str(target), options)
    assert [k.parent.name for k in done.references] == ["shop"]
    with closing(sqlite3.connect(target)) as connection:
        orphans = "SELECT count(*) FROM visit WHERE shop_id NOT IN (SELECT id FROM shop)"
        assert connection.execute(orphans).fetchone() == (0,)
        assert run.verify(str(target)).is_sound
        connection.execute("UPDATE visit SET shop_id = 9999 WHERE id = 1")
        connection.commit()
    assert [f.check for f in run.verify(str(target)).errors] == ["foreign key"]


def test_a_reference_that_the_user_refuses_is_not_kept(sqlite_path: Path, tmp_path: Path) -> None:
    url = make(sqlite_path, numbers(400))
    path = edited(url, tmp_path / "plan.yaml", "shop_id", accepted=False)
    plan = run.plan(url, run.Options(plan_file=path))
    visit = plan.tables[TableName("", "visit")]
    assert visit.keys == ()
    assert visit.columns["shop_id"].kind == "number"


def test_other_edits_of_a_plan_stay_when_a_reference_is_accepted(
    sqlite_path: Path, tmp_path: Path
) -> None:
    url = make(sqlite_path, CLAIMS)
    path = edited(url, tmp_path / "plan.yaml", "shop_id", accepted=True)
    plan = YAML()
    data = plan.load(path.read_text("utf-8"))
    (visit,) = [t for t in data["tables"] if t["table"] == "visit"]
    visit["rows"], visit["columns"]["score"]["treatment"] = 70, "void"
    with path.open("w", encoding="utf-8") as file:
        plan.dump(data, file)
    made = run.plan(url, run.Options(plan_file=path)).tables[TableName("", "visit")]
    assert (made.target_rows, made.columns["score"].kind) == (70, "void")
    assert made.columns["shop_id"].kind == "foreign key"


def test_the_configuration_accepts_and_refuses_references(
    sqlite_path: Path, tmp_path: Path
) -> None:
    url = make(sqlite_path, CLAIMS)
    config = parse("""
        references:
          - {child: visit, columns: shop_id, parent: shop}
          - {child: visit, columns: [version_id], parent: shop, parent_columns: [id]}
    """)
    plan = run.plan(url, run.Options(config=config))
    assert {str(r): r.is_accepted for r in plan.references} == {
        "visit (shop_id) -> shop (id)": True,
        "visit (version_id) -> shop (id)": True,
    }
    (found,) = [r for r in plan.references if r.columns == ("version_id",)]
    assert (found.rows, found.orphans, found.why) == (400, 0, "set by the user")
    refused = parse("references: [{child: visit, columns: shop_id, parent: shop, accepted: no}]")
    with pytest.raises(PlanFileError):  # `no` is a word in YAML 1.2
        run.plan(url, run.Options(config=refused))
    refused = parse("references: [{child: visit, columns: shop_id, parent: shop, accepted: false}]")
    (one,) = run.plan(url, run.Options(config=refused)).references
    assert not one.is_accepted


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (
            "{child: vist, columns: x, parent: shop}",
            "child: there is no table 'vist'; did you mean",
        ),
        ("{child: visit, columns: shopid, parent: shop}", "columns: visit has no column shopid"),
        ("{child: visit, columns: shop_id, parent: shop, parent_columns: x}", "x of shop is not"),
        ("{child: visit, colums: shop_id, parent: shop}", "unknown key 'colums'; did you mean"),
        ("{child: visit, columns: [shop_id, id], parent: shop}", "it has 2 columns, and 1 in shop"),
        ("{child: visit, type: rank, columns: shop_id}", "labels must be a mapping"),
        ("visit", "must be a mapping of names"),
    ],
)
def test_references_that_cannot_be_are_refused_with_their_place(
    sqlite_path: Path, entry: str, problem: str
) -> None:
    url = make(sqlite_path, numbers(40))
    config = parse(f"references: [{entry}]")
    with pytest.raises(PlanFileError) as caught:
        run.plan(url, run.Options(config=config))
    assert any(
        p.startswith("references: entry 1: ") and problem in p for p in caught.value.problems
    )


def test_a_column_has_one_reference_only(sqlite_path: Path) -> None:
    url = make(sqlite_path, STAFF)
    twice = parse("""
        references:
          - {child: staff, columns: badge_id, parent: staff}
          - {child: staff, columns: badge_id, parent: unit}
    """)
    with pytest.raises(PlanFileError) as caught:
        run.plan(url, run.Options(config=twice))
    assert "references: staff: accept one reference of badge_id only" in caught.value.problems


SQUAD = """
CREATE TABLE player (player_id TEXT PRIMARY KEY, born INTEGER);
CREATE TABLE bat (player_id TEXT REFERENCES player, year INTEGER, stint INTEGER, hits INTEGER,
    PRIMARY KEY (player_id, year, stint));
CREATE TABLE appearance (player_id TEXT REFERENCES player, year INTEGER, team TEXT, games INTEGER,
    PRIMARY KEY (player_id, year, team));
CREATE TABLE field (id INTEGER PRIMARY KEY, player_id TEXT REFERENCES player, year INTEGER,
    stint INTEGER, team TEXT, errors INTEGER);
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 399)
INSERT INTO player SELECT printf('p%05d', i * 7), 1950 + i % 40 FROM n WHERE i < 100;
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 399)
INSERT INTO bat
    SELECT printf('p%05d', i / 4 * 7), 1975 + i / 4 % 30 + i % 4, 1 + i % 7 / 4, i % 50 FROM n;
INSERT INTO appearance SELECT player_id, year, 'T' || (year + hits) % 12, hits FROM bat;
INSERT INTO field SELECT NULL, b.player_id, b.year, b.stint, a.team, b.hits % 3
    FROM bat AS b JOIN appearance AS a USING (player_id, year);
"""


def test_of_keys_that_rows_made_on_their_own_cannot_both_have_one_is_kept(tmp_path: Path) -> None:
    url = make(tmp_path / "a.sqlite", SQUAD)
    told = [(r.columns, r.leads[0].parent.name) for r in proposed(url) if r.child.name == "field"]
    both = {(("player_id", "year", "stint"), "bat"), (("player_id", "year", "team"), "appearance")}
    assert both <= set(told)
    kept = [key for key in found(url) if key[0] == "field" and len(key[1]) > 1]
    assert len(kept) == 1


THREADS = """
CREATE TABLE member (id INTEGER PRIMARY KEY, nick TEXT);
CREATE TABLE thread (
    id INTEGER PRIMARY KEY, parent_id INTEGER NOT NULL DEFAULT 0, member_id INTEGER NOT NULL,
    mood INTEGER NOT NULL
);
WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
    INSERT INTO member SELECT i, 'm' || i FROM n;
WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
    INSERT INTO thread SELECT i, CASE WHEN i % 3 OR i < 9 THEN 0 ELSE i / 2 + i % 4 END,
        CASE WHEN i % 4 THEN 1 + i % 40 ELSE 0 END, i % 3 FROM n;
"""


def test_a_value_that_stands_for_no_reference_is_none(sqlite_path: Path, tmp_path: Path) -> None:
    url = make(sqlite_path, THREADS)
    assert told(url) == {
        "thread (member_id) -> member (id)": True, "thread (parent_id) -> thread (id)": True,
    }  # fmt: skip
    target = tmp_path / "copy.db"
    options = run.Options(seed=1, engine="marginal")
    done = run.clone(url, str(target), options)
    assert done.findings.is_sound
    with closing(sqlite3.connect(target)) as connection:
        for column, parent, share in (("parent_id", "thread", 0.66), ("member_id", "member", 0.25)):
            lost, none, rows = connection.execute(
                f"SELECT sum({column} <> 0 AND {column} NOT IN (SELECT id FROM {parent})),"
                f" sum({column} = 0), count(*) FROM thread"
            ).fetchone()
            assert (lost, rows) == (0, 400)
            assert none / rows == pytest.approx(share, abs=0.08)
        ((text,),) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'thread'")
    assert "parent_id INTEGER NOT NULL DEFAULT 0" in text
    assert run.verify(str(target), url, options).is_sound
    evaluated = run.evaluate(url, str(target))
    assert evaluated


def test_what_stands_for_no_reference_is_in_the_plan(sqlite_path: Path, tmp_path: Path) -> None:
    url, path = make(sqlite_path, THREADS), tmp_path / "plan.yaml"
    made = run.plan(url, run.Options(engine="marginal"))
    assert ["0", "0"] == [r.none for r in made.references]
    path.write_text(to_yaml(made))
    again = run.plan(url, run.Options(plan_file=path))
    assert (made.schema, made.references) == (again.schema, again.references)
    path.write_text(path.read_text().replace("accepted: true", "accepted: false"))
    refused = run.plan(url, run.Options(plan_file=path))
    assert not any(c.none or c.is_nullable for c in refused.schema.table(
        TableName("", "thread")).columns if c.name != "id")  # fmt: skip


@pytest.mark.parametrize(
    "script",
    [
        THREADS.replace(" DEFAULT 0", " CHECK (parent_id < 9999)").replace("ELSE 0", "ELSE 1"),
        THREADS + "INSERT INTO thread VALUES (0, 1, 1, 1); INSERT INTO member VALUES (0, 'zero');",
    ],
)  # fmt: skip
def test_a_value_that_is_a_key_stands_for_nothing(sqlite_path: Path, script: str) -> None:
    assert not any(r.none for r in proposed(make(sqlite_path, script)))
