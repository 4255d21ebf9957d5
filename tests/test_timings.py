"""Timings: rows choose parents that are there by then, and are measured from the latest."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsynth import run
from dbsynth.anchors import fit_datetime
from dbsynth.codecs import NumberCodec
from dbsynth.encode import LATEST, NumberColumn, start_of
from dbsynth.exchanging import Slots, Windows, claim, exchange
from dbsynth.features import Floats, Ints
from dbsynth.release import Release
from dbsynth.timings import Timing, fit_timing, years_of
from dbsynth.values import DAY

ROWS, PARENTS = 400, 40
OPEN = Release(0, is_protected=False)
NO_RULES = run.Options(seed=2, engine="tree", is_ruled=False)


def rng_of(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture(name="world")
def _world() -> tuple[Ints, dict[str, Floats], dict[str, Floats], Ints]:
    """Rows that choose any parent that is there: pointers, parents' dates, own dates, entities."""
    rng = rng_of(5)
    theirs = {
        "made": np.sort(rng.uniform(0, 900 * DAY, PARENTS)),
        "any": rng.uniform(0, 1, PARENTS),
    }
    own = {"at": rng.uniform(300 * DAY, 1_000 * DAY, ROWS), "born": rng.uniform(-9, 0, ROWS)}
    pointers = np.array([rng.choice(np.flatnonzero(theirs["made"] <= at)) for at in own["at"]])
    pointers[:20] = -1
    theirs["gone"] = theirs["made"] + 2_000 * DAY
    return pointers, theirs, own, np.arange(ROWS)


def test_dates_that_always_come_first_are_found(
    world: tuple[Ints, dict[str, Floats], dict[str, Floats], Ints],
) -> None:
    pointers, theirs, own, entities = world
    found = fit_timing("to_parent", pointers, theirs, own, entities, OPEN, rng_of())
    # That all are born before, and that nobody comes after the end, would hold with any parent.
    assert found == Timing("to_parent", "made", ("at",))
    assert Timing.from_json(found.to_json()) == found
    few = entities // ROWS
    assert fit_timing("to_parent", pointers, theirs, own, few, OPEN, rng_of()) is None


def test_the_end_of_parents_is_found_too() -> None:
    rng = rng_of(1)
    opens = np.arange(PARENTS) * 30 * DAY
    theirs = {"opens": opens, "closes": opens + 30 * DAY}
    pointers = rng.integers(0, PARENTS, ROWS)
    own = {"at": opens[pointers] + rng.uniform(0, 30 * DAY, ROWS)}
    found = fit_timing("k", pointers, theirs, own, np.arange(ROWS), OPEN, rng)
    assert found is not None
    assert replace(found, lags=()) == Timing("k", "opens", ("at",), "closes", ("at",))
    assert max(found.lags) <= 30 * DAY  # much less than for any that is there
    windows = Windows.of(found, own, theirs)
    mixed = rng.permutation(pointers)
    taken = exchange(mixed, np.zeros(ROWS, np.int64), None, windows, rng)
    late = own["at"] > theirs["closes"][mixed[taken]]
    assert np.mean(late | (own["at"] < opens[mixed[taken]])) < 0.1


def test_what_is_copied_from_the_parent_says_nothing() -> None:
    pointers = rng_of().integers(0, PARENTS, ROWS)
    made = np.arange(PARENTS) * DAY
    own = {"copy": made[pointers]}
    assert fit_timing("k", pointers, {"made": made}, own, np.arange(ROWS), OPEN, rng_of()) is None


