"""An evaluation measures what it says: known answers, real against real, shuffled, missing."""

from __future__ import annotations

import importlib.util
import json
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import dbsynth
from dbsynth import run
from dbsynth.adapters import open_source
from dbsynth.config import parse
from dbsynth.decide import guess
from dbsynth.errors import UsageError
from dbsynth.evaluation import measures, sdv
from dbsynth.evaluation.bench import Bench
from dbsynth.evaluation.detect import FOLDS, detect, detect_parents, group_folds
from dbsynth.evaluation.evaluate import Sources, read_bench
from dbsynth.evaluation.families import fanouts, key_score
from dbsynth.evaluation.features import aggregates, digits
from dbsynth.evaluation.fidelity import column_scores, pair_scores, path_scores, rule_scores
from dbsynth.evaluation.pairing import own_lenses, pair, pair_holdout
from dbsynth.evaluation.privacy import Scale, closest, privacy_score, row_hashes
from dbsynth.evaluation.reading import read_side
from dbsynth.evaluation.utility import utility_scores, wanted_columns
from dbsynth.evaluation.views import to_days, to_numbers, to_text
from dbsynth.schema import TableName
from dbsynth.urls import resolve

CUSTOMERS, ORDERS, REGIONS = (TableName("", n) for n in ("customers", "orders", "regions"))
SECRET = "xylophonist"  # a rare label of the source


# Known answers --------------------------------------------------------------------------------


def test_distances_of_samples_have_their_known_values():
    ramp = np.arange(100.0)
    assert 0 == measures.ks_distance(ramp, ramp)
    assert pytest.approx(0.5) == measures.ks_distance(ramp, ramp + 50)
    assert pytest.approx(0.5) == measures.ks_distance(ramp, np.append(ramp + 50, np.nan))
    assert 1 == measures.ks_distance(ramp, np.array([np.nan]))
    assert 0 == measures.ks_distance(np.empty(0), np.array([np.nan]))
    labels = np.array([0.0, 0, 1, 1, np.nan])
    assert pytest.approx(0.5) == measures.tv_distance(labels, np.array([0.0, 0, 0]))
    assert 1 == measures.tv_distance(labels, np.array([7.0]))


def test_the_distance_of_histograms_is_that_of_their_samples():
    values = np.array([0.0, 1, 2]), np.array([1.0, 5])
    weights = np.array([2.0, 3, 5]), np.array([4.0, 4])
    samples = [np.repeat(v, w.astype(int)) for v, w in zip(values, weights, strict=True)]
    expected = measures.ks_distance(samples[0], samples[1])
    assert pytest.approx(expected) == measures.weighted_ks(values, weights)
    assert 1 == measures.weighted_ks(values, (weights[0], np.zeros(2)))


def test_auc_counts_ties_half():
    flags = np.array([True, True, False, False])
    assert 1.0 == measures.auc(flags, np.array([3.0, 4, 1, 2]))
    assert 0.5 == measures.auc(flags, np.ones(4))
    assert 0.875 == measures.auc(flags, np.array([2.0, 3, 1, 2]))


def _pair(rng: np.random.Generator, rows: int, strength: float):
    left = rng.integers(0, 5, rows)
    right = np.where(rng.random(rows) < strength, left, rng.integers(0, 5, rows))
    return left, right


def test_a_dependence_is_kept_by_another_sample_and_lost_by_shuffling():
    rng = np.random.default_rng(1)
    real, other = _pair(rng, 4_000, 0.6), _pair(rng, 2_000, 0.6)
    cuts = measures.halves(np.arange(4_000))

    def kept(made):
        return measures.kept_dependence(real, made, (5, 5), cuts)

    assert kept(real).share == 1
    assert kept(other).share > 0.97
    assert kept((real[0], rng.permutation(real[1]))).share < 0.05
    assert 0.4 < kept(_pair(rng, 4_000, 0.3)).share < 0.6
    assert kept((real[0][:0], real[1][:0])).share == 0


