"""The command line's own behaviour: streams, JSON, progress, signals, the demo."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from textwrap import dedent

import pytest

from dbsynth import demo
from dbsynth.console import Watcher, report_error
from dbsynth.errors import UsageError
from dbsynth.progress import Event

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample shop."""
    return demo.build(tmp_path_factory.mktemp("shop"))


def _rows(path: Path, sql: str) -> list[tuple]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def test_the_sample_shop_is_the_same_every_time(shop: Path, tmp_path: Path):
    dump = "SELECT * FROM orders ORDER BY order_id"
    assert _rows(shop, dump) == _rows(demo.build(tmp_path), dump)


def test_the_sample_shop_keeps_its_own_rules(shop: Path):
    assert [] == _rows(shop, "PRAGMA foreign_key_check")
    wrong = (
        "SELECT o.order_id FROM orders o JOIN order_lines l USING (order_id) GROUP BY 1, o.total "
        "HAVING abs(o.total - sum(l.amount)) > 0.001"
    )
    assert [] == _rows(shop, wrong)
    assert [(6,)] == _rows(shop, "SELECT count(manager_id) FROM stores")


def test_the_sample_shop_has_what_makes_databases_hard_to_clone(shop: Path):
    tables = [n for (n,) in _rows(shop, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    assert 18 == len(tables)
    assert [(0,)] == _rows(shop, "SELECT count(*) FROM carts")


def test_the_sample_shop_s_sql_loads_into_postgresql(pg_url: str, shop: Path):
    import psycopg

    with psycopg.connect(pg_url, autocommit=True) as connection:
        connection.execute(demo.to_sql())
        [(orders, total)] = connection.execute("SELECT count(*), sum(total) FROM orders").fetchall()
    assert [(orders, pytest.approx(float(total)))] == _rows(
        shop, "SELECT count(*), sum(total) FROM orders"
    )


def test_demo_sql_prints_sql_and_nothing_else(cli):
    code, out, err = cli("demo", "--sql")
    assert (0, "") == (code, err)
    assert out.startswith("BEGIN;\n")
    assert out.endswith("COMMIT;\n")


def test_inspect_shows_every_table_and_the_cycle(cli, shop: Path):
    code, out, err = cli("inspect", shop)
    assert 0 == code
    assert "order_id, line_no -> order_lines" in out
    assert "18 tables" in out
    assert "cycle closed by stores." in out
    assert f"Next: dbsynth plan {shop}" in err


def test_inspect_as_json_is_one_value(cli, shop: Path):
    code, out, err = cli("inspect", shop, "--json", "-q")
    assert (0, "") == (code, err)
    told = json.loads(out)
    assert 18 == len(told["tables"])
    lines = next(t for t in told["tables"] if t["name"] == "order_lines")
    assert ["order_id", "line_no"] == lines["primary_key"]


def test_a_selection_narrows_the_look_and_adds_parents(cli, shop: Path):
    _, out, _ = cli("inspect", shop, "-t", "reviews", "--json")
    names = {t["name"] for t in json.loads(out)["tables"]}
    assert {"reviews", "products", "customers", "suppliers", "categories", "countries"} == names


def test_a_plan_goes_to_stdout_or_to_a_file(cli, shop: Path, tmp_path: Path):
    code, out, _ = cli("plan", shop, "-q")
    assert 0 == code
    assert 0 == cli("plan", shop, "-o", "plan.yaml")[0]
    assert out == (tmp_path / "plan.yaml").read_text("utf-8")


def test_a_plan_as_json_names_every_table(cli, shop: Path):
    _, out, _ = cli("plan", shop, "--json")
    assert 18 == len(json.loads(out)["tables"])


def test_the_config_decides_in_the_plan(cli, shop: Path, tmp_path: Path):
    (tmp_path / "dbsynth.yaml").write_text(
        "seed: 5\ntables: {audit_log: {mode: empty}}\ncolumns: {reviews.body: {treatment: text}}\n"
    )
    _, out, _ = cli("plan", shop, "--json")
    told = json.loads(out)
    tables = {t["table"]: t for t in told["tables"]}
    assert 5 == told["seed"]
    assert "empty" == tables["audit_log"]["mode"]
    assert "text" == tables["reviews"]["columns"]["body"]["treatment"]


def test_clone_writes_a_sound_copy_and_says_so(cli, shop: Path, tmp_path: Path):
    before = shop.read_bytes()
    code, out, err = cli(
        "clone", shop, "copy.duckdb", "--engine", "marginal", "--rows", "carts=0", "--json"
    )
    assert 0 == code, err
    told = json.loads(out)
    assert told["verification"]["is_sound"]
    rows = {t["name"]: t["target_rows"] for t in told["tables"]}
    assert (300, 0) == (rows["customers"], rows["carts"])
    assert before == shop.read_bytes()
    assert 0 == cli("verify", "copy.duckdb", "--like", shop)[0]
    assert not list(tmp_path.glob("*.tmp*"))


def test_fit_and_generate_need_the_source_only_once(cli, shop: Path, tmp_path: Path):
    code, out, err = cli("fit", shop, "-o", "shop.dbsynth", "--engine", "marginal")
    assert (0, "shop.dbsynth\n") == (code, out), err
    code, _, err = cli("generate", "shop.dbsynth", "copy.db", "--scale", "0.5", "-q")
    assert (0, "") == (code, err)
    [(customers,)] = _rows(tmp_path / "copy.db", "SELECT count(*) FROM customers")
    assert 150 == customers


def test_a_saved_plan_is_followed(cli, shop: Path):
    assert 0 == cli("plan", shop, "-t", "products", "--engine", "marginal", "-o", "plan.yaml")[0]
    code, out, err = cli("clone", shop, "copy.duckdb", "--plan", "plan.yaml", "--json")
    assert 0 == code, err
    assert {"products", "categories", "suppliers", "countries"} == {
        t["name"] for t in json.loads(out)["tables"]
    }


def test_python_reads_what_the_api_wrote(shop: Path, tmp_path: Path):
    import dbsynth

    target = str(tmp_path / "copy.duckdb")
    run = dbsynth.clone(str(shop), target, engine="marginal", tables=["reviews"], seed=3)
    assert run.findings.is_sound
    frames = dbsynth.read_frames(target)
    assert 300 == len(frames["customers"])
    assert set(frames["reviews"]["rating"]) <= {1, 2, 3, 4, 5}
    assert frames.keys() == run.frames().keys()


def test_doctor_checks_the_installation(cli):
    code, out, _ = cli("doctor")
    assert 0 == code
    assert "torch" in out


def test_doctor_tries_databases_without_changing_them(cli, shop: Path):
    before = shop.read_bytes()
    code, out, _ = cli("doctor", shop, "new.duckdb", "--json")
    told = {(line["what"], line["status"]) for line in json.loads(out)}
    assert 0 == code
    assert ("as a source", "ok") in told
    assert ("as a target", "warn") in told  # it holds tables
    assert ("as a target", "ok") in told
    assert before == shop.read_bytes()
    assert not Path("new.duckdb").exists()


def test_doctor_fails_with_a_fix_where_nothing_answers(cli):
    code, out, _ = cli("doctor", "postgresql://127.0.0.1:1/shop")
    assert 1 == code
    assert "fail" in out
    assert "->" in out


def test_off_a_terminal_a_table_gets_one_line(capsys):
    with Watcher() as watch:
        for done in range(0, 101, 10):
            watch(Event("write", "orders", done, 100))
    [line] = capsys.readouterr().err.splitlines()
    assert "write" in line
    assert "orders" in line
    assert "100 rows" in line


def test_a_quiet_watcher_says_nothing(capsys):
    with Watcher(is_quiet=True) as watch:
        watch(Event("write", "orders", 1, 1))
    assert ("", "") == tuple(capsys.readouterr())


def test_an_error_prints_its_problems_and_its_remedy(capsys):
    error = UsageError("two things are wrong", "Mend both.", ["the first", "the second"])
    assert 2 == report_error(error, is_verbose=False)
    told = capsys.readouterr().err
    assert "error: two things are wrong\n  the first\n  the second\nhint: Mend both.\n" == told


def test_an_unexpected_error_is_one_redacted_line(capsys):
    error = RuntimeError("lost postgresql://ann:hunter2@h/d\nand more")
    assert 1 == report_error(error, is_verbose=False)
    told = capsys.readouterr().err
    assert "hunter2" not in told
    assert "error: unexpected RuntimeError: lost postgresql://ann:***@h/d" == told.splitlines()[0]


def _told(program: str, *folders: Path) -> str:
    """Run a program in Python, where interrupts are heard; what it printed."""
    run = subprocess.run(
        [sys.executable, "-c", dedent(program)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [ROOT, *folders]))},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=_heed_interrupts,
        timeout=40,
    )
    return run.stdout or run.stderr


