"""Kinds: which labels tell most about a number, and how it lies in each."""

import numpy as np

from dbsynth.bending import Outline, bend
from dbsynth.codecs import NumberCodec
from dbsynth.encode import NumberColumn, column_from_json, column_to_json
from dbsynth.kinds import Kinds, fit_kinds
from dbsynth.release import Release

OPEN = Release(0, is_protected=False)


def movements() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Fees around 20, salaries around 5,000; a colour that says nothing."""
    rng = np.random.default_rng(3)
    kind = rng.integers(1, 3, 3_000)
    level = np.where(kind == 1, 20.0, 5_000.0)
    values = level * rng.lognormal(0, 0.3, 3_000)
    return values, {"kind": kind, "colour": rng.integers(1, 5, 3_000)}


def fitted() -> tuple[np.ndarray, dict[str, np.ndarray], NumberCodec, Kinds]:
    values, tokens = movements()
    entities = np.arange(3_000) // 10
    codec = NumberCodec.fit("t.amount", values, entities, OPEN)
    return values, tokens, codec, fit_kinds("t.amount", values, codec, tokens, entities, OPEN)


def test_only_labels_that_tell_something_make_kinds() -> None:
    _, _, _, kinds = fitted()
    assert kinds.columns == ("kind",)
    assert sorted(kinds.combinations) == [(1,), (2,)]


def test_without_labels_there_is_one_kind() -> None:
    values, _, codec, _ = fitted()
    kinds = fit_kinds("t.amount", values, codec, {}, np.arange(3_000), OPEN)
    assert kinds == Kinds.alone(codec)
    assert (kinds.of({}, 5) == 0).all()


def test_combinations_of_too_few_entities_have_no_curve() -> None:
    values, tokens, codec, _ = fitted()
    one = np.where(tokens["kind"] == 1, 0, np.arange(3_000))  # all fees are one entity's
    kinds = fit_kinds("t.amount", values, codec, tokens, one, Release(0))
    assert (1,) not in kinds.combinations


def test_bent_numbers_stay_among_their_kind() -> None:
    values, tokens, codec, kinds = fitted()
    owners = np.arange(3_000) // 100
    wanted = Outline(*(np.full(30, part) for part in (10.0, 9_000.0, 0.5, 0.8)))
    bent = bend(values, owners, wanted, codec, kinds, tokens)
    inner = (bent > 10.0) & (bent < 9_000.0)
    fees = bent[inner & (tokens["kind"] == 1)]
    assert np.median(fees) < 100
    assert np.median(bent[tokens["kind"] == 2]) > 3_000
    alone = bend(values, owners, wanted, codec)
    assert np.median(alone[tokens["kind"] == 1]) > np.median(fees)


def test_kinds_travel_with_their_column() -> None:
    _, _, codec, kinds = fitted()
    column = NumberColumn("amount", codec, kinds=kinds)
    assert column_from_json(column_to_json(column)) == column
