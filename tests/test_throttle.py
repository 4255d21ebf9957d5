"""Tests of dbsynth.throttle: a source is read no faster than it may be."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsynth import run
from dbsynth.adapters import open_source
from dbsynth.throttle import Throttled
from dbsynth.urls import resolve
from tests.filler import build


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds


@pytest.fixture(scope="module")
def diamond(tmp_path_factory: pytest.TempPathFactory) -> str:
    return build("diamond", tmp_path_factory.mktemp("throttle") / "source.sqlite")


def test_reading_takes_as_long_as_its_bytes_may(diamond: str) -> None:
    time = Time()
    source = open_source(resolve(diamond))
    with Throttled(source, 0.01, clock=lambda: time.now, sleep=time.sleep) as slow:
        table = next(t for t in slow.introspect().tables if t.name.name == "observation")
        columns = [c.name for c in table.columns]
        size = sum(b.nbytes for b in slow.read(table, columns))
        assert size > 5000
        assert time.now - 100 == pytest.approx(size / 10_000)
        time.now += 1000  # a pause is no credit
        before = time.now
        list(slow.read(table, columns))
        assert time.now - before == pytest.approx(size / 10_000)
        assert slow.query("SELECT 1 AS x").column(0).to_pylist() == [1]


def test_a_slow_copy_is_the_same_copy(diamond: str, tmp_path: Path) -> None:
    copies = []
    for number, limit in enumerate((None, 50.0)):
        target = tmp_path / f"{number}.sqlite"
        options = run.Options(seed=1, engine="marginal", max_read_mbps=limit)
        run.clone(diamond, str(target), options)
        with open_source(resolve(str(target))) as source:
            tables = source.introspect().tables
            copies.append([list(source.read(t, [c.name for c in t.columns])) for t in tables[1:]])
    assert copies[0] == copies[1]
