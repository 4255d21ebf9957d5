"""Tests of dbsynth.people.prose: texts end, and are broken into sentences, as the source's are."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from dbsynth.people.pii import fit_text
from dbsynth.people.prose import sample_text
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