def _started(*words: object, folder: Path) -> subprocess.Popen:
    """A Python process at work in a folder, where interrupts are heard."""
    return subprocess.Popen(
        [sys.executable, *map(str, words)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_heed_interrupts,  # noqa: PLW1509 - no lock
    )


def _heed_interrupts() -> None:
    """A suite that runs in the background has interrupts ignored, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_for_an_import_that_would_swallow_it(tmp_path: Path, number: int):
    module = f"""
        import signal
        try:
            signal.raise_signal({int(number)})
        except BaseException as exc:
            raise ImportError("an extension module would say so") from exc
    """
    (tmp_path / "swallowing.py").write_text(dedent(module))
    program = """
        import time
        from dbsynth.interrupts import Interrupts
        interrupts = Interrupts()
        interrupts.listen()
        try:
            import swallowing
            time.sleep(60)  # longer than the test waits: the signal ends it
        except KeyboardInterrupt:
            print(interrupts.first)
    """
    assert f"{int(number)}\n" == _told(program, tmp_path)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_rolls_the_target_back(shop: Path, tmp_path: Path, number: int, code: int):
    target = tmp_path / "copy.db"
    with closing(sqlite3.connect(target)) as connection, connection:
        connection.execute("CREATE TABLE precious (id integer)")
    before = target.read_bytes()
    words = ("-m", "dbsynth", "clone", shop, target, "--replace", "--quality", "max")
    with _started(*words, folder=tmp_path) as process:
        next(line for line in process.stderr if line.startswith("read"))  # it is under way
        time.sleep(0.2)
        process.send_signal(number)
        told = process.stderr.read()
        assert code == process.wait(60), told
    assert "the target was left as it was" in told
    assert before == target.read_bytes()
    assert [target.name] == [p.name for p in tmp_path.iterdir()]


def test_an_interrupt_ends_the_command_while_it_is_still_loaded(shop: Path, tmp_path: Path):
    words = ("-X", "importtime", "-m", "dbsynth", "clone", shop, "copy.db")
    with _started(*words, folder=tmp_path) as process:
        next(line for line in process.stderr if "numpy" in line)
        process.send_signal(signal.SIGINT)
        told = process.stderr.read()
        assert 130 == process.wait(60), told
    assert told.endswith("error: interrupted; the target was left as it was\n")
    assert "Traceback" not in told
    assert [] == list(tmp_path.iterdir())


def test_an_interrupt_that_comes_twice_lets_the_target_be_put_right() -> None:
    program = """
        import signal
        from dbsynth.interrupts import Interrupts
        interrupts = Interrupts()
        interrupts.listen()
        try:
            try:
                signal.raise_signal(signal.SIGINT)
            finally:
                signal.raise_signal(signal.SIGINT)
                print("tidied")
        except KeyboardInterrupt:
            interrupts.raised -= 60
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                print("heard")
    """
    assert "tidied\nheard\n" == _told(program)