def test_what_does_not_depend_is_not_scored():
    rng = np.random.default_rng(2)
    real = _pair(rng, 300, 0.0)
    assert measures.kept_dependence(real, real, (5, 5), measures.halves(np.arange(300))) is None
    assert measures.kept_number(0.02, 0.5, 0.01, 0.7) is None
    assert measures.kept_number(0.3, 0.3, 0.5, 0.7) is None  # less than its own noise
    assert pytest.approx(0.5) == measures.kept_number(0.4, 0.2, 0.0, 0.7).share


def test_coefficients_of_siblings_see_what_siblings_share():
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(300), 6)
    level = rng.normal(size=300)[groups]
    noise = rng.normal(size=len(groups))
    assert measures.intraclass(level, groups) > 0.99
    assert abs(measures.intraclass(noise, groups)) < 0.05
    assert 0.4 < measures.intraclass(level + noise, groups) < 0.6
    assert measures.intraclass(level, np.arange(len(level))) is None
    labels = rng.integers(0, 4, 300)[groups].astype(float)
    assert pytest.approx(1) == measures.same_rate(labels, groups)
    assert abs(measures.same_rate(rng.permutation(labels), groups)) < 0.05
    assert measures.same_rate(np.zeros(len(groups)), groups) is None


def test_coefficients_of_order_see_the_next_row():
    rng = np.random.default_rng(4)
    groups = np.repeat(np.arange(100), 40)
    walk = np.zeros(len(groups))
    for i in range(1, len(walk)):
        walk[i] = (0.8 * walk[i - 1] if i % 40 else 0) + rng.normal()
    assert measures.lag_correlation(walk, groups) > 0.6
    assert abs(measures.lag_correlation(rng.permutation(walk), groups)) < 0.1
    states = (np.arange(len(groups)) // 8 % 3).astype(float)
    assert measures.lag_same_rate(states, groups) > 0.4
    assert abs(measures.lag_same_rate(rng.permutation(states), groups)) < 0.05


def test_sums_over_children_are_those_of_pandas():
    rng = np.random.default_rng(5)
    groups, values = rng.integers(0, 30, 200), rng.integers(0, 9, 200).astype(float)
    groups[groups == 7] = 8  # nobody's
    wanted = pd.Series(values).groupby(groups)
    names = ["mean", "sum", "min", "max", "std", "nunique"]
    expected = wanted.agg(names).reindex(range(30))
    expected["nunique"] = expected["nunique"].fillna(0)
    found = pd.DataFrame(dict(aggregates(values, groups, 30, "number")))
    pd.testing.assert_frame_equal(expected, found[names], check_dtype=False, check_names=False)


def test_digits_are_the_places_that_a_number_is_written_with():
    numbers = np.array([1.5, 0.25, 3, 40, 1200, -7000, 1 / 3, 0.1 + 0.2, np.nan])
    assert [1, 2, 0, -1, -2, -3, 4, 1] == digits(numbers)[:-1].tolist()
    assert np.isnan(digits(numbers)[-1])


def test_all_rows_of_a_group_are_in_one_fold_and_folds_are_even():
    groups = np.random.default_rng(6).integers(0, 60, 1_000)
    folds = group_folds(groups, np.random.default_rng(0))
    assert all(1 == len(np.unique(folds[groups == g])) for g in np.unique(groups))
    assert np.bincount(folds, minlength=FOLDS).min() > 170


def test_the_closest_row_is_found_over_numbers_and_labels():
    known = np.array([[0.0, 1.0], [5.0, 2.0], [9.0, np.nan]])
    categories = [False, True]
    scale = Scale.of(known, categories)
    asked = scale.apply(np.array([[5.0, 2.0], [5.0, 1.0], [9.0, np.nan], [np.nan, 2.0]]))
    found = closest(asked, scale.apply(known), categories)
    assert pytest.approx([0, 1 / 6, 0, 0.5]) == found.tolist()


def test_equal_rows_have_equal_hashes():
    rows = np.array([[1.0, np.nan], [1.0, 0.0], [1.0, -0.0], [1.0000000001, np.nan], [2.0, 1.0]])
    one, two, three, four, five = row_hashes(rows)
    assert (one, two) == (four, three)
    assert 3 == len({one, two, five})


def test_values_are_read_alike_whatever_type_a_database_gives_them():
    dates = pa.chunked_array([pa.array([19_000, None], pa.date32())])
    texts = pa.chunked_array([["2022-01-08", None]])
    times = pa.chunked_array([pa.array([19_000 * 86_400_000_000, None], pa.timestamp("us"))])
    for column in (dates, texts, times):
        np.testing.assert_array_equal([19_000, np.nan], to_days(column))
    huge = pa.chunked_array([pa.array([2**63 - 1, None], pa.int64())])
    np.testing.assert_array_equal([2.0**63, np.nan], to_numbers(huge))
    np.testing.assert_array_equal([1.5, np.nan], to_numbers(pa.chunked_array([["1,5", "one"]])))
    decimals = pa.chunked_array([pa.array(["2.50", "3.00"]).cast(pa.decimal128(9, 2))])
    assert ["2.5", "3"] == to_text(decimals).to_pylist()
    assert ["2.5", "3"] == to_text(pa.chunked_array([[2.5, 3.0]])).to_pylist()
    assert ["1", "0", None] == to_text(pa.chunked_array([[True, False, None]])).to_pylist()
    words = pa.chunked_array([["true", "f", None]])
    assert ["1", "0", None] == to_text(words, is_boolean=True).to_pylist()


# A small database -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Frames:
    """Three tables that hang together."""

    regions: pd.DataFrame
    customers: pd.DataFrame
    orders: pd.DataFrame


def make(seed: int, customers: int = 400) -> Frames:
    """Customers with levels of their own, whose orders follow each other and from them."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(["small", "large", "public"], customers, p=[0.6, 0.3, 0.1])
    joined = rng.integers(18_000, 19_000, customers)
    people = pd.DataFrame({
        "id": np.arange(1, customers + 1),
        "region_id": rng.integers(1, 9, customers),
        "kind": kind,
        "joined": [str(np.datetime64(int(d), "D")) for d in joined],
        "score": np.round(rng.normal(50, 10, customers) + 15 * (kind == "large"), 1),
        "email": [f"u{n}@s{seed}.example" for n in rng.permutation(customers)],
    })  # fmt: skip
    people.loc[5, "kind"] = SECRET
    many = 1 + rng.poisson(np.where(kind == "large", 5, 2))
    owner = np.repeat(np.arange(customers), many)
    level = rng.normal(0, 1, customers)[owner] + 2.0 * (kind[owner] == "large")
    day = joined[owner] + rng.integers(0, 400, len(owner))
    amount = np.round(np.exp(3 + 0.5 * level + 0.3 * rng.normal(size=len(owner))), 2)
    late = rng.random(len(owner)) < np.where(amount > 30, 0.7, 0.2)
    orders = pd.DataFrame({
        "id": np.arange(1, len(owner) + 1),
        "customer_id": owner + 1,
        "placed": [str(np.datetime64(int(d), "D")) for d in day],
        "paid": [str(np.datetime64(int(d), "D")) for d in day + rng.integers(0, 30, len(day))],
        "amount": amount,
        "status": np.where(late, "late", rng.choice(["open", "done"], len(owner))),
    })  # fmt: skip
    orders.loc[rng.random(len(orders)) < 0.1, "paid"] = None
    regions = pd.DataFrame({"id": range(1, 9), "name": [f"region {i}" for i in range(8)]})
    return Frames(regions, people, orders)


DDL = (
    "CREATE TABLE regions (id INTEGER PRIMARY KEY, name TEXT NOT NULL)",
    "CREATE TABLE customers (id INTEGER PRIMARY KEY, region_id INTEGER REFERENCES regions (id), "
    "kind TEXT, joined DATE, score REAL, email TEXT UNIQUE)",
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES "
    "customers (id), placed DATE, paid DATE, amount DECIMAL(12, 2), status TEXT)",
)


def write(path: Path, data: Frames) -> str:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in DDL:
            connection.execute(statement)
        for name in ("regions", "customers", "orders"):
            getattr(data, name).to_sql(name, connection, if_exists="append", index=False)
    return str(path)


def shuffled(frame: pd.DataFrame, columns: list[str], seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return frame.assign(**{c: rng.permutation(frame[c].to_numpy()) for c in columns})


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The source, another sample of the same, the source's columns and its keys shuffled."""
    folder, source = tmp_path_factory.mktemp("evaluate"), make(1)
    content = ["placed", "paid", "amount", "status"]
    made = {
        "source": source,
        "fresh": make(2),
        "held": make(3),
        "columns": Frames(
            source.regions,
            shuffled(source.customers, ["kind", "joined", "score"]),
            shuffled(source.orders, content),
        ),
        "keys": Frames(source.regions, source.customers, shuffled(source.orders, ["customer_id"])),
    }
    return {name: write(folder / f"{name}.sqlite", data) for name, data in made.items()}


@dataclass(frozen=True)
class Opened:
    bench: Bench
    sources: Sources


@contextmanager
def opened(source: str, target: str, held: str = "", *, limit: int = 100_000) -> Iterator[Opened]:
    with ExitStack() as stack:
        sides = [stack.enter_context(open_source(resolve(p))) for p in (source, target, held) if p]
        pairing = pair(sides[0].introspect(), sides[1])
        made = guess(sides[0], pairing.schema, run.Options())
        other = sides[2] if held else None
        sources = Sources(
            real=sides[0], made=sides[1], held=other, pairing=pairing,
            held_lenses=pair_holdout(pairing, other) if other else None,
        )  # fmt: skip
        ours = own_lenses(sides[0], made.schema, pairing.lenses)
        yield Opened(read_bench(made, sources, ours, limit, lambda event: None), sources)


def families(it: Opened) -> dict[str, object]:
    bench = it.bench
    ours = own_lenses(it.sources.real, bench.plan.schema, it.sources.pairing.lenses)
    found = {}
    for key in bench.keys:
        counts = (
            fanouts(it.sources.real, ours, key),
            fanouts(it.sources.made, it.sources.pairing.lenses, key),
        )
        found[str(key.child)] = key_score(bench, key, counts)
    return found


def hops(bench: Bench) -> dict[tuple[str, ...], float | None]:
    return {tuple(map(str, p.tables)): p.kept for p in path_scores(bench)}


def kept(bench: Bench, name: TableName) -> float:
    return measures.mean(p.kept for p in pair_scores(bench, name))


def test_another_sample_of_the_same_is_nearly_perfect(places: dict[str, str]):
    with opened(places["source"], places["fresh"]) as it:
        shapes = [c.shape for c in column_scores(it.bench, ORDERS)]
        assert min(shapes) > 0.93
        assert kept(it.bench, ORDERS) > 0.93
        assert hops(it.bench)["orders", "customers"] > 0.9
        orders = families(it)["orders"]
        assert orders.is_scored
        assert orders.cardinality > 0.93
        assert orders.siblings_kept > 0.9
        assert "placed" == orders.order_by
        assert orders.gaps > 0.93
        assert [1, 1] == [r.kept for r in rule_scores(it.bench, ORDERS) if r.left == "placed"] * 2
        assert {"customers.joined", "orders.placed"} <= {
            x for r in orders.rules for x in (r.left, r.right)
        }


def test_shuffled_columns_keep_shapes_and_nothing_else(places: dict[str, str]):
    with opened(places["source"], places["columns"]) as it:
        assert [1] * 4 == [pytest.approx(c.shape) for c in column_scores(it.bench, ORDERS)]
        assert kept(it.bench, ORDERS) < 0.15
        assert hops(it.bench)["orders", "customers"] < 0.15
        assert families(it)["orders"].siblings_kept < 0.15
        found = detect(it.bench, ORDERS)
        assert found.score < 0.6
        assert {"paid", "placed"} & {t.feature for t in found.tells}


def test_shuffled_keys_keep_rows_and_lose_families(places: dict[str, str]):
    with opened(places["source"], places["keys"]) as it:
        assert kept(it.bench, ORDERS) == 1
        assert hops(it.bench)["orders", "customers"] < 0.15
        orders = families(it)["orders"]
        assert orders.cardinality == 1
        assert orders.siblings_kept < 0.15
        assert min(r.kept for r in orders.rules) < 0.95
        assert detect(it.bench, ORDERS).score > 0.9
        found = detect_parents(it.bench, CUSTOMERS)
        assert found.score < 0.5
        assert "orders[customer_id]" in found.tells[0].feature


def test_a_copy_of_the_source_is_told_by_privacy(places: dict[str, str]):
    with opened(places["source"], places["source"]) as it:
        lens = own_lenses(it.sources.real, it.bench.plan.schema, it.sources.pairing.lenses)
        found = privacy_score(it.bench, ORDERS, it.sources.real, lens[ORDERS])
        assert found.copies == 1
        assert found.copies_of_half > 0.4 > found.copies_baseline
        assert found.nearer > 0.65
        people = privacy_score(it.bench, CUSTOMERS, it.sources.real, lens[CUSTOMERS])
        [leak] = people.leaks
        assert ("email", 400, 1.0, 0.0) == (leak.column, leak.leaked, leak.share, leak.baseline)


def test_held_out_rows_take_the_place_of_half_the_source(places: dict[str, str]):
    with opened(places["source"], places["fresh"], places["held"]) as it:
        lens = own_lenses(it.sources.real, it.bench.plan.schema, it.sources.pairing.lenses)
        found = privacy_score(it.bench, ORDERS, it.sources.real, lens[ORDERS])
        assert found.is_held_out
        assert 0.45 < found.nearer < 0.55
        scores = utility_scores(it.bench, ORDERS, pair_scores(it.bench, ORDERS), ["status"])
        [score] = scores
        assert "AUC" == score.measure
        assert score.score > 0.8


def test_only_whole_entities_are_read_and_copies_are_looked_for_everywhere(places: dict[str, str]):
    with opened(places["source"], places["source"], limit=300) as it:
        rows = it.bench.real.rows
        people = set(rows[CUSTOMERS]["id"].to_pylist())
        assert 200 < len(people) < 400
        read = pd.Series(rows[ORDERS]["customer_id"].to_pylist()).value_counts()
        assert 250 < read.sum() < 1_000
        assert 100 <= len(read)
        assert set(read.index) <= people
        every = make(1).orders["customer_id"].value_counts()
        assert every[read.index].tolist() == read.tolist()
        lens = own_lenses(it.sources.real, it.bench.plan.schema, it.sources.pairing.lenses)
        assert 1 == privacy_score(it.bench, ORDERS, it.sources.real, lens[ORDERS]).copies


def test_a_column_that_hardly_ever_has_a_value_breaks_no_detector(tmp_path: Path):
    data = make(9, 60)
    data.orders["paid"] = None
    data.orders.loc[3, "paid"] = "2021-05-05"
    source = write(tmp_path / "source.sqlite", data)
    with opened(source, source) as it:
        found = [detect(it.bench, ORDERS, is_fine=True), detect_parents(it.bench, CUSTOMERS)]
        assert [1.0, 1.0] == [pytest.approx(d.score, abs=0.15) for d in found]


def test_a_larger_source_is_not_told_from_its_small_copy_by_what_was_not_read(tmp_path: Path):
    source = write(tmp_path / "source.sqlite", make(7, 1_500))
    target = write(tmp_path / "target.sqlite", make(8, 250))
    with opened(source, target, limit=1_200) as it:
        assert not it.bench.real.whole(ORDERS)
        assert it.bench.made.whole(ORDERS)
        [key] = [k for k in it.bench.keys if k.child == ORDERS]
        assert it.bench.has_families(key)
        assert detect_parents(it.bench, CUSTOMERS).score > 0.85
        [key] = [k for k in it.bench.keys if k.child == CUSTOMERS]
        assert not it.bench.has_families(key)  # regions own nobody, and not all people were read
        assert detect_parents(it.bench, REGIONS) is None


def test_tables_without_a_key_are_thinned_the_same_way_twice(tmp_path: Path):
    path = tmp_path / "events.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE events (kind TEXT, size REAL)")
        values = [(f"k{n % 7}", n * 0.37) for n in range(3_000)]
        connection.executemany("INSERT INTO events VALUES (?, ?)", values)
    with opened(str(path), str(path), limit=500) as it:
        name = TableName("", "events")
        assert 350 < len(it.bench.real.rows[name]) < 650
        assert it.bench.real.rows[name] == it.bench.made.rows[name]
        again = read_side(it.sources.real, it.bench.plan, it.sources.pairing.lenses, limit=500)
        assert again.rows[name] == it.bench.real.rows[name]


