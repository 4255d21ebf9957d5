"""Drifts: numbers that move little by little from sibling to sibling."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dbsynth import run
from dbsynth.bending import Outline
from dbsynth.codecs import NumberCodec
from dbsynth.conditions import siblings_of
from dbsynth.drifts import FAR, drifted, fit_drift, last_known, look_back
from dbsynth.encode import NumberColumn
from dbsynth.features import Floats
from dbsynth.release import Release
from dbsynth.rows import Layout, place_number

TRACKS, FIXES = 120, 25
OWNERS = np.repeat(np.arange(TRACKS), FIXES)
SIBLINGS = siblings_of(OWNERS, len(OWNERS))
OPEN = Release(0, is_protected=False)


def track(seed: int = 0) -> Floats:
    """Where things are that begin anywhere and move on a little."""
    rng = np.random.default_rng(seed)
    moves = rng.normal(0.3, 0.5, (TRACKS, FIXES))
    moves[:, 0] = rng.uniform(0, 60, TRACKS)
    return np.round(moves.cumsum(axis=1).ravel(), 1)


def fit(values: Floats, release: Release = OPEN) -> NumberCodec | None:
    return fit_drift("t.x", values, SIBLINGS.previous, SIBLINGS.count, OWNERS, release)


def test_what_moves_little_by_little_is_found() -> None:
    found = fit(track())
    assert found is not None
    assert -2.0 < found.low < 0.0 < found.high < 3.0
    rng = np.random.default_rng(1)
    level = np.repeat(rng.uniform(0, 60, TRACKS), FIXES)
    assert fit(np.round(level + rng.normal(0, 1, len(level)), 1)) is None  # one level, no way
    assert fit(np.floor(track() / 10)) is None  # few values, each with a token of its own
    assert fit(np.where(np.arange(len(OWNERS)) == 7, np.inf, track())) is None
    few = OWNERS * 0
    assert fit_drift("t.x", track(), SIBLINGS.previous, SIBLINGS.count, few, Release(1)) is None


def test_what_counts_is_found_however_few_its_values_are() -> None:
    rng = np.random.default_rng(2)
    age = np.repeat(rng.integers(20, 60, TRACKS), FIXES) + SIBLINGS.index
    found = fit(age.astype(np.float64))
    assert found is not None
    assert found.spikes == (1.0,)
    paused = np.repeat(rng.integers(20, 60, TRACKS), FIXES) + SIBLINGS.index // 2
    assert fit(paused.astype(np.float64)) is None  # half of the time it stays
    assert fit((age % 7).astype(np.float64)) is None  # days of the week
    assert fit(np.repeat(rng.integers(20, 60, TRACKS), FIXES).astype(np.float64)) is None


def test_what_is_unknown_is_looked_for_among_siblings_before() -> None:
    nothing = np.nan
    values = np.array([1.0, nothing, nothing, 4.0, 5.0, nothing, nothing])
    previous = np.array([-1, 0, 1, 2, -1, 4, -1])
    found = last_known(values, previous)
    assert np.array_equal(found, [nothing, 1, 1, 1, nothing, 5, nothing], equal_nan=True)
    long = np.append(3.0, np.full(FAR + 1, nothing))
    rows = np.arange(len(long))
    assert np.isfinite(look_back(long, rows, rows)[1 : FAR + 1]).all()
    assert np.isnan(look_back(long, rows, rows)[FAR + 1])


def test_a_track_is_drawn_as_it_was_learned() -> None:
    values = track()
    values[30:33] = np.nan
    column = NumberColumn("x", NumberCodec.fit("t.x", values, OWNERS, OPEN), drift=fit(values))
    (slot,) = (layout := Layout((column,))).slots
    first, later = layout.targets({"x": values}, {}, SIBLINGS.previous)
    middle = np.full(len(values), 0.5)
    start = place_number(column, slot.heads[0], first, middle, values)
    before = last_known(values, SIBLINGS.previous)
    onward = place_number(column, slot.heads[1], later, middle, before)
    is_first = SIBLINGS.index == 0
    found = np.where(is_first, start, onward)
    assert np.array_equal(np.isnan(found), np.isnan(values))
    assert np.nanmax(np.abs(found - values)[~is_first & (SIBLINGS.index != 8)]) < 1.0
    assert np.nanmedian(np.abs(found - values)[~is_first]) < 0.06


@given(st.lists(st.floats(-1e6, 1e6) | st.just(np.nan), min_size=1, max_size=30))
def test_no_move_leads_beyond_the_ends(moves: list[float]) -> None:
    codec = NumberCodec.fit("t.x", track(), OWNERS, OPEN)
    found = drifted(codec, np.full(len(moves), 30.0), np.array(moves))
    assert np.array_equal(np.isnan(found), np.isnan(moves))
    known = found[np.isfinite(found)]
    assert ((known >= codec.low) & (known <= codec.high)).all()
    assert np.allclose(codec.snap(known), known)


def test_ends_that_contradict_each_other_say_nothing() -> None:
    told = Outline(*(np.array(x) for x in ([1.0, 5.0], [2.0, 4.0], [0.5, 0.5], [0.5, 0.5])))
    assert np.array_equal(told.sound().high, [2.0, np.nan], equal_nan=True)


def test_a_copy_of_tracks_moves_like_them(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'source.db'}"
    here, there = track(1), track(2)
    with closing(sqlite3.connect(tmp_path / "source.db")) as source:
        source.executescript("""
            CREATE TABLE storm (id INTEGER PRIMARY KEY);
            CREATE TABLE fix (storm INTEGER REFERENCES storm, day DATE, here NUMERIC, there REAL,
                PRIMARY KEY (storm, day));
        """)
        source.executemany("INSERT INTO storm VALUES (?)", [(n,) for n in range(TRACKS)])
        days = np.datetime64("2024-01-01") + OWNERS * 3 + SIBLINGS.index
        rows = zip(OWNERS.tolist(), map(str, days), here.tolist(), there.tolist(), strict=True)
        source.executemany("INSERT INTO fix VALUES (?, ?, ?, ?)", list(rows))
        source.commit()
    copy = tmp_path / "copy.db"
    run.clone(url, f"sqlite:///{copy}", run.Options(seed=3, engine="tree"))
    with closing(sqlite3.connect(copy)) as target:
        found = np.array(
            target.execute("SELECT storm, here, there FROM fix ORDER BY storm, day").fetchall()
        )
    same = np.diff(found[:, 0]) == 0
    for column, real in ((1, here), (2, there)):
        steps = np.abs(np.diff(found[:, column])[same])
        usual = np.abs(np.diff(real)[SIBLINGS.index[1:] > 0])
        assert 0.7 < steps.mean() / usual.mean() < 1.5
        assert np.quantile(steps, 0.99) < 3 * np.quantile(usual, 0.99)
