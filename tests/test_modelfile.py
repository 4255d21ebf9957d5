"""Tests of dbsynth.modelfile: a model survives its file, and whatever is wrong with one is said."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from dbsynth import modelfile
from dbsynth.errors import ModelFileError
from dbsynth.modelfile import FORMAT_VERSION, load, save
from dbsynth.tablemodel import Model
from tests.filler import build, fill_sqlite
from tests.generated import digests, drawn, fitted

MANIFEST = "manifest.json"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return fitted(build("reference_tables", tmp_path_factory.mktemp("model") / "source.sqlite"))


@pytest.fixture
def path(model: Model, tmp_path: Path) -> Path:
    save(model, tmp_path / "shop.dbsynth")
    return tmp_path / "shop.dbsynth"


def members_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewrite(path: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    members = members_of(path)
    change(members)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def sign(members: dict[str, bytes]) -> None:
    """Make the manifest fit, as whoever tampers with a file can."""
    manifest = json.loads(members[MANIFEST])
    manifest["sha256"] = {
        n: hashlib.sha256(d).hexdigest() for n, d in members.items() if n != MANIFEST
    }
    members[MANIFEST] = json.dumps(manifest).encode()


def complaint(path: Path) -> str:
    with pytest.raises(ModelFileError) as caught:
        load(path)
    assert caught.value.remedy.endswith(".")
    return caught.value.message


def test_a_model_comes_back_with_its_plan_and_gives_the_same_rows(model: Model, path: Path) -> None:
    found = load(path)
    assert model.plan == found.plan
    assert digests(drawn(model)) == digests(drawn(found))


def test_the_same_model_gives_the_same_bytes(model: Model, path: Path, tmp_path: Path) -> None:
    save(model, tmp_path / "again")
    save(load(path), tmp_path / "loaded")
    assert path.read_bytes() == (tmp_path / "again").read_bytes()
    assert path.read_bytes() == (tmp_path / "loaded").read_bytes()


def test_saving_leaves_no_other_file(path: Path) -> None:
    assert [path] == list(path.parent.iterdir())


def test_a_model_is_json_safetensors_and_parquet_without_pickle(path: Path) -> None:
    members = members_of(path)
    assert {"json", "safetensors", "parquet"} == {name.rsplit(".", 1)[1] for name in members}
    assert not any(data.startswith(b"\x80") for data in members.values())


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_file_is_refused(path: Path, share: float) -> None:
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert "corrupt" in complaint(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x04pickle"])
def test_a_file_that_is_no_model_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert "not a model file" in complaint(path)


def test_changed_bytes_of_a_member_are_noticed(path: Path) -> None:
    def change(members: dict[str, bytes]) -> None:
        members["tables.json"] = members["tables.json"].replace(b"0.", b"1.", 1)

    rewrite(path, change)
    assert "tables.json" in complaint(path)


def test_every_flipped_byte_is_refused_or_harmless(model: Model, path: Path) -> None:
    original = path.read_bytes()
    for place in range(0, len(original), max(1, len(original) // 60)):
        changed = bytearray(original)
        changed[place] ^= 0xFF
        path.write_bytes(changed)
        with suppress(ModelFileError):
            assert model.plan == load(path).plan


def test_a_newer_format_is_refused_with_its_version(path: Path) -> None:
    def change(members: dict[str, bytes]) -> None:
        manifest = json.loads(members[MANIFEST]) | {"version": FORMAT_VERSION + 1}
        members[MANIFEST] = json.dumps(manifest).encode()

    rewrite(path, change)
    assert f"version {FORMAT_VERSION + 1}" in complaint(path)


@pytest.mark.parametrize("name", ["plan.json", "tables.json", "weights.safetensors"])
def test_a_member_that_is_missing_is_noticed(path: Path, name: str) -> None:
    rewrite(path, lambda members: members.__delitem__(name))
    assert complaint(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plan.json", b"{}"),
        ("plan.json", b"[1"),
        ("tables.json", b"[]"),
        ("tables.json", b'[{"content": 3}]'),
        ("weights.safetensors", b"0"),
    ],
)
def test_members_of_another_shape_are_refused_even_if_signed(
    path: Path, name: str, content: bytes
) -> None:
    def change(members: dict[str, bytes]) -> None:
        members[name] = content
        sign(members)

    rewrite(path, change)
    assert complaint(path)


@pytest.mark.parametrize("manifest", [b"[]", b"{}", b'{"format": "dbsynth model"}', b"nonsense"])
def test_a_manifest_of_another_shape_is_refused(path: Path, manifest: bytes) -> None:
    rewrite(path, lambda members: members.update({MANIFEST: manifest}))
    assert complaint(path)


def test_a_member_that_unpacks_to_too_much_is_not_unpacked(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rewrite(path, lambda members: members.update({"tables.json": b"\0" * 2_000_000}))
    monkeypatch.setattr(modelfile, "MAX_BYTES", 1_000_000)
    assert path.stat().st_size < 500_000
    assert "members of more than" in complaint(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "absent.dbsynth" in complaint(tmp_path / "absent.dbsynth")


def test_a_folder_is_not_a_model(tmp_path: Path) -> None:
    assert str(tmp_path) in complaint(tmp_path)


def test_a_folder_that_is_missing_cannot_be_saved_to(model: Model, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="cannot write"):
        save(model, tmp_path / "missing" / "shop.dbsynth")


SECRETS = """
CREATE TABLE person (id integer PRIMARY KEY, first_name varchar(30), last_name varchar(30),
  email varchar(60) UNIQUE, city varchar(30), salary integer, note text, born date);
"""


@pytest.mark.parametrize("engine", ["marginal", "argn"])
def test_no_value_of_the_few_and_none_that_identifies_is_in_a_file(
    engine: str, tmp_path: Path
) -> None:
    url = fill_sqlite(tmp_path / "source.sqlite", SECRETS, {"person": 200})
    with closing(sqlite3.connect(url)) as connection, connection:
        connection.execute("UPDATE person SET city = 'Commonville'")
        connection.execute("UPDATE person SET city = 'Xyzzyburg' WHERE id < 4")
        connection.execute("UPDATE person SET last_name = 'Qvist' || id, first_name = 'Zdenka'")
        connection.execute("UPDATE person SET salary = 9876543 WHERE id = 7")
        people = "SELECT email, note, last_name, first_name FROM person"
        texts = connection.execute(people).fetchall()
    save(fitted(url, engine=engine), tmp_path / "model")
    unpacked = b"\n".join(members_of(tmp_path / "model").values())
    assert b"Commonville" in unpacked
    assert b"Xyzzyburg" not in unpacked
    assert b"9876543" not in unpacked
    found = {v for row in texts for v in row if v and len(v) > 4 and v.encode() in unpacked}
    assert set() == found
