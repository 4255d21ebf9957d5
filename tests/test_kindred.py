"""Tables of attributes: each value is of the kind that its attribute's name says."""

from __future__ import annotations

import random
import re
import sqlite3
import statistics
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest

from dbsynth import run
from dbsynth.kindred import told_by_labels
from dbsynth.modelfile import load, save
from dbsynth.schema import Column, SqlType, Table, TableName
from dbsynth.treatments import Treatment

TEXT = SqlType(kind="string", native="text")
OPTIONS = run.Options(seed=2, engine="marginal")


def attributes(path: Path) -> str:
    """Items, and what is said of each: a price, a day, a state, a note that may be blank."""
    rng = random.Random(4)
    rows: list[tuple[int, str, str]] = []
    for item in range(400):
        rows.append((item, "price", f"{rng.uniform(2, 90):.2f}"))
        rows.append((item, "sold_on", f"20{rng.randint(10, 24)}-0{rng.randint(1, 9)}-11"))
        rows.append((item, "views", str(int(rng.lognormvariate(4, 1)))))
        rows.append((item, "state", rng.choice(["new", "used", "used", "broken"])))
        rows.append((item, "email", f"someone{item}@corp.example"))
        rows.append((item, "note", "" if rng.random() < 0.5 else f"see page {item} of it all"))
        if item < 2:
            rows.append((item, f"secret{item}", "rare"))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE item (id INTEGER PRIMARY KEY)")
        connection.execute(
            "CREATE TABLE fact (id INTEGER PRIMARY KEY, item_id INTEGER NOT NULL "
            "REFERENCES item, name TEXT NOT NULL, val TEXT NOT NULL, UNIQUE (item_id, name))"
        )
        connection.executemany("INSERT INTO item VALUES (?)", [(i,) for i in range(400)])
        connection.executemany("INSERT INTO fact (item_id, name, val) VALUES (?, ?, ?)", rows)
        connection.commit()
    return str(path)


SHAPES = {
    "price": r"\d{1,2}\.\d{1,2}",
    "sold_on": r"20[12]\d-\d\d-\d\d",
    "views": r"0|[1-9]\d*",
    "state": "new|used|broken",
    "email": r"\S+@\S+\.\w+",
    "note": "|.*[a-z]+ .*",
}


def test_values_are_of_the_kind_that_their_attribute_says(tmp_path: Path) -> None:
    url, target = attributes(tmp_path / "source.db"), tmp_path / "copy.db"
    model = run.fit(url, OPTIONS)
    told = model.plan.tables[TableName("", "fact")].columns["val"]
    assert ("structure", "by name") == (told.kind, told.semantic)
    save(model, tmp_path / "m.dbsynth")
    done = run.generate(load(tmp_path / "m.dbsynth"), str(target), OPTIONS)
    assert done.findings.is_sound
    with closing(sqlite3.connect(target)) as connection:
        rows = connection.execute("SELECT name, val FROM fact").fetchall()
    for name, shape in SHAPES.items():
        own = [value for label, value in rows if label == name]
        right = [value for value in own if re.fullmatch(shape, value)]
        assert len(right) >= 0.97 * len(own), (name, own[:9])
    views = [int(value) for label, value in rows if label == "views"]
    assert statistics.median(views) == pytest.approx(55, rel=0.4)
    assert len(set(views)) > 90
    notes = [value for label, value in rows if label == "note"]
    assert notes.count("") / len(notes) == pytest.approx(0.5, abs=0.1)
    assert not {v for _, v in rows} & {"rare", *(f"someone{i}@corp.example" for i in range(400))}


def treated(kinds: list[str], values: list[str], name: str = "code") -> Treatment:
    table = Table(
        name=TableName("", "t"),
        columns=(Column(name="kind", type=TEXT), Column(name=name, type=TEXT)),
    )
    plain = {"kind": Treatment(kind="category"), name: Treatment(kind="format")}
    return told_by_labels(table, plain, pa.table({"kind": kinds, name: values}))[name]


def test_labels_that_say_nothing_of_shapes_change_nothing() -> None:
    rng = random.Random(1)
    kinds = [rng.choice("ab") for _ in range(500)]
    assert "format" == treated(kinds, [f"{k}{rng.randint(1, 99)}-X" for k in kinds]).kind
    mixed = [rng.choice(["7", "ab cd", "x-1"]) for _ in kinds]
    assert "format" == treated(kinds, mixed).kind
    apart = ["ab cd" if k == "a" else f"x-{rng.randint(1, 9)}" for k in kinds]
    assert "by kind" == treated(kinds, apart).semantic
    assert "format" == treated(kinds, mixed, "value").kind
    partly = [v if k == "a" else w for k, v, w in zip(kinds, mixed, apart, strict=True)]
    assert "format" == treated(kinds, partly).kind
    assert "by kind" == treated(kinds, partly, "value").semantic