@st.composite
def choices(draw: st.DrawFn) -> tuple[Ints, Ints, Ints, Windows]:
    """Any rows with pointers, kinds and owners, at any time."""
    rows, parents = draw(st.integers(1, 40)), draw(st.integers(1, 9))
    rng = rng_of(draw(st.integers(0, 999)))
    pointers = rng.integers(-1, parents, rows)
    start = rng.choice([-np.inf, 1.0, 4.0, 8.0], parents)
    first = rng.choice([0.0, 3.0, 6.0, 9.0, np.inf], rows)
    nothing = np.full(rows, -np.inf), np.full(parents, np.inf)
    kinds = rng.integers(0, 3, parents)[pointers]
    owners = np.sort(rng.integers(-1, 8, rows))
    return pointers, kinds, owners, Windows(first, nothing[0], start, nothing[1])


@given(choices())
def test_rows_exchange_parents_and_nothing_else(
    choice: tuple[Ints, Ints, Ints, Windows],
) -> None:
    pointers, kinds, owners, windows = choice
    taken = exchange(pointers, kinds, owners, windows, rng_of())
    after = pointers[taken]
    assert sorted(after) == sorted(pointers)
    assert (after[pointers < 0] == -1).all()
    here = pointers >= 0
    kind_of = dict(zip(pointers[here].tolist(), kinds[here].tolist(), strict=True))
    assert [kind_of[p] for p in after[here].tolist()] == kinds[here].tolist()
    early = windows.first < windows.start[np.maximum(pointers, 0)]
    still = windows.first < windows.start[np.maximum(after, 0)]
    assert not (still & ~early & here).any()  # nobody is worse off
    for owner in set(owners[owners >= 0].tolist()):
        own = here & (owners == owner)
        same = pointers[own][:, None] == pointers[own]
        assert (after[own][:, None] == after[own])[same].all()


def test_numbers_that_can_be_years_tell_when_they_begin() -> None:
    rng = rng_of(3)
    values = {
        "year": rng.integers(1980, 2020, ROWS).astype(np.float64),
        "size": rng.integers(1, 2020, ROWS).astype(np.float64),
        "share": rng.uniform(1980, 2020, ROWS),
        "#children": rng.integers(1980, 2020, ROWS).astype(np.float64),
    }
    values["year"][:9] = np.nan
    entities = np.arange(ROWS)
    columns = [NumberColumn(n, NumberCodec.fit(n, v, entities, OPEN)) for n, v in values.items()]
    found = years_of(columns, values)
    assert list(found) == ["year"]
    assert np.isnan(found["year"][:9]).all()
    known = found["year"][9:].astype("datetime64[s]")
    assert np.array_equal(known.astype("datetime64[Y]").astype(np.int64) + 1970, values["year"][9:])
    assert np.array_equal(known, known.astype("datetime64[Y]").astype("datetime64[s]"))


def test_places_are_claimed_by_the_nearest_that_begin_before() -> None:
    starts = np.array([0.0, 10.0, 20.0, 30.0, 5.0])
    slots = Slots(np.array([0, 0, 0, 0, 1]), starts, np.array([9.0, 99.0, 25.0, 99.0, 99.0]))
    rows, firsts = np.arange(5), np.array([0.0, 21.0, 31.0, 40.0, 6.0])
    groups = np.array([0, 0, 0, 0, 1])
    found = claim(rows, firsts, np.full(5, 26.0), groups, slots, (1.0, 1.0), rng_of())
    # Nothing begins before the first; the second leaves what ends too soon.
    assert found.tolist() == [-1, 1, 3, 2, 4]


@given(choices(), st.booleans())
def test_no_place_is_claimed_twice_or_too_early(
    choice: tuple[Ints, Ints, Ints, Windows], is_near: bool
) -> None:
    pointers, kinds, _, windows = choice
    rows = np.argsort(windows.first, kind="stable")
    starts = windows.start[np.maximum(pointers, 0)]
    slots = Slots(kinds, starts, np.full(len(starts), np.inf))
    lags = (0.0, 2.0) if is_near else ()
    found = claim(rows, windows.first, windows.last, kinds, slots, lags, rng_of())
    taken = found[found >= 0]
    assert len(set(taken.tolist())) == len(taken)
    assert (starts[taken] < windows.first[found >= 0]).all()
    assert (kinds[taken] == kinds[found >= 0]).all()


