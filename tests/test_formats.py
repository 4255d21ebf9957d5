"""Properties of learned string formats: unique, new, repeatable, and never too long."""

from __future__ import annotations

import json
import re
import uuid

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbsynth.errors import FitError
from dbsynth.formats import FormatModel, fit_format, sample_format
from dbsynth.permute import permute, serial
from dbsynth.release import Release
from dbsynth.unused import free_space

RELEASE = Release(seed=1)


def _fit(values: list[str | None], max_length: int | None = None) -> FormatModel:
    array = pa.array(values, pa.string())
    return fit_format("t.code", array, np.arange(len(values)), RELEASE, max_length=max_length)


def _unique(model: FormatModel, first: int, rows: int) -> list[str]:
    rng = np.random.default_rng(first)
    return sample_format(model, rng, rows, unique_offset=first).to_pylist()


def _codes(template: str, count: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    alphabets = {"9": "0123456789", "A": "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "x": "0123456789abcdef"}
    columns = [rng.choice(list(alphabets.get(c, c)), count) for c in template]
    return ["".join(row) for row in zip(*columns, strict=True)]


@given(st.integers(1, 10_000), st.integers(0, 2**62))
@settings(max_examples=30, deadline=None)
def test_a_permutation_gives_every_number_once(size: int, key: int) -> None:
    moved = permute(np.arange(size, dtype=np.uint64), size, key)
    assert list(range(size)) == sorted(moved.tolist())


def test_serial_numbers_differ_and_keep_the_number_of_digits() -> None:
    rows = np.arange(12_000, dtype=np.uint64)
    numbers = serial(rows, 7).tolist()
    assert len(numbers) == len(set(numbers))
    assert {5} == {len(str(n)) for n in numbers[10_000:]}


@given(st.integers(10, 5_000), st.integers(1, 400))
@settings(max_examples=30, deadline=None)
def test_a_free_space_gives_no_number_of_the_source(size: int, used: int) -> None:
    rng = np.random.default_rng(size)
    ranks = np.unique(rng.integers(0, size, min(used, size))).astype(np.uint64)
    space = free_space(ranks, size, len(ranks), 3)
    made = space.locate(np.arange(space.capacity, dtype=np.uint64)).tolist()
    assert len(made) == len(set(made))
    assert space.may_collide or not set(made) & set(ranks.tolist())
    assert not (space.may_collide and 8 * len(ranks) < size)  # where there is room, it is found


@pytest.mark.parametrize(
    "template",
    ["INV-999999", "AAA-99999", "999-99-9999", "AB99", "xxxxxxxxxxxxxxxx", "+49 999/9999999"],
)
def test_new_codes_have_a_shape_of_the_source_and_none_of_its_values(template: str) -> None:
    source = _codes(template, 400)
    model = _fit([*source, None])
    made = sample_format(model, np.random.default_rng(0), 1_000).to_pylist()
    shape = "".join(
        {"9": r"\d", "A": "[A-Z]", "x": "[0-9a-f]"}.get(c, re.escape(c)) for c in template
    )
    assert [] == [v for v in made if not re.fullmatch(shape, v)]
    assert not model.may_collide
    assert not set(source) & set(made)


@given(
    st.sampled_from(["AAA-9999", "99999", "A9", "xxxxxxxx", "AAA"]),
    st.integers(0, 900),
    st.integers(0, 900),
)
@settings(max_examples=25, deadline=None)
def test_unique_codes_do_not_depend_on_how_rows_are_cut_into_chunks(
    template: str, cut: int, rest: int
) -> None:
    model = _fit(_codes(template, 150), max_length=12)
    whole = _unique(model, 0, cut + rest)
    assert whole == _unique(model, 0, cut) + _unique(model, cut, rest)
    assert len(whole) == len({v.lower() for v in whole})


def test_unique_codes_grow_when_their_shape_has_too_little_room() -> None:
    made = _unique(_fit(_codes("A9", 200), max_length=4), 0, 3_000)
    assert 3_000 == len(set(made))
    assert max(map(len, made)) <= 4


def test_unique_codes_that_cannot_grow_are_an_error_with_a_remedy() -> None:
    model = _fit([str(i % 10) for i in range(100)], max_length=1)
    with pytest.raises(FitError) as caught:
        _unique(model, 0, 1_000)
    assert caught.value.remedy.endswith(".")


def test_uuids_stay_uuids_however_few_there_are() -> None:
    source = [str(uuid.UUID(int=i * 7919, version=4)) for i in range(3)]
    made = _unique(_fit(source), 0, 1_000)
    assert {4} == {uuid.UUID(v).version for v in made}
    assert 1_000 == len(set(made))


def test_too_few_entities_release_nothing_but_the_length_limit() -> None:
    model = _fit(["SECRET-1", "SECRET-2"], max_length=6)
    assert 0 == model.covered
    assert "SECRET" not in json.dumps(model.to_json())
    assert {6} == {len(v) for v in _unique(model, 0, 50)}


def test_a_rare_shape_is_not_released() -> None:
    source = [*_codes("AAA-999", 300), "Rumpelstilzchen-1"]
    made = sample_format(_fit(source), np.random.default_rng(0), 500).to_pylist()
    assert {7} == {len(v) for v in made}


def test_many_shapes_of_one_length_are_taken_as_letters_and_digits_that_mix() -> None:
    rng = np.random.default_rng(0)
    source = ["".join(rng.choice(list("ABCDEFGH23456789"), 8)) for _ in range(1_000)]
    assert 1 == len(_fit(source).patterns)


def test_a_model_survives_json() -> None:
    model = _fit(_codes("AAA-999", 300) + _codes("99.99", 300))
    assert model == FormatModel.from_json(json.loads(json.dumps(model.to_json())))


def test_shapes_keep_their_shares() -> None:
    model = _fit(_codes("AAA", 300) + _codes("9999", 100))
    made = sample_format(model, np.random.default_rng(0), 4_000).to_pylist()
    assert 0.75 == pytest.approx(sum(len(v) == 3 for v in made) / 4_000, abs=0.04)


def test_an_empty_column_still_gets_codes() -> None:
    assert 10 == len(set(_unique(_fit([], max_length=5), 0, 10)))


def test_words_of_codes_stay_together_and_are_those_that_many_have() -> None:
    kinds = ["INV-2023-9999", "INV-2024-9999", "CN-2024-9999", "ORD-2022-9999"]
    values = [_codes(kinds[i % 4], 1, i)[0] for i in range(2_000)]
    made = _unique(_fit(values), 0, 1_500)
    assert {v[:-4] for v in made} == {k[:-4] for k in kinds}
    assert len(set(made)) == 1_500
    assert not set(made) & set(values)


def test_words_that_few_have_are_mixed() -> None:
    values = [f"{word}-{n:04d}" for n, word in enumerate(["ABC", "XYZ"] * 400 + ["QQQ"] * 3)]
    assert not any(v.startswith("QQQ") for v in _unique(_fit(values), 0, 300))


def test_words_give_way_where_they_leave_no_room_for_new_codes() -> None:
    values = [f"{word}-{n:02d}" for word in ("LEFT", "RIGHT") for n in range(100)]
    made = _unique(_fit(values), 0, 200)
    assert not set(made) & set(values)
    assert len(set(made)) == 200


def test_what_very_many_rows_have_stays_among_codes() -> None:
    values = ["Payment" if i % 3 else f"Invoice RE-{i:05d}" for i in range(900)]
    rows = pa.array(values)
    release = Release(seed=1)
    model = fit_format("entries.text", rows, np.arange(900), release, may_repeat=True)
    made = sample_format(model, np.random.default_rng(3), 900).to_pylist()
    assert 550 < made.count("Payment") < 650
    others = {v for v in made if v != "Payment"}
    assert all(v.startswith("Invoice RE-") for v in others)
    assert not others & set(values)
    plain = fit_format("entries.text", rows, np.arange(900), release)
    assert "Payment" not in sample_format(plain, np.random.default_rng(3), 900).to_pylist()


@pytest.mark.parametrize("write", ["{:06X}", "#{:06x}", "{:08x}"])
def test_a_few_colours_stay_colours(write: str) -> None:
    rng = np.random.default_rng(1)
    values = [write.format(int(v)) for v in rng.integers(1 << 20, 1 << 24, 14)]
    model = _fit(values)  # too few for a shape to be released
    made = sample_format(model, np.random.default_rng(3), 40).to_pylist()
    assert {len(v) for v in made} == {len(values[0])}
    assert all(int(v.removeprefix("#"), 16) >= 0 for v in made)
    assert all(v == (v.lower() if "x}" in write else v.upper()) for v in made)
    assert all(v.startswith("#") == write.startswith("#") for v in made)
