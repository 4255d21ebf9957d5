"""Foregone: numbers that follow from a label of the row and one above."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np

from dbsynth import run
from dbsynth.codecs import NumberCodec
from dbsynth.encode import NumberColumn, column_from_json, column_to_json
from dbsynth.features import Features, Floats, Ints
from dbsynth.foregone import Foregone, fit_foregone
from dbsynth.release import Release

ACCOUNTS, ROWS = 300, 12
FEES = (14.6, 30.0, 100.0)  # monthly, weekly, rarely


def accounts(few: int = 30) -> tuple[Floats, Ints, Features, Ints]:
    """Every third movement is the fee of its account's tariff, the others are anything."""
    rng = np.random.default_rng(5)
    tariff = np.where(np.arange(ACCOUNTS) < few, np.arange(ACCOUNTS) % 2 + 1, 0)
    groups = np.repeat(np.arange(ACCOUNTS), ROWS)
    label = np.tile(np.arange(ROWS) % 3 + 1, ACCOUNTS)
    values = np.where(label == 1, np.array(FEES)[tariff[groups]], rng.lognormal(7, 1, len(groups)))
    codes = np.stack([rng.integers(0, 9, len(groups)), tariff[groups] + 1], axis=1)
    seen = Features(codes.astype(np.int32), np.zeros((len(groups), 0), np.float32), (9, 4))
    return values, label, seen, groups


def fitted(few: int = 30, release: Release | None = None) -> Foregone | None:
    values, label, seen, groups = accounts(few)
    release = release or Release(1)
    codec = NumberCodec.fit("t.amount", values, groups, release)
    labels = {"colour": np.ones(len(label), np.int64), "kind": label}
    return fit_foregone("t.amount", values, codec, labels, seen, groups, groups, release)


def test_a_value_that_follows_from_two_labels_is_found() -> None:
    found = fitted()
    assert found is not None
    assert set(found.label) == {"kind"}
    assert set(found.code) == {1}
    fees = dict(
        zip(found.above, zip(found.own, found.value, found.share, strict=True), strict=True)
    )
    assert fees == {n + 1: (1, fee, 1.0) for n, fee in enumerate(FEES)}


def test_what_too_few_owners_have_is_not_released() -> None:
    assert fitted(few=8) is None  # nearly all have one fee: nothing to learn from the others
    found = fitted(few=12)  # six of each
    assert found is not None
    assert found.value == (FEES[0],)
    found = fitted(few=12, release=Release(1, is_protected=False))
    assert found is not None
    assert sorted(found.value) == list(FEES)


def test_chance_is_no_rule() -> None:
    values, label, seen, groups = accounts()
    codes = seen.codes[:, :1]
    seen = Features(codes, seen.floats, (9,))
    codec = NumberCodec.fit("t.amount", values, groups, Release(1))
    assert (
        fit_foregone("t", values, codec, {"kind": label}, seen, groups, groups, Release(1)) is None
    )


def test_what_follows_is_put_as_often_as_it_does() -> None:
    found = Foregone(("kind",), (0,), (1,), (2,), (30.0,), (0.75,))
    kind = np.array([1, 1, 2, 1])
    above = np.array([[2], [3], [2], [2]])
    put = found.over(np.zeros(4), lambda _: kind, above, np.array([0.1, 0.1, 0.1, 0.8]))
    assert put.tolist() == [30.0, 0.0, 0.0, 0.0]


def test_it_survives_a_file() -> None:
    values, _, _, groups = accounts()
    codec = NumberCodec.fit("t.amount", values, groups, Release(1))
    column = NumberColumn("amount", codec, foregone=fitted())
    assert column_from_json(column_to_json(column)) == column


def test_a_fee_follows_from_the_tariff_in_a_clone(tmp_path: Path) -> None:
    values, label, seen, groups = accounts()
    with closing(sqlite3.connect(tmp_path / "bank.db")) as db:
        db.execute("CREATE TABLE account (id INTEGER PRIMARY KEY, tariff TEXT NOT NULL)")
        db.execute(
            "CREATE TABLE move (id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL"
            " REFERENCES account, kind TEXT NOT NULL, amount REAL NOT NULL)"
        )
        tariffs = seen.codes[::ROWS, 1]
        db.executemany(
            "INSERT INTO account VALUES (?, ?)", [(i, f"t{t}") for i, t in enumerate(tariffs)]
        )
        moves = zip(
            range(len(values)), groups.tolist(), label.tolist(), values.tolist(), strict=True
        )
        db.executemany(
            "INSERT INTO move VALUES (?, ?, 'k' || ?, round(?, 1))",
            [(i, a, k, v) for i, a, k, v in moves],
        )
        db.commit()
    options = run.Options(quality="fast")
    run.clone(str(tmp_path / "bank.db"), str(tmp_path / "copy.db"), options)
    with closing(sqlite3.connect(tmp_path / "copy.db")) as db:
        found = db.execute(
            "SELECT DISTINCT tariff, amount FROM move JOIN account ON account.id = account_id"
            " WHERE kind = 'k1' ORDER BY 1"
        ).fetchall()
    assert dict(found) == {f"t{n + 1}": fee for n, fee in enumerate(FEES)}
    assert len(found) == len(FEES)