def test_a_date_is_measured_from_the_latest_of_the_rows_above() -> None:
    rng = rng_of(3)
    above = {n: rng.uniform(0, 1_000 * DAY, ROWS) for n in ("fk_user/made", "fk_group/made")}
    values = np.maximum(*above.values()) + rng.exponential(5 * DAY, ROWS)
    fitted = fit_datetime(
        "t.at", "at", values, np.arange(ROWS), OPEN, above,
        siblings=None, is_strict=False, is_date=True, above=above,
    )  # fmt: skip
    assert fitted.anchor == LATEST.join(above)
    assert (start_of(fitted.anchor, above) == np.maximum(*above.values())).all()
    alone = fit_datetime(
        "t.at", "at", values, np.arange(ROWS), OPEN, above,
        siblings=None, is_strict=False, is_date=True,
    )  # fmt: skip
    assert LATEST not in alone.anchor  # dates of the row itself are not all there yet


SCHEMA = """
CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, made TIMESTAMP NOT NULL);
CREATE TABLE things (
    id INTEGER PRIMARY KEY, label TEXT NOT NULL, launched TIMESTAMP NOT NULL, maker INTEGER NOT NULL
    REFERENCES people
);
CREATE TABLE visits (
    id INTEGER PRIMARY KEY, person INTEGER NOT NULL REFERENCES people, at TIMESTAMP NOT NULL
);
CREATE TABLE looks (
    visit INTEGER NOT NULL REFERENCES visits, thing INTEGER NOT NULL REFERENCES things,
    PRIMARY KEY (visit, thing)
);
CREATE TABLE notes (
    id INTEGER PRIMARY KEY, author INTEGER NOT NULL REFERENCES people,
    thing INTEGER NOT NULL REFERENCES things, written TIMESTAMP NOT NULL
);
"""


def moments() -> Iterator[tuple[str, tuple[object, ...]]]:
    """Rows whose parents are all there when they happen."""
    rng, begin = rng_of(8), datetime(2020, 1, 1, tzinfo=UTC)

    def at(day: float) -> str:
        return f"{begin + timedelta(seconds=int(day * DAY)):%Y-%m-%d %H:%M:%S}"

    made = np.sort(rng.uniform(0, 900, 200))
    for i, day in enumerate(made):
        yield "people VALUES (?, ?, ?)", (i, f"p{i}@example.com", at(day))
    launched = np.sort(rng.uniform(0, 900, 120))
    for i, day in enumerate(launched):
        maker = int(rng.integers(max(1, np.searchsorted(made, day))))
        yield "things VALUES (?, ?, ?, ?)", (i, "abc"[i % 3], at(max(day, made[maker])), maker)
    launched = np.maximum(launched, made.min())
    for i in range(600):
        person, thing = int(rng.integers(200)), int(rng.integers(120))
        day = max(made[person], 1.0) + rng.uniform(1, 300)
        yield "visits VALUES (?, ?, ?)", (i, person, at(day))
        seen = rng.permutation(np.flatnonzero(launched < day - 1))[:2]
        for other in seen.tolist():
            yield "looks VALUES (?, ?)", (i, other)
        written = max(made[person], launched[thing]) + 1 + rng.exponential(9)
        yield "notes VALUES (?, ?, ?, ?)", (i, person, thing, at(written))


def test_a_copy_without_rules_keeps_the_order_of_things(tmp_path: Path) -> None:
    source, target = tmp_path / "source.db", tmp_path / "target.db"
    with closing(sqlite3.connect(source)) as connection:
        connection.executescript(SCHEMA)
        for what, values in moments():
            connection.execute(f"INSERT INTO {what}", values)
        connection.commit()
    run.clone(f"sqlite:///{source}", f"sqlite:///{target}", NO_RULES)
    early = {
        "looks, visits, things WHERE visits.id = visit AND things.id = thing AND launched > at": 60,
        "notes JOIN things ON things.id = thing WHERE launched > written": 6,
        "notes JOIN people ON people.id = author WHERE made > written": 6,
    }
    with closing(sqlite3.connect(target)) as connection:
        for which, most in early.items():  # by chance a fifth of 600 and more
            (count,) = connection.execute(f"SELECT count(*) FROM {which}").fetchone()
            assert count <= most, which


