"""Tests of dbsynth.repeating and dbsynth.traits: rows repeat siblings, and return to parents."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsynth import run
from dbsynth.features import Ints
from dbsynth.keys import evenly
from dbsynth.release import Release
from dbsynth.repeating import choose_together, habit, origins, repeated, reuse, sharing, tokens_of

SEEDS = st.integers(0, 2**32)
PATIENTS, VISITS, DOCTORS = 150, 12, 60
WARDS = ("eyes", "heart", "bones")
PURPOSES, PAYMENTS = ("rent", "food", "books"), 15


def ints(values: list[int]) -> Ints:
    return np.array(values, np.int64)


def test_a_column_that_siblings_repeat_is_known_by_its_habit() -> None:
    index = np.tile(np.arange(5), 40)
    entities = np.repeat(np.arange(40), 5)
    kept = pa.array([f"v{n % 9}" for n in entities])
    mixed = pa.array([f"v{n % 9}" for n in range(200)])
    found = repeated(kept, index, entities, Release(1))
    assert found is not None
    same, first = found
    assert same.tolist() == (index > 0).tolist()
    assert first.tolist() == (index == 0).tolist()
    assert repeated(mixed, index, entities, Release(1)) is None
    assert repeated(pa.array(["x"] * 200), index, entities, Release(1)) is None  # says nothing
    assert repeated(kept, index, entities % 10, Release(1)) is None  # too few entities


def test_the_labels_by_which_a_number_repeats_are_found() -> None:
    rng = np.random.default_rng(5)
    groups = np.repeat(np.arange(100), 12)
    labels = {"purpose": rng.integers(1, 4, 1_200), "weekday": rng.integers(1, 8, 1_200)}
    free = rng.normal(size=1_200)
    rent = rng.normal(size=100)[groups]
    found = habit(np.where(labels["purpose"] == 1, rent, free), labels, groups, groups, Release(1))
    assert found is not None
    assert found.alike == ("purpose",)
    assert (found.same <= ~found.alone).all()
    assert found.same.sum() == ((labels["purpose"] == 1) & ~found.alone).sum()
    assert habit(free, labels, groups, groups, Release(1)) is None
    fixed = labels["purpose"].astype(np.float64)  # follows from the label, whoever's siblings
    assert habit(fixed, labels, groups, groups, Release(1)) is None


def test_labels_repeat_by_labels_too() -> None:
    payees = pa.array(["a", None, "b", "a"])
    found = tokens_of(payees)
    assert found[0] == found[3] != found[2]
    assert np.isnan(found[1])


@given(flags=st.lists(st.booleans(), max_size=30))
def test_rows_that_repeat_lead_to_one_that_does_not(flags: list[bool]) -> None:
    repeats = ints([0, *map(int, flags)])
    found = origins(repeats)
    assert (repeats[found] == 0).all()
    assert (found[repeats == 0] == np.flatnonzero(repeats == 0)).all()


@given(
    rows=st.lists(st.tuples(st.integers(-1, 4), st.integers(-1, 3)), min_size=1, max_size=60),
    share=st.floats(0, 1),
    seed=SEEDS,
)
def test_rows_share_a_parent_only_within_an_owner_and_a_kind(
    rows: list[tuple[int, int]], share: float, seed: int
) -> None:
    owners, kinds = (ints(list(x)) for x in zip(*sorted(rows, reverse=True), strict=True))
    nothing = np.zeros(len(rows), np.int64)
    found = sharing(owners, kinds, nothing, share, np.random.default_rng(seed))
    assert (owners[found] == owners).all()
    assert (kinds[found] == kinds).all()
    assert (found[found] == found).all()
    assert (found[owners < 0] == np.flatnonzero(owners < 0)).all()


@given(
    wanted=st.lists(st.integers(-1, 3), min_size=1, max_size=60),
    offered=st.lists(st.integers(0, 2), min_size=1, max_size=20),
    seed=SEEDS,
)
def test_groups_get_one_parent_of_their_kind(
    wanted: list[int], offered: list[int], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    kinds, parents = ints(sorted(wanted)), ints(offered)
    together = np.unique(kinds, return_index=True)[1][np.unique(kinds, return_inverse=True)[1]]
    capacity = rng.integers(0, 5, len(parents))
    for groups in (together, np.arange(len(kinds))):
        chosen = choose_together(kinds, groups, parents, capacity, rng)
        has = np.isin(kinds, parents) & (kinds >= 0)
        assert ((chosen >= 0) == has).all()
        assert (parents[chosen[has]] == kinds[has]).all()
        assert (chosen[groups] == chosen).all()


def test_parents_get_as_many_rows_as_they_want_within_a_group() -> None:
    rng = np.random.default_rng(3)
    kinds, groups = np.zeros(1_000, np.int64), np.arange(1_000) // 4 * 4
    capacity = np.repeat([4, 8, 40], [50, 50, 10])
    chosen = choose_together(kinds, groups, np.zeros(110, np.int64), capacity, rng)
    got = np.bincount(chosen, minlength=110)
    assert np.abs(got - capacity).max() <= 8


def test_how_often_owners_return_is_learned_beyond_chance() -> None:
    rng = np.random.default_rng(7)
    owners = np.repeat(np.arange(200), 10)
    kinds, again = np.zeros(2_000, np.int64), np.zeros(2_000, np.int64)
    loyal, fickle = owners % 50, rng.integers(0, 50, 2_000)
    assert reuse(owners, loyal, kinds, again, 1) == 1.0
    assert reuse(owners, fickle, kinds, again, 1) == 0.0
    half = np.where(rng.random(2_000) < 0.5, loyal, fickle)
    learned = reuse(owners, half, kinds, again, 1)
    assert 0.3 < learned < 0.9
    assert reuse(np.full(5, -1), np.arange(5), np.zeros(5, int), np.zeros(5, int), 1) == 0.0


@given(size=st.integers(0, 50), choices=st.integers(1, 9), seed=SEEDS)
def test_all_are_drawn_before_any_comes_again(size: int, choices: int, seed: int) -> None:
    drawn = evenly(np.arange(choices), size, np.random.default_rng(seed))
    counted = np.bincount(drawn, minlength=choices)
    assert len(drawn) == size
    assert np.ptp(counted) <= 1


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> sqlite3.Connection:
    """A copy of a clinic: patients stay with their doctor, doctors in their ward."""
    folder = tmp_path_factory.mktemp("clinic")
    rng = np.random.default_rng(11)
    with closing(sqlite3.connect(folder / "source.db")) as made, made:
        made.executescript(
            "CREATE TABLE patient (id integer PRIMARY KEY, last_name text, born integer NOT NULL);"
            "CREATE TABLE doctor (id integer PRIMARY KEY, last_name text, since integer NOT NULL);"
            "CREATE TABLE visit (id integer PRIMARY KEY,"
            " patient_id integer NOT NULL REFERENCES patient,"
            " doctor_id integer NOT NULL REFERENCES doctor,"
            " insurer text NOT NULL, ward text NOT NULL, minutes integer NOT NULL);"
            "CREATE TABLE payment (id integer PRIMARY KEY,"
            " patient_id integer NOT NULL REFERENCES patient,"
            " purpose text NOT NULL, payee text NOT NULL, amount integer NOT NULL);"
        )
        people = [(n, f"Pa{n}", int(y)) for n, y in enumerate(rng.integers(1940, 2010, PATIENTS))]
        made.executemany("INSERT INTO patient VALUES (?, ?, ?)", people)
        doctors = [(n, f"Do{n}", int(y)) for n, y in enumerate(rng.integers(1990, 2020, DOCTORS))]
        made.executemany("INSERT INTO doctor VALUES (?, ?, ?)", doctors)
        visits = []
        for number in range(PATIENTS * VISITS):
            patient = number // VISITS
            doctor = patient % DOCTORS if rng.random() < 0.9 else int(rng.integers(DOCTORS))
            insurer = f"I{patient % 4}"
            minutes = int(rng.integers(10, 40))
            visits.append((number, patient, doctor, insurer, WARDS[doctor % 3], minutes))
        made.executemany("INSERT INTO visit VALUES (?, ?, ?, ?, ?, ?)", visits)
        rents, payments = rng.integers(300, 2_000, PATIENTS), []
        for number in range(PATIENTS * PAYMENTS):
            patient, purpose = number // PAYMENTS, PURPOSES[int(rng.integers(3))]
            amount = rents[patient] if purpose == "rent" else rng.integers(5, 400)
            payee = f"P{patient % 7 if purpose == 'food' else rng.integers(7)}"
            payments.append((number, patient, purpose, payee, int(amount)))
        made.executemany("INSERT INTO payment VALUES (?, ?, ?, ?, ?)", payments)
    target = folder / "copy.db"
    run.clone(str(folder / "source.db"), str(target), run.Options(quality="fast"))
    return sqlite3.connect(target)


def test_siblings_keep_to_a_label(clinic: sqlite3.Connection) -> None:
    different = clinic.execute(
        "SELECT avg(n) FROM (SELECT count(DISTINCT insurer) n FROM visit GROUP BY patient_id)"
    ).fetchone()[0]
    assert different < 1.5
    assert clinic.execute("SELECT count(DISTINCT insurer) FROM visit").fetchone()[0] == 4


def test_owners_return_to_a_parent(clinic: sqlite3.Connection) -> None:
    most = clinic.execute(
        "SELECT avg(most) FROM (SELECT max(n) AS most FROM (SELECT patient_id, count(*) AS n"
        " FROM visit GROUP BY patient_id, doctor_id) AS each_one GROUP BY patient_id) AS mosts"
    ).fetchone()[0]
    assert most > VISITS / 2


def test_parents_have_rows_of_one_kind(clinic: sqlite3.Connection) -> None:
    """A doctor's own columns say nothing of the ward."""
    share = clinic.execute(
        "SELECT sum(most) * 1.0 / sum(every) FROM (SELECT max(n) AS most, sum(n) AS every FROM"
        " (SELECT doctor_id, count(*) AS n FROM visit GROUP BY doctor_id, ward) AS wards"
        " GROUP BY doctor_id) AS doctors"
    ).fetchone()[0]
    assert share > 0.75


