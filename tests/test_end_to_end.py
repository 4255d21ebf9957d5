"""The sample shop goes once around all databases; copies are sound, sources stay as they were."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

import dbsynth
from dbsynth import demo, run
from dbsynth.adapters import open_source
from dbsynth.errors import DbsynthError, SameDatabaseError, TargetNotEmptyError
from dbsynth.modelfile import load, save
from dbsynth.planfile import to_yaml
from dbsynth.progress import Event
from dbsynth.urls import resolve
from tests.filler import build

NewDatabase = Callable[[], str]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(demo.build(tmp_path_factory.mktemp("shop")))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Three tables, where the shop would only take longer."""
    return build("diamond", tmp_path_factory.mktemp("small") / "small.sqlite")


def checksum(url: str) -> dict[str, tuple[int, str]]:
    """Rows of each table, and a hash over all of them in order of their text."""
    found = {}
    with open_source(resolve(url)) as source:
        for table in source.introspect().tables:
            columns = [c.name for c in table.written_columns]
            lines = sorted(
                repr(row) for batch in source.read(table, columns) for row in batch.to_pylist()
            )
            text = "\n".join(lines).encode()
            found[str(table.name)] = len(lines), hashlib.sha256(text).hexdigest()
    return found


def test_the_shop_survives_a_tour_of_all_databases(
    shop: str, pg_url: str, mysql_url: str, tmp_path: Path
) -> None:
    stops = [shop, pg_url, mysql_url, str(tmp_path / "shop.duckdb"), str(tmp_path / "shop.sqlite")]
    for source, target in pairwise(stops):
        before = checksum(source)
        done = dbsynth.clone(source, target, engine="marginal", seed=4)
        assert () == done.findings.errors
        assert before == checksum(source)
        assert () == run.verify(target).errors
        assert {t.name.name: t.source_rows for t in done.tables if t.source_rows} == {
            t.name.name: t.target_rows for t in done.tables if t.target_rows
        }


def test_a_copy_compares_well_with_its_original(shop: str, tmp_path: Path) -> None:
    target = str(tmp_path / "copy.sqlite")
    dbsynth.clone(shop, target, engine="marginal")
    assert () == run.verify(target, like=shop).errors


def test_the_same_seed_writes_the_same_rows_and_another_seed_others(
    shop: str, tmp_path: Path
) -> None:
    targets = [str(tmp_path / f"{i}.sqlite") for i in range(3)]
    for target, seed in zip(targets, (1, 1, 2), strict=True):
        dbsynth.clone(shop, target, engine="marginal", seed=seed)
    first, again, other = map(checksum, targets)
    assert first == again
    assert first["customers"] != other["customers"]


def test_a_model_file_needs_no_source(shop: str, tmp_path: Path) -> None:
    gone = tmp_path / "gone.sqlite"
    gone.write_bytes(Path(shop).read_bytes())
    save(run.fit(str(gone), run.Options(engine="marginal", seed=6)), tmp_path / "shop.dbsynth")
    gone.unlink()
    made, cloned = str(tmp_path / "made.sqlite"), str(tmp_path / "cloned.sqlite")
    done = run.generate(load(tmp_path / "shop.dbsynth"), made)
    dbsynth.clone(shop, cloned, engine="marginal", seed=6)
    assert () == done.findings.errors
    assert checksum(cloned) == checksum(made)


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_a_scaled_shop_is_sound(shop: str, tmp_path: Path, scale: float) -> None:
    done = dbsynth.clone(shop, str(tmp_path / "shop.sqlite"), engine="marginal", scale=scale)
    assert () == done.findings.errors
    for table in done.tables:
        if table.mode == "generate":
            wanted = table.source_rows * scale
            assert wanted == pytest.approx(table.target_rows, rel=0.02, abs=1.5), table.name


def test_part_of_the_shop_is_sound_by_itself(shop: str, tmp_path: Path) -> None:
    target = str(tmp_path / "part.sqlite")
    done = dbsynth.clone(shop, target, engine="marginal", tables=["orders", "order_lines"])
    assert {"orders", "order_lines"} <= {t.name.name for t in done.tables}
    assert () == run.verify(target).errors


def test_a_saved_plan_is_followed(shop: str, tmp_path: Path) -> None:
    plan = run.plan(shop, run.Options(engine="marginal", seed=2))
    (tmp_path / "plan.yaml").write_text(to_yaml(plan), "utf-8")
    one, other = str(tmp_path / "one.sqlite"), str(tmp_path / "other.sqlite")
    dbsynth.clone(shop, one, plan=tmp_path / "plan.yaml")
    dbsynth.clone(shop, other, engine="marginal", seed=2)
    assert checksum(other) == checksum(one)


def test_a_source_is_never_its_own_target(shop: str) -> None:
    with pytest.raises(SameDatabaseError):
        dbsynth.clone(shop, shop, replace=True, engine="marginal")


class StoppedError(DbsynthError):
    """What stops a run in the middle, as a lost connection would."""


def stop_at(stage: str) -> Callable[[Event], None]:
    def progress(event: Event) -> None:
        if event.stage == stage:
            raise StoppedError(f"stopped at {stage}", "Try again.")

    return progress


@pytest.mark.parametrize("stage", ["fit", "generate", "write", "verify"])
@pytest.mark.parametrize("kind", ["sqlite", "duckdb", "postgresql", "mysql"])
def test_a_run_that_fails_midway_leaves_the_target_as_it_was(
    stage: str, kind: str, small: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    target = occupied(kind, tmp_path, request)
    before = checksum(target)
    with pytest.raises(TargetNotEmptyError):
        dbsynth.clone(small, target, engine="marginal")
    with pytest.raises(StoppedError):
        dbsynth.clone(small, target, engine="marginal", replace=True, progress=stop_at(stage))
    assert before == checksum(target)
    assert [1] == [rows for rows, _ in before.values()]


@pytest.mark.parametrize("kind", ["sqlite", "duckdb", "postgresql", "mysql"])
def test_replace_leaves_nothing_of_what_was_there(
    kind: str, small: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    target = occupied(kind, tmp_path, request)
    dbsynth.clone(small, target, engine="marginal", replace=True)
    assert "precious" not in {n.rpartition(".")[2] for n in checksum(target)}


def occupied(kind: str, folder: Path, request: pytest.FixtureRequest) -> str:
    """A database that holds one table with one row."""
    statements = (
        "CREATE TABLE precious (id integer PRIMARY KEY)",
        "INSERT INTO precious VALUES (42)",
    )
    if kind == "sqlite":
        url = str(folder / "old.sqlite")
        with closing(sqlite3.connect(url)) as connection, connection:
            for statement in statements:
                connection.execute(statement)
        return url
    if kind == "duckdb":
        import duckdb

        url = str(folder / "old.duckdb")
        with duckdb.connect(url) as database:
            for statement in statements:
                database.execute(statement)
        return url
    from tests.asking import ask_mysql, ask_postgresql

    url = request.getfixturevalue("pg_url" if kind == "postgresql" else "mysql_url")
    asked = (ask_postgresql if kind == "postgresql" else ask_mysql)(url)
    asked.execute(*statements)
    asked.close()
    return url
