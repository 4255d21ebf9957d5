"""Series: rows at regular moments, laid out in time and tied to the row before."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbsynth import run
from dbsynth.features import Floats, Ints
from dbsynth.release import Release
from dbsynth.series import DENSE, FEWEST_ROWS, Series, apart, fit_series
from dbsynth.steering import drawn
from dbsynth.ties import LEAST_ROWS, MOST_ROWS, Beside, ordered, pieces

HOUR, YEAR = 3_600.0, 8_760
STATIONS, HOURS = 3, 800
START = 1_700_000_000 // 3_600 * 3_600.0


def hourly(hours: Ints) -> tuple[Floats, Ints, Ints]:
    """Moments of two parents at some hours."""
    seconds = np.concatenate([START + hours * HOUR] * 2)
    parents = np.repeat(np.arange(2), len(hours))
    return seconds, parents, np.arange(len(seconds))


def fitted(hours: Ints) -> Series | None:
    seconds, parents, entities = hourly(hours)
    release = Release(1)
    return fit_series("t.at", ("at", "fk"), seconds, parents, entities, release, is_known=True)


def test_regular_moments_are_found_and_laid_out_again() -> None:
    rng = np.random.default_rng(1)
    hours = np.flatnonzero(rng.random(YEAR) < 0.97)
    series = fitted(hours)
    assert series is not None
    assert (series.step, series.offset) == (HOUR, 0.0)
    parents = np.repeat([0, 1], [len(hours), len(hours) - 60])
    moments = series.moments(parents, np.random.default_rng(2))
    gaps = apart(HOUR, moments, parents)
    later = gaps[np.isfinite(gaps)]
    assert np.isinf(gaps).sum() == 2
    assert (later == np.round(later)).all()
    assert later.min() == 1
    assert np.mean(later == 1) > 0.95
    assert np.ptp(moments) == pytest.approx(YEAR * HOUR, rel=0.01)


def test_hours_that_have_no_rows_stay_empty() -> None:
    hours = np.arange(YEAR)[np.arange(YEAR) % 24 >= 8]  # closed at night
    series = fitted(hours)
    assert series is not None
    moments = series.moments(np.zeros(2_000, np.int64), np.random.default_rng(2))
    real = {int(h % 24) for h in (START / HOUR + hours)}
    assert {int(m / HOUR % 24) for m in moments} == real


def test_moments_of_chance_are_no_series() -> None:
    rng = np.random.default_rng(1)
    assert fitted(np.sort(rng.choice(YEAR * 100, 2_000, replace=False))) is None
    assert fitted(np.sort(rng.choice(YEAR, int(YEAR * DENSE / 2), replace=False))) is None
    assert fitted(np.arange(FEWEST_ROWS // 4)) is None


@given(rows=st.integers(1, 400), seed=st.integers(0, 2**32))
def test_any_number_of_rows_has_moments_of_its_own(rows: int, seed: int) -> None:
    whole = START, START + 99 * HOUR
    series = Series("at", "", HOUR, 0.0, (0.9,) * 168, whole, {})
    moments = series.moments(np.zeros(rows, np.int64), np.random.default_rng(seed))
    assert len(moments) == rows
    assert (np.diff(moments) > 0).all()
    assert np.ptp(moments) < max(rows, 100) * HOUR


def test_a_full_series_stays_full() -> None:
    """Its ends are released as means of the outermost rows: it must not become sparse for that."""
    series = fitted(np.arange(FEWEST_ROWS))
    assert series is not None
    parents = np.repeat([0, 1], FEWEST_ROWS)
    moments = series.moments(parents, np.random.default_rng(1)).reshape(2, -1)
    assert (np.diff(moments) == HOUR).all()
    assert np.abs(moments[:, 0] - START).max() <= 3 * HOUR


def test_neighbours_are_near_and_all_values_as_frequent() -> None:
    steps = np.ones(5_000)
    steps[::500] = np.inf
    rng = np.random.default_rng(3)
    near, free = (Beside(steps).uniforms(t, rng) for t in (0.95, 0.0))
    is_next = np.isfinite(steps[1:])

    def alike(x: Floats) -> float:
        return float(np.corrcoef(x[1:][is_next], x[:-1][is_next])[0, 1])

    assert alike(near) > 0.85
    assert abs(alike(free)) < 0.1
    for found in (near, free):
        assert np.abs(np.histogram(found, 10, (0, 1))[0] - 500).max() <= 20
    starts = near[np.flatnonzero(np.isinf(steps))]
    assert np.ptp(starts) > 0.3  # a series does not go on where another ends


def test_tokens_are_drawn_in_the_order_of_what_they_stand_for() -> None:
    shares = np.full((4, 4), 0.25)
    uniforms = np.array([0.1, 0.3, 0.6, 0.9])
    places = np.array([np.nan, 30.0, 10.0, 20.0])
    assert ordered(shares, places, uniforms).tolist() == [0, 2, 3, 1]
    assert ordered(shares, None, uniforms).tolist() == drawn(shares, uniforms).tolist()


def test_a_series_survives_a_file() -> None:
    series = fitted(np.arange(YEAR))
    assert series is not None
    series = replace(series, ties=(0.0, 0.95))
    assert Series.from_json(series.to_json()) == series


@settings(max_examples=20)
@given(sizes=st.lists(st.integers(1, 900_000), min_size=1, max_size=4))
def test_series_stay_whole_unless_they_are_very_long(sizes: list[int]) -> None:
    parents = np.repeat(np.arange(len(sizes)), sizes)
    found = pieces(parents)
    assert [a for a, _ in found] == [0, *(b for _, b in found[:-1])]
    assert found[-1][1] == len(parents)
    assert all(0 < b - a <= MOST_ROWS for a, b in found)
    cuts = {a for a, _ in found} - {0}
    ends = set(np.cumsum(sizes).tolist())
    assert cuts <= ends or max(sizes) + LEAST_ROWS > MOST_ROWS


def measure(path: Path, *, is_regular: bool) -> None:
    """Three stations that measure every hour, but for some; the temperature changes slowly."""
    rng = np.random.default_rng(4)
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE station (code TEXT PRIMARY KEY, town TEXT NOT NULL)")
        db.executemany("INSERT INTO station VALUES (?, ?)", [(f"s{n}", "x") for n in range(20)])
        db.execute(
            "CREATE TABLE reading (station TEXT NOT NULL REFERENCES station,"
            " at TIMESTAMP NOT NULL, warmth REAL NOT NULL"
            + (", PRIMARY KEY (station, at))" if is_regular else ", id INTEGER PRIMARY KEY)")
        )
        for station in range(STATIONS):
            warmth = 0.0
            for hour in np.flatnonzero(rng.random(HOURS) < 0.98):
                warmth = 0.97 * warmth + rng.normal()
                at = np.datetime64("2024-01-01T00:00:00") + np.timedelta64(int(hour), "h")
                at += 0 if is_regular else np.timedelta64(int(rng.integers(3_600)), "s")
                row = (f"s{station}", str(at).replace("T", " "), round(warmth, 1))
                db.execute("INSERT INTO reading (station, at, warmth) VALUES (?, ?, ?)", row)
        db.commit()


@pytest.mark.parametrize("is_regular", [True, False])
def test_a_copy_changes_slowly(tmp_path: Path, is_regular: bool) -> None:
    measure(tmp_path / "source.db", is_regular=is_regular)
    found = []
    for jobs in (1, 2):
        target = tmp_path / f"copy{jobs}.db"
        options = run.Options(quality="fast", jobs=jobs, is_cached=False)
        run.clone(str(tmp_path / "source.db"), str(target), options)
        with closing(sqlite3.connect(target)) as db:
            ask = "SELECT station, at, warmth FROM reading ORDER BY station, at"
            found.append(db.execute(ask).fetchall())
    assert found[0] == found[1]
    names, moments, warmth = zip(*found[0], strict=True)
    seconds = np.array(moments, "datetime64[s]").astype(np.float64)
    codes = np.unique(names, return_inverse=True)[1]
    gaps = apart(HOUR, seconds, codes)
    is_next = np.isfinite(gaps)
    if is_regular:
        assert np.mean(gaps[is_next] == 1) > 0.9
        assert (gaps[is_next] % 1 == 0).all()
    here = np.flatnonzero(is_next)
    values = np.array(warmth)
    assert np.corrcoef(values[here], values[here - 1])[0, 1] > 0.8
