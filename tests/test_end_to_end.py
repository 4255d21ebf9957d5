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
from dbsynth.tablemodel import Model
from dbsynth.urls import resolve
from tests.filler import build

NewDatabase = Callable[[], str]
SEED = 6  # of the model and of the copy that tests share


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(demo.build(tmp_path_factory.mktemp("shop")))


@pytest.fixture(scope="module")
def model(shop: str, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The shop's model out of its file, the source being gone."""
    folder = tmp_path_factory.mktemp("model")
    gone = folder / "gone.sqlite"
    gone.write_bytes(Path(shop).read_bytes())
    save(run.fit(str(gone), run.Options(engine="marginal", seed=SEED)), folder / "shop.dbsynth")
    gone.unlink()
    return load(folder / "shop.dbsynth")


@pytest.fixture(scope="module")
def copy(shop: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A clone of the shop."""
    target = str(tmp_path_factory.mktemp("copy") / "copy.sqlite")
    dbsynth.clone(shop, target, engine="marginal", seed=SEED)
    return target


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
    options = run.Options(engine="marginal", seed=4, is_ruled=False)  # test_rulecheck has rules
    for source, target in pairwise(stops):
        before = checksum(source)
        done = run.clone(source, target, options)
        assert () == done.findings.errors
        assert before == checksum(source)
        assert () == run.verify(target).errors
        assert {t.name.name: t.source_rows for t in done.tables if t.source_rows} == {
            t.name.name: t.target_rows for t in done.tables if t.target_rows
        }


def test_a_copy_compares_well_with_its_original(shop: str, copy: str) -> None:
    assert () == run.verify(copy, like=shop).errors


def test_the_same_seed_writes_the_same_rows_and_another_seed_others(
    shop: str, small: str, copy: str, tmp_path: Path
) -> None:
    again = str(tmp_path / "again.sqlite")
    dbsynth.clone(shop, again, engine="marginal", seed=SEED)
    assert checksum(copy) == checksum(again)
    targets = [str(tmp_path / f"{seed}.sqlite") for seed in (1, 2)]
    for seed, target in enumerate(targets, 1):
        dbsynth.clone(small, target, engine="marginal", seed=seed)
    one, other = map(checksum, targets)
    assert one["patient"] != other["patient"]


def test_a_model_file_needs_no_source(model: Model, copy: str, tmp_path: Path) -> None:
    made = str(tmp_path / "made.sqlite")
    done = run.generate(model, made)
    assert () == done.findings.errors
    assert checksum(copy) == checksum(made)


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_a_scaled_shop_is_sound(model: Model, tmp_path: Path, scale: float) -> None:
    done = run.generate(model, str(tmp_path / "shop.sqlite"), run.Options(scale=scale))
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


def test_a_saved_plan_is_followed(shop: str, model: Model, copy: str, tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(to_yaml(model.plan), "utf-8")
    followed = str(tmp_path / "followed.sqlite")
    dbsynth.clone(shop, followed, plan=tmp_path / "plan.yaml")
    assert checksum(copy) == checksum(followed)


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