# From end to end ------------------------------------------------------------------------------


def test_a_report_has_everything_and_no_value(places: dict[str, str]):
    found = dbsynth.evaluate(
        places["source"], places["fresh"], target_columns=["orders.status"], sample=5_000
    )
    summary = found.summary()
    for name in ("shapes", "pair_kept", "cardinality", "cross_table", "c2st", "c2st_agg"):
        assert summary[name] > 0.85, name
    assert summary["utility"] > 0.8
    out = json.dumps(found.to_json(), allow_nan=False)
    told = json.loads(out)
    assert ["regions"] == [t["name"] for t in told["tables"] if t["is_copied"]]
    orders = next(t for t in told["tables"] if t["name"] == "orders")
    assert ["status"] == [u["column"] for u in orders["utility"]]
    text = found.to_text()
    assert "orders (customer_id) -> customers" in text
    assert "customers.joined <= orders.placed" not in text  # kept, so not among the weak
    for report in (out, text):
        assert SECRET not in report
        assert "region 3" not in report


def test_the_command_prints_text_or_json(monkeypatch, capsys, tmp_path: Path):
    from dbsynth.cli import main

    monkeypatch.chdir(tmp_path)
    data = make(6, 45)
    source = write(tmp_path / "source.sqlite", data)
    target = write(tmp_path / "target.sqlite", data)
    told = []
    for words in (["--json", "-q"], ["-t", "customers", "--sample", "1000"]):
        monkeypatch.setattr(sys, "argv", ["dbsynth", "evaluate", source, target, *words])
        with pytest.raises(SystemExit) as left:
            main()
        assert 0 == (left.value.code or 0)
        told.append(capsys.readouterr())
    assert "" == told[0].err
    assert {"regions", "customers", "orders"} == {
        t["name"] for t in json.loads(told[0].out)["tables"]
    }
    assert "Reference tables, copied and not scored: regions" in told[1].out
    assert "orders" not in told[1].out
    assert f"Next: dbsynth verify {target} --like {source}" in told[1].err