def test_answers_come_after_their_question_and_soon(tmp_path: Path) -> None:
    source, target = tmp_path / "source.db", tmp_path / "target.db"
    rng, begin = rng_of(4), datetime(2020, 1, 1, tzinfo=UTC)
    with closing(sqlite3.connect(source)) as connection, connection:
        connection.execute(
            "CREATE TABLE posts (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES posts,"
            " made TIMESTAMP NOT NULL, score INTEGER NOT NULL)"
        )
        days: list[float] = []
        for number in range(900):
            is_answer = number > 100 and rng.random() < 0.6
            parent = int(rng.integers(number)) if is_answer else None
            day = rng.uniform(0, 900) if parent is None else days[parent] + rng.exponential(1)
            days.append(day)
            at = f"{begin + timedelta(seconds=int(day * DAY)):%Y-%m-%d %H:%M:%S}"
            connection.execute(
                "INSERT INTO posts VALUES (?, ?, ?, ?)", (number, parent, at, number)
            )
    run.clone(f"sqlite:///{source}", f"sqlite:///{target}", NO_RULES)
    with closing(sqlite3.connect(target)) as connection:
        lags = connection.execute(
            "SELECT julianday(a.made) - julianday(q.made) FROM posts a"
            " JOIN posts q ON q.id = a.parent"
        ).fetchall()
    assert len(lags) > 400
    assert min(lag for (lag,) in lags) >= 0
    assert float(np.median(lags)) < 30  # of 300 by chance


def test_nobody_rates_a_film_before_its_year(tmp_path: Path) -> None:
    rng, films, raters = rng_of(8), 400, 600
    years = rng.integers(1990, 2021, films)
    with closing(sqlite3.connect(tmp_path / "source.db")) as source:
        source.executescript("""
            CREATE TABLE film (id INTEGER PRIMARY KEY, year INTEGER NOT NULL, length INTEGER);
            CREATE TABLE rater (id INTEGER PRIMARY KEY, age INTEGER);
            CREATE TABLE rating (rater INTEGER REFERENCES rater, film INTEGER REFERENCES film,
                stars INTEGER, rated DATE NOT NULL, PRIMARY KEY (rater, film));
        """)
        lengths = rng.integers(70, 180, films).tolist()
        rows = zip(range(films), years.tolist(), lengths, strict=True)
        source.executemany("INSERT INTO film VALUES (?, ?, ?)", list(rows))
        ages = rng.integers(18, 80, raters).tolist()
        source.executemany("INSERT INTO rater VALUES (?, ?)", list(enumerate(ages)))
        for rater in range(raters):
            begun = int(rng.integers(2000, 2021))
            chosen = rng.choice(np.flatnonzero(years <= begun), 6, replace=False)
            for film in chosen.tolist():
                day = f"{begun}-{rng.integers(1, 13):02}-{rng.integers(1, 29):02}"
                row = (rater, film, int(rng.integers(1, 6)), day)
                source.execute("INSERT INTO rating VALUES (?, ?, ?, ?)", row)
        source.commit()
    copy = tmp_path / "copy.db"
    run.clone(f"sqlite:///{tmp_path / 'source.db'}", f"sqlite:///{copy}", NO_RULES)
    with closing(sqlite3.connect(copy)) as target:
        query = "SELECT avg(year > substr(rated, 1, 4)) FROM rating JOIN film ON film = film.id"
        (early,) = target.execute(query).fetchone()
    assert early < 0.01
