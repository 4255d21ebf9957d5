"""What is shipped is what is in the tree, and starting imports little."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
SETUPTOOLS = SETTINGS["tool"]["setuptools"]
HEAVY = (
    "torch", "opacus", "faker", "pandas", "scipy", "pyarrow", "duckdb", "sqlalchemy", "psycopg",
    "pymysql", "networkx", "sqlglot", "numpy", "ruamel",
)  # fmt: skip
HELP_MODULES = 340  # typer, showing help, takes most of them


def _folder(package: str) -> Path:
    """Where the mapping says that a package is."""
    mapping = SETUPTOOLS["package-dir"]
    base = max((p for p in mapping if f"{package}.".startswith(f"{p}.")), key=len)
    return ROOT / mapping[base] / package[len(base) :].replace(".", "/").lstrip("/")


def _run(code: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout


def test_every_folder_with_code_or_sql_is_a_listed_package():
    listed = {_folder(p) for p in SETUPTOOLS["packages"]}
    files = [
        *(ROOT / "dbsynth").glob("*.py"),
        *(p for p in (ROOT / "dbsynth").glob("*/*.py") if not p.parent.is_symlink()),
        *(ROOT / "adapters").rglob("*.py"),
        *(ROOT / "sql").rglob("*.py"),
        *(ROOT / "sql").rglob("*.sql"),
    ]
    needed = {path.parent for path in files}
    assert needed == listed


def test_every_listed_package_is_a_folder():
    assert [] == [p for p in SETUPTOOLS["packages"] if not _folder(p).is_dir()]


def test_sql_files_and_the_typing_marker_are_shipped():
    assert {"py.typed", "*.sql"} <= set(SETUPTOOLS["package-data"]["*"])
    assert (ROOT / "dbsynth" / "py.typed").is_file()


@pytest.mark.parametrize("room", ["adapters", "sql"])
def test_the_links_lead_to_the_rooms(room: str):
    link = ROOT / "dbsynth" / room
    assert link.is_symlink()
    assert Path("..") / room == link.readlink()


@pytest.mark.parametrize("group", ["dbsynth.adapters", "dbsynth.engines"])
def test_every_entry_point_leads_to_something(group: str):
    points = SETTINGS["project"]["entry-points"][group]
    pairs = [p.split(":") for p in points.values()]
    code = "import importlib; print([getattr(importlib.import_module(m), a) and 1 for m, a in %r])"
    assert str([1] * len(points)) == _run(code % pairs).strip()


def test_the_built_in_adapters_are_the_entry_points():
    from dbsynth.adapters import BUILT_IN

    assert SETTINGS["project"]["entry-points"]["dbsynth.adapters"] == BUILT_IN


def test_the_version_is_the_same_everywhere():
    import dbsynth

    assert SETTINGS["project"]["version"] == dbsynth.__version__


@pytest.mark.parametrize("words", [["--help"], ["clone", "--help"], ["--version"]])
def test_help_imports_nothing_heavy_and_little_else(words: list[str]):
    code = (
        "import contextlib, io, json, sys\n"
        f"sys.argv = ['dbsynth', *{words!r}]\n"
        "from dbsynth.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    main()\n"
        "print(json.dumps(list(sys.modules)))\n"
    )
    modules = json.loads(_run(code))
    assert [] == [m for m in HEAVY if m in modules]
    assert len(modules) < HELP_MODULES


def test_importing_the_package_imports_nothing_heavy():
    modules = json.loads(_run("import json, sys, dbsynth; print(json.dumps(list(sys.modules)))"))
    assert [] == [m for m in (*HEAVY, "typer", "rich") if m in modules]


def test_the_public_names_are_all_there():
    import dbsynth

    assert [] == [n for n in dbsynth.__all__ if not hasattr(dbsynth, n)]
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = dbsynth.nonsense


def test_nobody_imports_the_rooms_by_their_bare_names():
    for room in ("dbsynth", "adapters", "tests"):
        for path in (ROOT / room).rglob("*.py"):
            words = [line.split()[:2] for line in path.read_text("utf-8").splitlines()]
            bare = [w for w in words if w in (["import", "adapters"], ["from", "adapters"])]
            assert [] == bare, path


def test_the_constraints_pin_every_dependency():
    lines = (ROOT / "constraints.txt").read_text("utf-8").lower().splitlines()
    pinned = {line.split("==")[0].replace("_", "-") for line in lines if "==" in line}
    project = SETTINGS["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["mysql"], *extras["test"]]
    names = {w.split("[")[0].split(">")[0].split("=")[0].lower().replace("_", "-") for w in wanted}
    assert set() == names - pinned


def test_git_ignores_no_file_that_is_shipped():
    if not (ROOT / ".git").exists():
        pytest.skip("this is not a git checkout")
    words = ["git", "ls-files", "--others", "--ignored", "--exclude-standard"]
    rooms = ["dbsynth", "adapters", "sql", "docker", "tests"]
    done = subprocess.run([*words, *rooms], cwd=ROOT, capture_output=True, text=True, check=False)
    shipped = (".py", ".sql", ".yaml", ".typed")
    assert [] == [f for f in done.stdout.splitlines() if f.endswith(shipped)]
