"""Tests of the Parquet target: folders of files, verified through DuckDB, swapped at once."""

from __future__ import annotations

import hashlib
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from pyarrow import parquet

from dbsynth import demo, run
from dbsynth.adapters import folders, open_source, open_target, parquet_files
from dbsynth.errors import (
    ConnectError,
    LockedError,
    RefusedError,
    TargetNotEmptyError,
    VerifyFailedError,
)
from dbsynth.report import Run
from dbsynth.schema import Column, Schema, SqlType, Table, TableName
from dbsynth.urls import resolve
from tests.filler import build
from tests.table_sums import table_sums

OPTIONS = run.Options(seed=3, engine="marginal", jobs=1)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eighteen tables: a tree, a cycle, composite keys."""
    return demo.build(tmp_path_factory.mktemp("parquet"))


@pytest.fixture(scope="module")
def copy(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    """The shop as Parquet files, and what was told of it; nobody changes them."""
    target = tmp_path_factory.mktemp("copy") / "copy.parquet"
    return target, run.clone(str(shop), str(target), OPTIONS)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three tables, where the shop would only take longer."""
    return Path(build("diamond", tmp_path_factory.mktemp("small") / "small.sqlite"))


def sums(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in folder.rglob("*.parquet")
    }


def test_a_copy_is_a_folder_of_files_for_each_table_and_is_sound(
    shop: Path, copy: tuple[Path, Run]
) -> None:
    target, done = copy
    assert done.findings.is_sound
    assert any("Parquet files have no rules" in loss.reason for loss in done.losses)
    for table in done.tables:
        files = str(target / parquet_files.folder_name(table.target) / "*.parquet")
        (rows,) = duckdb.sql(f"SELECT count(*) FROM '{files}'").fetchall()
        assert rows == (table.target_rows,)
    found = run.verify(str(target), str(shop))
    assert found.is_sound
    assert found.made["foreign key"] > 10
    assert [target.name] == [p.name for p in target.parent.iterdir()]  # no lock, no leftovers


def test_the_rows_are_those_of_any_other_target(
    shop: Path, copy: tuple[Path, Run], tmp_path: Path
) -> None:
    run.clone(str(shop), str(tmp_path / "copy.duckdb"), OPTIONS)
    assert table_sums(str(copy[0])) == table_sums(str(tmp_path / "copy.duckdb"))