def test_a_number_repeats_that_of_the_last_sibling_alike(clinic: sqlite3.Connection) -> None:
    different = {
        purpose: distinct / rows
        for purpose, distinct, rows in clinic.execute(
            "SELECT purpose, sum(n), sum(every) FROM (SELECT purpose, count(DISTINCT amount) AS n,"
            " count(*) AS every FROM payment GROUP BY patient_id, purpose) AS p GROUP BY purpose"
        )
    }
    assert set(PURPOSES) == different.keys()
    assert different["rent"] < 0.4  # one amount of five
    assert min(different["food"], different["books"]) > 0.8


def test_a_label_repeats_that_of_the_last_sibling_alike(clinic: sqlite3.Connection) -> None:
    """Whoever is paid for food is so again, with payments for other things in between."""
    asked = "SELECT patient_id, purpose, payee FROM payment ORDER BY patient_id, id"
    last: dict[tuple[int, str], str] = {}
    same: dict[str, list[bool]] = {purpose: [] for purpose in PURPOSES}
    for patient, purpose, payee in clinic.execute(asked):
        if (patient, purpose) in last:
            same[purpose].append(last[patient, purpose] == payee)
        last[patient, purpose] = payee
    assert np.mean(same["food"]) > 0.8
    assert np.mean(same["books"]) < 0.4