def test_what_the_target_lacks_is_named(places: dict[str, str], tmp_path: Path):
    path = tmp_path / "part.sqlite"
    data = make(4)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(DDL[0])
        data.regions.to_sql("regions", connection, if_exists="append", index=False)
        connection.execute(
            "CREATE TABLE Customers (ID INTEGER PRIMARY KEY, Kind TEXT, joined DATE)"
        )
        people = data.customers[["id", "kind", "joined"]]
        people.to_sql("Customers", connection, if_exists="append", index=False)
    found = dbsynth.evaluate(places["source"], str(path))
    missing = {
        "table orders", "column customers.region_id", "column customers.score",
        "column customers.email",
    }  # fmt: skip
    assert missing == set(found.missing)
    assert () == found.keys
    people = next(t for t in found.tables if t.name == CUSTOMERS)
    assert {"kind", "joined"} == {c.name for c in people.columns}
    assert "column customers.score" in found.to_text()


def test_an_empty_table_scores_nothing_in_the_target_and_is_left_out_in_the_source(
    places: dict[str, str], tmp_path: Path
):
    data = make(5, 60)
    path = write(tmp_path / "hollow.sqlite", Frames(data.regions, data.customers, data.orders[:0]))
    found = dbsynth.evaluate(places["source"], path)
    orders = next(t for t in found.tables if t.name == ORDERS)
    assert {0.0} == {c.shape for c in orders.columns}
    assert 0 == orders.detection.score
    assert any("no rows in the target" in n for n in found.notes)
    other = dbsynth.evaluate(path, places["source"])
    orders = next(t for t in other.tables if t.name == ORDERS)
    assert () == orders.columns
    assert any("no rows in the source" in n for n in other.notes)
    json.dumps(other.to_json(), allow_nan=False)


