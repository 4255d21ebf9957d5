"""Tests of dbsynth.people.prose: texts end, and are broken into sentences, as the source's are."""

from __future__ import annotations

import json
import random

import numpy as np
import pyarrow as pa
import pytest

from dbsynth.people.pii import fit_text
from dbsynth.people.prose import TextModel, sample_text
from dbsynth.release import Release

WORDS = "where people often leave small things behind they seldom come back for them".split()


def made(texts: list[str]) -> list[str]:
    rows = pa.array(texts)
    model = fit_text("t.note", rows, np.arange(len(texts)), Release(1), None)
    model = type(model).from_json(model.to_json())
    found: list[str] = sample_text(model, np.random.default_rng(2), 300).to_pylist()
    return found


def sentence(rng: np.random.Generator, words: int) -> str:
    return " ".join(rng.choice(WORDS, words)).capitalize()


@pytest.mark.parametrize("mark", ["", ".", "!"])
def test_headings_end_in_no_mark(mark: str) -> None:
    rng = np.random.default_rng(1)
    texts = made([sentence(rng, int(rng.integers(4, 9))) + mark for _ in range(300)])
    assert all(t.endswith(".") == bool(mark) for t in texts)
    assert not any(t.endswith("..") for t in texts)


def test_texts_of_several_sentences_are_broken_into_sentences() -> None:
    rng = np.random.default_rng(1)
    source = [
        ". ".join(sentence(rng, 5) for _ in range(int(rng.integers(1, 5)))) + "."
        for _ in range(300)
    ]
    texts = made(source)
    long = [t for t in texts if len(t.split()) > 12]
    assert long
    assert all(". " in t for t in long)


def test_floats_that_are_written_with_few_digits_stay_so() -> None:
    from dbsynth.values import from_floats

    drawn = np.array([0.1 * 3, 723.8000000000001, np.nan])
    assert [0.3, 723.8, None] == from_floats(drawn, pa.float64(), 2).to_pylist()


def labels(kinds: list[str], things: list[str]) -> list[str]:
    rng = random.Random(2)
    odd = "Round Heavy Soft Folding".split()
    return [
        " ".join([rng.choice(kinds), *rng.sample(odd, rng.randint(0, 1)), rng.choice(things)])
        for _ in range(150)
    ]


def told(texts: list[str], seed: int = 1) -> tuple[TextModel, list[str]]:
    found = fit_text("x.label", pa.array(texts), np.arange(len(texts)), Release(seed))
    model = TextModel.from_json(json.loads(json.dumps(found.to_json())))
    assert found == model
    return model, sample_text(model, np.random.default_rng(1), 300).to_pylist()


KINDS = "Steel Copper Blue Small Large Outdoor Garden Kids Premium Classic Wooden Leather".split()
THINGS = "Chair Table Hammer Lamp Bench Desk Shelf Bolt Mirror Rug Vase Clock Stool Rack".split()


def test_short_labels_are_put_together_anew_from_words_that_many_have() -> None:
    source = labels(KINDS, THINGS)
    _, made = told(source)
    assert {t.split()[0] for t in made} <= set(KINDS)
    assert {t.split()[-1] for t in made} <= set(THINGS)
    assert 0.3 < sum(len(t.split()) == 3 for t in made) / 300 < 0.7
    assert len(set(made)) > 60
    assert not set(made) & set(source)


def test_words_that_few_have_are_replaced() -> None:
    names = [f"Qua{chr(97 + i % 26)}{chr(97 + i // 26)}x" for i in range(150)]
    things = ["Bridge", "Tower", "Park", "Hall", "Market", "Museum"]
    model, made = told([f"{name} {things[i % 6]}" for i, name in enumerate(names)])
    assert {t.split()[-1] for t in made} == set(things)
    assert not {t.split()[0] for t in made} & set(names)
    assert all(t[0].isupper() for t in made)
    assert not any(name in json.dumps(model.to_json()) for name in names)
    model, _ = told([f"{a} {b}" for a, b in zip(names, reversed(names), strict=True)])
    assert model.phrases is None


def test_numbers_stand_in_for_numbers_and_labels_fit_their_column() -> None:
    source = [f"{100 + i} {KINDS[i % 12]} {THINGS[i % 6]}" for i in range(150)]
    model = fit_text("x.size", pa.array(source), np.arange(150), Release(1), 14)
    made = sample_text(model, np.random.default_rng(1), 200).to_pylist()
    assert all(t.split()[0].isdigit() and t.split()[-1] in THINGS for t in made)
    assert not set(made) & set(source)
    assert max(map(len, made)) <= 14