def test_the_same_seed_gives_the_same_bytes(
    shop: Path, copy: tuple[Path, Run], tmp_path: Path
) -> None:
    run.clone(str(shop), str(tmp_path / "again.parquet"), OPTIONS)
    assert sums(copy[0]) == sums(tmp_path / "again.parquet")
    assert len(sums(copy[0])) >= 18


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_folder_is_replaced_as_a_whole(
    small: Path, tmp_path: Path, can_exchange: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not can_exchange:
        monkeypatch.setattr(folders, "_exchanged", lambda one, other: False)
    target = tmp_path / "copy.parquet"
    run.clone(str(small), str(target), OPTIONS)
    (target / "left.txt").write_text("of the first run")
    with pytest.raises(TargetNotEmptyError):
        run.clone(str(small), str(target), OPTIONS)
    assert (target / "left.txt").exists()
    again = run.Options(seed=4, engine="marginal", replace=True, jobs=1)
    run.clone(str(small), str(target), again)
    assert not (target / "left.txt").exists()
    assert [target.name] == [p.name for p in tmp_path.iterdir()]


def test_a_run_that_was_killed_between_two_renames_is_put_right(
    small: Path, tmp_path: Path
) -> None:
    target = tmp_path / "copy.parquet"
    run.clone(str(small), str(target), OPTIONS)
    before = sums(target)
    target.rename(tmp_path / f".{target.name}.dbsynth-old")
    with open_target(resolve(str(target))) as writer:
        writer.begin(replace=True)
    assert before == sums(target)


def test_a_load_that_fails_leaves_what_was_there(small: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.parquet"
    run.clone(str(small), str(target), OPTIONS)
    before = sums(target)
    with open_target(resolve(str(target))) as writer:
        writer.begin(replace=True)
        writer.create(writer.adopt(one_table()).schema)
    assert before == sums(target)
    assert [target.name] == [p.name for p in tmp_path.iterdir()]


def test_files_of_others_are_never_replaced(small: Path, tmp_path: Path) -> None:
    target = tmp_path / "photos.parquet"
    target.mkdir()
    (target / "holiday.jpg").write_bytes(b"me")
    wishes = run.Options(seed=3, engine="marginal", replace=True)
    with pytest.raises(RefusedError, match="did not write"):
        run.clone(str(small), str(target), wishes)
    assert b"me" == (target / "holiday.jpg").read_bytes()
    file = tmp_path / "file.parquet"
    file.write_bytes(b"PAR1")
    with pytest.raises(ConnectError, match="is a file"):
        run.clone(str(small), str(file), wishes)
    with pytest.raises(ConnectError, match="no sound"):
        run.verify(str(target))


def test_two_runs_cannot_write_one_folder(tmp_path: Path) -> None:
    place = resolve(str(tmp_path / "copy.parquet"))
    with open_target(place) as one, open_target(place) as other:
        one.check()
        with pytest.raises(LockedError):
            other.check()


def one_table() -> Schema:
    whole = Column(name="id", type=SqlType(kind="integer", native="BIGINT", bits=64))
    text = Column(name="na/me", type=SqlType(kind="string", native="VARCHAR"))
    name = TableName("main", "odd/na.me")
    table = Table(name=name, columns=(whole, text), primary_key=("id",))
    return Schema(dialect="postgresql", server_version="15", tables=(table,))


def test_many_rows_are_cut_into_files_and_backfilled_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_files, "PART_ROWS", 100)
    monkeypatch.setattr(parquet_files, "GROUP_ROWS", 40)
    target = tmp_path / "copy.parquet"
    with open_target(resolve(str(target))) as writer:
        adopted = writer.adopt(one_table()).schema
        writer.begin(replace=False)
        writer.create(adopted)
        (table,) = adopted.tables
        kinds = pa.schema([("id", pa.int64()), ("na/me", pa.string())])
        batches = [
            pa.RecordBatch.from_pydict(
                {"id": list(range(s, s + 30)), "na/me": [None] * 30}, schema=kinds
            )
            for s in range(0, 300, 30)
        ]
        assert 300 == writer.write(table, batches)
        late = pa.RecordBatch.from_pydict({"id": [5, 299], "na/me": ["a", "b"]}, schema=kinds)
        assert 2 == writer.backfill(table, ["na/me"], [late])
        writer.finish(adopted)
        writer.commit()
    (folder,) = (p for p in target.iterdir() if p.is_dir())
    files = sorted(folder.iterdir())
    assert [120, 120, 60] == [parquet.ParquetFile(f).metadata.num_rows for f in files]
    assert 2 == parquet.ParquetFile(files[0]).metadata.num_row_groups
    with open_source(resolve(str(target))) as source:
        (found,) = source.introspect().tables
        rows = [r for b in source.read(found, ["id", "na/me"]) for r in b.to_pylist()]
    assert [(5, "a"), (299, "b")] == [(r["id"], r["na/me"]) for r in rows if r["na/me"]]
    assert list(range(300)) == [r["id"] for r in rows]


@pytest.mark.parametrize(
    "name",
    ["cycle_strict", "data_shapes", "enum_check_generated", "hard_names", "several_schemas",
     "types_numbers", "pg_objects"],
)  # fmt: skip
def test_cases_come_through(name: str, tmp_path: Path, pg_url: str) -> None:
    source = build(name, pg_url)
    try:
        done = run.clone(source, str(tmp_path / "copy.parquet"), OPTIONS)
    except VerifyFailedError as exc:
        raise AssertionError(exc.problems) from exc
    assert done.findings.is_sound