def test_databases_that_have_nothing_in_common_are_refused(places: dict[str, str], tmp_path: Path):
    path = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE elsewhere (id INTEGER PRIMARY KEY)")
    with pytest.raises(UsageError, match="none of the source's 3 tables"):
        dbsynth.evaluate(places["source"], str(path))
    with (
        pytest.raises(UsageError, match="held out rows"),
        opened(places["source"], places["fresh"], places["fresh"]) as it,
    ):
        held = open_source(resolve(write_regions(tmp_path / "held.sqlite")))
        with held:
            pair_holdout(it.sources.pairing, held)


def write_regions(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(DDL[0])
    return str(path)


def test_unknown_target_columns_are_refused_with_a_guess(places: dict[str, str]):
    with open_source(resolve(places["source"])) as source:
        schema = source.introspect()
    assert {ORDERS: ["amount"]} == wanted_columns(["orders.amount"], schema)
    with pytest.raises(UsageError) as caught:
        wanted_columns(["orders.amont", "status"], schema)
    assert 2 == len(caught.value.problems)
    assert "did you mean orders.amount" in caught.value.problems[0]


@pytest.mark.parametrize("dialect", ["duckdb", "postgresql", "mysql"])
def test_the_same_rows_are_the_same_in_every_database(
    places: dict[str, str], dialect: str, request: pytest.FixtureRequest, tmp_path: Path
):
    fixtures = {"postgresql": "pg_url", "mysql": "mysql_url"}
    target = str(tmp_path / "copy.duckdb")
    if dialect in fixtures:
        target = request.getfixturevalue(fixtures[dialect])
    options = run.Options(config=parse("tables: {'*': {mode: copy}}"), engine="marginal")
    run.clone(places["source"], target, options)
    with opened(places["source"], target) as it:
        assert set(it.bench.plan.tables) == it.bench.copied
        for name in it.bench.plan.tables:
            for score in column_scores(it.bench, name):
                assert (1, 1) == (pytest.approx(score.shape), pytest.approx(score.nulls))
        keys = families(it)
        assert [1, 1] == [pytest.approx(k.cardinality) for k in keys.values()]
    with opened(target, places["fresh"]) as it:  # and the other way round
        learned = {v.name: v.kind for t in it.bench.views.values() for v in t.learned}
        assert {"kind": "category", "placed": "date", "amount": "number"}.items() <= learned.items()


def test_without_sdmetrics_nothing_of_it_is_imported(places: dict[str, str], monkeypatch):
    find: Callable[..., object] = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "sdmetrics" else find(name, *rest),
    )
    with opened(places["source"], places["fresh"]) as it:
        assert (None, ()) == sdv.figures(it.bench)
        described = sdv.metadata(it.bench)
        assert {"customers", "orders"} == set(described["tables"])
        assert "customers" == described["relationships"][0]["parent_table_name"]
        frames = sdv.frames(it.bench, it.bench.made)
        assert set(described["tables"]["orders"]["columns"]) == set(frames["orders"])
    assert "sdmetrics" not in sys.modules
