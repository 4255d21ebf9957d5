"""Tests of documents: learned part by part, drawn again, and nothing of the few in them."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from dbsynth.documents.generators import Document
from dbsynth.documents.shredding import fit_document
from dbsynth.documents.unfolding import draw_document
from dbsynth.parts.leaves import telling_leaves
from dbsynth.parts.literals import parse_array, parse_json
from dbsynth.release import Release
from dbsynth.schema import SqlType

ROWS = 1500
JSON = SqlType(kind="json", native="jsonb")
TEXT = SqlType(kind="string", native="text")
WORDS = SqlType(kind="other", native="text[]", family="array", element=TEXT)


def other(family: str, **parts: Any) -> SqlType:
    return SqlType(kind="other", native=family, family=family, **parts)


def fit(texts: list[Any], sql: SqlType = JSON, entities: Any = None, **more: Any) -> Document:
    owners = np.arange(len(texts)) if entities is None else np.asarray(entities)
    return fit_document(("t", "c"), sql, pa.array(texts, pa.string()), owners, Release(3), **more)


def drawn(texts: list[Any], sql: SqlType = JSON, rows: int = ROWS, **more: Any) -> list[str]:
    return draw_document(fit(texts, sql, **more), 1, 0, rows).to_pylist()


def events() -> list[dict[str, Any]]:
    rng = random.Random(5)
    made = []
    for i in range(ROWS):
        kind = rng.choice(["click", "buy", "buy"])
        event: dict[str, Any] = {
            "id": i,
            "kind": kind,
            "email": f"someone{i}@corp.example",
            "note": f"secret remark {i} of entity {rng.random()}",
            "ok": rng.random() < 0.25,
            "tags": rng.sample(["red", "green", "blue"], rng.randint(0, 3)),
        }
        if kind == "buy":
            event["lines"] = [
                {"sku": f"AB-{rng.randint(100, 999)}", "price": round(rng.uniform(5, 9), 2)}
                for _ in range(rng.randint(1, 3))
            ]
        if rng.random() < 0.3:
            event["where"] = {"city": f"Hamlet{i}", "floor": None}
        made.append(event)
    return made


@pytest.fixture(scope="module")
def source() -> list[dict[str, Any]]:
    return events()


@pytest.fixture(scope="module")
def copy(source: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [json.loads(t) for t in drawn([json.dumps(e) for e in source])]


def share(values: list[bool]) -> float:
    return sum(values) / len(values)


def test_keys_and_types_are_learned(source: Any, copy: Any) -> None:
    for event in copy:
        assert {"id", "kind", "email", "note", "ok", "tags"} <= set(event) <= set(source[0]) | {
            "lines", "where",
        }  # fmt: skip
        assert isinstance(event["id"], int)
        assert isinstance(event["ok"], bool)
        assert isinstance(event["tags"], list)


def test_optional_keys_come_as_often_as_in_the_source(source: Any, copy: Any) -> None:
    for key in ("lines", "where"):
        wanted = share([key in e for e in source])
        assert abs(share([key in e for e in copy]) - wanted) < 0.05


def test_what_an_object_says_it_is_goes_with_what_it_holds(copy: Any) -> None:
    assert all((e["kind"] == "buy") == ("lines" in e) for e in copy)


def test_numbers_labels_and_lengths_are_learned(source: Any, copy: Any) -> None:
    assert abs(share([e["ok"] for e in copy]) - 0.25) < 0.05
    prices = [line["price"] for e in copy for line in e.get("lines", ())]
    assert 5 <= min(prices)
    assert 9 >= max(prices)
    assert all(round(p, 2) == p for p in prices)
    assert {0, 1, 2, 3} == {len(e["tags"]) for e in copy}
    assert {"red", "green", "blue"} == {t for e in copy for t in e["tags"]}
    assert {1, 2, 3} == {len(e["lines"]) for e in copy if "lines" in e}


def test_no_text_of_the_few_comes_through(source: Any, copy: Any) -> None:
    texts = [json.dumps(e) for e in source]
    telling = telling_leaves(texts, JSON, frozenset({"email"}))
    assert {"/email", "/note", "/where/city"} >= set(telling) >= {"/email", "/note"}
    made = {leaf for e in copy for leaf in (e["email"], e["note"], e.get("where", {}).get("city"))}
    assert not made & {leaf for values in telling.values() for leaf in values}
    assert not made & {e["where"]["city"] for e in source if "where" in e}


def test_the_model_holds_no_text_of_the_few(source: Any) -> None:
    saved = json.dumps(fit([json.dumps(e) for e in source]).to_json())
    for event in source[:200]:
        assert event["email"] not in saved
        assert event["note"] not in saved


def test_rare_keys_and_rare_labels_are_left_out() -> None:
    texts = [json.dumps({"a": "usual"}) for _ in range(200)]
    texts[7] = json.dumps({"a": "usual", "Mrs Miller's key": 1})
    texts[8] = json.dumps({"a": "Mrs Miller"})
    assert {'{"a": "usual"}'} == set(drawn(texts))


def test_entities_count_not_rows() -> None:
    texts = [json.dumps({"a": 1})] * 100 + [json.dumps({"secret": 1})] * 50
    owners = [*range(100), *[100] * 50]
    assert {'{"a": 1}'} == set(drawn(texts, entities=owners))


def test_the_same_seed_gives_the_same_documents(source: Any) -> None:
    document = fit([json.dumps(e) for e in source])
    again = Document.from_json(json.loads(json.dumps(document.to_json())))
    assert draw_document(document, 1, 50, 300).equals(draw_document(again, 1, 50, 300))
    assert not draw_document(document, 1, 50, 300).equals(draw_document(document, 2, 50, 300))
    assert not draw_document(document, 1, 50, 300).equals(draw_document(document, 1, 350, 300))
    assert 0 == len(draw_document(document, 1, 0, 0))


def test_objects_whose_keys_are_data_are_maps() -> None:
    rng = random.Random(1)
    texts = [
        json.dumps({f"person{rng.randint(0, 10**6)}": rng.randint(1, 9) for _ in range(3)})
        for _ in range(400)
    ]
    known = {key for text in texts for key, _ in parse_json(text)}
    for text in drawn(texts):
        found = json.loads(text)
        assert set(found.values()) <= set(range(1, 10))
        assert not set(found) & known


def test_repeated_keys_and_their_order_stay() -> None:
    texts = [f'{{"b": {i}, "a": null, "b": "x"}}' for i in range(100)]
    for text in drawn(texts):
        assert ["b", "a", "b"] == [key for key, _ in parse_json(text)]


def test_values_of_several_kinds_stay_of_several_kinds() -> None:
    texts = ["null", "7", '"word"', "[]", "true", '{"a": 1}'] * 60
    kinds = {type(json.loads(t)) for t in drawn(texts)}
    assert {type(None), int, str, list, bool, dict} == kinds


def test_sets_of_keys_of_which_hardly_any_repeats_are_put_together_anew() -> None:
    rng = random.Random(2)
    keys = [f"k{i}" for i in range(16)]
    texts = [json.dumps({k: 1 for k in keys if rng.random() < 0.5}) for _ in range(ROWS)]
    sizes = [len(json.loads(t)) for t in drawn(texts)]
    assert abs(np.mean(sizes) - 8) < 1


def test_objects_without_any_key_are_rows_like_others() -> None:
    texts = ["{}", '{"a": 1}', "{}", '{"b": 2}'] * 100
    found = drawn(texts)
    assert len(found) == ROWS
    assert abs(found.count("{}") / ROWS - 0.5) < 0.05


def test_too_few_entities_give_an_empty_object() -> None:
    assert {"{}"} == set(drawn([f'{{"a": {i}}}' for i in range(8)]))
    assert {"{}"} == set(drawn([None] * 30))


def test_json_in_text_keeps_within_the_column() -> None:
    texts = [json.dumps({"note": "word " * (i % 12), "n": i}) for i in range(300)]
    sql = SqlType(kind="string", native="varchar(60)", length=60)
    made = drawn(texts, sql, is_json=True)
    assert max(map(len, made)) <= 60
    assert all(json.loads(t) for t in made)


def test_halves_of_characters_do_no_harm() -> None:
    texts = [json.dumps({"a": f"\ud800 text {i}"}) for i in range(100)]
    assert all("text" not in t for t in drawn(texts))


def test_arrays_keep_nulls_lengths_and_bounds() -> None:
    texts = ['{a,NULL,"b c"}', "{}", "[0:1]={b,a}", "{{a,b},{b,a}}"] * 50
    made = {parse_array(t)[0] for t in drawn(texts, WORDS)}
    assert {"", "[0:1]", "[1:2][1:2]"} == made
    items = [i for t in drawn(texts, WORDS) for i in parse_array(t)[1] if not isinstance(i, list)]
    assert {"a", "b", "b c", None} == set(items)


def test_vectors_keep_their_dimension() -> None:
    rng = random.Random(3)
    texts = [f"[{rng.random()},{rng.random()},{rng.random()}]" for _ in range(200)]
    for text in drawn(texts, other("vector")):
        assert 3 == len(json.loads(text))
        assert text not in texts


def test_geometries_keep_kind_and_place() -> None:
    texts = [f"SRID=4326;POINT({i % 90} {i / 7})" for i in range(200)]
    for text in drawn(texts, other("geometry")):
        assert text.startswith("SRID=4326;POINT (")


def test_paths_keep_what_stands_at_each_depth() -> None:
    texts = [f"Top.{'Sport' if i % 2 else 'Science'}.N{i}" for i in range(300)]
    for text in drawn(texts, other("ltree")):
        labels = text.split(".")
        assert 3 == len(labels)
        assert "Top" == labels[0]
        assert labels[1] in ("Sport", "Science")
        assert text not in texts


def test_types_without_a_value_are_made_from_the_schema_alone() -> None:
    integer = SqlType(kind="integer", native="integer", bits=32)
    whole = SqlType(
        kind="other", native="pair", family="composite", parts=(("a", integer), ("b", TEXT))
    )
    assert all(t.startswith('("') for t in drawn([], whole, rows=5))
    assert {"{}"} == set(drawn([], WORDS, rows=5))
    ranges = drawn([], other("range", element=integer), rows=5)
    assert all(t.startswith("[") for t in ranges)


def test_values_that_never_come_twice_in_a_list_do_not(source: Any, copy: Any) -> None:
    assert all(len(set(e["tags"])) == len(e["tags"]) for e in copy)
    for size in range(4):
        told, made = (share([len(e["tags"]) == size for e in x]) for x in (source, copy))
        assert abs(told - made) < 0.08
    dice = [json.dumps([i % 3, i % 2]) for i in range(ROWS)]
    assert any(len(set(json.loads(t))) == 1 for t in drawn(dice))
